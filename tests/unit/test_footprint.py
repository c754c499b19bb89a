"""A process that looks after ten thousand devices does not stop to look for garbage."""

import gc
import subprocess
import sys

from fleetmon.app import run
from fleetmon.footprint import COLLECTOR, RESOLVERS


def test_a_running_service_seldom_looks_through_all_it_remembers():
    before = gc.get_threshold()

    async def threshold():
        return gc.get_threshold()

    try:
        assert run(threshold()) == COLLECTOR
    finally:
        gc.set_threshold(*before)


LOOK_UP = """
import asyncio, os
from fleetmon.app import run

async def threads():
    await asyncio.get_running_loop().getaddrinfo("localhost", 623)
    print(len(os.listdir("/proc/self/task")))

run(threads())
"""


def test_a_few_names_whose_server_is_dead_leave_threads_to_look_others_up():
    told = subprocess.run([sys.executable, "-c", LOOK_UP], capture_output=True, text=True, check=True)
    assert int(told.stdout) > RESOLVERS
