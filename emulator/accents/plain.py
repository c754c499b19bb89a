"""Machines of invented vendors whose firmware keeps to the standard; what differs is which parts of it they have."""

from __future__ import annotations

from emulator.accents.ipmi import BEFORE_REDFISH, BEFORE_REDFISH_WITH_POWER
from emulator.accents.model import PLAIN_RESETS, DriveKind, Family, Shape
from emulator.push.shape import Push

TB = 10**12

NVME = DriveKind(model="KPX-7680E", vendor="Kestrel", media="SSD", protocol="NVMe", capacity=7_680 * 10**9)
SATA_SSD = DriveKind(model="BX-960", vendor="Kestrel", media="SSD", protocol="SATA", capacity=960 * 10**9)
SAS_SSD = DriveKind(model="SR-3840", vendor="Sorrel", media="SSD", protocol="SAS", capacity=3_840 * 10**9)
SAS_HDD = DriveKind(model="HM-18T", vendor="Hemlock", media="HDD", protocol="SAS", capacity=18 * TB, rpm=7_200)

# Both models of telling side by side, as firmware does in its middle years.
MIDDLE = Shape(
    redfish_version="1.15.0", system_id="System.1", chassis_id="Enclosure.1", manager_id="Bmc.1", thermal_power=True,
    subsystems=True, expand=True, telemetry=True, if_match_required=False, logs_under_manager=True, log_page=50,
    max_sessions=6, push=Push(stream_path="SSE"),
)  # fmt: skip
# The deprecated resources alone, no query options, four sessions of five minutes.
OLD = Shape(
    redfish_version="1.2.0", system_id="1", chassis_id="1", manager_id="1", thermal_power=True, subsystems=False,
    expand=False,
    telemetry=False, tasks=False, reset_types=PLAIN_RESETS, same_state_conflicts=True, event_log="Log1",
    lifecycle_log="Journal",
    led=("IndicatorLED",), max_sessions=4, session_timeout=300, boot_progress=False,
    push=Push(streams=0, subscriptions=8, kept_over_reset=False, http_headers=False, links_log=False),
)  # fmt: skip
# The subsystems alone; PATCH wants If-Match; a reset is a task.
NEW = Shape(
    redfish_version="1.18.0", system_id="Self", chassis_id="Self", manager_id="Self", thermal_power=False,
    subsystems=True,
    expand=True, telemetry=True, reset_by_task=True, if_match_required=True, drives_under_chassis=True,
    led=("LocationIndicatorActive",), max_sessions=16, session_timeout=600,
    push=Push(streams=10, full_status=400, reports_every=60.0),
)  # fmt: skip
# A multi-node board: subsystems, but neither $expand nor telemetry.
LEAN = Shape(
    redfish_version="1.11.0", system_id="node", chassis_id="board", manager_id="bmc", thermal_power=True,
    subsystems=True,
    expand=False, telemetry=False, reset_types=("On", "ForceOff", "ForceRestart", "GracefulShutdown",
        "GracefulRestart"),
    event_log="EventLog", lifecycle_log="Audit", max_sessions=8, session_timeout=900,
    push=Push(streams=1, kept_over_reset=False, links_log=False, comment_every=0.0),
)  # fmt: skip

PLAIN_FAMILIES: tuple[Family, ...] = (
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
        # Older machines, whose BMCs speak IPMI alone.
        Family(
            name="halden-w0", vendor="Halden", model="Halden W120 G1", shape=OLD, speaks=("ipmi",),
            ipmi=BEFORE_REDFISH_WITH_POWER, height_u=1, drive=SATA_SSD, bays=4, raid=(("RAID1", 2), ("RAID1", 2)),
            processor="Tarn 2680", cores=12, dimms=8, dimm_gib=16, dimm_mhz=2133, fans=6, fan_rpm=11_000,
            supply_watts=750, port_gbps=1, idle_watts=110, peak_watts=380, bios="1.12", firmware="2.85",
        ),
        Family(
            name="borealis-s2", vendor="Borealis", model="Borealis S212", shape=OLD, speaks=("ipmi",),
            ipmi=BEFORE_REDFISH, height_u=2, drive=SAS_HDD, bays=12, spares=1, raid=(("RAID6", 11),),
            processor="Tarn 2620", cores=8, dimms=8, dimm_gib=16, dimm_mhz=1866, fans=4, fan_rpm=6_000,
            supply_watts=740, port_gbps=10, idle_watts=190, peak_watts=380, load=(0.4, 0.1), bios="2.0a",
            firmware="1.40",
        ),
        Family(
            name="quill-m2", vendor="Quill", model="Quill M2 node", shape=OLD, speaks=("ipmi",), ipmi=BEFORE_REDFISH,
            height_u=2, nodes=4, drive=SATA_SSD, bays=2, raid=(("RAID1", 2),), processor="Tarn 2650", cores=12,
            dimms=8, dimm_gib=16, dimm_mhz=2400, fans=4, fan_rpm=8_400, supply_watts=1_620, port_gbps=10,
            idle_watts=95, peak_watts=310, load=(0.4, 0.3), bios="1.3", firmware="2.07",
        ),
)  # fmt: skip
