"""`fleetmon top`: how the service is doing, and what in the fleet needs somebody, live."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from fleetmon.cli.columns import DEVICES, EVENTS
from fleetmon.cli.marks import HEALTH
from fleetmon.cli.options import DEFAULT_URL, Ascii, Url, examples, verb
from fleetmon.cli.output import ascii_only, ascii_text, paper, table
from fleetmon.cli.pulse import Look, bound, look, per_second, quantile, rate
from fleetmon.cli.screen import stay
from fleetmon.cli.service import Service
from fleetmon.cli.words import age, days_left, instant, number, plain, room_left, size, watts
from fleetmon.clock import Clock, SystemClock
from fleetmon.errors import FleetmonError

app = verb("The service and the fleet, live in this terminal.")

_HEAD_LINES = 12
"""Lines of a frame that are not rows of a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """All that one picture shows."""

    url: str
    ready: dict[str, Any]
    fleet: dict[str, Any]
    storage: dict[str, Any]
    worst: list[dict[str, Any]]
    events: list[dict[str, Any]]
    pulse: Look
    before: Look | None


@app.command(
    epilog=examples(
        ("fleetmon top", "live; q or Ctrl-C ends it"),
        ("fleetmon top --once", "one picture, for a log or a mail"),
    )
)
def top(
    once: Annotated[bool, typer.Option("--once", help="Print one picture; so where there is no terminal.")] = False,
    ascii_: Ascii = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Show roles, polls, lag and queues of the service, the devices that are worst off, and the newest events."""
    in_ascii_alone = ascii_ or ascii_only(os.environ)
    clock = SystemClock()
    out = paper()
    with Service(url) as service:
        first = gather(service, None, clock, rows=20)
        if once or not out.is_terminal:
            out.print(picture(first, width=out.width, rows=20, in_ascii_only=in_ascii_alone))
            return
        asyncio.run(_live(service, first, clock, in_ascii_alone))


def gather(service: Service, before: Look | None, clock: Clock, *, rows: int) -> Frame:
    """Ask the service for all that a picture shows."""
    return Frame(
        url=service.url,
        ready=service.ready(),
        fleet=service.get("/fleet"),
        storage=service.get("/storage"),
        worst=[row for row in service.items("/devices", limit=rows, sort="worst") if wants_somebody(row)],
        events=list(service.items("/events", limit=rows)),
        pulse=look(service.metrics(), clock.monotonic()),
        before=before,
    )


def wants_somebody(device: dict[str, Any]) -> bool:
    """Not well, not answering, or not heard of for too long."""
    return (
        device["health"] != "OK"
        or bool(device.get("stale"))
        or device.get("reachability") not in ("reachable", "never_asked")
    )


def picture(frame: Frame, *, width: int, rows: int, in_ascii_only: bool = False) -> RenderableType:
    """One picture: the service in seven lines, then worst devices and newest events sharing `rows`."""
    half = max(3, rows // 2)
    worst, events = frame.worst[:half], frame.events[: max(3, rows - min(half, len(frame.worst)))]
    columns = [column for column in DEVICES if column.key in ("device_id", "health", "power", "rack_id", "reason")]
    parts: list[RenderableType] = [
        _head(frame, in_ascii_only),
        Text(""),
        _pulse(frame),
        _disk(frame.storage),
        _fleet(frame, in_ascii_only),
        Text(""),
    ]
    parts.append(Text("Worst devices", style="bold"))
    if worst:
        parts.append(table(worst, columns, width=width, in_ascii_only=in_ascii_only))
    else:
        parts.append(Text("every device is well and answers", style="dim"))
    parts += [Text(""), Text("Newest events", style="bold")]
    if events:
        parts.append(table(events, EVENTS, width=width, in_ascii_only=in_ascii_only))
    else:
        parts.append(Text("none yet", style="dim"))
    return Group(*(ascii_text(part) if in_ascii_only and isinstance(part, Text) else part for part in parts))


def _head(frame: Frame, in_ascii_only: bool) -> Text:
    ready = frame.ready.get("status") == "ready"
    mark = HEALTH["OK" if ready else "Critical"]
    now = instant(frame.fleet.get("now"))
    line = Text.assemble(
        ("fleetmon ", "bold"),
        (f"{plain(frame.ready.get('version') or '')}  {frame.url}   ", "dim"),
        (f"{mark.ascii if in_ascii_only else mark.glyph} {'ready' if ready else 'not ready'}", mark.style),
    )
    for role in frame.ready.get("roles", []):
        up = role["state"] == "running"
        since = age(role.get("since"), now) if now else "–"
        restarts = f", {role['restarts']} restarts" if role.get("restarts") else ""
        said = (
            f"{since}{restarts}" if up else f"{plain(role['state'])}: {plain(role.get('reason') or 'no reason given')}"
        )
        line.append(f"\n  {plain(role['role']):<12}", style="dim").append(
            said, style="" if up else HEALTH["Critical"].style
        )
    for reason in frame.ready.get("reasons", []) if not ready else []:
        line.append(f"\n  {plain(reason)}", style=HEALTH["Warning"].style)
    return line


def _pulse(frame: Frame) -> Text:
    now, before = frame.pulse, frame.before
    lag = bound(quantile(before, now, "fleetmon_poll_lag_seconds", 0.95))
    late = now.values.get("fleetmon_polls_late_total", 0.0)
    running = now.values.get("fleetmon_polls_running", 0.0)
    waiting = now.values.get("fleetmon_polls_waiting", 0.0)
    failed = now.values.get("fleetmon_poll_errors_total", 0.0)
    took = bound(quantile(before, now, "fleetmon_poll_seconds", 0.5))
    slow = bound(quantile(before, now, "fleetmon_poll_seconds", 0.95))
    kept = bound(quantile(before, now, "fleetmon_ingest_seconds", 0.95))
    line = Text.assemble(
        ("polls     ", "dim"),
        f"{per_second(rate(before, now, 'fleetmon_polls_total'))}, {running:.0f} under way, {waiting:.0f} waiting, ",
        (f"{late:,.0f} late", HEALTH["Warning"].style if late else ""),
        f", {now.values.get('fleetmon_polls_total', 0.0):,.0f} since the start",
        ("\nlag       ", "dim"),
        f"95 % start {lag} after their slot",
        ("\ntime      ", "dim"),
        f"half take {took}, 95 % {slow}; stored in {kept}",
        ("\ntraffic   ", "dim"),
        f"{per_second(rate(before, now, 'fleetmon_device_requests_total'))} requests to devices, ",
        f"{per_second(rate(before, now, 'fleetmon_readings_total'))} readings stored",
    )
    if failed:
        line.append(f"\nerrors    {failed:,.0f} polls ended in an error of our own", style=HEALTH["Critical"].style)
    return line


def _disk(storage: dict[str, Any]) -> Text:
    """The databases and the room they have left; in red when readings are refused or nothing can be written."""
    held = size(sum(file["bytes"] + file["wal_bytes"] for file in storage["files"]))
    line = Text.assemble(("disk      ", "dim"), f"{held} in databases, {room_left(storage)}")
    line.append("\ngrowth    ", style="dim").append(plain(days_left(storage)))
    wrong = [file["reason"] for file in storage["files"] if not file["writable"]]
    if not storage["readings"]["taken"]:
        wrong.append(f"readings are refused, {storage['readings']['lost']:,} so far")
    for reason in wrong:
        line.append(f"\n          {plain(reason)}", style=HEALTH["Critical"].style)
    return line


def _fleet(frame: Frame, in_ascii_only: bool) -> Text:
    fleet = frame.fleet
    line = Text.assemble(("devices   ", "dim"), f"{fleet.get('devices', 0):,}   ")
    for word, mark in reversed(HEALTH.items()):
        glyph = mark.ascii if in_ascii_only else mark.glyph
        line.append(glyph, style=mark.style).append(f" {mark.word} {(fleet.get('by_health') or {}).get(word, 0):,}   ")
    by = fleet.get("by_reachability") or {}
    for said, label in (("unreachable", "unreachable"), ("access_denied", "denied"), ("untrusted", "untrusted")):
        if by.get(said):
            line.append(f"{by[said]:,} {label}   ", style=HEALTH["Warning"].style)
    if fleet.get("stale"):
        line.append(f"{fleet['stale']:,} stale   ", style=HEALTH["Warning"].style)
    return line.append(watts(number(fleet.get("watts"))))


async def _live(service: Service, first: Frame, clock: Clock, in_ascii_only: bool) -> None:
    """A new picture every two seconds; while the service is away the last one stays, under a line that says so."""
    last, out = first, paper()

    async def draw() -> RenderableType:
        nonlocal last
        rows = max(8, out.height - _HEAD_LINES - len(last.ready.get("roles", [])) - 4)
        said = ""
        try:
            last = await asyncio.to_thread(gather, service, last.pulse, clock, rows=rows)
        except FleetmonError as error:
            said = str(error)
        drawn = picture(last, width=out.width, rows=rows, in_ascii_only=in_ascii_only)
        return Group(Text(plain(said), style="reverse"), drawn) if said else drawn

    await stay(draw, clock)
