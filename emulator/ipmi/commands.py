"""What a command of a table is: who may ask it, how it is answered, and how it is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.ipmi.message import Code, NetFn, Privilege, Request

if TYPE_CHECKING:
    from emulator.ipmi.controller import MachineController

Answer = Callable[["MachineController", Request], bytes]
"""The data after completion code 0; RefusedError is any other."""


class RefusedError(Exception):
    """A command answered by a completion code other than 0."""

    def __init__(self, code: int, data: bytes = b"") -> None:
        super().__init__(f"{code:02x}h")
        self.code, self.data = code, data


@dataclass(frozen=True, slots=True)
class Command:
    """One command of appendix G of IPMI v2.0, or of DCMI 1.5."""

    netfn: NetFn
    code: int
    privilege: Privilege
    """The least that may ask it (table G-1)."""
    answer: Answer
    least: int = 0
    """Bytes of data that it takes at least; fewer are C7h."""


def nothing(controller: MachineController, request: Request) -> bytes:
    """Accepted, with nothing to say."""
    return b""


def piece(whole: bytes, offset: int, count: int) -> bytes:
    """Part of an area; C9h beyond its end."""
    if offset > len(whole):
        raise RefusedError(Code.OUT_OF_RANGE)
    return whole[offset : offset + count]


def word(data: bytes, at: int) -> int:
    """Two bytes, the least significant first."""
    return int.from_bytes(data[at : at + 2], "little")


def stamp(instant: float) -> bytes:
    """Four bytes of seconds, the least significant first; what is before 1970 is 0."""
    return max(0, min(0xFFFF_FFFE, int(instant))).to_bytes(4, "little")
