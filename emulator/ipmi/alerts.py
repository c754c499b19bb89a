"""Platform event filtering, and the traps that it lets go (IPMI v2.0, 17 and 30)."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from emulator.ipmi.commands import Command, RefusedError, nothing, word
from emulator.ipmi.events import Event
from emulator.ipmi.message import Code, NetFn, Privilege, Request
from emulator.ipmi.pet import SEVERITIES, Sender, trap
from emulator.ipmi.sdr import BMC_ADDRESS

if TYPE_CHECKING:
    from emulator.ipmi.controller import MachineController

TRAP_PORT = 162
FILTERS, POLICIES, DESTINATIONS = 8, 4, 2
ANY = 0xFF
ENABLED, ALERT = 0x80, 0x01
REMOTE_CONSOLE = 0x81
"""Generator of events that came over the LAN: software id 40h (table 5-4)."""
EVERYTHING = bytes((ENABLED, ALERT, 1, 0, ANY, ANY, ANY, ANY, ANY, ANY, ANY)) + bytes(9)
"""A filter's twenty bytes that let every event pass to policy 1 (table 17-2)."""


class Alerts:
    """Filters, policies and destinations of one BMC, and what was sent to them."""

    most = DESTINATIONS

    def __init__(self, controller: MachineController) -> None:
        self._controller = controller
        self.control = {1: 0x00, 2: 0x00, 3: 0x00, 4: 0x00}
        """PEF control, action global control and the two delays, by parameter."""
        self.filters = [bytes(20) for _ in range(FILTERS)]
        self.policies = [bytes(3) for _ in range(POLICIES)]
        self.types = [bytes((0x00, 3, 1)) for _ in range(DESTINATIONS)]
        self.addresses = [bytes(12) for _ in range(DESTINATIONS)]
        self.port = TRAP_PORT
        self.sequence = 0
        self._waiting: set[int] = set()
        """Sequence numbers of traps that nobody has acknowledged."""

    def send_to(self, host: str, port: int) -> None:
        """Every event goes to one place, as if somebody had configured it."""
        self.port = port
        self.control |= {1: 0x01, 2: ALERT}
        self.filters[0] = EVERYTHING
        self.policies[0] = bytes((0x18, 0x11, 0))
        self.addresses[0] = bytes((0, 0)) + socket.inet_aton(host) + bytes(6)

    # ---- what happens ----

    def happened(self, event: Event, severity: str) -> None:
        """Sends an event to whom its first fitting filter says."""
        if not (self.control[1] & 1 and self.control[2] & ALERT):
            return
        found = next((told for told in self.filters if _fits(told, event)), None)
        if found is None:
            return
        self.sequence += 1
        for policy in self.policies:
            if policy[0] & 0x08 and policy[0] >> 4 == found[2] & 0x0F:
                self._send(event, policy[1] & 0x0F, found[3] or SEVERITIES[severity])

    def _send(self, event: Event, destination: int, severity: int) -> None:
        index = destination - 1
        host = socket.inet_ntoa(self.addresses[index][2:6]) if 0 <= index < DESTINATIONS else ""
        if not host.startswith("127."):
            return
        controller, sequence = self._controller, self.sequence
        sensor = controller.catalogue.by_number.get(event.number)
        now = controller.now()
        message = trap(
            self._sender(), event, sensor.entity if sensor else (0, 0), severity=severity, sequence=sequence,
            at=controller.told_time(now), uptime=now - controller.bmc.started_at,
        )  # fmt: skip
        kind, timeout, retries = self.types[index]
        self._post(message, host)
        if kind & 0x80:
            self._waiting.add(sequence)
            self._again(message, host, sequence, retries & 0x07, float(timeout or 1))

    def _post(self, message: bytes, host: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            door.sendto(message, (host, self.port))
        self._controller.bmc.plant.ledger.note(self._controller.bmc.machine.name, "trap_sent", sequence=self.sequence)

    def _again(self, message: bytes, host: str, sequence: int, retries: int, timeout: float) -> None:
        def unless_acknowledged(_: float) -> None:
            if sequence in self._waiting and retries:
                self._post(message, host)
                self._again(message, host, sequence, retries - 1, timeout)

        self._controller.bmc.plant.agenda.after(timeout, unless_acknowledged)

    def _sender(self) -> Sender:
        controller = self._controller
        community = controller.lan[16].rstrip(b"\x00")
        return Sender(controller.guid, controller.manner.manufacturer, controller.manner.product, community)

    def acknowledge(self, sequence: int) -> None:
        """Somebody has a trap; it is not sent again."""
        self._waiting.discard(sequence)

    # ---- destinations, as LAN parameters 18 and 19 ----

    def destination(self, selector: int) -> tuple[bytes, bytes]:
        """(type, address) of a destination, each with its selector in front."""
        index = self._index(selector)
        number = bytes((selector,))
        return number + self.types[index], number + self.addresses[index]

    def set_type(self, told: bytes) -> None:
        """Acknowledged or not, after how long, and how often again."""
        self.types[self._index(told[0])] = bytes(told[1:])

    def set_address(self, told: bytes) -> None:
        """An IPv4 address; only loopback is ever sent to."""
        self.addresses[self._index(told[0])] = bytes(told[1:])

    def _index(self, selector: int) -> int:
        if not 1 <= selector & 0x0F <= DESTINATIONS:
            raise RefusedError(Code.OUT_OF_RANGE)
        return (selector & 0x0F) - 1


def _fits(told: bytes, event: Event) -> bool:
    """Whether an enabled filter with an alert takes an event (table 17-2); event data are not compared."""
    if not (told[0] & ENABLED and told[1] & ALERT):
        return False
    wanted = ((told[6], event.sensor_type), (told[7], event.number), (told[8], event.event_type))
    own = told[4] in (ANY, BMC_ADDRESS)
    return own and all(want in (ANY, is_) for want, is_ in wanted) and bool(word(told, 9) >> event.offset & 1)


# ---- commands ----

VERSION, REVISION = 0x51, 0x11
FILTER_TABLE, FILTER_STATE, POLICY_TABLE, GUID = 6, 7, 9, 10


def _capabilities(controller: MachineController, request: Request) -> bytes:
    """Alerting, and no other action (30.1)."""
    return bytes((VERSION, ALERT, FILTERS))


def _get(controller: MachineController, request: Request) -> bytes:
    alerts, parameter, index = controller.alerts, request.data[0] & 0x7F, request.data[1] & 0x7F
    if request.data[0] & 0x80:
        return bytes((REVISION,))
    if parameter in (FILTER_TABLE, FILTER_STATE, POLICY_TABLE):
        table = alerts.policies if parameter == POLICY_TABLE else alerts.filters
        entry = table[_row(index, len(table))]
        return bytes((REVISION, index)) + (entry[:1] if parameter == FILTER_STATE else entry)
    told = {
        0: bytes(1),
        5: bytes((FILTERS,)),
        8: bytes((POLICIES,)),
        GUID: bytes((0,)) + controller.guid,
        11: bytes(1),
        **{number: bytes((value,)) for number, value in alerts.control.items()},
    }.get(parameter)
    if told is None:
        raise RefusedError(0x80)
    return bytes((REVISION,)) + told


def _set(controller: MachineController, request: Request) -> bytes:
    alerts, parameter, told = controller.alerts, request.data[0] & 0x7F, bytes(request.data[1:])
    if parameter in alerts.control and len(told) == 1:
        alerts.control[parameter] = told[0]
    elif parameter == FILTER_TABLE and len(told) == 21:
        if any(told[12:]):
            raise RefusedError(Code.INVALID_FIELD)
        alerts.filters[_row(told[0] & 0x7F, FILTERS)] = told[1:]
    elif parameter == FILTER_STATE and len(told) == 2:
        row = _row(told[0] & 0x7F, FILTERS)
        alerts.filters[row] = told[1:] + alerts.filters[row][1:]
    elif parameter == POLICY_TABLE and len(told) == 4:
        alerts.policies[_row(told[0] & 0x7F, POLICIES)] = told[1:]
    elif parameter in (0, GUID):
        return b""
    else:
        raise RefusedError(0x82 if parameter in (5, 8, 11) else 0x80)
    return b""


def _row(index: int, count: int) -> int:
    if not 1 <= index <= count:
        raise RefusedError(Code.OUT_OF_RANGE)
    return index - 1


def _last(controller: MachineController, request: Request) -> bytes:
    """Get Last Processed Event ID: filtering keeps up with the SEL."""
    records = controller.sel.records
    number = (records[-1].id if records else 0xFFFF).to_bytes(2, "little")
    added = records[-1].data[3:7] if records else bytes(4)
    return added + number + number + number


def _acknowledge(controller: MachineController, request: Request) -> bytes:
    controller.alerts.acknowledge(int.from_bytes(request.data[:2], "little"))
    return b""


def _event(controller: MachineController, request: Request) -> bytes:
    """Platform Event: somebody else's event goes into the SEL."""
    controller.receive(bytes((0x02, 0, 0, 0, 0, REMOTE_CONSOLE, 0)) + request.data[:7])
    return b""


SENSOR, OPERATOR, ADMINISTRATOR = NetFn.SENSOR, Privilege.OPERATOR, Privilege.ADMINISTRATOR

COMMANDS = (
    Command(SENSOR, 0x02, OPERATOR, _event, 7),
    Command(SENSOR, 0x10, Privilege.USER, _capabilities),
    Command(SENSOR, 0x12, ADMINISTRATOR, _set, 1),
    Command(SENSOR, 0x13, OPERATOR, _get, 3),
    Command(SENSOR, 0x15, ADMINISTRATOR, _last),
    Command(SENSOR, 0x17, Privilege.NONE, _acknowledge, 2),
    Command(SENSOR, 0x16, ADMINISTRATOR, nothing, 2),
)
