"""What readings say: numbers, the reason there is none, states, and how the components are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fleetmon.drivers.ipmi.parse.conditions import absent, conditions
from fleetmon.drivers.ipmi.parse.points import Point, points
from fleetmon.drivers.ipmi.parse.sensors import Said, factors_wanted, said
from fleetmon.drivers.ipmi.parse.states import GENERIC, SPECIFIC, state
from fleetmon.model import Component, ComponentHealth, Health, NoReading
from tests.ipmi_records import BOARD, CPU, DIMM, FAN, SUPPLY, answer, compact, full, point, told

NOW = datetime(2026, 1, 6, 8, 0, tzinfo=UTC)
OK, WARNING, CRITICAL, UNKNOWN = Health.OK, Health.WARNING, Health.CRITICAL, Health.UNKNOWN
RPM, PERCENT = (0, 18, 0), (1, 0, 0)


def value(one: Said) -> float | NoReading:
    assert one.reading is not None
    return one.reading.value


def how(*answers: tuple[Point, tuple[int, bytes] | None], **more: object) -> ComponentHealth:
    """The one component these answers speak of."""
    (found,) = conditions([said(one, given, NOW, **more) for one, given in answers], NOW)
    return found


# ---- numbers ---------------------------------------------------------------------------------------------------------


def test_a_reading_is_a_number_in_the_unit_of_its_sensor():
    one = said(point(full(m=120, units=RPM, sensor_type=4, entity=(FAN, 1))), answer(50), NOW)
    assert value(one) == 6000.0
    assert one.health is OK


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (answer(0, available=False), NoReading.ABSENT),
        (answer(37, available=False), NoReading.ABSENT),
        (answer(0, scanned=False), NoReading.OFF),
        (answer(0, scanned=False, available=False), NoReading.ABSENT),
        ((0, bytes([0x00, 0x00, 0xE0])), NoReading.OFF),
        ((0, b""), NoReading.FAULTY),
        ((0, b"\x10"), NoReading.FAULTY),
        ((0xCB, b""), NoReading.ABSENT),
        ((0xCD, b""), NoReading.ABSENT),
        ((0xC0, b""), NoReading.TIMEOUT),
        ((0xD5, b""), NoReading.OFF),
        ((0xFF, b""), NoReading.FAULTY),
        (None, NoReading.TIMEOUT),
    ],
)
def test_what_is_silent_is_never_zero_and_never_ok(given, reason):
    """F89."""
    one = said(point(full(readable=0x3F)), given, NOW)
    assert value(one) is reason
    assert one.health is None
    assert one.silent is reason


def test_what_is_not_there_while_the_host_is_off_is_off():
    one = point(full())
    assert value(said(one, answer(0, available=False), NOW, host_on=False)) is NoReading.OFF
    assert value(said(one, answer(0, available=False), NOW, host_on=True)) is NoReading.ABSENT
    assert value(said(one, (0xCB, b""), NOW, host_on=False)) is NoReading.ABSENT


def test_a_value_no_formula_has_is_faulty():
    assert value(said(point(full(linear=1)), answer(0), NOW)) is NoReading.FAULTY


def test_a_non_linear_sensor_wants_its_factors_and_is_faulty_without():
    one = point(full(linear=0x70))
    assert factors_wanted(one, answer(42)) == 42
    assert value(said(one, answer(42), NOW)) is NoReading.FAULTY
    assert value(said(one, answer(42), NOW, factors=bytes([43, 2, 0, 1, 0, 0, 0]))) == 85.0
    assert factors_wanted(one, answer(42, available=False)) is None
    assert factors_wanted(one, (0xC0, b"")) is None
    assert factors_wanted(point(full()), answer(42)) is None


def test_the_bmc_s_own_comparison_counts():
    one = point(full(readable=0x3F, raws=bytes([50, 45, 40, 1, 2, 3])))
    assert said(one, answer(99), NOW).health is OK
    for bits, health, words in (
        (0x01, WARNING, "at or below lower non-critical threshold"),
        (0x07, CRITICAL, "at or below lower non-recoverable threshold"),
        (0x08, WARNING, "at or above upper non-critical threshold"),
        (0x18, CRITICAL, "at or above upper critical threshold"),
        (0xC0, OK, None),
    ):
        found = said(one, answer(20, bits), NOW)
        assert (found.health, found.words) == (health, (words,) if words else ())


def test_bits_of_thresholds_that_are_not_compared_say_nothing():
    only_upper = point(full(compared=0x18, readable=0x18))
    assert said(only_upper, answer(20, 0x02), NOW).health is OK
    none = point(full(compared=0, readable=0))
    assert said(none, answer(20, 0x3F), NOW).health is None


# ---- states ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sensor_type", "bits", "health", "state_of", "words"),
    [
        (0x0D, 0x0001, OK, "Enabled", ""),
        (0x0D, 0x0003, CRITICAL, "Enabled", "fault"),
        (0x0D, 0x0005, WARNING, "Enabled", "failure predicted"),
        (0x0D, 0x0009, OK, "StandbySpare", ""),
        (0x0D, 0x0021, WARNING, "Enabled", "in a critical array"),
        (0x0D, 0x0041, CRITICAL, "Enabled", "in a failed array"),
        (0x0D, 0x0081, OK, "Enabled", ""),
        (0x0D, 0x0101, WARNING, "Enabled", "rebuild aborted"),
        (0x08, 0x0001, OK, "Enabled", ""),
        (0x08, 0x0003, CRITICAL, "Enabled", "failed"),
        (0x08, 0x0005, WARNING, "Enabled", "failure predicted"),
        (0x08, 0x0009, CRITICAL, "Enabled", "input lost"),
        (0x08, 0x0021, WARNING, "Enabled", "input out of range"),
        (0x0C, 0x0041, WARNING, "Enabled", "correctable ECC error"),
        (0x0C, 0x0042, CRITICAL, "Enabled", "uncorrectable ECC error"),
        (0x0C, 0x0060, WARNING, "Enabled", "too many correctable ECC errors to log"),
        (0x0C, 0x0050, OK, "Disabled", ""),
        (0x07, 0x0080, OK, "Enabled", ""),
        (0x07, 0x0081, CRITICAL, "Enabled", "internal error (IERR)"),
        (0x07, 0x0082, CRITICAL, "Enabled", "thermal trip"),
        (0x07, 0x0480, WARNING, "Enabled", "throttled"),
        (0x29, 0x0005, WARNING, "Enabled", "low"),
        (0x29, 0x0006, CRITICAL, "Enabled", "failed"),
    ],
)
def test_states_of_parts(sensor_type, bits, health, state_of, words):
    entity = {0x0D: (4, 1), 0x08: (SUPPLY, 1), 0x0C: (DIMM, 1), 0x07: (CPU, 1), 0x29: (40, 1)}[sensor_type]
    found = how((point(compact(sensor_type=sensor_type, entity=entity)), answer(0, bits)))
    assert (found.health, found.state, found.detail) == (health, state_of, words)


@pytest.mark.parametrize(
    ("sensor_type", "event_type", "bits", "health"),
    [
        (0x05, 0x6F, 0x01, WARNING),
        (0x09, 0x6F, 0x20, CRITICAL),
        (0x08, 0x0B, 0x01, OK),
        (0x08, 0x0B, 0x02, CRITICAL),
        (0x04, 0x0B, 0x20, CRITICAL),
        (0x12, 0x6F, 0x04, CRITICAL),
        (0x13, 0x6F, 0x80, WARNING),
        (0x10, 0x6F, 0x10, WARNING),
        (0x23, 0x6F, 0x02, OK),
        (0x18, 0x07, 0x01, OK),
        (0x18, 0x07, 0x08, CRITICAL),
        (0x01, 0x05, 0x02, WARNING),
        (0x04, 0x0A, 0x40, WARNING),
    ],
)
def test_states_of_the_rest_of_the_machine(sensor_type, event_type, bits, health):
    one = point(compact(name="State", sensor_type=sensor_type, event_type=event_type))
    assert how((one, answer(0, bits))).health is health


@pytest.mark.parametrize(
    ("name", "sensor_type", "health"),
    [
        ("CATERR", 0x07, CRITICAL),
        ("MEM HOT", 0x0C, CRITICAL),
        ("PS1 Fan1 Fail", 0x04, WARNING),
        ("VCORE PG", 0x02, WARNING),
        ("Fan 1 Present", 0x04, OK),
        ("Power Good", 0x02, OK),
        ("BMC Watchdog", 0x28, WARNING),
        ("NIC1_LinkUp", 0x27, OK),
    ],
)
def test_what_an_asserted_state_means_its_type_and_name_say(name, sensor_type, health):
    one = point(compact(name=name, sensor_type=sensor_type, event_type=3))
    assert said(one, answer(0, 2), NOW).health is health
    assert said(one, answer(0, 1), NOW).health is OK
    assert said(one, answer(0, 0), NOW).health is OK


def test_a_maker_s_own_states_stay_readable_and_judge_nothing():
    one = said(point(compact(sensor_type=0xC9, event_type=0x70)), answer(0, 0x0005), NOW)
    assert one.health is None
    assert one.words == ("OEM state 0 of type C9h/70h", "OEM state 2 of type C9h/70h")
    assert conditions([one], NOW) == ()


def test_a_predicted_failure_is_told_as_one_and_so_is_none():
    drive = point(compact(entity=(4, 1), tells=0x01FF))
    assert how((drive, answer(0, 0x05))).failure_predicted is True
    assert how((drive, answer(0, 0x01))).failure_predicted is False
    silent = point(compact(entity=(4, 1), tells=0x0083))
    assert how((silent, answer(0, 0x01))).failure_predicted is None


def test_a_fan_told_in_percent_by_a_discrete_sensor_has_a_reading_and_a_state():
    fan = point(full(name="Fan 1", event_type=0x0A, sensor_type=4, entity=(FAN, 1), units=PERCENT, m=4, exponent=-1))
    one = said(fan, answer(73, 0x01), NOW)
    assert (value(one), one.health, one.words) == (29.2, OK, ("running",))


# ---- what is there ---------------------------------------------------------------------------------------------------


def test_an_empty_slot_is_absent_and_no_fault():
    drive = point(compact(entity=(4, 1), tells=0x01FF))
    empty = how((drive, answer(0, 0)))
    assert (empty.state, empty.health, empty.failure_predicted) == ("Absent", UNKNOWN, None)


def test_a_sensor_that_says_both_hides_nothing():
    assert how((point(compact(name="BP0", sensor_type=0x25)), answer(0, 0x03))).state == "Enabled"


def test_a_sensor_that_cannot_tell_presence_says_ok_when_it_says_nothing():
    assert how((point(compact(entity=(4, 1), tells=0x0002)), answer(0, 0))).health is OK


def test_an_entity_that_is_absent_is_absent_whatever_its_other_sensors_say():
    """F89: Entity Absent was read as critical."""
    presence, status = points(
        told(
            compact(1, "Presence", entity=(SUPPLY, 2), sensor_type=0x25),
            compact(2, "Status", entity=(SUPPLY, 2), sensor_type=8),
        )
    )
    found = how((presence, answer(0, 2)), (status, answer(0, 0x08)))
    assert (found.component, found.state, found.health) == (Component("PowerSupply", "PS2"), "Absent", UNKNOWN)
    assert how((presence, answer(0, 1)), (status, answer(0, 0x09))).health is CRITICAL


def test_what_is_measured_of_a_thing_that_is_not_there_is_nothing():
    """F89: a socket without its processor tells 0 degrees and 0 volts, below every threshold."""
    status, volts = points(
        told(
            compact(1, "CPU_1", entity=(CPU, 2), sensor_type=7, tells=0x82),
            full(2, "Volt_VR_CPU1", entity=(CPU, 2), sensor_type=2, units=(0, 4, 0), readable=0x12),
        )
    )
    empty = [said(status, answer(0, 0), NOW), said(volts, answer(0, 0x02), NOW)]
    assert [(one.component.kind, one.state) for one in conditions(empty, NOW)] == [("Processor", "Absent")]
    missing = absent(empty)
    assert missing == {Component("Processor", "CPU_1")}
    assert value(said(volts, answer(0, 0x02), NOW, absent=missing)) is NoReading.ABSENT
    assert said(status, answer(0, 0x80), NOW, absent=missing).present
    assert absent([said(status, answer(0, 0x80), NOW)]) == frozenset()


def test_a_sensor_that_is_not_scanned_is_disabled():
    one = point(compact(name="PS Redundancy", sensor_type=8, event_type=11))
    found = how((one, answer(0, 0x02, scanned=False)))
    assert (found.health, found.state) == (UNKNOWN, "Disabled")


def test_a_part_whose_every_sensor_is_silent_is_absent_and_a_board_is_not():
    fan = point(full(name="FANB", entity=(FAN, 6), sensor_type=4, units=RPM, readable=0x3F))
    assert how((fan, answer(0, available=False))).state == "Absent"
    assert how((fan, answer(0, available=False)), host_on=False).state == "StandbyOffline"
    board = point(compact(name="VRD Hot", entity=(BOARD, 1), sensor_type=1, event_type=5))
    found = how((board, answer(0, available=False)))
    assert (found.state, found.health) == ("", UNKNOWN)


def test_a_sensor_the_bmc_does_not_know_makes_no_component():
    drive = point(compact(entity=(4, 1)))
    assert conditions([said(drive, (0xCB, b""), NOW)], NOW) == ()
    assert conditions([said(drive, None, NOW)], NOW) == ()


# ---- components ------------------------------------------------------------------------------------------------------


def test_the_worst_word_wins_and_says_who_said_it():
    slot, cable = points(
        told(
            compact(1, "VRD Hot", entity=(CPU, 1), sensor_type=1, event_type=5),
            compact(2, "P1 Status", entity=(CPU, 1), sensor_type=7),
        )
    )
    found = how((slot, answer(0, 2)), (cable, answer(0, 0x82)))
    assert (found.component, found.health) == (Component("Processor", "P1"), CRITICAL)
    assert found.detail == "VRD Hot: limit exceeded; thermal trip"
    assert found.source == "sdr/0002"


def test_a_fan_is_unwell_with_its_speed():
    fan = point(full(name="FAN1", entity=(FAN, 1), sensor_type=4, units=RPM, readable=0x07))
    found = how((fan, answer(2, 0x03)))
    assert (found.component, found.health) == (Component("Fan", "FAN1"), CRITICAL)
    assert found.detail == "at or below lower critical threshold"


def test_a_fan_that_turns_and_is_compared_with_nothing_is_well_and_one_that_stands_is_unknown():
    fan = point(full(name="FAN1", entity=(FAN, 1), sensor_type=4, units=RPM, readable=0, compared=0))
    assert said(fan, answer(20), NOW).health is OK
    assert said(fan, answer(0), NOW).health is None


def test_a_crossed_threshold_is_told_of_its_sensor_until_it_is_well_again():
    inlet = point(full(name="Inlet Temp", readable=0x18))
    hot = conditions([said(inlet, answer(50, 0x08), NOW)], NOW)
    assert [(one.component, one.health) for one in hot] == [(Component("Sensor", "System Board Inlet Temp"), WARNING)]
    well = [said(inlet, answer(20), NOW)]
    assert conditions(well, NOW) == ()
    assert [one.health for one in conditions(well, NOW, frozenset({hot[0].component}))] == [OK]


def test_every_state_of_the_tables_has_words_of_its_own():
    for rows in (*GENERIC.values(), *SPECIFIC.values()):
        assert len({one.says for one in rows.values()}) == len(rows)
    assert state(0x0D, 0x6F, 9) is None
    assert state(0xC0, 0x6F, 0) is None
