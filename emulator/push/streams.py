"""One client's event stream: its frames, what faults make of them, and when it is cut for not listening."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson

from emulator.push.filters import Wanted
from emulator.push.happenings import Happening

if TYPE_CHECKING:
    from emulator.push.hub import Hub
    from emulator.server import Connection

BACKLOG_LIMIT = 1 << 20
"""Bytes a client may leave unread before its stream is cut."""


def frame(number: int, payload: bytes) -> bytes:
    """One event on the wire."""
    return b"id: %d\ndata: %b\n\n" % (number, payload)


def pretty_frame(number: int, payload: bytes) -> bytes:
    """One event as firmware sends it that prints its JSON prettily, and spares the spaces after the colons."""
    lines = orjson.dumps(orjson.loads(payload), option=orjson.OPT_INDENT_2).split(b"\n")
    return b"id:%d\n%b\n\n" % (number, b"\n".join(b"data:" + line for line in lines))


GARBLED: dict[str, Callable[[int, bytes], bytes]] = {
    "truncated": lambda number, payload: frame(number, payload[: len(payload) * 2 // 3]),
    "binary": lambda number, payload: frame(number, b"\xff\xfe\x00" + payload[:40]),
    "array": lambda number, payload: frame(number, b"[" + payload + b"]"),
    "empty": lambda number, payload: frame(number, b""),
    "endless": lambda number, payload: b"data: " + b"x" * 65_536,
    "deep": lambda number, payload: frame(number, b'{"Events":' + b"[" * 100_000),
    "no_id": lambda number, payload: b"data: " + payload + b"\n\n",
}
"""What `garble_stream` makes of an event."""


class Stream:
    """A stream that a client has opened; also an EventDestination, as long as it holds."""

    __slots__ = ("_hub", "_line", "after", "client", "context", "id", "told_at", "user", "wanted")

    def __init__(self, hub: Hub, stream_id: str, wanted: Wanted, user: str, client: str, after: int | None) -> None:
        self._hub = hub
        self._line: Connection | None = None
        self.id, self.wanted, self.user, self.client, self.after = stream_id, wanted, user, client, after
        self.told_at = hub.bmc.plant.clock.now()
        self.context: str | None = f"stream {stream_id}"

    # ---- as the server sees it ----

    def opened(self, line: Connection) -> None:
        """The head is sent."""
        self._line = line
        self._hub.stream_opened(self)

    def closed(self) -> None:
        """The line is gone."""
        self._line = None
        self._hub.stream_closed(self)

    # ---- as the BMC sees it ----

    def tell(self, happening: Happening) -> None:
        """Sends an event that it wants."""
        bmc = self._hub.bmc
        if not self.wanted(happening.facts(bmc)):
            return
        payload, garble = orjson.dumps(happening.payload(self.context)), bmc.policy("garble_stream", None)
        plain = pretty_frame if bmc.shape.push.pretty else frame
        self.push((GARBLED[garble] if garble else plain)(happening.number, payload))
        self.told_at = bmc.plant.clock.now()

    def push(self, piece: bytes) -> None:
        """Sends bytes; cuts a stream that nobody reads."""
        if self._line is None:
            return
        self._line.push(piece)
        if self._line.backlog > BACKLOG_LIMIT:
            self._hub.note("stream_overrun", id=self.id, client=self.client)
            self._line.abort()

    @property
    def backlog(self) -> int:
        """Bytes that the client has not taken yet."""
        return 0 if self._line is None else self._line.backlog

    def end(self, *, clean: bool) -> None:
        """Ends it as HTTP would have it, or cuts it."""
        if self._line is not None:
            self._line.finish() if clean else self._line.abort()
