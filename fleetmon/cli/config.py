"""`fleetmon config`: check, show and describe fleetmon.toml."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from fleetmon.cli.options import ConfigFile, Output, examples, noun
from fleetmon.cli.output import Column, Form, as_json, listing, note, write
from fleetmon.config import Loaded, find, load, say_duration, schema

app = noun("Check and show the configuration of the service.")


def loaded(file: Path | None) -> Loaded:
    """The configuration that `serve` would use; raises ConfigError naming file, line and cure."""
    return load(file or find(os.environ), os.environ)


@app.command(
    epilog=examples(
        ("fleetmon config check", "the file that `fleetmon serve` would find"),
        ("fleetmon config check --config new.toml", "a file before it goes live"),
    )
)
def check(config: ConfigFile = None) -> None:
    """Say whether the configuration can be used, and if not, where and why."""
    found = loaded(config)
    changed = sum(origin != "default" for origin in found.origins.values())
    said = f"{changed} of {len(found.origins)} settings are not the default"
    note(f"{found.file or 'no file, defaults only'}: fine ({said})")


@app.command(
    epilog=examples(
        ("fleetmon config show", "every setting as it would be used"),
        ("fleetmon config show --origin", "and which file, line or variable said so"),
    )
)
def show(
    config: ConfigFile = None,
    origin: Annotated[bool, typer.Option("--origin", help="Say where each setting comes from.")] = False,
    output: Output = Form.TABLE,
) -> None:
    """Show every setting as the service would use it."""
    found = loaded(config)
    rows = [
        {"setting": key, "value": _said(value), **({"origin": found.origins[key]} if origin else {})}
        for key, value in sorted(found.values.items())
    ]
    columns = [
        Column(key="setting", value=lambda row: row["setting"]),
        Column(key="value", value=lambda row: row["value"], flexible=True),
        *([Column(key="origin", value=lambda row: row["origin"], flexible=True)] if origin else []),
    ]
    listing(rows, columns, output, empty="no settings")


@app.command(
    "schema",
    epilog=examples(("fleetmon config schema", "JSON Schema, for an editor that completes fleetmon.toml")),
)
def print_schema() -> None:
    """Print the JSON Schema of fleetmon.toml."""
    write(as_json(schema()))


def _said(value: Any) -> str:
    match value:
        case None:
            return ""
        case timedelta():
            return say_duration(value)
        case list() | tuple():
            return ", ".join(map(str, value))
        case bool():
            return str(value).lower()
    return str(value)
