"""One event stream from one BMC: a connection of its own beside the polls', under the login they use.

It is opened in the lane's turn like any request, so that a BMC never has to begin two things at once, and it is closed
on every way out: services keep 2 to 10 streams for everybody together, and one that leaks is gone for hours. Everything
that comes over it is capped by size and by rate; a device that floods is told as one.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

import aiohttp

from fleetmon.clock import Clock
from fleetmon.drivers.base import Opening
from fleetmon.drivers.lane import Priority
from fleetmon.drivers.redfish.bodies import BadBody
from fleetmon.drivers.redfish.session import Session, base_url
from fleetmon.drivers.redfish.sse import Message, MessageReader
from fleetmon.drivers.redfish.transport import explain, open_pipe
from fleetmon.errors import AccessDenied, Busy, Garbled, Unreachable, Unsupported
from fleetmon.rates import Rate

TURN = 5.0
"""Seconds for which opening a stream may hold the lane; some services send no head before the first event."""
SILENCE = 86_400.0
"""Seconds without a byte after which the socket itself gives up; whoever listens does so much sooner."""
MESSAGES = (500.0, 5.0)
"""Messages read at once, and per second from then on; the rest is counted and dropped unread."""
BYTES = (8e6, 256e3)
"""Bytes taken at once, and per second from then on; beyond that we read slowly, and TCP holds the sender."""
NAP = 1.0
"""Seconds of not reading from a stream that sends too much."""
FLOOD = 5_000
"""Messages dropped after which the stream is closed."""
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3))


@contextlib.asynccontextmanager
async def opened(opening: Opening, session: Session, path: str, after: str) -> AsyncIterator[aiohttp.ClientResponse]:
    """The stream at `path`, its head read, going on after the event `after`; raises DeviceError."""
    pipe = open_pipe(opening.endpoint, opening.lane.pace, session.pin, read_timeout=SILENCE)
    asked: asyncio.Future[aiohttp.ClientResponse] | None = None
    try:
        headers = {**await session.headers(Priority.POLL), "Accept": "text/event-stream", **_after(after)}
        async with opening.lane.turn(Priority.POLL):
            session.requests += 1
            url = f"{base_url(opening.endpoint)}{path}"
            asked = asyncio.ensure_future(pipe.request("GET", url, headers=headers, allow_redirects=False))
            await asyncio.wait({asked}, timeout=TURN)
        response = await asked
        _check(response, opening.endpoint.address, path)
        _keep_alive(response)
        yield response
    except (aiohttp.ClientError, BadBody, OSError, ValueError) as error:
        timeout = opening.lane.pace.connect_timeout.total_seconds()
        raise explain(error, device=opening.endpoint.address, resource=path, timeout=timeout) from error
    finally:
        if asked is not None:
            asked.cancel()
            await asyncio.wait({asked})
            if not asked.cancelled() and asked.exception() is None:
                asked.result().close()
        await pipe.close()


async def messages(
    response: aiohttp.ClientResponse, reader: MessageReader, clock: Clock, *, device: str
) -> AsyncGenerator[tuple[Message | None, int], None]:
    """Each message with the number of those lost before it; None where something else was heard (a comment).

    Ends when the device ends the stream; raises Garbled when it floods.
    """
    allowed, volume = Rate(*MESSAGES), Rate(*BYTES)
    dropped = lost = 0
    async for chunk in response.content.iter_any():
        now = clock.monotonic()
        found = reader.feed(chunk)
        if reader.oversized:
            lost, reader.oversized = lost + reader.oversized, 0
        if not found:
            yield None, 0
        for message in found:
            if not allowed.allows(now):
                dropped, lost = dropped + 1, lost + 1
                continue
            yield message, lost
            lost = 0
        if dropped > FLOOD:
            raise Garbled(f"more than {FLOOD} events beyond what a stream may bring", device=device)
        if lost or not volume.allows(now, len(chunk)):
            yield None, lost
            lost = 0
            await clock.sleep(NAP)


def _after(event_id: str) -> Mapping[str, str]:
    """The header to go on after an event; an id that is no plain text is not sent back."""
    return {"Last-Event-ID": event_id} if event_id.isascii() and event_id.isprintable() and event_id else {}


def _check(response: aiohttp.ClientResponse, device: str, path: str) -> None:
    """Raise the DeviceError a head stands for that begins no stream."""
    status = response.status
    if status in (401, 403):
        raise AccessDenied(f"no stream for this user (HTTP {status})", device=device, resource=path)
    if status in (404, 405, 406, 410, 501) or 300 <= status < 400:
        raise Unsupported(f"no stream there (HTTP {status})", device=device, resource=path)
    if status >= 400:
        raise Busy(f"no further stream (HTTP {status})", device=device, resource=path)
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "text/event-stream" or response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unsupported(f"in place of a stream {kind[:60] or 'nothing'} comes", device=device, resource=path)


def _keep_alive(response: aiohttp.ClientResponse) -> None:
    """Have the system notice a peer that is gone without a word, such as a BMC that lost its power."""
    connection = response.connection
    line = connection.transport.get_extra_info("socket") if connection and connection.transport else None
    if line is None:
        raise Unreachable("the stream was closed at once")
    with contextlib.suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if (option := getattr(socket, name, None)) is not None:
                line.setsockopt(socket.IPPROTO_TCP, option, value)
