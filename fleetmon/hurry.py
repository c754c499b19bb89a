"""Polls out of turn for which a device itself gave a reason: a trap, an event, a witness that saw something change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from fleetmon.clock import Clock
from fleetmon.model import Aspect, Protocol
from fleetmon.watch import Spawn, Watch

PAUSE, PAUSE_AILING = 10.0, 60.0
"""Seconds at least between two polls that a device itself gave a reason for, and one that could not be asked."""
WALKED = timedelta(minutes=2)
"""For so long after a walk no hint leads to the next; the rollup still does."""


class Hurry:
    """Has devices polled soon, each no more often than it bears."""

    def __init__(
        self, *, clock: Clock, poll: Callable[[Watch, frozenset[Aspect]], Awaitable[str]], spawn: Spawn
    ) -> None:
        self._clock = clock
        self._poll = poll
        self._spawn = spawn

    def ask(self, watch: Watch, aspects: frozenset[Aspect]) -> None:
        """Have these asked for soon: one poll for all that comes within a few seconds."""
        waits = bool(watch.wanted)
        watch.wanted |= aspects
        if not waits and not watch.gone:
            self._spawn(self._hurried(watch), f"hint {watch.watched.device.device_id}")

    async def _hurried(self, watch: Watch) -> None:
        if watch.hurried_at is not None:
            pause = PAUSE_AILING if watch.ailing else PAUSE
            await self._clock.sleep(watch.hurried_at + pause - self._clock.monotonic())
        watch.hurried_at = self._clock.monotonic()
        wanted, watch.wanted = watch.wanted, frozenset()
        walked_at = watch.asked.get(Aspect.COMPONENTS)
        if walked_at is not None and (rest := WALKED - (self._clock.now() - walked_at)) > timedelta(0):
            self._put_off_walk(watch, wanted, rest)
            wanted -= {Aspect.COMPONENTS}
        if wanted:
            await self._poll(watch, wanted)

    def _put_off_walk(self, watch: Watch, wanted: frozenset[Aspect], rest: timedelta) -> None:
        """Over SNMP no rollup tells that a port is up again: what a hint speaks of is walked when it may be."""
        if Aspect.COMPONENTS not in wanted or watch.walk_waits or watch.watched.endpoint.protocol is not Protocol.SNMP:
            return

        async def later() -> None:
            await self._clock.sleep(rest.total_seconds())
            watch.walk_waits = False
            self.ask(watch, frozenset({Aspect.COMPONENTS}))

        watch.walk_waits = True
        self._spawn(later(), f"walk {watch.watched.device.device_id}")
