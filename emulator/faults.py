"""The faults one can ask for, as rows: what each needs, whom it strikes, what happens, and what heals it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from emulator.hardware import Machine
from emulator.plant import Plant, Switch
from emulator.redfish_bmc import Bmc
from emulator.wire import WHEN, WireFault
from emulator.wire_effects import EFFECTS, PRESETS

Heal = Callable[[], None]
Wanted = Mapping[str, Any]


class FaultRefusedError(Exception):
    """A fault that cannot be set; the text says what would be right."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a fault."""

    kind: type
    otherwise: Any = None
    """What holds when it is left out; None with `needed` means it may not be."""
    needed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFault:
    """A fault that has a name."""

    name: str
    target: str
    """`machine`, `rack`, `switch` or `site`: the field that says where."""
    fields: Mapping[str, Field] = field(default_factory=dict)
    happens: str
    strike: Callable[[Fleet, Any, Wanted], Heal]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveFault:
    """A fault that is set."""

    id: str
    name: str
    machine: str
    """Empty when it strikes more than one."""
    wanted: Wanted
    since: float
    heal: Heal
    wire: WireFault | None = None

    def told(self) -> dict[str, Any]:
        """As the control API gives it."""
        told = {"id": self.id, **self.wanted, "fault": self.wanted.get("fault", self.name), "since": self.since}
        return told | ({"fired": self.wire.fired} if self.wire else {})


class Fleet:
    """The plant, its BMCs and the faults set on them."""

    def __init__(self, plant: Plant, *, prefix: str = "f") -> None:
        self.plant = plant
        self.bmcs = {name: Bmc(machine, plant) for name, machine in plant.machines.items()}
        self.active: dict[str, ActiveFault] = {}
        self._ids = (f"{prefix}{n}" for n in itertools.count(1))
        self._accents()

    def strike(self, wanted: Wanted) -> ActiveFault:
        """Sets a fault; FaultRefusedError where the request makes no sense."""
        self.plant.agenda.settle()
        name = wanted.get("fault")
        if isinstance(name, dict) or name == "wire" or (isinstance(name, str) and name in PRESETS):
            return self._wire(wanted)
        row = FAULTS.get(name) if isinstance(name, str) else None
        if row is None:
            raise FaultRefusedError(f"no fault {name!r}; known are {', '.join(FAULTS)}, wire")
        fields = _checked(row, wanted)
        target = self._target(row, wanted)
        fault_id = next(self._ids)
        machine = target.name if isinstance(target, Machine) else ""
        heal = row.strike(self, target, fields)
        active = ActiveFault(
            id=fault_id, name=row.name, machine=machine, wanted=dict(wanted), since=self.plant.clock.now(), heal=heal
        )
        self._keep(active, fields.get("seconds"))
        return active

    def heal(self, fault_id: str) -> None:
        """Ends a fault; what broke is replaced or mended."""
        self.plant.agenda.settle()
        active = self.active.pop(fault_id, None)
        if active is None:
            raise FaultRefusedError(f"no fault {fault_id!r} is set")
        active.heal()
        self.plant.ledger.note(active.machine, "fault_healed", id=fault_id, fault=active.name)

    def faults_of(self, machine: str) -> list[ActiveFault]:
        """The faults set on one machine."""
        return [active for active in self.active.values() if active.machine == machine]

    def _keep(self, active: ActiveFault, seconds: float | None) -> None:
        self.active[active.id] = active
        self.plant.ledger.note(active.machine, "fault_set", id=active.id, fault=active.name, wanted=dict(active.wanted))
        if seconds:
            self.plant.agenda.after(seconds, lambda _: self.heal(active.id) if active.id in self.active else None)

    def _target(self, row: NamedFault, wanted: Wanted) -> Any:
        name = str(wanted.get(row.target, ""))
        found: Mapping[str, Any] = {
            "machine": self.plant.machines, "rack": self.plant.racks, "switch": self.plant.switches,
            "site": {site: site for site in self.plant.plan.sites},
        }[row.target]  # fmt: skip
        if name not in found:
            near = ", ".join(list(found)[:5]) + (", ..." if len(found) > 5 else "")
            raise FaultRefusedError(f"{row.name}: no {row.target} {name!r}; there are {near or 'none'}")
        return found[name]

    # ---- on the wire ----

    def _accents(self) -> None:
        """The bugs of a family's firmware are there from the start."""
        for name, bmc in self.bmcs.items():
            for accent in bmc.machine.family.accents:
                bmc.wire.append(
                    self._wire_fault(f"accent:{accent.name}", bmc, dict(accent.fault), dict(accent.match), {})
                )
                self.plant.ledger.note(name, "accent", accent=accent.name)

    def _wire(self, wanted: Wanted) -> ActiveFault:
        bmc = self.bmcs.get(str(wanted.get("machine", "")))
        if bmc is None:
            raise FaultRefusedError(f"wire: no machine {wanted.get('machine')!r}")
        preset, effect = _effect_of(wanted)
        match = {**preset.get("match", {}), **wanted.get("match", {})}
        when = {**preset.get("when", {}), **wanted.get("when", {})}
        fault_id = next(self._ids)
        fault = self._wire_fault(fault_id, bmc, effect, match, when)
        bmc.wire.append(fault)
        if fault.effect.deed is not None:
            fault.effect.deed(bmc, fault.settings)
        active = ActiveFault(
            id=fault_id, name=f"wire:{fault.effect.name}", machine=bmc.machine.name, wanted=dict(wanted), since=fault.since,
            heal=partial(_unwire, fault), wire=fault,
        )  # fmt: skip
        self._keep(active, None)
        return active

    def _wire_fault(
        self, fault_id: str, bmc: Bmc, effect: dict[str, Any], match: dict[str, str], when: dict[str, Any]
    ) -> WireFault:
        row, settings = _settings_of(effect)
        for key in match:
            if key not in ("method", "path"):
                raise FaultRefusedError(f"match knows method and path, not {key!r}")
        for key, value in when.items():
            if key not in WHEN:
                raise FaultRefusedError(f"when knows {', '.join(WHEN)}, not {key!r}")
            if not isinstance(value, (int, float) if WHEN[key] is float else WHEN[key]) or (
                WHEN[key] is int and value < 1
            ):
                raise FaultRefusedError(
                    f"when: {key} is {value!r}, which is no {'positive ' if WHEN[key] is int else ''}{WHEN[key].__name__}"
                )
        chance = random.Random(f"{self.plant.seed}:{bmc.machine.name}:{fault_id}")
        return WireFault(fault_id, row, settings, match, when, bmc, chance, self.plant.clock.now())


def _unwire(fault: WireFault) -> None:
    fault.healed.set()
    fault.bmc.wire.remove(fault)


def _effect_of(wanted: Wanted) -> tuple[dict[str, Any], dict[str, Any]]:
    """(preset, effect) of a wire fault, told as an object, as an id, or as an id with other settings."""
    told = wanted["fault"]
    if isinstance(told, dict):
        effect = dict(told)
        fault_id = effect.pop("id", wanted.get("id"))
    else:
        effect = {key: value for key, value in wanted.items() if key not in ("machine", "fault", "match", "when", "id")}
        fault_id = told if told in PRESETS else wanted.get("id")
    if fault_id is not None and fault_id not in PRESETS:
        raise FaultRefusedError(f"wire: no preset for {fault_id!r}; there are {', '.join(PRESETS)}")
    preset: dict[str, Any] = PRESETS[fault_id] if fault_id else {}
    for key in ("match", "when"):
        if not isinstance(wanted.get(key, {}), dict):
            raise FaultRefusedError(f"wire: {key} must be an object")
    if not any(key in EFFECTS for key in effect):
        effect = {**preset.get("fault", {}), **effect}
    if not effect:
        raise FaultRefusedError(
            'wire: say what happens, as {"fault": {"latency": 8}} or {"fault": "wire", "id": "F10"}'
        )
    return preset, effect


def _settings_of(effect: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    names = [key for key in effect if key in EFFECTS]
    row = EFFECTS[names[0]] if names else None
    if row is None:
        raise FaultRefusedError(f"wire: none of {', '.join(effect)} is an effect; known are {', '.join(EFFECTS)}")
    strange = [key for key in effect if key != row.name and key not in row.fields]
    if strange:
        raise FaultRefusedError(
            f"wire: {row.name} takes {', '.join(row.fields) or 'no other field'}, not {strange[0]!r}"
        )
    if not row.check(effect[row.name]):
        raise FaultRefusedError(f"wire: {row.name} is {effect[row.name]!r}; it takes {row.wants}")
    if row.name == "lockout":
        told = effect["lockout"]
        effect = {"lockout": (told["n"], float(told.get("sec", 300)), bool(told.get("sliding", False)))}
    return row, effect


def _checked(row: NamedFault, wanted: Wanted) -> dict[str, Any]:
    """The fields of a named fault, with what holds where they are left out."""
    for key in wanted:
        if key not in row.fields and key not in ("fault", row.target):
            known = ", ".join([row.target, *row.fields])
            raise FaultRefusedError(f"{row.name}: unknown field {key!r}; it takes {known}")
    fields = {}
    for key, rule in row.fields.items():
        if key not in wanted:
            if rule.needed:
                raise FaultRefusedError(f"{row.name}: {key!r} is needed")
            fields[key] = rule.otherwise
            continue
        value = wanted[key]
        kinds = (int, float) if rule.kind is float else rule.kind
        if not isinstance(value, kinds) or isinstance(value, bool) or (rule.kind in (int, float) and value < 0):
            raise FaultRefusedError(f"{row.name}: {key} is {value!r}, which is no {rule.kind.__name__}")
        fields[key] = value
    return fields


# ---- what happens ----


def _drive(machine: Machine, fault: str, bay: int) -> int:
    if bay >= len(machine.parts.drives):
        raise FaultRefusedError(f"{fault}: {machine.name} has bays 0 to {len(machine.parts.drives) - 1}, not {bay}")
    return bay


def _named(parts: list[Any], machine: Machine, name: str) -> Any:
    """A part by its name; the first one where no name is given."""
    found = next((part for part in parts if not name or part.name == name), None)
    if found is None:
        raise FaultRefusedError(f"{machine.name} has {', '.join(part.name for part in parts)}, not {name!r}")
    return found


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
    return machine.fail_fan(_named(machine.parts.fans, machine, f["name"]))


def _fail_power_supply(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    return machine.fail_supply(_named(machine.parts.supplies, machine, f["name"]))


def _overheat(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    return machine.overheat(f["celsius"])


def _ecc_errors(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    dimm = _named(machine.parts.dimms, machine, f["name"])
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


def _on_wire(effect: str, otherwise: Any = None) -> Callable[[Fleet, Machine, Wanted], Heal]:
    """A fault that is a wire fault by another name; `seconds` is the effect's setting where it has one."""

    def strike(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
        bmc = fleet.bmcs[machine.name]
        setting = otherwise if otherwise is not None else f["latency"]
        match = {"method": "POST", "path": "Reset"} if effect == "lose_answer" else {}
        fault = WireFault(
            effect, EFFECTS[effect], {effect: setting}, match, {}, bmc, random.Random(), fleet.plant.clock.now()
        )
        bmc.wire.append(fault)
        return partial(_unwire, fault)

    return strike


def _reject_credentials(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    bmc = fleet.bmcs[machine.name]
    bmc.rejects = True
    bmc.sessions.clear()

    def heal() -> None:
        bmc.rejects = False

    return heal


def _lock_out(fleet: Fleet, machine: Machine, f: Wanted) -> Heal:
    bmc = fleet.bmcs[machine.name]
    bmc.lock(f["seconds"] or 300.0)
    bmc.sessions.clear()
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
        return lambda: machine.power.faults.pop(name, None)  # type: ignore[return-value]  # what is popped does not matter

    return strike


def _lose_site(fleet: Fleet, site: str, f: Wanted) -> Heal:
    """Nothing of the site answers any more; its machines run on."""
    struck = [bmc for name, bmc in fleet.bmcs.items() if fleet.plant.site_of(fleet.plant.machines[name]) == site]
    heals = [_on_wire("hang", "forever")(fleet, bmc.machine, {}) for bmc in struck]

    def heal() -> None:
        for one in heals:
            one()

    return heal


SECONDS = Field(float)
"""Heals by itself after so long; until healed when left out."""

FAULTS: dict[str, NamedFault] = {
    row.name: row
    for row in (
        NamedFault(name="fail_drive", target="machine", fields={"bay": Field(int, needed=True), "rebuild_seconds": Field(float, 240.0)},
                   strike=_fail_drive, happens="the drive fails, its volume degrades, a hot spare is rebuilt; healing swaps the drive"),
        NamedFault(name="predict_drive", target="machine", fields={"bay": Field(int, needed=True)}, strike=_predict_drive,
                   happens="the drive predicts its failure; healing swaps it"),
        NamedFault(name="wear_drive", target="machine",
                   fields={"bay": Field(int, needed=True), "percent": Field(float, 5.0), "media_errors": Field(int, 0)},
                   strike=_wear_drive, happens="the drive has `percent` of its life left and met `media_errors` more; healing swaps it"),
        NamedFault(name="fail_fan", target="machine", fields={"name": Field(str, ""), "seconds": SECONDS}, strike=_fail_fan,
                   happens="the fan stops, the others speed up, processors warm up by 5 Cel"),
        NamedFault(name="fail_power_supply", target="machine", fields={"name": Field(str, ""), "seconds": SECONDS},
                   strike=_fail_power_supply, happens="the supply fails, the others carry its watts"),
        NamedFault(name="overheat", target="machine", fields={"celsius": Field(float, 14.0), "seconds": SECONDS}, strike=_overheat,
                   happens="the air in front of the machine warms up by `celsius` within minutes"),
        NamedFault(name="ecc_errors", target="machine",
                   fields={"name": Field(str, ""), "count": Field(int, 120), "uncorrected": Field(int, 0)}, strike=_ecc_errors,
                   happens="the DIMM corrects `count` errors; from 100 on it is unwell"),
        NamedFault(name="lose_feed", target="rack", fields={"feed": Field(str, "A"), "seconds": SECONDS}, strike=_lose_feed,
                   happens="every power supply on the feed loses its input; without any input machine and BMC are dark"),
        NamedFault(name="restore_feed", target="rack", fields={"feed": Field(str, "A")}, strike=_restore_feed,
                   happens="the feed is back"),
        NamedFault(name="drop_link", target="switch", fields={"port": Field(int, needed=True), "seconds": SECONDS}, strike=_drop_link,
                   happens="the link is down at both ends"),
        NamedFault(name="flap_link", target="switch",
                   fields={"port": Field(int, needed=True), "period": Field(float, 5.0), "seconds": SECONDS}, strike=_flap_link,
                   happens="the link goes down and up every `period` seconds"),
        NamedFault(name="lose_site", target="site", fields={"seconds": SECONDS}, strike=_lose_site,
                   happens="no BMC of the site answers; its machines run on"),
        NamedFault(name="hang_bmc", target="machine", fields={"seconds": SECONDS}, strike=_on_wire("hang", "forever"),
                   happens="the BMC takes requests and never answers"),
        NamedFault(name="slow_bmc", target="machine", fields={"latency": Field(float, 5.0), "seconds": SECONDS}, strike=_on_wire("latency"),
                   happens="every answer takes `latency` seconds longer"),
        NamedFault(name="reset_bmc", target="machine", fields={"seconds": Field(float, 60.0)}, strike=_reset_bmc,
                   happens="the BMC is away for so long, refuses connections and comes back without sessions"),
        NamedFault(name="reject_credentials", target="machine", fields={"seconds": SECONDS}, strike=_reject_credentials,
                   happens="no password is right, and sessions are gone"),
        NamedFault(name="lock_out", target="machine", fields={"seconds": Field(float, 300.0)}, strike=_lock_out,
                   happens="the account is locked"),
        NamedFault(name="power_noop", target="machine", fields={"seconds": SECONDS}, strike=_misbehave("power_noop"),
                   happens="power commands are accepted and nothing follows (F60)"),
        NamedFault(name="power_lag", target="machine", fields={"lag": Field(float, 45.0), "seconds": SECONDS},
                   strike=_misbehave("power_lag", "lag"), happens="power commands are obeyed `lag` seconds later"),
        NamedFault(name="ignore_graceful", target="machine", fields={"seconds": SECONDS}, strike=_misbehave("ignore_graceful"),
                   happens="the operating system ignores graceful requests (F65)"),
        NamedFault(name="lie_power", target="machine", fields={"state": Field(str, ""), "seconds": SECONDS},
                   strike=_misbehave("lie_power", "state"), happens="the BMC tells `state`, by default the opposite (F67)"),
        NamedFault(name="lose_answer", target="machine", fields={"seconds": SECONDS}, strike=_on_wire("lose_answer", True),
                   happens="resets are executed and the answer is lost (F69)"),
    )
}  # fmt: skip
