"""Who hangs on which port: LLDP neighbours (IEEE 802.1AB) and the forwarding table of a bridge (RFC 4188, RFC 4363)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from emulator.hardware import Machine
from emulator.network import Line, Switch
from emulator.snmp.ber import Oid, octets, whole
from emulator.snmp.system_group import SCALAR
from emulator.snmp.view import Shown, Table

VLAN = 10


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Who speaks LLDP at the other end of a port."""

    chassis: tuple[int, bytes]
    """Subtype and id."""
    port: tuple[int, bytes]
    port_description: str
    name: str
    description: str
    router: bool


def _machine_speaks(machine: Machine, index: int) -> Neighbour:
    ports = machine.parts.ports
    mac = _mac(ports[index].mac)
    return Neighbour(
        (4, _mac(ports[0].mac)), (3, mac), ports[index].name, machine.host_name,
        f"{machine.family.vendor} {machine.family.model}", router=False,
    )  # fmt: skip


def _switch_speaks(switch: Switch, port: int) -> Neighbour:
    line = switch.lines[port - 1]
    assert switch.family is not None
    return Neighbour(
        (4, switch.lines[0].mac), (5, line.name.encode()), line.name, switch.name, switch.family.description,
        router=True,
    )  # fmt: skip


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


CAPABLE = {True: b"\x28", False: b"\x01"}
"""Bridge and router, or station only (LLDP-MIB, LldpSystemCapabilitiesMap)."""
NEIGHBOURS = Table(
    (1, 0, 8802, 1, 1, 2, 1, 4, 1, 1),
    {
        4: lambda one: whole(one.chassis[0]),
        5: lambda one: octets(one.chassis[1]),
        6: lambda one: whole(one.port[0]),
        7: lambda one: octets(one.port[1]),
        8: lambda one: octets(one.port_description),
        9: lambda one: octets(one.name),
        10: lambda one: octets(one.description),
        11: lambda one: octets(CAPABLE[one.router]),
        12: lambda one: octets(CAPABLE[one.router]),
    },
)
LOCAL_LLDP = Table(
    (1, 0, 8802, 1, 1, 2, 1, 3),
    {
        1: lambda switch: whole(4),
        2: lambda switch: octets(switch.lines[0].mac),
        3: lambda switch: octets(switch.name),
        4: lambda switch: octets(switch.family.description),
    },
)
LOCAL_PORTS = Table(
    (1, 0, 8802, 1, 1, 2, 1, 3, 7, 1),
    {2: lambda line: whole(5), 3: lambda line: octets(line.name), 4: lambda line: octets(line.name)},
)
BRIDGE_PORTS = Table(
    (1, 3, 6, 1, 2, 1, 17, 1, 4, 1), {1: lambda line: whole(line.number), 2: lambda line: whole(line.if_index)}
)
FORWARDING = Table(
    (1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1), {2: lambda line: whole(line.number), 3: lambda line: whole(3)}
)


def _heard(switch: Switch) -> Iterator[tuple[Line, Neighbour]]:
    """Who is heard on each port: machines whose system runs, and switches."""
    for line, other, port in switch.neighbours():
        if isinstance(other, Switch):
            yield line, _switch_speaks(other, port)
        elif other.power.state == "On":
            yield line, _machine_speaks(other, port)


def _learned(switch: Switch) -> Iterator[tuple[Oid, Line]]:
    """Addresses seen in the VLAN, and on which port; what the other switch has learned comes over the uplink."""
    for line, other, port in switch.neighbours():
        if isinstance(other, Machine):
            yield (VLAN, *_mac(other.parts.ports[port].mac)), line
        else:
            for number, (machine, index) in other.cables.items():
                if other.lines[number - 1].up:
                    yield (VLAN, *_mac(machine.parts.ports[index].mac)), line


def neighbour_tables(switch: Switch) -> list[Shown]:
    """Everything that topology is read from."""
    lines = switch.lines
    return [
        Shown(LOCAL_LLDP, {SCALAR: switch}),
        Shown(LOCAL_PORTS, {(line.number,): line for line in lines}),
        Shown(NEIGHBOURS, {(0, line.number, 1): neighbour for line, neighbour in _heard(switch)}),
        Shown(BRIDGE_PORTS, {(line.number,): line for line in lines}),
        Shown(FORWARDING, dict(_learned(switch))),
    ]
