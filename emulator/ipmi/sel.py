"""The SEL: the entries of the machine's event log as records of sixteen bytes (IPMI v2.0, 31 and 32)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from emulator.ipmi.commands import Command, RefusedError, piece, stamp, word
from emulator.ipmi.events import event_of
from emulator.ipmi.message import Code, NetFn, Privilege, Request
from emulator.ipmi.repository import LAST, NEVER
from emulator.ipmi.sdr import BMC_ADDRESS, VERSION
from emulator.logs import Entry

if TYPE_CHECKING:
    from emulator.ipmi.controller import MachineController

SIZE = 16
SYSTEM_EVENT, OEM_STAMPED, OEM_PLAIN = 0x02, 0xC1, 0xE0
REVISION = 0x04
RECEIVED = "EventReceived"
"""An entry that somebody else wrote: the record is its argument."""
MEDIA = {"DriveMediaErrors": 1, "DriveLifeLow": 2}
"""What the standard has no event for, and some firmware tells in OEM records of its own."""


class Record(NamedTuple):
    """A record, and the entry that it is made of."""

    id: int
    data: bytes
    """All sixteen bytes."""
    entry: Entry


class Sel:
    """The SEL of one machine, made from its event log when somebody asks."""

    def __init__(self, controller: MachineController) -> None:
        self._controller = controller
        self._log = controller.bmc.machine.logs["event"]
        self._made: tuple[object, list[Record], dict[int, int]] = (None, [], {})
        self.reservation = 0
        self.erased_until = 0.0
        self.shifts: list[tuple[float, float]] = []
        """(since, seconds) by which Set SEL Time moved the clock."""

    @property
    def records(self) -> list[Record]:
        """Oldest first."""
        return self._look()[1]

    def find(self, number: int) -> int | None:
        """Where a record is among the others; the first and the last have numbers of their own."""
        _, records, places = self._look()
        if not records:
            return None
        return 0 if number == 0 else len(records) - 1 if number == LAST else places.get(number)

    def _look(self) -> tuple[object, list[Record], dict[int, int]]:
        entries = self._log.entries
        marks = (len(entries), entries[0].number, entries[-1].number) if entries else (0, 0, 0)
        mark = (*marks, self._log.cleared, self._controller.clock_mark())
        if self._made[0] != mark:
            records = [record for entry in entries if (record := self.record_of(entry)) is not None]
            self._made = (mark, records, {record.id: index for index, record in enumerate(records)})
        return self._made

    def shift(self, instant: float) -> float:
        """Seconds by which the clock was moved at an instant."""
        return next((seconds for since, seconds in reversed(self.shifts) if instant >= since), 0.0)

    def record_of(self, entry: Entry) -> Record | None:
        """The record that an entry is; None where this firmware has none for it."""
        number = (entry.number - 1) % 0xFFFE + 1
        body = self._body(entry)
        return None if body is None else Record(number, number.to_bytes(2, "little") + body, entry)

    def _body(self, entry: Entry) -> bytes | None:
        controller, short = self._controller, entry.message_id.rpartition(".")[2]
        at = stamp(controller.told_time(entry.instant))
        if short == RECEIVED:
            told = bytes.fromhex(entry.args[0])
            return told if told[0] >= OEM_PLAIN else told[:1] + at + told[5:]
        if short in MEDIA and controller.manner.oem_events:
            bay = int(entry.part.rpartition(" ")[2])
            count = int(float(entry.args[1]))
            maker = controller.manner.manufacturer.to_bytes(3, "little")
            told = bytes((MEDIA[short], bay, *min(count, 0xFFFF).to_bytes(2, "little"), 0xFF, 0xFF))
            return bytes((OEM_STAMPED,)) + at + maker + told
        event = event_of(controller.bmc.machine, controller.catalogue, entry)
        if event is None:
            return None
        direction = event.event_type | (0 if event.asserted else 0x80)
        told = bytes((BMC_ADDRESS, 0, REVISION, event.sensor_type, event.number, direction))
        return bytes((SYSTEM_EVENT,)) + at + told + event.data


# ---- commands ----


def _info(controller: MachineController, request: Request) -> bytes:
    """Deletion, reservation and allocation information are supported."""
    log, records = controller.bmc.machine.logs["event"], controller.sel.records
    free = max(0, log.capacity - len(log.entries)) * SIZE
    added = records[-1].data[3:7] if records else NEVER
    erased = NEVER
    if log.cleared_at is not None and controller.manner.tells_clear:
        erased = stamp(controller.told_time(log.cleared_at))
    overflown = 0x80 if log.keeps_oldest and len(log.entries) >= log.capacity else 0
    return b"".join((
        bytes((VERSION,)), len(records).to_bytes(2, "little"), min(free, 0xFFFF).to_bytes(2, "little"), added, erased,
        bytes((overflown | 0x0B,)),
    ))  # fmt: skip


def _allocation(controller: MachineController, request: Request) -> bytes:
    log = controller.bmc.machine.logs["event"]
    free = max(0, log.capacity - len(log.entries)).to_bytes(2, "little")
    return log.capacity.to_bytes(2, "little") + SIZE.to_bytes(2, "little") + free + free + bytes((1,))


def _reserve(controller: MachineController, request: Request) -> bytes:
    _not_erasing(controller)
    controller.sel.reservation = controller.sel.reservation % 0xFFFF + 1
    return controller.sel.reservation.to_bytes(2, "little")


def _reserved(controller: MachineController, reservation: int) -> None:
    if not reservation or reservation != controller.sel.reservation:
        raise RefusedError(Code.RESERVATION_LOST)


def _not_erasing(controller: MachineController) -> None:
    """Nothing is read or written while an erasure is in progress (31.4)."""
    if controller.now() < controller.sel.erased_until:
        raise RefusedError(0x81)


def _get(controller: MachineController, request: Request) -> bytes:
    """A record, or part of it, with the id of the next one."""
    _not_erasing(controller)
    reservation, wanted, offset, count = word(request.data, 0), word(request.data, 2), *request.data[4:6]
    if offset and reservation != controller.sel.reservation:
        raise RefusedError(Code.RESERVATION_LOST)
    index, records = controller.sel.find(wanted), controller.sel.records
    if index is None:
        raise RefusedError(Code.NOT_PRESENT)
    if count != 0xFF and offset + count > SIZE:
        raise RefusedError(Code.OUT_OF_RANGE)
    following = records[index + 1].id if index + 1 < len(records) else LAST
    return following.to_bytes(2, "little") + piece(records[index].data, offset, count)


def _add(controller: MachineController, request: Request) -> bytes:
    """Somebody else's record; the BMC gives it an id and, where it has one, the time."""
    _not_erasing(controller)
    record = request.data[2:SIZE]
    if record[0] != SYSTEM_EVENT and record[0] < 0xC0:
        raise RefusedError(Code.INVALID_FIELD)
    return controller.receive(record).to_bytes(2, "little")


def _delete(controller: MachineController, request: Request) -> bytes:
    _reserved(controller, word(request.data, 0))
    index = controller.sel.find(word(request.data, 2))
    if index is None:
        raise RefusedError(Code.NOT_PRESENT)
    record = controller.sel.records[index]
    controller.bmc.machine.logs["event"].entries.remove(record.entry)
    controller.sel.reservation = controller.sel.reservation % 0xFFFF + 1
    controller.note("log_entry_deleted", request, log="event", id=record.entry.number)
    return record.id.to_bytes(2, "little")


INITIATE, ASK = 0xAA, 0x00


def _clear(controller: MachineController, request: Request) -> bytes:
    """Erases, or tells how far the erasure is: 0 in progress, 1 completed."""
    sel = controller.sel
    _reserved(controller, word(request.data, 0))
    if request.data[2:5] != b"CLR" or request.data[5] not in (INITIATE, ASK):
        raise RefusedError(Code.INVALID_FIELD)
    if request.data[5] == INITIATE:
        controller.note("log_cleared", request, log="event")
        controller.bmc.machine.logs["event"].clear(controller.now(), restart_ids=controller.manner.ids_restart)
        sel.erased_until = controller.now() + controller.manner.clear_seconds
    return bytes((int(controller.now() >= sel.erased_until),))


def _time(controller: MachineController, request: Request) -> bytes:
    return stamp(controller.told_time(controller.now()))


def _set_time(controller: MachineController, request: Request) -> bytes:
    """Moves the clock for entries to come; what is written already keeps its time."""
    told = int.from_bytes(request.data[:4], "little")
    now, sel = controller.now(), controller.sel
    shift = told - (controller.told_time(now) - sel.shift(now))
    sel.shifts.append((now, shift))
    controller.note("clock_set", request, shift=shift)
    return b""


def _offset(controller: MachineController, request: Request) -> bytes:
    """Minutes from UTC; 07FFh does not say."""
    return (0x07FF if controller.manner.zone else 0).to_bytes(2, "little")


STORAGE, USER, OPERATOR = NetFn.STORAGE, Privilege.USER, Privilege.OPERATOR

COMMANDS = (
    Command(STORAGE, 0x40, USER, _info),
    Command(STORAGE, 0x41, USER, _allocation),
    Command(STORAGE, 0x42, USER, _reserve),
    Command(STORAGE, 0x43, USER, _get, 6),
    Command(STORAGE, 0x44, OPERATOR, _add, SIZE),
    Command(STORAGE, 0x46, OPERATOR, _delete, 4),
    Command(STORAGE, 0x47, OPERATOR, _clear, 6),
    Command(STORAGE, 0x48, USER, _time),
    Command(STORAGE, 0x49, OPERATOR, _set_time, 4),
    Command(STORAGE, 0x5C, USER, _offset),
)
