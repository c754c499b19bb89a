"""The emulator's mockup server: what it promises, and that it answers as the real DMTF Redfish Mockup Server does."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import emulator.mockup
from emulator.certificates import server_context
from emulator.mockup import running_mockup
from emulator.mockup_folder import NoMockupError, locate
from tests import peers, recordings

ROOT = "/redfish/v1"


@dataclass(frozen=True)
class Seen:
    """What a client sees of one answer; `status` None when the connection was dropped without one."""

    status: int | None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def send(base: str, method: str, target: str, body: bytes | None = b"") -> Seen:
    """One request, its target exactly as given, on a connection of its own; a body of None states no length."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=10)
    try:
        connection.putrequest(method, target)
        if body is not None and method not in ("GET", "HEAD"):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        return Seen(answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()})
    except (http.client.HTTPException, ConnectionError):
        return Seen(None)
    finally:
        connection.close()


async def ask(base: str, method: str, target: str, body: Any = b"") -> Seen:
    """`send`, off the event loop that runs the server; a body that is no bytes is sent as JSON."""
    sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    return await asyncio.to_thread(send, base, method, target, sent)


def write(root: Path, path: str, body: Any, name: str = "index.json") -> None:
    folder = root / path.strip("/")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())


def link(path: str) -> dict[str, str]:
    return {"@odata.id": path}


def collection(path: str, *members: str) -> dict[str, Any]:
    return {
        "@odata.id": path,
        "Name": "a collection",
        "Members": [link(f"{path}/{member}") for member in members],
        "Members@odata.count": len(members),
    }


def small_tree(root: Path, prefix: str = ROOT) -> Path:
    """A mockup with everything the operations below touch."""
    reset = {"#ComputerSystem.Reset": {"target": f"{ROOT}/Systems/1/Actions/ComputerSystem.Reset"}}
    oem = {"Oem": {"#Contoso.Blink": {"target": f"{ROOT}/Systems/1/Actions/Oem/Contoso.Blink"}}}
    resources = {
        "": {"@Redfish.Copyright": "someone", "Name": "root", "Systems": link(f"{ROOT}/Systems"), "Id": "RootService"},
        "/Systems": collection(f"{ROOT}/Systems", "1", "2", "3"),
        "/Systems/1": {
            "@Redfish.Copyright": "someone",
            "Name": "one",
            "PowerState": "On",
            "Boot": {"Target": "None", "Mode": "UEFI"},
            "Chassis": link(f"{ROOT}/Chassis/1"),
            "Links": {"Chassis": [link(f"{ROOT}/Chassis/1")]},
            "Nested": [[link(f"{ROOT}/Chassis/1")], {"Deep": link(f"{ROOT}/Nowhere")}],
            "Actions": reset | oem,
        },
        "/Systems/2": {"Name": "two", "Label": "é\u2028"},
        "/Systems/3": {"Name": "three"},
        "/Chassis/1": {"@Redfish.Copyright": "x", "Name": "chassis", "Systems": link(f"{ROOT}/Systems/2")},
        "/SessionService/Sessions": collection(f"{ROOT}/SessionService/Sessions"),
        "/EventService/Subscriptions": collection(f"{ROOT}/EventService/Subscriptions", "7"),
        "/EventService/Subscriptions/7": {"HttpHeaders": [{"X": "secret"}], "EventTypes": ["Alert"]},
        "/Empty": {"Members": None, "Name": "no members"},
    }
    for path, body in resources.items():
        write(root, prefix + path, body)
    write(root, prefix + "/$metadata", b"<edmx/>", "index.xml")
    write(root, prefix + "/files", b"plain", "readme")
    write(root, prefix + "/files", b"\xff\xfe\x00", "blob.bin")
    return root


EVENT = {
    "EventType": "Alert",
    "EventId": "1",
    "EventTimestamp": "2026-01-01T00:00:00Z",
    "Severity": "Warning",
    "Message": "m",
    "MessageId": "i",
    "MessageArgs": [],
    "OriginOfCondition": f"{ROOT}/Chassis/1",
}
VALUE = {"MetricId": "a", "MetricValue": "1", "Timestamp": "t", "MetricProperty": "p", "MetricDefinition": "d"}
REPORT = {"MetricReportName": "Power", "MetricReportValues": [VALUE, {"MetricId": "not whole"}]}

# Method, target, body, and the status the DMTF server 1.2.6 was seen to give; None where it dropped the connection.
OPERATIONS: list[tuple[str, str, Any, int | None]] = [
    ("GET", ROOT, b"", 200),
    ("GET", f"{ROOT}/", b"", 200),
    ("GET", f"{ROOT}//Systems/", b"", 200),
    ("GET", "/", b"", 404),
    ("GET", "/redfish", b"", 404),
    ("GET", f"{ROOT}/systems", b"", 404),
    ("GET", f"{ROOT}/Nowhere", b"", 404),
    ("GET", f"{ROOT}/Systems/1#/Boot", b"", 200),
    ("GET", f"{ROOT}/Systems/2", b"", 200),
    ("GET", f"{ROOT}/Empty", b"", 200),
    ("GET", f"{ROOT}/$metadata", b"", 200),
    ("GET", f"{ROOT}/files/readme", b"", 200),
    ("GET", f"{ROOT}/files/blob.bin", b"", 200),
    ("GET", f"{ROOT}/Systems/1/index.json", b"", 200),
    ("GET", f"{ROOT}/EventService/Subscriptions/7", b"", 200),
    ("HEAD", f"{ROOT}/Systems/1", b"", 200),
    ("HEAD", f"{ROOT}/Nowhere", b"", 404),
    ("HEAD", "/redfish", b"", 404),
    ("GET", f"{ROOT}/Systems?$top=2", b"", 200),
    ("GET", f"{ROOT}/Systems?$top=1&$skip=1", b"", 200),
    ("GET", f"{ROOT}/Systems?$top=5&$skip=2", b"", 200),
    ("GET", f"{ROOT}/Systems?$skip=9", b"", 200),
    ("GET", f"{ROOT}/Systems?$top=abc", b"", None),
    ("GET", f"{ROOT}/Systems?$top=", b"", None),
    ("GET", f"{ROOT}/Systems/1?$top=abc", b"", 200),
    ("GET", f"{ROOT}/Systems?$expand=.", b"", 200),
    ("GET", f"{ROOT}/Systems?$expand=.($levels=2)", b"", 200),
    ("GET", f"{ROOT}/Systems?$expand=*($levels=3)&$top=1", b"", 200),
    ("GET", f"{ROOT}/Systems/1?$expand=~", b"", 200),
    ("GET", f"{ROOT}/Systems/1?$expand=.($levels=0)", b"", 200),
    ("GET", f"{ROOT}/Systems/1?$expand=Links", b"", 200),
    ("GET", f"{ROOT}/Systems?$select=Name&$filter=x&only&$skiptoken=3", b"", 200),
    ("PATCH", f"{ROOT}/Systems/1", {"Boot": {"Target": "Pxe"}, "AssetTag": "a", "New": {"x": 1}}, 204),
    ("GET", f"{ROOT}/Systems/1", b"", 200),
    ("PATCH", f"{ROOT}/Systems", {"Name": "x"}, 405),
    ("PATCH", f"{ROOT}/Nowhere", {"Name": "x"}, 404),
    ("PATCH", f"{ROOT}/Systems/1", b"{", 400),
    ("PATCH", f"{ROOT}/Systems/1", {}, 400),
    ("PATCH", f"{ROOT}/Systems/1", b"", 400),
    ("PATCH", f"{ROOT}/Systems/1", [1], None),
    ("PATCH", f"{ROOT}/Systems/1", None, None),
    ("PUT", f"{ROOT}/Systems/1", {"Name": "x"}, 405),
    ("PUT", f"{ROOT}/Nowhere", {"Name": "x"}, 405),
    ("POST", f"{ROOT}/SessionService/Sessions", {"UserName": "root"}, 204),
    ("GET", f"{ROOT}/SessionService/Sessions", b"", 200),
    ("GET", f"{ROOT}/SessionService/Sessions/Member1", b"", 200),
    ("POST", f"{ROOT}/SessionService/Sessions", {"UserName": "root"}, 204),
    ("DELETE", f"{ROOT}/SessionService/Sessions/Member1", b"", 204),
    ("GET", f"{ROOT}/SessionService/Sessions/Member1", b"", 404),
    ("DELETE", f"{ROOT}/SessionService/Sessions/Member1", b"", 404),
    ("PATCH", f"{ROOT}/SessionService/Sessions/Member1", {"x": 1}, 404),
    ("GET", f"{ROOT}/SessionService/Sessions", b"", 200),
    ("POST", f"{ROOT}/Systems", {"Id": "web", "Name": "n"}, 204),
    ("POST", f"{ROOT}/Systems", {"Id": "web"}, 204),
    ("POST", f"{ROOT}/Systems", {}, 204),
    ("GET", f"{ROOT}/Systems", b"", 200),
    ("GET", f"{ROOT}/Systems/4", b"", 200),
    ("POST", f"{ROOT}/Systems", b"{", 400),
    ("POST", f"{ROOT}/Systems", None, 411),
    ("POST", f"{ROOT}/Systems", [1], None),
    ("POST", f"{ROOT}/Systems/1", {}, 405),
    ("POST", f"{ROOT}/Nowhere", {}, 404),
    ("POST", f"{ROOT}/Empty", {}, 405),
    ("DELETE", f"{ROOT}/Systems/1/Actions", b"", 404),
    ("DELETE", f"{ROOT}/Systems", b"", 405),
    ("DELETE", f"{ROOT}/Systems/3", b"", 204),
    ("GET", f"{ROOT}/Systems", b"", 200),
    ("POST", f"{ROOT}/Systems/1/Actions/ComputerSystem.Reset", {"ResetType": "ForceOff"}, 204),
    ("POST", f"{ROOT}/Systems/1/Actions/ComputerSystem.Reset", b"", 204),
    ("POST", f"{ROOT}/Systems/1/Actions/ComputerSystem.Reset", b"x", 400),
    ("POST", f"{ROOT}/Systems/1/Actions/Oem/Contoso.Blink", {}, 204),
    ("POST", f"{ROOT}/Systems/1/Actions/ComputerSystem.Explode", {}, 404),
    ("POST", f"{ROOT}/Systems/2/Actions/ComputerSystem.Reset", {}, 404),
    ("GET", f"{ROOT}/Systems/1", b"", 200),
    ("POST", f"{ROOT}/EventService/Actions/EventService.SubmitTestEvent", EVENT, 204),
    ("POST", f"{ROOT}/EventService/Actions/EventService.SubmitTestEvent", {"EventType": "Alert"}, 400),
    ("POST", f"{ROOT}/TelemetryService/Actions/TelemetryService.SubmitTestMetricReport", REPORT, 204),
    ("POST", f"{ROOT}/TelemetryService/Actions/TelemetryService.SubmitTestMetricReport", {}, 400),
    ("GET", f"{ROOT}/TelemetryService/MetricReports", b"", 200),
    ("OPTIONS", ROOT, b"", 501),
]


def alike(seen: Seen) -> tuple[Any, ...]:
    """What must not differ between the two servers; a HEAD's length and error pages' HTML are transport."""
    told = {name: seen.headers.get(name) for name in ("odata-version", "location", "x-auth-token")}
    kind = seen.headers.get("content-type") if seen.status == 200 else None
    return seen.status, kind, told, seen.body if seen.status == 200 else b""


@contextlib.contextmanager
def tall(root: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    yield small_tree(root), ()


@contextlib.contextmanager
def short(root: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    yield small_tree(root, ""), ("--short-form",)


@pytest.mark.parametrize("form", [tall, short], ids=["tall", "short"])
async def test_every_operation_is_answered_as_the_dmtf_server_answers_it(form, tmp_path):
    with form(tmp_path) as (folder, options), peers.dmtf_server(folder, *options) as theirs:
        async with running_mockup(folder) as ours:
            differing = []
            for number, (method, target, body, _) in enumerate(OPERATIONS):
                here, there = await ask(ours, method, target, body), await ask(theirs, method, target, body)
                if alike(here) != alike(there):
                    differing.append((number, method, target, alike(here), alike(there)))
    assert not differing


@pytest.mark.parametrize(
    "tree", ["dmtf-public-rackmount1", "dell-r750-idrac9", "hpe-dl385-gen10plus-ilo5-critical", "supermicro-821ge-x13"]
)
async def test_every_recorded_resource_is_served_as_the_dmtf_server_serves_it(tree, tmp_path):
    folder = recordings.unpacked(tree, tmp_path)
    targets = sorted("/" + str(file.parent.relative_to(folder)) for file in folder.rglob("index.json"))
    with peers.dmtf_server(folder) as theirs:
        async with running_mockup(folder) as ours:
            for target in targets:
                if "?" in target:
                    continue
                body = json.loads((folder / target[1:] / "index.json").read_bytes())
                for query in (
                    ("", "?$top=3", "?$expand=.($levels=1)") if isinstance(body.get("Members"), list) else ("",)
                ):
                    here, there = await ask(ours, "GET", target + query), await ask(theirs, "GET", target + query)
                    assert alike(here) == alike(there), target + query


async def test_every_operation_has_the_status_the_dmtf_server_was_seen_to_give(tmp_path):
    async with running_mockup(small_tree(tmp_path)) as base:
        seen = [(m, target, (await ask(base, m, target, body)).status) for m, target, body, _ in OPERATIONS]
    assert seen == [(m, target, status) for m, target, _, status in OPERATIONS]


# ---- where this server differs on purpose ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "/redfish/v1/../../outside.json",
        "/redfish/v1/Systems/../../v1/Systems",
        "/../outside.json",
        "/redfish/v1/./Systems",
        "/redfish/v1/outward.json",
        "/redfish/v1/Systems?x/../Systems/1",
        "/redfish/v1/\\..\\outside.json",
        "/redfish/v1/" + "a" * 5000,
    ],
)
async def test_nothing_outside_the_folder_is_served(target, tmp_path):
    folder = small_tree(tmp_path / "mockup")
    write(tmp_path, "", {"Name": "secret"}, "outside.json")
    (folder / "redfish/v1/outward.json").symlink_to(tmp_path / "outside.json")
    (folder / "redfish/v1/Systems?x").mkdir()
    async with running_mockup(folder) as base:
        answer = await ask(base, "GET", target)
    assert b"secret" not in answer.body
    assert answer.status == (200 if "?" in target else 404)
    assert b'"one"' not in answer.body


async def test_an_idle_connection_holds_nobody_up_and_a_kept_one_serves_many_requests(tmp_path):
    async with running_mockup(small_tree(tmp_path)) as base:
        host, port = urlsplit(base).netloc.split(":")
        with socket.create_connection((host, int(port))):
            kept = http.client.HTTPConnection(host, int(port), timeout=10)
            for _ in range(3):
                await asyncio.to_thread(kept.request, "GET", ROOT)
                answer = await asyncio.to_thread(kept.getresponse)
                assert answer.status == 200
                assert answer.version == 11
                assert not answer.will_close
                answer.read()
            kept.close()


async def test_reading_a_page_leaves_the_collection_whole(tmp_path):
    async with running_mockup(small_tree(tmp_path)) as base:
        await ask(base, "POST", f"{ROOT}/Systems", {})
        before = await ask(base, "GET", f"{ROOT}/Systems")
        await ask(base, "GET", f"{ROOT}/Systems?$top=1&$expand=*($levels=3)")
        assert await ask(base, "GET", f"{ROOT}/Systems") == before


async def test_a_change_is_seen_under_every_spelling_of_a_path(tmp_path):
    async with running_mockup(small_tree(tmp_path)) as base:
        await ask(base, "GET", f"{ROOT}/Systems")
        created = await ask(base, "POST", f"{ROOT}/Systems/", {})
        assert created.headers["location"] == f"{ROOT}/Systems/4"
        assert link(f"{ROOT}/Systems/4") in (await ask(base, "GET", f"{ROOT}/Systems")).json["Members"]
        assert "AssetTag" not in (await ask(base, "GET", f"{ROOT}/Systems/4")).json
        await ask(base, "PATCH", "/redfish//v1/Systems/4/", {"AssetTag": "a"})
        assert (await ask(base, "GET", f"{ROOT}/Systems/4")).json["AssetTag"] == "a"
        assert (await ask(base, "DELETE", f"{ROOT}/Systems/4/")).status == 204


async def test_the_folder_is_never_written(tmp_path):
    folder = small_tree(tmp_path)
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    async with running_mockup(folder) as base:
        for method, target, body, _ in OPERATIONS:
            await ask(base, method, target, body)
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


async def test_a_page_captured_under_its_query_is_served_under_it(tmp_path):
    folder = small_tree(tmp_path)
    write(folder, f"{ROOT}/Systems?$skip=75", collection(f"{ROOT}/Systems", "76"))
    async with running_mockup(folder) as base:
        for target in (f"{ROOT}/Systems?$skip=75", f"{ROOT}/Systems?%24skip=75"):
            assert (await ask(base, "GET", target)).json["Members"] == [link(f"{ROOT}/Systems/76")]
        assert (await ask(base, "GET", f"{ROOT}/Systems?$skip=1")).json["Members"] == [
            link(f"{ROOT}/Systems/2"),
            link(f"{ROOT}/Systems/3"),
        ]


@pytest.mark.parametrize("captured", [b"", b"<html>login</html>", b"[1]", b'{"Name": "cut', b"\xff", b"[" * 100_000])
async def test_an_index_that_is_no_json_object_is_served_as_captured(captured, tmp_path):
    folder = small_tree(tmp_path)
    write(folder, f"{ROOT}/Odd", captured)
    async with running_mockup(folder) as base:
        answer = await ask(base, "GET", f"{ROOT}/Odd")
        assert (answer.status, answer.body) == (200, captured)
        assert (await ask(base, "PATCH", f"{ROOT}/Odd", {"x": 1})).status == 404


async def test_a_members_that_is_no_list_is_left_alone(tmp_path):
    folder = small_tree(tmp_path)
    write(folder, f"{ROOT}/Odd", {"Members": {"a": 1}})
    async with running_mockup(folder) as base:
        assert (await ask(base, "GET", f"{ROOT}/Odd?$top=1")).json == {"Members": {"a": 1}}
        assert (await ask(base, "POST", f"{ROOT}/Odd", {})).status == 405
        assert (await ask(base, "DELETE", f"{ROOT}/Odd/a")).status == 404


async def test_a_password_is_not_given_back(tmp_path):
    async with running_mockup(small_tree(tmp_path)) as base:
        login = await ask(base, "POST", f"{ROOT}/SessionService/Sessions", {"UserName": "root", "Password": "hunter2"})
        assert login.headers["x-auth-token"]
        session = await ask(base, "GET", login.headers["location"])
        assert session.json["Password"] is None
        assert b"hunter2" not in session.body


async def test_recorded_headers_are_sent_but_those_of_the_transport(tmp_path):
    folder = small_tree(tmp_path)
    recorded = {
        "ETag": 'W/"1"',
        "Content-Type": "application/json;odata=x",
        "Content-Length": "3",
        "Transfer-Encoding": "chunked",
        "Content-Encoding": "gzip",
        "X-Odd": "a\r\nX-Injected: b",
        "Bad Name": "x",
        "X-Number": 5,
    }
    write(folder, f"{ROOT}/Systems/1", {"GET": recorded}, "headers.json")
    async with running_mockup(folder) as base:
        for method in ("GET", "HEAD"):
            answer = await ask(base, method, f"{ROOT}/Systems/1")
            assert answer.status == 200
            assert answer.headers["etag"] == 'W/"1"'
            assert answer.headers["content-type"] == "application/json;odata=x"
            assert answer.headers["x-number"] == "5"
            assert not answer.headers.keys() & {"content-encoding", "transfer-encoding", "x-injected", "bad name"}
        assert (await ask(base, "GET", f"{ROOT}/Systems/1")).json["Name"] == "one"


async def test_time_json_makes_its_methods_wait(tmp_path):
    folder = small_tree(tmp_path)
    write(
        folder,
        f"{ROOT}/Systems/1",
        {"GET_Time": 30, "HEAD_Time": 30, "PATCH_Time": "0", "POST_Time": "soon"},
        "time.json",
    )
    async with running_mockup(folder) as base:
        waiting = asyncio.create_task(ask(base, "GET", f"{ROOT}/Systems/1"))
        for method, status in (("PATCH", 204), ("POST", 405)):
            assert (await ask(base, method, f"{ROOT}/Systems/1", {"AssetTag": "a"})).status == status
        assert (await ask(base, "HEAD", f"{ROOT}/Systems/1")).status == 200
        assert not waiting.done()
    assert (await waiting).status is None


async def test_expansion_goes_as_deep_and_as_wide_as_asked(tmp_path):
    async with running_mockup(small_tree(tmp_path)) as base:
        plain, wide = [(await ask(base, "GET", f"{ROOT}/Systems/1?$expand={how}")).json for how in (".", "*")]
        deep = (await ask(base, "GET", f"{ROOT}/Systems/1?$expand=.($levels=2)")).json
    assert plain["Chassis"] == {"Name": "chassis", "Systems": link(f"{ROOT}/Systems/2")}
    assert plain["Links"] == {"Chassis": [link(f"{ROOT}/Chassis/1")]}
    assert wide["Links"] == {"Chassis": [plain["Chassis"]]}
    assert deep["Chassis"]["Systems"]["Name"] == "two"


async def test_expansion_in_circles_comes_to_an_end(tmp_path):
    ring = [f"{ROOT}/{name}" for name in "abc"]
    for path in ring:
        write(tmp_path, path, {"Name": path, "All": [link(other) for other in ring], "Text": "x" * 100_000})
    async with running_mockup(tmp_path) as base:
        answer = await ask(base, "GET", f"{ring[0]}?$expand=*($levels=9)")
    assert answer.status == 200
    assert 4_000_000 < len(answer.body) < 4_500_000


async def test_test_events_reach_loopback_subscribers_of_their_type_and_nobody_else(tmp_path, monkeypatch):
    folder = small_tree(tmp_path)
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def subscriber(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length"))
        received.put_nowait(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    listening = await asyncio.start_server(subscriber, "127.0.0.1", 0)
    here = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/events"
    subscriptions = {
        "1": {"Destination": here, "EventTypes": ["Alert"], "Context": "ours"},
        "2": {"Destination": here, "EventTypes": ["StatusChange"]},
        "3": {"Destination": "http://192.0.2.1/events", "EventTypes": ["Alert"]},
        "4": {"Destination": "no address", "EventTypes": ["Alert"]},
    }
    write(
        folder, f"{ROOT}/EventService/Subscriptions", collection(f"{ROOT}/EventService/Subscriptions", *subscriptions)
    )
    for name, subscription in subscriptions.items():
        write(folder, f"{ROOT}/EventService/Subscriptions/{name}", subscription)
    posted = []
    monkeypatch.setattr("emulator.mockup._send_event", _remembering(posted, emulator.mockup._send_event))
    async with listening, running_mockup(folder) as base:
        await ask(base, "POST", f"{ROOT}/EventService/Actions/EventService.SubmitTestEvent", EVENT)
        event = json.loads(await asyncio.wait_for(received.get(), 5))
    assert event["Context"] == "ours"
    assert event["Events"][0]["OriginOfCondition"] == link(f"{ROOT}/Chassis/1")
    assert posted == [here]


def _remembering(posted, send):
    async def remember(destination, event):
        posted.append(destination)
        await send(destination, event)

    return remember


async def test_a_submitted_metric_report_is_stored_and_listed_once(tmp_path):
    async with running_mockup(small_tree(tmp_path)) as base:
        action = f"{ROOT}/TelemetryService/Actions/TelemetryService.SubmitTestMetricReport"
        for _ in range(2):
            assert (await ask(base, "POST", action, REPORT)).status == 204
        reports = (await ask(base, "GET", f"{ROOT}/TelemetryService/MetricReports")).json
        assert reports["Members"] == [link(f"{ROOT}/TelemetryService/MetricReports/Power")]
        report = (await ask(base, "GET", f"{ROOT}/TelemetryService/MetricReports/Power")).json
        assert report["MetricValues"] == [VALUE]


async def test_a_mockup_one_folder_down_is_found_in_either_form(tmp_path):
    for form, prefix in (("tall", ROOT), ("short", "")):
        small_tree(tmp_path / form / "captured", prefix)
        async with running_mockup(tmp_path / form) as base:
            assert (await ask(base, "GET", f"{ROOT}/Systems/1")).json["Name"] == "one"


def test_a_folder_without_a_mockup_is_refused_with_what_would_be_right(tmp_path):
    with pytest.raises(NoMockupError, match=r"expected redfish/v1/index\.json"):
        locate(tmp_path)
    with pytest.raises(NoMockupError, match="no such folder"):
        locate(tmp_path / "nowhere")
    for name in "ab":
        small_tree(tmp_path / name)
    with pytest.raises(NoMockupError, match="2 mockups; name one of them, such as a"):
        locate(tmp_path)


async def test_a_mockup_is_served_over_tls(tmp_path):
    async with running_mockup(small_tree(tmp_path), ssl_context=server_context("bmc")) as base:
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(urlsplit(base).netloc, timeout=10, context=trusting)
        await asyncio.to_thread(connection.request, "GET", ROOT)
        assert (await asyncio.to_thread(connection.getresponse)).status == 200
        connection.close()
