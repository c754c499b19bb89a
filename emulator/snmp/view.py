"""What an agent has to tell: objects in the order of their identifiers, from a list or from the state of a machine."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from emulator.snmp.ber import OBJECT_ID, Oid, arcs_in_bytes, tagged, tail_in_bytes


class Row(NamedTuple):
    """One object: its identifier, and how identifier and value go over the wire."""

    oid: Oid
    name: bytes
    value: bytes


class View(Protocol):
    """Objects that can be asked for, and walked."""

    def at(self, oid: Oid) -> Row | None:
        """The object itself; None where there is none."""

    def after(self, oid: Oid) -> Row | None:
        """The first one behind; None at the end."""

    def knows(self, oid: Oid) -> bool:
        """Whether something of the kind exists, if not this instance."""


class Listed:
    """Objects as they were once written down."""

    def __init__(self, values: Mapping[Oid, bytes]) -> None:
        self._oids = sorted(values)
        self._values = [values[oid] for oid in self._oids]

    def __len__(self) -> int:
        return len(self._oids)

    def at(self, oid: Oid) -> Row | None:
        index = bisect_left(self._oids, oid)
        return self._row(index) if index < len(self._oids) and self._oids[index] == oid else None

    def after(self, oid: Oid) -> Row | None:
        index = bisect_right(self._oids, oid)
        return self._row(index) if index < len(self._oids) else None

    def knows(self, oid: Oid) -> bool:
        row = self.after(oid[:-1])
        return row is not None and row.oid[: len(oid) - 1] == oid[:-1]

    def _row(self, index: int) -> Row:
        oid = self._oids[index]
        return Row(oid, tagged(OBJECT_ID, arcs_in_bytes(oid)), self._values[index])


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a table, or scalars of a group: what each tells of a row, as it goes over the wire."""

    entry: Oid
    columns: Mapping[int, Callable[[Any], bytes | None]]
    """None where this row has no such instance."""


@dataclass(slots=True)
class Shown:
    """A table with the rows that it has just now."""

    table: Table
    rows: Mapping[Oid, Any]


class _Column(NamedTuple):
    oid: Oid
    prefix: bytes
    order: list[Oid]
    rows: Mapping[Oid, Any]
    tell: Callable[[Any], bytes | None]


class Living:
    """Objects computed when they are asked for; only which rows there are is kept."""

    def __init__(self, shown: Iterable[Shown]) -> None:
        columns = []
        for one in shown:
            order = sorted(one.rows)
            for number, tell in one.table.columns.items():
                oid = (*one.table.entry, number)
                columns.append(_Column(oid, arcs_in_bytes(oid), order, one.rows, tell))
        self._columns = sorted(columns, key=lambda column: column.oid)
        self._oids = [column.oid for column in self._columns]

    def at(self, oid: Oid) -> Row | None:
        column = self._column(oid)
        if column is None:
            return None
        index = oid[len(column.oid) :]
        row = column.rows.get(index)
        value = None if row is None else column.tell(row)
        return None if value is None else _told(column, index, value)

    def after(self, oid: Oid) -> Row | None:
        position = max(bisect_right(self._oids, oid) - 1, 0)
        for column in self._columns[position:]:
            if column.oid > oid:
                start = 0
            elif column.oid == oid[: len(column.oid)]:
                start = bisect_right(column.order, oid[len(column.oid) :])
            else:
                continue
            for index in column.order[start:]:
                value = column.tell(column.rows[index])
                if value is not None:
                    return _told(column, index, value)
        return None

    def knows(self, oid: Oid) -> bool:
        return self._column(oid) is not None

    def _column(self, oid: Oid) -> _Column | None:
        """The column that an identifier lies in."""
        position = bisect_right(self._oids, oid) - 1
        if position < 0:
            return None
        column = self._columns[position]
        return column if oid[: len(column.oid)] == column.oid else None


def _told(column: _Column, index: Oid, value: bytes) -> Row:
    name = tagged(OBJECT_ID, column.prefix + tail_in_bytes(index))
    return Row((*column.oid, *index), name, value)
