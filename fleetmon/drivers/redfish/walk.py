"""A walk over a service: from the root along the links that lead to hardware, the most telling resources first.

A link is followed because of the name it stands under; the table says which, and in which order, so that a walk cut short by the
deadline has seen the important things. What reports trouble is looked at closely: below it every link is followed, the vendor's
own included, so a healthy device is asked for little and a sick one for all it can say.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.resource import ROOT, Fetch, Resource, holder_of, is_resource, key, local, unfold
from fleetmon.errors import AccessDenied, Busy, DeviceError, Unreachable, Unsupported, Untrusted
from fleetmon.model import Health, Problem

MAX_RESOURCES = 6000
"""Of one walk; the largest recorded service, eight accelerators with all their ports, has 3,700."""
MAX_PAGES = 200
"""Of one collection (F41)."""
CLOSE_LOOK_DEPTH = 6
"""Links below something that reports trouble."""

RANKS = {
    "Systems": 0, "Chassis": 0, "Managers": 1, "PowerEquipment": 1, "ThermalEquipment": 1, "Fabrics": 3,
    "Thermal": 1, "Power": 1, "ThermalSubsystem": 2, "PowerSubsystem": 2, "EnvironmentMetrics": 3, "ThermalMetrics": 3,
    "Storage": 2, "SimpleStorage": 4, "Drives": 2, "Volumes": 3, "Controllers": 3, "StorageControllers": 3,
    "StoragePools": 6,
    "Memory": 3, "Processors": 3, "Fans": 3, "PowerSupplies": 3, "Batteries": 3, "Metrics": 6, "Pumps": 3,
    "Reservoirs": 3, "Heaters": 6, "Filters": 3, "LeakDetection": 2, "LeakDetectors": 2,
    "CoolantConnectorRedundancy": 9,
    "PrimaryCoolantConnectors": 4, "SecondaryCoolantConnectors": 4, "CoolantConnectors": 4, "CDUs": 2,
    "CoolingLoops": 3,
    "HeatExchangers": 2, "ImmersionUnits": 2, "CoolingUnits": 2, "FloorPDUs": 2, "RackPDUs": 2, "Switchgear": 2,
    "TransferSwitches": 2, "PowerShelves": 2, "ElectricalBuses": 2, "PowerMeters": 3, "Mains": 3, "Outlets": 3,
    "OutletGroups": 4,
    "Branches": 4, "Feeders": 3, "Subfeeds": 4, "Switches": 4, "Sensors": 5, "NetworkAdapters": 4,
    "NetworkInterfaces": 6,
    "EthernetInterfaces": 5, "Ports": 5, "NetworkPorts": 5, "PhysicalPorts": 5, "PCIeDevices": 6, "Assembly": 6,
    "FabricAdapters": 6, "GraphicsControllers": 6, "USBControllers": 8, "TrustedComponents": 8, "Cables": 8,
    "UpdateService": 7, "FirmwareInventory": 7, "TelemetryService": 8, "MetricReports": 8,
}  # fmt: skip
"""Property names that lead to hardware, and how soon they are followed; everything else waits for a close look."""

FROM_LINKS = frozenset(
    {
        "Chassis", "ComputerSystems", "Contains", "CooledBy", "ManagedBy", "ManagerForChassis", "ManagerForServers", "Drives", "Fans", "Memory", "PowerSupplies", "PoweredBy", "Processors",
        "Storage",
        "Switches", "Volumes",
    }
)  # fmt: skip
"""Names followed inside a Links object, last of all: for services that list these things nowhere else."""

FROM_OEM = frozenset({"ThermalMetrics"})
"""Names followed inside an Oem object: standard resources that only the vendor links to."""

WHERE_SILENT = {"NetworkDeviceFunctions": "NetworkAdapter"}
"""Names followed in a resource of this type when it says nothing of its own health."""

ONLY_FROM = {
    "Metrics": ("PowerSupply", "PowerDistribution", "Battery", "CoolingUnit"),
    "EnvironmentMetrics": ("Chassis", "PowerDistribution", "CoolingUnit", "Switch"),
    "Assembly": ("Chassis",),
    "Ports": ("NetworkAdapter", "Switch", "FabricAdapter", "StorageController"),
    "NetworkPorts": ("NetworkAdapter",),
    "Controllers": ("Storage",),
    "MetricReports": ("TelemetryService",),
    "Members": (),
}
"""Names that are worth a request only in a resource of these types."""

NEVER = frozenset(
    {
        "Certificates", "JsonSchemas", "Registries", "AccountService", "SessionService", "Sessions",
        "CertificateService",
        "EventService", "TaskService", "Tasks", "JobService", "KeyService", "LicenseService", "ComponentIntegrity",
        "LogServices",
        "Entries", "VirtualMedia", "Bios", "SecureBoot", "BootOptions", "SubProcessors", "Roles", "Accounts",
        "Subscriptions",
        "ComputerSystem", "Endpoints",
        "ConnectedPorts",
        "OriginOfCondition", "MetricReportDefinition", "MetricDefinition", "MetricDefinitions", "Triggers",
        "TelemetryService",
        "NetworkProtocol", "HostInterfaces", "SerialInterfaces", "AggregationService", "CompositionService",
        "ResourceBlocks",
        "LogEntry", "Dumps", "Schemas", "ServiceEventLogs",
    }
)  # fmt: skip
"""Names not followed even in a close look: they lead away from the hardware, or round in circles."""

_AWAY = frozenset(name.lower() for name in NEVER) - {"telemetryservice", "computersystem"} | {"capabilities"}

DEPTHS = {
    "Systems": 4, "Chassis": 5, "Managers": 3, "UpdateService": 2, "Storage": 3, "NetworkAdapters": 3,
    "ThermalSubsystem": 3,
    "PowerSubsystem": 3, "Fabrics": 3, "PowerEquipment": 4, "ThermalEquipment": 4, "Switches": 3, "TelemetryService": 2,
}  # fmt: skip
"""How many levels a single request may usefully bring; 1 for every other collection, none for what is no collection."""

EXPANDED = "*"
"""Stands for a name where a resource is read a second time, expanded."""
MANY = 3
"""References to unread resources that make it worth while."""

NOT_COLLECTIONS = frozenset(
    {"Thermal", "Power", "EnvironmentMetrics", "ThermalMetrics", "Metrics", "Assembly", "LeakDetection"}
)


@dataclass(frozen=True, slots=True)
class Expand:
    """What the service can do with `$expand`, as claimed and then as seen."""

    word: str = ""
    """`.` (all but Links) or `*`; empty when it is not to be used."""
    max_levels: int = 0
    """0 when the service knows no `$levels`."""

    @property
    def usable(self) -> bool:
        return bool(self.word)

    def query(self, levels: int) -> str:
        """The query for `levels` levels, or for as many as there are."""
        if not self.max_levels:
            return f"$expand={self.word}"
        return f"$expand={self.word}($levels={max(1, min(levels, self.max_levels))})"

    def less(self) -> Expand:
        """After a failure: fewer levels, and at last none."""
        return Expand(self.word, self.max_levels // 2) if self.max_levels > 1 else Expand()


def claimed_expand(root: Json) -> Expand:
    """What the service root says of `$expand` (DSP0266, ProtocolFeaturesSupported); only a claim."""
    claim = fields.child(root, "ProtocolFeaturesSupported", "ExpandQuery")
    word = "." if claim.get("NoLinks") is True else "*" if claim.get("ExpandAll") is True else ""
    levels = fields.integer(claim, "MaxLevels") or 1
    return Expand(word, min(levels, 6) if claim.get("Levels") is True else 0) if word else Expand()


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """A resource still to be read."""

    rank: int
    order: int
    path: str = field(compare=False)
    name: str = field(compare=False, default="")
    """The property that led here; its rank is passed on to the members of a collection."""
    close: int = field(compare=False, default=0)
    """How many more links may be followed whatever their name, below something that reports trouble."""
    pages: int = field(compare=False, default=0)


@dataclass(slots=True)
class Walk:
    """Everything read so far, what is still to be read, and what could not be."""

    expand: Expand | None = None
    """None until the service root has told."""
    skip: frozenset[str] = frozenset()
    """Names not followed this time, and paths (by key) known to tell nothing new."""
    resources: dict[str, Resource] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    expand_worked: bool = False
    _asked: set[str] = field(default_factory=set)
    entrances: tuple[tuple[str, str], ...] = ()
    """What the service root named, if it was read."""
    _reread: set[str] = field(default_factory=set)
    _looked_at: set[str] = field(default_factory=set)
    _pending: list[Step] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=itertools.count)
    _failures_in_a_row: int = 0

    def start(self, entrances: Iterable[tuple[str, str]] = ()) -> None:
        """Begin at the service root, or at what it named before."""
        for name, path in entrances:
            if name not in self.skip:
                self._push(path, name, RANKS.get(name.rstrip("/"), 9), close=0)
        if not self._pending:
            self._push(ROOT, "", rank=-1, close=0)

    @property
    def finished(self) -> bool:
        return not self._pending

    @property
    def waiting(self) -> int:
        """How many known resources are still to be read."""
        return len(self._pending)

    async def run(self, fetch: Fetch, may_go_on: Callable[[], bool] = lambda: True) -> None:
        """Read until everything is read or `may_go_on` says no. Raises DeviceError when the device as a whole fails."""
        while self._pending and may_go_on():
            if len(self.resources) >= MAX_RESOURCES:
                self.problems.append(
                    Problem(resource=ROOT, reason=f"more than {MAX_RESOURCES} resources; the rest is not read")
                )
                self._pending.clear()
                return
            step = heapq.heappop(self._pending)
            if step.name == EXPANDED or key(step.path) not in self.resources:
                await self._take(fetch, step)

    async def _take(self, fetch: Fetch, step: Step) -> None:
        """Read one resource, expanded where that helps, and note the links it gives."""
        levels = self._levels(step)
        path = f"{step.path}?{self.expand.query(levels)}" if levels and self.expand else step.path
        try:
            resource = await fetch.get(path)
        except DeviceError as error:
            if levels and self.expand and not concerns_device(error, first=False):
                self.expand = self.expand.less()
                heapq.heappush(self._pending, step)
                return
            self._failed(step, error)
            return
        self._failures_in_a_row = 0
        resource = replace(resource, path=step.path)
        if levels and self.expand and not self._expansion_seen(resource):
            self.expand = Expand()
        self.add(resource, step)

    def _levels(self, step: Step) -> int:
        """Levels worth asking for; 0 for a plain GET."""
        if self.expand is None or not self.expand.usable or step.pages:
            return 0
        if step.name == EXPANDED:
            return 2
        return DEPTHS.get(step.name, 1) if step.name in RANKS and step.name not in NOT_COLLECTIONS else 0

    def _expansion_seen(self, resource: Resource) -> bool:
        """Did the service do what `$expand` asks? A claim is believed only by its content."""
        inside = sum(1 for _ in itertools.islice(unfold(resource), 1, 2))
        members = resource.body.get("Members")
        if inside:
            self.expand_worked = True
            return True
        return not (
            isinstance(members, list) and any(isinstance(member, dict) and "@odata.id" in member for member in members)
        )

    def add(self, resource: Resource, step: Step) -> None:
        """Keep a resource with all that it carries, and put its links in the queue."""
        if self.expand is None and key(resource.path) == key(ROOT):
            self.expand = claimed_expand(resource.body)
        parts = [part for part in unfold(resource) if not _leads_away(part.path)]
        for part in parts:
            known = self.resources.get(key(part.path))
            if known is None or len(part.body) > len(known.body):
                self.resources[key(part.path)] = part
        for part in parts:
            close = CLOSE_LOOK_DEPTH if in_trouble(part.body) else max(step.close - 1, 0)
            own_name = step.name if part is resource or part.path == resource.path else f"{part.path}/"
            found = list(links(part.body, close > 0))
            if key(part.path) == key(ROOT):
                self.entrances = tuple((name, path) for name, link, _ in found if (path := local(link)) and not close)
            if self._better_expanded(part, found):
                self._reread.add(key(part.path))
                heapq.heappush(self._pending, Step(-1, next(self._order), part.path, EXPANDED, step.close))
                continue
            for name, link, page in found:
                self._follow(part, own_name, name, link, close, step.pages + 1 if page else 0)
            if close == CLOSE_LOOK_DEPTH:
                self._look_closely_at(holder_of(part.path))

    def _better_expanded(self, part: Resource, found: Iterable[tuple[str, str, bool]]) -> bool:
        """Does a resource refer to so many others that one more look at it, expanded, costs less than each of them?"""
        if self.expand is None or not self.expand.usable or key(part.path) in self._reread or "Members" in part.body:
            return False
        unread = Counter(name for name, link, _ in found if (path := local(link)) and key(path) not in self.resources)
        return any(count >= MANY and isinstance(part.body.get(name), list) for name, count in unread.items())

    def _look_closely_at(self, path: str) -> None:
        """Follow every link of what holds a thing in trouble; the vendor's own words about it often hang there."""
        holder = self.resources.get(key(path))
        if holder is not None and key(path) not in self._looked_at:
            self._looked_at.add(key(path))
            for name, link, _ in links(holder.body, close=True):
                self._follow(holder, "", name, link, 2, 0)

    def _follow(self, part: Resource, own_name: str, name: str, link: str, close: int, pages: int) -> None:
        path = local(link)
        if path is None:
            self.problems.append(
                Problem(resource=part.path, reason=f"a link that leads nowhere on this device: {link[:80]!r}")
            )
            return
        if pages > MAX_PAGES or name in self.skip:
            return
        if name == "Members":
            collection = own_name.rstrip("/") if own_name else ""
            name = f"{collection}/" if "/" not in collection else f"{_collection_name(part.path)}/"
        if pages:
            name = own_name
        rank = 9 if name.startswith("Links/") else RANKS.get(name.rstrip("/"), 9)
        self._push(path, name, rank, close, pages)

    def _push(self, path: str, name: str, rank: int, close: int, pages: int = 0) -> None:
        mark = path.lower() if pages else key(path)
        if mark in self._asked or (not pages and (mark in self.resources or mark in self.skip)):
            return
        self._asked.add(mark)
        heapq.heappush(self._pending, Step(rank, next(self._order), path.split("#", 1)[0], name, close, pages))

    def _failed(self, step: Step, error: DeviceError) -> None:
        """Set one resource aside (F08), or give up when the device as a whole does not answer."""
        self._failures_in_a_row = self._failures_in_a_row + 1 if isinstance(error, Unreachable | Busy) else 0
        first = not self.resources
        if concerns_device(error, first=first) or self._failures_in_a_row > 1:
            heapq.heappush(self._pending, step)
            raise error
        if isinstance(error, Unsupported) and not first:
            return
        self.problems.append(Problem(resource=step.path, reason=error.reason))


def _leads_away(path: str) -> bool:
    """Did `$expand` bring something a walk would never have asked for?"""
    return not _AWAY.isdisjoint(key(path).split("/"))


def _collection_name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def concerns_device(error: DeviceError, *, first: bool) -> bool:
    """Is this failure about the device, not about one resource?"""
    return (
        first or isinstance(error, Untrusted) or (isinstance(error, AccessDenied | Unreachable) and not error.resource)
    )


def in_trouble(body: Json) -> bool:
    """Does this resource, or anything it tells of, report Warning or Critical, or a predicted failure?"""
    stack: list[Any] = [body]
    while stack:
        here = stack.pop()
        if isinstance(here, dict):
            status = here.get("Status")
            if isinstance(status, dict) and status.get("State") != "Absent":
                worst = max(
                    (fields.own_health(here) or Health.OK).rank,
                    (fields.rollup(here) or Health.OK).rank,
                )
                if worst >= Health.WARNING.rank:
                    return True
            stack.extend(v for k, v in here.items() if isinstance(v, (dict, list)) and k not in ("Members", "Actions"))
        else:
            stack.extend(v for v in here if isinstance(v, (dict, list)))
    return False


def links(body: Json, close: bool) -> Iterator[tuple[str, str, bool]]:
    """The links of a resource worth following: (property name, target, is it the next page)."""
    kind = str(body.get("@odata.type", "")).lstrip("#").split(".", 1)[0]
    for name in ("Members@odata.nextLink", "@odata.nextLink"):
        if isinstance(body.get(name), str):
            yield "Members", body[name], True
            break
    stack: list[tuple[str, bool, bool, Any]] = [(name, False, False, value) for name, value in body.items()]
    while stack:
        name, in_links, foreign, here = stack.pop()
        if name.startswith("@") and not (close and name == "@Redfish.Settings"):
            continue
        if isinstance(here, list):
            stack.extend((name, in_links, foreign, item) for item in here)
        elif isinstance(here, dict):
            target = here.get("@odata.id", here.get("href"))
            if isinstance(target, str):
                silent = WHERE_SILENT.get(name) == kind and not fields.status(body)
                if (
                    not is_resource(here)
                    and (silent or _worth(name, kind, in_links, foreign, close))
                    and "#/" not in target
                ):
                    yield f"Links/{name}" if in_links else name, target, False
                if is_resource(here):
                    continue
            if name in NEVER or name == "Actions":
                continue
            stack.extend(
                (key, in_links or name == "Links", foreign or name == "Oem", value)
                for key, value in here.items()
                if isinstance(value, (dict, list))
            )


def _worth(name: str, kind: str, in_links: bool, foreign: bool, close: bool) -> bool:
    """Is a link under this name followed?"""
    if name in NEVER and not (name == "TelemetryService" and kind == "ServiceRoot"):
        return False
    if close:
        return True
    if foreign:
        return name in FROM_OEM
    if in_links:
        return name in FROM_LINKS
    if name == "Members":
        return True
    owners = ONLY_FROM.get(name)
    return name in RANKS and (owners is None or kind in owners or not kind)
