"""What a driver knows of its device between two polls. Whatever is large is shared with the devices that are like it.

A server's catalog of sensors, its plan and the names of its parts take some 100 KB; ten thousand servers are of a few
models. So these are frozen, and equal ones are one object; what is a device's own stands here and is small.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fleetmon.drivers.redfish.learning import NAMELESS, Names
from fleetmon.drivers.redfish.paging import Trail
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.parse.components import Seen
from fleetmon.drivers.redfish.plan import Plan
from fleetmon.drivers.redfish.quiet import LOUD, Quiet
from fleetmon.drivers.redfish.resource import Resource
from fleetmon.drivers.redfish.walk import Walk

DRIFT = 2.0
"""Seconds a device's clock must have moved against ours to be worth remembering."""


@dataclass(slots=True)
class Known:
    """One device, as far as its driver has come."""

    plan: Plan = field(default_factory=Plan)
    learned: bool = False
    """Has a walk come to its end, so that the plan can be gone by?"""
    version: int = 0
    """Grows with every change of what `to_json` tells."""
    clock_offset: float | None = None
    """Seconds the device's own clock is ahead of ours; None when it does not tell its time."""
    names: Names | None = None
    """Of the parts, as the last walk found them; None before one was made."""
    gate: tuple[Any, ...] | None = None
    """What the gates said last of health, state and power."""
    walk: Walk | None = None
    owes_inventory: bool = False
    """Was the walk begun by a poll that wants the inventory? Then it is told even if it ends in a later one."""
    stocktaking: Walk | None = None
    quiet: Quiet = LOUD
    """What close looks found to have nothing to say."""
    apart: dict[str, Seen] = field(default_factory=dict)
    """What kinds said last that most walks do not read, by source."""
    log_holders: tuple[Resource, ...] = ()
    """Resources that lead to logs, with nothing in them but the link."""
    log_tries: dict[str, int] = field(default_factory=dict)
    log_trails: dict[str, Trail] = field(default_factory=dict)
    """Of logs that can only be followed from their oldest record."""
    standstill: dict[str, tuple[str, float]] = field(default_factory=dict)
    """For each MetricReport its time stamp, and since when it is that."""
    turn: int = 0
    """Which of the plan's single sensors comes next."""

    @classmethod
    def recalled(cls, remembered: Mapping[str, Any]) -> Known:
        """What `to_json` gave before a restart; nothing known when that is of no use."""
        told = dict(remembered)
        offset = told.pop("clock_offset", None)
        plan = Plan.recalled(told)
        if plan is None:
            return cls()
        return cls(plan=plan, learned=True, clock_offset=offset if isinstance(offset, int | float) else None)

    def to_json(self) -> dict[str, Any]:
        """What to remember over a restart; nothing before a first walk has come to its end."""
        return {**self.plan.to_json(), "clock_offset": self.clock_offset} if self.learned else {}

    def adopt(self, plan: Plan) -> None:
        """Go by this plan from now on."""
        shared = plan.shared()
        if shared is not self.plan:
            self.plan = shared
            self.version += 1

    def settle(self, plan: Plan, clock_offset: float | None) -> None:
        """A walk has come to its end, and this is what it taught."""
        moved = clock_offset is None or self.clock_offset is None or abs(clock_offset - self.clock_offset) > DRIFT
        if not self.learned or (moved and clock_offset != self.clock_offset):
            self.clock_offset = clock_offset
            self.version += 1
        self.learned, self.walk = True, None
        self.adopt(plan)

    def forget(self) -> None:
        """Learn afresh: the plan no longer fits the device. Names are kept."""
        self.adopt(Plan(naming=self.plan.naming, watched=self.plan.watched, make=self.plan.make))
        self.learned, self.walk, self.stocktaking, self.gate, self.quiet = False, None, None, None, LOUD
        self.version += 1

    @property
    def components(self) -> Names:
        """How the parts are called; no names before a walk."""
        return self.names or NAMELESS

    def hold_logs(self, resources: Iterable[Resource]) -> None:
        """Note which of these lead to logs; where none does, those of before still count."""
        found = tuple(
            replace(part, body={"LogServices": part.body["LogServices"]}, weight=0)
            for part in resources
            if fields.link(part.body, "LogServices")
        )
        self.log_holders = found or self.log_holders
