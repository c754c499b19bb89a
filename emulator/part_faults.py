"""Faults of parts that only some have: empty bays, accelerators, pumps, leak detectors, outlets; and a flapping fan."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from emulator.hardware import Machine
from emulator.named_fault import SECONDS, FaultRefusedError, Field, Heal, NamedFault, Wanted, part_named

if TYPE_CHECKING:
    from emulator.faults import Fleet


def _pull_drive(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    bay = f["bay"]
    if bay >= len(machine.parts.drives) or machine.parts.drives[bay].absent:
        raise FaultRefusedError(f"pull_drive: {machine.name} has no drive in bay {bay}")
    machine.pull_drive(bay)
    return partial(machine.replace_drive, bay)


def _fail_pump(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    return machine.fail_pump(part_named(machine.parts.pumps, machine, f["name"]))


def _leak(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    detector = part_named(machine.parts.leak_detectors, machine, f["name"])
    machine.leak(detector, True)
    return partial(machine.leak, detector, False)


def _switch_outlet(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    outlet = part_named(machine.parts.outlets, machine, f["name"])
    machine.switch_outlet(outlet, False)
    return partial(machine.switch_outlet, outlet, True)


def _open_chassis(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    machine.open_chassis(True)
    return partial(machine.open_chassis, False)


def _gpu_errors(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    gpu = part_named(machine.parts.gpus, machine, f["name"])
    machine.count_gpu_errors(gpu, f["count"], f["uncorrected"])

    def heal() -> None:
        gpu.corrected = gpu.uncorrected = 0

    return heal


def _drop_nvlink(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    gpu, link = part_named(machine.parts.gpus, machine, f["name"]), f["link"]
    if link >= machine.family.nvlinks:
        raise FaultRefusedError(f"drop_nvlink: {gpu.name} of {machine.name} has {machine.family.nvlinks} links")
    machine.nvlink(gpu, link, False)
    return partial(machine.nvlink, gpu, link, True)


def _flap_fan(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    """A fan fails and works again every `period` seconds, with an entry in the log each time (F56)."""
    fan, mends = part_named(machine.parts.fans, machine, f["name"]), list[Heal]()
    going = [True]

    def turn(_: float) -> None:
        if not going[0]:
            return
        if mends:
            mends.pop()()
        else:
            mends.append(machine.fail_fan(fan))
        fleet.plant.agenda.after(f["period"], turn)

    def heal() -> None:
        going[0] = False
        if mends:
            mends.pop()()

    turn(0.0)
    return heal


NAME = Field(str, "")

PART_FAULTS = (
    NamedFault(
        name="pull_drive",
        target="machine",
        fields={"bay": Field(int, needed=True)},
        strike=_pull_drive,
        happens="the drive is taken out of its bay, which is told as absent or not at all; healing puts another in",
    ),
    NamedFault(
        name="open_chassis",
        target="machine",
        fields={"seconds": SECONDS},
        strike=_open_chassis,
        happens="the lid is opened, which a machine's IPMI tells; healing closes it",
    ),
    NamedFault(
        name="flap_fan",
        target="machine",
        fields={"name": NAME, "period": Field(float, 30.0), "seconds": SECONDS},
        strike=_flap_fan,
        happens="the fan fails and works again every `period` seconds (F56)",
    ),
    NamedFault(
        name="gpu_errors",
        target="machine",
        fields={"name": NAME, "count": Field(int, 120), "uncorrected": Field(int, 0)},
        strike=_gpu_errors,
        happens="the GPU's memory corrects `count` errors; from 100 on it is unwell",
    ),
    NamedFault(
        name="drop_nvlink",
        target="machine",
        fields={"name": NAME, "link": Field(int, 0), "seconds": SECONDS},
        strike=_drop_nvlink,
        happens="a link between GPUs is down",
    ),
    NamedFault(
        name="fail_pump",
        target="machine",
        fields={"name": NAME, "seconds": SECONDS},
        strike=_fail_pump,
        happens="the pump stops, the others speed up",
    ),
    NamedFault(
        name="leak",
        target="machine",
        fields={"name": NAME, "seconds": SECONDS},
        strike=_leak,
        happens="the leak detector gets wet",
    ),
    NamedFault(
        name="switch_outlet",
        target="machine",
        fields={"name": NAME, "seconds": SECONDS},
        strike=_switch_outlet,
        happens="the outlet is switched off; its power and current fall to 0",
    ),
)
