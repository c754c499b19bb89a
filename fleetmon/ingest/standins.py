"""What an endpoint tells that is not the device's first: which of it is news, and whose names it goes by; pure.

Two protocols call one thing by two names: `Drive Bay 3` and `Drive 3`. Where the names of a kind match beyond doubt, a
stand-in speaks of the things that are known already; where they do not, only what it says is ill is worth a component
of its own. What it finds well it has no standing to call mended: the first endpoint said so, and it may know more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from fleetmon.ingest.naming import essence, subject
from fleetmon.model import DEVICE, Component, ComponentHealth, Health, Observation, Reading, ReadingType, Sensor
from fleetmon.storage.rows import ComponentRow

GROUP = "HealthGroup"
_ILL = (Health.WARNING, Health.CRITICAL)
_EXPLAINS = {
    "Drives": frozenset({"Drive", "Volume", "Storage", "StorageController"}),
    "Cooling": frozenset({"Fan", "ThermalSubsystem", "Sensor"}),
    "Power": frozenset({"PowerSupply", "PowerSubsystem", "Battery", "Redundancy"}),
}
"""Which kinds of component a group of a chassis status sums up."""


def finding(component: Component, protocol: str) -> Component:
    """Under which name a witness alone contradicts the first endpoint."""
    said = "Device" if component == DEVICE else component.name
    return Component(GROUP, f"{said} over {protocol.upper()}")


def is_finding(component: Component, protocol: str) -> bool:
    """Is it the word of a witness?"""
    return component.kind == GROUP and component.name.endswith(f" over {protocol.upper()}")


def is_explained(component: Component, known: Iterable[ComponentRow]) -> bool:
    """Does the first endpoint itself tell of something ill that a witness may mean?"""
    kinds = _EXPLAINS.get(component.name.partition(" over ")[0])
    return any(
        (kinds is None or row.component.kind in kinds)
        and not row.told_by
        and row.health is not None
        and row.health.health in _ILL
        for row in known
    )


def as_witness(observation: Observation) -> Observation:
    """Of what a witness saw all that counts beside the first endpoint's word: what it calls ill, as a warning."""
    protocol = observation.protocol.value
    said = [*observation.health, *([observation.overall] if observation.overall else [])]
    groups = [one for one in said if one.component.kind == GROUP and one.health in _ILL]
    told = groups or [one for one in said if one.component == DEVICE and one.health in _ILL]
    return replace(
        observation,
        overall=None,
        health=tuple(replace(one, component=finding(one.component, protocol), health=Health.WARNING) for one in told),
        components_complete=False,
        readings=(),
        logs=(),
        inventory=None,
        identity=None,
    )


def in_place(
    said: Sequence[ComponentHealth], known: Mapping[Component, ComponentRow], protocol: str
) -> tuple[ComponentHealth, ...]:
    """What a stand-in says of a device's components, by the names they are known by."""
    firsts = [component for component, row in known.items() if row.told_by != protocol or row.part is not None]
    names = same_components([one.component for one in said], firsts)
    kinds = {GROUP, *(component.kind for component in firsts if known[component].health is not None)}
    kept: dict[Component, ComponentHealth] = {}
    for one in said:
        component = names.get(one.component, one.component)
        row = known.get(component)
        own = row is not None and row.told_by == protocol
        if row is None or row.health is None:
            news = one.health in _ILL or one.component.kind not in kinds
        else:
            news = own or one.health.rank > row.health.health.rank
        if news and one.health is not Health.UNKNOWN:
            kept[component] = replace(one, component=component)
    return tuple(kept.values())


def same_components(theirs: Iterable[Component], ours: Iterable[Component]) -> dict[Component, Component]:
    """Which of their components is which of ours; nothing is said of a kind where that is not certain."""
    told, known = _by_kind(theirs), _by_kind(ours)
    found: dict[Component, Component] = {}
    for kind, members in told.items():
        found |= _same(members, known.get(kind, []))
    return found


def _by_kind(components: Iterable[Component]) -> dict[str, list[Component]]:
    kinds: dict[str, list[Component]] = {}
    for one in components:
        kinds.setdefault(one.kind, []).append(one)
    return kinds


def _same(theirs: Sequence[Component], ours: Sequence[Component]) -> dict[Component, Component]:
    """By the same name; else by what is left of names without their kind.

    Bare numbers are believed only where both tell the same ones: some count bays from 0, others from 1.
    """
    by_name = {one.name.casefold(): one for one in ours}
    found = {one: by_name[one.name.casefold()] for one in theirs if one.name.casefold() in by_name}
    told, known = _by_essence(theirs), _by_essence(ours)
    numbered = told.keys() == known.keys()
    for name, one in told.items():
        other = known.get(name)
        if name and other is not None and one not in found and (numbered or not name.isdigit()):
            found[one] = other
    taken = Counter(found.values())
    return {one: other for one, other in found.items() if taken[other] == 1}


def _by_essence(components: Iterable[Component]) -> dict[str, Component]:
    """Components by what their names say beyond their kind; those that say the same are told apart by nobody."""
    essences = {one: essence(one.name) for one in components}
    often = Counter(essences.values())
    return {name: one for one, name in essences.items() if often[name] == 1}


def under_known_names(readings: Iterable[Reading], known: Iterable[Sensor], protocol: str) -> tuple[Reading, ...]:
    """A stand-in's readings: of a sensor that is known where type and name say so, else of its own.

    Its source says who told it, so that nobody takes it for the first endpoint's word.
    """
    ours: dict[tuple[ReadingType, frozenset[str]], list[Sensor]] = {}
    for sensor in known:
        if not is_told_by(sensor, protocol):
            ours.setdefault(_measured(sensor), []).append(sensor)
    told = list(readings)
    often = Counter(_measured(one.sensor) for one in told)
    renamed = []
    for one in told:
        what, source = _measured(one.sensor), one.sensor.source
        found = ours.get(what, [])
        if len(found) == 1 and often[what] == 1:
            sensor = replace(found[0], source=f"{source} ({protocol})")
        else:
            sensor = replace(one.sensor, source=f"{protocol}:{source}")
        renamed.append(replace(one, sensor=sensor))
    return tuple(renamed)


def is_told_by(sensor: Sensor, protocol: str) -> bool:
    """Does a stand-in over this protocol tell it, and nobody else?"""
    return sensor.source.startswith(f"{protocol}:")


def _measured(sensor: Sensor) -> tuple[ReadingType, frozenset[str]]:
    return sensor.type, subject(sensor.component.kind, sensor.component.name, sensor.name)
