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
TEN_MINUTES = 600.0


@dataclass(slots=True)
class Level:
    """How many of something there are, were at most, and for how long there was more than one."""

    now: int = 0
    most: int = 0
    _above_since: float | None = None
    _longest_above: float = 0.0

    def set(self, count: int, instant: float) -> None:
        """There are so many from now on."""
        if self._above_since is not None and count <= 1:
            self._longest_above = max(self._longest_above, instant - self._above_since)
            self._above_since = None
        elif self._above_since is None and count > 1:
            self._above_since = instant
        self.now, self.most = count, max(self.most, count)

    def above_one(self, instant: float) -> float:
        """Seconds of the longest stretch with more than one, the present one included."""
        present = 0.0 if self._above_since is None else instant - self._above_since
        return max(self._longest_above, present)


@dataclass(slots=True)
class Tally:
    """What one BMC was asked, counted."""

    requests: Counter[str] = field(default_factory=Counter)
    """By `METHOD path`, without query."""
    logins: int = 0
    refused: int = 0
    most_refused: int = 0
    """Refused logins within any ten minutes, at most."""
    in_flight: int = 0
    most_in_flight: int = 0
    least_gap: float | None = None
    """Seconds between the end of a request and the beginning of the next, at least."""
    sessions: Level = field(default_factory=Level)
    streams: Level = field(default_factory=Level)
    streams_opened: int = 0
    connections: int = 0
    _ended_at: float | None = None
    _refused_at: deque[float] | None = None

    def began(self, instant: float) -> None:
        """A request came."""
        self.in_flight += 1
        if self.in_flight > self.most_in_flight:
            self.most_in_flight = self.in_flight
        if self._ended_at is not None:
            gap = instant - self._ended_at
            self.least_gap = gap if self.least_gap is None else min(self.least_gap, gap)
            self._ended_at = None

    def ended(self, instant: float) -> None:
        """A request was answered, or its client went away."""
        self.in_flight -= 1
        self._ended_at = instant

    def refuse(self, instant: float) -> None:
        """A login was refused."""
        self.refused += 1
        if self._refused_at is None:
            self._refused_at = deque()
        self._refused_at.append(instant)
        while self._refused_at[0] <= instant - TEN_MINUTES:
            self._refused_at.popleft()
        self.most_refused = max(self.most_refused, len(self._refused_at))

    def counted(self, instant: float) -> dict[str, Any]:
        """What a checker of a whole fleet compares, in one small row."""
        return {
            "requests": sum(self.requests.values()), "logins": self.logins, "logins_refused": self.refused,
            "most_refused_in_ten_minutes": self.most_refused,
            "in_flight": self.in_flight, "most_in_flight": self.most_in_flight, "least_gap": self.least_gap,
            "sessions": self.sessions.now, "most_sessions": self.sessions.most,
            "sessions_above_one_seconds": self.sessions.above_one(instant),
            "streams": self.streams.now, "most_streams": self.streams.most, "streams_opened": self.streams_opened,
            "connections": self.connections,
        }  # fmt: skip

    def told(self, instant: float) -> dict[str, Any]:
        """All of it, as the control API gives it for one machine."""
        return self.counted(instant) | {"by_request": dict(self.requests)}


@dataclass(slots=True)
class LanTally(Tally):
    """What one BMC was asked over IPMI, counted; requests by `IPMI netfn/command`."""

    datagrams: int = 0
    """That reached it, whatever was in them."""
    repeats: int = 0
    """Commands that were the last one of their session once more."""
    abandoned: int = 0
    """Challenges that nobody came back to within a minute: a client with another password just goes away."""

    def counted(self, instant: float) -> dict[str, Any]:
        """What a checker of a whole fleet compares, in one small row."""
        return {
            "datagrams": self.datagrams, "repeats": self.repeats, "requests": sum(self.requests.values()),
            "logins": self.logins, "logins_abandoned": self.abandoned, "logins_refused": self.refused,
            "most_refused_in_ten_minutes": self.most_refused, "most_in_flight": self.most_in_flight,
            "least_gap": self.least_gap, "sessions": self.sessions.now, "most_sessions": self.sessions.most,
            "sessions_above_one_seconds": self.sessions.above_one(instant),
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
        self.ipmi: defaultdict[str, LanTally] = defaultdict(LanTally)
        """Of the machines that speak it."""

    def note(self, machine: str, what: str, **particulars: Any) -> None:
        """Writes one row."""
        self._rows.append(self._row(machine, what, particulars))

    def request(self, machine: str, method: str, target: str, status: int, session: str | None) -> None:
        """Counts one answered request, and keeps it for a while; status 0 is a request that got no answer."""
        path = target.partition("?")[0]
        self.tallies[machine].requests[f"{method} {path}"] += 1
        particulars = {"method": method, "target": target, "status": status, "session": session}
        self._requests.append(self._row(machine, "request", particulars))

    def command(self, machine: str, target: str, code: int | None, session: int | None) -> None:
        """Counts one IPMI command, and keeps it for a while; code None is one that got no answer."""
        self.ipmi[machine].requests[f"IPMI {target}"] += 1
        particulars = {"method": "IPMI", "target": target, "status": code, "session": session}
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
