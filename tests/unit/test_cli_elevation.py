"""A rack in the terminal: what stands where, in whatever width, with and without colour."""

import io
import re

import pytest
from rich.console import Console

from fleetmon.cli.elevation import Look, blocks, elevation
from fleetmon.cli.paints import Paint, coats
from tests.stub_service import a_bad_day, bays, device, rack


def drawn(answer, width=80, colour=False, **look):
    system = "truecolor" if colour else None
    console = Console(width=width, record=True, force_terminal=colour, color_system=system, file=io.StringIO())
    console.print(elevation(answer, Look(width=width, **look)))
    return console.export_text(styles=colour)


def line_of(picture, name):
    return next(line for line in picture.splitlines() if re.search(rf"{name}\b", line))


@pytest.mark.parametrize("width", [60, 80, 100, 126, 200])
@pytest.mark.parametrize("face", ["front", "rear"])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_the_terminal(width, face, ascii_only):
    picture = drawn(a_bad_day(), width, face=face, ascii=ascii_only)
    assert max(map(len, picture.splitlines())) <= width
    assert not ascii_only or picture.isascii()


@pytest.mark.parametrize("paint", list(Paint))
def test_every_paint_draws_every_device(paint):
    picture = drawn(a_bad_day(), paint=paint)
    for unit in a_bad_day()["units"]:
        assert unit["name"] in picture


def test_health_is_a_shape_and_a_word_without_any_colour():
    picture = drawn(a_bad_day())
    assert "◆ CRIT" in line_of(picture, "db-b02")
    assert "▲ WARN" in line_of(picture, "api-31")
    assert "● OK" in line_of(picture, "api-35")
    assert "◌ UNKN" in line_of(picture, "api-40")
    assert "\x1b" not in picture


def test_a_stale_device_keeps_its_last_shape_behind_a_hatch_and_says_how_old_it_is():
    line = line_of(drawn(a_bad_day()), "api-39")
    assert "●╱STALE" in line
    assert "seen 12 m ago" in line


def test_unknown_power_is_neither_on_nor_off():
    picture = drawn(a_bad_day())
    assert "┆ api-40" in picture
    assert "▮ api-35" in picture
    assert "▯ db-b02" in picture


def test_a_failed_bay_stands_where_it_sits():
    assert "▪▪◆▪▪▪▲▪▪▪▪▪" in line_of(drawn(a_bad_day()), "db-b02")


def test_an_empty_bay_is_no_drive():
    assert "▪▪▪·" in line_of(drawn(rack([device("lone", bays=bays(4, bay_4="Absent"))])), "lone")


def test_more_bays_than_room_are_counted_worst_first():
    assert "1◆ 22▪ 1·" in line_of(
        drawn(rack([device("lone", bays=bays(24, bay_2="Critical", bay_9="Absent"))])), "lone"
    )


def test_four_nodes_of_a_chassis_stand_in_one_row():
    line = line_of(drawn(a_bad_day()), "ci-01")
    assert [f"ci-0{n}" in line for n in range(1, 5)] == [True] * 4
    assert line.startswith(" 24 │")


def test_a_tall_device_takes_all_its_units():
    picture = drawn(rack([device("tall", position_u=10, height_u=4)])).splitlines()
    at = next(place for place, line in enumerate(picture) if "tall" in line)
    assert [line[:6] for line in picture[at : at + 4]] == [" 13 │┌", " 12 ││", " 11 ││", " 10 │└"]


def test_free_units_are_one_line_however_many():
    picture = drawn(rack([device("a", position_u=10)]))
    assert "free, 32 units, U11 to U42" in picture
    assert "free, 9 units, U1 to U9" in picture
    assert len([line for line in picture.splitlines() if "free," in line and "┊" in line]) == 2


def test_a_device_that_faces_the_other_way_is_named_but_not_judged():
    line = line_of(drawn(a_bad_day()), "sw-r04-a")
    assert "faces rear" in line
    assert "OK" not in line
    assert "● OK" in line_of(drawn(a_bad_day(), face="rear"), "sw-r04-a")


def test_from_behind_power_supplies_and_fans_are_seen():
    bad = device(
        "alone",
        supplies=[
            {"name": "PSU 1", "health": "Critical", "state": "Enabled"},
            {"name": "PSU 2", "health": "OK", "state": "Enabled"},
        ],
    )
    assert "◆▪▪▪▪▪▪▪" in line_of(drawn(rack([bad]), face="rear"), "alone")


def test_devices_that_overlap_share_a_block_and_none_is_lost():
    made = blocks(
        [device("a", position_u=5, height_u=2), device("b", position_u=6, height_u=2), device("c", position_u=8)],
        10,
        "front",
    )
    assert [(block.bottom, block.top, [d["name"] for d in block.devices]) for block in made] == [
        (9, 10, []),
        (8, 8, ["c"]),
        (5, 7, ["a", "b"]),
        (1, 4, []),
    ]


def test_a_device_above_the_top_of_its_rack_is_drawn_all_the_same():
    assert " 50 " in line_of(drawn(rack([device("lone", position_u=50)])), "lone")


def test_devices_with_one_reason_are_told_once():
    assert "api-31, api-32, api-33, ci-02  PowerSupply PSU 1: no input" in drawn(a_bad_day())


def test_an_empty_rack_is_a_rack():
    picture = drawn(rack([]))
    assert "free, 42 units, U1 to U42" in picture
    assert "not polled yet" in picture


def test_a_picture_is_coloured_by_one_quantity_alone():
    orange, critical = "38;2;230;159;0", "38;2;232;101;26"
    frame = drawn(a_bad_day(), colour=True, paint=Paint.INLET).split("Power")[0].split("\n", 2)[2]
    assert orange not in frame
    assert critical not in frame
    assert orange in drawn(a_bad_day(), colour=True)


def test_a_name_cannot_steer_the_terminal():
    assert "\x1b" not in drawn(rack([device("a\x1b[2J")]))


def test_watts_are_painted_against_the_hungriest_that_draws_them_not_against_the_pdu_that_passes_them_on():
    server = {"kind": "server", "watts": {"value": 400.0}}
    pdu = {"kind": "pdu", "watts": {"value": 10_000.0}}

    paint = coats(Paint.WATTS, [server, pdu], None)

    assert paint(server).share == 1.0
