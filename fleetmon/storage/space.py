"""Room on the disk: readings stop before it is full, and a reserve keeps room for what someone must act on.

Two lines of defence. Below a floor of free space readings are refused, by name, and nothing else is; they are taken
again when there is a quarter more than that. A reserve file is there to be given up when the space is gone all the
same, because something else on the disk took it: health, events and all else of `state.db` then still commit.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from fleetmon import logs
from fleetmon.clock import Clock
from fleetmon.errors import NoRoom

log = logs.get("space")

RESERVE_NAME = "reserve"
MOST_FLOOR, MOST_RESERVE = 512 << 20, 64 << 20
"""Bytes; on a small disk a tenth and a twentieth of it."""
TRY_AGAIN = 60.0
"""Seconds until a reserve that could not be taken is tried again."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system: its size and what this user may still take of it, in bytes."""

    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of free space at which something happens."""

    floor: int
    """Readings are refused below it."""
    resume: int
    """Refused readings are taken again from here on."""
    reserve: int
    """Size of the reserve file, and the free space below which it is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much room there is, and what that means."""

    disk: Disk
    limits: Limits
    readings_taken: bool = True
    reserve_held: bool = False
    since: datetime | None = None
    """When readings began to be refused; None while they are taken."""
    reusable: int = 0
    """Bytes inside the readings' own file that may be written again without its growing."""


Measure = Callable[[Path], Disk]


def disk_of(directory: Path) -> Disk:
    """The file system a directory is on. Raises OSError."""
    found = os.statvfs(directory)
    return Disk(total=found.f_blocks * found.f_frsize, free=found.f_bavail * found.f_frsize)


def limits(total: int) -> Limits:
    """What holds for a file system of so many bytes."""
    floor = min(MOST_FLOOR, total // 10)
    return Limits(floor=floor, resume=floor + floor // 4, reserve=min(MOST_RESERVE, total // 20))


def readings_fit(room: Room) -> bool:
    """Whether readings are taken, given whether they were: the floor when they were, a quarter more when not.

    Space given back by the reserve is not room. Room inside the readings' own file is, as long as half the floor is
    free for the write-ahead log: a disk that our own history filled frees itself by forgetting what is too old.
    """
    free = room.disk.free - (0 if room.reserve_held else room.limits.reserve)
    line = room.limits.floor if room.readings_taken else room.limits.resume
    return free + room.reusable >= line and free >= room.limits.floor // 2


class Space:
    """Watches the room on the disk of a data directory; cheap enough to be asked before every commit.

    Called from any thread. Before the first look everything is allowed.
    """

    def __init__(self, directory: Path, clock: Clock, measure: Measure = disk_of) -> None:
        self._directory = directory
        self._clock = clock
        self._measure = measure
        self._turn = threading.Lock()
        self._reserve = directory / RESERVE_NAME
        self._room: Room | None = None
        self._try_at = float("-inf")
        self.reusable = 0
        """See `Room`; told by who can ask the database."""
        self.lost = 0
        """Readings that were not stored, since the start."""

    def look(self) -> Room | None:
        """The room there is now, acted upon; None while the file system cannot be asked."""
        with self._turn:
            try:
                disk = self._measure(self._directory)
            except OSError:
                return self._room
            before = self._room or Room(disk=disk, limits=limits(disk.total), reserve_held=self._is_reserved())
            room = replace(before, disk=disk, limits=limits(disk.total), reusable=self.reusable)
            taken = readings_fit(room)
            if taken != room.readings_taken or self._room is None:
                self._tell(room, taken=taken)
                room = replace(room, readings_taken=taken, since=None if taken else self._clock.now())
            self._room = self._with_reserve(room)
            return self._room

    @property
    def room(self) -> Room | None:
        """What the last look saw."""
        return self._room

    def refusal(self) -> NoRoom | None:
        """Why readings are not stored now; None when they are. As of the last look."""
        room = self._room
        if room is None or room.readings_taken:
            return None
        return NoRoom(
            f"the disk is nearly full ({megabytes(room.disk.free)} free), what is left is kept for health and events",
            cure="free some space; readings are stored again by themselves",
        )

    def admit_readings(self) -> None:
        """Raises NoRoom while readings are refused."""
        refusal = self.refusal()
        if refusal is not None:
            raise refusal

    def exhaustion(self) -> NoRoom | None:
        """Why nothing at all is written to the readings' file now: the reserve itself is being used."""
        room = self._room
        if room is None or room.reserve_held or room.readings_taken or room.limits.reserve == 0:
            return None
        return NoRoom("the disk is full", cure="free some space; writing goes on by itself")

    def release(self) -> None:
        """Give the reserve back: a service that is not running needs none."""
        with self._turn:
            self._reserve.unlink(missing_ok=True)
            self._room = None

    def _with_reserve(self, room: Room) -> Room:
        """The reserve is given up when the disk is full, and taken again when readings are."""
        if room.reserve_held and room.disk.free < room.limits.reserve:
            with contextlib.suppress(OSError):
                self._reserve.unlink()
            self._try_at = float("-inf")
            log.warning("the disk is full; the reserve is given up", free=room.disk.free)
            return replace(room, reserve_held=False)
        if not room.reserve_held and room.readings_taken and self._clock.monotonic() >= self._try_at:
            self._try_at = self._clock.monotonic() + TRY_AGAIN
            return replace(room, reserve_held=self._take(room.limits.reserve))
        return room

    def _take(self, size: int) -> bool:
        try:
            descriptor = os.open(self._reserve, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, max(size, 1))
            finally:
                os.close(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                self._reserve.unlink()
            return False
        return True

    def _is_reserved(self) -> bool:
        """A reserve is there already, left by a process that died."""
        try:
            return self._reserve.stat().st_blocks > 0
        except OSError:
            return False

    def _tell(self, room: Room, *, taken: bool) -> None:
        if not taken:
            log.warning("readings are refused: the disk is nearly full", free=room.disk.free, floor=room.limits.floor)
        elif self._room is not None:
            log.info("readings are stored again", free=room.disk.free)


def megabytes(count: int) -> str:
    """Bytes in a sentence."""
    return f"{count / (1 << 20):,.0f} MiB"
