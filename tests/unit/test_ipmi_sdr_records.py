"""Sensor data records, and how a raw byte becomes a number with a unit."""

from __future__ import annotations

import math

import pytest

from fleetmon.drivers.ipmi.parse.formula import Format, Formula
from fleetmon.drivers.ipmi.parse.sdr import Entity, Kind, Limits, OtherRecord, Units, record, repository
from fleetmon.drivers.ipmi.parse.text import six_bit, spelled
from fleetmon.drivers.ipmi.parse.units import measure
from fleetmon.errors import Garbled
from fleetmon.model import ReadingType
from tests.ipmi_records import compact, controller, event_only, fru_locator, full, sensor, told, whole


def test_a_full_record_tells_everything_about_its_sensor():
    raw = full(
        0x30, "Inlet Temp", entity=(0x37, 1), readable=0x18, raws=bytes([50, 45, 40, 1, 2, 3]), hysteresis=(2, 3),
        record_id=0x1234, owner=0x20, lun=2, compared=0x1B,
    )  # fmt: skip
    one = sensor(raw)
    assert (one.record_id, one.kind, one.owner, one.lun, one.number) == (0x1234, Kind.FULL, 0x20, 2, 0x30)
    assert (one.entity, one.sensor_type, one.event_type, one.name) == (Entity(0x37, 1), 0x01, 0x01, "Inlet Temp")
    assert one.limits == Limits(upper_caution=40, upper_critical=45)
    assert (one.readable, one.compares, one.hysteresis, one.raw_range) == (0x18, 0x1B, (2, 3), (0, 0xFF))
    assert one.formula == Formula(m=1)


@pytest.mark.parametrize(
    "raw",
    [
        full(readable=0x3F, raws=bytes([1, 2, 3, 4, 5, 6]), loaded=False),
        full(readable=0x3F, raws=bytes([1, 2, 3, 4, 5, 6]), access=3),
        full(readable=0x3F, raws=bytes([1, 2, 3, 4, 5, 6]), access=0),
        full(readable=0, raws=bytes([1, 2, 3, 4, 5, 6])),
    ],
    ids=["not loaded at the start", "fixed and unreadable", "none", "none readable"],
)
def test_thresholds_that_the_record_does_not_vouch_for_are_none(raw):
    assert sensor(raw).limits == Limits()


def test_m_and_b_have_ten_bits_with_a_sign_and_exponents_four():
    formula = sensor(full(m=-300, b=-512, b_exponent=-8, exponent=7)).formula
    assert formula == Formula(m=-300, b=-512, b_exponent=-8, exponent=7)


def test_shared_records_are_sensors_one_by_one():
    dimms = told(compact(0xC0, "A ", sensor_type=0x0C, share=bytes([0x0C, 0x01]))).sensors
    assert [one.name for one in dimms] == [f"A{number}" for number in range(1, 13)]
    assert [one.number for one in dimms] == list(range(0xC0, 0xCC))
    drives = told(compact(0x10, "Drive 15", share=bytes([0x03, 0x00]))).sensors
    assert [one.name for one in drives] == ["Drive 15", "Drive 16", "Drive 17"]
    letters = told(event_only(0x10, "Port ", share=bytes([0x13, 0x80 | 25]))).sensors
    assert [one.name for one in letters] == ["PortZ", "PortAA", "PortAB"]
    assert [one.entity.instance for one in letters] == [1, 2, 3]


def test_locators_and_what_nobody_reads():
    found = told(
        fru_locator(3, "PS1", (10, 1)),
        controller("iBMC", (7, 1)),
        whole(11, 0xC0, b"\x57\x01\x00oem"),
    )
    assert [(one.fru_id, one.name, one.entity, one.logical) for one in found.frus] == [(3, "PS1", Entity(10, 1), True)]
    assert [(one.address, one.name) for one in found.controllers] == [(0x20, "iBMC")]
    assert found.others == (OtherRecord(record_id=11, record_type=0xC0, data=b"\x57\x01\x00oem"),)


def test_a_record_that_cannot_be_read_costs_itself_alone():
    found = repository([b"\x01", full()[:30], full(2, "Good")])
    assert [one.name for one in found.sensors] == ["Good"]
    assert [problem.resource for problem in found.problems] == ["sdr/0", "sdr/0001"]
    with pytest.raises(Garbled):
        record(compact()[:12])


def test_a_name_cut_off_by_the_end_of_its_record_is_told_as_far_as_it_goes():
    raw = full(name="Ambient Temp")
    assert sensor(raw[:-5]).name == "Ambient"
    assert sensor(raw[:48]).name == ""


# ---- text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "octets", "meant"),
    [
        (3, b"CPU Temp\x00\x00", "CPU Temp"),
        (3, b" PS1   Status ", "PS1 Status"),
        (3, b"Caf\xe9", "Café"),
        (3, b"\xe9a", "éa"),
        (0, "Grüße".encode(), "Grüße"),
        (0, b"\x01\x02\xfe", "0102FE"),
        (0, b"\x00\x00", ""),
        (1, bytes([0x12, 0x3B, 0x45, 0xC6]), "123-45.6"),
        (2, bytes([0x29, 0xDC, 0xA6]), "IPMI"),
        (3, b"\xff\xff\xff", ""),
        (3, b"AB\x00\xf3\x07junk", "AB"),
    ],
)
def test_texts_of_every_kind(kind, octets, meant):
    assert spelled(kind, octets) == meant


def test_text_of_another_language_is_wide_where_it_is_and_plain_where_makers_wrote_it_plain():
    assert spelled(3, "富士通".encode("utf-16-le"), language=1) == "富士通"
    assert spelled(3, b"S2600KP", language=1) == "S2600KP"


def test_six_bit_text_ends_where_its_bytes_end():
    assert six_bit(b"\x29") == "I"
    assert six_bit(b"\x29\xdc") == "IP"


# ---- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("linear", "raw", "value"),
    [
        (0, 4, 4.0),
        (1, 4, math.log(4)),
        (2, 100, 2.0),
        (3, 8, 3.0),
        (4, 2, math.exp(2)),
        (5, 3, 1000.0),
        (6, 10, 1024.0),
        (7, 4, 0.25),
        (8, 5, 25.0),
        (9, 3, 27.0),
        (10, 16, 4.0),
        (11, 27, 3.0),
        (0x70, 4, 4.0),
    ],
)
def test_the_twelve_linearisations_and_the_one_asked_for_by_value(linear, raw, value):
    assert Formula(linearisation=linear).value(raw) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("formula", [Formula(linearisation=1), Formula(linearisation=7), Formula(linearisation=12)])
def test_what_has_no_value_is_none_and_no_failure(formula):
    assert formula.value(0) is None


def test_exponents_that_leave_all_bounds_are_none():
    assert Formula(linearisation=4, m=511, exponent=7).value(255) is None


def test_raw_bytes_are_signed_as_the_record_says():
    assert Formula(format=Format.TWOS_COMPLEMENT).value(0x80) == -128
    assert Formula(format=Format.ONES_COMPLEMENT).value(0xFE) == -1
    assert Formula(format=Format.ONES_COMPLEMENT).value(0xFF) == 0
    assert Formula(format=Format.UNSIGNED).value(0xFF) == 255
    assert Formula(format=Format.NO_NUMBER).value(1) is None


def test_decimal_numbers_are_rounded_once():
    assert Formula(m=55, b=92 - 512, b_exponent=0, exponent=-3).value(0xDC) == 11.68
    assert Formula(m=1, exponent=-2).value(115) == 1.15
    assert Formula(m=1, b=5, b_exponent=-1, exponent=0).value(3) == 3.5


def test_factors_of_a_non_linear_sensor_make_its_formula():
    formula = Formula(linearisation=0x70, format=Format.TWOS_COMPLEMENT)
    assert formula.asks_factors
    told_factors = formula.with_factors(bytes([0x11, 0x02, 0x00, 0x05, 0x00, 0x00, 0xF0]))
    assert told_factors is not None
    assert told_factors.value(0xFF) == pytest.approx((2 * -1 + 5) / 10)
    assert formula.with_factors(b"\x00\x02") is None


@pytest.mark.parametrize(
    ("units", "sensor_type", "name", "kind", "one"),
    [
        (Units(1), 1, "Inlet", ReadingType.TEMPERATURE, 1.0),
        (Units(2), 1, "Inlet", ReadingType.TEMPERATURE, -17.2222),
        (Units(3), 1, "Inlet", ReadingType.TEMPERATURE, -272.15),
        (Units(1), 1, "P1 Therm Margin", ReadingType.OTHER, 1.0),
        (Units(4), 2, "12V", ReadingType.VOLTAGE, 1.0),
        (Units(5), 3, "PS1 Current", ReadingType.CURRENT, 1.0),
        (Units(6), 0x0B, "Power", ReadingType.POWER, 1.0),
        (Units(18), 4, "FAN1", ReadingType.ROTATIONAL, 1.0),
        (Units(41, rate=4), 4, "FAN1", ReadingType.ROTATIONAL, 1.0),
        (Units(17), 0x0B, "Airflow", ReadingType.AIR_FLOW, 1.0),
        (Units(percent=True), 4, "Fan 1", ReadingType.PERCENT, 1.0),
        (Units(18, percent=True), 4, "Fan 1", ReadingType.PERCENT, 1.0),
        (Units(percent=True), 0x0B, "Rel. Humidity", ReadingType.HUMIDITY, 1.0),
        (Units(6, modifier=24, relation=2), 0x0B, "Energy", ReadingType.ENERGY_WH, 1.0),
        (Units(29), 0x0B, "Altitude", ReadingType.ALTITUDE, 0.3048),
        (Units(29), 0x0B, "Cable", ReadingType.OTHER, 1.0),
        (Units(0), 1, "Ambient", ReadingType.TEMPERATURE, 1.0),
        (Units(0), 0x0B, "Something", ReadingType.OTHER, 1.0),
        (Units(88), 0x0C, "Errors", ReadingType.OTHER, 1.0),
    ],
)
def test_units_are_what_is_measured(units, sensor_type, name, kind, one):
    found = measure(units, sensor_type, name)
    assert found.type is kind
    assert found.of(1.0) == one
