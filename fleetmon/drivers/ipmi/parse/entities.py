"""What a sensor or part speaks of: entity ids, sensor types and names as components a person knows.

IPMI has numbers for entities, makers put the number that counts into names (`PS1 Status`, `P1-DIMMA1`, `HDD0`), and
some give every fan, drive or DIMM the same entity. So a name that says which one it is wins over the entity; the
entity wins over its sensors' type. All of it depends on the SDRs alone, so that names are the same at every poll.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from fleetmon.drivers.ipmi.parse.sdr import (
    BMC_ADDRESS,
    SENSOR_SPECIFIC,
    Entity,
    FruLocator,
    Repository,
    SensorRecord,
)
from fleetmon.model import Component

CHASSIS, SYSTEM, MANAGER = "Chassis", "ComputerSystem", "Manager"

ENTITIES: Mapping[int, tuple[str, str]] = {
    0x00: (CHASSIS, "Chassis"), 0x01: (CHASSIS, "Chassis"), 0x02: (CHASSIS, "Chassis"), 0x03: ("Processor", "CPU"),
    0x04: (CHASSIS, "Drive Bay"), 0x05: (CHASSIS, "Peripheral Bay"), 0x06: (MANAGER, "BMC"),
    0x07: (CHASSIS, "System Board"), 0x08: ("Memory", "Memory"), 0x09: ("Processor", "CPU"),
    0x0A: ("PowerSupply", "PS"),
    0x0B: ("PCIeDevice", "Add-in Card"), 0x0C: (CHASSIS, "Front Panel"), 0x0D: (CHASSIS, "Back Panel"),
    0x0E: (CHASSIS, "Power System Board"), 0x0F: (CHASSIS, "Drive Backplane"), 0x10: (CHASSIS, "Expansion Board"),
    0x11: (CHASSIS, "Board"), 0x12: (CHASSIS, "Processor Board"), 0x13: ("PowerDomain", "Power Unit"),
    0x14: (CHASSIS, "Power Module"), 0x15: (CHASSIS, "Power Distribution Board"), 0x16: (CHASSIS, "Back Panel Board"),
    0x17: (CHASSIS, "Chassis"), 0x18: (CHASSIS, "Sub-Chassis"), 0x19: (CHASSIS, "Chassis Board"),
    0x1A: (CHASSIS, "Drive Bay"), 0x1B: (CHASSIS, "Peripheral Bay"), 0x1C: (CHASSIS, "Device Bay"),
    0x1D: ("Fan", "Fan"), 0x1E: ("CoolingUnit", "Cooling Unit"), 0x1F: ("Cable", "Cable"),
    0x20: ("Memory", "Memory"), 0x21: (MANAGER, "BMC"), 0x22: (SYSTEM, "System"), 0x23: (SYSTEM, "System"),
    0x24: (SYSTEM, "System"), 0x25: (CHASSIS, "Group"), 0x26: (MANAGER, "BMC"), 0x27: (CHASSIS, "Chassis"),
    0x28: ("Battery", "Battery"), 0x29: (CHASSIS, "Blade"), 0x2A: ("Switch", "Switch"),
    0x2B: (CHASSIS, "Processor Memory Module"), 0x2C: ("PCIeDevice", "I/O Module"),
    0x2D: (CHASSIS, "Processor I/O Module"), 0x2E: (MANAGER, "BMC"), 0x2F: (MANAGER, "BMC"),
    0x30: (SYSTEM, "System"), 0x31: (SYSTEM, "System"), 0x32: (SYSTEM, "System"), 0x33: (SYSTEM, "System"),
    0x34: (SYSTEM, "System"), 0x35: (CHASSIS, "System Board"), 0x37: (CHASSIS, "Chassis"), 0x40: (CHASSIS, "Chassis"),
    0x41: ("Processor", "CPU"), 0x42: (CHASSIS, "System Board"), 0xA0: (CHASSIS, "Front Board"),
    0xC0: (CHASSIS, "Rear Transition Module"), 0xC1: (CHASSIS, "AMC Module"), 0xF0: (CHASSIS, "Shelf Manager"),
    0xF1: (CHASSIS, "Filtration Unit"), 0xF2: (CHASSIS, "Shelf FRU Information"),
}  # fmt: skip
"""Kind and name of what an entity id means (tables 43-13; 37h, 40h to 42h of DCMI 1.5; A0h and on of PICMG 3.0)."""

_OTHER_ENTITY = (CHASSIS, "Entity")
_NUMBERED = frozenset({"Processor", "Memory", "PowerSupply", "Fan", "Battery", "PCIeDevice", "CoolingUnit"})
"""Kinds of which there are many: their number is told even where the SDRs know one only."""

TYPES: Mapping[int, str] = {
    0x04: "Fan", 0x05: CHASSIS, 0x06: CHASSIS, 0x07: "Processor", 0x08: "PowerSupply", 0x09: "PowerDomain",
    0x0A: "Fan", 0x0C: "Memory", 0x0D: "Drive", 0x0F: SYSTEM, 0x10: "LogService", 0x11: SYSTEM, 0x12: SYSTEM,
    0x13: SYSTEM, 0x17: "PCIeDevice", 0x18: CHASSIS, 0x19: SYSTEM, 0x1B: "Cable", 0x1D: SYSTEM, 0x1E: SYSTEM,
    0x1F: SYSTEM, 0x20: SYSTEM, 0x21: "PCIeSlot", 0x22: SYSTEM, 0x23: SYSTEM, 0x24: MANAGER, 0x26: MANAGER,
    0x28: MANAGER, 0x29: "Battery", 0x2A: MANAGER, 0x2B: MANAGER,
}  # fmt: skip
"""What kind of component a sensor of this type speaks of, where that is not simply its entity."""
REDUNDANCY = 0x0B
"""Event/reading type of sensors that tell whether something is redundant."""
TEMPERATURE, CRITICAL_INTERRUPT = 0x01, 0x13
PRESENCE = 0x25
"""Sensor type whose states tell whether a thing is there."""

_NAMED_BY_SENSOR = frozenset({"Fan", "Battery", "Cable", "PCIeSlot", "PowerDomain", "Drive"})
"""Kinds whose members bear the names of their sensors."""
_SINGLE = {SYSTEM: "System", "LogService": "SEL", CHASSIS: "Chassis"}
"""Kinds a device has one of, as far as types of sensors can tell."""

_START = r"(?<![A-Za-z])"
_DESIGNATIONS = {
    "PowerSupply": re.compile(
        _START + r"(?P<label>(?:PSU?|P/S|PWS|(?:Power|Pwr)[ _]?Supply)[ _#-]?(?P<number>\d{1,2}))(?!\d)", re.IGNORECASE
    ),
    "Processor": re.compile(
        _START + r"(?P<label>(?:(?:[CG]PU|PROC(?:ESSOR)?|Socket|SKT)[ _#-]?|P)(?P<number>\d{1,2}))(?![\dA-Za-z.])",
        re.IGNORECASE,
    ),
    "Memory": re.compile(
        _START + r"(?P<label>(?P<number>(?:(?:CPU|PROC|P|C|N)[ _]?\d[ _-]*(?:CH[A-Z\d]?[ _-]*)?)?"
        r"(?:DIMM|Dimm)[ _#-]*(?:[A-Z]{1,2}[ _-]?\d{0,2}(?:[-/]\d{1,2})?|\d{1,2}(?:-\d{1,2})?)))(?![A-Za-z])"
    ),
    "Drive": re.compile(
        _START + r"(?P<label>(?P<number>(?:HDD|SSD|NVMe(?:[ _]?SSD)?|Drive|Disk|HD|M\.2)[ _#-]*(?:Slot|Bay)?[ _#-]*"
        r"\d{1,3}(?:[-:/]\d{1,3})*))(?!\d)",
        re.IGNORECASE,
    ),
}  # fmt: skip
"""Names that say which one of a kind they are: by its number alone, or by all of what they say."""
_SURELY_CPU = re.compile(_START + r"(?:[CG]PU|PROC(?:ESSOR)?)[ _#-]?\d{1,2}(?![\dA-Za-z.])", re.IGNORECASE)
_GPU = re.compile(r"^GPU", re.IGNORECASE)
"""Accelerators are processors too, counted apart; they stand on cards."""
_FALLBACKS = ("Memory", "PowerSupply", "Processor", "Drive")
_MEASURED = re.compile(
    r"(?:^|[ _-]+|(?<=\d))(?:rpm|tach(?:o|ometer)?|speed|stat(?:us|e)?|pres(?:ent|ence)?|fail(?:ure|ed)?|fault|"
    r"duty(?:[ _]?cycle)?|pwm|reading|%|temp(?:erature)?|fru)$",
    re.IGNORECASE,
)
"""What a name ends in where it tells what is measured of the thing, and not which thing it is."""
_SEPARATOR = re.compile(r"[ _#]|(?<!\d)-|-(?!\d)")
"""What spellings of one name differ by; between digits a hyphen means from the one to the other."""
_SLOT = re.compile(r"(?:PCIe?[ _-]?)?slot", re.IGNORECASE)
_SHORT_DIMM = re.compile(r"^[A-Z] ?\d{1,2}$")

NAMES = 16_384
"""Names of sensors whose meaning is remembered: a fleet has some thousand, a BMC that makes them up any number."""


@lru_cache(maxsize=NAMES)
def bare(name: str) -> str:
    """The name without what is measured: `Fan1A Status` is Fan1A; empty for `Status` alone."""
    found = name.strip()
    while (shorter := _MEASURED.sub("", found).strip(" _-")) != found:
        found = shorter
    return found


@lru_cache(maxsize=NAMES)
def designated(kind: str, name: str) -> tuple[str, str] | None:
    """Which one of `kind` a name says it is: what tells it from others, and its label; None where it does not say."""
    pattern = _DESIGNATIONS.get(kind)
    found = pattern.search(name) if pattern else None
    if found is None:
        return None
    number, label = found["number"], " ".join(found["label"].strip(" _-").split())
    key = str(int(number)) if number.isdigit() else _SEPARATOR.sub("", number.lower())
    return f"gpu{key}" if _GPU.match(label) else key, label


@dataclass(frozen=True, slots=True)
class Places:
    """The components of one device, found by what its SDRs tell of them."""

    labels: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By kind and what tells one from others: the label, the same for every sensor and part of the thing."""
    entities: Mapping[Entity, Component] = field(default_factory=dict)
    crowded: frozenset[tuple[int, Entity]] = frozenset()
    """Sensor types of which one entity has several telling of different things."""
    ambiguous: frozenset[tuple[str, str]] = frozenset()
    """Kinds and names of sensors that mean another thing at another entity."""
    fans: frozenset[str] = frozenset()

    def entity(self, entity: Entity) -> Component:
        """The component that is the entity."""
        return self.entities.get(entity) or _plain(entity, frozenset())

    def of(self, sensor: SensorRecord) -> Component:
        """What a sensor speaks of."""
        if sensor.event_type == REDUNDANCY:
            return self._by_name("Redundancy", sensor, sensor.name)
        if sensor.sensor_type == PRESENCE:
            return self._presence(sensor)
        kind = TYPES.get(sensor.sensor_type)
        home = self.entity(sensor.entity)
        if kind is None or kind == home.kind == "PCIeDevice":
            return self._by_entity(sensor, home)
        if kind in _DESIGNATIONS and (found := self._designated(kind, sensor.name)):
            return found
        if kind in _NAMED_BY_SENSOR:
            return self._named(kind, sensor, home)
        if kind in _DESIGNATIONS:
            return self._of_kind(kind, sensor, home)
        if kind == MANAGER:
            return home if home.kind == MANAGER else Component(MANAGER, "BMC")
        if sensor.sensor_type == CRITICAL_INTERRUPT and bare(sensor.name).lower().startswith(
            ("pcie slot", "pci slot", "slot")
        ):
            return self._by_name("PCIeSlot", sensor, bare(sensor.name))
        return Component(kind, _SINGLE[kind]) if kind in _SINGLE else home

    def part(self, locator: FruLocator) -> Component:
        """What a FRU describes."""
        home = self.entity(locator.entity)
        for kind in (home.kind, *_FALLBACKS):
            if found := self._designated(kind, locator.name):
                return found
        name = bare(locator.name)
        shared = home.name != name and locator.entity in self.entities
        return Component(home.kind if home.kind in TYPES.values() else CHASSIS, name) if shared and name else home

    def _by_entity(self, sensor: SensorRecord, home: Component) -> Component:
        """A thing that is measured: the entity, unless the name says more than a board or chassis."""
        if found := self._designated(home.kind, sensor.name):
            return found
        for kind in _FALLBACKS:
            if _believable(kind, sensor, home) and (found := self._designated(kind, sensor.name)):
                return found
        name = bare(sensor.name)
        return Component("Fan", name) if home.kind == CHASSIS and name in self.fans else home

    def _of_kind(self, kind: str, sensor: SensorRecord, home: Component) -> Component:
        """A processor, module, supply: the entity where it is one, the sensor's name where several share the entity."""
        name = bare(sensor.name)
        if home.kind != kind:
            return home
        if (sensor.sensor_type, sensor.entity) in self.crowded and name:
            label = f"DIMM {name.replace(' ', '')}" if kind == "Memory" and _SHORT_DIMM.match(name) else name
            return Component(kind, label)
        return home

    def _named(self, kind: str, sensor: SensorRecord, home: Component) -> Component:
        if kind == "PowerDomain" and sensor.event_type != SENSOR_SPECIFIC:
            return home
        name = bare(sensor.name)
        if not name or (kind == "Drive" and home.kind == "Drive"):
            return home if home.kind == kind else Component(kind, home.name)
        return self._by_name(kind, sensor, name)

    def _presence(self, sensor: SensorRecord) -> Component:
        """An entity's own presence sensor bears no name of its own; any other tells of a thing the entity has."""
        home = self.entity(sensor.entity)
        name = bare(sensor.name)
        if not name or name.lower() == home.name.lower() or home.kind in _NUMBERED:
            return home
        for kind in _FALLBACKS:
            if found := self._designated(kind, sensor.name):
                return found
        if name in self.fans:
            return Component("Fan", name)
        return self._by_name("Assembly", sensor, name)

    def _by_name(self, kind: str, sensor: SensorRecord, name: str) -> Component:
        home = self.entity(sensor.entity).name
        if not name or (kind, name) in self.ambiguous:
            return Component(kind, f"{home} {name}".strip())
        return Component(kind, name if name != "Redundancy" else f"{home} {name}")

    def _designated(self, kind: str, name: str) -> Component | None:
        found = designated(kind, name)
        return Component(kind, self.labels.get((kind, found[0]), found[1])) if found else None


def _believable(kind: str, sensor: SensorRecord, home: Component) -> bool:
    """May the name of a sensor on this entity be the name of a part: on a board or chassis, and surely meant so?"""
    if home.kind == "PCIeDevice":
        return kind == "Processor" and _GPU.match(sensor.name) is not None
    if home.kind not in (CHASSIS, "PowerDomain"):
        return False
    if kind == "Processor":
        return _SURELY_CPU.search(sensor.name) is not None
    return kind == "PowerSupply" or sensor.sensor_type == TEMPERATURE


def places(repository: Repository) -> Places:
    """The components the SDRs of a device tell of."""
    homes = {
        *(one.entity for one in repository.sensors),
        *(one.entity for one in repository.frus),
        *(one.entity for one in repository.controllers),
    }
    many = frozenset(entity for entity, count in Counter(home.id for home in homes).items() if count > 1)
    labels = _labels(repository)
    entities = {home: _plain(home, many) for home in homes}
    entities |= _named_by_controllers(repository)
    entities |= _named_by_frus(repository, labels)
    entities |= _named_by_sensors(repository.sensors, labels)
    return Places(
        labels=labels,
        entities=entities,
        crowded=_crowded(repository.sensors),
        ambiguous=_ambiguous(repository.sensors),
        fans=frozenset(
            bare(one.name) for one in repository.sensors if TYPES.get(one.sensor_type) == "Fan" and bare(one.name)
        ),
    )


def _plain(entity: Entity, many: frozenset[int]) -> Component:
    """An entity by its number: the noun, and which one unless it is the first or only one."""
    kind, noun = ENTITIES.get(entity.id, _OTHER_ENTITY)
    instance = entity.instance - 0x60 if entity.instance >= 0x60 else entity.instance
    if noun == _OTHER_ENTITY[1]:
        return Component(kind, f"{noun} {entity.id:02X}h.{instance}")
    first = instance == 1 or entity.id not in many
    if kind in (SYSTEM, MANAGER) or (kind not in _NUMBERED and first):
        return Component(kind, noun)
    return Component(kind, f"{noun}{'' if noun == 'PS' else ' '}{instance}")


def _labels(repository: Repository) -> dict[tuple[str, str], str]:
    """One label for everything that says by its name which one it is; a FRU's word counts first, a bare `P1` last."""
    names = (*(one.name for one in repository.frus), *(one.name for one in repository.sensors))
    told = [
        (kind, *which)
        for name in names
        for kind in _DESIGNATIONS
        if (which := designated(kind, name)) and _may_be(kind, name)
    ]
    found: dict[tuple[str, str], str] = {}
    for kind, key, label in sorted(told, key=lambda one: len(one[2].rstrip("0123456789")) == 1):
        found.setdefault((kind, key), label)
    return found


def _may_be(kind: str, name: str) -> bool:
    """A processor's number inside the name of a module or voltage is no name for the processor."""
    return kind != "Processor" or designated("Memory", name) is None


def _named_by_controllers(repository: Repository) -> dict[Entity, Component]:
    """Controllers by their names; the one we talk to is the BMC."""
    return {
        one.entity: Component(MANAGER, "BMC" if one.address == BMC_ADDRESS else bare(one.name) or "Controller")
        for one in reversed(repository.controllers)
        if ENTITIES.get(one.entity.id, _OTHER_ENTITY)[0] == MANAGER
    }


def _named_by_frus(repository: Repository, labels: Mapping[tuple[str, str], str]) -> dict[Entity, Component]:
    """Entities by the name of the first part that stands for them."""
    found: dict[Entity, Component] = {}
    for one in repository.frus:
        kind = ENTITIES.get(one.entity.id, _OTHER_ENTITY)[0]
        name = bare(one.name)
        if name and kind not in (SYSTEM, MANAGER):
            which = designated(kind, name)
            label = labels.get((kind, which[0]), name) if which else name
            found.setdefault(one.entity, Component(kind, label))
    return found


def _named_by_sensors(
    sensors: Iterable[SensorRecord], labels: Mapping[tuple[str, str], str]
) -> dict[Entity, Component]:
    """Entities by what their sensors call them, where they agree: `PSU1 Status` and `PSU1 Input` are of PSU1."""
    told: dict[Entity, set[str]] = defaultdict(set)
    for one in sensors:
        kind = ENTITIES.get(one.entity.id, _OTHER_ENTITY)[0]
        if TYPES.get(one.sensor_type, kind) == kind and (which := designated(kind, one.name)):
            told[one.entity].add(which[0])
    return {
        entity: Component(kind := ENTITIES[entity.id][0], labels[kind, next(iter(keys))])
        for entity, keys in told.items()
        if len(keys) == 1 and (ENTITIES[entity.id][0], next(iter(keys))) in labels
    }


def _crowded(sensors: Iterable[SensorRecord]) -> frozenset[tuple[int, Entity]]:
    names: dict[tuple[int, Entity], set[str]] = defaultdict(set)
    for one in sensors:
        if one.event_type == SENSOR_SPECIFIC and not one.by_software:
            names[one.sensor_type, one.entity].add(bare(one.name))
    return frozenset(place for place, told in names.items() if len(told) > 1)


def _ambiguous(sensors: Iterable[SensorRecord]) -> frozenset[tuple[str, str]]:
    homes: dict[tuple[str, str], set[Entity]] = defaultdict(set)
    for one in sensors:
        kind = (
            "Redundancy"
            if one.event_type == REDUNDANCY
            else "Assembly"
            if one.sensor_type == PRESENCE
            else TYPES.get(one.sensor_type, "")
        )
        if kind in _NAMED_BY_SENSOR or kind in ("Redundancy", "Assembly"):
            homes[kind, one.name if kind == "Redundancy" else bare(one.name)].add(one.entity)
    return frozenset(place for place, entities in homes.items() if len(entities) > 1 and place[0] != "Fan")
