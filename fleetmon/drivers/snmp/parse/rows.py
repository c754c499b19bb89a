"""The tables of a profile: each row a component, its columns readings, states and what it is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from fleetmon.drivers.snmp.family import INSTANCE, Join, Raw, ReadingColumn, Table, Words
from fleetmon.drivers.snmp.parse.points import (
    ABSENT,
    PLAIN,
    UNITS,
    Condition,
    Draft,
    Point,
    Terms,
    Verdict,
    scaled,
    told_apart,
)
from fleetmon.drivers.snmp.parse.rules import sound
from fleetmon.drivers.snmp.values import Value, arcs, integer, named, number, text
from fleetmon.model import DEVICE, Component, Health, NoReading, Part, Scalar, Sensor, Thresholds

_MOST_PLACES = 12
_BLANK = re.compile(r"\{([^{}]+)\}")


class Row:
    """One row of a table, its columns by the names the profile gives them."""

    def __init__(self, table: Table, draft: Draft, index: str) -> None:
        self.table = table
        self.index = index
        self._draft = draft

    def oid(self, name: str) -> str:
        """The full OID of a column in this row."""
        if name in self.table.columns:
            return f"{_bare(self.table.columns[name])}.{self.index}"
        join = self.table.joins[name]
        return f"{_bare(join.column)}.{self._key(join)}"

    def value(self, name: str) -> Value | None:
        """What stands in a column, or in an arc of the index: `{-1}`."""
        if name in self.table.columns:
            return self._draft.column(_bare(self.table.columns[name])).get(self.index)
        if name in self.table.joins:
            join = self.table.joins[name]
            return self._draft.column(_bare(join.column)).get(self._key(join))
        return self._arc(name.strip("{}"))

    def number(self, place: int, more: int) -> int:
        """An arc of the index by its place from 1, from the end below 0, and what is added to it; -1 without such."""
        arc = self._arc(str(place))
        return -1 if not isinstance(arc, int) else arc + more

    def told(self, called: str) -> str:
        """The template with its blanks filled."""
        return " ".join(_BLANK.sub(self._blank, called).split())

    def among(self, chosen: Mapping[str, frozenset[Raw]]) -> bool:
        """Is each of these columns one of its values?"""
        return all(raw_of(self.value(name)) in raws for name, raws in chosen.items())

    def outside(self, chosen: Mapping[str, frozenset[Raw]]) -> bool:
        """Is none of these columns one of its values?"""
        return not any(raw_of(self.value(name)) in raws for name, raws in chosen.items())

    def alike(self, patterns: Mapping[str, re.Pattern[str]]) -> bool:
        """Does the text of each of these columns match?"""
        return all(pattern.search(text(self.value(name))) for name, pattern in patterns.items())

    def _key(self, join: Join) -> str:
        if join.column.endswith(INSTANCE):
            return "0"
        if "{" in join.by:
            return self.told(join.by)
        if join.by:
            return text(self.value(join.by))
        return ".".join(self.index.split(".")[: join.arcs]) if join.arcs else self.index

    def _blank(self, found: re.Match[str]) -> str:
        return next(filter(None, (self._filled(name.strip()) for name in found[1].split("|"))), "")

    def _filled(self, name: str) -> str:
        words = self.table.names.get(name) or self.table.names.get(f"{{{name}}}")
        value = self.value(name) if name in self.table.columns or name in self.table.joins else self._arc(name)
        if words and (word := words.get(raw_of(value))) is not None:
            return word
        return named(value) if isinstance(value, bytes) else text(value)

    def _arc(self, name: str) -> Value | None:
        """An arc of the index by its place from 1, from the end below 0; `index` all of it, `text` its letters."""
        if name == "index":
            return self.index
        if name == "text":
            letters = arcs(self.index)
            return "".join(chr(arc) for arc in letters[1:] if 31 < arc < 127)
        try:
            place = int(name)
            return arcs(self.index)[place - 1 if place > 0 else place]
        except (ValueError, IndexError):
            return None


def raw_of(value: Value | None) -> Raw:
    """A value as a profile spells it: a number where it is one, else text in lower case."""
    if isinstance(value, int):
        return value
    told = text(value).strip().lower()
    return int(told) if re.fullmatch(r"-?\d{1,18}", told) else told


def _bare(oid: str) -> str:
    """The column of an OID: of a scalar's without its instance."""
    return oid.removesuffix(INSTANCE)


def draw(table: Table, draft: Draft) -> None:
    """Each row of the table that counts, as a component."""
    if table.unless and any(number(value) != -1 for value in draft.column(_bare(table.unless)).values()):
        return
    rows = [Row(table, draft, index) for index in _indices(table, draft)]
    rows = [row for row in rows if row.among(table.only) and row.outside(table.skip) and row.alike(table.like)]
    for row, component in _components(rows, table, draft):
        _draw_row(row, component, draft)
    for reading in table.readings:
        if reading.sum:
            _draw_sum(rows, reading, draft)


def _indices(table: Table, draft: Draft) -> list[str]:
    found: dict[str, None] = {}
    for oid in table.columns.values():
        found.update(dict.fromkeys(draft.column(_bare(oid))))
    return sorted(found, key=arcs)


def _components(rows: list[Row], table: Table, draft: Draft) -> Iterator[tuple[Row, Component]]:
    match table.of:
        case "device":
            yield from ((row, DEVICE) for row in rows)
        case "port" | "entity":
            known = draft.ports if table.of == "port" else draft.entities
            for row in rows:
                component = known.get(row.number(*table.at))
                if component is None and table.component:
                    component = Component(table.component, row.told(table.called) or row.index)
                if component is not None:
                    yield row, component
        case _ if "{" not in table.called:
            yield from ((row, Component(table.component, table.called)) for row in rows)
        case _:
            names = told_apart((row.told(table.called), row.index) for row in rows)
            yield from ((row, Component(table.component, name)) for row, name in zip(rows, names, strict=True))


def _draw_row(row: Row, component: Component, draft: Draft) -> None:
    table = row.table
    gone = bool(table.absent) and any(raw_of(row.value(name)) in raws for name, raws in table.absent.items())
    for name, raws in table.absent.items():
        if row.value(name) is None:
            continue
        draft.conditions.append(Condition(component=component, oids=(row.oid(name),), judge=partial(_absent, raws)))
    for reading in table.readings:
        if not reading.sum and _measures(row, reading):
            draft.measure(_point(row, component, reading, gone=gone), apart=row.index)
    for state in table.states:
        if row.value(state.column) is not None:
            draft.conditions.append(
                Condition(
                    component=component,
                    oids=(row.oid(state.column),),
                    judge=partial(_said, state.words, state.predicts),
                    name=row.told(state.name),
                    watched=state.watched,
                )
            )
    if table.part is not None and not gone:
        draft.describe(_part(row, component, table.part))


def _measures(row: Row, reading: ReadingColumn) -> bool:
    """Has the row this sensor at all?"""
    value = row.value(reading.value)
    if isinstance(value, bytes) and not named(value):
        return False
    if reading.pattern is not None and not reading.pattern.search(text(value)):
        return False
    return value is not None and number(value) not in reading.never and row.among(reading.when)


def _draw_sum(rows: Iterable[Row], reading: ReadingColumn, draft: Draft) -> None:
    """One point of the device for a column of many rows, unless the device tells the whole by itself."""
    told = [row for row in rows if _measures(row, reading) and number(row.value(reading.value)) not in reading.none]
    if not told:
        return
    point = _point(told[0], DEVICE, reading, gone=False)
    if point.sensor.key in draft.points:
        return
    if len(told) > 1:
        terms = replace(point.terms, added=tuple((row.oid(reading.value), 1) for row in told[1:]), whole=True)
        point = replace(point, terms=terms)
    draft.measure(point)


# ---- readings --------------------------------------------------------------------------------------------------------


def _point(row: Row, component: Component, reading: ReadingColumn, *, gone: bool) -> Point:
    oid = row.oid(reading.value)
    scale = reading.scale * 10.0 ** -_places(row, reading.power) if reading.power else reading.scale
    whole = reading.of or reading.beside
    terms = Terms(
        none=reading.none | reading.never,
        added=tuple((row.oid(name), sign) for names, sign in ((reading.plus, 1), (reading.less, -1)) for name in names),
        of=(row.oid(whole), float(number(row.value(whole)) or 0)) if whole else None,
        beside=bool(reading.beside),
        rest=reading.rest,
        pattern=reading.pattern,
        signed=reading.signed,
        unit=reading.unit,
        void=NoReading.ABSENT if gone else None,
    )
    point = Point(
        Sensor(
            component=component,
            name=row.told(reading.name) or reading.type.value,
            type=reading.type,
            source=oid,
            physical_context=reading.context,
        ),
        oid,
        scale,
        reading.offset,
        PLAIN if terms == PLAIN else terms,
    )
    limits = _limits(row, reading, point)
    if not limits:
        return point
    sensor = Sensor(
        component=component,
        name=point.sensor.name,
        type=reading.type,
        source=oid,
        physical_context=reading.context,
        thresholds=limits,
    )
    return Point(sensor, oid, point.scale, point.offset, point.terms)


def _places(row: Row, power: str) -> int:
    """Decimal places as the device tells them; none where it tells what cannot be."""
    places = integer(row.value(power)) or 0
    return places if abs(places) <= _MOST_PLACES else 0


def _limits(row: Row, reading: ReadingColumn, point: Point) -> Thresholds:
    """The thresholds that the device tells, or that the profile knows; each as the value is told."""
    told = {name: _limit(row, limit, reading, point) for name, limit in reading.limits.items()}
    return sound(Thresholds(**told))


def _limit(row: Row, limit: str | float, reading: ReadingColumn, point: Point) -> float | None:
    if not isinstance(limit, str):
        return float(limit)
    raw = number(row.value(limit))
    if raw is None or raw in reading.none or raw in reading.never:
        return None
    if reading.limit_scale is not None:
        value = scaled(raw, reading.limit_scale)
    else:
        value = scaled(raw, point.scale) + point.offset
    return UNITS[reading.unit](value) if reading.unit else value


# ---- states ----------------------------------------------------------------------------------------------------------


def _said(words: Words, predicts: frozenset[Raw], told: tuple[Value | None, ...]) -> Verdict | None:
    (value,) = told
    if words.bits:
        return _worst(words.words[bit] for bit in _bits(value) if bit in words.words) or words.words.get(
            -1, Verdict(Health.OK)
        )
    verdict = words.words.get(raw_of(value), words.other)
    return replace(verdict, predicted=raw_of(value) in predicts) if predicts else verdict


def _absent(raws: frozenset[Raw], told: tuple[Value | None, ...]) -> Verdict | None:
    return Verdict(Health.OK, ABSENT) if raw_of(told[0]) in raws else None


def _worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    return max(verdicts, key=lambda verdict: verdict.health.rank, default=None)


def _bits(value: Value | None) -> list[int]:
    """The bits that are set: of octets from the highest of the first (RFC 2578), of a number from the lowest."""
    if isinstance(value, int):
        return [bit for bit in range(value.bit_length()) if value >> bit & 1]
    octets = value if isinstance(value, bytes) else b""
    return [8 * at + bit for at, octet in enumerate(octets) for bit in range(8) if octet & 0x80 >> bit]


# ---- parts -----------------------------------------------------------------------------------------------------------

_FACTS = ("manufacturer", "model", "serial_number", "part_number", "firmware")


def _part(row: Row, component: Component, told: Mapping[str, str]) -> Part:
    facts = {name: _fact(row, told[name]) for name in _FACTS if name in told}
    properties: dict[str, Scalar] = {
        name.removeprefix("properties."): value
        for name, column in told.items()
        if name.startswith("properties.") and (value := _scalar(row, column)) not in ("", None)
    }
    capacity = number(row.value(told["capacity_bytes"])) if "capacity_bytes" in told else None
    return Part(
        component=component,
        slot=_fact(row, told["slot"]) if "slot" in told else component.name,
        source=f"{_bare(next(iter(row.table.columns.values())))}.{row.index}",
        capacity_bytes=None if capacity is None else int(capacity),
        properties=properties,
        **facts,
    )


def _fact(row: Row, column: str) -> str:
    return column[1:] if column.startswith("=") else named(row.value(column))


def _scalar(row: Row, column: str) -> Scalar:
    if column.startswith("="):
        return column[1:]
    value = row.value(column)
    words = row.table.names.get(column)
    if words and (word := words.get(raw_of(value))) is not None:
        return word
    return value if isinstance(value, int) else named(value)
