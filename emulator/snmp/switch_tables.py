"""A switch's tables: interfaces, parts, sensors, neighbours, forwarding, and some of its maker's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from emulator.hardware import Machine
from emulator.network import Line, Switch
from emulator.snmp.agent import Engine
from emulator.snmp.ber import Oid, counter, counter64, gauge, octets, oid, ticks, whole
from emulator.snmp.system_group import SCALAR, Self, of_itself
from emulator.snmp.view import Shown, Table

VLAN = 10
CHASSIS, SUPPLY, FAN, MODULE, PORT, SENSOR = 1, 100, 200, 300, 1_000, 5_000
"""Where the physical indexes of each kind of part begin."""
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


# ---- neighbours and forwarding ----


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


# ---- processor and memory, and what makers add ----

MEMORY_KIB = 16_000_000
PROCESSOR = Table((1, 3, 6, 1, 2, 1, 25, 3, 3, 1), {2: lambda switch: whole(round(switch.busy()))})
DEVICES = Table(
    (1, 3, 6, 1, 2, 1, 25, 3, 2, 1),
    {2: lambda name: oid((1, 3, 6, 1, 2, 1, 25, 3, 1, 3)), 3: octets, 5: lambda name: whole(2)},
)
STORAGE = Table(
    (1, 3, 6, 1, 2, 1, 25, 2, 3, 1),
    {
        2: lambda switch: oid((1, 3, 6, 1, 2, 1, 25, 2, 1, 2)),
        3: lambda switch: octets("RAM"),
        4: lambda switch: whole(1_024),
        5: lambda switch: whole(MEMORY_KIB),
        6: lambda switch: whole(round(MEMORY_KIB * (0.38 + switch.busy() / 1_000))),
    },
)
STATES = Table((1, 3, 6, 1, 2, 1, 131, 1, 1, 1), {3: lambda good: whole(3 if good else 2)})
"""entStateOper (RFC 4268): enabled or disabled."""
CISCO = (1, 3, 6, 1, 4, 1, 9, 9)
CISCO_PROCESSOR = Table(
    (*CISCO, 109, 1, 1, 1, 1),
    {
        2: lambda switch: whole(CHASSIS),
        6: lambda switch: gauge(round(switch.busy() * 1.3)),
        7: lambda switch: gauge(round(switch.busy() * 1.1)),
        8: lambda switch: gauge(round(switch.busy())),
        12: lambda switch: gauge(round(MEMORY_KIB * (0.38 + switch.busy() / 1_000))),
        13: lambda switch: gauge(MEMORY_KIB - round(MEMORY_KIB * (0.38 + switch.busy() / 1_000))),
    },
)
CISCO_SUPPLIES = Table((*CISCO, 117, 1, 1, 2, 1), {1: lambda good: whole(2), 2: lambda good: whole(2 if good else 8)})
"""cefcFRUPowerOperStatus: on, or on but without input (onButInlinePowerFail is 12; failed is 8)."""
CISCO_FANS = Table((*CISCO, 117, 1, 4, 1, 1), {1: lambda good: whole(2 if good else 3)})


def _of_makers(switch: Switch) -> Iterator[Shown]:
    family = switch.family
    assert family is not None
    supplies: dict[Oid, bool] = {(SUPPLY + n,): fed for n, fed in switch.fed.items()}
    fans: dict[Oid, bool] = {(FAN + n,): n not in switch.stopped_fans for n in range(family.fans)}
    if "host-resources" in family.tables:
        yield Shown(PROCESSOR, {(1,): switch})
        yield Shown(DEVICES, {(1,): "Processor"})
        yield Shown(STORAGE, {(1,): switch})
    if "entity-state" in family.tables:
        yield Shown(STATES, {(CHASSIS,): True, **supplies, **fans})
    if "cisco" in family.tables:
        yield Shown(CISCO_PROCESSOR, {(1,): switch})
        yield Shown(CISCO_SUPPLIES, supplies)
        yield Shown(CISCO_FANS, fans)


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
        Shown(LOCAL_LLDP, {SCALAR: switch}),
        Shown(LOCAL_PORTS, {(line.number,): line for line in lines}),
        Shown(NEIGHBOURS, {(0, line.number, 1): neighbour for line, neighbour in _heard(switch)}),
        Shown(BRIDGE_PORTS, {(line.number,): line for line in lines}),
        Shown(FORWARDING, dict(_learned(switch))),
        *_of_makers(switch),
    ]
