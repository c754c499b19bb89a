"""Columns of numbers as few bytes: decimals become integers, integers become small differences, zstd does the rest.

Nothing is rounded. A column is stored as decimals only where that gives every one of its doubles back bit for bit;
any other column keeps its bits. Integers are told from the one before (or its trend, or as they are, whichever is
smallest), folded so that small ones of either sign are small, and laid out plane by plane of bytes.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import zstandard
from numpy.typing import NDArray

from fleetmon.errors import Damaged

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]

BITS, SINGLE = 255, 64
"""Scales: the double's own bits; decimals that were single-precision floats on their way."""
MOST_DIGITS = 9
_EXACT, _WHOLE = float(2**53), float(2**62)
_HEADER, _FIRST = struct.Struct("<IH"), struct.Struct("<q")
_WIDTHS = (1, 2, 4, 8)
_STEP = 16
"""A way of telling a column is the bytes of its numbers, plus this for each time they are to be summed up."""
_WIDTH_OF = bytes(way & 15 for way in range(256))
_ONE = np.uint64(1)
_MISSING = np.array([np.nan]).view(np.int64)[0]
_local = threading.local()


# ---- frames ---------------------------------------------------------------------------------------------------------


def compressed(content: bytes, level: int) -> bytes:
    """One zstd frame, with a checksum so that a damaged one is noticed."""
    return _compressor(level).compress(content)


def expanded(frame: bytes) -> bytes:
    """What `compressed` was given; raises Damaged for a damaged frame."""
    opener = getattr(_local, "opener", None)
    if opener is None:
        opener = _local.opener = zstandard.ZstdDecompressor()
    try:
        return cast(bytes, opener.decompress(frame))
    except zstandard.ZstdError as error:
        raise Damaged(f"a page of history is damaged: {error}", cure="restore a backup") from error


def _compressor(level: int) -> zstandard.ZstdCompressor:
    """Compressors are costly to make and serve one thread at a time."""
    made: dict[int, zstandard.ZstdCompressor] = _local.__dict__.setdefault("compressors", {})
    if level not in made:
        made[level] = zstandard.ZstdCompressor(level=level, write_checksum=True)
    return made[level]


# ---- integers -------------------------------------------------------------------------------------------------------


def pack_ints(columns: Ints) -> bytes:
    """Columns of integers (rows by columns); differences wrap, and wrap back."""
    rows, count = columns.shape
    if not rows or not count:
        return _HEADER.pack(rows, count)
    first = columns[0]
    steps = np.diff(columns, axis=0, prepend=columns[:1])
    trends = np.diff(steps, axis=0, prepend=steps[:1])
    candidates = [_folded(told) for told in (columns - first, steps, trends)]
    costs = np.stack([np.log2(told.astype(np.float32) + 1).sum(axis=0) for told in candidates])
    chosen = costs.argmin(axis=0)
    told = np.choose(chosen, candidates)
    widths = _widths(told)
    starts = _starts(widths, rows)
    planes = np.empty(int(widths.sum()) * rows, np.uint8)
    for width in _WIDTHS:
        here = widths == width
        narrow = np.ascontiguousarray(told[:, here].T.astype(f"<u{width}")).view(np.uint8)
        laid = narrow.reshape(-1, rows, width).transpose(0, 2, 1).reshape(-1, width * rows)
        planes[starts[here][:, None] + np.arange(width * rows)] = laid
    ways = (chosen * _STEP + widths).astype(np.uint8)
    return b"".join((_HEADER.pack(rows, count), ways.tobytes(), first.astype("<i8").tobytes(), planes.tobytes()))


def _folded(told: Ints) -> NDArray[np.uint64]:
    return ((told << 1) ^ (told >> 63)).view(np.uint64)


def _widths(told: NDArray[np.uint64]) -> Ints:
    """Bytes each column needs; none where it never differs."""
    largest = told.max(axis=0)
    limits = np.array([0, 2**8 - 1, 2**16 - 1, 2**32 - 1], np.uint64)
    return np.asarray(np.array((0, *_WIDTHS))[np.searchsorted(limits, largest)], np.int64)


def _starts(widths: Ints, rows: int) -> Ints:
    """Where the bytes of each column begin."""
    return (np.cumsum(widths) - widths) * rows


@dataclass(slots=True)
class Packed:
    """Integers as `pack_ints` laid them: ways, first numbers, then the planes of each column, lowest bytes first."""

    rows: int
    count: int
    end: int
    _content: bytes
    _ways: bytes
    _firsts: int
    _planes: int

    @classmethod
    def at(cls, content: bytes, start: int) -> Packed:
        """The integers that begin at `start`; `end` is where they end."""
        rows, count = _HEADER.unpack_from(content, start)
        start += _HEADER.size
        if not rows:
            return cls(rows, count, start, content, b"", start, start)
        ways = content[start : start + count]
        firsts = start + count
        planes = firsts + 8 * count
        return cls(rows, count, planes + rows * sum(ways.translate(_WIDTH_OF)), content, ways, firsts, planes)

    def column(self, place: int) -> Ints:
        """One column."""
        return unpacked([(self, place)])

    def told(self, place: int) -> tuple[NDArray[Any], int, int]:
        """A column as it is stored, folded; how often it is to be summed up; the number it begins with."""
        rows, way = self.rows, self._ways[place]
        (first,) = _FIRST.unpack_from(self._content, self._firsts + 8 * place)
        width = way & 15
        if width == 0:
            return np.zeros(rows, np.uint8), 0, first
        start = self._planes + rows * sum(self._ways[:place].translate(_WIDTH_OF))
        folded: NDArray[Any] = np.frombuffer(self._content, np.uint8, rows, start)
        for plane in range(1, width):
            higher = np.frombuffer(self._content, np.uint8, rows, start + plane * rows).astype(np.uint64)
            folded = folded | higher << np.uint64(8 * plane)
        return folded, way // _STEP, first

    def columns(self) -> Ints:
        """All columns, rows by columns."""
        found = np.zeros((self.rows, self.count), np.int64)
        if not self.rows or not self.count:
            return found
        ways = np.frombuffer(self._ways, np.uint8).astype(np.int64)
        found += np.frombuffer(self._content, "<i8", self.count, self._firsts)
        starts = _starts(ways & 15, self.rows)
        data = np.frombuffer(self._content, np.uint8, self.end - self._planes, self._planes)
        for way in np.unique(ways[ways & 15 > 0]).tolist():
            here = np.flatnonzero(ways == way)
            width = way & 15
            planes = data[starts[here][:, None] + np.arange(width * self.rows)].reshape(-1, width, self.rows)
            narrow = np.ascontiguousarray(planes.transpose(2, 0, 1)).view(f"<u{width}")[:, :, 0]
            told = _unfolded(narrow.astype(np.uint64))
            for _ in range(way // _STEP):
                told = np.cumsum(told, axis=0)
            found[:, here] += told
        return found


def unpacked(wanted: Sequence[tuple[Packed, int]]) -> Ints:
    """Columns, each of its own `Packed`, end to end: many short ones cost little more than a long one."""
    found = [packed.told(place) for packed, place in wanted if packed.rows]
    if not found:
        return np.zeros(0, np.int64)
    parts, times, firsts = zip(*found, strict=True)
    told = _unfolded(np.concatenate(parts).astype(np.uint64))
    lengths = np.array([len(part) for part in parts])
    starts = np.cumsum(lengths) - lengths
    for turn in range(max(times)):
        running = np.cumsum(told)
        running -= np.repeat(running[starts] - told[starts], lengths)
        told = np.where(np.repeat(np.array(times) > turn, lengths), running, told)
    return np.asarray(told + np.repeat(np.array(firsts, np.int64), lengths), np.int64)


def _unfolded(folded: NDArray[np.uint64]) -> Ints:
    """Numbers of either sign."""
    return np.asarray((folded >> _ONE).view(np.int64) ^ -(folded & _ONE).view(np.int64), np.int64)


# ---- doubles --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scaled:
    """Columns of doubles as integers: by scale either decimals or the double's bits; `missing` where there is none."""

    scales: NDArray[np.uint8]
    whole: Ints
    missing: NDArray[np.bool_]


def scaled(columns: Doubles) -> Scaled:
    """The doubles as integers that give them back bit for bit."""
    count = columns.shape[1]
    bits = columns.view(np.int64)
    missing = bits == _MISSING
    scales, whole = np.full(count, BITS, np.uint8), bits.copy()
    left = np.arange(count)
    with np.errstate(all="ignore"):
        for scale in (*range(MOST_DIGITS + 1), *range(SINGLE, SINGLE + 7)):
            fits, numbers = _tried(columns[:, left], bits[:, left], missing[:, left], scale)
            scales[left[fits]], whole[:, left[fits]] = scale, numbers[:, fits]
            left = left[~fits]
            if not len(left):
                break
    missing[:, scales == BITS] = False
    return Scaled(scales, _filled(whole, missing), missing)


def _tried(columns: Doubles, bits: Ints, missing: NDArray[np.bool_], scale: int) -> tuple[NDArray[np.bool_], Ints]:
    """Which columns this scale gives back bit for bit, and their integers."""
    digits = scale % SINGLE
    numbers = np.rint(columns * 10.0**digits)
    small = np.abs(numbers) < (_EXACT if digits else _WHOLE)
    whole = np.where(small & ~missing, numbers, 0).astype(np.int64)
    same = (unscaled(whole, scale).view(np.int64) == bits) & small
    return (same | missing).all(axis=0), whole


def unscaled(whole: Ints, scale: int) -> Doubles:
    """The doubles of integers at a scale."""
    if scale == BITS:
        return np.ascontiguousarray(whole).view(np.float64)
    numbers = whole / 10.0 ** (scale % SINGLE)
    return numbers.astype(np.float32).astype(np.float64) if scale >= SINGLE else numbers


def unscaled_all(whole: Ints, scales: Sequence[int], lengths: Sequence[int]) -> Doubles:
    """As `unscaled`, for columns end to end, each of its own scale and length."""
    if len(set(scales)) == 1:
        return unscaled(whole, scales[0])
    parts = np.split(whole, np.cumsum(lengths)[:-1])
    return np.concatenate([unscaled(part, scale) for part, scale in zip(parts, scales, strict=True)])


def _filled(whole: Ints, missing: NDArray[np.bool_]) -> Ints:
    """Where there is no number, the one before, which costs nothing."""
    if not missing.any():
        return whole
    rows = np.arange(len(whole))[:, None]
    return np.take_along_axis(whole, np.maximum.accumulate(np.where(missing, 0, rows), axis=0), axis=0)


def pack_scaled(numbers: Scaled) -> bytes:
    """Columns of doubles as bytes."""
    missing = numbers.missing if numbers.missing.any() else numbers.missing[:0]
    return numbers.scales.tobytes() + pack_ints(numbers.whole) + pack_ints(missing.astype(np.int64))


@dataclass(slots=True)
class PackedNumbers:
    """Doubles as `pack_scaled` laid them, found again column by column."""

    scales: NDArray[np.uint8]
    end: int
    whole: Packed
    missing: Packed

    @classmethod
    def at(cls, content: bytes, start: int, count: int) -> PackedNumbers:
        """The `count` columns that begin at `start`."""
        scales = np.frombuffer(content, np.uint8, count, start)
        whole = Packed.at(content, start + count)
        missing = Packed.at(content, whole.end)
        return cls(scales, missing.end, whole, missing)

    def columns(self) -> Doubles:
        """All columns, rows by columns."""
        whole = self.whole.columns()
        found = np.empty(whole.shape, np.float64)
        for scale in np.unique(self.scales):
            here = self.scales == scale
            found[:, here] = unscaled(whole[:, here], int(scale))
        if self.missing.rows:
            found[self.missing.columns() != 0] = np.nan
        return found
