"""The options that several commands share, and how a noun and its examples are declared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetmon.cli.output import Form

DEFAULT_URL = "http://127.0.0.1:8480"

Url = Annotated[
    str,
    typer.Option("--url", envvar="FLEETMON_URL", metavar="URL", help="Where the service answers.", show_default=True),
]
Output = Annotated[
    Form, typer.Option("--output", "-o", help="How to print the result.", case_sensitive=False, show_default=True)
]
Ascii = Annotated[
    bool, typer.Option("--ascii", help="Draw with ASCII alone; the default where the locale is not UTF-8.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="FLEETMON_CONFIG",
        metavar="FILE",
        help="fleetmon.toml to use; without it ./fleetmon.toml, then /etc/fleetmon/fleetmon.toml.",
    ),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="Read the password from the first line of FILE ('-' is stdin); else FLEETMON_PASSWORD, else a prompt.",
    ),
]


def noun(summary: str) -> typer.Typer:
    """A group of verbs."""
    app = typer.Typer(help=summary, no_args_is_help=True, rich_markup_mode="rich", add_completion=False)
    app.callback()(_only_groups)
    return app


def verb(summary: str) -> typer.Typer:
    """A noun that is its own single command."""
    return typer.Typer(help=summary, rich_markup_mode="rich", add_completion=False)


def _only_groups() -> None:
    """A noun does nothing by itself; that there is a callback keeps a single verb a verb."""


_SIDE_BY_SIDE = 76
"""Examples that fit into so many cells have their meanings on the same line."""


def examples(*lines: tuple[str, str]) -> str:
    """The foot of a command's help: what to type, and what that does."""
    width = max(len(typed) for typed, _ in lines)
    beside = width + 4 + max(len(does) for _, does in lines) <= _SIDE_BY_SIDE
    between = "  " if beside else "\n      "
    rows = [
        f"  [cyan]{literal(typed.ljust(width) if beside else typed)}[/]{between}[dim]{literal(does)}[/]"
        for typed, does in lines
    ]
    return "\n".join(["[bold]Examples[/]", *rows])


def literal(text: str) -> str:
    """Text that rich's markup leaves as it is."""
    return text.replace("[", "\\[")
