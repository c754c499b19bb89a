"""Lists that many ask for: encoded once per revision, and served as bytes before any parameter is parsed again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request, Response
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from fleetmon.api.roles import Role, roles_of
from fleetmon.api.wire import answer, next_link, tag_of
from fleetmon.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A list just encoded; true for its revision, and until time alone makes one of its values stale."""

    revision: int
    until: datetime
    body: bytes
    next: str | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    made: Made
    tag: str
    role: Role


class HotLists:
    """The lists most lately asked for, at most `MOST` of them, and the revision they are held to."""

    MOST = 16

    def __init__(self, revision: Callable[[], Awaitable[int]], clock: Clock) -> None:
        self._newest = revision
        self._clock = clock
        self._known: OrderedDict[str, _Kept] = OrderedDict()
        self._looking: asyncio.Task[int] | None = None
        self._making = asyncio.Lock()
        """One list is made at a time, so that many who miss the same one make it once."""

    async def serve(self, request: Request, make: Callable[[], Awaitable[Made]], *, role: Role) -> Response:
        """The list this request asks for, encoded anew when it is not of the newest revision or no longer true."""
        key = _key(request.scope)
        async with self._making:
            kept = await self._current(key)
            if kept is None:
                made = await make()
                kept = self._known[key] = _Kept(made, tag_of(made.body), role)
                while len(self._known) > self.MOST:
                    self._known.popitem(last=False)
        return _response(request, kept)

    async def known(self, scope: Scope) -> Response | None:
        """The answer to a request that was answered before and whose answer is still true; None otherwise."""
        key = _key(scope)
        if key not in self._known or self._known[key].role not in roles_of(HTTPConnection(scope)):
            return None
        kept = await self._current(key)
        return None if kept is None else _response(Request(scope), kept)

    async def _current(self, key: str) -> _Kept | None:
        kept = self._known.get(key)
        if kept is None or kept.made.revision != await self._revision() or self._clock.now() > kept.made.until:
            return None
        if key in self._known:
            self._known.move_to_end(key)
        return kept

    async def _revision(self) -> int:
        """The newest revision, by a look that begins after this was asked; those who ask together share one."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> int:
        self._looking = None
        return await self._newest()


class Express:
    """Lets a hot list out before the router has looked at the request; everything else passes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._app
        if scope["type"] == "http" and scope["method"] == "GET":
            hot: HotLists = scope["app"].state.desk.hot
            handler = await hot.known(scope) or handler
        await handler(scope, receive, send)


def _key(scope: Scope) -> str:
    return f"{scope['path']}?{scope['query_string'].decode('latin-1')}"


def _response(request: Request, kept: _Kept) -> Response:
    return answer(request, kept.made.body, tag=kept.tag, headers=next_link(request, kept.made.next))
