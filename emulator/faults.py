"""The faults' door: a request is checked word by word, strikes, is kept, and can be healed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from emulator.fault_ids import PRESETS, SNMP_IDS
from emulator.fault_rows import FAULTS, NAMED_IDS
from emulator.hardware import Machine
from emulator.ipmi.effects import MATCH
from emulator.named_fault import FaultRefusedError, Heal, NamedFault, Wanted
from emulator.plant import Plant
from emulator.redfish.bmc import Bmc
from emulator.snmp.device import Device, devices_of
from emulator.snmp.serve import access_of
from emulator.when import WHEN
from emulator.wire import Effect, WireFault
from emulator.wire_catalogue import EFFECTS


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


IDS = {**NAMED_IDS, **SNMP_IDS}
"""Ids of the catalogue that mean a fault with a name."""


class Fleet:
    """The plant, its BMCs and the faults set on them."""

    def __init__(self, plant: Plant, *, prefix: str = "f") -> None:
        self.plant = plant
        self.bmcs: dict[str, Bmc] = {}
        """By the name of a machine; a blade's is what the BMC of its chassis shows of it."""
        for name, machine in plant.machines.items():
            if not machine.enclosure:
                self.bmcs[name] = bmc = Bmc(machine, plant)
                self.bmcs |= {node.machine.name: cast(Bmc, node) for node in bmc.nodes}
        plan = plant.plan
        self.devices: dict[str, Device] = devices_of(plant, access_of(plan.user, plan.password, plan.community))
        """What is asked over SNMP, by name."""
        self.active: dict[str, ActiveFault] = {}
        self._ids = (f"{prefix}{n}" for n in itertools.count(1))
        self._accents()

    def strike(self, wanted: Wanted) -> ActiveFault:
        """Sets a fault; FaultRefusedError where the request makes no sense."""
        self.plant.agenda.settle()
        if _on_wire(wanted):
            return self._wire(wanted)
        row, target, fields = self._named(wanted)
        fault_id = next(self._ids)
        machine = target.name if isinstance(target, Machine | Device) else ""
        heal = row.strike(self, target, fields)
        active = ActiveFault(
            id=fault_id, name=row.name, machine=machine, wanted=dict(wanted), since=self.plant.clock.now(), heal=heal
        )
        self._keep(active, fields.get("seconds"))
        return active

    def check(self, wanted: Wanted) -> None:
        """FaultRefusedError where a fault names what is not there; nothing happens."""
        if _on_wire(wanted):
            self._bmc(wanted)
            _settings_of(_effect_of(wanted)[1])
        else:
            self._named(wanted)

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

    def _named(self, wanted: Wanted) -> tuple[NamedFault, Any, dict[str, Any]]:
        """(row, target, fields) of a fault that has a name."""
        name = wanted.get("fault")
        if name == "wire" or name in IDS:
            name = IDS[str(wanted.get("id", name))]
            wanted = {key: value for key, value in wanted.items() if key != "id"}
        row = FAULTS.get(name) if isinstance(name, str) else None
        if row is None:
            raise FaultRefusedError(f"no fault {name!r}; known are {', '.join(FAULTS)}, wire")
        return row, self._target(row, wanted), _checked(row, wanted)

    def _bmc(self, wanted: Wanted) -> Bmc:
        name = str(wanted.get("machine", ""))
        if name not in self.bmcs:
            raise FaultRefusedError(f"wire: no machine {name!r}")
        return self.bmcs[name]

    def _keep(self, active: ActiveFault, seconds: float | None) -> None:
        self.active[active.id] = active
        self.plant.ledger.note(active.machine, "fault_set", id=active.id, fault=active.name, wanted=dict(active.wanted))
        if seconds:
            self.plant.agenda.after(seconds, lambda _: self.heal(active.id) if active.id in self.active else None)

    def _target(self, row: NamedFault, wanted: Wanted) -> Any:
        name = str(wanted.get(row.target, ""))
        kinds: dict[str, Mapping[str, Any]] = {
            "machine": self.plant.machines, "rack": self.plant.racks, "switch": self.plant.switches,
            "agent": self.devices,
            "site": {site: site for site in self.plant.plan.sites},
        }  # fmt: skip
        found = kinds[row.target]
        if name not in found:
            near = ", ".join(list(found)[:5]) + (", ..." if len(found) > 5 else "")
            raise FaultRefusedError(f"{row.name}: no {row.target} {name!r}; there are {near or 'none'}")
        return found[name]

    # ---- on the wire ----

    def _accents(self) -> None:
        """The bugs of a family's firmware are there from the start."""
        for name, bmc in self.bmcs.items():
            for accent in (row for row in bmc.machine.family.accents if row.fault):
                bmc.wire.append(
                    self._wire_fault(f"accent:{accent.name}", bmc, dict(accent.fault), dict(accent.match), {})
                )
                self.plant.ledger.note(name, "accent", accent=accent.name)

    def _wire(self, wanted: Wanted) -> ActiveFault:
        bmc = self._bmc(wanted)
        preset, effect = _effect_of(wanted)
        match = {**preset.get("match", {}), **wanted.get("match", {})}
        when = {**preset.get("when", {}), **wanted.get("when", {})}
        fault_id = next(self._ids)
        fault = self._wire_fault(fault_id, bmc, effect, match, when, _seed(wanted))
        if fault.effect.deed is None:
            bmc.wire.append(fault)
        active = ActiveFault(
            id=fault_id, name=f"wire:{fault.effect.name}", machine=bmc.machine.name, wanted=dict(wanted),
            since=fault.since,
            heal=fault.end, wire=fault,
        )  # fmt: skip
        self._keep(active, when.get("until_s") if fault.effect.deed else None)
        if "after_s" in when and fault.effect.deed:
            self.plant.agenda.after(when["after_s"], lambda _: fault.do())
        else:
            fault.do()
        return active

    def _wire_fault(
        self,
        fault_id: str,
        bmc: Bmc,
        effect: dict[str, Any],
        match: dict[str, Any],
        when: dict[str, Any],
        seed: int | None = None,
    ) -> WireFault:
        row, settings = _settings_of(effect)
        _check_match(row, match)
        for key, value in when.items():
            if key not in WHEN:
                raise FaultRefusedError(f"when knows {', '.join(WHEN)}, not {key!r}")
            if not WHEN[key](value):
                raise FaultRefusedError(f"when: {key} cannot be {value!r}")
            if key not in STANDING.get(row.stage, WHEN):
                raise FaultRefusedError(
                    f"{row.name} is a {row.stage}: of when it takes {', '.join(STANDING[row.stage])}"
                )
        if match and row.stage in STANDING:
            raise FaultRefusedError(f"{row.name} is a {row.stage}, which no single request meets: it takes no match")
        chance = random.Random(f"{self.plant.seed}:{bmc.machine.name}:{fault_id}" if seed is None else seed)
        return WireFault(
            fault_id,
            row,
            settings,
            match,
            when,
            bmc,
            chance,
            self.plant.clock.now(),
            quiet=fault_id.startswith("accent:"),
        )


STANDING = {"policy": ("after_s", "until_s", "state"), "deed": ("after_s", "until_s")}
"""The conditions of effects that single requests do not meet."""


def _check_match(row: Effect, match: Mapping[str, Any]) -> None:
    """FaultRefusedError where an effect cannot be asked to meet this; one match is of HTTP or of IPMI, not of both."""
    if row.stage in STANDING:
        return
    http: dict[str, Callable[[Any], bool]] = {"method": _is_text, "path": _is_text}
    kinds = [*([http] if row.act is not None else []), *([MATCH] if row.lan is not None else [])]
    known = [key for kind in kinds or [http] for key in kind]
    for key, value in match.items():
        if key not in known:
            raise FaultRefusedError(f"match knows {', '.join(known)}, not {key!r}")
        if not {**http, **MATCH}[key](value):
            raise FaultRefusedError(f"match: {key} cannot be {value!r}")
    if len(kinds) > 1 and not (set(match) <= set(http) or set(match) <= set(MATCH)):
        raise FaultRefusedError("match is of a request (method, path) or of a datagram, not of both")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _on_wire(wanted: Wanted) -> bool:
    """Whether a fault is one of the wire: told as an object, by the word or by an id of the catalogue."""
    name = wanted.get("fault")
    if name == "wire":
        return wanted.get("id") not in IDS
    return isinstance(name, dict) or (isinstance(name, str) and name in PRESETS)


def _effect_of(wanted: Wanted) -> tuple[dict[str, Any], dict[str, Any]]:
    """(preset, effect) of a wire fault, told as an object, as an id, or as an id with other settings."""
    told = wanted["fault"]
    if isinstance(told, dict):
        effect = dict(told)
        fault_id = effect.pop("id", wanted.get("id"))
    else:
        effect = {key: value for key, value in wanted.items() if key not in WORDS}
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


WORDS = ("machine", "fault", "match", "when", "id", "seed")
"""Of a wire fault: what belongs to none of the effects."""


def _seed(wanted: Wanted) -> int | None:
    seed = wanted.get("seed")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise FaultRefusedError(f"seed is {seed!r}, which is no whole number")
    return seed


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


def _fits(value: Any, kind: type) -> bool:
    """Whether a value is of a kind; numbers must not be negative."""
    if kind is str:
        return isinstance(value, str)
    return isinstance(value, (int, float) if kind is float else int) and not isinstance(value, bool) and value >= 0


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
        if not _fits(value, rule.kind):
            raise FaultRefusedError(f"{row.name}: {key} is {value!r}, which is no {rule.kind.__name__}")
        fields[key] = value
    return fields
