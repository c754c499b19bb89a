"""What a storage engine must do; everything above it speaks SQL that more than one engine can share.

A read sees one committed state. A write is a function of a connection: it runs alone, and whoever awaits it goes on
only when it is on disk. Nothing in this file knows what a row means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

Parameters = Sequence[Any] | Mapping[str, Any]
T = TypeVar("T")


class Row(Protocol):
    """One row of an answer, by column name or by position."""

    def __getitem__(self, key: str | int, /) -> Any: ...

    def keys(self) -> Iterable[str]: ...


class Cursor(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int: ...

    @property
    def lastrowid(self) -> int | None: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...


class Connection(Protocol):
    """What a write function may use; committing is not its business."""

    def execute(self, sql: str, parameters: Parameters = ..., /) -> Cursor: ...

    def executemany(self, sql: str, parameters: Iterable[Parameters], /) -> Cursor: ...


class Database(Protocol):
    """One store: rows in, rows out."""

    async def read(self, sql: str, params: Parameters = ()) -> list[Row]:
        """All rows of one query, from the newest committed state."""
        ...

    async def look(self, function: Callable[[Connection], T]) -> T:
        """What `function` reads, every query of it from the same committed state. It must not write."""
        ...

    async def write(self, function: Callable[[Connection], T]) -> T:
        """What `function` returns, once all it wrote is committed; when it raises, nothing it wrote is kept."""
        ...

    async def change(self, sql: str, params: Parameters = ()) -> list[Row]:
        """One changing statement, committed; the rows its RETURNING gave, so that a claim knows what it won."""
        ...

    async def close(self) -> None:
        """Finish what was queued, then let go of the files."""
        ...
