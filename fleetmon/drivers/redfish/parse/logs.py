"""Log entries as records, whatever the vendor made of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.parse.naming import key_of
from fleetmon.model import Component, Health, LogRecord

NOT_HARDWARE = re.compile(
    r"dump|journal|postcode|hostlogger|crash|audit|debug|fdr|selftest|securitylog|sl$|telemetry", re.IGNORECASE
)
"""Ids of logs that tell nothing of hardware, or are no lists of events at all."""

_ARGUMENT = re.compile(r"%(\d)")


def spoken(entry: Json) -> str:
    """What the record says: its message with what arguments there are, else its MessageId with them (F44).

    No registry is read: a device that means to be understood says its message in full.
    """
    said = entry.get("MessageArgs")
    arguments = [str(item) for item in said] if isinstance(said, list) else []
    message = entry.get("Message")
    if isinstance(message, str) and message:
        places = ((found[0], int(found[1]) - 1) for found in _ARGUMENT.finditer(message))
        for mark, place in dict.fromkeys(places):
            if 0 <= place < len(arguments):
                message = message.replace(mark, arguments[place])
        return message
    code = fields.text(entry, "MessageId")
    bare = f"{code}: {', '.join(arguments)}" if code and arguments else code
    return fields.text(entry, "Description") or bare or fields.text(entry, "Name")


def record(entry: Json, path: str, components: Mapping[str, Component]) -> LogRecord:
    """One LogEntry."""
    created = entry.get("Created", entry.get("EventTimestamp"))
    repaired = entry.get("Resolved")
    origin = fields.link(entry, "Links", "OriginOfCondition")
    return LogRecord(
        record_id=fields.text(entry, "Id", "EntryCode", "RecordId") or path.rstrip("/").rpartition("/")[2],
        severity=fields.health_word(entry.get("Severity")) or Health.UNKNOWN,
        message=" ".join(spoken(entry).split())[:1000],
        source=path,
        message_id=fields.text(entry, "MessageId", "EventId"),
        created_at=fields.instant(created),
        created_text=created[:64] if isinstance(created, str) else "",
        component=components.get(key_of(origin)) if origin else None,
        repaired=fields.boolean(repaired),
    )
