"""The verbs of `fleetmon device` that change the fleet: add, import, remove."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from fleetmon.cli import snmp_login
from fleetmon.cli.consent import agree
from fleetmon.cli.device_page import page
from fleetmon.cli.devices import DeviceId, found_device, poll_now
from fleetmon.cli.options import DEFAULT_URL, Output, PasswordFile, Url, Yes, examples
from fleetmon.cli.outcome import Exit, WrongUsage
from fleetmon.cli.output import Form, as_json, ascii_only, listing, note, paper, waiting, write
from fleetmon.cli.plan_page import STEPS, plan_page, summary
from fleetmon.cli.secrets import password
from fleetmon.cli.service import Service, segment
from fleetmon.clock import SystemClock
from fleetmon.drivers.base import Secret
from fleetmon.errors import Conflict, FleetmonError

ADD = examples(
    ("fleetmon device add https://10.0.0.7 --user root", "named after its address"),
    ("fleetmon device add https://10.0.0.7 --name web-11 --rack R04 --position 17 --credential bmc", "in its place"),
    ("fleetmon device add https://10.0.0.7 --ipmi ipmi://10.0.0.7 --credential bmc", "and IPMI as second witness"),
    ("fleetmon device add snmp://10.0.0.2 --credential switches", "a switch over SNMP v2c"),
    ("fleetmon device add 'snmp://watcher@10.0.0.3?auth=sha256&priv=aes128' --kind pdu", "over SNMPv3"),
)
KINDS = {"snmp": "switch"}
"""What a device is taken for where nobody says so, by its protocol; a server else."""
IMPORT = examples(
    ("fleetmon device import fleet.toml", "show what would change, ask, then do it"),
    ("fleetmon device import fleet.csv --plan", "only show it"),
    ("fleetmon device import fleet.toml --apply --yes", "in a script"),
)
TRUST = examples(("fleetmon device trust web-11", "after its certificate was renewed on purpose"))
REMOVE = examples(
    ("fleetmon device remove web-11", "asks before it does"),
    ("fleetmon device remove web-11 --yes", "in a script"),
)


def add(
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="https://host[:port] or ipmi://host[:port] of its BMC, or"
            " snmp://[user@]host[:port][?version=1|?auth=A&priv=P].",
        ),
    ],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Its name; the host of the address where empty.")
    ] = "",
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="server, switch, pdu, ups, storage or cooling; without it a switch over SNMP, else a server.",
        ),
    ] = None,
    rack: Annotated[str | None, typer.Option("--rack", metavar="RACK", help="The rack it stands in.")] = None,
    position: Annotated[int | None, typer.Option("--position", metavar="U", min=1, help="Its lowest unit.")] = None,
    height: Annotated[
        int, typer.Option("--height", metavar="U", min=1, max=60, help="Units tall.", show_default=True)
    ] = 1,
    face: Annotated[str, typer.Option("--face", metavar="FACE", help="front or rear.", show_default=True)] = "front",
    slot: Annotated[str, typer.Option("--slot", metavar="SLOT", help="Its place inside a shared chassis.")] = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="May be given several times.")] = None,
    user: Annotated[
        str | None, typer.Option("--user", "-u", metavar="USER", help="Makes credentials named after the device.")
    ] = None,
    password_file: PasswordFile = None,
    credential: Annotated[
        str | None, typer.Option("--credential", metavar="NAME", help="Credentials that are there already.")
    ] = None,
    verify: Annotated[
        str,
        typer.Option(
            "--verify",
            metavar="HOW",
            help="Trust its certificate: pin (the one seen first), ca or none.",
            show_default=True,
        ),
    ] = "pin",
    tls: Annotated[
        str,
        typer.Option(
            "--tls",
            metavar="PROFILE",
            help="modern (TLS 1.2 and later), or legacy for a BMC that cannot; it is shown as an exception.",
            show_default=True,
        ),
    ] = "modern",
    ipmi: Annotated[
        str | None,
        typer.Option(
            "--ipmi",
            metavar="ADDRESS",
            help="ipmi://host[:port]: a second witness, asked for all when ADDRESS is silent.",
        ),
    ] = None,
    ipmi_credential: Annotated[
        str | None, typer.Option("--ipmi-credential", metavar="NAME", help="Its credentials, where they are others.")
    ] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Add a device, poll it once and show what it says.

    The device stays when that first poll fails (exit code 3): correct what the message names, and it will be polled
    again in its turn.
    """
    named = name or _host(address)
    address, user, secret = _identity(address, user, password_file, credential)
    endpoint = {
        "protocol": _protocol(address), "address": address.rstrip("/"), "verify": verify, "tls": tls,
        "credential": credential,
    }  # fmt: skip
    if ipmi_credential and not ipmi:
        raise WrongUsage("--ipmi-credential names the credentials of --ipmi", cure="give --ipmi as well")
    second = {"protocol": "ipmi", "address": _over_ipmi(ipmi), "credential": ipmi_credential} if ipmi else None
    body = {
        "name": named, "kind": kind or KINDS.get(_protocol(address), "server"), "rack_id": rack,
        "position_u": position, "height_u": height, "face": face, "slot": slot, "tags": tag or [],
        "endpoints": [endpoint, second] if second else [endpoint],
    }  # fmt: skip
    with Service(url) as service:
        _are_there(service, [name for name in (credential, ipmi_credential) if name])
        if secret is not None:
            endpoint["credential"] = _new_credential(service, named, user or "", secret)
        if second and not ipmi_credential:
            second["credential"] = endpoint["credential"]
        device = _created(service, body, made=named if secret is not None else None)
        note(f"{device} is added; polling it once")
        with waiting(f"polling {device}"):
            result = asyncio.run(poll_now(service, device, SystemClock()))
        _show_first_look(service, device, result)


def import_fleet(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="fleet.toml, or a CSV file with a head line.")],
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would change.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; asks first unless --yes.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Also remove every device the file does not name.")] = False,
    yes: Yes = False,
    output: Output = Form.TABLE,
    url: Url = DEFAULT_URL,
) -> None:
    """Import sites, racks and devices from a file: first the plan, then, when you agree, all of it or nothing.

    What stands in the fleet and not in the file stays as it is, unless --prune. Files name credentials; passwords are
    set apart, with `fleetmon credential set`.

    This is also how to change devices, one or many: the file names them and says what is to change.
    """
    if plan and apply:
        raise WrongUsage("--plan only looks and --apply does it", cure="give one of the two")
    text = _read(file)
    with Service(url) as service:
        planned = _import(service, file, text, prune=prune)
        _print_plan(planned, output)
        if not changes(planned) or plan or (output is not Form.TABLE and not apply):
            return
        agree(f"do it: {summary(planned)}?", yes)
        done = _import(service, file, text, prune=prune, plan_hash=str(planned["plan_hash"]))
    note(f"done: {summary(done)}")


def trust(device: DeviceId, url: Url = DEFAULT_URL) -> None:
    """Forget the certificate a device showed first: the one it shows next is taken as its own."""
    with Service(url) as service:
        protocols = [str(endpoint["protocol"]) for endpoint in found_device(service, device).body["endpoints"]]
        for protocol in protocols:
            service.send("DELETE", f"/devices/{segment(device)}/endpoints/{protocol}/pin")
    note(f"{device}: the next certificate it shows is taken as its own")


def remove(device: DeviceId, yes: Yes = False, url: Url = DEFAULT_URL) -> None:
    """Decommission a device: it is no longer polled, and its secrets are wiped. Nothing is sent to it."""
    with Service(url) as service:
        found = found_device(service, device)
        place = f" ({found.body['rack_id']} U{found.body['position_u']})" if found.body.get("rack_id") else ""
        agree(f"remove {device}{place} and wipe its secrets?", yes)
        service.send("DELETE", f"/devices/{segment(device)}", etag=found.etag)
    note(f"{device} is removed")


def changes(planned: dict[str, Any]) -> bool:
    """The plan would change something."""
    return any(step["action"] != "keep" for step in planned["plan"])


def _import(service: Service, file: Path, text: str, *, prune: bool, plan_hash: str = "") -> dict[str, Any]:
    """The plan of the file; with the hash of a plan that was shown, exactly that plan applied."""
    body = {"format": "csv" if file.suffix.lower() == ".csv" else "toml", "text": text, "prune": prune}
    applied = {"apply": True, "plan_hash": plan_hash} if plan_hash else {}
    return dict(service.send("POST", "/import", {**body, **applied}))


def _print_plan(planned: dict[str, Any], output: Form) -> None:
    match output:
        case Form.TABLE:
            paper().print(plan_page(planned, in_ascii_only=ascii_only(os.environ)))
        case Form.JSON:
            write(as_json(planned))
        case _:
            listing(planned["plan"], STEPS, output, empty="")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise WrongUsage(f"{file}: {(error.strerror or type(error).__name__).lower()}") from None
    except UnicodeDecodeError:
        raise WrongUsage(f"{file}: not UTF-8 text", cure="save it as UTF-8") from None


def _identity(
    address: str, user: str | None, password_file: Path | None, credential: str | None
) -> tuple[str, str | None, Secret | None]:
    """The address without a user in it, who we are there, and the secret of new credentials; None for old ones."""
    if _protocol(address) == "snmp":
        target, named = snmp_login.split(address)
        address, user = str(target), user or named
        if not credential:
            return address, *snmp_login.login(target, user, password_file)
    _fits(user, password_file, credential)
    if not user:
        return address, None, None
    return address, user, password(password_file, os.environ, prompt=f"password of {user} at {address}")


def _fits(user: str | None, password_file: Path | None, credential: str | None) -> None:
    if user and credential:
        raise WrongUsage("--user makes new credentials and --credential names old ones", cure="give one of the two")
    if password_file and not user:
        raise WrongUsage("a password without a user", cure="give --user as well")


def _are_there(service: Service, credentials: list[str]) -> None:
    """A name mistyped is told now, not as a device that cannot be logged in to; raises WrongUsage."""
    known = {row["name"] for row in service.items("/credentials")} if credentials else set()
    for name in credentials:
        if name not in known:
            raise WrongUsage(
                f"there are no credentials named {name}", cure=f"make them: fleetmon credential set {name}"
            )


def _new_credential(service: Service, name: str, user: str, secret: Secret) -> str:
    """Credentials for one new device; none that others use is ever overwritten."""
    if any(row["name"] == name for row in service.items("/credentials")):
        cure = f"use them with --credential {name}, or choose another --name"
        raise Conflict(f"there are credentials named {name} already", cure=cure)
    service.send("PUT", f"/credentials/{segment(name)}", {"user": user, "password": secret.reveal()})
    return name


def _created(service: Service, body: dict[str, Any], *, made: str | None) -> str:
    """The id of the new device; credentials made for it go again when it is refused."""
    try:
        return str(service.send("POST", "/devices", body)["device_id"])
    except FleetmonError:
        if made:
            _take_back(service, made)
        raise


def _take_back(service: Service, credential: str) -> None:
    try:
        service.send("DELETE", f"/credentials/{segment(credential)}")
    except FleetmonError:
        note(f"the credentials {credential} stay behind; `fleetmon credential list` shows them")


def _show_first_look(service: Service, device: str, result: dict[str, Any]) -> None:
    """What the first poll brought; exit code 3 when that is nothing."""
    found = service.get(f"/devices/{segment(device)}")
    read = found.get("reachability") == "reachable"
    if read:
        out = paper()
        out.print(page(found, [], [], SystemClock().now(), width=out.width, in_ascii_only=ascii_only(os.environ)))
    if read and result["state"] == "done":
        return
    why = result.get("reason") or found.get("reachability_reason") or "the service gives no reason"
    note(f"{device} stays in the fleet, but {'not all of it could' if read else 'could not'} be read: {why}")
    raise typer.Exit(Exit.PARTLY)


def _protocol(address: str) -> str:
    """By the scheme of the address; Redfish where there is none to go by."""
    scheme = address.partition("://")[0].lower()
    return scheme if scheme in ("ipmi", "snmp") else "redfish"


def _over_ipmi(address: str) -> str:
    """The address with its scheme, which `--ipmi` has said already."""
    return address.rstrip("/") if "://" in address else f"ipmi://{address.rstrip('/')}"


def _host(address: str) -> str:
    host = urlsplit(address).hostname
    if not host:
        raise WrongUsage(f"{address}: that is no address of a device", cure="write it like https://10.0.0.7")
    return host
