"""One machine's BMC over IPMI: which commands it knows, who may ask them, and what it keeps in mind."""

from __future__ import annotations

from functools import cached_property
from uuid import UUID

from emulator.ipmi import (
    alerts,
    application,
    chassis,
    dcmi,
    fru,
    network,
    reading,
    repository,
    sel,
    watchdog,
)
from emulator.ipmi.application import guid_of
from emulator.ipmi.commands import Command, RefusedError
from emulator.ipmi.events import event_of
from emulator.ipmi.message import Code, NetFn, Reply, Request
from emulator.ipmi.sdr import repository_of
from emulator.ipmi.sel import Sel
from emulator.ipmi.sensors import Analog, Sensor, Thresholds, catalogue_of
from emulator.ipmi.watchdog import Watchdog
from emulator.logs import Entry
from emulator.redfish.bmc import Y2K, Bmc

COMMANDS: dict[tuple[int, int], Command] = {
    (command.netfn, command.code): command
    for module in (alerts, application, chassis, dcmi, fru, network, reading, repository, sel, watchdog)
    for command in module.COMMANDS
}
ANSWER_SECONDS = 0.5
"""The answer to a reset goes out before it."""
REPOSITORY_AGE = 40 * 86_400.0
"""Seconds before the start at which the SDR repository was written."""


class MachineController:
    """What a BMC answers, and what it was told."""

    def __init__(self, bmc: Bmc) -> None:
        self.bmc = bmc
        self.manner = bmc.machine.family.ipmi
        self.catalogue = catalogue_of(bmc.machine.family.name)
        self.records = repository_of(bmc.machine.family.name)
        self.sdr_changed_at = bmc.plant.clock.started_at - REPOSITORY_AGE
        self.sdr_reservation = 0
        self.thresholds: dict[int, Thresholds] = {}
        """Those that somebody set, by sensor number; so with hysteresis and switches."""
        self.hysteresis: dict[int, tuple[int, int]] = {}
        self.switches: dict[int, int] = {}
        self.sel = Sel(self)
        self.watchdog = Watchdog()
        self.alerts = alerts.Alerts(self)
        self.restart_cause = 0x00
        self.last_power_event = 0x00
        self.identified_until: float | None = None
        self.identifier = f"{bmc.machine.name}-bmc"
        self._listen()

    @property
    def guid(self) -> bytes:
        """Sixteen bytes, as Get System GUID has them."""
        return guid_of(self.bmc.machine.uuid, self.manner.guid)

    @cached_property
    def record_index(self) -> dict[int, int]:
        """Where each record is, by its id."""
        return {number: index for index, (number, _) in enumerate(self.records)}

    @cached_property
    def lan(self) -> dict[int, bytes]:
        """LAN configuration parameters, by number; made when somebody asks for the first."""
        return network.parameters(b"\x02" + UUID(self.bmc.machine.uuid).bytes[:5], self.manner.ciphers)

    @cached_property
    def boot_options(self) -> dict[int, bytes]:
        """Boot option parameters other than the flags (table 28-14)."""
        return {0: bytes(1), 1: bytes(1), 2: bytes(1), 3: bytes(1), 4: bytes(2), 6: bytes(9), 7: bytes(17)}

    # ---- a command ----

    def answer(self, request: Request) -> Reply:
        """Never waits; what the BMC knows not is C1h, what the session may not is D4h."""
        self.bmc.plant.agenda.settle()
        group = request.netfn == NetFn.GROUP
        command = COMMANDS.get((request.netfn, request.command))
        if command is None or (group and (request.data[:1] != bytes((dcmi.GROUP,)) or not self.manner.dcmi)):
            return Reply(Code.INVALID_COMMAND)
        head = request.data[:1] if group else b""
        if request.privilege < command.privilege:
            return Reply(Code.PRIVILEGE, head)
        if len(request.data) < command.least:
            return Reply(Code.LENGTH_INVALID, head)
        try:
            return Reply(Code.OK, head + command.answer(self, request))
        except RefusedError as refused:
            return Reply(refused.code, head + refused.data)

    # ---- what it knows ----

    def now(self) -> float:
        """This instant, truly."""
        return self.bmc.plant.clock.now()

    def told_time(self, instant: float) -> float:
        """An instant by the BMC's own clock: wrong by a fault, by whoever set it, or by its zone."""
        shift = self.bmc.policy("clock", 0)
        if isinstance(shift, str):
            instant += {"1970": 0, "2000": Y2K}[shift] - self.bmc.started_at
        else:
            instant += shift
        return instant + self.sel.shift(instant) + 60 * self.manner.zone

    def clock_mark(self) -> object:
        """Differs when the BMC's clock does."""
        return self.bmc.policy("clock", 0), len(self.sel.shifts)

    def thresholds_of(self, sensor: Analog) -> Thresholds:
        """As somebody set them, or as they came."""
        return self.thresholds.get(sensor.number, sensor.thresholds)

    def record_id(self, sensor: Sensor) -> int:
        """The SDR of a sensor: they come in the order of their numbers."""
        return self.records[sensor.number - 1][0]

    def sessions(self) -> int:
        """IPMI sessions that are open."""
        return self.bmc.plant.ledger.ipmi[self.bmc.machine.name].sessions.now

    def source(self, request: Request) -> str:
        """Who asks, as the ledger names it."""
        return request.source or "ipmi"

    def note(self, what: str, request: Request, **particulars: object) -> None:
        """Writes a row into the ledger, with who asked for it."""
        self.bmc.plant.ledger.note(self.bmc.machine.name, what, source=self.source(request), **particulars)

    # ---- what happens ----

    def _listen(self) -> None:
        """Hears of every entry of the log, after whoever heard of it before."""
        machine = self.bmc.machine
        before = machine.on_entry

        def logged(purpose: str, entry: Entry) -> None:
            if before is not None:
                before(purpose, entry)
            if purpose == "event" and self.alerts.control[1] & 1:
                self._alert(entry)

        machine.on_entry = logged

    def _alert(self, entry: Entry) -> None:
        event = event_of(self.bmc.machine, self.catalogue, entry)
        if event is not None:
            self.alerts.happened(event, entry.severity)

    def receive(self, record: bytes) -> int:
        """Somebody else's record, into the log that every protocol shows; gives its id."""
        self.bmc.machine.log(sel.RECEIVED, record.hex())
        return self.sel.records[-1].id

    def restart(self, seconds: float, request: Request) -> None:
        """The BMC goes away once its answer is out, and comes back with nothing in mind but its configuration."""
        self.note("bmc_reset", request)
        self.sdr_reservation = self.sel.reservation = 0
        self.bmc.plant.agenda.after(ANSWER_SECONDS, lambda _: self.bmc.restart(seconds))

    def end_identify(self, instant: float) -> None:
        """The locate light goes out, unless somebody lit it for longer."""
        if self.identified_until is not None and instant >= self.identified_until:
            self.bmc.machine.led, self.identified_until = False, None
