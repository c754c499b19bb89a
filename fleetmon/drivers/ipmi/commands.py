"""The commands we send, each of which only reads; what they are called, and which privilege they need.

Numbers and privileges: IPMI v2.0 rev 1.1, appendix G; DCMI v1.5, section 6. A command that is not in `READS` is never
sent on anybody's word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fleetmon.drivers.ipmi.messages import Command

CHASSIS, SENSOR, APP, STORAGE, GROUP = 0x00, 0x04, 0x06, 0x0A, 0x2C
DCMI = 0xDC
"""The body that defines the group's command, told as first byte of request and answer."""
CHANNEL = 0x0E
"""The channel a request comes in by."""
ADMINISTRATOR = 4
WHOLE = 0xFF
"""In place of a count: the record to its end."""
FIRST, LAST = 0x0000, 0xFFFF
"""Ids of the first record of a repository or log, and of the last; LAST as next id means that there is none."""


class Read(NamedTuple):
    """A command that changes nothing on the device."""

    name: str
    privilege: str = "User"
    sends: Callable[[bytes], bool] = lambda _: True
    """Does it only read when it is sent these bytes?"""


def _dcmi(name: str) -> Read:
    return Read(name, sends=lambda data: data[:1] == bytes([DCMI]))


READS: dict[tuple[int, int], Read] = {
    (CHASSIS, 0x00): Read("Get Chassis Capabilities"),
    (CHASSIS, 0x01): Read("Get Chassis Status"),
    (CHASSIS, 0x07): Read("Get System Restart Cause"),
    (CHASSIS, 0x09): Read("Get System Boot Options", "Operator"),
    (CHASSIS, 0x0F): Read("Get POH Counter"),
    (SENSOR, 0x01): Read("Get Event Receiver"),
    (SENSOR, 0x10): Read("Get PEF Capabilities"),
    (SENSOR, 0x20): Read("Get Device SDR Info"),
    (SENSOR, 0x21): Read("Get Device SDR"),
    (SENSOR, 0x23): Read("Get Sensor Reading Factors"),
    (SENSOR, 0x25): Read("Get Sensor Hysteresis"),
    (SENSOR, 0x27): Read("Get Sensor Thresholds"),
    (SENSOR, 0x29): Read("Get Sensor Event Enable"),
    (SENSOR, 0x2B): Read("Get Sensor Event Status"),
    (SENSOR, 0x2D): Read("Get Sensor Reading"),
    (SENSOR, 0x2F): Read("Get Sensor Type"),
    (APP, 0x01): Read("Get Device ID"),
    (APP, 0x04): Read("Get Self Test Results"),
    (APP, 0x07): Read("Get ACPI Power State"),
    (APP, 0x08): Read("Get Device GUID"),
    (APP, 0x25): Read("Get Watchdog Timer"),
    (APP, 0x2F): Read("Get BMC Global Enables"),
    (APP, 0x37): Read("Get System GUID"),
    (APP, 0x38): Read("Get Channel Authentication Capabilities"),
    (APP, 0x3D): Read("Get Session Info"),
    (APP, 0x41): Read("Get Channel Access"),
    (APP, 0x42): Read("Get Channel Info"),
    (APP, 0x44): Read("Get User Access", "Operator"),
    (APP, 0x54): Read("Get Channel Cipher Suites"),
    (APP, 0x59): Read("Get System Info Parameters"),
    (STORAGE, 0x10): Read("Get FRU Inventory Area Info"),
    (STORAGE, 0x11): Read("Read FRU Data"),
    (STORAGE, 0x20): Read("Get SDR Repository Info"),
    (STORAGE, 0x21): Read("Get SDR Repository Allocation Info"),
    (STORAGE, 0x23): Read("Get SDR"),
    (STORAGE, 0x28): Read("Get SDR Repository Time"),
    (STORAGE, 0x40): Read("Get SEL Info"),
    (STORAGE, 0x41): Read("Get SEL Allocation Info"),
    (STORAGE, 0x43): Read("Get SEL Entry"),
    (STORAGE, 0x48): Read("Get SEL Time"),
    (STORAGE, 0x5A): Read("Get Auxiliary Log Status"),
    (STORAGE, 0x5C): Read("Get SEL Time UTC Offset"),
    (GROUP, 0x01): _dcmi("Get DCMI Capabilities Info"),
    (GROUP, 0x02): _dcmi("Get Power Reading"),
    (GROUP, 0x03): _dcmi("Get Power Limit"),
    (GROUP, 0x06): _dcmi("Get Asset Tag"),
    (GROUP, 0x07): _dcmi("Get DCMI Sensor Info"),
    (GROUP, 0x09): _dcmi("Get Management Controller Identifier String"),
    (GROUP, 0x10): _dcmi("Get Temperature Readings"),
}
"""Left out although they only read: those that take something away with it (Get Message, Read Event Message Buffer,
Get IP/UDP/RMCP Statistics with its clear bit) and those that tell secrets (AuthCode, LAN and user parameters)."""

RESERVE_SDR = Command(STORAGE, 0x22)
RESERVE_DEVICE_SDR = Command(SENSOR, 0x22)
"""Reservations end by themselves and change nothing; they stand here because nobody asks for them in raw."""

DEVICE_ID = Command(APP, 0x01)
SYSTEM_GUID = Command(APP, 0x37)
DEVICE_GUID = Command(APP, 0x08)
CHASSIS_STATUS = Command(CHASSIS, 0x01)
SDR_INFO = Command(STORAGE, 0x20)
DEVICE_SDR_INFO = Command(SENSOR, 0x20)
SEL_INFO = Command(STORAGE, 0x40)
SEL_TIME = Command(STORAGE, 0x48)
AUTHENTICATION = Command(APP, 0x38, bytes([0x80 | CHANNEL, ADMINISTRATOR]))
"""With the bit that asks for what IPMI 2.0 added."""
DCMI_CAPABILITIES = Command(GROUP, 0x01, bytes([DCMI, 0x01]))
DCMI_POWER = Command(GROUP, 0x02, bytes([DCMI, 0x01, 0x00, 0x00]))


def cipher_suites(part: int) -> Command:
    """The `part`th 16 bytes of the suites for IPMI payloads, listed by suite."""
    return Command(APP, 0x54, bytes([CHANNEL, 0x00, 0x80 | part]))


def sdr(reservation: int, record: int, offset: int = 0, count: int = WHOLE, *, of_device: bool = False) -> Command:
    """One record of the SDR Repository, or of the device's own SDRs, or a piece of it."""
    asked = _record(reservation, record, offset, count)
    return Command(SENSOR, 0x21, asked) if of_device else Command(STORAGE, 0x23, asked)


def sel_entry(record: int) -> Command:
    """One whole record of the SEL; a whole one needs no reservation."""
    return Command(STORAGE, 0x43, _record(0, record, 0, WHOLE))


def sensor_reading(number: int, lun: int) -> Command:
    """Reading and state of a sensor."""
    return Command(SENSOR, 0x2D, bytes([number]), lun)


def sensor_thresholds(number: int, lun: int) -> Command:
    """Thresholds as they are set now."""
    return Command(SENSOR, 0x27, bytes([number]), lun)


def sensor_hysteresis(number: int, lun: int) -> Command:
    """Hysteresis as it is set now; the second byte is reserved and FFh."""
    return Command(SENSOR, 0x25, bytes([number, 0xFF]), lun)


def sensor_factors(number: int, lun: int, raw: int) -> Command:
    """The factors of a non-linear sensor at one raw reading."""
    return Command(SENSOR, 0x23, bytes([number, raw]), lun)


def fru_info(fru_id: int) -> Command:
    """How large a FRU's inventory is."""
    return Command(STORAGE, 0x10, bytes([fru_id]))


def fru_data(fru_id: int, offset: int, count: int) -> Command:
    """A piece of a FRU's inventory; offset and count in the device's units, bytes or words."""
    return Command(STORAGE, 0x11, bytes([fru_id, *offset.to_bytes(2, "little"), count]))


def asset_tag(offset: int, count: int) -> Command:
    """A piece of the DCMI asset tag."""
    return Command(GROUP, 0x06, bytes([DCMI, offset, count]))


def controller_name(offset: int, count: int) -> Command:
    """A piece of the DCMI Management Controller Identifier String."""
    return Command(GROUP, 0x09, bytes([DCMI, offset, count]))


def name_of(command: Command) -> str:
    """What the specification calls it."""
    if command in (RESERVE_SDR, RESERVE_DEVICE_SDR):
        return "Reserve SDR Repository"
    read = READS.get((command.netfn, command.code))
    return read.name if read else f"command {command.netfn:02X}h {command.code:02X}h"


def privilege_of(command: Command) -> str:
    """The least privilege that may ask it."""
    read = READS.get((command.netfn, command.code))
    return read.privilege if read else "Administrator"


def repeatable(command: Command) -> bool:
    """Does it change nothing, so that it may be sent again when no answer came?"""
    if command in (RESERVE_SDR, RESERVE_DEVICE_SDR):
        return True
    read = READS.get((command.netfn, command.code))
    return read is not None and read.sends(command.data)


def _record(reservation: int, record: int, offset: int, count: int) -> bytes:
    return bytes([*reservation.to_bytes(2, "little"), *record.to_bytes(2, "little"), offset, count])
