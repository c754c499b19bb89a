"""A BMC's LAN side: one UDP port, from the datagram that comes to the one that goes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from emulator.datagrams import Port
from emulator.ipmi import framing
from emulator.ipmi.effects import Meeting, met, spelt
from emulator.ipmi.framing import AUTHENTICATED, ENCRYPTED, PLUS_HEADER, RMCP_IPMI, RMCP_PLUS, START, Payload
from emulator.ipmi.handshake import Handshake
from emulator.ipmi.message import Code, Controller, NetFn, Privilege, Reply, Request
from emulator.ipmi.session_commands import COMMANDS, WITHOUT_SESSION, Asked
from emulator.ipmi.sessions import Peer, Session, Sessions, Stage, client_at

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc


class Lan(Port):
    """The UDP port of one BMC; what it does not understand or trust it does not answer."""

    scheme = "ipmi"

    def __init__(self, bmc: Bmc, controller: Controller) -> None:
        self._bmc, self._controller = bmc, controller
        self._ledger, self._agenda, self._clock = bmc.plant.ledger, bmc.plant.agenda, bmc.plant.clock
        self.sessions = Sessions(bmc)
        self.tally = self.sessions.tally
        self._handshake = Handshake(bmc, self.sessions, controller.guid)

    def told(self, now: float) -> dict[str, Any]:
        """Who is in and what was asked, as the control API gives it."""
        self.sessions.sweep()
        return {
            "sessions": [
                {
                    "id": session.handle,
                    "client": client_at(session.peer),
                    "user": session.user,
                    "privilege": session.privilege,
                    "cipher": session.suite.id,
                }
                for session in self.sessions.active
            ],
            "traffic": self.tally.told(now),
        }

    # ---- what comes ----

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._agenda.settle()
        if self._bmc.away:
            return
        self.tally.datagrams += 1
        packet = framing.packet_of(data)
        if packet is None:
            self._greet_back(framing.pong(data), addr)
        elif packet.session_id:
            self._in_session(packet, data, addr)
        elif packet.flags:
            return
        elif packet.kind == Payload.IPMI:
            self._outside(packet, addr)
        else:
            self._greet(packet, addr)

    def _greet_back(self, answers: list[bytes], peer: Peer) -> None:
        """The answer to a presence ping."""
        meeting = Meeting("ping")
        if answers and not self._lost(meeting):
            self._say(meeting, answers, peer)

    def _greet(self, packet: framing.Packet, peer: Peer) -> None:
        """A step of the way in."""
        if packet.kind not in GREETING_OF:
            return
        meeting = Meeting(GREETING_OF[packet.kind])
        if self._lost(meeting):
            return
        answer = self._handshake.answer(packet.kind, packet.payload, peer)
        if answer is not None:
            kind, payload = answer
            self._say(meeting, [framing.outside(payload + bytes(meeting.junk), plus=True, kind=kind)], peer)

    def _outside(self, packet: framing.Packet, peer: Peer) -> None:
        """A command outside any session: the few that anybody may ask."""
        message = framing.message_of(packet.payload)
        if message is None:
            return
        meeting = Meeting("outside", message.netfn, message.command)
        reply = None if self._lost(meeting) else self._reply(message, None, meeting)
        if reply is not None:
            payload = framing.answer_to(message, reply.code, reply.data)
            self._say(meeting, [framing.outside(payload, plus=packet.plus)], peer)

    def _in_session(self, packet: framing.Packet, datagram: bytes, peer: Peer) -> None:
        """A command inside a session, if it is genuine, new and in time."""
        session = self.sessions.living(packet.session_id)
        if session is None or session.stage is not Stage.ACTIVE or packet.kind != Payload.IPMI:
            return
        payload = _opened(session, packet, datagram)
        message = framing.message_of(payload) if payload is not None else None
        if message is None:
            return
        meeting = Meeting("command", message.netfn, message.command)
        if self._lost(meeting):
            return
        now = self._clock.now()
        if message == session.last:
            self.tally.repeats += 1
        else:
            self.tally.began(now)
            meeting.counted = True
        session.used, session.peer, session.last = now, peer, message
        reply = self._reply(message, session, meeting)
        told = [] if reply is None else [_closed(session, framing.answer_to(message, reply.code, reply.data))]
        self._say(meeting, told, peer)

    def _reply(self, message: framing.Message, session: Session | None, meeting: Meeting) -> Reply | None:
        """What a command is answered with, noted in the ledger; None where a fault keeps it back."""
        reply = self._answer(message, session) if meeting.code is None else Reply(meeting.code)
        if meeting.edit is not None and reply is not None:
            reply = meeting.edit(reply)
        self._ledger.command(
            self._bmc.machine.name, spelt(message.netfn, message.command), None if reply is None else reply.code,
            None if session is None else session.handle,
        )  # fmt: skip
        return reply

    def _answer(self, message: framing.Message, session: Session | None) -> Reply | None:
        netfn, lun, command = message.netfn, message.lun, message.command
        if session is None and (netfn != NetFn.APP or command not in WITHOUT_SESSION):
            return Reply(Code.PRIVILEGE)
        act = COMMANDS.get((netfn, command))
        if act is not None:
            return act(Asked(self._bmc, self.sessions, session, message.data))
        if session is None:
            return self._controller.answer(Request(netfn, lun, command, message.data, Privilege.NONE))
        source = f"{session.user}@{client_at(session.peer)}"
        return self._controller.answer(Request(netfn, lun, command, message.data, session.privilege, source))

    # ---- what goes ----

    def _lost(self, meeting: Meeting) -> bool:
        """Whether a fault swallows what came; faults also say what becomes of the answer."""
        return bool(self._bmc.wire) and met(self._bmc, meeting)

    def _say(self, meeting: Meeting, answers: list[bytes], peer: Peer) -> None:
        """Sends the answers, as the faults that were met would have it."""
        if meeting.delay:
            asyncio.get_running_loop().call_later(meeting.delay, self._send, meeting, answers, peer)
        else:
            self._send(meeting, answers, peer)

    def _send(self, meeting: Meeting, answers: list[bytes], peer: Peer) -> None:
        if meeting.counted:
            self.tally.ended(self._clock.now())
        if not self._bmc.away:
            for datagram in answers * meeting.copies:
                self.send(datagram, peer)


GREETING_OF: dict[int, str] = {
    Payload.OPEN_SESSION_REQUEST: "open_session",
    Payload.RAKP_1: "rakp1",
    Payload.RAKP_3: "rakp3",
}
"""What faults call the messages of the handshake."""


def _opened(session: Session, packet: framing.Packet, datagram: bytes) -> bytes | None:
    """The payload of a packet; None where it is not signed and encrypted as agreed, or was there before."""
    seal, payload = session.seal, packet.payload
    if seal is None:
        return payload if not packet.flags and session.unsigned.takes(packet.sequence) else None
    wanted = AUTHENTICATED | (ENCRYPTED if seal.encrypts else 0)
    if packet.flags != wanted or not seal.genuine(datagram[START:]) or not session.signed.takes(packet.sequence):
        return None
    return seal.decrypted(payload) if seal.encrypts else payload


def _closed(session: Session, payload: bytes) -> bytes:
    """A payload on its way to the client, encrypted and signed as agreed."""
    seal, session.sent = session.seal, (session.sent + 1) & 0xFFFFFFFF or 1
    flags = 0
    if seal is not None:
        payload = seal.encrypted(payload) if seal.encrypts else payload
        flags = AUTHENTICATED | (ENCRYPTED if seal.encrypts else 0)
    packet = PLUS_HEADER.pack(RMCP_PLUS, flags, session.console_id, session.sent, len(payload)) + payload
    return RMCP_IPMI + (seal.signed(packet) if seal is not None else packet)
