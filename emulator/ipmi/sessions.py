"""The sessions of one BMC: who is in, who is on the way in, and which packets are not older than they should be."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from emulator.ipmi.ciphers import Seal, Suite, offered
from emulator.ipmi.framing import Message
from emulator.ipmi.message import Privilege

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

IDLE_SECONDS = 60.0
"""How long a session lives without a packet (IPMI v2.0, 6.12.15); half-open ones too."""
AHEAD, BEHIND = 15, 16
"""How far from the highest sequence number a packet may be (IPMI v2.0, 6.12.13)."""

Peer = tuple[str, int]


def client_at(peer: Peer) -> str:
    """A client as the ledger tells it."""
    return f"{peer[0]}:{peer[1]}"


@dataclass(slots=True)
class Window:
    """Which sequence numbers have been seen, around the highest of them."""

    highest: int = 0
    _seen: int = 1
    """Bit n is the n-th below the highest."""

    def takes(self, number: int) -> bool:
        """Whether a packet of this number is new and near enough; it is seen from then on."""
        ahead = number - self.highest
        if number == 0 or ahead > AHEAD or ahead < -BEHIND:
            return False
        if ahead > 0:
            self.highest, self._seen = number, (self._seen << ahead | 1) & ((1 << BEHIND + 1) - 1)
            return True
        fresh = not self._seen >> -ahead & 1
        self._seen |= 1 << -ahead
        return fresh


class Stage(Enum):
    """How far a session has come."""

    OPENED = "opened"
    CHALLENGED = "challenged"
    """RAKP Message 2 is out."""
    ACTIVE = "active"


@dataclass(slots=True, eq=False)
class Session:
    """One client's session, from its Open Session Request on."""

    id: int
    """The number that the BMC has given it."""
    handle: int
    console_id: int
    peer: Peer
    suite: Suite
    limit: int
    """Highest privilege that it may ever have."""
    used: float
    stage: Stage = Stage.OPENED
    user: str = ""
    user_id: int = 0
    key: bytes = b""
    """The user's, which both proofs of knowledge hang on."""
    role: int = 0
    """The byte of RAKP Message 1 that asks for a privilege, its lookup bit included."""
    randoms: tuple[bytes, bytes] = (b"", b"")
    """The console's and the BMC's."""
    asked: tuple[bytes, bytes] = (b"", b"")
    """RAKP Messages 1 and 3 without their tags, to know a repetition by."""
    session_key: bytes = b""
    seal: Seal | None = None
    """None where the suite neither signs nor encrypts."""
    privilege: int = Privilege.USER
    signed: Window = field(default_factory=Window)
    unsigned: Window = field(default_factory=Window)
    sent: int = 0
    """Sequence number of the last packet to the client."""
    last: Message | None = None
    """Its last command."""


class Sessions:
    """The table of sessions of one BMC."""

    def __init__(self, bmc: Bmc) -> None:
        self._bmc = bmc
        self._chance = random.Random(f"{bmc.plant.seed}:{bmc.machine.name}:ipmi")
        self.by_id: dict[int, Session] = {}
        self.tally = bmc.plant.ledger.ipmi[bmc.machine.name]

    @property
    def most(self) -> int:
        """How many there may be at a time, those on the way in included."""
        usual = self._bmc.machine.family.ipmi.sessions
        return int(self._bmc.policy("max_sessions", usual)) if self._bmc.wire else usual

    @property
    def suites(self) -> list[Suite]:
        """The cipher suites that are open, in the order of their numbers."""
        usual = self._bmc.machine.family.ipmi.ciphers
        return offered(self._bmc.policy("ciphers", usual) if self._bmc.wire else usual)

    @property
    def active(self) -> list[Session]:
        """Those who are in."""
        return [session for session in self.by_id.values() if session.stage is Stage.ACTIVE]

    def living(self, session_id: int) -> Session | None:
        """The session of a number, unless it has been idle for too long."""
        session = self.by_id.get(session_id)
        if session is not None and self._now() - session.used > self._idle():
            self._expire(session)
            return None
        return session

    def sweep(self) -> None:
        """Ends what has been idle for too long."""
        now, idle = self._now(), self._idle()
        for session in tuple(self.by_id.values()):
            if now - session.used > idle:
                self._expire(session)

    def on_the_way(self, console_id: int, peer: Peer) -> Session | None:
        """The half-open session of a client that asks for it once more."""
        return next(
            (
                session
                for session in self.by_id.values()
                if session.stage is Stage.OPENED and session.console_id == console_id and session.peer == peer
            ),
            None,
        )

    def add(self, console_id: int, peer: Peer, suite: Suite, limit: int) -> Session | None:
        """A new half-open session; it may displace the oldest half-open one, and is None where all are active."""
        self.sweep()
        if len(self.by_id) >= self.most:
            waiting = [session for session in self.by_id.values() if session.stage is not Stage.ACTIVE]
            if not waiting:
                return None
            del self.by_id[waiting[0].id]
        handles = {session.handle for session in self.by_id.values()}
        handle = next(number for number in range(1, 256) if number not in handles)
        session_id = self._chance.getrandbits(32)
        while session_id in self.by_id or session_id == 0:
            session_id = self._chance.getrandbits(32)
        session = Session(session_id, handle, console_id, peer, suite, limit, self._now())
        self.by_id[session_id] = session
        return session

    def random(self) -> bytes:
        """Sixteen bytes that nobody can foretell."""
        return self._chance.randbytes(16)

    def activate(self, session: Session) -> None:
        """The client has proved what it knows; a BMC that has one session for each user ends the older one."""
        if self._bmc.wire and self._bmc.policy("single_session", False):
            self.forget(session.user, but=session)
        session.stage, session.used = Stage.ACTIVE, self._now()
        session.seal = Seal(session.suite, session.session_key) if session.suite.integrity else None
        session.privilege = min(Privilege.USER, session.limit)
        self.tally.logins += 1
        self._count()
        self._note("login", session, cipher=session.suite.id)
        self._bmc.machine.log("SessionOpened", session.user, session.peer[0])

    def end(self, session: Session) -> None:
        """Signs a client out."""
        if self.by_id.pop(session.id, None) is not None and session.stage is Stage.ACTIVE:
            self._count()
            self._note("logout", session)

    def forget(self, user: str = "", *, but: Session | None = None) -> None:
        """Drops the sessions of a user, or of everybody."""
        doomed = (session for session in tuple(self.by_id.values()) if user in ("", session.user))
        self._drop(session for session in doomed if session is not but)

    def _drop(self, sessions: Iterable[Session]) -> None:
        for session in sessions:
            del self.by_id[session.id]
        self._count()

    def _expire(self, session: Session) -> None:
        self._drop((session,))
        if session.stage is Stage.ACTIVE:
            self._note("session_expired", session)
        elif session.stage is Stage.CHALLENGED:
            self.tally.abandoned += 1
            self._note("login_abandoned", session)

    def _count(self) -> None:
        self.tally.sessions.set(len(self.active), self._now())

    def _note(self, what: str, session: Session, **particulars: object) -> None:
        self._bmc.plant.ledger.note(
            self._bmc.machine.name, what, protocol="ipmi", id=session.handle, client=client_at(session.peer),
            sessions=len(self.active), **particulars,
        )  # fmt: skip

    def _idle(self) -> float:
        return float(self._bmc.policy("session_ttl", IDLE_SECONDS)) if self._bmc.wire else IDLE_SECONDS

    def _now(self) -> float:
        return self._bmc.plant.clock.now()
