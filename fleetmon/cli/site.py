"""`fleetmon site`: the sites, which hold the racks."""

from __future__ import annotations

from typing import Annotated

import typer

from fleetmon.cli.consent import agree
from fleetmon.cli.options import DEFAULT_URL, Output, Url, Yes, examples, noun
from fleetmon.cli.output import Column, Form, listing, note
from fleetmon.cli.service import Service, segment
from fleetmon.cli.words import number, watts

app = noun("Sites, which hold the racks.")

COLUMNS = (
    Column(key="site_id", head="site", value=lambda row: row["site_id"]),
    Column(key="name", value=lambda row: row["name"]),
    Column(key="racks", value=lambda row: row["racks"], right=True),
    Column(key="devices", value=lambda row: row["devices"], right=True),
    Column(key="warning", head="warn", value=lambda row: row["by_health"].get("Warning", 0), right=True),
    Column(key="critical", head="crit", value=lambda row: row["by_health"].get("Critical", 0), right=True),
    Column(key="unknown", head="unkn", value=lambda row: row["by_health"].get("Unknown", 0), right=True),
    Column(key="stale", value=lambda row: row["stale"], right=True),
    Column(
        key="watts",
        value=lambda row: number(row["watts"]),
        shown=lambda row: watts(number(row["watts"])),
        right=True,
    ),
)


@app.command("list", epilog=examples(("fleetmon site list", "every site with its counts")))
def list_sites(output: Output = Form.TABLE, url: Url = DEFAULT_URL) -> None:
    """List sites with their racks, devices and health."""
    with Service(url) as service:
        rows = service.items("/sites")
        listing(rows, COLUMNS, output, empty="no sites yet; add one with `fleetmon site add`, or start the demo")


@app.command(
    epilog=examples(
        ("fleetmon site add core-1", "a site named as its id"),
        ('fleetmon site add edge-2 --name "Edge, Lyon"', "with a name for people"),
    )
)
def add(
    site: Annotated[str, typer.Argument(metavar="SITE", help="Id of the new site.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What people call it; the id where empty.")] = "",
    url: Url = DEFAULT_URL,
) -> None:
    """Add a site: a place that one lost link cuts off."""
    with Service(url) as service:
        service.send("POST", "/sites", {"site_id": site, "name": name or site})
    note(f"site {site} is there; put racks into it with `fleetmon rack add RACK --site {site}`")


@app.command(epilog=examples(("fleetmon site remove edge-2", "only when no rack stands there any more")))
def remove(
    site: Annotated[str, typer.Argument(metavar="SITE", help="Id of the site.")],
    yes: Yes = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Remove a site that holds no racks."""
    agree(f"remove site {site}?", yes)
    with Service(url) as service:
        service.send("DELETE", f"/sites/{segment(site)}")
    note(f"site {site} is removed")
