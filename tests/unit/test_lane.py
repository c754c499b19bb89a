"""One device's lane: serial, commands first, a gap between requests, a deadline, one credential breaker."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.lane import Breaker, Lane, Pace, Priority
from fleetmon.errors import AccessDenied, Unreachable


def lane(clock: ManualClock | None = None, **pace: timedelta) -> Lane:
    return Lane(device="https://bmc", clock=clock or ManualClock(), pace=Pace(**pace))


async def hold(
    of: Lane, name: str, seen: list[str], release: asyncio.Event, priority: Priority = Priority.POLL
) -> None:
    async with of.turn(priority):
        seen.append(name)
        await release.wait()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_request_at_a_time():
    one, seen, release = lane(), [], asyncio.Event()
    tasks = [asyncio.create_task(hold(one, name, seen, release)) for name in "abc"]
    await settle()
    assert seen == ["a"]
    release.set()
    await asyncio.gather(*tasks)
    assert seen == ["a", "b", "c"]


async def test_commands_go_before_people_and_people_before_polls():
    one, seen, release = lane(), [], asyncio.Event()
    order = [
        ("first", Priority.POLL),
        ("poll", Priority.POLL),
        ("person", Priority.PERSON),
        ("command", Priority.COMMAND),
    ]
    tasks = []
    for name, priority in order:
        tasks.append(asyncio.create_task(hold(one, name, seen, release, priority)))
        await settle()
    release.set()
    await asyncio.gather(*tasks)
    assert seen == ["first", "command", "person", "poll"]


async def test_a_waiter_that_gives_up_does_not_block_the_lane():
    one, seen, release = lane(), [], asyncio.Event()
    first = asyncio.create_task(hold(one, "first", seen, release))
    await settle()
    waiter = asyncio.create_task(hold(one, "waiter", seen, release))
    await settle()
    waiter.cancel()
    release.set()
    await asyncio.gather(first, waiter, return_exceptions=True)
    await asyncio.wait_for(hold(one, "last", seen, release), 1)
    assert seen == ["first", "last"]


async def test_a_waiter_cancelled_just_after_it_was_granted_passes_the_turn_on():
    one, seen, release = lane(), [], asyncio.Event()
    first = asyncio.create_task(hold(one, "first", seen, release))
    await settle()
    waiter = asyncio.create_task(hold(one, "waiter", seen, asyncio.Event()))
    last = asyncio.create_task(hold(one, "last", seen, release))
    await settle()
    release.set()
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait_for(asyncio.gather(first, last), 1)
    assert "last" in seen


async def test_a_failed_request_gives_the_lane_back():
    one = lane()
    with pytest.raises(ValueError, match="broken"):
        async with one.turn():
            raise ValueError("broken")
    async with asyncio.timeout(1), one.turn():
        pass


async def test_the_minimum_gap_is_kept_between_requests():
    clock = ManualClock()
    one, release = lane(clock, minimum_gap=timedelta(seconds=2)), asyncio.Event()
    release.set()
    seen: list[str] = []
    await hold(one, "first", seen, release)
    second = asyncio.create_task(hold(one, "second", seen, release))
    await clock.advance(1.9)
    assert seen == ["first"]
    await clock.advance(0.2)
    await second
    assert seen == ["first", "second"]


async def test_the_deadline_counts_the_waiting_and_says_so():
    one, release = lane(poll_deadline=timedelta(seconds=0.02)), asyncio.Event()
    holder = asyncio.create_task(hold(one, "holder", [], release))
    await settle()
    with pytest.raises(Unreachable, match=r"https://bmc: no full answer within 0\.02 s"):
        async with one.deadline(), one.turn():
            pytest.fail("the turn was held")
    release.set()
    await holder


async def test_cancellation_is_no_missed_deadline():
    one = lane()

    async def body() -> None:
        async with one.deadline(60):
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_two_refused_logins_close_the_breaker_for_ten_minutes():
    clock = ManualClock()
    one = lane(clock)
    for _ in range(2):
        one.login_allowed(1)
        one.login_refused(1)
    with pytest.raises(AccessDenied, match="refused 2 times"):
        one.login_allowed(1)
    await clock.advance(timedelta(minutes=9, seconds=59))
    with pytest.raises(AccessDenied):
        one.login_allowed(1)
    await clock.advance(2)
    one.login_allowed(1)


async def test_after_the_rest_one_try_is_let_through_and_a_refusal_closes_the_breaker_again():
    clock = ManualClock()
    one = lane(clock)
    one.login_refused(1)
    one.login_refused(1)
    await clock.advance(timedelta(minutes=11))
    one.login_allowed(1)
    one.login_refused(1)
    with pytest.raises(AccessDenied):
        one.login_allowed(1)


def test_new_credentials_start_afresh():
    one = lane()
    one.login_refused(1)
    one.login_refused(1)
    one.login_allowed(2)
    one.login_refused(2)
    one.login_allowed(2)
    assert one.breaker.refusals == 1


def test_an_accepted_login_forgets_the_refusals():
    one = lane()
    one.login_refused(1)
    one.login_accepted(1)
    assert one.breaker == Breaker(credential_version=1)


def test_the_breaker_outlives_the_lane():
    clock = ManualClock()
    before = lane(clock)
    before.login_refused(1)
    before.login_refused(1)
    after = Lane(device="https://bmc", clock=clock, breaker=before.breaker)
    with pytest.raises(AccessDenied):
        after.login_allowed(1)


async def test_a_turn_handed_on_is_not_given_to_a_third_meanwhile():
    one, seen = lane(), []
    first, second = asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(hold(one, "a", seen, first)), asyncio.create_task(hold(one, "b", seen, second))]
    await settle()
    first.set()
    await settle()
    assert seen == ["a", "b"], "b holds the turn that a handed on"
    tasks.append(asyncio.create_task(hold(one, "c", seen, second)))
    await settle()
    assert seen == ["a", "b"]
    second.set()
    await asyncio.gather(*tasks)
    assert seen == ["a", "b", "c"]
