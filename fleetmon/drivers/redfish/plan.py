"""The cheapest way to read one device, learned from one walk and remembered as JSON.

`choose` is the whole idea: every request that could be repeated tells a set of sensors; take the fewest that tell
them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any
from weakref import WeakValueDictionary

import orjson

from fleetmon.drivers.redfish.catalog import Catalog
from fleetmon.drivers.redfish.quirks import Make
from fleetmon.drivers.redfish.walk import Expand

VERSION = 1
"""Of the remembered form; another version is not read, and the device learned afresh."""

SINGLES_PER_POLL = 12
"""Most requests for single sensors in one poll, when nothing better is offered; the others wait for their turn."""
TURNS = 3
"""Polls in which every single sensor should have had its turn."""
MOST_SOURCES = 8
"""Requests of every poll; a distribution unit without `$expand` tells each of its outlets in a resource of its own."""
WORTH_A_REQUEST = 4
"""Sensors a request of every poll must add; what adds fewer is read in turn."""


@dataclass(frozen=True, slots=True)
class Source:
    """One request of the steady poll and the sensors it tells, by their places in the catalog."""

    path: str
    sensors: frozenset[int]
    rank: int = 1
    """Order among equals: 0 MetricReport, 1 Thermal, Power and metrics, 2 expanded collection, 3 single sensor."""


@dataclass(frozen=True, slots=True)
class LogPlan:
    """One log worth reading."""

    name: str
    service: str
    entries: str
    capacity: int | None = None
    """Records it holds, where the device tells."""
    keeps_oldest: bool = False
    """When full, does it drop what is new (OverWritePolicy NeverOverWrites)?"""


@dataclass(frozen=True, slots=True, weakref_slot=True, kw_only=True)
class Plan:
    """How one device is read; never changed once made, since all devices that are read alike share one."""

    firmware: str = ""
    """Of the BMC when this was learned; another one means to learn again."""
    make: Make = field(default_factory=Make)
    gates: tuple[str, ...] = ()
    """Resources that tell power and whether anything is wrong at all."""
    sources: tuple[str, ...] = ()
    """Requests of the steady sensor poll."""
    singles: tuple[str, ...] = ()
    """Sensors to be read one by one, in turn."""
    reports: tuple[str, ...] = ()
    """Those of the sources that are MetricReports."""
    refused: tuple[str, ...] = ()
    """Reports that proved stale or short; not taken again until the firmware changes."""
    skip: tuple[str, ...] = ()
    """Resources that tell nothing another one does not; left out of walks."""
    spare: tuple[str, ...] = ()
    """Resources that tell no part another one does not; left out where only the inventory is asked for."""
    logs: tuple[LogPlan, ...] | None = None
    """None until the log services were looked for."""
    entrances: tuple[tuple[str, str], ...] = ()
    """Where a walk begins, as (name, path): what the service root named, so that the root need not be read again."""
    expand: Expand = field(default_factory=Expand)
    naming: Mapping[str, int] = field(default_factory=dict)
    """Scheme by which each kind is named."""
    watched: tuple[str, ...] = ()
    """Sources that once were not well and are told ever since, well or not."""
    catalog: Catalog = field(default_factory=Catalog, compare=False)

    @property
    def requests(self) -> int:
        """Requests of one steady poll."""
        return len(self.gates) + len(self.sources) + self.singles_per_poll

    @property
    def singles_per_poll(self) -> int:
        """How many of the singles one poll reads."""
        return min(-(-len(self.singles) // TURNS), SINGLES_PER_POLL)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "version": VERSION,
            "firmware": self.firmware,
            "make": [self.make.vendor, self.make.product],
            "gates": list(self.gates),
            "sources": list(self.sources),
            "singles": list(self.singles),
            "reports": list(self.reports),
            "refused": list(self.refused),
            "skip": list(self.skip),
            "spare": list(self.spare),
            "logs": None if self.logs is None else [list(astuple(log)) for log in self.logs],
            "entrances": [list(entrance) for entrance in self.entrances],
            "expand": [self.expand.word, self.expand.max_levels],
            "naming": dict(self.naming),
            "watched": list(self.watched),
            "catalog": self.catalog.to_json(),
            "ignored": sorted(self.catalog.ignored),
        }

    def shared(self) -> Plan:
        """The one object for all plans that say the same, catalog included, as long as any device is read by it."""
        return _SHARED.setdefault(_digest(self.to_json()), self)

    @classmethod
    def recalled(cls, remembered: Mapping[str, Any]) -> Plan | None:
        """As `from_json`, and shared; what another device has been recalled by already costs a look."""
        known = _SHARED.get(_digest(remembered))
        if known is not None:
            return known
        plan = cls.from_json(remembered)
        return None if plan is None else plan.shared()

    @classmethod
    def from_json(cls, remembered: Mapping[str, Any]) -> Plan | None:
        """The remembered plan; None when there is none, it is of another version, or it is damaged."""
        if remembered.get("version") != VERSION:
            return None
        try:
            logs = remembered["logs"]
            return cls(
                firmware=str(remembered["firmware"]),
                make=Make(*remembered["make"]),
                gates=tuple(remembered["gates"]),
                sources=tuple(remembered["sources"]),
                singles=tuple(remembered["singles"]),
                reports=tuple(remembered["reports"]),
                refused=tuple(remembered["refused"]),
                skip=tuple(remembered["skip"]),
                spare=tuple(remembered.get("spare", ())),
                logs=None if logs is None else tuple(LogPlan(*log) for log in logs),
                entrances=tuple((name, path) for name, path in remembered["entrances"]),
                expand=Expand(*remembered["expand"]),
                naming=dict(remembered["naming"]),
                watched=tuple(remembered["watched"]),
                catalog=Catalog.from_json(remembered["catalog"], remembered["ignored"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return None


_SHARED: WeakValueDictionary[bytes, Plan] = WeakValueDictionary()


def _digest(told: Mapping[str, Any]) -> bytes:
    return hashlib.blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def choose(offers: Iterable[Source], wanted: frozenset[int]) -> tuple[list[Source], list[Source]]:
    """The fewest requests that tell all `wanted` sensors: those of every poll, and single sensors to take in turn.

    Greedy set cover: the request that tells most of what is missing comes first. It is never far from the best, and its
    answer is the same each time.
    """
    left = set(wanted)
    many = sorted((offer for offer in offers if offer.rank < 3), key=lambda offer: (offer.rank, offer.path))
    single = sorted((offer for offer in offers if offer.rank >= 3), key=lambda offer: offer.path)
    taken: list[Source] = []
    while left:
        best = max(many, key=lambda offer: (len(offer.sensors & left), -offer.rank), default=None)
        if best is None or not best.sensors & left:
            break
        taken.append(best)
        many.remove(best)
        left -= best.sensors
    for offer in reversed(taken):
        if _needless(offer, taken, wanted):
            taken.remove(offer)
    alone = [
        offer
        for place, offer in enumerate(taken)
        if place and (place >= MOST_SOURCES or _adds(offer, taken, wanted) < WORTH_A_REQUEST)
    ]
    taken = [offer for offer in taken if offer not in alone]
    for offer in single:
        if offer.sensors & left:
            alone.append(offer)
            left -= offer.sensors
    return taken, alone


def _needless(offer: Source, taken: Iterable[Source], wanted: frozenset[int]) -> bool:
    """Do the others tell everything this one does?"""
    return _adds(offer, taken, wanted) == 0


def _adds(offer: Source, taken: Iterable[Source], wanted: frozenset[int]) -> int:
    """How many sensors only this one tells."""
    others = frozenset().union(*(other.sensors for other in taken if other is not offer))
    return len((offer.sensors & wanted) - others)
