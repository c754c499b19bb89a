"""What one observation changes in a device's summary, apart from its components; pure.

Changes are collected by field and made at once, since a summary has many fields and a poll changes few of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fleetmon.ingest.readings import vital
from fleetmon.model import Aspect, Identity, Observation, PowerState, Reachability, Reading
from fleetmon.storage.rows import DeviceSummary

Changes = dict[str, Any]
"""New values of a DeviceSummary's fields, by name."""


def reached(before: DeviceSummary, observation: Observation, *, misses: int) -> Changes:
    """Was there an answer, and what of the power, where the device has one endpoint.

    A failed poll changes what is said of reachability and when it was asked, and nothing that was learned before. Only
    after `misses` of them in a row, and as many intervals of the device, is the power state unknown: a heartbeat every
    ten seconds sees no sooner that a BMC is gone for good. Its last word stays in `power_known`.
    """
    at = observation.taken_at
    missed = _missed(before.misses, observation)
    fine = observation.reachability is Reachability.REACHABLE
    changes: Changes = {
        "polled_at": at,
        "reachability": observation.reachability,
        "reachability_reason": "" if fine else observation.reason,
        "unreachable_since": None if fine else before.unreachable_since or at,
        "misses": missed,
    }
    if observation.answered:
        changes |= {"seen_at": at, "stale": False}
    silent = before.power_at is None or at - before.power_at >= (misses - 0.5) * before.interval
    return changes | _powered(before, observation, unknown=missed >= misses and silent)


def measured(readings: Sequence[Reading]) -> Changes:
    """Inlet, outlet and watts among these readings; what they do not tell stays and grows old."""
    found = vital(readings)
    told = {"inlet": found.inlet, "outlet": found.outlet, "watts": found.watts}
    return {name: stated for name, stated in told.items() if stated is not None}


def identified(identity: Identity) -> Changes:
    """Who the device says it is."""
    return {name: getattr(identity, name) for name in ("manufacturer", "model", "serial_number", "firmware")}


def _missed(before: int, observation: Observation) -> int:
    """Polls in a row that should have told the power state and did not; an answer without it is such a poll, too."""
    if observation.power is not None:
        return 0
    if Aspect.HEARTBEAT in observation.asked or not observation.answered:
        return before + 1
    return before


def _powered(before: DeviceSummary, observation: Observation, *, unknown: bool) -> Changes:
    told = observation.power
    if told is None:
        return {"power": PowerState.UNKNOWN, "power_since": None} if unknown else {}
    changes: Changes = {
        "power": told.state, "power_at": told.taken_at, "power_source": told.source, "power_reason": "",
    }  # fmt: skip
    if told.state is PowerState.UNKNOWN:
        return changes | {"power_since": None}
    unbroken = before.power is told.state and before.power_since is not None
    return changes | {"power_known": told.state, "power_since": before.power_since if unbroken else told.taken_at}
