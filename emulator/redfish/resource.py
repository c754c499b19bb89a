"""What lies at a path, and what may be done to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from emulator.accents.model import Answers
from emulator.redfish.errors import Answer, Json
from emulator.server import Request

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc
    from emulator.redfish.dialect import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What a path answers to; None is a method that is not allowed."""

    get: Callable[[Bmc], Json] | None = None
    patch: Callable[[Bmc, Json], Answer | None] | None = None
    """Changes something; an answer is a refusal."""
    post: Callable[[Bmc, Json, Request], Answer] | None = None
    delete: Callable[[Bmc], Answer] | None = None
    answer: Callable[[Bmc, Request], Answer] | None = None
    """Answers GET as a whole: no document, but text, or something that goes on."""
    write: Callable[[Any, Bmc], Json] | None = None
    """Writes one member of a collection that is cut into pages first."""

    @property
    def allow(self) -> str:
        """The Allow header."""
        return _allow(
            self.get is not None, self.answer is not None, self.patch is not None, self.post is not None,
            self.delete is not None,
        )  # fmt: skip


@cache
def _allow(*can: bool) -> str:
    names = ("GET, HEAD", "GET", "PATCH", "POST", "DELETE")
    return ", ".join(name for name, does in zip(names, can, strict=True) if does)


Member = Callable[["Bmc", str], Resource | None]


@dataclass(slots=True)
class Tree:
    """All paths of a family: fixed ones, and collections whose members come and go."""

    fixed: dict[str, Resource] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    dialect: Dialect | None = None
    """None where the family has no accent."""
    answers: tuple[Answers, ...] = ()
    """What changes an answer as a whole, its status and headers too."""

    def told(self, path: str) -> str:
        """Where the resource of a plain path lies; the plain path where the firmware has none."""
        return path if self.dialect is None else self.dialect.told(path) or path
