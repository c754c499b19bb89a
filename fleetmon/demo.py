"""The pretend fleet beside the real service: what a stranger sees in the first five minutes.

The emulator runs as a process of its own and is known only by its address: its machines are polled over real Redfish,
IPMI and SNMP, their traps are taken, and its control API tells the fleet's shape and the past that fills the charts.
The service itself uses nothing of this.
"""

from __future__ import annotations

import array
import asyncio
import base64
import contextlib
import itertools
import os
import shutil
import socket
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from fleetmon.app import Service, running
from fleetmon.clock import Clock
from fleetmon.errors import ConfigError, FleetmonError
from fleetmon.model import Device, DeviceKind, Endpoint, Interval, Protocol, Rack, Sensor, Site
from fleetmon.settings import Listen, Logging, Polling, Settings, Traps
from fleetmon.storage.lock import DirectoryLock
from fleetmon.storage.telemetry_rows import PackedRow, SensorRow

CREDENTIAL = "emulated"
LOOPBACK = "127.0.0.1"
USUAL_FLEET, USUAL_DEVICES = "demo", 206
MOST_WITH_A_PAST = 500
"""Devices up to which charts are filled with a past; beyond, it would take minutes."""
INTERVAL = Interval(
    heartbeat=timedelta(seconds=15),
    sensors=timedelta(seconds=15),
    components=timedelta(minutes=5),
    events=timedelta(seconds=30),
    inventory=timedelta(minutes=30),
)
"""A demo is watched for minutes, so everything is asked for more often than a real fleet would be."""
PAST = ((timedelta(days=30), timedelta(hours=1)), (timedelta(hours=12), timedelta(minutes=5)))
"""How far back the charts are filled, and how densely: a month by the hour, the last half day by five minutes."""
START_LIMIT = 60.0
"""Seconds the emulator may take to answer, and devices to be seen for the first time."""

Say = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `fleetmon demo` can be told."""

    port: int = 8480
    control_port: int = 8490
    fleet: str = USUAL_FLEET
    seed: int = 7
    speed: float = 1.0
    """How fast the emulated machines' time runs."""
    devices: int | None = None
    """At most so many machines are watched; more than the usual fleet has bring the fleet of ten thousand."""
    story: bool = True
    past: bool = True
    emulator: str | None = None
    """Control address of an emulator that runs already."""
    data: Path | None = None
    """Where to keep the databases; None: a temporary directory, emptied at every start."""


@contextlib.asynccontextmanager
async def demo(options: Options, *, clock: Clock, say: Say, progress: Progress) -> AsyncIterator[Service]:
    """The emulated fleet, watched: both addresses are told, the charts are full when this yields."""
    async with contextlib.AsyncExitStack() as stack:
        control, traps = options.emulator, Traps()
        if control is None:
            traps = Traps(host=LOOPBACK, port=_free_port())
            control = await stack.enter_async_context(_emulator(options, traps))
        await _answering(f"{control}/fleet", clock)
        emulator = await stack.enter_async_context(httpx.AsyncClient(base_url=control, timeout=30, trust_env=False))
        home = options.data or _fresh_home(options)
        service = await stack.enter_async_context(running(_settings(options, home, traps), clock=clock))
        devices = await _import(service, emulator, options)
        await _answering(f"{service.url}/api/v1/live", clock)
        say(f"dashboard {service.url}")
        say(f"emulator {control}")
        if options.past and len(devices) <= MOST_WITH_A_PAST:
            await _fill_the_past(service, emulator, devices, clock=clock, progress=progress)
        yield service


def _fresh_home(options: Options) -> Path:
    """An empty directory; the one of the demo before on the same port is reused, however that demo ended."""
    home = Path(tempfile.gettempdir()) / f"fleetmon-demo-{os.getuid()}-{options.port}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid != os.getuid():
        raise ConfigError(f"{home} belongs to somebody else", cure="name a directory of your own with --data")
    DirectoryLock(home / "data").release()
    shutil.rmtree(home)
    home.mkdir(mode=0o700)
    return home


def _free_port() -> int:
    """A UDP port that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind((LOOPBACK, 0))
        return int(line.getsockname()[1])


def _settings(options: Options, home: Path, traps: Traps) -> Settings:
    return Settings(
        data=home / "data",
        configuration=home / "configuration",
        listen=Listen(port=options.port),
        logging=Logging(level="warning"),
        traps=traps,
        polling=Polling(
            interval=INTERVAL,
            request_timeout=timedelta(seconds=8),
            connect_timeout=timedelta(seconds=4),
            poll_deadline=timedelta(seconds=20),
        ),
    )


# The emulator, as a process.


@contextlib.asynccontextmanager
async def _emulator(options: Options, traps: Traps) -> AsyncIterator[str]:
    """An emulator of our own, whose machines send traps; ended with the demo; yields its control address."""
    many = options.fleet == USUAL_FLEET and (options.devices or 0) > USUAL_DEVICES
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "emulator", "--exit-with-stdin"),
        *(("--fleet", "ten_thousand", "--processes", "2") if many else ("--fleet", options.fleet)),
        *("--control", f"{LOOPBACK}:{options.control_port}", "--seed", str(options.seed)),
        *("--traps", f"{traps.host}:{traps.port}"),
        *("--speed", str(options.speed), "--story" if options.story else "--no-story"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield await _address_told_by(process)
    finally:
        if process.returncode is None:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _address_told_by(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_LIMIT):
            async for line in process.stdout:
                word, _, address = line.decode(errors="replace").strip().partition(" ")
                if word == "emulator" and address.startswith("http"):
                    return address
    except TimeoutError:
        raise ConfigError(f"the emulator did not answer within {START_LIMIT:g} s") from None
    await process.wait()
    raise ConfigError(
        f"the emulator ended at its start (exit code {process.returncode})",
        cure="its own line above says why; another --control-port helps when the port is taken",
    )


# The fleet it describes.


async def _import(service: Service, emulator: httpx.AsyncClient, options: Options) -> list[Device]:
    fleet, machines = await _get(emulator, "/fleet"), (await _get(emulator, "/machines"))["items"]
    store = service.store
    await store.fleet.put_credential(
        CREDENTIAL,
        user=fleet["user"],
        sealed=service.vault.seal_password(CREDENTIAL, fleet["password"]),
    )
    cables = await _cables(emulator, machines)
    known = [_device(machine, cables.get(machine["name"], {})) for machine in machines]
    devices = [device for device in known if device.endpoints][: options.devices]
    await store.fleet.apply(
        sites=[Site(site_id=name, name=name) for name in sorted({rack["site"] for rack in fleet["racks"]})],
        racks=[_rack(rack) for rack in fleet["racks"]],
        devices=devices,
    )
    return devices


async def _answering(address: str, clock: Clock) -> None:
    """Return once somebody answers at this address."""
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(round(START_LIMIT / 0.1)):
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(address)).is_success:
                    return
            await clock.sleep(0.1)
    raise FleetmonError(f"{address} does not answer", cure="is it running? Its own log lines say why")


def _rack(rack: Mapping[str, Any]) -> Rack:
    return Rack(
        rack_id=rack["name"],
        name=rack["name"],
        site_id=rack["site"],
        row=rack["row"],
        height_u=rack["height_u"],
        feed_budget_watts=rack["feed_budget_watts"],
    )


async def _cables(emulator: httpx.AsyncClient, machines: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """What a careful owner would have written down: the port of each NIC, the feed of each PDU and UPS.

    A server that speaks IPMI alone has no NICs to name: over IPMI nothing tells of them.
    """
    named = {one["name"] for one in machines if any(end["protocol"] == "redfish" for end in one["endpoints"])}
    cables: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for machine in machines:
        if machine["kind"] not in ("switch", "pdu", "ups"):
            continue
        name = machine["name"]
        truth = await _get(emulator, f"/machines/{name}")
        if feed := truth.get("feed"):
            cables[name]["Inlet"] = feed
        for port in truth.get("ports", ()):
            if port.get("machine") in named and port.get("nic_port"):
                cables[port["machine"]][port["nic_port"]] = f"{name}/{port['name']}"
    return dict(cables)


def _device(machine: Mapping[str, Any], cables: Mapping[str, str]) -> Device:
    return Device(
        device_id=machine["name"],
        name=machine["name"],
        kind=DeviceKind(machine["kind"]),
        endpoints=tuple(
            Endpoint(protocol=Protocol(endpoint["protocol"]), address=endpoint["address"], credential=CREDENTIAL)
            for endpoint in machine["endpoints"]
            if endpoint["protocol"] in set(Protocol)
        ),
        rack_id=machine["rack"],
        position_u=machine["position_u"],
        height_u=machine["height_u"],
        slot=machine["slot"],
        cables=tuple(cables.items()),
    )


async def _get(emulator: httpx.AsyncClient, path: str, **query: Any) -> Any:
    try:
        response = await emulator.get(path, params=query)
        response.raise_for_status()
        return response.json()
    except httpx.HTTPError as error:
        raise FleetmonError(
            f"the emulator at {emulator.base_url} did not answer {path}: {error}", cure="is it running?"
        ) from None


# The past it remembers.


async def _fill_the_past(
    service: Service, emulator: httpx.AsyncClient, devices: Sequence[Device], *, clock: Clock, progress: Progress
) -> None:
    """Give every sensor the month before the demo began, as the emulator tells it."""
    until = clock.now()
    for done, device in enumerate(devices):
        progress(done, len(devices))
        sensors = await _sensors_once_seen(service, device, clock)
        for back, step in PAST:
            start = until - back
            end = until - PAST[1][0] if back > PAST[1][0] else until
            past = await _get(
                emulator,
                f"/machines/{device.name}/history",
                **{"from": start.timestamp(), "to": end.timestamp(), "step": step.total_seconds()},
            )
            await _store_past(service, device, sensors, past)
    progress(len(devices), len(devices))


async def _sensors_once_seen(service: Service, device: Device, clock: Clock) -> list[SensorRow]:
    waited = 0.0
    while not (sensors := await service.store.telemetry.sensors(device.device_id)) and waited < START_LIMIT:
        await clock.sleep(0.2)
        waited += 0.2
    return sensors


async def _store_past(service: Service, device: Device, sensors: Sequence[SensorRow], past: Mapping[str, Any]) -> None:
    """Bring the emulator's columns, found by the path that tells the sensor, into our rows."""
    by_path = {path: row.sensor for row in sensors for path in _paths(row.sensor)}
    matched = [
        (found, column)
        for told, column in zip(past["sensors"], past["columns"], strict=True)
        if (found := next((by_path[path] for path in told["paths"] if path in by_path), None)) is not None
    ]
    if not matched:
        return
    layout = await service.store.telemetry.layout(device.device_id, [sensor for sensor, _ in matched])
    columns = [_doubles(column) for _, column in matched]
    instants = (datetime.fromtimestamp(past["from"] + number * past["step"], UTC) for number in range(past["count"]))
    rows: Iterator[PackedRow] = (
        PackedRow(layout_id=layout.layout_id, taken_at=at, values=values)
        for at, values in zip(instants, itertools.zip_longest(*columns), strict=False)
    )
    await service.store.telemetry.append_packed(rows)


def _paths(sensor: Sensor) -> tuple[str, str]:
    """The number this sensor is, and the resource, or the entry of one, that it stands in."""
    return sensor.source, sensor.source.rpartition("/")[0].removesuffix("#")


def _doubles(column: str) -> array.array[float]:
    """A base64 column of little-endian doubles."""
    values = array.array("d", base64.b64decode(column))
    if sys.byteorder == "big":
        values.byteswap()
    return values
