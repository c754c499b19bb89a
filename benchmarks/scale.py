"""A large fleet polled by one service, both on this machine: what is missed, how late the rest is, and what it costs.

The service is the real one, started as a process, with nothing set but a port and its data. Everything is taken from
its own metrics and from what the system says of the processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp

from benchmarks.devices import EVERYTHING, ask, opened
from benchmarks.fleet import filled_store
from benchmarks.processes import CannotMeasureError, Emulated, children, cpu_seconds, emulated, free_port, running
from benchmarks.scorecard import Measured
from fleetmon.clock import SystemClock
from fleetmon.model import Aspect, Interval, Protocol
from fleetmon.storage import Store, polls
from fleetmon.storage.database import Connection
from fleetmon.storage.rows import MemoryRow, PollRow

DEVICES, MINUTES = "FLEETMON_BENCH_DEVICES", "FLEETMON_BENCH_MINUTES"
"""Environment variables for a smaller run."""
LEARN = "FLEETMON_BENCH_LEARN"
"""Set: every device is looked at for the first time, which takes ten thousand of them ten minutes. IPMI always does."""
INTERVAL = 60.0
BEAT = 10.0
"""Seconds between two heartbeats over IPMI."""
SWITCHES = Path(__file__).with_name("thousand_switches.toml")
CALM = 90.0
"""Seconds after the last first look before measuring begins."""
FIRST_LOOKS = 0.4
"""Seconds that the first look at one device may take of the whole."""
SAMPLE = re.compile(r"^(fleetmon_[a-z_]+|process_[a-z_]+)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """What the service had done, and what everybody had spent, at one instant."""

    at: float
    metrics: dict[tuple[str, str], float]
    service_cpu: float
    emulator_cpu: float
    service_rss: float
    """Bytes."""
    workers_rss: float

    def total(self, name: str, part: str = "") -> float:
        """A metric summed over its labels, or over those that hold `part`."""
        return sum(value for (found, labels), value in self.metrics.items() if found == name and part in labels)


async def ten_thousand() -> Measured:
    """Slots missed by ten thousand servers at 60 s, with what a poll costs and what the service holds."""
    devices, minutes = int(os.environ.get(DEVICES, "10000")), float(os.environ.get(MINUTES, "10"))
    async with watched(devices) as (_, service):
        before, after = await service.over(minutes)
    missed = max(0.0, devices * minutes * 60 / INTERVAL - _polls(before, after))
    return Measured(
        runs=[missed], size=f"{devices} servers at {INTERVAL:g} s for {minutes:g} minutes", notes=_notes(before, after)
    )


async def dead_500() -> Measured:
    """How late healthy servers are asked (99th percentile) while one in twenty takes requests and never answers."""
    devices, minutes = int(os.environ.get(DEVICES, "10000")), float(os.environ.get(MINUTES, "10"))
    async with watched(devices) as (fleet, service), hung(fleet, devices, devices // 20):
        before, after = await service.over(minutes)
    return Measured(
        runs=[_delay(before, after, 0.99)],
        size=f"{devices} servers, {devices // 20} of them hung, for {minutes:g} minutes",
        notes=_notes(before, after),
    )


async def ipmi_fleet() -> Measured:
    """Cores the service and its workers take for two thousand IPMI servers: sensors at 60 s, a heartbeat each 10 s."""
    devices, minutes = int(os.environ.get(DEVICES, "2000")), float(os.environ.get(MINUTES, "10"))
    async with watched(devices, "two_thousand", Protocol.IPMI) as (_, service):
        before, after = await service.over(minutes)
    slots = devices * (after.at - before.at) / BEAT
    return Measured(
        runs=[(after.service_cpu - before.service_cpu) / (after.at - before.at)],
        size=f"{devices} servers at {INTERVAL:g} s with heartbeats at {BEAT:g} s for {minutes:g} minutes",
        notes={"missed_slots": round(max(0.0, slots - _polls(before, after))), **_notes(before, after)},
    )


async def snmp_fleet() -> Measured:
    """Cores the service takes for a thousand switches at 60 s."""
    devices, minutes = int(os.environ.get(DEVICES, "1000")), float(os.environ.get(MINUTES, "10"))
    async with watched(devices, str(SWITCHES), Protocol.SNMP) as (_, service):
        before, after = await service.over(minutes)
    seconds, notes = after.at - before.at, _notes(before, after)
    missed = max(0.0, devices * seconds / INTERVAL - _polls(before, after))
    cores = (after.service_cpu - before.service_cpu) / seconds
    told = after.total("fleetmon_readings_total") - before.total("fleetmon_readings_total")
    each = {
        "values_each": round(told * INTERVAL / seconds / devices),
        "us_per_value": round(1e6 * cores * seconds / told, 1),
    }
    return Measured(
        runs=[cores],
        size=f"{devices} switches at {INTERVAL:g} s for {minutes:g} minutes",
        notes={"missed_slots": round(missed), **each, **notes},
    )


@contextlib.asynccontextmanager
async def hung(fleet: Emulated, devices: int, many: int) -> AsyncIterator[None]:
    """So many of the devices, spread over all of them, take requests and never answer; the end of the fleet heals."""
    names = list(await fleet.addresses())[:devices]
    async with contextlib.AsyncExitStack() as faults:
        for name in names[:: devices // many][:many]:
            await faults.enter_async_context(fleet.fault(name, "hang_bmc"))
        faults.pop_all()
    yield


def on_time(before: Sample, after: Sample, healthy: int) -> float:
    """The share of the slots of so many healthy devices at which a poll began, and not late."""
    slots = healthy * (after.at - before.at) / INTERVAL
    late = after.total("fleetmon_polls_late_total") - before.total("fleetmon_polls_late_total")
    return 1 - (max(0.0, slots - _polls(before, after)) + late) / slots


class Service:
    """The service as a process that is being watched."""

    def __init__(self, url: str, pid: int, emulator: int) -> None:
        self._url, self._pid, self._emulator = url, pid, emulator

    async def over(self, minutes: float) -> tuple[Sample, Sample]:
        """Samples from before and after so many minutes."""
        before = await self.sample()
        await asyncio.sleep(minutes * 60)
        return before, await self.sample()

    async def answers_within(self, seconds: float) -> float:
        """Seconds within which 95 of 100 requests for a page of devices are answered, asked for over some time."""
        took: list[float] = []
        ended = time.monotonic() + seconds
        async with aiohttp.ClientSession() as session:
            while time.monotonic() < ended:
                started = time.monotonic()
                async with session.get(f"{self._url}/api/v1/devices", params={"limit": "100"}) as answer:
                    await answer.read()
                took.append(time.monotonic() - started)
                await asyncio.sleep(0.2)
        return sorted(took)[int(0.95 * len(took))]

    async def sample(self) -> Sample:
        """How it stands now."""
        async with aiohttp.ClientSession() as session, session.get(f"{self._url}/metrics") as answer:
            found = SAMPLE.findall(await answer.text())
        return Sample(
            time.monotonic(),
            {(name, labels): float(value) for name, labels, value in found},
            _cpu(_family(self._pid)),
            _cpu(_family(self._emulator)),
            _rss(self._pid),
            sum(map(_rss, children(self._pid))),
        )

    async def until_known(self, devices: int) -> float:
        """Wait until every device has been seen; how long that took in seconds."""
        started, limit = time.monotonic(), 120 + devices * FIRST_LOOKS
        while time.monotonic() - started < limit:
            async with aiohttp.ClientSession() as session, session.get(f"{self._url}/api/v1/fleet") as answer:
                counts = await answer.json()
            if counts["by_reachability"].get("reachable", 0) >= devices:
                return time.monotonic() - started
            print(f"  {counts['by_reachability']}", file=sys.stderr)
            await asyncio.sleep(10)
        raise CannotMeasureError(f"not every device was seen within {limit:g} s: {counts['by_reachability']}")


@contextlib.asynccontextmanager
async def watched(
    devices: int, fleet_file: str = "ten_thousand", protocol: Protocol = Protocol.REDFISH
) -> AsyncIterator[tuple[Emulated, Service]]:
    """A fleet of so many servers and a service that knows them all."""
    with tempfile.TemporaryDirectory() as folder:
        async with emulated(fleet_file, processes=2) as fleet:
            addresses = dict(list((await fleet.addresses(protocol)).items())[:devices])
            if len(addresses) < devices:
                raise CannotMeasureError(f"the emulated fleet has only {len(addresses)} servers")
            store, _ = await filled_store(Path(folder), addresses)
            if protocol is Protocol.REDFISH and not os.environ.get(LEARN):
                await _acquaint(store, addresses)
            await store.close()
            port = free_port()
            config = Path(folder) / "configuration" / "fleetmon.toml"
            config.write_text(
                f'data = "{folder}/data"\nmaster_key_file = "{folder}/configuration/fleetmon-master-key"\n'
                f"[listen]\nport = {port}\n"
            )
            url = f"http://127.0.0.1:{port}"
            command = [sys.executable, "-m", "fleetmon", "serve", "--config", str(config)]
            async with running(command, f"{url}/api/v1/live", **dict(os.environ)) as process:
                service = Service(url, process.pid, fleet.pid)
                seconds = await service.until_known(devices)
                print(f"  all {devices} known after {seconds:.0f} s", file=sys.stderr)
                await asyncio.sleep(CALM)
                yield fleet, service


async def _acquaint(store: Store, addresses: Mapping[str, str]) -> None:
    """Every device is known as after weeks of polling: one was looked at, the others are of its model.

    What is asked rarely falls due spread over its interval; nobody is logged in.
    """
    async with opened(next(iter(addresses.values()))) as driver:
        await ask(driver, EVERYTHING)
        memory = MemoryRow(plan=driver.memory().plan, sealed_session=None)
    now, usual = SystemClock().now(), Interval()

    def write(connection: Connection) -> None:
        for place, device_id in enumerate(addresses):
            ago = (place * 0.618) % 1
            polls.put_memory(connection, device_id, Protocol.REDFISH.value, memory)
            polls.put_polls(connection, device_id, [_polled(aspect, now - ago * usual.of(aspect)) for aspect in Aspect])

    await store.state.write(write)


def _polled(aspect: Aspect, at: datetime) -> PollRow:
    return PollRow(aspect=aspect, taken_at=at, seconds=0.1, requests=2, answered=True, reason="")


# ---- figures ---------------------------------------------------------------------------------------------------------


def _polls(before: Sample, after: Sample) -> float:
    """Polls of the cadence that began: those asked for by hand, and those of hung devices, have no slot."""
    return after.total("fleetmon_poll_lag_seconds_count") - before.total("fleetmon_poll_lag_seconds_count")


def _delay(before: Sample, after: Sample, share: float) -> float:
    """How late at most this share of the polls began, by the buckets of the service's own histogram; seconds."""
    edges = sorted(
        (float(labels.removeprefix('le="').rstrip('"').replace("+Inf", "inf")), value - before.metrics[name, labels])
        for (name, labels), value in after.metrics.items()
        if name == "fleetmon_poll_lag_seconds_bucket"
    )
    wanted, low, under = share * edges[-1][1], 0.0, 0.0
    for edge, count in edges:
        if count >= wanted:
            return low if edge == float("inf") else low + (edge - low) * (wanted - under) / max(count - under, 1.0)
        low, under = edge, count
    return low


def _notes(before: Sample, after: Sample) -> dict[str, object]:
    """Everything else worth knowing of a stretch of time."""
    polls = max(1.0, after.total("fleetmon_polls_total") - before.total("fleetmon_polls_total"))
    seconds = after.at - before.at
    return {
        "polls": round(polls),
        "readings": round(after.total("fleetmon_readings_total") - before.total("fleetmon_readings_total")),
        "late": round(after.total("fleetmon_polls_late_total") - before.total("fleetmon_polls_late_total")),
        "delay_p50_s": round(_delay(before, after, 0.5), 2),
        "delay_p99_s": round(_delay(before, after, 0.99), 2),
        "service_cpu_ms_per_poll": round(1000 * (after.service_cpu - before.service_cpu) / polls, 2),
        "emulator_cpu_ms_per_poll": round(1000 * (after.emulator_cpu - before.emulator_cpu) / polls, 2),
        "service_cores": round((after.service_cpu - before.service_cpu) / seconds, 2),
        "emulator_cores": round((after.emulator_cpu - before.emulator_cpu) / seconds, 2),
        "service_rss_mb": round(after.service_rss / 1e6),
        "workers_rss_mb": round(after.workers_rss / 1e6),
    }


def _cpu(pids: Iterable[int]) -> float:
    """Seconds of CPU of these processes, all their threads, system time included."""
    return sum(map(cpu_seconds, pids))


def _family(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *children(pid)]


def _rss(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
