"""A switch, distribution unit or UPS with its agent: the state on one side, the tables on the other."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from emulator.accents.snmp import SnmpFamily
from emulator.mains import Pdu, Ups
from emulator.network import Switch
from emulator.plant import Plant
from emulator.snmp.agent import Access, Agent, Engine, engine_id
from emulator.snmp.power_tables import pdu_tables, ups_tables
from emulator.snmp.switch_tables import switch_tables
from emulator.snmp.system_group import Self
from emulator.snmp.view import Living, Shown
from emulator.waves import DAY

if TYPE_CHECKING:
    from emulator.snmp.traps import Herald

State = Switch | Pdu | Ups
FRESH = 1.0
"""Seconds for which the rows of the tables are taken as known; their values are of the moment."""


class Device:
    """One device with an agent."""

    def __init__(self, state: State, family: SnmpFamily, plant: Plant, access: Access) -> None:
        self.state, self.family, self.plant = state, family, plant
        started = plant.clock.started_at
        self.engine = Engine(engine_id(state.name), plant.clock, boots=4, booted_at=started - _up_since(state.name))
        self.itself = Self(state, family, self.engine, f"{self.site} {self.rack}")
        self.agent = Agent(self.view, access, self.engine, settle=self._settle, away=lambda: state.away)
        self.herald: Herald | None = None
        """Sends its traps, where somebody wants them."""
        self._living = Living(())
        self._looked_at = -FRESH

    @property
    def name(self) -> str:
        return self.state.name

    @property
    def rack(self) -> str:
        """Its name."""
        return self.state.rack if isinstance(self.state, Switch) else self.state.rack.plan.name

    @property
    def site(self) -> str:
        return self.plant.racks[self.rack].plan.site

    def view(self) -> Living:
        """Its tables with the rows of now."""
        now = self.plant.clock.now()
        if not 0 <= now - self._looked_at < FRESH:
            self._living, self._looked_at = Living(self._shown()), now
        return self._living

    def changed(self) -> None:
        """Rows have come, gone or moved."""
        self._looked_at = -FRESH

    def _shown(self) -> list[Shown]:
        match self.state:
            case Switch():
                return switch_tables(self.state, self.itself)
            case Pdu():
                return pdu_tables(self.state, self.itself)
            case Ups():
                return ups_tables(self.state, self.itself)

    def _settle(self) -> None:
        self.plant.agenda.settle()
        if isinstance(self.state, Switch):
            self.state.observe()

    # ---- the truth, for the control API ----

    def summary(self) -> dict[str, Any]:
        """The device in a line, as machines are told."""
        return {
            "name": self.name, "kind": self.state.kind, "family": self.family.name,
            "manufacturer": self.family.vendor, "model": self.family.model, "serial_number": self.state.serial,
            "site": self.site, "rack": self.rack, "position_u": self.state.position_u or None,
            "height_u": self.family.height_u, "slot": "",
            "endpoints": [{"protocol": "snmp", "address": self.agent.address}], "power": "Off" if self.state.away
            else "On",
            "health": self.state.health(),
        }  # fmt: skip

    def truth(self) -> dict[str, Any]:
        """Everything there is to know about it."""
        match self.state:
            case Switch():
                told = _switch(self.state, self.plant.clock.now())
            case Pdu():
                told = _pdu(self.state)
            case Ups():
                told = _ups(self.state)
        engine = {"id": self.engine.id.hex(), "boots": self.engine.boots, "uptime_ticks": self.engine.ticks}
        return self.summary() | {"now": self.plant.clock.now(), "engine": engine, "dark": self.state.away} | told | {
            "traffic": {"snmp": self.agent.tally.told()}
        }  # fmt: skip


def _switch(switch: Switch, now: float) -> dict[str, Any]:
    switch.observe()
    return {
        "supplies": [
            {"name": f"PSU {n + 1}", "fed": fed, "watts": switch.watts(n)} for n, fed in switch.fed.items()
        ],
        "fans": [
            {"name": f"Fan {n + 1}", "rpm": switch.rpm(n)} for n in range(switch.family.fans if switch.family else 0)
        ],
        "inlet": switch.celsius(2.0), "processor_percent": switch.busy(),
        "ports": [
            {
                "port": line.number, "name": line.name, "if_index": line.if_index, "up": line.up,
                "speed_mbit": line.speed, "octets_in": line.octets(0, now), "octets_out": line.octets(1, now),
                "errors_in": line.errors, "discards_in": line.discards, "mac": line.mac.hex(":"),
                **_other_end(switch, line.number),
            }
            for line in switch.lines
        ],
    }  # fmt: skip


def _other_end(switch: Switch, number: int) -> dict[str, Any]:
    if number in switch.cables:
        machine, index = switch.cables[number]
        port = machine.parts.ports[index]
        return {"machine": machine.name, "nic_port": port.name, "nic_mac": port.mac}
    if number in switch.peers:
        other, port_number = switch.peers[number]
        return {"switch": other.name, "switch_port": port_number}
    return {}


def _pdu(pdu: Pdu) -> dict[str, Any]:
    return {
        "feed": pdu.feed, "watts": pdu.total(),
        "phases": [
            {"number": n + 1, "watts": pdu.phase_watts(n + 1), "load": pdu.load_of(n + 1)}
            for n in range(pdu.family.phases)
        ],
        "outlets": [
            {"number": socket.number, "name": socket.name, "on": socket.on, "feeds": socket.plug and socket.plug.label,
                "watts": pdu.watts(socket)}
            for socket in pdu.sockets
        ],
    }  # fmt: skip


def _ups(ups: Ups) -> dict[str, Any]:
    return {
        "feed": ups.feed, "racks": [rack.plan.name for rack in ups.racks], "mains": ups.mains, "charge": ups.charge,
        "watts": ups.load(), "seconds_left": ups.seconds_left(), "on_battery_seconds": ups.on_battery_seconds,
    }  # fmt: skip


def devices_of(plant: Plant, access: Access) -> dict[str, Device]:
    """Everything on the plant that has an agent, by name."""
    found: dict[str, Device] = {}
    states: list[State] = [*plant.switches.values(), *plant.pdus.values(), *plant.upses.values()]
    for state in states:
        if state.family is not None:
            found[state.name] = Device(state, state.family, plant, access)
    return found


def _up_since(name: str) -> float:
    """Seconds for which an agent has run when the fleet starts: two to sixty days."""
    return random.Random(name).uniform(2.0, 60.0) * DAY
