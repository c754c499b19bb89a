"""Where the power comes from: outlets of distribution units on a feed, and UPSes that hold feeds alive."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from emulator.accents.snmp import PduFamily, UpsFamily
from emulator.clock import Agenda
from emulator.parts import worst

if TYPE_CHECKING:
    from emulator.ledger import Ledger
    from emulator.plant import Rack

VOLTS = 230.0
POWER_FACTOR = 0.96
NEAR, OVER = 0.8, 1.0
"""Parts of what a phase may carry from which it is near its limit, and over it."""
LOW_CHARGE = 20.0
RECHARGE_SECONDS = 4 * 3600.0
NEVER = 30 * 86_400.0

Happened = Callable[[str, str], None]
"""Told (what, of which part) when something changes that an agent sends a trap about."""


def no_one(what: str, part: str) -> None:
    """Nobody listens."""


class Plug(Protocol):
    """What hangs on an outlet."""

    @property
    def label(self) -> str: ...

    def watts(self) -> float: ...

    def energise(self, on: bool) -> None: ...


@dataclass(slots=True)
class Socket:
    """An outlet, with or without something in it."""

    number: int
    phase: int
    plug: Plug | None = None
    on: bool = True

    @property
    def name(self) -> str:
        return f"Outlet {self.number}"

    @property
    def label(self) -> str:
        return self.plug.label if self.plug is not None else self.name


@dataclass(slots=True)
class Pdu:
    """A distribution unit: what its outlets give is what hangs on them takes."""

    name: str
    family: PduFamily
    rack: Rack
    feed: str
    serial: str
    agenda: Agenda
    ledger: Ledger
    sockets: list[Socket] = field(default_factory=list)
    position_u: int = 0
    on_event: Happened = no_one

    def __post_init__(self) -> None:
        phases = self.family.phases
        self.sockets = [Socket(n + 1, n % phases + 1) for n in range(self.family.outlets)]

    @property
    def kind(self) -> str:
        return self.family.kind

    @property
    def alive(self) -> bool:
        """Whether its inlet has voltage."""
        return self.rack.feeds[self.feed]

    @property
    def away(self) -> bool:
        """Never: its controller has power from a neighbour too, and tells that the inlet is dead."""
        return False

    def plug_in(self, plugs: Sequence[Plug]) -> None:
        """Puts plugs into outlets from the first upwards; those behind the last stay without one."""
        for socket, plug in zip(self.sockets, plugs, strict=False):
            socket.plug = plug

    def watts(self, socket: Socket) -> float:
        """What an outlet gives just now."""
        return socket.plug.watts() if socket.plug is not None and socket.on and self.alive else 0.0

    def phase_watts(self, phase: int) -> float:
        """What the outlets of a phase give."""
        return sum(self.watts(socket) for socket in self.sockets if socket.phase == phase)

    def total(self) -> float:
        """What it takes from its feed."""
        return sum(map(self.watts, self.sockets))

    def load_of(self, phase: int) -> float:
        """Part of what a phase may carry."""
        return amperes(self.phase_watts(phase)) / self.family.amperes

    def switch(self, number: int, on: bool) -> None:
        """An outlet is switched; what hangs on it sees it."""
        socket = self.sockets[number - 1]
        if socket.on != on:
            socket.on = on
            if socket.plug is not None:
                socket.plug.energise(on)
            self.ledger.note(self.name, "outlet_switched", outlet=number, on=on)
            self.on_event("outlet_on" if on else "outlet_off", str(number))

    def health(self) -> str:
        """By its fullest phase."""
        loads = [self.load_of(phase + 1) for phase in range(self.family.phases)]
        return worst("Critical" if load > OVER else "Warning" if load > NEAR else "OK" for load in loads)


def amperes(watts: float) -> float:
    """What watts take at mains voltage."""
    return watts / VOLTS / POWER_FACTOR


class Ups:
    """A UPS: between the mains and a feed of every rack of its site."""

    def __init__(
        self, name: str, family: UpsFamily, rack: Rack, feed: str, position_u: int, *, agenda: Agenda, ledger: Ledger,
        serial: str,
    ) -> None:  # fmt: skip
        self.name, self.family, self.rack, self.feed, self.position_u = name, family, rack, feed, position_u
        self.agenda, self.ledger, self.serial = agenda, ledger, serial
        self.racks: list[Rack] = []
        """Those whose feed it holds."""
        self.mains = True
        self.battery_old = False
        self.on_event: Happened = no_one
        self._charge, self._since = 100.0, agenda.clock.now()
        self._drain = 0.0
        """Percent a second, above 0 on battery."""
        self._turn = 0

    @property
    def kind(self) -> str:
        return self.family.kind

    @property
    def away(self) -> bool:
        """Its agent goes out with its last battery."""
        return not self.mains and self.charge <= 0.0

    @property
    def charge(self) -> float:
        """Percent."""
        seconds = self.agenda.clock.now() - self._since
        if not self.mains:
            return max(0.0, self._charge - seconds * self._drain)
        return min(100.0, self._charge + seconds * 100.0 / RECHARGE_SECONDS)

    @property
    def on_battery_seconds(self) -> float:
        """Since the mains went away; 0 while they are there."""
        return 0.0 if self.mains else self.agenda.clock.now() - self._since

    def load(self) -> float:
        """Watts that its racks take from it."""
        return sum(rack.load_on(self.feed) for rack in self.racks) if not self.away else 0.0

    def seconds_left(self) -> float:
        """On battery, under the load of now."""
        return self.charge / 100.0 * self._full_seconds(self.load())

    def health(self) -> str:
        """On battery it is a warning, with little left critical."""
        if not self.mains:
            return "Critical" if self.charge <= LOW_CHARGE else "Warning"
        return "Warning" if self.battery_old or self.charge <= LOW_CHARGE else "OK"

    def mains_are(self, alive: bool) -> None:
        """The mains go or come back; without them the feeds live as long as the battery does."""
        if self.mains == alive:
            return
        charge = self.charge
        was_away = self.away
        self._charge, self._since, self.mains = charge, self.agenda.clock.now(), alive
        self._turn += 1
        turn = self._turn
        self.ledger.note(self.name, "mains_restored" if alive else "mains_lost", charge=charge)
        if alive:
            if was_away:
                self._feeds(True)
            self.on_event("on_mains", "")
            return
        full = self._full_seconds(self.load())
        self._drain = 100.0 / full
        self.on_event("on_battery", "")
        self.agenda.after(
            max(0.0, charge - LOW_CHARGE) / 100 * full, lambda _: self._if_still(turn, lambda: self.on_event("low", ""))
        )
        self.agenda.after(charge / 100 * full, lambda _: self._if_still(turn, lambda: self._feeds(False)))

    def _if_still(self, turn: int, act: Callable[[], None]) -> None:
        if turn == self._turn:
            act()

    def _feeds(self, alive: bool) -> None:
        for rack in self.racks:
            rack.feed(self.feed, alive)

    def _full_seconds(self, load: float) -> float:
        """How long a full battery lasts."""
        return min(NEVER, self.family.minutes * 60 * self.family.watts / max(load, 1.0))


def serial_of(chance: random.Random) -> str:
    """A serial number as makers print them."""
    return "".join(chance.choices("0123456789BCDFGHJKLMNPQRSTVWXYZ", k=10))
