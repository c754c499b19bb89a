"""Event streams and subscriptions of the emulator, by DSP0266, as a plain client meets them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.emulator_client import Client, client_of

SUBSCRIPTIONS = "/redfish/v1/EventService/Subscriptions"
TEST_EVENT = "/redfish/v1/EventService/Actions/EventService.SubmitTestEvent"
SOON = 3.0
"""Real seconds within which what must come has come."""


class Listener:
    """One open stream, read block by block."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def block(self) -> dict[str, str]:
        """The next block: its fields, a comment under the name of nothing."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(SOON):
            while line := (await self.response.content.readline()).decode("latin-1").rstrip("\n"):
                name, _, value = line.partition(": ")
                fields[name.rstrip(":")] = value
        return fields

    async def event(self) -> tuple[int, dict[str, Any]]:
        """Number and payload of the next block, which must be an event."""
        block = await self.block()
        return int(block["id"]), json.loads(block["data"])

    async def record(self) -> dict[str, Any]:
        """The one record of the next event."""
        return dict((await self.event())[1]["Events"][0])


@contextlib.asynccontextmanager
async def listening(
    client: Client, machine: str = "web-01", target: str = "", **headers: str
) -> AsyncIterator[Listener]:
    """A stream of a machine, on the address that its EventService gives."""
    service = await client.get(machine, "/redfish/v1/EventService")
    address = client.fleet.address(machine) + service["ServerSentEventUri"] + target
    async with client.http.get(address, headers=client.basic | headers) as response:
        assert response.status == 200, await response.text()
        yield Listener(response)


async def strike(client: Client, **fault: Any) -> str:
    """Sets a fault over the control API; its id."""
    status, answer = await client.control("POST", "/faults", fault)
    assert status == 201, answer
    return str(answer["id"])


def whats(client: Client, machine: str = "web-01") -> list[str]:
    """What the ledger has of push, in order."""
    rows = client.fleet.ledger.since(0, machine=machine, requests=False)
    return [row["what"] for row in rows if row["what"].startswith(("stream", "subscription", "delivery"))]


# ---- streams ----


async def test_what_is_logged_is_heard_once_and_names_its_entry() -> None:
    async with client_of() as client, listening(client) as stream:
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        await strike(client, machine="web-01", fault="predict_drive", bay=1)
        number, payload = await stream.event()
        (record,) = payload["Events"]
        assert (payload["Id"], record["MessageId"]) == (str(number), "StorageDevice.1.1.DrivePredictiveFailure")
        entry = await client.get("web-01", record["LogEntry"]["@odata.id"])
        same = ("Message", "MessageId", "MessageArgs", "Severity")
        assert {name: record[name] for name in same} == {name: entry[name] for name in same}
        assert record["EventTimestamp"] == entry["Created"]
        assert record["OriginOfCondition"]["@odata.id"].endswith("Drives/Bay.1")
        status = await stream.record()
        assert (status["EventType"], status["MessageId"]) == (
            "StatusChange",
            "ResourceEvent.1.3.ResourceStatusChangedWarning",
        )
        await client.login("web-01")
        assert (await stream.record())["MessageId"] == "Platform.1.0.SessionOpened"


async def test_a_stream_is_a_subscription_while_it_holds_and_deleting_that_ends_it() -> None:
    async with client_of() as client, listening(client) as stream:
        (member,) = (await client.get("web-01", SUBSCRIPTIONS))["Members"]
        assert (await client.get("web-01", member["@odata.id"]))["SubscriptionType"] == "SSE"
        assert (await client.ask("web-01", member["@odata.id"], method="DELETE"))[0] == 204
        assert await stream.response.content.read() == b""
        assert (await client.get("web-01", SUBSCRIPTIONS))["Members"] == []
        assert whats(client) == ["stream_opened", "stream_closed"]


async def test_one_stream_too_many_is_refused_and_noted_until_another_ends() -> None:
    async with client_of() as client:
        async with listening(client) as first, listening(client):
            address = str(first.response.url)
            async with client.http.get(address, headers=client.basic) as third:
                assert third.status == 503
                told = (await third.json())["error"]["@Message.ExtendedInfo"][0]["MessageId"]
                assert told.endswith("EventSubscriptionLimitExceeded")
            row = next(
                row for row in (await client.control("GET", "/traffic"))[1]["items"] if row["machine"] == "web-01"
            )
            assert (row["streams"], row["most_streams"], row["in_flight"]) == (2, 2, 0)
        await asyncio.sleep(0.05)
        async with listening(client):
            assert whats(client).count("stream_full") == 1


async def test_a_client_that_comes_back_hears_what_it_missed() -> None:
    async with client_of() as client:
        async with listening(client) as stream:
            await strike(client, machine="web-01", fault="predict_drive", bay=1)
            number, _ = await stream.event()
        await strike(client, machine="web-01", fault="fail_fan")
        async with listening(client, **{"Last-Event-ID": str(number)}) as again:
            missed = [await again.event() for _ in range(3)]
            assert [n for n, _ in missed] == [number + 1, number + 2, number + 3]
            assert missed[1][1]["Events"][0]["MessageId"] == "Environmental.1.0.FanFailed"


async def test_numbers_begin_again_after_the_bmc_restarted() -> None:
    async with client_of() as client:
        async with listening(client) as stream:
            await strike(client, machine="web-01", fault="predict_drive", bay=1)
            await stream.event()
            await strike(client, machine="web-01", fault="reset_bmc", seconds=60)
            with contextlib.suppress(aiohttp.ClientError):
                await stream.response.content.read()
        client.fleet.advance(61)
        await client.fleet.bmc("web-01").listening()
        async with listening(client, **{"Last-Event-ID": "1"}) as again:
            await strike(client, machine="web-01", fault="fail_fan")
            assert (await again.event())[0] >= 2


@pytest.mark.parametrize(
    ("condition", "heard"),
    [
        ("RegistryPrefix eq 'Environmental'", "FanFailed"),
        ("EventFormatType eq Event and not (EventType ne StatusChange)", "ResourceStatusChangedCritical"),
        ("ResourceType eq 'Fan' or MessageId eq 'No.1.0.Such'", "FanFailed"),
        ("OriginResource eq '/redfish/v1/Systems/System.1'", "ResourceStatusChangedCritical"),
    ],
)
async def test_a_filter_lets_through_what_it_says(condition: str, heard: str) -> None:
    async with client_of() as client, listening(client, target=f"?$filter={condition}") as stream:
        await client.login("web-01")
        await strike(client, machine="web-01", fault="fail_fan")
        assert (await stream.record())["MessageId"].rpartition(".")[2] == heard


@pytest.mark.parametrize("condition", ["EventType", "Weather eq 'fine'", "(EventType eq 'Alert'", "EventType lt 'A'"])
async def test_a_filter_that_means_nothing_is_refused(condition: str) -> None:
    async with client_of("one_server") as client:
        assert (await client.ask("web-01", f"/redfish/v1/SSE?$filter={condition}"))[0] == 400


async def test_a_silent_stream_has_a_comment_every_minute_and_firmware_with_reports_sends_them() -> None:
    async with client_of() as client, listening(client) as plain, listening(client, "gpu-01") as telling:
        client.fleet.advance(60)
        assert await plain.block() == {"": "still here"}
        blocks = [await telling.block(), await telling.block()]
        report = json.loads(next(block for block in blocks if "data" in block)["data"])
        assert report["@odata.type"].startswith("#MetricReport.")
        assert len(report["MetricValues"]) > 20


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    async with client_of("one_server") as client:
        async with listening(client):
            (stream,) = client.fleet.bmc("web-01").push.streams.values()
            for _ in range(12):
                stream.push(b"x" * (1 << 20))
        assert "stream_overrun" in whats(client)


async def test_old_firmware_has_no_stream() -> None:
    async with client_of() as client:
        assert "ServerSentEventUri" not in await client.get("store-01", "/redfish/v1/EventService")
        assert (await client.ask("store-01", "/redfish/v1/EventService/SSE"))[0] == 404


# ---- faults of streams ----


async def test_a_silent_stream_is_taken_and_says_nothing() -> None:
    async with client_of() as client, listening(client) as stream:
        fault = await strike(client, machine="web-01", fault={"silent_stream": True})
        await strike(client, machine="web-01", fault="fail_fan")
        client.fleet.advance(600)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.response.content.readline(), 0.1)
        assert (await client.control("DELETE", f"/faults/{fault}"))[0] == 200
        await strike(client, machine="web-01", fault="predict_drive", bay=1)
        assert (await stream.record())["MessageId"].endswith("DrivePredictiveFailure")


@pytest.mark.parametrize("fault", [{"machine": "web-01", "fault": "hang_bmc"}, {"site": "lab", "fault": "lose_site"}])
async def test_a_bmc_that_hangs_says_nothing_on_its_streams_either(fault: dict[str, Any]) -> None:
    async with client_of() as client, listening(client) as stream:
        await strike(client, **fault | ({"site": client.fleet.fleet.plant.plan.sites[0]} if "site" in fault else {}))
        await strike(client, machine="web-01", fault="predict_drive", bay=1)
        client.fleet.advance(600)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.response.content.readline(), 0.1)


@pytest.mark.parametrize("how", ["cut", "end"])
async def test_dropped_streams_break_off_or_end(how: str) -> None:
    async with client_of("one_server") as client, listening(client) as stream:
        await strike(client, machine="web-01", fault={"drop_stream": how})
        if how == "end":
            assert await stream.response.content.read() == b""
        else:
            with pytest.raises(aiohttp.ClientError):
                await stream.response.content.read()
        assert whats(client) == ["stream_opened", "stream_closed"]


async def test_a_flood_is_in_no_log() -> None:
    async with client_of("one_server") as client, listening(client) as stream:
        before = len(client.fleet.machine("web-01").logs["lifecycle"].entries)
        await strike(client, machine="web-01", fault={"flood_stream": 2_000})
        numbers = [(await stream.event())[0] for _ in range(2_000)]
        assert numbers == list(range(1, 2_001))
        assert len(client.fleet.machine("web-01").logs["lifecycle"].entries) == before


@pytest.mark.parametrize("how", ["truncated", "binary", "array", "empty", "deep", "no_id"])
async def test_a_garbled_event_is_what_it_was_asked_to_be(how: str) -> None:
    async with client_of("one_server") as client, listening(client) as stream:
        await strike(client, machine="web-01", fault={"garble_stream": how})
        await strike(client, machine="web-01", fault="predict_drive", bay=0)
        stream.response.content._high_water = 1 << 22  # long lines are the point
        block = await stream.block()
        match how:
            case "array":
                assert isinstance(json.loads(block["data"]), list)
            case "empty":
                assert block["data"] == ""
            case "no_id":
                assert "id" not in block
            case _:
                with pytest.raises((ValueError, RecursionError)):
                    json.loads(block["data"])


async def test_events_come_twice_late_or_never_and_the_log_has_each_once() -> None:
    async with client_of("one_server") as client, listening(client) as stream:
        twice = await strike(client, machine="web-01", fault={"duplicate_event": 1})
        await strike(client, machine="web-01", fault="predict_drive", bay=0)
        first, second = await stream.event(), await stream.event()
        assert first == second
        await stream.event(), await stream.event()  # the status change, twice too
        await client.control("DELETE", f"/faults/{twice}")
        late = await strike(client, machine="web-01", fault={"late_event": 30})
        await strike(client, machine="web-01", fault="fail_fan")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.response.content.readline(), 0.1)
        client.fleet.advance(31)
        assert (await stream.record())["MessageId"].endswith("FanFailed")
        await stream.event()
        await client.control("DELETE", f"/faults/{late}")
        never = await strike(client, machine="web-01", fault={"lose_event": 1})
        await strike(client, machine="web-01", fault="predict_drive", bay=1)
        faults = (await client.control("GET", "/faults"))[1]["items"]
        assert next(fault for fault in faults if fault["id"] == never)["fired"] == 1
        told = [e.message_id for e in client.fleet.machine("web-01").logs["event"].entries]
        assert told.count("StorageDevice.1.1.DrivePredictiveFailure") == 2


# ---- subscriptions ----


class Receiver:
    """An HTTP server on loopback that keeps what is posted to it."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[tuple[dict[str, str], Any]] = asyncio.Queue()
        self.status = 204
        self.address = ""

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Takes a delivery."""
        self.got.put_nowait((dict(request.headers), await request.json()))
        return web.Response(status=self.status)

    async def next(self) -> tuple[dict[str, str], Any]:
        """Headers and payload of the next delivery."""
        return await asyncio.wait_for(self.got.get(), SOON)


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver that answers 204."""
    receiver = Receiver()
    runner = web.ServerRunner(web.Server(receiver.answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.address = f"http://127.0.0.1:{runner.addresses[0][1]}/events/token"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def subscribe(client: Client, destination: str, machine: str = "web-01", **more: Any) -> tuple[int, Any, str]:
    """Status, document and Location of a wish to be told."""
    body = {"Destination": destination, "Protocol": "Redfish", "Context": "ours"} | more
    status, document, headers = await client.ask(machine, SUBSCRIPTIONS, method="POST", body=body)
    return status, document, headers.get("Location", "")


async def test_a_subscription_is_delivered_with_its_context_and_its_headers() -> None:
    async with client_of() as client, receiving() as receiver:
        status, document, path = await subscribe(client, receiver.address, HttpHeaders=[{"X-Ours": "yes"}])
        assert (status, document["Context"], document["HttpHeaders"]) == (201, "ours", [])
        await strike(client, machine="web-01", fault="fail_fan")
        headers, payload = await receiver.next()
        assert (headers["X-Ours"], payload["Context"]) == ("yes", "ours")
        assert payload["Events"][0]["MessageId"] == "Environmental.1.0.FanFailed"
        assert (await client.ask("web-01", path, method="DELETE"))[0] == 204
        assert (await client.ask("web-01", path))[0] == 404
        told = whats(client)
        assert (told[0], told.count("subscription_deleted")) == ("subscription_created", 1)


async def test_a_test_event_comes_to_streams_and_subscriptions() -> None:
    async with client_of() as client, receiving() as receiver, listening(client) as stream:
        await subscribe(client, receiver.address)
        body = {"MessageId": "Ours.1.0.Hello", "OriginOfCondition": "/redfish/v1/Systems/System.1"}
        assert (await client.ask("web-01", TEST_EVENT, method="POST", body=body))[0] == 204
        assert (await stream.record())["MessageId"] == "Ours.1.0.Hello"
        (record,) = (await receiver.next())[1]["Events"]
        assert record["OriginOfCondition"] == {"@odata.id": "/redfish/v1/Systems/System.1"}
        assert (await client.ask("web-01", TEST_EVENT, method="POST", body={}))[0] == 400


@pytest.mark.parametrize(
    ("wish", "heard"),
    [
        ({"RegistryPrefixes": ["Environmental"]}, "FanFailed"),
        ({"EventTypes": ["StatusChange"]}, "ResourceStatusChangedCritical"),
        ({"ResourceTypes": ["Fan"]}, "FanFailed"),
        ({"MessageIds": ["ResourceEvent.1.3.ResourceStatusChangedCritical"]}, "ResourceStatusChangedCritical"),
        ({"OriginResources": [{"@odata.id": "/redfish/v1/Chassis"}], "SubordinateResources": True}, "FanFailed"),
    ],
)
async def test_a_subscription_hears_what_it_asked_for(wish: dict[str, Any], heard: str) -> None:
    async with client_of() as client, receiving() as receiver:
        await subscribe(client, receiver.address, **wish)
        await client.login("web-01")
        await strike(client, machine="web-01", fault="fail_fan")
        (record,) = (await receiver.next())[1]["Events"]
        assert record["MessageId"].rpartition(".")[2] == heard


@pytest.mark.parametrize(
    ("policy", "state"),
    [("TerminateAfterRetries", "gone"), ("SuspendRetries", "Disabled"), ("RetryForever", "Enabled")],
)
async def test_a_receiver_that_refuses_is_tried_again_and_then_as_the_policy_says(policy: str, state: str) -> None:
    async with client_of() as client, receiving() as receiver:
        receiver.status = 500
        _, _, path = await subscribe(client, receiver.address, DeliveryRetryPolicy=policy, EventTypes=["StatusChange"])
        await strike(client, machine="web-01", fault="fail_fan")
        for _ in range(4):
            await receiver.next()
            await asyncio.sleep(0.02)
            client.fleet.advance(31)
        await asyncio.sleep(0.05)
        status, document, _ = await client.ask("web-01", path)
        assert (document["Status"]["State"] if status == 200 else "gone") == state
        assert whats(client).count("delivery_failed") >= 4


async def test_a_destination_off_loopback_is_kept_and_never_asked() -> None:
    async with client_of("one_server") as client:
        assert (await subscribe(client, "https://192.0.2.7/events"))[0] == 201
        await strike(client, machine="web-01", fault="predict_drive", bay=0)
        await asyncio.sleep(0.05)
        row = next(row for row in client.fleet.ledger.since(0, what="delivery_failed"))
        assert "loopback" in row["result"]


@pytest.mark.parametrize(
    ("machine", "wish", "status"),
    [
        ("web-01", {"Protocol": "FTP"}, 400),
        ("web-01", {"Destination": "ftp://127.0.0.1/x"}, 400),
        ("web-01", {"Weather": "fine"}, 400),
        ("web-01", {"EventTypes": "Alert"}, 400),
        ("store-01", {"HttpHeaders": [{"X-Ours": "yes"}]}, 400),
        ("store-01", {}, 201),
    ],
)
async def test_a_subscription_that_cannot_be_is_refused(machine: str, wish: dict[str, Any], status: int) -> None:
    async with client_of() as client:
        destination = wish.pop("Destination", "https://127.0.0.1:9/x")
        assert (await subscribe(client, destination, machine, **wish))[0] == status


async def test_there_is_room_for_so_many_subscriptions_and_no_more() -> None:
    async with client_of() as client:
        statuses = [(await subscribe(client, "https://127.0.0.1:9/x", "store-01"))[0] for _ in range(9)]
        assert statuses == [201] * 8 + [503]


@pytest.mark.parametrize(("machine", "left"), [("web-01", 1), ("ci-01", 0)])
async def test_some_firmware_forgets_its_subscriptions_when_the_bmc_restarts(machine: str, left: int) -> None:
    async with client_of() as client:
        await subscribe(client, "https://127.0.0.1:9/x", machine)
        await strike(client, machine=machine, fault="reset_bmc", seconds=60)
        client.fleet.advance(61)
        await client.fleet.bmc(machine).listening()
        assert len((await client.get(machine, SUBSCRIPTIONS))["Members"]) == left


async def test_dropped_subscriptions_vanish_without_a_word() -> None:
    async with client_of("one_server") as client:
        await subscribe(client, "https://127.0.0.1:9/x")
        await strike(client, machine="web-01", fault="F58")
        assert (await client.get("web-01", SUBSCRIPTIONS))["Members"] == []
        row = client.fleet.ledger.since(0, what="subscription_deleted")[0]
        assert (row["by"], row["context"]) == ("fault", "ours")


async def test_a_service_that_is_switched_off_says_nothing() -> None:
    async with client_of("one_server") as client:
        service = "/redfish/v1/EventService"
        assert (await client.ask("web-01", service, method="PATCH", body={"ServiceEnabled": False}))[0] == 200
        assert (await client.ask("web-01", "/redfish/v1/SSE"))[0] == 503
        assert (await client.ask("web-01", service, method="PATCH", body={"DeliveryRetryAttempts": 99}))[0] == 400


# ---- how firmware differs ----


async def test_some_firmware_prints_its_events_prettily_and_comments_in_its_own_words() -> None:
    async with client_of("vendors") as client, listening(client, "lenovo-xcc-01") as stream:
        client.fleet.advance(60)
        assert await stream.response.content.readline() == b": stream keep-alive\n"
        await stream.response.content.readline()
        await strike(client, machine="lenovo-xcc-01", fault="fail_fan")
        lines = []
        while line := (await stream.response.content.readline()).rstrip(b"\n"):
            lines.append(line)
        assert lines[0] == b"id:1"
        assert len(lines) > 10
        payload = json.loads(b"\n".join(line.removeprefix(b"data:") for line in lines[1:]))
        assert payload["Events"][0]["Severity"] == "Critical"


async def test_some_firmware_ends_a_stream_on_which_nothing_happened_for_an_hour() -> None:
    async with client_of("vendors") as client, listening(client, "dell-idrac9-01") as stream:
        client.fleet.advance(3_500)
        assert client.fleet.bmc("dell-idrac9-01").tally.streams.now == 1
        client.fleet.advance(200)
        assert b"data" not in await stream.response.content.read()
        assert client.fleet.bmc("dell-idrac9-01").tally.streams.now == 0


async def test_one_stream_too_many_is_a_bad_request_to_some_firmware() -> None:
    async with client_of("vendors") as client, contextlib.AsyncExitStack() as streams:
        for _ in range(10):
            await streams.enter_async_context(listening(client, "openbmc-01"))
        status, *_ = await client.ask("openbmc-01", "/redfish/v1/EventService/SSE")
        assert status == 400


@pytest.mark.parametrize(
    ("machine", "wish", "status"),
    [
        ("openbmc-01", {"EventTypes": ["Alert"]}, 400),
        ("openbmc-01", {"RegistryPrefixes": ["OpenBMC"]}, 201),
        ("hpe-ilo5-01", {"RegistryPrefixes": ["iLOEvents"]}, 400),
        ("hpe-ilo5-01", {"EventTypes": ["Alert"]}, 201),
        ("hpe-ilo6-01", {"EventTypes": ["Alert"]}, 400),
    ],
)
async def test_old_firmware_goes_by_event_types_and_new_by_registries(
    machine: str, wish: dict[str, Any], status: int
) -> None:
    async with client_of("vendors") as client:
        assert (await subscribe(client, "https://127.0.0.1:9/x", machine, **wish))[0] == status
        service = await client.get(machine, "/redfish/v1/EventService")
        listed = {"EventTypes": "EventTypesForSubscription"}
        assert all((listed.get(name, name) in service) is (status == 201) for name in wish)


@pytest.mark.parametrize(
    ("machine", "prefix", "log"),
    [
        ("dell-idrac9-01", "IDRAC.", "/Lclog/"),
        ("openbmc-01", "OpenBMC.", "/EventLog/"),
        ("web-01", "Environmental.", "/SEL/"),
    ],
)
async def test_an_event_speaks_as_the_log_does_that_this_firmware_tells_of(machine: str, prefix: str, log: str) -> None:
    async with (
        client_of("one_rack" if machine == "web-01" else "vendors") as client,
        listening(client, machine) as stream,
    ):
        await strike(client, machine=machine, fault="fail_fan")
        record = await stream.record()
        assert record["MessageId"].startswith(prefix)
        assert log in record["LogEntry"]["@odata.id"]
        entry = await client.get(machine, record["LogEntry"]["@odata.id"])
        assert (entry["MessageId"], entry["Message"]) == (record["MessageId"], record["Message"])


async def test_an_event_has_a_message_id_even_where_the_log_entry_has_none() -> None:
    async with client_of("vendors") as client, receiving() as receiver:
        wish = {"RegistryPrefixes": ["iLOEvents"]}
        assert (await subscribe(client, receiver.address, "hpe-ilo6-01", **wish))[0] == 201
        await strike(client, machine="hpe-ilo6-01", fault="fail_fan")
        (record,) = (await receiver.next())[1]["Events"]
        assert record["MessageId"] == "iLOEvents.1.0.FanFailed"
