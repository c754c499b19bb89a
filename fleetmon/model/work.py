"""The roles of a process, and how they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RoleState(StrEnum):
    """How a role of this process is."""

    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleStatus:
    """A role, how it is, and what made it fall last."""

    role: str
    state: RoleState
    since: datetime
    restarts: int
    reason: str = ""
