"""LogServices: the event log and the lifecycle log, newest entry first or last, in pages, clearable."""

from __future__ import annotations

import random
from functools import cache, partial
from typing import TYPE_CHECKING

from emulator.accents.families import FAMILIES
from emulator.accents.model import Family, Shape
from emulator.logs import Entry, Log
from emulator.redfish.errors import Answer, Json
from emulator.redfish.places import Places, collection, ref, resource, status
from emulator.redfish.resource import Resource, Tree
from emulator.sensor_rows import dimm_name, rows_of
from emulator.server import Request

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

PURPOSES = ("event", "lifecycle")


def log_branch(family: Family, tree: Tree) -> None:
    """Both logs of a machine."""
    places = Places(family.shape)
    paths = [places.log(purpose) for purpose in PURPOSES]
    for services in dict.fromkeys(path.rpartition("/")[0] for path in paths):
        members = [path for path in paths if path.startswith(f"{services}/")]
        tree.fixed[services] = Resource(get=partial(_services, services, members))
    for purpose, path in zip(PURPOSES, paths, strict=True):
        tree.fixed[path] = Resource(get=partial(_service, purpose))
        tree.fixed[f"{path}/Entries"] = Resource(get=partial(_entries, purpose), write=partial(_entry, purpose))
        tree.fixed[f"{path}/Actions/LogService.ClearLog"] = Resource(post=partial(_clear, purpose))
        tree.members[f"{path}/Entries"] = partial(_member, purpose)


def _services(path: str, members: list[str], bmc: Bmc) -> Json:
    return collection(path, "LogService", members)


def _when_full(log: Log) -> str:
    return "NeverOverWrites" if log.keeps_oldest else "WrapsWhenFull"


def _service(purpose: str, bmc: Bmc) -> Json:
    path, log = bmc.places.log(purpose), bmc.machine.logs[purpose]
    return resource(
        path, "LogService.v1_5_0.LogService", "System Event Log" if purpose == "event" else "Lifecycle Log",
        ServiceEnabled=True,
        Status=status(), LogEntryType="SEL" if purpose == "event" else "Event", MaxNumberOfRecords=log.capacity,
        OverWritePolicy=_when_full(log),
        DateTime=bmc.told_time(bmc.plant.clock.now()), DateTimeLocalOffset=bmc.told_offset(),
        Entries=ref(f"{path}/Entries"),
        Actions={"#LogService.ClearLog": {"target": f"{path}/Actions/LogService.ClearLog"}},
    )  # fmt: skip


def _entries(purpose: str, bmc: Bmc) -> Json:
    """All entries, still to be cut to a page and written out."""
    path = f"{bmc.places.log(purpose)}/Entries"
    kept = bmc.machine.logs[purpose].entries
    entries = list(kept if bmc.shape.oldest_first else reversed(kept))
    if bmc.policy("shuffle", False):
        random.Random(len(entries)).shuffle(entries)
    return {
        "@odata.id": path, "@odata.type": "#LogEntryCollection.LogEntryCollection", "Name": "Log Entry Collection",
        "Members@odata.count": len(entries), "Members": entries,
    }  # fmt: skip


def _member(purpose: str, bmc: Bmc, name: str) -> Resource | None:
    entry = next((e for e in bmc.machine.logs[purpose].entries if str(e.number) == name), None)
    return Resource(get=partial(_entry, purpose, entry)) if entry else None


def _entry(purpose: str, entry: Entry, bmc: Bmc) -> Json:
    document = resource(
        f"{bmc.places.log(purpose)}/Entries/{entry.number}", "LogEntry.v1_16_0.LogEntry", f"Log Entry {entry.number}",
        EntryType="SEL" if purpose == "event" else "Event", Severity=entry.severity,
        Created=bmc.told_time(entry.instant),
        Message=entry.message, MessageId=entry.message_id, MessageArgs=list(entry.args),
    )  # fmt: skip
    origin = part_path(bmc, entry.part)
    return document | ({"Links": {"OriginOfCondition": ref(origin)}} if origin else {})


def part_path(bmc: Bmc, name: str) -> str | None:
    """The resource of a component by its name, where there is one."""
    return _part_paths(bmc.machine.family.name, bmc.shape).get(name) if name else None


@cache
def _part_paths(family_name: str, shape: Shape) -> dict[str, str]:
    family = FAMILIES[family_name]
    places = Places(shape)
    paths = {f"Drive Bay {bay}": places.drive(bay) for bay in range(family.bays + family.empty_bays)}
    paths |= {f"Volume {index}": f"{places.storage}/Volumes/{index}" for index in range(len(family.raid))}
    paths |= {f"Fan {index + 1}": places.part("Fan", index) or "" for index in range(family.fans)}
    paths |= {f"PSU {index + 1}": places.part("PowerSupply", index) or "" for index in range(family.supplies)}
    paths |= {f"DIMM {dimm_name(family, index)}": places.part("Memory", index) or "" for index in range(family.dimms)}
    for kind, name, count in (
        ("Gpu", "GPU", family.gpus if family.shape.baseboard_id else 0),
        ("Outlet", "Outlet", family.outlets),
        ("Pump", "Pump", family.pumps),
        ("LeakDetector", "Leak Detector", family.leak_detectors),
    ):
        paths |= {f"{name} {index + 1}": places.part(kind, index) or "" for index in range(count)}
    if family.shape.subsystems:
        paths |= {
            row.name: f"{places.chassis}/Sensors/{row.key}" for row in rows_of(family_name) if row.type == "Temperature"
        }
    return paths


def _clear(purpose: str, bmc: Bmc, body: Json, request: Request) -> Answer:
    bmc.plant.ledger.note(bmc.machine.name, "log_cleared", log=purpose, source=bmc.who(request))
    bmc.machine.logs[purpose].clear(bmc.plant.clock.now())
    return Answer(204)
