"""Which resource lies at which path of a family.

Paths depend on the family alone, so a tree is built once and shared by all machines of the family.
"""

from __future__ import annotations

from functools import cache

from emulator.accents.families import FAMILIES
from emulator.redfish.accounts import accounts_branch
from emulator.redfish.chassis import chassis_branch
from emulator.redfish.cooling import cooling_branch
from emulator.redfish.dialect import accented
from emulator.redfish.distribution import distribution_branch
from emulator.redfish.events import events_branch
from emulator.redfish.gpus import gpu_branch
from emulator.redfish.logs import log_branch
from emulator.redfish.manager import manager_branch
from emulator.redfish.nodes import node_branch
from emulator.redfish.resource import Tree
from emulator.redfish.services import services_branch
from emulator.redfish.sessions import sessions_branch
from emulator.redfish.storage import storage_branch
from emulator.redfish.system import system_branch
from emulator.redfish.thermal import thermal_branch

BRANCHES = (
    services_branch,
    sessions_branch,
    accounts_branch,
    events_branch,
    system_branch,
    storage_branch,
    chassis_branch,
    thermal_branch,
    cooling_branch,
    distribution_branch,
    gpu_branch,
    manager_branch,
    log_branch,
    node_branch,
)


@cache
def tree_of(family_name: str) -> Tree:
    """The tree of a family."""
    family, tree = FAMILIES[family_name], Tree()
    for branch in BRANCHES:
        branch(family, tree)
    return accented(family, tree)
