"""A poll over IPMI under way: how it asks, and what silence or refusal of one command means for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar
from typing import Protocol as Contract

from fleetmon.drivers import look
from fleetmon.drivers.ipmi.commands import name_of
from fleetmon.drivers.ipmi.completion import DONE, NO_PRIVILEGE, UNSUPPORTED, complaint
from fleetmon.drivers.ipmi.messages import Answer, Command
from fleetmon.drivers.ipmi.session import CutShort
from fleetmon.drivers.lane import Priority
from fleetmon.errors import DeviceError, Unreachable
from fleetmon.model import ComponentHealth, Protocol

MOST_AT_ONCE = 16
"""Commands in one turn of the lane; what a failure in their midst can cost."""
HASTE = 2.0
"""Seconds a turn should take at most: a slow device is asked for fewer things at once, so that little is lost."""


class Asker(Contract):
    """The session, as far as a look needs it."""

    async def ask(self, *commands: Command, priority: Priority = Priority.POLL) -> list[Answer]:
        """The answers in order; raises DeviceError, CutShort where a command among others is met with silence."""
        ...


@dataclass(slots=True, kw_only=True)
class Look(look.Look):
    """A poll under way, and the only way in which it asks."""

    protocol: ClassVar[Protocol] = Protocol.IPMI
    whole: ClassVar[str] = "IPMI"

    session: Asker
    priority: Priority = Priority.POLL
    lacking: set[str] = field(default_factory=set)
    """Commands the device is known to lack; what is found out in this poll is added."""
    asked: set[int] = field(default_factory=set)
    """Sensors asked in this poll, by their places in the catalog."""
    pace: float = 0.0
    """Seconds the device took for one command of the last turn."""

    def has_time(self) -> bool:
        """Is there time left for another turn? None after a failure."""
        return self.failed is None and self.clock.monotonic() + self.pace < self.limit

    def told(self, *health: ComponentHealth) -> None:
        """Note how components are; what is said later in a poll counts."""
        latest = {(one.component.kind, one.component.name): one for one in (*self.health, *health)}
        self.health = tuple(latest.values())

    async def ask(self, *commands: Command) -> list[Answer]:
        """A few answers that belong together; raises DeviceError."""
        if self.failed is not None:
            raise self.failed
        began = self.clock.monotonic()
        answers = await self.session.ask(*commands, priority=self.priority)
        self.answers += len(answers)
        self.pace = (self.clock.monotonic() - began) / len(commands)
        return answers

    async def one(self, command: Command) -> bytes | None:
        """The answer's data; None where the device cannot give it, which is told unless it just does not know how."""
        (answer,) = await self.ask(command)
        if answer.code == DONE:
            return answer.data
        if answer.code not in UNSUPPORTED:
            self.tell(name_of(command), complaint(command, answer.code))
        return None

    async def maybe(self, command: Command) -> Answer | None:
        """One answer; None when the command is met with silence, while the device answers others."""
        answers = await self.many([command])
        return answers[0] if answers else None

    async def optional(self, command: Command) -> bytes | None:
        """What a device may have or not, and nobody needs to be told that it has not; it is asked once then."""
        name = name_of(command)
        if name in self.lacking:
            return None
        answer = await self.maybe(command)
        if answer is None or answer.code in UNSUPPORTED:
            self.lacking.add(name)
        return answer.data if answer is not None and answer.code == DONE else None

    async def many(self, commands: Sequence[Command]) -> list[Answer | None]:
        """An answer to each, None for one that was met with silence; fewer than asked for when the time ran out.

        A device that falls silent altogether ends the poll, and what it has answered stands. Raises DeviceError when
        that is nothing.
        """
        found: list[Answer | None] = []
        silent = 0
        while len(found) < len(commands) and self.has_time():
            few = commands[len(found) : len(found) + self.at_once()]
            try:
                found += await self.ask(*few)
                silent = 0
            except Unreachable as silence:
                before = silence.answers if isinstance(silence, CutShort) else []
                self.answers += len(before)
                found += before
                silent = 1 if before else silent + 1
                if not self.answers:
                    raise
                if silent > 1:
                    self.failed = silence
                else:
                    found.append(None)
            except DeviceError as error:
                if not found:
                    raise
                self.failed = error
        self._complain(commands, found)
        return found

    def at_once(self) -> int:
        """How many commands to ask in one turn, as fast as this device is."""
        return MOST_AT_ONCE if not self.pace else max(1, min(MOST_AT_ONCE, int(HASTE / self.pace)))

    def _complain(self, commands: Sequence[Command], answers: Sequence[Answer | None]) -> None:
        """A privilege that is lacking is told once a kind of command, with its cure."""
        for command, answer in zip(commands, answers, strict=False):
            if answer is not None and answer.code == NO_PRIVILEGE:
                self.tell(name_of(command), complaint(command, answer.code))
