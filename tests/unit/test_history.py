"""A stretch without readings is a gap where it is long and unusual, and only there."""

from fleetmon.storage.history import breaks

MINUTE, HOUR = 60_000, 3_600_000
LONGEST = 3 * MINUTE


def every(step, count, start=0):
    return [start + step * number for number in range(count)]


def test_polls_on_time_have_no_gap():
    assert not any(breaks(every(MINUTE, 50), LONGEST))


def test_an_outage_is_a_gap_where_it_was():
    instants = [*every(MINUTE, 20), *every(MINUTE, 20, start=3 * HOUR)]
    assert [place for place, gap in enumerate(breaks(instants, LONGEST)) if gap] == [19]


def test_two_missed_polls_are_no_gap():
    instants = [*every(MINUTE, 20), *every(MINUTE, 20, start=22 * MINUTE)]
    assert not any(breaks(instants, LONGEST))


def test_a_month_asked_by_the_hour_is_a_line_though_polls_come_every_minute_now():
    hourly = every(HOUR, 200)
    minutes = every(MINUTE, 200, start=hourly[-1] + MINUTE)
    assert not any(breaks([*hourly, *minutes], LONGEST))


def test_a_lost_day_is_a_gap_among_hourly_readings_too():
    instants = [*every(HOUR, 50), *every(HOUR, 50, start=80 * HOUR)]
    assert sum(breaks(instants, LONGEST)) == 1


def test_with_too_few_readings_to_know_what_is_usual_the_interval_decides():
    assert breaks([0, HOUR], LONGEST) == [True]
    assert breaks([0, MINUTE], LONGEST) == [False]
