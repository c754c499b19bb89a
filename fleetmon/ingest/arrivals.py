"""The same event by push and by poll is one event (F59): which two belong together; pure.

A device that tells where the log entry stands is taken at its word. Otherwise what is said decides: message id,
arguments, severity, and a time of creation within two seconds. Pairs are one to one, so that two true events that say
the same within two seconds stay two, and it does not matter which way either of them came first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from fleetmon.model import Health, LogRecord, zoneless

CLOSE = timedelta(seconds=2)
"""How far apart the two tellings of one event may say it was created, by the device's own clock."""
LATE = timedelta(hours=1)
"""How long after it stood in the log a record may be pushed under the time of its sending, if it names its entry."""
TIMELESS = timedelta(minutes=20)
"""How far apart they may be received where one of them gives no time that can be read."""

OneT = TypeVar("OneT")
OtherT = TypeVar("OtherT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One telling of an event: by a push, or by a look at a log."""

    record: LogRecord
    at: datetime
    """When we received it."""
    link: str = ""
    """Where its log entry stands, in one spelling; empty when a push does not tell."""
    arguments: tuple[str, ...] = ()


def pairs(
    pushed: Sequence[OneT],
    polled: Sequence[OtherT],
    told_by_push: Callable[[OneT], Telling],
    told_by_poll: Callable[[OtherT], Telling],
) -> list[tuple[OneT, OtherT]]:
    """Who belongs to whom, each to one at most: by link first, then by words alike, then by what is left to go by."""
    waiting = [(one, told_by_push(one)) for one in pushed]
    free = [(other, told_by_poll(other)) for other in polled]
    found: list[tuple[OneT, OtherT]] = []
    for alike in (_by_link, _word_for_word, _by_content):
        still = []
        for one, push in waiting:
            matches = [(_apart(push, poll), place) for place, (_, poll) in enumerate(free) if alike(push, poll)]
            if matches:
                _, nearest = min(matches)
                found.append((one, free.pop(nearest)[0]))
            else:
                still.append((one, push))
        waiting = still
    return found


def _by_link(push: Telling, poll: Telling) -> bool:
    """The same place in the log, and not what stood there before the log was cleared."""
    if not push.link or push.link != poll.link:
        return False
    if _timely(push, poll):
        return True
    shifted = _same_minute(push.record, poll.record) or _apart(push, poll) <= LATE
    return shifted and _says_the_same(push, poll.record)


def _word_for_word(push: Telling, poll: Telling) -> bool:
    return push.record.message == poll.record.message and _by_content(push, poll)


def _by_content(push: Telling, poll: Telling) -> bool:
    if push.link and push.link.rpartition("/")[0] == poll.link.rpartition("/")[0]:
        return False  # it says which entry of this very log it is, and it is another one
    severities = {push.record.severity, poll.record.severity} - {Health.UNKNOWN}
    return len(severities) < 2 and _says_the_same(push, poll.record) and _timely(push, poll)


def _says_the_same(push: Telling, record: LogRecord) -> bool:
    """By message id where both give one, whatever version of the registry they name; else by the words."""
    told = push.record
    if told.message == record.message:
        return bool(told.message)
    if not (told.message_id and record.message_id) or _short(told.message_id) != _short(record.message_id):
        return False
    if not push.arguments:
        return told.message == told.message_id  # it gave no words at all
    return all(one in record.message for one in push.arguments)


def _timely(push: Telling, poll: Telling) -> bool:
    told, shown = push.record, poll.record
    if told.created_text and told.created_text == shown.created_text:
        return True
    if told.created_at is None or shown.created_at is None:
        return abs(push.at - poll.at) <= TIMELESS
    return abs(told.created_at - shown.created_at) <= CLOSE


def _same_minute(told: LogRecord, shown: LogRecord) -> bool:
    """The same time in two zones: events and logs of one device need not agree on theirs (F50)."""
    return bool(told.created_text) and zoneless(told.created_text) == zoneless(shown.created_text)


def _apart(push: Telling, poll: Telling) -> timedelta:
    if push.record.created_at is None or poll.record.created_at is None:
        return abs(push.at - poll.at)
    return abs(push.record.created_at - poll.record.created_at)


def _short(message_id: str) -> str:
    """The message's own name: `FanFailed` of `Fans.1.2.FanFailed`."""
    return message_id.rpartition(".")[2].lower()
