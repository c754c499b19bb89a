"""The same event by push and by poll is one row (F59), in both orders, over a restart, and when it is sent twice."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleetmon.ingest.pushed import take_pushed
from fleetmon.model import Aspect, Health, LogRecord, PushedRecord
from fleetmon.storage import Store
from fleetmon.storage.rows import Event, PushRow, PushState, PushWay
from tests.observations import START, device, log_reading, observed, opened, take

EVENTS = frozenset({Aspect.EVENTS})
ENTRIES = "/redfish/v1/Managers/1/LogServices/SEL/Entries"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path) as found:
        await found.fleet.add_device(device())
        yield found


def entry(number: int, at: datetime | None = START, message: str = "Fan 3 failed", **more: object) -> LogRecord:
    """A record as the log shows it."""
    said = {
        "record_id": str(number),
        "severity": Health.CRITICAL,
        "message": message,
        "source": f"{ENTRIES}/{number}",
        "message_id": "Fans.1.0.FanFailed",
        "created_at": at,
        "created_text": at.isoformat() if at else "",
    }
    return LogRecord(**{**said, **more})  # type: ignore[arg-type]


def push(
    of: LogRecord,
    sent_as: str = "e1",
    *,
    linked: bool = False,
    late: float = 0.0,
    arguments: Sequence[str] = ("Fan 3",),
) -> PushedRecord:
    """The same as a stream tells it: another id, another spelling of the time, a newer registry."""
    at = of.created_at + timedelta(seconds=late) if of.created_at else None
    record = replace(
        of,
        record_id=sent_as,
        source=of.source if linked else "/redfish/v1/Chassis/1/Fans/3",
        message_id="Fans.1.2.FanFailed" if of.message_id else "",
        created_at=at,
        created_text=at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else "",
    )
    return PushedRecord(record=record, link=of.source if linked else "", arguments=tuple(arguments), sent_as=sent_as)


ROW = PushRow(way=PushWay.STREAM, state=PushState.OPEN, since=START)


async def told(store: Store, *records: PushedRecord, at: datetime = START, row: PushRow = ROW) -> PushRow:
    return await take_pushed(records, "web-01", row, store=store, received_at=at)


async def polled(store: Store, *records: LogRecord, at: datetime = START) -> int:
    (ingested,) = await take(store, observed(at, asked=EVENTS, logs=(log_reading(*records, at=at),)))
    return ingested.events


async def events(store: Store) -> list[Event]:
    return list(reversed((await store.events.page()).items))


async def logged(store: Store) -> list[tuple[str, str]]:
    return [(event.log, event.record_id) for event in await events(store)]


BEFORE = entry(1, START - timedelta(hours=1), "The log was cleared", message_id="Log.1.0.Cleared")


@pytest.mark.parametrize("linked", [True, False], ids=["with its log entry", "by what it says"])
async def test_F59_pushed_first_then_polled_is_one_event(store, linked):
    await polled(store, BEFORE)
    await told(store, push(entry(2), linked=linked))
    assert [event.log for event in await events(store)] == ["SEL", "pushed"]
    assert await polled(store, entry(2), BEFORE) == 0
    assert await logged(store) == [("SEL", "1"), ("SEL", "2")]
    assert await polled(store, entry(2), BEFORE) == 0
    assert len(await events(store)) == 2


@pytest.mark.parametrize("linked", [True, False], ids=["with its log entry", "by what it says"])
async def test_F59_polled_first_then_pushed_is_one_event(store, linked):
    await polled(store, BEFORE)
    assert await polled(store, entry(2), BEFORE) == 1
    row = await told(store, push(entry(2), linked=linked, late=1.9))
    assert await logged(store) == [("SEL", "1"), ("SEL", "2")]
    assert row.events == 1


@pytest.mark.parametrize("first", ["push", "poll", "between"])
@pytest.mark.parametrize("linked", [True, False], ids=["linked", "by words"])
async def test_F59_two_true_events_that_say_the_same_within_two_seconds_stay_two(store, first, linked):
    one, other = entry(2), entry(3, START + timedelta(seconds=1))
    pushes = [push(one, "e1", linked=linked), push(other, "e2", linked=linked)]
    await polled(store, BEFORE)
    if first == "push":
        await told(store, *pushes)
    if first == "between":
        await told(store, pushes[0])
    await polled(store, BEFORE, one, other)
    if first == "poll":
        await told(store, *pushes)
    if first == "between":
        await told(store, pushes[1])
    assert await logged(store) == [("SEL", "1"), ("SEL", "2"), ("SEL", "3")]


async def test_F59_an_event_sent_again_after_a_reconnection_is_one_event(store):
    await told(store, push(entry(2)))
    await told(store, push(entry(2)), at=START + timedelta(minutes=5))
    assert len(await events(store)) == 1


async def test_F59_another_fan_is_another_event(store):
    await polled(store, BEFORE)
    await told(store, push(entry(2)))
    await polled(store, BEFORE, entry(3, message="Fan 4 failed"))
    assert len(await events(store)) == 3


async def test_F59_the_same_words_much_later_are_another_event(store):
    await polled(store, BEFORE)
    await told(store, push(entry(2)))
    await polled(store, BEFORE, entry(3, START + timedelta(seconds=3)))
    assert len(await events(store)) == 3


async def test_F59_a_record_that_took_the_number_of_one_cleared_away_is_not_the_one_pushed_before(store):
    await polled(store, BEFORE, entry(2, START - timedelta(hours=3)))
    await told(store, push(entry(2, message="Fan 9 failed"), linked=True, arguments=["Fan 9"]))
    assert len(await events(store)) == 3


async def test_F59_without_any_time_the_time_of_receipt_decides(store):
    await polled(store, BEFORE)
    await told(store, push(entry(2, None)))
    await polled(store, BEFORE, entry(2, None), at=START + timedelta(minutes=4))
    assert len(await events(store)) == 2
    await told(store, push(entry(3, None), "e2"))
    await polled(store, BEFORE, entry(2, None), entry(3, None), at=START + timedelta(hours=4))
    assert len(await events(store)) == 4


@pytest.mark.parametrize("year", [1, 1970, 9999])
async def test_F59_clocks_at_the_ends_of_time_are_no_trouble(store, year):
    at = datetime(year, 1, 1, 0, 0, 10, tzinfo=UTC)
    await polled(store, BEFORE)
    await told(store, push(entry(2, at)))
    await polled(store, BEFORE, entry(2, at), entry(3, at))
    await told(store, push(entry(3, at), "e3"), push(entry(4, None), "e4"))
    assert len(await events(store)) == 4


async def test_F59_a_restart_between_push_and_poll_changes_nothing(tmp_path):
    async with opened(tmp_path) as store:
        await store.fleet.add_device(device())
        await polled(store, BEFORE)
        await told(store, push(entry(2)), row=replace(ROW, event_id="17"))
    async with opened(tmp_path) as store:
        kept = await store.pushes.of_device("web-01")
        assert kept is not None
        assert (kept.event_id, kept.events) == ("17", 1)
        await polled(store, BEFORE, entry(2))
        await told(store, push(entry(2)))
        assert await logged(store) == [("SEL", "1"), ("SEL", "2")]


async def test_F59_a_pushed_event_keeps_when_it_was_received_and_takes_the_words_of_its_log(store):
    await polled(store, BEFORE)
    await told(store, push(entry(2)), at=START + timedelta(seconds=1))
    await polled(store, BEFORE, entry(2), at=START + timedelta(minutes=5))
    event = (await events(store))[1]
    assert event.received_at == START + timedelta(seconds=1)
    assert (event.message_id, event.source) == ("Fans.1.0.FanFailed", f"{ENTRIES}/2")


async def test_a_pushed_record_hides_no_gap_of_its_log(store):
    await polled(store, BEFORE, entry(2))
    await told(store, push(entry(9, START + timedelta(minutes=1)), "e9", linked=True))
    reading = log_reading(entry(9, START + timedelta(minutes=1)), reached=False, at=START + timedelta(minutes=5))
    await take(store, observed(reading.taken_at, asked=EVENTS, logs=(reading,)))
    assert [event.message_id.rpartition(".")[2] for event in await events(store)][-1] == "LogGap"


async def test_a_flood_of_pushed_events_ends_at_the_cap_of_an_hour(store):
    flood = [push(entry(n, message=f"noise {n}"), f"e{n}") for n in range(1500)]
    await told(store, *flood)
    await told(store, push(entry(2), "late"))
    assert len((await store.events.page(limit=2000)).items) == 1000
    row = await told(store, push(entry(2), "later"), at=START + timedelta(hours=2))
    assert row.events == 1


async def test_what_was_pushed_is_forgotten_with_its_events_and_with_its_device(store):
    await told(store, push(entry(2)))
    await told(store, push(entry(3), "e2"), at=START + timedelta(days=2))
    await store.events.expire(START + timedelta(days=1))
    rows = await store.state.read("SELECT count(*) AS n FROM pushed")
    assert rows[0]["n"] == 1
    await store.fleet.remove_device("web-01")
    rows = await store.state.read("SELECT (SELECT count(*) FROM pushed) + (SELECT count(*) FROM push) AS n")
    assert rows[0]["n"] == 0
    await told(store, push(entry(5), "e5"))
    assert await store.pushes.of_device("web-01") is None


@pytest.mark.parametrize("seed", range(6))
async def test_F59_whatever_order_pushes_and_polls_come_in_every_event_is_there_once(store, seed):
    """Bursts of equal events, pushes that are late, lost or sent twice, and looks at the log in between."""
    rng = random.Random(seed)
    linked = seed % 2 == 0
    await polled(store, BEFORE)
    log, waiting, moment = [BEFORE], [], START
    for number in range(2, 26):
        moment += timedelta(seconds=rng.choice([0, 1, 30]))
        fan = rng.choice(["Fan 3", "Fan 4"])
        log.append(entry(number, moment, f"{fan} failed"))
        sent = push(log[-1], f"e{number}", linked=linked, late=rng.choice([0, 0.5]), arguments=[fan])
        waiting += rng.choice([[sent], [sent], [sent, sent], []])
        for _ in range(rng.randint(0, 2)):
            if waiting:
                await told(store, waiting.pop(0), at=moment)
        if rng.random() < 0.3:
            await polled(store, *log, at=moment)
    await told(store, *waiting, at=moment)
    await polled(store, *log, at=moment)
    assert sorted(int(event.record_id) for event in await events(store)) == list(range(1, 26))
    assert {event.log for event in await events(store)} == {"SEL"}
