"""One page of a log, its entries, and which way the pages go.

DSP0266 promises no order of a collection's members. Some services page the newest records first, others (bmcweb among
them) the oldest; some shuffle what stands on one page (F55). So the direction is taken from what the pages hold, and
only where numbers and times do not contradict each other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.parse.logs import record
from fleetmon.drivers.redfish.resource import Resource, is_resource, key
from fleetmon.model import Component, LogMark, LogRecord

WRAPPED = 32_768
"""Numbers this far apart in one log mean that its counter started again from the bottom while older records remain."""
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
    """The direction, where all entries of the page go one way; None for a shuffled page.

    Few entries tell nothing: two that are shuffled stand in order half the time. Numbers and times that contradict each
    other tell nothing either.
    """
    if len(page.entries) < TELLING:
        return None
    found = []
    for values in (_unwrapped(_numbers(page.entries)), _times(page.entries)):
        if not values or values[0] == values[-1]:
            continue
        steps = list(itertools.pairwise(values))
        if all(before <= after for before, after in steps):
            found.append(Direction.OLDEST_FIRST)
        if all(before >= after for before, after in steps):
            found.append(Direction.NEWEST_FIRST)
    return _agreed(found)


def direction_between(first: Page, later: Page) -> Direction | None:
    """The direction from one page to another further on; None where they do not lie one behind the other."""
    known = {entry.identity for entry in first.entries}
    beyond = [entry for entry in later.entries if entry.identity not in known]
    size, numbers = len(first.entries), _unwrapped(_numbers([*first.entries, *beyond]))
    found = []
    for one, other in ((numbers[:size], numbers[size:]), (_times(first.entries), _times(beyond))):
        if not one or not other:
            continue
        if min(other) >= max(one) and max(other) > min(one):
            found.append(Direction.OLDEST_FIRST)
        if max(other) <= min(one) and min(other) < max(one):
            found.append(Direction.NEWEST_FIRST)
    return _agreed(found)


def _agreed(found: Sequence[Direction]) -> Direction | None:
    return found[0] if len(set(found)) == 1 else None


def _numbers(entries: Sequence[Entry]) -> list[float]:
    """Their numbers; none where one has none."""
    numbers = [float(number) for entry in entries if (number := entry.number) is not None]
    return numbers if len(numbers) == len(entries) else []


def _times(entries: Sequence[Entry]) -> list[float]:
    """Their times; none where one has none."""
    times = [at.timestamp() for entry in entries if entry.record and (at := entry.record.created_at) is not None]
    return times if len(times) == len(entries) else []


def _unwrapped(numbers: list[float]) -> list[float]:
    """Numbers of a counter that started again from the bottom go on above the highest."""
    highest = max(numbers, default=0)
    return [number + 2 * WRAPPED if highest - number > WRAPPED else number for number in numbers]


def newest_first(references: Iterable[Entry]) -> tuple[list[Entry], bool]:
    """References by number, and whether that is an order to rely on: each has a number of its own.

    Numbers far below the highest are those of a counter that wrapped, and newer.
    """
    waiting = list(references)
    numbers = {entry.number for entry in waiting}
    highest = max((number for number in numbers if number is not None), default=0)

    def age(entry: Entry) -> tuple[bool, int, str]:
        number = entry.number or 0
        return highest - number > WRAPPED, number, entry.name

    ordered = sorted(waiting, key=age, reverse=True)
    return ordered, None not in numbers and len(numbers) == len(waiting)
