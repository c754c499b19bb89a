"""One sensor over a span: from hot rows, raw pages and rollups, whichever tell it best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import numpy as np

from fleetmon import logs
from fleetmon.errors import Damaged
from fleetmon.storage import counting, history, pages, rollups
from fleetmon.storage.columns import to_ms
from fleetmon.storage.database import Connection
from fleetmon.storage.history import Curve, Taken
from fleetmon.storage.pages import Column, Opened
from fleetmon.storage.rollups import Steps
from fleetmon.storage.sealing import DAY, RAW

T = TypeVar("T")
log = logs.get("history")

MOST_RAW = 10_000
"""Rows read one by one for a curve; where there are more, rollups tell it."""
_FOREVER = 2**62
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sensor stands in a layout."""

    layout_id: int
    place: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What a curve is wanted of: from `start` up to `end`, in about so many points; what is longer is a gap."""

    start: datetime
    end: datetime
    points: int
    longest: timedelta
    rate: bool = False
    """Is a counter's rate by second wanted, and not its counts?"""
    wraps: bool = False
    """Does the counter begin anew at 2^32?"""

    @property
    def since(self) -> int:
        return to_ms(self.start)

    @property
    def until(self) -> int:
        return to_ms(self.end)


@dataclass(frozen=True, slots=True)
class Told:
    """A curve, its step (None: every point is a reading), what it was made of, and how many gaps the span has."""

    step: timedelta | None
    made_of: int
    curve: Curve
    gaps: int


def series(connection: Connection, places: Sequence[Place], asked: Asked) -> Told:
    """The curve of one sensor, all of it from one committed state."""
    step = history.step_for(asked.end - asked.start, asked.points)
    reach = _reach(connection, places)
    level = _level(reach, asked)
    if level == RAW and (len(reach) == 1 or _rows(connection, places, asked) <= MOST_RAW):
        return _raw(connection, places, asked, step)
    level = max(level, *(one for one in (RAW, *rollups.STEPS) if step % timedelta(seconds=one or 1) == timedelta(0)))
    if level == RAW:
        return _raw(connection, places, asked, step)
    width = timedelta(seconds=level)
    step = max(step, width)
    found = rollups.together([_steps(connection, place, asked, level) for place in places])
    found = found.among(((found.number + 1) * level * 1000 > asked.since) & (found.number * level * 1000 < asked.until))
    finest = rollups.coarser(found, 1)
    if asked.rate:
        finest = counting.step_rates(finest, level * 1000)
    curve = history.steps_told(rollups.coarser(finest, step // width), step, asked.longest)
    numbered = finest.number[finest.count > 0] * level * 1000
    gaps = history.gaps(numbered, asked.start, asked.end, max(asked.longest, width * 1.5))
    return Told(step, level, curve, gaps)


# ---- which kind -----------------------------------------------------------------------------------------------------


def _reach(connection: Connection, places: Sequence[Place]) -> dict[int, int]:
    """How far back each kind of history goes, by its step; readings as taken are always there."""
    reach: dict[int, int] = {}
    for place in places:
        for row in connection.execute(_OLDEST, (place.layout_id,)).fetchall():
            if row["start"] is not None:
                reach[row["step"]] = min(row["start"], reach.get(row["step"], _FOREVER))
    return {RAW: _FOREVER} | reach


def _level(reach: dict[int, int], asked: Asked) -> int:
    """The finest kind of page that reaches back as far as any does, or as far as is asked."""
    wanted = max(asked.since, min(reach.values()))
    return next((step for step in sorted(reach) if reach[step] < wanted + DAY), RAW)


def _rows(connection: Connection, places: Sequence[Place], asked: Asked) -> int:
    """About how many rows the span has, no further than matters."""
    span = (asked.since, asked.until)
    return sum(
        connection.execute(_COUNT, (place.layout_id, *span, MOST_RAW + 1)).fetchone()[0]
        + connection.execute(_COUNT_SEALED, (place.layout_id, *span, DAY)).fetchone()[0]
        for place in places
    )


# ---- readings as taken ----------------------------------------------------------------------------------------------


def _raw(connection: Connection, places: Sequence[Place], asked: Asked, step: timedelta) -> Told:
    longest = asked.longest // _MILLISECOND
    since = asked.since - longest if asked.rate else asked.since
    found = _ordered([_taken(connection, place, since, asked.until) for place in places])
    if asked.rate:
        found = counting.rates(found, longest, wraps=asked.wraps)
        found = found.among(found.at >= asked.since)
    gaps = history.gaps(found.numbered(), asked.start, asked.end, asked.longest)
    if len(found.at) <= asked.points:
        return Told(None, RAW, history.points_of(found, asked.longest), gaps)
    return Told(step, RAW, history.steps_told(history.stepped(found, step), step, asked.longest), gaps)


def _ordered(found: Sequence[Taken]) -> Taken:
    if len(found) <= 1:
        return found[0] if found else Taken(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_), np.zeros(0))
    every = Taken(*(np.concatenate([getattr(one, name) for one in found]) for name in Taken.__slots__))
    return every.among(np.argsort(every.at, kind="stable"))


def _taken(connection: Connection, place: Place, since: int, until: int) -> Taken:
    """What was taken from `since` up to `until`, by the instants of the polls."""
    where = (place.layout_id, since, until)
    sealed = connection.execute(_SEALED, (*where, DAY)).fetchall()
    group = place.place // pages.GROUP
    opened = list(_readable(sealed, lambda body: Opened.of(body, group)))
    columns = [pages.column_in(opened, place.place)] if opened else []
    hot = connection.execute(_HOT, (8 * place.place + 1, *where)).fetchall()
    if hot or not columns:
        columns.append(pages.column_of_rows(hot, place.place))
    column = pages.column_joined(columns)
    inside = slice(*np.searchsorted(column.instants, (since, until)))
    return history.taken(Column(*(getattr(column, name)[inside] for name in Column.__slots__)))


# ---- rollups --------------------------------------------------------------------------------------------------------


def _steps(connection: Connection, place: Place, asked: Asked, level: int) -> Steps:
    """Steps of one layout: rolled-up days as they are, every other stretch from its readings."""
    since, until = asked.since // DAY * DAY, asked.until
    late = {row["day"] * DAY for row in connection.execute(_LATE, (DAY, place.layout_id, since, until)).fetchall()}
    raw = {row["start"] for row in connection.execute(_RAW_DAYS, (place.layout_id, since, until, DAY)).fetchall()}
    rolled = connection.execute(_ROLLED, (place.layout_id, level, since, until)).fetchall()
    # A day that got rows since, which its rollup does not have, is told by its readings while they are kept.
    rolled = [row for row in rolled if row["start"] not in late or row["start"] not in raw]
    group = place.place // rollups.GROUP
    opened = {row["start"]: page for row in rolled for page in _readable([row], lambda body: Opened.of(body, group))}
    parts = [rollups.steps_in(list(opened.values()), place.place)] if opened else []
    width = timedelta(seconds=level)
    for start, end in _between(list(opened), asked.since, until):
        parts.append(history.stepped(_taken(connection, place, start, end), width))
    return rollups.together(parts)


def _between(days: Sequence[int], since: int, until: int) -> list[tuple[int, int]]:
    """The stretches from `since` to `until` that none of these days covers."""
    edges = [since, *(edge for day in days for edge in (day, day + DAY)), until]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]


# ---- the newest rows ------------------------------------------------------------------------------------------------


def newest(connection: Connection, layout_id: int, columns: int, limit: int) -> pages.Source | None:
    """The newest rows of a layout, at least `limit` of them where there are so many; None where there are none."""
    hot = connection.execute(_NEWEST, (layout_id, limit)).fetchall()
    sources: list[pages.Source] = [pages.block_of(hot[::-1], columns)] if hot else []
    for row in connection.execute(_NEWEST_PAGES, (layout_id,)).fetchall():
        if sum(int((source.instants > row["last"]).sum()) for source in sources) >= limit:
            break
        body = connection.execute(_BODY, (row["page_id"],)).fetchall()
        sources[:0] = _readable(body, _whole)
    if not sources:
        return None
    return sources[0] if len(sources) == 1 else pages.Joined(sources)


def _whole(content: bytes) -> pages.Source:
    """All of a page, every group of it readable."""
    page = pages.Page.of(content)
    for _ in pages.groups(page):
        pass
    return page


def _readable(rows: Iterable[Any], read: Callable[[bytes], T]) -> Iterator[T]:
    """What can be read of pages; a damaged one is a gap and a line in the log, and not the end of its device."""
    for row in rows:
        try:
            yield read(row["body"])
        except Damaged as error:
            log.warning("a page of history cannot be read", page=row["page_id"], reason=str(error))


_OLDEST = (
    "SELECT steps.step AS step, (SELECT min(start) FROM page WHERE layout_id = ?1 AND page.step = steps.step) AS start"
    " FROM (SELECT 0 AS step UNION SELECT 300 UNION SELECT 3600 UNION SELECT 86400) AS steps"
)
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM reading WHERE layout_id = ? AND taken_at >= ? AND taken_at < ? LIMIT ?)"
_COUNT_SEALED = (
    'SELECT coalesce(sum("rows" * (min(start + span, ?3) - max(start, ?2)) / span), 0) FROM page'
    " WHERE layout_id = ?1 AND step = 0 AND start > ?2 - ?4 AND start < ?3 AND start + span > ?2"
)
_HOT = (
    'SELECT taken_at, substr("values", ?, 8) AS number, exceptions FROM reading'
    " WHERE layout_id = ? AND taken_at >= ? AND taken_at < ? ORDER BY taken_at"
)
_SEALED = (
    "SELECT page_id, body FROM page WHERE layout_id = ?1 AND step = 0 AND start > ?2 - ?4 AND start < ?3"
    " AND start + span > ?2 ORDER BY span DESC, start"
)
_LATE = "SELECT DISTINCT taken_at / ? AS day FROM reading WHERE layout_id = ? AND taken_at >= ? AND taken_at < ?"
_RAW_DAYS = "SELECT start FROM page WHERE layout_id = ? AND step = 0 AND start >= ? AND start < ? AND span = ?"
_ROLLED = (
    "SELECT page_id, start, body FROM page WHERE layout_id = ? AND step = ? AND start >= ? AND start < ? ORDER BY start"
)
_NEWEST = "SELECT * FROM reading WHERE layout_id = ? ORDER BY taken_at DESC LIMIT ?"
_NEWEST_PAGES = "SELECT page_id, last FROM page WHERE layout_id = ? AND step = 0 ORDER BY last DESC"
_BODY = "SELECT page_id, body FROM page WHERE page_id = ?"
