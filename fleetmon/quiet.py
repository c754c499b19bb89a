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
ANEW_WITNESS = timedelta(minutes=10)
"""As often is the word of a witness weighed again, since the first endpoint may say something else by now."""

Condition = tuple[object, str, bool | None, str, str, Quality]


@dataclass(frozen=True, slots=True)
class Told:
    """What was stored of the heartbeats of one endpoint, and when last in full."""

    power: tuple[PowerState, str] | None
    conditions: Mapping[Component, Condition] = field(default_factory=dict)
    """Of the components that heartbeats speak of."""
    at: datetime | None = None


def is_news(told: Told | None, observation: Observation) -> bool:
    """Does a heartbeat say anything else than the one before it; the first one does."""
    if told is None or _power(observation) != told.power:
        return True
    return {one.component: _condition(one) for one in _said(observation)} != told.conditions


def is_quiet(told: Told | None, observation: Observation, *, first: bool) -> bool:
    """Is it a heartbeat of which only the instant is worth writing down?

    Once in a while one is written in full all the same, that of a device's `first` endpoint more often: what lists say
    of it stands nowhere else.
    """
    if told is None or told.at is None or observation.asked != ALONE or observation.answered != ALONE:
        return False
    if observation.reachability is not Reachability.REACHABLE or _brings_more(observation):
        return False
    if not timedelta(0) <= observation.taken_at - told.at < (ANEW if first else ANEW_WITNESS):
        return False  # it is time, or our own clock was put back: what is written lies ahead of it
    return not is_news(told, observation)


def after(told: Told | None, observation: Observation) -> Told | None:
    """What has been told once an observation is stored; None when the next heartbeat has to say it all."""
    if Aspect.HEARTBEAT not in observation.answered or observation.reachability is not Reachability.REACHABLE:
        return None
    said = {one.component: _condition(one) for one in _said(observation)}
    if observation.asked != ALONE:
        known = {} if told is None else told.conditions
        said = {component: said.get(component, condition) for component, condition in known.items()}
    return Told(_power(observation), said, observation.taken_at)


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
