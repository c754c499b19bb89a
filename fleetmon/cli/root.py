"""The command `fleetmon`: a table of nouns, each loaded when it is called, and one way for all of them to end."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from fleetmon import __version__
from fleetmon.cli.options import examples
from fleetmon.cli.outcome import Exit, exit_code
from fleetmon.cli.words import plain
from fleetmon.errors import FleetmonError

START = "Start"
FLEET = "The fleet"
UPKEEP = "Upkeep"


@dataclass(frozen=True, slots=True)
class Noun:
    """One row of the table: the word typed, the module that answers to it, and what it is for."""

    name: str
    module: str
    summary: str
    panel: str


NOUNS = (
    Noun("demo", "fleetmon.cli.demo", "An emulated fleet and the service, alive in the browser.", START),
    Noun("serve", "fleetmon.cli.serve", "Run the service.", START),
    Noun("poll", "fleetmon.cli.poll", "One look at one device, without a service or a database.", START),
    Noun("top", "fleetmon.cli.top", "The service and the fleet, live in this terminal.", FLEET),
    Noun("rack", "fleetmon.cli.rack", "Racks, and what stands in them.", FLEET),
    Noun("device", "fleetmon.cli.device", "Devices: add, look at, import, poll, remove.", FLEET),
    Noun("event", "fleetmon.cli.event", "What the devices wrote into their logs.", FLEET),
    Noun("site", "fleetmon.cli.site", "Sites, which hold the racks.", FLEET),
    Noun(
        "credential",
        "fleetmon.cli.credential",
        "User names, passwords and communities, kept apart from devices.",
        FLEET,
    ),
    Noun("doctor", "fleetmon.cli.doctor", "Is everything as it should be, and what to do where it is not.", UPKEEP),
    Noun("db", "fleetmon.cli.db", "Back up, restore and check the databases.", UPKEEP),
    Noun("config", "fleetmon.cli.config", "Check and show the configuration of the service.", UPKEEP),
)


def _unfolded(text: str | None) -> str:
    """Paragraphs without the line breaks of the source: the terminal breaks them where it is wide enough."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


class Later(TyperCommand):
    """A noun that is known by name and summary, and loaded the moment it is called."""

    def __init__(self, noun: Noun) -> None:
        super().__init__(noun.name, short_help=noun.summary, rich_help_panel=noun.panel)
        self.noun = noun

    def load(self) -> Any:
        """The noun's own command."""
        command = get_command(import_module(self.noun.module).app)
        command.name = self.noun.name
        for one in (command, *getattr(command, "commands", {}).values()):
            one.help = _unfolded(one.help)
        return command

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return self.load().make_context(info_name, args, parent=parent, **extra)


class Nouns(TyperGroup):
    """The root group: its commands are the rows of the table."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": {noun.name: Later(noun) for noun in NOUNS}})


app = typer.Typer(
    name="fleetmon",
    cls=Nouns,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog=examples(
        ("fleetmon demo", "a living fleet, no hardware needed"),
        ("fleetmon poll https://10.0.0.7 --user root", "what one BMC says"),
        ("fleetmon rack show R04", "a rack, drawn in this terminal"),
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fleetmon {__version__}")
        raise typer.Exit


@app.callback()
def fleetmon(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="FLEETMON_DEBUG", help="Show where in the program an error came from.")
    ] = False,
) -> None:
    """See every BMC, drive and switch in your racks.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly done, 4 refused by policy.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command and say how it ended; errors are one line on stderr, with the way in only under --debug."""
    debug = "--debug" in arguments or os.environ.get("FLEETMON_DEBUG", "").lower() not in ("", "0", "false", "no")
    typed = [argument for argument in arguments if argument != "--debug"]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        return int(get_command(app).main(typed, prog_name="fleetmon", standalone_mode=False) or Exit.DONE)
    except FleetmonError as error:
        if debug:
            raise
        return complain(str(error), exit_code(error))
    except typer.TyperException as error:
        return _explain_usage(error)
    except (KeyboardInterrupt, typer.Abort):
        return Exit.INTERRUPTED
    except Exception as error:
        if debug:
            raise
        unexpected = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return complain(f"unexpected {unexpected}; this is a fault of fleetmon, --debug shows where", Exit.FAILED)


def complain(what: str, code: Exit) -> int:
    """One line on stderr; gives back the exit code."""
    print(f"fleetmon: {plain(what)}", file=sys.stderr)
    return code


def _explain_usage(error: typer.TyperException) -> int:
    """Wrong usage in one line that names the command's own help; a bare noun has printed its help already."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return Exit.USAGE
    command = context.command_path if context else "fleetmon"
    said = error.format_message().replace("Value error, ", "").strip().rstrip(".")
    print(
        f"{command}: {plain(said[0].lower() + said[1:] if said else 'wrong usage')}; try: {command} --help",
        file=sys.stderr,
    )
    return Exit.USAGE
