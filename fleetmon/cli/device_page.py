"""One device on one page: who and where it is, how it is, what it measures, what it logged last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fleetmon.cli.columns import EVENTS
from fleetmon.cli.link_page import MOST as MOST_LINKS
from fleetmon.cli.link_page import link_table
from fleetmon.cli.marks import health, health_text, power_text, reason
from fleetmon.cli.output import Column, Row, beside, table
from fleetmon.cli.socket_page import OUTLETS, PORTS, SOCKETS, battery, in_use, outlets, ports, socket_table
from fleetmon.cli.words import age, component, count, in_ascii, made, natural, number, plain, several, stated, watts
from fleetmon.model import spoken

Device = dict[str, Any]
_MOST_SENSORS = 24
_FIRST = {kind: place for place, kind in enumerate(("Temperature", "Power", "Rotational", "Percent"), start=1)}
_SPARKS = "▁▂▃▄▅▆▇█"

SENSORS = (
    Column(key="sensor", value=lambda row: row["name"]),
    Column(key="type", value=lambda row: row["type"], wide=True),
    Column(
        key="reading",
        value=lambda row: number(row["reading"]),
        shown=lambda row: stated(row["reading"], "g", unit_of(row)),
        right=True,
    ),
    Column(key="lately", value=lambda row: "", shown=lambda row: spark(row.get("spark") or [])),
    Column(key="quality", value=lambda row: _doubt(row["reading"]), flexible=True),
)


LOGGED = tuple(column for column in EVENTS if column.key != "device_id")


def page(
    device: Device,
    sensors: Sequence[Device],
    events: Sequence[Device],
    now: datetime,
    *,
    links: Sequence[Device] = (),
    sockets: Sequence[Row] = (),
    width: int,
    in_ascii_only: bool = False,
) -> RenderableType:
    """The page of `GET /devices/{id}`, with its links, sensors and last events where they were asked for.

    `sockets` are the ports of a switch or the outlets of a PDU: each is a row with what it carries and leads to.
    """
    parts: list[RenderableType] = [
        _head(device, in_ascii_only),
        Text(""),
        _facts(device, battery(sensors), now, in_ascii_only),
    ]
    if device.get("subsystems"):
        parts += [Text(""), Text("Health by subsystem", style="bold"), _subsystems(device, in_ascii_only)]
    if device.get("problems"):
        parts += [Text(""), Text("Problems", style="bold"), _problems(device, width, in_ascii_only)]
    if sockets:
        parts += _plugged(device, sockets, sensors, links, width, in_ascii_only)
        links = [row for row in links if row["verdict"] == "differs" or row["end"]["kind"] not in SOCKETS]
        sensors = [row for row in sensors if (row.get("component") or {}).get("kind") not in SOCKETS]
    if links:
        parts += [
            Text(""),
            Text("Links", style="bold"),
            link_table(links, now, width=width, whole=False, in_ascii_only=in_ascii_only),
            *_more(len(links) - MOST_LINKS, device, "links"),
        ]
    if sensors:
        shown = sorted(sensors, key=_telling)[:_MOST_SENSORS]
        parts += [
            Text(""),
            Text("Sensors", style="bold"),
            table(shown, _sensor_columns(shown, in_ascii_only), width=width, in_ascii_only=in_ascii_only),
        ]
        parts += _more(len(sensors) - len(shown), device, "sensors")
    if events:
        parts += [
            Text(""),
            Text("Last events", style="bold"),
            table(events, LOGGED, width=width, in_ascii_only=in_ascii_only),
        ]
    return Group(*parts)  # fmt: skip


def _plugged(
    device: Device,
    sockets: Sequence[Row],
    sensors: Sequence[Device],
    links: Sequence[Device],
    width: int,
    in_ascii_only: bool,
) -> list[RenderableType]:
    """The ports or outlets in use, and how many are not."""
    is_switch = "link" in sockets[0]
    rows = ports(sockets, sensors) if is_switch else outlets(sockets, sensors, links)
    used = [row for row in rows if in_use(row)]
    word = "port" if is_switch else "outlet"
    drawn = socket_table(used, PORTS if is_switch else OUTLETS, width=width, in_ascii_only=in_ascii_only)
    idle = len(rows) - len(used)
    measured = sum((row.get("component") or {}).get("kind") in SOCKETS for row in sensors)
    return [
        Text(""),
        Text(f"{word.capitalize()}s", style="bold"),
        *([drawn] if used else []),
        *([Text(f"{count(idle, word)} with nothing on {'it' if idle == 1 else 'them'}", style="dim")] if idle else []),
        Text(
            f"{count(measured, 'sensor')} of theirs under /api/v1/devices/{plain(device['device_id'])}/sensors",
            style="dim",
        ),
    ]


def _more(number: int, device: Device, what: str) -> list[Text]:
    """Where the rest is, when there is any."""
    where = f"/api/v1/devices/{plain(device['device_id'])}/{what}"
    return [Text(f"and {number} more under {where}", style="dim")] if number > 0 else []


def unit_of(sensor: Row) -> str:
    """A UCUM code as people write it."""
    return spoken(str(sensor.get("unit") or ""))


def spark(points: Sequence[float | None]) -> str:
    """The shape of the last readings as a row of bars; a gap where there is none."""
    known = [point for point in points if point is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    scale = (len(_SPARKS) - 1) / (high - low) if high > low else 0.0
    return "".join(" " if point is None else _SPARKS[round((point - low) * scale)] for point in points[-16:])


def _telling(sensor: Device) -> tuple[Any, ...]:
    """What people look for first: what has no good value, then intake, temperatures, power, fans."""
    kind = str(sensor.get("type"))
    intake = sensor.get("physical_context") == "Intake"
    return (
        0 if _doubt(sensor["reading"]) else 1,
        0 if intake else _FIRST.get(kind, len(_FIRST) + 1),
        natural(str(sensor["name"])),
        natural(str((sensor.get("component") or {}).get("name"))),
    )


def _sensor_columns(sensors: Sequence[Device], in_ascii_only: bool) -> tuple[Column, ...]:
    apart = several(sensor.get("component") or {} for sensor in sensors)
    first, *others = (column for column in SENSORS if not (in_ascii_only and column.key == "lately"))
    return first, Column(key="of", value=lambda row: component(row.get("component") or {}, apart)), *others


def _head(device: Device, in_ascii_only: bool) -> Text:
    called = plain(made(str(device.get("manufacturer") or ""), str(device.get("model") or "")))
    return Text.assemble(
        (plain(device["name"]), "bold"),
        "   ",
        health_text(device, ascii_only=in_ascii_only),
        "   ",
        power_text(device, ascii_only=in_ascii_only),
        (f"   {called}", "dim"),
    )


def _facts(device: Device, charged: str, now: datetime, in_ascii_only: bool) -> Table:
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(style="dim")
    drawn.add_column()
    unit = f" U{device['position_u']}" if device.get("position_u") else ", beside its units"
    place = f"{device['rack_id']}{unit}" if device.get("rack_id") else ""
    slot = f" {device['slot']}" if device.get("slot") else ""
    seen = f"{age(device.get('seen_at'), now)} ago" if device.get("seen_at") else "never"
    asked = "agent" if str(device.get("address")).startswith("snmp:") else "BMC"
    inlet = device.get("inlet") or {}
    breathes = inlet.get("reason") != "NeverRead" or device.get("kind") not in ("pdu", "ups")
    facts = (
        ("why", reason(device)),
        ("power", (device.get("power") or {}).get("reason")),
        ("place", " ".join(part for part in (str(device.get("site_id") or ""), place + slot) if part)),
        ("serial", device.get("serial_number")),
        (asked, " ".join(str(device[key]) for key in ("address", "firmware") if device.get(key))),
        *(_other(endpoint, now) for endpoint in (device.get("endpoints") or [])[1:]),
        ("inlet", stated(inlet, ".1f", "°C") if breathes else ""),
        ("battery", charged),
        ("watts", watts(number(device.get("watts")))),
        ("answered", f"{seen}, asked every {device.get('interval', 60):g} s"),
        ("push", _push(device.get("push"), now)),
        ("tags", ", ".join(device.get("tags") or [])),
    )
    for label, value in facts:
        if value:
            said = plain(value)
            drawn.add_row(label, in_ascii(said) if in_ascii_only else said)
    return drawn


def _other(endpoint: Device, now: datetime) -> tuple[str, str]:
    """An endpoint beside the first: what it is there for, and what it said last."""
    label = "stand-in" if endpoint.get("duty") == "stand_in" else "witness"
    reachability, silent = str(endpoint.get("reachability")), endpoint.get("unreachable_since")
    if reachability == "never_asked":
        said = "never asked yet"
    elif reachability != "reachable":
        since = f" for {age(silent, now)}" if silent else ""
        said = f"{reachability.replace('_', ' ')}{since}: {endpoint.get('reason') or 'no reason known'}"
    else:
        said = f"power {endpoint['power']['value']}, {age(endpoint.get('seen_at'), now)} ago"
    return label, f"{endpoint['address']}  {said}"


def _push(push: Device | None, now: datetime) -> str:
    """How the device tells by itself; empty when nobody tried."""
    if not push:
        return ""
    said = {"open": f"{push['way']} open", "given_up": "none"}.get(push["state"], "not open")
    since = f"{said} for {age(push['since'], now)}"
    told = [count(push[f"{what}s"], what) for what in ("event", "hint") if push.get(f"{what}s")]
    lately = [f"the last {age(push['event_at'], now)} ago"] if push.get("event_at") else []
    return ", ".join([since, *told, *lately, *([push["reason"]] if push.get("reason") else [])])


def _subsystems(device: Device, in_ascii_only: bool) -> RenderableType:
    """Those that are not well, with the reason; those that are, in one line."""
    drawn = Table.grid(padding=(0, 2, 0, 0))
    well = []
    for subsystem in device["subsystems"]:
        present, bad = int(subsystem.get("present") or 0), int(subsystem.get("not_ok") or 0)
        if subsystem["health"] == "OK" and not bad:
            well.append(f"{present} {plain(subsystem['kind'])}")
            continue
        mark = health(subsystem["health"])
        drawn.add_row(
            Text(f"{mark.ascii if in_ascii_only else mark.glyph} {mark.word}", style=mark.style),
            plain(subsystem["kind"]),
            Text(f"{bad} of {present}", style="dim"),
            plain(subsystem.get("reason") or ""),
        )
    mark = health("OK")
    fine = beside(
        Text(f"{mark.ascii if in_ascii_only else mark.glyph} {mark.word}", style=mark.style),
        Text(", ".join(well), style="dim"),
    )
    return Group(*([drawn] if drawn.row_count else []), *([fine] if well else []))


def _problems(device: Device, width: int, in_ascii_only: bool) -> RenderableType:
    columns = (
        Column(key="resource", value=lambda row: row.get("resource"), flexible=True),
        Column(key="reason", value=lambda row: row.get("reason"), flexible=True),
    )
    return table(device["problems"], columns, width=width, in_ascii_only=in_ascii_only)


def _doubt(reading: Device) -> str:
    quality = str(reading.get("quality") or "good")
    return ", ".join(
        part for part in ("" if quality == "good" else quality, "stale" if reading.get("stale") else "") if part
    )
