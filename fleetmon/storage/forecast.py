"""When the disk will be full, or that it will not be; honest while it cannot know yet.

The sealed history tells best: what each kind of it adds in a day, and after how long it stops growing because as much
is forgotten as is added. Before a day is sealed, the slope of what both files hold is taken, measured once an hour and
kept for two weeks, over restarts. Room is what is free above the floor at which readings are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import linear_regression

from fleetmon.settings import Retention
from fleetmon.storage.columns import from_ms, to_ms
from fleetmon.storage.database import Connection, Database
from fleetmon.storage.space import Room, megabytes
from fleetmon.storage.telemetry_rows import Growth

WINDOW = timedelta(days=7)
"""Growth is that of so long."""
KEPT = timedelta(days=14)
EVERY = timedelta(hours=1)
"""Between two samples."""
ENOUGH = timedelta(hours=6)
"""Growth over less than this says nothing: files grow in steps, and the first hours write much that stays as it is."""
FAR = timedelta(days=3650)
"""Nobody plans further; a slope this flat is none."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes in use in both files at an instant."""

    at: datetime
    used: int


@dataclass(frozen=True, slots=True)
class Held:
    """One kind of history: bytes it takes now, bytes it adds in a day, and how long it is kept."""

    kind: str
    size: int
    per_day: float
    kept: timedelta

    @property
    def final(self) -> float:
        """Bytes it takes once as much is forgotten as is added."""
        return max(float(self.size), self.per_day * (self.kept / DAY))


@dataclass(frozen=True, slots=True)
class Forecast:
    """Growth in bytes a day, time until readings are refused; None where unknown or never, and `reason` says which."""

    per_day: float | None = None
    left: timedelta | None = None
    reason: str = ""
    held: tuple[Held, ...] = ()


def held_of(grown: Sequence[Growth], retention: Retention) -> list[Held]:
    """Each kind of sealed history with how long it is kept."""
    return [Held(one.kind, one.bytes, one.bytes_a_day, getattr(retention, one.kind)) for one in grown]


def forecast(samples: Sequence[Sample], held: Sequence[Held], room: Room | None) -> Forecast:
    """What the samples, oldest first, the sealed history and the room there is now say of the days to come."""
    if room is None:
        return Forecast(reason="the disk cannot be measured")
    spare = max(0, room.disk.free - room.limits.floor) + room.reusable
    if any(one.per_day for one in held):
        return _by_history(tuple(held), spare)
    recent = [sample for sample in samples if samples[-1].at - sample.at <= WINDOW]
    if len(recent) < 3 or recent[-1].at - recent[0].at < ENOUGH:
        hours = ENOUGH / timedelta(hours=1)
        return Forecast(reason=f"how long it lasts is known after {hours:.0f} hours of running", held=tuple(held))
    slope = growth(recent)
    if slope <= spare / (FAR / DAY):
        return Forecast(per_day=slope, reason="not growing", held=tuple(held))
    return Forecast(per_day=slope, left=timedelta(days=spare / slope), held=tuple(held))


def _by_history(held: tuple[Held, ...], spare: int) -> Forecast:
    still = [one for one in held if one.final > one.size]
    per_day = sum(one.per_day for one in still)
    left = full_in(still, spare)
    if left is None:
        final = sum(one.final for one in held)
        return Forecast(per_day=per_day, reason=f"history ends at {megabytes(int(final))}, which fits", held=held)
    return Forecast(per_day=per_day, left=left, held=held)


def full_in(held: Sequence[Held], spare: float) -> timedelta | None:
    """How long until so many bytes are used up, each kind growing until it holds its final size; None for never."""
    stops = sorted(((one.final - one.size) / one.per_day, one.per_day) for one in held if one.per_day > 0)
    rate, passed = sum(per_day for _, per_day in stops), 0.0
    for stop, per_day in stops:
        if spare <= rate * (stop - passed):
            return timedelta(days=passed + spare / rate)
        spare -= rate * (stop - passed)
        rate, passed = rate - per_day, stop
    return None


def growth(samples: Sequence[Sample]) -> float:
    """Bytes a day: the slope of the straight line nearest to all samples."""
    start = samples[0].at
    days = [(sample.at - start) / timedelta(days=1) for sample in samples]
    return linear_regression(days, [float(sample.used) for sample in samples]).slope


class Samples:
    """The samples, kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, sample: Sample) -> None:
        """One more; those of more than two weeks ago are forgotten."""

        def put(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO disk_sample (at, used) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (to_ms(sample.at), sample.used),
            )
            connection.execute("DELETE FROM disk_sample WHERE at < ?", (to_ms(sample.at - KEPT),))

        await self._database.write(put)

    async def all(self) -> list[Sample]:
        """All of them, oldest first."""
        rows = await self._database.read("SELECT at, used FROM disk_sample ORDER BY at")
        return [Sample(from_ms(row["at"]), row["used"]) for row in rows]
