"""The store as a whole: both files open, their schema current, one noun each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from fleetmon.clock import Clock
from fleetmon.storage import migrations
from fleetmon.storage.endpoints import Endpoints
from fleetmon.storage.engine import connect_writer
from fleetmon.storage.events import Events
from fleetmon.storage.fleet import Fleet
from fleetmon.storage.forecast import Samples
from fleetmon.storage.health import Components
from fleetmon.storage.lanes import Lanes
from fleetmon.storage.links import Links
from fleetmon.storage.lock import DirectoryLock
from fleetmon.storage.polls import Polls
from fleetmon.storage.pushed import Pushes
from fleetmon.storage.space import Measure, Space, disk_of
from fleetmon.storage.sqlite import SqliteDatabase
from fleetmon.storage.summaries import Summaries
from fleetmon.storage.telemetry import Telemetry
from fleetmon.storage.twins import Twins
from fleetmon.storage.workers import Workers
from fleetmon.storage.writer import Guard

STATE_FILE, TELEMETRY_FILE = "state.db", "telemetry.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What is known, by noun. `state` is fully durable; `telemetry` may lose its last second in a power failure."""

    directory: Path
    state: SqliteDatabase
    telemetry_file: SqliteDatabase
    fleet: Fleet
    summaries: Summaries
    endpoints: Endpoints
    components: Components
    events: Events
    twins: Twins
    telemetry: Telemetry
    polls: Polls
    pushes: Pushes
    links: Links
    workers: Workers
    lanes: Lanes
    samples: Samples
    space: Space
    clock: Clock
    lock: DirectoryLock

    @property
    def files(self) -> tuple[SqliteDatabase, SqliteDatabase]:
        """Both databases, that of state first."""
        return self.state, self.telemetry_file

    async def use_interval(self, interval: timedelta) -> None:
        """Devices that set no interval of their own have this one from now on."""
        self.telemetry.use_interval(interval)
        await self.fleet.use_interval(interval)

    async def close(self) -> None:
        """Finish what was queued, close both files, let another process in."""
        await self.state.close()
        await self.telemetry_file.close()
        self.space.release()
        self.lock.release()


async def open_store(
    directory: Path, *, clock: Clock, interval: timedelta = timedelta(seconds=60), measure: Measure = disk_of
) -> Store:
    """Both files of a data directory, made or brought up to date; `interval` is that of devices which set none.

    `measure` says how much room the disk has. Raises StorageError naming the holder when another process has the
    directory, and when a file is newer than us.
    """
    lock = await asyncio.to_thread(DirectoryLock, directory)
    space = Space(directory, clock, measure)
    try:
        await asyncio.to_thread(bring_up_to_date, directory)
        await asyncio.to_thread(space.look)
        state = SqliteDatabase(directory / STATE_FILE, synchronous="FULL", clock=clock, guard=_watching(space))
        telemetry_file = SqliteDatabase(
            directory / TELEMETRY_FILE, synchronous="NORMAL", clock=clock, guard=space.exhaustion
        )
    except BaseException:
        space.release()
        lock.release()
        raise
    return Store(
        directory=directory,
        state=state,
        telemetry_file=telemetry_file,
        fleet=Fleet(state, clock, interval),
        summaries=Summaries(state),
        endpoints=Endpoints(state),
        components=Components(state),
        events=Events(state),
        twins=Twins(state),
        telemetry=Telemetry(telemetry_file, interval),
        polls=Polls(state, clock),
        pushes=Pushes(state),
        links=Links(state),
        workers=Workers(state),
        lanes=Lanes(state),
        samples=Samples(state),
        space=space,
        clock=clock,
        lock=lock,
    )


def _watching(space: Space) -> Guard:
    """Room is looked at before each commit of what matters; it refuses none of them."""

    def look() -> None:
        space.look()

    return look


def bring_up_to_date(directory: Path, step: migrations.Step = migrations.no_step) -> None:
    """Both files have the schema this program expects. The directory's lock is held by the caller."""
    for name, synchronous, rows in (
        (STATE_FILE, "FULL", migrations.STATE),
        (TELEMETRY_FILE, "NORMAL", migrations.TELEMETRY),
    ):
        connection = connect_writer(directory / name, synchronous=synchronous)
        try:
            migrations.migrate(connection, name, rows, step)
        finally:
            connection.close()
