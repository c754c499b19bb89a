"""How the readings of one poll lie in one row: numbers side by side, and a short list of what is no good number.

`values` holds a little-endian double for each sensor of the layout, NaN where there is no number. `exceptions` holds,
only for the places that need it, a place, a code and the age in seconds at the row's instant. A whole number beyond
2^53 loses its last digits as a double: they stand where the age would, so that a counter of 64 bits is exact (F101).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
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
REST = 0x80
"""In a code: the age is none, but what the whole number is more than its double; at most 1024, as those of 64 bits."""
_EXACT = 2**53
OLD = 1.0
"""A reading so many seconds older than its row says so."""


@dataclass(frozen=True, slots=True)
class Exceptional:
    """What is particular about one place of a packed row."""

    reason: NoReading | None
    quality: Quality
    age: timedelta
    asked: bool = True
    rest: int = 0
    """What a whole number is more than its double."""


def pack_values(values: Sequence[float]) -> bytes:
    """Doubles side by side; what is not finite becomes NaN, so that no infinity is ever stored (F30)."""
    return struct.pack(f"<{len(values)}d", *[value if math.isfinite(value) else math.nan for value in values])


Odd = tuple[int, int, float]
"""Where, which code, and how many seconds old: what is particular of one reading."""


def told(readings: Sequence[Reading], taken_at: datetime) -> tuple[list[float], list[Odd]]:
    """The numbers of a poll's readings, in their order, and what is particular about some of them."""
    numbers: list[float] = []
    odd: list[Odd] = []
    for index, reading in enumerate(readings):
        number, reason = _number(reading)
        numbers.append(number)
        age = 0.0 if reading.taken_at is taken_at else (taken_at - reading.taken_at).total_seconds()
        rest = _rest(reading.value, number) if number >= _EXACT and age <= OLD else 0
        if rest:
            odd.append((index, REST | _QUALITIES[reading.quality] << 4, float(rest)))
        elif reason or age > OLD or reading.quality is not Quality.GOOD:
            odd.append((index, reason | _QUALITIES[reading.quality] << 4, max(0.0, age)))
    return numbers, odd


def pack(
    numbers: Sequence[float], odd: Sequence[Odd], slots: Sequence[int], size: int, blank: bytes
) -> tuple[bytes, bytes | None]:
    """Numbers and what is particular about them as the two columns of a row of `size` places.

    `slots` tells where each number goes, -1 for nowhere; `blank` are the exceptions of places where none goes. What is
    not finite becomes NaN (F30).
    """
    if not math.isfinite(sum(numbers)):
        numbers = [number if math.isfinite(number) else math.nan for number in numbers]
    if blank or slots != range(size):
        row = [math.nan] * size
        for slot, number in zip(slots, numbers, strict=True):
            if slot >= 0:
                row[slot] = number
        numbers = row
    placed = [(slots[index], code, age) for index, code, age in odd]
    exceptions = sorted(one for one in (*placed, *EXCEPTION.iter_unpack(blank)) if one[0] >= 0) if placed else ()
    packed = b"".join(EXCEPTION.pack(*one) for one in exceptions) if placed else blank
    return struct.pack(f"<{size}d", *numbers), packed or None


def not_asked(places: Iterable[int]) -> bytes:
    """The exceptions of places a poll brings nothing for."""
    return b"".join(EXCEPTION.pack(place, NOT_ASKED, 0.0) for place in places)


def unpack(values: bytes) -> tuple[float, ...]:
    """All numbers of a row."""
    return struct.unpack(f"<{len(values) // 8}d", values)


def unpack_exceptions(exceptions: bytes | None) -> dict[int, Exceptional]:
    """What is particular in a row, by place."""
    if not exceptions:
        return {}
    return {place: exceptional(code, age) for place, code, age in EXCEPTION.iter_unpack(exceptions)}


def _number(reading: Reading) -> tuple[float, int]:
    value = reading.value
    if isinstance(value, NoReading):
        return math.nan, _REASONS[value]
    number = float(value)
    return (number, 0) if math.isfinite(number) else (math.nan, _REASONS[NoReading.FAULTY])


def _rest(value: float | NoReading, number: float) -> int:
    return value - int(number) if isinstance(value, int) else 0


def exceptional(code: int, age: float) -> Exceptional:
    """What a code and an age in seconds say."""
    reason, is_rest = code & 15, code & REST
    return Exceptional(
        reason=_REASON_OF.get(reason),
        quality=_QUALITY_OF.get((code & ~REST) >> 4, Quality.SUSPECT),
        age=timedelta(seconds=0 if is_rest else age),
        asked=reason != NOT_ASKED,
        rest=int(age) if is_rest else 0,
    )
