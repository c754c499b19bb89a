"""`fleetmon doctor`: one line for everything that can be wrong around the service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from fleetmon.cli.checks import CHECKS, Finding, Ground, Verdict
from fleetmon.cli.options import DEFAULT_URL, ConfigFile, Output, Url, examples, verb
from fleetmon.cli.outcome import Exit
from fleetmon.cli.output import Column, Form, Row, ascii_only, listing, paper
from fleetmon.cli.service import Service
from fleetmon.cli.words import plain
from fleetmon.clock import SystemClock
from fleetmon.config import Loaded, find, load
from fleetmon.errors import ConfigError, FleetmonError

app = verb("Is everything as it should be, and what to do where it is not.")

_MARKS = {
    Verdict.OK: ("●", "o", "ok", "#6f9387"),
    Verdict.WARN: ("▲", "^", "warn", "#e69f00"),
    Verdict.FAIL: ("◆", "!", "fail", "bold #e8651a"),
    Verdict.SKIPPED: ("◌", "?", "skipped", "dim"),
}


def _verdict(row: Row) -> Text:
    glyph, plain_glyph, word, style = _MARKS[Verdict(row["verdict"])]
    return Text(f"{plain_glyph if ascii_only(os.environ) else glyph} {word}", style=style)


COLUMNS = (
    Column(key="verdict", head="", value=lambda row: row["verdict"], shown=_verdict),
    Column(key="check", value=lambda row: row["check"]),
    Column(key="found", value=lambda row: row["found"], flexible=True),
    Column(key="cure", value=lambda row: row["cure"], flexible=True),
)


@app.command(
    epilog=examples(
        ("fleetmon doctor", "look at everything"),
        ("fleetmon doctor -o json", "for a monitoring system; exit code 1 when something fails"),
    )
)
def doctor(config: ConfigFile = None, output: Output = Form.TABLE, url: Url = DEFAULT_URL) -> None:
    """Check the program, its configuration, its databases, the service and the fleet.

    Nothing is changed. Exit code 1 when a check fails; warnings alone leave it at 0.
    """
    ground = ground_of(config, url)
    rows = [told(name, check(ground)) for name, check in CHECKS]
    if output is Form.TABLE:
        _print(rows)
    else:
        listing(rows, COLUMNS, output, empty="")
    if any(row["verdict"] == Verdict.FAIL for row in rows):
        raise typer.Exit(Exit.FAILED)


def _print(rows: list[dict[str, str]]) -> None:
    """One line a check; where it is not well, the cure below it."""
    out = paper()
    arrow = "->" if ascii_only(os.environ) else "→"
    widest = max(len(row["check"]) for row in rows)
    for row in rows:
        mark = _verdict(row)
        mark.pad_right(9 - mark.cell_len)
        out.print(Text.assemble(mark, f"  {row['check']:<{widest}}  ", plain(row["found"])), soft_wrap=True)
        if row["cure"]:
            out.print(Text(f"{'':{widest + 13}}{arrow} {plain(row['cure'])}", style="bold"), soft_wrap=True)


def told(name: str, finding: Finding) -> dict[str, str]:
    """A finding as a row."""
    return {"verdict": finding.verdict.value, "check": name, "found": finding.found, "cure": finding.cure}


def ground_of(config: Path | None, url: str) -> Ground:
    """All that the checks look at, gathered once; nothing that fails here ends the command."""
    loaded, config_error = _configuration(config)
    answers: dict[str, Any] = {}
    service_error = ""
    with Service(url) as service:
        try:
            answers["live"] = service.get("/live")
            answers["ready"] = service.ready()
            answers["fleet"] = service.get("/fleet")
            answers["storage"] = service.get("/storage")
        except FleetmonError as error:
            service_error = str(error)
    live = answers.get("live")
    known = isinstance(live, dict) and live.get("status") == "alive"
    return Ground(
        loaded=loaded,
        config_error=config_error,
        url=url,
        service_error=service_error,
        live=live if known else None,
        ready=answers.get("ready") if known else None,
        fleet=answers.get("fleet") if known else None,
        storage=answers.get("storage") if known else None,
        environ=os.environ,
        now=SystemClock().now(),
        foreign=not known and "no service answers" not in service_error,
    )


def _configuration(config: Path | None) -> tuple[Loaded | None, str]:
    try:
        return load(config or find(os.environ), os.environ), ""
    except ConfigError as error:
        return None, str(error)
