"""FRU inventories: who made a part and its numbers, from areas whole and damaged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fleetmon.drivers.ipmi.parse.fru import Board, Chassis, Fru, PowerSupply, Product, chassis_part, fru, identity, part
from fleetmon.drivers.ipmi.parse.text import meant
from fleetmon.model import Component, Identity
from tests.ipmi_records import area, inventory, le, multirecord, text

CHASSIS = area(bytes([0x17]), [text("CH-1"), text("CH123456"), text("lab")])
BOARD = area(
    bytes([25]) + le(10_000_000, 3),
    [text("Maker"), text("Mainboard"), text("BO123456"), text("MB-7"), text("fru 1.0"), text("rev B")],
)
PRODUCT = area(bytes([25]), list(map(text, ("Maker", "Server 9", "S9-PN", "02", "SN123456", "asset 7", "f1", "x1"))))
SUPPLY = le(1100) + le(1260) + bytes([25, 10]) + b"".join(map(le, (9000, 14000, 18000, 26400))) + bytes(
    [47, 63, 10, 0x08]
) + bytes(6)  # fmt: skip
WHOLE = inventory(CHASSIS, BOARD, PRODUCT, multirecord(0x01, bytes(13), last=False) + multirecord(0x00, SUPPLY))


def test_every_area_is_told():
    assert fru(WHOLE) == Fru(
        chassis=Chassis(type="RackMount", part_number="CH-1", serial_number="CH123456"),
        board=Board(
            made_at=datetime(2015, 1, 5, 10, 40, tzinfo=UTC),
            manufacturer="Maker",
            name="Mainboard",
            serial_number="BO123456",
            part_number="MB-7",
        ),
        product=Product(
            manufacturer="Maker",
            name="Server 9",
            part_number="S9-PN",
            version="02",
            serial_number="SN123456",
            asset_tag="asset 7",
        ),
        power_supply=PowerSupply(capacity_watts=1100, input_volts=((90.0, 140.0), (180.0, 264.0)), hot_swap=True),
    )


@pytest.mark.parametrize("raw", [b"", b"\x01\x00", bytes(256), b"\xff" * 256])
def test_an_inventory_never_written_says_nothing_and_is_no_problem(raw):
    assert fru(raw) == Fru()


def test_what_is_no_inventory_is_said_so():
    assert fru(b"\x20\x01" + bytes(30)).problems == ("no FRU inventory: its header begins with 20h",)


def test_a_wrong_checksum_is_told_and_so_is_what_it_is_about():
    board = bytearray(BOARD)
    board[-1] ^= 0x55
    found = fru(inventory(board=bytes(board), records=multirecord(0, SUPPLY)[:-1] + b"\x01"))
    assert found.problems == ("wrong checksum of the board area", "wrong checksum of a multirecord")
    assert found.board is not None
    assert found.board.serial_number == "BO123456"
    assert found.power_supply is not None
    assert found.power_supply.capacity_watts == 1100
    header = bytearray(WHOLE)
    header[7] ^= 1
    assert fru(bytes(header)).problems == ("wrong checksum of the header",)
    assert fru(bytes(header)).product == fru(WHOLE).product


def test_a_damaged_area_costs_itself_alone():
    raw = bytearray(WHOLE)
    raw[8 * raw[2]] = 0x0F
    found = fru(bytes(raw))
    assert found.chassis is None
    assert found.problems == ("the chassis area is of an unknown format",)
    assert found.product is not None
    cut = fru(WHOLE[: 8 * WHOLE[4] + 24])
    assert "the product area is cut short" in cut.problems
    assert cut.product is not None
    assert cut.product.name == "Server 9"


def test_a_field_of_one_letter_is_the_end_mark():
    found = fru(inventory(product=area(bytes([25]), [text("Maker"), text("S"), text("9")]))).product
    assert found == Product(manufacturer="Maker")


def test_an_area_without_an_end_mark_ends_with_itself():
    endless = bytearray(area(bytes([25]), [text("Maker")]))
    endless[endless.index(0xC1)] = 0x00
    found = fru(inventory(product=bytes(endless)))
    assert found.product is not None
    assert found.product.manufacturer == "Maker"


def test_what_stands_where_nobody_wrote_a_number_is_no_number():
    """F77."""
    product = area(
        bytes([25]),
        [text("Maker"), text("To be filled by O.E.M."), text("N/A"), text("   "), text("0000000000"), text("")],
    )
    assert fru(inventory(product=product)).product == Product(manufacturer="Maker")
    assert meant("0") == "0"
    assert meant("HHHH") == "HHHH"
    assert meant("..........") == ""


def test_dates_nobody_wrote_are_none():
    for minutes in (0, 1):
        found = fru(inventory(board=area(bytes([25]) + le(minutes, 3), [text("Maker")]))).board
        assert found is not None
        assert found.made_at is None


def test_texts_in_every_coding():
    product = area(
        bytes([1]),
        [
            text("富士通".encode("utf-16-le")),
            text(bytes([0x29, 0xDC, 0xA6]), kind=2),
            text(bytes([0x12, 0x3B, 0x45, 0xC6]), kind=1),
            text(b"\x01\x02\xfe", kind=0),
        ],
    )
    found = fru(inventory(product=product)).product
    assert found == Product(manufacturer="富士通", name="IPMI", part_number="123-45.6", version="0102FE")


# ---- as ours ---------------------------------------------------------------------------------------------------------


def test_who_a_device_is_its_product_area_says():
    assert identity(fru(WHOLE)) == Identity(
        manufacturer="Maker", model="Server 9", serial_number="SN123456", part_number="S9-PN", asset_tag="asset 7"
    )


def test_a_board_s_number_is_the_device_s_only_where_there_is_nothing_else():
    nameless = area(bytes([25]), [text("Maker"), text("Server 9")])
    assert identity(fru(inventory(board=BOARD, product=nameless))).serial_number == ""
    assert identity(fru(inventory(CHASSIS, BOARD, nameless))).serial_number == "CH123456"
    assert identity(fru(inventory(board=BOARD))).serial_number == "BO123456"


def test_a_board_is_what_its_board_area_says_and_a_supply_what_its_product_area_says():
    board = part(fru(WHOLE), Component("Chassis", "System Board"), "fru/0")
    assert board is not None
    assert (board.model, board.serial_number, board.part_number) == ("Mainboard", "BO123456", "MB-7")
    assert board.slot == "System Board"
    supply = part(fru(WHOLE), Component("PowerSupply", "PS1"), "fru/1", slot="PS1 FRU")
    assert supply is not None
    assert (supply.model, supply.serial_number, supply.slot) == ("Server 9", "SN123456", "PS1")
    assert supply.properties == {
        "capacity_watts": 1100,
        "hot_swap": True,
        "input_volts": "90 to 140, 180 to 264",
        "made_at": "2015-01-05",
        "version": "02",
        "asset_tag": "asset 7",
        "board_serial_number": "BO123456",
    }


def test_the_chassis_is_a_part_with_a_number_of_its_own():
    found = chassis_part(fru(WHOLE), "fru/0")
    assert found is not None
    assert (found.component, found.serial_number) == (Component("Chassis", "Chassis"), "CH123456")
    assert (found.part_number, found.properties) == ("CH-1", {"chassis_type": "RackMount"})
    assert chassis_part(fru(inventory(board=BOARD)), "fru/0") is None


def test_an_empty_inventory_is_no_part():
    assert part(Fru(), Component("PowerSupply", "PS2"), "fru/2") is None
