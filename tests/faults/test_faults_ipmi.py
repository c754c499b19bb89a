"""What BMCs and networks do to RMCP+ sessions: every answer is the one to its question, or there is none."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.ipmi import conversation, wire
from fleetmon.drivers.ipmi.commands import CHASSIS_STATUS
from fleetmon.drivers.ipmi.session import Command, CutShort
from fleetmon.drivers.ipmi.workers import HUNG, WATCH, Workers
from fleetmon.drivers.lane import Priority
from fleetmon.errors import AccessDenied, Busy, Unreachable, Unsupported
from tests.ipmi_bench import Bench, bmc, hurried, read

IN_SESSION = {"payload": "command"}
READING = {"payload": "command", "netfn": 0x04, "command": 0x2D}
LOGIN = 4
"""Datagrams we send for one, without detours."""
POWER_OFF = Command(0x00, 0x02, b"\x00")


async def test_F78_lost_datagrams_are_sent_again_with_the_same_sequence_number_and_no_answer_is_crossed(monkeypatch):
    hurried(monkeypatch, haste=100)
    async with bmc() as bench:
        assert await read(bench.session, 1) == [1]
        bench.strike({"lose_packet": "request"}, match=IN_SESSION, when={"prob": 0.15})
        bench.strike({"lose_packet": "answer"}, match=IN_SESSION, when={"prob": 0.15})
        answered = 0
        for _ in range(12):
            try:
                told = await read(bench.session, *range(2, 18))
            except CutShort as error:
                told = [answer.data[0] for answer in error.answers]
            assert told == [*range(2, 2 + len(told))]
            answered += len(told)
    assert answered > 100
    assert bench.tally.repeats > 10
    assert bench.tally.most_in_flight == 1


async def test_F78_a_command_that_changes_something_is_sent_once_whatever_comes_of_it(monkeypatch):
    hurried(monkeypatch)
    async with bmc() as bench:
        await bench.session.ask(CHASSIS_STATUS)
        bench.strike({"lose_packet": "answer"}, match=IN_SESSION, when={"first": 9})
        with pytest.raises(Unreachable):
            await bench.session.ask(POWER_OFF, priority=Priority.COMMAND)
        assert bench.asked("IPMI 00h/02h") == 1


async def test_F79_a_late_answer_is_not_taken_for_that_to_the_next_command(monkeypatch):
    waits = hurried(monkeypatch)
    async with bmc() as bench:
        await read(bench.session, 1)
        bench.strike({"delay": sum(waits) / 2}, match=READING, when={"nth": 1})
        assert await read(bench.session, 2) == [2]
        loop = asyncio.get_running_loop()
        end, number = loop.time() + sum(waits), 3
        while loop.time() < end:
            assert await read(bench.session, number) == [number]
            number = number % 200 + 1
    assert bench.tally.repeats == 1


async def test_F79_answers_that_come_after_their_session_was_given_up_belong_to_nothing(monkeypatch):
    waits = hurried(monkeypatch)
    async with bmc() as bench:
        await read(bench.session, 1)
        bench.strike({"delay": sum(waits) + 0.05}, match=READING, when={"first": len(waits)})
        assert await read(bench.session, 2) == [2]
        assert bench.tally.logins == 2
        loop = asyncio.get_running_loop()
        end, number = loop.time() + sum(waits), 3
        while loop.time() < end:
            assert await read(bench.session, number) == [number]
            number = number % 200 + 1


@pytest.mark.parametrize("match", [{"payload": name} for name in ("outside", "open_session", "rakp1", "rakp3")] + [{}])
async def test_F80_messages_that_come_twice_lead_to_one_session_and_one_answer_each(match):
    async with bmc() as bench:
        bench.strike({"dup": 3}, match=match)
        assert await read(bench.session, *range(1, 41)) == [*range(1, 41)]
        assert (bench.tally.logins, bench.asked("IPMI 04h/2Dh")) == (1, 40)


@pytest.mark.parametrize("lost", ["open_session", "rakp1", "rakp3"])
@pytest.mark.parametrize("what", ["request", "answer"])
async def test_F80_a_login_whose_messages_get_lost_is_begun_anew(monkeypatch, lost, what):
    hurried(monkeypatch)
    async with bmc() as bench:
        bench.strike({"lose_packet": what}, match={"payload": lost}, when={"first": 2})
        assert await read(bench.session, 7) == [7]
        assert bench.session.cipher == 17


async def test_F81_a_bmc_without_a_free_session_is_left_alone_for_a_minute():
    async with bmc() as bench:
        bench.strike({"max_sessions": 4})
        others = [bench.another() for _ in range(4)]
        for other in others:
            await read(other, 1)
        with pytest.raises(Busy) as caught:
            await read(bench.session, 1)
        assert caught.value.retry_after == 60
        await bench.clock.advance(59)
        before = bench.tally.datagrams
        with pytest.raises(Busy):
            await read(bench.session, 1)
        assert bench.tally.datagrams == before
        await others[0].close()
        await bench.clock.advance(2)
        assert await read(bench.session, 1) == [1]


async def test_F81_a_session_is_used_again_closed_when_nobody_needs_it_and_closed_by_whoever_goes(monkeypatch):
    async with bmc() as bench:
        for number in range(1, 21):
            assert await read(bench.session, number) == [number]
        assert (bench.tally.logins, bench.tally.sessions.now) == (1, 1)
        await bench.session.close()
        assert bench.tally.sessions.now == 0
        await read(bench.session, 1)
        assert (bench.tally.logins, bench.tally.sessions.now) == (2, 1)
        monkeypatch.setattr(conversation, "IDLE", -1.0)
        await bench.workers.close()
        await _until(lambda: bench.tally.sessions.now == 0)


async def test_F82_eight_callers_share_one_session_and_each_gets_its_own_answer():
    async with bmc() as bench:
        numbers = [[*range(first, first + 20)] for first in range(1, 161, 20)]
        told = await asyncio.gather(*(read(bench.session, *wanted) for wanted in numbers))
    assert told == numbers
    assert (bench.tally.logins, bench.tally.sessions.most, bench.tally.most_in_flight) == (1, 1, 1)


async def test_F82_two_sessions_with_one_bmc_do_not_hear_each_others_answers():
    async with bmc() as bench:
        sessions = [bench.another() for _ in range(3)]
        told = await asyncio.gather(*(read(session, *range(n, n + 40)) for n, session in enumerate(sessions)))
    assert told == [[*range(n, n + 40)] for n in range(3)]


@pytest.mark.parametrize(("takes", "suite"), [([17], 17), ([3], 3), ([3, 17], 17), ([0, 3], 3)])
async def test_F83_suite_17_is_offered_first_then_3_and_the_one_that_works_is_remembered(takes, suite):
    async with bmc() as bench:
        bench.strike({"ciphers": takes})
        bench.strike({"ignore_get_cipher": True})
        await read(bench.session, 1)
        assert bench.session.cipher == suite
        before = bench.session.memory()
        again = bench.another(memory=before)
        await read(again, 1)
        assert (again.cipher, again.memory()) == (suite, before)
        assert again.requests == LOGIN + 1
        assert bench.asked("IPMI 06h/54h") == 0


async def test_F83_a_login_without_a_password_is_never_made():
    async with bmc() as bench:
        bench.strike({"ciphers": [0]})
        with pytest.raises(Unsupported, match="authentication algorithm"):
            await read(bench.session, 1)
        assert bench.tally.logins == 0


async def test_F83_a_bmc_that_says_nothing_to_suite_17_is_offered_3_and_that_is_not_remembered_for_ever(monkeypatch):
    hurried(monkeypatch)
    async with bmc() as bench:
        bench.strike({"hang": True}, match={"payload": "open_session"}, when={"first": 3})
        await read(bench.session, 1)
        assert bench.session.cipher == 3
        assert bench.session.memory()["suite"] is None


async def test_F84_a_proof_that_fails_is_believed_when_it_fails_twice(monkeypatch):
    spoiled = iter([True])
    real = wire.Session._got_rakp2

    def once_spoiled(self, data):
        if next(spoiled, False):
            data[45] ^= 1
        return real(self, data)

    monkeypatch.setattr(wire.Session, "_got_rakp2", once_spoiled)
    async with bmc() as bench:
        assert await read(bench.session, 9) == [9]


@pytest.mark.parametrize("junk", [1, 8, 64])
async def test_F84_junk_behind_rakp_messages_is_overlooked_and_their_proofs_are_still_checked(junk):
    async with bmc() as bench:
        bench.strike({"rakp_junk": junk})
        assert await read(bench.session, 9) == [9]
        stranger = bench.another(password="guessed")
        with pytest.raises(AccessDenied):
            await read(stranger, 9)
        assert bench.tally.logins == 1


async def test_F85_a_bmc_that_is_busy_for_a_while_is_asked_again_and_answers():
    async with bmc() as bench:
        await read(bench.session, 1)
        bench.strike({"cc": 0xC0}, match=READING, when={"first": 3})
        asking = asyncio.create_task(read(bench.session, 2))
        async with asyncio.timeout(5):
            while not asking.done():
                await asyncio.sleep(0.01)
                await bench.clock.advance(1)
        assert await asking == [2]
        assert bench.asked("IPMI 04h/2Dh") == 5


async def test_F86_a_bmc_that_falls_silent_costs_its_own_lane_and_comes_back_without_help(monkeypatch):
    hurried(monkeypatch)
    async with bmc() as bench:
        await read(bench.session, 1)
        silence = bench.strike({"hang": True})
        for _ in range(2):
            with pytest.raises(Unreachable, match="no answer"):
                await read(bench.session, 1)
        bench.fleet.heal(silence)
        assert await read(bench.session, 5) == [5]
        await _until(lambda: bench.tally.sessions.now == 1)  # the one of before, which it kept, is closed too


async def test_F86_a_worker_that_hangs_is_killed_and_replaced_and_its_bmcs_are_asked_again():
    clock = ManualClock()
    async with bmc() as bench:
        workers = Workers(clock=clock)
        session = opened(bench, workers, clock)
        try:
            assert await read(session, 1) == [1]
            (first,) = workers.processes
            os.kill(first, signal.SIGSTOP)
            asking = asyncio.create_task(read(session, 2))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("fleetmon.drivers.ipmi.workers.HUNG", HUNG / 50)
                await clock.advance(WATCH + 1)
                await _until(lambda: not Path(f"/proc/{first}").exists())
            await clock.advance(2)
            assert await asking == [2]
            assert workers.replaced == 1
            assert workers.processes != [first]
        finally:
            await workers.close()


async def test_F86_a_worker_dies_with_its_service_and_on_the_way_closes_its_sessions():
    clock = ManualClock()
    async with bmc() as bench:
        workers = Workers(clock=clock)
        await read(opened(bench, workers, clock), 1)
        (process,) = workers.processes
        await workers.close()
        assert not Path(f"/proc/{process}").exists()
        await _until(lambda: bench.tally.sessions.now == 0)


async def test_F87_eight_callers_on_eight_bmcs_share_one_worker_of_one_thread_that_sends_nothing_unasked():
    clock = ManualClock()
    async with bmc() as bench:
        workers = Workers(clock=clock)
        sessions = [opened(bench, workers, clock) for _ in range(4)]
        bench.strike({"max_sessions": 8})
        try:
            for round_ in range(5):
                wanted = [[(n * 40 + i + round_) % 250 for i in range(40)] for n in range(8)]
                told = await asyncio.gather(*(read(sessions[n % 4], *numbers) for n, numbers in enumerate(wanted)))
                assert told == wanted
            (process,) = workers.processes
            assert len(list(Path(f"/proc/{process}/task").iterdir())) == 1
            await sessions[0].close()
            assert bench.tally.sessions.now == 3
            before = bench.tally.datagrams
            await asyncio.sleep(0.1)
            assert bench.tally.datagrams == before
            assert await read(sessions[0], 3) == [3]
        finally:
            await workers.close()


def opened(bench: Bench, workers: Workers, clock: ManualClock):
    """A session whose worker is a process of its own."""
    bench.workers, bench.clock = workers, clock
    return bench.another()


async def _until(holds) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)
