"""`fleetmon device`: the devices of the fleet, one by one and all together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from typing import Annotated

import typer

from fleetmon.cli.columns import DEVICES
from fleetmon.cli.device_edit import ADD, IMPORT, REMOVE, TRUST, add, import_fleet, remove, trust
from fleetmon.cli.device_page import page
from fleetmon.cli.devices import DeviceId, found_device, poll_now
from fleetmon.cli.discover import DISCOVER, discover
from fleetmon.cli.options import DEFAULT_URL, Output, Url, examples, noun
from fleetmon.cli.outcome import Exit, WrongUsage
from fleetmon.cli.output import Column, Form, Row, as_json, ascii_only, counting, listing, paper, waiting, write
from fleetmon.cli.service import Service, segment
from fleetmon.clock import SystemClock

app = noun("Devices: add, look at, import, poll, remove.")

HEALTHS = {"ok": "OK", "warning": "Warning", "critical": "Critical", "unknown": "Unknown"}
POWERS = {"on": "On", "off": "Off", "poweringon": "PoweringOn", "poweringoff": "PoweringOff", "unknown": "Unknown"}
KINDS = {word: word for word in ("server", "switch", "pdu", "ups", "storage", "cooling")}
SORTS = {word: word for word in ("name", "worst", "place")}
POLLED = (
    Column(key="device_id", head="device", value=lambda row: row["device_id"]),
    Column(key="state", value=lambda row: row["state"]),
    Column(key="reason", value=lambda row: row.get("reason"), flexible=True),
)


@app.command(
    "list",
    epilog=examples(
        ("fleetmon device list", "every device"),
        ("fleetmon device list --health warning,critical --sort worst", "those that need somebody"),
        ("fleetmon device list --rack R04 -o csv", "one rack, for a spreadsheet"),
        ("fleetmon device list --search SN1234", "by name, serial number, model or address"),
    ),
)
def list_devices(
    search: Annotated[
        str | None, typer.Option("--search", "-q", metavar="WORDS", help="In name, serial, model, address.")
    ] = None,
    health: Annotated[
        str | None, typer.Option("--health", metavar="A,B", help="Any of ok, warning, critical, unknown.")
    ] = None,
    power: Annotated[str | None, typer.Option("--power", metavar="A,B", help="Any of on, off, unknown.")] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="A,B", help="Any of server, switch, pdu, ups, storage, cooling.")
    ] = None,
    rack: Annotated[str | None, typer.Option("--rack", metavar="RACK", help="Only this rack's.")] = None,
    site: Annotated[str | None, typer.Option("--site", metavar="SITE", help="Only this site's.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", metavar="TAG", help="Only those that carry it.")] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="Only those that have not answered for three intervals.")
    ] = False,
    sort: Annotated[str | None, typer.Option("--sort", metavar="KEY", help="name, worst or place.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="At most so many.")] = None,
    output: Output = Form.TABLE,
    url: Url = DEFAULT_URL,
) -> None:
    """List devices with health, power, place and readings."""
    asked = {
        "q": search, "health": spelled("--health", health, HEALTHS), "power": spelled("--power", power, POWERS),
        "kind": spelled("--kind", kind, KINDS), "rack": rack, "site": site, "tag": tag,
        "stale": "true" if stale else None, "sort": sort and spelled("--sort", sort, SORTS)[0],
    }  # fmt: skip
    with Service(url) as service:
        filtered = any(value for key, value in asked.items() if key != "sort")
        empty = (
            "no device matches" if filtered else "no devices yet; add one with `fleetmon device add`, or start the demo"
        )
        listing(service.items("/devices", limit=limit, **asked), DEVICES, output, empty=empty)


@app.command(
    epilog=examples(
        ("fleetmon device show web-11", "identity, health by subsystem, readings, last events"),
        ("fleetmon device show web-11 -o json", "the device as the API gives it"),
    )
)
def show(device: DeviceId, output: Output = Form.TABLE, url: Url = DEFAULT_URL) -> None:
    """Show one device: who it is, how it is, what it measures and what it logged last."""
    with Service(url) as service:
        found = found_device(service, device).body
        if output is not Form.TABLE:
            if output is Form.CSV:
                listing([found], DEVICES, output, empty="")
            else:
                write(as_json(found, indent=2 if output is Form.JSON else None))
            return
        sensors = list(service.items(f"/devices/{segment(device)}/sensors"))
        events = list(service.items(f"/devices/{segment(device)}/events", limit=5))
        links = list(service.items(f"/devices/{segment(device)}/links"))
        sockets = list(_sockets(service, device, str(found.get("kind"))))
    out = paper()
    now = SystemClock().now()
    drawn = page(
        found, sensors, events, now, links=links, sockets=sockets, width=out.width, in_ascii_only=ascii_only(os.environ)
    )
    out.print(drawn)


@app.command(
    epilog=examples(
        ("fleetmon device poll web-11", "ask it now and wait for what it says"),
        ("fleetmon device poll web-11 web-12 web-13", "several, one after the other"),
    )
)
def poll(
    devices: Annotated[list[str], typer.Argument(metavar="DEVICE...", help="Ids of the devices.")],
    output: Output = Form.TABLE,
    url: Url = DEFAULT_URL,
) -> None:
    """Poll devices now, ahead of their slot. Exit code 3 when some answered and some did not, 1 when none did."""
    with Service(url) as service, counting("polling", len(devices)) as told:
        results = []
        for done, device in enumerate(devices, start=1):
            results.append(asyncio.run(poll_now(service, device, SystemClock())))
            told(done, len(devices))
    listing(results, POLLED, output, empty="")
    failed = sum(result["state"] != "done" for result in results)
    if failed:
        raise typer.Exit(Exit.FAILED if failed == len(results) else Exit.PARTLY)


@app.command(
    epilog=examples(
        ("fleetmon device raw web-11 /redfish/v1/Systems", "one resource as the BMC gives it now"),
        ("fleetmon device raw web-11", "its service root"),
    )
)
def raw(
    device: DeviceId,
    resource: Annotated[str, typer.Argument(metavar="RESOURCE", help="Path of the resource.")] = "/redfish/v1/",
    url: Url = DEFAULT_URL,
) -> None:
    """Read one resource from the device now and print it exactly as the device gives it."""
    with Service(url) as service, waiting(f"asking {device} for {resource}"):
        answer = service.get(f"/devices/{segment(device)}/raw", resource=resource)
    write(as_json(answer["body"]))


def _sockets(service: Service, device: str, kind: str) -> Iterable[Row]:
    """The ports of a switch, the outlets of a PDU or a UPS; of a server its page has other things to tell."""
    match kind:
        case "switch":
            return service.items(f"/devices/{segment(device)}/ports")
        case "pdu" | "ups":
            return service.items(f"/devices/{segment(device)}/components", kind="Outlet")
    return ()


def spelled(option: str, text: str | None, words: Mapping[str, str]) -> list[str]:
    """The API's spelling of words in whatever case; raises WrongUsage for a word that is none."""
    named = [word.strip() for word in (text or "").split(",") if word.strip()]
    if unknown := [word for word in named if word.lower() not in words]:
        raise WrongUsage(f"{option}: there is no {', '.join(unknown)}", cure=f"choose from {', '.join(words)}")
    return [words[word.lower()] for word in named]


app.command(epilog=ADD)(add)
app.command("import", epilog=IMPORT)(import_fleet)
app.command(epilog=DISCOVER)(discover)
app.command(epilog=TRUST)(trust)
app.command(epilog=REMOVE)(remove)
