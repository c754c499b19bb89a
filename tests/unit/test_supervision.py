"""A role that falls is started again within 30 seconds, and its state tells."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from fleetmon.clock import ManualClock
from fleetmon.model import RoleState
from fleetmon.supervision import Supervisor


@asynccontextmanager
async def supervised(clock, **roles):
    supervisor = Supervisor(clock=clock)
    for name, role in roles.items():
        supervisor.add(name, role)
    task = asyncio.create_task(supervisor.run())
    await clock.advance(0)
    try:
        yield supervisor
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class Role:
    """Runs until told to fall."""

    def __init__(self):
        self.starts = 0
        self.fall = asyncio.Event()
        self.error: Exception | None = RuntimeError("bearing worn")

    async def __call__(self):
        self.starts += 1
        await self.fall.wait()
        self.fall.clear()
        if self.error:
            raise self.error


async def test_a_running_role_is_told_as_running():
    async with supervised(ManualClock(), devices=Role()) as supervisor:
        assert [(s.role, s.state) for s in supervisor.statuses()] == [("devices", RoleState.RUNNING)]


@pytest.mark.parametrize("error", [RuntimeError("bearing worn"), None], ids=["raises", "returns"])
async def test_a_fallen_role_is_told_and_started_again_after_a_second(error):
    clock, role = ManualClock(), Role()
    role.error = error
    async with supervised(clock, devices=role) as supervisor:
        role.fall.set()
        await clock.advance(0.5)
        (status,) = supervisor.statuses()
        assert status.state is RoleState.RESTARTING
        assert status.reason
        await clock.advance(1)
        (status,) = supervisor.statuses()
        assert (status.state, status.restarts, role.starts) == (RoleState.RUNNING, 1, 2)


async def test_R22_a_role_that_keeps_falling_is_always_back_within_thirty_seconds():
    clock, role = ManualClock(), Role()
    async with supervised(clock, devices=role) as supervisor:
        for _ in range(10):
            role.fall.set()
            await clock.advance(0)
            await clock.advance(30)
            assert supervisor.statuses()[0].state is RoleState.RUNNING


async def test_a_falling_role_does_not_disturb_the_others():
    clock, falling, steady = ManualClock(), Role(), Role()
    async with supervised(clock, devices=falling, api=steady) as supervisor:
        falling.fall.set()
        await clock.advance(0)
        states = {status.role: status.state for status in supervisor.statuses()}
        assert states == {"devices": RoleState.RESTARTING, "api": RoleState.RUNNING}
        await clock.advance(60)
        assert steady.starts == 1


async def test_after_a_steady_minute_the_pause_is_short_again():
    clock, role = ManualClock(), Role()
    async with supervised(clock, devices=role):
        for _ in range(6):
            role.fall.set()
            await clock.advance(20)
        await clock.advance(100)
        starts = role.starts
        role.fall.set()
        await clock.advance(0)
        await clock.advance(1.1)
        assert role.starts == starts + 1
