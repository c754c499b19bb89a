"""A configuration read again takes effect whole, or not at all, and nobody is refused meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from fleetmon.app import Service, running, serve
from fleetmon.clock import SystemClock
from fleetmon.crew import differing
from fleetmon.errors import ConfigError
from fleetmon.model import Interval
from fleetmon.settings import Listen, Polling, Retention, Settings
from tests.observations import device

SLOWER = Polling(interval=Interval(sensors=timedelta(minutes=5)))


class Configuration:
    """What the file says at the moment."""

    def __init__(self, directory: Path) -> None:
        self.settings = Settings(data=directory / "data", configuration=directory / "etc", listen=Listen(port=0))
        self.wrong = ""

    def __call__(self) -> Settings:
        if self.wrong:
            raise ConfigError(self.wrong)
        return self.settings


@asynccontextmanager
async def served(configuration: Configuration) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    async with (
        running(configuration(), clock=SystemClock(), reread=configuration) as service,
        httpx.AsyncClient(base_url=f"{service.url}/api/v1", trust_env=False) as client,
    ):
        await until(lambda: ready(client))
        yield service, client


async def ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/ready")).status_code == 200


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while True:
            found = holds()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.02)


ONE_EACH = {"Connection": "close"}
"""A kept connection may be closed by the old server just as the next request is on its way, as with any server."""


async def interval_of(client: httpx.AsyncClient) -> float:
    return float((await client.get("/devices/web-01", headers=ONE_EACH)).json()["interval"])


async def test_a_longer_interval_is_taken_over_and_no_request_is_refused(tmp_path: Path) -> None:
    """Planted bugs: binding the address again refuses requests meanwhile; the summaries keep the old interval."""
    configuration = Configuration(tmp_path)
    async with served(configuration) as (service, client):
        await service.store.fleet.add_device(device(endpoints=()))
        assert await interval_of(client) == 60
        configuration.settings = replace(configuration.settings, polling=SLOWER)
        answer = await client.post("/config/reload", json={})
        assert (answer.status_code, answer.json()) == (200, {"changed": ["polling"]})

        async def taken_over() -> bool:
            return await interval_of(client) == 300  # a refused connection would raise

        await until(taken_over)
        await until(lambda: ready(client))
        assert service.store.telemetry._interval == timedelta(minutes=5)


async def test_a_configuration_that_is_wrong_changes_nothing(tmp_path: Path) -> None:
    configuration = Configuration(tmp_path)
    async with served(configuration) as (service, client):
        before = (await client.get("/ready")).json()["roles"]
        configuration.wrong = "fleetmon.toml:3: polling.at_once: too small"
        answer = await client.post("/config/reload", json={})
        assert (answer.status_code, answer.json()["detail"]) == (409, configuration.wrong)
        configuration.wrong = ""
        assert service.crew.reload() == []
        assert (await client.get("/ready")).json()["roles"] == before


def test_what_is_open_or_bound_needs_a_restart_and_takes_the_rest_with_it(tmp_path: Path) -> None:
    """Planted bug: taking over the sections that can be, beside one that cannot."""
    before = Configuration(tmp_path).settings
    kept = Retention(readings=timedelta(days=3))
    assert differing(before, replace(before, polling=SLOWER, retention=kept)) == ["polling", "retention"]
    with pytest.raises(ConfigError, match=r"data, listen: changed by a restart only; .* nothing was changed"):
        differing(before, replace(before, retention=kept, data=tmp_path / "other", listen=Listen(port=1)))


async def test_a_hangup_has_the_configuration_read_again(tmp_path: Path) -> None:
    configuration = Configuration(tmp_path)
    asked: list[Settings] = []

    def reread() -> Settings:
        asked.append(configuration())
        return asked[-1]

    serving = asyncio.create_task(serve(reread, clock=SystemClock()))
    loop_handles = signal.getsignal(signal.SIGHUP)
    await until(lambda: signal.getsignal(signal.SIGHUP) is not loop_handles)
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: len(asked) == 2)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10):
        await serving
