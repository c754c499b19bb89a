"""An agent: one UDP port, from the request that comes to the answer that goes."""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from emulator.clock import Clock
from emulator.datagrams import Port
from emulator.snmp import usm
from emulator.snmp.ber import (
    INTEGER,
    OCTETS,
    SEQUENCE,
    MalformedError,
    content_of,
    counter,
    element,
    elements,
    number_of,
    octets,
    oid,
    tagged,
    whole,
)
from emulator.snmp.message import V1, V2C, V3, Answer, Kind, Pdu, Status, answer_to, pdu_of
from emulator.snmp.troubles import Troubles
from emulator.snmp.usm import AUTHENTICATED, HASHES, PRIVATE, REPORTABLE, WINDOW, Scope, Seal, Secured, User
from emulator.snmp.view import View

LONGEST = 65_507
"""Bytes of a UDP datagram over IPv4."""
AROUND = 64
"""Bytes of a message around its bindings, at most, beside the community or what version 3 adds."""
AROUND_V3 = 192


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask an agent."""

    community: bytes = b"public"
    users: Mapping[bytes, User] = field(default_factory=dict)


@dataclass(slots=True)
class Engine:
    """The SNMP engine of an agent, with its restarts."""

    id: bytes
    clock: Clock
    boots: int = 1
    booted_at: float = 0.0
    uptime_ahead: float = 0.0
    """Seconds that sysUpTime is ahead of the engine's time: an agent whose uptime is near its end."""
    off_by: int = 0
    """Seconds that the engine's time is wrong by."""

    @property
    def time(self) -> int:
        """Seconds since the engine's start, as it tells them."""
        return max(0, int(self.clock.now() - self.booted_at) + self.off_by)

    @property
    def ticks(self) -> int:
        """sysUpTime in hundredths; it wraps when it is encoded."""
        return int((self.clock.now() - self.booted_at + self.uptime_ahead) * 100)

    def restart(self, boots: int) -> None:
        """Starts anew, as the so-maniest boot."""
        self.boots, self.booted_at, self.uptime_ahead = boots, self.clock.now(), 0.0


@dataclass(slots=True)
class AgentTally:
    """What an agent was asked, counted."""

    datagrams: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    """By version and kind, as `v2c GET_BULK`."""
    bindings: int = 0
    """That were answered."""
    refused: int = 0
    """Unknown communities and users, wrong digests."""

    def told(self) -> dict[str, Any]:
        """As the control API gives it."""
        return {
            "datagrams": self.datagrams, "requests": self.requests.total(), "by_request": dict(self.requests),
            "bindings": self.bindings, "refused": self.refused,
        }  # fmt: skip


class Agent(Port):
    """The UDP port of one device; what it does not understand or trust it does not answer."""

    scheme = "snmp"

    def __init__(
        self, view: Callable[[], View], access: Access, engine: Engine, *, settle: Callable[[], None] = lambda: None,
        away: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self._view, self.access, self.engine, self._settle, self._away = view, access, engine, settle, away
        self.troubles = Troubles()
        self.tally = AgentTally()
        self._stats: Counter[int] = Counter()

    # ---- what comes ----

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._settle()
        if self._away():
            return
        self.tally.datagrams += 1
        if self.troubles.loses():
            return
        with suppress(MalformedError):
            answer = self._answered(data)
            if answer is not None:
                self._say(answer, addr)

    def _answered(self, data: bytes) -> bytes | None:
        tag, body, _ = element(data)
        parts = elements(content_of(SEQUENCE, (tag, body)))
        version = number_of(content_of(INTEGER, _next(parts)))
        if version in (V1, V2C):
            community = content_of(OCTETS, _next(parts))
            if not hmac.compare_digest(community, self.access.community):
                self.tally.refused += 1
                return None
            answer = self._answer(pdu_of(_next(parts)), version, LONGEST - AROUND - len(community))
            return tagged(SEQUENCE, whole(version) + octets(community) + answer.encoded())
        return self._over_v3(usm.secured_of(data)) if version == V3 else None

    def _answer(self, asked: Pdu, version: int, room: int) -> Answer:
        """What the device tells, troubles included."""
        self.tally.requests[f"{VERSIONS[version]} {Kind(asked.kind).name}"] += 1
        troubles, view = self.troubles, self._view()
        if troubles.most_bytes is not None:
            room = min(room, troubles.most_bytes)
        if troubles.stretches:
            view = troubles.stretched(view)
        answer = answer_to(view, asked, version, room)
        if troubles.refuses_long(asked):
            answer = Answer(asked.request_id, status=Status.TOO_BIG)
        answer = troubles.skipping(asked, answer)
        self.tally.bindings += len(answer.rows)
        return answer

    # ---- version 3 ----

    def _over_v3(self, asked: Secured) -> bytes | None:
        """The answer to a message of version 3, or a report of why there is none (RFC 3414, 3.2)."""
        engine = self.engine
        if asked.engine != engine.id:
            return self._report(asked, usm.UNKNOWN_ENGINE)
        user = self.access.users.get(asked.user)
        if user is None:
            return self._report(asked, usm.UNKNOWN_USER)
        if not asked.flags & AUTHENTICATED:
            if asked.flags & PRIVATE or user.password:
                return self._report(asked, usm.UNSUPPORTED)
            return self._said(asked, Seal(engine.id, engine.boots, engine.time, user.name), usm.scope_of(asked.scoped))
        algorithm = HASHES.get(len(asked.digest), "")
        if not algorithm or not user.password:
            return self._report(asked, usm.WRONG_DIGEST if user.password else usm.UNSUPPORTED)
        key = usm.key_of(algorithm, user.password, engine.id)
        if not hmac.compare_digest(usm.digest_of(algorithm, key, asked.blank), asked.digest):
            return self._report(asked, usm.WRONG_DIGEST)
        seal = Seal(engine.id, engine.boots, engine.time, user.name, algorithm, key)
        if asked.boots != engine.boots or abs(asked.time - engine.time) > WINDOW:
            return self._report(asked, usm.NOT_IN_TIME, seal)
        if not asked.flags & PRIVATE:
            return self._said(asked, seal, usm.scope_of(asked.scoped))
        return self._privately(asked, user, seal)

    def _privately(self, asked: Secured, user: User, seal: Seal) -> bytes | None:
        private = usm.key_of(seal.algorithm, user.privacy or user.password, seal.engine)
        try:
            text = content_of(OCTETS, asked.scoped)
            plain = usm.decrypted(private, asked.boots, asked.time, asked.salt, text)
            scope = usm.scope_of(element(plain)[:2])
        except MalformedError:
            return self._report(asked, usm.UNREADABLE)
        seal = Seal(seal.engine, seal.boots, seal.time, seal.user, seal.algorithm, seal.key, private)
        return self._said(asked, seal, scope)

    def _said(self, asked: Secured, seal: Seal, scope: Scope) -> bytes:
        room = max(484, min(asked.most, LONGEST)) - AROUND_V3 - len(scope.context)
        answer = self._answer(pdu_of(scope.pdu), V3, room)
        return seal.sealed(asked.message_id, scope.context, answer.encoded(), most=LONGEST)

    def _report(self, asked: Secured, reason: int, seal: Seal | None = None) -> bytes | None:
        """Why a message is not answered, where the other side wants to know."""
        self._stats[reason] += 1
        self.tally.refused += reason in (usm.UNKNOWN_USER, usm.WRONG_DIGEST, usm.UNREADABLE, usm.UNSUPPORTED)
        if not asked.flags & REPORTABLE:
            return None
        engine, request_id = self.engine, 0
        if not asked.flags & PRIVATE:
            with suppress(MalformedError):
                request_id = pdu_of(usm.scope_of(asked.scoped).pdu).request_id
        name = oid((*usm.STATS, reason, 0))
        report = Answer(request_id, [(name, counter(self._stats[reason]))], kind=Kind.REPORT).encoded()
        seal = seal or Seal(engine.id, engine.boots, engine.time, asked.user if reason != usm.UNKNOWN_ENGINE else b"")
        return seal.sealed(asked.message_id, b"", report, most=LONGEST)

    # ---- what goes ----

    def _say(self, answer: bytes, peer: Any) -> None:
        if self.troubles.delay:
            asyncio.get_running_loop().call_later(self.troubles.delay, self._send, answer, peer)
        else:
            self._send(answer, peer)

    def _send(self, answer: bytes, peer: Any) -> None:
        if not self._away():
            self.send(answer, peer)


VERSIONS = {V1: "v1", V2C: "v2c", V3: "v3"}


def _next(parts: Any) -> tuple[int, bytes]:
    """The next element; MalformedError where there is none."""
    found: tuple[int, bytes] | None = next(parts, None)
    if found is None:
        raise MalformedError("cut off")
    return found


def engine_id(name: str) -> bytes:
    """The id of an engine by the name of its device (RFC 3411, 5: text, under the enterprise 8072)."""
    return b"\x80\x00\x1f\x88\x04" + name.encode()[:27]
