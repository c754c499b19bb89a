"""The words of the field: protocols, states, qualities and types of reading, spelled as the DMTF spells them."""

from __future__ import annotations

from enum import StrEnum


class Protocol(StrEnum):
    """How a management endpoint is spoken to."""

    REDFISH = "redfish"
    IPMI = "ipmi"
    SNMP = "snmp"

    @property
    def called(self) -> str:
        """As people write it."""
        return "Redfish" if self is Protocol.REDFISH else self.value.upper()


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
_SPOKEN = {"Cel": "°C", "{rev}/min": "rpm", "kW.h": "kWh", "[cft_i]/min": "cfm", "mm[Hg]": "mmHg", "{}": ""}


def spoken(unit: str) -> str:
    """A UCUM code as people write it."""
    return _SPOKEN.get(unit, unit)
