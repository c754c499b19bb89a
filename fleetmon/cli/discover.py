"""`fleetmon device discover`: what answers in ranges of addresses, as a plan; nothing is added."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from fleetmon.cli.options import DEFAULT_URL, Url, examples
from fleetmon.cli.outcome import ServiceError, WrongUsage
from fleetmon.cli.output import Column, Form, Row, counting, listing, note, write
from fleetmon.cli.service import Service
from fleetmon.cli.words import count, made
from fleetmon.integrations.found_file import Wanted, fleet_file

DISCOVER = examples(
    ("fleetmon device discover 10.0.0.0/24", "who answers there, and who of them is known"),
    ("fleetmon device discover 10.0.0.0/24 --snmp-credential switches", "and what the SNMP agents are"),
    ("fleetmon device discover 10.0.0.0/24 --credential bmc -o toml > found.toml", "as a file for device import"),
)


class Shape(StrEnum):
    """How the plan is printed."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    TOML = "toml"


def tells(row: Row) -> str:
    """What each protocol told, and what stands in the way."""
    said = [str(one["detail"]) for one in row["endpoints"]]
    said += [str(one["hindrance"]) for one in row["endpoints"] if one["hindrance"]]
    said += [f"not asked yet over {', '.join(row['news'])}"] if row["news"] else []
    return "; ".join(part for part in said if part)


FOUND = (
    Column(key="name", head="device", value=lambda row: row["name"]),
    Column(key="host", head="address", value=lambda row: row["host"]),
    Column(key="known", value=lambda row: row["known"] or "new"),
    Column(key="kind", value=lambda row: row["kind"]),
    Column(key="protocols", value=lambda row: ", ".join(one["protocol"] for one in row["endpoints"])),
    Column(key="model", value=lambda row: made(str(row["manufacturer"]), str(row["model"])), wide=True),
    Column(key="tells", value=tells, flexible=True),
)


def discover(
    ranges: Annotated[list[str], typer.Argument(metavar="CIDR...", help="Ranges of addresses, at most 4,096 in all.")],
    site: Annotated[
        str, typer.Option("--site", metavar="SITE", help="With --rack: where the fleet file puts new devices.")
    ] = "",
    rack: Annotated[str, typer.Option("--rack", metavar="RACK", help="The rack the fleet file puts them into.")] = "",
    credential: Annotated[
        str,
        typer.Option(
            "--credential", metavar="NAME", help="What the fleet file names for Redfish and IPMI; never sent."
        ),
    ] = "",
    snmp_credential: Annotated[
        str | None,
        typer.Option(
            "--snmp-credential",
            metavar="NAME",
            help="Ask SNMP agents with it: a community goes to every address of the ranges, unencrypted.",
        ),
    ] = None,
    snmp: Annotated[
        str,
        typer.Option(
            "--snmp", metavar="HOW", help="As after the ? of an SNMP address: version=1, auth=sha256&priv=aes128."
        ),
    ] = "",
    redfish_port: Annotated[
        list[int] | None, typer.Option("--redfish-port", metavar="PORT", help="Instead of 443; 0: none.")
    ] = None,
    ipmi_port: Annotated[
        list[int] | None, typer.Option("--ipmi-port", metavar="PORT", help="Instead of 623; 0: none.")
    ] = None,
    snmp_port: Annotated[
        list[int] | None, typer.Option("--snmp-port", metavar="PORT", help="Instead of 161; 0: none.")
    ] = None,
    rate: Annotated[
        float, typer.Option("--rate", metavar="N", min=1, max=500, help="Probes a second.", show_default=True)
    ] = 100,
    multicast: Annotated[
        bool, typer.Option("--multicast/--no-multicast", help="Search by SSDP, too.", show_default=True)
    ] = True,
    new: Annotated[bool, typer.Option("--new", help="Only devices that are not known yet.")] = False,
    output: Annotated[
        Shape, typer.Option("--output", "-o", help="How to print the plan.", case_sensitive=False, show_default=True)
    ] = Shape.TABLE,
    url: Url = DEFAULT_URL,
) -> None:
    """Look for devices in ranges of addresses: Redfish, IPMI and SNMP, each address once, slowly. Adds nothing.

    The service looks, from where it stands. Nobody is logged in to; Ctrl-C ends the search. -o toml prints a fleet file
    for `fleetmon device import`, which shows its own plan before it does anything.
    """
    if site and not rack:
        raise WrongUsage("--site without --rack", cure="devices stand at the site of their rack: name the rack as well")
    body: dict[str, Any] = {"ranges": ranges, "snmp": snmp, "snmp_credential": snmp_credential, "rate": rate}
    body["multicast"] = multicast
    for protocol, ports in (("redfish", redfish_port), ("ipmi", ipmi_port), ("snmp", snmp_port)):
        if ports is not None:
            body[f"{protocol}_ports"] = [port for port in ports if port]
    with Service(url) as service:
        found = _follow(service.lines("POST", "/discover", body))
    shown = [row for row in found if not (new and row["known"])]
    if output is Shape.TOML:
        wanted = Wanted(site=site, rack=rack, credential=credential, snmp_credential=snmp_credential or "")
        write(fleet_file(shown, wanted))
        return
    listing(shown, FOUND, Form(output.value), empty="nothing answers there")
    if output is Shape.TABLE and shown:
        fresh = sum(not row["known"] for row in found)
        note(f"{count(len(found), 'device')}, {fresh} new; nothing was added (-o toml prints a file for device import)")


def _follow(lines: Iterator[dict[str, Any]]) -> list[Row]:
    """The devices at the end, with a bar on the way there."""
    with counting("looking", None) as told:
        for line in lines:
            if progress := line.get("progress"):
                told(progress["done"], progress["of"])
            if "devices" in line:
                return list(line["devices"])
    raise ServiceError("the service ended the search before it was done", cure="see its log, then repeat")
