"""Whatever bytes come, decoding ends: with what they say, or in one kind of error, never with a number that is none."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from fleetmon.drivers.ipmi.parse.conditions import absent, conditions
from fleetmon.drivers.ipmi.parse.entities import places
from fleetmon.drivers.ipmi.parse.formula import Format, Formula
from fleetmon.drivers.ipmi.parse.fru import chassis_part, fru, identity, part
from fleetmon.drivers.ipmi.parse.points import Point, directory, points, with_hysteresis, with_thresholds
from fleetmon.drivers.ipmi.parse.sdr import record, repository
from fleetmon.drivers.ipmi.parse.sel import event, log_record
from fleetmon.drivers.ipmi.parse.sensors import factors_wanted, said
from fleetmon.drivers.ipmi.parse.text import six_bit, spelled
from fleetmon.errors import Garbled
from fleetmon.model import Component
from tests.ipmi_records import area, compact, controller, event_only, fru_locator, full, inventory, le, logged, text

NOW = datetime(2026, 1, 6, 8, 0, tzinfo=UTC)
WHOLE = (
    full(1, "Inlet Temp", readable=0x3F, raws=bytes([50, 45, 40, 1, 2, 3]), hysteresis=(1, 1)),
    full(2, "Fan 1", event_type=0x0A, sensor_type=4, entity=(29, 1), units=(1, 0, 0)),
    compact(3, "Drive 0", share=b"\x0c\x00"),
    compact(4, "Status", entity=(10, 1), sensor_type=8),
    event_only(5, "Memory", entity=(32, 1), owner=0x33),
    fru_locator(1, "PS1", (10, 1)),
    controller("BMC", (46, 1)),
    le(9) + b"\x51\x08\x0b" + bytes([23, 1, 0x80, 10, 1, 10, 9, 0, 0, 0, 0]),
)
INVENTORY = inventory(
    area(b"\x17", [text("CH"), text("1234")]),
    area(bytes([25, 1, 2, 3]), [text("Maker"), text("Board"), text("5678"), text("PN")]),
    area(bytes([25]), [text("Maker"), text("Server"), text("PN"), text("v1"), text("9abc"), text("tag")]),
)


@st.composite
def damaged(draw: st.DrawFn, wholes: tuple[bytes, ...]) -> bytes:
    """One of these with some bytes changed, and perhaps cut off or followed by more."""
    octets = bytearray(draw(st.sampled_from(wholes)))
    for place, byte in draw(st.lists(st.tuples(st.integers(0, len(octets) - 1), st.integers(0, 255)), max_size=8)):
        octets[place] = byte
    return bytes(octets[: draw(st.integers(0, len(octets)))] if draw(st.booleans()) else octets) + draw(
        st.binary(max_size=4)
    )


ANSWERS = st.none() | st.tuples(st.just(0) | st.integers(0, 255), st.binary(max_size=12))


def every_word(known: Iterable[Point], given_answer: tuple[int, bytes] | None, factors: bytes) -> None:
    """All that is made of an answer, and that none of it is a number which is no number."""
    told = []
    for one in known:
        if given_answer is not None:
            one = with_hysteresis(with_thresholds(one, given_answer), given_answer)
            factors_wanted(one, given_answer)
        told.append(said(one, given_answer, NOW, factors=factors))
    for one in told:
        if one.reading is not None and one.reading.number is not None:
            assert math.isfinite(one.reading.number)
    assert len({condition.component for condition in conditions(told, NOW)}) == len(conditions(told, NOW))
    absent(told)


@given(st.lists(damaged(WHOLE), max_size=8), ANSWERS, st.binary(max_size=8))
@settings(max_examples=150, deadline=None)
def test_damaged_repositories_name_every_sensor_apart(raws, given_answer, factors):
    read = repository(raws)
    known = points(read)
    keys = [one.sensor.key for one in known if one.sensor and one.asked]
    assert len(set(keys)) == len(keys)
    assert all(one.name and one.component.kind and one.component.name for one in known)
    where = places(read)
    assert all(where.part(one).name for one in read.frus)
    every_word(known, given_answer, factors)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_record_or_garbled(raw):
    try:
        found = record(raw)
    except Garbled:
        return
    assert found.record_id == int.from_bytes(raw[:2], "little")


@given(st.one_of(damaged((logged(), logged(sensor_type=0x10), logged(event_type=1))), st.binary(max_size=20)))
def test_any_bytes_are_a_record_of_the_log_or_garbled(raw):
    who = directory(points(repository(WHOLE)))
    try:
        found = log_record(raw, who, "sel")
    except Garbled:
        assert len(raw) < 16
        return
    assert found.message
    assert found.record_id == str(event(raw).record_id)


@given(st.one_of(damaged((INVENTORY,)), st.binary(max_size=200)))
@settings(max_examples=200)
def test_any_bytes_are_an_inventory(raw):
    found = fru(raw)
    identity(found)
    told = (part(found, Component("Chassis", "Board"), "fru/0"), chassis_part(found, "fru/0"))
    for one in told:
        if one is not None:
            assert all(letter.isprintable() for letter in one.serial_number + one.model)


@given(st.integers(0, 3), st.binary(max_size=64), st.integers(0, 255))
def test_any_field_is_text_that_can_be_shown(kind, octets, language):
    assert spelled(kind, octets, language).isprintable()


@given(st.binary(max_size=30))
def test_six_bit_text_has_a_sign_for_each_six_bits(octets):
    assert len(six_bit(octets)) == len(octets) * 8 // 6


@given(
    st.builds(
        Formula,
        format=st.sampled_from(Format),
        m=st.integers(-512, 511),
        b=st.integers(-512, 511),
        b_exponent=st.integers(-8, 7),
        exponent=st.integers(-8, 7),
        linearisation=st.integers(0, 127),
    ),
    st.integers(0, 255),
)
@settings(max_examples=300)
def test_a_formula_gives_a_finite_number_or_none(formula, raw):
    value = formula.value(raw)
    assert value is None or math.isfinite(value)
    if formula.linearisation == 0 and formula.format is Format.UNSIGNED:
        exact = (formula.m * raw + formula.b * 10.0**formula.b_exponent) * 10.0**formula.exponent
        assert value is not None
        assert math.isclose(value, exact, rel_tol=1e-6, abs_tol=1e-9)
