"""What the store hands out beyond the model: rows as frozen values, pages of them, and filters to ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from fleetmon.model import (
    Aspect,
    Component,
    ComponentHealth,
    DeviceKind,
    Health,
    Identity,
    Part,
    PowerState,
    Problem,
    Protocol,
    Quality,
    Reachability,
)

NEVER_READ = "NeverRead"
ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[ItemT]):
    """A stretch of a list; `next` is the cursor that continues it, None at the end."""

    items: tuple[ItemT, ...]
    next: str | None
    revision: int = 0


# ---- push -----------------------------------------------------------------------------------------------------------


class PushWay(StrEnum):
    """How a device tells by itself."""

    STREAM = "stream"
    SUBSCRIPTION = "subscription"
    NONE = "none"


class PushState(StrEnum):
    """How its push is."""

    OPEN = "open"
    """A stream is open, or our subscription is there."""
    RESTING = "resting"
    """It failed, and is tried again after a while."""
    GIVEN_UP = "given_up"
    """The device cannot, or takes it and tells nothing; looked at again after a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRow:
    """How a device tells by itself, and how far it has told."""

    way: PushWay
    state: PushState
    since: datetime
    reason: str = ""
    """Why it is not open; empty when it is."""
    event_at: datetime | None = None
    """When the last event came."""
    events: int = 0
    """Events taken over since the device is known."""
    hints: int = 0
    """Messages to our receiver that made a poll happen."""
    event_id: str = ""
    """The last event of the stream: it goes on after this one."""
    subscription: str = ""
    """Where ours stands."""


# ---- summaries ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A number with when and where it was learned, or the reason there is none."""

    value: float | None = None
    reason: str | None = NEVER_READ
    taken_at: datetime | None = None
    source: str = ""
    quality: Quality = Quality.GOOD

    def is_stale(self, now: datetime, interval: timedelta) -> bool:
        """Older than three intervals, or never read."""
        return self.taken_at is None or now - self.taken_at > 3 * interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Subsystem:
    """All components of one kind, told as one."""

    kind: str
    health: Health
    present: int
    not_ok: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One drive bay, power supply or fan of a device, as it sits."""

    name: str
    health: Health
    state: str
    failure_predicted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSummary:
    """All that a list, an elevation or a live frame says of one device (`docs/reference/api.md`)."""

    device_id: str
    name: str
    kind: DeviceKind
    address: str
    interval: timedelta
    site_id: str | None = None
    rack_id: str | None = None
    position_u: int | None = None
    height_u: int = 1
    face: str = "front"
    slot: str = ""
    tags: tuple[str, ...] = ()
    enabled: bool = True
    health: Health = Health.UNKNOWN
    health_reason: str = ""
    failure_predicted: bool = False
    power: PowerState = PowerState.UNKNOWN
    power_at: datetime | None = None
    """When the power state was last told; kept, with its last word in `power_known`, after it became unknown."""
    power_source: str = ""
    power_known: PowerState = PowerState.UNKNOWN
    power_since: datetime | None = None
    """Since when the device has told this power state without a break."""
    power_reason: str = ""
    """Why the power is unknown although it is told: what each endpoint says where they have disagreed for long."""
    reachability: Reachability = Reachability.NEVER_ASKED
    reachability_reason: str = ""
    unreachable_since: datetime | None = None
    misses: int = 0
    """Polls without an answer, in a row."""
    inlet: Stated = Stated()
    outlet: Stated = Stated()
    watts: Stated = Stated()
    stale: bool = False
    polled_at: datetime | None = None
    seen_at: datetime | None = None
    manufacturer: str = ""
    model: str = ""
    serial_number: str = ""
    firmware: str = ""
    subsystems: tuple[Subsystem, ...] = ()
    bays: tuple[Place, ...] = ()
    supplies: tuple[Place, ...] = ()
    fans: tuple[Place, ...] = ()
    revision: int = 0


class Sort(StrEnum):
    """Orders of a list of summaries; ties go by device_id."""

    NAME = "name"
    WORST = "worst"
    PLACE = "place"
    """By rack, then from the lowest unit up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryFilter:
    """Which devices to list: every given field must match, any value of a field will do."""

    q: str = ""
    """Part of the name, id, serial number, model, manufacturer or address; case does not matter."""
    health: Sequence[Health] = ()
    power: Sequence[PowerState] = ()
    kind: Sequence[DeviceKind] = ()
    rack: Sequence[str] = ()
    site: Sequence[str] = ()
    tag: Sequence[str] = ()
    stale: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Newer:
    """What changed after a revision. `reset`: it is too long ago to tell; fetch everything again."""

    revision: int
    devices: tuple[DeviceSummary, ...] = ()
    removed: tuple[str, ...] = ()
    reset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustException:
    """An endpoint trusted less strictly than is usual: unverified, or with old TLS permitted."""

    device_id: str
    name: str
    protocol: Protocol
    verify: str
    tls: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Devices of the fleet, a site or a rack, counted.

    `watts` sums the `watts_devices` that tell theirs, of the `drawing` ones: all but PDUs and UPSes, which pass it on.
    """

    devices: int = 0
    by_health: Mapping[str, int] = field(default_factory=dict)
    by_power: Mapping[str, int] = field(default_factory=dict)
    by_reachability: Mapping[str, int] = field(default_factory=dict)
    by_kind: Mapping[str, int] = field(default_factory=dict)
    stale: int = 0
    failure_predicted: int = 0
    watts: float = 0.0
    watts_devices: int = 0
    drawing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetCounts:
    """The whole fleet counted as of `revision`; devices outside any rack count in the fleet alone."""

    revision: int
    fleet: Counts
    sites: Mapping[str, Counts]
    racks: Mapping[str, Counts]


# ---- one device -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentRow:
    """One component: its condition as last told, and what it is made of. Either may be unknown, not both."""

    component: Component
    health: ComponentHealth | None
    part: Part | None
    told_by: str = ""
    """The protocol that tells its condition where that is not the device's first; empty where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChange:
    """A component's condition changed; `before` is None when it was new, `after` when it is gone."""

    device_id: str
    component: Component
    before: Health | None
    after: Health | None
    detail: str
    at: datetime


class PartEvent(StrEnum):
    """What happened to a part."""

    INSTALLED = "installed"
    REMOVED = "removed"
    REPLACED = "replaced"
    MOVED = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartChange:
    """A part came, went, was replaced, or moved; `before` and `after` are None where there was or is none."""

    device_id: str
    kind: str
    slot: str
    what: PartEvent
    before: Part | None
    after: Part | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryRow:
    """What a device is made of, as of its last inventory; `taken_at` is None before the first."""

    identity: Identity
    parts: tuple[Part, ...]
    taken_at: datetime | None
    complete: bool
    history: tuple[PartChange, ...]
    """Newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One hardware event as stored; `history` marks what was in the log before we first read it."""

    event_id: int
    device_id: str
    log: str
    generation: int
    record_id: str
    severity: Health
    message: str
    message_id: str
    component: Component | None
    created_at: datetime | None
    created_text: str
    clock_suspect: bool
    received_at: datetime
    source: str
    history: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """A record of another log that tells the same event."""

    log: str
    record_id: str
    severity: Health
    message: str
    source: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRow:
    """The last poll of one aspect of one endpoint."""

    aspect: Aspect
    taken_at: datetime
    seconds: float
    requests: int
    answered: bool
    reason: str
    protocol: Protocol = Protocol.REDFISH


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRow:
    """What the last poll of a device could not read, since when."""

    problem: Problem
    since: datetime


# ---- credentials, requests, workers ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRow:
    """A named set of credentials; `sealed` holds the secret, which only the vault can open."""

    name: str
    user: str
    version: int
    used_by: int
    """Endpoints that name it."""
    sealed: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """What a driver wants to know again: a plan as JSON, a sealed session."""

    plan: Mapping[str, Any]
    sealed_session: bytes | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRow:
    """The credential breaker of one device and protocol."""

    refusals: int
    open_until: datetime | None
    credential_version: int


class PollRequestState(StrEnum):
    """The life of a wish to poll now."""

    REQUESTED = "requested"
    CLAIMED = "claimed"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRequest:
    """Someone wants a device polled now; the worker that owns it claims the row."""

    poll_request_id: int
    device_id: str
    aspects: frozenset[Aspect]
    state: PollRequestState
    requested_at: datetime
    claimed_by: str | None = None
    done_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One process running roles, and when it last said so."""

    worker_id: str
    roles: tuple[str, ...]
    host: str
    pid: int
    started_at: datetime
    beat_at: datetime
