"""What a device is made of and what it measures: components, sensors, readings, parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fleetmon.model.words import Health, NoReading, Quality, ReadingType

Scalar = str | int | float | bool | None


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
