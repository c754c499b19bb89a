"""Tables of distribution units and UPSes: RFC 1628, and the makers' where real agents have nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulator.mains import LOW_CHARGE, NEAR, OVER, VOLTS, Pdu, Socket, Ups, amperes
from emulator.snmp.ber import Oid, counter, gauge, octets, oid, ticks, whole
from emulator.snmp.system_group import SCALAR, Self, of_itself
from emulator.snmp.view import Shown, Table

POWERNET: Oid = (1, 3, 6, 1, 4, 1, 318, 1, 1)
RPDU2: Oid = (*POWERNET, 26)
HERTZ = 500
"""Tenths."""

# ---- distribution units ----


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of a unit."""

    pdu: Pdu
    number: int

    @property
    def watts(self) -> float:
        return self.pdu.phase_watts(self.number)


@dataclass(frozen=True, slots=True)
class Place:
    """An outlet of a unit."""

    pdu: Pdu
    socket: Socket

    @property
    def watts(self) -> float:
        return self.pdu.watts(self.socket)


def _load_state(part: float) -> int:
    """lowLoad(1), normal(2), nearOverload(3), overload(4)."""
    return 4 if part > OVER else 3 if part > NEAR else 2


def _worst_load(pdu: Pdu) -> int:
    return max(_load_state(pdu.load_of(phase + 1)) for phase in range(pdu.family.phases))


RPDU2_IDENT = Table(
    (*RPDU2, 2, 1),
    {
        1: lambda pdu: whole(1),
        2: lambda pdu: whole(1),
        3: lambda pdu: octets(pdu.name),
        4: lambda pdu: octets(pdu.rack.plan.name),
        5: lambda pdu: octets("02"),
        6: lambda pdu: octets(pdu.family.software),
        7: lambda pdu: octets("09/20/2016"),
        8: lambda pdu: octets(pdu.family.model),
        9: lambda pdu: octets(pdu.serial),
    },
)
RPDU2_PROPERTIES = Table(
    (*RPDU2, 4, 2, 1),
    {
        1: lambda pdu: whole(1),
        2: lambda pdu: whole(1),
        3: lambda pdu: octets(pdu.name),
        4: lambda pdu: whole(pdu.family.outlets),
        5: lambda pdu: whole(pdu.family.outlets),
        6: lambda pdu: whole(pdu.family.outlets),
        7: lambda pdu: whole(pdu.family.phases),
        8: lambda pdu: whole(0),
        9: lambda pdu: whole(round(pdu.family.amperes)),
    },
)
RPDU2_DEVICE = Table(
    (*RPDU2, 4, 3, 1),
    {
        1: lambda pdu: whole(1),
        2: lambda pdu: whole(1),
        3: lambda pdu: octets(pdu.name),
        4: lambda pdu: whole(_worst_load(pdu)),
        5: lambda pdu: whole(round(pdu.total() / 10)),
        12: lambda pdu: whole(1),
        13: lambda pdu: whole(1 if pdu.alive else 2),  # alarm; the agent lives on by the second, fed from elsewhere
        14: lambda pdu: whole(1),
        16: lambda pdu: whole(round(pdu.total() / 0.96 / 10)),
        17: lambda pdu: whole(96),
    },
)
RPDU2_PHASES = Table(
    (*RPDU2, 6, 3, 1),
    {
        1: lambda phase: whole(phase.number),
        2: lambda phase: whole(1),
        3: lambda phase: whole(phase.number),
        4: lambda phase: whole(_load_state(phase.pdu.load_of(phase.number))),
        5: lambda phase: whole(round(amperes(phase.watts) * 10)),
        6: lambda phase: whole(round(VOLTS) if phase.pdu.alive else 0),
        7: lambda phase: whole(round(phase.watts / 10)),
        8: lambda phase: whole(round(phase.watts / 0.96 / 10)),
        9: lambda phase: whole(96),
    },
)
RPDU2_SWITCHED = Table(
    (*RPDU2, 9, 2, 3, 1),
    {
        1: lambda place: whole(place.socket.number),
        2: lambda place: whole(1),
        3: lambda place: octets(place.socket.label),
        4: lambda place: whole(place.socket.number),
        5: lambda place: whole(2 if place.socket.on else 1),
        6: lambda place: whole(2),
    },
)
RPDU2_METERED = Table(
    (*RPDU2, 9, 4, 3, 1),
    {
        1: lambda place: whole(place.socket.number),
        2: lambda place: whole(1),
        3: lambda place: octets(place.socket.label),
        4: lambda place: whole(place.socket.number),
        5: lambda place: whole(2),
        6: lambda place: whole(round(amperes(place.watts) * 10)),
        7: lambda place: whole(round(place.watts)),
    },
)


def pdu_tables(pdu: Pdu, one: Self) -> list[Shown]:
    """Everything that a distribution unit's agent tells."""
    places: dict[Oid, Place] = {(socket.number,): Place(pdu, socket) for socket in pdu.sockets}
    phases: dict[Oid, Phase] = {(number + 1,): Phase(pdu, number + 1) for number in range(pdu.family.phases)}
    return [
        *of_itself(one),
        *(Shown(table, {(1,): pdu}) for table in (RPDU2_IDENT, RPDU2_PROPERTIES, RPDU2_DEVICE)),
        Shown(RPDU2_PHASES, phases),
        Shown(RPDU2_SWITCHED, places),
        Shown(RPDU2_METERED, places),
    ]


# ---- UPSes ----

UPS_MIB: Oid = (1, 3, 6, 1, 2, 1, 33, 1)


def _group(entry: Oid, columns: dict[int, Callable[[Any], bytes | None]]) -> Table:
    return Table(entry, columns)


def _status(ups: Ups) -> int:
    """batteryNormal(2), batteryLow(3), batteryDepleted(4)."""
    return 4 if ups.charge <= 0 else 3 if ups.charge <= LOW_CHARGE else 2


def _load(ups: Ups) -> int:
    return round(ups.load() / ups.family.watts * 100)


def _battery_volts(ups: Ups) -> float:
    return 192.0 + 0.26 * ups.charge


UPS_IDENT = _group(
    (*UPS_MIB, 1),
    {
        1: lambda ups: octets(ups.family.vendor),
        2: lambda ups: octets(ups.family.model),
        3: lambda ups: octets(ups.family.software),
        4: lambda ups: octets(ups.family.software),
        5: lambda ups: octets(ups.name),
        6: lambda ups: octets(f"feed {ups.feed}"),
    },
)
UPS_BATTERY = _group(
    (*UPS_MIB, 2),
    {
        1: lambda ups: whole(_status(ups)),
        2: lambda ups: whole(int(ups.on_battery_seconds)),
        3: lambda ups: whole(int(min(ups.seconds_left() / 60, 9_999))),
        4: lambda ups: whole(round(ups.charge)),
        5: lambda ups: whole(round(_battery_volts(ups) * 10)),
        6: lambda ups: whole(0 if ups.mains else round(ups.load() / _battery_volts(ups) * 10)),
        7: lambda ups: whole(25 if ups.mains else 28),
    },
)
UPS_INPUT = _group((*UPS_MIB, 3), {1: lambda ups: counter(0 if ups.mains else 1), 2: lambda ups: whole(1)})
UPS_INPUT_LINES = _group(
    (*UPS_MIB, 3, 3, 1),
    {
        2: lambda ups: whole(HERTZ if ups.mains else 0),
        3: lambda ups: whole(round(VOLTS) if ups.mains else 0),
        4: lambda ups: whole(round(amperes(ups.load()) * 10) if ups.mains else 0),
        5: lambda ups: whole(round(ups.load() * 1.05) if ups.mains else 0),
    },
)
UPS_OUTPUT = _group(
    (*UPS_MIB, 4),
    {1: lambda ups: whole(3 if ups.mains else 5), 2: lambda ups: whole(HERTZ), 3: lambda ups: whole(1)},
)
UPS_OUTPUT_LINES = _group(
    (*UPS_MIB, 4, 4, 1),
    {
        2: lambda ups: whole(round(VOLTS)),
        3: lambda ups: whole(round(amperes(ups.load()) * 10)),
        4: lambda ups: whole(round(ups.load())),
        5: lambda ups: whole(_load(ups)),
    },
)
ON_BATTERY, LOW_BATTERY, BATTERY_BAD = ((*UPS_MIB, 6, 3, number) for number in (2, 3, 1))
"""Well-known alarms: upsAlarmOnBattery, upsAlarmLowBattery, upsAlarmBatteryBad."""
UPS_ALARM_COUNT = _group((*UPS_MIB, 6), {1: lambda ups: gauge(len(alarms_of(ups)))})
UPS_ALARMS = _group((*UPS_MIB, 6, 2, 1), {2: oid, 3: lambda alarm: ticks(0)})
UPS_CONFIG = _group(
    (*UPS_MIB, 9),
    {
        1: lambda ups: whole(round(VOLTS)),
        2: lambda ups: whole(HERTZ),
        3: lambda ups: whole(round(VOLTS)),
        4: lambda ups: whole(HERTZ),
        5: lambda ups: whole(round(ups.family.watts)),
        6: lambda ups: whole(round(ups.family.watts)),
    },
)


def alarms_of(ups: Ups) -> list[Oid]:
    """What is wrong with it, as RFC 1628 names it."""
    wrong = ((not ups.mains, ON_BATTERY), (ups.charge <= LOW_CHARGE, LOW_BATTERY), (ups.battery_old, BATTERY_BAD))
    return [alarm for holds, alarm in wrong if holds]


APC_IDENT = _group((*POWERNET, 1, 1, 1), {1: lambda ups: octets(ups.family.model), 2: lambda ups: octets(ups.name)})
APC_MORE = _group((*POWERNET, 1, 1, 2), {1: lambda ups: octets(ups.family.software), 3: lambda ups: octets(ups.serial)})
APC_BATTERY = _group(
    (*POWERNET, 1, 2, 1),
    {1: lambda ups: whole(_status(ups)), 2: lambda ups: ticks(int(ups.on_battery_seconds * 100))},
)
APC_BATTERY_MORE = _group(
    (*POWERNET, 1, 2, 2),
    {
        1: lambda ups: gauge(round(ups.charge)),
        2: lambda ups: gauge(25 if ups.mains else 28),
        3: lambda ups: ticks(int(ups.seconds_left() * 100)),
        4: lambda ups: whole(2 if ups.battery_old else 1),
        8: lambda ups: whole(round(_battery_volts(ups))),
    },
)
APC_INPUT = _group(
    (*POWERNET, 1, 3, 2),
    {
        1: lambda ups: gauge(round(VOLTS) if ups.mains else 0),
        4: lambda ups: gauge(HERTZ // 10 if ups.mains else 0),
        5: lambda ups: whole(1 if ups.mains else 3),
    },
)
APC_OUTPUT = _group((*POWERNET, 1, 4, 1), {1: lambda ups: whole(2 if ups.mains else 3)})
APC_OUTPUT_MORE = _group(
    (*POWERNET, 1, 4, 2),
    {
        1: lambda ups: gauge(round(VOLTS)),
        2: lambda ups: gauge(HERTZ // 10),
        3: lambda ups: gauge(_load(ups)),
        4: lambda ups: gauge(round(amperes(ups.load()))),
    },
)


def ups_tables(ups: Ups, one: Self) -> list[Shown]:
    """Everything that a UPS's agent tells just now."""
    groups = [UPS_IDENT, UPS_BATTERY, UPS_INPUT, UPS_OUTPUT, UPS_ALARM_COUNT, UPS_CONFIG]
    if "apc" in ups.family.tables:
        groups += [APC_IDENT, APC_MORE, APC_BATTERY, APC_BATTERY_MORE, APC_INPUT, APC_OUTPUT, APC_OUTPUT_MORE]
    alarms: dict[Oid, Oid] = {(number + 1,): alarm for number, alarm in enumerate(alarms_of(ups))}
    return [
        *of_itself(one),
        *(Shown(group, {SCALAR: ups}) for group in groups),
        Shown(UPS_INPUT_LINES, {(1,): ups}),
        Shown(UPS_OUTPUT_LINES, {(1,): ups}),
        Shown(UPS_ALARMS, alarms),
    ]
