"""How full a log is, the same for every protocol (F53)."""

from __future__ import annotations

from fleetmon.model import LogReading

FULL_LEVELS = (0.95, 0.8)
"""Shares of a log's capacity at which a person is told."""


def fullness(reading: LogReading) -> str:
    """What a person should know of how full a log is; empty while there is room, or old records make it."""
    if not reading.keeps_oldest or not reading.capacity or reading.total is None:
        return ""
    share = reading.total / reading.capacity
    if share >= 1:
        return f"the log {reading.log} is full and drops new records: events may be lost until it is cleared"
    level = next((level for level in FULL_LEVELS if share >= level), None)
    return (
        f"the log {reading.log} is over {level:.0%} full, and drops new records once it is; clear it" if level else ""
    )
