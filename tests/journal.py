"""A device's log with everything that goes wrong with logs, and its ground truth; and what becomes of it at our side.

It speaks as DSP0266 has it: a collection with members or references, `Members@odata.count`, `$skip`, next links.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from fleetmon.drivers.redfish.logbook import TRIES, read_log
from fleetmon.drivers.redfish.paging import Trail
from fleetmon.drivers.redfish.plan import LogPlan
from fleetmon.drivers.redfish.resource import Resource
from fleetmon.errors import DeviceError, Garbled
from fleetmon.ingest.logs import Followed, follow
from fleetmon.model import LogReading, LogRecord
from fleetmon.storage.events import LogState, identity_of
from tests.checkers import Told, Written

PLAN = LogPlan("SEL", "/redfish/v1/Managers/1/LogServices/SEL", "/redfish/v1/Managers/1/LogServices/SEL/Entries")
START = datetime(2026, 1, 6, 8, 0, tzinfo=UTC)
NEVER_SET = datetime(1970, 1, 1, tzinfo=UTC)
WRAPS_AT = 65_536
"""Record ids of an IPMI SEL have 16 bits."""


@dataclass(slots=True)
class Line:
    """One record as the device keeps it."""

    word: str
    ident: int
    at: datetime


@dataclass
class Journal:
    """A log of one device. Looks are numbered from 1."""

    size: int = 10
    newest_first: bool = False
    references: bool = False
    honours_skip: bool = True
    counts: bool = True
    capacity: int = 10_000
    first_id: int = 1
    appends_on_read: bool = False
    """Every page read writes a record, so that pages shift under the reader (F40)."""
    shuffled: bool = False
    """Entries stand in no order on their page (F55)."""

    lines: list[Line] = field(default_factory=list)
    gone: list[tuple[Line, int]] = field(default_factory=list)
    look: int = 0
    being_read: bool = False
    first_read: int = 0
    """The look that read something of it first."""
    clock: datetime = START
    unset: bool = False
    zone: timedelta | None = timedelta(0)
    failing: frozenset[int] = frozenset()
    """Requests of the present look that fail, counted from 0."""
    asked: int = 0
    _next_id: int = 0
    _serial: int = 0

    def __post_init__(self) -> None:
        self._next_id = self.first_id

    # ---- what happens to it ----------------------------------------------------------------------------------

    def write(self, count: int, *, apart: float = 60.0) -> None:
        """So many records, `apart` seconds from one to the next; 0 is the same second."""
        for _ in range(count):
            self.clock += timedelta(seconds=apart)
            at = NEVER_SET + (self.clock - START) if self.unset else self.clock
            self.lines.append(Line(f"w{self._serial}", self._next_id, at))
            self._serial += 1
            self._next_id = self._next_id + 1 if self._next_id + 1 < WRAPS_AT else 1
        self.rotate(len(self.lines) - self.capacity)

    def rotate(self, count: int) -> None:
        """The oldest so many are dropped (F54)."""
        dropped, self.lines = self.lines[: max(0, count)], self.lines[max(0, count) :]
        self.gone += [(line, self.look + (not self.being_read)) for line in dropped]

    def clear(self, *, restart_ids: bool) -> None:
        """All records are gone; ids start again, or go on (F52)."""
        self.rotate(len(self.lines))
        if restart_ids:
            self._next_id = self.first_id

    def restart_ids(self) -> None:
        """Ids start again while the old records remain: two records of one id. Not where ids are addresses."""
        if not self.references:
            self._next_id = self.first_id

    def truth(self) -> list[Written]:
        """Every record ever written; what was gone when the log was first read was never promised."""
        there = [Written(line.word) for line in self.lines]
        return there + [Written(line.word, look, promised=look > self.first_read > 0) for line, look in self.gone]

    # ---- how it is told --------------------------------------------------------------------------------------

    async def get(self, path: str) -> Resource:
        """As the service answers; fails where the present look is to fail."""
        number, self.asked = self.asked, self.asked + 1
        if number in self.failing:
            raise Garbled("failed (HTTP 500)", resource=path)
        bare, _, query = path.partition("?")
        if self.appends_on_read and bare == PLAN.entries:
            self.write(1, apart=1)
        if bare != PLAN.entries:
            word = bare.rpartition("/")[2]
            found = [line for line in self.lines if str(line.ident) == word]
            if not found:
                raise Garbled("not there (HTTP 404)", resource=path)
            return Resource(path, self._entry(found[0]), START)
        skip = "$skip" if self.honours_skip else "$skiptoken"
        start = int(query.partition("=")[2]) if query.startswith(f"{skip}=") else 0
        return Resource(path, self._page(start, skip), START)

    def _page(self, start: int, skip: str) -> dict[str, Any]:
        ordered = list(reversed(self.lines)) if self.newest_first else self.lines
        shown = ordered[start : start + self.size]
        if self.shuffled:
            shown = random.Random(start).sample(shown, len(shown))
        body: dict[str, Any] = {
            "@odata.id": PLAN.entries,
            "@odata.type": "#LogEntryCollection.LogEntryCollection",
            "Members": [self._member(line) for line in shown],
        }
        if self.counts:
            body["Members@odata.count"] = len(ordered)
        if start + self.size < len(ordered):
            body["Members@odata.nextLink"] = f"{PLAN.entries}?{skip}={start + self.size}"
        return body

    def _member(self, line: Line) -> dict[str, Any]:
        entry = self._entry(line)
        return {"@odata.id": entry["@odata.id"]} if self.references else entry

    def _entry(self, line: Line) -> dict[str, Any]:
        told = line.at.replace(tzinfo=None) if self.zone is None else line.at.astimezone(timezone(self.zone))
        return {
            "@odata.id": f"{PLAN.entries}/{line.ident}",
            "@odata.type": "#LogEntry.v1_0_0.LogEntry",
            "Id": str(line.ident),
            "Created": told.isoformat(),
            "Severity": "Warning",
            "Message": f"Something happened: {line.word}",
        }


class Ours:
    """What driver and store make of one log over many looks, as they do it, without a disk."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.state: LogState | None = None
        self.known: set[tuple[int, bytes]] = set()
        self.told: list[Told] = []
        self.tries = 0
        self.trail = Trail()
        self.unread = False

    async def look(self) -> LogReading | None:
        """Read the log once; None when its first page could not be had."""
        self.journal.look += 1
        self.journal.asked = 0
        self.journal.being_read = True
        try:
            return await self._look()
        finally:
            self.journal.being_read = False

    async def _look(self) -> LogReading | None:
        mark = self.state.mark if self.state else None
        try:
            before = self.trail.path
            reading = await read_log(self.journal, PLAN, mark, {}, last_try=self.tries + 1 >= TRIES, trail=self.trail)
        except DeviceError:
            self.unread = True
            return None
        self.unread = bool(reading.unread)
        in_vain = bool(reading.unread) and not reading.gap and self.trail.path == before
        self.tries = self.tries + 1 if in_vain else 0
        if mark is None and reading.unread and not reading.gap:
            return reading
        followed = self._follow(
            self.state, reading, self._seen, generation=1, received_at=START + timedelta(days=self.journal.look)
        )
        self.state = followed.state
        if self.state.mark is not None:
            self.journal.first_read = self.journal.first_read or self.journal.look
        for event in followed.events:
            self._store(event.generation, event.record)
        return reading

    def _follow(self, *given: Any, **named: Any) -> Followed:
        return follow(*given, **named)

    def _store(self, generation: int, record: LogRecord) -> None:
        """One row by (generation, identity), as the store has it."""
        key = (generation, identity_of(record))
        if key in self.known:
            return
        self.known.add(key)
        if record.message_id.startswith("Fleetmon."):
            self.told.append(Told(look=self.journal.look, gap=True))
        else:
            self.told.append(Told(look=self.journal.look, word=record.message.rpartition(" ")[2]))

    def _seen(self, generation: int, records: Any) -> dict[bytes, bool]:
        return {identity_of(one): (generation, identity_of(one)) in self.known for one in records}
