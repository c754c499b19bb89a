"""The lines of a Server-Sent Events stream become messages, whatever a device makes of the format; no I/O.

The WHATWG format, read tolerantly: several `data:` lines make one text, `:` begins a comment, a blank line ends a
message, lines end in CR, LF or both. Some services break JSON over lines without saying `data:` again; such lines go
on with the text. Everything is capped, since the sender is a device: a line or message that goes on for ever is thrown
away and told, and the stream goes on with the next one.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_MESSAGE = 1024 * 1024
"""Bytes of one message; the largest MetricReports of real services stay below a third of it."""
MAX_ID = 200
"""Characters of an id that is remembered and sent back."""
LONGEST_RETRY = 3600.0
"""Seconds a service may ask us to wait before we come back."""

_BOM = b"\xef\xbb\xbf"
_FIELDS = frozenset({b"data", b"id", b"event", b"retry"})


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the stream. `event_id` is the last id given, which holds for messages without one, too."""

    data: bytes
    event_id: str = ""
    name: str = ""


class MessageReader:
    """Bytes in, messages out. Holds at most one message and one line."""

    __slots__ = (
        "_after_return",
        "_data",
        "_first",
        "_rest",
        "_size",
        "_thrown",
        "event_id",
        "name",
        "oversized",
        "retry",
    )

    def __init__(self, event_id: str = "") -> None:
        self.event_id = event_id
        self.name = ""
        self.retry: float | None = None
        """Seconds the service asks us to wait before coming back; None when it never said."""
        self.oversized = 0
        """Messages thrown away because they went on for too long."""
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._thrown = False
        self._after_return = False
        self._first = True

    def feed(self, chunk: bytes) -> list[Message]:
        """The messages that `chunk` completes, in order."""
        messages: list[Message] = []
        for line in self._lines(chunk):
            if self._first:
                line, self._first = line.removeprefix(_BOM), False
            if line:
                self._line(line)
            elif (message := self._end()) is not None:
                messages.append(message)
        return messages

    def _lines(self, chunk: bytes) -> list[bytes]:
        """Whole lines without their ends; the rest waits for more, up to the cap."""
        if self._after_return:
            chunk = chunk.removeprefix(b"\n")
        self._after_return = chunk.endswith(b"\r")
        *lines, rest = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if lines:
            lines[0] = bytes(self._rest) + lines[0]
            self._rest.clear()
        self._rest += rest
        if len(self._rest) + self._size > MAX_MESSAGE:
            self._throw()
        return lines

    def _line(self, line: bytes) -> None:
        if line.startswith(b":"):
            return
        name, colon, value = line.partition(b":")
        if name not in _FIELDS:
            if self._data and not name.isalnum():
                self._add(line)
            return
        value = value.removeprefix(b" ") if colon else b""
        match name:
            case b"data":
                self._add(value)
            case b"id" if b"\0" not in value:
                self.event_id = value.decode("utf-8", "replace").strip()[:MAX_ID]
            case b"event":
                self.name = value.decode("utf-8", "replace")[:MAX_ID]
            case b"retry" if value.strip().isdigit():
                self.retry = min(int(value.strip()[:12]) / 1000, LONGEST_RETRY)

    def _add(self, text: bytes) -> None:
        self._size += len(text) + 1
        if self._size > MAX_MESSAGE:
            self._throw()
        elif not self._thrown:
            self._data.append(text)

    def _throw(self) -> None:
        if not self._thrown:
            self.oversized += 1
        self._thrown = True
        self._rest.clear()
        self._data, self._size = [], 0

    def _end(self) -> Message | None:
        data, name, thrown = self._data, self.name, self._thrown
        self._data, self._size, self.name, self._thrown = [], 0, "", False
        return Message(b"\n".join(data), self.event_id, name) if data and not thrown else None
