"""What faults do to the datagrams of IPMI: they are met by what came, and decide what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.ipmi.message import Code, Reply

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

GREETINGS = ("open_session", "rakp1", "rakp3")
COMMANDS = ("outside", "command")
PAYLOADS = ("ping", *COMMANDS, *GREETINGS)
"""What came: a presence ping, a command outside any session or in one, a message of the way in."""


@dataclass(slots=True)
class Meeting:
    """One datagram under the influence of faults."""

    payload: str
    netfn: int = 0
    command: int = 0
    lost: bool = False
    """It never came."""
    code: int | None = None
    """Completion code that is given instead of the machine's answer."""
    delay: float = 0.0
    copies: int = 1
    """How often the answer is sent; 0 loses it."""
    junk: int = 0
    """Bytes that follow the answer's own."""
    edit: Callable[[Reply], Reply] | None = None
    """What becomes of the machine's reply."""
    counted: bool = False
    """Whether it is a command in flight until it is answered."""

    @property
    def asked(self) -> str:
        """As the ledger tells it: `IPMI 04h/2Dh`, or `IPMI rakp1`."""
        return f"IPMI {spelt(self.netfn, self.command) if self.payload in COMMANDS else self.payload}"


def spelt(netfn: int, command: int) -> str:
    """A command as people write it."""
    return f"{netfn:02X}h/{command:02X}h"


def met(bmc: Bmc, meeting: Meeting) -> bool:
    """Lets every fault that is met do its part; whether the datagram is lost."""
    bmc.next_turn(meeting.asked)
    for fault in [fault for fault in bmc.wire if fault.meets(meeting)]:
        if fault.effect.lan is not None:
            fault.effect.lan(meeting, fault.settings)
    return meeting.lost


def matches(match: Mapping[str, Any], payloads: tuple[str, ...], meeting: Meeting) -> bool:
    """Whether a fault's match is about this datagram; HTTP's is about none."""
    if meeting.payload not in payloads or not set(match) <= set(MATCH):
        return False
    if match.get("payload", meeting.payload) != meeting.payload:
        return False
    if "netfn" not in match and "command" not in match:
        return True
    wanted = (match.get("netfn", meeting.netfn), match.get("command", meeting.command))
    return meeting.payload in COMMANDS and wanted == (meeting.netfn, meeting.command)


POWER_COMMAND: dict[str, Any] = {"payload": "command", "netfn": 0x00, "command": 0x02}
"""The match of Chassis Control."""
MATCH: dict[str, Callable[[Any], bool]] = {
    "payload": lambda value: value in PAYLOADS,
    "netfn": lambda value: isinstance(value, int) and 0 <= value < 0x40 and value % 2 == 0,
    "command": lambda value: isinstance(value, int) and 0 <= value < 0x100,
}
"""What a fault may be told of the datagrams that it meets."""


GET_SENSOR_READING = (0x04, 0x2D)
NO_READING = {"unavailable": (0xFF, 0x20), "unscanned": (0xBF, 0x00)}
"""Bits of a reading's flags that stay and that are added (IPMI v2.0, 35.14): 20h set, or 40h cleared."""


def latency(meeting: Meeting, settings: dict[str, Any]) -> None:
    meeting.delay += float(settings["latency"])


def hang(meeting: Meeting, settings: dict[str, Any]) -> None:
    meeting.lost = True


def completion_code(meeting: Meeting, settings: dict[str, Any]) -> None:
    meeting.code = settings["cc"]


def initialising(meeting: Meeting, settings: dict[str, Any]) -> None:
    meeting.code = Code.INITIALISING


def lose_answer(meeting: Meeting, settings: dict[str, Any]) -> None:
    meeting.copies = 0


def delay(meeting: Meeting, settings: dict[str, Any]) -> None:
    meeting.delay += float(settings["delay"])


def duplicate(meeting: Meeting, settings: dict[str, Any]) -> None:
    meeting.copies = settings["dup"]


def lose_packet(meeting: Meeting, settings: dict[str, Any]) -> None:
    if settings["lose_packet"] == "request":
        meeting.lost = True
    else:
        meeting.copies = 0


def no_reading(meeting: Meeting, settings: dict[str, Any]) -> None:
    bits = NO_READING[settings["no_reading"]]
    if (meeting.netfn, meeting.command) == GET_SENSOR_READING:
        meeting.edit = partial(_flagged, bits)


def _flagged(bits: tuple[int, int], reply: Reply) -> Reply:
    """A reading whose value is 0 and whose flags say that it means nothing."""
    if reply.code or len(reply.data) < 2:
        return reply
    keep, add = bits
    return Reply(reply.code, bytes((0, reply.data[1] & keep | add)) + bytes(len(reply.data) - 2))


def rakp_junk(meeting: Meeting, settings: dict[str, Any]) -> None:
    meeting.junk = settings["rakp_junk"]
