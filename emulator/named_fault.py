"""What a fault with a name is made of: its fields, whom it strikes, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from emulator.hardware import Machine

if TYPE_CHECKING:
    from emulator.faults import Fleet

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
    """`machine`, `rack`, `switch`, `agent` or `site`: the field that says where."""
    fields: Mapping[str, Field] = field(default_factory=dict)
    happens: str
    strike: Callable[[Fleet, Any, Wanted], Heal]


SECONDS = Field(float)
"""Heals by itself after so long; until healed when left out."""


class Part(Protocol):
    """Something of a machine that has a name."""

    @property
    def name(self) -> str: ...


P = TypeVar("P", bound=Part)


def part_named(parts: Sequence[P], machine: Machine, name: str) -> P:
    """A part by its name; the first one where no name is given."""
    found = next((part for part in parts if not name or part.name == name), None)
    if found is None:
        there = ", ".join(part.name for part in parts) or "nothing of the sort"
        raise FaultRefusedError(f"{machine.name} has {there}, not {name or 'any'!r}")
    return found
