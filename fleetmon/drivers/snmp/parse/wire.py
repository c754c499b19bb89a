"""What hangs on the ports of a device: its neighbours by LLDP (IEEE 802.1AB), the stations its bridge has learned."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from fleetmon.drivers.snmp.parse.interfaces import ADDRESS
from fleetmon.drivers.snmp.values import Tables, Value, arcs, integer, mac, text
from fleetmon.model import Component, Neighbour, Station

_LLDP = "1.0.8802.1.1.2.1."
LOCAL_KIND, LOCAL_ID, LOCAL_DESCR = (f"{_LLDP}3.7.1.{arc}" for arc in (2, 3, 4))
_REMOTE = f"{_LLDP}4.1.1."
CHASSIS_KIND, CHASSIS, PORT_KIND, PORT, PORT_DESCR, SYSTEM, SYSTEM_DESCR = (_REMOTE + str(arc) for arc in range(4, 11))
ADDRESSES = f"{_LLDP}4.2.1.3"
"""lldpRemManAddrIfSubtype: the addresses stand in its index."""
_CDP = "1.3.6.1.4.1.9.9.23.1.2.1.1."
CDP_ADDRESS, CDP_DEVICE, CDP_PORT, CDP_PLATFORM = (_CDP + arc for arc in ("4", "6", "7", "8"))
"""CISCO-CDP-MIB: cdpCacheTable, by ifIndex."""
_BRIDGE = "1.3.6.1.2.1.17."
BASE_PORTS = _BRIDGE + "1.4.1.2"
FDB_PORT, FDB_STATUS = _BRIDGE + "4.3.1.2", _BRIDGE + "4.3.1.3"
Q_FDB_PORT, Q_FDB_STATUS = _BRIDGE + "7.1.2.2.1.2", _BRIDGE + "7.1.2.2.1.3"
VLAN_FDB = _BRIDGE + "7.1.4.2.1.3"
"""dot1qVlanFdbId: which filtering database a VLAN has, by time mark and VLAN."""

LLDP_COLUMNS = (
    LOCAL_KIND, LOCAL_ID, LOCAL_DESCR,
    CHASSIS_KIND, CHASSIS, PORT_KIND, PORT, PORT_DESCR, SYSTEM, SYSTEM_DESCR, ADDRESSES,
)  # fmt: skip
CDP_COLUMNS = (CDP_ADDRESS, CDP_DEVICE, CDP_PORT, CDP_PLATFORM)
BRIDGE_COLUMNS = (BASE_PORTS, FDB_PORT, FDB_STATUS, Q_FDB_PORT, Q_FDB_STATUS, VLAN_FDB)

_LAST_VLAN = 4094
_LEARNED = 3
"""dot1dTpFdbStatus, dot1qTpFdbStatus; others are the bridge's own addresses and what was set by hand."""
Ports = Mapping[int, Component]


# ---- neighbours ------------------------------------------------------------------------------------------------------


def neighbours(ports: Ports, tables: Tables) -> list[Neighbour]:
    """What each port has heard over LLDP, and over CDP where LLDP told nothing."""
    heard = list(_lldp(ports, tables))
    ports_heard = {one.port for one in heard}
    return [*heard, *(one for one in _cdp(ports, tables) if one.port not in ports_heard)]


def _lldp(ports: Ports, tables: Tables) -> Iterator[Neighbour]:
    addresses, sockets = _addresses(tables), _sockets(ports, tables)
    for index in sorted({*tables.get(CHASSIS, {}), *tables.get(PORT, {})}, key=arcs):
        parts = index.split(".")
        if len(parts) != 3:
            continue

        def told(oid: str, index: str = index) -> Value | None:
            return tables.get(oid, {}).get(index)

        yield Neighbour(
            port=_local_port(int(parts[1]), ports, sockets, tables),
            chassis_id=_identified(told(CHASSIS), mac_when=(4,), kind=integer(told(CHASSIS_KIND))),
            port_id=_identified(told(PORT), mac_when=(3,), kind=integer(told(PORT_KIND))),
            port_description=text(told(PORT_DESCR)),
            system_name=text(told(SYSTEM)),
            system_description=text(told(SYSTEM_DESCR)),
            address=addresses.get(index, ""),
        )


def _sockets(ports: Ports, tables: Tables) -> Mapping[str, str]:
    """The name of each port by its Ethernet address and by itself, as agents may tell either."""
    by_mac = {mac(_address(tables, index)): port.name for index, port in reversed(list(ports.items()))}
    return by_mac | {port.name: port.name for port in ports.values()}


def _local_port(number: int, ports: Ports, sockets: Mapping[str, str], tables: Tables) -> str:
    """The port of a lldpLocPortNum, which is an ifIndex with some makers and a number of its own with others."""
    index = str(number)
    told = [text(tables.get(oid, {}).get(index)) for oid in (LOCAL_ID, LOCAL_DESCR)]
    own = mac(tables.get(LOCAL_ID, {}).get(index)) if integer(tables.get(LOCAL_KIND, {}).get(index)) == 3 else ""
    by_mac = sockets.get(own, "") if own else ""
    for name in told:
        if name and sockets.get(name) == name:
            return name
    bridged = integer(tables.get(BASE_PORTS, {}).get(index))
    found = ports.get(number) or (ports.get(bridged) if bridged else None)
    return by_mac or (found.name if found else next(filter(None, told[::-1]), f"port {number}"))


def _address(tables: Tables, index: int) -> Value | None:
    return tables.get(ADDRESS, {}).get(str(index))


def _identified(value: Value | None, mac_when: tuple[int, ...], kind: int | None) -> str:
    """A chassis or port id in the spelling of its subtype: an address, else text."""
    if kind in mac_when or (kind is None and isinstance(value, bytes) and len(value) == 6 and not value.isascii()):
        return mac(value) or text(value)
    if kind == 5 and mac_when == (4,) and isinstance(value, bytes):
        return _network_address(value) or text(value)
    return text(value)


def _network_address(octets: bytes) -> str:
    """An IANA address family number and the address."""
    if len(octets) in (5, 17) and octets[0] in (1, 2):
        return str(ipaddress.ip_address(octets[1:]))
    return ""


def _addresses(tables: Tables) -> dict[str, str]:
    """The first management address of each neighbour, from the index: subtype, length, octets."""
    found: dict[str, str] = {}
    for index in tables.get(ADDRESSES, {}):
        parts = arcs(index)
        octets = parts[5:] if len(parts) > 5 else ()
        if len(parts) > 4 and parts[3] in (1, 2) and len(octets) in (4, 16) and all(arc < 256 for arc in octets):
            found.setdefault(".".join(map(str, parts[:3])), str(ipaddress.ip_address(bytes(octets))))
    return found


def _cdp(ports: Ports, tables: Tables) -> Iterator[Neighbour]:
    for index in sorted(tables.get(CDP_DEVICE, {}), key=arcs):
        port = ports.get(arcs(index)[0])
        raw = tables.get(CDP_ADDRESS, {}).get(index)
        yield Neighbour(
            port=port.name if port else f"ifIndex {arcs(index)[0]}",
            chassis_id="",
            port_id=text(tables.get(CDP_PORT, {}).get(index)),
            port_description="",
            system_name=text(tables[CDP_DEVICE][index]),
            system_description=text(tables.get(CDP_PLATFORM, {}).get(index)),
            address=str(ipaddress.ip_address(raw)) if isinstance(raw, bytes) and len(raw) in (4, 16) else "",
        )


# ---- stations --------------------------------------------------------------------------------------------------------


def _vlan(number: int) -> int | None:
    """The VLAN of a filtering database; None where its number is the bridge's own affair, told with no VLAN."""
    return number if 1 <= number <= _LAST_VLAN else None


def stations(ports: Ports, tables: Tables) -> list[Station]:
    """Each address the bridge has learned and the port it was last heard on."""
    bases = {number: integer(value) for number, value in tables.get(BASE_PORTS, {}).items()}
    vlans = {integer(value): arcs(index)[-1] for index, value in tables.get(VLAN_FDB, {}).items()}
    found: dict[tuple[str, int | None, str], Station] = {}
    placed: set[tuple[str, str]] = set()
    for ports_of, status_of, before in ((Q_FDB_PORT, Q_FDB_STATUS, 1), (FDB_PORT, FDB_STATUS, 0)):
        status = tables.get(status_of, {})
        for index, value in tables.get(ports_of, {}).items():
            parts, number = arcs(index), integer(value) or 0
            if len(parts) != before + 6 or integer(status.get(index, _LEARNED)) != _LEARNED or not number:
                continue
            port = ports.get(bases.get(str(number)) or number)
            address = mac(bytes(arc & 0xFF for arc in parts[before:]))
            if port is None or not address or (not before and (address, port.name) in placed):
                continue
            vlan = _vlan(vlans.get(parts[0], parts[0])) if before else None
            placed.add((address, port.name))
            found[(address, vlan, port.name)] = Station(port=port.name, mac=address, vlan=vlan)
    return list(found.values())
