"""Where a maker departs from the standard: what is seen, on whose devices, the evidence, and the standard's words.

A quirk mends a sensor record once, when the records are decoded, and each answer of that sensor; what reads both knows
the standard alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SENSOR_TYPE, EVENT_TYPE, TELLS = 12, 13, slice(18, 20)
"""Where a full or compact record has these (tables 43-1 and 43-2, counted from its first byte)."""
OWNED_AT_LEAST = 20
SENSOR_RECORDS = frozenset({0x01, 0x02})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """One departure and its remedy."""

    name: str
    evidence: str
    makers: frozenset[int]
    """Private enterprise numbers of those who built the BMC."""
    applies: Callable[[bytes], bool]
    """To this sensor record?"""
    record: Callable[[bytes], bytes]
    """The record as the standard would have it."""
    answer: Callable[[bytes], bytes]
    """An answer to Get Sensor Reading as the standard would have it."""


def mended(record: bytes, maker: int) -> tuple[bytes, Quirk | None]:
    """The record as the standard would have it, and the quirk that mends the sensor's answers, too."""
    if len(record) < OWNED_AT_LEAST or record[3] not in SENSOR_RECORDS:
        return record, None
    found = next((quirk for quirk in QUIRKS if maker in quirk.makers and quirk.applies(record)), None)
    return (record, None) if found is None else (found.record(record), found)


# ---- remedies --------------------------------------------------------------------------------------------------------

_SUPERMICRO = frozenset({10876, 47488})
_HEAT, _SEVERITY = 0xC0, 0x07
_HEAT_STATES = {0x0000: 0x01, 0x0001: 0x01, 0x0002: 0x02, 0x0004: 0x04}
"""Low and medium are OK, high is not critical yet, overheated is (the first three states of event type 07h)."""
_UNAVAILABLE = 0x20


def _is_heat_in_words(record: bytes) -> bool:
    return record[SENSOR_TYPE] == _HEAT


def _heat_as_severity(record: bytes) -> bytes:
    """A sensor of type Processor that tells severities."""
    told = bytearray(record)
    told[SENSOR_TYPE], told[EVENT_TYPE] = 0x07, _SEVERITY
    told[TELLS] = b"\x07\x00"
    return bytes(told)


def _severity_of_heat(answer: bytes) -> bytes:
    """Its states; a processor that is not there has no reading."""
    if len(answer) < 3:
        return answer
    said = int.from_bytes(answer[2:4], "little") & 0x7FFF
    state = _HEAT_STATES.get(said)
    if state is None:
        return bytes([answer[0], answer[1] | _UNAVAILABLE, 0, 0])
    return bytes([answer[0], answer[1], state, 0])


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        name="supermicro-heat-in-words",
        evidence="CPU1 Temp and CPU2 Temp of sensor type C0h, 0000h and 0007h: H8DGU, BMC 3.29 (ipmi_exporter#31)",
        makers=_SUPERMICRO,
        applies=_is_heat_in_words,
        record=_heat_as_severity,
        answer=_severity_of_heat,
    ),
)
