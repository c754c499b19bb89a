"""A page of raw readings: the rows of one layout over an hour or a day, as columns that share their instants.

What comes out is what went in, bit for bit: doubles, NaN where there is none, and every exception (reason, quality,
age). Columns lie in groups, each one compressed frame, so that one sensor is read without its page's every other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleetmon.errors import StorageError
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
)
from fleetmon.storage.packing import EXCEPTION

VERSION = 1
GROUP = 128
"""Columns of one frame."""
HOUR_LEVEL, DAY_LEVEL = 3, 19
"""How hard zstd tries: an hour's page lives for a day, a day's page as long as readings are kept."""
OLDEST = 1e11
"""Seconds; no age is longer, whatever a damaged row says."""
_HEAD = struct.Struct("<BHH")
_FRAME = struct.Struct("<I")
_EXCEPTION = np.dtype([("place", "<u2"), ("code", "u1"), ("age", "<i4")])
"""As `packing` lays them; the age is kept as the bits of its float."""


# ---- frames in a body -----------------------------------------------------------------------------------------------


def body_of(columns: int, group: int, frames: Iterable[bytes]) -> bytes:
    """A page's body: a short head, then each frame behind its length."""
    lengthened = (part for frame in frames for part in (_FRAME.pack(len(frame)), frame))
    return _HEAD.pack(VERSION, columns, group) + b"".join(lengthened)


@dataclass(frozen=True, slots=True)
class Body:
    """Where the frames of a page lie; the first tells its instants, each other one a group of columns."""

    columns: int
    group: int
    content: bytes
    frames: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, content: bytes) -> Body:
        """The frames of a body; raises StorageError where it is none of ours."""
        if len(content) < _HEAD.size or content[0] != VERSION:
            raise StorageError("a page of history is not readable", cure="restore a backup")
        _, columns, group = _HEAD.unpack_from(content)
        frames, at = [], _HEAD.size
        while at < len(content):
            (size,) = _FRAME.unpack_from(content, at)
            frames.append((at + _FRAME.size, at + _FRAME.size + size))
            at += _FRAME.size + size
        return cls(columns, group, content, tuple(frames))

    def frame(self, number: int) -> bytes:
        """One frame, expanded."""
        start, end = self.frames[number]
        return expanded(self.content[start:end])

    def instants(self) -> Ints:
        """The instants its columns share, in milliseconds."""
        return Packed.at(self.frame(0), 0).column(0)

    def groups(self) -> range:
        """Numbers of the groups of columns."""
        return range(len(self.frames) - 1)


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


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of a layout at ascending instants: a matrix of numbers, rows by columns, and the exceptions."""

    instants: Ints
    numbers: Doubles
    exceptions: Exceptions


def block_of(rows: Sequence[Any], columns: int) -> Block:
    """Hot rows, in the order of their instants, side by side."""
    size = 8 * columns
    values = b"".join(_exactly(row["values"], size) for row in rows)
    told = [row["exceptions"] or b"" for row in rows]
    flat = np.frombuffer(b"".join(told), _EXCEPTION)
    counts = [len(one) // EXCEPTION.size for one in told]
    return Block(
        instants=np.array([row["taken_at"] for row in rows], np.int64),
        numbers=np.frombuffer(values, "<f8").reshape(len(rows), columns),
        exceptions=Exceptions(
            np.repeat(np.arange(len(rows)), counts),
            *(flat[name].astype(np.int64) for name in ("place", "code", "age")),
        ),
    )


def _exactly(values: bytes, size: int) -> bytes:
    """A row of a back-fill that was too short has nothing at its last places."""
    return values if len(values) == size else (values + _NOTHING * (size - len(values)))[:size]


_NOTHING = np.array([np.nan]).tobytes()


def rows_of(block: Block) -> list[tuple[int, bytes, bytes | None]]:
    """The hot rows a block was made of: instant, values, exceptions."""
    flat = block.exceptions.among(np.lexsort((block.exceptions.place, block.exceptions.row)))
    packed = np.zeros(len(flat.row), _EXCEPTION)
    packed["place"], packed["code"], packed["age"] = flat.place, flat.code, flat.age
    ends = np.searchsorted(flat.row, np.arange(len(block.instants) + 1))
    return [
        (int(instant), numbers.astype("<f8").tobytes(), packed[ends[row] : ends[row + 1]].tobytes() or None)
        for row, (instant, numbers) in enumerate(zip(block.instants, block.numbers, strict=True))
    ]


def joined(blocks: Sequence[Block]) -> Block:
    """All rows in the order of their instants; of two at the same instant the one of the earlier block."""
    if len(blocks) == 1:
        return blocks[0]
    instants = np.concatenate([block.instants for block in blocks])
    kept = np.unique(instants, return_index=True)[1]
    where = np.full(len(instants), -1)
    where[kept] = np.arange(len(kept))
    starts = np.cumsum([0, *(len(block.instants) for block in blocks[:-1])])
    flat = Exceptions(
        np.concatenate([block.exceptions.row + start for block, start in zip(blocks, starts, strict=True)]),
        *(np.concatenate([getattr(block.exceptions, name) for block in blocks]) for name in ("place", "code", "age")),
    )
    flat = flat.among(where[flat.row] >= 0)
    numbers = np.concatenate([block.numbers for block in blocks])[kept]
    return Block(instants[kept], numbers, Exceptions(where[flat.row], flat.place, flat.code, flat.age))


def scaled_groups(block: Block) -> list[Scaled]:
    """The numbers of a block as integers, group by group."""
    columns = groups_of(block.numbers.shape[1], GROUP)
    return [scaled(np.ascontiguousarray(block.numbers[:, group])) for group in columns]


def raw_page(block: Block, level: int, groups: Sequence[Scaled] | None = None) -> bytes:
    """A block as the body of a page; `groups` are its `scaled_groups` where they are known."""
    columns = block.numbers.shape[1]
    flat = block.exceptions.ordered()
    frames = [compressed(pack_ints(block.instants[:, None]), level)]
    for group, numbers in zip(groups_of(columns, GROUP), groups or scaled_groups(block), strict=True):
        mine = flat.among((flat.place >= group.start) & (flat.place < group.stop))
        frames.append(compressed(pack_scaled(numbers) + _packed(mine), level))
    return body_of(columns, GROUP, frames)


def _packed(flat: Exceptions) -> bytes:
    return b"".join(pack_ints(column[:, None]) for column in (flat.place, flat.row, flat.code, flat.age))


def block_in(content: bytes) -> Block:
    """All of a raw page."""
    body = Body.of(content)
    found = [_group(body, number) for number in body.groups()]
    return Block(
        body.instants(),
        np.concatenate([numbers.columns() for numbers, _ in found], axis=1),
        Exceptions(*(np.concatenate([getattr(flat, name) for _, flat in found]) for name in Exceptions.__slots__)),
    )


@dataclass(frozen=True, slots=True)
class Column:
    """One sensor's places in the rows of a layout, in the order of their instants."""

    instants: Ints
    numbers: Doubles
    codes: Ints
    """-1 where there is no exception."""
    ages: Ints
    """Milliseconds."""


def column_of(instants: Ints, numbers: Doubles, flat: Exceptions, place: int) -> Column:
    """One place of rows, its exceptions spread over them."""
    codes, ages = np.full(len(instants), -1), np.zeros(len(instants), np.int64)
    here = flat.among(flat.place == place)
    seconds = here.age.astype(np.int32).view(np.float32).astype(np.float64)
    microseconds = np.rint(np.clip(np.nan_to_num(seconds), 0.0, OLDEST) * 1e6)
    codes[here.row], ages[here.row] = here.code, microseconds.astype(np.int64) // 1000
    return Column(instants, numbers, codes, ages)


def column_in(content: bytes, place: int) -> Column:
    """One place of a raw page."""
    body = Body.of(content)
    group, inside = divmod(place, body.group)
    numbers, flat = _group(body, group)
    return column_of(body.instants(), numbers.column(inside), flat, place)


def _group(body: Body, number: int) -> tuple[PackedNumbers, Exceptions]:
    """A group's numbers and its exceptions."""
    content = body.frame(number + 1)
    count = min(body.group, body.columns - number * body.group)
    numbers = PackedNumbers.at(content, 0, count)
    at, flat = numbers.end, []
    for _ in Exceptions.__slots__:
        packed = Packed.at(content, at)
        flat.append(packed.column(0))
        at = packed.end
    place, row, code, age = flat
    return numbers, Exceptions(row, place, code, age)
