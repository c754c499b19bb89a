"""Records of the SEL in words, with their severity, their time and what they speak of."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fleetmon.drivers.ipmi.parse.points import directory, points
from fleetmon.drivers.ipmi.parse.sel import event, log_record
from fleetmon.errors import Garbled
from fleetmon.model import Component, Health, LogRecord
from tests.ipmi_records import BOARD, CPU, DIMM, SUPPLY, compact, event_only, full, le, logged, told

FF = 0xFF
OK, WARNING, CRITICAL, UNKNOWN = Health.OK, Health.WARNING, Health.CRITICAL, Health.UNKNOWN
KNOWN = directory(
    points(
        told(
            full(0x01, "Inlet Temp", b=-128, readable=0x18),
            compact(0x10, "Drive 3", entity=(BOARD, 1)),
            compact(0x20, "Status", entity=(SUPPLY, 2), sensor_type=0x08),
            compact(0x30, "CATERR", entity=(CPU, 1), sensor_type=0x07, event_type=0x03),
            compact(0x40, "SEL", sensor_type=0x10),
            event_only(0x50, "Mmry ECC Sensor", entity=(DIMM, 1), owner=0x33),
            compact(0x60, "Vendor", sensor_type=0xC9, event_type=0x70),
        )
    )
)


def spoken(raw: bytes) -> LogRecord:
    return log_record(raw, KNOWN, "sel")


def supply(data: tuple[int, int, int], *, asserted: bool = True) -> bytes:
    return logged(number=0x20, sensor_type=0x08, data=data, asserted=asserted)


def inlet(data: tuple[int, int, int], *, asserted: bool = True) -> bytes:
    return logged(number=0x01, sensor_type=0x01, event_type=0x01, data=data, asserted=asserted)


def nameless(sensor_type: int, *data: int) -> bytes:
    """An event of a sensor that no SDR tells of."""
    first, second, third = (*data, FF, FF)[:3]
    return logged(number=0x77, sensor_type=sensor_type, data=(first, second, third))


def test_a_record_tells_who_when_what_and_how_bad():
    found = spoken(logged(0x1F2, seconds=0x6900_0000, number=0x10, data=(0x01, 0xFF, 0xFF)))
    assert (found.record_id, found.source, found.severity) == ("498", "sel/01F2", CRITICAL)
    assert (found.message, found.message_id) == ("Drive 3: fault", "IPMI.0D.6F.01")
    assert found.component == Component("Drive", "Drive 3")
    assert found.created_at == datetime(2025, 10, 27, 23, 28, tzinfo=UTC)
    assert found.created_text == "2025-10-27T23:28:00"


@pytest.mark.parametrize(
    ("record", "severity", "message"),
    [
        (logged(number=0x10, asserted=False), OK, "Drive 3: no longer fault"),
        (logged(number=0x10, data=(0, FF, FF), asserted=False), WARNING, "Drive 3: not present any more"),
        (logged(number=0x10, data=(2, FF, FF)), WARNING, "Drive 3: failure predicted"),
        (supply(data=(3, FF, FF)), CRITICAL, "PS2 Status: input lost"),
        (supply(data=(3, FF, FF), asserted=False), OK, "PS2 Status: input is back"),
        (supply(data=(0x36, FF, 3)), CRITICAL, "PS2 Status: configuration error; power rating differs"),
        (
            inlet(data=(0x59, 0xB0, 0xAA)),
            CRITICAL,
            "System Board Inlet Temp: rose above upper critical threshold; reading 48 °C; threshold 42 °C",
        ),
        (
            inlet(data=(0x59, 0xA0, 0x89), asserted=False),
            OK,
            "System Board Inlet Temp: back below upper critical threshold; reading 32 °C; threshold 9 °C",
        ),
        (inlet(data=(0x06, FF, FF)), OK, "System Board Inlet Temp: fell below upper non-critical threshold"),
        (inlet(data=(0x08, FF, FF)), WARNING, "System Board Inlet Temp: fell below upper critical threshold"),
        (inlet(data=(0x04, FF, FF)), CRITICAL, "System Board Inlet Temp: fell below lower non-recoverable threshold"),
        (inlet(data=(0x03, FF, FF)), WARNING, "System Board Inlet Temp: rose above lower critical threshold"),
        (logged(number=0x30, sensor_type=7, event_type=3), CRITICAL, "CPU 1 CATERR: state asserted"),
        (
            logged(number=0x50, owner=0x33, sensor_type=0x0C, data=(0x30, FF, 5)),
            WARNING,
            "Memory 1 Mmry ECC Sensor: correctable ECC error; module 5",
        ),
        (logged(number=0x40, sensor_type=0x10, data=(2, FF, FF)), OK, "SEL: log cleared"),
        (logged(number=0x40, sensor_type=0x10, data=(0x35, FF, 90)), WARNING, "SEL: log almost full; 90 % full"),
        (
            logged(number=0x60, sensor_type=0xC9, event_type=0x70, data=(0xA1, 2, 12)),
            UNKNOWN,
            "System Board Vendor: OEM state 1 of type C9h/70h; data 02 0C",
        ),
        (nameless(0x23, 0xC1, 4), WARNING, "Watchdog sensor 77h: hard reset by the watchdog; OS"),
        (nameless(0x0F, 0xC0, 1), CRITICAL, "System firmware sensor 77h: error in POST; no memory installed"),
        (nameless(0x12, 0xC5, 0x80), OK, "System event sensor 77h: clock set; after"),
        (nameless(0x12, 0xC5, FF), OK, "System event sensor 77h: clock set"),
        (nameless(0x12, 0xC4, 0x03), OK, "System event sensor 77h: platform event filter acted; alert, power off"),
        (nameless(0x1D, 0xC7, 3), OK, "System boot sensor 77h: restarted; power button"),
        (nameless(0x21, 0xF0, 9, 4), CRITICAL, "Slot sensor 77h: fault; PCIe 4"),
        (
            nameless(0x2A, 0xF2, 3, 1),
            WARNING,
            "Session audit sensor 77h: wrong user name or password; user 3, channel 1",
        ),
        (nameless(0x2B, 0xC1, 2), OK, "Version change sensor 77h: firmware changed; controller firmware"),
        (
            logged(number=0x40, sensor_type=0x28, data=(2, FF, FF), asserted=False),
            OK,
            "Management subsystem sensor 40h: controller on line again",
        ),
        (
            logged(number=0x40, sensor_type=0x22, event_type=7, data=(2, FF, FF)),
            CRITICAL,
            "ACPI power state sensor 40h: critical",
        ),
        (nameless(0x28, 0xC4, 0x11), WARNING, "Management subsystem sensor 77h: sensor failed; sensor 11h"),
        (nameless(0x05, 0xC4, 2), WARNING, "Physical security sensor 77h: network cable pulled; port 2"),
        (nameless(0x2C, 0xC4, 0x32), OK, "FRU state sensor 77h: active; hot swap button"),
    ],
)
def test_records_in_words(record, severity, message):
    found = spoken(record)
    assert (found.severity, found.message) == (severity, message)


def test_a_message_id_tells_kinds_of_events_apart_and_their_coming_from_their_going():
    assert spoken(supply(data=(3, FF, FF))).message_id == "IPMI.08.6F.03"
    assert spoken(supply(data=(3, FF, FF), asserted=False)).message_id == "IPMI.08.6F.83"


def test_events_that_come_and_go_and_events_of_two_modules_are_not_the_same():
    came, went = logged(number=0x10), logged(number=0x10, asserted=False)
    assert spoken(came).content_hash != spoken(went).content_hash
    first = logged(number=0x50, owner=0x33, sensor_type=0x0C, data=(0xA0, 0x01, 0x02))
    second = logged(number=0x50, owner=0x33, sensor_type=0x0C, data=(0xA0, 0x01, 0x03))
    assert spoken(first).content_hash != spoken(second).content_hash


def test_a_number_used_by_two_owners_or_for_another_kind_of_sensor_is_not_mixed_up():
    assert spoken(logged(number=0x10, owner=0x33)).component is None
    assert spoken(logged(number=0x10, sensor_type=0x08)).component is None
    assert spoken(logged(number=0x10, sensor_type=0x08)).message.startswith("Power supply sensor 10h: failed")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0x0000_012C, "300 s after the log began"),
        (0x2000_0000, "536870912 s after the log began"),
        (0xFFFF_FFFF, ""),
    ],
)
def test_a_time_before_the_clock_was_set_is_no_date(seconds, text):
    found = spoken(logged(seconds=seconds))
    assert (found.created_at, found.created_text) == (None, text)
    assert event(logged(seconds=0x2000_0001)).at == datetime(1987, 1, 5, 18, 48, 33, tzinfo=UTC)


def test_a_maker_s_records_are_kept_readable():
    timed = le(7) + b"\xc5" + le(0x6900_0000, 4) + b"\x57\x01\x00" + b"\x01\x02\x03\x04\x05\x06"
    found = spoken(timed)
    assert (found.severity, found.message_id, found.component) == (UNKNOWN, "IPMI.OEM.C5", None)
    assert found.message == "OEM record C5h of manufacturer 000157h: 01 02 03 04 05 06"
    assert found.created_at is not None
    untimed = spoken(le(8) + b"\xe1" + bytes(range(13)))
    assert untimed.message == "OEM record E1h: 00 01 02 03 04 05 06 07 08 09 0A 0B 0C"
    assert (untimed.created_at, untimed.created_text) == (None, "")


def test_the_last_words_of_a_kernel_are_critical():
    found = spoken(le(9) + b"\xf0\x20\x01" + b"Fatal excep")
    assert (found.severity, found.message) == (CRITICAL, "kernel panic: Fatal excep")


def test_what_a_panicking_kernel_wrote_does_nothing_to_a_terminal():
    """Planted bug: its bytes are taken for text as they are."""
    found = spoken(bytes.fromhex("0a00 f0 2000") + b"\x1b[2Joh\x07no\r\x9b1")
    assert found.message == "kernel panic: [2Johno"


def test_a_record_that_is_cut_off_is_refused():
    with pytest.raises(Garbled):
        event(logged()[:15])
