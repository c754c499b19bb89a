"""One event told by two protocols: which of the records just read are events already; pure but for the last function.

A BMC shows its SEL over IPMI and, in other words, over Redfish. Neither the record id nor message nor severity need
agree; the time does, since it is one clock's, and what the record is about. Pairs are one to one, and in doubt two
events stay two: an event told twice is a nuisance, one told never is a failure nobody hears of.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain, islice

from fleetmon.ingest.naming import essence, numbers, things, tokens
from fleetmon.model import Component, Health, LogRecord, Protocol
from fleetmon.storage import twins
from fleetmon.storage.database import Connection
from fleetmon.storage.events import NewEvent
from fleetmon.storage.rows import Event

CLOSE = timedelta(seconds=2)
"""How far apart two tellings of one event may say it was created."""
NEAR = 64
"""Events of about its instant, and of its id, with which a record is compared at most: a log that tells thousands of
one second, as one without a clock does, must not keep the store from others."""
QUARTER = timedelta(minutes=15)
ZONES = timedelta(hours=14)
"""A SEL tells no zone: what Redfish says of the same instant may differ by a zone (IPMI 2.0, section 37.1)."""
_OVER = re.compile(
    r"de-?assert|cleared|restored|recovered|returned to|no longer|repaired|resolved|within range|\bremoved\b",
    re.IGNORECASE,
)
_SAYING_LITTLE = frozenset(
    {
        "a", "an", "and", "asserted", "at", "by", "deasserted", "event", "for", "from", "has", "have", "in", "is", "of",
        "on", "or", "sensor", "state", "status", "the", "to", "was",
    }
)  # fmt: skip


def pairs(told: Sequence[NewEvent], events: Sequence[Event]) -> list[tuple[NewEvent, Event]]:
    """Which new record is which event: the surest first, then the likest in words, then the closest in time."""
    near = _Near(events).of
    found = sorted(
        (not _same_id(new.record, event), -len(_shared(new.record, event)), abs(_apart(new.record, event)), one, other)
        for one, new in enumerate(told)
        for other, event in near(new.record)
        if is_same(new.record, event)
    )
    paired: dict[int, int] = {}
    taken: set[int] = set()
    for *_, one, other in found:
        if one not in paired and other not in taken:
            paired[one] = other
            taken.add(other)
    return [(told[one], events[other]) for one, other in paired.items()]


class _Near:
    """Which of many events a record may tell at all: those of its instant, and those of its id."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._at: defaultdict[int, list[int]] = defaultdict(list)
        self._with: defaultdict[str, list[int]] = defaultdict(list)
        for place, event in enumerate(events):
            if event.created_at is not None:
                self._at[_stretch(event.created_at)].append(place)
                self._with[_plain(event.record_id)].append(place)

    def of(self, record: LogRecord) -> Iterator[tuple[int, Event]]:
        """Each with its place, those of its id first."""
        if record.created_at is None:
            return
        middle = _stretch(record.created_at)
        stretches = (self._at.get(stretch, ()) for stretch in (middle, middle - 1, middle + 1))
        of_its_id = islice(self._with.get(_plain(record.record_id), ()), NEAR)
        for place in dict.fromkeys(chain(of_its_id, islice(chain(*stretches), NEAR))):
            yield place, self._events[place]


def _stretch(instant: datetime) -> int:
    """Which of the stretches of time, as long as twins may be apart, an instant is in."""
    return int(instant.timestamp() // CLOSE.total_seconds())


def is_same(record: LogRecord, event: Event) -> bool:
    """Do they tell one event: of one instant, about one thing, and both that it began or both that it ended?"""
    if record.created_at is None or event.created_at is None:
        return False
    same_id = _same_id(record, event)
    apart = abs(_apart(record, event))
    if apart > CLOSE and not (same_id and apart <= ZONES + CLOSE and _off_by_zone(apart)):
        return False
    if event.clock_suspect and not same_id:  # every boot tells the same times anew
        return False
    if bool(_OVER.search(record.message)) is not bool(_OVER.search(event.message)):
        return False
    severities = {record.severity, event.severity}
    if Health.OK in severities and severities & {Health.WARNING, Health.CRITICAL} and not same_id:
        return False
    return _about_the_same(record, event, same_id=same_id)


def _about_the_same(record: LogRecord, event: Event, *, same_id: bool) -> bool:
    """By the component where both name one of a kind; else by what kinds, numbers and other words they speak of."""
    if record.component and event.component and record.component.kind == event.component.kind:
        return essence(record.component.name) == essence(event.component.name)
    words, others = _words(record), _words(event)
    spoken, other_spoken = things(words), things(others)
    if spoken and other_spoken and not spoken & other_spoken:
        return False
    counted, other_counted = numbers(words), numbers(others)
    if counted and other_counted and not counted & other_counted:
        return same_id and bool(spoken & other_spoken)
    if spoken & other_spoken and counted & other_counted:
        return True
    return len(words & others) >= (1 if same_id else 2)


@lru_cache(maxsize=8192)
def _spoken(message: str, component: Component | None) -> frozenset[str]:
    said = f"{message} {component.kind} {component.name}" if component else message
    return frozenset(tokens(said)) - _SAYING_LITTLE


def _words(one: LogRecord | Event) -> frozenset[str]:
    return _spoken(one.message, one.component)


def _shared(record: LogRecord, event: Event) -> frozenset[str]:
    return _words(record) & _words(event)


def _same_id(record: LogRecord, event: Event) -> bool:
    one = _plain(record.record_id)
    return one == _plain(event.record_id) and one.isdigit()


def _plain(record_id: str) -> str:
    return record_id.lstrip("0")


def _apart(record: LogRecord, event: Event) -> timedelta:
    assert record.created_at is not None
    assert event.created_at is not None
    return record.created_at - event.created_at


def _off_by_zone(apart: timedelta) -> bool:
    rest = apart % QUARTER
    return min(rest, QUARTER - rest) <= CLOSE


def untold(
    connection: Connection, device_id: str, protocol: Protocol, shown: Sequence[NewEvent], at: datetime
) -> list[NewEvent]:
    """Of what a look at a log found new, what no other protocol has told; the rest is noted as twins of events."""
    hardware = [event for event in shown if not event.record.message_id.startswith("Fleetmon.")]
    instants = [event.record.created_at for event in hardware if event.record.created_at is not None]
    if not instants:
        return list(shown)
    span = (min(instants) - ZONES - CLOSE, max(instants) + ZONES + CLOSE)
    paired = pairs(hardware, twins.candidates(connection, device_id, protocol, hardware[0].log, *span))
    for new, event in paired:
        twins.add(connection, device_id, event.event_id, new, at)
    told = {id(new) for new, _ in paired}
    return [event for event in shown if id(event) not in told]
