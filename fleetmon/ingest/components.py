"""Components: what changed since the last look, and what it makes of the whole device; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fleetmon.model import DEVICE, Component, ComponentHealth, Health, PowerState
from fleetmon.storage.rows import ComponentRow, DeviceSummary, HealthChange, Place, Subsystem

ABSENT = "Absent"
NOT_IN_USE = frozenset({ABSENT, "Disabled", "StandbyOffline"})
"""States in which a component's health says nothing bad of the device."""
SETTLED = timedelta(minutes=10)
"""How long the power must have been on before something missing counts as gone (F34)."""
AGREEING = 2
"""Looks in a row that must miss a component before it counts as gone."""
_KINDS = ("Processor", "Memory", "Drive", "Volume", "PowerSupply", "Fan")
"""The order in which subsystems are told; others follow by name."""
_VAGUENESS = {
    **dict.fromkeys((*_KINDS, "StorageController", "NetworkAdapter", "PCIeDevice", "Battery", "LeakDetector"), 0),
    **dict.fromkeys(("Sensor", "Redundancy", "Storage", "LogService"), 2),
    **dict.fromkeys(("Chassis", "ComputerSystem", "Manager", "HealthGroup"), 3),
}
"""How little a component's name says of what to replace."""
_BMC_FUNCTIONS = frozenset(
    {"EventDestination", "HostInterface", "ManagerNetworkProtocol", "SerialInterface", "VirtualMedia"}
)
"""Kinds that are no hardware, as its services are (`LogService`, `EventService`, ...), whose names all end so."""
_REASON = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What one look at the components leads to."""

    seen: tuple[ComponentHealth, ...]
    changes: tuple[HealthChange, ...]
    missing: tuple[Component, ...]
    """Not seen this time, though all were looked at; not gone yet."""
    gone: tuple[Component, ...]


def compare(
    device_id: str,
    known: Mapping[Component, ComponentRow],
    absences: Mapping[Component, int],
    seen: Sequence[ComponentHealth],
    *,
    complete: bool,
    settled: bool,
    at: datetime,
) -> Compared:
    """What changed since the last look.

    An empty slot is no component. One that was there and is not any more is gone when complete looks missed it
    `AGREEING` times, each time with the power on and settled; what a dark host does not show proves nothing, and what
    another endpoint tells is not this one's to miss.
    """
    present = {one.component: one for one in seen if one.state != ABSENT}
    changes = [
        changed
        for one in present.values()
        if (changed := change(device_id, known.get(one.component), one, at)) is not None
    ]
    missing: list[Component] = []
    gone: list[Component] = []
    if settled:
        empty = {one.component for one in seen if one.state == ABSENT}
        for component, row in known.items():
            if (
                row.health is None
                or component in present
                or component == DEVICE
                or (row.told_by and row.part is None)
                or not (complete or component in empty)
            ):
                continue
            (gone if absences.get(component, 0) + 1 >= AGREEING else missing).append(component)
    changes += [
        HealthChange(
            device_id=device_id,
            component=component,
            before=row.health.health if row.health else None,
            after=None,
            detail="not there any more",
            at=at,
        )
        for component, row in known.items()
        if component in gone
    ]
    return Compared(seen=tuple(present.values()), changes=tuple(changes), missing=tuple(missing), gone=tuple(gone))


def is_settled(summary: DeviceSummary, at: datetime) -> bool:
    """May something missing now be called gone: the power was on for a while, or the device tells no power state."""
    if summary.power_known is PowerState.UNKNOWN and summary.power_at is None:
        return True
    since = summary.power_since
    return summary.power is PowerState.ON and since is not None and at - since >= SETTLED


def change(device_id: str, row: ComponentRow | None, one: ComponentHealth, at: datetime) -> HealthChange | None:
    """How a component's condition changed; None when it did not, or when a new one is well."""
    before = row.health if row is not None else None
    if before is None:
        if one.health is Health.OK or (one.health is Health.UNKNOWN and not one.failure_predicted):
            return None
        return HealthChange(
            device_id=device_id, component=one.component, before=None, after=one.health, detail=detail(one), at=at
        )
    if before.health is one.health and bool(before.failure_predicted) == bool(one.failure_predicted):
        return None
    return HealthChange(
        device_id=device_id, component=one.component, before=before.health, after=one.health, detail=detail(one), at=at
    )


# ---- the device as a whole ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The health of a device and the one line that explains it."""

    health: Health
    reason: str
    failure_predicted: bool


def verdict(components: Sequence[ComponentHealth]) -> Verdict:
    """The worst component decides; the device's own rollup only where no component explains it (F36).

    OK takes a rollup that says so, or more components that do than are silent: one healthy chassis vouches for nobody.
    """
    leaves = [one for one in components if one.component != DEVICE and one.state not in NOT_IN_USE]
    told = [one for one in leaves if severity(one) is not Health.UNKNOWN]
    rollup = next((one for one in components if one.component == DEVICE), None)
    predicted = any(one.failure_predicted for one in leaves)
    bad = sorted((one for one in told if severity(one) is not Health.OK), key=_by_urgency)
    unexplained = all(is_service(one.component) for one in bad) and rollup and rollup.health is Health.CRITICAL
    if bad and not unexplained:
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        return Verdict(health=severity(bad[0]), reason=_line(bad[0], more), failure_predicted=predicted)
    if rollup is not None and severity(rollup) in (Health.WARNING, Health.CRITICAL):
        said = rollup.detail or f"the device reports {rollup.health.value}"
        return Verdict(
            health=rollup.health, reason=_short(f"{said}; no component explains it", ""), failure_predicted=predicted
        )
    silent = [one for one in leaves if severity(one) is Health.UNKNOWN]
    if (rollup is not None and rollup.health is Health.OK) or len(told) > len(silent):
        return Verdict(health=Health.OK, reason="", failure_predicted=predicted)
    return Verdict(health=Health.UNKNOWN, reason=_silence(silent), failure_predicted=predicted)


def _silence(silent: Sequence[ComponentHealth]) -> str:
    """Of which components nobody knows how they are."""
    counted = Counter(_spaced(one.component.kind) for one in silent)
    said = ", ".join(f"{count} {kind}" for kind, count in counted.most_common())
    return _short(f"the device tells no health of {said}", "") if said else ""


def is_service(component: Component) -> bool:
    """Is it a function of the BMC and no hardware? Its Status.Health is of itself and not of the machine."""
    return component.kind.endswith("Service") or component.kind in _BMC_FUNCTIONS


def severity(one: ComponentHealth) -> Health:
    """How bad a component is: a predicted failure is at least a warning, and a service at most."""
    if is_service(one.component) and one.health is Health.CRITICAL:
        return Health.WARNING
    if one.failure_predicted and one.health is not Health.CRITICAL:
        return Health.WARNING
    return one.health


def detail(one: ComponentHealth) -> str:
    """Why, in few words."""
    return one.detail or ("failure predicted" if one.failure_predicted else "")


def label(component: Component) -> str:
    """A component's name as a person would say it: `Drive Bay 3`, but never `Fan Fan 3`."""
    kind = _spaced(component.kind)
    said = component.name.replace("_", " ").lower()
    known = (
        kind.lower() in said or component.kind.lower() in said or any(short in said for short in _SHORT.get(kind, ()))
    )
    return component.name if known else f"{kind} {component.name}".strip()


_SHORT = {"Power Supply": ("psu", "ps "), "Processor": ("cpu",), "Memory": ("dimm",), "Drive": ("disk", "ssd", "nvme")}


def _line(one: ComponentHealth, more: str) -> str:
    return _short(f"{label(one.component)}: {_said(one)}", more)


def _said(one: ComponentHealth) -> str:
    own = detail(one) or one.health.value
    return f"{own} (a service of the BMC, no hardware)" if is_service(one.component) else own


def _short(text: str, more: str) -> str:
    room = _REASON - len(more)
    text = " ".join(text.split())
    return (text if len(text) <= room else text[: room - 1].rstrip() + "…") + more


def _by_urgency(one: ComponentHealth) -> tuple[int, int, tuple[tuple[int, str], ...]]:
    """The worst first; of equals, the part that can be replaced before what only holds or measures it."""
    return -severity(one).rank, _VAGUENESS.get(one.component.kind, 1), natural(label(one.component))


# ---- what a summary shows of them -----------------------------------------------------------------------------------


def subsystems(components: Iterable[ComponentHealth]) -> tuple[Subsystem, ...]:
    """Components told by kind; what is not in use counts neither as present nor as bad."""
    by_kind: dict[str, list[ComponentHealth]] = {}
    for one in components:
        if one.component != DEVICE and one.state not in NOT_IN_USE:
            by_kind.setdefault(one.component.kind, []).append(one)
    order = {kind: place for place, kind in enumerate(_KINDS)}
    return tuple(
        _subsystem(kind, by_kind[kind]) for kind in sorted(by_kind, key=lambda kind: (order.get(kind, 99), kind))
    )


def _subsystem(kind: str, members: Sequence[ComponentHealth]) -> Subsystem:
    bad = sorted((one for one in members if severity(one) in (Health.WARNING, Health.CRITICAL)), key=_by_urgency)
    if bad:
        health, said = severity(bad[0]), _short(f"{bad[0].component.name}: {_said(bad[0])}", "")
    else:
        health, said = (Health.OK if any(one.health is Health.OK for one in members) else Health.UNKNOWN), ""
    return Subsystem(kind=kind, health=health, present=len(members), not_ok=len(bad), reason=said)


def places(components: Iterable[ComponentHealth], kind: str, slots: Mapping[Component, str]) -> tuple[Place, ...]:
    """The components of one kind as they sit: by slot where the inventory tells one for each, else by name."""
    members = [one for one in components if one.component.kind == kind]
    placed = all(slots.get(one.component) for one in members)
    members.sort(key=lambda one: natural(slots[one.component] if placed else one.component.name))
    return tuple(
        Place(
            name=one.component.name,
            health=severity(one),
            state=one.state,
            failure_predicted=bool(one.failure_predicted),
        )
        for one in members
    )


_DIGITS = re.compile(r"(\d+)")


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts `Bay 2` before `Bay 10`."""
    return tuple(
        (int(part[:18]), "") if part.isascii() and part.isdigit() else (-1, part.lower())
        for part in _DIGITS.split(text)
        if part
    )


def _spaced(kind: str) -> str:
    """`PowerSupply` as `Power Supply`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind)
