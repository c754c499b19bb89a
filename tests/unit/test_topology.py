"""What hangs on what: links that are seen, cables that are expected, and what is wrong between the two."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fleetmon.model import Component, DeviceKind, Health, Neighbour, Station
from fleetmon.topology import (
    Heard,
    Learned,
    Node,
    Port,
    Socket,
    Source,
    Verdict,
    Wiring,
    connections,
    findings,
    network,
)
from fleetmon.topology.wiring import same_name

NOW = datetime(2026, 1, 6, 8, tzinfo=UTC)
MAC, OTHER_MAC, BASE = "02:00:00:00:00:11", "02:00:00:00:00:12", "02:00:00:00:ff:00"


def node(name, kind=DeviceKind.SERVER, **cables):
    return Node(device_id=name, name=name, kind=kind, cables=tuple(cables.get("cables", {}).items()))


def nic(device, name="NIC 1", mac="", link="LinkUp"):
    return Port(device_id=device, component=Component("Port", name), mac=mac, link=link)


def heard(device, port, **said):
    told = dict.fromkeys(
        ("chassis_id", "port_id", "port_description", "system_name", "system_description", "address"), ""
    )
    return Heard(device_id=device, neighbour=Neighbour(port=port, **(told | said)), since=NOW)


def learned(device, port, mac=MAC, crowd=1):
    return Learned(device_id=device, station=Station(port=port, mac=mac), since=NOW, crowd=crowd)


def socket(device, name, kind="PowerSupply", health=Health.OK, state="Enabled", **more):
    return Socket(device_id=device, component=Component(kind, name), health=health, state=state, at=NOW, **more)


WEB, LEAF, LEAF_B, SPINE = (
    node("web-11"), node("leaf-1", DeviceKind.SWITCH), node("leaf-2", DeviceKind.SWITCH),
    node("spine-1.example.net", DeviceKind.SWITCH),
)  # fmt: skip
PORTS = (
    nic("web-11", mac=MAC), nic("leaf-1", "Ethernet1/3", BASE), nic("leaf-1", "Ethernet1/31"),
    nic("leaf-1", "Ethernet1/48"), nic("leaf-2", "Ethernet1/3"), nic("spine-1.example.net", "Ethernet7"),
)  # fmt: skip
SMALL = Wiring(nodes=(WEB, LEAF, LEAF_B, SPINE), ports=PORTS, looked_at={"leaf-1": NOW})


def ends(wiring):
    return [(str(link.near), str(link.far), link.source) for link in network(wiring)]


def cabled(wiring, device, **cables):
    told = tuple(cables.get("cables", {}).items())
    return replace(
        wiring, nodes=[replace(one, cables=told) if one.device_id == device else one for one in wiring.nodes]
    )


def only(wiring, device="web-11"):
    """The one connection of a device."""
    (found,) = (one for one in connections(wiring) if one.near.device_id == device)
    return found


# ---- seen


@pytest.mark.parametrize(
    "said",
    [{"port_id": MAC}, {"chassis_id": MAC}, {"system_name": "WEB-11", "port_id": "NIC 1"},
     {"system_name": "web-11.example.net", "port_description": "NIC 1", "port_id": "3"}],
)  # fmt: skip
def test_a_neighbour_is_known_by_the_address_of_its_port_or_chassis_or_by_its_name(said):
    wiring = replace(SMALL, heard=(heard("leaf-1", "Ethernet1/3", **said),))
    assert ends(wiring) == [("leaf-1/Ethernet1/3", "web-11/NIC 1", Source.NEIGHBOUR)]


def test_a_neighbour_nobody_knows_is_told_as_it_calls_itself():
    (link,) = network(replace(SMALL, heard=(heard("leaf-1", "Ethernet1/3", system_name="printer", port_id="eth0"),)))
    assert (link.far.device_id, str(link.far)) == (None, "printer/eth0")


def test_a_link_both_switches_tell_of_is_one_link():
    wiring = replace(
        SMALL,
        heard=(
            heard("leaf-1", "Ethernet1/48", system_name="spine-1", port_id="Eth7"),
            heard("spine-1.example.net", "Ethernet7", chassis_id=BASE, port_id="Ethernet1/48"),
        ),
    )
    assert ends(wiring) == [("leaf-1/Ethernet1/48", "spine-1.example.net/Ethernet7", Source.NEIGHBOUR)]


def test_a_learned_address_hangs_where_the_fewest_others_do_and_never_behind_another_switch():
    uplink = heard("leaf-2", "Ethernet1/48", system_name="leaf-1", port_id="Ethernet1/48")
    wiring = replace(
        SMALL,
        heard=(uplink,),
        learned=(learned("leaf-1", "Ethernet1/3", crowd=2), learned("leaf-2", "Ethernet1/48", crowd=1)),
    )
    assert ends(wiring)[1:] == [("leaf-1/Ethernet1/3", "web-11/NIC 1", Source.STATION)]


def test_an_address_hangs_on_the_port_with_the_smaller_crowd():
    wiring = replace(
        SMALL, learned=(learned("leaf-1", "Ethernet1/3", crowd=2), learned("leaf-2", "Ethernet1/48", crowd=40))
    )
    assert ends(wiring) == [("leaf-1/Ethernet1/3", "web-11/NIC 1", Source.STATION)]


def test_an_address_learned_at_two_likely_places_hangs_nowhere():
    wiring = replace(SMALL, learned=(learned("leaf-1", "Ethernet1/3"), learned("leaf-2", "Ethernet1/3")))
    assert ends(wiring) == []


def test_an_address_two_devices_have_proves_nothing():
    wiring = replace(
        SMALL,
        nodes=(*SMALL.nodes, node("web-12")),
        ports=(*PORTS, nic("web-12", mac=MAC)),
        learned=(learned("leaf-1", "Ethernet1/3"),),
    )
    assert ends(wiring) == []


def test_what_a_neighbour_says_goes_before_what_a_bridge_has_learned():
    wiring = replace(
        SMALL, heard=(heard("leaf-1", "Ethernet1/3", port_id=MAC),), learned=(learned("leaf-2", "Ethernet1/3"),)
    )
    assert ends(wiring) == [("leaf-1/Ethernet1/3", "web-11/NIC 1", Source.NEIGHBOUR)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("Ethernet1/3", "Eth1/3", True), ("Ethernet1/3", "ethernet 1/3", True), ("Ethernet1/3", "Ethernet1/31", False),
     ("Gi0/1", "GigabitEthernet0/1", True), ("Gi0/1", "Te0/1", False), ("", "", False)],
)  # fmt: skip
def test_port_names_match_in_their_short_and_long_forms_alone(one, other, same):
    assert same_name(one, other) is same


# ---- expected


WANTED = {"NIC 1": "leaf-1/Eth1/3"}


def test_a_cable_that_is_where_somebody_said_agrees_at_both_ends():
    wiring = cabled(replace(SMALL, heard=(heard("leaf-1", "Ethernet1/3", port_id=MAC),)), "web-11", cables=WANTED)
    found = connections(wiring)
    assert [(str(one.near), one.verdict) for one in found] == [
        ("leaf-1/Ethernet1/3", Verdict.AGREES), ("web-11/NIC 1", Verdict.AGREES),
    ]  # fmt: skip
    assert found[1].link.seen_at == NOW
    assert findings(found) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"heard": (heard("leaf-1", "Ethernet1/31", port_id=MAC),)},
            "web-11/NIC 1 is on leaf-1/Ethernet1/31, not on leaf-1/Ethernet1/3",
        ),
        ({"learned": (learned("leaf-2", "Ethernet1/3"),)}, "is on leaf-2/Ethernet1/3"),
        (
            {"heard": (heard("leaf-1", "Ethernet1/3", system_name="printer"),)},
            "leaf-1/Ethernet1/3 has printer on it, not web-11/NIC 1",
        ),
        (
            {"ports": (nic("web-11", mac=MAC, link="LinkDown"), *PORTS[1:])},
            "web-11/NIC 1 has no link",
        ),
    ],
)
def test_a_cable_that_is_elsewhere_is_a_finding_told_once_with_both_ends(changes, reason):
    found = findings(connections(cabled(replace(SMALL, **changes), "web-11", cables=WANTED)))
    assert len(found) == 1
    assert reason in found[0].reason


def test_what_nobody_sees_is_no_finding():
    wiring = cabled(SMALL, "web-11", cables=WANTED)
    assert only(wiring).verdict is Verdict.UNSEEN
    assert findings(connections(wiring)) == []


STRANGER = "02:00:00:00:00:99"
UNTOLD = replace(SMALL, ports=(nic("web-11"), *PORTS[1:]))
"""A server that tells of no address."""


@pytest.mark.parametrize("ports", [UNTOLD.ports, PORTS[1:]], ids=["a port without address", "no port at all"])
@pytest.mark.parametrize(
    "said",
    [{"chassis_id": STRANGER, "port_id": STRANGER}, {"chassis_id": STRANGER, "port_id": "eth0"}, {"port_id": STRANGER},
     {"system_name": "web-11", "port_id": STRANGER}],
    ids=["two addresses", "an address and a port", "an address", "the device and an address"],
)  # fmt: skip
@pytest.mark.parametrize(
    ("device", "cables"),
    [("web-11", WANTED), ("leaf-1", {"Ethernet1/3": "web-11/NIC 1"})],
    ids=["told at the server", "told at the switch"],
)
def test_an_address_without_a_name_proves_nothing_of_a_port_whose_address_nobody_told(ports, said, device, cables):
    wiring = replace(UNTOLD, ports=ports, heard=(heard("leaf-1", "Ethernet1/3", **said),))
    found = connections(cabled(wiring, device, cables=cables))
    assert [one.verdict for one in found if one.expected] == [Verdict.UNSEEN] * 2
    assert findings(found) == []


@pytest.mark.parametrize(
    ("wiring", "said"),
    [
        (SMALL, ({"chassis_id": STRANGER, "port_id": STRANGER},)),
        (UNTOLD, ({"system_name": "printer", "port_id": STRANGER},)),
        (UNTOLD, ({"system_name": "web-12", "port_id": STRANGER},)),
        (UNTOLD, ({"system_name": "web-11", "port_id": "NIC 2"},)),
        (UNTOLD, ({"chassis_id": STRANGER}, {"system_name": "printer"})),
    ],
    ids=["own address known", "a stranger with a name", "another device", "another port", "a second one has a name"],
)
@pytest.mark.parametrize(
    ("device", "cables"),
    [("web-11", WANTED), ("leaf-1", {"Ethernet1/3": "web-11/NIC 1"})],
    ids=["told at the server", "told at the switch"],
)
def test_a_name_on_the_port_or_an_address_that_is_not_the_known_one_is_a_finding(wiring, said, device, cables):
    told = tuple(heard("leaf-1", "Ethernet1/3", **one) for one in said)
    wiring = replace(wiring, nodes=(*SMALL.nodes, node("web-12")), heard=told)
    found = connections(cabled(wiring, device, cables=cables))
    assert [one.near.device_id for one in findings(found)] == [device]


def test_an_address_without_a_name_does_not_hide_a_port_without_link():
    wiring = replace(
        UNTOLD,
        ports=(nic("web-11", link="LinkDown"), *PORTS[1:]),
        heard=(heard("leaf-1", "Ethernet1/3", port_id=STRANGER),),
    )
    assert only(cabled(wiring, "web-11", cables=WANTED)).reason == "web-11/NIC 1 has no link"


def test_a_cable_to_a_device_that_is_not_there_is_a_finding():
    assert only(cabled(SMALL, "web-11", cables={"NIC 1": "leaf-9/1"})).reason == "there is no device leaf-9"


# ---- power

UNFED = {"health": Health.CRITICAL, "detail": "Power supply input lost (AC/DC)"}


def powered(supply, outlet):
    return Wiring(
        nodes=(
            node("web-11", cables={"PSU 1": "pdu-a/Outlet 7"}),
            node("pdu-a", DeviceKind.PDU, cables={"Inlet": "A"}),
        ),
        sockets=(supply, outlet),
    )


@pytest.mark.parametrize(
    ("supply", "outlet", "verdict", "reason"),
    [
        ({}, "On", Verdict.UNSEEN, ""),
        ({}, "Off", Verdict.DIFFERS, "has power although pdu-a/Outlet 7 is off"),
        (UNFED, "On", Verdict.DIFFERS, "no input although"),
        (UNFED, "Off", Verdict.AGREES, ""),
        ({"health": Health.CRITICAL, "detail": "fan of the supply failed"}, "Off", Verdict.UNSEEN, ""),
        ({"state": "Absent"}, "On", Verdict.UNSEEN, ""),
        ({}, "", Verdict.UNSEEN, ""),
    ],
)  # fmt: skip
def test_a_supply_and_an_outlet_that_contradict_each_other_are_not_joined(supply, outlet, verdict, reason):
    wiring = powered(socket("web-11", "PSU 1", **supply), socket("pdu-a", "Outlet 7", "Outlet", state=outlet))
    found = only(wiring)
    assert (found.verdict, found.feed) == (verdict, "A")
    assert reason in found.reason
    assert bool(reason) == bool(found.reason)


@pytest.mark.parametrize(("minutes", "said"), [(-1, False), (0, True), (1, True)])
def test_an_outlet_not_heard_of_since_the_supply_lost_its_input_contradicts_nobody(minutes, said):
    lost = replace(socket("web-11", "PSU 1", **UNFED), since=NOW)
    outlet = replace(socket("pdu-a", "Outlet 7", "Outlet", state="On"), at=NOW + timedelta(minutes=minutes))
    assert bool(only(powered(lost, outlet)).reason) is said


def test_a_cable_told_at_the_outlet_is_read_the_same_way():
    wiring = Wiring(
        nodes=(node("web-11"), node("pdu-a", DeviceKind.PDU, cables={"Outlet 7": "web-11/PSU 1", "Inlet": "A"})),
        sockets=(socket("web-11", "PSU 1"), socket("pdu-a", "Outlet 7", "Outlet", state="Off")),
    )
    (found,) = findings(connections(wiring))
    assert found.reason.startswith("web-11/PSU 1 has power although pdu-a/Outlet 7 is off")
    assert found.feed == "A"


def test_all_supplies_on_one_feed_are_a_finding_and_two_feeds_are_none():
    def fed(first, second):
        return [
            one.reason
            for one in findings(
                connections(Wiring(nodes=(node("web-11", cables={"PSU 1": first, "PSU 2": second}),
                    node("pdu-a", DeviceKind.PDU, cables={"Inlet": "ups-1/Outlet 1"}),
                    node("ups-1", DeviceKind.UPS, cables={"Inlet": "A"}))))
            )
        ]  # fmt: skip

    assert fed("A", "B") == []
    assert fed("pdu-a/Outlet 1", "B") == []
    assert fed("pdu-a/Outlet 1", "A") == [
        "all 2 power cables of web-11 lead to one feed, A: losing it loses the device"
    ]


def test_an_outlet_named_after_a_device_is_a_hint_until_somebody_says_more():
    outlet = socket("pdu-a", "Outlet 7", "Outlet", state="On", label="web-11 PSU 1")
    wiring = Wiring(nodes=(node("web-11"), node("web-1"), node("pdu-a", DeviceKind.PDU)), sockets=(outlet,))
    found = connections(wiring)
    assert [(str(one.near), str(one.link.far)) for one in found] == [
        ("pdu-a/Outlet 7", "web-11"), ("web-11", "pdu-a/Outlet 7"),
    ]  # fmt: skip
    assert {one.link.source for one in found} == {Source.LABEL}
    supplies = (socket("web-11", "PSU 1"), socket("web-11", "PSU 10"))
    known = connections(replace(wiring, sockets=(outlet, *supplies)))
    assert str(known[0].link.far) == "web-11/PSU 1"
    (wrong,) = findings(connections(cabled(wiring, "web-1", cables={"PSU 1": "pdu-a/Outlet 7"})))
    assert wrong.reason == "pdu-a/Outlet 7 is named after web-11, not web-1/PSU 1"
    right = connections(cabled(wiring, "web-11", cables={"PSU 1": "pdu-a/Outlet 7"}))
    assert [(str(one.near), one.verdict) for one in right] == [
        ("pdu-a/Outlet 7", Verdict.AGREES), ("web-11/PSU 1", Verdict.AGREES),
    ]  # fmt: skip


def test_cables_in_a_circle_end():
    wiring = Wiring(
        nodes=(
            node("pdu-a", DeviceKind.PDU, cables={"Inlet": "pdu-b/Outlet 1"}),
            node("pdu-b", DeviceKind.PDU, cables={"Inlet": "pdu-a/Outlet 1"}),
        )
    )
    assert {one.feed for one in connections(wiring)} == {""}
