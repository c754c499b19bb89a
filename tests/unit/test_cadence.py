"""One poll carries every aspect whose time has come; nothing herds, nothing slips by a second."""

from datetime import UTC, datetime, timedelta

from fleetmon.cadence import LIFE, due_aspects, next_poll, pressing, rest_after, shortest, steps
from fleetmon.model import Aspect, Interval
from fleetmon.ownership import next_slot

NOW = datetime(2026, 1, 6, 8, 0, tzinfo=UTC)
EVERY = Interval()


def all_asked(at):
    return dict.fromkeys(Aspect, at)


def test_a_device_nobody_asked_before_is_asked_for_everything_in_one_walk_and_then_for_its_logs():
    assert due_aspects(EVERY, {}, NOW) == frozenset(Aspect)
    assert steps(frozenset(Aspect), first=True) == [frozenset(Aspect) - {Aspect.EVENTS}, {Aspect.EVENTS}]


def test_a_poll_that_started_a_second_late_does_not_cost_the_next_slot():
    asked = all_asked(NOW - timedelta(seconds=59))
    assert due_aspects(EVERY, asked, NOW) == {Aspect.HEARTBEAT, Aspect.SENSORS}


def test_over_ten_minutes_each_aspect_is_asked_as_often_as_its_interval_says():
    asked, counts = all_asked(NOW), dict.fromkeys(Aspect, 0)
    for minute in range(1, 721):
        now = NOW + timedelta(minutes=minute)
        for aspect in due_aspects(EVERY, asked, now):
            asked[aspect] = now
            counts[aspect] += 1
    assert counts == {
        Aspect.HEARTBEAT: 720,
        Aspect.SENSORS: 720,
        Aspect.COMPONENTS: 72,
        Aspect.EVENTS: 144,
        Aspect.INVENTORY: 1,
    }


def test_a_clock_stepped_back_by_a_day_stops_no_aspect():
    asked = all_asked(NOW + timedelta(days=1))
    assert due_aspects(EVERY, asked, NOW) == frozenset(Aspect)


def test_a_device_never_fully_asked_is_due_now():
    assert next_poll("web-1", EVERY, {}, NOW) == NOW
    assert next_poll("web-1", EVERY, {Aspect.HEARTBEAT: NOW}, NOW) == NOW


def test_a_restart_within_the_interval_costs_a_bmc_nothing():
    asked = all_asked(NOW - timedelta(seconds=30))
    assert next_poll("web-1", EVERY, asked, NOW) == next_slot("web-1", shortest(EVERY), NOW)


def test_a_slot_missed_while_nobody_looked_is_made_up_for_now():
    assert next_poll("web-1", EVERY, all_asked(NOW - timedelta(minutes=10)), NOW) == NOW


def test_while_the_service_is_behind_life_is_asked_and_what_has_waited_for_three_of_its_intervals():
    asked = all_asked(NOW - timedelta(minutes=16))
    due = due_aspects(EVERY, asked, NOW)
    assert due == LIFE | {Aspect.COMPONENTS, Aspect.EVENTS}
    assert pressing(due, EVERY, asked, NOW) == LIFE | {Aspect.EVENTS}
    assert pressing(due, EVERY, asked, NOW + timedelta(minutes=14)) == due
    assert pressing(frozenset(Aspect), EVERY, {}, NOW) == frozenset(Aspect)


def test_a_poll_asks_for_life_first_and_for_each_aspect_once():
    asked = steps(frozenset(Aspect))
    assert asked[0] == LIFE
    assert sorted(aspect for step in asked for aspect in step) == sorted(Aspect)


def test_a_bmc_rests_at_least_as_long_as_it_was_kept_busy():
    slot = NOW + timedelta(seconds=10)
    assert rest_after(timedelta(seconds=2), slot, NOW) == slot
    assert rest_after(timedelta(seconds=45), slot, NOW) == NOW + timedelta(seconds=45)
