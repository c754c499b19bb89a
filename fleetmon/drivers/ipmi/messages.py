"""What the service and its IPMI workers say to each other: one line of JSON for each message, no protocol in it.

The service hands over raw commands and gets raw answers; a worker is told of a BMC's address and account once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import orjson


class Command(NamedTuple):
    """One request to a BMC, as IPMI numbers it."""

    netfn: int
    code: int
    data: bytes = b""
    lun: int = 0


class Answer(NamedTuple):
    """The completion code, and what follows it."""

    code: int
    data: bytes


class Outcome(StrEnum):
    """How a batch of commands went; only DONE answers all of them."""

    DONE = "done"
    SILENT = "silent"
    """No answer in time."""
    LOST = "lost"
    """It answers, and not in the session we had: a restart or an expiry ended that."""
    LATE = "late"
    """It answers, and the time for the batch was over."""
    REFUSED = "refused"
    """It refused the user or the password, or proved not to know the password."""
    ABOVE = "above"
    """It refused the privilege asked for, which says nothing of the password."""
    FULL = "full"
    """It has no session to give."""
    GARBLED = "garbled"
    ORPHANED = "orphaned"
    """The worker ended, or lost it: nothing is known of the BMC."""
    UNABLE = "unable"
    """It speaks no RMCP+, or none of the cipher suites we accept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where a BMC is and who we are to it."""

    host: str
    """A numeric address."""
    port: int
    user: bytes
    password: bytes = field(repr=False)
    suites: tuple[int, ...]
    """Cipher suites to offer, in this order."""
    privilege: int
    """As IPMI numbers them: 2 User, 3 Operator, 4 Administrator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Commands for one BMC, to be sent one after the other. Durations are seconds."""

    commands: tuple[Command, ...]
    repeatable: tuple[bool, ...]
    """Which of them may be sent again when no answer came."""
    time: float
    """For all of it, a login included."""
    reach: float
    """For the first sign of life."""
    gap: float = 0.0
    """Between an answer and the next command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a batch."""

    outcome: Outcome
    answers: tuple[Answer, ...] = ()
    reason: str = ""
    sent: int = 0
    """Datagrams, those of a login and of a logout included."""
    suite: int | None = None
    """The cipher suite of the session that was used."""
    sure: bool = True
    """Was every suite before this one refused in words, and not by silence alone?"""
    opened: bool = False
    """Was the session opened for this batch?"""


def line(*parts: Any) -> bytes:
    """A message on its line."""
    return orjson.dumps(parts) + b"\n"


def parts(text: bytes) -> list[Any]:
    """The parts of a message; ValueError when it is none."""
    said = orjson.loads(text)
    if not isinstance(said, list) or not said:
        raise ValueError("no message")
    return said


def account_out(account: Account) -> list[Any]:
    """An account as JSON can carry it."""
    return [
        account.host,
        account.port,
        account.user.hex(),
        account.password.hex(),
        account.suites,
        account.privilege,
    ]


def account_in(said: list[Any]) -> Account:
    """The account `account_out` wrote."""
    host, port, user, password, suites, privilege = said
    return Account(
        host=host,
        port=port,
        user=bytes.fromhex(user),
        password=bytes.fromhex(password),
        suites=tuple(suites),
        privilege=privilege,
    )


def batch_out(batch: Batch) -> list[Any]:
    """A batch as JSON can carry it."""
    commands = [
        (netfn, code, data.hex(), lun, again)
        for (netfn, code, data, lun), again in zip(batch.commands, batch.repeatable, strict=True)
    ]
    return [commands, batch.time, batch.reach, batch.gap]


def batch_in(said: list[Any]) -> Batch:
    """The batch `batch_out` wrote."""
    commands, time, reach, gap = said
    return Batch(
        commands=tuple(Command(netfn, code, bytes.fromhex(data), lun) for netfn, code, data, lun, _ in commands),
        repeatable=tuple(again for *_, again in commands),
        time=time,
        reach=reach,
        gap=gap,
    )


def result_out(result: Result) -> list[Any]:
    """A result as JSON can carry it."""
    answers = [(code, data.hex()) for code, data in result.answers]
    return [result.outcome, answers, result.reason, result.sent, result.suite, result.sure, result.opened]


def result_in(said: list[Any]) -> Result:
    """The result `result_out` wrote."""
    outcome, answers, reason, sent, suite, sure, opened = said
    return Result(
        outcome=Outcome(outcome),
        answers=tuple(Answer(code, bytes.fromhex(data)) for code, data in answers),
        reason=reason,
        sent=sent,
        suite=suite,
        sure=sure,
        opened=opened,
    )
