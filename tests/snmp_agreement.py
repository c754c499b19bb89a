"""How far what we make of a recorded agent agrees with what another monitoring system made of the same recording.

Compared by OID: numbers of sensors, health of states, names, speeds, addresses and counters of ports, processors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from fleetmon.drivers.snmp.parse.layout import Layout, lay_out
from fleetmon.drivers.snmp.parse.points import ABSENT, Point, Verdict
from fleetmon.model import Health, Part, ReadingType
from tests.snmp_captures import EXPECTED, Agent, agent, profile_of, whole

AT = datetime(2026, 1, 1, tzinfo=UTC)
_CLOSE = 0.011
"""Theirs are rounded to two or three digits."""
_WORST = {0: {Health.OK}, 1: {Health.WARNING}, 2: {Health.CRITICAL}, 3: {Health.UNKNOWN}}
_COUNTS = {
    "ifInOctets": "Octets in",
    "ifOutOctets": "Octets out",
    "ifInErrors": "Errors in",
    "ifOutErrors": "Errors out",
}


@dataclass
class Agreement:
    """What is the same and what is not, each with where and what was told."""

    same: dict[str, int] = field(default_factory=dict)
    differing: list[tuple[str, str, Any, Any]] = field(default_factory=list)
    missing: list[tuple[str, str, Any]] = field(default_factory=list)

    def count(self, kind: str) -> None:
        self.same[kind] = self.same.get(kind, 0) + 1

    def compare(self, kind: str, where: str, ours: Any, theirs: Any) -> None:
        if ours == theirs:
            self.count(kind)
        else:
            self.differing.append((kind, where, ours, theirs))

    def share(self, kind: str) -> tuple[int, int]:
        """How many are the same, of how many that they tell."""
        same = self.same.get(kind, 0)
        return same, same + sum(one[0] == kind for one in (*self.differing, *self.missing))


def devices() -> list[str]:
    """Every recording of which somebody else's reading is there."""
    return sorted(file.stem for file in EXPECTED.glob("*.json")) if EXPECTED.is_dir() else []


def agreement(name: str) -> Agreement:
    """Ours and theirs of one recording."""
    values = agent(f"{name}.snmprec")
    profile = profile_of(values)
    layout = lay_out(profile, whole(profile, values))
    theirs = json.loads((EXPECTED / f"{name}.json").read_text())
    found = Agreement()
    _sensors(found, layout, values, theirs)
    _ports(found, layout, values, theirs)
    _processors(found, layout, values, theirs)
    return found


def _rows(theirs: Mapping[str, Any], module: str, table: str) -> list[dict[str, Any]]:
    """What they had after polling; after discovery where they did not poll."""
    told = theirs.get(module) or {}
    for stage in ("poller", "discovery"):
        if isinstance(told.get(stage), dict) and told[stage].get(table):
            rows: list[dict[str, Any]] = told[stage][table]
            return rows
    return []


# ---- sensors ---------------------------------------------------------------------------------------------------------


def _sensors(found: Agreement, layout: Layout, values: Agent, theirs: Mapping[str, Any]) -> None:
    points = _by_oid(layout)
    verdicts = _verdicts(layout, values)
    generic = {
        (row["state_name"], row["state_value"]): row["state_generic_value"]
        for row in _rows(theirs, "sensors", "state_indexes")
    }
    for row in _rows(theirs, "sensors", "sensors"):
        oid, current = row["sensor_oid"].lstrip("."), row["sensor_current"]
        if row["sensor_class"] == "state":
            meant = generic.get((row["state_name"] or row["sensor_type"], current))
            if oid not in verdicts:
                found.missing.append(("state", row["sensor_descr"], current))
            elif meant is not None:
                _compare_state(found, row["sensor_descr"], verdicts[oid], meant)
        elif oid not in points:
            found.missing.append(("number", row["sensor_descr"], current))
        elif current is not None:
            _compare_number(found, f"{row['sensor_class']} {row['sensor_descr']}", points[oid], values, row)


def _by_oid(layout: Layout) -> dict[str, list[Point]]:
    """The points of each OID: of one row of a column, and of the sum that begins with it."""
    found: dict[str, list[Point]] = {}
    for point in layout.points:
        found.setdefault(point.oid, []).append(point)
    return found


def _verdicts(layout: Layout, values: Agent) -> dict[str, Verdict]:
    """The worst that is made of the value of each OID; that its component is absent outweighs it."""
    told: dict[str, list[Verdict]] = {}
    gone = {one.component for one in layout.conditions if (said := one.verdict(values)) and said.state == ABSENT}
    for condition in layout.conditions:
        verdict = condition.verdict(values)
        if verdict is not None:
            absent = replace(verdict, state=ABSENT) if condition.component in gone else verdict
            for oid in condition.oids:
                told.setdefault(oid, []).append(absent)
    return {oid: max(verdicts, key=lambda verdict: verdict.health.rank) for oid, verdicts in told.items()}


def _compare_state(found: Agreement, where: str, verdict: Verdict, meant: int) -> None:
    """What is absent is nobody's fault, whatever they call it."""
    if verdict.state == ABSENT or verdict.health in _WORST[meant]:
        found.count("state")
    else:
        found.differing.append(("state", where, verdict, meant))


def _ours_unit(row: Mapping[str, Any], type_: ReadingType) -> float:
    """Their number in our unit."""
    current = float(row["sensor_current"])
    match row["sensor_class"]:
        case "dbm":
            return float(10 ** (current / 10) / 1000)
        case "power_consumed" if type_ is ReadingType.ENERGY_WH:
            return current * 1000
        case _:
            return current


def _compare_number(
    found: Agreement, where: str, points: Iterable[Point], values: Agent, row: Mapping[str, Any]
) -> None:
    pairs = [(point.reading(values, AT).number, _ours_unit(row, point.sensor.type)) for point in points]
    if any(ours is not None and abs(ours - theirs) <= max(1e-9, abs(theirs) * _CLOSE) for ours, theirs in pairs):
        found.count("number")
    else:
        found.differing.append(("number", where, *pairs[0]))


# ---- ports and processors --------------------------------------------------------------------------------------------


def _ports(found: Agreement, layout: Layout, values: Agent, theirs: Mapping[str, Any]) -> None:
    counters = {point.sensor.key[:3]: point for point in layout.points if point.sensor.type.value == "Counter"}
    for row in _rows(theirs, "ports", "ports"):
        port = layout.port_components.get(row["ifIndex"])
        if port is None:
            continue  # a VLAN, a tunnel, a loopback
        part = layout.parts[port]
        found.compare("name", f"port {row['ifIndex']}", _is_named(port.name, row), True)
        if row.get("ifSpeed"):
            found.compare("speed", port.name, part.properties.get("speed_mbps", 0), row["ifSpeed"] // 1_000_000)
        if (row.get("ifPhysAddress") or "").strip("0"):
            found.compare("address", port.name, _digits(part), row["ifPhysAddress"].lower())
        for theirs_name, name in _COUNTS.items():
            point = counters.get((port.kind, port.name, name))
            if point is not None and row.get(theirs_name) is not None:
                found.compare("counter", f"{port.name} {name}", point.reading(values, AT).value, row[theirs_name])


def _is_named(name: str, row: Mapping[str, Any]) -> bool:
    told = {" ".join((row[column] or "").split()) for column in ("ifName", "ifDescr")}
    return name in told or name.partition(" (")[0] in told


def _digits(part: Part) -> str:
    return str(part.properties.get("mac_address", "")).replace(":", "")


def _processors(found: Agreement, layout: Layout, values: Agent, theirs: Mapping[str, Any]) -> None:
    points = {point.oid: point for point in layout.points}
    for row in _rows(theirs, "processors", "processors"):
        oid = row["processor_oid"].lstrip(".")
        if oid not in points:
            found.missing.append(("processor", row["processor_descr"], row["processor_usage"]))
            continue
        ours = points[oid].reading(values, AT).number
        if ours is not None and abs(ours - row["processor_usage"]) <= 1:
            found.count("processor")
        else:
            found.differing.append(("processor", row["processor_descr"], ours, row["processor_usage"]))
