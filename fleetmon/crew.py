"""The roles that run now, and how others with another configuration take their place: all of it or nothing.

Read again, a configuration is checked whole before anything changes. Then every role ends and starts anew over the same
open databases and the same listening socket: requests wait for a moment, none is refused, and no BMC is logged out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import fields

from fleetmon import logs
from fleetmon.errors import ConfigError
from fleetmon.settings import Settings
from fleetmon.supervision import Supervisor

log = logs.get("crew")

BY_RESTART = ("data", "configuration", "master_key_file", "listen", "roles", "logging")
"""What is open, bound or sealed with as long as the process lives."""

Compose = Callable[[Settings], Awaitable[Supervisor]]
Reread = Callable[[], Settings]


def differing(before: Settings, after: Settings) -> list[str]:
    """Sections that are not the same; raises ConfigError when one of them can be changed by a restart only."""
    names = [field.name for field in fields(Settings) if getattr(before, field.name) != getattr(after, field.name)]
    fixed = [name for name in names if name in BY_RESTART]
    if fixed:
        raise ConfigError(
            f"{', '.join(fixed)}: changed by a restart only", cure="restart the service; nothing was changed"
        )
    return names


class Crew:
    """Keeps the roles of one configuration running until another takes over."""

    def __init__(self, settings: Settings, *, compose: Compose, reread: Reread) -> None:
        self._settings = settings
        self._compose = compose
        self._reread = reread
        self._relieved = asyncio.Event()

    def reload(self) -> list[str]:
        """Read the configuration again and go on with it soon; the sections that change.

        Raises ConfigError, changing nothing, for a configuration that is wrong or needs a restart.
        """
        after = self._reread()
        names = differing(self._settings, after)
        if names:
            self._settings = after
            self._relieved.set()
        return names

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            self._relieved.clear()
            supervisor = await self._compose(self._settings)
            roles = asyncio.create_task(supervisor.run(), name="roles")
            relieved = asyncio.create_task(self._relieved.wait(), name="relieved")
            try:
                await asyncio.wait({roles, relieved}, return_when=asyncio.FIRST_COMPLETED)
                if roles.done():
                    await roles
            finally:
                for task in (roles, relieved):
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
            log.info("configuration read again")
