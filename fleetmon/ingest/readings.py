"""Which of a device's many readings is its inlet, its outlet and what it draws; pure.

Every vendor names them differently, so each candidate is scored by what its name, its PhysicalContext and its component
say, and the best one that says enough is taken. A reading that says too little is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from fleetmon.model import NoReading, Quality, Reading, ReadingType
from fleetmon.storage.rows import Stated

Score = Callable[[str, str, str, str], int]
"""How much (name, physical context, component kind, component name) speaks for a reading; 0 or less: not at all."""

_PART = re.compile(
    r"\b(psu?\d*|power ?suppl(y|ies)|cpu\d*|processor|p\d+|dimm|memory|mem|gpu\d*|nic|ocp|riser|pcie?|aoc|drive|disk"
    r"|nvme|ssd|hdd|m\.?2|raid|storage|bbu|battery|vrm?|vrd|pch|bmc|ilo|soc|fan)\b",
    re.IGNORECASE,
)
_PART_KINDS = frozenset(
    {
        "PowerSupply", "Processor", "Memory", "Drive", "Fan", "Battery", "NetworkAdapter", "PCIeDevice",
        "StorageController", "Storage", "Volume", "Manager", "Outlet", "Circuit",
    }
)  # fmt: skip
_INLET = re.compile(r"inlet|intake|ambient|front ?panel|\bfront\b|room", re.IGNORECASE)
_OUTLET = re.compile(r"outlet|exhaust|\brear\b", re.IGNORECASE)
_TOTAL = re.compile(
    r"total|consum|power ?control|(system|server|chassis|node|enclosure|sys|board)[ _-]*(input[ _-]*)?(power|pwr|watt)"
    r"|^(power|watts|powerwatts|input power|pwr)$",
    re.IGNORECASE,
)
_NOT_NOW = re.compile(
    r"limit|cap(acity|ping)?\b|max|min(imum)?\b|average|avg|peak|budget|output|available|allocated|requested|headroom|rated",
    re.IGNORECASE,
)
_INPUT, _OUTPUT = (
    re.compile(r"input|\bin\b|consum|\bpin\b", re.IGNORECASE),
    re.compile(r"output|\bout\b|\bpout\b", re.IGNORECASE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vital:
    """The three readings a rack is judged by; None where a poll told nothing of it."""

    inlet: Stated | None
    outlet: Stated | None
    watts: Stated | None


def vital(readings: Iterable[Reading]) -> Vital:
    """Inlet, outlet and watts among the readings of one poll."""
    temperatures: list[Reading] = []
    powers: list[Reading] = []
    for reading in readings:
        if reading.sensor.type is ReadingType.TEMPERATURE:
            temperatures.append(reading)
        elif reading.sensor.type is ReadingType.POWER:
            powers.append(reading)
    return Vital(inlet=inlet(temperatures), outlet=outlet(temperatures), watts=watts(powers))


def inlet(temperatures: Iterable[Reading]) -> Stated | None:
    """The temperature of the air a device takes in: PhysicalContext Intake, or a name that says so."""
    return _best(temperatures, inlet_score)


def outlet(temperatures: Iterable[Reading]) -> Stated | None:
    """The temperature of the air a device gives out: PhysicalContext Exhaust, or a name that says so."""
    return _best(temperatures, outlet_score)


def watts(powers: Sequence[Reading]) -> Stated | None:
    """What a device draws: the reading of its total where it has one, else the sum of what its power supplies take in.

    Where supplies tell only what they give out, that is summed instead, a few percent less than what is drawn. A sum
    that misses a supply which should have answered is suspect.
    """
    total = _total(powers)
    if total is not None and total.value is not None:
        return total
    return _sum_of_supplies(powers) or total


@lru_cache(maxsize=16_384)
def inlet_score(name: str, context: str, kind: str, component: str) -> int:
    """Higher is more surely the inlet."""
    told = 4 * (context == "Intake") + 2 * bool(_INLET.search(name)) + (context == "Room")
    return told - _of_a_part(name, kind, component) - 4 * bool(_OUTLET.search(name))


@lru_cache(maxsize=16_384)
def outlet_score(name: str, context: str, kind: str, component: str) -> int:
    """Higher is more surely the outlet."""
    told = 4 * (context == "Exhaust") + 2 * bool(_OUTLET.search(name))
    return told - _of_a_part(name, kind, component) - 4 * bool(_INLET.search(name))


@lru_cache(maxsize=16_384)
def total_score(name: str, context: str, kind: str, component: str) -> int:
    """Higher is more surely the power of the whole device."""
    told = 2 * (context == "Chassis") + 3 * bool(_TOTAL.search(name)) + (kind in ("Chassis", "System", "Device"))
    return told - 3 * _of_a_part(name, kind, component) - 6 * bool(_NOT_NOW.search(name)) - 2


def _of_a_part(name: str, kind: str, component: str) -> int:
    """The air or power of one part is not that of the device."""
    return 3 * bool(kind in _PART_KINDS or _PART.search(name) or _PART.search(component))


def _best(readings: Iterable[Reading], score: Score) -> Stated | None:
    best: Reading | None = None
    best_rank: tuple[int, bool] = (0, False)
    for reading in readings:
        sensor = reading.sensor
        points = score(sensor.name, sensor.physical_context, sensor.component.kind, sensor.component.name)
        rank = (points, not isinstance(reading.value, NoReading))
        if points > 0 and rank > best_rank:
            best, best_rank = reading, rank
    return None if best is None else stated(best)


def _total(powers: Iterable[Reading]) -> Stated | None:
    """The surest total; of an enclosure and its blades, which all name theirs alike, the one that draws the most."""
    surest, first = 0, dict[tuple[str, str], Reading]()
    for reading in powers:
        sensor = reading.sensor
        component = sensor.component
        points = total_score(sensor.name, sensor.physical_context, component.kind, component.name)
        if points > surest:
            surest, first = points, {}
        if points == surest > 0:
            at = component.kind, component.name
            known = first.get(at)
            if known is None or (known.number is None and reading.number is not None):
                first[at] = reading
    best = max(first.values(), key=lambda one: -1.0 if one.number is None else one.number, default=None)
    return None if best is None else stated(best)


def stated(reading: Reading) -> Stated:
    """A reading as a summary tells it."""
    return Stated(
        value=reading.number,
        reason=reading.reason,
        taken_at=reading.taken_at,
        source=reading.sensor.source,
        quality=reading.quality,
    )


def _sum_of_supplies(powers: Iterable[Reading]) -> Stated | None:
    taken: dict[str, Reading] = {}
    given: dict[str, Reading] = {}
    for reading in powers:
        sensor = reading.sensor
        if sensor.component.kind != "PowerSupply":
            continue
        if _OUTPUT.search(sensor.name):
            given.setdefault(sensor.component.name, reading)
        elif _INPUT.search(sensor.name) or not _NOT_NOW.search(sensor.name):
            taken.setdefault(sensor.component.name, reading)
    chosen, what = (taken, "input") if any(one.number is not None for one in taken.values()) else (given, "output")
    numbers = [one for one in chosen.values() if one.number is not None]
    if not numbers:
        return None
    silent = any(one.value in (NoReading.TIMEOUT, NoReading.FAULTY) for one in chosen.values())
    doubtful = silent or any(one.quality is not Quality.GOOD for one in numbers)
    return Stated(
        value=sum(one.number or 0.0 for one in numbers),
        reason=None,
        taken_at=min(one.taken_at for one in numbers),
        source=f"sum of the {what} power of {len(numbers)} power supplies",
        quality=Quality.SUSPECT if doubtful else Quality.GOOD,
    )
