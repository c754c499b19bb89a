"""What one poll learned, and what a device told by itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from fleetmon.model.hardware import ComponentHealth, Identity, Inventory, Reading
from fleetmon.model.records import LogReading, LogRecord, Problem
from fleetmon.model.wire import Neighbour, Station
from fleetmon.model.words import Aspect, PowerState, Protocol, Reachability


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """The power state as one source told it at one instant."""

    state: PowerState
    taken_at: datetime
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one poll learned, failure included: a poll that fails is itself an observation.

    `health` holds every component seen when COMPONENTS was answered, and may hold single ones from other aspects; only
    `components_complete` makes the absence of a component mean anything.
    """

    protocol: Protocol
    asked: frozenset[Aspect]
    answered: frozenset[Aspect]
    """The asked aspects that were read well enough to count as seen."""
    taken_at: datetime
    seconds: float
    requests: int
    reachability: Reachability
    reason: str = ""
    """Why it could not be asked; empty when reachable."""
    power: Power | None = None
    overall: ComponentHealth | None = None
    """The device's own rollup, on `DEVICE`."""
    readings: tuple[Reading, ...] = ()
    health: tuple[ComponentHealth, ...] = ()
    components_complete: bool = False
    logs: tuple[LogReading, ...] = ()
    inventory: Inventory | None = None
    identity: Identity | None = None
    problems: tuple[Problem, ...] = ()
    neighbours: tuple[Neighbour, ...] | None = None
    """What it hears on its ports; None: it was not asked, or could not say all of it."""
    stations: tuple[Station, ...] | None = None
    """The addresses it has learned behind its ports; None as for neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedRecord:
    """One record as the device sent it by itself; a later look at its log may show the same one (F59)."""

    record: LogRecord
    link: str = ""
    """Where its log entry stands; empty when the device does not say."""
    arguments: tuple[str, ...] = ()
    """MessageArgs: what tells two records of one message id apart."""
    sent_as: str = ""
    """The id it was sent under: the same record sent once more has the same."""

    @property
    def key(self) -> bytes:
        """What makes it the same record when it is sent again."""
        said = "\x1f".join(
            (self.sent_as, self.record.created_text, self.record.content_hash, *self.arguments, self.record.source)
        )
        return hashlib.blake2b(said.encode(errors="surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What one message of a device's own event stream told."""

    event_id: str = ""
    """The stream goes on after it; empty where messages have none."""
    records: tuple[PushedRecord, ...] = ()
    observation: Observation | None = None
    """Readings of a report that came by itself, as a poll would have brought them."""
    due: frozenset[Aspect] = frozenset()
    """What it is a reason to ask for now."""
    lost: int = 0
    """Messages before this one that could not be read, so that the log has to be looked at."""
    retry: float | None = None
    """Seconds the device asks us to wait before we come back to a stream that has ended."""
