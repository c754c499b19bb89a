"""How far what we make of a recorded agent agrees with what another monitoring system made of the same recording.

Compared by OID: numbers of sensors, health of states, names, speeds, addresses and counters of ports, processors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fleetmon.drivers.snmp.parse.layout import Layout, lay_out
from fleetmon.drivers.snmp.parse.points import ABSENT, Verdict
from fleetmon.model import Health, Part
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
    points = {point.oid: point for point in layout.points}
    verdicts = dict(_verdicts(layout, values))
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
            ours = points[oid].reading(values, AT).number
            _compare_number(found, f"{row['sensor_class']} {row['sensor_descr']}", ours, _ours_unit(row))


def _verdicts(layout: Layout, values: Agent) -> Iterator[tuple[str, Verdict]]:
    for condition in layout.conditions:
        verdict = condition.verdict(values)
        if verdict is not None:
            yield from ((oid, verdict) for oid in condition.oids)


def _compare_state(found: Agreement, where: str, verdict: Verdict, meant: int) -> None:
    """What is absent is nobody's fault, whatever they call it."""
    if verdict.state == ABSENT or verdict.health in _WORST[meant]:
        found.count("state")
    else:
        found.differing.append(("state", where, verdict, meant))


def _ours_unit(row: Mapping[str, Any]) -> float:
    """Their number in our unit."""
    current = float(row["sensor_current"])
    match row["sensor_class"]:
        case "dbm":
            return float(10 ** (current / 10) / 1000)
        case "runtime":
            return current * 60
        case _:
            return current


def _compare_number(found: Agreement, where: str, ours: float | None, theirs: float) -> None:
    if ours is not None and abs(ours - theirs) <= max(1e-9, abs(theirs) * _CLOSE):
        found.count("number")
    else:
        found.differing.append(("number", where, ours, theirs))


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
