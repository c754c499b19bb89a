"""Log continuity against a log that does all that logs do: rotate, be cleared, shuffle, shift, forget the time."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetmon.ingest.logs import MOST_NEW, Followed, clock_suspect, follow
from fleetmon.model import LogMark, LogReading, LogRecord
from fleetmon.storage.events import LogState, NewEvent, identity_of
from tests.observations import START, log_reading, minutes, record

NEVER_SET = datetime(1970, 1, 1, tzinfo=UTC)


class Book:
    """What would be stored of one log."""

    def __init__(self) -> None:
        self.state: LogState | None = None
        self.events: dict[tuple[int, bytes], NewEvent] = {}
        self.twice: list[NewEvent] = []

    def take(self, reading: LogReading, stored_lately: int = 0) -> Followed:
        followed = follow(
            self.state,
            reading,
            lambda generation, records: {
                identity_of(one): (generation, identity_of(one)) in self.events for one in records
            },
            generation=1,
            received_at=reading.taken_at,
            stored_lately=lambda: stored_lately,
        )
        for event in followed.events:
            key = (event.generation, identity_of(event.record))
            if key in self.events:
                self.twice.append(event)
            self.events[key] = event
        self.state = followed.state
        return followed

    @property
    def mark(self) -> LogMark | None:
        return self.state.mark if self.state else None

    @property
    def own(self) -> list[str]:
        """What we said ourselves, by name."""
        return [name.partition(".")[2] for event in self.events.values() if (name := event.record.message_id)]

    @property
    def messages(self) -> list[str]:
        """Of the records the device told, in the order stored."""
        return [event.record.message for event in self.events.values() if not event.record.message_id]


def looked(book: Book, *records: LogRecord, at: datetime = START, **more: object) -> LogReading:
    """A look at the whole log by a driver that tells the truth about the mark."""
    mark = book.mark
    reached = mark is None or any(
        (one.record_id, one.content_hash) == (mark.record_id, mark.content_hash) for one in records
    )
    return log_reading(*records, reached=reached, at=at, **more)


def test_the_first_look_is_history_and_no_gap() -> None:
    book = Book()
    followed = book.take(log_reading(record(41), record(42), reached=False))
    assert [event.history for event in followed.events] == [True, True]
    assert book.own == []


def test_F40_a_record_seen_on_two_pages_is_one_event() -> None:
    book = Book()
    followed = book.take(log_reading(record(2), record(1), record(2)))
    assert [event.record.record_id for event in followed.events] == ["1", "2"]


def test_F55_order_does_not_matter() -> None:
    book = Book()
    book.take(log_reading(record(3), record(1), record(2)))
    assert book.mark is not None
    assert book.mark.record_id == "3"


def test_F52_a_cleared_log_starts_a_generation_and_says_so() -> None:
    book = Book()
    book.take(log_reading(*map(record, range(1, 8))))
    book.take(looked(book, record(1, "fan failed"), record(2, "fan back")))
    assert book.own == ["LogCleared"]
    assert book.state is not None
    assert book.state.generation == 2
    assert book.messages[-2:] == ["fan failed", "fan back"]


def test_the_same_words_after_a_clear_are_a_new_event() -> None:
    book = Book()
    boot = record(1, "BMC booted", "1970-01-01T00:00:10Z")
    book.take(log_reading(boot, *map(record, range(2, 5))))
    book.take(looked(book, boot))
    assert book.messages.count("BMC booted") == 2


def test_a_record_edited_in_place_is_no_clear() -> None:
    book = Book()
    when = {"created_at": START, "created_text": "2026-01-06T08:00:00Z"}
    book.take(log_reading(record(1), record(2, "Fan 3 failed", **when)))
    book.take(looked(book, record(1), record(2, "Fan 3 failed (repaired)", **when), record(3)))
    assert book.own == []
    assert book.state is not None
    assert book.state.generation == 1


def test_rotation_that_dropped_only_what_was_read_is_no_gap() -> None:
    book = Book()
    book.take(log_reading(*map(record, range(1, 6))))
    book.take(looked(book, *map(record, range(6, 11))))
    assert book.own == []


def test_F54_rotation_past_the_mark_is_a_gap() -> None:
    book = Book()
    book.take(log_reading(*map(record, range(1, 6))))
    book.take(looked(book, *map(record, range(9, 14))))
    assert book.own == ["LogGap"]


def test_one_empty_look_says_nothing_and_two_say_it_is_empty() -> None:
    book = Book()
    book.take(log_reading(record(1), record(2)))
    book.take(log_reading(reached=False, total=0))
    assert book.own == []
    book.take(log_reading(reached=False, total=0))
    book.take(log_reading(reached=False, total=0))
    assert book.own == ["LogEmptied"]


def test_a_log_that_was_unreadable_for_a_moment_is_not_stored_again() -> None:
    book = Book()
    whole = [record(1), record(2)]
    book.take(log_reading(*whole))
    book.take(log_reading(reached=False))
    followed = book.take(looked(book, *whole))
    assert followed.events == ()
    assert book.own == []


def test_an_id_counter_that_wraps_is_no_clear() -> None:
    book = Book()
    book.take(log_reading(record(65533), record(65534)))
    book.take(looked(book, record(65533), record(65534), record(65535), record(1), record(2)))
    book.take(looked(book, *map(record, range(1, 6))))
    assert book.own == []
    assert len(book.messages) == 8


def test_F57_a_flood_is_capped_with_one_summary() -> None:
    book = Book()
    book.take(log_reading(record(1)))
    followed = book.take(looked(book, *map(record, range(1, MOST_NEW + 502))))
    assert book.own == ["LogFlood"]
    assert len(followed.events) == MOST_NEW + 1
    assert followed.events[-1].record.record_id == str(MOST_NEW + 501)


@pytest.mark.parametrize(
    ("created_at", "created_text", "suspect"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00Z", True),
        (datetime(2000, 1, 1, tzinfo=UTC), "2000-01-01T00:00:00Z", True),
        (START + timedelta(days=2), "…", True),
        (START + timedelta(hours=20), "…", False),
        (START - timedelta(days=900), "…", False),
        (None, "Pre-Init", True),
        (None, "", False),
    ],
)
def test_F49_F51_an_implausible_device_clock_is_flagged(
    created_at: datetime | None, created_text: str, suspect: bool
) -> None:
    told = replace(record(1), created_at=created_at, created_text=created_text)
    assert clock_suspect(told, START) is suspect


class Sel:
    """A device's log and the ground truth of everything it ever held."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.records: list[LogRecord] = []
        self.next_id = 1
        self.written = 0
        self.unread: list[str] = []
        self.lost: list[str] = []
        self.truth: list[str] = []

    def write(self, at: datetime) -> None:
        self.written += 1
        message = f"happening {self.written}"
        self.records.append(record(self.next_id, message, at.isoformat(), created_at=at))
        self.truth.append(message)
        self.unread.append(message)
        self.next_id += 1
        while len(self.records) > self.capacity:
            self._lose(self.records.pop(0))

    def clear(self) -> None:
        for one in self.records:
            self._lose(one)
        self.records.clear()
        self.next_id = 1

    def _lose(self, one: LogRecord) -> None:
        if one.message in self.unread:
            self.lost.append(one.message)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 9)),
        st.tuples(st.just("clear"), st.just(0)),
        st.tuples(st.just("look"), st.integers(0, 2**16)),
    ),
    min_size=3,
    max_size=40,
)


def follows_on(shown: list[LogRecord], after: str) -> bool:
    """A log cleared and refilled between two looks so that its ids go on where they were: nobody can tell."""
    ids = {int(one.record_id) for one in shown}
    return bool(after) and int(after) not in ids and int(after) + 1 in ids and min(ids) > int(after)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, capacity=st.integers(4, 20), dead_clock=st.booleans())
def test_no_record_is_lost_or_doubled_and_every_loss_is_told(
    steps: list[tuple[str, int]], capacity: int, dead_clock: bool
) -> None:
    """Whatever a log goes through, what was in it at some look is stored once, and what was not is admitted (R16).

    Planted bug: taking a mark that is gone for rotation alone (never for a clear) fails at once.
    """
    log, book, told_before, now = Sel(capacity), Book(), 0, START
    for what, number in [*steps, ("look", 1)]:
        if what == "write":
            for _ in range(number):
                log.write(NEVER_SET if dead_clock else now + timedelta(seconds=log.written))
        elif what == "clear":
            log.clear()
        else:
            now += minutes(5)
            first = book.mark is None
            after = book.mark.record_id if book.mark else ""
            shown = random.Random(number).sample(log.records, len(log.records))
            shown += shown[: number % 3]  # the page shifted: some are told twice
            followed = book.take(looked(book, *shown, at=now, total=len(log.records)))
            losses = len(log.lost)
            log.unread.clear()
            if losses > told_before and shown and not first and not follows_on(shown, after):
                assert any(event.record.message_id for event in followed.events), log.lost
            if shown:
                told_before = losses
    reachable = [message for message in log.truth if message not in log.lost]
    assert sorted(book.messages) == sorted(reachable)
    assert book.twice == []


def test_what_we_say_of_a_log_is_said_once_for_one_loss() -> None:
    book = Book()
    book.take(log_reading(*map(record, range(1, 6))))
    book.take(looked(book, *map(record, range(9, 14))))
    book.take(looked(book, *map(record, range(9, 15))))
    assert book.own == ["LogGap"]


def test_F57_a_flood_that_goes_on_for_hours_stays_within_its_hourly_cap() -> None:
    book = Book()
    book.take(looked(book, record(1)))
    stored = 0
    for round_ in range(30):
        first = 2 + round_ * 200
        followed = book.take(looked(book, *map(record, range(first, first + 200))), stored)
        stored += len([event for event in followed.events if event.record.record_id.isdigit()])
    assert stored == MOST_NEW
