"""`fleetmon poll`: one look at one device through its driver, without a service and without a database."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from fleetmon.cli import snmp_login
from fleetmon.cli.options import PasswordFile, examples, verb
from fleetmon.cli.outcome import Exit, WrongUsage
from fleetmon.cli.output import as_json, ascii_only, note, paper, waiting, write
from fleetmon.cli.poll_report import as_object, report
from fleetmon.cli.secrets import password
from fleetmon.cli.words import plain
from fleetmon.clock import SystemClock
from fleetmon.drivers.base import Credentials, Opening, Request
from fleetmon.drivers.ipmi.session import place_of
from fleetmon.drivers.ipmi.workers import Workers
from fleetmon.drivers.lane import Lane, Pace
from fleetmon.drivers.redfish.transport import spki_sha256
from fleetmon.drivers.registry import open_driver
from fleetmon.drivers.snmp.address import target_of
from fleetmon.errors import (
    AccessDenied,
    Busy,
    ConfigError,
    DeviceError,
    Garbled,
    Unreachable,
    Unsupported,
    Untrusted,
)
from fleetmon.model import Aspect, Endpoint, Observation, Protocol, Reachability

app = verb("One look at one device, without a service or a database.")

PROTOCOLS = {"https": Protocol.REDFISH, "http": Protocol.REDFISH, "ipmi": Protocol.IPMI, "snmp": Protocol.SNMP}
ERRORS: Mapping[Reachability, type[DeviceError]] = {
    Reachability.UNREACHABLE: Unreachable,
    Reachability.ACCESS_DENIED: AccessDenied,
    Reachability.UNTRUSTED: Untrusted,
    Reachability.BUSY: Busy,
    Reachability.GARBLED: Garbled,
    Reachability.UNSUPPORTED: Unsupported,
}
SILENT = "is IPMI over LAN enabled on the BMC, and does UDP get through to that port?"
_KEY = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_GOODBYE = 0.05
"""Seconds the loop is left to finish TLS: a device that closes after every answer leaves a farewell under way."""
_LOOK = 10.0
"""Seconds a look at a certificate may take."""


class PollForm(StrEnum):
    """One device is one object: there is nothing to list."""

    TABLE = "table"
    JSON = "json"


@app.command(
    epilog=examples(
        ("fleetmon poll https://10.0.0.7 --user root", "asks for the password, without echo"),
        ("fleetmon poll https://bmc --user root --insecure", "whatever certificate it shows"),
        ("fleetmon poll https://bmc --user root --password-file pw -o json", "for a script"),
        ("fleetmon poll https://bmc --user root --aspects heartbeat,sensors", "only that, in few requests"),
        ("fleetmon poll ipmi://10.0.0.7 --user monitor", "over IPMI 2.0, UDP port 623"),
        ("fleetmon poll ipmi://bmc --user monitor --aspects heartbeat", "power and faults, in one request"),
        ("fleetmon poll snmp://switch", "over SNMP v2c; asks for the community"),
        ("fleetmon poll 'snmp://watcher@switch?auth=sha256&priv=aes128'", "over SNMPv3; asks for the passphrases"),
    )
)
def poll(
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="https://host[:port], ipmi://host[:port] or snmp://[user@]host[:port][?version=1|?auth=A&priv=P];"
            " http:// is spoken with a warning.",
        ),
    ],
    user: Annotated[str | None, typer.Option("--user", "-u", metavar="USER", help="Who to log in as.")] = None,
    password_file: PasswordFile = None,
    insecure: Annotated[bool, typer.Option("--insecure", "-k", help="Take any certificate.")] = False,
    fingerprint: Annotated[
        str | None,
        typer.Option("--fingerprint", metavar="sha256:HEX", help="Take the certificate with this public key alone."),
    ] = None,
    aspects: Annotated[
        str, typer.Option("--aspects", metavar="A,B", help=f"Some of {', '.join(Aspect)}; all without it.")
    ] = "",
    timeout: Annotated[
        float,
        typer.Option("--timeout", min=1, max=3600, metavar="SECONDS", help="For the whole poll.", show_default=True),
    ] = 120,
    output: Annotated[
        PollForm, typer.Option("--output", "-o", help="How to print it.", show_default=True)
    ] = PollForm.TABLE,
) -> None:
    """Log in, read everything once, print it, log out.

    Nothing is stored and nothing is changed on the device. Exit code 1: it could not be read at all; 3: some of it
    could not be read.
    """
    user, address = user_in(address, user)
    endpoint = endpoint_of(address, insecure=insecure, fingerprint=fingerprint)
    wanted = aspects_of(aspects)
    credentials = _credentials(user, password_file, endpoint)
    if endpoint.address.startswith("http://"):
        note(f"warning: {endpoint.address} is not encrypted: whoever is on the way can read what the device says")
    with waiting(f"asking {endpoint.address}"):
        observation = asyncio.run(observe(endpoint, credentials, wanted, timeout))
    if observation.reachability is not Reachability.REACHABLE:
        if output is PollForm.JSON:
            write(as_json(as_object(observation)))
        raise failure(observation, endpoint)
    if output is PollForm.JSON:
        write(as_json(as_object(observation)))
    else:
        out = paper()
        out.print(report(observation, endpoint.address, width=out.width, in_ascii_only=ascii_only(os.environ)))
    if partly(observation):
        missing = ", ".join(sorted(observation.asked - observation.answered))
        note(f"{endpoint.address}: partly read" + (f"; not answered: {missing}" if missing else "; see the problems"))
        raise typer.Exit(Exit.PARTLY)


async def observe(
    endpoint: Endpoint, credentials: Credentials | None, aspects: frozenset[Aspect], timeout: float
) -> Observation:
    """One poll over a connection that is closed politely afterwards."""
    clock = SystemClock()
    limit = timedelta(seconds=timeout)
    usual = Pace()
    pace = Pace(  # who does not even let us in is told before the whole time is over, and why
        request_timeout=min(limit, usual.request_timeout),
        connect_timeout=min(limit / 2, usual.connect_timeout),
        poll_deadline=limit,
    )
    lane = Lane(device=endpoint.address, clock=clock, pace=pace)
    workers = Workers(clock=clock, most=1)
    opening = Opening(endpoint=endpoint, credentials=credentials, lane=lane, clock=clock)
    driver = open_driver(opening, workers=workers)
    try:
        return await driver.observe(Request(aspects=aspects))
    finally:
        await driver.close()
        await workers.close()
        await clock.sleep(_GOODBYE)


def endpoint_of(address: str, *, insecure: bool, fingerprint: str | None) -> Endpoint:
    """Where to ask and whom to trust; raises WrongUsage or Unsupported in the words of who typed it."""
    scheme, separator, place = address.partition("://")
    if not separator or scheme.lower() not in PROTOCOLS:
        cure = f"write it like https://{plain('host' if separator else address)}, ipmi:// or snmp://"
        raise WrongUsage(f"{address}: that is no address of a device", cure=cure)
    protocol = PROTOCOLS[scheme.lower()]
    if "@" in urlsplit(address).netloc:
        raise WrongUsage(
            "the address holds a user name or password",
            cure="give --user, and the password by --password-file or prompt",
        )
    if protocol is not Protocol.REDFISH:
        return _over_udp(protocol, f"{protocol}://{place}", insecure=insecure, fingerprint=fingerprint)
    if insecure and fingerprint:
        raise WrongUsage("--insecure takes any certificate and --fingerprint only one", cure="give one of the two")
    pinned = None
    if fingerprint:
        found = _KEY.fullmatch(fingerprint.strip().lower().replace(" ", ""))
        if not found:
            raise WrongUsage(
                f"--fingerprint {fingerprint} is no SHA-256", cure="write sha256: and 64 hexadecimal digits"
            )
        pinned = found[1]
    verify = "none" if insecure else "pin" if pinned else "ca"
    return Endpoint(protocol=protocol, address=address.rstrip("/"), verify=verify, pinned_spki=pinned)


def user_in(address: str, user: str | None) -> tuple[str | None, str]:
    """The user before the @ of an SNMP address, or the one given, and the address without it; raises WrongUsage."""
    if not address.lower().startswith("snmp://") or "@" not in address:
        return user, address
    target, named = snmp_login.split(address)
    if user and named != user:
        raise WrongUsage(f"--user {user} and {named}@ are two users", cure="give one of the two")
    return named, str(target)


def _over_udp(protocol: Protocol, address: str, *, insecure: bool, fingerprint: str | None) -> Endpoint:
    """IPMI and SNMP have no certificates: over IPMI and SNMPv3 both sides prove that they know the password."""
    if insecure or fingerprint:
        option = "--insecure" if insecure else "--fingerprint"
        raise WrongUsage(f"{option}: {protocol.upper()} has no certificates", cure="leave it out")
    if protocol is Protocol.SNMP:
        return Endpoint(protocol=protocol, address=str(snmp_login.split(address)[0]), verify="none")
    try:
        place_of(address)
    except ConfigError as error:
        raise WrongUsage(error.reason, cure=error.cure) from None
    return Endpoint(protocol=protocol, address=address.rstrip("/"), verify="none")


def aspects_of(text: str) -> frozenset[Aspect]:
    """The aspects named; all of them when none is."""
    named = [word.strip().lower() for word in text.split(",") if word.strip()]
    unknown = [word for word in named if word not in list(Aspect)]
    if unknown:
        raise WrongUsage(f"--aspects: there is no {', '.join(unknown)}", cure=f"choose from {', '.join(Aspect)}")
    return frozenset(map(Aspect, named)) or frozenset(Aspect)


def partly(observation: Observation) -> bool:
    """Something asked for is missing because it could not be read; a device without sensors is read whole."""
    incomplete = observation.inventory is not None and not observation.inventory.complete
    missing = any(not problem.finding for problem in observation.problems)
    return missing and (observation.asked != observation.answered or incomplete)


def failure(observation: Observation, endpoint: Endpoint) -> DeviceError:
    """Why the device could not be read at all, with what would help."""
    error = ERRORS.get(observation.reachability, Unreachable)
    said = observation.reason.removeprefix(f"{endpoint.address}: ").removeprefix(endpoint.address).strip()
    silent = observation.reachability is Reachability.UNREACHABLE and "no answer" in said and ";" not in said
    if silent and endpoint.protocol is Protocol.IPMI:
        return error(said, device=endpoint.address, cure=SILENT)
    if observation.reachability is not Reachability.UNTRUSTED:
        return error(said, device=endpoint.address)
    shown = shown_key(endpoint.address)
    if shown is None:
        return error(said, device=endpoint.address)
    reason = said.partition(";")[0]
    return error(
        f"{reason}; it shows the key sha256:{shown}",
        device=endpoint.address,
        cure=f"if that is your device, repeat with --fingerprint sha256:{shown}, or take any with --insecure",
    )


def shown_key(address: str) -> str | None:
    """SHA-256 of the public key the address shows in a handshake of its own, in which nothing else is sent."""
    parts = urlsplit(address)
    try:
        shown = ssl.get_server_certificate((parts.hostname or "", parts.port or 443), timeout=_LOOK)
    except (OSError, ValueError):
        return None
    return spki_sha256(ssl.PEM_cert_to_DER_cert(shown))


def _credentials(user: str | None, password_file: Path | None, endpoint: Endpoint) -> Credentials | None:
    if endpoint.protocol is Protocol.SNMP:
        name, secret = snmp_login.login(target_of(endpoint.address), user, password_file)
        return Credentials(user=name, password=secret)
    if user is None:
        if password_file is not None:
            raise WrongUsage("a password without a user", cure="give --user as well")
        if endpoint.protocol is Protocol.IPMI:
            raise WrongUsage("IPMI takes no request without a user", cure="give --user; USER level is enough")
        return None
    asked = f"password of {user} at {endpoint.address}"
    return Credentials(user=user, password=password(password_file, os.environ, prompt=asked))
