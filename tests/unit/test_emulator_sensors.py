"""Sensors: enough of them, within their limits, and the same function live and in history."""

from __future__ import annotations

import math

import pytest

from emulator.accents.families import FAMILIES
from emulator.clock import Clock
from emulator.fleet import parse_fleet
from emulator.hardware import Machine
from emulator.plant import Plant
from emulator.sensor_rows import STANDBY_WATTS, rows_of

EPOCH = 1_790_000_000.0
DAY = 86_400.0


def machine(family: str = "halden-w1", *, unit: int = 10, seed: int = 1, speed: float = 1.0) -> Machine:
    """One machine in a rack of its own, whose clock only moves when advanced."""
    told = {"site": [{"name": "s"}], "rack": [{"name": "R1", "site": "s", "servers": [f"m-1 = {family} @ {unit}"]}]}
    plant = Plant(parse_fleet(told), Clock(lambda: EPOCH, speed=speed), seed=seed)
    return plant.machines["m-1"]


def values_at(one: Machine, instants: list[float]) -> list[list[float]]:
    """Rows of live values, as JSON would have them."""
    return [[math.nan if value is None else value for value in one.sensors.values(t)] for t in instants]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_server_of_sixteen_dimms_has_at_least_sixty_sensors_and_every_sensor_a_name_of_its_own(family: str) -> None:
    rows = rows_of(family)
    assert len(rows) >= (60 if FAMILIES[family].dimms >= 16 and FAMILIES[family].supplies else 25)
    assert len({row.key for row in rows}) == len({row.name for row in rows}) == len(rows)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("place", ["bottom", "top"])
def test_an_undisturbed_machine_never_reaches_a_threshold(family: str, place: str) -> None:
    unit = 1 if place == "bottom" else 43 - FAMILIES[family].height_u
    for seed in range(2):
        one = machine(family, unit=unit, seed=seed)
        for hour in range(0, 24 * 9, 5):
            for row, value in zip(one.sensors.rows, one.sensors.values(EPOCH + hour * 3_600), strict=True):
                assert value is not None
                assert row.limits.health(value) == "OK", (row.key, value)


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_history_and_live_values_are_the_same_numbers(speed: float) -> None:
    one = machine(speed=speed)
    instants = [EPOCH - 20 * DAY + n * 7_777 for n in range(50)]
    columns = [list(column) for column in one.sensors.columns(instants)]
    for n, live in enumerate(values_at(one, instants)):
        assert [column[n] for column in columns] == pytest.approx(live, rel=1e-6)


def test_history_knows_disturbances_and_times_without_power() -> None:
    one = machine()
    one.fail_fan(one.parts.fans[2])
    one.overheat(12)
    one.sensors.powered(EPOCH + 500, False)
    one.sensors.powered(EPOCH + 900, True)
    instants = [EPOCH + n * 50 for n in range(-3, 30)]
    columns = [list(column) for column in one.sensors.columns(instants)]
    on = [n for n, t in enumerate(instants) if not EPOCH + 500 <= t < EPOCH + 900]
    for n in on:
        assert [column[n] for column in columns] == pytest.approx(values_at(one, [instants[n]])[0], rel=1e-6)
    cpu = next(i for i, row in enumerate(one.sensors.rows) if row.key == "CPU1")
    assert math.isnan(columns[cpu][15])
    total = next(i for i, row in enumerate(one.sensors.rows) if row.key == "TotalPower")
    assert columns[total][15] == STANDBY_WATTS


def test_the_energy_counter_is_the_integral_of_the_watts() -> None:
    one = machine()
    keys = [row.key for row in one.sensors.rows]
    energy, total = keys.index("Energy"), keys.index("TotalPower")
    instants = [EPOCH + n * 60 for n in range(24 * 60 + 1)]
    columns = list(one.sensors.columns(instants))
    summed = sum(columns[total][:-1]) * 60 / 3.6e6
    live = values_at(one, [instants[0], instants[-1]])
    assert live[1][energy] - live[0][energy] == pytest.approx(summed, rel=0.01)


def test_energy_stands_still_while_the_power_is_off() -> None:
    one = machine()
    energy = [row.key for row in one.sensors.rows].index("Energy")
    one.sensors.powered(EPOCH, False)
    values = values_at(one, [EPOCH, EPOCH + 5_000])
    assert values[0][energy] == values[1][energy]


def test_the_top_of_a_rack_is_warmer_than_its_bottom() -> None:
    inlet = [machine(unit=unit).sensors.values(EPOCH)[0] for unit in (1, 20, 40)]
    assert inlet == sorted(inlet)  # type: ignore[type-var]
    assert inlet[2] - inlet[0] > 2  # type: ignore[operator]


def test_the_same_seed_gives_the_same_machine_and_another_seed_another() -> None:
    assert values_at(machine(seed=4), [EPOCH]) == values_at(machine(seed=4), [EPOCH])
    assert machine(seed=4).serial == machine(seed=4).serial != machine(seed=5).serial


def test_supplies_share_the_watts_of_the_machine() -> None:
    one = machine("cormorant-gx8")
    told = dict(zip((row.key for row in one.sensors.rows), one.readings(), strict=True))
    shares = [told[f"PSU{n}Input"] for n in range(1, 5)]
    assert sum(share or 0 for share in shares) == pytest.approx(told["TotalPower"], rel=0.02)
