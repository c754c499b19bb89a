"""Columns of numbers as few bytes: decimals become integers, integers become small differences, zstd does the rest.

Nothing is rounded. A column is stored as decimals only where that gives every one of its doubles back bit for bit;
any other column keeps its bits. Integers are told from the one before (or its trend, or as they are, whichever is
smallest), folded so that small ones of either sign are small, and laid out plane by plane of bytes.
"""

from __future__ import annotations

import struct
import threading
from dataclasses import dataclass
from typing import cast

import numpy as np
import zstandard
from numpy.typing import NDArray

from fleetmon.errors import StorageError

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]

BITS, SINGLE = 255, 64
"""Scales: the double's own bits; decimals that were single-precision floats on their way."""
MOST_DIGITS = 9
_EXACT, _WHOLE = float(2**53), float(2**62)
_HEADER = struct.Struct("<IHI")
_WIDTHS = (1, 2, 4, 8)
_PLAIN, _STEP, _TREND = 0, 16, 32
_MISSING = np.array([np.nan]).view(np.int64)[0]
_local = threading.local()


# ---- frames ---------------------------------------------------------------------------------------------------------


def compressed(content: bytes, level: int) -> bytes:
    """One zstd frame, with a checksum so that a damaged one is noticed."""
    return _compressor(level).compress(content)


def expanded(frame: bytes) -> bytes:
    """What `compressed` was given; raises StorageError for a damaged frame."""
    opener = getattr(_local, "opener", None)
    if opener is None:
        opener = _local.opener = zstandard.ZstdDecompressor()
    try:
        return cast(bytes, opener.decompress(frame))
    except zstandard.ZstdError as error:
        raise StorageError(f"a page of history is damaged: {error}", cure="restore a backup") from error


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
        return _HEADER.pack(rows, count, 0)
    first = columns[0]
    steps = np.diff(columns, axis=0, prepend=columns[:1])
    trends = np.diff(steps, axis=0, prepend=steps[:1])
    candidates = [_folded(told) for told in (columns - first, steps, trends)]
    costs = np.stack([np.log2(told.astype(np.float32) + 1).sum(axis=0) for told in candidates])
    chosen = costs.argmin(axis=0)
    told = np.choose(chosen, candidates)
    widths = _widths(told)
    planes = b"".join(_planes(told[:, widths == width], width) for width in _WIDTHS)
    ways = (chosen * 16 + widths).astype(np.uint8)
    return b"".join((_HEADER.pack(rows, count, len(planes)), ways.tobytes(), _planes(first[None, :], 8), planes))


@dataclass(slots=True)
class Packed:
    """Integers as `pack_ints` laid them, found again column by column."""

    rows: int
    count: int
    end: int
    _ways: NDArray[np.uint8]
    _first: Ints
    _data: NDArray[np.uint8]

    @classmethod
    def at(cls, content: bytes, start: int) -> Packed:
        """The integers that begin at `start`; `end` is where they end."""
        rows, count, size = _HEADER.unpack_from(content, start)
        start += _HEADER.size
        if not rows or not count:
            nothing = np.zeros(0, np.uint8)
            return cls(rows, count, start, nothing, nothing.astype(np.int64), nothing)
        ways = np.frombuffer(content, np.uint8, count, start)
        first = np.frombuffer(content, np.uint8, 8 * count, start + count).reshape(count, 8)
        data = np.frombuffer(content, np.uint8, size, start + 9 * count)
        return cls(rows, count, start + 9 * count + size, ways, first.copy().view("<i8")[:, 0], data)

    def column(self, place: int) -> Ints:
        """One column."""
        if not self.rows:
            return np.zeros(0, np.int64)
        way = int(self._ways[place])
        width = way & 15
        widths = self._ways & 15
        before = int(widths[widths < width].sum()) + int((widths[:place] == width).sum()) * width
        planes = self._data[before * self.rows : (before + width) * self.rows].reshape(1, width, self.rows)
        return self._told(planes, way & 48, self._first[place : place + 1])[:, 0]

    def columns(self) -> Ints:
        """All columns, rows by columns."""
        found = np.zeros((self.rows, self.count), np.int64)
        if not self.rows:
            return found
        start = 0
        for width in (0, *_WIDTHS):
            here = np.flatnonzero((self._ways & 15) == width)
            size = len(here) * width * self.rows
            planes = self._data[start : start + size].reshape(len(here), width, self.rows)
            start += size
            for way in (_PLAIN, _STEP, _TREND):
                of_way = (self._ways[here] & 48) == way
                if of_way.any():
                    found[:, here[of_way]] = self._told(planes[of_way], way, self._first[here[of_way]])
        return found

    def _told(self, planes: NDArray[np.uint8], way: int, first: Ints) -> Ints:
        count, width, rows = planes.shape
        if not width:
            return np.broadcast_to(first, (rows, count))
        folded = np.ascontiguousarray(planes.transpose(2, 0, 1)).view(f"<u{width}")[:, :, 0].astype(np.uint64)
        told = (folded >> np.uint64(1)).view(np.int64) ^ -(folded & np.uint64(1)).view(np.int64)
        for _ in range(way // _STEP):
            told = told.cumsum(axis=0)
        return np.asarray(told + first, np.int64)


def _folded(told: Ints) -> NDArray[np.uint64]:
    return ((told << 1) ^ (told >> 63)).view(np.uint64)


def _widths(told: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Bytes each column needs; none where it never differs."""
    largest = told.max(axis=0)
    limits = np.array([0, 2**8 - 1, 2**16 - 1, 2**32 - 1], np.uint64)
    return np.asarray(np.array((0, *_WIDTHS))[np.searchsorted(limits, largest)], np.int64)


def _planes(told: NDArray[np.uint64] | Ints, width: int) -> bytes:
    """Column by column, the lowest bytes of all rows first."""
    narrow = np.ascontiguousarray(told.T.astype(f"<u{width}"))
    return narrow.view(np.uint8).reshape(*narrow.shape, width).transpose(0, 2, 1).tobytes()


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
    _whole: Packed
    _missing: Packed

    @classmethod
    def at(cls, content: bytes, start: int, count: int) -> PackedNumbers:
        """The `count` columns that begin at `start`."""
        scales = np.frombuffer(content, np.uint8, count, start)
        whole = Packed.at(content, start + count)
        missing = Packed.at(content, whole.end)
        return cls(scales, missing.end, whole, missing)

    def column(self, place: int) -> Doubles:
        """One column; NaN where there is no number."""
        numbers = unscaled(self._whole.column(place), int(self.scales[place]))
        return np.where(self._missing.column(place) != 0, np.nan, numbers) if self._missing.rows else numbers

    def columns(self) -> Doubles:
        """All columns, rows by columns."""
        whole = self._whole.columns()
        found = np.empty(whole.shape, np.float64)
        for scale in np.unique(self.scales):
            here = self.scales == scale
            found[:, here] = unscaled(whole[:, here], int(scale))
        if self._missing.rows:
            found[self._missing.columns() != 0] = np.nan
        return found
