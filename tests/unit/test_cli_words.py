"""How the command line says values, and that nothing a device says can steer a terminal or a spreadsheet."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from fleetmon.cli.output import Column, Form, as_json, listing
from fleetmon.cli.words import age, count, duration, in_ascii, plain, stated, watts

NOW = datetime(2026, 1, 6, 8, 0, tzinfo=UTC)
HOSTILE = "\x1b]0;owned\x07\x9b31mFan\u202e\r\n1"


def test_control_and_bidi_characters_are_spelled_out():
    assert plain(HOSTILE) == "\\x1b]0;owned\\x07\\x9b31mFan\\u202e 1"


def test_json_of_a_hostile_string_is_lossless_and_cannot_steer_a_terminal():
    said = as_json({"name": HOSTILE})
    assert not set(said) & {"\x1b", "\x9b", "\u202e"}
    assert json.loads(said) == {"name": HOSTILE}


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59.9, "59 s"), (60, "1 m"), (7300, "2 h"), (200_000, "2 d"), (-5, "0 s")]
)
def test_a_duration_is_said_in_the_largest_unit_that_fits(seconds, said):
    assert duration(seconds) == said


def test_an_age_needs_an_instant_and_never_stays_never():
    assert age("2026-01-06T07:48:00.000Z", NOW) == "12 m"
    assert age(None, NOW) == "never"
    assert age("not a time", NOW) == "never"


def test_a_value_that_is_not_there_says_why():
    assert stated({"value": 23.44, "reason": None}, ".1f", "°C") == "23.4 °C"
    assert stated({"value": None, "reason": "Timeout"}, ".1f", "°C") == "timeout"
    assert stated(None, ".1f", "°C") == "–"


def test_zero_watts_are_a_number_and_unknown_watts_are_none():
    assert (watts(0.0), watts(999.4), watts(7120), watts(None)) == ("0 W", "999 W", "7.12 kW", "–")


def test_one_is_singular():
    assert (count(1, "device"), count(1200, "device"), count(0, "device")) == ("1 device", "1,200 devices", "0 devices")


def test_ascii_has_a_letter_for_every_mark():
    assert in_ascii("◆ CRIT ≤ 23 °C …") == "! CRIT <= 23 C ."
    assert in_ascii("日本").isascii()


NAME = (Column(key="name", value=lambda row: row["name"]),)


def test_csv_disarms_what_a_spreadsheet_would_run_and_leaves_numbers_alone(capsys):
    columns = (*NAME, Column(key="watts", value=lambda row: row["watts"]))
    listing([{"name": "=HYPERLINK(1)", "watts": -4.5}, {"name": "-x", "watts": None}], columns, Form.CSV, empty="")
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [
        ["name", "watts"],
        ["'=HYPERLINK(1)", "-4.5"],
        ["'-x", ""],
    ]


def test_ndjson_is_one_object_a_line(capsys):
    listing([{"name": "a\nb"}, {"name": "c"}], NAME, Form.NDJSON, empty="")
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == ["a\nb", "c"]


def test_an_empty_table_says_why_on_stderr_and_an_empty_list_stays_machine_readable(capsys):
    listing([], NAME, Form.TABLE, empty="no devices yet")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "no devices yet\n")
    listing([], NAME, Form.JSON, empty="no devices yet")
    assert capsys.readouterr().out == "[]\n"


def test_a_hostile_name_in_a_table_is_harmless(capsys):
    listing([{"name": HOSTILE}], NAME, Form.TABLE, empty="")
    assert not set(capsys.readouterr().out) & {"\x1b", "\x9b", "\u202e"}


def test_a_power_state_that_is_no_longer_told_is_hatched_and_questioned():
    from fleetmon.cli.marks import power_text

    fresh = {"power": {"value": "On", "stale": False}, "stale": False}
    old = {"power": {"value": "On", "stale": True}, "stale": False}
    assert power_text(fresh).plain == "▮ On"
    assert power_text(old).plain == "╱ On?"
