"""Who may do what. Until sign-in exists whoever reaches loopback holds every role."""

from __future__ import annotations

from enum import StrEnum

from starlette.requests import HTTPConnection


class Role(StrEnum):
    """What an actor may do; a route names exactly one."""

    ANYONE = "anyone"
    """No sign-in is needed: liveness, readiness, the dashboard's own files."""
    VIEWER = "viewer"
    """Reads what is known."""
    RESPONDER = "responder"
    """Looks closer: polls now, reads a device's raw resources."""
    OPERATOR = "operator"
    """Acts on devices."""
    ADMIN = "admin"
    """Changes the fleet: sites, racks, devices, credentials."""
    SECURITY = "security"
    """Changes who may do what."""


def roles_of(_request: HTTPConnection) -> frozenset[Role]:
    """The roles of whoever asks."""
    return frozenset(Role)
