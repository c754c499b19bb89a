"""File descriptors: a BMC has one that listens and one for each client, over UDP one for all; they are limited."""

from __future__ import annotations

import resource
from collections.abc import Callable

SPARE = 256
"""For logs, libraries and the control API."""


class TooFewDescriptorsError(Exception):
    """The system allows too few; the text names the cure."""


def make_room(
    machines: int,
    processes: int,
    limits: Callable[[], tuple[int, int]] = lambda: resource.getrlimit(resource.RLIMIT_NOFILE),
    raised: Callable[[tuple[int, int]], None] = lambda pair: resource.setrlimit(resource.RLIMIT_NOFILE, pair),
    *,
    ports: int = 0,
) -> None:
    """Raises the soft limit to what a poll connection and an event stream to every machine take, and UDP ports.

    TooFewDescriptorsError where even one connection each is out of reach.
    """
    soft, hard = limits()
    each, spare = -(-machines // processes), SPARE + -(-ports // processes)
    least, wanted = 2 * each + spare, 4 * each + spare
    if hard != resource.RLIM_INFINITY and hard < least:
        enough = -(-(2 * machines + ports) // max(1, hard - SPARE))
        raise TooFewDescriptorsError(
            f"{machines} machines in {processes} process{'es' if processes > 1 else ''} need {least} file descriptors"
            f" each, and {hard} are allowed: say `ulimit -n {least}` first, or take --processes {enough}"
        )
    if soft < wanted:
        raised((wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
