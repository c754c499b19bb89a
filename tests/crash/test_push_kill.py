"""kill -9 in the middle of pushes: what was taken over is there, once, and the stream goes on where it was (F59, R1).

A child takes events over and reads the log in turns, and acknowledges what was committed. Proven by a planted bug: with
the place in the stream committed apart from the events, a kill passes over some of them.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from fleetmon.storage.maintenance import check
from tests.observations import opened

KILLS = 4
CHILD = """
import asyncio, sys
from pathlib import Path
from fleetmon.ingest.pushed import take_pushed
from fleetmon.storage.rows import PushRow, PushState, PushWay
from tests.observations import *

def told(number):
    at = START + minutes(number)
    return record(number, created_at=at, created_text=at.isoformat(), message_id="Fans.1.0.FanFailed")

def sent(number):
    return PushedRecord(record=told(number), sent_as=f"e{number}", arguments=(str(number),))

async def main(directory, last):
    async with opened(Path(directory)) as store:
        if await store.fleet.device("web-01") is None:
            await store.fleet.add_device(device())
            await store.pushes.put("web-01", PushRow(way=PushWay.STREAM, state=PushState.OPEN, since=START))
        print("ready", flush=True)
        row = await store.pushes.of_device("web-01")
        for number in range(int(row.event_id or 0) + 1, last):
            following = replace(row, event_id=str(number))
            at = told(number).created_at
            row = await take_pushed([sent(number)], "web-01", following, store=store, received_at=at)
            print(number, flush=True)
            if number % 3 == 0:
                shown = [told(before) for before in range(max(1, number - 5), number + 1)]
                await take(store, observed(at, asked=frozenset({Aspect.EVENTS}), logs=(log_reading(*shown),)))

from dataclasses import replace
from fleetmon.model import PushedRecord
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def run_until_killed(directory: Path, after: float) -> tuple[list[int], str]:
    """What a child acknowledged before it was killed."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(directory), "1000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert child.stdout is not None
    started = child.stdout.readline()
    time.sleep(after)
    child.send_signal(signal.SIGKILL)
    said, complaint = child.communicate()
    assert started == "ready\n", complaint
    return [int(line) for line in said.splitlines(keepends=True) if line.endswith("\n")], complaint


async def test_F59_a_kill_between_push_and_poll_loses_no_event_and_doubles_none(tmp_path):
    data, chance = tmp_path / "data", random.Random(58)
    acknowledged: set[int] = set()
    for _ in range(KILLS):
        told, complaint = run_until_killed(data, chance.uniform(0.05, 0.25))
        assert not complaint
        acknowledged |= set(told)
        async with opened(data) as store:
            rows = await store.state.read("SELECT record_id FROM event WHERE message_id NOT LIKE 'Fleetmon%'")
            row = await store.pushes.of_device("web-01")
        stored = [int(one["record_id"]) for one in rows]
        assert len(stored) == len(set(stored))
        assert acknowledged <= set(stored)
        assert row is not None
        assert set(stored) == set(range(1, int(row.event_id) + 1))
    assert len(acknowledged) > 3 * KILLS
    assert [one.problems for one in check(data)] == [(), ()]
