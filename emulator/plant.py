"""The living fleet: racks with feeds, switches with cables, and the machines in them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from emulator.accents.model import Family
from emulator.clock import Agenda, Clock
from emulator.fleet import FleetPlan, PduPlan, RackPlan, ServerPlan, SwitchPlan, UpsPlan
from emulator.hardware import Machine
from emulator.ledger import Ledger
from emulator.mains import Pdu, Plug, Ups, serial_of
from emulator.network import Switch, SwitchPlug
from emulator.parts import Port
from emulator.push.deliveries import Courier
from emulator.waves import Wave, room_wave

FEEDS = ("A", "B")
TOP_WARMER = 3.6
"""Cel between the lowest and the highest unit of a rack."""


@dataclass(slots=True)
class Rack:
    """A rack, its feeds and what the air in front of it does."""

    plan: RackPlan
    room: Wave
    feeds: dict[str, bool] = field(default_factory=lambda: {"A": True, "B": True})
    machines: list[Machine] = field(default_factory=list)
    switches: list[Switch] = field(default_factory=list)
    pdus: list[Pdu] = field(default_factory=list)

    def feed(self, feed: str, alive: bool) -> None:
        """Loses or restores a feed; everything on it sees it."""
        if self.feeds[feed] != alive:
            self.feeds[feed] = alive
            for machine in self.machines:
                machine.feed(feed, alive)
            for switch, supply in self.switch_supplies(feed):
                switch.energise(supply, alive and self._plugged(switch, supply))
            for switch in self.switches:
                switch.observe()

    def switch_supplies(self, feed: str) -> list[tuple[Switch, int]]:
        """Supplies of switches on a feed: the first on A, the second on B."""
        return [(switch, supply) for switch in self.switches for supply in switch.fed if FEEDS[supply % 2] == feed]

    def load_on(self, feed: str) -> float:
        """Watts that everything in the rack takes from a feed."""
        if not self.feeds[feed]:
            return 0.0
        machines = sum(
            machine.reading(f"PSU{supply.index + 1}Input") or 0.0
            for machine in self.machines
            for supply in machine.parts.supplies
            if supply.feed == feed
        )
        return machines + sum(switch.watts(supply) for switch, supply in self.switch_supplies(feed))

    def _plugged(self, switch: Switch, supply: int) -> bool:
        return all(
            socket.on for pdu in self.pdus for socket in pdu.sockets if socket.plug == SwitchPlug(switch, supply)
        )


@dataclass(frozen=True, slots=True)
class MachinePlug:
    """A supply of a machine, as an outlet sees it."""

    machine: Machine
    supply: int
    rack: Rack

    @property
    def label(self) -> str:
        return f"{self.machine.name} {self.machine.parts.supplies[self.supply].name}"

    def watts(self) -> float:
        return self.machine.reading(f"PSU{self.supply + 1}Input") or 0.0

    def energise(self, on: bool) -> None:
        feed = self.machine.parts.supplies[self.supply].feed
        self.machine.outlet(self.supply, on, alive=self.rack.feeds[feed])
        for switch in self.rack.switches:
            switch.observe()


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
        self.switches = {switch.name: self._switch(switch) for switch in plan.switches if switch.rack in self.racks}
        self._cable()
        self.pdus = {pdu.name: self._pdu(pdu) for pdu in plan.pdus if pdu.rack in self.racks}
        for rack in self.racks.values():
            self._plug_in(rack)
        self.upses = {ups.name: self._ups(ups) for ups in plan.upses if ups.rack in self.racks}
        """Each holds its feed in the racks of its site that this process looks after."""

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

    def _switch(self, told: SwitchPlan) -> Switch:
        rack = self.racks[told.rack]
        chance = random.Random(f"{self.seed}:switch:{told.name}")
        switch = Switch(
            told.name, told.rack, told.position_u, told.family, serial_of(chance), self.clock, chance, rack.room
        )
        rack.switches.append(switch)
        return switch

    def _pdu(self, told: PduPlan) -> Pdu:
        rack, chance = self.racks[told.rack], random.Random(f"{self.seed}:pdu:{told.name}")
        pdu = Pdu(told.name, told.family, rack, told.feed, serial_of(chance), self.agenda, self.ledger)
        rack.pdus.append(pdu)
        return pdu

    def _ups(self, told: UpsPlan) -> Ups:
        rack, chance = self.racks[told.rack], random.Random(f"{self.seed}:ups:{told.name}")
        ups = Ups(
            told.name, told.family, rack, told.feed, told.position_u, agenda=self.agenda, ledger=self.ledger,
            serial=serial_of(chance),
        )  # fmt: skip
        ups.racks = [other for other in self.racks.values() if other.plan.site == rack.plan.site]
        return ups

    def _plug_in(self, rack: Rack) -> None:
        """Supplies of a feed into the outlets of the feed's units: machines from below, then switches."""
        for feed in FEEDS:
            plugs: list[Plug] = [
                MachinePlug(machine, supply.index, rack)
                for machine in rack.machines
                for supply in machine.parts.supplies
                if supply.feed == feed
            ]
            plugs += [SwitchPlug(switch, supply) for switch, supply in rack.switch_supplies(feed)]
            for pdu in (pdu for pdu in rack.pdus if pdu.feed == feed):
                pdu.plug_in(plugs)
                plugs = plugs[len(pdu.sockets) :]

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
            for switch in switches:
                _join(switch, switches)
                switch.build()


def _join(switch: Switch, switches: list[Switch]) -> None:
    """The first uplinks of the first and second switch of a rack, of the third and fourth and so on, to each other."""
    family, position = switch.family, switches.index(switch) ^ 1
    other = switches[position] if position < len(switches) else None
    if family is None or other is None or other.family is None or not (family.uplinks and other.family.uplinks):
        return
    switch.peers[family.ports + 1] = (other, other.family.ports + 1)
