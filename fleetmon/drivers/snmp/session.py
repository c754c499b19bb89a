"""One conversation with one SNMP agent: values by OID and whole columns, every failure as a DeviceError.

Here it is decided how much is asked for at once, what is asked again, when a column has come to its end, and what a
Report of SNMPv3 means. One datagram is on its way at a time, in a turn of the lane.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fleetmon.drivers.base import Opening
from fleetmon.drivers.lane import Priority
from fleetmon.drivers.snmp import envelope as said
from fleetmon.drivers.snmp.address import target_of
from fleetmon.drivers.snmp.appetite import Appetite
from fleetmon.drivers.snmp.envelope import Envelope
from fleetmon.drivers.snmp.keys import SHORTEST, master_key, passphrases, seal_of, user_of
from fleetmon.drivers.snmp.wire import Cursor, Denied, Pair, Refused, Reported, Silence, Unreadable, Wire
from fleetmon.drivers.whereabouts import Whereabouts, is_numeric
from fleetmon.errors import AccessDenied, Garbled, Unreachable

T = TypeVar("T")
Value = int | bytes | str
"""A number from 0 to 2^64-1 or a signed one of 32 bits; octets as they came; an OID or IPv4 address as text."""

BULK = 20
"""Rows asked for at once at first, and at most: some agents skip rows without a word when asked for more (F96)."""
AT_ONCE = 60
"""OIDs asked for in one GET at first, and at most."""
TRIES = (2.0, 4.0, 8.0)
"""Seconds an answer may take, try by try. Each try is a new request: an answer to the one before comes too late."""
FEW_TRIES = TRIES[:2]
"""For an agent that has not answered yet, and for a question that may have been too much at once (F96)."""
HOPELESS = 8
"""Answers that cannot be read before the first that can, after which no smaller question is tried."""
PUT_RIGHT = 3
"""Times a request is repeated after a Report that says how (F93)."""
UPTIME = "1.3.6.1.2.1.1.3.0"
"""What every agent has (RFC 3418)."""

REFUSALS = {
    said.UNKNOWN_USER: "it knows no such SNMPv3 user",
    said.WRONG_DIGEST: "the authentication passphrase or algorithm is not the one of this user",
    said.DECRYPTION: "the privacy passphrase or algorithm is not the one of this user",
    said.UNSUPPORTED_LEVEL: "this user may not ask at this security level",
}
CURE = "correct user, passphrases and algorithms, in the credential set and after the ? of the address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A column: `rows` by index in the order they came. Not `complete`: there is more, and `reason` says why not."""

    rows: dict[str, Value]
    complete: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The SNMPv3 engine as its last message told it."""

    id: bytes
    boots: int
    time: int
    """Seconds since the last boot."""


Question = Callable[[Wire, float], Awaitable[tuple[Envelope, T]]]
"""What is asked over a wire within so many seconds."""


class _TooMuch(Exception):
    """It did not work with so much at once; less of it may."""


class Session:
    """A session with one agent. `requests` counts every datagram sent, tries and discoveries included."""

    def __init__(self, opening: Opening) -> None:
        self.device = opening.endpoint.address
        self.memory_version = 0
        """Grows whenever `memory` has something new to say."""
        self.problem = ""
        """What is odd about the agent itself, for a person to know."""
        self._opening, self._lane, self._clock = opening, opening.lane, opening.clock
        self._target = target_of(self.device)
        self._whereabouts = Whereabouts(self._target.host, self._target.port, clock=opening.clock, device=self.device)
        self._wire: Wire | None = None
        self._sent = 0
        self._engine: Engine | None = None
        self._engine_id = b""
        self._boots = 0
        self._keys: tuple[bytes, bytes] | None = None
        self._answers = False
        """Was the last question answered?"""
        self._bulk, self._gets = Appetite(BULK), Appetite(AT_ONCE)
        self._recall(opening.memory.session)

    @property
    def requests(self) -> int:
        """Datagrams sent."""
        return self._sent + (self._wire.sent if self._wire else 0)

    @property
    def engine(self) -> Engine | None:
        """The agent's engine as it last told; None before it did, and over v1 and v2c."""
        return self._engine

    def memory(self) -> dict[str, Any]:
        """What spares the next session detours; sealed at rest, for it holds the master keys."""
        credentials = self._opening.credentials
        known: dict[str, Any] = {
            "bulk": [self._bulk.most, self._bulk.size],
            "gets": [self._gets.most, self._gets.size],
        }
        if self._target.version == 3:
            known |= {"engine": self._engine_id.hex(), "boots": self._boots}
        if self._keys and credentials:
            known |= {
                "version": credentials.version,
                "algorithms": [self._target.auth, self._target.priv],
                "keys": [key.hex() for key in self._keys],
            }
        return known

    async def close(self) -> None:
        """Let the socket go; agents keep no session."""
        if self._wire:
            self._sent += self._wire.sent
            self._wire = None

    # ---- values ----------------------------------------------------------------------------------------------

    async def get(self, oids: Sequence[str], priority: Priority = Priority.POLL) -> dict[str, Value]:
        """The values of those OIDs that the agent has; raises DeviceError."""
        found: dict[str, Value] = {}
        left, again = list(dict.fromkeys(oids)), list[list[str]]()
        damaged = 0
        while left or again:
            if again:
                asked = again.pop()
            else:
                asked, left = left[: self._gets.size], left[self._gets.size :]
            try:
                values, others = await self._get(asked, priority)
            except Unreadable as error:
                damaged += 1
                if not found and (damaged >= HOPELESS or (len(asked) == 1 and not (left or again))):
                    raise Garbled(f"an answer cannot be read: {error}", device=self.device) from None
                values, others = {}, _halves(asked)
            again += others
            found |= {oid: value for oid, value in values.items() if isinstance(value, (int, bytes, str))}
        return found

    async def _get(self, asked: list[str], priority: Priority) -> tuple[dict[str, Any], list[list[str]]]:
        """Values by one PDU, and what is to be asked once more in other company; raises Unreadable."""
        try:
            envelope, values = await self._ask(lambda at, limit: at.get(asked, limit), priority, full=len(asked) == 1)
        except Silence:
            if len(asked) == 1 or not await self._is_there(priority):
                raise self._unreachable() from None
            self._learn(self._gets.too_slow, len(asked))
            return {}, _halves(asked)
        except Unreadable as error:
            if error.cut:
                self._learn(self._gets.too_big, len(asked))
            raise
        if envelope.status == said.TOO_BIG and len(asked) > 1:
            self._learn(self._gets.too_big, len(asked))
        if envelope.status:
            return {}, _others(asked, 0 if envelope.status == said.TOO_BIG else envelope.index)
        if not values and envelope.status is None and len(asked) > 1 and await self._failed_unseen(asked, priority):
            return {}, _halves(asked)
        self._gets.went_well(len(asked))
        return {oid: values[oid] for oid in asked if oid in values}, []

    async def _failed_unseen(self, asked: list[str], priority: Priority) -> bool:
        """Was an encrypted answer without values an error? With something that is there, one that is none has it."""
        if UPTIME in asked:
            return True
        _, values = await self._ask(lambda at, limit: at.get([*asked, UPTIME], limit), priority)
        return not values

    # ---- columns ---------------------------------------------------------------------------------------------

    async def walk(self, column: str, *, most: int, priority: Priority = Priority.POLL) -> Walk:
        """The rows of a column, `most` of them; what was read stands where the rest cannot be. Raises DeviceError."""
        size = 1 if self._target.version == 1 else self._bulk.size
        while True:
            try:
                return await self._walk(Cursor(column, size), column, most, priority)
            except _TooMuch:
                size = max(1, size // 2)

    async def _walk(self, cursor: Cursor, column: str, most: int, priority: Priority) -> Walk:
        rows: dict[str, Value] = {}
        last: tuple[int, ...] = ()
        start = len(column) + 1
        while True:
            try:
                batch = await self._batch(cursor, priority)
            except (Unreachable, Garbled) as error:
                if not rows:
                    raise
                return Walk(rows=rows, complete=False, reason=error.reason)
            for pair in batch:
                if pair is None:
                    return Walk(rows=rows)
                index, value = pair[0][start:], pair[1]
                place = tuple(map(int, index.split("."))) if index else ()
                if place <= last:
                    return Walk(rows=rows, complete=False, reason=f"the rows go backwards after {column}.{_text(last)}")
                if len(rows) >= most:
                    return Walk(rows=rows, complete=False, reason=f"more than {most} rows below {column}")
                rows[index], last = value, place
            if not batch:
                return Walk(rows=rows)

    async def _batch(self, cursor: Cursor, priority: Priority) -> list[Pair | None]:
        """Some more rows; none when there are no more."""
        try:
            envelope, batch = await self._ask(
                lambda wire, limit: wire.next(cursor, limit), priority, full=cursor.size == 1
            )
        except Silence:
            if cursor.size == 1 or not await self._is_there(priority):
                raise self._unreachable() from None
            self._learn(self._bulk.too_slow, cursor.size)
            raise _TooMuch from None
        except Unreadable as error:
            if cursor.size > 1:
                if error.cut:
                    self._learn(self._bulk.too_big, cursor.size)
                raise _TooMuch from None
            raise Garbled(f"an answer cannot be read: {error}", device=self.device) from None
        if batch:
            self._bulk.went_well(cursor.size)
            return batch
        return await self._end_or_more(envelope, cursor, priority)

    async def _end_or_more(self, envelope: Envelope, cursor: Cursor, priority: Priority) -> list[Pair | None]:
        """An answer without rows is the end, or an error that looks like it."""
        over_v1 = self._target.version == 1
        if envelope.status == said.NO_ERROR or (over_v1 and envelope.status == said.NO_SUCH_NAME):
            return []
        if envelope.status is None and cursor.size > 1:
            size, cursor.size = cursor.size, 1
            _, row = await self._ask(lambda wire, limit: wire.next(cursor, limit), priority)
            if not row:
                return []
            self._learn(self._bulk.too_big, size)
            raise _TooMuch
        if envelope.status is None:
            return []
        if cursor.size > 1:
            if envelope.status == said.TOO_BIG:
                self._learn(self._bulk.too_big, cursor.size)
            raise _TooMuch
        raise Garbled(f"it answers with error status {envelope.status}", device=self.device)

    # ---- one question ----------------------------------------------------------------------------------------

    async def _ask(self, question: Question[T], priority: Priority, *, full: bool = True) -> tuple[Envelope, T]:
        """The answer to it, or to a repetition; raises Silence, Unreadable and DeviceError."""
        credentials = self._opening.credentials
        tries = TRIES if full and self._answers else FEW_TRIES
        longest = self._lane.pace.request_timeout.total_seconds()
        for limit in tries:
            if self._target.version == 3 and credentials:
                self._lane.login_allowed(credentials.version)
            try:
                async with self._lane.turn(priority):
                    answered = await self._once(question, min(limit, longest))
            except Silence:
                continue
            except Refused:
                self._answers = False
                raise Unreachable(f"nothing listens on UDP port {self._target.port}", device=self.device) from None
            except Denied:
                who = "user or its security level" if self._target.version == 3 else "community"
                raise AccessDenied(f"it refuses this {who}", device=self.device, cure=CURE) from None
            self._answers = True
            return answered
        await self._look_elsewhere()
        raise Silence

    async def _look_elsewhere(self) -> None:
        """After silence another address of the same name may answer, or the name may have got another one."""
        if not is_numeric(self._target.host):
            self._whereabouts.was_silent()
            await self.close()

    async def _once(self, question: Question[T], limit: float) -> tuple[Envelope, T]:
        wire = await self._opened(limit)
        for tried in range(PUT_RIGHT + 1):
            try:
                answered = await question(wire, limit)
            except Reported as report:
                wire = await self._put_right(report.envelope, wire, tried, limit)
            else:
                self._heard(answered[0])
                return answered
        raise Garbled("it answers with SNMPv3 Reports alone", device=self.device)

    async def _is_there(self, priority: Priority) -> bool:
        """Does it answer the smallest of questions?"""
        try:
            await self._ask(lambda wire, limit: wire.get([UPTIME], limit), priority, full=False)
        except Silence:
            return False
        except Unreadable:
            return True
        return True

    def _unreachable(self) -> Unreachable:
        self._answers = False
        target = self._target
        cure = f"is SNMP on, does UDP port {target.port} get through, and is the community right? no agent tells"
        if target.version == 3:
            cure = f"is SNMPv3 on, and does UDP port {target.port} get through?"
        if self._engine_id and target.priv and self._engine is None:
            cure = "is the privacy passphrase right, and its algorithm? some agents say nothing to a wrong one"
        return Unreachable("no answer in time", device=self.device, cure=cure)

    # ---- SNMPv3 ----------------------------------------------------------------------------------------------

    async def _put_right(self, envelope: Envelope, wire: Wire, tried: int, limit: float) -> Wire:
        """The wire to repeat the request on; raises what the Report means where that would not help."""
        reason = REFUSALS.get(envelope.report or 0)
        credentials = self._opening.credentials
        if reason and credentials:
            self._lane.login_refused(credentials.version)
            await self._opening.remember()
            raise AccessDenied(reason, device=self.device, cure=CURE)
        if envelope.report == said.NOT_IN_TIME and not tried:
            return wire
        if envelope.report not in (said.NOT_IN_TIME, said.UNKNOWN_ENGINE):
            raise Garbled("it answers with a Report that says nothing", device=self.device)
        if envelope.engine != self._engine_id:
            self._boots = 0
        self._engine_id = b""
        await self.close()
        return await self._opened(limit)

    def _heard(self, envelope: Envelope) -> None:
        """Note who answered; an engine whose boots went back is replayed or broken (F93)."""
        credentials = self._opening.credentials
        if self._target.version != 3 or credentials is None:
            return
        self._lane.login_accepted(credentials.version)
        self._engine = Engine(id=envelope.engine, boots=envelope.boots, time=envelope.time)
        if envelope.engine == self._engine_id and envelope.boots == self._boots:
            return
        if envelope.engine == self._engine_id and envelope.boots < self._boots:
            self.problem = f"its SNMP engine counts boots backwards, from {self._boots} to {envelope.boots}"
        self._engine_id, self._boots = envelope.engine, envelope.boots
        self.memory_version += 1

    # ---- who and where ---------------------------------------------------------------------------------------

    async def _opened(self, limit: float) -> Wire:
        if self._wire:
            return self._wire
        target, credentials = self._target, self._opening.credentials
        if credentials is None:
            needed = "a user" if target.version == 3 else "a community"
            raise AccessDenied(
                f"SNMP takes no request without {needed}", device=self.device, cure="give it credentials"
            )
        host = await self._whereabouts.address()
        if target.version < 3:
            self._wire = Wire(
                host, target.port, community=credentials.password.reveal().rstrip("\n"), version=target.version
            )
            return self._wire
        signing, encrypting = self._master_keys()
        self._wire = Wire(host, target.port, version=3, engine=self._engine_id)
        if not self._engine_id:
            try:
                met = await self._wire.meet(limit)
            except Silence:
                await self.close()
                raise
            if not met.engine:
                raise Garbled("it does not say which SNMPv3 engine it is", device=self.device)
            self._engine_id = met.engine
        user = user_of(credentials.user, target, signing, encrypting)
        self._wire.log_in(user, seal_of(target, signing, self._engine_id))
        return self._wire

    def _master_keys(self) -> tuple[bytes, bytes]:
        target, credentials = self._target, self._opening.credentials
        assert credentials is not None
        if self._keys is None and target.auth:
            signing, encrypting = passphrases(credentials.password.reveal())
            for what, phrase in (("authentication", signing), ("privacy", encrypting)):
                if len(phrase) < SHORTEST:
                    raise AccessDenied(
                        f"the {what} passphrase is shorter than the {SHORTEST} characters SNMPv3 takes",
                        device=self.device,
                        cure=CURE,
                    )
            self._keys = (master_key(target.auth, signing), master_key(target.auth, encrypting))
            self.memory_version += 1
        return self._keys or (b"", b"")

    def _learn(self, lesson: Callable[[int], None], asked: int) -> None:
        lesson(asked)
        self.memory_version += 1

    def _recall(self, remembered: dict[str, Any]) -> None:
        credentials = self._opening.credentials
        for name, appetite in (("bulk", self._bulk), ("gets", self._gets)):
            match remembered.get(name):
                case [int(most), int(size)] if 0 < size <= most <= appetite.most:
                    appetite.most, appetite.size = most, size
        if self._target.version != 3 or credentials is None:
            return
        self._engine_id = bytes.fromhex(remembered.get("engine", ""))
        self._boots = int(remembered.get("boots", 0))
        same = [self._target.auth, self._target.priv] == remembered.get("algorithms")
        if same and remembered.get("version") == credentials.version:
            signing, encrypting = remembered["keys"]
            self._keys = (bytes.fromhex(signing), bytes.fromhex(encrypting))


def _halves(asked: list[str]) -> list[list[str]]:
    """Both halves, the last one first; nothing of what cannot be halved."""
    half = len(asked) // 2
    return [asked[half:], asked[:half]] if half else []


def _others(asked: list[str], index: int) -> list[list[str]]:
    """All but the one the agent stumbled over (RFC 1157: one absent name fails the whole request)."""
    others = asked[: index - 1] + asked[index:]
    return [others] if 0 < index <= len(asked) and others else _halves(asked) if len(asked) > 1 and not index else []


def _text(place: tuple[int, ...]) -> str:
    return ".".join(map(str, place))
