"""Reading a log from where it was left: what is new since the mark, never without end, nothing passed over in silence.

How pages are read is in `paging`; here references become records, and a reading says what it could not read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fleetmon.drivers.redfish.pages import Entry, newest_first
from fleetmon.drivers.redfish.paging import Stretch, Trail
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.parse.logs import NOT_HARDWARE, record
from fleetmon.drivers.redfish.plan import LogPlan
from fleetmon.drivers.redfish.resource import Fetch, Resource, is_resource, key, kind_of, local, segments
from fleetmon.drivers.redfish.walk import Expand, concerns_device
from fleetmon.errors import Busy, DeviceError, Garbled, Unreachable, Unsupported
from fleetmon.model import Component, LogMark, LogReading, LogRecord, Problem

SINGLE_ENTRIES = 50
"""Entries fetched one by one where a log lists only references."""
TRIES = 5
"""Looks at a log in which the same thing may be unreadable before it is passed over, and told as a gap."""


async def read_log(
    fetch: Fetch,
    log: LogPlan,
    mark: LogMark | None,
    components: Mapping[str, Component],
    *,
    last_try: bool = False,
    trail: Trail | None = None,
) -> LogReading:
    """What is new in one log; raises DeviceError when its first page cannot be read, or for the device.

    What could not be read after the mark is told as `unread`; it is a gap at the last try, or when another is in vain.
    The `trail` is the caller's, for this log; it is followed and laid anew.
    """
    trail = trail if trail is not None else Trail()
    before = replace(trail)
    stretch = Stretch(fetch, log.entries, mark, components, trail, last_try=last_try)
    first = await stretch.read()
    records = await _records_of(stretch)
    follows_on = stretch.reached or stretch.goes_on
    if mark is not None and not stretch.unread and not follows_on and (stretch.shortened or not stretch.whole):
        stretch = Stretch(fetch, log.entries, mark, components, Trail(), last_try=last_try, names_tell=False)
        first = await stretch.read()
        records = await _records_of(stretch)
        if stretch.unread:
            trail.back_to(before)  # it led nowhere: no look that does the same again has come further
    read_all = len(records) >= stretch.total if stretch.total is not None else stretch.whole
    return LogReading(
        log=log.name,
        source=log.entries,
        records=tuple(records.values()),
        taken_at=first.taken_at,
        reached_mark=stretch.reached or stretch.goes_on,
        total=stretch.total if stretch.total is not None else (len(records) if stretch.whole else None),
        capacity=log.capacity,
        keeps_oldest=log.keeps_oldest,
        truncated=not read_all and not stretch.reached,
        unread=tuple(dict.fromkeys(stretch.unread)),
        gap=bool(stretch.unread) and (last_try or stretch.beyond_us),
    )


async def _records_of(stretch: Stretch) -> dict[tuple[str, ...], LogRecord]:
    """The records of a stretch, those fetched that it only refers to."""
    records = {entry.identity: entry.record for entry in stretch.entries.values() if entry.record is not None}
    references = [entry for entry in stretch.entries.values() if entry.record is None]
    if references:
        await _read_references(stretch, references, records)
    return records


async def _read_references(
    stretch: Stretch, references: list[Entry], records: dict[tuple[str, ...], LogRecord]
) -> None:
    """Fetch what is newer than the mark, where numbers tell that, else everything; ids are used again after a clear."""
    waiting, ordered = newest_first(references)
    mark = stretch.mark
    found = len(waiting)
    if ordered and mark is not None:
        waiting = await _next_few(stretch, waiting, mark)
    stretch.reached = mark is not None and any(mark.is_of(told) for told in records.values())
    to_the_end = await _fetch_all(stretch, waiting[:SINGLE_ENTRIES], records, ordered=ordered)
    if len(waiting) < found and not stretch.unread:
        stretch.go_on_from(waiting[0])
    if mark is not None and to_the_end and len(waiting) > SINGLE_ENTRIES:
        stretch.unread.append(Problem(resource=stretch.path, reason=f"more than {SINGLE_ENTRIES} entries to fetch"))
        stretch.beyond_us = True


async def _fetch_all(
    stretch: Stretch, waiting: list[Entry], records: dict[tuple[str, ...], LogRecord], *, ordered: bool
) -> bool:
    """Fetch them one by one, as far as the mark where they are in order; what fails is `unread`. Were all tried?"""
    mark = stretch.mark
    for entry in waiting:
        try:
            found = await _fetched(stretch, entry)
        except DeviceError as error:
            if concerns_device(error, first=False):
                raise
            at_mark = ordered and entry.may_be(mark)
            if at_mark and stretch.last_try:
                stretch.reached = True  # it was read before, and its entry is broken now
                return False
            stretch.unread.append(Problem(resource=entry.path, reason=error.reason))
            if at_mark or isinstance(error, Unreachable | Busy):
                return False
            continue
        records[found.record_id, found.created_text, found.content_hash] = found
        if mark is not None and mark.is_of(found):
            stretch.reached = True
            if ordered:
                return False
    return True


async def _next_few(stretch: Stretch, waiting: list[Entry], mark: LogMark) -> list[Entry]:
    """Of more new entries than are fetched in one look, the oldest and the mark: the next look goes on behind them.

    Where another record stands at the mark's name by now, all are new.
    """
    place = next((place for place, entry in enumerate(waiting) if entry.may_be(mark)), len(waiting) - 1)
    if place < SINGLE_ENTRIES:
        return waiting
    stretch.stay()
    with contextlib.suppress(Garbled, Unsupported):
        if not mark.is_of(await _fetched(stretch, waiting[place])):
            place = len(waiting) - 1
    return waiting[place + 1 - SINGLE_ENTRIES : place + 1]


async def _fetched(stretch: Stretch, entry: Entry) -> LogRecord:
    target = local(entry.path)
    if target is None:
        raise Garbled("a link that leads nowhere on this device", resource=entry.path[:200])
    return record((await stretch.fetch.get(target)).body, target, stretch.components)


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
    rows: list[LogPlan] = []
    for service in services:
        entries = fields.link(service.body, "Entries")
        path = local(entries) if entries else None
        ident = fields.text(service.body, "Id") or service.path.rstrip("/").rpartition("/")[2]
        if path is None or NOT_HARDWARE.search(ident) or kind_of(service.body, service.path) not in ("LogService", ""):
            continue
        if service.body.get("ServiceEnabled") is False:
            continue
        capacity = fields.integer(service.body, "MaxNumberOfRecords")
        keeps_oldest = service.body.get("OverWritePolicy") == "NeverOverWrites"
        rows.append(LogPlan(ident, service.path, path, capacity or None, keeps_oldest))
    names = [log.name for log in rows]
    return tuple(
        log if names.count(log.name) == 1 else replace(log, name=_long_name(log.service, log.name)) for log in rows
    )


def _long_name(service: str, ident: str) -> str:
    """`Managers 1 SEL`, where another holder has a log of the same id."""
    parts = segments(service)
    return f"{parts[-4]} {parts[-3]} {ident}" if len(parts) > 4 else service
