"""What a device consists of and where each value stands, drawn once from its tables; then each poll is a look-up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from fleetmon.drivers.snmp.family import INSTANCE, Profile, Switched, Told
from fleetmon.drivers.snmp.parse import entity, rows, wire
from fleetmon.drivers.snmp.parse.points import ABSENT, Condition, Draft, Point, Verdict
from fleetmon.drivers.snmp.parse.standards import STANDARDS
from fleetmon.drivers.snmp.values import Tables, Value, arcs, named, text
from fleetmon.model import (
    DEVICE,
    Component,
    ComponentHealth,
    Health,
    Identity,
    Inventory,
    Neighbour,
    Part,
    Power,
    PowerState,
    Problem,
    Reading,
    Station,
)

_LONGEST_DETAIL = 300


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The points and conditions of a device, and its ports by ifIndex."""

    points: tuple[Point, ...] = ()
    conditions: tuple[Condition, ...] = ()
    parts: Mapping[Component, Part] = field(default_factory=dict)
    port_components: Mapping[int, Component] = field(default_factory=dict)
    power: Switched | None = None
    problems: tuple[Problem, ...] = ()

    @cached_property
    def reading_oids(self) -> tuple[str, ...]:
        """What a poll of the sensors gets, in the order of columns so that an agent finds it soon."""
        return _ordered(oid for point in self.points for oid in point.oids)

    @cached_property
    def state_oids(self) -> tuple[str, ...]:
        """What a poll of the components gets."""
        return _ordered(oid for condition in self.conditions for oid in condition.oids)

    @cached_property
    def watched_oids(self) -> tuple[str, ...]:
        """What a poll of the sensors gets besides: all that tells of components whose states do not wait."""
        watched = {condition.component for condition in self.conditions if condition.watched}
        told = (oid for one in self.conditions if one.component in watched for oid in one.oids)
        return _ordered([*told, self.power.oid] if self.power else told)

    @property
    def ports(self) -> Mapping[int, str]:
        """Name of each port by its ifIndex."""
        return {index: port.name for index, port in self.port_components.items()}


def _ordered(oids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(oids), key=arcs))


def lay_out(profile: Profile, tables: Tables) -> Layout:
    """Where each value of a device stands, by the tables of one walk."""
    draft = Draft(tables)
    for name in profile.standards:
        STANDARDS[name].draw(draft)
    for table in profile.tables:
        rows.draw(table, draft)
    _prefer_tables(draft)
    _add_weak(draft)
    return Layout(
        points=tuple(draft.points.values()),
        conditions=tuple(draft.conditions),
        parts=draft.parts,
        port_components=draft.ports,
        power=profile.power if profile.power and draft.column(profile.power.oid.removesuffix(INSTANCE)) else None,
        problems=tuple(draft.problems),
    )


def _prefer_tables(draft: Draft) -> None:
    """Where a maker's own tables tell of fans or power supplies, entities that say less are not told of beside them."""
    entities = set(draft.entities.values())
    judged = {one.component for one in draft.conditions if not one.weak}
    kinds = {component.kind for component in judged - entities} & entity.PLUGGED
    doubled = {component for component in entities - judged if component.kind in kinds}
    draft.conditions = [one for one in draft.conditions if one.component not in doubled]
    for component in doubled:
        part = draft.parts.get(component)
        if part is not None and not part.serial_number:
            del draft.parts[component]


def _add_weak(draft: Draft) -> None:
    """A component that only measures is well as long as it does."""
    judged = {condition.component for condition in draft.conditions if not condition.weak}
    for point in draft.points.values():
        component = point.sensor.component
        if component not in judged and component != DEVICE and point.terms.void is None:
            judged.add(component)
            draft.conditions.append(Condition(component=component, oids=(point.oid,), judge=_measures, weak=True))


def _measures(told: tuple[Value | None, ...]) -> Verdict | None:
    return Verdict(Health.OK) if text(told[0]) else None


def flat(tables: Tables) -> dict[str, Value]:
    """The values of a walk by their full OIDs."""
    return {f"{column}.{index}": value for column, values in tables.items() for index, value in values.items()}


def readings(layout: Layout, values: Mapping[str, Value], at: datetime) -> list[Reading]:
    """Every sensor of the layout as it is by these values."""
    return [point.reading(values, at) for point in layout.points]


def health(layout: Layout, values: Mapping[str, Value], at: datetime) -> list[ComponentHealth]:
    """How each component is of which these values tell: by the worst that is told of it."""
    told: dict[Component, list[tuple[Condition, Verdict]]] = {}
    for condition in layout.conditions:
        verdict = condition.verdict(values)
        if verdict is not None:
            told.setdefault(condition.component, []).append((condition, verdict))
    return [_health(component, verdicts, at) for component, verdicts in told.items()]


def _health(component: Component, told: list[tuple[Condition, Verdict]], at: datetime) -> ComponentHealth:
    source = told[0][0].oids[0]
    if any(verdict.state == ABSENT for _, verdict in told):
        return ComponentHealth(component=component, health=Health.UNKNOWN, state=ABSENT, taken_at=at, source=source)
    strong = [verdict for condition, verdict in told if not condition.weak]
    verdicts = strong or [min((verdict for _, verdict in told), key=lambda verdict: verdict.health.rank)]
    worst = max(verdicts, key=lambda verdict: verdict.health.rank)
    state = next((one.state for one in verdicts if one.state != "Enabled"), "Enabled")
    chosen = [one.detail for one in verdicts if one.detail and one.health is worst.health]
    predicted = [verdict.predicted for _, verdict in told if verdict.predicted is not None]
    return ComponentHealth(
        component=component,
        health=worst.health,
        state=worst.state if worst.health is not Health.OK else state,
        taken_at=at,
        source=source,
        failure_predicted=any(predicted) if predicted else None,
        detail="; ".join(dict.fromkeys(chosen))[:_LONGEST_DETAIL],
    )


def power(layout: Layout, values: Mapping[str, Value], at: datetime) -> Power | None:
    """Whether the machine is on, where its agent outlives it and tells; None where nothing is said."""
    switched = layout.power
    if switched is None or (told := values.get(switched.oid)) is None:
        return None
    raw = rows.raw_of(told)
    state = PowerState.ON if raw in switched.on else PowerState.OFF if raw in switched.off else PowerState.UNKNOWN
    return Power(state=state, taken_at=at, source=switched.oid)


# ---- who it is and what it is made of --------------------------------------------------------------------------------


def identity(profile: Profile, tables: Tables) -> Identity:
    """Who the device says it is: by its profile, then by the entity that is its chassis, then by its system group."""
    draft = Draft(tables)
    facts = {name: _first(places, tables) for name, places in profile.identity.items()}
    index = entity.chassis(draft)

    def built(*columns: str) -> str:
        if index is None:
            return ""
        return next(filter(None, (named(draft.column(oid).get(str(index))) for oid in columns)), "")

    return Identity(
        manufacturer=facts.get("manufacturer") or profile.manufacturer or built(entity.MAKER),
        model=facts.get("model") or built(entity.MODEL, entity.DESCR),
        serial_number=facts.get("serial_number") or built(entity.SERIAL),
        part_number=facts.get("part_number", ""),
        asset_tag=facts.get("asset_tag") or built(entity.ASSET),
        uuid=facts.get("uuid", ""),
        host_name=facts.get("host_name") or named(draft.column(_SYS_NAME).get("0")),
        firmware=facts.get("firmware") or built(entity.SOFTWARE, entity.FIRMWARE),
        bios_version=facts.get("bios_version", ""),
        bmc_model=facts.get("bmc_model", ""),
    )


_SYS_NAME = "1.3.6.1.2.1.1.5"


def _first(places: Iterable[Told], tables: Tables) -> str:
    """What the first place says that says anything."""
    for place in places:
        column = tables.get(place.column.removesuffix(INSTANCE), {})
        for index in sorted(column, key=arcs):
            found = _matched(place.pattern, column[index])
            if found:
                return found
    return ""


def _matched(pattern: re.Pattern[str] | None, value: Value) -> str:
    if pattern is None:
        return named(value)
    found = pattern.search(text(value))
    return named(found[1] if found.groups() else found[0]) if found else ""


def inventory(profile: Profile, layout: Layout, tables: Tables, at: datetime, complete: bool) -> Inventory:
    """Who the device is and what it is made of."""
    return Inventory(
        identity=identity(profile, tables), parts=tuple(layout.parts.values()), taken_at=at, complete=complete
    )


def neighbours(layout: Layout, tables: Tables) -> list[Neighbour]:
    """What each port has heard of the other end of its cable."""
    return wire.neighbours(layout.port_components, tables)


def stations(layout: Layout, tables: Tables) -> list[Station]:
    """Which Ethernet addresses are behind which port."""
    return wire.stations(layout.port_components, tables)
