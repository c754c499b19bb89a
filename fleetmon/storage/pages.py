"""A page of raw readings: the rows of one layout over an hour or a day, as columns that share their instants.

What comes out is what went in, bit for bit: doubles, NaN where there is none, and every exception (reason, quality,
age). Columns lie in groups, each one compressed frame, so that one sensor is read without its page's every other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fleetmon.errors import Damaged
from fleetmon.storage.codec import (
    Doubles,
    Ints,
    Packed,
    PackedNumbers,
    Scaled,
    compressed,
    expanded,
    pack_ints,
    pack_scaled,
    scaled,
    unpacked,
    unscaled_all,
)
from fleetmon.storage.packing import EXCEPTION, REST

VERSION = 1
GROUP = 128
"""Columns of one frame."""
HOUR_LEVEL, DAY_LEVEL = 3, 14
"""How hard zstd tries: an hour's page lives for a day, a day's page as long as readings are kept."""
OLDEST = 1e11
"""Seconds; no age is longer, whatever a damaged row says."""
_HEAD = struct.Struct("<BHH")
_FRAME = struct.Struct("<I")
_EXCEPTION = np.dtype([("place", "<u2"), ("code", "u1"), ("age", "<i4")])
"""As `packing` lays them; the age is kept as the bits of its float."""


# ---- frames in a body -----------------------------------------------------------------------------------------------


def body_of(instants: Ints, columns: int, group: int, level: int, frames: Iterable[bytes]) -> bytes:
    """A page's body: a short head, then each frame behind its length; the first repeats the head and has instants."""
    head = _HEAD.pack(VERSION, columns, group)
    first = compressed(head + pack_ints(instants[:, None]), level)
    return head + b"".join(part for frame in (first, *frames) for part in (_FRAME.pack(len(frame)), frame))


@dataclass(frozen=True, slots=True)
class Body:
    """A page, opened: where its instants and the frames of its groups of columns lie."""

    columns: int
    group: int
    packed: Packed
    """The instants of its rows, in milliseconds; of rollups the numbers of their steps."""
    _content: bytes
    _frames: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, content: bytes) -> Body:
        """The page with this body; raises Damaged where it is damaged, or none of ours."""
        frames: list[tuple[int, int]] = []
        at = _HEAD.size
        while at + _FRAME.size <= len(content):
            (size,) = _FRAME.unpack_from(content, at)
            frames.append((at + _FRAME.size, at + _FRAME.size + size))
            at += _FRAME.size + size
        if at != len(content) or not frames or content[0] != VERSION:
            raise Damaged("a page of history is not readable", cure="restore a backup")
        first = expanded(content[slice(*frames[0])])
        if first[: _HEAD.size] != content[: _HEAD.size]:
            raise Damaged("a page of history is damaged: its head", cure="restore a backup")
        _, columns, group = _HEAD.unpack_from(content)
        return cls(columns, group, Packed.at(first, _HEAD.size), content, tuple(frames[1:]))

    def frame(self, number: int) -> bytes:
        """One group of columns, expanded; raises Damaged where it is damaged."""
        return expanded(self._content[slice(*self._frames[number])])


@dataclass(frozen=True, slots=True)
class Opened:
    """One group of columns of a page, expanded."""

    body: Body
    frame: bytes

    @classmethod
    def of(cls, content: bytes, group: int) -> Opened:
        """A group of the page with this body; raises Damaged where it is damaged."""
        body = Body.of(content)
        return cls(body, body.frame(group))


def groups_of(columns: int, group: int) -> list[slice]:
    """The columns of each group."""
    return [slice(start, min(start + group, columns)) for start in range(0, columns, group)]


# ---- raw readings ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exceptions:
    """What is particular, flat: at which row and place, its code, the bits of its age."""

    row: Ints
    place: Ints
    code: Ints
    age: Ints

    def among(self, chosen: NDArray[Any]) -> Exceptions:
        """Those chosen, by a mask or by their numbers."""
        return Exceptions(self.row[chosen], self.place[chosen], self.code[chosen], self.age[chosen])

    def ordered(self) -> Exceptions:
        """Column by column, as they compress best: what a whole report has in common repeats."""
        return self.among(np.lexsort((self.row, self.place)))


class Source(Protocol):
    """Rows of a layout at ascending instants, read one group of columns at a time, so that none is too many."""

    @property
    def instants(self) -> Ints:
        """Milliseconds."""
        ...

    @property
    def columns(self) -> int:
        """How many sensors a row has."""
        ...

    def group(self, number: int) -> tuple[Doubles, Exceptions]:
        """The numbers of a group of columns, rows by columns, and its exceptions; places are those of the layout."""
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """Rows at hand: a matrix of numbers and the exceptions."""

    instants: Ints
    numbers: Doubles
    exceptions: Exceptions

    @property
    def columns(self) -> int:
        return int(self.numbers.shape[1])

    def group(self, number: int) -> tuple[Doubles, Exceptions]:
        place = self.exceptions.place
        return self.numbers[:, _columns(number)], self.exceptions.among(place // GROUP == number)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in a page."""

    body: Body

    @classmethod
    def of(cls, content: bytes) -> Page:
        """The page with this body; raises Damaged where it is damaged."""
        return cls(Body.of(content))

    @property
    def instants(self) -> Ints:
        return self.body.packed.column(0)

    @property
    def columns(self) -> int:
        return self.body.columns

    def group(self, number: int) -> tuple[Doubles, Exceptions]:
        numbers, flat = _group(Opened(self.body, self.body.frame(number)), number)
        return numbers.columns(), flat


class Joined:
    """The rows of several sources in the order of their instants; of two at one instant that of the earlier source."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        every = np.concatenate([source.instants for source in sources])
        self.instants, self._kept = np.unique(every, return_index=True)
        self._row = np.full(len(every), -1)
        self._row[self._kept] = np.arange(len(self._kept))
        self._starts = np.cumsum([0, *(len(source.instants) for source in sources[:-1])])

    @property
    def columns(self) -> int:
        return self._sources[0].columns

    def group(self, number: int) -> tuple[Doubles, Exceptions]:
        numbers, flats = zip(*(source.group(number) for source in self._sources), strict=True)
        row = np.concatenate([flat.row + start for flat, start in zip(flats, self._starts, strict=True)])
        flat = Exceptions(self._row[row], *(_all(flats, name) for name in ("place", "code", "age")))
        return np.concatenate(numbers)[self._kept], flat.among(flat.row >= 0)


def _all(flats: Sequence[Exceptions], name: str) -> Ints:
    return np.concatenate([getattr(flat, name) for flat in flats])


def _columns(number: int) -> slice:
    return slice(number * GROUP, (number + 1) * GROUP)


def groups(source: Source) -> Iterator[tuple[Doubles, Exceptions]]:
    """The groups of columns of a source, one after the other."""
    return (source.group(number) for number in range(-(-source.columns // GROUP)))


def block_of(rows: Sequence[Any], columns: int) -> Block:
    """Hot rows, in the order of their instants, side by side."""
    size = 8 * columns
    values = b"".join(_exactly(row["values"], size) for row in rows)
    return Block(
        instants=np.array([row["taken_at"] for row in rows], np.int64),
        numbers=np.frombuffer(values, "<f8").reshape(len(rows), columns),
        exceptions=_flat(rows),
    )


def _flat(rows: Sequence[Any]) -> Exceptions:
    told = [row["exceptions"] or b"" for row in rows]
    flat = np.frombuffer(b"".join(told), _EXCEPTION)
    row = np.repeat(np.arange(len(rows)), [len(one) // EXCEPTION.size for one in told])
    return Exceptions(row, *(flat[name].astype(np.int64) for name in ("place", "code", "age")))


def _exactly(values: bytes, size: int) -> bytes:
    """A row of a back-fill that was too short has nothing at its last places."""
    return values if len(values) == size else (values + _NOTHING * (size - len(values)))[:size]


_NOTHING = np.array([np.nan]).tobytes()


def rows_of(source: Source) -> list[tuple[int, bytes, bytes | None]]:
    """The hot rows a source was made of: instant, values, exceptions."""
    parts = list(groups(source))
    values = np.concatenate([numbers for numbers, _ in parts], axis=1).astype("<f8")
    flats = [flat for _, flat in parts]
    flat = Exceptions(*(_all(flats, name) for name in Exceptions.__slots__))
    flat = flat.among(np.lexsort((flat.place, flat.row)))
    packed = np.zeros(len(flat.row), _EXCEPTION)
    packed["place"], packed["code"], packed["age"] = flat.place, flat.code, flat.age
    ends = np.searchsorted(flat.row, np.arange(len(source.instants) + 1))
    return [
        (int(instant), numbers.tobytes(), packed[ends[row] : ends[row + 1]].tobytes() or None)
        for row, (instant, numbers) in enumerate(zip(source.instants, values, strict=True))
    ]


def raw_page(instants: Ints, columns: int, parts: Iterable[tuple[Scaled, Exceptions]], level: int) -> bytes:
    """The body of a page of these groups."""
    frames = (compressed(pack_scaled(numbers) + _packed(flat.ordered()), level) for numbers, flat in parts)
    return body_of(instants, columns, GROUP, level, frames)


def page_of(source: Source, level: int) -> bytes:
    """A source as the body of a page."""
    parts = ((scaled(np.ascontiguousarray(numbers)), flat) for numbers, flat in groups(source))
    return raw_page(source.instants, source.columns, parts, level)


def _packed(flat: Exceptions) -> bytes:
    return b"".join(pack_ints(column[:, None]) for column in (flat.place, flat.row, flat.code, flat.age))


@dataclass(frozen=True, slots=True)
class Column:
    """One sensor's places in the rows of a layout, in the order of their instants."""

    instants: Ints
    numbers: Doubles
    codes: Ints
    """-1 where there is no exception."""
    ages: Ints
    """Milliseconds."""
    rests: Doubles
    """What whole numbers beyond 2^53 are more than their doubles."""


def column_of(instants: Ints, numbers: Doubles, flat: Exceptions, place: int) -> Column:
    """One place of rows, its exceptions spread over them."""
    codes, ages, rests = np.full(len(instants), -1), np.zeros(len(instants), np.int64), np.zeros(len(instants))
    if not len(flat.row):
        return Column(instants, numbers, codes, ages, rests)
    here = flat.among(flat.place == place)
    told = np.nan_to_num(here.age.astype(np.int32).view(np.float32).astype(np.float64))
    is_rest = here.code & REST != 0
    rests[here.row] = np.where(is_rest, told, 0.0)
    microseconds = np.rint(np.clip(np.where(is_rest, 0.0, told), 0.0, OLDEST) * 1e6)
    codes[here.row], ages[here.row] = here.code & ~REST, microseconds.astype(np.int64) // 1000
    return Column(instants, numbers, codes, ages, rests)


def column_in(opened: Sequence[Opened], place: int) -> Column:
    """One place of raw pages, page after page."""
    group, inside = divmod(place, GROUP)
    found = [_group(page, group) for page in opened]
    lengths = [page.body.packed.rows for page in opened]
    wanted = [*((page.body.packed, 0) for page in opened), *((numbers.whole, inside) for numbers, _ in found)]
    instants, whole = unpacked(wanted).reshape(2, -1)
    numbers = unscaled_all(whole, [int(numbers.scales[inside]) for numbers, _ in found], lengths)
    flats, start = [], 0
    for (one, flat), length in zip(found, lengths, strict=True):
        if one.missing.rows:
            here = slice(start, start + length)
            numbers[here] = np.where(one.missing.column(inside) != 0, np.nan, numbers[here])
        flats.append(Exceptions(flat.row + start, flat.place, flat.code, flat.age))
        start += length
    return column_of(instants, numbers, Exceptions(*(_all(flats, name) for name in Exceptions.__slots__)), place)


def column_of_rows(rows: Sequence[Any], place: int) -> Column:
    """One place of hot rows, given as instant, the eight bytes at that place as `number`, and exceptions."""
    numbers = b"".join(_exactly(row["number"], 8) for row in rows)
    instants = np.array([row["taken_at"] for row in rows], np.int64)
    return column_of(instants, np.frombuffer(numbers, "<f8"), _flat(rows), place)


def column_joined(columns: Sequence[Column]) -> Column:
    """The same place of several sources in the order of the instants; the earlier source wins."""
    instants = np.concatenate([column.instants for column in columns])
    kept = np.unique(instants, return_index=True)[1]
    return Column(*(np.concatenate([getattr(one, name) for one in columns])[kept] for name in Column.__slots__))


def _group(page: Opened, number: int) -> tuple[PackedNumbers, Exceptions]:
    """A group's numbers and its exceptions."""
    content = page.frame
    count = min(GROUP, page.body.columns - number * GROUP)
    numbers = PackedNumbers.at(content, 0, count)
    at, flat = numbers.end, []
    for _ in Exceptions.__slots__:
        packed = Packed.at(content, at)
        flat.append(packed.column(0))
        at = packed.end
    place, row, code, age = flat
    return numbers, Exceptions(row, place, code, age)
