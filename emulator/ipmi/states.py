"""Discrete sensors: which a family has, and the states in which a machine's parts put them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emulator.accents.model import Family
from emulator.parts import ECC_THRESHOLD, TOLERANCE
from emulator.sensor_rows import dimm_name

if TYPE_CHECKING:
    from emulator.hardware import Machine

SENSOR_SPECIFIC, REDUNDANCY, SEVERITY = 0x6F, 0x0B, 0x07
"""Event/reading type codes (IPMI v2.0, tables 42-1 and 42-2)."""
SYSTEM_BOARD = 0x07
Follow = Callable[["Machine", int], int]
"""A machine and the index of a part, to the states that hold, one bit each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrete:
    """A sensor that says which of its states hold."""

    key: str
    name: str
    type: int
    event_type: int = SENSOR_SPECIFIC
    entity: tuple[int, int]
    offsets: int
    """The states that may hold, one bit each."""
    follow: Follow
    index: int = 0
    part: str = ""
    event_only: bool = False
    """It has no reading; it only sends events."""
    number: int = 0

    def numbered(self, number: int) -> Discrete:
        """The same with a sensor number."""
        return replace(self, number=number)


def discretes_of(
    family: Family,
    named: Callable[[Family, str, str], str],
    entity_of: Callable[[Family, str, tuple[int, int]], tuple[int, int]],
) -> Iterator[Discrete]:
    """The discrete sensors of a family, as its firmware calls them."""
    for plain in (*_parts(family), *_whole(family)):
        yield replace(
            plain, name=named(family, plain.key, plain.name), entity=entity_of(family, plain.key, plain.entity)
        )


def _parts(family: Family) -> Iterator[Discrete]:
    """One for each part that can fail (sensor-specific offsets: IPMI v2.0, table 42-3)."""
    for bay in range(family.bays + family.empty_bays):
        yield Discrete(
            key=f"#Drive{bay}", name=f"Drive Bay {bay}", type=0x0D, entity=(0x04, bay + 1), offsets=0x01FF,
            follow=drive_states, index=bay, part=f"Drive Bay {bay}",
        )  # fmt: skip
    for index in range(len(family.raid)):
        yield Discrete(
            key=f"#Volume{index}", name=f"Volume {index}", type=0x0D, event_type=REDUNDANCY, entity=(0x0F, index + 1),
            offsets=0x002F, follow=volume_states, index=index, part=f"Volume {index}",
        )  # fmt: skip
    for index in range(family.supplies):
        yield Discrete(
            key=f"#Supply{index + 1}", name=f"PSU{index + 1} Status", type=0x08, entity=(0x0A, index + 1),
            offsets=0x004F, follow=supply_states, index=index, part=f"PSU {index + 1}",
        )  # fmt: skip
    for index in range(family.processors):
        yield Discrete(
            key=f"#Cpu{index + 1}", name=f"CPU{index + 1} Status", type=0x07, entity=(0x03, index + 1), offsets=0x0483,
            follow=_processor_states, index=index, part=f"CPU {index + 1}",
        )  # fmt: skip
    for index in range(family.gpus):
        yield Discrete(
            key=f"#Gpu{index + 1}", name=f"GPU{index + 1} Status", type=0x07, entity=(0x0B, index + 1), offsets=0x1880,
            follow=_gpu_states, index=index, part=f"GPU {index + 1}",
        )  # fmt: skip
    yield from _memory(family)
    for index in range(family.ports):
        yield Discrete(
            key=f"#Port{index + 1}", name=f"NIC Port {index + 1}", type=0x27, entity=(0x2C, index + 1), offsets=0x0003,
            follow=_port_states, index=index, part=f"NIC Port {index + 1}", event_only=True,
        )  # fmt: skip


def _memory(family: Family) -> Iterator[Discrete]:
    if not family.ipmi.dimm_sensors:
        yield Discrete(
            key="#Memory", name="Memory ECC", type=0x0C, entity=(0x20, 1), offsets=0x0023, follow=_memory_states
        )
        return
    for index in range(family.dimms):
        name = dimm_name(family, index)
        yield Discrete(
            key=f"#Dimm{index}", name=f"DIMM {name}", type=0x0C, entity=(0x20, index + 1), offsets=0x0063,
            follow=_dimm_states, index=index, part=f"DIMM {name}",
        )  # fmt: skip


def _whole(family: Family) -> Iterator[Discrete]:
    """What there is once in a machine."""
    board = (SYSTEM_BOARD, 1)
    if family.supplies > 1:
        yield Discrete(
            key="#Redundancy", name="PS Redundancy", type=0x09, event_type=REDUNDANCY, entity=(0x13, 1), offsets=0x0003,
            follow=lambda machine, _: 0x0001 if machine.redundant else 0x0002,
        )  # fmt: skip
    if family.fans > 1:
        yield Discrete(
            key="#FanRedundancy", name="Fan Redundancy", type=0x04, event_type=REDUNDANCY, entity=(0x1E, 1),
            offsets=0x0003, follow=_fan_states,
        )  # fmt: skip
    for key, name, type_, offsets, follow in (
        ("#PowerUnit", "Power Unit", 0x09, 0x0013, _power_states),
        ("#Intrusion", "Chassis Intru", 0x05, 0x0001, lambda machine, _: int(machine.intruded)),
        ("#Sel", "SEL", 0x10, 0x0034, _sel_states),
        ("#Watchdog", "Watchdog", 0x23, 0x010F, lambda machine, _: 0),
        ("#Event", "System Event", 0x12, 0x0013, lambda machine, _: 0),
    ):
        yield Discrete(key=key, name=name, type=type_, entity=board, offsets=offsets, follow=follow)
    yield Discrete(
        key="#Health", name="System Health", type=0x12, event_type=SEVERITY, entity=(0x17, 1), offsets=0x0007,
        follow=lambda machine, _: 1 << ("OK", "Warning", "Critical").index(machine.health()["System"]),
    )  # fmt: skip
    yield Discrete(
        key="#Bmc", name="BMC", type=0x28, entity=(0x06, 1), offsets=0x000F, follow=lambda machine, _: 0,
        event_only=True,
    )  # fmt: skip
    yield Discrete(
        key="#Os", name="OS", type=0x20, entity=(0x23, 1), offsets=0x007F, follow=lambda machine, _: 0, event_only=True
    )


# ---- the states that hold ----


def drive_states(machine: Machine, bay: int) -> int:
    """Drive slot (0Dh): present, failed, predicted, spare, array critical or failed, rebuilding."""
    drive = machine.parts.drives[bay]
    if drive.absent:
        return 0
    states = 1 | drive.failed << 1 | drive.predicted << 2 | drive.spare << 3 | (drive.rebuild is not None) << 7
    volume = next((v for v in machine.parts.volumes if bay in v.bays), None)
    if volume is None or machine.volume_health(volume) == "OK":
        return states
    lost = sum(_lost(machine, other) for other in volume.bays)
    return states | (lost == TOLERANCE[volume.raid]) << 5 | (lost > TOLERANCE[volume.raid]) << 6


def _lost(machine: Machine, bay: int) -> bool:
    drive = machine.parts.drives[bay]
    return drive.failed or drive.absent or drive.rebuild is not None


def volume_states(machine: Machine, index: int) -> int:
    """Redundancy (0Bh): full, degraded, lost, or not enough to go on; sufficient without any where there never was."""
    volume = machine.parts.volumes[index]
    most, lost = TOLERANCE[volume.raid], sum(_lost(machine, bay) for bay in volume.bays)
    if lost == 0:
        return 0x0001 if most else 0x0008
    return 0x0020 if lost > most else 0x0002 if lost == most else 0x0004


def supply_states(machine: Machine, index: int) -> int:
    """Power supply (08h): present, failed, input lost."""
    supply = machine.parts.supplies[index]
    return 1 | supply.failed << 1 | (not supply.fed) << 3


def _processor_states(machine: Machine, index: int) -> int:
    return 1 << 7


def _gpu_states(machine: Machine, index: int) -> int:
    """Processor (07h): present, uncorrectable and correctable machine check."""
    gpu = machine.parts.gpus[index]
    return 1 << 7 | (gpu.uncorrected > 0) << 11 | (gpu.corrected >= ECC_THRESHOLD) << 12


def _dimm_states(machine: Machine, index: int) -> int:
    """Memory (0Ch): present, corrected, uncorrectable, too many corrected."""
    dimm = machine.parts.dimms[index]
    return 1 << 6 | (dimm.corrected > 0) | (dimm.uncorrected > 0) << 1 | (dimm.corrected >= ECC_THRESHOLD) << 5


def _memory_states(machine: Machine, _: int) -> int:
    states = 0
    for dimm in machine.parts.dimms:
        states |= _dimm_states(machine, dimm.index)
    return states & ~(1 << 6)


def _port_states(machine: Machine, index: int) -> int:
    return 2 if machine.parts.ports[index].up else 1


def _fan_states(machine: Machine, _: int) -> int:
    return 2 if any(fan.failed for fan in machine.parts.fans) else 1


def _power_states(machine: Machine, _: int) -> int:
    """Power unit (09h): off."""
    return int(machine.power.told == "Off")


def _sel_states(machine: Machine, _: int) -> int:
    """Event logging (10h): full, almost full."""
    log = machine.logs["event"]
    return (len(log.entries) >= log.capacity) << 4 | (len(log.entries) >= 0.9 * log.capacity) << 5
