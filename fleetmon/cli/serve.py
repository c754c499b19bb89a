"""`fleetmon serve`: the service, in the foreground until it is told to stop."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from fleetmon import logs
from fleetmon.app import run
from fleetmon.app import serve as run_service
from fleetmon.cli.options import ConfigFile, examples, verb
from fleetmon.cli.outcome import WrongUsage
from fleetmon.clock import SystemClock
from fleetmon.config import find, load
from fleetmon.settings import Settings

app = verb("Run the service.")

ROLES = ("api", "devices", "upkeep")


@app.command(
    epilog=examples(
        ("fleetmon serve", "with the configuration that is found"),
        ("fleetmon serve --config fleetmon.toml", "with this one"),
        ("fleetmon serve --data ./state --port 8481", "a second one beside it"),
    )
)
def serve(
    config: ConfigFile = None,
    roles: Annotated[
        str, typer.Option("--roles", metavar="A,B", help="Only these of api, devices, upkeep; all without it.")
    ] = "",
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Where the databases are, in place of the configured place."),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="In place of the configured one.")
    ] = None,
) -> None:
    """Run the service until SIGTERM or Ctrl-C. It listens on loopback only.

    SIGHUP has it read its configuration again, all or nothing: a mistake in it is logged and changes nothing.
    """

    def reread() -> Settings:
        loaded = load(config or find(os.environ), os.environ)
        return with_options(loaded.settings, roles=roles, data=data, port=port)

    settings = reread()
    logs.configure(level=settings.logging.level, form=settings.logging.form)
    run(run_service(reread, clock=SystemClock()))


def with_options(settings: Settings, *, roles: str, data: Path | None, port: int | None) -> Settings:
    """The settings with what the command line says in place of what the file says."""
    chosen = tuple(word.strip() for word in roles.split(",") if word.strip())
    if unknown := [role for role in chosen if role not in ROLES]:
        raise WrongUsage(f"--roles: there is no {', '.join(unknown)}", cure=f"choose from {', '.join(ROLES)}")
    return replace(
        settings,
        roles=chosen or settings.roles,
        data=data.expanduser().absolute() if data else settings.data,
        listen=replace(settings.listen, port=port) if port else settings.listen,
    )
