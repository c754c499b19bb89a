"""A kill at any step of a migration leaves the old schema or the new one, and every row that was there (R6).

Proven by planted bugs: with the migrations run outside their transaction (each statement committing by itself) the
test finds tables of a migration that is not recorded, and the next start fails on them; a migration that rebuilds a
table without its rows loses what is kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetmon.clock import ManualClock
from fleetmon.errors import StorageError
from fleetmon.storage import maintenance, migrations, open_store
from fleetmon.storage.engine import connect, connect_writer
from fleetmon.storage.store import STATE_FILE, TELEMETRY_FILE
from tests.observations import START

ZYGOTE = """
import os, signal, sys
from pathlib import Path
from fleetmon.storage.store import bring_up_to_date

def step(name):
    if name == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

for line in sys.stdin:
    directory, fatal = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if child == 0:
        bring_up_to_date(Path(directory), step)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Starts once and is copied for each kill, which makes thousands of them affordable."""

SCHEMAS = {STATE_FILE: migrations.STATE, TELEMETRY_FILE: migrations.TELEMETRY}
KEPT = {
    STATE_FILE: "INSERT INTO site VALUES ('kept', 'Kept')",
    TELEMETRY_FILE: "INSERT INTO sensor VALUES (7, 'web-01', 'Chassis', '1', 'kept', 'Temperature', '{}')",
}
FIND = {
    STATE_FILE: "SELECT count(*) FROM site WHERE site_id = 'kept' AND name = 'Kept'",
    TELEMETRY_FILE: "SELECT count(*) FROM sensor WHERE sensor_id = 7 AND name = 'kept'",
}
EVERY_MIGRATION = [(file, place) for file, rows in SCHEMAS.items() for place in range(len(rows))]


def named(value: object) -> str:
    return str(value)


def steps(file: str, place: int) -> list[str]:
    """Every statement of a migration, and its commit."""
    row = SCHEMAS[file][place]
    return [f"{row.name}:{step}" for step in (*range(len(row.statements)), "commit")]


@pytest.fixture(scope="module")
def zygote() -> Iterator[subprocess.Popen[str]]:
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", ZYGOTE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": root},
    ) as child:
        yield child
        assert child.stdin is not None
        child.stdin.close()


def killed_at(zygote: subprocess.Popen[str], data: Path, step: str) -> None:
    """A process that brings `data` up to date dies at `step`."""
    assert zygote.stdin is not None
    assert zygote.stdout is not None
    zygote.stdin.write(f"{data}\t{step}\n")
    zygote.stdin.flush()
    assert zygote.stdout.readline() == "-9\n"


def schema(path: Path) -> dict[str, str]:
    """Every table, index and trigger, by name."""
    connection = connect(path)
    try:
        rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
        return {row["name"]: row["sql"] for row in rows if not row["name"].startswith(("_sqlite", "idx__sqlite"))}
    finally:
        connection.close()


def recorded(path: Path) -> list[str]:
    connection = connect(path)
    try:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = '_sqlite_migrations'").fetchall():
            return []
        return [row["name"] for row in connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id").fetchall()]
    finally:
        connection.close()


def as_of(directory: Path, file: str, count: int) -> Path:
    """A file as a program left it that knew the first `count` migrations, with a row in it."""
    path = directory / file
    connection = connect_writer(path, synchronous="NORMAL")
    migrations.migrate(connection, file, SCHEMAS[file][:count])
    if count:
        connection.execute(KEPT[file])
    connection.close()
    return path


def kept_rows(path: Path, file: str) -> int:
    connection = connect(path, mode="ro")
    try:
        return int(connection.execute(FIND[file]).fetchone()[0])
    finally:
        connection.close()


async def upgrade_with_a_kill(zygote: subprocess.Popen[str], directory: Path, file: str, place: int, step: str) -> None:
    data = directory / "data"
    data.mkdir(mode=0o700, parents=True)
    path = as_of(data, file, place)
    before = schema(path)

    killed_at(zygote, data, step)
    assert recorded(path) == [row.name for row in SCHEMAS[file][:place]]
    assert schema(path) == before
    assert not place or kept_rows(path, file) == 1

    store = await open_store(data, clock=ManualClock())
    await store.close()
    for name, rows in SCHEMAS.items():
        assert recorded(data / name) == [row.name for row in rows]
    assert not place or kept_rows(path, file) == 1
    assert [one.problems for one in maintenance.check(data)] == [(), ()]


@pytest.mark.parametrize(("file", "place"), EVERY_MIGRATION, ids=named)
async def test_R6_a_kill_leaves_the_old_schema_or_the_new_one(
    zygote: subprocess.Popen[str], tmp_path: Path, file: str, place: int
) -> None:
    told = steps(file, place)
    for turn, step in enumerate({told[0], told[len(told) // 2], told[-1]}):
        await upgrade_with_a_kill(zygote, tmp_path / str(turn), file, place, step)
    ends = schema(as_of(tmp_path, file, len(SCHEMAS[file])))
    assert schema(tmp_path / "0" / "data" / file) == ends


@pytest.mark.soak
@pytest.mark.parametrize(("file", "place"), EVERY_MIGRATION, ids=named)
async def test_R6_a_kill_at_every_statement_fifty_times(
    zygote: subprocess.Popen[str], tmp_path: Path, file: str, place: int
) -> None:
    started = time.monotonic()
    for step in steps(file, place):
        for turn in range(50):
            await upgrade_with_a_kill(zygote, tmp_path / str(turn), file, place, step)
            shutil.rmtree(tmp_path / str(turn))
    kills = 50 * len(steps(file, place))
    print(f"R6: {SCHEMAS[file][place].name}: {kills} kills in {time.monotonic() - started:.0f} s (no seed: every step)")


@pytest.mark.parametrize("file", SCHEMAS)
async def test_R6_an_older_program_refuses_a_newer_file_and_says_what_would_be_right(tmp_path: Path, file: str) -> None:
    """Planted bug: a program that looks only for what is pending writes into a schema it does not know."""
    rows = SCHEMAS[file]
    path = as_of(tmp_path, file, len(rows))
    before = path.read_bytes()
    connection = connect(path, mode="rw")
    with pytest.raises(StorageError) as refused:
        migrations.migrate(connection, file, rows[:-1])
    connection.close()
    assert str(refused.value) == (
        f"{file} was written by a newer fleetmon (it has {rows[-1].name}); run that version,"
        " or restore a backup made before the upgrade into an empty directory"
    )
    assert path.read_bytes() == before


async def test_R6_the_way_back_is_the_backup_made_before_the_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bugs: calling an older backup damaged; leaving the files of a refused one where they block the next."""
    newest = dict(SCHEMAS)
    older = {name: rows[:-1] for name, rows in newest.items()}
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    for name, rows in older.items():
        as_of(data, name, len(rows))
    monkeypatch.setattr(maintenance, "FILES", older)
    maintenance.backup(data, tmp_path / "before", now=START)

    monkeypatch.setattr(maintenance, "FILES", newest)
    await (await open_store(data, clock=ManualClock())).close()
    maintenance.backup(data, tmp_path / "after", now=START)
    maintenance.restore(tmp_path / "before", tmp_path / "newer program")
    assert [len(one.pending) for one in maintenance.check(tmp_path / "newer program")] == [1, 1]
    await (await open_store(tmp_path / "newer program", clock=ManualClock())).close()

    monkeypatch.setattr(maintenance, "FILES", older)
    with pytest.raises(StorageError, match="written by a newer fleetmon"):
        maintenance.restore(tmp_path / "after", tmp_path / "back")
    maintenance.restore(tmp_path / "before", tmp_path / "back")
    assert all(kept_rows(tmp_path / "back" / name, name) == 1 for name in older)
