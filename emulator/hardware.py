"""A machine as state: its parts, its power, its logs, and what each change does to the others."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from math import inf

from emulator.accents.model import Family
from emulator.clock import Agenda
from emulator.ledger import Ledger
from emulator.logs import KINDS, Entry, Log
from emulator.parts import (
    ECC_THRESHOLD,
    LIFE_LOW,
    RANK,
    TOLERANCE,
    Drive,
    Fan,
    Gpu,
    LeakDetector,
    Outlet,
    Pump,
    Supply,
    Volume,
    build_parts,
    new_drive,
    worst,
)
from emulator.power import PowerSwitch
from emulator.sensor_rows import rows_of
from emulator.sensors import Disturbance, Sensors
from emulator.waves import Wave, load_wave

REBUILD_SECONDS = 240.0
HEAT_RISE = 90.0
"""Time constant of what warms up, in seconds."""
HEAT_LOOKS = (5, 15, 30, 60, 120, 240, 480, 900)
"""Seconds after a disturbance at which the BMC compares temperatures with their thresholds."""


class Machine:
    """One server: what it is made of and how it fares."""

    def __init__(
        self,
        *,
        name: str,
        family: Family,
        rack: str,
        position_u: int,
        slot: str,
        seed: str,
        agenda: Agenda,
        ledger: Ledger,
        room: Wave,
    ) -> None:
        chance = random.Random(f"{seed}:{name}")
        self.name, self.family, self.rack, self.position_u, self.slot = name, family, rack, position_u, slot
        self.agenda, self.clock, self.ledger = agenda, agenda.clock, ledger
        self.serial = "".join(chance.choices("0123456789BCDFGHJKLMNPQRSTVWXYZ", k=7))
        self.uuid = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        self.chance = chance
        self.parts = build_parts(family, chance, self.clock.now())
        self.sensors = Sensors(rows_of(family.name), chance, self.clock, load_wave(chance, *family.load), room)
        self.logs = {
            purpose: Log(purpose, f"{seed}:{name}", self.clock.started_at) for purpose in ("event", "lifecycle")
        }
        for log in self.logs.values():
            log.on_append = self._logged
            log.on_drop = self._lost
        self.on_entry: Callable[[str, Entry], None] | None = None
        self.led = False
        self.intruded = False
        """The lid is open."""
        self.asset_tag = ""
        self.host_name = name
        self.boot_override: dict[str, str] = {"enabled": "Disabled", "target": "None", "mode": "UEFI"}
        self.dark = False
        """No standby power: the BMC is silent too."""
        self.on_dark: Callable[[bool], None] | None = None
        self.redundant = True
        self.enclosure = ""
        """The machine whose BMC tells of this one, where it has none of its own."""
        self.nodes: list[Machine] = []
        """Machines behind this one's BMC, in its chassis."""
        self._share: list[Disturbance] = []
        self._hot: dict[str, str] = {}
        self._sample: tuple[float, list[float | None]] = (-inf, [])
        self.power = PowerSwitch(self)

    # ---- reading ----

    def readings(self) -> list[float | None]:
        """Every sensor, as the BMC sampled it within this second."""
        now = self.clock.now()
        if not 0 <= now - self._sample[0] < 1.0:
            self._sample = (now, self.sensors.values(now))
        return self._sample[1]

    def reading(self, key: str) -> float | None:
        """One sensor by its key."""
        index = next(i for i, row in enumerate(self.sensors.rows) if row.key == key)
        return self.readings()[index]

    def changed(self) -> None:
        """What was sampled is no longer true."""
        self._sample = (-inf, [])

    def thermal_health(self) -> str:
        """Worst temperature; without a disturbance none reaches a threshold, so nobody has to look."""
        if not self.sensors.disturbances:
            return "OK"
        return worst(
            row.limits.health(value)
            for row, value in zip(self.sensors.rows, self.readings(), strict=True)
            if value is not None and row.type == "Temperature"
        )

    def volume_health(self, volume: Volume) -> str:
        """By how many of its drives are lost or not yet rebuilt."""
        drives = [self.parts.drives[bay] for bay in volume.bays]
        lost = sum(drive.failed or drive.absent or drive.rebuild is not None for drive in drives)
        if lost == 0:
            return "OK"
        return "Warning" if lost <= TOLERANCE[volume.raid] else "Critical"

    def health(self) -> dict[str, str]:
        """Worst health by subsystem, and of all as `System`."""
        parts = self.parts
        words = {
            "Storage": worst([*(drive.health for drive in parts.drives), *map(self.volume_health, parts.volumes)]),
            "Fans": worst(fan.health for fan in parts.fans),
            "PowerSupplies": worst(supply.health for supply in parts.supplies),
            "Memory": worst(dimm.health for dimm in parts.dimms),
            "Thermal": self.thermal_health(),
            "Network": "OK" if all(port.up for port in parts.ports) else "Warning",
        }
        if parts.gpus:
            words["Gpus"] = worst(gpu.health for gpu in parts.gpus)
        if parts.pumps or parts.leak_detectors:
            words["Cooling"] = worst([*(p.health for p in parts.pumps), *(d.health for d in parts.leak_detectors)])
        if self.nodes:
            words["Nodes"] = worst(node.health()["System"] for node in self.nodes)
        return words | {"System": worst(words.values())}

    # ---- logs ----

    def log(self, short: str, *args: str, part: str = "") -> None:
        """Writes an entry; the event log holds what concerns hardware, the lifecycle log everything."""
        self.logs["lifecycle"].append(short, self.clock.now(), *args, part=part)
        if not KINDS[short].lifecycle_only:
            self.logs["event"].append(short, self.clock.now(), *args, part=part)

    def _logged(self, purpose: str, entry: Entry) -> None:
        self.ledger.note(
            self.name, "log_entry", log=purpose, id=entry.number, message_id=entry.message_id, severity=entry.severity,
            message=entry.message,
        )  # fmt: skip
        if self.on_entry is not None:
            self.on_entry(purpose, entry)

    def _lost(self, purpose: str, entry: Entry) -> None:
        self.ledger.note(
            self.name, "log_entry_dropped", log=purpose, message_id=entry.message_id, message=entry.message
        )

    # ---- drives ----

    def wear_drive(self, bay: int, percent: float, media_errors: int) -> None:
        """A drive has this much of its life left, and has met some more media errors."""
        drive = self.parts.drives[bay]
        if drive.life is not None:
            drive.life, drive.since, drive.hours = percent, self.clock.now(), drive.hours_on(self.clock.now())
            if percent <= LIFE_LOW:
                self.log("DriveLifeLow", drive.name, f"{percent:g}", part=drive.name)
        drive.media_errors += media_errors
        if media_errors:
            self.log("DriveMediaErrors", drive.name, str(drive.media_errors), part=drive.name)

    def predict_drive(self, bay: int) -> None:
        """A drive predicts its failure."""
        drive = self.parts.drives[bay]
        drive.predicted = True
        self.log("DrivePredictiveFailure", drive.name, part=drive.name)

    def fail_drive(self, bay: int, rebuild_seconds: float = REBUILD_SECONDS) -> None:
        """A drive fails; a hot spare takes its place where there is one."""
        drive = self.parts.drives[bay]
        if drive.failed:
            return
        drive.failed, drive.rebuild, drive.spare = True, None, False
        self.log("DriveFailure", drive.name, part=drive.name)
        self._degrade(bay, rebuild_seconds)

    def pull_drive(self, bay: int, rebuild_seconds: float = REBUILD_SECONDS) -> None:
        """Someone takes a drive out of its bay."""
        drive = self.parts.drives[bay]
        if drive.absent:
            return
        drive.absent, drive.rebuild, drive.spare = True, None, False
        self.log("DriveRemoved", drive.name, part=drive.name)
        self._degrade(bay, rebuild_seconds)

    def _degrade(self, bay: int, rebuild_seconds: float) -> None:
        """The volume of a lost drive has one less; a hot spare takes its place where there is one."""
        volume = next((v for v in self.parts.volumes if bay in v.bays), None)
        if volume is None:
            return
        critical = self.volume_health(volume) == "Critical"
        self.log("VolumeFailure" if critical else "VolumeDegraded", volume.name, part=volume.name)
        spare = next((d for d in self.parts.drives if d.spare and not d.failed), None)
        if spare is not None and not critical:
            spare.spare = False
            volume.bays[volume.bays.index(bay)] = spare.bay
            self._rebuild(volume, spare, rebuild_seconds)

    def replace_drive(self, bay: int, rebuild_seconds: float = REBUILD_SECONDS) -> None:
        """Someone swaps the drive: another serial number, and a rebuild if a volume waits for it."""
        now = self.clock.now()
        drive = new_drive(self.family.drive, bay, self.chance, now, hours=2.0)
        self.parts.drives[bay] = drive
        self.log("DriveInserted", drive.name, part=drive.name)
        volume = next((v for v in self.parts.volumes if bay in v.bays), None)
        if volume is not None:
            self._rebuild(volume, drive, rebuild_seconds)
        else:
            drive.spare = self.family.spares > 0

    def _rebuild(self, volume: Volume, drive: Drive, seconds: float) -> None:
        now = self.clock.now()
        drive.rebuild = (now, now + seconds)
        self.log("RebuildStarted", volume.name, drive.name, part=volume.name)
        self.agenda.after(seconds, partial(self._rebuilt, volume, drive))

    def _rebuilt(self, volume: Volume, drive: Drive, _: float) -> None:
        if drive.failed or drive.rebuild is None or self.parts.drives[drive.bay] is not drive:
            return
        drive.rebuild = None
        if self.volume_health(volume) == "OK":
            self.log("VolumeOk", volume.name, part=volume.name)

    # ---- fans and heat ----

    def fail_fan(self, fan: Fan) -> Callable[[], None]:
        """A fan stops, the others hurry, and what it cooled warms up; gives what mends it."""
        now = self.clock.now()
        fan.failed = True
        self.log("FanFailed", fan.name, part=fan.name)
        moved = [self.sensors.disturb(f"Fan{fan.index + 1}", Disturbance("set", 0.0, now))]
        moved += [
            self.sensors.disturb(f"Fan{f.index + 1}", Disturbance("scale", 1.18, now))
            for f in self.parts.fans
            if f is not fan
        ]
        moved += [
            self._warm(row.key, 5.0)
            for row in self.sensors.rows
            if row.context in ("CPU", "GPU") and row.type == "Temperature"
        ]
        self.changed()

        def mend() -> None:
            fan.failed = False
            self._end(moved)
            self.log("FanRestored", fan.name, part=fan.name)

        return mend

    def overheat(self, celsius: float) -> Callable[[], None]:
        """The air in front of it becomes this much warmer; gives what ends it."""
        moved = [self._warm("@inlet", celsius)]
        return lambda: self._end(moved)

    def _warm(self, key: str, celsius: float) -> Disturbance:
        self.changed()
        for seconds in HEAT_LOOKS:
            self.agenda.after(seconds, self._look_at_heat)
        return self.sensors.disturb(key, Disturbance("add", celsius, self.clock.now(), rise=HEAT_RISE))

    def _end(self, disturbances: Iterable[Disturbance]) -> None:
        now = self.clock.now()
        for disturbance in disturbances:
            disturbance.until = now
        self.changed()
        for seconds in HEAT_LOOKS:
            self.agenda.after(seconds, self._look_at_heat)

    def _look_at_heat(self, _: float) -> None:
        """Writes an entry for every temperature that crossed a threshold since the last look."""
        self.changed()
        for row, value in zip(self.sensors.rows, self.readings(), strict=True):
            if row.type != "Temperature" or value is None:
                continue
            word, before = row.limits.health(value), self._hot.get(row.key, "OK")
            if word == before:
                continue
            self._hot[row.key] = word
            short = {"OK": "TemperatureNormal", "Warning": "TemperatureHigh", "Critical": "TemperatureCritical"}[word]
            if word == "Warning" and RANK[before] > RANK[word]:
                continue
            self.log(short, row.name, f"{value:g}", part=row.name)

    # ---- power supplies and feeds ----

    def fail_supply(self, supply: Supply) -> Callable[[], None]:
        """A power supply fails; gives what mends it."""
        supply.failed = True
        self.log("PowerSupplyFailed", supply.name, part=supply.name)
        self.share_power()

        def mend() -> None:
            supply.failed = False
            self.log("PowerSupplyRestored", supply.name, part=supply.name)
            self.share_power()

        return mend

    def feed(self, feed: str, alive: bool) -> None:
        """A feed of the rack is lost or restored: every supply on it sees it."""
        for supply in self.parts.supplies:
            if supply.feed == feed:
                self._feed_supply(supply, alive and supply.plugged)
        self.share_power()

    def outlet(self, index: int, on: bool, *, alive: bool) -> None:
        """The outlet that a supply hangs on is switched; `alive` says whether its feed is."""
        supply = self.parts.supplies[index]
        supply.plugged = on
        self._feed_supply(supply, on and alive)
        self.share_power()

    def _feed_supply(self, supply: Supply, fed: bool) -> None:
        if supply.fed != fed:
            supply.fed = fed
            self.log("PowerRestored" if fed else "PowerLost", supply.name, supply.feed, part=supply.name)

    def share_power(self) -> None:
        """Divides the watts among the supplies that work; with none left everything goes dark, the BMC too."""
        now = self.clock.now()
        for disturbance in self._share:
            disturbance.until = now
        supplies, self._share = self.parts.supplies, []
        working = [supply for supply in supplies if supply.works]
        for supply in supplies if len(working) < len(supplies) else ():
            burden = len(supplies) / len(working) if supply.works else 0.0
            self._share += self._burden(supply, burden, now)
        self.changed()
        redundant = len(working) == len(supplies)
        if redundant != self.redundant:
            self.redundant = redundant
            self.log("RedundancyRegained" if redundant else "RedundancyLost")
        if supplies and self.dark != (not working):
            self.dark = not working
            for machine in (self, *self.nodes):
                machine.power.lost() if self.dark else machine.power.restored()
            if self.on_dark is not None:
                self.on_dark(self.dark)

    def _burden(self, supply: Supply, burden: float, now: float) -> list[Disturbance]:
        """What a supply's sensors tell when it carries this many times its usual share."""
        key = f"PSU{supply.index + 1}"
        scaled = [f"{key}{what}" for what in ("Input", "Output", "InputCurrent", "OutputCurrent")]
        moved = [self.sensors.disturb(name, Disturbance("scale", burden, now)) for name in scaled]
        if not supply.works:
            moved.append(self.sensors.disturb(f"{key}OutputVoltage", Disturbance("set", 0.0, now)))
        if not supply.fed:
            moved.append(self.sensors.disturb(f"{key}InputVoltage", Disturbance("set", 0.0, now)))
        return moved

    # ---- coolant, outlets and accelerators ----

    def fail_pump(self, pump: Pump) -> Callable[[], None]:
        """A pump stops and the others hurry; gives what mends it."""
        now = self.clock.now()
        pump.failed = True
        self.log("PumpFailed", pump.name, part=pump.name)
        moved = [self.sensors.disturb(f"Pump{pump.index + 1}", Disturbance("set", 0.0, now))]
        moved += [
            self.sensors.disturb(f"Pump{other.index + 1}", Disturbance("scale", 1.3, now))
            for other in self.parts.pumps
            if other is not pump
        ]
        self.changed()

        def mend() -> None:
            pump.failed = False
            self._end(moved)
            self.log("PumpRestored", pump.name, part=pump.name)

        return mend

    def leak(self, detector: LeakDetector, leaking: bool) -> None:
        """A leak detector gets wet, or dries."""
        detector.leaking = leaking
        self.log("LeakDetected" if leaking else "LeakCleared", detector.name, part=detector.name)

    def switch_outlet(self, outlet: Outlet, on: bool) -> None:
        """An outlet is switched; what it feeds draws power, or nothing."""
        if outlet.on == on:
            return
        outlet.on = on
        now, keys = self.clock.now(), (f"Outlet{outlet.index + 1}Power", f"Outlet{outlet.index + 1}Current")
        for key in keys:
            for disturbance in self.sensors.disturbances.get(key, ()) if on else ():
                disturbance.until = now
            if not on:
                self.sensors.disturb(key, Disturbance("set", 0.0, now))
        self.changed()
        self.log("OutletSwitched", outlet.name, "On" if on else "Off", part=outlet.name)

    def count_gpu_errors(self, gpu: Gpu, corrected: int, uncorrected: int) -> None:
        """A GPU's memory corrects errors, or fails to."""
        gpu.corrected += corrected
        gpu.uncorrected += uncorrected
        if uncorrected:
            self.log("UncorrectableError", gpu.name, part=gpu.name)
        elif gpu.corrected >= ECC_THRESHOLD:
            self.log("CorrectableErrors", gpu.name, str(gpu.corrected), part=gpu.name)

    def nvlink(self, gpu: Gpu, link: int, up: bool) -> None:
        """A link between GPUs goes up or down."""
        (gpu.links_down.discard if up else gpu.links_down.add)(link)
        self.log("LinkUp" if up else "LinkDown", f"{gpu.name} NVLink {link}", part=gpu.name)

    # ---- the lid ----

    def open_chassis(self, opened: bool) -> None:
        """Someone opens or closes the lid."""
        if self.intruded != opened:
            self.intruded = opened
            self.log("ChassisOpened" if opened else "ChassisClosed")

    # ---- memory and links ----

    def count_ecc(self, index: int, count: int, uncorrected: int) -> None:
        """A DIMM corrects errors, or fails to."""
        dimm = self.parts.dimms[index]
        dimm.corrected += count
        dimm.uncorrected += uncorrected
        if dimm.uncorrected and uncorrected:
            self.log("UncorrectableError", dimm.name, part=dimm.name)
        elif dimm.health == "Warning":
            self.log("CorrectableErrors", dimm.name, str(dimm.corrected), part=dimm.name)

    def link(self, index: int, up: bool) -> None:
        """The link of a network port goes up or down."""
        port = self.parts.ports[index]
        if port.up != up:
            port.up = up
            self.log("LinkUp" if up else "LinkDown", port.name, part=port.name)
