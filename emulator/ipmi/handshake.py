"""How a client gets in: Open Session and the four RAKP messages (IPMI v2.0, 13.17 to 13.24)."""

from __future__ import annotations

import hmac
import struct
from enum import IntEnum
from typing import TYPE_CHECKING

from emulator.ipmi.ciphers import (
    LONGEST_NAME,
    LONGEST_PASSWORD,
    PROOF_LENGTHS,
    Suite,
    keyed,
)
from emulator.ipmi.framing import Payload
from emulator.ipmi.message import Privilege
from emulator.ipmi.sessions import Peer, Session, Sessions, Stage, client_at
from emulator.redfish.accounts import Account, account_of
from emulator.redfish.sessions import locked_out, refused

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

LEVELS = {
    "Administrator": Privilege.ADMINISTRATOR,
    "Operator": Privilege.OPERATOR,
    "ReadOnly": Privilege.USER,
}
"""What an account's role may do over IPMI."""
NAME_ONLY = 0x10
"""The bit of the role that looks a user up by name alone, whatever its privilege."""


class Status(IntEnum):
    """RMCP+ and RAKP message status codes (IPMI v2.0, table 13-15)."""

    OK = 0x00
    NO_RESOURCES = 0x01
    INVALID_SESSION = 0x02
    NO_MATCHING_AUTHENTICATION = 0x06
    NO_MATCHING_INTEGRITY = 0x07
    INVALID_AUTHENTICATION = 0x04
    INVALID_INTEGRITY = 0x05
    INVALID_ROLE = 0x09
    UNAUTHORISED_ROLE = 0x0A
    NAME_LENGTH = 0x0C
    UNAUTHORISED_NAME = 0x0D
    WRONG_PROOF = 0x0F
    INVALID_CONFIDENTIALITY = 0x10
    NO_CIPHER_SUITE = 0x11
    ILLEGAL_PARAMETER = 0x12


Answer = tuple[int, bytes]
"""Payload type and payload."""


def user_id(account: Account) -> int:
    """An account's number over IPMI; 1 is the user without a name, which is disabled."""
    return int(account.id) + 1


class Handshake:
    """The way in to one BMC; a repeated message gets the same answer again, another challenge makes the first void."""

    def __init__(self, bmc: Bmc, sessions: Sessions, guid: bytes) -> None:
        self._bmc, self._sessions, self._guid = bmc, sessions, guid

    def answer(self, kind: int, payload: bytes, peer: Peer) -> Answer | None:
        """The answer to a message of the handshake; None where there is none to give."""
        match kind:
            case Payload.OPEN_SESSION_REQUEST if len(payload) >= 32:
                return Payload.OPEN_SESSION_RESPONSE, self._open(payload, peer)
            case Payload.RAKP_1 if len(payload) >= 28:
                return Payload.RAKP_2, self._challenge(payload, peer)
            case Payload.RAKP_3 if len(payload) >= 8:
                proof = self._prove(payload, peer)
                return None if proof is None else (Payload.RAKP_4, proof)
        return None

    # ---- Open Session ----

    def _open(self, payload: bytes, peer: Peer) -> bytes:
        tag, role, console_id = payload[0], payload[1] & 0x0F, payload[4:8]
        suite = chosen(payload[8:32], self._sessions.suites)
        if isinstance(suite, Status):
            return _failed(tag, suite, console_id)
        if role > Privilege.ADMINISTRATOR:
            return _failed(tag, Status.INVALID_ROLE, console_id)
        number = int.from_bytes(console_id, "little")
        session = self._sessions.on_the_way(number, peer)
        if session is None or session.suite is not suite:
            session = self._sessions.add(number, peer, suite, role or Privilege.ADMINISTRATOR)
        if session is None:
            self._bmc.plant.ledger.note(
                self._bmc.machine.name, "login_full", protocol="ipmi", client=client_at(peer),
                sessions=len(self._sessions.active),
            )  # fmt: skip
            return _failed(tag, Status.NO_RESOURCES, console_id)
        head = struct.pack("<BBBB", tag, Status.OK, session.limit, 0)
        algorithms = (suite.authentication, suite.integrity, suite.confidentiality)
        told = b"".join(bytes((kind, 0, 0, 8, number, 0, 0, 0)) for kind, number in enumerate(algorithms))
        return head + console_id + session.id.to_bytes(4, "little") + told

    # ---- RAKP Messages 1 and 2 ----

    def _challenge(self, payload: bytes, peer: Peer) -> bytes:
        tag, role, length = payload[0], payload[24], payload[27]
        session = self._sessions.living(int.from_bytes(payload[4:8], "little"))
        if session is None or session.stage is Stage.ACTIVE:
            return _failed(tag, Status.INVALID_SESSION, bytes(4))
        if session.asked[0] != payload[1:]:
            status = self._meet(session, payload[8:24], role, payload[28 : 28 + length], length, peer)
            if status is not Status.OK:
                self._sessions.end(session)
                return _failed(tag, status, session.console_id.to_bytes(4, "little"))
            session.asked, session.stage = (payload[1:], b""), Stage.CHALLENGED
        console, own = session.randoms
        console_id = session.console_id.to_bytes(4, "little")
        text = console_id + session.id.to_bytes(4, "little") + console + own + self._guid + _named(session)
        code = keyed(session.suite.authentication, session.key, text)
        return bytes((tag, Status.OK, 0, 0)) + console_id + own + self._guid + code

    def _meet(self, session: Session, random: bytes, role: int, name: bytes, length: int, peer: Peer) -> Status:
        """Looks the user up and notes what the client asks for; what is wrong with it, if anything."""
        level = role & 0x0F
        if length > LONGEST_NAME or len(name) < length:
            return Status.NAME_LENGTH
        if not Privilege.USER <= level <= Privilege.ADMINISTRATOR:
            return Status.INVALID_ROLE
        if level > session.limit:
            return Status.UNAUTHORISED_ROLE
        user = name.decode("utf-8", "replace")
        account = account_of(self._bmc, user)
        if account is None or len(account.password.encode()) > LONGEST_PASSWORD or locked_out(self._bmc):
            self._refuse(user, peer)
            return Status.UNAUTHORISED_NAME
        if level > LEVELS[account.role]:
            return Status.UNAUTHORISED_ROLE if role & NAME_ONLY else Status.UNAUTHORISED_NAME
        session.user, session.user_id, session.role, session.limit = user, user_id(account), role, level
        session.randoms = (random, self._sessions.random())
        session.key = self._sessions.random() if self._bmc.rejects else account.password.encode()
        session.used = self._bmc.plant.clock.now()
        return Status.OK

    # ---- RAKP Messages 3 and 4 ----

    def _prove(self, payload: bytes, peer: Peer) -> bytes | None:
        tag, status = payload[0], payload[1]
        session = self._sessions.living(int.from_bytes(payload[4:8], "little"))
        if status != Status.OK:
            self._given_up(session, status, peer)
            return None
        if session is None or session.stage is Stage.OPENED:
            return _failed(tag, Status.INVALID_SESSION, bytes(4))
        console_id = session.console_id.to_bytes(4, "little")
        if session.stage is Stage.CHALLENGED:
            if not self._right(session, payload[8:]):
                self._sessions.end(session)
                self._refuse(session.user, peer)
                return _failed(tag, Status.WRONG_PROOF, console_id)
            session.asked = (session.asked[0], payload[1:])
            self._welcome(session)
        elif session.asked[1] != payload[1:]:
            return _failed(tag, Status.INVALID_SESSION, console_id)
        text = session.randoms[0] + session.id.to_bytes(4, "little") + self._guid
        proof = keyed(session.suite.authentication, session.session_key, text)
        return bytes((tag, Status.OK, 0, 0)) + console_id + proof[: PROOF_LENGTHS[session.suite.authentication]]

    def _right(self, session: Session, code: bytes) -> bool:
        """Whether the client knows the password."""
        text = session.randoms[1] + session.console_id.to_bytes(4, "little") + _named(session)
        return hmac.compare_digest(keyed(session.suite.authentication, session.key, text), code)

    def _welcome(self, session: Session) -> None:
        text = session.randoms[0] + session.randoms[1] + _named(session)
        session.session_key = keyed(session.suite.authentication, session.key, text)
        self._bmc.refused_at.clear()
        self._sessions.activate(session)

    def _given_up(self, session: Session | None, status: int, peer: Peer) -> None:
        """The client did not like RAKP Message 2: its password is another one, or it has gone."""
        if session is None or session.stage is not Stage.CHALLENGED:
            return
        self._sessions.end(session)
        if status == Status.WRONG_PROOF:
            self._refuse(session.user, peer)

    def _refuse(self, user: str, peer: Peer) -> None:
        self._sessions.tally.refuse(self._bmc.plant.clock.now())
        refused(self._bmc, user, client_at(peer), how="ipmi")


def _failed(tag: int, status: Status, console_id: bytes) -> bytes:
    """A message that says only what went wrong."""
    return bytes((tag, status, 0, 0)) + console_id


def _named(session: Session) -> bytes:
    """Role and user name, as every hash has them."""
    name = session.user.encode()
    return bytes((session.role, len(name))) + name


def chosen(told: bytes, suites: list[Suite]) -> Suite | Status:
    """The suite that three algorithm payloads ask for; one of length 0 leaves the choice to the BMC (table 13-9)."""
    wanted: list[int | None] = []
    mismatch = (Status.NO_MATCHING_AUTHENTICATION, Status.NO_MATCHING_INTEGRITY, Status.ILLEGAL_PARAMETER)
    unknown = (Status.INVALID_AUTHENTICATION, Status.INVALID_INTEGRITY, Status.INVALID_CONFIDENTIALITY)
    known = [{getattr(suite, kind) for suite in suites} for kind in ("authentication", "integrity", "confidentiality")]
    for kind in range(3):
        part = told[8 * kind : 8 * kind + 8]
        if part[0] != kind or part[3] not in (0, 8):
            return mismatch[kind]
        number = None if part[3] == 0 else part[4] & 0x3F
        if number is not None and number not in known[kind]:
            return unknown[kind]
        wanted.append(number)
    fitting = [
        suite
        for suite in suites
        if all(
            number in (None, own)
            for number, own in zip(wanted, (suite.authentication, suite.integrity, suite.confidentiality), strict=True)
        )
    ]
    return fitting[-1] if fitting else Status.NO_CIPHER_SUITE
