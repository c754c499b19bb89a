"""A service that says what a test wrote down, over real HTTP on loopback, in the shapes of docs/reference/api.md."""

# ruff: noqa: E501

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

NOW = "2026-01-06T08:00:00.000Z"


def stated(value: float | None, reason: str | None = None) -> dict[str, Any]:
    return {
        "value": value,
        "reason": reason,
        "taken_at": NOW,
        "source": "/redfish/v1/x",
        "quality": "good",
        "stale": False,
    }


STORAGE: dict[str, Any] = {
    "directory": "/data",
    "files": [
        {"file": name, "bytes": 3 << 20, "wal_bytes": 1 << 20, "writable": True, "reason": "", "since": None,
         "commits_failed": 0, "reopened": 0}
        for name in ("state.db", "telemetry.db")
    ],
    "disk": {"total": 100 << 30, "free": 40 << 30, "floor": 512 << 20, "reserve": 64 << 20, "reserve_held": True},
    "readings": {"taken": True, "reason": "", "since": None, "lost": 0},
    "forecast": {"per_day": 1 << 30, "days": 39.5, "reason": "", "history": []},
    "warnings": [],
}  # fmt: skip
"""A store that is well."""


def bays(count: int, **wrong: str) -> list[dict[str, Any]]:
    """Bays 1 to `count`; `bay_3="Critical"` makes one of them so, `"Absent"` empties it."""
    told = {int(name.split("_")[1]): what for name, what in wrong.items()}
    return [
        {
            "name": f"Bay {number}",
            "health": "OK" if told.get(number, "OK") in ("OK", "Absent") else told[number],
            "state": "Absent" if told.get(number) == "Absent" else "Enabled",
            "failure_predicted": False,
        }
        for number in range(1, count + 1)
    ]


def device(name: str, **changes: Any) -> dict[str, Any]:
    """A device summary, well unless told otherwise; `on=False` switches it off."""
    power = "On" if changes.pop("on", True) else "Off"
    inlet, load = changes.pop("inlet", 23.4), changes.pop("watts", 312.0)
    return {
        "device_id": name, "name": name, "kind": "server", "site_id": "core-1", "rack_id": "R04", "position_u": 1,
        "height_u": 1, "face": "front", "slot": "", "tags": [], "enabled": True, "health": "OK", "health_reason": "",
        "failure_predicted": False, "power": {"value": power, "taken_at": NOW, "source": "x", "stale": False},
        "reachability": "reachable", "reachability_reason": "", "unreachable_since": None, "inlet": stated(inlet),
        "outlet": stated(35.0), "watts": stated(load), "stale": False, "polled_at": "2026-01-06T07:59:54.000Z",
        "seen_at": "2026-01-06T07:59:54.000Z", "interval": 60, "manufacturer": "Dell Inc.", "model": "PowerEdge R660",
        "serial_number": f"SN{name}", "firmware": "7.10", "address": "https://127.0.0.1:9011", "subsystems": [],
        "bays": bays(8), "supplies": [{"name": f"PSU {n}", "health": "OK", "state": "Enabled"} for n in (1, 2)],
        "fans": [{"name": f"Fan {n}", "health": "OK", "state": "Enabled"} for n in range(1, 7)], "revision": 1,
        **changes,
    }  # fmt: skip


def rack(units: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """The elevation of a rack that holds these devices."""
    order = ["OK", "Unknown", "Warning", "Critical"]
    worst = max((unit["health"] for unit in units), key=order.index, default="Unknown")
    return {
        "rack": {
            "rack_id": "R04", "name": "R04", "site_id": "core-1", "site_name": "core-1", "row": "A", "height_u": 42,
            "devices": len(units), "health": worst, "by_health": {}, "stale": 0, "feed_budget_watts": 8600,
            "watts": {"value": sum(unit["watts"]["value"] or 0 for unit in units), "devices": len(units), "of": len(units)},
            "inlet_max": stated(27.4), "free_u": 6, "previous": "R03", "next": "R05", **changes,
        },
        "revision": 17, "now": NOW, "units": units,
        "space": {"free_u": 6, "largest_gap": {"from_u": 1, "to_u": 4}},
        "temperature": [
            {"zone": "top", "inlet": stated(27.4), "outlet": stated(39.8)},
            {"zone": "middle", "inlet": stated(24.8), "outlet": stated(36.9)},
            {"zone": "bottom", "inlet": stated(None, "NeverRead"), "outlet": stated(None, "NeverRead")},
        ],
    }  # fmt: skip


def a_bad_day() -> dict[str, Any]:
    """A rack with everything in it: a failed drive, a stale device, a chassis of four, switches facing the rear."""
    lost = {"health": "Warning", "health_reason": "PowerSupply PSU 1: no input"}
    units = [
        device("sw-r04-a", position_u=41, kind="switch", face="rear", model="DCS-7050SX3", bays=[], watts=180.0, inlet=26.0),
        device("sw-r04-b", position_u=40, kind="switch", face="rear", model="DCS-7050SX3", bays=[], watts=176.0, inlet=26.1),
        *(device(f"api-{31 + n}", position_u=34 - n, inlet=27.0 - n * 0.2, **(lost if n < 3 else {})) for n in range(8)),
        device("api-39", position_u=26, stale=True, seen_at="2026-01-06T07:48:00.000Z", reachability="unreachable",
               reachability_reason="no answer within 10 s"),
        device("api-40", position_u=25, health="Unknown", reachability="access_denied", seen_at=None,
               reachability_reason="the BMC refused the user name or password", inlet=None, watts=None, bays=[],
               power={"value": "Unknown", "taken_at": None, "source": "", "stale": False}),
        *(device(f"ci-0{n}", position_u=23, height_u=2, slot=f"N{n}", model="C6525", watts=210.0 + n, bays=bays(6),
                 **(lost if n == 2 else {})) for n in range(1, 5)),
        device("db-b01", position_u=21, height_u=2, model="ProLiant DL380 Gen11", bays=bays(24, bay_24="Absent"), watts=498.0),
        device("db-b02", position_u=19, height_u=2, model="ProLiant DL380 Gen11", bays=bays(24, bay_3="Critical", bay_7="Warning"),
               health="Critical", health_reason="Drive Bay 3: failed; Volume 1 degraded, rebuilding", on=False, watts=0.0, inlet=None),
        device("db-b03", position_u=17, height_u=2, model="ProLiant DL380 Gen11", bays=bays(24), watts=1204.0),
        *(device(f"store-1{n}", position_u=15 - 2 * n, height_u=2, model="SSG-6029P", watts=455.0, inlet=22.9,
                 **({"health": "Warning", "failure_predicted": True, "health_reason": "Drive Bay 7: failure predicted",
                     "bays": bays(12, bay_7="Warning")} if n == 2 else {"bays": bays(12)})) for n in range(5)),
        device("pdu-r04-a", position_u=None, kind="pdu", health="Unknown", reachability="unreachable",
               reachability_reason="no answer within 10 s", bays=[], watts=None, inlet=None, face="rear"),
        device("pdu-r04-b", position_u=None, kind="pdu", bays=[], watts=None, inlet=None, face="rear"),
    ]  # fmt: skip
    for unit in units:
        if unit["inlet"]["value"] is None:
            unit["inlet"]["reason"] = "Off" if unit["power"]["value"] == "Off" else "NeverRead"
    return rack(units)


@dataclass
class Stub:
    """What the service answers: `(method, path)` to `(status, body)`; what it was asked is kept."""

    answers: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, list[str]], Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def says(self, path: str, body: Any, *, status: int = 200, method: str = "GET") -> None:
        self.answers[(method, path if path.startswith("/metrics") else f"/api/v1{path}")] = (status, body)

    def lists(self, path: str, rows: list[dict[str, Any]]) -> None:
        self.says(path, {"items": rows, "next": None, "revision": 1})

    def refuses(self, path: str, status: int, detail: str, *, method: str = "GET", errors: Any = ()) -> None:
        problem = {
            "type": "about:blank",
            "title": "Refused",
            "status": status,
            "detail": detail,
            "errors": list(errors),
        }
        self.says(path, problem, status=status, method=method)


@contextmanager
def serving(stub: Stub) -> Iterator[Stub]:
    """The stub, answering on an ephemeral loopback port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            stub.asked.append((self.command, parts.path, parse_qs(parts.query), body))
            stub.headers.append(dict(self.headers))
            status, said = stub.answers.get(
                (self.command, parts.path), (404, {"title": "Not Found", "detail": "no such thing"})
            )
            text = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(said, str) else "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.send_header("ETag", '"7"')
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
