"""What several endpoints of one device say of it, and what its summary makes of that; pure.

The first endpoint decides whether the device can be asked: a heartbeat over another one never hides that it is silent.
The power state is whatever is said last, for as long as the others were merely not asked since; endpoints that go on
contradicting each other are told as what they are, a disagreement, in which nobody is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum, auto

from fleetmon.duties import patience
from fleetmon.ingest.summary import Changes
from fleetmon.model import Aspect, Observation, PowerState, Protocol, Reachability
from fleetmon.storage.endpoints import EndpointState
from fleetmon.storage.rows import DeviceSummary

LASTING = timedelta(seconds=60)
"""How long two endpoints must contradict each other to disagree: some tell the power state of 45 s ago (F61)."""


class Role(Enum):
    """What an endpoint's word is worth now."""

    FIRST = auto()
    WITNESS = auto()
    """It vouches for what the first one tells, or contradicts it."""
    STAND_IN = auto()
    """It tells in place of those before it, which are silent."""


def role_of(protocol: Protocol, states: Sequence[EndpointState], misses: int) -> Role:
    """The role of one endpoint, by how those before it fare; one nobody asked yet is silent, too."""
    before: list[EndpointState] = []
    for state in states:
        if state.protocol is protocol:
            enough = patience(misses, answers=state.reachability is Reachability.REACHABLE)
            break
        before.append(state)
    else:
        return Role.WITNESS if states else Role.FIRST
    if not before:
        return Role.FIRST
    silent = all(one.misses >= enough or one.reachability is Reachability.NEVER_ASKED for one in before)
    return Role.STAND_IN if silent else Role.WITNESS


def after(state: EndpointState, observation: Observation, *, misses: int) -> EndpointState:
    """An endpoint after one more poll."""
    at = observation.taken_at
    fine = observation.reachability is Reachability.REACHABLE
    state = replace(
        state,
        reachability=observation.reachability,
        reason="" if fine else observation.reason,
        since=None if fine else state.since or at,
        misses=0 if fine else state.misses + 1,
        polled_at=at,
        seen_at=at if observation.answered else state.seen_at,
    )
    told = observation.power
    if told is None:
        due = Aspect.HEARTBEAT in observation.asked or not observation.answered
        return replace(state, power_misses=state.power_misses + int(due))
    unbroken = state.power is told.state and state.power_misses < misses
    since = state.power_since if unbroken and state.power_since is not None else told.taken_at
    return replace(
        state,
        power=told.state,
        power_at=told.taken_at,
        power_source=told.source,
        power_since=None if told.state is PowerState.UNKNOWN else since,
        power_misses=0,
    )


def agreed(before: DeviceSummary, states: Sequence[EndpointState], at: datetime, *, misses: int) -> Changes:
    """What a summary says of a device with these endpoints, the one polled at `at` among them."""
    asked = [state for state in states if state.reachability is not Reachability.NEVER_ASKED]
    lead = asked[0]
    seen = max((state.seen_at for state in asked if state.seen_at is not None), default=None)
    changes: Changes = {
        "polled_at": at,
        "reachability": lead.reachability,
        "reachability_reason": _reason(lead, asked),
        "unreachable_since": lead.since,
        "misses": lead.misses,
    }
    if seen is not None and (before.seen_at is None or seen > before.seen_at):
        changes |= {"seen_at": seen, "stale": False}
    return changes | _power(before, [state for state in asked if is_fresh(state, before.interval, at, misses=misses)])


def is_fresh(state: EndpointState, interval: timedelta, at: datetime, *, misses: int) -> bool:
    """Does its last word on the power still count?"""
    if state.power is PowerState.UNKNOWN or state.power_at is None:
        return False
    return state.power_misses < misses or at - state.power_at < (misses - 0.5) * interval


def disagree(one: EndpointState, other: EndpointState) -> bool:
    """Have they said different things for so long that no change between two polls explains it?"""
    return one.power is not other.power and _together(one, other) >= LASTING


def _power(before: DeviceSummary, words: Sequence[EndpointState]) -> Changes:
    if not words:
        return {"power": PowerState.UNKNOWN, "power_since": None, "power_reason": ""}
    first = words[0]
    if any(disagree(first, other) for other in words[1:]):
        said = ", ".join(f"{word.protocol.called} says {word.power.value}" for word in words)
        return {
            "power": PowerState.UNKNOWN,
            "power_at": _latest(words),
            "power_source": "; ".join(word.power_source for word in words),
            "power_known": first.power,
            "power_since": None,
            "power_reason": said,
        }
    lead = first
    for other in words[1:]:
        if other.power is not lead.power and _since(other) > _since(lead):
            lead = other
    unbroken = before.power is lead.power and before.power_since is not None
    return {
        "power": lead.power,
        "power_at": _latest([word for word in words if word.power is lead.power]),
        "power_source": lead.power_source,
        "power_known": lead.power,
        "power_since": before.power_since if unbroken else lead.power_since,
        "power_reason": "",
    }


def _together(one: EndpointState, other: EndpointState) -> timedelta:
    """For how long both were heard to say what they say now."""
    until = min(one.power_at or _since(one), other.power_at or _since(other))
    return until - max(_since(one), _since(other))


def _since(state: EndpointState) -> datetime:
    since = state.power_since or state.power_at
    assert since is not None, "it has told a power state"
    return since


def _latest(words: Sequence[EndpointState]) -> datetime | None:
    return max((word.power_at for word in words if word.power_at is not None), default=None)


def _reason(lead: EndpointState, asked: Sequence[EndpointState]) -> str:
    """Why the first endpoint cannot be asked, and who still answers."""
    if lead.reachability is Reachability.REACHABLE:
        return ""
    others = [one.protocol.called for one in asked if one is not lead and one.reachability is Reachability.REACHABLE]
    return f"{lead.protocol.called}: {lead.reason}; {', '.join(others)} answers" if others else lead.reason
