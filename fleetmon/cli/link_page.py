"""Links as people read them: what a port, power supply or outlet leads to, how that is known, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import RenderableType
from rich.text import Text

from fleetmon.cli.output import Column, Row, table
from fleetmon.cli.words import age, natural, plain

MOST = 24
_HOW = {"neighbour": "heard", "station": "learned", "label": "by its label"}
_STYLES = {"differs": "#e69f00", "agrees": "", "found": "", "unseen": "dim"}


def link_table(links: Sequence[Row], now: datetime, *, width: int, whole: bool, in_ascii_only: bool) -> RenderableType:
    """Those that are not as somebody said first; `whole` names the device of each end."""
    shown = sorted(links, key=lambda row: (row["verdict"] != "differs", natural(end_text(row["end"], whole=True))))[
        :MOST
    ]
    columns = (
        Column(key="end", head="end", value=lambda row: end_text(row["end"], whole=whole)),
        Column(key="leads_to", head="leads to", value=leads_to),
        Column(key="feed", value=lambda row: row["feed"] if row["feed"] != leads_to(row) else ""),
        Column(key="known", value=lambda row: known(row, now), shown=lambda row: _known(row, now)),
        Column(key="reason", value=lambda row: row["reason"], flexible=True),
    )
    needed = [column for column in columns if column.key in ("end", "leads_to", "known") or _told(column, shown)]
    return table(shown, needed, width=width, in_ascii_only=in_ascii_only)


def end_text(end: Row, *, whole: bool) -> str:
    """`leaf-1/Ethernet3`, or where it is clear whose end it is, `Ethernet3`."""
    parts = [str(end["device"]) if whole or not end["component"] else "", str(end["component"])]
    return "feed " + parts[0] if end["kind"] == "Feed" else "/".join(part for part in parts if part)


def leads_to(row: Row) -> str:
    """Where it leads as far as that is seen, else where somebody said that it leads."""
    end = row["seen"]["to"] if row["seen"] else row["expected"]
    return end_text(end, whole=True) if end else ""


def known(row: Row, now: datetime) -> str:
    """How the link is known: `heard 40 s ago`, `as said, not seen`, `not as said`."""
    seen = row["seen"]
    how = _HOW.get(seen["source"], seen["source"]) if seen else ""
    told = f"{how} {age(seen['seen_at'], now)} ago" if seen and seen["seen_at"] else how
    match row["verdict"]:
        case "differs":
            return f"not as said, {told}" if told else "not as said"
        case "agrees":
            return f"as said, {told}" if told else "as said"
        case "unseen":
            return "as said, not seen"
    return told


def _known(row: Row, now: datetime) -> Text:
    return Text(plain(known(row, now)), style=_STYLES.get(row["verdict"], ""))


def _told(column: Column, rows: Sequence[Row]) -> bool:
    return any(column.value(row) for row in rows)
