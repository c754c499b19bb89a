"""What one poll has learned so far; whatever happens next, this is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol as Contract

from fleetmon.clock import Clock
from fleetmon.drivers.base import Request
from fleetmon.drivers.ipmi.commands import name_of
from fleetmon.drivers.ipmi.completion import DONE, NO_PRIVILEGE, UNSUPPORTED, complaint
from fleetmon.drivers.ipmi.messages import Answer, Command
from fleetmon.drivers.ipmi.session import CutShort
from fleetmon.drivers.lane import Priority
from fleetmon.errors import DeviceError, Unreachable
from fleetmon.model import (
    Aspect,
    ComponentHealth,
    Identity,
    Inventory,
    LogReading,
    Observation,
    Power,
    Problem,
    Protocol,
    Reachability,
    Reading,
)

MOST_AT_ONCE = 16
"""Commands in one turn of the lane; what a failure in their midst can cost."""
HASTE = 2.0
"""Seconds a turn should take at most: a slow device is asked for fewer things at once, so that little is lost."""


class Asker(Contract):
    """The session, as far as a look needs it."""

    async def ask(self, *commands: Command, priority: Priority = Priority.POLL) -> list[Answer]:
        """The answers in order; raises DeviceError, CutShort where a command among others is met with silence."""
        ...


@dataclass(slots=True)
class Look:
    """A poll under way, and the only way in which it asks."""

    request: Request
    started_at: datetime
    session: Asker
    clock: Clock
    limit: float
    """On the monotonic clock: from then on the poll should come to its end."""
    priority: Priority = Priority.POLL
    lacking: set[str] = field(default_factory=set)
    """Commands the device is known to lack; what is found out in this poll is added."""
    answered: set[Aspect] = field(default_factory=set)
    power: Power | None = None
    overall: ComponentHealth | None = None
    readings: list[Reading] = field(default_factory=list)
    health: dict[tuple[str, str], ComponentHealth] = field(default_factory=dict)
    components_complete: bool = False
    logs: list[LogReading] = field(default_factory=list)
    inventory: Inventory | None = None
    identity: Identity | None = None
    problems: list[Problem] = field(default_factory=list)
    asked: set[int] = field(default_factory=set)
    """Sensors asked in this poll, by their places in the catalog."""
    answers: int = 0
    """Commands the device has answered in this poll, with whatever completion code."""
    failed: DeviceError | None = None
    """What ended the poll; it is its outcome when nothing was answered, and nothing more is asked after it."""
    pace: float = 0.0
    """Seconds the device took for one command of the last turn."""

    def now(self) -> datetime:
        """The wall clock."""
        return self.clock.now()

    def monotonic(self) -> float:
        """The clock for durations."""
        return self.clock.monotonic()

    def has_time(self) -> bool:
        """Is there time left for another turn?"""
        return self.failed is None and self.clock.monotonic() + self.pace < self.limit

    def wants(self, *aspects: Aspect) -> bool:
        """Was any of these asked for?"""
        return any(aspect in self.request.aspects for aspect in aspects)

    def done(self, *aspects: Aspect) -> None:
        """These were read well enough to count as seen, if they were asked for."""
        self.answered |= self.request.aspects.intersection(aspects)

    def tell(self, resource: str, reason: str) -> None:
        """Note what could not be read or believed."""
        self.problems.append(Problem(resource=resource, reason=reason))

    def find(self, resource: str, reason: str) -> None:
        """Note what was read well and is worth a person's attention."""
        self.problems.append(Problem(resource=resource, reason=reason, finding=True))

    def told(self, *health: ComponentHealth) -> None:
        """Note how components are; what is said later in a poll counts."""
        self.health.update({(one.component.kind, one.component.name): one for one in health})

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

    def observation(self, *, seconds: float, requests: int, reachability: Reachability, reason: str) -> Observation:
        """All of it, as the poll's outcome."""
        return Observation(
            protocol=Protocol.IPMI,
            asked=self.request.aspects,
            answered=frozenset(self.answered),
            taken_at=self.started_at,
            seconds=seconds,
            requests=requests,
            reachability=reachability,
            reason=reason,
            power=self.power,
            overall=self.overall,
            readings=tuple(self.readings),
            health=tuple(self.health.values()),
            components_complete=self.components_complete,
            logs=tuple(self.logs),
            inventory=self.inventory,
            identity=self.identity,
            problems=tuple(dict.fromkeys(self.problems)),
        )
