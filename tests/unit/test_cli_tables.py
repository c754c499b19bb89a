"""Listings stay readable in a narrow terminal, and a plan tells what matters."""

import io

from rich.console import Console
from rich.text import Text

from fleetmon.cli.output import Column, beside, table
from fleetmon.cli.plan_page import plan_page
from fleetmon.cli.words import component, natural, several

WHY = "the device reports Critical; no component explains it"
COLUMNS = (
    Column(key="device", value=lambda row: row["device"]),
    Column(key="power", value=lambda row: row["power"]),
    Column(key="reason", value=lambda row: row["reason"], flexible=True),
)


def lines(drawn, width):
    out = Console(width=width, record=True, file=io.StringIO())
    out.print(drawn)
    return [line.rstrip() for line in out.export_text().splitlines()]


def rows(name):
    return [{"device": name, "power": "On", "reason": WHY}, {"device": "web-2", "power": "Off", "reason": ""}]


def test_a_reason_stands_in_its_column_where_there_is_room():
    assert lines(table(rows("web-1"), COLUMNS, width=80), 80) == [
        "device  power  reason",
        f"web-1   On     {WHY}",
        "web-2   Off",
    ]


def test_a_reason_that_would_be_folded_into_a_narrow_strip_stands_below_its_row():
    name = "of-twenty-four-letters-1"
    assert lines(table(rows(name), COLUMNS, width=60), 60) == [
        "device                    power",
        f"{name}  On",
        f"    {WHY}",
        "web-2                     Off",
    ]


def test_a_long_line_beside_a_mark_goes_on_below_its_own_first_word():
    assert lines(beside(Text("OK"), Text("8 Processor, 32 Memory, 8 Drive")), 24) == [
        "OK  8 Processor, 32",
        "    Memory, 8 Drive",
    ]


def test_a_component_is_named_once_and_chassis_only_where_there_are_several():
    blades = [{"kind": "Chassis", "name": "Blade1"}, {"kind": "Chassis", "name": "Blade2"}]
    assert component(blades[0]) == "Chassis"
    assert component(blades[0], several(blades)) == "Chassis Blade1"
    assert component({"kind": "PowerSupply", "name": "Power Supply Bay 1"}) == "Power Supply Bay 1"
    assert component({"kind": "Drive", "name": "Bay 3"}) == "Drive Bay 3"


def test_numbers_in_names_are_sorted_as_numbers():
    assert sorted(["Outlet 10", "Outlet 2", "Inlet"], key=natural) == ["Inlet", "Outlet 2", "Outlet 10"]


def test_a_plan_tells_an_endpoint_in_words_and_of_a_new_device_what_is_not_usual():
    endpoint = {"protocol": "redfish", "address": "https://10.0.0.7", "credential": "lab", "verify": "pin"}
    changes = {
        "name": [None, "web-1"],
        "face": [None, "front"],
        "height_u": [None, 2],
        "endpoints": [None, [{**endpoint, "tls": "legacy"}]],
    }
    step = {"action": "add", "what": "device", "name": "web-1", "changes": changes}
    assert lines(plan_page({"plan": [step]}), 80)[:3] == [
        "+ add device web-1",
        "    height_u      2",
        "    endpoints     https://10.0.0.7, credentials lab, tls legacy",
    ]
