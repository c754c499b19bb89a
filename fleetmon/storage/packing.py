"""How the readings of one poll lie in one row: numbers side by side, and a short list of what is no good number.

`values` holds a little-endian double for each sensor of the layout, NaN where there is no number. `exceptions` holds,
only for the places that need it, a place, a code and the age in seconds at the row's instant. A counter beyond 2^53
loses its last digits as a double; what needs them takes differences before it packs.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fleetmon.model import NoReading, Quality, Reading

NOT_ASKED = 15
"""Reason code of a place this poll brought nothing for."""
_REASONS = {NoReading.ABSENT: 1, NoReading.OFF: 2, NoReading.TIMEOUT: 3, NoReading.FAULTY: 4}
_QUALITIES = {Quality.GOOD: 0, Quality.SUSPECT: 1, Quality.BAD: 2}
_REASON_OF = {code: reason for reason, code in _REASONS.items()}
_QUALITY_OF = {code: quality for quality, code in _QUALITIES.items()}
EXCEPTION = struct.Struct("<HBf")
_NONE = timedelta(0)
_OLD = timedelta(seconds=1)
"""A reading this much older than its row says so."""


@dataclass(frozen=True, slots=True)
class Exceptional:
    """What is particular about one place of a packed row."""

    reason: NoReading | None
    quality: Quality
    age: timedelta
    asked: bool = True


def pack_values(values: Sequence[float]) -> bytes:
    """Doubles side by side; what is not finite becomes NaN, so that no infinity is ever stored (F30)."""
    return struct.pack(f"<{len(values)}d", *[value if math.isfinite(value) else math.nan for value in values])


def pack(readings: Sequence[Reading | None], taken_at: datetime) -> tuple[bytes, bytes | None]:
    """The readings of one poll in the order of their layout, None for what was not asked, as the two columns."""
    values: list[float] = []
    exceptions: list[bytes] = []
    for place, reading in enumerate(readings):
        if reading is None:
            values.append(math.nan)
            exceptions.append(EXCEPTION.pack(place, NOT_ASKED, 0.0))
            continue
        number, reason = _number(reading)
        values.append(number)
        age = taken_at - reading.taken_at if reading.taken_at is not taken_at else _NONE
        if reason or age > _OLD or reading.quality is not Quality.GOOD:
            code = reason | _QUALITIES[reading.quality] << 4
            exceptions.append(EXCEPTION.pack(place, code, max(0.0, age.total_seconds())))
    return struct.pack(f"<{len(values)}d", *values), b"".join(exceptions) or None


def unpack(values: bytes) -> tuple[float, ...]:
    """All numbers of a row."""
    return struct.unpack(f"<{len(values) // 8}d", values)


def unpack_exceptions(exceptions: bytes | None) -> dict[int, Exceptional]:
    """What is particular in a row, by place."""
    if not exceptions:
        return {}
    return {place: _exceptional(code, age) for place, code, age in EXCEPTION.iter_unpack(exceptions)}


def _number(reading: Reading) -> tuple[float, int]:
    value = reading.value
    if isinstance(value, NoReading):
        return math.nan, _REASONS[value]
    number = float(value)
    return (number, 0) if math.isfinite(number) else (math.nan, _REASONS[NoReading.FAULTY])


def _exceptional(code: int, age: float) -> Exceptional:
    reason = code & 15
    return Exceptional(
        reason=_REASON_OF.get(reason),
        quality=_QUALITY_OF.get(code >> 4, Quality.SUSPECT),
        age=timedelta(seconds=age),
        asked=reason != NOT_ASKED,
    )
