"""One conversation with one BMC: raw commands in, raw answers out, every failure as a DeviceError.

The RMCP+ session itself lives in a worker process (`worker.py`) and is kept there between polls. Here it is decided
who may log in and when, with which cipher suite and privilege, and what may be asked a second time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from typing import Any

from fleetmon.drivers.base import Opening
from fleetmon.drivers.ipmi.commands import repeatable
from fleetmon.drivers.ipmi.messages import Account, Answer, Batch, Command, Outcome, Result
from fleetmon.drivers.ipmi.workers import Seat, Workers
from fleetmon.drivers.lane import Priority
from fleetmon.errors import AccessDenied, Busy, ConfigError, Garbled, Unreachable, Unsupported

__all__ = ["Answer", "Command", "CutShort", "Session"]

PORT = 623
SUITES = (17, 3)
"""RAKP with HMAC-SHA256 or HMAC-SHA1, AES-CBC-128 and integrity in both (table 22-20); suite 0 is no login at all."""
USER, ADMINISTRATOR = 2, 4
"""Privileges: to watch takes the first, which every account has; more is asked for when a device wants it (D4h)."""
LONGEST_NAME, LONGEST_PASSWORD = 16, 20
"""Bytes (section 22.31)."""
AT_ONCE = 16
"""Commands in one turn of the lane."""
EACH_MORE = 1.0
"""Seconds that each command after the first adds to the time of a turn."""
NO_PRIVILEGE = 0xD4
NOT_NOW = frozenset({0xC0, 0xC3, 0xC4, 0xCE, 0xD0, 0xD1, 0xD2})
"""Completion codes that pass (table 5-2): busy, timed out inside, out of space, no answer now, updating, starting."""
PAUSE = 5.0
"""Seconds before a command that could not be answered now is asked again (F85)."""
PATIENCE = 3
"""Times it is asked again."""
FULL_REST = 60.0
"""Seconds a BMC without a free session is left alone: after as many, unused ones end (section 6.12.15)."""
RESOLVING = 5.0
"""Seconds the name service may take."""
NAMELESS = 60.0
"""Seconds it is left alone by one session that it gave no address: a dead one keeps a thread busy for each question."""


class CutShort(Unreachable):
    """No answer in time to one of several commands; `answers` are those to the commands before it."""

    def __init__(self, reason: str, *, device: str, answers: Sequence[Answer]) -> None:
        super().__init__(reason, device=device)
        self.answers = list(answers)


class Session:
    """A session with one BMC. `requests` counts every datagram sent, retransmissions and logins included."""

    def __init__(self, opening: Opening, workers: Workers) -> None:
        self.device = opening.endpoint.address
        self.requests = 0
        self.logins = 0
        """Sessions opened so far: behind a new one another BMC may answer, or the same with other firmware."""
        self.memory_version = 0
        """Grows whenever `memory` has something new to say."""
        self._opening = opening
        self._lane, self._clock = opening.lane, opening.clock
        self._host, self._port = place_of(self.device)
        self._numeric = _is_numeric(self._host)
        self._addresses: list[str] = []
        """Those not found silent since the name was looked up."""
        self._named: list[str] = []
        """All that the name service told last."""
        self._nameless, self._nameless_until = "", float("-inf")
        self._seat: Seat = workers.seat()
        self._known_account: Account | None = None
        self._stubborn: set[Command] = set()
        """Commands that were not answered "now" however often they were asked."""
        self._rest_until = float("-inf")
        self._suite: int | None = None
        self._sure = True
        self._privilege, self._ceiling = USER, ADMINISTRATOR
        self._recall(opening.memory.session)

    @property
    def cipher(self) -> int | None:
        """The cipher suite this BMC takes, 17 or 3; None before the first login."""
        return self._suite

    def memory(self) -> dict[str, Any]:
        """What spares the next login detours: the suite and the privilege that worked."""
        credentials = self._opening.credentials
        version = credentials.version if credentials else 0
        suite = self._suite if self._sure else None
        return {"suite": suite, "privilege": self._privilege, "ceiling": self._ceiling, "version": version}

    async def ask(
        self, *commands: Command, priority: Priority = Priority.POLL, patience: int = PATIENCE
    ) -> list[Answer]:
        """The answers, in order; raises DeviceError. A completion code is an answer, not an error.

        A read that the BMC cannot answer now is asked again up to `patience` times, five seconds apart, with the lane
        free between; one that was refused for want of privilege once more with more of it, where the account has it.
        """
        answers = await self._ask(commands, priority)
        await self._ask_higher(commands, answers, priority)
        for left in reversed(range(patience)):
            again = [at for at, answer in enumerate(answers) if self._may_pass(commands[at], answer)]
            if not again:
                break
            await self._clock.sleep(PAUSE)
            await self._ask_again(again, commands, answers, priority)
            if not left:
                self._stubborn |= {commands[at] for at in again if answers[at].code in NOT_NOW}
        return answers

    async def close(self) -> None:
        """Close the session on the BMC, quickly and without complaint."""
        self.requests += await self._seat.close()

    # ---- asking a second time --------------------------------------------------------------------------------

    def _may_pass(self, command: Command, answer: Answer) -> bool:
        if answer.code not in NOT_NOW:
            self._stubborn.discard(command)
            return False
        return repeatable(command) and command not in self._stubborn

    async def _ask_again(
        self, places: list[int], commands: Sequence[Command], answers: list[Answer], priority: Priority
    ) -> None:
        """Put fresh answers into these places; where none comes the old ones stand."""
        try:
            fresh = await self._ask([commands[at] for at in places], priority)
        except CutShort as error:
            fresh = error.answers
        except (Unreachable, Busy):
            return
        for at, answer in zip(places, fresh, strict=False):
            answers[at] = answer

    async def _ask_higher(self, commands: Sequence[Command], answers: list[Answer], priority: Priority) -> None:
        """Log in with more privilege, as far as the account goes, where a read was refused for want of it."""
        while self._privilege < self._ceiling:
            denied = [
                at for at, answer in enumerate(answers) if answer.code == NO_PRIVILEGE and repeatable(commands[at])
            ]
            if not denied:
                return
            self._learn(privilege=self._privilege + 1)
            await self._ask_again(denied, commands, answers, priority)

    # ---- one batch -------------------------------------------------------------------------------------------

    async def _ask(self, commands: Sequence[Command], priority: Priority) -> list[Answer]:
        answers: list[Answer] = []
        for start in range(0, len(commands), AT_ONCE):
            try:
                answers += await self._turn(commands[start : start + AT_ONCE], priority)
            except CutShort as error:
                error.answers = answers + error.answers
                raise
            except Unreachable as error:
                if not answers:
                    raise
                raise CutShort(error.reason, device=self.device, answers=answers) from error
        return answers

    async def _turn(self, commands: Sequence[Command], priority: Priority) -> tuple[Answer, ...]:
        """The answers to a few commands, in one turn of the lane."""
        self._may_be_asked(priority)
        async with self._lane.turn(priority):
            result = await self._once(commands)
            if _lost(result) and all(map(repeatable, commands)):
                result = await self._once(commands)
            if result.outcome is Outcome.ABOVE and self._privilege > USER:
                self._learn(privilege=self._privilege - 1, ceiling=self._privilege - 1)
                result = await self._once(commands)
        return await self._judged(result)

    async def _once(self, commands: Sequence[Command]) -> Result:
        pace = self._lane.pace
        batch = Batch(
            commands=tuple(commands),
            repeatable=tuple(map(repeatable, commands)),
            time=pace.request_timeout.total_seconds() + EACH_MORE * (len(commands) - 1),
            reach=min(pace.connect_timeout, pace.request_timeout).total_seconds(),
            gap=pace.minimum_gap.total_seconds(),
        )
        result = await self._seat.ask(await self._account(), batch)
        self.requests += result.sent
        if result.outcome is Outcome.SILENT:
            # Another address of the same name may answer, or the name may have got another one.
            self._addresses, self._known_account = self._addresses[1:], None
        return result

    async def _judged(self, result: Result) -> tuple[Answer, ...]:
        """The answers of a batch that was done; raises what became of it otherwise."""
        credentials = self._opening.credentials
        assert credentials is not None
        if result.opened and result.suite is not None:
            self.logins += 1
            self._lane.login_accepted(credentials.version)
            self._learn(suite=result.suite, sure=result.sure)
        match result.outcome:
            case Outcome.DONE:
                return result.answers
            case Outcome.REFUSED | Outcome.ABOVE:
                self._lane.login_refused(credentials.version)
                await self._opening.remember()
                raise AccessDenied(
                    result.reason,
                    device=self.device,
                    cure="correct the user or password, or allow this user IPMI over LAN on the device",
                )
            case Outcome.FULL:
                self._rest_until = self._clock.monotonic() + FULL_REST
                raise Busy(result.reason, device=self.device, retry_after=FULL_REST)
            case Outcome.GARBLED:
                raise Garbled(result.reason, device=self.device)
            case Outcome.UNABLE:
                raise Unsupported(result.reason, device=self.device)
        if result.answers:
            raise CutShort(result.reason, device=self.device, answers=result.answers)
        raise Unreachable(result.reason, device=self.device)

    def _may_be_asked(self, priority: Priority) -> None:
        """Raise, without a byte sent, while a login would lock the account or ask for a session that is not there."""
        if self._opening.credentials is None:
            raise AccessDenied("IPMI takes no request without a user", device=self.device, cure="give it credentials")
        self._lane.login_allowed(self._opening.credentials.version)
        rest = self._rest_until - self._clock.monotonic()
        if rest > 0 and priority is Priority.POLL:
            raise Busy(f"it has no free session; asked again in {rest:.0f} s", device=self.device, retry_after=rest)

    # ---- who and where ---------------------------------------------------------------------------------------

    async def _account(self) -> Account:
        """Made anew only when something of it changed: it is looked at for every batch."""
        if self._known_account is None:
            self._known_account = self._account_at(await self._address())
        return self._known_account

    def _account_at(self, host: str) -> Account:
        credentials = self._opening.credentials
        assert credentials is not None
        user, password = credentials.user.encode(), credentials.password.reveal().encode()
        for what, said, longest in (("user", user, LONGEST_NAME), ("password", password, LONGEST_PASSWORD)):
            if len(said) > longest:
                raise AccessDenied(f"the {what} is longer than the {longest} bytes IPMI takes", device=self.device)
        return Account(
            host=host,
            port=self._port,
            user=user,
            password=password,
            suites=tuple(sorted(SUITES, key=lambda suite: suite != self._suite)),
            privilege=self._privilege,
        )

    async def _address(self) -> str:
        """The numeric address; of several, another one after each silence."""
        if self._numeric:
            return self._host
        self._addresses = self._addresses or await self._looked_up()
        return self._addresses[0]

    async def _looked_up(self) -> list[str]:
        """All addresses of the name; those of before while the name service does not answer."""
        if self._clock.monotonic() >= self._nameless_until:
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(RESOLVING):
                    found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)
                self._named = list(dict.fromkeys(str(place[4][0]) for place in found))
            except (OSError, TimeoutError, UnicodeError) as error:
                said = getattr(error, "strerror", None) or str(error) or "the name service is silent"
                self._nameless = f"no address for {self._host}: {said}"
                self._nameless_until = self._clock.monotonic() + NAMELESS
        if not self._named:
            raise Unreachable(self._nameless, device=self.device)
        return self._named

    def _recall(self, remembered: dict[str, Any]) -> None:
        credentials = self._opening.credentials
        if remembered.get("suite") in SUITES:
            self._suite = remembered["suite"]
        if credentials and remembered.get("version") == credentials.version:
            levels = range(USER, ADMINISTRATOR + 1)
            if remembered.get("privilege") in levels and remembered.get("ceiling") in levels:
                self._privilege, self._ceiling = remembered["privilege"], remembered["ceiling"]

    def _learn(
        self,
        *,
        suite: int | None = None,
        sure: bool = True,
        privilege: int | None = None,
        ceiling: int | None = None,
    ) -> None:
        before = self.memory()
        if suite is not None:
            self._suite, self._sure = suite, self._sure if suite == self._suite else sure
        self._privilege = privilege or self._privilege
        self._ceiling = ceiling or self._ceiling
        if self.memory() != before:
            self.memory_version += 1
        self._known_account = None


def _lost(result: Result) -> bool:
    """Did the batch fail for want of a session, or of a worker, rather than of a BMC?"""
    return result.outcome in (Outcome.LOST, Outcome.ORPHANED) and not result.answers


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def place_of(address: str) -> tuple[str, int]:
    """Host and port of `ipmi://host[:port]`; ConfigError when it is no such address."""
    found = re.fullmatch(
        r"ipmi://(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([^/@:?#\s\[\]]+))(?::(\d{1,5}))?/?", address.strip()
    )
    port = int(found[3] or PORT) if found else 0
    if found is None or not 0 < port < 65536:
        raise ConfigError(f"{address!r} is no IPMI address", cure="write ipmi://host or ipmi://host:port")
    return found[1] or found[2], port
