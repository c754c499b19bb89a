"""Those whose slot it is are called first; who missed it in a stall soon, however many; who is new a few at a time."""

from dataclasses import dataclass

from fleetmon.rota import Rota


@dataclass(eq=False)
class One:
    due: float


def test_a_slot_is_called_when_its_time_has_come_and_once():
    rota = Rota(from_line=2, stall=5)
    one = One(10.0)
    rota.at_slot(one)
    assert list(rota.call(9.0)) == []
    assert list(rota.call(10.5)) == [one]
    assert list(rota.call(11.0)) == []


def test_an_entry_is_void_once_its_owner_has_another_slot():
    rota = Rota(from_line=2, stall=5)
    one = One(10.0)
    rota.at_slot(one)
    rota.in_line(one)
    one.due = 70.0
    rota.at_slot(one)
    assert list(rota.call(11.0)) == []
    assert list(rota.call(70.0)) == [one]


def test_the_line_is_served_a_few_at_a_time_after_those_whose_slot_it_is():
    rota = Rota(from_line=2, stall=5)
    fresh, due = [One(0.0) for _ in range(5)], One(10.0)
    for one in fresh:
        rota.in_line(one)
    rota.at_slot(due)
    assert list(rota.call(10.0)) == [due, *fresh[:2]]


def test_thousands_who_missed_their_slot_in_a_stall_are_called_within_half_a_minute():
    """Planted bug: with a few a second a large fleet never catches up, since more fall due meanwhile."""
    rota = Rota(from_line=40, stall=5)
    for _ in range(10_000):
        rota.at_slot(One(0.0))
    assert sum(len(list(rota.call(10.0 + second))) for second in range(30)) == 10_000
