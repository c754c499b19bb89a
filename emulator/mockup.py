"""Any DMTF mockup folder as a Redfish service that behaves as the DMTF Redfish Mockup Server is seen to behave.

A mockup is a folder of captured answers: `redfish/v1/.../index.json` (tall form, here or one folder down) or the
content of `/redfish/v1` right in the folder (short form). No sign-in is asked for, a login is always answered with the
same token, PATCH merges, POST and DELETE change collections, actions are accepted and change nothing, `$top`, `$skip`
and `$expand` work and every other query option is ignored. Paths are matched letter by letter, as on a case-sensitive
file system: a recorded link that differs in case leads nowhere. What a client changes stays in memory; the folder is
never written.

Where this server differs from the DMTF one, it does so on purpose:

- HTTP/1.1 with kept connections and any number of clients, where that one is HTTP/1.0 and answers one client at a time;
  therefore every answer with a body states its length.
- Nothing outside the folder is served: `.`, `..` and symbolic links that lead out are not found.
- Paths are compared without doubled and trailing slashes everywhere, so that a change made under one spelling is seen
  under every other; in short form only paths below `/redfish/v1` exist.
- A GET changes nothing; there, a page taken with `$top` after a POST cuts the collection for good.
- A page captured under its own query (`Sensors?$skip=75`) is served under that query; there it is never reached, and a
  stored nextLink leads back to the first page for ever.
- An index.json that is no JSON object is served as it was captured, and a `Members` that is no list is left alone;
  there, both drop the connection. What a client gets wrong (`$top=abc`, a body of unknown length) drops it here too.
- A password sent by a client is not given back.
- `headers.json` and `time.json` are heeded wherever they lie, without options; recorded transport headers, also
  `Content-Encoding`, are left out, because bodies are sent plain.
- Expansion stops at 4 MiB of captured text; references beyond stay references.
- Test events are posted to loopback subscribers only.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
from aiohttp import web

from emulator.mockup_answers import METHODS, Answer, Asked, HangUpError, on_loopback
from emulator.mockup_folder import Json, Mockup, canonical

SERVER = "fleetmon-emulator"
EVENT_TIMEOUT = aiohttp.ClientTimeout(total=20)


async def serve_mockup(folder: Path, host: str, port: int, *, ssl_context: ssl.SSLContext | None) -> None:
    """Serve the mockup in `folder` until cancelled; raises NoMockupError where there is none."""
    async with running_mockup(folder, host, port, ssl_context=ssl_context):
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def running_mockup(
    folder: Path, host: str = "127.0.0.1", port: int = 0, *, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """The base URL of the mockup in `folder`, served as long as the context lasts; port 0 takes a free one."""
    service = _Service(Mockup(folder))
    server = web.Server(service.handle, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=ssl_context, backlog=1024).start()
        bound = runner.addresses[0][1]
        yield f"{'https' if ssl_context else 'http'}://{f'[{host}]' if ':' in host else host}:{bound}"
    finally:
        await service.close()
        await runner.cleanup()


class _Service:
    """Requests in, answers out; test events go their own way meanwhile."""

    def __init__(self, mockup: Mockup) -> None:
        self._mockup = mockup
        self._posting: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to one request."""
        try:
            answer = await self._answer(request)
        except HangUpError:
            if request.transport is not None:
                request.transport.abort()
            answer = Answer(400)
        for destination, event in answer.events:
            self._post(destination, event)
        return web.Response(
            status=answer.status, body=answer.body or None, headers={"Server": SERVER} | dict(answer.headers)
        )

    async def close(self) -> None:
        """Give up on events still on their way."""
        for task in self._posting:
            task.cancel()
        await asyncio.gather(*self._posting, return_exceptions=True)

    async def _answer(self, request: web.BaseRequest) -> Answer:
        respond = METHODS.get(request.method)
        if respond is None:
            return Answer(501)
        place = canonical(request.raw_path)
        if place is None:
            return Answer(404)
        path, query = place
        body = await request.read() if "Content-Length" in request.headers else None
        if request.method != "HEAD":
            await asyncio.sleep(self._mockup.delay(request.method, path))
        return respond(self._mockup, Asked(request.method, path, query, body))

    def _post(self, destination: str, event: Json) -> None:
        if on_loopback(destination):
            task = asyncio.create_task(_send_event(destination, event))
            self._posting.add(task)
            task.add_done_callback(self._posting.discard)


async def _send_event(destination: str, event: Json) -> None:
    """One try; a subscriber that does not answer has missed its event."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
        async with aiohttp.ClientSession(timeout=EVENT_TIMEOUT) as session:
            (await session.post(destination, json=event)).release()
