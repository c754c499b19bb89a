"""Which sensor stands where: one Sensor per physical sensor, however many resources tell of it.

A temperature can stand in Thermal, as a Sensor resource, as an excerpt in a metrics resource and in a MetricReport.
The catalog joins these places to one Sensor, so that its identity does not depend on which of them the plan reads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from weakref import WeakValueDictionary

from fleetmon.drivers.redfish.parse.metric_report import property_key, property_keys
from fleetmon.drivers.redfish.parse.naming import key_of
from fleetmon.drivers.redfish.parse.readings import Told, sensor_type, span, thresholds
from fleetmon.drivers.redfish.resource import key
from fleetmon.model import Component, ReadingType, Sensor, Thresholds

RELATABLE = frozenset(
    {"Processor", "Memory", "Drive", "Fan", "PowerSupply", "NetworkAdapter", "PCIeDevice", "Storage", "Battery", "Pump"}
)
"""Kinds a sensor is filed under when it says it belongs to one of them."""

_SPEEDS = (ReadingType.ROTATIONAL, ReadingType.PERCENT)
_LIMITS = tuple(limit.name for limit in fields(Thresholds))


_SPELLINGS = 4
"""Ways to write each property that are remembered; a report that invents more costs time, not memory."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Sensors by the places that tell of them; never changed once made, since all devices of a model share one."""

    by_place: Mapping[str, Sensor] = field(default_factory=dict)
    by_property: Mapping[str, Sensor] = field(default_factory=dict)
    """By what a MetricReport calls them."""
    ignored: Collection[str] = frozenset()
    """Sources that repeat what a sensor tells already."""
    _spelled: dict[str, Sensor | None] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What `sensor_of_property` said before; it follows from the above."""

    def sensor_of(self, told: Told) -> Sensor | None:
        """The sensor a value belongs to; None for one never seen before."""
        return sensor_at(self.by_place, told)

    def sensor_of_property(self, metric_property: str) -> Sensor | None:
        """The sensor a MetricProperty names."""
        try:
            return self._spelled[metric_property]
        except KeyError:
            found = self.by_property.get(property_key(metric_property))
            if len(self._spelled) < _SPELLINGS * len(self.by_property):
                self._spelled[metric_property] = found
            return found

    @property
    def sensors(self) -> list[Sensor]:
        """Every sensor once."""
        return list({id(sensor): sensor for sensor in self.by_place.values()}.values())

    def keeping(self, before: Catalog, read: Collection[str]) -> Catalog:
        """This one, and what an earlier one knew of other resources than those (by key) that were read this time."""
        own = {sensor.key: sensor for sensor in self.sensors}
        kept = {place: sensor for place, sensor in before.by_place.items() if key(place) not in read}
        left = {id(sensor) for sensor in kept.values()}
        properties = {name: sensor for name, sensor in before.by_property.items() if id(sensor) in left}
        return Catalog(
            {place: own.get(sensor.key, sensor) for place, sensor in kept.items()} | dict(self.by_place),
            {name: own.get(sensor.key, sensor) for name, sensor in properties.items()} | dict(self.by_property),
            frozenset(self.ignored) | {source for source in before.ignored if key(source) not in read},
        )

    def to_json(self) -> list[dict[str, Any]]:
        """As plain JSON, to be remembered; what is ignored apart."""
        places: dict[int, list[str]] = {}
        properties: dict[int, list[str]] = {}
        for place, sensor in self.by_place.items():
            places.setdefault(id(sensor), []).append(place)
        for name, sensor in self.by_property.items():
            properties.setdefault(id(sensor), []).append(name)
        return [_row(sensor, places[id(sensor)], properties.get(id(sensor), [])) for sensor in self.sensors]

    @classmethod
    def from_json(cls, rows: Iterable[Mapping[str, Any]], ignored: Iterable[str] = ()) -> Catalog:
        """What `to_json` gave; raises KeyError, TypeError or ValueError for anything else."""
        by_place: dict[str, Sensor] = {}
        by_property: dict[str, Sensor] = {}
        for row in rows:
            sensor = shared(
                Sensor(
                    component=Component(row["kind"], row["component"]),
                    name=row["name"],
                    type=ReadingType(row["type"]),
                    source=row["source"],
                    physical_context=row.get("context", ""),
                    range_min=row.get("min"),
                    range_max=row.get("max"),
                    thresholds=Thresholds(**row.get("thresholds", {})),
                )
            )
            by_place.update(dict.fromkeys(row["places"], sensor))
            by_property.update(dict.fromkeys(row.get("properties", ()), sensor))
        return cls(by_place, by_property, frozenset(ignored))


def sensor_at(by_place: Mapping[str, Sensor], told: Told) -> Sensor | None:
    """The sensor filed under the place of a value, or else under its source."""
    found = by_place.get(told.place)
    if found is not None and found.type is told.type:
        return found
    return by_place.get(told.source)


_SENSORS: WeakValueDictionary[tuple[object, ...], Sensor] = WeakValueDictionary()


def shared(sensor: Sensor) -> Sensor:
    """The one object for all sensors equal to this one, as long as anybody holds it."""
    limits = sensor.thresholds
    content = (
        sensor.key,
        sensor.source,
        sensor.physical_context,
        sensor.range_min,
        sensor.range_max,
        *(getattr(limits, name) for name in _LIMITS),
    )
    return _SENSORS.setdefault(content, sensor)


def _row(sensor: Sensor, places: list[str], properties: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": sensor.component.kind,
        "component": sensor.component.name,
        "name": sensor.name,
        "type": sensor.type.value,
        "source": sensor.source,
        "places": places,
    }
    if properties:
        row["properties"] = properties
    if sensor.physical_context:
        row["context"] = sensor.physical_context
    if sensor.range_min is not None:
        row["min"] = sensor.range_min
    if sensor.range_max is not None:
        row["max"] = sensor.range_max
    if sensor.thresholds:
        row["thresholds"] = {name: value for name in _LIMITS if (value := getattr(sensor.thresholds, name)) is not None}
    return row


_Label = tuple[object, str, ReadingType]


@dataclass(slots=True)
class _Claim:
    """A sensor, and the families of resources that have told of it: each family tells a sensor once."""

    sensor: Sensor
    families: set[str]


def build(values: Iterable[Told], components: Mapping[str, Component], before: Catalog | None = None) -> Catalog:
    """The catalog of everything told in one walk. Sensor resources speak first, then Thermal and Power, then excerpts.

    What the catalog knew `before` keeps its identity, whatever this walk did or did not read.
    """
    return _Build(before or Catalog(), components).of(values)


@dataclass(slots=True)
class _Build:
    """A catalog in the making."""

    before: Catalog
    components: Mapping[str, Component]
    by_place: dict[str, Sensor] = field(default_factory=dict)
    by_property: dict[str, Sensor] = field(default_factory=dict)
    ignored: set[str] = field(default_factory=set)
    taken: dict[_Label, _Claim] = field(default_factory=dict)
    carried: dict[int, Sensor] = field(default_factory=dict)

    def of(self, values: Iterable[Told]) -> Catalog:
        """The finished catalog."""
        ordered = sorted(values, key=_order)
        aliases = _aliases(ordered, self.components)
        quantities = {told.place: told.quantity for told in ordered if told.quantity}
        for told in ordered:
            identity = aliases.get(told.place) or _identity(told, self.components)
            self._take(told, identity, quantities.get(told.place, ""))
        return Catalog(self.by_place, self.by_property, frozenset(self.ignored))

    def _take(self, told: Told, identity: tuple[Component, str], quantity: str) -> None:
        earlier = self.before.sensor_of(told)
        component, name = (earlier.component, earlier.name) if earlier is not None else identity
        labels = _labels(told, component, name, quantity)
        known = sensor_at(self.by_place, told) or (self.carried.get(id(earlier)) if earlier is not None else None)
        if known is not None:
            self._join(told, known, labels)
        elif earlier is not None:
            self._add(told, component, name, labels, earlier)
        elif _repeats_speed(told, component, self.taken, self._source(told)):
            self.ignored.add(told.source)
        elif (claim := self._claim_of(told, labels)) is not None:
            claim.families.add(_family(told))
            self._file(told, claim.sensor)
        elif labels[0] in self.taken:
            name = _distinct(told, component, name, self.taken)
            self._add(told, component, name, _labels(told, component, name, "")[:1], None)
        else:
            self._add(told, component, name, labels, None)

    def _source(self, told: Told) -> Sensor | None:
        """The sensor at the place a value is taken from, whatever its type; this walk may have left it out."""
        return self.by_place.get(told.place) or self.before.by_place.get(told.place)

    def _claim_of(self, told: Told, labels: Iterable[_Label]) -> _Claim | None:
        """The sensor that another kind of list has told of under one of these labels."""
        family = _family(told)
        claims = (self.taken[label] for label in labels if label in self.taken)
        return next((claim for claim in claims if family not in claim.families), None)

    def _join(self, told: Told, sensor: Sensor, labels: Iterable[_Label]) -> None:
        self._file(told, sensor)
        self._claim(labels, sensor, told)

    def _add(
        self, told: Told, component: Component, name: str, labels: Iterable[_Label], earlier: Sensor | None
    ) -> None:
        sensor = _sensor(told, component, name)
        if earlier is not None:
            self.carried[id(earlier)] = sensor
        self._file(told, sensor)
        self._claim(labels, sensor, told)

    def _claim(self, labels: Iterable[_Label], sensor: Sensor, told: Told) -> None:
        for label in labels:
            self.taken.setdefault(label, _Claim(sensor, set())).families.add(_family(told))

    def _file(self, told: Told, sensor: Sensor) -> None:
        own = self.by_place.get(told.place)
        self.by_place[told.place if own is None or own is sensor else told.source] = sensor
        for name in property_keys(told.place, told.source):
            self.by_property.setdefault(name, sensor)
        if told.excerpt and "#" not in told.place:
            for name in (told.place, f"{told.place}#/reading"):
                self.by_property.setdefault(name, sensor)


def _labels(told: Told, component: Component, name: str, quantity: str) -> list[_Label]:
    """What a sensor may be recognised by: its component and name; its chassis and the name the device gives it."""
    chassis = "/".join(key(told.owner).split("/")[:5])
    labels: list[_Label] = [(component, _plain(name), told.type)]
    if not told.excerpt:
        labels.append((chassis, _plain(told.name if told.name != "Speed" else component.name), told.type))
    if quantity:
        labels.append((chassis, quantity, told.type))
    return labels


def _repeats_speed(told: Told, component: Component, taken: Mapping[_Label, _Claim], source: Sensor | None) -> bool:
    """Is this the share of its full speed at which a fan turns that also tells its revolutions?"""
    if not told.excerpt or told.type is not ReadingType.PERCENT:
        return False
    if source is not None and source.type is ReadingType.ROTATIONAL:
        return True
    return component.kind == "Fan" and (
        (component, "speed", ReadingType.ROTATIONAL) in taken or "SpeedRPM" in told.entry
    )


def _order(told: Told) -> int:
    return 2 if told.excerpt else 0 if "#" not in told.place else 1


def _family(told: Told) -> str:
    """The kind of list a value stands in; no list tells the same sensor twice."""
    if told.excerpt:
        return f"excerpt of {told.source.partition('#')[0].rstrip('/').rpartition('/')[2]} {told.name}"
    return "sensor" if "#" not in told.place else told.place.partition("#")[2].partition("/")[0]


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower())) or name


def _identity(told: Told, components: Mapping[str, Component]) -> tuple[Component, str]:
    """The component and name a value is filed under."""
    component = _component(told, components)
    if component.kind == "Fan" and told.type in _SPEEDS and _speaks_of(told.name, component.name):
        return component, "Speed"
    return component, told.name


def _speaks_of(name: str, component: str) -> bool:
    """Is this sensor the fan's only one by its name: the fan's name, with or without no more than the word speed?"""
    said, called = _plain(name), _plain(component)
    rest = said.removeprefix(called) if said.startswith(called) else called.removeprefix(said)
    return rest in ("", "speed", "rpm", "tach", "pwm", "fanspeed", "reading")


def _component(told: Told, components: Mapping[str, Component]) -> Component:
    if told.related and (found := components.get(key_of(told.related))) is not None and found.kind in RELATABLE:
        return found
    path = told.owner
    while path.count("/") > 2:
        if (found := components.get(key_of(path))) is not None:
            return found
        path = path.partition("#")[0] if "#" in path else path.rstrip("/").rpartition("/")[0]
    return Component("Chassis", told.owner.partition("#")[0].rstrip("/").rpartition("/")[2])


def _aliases(values: Iterable[Told], components: Mapping[str, Component]) -> dict[str, tuple[Component, str]]:
    """What a component's excerpt says of a Sensor resource of the same type: whose it is and what it measures."""
    values = list(values)
    types = {told.place: told.type for told in values if not told.excerpt}
    found: dict[str, tuple[Component, str]] = {}
    seen: dict[tuple[Component, str], int] = {}
    for told in values:
        if told.excerpt and types.get(told.place) is told.type:
            component = _component(told, components)
            if component.kind in RELATABLE and told.place not in found:
                found[told.place] = (component, told.name)
                seen[found[told.place]] = seen.get(found[told.place], 0) + 1
    return {place: identity for place, identity in found.items() if seen[identity] == 1}


def _distinct(told: Told, component: Component, name: str, taken: Mapping[_Label, object]) -> str:
    """A name nobody has yet, made of what the device says and the same in every walk."""
    tail = (
        key(told.place.partition("#")[0]).rpartition("/")[2] if "#" not in told.place else told.place.partition("#")[2]
    )
    mark = tail.split("/")[1] if "#" in told.place and tail.count("/") > 1 else tail
    for candidate in (f"{told.name} {mark}", f"{told.name} ({told.place})"):
        if (component, _plain(candidate), told.type) not in taken:
            return candidate
    return f"{name} ({told.source})"


def _sensor(told: Told, component: Component, name: str) -> Sensor:
    factor = sensor_type(told.entry)[1] if "ReadingUnits" in told.entry and "ReadingType" in told.entry else 1.0
    low, high = span(told.entry)
    return shared(
        Sensor(
            component=component,
            name=name,
            type=told.type,
            source=told.source,
            physical_context=told.context,
            range_min=None if low is None else low * factor,
            range_max=None if high is None else high * factor,
            thresholds=thresholds(told.entry, factor),
        )
    )
