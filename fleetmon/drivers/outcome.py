"""What a failure means for a poll in which nothing was answered, the same for every protocol."""

from __future__ import annotations

from fleetmon.errors import AccessDenied, Busy, DeviceError, Garbled, Unreachable, Unsupported, Untrusted
from fleetmon.model import Reachability

_REACHABILITY: tuple[tuple[type[DeviceError], Reachability], ...] = (
    (AccessDenied, Reachability.ACCESS_DENIED),
    (Untrusted, Reachability.UNTRUSTED),
    (Busy, Reachability.BUSY),
    (Garbled, Reachability.GARBLED),
    (Unsupported, Reachability.UNSUPPORTED),
    (Unreachable, Reachability.UNREACHABLE),
)


def outcome_of(error: DeviceError) -> tuple[Reachability, str]:
    """The word for it, and the reason with its cure in one line."""
    reachability = next(word for kind, word in _REACHABILITY if isinstance(error, kind))
    reason = f"{error.resource}: {error.reason}" if error.resource else error.reason
    return reachability, f"{reason}; {error.cure}" if error.cure else reason
