"""What is plugged into a device: ports with what they carry, outlets with what they give, a battery in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from fleetmon.cli.link_page import leads_to
from fleetmon.cli.marks import health
from fleetmon.cli.output import Column, Row, table
from fleetmon.cli.words import natural, number, plain, watts

SOCKETS = ("Port", "Outlet")
MOST = 64
_STEPS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def of_sockets(sensors: Sequence[Row]) -> dict[tuple[str, str], dict[str, Row]]:
    """The sensors of each port and outlet by their name."""
    found: dict[tuple[str, str], dict[str, Row]] = {}
    for row in sensors:
        named = row.get("component") or {}
        if named.get("kind") in SOCKETS:
            found.setdefault((named["kind"], named["name"]), {})[str(row["name"])] = row
    return found


def outlets(components: Sequence[Row], sensors: Sequence[Row], links: Sequence[Row]) -> list[Row]:
    """One row an outlet: whether it is on, what it gives, what hangs on it."""
    measured, led = of_sockets(sensors), _led(links)
    return [
        {
            **row,
            "on": _switched(row),
            "watts": _value(measured.get(("Outlet", row["name"]), {}).get("Power")),
            "amperes": _value(measured.get(("Outlet", row["name"]), {}).get("Current")),
            "leads_to": led.get(row["name"], ""),
        }
        for row in sorted(components, key=lambda row: natural(str(row["name"])))
    ]


def ports(listed: Sequence[Row], sensors: Sequence[Row]) -> list[Row]:
    """One row a port: its link, what passes it each way now, errors by second, what hangs on it."""
    measured = of_sockets(sensors)
    rows: list[Row] = []
    for row in sorted(listed, key=lambda row: natural(str(row["name"]))):
        here = measured.get(("Port", row["name"]), {})
        wrong = [_rate(here.get(name)) for name in ("Errors in", "Errors out", "Discards in", "Discards out")]
        known = [rate for rate in wrong if rate is not None]
        rows.append(
            {
                **row,
                "in": _rate(here.get("Octets in")),
                "out": _rate(here.get("Octets out")),
                "wrong": sum(known) if known else None,
                "leads_to": ", ".join(filter(None, (leads_to(link) for link in row.get("links") or []))),
            }
        )
    return rows


def _trouble(row: Row) -> Text:
    if row.get("health") in ("OK", None):
        return Text("")
    mark = health(row["health"])
    return Text(f"{mark.word} {plain(row.get('detail') or '')}".strip(), style=mark.style)


OUTLETS = (
    Column(key="name", head="outlet", value=lambda row: row["name"]),
    Column(key="on", head="", value=lambda row: row["on"]),
    Column(key="watts", value=lambda row: row["watts"], shown=lambda row: watts(row["watts"]), right=True),
    Column(
        key="amperes",
        value=lambda row: row["amperes"],
        shown=lambda row: "–" if row["amperes"] is None else f"{row['amperes']:.2f} A",
        right=True,
    ),
    Column(key="leads_to", head="leads to", value=lambda row: row["leads_to"]),
    Column(key="health", value=lambda row: row.get("health"), shown=_trouble, flexible=True),
)
PORTS = (
    Column(key="name", head="port", value=lambda row: row["name"]),
    Column(key="link", value=lambda row: row["link"]),
    Column(
        key="speed_mbps",
        head="speed",
        value=lambda row: row["speed_mbps"],
        shown=lambda row: _bits((row["speed_mbps"] or 0) * 1e6) if row["link"] == "up" and row["speed_mbps"] else "",
        right=True,
    ),
    Column(key="in", value=lambda row: row["in"], shown=lambda row: _octets(row["in"]), right=True),
    Column(key="out", value=lambda row: row["out"], shown=lambda row: _octets(row["out"]), right=True),
    Column(
        key="wrong",
        head="errors/s",
        value=lambda row: row["wrong"],
        shown=lambda row: f"{row['wrong']:.3g}" if row["wrong"] else "",
        right=True,
    ),
    Column(key="leads_to", head="leads to", value=lambda row: row["leads_to"], flexible=True),
)


def socket_table(rows: Sequence[Row], columns: Sequence[Column], *, width: int, in_ascii_only: bool) -> RenderableType:
    """Those in use; columns that say nothing of any of them are left out."""
    needed = [column for column in columns if column.key == "name" or any(_said(column, row) for row in rows)]
    return table(rows[:MOST], needed, width=width, in_ascii_only=in_ascii_only)


def in_use(row: Row) -> bool:
    """Something is plugged in, flows or is wrong; of a port: it has a link."""
    if "on" in row:
        return bool(row["leads_to"] or row["watts"] or row["on"] == "off" or row.get("health") not in ("OK", None))
    return bool(row["link"] == "up" or row["leads_to"] or row["health"] not in ("OK", "Unknown"))


def battery(sensors: Sequence[Row]) -> str:
    """`100 %, 57 min, 21 % load` of a UPS; empty where there is no battery."""
    told: dict[tuple[str, str], float] = {}
    for row in sensors:
        kind = (row.get("component") or {}).get("kind")
        if (value := _value(row)) is not None and kind in ("Battery", "Circuit", "Device"):
            told.setdefault((str(kind), str(row["name"])), value)
    charge, left = told.get(("Battery", "Charge")), told.get(("Battery", "Runtime (min)"))
    load = told.get(("Circuit", "Load"), told.get(("Device", "Load")))
    said = (
        f"{charge:.0f} % charged" if charge is not None else "",
        f"{left:.0f} min left at this load" if left is not None else "",
        f"load {load:.0f} %" if load is not None and (charge is not None or left is not None) else "",
    )
    return ", ".join(filter(None, said))


def _led(links: Sequence[Row]) -> Mapping[str, str]:
    return {str(row["end"]["component"]): leads_to(row) for row in links}


def _switched(row: Row) -> str:
    return {"StandbyOffline": "off", "Absent": "absent"}.get(str(row.get("state")), "on")


def _value(row: Row | None) -> float | None:
    return number(row["reading"]) if row else None


def _rate(row: Row | None) -> float | None:
    """What a counter grew by second at last; None when that is not known."""
    points: Sequence[Any] = (row or {}).get("spark") or []
    return float(points[-1]) if points and points[-1] is not None else None


def _octets(by_second: float | None) -> str:
    return "" if by_second is None else _bits(8 * by_second)


def _bits(by_second: float) -> str:
    """`25 Gb/s`, `940 kb/s`."""
    for size, letter in _STEPS:
        if by_second >= size:
            return f"{by_second / size:.3g} {letter}b/s"
    return f"{by_second:.0f} b/s"


def _said(column: Column, row: Row) -> bool:
    """The column says something of this row; good health and no errors are not worth a column."""
    if column.key == "health":
        return row.get("health") not in ("OK", None)
    return column.value(row) not in (("", None, 0) if column.key == "wrong" else ("", None))
