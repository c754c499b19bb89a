"""The columns of the listings that more than one noun prints."""

from __future__ import annotations

from rich.text import Text

from fleetmon.cli.marks import health, health_text, power_text, reason
from fleetmon.cli.output import Column, Row
from fleetmon.cli.words import number, plain, stated, watts

LONGEST_TIME = 32
"""Characters of a time that is none, as a device wrote it."""


def _place(row: Row) -> str:
    rack, unit = row.get("rack_id"), row.get("position_u")
    slot = f" {plain(row['slot'])}" if row.get("slot") else ""
    return f"{plain(rack)} U{unit}{slot}" if rack and unit else plain(rack or "")


def _severity(row: Row) -> Text:
    mark = health(row.get("severity"))
    return Text(f"{mark.glyph} {mark.word}", style=mark.style)


def short_instant(text: object) -> str:
    """An instant of the API to the second, as UTC."""
    return plain(text or "–").replace("T", " ")[:19]


def created(row: Row) -> str:
    """When an event was written: an instant, or what a device without a clock says instead, in its own words."""
    at = row.get("created_at")
    return short_instant(at) if at else plain(row.get("created_text") or "–")[:LONGEST_TIME]


DEVICES = (
    Column(key="device_id", head="device", value=lambda row: row["device_id"]),
    Column(
        key="health",
        value=lambda row: row["health"],
        shown=lambda row: health_text(dict(row)),
    ),
    Column(
        key="power",
        value=lambda row: (row.get("power") or {}).get("value"),
        shown=lambda row: power_text(dict(row)),
    ),
    Column(key="kind", value=lambda row: row["kind"], wide=True),
    Column(key="site_id", head="site", value=lambda row: row.get("site_id"), wide=True),
    Column(key="rack_id", head="place", value=lambda row: row.get("rack_id"), shown=_place),
    Column(key="inlet", value=lambda row: number(row.get("inlet")),
           shown=lambda row: stated(row.get("inlet"), ".1f", "°C"), right=True),
    Column(key="watts", value=lambda row: number(row.get("watts")),
           shown=lambda row: watts(number(row.get("watts"))), right=True),
    Column(key="model", value=lambda row: row.get("model"), wide=True),
    Column(key="serial_number", head="serial", value=lambda row: row.get("serial_number"), wide=True),
    Column(key="address", value=lambda row: row.get("address"), wide=True),
    Column(key="reason", value=lambda row: reason(dict(row)), flexible=True),
)  # fmt: skip

EVENTS = (
    Column(
        key="created_at",
        head="created (UTC)",
        value=lambda row: row.get("created_at") or row.get("created_text"),
        shown=lambda row: created(row) + ("?" if row.get("clock_suspect") else ""),
    ),
    Column(key="received_at", head="received (UTC)", value=lambda row: row.get("received_at"),
           shown=lambda row: short_instant(row.get("received_at")), wide=True),
    Column(key="severity", value=lambda row: row["severity"], shown=_severity),
    Column(key="device_id", head="device", value=lambda row: row["device_id"]),
    Column(key="log", value=lambda row: row.get("log"), wide=True),
    Column(key="message_id", value=lambda row: row.get("message_id"), wide=True),
    Column(key="message", value=lambda row: row["message"], flexible=True),
)  # fmt: skip
