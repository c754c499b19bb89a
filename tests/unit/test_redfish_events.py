"""A device's own stream and our one subscription: what is asked, what is understood, what is left alone."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
import pytest
from aiohttp import web

from fleetmon.drivers.base import Request
from fleetmon.drivers.redfish import stream
from fleetmon.drivers.redfish.driver import RedfishDriver
from fleetmon.drivers.redfish.parse import events
from fleetmon.drivers.redfish.subscriptions import drafts
from fleetmon.drivers.telling import TellsItself, Wish
from fleetmon.errors import AccessDenied, Busy, DeviceError, Garbled, Unsupported
from fleetmon.model import Aspect, Health, Pushed
from tests.push_service import SUBSCRIPTIONS, Bmc, driver_of, event_of, refused, serving
from tests.redfish_service import Json, resource

OURS = "https://monitor:8481/push"
WISH = Wish(
    destination=f"{OURS}/t0ken", context="fleetmon-ab12:web-01", receiver=OURS, installation="fleetmon-ab12"
)  # fmt: skip


@contextlib.asynccontextmanager
async def driven(bmc: Bmc, *, walk: bool = False) -> AsyncIterator[RedfishDriver]:
    async with serving(bmc):
        driver = driver_of(bmc.address)
        try:
            if walk:
                await driver.observe(Request(aspects=frozenset(Aspect)))
            yield driver
        finally:
            await driver.close()


async def first(driver: RedfishDriver, count: int, after: str = "") -> list[Pushed]:
    """The first messages that are more than a sign of life, after the opening."""
    told: list[Pushed] = []
    async with contextlib.aclosing(driver.telling.listen(after)) as listening:
        async for pushed in listening:
            if pushed != Pushed():
                told.append(pushed)
            if len(told) == count:
                break
    return told


async def until(holds) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


# ---- the stream -------------------------------------------------------------------------------------------------


async def test_a_stream_goes_over_the_login_of_the_polls_and_is_closed_when_nobody_listens():
    bmc = Bmc()
    bmc.sent = [b": hello\n\n", event_of(4, event_id="e4")]
    async with driven(bmc, walk=True) as driver:
        assert isinstance(driver, TellsItself)
        assert await driver.telling.stream_offered()
        (pushed,) = await first(driver, 1)
        await until(lambda: not bmc.streams)
        assert bmc.opened[0]["X-Auth-Token"] in bmc.tokens
        assert bmc.opened[0]["Accept"] == "text/event-stream"
        assert bmc.asked["POST /redfish/v1/SessionService/Sessions"] == 1
    record = pushed.records[0].record
    assert (pushed.event_id, record.message, record.severity) == ("e4", "event 4", Health.WARNING)
    assert pushed.due == {Aspect.HEARTBEAT, Aspect.COMPONENTS}
    assert bmc.tokens == set()


async def test_the_last_event_is_told_when_the_stream_is_opened_again():
    bmc = Bmc()
    bmc.sent = [event_of(5, event_id="e5")]
    async with driven(bmc) as driver:
        await first(driver, 1, after="e4")
        await first(driver, 1, after="né\x7f")
    assert [headers.get("Last-Event-ID") for headers in bmc.opened] == ["e4", None]


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (web.Response(status=503), Busy),
        (web.Response(status=400), Busy),
        (web.Response(status=401), AccessDenied),
        (web.Response(status=404), Unsupported),
        (web.Response(status=307, headers={"Location": "https://elsewhere/"}), Unsupported),
        (web.Response(status=200, text="<html>", content_type="text/html"), Unsupported),
    ],
    ids=["503", "400", "401", "404", "307", "HTML"],
)
async def test_a_head_that_begins_no_stream_is_told_as_what_it_is(head, error):
    bmc = Bmc()
    bmc.head = head
    async with driven(bmc) as driver:
        with pytest.raises(error):
            await first(driver, 1)


async def test_a_stream_whose_head_is_slow_does_not_hold_the_lane(monkeypatch):
    monkeypatch.setattr(stream, "TURN", 0.05)
    bmc = Bmc()
    bmc.silent_head = True
    async with driven(bmc, walk=True) as driver:
        listening = asyncio.ensure_future(first(driver, 1))
        await until(lambda: bmc.streams)
        observation = await driver.observe(Request(aspects=frozenset({Aspect.HEARTBEAT})))
        assert observation.answered == {Aspect.HEARTBEAT}
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
        await until(lambda: not bmc.streams)


async def test_a_stream_that_the_device_ends_ends_for_who_listens():
    bmc = Bmc()
    async with driven(bmc) as driver:
        listening = driver.telling.listen("")
        assert await anext(listening) == Pushed()
        bmc.hang_up()
        with pytest.raises((StopAsyncIteration, DeviceError)):
            await anext(listening)


async def test_S8_a_hostile_stream_costs_its_caps_and_the_log_is_looked_at_instead(monkeypatch):
    """An endless line, JSON nested without end, an array, binary rubbish: nothing is taken, everything is told."""
    monkeypatch.setattr(stream, "NAP", 0.0)
    bmc = Bmc()
    deep = b"data: " + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n\n"
    bmc.sent = [b"data: " + b"x" * 3_000_000 + b"\n\n", deep, b"data: [1]\n\n", b"data: \xff\xfe\0\n\n", event_of(4)]
    async with driven(bmc) as driver:
        tracemalloc.start()
        try:
            told = await first(driver, 5)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert sum(pushed.lost for pushed in told) == 4
    assert [len(pushed.records) for pushed in told] == [0, 0, 0, 0, 1]
    assert peak < 24e6


async def test_S8_a_stream_that_floods_is_closed(monkeypatch):
    monkeypatch.setattr(stream, "NAP", 0.0)
    bmc = Bmc()
    bmc.sent = [b"".join(event_of(n, event_id=f"{n}") for n in range(7000))]
    taken = [0]

    async def take(driver: RedfishDriver) -> None:
        async with contextlib.aclosing(driver.telling.listen("")) as listening:
            async for pushed in listening:
                taken[0] += len(pushed.records)

    async with driven(bmc) as driver:
        with pytest.raises(Garbled, match="more than 5000 events"):
            await take(driver)
        await until(lambda: not bmc.streams)
    assert taken == [500]


async def test_a_service_that_is_off_or_offers_nothing_is_told():
    async with driven(Bmc(stream=False, ServiceEnabled=False)) as driver:
        with pytest.raises(Unsupported, match="switched off"):
            await driver.telling.stream_offered()
    async with driven(Bmc(ServiceEnabled=False)) as driver:
        assert await driver.telling.stream_offered()
    async with driven(Bmc(stream=False, subscriptions=False)) as driver:
        with pytest.raises(Unsupported, match="offers no push"):
            await driver.telling.stream_offered()
    async with driven(Bmc(stream=False)) as driver:
        assert not await driver.telling.stream_offered()


# ---- what events say --------------------------------------------------------------------------------------------


def records(*entries: Json, **body: object):
    return list(events.records({"Events": list(entries), **body}, "7", {}))


def test_one_record_alone_and_a_record_without_ids_are_understood():
    alone = {
        "EventType": "Alert",
        "Severity": "Critical",
        "Message": "PSU 1 failed",
        "OriginOfCondition": "/redfish/v1/x",
    }
    (one,) = events.records(alone, "7", {})
    assert (one.record.record_id, one.record.source, one.record.message) == ("7", "/redfish/v1/x", "PSU 1 failed")
    (other,) = events.records(alone, "8", {})
    assert one.key != other.key


def test_a_message_without_words_is_told_by_its_id_and_arguments():
    (one,) = records({"MessageId": "IDRAC.2.8.PSU0003", "MessageArgs": ["PSU 1", 3], "EventType": "Alert"})
    assert one.record.message == "IDRAC.2.8.PSU0003: PSU 1, 3"
    assert one.arguments == ("PSU 1", "3")


def test_an_origin_that_is_a_log_entry_is_the_entry():
    entry = "/redfish/v1/Systems/1/LogServices/IML/Entries/12"
    (one,) = records({"MessageId": "x.1.0.y", "OriginOfCondition": {"@odata.id": entry}})
    assert (one.link, one.record.record_id) == (entry, "12")


@pytest.mark.parametrize(
    "entry",
    [
        {"MessageId": "HeartbeatEvent.1.0.RedfishServiceFunctional", "Severity": "OK"},
        {"MessageId": "ResourceEvent.1.3.ResourceChanged", "MessageSeverity": "OK"},
        {"MessageId": "ResourceEvent.1.3.ResourceStatusChangedCritical", "MessageSeverity": "Critical"},
        {"EventType": "ResourceUpdated", "Message": "changed"},
        {"Severity": "OK"},
        {},
    ],
)
def test_what_is_no_event_of_hardware_is_not_kept(entry):
    assert records(entry) == []


@pytest.mark.parametrize(
    ("entry", "due"),
    [
        ({"MessageId": "HeartbeatEvent.1.0.RedfishServiceFunctional"}, set()),
        ({"EventType": "StatusChange", "OriginOfCondition": "/redfish/v1/Systems/1"}, {Aspect.HEARTBEAT}),
        ({"EventType": "ResourceUpdated", "OriginOfCondition": "/redfish/v1/Chassis/1/Sensors/T1"}, {Aspect.SENSORS}),
        ({"EventType": "ResourceAdded", "OriginOfCondition": "/redfish/v1/SessionService/Sessions/9"}, set()),
        (
            {
                "EventType": "ResourceRemoved",
                "OriginOfCondition": {"@odata.id": "/redfish/v1/Systems/1/Storage/1/Drives/2"},
            },
            {Aspect.HEARTBEAT, Aspect.COMPONENTS},
        ),
        ({"MessageSeverity": "Critical", "MessageId": "a.1.0.b"}, {Aspect.HEARTBEAT, Aspect.COMPONENTS}),
    ],
)
def test_an_event_is_a_reason_to_look_at_what_it_can_have_changed(entry, due):
    assert events.due({"Events": [entry]}) == due


def test_an_event_of_any_shape_raises_nothing():
    odd = [
        None,
        1,
        "x",
        [],
        {"OriginOfCondition": 5, "MessageArgs": "a", "LogEntry": [], "Severity": {}, "EventId": []},
    ]
    for value in odd:
        body = {"Events": value, "MessageId": value}
        assert isinstance(list(events.records(body, "", {})), list)
        assert isinstance(events.hinted(body), frozenset)
    assert isinstance(list(events.records({"Events": odd}, "", {})), list)


async def test_a_report_that_polls_read_brings_readings_without_a_request():
    report = "/redfish/v1/TelemetryService/MetricReports/All"
    bmc = Bmc()
    async with driven(bmc, walk=True) as driver:
        known = driver._known
        known.plan = replace(known.plan, reports=(report,), sources=(report,), singles=())
        sensor = next(one for one in known.plan.catalog.sensors if one.name == "Temp 1")
        values = [{"MetricProperty": sensor.source, "MetricValue": "31.5"}]
        body = {**resource(report, "MetricReport"), "MetricValues": values}
        bmc.sent = [
            b"id: 9\ndata: " + orjson.dumps(body) + b"\n\n",
            b"data: " + orjson.dumps({**body, "@odata.id": "/x"}) + b"\n\n" + event_of(1),
        ]
        first_told, second = await first(driver, 2)
    assert first_told.observation is not None
    assert [(one.sensor.name, one.value) for one in first_told.observation.readings] == [("Temp 1", 31.5)]
    assert (first_told.observation.answered, first_told.observation.requests) == ({Aspect.SENSORS}, 0)
    assert second.observation is None


# ---- our subscription -------------------------------------------------------------------------------------------


async def test_a_subscription_is_made_once_and_found_again():
    bmc = Bmc(stream=False, EventFormatTypes=["Event", "MetricReport"], RegistryPrefixes=["Base", "Fans"])
    async with driven(bmc) as driver:
        made = await driver.telling.subscribe(WISH, "")
        assert made.made
        again = await driver.telling.subscribe(WISH, made.path)
        unknown = await driver.telling.subscribe(WISH, "")
    assert (again.path, again.made, unknown.path, unknown.made) == (made.path, False, made.path, False)
    (draft,) = bmc.drafts
    assert draft["Destination"] == WISH.destination
    assert (draft["Protocol"], draft["Context"], draft["EventFormatType"]) == ("Redfish", WISH.context, "Event")
    assert "RegistryPrefixes" not in draft


async def test_F58_a_subscription_that_is_gone_is_made_again():
    bmc = Bmc(stream=False)
    async with driven(bmc) as driver:
        made = await driver.telling.subscribe(WISH, "")
        bmc.reset()
        again = await driver.telling.subscribe(WISH, made.path)
    assert again.made
    assert len(bmc.subscriptions) == 1


async def test_ours_of_before_are_pruned_and_those_of_others_are_never_touched():
    bmc = Bmc(stream=False)
    rows = {
        "stale-token": {"Destination": f"{OURS}/0ld", "Context": "fleetmon-0000:web-01"},
        "stale-url": {"Destination": "https://earlier/push/t", "Context": "fleetmon-ab12:web-01"},
        "suspended": {"Destination": WISH.destination, "Context": WISH.context, "Status": {"State": "Disabled"}},
        "other-fleetmon": {"Destination": "https://other:8481/push/t0ken", "Context": "fleetmon-ffff:web-01"},
        "near-miss": {"Destination": f"{OURS}er/t0ken", "Context": "fleetmon-ab12x"},
        "ome": {"Destination": "https://ome.example/redfish", "Context": "OME"},
        "odd": {"Destination": None, "Context": 7, "Protocol": "SNMPv2c"},
    }
    for name, body in rows.items():
        path = f"{SUBSCRIPTIONS}/{name}"
        bmc.subscriptions[path] = resource(path, "EventDestination", **body)
    async with driven(bmc) as driver:
        made = await driver.telling.subscribe(WISH, "")
    assert made.pruned == 3
    assert [path.rpartition("/")[2] for path in bmc.subscriptions if path != made.path] == [
        "other-fleetmon", "near-miss", "ome", "odd",
    ]  # fmt: skip


async def test_a_full_table_is_told_with_whose_it_is():
    bmc = Bmc(stream=False)
    for host in ("ome.example", "ome.example", "oneview.example"):
        path = f"{SUBSCRIPTIONS}/{len(bmc.subscriptions)}"
        bmc.subscriptions[path] = resource(path, "EventDestination", Destination=f"https://{host}/x", Context="x")
    bmc.refuse = lambda draft: refused(400, "The limit is reached")
    async with driven(bmc) as driver:
        with pytest.raises(Busy, match=r"The limit is reached; it has 3 of others: ome.example, .*oneview.example"):
            await driver.telling.subscribe(WISH, "")
    assert len(bmc.subscriptions) == 3


async def test_a_service_that_refuses_a_body_is_given_a_plainer_one():
    bmc = Bmc(stream=False, EventFormatTypes=["Event"], RegistryPrefixes=["iLOEvents"])
    bmc.refuse = lambda draft: None if "RegistryPrefixes" in draft else refused()
    async with driven(bmc) as driver:
        assert (await driver.telling.subscribe(WISH, "")).made
    plain = {"Destination": WISH.destination, "Protocol": "Redfish", "Context": WISH.context}
    assert bmc.drafts[-1] == {**plain, "RegistryPrefixes": ["iLOEvents"]}


TYPES = ["StatusChange", "ResourceUpdated", "ResourceAdded", "ResourceRemoved", "Alert"]


@pytest.mark.parametrize(
    ("service", "has"),
    [
        ({"EventTypesForSubscription": [*TYPES, "MetricReport"]}, {"EventTypes": TYPES}),
        ({"RegistryPrefixes": ["iLOEvents", "StorageDevice"]}, {"RegistryPrefixes": ["iLOEvents", "StorageDevice"]}),
        (
            {"EventFormatTypes": ["Event", "MetricReport"], "EventTypesForSubscription": ["Alert", "Other"]},
            {"EventFormatType": "Event", "SubscriptionType": "RedfishEvent", "DeliveryRetryPolicy": "RetryForever"},
        ),
        (
            {"@odata.type": "#EventService.v1_7_2.EventService", "EventFormatTypes": ["Event"]},
            {"SendHeartbeat": True, "HeartbeatIntervalMinutes": 10},
        ),
        ({}, {}),
    ],
    ids=["iLO 5", "iLO 6", "iDRAC 9", "bmcweb", "silent"],
)
def test_a_service_is_asked_first_for_what_it_says_it_knows(service, has):
    plain = {"Destination": WISH.destination, "Protocol": "Redfish", "Context": WISH.context}
    assert next(drafts(service, WISH)).items() >= {**plain, **has}.items()
    assert list(drafts(service, WISH))[-1] == plain
    assert len(list(drafts(service, WISH))) <= 5


def test_a_service_that_says_nonsense_is_asked_all_the_same():
    odd = {"EventFormatTypes": 5, "RegistryPrefixes": [1], "@odata.type": 3, "EventTypesForSubscription": None}
    assert len(list(drafts(odd, WISH))) == 1


def test_a_hint_is_never_more_than_a_reason_to_look():
    driver = driver_of("https://127.0.0.1:1")
    hinted = driver.telling.hinted
    assert hinted(b"not json") == frozenset()
    assert (
        hinted(orjson.dumps({"Events": [{"MessageId": "HeartbeatEvent.1.0.RedfishServiceFunctional"}]})) == frozenset()
    )
    assert hinted(orjson.dumps({"Events": [{"MessageId": "a.1.0.b"}]})) == {Aspect.EVENTS, Aspect.HEARTBEAT}
