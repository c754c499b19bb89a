"""Reading a log from where it was left: the newest page first where the service pages, up to the mark, never
without end.

The order of entries is not trusted (F55), pages shift under the reader (F40), and a next link may lead in a circle
(F41).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.parse.logs import NOT_HARDWARE, record
from fleetmon.drivers.redfish.plan import LogPlan
from fleetmon.drivers.redfish.resource import Fetch, Resource, is_resource, key, kind_of, local, segments
from fleetmon.drivers.redfish.walk import Expand
from fleetmon.errors import DeviceError
from fleetmon.model import Component, LogMark, LogReading, LogRecord

MAX_PAGES = 40
"""Of one log in one poll."""
MAX_RECORDS = 2000
FIRST_LOOK = 200
"""Records wanted of a log never read before."""
SINGLE_ENTRIES = 50
"""Entries fetched one by one where a log lists only references."""


@dataclass(slots=True)
class _Reading:
    """One log while it is being read."""

    mark: LogMark | None
    components: Mapping[str, Component]
    records: dict[tuple[str, str, str], LogRecord] = field(default_factory=dict)
    references: list[str] = field(default_factory=list)
    reached: bool = False
    total: int | None = None

    def take(self, page: Resource) -> int:
        """Keep what a page brings; how many of its records are new to this reading."""
        before = len(self.records) + len(self.references)
        counted = fields.integer(page.body, "Members@odata.count")
        self.total = counted if counted is not None else self.total
        for _, entry in fields.items(page.body, "Members"):
            path = fields.link(entry) or page.path
            if is_resource(entry) or "Message" in entry or "Created" in entry:
                self.keep(record(entry, path, self.components))
            elif path not in self.references:
                self.references.append(path)
        return len(self.records) + len(self.references) - before

    def keep(self, found: LogRecord) -> None:
        """One record, once; notes when it is the mark."""
        self.records[found.record_id, found.created_text, found.content_hash] = found
        if self.mark is not None and self.mark.is_of(found):
            self.reached = True

    @property
    def enough(self) -> bool:
        wanted = MAX_RECORDS if self.mark is not None else FIRST_LOOK
        return self.reached or len(self.records) >= wanted


async def read_log(fetch: Fetch, log: LogPlan, mark: LogMark | None, components: Mapping[str, Component]) -> LogReading:
    """What is new in one log; raises DeviceError when its first page cannot be read."""
    reading = _Reading(mark, components)
    first = await fetch.get(log.entries)
    reading.take(first)
    seen = {key(log.entries)}
    cut = await _read_pages(fetch, log, reading, first, seen) if not reading.enough else _next(first.body) is not None
    cut = await _read_references(fetch, reading) or cut
    known = len(reading.records)
    whole = known >= reading.total if reading.total is not None else not cut
    return LogReading(
        log=log.name,
        source=log.entries,
        records=tuple(reading.records.values()),
        taken_at=first.taken_at,
        reached_mark=reading.reached,
        total=reading.total,
        truncated=not whole and not reading.reached,
    )


async def _read_pages(fetch: Fetch, log: LogPlan, reading: _Reading, first: Resource, seen: set[str]) -> bool:
    """Go on to the pages that hold the newest records; was anything left unread?"""
    link = _next(first.body)
    if link is None:
        return False
    if (jump := _last_page(log.entries, reading, first)) is not None:
        return await _read_backwards(fetch, reading, *jump)
    for _ in range(MAX_PAGES):
        path = local(link) if link else None
        if path is None or path.lower() in seen:
            return bool(link)
        seen.add(path.lower())
        try:
            page = await fetch.get(path)
        except DeviceError:
            return True
        fresh = reading.take(page)
        link = _next(page.body)
        if reading.enough:
            return link is not None
        if not fresh:
            return link is not None
    return True


def _last_page(entries: str, reading: _Reading, first: Resource) -> tuple[str, int, int] | None:
    """Where to read backwards from, when the first page shows the oldest records; None when it shows the newest."""
    order = list(reading.records.values())
    size = len(order)
    if reading.total is None or size < 2 or reading.total <= 2 * size or not _rising(order):
        return None
    return entries, reading.total, size


def _rising(records: list[LogRecord]) -> bool:
    """Do the records go from old to new? By number where the ids are numbers, else by time."""
    first, last = records[0], records[-1]
    if first.record_id.isdigit() and last.record_id.isdigit() and first.record_id != last.record_id:
        return int(first.record_id) < int(last.record_id)
    if first.created_at and last.created_at and first.created_at != last.created_at:
        return first.created_at < last.created_at
    return False


async def _read_backwards(fetch: Fetch, reading: _Reading, entries: str, total: int, size: int) -> bool:
    """Read page after page from the end of the log; was anything left unread?"""
    skip = total
    for _ in range(MAX_PAGES):
        skip = max(size, skip - size)
        try:
            page = await fetch.get(f"{entries}?$skip={skip}")
        except DeviceError:
            return True
        fresh = reading.take(page)
        if reading.enough or not fresh or skip <= size:
            return skip > size
    return True


async def _read_references(fetch: Fetch, reading: _Reading) -> bool:
    """Fetch entries that were only referred to, the newest first by number; was anything left unread?"""
    waiting = sorted(reading.references, key=_number, reverse=True)
    for path in waiting[:SINGLE_ENTRIES]:
        target = local(path)
        if target is None:
            continue
        try:
            entry = await fetch.get(target)
        except DeviceError:
            continue
        reading.keep(record(entry.body, target, reading.components))
        if reading.reached:
            return False
    return len(waiting) > SINGLE_ENTRIES


def _number(path: str) -> tuple[int, str]:
    tail = path.rstrip("/").rpartition("/")[2]
    digits = "".join(filter(str.isdigit, tail))
    return (int(digits[:18]) if digits else 0, tail)


def _next(body: Json) -> str | None:
    link = body.get("Members@odata.nextLink", body.get("@odata.nextLink"))
    return link if isinstance(link, str) and link else None


# ---- which logs there are ------------------------------------------------------------------------------------


@dataclass(slots=True)
class LogServices:
    """The log services of a device: what to read, and what they say of themselves."""

    plans: tuple[LogPlan, ...] = ()
    resources: list[Resource] = field(default_factory=list)


async def find_logs(fetch: Fetch, holders: list[Resource], expand: Expand) -> LogServices:
    """The logs behind systems, managers and chassis that are worth reading; raises DeviceError only for the device."""
    found = LogServices()
    asked: set[str] = set()
    services: dict[str, Resource] = {}
    for holder in holders:
        link = fields.link(holder.body, "LogServices")
        path = local(link) if link else None
        if path is None or key(path) in asked:
            continue
        asked.add(key(path))
        try:
            collection = await fetch.get(f"{path}?{expand.query(1)}" if expand.usable else path)
        except DeviceError as error:
            if not error.resource:
                raise
            continue
        for service in await _services(fetch, collection):
            services.setdefault(key(service.path), service)
    found.resources = list(services.values())
    found.plans = _plans(found.resources)
    return found


async def _services(fetch: Fetch, collection: Resource) -> list[Resource]:
    services: list[Resource] = []
    for _, member in fields.items(collection.body, "Members"):
        link = fields.link(member)
        path = local(link) if link else None
        if path is None:
            continue
        if is_resource(member):
            services.append(Resource(path, member, collection.taken_at))
            continue
        try:
            services.append(await fetch.get(path))
        except DeviceError as error:
            if not error.resource:
                raise
    return services


def _plans(services: list[Resource]) -> tuple[LogPlan, ...]:
    rows: list[tuple[str, str, str]] = []
    for service in services:
        entries = fields.link(service.body, "Entries")
        path = local(entries) if entries else None
        ident = fields.text(service.body, "Id") or service.path.rstrip("/").rpartition("/")[2]
        if path is None or NOT_HARDWARE.search(ident) or kind_of(service.body, service.path) not in ("LogService", ""):
            continue
        if service.body.get("ServiceEnabled") is False:
            continue
        rows.append((ident, service.path, path))
    names = [ident for ident, _, _ in rows]
    return tuple(
        LogPlan(ident if names.count(ident) == 1 else _long_name(service, ident), service, entries)
        for ident, service, entries in rows
    )


def _long_name(service: str, ident: str) -> str:
    """`Managers 1 SEL`, where another holder has a log of the same id."""
    parts = segments(service)
    return f"{parts[-4]} {parts[-3]} {ident}" if len(parts) > 4 else service
