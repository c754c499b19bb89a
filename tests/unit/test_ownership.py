"""Every worker computes the same owner, and every device keeps its slot."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fleetmon.ownership import next_slot, owner, slot

NOW = datetime(2026, 1, 6, 8, 0, 17, tzinfo=UTC)
MINUTE = timedelta(seconds=60)
DEVICES = [f"web-{number:04}" for number in range(3000)]


def test_one_worker_alive_owns_all():
    assert {owner(device, ["only"]) for device in DEVICES} == {"only"}


def test_no_worker_owns_nothing():
    assert owner("web-1", []) is None


def test_the_order_in_which_workers_are_listed_does_not_matter():
    assert all(owner(device, ["a", "b", "c"]) == owner(device, ["c", "a", "b"]) for device in DEVICES)


def test_a_worker_that_dies_hands_over_only_its_own_devices():
    before = {device: owner(device, ["a", "b", "c"]) for device in DEVICES}
    after = {device: owner(device, ["a", "c"]) for device in DEVICES}
    assert {device for device in DEVICES if before[device] != after[device]} == {
        device for device in DEVICES if before[device] == "b"
    }


def test_devices_are_shared_evenly():
    shares = Counter(owner(device, ["a", "b", "c"]) for device in DEVICES)
    assert all(900 < share < 1100 for share in shares.values())


def test_slots_fill_the_interval_evenly():
    per_second = Counter(int(slot(device, MINUTE).total_seconds()) for device in DEVICES)
    assert len(per_second) == 60
    assert max(per_second.values()) < 100


@given(st.text(min_size=1), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(1, 90_000))
def test_the_next_slot_is_later_within_one_interval_and_always_at_the_same_place(device, after, seconds):
    interval = timedelta(seconds=seconds)
    after = after.replace(tzinfo=UTC)
    due = next_slot(device, interval, after)
    assert after < due <= after + interval
    again = next_slot(device, interval, due)
    assert abs(again - due - interval) <= timedelta(microseconds=1)


def test_a_restart_does_not_move_a_slot():
    first = next_slot("web-11", MINUTE, NOW)
    assert next_slot("web-11", MINUTE, NOW + timedelta(seconds=1)) in {first, first + MINUTE}
