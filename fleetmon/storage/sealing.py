"""Hot rows become pages: an hour's after the hour, a day's after the day, with the day's rollups.

A page is made from one consistent look and stored by one short write that takes away exactly the rows and pages that
went into it. A kill leaves either them or the page; a row that comes later stays hot until the page is made anew with
it; a row that comes twice counts once, as it was first stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from fleetmon import logs
from fleetmon.errors import Damaged
from fleetmon.storage import history, pages, rollups
from fleetmon.storage.codec import BITS, SINGLE, Scaled, scaled
from fleetmon.storage.columns import to_ms
from fleetmon.storage.database import Connection, Database
from fleetmon.storage.pages import Block, Exceptions, Joined, Page, Source, block_of
from fleetmon.storage.rollups import SUMMABLE, Steps
from fleetmon.storage.telemetry_rows import Growth

log = logs.get("sealing")

RAW = 0
"""The step of a page of readings as taken."""
HOUR, DAY = 3_600_000, 86_400_000
"""Milliseconds."""
HOUR_RESTS, DAY_RESTS = timedelta(minutes=10), timedelta(hours=2)
"""So long after its end an hour, or a day, is sealed: what comes even later costs making the page anew."""
_FINEST = rollups.FIVE_MINUTES * 1000
_SENSELESS = (ArithmeticError, LookupError, TypeError, ValueError)
"""What rows that nobody of us wrote can end in; they must not keep those of every other device from being sealed."""
_MOST_EXPIRED = 200
"""Pages forgotten in one write."""
_MEASURED = 7
"""Days whose pages tell the growth."""
KINDS = {RAW: "readings", rollups.FIVE_MINUTES: "five_minutes", rollups.HOUR: "hours", rollups.DAY: "days"}
"""What a page holds, by its step, in the words of `settings.Retention`."""


@dataclass(frozen=True, slots=True)
class Span:
    """An hour or a day of one layout that can be sealed, in milliseconds."""

    layout_id: int
    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class NewPage:
    """A page to be stored: its step, its body, its rows, and its last instant."""

    step: int
    body: bytes
    rows: int
    last: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """New pages of a span, and what went into them."""

    span: Span
    made: tuple[NewPage, ...]
    instants: tuple[int, ...]
    """Of the hot rows."""
    page_ids: tuple[int, ...]


class Sealing:
    """Seals, forgets, and measures what that comes to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._one_at_a_time = asyncio.Lock()
        self._damaged: set[Span] = set()

    async def due(self, now: datetime, kept_since: datetime) -> list[Span]:
        """For each layout the oldest span that can be sealed now; what is about to be forgotten, or damaged, is not."""
        hours, days = floor(now - HOUR_RESTS, HOUR), floor(now - DAY_RESTS, DAY)
        damaged = frozenset(self._damaged)
        return await self._database.look(lambda connection: _due(connection, hours, days, to_ms(kept_since), damaged))

    async def seal(self, span: Span) -> int:
        """Make the page of a span; how many hot rows are in it now. One whose pages are damaged is left as it is."""
        async with self._one_at_a_time:
            try:
                sealed = await self._database.look(lambda connection: _sealed(connection, span))
            except (Damaged, *_SENSELESS) as error:
                self._damaged.add(span)
                log.warning("a page of history cannot be sealed", layout=span.layout_id, reason=str(error))
                return 0
            if sealed is None:
                return 0
            await self._database.write(lambda connection: _store(connection, sealed))
            return len(sealed.instants)

    async def expire(self, step: int, before: datetime) -> int:
        """Pages of a step that end before an instant are forgotten, some at a time; how many were."""
        async with self._one_at_a_time:
            return await self._database.write(lambda connection: _expire(connection, step, to_ms(before)))

    async def growth(self, now: datetime) -> tuple[Growth, ...]:
        """What each kind of page takes, and adds in a day, as its newest sealed days tell."""
        until = floor(now - DAY_RESTS, DAY)
        return await self._database.look(lambda connection: _growth(connection, until))


def floor(instant: datetime, length: int) -> int:
    """The start of the hour or the day an instant is in."""
    return to_ms(instant) // length * length


# ---- reading --------------------------------------------------------------------------------------------------------


def _due(
    connection: Connection, hours: int, days: int, kept_since: int, damaged: frozenset[Span] = frozenset()
) -> list[Span]:
    def spans(sql: str, *parameters: int) -> set[Span]:
        rows = connection.execute(sql, parameters).fetchall()
        found = [(row["layout_id"], row["oldest"]) for row in rows if row["oldest"] is not None]
        return {
            Span(layout_id, at // DAY * DAY, DAY) if at < days else Span(layout_id, at // HOUR * HOUR, HOUR)
            for layout_id, at in found
            if at < hours
        }

    found = spans(_OLDEST, kept_since) | spans(_HOURLY, HOUR, days)
    while bad := found & damaged:
        found -= bad
        for span in bad:
            found |= spans(_NEXT, span.layout_id, span.end, HOUR, days)
    return sorted(found, key=lambda span: (span.start, span.layout_id))


def _sealed(connection: Connection, span: Span) -> Sealed | None:
    where = (span.layout_id, span.start, span.end)
    hot = connection.execute(_HOT, where).fetchall()
    stored = connection.execute(_PAGES, (*where, span.length)).fetchall()
    if not hot and [row["span"] for row in stored] in ([], [span.length]):
        return None
    (columns,) = connection.execute(_COLUMNS, (span.layout_id,)).fetchone()
    sources: list[Source] = [Page.of(row["body"]) for row in stored]
    sources += [block_of(hot, columns)] if hot else []
    rows = sources[0] if len(sources) == 1 else Joined(sources)
    instants = tuple(row["taken_at"] for row in hot)
    # What comes for a day whose readings are forgotten is forgotten too: its rollups know more.
    known = connection.execute(_ROLLED, where).fetchall() if span.length == DAY else []
    rolled = span.length == DAY and (not known or any(row["span"] == DAY for row in stored))
    if known and not stored:
        return Sealed(span, (), instants, ())
    told_until = connection.execute(_BEFORE, (span.layout_id, span.start)).fetchone()["until"] if rolled else None
    return Sealed(
        span,
        tuple(_pages(rows, span, told_until, rolled=rolled)),
        instants,
        tuple(row["page_id"] for row in stored),
    )


def _pages(rows: Source, span: Span, told_until: int | None, *, rolled: bool) -> Iterator[NewPage]:
    """The raw page, and a day's rollups."""
    last, count = int(rows.instants[-1]), len(rows.instants)
    parts: list[tuple[Scaled, Exceptions]] = []
    columns: dict[int, list[Steps]] = {step: [] for step in rollups.STEPS}
    scales: list[int] = []
    for numbers, flat in pages.groups(rows):
        whole = scaled(np.ascontiguousarray(numbers))
        parts.append((whole, flat))
        if rolled:
            for scale, steps in _rolled(Block(rows.instants, numbers, flat), whole, len(scales), told_until):
                scales.append(scale)
                for step in steps:
                    columns[step].append(steps[step])
    level = pages.DAY_LEVEL if span.length == DAY else pages.HOUR_LEVEL
    yield NewPage(RAW, pages.raw_page(rows.instants, rows.columns, parts, level), count, last)
    if rolled and any(len(one.number) for one in columns[rollups.DAY]):
        for step in rollups.STEPS:
            yield NewPage(step, rollups.rolled_page(columns[step], scales), len(columns[step]), last)


def _rolled(block: Block, whole: Scaled, first: int, told_until: int | None) -> Iterator[tuple[int, dict[int, Steps]]]:
    """The scale and the steps of each sensor of a group, whole numbers where they can be summed."""
    if not len(block.exceptions.row):
        yield from _rolled_together(block, whole)
        return
    for inside in range(block.numbers.shape[1]):
        column = pages.column_of(block.instants, block.numbers[:, inside], block.exceptions, first + inside)
        found = history.taken(column, told_until)
        scale = int(whole.scales[inside])
        numbers, there = found.number, ~np.isnan(found.number)
        if scale != BITS and np.abs(whole.whole[:, inside]).max(initial=0) < SUMMABLE:
            numbers = np.rint(np.where(there, numbers, 0) * 10.0 ** (scale % SINGLE)).astype(np.int64)
        else:
            scale = BITS
        yield scale, _levels(rollups.steps_of(found.at, numbers, there, found.suspect, _FINEST))


def _rolled_together(block: Block, whole: Scaled) -> Iterator[tuple[int, dict[int, Steps]]]:
    """The same where every sensor told something plain in every row: all at once."""
    there = ~np.isnan(block.numbers)
    scales = np.where(np.abs(whole.whole).max(axis=0) < SUMMABLE, whole.scales, BITS)
    found: dict[int, dict[int, Steps]] = {}
    for here, numbers in ((scales == BITS, block.numbers), (scales != BITS, whole.whole)):
        suspect = np.zeros((len(block.instants), int(here.sum())), np.bool_)
        levels = _levels(rollups.steps_of(block.instants, numbers[:, here], there[:, here], suspect, _FINEST))
        for column, place in enumerate(np.flatnonzero(here).tolist()):
            found[place] = {step: steps.column(column) for step, steps in levels.items()}
    return ((int(scale), found[place]) for place, scale in enumerate(scales))


def _levels(finest: Steps) -> dict[int, Steps]:
    """All rollups, by their step."""
    hours = rollups.coarser(finest, rollups.HOUR // rollups.FIVE_MINUTES)
    days = rollups.coarser(hours, rollups.DAY // rollups.HOUR)
    return {rollups.FIVE_MINUTES: finest, rollups.HOUR: hours, rollups.DAY: days}


# ---- writing --------------------------------------------------------------------------------------------------------


def _store(connection: Connection, sealed: Sealed) -> None:
    span = sealed.span
    connection.executemany(_FORGET_HOT, [(span.layout_id, instant) for instant in sealed.instants])
    connection.executemany(_FORGET_PAGE, [(page_id,) for page_id in sealed.page_ids])
    for page in sealed.made:
        told = (span.layout_id, page.step, span.start, span.length, page.last, page.rows, len(page.body), page.body)
        connection.execute(_PUT, told)


def _expire(connection: Connection, step: int, before: int) -> int:
    return sum(connection.execute(_EXPIRE, (step, span, before - span)).rowcount for span in (HOUR, DAY))


def _growth(connection: Connection, until: int) -> tuple[Growth, ...]:
    taken = {row["step"]: row["bytes"] for row in connection.execute(_TAKEN).fetchall()}
    since = until - _MEASURED * DAY
    added = {row["step"]: row["a_day"] for row in connection.execute(_ADDED, (DAY, since, until)).fetchall()}
    return tuple(Growth(kind, taken.get(step, 0), added.get(step, 0.0)) for step, kind in KINDS.items())


_OLDEST = (
    "SELECT layout_id, (SELECT min(taken_at) FROM reading WHERE reading.layout_id = layout.layout_id"
    " AND taken_at >= ?) AS oldest FROM layout"
)
_HOURLY = (
    "SELECT layout_id, min(start) AS oldest FROM page WHERE step = 0 AND span = ? AND start < ? GROUP BY layout_id"
)
_NEXT = (
    "SELECT ?1 AS layout_id, (SELECT min(taken_at) FROM reading WHERE layout_id = ?1 AND taken_at >= ?2) AS oldest"
    " UNION ALL SELECT ?1, (SELECT min(start) FROM page WHERE layout_id = ?1 AND step = 0 AND span = ?3"
    " AND start >= ?2 AND start < ?4)"
)
_HOT = "SELECT * FROM reading WHERE layout_id = ? AND taken_at >= ? AND taken_at < ? ORDER BY taken_at"
_PAGES = (
    "SELECT page_id, span, body FROM page WHERE layout_id = ? AND step = 0 AND start >= ? AND start < ? AND span <= ?"
    " ORDER BY span DESC, start"
)
_ROLLED = "SELECT step FROM page WHERE layout_id = ? AND step > 0 AND start >= ? AND start < ?"
_COLUMNS = "SELECT json_array_length(sensor_ids) FROM layout WHERE layout_id = ?"
_BEFORE = (
    "SELECT max(until) AS until FROM (SELECT max(taken_at) AS until FROM reading WHERE layout_id = ?1 AND taken_at < ?2"
    " UNION ALL SELECT max(last) FROM page WHERE layout_id = ?1 AND step = 0 AND start < ?2)"
)
_FORGET_HOT = "DELETE FROM reading WHERE layout_id = ? AND taken_at = ?"
_FORGET_PAGE = "DELETE FROM page WHERE page_id = ?"
_PUT = (
    'INSERT INTO page (layout_id, step, start, span, last, "rows", bytes, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)'
    ' ON CONFLICT (layout_id, step, start, span) DO UPDATE SET last = excluded.last, "rows" = excluded."rows",'
    " bytes = excluded.bytes, body = excluded.body"
)
_EXPIRE = (
    "DELETE FROM page WHERE page_id IN"  # noqa: S608 - a number of ours
    f" (SELECT page_id FROM page WHERE step = ? AND span = ? AND start <= ? LIMIT {_MOST_EXPIRED})"
)
_TAKEN = "SELECT step, sum(bytes) AS bytes FROM page GROUP BY step"
_ADDED = (
    "SELECT step, 1.0 * sum(bytes) / count(DISTINCT start) AS a_day FROM page"
    " WHERE step IN (0, 300, 3600, 86400) AND span = ? AND start >= ? AND start < ? GROUP BY step"
)
