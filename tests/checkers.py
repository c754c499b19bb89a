"""The event set checker: every record a device ever wrote, against what was stored of it.

It knows nothing of how logs are read. A record is known by a word of its own in its message. A loss is excused where
the device itself dropped the record before it could be read, and a gap was told for the very look that came too late.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Written:
    """One record of the truth. `gone_at` numbers the first look that could not find it any more."""

    word: str
    gone_at: int | None = None
    promised: bool = True
    """Was it there to be read at the first look, or written later?"""


@dataclass(frozen=True, slots=True)
class Told:
    """One event as stored: a record's word, or a gap told (cleared, lost, flooded) at the look of that number."""

    look: int
    word: str = ""
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a set of events; `excused` and `needless` are not wrong."""

    lost: tuple[str, ...] = ()
    """Never stored, and nobody said that something may be missing."""
    duplicated: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()
    """Stored, and never written by the device."""
    excused: int = 0
    """Never stored, and told as a gap."""
    needless: int = 0
    """Gaps told where nothing was lost."""

    @property
    def good(self) -> bool:
        """Nothing lost, doubled or invented."""
        return not (self.lost or self.duplicated or self.invented)


def events_verdict(written: Iterable[Written], told: Iterable[Told], *, patience: int = 0) -> Verdict:
    """Compare. A gap may be told up to `patience` looks after the one that came too late: pages may fail meanwhile."""
    truth, events = tuple(written), tuple(told)
    times = Counter(event.word for event in events if not event.gap)
    gaps = [event.look for event in events if event.gap]
    missing = [record for record in truth if record.promised and not times[record.word]]
    lost, used = [], set()
    for record in missing:
        excuses = {
            look for look in gaps if record.gone_at is not None and record.gone_at <= look <= record.gone_at + patience
        }
        used |= excuses
        if not excuses:
            lost.append(record.word)
    return Verdict(
        lost=tuple(lost),
        duplicated=tuple(word for word, count in times.items() if count > 1),
        invented=tuple(times.keys() - {record.word for record in truth}),
        excused=len(missing) - len(lost),
        needless=len(set(gaps) - used),
    )
