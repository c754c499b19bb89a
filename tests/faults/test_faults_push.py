"""Push in the whole role: real drivers and a real store against a BMC that tells by itself, or no longer does.

Time stands still and is moved by the tests; what goes over the wire takes the time it takes.
"""

from __future__ import annotations

import pytest
from aiohttp import web

from fleetmon.storage.rows import PushState
from tests.push_bench import OURS, service
from tests.push_service import ENTRIES, SUBSCRIPTIONS, Bmc, event_of, refused, resource, serving


async def test_F59_what_the_stream_tells_is_stored_at_once_and_the_log_changes_nothing(tmp_path):
    async with serving(Bmc()) as bmc, service(tmp_path, bmc.address) as fleet:
        await fleet.until(lambda: bmc.streams)
        await fleet.open()
        await fleet.let_pass(15)
        bmc.log(5)
        bmc.tell(4)
        bmc.tell(5, linked=True)
        await fleet.until(lambda: fleet.told(pushed=True))
        await fleet.let_pass(310, step=5)
        assert await fleet.told() == [f"event {n}" for n in range(1, 6)]
        assert {event.log for event in await fleet.events()} == {"SEL"}
        row = await fleet.store.pushes.of_device("web-01")
        assert row is not None
        assert (row.events, row.event_id) == (2, "5")
        assert bmc.most_streams == 1
        assert bmc.asked["POST /redfish/v1/SessionService/Sessions"] == 1


async def test_F59_a_kill_between_push_and_poll_loses_nothing_and_doubles_nothing(tmp_path):
    """The stream goes on after the last event stored; what it does not tell again is in the log."""
    async with serving(Bmc()) as bmc:
        async with service(tmp_path, bmc.address) as fleet:
            await fleet.open()
            await fleet.let_pass(15)
            bmc.tell(4)
            await fleet.until(lambda: fleet.told(pushed=True))
            clock = fleet.clock
        bmc.log(6)
        bmc.sent = [event_of(4, event_id="4"), event_of(5, event_id="5")]
        async with service(tmp_path, bmc.address, clock) as fleet:
            await fleet.let_pass(120)
            assert bmc.opened[-1]["Last-Event-ID"] == "4"
            await fleet.let_pass(310, step=5)
            assert sorted(await fleet.told()) == [f"event {n}" for n in range(1, 7)]
            assert {event.log for event in await fleet.events()} == {"SEL"}


async def test_with_a_silent_stream_everything_goes_on_at_the_pace_of_polls(tmp_path):
    async with serving(Bmc()) as bmc, service(tmp_path, bmc.address) as fleet:
        await fleet.open()
        await fleet.let_pass(15)
        for count in range(4, 9):
            bmc.log(count)
            await fleet.let_pass(310, step=5)
            assert len(await fleet.told()) == count
        row = await fleet.store.pushes.of_device("web-01")
        assert row is not None
        assert (row.state, row.reason) == (PushState.GIVEN_UP, "it takes the stream and tells nothing")
        await fleet.until(lambda: not bmc.streams)


async def test_F58_a_reset_of_the_bmc_costs_a_stream_and_no_event(tmp_path):
    async with serving(Bmc()) as bmc, service(tmp_path, bmc.address) as fleet:
        await fleet.open()
        await fleet.let_pass(15)
        bmc.log(4)
        bmc.reset()
        await fleet.let_pass(130)
        await fleet.until(lambda: len(bmc.opened) == 2)
        await fleet.let_pass(15)
        assert await fleet.told() == [f"event {n}" for n in range(1, 5)]
        bmc.tell(5)
        await fleet.until(lambda: fleet.told(pushed=True))


async def test_F58_a_subscription_that_is_gone_is_made_again_and_the_gap_is_read(tmp_path):
    async with serving(Bmc(stream=False)) as bmc, service(tmp_path, bmc.address, receiver=OURS) as fleet:
        await fleet.until(lambda: bmc.subscriptions)
        await fleet.let_pass(15)
        (made,) = bmc.subscriptions.values()
        assert (made["Destination"], made["Context"]) == (f"{OURS}/web-01", "us:web-01")
        bmc.reset()
        bmc.log(4)
        await fleet.let_pass(3700, step=10)
        assert len(bmc.subscriptions) == 1
        assert await fleet.told() == [f"event {n}" for n in range(1, 5)]
        looks = bmc.asked["GET /redfish/v1/EventService/Subscriptions"]
        await fleet.let_pass(600, step=10)
        assert bmc.asked["GET /redfish/v1/EventService/Subscriptions"] == looks


async def test_a_thousand_hints_are_a_few_polls_and_none_of_them_is_believed(tmp_path):
    async with serving(Bmc(stream=False)) as bmc, service(tmp_path, bmc.address, receiver=OURS) as fleet:
        await fleet.open()
        await fleet.let_pass(60)
        bmc.log(4)
        before = bmc.asked[f"GET {ENTRIES}"]
        for number in range(1000):
            body = event_of(900 + number).partition(b"data: ")[2].strip()
            assert fleet.devices.hint("web-01", body)
        assert not fleet.devices.hint("web-02", b"{}")
        await fleet.let_pass(25)
        assert await fleet.told() == [f"event {n}" for n in range(1, 5)]
        assert 1 <= bmc.asked[f"GET {ENTRIES}"] - before <= 3
        before = bmc.asked[f"GET {ENTRIES}"]
        for _ in range(60):
            fleet.devices.hint("web-01", body)
            await fleet.let_pass(1)
        assert 5 <= bmc.asked[f"GET {ENTRIES}"] - before <= 8


async def test_an_open_stream_costs_no_request_and_a_full_service_is_not_pressed(tmp_path):
    bmc = Bmc()
    bmc.head = refused(503, "all streams are taken")
    async with serving(bmc), service(tmp_path, bmc.address) as fleet:
        await fleet.let_pass(540, step=10)
        assert bmc.asked["GET /redfish/v1/EventService/SSE"] == 1
        bmc.head = None
        await fleet.let_pass(130)
        await fleet.open()
        await fleet.let_pass(30)
        before = bmc.asked.copy()
        await fleet.let_pass(120)
        assert {path for path in bmc.asked - before if "Event" in path} == set()


async def test_a_device_that_is_edited_or_removed_closes_its_stream(tmp_path):
    async with serving(Bmc()) as bmc, service(tmp_path, bmc.address) as fleet:
        await fleet.until(lambda: bmc.streams)
        await fleet.store.fleet.remove_device("web-01")
        await fleet.devices.tick()
        await fleet.until(lambda: not bmc.streams)
        await fleet.until(lambda: not bmc.tokens)


async def test_streams_that_are_switched_off_are_not_opened(tmp_path):
    async with serving(Bmc()) as bmc, service(tmp_path, bmc.address, stream=False) as fleet:
        await fleet.let_pass(130)
        assert bmc.opened == []
        assert not any("EventService" in path for path in bmc.asked)


async def test_a_device_that_is_removed_keeps_no_subscription_of_ours_and_every_one_of_others(tmp_path):
    async with (
        serving(Bmc(stream=False)) as bmc,
        service(tmp_path, bmc.address, receiver=OURS, stream=False) as fleet,
    ):
        await fleet.open()
        foreign = f"{SUBSCRIPTIONS}/99"
        bmc.subscriptions[foreign] = resource(foreign, "EventDestination", Destination="https://them/x", Context="them")
        await fleet.store.fleet.remove_device("web-01")
        await fleet.let_pass(10)
        await fleet.until(lambda: not bmc.tokens)
        assert list(bmc.subscriptions) == [foreign]


async def test_what_stands_where_our_subscription_was_is_left_alone(tmp_path):
    """After a reset a BMC numbers its subscriptions anew."""
    async with (
        serving(Bmc(stream=False)) as bmc,
        service(tmp_path, bmc.address, receiver=OURS, stream=False) as fleet,
    ):
        await fleet.open()
        (ours,) = bmc.subscriptions
        bmc.subscriptions[ours] = resource(ours, "EventDestination", Destination="https://them/x", Context="them")
        await fleet.store.fleet.remove_device("web-01")
        await fleet.let_pass(10)
        await fleet.until(lambda: not bmc.tokens)
        assert list(bmc.subscriptions) == [ours]


@pytest.mark.parametrize("stream", [False, True])
async def test_without_a_receiver_or_beside_a_stream_no_subscription_of_ours_is_left(tmp_path, stream):
    async with serving(Bmc()) as bmc:
        async with service(tmp_path, bmc.address, receiver=OURS, stream=False) as fleet:
            await fleet.open()
            assert len(bmc.subscriptions) == 1
            clock = fleet.clock
        async with service(tmp_path, bmc.address, clock, stream=stream) as fleet:
            await fleet.let_pass(70)
            await fleet.until(lambda: not bmc.subscriptions)


async def test_a_refusal_that_repeats_our_token_is_told_without_it(tmp_path, capfd):
    bmc = Bmc(stream=False)
    bmc.refuse = lambda draft: refused(400, f"The value '{draft['Destination']}' is not valid")
    async with serving(bmc), service(tmp_path, bmc.address, receiver=OURS, stream=False) as fleet:
        await fleet.let_pass(10)
        row = await fleet.store.pushes.of_device("web-01")
        assert row is not None
        assert f"The value '{OURS}/…' is not valid" in row.reason
        assert f"{OURS}/web-01" not in "".join(capfd.readouterr())


class Chatty(Bmc):
    """Writes an entry of its log, and tells it, for every login of ours, as an iDRAC's Lifecycle log does."""

    def __init__(self) -> None:
        super().__init__()
        self.entries = 3

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/Sessions"):
            self.entries += 1
            self.log(self.entries)
            self.tell(self.entries, linked=True)
        return await super().serve(request)


async def test_F56_entries_about_our_own_logins_are_events_and_neither_a_gap_nor_a_reason_to_log_in_again(tmp_path):
    async with serving(Chatty()) as bmc, service(tmp_path, bmc.address) as fleet:
        await fleet.open()
        await fleet.let_pass(15)
        for logins in range(2, 5):
            bmc.tokens.clear()  # the BMC has ended our session
            await fleet.let_pass(310, step=5)
            assert bmc.asked["POST /redfish/v1/SessionService/Sessions"] == logins
        assert await fleet.told() == [f"event {n}" for n in range(1, bmc.entries + 1)]
        assert not any(event.message_id == "Fleetmon.LogGap" for event in await fleet.events())
