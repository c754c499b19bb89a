"""A BMC that changes its time zone tells the same records with another hour: none is new, and no log was cleared."""

from datetime import timedelta

import pytest

from fleetmon.model import Aspect, LogMark, zoneless
from tests.observations import START, log_reading, observed, opened, record, take
from tests.observations import device as a_device

TOLD = {
    "UTC": "2026-01-06T{hour:02}:{minute:02}:07Z",
    "New York": "2026-01-06T{west:02}:{minute:02}:07-05:00",
    "no zone": "2026-01-06T{hour:02}:{minute:02}:07",
}


def text(zone, number):
    return TOLD[zone].format(hour=10 + number // 60, west=5 + number // 60, minute=number % 60)


@pytest.mark.parametrize("text", ["2026-01-06T10:31:07Z", "2026-01-06T05:31:07-05:00", "2026-01-06T16:01:07+05:30"])
def test_a_zone_moves_no_minute_within_the_quarter(text):
    assert zoneless(text) == "01:07"


def test_another_second_is_another_time():
    assert zoneless("2026-01-06T10:31:07Z") != zoneless("2026-01-06T10:31:08Z")


def test_a_text_without_a_clock_is_kept_as_it_is():
    assert zoneless("Pre-Init") == "Pre-Init"


def test_a_mark_is_of_its_record_in_any_zone_and_of_no_other():
    told = record(7, created_text=text("UTC", 7))
    mark = LogMark(record_id=told.record_id, created_text=text("New York", 7), content_hash=told.content_hash)
    assert mark.is_of(told)
    assert not mark.is_of(record(7, created_text=text("UTC", 8)))
    assert not mark.is_of(record(8, created_text=text("UTC", 7)))


@pytest.mark.parametrize("after", ["New York", "no zone"])
async def test_F50_a_zone_set_anew_doubles_no_event_and_clears_no_log(tmp_path, after):
    async with opened(tmp_path) as store:
        await store.fleet.add_device(a_device())
        for minute, zone in enumerate(["UTC", "UTC", after, after]):
            at = START + timedelta(minutes=minute)
            records = [record(number, created_text=text(zone, number)) for number in range(1, 31)]
            await take(store, observed(at, asked=frozenset({Aspect.EVENTS}), logs=(log_reading(*records, at=at),)))
        page = await store.events.page(device_id=a_device().device_id, limit=200)
        assert len(page.items) == 30
        assert len({event.generation for event in page.items}) == 1
        assert not [event for event in page.items if event.message_id.startswith("Fleetmon.")]
