"""What a machine is made of and how its firmware speaks: the rows' types, and nothing that knows a vendor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.ipmi.manner import PLAIN_MANNER, Manner
from emulator.push.shape import PLAIN_PUSH, Push

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc
    from emulator.redfish.errors import Answer
    from emulator.redfish.resource import Resource
    from emulator.server import Request

Json = dict[str, Any]
Tell = Callable[["Bmc", Json], Json]
"""A document as the plain machine tells it, to the same as this firmware does."""
Adds = Callable[["Family"], "dict[str, Resource]"]
"""Resources by plain path that the plain machine has not."""
Answers = Callable[["Bmc", "Request", "Answer"], "Answer"]

BOTH = ("redfish", "ipmi")
"""What a BMC speaks that has both switched on."""
ALL_RESETS = (
    "On",
    "ForceOff",
    "GracefulShutdown",
    "GracefulRestart",
    "ForceRestart",
    "PowerCycle",
    "Nmi",
    "PushPowerButton",
)
PLAIN_RESETS = ("On", "ForceOff", "GracefulShutdown", "ForceRestart", "Nmi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Which resources a generation of firmware has, under which ids, and how its services behave."""

    redfish_version: str
    system_id: str
    chassis_id: str
    manager_id: str
    storage_id: str = "1"
    thermal_power: bool
    """The deprecated Thermal and Power resources."""
    subsystems: bool
    """ThermalSubsystem, PowerSubsystem, Sensors and EnvironmentMetrics."""
    expand: bool
    expand_forms: str = ".~*"
    """Which of the three forms of $expand work."""
    expand_levels: int = 3
    telemetry: bool
    tasks: bool = True
    """Whether TaskService is there, and System.Reset answers 202 with a Task."""
    reset_by_task: bool = False
    reset_types: tuple[str, ...] = ALL_RESETS
    same_state_conflicts: bool = False
    """`On` to a machine that is on: 409, rather than 204 and nothing."""
    if_match_required: bool = False
    """PATCH without If-Match: 428."""
    logs_under_manager: bool = False
    split_logs: bool = False
    """The event log under the system, the lifecycle log under the manager."""
    event_log: str = "SEL"
    lifecycle_log: str = "Lifecycle"
    log_page: int = 100
    standalone_storage: bool = False
    """Storage lies below the service root, since there is no system."""
    baseboard_id: str = ""
    """A system of its own that holds the GPUs, with chassis and a manager of its own."""
    drives_under_chassis: bool = False
    backplane_id: str = ""
    """A chassis of its own that holds the drives."""
    lists_absent: bool = True
    """A bay without a drive is told as an absent drive, rather than not at all."""
    led: tuple[str, ...] = ("IndicatorLED", "LocationIndicatorActive")
    max_sessions: int = 8
    session_timeout: int = 1800
    boot_progress: bool = True
    oldest_first: bool = False
    """The order of log entries."""
    bare_fragments: bool = False
    """`Thermal#Fans/0` for `Thermal#/Fans/0`."""
    zone: str = "Z"
    """How instants are written: `Z`, or the offset of the clock's own zone."""
    push: Push = PLAIN_PUSH
    """How its EventService behaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accent:
    """How one firmware departs from the plain machine in one respect, and where that was seen.

    A row does one or more of: move paths (`lies`), lack resources (`lacks`), tell documents otherwise (`tell`), have
    more resources (`adds`), answer otherwise (`answers`), or hold a wire fault for ever (`fault`). Patterns are plain
    paths below `/redfish/v1/`; `{system}`, `{chassis}`, `{manager}`, `{storage}` and `{logs}` stand for the shape's
    paths, `{n}` for a number and `{key}` for any one segment. Templates know `{n}`, `{z}` (one less), `{m}` (one
    more), `{key}` and, of memory and sensors, what `redfish.dialect` says.
    """

    name: str
    evidence: str
    """Recording, public tracker or document; a word of what is derived where nothing was seen."""
    lies: tuple[tuple[str, str], ...] = ()
    lacks: tuple[str, ...] = ()
    on: str = ""
    """Resource types that `tell` changes, such as `Drive PowerSupply`, or `*`."""
    tell: Tell | None = None
    adds: Adds | None = None
    answers: Answers | None = None
    match: Mapping[str, str] = field(default_factory=dict)
    fault: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveKind:
    """A drive model."""

    model: str
    vendor: str
    media: str
    protocol: str
    capacity: int
    """Bytes."""
    rpm: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A server model: its parts, what they draw, and the firmware that speaks for them."""

    name: str
    vendor: str
    model: str
    shape: Shape
    kind: str = "server"
    """server, pdu, cooling or storage; a power shelf is a pdu."""
    height_u: int
    nodes: int = 1
    """Machines in one chassis; more than one share its units."""
    processor: str = "Tarn 6438"
    processors: int = 2
    cores: int = 32
    dimms: int = 16
    dimm_gib: int = 32
    dimm_mhz: int = 4800
    gpus: int = 0
    fans: int = 8
    fan_rpm: int = 6_000
    supplies: int = 2
    supply_watts: int = 1_100
    drive: DriveKind
    bays: int
    """Filled from 0 upwards; the last `spares` are hot spares."""
    empty_bays: int = 0
    """Bays without a drive, which the firmware lists as absent drives."""
    spares: int = 0
    raid: tuple[tuple[str, int], ...]
    """Volumes as (RAIDType, number of drives), filled in order of bays."""
    ports: int = 2
    port_gbps: int = 25
    idle_watts: int
    peak_watts: int
    load: tuple[float, float] = (0.45, 0.22)
    """Mean work and its daily swing."""
    bios: str
    firmware: str
    gpu: str = "Vireo V9 SXM"
    nvlinks: int = 0
    """Ports of each GPU, on a baseboard."""
    outlets: int = 0
    pumps: int = 0
    leak_detectors: int = 0
    blades: int = 0
    """Machines behind this one's BMC, in its chassis, without one of their own."""
    blade: Family | None = None
    accents: tuple[Accent, ...] = ()
    speaks: tuple[str, ...] = ("redfish",)
    """Protocols of its BMC, where a fleet file does not say which are switched on."""
    ipmi: Manner = PLAIN_MANNER
    """How its BMC speaks IPMI, where it does."""

    @property
    def part_number(self) -> str:
        """Of the system, and of its board."""
        return f"0{self.bays}{self.processors}X{len(self.name)}A01"

    @property
    def chassis_part_number(self) -> str:
        return f"0{self.bays}{self.height_u}C"

    @property
    def supply_identity(self) -> tuple[str, str, str]:
        """Manufacturer, model and part number of its power supplies."""
        return "Alder", f"AP-{self.supply_watts}", f"AP{self.supply_watts}-02"
