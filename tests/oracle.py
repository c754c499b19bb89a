"""What a reader that shares nothing with fleetmon counted in the recorded trees, compared with what a poll sees."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from fleetmon.clock import SystemClock
from fleetmon.drivers.base import Credentials, Opening, Request, Secret
from fleetmon.drivers.lane import Lane, Pace
from fleetmon.drivers.registry import open_driver
from fleetmon.model import Aspect, ComponentHealth, Endpoint, Health, Observation, Protocol, ReadingType
from tests import recordings

KINDS = {
    "fans": "Fan",
    "power_supplies": "PowerSupply",
    "drives": "Drive",
    "dimms": "Memory",
    "processors": "Processor",
    "volumes": "Volume",
}

PENDING = "the resource Settings of a part is what it shall be after the next reset, not a second part"
BOX = "payloads of unrelated devices in one folder; one telling is the older, one the newer, and both count"
OFFER = "the resource Volumes/Capabilities says what a new volume may be; it is none"
SIMPLE = "SimpleStorage tells its devices inline; the count knows resources alone"

TWICE = "Thermal tells two fans, ThermalSubsystem four others"
BARE = "told without @odata.type, by their place alone"

# Where the driver is right to see less than a count of the files does: tree, what is counted; how many it sees, why.
FEWER: dict[tuple[str, str], tuple[int, str]] = {
    ("dell-r750-idrac9", "volumes"): (3, PENDING),
    ("hpe-dl360-gen12-ilo7", "volumes"): (0, OFFER),
    ("hpe-dl380a-gen11-ilo6", "volumes"): (1, OFFER),
    ("hpe-dl385-gen10plus-ilo5-critical", "volumes"): (1, OFFER),
    ("hpe-xl675d-a100-ilo5", "volumes"): (1, OFFER),
    ("nvidia-dgx-h100-ami", "processors"): (11, PENDING),
    ("nvidia-gh200-openbmc", "processors"): (7, PENDING),
    ("supermicro-gb300-openbmc", "processors"): (6, PENDING),
}

# Where the driver is right to see more than that count, which takes the larger of two tellings.
MORE: dict[tuple[str, str], tuple[int, str]] = {
    ("dmtf-public-bladed", "drives"): (8, SIMPLE),
    ("dmtf-public-liquid-cooled-server", "drives"): (2, SIMPLE),
    ("dmtf-public-rackmount1", "drives"): (2, SIMPLE),
    ("dmtf-public-rackmount1", "fans"): (6, TWICE),
    ("dmtf-public-tower", "fans"): (6, TWICE),
    ("gofish-go-strings", "fans"): (14, BOX),
    ("gofish-go-strings", "power_supplies"): (2, BOX),
    ("powershelf-delta", "power_supplies"): (6, BARE),
}

# Statuses that are no component's health, and why.
NO_COMPONENT: dict[tuple[str, str], str] = {
    ("gofish-go-strings", "/redfish/v1/power/PowerSupplies/0 Warning"): BOX,
}

# Two tellings of the same parts of one resource; a driver reads one of the two.
TOLD_TWICE = (
    ("power/powersupplies/", "powersubsystem/powersupplies/"),
    ("thermal/fans/", "thermalsubsystem/fans/"),
    ("storagecontrollers/", "controllers/"),
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reader that shares nothing with fleetmon counted in one Redfish tree."""

    tree: str
    rooted: bool
    expect: dict[str, int]
    not_ok: tuple[str, ...]
    """Paths of every Status that is Warning or Critical, in lower case, each followed by that word."""
    failure_predicted: tuple[str, ...]

    def __str__(self) -> str:
        return self.tree


def expected_trees(*, rooted: bool) -> list[Expected]:
    """Every recorded Redfish tree with a service root, or without; empty where there are no recordings."""
    if not recordings.present():
        return []
    lines = [json.loads(line) for line in (recordings.FOLDER / "redfish-expected.jsonl").read_text().splitlines()]
    return [
        Expected(line["tree"], rooted, line["expect"], tuple(line["not_ok"]), tuple(line["failure_predicted"]))
        for line in lines
        if line["rooted"] is rooted
    ]


async def poll(url: str) -> Observation:
    """One poll of everything at `url`, with a login, as a new device would be polled."""
    return (await polls(url, frozenset(Aspect)))[0]


async def polls(url: str, *asked: frozenset[Aspect]) -> list[Observation]:
    """One poll after the other by the same driver, each for what is asked."""
    clock = SystemClock()
    driver = open_driver(
        Opening(
            endpoint=Endpoint(protocol=Protocol.REDFISH, address=url, verify="none"),
            credentials=Credentials(user="monitor", password=Secret("any")),
            lane=Lane(device=url, clock=clock, pace=Pace(poll_deadline=timedelta(seconds=55))),
            clock=clock,
        )
    )
    try:
        return [await driver.observe(Request(aspects=aspects)) for aspects in asked]
    finally:
        await driver.close()


def counted(seen: Observation) -> dict[str, int]:
    """Present components by kind, and temperatures that have a number, in the words of the independent reader."""
    present = Counter(health.component.kind for health in seen.health if health.state != "Absent")
    temperatures = [r for r in seen.readings if r.sensor.type is ReadingType.TEMPERATURE and r.number is not None]
    return {name: present[kind] for name, kind in KINDS.items()} | {"temperatures": len(temperatures)}


def place(source: str) -> str:
    """A source in the spelling of the independent reader: lower case, no fragment sign, no trailing slash."""
    return source.lower().replace("#", "").rstrip("/")


def differences(expected: Expected, seen: Observation) -> list[str]:
    """In what the poll differs from the independent reader; more temperatures are welcome, it counts one telling."""
    counts = counted(seen)
    tree = expected.tree
    miscounted = [
        f"{name}: {counts[name]} seen, {recorded} recorded"
        for name, recorded in expected.expect.items()
        if counts[name] < FEWER.get((tree, name), (recorded, ""))[0]
        or (name in KINDS and counts[name] > MORE.get((tree, name), (recorded, ""))[0])
    ]
    bad = {place(health.source): health for health in seen.health if health.health not in (Health.OK, Health.UNKNOWN)}
    missed = [
        f"not seen as health: {line}"
        for line in expected.not_ok
        if (tree, line) not in NO_COMPONENT and not told(line.rpartition(" ")[0].lower(), line.rpartition(" ")[2], bad)
    ]
    predicted = {place(health.source) for health in seen.health if health.failure_predicted}
    unpredicted = [f"failure not predicted: {path}" for path in expected.failure_predicted if path not in predicted]
    return miscounted + missed + unpredicted


def told(path: str, word: str, bad: dict[str, ComponentHealth]) -> bool:
    """Whether a health that is `word` points at `path`, or at the other resource that tells of the same parts."""
    if path in bad:
        return bad[path].health == word
    for older, newer in TOLD_TWICE:
        for one, other in ((older, newer), (newer, older)):
            if one in path:
                chassis = path.partition(one)[0]
                return any(p.startswith(chassis + other) and health.health == word for p, health in bad.items())
    return False
