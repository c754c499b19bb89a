"""From one finished walk to a plan: what there is, what it is called, and the cheapest way to read it again."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from weakref import WeakValueDictionary

from fleetmon.drivers.redfish import catalog, reports
from fleetmon.drivers.redfish.catalog import Catalog
from fleetmon.drivers.redfish.gate import gates_of
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.parse.components import Seen, seen_in
from fleetmon.drivers.redfish.parse.naming import merge, names
from fleetmon.drivers.redfish.parse.parts import identity
from fleetmon.drivers.redfish.parse.readings import Told, owner_of_metrics, told_by
from fleetmon.drivers.redfish.plan import Plan, Source, choose
from fleetmon.drivers.redfish.resource import Resource, is_resource, key, kind_of
from fleetmon.drivers.redfish.stocktaking import repeated
from fleetmon.drivers.redfish.walk import Expand, Walk
from fleetmon.model import Component, ComponentHealth, Health, NoReading, Quality, Reading, Sensor
from fleetmon.plausibility import contradiction


@dataclass(frozen=True, slots=True)
class Sight:
    """What the resources read so far tell, named."""

    things: tuple[Seen, ...]
    components: Mapping[str, Component]
    """By source."""
    naming: Mapping[str, int]
    values: tuple[Told, ...]
    catalog: Catalog


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Names:
    """What stays of a sight between two walks; shared by all devices whose parts have the same names and places."""

    components: Mapping[str, Component]
    """By source."""
    twice: frozenset[str]
    """Sources of what two resources tell."""


NAMELESS = Names({}, frozenset())
"""Before a first walk."""

_NAMES: WeakValueDictionary[Hashable, Names] = WeakValueDictionary()


def names_of(sight: Sight) -> Names:
    """How the things in sight are called."""
    twice = frozenset(source for thing in sight.things if thing.also for source in (thing.source, *thing.also))
    content = (tuple(sight.components.items()), twice)
    return _NAMES.setdefault(content, Names(dict(content[0]), twice))


MAX_WATCHED = 500
LEFT_TO_WALKS = frozenset({"Drive", "Memory", "NetworkAdapter", "PCIeDevice"})
"""Kinds of which there are many; what they or their metrics measure is read by walks and in no steady poll."""
PARTS_WITH_METRICS = LEFT_TO_WALKS | {"Battery", "PowerSupply", "Processor"}


def sight_of(resources: Iterable[Resource], others: Iterable[Seen], plan: Plan) -> Sight:
    """Everything the resources tell, under the names it will keep. `others` were told by resources read apart."""
    resources = list(resources)
    watched = frozenset(plan.watched)
    found = [seen for resource in resources for seen in seen_in(resource, watched)]
    things = merge([*found, *others])
    components, naming = names(things, plan.naming)
    values = [told for resource in resources for told in told_by(resource)]
    return Sight(tuple(things), components, naming, tuple(values), catalog.build(values, components, plan.catalog))


def health_of(sight: Sight) -> tuple[ComponentHealth, ...]:
    """The condition of every component in sight."""
    return tuple(_health(thing, sight.components[thing.key]) for thing in sight.things)


def _health(thing: Seen, component: Component) -> ComponentHealth:
    return ComponentHealth(
        component=component,
        health=thing.health,
        state=thing.state,
        taken_at=thing.taken_at,
        source=thing.source,
        failure_predicted=thing.failure_predicted,
        detail=thing.detail,
    )


def readings_of(values: Iterable[Told], taken_at: Mapping[str, datetime], known: Catalog) -> tuple[list[Reading], int]:
    """The values as readings, each sensor once and a number before a reason; and how many belong to no known sensor.

    `taken_at` is by the path of the resource, spelled as `key` spells it.
    """
    found: dict[int, Reading] = {}
    strange = 0
    for told in values:
        sensor = known.sensor_of(told)
        if sensor is None:
            strange += told.source not in known.ignored
            continue
        before = found.get(id(sensor))
        if before is None or (isinstance(before.value, NoReading) and not isinstance(told.value, NoReading)):
            found[id(sensor)] = _reading(told, sensor, taken_at[key(told.source)])
    return list(found.values()), strange


def _reading(told: Told, sensor: Sensor, taken_at: datetime) -> Reading:
    """The reading, suspect where the device contradicts itself in telling it."""
    doubt = ""
    if sensor.thresholds and isinstance(told.value, float):
        doubt = contradiction(sensor, told.value, fields.own_health(told.entry))
    quality = Quality.SUSPECT if doubt else Quality.GOOD
    return Reading(sensor=sensor, value=told.value, taken_at=taken_at, quality=quality, quality_reason=doubt)


def clock_of(resources: Iterable[Resource]) -> float | None:
    """Seconds the device's own clock is ahead of ours; None when it does not tell its time."""
    return reports.clock_offset(part for part in resources if kind_of(part.body, part.path) == "Manager")


def learned(walk: Walk, sight: Sight, before: Plan) -> Plan:
    """The plan after a walk that read everything."""
    resources = list(walk.resources.values())
    expand = (walk.expand or Expand()) if walk.expand_worked else Expand()
    offset = clock_of(resources)
    if walk.skip:
        sight = replace(sight, catalog=sight.catalog.keeping(before.catalog, walk.resources.keys()))
    left_out = _left_out(walk, before)
    sources, singles, taken = _sources(walk, sight, expand, before.refused, offset, {key(path) for path in left_out})
    singles += left_out
    skip = {*before.skip, *_repeating_metrics(walk, sight)} - {key(path) for path in (*sources, *singles)}
    if not expand.usable:
        skip |= {*_told_elsewhere(walk, sight), *_only_sensors(walk, singles), *map(key, left_out)}
    ill = {thing.source for thing in sight.things if thing.health.rank >= Health.WARNING.rank}
    watched = ill | {source for source in before.watched if key(source) in walk.resources}
    skip -= {key(source) for source in ill}
    return replace(
        before,
        firmware=identity(resources).firmware or before.firmware,
        gates=gates_of(resources),
        sources=sources,
        singles=singles,
        reports=taken,
        skip=tuple(sorted(skip)),
        spare=() if expand.usable else tuple(sorted(repeated(resources, skip, sight.naming))),
        entrances=_entrances(walk, expand) or before.entrances,
        expand=expand,
        naming=sight.naming,
        watched=tuple(sorted(watched)[:MAX_WATCHED]),
        catalog=sight.catalog,
    )


def _left_out(walk: Walk, before: Plan) -> tuple[str, ...]:
    """Single sensors that this walk did not look at, because the steady polls do; they stay in the plan."""
    return tuple(path for path in before.singles if key(path) in walk.skip and key(path) not in walk.resources)


def _sources(
    walk: Walk, sight: Sight, expand: Expand, refused: Sequence[str], offset: float | None, kept: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Requests of the steady poll, sensors to read one by one, and which of the requests are MetricReports.

    What the singles that are `kept` (by key) tell is taken care of.
    """
    resources = list(walk.resources.values())
    expandable = [resource for resource in resources if key(resource.path) not in walk.unexpanded]
    offers = [*_resource_offers(sight, resources), *_collection_offers(sight, expandable, expand)]
    wanted = _numeric(sight) - {id(sensor) for place, sensor in sight.catalog.by_place.items() if key(place) in kept}
    alive = {
        resource.path: resource
        for resource in resources
        if kind_of(resource.body, resource.path) == "MetricReport"
        and resource.path not in refused
        and reports.is_alive(resource, offset)
    }
    known = {told.source: told.value for told in sight.values if isinstance(told.value, float)}
    offers += [
        Source(path, frozenset(reports.told(report, sight.catalog, known)), 0) for path, report in sorted(alive.items())
    ]
    taken, alone = choose(offers, frozenset(wanted))
    return (
        tuple(source.path for source in taken),
        tuple(source.path for source in alone),
        tuple(source.path for source in taken if source.path in alive),
    )


def _numeric(sight: Sight) -> set[int]:
    """Sensors that gave a number; one that never does is looked at in walks alone."""
    return {
        id(sensor)
        for told in sight.values
        if not isinstance(told.value, NoReading) and (sensor := sight.catalog.sensor_of(told)) is not None
    }


def _sensors_by_resource(sight: Sight, resources: Mapping[str, Resource]) -> dict[str, set[int]]:
    """The sensors each resource (by key) tells; but for the resources that are left to the walks."""
    found: dict[str, set[int]] = {}
    for told in sight.values:
        sensor: Sensor | None = sight.catalog.sensor_of(told)
        if sensor is not None:
            found.setdefault(key(told.source), set()).add(id(sensor))
    return {place: sensors for place, sensors in found.items() if not _is_left_to_walks(resources[place], resources)}


def _resource_offers(sight: Sight, resources: Iterable[Resource]) -> list[Source]:
    """Every resource that tells sensors, as a request of its own."""
    paths = {key(resource.path): resource for resource in resources}
    offers = []
    for place, sensors in _sensors_by_resource(sight, paths).items():
        resource = paths[place]
        single = kind_of(resource.body, resource.path) == "Sensor"
        offers.append(Source(resource.path, frozenset(sensors), 3 if single else 1))
    return offers


def _collection_offers(sight: Sight, resources: Iterable[Resource], expand: Expand) -> list[Source]:
    """Every collection whose members tell sensors, as one request: expanded, or plain where it holds them whole."""
    told = _sensors_by_resource(sight, {key(resource.path): resource for resource in resources})
    offers = []
    for resource in resources:
        if not isinstance(resource.body.get("Members"), list):
            continue
        members = [
            link
            for _, item in fields.items(resource.body, "Members")
            if (link := fields.link(item)) and (expand.usable or is_resource(item))
        ]
        sensors = set().union(*(told.get(key(link), set()) for link in members)) if members else set()
        if sensors:
            path = f"{resource.path}?{expand.query(1)}" if expand.usable else resource.path
            offers.append(Source(path, frozenset(sensors), 2))
    return offers


def _told_elsewhere(walk: Walk, sight: Sight) -> set[str]:
    """Resources (by key) that only repeat what Thermal or Power say; without `$expand` each would cost a request."""
    old = {key(told.source) for told in sight.values if kind_of_source(walk, told.source) in ("Thermal", "Power")}
    by_sensor: dict[int, set[str]] = {}
    for told in sight.values:
        if (sensor := sight.catalog.sensor_of(told)) is not None:
            by_sensor.setdefault(id(sensor), set()).add(key(told.source))
    repeated = {
        place
        for told in sight.values
        if (place := key(told.source)) not in old
        and kind_of_source(walk, told.source) == "Sensor"
        and (sensor := sight.catalog.sensor_of(told)) is not None
        and by_sensor[id(sensor)] & old
    }
    for thing in sight.things:
        fresh = [source for source in (thing.source, *thing.also) if "#" not in source]
        stale = [source for source in (thing.source, *thing.also) if "#" in source]
        if thing.kind == "Fan" and fresh and stale and thing.health is Health.OK:
            repeated.update(key(source) for source in fresh)
    return repeated | _empty_collections(walk, repeated)


def _entrances(walk: Walk, expand: Expand) -> tuple[tuple[str, str], ...]:
    """Where the next walk begins. Without `$expand` at the members of the first collections, not read again themselves.

    A system or chassis that is new is then found by the links of the manager and of its neighbours.
    """
    if expand.usable:
        return walk.entrances
    found: list[tuple[str, str]] = []
    for name, path in walk.entrances:
        body = walk.resources[key(path)].body if key(path) in walk.resources else {}
        inner = fields.link(body, "FirmwareInventory")
        members = [link for _, item in fields.items(body, "Members") if (link := fields.link(item))]
        if inner:
            found.append(("FirmwareInventory", inner))
        found.extend((f"{name}/", member) for member in members)
        if not inner and not members:
            found.append((name, path))
    return tuple(found)


def _only_sensors(walk: Walk, singles: Iterable[str]) -> set[str]:
    """Those of the singles (by key) that hold sensors and no component: the sensor poll looks at them often enough."""
    return {
        key(path) for path in singles if (kind := kind_of_source(walk, path)) == "Sensor" or kind.endswith("Metrics")
    }


def _is_left_to_walks(resource: Resource, resources: Mapping[str, Resource]) -> bool:
    return kind_of(resource.body, resource.path) == "Drive" or _owner_kind(resource, resources) in LEFT_TO_WALKS


def _owner_kind(metrics: Resource, resources: Mapping[str, Resource]) -> str:
    """The type of the resource that this one is the metrics of; empty for every other resource."""
    if not kind_of(metrics.body, metrics.path).endswith("Metrics"):
        return ""
    owner = resources.get(key(owner_of_metrics(metrics.path)))
    return kind_of(owner.body, owner.path) if owner is not None else ""


def _repeating_metrics(walk: Walk, sight: Sight) -> set[str]:
    """Metrics of a part (by key) that only repeat what Sensor resources say."""
    told: dict[str, set[bool]] = {}
    for value in sight.values:
        resource = walk.resources.get(key(value.source))
        if resource is not None and _owner_kind(resource, walk.resources) in PARTS_WITH_METRICS:
            told.setdefault(key(value.source), set()).add(key(value.place) in walk.resources and "#" not in value.place)
    ill = {key(thing.source) for thing in sight.things if thing.health.rank >= Health.WARNING.rank}
    return {place for place, elsewhere in told.items() if elsewhere == {True} and place not in ill}


def _empty_collections(walk: Walk, skipped: set[str]) -> set[str]:
    """Collections all of whose members are skipped need not be read either."""
    return {
        place
        for place, resource in walk.resources.items()
        if (members := [key(link) for _, item in fields.items(resource.body, "Members") if (link := fields.link(item))])
        and all(member in skipped for member in members)
    }


def kind_of_source(walk: Walk, source: str) -> str:
    """The type of the resource a source stands in."""
    resource = walk.resources.get(key(source))
    return kind_of(resource.body, resource.path) if resource is not None else ""


def steady_health(resources: Iterable[Resource], names: Names, plan: Plan) -> tuple[ComponentHealth, ...]:
    """Components told along with the readings, such as the fans of a Thermal resource, named as the last walk did.

    What is told twice is left to the walks: half of its story would hide the worse half.
    """
    watched = frozenset(plan.watched)
    told = (r for r in resources if kind_of(r.body, r.path) != "Sensor" or r.path in watched)
    return tuple(
        _health(thing, names.components[thing.key])
        for resource in told
        for thing in seen_in(resource, watched)
        if thing.key in names.components and thing.source not in names.twice
    )


def newly_ill(sensors: Iterable[Resource], plan: Plan) -> set[str]:
    """Sensor resources that report trouble for the first time; walks look at them from now on."""
    return {
        sensor.path
        for sensor in sensors
        if kind_of(sensor.body, sensor.path) == "Sensor"
        and (fields.own_health(sensor.body) or Health.OK).rank >= Health.WARNING.rank
        and sensor.path not in plan.watched
    }
