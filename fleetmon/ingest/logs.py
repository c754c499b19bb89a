"""Log continuity: which records are new, was the log cleared, may records be lost; pure.

The order of records, their ids and the device's clock are all untrusted, each alone: a record is known by its identity,
a log by its generation. What we say ourselves of a log (cleared, a gap, a flood) is an event like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from fleetmon.model import Health, LogMark, LogReading, LogRecord, zoneless
from fleetmon.storage.events import LogState, NewEvent, identity_of

MOST_NEW = 1000
"""New records of one log stored per hour; more is a device gone mad (F57)."""
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
"""A device clock before this has never been set (F49)."""
AHEAD = timedelta(days=1)
"""A device clock further ahead than this is wrong (F51)."""
A_FEW = 4
"""Records told by a clock that was never set; so many the same again are no accident of booting."""
_WRAPPED = 32_768
"""Ids this far apart in one log mean that its counter started again from the bottom while older records remain."""

_ZONE = re.compile(r"(?:Z|[+-]\d\d:?\d\d)?$")

Seen = Callable[[int, Sequence[LogRecord]], Mapping[bytes, bool]]
"""For a generation and records: by identity, is it stored already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What one look at one log leads to."""

    state: LogState
    events: tuple[NewEvent, ...]


def follow(
    known: LogState | None,
    reading: LogReading,
    seen: Seen,
    *,
    generation: int,
    received_at: datetime,
    stored_lately: Callable[[], int] = lambda: 0,
) -> Followed:
    """What to store of one look at a log; its mark passes nothing that is still to be read.

    `generation` is where a log starts that is read for the first time; `stored_lately` counts its records of the last
    hour, and is asked only when there are new ones.
    """
    records = tuple({identity_of(record): record for record in reading.records}.values())
    state = known or LogState(generation=generation, mark=None, empty_reads=0)
    held = bool(reading.unread) and not reading.gap
    if not records:
        return Followed(state=state, events=()) if reading.unread else _empty(state, reading, received_at)
    stored = seen(state.generation, records)
    cleared = state.mark is not None and not reading.reached_mark and was_cleared(state.mark, records, stored)
    if cleared and held:
        return Followed(state=state, events=())
    if cleared:
        stored = {}
    fresh = [record for record in records if not stored.get(identity_of(record), False)]
    told = list(_told(state, reading, records, stored, cleared=cleared))
    kept = fresh
    if state.mark is not None and fresh:
        kept = _newest_first(fresh)[: max(0, MOST_NEW - stored_lately())]
    if len(kept) < len(fresh):
        told = [*(told if cleared else ()), _flood(reading, received_at)]
    number = state.generation + int(cleared)
    mark = state.mark if held else mark_of(newest(records, None if cleared or reading.gap else state.mark, fresh))
    return Followed(
        state=LogState(generation=number, mark=mark, empty_reads=0),
        events=tuple(
            NewEvent(
                record=record,
                log=reading.log,
                generation=number,
                received_at=received_at,
                clock_suspect=clock_suspect(record, received_at),
                history=known is None,
            )
            for record in [*told, *reversed(_newest_first(kept))]
        ),
    )


def mark_of(record: LogRecord) -> LogMark:
    """How far a log has been read when this is its newest record."""
    return LogMark(record_id=record.record_id, created_text=record.created_text, content_hash=record.content_hash)


def was_cleared(mark: LogMark, records: Sequence[LogRecord], stored: Mapping[bytes, bool]) -> bool:
    """Was the log cleared since `mark`, which is not among `records` any more (F52).

    Clearing leaves nothing: while records that are known still stand there, ids that are used again mean that the
    counter began anew, or wrapped. Rotation drops the oldest first, so a newest record that is gone, while ids start
    again below it, was cleared away. A record at the mark's id that was merely edited keeps its time stamp, which means
    something while the clock runs.
    """
    if _remain(records, stored):
        return False
    at_mark = [record for record in records if record.record_id == mark.record_id]
    if at_mark:
        return not any(_same_instant(record, mark) for record in at_mark)
    pointer, ids = _id(mark.record_id), [_id(record.record_id) for record in records]
    numbers = [number for number in ids if number is not None]
    if pointer is None or len(numbers) < len(ids):
        return False
    if max(numbers) < pointer:
        return True
    unknown_below = [
        number for number, known in zip(numbers, stored.values(), strict=True) if number < pointer and not known
    ]
    return bool(unknown_below) and not any(stored.values())


def _remain(records: Sequence[LogRecord], stored: Mapping[bytes, bool]) -> bool:
    """Do records of before still stand there? By a clock that was never set, every boot tells the same few anew."""
    known = [record for record in records if stored.get(identity_of(record), False)]
    return any(map(_running, known)) or len(known) >= A_FEW


def _running(record: LogRecord) -> bool:
    """Was the device's clock set when it wrote this, in whatever zone?"""
    if record.created_at is None:
        return EARLIEST.isoformat()[:4] <= record.created_text[:4] <= "2999"
    return record.created_at >= EARLIEST


def _same_instant(record: LogRecord, mark: LogMark) -> bool:
    """By the text where the zone is the same, else by what outlives a change of it."""
    said, marked = record.created_text, mark.created_text
    other_zone = _ZONE.search(said).group() != _ZONE.search(marked).group()  # type: ignore[union-attr]  # matches ""
    return _running(record) and (said == marked or (other_zone and zoneless(said) == zoneless(marked)))


def connects(mark: LogMark, records: Sequence[LogRecord], stored: Mapping[bytes, bool]) -> bool:
    """Do the records follow on what is stored, although the mark itself has gone.

    Stored records beyond the mark are no proof: it stayed behind because something between them could not be read.
    """
    if any(record.record_id == mark.record_id for record in records):
        return True
    pointer = _id(mark.record_id)
    known = [_id(record.record_id) for record, seen in zip(records, stored.values(), strict=True) if seen]
    beyond = [number for number in known if number is not None and pointer is not None and _follows(number, pointer)]
    if known and not beyond:
        return True
    return pointer is not None and any(_id(record.record_id) == pointer + 1 for record in records)


def _follows(number: int, pointer: int) -> bool:
    """Is it a later number of the same counter, which may have wrapped?"""
    return number > pointer or pointer - number > _WRAPPED


def newest(records: Sequence[LogRecord], mark: LogMark | None, fresh: Sequence[LogRecord]) -> LogRecord:
    """The record to read on from: one never seen before is newer than all that were, whatever its id.

    Unless it only fills a gap: then the newest by the device's time. Where all are stored already, because the mark
    stayed behind for one that failed, the newest by number is as far, unless the device's time denies it.
    """
    last = _newest_first(records)[0]
    at_mark = next((record for record in records if mark is not None and mark.is_of(record)), last)
    if mark is None:
        return last
    if not fresh:
        return at_mark if _earlier(last, at_mark) else last
    first = _newest_first(fresh)[0]
    return last if _earlier(first, last) else first


def _earlier(one: LogRecord, other: LogRecord) -> bool:
    """Is it, by a clock that ran for both?"""
    return _running(one) and _running(other) and (one.created_at or EARLIEST) < (other.created_at or EARLIEST)


def clock_suspect(record: LogRecord, received_at: datetime) -> bool:
    """Is the record's time stamp one nobody should believe (F49, F51)."""
    if record.created_at is None:
        return bool(record.created_text)
    return record.created_at < EARLIEST or record.created_at > received_at + AHEAD


def _empty(state: LogState, reading: LogReading, received_at: datetime) -> Followed:
    """Nothing to read. Only the second time in a row says something, and what comes next decides what it meant."""
    reads = state.empty_reads + 1
    events: tuple[NewEvent, ...] = ()
    if state.mark is not None and reads == 2 and not reading.truncated and not reading.total:
        record = _own(
            reading,
            "LogEmptied",
            f"emptied-{state.mark.record_id}",
            f"The log {reading.log} is empty now: it was cleared",
        )
        events = (
            NewEvent(
                record=record,
                log=reading.log,
                generation=state.generation,
                received_at=received_at,
                clock_suspect=False,
            ),
        )
    return Followed(state=replace(state, empty_reads=reads), events=events)


def _told(
    state: LogState, reading: LogReading, records: Sequence[LogRecord], stored: Mapping[bytes, bool], *, cleared: bool
) -> Iterable[LogRecord]:
    """What we say ourselves about how the log goes on."""
    if reading.keeps_oldest and reading.capacity and reading.total is not None and reading.total >= reading.capacity:
        yield _own(
            reading,
            "LogFull",
            "full",
            f"The log {reading.log} is full and drops new records: events may be lost until it is cleared",
        )
    if state.mark is None:
        return
    after = state.mark.record_id
    if cleared:
        yield _own(
            reading,
            "LogCleared",
            f"cleared-after-{after}",
            f"The log {reading.log} was cleared after record {after}; records written between two looks may be lost",
        )
    elif reading.gap or not (reading.unread or reading.reached_mark or connects(state.mark, records, stored)):
        yield _own(
            reading,
            "LogGap",
            f"gap-after-{after}",
            f"The log {reading.log} could not be read from record {after} on without a gap; records may have been lost",
        )


def _flood(reading: LogReading, received_at: datetime) -> LogRecord:
    """One event an hour at most: its identity is the hour."""
    return _own(
        reading,
        "LogFlood",
        f"flood-{received_at:%Y-%m-%dT%H}",
        f"The log {reading.log} has more than {MOST_NEW} new records an hour; the oldest of them are not stored",
    )


def _own(reading: LogReading, name: str, record_id: str, message: str) -> LogRecord:
    return LogRecord(
        record_id=record_id,
        severity=Health.WARNING,
        message=message,
        source=reading.source,
        message_id=f"Fleetmon.{name}",
    )


def _newest_first(records: Sequence[LogRecord]) -> list[LogRecord]:
    numbers = {record.record_id: number for record in records if (number := _id(record.record_id)) is not None}
    if all(record.record_id in numbers for record in records):
        highest = max(numbers.values(), default=0)

        def age(record: LogRecord) -> tuple[bool, int]:
            number = numbers[record.record_id]
            return highest - number > _WRAPPED, number

        return sorted(records, key=age, reverse=True)
    return sorted(records, key=lambda record: (record.created_at or EARLIEST, record.record_id), reverse=True)


def _id(record_id: str) -> int | None:
    """The id as a number, where it is one."""
    return int(record_id) if record_id.isascii() and record_id.isdigit() and len(record_id) < 19 else None
