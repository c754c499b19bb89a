"""File descriptors: each device takes one for its polls and may take one for its events; a process has only so many."""

from __future__ import annotations

import resource
from collections.abc import Callable

EACH = 2
"""A connection that is polled over, and an event stream."""
BESIDES = 512
"""For databases, the API and its readers."""

Limits = tuple[int, int]


def _limits() -> Limits:
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def _set(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def make_room(devices: int, limits: Callable[[], Limits] = _limits, change: Callable[[Limits], None] = _set) -> str:
    """The soft limit is raised to what so many devices take; what is wrong and its cure where that is not allowed."""
    wanted = devices * EACH + BESIDES
    soft, hard = limits()
    unlimited = hard == resource.RLIM_INFINITY
    if soft < wanted and (unlimited or soft < hard):
        soft = wanted if unlimited else min(wanted, hard)
        change((soft, hard))
    if soft >= wanted:
        return ""
    return (
        f"{devices:,} devices take up to {wanted:,} open files, and {soft:,} are allowed;"
        f" set LimitNOFILE={wanted} in the unit, or run `ulimit -n {wanted}` first"
    )
