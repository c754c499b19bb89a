from __future__ import annotations

import pytest

from fleetmon.ingest.components import compare, is_settled, label, natural, places, subsystems, verdict
from fleetmon.model import DEVICE, Component, ComponentHealth, Health, PowerState
from fleetmon.storage.rows import ComponentRow, DeviceSummary
from tests.observations import START, device, health, minutes


def known(*seen: ComponentHealth) -> dict[Component, ComponentRow]:
    return {one.component: ComponentRow(component=one.component, health=one, part=None) for one in seen}


def summary(**more: object) -> DeviceSummary:
    plain = device()
    return DeviceSummary(
        **{"device_id": "web-01", "name": "web-01", "kind": plain.kind, "address": "", "interval": minutes(1), **more}
    )


def rollup(word: Health) -> ComponentHealth:
    return ComponentHealth(component=DEVICE, health=word, state="Enabled", taken_at=START, source="/system")


BAY_3 = health("Drive", "Bay 3")


def test_the_worst_component_decides_and_is_named() -> None:
    found = verdict([BAY_3, health("Fan", "Fan 1", Health.WARNING), health("PowerSupply", "PSU 2", Health.CRITICAL)])
    assert (found.health, found.reason) == (Health.CRITICAL, "PSU 2: Critical (and 1 more)")


def test_a_predicted_failure_is_at_least_a_warning() -> None:
    found = verdict([health("Drive", "Bay 3", failure_predicted=True)])
    assert (found.health, found.reason, found.failure_predicted) == (
        Health.WARNING,
        "Drive Bay 3: failure predicted",
        True,
    )


@pytest.mark.parametrize("state", ["Absent", "Disabled", "StandbyOffline"])
def test_what_is_not_in_use_makes_no_device_bad(state: str) -> None:
    found = verdict([BAY_3, health("PowerSupply", "PSU 2", Health.CRITICAL, state)])
    assert found.health is Health.OK
    assert subsystems([health("PowerSupply", "PSU 2", Health.CRITICAL, state)]) == ()


def test_the_rollup_counts_only_when_no_component_explains_it() -> None:
    assert verdict([BAY_3, rollup(Health.WARNING)]).reason == "the device reports Warning; no component explains it"
    explained = verdict([health("Drive", "Bay 3", Health.CRITICAL), rollup(Health.WARNING)])
    assert explained.health is Health.CRITICAL
    assert verdict([health("Drive", "Bay 3", Health.CRITICAL), rollup(Health.OK)]).health is Health.CRITICAL


@pytest.mark.parametrize("kind", ["LogService", "EventService", "HostInterface"])
def test_F36_a_service_that_calls_itself_critical_makes_no_machine_critical(kind: str) -> None:
    log = health(kind, "SEL", Health.CRITICAL)
    found = verdict([BAY_3, log, rollup(Health.OK)])
    assert found.health is Health.WARNING
    assert found.reason.endswith("SEL: Critical (a service of the BMC, no hardware)")
    assert subsystems([log])[0].health is Health.WARNING
    assert (
        verdict([BAY_3, log, health("Manager", "BMC", Health.CRITICAL)]).reason == "Manager BMC: Critical (and 1 more)"
    )


def test_F36_a_service_does_not_explain_why_the_device_calls_itself_critical() -> None:
    found = verdict([BAY_3, health("LogService", "SEL", Health.CRITICAL), rollup(Health.CRITICAL)])
    assert (found.health, found.reason) == (
        Health.CRITICAL,
        "the device reports Critical; no component explains it",
    )


def test_nothing_seen_is_unknown_and_never_ok() -> None:
    assert verdict([]).health is Health.UNKNOWN
    assert verdict([health("Fan", "Fan 1", Health.UNKNOWN)]).health is Health.UNKNOWN
    assert verdict([rollup(Health.UNKNOWN)]).health is Health.UNKNOWN


def test_the_reason_is_one_short_line() -> None:
    found = verdict([health("Drive", "Bay 3", Health.CRITICAL, detail="broken\n" * 100)])
    assert len(found.reason) <= 120
    assert "\n" not in found.reason


@pytest.mark.parametrize(
    ("component", "said"),
    [
        (Component("Drive", "Bay 3"), "Drive Bay 3"),
        (Component("Fan", "Fan 3"), "Fan 3"),
        (Component("PowerSupply", "PSU 1"), "PSU 1"),
        (Component("PowerSupply", "Bay 1"), "Power Supply Bay 1"),
        (Component("Memory", "DIMM_A1"), "DIMM_A1"),
        (Component("Processor", "CPU1"), "CPU1"),
    ],
)
def test_a_component_is_named_as_a_person_would(component: Component, said: str) -> None:
    assert label(component) == said


def test_bays_are_told_as_they_sit() -> None:
    bays = places([health("Drive", f"Bay {number}") for number in (10, 2, 1)], "Drive", {})
    assert [bay.name for bay in bays] == ["Bay 1", "Bay 2", "Bay 10"]
    slots = {Component("Drive", "Bay 3"): "1", Component("Drive", "Bay 4"): "0"}
    assert [bay.name for bay in places([BAY_3, health("Drive", "Bay 4")], "Drive", slots)] == ["Bay 4", "Bay 3"]
    assert [
        bay.name for bay in places([BAY_3, health("Drive", "Bay 4"), health("Drive", "Bay 5")], "Drive", slots)
    ] == [
        "Bay 3",
        "Bay 4",
        "Bay 5",
    ]
    assert natural("Bay 2") < natural("bay 10")


def test_an_empty_slot_is_no_component() -> None:
    compared = compare(
        "web-01", {}, {}, [health("Drive", "Bay 9", state="Absent")], complete=True, settled=True, at=START
    )
    assert compared.seen == ()


def test_a_component_missed_once_is_still_there_and_missed_twice_is_gone() -> None:
    before = known(BAY_3, health("Drive", "Bay 4"))
    once = compare("web-01", before, {}, [health("Drive", "Bay 4")], complete=True, settled=True, at=START)
    assert (once.missing, once.gone) == ((BAY_3.component,), ())
    twice = compare(
        "web-01", before, {BAY_3.component: 1}, [health("Drive", "Bay 4")], complete=True, settled=True, at=START
    )
    assert twice.gone == (BAY_3.component,)
    assert [(change.component.name, change.after) for change in twice.changes] == [("Bay 3", None)]


@pytest.mark.parametrize(("complete", "settled"), [(False, True), (True, False), (False, False)])
def test_what_a_dark_host_or_half_a_look_does_not_show_is_not_gone(complete: bool, settled: bool) -> None:
    compared = compare("web-01", known(BAY_3), {BAY_3.component: 5}, [], complete=complete, settled=settled, at=START)
    assert (compared.missing, compared.gone, compared.changes) == ((), (), ())


def test_power_must_have_been_on_for_ten_minutes_before_anything_is_gone() -> None:
    on = {"power": PowerState.ON, "power_known": PowerState.ON, "power_at": START, "power_since": START}
    assert not is_settled(summary(**on), START + minutes(9))
    assert is_settled(summary(**on), START + minutes(10))
    off = on | {"power": PowerState.OFF, "power_known": PowerState.OFF}
    assert not is_settled(summary(**off), START + minutes(60))
    assert not is_settled(summary(**on | {"power": PowerState.UNKNOWN, "power_since": None}), START + minutes(60))
    assert is_settled(summary(), START)


def test_a_change_of_health_is_told_once_with_before_and_after() -> None:
    worse = health("Drive", "Bay 3", Health.CRITICAL, detail="offline")
    compared = compare("web-01", known(BAY_3), {}, [worse], complete=False, settled=True, at=START)
    assert [(change.before, change.after, change.detail) for change in compared.changes] == [
        (Health.OK, Health.CRITICAL, "offline")
    ]
    assert compare("web-01", known(worse), {}, [worse], complete=False, settled=True, at=START).changes == ()


def test_what_is_well_when_first_seen_is_no_change_and_what_is_not_is_one() -> None:
    fresh = [BAY_3, health("Drive", "Bay 4", Health.WARNING)]
    compared = compare("web-01", {}, {}, fresh, complete=True, settled=True, at=START)
    assert [(change.component.name, change.before) for change in compared.changes] == [("Bay 4", None)]


def test_subsystems_tell_how_many_are_there_and_what_is_wrong() -> None:
    told = subsystems(
        [BAY_3, health("Drive", "Bay 4", Health.CRITICAL, detail="failed"), health("Fan", "Fan 1"), rollup(Health.OK)]
    )
    assert [(one.kind, one.health, one.present, one.not_ok, one.reason) for one in told] == [
        ("Drive", Health.CRITICAL, 2, 1, "Bay 4: failed"),
        ("Fan", Health.OK, 1, 0, ""),
    ]


def test_a_drive_that_cannot_be_used_is_bad_though_it_calls_itself_offline() -> None:
    dead = health("Drive", "Bay 1", Health.CRITICAL, state="UnavailableOffline")
    assert verdict([dead, health("Drive", "Bay 2")]).health is Health.CRITICAL


def test_one_healthy_chassis_does_not_vouch_for_sixteen_silent_modules() -> None:
    silent = [health("Memory", f"DIMM {number}", Health.UNKNOWN) for number in range(16)]
    told = verdict([health("Chassis", "Chassis"), *silent])
    assert told.health is Health.UNKNOWN
    assert told.reason == "the device tells no health of 16 Memory"


def test_a_few_silent_components_among_many_that_speak_leave_the_device_ok() -> None:
    speaking = [health("Drive", f"Bay {number}") for number in range(5)]
    assert verdict([*speaking, health("Port", "NIC 1", Health.UNKNOWN)]).health is Health.OK


def test_of_equals_the_part_to_replace_is_named_before_what_holds_or_measures_it() -> None:
    bad = [
        health("Chassis", "Chassis", Health.CRITICAL),
        health("Sensor", "Bay temperature", Health.CRITICAL),
        health("Fan", "Fan 2", Health.CRITICAL),
    ]
    assert verdict(bad).reason.startswith("Fan 2")
