"""One question to one SNMP agent and its answer: tries, Reports, users, engines and their clocks.

One datagram is on its way at a time, in a turn of the lane. What is asked is `session.py`'s matter.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from fleetmon.drivers.base import Opening
from fleetmon.drivers.lane import Priority
from fleetmon.drivers.snmp import envelope as said
from fleetmon.drivers.snmp.address import target_of
from fleetmon.drivers.snmp.envelope import Envelope
from fleetmon.drivers.snmp.keys import SHORTEST, community_of, master_key, passphrases, seal_of, user_of
from fleetmon.drivers.snmp.wire import Denied, Refused, Reported, Silence, Unreadable, Wire
from fleetmon.drivers.whereabouts import Whereabouts, is_numeric
from fleetmon.errors import AccessDenied, Garbled, Unreachable

T = TypeVar("T")
TRIES = (2.0, 4.0, 8.0)
"""Seconds an answer may take, try by try. Each try is a new request: an answer to the one before comes too late."""
FEW_TRIES = TRIES[:2]
"""For an agent that has not answered yet, and for a question that may have been too much at once (F96)."""
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
V3_CURE = "say after the ? of the address how SNMPv3 is spoken, as auth=sha256&priv=aes128"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The SNMPv3 engine as its last message told it."""

    id: bytes
    boots: int
    time: int
    """Seconds since the last boot."""


Question = Callable[[Wire, float], Awaitable[tuple[Envelope, T]]]
"""What is asked over a wire within so many seconds."""


class Conversation:
    """With one agent. `requests` counts every datagram sent, tries and discoveries included."""

    def __init__(self, opening: Opening) -> None:
        self.device = opening.endpoint.address
        self.memory_version = 0
        """Grows whenever `memory` has something new to say."""
        self.problem = ""
        """What is odd about the agent's engine, for a person to know."""
        self.engine: Engine | None = None
        """As it last told; None before it did, and over v1 and v2c."""
        self._opening, self._lane = opening, opening.lane
        self.target = target_of(self.device)
        self._whereabouts = Whereabouts(self.target.host, self.target.port, clock=opening.clock, device=self.device)
        self._wire: Wire | None = None
        self._sent = 0
        self._engine_id = b""
        self._boots = 0
        self._keys: tuple[bytes, bytes] | None = None
        self._answers = False
        """Was the last question answered?"""
        self._recall(opening.memory.session)

    @property
    def requests(self) -> int:
        """Datagrams sent."""
        return self._sent + (self._wire.sent if self._wire else 0)

    def memory(self) -> dict[str, Any]:
        """Which engine answers, and the user's master keys."""
        credentials = self._opening.credentials
        known: dict[str, Any] = {}
        if self.target.version == 3:
            known |= {"engine": self._engine_id.hex(), "boots": self._boots}
        if self._keys and credentials:
            known |= {
                "version": credentials.version,
                "algorithms": [self.target.auth, self.target.priv],
                "keys": [key.hex() for key in self._keys],
            }
        return known

    def _recall(self, remembered: dict[str, Any]) -> None:
        credentials = self._opening.credentials
        if self.target.version != 3 or credentials is None:
            return
        self._engine_id = bytes.fromhex(remembered.get("engine", ""))
        self._boots = int(remembered.get("boots", 0))
        same = [self.target.auth, self.target.priv] == remembered.get("algorithms")
        if same and remembered.get("version") == credentials.version:
            signing, encrypting = remembered["keys"]
            self._keys = (bytes.fromhex(signing), bytes.fromhex(encrypting))

    async def close(self) -> None:
        """Let the socket go; agents keep no session."""
        if self._wire:
            self._sent += self._wire.sent
            self._wire = None

    async def ask(
        self, question: Question[T], priority: Priority, *, full: bool = True, tries: tuple[float, ...] = ()
    ) -> tuple[Envelope, T]:
        """The answer to it, or to a repetition; raises Silence, Unreadable and DeviceError."""
        credentials = self._opening.credentials
        tries = tries or (TRIES if full and self._answers else FEW_TRIES)
        longest = self._lane.pace.request_timeout.total_seconds()
        for limit in tries:
            if self.target.version == 3 and credentials:
                self._lane.login_allowed(credentials.version)
            try:
                async with self._lane.turn(priority):
                    answered = await self._once(question, min(limit, longest))
            except Silence:
                continue
            except Refused as refused:
                self._answers = False
                raise Unreachable(str(refused), device=self.device) from None
            except Denied:
                who = "user or its security level" if self.target.version == 3 else "community"
                raise AccessDenied(f"it refuses this {who}", device=self.device, cure=CURE) from None
            self._answers = True
            return answered
        await self._look_elsewhere()
        raise Silence

    async def _look_elsewhere(self) -> None:
        """After silence another address of the same name may answer, or the name may have got another one."""
        if not is_numeric(self.target.host):
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

    async def is_there(self, priority: Priority) -> bool:
        """Does it answer the smallest of questions?"""
        try:
            await self.ask(lambda wire, limit: wire.get([UPTIME], limit), priority, tries=FEW_TRIES[:1])
        except Silence:
            return False
        except Unreadable:
            pass
        return True

    def unreachable(self) -> Unreachable:
        self._answers = False
        target = self.target
        on = f"is SNMP v{target.version} on, does UDP port {target.port} get through"
        cure = (
            f"{on}?"
            if target.version == 3
            else f"{on}, and is it the right community? to a wrong one agents say nothing"
        )
        if self._engine_id and target.priv and self.engine is None:
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
        if self.target.version != 3 or credentials is None:
            return
        self._lane.login_accepted(credentials.version)
        self.engine = Engine(id=envelope.engine, boots=envelope.boots, time=envelope.time)
        if envelope.engine == self._engine_id and envelope.boots == self._boots:
            return
        back = envelope.engine == self._engine_id and envelope.boots < self._boots
        self.problem = f"its SNMP engine counts boots backwards, from {self._boots} to {envelope.boots}" if back else ""
        self._engine_id, self._boots = envelope.engine, envelope.boots
        self.memory_version += 1

    # ---- who and where ---------------------------------------------------------------------------------------

    async def _opened(self, limit: float) -> Wire:
        if self._wire:
            return self._wire
        target, credentials = self.target, self._opening.credentials
        if credentials is None:
            needed = "a user" if target.version == 3 else "a community"
            raise AccessDenied(
                f"SNMP takes no request without {needed}", device=self.device, cure="give it credentials"
            )
        host = await self._whereabouts.address()
        if target.version < 3:
            self._wire = Wire(host, target.port, community=self._community(), version=target.version)
            return self._wire
        self._wire = await self._logged_in(host, limit)
        return self._wire

    def _community(self) -> str:
        credentials = self._opening.credentials
        assert credentials is not None
        try:
            return community_of(credentials.password.reveal())
        except ValueError as error:
            raise AccessDenied(str(error), device=self.device, cure=V3_CURE) from None

    async def _logged_in(self, host: str, limit: float) -> Wire:
        """A wire on which this user asks the engine known before, or the one met now."""
        target, credentials = self.target, self._opening.credentials
        assert credentials is not None
        signing, encrypting = self._master_keys()
        wire, met = Wire(host, target.port, version=3, engine=self._engine_id), self._engine_id
        try:
            met = met or (await wire.meet(limit)).engine
        finally:
            if not met or wire.engine != met:
                self._sent += wire.sent
        if not met:
            raise Garbled("it does not say which SNMPv3 engine it is", device=self.device)
        if wire.engine != met:
            wire = Wire(host, target.port, version=3, engine=met)
        self._engine_id = met
        wire.log_in(user_of(credentials.user, target, signing, encrypting), seal_of(target, signing, met))
        return wire

    def _master_keys(self) -> tuple[bytes, bytes]:
        target, credentials = self.target, self._opening.credentials
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
