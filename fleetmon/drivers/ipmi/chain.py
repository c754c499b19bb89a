"""Records that each name the next: the SDR repository and the SEL, read with few trips over the line.

The id of the next record is known only when its predecessor has come. Nearly all devices number without gaps, so the
next few ids are guessed and asked in one turn; a guess counts only where the chain leads to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from fleetmon.drivers.ipmi.commands import FIRST, LAST
from fleetmon.drivers.ipmi.completion import DONE
from fleetmon.drivers.ipmi.look import Look
from fleetmon.drivers.ipmi.messages import Command

MOST = 16_384
"""Records of one chain; a longer one has no end."""
SEL_RECORD = 16
"""Bytes of a record of the SEL, and of the room it takes there."""
NOT_GIVEN = -1
"""In place of a completion code: no answer, or none that is a record."""


class End(NamedTuple):
    """Where reading a chain stopped."""

    next_id: int
    """What is to be read next; LAST when all has been read."""
    code: int = DONE
    """What the device answered for that record, when it was not the time that ran out."""

    @property
    def whole(self) -> bool:
        """Was the chain read to its end?"""
        return self.next_id == LAST


ALL_READ = End(LAST)


@dataclass(slots=True)
class Stretch:
    """Records of a log read in one go, or over several looks."""

    raws: list[bytes] = field(default_factory=list)
    end: End = ALL_READ
    reached: bool = False
    """Do they follow on what was read before?"""
    erased: int = 0
    """When the log had been cleared last, by its own clock, as the reading began."""

    def take(self, _: int, raw: bytes) -> bool:
        """Keep a record; what is shorter is none."""
        if len(raw) >= SEL_RECORD:
            self.raws.append(raw[:SEL_RECORD])
        return len(raw) >= SEL_RECORD


async def follow(
    look: Look,
    start: int,
    command: Callable[[int], Command],
    take: Callable[[int, bytes], bool],
    *,
    expected: int,
) -> End:
    """Read on from the record `start`, while there is time; each record goes to `take`, which says whether to go on.

    `expected` is how many records there should be: nobody guesses beyond them.
    """
    next_id, reach, taken = start, 1, 0
    seen: set[int] = set()
    while next_id != LAST and look.has_time() and taken < MOST:
        ids = _guesses(next_id, min(reach, look.at_once(), max(1, expected - taken)))
        answers = await look.many([command(record) for record in ids])
        asked = next_id
        for record, answer in zip(ids, answers, strict=False):
            if record != next_id:
                break
            if answer is None or (answer.code == DONE and len(answer.data) < 2):
                return End(next_id, NOT_GIVEN)
            if answer.code != DONE:
                return End(next_id, answer.code)
            if not take(record, answer.data[2:]):
                return End(next_id, NOT_GIVEN)
            seen.add(record)
            taken += 1
            next_id = int.from_bytes(answer.data[:2], "little")
            if next_id in seen or next_id == FIRST:
                return End(LAST)  # it leads back into itself
        reach = min(4 * reach, 16) if next_id == asked + len(ids) else 1
    return End(LAST if taken >= MOST else next_id)


def _guesses(next_id: int, count: int) -> list[int]:
    return [next_id + step for step in range(count) if next_id + step < LAST] if next_id != FIRST else [FIRST]
