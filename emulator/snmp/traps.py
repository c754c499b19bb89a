"""Traps: what an agent says unasked when its device changes, as SNMPv2c or SNMPv3 (RFC 3416, 4.2.6)."""

from __future__ import annotations

import itertools
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.mains import Ups
from emulator.network import Switch
from emulator.snmp import usm
from emulator.snmp.agent import LONGEST
from emulator.snmp.ber import SEQUENCE, Oid, octets, oid, tagged, ticks, whole
from emulator.snmp.maker_tables import FAN, SUPPLY
from emulator.snmp.message import V2C, Kind, Status, bindings, pdu
from emulator.snmp.power_tables import LOW_BATTERY, ON_BATTERY, POWERNET, UPS_MIB
from emulator.snmp.usm import Seal, User

if TYPE_CHECKING:
    from emulator.snmp.device import Device

UPTIME: Oid = (1, 3, 6, 1, 2, 1, 1, 3, 0)
TRAP_OID: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)
STANDARD: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 5)
COLD_START, LINK_DOWN, LINK_UP = ((*STANDARD, number) for number in (1, 3, 4))
INTERFACES: Oid = (1, 3, 6, 1, 2, 1, 2, 2, 1)
STATE: Oid = (1, 3, 6, 1, 2, 1, 131)
"""ENTITY-STATE-MIB (RFC 4268)."""
UPS_TRAPS: Oid = (1, 3, 6, 1, 2, 1, 33, 2)
OUTLET_EVENTS: Oid = (1, 3, 6, 1, 4, 1, 318, 0)

Told = tuple[Oid, list[tuple[Oid, bytes]]]
"""(which trap, its variables)"""
SIGNED_BY = "sha256"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where traps go, and how."""

    host: str
    port: int
    community: bytes
    user: User | None = None
    """With a user they go as version 3, signed and encrypted with the keys of the sender's engine."""


class Herald:
    """Sends the traps of one device."""

    def __init__(self, device: Device, to: Destination) -> None:
        self._device, self._to = device, to
        self._numbers = itertools.count(1)
        self.password: str | None = None
        """Signs with this one instead of the user's."""
        device.state.on_event = self.happened

    def happened(self, what: str, part: str) -> None:
        """Something changed; most of it is worth a trap."""
        told = trap_of(self._device, what, part)
        if told is None or self._device.state.away or not self._to.host.startswith("127."):
            return
        number = self._send(told, 1)
        name = ".".join(map(str, told[0]))
        self._device.plant.ledger.note(self._device.name, "trap_sent", sequence=number, trap=name, event=what)

    def storm(self, count: int) -> None:
        """So many coldStart traps, as fast as they go."""
        last = self._send((COLD_START, []), count)
        self._device.plant.ledger.note(self._device.name, "trap_storm", sequence=last, count=count)

    def _send(self, told: Told, count: int) -> int:
        """The number of the last."""
        number = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            for _ in range(count):
                number = next(self._numbers)
                door.sendto(self._message(told, number), (self._to.host, self._to.port))
        return number

    def _message(self, told: Told, number: int) -> bytes:
        engine, to = self._device.engine, self._to
        trap, variables = told
        first = [(UPTIME, ticks(engine.ticks)), (TRAP_OID, oid(trap))]
        rows = bindings((oid(name), value) for name, value in (*first, *variables))
        body = pdu(Kind.TRAP, number, Status.FINE, 0, rows)
        if to.user is None:
            return tagged(SEQUENCE, whole(V2C) + octets(to.community) + body)
        key = usm.key_of(SIGNED_BY, self.password or to.user.password, engine.id)
        private = usm.key_of(SIGNED_BY, to.user.privacy or to.user.password, engine.id)
        seal = Seal(engine.id, engine.boots, engine.time, to.user.name, SIGNED_BY, key, private)
        return seal.sealed(number, b"", body, most=LONGEST)


def trap_of(device: Device, what: str, part: str) -> Told | None:
    """The trap about an event; None where real agents send none."""
    if what == "restarted":
        return COLD_START, []
    if isinstance(device.state, Switch):
        return _of_switch(device.state, what, int(part))
    if isinstance(device.state, Ups):
        return _of_ups(device.state, what)
    return _of_outlet(what, part)


def _of_switch(switch: Switch, what: str, number: int) -> Told | None:
    if what in ("link_up", "link_down"):
        line = switch.lines[number - 1]
        index = line.if_index
        variables = [
            ((*INTERFACES, 1, index), whole(index)),
            ((*INTERFACES, 7, index), whole(1)),
            ((*INTERFACES, 8, index), whole(1 if line.up else 2)),
        ]
        return (LINK_UP if what == "link_up" else LINK_DOWN), variables
    entity = {"supply": SUPPLY, "fan": FAN}[what.partition("_")[0]] + number - 1
    fine = what in ("supply_fed", "fan_runs")
    alarm = b"\x00" if fine else b"\x20"
    variables = [((*STATE, 1, 1, 1, 2, entity), whole(4)), ((*STATE, 1, 1, 1, 5, entity), octets(alarm))]
    return (*STATE, 0, 1 if fine else 2), variables


def _of_ups(ups: Ups, what: str) -> Told | None:
    if what == "on_battery":
        return (*UPS_TRAPS, 1), [
            ((*UPS_MIB, 2, 3, 0), whole(int(min(ups.seconds_left() / 60, 9_999)))),
            ((*UPS_MIB, 2, 2, 0), whole(int(ups.on_battery_seconds))),
            ((*UPS_MIB, 9, 7, 0), whole(2)),
        ]
    alarm = LOW_BATTERY if what == "low" else ON_BATTERY
    number = 3 if what == "low" else 4
    return (*UPS_TRAPS, number), [((*UPS_MIB, 6, 2, 1, 1, 1), whole(1)), ((*UPS_MIB, 6, 2, 1, 2, 1), oid(alarm))]


def _of_outlet(what: str, part: str) -> Told:
    """rPDUOutletOn and rPDUOutletOff of PowerNet-MIB, with the number of the outlet."""
    variables = [((*POWERNET, 26, 9, 2, 3, 1, 4, int(part)), whole(int(part)))]
    return (*OUTLET_EVENTS, 268 if what == "outlet_on" else 269), variables
