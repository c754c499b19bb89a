"""The lines of the scorecard as rows: what is measured, against whom, and how good is good enough."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What several runs of one line gave; the figure is their median. Peer and floor if they were measured beside."""

    runs: Sequence[float]
    size: str
    """What was measured, and how much of it."""
    peer: float | None = None
    floor: float | None = None
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line. Every figure here is the better the smaller it is."""

    name: str
    unit: str
    goal: float
    peer: float | None
    """What somebody else's program needs; None where it is measured beside, or no comparable figure is known."""
    peer_from: str
    """Who the peer is, and where its figure comes from."""
    floor: float | None
    floor_from: str
    """Why nobody can do with less."""
    measure: Callable[[], Coroutine[Any, Any, Measured]]


def told(line: Line, measured: Measured) -> dict[str, Any]:
    """A line as it is printed."""
    figure = statistics.median(measured.runs)
    return {
        "line": line.name,
        "figure": _rounded(figure),
        "unit": line.unit,
        "peer": _rounded(measured.peer if measured.peer is not None else line.peer),
        "floor": _rounded(measured.floor if measured.floor is not None else line.floor),
        "goal": line.goal,
        "ok": figure <= line.goal,
        "size": measured.size,
        "runs": [_rounded(run) for run in measured.runs],
        "peer_from": line.peer_from,
        "floor_from": line.floor_from,
        "machine": machine(),
        **measured.notes,
    }


def failed(line: Line, reason: str) -> dict[str, Any]:
    """A line that could not be measured, and why."""
    return {
        "line": line.name,
        "figure": None,
        "unit": line.unit,
        "peer": line.peer,
        "floor": line.floor,
        "goal": line.goal,
        "ok": False,
        "reason": reason,
        "machine": machine(),
    }


def machine() -> str:
    """What this machine is and how busy it was: CPU figures rise by half when others use its cores."""
    busy = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, load {busy:.1f}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
