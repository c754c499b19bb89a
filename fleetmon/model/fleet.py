"""What there is to look after, where it stands and how it is reached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from fleetmon.model.words import Aspect, DeviceKind, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A failure domain: what one lost link cuts off."""

    site_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rack:
    """A rack; its lowest unit is 1."""

    rack_id: str
    name: str
    site_id: str
    row: str = ""
    height_u: int = 42
    feed_budget_watts: float | None = None
    """What each of the feeds A and B may carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Protocol and address of a device's management interface."""

    protocol: Protocol
    address: str
    """`https://host[:port]`, `ipmi://host[:port]` or `snmp://host[:port]`; never with credentials."""
    credential: str | None = None
    """Name of a credential set."""
    verify: str = "pin"
    """How the certificate is trusted: `pin` (the one seen first), `ca`, or `none`."""
    pinned_spki: str | None = None
    """SHA-256 of the SubjectPublicKeyInfo, in hex, once pinned."""
    tls: str = "modern"
    """`modern` (TLS 1.2 and later), or `legacy`: an exception for a BMC that cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Anything with a management endpoint, and where it stands."""

    device_id: str
    name: str
    kind: DeviceKind
    endpoints: tuple[Endpoint, ...]
    rack_id: str | None = None
    position_u: int | None = None
    height_u: int = 1
    face: str = "front"
    slot: str = ""
    """Place inside a shared chassis: `L1`, `R2`; empty for a device that fills its units."""
    tags: tuple[str, ...] = ()
    tenant: str = ""
    enabled: bool = True
    """A disabled device is kept and not asked."""
    interval: timedelta | None = None
    """How often heartbeat and sensors are asked for; None: as the whole fleet."""
    cables: tuple[tuple[str, str], ...] = ()
    """What people say is plugged where: own component, and `DEVICE/COMPONENT` or the name of a feed; by component."""
    version: int = 1
    """Grows with every edit; the ETag of the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """How often each aspect is asked for."""

    heartbeat: timedelta = timedelta(seconds=60)
    sensors: timedelta = timedelta(seconds=60)
    components: timedelta = timedelta(minutes=10)
    events: timedelta = timedelta(minutes=5)
    inventory: timedelta = timedelta(hours=12)

    def of(self, aspect: Aspect) -> timedelta:
        """The interval of one aspect."""
        interval: timedelta = getattr(self, aspect.value)
        return interval
