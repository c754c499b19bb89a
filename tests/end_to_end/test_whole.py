"""The whole: emulated machines, real polls, the store, the API; a fault in the machine is seen by who looks."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from fleetmon.app import running
from fleetmon.clock import SystemClock
from fleetmon.demo import Options, _settings, demo
from fleetmon.model import Protocol
from fleetmon.settings import Traps

pytestmark = pytest.mark.timeout(120)


class Watcher:
    """Someone with a browser and someone with a screwdriver."""

    def __init__(self, service, api: httpx.AsyncClient, emulator: httpx.AsyncClient) -> None:
        self.service, self.api, self.emulator = service, api, emulator

    async def get(self, path: str, **query: Any) -> Any:
        response = await self.api.get(f"/api/v1{path}", params=query)
        response.raise_for_status()
        return response.json()

    async def strike(self, machine: str, fault: str, **fields: Any) -> None:
        response = await self.emulator.post("/faults", json={"machine": machine, "fault": fault, **fields})
        response.raise_for_status()

    async def poll(self, device: str) -> dict[str, Any]:
        """Poll now, and wait for it."""
        asked = await self.api.post(f"/api/v1/devices/{device}/poll", json={})
        assert asked.status_code == 202, asked.text
        where = asked.headers["location"].removeprefix("/api/v1")

        async def ended():
            request = await self.get(where)
            return request if request["state"] in {"done", "failed"} else None

        return await eventually(ended)


async def eventually(look: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    """What `look` gives once it gives something."""
    async with asyncio.timeout(seconds):
        while not (found := await look()):
            await asyncio.sleep(0.05)
    return found


@asynccontextmanager
async def watching(tmp_path, fleet="one_server", **options):
    told: list[str] = []
    asked = Options(port=0, control_port=0, fleet=fleet, story=False, data=tmp_path, past=False, **options)
    async with demo(asked, clock=SystemClock(), say=told.append, progress=lambda *_: None) as service:
        addresses = dict(line.split(" ", 1) for line in told)
        async with (
            httpx.AsyncClient(base_url=addresses["dashboard"], trust_env=False) as api,
            httpx.AsyncClient(base_url=addresses["emulator"], trust_env=False) as emulator,
        ):
            yield Watcher(service, api, emulator)


async def the_only_device(w: Watcher) -> str:
    (device,) = (await w.get("/devices"))["items"]
    return device["device_id"]


async def test_a_server_is_polled_stored_and_told_with_age_source_and_quality(tmp_path):
    async with watching(tmp_path) as w:
        name = await the_only_device(w)
        assert (await w.poll(name))["state"] == "done"
        device = await w.get(f"/devices/{name}")
        assert (device["reachability"], device["power"]["value"], device["health"]) == ("reachable", "On", "OK")
        for told in (device["inlet"], device["watts"]):
            age = datetime.now(UTC) - datetime.fromisoformat(told["taken_at"])
            assert timedelta(seconds=-2) < age < timedelta(minutes=1)
            assert told["source"].startswith("/redfish/v1/")
            assert told["quality"] == "good"
        truth = (await w.emulator.get(f"/machines/{name}")).json()
        sensors = (await w.get(f"/devices/{name}/sensors"))["items"]
        assert len(sensors) >= len(truth["sensors"]) >= 60
        drives = (await w.get(f"/devices/{name}/components", kind="Drive"))["items"]
        assert len(drives) == len(truth["drives"])


async def test_a_failing_drive_and_its_log_entry_are_seen_and_the_reason_is_told(tmp_path):
    async with watching(tmp_path) as w:
        name = await the_only_device(w)
        await w.poll(name)
        await w.strike(name, "fail_drive", bay=1)
        await w.poll(name)
        device = await w.get(f"/devices/{name}")
        assert device["health"] == "Critical"
        assert "Drive" in device["health_reason"]
        components = (await w.get(f"/devices/{name}/components", kind="Drive"))["items"]
        assert [drive["health"] for drive in components].count("Critical") == 1
        events = (await w.get(f"/devices/{name}/events"))["items"]
        assert any(event["severity"] == "Critical" and "rive" in event["message"] for event in events)


async def test_the_rollup_brings_a_failure_to_light_at_the_next_slot_without_a_walk_being_due(tmp_path):
    async with watching(tmp_path) as w:
        name = await the_only_device(w)
        await w.poll(name)
        await w.strike(name, "fail_fan", name="Fan 1")

        async def seen():
            device = await w.get(f"/devices/{name}")
            return device if device["health"] != "OK" else None

        device = await eventually(seen, 40)  # slots are 15 s apart, walks five minutes
        assert "Fan" in device["health_reason"]


async def test_a_hung_bmc_keeps_its_last_values_and_is_told_with_the_reason(tmp_path):
    async with watching(tmp_path) as w:
        name = await the_only_device(w)
        await w.poll(name)
        before = await w.get(f"/devices/{name}")
        await w.strike(name, "reset_bmc", seconds=300)
        await w.poll(name)
        after = await w.get(f"/devices/{name}")
        assert after["reachability"] == "unreachable"
        assert after["reachability_reason"]
        assert after["inlet"]["value"] == before["inlet"]["value"]
        assert after["inlet"]["taken_at"] == before["inlet"]["taken_at"]
        assert after["power"]["value"] == "On", "one miss does not make power unknown, and never off"


async def test_a_stranger_on_the_stream_hears_of_a_change(tmp_path):
    async with watching(tmp_path) as w:
        name = await the_only_device(w)
        await w.poll(name)
        revision = (await w.get("/fleet"))["revision"]
        async with w.api.stream("GET", "/api/v1/stream", params={"since": revision}, timeout=30) as stream:
            await w.strike(name, "fail_power_supply", name="PSU 1")
            poll = asyncio.create_task(w.poll(name))
            async for line in stream.aiter_lines():
                if line.startswith("data:") and '"PowerSupply"' in line and "Critical" in line:
                    break
            await poll


async def test_a_restart_keeps_what_was_known_the_plan_and_the_sealed_session(tmp_path):
    async with watching(tmp_path) as w:
        name = await the_only_device(w)
        await w.poll(name)
        known = await w.get(f"/devices/{name}")
        memory = await w.service.store.polls.memory(name, Protocol.REDFISH)
        assert memory is not None
        assert memory.plan, "the plan is remembered"
        assert memory.sealed_session, "so is the session, sealed"
    # The emulator went with the demo; the same data, opened again, still tells what was last known.
    async with running(_settings(Options(port=0), tmp_path, Traps()), clock=SystemClock()) as service:
        async with httpx.AsyncClient(base_url=service.url, trust_env=False) as api:

            async def answered():
                try:
                    return (await api.get(f"/api/v1/devices/{name}")).json()
                except httpx.TransportError:
                    return None

            device = await eventually(answered)
        assert device["serial_number"] == known["serial_number"]
        assert device["inlet"]["value"] == known["inlet"]["value"]


async def test_a_rack_of_servers_is_shown_where_they_stand(tmp_path):
    async with watching(tmp_path, fleet="one_rack", devices=6) as w:
        (rack,) = (await w.get("/racks"))["items"]

        async def all_seen():
            elevation = await w.get(f"/racks/{rack['rack_id']}/elevation")
            units = elevation["units"]
            return elevation if units and all(u["watts"]["value"] for u in units) else None

        elevation = await eventually(all_seen)
        truth = {m["name"]: m for m in (await w.emulator.get("/machines")).json()["items"]}
        assert len(elevation["units"]) == 6
        for unit in elevation["units"]:
            machine = truth[unit["name"]]
            assert (unit["position_u"], unit["height_u"]) == (machine["position_u"], machine["height_u"])


async def test_the_charts_are_full_from_the_first_minute(tmp_path):
    told: list[tuple[int, int]] = []
    options = Options(port=0, control_port=0, fleet="one_server", story=False, data=tmp_path)
    async with demo(
        options, clock=SystemClock(), say=lambda _: None, progress=lambda *done: told.append(done)
    ) as service:
        assert told[-1] == (1, 1)
        (device,) = await service.store.fleet.devices()
        rows = await service.store.telemetry.sensors(device.device_id)
        inlet = next(row for row in rows if "nlet" in row.sensor.name and row.sensor.type == "Temperature")
        until = datetime.now(UTC)
        series = await service.store.telemetry.readings(
            device.device_id, inlet.sensor_id, start=until - timedelta(days=30), end=until, points=2000
        )
        numbers = [point.mean for point in series.points if point.mean is not None]
        assert len(numbers) > 800
        assert 10 < min(numbers) < max(numbers) < 45
        assert series.gaps <= 2, "a month of history is one line, not a row of dots"
