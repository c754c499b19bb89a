"""FRU inventories: who made a part, its numbers, what a power supply can give (FRU Information v1.0 rev 1.3).

Not pyghmi's: it reads past the end of an area, gives up all of an inventory for one area it does not know, tells
bytes where text was meant, checks no checksum, and knows no multirecord.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fleetmon.drivers.ipmi.parse.entities import bare
from fleetmon.drivers.ipmi.parse.text import meant, spelled
from fleetmon.model import Component, Identity, Part, Scalar

CHASSIS = Component("Chassis", "Chassis")
"""What the chassis area is about, beside the board or part the inventory is of."""
_HEADER = 8
_END = 0xC1
_EIGHTS = 8
_EPOCH = datetime(1996, 1, 1, tzinfo=UTC)
_FIRST_MINUTES = 1440
"""Dates before the second of January 1996 are what nobody wrote."""
_POWER_SUPPLY = 0x00
_LAST_RECORD = 0x80
_RECORD_HEADER = 5
_ENGLISH = 25
_CHASSIS_TYPES = {
    0x07: "StandAlone", 0x11: "RackMount", 0x12: "Expansion", 0x13: "Module", 0x16: "StorageEnclosure",
    0x17: "RackMount", 0x19: "Enclosure", 0x1C: "Blade", 0x1D: "Enclosure", 0x1E: "Sled",
}  # fmt: skip
"""Kinds of enclosure as SMBIOS counts them (DSP0134, table 17), by their Redfish names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chassis:
    """The chassis info area."""

    type: str = ""
    """Redfish ChassisType; empty where it is not told, or has no such name."""
    part_number: str = ""
    serial_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The board info area."""

    made_at: datetime | None = None
    manufacturer: str = ""
    name: str = ""
    serial_number: str = ""
    part_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The product info area."""

    manufacturer: str = ""
    name: str = ""
    part_number: str = ""
    version: str = ""
    serial_number: str = ""
    asset_tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSupply:
    """The multirecord of a power supply (section 18.1)."""

    capacity_watts: int
    input_volts: tuple[tuple[float, float], ...]
    """Ranges of input voltage it takes."""
    hot_swap: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fru:
    """One inventory, as far as it could be read."""

    chassis: Chassis | None = None
    board: Board | None = None
    product: Product | None = None
    power_supply: PowerSupply | None = None
    problems: tuple[str, ...] = ()
    """Wrong checksums and lengths: what they are about is told all the same where it makes sense."""


def fru(raw: bytes) -> Fru:
    """What an inventory says; one that was never written says nothing."""
    if len(raw) < _HEADER or len(set(raw)) == 1:
        return Fru()
    problems: list[str] = []
    if raw[0] & 0x0F != 1:
        return Fru(problems=(f"no FRU inventory: its header begins with {raw[0]:02X}h",))
    if sum(raw[:_HEADER]) & 0xFF:
        problems.append("wrong checksum of the header")
        if any(place * _EIGHTS >= len(raw) for place in raw[1:6]):
            return Fru(problems=tuple(problems))
    areas = {name: _area(raw, name, place, problems) for name, place in (("chassis", 2), ("board", 3), ("product", 4))}
    chassis, board, product = areas["chassis"], areas["board"], areas["product"]
    return Fru(
        chassis=_chassis(chassis) if chassis else None,
        board=_board(board) if board else None,
        product=_product(product) if product else None,
        power_supply=_power_supply(raw, raw[5] * _EIGHTS, problems) if raw[5] else None,
        problems=tuple(problems),
    )


def _area(raw: bytes, name: str, place: int, problems: list[str]) -> bytes:
    """One area without its checksum; empty where there is none, or none that can be read."""
    start = raw[place] * _EIGHTS
    if not start:
        return b""
    if start + _HEADER > len(raw):
        problems.append(f"the {name} area lies beyond the end")
        return b""
    if raw[start] & 0x0F != 1:
        problems.append(f"the {name} area is of an unknown format")
        return b""
    length = raw[start + 1] * _EIGHTS
    area = raw[start : start + length] if length else raw[start:]
    if len(area) < length or not length:
        problems.append(f"the {name} area is cut short")
    elif sum(area) & 0xFF:
        problems.append(f"wrong checksum of the {name} area")
    return area


def _fields(area: bytes, place: int, language: int, count: int) -> list[str]:
    """The first `count` fields of an area, empty where it has fewer."""
    found: list[str] = []
    while len(found) < count and place < len(area) and area[place] != _END:
        length = area[place] & 0x3F
        octets = area[place + 1 : place + 1 + length]
        found.append(meant(spelled(area[place] >> 6, octets, language)))
        place += 1 + length
    return found + [""] * (count - len(found))


def _chassis(area: bytes) -> Chassis:
    part_number, serial_number = _fields(area, 3, _ENGLISH, 2)
    return Chassis(type=_CHASSIS_TYPES.get(area[2], ""), part_number=part_number, serial_number=serial_number)


def _board(area: bytes) -> Board:
    minutes = int.from_bytes(area[3:6], "little")
    manufacturer, name, serial_number, part_number = _fields(area, 6, area[2], 4)
    return Board(
        made_at=_EPOCH + timedelta(minutes=minutes) if minutes >= _FIRST_MINUTES else None,
        manufacturer=manufacturer,
        name=name,
        serial_number=serial_number,
        part_number=part_number,
    )


def _product(area: bytes) -> Product:
    manufacturer, name, part_number, version, serial_number, asset_tag = _fields(area, 3, area[2], 6)
    return Product(
        manufacturer=manufacturer,
        name=name,
        part_number=part_number,
        version=version,
        serial_number=serial_number,
        asset_tag=asset_tag,
    )


def _power_supply(raw: bytes, place: int, problems: list[str]) -> PowerSupply | None:
    """The power supply's record among the multirecords."""
    while place + _RECORD_HEADER <= len(raw):
        header = raw[place : place + _RECORD_HEADER]
        body = raw[place + _RECORD_HEADER : place + _RECORD_HEADER + header[2]]
        if sum(header) & 0xFF:
            problems.append("wrong checksum of a multirecord's header")
            return None
        if len(body) < header[2]:
            problems.append("a multirecord is cut short")
            return None
        if (sum(body) + header[3]) & 0xFF:
            problems.append("wrong checksum of a multirecord")
        if header[0] == _POWER_SUPPLY and len(body) >= 18:
            return _supply(body)
        if header[1] & _LAST_RECORD:
            break
        place += _RECORD_HEADER + header[2]
    return None


def _supply(body: bytes) -> PowerSupply:
    volts = [int.from_bytes(body[place : place + 2], "little", signed=True) / 100 for place in (6, 8, 10, 12)]
    return PowerSupply(
        capacity_watts=int.from_bytes(body[0:2], "little") & 0x0FFF,
        input_volts=tuple((low, high) for low, high in zip(volts[::2], volts[1::2], strict=True) if high > 0),
        hot_swap=bool(body[17] & 0x08),
    )


# ---- as ours ---------------------------------------------------------------------------------------------------------


def part(content: Fru, component: Component, source: str, slot: str = "") -> Part | None:
    """What a component is made of; None where its inventory tells nothing of it.

    A chassis or board is what its board area says; its product area is about the whole device.
    """
    board, product, chassis = content.board or Board(), content.product or Product(), content.chassis or Chassis()
    first, second = (board, product) if component.kind == "Chassis" else (product, board)
    serial_number = first.serial_number or second.serial_number or chassis.serial_number
    found = Part(
        component=component,
        slot=bare(slot) or component.name,
        source=source,
        manufacturer=first.manufacturer or second.manufacturer,
        model=first.name or second.name,
        serial_number=serial_number,
        part_number=first.part_number or second.part_number or chassis.part_number,
        properties=_properties(content, serial_number),
    )
    told = (found.manufacturer, found.model, found.serial_number, found.part_number, *found.properties.values())
    return found if any(told) else None


def chassis_part(content: Fru, source: str) -> Part | None:
    """The chassis, which has a number of its own; None where the inventory tells nothing of it."""
    chassis = content.chassis or Chassis()
    if not (chassis.serial_number or chassis.part_number):
        return None
    return Part(
        component=CHASSIS,
        slot=CHASSIS.name,
        source=source,
        serial_number=chassis.serial_number,
        part_number=chassis.part_number,
        properties={"chassis_type": chassis.type} if chassis.type else {},
    )


def _properties(content: Fru, shown: str) -> dict[str, Scalar]:
    """What there is to tell beside the part's own number, `shown` already."""
    supply, board, product = content.power_supply, content.board, content.product
    told: Iterable[tuple[str, Scalar]] = (
        ("capacity_watts", supply.capacity_watts if supply else None),
        ("hot_swap", supply.hot_swap if supply else None),
        ("input_volts", ", ".join(f"{low:g} to {high:g}" for low, high in supply.input_volts) if supply else None),
        ("made_at", board.made_at.date().isoformat() if board and board.made_at else None),
        ("version", product.version if product else None),
        ("asset_tag", product.asset_tag if product else None),
        ("board_serial_number", board.serial_number if board else None),
    )
    return {name: value for name, value in told if value not in (None, "", 0, shown)}


def identity(content: Fru) -> Identity:
    """Who the device is, by its first FRU: the product, then the chassis; the board where there is neither."""
    board = content.board or Board()
    product = content.product or Product()
    chassis = content.chassis or Chassis()
    bare = content.product is None and content.chassis is None
    return Identity(
        manufacturer=product.manufacturer or board.manufacturer,
        model=product.name or board.name,
        serial_number=product.serial_number or chassis.serial_number or (board.serial_number if bare else ""),
        part_number=product.part_number or chassis.part_number or (board.part_number if bare else ""),
        asset_tag=product.asset_tag,
    )
