"""Reading the stretch of a log's pages that ends with the newest record, whichever way they go.

Pages shift under the reader (F40), and a next link may lead in a circle (F41). `$skip` is believed by what it brings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fleetmon.drivers.redfish.pages import Direction, Entry, Page, direction_between, direction_within, page_of
from fleetmon.drivers.redfish.resource import Fetch, key, local
from fleetmon.drivers.redfish.walk import concerns_device
from fleetmon.errors import DeviceError, Garbled, Unsupported
from fleetmon.model import Component, LogMark, Problem

MAX_PAGES = 40
"""Of one log in one poll, after its first."""
MAX_RECORDS = 2000
FIRST_LOOK = 200
"""Records wanted of a log never read before."""


@dataclass(slots=True)
class Trail:
    """What is remembered of a log from one look to the next: which way its pages went, and how far somebody has been.

    The latter where it can only be followed from its oldest record: its next links are long. A page is believed to be
    the one it was as long as it holds an entry it held.
    """

    direction: Direction | None = None
    path: str = ""
    entries: frozenset[tuple[str, ...]] = frozenset()
    paused_at: LogMark | None = None
    """The mark under which a look was paused here; what lay before was read since that mark."""
    paused: bool = False
    passed: bool = False
    """Lies the mark before this page?"""

    def lay(self, page: Page, mark: LogMark | None, *, paused: bool = False, passed: bool = True) -> None:
        """This is the last page read."""
        self.path, self.entries = page.path, frozenset(entry.identity for entry in page.entries)
        self.paused_at, self.paused, self.passed = mark, paused, passed

    def back_to(self, before: Trail) -> None:
        """What one look laid is taken back; which way the pages go stays known."""
        self.path, self.entries = before.path, before.entries
        self.paused_at, self.paused, self.passed = before.paused_at, before.paused, before.passed

    def settled(self, found: Direction | None) -> Direction | None:
        """The direction found, unless the pages went the other way before: then nothing is certain (ids begin anew)."""
        before, self.direction = self.direction, found or self.direction
        if before is None or found is None or before is found:
            return found
        self.direction = None
        return None

    def leads_to(self, page: Page, mark: LogMark | None) -> bool:
        """Is `page` still the one of before, and is nothing between the mark and it that was not read?"""
        same = any(entry.identity in self.entries for entry in page.entries)
        return same and ((self.paused and self.paused_at == mark) or any(entry.may_be(mark) for entry in page.entries))


@dataclass(slots=True)
class Stretch:
    """What was read of a log without a break that is not told in `unread`; its end is the newest record."""

    fetch: Fetch
    path: str
    mark: LogMark | None
    components: Mapping[str, Component]
    trail: Trail
    entries: dict[tuple[str, ...], Entry] = field(default_factory=dict)
    reached: bool = False
    """Does it hold the mark, or a reference to it?"""
    whole: bool = False
    """Is it the whole log?"""
    shortened: bool = False
    """Did it begin where the last look ended?"""
    goes_on: bool = False
    """Does it go on behind the mark, where a look was paused?"""
    pause: Problem | None = None
    total: int | None = None
    unread: list[Problem] = field(default_factory=list)
    """What belongs to it and could not be read."""
    beyond_us: bool = False
    """Would asking again be in vain: the log is longer than we read, or its links lead nowhere?"""
    last_try: bool = False
    """Will what cannot be read now be given up?"""
    names_tell: bool = True
    """May a reference be taken for the mark by its name?"""
    _pages_left: int = MAX_PAGES
    _along: list[Page] = field(default_factory=list)
    """The pages read by their links."""
    _trail_before: Trail = field(default_factory=Trail)

    def __post_init__(self) -> None:
        self._trail_before = replace(self.trail)

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
        direction = self.trail.settled(direction_within(first))
        found = None if direction is Direction.NEWEST_FIRST else await self._last_page(first)
        if found is not None:
            skip, tail = found
            direction = direction or self.trail.settled(direction_between(first, tail))
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
        again = sum(entry.identity in known for entry in page.entries)
        return (skip, page) if page.entries and 2 * again < size else None

    async def _read_forwards(self, first: Page, direction: Direction | None) -> None:
        """Page after page by their links: newest first to the mark, in any other order to the end."""
        seen = {key(self.path), self.path.lower()}
        page = first if direction is Direction.NEWEST_FIRST else await self._along_the_trail(first)
        seen.add(page.path.lower())
        try:
            self._take_along(page)
            while not (direction is Direction.NEWEST_FIRST and self._enough):
                path = local(page.link) if page.link else None
                if page.link is None:
                    if page is not first and direction is not Direction.NEWEST_FIRST:
                        self.trail.lay(page, self.mark)
                    self.whole = page is not first or self.total is None or len(self.entries) >= self.total
                    if not self.whole and (direction is Direction.OLDEST_FIRST or not self.reached):
                        self._stop("counts more entries than it gives")
                    break
                if path is None or path.lower() in seen or self._full:
                    self._pause(page) if self._full and direction is Direction.OLDEST_FIRST else self._stop()
                    break
                seen.add(path.lower())
                page = await self._get(path)
                direction = direction or self.trail.settled(direction_between(first, page))
                if not self._take_along(page) and page.link is not None:
                    self._stop()
                    break
        finally:
            beyond = self.whole or self.reached or self.goes_on or self.mark is None or self.last_try
            if direction is Direction.OLDEST_FIRST and not beyond:
                self.entries.clear()

    async def _along_the_trail(self, first: Page) -> Page:
        """The page where the last look ended, if it is still the same; else the first."""
        if not self.trail.path:
            return first
        try:
            page = await self._get(self.trail.path)
        except (Unsupported, Garbled) as error:
            if concerns_device(error, first=False):
                raise
            return first
        if not self.trail.leads_to(page, self.mark):
            return first
        self.shortened = True
        self.goes_on = self.trail.paused and self.trail.passed
        return page

    def _pause(self, page: Page) -> None:
        """There is more than one look reads; the next goes on from here."""
        self.trail.lay(page, self.mark, paused=True, passed=self.reached or self.goes_on)
        reason = f"longer than is read in one poll ({len(self.entries)} entries); the next look goes on"
        self.pause = Problem(resource=self.path, reason=reason)
        self.unread.append(self.pause)

    def stay(self) -> None:
        """Not all entries found are fetched in this look: the next one finds them again as this one did."""
        self.trail.back_to(self._trail_before)
        if self.pause is not None:
            self.unread.remove(self.pause)

    def go_on_from(self, newest: Entry) -> None:
        """Of those not fetched, the next look needs only what begins on the page of the newest that was."""
        page = next((page for page in self._along if newest in page.entries), None)
        if page is not None and self.trail.direction is Direction.OLDEST_FIRST:
            self.trail.lay(page, self.mark)

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

    def _take_along(self, page: Page) -> int:
        self._along.append(page)
        return self._take(page)

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
