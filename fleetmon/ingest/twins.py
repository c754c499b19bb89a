"""One event told by two protocols: which of the records just read are events already; pure but for the last function.

A BMC shows its SEL over IPMI and, in other words, over Redfish. Neither the record id nor message nor severity need
agree; the time does, since it is one clock's, and what the record is about. Pairs are one to one, and in doubt two
events stay two: an event told twice is a nuisance, one told never is a failure nobody hears of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from fleetmon.ingest.standins import essence
from fleetmon.model import Component, Health, LogRecord, Protocol
from fleetmon.storage import twins
from fleetmon.storage.database import Connection
from fleetmon.storage.events import NewEvent
from fleetmon.storage.rows import Event

CLOSE = timedelta(seconds=2)
"""How far apart two tellings of one event may say it was created."""
QUARTER = timedelta(minutes=15)
ZONES = timedelta(hours=14)
"""A SEL tells no zone: what Redfish says of the same instant may differ by a zone (IPMI 2.0, section 37.1)."""
_OVER = re.compile(
    r"de-?assert|cleared|restored|recovered|returned to|no longer|repaired|resolved|within range|\bremoved\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z0-9]+")
_SAYING_LITTLE = frozenset(
    {
        "a", "an", "and", "asserted", "at", "by", "deasserted", "event", "for", "from", "has", "have", "in", "is", "of",
        "on", "or", "sensor", "state", "status", "the", "to", "was",
    }
)  # fmt: skip


def pairs(told: Sequence[NewEvent], events: Sequence[Event]) -> list[tuple[NewEvent, Event]]:
    """Which new record is which event, the surest and then the closest in time first."""
    found = sorted(
        (
            (not _same_id(new.record, event), abs(_apart(new.record, event)), place, other)
            for place, new in enumerate(told)
            for other, event in enumerate(events)
            if is_same(new.record, event)
        ),
    )
    paired: list[tuple[NewEvent, Event]] = []
    taken: set[int] = set()
    used: set[int] = set()
    for _, _, place, other in found:
        if place not in taken and other not in used:
            taken.add(place)
            used.add(other)
            paired.append((told[place], events[other]))
    return paired


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
    one, other = record.component, event.component
    if one is not None and other is not None and one.kind == other.kind:
        return essence(one.name) == essence(other.name)
    words, others = _words(record.message, one), _words(event.message, other)
    numbers, their_numbers = ({word for word in said if _counts(word)} for said in (words, others))
    if numbers and their_numbers and not numbers & their_numbers and not same_id:
        return False
    shared = {word for word in words & others if not word.isdigit()}
    return len(shared) >= (1 if same_id or min(len(words), len(others)) < 3 else 2)


def _words(message: str, component: Component | None) -> set[str]:
    said = f"{message} {component.kind} {component.name}" if component else message
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Za-z])", " ", said)
    return set(_WORD.findall(spaced.lower())) - _SAYING_LITTLE


def _counts(word: str) -> bool:
    return any(char.isdigit() for char in word)


def _same_id(record: LogRecord, event: Event) -> bool:
    one, other = (text.lstrip("0") for text in (record.record_id, event.record_id))
    return one == other and one.isdigit()


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
