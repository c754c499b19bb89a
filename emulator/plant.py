"""The living fleet: racks with feeds, switches with cables, and the machines in them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from emulator.accents.model import Family
from emulator.clock import Agenda, Clock
from emulator.fleet import FleetPlan, RackPlan, ServerPlan
from emulator.hardware import Machine
from emulator.ledger import Ledger
from emulator.parts import Port
from emulator.push.deliveries import Courier
from emulator.waves import Wave, room_wave

TOP_WARMER = 3.6
"""Cel between the lowest and the highest unit of a rack."""


@dataclass(slots=True)
class Rack:
    """A rack, its feeds and what the air in front of it does."""

    plan: RackPlan
    room: Wave
    feeds: dict[str, bool] = field(default_factory=lambda: {"A": True, "B": True})
    machines: list[Machine] = field(default_factory=list)

    def feed(self, feed: str, alive: bool) -> None:
        """Loses or restores a feed; everything on it sees it."""
        if self.feeds[feed] != alive:
            self.feeds[feed] = alive
            for machine in self.machines:
                machine.feed(feed, alive)


@dataclass(slots=True)
class Switch:
    """A switch and what is plugged into its ports."""

    name: str
    rack: str
    position_u: int
    cables: dict[int, tuple[Machine, int]] = field(default_factory=dict)
    """Port number to (machine, index of its network port)."""
    down: set[int] = field(default_factory=set)

    def link(self, port: int, up: bool) -> None:
        """A link goes up or down; both ends see it."""
        (self.down.discard if up else self.down.add)(port)
        if port in self.cables:
            machine, index = self.cables[port]
            machine.link(index, up)


class Plant:
    """The whole fleet, or the racks of it that this process looks after."""

    def __init__(
        self, plan: FleetPlan, clock: Clock, *, seed: int | None = None, racks: frozenset[str] | None = None
    ) -> None:
        self.plan = plan
        self.clock = clock
        self.agenda = Agenda(clock)
        self.ledger = Ledger(clock)
        self.courier = Courier()
        self.seed = str(plan.seed if seed is None else seed)
        self.racks = {
            rack.name: Rack(rack, room_wave(random.Random(f"{self.seed}:rack:{rack.name}"), rack.inlet))
            for rack in plan.racks
            if racks is None or rack.name in racks
        }
        self.machines: dict[str, Machine] = {}
        """Blades too, as `blades-01:3`; they come after the machine whose BMC tells of them."""
        for server in plan.servers:
            if server.rack in self.racks:
                machine = self._machine(server)
                self.machines |= {one.name: one for one in (machine, *machine.nodes)}
        self.switches = {
            switch.name: Switch(switch.name, switch.rack, switch.position_u)
            for switch in plan.switches
            if switch.rack in self.racks
        }
        self._cable()

    def site_of(self, machine: Machine) -> str:
        """The site a machine stands in."""
        return self.racks[machine.rack].plan.site

    def _machine(self, server: ServerPlan) -> Machine:
        rack = self.racks[server.rack]
        height = server.position_u / rack.plan.height_u
        air = Wave(rack.room.level + TOP_WARMER * (height - 0.5), rack.room.tones)

        def built(name: str, family: Family, slot: str) -> Machine:
            machine = Machine(
                name=name, family=family, rack=server.rack, position_u=server.position_u, slot=slot, seed=self.seed,
                agenda=self.agenda, ledger=self.ledger, room=air,
            )  # fmt: skip
            rack.machines.append(machine)
            return machine

        machine = built(server.name, server.family, server.slot)
        if server.family.blade is not None:
            for number in range(1, server.family.blades + 1):
                blade = built(f"{server.name}:{number}", server.family.blade, str(number))
                blade.enclosure = server.name
                machine.nodes.append(blade)
        return machine

    def _cable(self) -> None:
        """Every network port to the switches of its rack in turn, from port 1 upwards."""
        for rack in self.racks.values():
            switches = [switch for switch in self.switches.values() if switch.rack == rack.plan.name]
            for machine in rack.machines:
                for index in range(machine.family.ports):
                    mac = ":".join(f"{octet:02x}" for octet in (0x02, *machine.chance.randbytes(5)))
                    switch = switches[index % len(switches)] if switches else None
                    number = len(switch.cables) + 1 if switch else 0
                    machine.parts.ports.append(Port(index, mac, switch.name if switch else "", number))
                    if switch:
                        switch.cables[number] = (machine, index)
