"""Completion codes: what they mean, and what follows from them. IPMI v2.0 rev 1.1, table 5-2."""

from __future__ import annotations

from fleetmon.drivers.ipmi.commands import name_of, privilege_of
from fleetmon.drivers.ipmi.messages import Command

DONE = 0x00
RESERVATION_LOST = 0xC5
NOT_PRESENT = 0xCB
NO_PRIVILEGE = 0xD4

UNSUPPORTED = frozenset({0xC1, 0xC2, 0xD6})
"""The device does not know the command, or has it disabled: asking again says the same until its firmware changes."""
TOO_MUCH = frozenset({0xC7, 0xC8, 0xC9, 0xCA, 0xCC, 0xFF})
"""What devices answer to a read of more bytes than they can return at once (F88); the standard says CAh."""
GONE = frozenset({0xCB, 0xCD, 0xC9})
"""There is no such sensor, record or piece of data."""

_MEANINGS = {
    0xC0: "node busy",
    0xC1: "unknown command",
    0xC2: "unknown command at this LUN",
    0xC3: "timeout inside the device",
    0xC4: "out of space",
    0xC5: "reservation lost",
    0xC6: "request truncated",
    0xC7: "wrong length of the request",
    0xC8: "request too long",
    0xC9: "parameter out of range",
    0xCA: "cannot return so many bytes",
    0xCB: "not present",
    0xCC: "invalid field in the request",
    0xCD: "not for this sensor or record",
    0xCE: "no answer can be given",
    0xCF: "the same request twice",
    0xD0: "SDR repository is being updated",
    0xD1: "firmware is being updated",
    0xD2: "initialisation in progress",
    0xD3: "the part asked is not there",
    0xD4: "too little privilege",
    0xD5: "not in the present state",
    0xD6: "disabled",
    0xFF: "unspecified error",
}


def meaning(code: int) -> str:
    """A completion code in words, with its number."""
    return f"{_MEANINGS.get(code, 'an error of its own')} ({code:02X}h)"


def complaint(command: Command, code: int) -> str:
    """Why a command was not done, and where we know it, what would put it right."""
    if code == NO_PRIVILEGE:
        least = privilege_of(command)
        return (
            f"{name_of(command)}: {meaning(code)}; give the user of this credential set the privilege {least} "
            "on the LAN channel"
        )
    return f"{name_of(command)}: {meaning(code)}"
