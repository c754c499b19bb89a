"""`fleetmon db`: back up, restore and check the databases; what a running service holds, it backs up itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from fleetmon.cli.checks import lock_holder
from fleetmon.cli.consent import agree
from fleetmon.cli.options import DEFAULT_URL, ConfigFile, Output, Url, Yes, examples, noun
from fleetmon.cli.outcome import Exit
from fleetmon.cli.output import Column, Form, listing, note, waiting, write
from fleetmon.cli.service import Service
from fleetmon.cli.words import size
from fleetmon.clock import SystemClock
from fleetmon.config import find, load
from fleetmon.errors import StorageError
from fleetmon.storage import maintenance

LONGEST_BACKUP = 3600.0
"""Seconds the service may take for one."""

app = noun("Back up, restore and check the databases.")

Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="The data directory, in place of the configured one.")
]
COLUMNS = (
    Column(key="file", value=lambda row: row["file"]),
    Column(key="sound", value=lambda row: not row["problems"], shown=lambda row: "no" if row["problems"] else "yes"),
    Column(key="size", value=lambda row: row["size"], shown=lambda row: size(row["size"]), right=True),
    Column(key="rows", value=lambda row: row["rows"], shown=lambda row: f"{row['rows']:,}", right=True),
    Column(
        key="pending",
        head="older",
        value=lambda row: row["pending"],
        shown=lambda row: f"{len(row['pending'])} migrations at the next start" if row["pending"] else "no",
    ),
    Column(key="problems", value=lambda row: "; ".join(row["problems"]), flexible=True),
)


@app.command(
    epilog=examples(
        ("fleetmon db backup /backup/fleetmon-monday", "a new directory with both files and a manifest"),
        ("fleetmon db backup", "into a directory named after the time, here"),
    )
)
def backup(
    target: Annotated[
        Path | None, typer.Argument(metavar="DIRECTORY", help="Where to put it; must be new or empty.")
    ] = None,
    data: Data = None,
    config: ConfigFile = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Copy both databases, consistent and checksummed; a running service does it itself, without a pause.

    The master key is no part of it: keep a copy of that apart. Prints the directory of the backup.
    """
    now = SystemClock().now()
    directory = directory_of(data, config)
    target = (target or Path(f"fleetmon-backup-{now:%Y%m%dT%H%M%SZ}")).expanduser().absolute()
    with waiting(f"backing up {directory}"):
        if lock_holder(directory) is None:
            maintenance.backup(directory, target, now=now)
        else:
            ask_for_backup(url, directory, target)
    write(f"{target}\n")


@app.command(
    epilog=examples(
        ("fleetmon db restore /backup/fleetmon-monday", "into the configured, empty data directory"),
        ("fleetmon db restore /backup/fleetmon-monday --data ./state", "into another one, to look at it"),
    )
)
def restore(
    source: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="A backup made by `fleetmon db backup`.")],
    yes: Yes = False,
    data: Data = None,
    config: ConfigFile = None,
) -> None:
    """Put a backup in place as the data of a service; nothing that is there is ever overwritten.

    Start the service with the master key the backup was made under, else credentials have to be set again.
    """
    directory = free(data, config)
    agree(f"restore {source} as {directory}?", yes)
    with waiting(f"restoring {source}"):
        maintenance.restore(source.expanduser().absolute(), directory)
    note(f"{directory} is restored; start the service with `fleetmon serve`")


@app.command(
    epilog=examples(
        ("fleetmon db check", "every page, index and reference of both files"),
        ("fleetmon db check --data /backup/fleetmon-monday", "a backup"),
    )
)
def check(data: Data = None, config: ConfigFile = None, output: Output = Form.TABLE) -> None:
    """Read both databases whole and say whether they are sound. Exit code 1 when one is not."""
    directory = free(data, config)
    with waiting(f"reading {directory}"):
        found = maintenance.check(directory)
    rows = [
        {"file": c.file, "size": c.size, "rows": c.rows, "problems": list(c.problems), "pending": list(c.pending)}
        for c in found
    ]
    listing(rows, COLUMNS, output, empty="")
    if any(row["problems"] for row in rows):
        raise typer.Exit(Exit.FAILED)


def ask_for_backup(url: str, directory: Path, target: Path) -> None:
    """The service at `url` backs itself up; raises StorageError when it is not the one that holds `directory`."""
    with Service(url, patience=LONGEST_BACKUP) as service:
        serves = service.get("/storage").get("directory")
        if serves != str(directory):
            raise StorageError(
                f"{directory} is in use, and the service at {url} works on {serves}",
                cure="name the service that holds it with --url",
            )
        service.send("POST", "/db/backup", {"directory": str(target)})


def directory_of(data: Path | None, config: Path | None) -> Path:
    """The data directory that is meant."""
    return data.expanduser().absolute() if data else load(config or find(os.environ), os.environ).settings.data


def free(data: Path | None, config: Path | None) -> Path:
    """The data directory, which no process holds; raises StorageError naming the one that does."""
    directory = directory_of(data, config)
    holder = lock_holder(directory)
    if holder is not None:
        raise StorageError(
            f"{directory} is in use by process {holder}", cure=f"stop that service first (kill {holder}), then repeat"
        )
    return directory
