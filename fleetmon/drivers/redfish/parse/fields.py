"""Tolerant reading of single fields: any of them may be missing, null, of the wrong type or a placeholder (F25 to
F29, F77)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from fleetmon.drivers.placeholders import PLACEHOLDERS
from fleetmon.drivers.redfish.bodies import Json
from fleetmon.model import Health, NoReading

OFF_STATES = frozenset({"Disabled", "StandbyOffline", "UnavailableOffline", "Deferring", "Offline"})
"""DMTF `Status.State` in which a thing does not work on purpose."""

_HEALTH = {
    "ok": Health.OK,
    "good": Health.OK,
    "normal": Health.OK,
    "informational": Health.OK,
    "warning": Health.WARNING,
    "noncritical": Health.WARNING,
    "degraded": Health.WARNING,
    "caution": Health.WARNING,
    "minor": Health.WARNING,
    "critical": Health.CRITICAL,
    "major": Health.CRITICAL,
    "error": Health.CRITICAL,
    "fatal": Health.CRITICAL,
    "failed": Health.CRITICAL,
    "nonrecoverable": Health.CRITICAL,
}
"""Words for health by their letters alone: `Non-Critical` is `noncritical`."""
_HOST = re.compile(r"^(?:https?:)?//[^/]+(?=/redfish/)", re.IGNORECASE)
_NUMBER = re.compile(r"^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?$")


def text(entry: Json, *names: str) -> str:
    """The first of the fields that says something; empty for a placeholder or a wrong type."""
    for name in names:
        value = entry.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = f"{value:g}" if isinstance(value, float) else str(value)
        if isinstance(value, str):
            clean = " ".join(value.split())[:300]
            if clean.lower() not in PLACEHOLDERS:
                return clean
    return ""


def number(value: Any) -> float | None:
    """The finite number in `value`, also when it is spelled as a string; None for everything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) else None
    return spelled(value) if isinstance(value, str) and len(value) < 40 else None


@lru_cache(maxsize=16_384)
def spelled(text: str) -> float | None:
    """The finite number a text spells, as a MetricReport gives all of its values."""
    if not _NUMBER.match(text.strip()):
        return None
    found = float(text)
    return found if math.isfinite(found) else None


def integer(entry: Json, *names: str) -> int | None:
    """The first of the fields that holds a whole number of at least zero."""
    for name in names:
        found = number(entry.get(name))
        if found is not None and found >= 0 and found < 2**63:
            return int(found)
    return None


def boolean(value: Any) -> bool | None:
    """A truth value, also when it is spelled as a string; None when the device does not say."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "yes": True, "false": False, "no": False}.get(value.strip().lower())
    return None


def child(entry: Any, *names: str) -> Json:
    """The object reached by these names; empty where the way is broken."""
    for name in names:
        entry = entry.get(name) if isinstance(entry, dict) else None
    return entry if isinstance(entry, dict) else {}


def items(entry: Json, name: str) -> Iterator[tuple[int, Json]]:
    """The objects of a list with their places; one object in place of a list counts as a list of one."""
    value = entry.get(name)
    if isinstance(value, dict) and "@odata.id" not in value:
        value = [value]
    if isinstance(value, list):
        yield from ((place, item) for place, item in enumerate(value) if isinstance(item, dict))


def link(entry: Any, *names: str) -> str | None:
    """The `@odata.id` (or, from Redfish 1.0 days, `href`) of the object reached by these names, without a host."""
    target = child(entry, *names) if names else entry
    if not isinstance(target, dict):
        return None
    value = target.get("@odata.id", target.get("href"))
    return without_host(value) if isinstance(value, str) and value else None


def without_host(link: str) -> str:
    """The path of a link to a Redfish resource that is given as a whole URL; only one device is ever spoken to."""
    return _HOST.sub("", link) if "//" in link[:8] else link


def status(entry: Json) -> Json:
    """The Status object; a bare word in its place counts as its health."""
    value = entry.get("Status")
    if isinstance(value, str):
        return {"Health": value}
    return value if isinstance(value, dict) else {}


def state(entry: Json) -> str:
    """DMTF `Status.State` as the device spells it."""
    value = status(entry).get("State")
    return value[:60] if isinstance(value, str) else ""


def is_absent(entry: Json) -> bool:
    """Is the slot empty (F35)?"""
    return state(entry) == "Absent"


def health_word(value: Any) -> Health | None:
    """One health word; None when there is none, Unknown when it is none of ours (F68)."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return Health.UNKNOWN
    return _HEALTH.get("".join(filter(str.isalpha, value[:60].lower())), Health.UNKNOWN)


def own_health(entry: Json) -> Health | None:
    """`Status.Health`: of the thing itself."""
    return health_word(status(entry).get("Health"))


def rollup(entry: Json) -> Health | None:
    """`Status.HealthRollup`: of the thing and everything below it."""
    return health_word(status(entry).get("HealthRollup"))


def reading_or_reason(entry: Json, name: str, holder: Json | None = None) -> float | NoReading:
    """The number, or why there is none; `holder` is the object whose Status counts where it is not `entry`."""
    where = state(holder if holder is not None else entry)
    if where == "Absent":
        return NoReading.ABSENT
    if where in OFF_STATES:
        return NoReading.OFF
    found = number(entry.get(name))
    return NoReading.FAULTY if found is None else found


def instant(value: Any) -> datetime | None:
    """An ISO 8601 time as aware UTC; None when it cannot be read or carries no offset (F50)."""
    if not isinstance(value, str) or not value:
        return None
    try:
        found = datetime.fromisoformat(value.strip().replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        return None
    if found.tzinfo is None:
        return None
    try:
        return found.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
