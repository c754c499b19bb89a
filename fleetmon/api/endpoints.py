"""The endpoints of a device as JSON: how each is reached, what it is asked, and what it said by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fleetmon.api.wire import told_at
from fleetmon.duties import FIRST, STAND_IN, WITNESS, duties, patience
from fleetmon.model import Device, Endpoint, Reachability
from fleetmon.storage.endpoints import EndpointState, is_kept
from fleetmon.storage.rows import DeviceSummary

_WORDS = {FIRST: "first", WITNESS: "witness", STAND_IN: "stand_in"}
_ANSWERS = Reachability.REACHABLE


def endpoints(
    device: Device, summary: DeviceSummary, states: Sequence[EndpointState], misses: int
) -> list[dict[str, Any]]:
    """Every endpoint, in the order in which they are believed."""
    if not is_kept(device):
        states = [_of_summary(endpoint, summary) for endpoint in device.endpoints]
    missed = [state.misses for state in states]
    return [
        {
            "protocol": endpoint.protocol,
            "address": endpoint.address,
            "credential": endpoint.credential,
            "verify": endpoint.verify,
            "pinned_spki": endpoint.pinned_spki,
            "tls": endpoint.tls,
            "duty": _WORDS[duties(missed[:place], patience(misses, answers=state.reachability is _ANSWERS))],
            "reachability": state.reachability,
            "reason": state.reason,
            "unreachable_since": told_at(state.since),
            "polled_at": told_at(state.polled_at),
            "seen_at": told_at(state.seen_at),
            "power": {"value": state.power, "taken_at": told_at(state.power_at), "source": state.power_source},
        }
        for place, (endpoint, state) in enumerate(zip(device.endpoints, states, strict=True))
    ]


def _of_summary(endpoint: Endpoint, summary: DeviceSummary) -> EndpointState:
    """What the summary says is what its only endpoint said."""
    return EndpointState(
        protocol=endpoint.protocol,
        reachability=summary.reachability,
        reason=summary.reachability_reason,
        since=summary.unreachable_since,
        polled_at=summary.polled_at,
        seen_at=summary.seen_at,
        power=summary.power_known,
        power_at=summary.power_at,
        power_source=summary.power_source,
    )
