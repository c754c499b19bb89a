"""What the gate resources say: is the power on, and is anything wrong at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.parse.components import condition
from fleetmon.drivers.redfish.parse.parts import system_rank
from fleetmon.drivers.redfish.resource import Resource, is_pending, is_resource, key, kind_of
from fleetmon.model import DEVICE, ComponentHealth, Health, Power, PowerState

MAX_GATES = 4
"""Systems read in every poll; a chassis with more of them is watched by its walks."""

_FINDING_OUT = ("InitializationStarted", "PCIResourceConfigStarted")
"""How those states of a ComputerSystem's BootProgress end that come before its hardware is known."""

_POWER = {state.value.lower(): state for state in PowerState}


def gates_of(resources: Iterable[Resource]) -> tuple[str, ...]:
    """The systems; without any, the outermost chassis or power equipment; without those, the manager."""
    by_kind: dict[str, list[Resource]] = {}
    for resource in resources:
        if not is_pending(resource.path):
            by_kind.setdefault(kind_of(resource.body, resource.path), []).append(resource)
    systems = sorted(by_kind.get("ComputerSystem", []), key=lambda found: (system_rank(found), found.path))
    if systems:
        return tuple(system.path for system in systems[:MAX_GATES])
    for kind in ("PowerDistribution", "CoolingUnit", "Chassis", "Manager"):
        members = sorted(by_kind.get(kind, []), key=lambda found: (_is_inner(found.body), found.path))
        if members:
            return (members[0].path,)
    return ()


def _is_inner(body: Json) -> bool:
    return bool(fields.child(body, "Links").get("ContainedBy"))


def power_of(gates: Sequence[Resource]) -> Power | None:
    """The power state of the first gate that tells one; None when none does."""
    for gate in gates:
        said = gate.body.get("PowerState")
        if said is not None:
            state = (
                _POWER.get(said.strip().lower(), PowerState.UNKNOWN) if isinstance(said, str) else PowerState.UNKNOWN
            )
            return Power(state=state, taken_at=gate.taken_at, source=gate.path)
    return None


def hides_parts(resources: Iterable[Resource]) -> bool:
    """Is any host dark, or still finding out what it is made of? Then what is not shown proves nothing (F34)."""
    hosts = [part.body for part in resources if kind_of(part.body, part.path) == "ComputerSystem"]
    return any(
        host.get("PowerState", "On") not in ("On", None)
        or str(fields.child(host, "BootProgress").get("LastState")).endswith(_FINDING_OUT)
        for host in hosts
    )


def overall_of(gates: Sequence[Resource]) -> ComponentHealth | None:
    """The worst that the gates say of themselves and of what is below them."""
    if not gates:
        return None
    rows = [(_worst(gate.body), gate) for gate in gates]
    told = [row for row in rows if row[0] is not Health.UNKNOWN]
    health, gate = max(told or rows[:1], key=lambda row: row[0].rank)
    detail = condition(kind_of(gate.body, gate.path), gate.body)[2]
    return ComponentHealth(
        component=DEVICE,
        health=health,
        state=fields.state(gate.body),
        taken_at=gate.taken_at,
        source=gate.path,
        detail=detail,
    )


def _worst(body: Json) -> Health:
    told = [health for health in (fields.own_health(body), fields.rollup(body)) if health is not None]
    return max(told, key=lambda health: health.rank, default=Health.UNKNOWN)


def signature(gates: Iterable[Resource]) -> tuple[Any, ...]:
    """Everything a gate says of health, state and power: when it changes, a walk finds out why.

    Whole resources inside it, which `$expand` brought, do not count: the steady poll reads the gate without them.
    """
    told: list[tuple[str, ...]] = []
    for gate in gates:
        stack: list[tuple[str, Any]] = [(key(gate.path), gate.body)]
        while stack:
            where, here = stack.pop()
            status = here.get("Status")
            if isinstance(status, dict):
                words = (status.get(name) for name in ("Health", "HealthRollup", "State"))
                told.append((where, *(str(word) for word in words)))
            stack.extend(
                (f"{where}/{name}", value)
                for name, value in here.items()
                if isinstance(value, dict) and name != "Status" and not is_resource(value)
            )
        told.append((key(gate.path), str(gate.body.get("PowerState"))))
    return tuple(sorted(told))
