"""Sensors that are entities: ENTITY-SENSOR-MIB (RFC 3433), and the tables made after it before it was a standard."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from fleetmon.drivers.snmp.parse.entity import Tree
from fleetmon.drivers.snmp.parse.points import UNITS, Condition, Draft, Gate, Point, Terms, Verdict, scaled
from fleetmon.drivers.snmp.parse.rules import sound
from fleetmon.drivers.snmp.values import Value, arcs, integer, text
from fleetmon.model import Component, Health, NoReading, ReadingType, Sensor, Thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where a table of sensors tells what."""

    type: str
    scale: str
    precision: str
    value: str
    status: str
    display: str = ""
    severities: str = ""
    """Of the thresholds, one row each: severity, relation, value."""
    relations: str = ""
    limits: str = ""
    beside: tuple[str, str, str, str] = ("", "", "", "")
    """Of thresholds beside the value: lower critical, lower caution, upper caution, upper critical."""

    @property
    def oids(self) -> tuple[str, ...]:
        everything = (
            self.type, self.scale, self.precision, self.value, self.status, self.display,
            self.severities, self.relations, self.limits, *self.beside,
        )  # fmt: skip
        return tuple(oid for oid in everything if oid)


_STANDARD = "1.3.6.1.2.1.99.1.1.1."
_CISCO = "1.3.6.1.4.1.9.9.91.1."
_ARISTA = "1.3.6.1.4.1.30065.3.12.1.1.1."
STANDARD = Columns(
    type=_STANDARD + "1", scale=_STANDARD + "2", precision=_STANDARD + "3", value=_STANDARD + "4",
    status=_STANDARD + "5", display=_STANDARD + "6",
)  # fmt: skip
CISCO = Columns(
    type=_CISCO + "1.1.1.1", scale=_CISCO + "1.1.1.2", precision=_CISCO + "1.1.1.3", value=_CISCO + "1.1.1.4",
    status=_CISCO + "1.1.1.5",
    severities=_CISCO + "2.1.1.2", relations=_CISCO + "2.1.1.3", limits=_CISCO + "2.1.1.4",
)  # fmt: skip
"""CISCO-ENTITY-SENSOR-MIB."""
ARISTA = Columns(
    type=_STANDARD + "1", scale=_STANDARD + "2", precision=_STANDARD + "3", value=_STANDARD + "4",
    status=_STANDARD + "5", display=_STANDARD + "6",
    beside=(_ARISTA + "2", _ARISTA + "1", _ARISTA + "3", _ARISTA + "4"),
)  # fmt: skip
"""The standard's table with the thresholds of ARISTA-ENTITY-SENSOR-MIB."""

_TYPES: Mapping[int, ReadingType] = {
    3: ReadingType.VOLTAGE,
    4: ReadingType.VOLTAGE,
    5: ReadingType.CURRENT,
    6: ReadingType.POWER,
    7: ReadingType.FREQUENCY,
    8: ReadingType.TEMPERATURE,
    9: ReadingType.HUMIDITY,
    10: ReadingType.ROTATIONAL,
    11: ReadingType.AIR_FLOW_CMM,
    14: ReadingType.POWER,
}
"""EntitySensorDataType; 14, dBm, is CISCO-ENTITY-SENSOR-MIB's and is found elsewhere too."""
_UNKNOWN, _WATTS, _TRUTH, _DBM, _UNITS = 2, 6, 12, 14, 9
_BY_UNITS = (
    (r"celsius|^°?c$", 8), (r"^rpm$|revolutions", 10), (r"^dbm$", 14), (r"^watts?$|^w$", 6),
    (r"^volts?\b|^v$", 4), (r"^amp|^a$", 5), (r"^hertz$|^hz$", 7),
)  # fmt: skip
"""entPhySensorUnitsDisplay."""
_OK_WHEN_TRUE = re.compile(r"\bok\b\W*1", re.IGNORECASE)
_GATE = {2: NoReading.ABSENT, 3: NoReading.FAULTY}
"""EntitySensorStatus: unavailable, nonoperational."""
_UNSET = 10**9
"""What stands for no threshold: the ends of the range of EntitySensorValue."""
CHASSIS = Component("Chassis", "Chassis")
"""Whom a sensor speaks of that hangs in no tree."""


def draw_either(draft: Draft) -> None:
    """The sensors of the older table, or the standard's where an agent has that alone."""
    draw(draft, CISCO if draft.column(CISCO.value) else STANDARD)


def draw(draft: Draft, columns: Columns) -> None:
    """Each sensor of the table, on the component that holds it."""
    tree = Tree(draft)
    for index in sorted(draft.column(columns.value), key=arcs):
        component, name = _of_whom(draft, tree, index)
        kind = _type(draft, columns, index, name)
        if kind == _TRUTH:
            _draw_truth(draft, columns, index, component, name)
        elif kind in _TYPES:
            draft.measure(_point(draft, columns, index, component, name, kind), apart=index)
            if component.kind in ("Fan", "PowerSupply"):
                judge = partial(_judge_status, name)
                oids = (f"{columns.status}.{index}",)
                draft.conditions.append(Condition(component=component, oids=oids, judge=judge))


def _of_whom(draft: Draft, tree: Tree, index: str) -> tuple[Component, str]:
    """The component a sensor speaks of, and its name there."""
    entity = arcs(index)[0]
    title = tree.title(entity) or f"Sensor {index}"
    named = tree.port_named_in(title)
    if named is not None:
        return named
    own = draft.entities.get(entity)
    holder = own or next((draft.entities[above] for above in tree.above(entity) if above in draft.entities), None)
    return holder or _outermost(draft), title


def _outermost(draft: Draft) -> Component:
    return next((one for one in draft.entities.values() if one.kind == "Chassis"), CHASSIS)


def _type(draft: Draft, columns: Columns, index: str, name: str) -> int:
    """EntitySensorDataType; where an agent tells "other" or "unknown", what its units or the name let no doubt of."""
    kind = integer(draft.column(columns.type).get(index)) or 0
    if kind > _UNKNOWN:
        return kind
    display = text(draft.column(columns.display).get(index)) if columns.display else ""
    said = (of for pattern, of in _BY_UNITS if re.search(pattern, display, re.IGNORECASE))
    return next(said, 10 if re.search(r"\brpm\b|tachomet", name, re.IGNORECASE) else kind)


def _point(draft: Draft, columns: Columns, index: str, component: Component, name: str, raw_type: int) -> Point:
    display = text(draft.column(columns.display).get(index)) if columns.display else ""
    kind, factor = _kind(raw_type, display, name)
    scale = factor * _factor(draft, columns, index)
    oid = f"{columns.value}.{index}"
    unit = "dBm" if raw_type == _DBM or (raw_type == _WATTS and display.lower() == "dbm") else ""
    status = f"{columns.status}.{index}"
    gate = Gate(oid=status, value=draft.column(columns.status).get(index), reasons=_GATE)
    sensor = Sensor(
        component=component,
        name=name,
        type=kind,
        source=oid,
        physical_context=_context(name, kind),
        thresholds=_thresholds(draft, columns, index, scale, unit),
    )
    return Point(sensor, oid, scale, terms=Terms(unit=unit, gate=gate))


def _kind(raw_type: int, display: str, name: str) -> tuple[ReadingType, float]:
    """What is measured: the display unit corrects agents that tell a share as revolutions or as humidity."""
    if raw_type in (9, 10) and "%" in display and not re.search(r"humid|rh\b", f"{display} {name}", re.IGNORECASE):
        return ReadingType.PERCENT, 1.0
    return _TYPES[raw_type], 1.0


def _factor(draft: Draft, columns: Columns, index: str) -> float:
    """EntitySensorDataScale (powers of a thousand, 9 is one) and EntitySensorPrecision (decimal places)."""
    scale = integer(draft.column(columns.scale).get(index)) or _UNITS
    precision = integer(draft.column(columns.precision).get(index)) or 0
    places = 3 * (scale - _UNITS) - precision if 1 <= scale <= 17 and -8 <= precision <= 9 else 0
    return float(10**places) if places >= 0 else 1.0 / 10**-places


def _context(name: str, kind: ReadingType) -> str:
    if kind is not ReadingType.TEMPERATURE:
        return ""
    for pattern, context in (
        (r"inlet|intake|ambient|front[- ]?(?:panel|plate)", "Intake"),
        (r"exhaust|outlet|rear temp", "Exhaust"),
        (r"\bcpu\b", "CPU"),
    ):
        if re.search(pattern, name, re.IGNORECASE):
            return context
    return ""


# ---- thresholds ------------------------------------------------------------------------------------------------------

_BESIDE = ("lower_critical", "lower_caution", "upper_caution", "upper_critical")
_SEVERITIES = {10: "caution", 20: "critical", 30: "fatal"}
"""CISCO-ENTITY-SENSOR-MIB: minor, major, critical."""
_SIDES = {1: "lower", 2: "lower", 3: "upper", 4: "upper"}


def _thresholds(draft: Draft, columns: Columns, index: str, scale: float, unit: str) -> Thresholds:
    told: dict[str, float] = {}
    for name, oid in zip(_BESIDE, columns.beside, strict=True):
        if oid and (raw := integer(draft.column(oid).get(index))) is not None and abs(raw) < _UNSET:
            told[name] = raw
    told.update(_listed(draft, columns, index))
    values = {name: scaled(raw, scale) for name, raw in told.items()}
    return sound(Thresholds(**({name: UNITS[unit](raw) for name, raw in values.items()} if unit else values)))


def _listed(draft: Draft, columns: Columns, index: str) -> dict[str, float]:
    """Thresholds that are rows: of two of one severity and side, the one that is crossed first."""
    if not columns.limits:
        return {}
    found: dict[str, float] = {}
    for row, value in _rows_of(draft, columns.limits, index):
        severity = _SEVERITIES.get(integer(draft.column(columns.severities).get(row)) or 0)
        side = _SIDES.get(integer(draft.column(columns.relations).get(row)) or 0)
        raw = integer(value)
        if severity is None or side is None or raw is None or abs(raw) >= _UNSET:
            continue
        name = f"{side}_{severity}"
        nearer = min if side == "upper" else max
        found[name] = nearer(found.get(name, raw), raw)
    return found


def _rows_of(draft: Draft, column: str, index: str) -> list[tuple[str, Value]]:
    """The rows of a column whose index begins with the sensor's; there are few per sensor, numbered from 1."""
    values = draft.column(column)
    found = [(f"{index}.{number}", values.get(f"{index}.{number}")) for number in range(33)]
    return [(row, value) for row, value in found if value is not None]


# ---- states ----------------------------------------------------------------------------------------------------------


def _judge_status(name: str, told: tuple[Value | None, ...]) -> Verdict | None:
    match integer(told[0]):
        case 1:
            return Verdict(Health.OK)
        case 3:
            return Verdict(Health.WARNING, "Enabled", f"the sensor {name} does not work")
        case _:
            return None


def _draw_truth(draft: Draft, columns: Columns, index: str, component: Component, name: str) -> None:
    """A sensor that says yes or no is a state where its unit says what yes means."""
    display = text(draft.column(columns.display).get(index)) if columns.display else ""
    if _OK_WHEN_TRUE.search(display):
        own = Component("Sensor", name) if component.kind == "Chassis" else component
        judge = partial(_judge_truth, name)
        draft.conditions.append(Condition(component=own, oids=(f"{columns.value}.{index}",), judge=judge))


def _judge_truth(name: str, told: tuple[Value | None, ...]) -> Verdict | None:
    match integer(told[0]):
        case 1:
            return Verdict(Health.OK)
        case 2:
            return Verdict(Health.CRITICAL, "Enabled", f"{name} is not OK")
        case _:
            return None
