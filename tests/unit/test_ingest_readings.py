from __future__ import annotations

import pytest

from fleetmon.ingest.readings import vital
from fleetmon.model import Component, NoReading, Quality, Reading, ReadingType
from tests.observations import reading, sensor, sixty


def temperatures(*names: str | tuple[str, str]) -> list[Reading]:
    """Readings whose value is their place."""
    pairs = [(name, "") if isinstance(name, str) else name for name in names]
    return [reading(sensor(name, physical_context=context), place) for place, (name, context) in enumerate(pairs)]


def power(
    name: str, value: float | NoReading, context: str = "", kind: str = "Chassis", component: str = "1"
) -> Reading:
    return reading(
        sensor(name, ReadingType.POWER, physical_context=context, component=Component(kind, component)), value
    )


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("CPU1 Temp", "Inlet Temp", "Exhaust Temp"), 1),
        (("01-Inlet Ambient", "02-CPU 1"), 0),
        ((("System Board Inlet Temp", "SystemBoard"), ("PSU1 Inlet Temp", "PowerSupply")), 0),
        (("Ambient Temp", "DIMM Ambient"), 0),
        ((("Temp 1", "CPU"), ("Temp 2", "Intake")), 1),
        (("PSU1 Inlet Temp", "Front Panel Temp"), 1),
        (("PCIe Inlet", "NIC Ambient", "CPU1 Temp"), None),
        (("MB Temp", "Peripheral Temp"), None),
        (("Outlet Temp", "Exhaust Temp"), None),
    ],
)
def test_the_inlet_is_found_by_what_vendors_call_it(names: tuple[str, ...], chosen: int | None) -> None:
    found = vital(temperatures(*names)).inlet
    assert (found.value if found else None) == chosen


def test_the_outlet_is_the_exhaust() -> None:
    found = vital(temperatures(("Temp 1", "Intake"), ("Temp 2", "Exhaust"), "PSU2 Exhaust")).outlet
    assert found is not None
    assert found.value == 1


def test_a_silent_inlet_gives_its_reason_and_no_number() -> None:
    found = vital([reading(sensor("Inlet Temp", physical_context="Intake"), NoReading.TIMEOUT)]).inlet
    assert found is not None
    assert (found.value, found.reason) == (None, "Timeout")


def test_a_second_inlet_answers_for_one_that_is_silent() -> None:
    silent = reading(sensor("Inlet Temp A", physical_context="Intake"), NoReading.FAULTY)
    answering = reading(sensor("Inlet Temp B", physical_context="Intake"), 23.5)
    found = vital([silent, answering]).inlet
    assert found is not None
    assert found.value == 23.5


@pytest.mark.parametrize(
    ("readings", "watts"),
    [
        (
            [power("System Power Control", 310.0, "Chassis"), power("CPU Power", 90.0), power("Memory Power", 20.0)],
            310.0,
        ),
        ([power("Power", 280.0), power("Power", 140.0, kind="Processor", component="CPU1")], 280.0),
        ([power("Total Power", 410.0), power("Power Limit", 900.0), power("Peak Power", 700.0)], 410.0),
        ([power("Pwr Consumption", 222.0, kind="System")], 222.0),
        ([power("System Input Power", 305.0), power("System Output Power", 290.0)], 305.0),
        ([power("CPU1 Power", 90.0), power("GPU2 Power", 300.0)], None),
        (
            [power("Power Control", 340.0, "Chassis", kind="Chassis", component=f"Blade{blade}") for blade in (1, 2)]
            + [power("Total Power", 1430.0, "Chassis", kind="Chassis", component="Enclosure")],
            1430.0,
        ),
    ],
)
def test_the_total_is_found_by_what_vendors_call_it(readings: list[Reading], watts: float | None) -> None:
    found = vital(readings).watts
    assert (found.value if found else None) == watts


def supply(number: int, name: str, value: float | NoReading) -> Reading:
    return power(name, value, kind="PowerSupply", component=f"PSU {number}")


def test_without_a_total_the_supplies_are_summed() -> None:
    found = vital(
        [supply(1, "Input Power", 150.0), supply(1, "Output Power", 140.0), supply(2, "Input Power", 155.0)]
    ).watts
    assert found is not None
    assert (found.value, found.quality) == (305.0, Quality.GOOD)
    assert found.source == "sum of the input power of 2 power supplies"


def test_a_sum_that_misses_a_supply_is_suspect_unless_that_one_is_off() -> None:
    faulty = vital([supply(1, "Input Power", 150.0), supply(2, "Input Power", NoReading.FAULTY)]).watts
    off = vital([supply(1, "Input Power", 150.0), supply(2, "Input Power", NoReading.OFF)]).watts
    assert faulty is not None
    assert off is not None
    assert (faulty.quality, off.quality) == (Quality.SUSPECT, Quality.GOOD)


def test_supplies_that_tell_only_their_output_are_summed_by_it() -> None:
    found = vital([supply(1, "Output Power", 140.0), supply(2, "Output Power", 139.0)]).watts
    assert found is not None
    assert found.value == 279.0


def test_a_usual_server_has_all_three() -> None:
    found = vital([reading(one, 20.0) for one in sixty()])
    assert None not in (found.inlet, found.outlet, found.watts)
    assert found.inlet is not None
    assert found.inlet.source == "/Inlet Temp"
