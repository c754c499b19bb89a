"""What answers look like, for the schema: `/openapi.json` is made from these. Answers themselves are encoded by orjson.

The prose of each shape is in `docs/reference/api.md`; the contract tests hold answers, schema and prose together.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

ItemT = TypeVar("ItemT")

HealthWord = Literal["OK", "Warning", "Critical", "Unknown"]
PowerWord = Literal["On", "Off", "PoweringOn", "PoweringOff", "Unknown"]
KindWord = Literal["server", "switch", "pdu", "ups", "storage", "cooling"]
ReachabilityWord = Literal[
    "reachable", "unreachable", "access_denied", "untrusted", "busy", "garbled", "unsupported", "never_asked"
]
QualityWord = Literal["good", "suspect", "bad"]


class Shape(BaseModel):
    """One JSON object of an answer; every field is always there."""

    model_config = ConfigDict(extra="forbid")


class Page(Shape, Generic[ItemT]):
    """A stretch of a list."""

    items: list[ItemT]
    next: str | None = Field(description="cursor of the next page; null at the end")
    revision: int


class StatedValue(Shape):
    """A number, or why there is none; when and where it was learned, and whether it is still to be believed."""

    value: float | None
    reason: Literal["Absent", "Off", "Timeout", "Faulty", "NeverRead"] | None
    taken_at: AwareDatetime | None
    source: str
    quality: QualityWord
    stale: bool


class StatedPower(Shape):
    """The power state; `known` is its last word since before it became unknown, `reason` says who disagrees."""

    value: PowerWord
    taken_at: AwareDatetime | None
    source: str
    stale: bool
    known: PowerWord
    reason: str = Field(description="empty while all endpoints that answer say the same")
    since: AwareDatetime | None


class Subsystem(Shape):
    """All components of one kind as one."""

    kind: str
    health: HealthWord
    present: int
    not_ok: int
    reason: str


class Bay(Shape):
    """One drive bay."""

    name: str
    health: HealthWord
    state: str
    failure_predicted: bool


class Supply(Shape):
    """One power supply or one fan."""

    name: str
    health: HealthWord
    state: str


class DeviceSummary(Shape):
    """The row of every list, the unit of an elevation, the delta of the stream."""

    device_id: str
    name: str
    kind: KindWord
    site_id: str | None
    rack_id: str | None
    position_u: int | None
    height_u: int
    face: str
    slot: str
    tags: list[str]
    enabled: bool
    health: HealthWord
    health_reason: str
    failure_predicted: bool
    power: StatedPower
    reachability: ReachabilityWord
    reachability_reason: str
    unreachable_since: AwareDatetime | None
    inlet: StatedValue
    outlet: StatedValue
    watts: StatedValue
    stale: bool
    polled_at: AwareDatetime | None
    seen_at: AwareDatetime | None
    interval: float
    manufacturer: str
    model: str
    serial_number: str
    firmware: str
    address: str
    subsystems: list[Subsystem]
    bays: list[Bay]
    supplies: list[Supply]
    fans: list[Supply]
    revision: int


class Identity(Shape):
    """Who the device says it is."""

    manufacturer: str
    model: str
    serial_number: str
    part_number: str
    asset_tag: str
    uuid: str
    host_name: str
    firmware: str
    bios_version: str
    bmc_model: str
    systems: list[str]


class PowerOfEndpoint(Shape):
    """What one endpoint said of the power state last, whatever came after."""

    value: PowerWord
    taken_at: AwareDatetime | None
    source: str


class EndpointShape(Shape):
    """Protocol and address, what it is asked, and how it answers; the credential by name alone."""

    protocol: Literal["redfish", "ipmi", "snmp"]
    address: str
    credential: str | None
    verify: Literal["pin", "ca", "none"]
    pinned_spki: str | None
    tls: Literal["modern", "legacy"]
    duty: Literal["first", "witness", "stand_in"] = Field(
        description="asked for everything, for its heartbeat, or in place of one that does not answer"
    )
    reachability: ReachabilityWord
    reason: str = Field(description="why it cannot be asked; empty while it can")
    unreachable_since: AwareDatetime | None
    polled_at: AwareDatetime | None
    seen_at: AwareDatetime | None
    power: PowerOfEndpoint


class ProblemOfDevice(Shape):
    """What the last poll could not read, since when."""

    resource: str
    reason: str
    since: AwareDatetime


class Poll(Shape):
    """One aspect's last poll and its next."""

    aspect: str
    interval: float
    taken_at: AwareDatetime | None
    next_at: AwareDatetime | None
    seconds: float | None
    requests: int | None
    answered: bool | None
    reason: str


class PushOfDevice(Shape):
    """How a device tells by itself, beside being asked."""

    way: Literal["stream", "subscription", "none"]
    state: Literal["open", "resting", "given_up"]
    since: AwareDatetime
    reason: str = Field(description="why it is not open; empty when it is")
    event_at: AwareDatetime | None
    events: int = Field(description="events taken over from its stream, each once")
    hints: int = Field(description="messages to the receiver that made a poll happen")


class DeviceDetail(DeviceSummary):
    """A summary and everything else that is known of one device."""

    identity: Identity
    endpoints: list[EndpointShape]
    problems: list[ProblemOfDevice]
    polls: list[Poll]
    push: PushOfDevice | None
    plan: dict[str, JsonValue]
    tenant: str
    cables: dict[str, str]
    """What people say is plugged where: own component, and `DEVICE/COMPONENT` or the name of a feed."""
    version: int


class DeviceIndex(Shape):
    """The whole fleet, compact: one row a device, read by the names in `columns`."""

    revision: int
    columns: list[str]
    rows: list[list[JsonValue]]


class ComponentRef(Shape):
    """A component by kind and name."""

    kind: str
    name: str


class Part(Shape):
    """What a component is made of."""

    kind: str
    name: str
    slot: str
    source: str
    manufacturer: str
    model: str
    serial_number: str
    part_number: str
    firmware: str
    capacity_bytes: int | None
    properties: dict[str, JsonValue]


class Component(Shape):
    """One component's condition."""

    kind: str
    name: str
    health: HealthWord
    state: str
    failure_predicted: bool | None
    detail: str
    taken_at: AwareDatetime | None
    source: str
    quality: QualityWord
    stale: bool
    part: Part | None


class Thresholds(Shape):
    """As Redfish names them, in the sensor's unit; null where the device has set none."""

    lower_fatal: float | None
    lower_critical: float | None
    lower_caution: float | None
    upper_caution: float | None
    upper_critical: float | None
    upper_fatal: float | None


class Sensor(Shape):
    """What measures, and its last reading. `spark` is its last hour or so, oldest first."""

    sensor_id: int
    component: ComponentRef
    name: str
    type: str
    unit: str
    physical_context: str
    thresholds: Thresholds
    range_min: float | None
    range_max: float | None
    reading: StatedValue
    spark: list[float | None]


class Series(Shape):
    """Readings of one sensor over a span: `[epoch seconds, min, mean, max]`, three nulls in a gap."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    sensor_id: int
    unit: str
    from_: AwareDatetime = Field(alias="from")
    to: AwareDatetime
    step: float | None
    points: list[tuple[float, float | None, float | None, float | None]]
    gaps: int
    source: str


class SeriesOfMany(Shape):
    """One series a sensor, in the order asked."""

    series: list[Series]


class Twin(Shape):
    """A record of another log that tells the same event."""

    log: str
    record_id: str
    severity: HealthWord
    message: str
    source: str
    received_at: AwareDatetime


class Event(Shape):
    """One record of a device's log."""

    event_id: int
    device_id: str
    log: str
    generation: int
    record_id: str
    severity: HealthWord
    message: str
    message_id: str
    component: ComponentRef | None
    created_at: AwareDatetime | None
    created_text: str
    clock_suspect: bool
    received_at: AwareDatetime
    source: str
    history: bool
    twins: list[Twin] = Field(description="the same event as other logs of the device tell it")


class PartChange(Shape):
    """A part came, went, was replaced or moved."""

    at: AwareDatetime
    kind: str
    slot: str
    what: Literal["installed", "removed", "replaced", "moved"]
    before: Part | None
    after: Part | None


class Inventory(Shape):
    """What a device is made of, and how that changed, newest first."""

    identity: Identity
    taken_at: AwareDatetime | None
    complete: bool
    parts: list[Part]
    history: list[PartChange]


class Raw(Shape):
    """A resource as the device gave it just now."""

    resource: str
    taken_at: AwareDatetime
    body: JsonValue


class PollRequest(Shape):
    """A wish to poll now, and what became of it."""

    poll_request_id: int
    device_id: str
    state: Literal["requested", "claimed", "done", "failed"]
    reason: str
    requested_at: AwareDatetime
    done_at: AwareDatetime | None
    aspects: list[str]
