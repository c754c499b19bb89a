from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fleetmon.model import Aspect, Component, Health
from fleetmon.storage import Store
from fleetmon.storage.events import identity_of
from tests.observations import START, STEADY, device, log_reading, minutes, observed, opened, record, take


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path) as store:
        for name in ("web-01", "web-02"):
            await store.fleet.add_device(device(name))
            for number in range(1, 8):
                told = record(
                    number,
                    severity=list(Health)[number % 3],
                    message_id="",
                    component=Component("Drive", "Bay 1") if number == 7 else None,
                )
                at = START + minutes(number)
                logs = (log_reading(told, at=at),)
                await take(store, observed(at, asked=STEADY | {Aspect.EVENTS}, logs=logs), of=device(name))
        yield store


async def test_events_come_newest_received_first(store: Store) -> None:
    page = await store.events.page(device_id="web-01")
    assert [event.record_id for event in page.items] == list("7654321")
    assert page.items[0].component == Component("Drive", "Bay 1")
    assert page.next is None


async def test_pages_together_are_every_event_once(store: Store) -> None:
    seen: list[int] = []
    cursor = None
    while True:
        page = await store.events.page(limit=3, cursor=cursor)
        seen += [event.event_id for event in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 14


async def test_a_page_does_not_shift_when_events_arrive(store: Store) -> None:
    first = await store.events.page(limit=5)
    again = observed(START + minutes(60), asked=STEADY | {Aspect.EVENTS}, logs=(log_reading(record(8)),))
    await take(store, again)
    second = await store.events.page(limit=5, cursor=first.next)
    assert not {event.event_id for event in first.items} & {event.event_id for event in second.items}


async def test_events_can_be_narrowed_by_time_and_severity(store: Store) -> None:
    page = await store.events.page(device_id="web-02", start=START + minutes(2), end=START + minutes(5))
    assert [event.record_id for event in page.items] == list("432")
    bad = await store.events.page(severity=[Health.WARNING, Health.CRITICAL])
    assert {event.severity for event in bad.items} == {Health.WARNING, Health.CRITICAL}
    assert await store.events.newest() == 14


async def test_old_events_are_forgotten(store: Store) -> None:
    assert await store.events.expire(START + minutes(4)) == 6
    assert await store.events.expire(START + minutes(4)) == 0
    assert len((await store.events.page()).items) == 8


def test_a_record_is_itself_by_id_time_and_words_and_not_by_what_changes() -> None:
    one = record(1, "Fan failed")
    assert identity_of(one) == identity_of(record(1, "Fan failed", severity=Health.CRITICAL, repaired=True))
    others = (record(2, "Fan failed", one.created_text), record(1, "Fan back"), record(1, "Fan failed", "2001"))
    assert len({identity_of(one), *map(identity_of, others)}) == 4


def test_text_no_encoding_can_hold_has_an_identity() -> None:
    assert identity_of(record(1, "\udcff\x00"))


async def test_a_forgotten_record_that_the_device_still_shows_does_not_come_back_as_new(store: Store) -> None:
    later = START + minutes(60)
    assert await store.events.expire(later) == 14
    everything = [record(number, severity=list(Health)[number % 3], message_id="") for number in range(1, 8)]
    fresh = record(8)
    for look in range(2):
        at = later + minutes(look)
        await take(store, observed(at, asked=STEADY | {Aspect.EVENTS}, logs=(log_reading(*everything, fresh, at=at),)))
    assert [event.record_id for event in (await store.events.page()).items] == ["8"]
