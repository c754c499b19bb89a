"""kill -9 while history is sealed, rolled up and forgotten: no reading is lost, none is there twice, no page is half.

Proven by a planted bug: with the hot rows taken away in a write of their own before the page's, a kill loses an hour.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from fleetmon.storage import Store
from fleetmon.storage.maintenance import check
from tests.observations import START, minutes, opened

KILLS = 9
EVERY = 5
"""Minutes between two rows."""
CHILD = """
import asyncio, itertools, os, random, signal, sys
from pathlib import Path
from tests.observations import *
from tests.crash.test_sealing_kill import EVERY, number_at

KEPT = timedelta(days=6)
SENSORS = tuple(sensor(f"Temp {place}") for place in range(12))

def deadly(database, chance):
    # One write of sealing or forgetting in so many is the last thing this process does: before it, in it, after it.
    write = database.write

    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    async def watched(function):
        how = chance.choice(("before", "inside", "after")) if chance.random() < 1 / 5 else "lives"
        if how == "before":
            die()
        done = await write((lambda connection: (function(connection), die())) if how == "inside" else function)
        if how == "after":
            die()
        return done

    database.write = watched
    return lambda: setattr(database, "write", write)

async def live(store, first, chance):
    for turn in itertools.count(first):
        now = START + minutes(turn * EVERY)
        for name in ("web-01", "web-02"):
            # What comes late, and what is stored again, goes through the same pages.
            for late in (turn, *([turn - 200, turn - 13] if turn % 40 == 0 and turn > 200 else [])):
                at = START + minutes(late * EVERY)
                await store.telemetry.append_columns(name, at, SENSORS, [number_at(late, place) for place in range(12)])
        print(turn, flush=True)
        healed = deadly(store.telemetry_file, chance)
        if turn % 6 == 0:
            while spans := await store.telemetry.due(now, KEPT):
                for span in spans:
                    await store.telemetry.seal(span)
        if turn % 30 == 0:
            while await store.telemetry.expire(now - KEPT):
                pass
        healed()

async def main(directory, first, seed):
    async with opened(Path(directory)) as store:
        await live(store, first, random.Random(seed))

asyncio.run(main(*sys.argv[1:2], *map(int, sys.argv[2:])))
"""


def number_at(turn: int, place: int) -> float:
    """What a sensor tells in a turn; no two turns of a day alike."""
    return turn + place / 16


async def run_until_killed(directory: Path, first: int, chance: random.Random) -> int:
    """The last turn a child acknowledged before it was killed."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(directory), str(first), str(chance.randrange(2**32))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert child.stdout is not None
    said, complaint = await asyncio.to_thread(child.communicate)
    assert (complaint, child.returncode) == ("", -signal.SIGKILL)
    return max((int(line) for line in said.splitlines(keepends=True) if line.endswith("\n")), default=first)


async def assert_whole(store: Store, last: int) -> None:
    """Every acknowledged turn is told once, with its own number, back to where readings are forgotten."""
    oldest = max(0, last - round(timedelta(days=5) / minutes(EVERY)))
    for name in ("web-01", "web-02"):
        for place, row in enumerate(sorted(await store.telemetry.sensors(name), key=lambda row: row.sensor_id)):
            if place % 5:
                continue
            told = await store.telemetry.readings(
                name,
                row.sensor_id,
                start=START + minutes(oldest * EVERY),
                end=START + minutes((last + 1) * EVERY),
                points=10_000,
                interval=minutes(EVERY),
            )
            turns = np.arange(oldest, last + 1)
            assert told.table[:, 2].tolist() == [number_at(turn, place) for turn in turns.tolist()]
            assert told.table[:, 0].tolist() == [(START + minutes(turn * EVERY)).timestamp() for turn in turns.tolist()]


@pytest.mark.soak
async def test_two_hundred_kills_while_sealing(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"sealing: 200 kills, seed {seed}")
    await kill_and_look(tmp_path, kills=200, seed=seed)


async def test_a_kill_while_sealing_loses_no_reading_and_doubles_none(tmp_path: Path) -> None:
    await kill_and_look(tmp_path, kills=KILLS, seed=20261121)


async def kill_and_look(tmp_path: Path, *, kills: int, seed: int) -> None:
    data, chance, last = tmp_path / "data", random.Random(seed), 0
    for _ in range(kills):
        last = await run_until_killed(data, last, chance)
        async with opened(data) as store:
            await assert_whole(store, last)
    assert last > 60
    async with opened(data) as store:
        now = START + minutes(last * EVERY) + timedelta(days=2)
        while spans := await store.telemetry.due(now, timedelta(days=60)):
            for span in spans:
                await store.telemetry.seal(span)
        assert (await store.telemetry_file.read("SELECT count(*) AS hot FROM reading"))[0]["hot"] == 0
        await assert_whole(store, last)
    assert [one.problems for one in check(data)] == [(), ()]
