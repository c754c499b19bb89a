"""What `fleetmon doctor` looks at: a table of checks, each of which gives one finding with its cure."""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import fleetmon
from fleetmon.access.vault import CREDENTIAL_NAME, open_vault
from fleetmon.cli.words import count, days_left, instant, room_left, size
from fleetmon.config import Loaded
from fleetmon.errors import FleetmonError
from fleetmon.storage.engine import sqlite3, version_warning
from fleetmon.storage.lock import LOCK_NAME
from fleetmon.storage.space import disk_of, limits

OLDEST_PYTHON = (3, 11)
LITTLE_SPACE = 5 << 30
"""Bytes."""
FEW_DAYS = 14
"""A disk that is full within so many days wants somebody now."""
DESCRIPTORS_PER_DEVICE = 2
"""One connection, and one while it is replaced."""
DESCRIPTORS_BESIDES = 256
CLOCKS_APART = 2.0
"""Seconds two clocks may differ, the way of the answer included."""
_UNSYNCHRONISED = 5
"""What adjtimex(2) returns as TIME_ERROR."""


class Verdict(StrEnum):
    """How a check came out; skipped ones say why they could not be made."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and what to do about it where it is not well."""

    verdict: Verdict
    found: str
    cure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """All that the checks look at; a part that could not be had is None, with the reason beside it."""

    loaded: Loaded | None
    config_error: str
    url: str
    service_error: str
    live: Mapping[str, Any] | None
    ready: Mapping[str, Any] | None
    fleet: Mapping[str, Any] | None
    storage: Mapping[str, Any] | None = None
    environ: Mapping[str, str]
    now: datetime
    foreign: bool = False
    """Something answers at the address, and it is no fleetmon service."""


def python(_: Ground) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if tuple(sys.version_info) < OLDEST_PYTHON:
        return Finding(Verdict.FAIL, f"Python {version}", "run fleetmon with Python 3.11 or later")
    return Finding(Verdict.OK, f"Python {version}")


def sqlite(_: Ground) -> Finding:
    warning = version_warning()
    if warning:
        found, _mark, cure = warning.partition("; ")
        return Finding(Verdict.WARN, found, cure)
    return Finding(Verdict.OK, f"SQLite {sqlite3.sqlite_version}")


def configuration(ground: Ground) -> Finding:
    if ground.loaded is None:
        found, _, cure = ground.config_error.partition("; ")
        return Finding(Verdict.FAIL, found, cure or "see `fleetmon config check`")
    return Finding(Verdict.OK, str(ground.loaded.file or "no file, defaults only"))


def data_directory(ground: Ground) -> Finding:
    if ground.loaded is None:
        return _without_configuration()
    data = ground.loaded.settings.data
    if not data.exists():
        above = next(parent for parent in data.parents if parent.exists())
        if not os.access(above, os.W_OK | os.X_OK):
            return Finding(
                Verdict.FAIL, f"{data} is not there and {above} cannot be written", "set `data` to a place that can"
            )
        return Finding(Verdict.OK, f"{data} is not there yet; the service makes it")
    if not data.is_dir():
        return Finding(Verdict.FAIL, f"{data} is no directory", "set `data` to a directory")
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        return Finding(
            Verdict.FAIL, f"{data} cannot be written by this user", "run as the service's user, or change its owner"
        )
    others = data.stat().st_mode & 0o077
    if others:
        return Finding(Verdict.WARN, f"{data} is open to other users", f"chmod 700 {data}")
    return Finding(Verdict.OK, str(data))


def space(ground: Ground) -> Finding:
    if ground.storage is not None:
        return _space_told(ground.storage)
    if ground.loaded is None:
        return _without_configuration()
    data = ground.loaded.settings.data
    where = next(path for path in (data, *data.parents) if path.exists())
    disk = disk_of(where)
    said = f"{disk.free / (1 << 30):.1f} GiB free at {where}"
    if disk.free < limits(disk.total).resume:
        return Finding(Verdict.FAIL, said, "make room: readings are refused when there is so little")
    if disk.free < LITTLE_SPACE:
        return Finding(Verdict.WARN, said, "make room, or shorten `retention.readings`")
    return Finding(Verdict.OK, said)


def _space_told(storage: Mapping[str, Any]) -> Finding:
    """As the service sees it: what it does about the room, and how long it will last."""
    if not storage["readings"]["taken"]:
        found, _, cure = str(storage["readings"]["reason"]).partition("; ")
        return Finding(Verdict.FAIL, f"readings are refused: {found}", cure)
    said = f"{room_left(storage)}, {days_left(storage)}"
    days = storage["forecast"]["days"]
    if days is not None and days < FEW_DAYS:
        return Finding(Verdict.WARN, said, "make room, or shorten `retention.readings`")
    return Finding(Verdict.OK, said)


def databases(ground: Ground) -> Finding:
    if ground.storage is None:
        return _without_service()
    failing = [file for file in ground.storage["files"] if not file["writable"]]
    if failing:
        found, _, cure = str(failing[0]["reason"] or "a commit does not end").partition("; ")
        return Finding(Verdict.FAIL, found, cure or "look at the disk; the service tries again by itself")
    told = ", ".join(f"{file['file']} {size(file['bytes'] + file['wal_bytes'])}" for file in ground.storage["files"])
    lost = ground.storage["readings"]["lost"]
    if lost:
        return Finding(Verdict.WARN, f"{told}; {count(lost, 'reading')} lost since the start", "see the service's log")
    return Finding(Verdict.OK, f"{told}, written without trouble")


def lock(ground: Ground) -> Finding:
    if ground.loaded is None:
        return _without_configuration()
    holder = lock_holder(ground.loaded.settings.data)
    if holder is None:
        return Finding(Verdict.OK, "no process holds the databases")
    if ground.live is None:
        return Finding(
            Verdict.WARN,
            f"process {holder} holds the databases, and no service answers at {ground.url}",
            "it may be starting, or listen elsewhere: --url names the place",
        )
    return Finding(Verdict.OK, f"process {holder} holds the databases")


def clock(ground: Ground) -> Finding:
    newest = datetime.fromtimestamp(Path(fleetmon.__file__).stat().st_mtime, UTC)
    if ground.now < newest:
        return Finding(
            Verdict.FAIL,
            f"the clock says {ground.now:%Y-%m-%d %H:%M} UTC, before this program was made",
            "set the clock",
        )
    theirs = instant((ground.fleet or {}).get("now"))
    apart = abs((theirs - ground.now).total_seconds()) if theirs else 0.0
    if apart > CLOCKS_APART:
        return Finding(Verdict.WARN, f"the service's clock is {apart:.0f} s from this one", "synchronise both with NTP")
    if not synchronised():
        return Finding(
            Verdict.WARN, "the kernel says the clock is not synchronised", "run an NTP client such as chrony"
        )
    return Finding(Verdict.OK, f"{ground.now:%Y-%m-%d %H:%M:%S} UTC, synchronised")


def descriptors(ground: Ground) -> Finding:
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    devices = int((ground.fleet or {}).get("devices") or 0)
    needed = devices * DESCRIPTORS_PER_DEVICE + DESCRIPTORS_BESIDES
    said = f"{limit:,} open files allowed here, {needed:,} wanted for {count(devices, 'device')}"
    if limit < needed:
        cure = f"LimitNOFILE={needed * 2} in the unit, or ulimit -n {min(needed * 2, most)}"
        return Finding(Verdict.FAIL if devices else Verdict.WARN, said, cure)
    return Finding(Verdict.OK, said)


def service(ground: Ground) -> Finding:
    if ground.live is not None:
        version = ground.live.get("version")
        if version and version != fleetmon.__version__:
            found = f"version {version} answers at {ground.url}; this is {fleetmon.__version__}"
            return Finding(Verdict.WARN, found, "restart the service after an upgrade")
        return Finding(Verdict.OK, f"answers at {ground.url}")
    if ground.foreign:
        return Finding(
            Verdict.FAIL, ground.service_error.partition(";")[0], "give fleetmon another port: [listen] port = 8481"
        )
    if ground.loaded is not None:
        listen = ground.loaded.settings.listen
        if not port_is_free(listen.host, listen.port):
            found = f"port {listen.port} is taken by something that is no fleetmon service"
            return Finding(Verdict.FAIL, found, "free the port, or set [listen] port")
    return Finding(
        Verdict.WARN, f"not running at {ground.url}; its port is free", "start it with `fleetmon serve` or `make demo`"
    )


def roles(ground: Ground) -> Finding:
    if ground.ready is None:
        return _without_service()
    told = [f"{role['role']} {role['state']}" for role in ground.ready.get("roles", [])]
    if ground.ready.get("status") == "ready":
        return Finding(Verdict.OK, ", ".join(told))
    reasons = "; ".join(map(str, ground.ready.get("reasons", []))) or ", ".join(told)
    return Finding(Verdict.FAIL, f"not ready: {reasons}", "the service's own log says more; it tries again by itself")


def reachable(ground: Ground) -> Finding:
    if ground.fleet is None:
        return _without_service()
    by = ground.fleet.get("by_reachability") or {}
    devices = int(ground.fleet.get("devices") or 0)
    silent = {word: int(by.get(word) or 0) for word in ("unreachable", "untrusted", "garbled", "busy", "unsupported")}
    lost = sum(silent.values())
    if not devices:
        return Finding(Verdict.OK, "no devices yet")
    if not lost:
        return Finding(Verdict.OK, f"{int(by.get('reachable') or 0)} of {count(devices, 'device')} answer")
    said = ", ".join(f"{number} {word}" for word, number in silent.items() if number)
    verdict = Verdict.FAIL if lost == devices else Verdict.WARN
    return Finding(
        verdict, f"{said}, of {count(devices, 'device')}", "`fleetmon device list --sort worst` names them and says why"
    )


def denied(ground: Ground) -> Finding:
    if ground.fleet is None:
        return _without_service()
    refused = int((ground.fleet.get("by_reachability") or {}).get("access_denied") or 0)
    if refused:
        return Finding(
            Verdict.WARN,
            f"{count(refused, 'device')} refused our credentials",
            "`fleetmon credential set` with the right password",
        )
    return Finding(Verdict.OK, "no device refuses our credentials")


def exceptions(ground: Ground) -> Finding:
    """Devices that are trusted less strictly than is usual, each by somebody's decision."""
    if ground.fleet is None:
        return _without_service()
    rows = ground.fleet.get("exceptions") or []
    if not rows:
        return Finding(Verdict.OK, "every certificate is checked, and TLS is 1.2 or later everywhere")
    said = [
        f"{count(len(names), 'device')} {what} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
        for what, field, word in (("not verified", "verify", "none"), ("with old TLS permitted", "tls", "legacy"))
        if (names := [str(row.get("name")) for row in rows if row.get(field) == word])
    ]
    return Finding(Verdict.WARN, "; ".join(said), "take the exception back once the BMC's firmware allows it")


def master_key(ground: Ground) -> Finding:
    """Looks without making one: the service makes it on first use."""
    if ground.loaded is None:
        return _without_configuration()
    settings = ground.loaded.settings
    named = settings.master_key_file or ground.environ.get("FLEETMON_MASTER_KEY_FILE")
    credentials = ground.environ.get("CREDENTIALS_DIRECTORY")
    places = [Path(named)] if named else [Path(credentials) / CREDENTIAL_NAME] if credentials else []
    key = next((place for place in (*places, settings.configuration / CREDENTIAL_NAME) if place.exists()), None)
    if key is None:
        if named:
            return Finding(Verdict.FAIL, f"{named} is not there", "put the master key there, or name another file")
        return Finding(Verdict.OK, f"none yet; the service makes it in {settings.configuration}")
    try:
        open_vault(key_file=key, environment={}, configuration=settings.configuration, data=settings.data)
    except FleetmonError as error:
        return Finding(Verdict.FAIL, error.reason, error.cure or "restore the key from where it is kept")
    return Finding(Verdict.OK, f"{key}; keep a copy of it apart from the backups")


def dashboard(_: Ground) -> Finding:
    page = Path(fleetmon.__file__).parent / "web" / "static" / "index.html"
    if not page.exists():
        return Finding(Verdict.WARN, "the web dashboard is not built", "make dashboard")
    return Finding(Verdict.OK, "the web dashboard is built")


def readings_age(ground: Ground) -> Finding:
    if ground.fleet is None:
        return _without_service()
    stale, devices = int(ground.fleet.get("stale") or 0), int(ground.fleet.get("devices") or 0)
    if stale:
        return Finding(
            Verdict.WARN, f"{count(stale, 'device')} of {devices:,} stale", "`fleetmon device list --stale` names them"
        )
    return Finding(Verdict.OK, "no device is stale")


CHECKS: tuple[tuple[str, Callable[[Ground], Finding]], ...] = (
    ("python", python),
    ("sqlite", sqlite),
    ("configuration", configuration),
    ("data directory", data_directory),
    ("space", space),
    ("databases", databases),
    ("lock", lock),
    ("clock", clock),
    ("descriptors", descriptors),
    ("service", service),
    ("roles", roles),
    ("devices answer", reachable),
    ("credentials", denied),
    ("exceptions", exceptions),
    ("staleness", readings_age),
    ("master key", master_key),
    ("dashboard", dashboard),
)


def lock_holder(data: Path) -> str | None:
    """The process that holds a data directory, as the lock file tells; None when nobody does."""
    path = data / LOCK_NAME
    try:
        told = path.read_text(errors="replace").strip()
    except OSError:
        return None
    return told if told.isdigit() and Path(f"/proc/{told}").exists() else None


def port_is_free(host: str, port: int) -> bool:
    """Nobody listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def synchronised() -> bool:
    """The kernel's own word on its clock; True where it cannot be asked."""
    room = ctypes.create_string_buffer(512)
    try:
        return int(ctypes.CDLL(None).adjtimex(room)) != _UNSYNCHRONISED
    except (OSError, AttributeError):
        return True


def _without_service() -> Finding:
    return Finding(Verdict.SKIPPED, "no service to ask")


def _without_configuration() -> Finding:
    return Finding(Verdict.SKIPPED, "the configuration cannot be read")
