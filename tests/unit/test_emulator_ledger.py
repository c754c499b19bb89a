"""The emulator's counters: what a checker of a whole fleet reads instead of every row."""

from __future__ import annotations

from emulator.ledger import Level, Tally


def test_a_level_knows_its_most_and_for_how_long_it_was_above_one() -> None:
    level = Level()
    for instant, count in ((0, 1), (10, 2), (14, 3), (16, 1), (20, 2)):
        level.set(count, float(instant))
    assert (level.now, level.most) == (2, 3)
    assert level.above_one(21.0) == 6.0
    assert level.above_one(30.0) == 10.0


def test_refused_logins_are_counted_within_any_ten_minutes() -> None:
    tally = Tally()
    for instant in (0.0, 100.0, 599.0, 601.0, 1_300.0):
        tally.refuse(instant)
    assert (tally.refused, tally.most_refused) == (5, 3)


def test_the_least_gap_lies_between_an_answer_and_the_next_request() -> None:
    tally = Tally()
    assert tally.least_gap is None
    for began, ended in ((0.0, 1.0), (1.5, 2.0), (2.25, 3.0)):
        tally.began(began)
        tally.ended(ended)
    assert (tally.least_gap, tally.most_in_flight, tally.in_flight) == (0.25, 1, 0)
