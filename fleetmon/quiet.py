"""What heartbeats say, and whether one says anything new; pure.

Most heartbeats repeat the one before. Such a one costs a comparison: nothing of it is written but its instant, which
is written soon and together with those of all other devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fleetmon.model import Aspect, Component, ComponentHealth, Observation, PowerState, Quality, Reachability

ALONE = frozenset({Aspect.HEARTBEAT})
ANEW = timedelta(seconds=60)
"""So old at most is what lists and the live page say of a device whose first endpoint answers."""

Condition = tuple[object, str, bool | None, str, str, Quality]


@dataclass(frozen=True, slots=True)
class Told:
    """What was stored of the heartbeats of one endpoint, and when last in full."""

    power: tuple[PowerState, str] | None
    conditions: Mapping[Component, Condition] = field(default_factory=dict)
    """Of the components that heartbeats speak of."""
    at: datetime | None = None


def is_news(told: Told | None, observation: Observation) -> bool:
    """Does a heartbeat say something that the ones before it did not; so does the first one."""
    if told is None or _power(observation) != told.power:
        return True
    return any(told.conditions.get(one.component) != _condition(one) for one in _said(observation))


def is_quiet(told: Told | None, observation: Observation, *, first: bool) -> bool:
    """Is it a heartbeat of which only the instant is worth writing down?

    That of a device's `first` endpoint is written in full once in a while, since what lists say is nowhere else.
    """
    if told is None or told.at is None or observation.asked != ALONE or observation.answered != ALONE:
        return False
    if observation.reachability is not Reachability.REACHABLE or _brings_more(observation):
        return False
    if first and observation.taken_at - told.at >= ANEW:
        return False
    return not is_news(told, observation)


def after(told: Told | None, observation: Observation) -> Told | None:
    """What has been told once an observation is stored; None when the next heartbeat has to say it all."""
    if Aspect.HEARTBEAT not in observation.answered or observation.reachability is not Reachability.REACHABLE:
        return None
    known = {} if told is None else dict(told.conditions)
    for one in _said(observation):
        if one.component in known or observation.asked == ALONE:
            known[one.component] = _condition(one)
    return Told(_power(observation), known, observation.taken_at)


def _brings_more(observation: Observation) -> bool:
    return bool(
        observation.readings
        or observation.logs
        or observation.problems
        or observation.inventory is not None
        or observation.identity is not None
        or observation.components_complete
    )


def _said(observation: Observation) -> tuple[ComponentHealth, ...]:
    return observation.health if observation.overall is None else (observation.overall, *observation.health)


def _power(observation: Observation) -> tuple[PowerState, str] | None:
    told = observation.power
    return None if told is None else (told.state, told.source)


def _condition(one: ComponentHealth) -> Condition:
    return one.health, one.state, one.failure_predicted, one.detail, one.source, one.quality
