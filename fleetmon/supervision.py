"""Roles are started together, watched, and started again when they fall; `/ready` tells.

A role is `async def run()` until cancelled. One that raises or returns is down: it is logged once, started again after
a pause that grows from one second to fifteen, and its state is there for `/ready` to show.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from fleetmon import logs
from fleetmon.clock import Clock
from fleetmon.model import RoleState, RoleStatus

Run = Callable[[], Awaitable[None]]

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0
"""Seconds; well inside the 30 s within which a fallen role must be back."""
STEADY_AFTER = 60.0
"""Seconds of running after which a role's next fall counts as its first again."""

log = logs.get("supervision")


class Supervisor:
    """Keeps roles running and knows how each of them is."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._roles: dict[str, Run] = {}
        self._status: dict[str, RoleStatus] = {}

    def add(self, name: str, role: Run) -> None:
        """One more role to keep, before `run`."""
        self._roles[name] = role
        self._status[name] = RoleStatus(role=name, state=RoleState.STARTING, since=self._clock.now(), restarts=0)

    def statuses(self) -> tuple[RoleStatus, ...]:
        """How every role is now."""
        return tuple(self._status.values())

    async def run(self) -> None:
        """Run all roles until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, role in self._roles.items():
                group.create_task(self._keep(name, role), name=f"role {name}")

    async def _keep(self, name: str, role: Run) -> None:
        pause = FIRST_PAUSE
        while True:
            started = self._clock.monotonic()
            self._note(name, RoleState.RUNNING, "")
            try:
                await role()
                reason = "it returned"
            except Exception as error:  # whatever a role dies of, it is started again, and told
                reason = f"{type(error).__name__}: {error}"
                log.error("role fell", role=name, reason=reason, exc_info=error)
            if self._clock.monotonic() - started > STEADY_AFTER:
                pause = FIRST_PAUSE
            self._note(name, RoleState.RESTARTING, reason)
            await self._clock.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _note(self, name: str, state: RoleState, reason: str) -> None:
        before = self._status[name]
        again = before.state is RoleState.RESTARTING and state is RoleState.RUNNING
        self._status[name] = replace(
            before,
            state=state,
            since=self._clock.now(),
            restarts=before.restarts + again,
            reason=reason or before.reason,
        )
