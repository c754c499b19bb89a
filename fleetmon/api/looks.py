"""One device, closer: components, sensors, readings, events, inventory, ports, and its raw resources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import Field

from fleetmon.api import tell
from fleetmon.api.given import Cursor, Healths, Instant, Key, Limit
from fleetmon.api.parts import Desk, Here
from fleetmon.api.problems import BAD_PARAMETER, FieldError, Problem
from fleetmon.api.roles import Role
from fleetmon.api.routes import Route
from fleetmon.api.shapes import Component, Event, Inventory, Page, Raw, Sensor, Series, SeriesOfMany
from fleetmon.api.wire import (
    LIMIT_DEFAULT,
    answer,
    cursor_given,
    encoded,
    fresh,
    list_answer,
    page_of,
    read_instant,
    told_at,
)
from fleetmon.ingest import witnesses
from fleetmon.ingest.standins import is_told_by
from fleetmon.model import Aspect, Health, Reading
from fleetmon.storage import rows, telemetry_rows
from fleetmon.storage.rows import ComponentRow, DeviceSummary, PartChange, Stated
from fleetmon.storage.telemetry_rows import SensorRow

SERIES_MOST = 16
POINTS_LEAST, POINTS_DEFAULT, POINTS_MOST = 2, 400, 10_000
SPAN_DEFAULT = timedelta(hours=24)

SensorIds = Annotated[list[Annotated[int, Field(ge=1, lt=2**63)]], Query(min_length=1, max_length=SERIES_MOST)]
Resource = Annotated[
    str,
    Query(min_length=1, max_length=512, pattern=r"^[\x21-\x7e]+$", description="such as /redfish/v1/Systems"),
]


async def list_components(
    here: Here,
    request: Request,
    device_id: Key,
    kind: Annotated[str | None, Query(max_length=63, description="only components of this kind, such as Drive")] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """What the device is made of and how each component fares, by kind and name."""
    device = await here.summary(device_id)
    found = await here.store.components.of_device(device.device_id, kind)
    page, following = page_of(found, lambda row: (row.component.kind, row.component.name), cursor=cursor, limit=limit)
    now, stale_after = here.clock.now(), 3 * here.parts.settings.polling.interval.of(Aspect.COMPONENTS)
    items = [_component(row, device, now, stale_after) for row in page]
    return list_answer(request, items, next_cursor=following, revision=device.revision)


async def list_sensors(
    here: Here, request: Request, device_id: Key, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Response:
    """What the device measures: each sensor with its last reading, by component and name."""
    device = await here.summary(device_id)
    found = await _told_now(here, device_id, await here.store.telemetry.sensors(device.device_id, spark=True))
    page, following = page_of(found, _sensor_key, cursor=cursor, limit=limit)
    items = [_sensor(row, device, here.clock.now()) for row in page]
    return list_answer(request, items, next_cursor=following, revision=device.revision)


async def _told_now(here: Desk, device_id: str, rows: list[SensorRow]) -> list[SensorRow]:
    """Without the sensors of an endpoint that stood in for another one which tells its own again."""
    if not any(":" in row.sensor.source for row in rows):
        return rows
    device = await here.device(device_id)
    states = await here.store.endpoints.of_device(device)
    misses = here.parts.settings.polling.misses
    silent = [
        one.protocol.value
        for one in states
        if witnesses.role_of(one.protocol, states, misses) is witnesses.Role.WITNESS
    ]
    return [row for row in rows if not any(is_told_by(row.sensor, protocol) for protocol in silent)]


async def get_readings(
    here: Here,
    device_id: Key,
    sensor: SensorIds,
    from_: Annotated[Instant, Query(alias="from")] = None,
    to: Instant = None,
    points: Annotated[int, Query(ge=POINTS_LEAST, le=POINTS_MOST)] = POINTS_DEFAULT,
    rate: bool | None = None,
) -> Response:
    """Readings of one sensor, or of several, over a span; the last 24 hours when none is given.

    Where there are more readings than `points`, each point tells minimum, mean and maximum of one step. Of a counter
    (type Counter) it is the rate by second, never across a reset or a gap; its counts with `rate=false`. With
    `rate=true` of whatever sensor.
    """
    device = await here.summary(device_id)
    end = read_instant(to, "to") if to else here.clock.now()
    start = read_instant(from_, "from") if from_ else end - SPAN_DEFAULT
    if start >= end:
        reason = "must be earlier than `to`"
        raise Problem(BAD_PARAMETER, f"from: {reason}", errors=[FieldError("from", reason)])
    series = [
        _series(
            await here.store.telemetry.readings(
                device.device_id, sensor_id, start=start, end=end, points=points, interval=device.interval, rate=rate
            )
        )
        for sensor_id in dict.fromkeys(sensor)
    ]
    return fresh(series[0] if len(sensor) == 1 else {"series": series})


async def list_device_events(
    here: Here,
    request: Request,
    device_id: Key,
    severity: Healths = None,
    from_: Annotated[Instant, Query(alias="from")] = None,
    to: Instant = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """What the logs of one device said, newest received first."""
    found = await here.device_id(device_id)
    return await _events(here, request, found, severity, (from_, to), limit, cursor)


async def list_events(
    here: Here,
    request: Request,
    severity: Healths = None,
    from_: Annotated[Instant, Query(alias="from")] = None,
    to: Instant = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """What the logs of all devices said, newest received first."""
    return await _events(here, request, None, severity, (from_, to), limit, cursor)


async def get_inventory(here: Here, request: Request, device_id: Key) -> Response:
    """What the device is made of, by serial number, and how that changed."""
    found = await here.store.components.inventory(await here.device_id(device_id))
    told = {
        "identity": tell.identity(found.identity),
        "taken_at": told_at(found.taken_at),
        "complete": found.complete,
        "parts": [tell.part(part) for part in found.parts],
        "history": [_part_change(change) for change in found.history],
    }
    return answer(request, encoded(told))


async def get_raw(here: Here, device_id: Key, resource: Resource) -> Response:
    """One resource as the device gives it, read now through the device's own lane."""
    found = await here.device_id(device_id)
    body = await here.parts.raw(found, resource)
    return fresh({"resource": resource, "taken_at": told_at(here.clock.now()), "body": body})


# Told.


def _component(row: ComponentRow, device: DeviceSummary, now: datetime, stale_after: timedelta) -> dict[str, Any]:
    seen = row.health
    part = tell.part(row.part)
    if seen is None:
        condition: dict[str, Any] = {
            "health": Health.UNKNOWN,
            "state": "",
            "failure_predicted": None,
            "detail": "",
            "taken_at": None,
            "source": row.part.source if row.part else "",
            "quality": "good",
            "stale": False,
        }
    else:
        condition = {
            "health": seen.health,
            "state": seen.state,
            "failure_predicted": seen.failure_predicted,
            "detail": seen.detail,
            "taken_at": told_at(seen.taken_at),
            "source": seen.source,
            "quality": seen.quality,
            "stale": device.stale or now - seen.taken_at > stale_after,
        }
    return {"kind": row.component.kind, "name": row.component.name, **condition, "part": part}


def _sensor_key(row: SensorRow) -> tuple[str, ...]:
    sensor = row.sensor
    return sensor.component.kind, sensor.component.name, sensor.name, sensor.type.value


def _sensor(row: SensorRow, device: DeviceSummary, now: datetime) -> dict[str, Any]:
    sensor = row.sensor
    return {
        "sensor_id": row.sensor_id,
        "component": tell.component(sensor.component),
        "name": sensor.name,
        "type": sensor.type,
        "unit": sensor.unit,
        "physical_context": sensor.physical_context,
        "thresholds": tell.thresholds(sensor.thresholds),
        "range_min": sensor.range_min,
        "range_max": sensor.range_max,
        "reading": tell.stated(stated_of(row.reading), now, device.interval, stale=device.stale),
        "spark": list(row.spark),
    }


def stated_of(reading: Reading | None) -> Stated:
    """A reading as a stated value; NeverRead where there is none."""
    if reading is None:
        return Stated()
    return Stated(
        value=reading.number,
        reason=reading.reason,
        taken_at=reading.taken_at,
        source=reading.sensor.source,
        quality=reading.quality,
    )


def _series(series: telemetry_rows.Series) -> dict[str, Any]:
    return {
        "sensor_id": series.sensor_id,
        "unit": series.unit,
        "from": told_at(series.start),
        "to": told_at(series.end),
        "step": None if series.step is None else series.step.total_seconds(),
        "points": series.table,
        "gaps": series.gaps,
        "source": "raw" if series.made_of is None else "rollup",
    }


async def _events(
    here: Desk,
    request: Request,
    device_id: str | None,
    severity: Sequence[str] | None,
    span: tuple[str | None, str | None],
    limit: int,
    cursor: str | None,
) -> Response:
    start, end = span
    with cursor_given(cursor):
        page = await here.store.events.page(
            device_id=device_id,
            start=read_instant(start, "from") if start else None,
            end=read_instant(end, "to") if end else None,
            severity=[Health(word) for word in severity or ()],
            limit=limit,
            cursor=cursor,
        )
    revision = await here.store.events.newest()
    twins = await here.store.twins.of_events([event.event_id for event in page.items])
    items = [_event(event, twins.get(event.event_id, ())) for event in page.items]
    return list_answer(request, items, next_cursor=page.next, revision=revision)


def _event(event: rows.Event, twins: Sequence[rows.Twin]) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "device_id": event.device_id,
        "log": event.log,
        "generation": event.generation,
        "record_id": event.record_id,
        "severity": event.severity,
        "message": event.message,
        "message_id": event.message_id,
        "component": tell.component(event.component),
        "created_at": told_at(event.created_at),
        "created_text": event.created_text,
        "clock_suspect": event.clock_suspect,
        "received_at": told_at(event.received_at),
        "source": event.source,
        "history": event.history,
        "twins": [
            {
                "log": twin.log,
                "record_id": twin.record_id,
                "severity": twin.severity,
                "message": twin.message,
                "source": twin.source,
                "received_at": told_at(twin.received_at),
            }
            for twin in twins
        ],
    }


def _part_change(change: PartChange) -> dict[str, Any]:
    return {
        "at": told_at(change.at),
        "kind": change.kind,
        "slot": change.slot,
        "what": change.what,
        "before": tell.part(change.before),
        "after": tell.part(change.after),
    }


ROUTES = (
    Route("GET", "/devices/{device_id}/components", list_components, Role.VIEWER, Page[Component], tag="device"),
    Route("GET", "/devices/{device_id}/sensors", list_sensors, Role.VIEWER, Page[Sensor], tag="device"),
    Route("GET", "/devices/{device_id}/readings", get_readings, Role.VIEWER, Series | SeriesOfMany, tag="device"),
    Route("GET", "/devices/{device_id}/events", list_device_events, Role.VIEWER, Page[Event], tag="device"),
    Route("GET", "/events", list_events, Role.VIEWER, Page[Event], tag="fleet"),
    Route("GET", "/devices/{device_id}/inventory", get_inventory, Role.VIEWER, Inventory, tag="device"),
    Route("GET", "/devices/{device_id}/raw", get_raw, Role.RESPONDER, Raw, tag="device"),
)
