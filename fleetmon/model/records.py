"""What a device writes down: the records of its logs, and how far each log has been read."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from fleetmon.model.hardware import Component
from fleetmon.model.words import Health

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
    content: str = ""
    """What makes it the same record when its words change: the bytes of a SEL record, whose sensor may be renamed."""

    @property
    def content_hash(self) -> str:
        """What the record says, in brief, without severity and `repaired`, which some devices change later."""
        said = self.content or f"{self.message_id}\x1f{self.message}"
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
    finding: bool = False
    """Was it read well, and tells a person something to act on? Then nothing is missing for it."""


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
