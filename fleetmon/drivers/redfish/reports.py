"""MetricReports: one request for all sensors, where the report is complete and alive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from fleetmon.drivers.redfish.catalog import Catalog
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.parse.metric_report import metrics
from fleetmon.drivers.redfish.resource import Resource
from fleetmon.model import Reading, Sensor

FRESH = timedelta(minutes=5)
"""How old, by the device's own clock, the values of a live report may be."""
_LONGEST_AGE = timedelta(days=1)


def device_clock(report: Resource, offset: float | None) -> datetime | None:
    """What the device's own clock showed when it sent the report: its Date header, else our time and `offset`."""
    try:
        at = parsedate_to_datetime(report.date)
    except (TypeError, ValueError):
        return None if offset is None else report.taken_at + timedelta(seconds=offset)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def clock_offset(managers: Iterable[Resource]) -> float | None:
    """Seconds by which the first manager that tells its time is ahead of us."""
    for manager in managers:
        if (at := fields.instant(manager.body.get("DateTime"))) is not None:
            return (at - manager.taken_at).total_seconds()
    return None


def readings(report: Resource, catalog: Catalog, offset: float | None) -> Iterator[Reading]:
    """The readings of a report. Each is as old as its time stamp says, by the device's own clock."""
    device_now = device_clock(report, offset)
    instants: dict[str, datetime] = {}
    own = report.body.get("Timestamp")
    for metric in metrics(report.body):
        sensor = catalog.sensor_of_property(metric.property)
        if sensor is None:
            continue
        stamp = metric.stamp or (own if isinstance(own, str) else "")
        if stamp not in instants:
            instants[stamp] = report.taken_at - age(stamp, device_now)
        yield Reading(sensor=sensor, value=metric.value, taken_at=instants[stamp])


def age(stamp: str, device_now: datetime | None) -> timedelta:
    """How old a value was when it was read; nothing when the device gives no usable times."""
    at = fields.instant(stamp)
    if at is None or device_now is None:
        return timedelta(0)
    return min(max(device_now - at, timedelta(0)), _LONGEST_AGE)


def is_alive(report: Resource, offset: float | None) -> bool:
    """Are the report's values of now, by the device's own clock? Without a clock to go by it is not believed."""
    device_now = device_clock(report, offset)
    if device_now is None:
        return False
    stamps = {metric.stamp for metric in metrics(report.body)} | {str(report.body.get("Timestamp", ""))}
    instants = [at for stamp in stamps if (at := fields.instant(stamp)) is not None]
    return bool(instants) and min(abs(device_now - at) for at in instants) <= FRESH


def told(report: Resource, catalog: Catalog, known: Mapping[str, float]) -> set[int]:
    """The sensors of the catalog (by identity) that the report tells, in numbers that agree with other resources."""
    found: set[int] = set()
    for metric in metrics(report.body):
        sensor = catalog.sensor_of_property(metric.property)
        if sensor is not None and isinstance(metric.value, float) and _agrees(sensor, metric.value, known):
            found.add(id(sensor))
    return found


def _agrees(sensor: Sensor, value: float, known: Mapping[str, float]) -> bool:
    """Is it the same quantity in the same unit? A wrong join shows as a wild difference (F32)."""
    other = known.get(sensor.source)
    return other is None or abs(value - other) <= max(abs(other), abs(value)) * 0.5 + 5
