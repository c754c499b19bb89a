"""A process that looks after ten thousand devices does not stop to look for garbage."""

import gc

from fleetmon.app import run
from fleetmon.footprint import COLLECTOR


def test_a_running_service_seldom_looks_through_all_it_remembers():
    before = gc.get_threshold()

    async def threshold():
        return gc.get_threshold()

    try:
        assert run(threshold()) == COLLECTOR
    finally:
        gc.set_threshold(*before)
