"""Switches: their ports, what is plugged into them, and what has gone through."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import pi
from typing import TYPE_CHECKING

from emulator.accents.snmp import SwitchFamily
from emulator.mains import Happened, no_one
from emulator.parts import worst
from emulator.waves import DAY, Wave, wiggle

if TYPE_CHECKING:
    from emulator.clock import Clock
    from emulator.hardware import Machine

MONTH = 30 * DAY
"""How long its counters have counted when the fleet starts."""
PACKET = 850.0
"""Octets of a packet, in the mean."""


@dataclass(slots=True)
class Line:
    """A port as the switch sees it: is the link up, and what went in and out."""

    number: int
    name: str
    speed: int
    """Megabits a second."""
    mac: bytes
    if_index: int
    flow: tuple[Wave, Wave]
    """Octets a second, in and out, while the link is up."""
    since: float
    counted: tuple[float, float] = (0.0, 0.0)
    up: bool = False
    changed_at: float = 0.0
    errors: int = 0
    discards: int = 0
    ahead: int = 0
    """Octets that the counters are ahead by, as after a year of traffic."""

    def octets(self, direction: int, now: float) -> int:
        """That went in (0) or out (1) since the counters began."""
        more = self.flow[direction].area(self.since, now) if self.up else 0.0
        return int(self.counted[direction] + more) + self.ahead

    def packets(self, direction: int, now: float) -> int:
        """Likewise."""
        return int(self.octets(direction, now) / PACKET)

    def turn(self, up: bool, now: float) -> None:
        """The link comes or goes."""
        self.settle(now)
        self.up, self.changed_at = up, now

    def settle(self, now: float) -> None:
        """What was counted until now stays."""
        self.counted = (self.octets(0, now) - self.ahead + 0.0, self.octets(1, now) - self.ahead + 0.0)
        self.since = now

    def reset(self, now: float) -> None:
        """The counters begin again."""
        self.counted, self.since, self.ahead, self.errors, self.discards = (0.0, 0.0), now, 0, 0, 0


@dataclass(slots=True)
class Switch:
    """A switch and what is plugged into its ports."""

    name: str
    rack: str
    position_u: int
    family: SwitchFamily | None = None
    """None: it has no agent, and nobody asks it anything."""
    serial: str = ""
    clock: Clock | None = None
    chance: random.Random = field(default_factory=random.Random)
    air: Wave = field(default_factory=lambda: Wave(22.0, ()))
    cables: dict[int, tuple[Machine, int]] = field(default_factory=dict)
    """Port number to (machine, index of its network port)."""
    peers: dict[int, tuple[Switch, int]] = field(default_factory=dict)
    """Uplink to (switch, its port) at the other end."""
    down: set[int] = field(default_factory=set)
    lines: list[Line] = field(default_factory=list)
    fed: dict[int, bool] = field(default_factory=dict)
    """By power supply."""
    stopped_fans: set[int] = field(default_factory=set)
    layout_changed_at: float = 0.0
    """When a port was last added, taken away or renumbered."""
    on_event: Happened = no_one
    restless: Wave = field(default_factory=lambda: Wave(0.0, ()))

    @property
    def kind(self) -> str:
        return "switch"

    @property
    def away(self) -> bool:
        """Without power its agent is silent."""
        return bool(self.fed) and not any(self.fed.values())

    def build(self) -> None:
        """Ports, counters and supplies, once the cables are in."""
        family, clock, chance = self.family, self.clock, self.chance
        if family is None or clock is None:
            return
        self.restless = wiggle(chance)
        self.fed = dict.fromkeys(range(family.supplies), True)
        base, began = b"\x02" + chance.randbytes(4), clock.started_at - MONTH
        for number in range(1, family.ports + family.uplinks + 1):
            uplink = number > family.ports
            speed = family.speed * (4 if uplink else 1)
            mean = speed * 1e6 / 8 * chance.uniform(0.01, 0.12)
            flow = (_flow(chance, mean), _flow(chance, mean * chance.uniform(0.3, 2.0)))
            line = Line(
                number, family.port_name.format(n=number), speed, base + bytes((number,)), number, flow, began,
                errors=chance.choice((0, 0, 0, 2, 17)), discards=chance.choice((0, 0, 31)),
            )  # fmt: skip
            line.up = self._reaches(number)
            line.changed_at = clock.started_at - chance.uniform(DAY, MONTH)
            self.lines.append(line)
        self.layout_changed_at = began

    def link(self, port: int, up: bool) -> None:
        """A link goes up or down; both ends see it."""
        (self.down.discard if up else self.down.add)(port)
        if port in self.cables:
            machine, index = self.cables[port]
            machine.link(index, up)
        self.observe()
        if port in self.peers:
            self.peers[port][0].observe()

    def energise(self, supply: int, on: bool) -> None:
        """One of its supplies has input or not."""
        was = self.away
        self.fed[supply] = on
        if was != self.away:
            self.observe()
            for other, _ in self.peers.values():
                other.observe()
        if not self.away:
            self.on_event("supply_fed" if on else "supply_unfed", str(supply + 1))

    def observe(self) -> None:
        """Looks at every port: which links are up just now."""
        if self.clock is None:
            return
        now = self.clock.now()
        for line in self.lines:
            up = self._reaches(line.number)
            if up != line.up:
                line.turn(up, now)
                self.on_event("link_up" if up else "link_down", str(line.number))

    def _reaches(self, port: int) -> bool:
        """Whether something with power is at the other end of a good cable."""
        if port in self.down or self.away:
            return False
        if port in self.cables:
            return not self.cables[port][0].dark
        other, there = self.peers.get(port, (None, 0))
        return other is not None and there not in other.down and not other.away

    def swap(self, one: int, other: int) -> None:
        """Two ports exchange their numbers in every table, not their names."""
        first, second = self.lines[one - 1], self.lines[other - 1]
        first.if_index, second.if_index = second.if_index, first.if_index
        assert self.clock is not None
        self.layout_changed_at = self.clock.now()

    # ---- what its sensors say ----

    def celsius(self, offset: float) -> float:
        """Air at the inlet plus what the chips add."""
        assert self.clock is not None
        now = self.clock.now()
        hot = 4.0 * len(self.stopped_fans)
        return self.air.at(self.clock.season(now)) + offset + hot + 0.6 * self.restless.at(now)

    def rpm(self, fan: int) -> float:
        """A fan's speed."""
        assert self.clock is not None
        if fan in self.stopped_fans:
            return 0.0
        return 8_400.0 * (1.18 if self.stopped_fans else 1.0) + 120 * self.restless.at(self.clock.now() + 40 * fan)

    def busy(self) -> float:
        """Percent of its processor."""
        assert self.clock is not None
        return 14.0 + 6.0 * self.restless.at(self.clock.now())

    def watts(self, supply: int) -> float:
        """What a supply takes: all share alike."""
        assert self.clock is not None
        assert self.family is not None
        working = sum(self.fed.values())
        if not working or not self.fed[supply]:
            return 0.0
        return (self.family.watts + 9.0 * self.restless.at(self.clock.now())) / working

    def health(self) -> str:
        """By its fans and supplies."""
        return worst("OK" if good else "Warning" for good in (not self.stopped_fans, all(self.fed.values())))

    def neighbours(self) -> Iterator[tuple[Line, Machine | Switch, int]]:
        """Who speaks at the other end of each link that is up: (line, who, its port)."""
        for line in self.lines:
            if line.up and line.number in self.cables:
                yield line, *self.cables[line.number]
            elif line.up and line.number in self.peers:
                yield line, *self.peers[line.number]


@dataclass(frozen=True, slots=True)
class SwitchPlug:
    """A supply of a switch, as an outlet sees it."""

    switch: Switch
    supply: int

    @property
    def label(self) -> str:
        return f"{self.switch.name} PSU {self.supply + 1}"

    def watts(self) -> float:
        return self.switch.watts(self.supply)

    def energise(self, on: bool) -> None:
        self.switch.energise(self.supply, on)


def _flow(chance: random.Random, mean: float) -> Wave:
    """Octets a second: a busy afternoon and some bustle, never below zero."""
    afternoon = -2 * pi * chance.uniform(8, 11) / 24
    bustle = 2 * pi / (chance.uniform(5, 50) * 60)
    return Wave(mean, ((mean * 0.45, 2 * pi / DAY, afternoon), (mean * 0.3, bustle, chance.uniform(0, 2 * pi))))
