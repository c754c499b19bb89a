"""Messages and PDUs (RFC 3416), and how an agent answers one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from emulator.snmp.ber import (
    END_OF_VIEW,
    INTEGER,
    NO_SUCH_INSTANCE,
    NO_SUCH_OBJECT,
    NOTHING,
    OBJECT_ID,
    SEQUENCE,
    MalformedError,
    Oid,
    arcs_of,
    content_of,
    elements,
    number_of,
    oid,
    tagged,
    whole,
)
from emulator.snmp.view import Row, View

V1, V2C, V3 = 0, 1, 3
MOST_ROWS = 2_000
"""Variable bindings that one answer ever has."""


class Kind(IntEnum):
    """What a PDU is, by its tag."""

    GET = 0xA0
    GET_NEXT = 0xA1
    RESPONSE = 0xA2
    SET = 0xA3
    V1_TRAP = 0xA4
    GET_BULK = 0xA5
    INFORM = 0xA6
    TRAP = 0xA7
    REPORT = 0xA8


class Status(IntEnum):
    """What is wrong with a request."""

    FINE = 0
    TOO_BIG = 1
    NO_SUCH_NAME = 2
    GENERAL = 5
    NO_ACCESS = 6
    NOT_WRITABLE = 17


ASKING = (Kind.GET, Kind.GET_NEXT, Kind.GET_BULK, Kind.SET)


@dataclass(frozen=True, slots=True)
class Pdu:
    """A request: for a bulk, status is the number of non-repeaters and index the most repetitions."""

    kind: int
    request_id: int
    status: int
    index: int
    names: tuple[Oid, ...]
    bindings: bytes
    """As they came, for an answer that gives them back."""


@dataclass(slots=True)
class Answer:
    """What an agent says to a request, before it is bytes."""

    request_id: int
    rows: list[tuple[bytes, bytes]] = field(default_factory=list)
    """(name, value), both encoded."""
    status: int = Status.FINE
    index: int = 0
    kind: int = Kind.RESPONSE

    def encoded(self) -> bytes:
        """The whole PDU."""
        return pdu(self.kind, self.request_id, self.status, self.index, bindings(self.rows))


def bindings(rows: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A list of variable bindings, without the tag around it."""
    return b"".join([tagged(SEQUENCE, name + value) for name, value in rows])


def pdu(kind: int, request_id: int, status: int, index: int, told: bytes) -> bytes:
    """A PDU around its variable bindings."""
    return tagged(kind, whole(request_id) + whole(status) + whole(index) + tagged(SEQUENCE, told))


def pdu_of(found: tuple[int, bytes]) -> Pdu:
    """A PDU as it came; MalformedError where it is none."""
    kind, content = found
    parts = list(elements(content))
    if kind not in ASKING or len(parts) != 4:
        raise MalformedError("no PDU that asks for something")
    request_id, status, index = (number_of(content_of(INTEGER, part)) for part in parts[:3])
    told = content_of(SEQUENCE, parts[3])
    names = []
    for binding in elements(told):
        both = list(elements(content_of(SEQUENCE, binding)))
        if len(both) != 2:
            raise MalformedError("no variable binding")
        names.append(arcs_of(content_of(OBJECT_ID, both[0])))
    return Pdu(kind, request_id, status, index, tuple(names), told)


def answer_to(view: View, asked: Pdu, version: int, room: int) -> Answer:
    """What a view tells; `room` is what the bindings of the answer may take, in bytes."""
    if asked.kind == Kind.SET:
        return _refused(asked, Status.NO_SUCH_NAME if version == V1 else Status.NOT_WRITABLE, 1)
    if asked.kind == Kind.GET_BULK:
        return _bulk(view, asked, room) if version != V1 else _refused(asked, Status.GENERAL, 0)
    answer, taken = Answer(asked.request_id), 0
    for position, name in enumerate(asked.names):
        row = view.at(name) if asked.kind == Kind.GET else view.after(name)
        if row is None and version == V1:
            return _refused(asked, Status.NO_SUCH_NAME, position + 1)
        if row is None:
            nothing = _nothing(view, name) if asked.kind == Kind.GET else END_OF_VIEW
            row = Row(name, oid(name), nothing)
        taken += _size(row)
        if taken > room:
            return _refused(asked, Status.TOO_BIG, 0)
        answer.rows.append((row.name, row.value))
    return answer


def _nothing(view: View, name: Oid) -> bytes:
    return NO_SUCH_INSTANCE if view.knows(name) else NO_SUCH_OBJECT


def _bulk(view: View, asked: Pdu, room: int) -> Answer:
    """Successors of every name, then of those, as often as asked and as fits (RFC 3416, 4.2.3)."""
    answer, taken = Answer(asked.request_id), 0
    once = min(max(asked.status, 0), len(asked.names))
    places = list(asked.names)
    for turn in range(max(1, asked.index)):
        first = 0 if turn == 0 else once
        last = len(places) if turn < asked.index else once
        ended = True
        for position in range(first, last):
            found = view.after(places[position])
            row = found or Row(places[position], oid(places[position]), END_OF_VIEW)
            taken += _size(row)
            if taken > room or len(answer.rows) >= MOST_ROWS:
                return answer if answer.rows else _refused(asked, Status.TOO_BIG, 0)
            answer.rows.append((row.name, row.value))
            places[position], ended = row.oid, ended and found is None
        if ended:
            break
    return answer


def _size(row: Row) -> int:
    """Bytes of a binding, its own tag and length included."""
    content = len(row.name) + len(row.value)
    return content + (2 if content < 0x80 else 3 if content < 0x100 else 4)


def _refused(asked: Pdu, status: Status, index: int) -> Answer:
    """An error, with the bindings as they were asked."""
    rows = [(oid(name), NOTHING) for name in asked.names] if status != Status.TOO_BIG else []
    return Answer(asked.request_id, rows, status, index)
