"""A switch's tables: interfaces, parts and sensors, with those of its neighbours and of its maker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from emulator.network import Line, Switch
from emulator.snmp.agent import Engine
from emulator.snmp.ber import Oid, counter, counter64, gauge, octets, oid, ticks, whole
from emulator.snmp.maker_tables import CHASSIS, FAN, SUPPLY, maker_tables
from emulator.snmp.neighbour_tables import neighbour_tables
from emulator.snmp.system_group import SCALAR, Self, of_itself
from emulator.snmp.view import Shown, Table

PORT, SENSOR = 1_000, 5_000
"""Where the physical indexes of ports and sensors begin."""
CELSIUS, RPM, WATTS = 8, 10, 6
UNITS, MICRO = 9, 7
"""Types and scales of ENTITY-SENSOR-MIB (RFC 3433)."""
SECOND = 100


@dataclass(frozen=True, slots=True)
class Told:
    """A port in the tables of one moment."""

    line: Line
    switch: Switch
    engine: Engine

    @property
    def now(self) -> float:
        return self.engine.clock.now()

    def in_ticks(self, instant: float) -> int:
        """An instant as sysUpTime was then; 0 before the start of the agent."""
        return max(0, self.engine.ticks - int((self.now - instant) * SECOND))


def _octets(direction: int, one: Told) -> int:
    return one.line.octets(direction, one.now)


def _packets(direction: int, one: Told) -> int:
    return one.line.packets(direction, one.now)


def _alias(one: Told) -> bytes:
    cable = one.switch.cables.get(one.line.number)
    return octets(f"{cable[0].name} {cable[0].parts.ports[cable[1]].name}" if cable else "")


INTERFACES = Table(
    (1, 3, 6, 1, 2, 1, 2, 2, 1),
    {
        1: lambda one: whole(one.line.if_index),
        2: lambda one: octets(one.line.name),
        3: lambda one: whole(6),
        4: lambda one: whole(9_214),
        5: lambda one: gauge(one.line.speed * 1_000_000),
        6: lambda one: octets(one.line.mac),
        7: lambda one: whole(1),
        8: lambda one: whole(1 if one.line.up else 2),
        9: lambda one: ticks(one.in_ticks(one.line.changed_at)),
        10: lambda one: counter(_octets(0, one)),
        11: lambda one: counter(_packets(0, one)),
        13: lambda one: counter(one.line.discards),
        14: lambda one: counter(one.line.errors),
        16: lambda one: counter(_octets(1, one)),
        17: lambda one: counter(_packets(1, one)),
        19: lambda one: counter(one.line.discards // 3),
        20: lambda one: counter(0),
    },
)
MORE_OF_INTERFACES = Table(
    (1, 3, 6, 1, 2, 1, 31, 1, 1, 1),
    {
        1: lambda one: octets(one.line.name),
        6: lambda one: counter64(_octets(0, one)),
        7: lambda one: counter64(_packets(0, one)),
        8: lambda one: counter64(_packets(0, one) // 900),
        9: lambda one: counter64(_packets(0, one) // 2_000),
        10: lambda one: counter64(_octets(1, one)),
        11: lambda one: counter64(_packets(1, one)),
        12: lambda one: counter64(_packets(1, one) // 800),
        13: lambda one: counter64(_packets(1, one) // 1_900),
        15: lambda one: gauge(one.line.speed),
        16: lambda one: whole(2),
        17: lambda one: whole(1),
        18: _alias,
    },
)


# ---- parts and sensors ----


@dataclass(frozen=True, slots=True)
class Part:
    """A row of the physical table."""

    index: int
    kind: int
    """As entPhysicalClass numbers them: 3 chassis, 6 power supply, 7 fan, 8 sensor, 9 module, 10 port."""
    within: int
    position: int
    name: str
    description: str
    serial: str = ""
    model: str = ""
    maker: str = ""
    firmware: str = ""


PARTS = Table(
    (1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1),
    {
        2: lambda part: octets(part.description),
        3: lambda part: oid((0, 0)),
        4: lambda part: whole(part.within),
        5: lambda part: whole(part.kind),
        6: lambda part: whole(part.position),
        7: lambda part: octets(part.name),
        8: lambda part: octets(""),
        9: lambda part: octets(""),
        10: lambda part: octets(part.firmware),
        11: lambda part: octets(part.serial),
        12: lambda part: octets(part.maker),
        13: lambda part: octets(part.model),
        16: lambda part: whole(1 if part.serial else 2),
    },
)
ALIASES = Table((1, 3, 6, 1, 2, 1, 47, 1, 3, 2, 1), {2: lambda one: oid((1, 3, 6, 1, 2, 1, 2, 2, 1, 1, one.if_index))})


@dataclass(frozen=True, slots=True)
class Gauge:
    """A sensor of a part; how its value is told is a row of the sensor table."""

    part: Part
    type: int
    scale: int
    precision: int
    tell: Callable[[], float]
    """Gives the value, as a number of units."""

    @property
    def value(self) -> int:
        """As the table tells it."""
        factor = (1_000_000 if self.scale == MICRO else 1) * pow(10.0, self.precision)
        return round(self.tell() * factor)


SENSORS = Table(
    (1, 3, 6, 1, 2, 1, 99, 1, 1, 1),
    {
        1: lambda one: whole(one.type),
        2: lambda one: whole(one.scale),
        3: lambda one: whole(one.precision),
        4: lambda one: whole(one.value),
        5: lambda one: whole(1),
        6: lambda one: octets({CELSIUS: "Celsius", RPM: "RPM", WATTS: "Watts"}[one.type]),
    },
)


def parts_of(switch: Switch) -> list[Part]:
    """Chassis, supplies, fans, ports; not the sensors."""
    family = switch.family
    assert family is not None
    chassis = Part(
        CHASSIS, 3, 0, 0, "Chassis", f"{family.model} chassis", switch.serial, family.model, family.vendor,
        family.software,
    )  # fmt: skip
    supplies = (
        Part(SUPPLY + n, 6, CHASSIS, n + 1, f"PSU {n + 1}", f"Power supply {n + 1}", f"{switch.serial}P{n + 1}",
             "PSU-500AC", family.vendor)
        for n in range(family.supplies)
    )  # fmt: skip
    fans = (Part(FAN + n, 7, CHASSIS, n + 1, f"Fan {n + 1}", f"Fan tray {n + 1}") for n in range(family.fans))
    ports = (Part(PORT + line.number, 10, CHASSIS, line.number, line.name, line.name) for line in switch.lines)
    return [chassis, *supplies, *fans, *ports]


def gauges_of(switch: Switch) -> list[Gauge]:
    """Every sensor, with the row that it has among the parts."""
    family = switch.family
    assert family is not None
    numbers = iter(range(SENSOR, SENSOR + 1_000))

    def gauge_of(
        within: int, name: str, type_: int, precision: int, tell: Callable[[], float], scale: int = UNITS
    ) -> Gauge:
        number = next(numbers)
        return Gauge(
            Part(number, 8, within, number - SENSOR + 1, name, f"{name} sensor"), type_, scale, precision, tell
        )

    gauges = [
        gauge_of(CHASSIS, "Inlet Temperature", CELSIUS, 1, partial(switch.celsius, 2.0)),
        gauge_of(CHASSIS, "ASIC Temperature", CELSIUS, 1, partial(switch.celsius, 31.0)),
    ]
    gauges += [gauge_of(FAN + n, f"Fan {n + 1} Speed", RPM, 0, partial(switch.rpm, n)) for n in range(family.fans)]
    gauges += [
        gauge_of(SUPPLY + n, f"PSU {n + 1} Input Power", WATTS, 1, partial(switch.watts, n))
        for n in range(family.supplies)
    ]
    for line in switch.lines[family.ports :]:
        gauges.append(
            gauge_of(PORT + line.number, f"{line.name} Temperature", CELSIUS, 1, partial(_optic, switch, line))
        )
        gauges.append(gauge_of(PORT + line.number, f"{line.name} Rx Power", WATTS, 0, partial(_light, line), MICRO))
    return gauges


def _optic(switch: Switch, line: Line) -> float:
    return switch.celsius(12.0 + line.number % 5)


def _light(line: Line) -> float:
    """Watts received: some hundred microwatts, nothing without a link."""
    return (480e-6 + 13e-6 * (line.number % 7)) if line.up else 0.0


def switch_tables(switch: Switch, one: Self) -> list[Shown]:
    """Everything that a switch's agent tells just now."""
    engine, lines = one.engine, switch.lines
    told: dict[Oid, Told] = {(line.if_index,): Told(line, switch, engine) for line in lines}
    gauges = gauges_of(switch)
    parts = [*parts_of(switch), *(gauge.part for gauge in gauges)]
    any_port = Told(lines[0], switch, engine)
    return [
        *of_itself(one),
        Shown(Table((1, 3, 6, 1, 2, 1, 2), {1: whole}), {SCALAR: len(lines)}),
        Shown(INTERFACES, told),
        Shown(MORE_OF_INTERFACES, told),
        Shown(
            Table((1, 3, 6, 1, 2, 1, 31, 1), {5: lambda port: ticks(port.in_ticks(switch.layout_changed_at))}),
            {SCALAR: any_port},
        ),
        Shown(PARTS, {(part.index,): part for part in parts}),
        Shown(ALIASES, {(PORT + line.number, 0): line for line in lines}),
        Shown(Table((1, 3, 6, 1, 2, 1, 47, 1, 4), {1: lambda port: ticks(0)}), {SCALAR: any_port}),
        Shown(SENSORS, {(gauge.part.index,): gauge for gauge in gauges}),
        *neighbour_tables(switch),
        *maker_tables(switch),
    ]
