"""A platform event trap is read field by field, and is a reason to ask for what it speaks of."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fleetmon.drivers.ipmi.parse.pet import hint, trap
from fleetmon.errors import Garbled
from fleetmon.model import Aspect, Health

GUID = bytes.fromhex("44454c4c 5000 1059 8043 b2c04f333358")
"""As a real BMC sends it; the same machine's SMBIOS and Redfish say 4c4c4544-0050-5910-8043-b2c04f333358."""


def told(
    guid: bytes = GUID,
    *,
    sequence: str = "0002",
    time: str = "19e87e26",
    offset: str = "ffff",
    severity: str = "10",
    event: str = "8001ff0000000000",
    tail: str = "c1",
) -> bytes:
    return guid + bytes.fromhex(f"{sequence}{time}{offset} 2020{severity}20731801 {event} 19 000002a2 0100 {tail}")


def test_every_field_stands_where_the_specification_has_it():
    event = trap(0x056F00, told())
    assert (event.sensor_type, event.event_type, event.asserted, event.offset) == (0x05, 0x6F, True, 0)
    assert (event.guid, event.sequence) == (GUID, 2)
    assert (event.trap_source, event.event_source, event.severity) == (0x20, 0x20, Health.CRITICAL)
    assert (event.sensor_device, event.sensor_number, event.entity, event.entity_instance) == (0x20, 0x73, 0x18, 1)
    assert event.data == bytes.fromhex("8001ff0000000000")
    assert (event.language, event.manufacturer, event.system, event.custom) == (0x19, 674, 0x0100, b"\xc1")


def test_bit_7_of_the_offset_says_that_the_event_is_over():
    event = trap(0x010187, told())
    assert (event.asserted, event.offset) == (False, 7)


@pytest.mark.parametrize(
    ("time", "offset", "at"),
    [
        ("00000e10", "0000", datetime(1998, 1, 1, 1, tzinfo=UTC)),
        ("00000e10", "003c", datetime(1998, 1, 1, tzinfo=UTC)),
        ("00000e10", "ffc4", datetime(1998, 1, 1, 2, tzinfo=UTC)),
        ("00000e10", "ffff", None),
        ("00000000", "0000", None),
    ],
)
def test_local_time_counts_from_1998_and_its_distance_from_UTC_is_taken_off(time, offset, at):
    assert trap(0x010101, told(time=time, offset=offset)).at == at


def test_a_guid_is_compared_in_every_order_that_firmware_sends():
    assert trap(1, told()).guids == (
        "4c4c4544-0050-5910-8043-b2c04f333358",
        "44454c4c-5000-1059-8043-b2c04f333358",
        "5833334f-c0b2-4380-5910-00504c4c4544",
    )


@pytest.mark.parametrize("byte", [b"\x00", b"\xff"])
def test_a_guid_that_nobody_wrote_is_none(byte):
    assert trap(1, told(byte * 16)).guids == ()


@pytest.mark.parametrize(
    ("severity", "health"),
    [("00", Health.UNKNOWN), ("02", Health.OK), ("04", Health.OK), ("08", Health.WARNING), ("20", Health.CRITICAL)],
)
def test_severities(severity, health):
    assert trap(1, told(severity=severity)).severity is health


def test_a_threshold_is_a_reason_to_read_sensors_and_a_state_one_to_look_at_parts():
    both = {Aspect.HEARTBEAT, Aspect.EVENTS}
    assert hint(trap(0x010101, told())) == both | {Aspect.SENSORS}
    assert hint(trap(0x0D6F01, told())) == both | {Aspect.COMPONENTS}


def test_fields_of_the_maker_and_their_end_may_be_missing_and_no_others():
    assert trap(1, told(tail="")).custom == b""
    for size in range(46):
        with pytest.raises(Garbled):
            trap(1, told()[:size])
