"""What a pushed Event says: records worth keeping, and what it is a reason to look at now.

Events come as an array of records, as one record alone, with ids and without, from the EventType days (before Event
1.3) and from the registry days; `OriginOfCondition` is a link or, from older services, a string. A record that points
to its LogEntry is known by it; every other one only by what it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.parse.naming import key_of
from fleetmon.drivers.redfish.resource import kind_of_path, local
from fleetmon.model import Aspect, Component, Health, LogRecord, PushedRecord

MOST_RECORDS = 200
"""Records of one message that are read; a message with more is a reason to read the log instead."""

_HOUSEKEEPING = re.compile(
    r"/(sessionservice|eventservice|taskservice|accountservice|updateservice|telemetryservice|jobservice"
    r"|certificateservice|registries|jsonschemas|logservices)(/|$)",
    re.IGNORECASE,
)
"""Origins that are no hardware: the service tells of its own sessions, subscriptions and tasks."""
_LOG_ENTRY = re.compile(r"/logservices/[^/]+/entries/[^/]+/?$", re.IGNORECASE)
_OF_THE_MODEL = frozenset({"ResourceUpdated", "ResourceAdded", "ResourceRemoved", "MetricReport"})
"""Event types that tell of resources, not of something that happened to hardware."""
_MODEL_REGISTRIES = frozenset({"ResourceEvent", "TaskEvent", "HeartbeatEvent", "Telemetry", "JobEvent"})
_SENSORS = frozenset({"Sensor", "Thermal", "Power", "ThermalSubsystem", "PowerSubsystem", "EnvironmentMetrics"})


def is_report(body: Json) -> bool:
    """Is this a MetricReport and no Event?"""
    declared = body.get("@odata.type")
    return "MetricValues" in body or (isinstance(declared, str) and declared.lstrip("#").startswith("MetricReport."))


def entries(body: Json) -> list[Json]:
    """The event records of a message, at most MOST_RECORDS."""
    if "Events" not in body and ("MessageId" in body or "EventType" in body):
        return [body]
    return [entry for _, entry in fields.items(body, "Events")][:MOST_RECORDS]


def is_heartbeat(entry: Json) -> bool:
    """Does the record only say that the service still works (DSP2065, HeartbeatEvent)?"""
    return fields.text(entry, "MessageId").startswith("HeartbeatEvent.")


def records(body: Json, event_id: str, components: Mapping[str, Component]) -> Iterator[PushedRecord]:
    """The records of a message that are worth keeping; `event_id` is the message's own id, where it has one."""
    for place, entry in enumerate(entries(body)):
        if _worth_keeping(entry):
            yield _record(entry, place, event_id, components)


def due(body: Json) -> frozenset[Aspect]:
    """What a message is a reason to ask now: never more than its kind can have changed."""
    wanted: set[Aspect] = set()
    for entry in entries(body):
        wanted |= _due(entry)
    return frozenset(wanted)


def hinted(body: Json) -> frozenset[Aspect]:
    """What an unauthenticated message is a reason to ask now: its log, since nothing it says is taken for true."""
    happened = [entry for entry in entries(body) if not is_heartbeat(entry)]
    return frozenset({Aspect.EVENTS, *due(body)}) if happened else frozenset()


def _due(entry: Json) -> set[Aspect]:
    origin = _origin(entry)
    if is_heartbeat(entry) or (_HOUSEKEEPING.search(origin) and not _link(entry)):
        return set()
    if kind_of_path(origin) in _SENSORS and _severity(entry) in (None, Health.OK):
        return {Aspect.SENSORS}
    kind = fields.text(entry, "EventType")
    if _severity(entry) in (Health.WARNING, Health.CRITICAL) or kind in ("ResourceAdded", "ResourceRemoved"):
        return {Aspect.HEARTBEAT, Aspect.COMPONENTS}
    return {Aspect.HEARTBEAT}


def _worth_keeping(entry: Json) -> bool:
    """Something that happened; not a heartbeat, and not news of the resource model that is well."""
    if is_heartbeat(entry):
        return False
    message_id = fields.text(entry, "MessageId")
    if _link(entry):
        return True
    if _severity(entry) in (Health.WARNING, Health.CRITICAL):
        return ".ResourceStatusChanged" not in message_id  # what a poll finds in the resource itself
    if fields.text(entry, "EventType") in _OF_THE_MODEL or message_id.partition(".")[0] in _MODEL_REGISTRIES:
        return False
    return bool(message_id or fields.text(entry, "Message"))


def _record(entry: Json, place: int, event_id: str, components: Mapping[str, Component]) -> PushedRecord:
    link, origin = _link(entry), _origin(entry)
    created = entry.get("EventTimestamp", entry.get("Created"))
    created_text = created[:64] if isinstance(created, str) else ""
    message_id = fields.text(entry, "MessageId")
    given = entry.get("MessageArgs")
    arguments = tuple(str(one)[:300] for one in given[:20]) if isinstance(given, list) else ()
    said = " ".join(str(entry.get("Message") or "").split()) or f"{message_id}: {', '.join(arguments)}".strip(": ")
    own_id = fields.text(entry, "EventId")
    record = LogRecord(
        record_id=link.rstrip("/").rpartition("/")[2] or own_id or fields.text(entry, "MemberId") or event_id,
        severity=_severity(entry) or Health.UNKNOWN,
        message=said[:1000],
        source=link or origin,
        message_id=message_id,
        created_at=fields.instant(created),
        created_text=created_text,
        component=components.get(key_of(origin)) if origin else None,
    )
    sent_as = own_id if own_id and created_text else f"{own_id} {event_id} {place}"
    return PushedRecord(record=record, link=link, arguments=arguments, sent_as=sent_as)


def _severity(entry: Json) -> Health | None:
    return fields.health_word(entry.get("MessageSeverity") or entry.get("Severity"))


def _origin(entry: Json) -> str:
    """The path of what it is about; empty when it does not say, or names something that is not on the device."""
    said = entry.get("OriginOfCondition")
    target = said if isinstance(said, str) else fields.link(said)
    return (local(target) if target else None) or ""


def _link(entry: Json) -> str:
    """The path of the log entry it is; empty when it does not say."""
    target = fields.link(entry, "LogEntry")
    found = (local(target) if target else None) or ""
    if not found and _LOG_ENTRY.search(origin := _origin(entry)):
        return origin
    return found
