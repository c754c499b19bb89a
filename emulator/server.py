"""A lean HTTP/1.1 server over asyncio: enough for ten thousand small BMCs in a few processes, and able to misbehave.

A request is answered at once where the answer is at hand,
else by a task of its own connection; answers keep the order of the
requests. A reply can be slow, cut short or never come: that is decided elsewhere, and only done here.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl

import httptools
import orjson

BODY_LIMIT = 1 << 20
REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(slots=True)
class Request:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case; of doubled ones the last."""
    body: bytes
    peer: str
    nth_on_connection: int = 1

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        told = self.target.partition("?")[2]
        return dict(parse_qsl(told, keep_blank_values=True)) if told else {}

    def json(self) -> Any:
        """The body as JSON; ValueError where it is none."""
        return orjson.loads(self.body) if self.body else {}


class Feed(Protocol):
    """What goes on after the head of an answer, for as long as the line holds."""

    def opened(self, line: Connection) -> None:
        """The head is sent; from now on `line.push` says more."""

    def closed(self) -> None:
        """The line is gone, whoever ended it."""


@dataclass(slots=True)
class Reply:
    """One answer, and how it is to be sent."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""
    close: bool = False
    pace: float | None = None
    """Bytes a second."""
    cut: float | None = None
    """Part of the body after which the connection is aborted; 0 sends nothing at all."""
    chunked: bool = False
    feed: Feed | None = None
    """Takes the line over once the head is sent; the body is not used then."""


Outcome = Reply | Awaitable[Reply]
Serve = Callable[[Request], Outcome]


def json_reply(status: int, document: Any, **headers: str) -> Reply:
    """A JSON answer."""
    return Reply(status, {"Content-Type": "application/json", **headers}, orjson.dumps(document))


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._count = 0
        self._begun = False
        self._feed: Feed | None = None
        self._transport: asyncio.Transport | None = None

    # ---- asyncio.Protocol ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._peer = f"{peer[0]}:{peer[1]}" if peer else ""
        self._endpoint.connections.add(self)
        self._endpoint.watch.connected()

    def connection_lost(self, exc: Exception | None) -> None:
        self._endpoint.connections.discard(self)
        self._flowing.set()
        if self._task is not None:
            self._task.cancel()
        for _ in range(len(self._waiting) + self._begun):
            self._endpoint.watch.ended()
        self._waiting.clear()
        self._begun = False
        self._let_go()

    def pause_writing(self) -> None:
        self._flowing.clear()

    def resume_writing(self) -> None:
        self._flowing.set()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.abort()
        except httptools.HttpParserInvalidMethodError:
            self._write(Reply(501, close=True), "GET")
        except httptools.HttpParserError:
            self._write(Reply(400, close=True), "GET")

    # ---- httptools ----

    def on_message_begin(self) -> None:
        self._target, self._headers, self._body = b"", dict[str, str](), bytearray()
        self._begun = True
        self._endpoint.watch.began()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if len(self._body) + len(body) > BODY_LIMIT:
            self.abort()
        else:
            self._body += body

    def on_message_complete(self) -> None:
        self._count += 1
        self._begun = False
        method, target = self._parser.get_method().decode(), self._target.decode("latin-1")
        request = Request(method, target, self._headers, bytes(self._body), self._peer, self._count)
        self._waiting.append((request, self._parser.should_keep_alive()))
        self._go_on()

    # ---- answering ----

    def _go_on(self) -> None:
        while self._waiting and self._task is None and self._feed is None:
            request, keep = self._waiting.popleft()
            outcome = self._endpoint.serve(request)
            if isinstance(outcome, Reply) and _plain(outcome):
                self._write(outcome, request.method, keep)
                self._endpoint.watch.ended()
            elif isinstance(outcome, Reply) and outcome.feed is not None:
                self._hand_over(outcome, outcome.feed)
                self._endpoint.watch.ended()
            else:
                self._task = asyncio.ensure_future(self._answer(outcome, request, keep))

    async def _answer(self, outcome: Outcome, request: Request, keep: bool) -> None:
        try:
            reply = outcome if isinstance(outcome, Reply) else await outcome
            if _plain(reply):
                self._write(reply, request.method, keep)
            elif reply.feed is not None and reply.cut is None:
                self._hand_over(reply, reply.feed)
            else:
                await self._perform(reply, request.method, keep)
        finally:
            self._endpoint.watch.ended()
            self._task = None
        self._go_on()

    def _write(self, reply: Reply, method: str, keep: bool = True) -> None:
        assert isinstance(reply.body, bytes)
        if self._transport is None or self._transport.is_closing():
            return
        keep = keep and not reply.close
        body = b"" if method == "HEAD" else reply.body
        self._transport.write(_head(reply, len(reply.body), keep) + body)
        if not keep:
            self._transport.close()

    async def _perform(self, reply: Reply, method: str, keep: bool) -> None:
        """Sends an answer that is slow, endless or cut short."""
        if reply.cut == 0 or self._transport is None:
            self.abort()
            return
        whole = isinstance(reply.body, bytes) and not reply.chunked
        self._transport.write(_head(reply, len(reply.body) if whole and isinstance(reply.body, bytes) else None, keep))
        for piece in _pieces(reply):
            if self._transport.is_closing():
                return
            self._transport.write(piece if whole else b"%x\r\n%b\r\n" % (len(piece), piece))
            await self._flowing.wait()
            await asyncio.sleep(len(piece) / reply.pace if reply.pace else 0)
        if reply.cut is not None:
            self.abort()
            return
        if not whole:
            self._transport.write(b"0\r\n\r\n")
        if not keep or reply.close:
            self._transport.close()

    # ---- a feed's line ----

    def _hand_over(self, reply: Reply, feed: Feed) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(_head(reply, None, keep=True))
        self._feed = feed
        feed.opened(self)

    @property
    def backlog(self) -> int:
        """Bytes that the client has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def peer(self) -> str:
        """Address and port of the client."""
        return self._peer

    def push(self, piece: bytes) -> None:
        """Sends one more chunk."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def finish(self) -> None:
        """Ends the answer as it should end, and closes."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"0\r\n\r\n")
            self._transport.close()
        self._let_go()

    def _let_go(self) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.closed()

    def abort(self) -> None:
        """Cuts the line at once."""
        self._let_go()
        if self._transport is not None:
            self._transport.abort()


def _plain(reply: Reply) -> bool:
    slow = reply.pace is not None or reply.cut is not None or reply.chunked
    return isinstance(reply.body, bytes) and not slow and reply.feed is None


def _head(reply: Reply, length: int | None, keep: bool) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    lines.append("Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}")
    if not keep or reply.close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _pieces(reply: Reply) -> Iterator[bytes]:
    """The body in pieces: single bytes when it drips, up to the cut when it is cut."""
    if not isinstance(reply.body, bytes):
        yield from reply.body
        return
    end = len(reply.body) if reply.cut is None else int(len(reply.body) * reply.cut)
    size = max(1, int(reply.pace / 10)) if reply.pace else 65_536
    for start in range(0, end, size):
        yield reply.body[start : min(start + size, end)]


class Watch:
    """What an endpoint tells of its traffic; the plain one does not care."""

    def connected(self) -> None:
        """A client connected."""

    def began(self) -> None:
        """The first byte of a request came."""

    def ended(self) -> None:
        """A request was answered, or its client went away."""


class Endpoint:
    """A listening socket that can go silent and come back on the same port."""

    def __init__(self, serve: Serve, *, tls: ssl.SSLContext | None = None, watch: Watch | None = None) -> None:
        self.serve = serve
        self.watch = watch or Watch()
        self.connections: set[Connection] = set()
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._changing: asyncio.Task[None] | None = None
        self._queue: socket.socket | None = None
        """Holds the door while the certificate behind it changes."""

    @property
    def address(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens; on the port it had before, once it had one."""
        loop = asyncio.get_running_loop()
        wanted = port or self.port
        try:
            self._server = await loop.create_server(
                lambda: Connection(self), host, wanted, ssl=self._tls, backlog=128, reuse_address=True
            )
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {host}:{wanted}: {os.strerror(error.errno or 0)}") from None
        self.port = self._server.sockets[0].getsockname()[1]

    def present(self, tls: ssl.SSLContext) -> None:
        """Shows another certificate, or speaks another TLS, to whoever connects from now on; nobody is refused."""
        self._tls = tls
        if self._server is None:
            return
        self._queue = self._server.sockets[0].dup()
        self._server.close()
        self._server = None
        self._changing = asyncio.ensure_future(self._go_on_listening(self._queue))

    async def _go_on_listening(self, queue: socket.socket) -> None:
        """Serves those who meanwhile queued at the door."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=queue, ssl=self._tls)
        self._queue = None

    def close(self) -> None:
        """Stops listening and cuts every line; the port is refused from then on."""
        if self._changing is not None and not self._changing.done():
            self._changing.cancel()
        if self._queue is not None:
            self._queue.close()
            self._queue = None
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop_connections()

    @property
    def listening(self) -> bool:
        return self._server is not None

    def drop_connections(self) -> None:
        """Cuts every line, and goes on listening."""
        for connection in tuple(self.connections):
            connection.abort()
