"""What one poll learned, for a script as one object and for a person as one page."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fleetmon.cli.marks import health, power
from fleetmon.cli.output import Column, Row, beside, table
from fleetmon.cli.words import component, count, made, natural, plain, several
from fleetmon.model import (
    Aspect,
    Component,
    ComponentHealth,
    Health,
    Identity,
    LogReading,
    LogRecord,
    NoReading,
    Observation,
    Reading,
    ReadingType,
    Sensor,
    spoken,
)

LAST_EVENTS = 10
_FIRST = (ReadingType.TEMPERATURE, ReadingType.POWER, ReadingType.ROTATIONAL, ReadingType.PERCENT)
"""What people look for first."""


def as_object(seen: Observation) -> dict[str, Any]:
    """The object of `fleetmon poll -o json` (docs/reference/cli.md)."""
    identity = seen.identity or (seen.inventory.identity if seen.inventory else None) or Identity()
    return {
        "device": _jsonable(asdict(identity)),
        "protocol": seen.protocol.value,
        "reachability": seen.reachability.value,
        "reason": seen.reason,
        "power_state": seen.power.state.value if seen.power else None,
        "overall": seen.overall.health.value if seen.overall else None,
        "readings": [_reading(reading) for reading in seen.readings],
        "health": [_health(found) for found in seen.health],
        "events": [_event(record, log) for log in seen.logs for record in log.records],
        "inventory": _jsonable(asdict(seen.inventory)) if seen.inventory else None,
        "problems": [_jsonable(asdict(problem)) for problem in seen.problems],
        "asked": sorted(seen.asked),
        "answered": sorted(seen.answered),
        "taken_at": _instant(seen.taken_at),
        "requests": seen.requests,
        "seconds": round(seen.seconds, 3),
    }


def report(seen: Observation, address: str, *, width: int, in_ascii_only: bool = False) -> RenderableType:
    """Who it is, what is wrong first, then what it measures, its last events, and what could not be read."""
    parts: list[RenderableType] = [_head(seen, address, in_ascii_only), Text("")]
    for title, section in (
        ("Health, worst first", _health_table(seen, width, in_ascii_only)),
        ("Sensors", _sensor_table(seen, width, in_ascii_only)),
        ("Last events", _event_table(seen, width, in_ascii_only)),
        ("Could not be read", _problem_table(seen, width, in_ascii_only, finding=False)),
        ("Worth knowing", _problem_table(seen, width, in_ascii_only, finding=True)),
    ):
        if section is not None:
            parts += [Text(title, style="bold"), section, Text("")]
    dot = "-" if in_ascii_only else "·"
    asked = f"{count(seen.requests, 'request')} in {seen.seconds:.1f} s"
    told = f"{count(len(seen.readings), 'reading')} {dot} {count(len(seen.health), 'component')}"
    parts.append(Text(f"{told} {dot} {asked}", style="dim"))
    return Group(*parts)


def _head(seen: Observation, address: str, in_ascii_only: bool) -> Text:
    identity = seen.identity or (seen.inventory.identity if seen.inventory else None) or Identity()
    mark = health(_overall(seen))
    state = power({"power": {"value": seen.power.state.value if seen.power else None}})
    asked = "a device that does not say what it is" if Aspect.INVENTORY in seen.asked else address
    name = made(identity.manufacturer, identity.model) or asked
    lines = Text.assemble(
        (plain(name), "bold"),
        "   ",
        (f"{mark.ascii if in_ascii_only else mark.glyph} {mark.word}", mark.style),
        f"   {state.ascii if in_ascii_only else state.glyph} {state.word}",
    )
    facts = (
        ("address", "" if name == address else address),
        ("host", identity.host_name),
        ("serial", identity.serial_number),
        ("asset tag", identity.asset_tag),
        ("BMC", f"{identity.bmc_model} {identity.firmware.removeprefix(identity.bmc_model).strip()}".strip()),
        ("BIOS", identity.bios_version),
        ("uuid", identity.uuid),
    )
    for label, value in facts:
        if value:
            lines.append(f"\n{label:<10}", style="dim").append(plain(value))
    return lines


def _overall(seen: Observation) -> str | None:
    """What the device says of itself as a whole; where it says nothing, the worst that its parts say."""
    if seen.overall:
        return seen.overall.health.value
    told = [found.health for found in seen.health if found.health is not Health.UNKNOWN]
    return max(told, key=lambda found: found.rank).value if told else None


def _health_table(seen: Observation, width: int, in_ascii_only: bool) -> RenderableType | None:
    """Every component that is not well, one by one; those that are well, or say nothing, counted by kind."""
    if not seen.health:
        return None
    rows = [asdict(found) | {"rank": found.health.rank} for found in seen.health if _wants_a_look(found)]
    quiet = [found for found in seen.health if not _wants_a_look(found)]
    columns = (
        Column(key="health", value=lambda row: row["health"], shown=lambda row: _mark(row["health"], in_ascii_only)),
        Column(key="component", value=lambda row: component(row["component"])),
        Column(key="state", value=lambda row: row["state"]),
        Column(key="detail", value=lambda row: row["detail"], shown=_why, flexible=True),
    )
    worst_first = sorted(rows, key=lambda row: (-row["rank"], row["component"]["kind"], row["component"]["name"]))
    parts: list[RenderableType] = (
        [table(worst_first, columns, width=width, in_ascii_only=in_ascii_only)] if rows else []
    )
    for word, remark in (("OK", ""), ("Unknown", ", which say nothing of their health")):
        if told := _by_kind([found for found in quiet if found.health.value == word and found.state != "Absent"]):
            parts.append(beside(_mark(word, in_ascii_only), Text(told + remark, style="dim")))
    if absent := _by_kind([found for found in quiet if found.state == "Absent"]):
        parts.append(Text(f"absent: {absent}", style="dim"))
    return Group(*parts)


def _by_kind(found: Sequence[ComponentHealth]) -> str:
    counted = Counter(component.component.kind for component in found)
    return ", ".join(f"{number} {plain(kind)}" for kind, number in sorted(counted.items()))


def _wants_a_look(found: ComponentHealth) -> bool:
    """Not well, or unwell to come; a component that is absent or simply says nothing is counted only."""
    if found.state == "Absent":
        return False
    if found.health.value == "Unknown":
        return bool(found.failure_predicted or found.detail)
    return found.health.value != "OK" or bool(found.failure_predicted)


def _why(row: Row) -> str:
    detail = str(row["detail"])
    predicted = "failure predicted" if row["failure_predicted"] and "failure predicted" not in detail else ""
    return plain("; ".join(part for part in (predicted, detail) if part))


def _sensor_table(seen: Observation, width: int, in_ascii_only: bool) -> RenderableType | None:
    present = [reading for reading in seen.readings if reading.value is not NoReading.ABSENT]
    absent = len(seen.readings) - len(present)
    columns = (
        Column(key="sensor", value=lambda row: row["sensor"]),
        Column(key="reading", value=lambda row: row["reading"], right=True),
        Column(key="limits", value=lambda row: row["limits"]),
        Column(key="of", value=lambda row: row["component"]),
    )
    parts: list[RenderableType] = []
    if present:
        apart = several(_pair(reading.sensor.component) for reading in present)
        rows = [_sensor_row(reading, apart) for reading in sorted(present, key=_sensor_order)]
        parts.append(table(rows, columns, width=width, in_ascii_only=in_ascii_only))
    if absent:
        parts.append(Text(f"and {count(absent, 'sensor')} of what is absent", style="dim"))
    return Group(*parts) if parts else None


def _sensor_order(reading: Reading) -> tuple[int, str, str, tuple[tuple[int, str], ...]]:
    sensor = reading.sensor
    place = _FIRST.index(sensor.type) if sensor.type in _FIRST else len(_FIRST)
    return (place, sensor.type.value, sensor.component.kind, natural(sensor.name))


def _sensor_row(reading: Reading, apart: frozenset[str]) -> dict[str, str]:
    sensor = reading.sensor
    limits = sensor.thresholds
    low = limits.lower_critical if limits.lower_critical is not None else limits.lower_caution
    high = limits.upper_critical if limits.upper_critical is not None else limits.upper_caution
    light = _is_light(sensor, (reading.number, low, high))
    say, unit = (_decibels, "dBm") if light else (_short, spoken(sensor.unit))
    quality = (
        "" if reading.quality.value == "good" else f"{reading.quality.value}: {reading.quality_reason}".rstrip(": ")
    )
    return {
        "component": "; ".join(part for part in (component(_pair(sensor.component), apart), quality) if part),
        "sensor": sensor.name,
        "reading": f"{say(reading.number)} {unit}".strip() if reading.number is not None else str(reading.reason),
        "limits": " ".join(
            f"{word} {say(limit)}" for word, limit in (("min", low), ("max", high)) if limit is not None
        ),
    }


def _is_light(sensor: Sensor, numbers: Sequence[float | None]) -> bool:
    """Is it light in the optics of a port, of which a tenth of a watt would burn them?"""
    known = [abs(number) for number in numbers if number is not None]
    return sensor.component.kind == "Port" and sensor.type is ReadingType.POWER and 0 < max(known, default=0) < 0.1


def _decibels(watts: float) -> str:
    """Against one milliwatt, as those who look after optics say it; darkness has no logarithm."""
    return f"{10 * math.log10(watts * 1000):.1f}" if watts > 0 else "dark"


def _event_table(seen: Observation, width: int, in_ascii_only: bool) -> RenderableType | None:
    records = [record for log in seen.logs for record in log.records]
    if not records:
        return None
    newest = sorted(records, key=_event_order, reverse=True)[:LAST_EVENTS]
    columns = (
        Column(key="created", value=lambda row: row["created"]),
        Column(
            key="severity", value=lambda row: row["severity"], shown=lambda row: _mark(row["severity"], in_ascii_only)
        ),
        Column(key="message", value=lambda row: row["message"], flexible=True),
    )
    rows = [
        {
            "created": _instant(record.created_at)[:19].replace("T", " ") if record.created_at else record.created_text,
            "severity": record.severity.value,
            "message": record.message,
        }
        for record in newest
    ]
    drawn = table(rows, columns, width=width, in_ascii_only=in_ascii_only)
    more = len(records) - len(newest)
    return (
        Group(drawn, Text(f"and {count(more, 'more event')}; -o json has all of them", style="dim")) if more else drawn
    )


def _event_order(record: LogRecord) -> tuple[bool, float, int]:
    at = record.created_at
    number = int(record.record_id) if record.record_id.isdigit() else 0
    return (at is not None, at.timestamp() if at else 0.0, number)


def _problem_table(seen: Observation, width: int, in_ascii_only: bool, *, finding: bool) -> RenderableType | None:
    problems = [problem for problem in seen.problems if problem.finding is finding]
    if not problems:
        return None
    columns = (
        Column(key="resource", value=lambda row: row["resource"], flexible=True),
        Column(key="reason", value=lambda row: row["reason"], flexible=True),
    )
    return table(
        [{"resource": problem.resource, "reason": problem.reason} for problem in problems],
        columns,
        width=width,
        in_ascii_only=in_ascii_only,
    )


def _mark(word: str, in_ascii_only: bool) -> Text:
    mark = health(word)
    return Text(f"{mark.ascii if in_ascii_only else mark.glyph} {mark.word}", style=mark.style)


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:.0f}"


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "component": _pair(reading.sensor.component),
        "sensor": reading.sensor.name,
        "type": reading.sensor.type.value,
        "unit": reading.sensor.unit,
        "value": reading.number,
        "reason": reading.reason,
        "quality": reading.quality.value,
        "thresholds": {name: limit for name, limit in asdict(reading.sensor.thresholds).items() if limit is not None},
        "source": reading.sensor.source,
        "taken_at": _instant(reading.taken_at),
    }


def _health(found: ComponentHealth) -> dict[str, Any]:
    return {
        "component": _pair(found.component),
        "health": found.health.value,
        "state": found.state,
        "failure_predicted": found.failure_predicted,
        "detail": found.detail,
    }


def _event(record: LogRecord, log: LogReading) -> dict[str, Any]:
    return {
        "log": log.log,
        "record_id": record.record_id,
        "severity": record.severity.value,
        "message": record.message,
        "message_id": record.message_id,
        "created_at": _instant(record.created_at) if record.created_at else None,
        "created_text": record.created_text,
        "component": _pair(record.component) if record.component else None,
    }


def _pair(component: Component) -> dict[str, str]:
    return {"kind": component.kind, "name": component.name}


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _jsonable(value: Any) -> Any:
    """Plain JSON of what a dataclass became."""
    return dict(_items(value)) if isinstance(value, dict) else _leaf(value)


def _items(mapping: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in mapping.items():
        yield str(key), _jsonable(value)


def _leaf(value: Any) -> Any:
    match value:
        case datetime():
            return _instant(value)
        case Enum():
            return value.value
        case list() | tuple() | frozenset() | set():
            return [_jsonable(entry) for entry in value]
    return value
