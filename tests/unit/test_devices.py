"""Slow and dead devices never delay healthy ones; every poll, failure included, is kept."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from unittest.mock import MagicMock, patch

import pytest

from fleetmon.clock import ManualClock
from fleetmon.devices import Devices
from fleetmon.drivers.base import Credentials, Memory, Secret
from fleetmon.errors import RequestRefused, StorageError
from fleetmon.keeper import Learned, Recalled, Watched
from fleetmon.metrics import Metrics
from fleetmon.model import (
    Aspect,
    Device,
    DeviceKind,
    Endpoint,
    Interval,
    Observation,
    Protocol,
    Reachability,
)
from fleetmon.settings import Polling
from fleetmon.storage.rows import PollRequest, PollRequestState


class ShelfKeeper:
    """Keeps in lists what the store would keep in rows."""

    def __init__(self, *watched: Watched) -> None:
        self.fleet = {one.key: one for one in watched}
        self.version = 1
        self.learned: list[Learned] = []
        self.asked: dict[tuple[str, str], dict[Aspect, datetime]] = {}
        self.requests: list[PollRequest] = []
        self.finished: list[tuple[int, str]] = []
        self.noted: list[tuple[tuple[str, str], datetime]] = []
        self.written = 0

    broken = False
    recalled = Recalled()

    async def fleet_version(self):
        if self.broken:
            raise StorageError("state.db: disk I/O error")
        return self.version

    async def watched(self):
        return [replace(one, asked=one.asked or dict(self.asked.get(one.key, {}))) for one in self.fleet.values()]

    def note(self, watched, heartbeat):
        self.noted.append((watched.key, heartbeat.taken_at))

    async def write_notes(self):
        self.written += 1

    async def remember(self, watched, memory, breaker):
        self.remembered = (memory, breaker)

    async def recall(self, watched):
        return self.recalled

    async def keep(self, learned):
        self.learned.append(learned)
        seen = learned.observation
        self.asked.setdefault(learned.watched.key, {}).update(dict.fromkeys(seen.asked, seen.taken_at))
        return self.recalled.marks

    async def claim_poll_requests(self):
        if self.broken:
            raise StorageError("state.db: disk I/O error")
        claimed, self.requests = self.requests, []
        return claimed

    async def finish_poll_request(self, request, *, failed=""):
        self.finished.append((request.poll_request_id, failed))

    def polls(self):
        return Counter(one.watched.device.device_id for one in self.learned)


class PretendDriver:
    """Answers after `seconds`, or never when that is None."""

    seen_spki = None
    memory_version = 1

    def __init__(self, opening, clock, *, seconds=0.1, reachability=Reachability.REACHABLE, error=None, seen_spki=None):
        self.seen_spki = seen_spki
        self.opening, self.clock, self.seconds = opening, clock, seconds
        self.reachability, self.error = reachability, error
        self.asked: list[frozenset[Aspect]] = []
        self.closed = self.suspended = self.at_once = self.most_at_once = 0

    async def observe(self, request):
        self.asked.append(request.aspects)
        if self.error:
            raise self.error
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.clock.sleep(1e9 if self.seconds is None else self.seconds)
        finally:
            self.at_once -= 1
        return Observation(
            protocol=Protocol.REDFISH,
            asked=request.aspects,
            answered=request.aspects,
            taken_at=self.clock.now(),
            seconds=self.seconds or 0,
            requests=2,
            reachability=self.reachability,
        )

    def memory(self):
        return Memory()

    async def raw(self, resource):
        return {"@odata.id": resource}

    async def close(self):
        self.closed += 1

    async def suspend(self):
        self.suspended += 1


def watched(name, **changes):
    endpoint = Endpoint(protocol=Protocol.REDFISH, address=f"https://{name}")
    device = Device(device_id=name, name=name, kind=DeviceKind.SERVER, endpoints=(endpoint,))
    plain = Watched(device=device, endpoint=endpoint, credentials=None, interval=Interval())
    return replace(plain, **changes)


def wish(device_id):
    return PollRequest(
        poll_request_id=7,
        device_id=device_id,
        aspects=frozenset(Aspect),
        state=PollRequestState.CLAIMED,
        requested_at=ManualClock().now(),
    )


class Bench:
    """A running role with pretend drivers."""

    def __init__(self, keeper, manners, polling):
        self.clock, self.keeper, self.manners = ManualClock(), keeper, manners
        self.drivers: dict[str, PretendDriver] = {}
        self.opened = Counter()
        self.metrics = Metrics()
        self.devices = Devices(
            keeper=keeper, open_driver=self.open, polling=polling, clock=self.clock, metrics=self.metrics
        )

    def open(self, opening):
        name = opening.endpoint.address.removeprefix("https://")
        self.opened[name] += 1
        self.drivers[name] = PretendDriver(opening, self.clock, **self.manners.get(name, {}))
        return self.drivers[name]

    async def let_pass(self, seconds):
        """Advance second by second, ticking as the scheduler would."""
        for _ in range(int(seconds)):
            await self.devices.tick()
            await self.clock.advance(1)


@asynccontextmanager
async def bench(keeper, manners=None, polling=None):
    bench = Bench(keeper, manners or {}, polling or Polling())
    running = asyncio.create_task(bench.devices.run())
    await bench.clock.advance(0)
    try:
        yield bench
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_new_device_is_looked_at_once_for_all_that_it_is_and_then_for_its_logs():
    async with bench(ShelfKeeper(watched("web-1"))) as b:
        await b.let_pass(3)
        assert b.drivers["web-1"].asked == [frozenset(Aspect) - {Aspect.EVENTS}, {Aspect.EVENTS}]


async def test_every_device_is_polled_once_a_minute():
    keeper = ShelfKeeper(*(watched(f"web-{n}") for n in range(30)))
    async with bench(keeper) as b:
        await b.let_pass(10)
        keeper.learned.clear()
        await b.let_pass(300)
        assert set(keeper.polls().values()) <= {5, 6}
        assert len(keeper.polls()) == 30


async def test_a_stalled_tick_is_counted_by_how_late_it_came():
    struck = []
    with patch("fleetmon.devices.clockwork", lambda strike: struck.append(strike) or MagicMock()):
        async with bench(ShelfKeeper(watched("web-1"))) as b:
            for pause in (1.0, 13.0):
                await b.clock.advance(pause)
                struck[0]()
                await b.clock.advance(0)
            told = b.metrics.registry.get_sample_value
            assert told("fleetmon_tick_lag_seconds_sum") == 12.0
            assert told("fleetmon_tick_lag_seconds_bucket", {"le": "0.1"}) == 1


async def test_dead_devices_never_delay_healthy_ones():
    names = [f"web-{n}" for n in range(20)]
    dead = {name: {"seconds": None} for name in names[:12]}
    keeper = ShelfKeeper(*(watched(name) for name in names))
    async with bench(keeper, dead, Polling(at_once=16)) as b:
        await b.let_pass(200)
        assert all(keeper.polls()[name] >= 4 for name in names[12:])


async def test_while_the_service_is_behind_walks_give_way_to_life_and_are_still_made():
    names = [f"web-{n}" for n in range(14)]
    keeper = ShelfKeeper(*(watched(name) for name in names))
    async with bench(keeper, {name: {"seconds": 4.9} for name in names}, Polling(at_once=1)) as b:
        await b.let_pass(240)
        for driver in b.drivers.values():
            driver.asked.clear()
        await b.let_pass(1800)
        walks = [sum(Aspect.COMPONENTS in asked for asked in driver.asked) for driver in b.drivers.values()]
        assert min(walks) >= 1
        assert sum(walks) <= 2 * len(names), "at a leisurely pace there would be three of each"


async def test_ailing_devices_have_a_capacity_of_their_own():
    names = [f"web-{n}" for n in range(40)]
    dead = {name: {"seconds": 55, "reachability": Reachability.UNREACHABLE} for name in names[:36]}
    keeper = ShelfKeeper(*(watched(name) for name in names))
    async with bench(keeper, dead, Polling(at_once=8)) as b:
        await b.let_pass(700)  # all ailing ones have been seen to be so
        keeper.learned.clear()
        await b.let_pass(300)
        assert all(keeper.polls()[name] >= 4 for name in names[36:])


async def test_polls_of_one_device_never_overlap_and_a_slow_bmc_rests_as_long_as_it_was_busy():
    keeper = ShelfKeeper(watched("web-1"))
    async with bench(keeper, {"web-1": {"seconds": 45}}) as b:
        await b.let_pass(900)
        assert 8 <= keeper.polls()["web-1"] <= 11


async def test_a_failed_poll_is_kept_like_any_other():
    keeper = ShelfKeeper(watched("web-1"))
    async with bench(keeper, {"web-1": {"reachability": Reachability.UNREACHABLE}}) as b:
        await b.let_pass(3)
        assert keeper.learned[0].observation.reachability is Reachability.UNREACHABLE
        assert b.metrics.registry.get_sample_value(
            "fleetmon_polls_total", {"protocol": "redfish", "reachability": "unreachable"}
        )


async def test_an_error_of_our_own_costs_one_poll_of_one_device():
    keeper = ShelfKeeper(watched("web-1"), watched("web-2"))
    async with bench(keeper, {"web-1": {"error": KeyError("bug")}}) as b:
        await b.let_pass(130)
        assert keeper.polls()["web-1"] == 0
        assert len(b.drivers["web-1"].asked) >= 3
        assert keeper.polls()["web-2"] >= 3


async def test_poll_now_asks_for_everything_and_is_answered():
    keeper = ShelfKeeper(watched("web-1"))
    async with bench(keeper) as b:
        await b.let_pass(10)
        keeper.requests.append(wish("web-1"))
        b.devices.poke()
        await b.clock.advance(1)
        assert frozenset().union(*b.drivers["web-1"].asked[-3:]) == frozenset(Aspect)
        assert keeper.finished == [(7, "")]


async def test_poll_now_of_a_device_nobody_watches_fails_with_the_reason():
    keeper = ShelfKeeper()
    async with bench(keeper) as b:
        keeper.requests.append(wish("gone"))
        b.devices.poke()
        await b.clock.advance(1)
        assert keeper.finished[0][0] == 7
        assert "not being watched" in keeper.finished[0][1]
        with pytest.raises(RequestRefused):
            await b.devices.raw("gone", "/redfish/v1")


async def test_poll_now_of_a_device_that_refuses_us_has_failed_and_says_why():
    keeper = ShelfKeeper(watched("web-1"))
    refusing = {"web-1": {"reachability": Reachability.ACCESS_DENIED}}
    async with bench(keeper, refusing) as b:
        await b.let_pass(10)
        keeper.requests.append(wish("web-1"))
        b.devices.poke()
        await b.clock.advance(1)
        assert keeper.finished == [(7, "access denied")]


async def test_two_who_ask_at_once_are_served_one_after_the_other():
    keeper = ShelfKeeper(watched("web-1"))
    async with bench(keeper, {"web-1": {"seconds": 3}}) as b:
        await b.let_pass(30)
        driver = b.drivers["web-1"]
        keeper.requests += [wish("web-1"), wish("web-1"), wish("web-1")]
        b.devices.poke()
        await b.let_pass(60)
        assert len(keeper.finished) == 3
        assert driver.most_at_once == 1


async def test_a_device_removed_while_it_is_polled_ends_the_request_that_waits():
    keeper = ShelfKeeper(watched("web-1"))
    async with bench(keeper, {"web-1": {"seconds": 20}}) as b:
        await b.let_pass(70)
        keeper.requests.append(wish("web-1"))
        b.devices.poke()
        await b.let_pass(25)
        keeper.fleet, keeper.version = {}, 2
        await b.let_pass(3)
        assert [(number, "meanwhile" in reason) for number, reason in keeper.finished] == [(7, True)]


async def test_a_store_that_cannot_be_read_for_a_while_stops_no_poll():
    keeper = ShelfKeeper(watched("web-1"))
    async with bench(keeper) as b:
        await b.let_pass(10)
        keeper.broken = True
        polls = len(b.drivers["web-1"].asked)
        await b.let_pass(130)
        assert len(b.drivers["web-1"].asked) > polls
        assert b.drivers["web-1"].closed == 0


async def test_a_device_added_or_removed_is_followed_within_a_second():
    keeper = ShelfKeeper(watched("web-1"))
    async with bench(keeper) as b:
        await b.let_pass(3)
        keeper.fleet = {one.key: one for one in (watched("web-2"),)}
        keeper.version = 2
        await b.let_pass(2)
        assert b.drivers["web-1"].closed == 1
        assert b.drivers["web-2"].asked


async def test_a_driver_that_cannot_be_closed_costs_the_others_nothing():
    keeper = ShelfKeeper(watched("web-1"), watched("web-2"))
    async with bench(keeper) as b:
        await b.let_pass(70)

        async def close():
            raise RuntimeError("a bug")

        b.drivers["web-1"].close = close
        keeper.fleet = {one.key: one for one in (watched("web-2"),)}
        keeper.version = 2
        polls = len(b.drivers["web-2"].asked)
        await b.let_pass(130)
        assert len(b.drivers["web-2"].asked) > polls


async def test_new_credentials_open_the_driver_anew_and_a_moved_rack_does_not():
    old = watched("web-1", credentials=Credentials(user="root", password=Secret("a"), version=1))
    keeper = ShelfKeeper(old)
    async with bench(keeper) as b:
        await b.let_pass(2)
        keeper.fleet = {old.key: replace(old, device=replace(old.device, position_u=7, version=2))}
        keeper.version = 2
        await b.let_pass(2)
        assert b.opened["web-1"] == 1
        keeper.fleet = {old.key: replace(old, credentials=Credentials(user="root", password=Secret("b"), version=2))}
        keeper.version = 3
        await b.let_pass(61)
        assert b.opened["web-1"] == 2


async def test_the_first_pin_of_a_certificate_does_not_cost_another_login():
    old = watched("web-1")
    keeper = ShelfKeeper(old)
    async with bench(keeper) as b:
        await b.let_pass(2)
        keeper.fleet = {old.key: replace(old, endpoint=replace(old.endpoint, pinned_spki="ab" * 32))}
        keeper.version = 2
        await b.let_pass(2)
        assert b.opened["web-1"] == 1


async def test_the_first_key_seen_is_given_to_be_pinned_once():
    """Planted bug: every poll pins again, each time an edit of the fleet, which is then read anew by the second."""
    keeper = ShelfKeeper(watched("web-1"))
    async with bench(keeper, {"web-1": {"seen_spki": "ab" * 32}}) as b:
        await b.let_pass(130)
        pinned = [one.watched.endpoint.pinned_spki for one in keeper.learned]
        assert pinned == [None] + ["ab" * 32] * (len(pinned) - 1)
        assert b.opened["web-1"] == 1


async def test_after_a_restart_what_was_asked_recently_is_not_asked_again():
    clock_start = ManualClock().now()
    keeper = ShelfKeeper(watched("web-1", asked=dict.fromkeys(Aspect, clock_start - timedelta(seconds=5))))
    async with bench(keeper) as b:
        await b.let_pass(70)
        assert b.drivers["web-1"].asked
        assert all(aspects <= {Aspect.HEARTBEAT, Aspect.SENSORS} for aspects in b.drivers["web-1"].asked)


async def test_the_logins_stay_open_when_the_role_ends_and_end_with_the_device():
    keeper = ShelfKeeper(watched("web-1"), watched("web-2"))
    async with bench(keeper) as b:
        await b.let_pass(2)
        keeper.fleet, keeper.version = {("web-1", "redfish"): watched("web-1")}, 2
        await b.let_pass(2)
    assert {name: (driver.closed, driver.suspended) for name, driver in b.drivers.items()} == {
        "web-1": (0, 1),
        "web-2": (1, 0),
    }


async def test_what_a_driver_remembers_is_stored_when_it_is_new_and_when_the_device_comes_back():
    """Planted bug: trusting only what was stored once leaves a device that comes back without its memory."""
    keeper = ShelfKeeper(watched("web-1"))
    async with bench(keeper) as b:
        await b.let_pass(200)
        assert [one.memory is not None for one in keeper.learned] == [True] + [False] * (len(keeper.learned) - 1)
        b.drivers["web-1"].memory_version = 2
        await b.let_pass(61)
        assert sum(one.memory is not None for one in keeper.learned) == 2
        keeper.asked.clear()  # decommissioned and added again, unseen in between: it was never asked for anything
        keeper.version = 2
        await b.let_pass(61)
        assert sum(one.memory is not None for one in keeper.learned) == 3


async def test_ten_thousand_that_are_new_do_not_keep_those_waiting_whose_slot_it_is():
    """Planted bug: a start that lets at most forty polls begin a second, whoever is due."""
    start = ManualClock().now()
    known = [watched(f"old-{n}", asked=dict.fromkeys(Aspect, start - timedelta(seconds=5))) for n in range(600)]
    fresh = [watched(f"new-{n}") for n in range(900)]
    keeper = ShelfKeeper(*known, *fresh)
    async with bench(keeper, polling=Polling(interval=Interval(), at_once=2000)) as b:
        await b.let_pass(10)
        assert sum(keeper.polls()[one.device.name] > 0 for one in fresh) < len(fresh), "they stand in line"
        await b.let_pass(52)
        assert all(keeper.polls()[one.device.name] in (1, 2) for one in known)
        assert all(keeper.polls()[one.device.name] for one in fresh)
        assert b.metrics.registry.get_sample_value("fleetmon_polls_late_total") == 0


async def test_R12_a_third_of_the_fleet_that_hangs_costs_the_others_no_slot():
    names = [f"web-{n}" for n in range(200)]
    hung = {name: {"seconds": 45, "reachability": Reachability.UNREACHABLE} for name in names[:60]}
    keeper = ShelfKeeper(*(watched(name) for name in names))
    async with bench(keeper, hung, Polling(at_once=8)) as b:
        await b.let_pass(20)
        keeper.learned.clear()
        await b.let_pass(300)
        assert all(keeper.polls()[name] >= 4 for name in names[60:])


async def test_a_hint_from_outside_is_one_poll_now_and_what_follows_it_soon_is_one_more():
    async with bench(ShelfKeeper(watched("web-1"))) as b:
        await b.let_pass(30)
        asked = b.drivers["web-1"].asked
        asked.clear()
        wanted = frozenset({Aspect.HEARTBEAT, Aspect.EVENTS})
        for _ in range(100):
            assert b.devices.hinted("web-1", wanted)
        await b.clock.advance(1)
        assert asked == [{Aspect.HEARTBEAT}, {Aspect.EVENTS}]
        assert b.devices.hinted("web-1", frozenset({Aspect.EVENTS}))
        await b.clock.advance(10)
        assert asked[2:] == [{Aspect.EVENTS}]
        assert not b.devices.hinted("web-2", wanted)


@pytest.mark.parametrize(("protocol", "later"), [(Protocol.SNMP, 1), (Protocol.REDFISH, 0)])
async def test_a_walk_that_a_hint_asks_for_too_soon_is_put_off_over_snmp_and_left_out_elsewhere(protocol, later):
    one = watched("sw-1")
    endpoint = Endpoint(protocol=protocol, address="https://sw-1")
    device = replace(one.device, endpoints=(endpoint,))
    async with bench(ShelfKeeper(replace(one, device=device, endpoint=endpoint))) as b:
        await b.let_pass(61)
        asked = b.drivers["sw-1"].asked
        assert any(Aspect.COMPONENTS in aspects for aspects in asked), "the first look walks"
        asked.clear()
        for _ in range(3):
            assert b.devices.hinted("sw-1", frozenset({Aspect.COMPONENTS}))
            await b.let_pass(11)
        assert not any(Aspect.COMPONENTS in aspects for aspects in asked)
        await b.let_pass(120)
        assert sum(Aspect.COMPONENTS in aspects for aspects in asked) == later
