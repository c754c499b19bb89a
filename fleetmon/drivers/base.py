"""The contract every driver keeps.

A driver is one open conversation with one device in our terms. It owns a protocol session below it, learns the
cheapest way to read its device, and never raises for what the device does: a poll that fails is an observation too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from fleetmon.clock import Clock
from fleetmon.drivers.lane import Lane
from fleetmon.model import Aspect, Endpoint, LogMark, Observation


class Secret:
    """A string that never prints itself."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who we are to a device; `version` grows with every change, so that no session outlives a password."""

    user: str
    password: Secret
    version: int = 1


@dataclass(slots=True, kw_only=True)
class Memory:
    """What a driver wants to know again after a restart, as plain JSON; the store keeps it, only the driver reads it.

    `plan` is what it learned about the cheapest way to ask; `session` holds tokens and is sealed at rest.
    """

    plan: dict[str, Any] = field(default_factory=dict)
    session: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one poll asks for. `marks` says how far each log (by name) was read before."""

    aspects: frozenset[Aspect]
    marks: Mapping[str, LogMark] = field(default_factory=dict)
    witness: bool = False
    """Is the device read over another protocol? Then what a change of power or health is due to is looked for there."""


class Driver(Protocol):
    """One device over one protocol."""

    async def observe(self, request: Request) -> Observation:
        """Ask once. Never raises for anything the device does; cancellation passes through."""
        ...

    def memory(self) -> Memory:
        """What to remember over a restart, as of now."""
        ...

    @property
    def memory_version(self) -> int:
        """Grows whenever `memory` has something new to say, so that nobody asks for it, or stores it, in vain."""
        ...

    @property
    def seen_spki(self) -> str | None:
        """SHA-256, in hex, of the public key the device showed; None before a first TLS connection."""
        ...

    async def raw(self, resource: str) -> Any:
        """One resource exactly as the device gives it, for trust; raises DeviceError."""
        ...

    async def close(self) -> None:
        """Log out where that is polite, within a short deadline; never raises."""
        ...

    async def suspend(self) -> None:
        """Close the connection and leave the login open, for a driver opened with this one's `memory`; never raises."""
        ...


async def _nobody_remembers() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """All that opening a driver takes."""

    endpoint: Endpoint
    credentials: Credentials | None
    lane: Lane
    clock: Clock
    memory: Memory = field(default_factory=Memory)
    remember: Callable[[], Awaitable[None]] = _nobody_remembers
    """Awaited around each login: what the driver and its lane know now is kept before anything else happens."""
