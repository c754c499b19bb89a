"""Who asks for a device to be polled now: the row is claimed, the device polled, and the row brought to an end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fleetmon import logs
from fleetmon.clock import Clock
from fleetmon.errors import StorageError
from fleetmon.keeper import Keeper
from fleetmon.model import Aspect
from fleetmon.storage.rows import PollRequest
from fleetmon.watch import Spawn

log = logs.get("devices")

PAUSE = 5.0
"""Seconds between two looks for rows that nobody woke us for."""


class PollNow:
    """Serves the requests for devices that this worker owns; `poll` tells why it failed, empty when it did not."""

    def __init__(
        self, *, keeper: Keeper, clock: Clock, poll: Callable[[str, frozenset[Aspect]], Awaitable[str]], spawn: Spawn
    ) -> None:
        self._keeper = keeper
        self._clock = clock
        self._poll = poll
        self._spawn = spawn
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There is a row: look for it now."""
        self._woken.set()

    async def serve(self) -> None:
        """Claim and serve until cancelled."""
        while True:
            self._woken.clear()
            try:
                for request in await self._keeper.claim_poll_requests():
                    self._spawn(self._serve(request), f"poll now {request.device_id}")
            except StorageError as error:
                log.error("poll requests cannot be read", reason=str(error))
            wait = asyncio.ensure_future(self._woken.wait())
            nap = asyncio.ensure_future(self._clock.sleep(PAUSE))
            try:
                await asyncio.wait({wait, nap}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                wait.cancel()
                nap.cancel()

    async def _serve(self, request: PollRequest) -> None:
        """Whatever happens to the device meanwhile, the row comes to an end."""
        try:
            failed = await self._poll(request.device_id, request.aspects)
            await self._keeper.finish_poll_request(request, failed=failed)
        except StorageError as error:
            log.error("poll request not finished", device=request.device_id, reason=str(error))
