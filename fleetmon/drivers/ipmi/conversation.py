"""One BMC, as a worker knows it: a session that is opened when needed, kept while it is used, and closed for good."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from fleetmon.clock import Clock
from fleetmon.drivers.ipmi.messages import Account, Answer, Batch, Outcome, Result
from fleetmon.drivers.ipmi.sockets import Place, Sockets
from fleetmon.drivers.ipmi.wire import Failure, Wire

IDLE = 45.0
"""Seconds without an answer after which a session is closed: BMCs end theirs after 60 (section 6.12.15)."""
GOODBYE = 1.0
"""Seconds the answer to Close Session is waited for."""


class Conversation:
    """The session with one BMC. One batch at a time; no command is ever repeated in another session."""

    def __init__(self, account: Account, sockets: Sockets, clock: Clock) -> None:
        self.account = account
        self._sockets, self._clock = sockets, clock
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._wire: Wire | None = None
        self._place: Place | None = None
        self._as: Account | None = None
        """Who the session was opened as."""
        self._left: Wire | None = None
        """A session that was given up; whether the BMC heard of it is not known."""
        self._suite: int | None = None
        self._sure = True
        self._heard_at = float("-inf")
        self._heard = False
        """Did anything come while this batch was asked?"""
        self._sent = 0

    async def ask(self, batch: Batch) -> Result:
        """What becomes of the batch, within its time."""
        async with self._turn:
            self._sent, self._heard = 0, False
            answers: list[Answer] = []
            opened = False
            try:
                async with asyncio.timeout(batch.time):
                    if not self._usable():
                        await self._end()
                        opened = True
                        failure = await self._log_in(batch.reach)
                        if failure is not None:
                            return self._result(failure.outcome, answers, failure.reason, opened)
                    await self._ask_all(batch, answers)
            except TimeoutError:
                return self._result(*self._out_of_time(batch, answers), opened)
            finally:
                if self._wire is not None and self._wire.waiting:
                    self._wire.give_up()
            if len(answers) == len(batch.commands):
                return self._result(Outcome.DONE, answers, "", opened)
            lost = self._wire is not None and self._wire.answers_outside
            result = self._result(Outcome.LOST if lost else Outcome.SILENT, answers, "no answer", opened)
            self._drop()
            return replace(result, sent=self._sent)

    async def close(self) -> int:
        """Close the session on the BMC; the datagrams that took."""
        async with self._turn:
            self._sent = 0
            await self._end()
            return self._sent

    def close_if_idle(self) -> None:
        """Free the BMC's place for another session when nobody uses ours."""
        if self._wire is not None and not self._turn.locked() and self._idle():
            self._drop()

    def hang_up(self) -> None:
        """Close the session without waiting for anything."""
        self._drop()

    # ---- the session -----------------------------------------------------------------------------------------

    def _usable(self) -> bool:
        same = self._as is not None and _who(self._as) == _who(self.account)
        return self._wire is not None and same and not self._idle()

    def _idle(self) -> bool:
        return self._loop.time() - self._heard_at > IDLE

    async def _log_in(self, reach: float) -> Failure | None:
        """Offer the cipher suites one after the other; None, or why none led to a session."""
        account, self._sure = self.account, True
        failure: Failure | None = None
        for suite in account.suites:
            before = failure
            failure = await self._open(account, suite, reach)
            if failure is None:
                self._as, self._suite, self._heard_at = account, suite, self._loop.time()
                self._close_left()
                return None
            if not failure.other_suite:
                return failure
            self._sure = self._sure and failure.outcome is not Outcome.SILENT
            if before is not None and before.outcome is Outcome.UNABLE:
                failure = before
        return failure

    def _close_left(self) -> None:
        """A BMC that was silent for a while may still keep the session of before: it has few."""
        left, self._left, place = self._left, None, self._place
        if left is not None and place is not None:
            left.say_goodbye_again(lambda datagram: self._send(place, datagram))

    async def _open(self, account: Account, suite: int, reach: float) -> Failure | None:
        """Log in with this suite."""
        try:
            place = self._sockets.join(account.host, account.port, self._receive)
        except OSError as error:
            return Failure(Outcome.SILENT, f"{account.host}: {error.strerror}")
        self._place = place
        self._wire = Wire(account, lambda datagram: self._send(place, datagram), self._loop)
        try:
            failure = await self._wire.log_in(suite, reach)
        except BaseException:
            self._forget()
            raise
        if failure is not None:
            self._forget()
        return failure

    async def _end(self) -> None:
        """Close the session in peace."""
        if self._wire is None:
            return
        goodbye = self._wire.say_goodbye()
        try:
            async with asyncio.timeout(GOODBYE):
                await goodbye
        except TimeoutError:
            pass
        finally:
            self._forget()

    def _drop(self) -> None:
        """Say goodbye and wait for no answer."""
        if self._wire is not None and self._wire.established:
            self._wire.say_goodbye()
            self._left = self._wire
        self._forget()

    def _forget(self) -> None:
        if self._wire is not None and self._place is not None:
            self._wire.stop()
            self._sockets.leave(self._place, self._receive)
        self._wire = self._place = self._as = None

    # ---- commands --------------------------------------------------------------------------------------------

    async def _ask_all(self, batch: Batch, answers: list[Answer]) -> None:
        """Ask one after the other, up to the first that is never answered."""
        wire = self._wire
        assert wire is not None
        for command, repeatable in zip(batch.commands, batch.repeatable, strict=True):
            if batch.gap and answers:
                await self._clock.sleep(batch.gap)
            answer = await wire.ask(command, repeatable=repeatable)
            if answer is None:
                return
            self._heard_at = self._loop.time()
            answers.append(answer)

    def _out_of_time(self, batch: Batch, answers: list[Answer]) -> tuple[Outcome, list[Answer], str]:
        """The time was over: with a BMC that is merely slow the session stays."""
        if not self._heard or (self._wire is not None and self._wire.sendings > 1):
            self._drop()
            return Outcome.SILENT, answers, "no answer"
        return Outcome.LATE, answers, f"no full answer within {batch.time:g} s"

    def _send(self, place: Place, datagram: bytes) -> None:
        self._sent += 1
        self._sockets.send(place, datagram)

    def _receive(self, datagram: bytes) -> None:
        self._heard = True
        if self._wire is not None:
            self._wire.receive(datagram)

    def _result(self, outcome: Outcome, answers: list[Answer], reason: str, opened: bool) -> Result:
        return Result(
            outcome=outcome,
            answers=tuple(answers),
            reason=reason,
            sent=self._sent,
            suite=self._suite if self._wire is not None else None,
            sure=self._sure,
            opened=opened,
        )


def _who(account: Account) -> tuple[object, ...]:
    """What a session stands and falls with."""
    return account.host, account.port, account.user, account.password, account.privilege
