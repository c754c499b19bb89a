"""What an inventory alone need not read: without `$expand` every resource left out is a request spared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from fleetmon.drivers.redfish.parse.components import Seen, seen_in
from fleetmon.drivers.redfish.parse.naming import merge, names
from fleetmon.drivers.redfish.parse.parts import parts
from fleetmon.drivers.redfish.resource import Resource, key, kind_of
from fleetmon.model import Part

NO_STOCK = frozenset(
    {"Sensors", "TelemetryService", "MetricReports", "EnvironmentMetrics", "ThermalMetrics", "Metrics"}
)
"""Names an inventory does not follow: behind them things are measured, and none is made of parts."""

_OFTEN_REPEATED = ("PowerSubsystem", "ThermalSubsystem", "Power", "EthernetInterfaceCollection")
"""Types of resources whose parts another resource often tells as well, with all that hangs below them."""


def repeated(resources: Iterable[Resource], skipped: Collection[str], naming: Mapping[str, int]) -> frozenset[str]:
    """The resources (by key) without which the very same parts are told; those `skipped` in any case tell none."""
    read = [part for part in resources if key(part.path) not in skipped and kind_of(part.body) != "Sensor"]
    told = {key(part.path): list(seen_in(part)) for part in read}
    wanted = _parts(told, naming)
    spare: set[str] = set()
    for kind in _OFTEN_REPEATED:
        for top in (key(part.path) for part in read if kind_of(part.body, part.path) == kind):
            group = {place for place in told if place == top or place.startswith(f"{top}/")}
            rest = {place: things for place, things in told.items() if place not in spare and place not in group}
            if _parts(rest, naming) == wanted:
                spare |= group
    return frozenset(spare)


def _parts(told: Mapping[str, list[Seen]], naming: Mapping[str, int]) -> dict[tuple[str, str], Part]:
    """The parts by name, wherever they are told."""
    things = merge([thing for found in told.values() for thing in found])
    components, _ = names(things, naming)
    return {(part.component.kind, part.component.name): replace(part, source="") for part in parts(things, components)}
