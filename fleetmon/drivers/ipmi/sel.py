"""The System Event Log: what is new in it since the last look, never cleared, nothing passed over in silence.

IPMI v2.0 rev 1.1, chapter 31. Get SEL Info says whether there is anything new; only then are records read, from the
marked one on, which must still be what it was: a cleared log uses its record ids again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from fleetmon.drivers.fullness import fullness
from fleetmon.drivers.ipmi import commands
from fleetmon.drivers.ipmi.chain import NOT_GIVEN, SEL_RECORD, End, Stretch, follow
from fleetmon.drivers.ipmi.commands import FIRST, LAST, name_of
from fleetmon.drivers.ipmi.completion import DONE, UNSUPPORTED, complaint
from fleetmon.drivers.ipmi.known import NOT_STUCK, Known
from fleetmon.drivers.ipmi.look import Look
from fleetmon.drivers.ipmi.parse.points import directory
from fleetmon.drivers.ipmi.parse.sel import log_record
from fleetmon.model import Aspect, LogMark, LogReading, LogRecord, Problem

LOG = "IPMI SEL"
SOURCE = "sel"
TRIES = 5
"""Looks at a log in which the same record may be unreadable; in the last it is passed over, and told as a gap."""
ZONES = timedelta(hours=26)
"""A log's clock may be this far off because of its time zone; further off it was never set (F49)."""
STEADY = 2.0
"""Seconds a log's clock must have moved against ours to be worth noting: it tells whole seconds."""
WORTH_TELLING = 120.0
"""Seconds a log's clock may be off before a person is told."""
UNTOLD = (0, 0xFFFFFFFF)
"""Times that mean that none was kept."""

_NOBODY = directory(())


class Info(NamedTuple):
    """The answer of Get SEL Info (table 31-2)."""

    entries: int
    free: int
    """Bytes; FFFFh where it is that many or more."""
    added: int
    erased: int
    overflow: bool
    """Were events dropped for want of room?"""

    @property
    def capacity(self) -> int | None:
        """Records it holds when full; None where the device does not tell."""
        return self.entries + self.free // SEL_RECORD if self.free != 0xFFFF and self.entries + self.free else None

    @property
    def vague(self) -> bool:
        """May there be something new although nothing here changed: it is full and may wrap, or keeps no time."""
        return bool(self.entries) and (not self.free or self.added in UNTOLD)


async def info_of(look: Look) -> Info | None:
    """How the log is now; None where the device has none, or will not say."""
    (answer,) = await look.ask(commands.SEL_INFO)
    data = answer.data
    if answer.code != DONE or len(data) < 14:
        if answer.code not in UNSUPPORTED:
            look.tell(name_of(commands.SEL_INFO), complaint(commands.SEL_INFO, answer.code))
        return None
    return Info(_number(data[1:3]), _number(data[3:5]), _number(data[5:9]), _number(data[9:13]), bool(data[13] & 0x80))


def is_news(known: Known, look: Look, info: Info) -> bool:
    """Does the log hold anything that has not been read, as far as its counters tell?"""
    if known.sel.stamp != tuple(info):
        return True
    mark = look.request.marks.get(LOG)
    return bool(info.entries) and (mark is None or not known.sel.last or not mark.is_of(_record(known, known.sel.last)))


async def read_sel(known: Known, look: Look, info: Info) -> None:
    """What is new in the log, and how full it is."""
    mark = look.request.marks.get(LOG)
    begun = known.unread_sel
    if begun is not None and (info.erased != begun.erased or info.entries < len(begun.raws)):
        known.unread_sel = None  # cleared before all of it was read: what is there now is another log
        if begun.raws:
            _tell(known, look, info, begun)
            return
    if not is_news(known, look, info) and not (info.vague and await _has_moved(known, look)):
        last = [known.sel.last] if info.entries else []
        _tell(known, look, info, Stretch(raws=last, reached=True))
        return
    await _learn_clock(known, look)
    if not info.entries:
        _tell(known, look, info, Stretch(reached=mark is None))
    elif mark is None:
        await _read_first(known, look, info)
    else:
        stretch = await _read_since(known, look, info, mark)
        if stretch.raws or stretch.end.code != DONE:
            _tell(known, look, info, stretch)


async def _has_moved(known: Known, look: Look) -> bool:
    """Is the newest record another one than it was?"""
    (answer,) = await look.ask(commands.sel_entry(LAST))
    return answer.code == DONE and answer.data[2 : 2 + SEL_RECORD] != known.sel.last


async def _read_first(known: Known, look: Look, info: Info) -> None:
    """A log nobody has read: it is told when all of it has been, so that nothing old is taken for news."""
    stretch = known.unread_sel or Stretch(end=End(FIRST), erased=info.erased)
    known.unread_sel = stretch
    left = info.entries - len(stretch.raws)
    stretch.end = await follow(look, stretch.end.next_id, commands.sel_entry, stretch.take, expected=left)
    if stretch.end.whole or await _is_beyond_us(known, look, stretch):
        known.unread_sel = None
        _tell(known, look, info, stretch)
    else:
        look.tell(SOURCE, f"{len(stretch.raws)} of {info.entries} records read; the next poll goes on")


async def _read_since(known: Known, look: Look, info: Info, mark: LogMark) -> Stretch:
    """From the marked record on; from the beginning when that is no longer there."""
    stretch = Stretch()
    start = int(mark.record_id) if mark.record_id.isdigit() and int(mark.record_id) < LAST else FIRST
    new = max(1, info.entries - (known.sel.stamp[0] if known.sel.stamp else 0))

    def from_the_mark(record_id: int, raw: bytes) -> bool:
        return stretch.take(record_id, raw) and (len(stretch.raws) > 1 or mark.is_of(_record(known, raw)))

    stretch.end = await follow(look, start, commands.sel_entry, from_the_mark, expected=new + 1)
    stretch.reached = bool(stretch.raws) and mark.is_of(_record(known, stretch.raws[0]))
    if not stretch.reached:
        stretch.raws.clear()
        stretch.end = await follow(look, FIRST, commands.sel_entry, stretch.take, expected=info.entries)
    await _is_beyond_us(known, look, stretch)
    return stretch


async def _is_beyond_us(known: Known, look: Look, stretch: Stretch) -> bool:
    """Was what comes next unreadable for so long that it is given up? Then the newest record is read in its place."""
    if stretch.end.code == DONE:
        known.sel_stuck = NOT_STUCK
        return False
    at, tries = known.sel_stuck
    known.sel_stuck = stretch.end.next_id, tries + 1 if at == stretch.end.next_id else 1
    if known.sel_stuck[1] < TRIES:
        return False
    (newest,) = await look.ask(commands.sel_entry(LAST))
    return newest.code == DONE and stretch.take(LAST, newest.data[2:])


def _tell(known: Known, look: Look, info: Info, stretch: Stretch) -> None:
    """The records as a reading of the log; the state of the log is known when all of it has been read."""
    end, given_up = stretch.end, known.sel_stuck[1] >= TRIES
    unread: tuple[Problem, ...] = ()
    if end.code != DONE:
        unread = (Problem(resource=f"{SOURCE}/{end.next_id:04X}", reason=_stuck(end)),)
        look.problems.extend(unread)
    elif end.whole:
        _settle(known, info, stretch)
    reading = LogReading(
        log=LOG,
        source=SOURCE,
        records=tuple(_record(known, raw) for raw in stretch.raws),
        taken_at=look.now(),
        reached_mark=stretch.reached,
        total=info.entries,
        capacity=info.capacity,
        keeps_oldest=info.overflow or not known.sel.wraps,
        truncated=not end.whole,
        unread=unread,
        gap=bool(unread) and given_up,
    )
    if said := fullness(reading):
        look.find(SOURCE, said)
    if said := clock_trouble(known.sel.offset):
        look.find(SOURCE, said)
    look.logs.append(reading)
    if not unread or given_up:
        look.done(Aspect.EVENTS)
        known.sel_stuck = NOT_STUCK


def _settle(known: Known, info: Info, stretch: Stretch) -> None:
    """All has been read: what the log looks like now means that nothing is new, until it looks otherwise."""
    before = known.sel
    turned_over = before.stamp is not None and not info.free and before.stamp[:2] == info[:2] and len(stretch.raws) > 1
    known.change(
        sel=replace(
            before,
            stamp=tuple(info),
            last=stretch.raws[-1] if stretch.raws else b"",
            wraps=before.wraps or (turned_over and not info.overflow),
        )
    )


# ---- time ------------------------------------------------------------------------------------------------------------


async def _learn_clock(known: Known, look: Look) -> None:
    """How far the log's clock is ahead of ours; it keeps local time on many devices, and none at all on some."""
    (answer,) = await look.ask(commands.SEL_TIME)
    if answer.code != DONE or len(answer.data) < 4 or _number(answer.data[:4]) in UNTOLD:
        return
    offset = _number(answer.data[:4]) - look.now().timestamp() + 0.5
    offset = 0.0 if abs(offset) <= STEADY else float(round(offset))
    if known.sel.offset is None or abs(offset - known.sel.offset) > STEADY:
        known.change(sel=replace(known.sel, offset=offset))


def clock_trouble(offset: float | None) -> str:
    """What a person should know of a log's clock; empty when it is right."""
    if offset is None or abs(offset) <= WORTH_TELLING:
        return ""
    direction = "ahead of" if offset > 0 else "behind"
    if abs(offset) > ZONES.total_seconds():
        return f"the clock of the log is {abs(offset) / 86_400:.0f} days {direction} ours: its times mean nothing"
    quarters = round(offset / 900)
    off = f"{abs(offset) / 3600:.1f} h" if abs(offset) >= 3600 else f"{abs(offset) / 60:.0f} min"
    why = "as if set to local time" if quarters and abs(offset - 900 * quarters) < WORTH_TELLING else "set wrongly"
    return f"the clock of the log is {off} {direction} ours, {why}: times of its records are put right by that"


def _record(known: Known, raw: bytes) -> LogRecord:
    """One record in words. Its time is ours by the difference of the clocks, unless the log's was never set."""
    record = log_record(raw, known.catalog.directory if known.catalog else _NOBODY, SOURCE)
    offset = timedelta(seconds=known.sel.offset or 0.0)
    if record.created_at is None or not offset or abs(offset) > ZONES:
        return record
    return replace(record, created_at=record.created_at - offset)


def _stuck(end: End) -> str:
    if end.code == NOT_GIVEN:
        return "the device gives no such record"
    return complaint(commands.sel_entry(end.next_id), end.code)


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "little")
