"""What the metrics of a part tell of its life: wear, spare blocks, hours, errors; told as properties of the part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.parse.readings import owner_of_metrics
from fleetmon.drivers.redfish.resource import Resource, key, kind_of
from fleetmon.model import Scalar


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a metrics resource, and our name for it."""

    name: str
    path: str
    used: bool = False
    """Is it the share used up (NVMe lets it pass 100), of which we tell what is left?"""


FIGURES: Mapping[str, tuple[Figure, ...]] = {
    "DriveMetrics": (
        Figure("life_left_percent", "NVMeSMART/PercentageUsed", used=True),
        Figure("spare_left_percent", "NVMeSMART/AvailableSparePercent"),
        Figure("power_on_hours", "NVMeSMART/PowerOnHours"),
        Figure("power_on_hours", "PowerOnHours"),
        Figure("media_errors", "NVMeSMART/MediaAndDataIntegrityErrors"),
        Figure("bad_blocks", "BadBlockCount"),
        Figure("uncorrectable_read_errors", "UncorrectableIOReadErrorCount"),
        Figure("uncorrectable_write_errors", "UncorrectableIOWriteErrorCount"),
    ),
    "MemoryMetrics": (
        Figure("correctable_errors", "LifeTime/CorrectableECCErrorCount"),
        Figure("uncorrectable_errors", "LifeTime/UncorrectableECCErrorCount"),
        Figure("life_left_percent", "HealthData/PredictedMediaLifeLeftPercent"),
        Figure("spare_left_percent", "HealthData/RemainingSpareBlockPercentage"),
    ),
    "ProcessorMetrics": (
        Figure("correctable_errors", "CacheMetricsTotal/LifeTime/CorrectableECCErrorCount"),
        Figure("uncorrectable_errors", "CacheMetricsTotal/LifeTime/UncorrectableECCErrorCount"),
        Figure("pcie_correctable_errors", "PCIeErrors/CorrectableErrorCount"),
        Figure("pcie_fatal_errors", "PCIeErrors/FatalErrorCount"),
    ),
}
"""By type of resource, as its schema (DSP8010) names them; of two figures of one name the first that is told counts."""


def figures(resources: Iterable[Resource]) -> dict[str, dict[str, Scalar]]:
    """What metrics tell, by the part (by key) they hang below."""
    found: dict[str, dict[str, Scalar]] = {}
    for resource in resources:
        rows = FIGURES.get(kind_of(resource.body, resource.path), ())
        if told := {row.name: said for row in reversed(rows) if (said := _figure(resource.body, row)) is not None}:
            found.setdefault(key(owner_of_metrics(resource.path)), {}).update(told)
    return found


def _figure(body: Json, row: Figure) -> Scalar | None:
    *holders, name = row.path.split("/")
    said = fields.number(fields.child(body, *holders).get(name))
    if said is None or not 0 <= said < 2**63:
        return None
    if row.used:
        return int(max(0, 100 - said))
    if row.name.endswith("_percent") and said > 100:
        return None
    return int(said) if said.is_integer() else said
