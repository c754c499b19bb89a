"""Subscriptions and the deliveries to them: by POST, to loopback alone, a few at once, tried again as they ask."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from emulator.push.filters import wanted_by
from emulator.push.happenings import Happening

if TYPE_CHECKING:
    from emulator.push.hub import Hub

AT_ONCE = 32
"""Deliveries of one process under way at once."""
PATIENCE = 10.0
"""Seconds, real ones, for one delivery."""
QUEUE = 64
"""Events a subscription keeps while its destination does not answer; the oldest is lost."""
POLICIES = ("TerminateAfterRetries", "SuspendRetries", "RetryForever", "RetryForeverWithBackoff")
LONGEST_BACKOFF = 3_600.0


class Courier:
    """What brings the deliveries of all BMCs of a process to their destinations."""

    def __init__(self) -> None:
        self._client: aiohttp.ClientSession | None = None
        self._few = asyncio.Semaphore(AT_ONCE)
        self._work: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs until it is done, or the courier stops."""
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> int | str:
        """The status of one delivery, or why it has none."""
        if not on_loopback(url):
            return "not on loopback, so never sent"
        if self._client is None:
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=trusting), timeout=aiohttp.ClientTimeout(total=PATIENCE)
            )
        try:
            async with (
                self._few,
                self._client.post(url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                await response.read()
                return response.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return type(error).__name__

    async def stop(self) -> None:
        """Drops what is under way."""
        for task in tuple(self._work):
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        if self._client is not None:
            await self._client.close()


def on_loopback(url: str) -> bool:
    """Whether a URL leads to this machine, and nowhere else."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Destination:
    """One subscription."""

    __slots__ = ("_events", "_hub", "_task", "headers", "id", "policy", "state", "told", "wanted")

    def __init__(self, hub: Hub, key: str, told: dict[str, Any], headers: dict[str, str], policy: str) -> None:
        self._hub = hub
        self.id, self.told, self.headers, self.policy = key, told, headers, policy
        self.wanted = wanted_by(told)
        self.state = "Enabled"
        self._events: deque[Happening] = deque(maxlen=QUEUE)
        self._task: asyncio.Task[None] | None = None

    def tell(self, happening: Happening) -> None:
        """Takes an event that it wants, and delivers it sooner or later."""
        if not self.wanted(happening.facts(self._hub.bmc)):
            return
        self._events.append(happening)
        self._go_on()

    def resume(self) -> None:
        """Delivers again after having been suspended."""
        self.state = "Enabled"
        self._go_on()

    def end(self) -> None:
        """Delivers nothing more."""
        self.state = "Gone"
        if self._task is not None:
            self._task.cancel()

    def _go_on(self) -> None:
        if self.state == "Enabled" and self._events and (self._task is None or self._task.done()):
            self._task = self._hub.courier.start(self._deliver())

    async def _deliver(self) -> None:
        """Everything in order, until the queue is empty or the retries are used up."""
        while self._events and self.state == "Enabled":
            happening = self._events[0]
            if not await self._brought(happening):
                self._give_up()
                return
            if self._events and self._events[0] is happening:
                self._events.popleft()

    async def _brought(self, happening: Happening) -> bool:
        attempt, settings = 0, self._hub.settings
        body = orjson.dumps(happening.payload(self.told.get("Context")))
        headers = {"Content-Type": "application/json", "OData-Version": "4.0", **self.headers}
        while True:
            attempt += 1
            result = await self._hub.courier.post(self.told["Destination"], body, headers)
            good = isinstance(result, int) and 200 <= result < 300
            self._hub.note(
                "delivery_sent" if good else "delivery_failed", subscription=self.id, event=str(happening.number),
                result=result, attempt=attempt,
            )  # fmt: skip
            if good:
                return True
            if not self.policy.startswith("RetryForever") and attempt > settings["DeliveryRetryAttempts"]:
                return False
            wait = float(settings["DeliveryRetryIntervalSeconds"])
            if self.policy == "RetryForeverWithBackoff":
                wait = min(wait * 2 ** min(attempt - 1, 16), LONGEST_BACKOFF)
            await self._hub.pause(wait)

    def _give_up(self) -> None:
        if self.policy == "SuspendRetries":
            self.state = "Disabled"
            self._hub.note("subscription_suspended", id=self.id, destination=self.told["Destination"])
        else:
            self._task = None
            self._hub.drop(self.id, by="too many retries")
