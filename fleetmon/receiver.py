"""The door for events that devices send to us: a small listener of its own, which believes nothing.

A POST below the right token is a reason to look at that device soon; what it says is not taken for true, since anybody
who can reach the port could have said it. So there is nothing here to sign in to and nothing to read: every answer is
an empty one, and every way to spend our time or memory is bounded.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fleetmon.clock import Clock
from fleetmon.metrics import Metrics
from fleetmon.rates import Rate

MAX_BODY = 256 * 1024
"""Bytes of one message; the Events of real services stay below a tenth of it."""
RATE = (30.0, 5.0)
"""Messages of one sender at once, and per second from then on."""
SENDERS = 20_000
"""Senders remembered; the ones heard longest ago are forgotten."""
PATIENCE = 10.0
"""Seconds a sender has for one body."""
PREFIX = "/push/"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Receiver:
    """An ASGI application. `take` is given token and body; it tells whether the token is a device's."""

    def __init__(self, take: Callable[[str, bytes], bool], *, clock: Clock, metrics: Metrics) -> None:
        self._take = take
        self.clock = clock
        self._metrics = metrics
        self._senders: OrderedDict[str, Rate] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status = await self._answer(scope, receive)
        # Who is refused may still be sending a body: it is not read to its end.
        headers = [(b"content-length", b"0"), (b"connection", b"close")] if status != 204 else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _answer(self, scope: Scope, receive: Receive) -> int:
        path, sender = str(scope["path"]), (scope.get("client") or ("",))[0]
        if not self._may(sender):
            return self._told("slowed", 429)
        if scope["method"] != "POST" or not path.startswith(PREFIX):
            return self._told("refused", 404)
        body = await _patiently(_body(receive))
        if body is None:
            return self._told("refused", 413)
        # An unknown token is answered as a known one is: who guesses learns nothing.
        return self._told("taken" if self._take(path.removeprefix(PREFIX), body) else "unknown", 204)

    def _may(self, sender: str) -> bool:
        rate = self._senders.setdefault(sender, Rate(*RATE))
        self._senders.move_to_end(sender)
        if len(self._senders) > SENDERS:
            self._senders.popitem(last=False)
        return rate.allows(self.clock.monotonic())

    def _told(self, outcome: str, status: int) -> int:
        self._metrics.hints.labels(outcome).inc()
        return status


async def _patiently(reading: Awaitable[bytes | None]) -> bytes | None:
    """The body, unless it drips in."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await reading
    except TimeoutError:
        return None


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None beyond the cap, or when the sender went away."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            return None
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
