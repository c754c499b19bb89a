"""What goes wrong with agents: answers lost, late, too big, skipped, in circles or without end."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from emulator.snmp.ber import COUNTER, COUNTER64, GAUGE, INTEGER, OBJECT_ID, Oid, arcs_in_bytes, tagged
from emulator.snmp.message import Answer, Kind, Pdu
from emulator.snmp.view import Row, View


@dataclass(slots=True)
class Troubles:
    """All of one agent; none at first."""

    silent: bool = False
    lost: float = 0.0
    """How likely a request is lost."""
    lost_next: int = 0
    """So many requests from now on are lost."""
    delay: float = 0.0
    most_bytes: int | None = None
    """Of an answer's bindings: a bulk is cut there, everything else is tooBig."""
    most_names: int | None = None
    """Of a request: more are tooBig."""
    most_repetitions: int | None = None
    """Of a bulk: more are answered with rows left out in silence (as firmware does with more than 55)."""
    loop: Oid | None = None
    """Behind this identifier everything begins again."""
    grows: Oid | None = None
    """This column never ends: the last row is followed by ever more."""
    zeros: Oid | None = None
    """Numbers below this identifier are told as 0."""
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def loses(self) -> bool:
        """Whether the request that comes is lost."""
        if self.lost_next:
            self.lost_next -= 1
            return True
        return self.silent or (self.lost > 0 and self.chance.random() < self.lost)

    @property
    def stretches(self) -> bool:
        """Whether walks go astray."""
        return any(column is not None for column in (self.loop, self.grows, self.zeros))

    def stretched(self, view: View) -> View:
        """The view as walks find it."""
        return Astray(view, self.loop, self.grows, self.zeros)

    def refuses_long(self, asked: Pdu) -> bool:
        """Whether the request asks for too much at once."""
        if self.most_names is None:
            return False
        count = len(asked.names) * (asked.index if asked.kind == Kind.GET_BULK else 1)
        return count > self.most_names

    def skipping(self, asked: Pdu, answer: Answer) -> Answer:
        """The answer without every second row, where a bulk asked for too many."""
        most = self.most_repetitions
        if most is None or asked.kind != Kind.GET_BULK or asked.index <= most:
            return answer
        return replace(answer, rows=answer.rows[:most] + answer.rows[most::2])


NUMBERS = (INTEGER, COUNTER, GAUGE, COUNTER64)


class Astray:
    """A view whose walks lead in a circle or never end, or whose numbers are zeros."""

    def __init__(self, view: View, loop: Oid | None, grows: Oid | None, zeros: Oid | None) -> None:
        self._view, self._loop, self._grows, self._zeros = view, loop, grows, zeros

    def at(self, oid: Oid) -> Row | None:
        return self._zeroed(self._view.at(oid))

    def knows(self, oid: Oid) -> bool:
        return self._view.knows(oid)

    def after(self, oid: Oid) -> Row | None:
        return self._zeroed(self._next(oid))

    def _zeroed(self, row: Row | None) -> Row | None:
        zeros = self._zeros
        if row is None or zeros is None or row.oid[: len(zeros)] != zeros or row.value[0] not in NUMBERS:
            return row
        return Row(row.oid, row.name, bytes((row.value[0], 1, 0)))

    def _next(self, oid: Oid) -> Row | None:
        loop, grows = self._loop, self._grows
        found = self._view.after(oid)
        if loop is not None and oid[: len(loop)] == loop and (found is None or found.oid[: len(loop)] != loop):
            return self._view.after(loop)
        if grows is not None and oid[: len(grows)] == grows and (found is None or found.oid[: len(grows)] != grows):
            last = oid if len(oid) > len(grows) else (*grows, 0)
            value = self._view.at(oid) or self._view.after(grows)
            following = (*last[:-1], last[-1] + 1)
            return None if value is None else _row(following, value)
        return found


def _row(oid: Oid, like: Row) -> Row:
    return Row(oid, tagged(OBJECT_ID, arcs_in_bytes(oid)), like.value)
