"""What DCMI adds: how much the whole machine draws, its asset tag, the name of its BMC (DCMI v1.5, chapter 6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fleetmon.drivers.ipmi import commands
from fleetmon.drivers.ipmi.commands import DCMI
from fleetmon.drivers.ipmi.completion import DONE
from fleetmon.drivers.ipmi.known import Known
from fleetmon.drivers.ipmi.look import Look
from fleetmon.drivers.ipmi.messages import Command
from fleetmon.model import DEVICE, NoReading, Reading, ReadingType, Sensor

POWER = Sensor(
    component=DEVICE,
    name="System Power (DCMI)",
    type=ReadingType.POWER,
    source="dcmi/power",
    physical_context="Chassis",
)
POWER_MANAGEMENT = 0x01
"""Bit of the second byte of the supported capabilities (table 6-3)."""
ACTIVE = 0x40
"""Bit of a power reading's state: is power measured now?"""
TEXT_PIECE = 16
"""Bytes of a text asked at once (sections 6.4.2 and 6.4.6)."""
LONGEST = 64


async def read_power(known: Known, look: Look) -> None:
    """What the machine draws, in every poll of a device that can tell; another one is asked once."""
    if known.dcmi is None:
        known.dcmi = await _tells_power(look)
    if not known.dcmi:
        return
    (answer,) = await look.ask(commands.DCMI_POWER)
    reading = power(answer.data, look.now()) if answer.code == DONE else None
    if reading is None:
        known.dcmi = False
    else:
        look.readings.append(reading)


def power(data: bytes, taken_at: datetime) -> Reading | None:
    """The reading in the answer of Get Power Reading (table 6-16); None when it is none."""
    if len(data) < 18 or data[0] != DCMI:
        return None
    active = bool(data[17] & ACTIVE)
    watts = float(int.from_bytes(data[1:3], "little"))
    return Reading(sensor=POWER, value=watts if active else NoReading.OFF, taken_at=taken_at)


async def asset_tag(look: Look) -> str:
    """The asset tag; empty where there is none."""
    return await _text(look, commands.asset_tag)


async def controller_name(look: Look) -> str:
    """The Management Controller Identifier String, by default its host name; empty where there is none."""
    return await _text(look, commands.controller_name)


async def _tells_power(look: Look) -> bool:
    told = await look.optional(commands.DCMI_CAPABILITIES)
    return told is not None and len(told) > 5 and bool(told[5] & POWER_MANAGEMENT)


async def _text(look: Look, command: Callable[[int, int], Command]) -> str:
    octets, length = b"", 1
    while len(octets) < length:
        count = TEXT_PIECE if not octets else min(TEXT_PIECE, length - len(octets))
        told = await look.optional(command(len(octets), count))
        if told is None or len(told) < 3 or told[0] != DCMI:
            break
        length = min(told[1], LONGEST)
        octets += told[2:]
    text = octets[:length].split(b"\x00")[0].decode("utf-8", "replace")
    return "".join(letter for letter in text if letter.isprintable()).strip() if octets else ""
