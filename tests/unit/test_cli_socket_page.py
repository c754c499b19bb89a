"""The page of a switch, a PDU or a UPS: what is plugged in, what passes, what the battery has left."""

from __future__ import annotations

import io

from rich.console import Console

from fleetmon.cli.socket_page import OUTLETS, PORTS, battery, in_use, outlets, ports, socket_table


def sensor(kind, name, what, value, spark=()):
    return {
        "component": {"kind": kind, "name": name},
        "name": what,
        "reading": {"value": value},
        "spark": list(spark),
    }


def outlet(name, state="Enabled", health="OK", detail=""):
    return {"kind": "Outlet", "name": name, "state": state, "health": health, "detail": detail}


def link(near, device, component):
    end = {"device": device, "component": component, "kind": "PowerSupply"}
    return {
        "end": {"device": "pdu-a", "component": near, "kind": "Outlet"},
        "seen": {"to": end, "source": "label"},
        "expected": None,
    }


def port(name, link="up", leads=(), health="OK"):
    return {"name": name, "link": link, "speed_mbps": 25000, "health": health, "links": list(leads)}


def drawn(rows, columns):
    out = Console(width=100, record=True, file=io.StringIO())
    out.print(socket_table(rows, columns, width=100, in_ascii_only=False))
    return "\n".join(line.rstrip() for line in out.export_text().splitlines())


def test_an_outlet_says_what_it_gives_and_to_whom():
    told = outlets(
        [outlet("Outlet 10", state="StandbyOffline"), outlet("Outlet 2")],
        [sensor("Outlet", "Outlet 2", "Power", 312.0), sensor("Outlet", "Outlet 2", "Current", 1.36)],
        [link("Outlet 2", "web-01", "PSU 1")],
    )

    assert [row["name"] for row in told] == ["Outlet 2", "Outlet 10"]
    lines = drawn(told, OUTLETS).splitlines()
    assert lines[1].split() == ["Outlet", "2", "on", "312", "W", "1.36", "A", "web-01/PSU", "1"]
    assert lines[2].split()[:3] == ["Outlet", "10", "off"]


def test_a_tripped_outlet_says_so_and_healthy_ones_need_no_column_for_it():
    well = outlets([outlet("Outlet 1")], [], [])
    ill = outlets([outlet("Outlet 1", health="Critical", detail="breaker tripped")], [], [])

    assert "health" not in drawn(well, OUTLETS)
    assert "CRIT breaker tripped" in drawn(ill, OUTLETS)


def test_what_has_nothing_on_it_is_not_in_use():
    empty, off = outlets([outlet("Outlet 1"), outlet("Outlet 2", state="StandbyOffline")], [], [])
    up, down = port("Ethernet1"), port("Ethernet2", link="down")

    assert not in_use(empty)
    assert in_use(off)
    assert [in_use(row) for row in ports([up, down], [])] == [True, False]


def test_a_port_tells_bits_by_second_each_way_and_errors_only_when_there_are_any():
    counters = [
        sensor("Port", "Ethernet1", "Octets in", 9e15, [None, 117_500_000.0]),
        sensor("Port", "Ethernet1", "Octets out", 9e15, [None, 125.0]),
        sensor("Port", "Ethernet1", "Errors in", 7.0, [0.0, 0.0]),
    ]

    quiet = drawn(ports([port("Ethernet1")], counters), PORTS)
    assert quiet.splitlines()[1].split() == ["Ethernet1", "up", "25", "Gb/s", "940", "Mb/s", "1", "kb/s"]
    assert "errors" not in quiet
    loud = drawn(ports([port("Ethernet1")], [*counters, sensor("Port", "Ethernet1", "Discards in", 9.0, [2.5])]), PORTS)
    assert loud.splitlines()[1].endswith("2.5")


def test_a_rate_that_is_not_known_after_a_reset_is_no_zero():
    (row,) = ports([port("Ethernet1")], [sensor("Port", "Ethernet1", "Octets in", 12.0, [44.0, None])])

    assert row["in"] is None


def test_a_battery_is_one_line():
    told = [
        sensor("Battery", "Battery", "Charge", 98.0),
        sensor("Battery", "Battery", "Runtime (min)", 57.0),
        sensor("Circuit", "Output 1", "Load", 21.0),
    ]

    assert battery(told) == "98 % charged, 57 min left at this load, load 21 %"
    assert battery(told[2:]) == ""
    assert battery([sensor("Battery", "Battery", "Charge", None)]) == ""
