"""The faults that have a name, as rows: what each needs, whom it strikes, what happens, and what heals it."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.hardware import Machine
from emulator.ipmi.effects import POWER_COMMAND
from emulator.named_fault import SECONDS, FaultRefusedError, Field, Heal, NamedFault, Wanted, part_named
from emulator.network import Switch
from emulator.part_faults import PART_FAULTS
from emulator.snmp.faults import SNMP_FAULTS
from emulator.wire import WireFault
from emulator.wire_catalogue import EFFECTS

if TYPE_CHECKING:
    from emulator.faults import Fleet

# ---- what happens ----


def _drive(machine: Machine, fault: str, bay: int) -> int:
    if bay >= len(machine.parts.drives):
        raise FaultRefusedError(f"{fault}: {machine.name} has bays 0 to {len(machine.parts.drives) - 1}, not {bay}")
    return bay


def _fail_drive(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    bay = _drive(machine, "fail_drive", f["bay"])
    machine.fail_drive(bay, f["rebuild_seconds"])
    return partial(machine.replace_drive, bay, f["rebuild_seconds"])


def _predict_drive(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    bay = _drive(machine, "predict_drive", f["bay"])
    machine.predict_drive(bay)
    return partial(machine.replace_drive, bay)


def _wear_drive(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    bay = _drive(machine, "wear_drive", f["bay"])
    machine.wear_drive(bay, f["percent"], f["media_errors"])
    return partial(machine.replace_drive, bay)


def _fail_fan(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    return machine.fail_fan(part_named(machine.parts.fans, machine, f["name"]))


def _fail_power_supply(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    return machine.fail_supply(part_named(machine.parts.supplies, machine, f["name"]))


def _overheat(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    return machine.overheat(f["celsius"])


def _ecc_errors(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    dimm = part_named(machine.parts.dimms, machine, f["name"])
    machine.count_ecc(dimm.index, f["count"], f["uncorrected"])

    def heal() -> None:
        dimm.corrected = dimm.uncorrected = 0

    return heal


def _lose_feed(fleet: Fleet, rack: Any, f: Wanted) -> Heal:
    rack.feed(_feed(f["feed"]), False)
    return partial(rack.feed, f["feed"], True)


def _restore_feed(fleet: Fleet, rack: Any, f: Wanted) -> Heal:
    rack.feed(_feed(f["feed"]), True)
    return lambda: None


def _feed(feed: str) -> str:
    if feed not in ("A", "B"):
        raise FaultRefusedError(f"feed is A or B, not {feed!r}")
    return feed


def _port_of(switch: Switch, port: int) -> int:
    if port not in switch.cables:
        raise FaultRefusedError(f"{switch.name} has cables in ports 1 to {len(switch.cables)}, not in {port}")
    return port


def _drop_link(fleet: Fleet, switch: Switch, f: Wanted) -> Heal:
    switch.link(_port_of(switch, f["port"]), False)
    return partial(switch.link, f["port"], True)


def _flap_link(fleet: Fleet, switch: Switch, f: Wanted) -> Heal:
    """Down and up again every `period` seconds, until healed."""
    port, going = _port_of(switch, f["port"]), [True]

    def turn(up: bool, _: float) -> None:
        if going[0]:
            switch.link(port, up)
            fleet.plant.agenda.after(f["period"], partial(turn, not up))

    def heal() -> None:
        going[0] = False
        switch.link(port, True)

    turn(False, 0.0)
    return heal


RESETS: tuple[dict[str, Any], ...] = ({"method": "POST", "path": "Reset"}, POWER_COMMAND)
"""What a power command is over either protocol."""


def _on_wire(effect: str, otherwise: Any = None) -> Callable[[Fleet, Machine, Wanted], Heal]:
    """A fault that is a wire fault by another name; `seconds` is the effect's setting where it has one."""

    def strike(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
        bmc = fleet.bmcs[machine.name]
        setting = otherwise if otherwise is not None else f["latency"]
        now = fleet.plant.clock.now()
        faults = [
            WireFault(effect, EFFECTS[effect], {effect: setting}, match, {}, bmc, random.Random(), now)
            for match in (RESETS if effect == "lose_answer" else ({},))
        ]
        bmc.wire.extend(faults)

        def heal() -> None:
            for fault in faults:
                fault.end()

        return heal

    return strike


def _reject_credentials(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    bmc = fleet.bmcs[machine.name]
    bmc.rejects = True
    bmc.drop_sessions()

    def heal() -> None:
        bmc.rejects = False

    return heal


def _lock_out(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    bmc = fleet.bmcs[machine.name]
    bmc.lock(f["seconds"] or 300.0)
    bmc.drop_sessions()
    return partial(bmc.lock, 0.0)


def _reset_bmc(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    bmc = fleet.bmcs[machine.name]
    bmc.leave("restart")
    return partial(bmc.come_back, "restart")


def _misbehave(name: str, setting: str | None = None) -> Callable[[Fleet, Machine, Wanted], Heal]:
    """A fault of the power switch."""

    def strike(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
        value = True if setting is None else f[setting]
        if name == "lie_power" and value == "":
            value = "Off" if machine.power.state == "On" else "On"
        machine.power.faults[name] = value
        return lambda: machine.power.faults.pop(name, None)

    return strike


def _lose_site(fleet: Fleet, site: str, f: Wanted) -> Heal:
    """Nothing of the site answers any more; its machines run on."""
    struck = [bmc for name, bmc in fleet.bmcs.items() if fleet.plant.site_of(fleet.plant.machines[name]) == site]
    heals = [_on_wire("hang", "forever")(fleet, bmc.machine, {}) for bmc in struck]
    agents = [device.agent for device in fleet.devices.values() if device.site == site]
    for agent in agents:
        agent.troubles.silent = True

    def heal() -> None:
        for one in heals:
            one()
        for agent in agents:
            agent.troubles.silent = False

    return heal


NAMED_IDS = {"F60": "power_noop", "F65": "ignore_graceful", "F67": "lie_power"}
"""Ids of the catalogue that are no matter of the wire."""

FAULTS: dict[str, NamedFault] = {
    row.name: row
    for row in (
        NamedFault(
            name="fail_drive",
            target="machine",
            fields={"bay": Field(int, needed=True), "rebuild_seconds": Field(float, 240.0)},
            strike=_fail_drive,
            happens="the drive fails, its volume degrades, a hot spare is rebuilt; healing swaps the drive",
        ),
        NamedFault(
            name="predict_drive",
            target="machine",
            fields={"bay": Field(int, needed=True)},
            strike=_predict_drive,
            happens="the drive predicts its failure; healing swaps it",
        ),
        NamedFault(
            name="wear_drive",
            target="machine",
            fields={"bay": Field(int, needed=True), "percent": Field(float, 5.0), "media_errors": Field(int, 0)},
            strike=_wear_drive,
            happens="the drive has `percent` of its life left and met `media_errors` more; healing swaps it",
        ),
        NamedFault(
            name="fail_fan",
            target="machine",
            fields={"name": Field(str, ""), "seconds": SECONDS},
            strike=_fail_fan,
            happens="the fan stops, the others speed up, processors warm up by 5 Cel",
        ),
        NamedFault(
            name="fail_power_supply",
            target="machine",
            fields={"name": Field(str, ""), "seconds": SECONDS},
            strike=_fail_power_supply,
            happens="the supply fails, the others carry its watts",
        ),
        NamedFault(
            name="overheat",
            target="machine",
            fields={"celsius": Field(float, 14.0), "seconds": SECONDS},
            strike=_overheat,
            happens="the air in front of the machine warms up by `celsius` within minutes",
        ),
        NamedFault(
            name="ecc_errors",
            target="machine",
            fields={"name": Field(str, ""), "count": Field(int, 120), "uncorrected": Field(int, 0)},
            strike=_ecc_errors,
            happens="the DIMM corrects `count` errors; from 100 on it is unwell",
        ),
        NamedFault(
            name="lose_feed",
            target="rack",
            fields={"feed": Field(str, "A"), "seconds": SECONDS},
            strike=_lose_feed,
            happens="every power supply on the feed loses its input; without any input machine and BMC are dark",
        ),
        NamedFault(
            name="restore_feed",
            target="rack",
            fields={"feed": Field(str, "A")},
            strike=_restore_feed,
            happens="the feed is back",
        ),
        NamedFault(
            name="drop_link",
            target="switch",
            fields={"port": Field(int, needed=True), "seconds": SECONDS},
            strike=_drop_link,
            happens="the link is down at both ends",
        ),
        NamedFault(
            name="flap_link",
            target="switch",
            fields={"port": Field(int, needed=True), "period": Field(float, 5.0), "seconds": SECONDS},
            strike=_flap_link,
            happens="the link goes down and up every `period` seconds",
        ),
        NamedFault(
            name="lose_site",
            target="site",
            fields={"seconds": SECONDS},
            strike=_lose_site,
            happens="no BMC of the site answers; its machines run on",
        ),
        NamedFault(
            name="hang_bmc",
            target="machine",
            fields={"seconds": SECONDS},
            strike=_on_wire("hang", "forever"),
            happens="the BMC takes requests and never answers",
        ),
        NamedFault(
            name="slow_bmc",
            target="machine",
            fields={"latency": Field(float, 5.0), "seconds": SECONDS},
            strike=_on_wire("latency"),
            happens="every answer takes `latency` seconds longer",
        ),
        NamedFault(
            name="reset_bmc",
            target="machine",
            fields={"seconds": Field(float, 60.0)},
            strike=_reset_bmc,
            happens="the BMC is away for so long, refuses connections and comes back without sessions",
        ),
        NamedFault(
            name="reject_credentials",
            target="machine",
            fields={"seconds": SECONDS},
            strike=_reject_credentials,
            happens="no password is right, and sessions are gone",
        ),
        NamedFault(
            name="lock_out",
            target="machine",
            fields={"seconds": Field(float, 300.0)},
            strike=_lock_out,
            happens="the account is locked",
        ),
        NamedFault(
            name="power_noop",
            target="machine",
            fields={"seconds": SECONDS},
            strike=_misbehave("power_noop"),
            happens="power commands are accepted and nothing follows (F60)",
        ),
        NamedFault(
            name="power_lag",
            target="machine",
            fields={"lag": Field(float, 45.0), "seconds": SECONDS},
            strike=_misbehave("power_lag", "lag"),
            happens="power commands are obeyed `lag` seconds later",
        ),
        NamedFault(
            name="ignore_graceful",
            target="machine",
            fields={"seconds": SECONDS},
            strike=_misbehave("ignore_graceful"),
            happens="the operating system ignores graceful requests (F65)",
        ),
        NamedFault(
            name="lie_power",
            target="machine",
            fields={"state": Field(str, ""), "seconds": SECONDS},
            strike=_misbehave("lie_power", "state"),
            happens="the BMC tells `state`, by default the opposite (F67)",
        ),
        NamedFault(
            name="lose_answer",
            target="machine",
            fields={"seconds": SECONDS},
            strike=_on_wire("lose_answer", True),
            happens="resets are executed and the answer is lost (F69)",
        ),
        *PART_FAULTS,
        *SNMP_FAULTS,
    )
}
