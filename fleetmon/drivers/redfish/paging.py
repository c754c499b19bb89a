"""The pages of a log: which way they go, and reading the stretch of them that ends with the newest record.

DSP0266 promises no order of a collection's members. Some services page the newest records first, others (bmcweb among
them) the oldest; some shuffle what stands on one page (F55). Pages shift under the reader (F40), and a next link may
lead in a circle (F41). So the direction is taken from what the pages hold, and `$skip` is believed by what it brings.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any

from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.parse.logs import record
from fleetmon.drivers.redfish.resource import Fetch, Resource, is_resource, key, local
from fleetmon.drivers.redfish.walk import concerns_device
from fleetmon.errors import DeviceError, Garbled, Unsupported
from fleetmon.model import Component, LogMark, LogRecord, Problem

MAX_PAGES = 40
"""Of one log in one poll, after its first."""
MAX_RECORDS = 2000
FIRST_LOOK = 200
"""Records wanted of a log never read before."""
TELLING = 8
"""Entries that stand in order on a page by no accident."""


class Direction(Enum):
    """Which way the pages of a log go."""

    NEWEST_FIRST = auto()
    OLDEST_FIRST = auto()


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of a log: the record, or only a reference to it."""

    path: str
    record: LogRecord | None

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes it the same entry on two pages (F40)."""
        told = self.record
        return (told.record_id, told.created_text, told.content_hash) if told else (key(self.path),)

    @property
    def name(self) -> str:
        """Its id: as told, else the end of its path."""
        return self.record.record_id if self.record else self.path.rstrip("/").rpartition("/")[2]

    @property
    def number(self) -> int | None:
        """Its id as a number; a reference's by the digits in it."""
        digits = self.name if self.record else "".join(filter(str.isdigit, self.name))
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None

    def may_be(self, mark: LogMark | None) -> bool:
        """Is it the record of the mark, as far as can be seen from here?"""
        if mark is None:
            return False
        return mark.is_of(self.record) if self.record else self.name == mark.record_id


@dataclass(frozen=True, slots=True)
class Page:
    """One page as read."""

    path: str
    entries: tuple[Entry, ...]
    link: str | None
    """To the next page; None on the last."""
    total: int | None
    taken_at: datetime


def page_of(resource: Resource, components: Mapping[str, Component]) -> Page:
    """The page a resource is."""
    entries = []
    for _, item in fields.items(resource.body, "Members"):
        path = fields.link(item) or resource.path
        told = is_resource(item) or "Message" in item or "Created" in item
        entries.append(Entry(path, record(item, path, components) if told else None))
    link = resource.body.get("Members@odata.nextLink", resource.body.get("@odata.nextLink"))
    return Page(
        path=resource.path,
        entries=tuple(entries),
        link=link if isinstance(link, str) and link else None,
        total=fields.integer(resource.body, "Members@odata.count"),
        taken_at=resource.taken_at,
    )


# ---- which way -----------------------------------------------------------------------------------------------


def direction_within(page: Page) -> Direction | None:
    """The direction, where all entries of the page go one way by number, else by time; None for a shuffled page.

    Few entries tell nothing: two that are shuffled stand in order half the time.
    """
    if len(page.entries) < TELLING:
        return None
    for values in (_numbers(page.entries), _times(page.entries)):
        if values is None or values[0] == values[-1]:
            continue
        steps = list(itertools.pairwise(values))
        if all(before <= after for before, after in steps):
            return Direction.OLDEST_FIRST
        if all(before >= after for before, after in steps):
            return Direction.NEWEST_FIRST
    return None


def direction_between(first: Page, later: Page) -> Direction | None:
    """The direction from one page to another further on; None where they do not lie one behind the other."""
    known = {entry.identity for entry in first.entries}
    beyond = [entry for entry in later.entries if entry.identity not in known]
    for one, other in ((_numbers(first.entries), _numbers(beyond)), (_times(first.entries), _times(beyond))):
        if not one or not other:
            continue
        if min(other) >= max(one) and max(other) > min(one):
            return Direction.OLDEST_FIRST
        if max(other) <= min(one) and min(other) < max(one):
            return Direction.NEWEST_FIRST
    return None


def _numbers(entries: Sequence[Entry]) -> list[Any] | None:
    numbers = [entry.number for entry in entries]
    return None if None in numbers else numbers


def _times(entries: Sequence[Entry]) -> list[Any] | None:
    times = [entry.record.created_at if entry.record else None for entry in entries]
    return None if None in times else times


# ---- reading -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Stretch:
    """What was read of a log without a break that is not told in `unread`; its end is the newest record."""

    fetch: Fetch
    path: str
    mark: LogMark | None
    components: Mapping[str, Component]
    entries: dict[tuple[str, ...], Entry] = field(default_factory=dict)
    reached: bool = False
    """Does it hold the mark, or a reference to it?"""
    whole: bool = False
    """Is it the whole log?"""
    total: int | None = None
    unread: list[Problem] = field(default_factory=list)
    """What belongs to it and could not be read."""
    beyond_us: bool = False
    """Would asking again be in vain: the log is longer than we read, or its links lead nowhere?"""
    names_tell: bool = True
    """May a reference be taken for the mark by its name?"""
    _pages_left: int = MAX_PAGES

    async def read(self) -> Page:
        """Read as far as the mark, or as is wanted; the first page. Raises DeviceError for that one or the device."""
        first = page_of(await self.fetch.get(self.path), self.components)
        self.total = first.total
        if first.link is None and (first.total is None or first.total <= len(first.entries)):
            self._take(first)
            self.whole = True
            return first
        try:
            await self._read_on(first)
        except DeviceError as error:
            if concerns_device(error, first=False):
                raise
            self.unread.append(Problem(resource=error.resource or self.path, reason=error.reason))
        return first

    async def _read_on(self, first: Page) -> None:
        """From the first of several pages to where the newest records are."""
        direction = direction_within(first)
        found = None if direction is Direction.NEWEST_FIRST else await self._last_page(first)
        if found is not None:
            skip, tail = found
            direction = direction or direction_between(first, tail)
            if direction is Direction.OLDEST_FIRST:
                await self._read_backwards(first, skip, tail)
                return
        await self._read_forwards(first, direction)

    async def _last_page(self, first: Page) -> tuple[int, Page] | None:
        """The last page by `$skip`, and what it skips; None where the service does not do it, as the content shows.

        Pages are asked for where the service itself would begin them: entries may be shuffled within one.
        """
        size = len(first.entries)
        if not size or first.total is None or first.total <= size:
            return None
        skip = (first.total - 1) // size * size
        try:
            page = await self._get(f"{self.path}?$skip={skip}")
        except (Unsupported, Garbled) as error:
            if concerns_device(error, first=False):
                raise
            return None
        known = {entry.identity for entry in first.entries}
        return (skip, page) if {entry.identity for entry in page.entries} - known else None

    async def _read_forwards(self, first: Page, direction: Direction | None) -> None:
        """Page after page by their links: newest first to the mark, in any other order to the end."""
        seen = {key(self.path), self.path.lower()}
        page = first
        try:
            self._take(first)
            while not (direction is Direction.NEWEST_FIRST and self._enough):
                path = local(page.link) if page.link else None
                if page.link is None:
                    self.whole = page is not first or self.total is None or len(self.entries) >= self.total
                    if not self.whole and (direction is Direction.OLDEST_FIRST or not self.reached):
                        self._stop("counts more entries than it gives")
                    break
                if path is None or path.lower() in seen or self._full:
                    self._stop()
                    break
                seen.add(path.lower())
                page = await self._get(path)
                direction = direction or direction_between(first, page)
                if not self._take(page) and page.link is not None:
                    self._stop()
                    break
        finally:
            if direction is Direction.OLDEST_FIRST and not (self.whole or self.reached or self.mark is None):
                self.entries.clear()

    async def _read_backwards(self, first: Page, skip: int, tail: Page) -> None:
        """From the last page towards the first, as far as needed."""
        await self._read_tail(tail)
        size = len(first.entries)
        while not self._enough and skip > size:
            if self._full:
                self._stop()
                return
            below = skip - size
            path = f"{self.path}?$skip={below}"
            try:
                page = await self._get(path)
            except (Unsupported, Garbled) as error:
                if concerns_device(error, first=False):
                    raise
                self.unread.append(Problem(resource=path, reason=error.reason))
            else:
                self._take(page)
                if len(page.entries) < skip - below:
                    self.unread.append(Problem(resource=path, reason="brings fewer entries than lie before the next"))
            skip = below
        if not self._enough:
            self._take(first)
            self.whole = not self.unread

    async def _read_tail(self, tail: Page) -> None:
        """The last page, and what has come after it meanwhile."""
        self._take(tail)
        seen = {tail.path.lower()}
        while tail.link is not None:
            path = local(tail.link)
            if path is None or path.lower() in seen or self._full:
                self._stop()
                return
            seen.add(path.lower())
            tail = await self._get(path)
            if not self._take(tail):
                return

    async def _get(self, path: str) -> Page:
        self._pages_left -= 1
        return page_of(await self.fetch.get(path), self.components)

    def _take(self, page: Page) -> int:
        """Keep what a page brings; how many of its entries are new to this stretch."""
        before = len(self.entries)
        self.entries.update({entry.identity: entry for entry in page.entries})
        self.reached = self.reached or any(map(self._may_be_mark, page.entries))
        return len(self.entries) - before

    def _may_be_mark(self, entry: Entry) -> bool:
        return entry.may_be(self.mark) and (entry.record is not None or self.names_tell)

    def _stop(self, reason: str = "its pages lead nowhere") -> None:
        """No more pages, although there are some; unless all is read that the log says it has."""
        if self.total is not None and len(self.entries) >= self.total:
            self.whole = True
            return
        if self._full:
            reason = f"longer than is read in one poll ({len(self.entries)} entries)"
        self.unread.append(Problem(resource=self.path, reason=reason))
        self.beyond_us = True

    @property
    def _full(self) -> bool:
        return self._pages_left <= 0 or len(self.entries) >= MAX_RECORDS

    @property
    def _enough(self) -> bool:
        return self.reached or (self.mark is None and len(self.entries) >= FIRST_LOOK)


def newest_first(references: Iterable[Entry]) -> tuple[list[Entry], bool]:
    """References by number, and whether that is an order to rely on: each has a number of its own."""
    waiting = list(references)
    numbers = {entry.number for entry in waiting}
    ordered = sorted(waiting, key=lambda entry: (entry.number or 0, entry.name), reverse=True)
    return ordered, None not in numbers and len(numbers) == len(waiting)
