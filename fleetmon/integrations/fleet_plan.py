"""What an import would do: wishes against the fleet as it is; pure. A plan is applied whole or not at all."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from fleetmon.integrations.fleet_file import Fault, FleetFileError
from fleetmon.integrations.wishes import NAME_MOST, What, Wish
from fleetmon.model import Device, DeviceKind, Endpoint, Rack, Site

T = TypeVar("T")

RESERVED_IDS = frozenset({"index"})
"""Words of the API's own paths; no id may be one of them."""


class Action(StrEnum):
    """What a step does."""

    ADD = "add"
    CHANGE = "change"
    KEEP = "keep"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The fleet as it is."""

    sites: Sequence[Site] = ()
    racks: Sequence[Rack] = ()
    devices: Sequence[Device] = ()
    credentials: Collection[str] = ()
    """Names of the credential sets that are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a plan; `changes` holds before and after of each field, as plain JSON."""

    action: Action
    what: What
    name: str
    changes: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be done, and the values to store: only what is added or changed, and the ids of what is removed."""

    steps: tuple[Step, ...]
    sites: tuple[Site, ...]
    racks: tuple[Rack, ...]
    devices: tuple[Device, ...]
    remove: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """Names this plan: equal when the same file meets the same fleet."""
        told = [[step.action, step.what, step.name, step.changes] for step in self.steps]
        return hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=16).hexdigest()

    @property
    def counts(self) -> dict[str, int]:
        """How many steps of each action."""
        return {action.value: sum(step.action is action for step in self.steps) for action in Action}


def slug(name: str, taken: Collection[str], *, prefix: str = "") -> str:
    """An id made from a name: the name itself where it can be, with the prefix or a number when that is taken."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:NAME_MOST] or "unnamed"
    used = RESERVED_IDS | set(taken)
    candidates = [plain, f"{prefix}-{plain}"[:NAME_MOST]] if prefix else [plain]
    numbered = (f"{plain[: NAME_MOST - 5]}-{number}" for number in range(2, len(used) + 3))
    return next(candidate for candidate in (*candidates, *numbered) if candidate not in used)


def plan(present: Present, wishes: Iterable[Wish], *, prune: bool = False) -> Plan:
    """The steps from the fleet as it is to the fleet as wished; with `prune`, devices nobody wished for go.

    Raises FleetFileError for what cannot be: a rack nobody knows, two devices in one unit, a name taken.
    """
    return _Planning(present, list(wishes), prune=prune).plan()


class _Planning:
    """One plan being made: the fleet as it will be, and the faults and warnings found on the way."""

    def __init__(self, present: Present, wishes: list[Wish], *, prune: bool) -> None:
        self.present, self.wishes, self.prune = present, wishes, prune
        self.sites = {site.site_id: site for site in present.sites}
        self.racks = {rack.rack_id: rack for rack in present.racks}
        self.devices = {device.device_id: device for device in present.devices}
        self.ids = {device.name: device.device_id for device in present.devices}
        self.lines: dict[str, int | None] = {}
        self.steps: list[Step] = []
        self.faults: list[Fault] = []
        self.warnings: list[str] = []

    def plan(self) -> Plan:
        for what, place in ((What.SITE, self._site), (What.RACK, self._rack), (What.DEVICE, self._device)):
            for wish in self.wishes:
                if wish.what is what:
                    place(wish)
        removed = self._pruned() if self.prune else ()
        self.faults += clashes(self.devices.values(), self.racks, self.lines)
        self._warn_of_credentials()
        if self.faults:
            raise FleetFileError(self.faults)
        return Plan(
            steps=tuple(self.steps),
            sites=_new(self.present.sites, self.sites.values()),
            racks=_new(self.present.racks, self.racks.values()),
            devices=_new(self.present.devices, self.devices.values()),
            remove=removed,
            warnings=tuple(self.warnings),
        )

    def _site(self, wish: Wish) -> None:
        before = self._named_site(wish.fields.get("site_id") or wish.name)
        if before is None:
            site_id = wish.fields.get("site_id") or slug(wish.name, self.sites)
            after = Site(site_id=site_id, name=wish.name)
        else:
            after = before if wish.implied else replace(before, name=wish.name)
        self.sites[after.site_id] = after
        if any(other.name == after.name and other.site_id != after.site_id for other in self.sites.values()):
            self.faults.append(Fault("name", f"another site is named {after.name!r} already", wish.line))
        self._step(What.SITE, wish, before, after)

    def _rack(self, wish: Wish) -> None:
        site = self._named_site(wish.fields["site"]) if "site" in wish.fields else None
        if "site" in wish.fields and site is None:
            self.faults.append(Fault("site", f"there is no site {wish.fields['site']!r}; add it above", wish.line))
            return
        before = self._named_rack(wish.fields.get("rack_id") or wish.name, site)
        fields = {name: wish.fields[name] for name in ("row", "height_u", "feed_budget_watts") if name in wish.fields}
        if before is None:
            if site is None:
                self.faults.append(Fault("site", "a new rack must say at which site it stands", wish.line))
                return
            rack_id = wish.fields.get("rack_id") or slug(wish.name, self.racks, prefix=site.site_id)
            after = Rack(rack_id=rack_id, name=wish.name, site_id=site.site_id, **fields)
        elif wish.implied:
            after = before
        else:
            after = replace(before, name=wish.name, site_id=site.site_id if site else before.site_id, **fields)
        self.racks[after.rack_id] = after
        if any(_same_name(other, after) for other in self.racks.values()):
            self.faults.append(Fault("name", f"another rack of that site is named {after.name!r} already", wish.line))
        self._step(What.RACK, wish, before, after)

    def _device(self, wish: Wish) -> None:
        before = self._named_device(wish.fields.get("device_id") or wish.name)
        fields = {name: value for name, value in wish.fields.items() if name not in {"device_id", "site", "rack"}}
        fault, rack_id = self._place(wish)
        if fault is not None:
            self.faults.append(fault)
            return
        if rack_id is not None:
            fields["rack_id"] = rack_id
        if before is None:
            missing = [name for name in ("kind", "endpoints") if name not in fields]
            if missing:
                self.faults += [Fault(name, _NEEDED[name], wish.line) for name in missing]
                return
            device_id = wish.fields.get("device_id") or slug(wish.name, self.devices)
            after = Device(device_id=device_id, name=wish.name, **fields)
        else:
            if "endpoints" in fields:
                fields["endpoints"] = keep_pins(before.endpoints, fields["endpoints"])
            after = replace(before, name=wish.name, **fields)
        self.devices[after.device_id] = after
        self.ids[after.name] = after.device_id
        self.lines[after.device_id] = wish.line
        self._step(What.DEVICE, wish, before, after)

    def _place(self, wish: Wish) -> tuple[Fault | None, str | None]:
        """The rack a device names; None when it names none."""
        site_name, rack_name = wish.fields.get("site"), wish.fields.get("rack")
        if rack_name is None:
            alone = Fault("site", "a device stands at the site of its rack; name the rack", wish.line)
            return (alone if site_name else None), None
        site = self._named_site(site_name) if site_name else None
        if site_name and site is None:
            return Fault("site", f"there is no site {site_name!r}", wish.line), None
        rack = self._named_rack(rack_name, site)
        if rack is None:
            where = f" at {site.name}" if site else ""
            return Fault("rack", f"there is no rack {rack_name!r}{where}; add it first", wish.line), None
        return None, rack.rack_id

    def _pruned(self) -> tuple[str, ...]:
        if not any(wish.what is What.DEVICE for wish in self.wishes):
            raise FleetFileError([Fault("", "the file names no device, and pruning would remove the whole fleet")])
        gone = [device for device in self.present.devices if device.device_id not in self.lines]
        for device in gone:
            del self.devices[device.device_id]
            self.steps.append(Step(action=Action.REMOVE, what=What.DEVICE, name=device.name, changes={}))
        return tuple(device.device_id for device in gone)

    def _step(self, what: What, wish: Wish, before: Any, after: Any) -> None:
        changes = changes_between(before, after)
        if wish.implied and before is not None:
            return
        action = Action.ADD if before is None else Action.CHANGE if changes else Action.KEEP
        self.steps.append(Step(action=action, what=what, name=wish.name, changes=changes))

    def _named_site(self, name: str) -> Site | None:
        return self.sites.get(name) or next((site for site in self.sites.values() if site.name == name), None)

    def _named_rack(self, name: str, site: Site | None) -> Rack | None:
        at_site = [rack for rack in self.racks.values() if site is None or rack.site_id == site.site_id]
        by_id = [rack for rack in at_site if rack.rack_id == name]
        by_name = [rack for rack in at_site if rack.name == name]
        return next(iter(by_id or by_name), None)

    def _named_device(self, name: str) -> Device | None:
        return self.devices.get(name) or self.devices.get(self.ids.get(name, ""))

    def _warn_of_credentials(self) -> None:
        named = {
            endpoint.credential
            for device in self.devices.values()
            if device.device_id in self.lines
            for endpoint in device.endpoints
            if endpoint.credential
        }
        self.warnings += [
            f"credential {name!r} is not known yet; until it is set its devices cannot be asked"
            for name in sorted(named - set(self.present.credentials))
        ]


_NEEDED = {
    "kind": f"a new device must say what it is: {', '.join(DeviceKind)}",
    "endpoints": "a new device needs an endpoint: protocol, address and the name of a credential",
}


def keep_pins(before: Sequence[Endpoint], after: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """The endpoints wished for, each with the key that was pinned for the same address."""
    pins = {(endpoint.protocol, endpoint.address): endpoint.pinned_spki for endpoint in before}
    return tuple(replace(one, pinned_spki=pins.get((one.protocol, one.address))) for one in after)


def clashes(devices: Iterable[Device], racks: Mapping[str, Rack], lines: Mapping[str, int | None]) -> list[Fault]:
    """Devices of which no two can be where they are said to be; only faults of devices in `lines` are told."""
    faults: list[Fault] = []
    names: dict[str, str] = {}
    units: dict[tuple[str, str, int], list[Device]] = {}
    for device in sorted(devices, key=lambda device: device.device_id in lines):
        line = lines.get(device.device_id)
        first = names.setdefault(device.name, device.device_id)
        if first != device.device_id:
            faults.append(Fault("name", f"another device is named {device.name!r} already", line))
        rack = racks.get(device.rack_id or "")
        if rack is None or device.position_u is None:
            continue
        top = device.position_u + device.height_u - 1
        if top > rack.height_u:
            reason = f"units {device.position_u} to {top} are not in rack {rack.name}, which has {rack.height_u}"
            faults.append(Fault("position_u", reason, line))
            continue
        other = _occupant(units, device, range(device.position_u, top + 1))
        if other is not None:
            reason = f"unit {device.position_u} of rack {rack.name} is taken by {other.name}"
            faults.append(Fault("position_u", reason, line))
    return faults


def _occupant(units: dict[tuple[str, str, int], list[Device]], device: Device, wanted: Iterable[int]) -> Device | None:
    """Who stands in a wanted unit already; two slots of one shared chassis do not clash."""
    found = None
    for unit in wanted:
        there = units.setdefault((device.rack_id or "", device.face, unit), [])
        clash = (other for other in there if not device.slot or not other.slot or device.slot == other.slot)
        found = found or next(clash, None)
        there.append(device)
    return found


_TOLD: Mapping[type, tuple[str, ...]] = {
    Site: ("name",),
    Rack: ("name", "site_id", "row", "height_u", "feed_budget_watts"),
    Device: (
        "name", "kind", "rack_id", "position_u", "height_u", "face", "slot", "tags", "tenant", "enabled", "interval",
        "endpoints", "cables",
    ),
}  # fmt: skip


def changes_between(before: Any, after: Any) -> dict[str, tuple[Any, Any]]:
    """Each field that differs, before and after, as plain JSON; for something new, all that is not empty."""
    told = {name: (_plain(getattr(before, name, None)), _plain(getattr(after, name))) for name in _TOLD[type(after)]}
    return {
        name: (old, new)
        for name, (old, new) in told.items()
        if old != new and not (before is None and new in (None, "", []))
    }


def _plain(value: Any) -> Any:
    match value:
        case timedelta():
            return value.total_seconds()
        case Endpoint():
            return {
                "protocol": value.protocol.value,
                "address": value.address,
                "credential": value.credential,
                "verify": value.verify,
                "tls": value.tls,
            }
        case tuple():
            return [_plain(entry) for entry in value]
        case StrEnum():
            return value.value
        case _:
            return value


def _same_name(other: Rack, rack: Rack) -> bool:
    return (other.site_id, other.name) == (rack.site_id, rack.name) and other.rack_id != rack.rack_id


def _new(before: Iterable[T], after: Iterable[T]) -> tuple[T, ...]:
    known = set(before)
    return tuple(value for value in after if value not in known)
