"""What answers about the fleet, its frame and the service look like, for the schema; see `shapes`."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, JsonValue

from fleetmon.api.shapes import DeviceSummary, HealthWord, Shape, StatedValue


class Watts(Shape):
    """The sum over the `devices` that tell theirs, of the `of` that draw power; PDUs and UPSes pass it on."""

    value: float
    devices: int
    of: int


class SiteRow(Shape):
    """A site and its devices, counted."""

    site_id: str
    name: str
    racks: int
    devices: int
    by_health: dict[str, int]
    stale: int
    watts: Watts


class TrustException(Shape):
    """An endpoint trusted less strictly than is usual: `verify` none, or `tls` legacy."""

    device_id: str
    name: str
    protocol: str
    verify: Literal["pin", "ca", "none"]
    tls: Literal["modern", "legacy"]


class Fleet(Shape):
    """The whole fleet, counted as of `revision`."""

    revision: int
    now: AwareDatetime
    devices: int
    by_health: dict[str, int]
    by_power: dict[str, int]
    by_reachability: dict[str, int]
    by_kind: dict[str, int]
    stale: int
    failure_predicted: int
    watts: Watts
    sites: list[SiteRow]
    exceptions: list[TrustException]
    """At most 100, by name."""


class RackRow(Shape):
    """A rack and its devices, counted."""

    rack_id: str
    name: str
    site_id: str
    site_name: str
    row: str
    height_u: int
    devices: int
    health: HealthWord
    by_health: dict[str, int]
    stale: int
    watts: Watts
    inlet_max: StatedValue
    free_u: int


class RackDetail(RackRow):
    """A rack, what its feeds may carry, and its neighbours by site and name."""

    feed_budget_watts: float | None
    previous: str | None
    next: str | None


class Gap(Shape):
    """Free units next to each other, both ends included."""

    from_u: int
    to_u: int


class Space(Shape):
    """What is free in a rack."""

    free_u: int
    largest_gap: Gap | None


class ZoneTemperature(Shape):
    """The warmest inlet and outlet in a third of the rack's height."""

    zone: Literal["top", "middle", "bottom"]
    inlet: StatedValue
    outlet: StatedValue


class Elevation(Shape):
    """A rack as one sees it."""

    rack: RackDetail
    revision: int
    now: AwareDatetime
    units: list[DeviceSummary]
    space: Space
    temperature: list[ZoneTemperature]


class Site(Shape):
    """A failure domain."""

    site_id: str
    name: str


class Rack(Shape):
    """A rack as it was written down."""

    rack_id: str
    name: str
    site_id: str
    row: str
    height_u: int
    feed_budget_watts: float | None


class Credential(Shape):
    """A named set of credentials; the secret never comes back."""

    name: str
    user: str
    version: int
    used_by: int


class PlanStep(Shape):
    """One step of an import; `changes` tells before and after of each field."""

    action: Literal["add", "change", "keep", "remove"]
    what: Literal["site", "rack", "device"]
    name: str
    changes: dict[str, tuple[JsonValue, JsonValue]]


class ImportPlan(Shape):
    """What an import would do, or did. `plan_hash` names the plan: send it back to apply exactly this."""

    plan: list[PlanStep]
    plan_hash: str
    applied: bool
    summary: dict[str, int]
    warnings: list[str]


class Live(Shape):
    """The process answers."""

    status: Literal["alive"]
    version: str


class RoleState(Shape):
    """One role of this process."""

    role: str
    state: str
    since: AwareDatetime
    restarts: int
    reason: str


class Ready(Shape):
    """Whether the service does all its work; `warnings` are what somebody should see to all the same."""

    status: Literal["ready", "not_ready"]
    version: str
    roles: list[RoleState]
    reasons: list[str]
    warnings: list[str]


class Reloaded(Shape):
    """Sections of the configuration that are not what they were; the service goes on with the new ones."""

    changed: list[str]


class FieldError(Shape):
    """One field and why it will not do; `line` where the request carried a file."""

    field: str
    reason: str
    line: int | None = None


class Problem(Shape):
    """RFC 9457, and the id under which the service's log tells more."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    trace_id: str
    errors: list[FieldError]
