"""What a close look need not repeat: below trouble every link is followed, and nearly all of it has nothing to say.

What such a look finds counts only while it is ill, or was once: a sick machine has no more parts than a healthy one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from fleetmon.drivers.redfish.parse.components import seen_in
from fleetmon.drivers.redfish.resource import Resource, key
from fleetmon.model import Health

WHOLE_EVERY = 3600.0
"""Seconds after which a close look reads again what had nothing to say."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """What close looks found since the last whole one."""

    since: float = 0.0
    """Monotonic time of that one."""
    silent: frozenset[str] = frozenset()
    """Resources (by key) that were read only because of trouble elsewhere, and told of none."""
    ailing: frozenset[str] = frozenset()
    """Resources (by key) whose trouble has been looked into."""
    gates: frozenset[tuple[Any, ...]] = frozenset()
    """What the gates said meanwhile; other words want another whole look."""

    def holds(self, gate: tuple[Any, ...] | None, now: float) -> bool:
        """May what was silent be left out now? New trouble met on the way is looked into all the same."""
        return bool(self.silent) and gate in self.gates and now - self.since < WHOLE_EVERY


LOUD = Quiet()
"""Nothing is known to be silent."""


def speaking(resources: Iterable[Resource], aside: Collection[str], watched: Collection[str]) -> list[Resource]:
    """The resources that count: of those read because of trouble elsewhere, the ones that are ill or once were."""
    wanted = frozenset(watched)
    return [part for part in resources if key(part.path) not in aside or _is_or_was_ill(part, wanted)]


def _is_or_was_ill(part: Resource, watched: frozenset[str]) -> bool:
    return any(
        seen.health.rank >= Health.WARNING.rank or seen.failure_predicted or seen.source in watched
        for seen in seen_in(part, watched)
    )
