"""What answers at an address before anybody has logged in there: who it says it is, as far as it says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fleetmon.model import DeviceKind, Protocol

Knock = Callable[[str, int, float], Awaitable["Sighting | None"]]
"""Asks once at a numeric address and port, for so many seconds; None where nothing of its protocol answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One protocol that answered at one place; empty where it says nothing."""

    protocol: Protocol
    host: str
    address: str
    """As an endpoint of a device has it."""
    uuid: str = ""
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    kind: DeviceKind | None = None
    detail: str = ""
    """What else it told, for a person."""
    hindrance: str = ""
    """Why it cannot be polled as it is; empty where credentials are all it takes."""


def place(host: str, port: int, usual: int) -> str:
    """`host:port` as an address has it, without the port where it is the usual one."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port == usual else f"{shown}:{port}"
