"""One process at a time owns a data directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from fleetmon.errors import StorageError

LOCK_NAME = "lock"


class DirectoryLock:
    """Held from construction until `release`; the kernel lets go of it when the process dies, however it dies."""

    def __init__(self, directory: Path) -> None:
        prepare(directory)
        path = directory / LOCK_NAME
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise StorageError(
                f"{directory} is in use by process {holder}",
                cure="stop that process first, or ask the running service instead",
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process in; releasing twice is the same as once."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def prepare(directory: Path) -> None:
    """The directory exists and is its owner's alone; raises StorageError when that cannot be."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.stat().st_mode & 0o077:
            directory.chmod(0o700)
    except OSError as error:
        raise StorageError(
            f"{directory} cannot be used as data directory: {error.strerror}",
            cure="choose a directory this user may write",
        ) from None
