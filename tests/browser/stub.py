"""A pretend service for browser tests: the built dashboard under its real headers, the API's shapes on command.

It holds states that a real fleet reaches rarely: no data, refused requests, a stream that dies, an answer that takes
long.
By itself, `python -m tests.browser.stub`, it serves the fleet of `fleet.py` for work on the dashboard.
"""

from __future__ import annotations

import contextlib
import json
import math
import mimetypes
import queue
import re
import threading
import time as real_time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.browser.fleet import Fleet, Json, elevation, rack_row, time, troubled_fleet

STATIC = Path(__file__).resolve().parent.parent.parent / "fleetmon" / "web" / "static"
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
INDEX = [
    "device_id",
    "name",
    "kind",
    "site_id",
    "rack_id",
    "position_u",
    "health",
    "power",
    "stale",
    "serial_number",
    "height_u",
    "face",
    "slot",
    "address",
]
ORDER = {"Critical": 0, "Warning": 1, "Unknown": 2, "OK": 3}


class Stub:
    """The service's state as the tests set it; every change is told to all open streams."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.failing: dict[str, int] = {}
        self.slow: dict[str, float] = {}
        self.polls: list[str] = []
        self.witnesses: dict[str, Json] = {}
        self.resumed: list[str] = []
        self.streams_refused = False
        self.refused = threading.Event()
        self.closing = threading.Event()
        self._streams: set[queue.Queue[bytes | None]] = set()
        self._lock = threading.Lock()
        self.server = StubServer(self)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self.drop_streams()
        self.server.shutdown()
        self.server.server_close()

    def change(self, device_id: str, **fields: Any) -> None:
        """Changes a device and sends the stream's frame."""
        self.fleet.revision += 1
        device = self.fleet.devices[device_id] | fields | {"revision": self.fleet.revision}
        self.fleet.devices[device_id] = device
        self.tell("devices", {"now": time(datetime.now(UTC)), "devices": [device], "removed": []})

    def hear_all(self) -> None:
        """Every answering device answers now."""
        for device_id, device in list(self.fleet.devices.items()):
            if not device["stale"] and device["seen_at"] is not None:
                self.change(device_id, seen_at=time(datetime.now(UTC)), polled_at=time(datetime.now(UTC)))

    def tell(self, event: str, body: Json) -> None:
        with self._lock:
            for stream in self._streams:
                stream.put(frame(event, {"revision": self.fleet.revision, **body}))

    def drop_streams(self) -> None:
        with self._lock:
            for stream in self._streams:
                stream.put(None)
            self._streams.clear()

    def open_streams(self) -> int:
        return len(self._streams)

    def join(self, since: str) -> queue.Queue[bytes | None]:
        """A new stream, with what changed since the revision it resumes from; empty for a first one."""
        self.resumed.append(since)
        stream: queue.Queue[bytes | None] = queue.Queue()
        stream.put(
            frame("hello", {"revision": self.fleet.revision, "version": "0.1.0", "now": time(datetime.now(UTC))})
        )
        missed = [one for one in self.fleet.devices.values() if since and one["revision"] > int(since)]
        if missed:
            body = {"revision": self.fleet.revision, "now": time(datetime.now(UTC)), "devices": missed, "removed": []}
            stream.put(frame("devices", body))
        with self._lock:
            self._streams.add(stream)
        return stream

    # answers

    def answer(self, path: str, query: dict[str, list[str]]) -> Json | None:
        """The body at an API path; None where there is nothing."""
        for pattern, route in ROUTES:
            if found := re.fullmatch(pattern, path):
                return route(self, query, *found.groups())
        return None

    def get_fleet(self, query: dict[str, list[str]]) -> Json:
        devices = list(self.fleet.devices.values())
        rows = [rack_row(self.fleet, rack) for rack in self.fleet.racks.values()]
        sites = {row["site_id"] for row in rows}
        return {
            "revision": self.fleet.revision,
            "now": time(datetime.now(UTC)),
            "devices": len(devices),
            "by_health": tally(devices, "health"),
            "by_reachability": tally(devices, "reachability"),
            "stale": sum(device["stale"] for device in devices),
            "sites": [{"site_id": one, "name": one, "racks": 1, "devices": 1} for one in sorted(sites)],
        }

    def get_racks(self, query: dict[str, list[str]]) -> Json:
        rows = [rack_row(self.fleet, rack) for rack in self.fleet.racks.values()]
        rows = [row for row in rows if query.get("site", [row["site_id"]])[0] == row["site_id"]]
        worst = query.get("sort") == ["worst"]
        rows.sort(key=lambda row: (ORDER[row["health"]] if worst else 0, -row["stale"] if worst else 0, row["rack_id"]))
        return {"items": rows, "next": None, "revision": self.fleet.revision}

    def get_elevation(self, query: dict[str, list[str]], rack_id: str) -> Json | None:
        if rack_id not in self.fleet.racks:
            return None
        told = elevation(self.fleet, self.fleet.racks[rack_id], datetime.now(UTC))
        ids = list(self.fleet.racks)
        at = ids.index(rack_id)
        around = {"previous": ids[at - 1] if at else None, "next": ids[at + 1] if at + 1 < len(ids) else None}
        return told | {"rack": told["rack"] | around}

    def get_index(self, query: dict[str, list[str]]) -> Json:
        rows = [
            [device["power"]["value"] if column == "power" else device[column] for column in INDEX]
            for device in self.fleet.devices.values()
        ]
        return {"revision": self.fleet.revision, "columns": INDEX, "rows": rows}

    def get_device(self, query: dict[str, list[str]], device_id: str) -> Json:
        device = self.fleet.devices[device_id]
        same = ("reachability", "unreachable_since", "seen_at", "address")
        first = {key: device[key] for key in same} | {"protocol": "redfish", "duty": "first", "reason": ""}
        plain = {"protocol": "ipmi", "address": "ipmi://10.20.4.9", "duty": "witness", "reachability": "reachable"}
        others = [
            plain | {"reason": "", "unreachable_since": None, "seen_at": time(datetime.now(UTC))} | witness
            for witness in ([self.witnesses[device_id]] if device_id in self.witnesses else [])
        ]
        return device | {"endpoints": [first, *others]}

    def get_events(self, query: dict[str, list[str]], device_id: str) -> Json:
        device = self.fleet.devices[device_id]
        told = [] if device["health"] == "OK" else [(device["health"], device["health_reason"], 14.0)]
        told += [("Warning", "PSU 2: input lost", 60 * 26), ("OK", "PSU 2: input restored", 60 * 25.8)]
        return {"items": [event(number, *row) for number, row in enumerate(told)], "next": None, "revision": 1}

    def get_sensors(self, query: dict[str, list[str]], device_id: str) -> Json:
        device = self.fleet.devices[device_id]
        limits = {"upper_caution": 32.0, "upper_critical": 37.0}
        rows = [
            sensor("7", "CPU 1", "Temperature", "CPU", {}, device["outlet"] | {"source": "/redfish/v1/x"}),
            sensor("8", "Inlet", "Temperature", "Intake", limits, device["inlet"]),
        ]
        return {"items": rows if device["seen_at"] else [], "next": None, "revision": 1}

    def get_readings(self, query: dict[str, list[str]], device_id: str) -> Json:
        device = self.fleet.devices[device_id]
        to = datetime.now(UTC)
        begin = int(to.timestamp()) - 7200
        centre = device["inlet"]["value"] or 24.2
        seen = datetime.fromisoformat(device["seen_at"]) if device["seen_at"] else to
        ends = seen.timestamp() if device["power"]["value"] == "On" else to.timestamp() - 14 * 60
        points = []
        for at in range(begin, begin + 7200, 60):
            value = (
                centre
                + 0.5 * math.sin((at - begin) / 1500)
                + 0.12 * math.sin(at * 0.0037)
                + 0.05 * math.sin(at * 0.011)
            )
            gap = at > ends or 2700 <= at - begin < 3300
            points.append([at, None, None, None] if gap else [at, value - 0.2, value, value + 0.2])
        told = {"from": time(to - timedelta(seconds=7200)), "to": time(to), "step": 60, "points": points}
        return {"sensor_id": "8", "unit": "Cel", "gaps": 1, "source": "raw", **told}

    def post_poll(self, device_id: str) -> Json:
        self.polls.append(device_id)
        return {"poll_request_id": str(len(self.polls)), "device_id": device_id, "state": "requested"}

    def get_poll(self, query: dict[str, list[str]], number: str) -> Json:
        device_id = self.polls[int(number) - 1]
        if self.fleet.devices[device_id]["reachability"] != "reachable":
            return {
                "poll_request_id": number,
                "device_id": device_id,
                "state": "failed",
                "reason": "no answer within 10 s",
            }
        self.change(device_id, seen_at=time(datetime.now(UTC)), polled_at=time(datetime.now(UTC)))
        return {"poll_request_id": number, "device_id": device_id, "state": "done"}


Route = Callable[..., Json | None]
ROUTES: tuple[tuple[str, Route], ...] = (
    (r"/fleet", Stub.get_fleet),
    (r"/racks", Stub.get_racks),
    (r"/racks/([^/]+)/elevation", Stub.get_elevation),
    (r"/devices/index", Stub.get_index),
    (r"/devices/([^/]+)", Stub.get_device),
    (r"/devices/([^/]+)/events", Stub.get_events),
    (r"/devices/([^/]+)/sensors", Stub.get_sensors),
    (r"/devices/([^/]+)/readings", Stub.get_readings),
    (r"/polls/([^/]+)", Stub.get_poll),
)


def frame(event_name: str, body: Json) -> bytes:
    return f"id: {body['revision']}\nevent: {event_name}\ndata: {json.dumps(body)}\n\n".encode()


def tally(devices: list[Json], key: str) -> Json:
    words = [device[key] for device in devices]
    return {word: words.count(word) for word in sorted(set(words))}


def event(number: int, severity: str, message: str, minutes: float) -> Json:
    at = time(datetime.now(UTC) - timedelta(minutes=minutes))
    told = {
        "event_id": number,
        "severity": severity,
        "message": message,
        "message_id": "",
        "created_at": at,
        "received_at": at,
    }
    return told | {"created_text": at, "clock_suspect": False}


def sensor(sensor_id: str, name: str, kind: str, context: str, thresholds: Json, reading: Json) -> Json:
    told = {"sensor_id": sensor_id, "name": name, "type": kind, "unit": "Cel", "physical_context": context}
    return told | {"thresholds": thresholds, "reading": reading, "spark": []}


class StubServer(ThreadingHTTPServer):
    """Knows the stub that its requests are about."""

    daemon_threads = True

    def __init__(self, stub: Stub) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.stub = stub


class Handler(BaseHTTPRequestHandler):
    """The HTTP door of one stub."""

    protocol_version = "HTTP/1.1"

    @property
    def stub(self) -> Stub:
        assert isinstance(self.server, StubServer)
        return self.server.stub

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Requests are counted, not printed."""

    def do_GET(self) -> None:
        with contextlib.suppress(OSError):
            self.get()

    def get(self) -> None:
        url = urlsplit(self.path)
        if not url.path.startswith("/api/"):
            self.serve_file(url.path)
            return
        path = url.path.removeprefix("/api/v1")
        self.stub.closing.wait(next((wait for start, wait in self.stub.slow.items() if path.startswith(start)), 0))
        if status := next((code for start, code in self.stub.failing.items() if path.startswith(start)), 0):
            self.problem(status, "The store is busy", "state.db did not answer within 5 s")
        elif path == "/stream":
            self.stream(parse_qs(url.query))
        else:
            self.json(200, self.stub.answer(path, parse_qs(url.query)))

    def do_POST(self) -> None:
        found = re.fullmatch(r"/api/v1/devices/([^/]+)/poll", self.path)
        if found is None:
            self.problem(404, "Not found", self.path)
        else:
            self.json(202, self.stub.post_poll(found[1]))

    def json(self, status: int, body: Json | None) -> None:
        if body is None:
            self.problem(404, "Not found", self.path)
        else:
            self.send(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def problem(self, status: int, title: str, detail: str) -> None:
        body = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": "/requests/7f3a",
            "errors": [],
        }
        self.send(status, json.dumps(body).encode(), {"Content-Type": "application/problem+json"})

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (SECURITY | headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def stream(self, query: dict[str, list[str]]) -> None:
        if self.stub.streams_refused:
            self.stub.refused.set()
            self.problem(503, "No streams", "the service is going down")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        frames = self.stub.join(self.headers.get("Last-Event-ID") or query.get("since", [""])[0])
        self.close_connection = True
        while (told := frames.get()) is not None:
            self.wfile.write(told)
            self.wfile.flush()

    def serve_file(self, path: str) -> None:
        name = path.lstrip("/") if path.startswith("/assets/") or path == "/favicon.svg" else "index.html"
        file = STATIC / name
        if not file.is_file():
            self.send(404, b"", {"Content-Type": "text/plain"})
            return
        headers = {"Content-Type": mimetypes.guess_type(name)[0] or "application/octet-stream"}
        packed = file.with_name(file.name + ".br")
        if packed.is_file() and "br" in self.headers.get("Accept-Encoding", ""):
            file = packed
            headers["Content-Encoding"] = "br"
        cache = "public, max-age=31536000, immutable" if path.startswith("/assets/") else "no-cache"
        self.send(200, file.read_bytes(), headers | {"Cache-Control": cache, "Vary": "Accept-Encoding"})


def main() -> None:
    """Serves until interrupted; a device answers twice a second, as in a living fleet."""
    stub = Stub(troubled_fleet(datetime.now(UTC)))
    print(f"dashboard {stub.url}/racks", flush=True)
    alive = [name for name, device in stub.fleet.devices.items() if not device["stale"] and device["seen_at"]]
    try:
        for turn in range(10**9):
            real_time.sleep(0.5)
            at = time(datetime.now(UTC))
            stub.change(alive[turn % len(alive)], seen_at=at, polled_at=at)
    except KeyboardInterrupt:
        stub.close()


if __name__ == "__main__":
    main()
