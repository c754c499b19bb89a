"""The fleet's time: what is due happens at its instant, in order, once."""

from __future__ import annotations

from emulator.clock import Agenda, Clock, iso


def agenda() -> Agenda:
    return Agenda(Clock(lambda: 1_000.0))


def test_what_is_due_happens_in_order_and_each_at_its_own_instant() -> None:
    plan, seen = agenda(), list[tuple[str, float]]()
    plan.after(20, lambda t: seen.append(("late", plan.clock.now())))
    plan.after(10, lambda t: seen.append(("early", plan.clock.now())))
    plan.settle()
    assert seen == []
    plan.advance(30)
    assert seen == [("early", 1_010.0), ("late", 1_020.0)]
    assert plan.clock.now() == 1_030.0


def test_what_an_action_adds_happens_in_the_same_go_when_it_is_due() -> None:
    plan, seen = agenda(), list[float]()

    def again(instant: float) -> None:
        seen.append(instant)
        plan.settle()
        plan.after(10, again)

    plan.after(10, again)
    plan.advance(35)
    assert seen == [1_010.0, 1_020.0, 1_030.0]


def test_an_action_that_settles_does_not_jump_the_queue_and_keeps_its_instant() -> None:
    plan, seen = agenda(), list[tuple[str, float]]()

    def first(_: float) -> None:
        plan.settle()
        seen.append(("first", plan.clock.now()))

    plan.after(10, first)
    plan.after(10, lambda _: seen.append(("second", plan.clock.now())))
    plan.advance(30)
    assert seen == [("first", 1_010.0), ("second", 1_010.0)]


def test_days_pass_faster_for_slow_things_and_the_start_stays_where_it_is() -> None:
    clock = Clock(lambda: 1_000.0, speed=60)
    assert clock.season(1_000.0) == 1_000.0
    assert clock.season(1_060.0) == 1_000.0 + 3_600
    assert clock.season(940.0) == 1_000.0 - 3_600


def test_an_instant_is_written_as_redfish_has_it() -> None:
    assert iso(0.9) == "1970-01-01T00:00:00Z"
