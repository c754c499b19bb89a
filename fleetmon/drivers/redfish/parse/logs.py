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


def record(entry: Json, path: str, components: Mapping[str, Component]) -> LogRecord:
    """One LogEntry."""
    created = entry.get("Created", entry.get("EventTimestamp"))
    repaired = entry.get("Resolved")
    origin = fields.link(entry, "Links", "OriginOfCondition")
    return LogRecord(
        record_id=fields.text(entry, "Id", "EntryCode", "RecordId") or path.rstrip("/").rpartition("/")[2],
        severity=fields.health_word(entry.get("Severity")) or Health.UNKNOWN,
        message=" ".join(str(entry.get("Message") or fields.text(entry, "Name", "Description")).split())[:1000],
        source=path,
        message_id=fields.text(entry, "MessageId", "EventId"),
        created_at=fields.instant(created),
        created_text=created[:64] if isinstance(created, str) else "",
        component=components.get(key_of(origin)) if origin else None,
        repaired=fields.boolean(repaired),
    )
