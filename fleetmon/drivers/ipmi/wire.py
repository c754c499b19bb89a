"""RMCP+ on a wire of ours: pyghmi's protocol, without its input and output.

`pyghmi.ipmi.private.session.Session` frames, encrypts, authenticates and matches messages soundly. Its input and output
do not fit a process with thousands of BMCs: a hidden thread, `select`, blocking waits, a name service asked while
sending, sessions found again by address, keepalives of sessions that ended, a command repeated after a new login
(docs/decisions/0010-ipmi-sessions-live-in-workers.md lists them, with what is used of its private names and why).
All touching of those names is in this file; `tests/unit/test_library_traps.py` holds what it relies on.

Sections and tables are those of IPMI v2.0 rev 1.1.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Self

from pyghmi.ipmi.private.constants import payload_types
from pyghmi.ipmi.private.session import Session

from fleetmon.drivers.ipmi.messages import Account, Answer, Command, Outcome

WAITS = (1.0, 2.0, 4.0, 4.0)
"""Seconds after each sending of a request until it is sent again, with the same sequence number, or given up (F78)."""
OPENING_WAITS = WAITS[:3]
"""For the request that offers a cipher suite: BMCs that lack it may say nothing at all (F83)."""
RESTARTS = 3
"""Times a login is begun anew when its messages get lost: BMCs do not take RAKP messages twice."""
HEARD = frozenset({0x00, 0x11, 0x13, 0x15})
"""Payloads that answer anything of ours: IPMI, Open Session Response, RAKP 2 and 4 (table 13-16); no serial line."""
TAGS = 200
"""The messages of a login are numbered in one byte, from somewhere below this: nobody else knows which is due."""
JITTER = (0.9, 1.2)
"""Factors of each wait."""
USER = 2
SET_PRIVILEGE, CLOSE_SESSION = Command(0x06, 0x3B), Command(0x06, 0x3C)
NO_SUITE = frozenset({0x04, 0x05, 0x06, 0x07, 0x10, 0x11, 0x12})
"""Statuses that refuse what was proposed (table 13-15)."""
NO_ROOM = frozenset({0x01, 0x0B})
NO_SUCH_ROLE = frozenset({0x09, 0x0A, 0x0D})
"""Also "unauthorised name", which some BMCs say of a user whose privilege is too low."""
LOST_TRACK = frozenset({0x02, 0x08})
"""The BMC does not know the login any more; it is begun anew."""
ALGORITHMS = {17: (3, 4, 1), 3: (1, 1, 1)}
"""Authentication, integrity and confidentiality of a suite (table 22-20)."""
STATUSES = {
    0x01: "no free session",
    0x02: "invalid session",
    0x04: "unknown authentication algorithm",
    0x05: "unknown integrity algorithm",
    0x06: "no matching authentication",
    0x07: "no matching integrity",
    0x08: "inactive session",
    0x09: "invalid role",
    0x0A: "privilege not permitted",
    0x0B: "no free session at this privilege",
    0x0C: "invalid length of the name",
    0x0D: "unknown user",
    0x0E: "unknown GUID",
    0x0F: "wrong integrity check value",
    0x10: "unknown confidentiality algorithm",
    0x11: "no such cipher suite",
    0x12: "illegal parameter",
}


PROBE_AT = 2
"""Sendings of a command left unanswered after which the BMC is asked outside the session whether it is there at all."""
PROBE = bytes.fromhex("0600ff07 00 00000000 00000000 09 2018c8 8100388e04b5")
"""Get Channel Authentication Capabilities (section 22.13), which needs no session and no login."""


class Failure(NamedTuple):
    """Why a login did not come about."""

    outcome: Outcome
    reason: str
    other_suite: bool = False
    """May another cipher suite do?"""


class Wire(Session):  # type: ignore[misc] # pyghmi has no types
    """One RMCP+ session: pyghmi decides what to send and what an answer is worth, the event loop does the rest."""

    seqlun: int

    def __new__(cls, *_: Any) -> Self:
        """A session of its own. pyghmi's resolves names here and hands out sessions by address."""
        return object.__new__(cls)

    def __init__(self, account: Account, send: Callable[[bytes], None], loop: asyncio.AbstractEventLoop) -> None:
        # pyghmi's own __init__ takes a pooled socket, starts its thread and logs in; these are the fields that what we
        # keep of it reads.
        self.bmc, self.port = account.host, account.port
        self.userid, self.password = account.user, account.password
        self.kgo, self.kg = None, account.password
        self.privlevel, self.autopriv, self.nameonly = account.privilege, False, 0x10
        self.servermode = False
        self.pendingpayloads: deque[Any] = deque()
        self.request_entry: list[Any] = []
        self.logontries, self.maxtimeout = 0, 0
        self.sendings = 0
        """Of the command that waits for its answer, or waited last."""
        self._send, self._loop = send, loop
        self._login: asyncio.Future[Failure | None] | None = None
        self._asked: _Asked | None = None
        self.answers_outside = False
        """Did the BMC answer the probe, and not the command?"""
        self._timer: asyncio.TimerHandle | None = None
        self._waits: list[float] = []
        self._restarts, self._doubted = 0, False

    # ---- what the conversation asks for ----------------------------------------------------------------------

    def log_in(self, suite: int, reach: float) -> asyncio.Future[Failure | None]:
        """Open a session with this cipher suite; the result is None, or why there is none."""
        self._login = self._loop.create_future()
        self._suite = suite
        self._restarts, self._doubted = 0, False
        self._initsession()
        self.attemptedhash = 256 if suite == 17 else 1
        self.localsid = secrets.randbelow(0xFFFFFF00) + 1
        self.rmcptag = secrets.randbelow(TAGS)
        self._waits = _within(reach)
        self._get_channel_auth_cap()
        return self._login

    def ask(self, command: Command, *, repeatable: bool) -> asyncio.Future[Answer | None]:
        """Send a command; the result is its answer, or None when none came."""
        answered: asyncio.Future[Answer | None] = self._loop.create_future()
        payload = self._make_ipmi_payload(command.netfn, command.code, None, bytearray(command.data), command.lun)
        self._asked = _Asked(payload, command.lun, answered)
        self.answers_outside, self.sendings = False, 0
        self.ipmicallback = self._answered
        self._waits = [*WAITS] if repeatable else [sum(WAITS)]
        self._put(self._asked.payload)
        return answered

    @property
    def established(self) -> bool:
        """Is there a session, so that there is one to close?"""
        return bool(self.sessioncontext == "ESTABLISHED")

    @property
    def waiting(self) -> bool:
        """Is a command without its answer?"""
        return self._asked is not None

    def give_up(self) -> None:
        """Wait for no answer any more; one that still comes belongs to nothing."""
        self._stop_timer()
        self._asked = None
        self.request_entry.clear()
        self.seqlun = (self.seqlun + 1) & 0x3F

    def say_goodbye(self) -> asyncio.Future[Answer | None]:
        """Close the session on the BMC; it may be sent once more and need not be answered."""
        return self.ask(CLOSE_SESSION._replace(data=struct.pack("<I", self.sessionid)), repeatable=False)

    def say_goodbye_again(self, send: Callable[[bytes], None]) -> None:
        """Close a session that was given up, by another way and without waiting: the BMC may hear it now."""
        self._send = send
        self.say_goodbye()
        self.stop()

    def receive(self, datagram: bytes) -> None:
        """What came from the address of the BMC; whatever is not a valid answer to what was asked is dropped."""
        data = bytearray(datagram)
        if len(data) < 16 or data[0] != 6 or data[3] != 7:
            return
        try:
            if data[4] == 6 and data[5] & 0x3F in HEARD:
                self._handle_ipmi2_packet(data)
            elif data[4] == 0 and self._login is not None and self.sessioncontext is None:
                self._parse_ipmi_payload(data[14 : 14 + data[13]])
            elif data[4] == 0 and self.sendings > PROBE_AT:
                self.answers_outside = True
        except (IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error):
            return  # a BMC, or whoever sends in its name, may send anything

    def stop(self) -> None:
        """Nothing is sent or waited for after this."""
        self._stop_timer()
        self._asked = None
        self._end_login(Failure(Outcome.SILENT, "the login was given up"))

    # ---- a command and its answer ----------------------------------------------------------------------------

    def _parse_ipmi_payload(self, payload: bytearray) -> Any:
        """Matched by network function, command and sequence number there, by length and LUN here (F79)."""
        lun = self._asked.lun if self._asked is not None else 0
        if len(payload) < 8 or payload[4] & 0b11 != lun:
            return None
        return super()._parse_ipmi_payload(payload)

    def _answered(self, response: dict[str, Any]) -> None:
        asked, self._asked = self._asked, None
        self._stop_timer()
        if asked is not None and not asked.answered.done():
            asked.answered.set_result(Answer(response["code"], bytes(response["data"])))

    def _put(self, payload: bytearray) -> None:
        self.send_payload(payload, payload_type=payload_types["ipmi"], retry=False)
        self.sendings += 1
        if self.sendings == PROBE_AT + 1:
            self._send(PROBE)
        self._start_timer()

    # ---- the login -------------------------------------------------------------------------------------------

    def _open_rmcpplus_request(self) -> None:
        self._waits = [*OPENING_WAITS]
        self.remseqnumber = None
        super()._open_rmcpplus_request()

    def _got_rmcp_response(self, data: bytearray) -> Any:
        """What the BMC chose has to be what was offered: pyghmi takes that for granted."""
        if not self._is_for_us(data, "OPENSESSION"):
            return None
        status = data[1]
        if status in NO_ROOM:
            return self._fail(Outcome.FULL, "RMCP+ Open Session", status)
        if status:
            reason = _said("RMCP+ Open Session", status)
            return self._end_login(Failure(Outcome.UNABLE, reason, other_suite=status in NO_SUITE))
        if len(data) < 36 or (data[16], data[24], data[32]) != ALGORITHMS[self._suite]:
            return self._end_login(
                Failure(Outcome.UNABLE, f"it answers cipher suite {self._suite} with another one", other_suite=True)
            )
        return super()._got_rmcp_response(data)

    def _send_rakp1(self) -> None:
        self._waits = [WAITS[self._restarts]]
        super()._send_rakp1()

    def _send_rakp3(self) -> None:
        self._waits = [WAITS[self._restarts]]
        super()._send_rakp3()

    def _got_rakp2(self, data: bytearray) -> Any:
        if not self._is_for_us(data, "EXPECTINGRAKP2"):
            return None
        return self._refused("RAKP 2", data[1]) if data[1] else super()._got_rakp2(data)

    def _got_rakp4(self, data: bytearray) -> Any:
        if not self._is_for_us(data, "EXPECTINGRAKP4"):
            return None
        return self._refused("RAKP 4", data[1]) if data[1] else super()._got_rakp4(data)

    def _is_for_us(self, data: bytearray, context: str) -> bool:
        """Is it the answer we wait for, to our login and no other one's: by tag and session id (section 13.18).

        Many BMCs leave the id out when they refuse.
        """
        named = bytes(data[4:8])
        ours = named == struct.pack("<I", self.localsid) or (data[1] != 0 and not any(named))
        return ours and self.sessioncontext == context and data[0] == self.rmcptag

    def _refused(self, message: str, status: int) -> None:
        if status in LOST_TRACK:
            self._begin_anew()
        elif status in NO_ROOM:
            self._fail(Outcome.FULL, message, status)
        elif status in NO_SUCH_ROLE and self.privlevel > USER:
            self._fail(Outcome.ABOVE, message, status)
        else:
            self._fail(Outcome.REFUSED, message, status)

    def _req_priv_level(self) -> None:
        """A session begins with the privilege User (section 22.18); more has to be asked for."""
        if self.privlevel <= USER:
            self.onlogon({"success": True})
            return
        asked = self.ask(SET_PRIVILEGE._replace(data=bytes([self.privlevel])), repeatable=True)
        asked.add_done_callback(self._got_privilege)

    def _got_privilege(self, asked: asyncio.Future[Answer | None]) -> None:
        answer = None if asked.cancelled() else asked.result()
        if answer is None:
            self._end_login(Failure(Outcome.SILENT, "no answer to Set Session Privilege Level"))
        elif answer.code:
            reason = f"privilege {self.privlevel} is not permitted to this user ({answer.code:02X}h)"
            self._end_login(Failure(Outcome.ABOVE, reason))
        else:
            self.onlogon({"success": True})

    def onlogon(self, parameter: dict[str, Any]) -> None:
        """How pyghmi tells that a login came about, or in words why it did not."""
        error = str(parameter.get("error", ""))
        if not error:
            self._end_login(None)
        elif "RAKP4" in error:
            self._doubt("its last proof is wrong: it may want a BMC key (Kg)")
        elif "password" in error:
            self._doubt("the password is not the one it knows for this user")
        elif "MD5" in error:
            self._end_login(Failure(Outcome.UNABLE, "it speaks IPMI 1.5 only"))
        else:
            self._end_login(Failure(Outcome.GARBLED, error))

    def _get_session_challenge(self) -> None:
        """An IPMI 1.5 login proves nothing of the BMC to us and sends everything in the clear: it is not made."""
        self.onlogon({"error": "MD5"})

    def _doubt(self, reason: str) -> None:
        """A proof that fails once may be a stray datagram's; on the BMC's side nothing was refused so far."""
        if self._doubted:
            self._end_login(Failure(Outcome.REFUSED, reason))
            return
        self._doubted = True
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._restarts += 1
        if self._restarts > RESTARTS:
            reason = "it breaks off the login, as some do with a user who is unknown or has no IPMI over LAN"
            self._end_login(Failure(Outcome.SILENT, reason))
            return
        self._open_rmcpplus_request()

    def _fail(self, outcome: Outcome, message: str, status: int) -> None:
        self._end_login(Failure(outcome, _said(message, status)))

    def _end_login(self, failure: Failure | None) -> None:
        self._stop_timer()
        login, self._login = self._login, None
        if login is not None and not login.done():
            login.set_result(failure)

    # ---- sending, and sending again --------------------------------------------------------------------------

    def _xmit_packet(self, retry: bool = True, delay_xmit: None = None, timeout: None = None) -> None:
        """Every datagram pyghmi has made passes here; `retry` marks those of a login."""
        if self.sequencenumber:
            self.sequencenumber += 1
        self._send(bytes(self.netpacket))
        if retry:
            self._start_timer()

    def _start_timer(self) -> None:
        self._stop_timer()
        wait = self._waits.pop(0) * random.uniform(*JITTER)  # noqa: S311 - spreads what thousands send again
        self._timer = self._loop.call_later(wait, self._silent)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _silent(self) -> None:
        """Nothing came within the wait."""
        if self._asked is not None:
            self._ask_again(self._asked)
        elif self.sessioncontext in ("EXPECTINGRAKP2", "EXPECTINGRAKP4"):
            self._begin_anew()
        elif self.sessioncontext == "OPENSESSION":
            if self._waits:
                super()._open_rmcpplus_request()
            else:
                self._end_login(Failure(Outcome.SILENT, f"no answer to cipher suite {self._suite}", other_suite=True))
        elif self._waits:
            self.send_payload()
        else:
            self._end_login(Failure(Outcome.SILENT, f"no answer from UDP port {self.port}"))

    def _ask_again(self, asked: _Asked) -> None:
        if self._waits and not self.answers_outside:
            self._put(asked.payload)
            return
        self.give_up()
        if not asked.answered.done():
            asked.answered.set_result(None)


class _Asked(NamedTuple):
    """A command that waits for its answer."""

    payload: bytearray
    lun: int
    answered: asyncio.Future[Answer | None]


def _said(message: str, status: int) -> str:
    return f"{message} says: {STATUSES.get(status, 'a status of its own')} ({status:02X}h)"


def _within(seconds: float) -> list[float]:
    """Waits that together last so long."""
    waits: list[float] = []
    for wait in WAITS:
        waits.append(min(wait, seconds - sum(waits)))
        if sum(waits) >= seconds:
            break
    return waits
