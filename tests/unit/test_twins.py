"""Which records of a SEL and of a Redfish log tell one event: never two true ones, and rarely none that is one."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmon.ingest import twins
from fleetmon.ingest.twins import is_same, pairs
from fleetmon.model import Component, Health, LogRecord
from fleetmon.storage.events import NewEvent
from fleetmon.storage.rows import Event
from tests.observations import START

DRIVE_1 = Component("Drive", "Drive Bay 1")


def told(
    message: str,
    at: datetime | None = START,
    *,
    record_id: str = "17",
    severity: Health = Health.CRITICAL,
    component: Component | None = None,
) -> NewEvent:
    record = LogRecord(
        record_id=record_id, severity=severity, message=message, source="sel/17", created_at=at, component=component
    )
    return NewEvent(record=record, log="IPMI SEL", generation=1, received_at=START, clock_suspect=False)


def stored(
    message: str,
    at: datetime | None = START,
    *,
    record_id: str = "402",
    severity: Health = Health.CRITICAL,
    component: Component | None = None,
    suspect: bool = False,
) -> Event:
    return Event(
        event_id=1,
        device_id="web-01",
        log="SEL",
        generation=1,
        record_id=record_id,
        severity=severity,
        message=message,
        message_id="Any.1.0.Thing",
        component=component,
        created_at=at,
        created_text="",
        clock_suspect=suspect,
        received_at=START,
        source="/redfish/v1/sel/402",
        history=False,
    )


@pytest.mark.parametrize(
    ("sel", "redfish"),
    [
        ("Drive Bay 1: fault", "Drive Bay 1 has failed."),
        ("PSU1 Status: failed", "PSU 1 has failed."),
        ("Fan 1: fell below lower critical threshold; reading 0 rpm", "Fan 1 has failed."),
        ("PS Redundancy: redundancy lost", "Power supply redundancy is lost."),
        ("DIMM A3: correctable ECC logging limit reached", "Memory module DIMM_A3: too many correctable errors."),
        ("Inlet Temp: upper critical going high", "The inlet temperature is above its critical limit."),
    ],
)
def test_the_same_in_other_words_is_one(sel: str, redfish: str) -> None:
    assert len(pairs([told(sel)], [stored(redfish, START + timedelta(seconds=1))])) == 1


@pytest.mark.parametrize(
    ("sel", "redfish"),
    [
        ("Fan 1: failed", "Fan 2 has failed."),
        ("Fan 1: failed", "PSU 1 has failed."),
        ("Drive Bay 1: fault", "Drive Bay 1 is no longer failed."),
        ("Fan 1: deasserted lower critical threshold", "Fan 1 has failed."),
        ("Watchdog: timer expired", "Chassis intrusion was seen."),
        ("BMC: controller online", "User admin signed in from 10.0.4.9."),
    ],
)
def test_another_thing_at_the_same_second_is_another_event(sel: str, redfish: str) -> None:
    assert pairs([told(sel)], [stored(redfish)]) == []


def test_the_same_words_much_later_are_another_event() -> None:
    assert pairs([told("Fan 1: failed")], [stored("Fan 1 failed", START + timedelta(seconds=3))]) == []


def test_good_news_is_not_the_twin_of_bad_news() -> None:
    assert pairs([told("Fan 1: failed", severity=Health.OK)], [stored("Fan 1 failed")]) == []
    assert len(pairs([told("Fan 1: failed", severity=Health.WARNING)], [stored("Fan 1 failed")])) == 1


def test_a_record_of_an_unset_clock_is_believed_only_under_its_number() -> None:
    boot = datetime.fromisoformat("1970-01-01T00:00:12+00:00")
    event = stored("Fan 1 failed", boot, suspect=True)
    assert pairs([told("Fan 1: failed", boot)], [event]) == []
    assert len(pairs([told("Fan 1: failed", boot, record_id="402")], [event])) == 1
    assert pairs([told("Fan 1: failed", None)], [event]) == []


def test_a_sel_in_local_time_is_the_same_sel_under_the_same_numbers() -> None:
    elsewhere = START + timedelta(hours=5, minutes=30)
    assert len(pairs([told("Fan 1: failed", elsewhere, record_id="402")], [stored("Fan 1 failed")])) == 1
    assert pairs([told("Fan 1: failed", elsewhere)], [stored("Fan 1 failed")]) == []
    between = START + timedelta(hours=5, minutes=7)
    assert pairs([told("Fan 1: failed", between, record_id="402")], [stored("Fan 1 failed")]) == []


def test_the_component_decides_where_both_name_one() -> None:
    assert pairs([told("fault", component=DRIVE_1)], [stored("failed", component=Component("Drive", "Drive 1"))])
    assert not pairs([told("fault", component=DRIVE_1)], [stored("fault", component=Component("Drive", "Drive 2"))])


def test_of_two_that_fit_the_likest_is_taken_and_each_but_once() -> None:
    sel = [told("Drive Bay 1: predictive failure"), told("Drive Bay 1: fault")]
    redfish = [stored("Drive Bay 1: a failure is predicted (predictive failure).")]
    assert pairs(sel, redfish) == [(sel[0], redfish[0])]


@given(st.lists(st.sampled_from(["Fan 1: failed", "Fan 2: failed", "PSU 1: failed", "Fan 1: no longer failed"])))
def test_pairs_are_one_to_one(messages: list[str]) -> None:
    sel, redfish = [told(one) for one in messages], [stored(one) for one in reversed(messages)]
    found = pairs(sel, redfish)
    assert len(found) == len(messages), "whatever the order, each has its own"
    assert len({id(one) for one, _ in found}) == len({id(other) for _, other in found}) == len(found)
    assert all(one.record.message == other.message for one, other in found)


@pytest.mark.parametrize(("apart", "most"), [(60, 1), (1, 5), (0, 64)], ids=["a minute", "a second", "nothing"])
def test_logs_of_thousands_are_compared_record_by_record_of_one_instant(monkeypatch, apart, most):
    compared = 0

    def counted(record: LogRecord, event: Event) -> bool:
        nonlocal compared
        compared += 1
        return is_same(record, event)

    monkeypatch.setattr(twins, "is_same", counted)
    instants = [START + timedelta(seconds=apart * number) for number in range(600)]
    records = [told(f"PS1 failed {number}", at, record_id=str(number)) for number, at in enumerate(instants)]
    events = [stored(f"PSU 1 failed {number}", at, record_id=str(number)) for number, at in enumerate(instants)]
    assert len(pairs(records, events)) == len(records)
    assert compared <= most * len(records) + len(records)
