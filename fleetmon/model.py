"""The vocabulary: every domain type, frozen, standard library only.

A value is never just a value: it is the value or a named reason for its absence, when it was taken, where it came from
and how far it can be believed. Words are those of the glossary (`docs/glossary.md`); enum values are spelled as the
DMTF spells them. Instants end in `_at` and are aware UTC.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

Scalar = str | int | float | bool | None


class Protocol(StrEnum):
    """How a management endpoint is spoken to."""

    REDFISH = "redfish"
    IPMI = "ipmi"
    SNMP = "snmp"


class DeviceKind(StrEnum):
    """What a device is, seen from its rack."""

    SERVER = "server"
    SWITCH = "switch"
    PDU = "pdu"
    UPS = "ups"
    STORAGE = "storage"
    COOLING = "cooling"


class Aspect(StrEnum):
    """What one poll asks a device for; each aspect has a cadence of its own."""

    HEARTBEAT = "heartbeat"
    """Is the BMC there, is the power on, is anything wrong at all."""
    SENSORS = "sensors"
    COMPONENTS = "components"
    """Health and state of every component."""
    EVENTS = "events"
    INVENTORY = "inventory"


class Health(StrEnum):
    """DMTF `Status.Health`, and Unknown, which is never shown green; also the severity of events and alerts."""

    OK = "OK"
    WARNING = "Warning"
    CRITICAL = "Critical"
    UNKNOWN = "Unknown"

    @property
    def rank(self) -> int:
        """Order by urgency: OK 0, Unknown 1, Warning 2, Critical 3."""
        return _HEALTH_RANK[self]


_HEALTH_RANK = {Health.OK: 0, Health.UNKNOWN: 1, Health.WARNING: 2, Health.CRITICAL: 3}


class PowerState(StrEnum):
    """DMTF `PowerState`, and Unknown. Off may only come from the BMC or from something above it."""

    ON = "On"
    OFF = "Off"
    POWERING_ON = "PoweringOn"
    POWERING_OFF = "PoweringOff"
    UNKNOWN = "Unknown"


class Reachability(StrEnum):
    """Could the endpoint be asked at all; apart from health and from power."""

    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    ACCESS_DENIED = "access_denied"
    UNTRUSTED = "untrusted"
    BUSY = "busy"
    GARBLED = "garbled"
    UNSUPPORTED = "unsupported"
    NEVER_ASKED = "never_asked"


class Quality(StrEnum):
    """How far a reading can be believed; a suspect reading is shown and never raises an alert alone."""

    GOOD = "good"
    SUSPECT = "suspect"
    BAD = "bad"


class NoReading(StrEnum):
    """The reason there is no value."""

    ABSENT = "Absent"
    """The thing measured, or the sensor, is not there."""
    OFF = "Off"
    """What it measures is switched off or disabled."""
    TIMEOUT = "Timeout"
    """It was asked and gave no answer in time."""
    FAULTY = "Faulty"
    """It answered with something that is no number."""


class ReadingType(StrEnum):
    """Redfish `Sensor.ReadingType` (DSP2046); OTHER for what a vendor invents."""

    TEMPERATURE = "Temperature"
    HUMIDITY = "Humidity"
    ABSOLUTE_HUMIDITY = "AbsoluteHumidity"
    POWER = "Power"
    ENERGY_KWH = "EnergykWh"
    ENERGY_JOULES = "EnergyJoules"
    ENERGY_WH = "EnergyWh"
    VOLTAGE = "Voltage"
    CURRENT = "Current"
    CHARGE_AH = "ChargeAh"
    FREQUENCY = "Frequency"
    PRESSURE = "Pressure"
    PRESSURE_KPA = "PressurekPa"
    PRESSURE_PA = "PressurePa"
    LIQUID_LEVEL = "LiquidLevel"
    LIQUID_FLOW = "LiquidFlow"
    LIQUID_FLOW_LPM = "LiquidFlowLPM"
    AIR_FLOW = "AirFlow"
    AIR_FLOW_CMM = "AirFlowCMM"
    ROTATIONAL = "Rotational"
    PERCENT = "Percent"
    ALTITUDE = "Altitude"
    BAROMETRIC = "Barometric"
    HEAT = "Heat"
    COUNTER = "Counter"
    """A number that only grows; its rate is computed on query."""
    OTHER = "Other"

    @property
    def unit(self) -> str:
        """The UCUM code of the base unit this type is stored in; empty for a pure number."""
        return _UNITS.get(self, "")


_UNITS = {
    ReadingType.TEMPERATURE: "Cel",
    ReadingType.HUMIDITY: "%",
    ReadingType.ABSOLUTE_HUMIDITY: "g/m3",
    ReadingType.POWER: "W",
    ReadingType.ENERGY_KWH: "kW.h",
    ReadingType.ENERGY_JOULES: "J",
    ReadingType.ENERGY_WH: "W.h",
    ReadingType.VOLTAGE: "V",
    ReadingType.CURRENT: "A",
    ReadingType.CHARGE_AH: "A.h",
    ReadingType.FREQUENCY: "Hz",
    ReadingType.PRESSURE: "Pa",
    ReadingType.PRESSURE_KPA: "kPa",
    ReadingType.PRESSURE_PA: "Pa",
    ReadingType.LIQUID_LEVEL: "cm",
    ReadingType.LIQUID_FLOW: "L/s",
    ReadingType.LIQUID_FLOW_LPM: "L/min",
    ReadingType.AIR_FLOW: "[cft_i]/min",
    ReadingType.AIR_FLOW_CMM: "m3/min",
    ReadingType.ROTATIONAL: "{rev}/min",
    ReadingType.PERCENT: "%",
    ReadingType.ALTITUDE: "m",
    ReadingType.BAROMETRIC: "mm[Hg]",
    ReadingType.HEAT: "kW",
}


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a device, named as the Redfish resource that describes it: Drive, Fan, PowerSupply, Memory, ...

    (kind, name) is unique within a device and stable from poll to poll; drivers see to that.
    """

    kind: str
    name: str


DEVICE = Component(kind="Device", name="")
"""What is said of the device as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Limits of a sensor as Redfish names them, in the sensor's unit; None where the device has set none."""

    lower_fatal: float | None = None
    lower_critical: float | None = None
    lower_caution: float | None = None
    upper_caution: float | None = None
    upper_critical: float | None = None
    upper_fatal: float | None = None

    def __bool__(self) -> bool:
        return any(
            limit is not None
            for limit in (
                self.lower_fatal,
                self.lower_critical,
                self.lower_caution,
                self.upper_caution,
                self.upper_critical,
                self.upper_fatal,
            )
        )


@dataclass(frozen=True, slots=True, weakref_slot=True, kw_only=True)
class Sensor:
    """What measures. (component, name, type) identifies it within its device: its `key`.

    Equal sensors of different devices may be one object, so that ten thousand servers of a model cost what one does.
    """

    component: Component
    name: str
    type: ReadingType
    source: str
    """Where the device tells it: a Redfish path with its JSON pointer, an SDR id or an OID."""
    physical_context: str = ""
    """Redfish PhysicalContext: Intake, Exhaust, CPU, ...; empty when the device does not say."""
    range_min: float | None = None
    range_max: float | None = None
    thresholds: Thresholds = Thresholds()
    key: tuple[str, str, str, str] = field(init=False, compare=False, repr=False)
    """Component kind and name, its own name, its type."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.component.kind, self.component.name, self.name, self.type.value))

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def unit(self) -> str:
        return self.type.unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One sensor at one instant: a number, or the reason there is none."""

    sensor: Sensor
    value: float | NoReading
    taken_at: datetime
    quality: Quality = Quality.GOOD
    quality_reason: str = ""

    @property
    def number(self) -> float | None:
        """The value where there is one."""
        return None if isinstance(self.value, NoReading) else self.value

    @property
    def reason(self) -> str | None:
        """Why there is no value; None where there is one."""
        return self.value.value if isinstance(self.value, NoReading) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentHealth:
    """What the device said of one component's condition."""

    component: Component
    health: Health
    state: str
    """DMTF `Status.State` as the device spells it: Enabled, StandbyOffline, ...; empty when it does not say."""
    taken_at: datetime
    source: str
    failure_predicted: bool | None = None
    """Redfish `FailurePredicted`; None where the device does not say."""
    detail: str = ""
    """Why the health is not OK, in the device's words where it has any."""
    quality: Quality = Quality.GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a component is made of, for inventory and part history.

    `slot` is where it sits (the component's name where the device gives no better place); a part is followed by
    `serial_number` across slots and by slot across serial numbers.
    """

    component: Component
    slot: str
    source: str
    manufacturer: str = ""
    model: str = ""
    serial_number: str = ""
    part_number: str = ""
    firmware: str = ""
    capacity_bytes: int | None = None
    properties: Mapping[str, Scalar] = field(default_factory=dict)
    """What is particular to the kind: media_type, protocol, speed_mhz, cores, life_left_percent, mac_address, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the device says it is. Empty strings where it says nothing or a placeholder ("To be filled by O.E.M.")."""

    manufacturer: str = ""
    model: str = ""
    serial_number: str = ""
    part_number: str = ""
    asset_tag: str = ""
    uuid: str = ""
    host_name: str = ""
    firmware: str = ""
    """Of the BMC."""
    bios_version: str = ""
    bmc_model: str = ""
    systems: tuple[str, ...] = ()
    """Paths of every system behind this endpoint; more than one in a multi-node chassis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What a device is made of, all of it as seen in one walk."""

    identity: Identity
    parts: tuple[Part, ...]
    taken_at: datetime
    complete: bool
    """False when a resource could not be read: then a missing part proves nothing."""


_CLOCK_TIME = re.compile(r"(?<!\d)\d{1,2}:(\d{2}):(\d{2}(?:\.\d+)?)")


def zoneless(created_text: str) -> str:
    """What of a time stamp outlives a change of time zone: minutes within the quarter hour, seconds and fractions.

    Zones differ by whole quarter hours, so a BMC whose zone is set anew, or that goes through daylight saving, tells
    the same record with another hour (F50). A text without a clock time is told as it is.
    """
    found = _CLOCK_TIME.search(created_text)
    return f"{int(found[1]) % 15:02}:{found[2]}" if found else created_text


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """One record of a device's log, as the device tells it."""

    record_id: str
    severity: Health
    message: str
    source: str
    message_id: str = ""
    created_at: datetime | None = None
    """By the device's own clock, which may be wrong; None when it gives none that can be read."""
    created_text: str = ""
    """The time stamp exactly as given."""
    component: Component | None = None
    repaired: bool | None = None

    @property
    def content_hash(self) -> str:
        """What the record says, in brief, without severity and `repaired`, which some devices change later."""
        said = f"{self.message_id}\x1f{self.message}"
        return hashlib.blake2b(said.encode(errors="surrogatepass"), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMark:
    """How far a log has been read: the newest record, and enough to notice that the log was cleared meanwhile."""

    record_id: str
    created_text: str
    content_hash: str

    def is_of(self, record: LogRecord) -> bool:
        """Is this the very record the mark was made of? An id is used again after the log was cleared (F52)."""
        return (self.record_id, zoneless(self.created_text), self.content_hash) == (
            record.record_id,
            zoneless(record.created_text),
            record.content_hash,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A resource that could not be read, or a field that could not be believed; the rest of the poll stands."""

    resource: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReading:
    """What one look at one log brought, in no promised order.

    `reached_mark` is False when the records read do not connect to the last mark: then records may have been lost, or
    the log was cleared. `total` is the count the device gives, None where it gives none.
    """

    log: str
    source: str
    records: tuple[LogRecord, ...]
    taken_at: datetime
    reached_mark: bool
    total: int | None = None
    capacity: int | None = None
    keeps_oldest: bool = False
    """When full, does the log drop what is new?"""
    truncated: bool = False
    unread: tuple[Problem, ...] = ()
    """What stands between the mark and the newest record and could not be read: the mark stays before it."""
    gap: bool = False
    """Is `unread` given up, so that the mark may pass it and records may be lost?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """The power state as one source told it at one instant."""

    state: PowerState
    taken_at: datetime
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one poll learned, failure included: a poll that fails is itself an observation.

    `health` holds every component seen when COMPONENTS was answered, and may hold single ones from other aspects; only
    `components_complete` makes the absence of a component mean anything.
    """

    protocol: Protocol
    asked: frozenset[Aspect]
    answered: frozenset[Aspect]
    """The asked aspects that were read well enough to count as seen."""
    taken_at: datetime
    seconds: float
    requests: int
    reachability: Reachability
    reason: str = ""
    """Why it could not be asked; empty when reachable."""
    power: Power | None = None
    overall: ComponentHealth | None = None
    """The device's own rollup, on `DEVICE`."""
    readings: tuple[Reading, ...] = ()
    health: tuple[ComponentHealth, ...] = ()
    components_complete: bool = False
    logs: tuple[LogReading, ...] = ()
    inventory: Inventory | None = None
    identity: Identity | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedRecord:
    """One record as the device sent it by itself; a later look at its log may show the same one (F59)."""

    record: LogRecord
    link: str = ""
    """Where its log entry stands; empty when the device does not say."""
    arguments: tuple[str, ...] = ()
    """MessageArgs: what tells two records of one message id apart."""
    sent_as: str = ""
    """The id it was sent under: the same record sent once more has the same."""

    @property
    def key(self) -> bytes:
        """What makes it the same record when it is sent again."""
        said = "\x1f".join(
            (self.sent_as, self.record.created_text, self.record.content_hash, *self.arguments, self.record.source)
        )
        return hashlib.blake2b(said.encode(errors="surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What one message of a device's own event stream told."""

    event_id: str = ""
    """The stream goes on after it; empty where messages have none."""
    records: tuple[PushedRecord, ...] = ()
    observation: Observation | None = None
    """Readings of a report that came by itself, as a poll would have brought them."""
    due: frozenset[Aspect] = frozenset()
    """What it is a reason to ask for now."""
    lost: int = 0
    """Messages before this one that could not be read, so that the log has to be looked at."""
    retry: float | None = None
    """Seconds the device asks us to wait before we come back to a stream that has ended."""


# The fleet.


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
        return {
            Aspect.HEARTBEAT: self.heartbeat,
            Aspect.SENSORS: self.sensors,
            Aspect.COMPONENTS: self.components,
            Aspect.EVENTS: self.events,
            Aspect.INVENTORY: self.inventory,
        }[aspect]


# Work.


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
