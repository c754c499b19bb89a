"""Workers are started late, share the BMCs, carry nothing of ours away, and one that fails takes little with it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.ipmi import conversation, wire, worker
from fleetmon.drivers.ipmi.commands import CHASSIS_STATUS
from fleetmon.drivers.ipmi.conversation import Conversation
from fleetmon.drivers.ipmi.messages import (
    Account,
    Answer,
    Batch,
    Outcome,
    Result,
    account_in,
    account_out,
    batch_in,
    batch_out,
    line,
    parts,
    result_in,
    result_out,
)
from fleetmon.drivers.ipmi.session import Session
from fleetmon.drivers.ipmi.sockets import Sockets
from fleetmon.drivers.ipmi.workers import BETWEEN_STARTS, SHARE, Gone, Link, Workers
from fleetmon.errors import Unreachable
from tests.ipmi_bench import Bench, Guests, bmc, hurried, opening, read

ACCOUNT = Account(host="127.0.0.1", port=9, user=b"u", password=b"p\xff", suites=(17, 3), privilege=2)
BATCH = Batch(commands=(CHASSIS_STATUS,), repeatable=(True,), time=1.0, reach=0.5)


@contextlib.asynccontextmanager
async def real() -> AsyncIterator[tuple[Bench, int]]:
    """A session whose worker is a process, and the process's id."""
    async with bmc() as bench:
        bench.workers = Workers(clock=bench.clock)
        bench.session = bench.another()
        try:
            await read(bench.session, 1)
            (process,) = bench.workers.processes
            yield bench, process
        finally:
            await bench.workers.close()


# ---- messages --------------------------------------------------------------------------------------------------------


def test_messages_say_again_what_was_said():
    assert account_in(parts(line(*account_out(ACCOUNT)))) == ACCOUNT
    assert batch_in(parts(line(*batch_out(BATCH)))) == BATCH
    result = Result(outcome=Outcome.LATE, answers=(Answer(0xC0, b"\x00\xff"),), reason="x", sent=3, suite=3, sure=False)
    assert result_in(parts(line(*result_out(result)))) == result


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"3", b"\xff"])
def test_a_line_that_is_no_message_is_an_error(text):
    with pytest.raises(ValueError):
        parts(text)


# ---- starting and sharing --------------------------------------------------------------------------------------------


async def test_nothing_is_started_before_the_first_question():
    workers = Workers(clock=ManualClock(), start=Guests().start)
    seats = [workers.seat() for _ in range(10)]
    assert workers.processes == []
    await seats[0].close()
    await workers.close()


async def test_the_next_worker_is_started_when_the_first_has_its_share_and_then_they_fill_evenly():
    workers = Workers(clock=ManualClock(), most=2, share=3, start=Guests().start)
    seats = [workers.seat() for _ in range(9)]
    assert [place.seats for place in workers._places] == [5, 4]
    for seat in seats[:3]:
        await seat.close()
        await seat.close()
    assert sum(place.seats for place in workers._places) == 6
    assert SHARE >= 100


async def test_thirty_first_questions_start_one_worker():
    async with bmc() as bench:
        bench.strike({"max_sessions": 200})
        sessions = [bench.another() for _ in range(30)]
        await asyncio.gather(*(read(session, 1) for session in sessions))
        assert len(bench.workers.processes) == 1


async def test_a_worker_that_does_not_start_is_an_unreachable_device_and_not_a_storm_of_starts():
    starts: list[int] = []

    async def fails() -> Link:
        starts.append(1)
        raise Gone("no worker could be started")

    async with bmc() as bench:
        bench.workers = Workers(clock=bench.clock, start=fails)
        asking = [asyncio.create_task(read(bench.another(), 1)) for _ in range(5)]
        await bench.clock.advance(BETWEEN_STARTS / 2)
        assert len(starts) == 1
        await bench.clock.advance(BETWEEN_STARTS * 3)
        for task in asking:
            with pytest.raises(Unreachable, match="no worker could be started"):
                await task
        assert len(starts) == 2
        await bench.workers.close()


# ---- the process -----------------------------------------------------------------------------------------------------


async def test_a_worker_inherits_neither_our_descriptors_nor_our_environment(monkeypatch):
    monkeypatch.setenv("FLEETMON_MASTER_KEY", "hidden")
    with Path("/dev/null").open() as opened:
        os.set_inheritable(opened.fileno(), True)
        async with real() as (_, process):
            environment = Path(f"/proc/{process}/environ").read_bytes()
            files = {str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir()}
    assert b"hidden" not in environment
    assert [name.partition(b"=")[0] for name in environment.split(b"\0") if name] == [b"PYTHONPATH"]
    assert sum(name.startswith("socket:") for name in files) <= 6
    assert not any(".db" in name for name in files)


async def test_a_password_is_in_no_argument_of_a_process():
    async with real() as (_, process):
        assert b"emulated" not in Path(f"/proc/{process}/cmdline").read_bytes()


async def test_a_worker_that_crashes_leaves_no_core_with_passwords():
    async with real() as (_, process):
        limits = Path(f"/proc/{process}/limits").read_text().splitlines()
        core = next(row for row in limits if row.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"]


async def test_a_worker_that_is_killed_is_replaced_and_the_read_is_answered():
    async with real() as (bench, process):
        os.kill(process, signal.SIGKILL)
        asking = asyncio.create_task(read(bench.session, 5))
        async with asyncio.timeout(10):
            while not asking.done():
                await asyncio.sleep(0.01)
                await bench.clock.advance(1)
        assert await asking == [5]
        assert (bench.workers.replaced, len(bench.workers.processes)) == (1, 1)


async def test_interrupting_the_service_leaves_its_workers_to_close_their_sessions():
    async with real() as (bench, process):
        os.kill(process, signal.SIGINT)
        os.kill(process, signal.SIGTERM)
        assert await read(bench.session, 6) == [6]
        assert bench.workers.processes == [process]


async def test_a_worker_winds_up_the_alarm_that_would_end_it(monkeypatch):
    wound: list[tuple[int, float]] = []
    monkeypatch.setattr(signal, "setitimer", lambda which, seconds: wound.append((which, seconds)))
    worker.wind_up()
    assert wound == [(signal.ITIMER_REAL, worker.ALARM)]
    async with real() as (_, process):
        ignored = int(next(line for line in status(process) if line.startswith("SigIgn")).split()[1], 16)
    assert not ignored >> (signal.SIGALRM - 1) & 1


def status(process: int) -> list[str]:
    return Path(f"/proc/{process}/status").read_text().splitlines()


# ---- batches ---------------------------------------------------------------------------------------------------------


async def test_a_mistake_of_ours_ends_one_batch_and_not_the_worker(monkeypatch):
    async with bmc() as bench:
        await read(bench.session, 1)
        mistakes: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: mistakes.append(told["exception"]))
        with monkeypatch.context() as patch:
            patch.setattr(Conversation, "_usable", lambda _: 1 / 0)
            with pytest.raises(Unreachable, match="its worker made a mistake"):
                await read(bench.session, 2)
        assert len(mistakes) == 2
        assert await read(bench.session, 3) == [3]
        assert bench.tally.logins == 1


async def test_a_question_nobody_waits_for_any_more_is_dropped_and_the_next_one_has_its_own_answer(monkeypatch):
    hurried(monkeypatch, haste=5)
    async with bmc() as bench:
        await read(bench.session, 1)
        bench.strike({"delay": 0.1}, match={"payload": "command"}, when={"nth": 1})
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await read(bench.session, *range(2, 10))
        loop = asyncio.get_running_loop()
        end, asked = loop.time() + 0.15, bench.asked("IPMI 04h/2Dh")
        for number in itertools.cycle(range(50, 250)):
            assert await read(bench.session, number) == [number]
            asked += 1
            if loop.time() > end:
                break
        assert bench.asked("IPMI 04h/2Dh") == asked
        assert bench.tally.logins == 1


async def test_a_first_question_taken_back_before_it_was_read_leaves_the_next_one_its_answer():
    async with real() as (bench, process):
        another = bench.another()
        os.kill(process, signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await read(another, 2)
        os.kill(process, signal.SIGCONT)
        assert await read(another, 3) == [3]


async def test_a_slow_bmc_keeps_its_session_and_its_answers_until_the_time_is_over():
    async with bmc() as bench:
        with talking(bench.lan.port) as talk:
            bench.strike({"delay": 0.02}, match={"payload": "command"})
            batch = replace(BATCH, commands=(CHASSIS_STATUS,) * 16, repeatable=(True,) * 16, time=0.2)
            result = await talk.ask(batch)
            assert result.outcome is Outcome.LATE
            assert 3 < len(result.answers) < 16
            assert (await talk.ask(replace(BATCH, time=5))).opened is False
            await talk.close()


async def test_a_session_nobody_uses_is_closed_before_the_bmc_ends_it(monkeypatch):
    async with bmc() as bench:
        with talking(bench.lan.port) as talk:
            await talk.ask(BATCH)
            talk.close_if_idle()
            assert bench.tally.sessions.now == 1
            monkeypatch.setattr(conversation, "IDLE", -1.0)
            talk.close_if_idle()
            async with asyncio.timeout(2):
                while bench.tally.sessions.now:
                    await asyncio.sleep(0.01)
            assert (await talk.ask(BATCH)).opened
            await talk.close()


async def test_a_login_that_is_given_up_midway_leaves_nothing_to_say_goodbye_to():
    async with bmc() as bench:
        bench.strike({"hang": True}, match={"payload": "rakp1"})
        with talking(bench.lan.port) as talk:
            asking = asyncio.create_task(talk.ask(BATCH))
            await asyncio.sleep(0.05)
            before = bench.tally.datagrams
            talk.hang_up()
            assert (await asking).outcome is Outcome.SILENT
            await asyncio.sleep(0.05)
            assert (before, bench.tally.datagrams) == (3, 3)


async def test_a_session_the_bmc_forgot_is_opened_again_for_a_read(monkeypatch):
    hurried(monkeypatch)
    async with bmc() as bench:
        await read(bench.session, 1)
        bench.lan.sessions.forget()
        assert await read(bench.session, 2) == [2]
        assert bench.tally.logins == 2


async def test_another_password_or_privilege_is_another_session_and_another_order_of_suites_is_not():
    async with bmc() as bench:
        with talking(bench.lan.port) as talk:
            await talk.ask(BATCH)
            talk.account = replace(talk.account, suites=(3, 17))
            assert not (await talk.ask(BATCH)).opened
            talk.account = replace(talk.account, privilege=3)
            assert (await talk.ask(BATCH)).opened
            talk.account = replace(talk.account, password=b"wrong")
            assert (await talk.ask(BATCH)).outcome is Outcome.REFUSED
            assert bench.tally.sessions.now == 0


async def test_an_address_nothing_can_be_sent_to_is_silent(monkeypatch):
    hurried(monkeypatch, haste=200)
    for host in ("255.255.255.255", "not a number"):
        with talking(9, host) as talk:
            assert (await talk.ask(BATCH)).outcome is Outcome.SILENT


async def test_a_bmc_that_says_nothing_until_the_time_is_over_is_silent_and_not_slow(monkeypatch):
    """Planted bug: it counts as late, so that no other address of its name is ever tried."""
    monkeypatch.setattr(wire, "JITTER", (1.2, 1.2))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        with talking(deaf.getsockname()[1]) as talk:
            result = await talk.ask(replace(BATCH, time=0.2, reach=0.2))
    assert (result.outcome, result.reason) == (Outcome.SILENT, "no answer")


async def test_bmcs_are_spoken_to_over_ipv6_as_well():
    async with bmc() as bench:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as trial:
            try:
                trial.bind(("::1", 0))
            except OSError:
                pytest.skip("no IPv6 on this machine")
        bench.lan.close()
        await bench.lan.open("::1")
        session = Session(opening(f"ipmi://[::1]:{bench.lan.port}", bench.clock), bench.workers)
        assert await read(session, 4) == [4]


async def test_descriptors_beyond_a_thousand_are_as_good_as_any():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2000:
        pytest.skip("too few descriptors permitted")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    held: list[int] = []
    try:
        async with bmc() as bench:
            null = os.open("/dev/null", os.O_RDONLY)
            held.append(null)
            held += [os.dup(null) for _ in range(1100)]
            assert await read(bench.session, *range(1, 41)) == [*range(1, 41)]
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def talking(port: int, host: str = "127.0.0.1") -> Iterator[Conversation]:
    """The worker's side of a session, without a worker."""
    sockets = Sockets(asyncio.get_running_loop())
    account = replace(ACCOUNT, host=host, port=port, user=b"operator", password=b"emulated")
    try:
        yield Conversation(account, sockets, ManualClock())
    finally:
        sockets.close()
