"""The words of topology: ends, links, cables, and what is told of the wire, as it lies in rows; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import TypeVar

from fleetmon.model import Component, DeviceKind, Health, Neighbour, Station


class Source(StrEnum):
    """How a link is known."""

    NEIGHBOUR = "neighbour"
    """One end told the other who it is: LLDP or CDP."""
    STATION = "station"
    """A bridge has learned the address of the one end behind the other."""
    LABEL = "label"
    """The outlet is named after the device."""
    CABLE = "cable"
    """A person said so."""


class Verdict(StrEnum):
    """What comes of comparing a cable with what is seen."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNSEEN = "unseen"
    """Nothing that is told proves or disproves it."""
    FOUND = "found"
    """Seen, and nobody said what to expect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a link. `device_id` is None for a device that is none of the fleet: then `device` is what it said."""

    device_id: str | None
    device: str
    component: str
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.device}/{self.component}" if self.device and self.component else self.device or self.component

    def is_at(self, other: End) -> bool:
        """The same place of the same device."""
        if self.device_id is None or self.device_id != other.device_id:
            return False
        return same_name(self.component, other.component)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Two ends and how it is known that they are joined."""

    near: End
    far: End
    source: Source
    since: datetime | None = None
    """When it was first seen so."""
    seen_at: datetime | None = None
    """When it was last told."""

    def turned(self) -> Link:
        """The same link from its other end."""
        return Link(near=self.far, far=self.near, source=self.source, since=self.since, seen_at=self.seen_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What is known of one end: where it should lead, where it leads, and what comes of that."""

    near: End
    verdict: Verdict
    expected: End | None = None
    link: Link | None = None
    """As observed."""
    reason: str = ""
    """What differs, in words; empty where nothing does."""
    mirrored: bool = False
    """Somebody told of the cable at its other end."""
    feed: str = ""
    """The feed at the end of its cables; empty for a network port, and where nobody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A device, and the cables a person told of: own component -> `DEVICE/COMPONENT`, or the name of a feed."""

    device_id: str
    name: str
    kind: DeviceKind
    cables: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A network port of a device of the fleet."""

    device_id: str
    component: Component
    mac: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a device heard on a port."""

    device_id: str
    neighbour: Neighbour
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a bridge has learned; `crowd` counts the addresses it knows behind that port."""

    device_id: str
    station: Station
    since: datetime
    crowd: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """A power supply or an outlet, as its device tells of it."""

    device_id: str
    component: Component
    health: Health
    state: str
    detail: str = ""
    label: str = ""
    """What somebody named it."""
    at: datetime | None = None
    """When it was last told."""
    since: datetime | None = None
    """When its health last changed; None: not as far as is known."""


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """Everything that is told of a part of the fleet, as it lies in rows."""

    nodes: Sequence[Node] = ()
    """The whole fleet, for names."""
    asked: frozenset[str] | None = None
    """Whose cables are compared; None: everybody's."""
    ports: Sequence[Port] = ()
    heard: Sequence[Heard] = ()
    learned: Sequence[Learned] = ()
    sockets: Sequence[Socket] = ()
    looked_at: Mapping[str, datetime] = field(default_factory=dict)
    """When a device last told what it hears and has learned."""

    @cached_property
    def by_id(self) -> Mapping[str, Node]:
        return {node.device_id: node for node in self.nodes}

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """By name in lower case, whole and without a domain; a short name that two have names none."""
        short: dict[str, Node | None] = {}
        for node in self.nodes:
            key = node.name.lower().partition(".")[0]
            short[key] = None if key in short else node
        known = {key: node for key, node in short.items() if node is not None}
        return known | {node.name.lower(): node for node in self.nodes}

    @cached_property
    def by_mac(self) -> Mapping[str, Sequence[Port]]:
        found: dict[str, list[Port]] = {}
        for port in self.ports:
            if port.mac:
                found.setdefault(port.mac, []).append(port)
        return found

    @cached_property
    def described(self) -> Sequence[Node]:
        """Devices whose cables somebody told of, among those asked for."""
        return [one for one in self.nodes if one.cables and (self.asked is None or one.device_id in self.asked)]

    @cached_property
    def ports_of(self) -> Mapping[str, Sequence[Port]]:
        return _grouped(self.ports)

    @cached_property
    def sockets_of(self) -> Mapping[str, Sequence[Socket]]:
        return _grouped(self.sockets)

    def named(self, name: str) -> Node | None:
        """The device of this name, with or without its domain."""
        key = name.strip().lower()
        return self.by_name.get(key) or self.by_name.get(key.partition(".")[0]) if key else None

    def end(self, device_id: str, component: str, kind: str = "") -> End:
        """An end at a device of the fleet."""
        return End(device_id=device_id, device=self.by_id[device_id].name, component=component, kind=kind)


PlacedT = TypeVar("PlacedT", Port, Socket)


def _grouped(placed: Iterable[PlacedT]) -> dict[str, list[PlacedT]]:
    """By device."""
    found: dict[str, list[PlacedT]] = {}
    for one in placed:
        found.setdefault(one.device_id, []).append(one)
    return found


def same_name(one: str, other: str) -> bool:
    """The same port, written the long or the short way: `Ethernet1/3` and `Eth1/3`, never `Eth1/31`."""
    return bool(one) and plain(one) == plain(other)


_SHORT = {
    "gigabitethernet": "gi",
    "tengigabitethernet": "te",
    "tengige": "te",
    "twentyfivegige": "twe",
    "fortygigabitethernet": "fo",
    "hundredgige": "hu",
    "fastethernet": "fa",
    "ethernet": "eth",
    "port-channel": "po",
    "management": "ma",
}
"""How long words of port names are cut short."""


@lru_cache(maxsize=50_000)
def plain(name: str) -> str:
    """A port's name without spaces and case, its first word in its short form."""
    text = re.sub(r"\s+", "", name).lower()
    word = re.match(r"[a-z-]*", text)
    head = word[0] if word else ""
    return _SHORT.get(head, head) + text[len(head) :]


Place = tuple[str | None, str]


def place(end: End) -> Place:
    """What two ends at the same port have in common, however its name is written."""
    return end.device_id, plain(end.component)


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts `Outlet 2` before `Outlet 10`."""
    return tuple((int(part[:18]), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text) if part)
