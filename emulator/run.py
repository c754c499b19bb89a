"""A fleet in this process: endpoints open, agenda running, control answering.

For tests:

    async with running_fleet("one_server") as fleet:
        fleet.address("web-01")                                   # https://127.0.0.1:40123
        fleet.strike(machine="web-01", fault="fail_drive", bay=2)
        fleet.advance(300)                                        # five minutes in no time
        fleet.ledger.since(0, what="login")
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Container
from pathlib import Path
from time import time
from typing import Any

from emulator.certificates import context_of, new_identity
from emulator.clock import Clock
from emulator.control import Control
from emulator.doors import Door
from emulator.faults import ActiveFault, Fleet
from emulator.fleet import FleetFileError, FleetPlan, Scene, read_fleet
from emulator.hardware import Machine
from emulator.ipmi.controller import MachineController
from emulator.ipmi.lan import Lan
from emulator.ledger import Ledger
from emulator.named_fault import FaultRefusedError
from emulator.plant import Plant
from emulator.redfish.bmc import Bmc, BmcWatch
from emulator.server import Endpoint
from emulator.snmp.traps import Destination, Herald
from emulator.snmp.usm import User


class RunningFleet:
    """A fleet that answers, as tests see it."""

    def __init__(self, fleet: Fleet, control: Control) -> None:
        self.fleet = fleet
        self.control = control

    @property
    def user(self) -> str:
        return self.fleet.plant.plan.user

    @property
    def password(self) -> str:
        return self.fleet.plant.plan.password

    @property
    def ledger(self) -> Ledger:
        return self.fleet.plant.ledger

    @property
    def control_address(self) -> str:
        """`http://127.0.0.1:PORT` of the control API."""
        return self.control.endpoint.address

    def address(self, name: str) -> str:
        """`https://127.0.0.1:PORT` of a machine's BMC."""
        endpoint = self.bmc(name).endpoint
        assert endpoint is not None
        return endpoint.address

    def ipmi(self, name: str) -> str:
        """`ipmi://127.0.0.1:PORT` of a machine's BMC."""
        lan = self.bmc(name).lan
        assert lan is not None
        return lan.address

    def snmp(self, name: str) -> str:
        """`snmp://127.0.0.1:PORT` of a switch, distribution unit or UPS."""
        return self.fleet.devices[name].agent.address

    def bmc(self, name: str) -> Bmc:
        """The BMC of a machine."""
        return self.fleet.bmcs[name]

    def machine(self, name: str) -> Machine:
        """The truth about a machine."""
        return self.fleet.plant.machines[name]

    def strike(self, **fault: Any) -> ActiveFault:
        """Sets a fault, told as to `POST /faults`."""
        return self.fleet.strike(fault)

    def heal(self, fault: ActiveFault) -> None:
        """Ends a fault."""
        self.fleet.heal(fault.id)

    def advance(self, seconds: float) -> None:
        """Lets time pass at once, with everything that is due in it."""
        self.fleet.plant.agenda.advance(seconds)


@contextlib.asynccontextmanager
async def running_fleet(
    fleet: str | Path | FleetPlan,
    *,
    control: tuple[str, int] = ("127.0.0.1", 0),
    seed: int | None = None,
    speed: float = 1.0,
    base_port: int = 0,
    story: bool = False,
    traps: tuple[str, int] | None = None,
    trap_version: int = 2,
    shard: tuple[int, int] = (0, 1),
    real: Callable[[], float] = time,
) -> AsyncIterator[RunningFleet]:
    """A fleet, by the name of a file or as a plan, whose every endpoint answers as long as the context lasts.

    `real` is the clock below the fleet's own; give it a constant function and only `advance` moves time. Base port 0
    takes free ports. A shard (number, of how many) holds every n-th rack. Machines that speak IPMI send their events
    to `traps`, a host and a port of loopback, and so do SNMP agents, as SNMPv2c or with trap
    version 3 encrypted. FleetFileError and OSError tell why it cannot start.
    """
    plan = fleet if isinstance(fleet, FleetPlan) else read_fleet(fleet)
    number, count = shard
    racks = frozenset(rack.name for index, rack in enumerate(plan.racks) if index % count == number)
    plant = Plant(plan, Clock(real, speed=speed), seed=seed, racks=racks)
    living = Fleet(plant, prefix="f" if count == 1 else f"{number}f")
    for scene in (*plan.standing, *plan.story):
        _check(living, scene)
    for scene in plan.standing:
        plant.clock.hold(plant.clock.started_at + scene.at)
        _play(living, scene)
    plant.clock.hold(None)
    agenda = asyncio.ensure_future(plant.agenda.run())
    door = Control(living)
    try:
        await door.endpoint.open(*control)
        await _open_all(living, base_port, traps)
        if traps is not None:
            _send_traps(living, traps, trap_version)
        if story:
            for scene in plan.story:
                plant.agenda.after(scene.at, lambda _, scene=scene: _play(living, scene))  # type: ignore[misc]  # bound now
        yield RunningFleet(living, door)
    finally:
        agenda.cancel()
        await plant.courier.stop()
        door.endpoint.close()
        for bmc in living.bmcs.values():
            if bmc.endpoint is not None:
                bmc.endpoint.close()
            if bmc.lan is not None:
                bmc.lan.close()
        for device in living.devices.values():
            device.agent.close()
        await asyncio.gather(agenda, return_exceptions=True)
        await asyncio.sleep(0)


def _is_here(fleet: Fleet, scene: Scene) -> bool:
    """Whether a scene's machine, rack or switch is not known to be in another process."""
    if len(fleet.plant.racks) == len(fleet.plant.plan.racks):
        return True
    plant = fleet.plant
    here: dict[str, Container[str]] = {
        "machine": plant.machines,
        "rack": plant.racks,
        "switch": plant.switches,
        "agent": fleet.devices,
    }
    return all(scene.fault[key] in known for key, known in here.items() if key in scene.fault)


def _check(fleet: Fleet, scene: Scene) -> None:
    """FleetFileError where a scene asks for what cannot be."""
    try:
        if _is_here(fleet, scene):
            fleet.check(scene.fault)
    except FaultRefusedError as error:
        raise FleetFileError(f"scene at {scene.at:g}: {error}") from None


def _play(fleet: Fleet, scene: Scene) -> None:
    """Lets a scene happen, if it happens in this process."""
    if not _is_here(fleet, scene):
        return
    try:
        fleet.strike(scene.fault)
    except FaultRefusedError as error:
        fleet.plant.ledger.note(
            str(scene.fault.get("machine", "")), "scene_refused", title=scene.title, reason=str(error)
        )


def _send_traps(fleet: Fleet, traps: tuple[str, int], version: int) -> None:
    """Lets every SNMP agent tell what happens to its device."""
    plan = fleet.plant.plan
    user = User(plan.user.encode(), plan.password) if version == 3 else None
    for device in fleet.devices.values():
        device.herald = Herald(device, Destination(*traps, plan.community.encode(), user))


async def _open_all(fleet: Fleet, base_port: int, traps: tuple[str, int] | None) -> None:
    """Opens every BMC, TLS and UDP; on base_port + n for the n-th server of the file, whatever the shard."""
    plan = fleet.plant.plan
    identity = new_identity(f"{plan.name} fleet")
    context = context_of(identity)
    for index, server in enumerate(plan.servers):
        bmc = fleet.bmcs.get(server.name)
        if bmc is None:
            continue
        port = base_port + index if base_port else 0
        if "ipmi" in server.protocols:
            bmc.controller = MachineController(bmc)
            if traps is not None:
                bmc.controller.alerts.send_to(*traps)
            bmc.lan = Lan(bmc, bmc.controller)
            await bmc.lan.open(port=port)
        if "redfish" not in server.protocols:
            continue
        if plan.distinct_certificates:
            identity = new_identity(f"{server.name}-bmc")
            context = context_of(identity)
        bmc.door = Door(identity, context)
        bmc.endpoint = Endpoint(bmc.serve, tls=context, watch=BmcWatch(bmc))
        await bmc.endpoint.open(port=port)
    names = [row.name for kind in (plan.switches, plan.pdus, plan.upses) for row in kind]
    for index, name in enumerate(names, len(plan.servers)):
        if name in fleet.devices:
            await fleet.devices[name].agent.open(port=base_port + index if base_port else 0)
