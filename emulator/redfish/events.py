"""EventService: what it offers, its event streams, its subscriptions and its test event."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from emulator.accents.model import Family
from emulator.push.deliveries import POLICIES, Destination
from emulator.push.filters import PROPERTIES, FilterError, Wanted, everything, parse_filter
from emulator.push.streams import Stream
from emulator.redfish.errors import Answer, Json, refuse
from emulator.redfish.places import ROOT, SUBSCRIPTIONS, collection, ref, resource, status
from emulator.redfish.resource import Resource, Tree
from emulator.server import Request

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

SERVICE = f"{ROOT}/EventService"
TEST = f"{SERVICE}/Actions/EventService.SubmitTestEvent"
EVENT_TYPES = ("StatusChange", "ResourceUpdated", "ResourceAdded", "ResourceRemoved", "Alert")
RETRIES = {"DeliveryRetryAttempts": (0, 10), "DeliveryRetryIntervalSeconds": (1, 3_600)}
LISTS = ("EventTypes", "RegistryPrefixes", "ResourceTypes", "MessageIds", "Severities")
LINKS = ("OriginResources", "MetricReportDefinitions")
WORDS: dict[str, tuple[str, ...]] = {
    "Protocol": ("Redfish",),
    "SubscriptionType": ("RedfishEvent",),
    "EventFormatType": ("Event", "MetricReport"),
    "DeliveryRetryPolicy": POLICIES,
}
"""Properties of an EventDestination that take one of a few words."""
TEST_FIELDS = (
    "EventId", "EventTimestamp", "EventType", "EventGroupId", "Severity", "MessageSeverity", "Message", "MessageArgs",
    "MessageId", "OriginOfCondition",
)  # fmt: skip


def events_branch(family: Family, tree: Tree) -> None:
    """EventService and what is below."""
    fixed, push = tree.fixed, family.shape.push
    fixed[SERVICE] = Resource(get=_service, patch=_change_service)
    fixed[TEST] = Resource(post=_test)
    fixed[SUBSCRIPTIONS] = Resource(get=_subscriptions, post=_subscribe)
    tree.members[SUBSCRIPTIONS] = _subscription
    if push.streams:
        fixed[f"{ROOT}/{push.stream_path}"] = Resource(answer=_stream)


def _service(bmc: Bmc) -> Json:
    push, settings = bmc.shape.push, bmc.push.settings
    on = settings["ServiceEnabled"]
    document = resource(
        SERVICE, "EventService.v1_10_0.EventService", "Event Service",
        Status=status(state="Enabled" if on else "Disabled"), **settings,
        EventFormatTypes=["Event", "MetricReport"] if push.reports_every else ["Event"],
        SubordinateResourcesSupported=True, Subscriptions=ref(SUBSCRIPTIONS),
        Actions={"#EventService.SubmitTestEvent": {
            "target": TEST, "EventType@Redfish.AllowableValues": list(EVENT_TYPES)}},
    )  # fmt: skip
    if "EventTypes" not in push.refuses:
        document["EventTypesForSubscription"] = list(EVENT_TYPES)
    if "RegistryPrefixes" not in push.refuses:
        document["RegistryPrefixes"] = list(push.registries)
    if push.streams:
        document["ServerSentEventUri"] = f"{ROOT}/{push.stream_path}"
        supported = {name: name != "MetricReportDefinition" or bool(push.reports_every) for name in PROPERTIES}
        document["SSEFilterPropertiesSupported"] = supported | {"SubordinateResources": False}
    return document


def _change_service(bmc: Bmc, body: Json) -> Answer | None:
    for name, value in body.items():
        if name == "ServiceEnabled":
            if not isinstance(value, bool):
                return refuse("property_type", str(value), name)
        elif name in RETRIES:
            low, high = RETRIES[name]
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                return refuse("property_type", str(value), name)
        else:
            return refuse("property_unknown", name)
    bmc.push.settings.update(body)
    return None


# ---- streams ----


def _stream(bmc: Bmc, request: Request) -> Answer:
    if not bmc.push.settings["ServiceEnabled"]:
        return refuse("service_off", "EventService")
    query = request.query
    strange = next((name for name in query if name.startswith("$") and name != "$filter"), None)
    if strange is not None:
        return refuse("query_unsupported")
    wanted: Wanted = everything
    if "$filter" in query:
        try:
            wanted = parse_filter(query["$filter"])
        except FilterError:
            return refuse("query", query["$filter"], "$filter")
    if bmc.push.streams_full:
        bmc.push.note("stream_full", client=request.peer, streams=len(bmc.push.streams))
        return _full(bmc)
    last = request.headers.get("last-event-id", "")
    feed = bmc.push.stream(wanted, bmc.who(request), request.peer, int(last) if last.isdecimal() else None)
    return Answer(200, None, {"Content-Type": "text/event-stream"}, feed=feed)


def _full(bmc: Bmc) -> Answer:
    answer = refuse("subscriptions_full")
    answer.status = bmc.shape.push.full_status
    return answer


# ---- subscriptions ----


def _subscriptions(bmc: Bmc) -> Json:
    keys = [*bmc.push.destinations, *bmc.push.streams]
    return collection(SUBSCRIPTIONS, "EventDestination", [f"{SUBSCRIPTIONS}/{key}" for key in keys])


def _subscribe(bmc: Bmc, body: Json, request: Request) -> Answer:
    refused = _refused(bmc, body)
    if refused is None and len(bmc.push.destinations) + len(bmc.push.streams) >= bmc.shape.push.subscriptions:
        refused = _full(bmc)
    if refused is not None:
        bmc.push.note("subscription_refused", destination=body.get("Destination"), by=bmc.who(request))
        return refused
    headers = {str(name): str(value) for pair in body.get("HttpHeaders", ()) for name, value in pair.items()}
    policy = body.get("DeliveryRetryPolicy", bmc.shape.push.retry_policy)
    told = {name: value for name, value in body.items() if name != "HttpHeaders"}
    key = bmc.push.subscribe(told, headers, policy, by=bmc.who(request))
    path = f"{bmc.tree.told(SUBSCRIPTIONS)}/{key}"
    return Answer(201, bmc.lookup(path), {"Location": path})


def _refused(bmc: Bmc, body: Json) -> Answer | None:
    """What is wrong with a wish to be told; None where nothing is."""
    for name in bmc.shape.push.needs:
        if name not in body:
            return refuse("create_missing", name)
    if not isinstance(body["Destination"], str) or urlsplit(body["Destination"]).scheme not in ("http", "https"):
        return refuse("property_format", str(body["Destination"]), "Destination")
    for name, value in body.items():
        if not _known(bmc, name):
            return refuse("property_unknown", name)
        if name in WORDS and value not in WORDS[name]:
            return refuse("property_value", str(value), name)
        if not _fits(name, value):
            return refuse("property_type", str(value), name)
    return None


def _known(bmc: Bmc, name: str) -> bool:
    push = bmc.shape.push
    if name in push.refuses or (name == "HttpHeaders" and not push.http_headers):
        return False
    return name in (
        "Destination",
        "Context",
        "HttpHeaders",
        "SubordinateResources",
        "VerifyCertificate",
        *WORDS,
        *LISTS,
        *LINKS,
    )


def _fits(name: str, value: Any) -> bool:
    if name in LISTS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if name in LINKS:
        return isinstance(value, list) and all(isinstance(item, dict) and "@odata.id" in item for item in value)
    if name == "HttpHeaders":
        return isinstance(value, list) and all(isinstance(item, dict) for item in value)
    return isinstance(value, bool) if name in ("SubordinateResources", "VerifyCertificate") else isinstance(value, str)


def _subscription(bmc: Bmc, name: str) -> Resource | None:
    destination, stream = bmc.push.destinations.get(name), bmc.push.streams.get(name)
    if destination is not None:
        return Resource(
            get=partial(_destination_document, destination),
            patch=partial(_change, destination),
            delete=partial(_drop, name),
        )
    if stream is not None:
        return Resource(
            get=partial(_stream_document, stream), patch=partial(_rename, stream), delete=partial(_drop, name)
        )
    return None


def _drop(name: str, bmc: Bmc) -> Answer:
    bmc.push.drop(name, by="a client")
    return Answer(204)


def _destination_document(destination: Destination, bmc: Bmc) -> Json:
    path = f"{SUBSCRIPTIONS}/{destination.id}"
    whole: Json = {"Context": None, "SubscriptionType": "RedfishEvent", "EventFormatType": "Event"}
    whole |= destination.told | {"DeliveryRetryPolicy": destination.policy}
    if bmc.shape.push.http_headers:
        whole["HttpHeaders"] = []
    suspended = destination.state != "Enabled"
    whole["Status"] = status("Warning" if suspended else "OK", "Disabled" if suspended else "Enabled")
    return resource(path, "EventDestination.v1_13_0.EventDestination", f"Subscription {destination.id}", **whole)


def _change(destination: Destination, bmc: Bmc, body: Json) -> Answer | None:
    """Context and policy may change; setting the policy again also ends a suspension."""
    for name, value in body.items():
        if name not in ("Context", "DeliveryRetryPolicy"):
            return refuse("property_unknown", name)
        if not isinstance(value, str) or (name in WORDS and value not in WORDS[name]):
            return refuse("property_value", str(value), name)
    if "Context" in body:
        destination.told["Context"] = body["Context"]
    if "DeliveryRetryPolicy" in body:
        destination.policy = body["DeliveryRetryPolicy"]
        destination.resume()
    return None


def _stream_document(stream: Stream, bmc: Bmc) -> Json:
    return resource(
        f"{SUBSCRIPTIONS}/{stream.id}", "EventDestination.v1_13_0.EventDestination", f"Stream {stream.id}",
        Context=stream.context, Destination=None, Protocol="Redfish", SubscriptionType="SSE", Status=status(),
    )  # fmt: skip


def _rename(stream: Stream, bmc: Bmc, body: Json) -> Answer | None:
    strange = next((name for name in body if name != "Context"), None)
    if strange is not None:
        return refuse("property_unknown", strange)
    if not isinstance(body.get("Context"), str):
        return refuse("property_type", str(body.get("Context")), "Context")
    stream.context = body["Context"]
    return None


# ---- the test event ----


def _test(bmc: Bmc, body: Json, request: Request) -> Answer:
    if not isinstance(body.get("MessageId"), str):
        return refuse("parameter_missing", "EventService.SubmitTestEvent", "MessageId")
    strange = next((name for name in body if name not in TEST_FIELDS), None)
    if strange is not None:
        return refuse("parameter_value", str(body[strange]), strange, "EventService.SubmitTestEvent")
    if not bmc.push.settings["ServiceEnabled"]:
        return refuse("service_off", "EventService")
    bmc.push.test(body)
    return Answer(204)
