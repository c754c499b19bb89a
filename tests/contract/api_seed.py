"""A small fleet in a real store, and the API over it, for the contract tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Gauge

from fleetmon.access.vault import Vault
from fleetmon.api.application import Parts, application, desk_over
from fleetmon.clock import ManualClock
from fleetmon.errors import Unreachable
from fleetmon.ingest import ingest
from fleetmon.model import (
    Aspect,
    Component,
    ComponentHealth,
    Device,
    DeviceKind,
    Endpoint,
    Health,
    Identity,
    Inventory,
    LogReading,
    LogRecord,
    NoReading,
    Observation,
    Part,
    Power,
    PowerState,
    Protocol,
    Rack,
    Reachability,
    Reading,
    ReadingType,
    RoleState,
    RoleStatus,
    Sensor,
    Site,
)
from fleetmon.settings import Settings
from fleetmon.storage.store import Store, open_store

BASE = "/api/v1"
ORIGIN = "http://127.0.0.1:8480"
BAY = Component("Drive", "Bay 3")
PORT = Component("EthernetInterface", "NIC 1")
INLET = Sensor(
    component=Component("Chassis", "1"),
    name="Inlet Temp",
    type=ReadingType.TEMPERATURE,
    source="/redfish/v1/Chassis/1/Thermal#/Temperatures/0",
    physical_context="Intake",
)
WATTS = Sensor(
    component=Component("Chassis", "1"),
    name="Power",
    type=ReadingType.POWER,
    source="/redfish/v1/Chassis/1/Power#/PowerControl/0",
)
FAN = Sensor(
    component=Component("Fan", "Fan 1"),
    name="Fan 1",
    type=ReadingType.ROTATIONAL,
    source="/redfish/v1/Chassis/1/Thermal#/Fans/0",
)


@dataclass
class Service:
    """The API over a seeded store, and what it asked of the other roles."""

    app: FastAPI
    store: Store
    clock: ManualClock
    vault: Vault
    settings: Settings
    client: httpx.AsyncClient
    poked: list[str] = field(default_factory=list)
    roles: list[RoleStatus] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def told(self, path: str, **params) -> dict:
        """The JSON of a GET that must work."""
        answer = await self.client.get(BASE + path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def observe(self, device_id: str, observation: Observation) -> None:
        """What the role `devices` would do with a poll."""
        device = await self.store.fleet.device(device_id)
        await ingest(
            observation,
            device,
            store=self.store,
            vault=self.vault,
            polling=self.settings.polling,
            received_at=self.clock.now(),
        )
        self.changed.set()


def server(number: int, *, rack: str = "R04", position_u: int | None = None) -> Device:
    return Device(
        device_id=f"web-{number}",
        name=f"web-{number}",
        kind=DeviceKind.SERVER,
        rack_id=rack,
        position_u=position_u or number,
        tags=("web",),
        cables=(("NIC 1", "leaf-1/Ethernet3"),),
        endpoints=(
            Endpoint(protocol=Protocol.REDFISH, address=f"https://127.0.0.1:{9000 + number}", credential="bmc"),
        ),
    )


def look(clock: ManualClock, *, inlet: float = 24.5, health: Health = Health.WARNING) -> Observation:
    """A full poll of one server whose Bay 3 predicts its failure."""
    now = clock.now()
    return Observation(
        protocol=Protocol.REDFISH,
        asked=frozenset(Aspect),
        answered=frozenset(Aspect),
        taken_at=now,
        seconds=0.4,
        requests=8,
        reachability=Reachability.REACHABLE,
        power=Power(state=PowerState.ON, taken_at=now, source="/redfish/v1/Systems/1"),
        readings=(
            Reading(sensor=INLET, value=inlet, taken_at=now),
            Reading(sensor=WATTS, value=312.0, taken_at=now),
            Reading(sensor=FAN, value=NoReading.ABSENT, taken_at=now),
        ),
        health=(
            ComponentHealth(
                component=BAY,
                health=health,
                state="Enabled",
                taken_at=now,
                source="/redfish/v1/Systems/1/Storage/1/Drives/3",
                failure_predicted=health is Health.WARNING,
                detail="media errors",
            ),
            ComponentHealth(
                component=PORT, health=Health.OK, state="Enabled", taken_at=now, source="/redfish/v1/Systems/1/NICs/1"
            ),
        ),
        components_complete=True,
        logs=(
            LogReading(
                log="SEL",
                source="/redfish/v1/Managers/1/LogServices/SEL",
                records=tuple(
                    LogRecord(
                        record_id=str(number),
                        severity=Health.WARNING if number % 2 else Health.OK,
                        message=f"event {number}",
                        source=f"/redfish/v1/Managers/1/LogServices/SEL/Entries/{number}",
                        created_at=now - timedelta(minutes=number),
                        created_text="as given",
                        component=BAY,
                    )
                    for number in range(1, 8)
                ),
                taken_at=now,
                reached_mark=False,
            ),
        ),
        inventory=Inventory(
            identity=Identity(manufacturer="Emulated", model="E1", serial_number="SN11", firmware="2.1"),
            parts=(
                Part(
                    component=BAY,
                    slot="3",
                    source="/redfish/v1/Systems/1/Storage/1/Drives/3",
                    serial_number="D3",
                    capacity_bytes=960_197_124_096,
                    properties={"media_type": "SSD"},
                ),
                Part(
                    component=PORT,
                    slot="NIC 1",
                    source="/redfish/v1/Systems/1/NICs/1",
                    properties={"mac_address": "02:00:00:00:00:01", "link": "LinkUp", "speed_mbps": 25000},
                ),
            ),
            taken_at=now,
            complete=True,
        ),
        identity=Identity(manufacturer="Emulated", model="E1", serial_number="SN11", firmware="2.1"),
    )


def silence(clock: ManualClock) -> Observation:
    """A poll that got no answer."""
    return Observation(
        protocol=Protocol.REDFISH,
        asked=frozenset(Aspect),
        answered=frozenset(),
        taken_at=clock.now(),
        seconds=10.0,
        requests=1,
        reachability=Reachability.UNREACHABLE,
        reason="no answer within 10 s",
    )


async def raw(device_id: str, resource: str):
    if resource == "/redfish/v1/Silent":
        raise Unreachable("no answer within 10 s", device=device_id, resource=resource)
    return {"@odata.id": resource, "Id": "1"}


@contextlib.asynccontextmanager
async def service(directory: Path, *, devices: int = 6) -> AsyncIterator[Service]:
    """Two sites, three racks, some servers in R04 of which the first was polled once, and the API."""
    clock = ManualClock()
    store = await open_store(directory, clock=clock)
    try:
        await seed(store, devices)
        found = compose(store, clock)
        transport = httpx.ASGITransport(app=found.app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"Origin": ORIGIN}) as client:
            found.client = client
            if devices:
                await found.observe("web-1", look(clock))
            yield found
    finally:
        await store.close()


async def seed(store: Store, devices: int) -> None:
    await store.fleet.apply(
        sites=[Site(site_id="core-1", name="core-1"), Site(site_id="edge-2", name="edge-2")],
        racks=[
            Rack(rack_id="R04", name="R04", site_id="core-1", row="A", height_u=42, feed_budget_watts=8000),
            Rack(rack_id="R05", name="R05", site_id="core-1"),
            Rack(rack_id="E01", name="E01", site_id="edge-2", height_u=24),
        ],
        devices=[server(number) for number in range(1, devices + 1)],
    )


_BUILT: list[FastAPI] = []


def app_over(parts: Parts) -> FastAPI:
    """The application, built once (its schemas take a while) and given new parts for each test."""
    if not _BUILT:
        _BUILT.append(application(parts))
    _BUILT[0].state.desk = desk_over(parts)
    return _BUILT[0]


def compose(store: Store, clock: ManualClock) -> Service:
    registry = CollectorRegistry()
    Gauge("fleetmon_devices", "Devices this worker looks after.", registry=registry).set(6)
    settings = Settings(data=store.directory, configuration=store.directory)
    vault = Vault(bytes(range(32)))
    poked: list[str] = []
    roles = [RoleStatus(role="devices", state=RoleState.RUNNING, since=clock.now(), restarts=0)]
    changed = asyncio.Event()
    parts = Parts(
        store=store,
        clock=clock,
        settings=settings,
        vault=vault,
        metrics=registry,
        roles=lambda: roles,
        raw=raw,
        poll_requested=poked.append,
        changed=changed,
        reload=list,
    )
    return Service(
        app=app_over(parts),
        store=store,
        clock=clock,
        vault=vault,
        settings=settings,
        client=None,
        poked=poked,
        roles=roles,
        changed=changed,
    )
