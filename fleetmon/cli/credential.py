"""`fleetmon credential`: named users and passwords; a password goes in and never comes out."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from fleetmon.cli.consent import agree
from fleetmon.cli.options import DEFAULT_URL, Output, PasswordFile, Url, Yes, examples, noun
from fleetmon.cli.output import Column, Form, listing, note
from fleetmon.cli.secrets import passphrases, password
from fleetmon.cli.service import Service, segment
from fleetmon.cli.words import count

app = noun("User names, passwords and communities, kept apart from devices.")

COLUMNS = (
    Column(key="name", value=lambda row: row["name"]),
    Column(key="user", value=lambda row: row["user"]),
    Column(key="version", value=lambda row: row["version"], right=True),
    Column(key="used_by", value=lambda row: row["used_by"], right=True),
)


@app.command(
    "set",
    epilog=examples(
        ("fleetmon credential set bmc --user root", "asks for the password, without echo"),
        ("fleetmon credential set bmc --user root --password-file pw", "for a script"),
        ("fleetmon credential set switches", "an SNMP community, which has no user"),
        ("fleetmon credential set core --user watcher --privacy", "an SNMPv3 user with two passphrases"),
    ),
)
def set_credential(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What devices call this set by.")],
    user: Annotated[
        str, typer.Option("--user", "-u", metavar="USER", help="Who to log in as; none for an SNMP community.")
    ] = "",
    password_file: PasswordFile = None,
    privacy: Annotated[
        bool,
        typer.Option("--privacy", help="SNMPv3: also a privacy passphrase, the second line of FILE."),
    ] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Make a set of credentials, or change the one of that name.

    Every device that names the set uses the new password from its next login on.
    """
    if privacy:
        secret = passphrases(password_file, os.environ, prompt=f"passphrase of {user}")
    else:
        asked = f"password of {user}" if user else "community"
        secret = password(password_file, os.environ, prompt=asked, twice=True)
    with Service(url) as service:
        told = service.send("PUT", f"/credentials/{segment(name)}", {"user": user, "password": secret.reveal()}) or {}
    used = int(told.get("used_by") or 0)
    note(f"credentials {name} are set" + (f"; {count(used, 'device')} will log in with them" if used else ""))


@app.command("list", epilog=examples(("fleetmon credential list", "names, users and how many devices use them")))
def list_credentials(output: Output = Form.TABLE, url: Url = DEFAULT_URL) -> None:
    """List credentials; passwords are never shown."""
    with Service(url) as service:
        listing(
            service.items("/credentials"),
            COLUMNS,
            output,
            empty="no credentials yet; `fleetmon credential set NAME --user USER` makes some",
        )


@app.command(epilog=examples(("fleetmon credential remove bmc", "only when no device uses it any more")))
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the set.")],
    yes: Yes = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Remove credentials that no device uses."""
    agree(f"remove the credentials {name}?", yes)
    with Service(url) as service:
        service.send("DELETE", f"/credentials/{segment(name)}")
    note(f"credentials {name} are removed")
