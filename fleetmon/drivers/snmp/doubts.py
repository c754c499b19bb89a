"""Which readings of a poll are not what they seem: first counts after a restart, and noughts out of nowhere; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from fleetmon.drivers.snmp.parse.points import Point
from fleetmon.drivers.snmp.values import Value
from fleetmon.model import Quality, Reading, ReadingType, Sensor

FEWEST = 4
"""So many numbers that turn nought at once, and half of those that were none, are an agent's failure (F98)."""
ANEW = "counts anew: its agent started again"
ELSEWHERE = "counts elsewhere: the ports were numbered anew"
NOUGHT = "nought, though it counted before and its agent did not start again"
ALL_NOUGHT = "nought, like much that was not before: its agent may have lost sight of it"


def doubted(
    told: Iterable[tuple[Point, Reading]],
    last: Mapping[str, Value],
    *,
    restarted: bool,
    moved: Collection[Sensor],
) -> list[Reading]:
    """The readings with their doubts; a rate is never made of a count in doubt."""
    readings = list(told)
    if restarted:
        return [_suspect(one, ANEW) if _counts(one) else one for _, one in readings]
    noughts = {point.oid for point, one in readings if one.value == 0 and _was_more(last.get(point.oid))}
    if moved:
        readings = [(point, _suspect(one, ELSEWHERE) if one.sensor in moved else one) for point, one in readings]
    if not noughts:
        return [one for _, one in readings]
    at_once = lost_sight(noughts, (point.oid for point, _ in readings), last)
    return [
        _suspect(one, ALL_NOUGHT if at_once else NOUGHT)
        if point.oid in noughts and (at_once or _counts(one)) and one.value == 0
        else one
        for point, one in readings
    ]


def lost_sight(noughts: Collection[str], oids: Iterable[str], last: Mapping[str, Value]) -> bool:
    """Are there so many at once that it cannot be what was measured?"""
    return len(noughts) >= max(FEWEST, sum(_was_more(last.get(oid)) for oid in oids) / 2)


def _counts(reading: Reading) -> bool:
    return reading.sensor.type is ReadingType.COUNTER and reading.number is not None


def _was_more(value: Value | None) -> bool:
    return isinstance(value, int) and value > 0


def _suspect(reading: Reading, reason: str) -> Reading:
    return replace(reading, quality=Quality.SUSPECT, quality_reason=reason)
