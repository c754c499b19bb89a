"""`fleetmon db`: check, back up and restore a data directory that no service is using."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from fleetmon.errors import Conflict, NoRoom, StorageError
from fleetmon.storage import migrations
from fleetmon.storage.engine import connect, copy_database, sqlite3, sqlite_version
from fleetmon.storage.lock import DirectoryLock, prepare
from fleetmon.storage.space import disk_of, limits, megabytes
from fleetmon.storage.store import STATE_FILE, TELEMETRY_FILE, Store

FILES = {STATE_FILE: migrations.STATE, TELEMETRY_FILE: migrations.TELEMETRY}
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One file of a data directory, looked at as a whole; `problems` is empty when it is sound.

    `pending` are the migrations the next start runs: the file is of an older program, which is no problem.
    """

    file: str
    size: int
    rows: int
    problems: tuple[str, ...]
    pending: tuple[str, ...] = ()


def check(directory: Path) -> list[Checked]:
    """Every page, index and reference of both files. Raises StorageError when a service has the directory."""
    _expect_files(directory)
    with DirectoryLock(directory):
        return [_checked(directory / name, rows) for name, rows in FILES.items()]


def backup(directory: Path, target: Path, *, now: datetime) -> Path:
    """A copy of both files and a manifest in the new directory `target`, made while no service runs."""
    _expect_files(directory)
    with DirectoryLock(directory):
        _make(target)
        for name in FILES:
            connection = connect(directory / name, mode="rw")
            try:
                copy_database(connection, target / name)
            finally:
                connection.close()
        return _finish(target, now)


async def backup_running(store: Store, target: Path, *, now: datetime) -> dict[str, int]:
    """As `backup`, from the service itself, with writes going on; each file is as of one instant of its own.

    Gives the bytes of each file of the backup. Raises StorageError, leaving no half of one.
    """
    await asyncio.to_thread(_make, target)
    try:
        await asyncio.to_thread(_expect_room, target, sum(file.file_bytes() + file.wal_bytes() for file in store.files))
        for file in store.files:
            await file.copy_to(target / file.path.name)
        await asyncio.to_thread(_finish, target, now)
    except StorageError:
        for name in FILES:
            (target / name).unlink(missing_ok=True)
        raise
    return {name: (target / name).stat().st_size for name in FILES}


def _expect_room(target: Path, needed: int) -> None:
    """A backup must not take the room that readings need."""
    disk = disk_of(target)
    floor = limits(disk.total).floor
    if disk.free - needed < floor:
        raise NoRoom(
            f"{target} has {megabytes(disk.free)} free, the backup takes {megabytes(needed)}"
            f" and {megabytes(floor)} must stay free",
            cure="name a directory on another disk",
        )


def restore(source: Path, directory: Path) -> None:
    """A backup becomes the data directory `directory`, which must hold no data yet; raises StorageError for a bad one.

    The master key is no part of a backup; without the one it was made under, credentials have to be set again.
    """
    manifest = _manifest(source)
    for name, told in manifest["files"].items():
        if name not in FILES or not (source / name).is_file() or _digest(source / name) != told["sha256"]:
            raise StorageError(f"{source / name} is not what the manifest says", cure="use another backup")
    with DirectoryLock(directory):
        for name in FILES:
            if (directory / name).exists():
                raise StorageError(f"{directory} holds data already", cure="restore into an empty directory")
        try:
            for name in FILES:
                shutil.copyfile(source / name, directory / name)
                (directory / name).chmod(0o600)
        except OSError as error:
            for name in FILES:
                (directory / name).unlink(missing_ok=True)
            raise StorageError(f"the backup cannot be copied: {error.strerror}", cure="free some space") from None
        problems = [problem for name, rows in FILES.items() for problem in _checked(directory / name, rows).problems]
        if problems:
            for name in FILES:
                (directory / name).unlink()
    if problems:
        raise StorageError(f"the restored data is damaged: {problems[0]}", cure="use another backup")


def _expect_files(directory: Path) -> None:
    missing = [name for name in FILES if not (directory / name).is_file()]
    if missing:
        raise StorageError(
            f"{directory} has no {missing[0]}", cure="name the data directory of a fleetmon that has run"
        )


def _checked(path: Path, rows: tuple[migrations.Migration, ...]) -> Checked:
    size = path.stat().st_size
    pending: tuple[str, ...] = ()
    try:
        connection = connect(path, mode="rw")
    except StorageError as error:
        return Checked(file=path.name, size=size, rows=0, problems=(str(error),))
    try:
        problems = list(_problems(connection, path.name))
        try:
            pending = tuple(migrations.pending(connection, path.name, rows))
        except StorageError as error:  # of a newer program
            problems.append(str(error))
        count = _count(connection)
    except sqlite3.Error as error:
        return Checked(file=path.name, size=size, rows=0, problems=(f"{path.name}: {error}",))
    finally:
        connection.close()
    return Checked(file=path.name, size=size, rows=count, problems=tuple(problems), pending=pending)


def _problems(connection: Any, name: str) -> Iterator[str]:
    for row in connection.execute("PRAGMA integrity_check(20)").fetchall():
        if row[0] != "ok":
            yield f"{name}: {row[0]}"
    for row in connection.execute("PRAGMA foreign_key_check").fetchall()[:20]:
        yield f"{name}: a row of {row[0]} refers to a row of {row[2]} that is not there"


def _count(connection: Any) -> int:
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    return sum(connection.execute(f'SELECT count(*) FROM "{table[0]}"').fetchone()[0] for table in tables)  # noqa: S608 - names of ours


def _make(target: Path) -> None:
    if target.exists() and any(target.iterdir()):
        raise Conflict(f"{target} is not empty", cure="name a new directory for the backup")
    prepare(target)


def _finish(target: Path, now: datetime) -> Path:
    """The manifest is written last: a backup without one is not finished."""
    files = {name: {"bytes": (target / name).stat().st_size, "sha256": _digest(target / name)} for name in FILES}
    manifest = {"made_at": now.isoformat(), "sqlite": sqlite_version(), "files": files}
    path = target / MANIFEST
    path.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    path.chmod(0o600)
    return path


def _manifest(source: Path) -> dict[str, Any]:
    try:
        manifest = orjson.loads((source / MANIFEST).read_bytes())
        if set(manifest["files"]) == set(FILES):
            return dict(manifest)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise StorageError(f"{source} holds no finished backup", cure=f"name a directory with a {MANIFEST}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
