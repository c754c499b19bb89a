"""The vocabulary: every domain type, frozen, standard library only.

A value is never just a value: it is the value or a named reason for its absence, when it was taken, where it came from
and how far it can be believed. Words are those of the glossary (`docs/glossary.md`); enum values are spelled as the
DMTF spells them. Instants end in `_at` and are aware UTC.
"""

from fleetmon.model.fleet import Device, Endpoint, Interval, Rack, Site
from fleetmon.model.hardware import (
    DEVICE,
    Component,
    ComponentHealth,
    Identity,
    Inventory,
    Part,
    Reading,
    Scalar,
    Sensor,
    Thresholds,
)
from fleetmon.model.observation import Observation, Power, Pushed, PushedRecord
from fleetmon.model.records import LogMark, LogReading, LogRecord, Problem, zoneless
from fleetmon.model.wire import Neighbour, Station
from fleetmon.model.words import (
    Aspect,
    DeviceKind,
    Health,
    NoReading,
    PowerState,
    Protocol,
    Quality,
    Reachability,
    ReadingType,
    spoken,
)
from fleetmon.model.work import RoleState, RoleStatus

__all__ = [
    "DEVICE",
    "Aspect",
    "Component",
    "ComponentHealth",
    "Device",
    "DeviceKind",
    "Endpoint",
    "Health",
    "Identity",
    "Interval",
    "Inventory",
    "LogMark",
    "LogReading",
    "LogRecord",
    "Neighbour",
    "NoReading",
    "Observation",
    "Part",
    "Power",
    "PowerState",
    "Problem",
    "Protocol",
    "Pushed",
    "PushedRecord",
    "Quality",
    "Rack",
    "Reachability",
    "Reading",
    "ReadingType",
    "RoleState",
    "RoleStatus",
    "Scalar",
    "Sensor",
    "Site",
    "Station",
    "Thresholds",
    "spoken",
    "zoneless",
]
