"""What the DMTF Redfish Mockup Server is seen to answer, as pure functions of a mockup and one request.

Where they differ from it on purpose is told in `emulator/mockup.py`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from emulator.mockup_folder import SERVICE_ROOT, Json, Mockup, canonical, encode, readable

TOKEN = "1234567890ABCDEF"  # noqa: S105 - what the DMTF server hands to everyone
EXPANSION_BYTES = 4 << 20
TRANSPORT_HEADERS = {"connection", "keep-alive", "content-length", "transfer-encoding", "content-encoding"}
EVENT_PROPERTIES = {
    "EventType",
    "EventId",
    "EventTimestamp",
    "Severity",
    "Message",
    "MessageId",
    "MessageArgs",
    "OriginOfCondition",
}
METRIC_PROPERTIES = {"MetricId", "MetricValue", "Timestamp", "MetricProperty", "MetricDefinition"}
METRIC_SHAPES = (
    ("MetricReportName", "MetricReportValues"),
    ("MetricReportName", "GeneratedMetricReportValues"),
    ("MetricName", "MetricValues"),
)
SUBSCRIPTIONS = f"{SERVICE_ROOT}/EventService/Subscriptions"
METRIC_REPORTS = f"{SERVICE_ROOT}/TelemetryService/MetricReports"
SUBMIT_EVENT = "EventService/Actions/EventService.SubmitTestEvent"
SUBMIT_REPORT = "TelemetryService/Actions/TelemetryService.SubmitTestMetricReport"


class HangUpError(Exception):
    """The client sent what makes the DMTF server drop the connection."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `body` is None when its length was not stated."""

    method: str
    path: str
    query: str = ""
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, with what it sets off: test events as (destination, event)."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    events: tuple[tuple[str, Json], ...] = ()


# ---- reading ---------------------------------------------------------------------------------------------------------


def read(mockup: Mockup, asked: Asked) -> Answer:
    """The answer to GET."""
    path = asked.path
    if mockup.short and path == "/redfish":
        return Answer(200, json.dumps({"v1": SERVICE_ROOT}, indent=4).encode(), _headers(mockup, path))
    page = _captured_page(mockup, asked)
    if page is not None:
        return Answer(200, mockup.encoded(page, mockup.json(page) or {}), _headers(mockup, page))
    match mockup.resource(path):
        case dict(body):
            sent = encode(selected(mockup, path, body, asked.query)) if asked.query else mockup.encoded(path, body)
            return Answer(200, sent, _headers(mockup, path))
        case bytes(captured):
            return Answer(200, captured, _headers(mockup, path))
    return _plain_file(mockup, path)


def _captured_page(mockup: Mockup, asked: Asked) -> str | None:
    if not asked.query or "/" in asked.query:
        return None
    spellings = (f"{asked.path}?{asked.query}", f"{asked.path}?{unquote(asked.query)}")
    return next((spelling for spelling in spellings if mockup.json(spelling) is not None), None)


def _headers(mockup: Mockup, path: str) -> Mapping[str, str]:
    recorded = mockup.sidecar(path, "headers.json").get("GET")
    if not isinstance(recorded, dict):
        return {"Content-Type": "application/json", "OData-Version": "4.0"}
    return {
        name: re.sub(r"[\r\n\0]", " ", str(value))
        for name, value in recorded.items()
        if name.lower() not in TRANSPORT_HEADERS and re.fullmatch(r"[!#$%&'*+.^_`|~\w-]+", name, re.ASCII)
    }


def _plain_file(mockup: Mockup, path: str) -> Answer:
    file, kind = mockup.file(path, "index.xml"), "application/xml;charset=utf-8"
    if file is None:
        file = mockup.file(path)
        if file is None:
            return Answer(404)
        kind = f"application/{file.suffix[1:]};charset=utf-8" if file.suffix else "text/plain;charset=utf-8"
    content = file.read_bytes()
    try:
        content.decode()
    except ValueError:
        kind = "application/octet-stream"
    return Answer(200, content, {"Content-Type": kind, "OData-Version": "4.0"})


def selected(mockup: Mockup, path: str, body: Json, query: str) -> Json:
    """A resource as the query options ask for it: `$skip`, `$top` and `$expand`; others are ignored."""
    options = parse_qs(query, keep_blank_values=True)
    shown = readable(path, body)
    members = shown.get("Members")
    if isinstance(members, list):
        try:
            skip = int(options.get("$skip", ["0"])[0])
            top = int(options.get("$top", [str(len(members))])[0])
        except ValueError:
            raise HangUpError from None
        rest = members[skip:]
        if top < len(rest):
            rest = rest[:top]
            shown["Members@odata.nextLink"] = f"{path}?$skip={skip + top}&$top={top}"
        shown["Members"] = rest
    wanted = re.match(r"([.~*])(?:\(\$levels=(\d+)\))?", options.get("$expand", [""])[0])
    if wanted:
        shown = _expanded(_Expansion(mockup, wanted[1]), shown, int(wanted[2] or 1))
    return shown


@dataclass(slots=True)
class _Expansion:
    """One `$expand`: `.` leaves Links alone, `~` and `*` do not; it stops when what it brought is too much."""

    mockup: Mockup
    kind: str
    left: int = EXPANSION_BYTES

    def target(self, value: Json) -> Json | None:
        """What a bare reference leads to, where it leads anywhere and there is room for it."""
        link = value.get("@odata.id")
        place = canonical(link) if len(value) == 1 and isinstance(link, str) else None
        body = self.mockup.json(place[0]) if place else None
        if place is None or body is None:
            return None
        size = self.mockup.size(place[0])
        if size > self.left:
            return None
        self.left -= size
        return {key: item for key, item in body.items() if key != "@Redfish.Copyright"}


def _expanded(expansion: _Expansion, body: Json, levels: int) -> Json:
    """`body` with its references replaced by what they lead to, `levels` deep."""
    if levels < 1:
        return body
    return {
        key: value if expansion.kind == "." and key == "Links" else _with_targets(expansion, value, levels)
        for key, value in body.items()
    }


def _with_targets(expansion: _Expansion, value: Any, levels: int) -> Any:
    if isinstance(value, list):
        return [_with_targets(expansion, item, levels) if isinstance(item, dict) else item for item in value]
    if not isinstance(value, dict):
        return value
    target = expansion.target(value)
    return _expanded(expansion, value, levels) if target is None else _expanded(expansion, target, levels - 1)


def head(mockup: Mockup, asked: Asked) -> Answer:
    """The answer to HEAD: that of GET, but for a short form's `/redfish`, which only GET knows."""
    if mockup.short and asked.path == "/redfish":
        return Answer(404)
    answer = read(mockup, Asked("GET", asked.path))
    if answer.status == 404 and mockup.file(asked.path, "headers.json"):
        return Answer(200, headers=_headers(mockup, asked.path))
    return answer


# ---- changing --------------------------------------------------------------------------------------------------------


def patch(mockup: Mockup, asked: Asked) -> Answer:
    """The answer to PATCH: a deep merge without any validation; not for collections."""
    change = _posted(asked.body)
    if not change:
        return Answer(400)
    body = mockup.json(asked.path)
    if body is None:
        return Answer(404)
    if body.get("Members") is not None:
        return Answer(405)
    if not isinstance(change, dict):
        raise HangUpError
    mockup.store(asked.path, _merged(body, _without_password(change)))
    return Answer(204)


def _posted(body: bytes | None) -> Any:
    """The JSON a client sent; None when it is no JSON."""
    if body is None:
        raise HangUpError
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _merged(body: Json, change: Json) -> Json:
    return body | {
        key: _merged(body[key], value) if isinstance(value, dict) and isinstance(body.get(key), dict) else value
        for key, value in change.items()
    }


def _without_password(body: Json) -> Json:
    return body | {"Password": None} if "Password" in body else body


def delete(mockup: Mockup, asked: Asked) -> Answer:
    """The answer to DELETE: a collection's member goes; anything else stays."""
    if mockup.json(asked.path) is None:
        return Answer(404)
    parent = asked.path.rpartition("/")[0]
    collection = mockup.json(parent)
    if collection is None or not isinstance(collection.get("Members"), list):
        return Answer(405)
    rest = [member for member in collection["Members"] if _link(member) != asked.path]
    mockup.store(asked.path, None)
    mockup.store(parent, collection | {"Members": rest, "Members@odata.count": len(rest)})
    return Answer(204)


def _link(member: Any) -> str:
    link = member.get("@odata.id") if isinstance(member, dict) else None
    place = canonical(link) if isinstance(link, str) else None
    return place[0] if place else ""


def post(mockup: Mockup, asked: Asked) -> Answer:
    """The answer to POST: a new member of a collection, or an action."""
    if asked.body is None:
        return Answer(411)
    sent = _posted(asked.body) if asked.body else {}
    if sent is None:
        return Answer(400)
    body = mockup.json(asked.path)
    if body is None:
        return _act(mockup, asked.path, sent)
    if not isinstance(body.get("Members"), list):
        return Answer(405)
    if not isinstance(sent, dict):
        raise HangUpError
    return _create(mockup, asked.path, body, sent)


def _create(mockup: Mockup, path: str, collection: Json, sent: Json) -> Answer:
    taken = [_link(member) for member in collection["Members"]]
    location = _new_path(path, taken, sent.get("Id"))
    members = [*collection["Members"], {"@odata.id": location}]
    mockup.store(location, _without_password(sent) | {"@odata.id": location, "Id": location.rpartition("/")[2]})
    mockup.store(path, collection | {"Members": members, "Members@odata.count": len(members)})
    token = {"X-Auth-Token": TOKEN} if "SessionService/Sessions" in path else {}
    return Answer(204, headers={"Location": location} | token)


def _new_path(path: str, taken: list[str], wanted: Any) -> str:
    """Where a new member goes: under the Id it brings, else under the first free number in the manner of the first."""
    if isinstance(wanted, str) and wanted and "/" not in wanted and f"{path}/{wanted}" not in taken:
        return f"{path}/{wanted}"
    stem = re.sub(r"\d+$", "", taken[0].replace(path, "").strip("/")) if taken else "Member"
    return next(place for n in itertools.count(1) if (place := f"{path}/{stem}{n}") not in taken)


# ---- actions ---------------------------------------------------------------------------------------------------------


def _act(mockup: Mockup, path: str, sent: Any) -> Answer:
    if SUBMIT_EVENT in path:
        return submit_event(mockup, sent)
    if SUBMIT_REPORT in path:
        return submit_report(mockup, sent, datetime.now(UTC))
    owner, found, _ = path.partition("/Actions/")
    body = mockup.json(owner) if found else None
    return Answer(204 if body and path in _targets(body.get("Actions")) else 404)


def _targets(actions: Any) -> set[str]:
    """The targets of every action a resource lists, Oem ones included."""
    if not isinstance(actions, dict):
        return set()
    oem = actions.get("Oem")
    listed = [*actions.values(), *(oem.values() if isinstance(oem, dict) else ())]
    return {a["target"] for a in listed if isinstance(a, dict) and isinstance(a.get("target"), str)}


def submit_event(mockup: Mockup, sent: Any) -> Answer:
    """The answer to SubmitTestEvent: the event goes to every subscriber of its type. Its Id never rises."""
    if mockup.json(SUBSCRIPTIONS) is None:
        return Answer(404)
    if not isinstance(sent, dict) or not sent.keys() >= EVENT_PROPERTIES:
        return Answer(400)
    record = sent | {"OriginOfCondition": {"@odata.id": sent["OriginOfCondition"]}}
    event = {"@odata.type": "#Event.v1_2_1.Event", "Name": "Test Event", "Id": "1", "Events": [record]}
    subscribers = [s for s in _subscribers(mockup) if sent["EventType"] in s["EventTypes"]]
    return Answer(
        204,
        events=tuple((s["Destination"], event | {"Context": s.get("Context", "Default Context")}) for s in subscribers),
    )


def submit_report(mockup: Mockup, sent: Any, now: datetime) -> Answer:
    """The answer to SubmitTestMetricReport: the report is stored, listed, and sent to every subscriber."""
    if mockup.json(SUBSCRIPTIONS) is None:
        return Answer(404)
    shape = next((s for s in METRIC_SHAPES if isinstance(sent, dict) and sent.keys() >= set(s)), None)
    if shape is None or not isinstance(sent[shape[0]], str) or not isinstance(sent[shape[1]], list):
        return Answer(400)
    report = metric_report(sent[shape[0]], sent[shape[1]], now)
    location = f"{METRIC_REPORTS}/{report['Id']}"
    collection = mockup.json(METRIC_REPORTS) or {}
    if not isinstance(collection.get("Members"), list):
        collection = _new_report_collection()
    members = [m for m in collection["Members"] if _link(m) != location] + [{"@odata.id": location}]
    mockup.store(location, report)
    mockup.store(METRIC_REPORTS, collection | {"Members": members, "Members@odata.count": len(members)})
    return Answer(204, events=tuple((s["Destination"], report) for s in _subscribers(mockup)))


def metric_report(name: str, values: list[Any], now: datetime) -> Json:
    """A MetricReport of the submitted values that have all their properties."""
    return {
        "@odata.context": f"{SERVICE_ROOT}/$metadata#MetricReport.MetricReport",
        "@odata.type": "#MetricReport.v1_0_0.MetricReport",
        "@odata.id": f"{METRIC_REPORTS}/{name}",
        "Id": name,
        "Name": name,
        "MetricReportDefinition": {"@odata.id": f"{SERVICE_ROOT}/TelemetryService/MetricReportDefinitions/{name}"},
        "Timestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "MetricValues": [v for v in values if isinstance(v, dict) and v.keys() >= METRIC_PROPERTIES],
    }


def _new_report_collection() -> Json:
    return {
        "@odata.context": f"{SERVICE_ROOT}/$metadata#MetricReportCollection.MetricReportCollection",
        "@odata.type": "#MetricReportCollection.v1_0_0.MetricReportCollection",
        "@odata.id": METRIC_REPORTS,
        "Name": "MetricReports",
        "Members": [],
    }


def _subscribers(mockup: Mockup) -> list[Json]:
    members = (mockup.json(SUBSCRIPTIONS) or {}).get("Members")
    subscriptions = [mockup.json(_link(member)) or {} for member in (members if isinstance(members, list) else ())]
    return [s for s in subscriptions if isinstance(s.get("Destination"), str) and isinstance(s.get("EventTypes"), list)]


def on_loopback(destination: str) -> bool:
    """Whether a subscriber's address is on this machine."""
    host = urlsplit(destination).hostname or ""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


METHODS: Mapping[str, Callable[[Mockup, Asked], Answer]] = {
    "GET": read,
    "HEAD": head,
    "PATCH": patch,
    "POST": post,
    "DELETE": delete,
    "PUT": lambda mockup, asked: Answer(405),
}
