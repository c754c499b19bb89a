"""Inventory over IPMI: FRUs read as far as they hold anything, who the BMC is, which logins it offers, quirks."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.ipmi.dcmi import power
from fleetmon.drivers.ipmi.findings import Door, suites
from fleetmon.drivers.ipmi.fru import extent
from fleetmon.drivers.ipmi.identity import blocks_after_first, device_id, guid, system_text
from fleetmon.drivers.ipmi.messages import Command
from fleetmon.drivers.ipmi.quirks import QUIRKS, mended
from fleetmon.drivers.ipmi.session import Answer
from fleetmon.errors import Unreachable
from fleetmon.model import Aspect, Component, Health, NoReading, Part, Quality
from tests.ipmi_shelf import NOW, TOO_MANY, UNKNOWN, Bench, Shelf, discrete, fru_locator, numeric, states, value

LIFE = (Aspect.HEARTBEAT, Aspect.SENSORS)
FRU_INFO, FRU_DATA = (0x0A, 0x10), (0x0A, 0x11)
PS1 = Component("PowerSupply", "PS1")


def checked(octets: bytes) -> bytes:
    """With a byte behind that makes their sum zero."""
    return octets + bytes([-sum(octets) & 0xFF])


def inventory(serial: str, size: int = 2048) -> bytes:
    """A FRU with a product area, in a memory that is larger than what it holds."""
    fields = (b"ACME", b"Server 1", b"PN-1", b"A1", serial.encode(), b"", b"")
    area = b"\x01\x00\x19" + b"".join(bytes([0xC0 | len(field)]) + field for field in fields) + b"\xc1"
    area += bytes(-(len(area) + 1) % 8)
    area = checked(area[:1] + bytes([(len(area) + 1) // 8]) + area[2:])
    return (checked(bytes([1, 0, 0, 0, 1, 0, 0])) + area).ljust(size, b"\x00")


def server() -> Shelf:
    shelf = Shelf(ManualClock(NOW))
    shelf.records = [
        numeric(1, "Inlet"),
        discrete(0x81, "PS1 Status", 0x08, entity=(10, 1)),
        discrete(0x82, "PS2 Status", 0x08, entity=(10, 2)),
        fru_locator(3, "PS1", (10, 1), 0x90),
    ]
    shelf.readings |= {(0, 1): value(22), (0, 0x81): states(1), (0, 0x82): states(0)}
    shelf.frus = {0: inventory("SN-0"), 3: inventory("SN-3", 256)}
    return shelf


def part(parts: tuple[Part, ...], component: Component) -> Part:
    return next(one for one in parts if one.component == component)


# ---- FRU -------------------------------------------------------------------------------------------------------------


async def test_an_inventory_tells_the_machine_its_parts_and_its_bmc() -> None:
    seen = await Bench(server()).poll(*LIFE, Aspect.COMPONENTS, Aspect.INVENTORY)
    found = seen.inventory
    assert found is not None
    assert (found.identity.manufacturer, found.identity.model, found.identity.serial_number) == (
        "ACME",
        "Server 1",
        "SN-0",
    )
    assert (found.identity.firmware, found.identity.bmc_model) == ("2.31", "Dell product 0100h")
    assert part(found.parts, PS1).serial_number == "SN-3"
    assert not any(one.component.name == "PS2" for one in found.parts)
    assert found.complete
    bmc = part(found.parts, Component("Manager", "BMC"))
    assert bmc.properties["cipher_suites"] == "3, 17"
    assert bmc.properties["cipher_suite_used"] == 17


async def test_of_a_fru_no_more_is_read_than_it_holds() -> None:
    bench = Bench(server())
    await bench.poll(Aspect.INVENTORY)
    assert bench.shelf.count(FRU_DATA) == 4
    assert len(extent_of(inventory("SN-0"))) < 100


def extent_of(raw: bytes) -> bytes:
    """What would be read of it, eight bytes at a time."""
    got = b""
    while len(got) < min(len(raw), extent(got)):
        got = raw[: len(got) + 8]
    return got


async def test_a_device_that_gives_few_bytes_at_once_is_asked_for_few() -> None:
    shelf = server()
    shelf.faults.append(
        lambda command: Answer(TOO_MANY, b"") if command[:2] == FRU_DATA and command.data[3] > 16 else None
    )
    seen = await Bench(shelf).poll(Aspect.INVENTORY)
    assert seen.inventory is not None
    assert seen.inventory.identity.serial_number == "SN-0"


@pytest.mark.parametrize("fault", [Answer(0x81, b""), Unreachable("no answer")], ids=["busy", "silent"])
async def test_a_fru_that_cannot_be_read_costs_itself_and_proves_nothing(fault: Answer | Unreachable) -> None:
    shelf = server()
    shelf.faults.append(lambda command: fault if command == Command(*FRU_INFO, b"\x03") else None)
    seen = await Bench(shelf).poll(Aspect.COMPONENTS, Aspect.INVENTORY)
    assert seen.inventory is not None
    assert seen.inventory.identity.serial_number == "SN-0"
    assert part(seen.inventory.parts, PS1).serial_number == ""
    assert not seen.inventory.complete
    assert any(problem.resource == "fru/3" for problem in seen.problems)


async def test_an_inventory_that_takes_long_goes_on_in_the_next_polls_and_is_told_once() -> None:
    shelf = server()
    for number in range(4, 30):
        shelf.records.append(fru_locator(number, f"DIMM {number}", (32, number), 0x100 + number))
        shelf.frus[number] = inventory(f"SN-{number}", 256)
    bench = Bench(shelf)
    await bench.poll(*LIFE, Aspect.COMPONENTS)
    shelf.takes = 1.0
    first = await bench.poll(Aspect.COMPONENTS, Aspect.INVENTORY)
    assert first.inventory is None
    assert Aspect.INVENTORY not in first.answered
    assert any("the next poll goes on" in problem.reason for problem in first.problems)
    polls = [await bench.poll(*LIFE) for _ in range(6)]
    told = [seen.inventory for seen in polls if seen.inventory is not None]
    assert len(told) == 1
    assert sum(one.serial_number.startswith("SN-") for one in told[0].parts) >= 27


def test_an_inventory_of_noise_is_never_read_beyond_its_memory() -> None:
    for seed in range(256):
        raw = bytes((seed * 31 + at * 7) & 0xFF for at in range(600))
        assert len(extent_of(raw)) <= 600


# ---- who it is -------------------------------------------------------------------------------------------------------


def test_a_guid_is_told_as_the_host_shows_it_however_it_is_sent() -> None:
    text = "00112233-4455-4677-8899-aabbccddeeff"
    raw = bytes.fromhex(text.replace("-", ""))
    smbios = raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]
    assert guid(smbios) == guid(raw[::-1]) == guid(raw) == text


@pytest.mark.parametrize("octets", [b"", bytes(16), b"\xff" * 16, b"\x01\x02"])
def test_a_guid_that_is_none_is_empty(octets: bytes) -> None:
    assert guid(octets) == ""


def test_a_short_device_id_is_none() -> None:
    assert device_id(b"\x20\x01\x02") is None
    assert device_id(bytes(15)) is not None
    assert device_id(bytes(15)).model == ""  # type: ignore[union-attr]  # it is there, as the line before shows


def test_a_system_info_string_is_put_together_from_its_blocks() -> None:
    text = b"BIOS 2.19.0 of a server"
    first = bytes([0x11, 0, 0, len(text)]) + text[:14]
    assert blocks_after_first(first) == 1
    assert system_text([first, b"\x11\x01" + text[14:].ljust(16, b"\0")]) == text.decode()
    assert system_text([]) == ""


async def test_what_a_device_lacks_or_meets_with_silence_is_asked_once() -> None:
    shelf = server()
    silence = Unreachable("no answer")
    shelf.faults.append(lambda command: silence if command[:2] in ((0x06, 0x54), (0x06, 0x59)) else None)
    bench = Bench(shelf)
    assert (await bench.poll(Aspect.INVENTORY)).inventory is not None
    assert bench.shelf.count((0x06, 0x54), (0x06, 0x59)) == 2
    await bench.poll(Aspect.INVENTORY)
    assert bench.shelf.count((0x06, 0x54), (0x06, 0x59)) == 0


# ---- how open its door is --------------------------------------------------------------------------------------------


def door(first: int, second: int, third: int = 0x02, *offered: int) -> Door:
    return Door(capabilities=bytes([1, first, second, third, 0, 0, 0, 0]), suites=offered)


@pytest.mark.parametrize(
    ("seen", "flaw"),
    [
        (door(0x80, 0x04, 0x02, 0, 3, 17), "cipher suite 0"),
        (door(0x80, 0x04, 0x02, 3), "SHA-256"),
        (door(0x80, 0x05, 0x02, 17), "anonymous login"),
        (door(0x80, 0x06, 0x02, 17), "without a name"),
        (door(0x81, 0x04, 0x03, 17), "without authentication"),
        (door(0x82, 0x04, 0x03, 17), "MD2"),
        (door(0x90, 0x04, 0x03, 17), "in clear"),
    ],
)
def test_a_door_too_wide_is_told(seen: Door, flaw: str) -> None:
    assert len(seen.flaws) == 1
    assert flaw in seen.flaws[0]


def test_a_sound_door_has_no_flaw_and_what_concerns_ipmi_1_5_alone_is_none_without_it() -> None:
    assert door(0x80, 0x04, 0x02, 3, 17).flaws == ()
    assert door(0x83, 0x1C, 0x02, 17).flaws == ()
    assert Door().flaws == ()


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("c000004080c0030141", (0, 3)),
        ("c1 80 11 22 33 05 c0 11 03 44 81", (0x80, 17)),
        ("", ()),
        ("c0", ()),
        ("00ff", ()),
    ],
)
def test_a_list_of_suites_is_read_by_its_tags(listed: str, found: tuple[int, ...]) -> None:
    assert suites(bytes.fromhex(listed)) == found


# ---- DCMI, doubts, quirks --------------------------------------------------------------------------------------------


def test_power_that_is_not_measured_now_is_off_and_not_zero() -> None:
    answer = bytearray(b"\xdc\x2c\x01" + bytes(14) + b"\x40")
    told = power(bytes(answer), NOW)
    assert told is not None
    assert told.value == 300.0
    answer[17] = 0
    told = power(bytes(answer), NOW)
    assert told is not None
    assert told.value is NoReading.OFF
    assert power(b"\xdc\x00", NOW) is None


async def test_a_value_beyond_its_limit_that_the_device_calls_ok_is_suspect() -> None:
    shelf = server()
    shelf.records[0] = numeric(1, "Inlet", readable=0x10)
    shelf.readings[0, 1] = value(95)
    (reading,) = (await Bench(shelf).poll(*LIFE)).readings
    assert reading.quality is Quality.SUSPECT
    shelf.readings[0, 1] = value(95, 0x10)
    (reading,) = (await Bench(shelf).poll(*LIFE)).readings
    assert reading.quality is Quality.GOOD


@pytest.mark.parametrize("quirk", QUIRKS, ids=[quirk.name for quirk in QUIRKS])
def test_every_quirk_says_where_it_was_seen_and_leaves_other_makers_alone(quirk: object) -> None:
    record = discrete(1, "CPU1 Temp", 0xC0, entity=(3, 1), event=0x70)
    assert mended(record, 674) == (record, None)
    told, found = mended(record, 10876)
    assert found is not None
    assert found.evidence
    assert told != record
    assert mended(told, 10876) == (told, None)
    assert mended(b"\x01\x00\x51\xc0\x02\x01\x02", 10876)[1] is None


@pytest.mark.parametrize(
    ("said", "health"), [(0x0000, Health.OK), (0x0001, Health.OK), (0x0002, Health.WARNING), (0x0004, Health.CRITICAL)]
)
async def test_heat_in_words_is_a_severity(said: int, health: Health) -> None:
    shelf = server()
    shelf.device_id = bytes.fromhex("20 01 03 29 02 bf 7c 2a 00 17 09 00 00 00 00")
    shelf.records.append(discrete(0x40, "CPU1 Temp", 0xC0, entity=(3, 1), event=0x70))
    shelf.readings[0, 0x40] = states(said)
    seen = await Bench(shelf).poll(*LIFE, Aspect.COMPONENTS)
    assert [one.health for one in seen.health if one.component.kind == "Processor"] == [health]


async def test_a_processor_that_is_not_there_is_absent_in_words_too() -> None:
    shelf = server()
    shelf.device_id = bytes.fromhex("20 01 03 29 02 bf 7c 2a 00 17 09 00 00 00 00")
    shelf.records.append(discrete(0x40, "CPU2 Temp", 0xC0, entity=(3, 2), event=0x70))
    shelf.readings[0, 0x40] = states(0x0007)
    seen = await Bench(shelf).poll(*LIFE, Aspect.COMPONENTS)
    assert [one.state for one in seen.health if one.component.kind == "Processor"] == ["Absent"]


async def test_a_device_that_knows_nothing_but_its_chassis_has_an_inventory_all_the_same() -> None:
    shelf = Shelf(ManualClock(NOW))
    shelf.faults.append(
        lambda command: Answer(UNKNOWN, b"") if command[:2] not in ((0x00, 0x01), (0x06, 0x01)) else None
    )
    seen = await Bench(shelf).poll()
    assert seen.answered == frozenset(Aspect)
    assert seen.inventory is not None
    assert seen.inventory.identity.manufacturer == "Dell"


def test_every_quirk_stands_in_the_manual() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "drivers.md").read_text()
    assert [quirk.name for quirk in QUIRKS if f"| `{quirk.name}` |" not in manual] == []
