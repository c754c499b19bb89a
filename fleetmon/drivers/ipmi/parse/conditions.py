"""How the components are, by what their sensors say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleetmon.drivers.ipmi.parse.entities import PRESENCE
from fleetmon.drivers.ipmi.parse.points import Point
from fleetmon.drivers.ipmi.parse.sensors import Said
from fleetmon.model import Component, ComponentHealth, Health, NoReading

SENSOR = "Sensor"
"""Kind under which a threshold is told crossed, as Redfish tells it of a Temperature or Voltage."""
_PLUGGED = frozenset(
    {"Fan", "PowerSupply", "Drive", "Memory", "Processor", "PCIeDevice", "PCIeSlot", "Battery", "Cable", "Assembly"}
)
"""Kinds whose members may not be there: when every sensor of one is silent, it is not."""


def conditions(
    told: Iterable[Said], taken_at: datetime, watched: frozenset[Component] = frozenset()
) -> tuple[ComponentHealth, ...]:
    """How each component is, by the worst that any of its sensors says.

    A threshold is crossed by a Sensor, told when it is, or when it is `watched` because it was; only a fan is itself
    unwell with its speed. A sensor that the BMC does not know, or that did not answer in time, speaks of nothing.
    """
    told = tuple(told)
    missing = absent(told)
    groups: dict[Component, list[Said]] = {}
    for one in told:
        if one.unknown or one.silent is NoReading.TIMEOUT:
            continue
        component = one.point.component
        if one.point.record.is_threshold and component.kind != "Fan":
            component = as_component(one.point)
            well = one.health is None or one.health is Health.OK or one.point.component in missing
            if well and component not in watched:
                continue
        groups.setdefault(component, []).append(one)
    found = (_condition(component, group, taken_at) for component, group in groups.items())
    return tuple(one for one in found if one is not None)


def absent(told: Iterable[Said]) -> frozenset[Component]:
    """The components whose sensors say that they are not there: what else is told of them measures nothing."""
    groups: dict[Component, list[Said]] = {}
    for one in told:
        if one.present is not None:
            groups.setdefault(one.point.component, []).append(one)
    return frozenset(component for component, group in groups.items() if _says_absent(group))


def _says_absent(group: Iterable[Said]) -> bool:
    """Does a sensor say that it is not there, and no other that it is? The word of a presence sensor counts alone."""
    gone = [one for one in group if one.present is False]
    there = any(one.present for one in group)
    return bool(gone) and (not there or any(one.point.record.sensor_type == PRESENCE for one in gone))


def as_component(point: Point) -> Component:
    """A sensor as a component of its own, named so that nobody has to ask whose it is."""
    owner = point.component.name
    return Component(SENSOR, point.name if point.name.startswith(owner) else f"{owner} {point.name}")


def _condition(component: Component, group: list[Said], taken_at: datetime) -> ComponentHealth | None:
    speaking = [one for one in group if one.health is not None]
    if not speaking and not any(one.silent for one in group):
        return None
    worst = max(speaking, key=lambda one: one.health.rank if one.health else 0, default=group[0])
    predictions = [one.predicted for one in group if one.predicted is not None]
    state = _state(component, group)
    health = (worst.health or Health.UNKNOWN) if state != "Absent" else Health.UNKNOWN
    trouble = [_in_words(component, one) for one in speaking if one.trouble]
    return ComponentHealth(
        component=component,
        health=health,
        state=state,
        taken_at=taken_at,
        source=worst.point.source,
        failure_predicted=any(predictions) if predictions and state != "Absent" else None,
        detail="; ".join(trouble)[:300] if state != "Absent" else "",
    )


def _in_words(component: Component, one: Said) -> str:
    """What troubles a sensor, with its name where the component's does not say it all."""
    words = ", ".join(one.trouble)
    own = component.kind == SENSOR or one.point.name in (component.name, "Status")
    return words if own or one.point.name.startswith(component.name) else f"{one.point.name}: {words}"


def _state(component: Component, group: list[Said]) -> str:
    """DMTF `Status.State`: Absent where a sensor says so, or where all of a part that can be pulled are silent."""
    if _says_absent(group):
        return "Absent"
    silences = {one.silent for one in group}
    if None not in silences:
        if silences == {NoReading.ABSENT} and component.kind in _PLUGGED:
            return "Absent"
        return next((one.state for one in group if one.state), "")
    return next((one.state for one in group if one.state and one.silent is None), "Enabled")
