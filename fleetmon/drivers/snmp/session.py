"""One session with one SNMP agent: values by OID and whole columns, every failure as a DeviceError.

Here it is decided how much is asked for at once, what is asked once more in smaller parts, and when a column has come
to its end. How one question gets its answer is the matter of `conversation.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fleetmon.drivers.base import Opening
from fleetmon.drivers.lane import Priority
from fleetmon.drivers.snmp import envelope as said
from fleetmon.drivers.snmp.appetite import Appetite
from fleetmon.drivers.snmp.conversation import UPTIME, Conversation, Engine
from fleetmon.drivers.snmp.envelope import Envelope
from fleetmon.drivers.snmp.wire import Cursor, Pair, Silence, Unreadable
from fleetmon.errors import Garbled, Unreachable

Value = int | bytes | str
"""A number from 0 to 2^64-1 or a signed one of 32 bits; octets as they came; an OID or IPv4 address as text."""

BULK = 20
"""Rows asked for at once at first, and at most: some agents skip rows without a word when asked for more (F96)."""
AT_ONCE = 60
"""OIDs asked for in one GET at first, and at most."""
HOPELESS = 8
"""Answers that cannot be read before the first that can, after which no smaller question is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A column: `rows` by index in the order they came. Not `complete`: there is more, and `reason` says why not."""

    rows: dict[str, Value]
    complete: bool = True
    reason: str = ""


class _TooMuch(Exception):
    """It did not work with so much at once; less of it may."""


@dataclass(slots=True)
class _Whole:
    """A question that did not work and was halved. Where both halves do, it was too much at once."""

    size: int
    fine: int = 0

    def is_well(self, half: bool) -> bool:
        """Note whether one half went well: have both?"""
        self.fine += half
        return self.fine == 2


@dataclass(frozen=True, slots=True)
class _Part:
    """What one PDU asks for, and what it is a half of."""

    oids: list[str]
    whole: _Whole | None = None


class Session:
    """A session with one agent. `requests` counts every datagram sent, tries and discoveries included."""

    def __init__(self, opening: Opening) -> None:
        self.device = opening.endpoint.address
        self._talk = Conversation(opening)
        self._bulk, self._gets = Appetite(BULK), Appetite(AT_ONCE)
        self._learned = 0
        self._recall(opening.memory.session)

    @property
    def requests(self) -> int:
        """Datagrams sent."""
        return self._talk.requests

    @property
    def engine(self) -> Engine | None:
        """The agent's engine as it last told; None before it did, and over v1 and v2c."""
        return self._talk.engine

    @property
    def problem(self) -> str:
        """What is odd about the agent itself, for a person to know; nothing where it is as it should be."""
        return self._talk.problem

    @property
    def memory_version(self) -> int:
        """Grows whenever `memory` has something new to say."""
        return self._learned + self._talk.memory_version

    def memory(self) -> dict[str, Any]:
        """What spares the next session detours; sealed at rest, for it holds the master keys."""
        sizes = {name: [size.most, size.size] for name, size in self._sizes()}
        return sizes | self._talk.memory()

    async def close(self) -> None:
        """Let the socket go; agents keep no session."""
        await self._talk.close()

    # ---- values ----------------------------------------------------------------------------------------------

    async def get(self, oids: Sequence[str], priority: Priority = Priority.POLL) -> dict[str, Value]:
        """The values of those OIDs that the agent has; raises DeviceError."""
        found: dict[str, Value] = {}
        left, again = list(dict.fromkeys(oids)), list[_Part]()
        damaged = 0
        while left or again:
            if again:
                part = again.pop()
            else:
                part, left = _Part(left[: self._gets.size]), left[self._gets.size :]
            try:
                values, others = await self._get(part.oids, priority)
            except Unreadable as error:
                damaged += 1
                if not found and (damaged >= HOPELESS or (len(part.oids) == 1 and not (left or again))):
                    raise Garbled(f"an answer cannot be read: {error}", device=self.device) from None
                values, others = {}, _halves(part.oids)
            if part.whole and part.whole.is_well(bool(values)):
                self._learn(self._gets.too_slow, part.whole.size)
            whole = _Whole(len(part.oids)) if len(others) == 2 else None
            again += [_Part(oids, whole) for oids in others]
            found |= {oid: value for oid, value in values.items() if isinstance(value, (int, bytes, str))}
        return found

    async def _get(self, asked: list[str], priority: Priority) -> tuple[dict[str, Any], list[list[str]]]:
        """Values by one PDU, and what is to be asked once more in other company; raises Unreadable."""
        try:
            envelope, values = await self._talk.ask(
                lambda at, limit: at.get(asked, limit), priority, full=len(asked) == 1
            )
        except Silence:
            if len(asked) == 1 or not await self._talk.is_there(priority):
                raise self._talk.unreachable() from None
            self._learn(self._gets.too_slow, len(asked))
            return {}, _halves(asked)
        except Unreadable as error:
            if error.cut:
                self._learn(self._gets.too_big, len(asked))
            raise
        if envelope.status == said.TOO_BIG and len(asked) > 1:
            self._learn(self._gets.too_big, len(asked))
        if envelope.status:
            return {}, _others(asked, 0 if envelope.status == said.TOO_BIG else envelope.index)
        if not values and envelope.status is None and len(asked) > 1 and await self._failed_unseen(asked, priority):
            return {}, _halves(asked)
        self._gets.went_well(len(asked))
        return {oid: values[oid] for oid in asked if oid in values}, []

    async def _failed_unseen(self, asked: list[str], priority: Priority) -> bool:
        """Was an encrypted answer without values an error? With something that is there, one that is none has it."""
        if UPTIME in asked:
            return True
        _, values = await self._talk.ask(lambda at, limit: at.get([*asked, UPTIME], limit), priority)
        return not values

    # ---- columns ---------------------------------------------------------------------------------------------

    async def walk(self, column: str, *, most: int, priority: Priority = Priority.POLL) -> Walk:
        """The rows of a column, `most` of them; what was read stands where the rest cannot be. Raises DeviceError."""
        size = 1 if self._talk.target.version == 1 else self._bulk.size
        while True:
            try:
                return await self._walk(Cursor(column, size), column, most, priority)
            except _TooMuch:
                size = max(1, size // 2)

    async def _walk(self, cursor: Cursor, column: str, most: int, priority: Priority) -> Walk:
        rows: dict[str, Value] = {}
        last: tuple[int, ...] = ()
        start = len(column) + 1
        while True:
            try:
                batch = await self._batch(cursor, priority)
            except (Unreachable, Garbled) as error:
                if not rows:
                    raise
                return Walk(rows=rows, complete=False, reason=error.reason)
            for pair in batch:
                if pair is None:
                    return Walk(rows=rows)
                index, value = pair[0][start:], pair[1]
                place = tuple(map(int, index.split("."))) if index else ()
                if place <= last:
                    return Walk(rows=rows, complete=False, reason=f"the rows go backwards after {column}.{_text(last)}")
                if len(rows) >= most:
                    return Walk(rows=rows, complete=False, reason=f"more than {most} rows below {column}")
                rows[index], last = value, place
            if not batch:
                return Walk(rows=rows)

    async def _batch(self, cursor: Cursor, priority: Priority) -> list[Pair | None]:
        """Some more rows; none when there are no more."""
        try:
            envelope, batch = await self._talk.ask(
                lambda wire, limit: wire.next(cursor, limit), priority, full=cursor.size == 1
            )
        except Silence:
            if cursor.size == 1 or not await self._talk.is_there(priority):
                raise self._talk.unreachable() from None
            self._learn(self._bulk.too_slow, cursor.size)
            raise _TooMuch from None
        except Unreadable as error:
            if cursor.size > 1:
                if error.cut:
                    self._learn(self._bulk.too_big, cursor.size)
                raise _TooMuch from None
            raise Garbled(f"an answer cannot be read: {error}", device=self.device) from None
        if batch:
            self._bulk.went_well(cursor.size)
            return batch
        return await self._end_or_more(envelope, cursor, priority)

    async def _end_or_more(self, envelope: Envelope, cursor: Cursor, priority: Priority) -> list[Pair | None]:
        """An answer without rows is the end, or an error that looks like it."""
        over_v1 = self._talk.target.version == 1
        if envelope.status == said.NO_ERROR or (over_v1 and envelope.status == said.NO_SUCH_NAME):
            return []
        if envelope.status is None and cursor.size > 1:
            size, cursor.size = cursor.size, 1
            _, row = await self._talk.ask(lambda wire, limit: wire.next(cursor, limit), priority)
            if not row:
                return []
            self._learn(self._bulk.too_big, size)
            raise _TooMuch
        if envelope.status is None:
            return []
        if cursor.size > 1:
            if envelope.status == said.TOO_BIG:
                self._learn(self._bulk.too_big, cursor.size)
            raise _TooMuch
        raise Garbled(f"it answers with error status {envelope.status}", device=self.device)

    def _learn(self, lesson: Callable[[int], None], asked: int) -> None:
        lesson(asked)
        self._learned += 1

    def _sizes(self) -> tuple[tuple[str, Appetite], ...]:
        return (("bulk", self._bulk), ("gets", self._gets))

    def _recall(self, remembered: dict[str, Any]) -> None:
        for name, appetite in self._sizes():
            match remembered.get(name):
                case [int(most), int(size)] if 0 < size <= most <= appetite.most:
                    appetite.most, appetite.size = most, size


def _halves(asked: list[str]) -> list[list[str]]:
    """Both halves, the last one first; nothing of what cannot be halved."""
    half = len(asked) // 2
    return [asked[half:], asked[:half]] if half else []


def _others(asked: list[str], index: int) -> list[list[str]]:
    """All but the one the agent stumbled over (RFC 1157: one absent name fails the whole request)."""
    others = asked[: index - 1] + asked[index:]
    return [others] if 0 < index <= len(asked) and others else _halves(asked) if len(asked) > 1 and not index else []


def _text(place: tuple[int, ...]) -> str:
    return ".".join(map(str, place))
