"""When the disk will be full at the growth of the last days; honest while it cannot know yet.

What is stored is measured once an hour and kept for two weeks, over restarts. The slope through the last seven days
is the growth; room is what is free above the floor at which readings are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import linear_regression

from fleetmon.storage.columns import from_ms, to_ms
from fleetmon.storage.database import Connection, Database
from fleetmon.storage.space import Room

WINDOW = timedelta(days=7)
"""Growth is that of so long."""
KEPT = timedelta(days=14)
EVERY = timedelta(hours=1)
"""Between two samples."""
ENOUGH = timedelta(hours=6)
"""Growth over less than this says nothing: files grow in steps, and the first hours write much that stays as it is."""
FAR = timedelta(days=3650)
"""Nobody plans further; a slope this flat is none."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes in use in both files at an instant."""

    at: datetime
    used: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """Growth in bytes a day, time until readings are refused; None where unknown or never, and `reason` says which."""

    per_day: float | None = None
    left: timedelta | None = None
    reason: str = ""


def forecast(samples: Sequence[Sample], room: Room | None) -> Forecast:
    """What the samples, oldest first, and the room there is now say of the days to come."""
    if room is None:
        return Forecast(reason="the disk cannot be measured")
    recent = [sample for sample in samples if samples[-1].at - sample.at <= WINDOW]
    if len(recent) < 3 or recent[-1].at - recent[0].at < ENOUGH:
        hours = ENOUGH / timedelta(hours=1)
        return Forecast(reason=f"known after {hours:.0f} hours of running")
    slope = growth(recent)
    spare = max(0, room.disk.free - room.limits.floor) + room.reusable
    if slope <= spare / (FAR / timedelta(days=1)):
        return Forecast(per_day=slope, reason="not growing")
    return Forecast(per_day=slope, left=timedelta(days=spare / slope))


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
