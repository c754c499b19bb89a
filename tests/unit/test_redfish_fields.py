"""Tolerant reading of fields: any of them may be missing, null, of the wrong type or a placeholder."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.resource import Resource, is_resource, key, kind_of, local, unfold
from fleetmon.model import Health, NoReading


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (42, 42.0), (0.08, 0.08), ("42", 42.0), (" 42.5 ", 42.5), ("-3", -3.0), ("1e3", 1000.0), (None, None),
        ("", None),
        ("N/A", None), (True, None), ([], None), ({}, None), (float("nan"), None), (float("inf"), None), ("NaN", None),
        ("0x10", None), ("1e999", None), ("9" * 50, None),
    ],
)  # fmt: skip
def test_F25_F27_a_number_is_read_however_it_is_spelled_and_nothing_else_is(value, number):
    assert fields.number(value) == number


@pytest.mark.parametrize(
    "placeholder", ["To be filled by O.E.M.", " N/A ", "", "Not Specified", "0123456789", None, [], {}]
)
def test_F77_a_placeholder_is_no_serial_number(placeholder):
    assert fields.text({"SerialNumber": placeholder}, "SerialNumber") == ""


def test_text_is_one_clean_line_and_may_be_a_number():
    assert fields.text({"Name": " a \n b "}, "Name") == "a b"
    assert fields.text({"Id": 7}, "Id") == "7"
    assert fields.text({"Name": "", "Id": "x"}, "Name", "Id") == "x"


def test_a_reading_has_a_value_or_the_reason_for_none():
    assert fields.reading_or_reason({"Reading": 5, "Status": {"State": "Enabled"}}, "Reading") == 5
    assert fields.reading_or_reason({"Reading": 0, "Status": {"State": "Absent"}}, "Reading") is NoReading.ABSENT
    assert fields.reading_or_reason({"Reading": 0, "Status": {"State": "Disabled"}}, "Reading") is NoReading.OFF
    assert fields.reading_or_reason({"Reading": None, "Status": {"State": "Enabled"}}, "Reading") is NoReading.FAULTY
    assert fields.reading_or_reason({}, "Reading") is NoReading.FAULTY


def test_a_status_may_be_a_word_or_nonsense():
    assert fields.own_health({"Status": "OK"}) is Health.OK
    assert fields.own_health({"Status": ["OK"]}) is None
    assert fields.own_health({"Status": {"Health": "Starting"}}) is Health.UNKNOWN
    assert fields.own_health({"Status": {"Health": None}}) is None
    assert fields.own_health({"Status": {"Health": 3}}) is Health.UNKNOWN


def test_a_list_may_be_one_object_and_an_object_a_string():
    assert list(fields.items({"Fans": {"Name": "x"}}, "Fans")) == [(0, {"Name": "x"})]
    assert list(fields.items({"Fans": "none"}, "Fans")) == []
    assert list(fields.items({"Fans": [None, {"Name": "x"}, 3]}, "Fans")) == [(1, {"Name": "x"})]
    assert fields.child({"Oem": "text"}, "Oem", "Dell") == {}


def test_times_are_aware_utc_or_nothing():
    assert fields.instant("2026-01-06T09:00:00+01:00") == datetime(2026, 1, 6, 8, 0, tzinfo=UTC)
    assert fields.instant("2026-01-06T09:00:00Z") == datetime(2026, 1, 6, 9, 0, tzinfo=UTC)
    for unreadable in ("2026-01-06T09:00:00", "01/06/2026", "", None, 5, "0001-01-01T00:00:00+14:00"):
        assert fields.instant(unreadable) is None


@pytest.mark.parametrize("said", [True, "true", "True", "yes"])
def test_a_truth_may_be_a_word(said):
    assert fields.boolean(said) is True
    assert fields.boolean("maybe") is None


@pytest.mark.parametrize(
    "spelling",
    ["/redfish/v1/Systems/1/", "/redfish/v1//Systems/1", "/redfish/v1/Systems/1#/Status", "/redfish/v1/SYSTEMS/1"],
)
def test_F37_every_spelling_of_a_path_is_one_key(spelling):
    assert key(spelling) == "/redfish/v1/systems/1"


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("/redfish/v1/Systems/1", "/redfish/v1/Systems/1"),
        ("https://elsewhere.example/redfish/v1/Systems/1", "/redfish/v1/Systems/1"),
        ("/redfish/v1/L?$skip=50", "/redfish/v1/L?$skip=50"),
        ("http://169.254.169.254/latest/meta-data", None),
        ("/redfish/v1/../../etc/passwd", None),
        ("file:///etc/passwd", None),
        ("/redfish/" + "x" * 3000, None),
        ("http://[::1", None),
    ],
)
def test_F115_a_link_never_leads_away_from_the_device(link, path):
    assert local(link) == path


def test_a_type_is_told_or_guessed_from_the_place():
    assert kind_of({"@odata.type": "#Drive.v1_4_0.Drive"}) == "Drive"
    assert kind_of({}, "/redfish/v1/Systems/1/Memory/DIMM1") == "Memory"
    assert kind_of({}, "/redfish/v1/Chassis/1/PowerSubsystem/PowerSupplies/1/") == "PowerSupply"
    assert kind_of({"@odata.type": None}, "/redfish/v1/Chassis/1/Thermal") == "Thermal"


def test_whole_resources_inside_a_body_are_found_and_list_items_are_not():
    fan = {
        "@odata.id": "/redfish/v1/Chassis/1/Sensors/Fan1",
        "@odata.type": "#Thermal.v1_4_0.Fan",
        "MemberId": "1",
        "Name": "x",
    }
    drive = {"@odata.id": "/redfish/v1/Drives/1", "@odata.type": "#Drive.v1_0_0.Drive", "Id": "1", "Name": "Bay 1"}
    assert not is_resource(fan)
    assert is_resource(drive)
    body = {
        "@odata.id": "/redfish/v1/X",
        "Fans": [fan],
        "Members": [drive],
        "Links": {"Chassis": [{"@odata.id": "/c"}]},
    }
    found = [part.path for part in unfold(Resource("/redfish/v1/X", body, datetime(2026, 1, 1, tzinfo=UTC)))]
    assert found == ["/redfish/v1/X", "/redfish/v1/Drives/1"]
