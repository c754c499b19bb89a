"""Small devices and observations for tests of the store and of ingest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fleetmon.access.vault import Vault
from fleetmon.clock import ManualClock
from fleetmon.ingest import Ingested, ingest
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
    Quality,
    Rack,
    Reachability,
    Reading,
    ReadingType,
    Sensor,
    Site,
)
from fleetmon.settings import Polling
from fleetmon.storage import Store, open_store

START = datetime(2026, 1, 6, 8, 0, tzinfo=UTC)
VAULT = Vault(b"0123456789abcdef0123456789abcdef")
STEADY = frozenset({Aspect.HEARTBEAT, Aspect.SENSORS})
EVERYTHING = frozenset(Aspect)


@asynccontextmanager
async def opened(directory: Path, clock: ManualClock | None = None, **more: Any) -> AsyncIterator[Store]:
    """A store, closed again whatever happens."""
    store = await open_store(directory, clock=clock or ManualClock(START), **more)
    try:
        yield store
    finally:
        await store.close()


def device(name: str = "web-01", **more: Any) -> Device:
    """A server at a loopback address."""
    endpoint = Endpoint(protocol=Protocol.REDFISH, address="https://127.0.0.1:9001", credential="lab")
    return Device(**{"device_id": name, "name": name, "kind": DeviceKind.SERVER, "endpoints": (endpoint,), **more})


async def with_rack(store: Store, rack_id: str = "R1", site_id: str = "core") -> Rack:
    """A site with one rack."""
    await store.fleet.put_site(Site(site_id=site_id, name=site_id.title()))
    rack = Rack(rack_id=rack_id, name=rack_id, site_id=site_id)
    await store.fleet.put_rack(rack)
    return rack


def sensor(name: str, kind: ReadingType = ReadingType.TEMPERATURE, **more: Any) -> Sensor:
    """A sensor of the chassis."""
    return Sensor(**{"component": Component("Chassis", "1"), "name": name, "type": kind, "source": f"/{name}", **more})


def reading(
    of: Sensor | str, value: float | NoReading, at: datetime = START, quality: Quality = Quality.GOOD
) -> Reading:
    """One reading."""
    return Reading(sensor=sensor(of) if isinstance(of, str) else of, value=value, taken_at=at, quality=quality)


def health(
    kind: str, name: str, word: Health = Health.OK, state: str = "Enabled", at: datetime = START, **more: Any
) -> ComponentHealth:
    """The condition of one component."""
    return ComponentHealth(
        component=Component(kind, name), health=word, state=state, taken_at=at, source=f"/{kind}/{name}", **more
    )


def part(name: str, serial_number: str = "", kind: str = "Drive", **more: Any) -> Part:
    """A part in the slot of its name."""
    return Part(component=Component(kind, name), slot=name, source=f"/{name}", serial_number=serial_number, **more)


def inventory(*parts: Part, at: datetime = START, complete: bool = True, identity: Identity | None = None) -> Inventory:
    """All parts of a device."""
    return Inventory(identity=identity or Identity(), parts=parts, taken_at=at, complete=complete)


def record(record_id: str | int, message: str = "", created_text: str = "", **more: Any) -> LogRecord:
    """One record of a log."""
    return LogRecord(
        **{
            "record_id": str(record_id),
            "severity": Health.OK,
            "message": message or f"message {record_id}",
            "source": f"/log/{record_id}",
            "created_text": created_text or f"2026-01-06T07:{int(record_id) % 60:02}:00Z",
            **more,
        }
    )


def log_reading(*records: LogRecord, reached: bool = True, at: datetime = START, **more: Any) -> LogReading:
    """One look at the SEL."""
    return LogReading(
        **{"log": "SEL", "source": "/log", "records": records, "taken_at": at, "reached_mark": reached, **more}
    )


def observed(at: datetime = START, power: PowerState | None = PowerState.ON, **more: Any) -> Observation:
    """A poll that went well."""
    told = None if power is None else Power(state=power, taken_at=at, source="/system")
    return Observation(
        **{
            "protocol": Protocol.REDFISH,
            "asked": STEADY,
            "answered": more.get("asked", STEADY),
            "taken_at": at,
            "seconds": 0.2,
            "requests": 2,
            "reachability": Reachability.REACHABLE,
            "power": told,
            **more,
        }
    )


def walked(at: datetime, *components: ComponentHealth, complete: bool = True, **more: Any) -> Observation:
    """A poll that looked at every component."""
    return observed(at, asked=EVERYTHING, health=components, components_complete=complete, **more)


def silence(at: datetime = START, reason: str = "no answer within 10 s") -> Observation:
    """A poll that went unanswered."""
    return observed(at, None, answered=frozenset(), reachability=Reachability.UNREACHABLE, reason=reason, requests=1)


async def take(store: Store, *observations: Observation, of: Device | None = None) -> list[Ingested]:
    """Ingest observations one after the other."""
    return [
        await ingest(
            one,
            of or device(),
            store=store,
            vault=VAULT,
            polling=Polling(),
            received_at=one.taken_at,
        )
        for one in observations
    ]


def minutes(number: float) -> timedelta:
    """So many minutes."""
    return timedelta(minutes=number)


def sixty() -> Sequence[Sensor]:
    """Sixty sensors as a server has them."""
    temperatures = [sensor("Inlet Temp", physical_context="Intake"), sensor("Exhaust Temp", physical_context="Exhaust")]
    temperatures += [sensor(f"CPU{number} Temp", physical_context="CPU") for number in range(26)]
    power = [sensor("System Power", ReadingType.POWER, physical_context="Chassis")]
    fans = [
        sensor("Speed", ReadingType.ROTATIONAL, component=Component("Fan", f"Fan {number}")) for number in range(31)
    ]
    return [*temperatures, *power, *fans]
