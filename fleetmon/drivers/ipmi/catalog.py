"""Everything the sensor data records of one device say, decoded once; devices of one model share one catalog.

The raw records are what is remembered, packed; whatever is made of them is made anew after a restart.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from weakref import WeakValueDictionary

from fleetmon.drivers.ipmi.parse.entities import places
from fleetmon.drivers.ipmi.parse.points import Directory, Point, directory, points, with_hysteresis, with_thresholds
from fleetmon.drivers.ipmi.parse.sdr import FruLocator, Repository, repository
from fleetmon.drivers.ipmi.quirks import Quirk, mended
from fleetmon.drivers.ipmi.sdr import HEADER
from fleetmon.model import Component

BMC = 0x20
"""The slave address of a BMC (section 6.4)."""
LARGEST = 1 << 20
"""Bytes that remembered records may unpack to; the largest repository has 64 KiB."""

Key = tuple[int, int]
"""LUN and number of a sensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a sensor answered when asked for its thresholds and its hysteresis; None where it was not, or would not."""

    thresholds: bytes | None = None
    hysteresis: bytes | None = None


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False, kw_only=True)
class Catalog:
    """The sensors of a device, and what else its records speak of."""

    records: bytes
    """The raw records, one behind the other."""
    maker: int
    """Private enterprise number of who built the BMC."""
    limits: Mapping[Key, Limits]
    quirks: Mapping[int, Quirk]
    """By place, of the sensors whose answers are to be mended."""
    points: tuple[Point, ...]
    numeric: tuple[int, ...]
    """Places in `points` of the sensors that give numbers and can be asked."""
    discrete: tuple[int, ...]
    """Of those that give states, and can be asked."""
    of_component: Mapping[Component, tuple[int, ...]]
    """Of all that can be asked about one component."""
    directory: Directory
    repository: Repository
    described: Mapping[int, Component]
    """What each FRU describes, by its id."""

    @property
    def elsewhere(self) -> frozenset[int]:
        """Addresses of other controllers that have sensors, which only bridged requests would reach."""
        records = (point.record for point in self.points if not point.asked)
        return frozenset(one.owner for one in records if not one.by_software and one.owner != BMC)

    @property
    def frus(self) -> tuple[FruLocator, ...]:
        """The parts whose inventory the BMC itself keeps, FRU 0 left out."""
        own = (fru for fru in self.repository.frus if fru.logical and fru.address == BMC and not fru.lun)
        return tuple({fru.fru_id: fru for fru in own if fru.fru_id}.values())


_SHARED: WeakValueDictionary[bytes, Catalog] = WeakValueDictionary()


def catalog(records: bytes, maker: int, limits: Mapping[Key, Limits]) -> Catalog:
    """The one object for all devices whose records and limits are these."""
    digest = _digest(records, maker, limits)
    found = _SHARED.get(digest)
    if found is None:
        found = _SHARED[digest] = _made(records, maker, limits)
    return found


def _made(records: bytes, maker: int, limits: Mapping[Key, Limits]) -> Catalog:
    mends = [mended(record, maker) for record in split(records)]
    quirks = {int.from_bytes(record[:2], "little"): quirk for record, quirk in mends if quirk is not None}
    read = repository(record for record, _ in mends)
    found = tuple(_limited(point, limits.get((point.lun, point.number))) for point in points(read, BMC))
    home = places(read)
    asked = [number for number, point in enumerate(found) if point.asked]
    of_component: dict[Component, tuple[int, ...]] = {}
    for number in asked:
        component = found[number].component
        of_component[component] = (*of_component.get(component, ()), number)
    return Catalog(
        records=records,
        maker=maker,
        limits=limits,
        quirks={number: quirks[at] for number in asked if (at := found[number].record.record_id) in quirks},
        points=found,
        numeric=tuple(number for number in asked if found[number].sensor is not None),
        discrete=tuple(number for number in asked if found[number].sensor is None),
        of_component=of_component,
        directory=directory(found),
        repository=read,
        described={fru.fru_id: home.part(fru) for fru in reversed(read.frus) if fru.logical and fru.address == BMC},
    )


def _limited(point: Point, limits: Limits | None) -> Point:
    if limits is None or not point.asked:
        return point
    if limits.thresholds is not None:
        point = with_thresholds(point, (0, limits.thresholds))
    if limits.hysteresis is not None:
        point = with_hysteresis(point, (0, limits.hysteresis))
    return point


def split(records: bytes) -> Iterator[bytes]:
    """The records of a row of them; each says how long it is."""
    place = 0
    while place + HEADER <= len(records):
        end = place + HEADER + records[place + 4]
        yield records[place:end]
        place = end


def pack(octets: bytes) -> str:
    """Bytes as short text, for JSON."""
    return base64.b85encode(zlib.compress(octets, 9)).decode()


def unpack(text: str) -> bytes:
    """What `pack` packed; ValueError when it is none of its work, or more than any device has."""
    try:
        inflate = zlib.decompressobj()
        octets = inflate.decompress(base64.b85decode(text), LARGEST)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if inflate.unconsumed_tail:
        raise ValueError("more than any device has")
    return octets


def limits_out(limits: Mapping[Key, Limits]) -> str:
    """Limits as short text."""
    rows: Iterable[str] = (
        f"{lun:x} {number:x} {_hex(row.thresholds)} {_hex(row.hysteresis)}"
        for (lun, number), row in sorted(limits.items())
    )
    return pack("\n".join(rows).encode())


def limits_in(text: str) -> dict[Key, Limits]:
    """The limits `limits_out` wrote; ValueError."""
    found = {}
    for row in unpack(text).decode().splitlines():
        lun, number, thresholds, hysteresis = row.split()
        found[int(lun, 16), int(number, 16)] = Limits(thresholds=_bytes(thresholds), hysteresis=_bytes(hysteresis))
    return found


def _hex(octets: bytes | None) -> str:
    return "-" if octets is None else f"={octets.hex()}"


def _bytes(said: str) -> bytes | None:
    return None if said == "-" else bytes.fromhex(said[1:])


def _digest(records: bytes, maker: int, limits: Mapping[Key, Limits]) -> bytes:
    told = hashlib.blake2b(records, digest_size=16)
    told.update(maker.to_bytes(3, "little"))
    for key, row in sorted(limits.items()):
        told.update(repr((key, row.thresholds, row.hysteresis)).encode())
    return told.digest()
