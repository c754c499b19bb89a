"""Machines without a BMC of their own: blades, told by the BMC of the chassis they sit in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from emulator.accents.model import Family, Shape
from emulator.redfish.chassis import chassis_branch
from emulator.redfish.errors import Answer, Json
from emulator.redfish.logs import log_branch
from emulator.redfish.places import ROOT, Places, node_shapes
from emulator.redfish.resource import Member, Resource, Tree
from emulator.redfish.storage import storage_branch
from emulator.redfish.system import system_branch
from emulator.redfish.thermal import thermal_branch
from emulator.server import Request

if TYPE_CHECKING:
    from emulator.hardware import Machine
    from emulator.redfish.bmc import Bmc

BRANCHES = (system_branch, storage_branch, chassis_branch, thermal_branch, log_branch)


OWN = frozenset({"_bmc", "machine", "shape", "places"})


class Node:
    """A blade as the BMC of its chassis sees it: the BMC's ways, and the blade's hardware."""

    def __init__(self, bmc: Bmc, machine: Machine, shape: Shape) -> None:
        self._bmc = bmc
        self.machine = machine
        self.shape = shape
        self.places = Places(shape)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bmc, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in OWN:
            super().__setattr__(name, value)
        else:
            setattr(self._bmc, name, value)

    def told_power(self) -> str:
        """PowerState of the blade."""
        return type(self._bmc).told_power(cast("Bmc", self))

    def reset_types(self) -> list[str]:
        """Values that the blade's reset takes."""
        return type(self._bmc).reset_types(cast("Bmc", self))


def nodes_of(bmc: Bmc) -> list[Node]:
    """The blades behind a BMC, in order."""
    shapes = node_shapes(bmc.machine.family)
    return [Node(bmc, machine, shape) for machine, shape in zip(bmc.machine.nodes, shapes, strict=True)]


def node_branch(family: Family, tree: Tree) -> None:
    """Every blade's system and chassis with what is below; the collections are the chassis's own."""
    for index, shape in enumerate(node_shapes(family)):
        assert family.blade is not None
        blade, own = replace(family.blade, shape=shape), Tree()
        for branch in BRANCHES:
            branch(blade, own)
        for path, resource in own.fixed.items():
            if path not in (f"{ROOT}/Systems", f"{ROOT}/Chassis"):
                tree.fixed[path] = _of_node(resource, index)
        for path, member in own.members.items():
            tree.members[path] = _member_of_node(member, index)


def _of_node(resource: Resource, index: int) -> Resource:
    """The resource, told and changed about a blade instead of the chassis."""
    get, patch, post, delete, write = resource.get, resource.patch, resource.post, resource.delete, resource.write

    def node(bmc: Bmc) -> Bmc:
        return cast("Bmc", bmc.nodes[index])

    def posted(bmc: Bmc, body: Json, request: Request) -> Answer:
        assert post is not None
        return post(node(bmc), body, request)

    return Resource(
        get=_with(node, get) if get else None,
        patch=(lambda bmc, body: patch(node(bmc), body)) if patch else None,
        post=posted if post else None,
        delete=(lambda bmc: delete(node(bmc))) if delete else None,
        write=(lambda entry, bmc: write(entry, node(bmc))) if write else None,
    )


def _with(node: Callable[[Bmc], Bmc], get: Callable[[Bmc], Json]) -> Callable[[Bmc], Json]:
    return lambda bmc: get(node(bmc))


def _member_of_node(member: Member, index: int) -> Member:
    def find(bmc: Bmc, name: str) -> Resource | None:
        found = member(cast("Bmc", bmc.nodes[index]), name)
        return None if found is None else _of_node(found, index)

    return find
