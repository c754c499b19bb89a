"""One resource of a device in its own bytes, for people who want to see for themselves. Only reads are sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fleetmon.drivers.ipmi import commands
from fleetmon.drivers.ipmi.commands import FIRST, LAST, READS, name_of
from fleetmon.drivers.ipmi.completion import DONE, meaning
from fleetmon.drivers.ipmi.fru import read_fru
from fleetmon.drivers.ipmi.look import Look
from fleetmon.drivers.ipmi.messages import Answer, Command
from fleetmon.drivers.ipmi.sdr import Fetching, read_on, stamp_of
from fleetmon.errors import Unaskable

NEWEST = 128
"""Records of a log shown."""
CURE = "give `sdr`, `sel`, `fru/0`, or a command that reads, as in `0x06 0x01` or `04/2D 30`"

_BYTE = re.compile(r"(?:0[xX])?([0-9A-Fa-f]{1,2})h?")


async def read_raw(look: Look, resource: str) -> Any:
    """The resource as JSON, every byte in hex; raises DeviceError, or Unaskable where nothing is asked."""
    said = resource.strip().strip("/").lower()
    if said == "sdr":
        return await _sdr(look)
    if said == "sel":
        return await _sel(look)
    if found := re.fullmatch(r"fru/?(\d{1,3})?", said):
        return await _fru(look, min(255, int(found[1] or 0)))
    command = command_of(said)
    (answer,) = await look.ask(command)
    return {
        "command": name_of(command),
        "netfn": f"{command.netfn:02X}",
        "code": f"{command.code:02X}",
        "request": spaced(command.data),
        **_shown(answer),
    }


def command_of(resource: str) -> Command:
    """The command that words such as `0x06 0x01` or `04/2D 30` name; Unaskable unless it is one that only reads."""
    words = [_BYTE.fullmatch(word) for word in re.split(r"[\s/,:]+", resource.strip())]
    octets = [int(word[1], 16) for word in words if word]
    if len(octets) != len(words) or len(octets) < 2:
        raise Unaskable(f"{resource[:200]!r} is no IPMI resource", cure=CURE)
    netfn, code, data = octets[0], octets[1], bytes(octets[2:])
    read = READS.get((netfn, code))
    if read is None or not read.sends(data):
        raise Unaskable(f"netfn {netfn:02X}h command {code:02X}h is none of the commands that only read", cure=CURE)
    return Command(netfn, code, data)


def spaced(octets: bytes) -> str:
    """Bytes in hex."""
    return octets.hex(" ").upper()


async def _sdr(look: Look) -> Any:
    stamp = await stamp_of(look)
    if stamp is None:
        return {"records": {}}
    fetching = Fetching(stamp)
    await read_on(look, fetching)
    return {
        "of": "device" if stamp.of_device else "repository",
        "count": stamp.records,
        "whole": fetching.whole,
        "records": {f"{record[1]:02X}{record[0]:02X}": spaced(record) for record in fetching.records},
    }


async def _sel(look: Look) -> Any:
    (info,) = await look.ask(commands.SEL_INFO)
    records: dict[str, str] = {}
    (last,) = await look.ask(commands.sel_entry(LAST))
    for next_id in _starts(last):
        while next_id != LAST and len(records) < NEWEST and look.has_time():
            (answer,) = await look.ask(commands.sel_entry(next_id))
            if answer.code != DONE or len(answer.data) < 4:
                break
            records[f"{answer.data[3]:02X}{answer.data[2]:02X}"] = spaced(answer.data[2:])
            next_id = int.from_bytes(answer.data[:2], "little")
        if records:
            break
    return {"info": _shown(info), "newest": records}


def _starts(last: Answer) -> Iterator[int]:
    """Where to begin so that the newest records are among those read: by number, else at the oldest."""
    if last.code == DONE and len(last.data) >= 4:
        newest = int.from_bytes(last.data[2:4], "little")
        if newest >= NEWEST:
            yield newest - NEWEST + 1
        yield FIRST


async def _fru(look: Look, fru_id: int) -> Any:
    found = await read_fru(look, fru_id)
    return {"fru": fru_id, "whole": found.whole, "data": spaced(found.raw)}


def _shown(answer: Answer) -> dict[str, str]:
    return {
        "completion": "done (00h)" if answer.code == DONE else meaning(answer.code),
        "data": spaced(answer.data),
    }
