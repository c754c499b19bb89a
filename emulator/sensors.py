"""What a machine's sensors measure: rows of plain sums over a few shared waves, live or as columns of history.

Every sensor is `level + load*L + inlet*I + wiggle*W`,
moved by the machine's own small offsets and by disturbances (a failed fan,
a lost feed, an overheated aisle). History and the live value are one formula,
so that a back-filled chart joins the live one.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, inf, nan

from emulator.clock import Clock
from emulator.waves import Wave, wiggle

NOMINAL_INLET = 23.0
"""Cel; fans are levelled against it."""
WIGGLES = 4
FORGET_AFTER = 40 * 86_400.0
"""Seconds that a disturbance is kept after its end, for the sake of history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Thresholds as Redfish names them; None where there is none."""

    lower_critical: float | None = None
    lower_caution: float | None = None
    upper_caution: float | None = None
    upper_critical: float | None = None
    upper_fatal: float | None = None

    def health(self, value: float) -> str:
        """The word for a value, inclusive as DSP0266 has it."""
        if _reaches(value, self.upper_critical) or _sinks(value, self.lower_critical):
            return "Critical"
        if _reaches(value, self.upper_caution) or _sinks(value, self.lower_caution):
            return "Warning"
        return "OK"


def _reaches(value: float, limit: float | None) -> bool:
    return limit is not None and value >= limit


def _sinks(value: float, limit: float | None) -> bool:
    return limit is not None and value <= limit


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorRow:
    """One sensor of a family."""

    key: str
    name: str
    type: str
    """Redfish ReadingType."""
    unit: str
    context: str
    """Redfish PhysicalContext."""
    level: float = 0.0
    load: float = 0.0
    inlet: float = 0.0
    wiggle: float = 0.0
    spread: float = 0.0
    """How far one machine's sensor sits from another's."""
    digits: int = 0
    limits: Limits = NO_LIMITS
    off: float | None = None
    """What it tells while the machine is off; None is no reading. With `lives_off` it goes on as at no load."""
    lives_off: bool = False
    part: tuple[str, int] | None = None
    """The component it belongs to, as (kind, index)."""
    counts_energy: bool = False


@dataclass(slots=True)
class Disturbance:
    """Something that moves a sensor, or a basis (`@inlet`, `@load`), from an instant on."""

    mode: str
    """`set`, `scale`, or `add`, which rises and fades like heat."""
    amount: float
    since: float
    until: float | None = None
    rise: float = 0.0
    """Seconds; the time constant of `add`."""

    def move(self, value: float, instant: float) -> float:
        """The value as disturbed at an instant."""
        if instant < self.since:
            return value
        if self.mode == "add":
            return value + self.amount * self._reached(instant)
        if self.until is not None and instant >= self.until:
            return value
        return self.amount if self.mode == "set" else value * self.amount

    def over(self, instant: float) -> bool:
        """Whether it has ended and faded."""
        return self.until is not None and instant > self.until + 8 * self.rise

    def _reached(self, instant: float) -> float:
        """The part of `amount` that is felt at an instant: it rises while it lasts and fades after."""
        heating = instant if self.until is None else min(instant, self.until)
        felt = 1 - exp(-(heating - self.since) / self.rise) if self.rise else 1.0
        if self.until is None or instant <= self.until:
            return felt
        return felt * exp(-(instant - self.until) / self.rise) if self.rise else 0.0


class Sensors:
    """The sensors of one machine."""

    def __init__(self, rows: Sequence[SensorRow], chance: random.Random, clock: Clock, load: Wave, room: Wave) -> None:
        self.rows = rows
        self.clock = clock
        self.load = load
        self.room = room
        self.wiggles = [wiggle(chance) for _ in range(WIGGLES)]
        self.offsets = array("d", (row.spread * chance.uniform(-1, 1) for row in rows))
        self.energy_at_start = chance.uniform(4_000, 19_000)
        self.disturbances: dict[str, list[Disturbance]] = {}
        self.off_spans: list[tuple[float, float]] = []
        """(since, until) of every time without power; `until` is infinite while it lasts."""

    def disturb(self, key: str, disturbance: Disturbance) -> Disturbance:
        """Adds a disturbance; end it by setting its `until`."""
        kept = [d for d in self.disturbances.get(key, ()) if not d.over(disturbance.since - FORGET_AFTER)]
        self.disturbances[key] = [*kept, disturbance]
        return disturbance

    def powered(self, instant: float, on: bool) -> None:
        """Notes that the machine went on or off."""
        if not on:
            self.off_spans.append((instant, inf))
        elif self.off_spans and self.off_spans[-1][1] == inf:
            self.off_spans[-1] = (self.off_spans[-1][0], instant)

    @property
    def on(self) -> bool:
        """Whether the machine draws power now."""
        return not self.off_spans or self.off_spans[-1][1] != inf

    def values(self, instant: float) -> list[float | None]:
        """Every sensor now, in the order of the rows; None where there is no reading."""
        season = self.clock.season(instant)
        load = self._disturbed("@load", self.load.at(season), instant) if self.on else 0.0
        inlet = self._disturbed("@inlet", self.room.at(season), instant)
        wiggles = [wave.at(season) for wave in self.wiggles]
        values: list[float | None] = []
        for index, (row, offset) in enumerate(zip(self.rows, self.offsets, strict=True)):
            if row.counts_energy:
                value = self._energy(row, instant)
            elif self.on or row.lives_off:
                value = row.level + offset + row.load * load + row.inlet * inlet + row.wiggle * wiggles[index % WIGGLES]
            elif row.off is None:
                values.append(None)
                continue
            else:
                value = row.off
            values.append(quantised(self._disturbed(row.key, value, instant), row.digits))
        return values

    def columns(self, instants: list[float]) -> Iterator[array[float]]:
        """Every sensor over many instants, row by row; NaN where there was no reading."""
        seasons = [self.clock.season(t) for t in instants]
        load = self._disturbed_column("@load", self.load.column(seasons), instants)
        if self.off_spans:
            load = [0.0 if self._was_off(t) else x for x, t in zip(load, instants, strict=True)]
        inlet = self._disturbed_column("@inlet", self.room.column(seasons), instants)
        wiggles = [wave.column(seasons) for wave in self.wiggles]
        for index, row in enumerate(self.rows):
            column = self._column(row, self.offsets[index], load, inlet, wiggles[index % WIGGLES], instants)
            yield array("d", column)

    def column(self, key: str, instants: list[float]) -> array[float]:
        """One sensor over a few instants; NaN where there was no reading."""
        index = next(i for i, row in enumerate(self.rows) if row.key == key)
        seasons = [self.clock.season(t) for t in instants]
        load = self._disturbed_column("@load", self.load.column(seasons), instants)
        load = [0.0 if self._was_off(t) else x for x, t in zip(load, instants, strict=True)]
        inlet = self._disturbed_column("@inlet", self.room.column(seasons), instants)
        wiggled = self.wiggles[index % WIGGLES].column(seasons)
        return array("d", self._column(self.rows[index], self.offsets[index], load, inlet, wiggled, instants))

    def _column(
        self,
        row: SensorRow,
        offset: float,
        load: list[float],
        inlet: list[float],
        wiggled: list[float],
        instants: list[float],
    ) -> list[float]:
        if row.counts_energy:
            return [quantised(self._energy(row, t), row.digits) for t in instants]
        scale = 10.0**row.digits
        level, a, b, c = (row.level + offset) * scale + 0.5, row.load * scale, row.inlet * scale, row.wiggle * scale
        if row.key not in self.disturbances and (row.lives_off or not self.off_spans):
            return [int(level + a * x + b * y + c * z) / scale for x, y, z in zip(load, inlet, wiggled, strict=True)]
        level, a, b, c = row.level + offset, row.load, row.inlet, row.wiggle
        plain = [level + a * x + b * y + c * z for x, y, z in zip(load, inlet, wiggled, strict=True)]
        if not row.lives_off:
            absent = nan if row.off is None else row.off
            plain = [absent if self._was_off(t) else value for value, t in zip(plain, instants, strict=True)]
        return [quantised(value, row.digits) for value in self._disturbed_column(row.key, plain, instants)]

    def _disturbed(self, key: str, value: float, instant: float) -> float:
        for disturbance in self.disturbances.get(key, ()):
            value = disturbance.move(value, instant)
        return value

    def _disturbed_column(self, key: str, values: list[float], instants: list[float]) -> list[float]:
        if key not in self.disturbances:
            return values
        return [self._disturbed(key, value, t) for value, t in zip(values, instants, strict=True)]

    def _was_off(self, instant: float) -> bool:
        return any(since <= instant < until for since, until in self.off_spans)

    def _energy(self, row: SensorRow, instant: float) -> float:
        """kWh counted until an instant: the integral of the watts, less what was not drawn while off."""
        drawn = self._drawn(row, self.clock.started_at, instant)
        for since, until in self.off_spans:
            if since < instant:
                drawn -= self._drawn(row, since, min(until, instant))
        return self.energy_at_start + drawn

    def _drawn(self, row: SensorRow, since: float, until: float) -> float:
        work = self.load.area(self.clock.season(since), self.clock.season(until)) / self.clock.speed
        return (row.level * (until - since) + row.load * work) / 3.6e6


def quantised(value: float, digits: int) -> float:
    """A value in steps of its sensor, halves upwards; NaN stays NaN."""
    if value != value:
        return value
    scale = 10.0**digits
    return int(value * scale + 0.5) / scale if value >= 0 else -int(0.5 - value * scale) / scale
