"""What machines are made of and how their BMCs speak: families and shapes, as rows.

Vendors and models are invented. A shape says which resources a generation of firmware has and how its services
behave; the bug behind a quirk becomes an `Accent` on a family: a wire fault that is always there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
    thermal_power: bool
    """The deprecated Thermal and Power resources."""
    subsystems: bool
    """ThermalSubsystem, PowerSubsystem, Sensors and EnvironmentMetrics."""
    expand: bool
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
    event_log: str = "SEL"
    lifecycle_log: str = "Lifecycle"
    log_page: int = 100
    drives_under_chassis: bool = False
    led: tuple[str, ...] = ("IndicatorLED", "LocationIndicatorActive")
    max_sessions: int = 8
    session_timeout: int = 1800
    boot_progress: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Accent:
    """A bug of a firmware: a wire fault that is always there, and where it was seen."""

    name: str
    evidence: str
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
    accents: tuple[Accent, ...] = ()


TB = 10**12

NVME = DriveKind(model="KPX-7680E", vendor="Kestrel", media="SSD", protocol="NVMe", capacity=7_680 * 10**9)
SATA_SSD = DriveKind(model="BX-960", vendor="Kestrel", media="SSD", protocol="SATA", capacity=960 * 10**9)
SAS_SSD = DriveKind(model="SR-3840", vendor="Sorrel", media="SSD", protocol="SAS", capacity=3_840 * 10**9)
SAS_HDD = DriveKind(model="HM-18T", vendor="Hemlock", media="HDD", protocol="SAS", capacity=18 * TB, rpm=7_200)

# Both models of telling side by side, as firmware does in its middle years.
MIDDLE = Shape(
    redfish_version="1.15.0", system_id="System.1", chassis_id="Enclosure.1", manager_id="Bmc.1", thermal_power=True,
    subsystems=True, expand=True, telemetry=True, if_match_required=False, logs_under_manager=True, log_page=50,
    max_sessions=6,
)  # fmt: skip
# The deprecated resources alone, no query options, four sessions of five minutes.
OLD = Shape(
    redfish_version="1.2.0", system_id="1", chassis_id="1", manager_id="1", thermal_power=True, subsystems=False,
    expand=False,
    telemetry=False, tasks=False, reset_types=PLAIN_RESETS, same_state_conflicts=True, event_log="Log1",
    lifecycle_log="Journal",
    led=("IndicatorLED",), max_sessions=4, session_timeout=300, boot_progress=False,
)  # fmt: skip
# The subsystems alone; PATCH wants If-Match; a reset is a task.
NEW = Shape(
    redfish_version="1.18.0", system_id="Self", chassis_id="Self", manager_id="Self", thermal_power=False,
    subsystems=True,
    expand=True, telemetry=True, reset_by_task=True, if_match_required=True, drives_under_chassis=True,
    led=("LocationIndicatorActive",), max_sessions=16, session_timeout=600,
)  # fmt: skip
# A multi-node board: subsystems, but neither $expand nor telemetry.
LEAN = Shape(
    redfish_version="1.11.0", system_id="node", chassis_id="board", manager_id="bmc", thermal_power=True,
    subsystems=True,
    expand=False, telemetry=False, reset_types=("On", "ForceOff", "ForceRestart", "GracefulShutdown",
        "GracefulRestart"),
    event_log="EventLog", lifecycle_log="Audit", max_sessions=8, session_timeout=900,
)  # fmt: skip

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            name="halden-w1", vendor="Halden", model="Halden W140 G4", shape=MIDDLE, height_u=1, drive=SATA_SSD, bays=4,
            raid=(("RAID1", 2), ("RAID1", 2)), fans=8, fan_rpm=9_000, idle_watts=128, peak_watts=520, bios="2.14.1",
            firmware="6.10.80",
        ),
        Family(
            name="halden-d2", vendor="Halden", model="Halden D280 G4", shape=MIDDLE, height_u=2, drive=NVME, bays=12,
            spares=1,
            raid=(("RAID1", 2), ("RAID6", 9)), dimms=24, dimm_gib=64, fans=6, fan_rpm=7_200, supply_watts=1_400,
            ports=4,
            idle_watts=240, peak_watts=810, load=(0.5, 0.18), bios="2.14.1", firmware="6.10.80",
        ),
        Family(
            name="halden-d2x", vendor="Halden", model="Halden D280x G4", shape=MIDDLE, height_u=2, drive=SAS_SSD,
            bays=24,
            spares=2, raid=(("RAID1", 2), ("RAID6", 20)), dimms=24, dimm_gib=64, fans=6, fan_rpm=7_200,
            supply_watts=1_400,
            ports=4, idle_watts=270, peak_watts=860, load=(0.5, 0.18), bios="2.14.1", firmware="6.10.80",
        ),
        Family(
            name="borealis-s4", vendor="Borealis", model="Borealis S412", shape=OLD, height_u=4, drive=SAS_HDD, bays=12,
            raid=(("RAID6", 12),), processor="Tarn 4210", cores=10, dimms=16, dimm_gib=16, dimm_mhz=2933, fans=8,
            fan_rpm=4_200,
            supply_watts=920, ports=2, port_gbps=10, idle_watts=250, peak_watts=460, load=(0.4, 0.1), bios="3.0b",
            firmware="1.73",
        ),
        Family(
            name="cormorant-gx8", vendor="Cormorant", model="Cormorant GX8", shape=NEW, height_u=4, drive=NVME, bays=8,
            raid=(("RAID1", 2), ("RAID5", 6)), processor="Tarn 8570", cores=56, dimms=32, dimm_gib=64, dimm_mhz=5600,
            gpus=8,
            fans=10, fan_rpm=7_800, supplies=4, supply_watts=2_700, ports=4, port_gbps=100, idle_watts=900,
            peak_watts=3_900,
            load=(0.68, 0.1), bios="1.4.7", firmware="24.07-2",
        ),
        Family(
            name="quill-m4", vendor="Quill", model="Quill M4 node", shape=LEAN, height_u=2, nodes=4, drive=SATA_SSD,
            bays=2,
            raid=(("RAID1", 2),), processor="Tarn 6338", cores=32, dimms=16, fans=4, fan_rpm=9_600, supplies=2,
            supply_watts=2_000, idle_watts=110, peak_watts=430, load=(0.4, 0.3), bios="1.9a", firmware="3.22.0",
        ),
    )
}  # fmt: skip
