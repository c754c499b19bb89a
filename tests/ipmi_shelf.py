"""A BMC in a dictionary: it answers raw commands as the IPMI specification says, counts them, and fails on request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Memory, Opening, Request
from fleetmon.drivers.ipmi.driver import IpmiDriver
from fleetmon.drivers.ipmi.session import Answer, Command, CutShort, Session
from fleetmon.drivers.lane import Lane, Pace, Priority
from fleetmon.errors import DeviceError, Unreachable
from fleetmon.model import Aspect, Endpoint, LogMark, Observation, Protocol

NOW = datetime(2026, 1, 6, 8, 0, tzinfo=UTC)
OK, UNKNOWN, LOST, TOO_MANY, NOT_THERE = 0x00, 0xC1, 0xC5, 0xCA, 0xCB
Fault = Callable[[Command], Answer | DeviceError | None]
"""What becomes of a command in place of its answer; None: nothing."""
READING, CHASSIS, DEVICE_ID = (0x04, 0x2D), (0x00, 0x01), (0x06, 0x01)
SDR_INFO, SDR, RESERVE_SDR = (0x0A, 0x20), (0x0A, 0x23), (0x0A, 0x22)
SEL_INFO, SEL_ENTRY, SEL_TIME = (0x0A, 0x40), (0x0A, 0x43), (0x0A, 0x48)


def le(number: int, size: int) -> bytes:
    """As IPMI sends numbers."""
    return number.to_bytes(size, "little")


def named(name: str) -> bytes:
    """An id string with its type and length."""
    return bytes([0xC0 | len(name), *name.encode()])


def numeric(
    number: int, name: str, *, entity: tuple[int, int] = (7, 1), kind: int = 0x01, record_id: int = 0,
    unit: int = 1, linear: int = 0, readable: int = 0, initial: bool = True, owner: int = 0x20, lun: int = 0,
) -> bytes:  # fmt: skip
    """A full sensor record: one degree (or what `unit` is) a step, upper critical at 90."""
    access = (0x1 if readable else 0) << 2
    body = bytes([owner, lun, number, *entity, 0x7F if initial else 0x2F, access, kind, 0x01])
    body += le(0x0280, 2) + le(0x0280, 2) + bytes([readable, 0, 0x00, unit, 0])
    body += bytes([linear, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0, 100, 90, 80, 0, 0, 0, 2, 2, 0, 0, 0]) + named(name)
    return le(record_id or number, 2) + bytes([0x51, 0x01, len(body)]) + body


def discrete(
    number: int, name: str, kind: int, *, entity: tuple[int, int] = (7, 1), event: int = 0x6F, tells: int = 0x7FFF,
    record_id: int = 0,
) -> bytes:  # fmt: skip
    """A compact sensor record, of one sensor."""
    body = bytes([0x20, 0, number, *entity, 0x67, 0x40, kind, event]) + le(0x7FFF, 2) + le(0x7FFF, 2) + le(tells, 2)
    body += bytes([0xC0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]) + named(name)
    return le(record_id or number, 2) + bytes([0x51, 0x02, len(body)]) + body


def fru_locator(fru_id: int, name: str, entity: tuple[int, int], record_id: int) -> bytes:
    """The record of a part whose inventory the BMC keeps."""
    body = bytes([0x20, fru_id, 0x80, 0, 0, 0x10, 0, *entity, 0]) + named(name)
    return le(record_id, 2) + bytes([0x51, 0x11, len(body)]) + body


def value(raw: int, states: int = 0) -> bytes:
    """What a sensor answers that is scanned and has a value."""
    return bytes([raw, 0xC0, states, 0x80])


def states(bits: int) -> bytes:
    """What a discrete sensor answers."""
    return bytes([0, 0xC0, bits & 0xFF, 0x80 | bits >> 8])


def event(record_id: int, at: int, sensor: int = 1, *, kind: int = 0x01, what: int = 0x01, offset: int = 9) -> bytes:
    """A system event record of a sensor."""
    return le(record_id, 2) + b"\x02" + le(at, 4) + bytes([0x20, 0, 0x04, kind, sensor, what, offset, 0xFF, 0xFF])


class Shelf(Session):
    """The session with such a BMC; no worker, no line. What it has may be changed while it is asked."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.requests = self.logins = 0
        self.memory_version = 0
        self.asked: list[Command] = []
        self.faults: list[Fault] = []
        self.takes = 0.0
        """Seconds an answer takes."""
        self.chassis = b"\x01\x00\x40"
        self.device_id = bytes.fromhex("20 01 02 31 02 9f a2 02 00 00 01 00 00 00 00")
        self.guid = bytes(range(1, 17))
        self.records: list[bytes] = []
        self.sdr_added = 1_700_000_000
        self.sdr_most = 0xFF
        """Bytes of a record it gives at once."""
        self.reservation = 0
        self.readings: dict[tuple[int, int], bytes] = {}
        self.thresholds: dict[int, bytes] = {}
        self.factors: dict[tuple[int, int], bytes] = {}
        self.log: list[bytes] = []
        self.log_added = self.log_erased = 0
        self.log_free = 8000
        self.log_flags = 0x02
        self.log_ahead = 0
        """Seconds its clock is ahead."""
        self.frus: dict[int, bytes] = {}
        self.watts: int | None = None
        self.suites = bytes.fromhex("c0 03 01 41 81 c0 11 03 44 81")
        self.authentication = bytes.fromhex("01 80 04 02 00 00 00 00")

    # ---- the session -----------------------------------------------------------------------------------------

    @property
    def cipher(self) -> int | None:
        return 17

    def memory(self) -> dict[str, object]:
        return {}

    async def close(self) -> None:
        return None

    async def ask(self, *commands: Command, priority: Priority = Priority.POLL, patience: int = 0) -> list[Answer]:
        answers: list[Answer] = []
        for command in commands:
            self.requests += 1
            self.asked.append(command)
            if self.takes:
                await self.clock.advance(self.takes)
            answer = self._answer(command)
            if isinstance(answer, DeviceError):
                if answers and isinstance(answer, Unreachable):
                    raise CutShort(answer.reason, device="ipmi://bmc", answers=answers)
                raise answer
            answers.append(answer)
        return answers

    def count(self, *of: tuple[int, int]) -> int:
        """How often these commands were asked."""
        return sum((command.netfn, command.code) in of for command in self.asked)

    # ---- the machine -----------------------------------------------------------------------------------------

    def log_event(self, *records: bytes) -> None:
        """Events happen."""
        self.log += records
        self.log_added += 1

    def clear_log(self) -> None:
        """Somebody clears the log."""
        self.log.clear()
        self.log_erased += 1

    def _answer(self, command: Command) -> Answer | DeviceError:
        for fault in self.faults:
            if (answer := fault(command)) is not None:
                return answer
        found = getattr(self, f"_{command.netfn:02x}_{command.code:02x}", None)
        if found is None:
            return Answer(UNKNOWN, b"")
        told = found(command.data, command.lun)
        return told if isinstance(told, Answer) else Answer(OK, told)

    def _06_01(self, _: bytes, __: int) -> bytes:
        return self.device_id

    def _06_37(self, _: bytes, __: int) -> bytes:
        return self.guid

    def _06_38(self, _: bytes, __: int) -> bytes:
        return self.authentication

    def _06_54(self, data: bytes, _: int) -> bytes:
        start = 16 * (data[2] & 0x3F)
        return b"\x01" + self.suites[start : start + 16]

    def _00_01(self, _: bytes, __: int) -> bytes:
        return self.chassis

    def _0a_20(self, _: bytes, __: int) -> bytes:
        return b"\x51" + le(len(self.records), 2) + le(0xFFFF, 2) + le(self.sdr_added, 4) + le(0, 4) + b"\x02"

    def _0a_22(self, _: bytes, __: int) -> bytes:
        self.reservation += 1
        return le(self.reservation, 2)

    def _0a_23(self, data: bytes, _: int) -> bytes | Answer:
        reservation, asked, offset, count = data[0] | data[1] << 8, data[2] | data[3] << 8, data[4], data[5]
        place = next((at for at, one in enumerate(self.records) if one[:2] == le(asked, 2)), 0 if not asked else None)
        if place is None or not self.records:
            return Answer(NOT_THERE, b"")
        if offset and reservation != self.reservation:
            return Answer(LOST, b"")
        record = self.records[place]
        if min(count, len(record) - offset) > self.sdr_most or (count == 0xFF and len(record) > self.sdr_most):
            return Answer(TOO_MANY, b"")
        following = self.records[place + 1][:2] if place + 1 < len(self.records) else b"\xff\xff"
        return following + record[offset : offset + count]

    def _04_2d(self, data: bytes, lun: int) -> bytes | Answer:
        return self.readings.get((lun, data[0]), Answer(NOT_THERE, b""))

    def _04_27(self, data: bytes, _: int) -> bytes | Answer:
        return self.thresholds.get(data[0], Answer(NOT_THERE, b""))

    def _04_23(self, data: bytes, _: int) -> bytes | Answer:
        return self.factors.get((data[0], data[1]), Answer(NOT_THERE, b""))

    def _0a_40(self, _: bytes, __: int) -> bytes:
        times = le(self.log_added, 4) + le(self.log_erased, 4)
        return b"\x51" + le(len(self.log), 2) + le(self.log_free, 2) + times + bytes([self.log_flags])

    def _0a_43(self, data: bytes, _: int) -> bytes | Answer:
        asked = data[2] | data[3] << 8
        ids = [record[0] | record[1] << 8 for record in self.log]
        place = {0: 0, 0xFFFF: len(ids) - 1}.get(asked, ids.index(asked) if asked in ids else -1)
        if not ids or place < 0:
            return Answer(NOT_THERE, b"")
        following = self.log[place + 1][:2] if place + 1 < len(ids) else b"\xff\xff"
        return following + self.log[place]

    def _0a_48(self, _: bytes, __: int) -> bytes:
        return le(int(self.clock.now().timestamp()) + self.log_ahead, 4)

    def _0a_10(self, data: bytes, _: int) -> bytes | Answer:
        raw = self.frus.get(data[0])
        return Answer(NOT_THERE, b"") if raw is None else le(len(raw), 2) + b"\x00"

    def _0a_11(self, data: bytes, _: int) -> bytes | Answer:
        offset = data[1] | data[2] << 8
        piece = self.frus[data[0]][offset : offset + data[3]]
        return bytes([len(piece)]) + piece

    def _2c_01(self, _: bytes, __: int) -> bytes | Answer:
        return Answer(UNKNOWN, b"") if self.watts is None else bytes.fromhex("dc 01 05 02 00 01 00")

    def _2c_02(self, _: bytes, __: int) -> bytes:
        told = b"".join(le(self.watts or 0, 2) for _ in range(4))
        return b"\xdc" + told + le(0, 4) + le(1000, 4) + b"\x40"


class Bench:
    """A driver over a shelf, and the marks that ingest would keep for it."""

    def __init__(self, shelf: Shelf | None = None, *, memory: Memory | None = None, pace: Pace | None = None) -> None:
        self.shelf = shelf or Shelf(ManualClock(NOW))
        self.clock = self.shelf.clock
        lane = Lane(device="ipmi://bmc", clock=self.clock, pace=pace or Pace())
        endpoint = Endpoint(protocol=Protocol.IPMI, address="ipmi://bmc")
        self.driver = IpmiDriver(
            Opening(endpoint=endpoint, credentials=None, lane=lane, clock=self.clock, memory=memory or Memory()),
            session=self.shelf,
        )
        self.marks: dict[str, LogMark] = {}

    async def poll(self, *aspects: Aspect, witness: bool = False) -> Observation:
        """One poll, whose requests alone are then in `shelf.asked`."""
        self.shelf.asked.clear()
        wanted: Iterable[Aspect] = aspects or tuple(Aspect)
        seen = await self.driver.observe(Request(aspects=frozenset(wanted), marks=self.marks, witness=witness))
        for reading in seen.logs:
            if reading.records and (not reading.unread or reading.gap):
                last = max(reading.records, key=lambda record: int(record.record_id))
                self.marks[reading.log] = LogMark(
                    record_id=last.record_id, created_text=last.created_text, content_hash=last.content_hash
                )
        return seen
