"""`fleetmon rack`: the racks, and one of them drawn as it stands."""

from __future__ import annotations

import asyncio
import difflib
import os
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.text import Text

from fleetmon.cli.columns import DEVICES
from fleetmon.cli.consent import agree
from fleetmon.cli.elevation import Look, elevation
from fleetmon.cli.link_page import link_table
from fleetmon.cli.marks import health
from fleetmon.cli.options import DEFAULT_URL, Ascii, Output, Url, Yes, examples, noun
from fleetmon.cli.outcome import WrongUsage
from fleetmon.cli.output import Column, Form, Row, as_json, ascii_only, listing, note, paper, write
from fleetmon.cli.paints import Paint
from fleetmon.cli.screen import stay
from fleetmon.cli.service import Service, Tagged, segment
from fleetmon.cli.words import number, plain, stated, watts
from fleetmon.clock import SystemClock
from fleetmon.errors import FleetmonError, NotFound

app = noun("Racks, and what stands in them.")


class Face(StrEnum):
    """The side of a rack one looks at."""

    FRONT = "front"
    REAR = "rear"


def _health(row: Row) -> Text:
    mark = health(row.get("health"))
    return Text(f"{mark.glyph} {mark.word}", style=mark.style)


COLUMNS = (
    Column(key="rack_id", head="rack", value=lambda row: row["rack_id"]),
    Column(key="health", value=lambda row: row["health"], shown=_health),
    Column(key="site_id", head="site", value=lambda row: row["site_id"]),
    Column(key="row", value=lambda row: row.get("row"), wide=True),
    Column(key="devices", value=lambda row: row["devices"], right=True),
    Column(
        key="warning",
        head="warn",
        value=lambda row: (row.get("by_health") or {}).get("Warning", 0),
        right=True,
        wide=True,
    ),
    Column(
        key="critical",
        head="crit",
        value=lambda row: (row.get("by_health") or {}).get("Critical", 0),
        right=True,
        wide=True,
    ),
    Column(key="stale", value=lambda row: row.get("stale"), right=True, wide=True),
    Column(
        key="watts",
        value=lambda row: number(row.get("watts")),
        shown=lambda row: watts(number(row.get("watts"))),
        right=True,
    ),
    Column(
        key="inlet_max",
        head="hottest",
        value=lambda row: number(row.get("inlet_max")),
        shown=lambda row: stated(row.get("inlet_max"), ".1f", "°C") if row["devices"] else "–",
        right=True,
    ),
    Column(key="free_u", head="free U", value=lambda row: row.get("free_u"), right=True),
)


@app.command(
    "list",
    epilog=examples(
        ("fleetmon rack list", "every rack"),
        ("fleetmon rack list --worst", "those that need somebody first"),
        ("fleetmon rack list --site core-1 -o csv", "one site, for a spreadsheet"),
    ),
)
def list_racks(
    site: Annotated[str | None, typer.Option("--site", metavar="SITE", help="Only the racks of this site.")] = None,
    worst: Annotated[bool, typer.Option("--worst", help="Worst health first; else by site and name.")] = False,
    output: Output = Form.TABLE,
    url: Url = DEFAULT_URL,
) -> None:
    """List racks with their worst health, watts, hottest inlet and free units."""
    with Service(url) as service:
        rows = service.items("/racks", site=site, sort="worst" if worst else None)
        listing(rows, COLUMNS, output, empty="no racks yet; add one with `fleetmon rack add`, or start the demo")


@app.command(
    epilog=examples(
        ("fleetmon rack show R04", "the front, coloured by health"),
        ("fleetmon rack show R04 --watch", "the same, live; q ends it"),
        ("fleetmon rack show R04 --paint inlet", "where it is warm"),
        ("fleetmon rack show R04 --face rear", "power supplies and fans"),
        ("fleetmon rack show R04 -o json", "the elevation as the API gives it"),
    )
)
def show(
    rack: Annotated[str, typer.Argument(metavar="RACK", help="Name of the rack, as `fleetmon rack list` prints it.")],
    face: Annotated[Face, typer.Option("--face", help="The side to look at.", show_default=True)] = Face.FRONT,
    paint: Annotated[
        Paint, typer.Option("--paint", help="What colours the picture.", show_default=True)
    ] = Paint.HEALTH,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep drawing until q or Ctrl-C.")] = False,
    ascii_: Ascii = False,
    output: Output = Form.TABLE,
    url: Url = DEFAULT_URL,
) -> None:
    """Draw a rack: every unit with its health, power, name, bays, inlet and watts."""
    ascii_alone = ascii_ or ascii_only(os.environ)
    path = f"/racks/{segment(rack)}/elevation"
    with Service(url) as service:
        if output is not Form.TABLE:
            _print_elevation(_found(service, rack, path).body, output)
            return
        out = paper()
        if watch:
            if not out.is_terminal:
                raise WrongUsage("--watch draws on a terminal, and this is none", cure="leave it out")
            asyncio.run(_watch(service, rack, path, lambda: _look(out, face, paint, ascii_alone)))
            return
        out.print(elevation(_found(service, rack, path).body, _look(out, face, paint, ascii_alone)))
        if odd := list(service.items("/topology", rack=rack, differing="true")):
            now = SystemClock().now()
            drawn = link_table(odd, now, width=out.width, whole=True, in_ascii_only=ascii_alone)
            out.print(Text(""), Text("Cables that are not as somebody said", style="bold"), drawn)


@app.command(
    epilog=examples(
        ("fleetmon rack add R07 --site core-1", "42 units"),
        ("fleetmon rack add R07 --site core-1 --row A --height 48 --budget 8600", "and what each feed may carry"),
    )
)
def add(
    rack: Annotated[str, typer.Argument(metavar="RACK", help="Name of the new rack.")],
    site: Annotated[str, typer.Option("--site", metavar="SITE", help="The site it stands in.")],
    row: Annotated[str, typer.Option("--row", metavar="ROW", help="Its row in the room.")] = "",
    height: Annotated[int, typer.Option("--height", min=1, max=100, help="Units tall.", show_default=True)] = 42,
    budget: Annotated[
        float | None, typer.Option("--budget", metavar="WATTS", min=0, help="What each of the feeds A and B may carry.")
    ] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Add a rack to a site."""
    body = {"rack_id": rack, "name": rack, "site_id": site, "row": row, "height_u": height, "feed_budget_watts": budget}
    with Service(url) as service:
        service.send("POST", "/racks", body)
    note(f"rack {rack} stands in {site}; put devices into it with `fleetmon device add`")


@app.command(epilog=examples(("fleetmon rack remove R07", "only when no device stands in it any more")))
def remove(
    rack: Annotated[str, typer.Argument(metavar="RACK", help="Name of the rack.")],
    yes: Yes = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Remove an empty rack."""
    agree(f"remove rack {rack}?", yes)
    with Service(url) as service:
        service.send("DELETE", f"/racks/{segment(rack)}")
    note(f"rack {rack} is removed")


def _look(out: Console, face: Face, paint: Paint, ascii_alone: bool) -> Look:
    return Look(width=out.width, paint=paint, face=face, ascii=ascii_alone)


def _found(service: Service, rack: str, path: str) -> Tagged:
    """The elevation; when there is no such rack, the error names the nearest there are."""
    try:
        return service.tagged(path)
    except NotFound as error:
        names = [str(row["rack_id"]) for row in service.items("/racks")]
        near = difflib.get_close_matches(rack, names, n=3, cutoff=0.5) or names[:5]
        cure = f"there is {', '.join(near)}" if near else "there are none yet; `fleetmon rack add` makes one"
        raise NotFound(f"there is no rack {rack}", cure=cure) from error


async def _watch(service: Service, rack: str, path: str, look: Any) -> None:
    """Draw the rack every two seconds; while the service is away, the last picture stays, with a line that says so."""
    last = _found(service, rack, path)

    async def draw() -> RenderableType:
        nonlocal last
        try:
            newer = await asyncio.to_thread(service.changed, path, last.etag)
            last = newer or last
        except FleetmonError as error:
            return _with_line(elevation(last.body, look()), str(error))
        return elevation(last.body, look())

    await stay(draw, SystemClock())


def _with_line(picture: RenderableType, said: str) -> RenderableType:
    return Group(Text(plain(said), style="reverse"), picture)


def _print_elevation(body: Any, output: Form) -> None:
    """The elevation for machines: whole as JSON, its units as rows otherwise."""
    if output is Form.JSON:
        write(as_json(body))
        return
    listing(body["units"], DEVICES, output, empty="")
