"""Ground truth: what the fleet saw and did, in order, numbered without gaps.

Rows that matter (logins, power commands, log entries,
    faults fired) are all kept; single requests are kept in a ring and counted
for ever, by machine and by class.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import merge
from typing import Any

from emulator.clock import Clock, iso

Row = tuple[int, float, str, str, dict[str, Any]]
"""(sequence, instant, machine, what happened, particulars)"""

REQUESTS_KEPT = 50_000


@dataclass(slots=True)
class Tally:
    """What one BMC was asked, counted."""

    requests: Counter[str] = field(default_factory=Counter)
    """By `METHOD path`, without query."""
    logins: int = 0
    refused: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    most_sessions: int = 0
    connections: int = 0

    def told(self, sessions: int) -> dict[str, Any]:
        """As the control API gives it."""
        return {
            "requests": sum(self.requests.values()), "by_request": dict(self.requests), "logins": self.logins,
            "logins_refused": self.refused, "in_flight": self.in_flight, "most_in_flight": self.most_in_flight,
            "sessions": sessions, "most_sessions": self.most_sessions, "connections": self.connections,
        }  # fmt: skip


class Ledger:
    """Everything that happened, numbered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._rows: list[Row] = []
        self._requests: deque[Row] = deque(maxlen=REQUESTS_KEPT)
        self.sequence = 0
        self.tallies: defaultdict[str, Tally] = defaultdict(Tally)

    def note(self, machine: str, what: str, **particulars: Any) -> None:
        """Writes one row."""
        self._rows.append(self._row(machine, what, particulars))

    def request(self, machine: str, method: str, target: str, status: int, session: str | None) -> None:
        """Counts one answered request, and keeps it for a while; status 0 is a request that got no answer."""
        path = target.partition("?")[0]
        self.tallies[machine].requests[f"{method} {path}"] += 1
        particulars = {"method": method, "target": target, "status": status, "session": session}
        self._requests.append(self._row(machine, "request", particulars))

    def since(self, sequence: int, *, machine: str = "", what: str = "", requests: bool = True) -> list[dict[str, Any]]:
        """Rows after a sequence number, oldest first."""
        recent = self._rows[bisect_right(self._rows, sequence, key=_number) :]
        asked: Iterable[Row] = (row for row in self._requests if row[0] > sequence) if requests else ()
        return [
            {"sequence": number, "at": instant, "time": iso(instant), "machine": name, "what": kind, **particulars}
            for number, instant, name, kind, particulars in merge(recent, asked, key=_number)
            if (not machine or name == machine) and (not what or kind == what)
        ]

    def _row(self, machine: str, what: str, particulars: dict[str, Any]) -> Row:
        self.sequence = next(self._numbers)
        return self.sequence, self._clock.now(), machine, what, particulars


def _number(row: Row) -> int:
    return row[0]
