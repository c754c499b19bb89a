"""The ports of a device (IF-MIB, RFC 2863): how they are, what they count, under which name.

A port is known by its ifName, so that its history follows it when its ifIndex changes (F94).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from fleetmon.drivers.snmp.parse.points import Condition, Draft, Point, Verdict, told_apart
from fleetmon.drivers.snmp.values import Value, arcs, integer, mac, text
from fleetmon.model import Component, Health, Part, ReadingType, Scalar, Sensor

_IF = "1.3.6.1.2.1.2.2.1."
_IFX = "1.3.6.1.2.1.31.1.1.1."
DESCRIPTION, TYPE, MTU, SPEED, ADDRESS, ADMIN, OPER = (_IF + arc for arc in ("2", "3", "4", "5", "6", "7", "8"))
NAME, HIGH_SPEED, CONNECTOR, ALIAS = (_IFX + arc for arc in ("1", "15", "17", "18"))

_COUNTERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Octets in", (_IFX + "6", _IF + "10")),
    ("Octets out", (_IFX + "10", _IF + "16")),
    ("Unicast packets in", (_IFX + "7", _IF + "11")),
    ("Unicast packets out", (_IFX + "11", _IF + "17")),
    ("Multicast packets in", (_IFX + "8", _IFX + "2")),
    ("Multicast packets out", (_IFX + "12", _IFX + "4")),
    ("Broadcast packets in", (_IFX + "9", _IFX + "3")),
    ("Broadcast packets out", (_IFX + "13", _IFX + "5")),
    ("Errors in", (_IF + "14",)),
    ("Errors out", (_IF + "20",)),
    ("Discards in", (_IF + "13",)),
    ("Discards out", (_IF + "19",)),
)
"""What a port counts, and the columns that tell it, the 64-bit one first (RFC 2863 section 3.1.6)."""

_WIDE = frozenset(_IFX + str(arc) for arc in range(6, 14))
"""The columns of ifXTable that are Counter64."""

COLUMNS = (
    DESCRIPTION, TYPE, ADDRESS, ADMIN, OPER, NAME, HIGH_SPEED, SPEED, CONNECTOR, ALIAS,
    *(oid for _, oids in _COUNTERS for oid in oids),
)  # fmt: skip
INVENTORY = (MTU,)

_PORT_TYPES: Mapping[int, str] = {
    6: "Ethernet", 7: "Ethernet", 26: "Ethernet", 62: "Ethernet", 69: "Ethernet", 117: "Ethernet",
    56: "FibreChannel", 199: "InfiniBand", 161: "LinkAggregation", 54: "LinkAggregation",
    247: "InfiniBand", 9: "Token Ring", 15: "FDDI", 39: "SONET", 37: "ATM", 195: "Optical", 196: "Optical",
}  # fmt: skip
"""IANAifType of what is a socket, or a bundle of such, on the device; VLANs, tunnels and loopbacks are none."""
_MANY_BITS = 2**32 - 1
"""What ifSpeed says of speeds it has no room for."""


def draw(draft: Draft) -> None:
    """Every port: its condition, its counters and what it is."""
    wanted = [index for index in _indices(draft) if is_port(draft, index)]
    names = told_apart((name_of(draft, index), _apart(draft, index)) for index in wanted)
    for index, name in zip(wanted, names, strict=True):
        port = Component("Port", name)
        draft.ports[int(index)] = port
        draft.conditions.append(Condition(component=port, oids=(f"{OPER}.{index}", f"{ADMIN}.{index}"), judge=_judge))
        for sensor, oid in _counted(draft, index):
            draft.measure(Point(_counter(port, sensor, oid), oid), apart=index)
        draft.describe(_part(draft, port, index))


def _indices(draft: Draft) -> list[str]:
    """Every ifIndex of which anything tells a name or a state; not rows that are counters alone."""
    found = {index for oid in (DESCRIPTION, NAME, TYPE, OPER) for index in draft.column(oid) if index.isdigit()}
    return sorted(found, key=arcs)


def is_port(draft: Draft, index: str) -> bool:
    """Is the interface a port: a socket, or a bundle of sockets?

    By its type; an interface whose type is not told or "other" is one when it has a connector or an address of its own.
    """
    kind = integer(draft.column(TYPE).get(index))
    if kind in _PORT_TYPES:
        return True
    connector = integer(draft.column(CONNECTOR).get(index))
    if kind is None:
        return connector != 2 and index in draft.column(OPER)
    return kind == 1 and (connector == 1 or bool(mac(draft.column(ADDRESS).get(index))))


def name_of(draft: Draft, index: str) -> str:
    """ifName; ifDescr where there is none, as older agents have it."""
    return text(draft.column(NAME).get(index)) or text(draft.column(DESCRIPTION).get(index))


def _apart(draft: Draft, index: str) -> str:
    """What tells a port from another of the same name, most lasting first (F94)."""
    described = text(draft.column(DESCRIPTION).get(index))
    if described and described != name_of(draft, index):
        return described
    return mac(draft.column(ADDRESS).get(index)) or f"ifIndex {index}"


def _counted(draft: Draft, index: str) -> Iterator[tuple[str, str]]:
    """Each counter the port has, and the OID of the widest column that tells it."""
    for name, columns in _COUNTERS:
        oid = next((oid for oid in columns if isinstance(draft.column(oid).get(index), int)), None)
        if oid is not None:
            yield name, f"{oid}.{index}"


def _counter(port: Component, name: str, oid: str) -> Sensor:
    """A count; `range_max` is where it begins anew, which one of 64 bits never does."""
    narrow = oid.rpartition(".")[0] not in _WIDE
    return Sensor(
        component=port, name=name, type=ReadingType.COUNTER, source=oid, range_max=_MANY_BITS if narrow else None
    )


_OK = partial(Verdict, Health.OK)
_STATES: Mapping[int, Verdict] = {
    1: _OK("Enabled"),
    2: _OK("StandbyOffline", "no link"),
    3: _OK("InTest"),
    4: Verdict(Health.UNKNOWN, "Enabled", "the device does not know whether there is a link"),
    5: _OK("StandbyOffline", "waits for something from outside"),
    6: _OK("Absent", "a part of it is not there"),
    7: _OK("StandbyOffline", "what it stands on has no link"),
}
"""ifOperStatus. A port without a link is no fault: most ports have no cable; which should have one, topology knows."""


def _judge(told: tuple[Value | None, ...]) -> Verdict | None:
    oper, admin = (integer(value) for value in told)
    if admin == 2:
        return _OK("Disabled", "switched off by an administrator")
    return None if oper is None else _STATES.get(oper) or Verdict(Health.UNKNOWN, "Enabled", f"ifOperStatus {oper}")


def _part(draft: Draft, port: Component, index: str) -> Part:
    properties: dict[str, Scalar] = {"if_index": int(index)}
    kind = _PORT_TYPES.get(integer(draft.column(TYPE).get(index)) or 0, "")
    told: tuple[tuple[str, Scalar], ...] = (
        ("port_type", kind),
        ("mac_address", mac(draft.column(ADDRESS).get(index))),
        ("speed_mbps", speed_mbps(draft, index)),
        ("description", text(draft.column(ALIAS).get(index))),
        ("mtu", integer(draft.column(MTU).get(index))),
        ("link", _link(draft, index)),
    )
    properties.update((name, value) for name, value in told if value not in ("", None))
    return Part(component=port, slot=port.name, source=f"{_IF}1.{index}", properties=properties)


def _link(draft: Draft, index: str) -> str:
    return {1: "up", 2: "down", 7: "down"}.get(integer(draft.column(OPER).get(index)) or 0, "")


def speed_mbps(draft: Draft, index: str) -> int | None:
    """What the port is set or has agreed to, in Mbit/s; None where it says nothing, as without a link."""
    high = integer(draft.column(HIGH_SPEED).get(index))
    if high:
        return high
    low = integer(draft.column(SPEED).get(index))
    return low // 1_000_000 if low and low < _MANY_BITS and low >= 1_000_000 else None
