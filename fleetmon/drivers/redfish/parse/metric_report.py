"""What a MetricReport tells: values, and of which property of which resource."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.resource import key
from fleetmon.model import NoReading


class Metric(NamedTuple):
    """One value of a MetricReport: what it is a value of, and by the device's clock when."""

    property: str
    value: float | NoReading
    stamp: str


def metrics(body: Json) -> Iterator[Metric]:
    """The values of a MetricReport that say of which property they are."""
    for _, entry in fields.items(body, "MetricValues"):
        target = entry.get("MetricProperty")
        if isinstance(target, str) and target:
            found = fields.number(entry.get("MetricValue"))
            stamp = entry.get("Timestamp")
            yield Metric(target, NoReading.FAULTY if found is None else found, stamp if isinstance(stamp, str) else "")


def property_keys(place: str, source: str) -> tuple[str, ...]:
    """The spellings under which a report may name the property at `source`."""
    path, _, pointer = source.partition("#")
    spelled = f"{key(path)}#{pointer.lower()}"
    return (
        (spelled, key(path), f"{key(path)}{pointer.lower()}")
        if pointer == "/Reading"
        else (spelled, f"{key(path)}{pointer.lower()}")
    )


def property_key(metric_property: str) -> str:
    """One spelling of a MetricProperty."""
    path, _, pointer = metric_property.partition("#")
    return f"{key(path)}#{pointer.rstrip('/').lower()}" if pointer else key(path)
