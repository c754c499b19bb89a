"""Lists that many ask for, encoded once per revision and served as bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from fleetmon.api.wire import tag_of


@dataclass(frozen=True, slots=True, kw_only=True)
class HotList:
    """One encoded answer; true for its revision, and until time alone makes one of its values stale."""

    revision: int
    until: datetime
    body: bytes
    next: str | None = None
    tag: str = field(default="")


class HotLists:
    """The answers most lately asked for, at most `MOST` of them."""

    MOST = 16

    def __init__(self) -> None:
        self._known: OrderedDict[str, HotList] = OrderedDict()

    async def get(self, key: str, revision: int, now: datetime, make: Callable[[], Awaitable[HotList]]) -> HotList:
        """The answer for this key, made anew when it is not of this revision or no longer true."""
        known = self._known.get(key)
        if known is not None and known.revision == revision and now <= known.until:
            self._known.move_to_end(key)
            return known
        made = await make()
        made = HotList(
            revision=made.revision, until=made.until, body=made.body, next=made.next, tag=made.tag or tag_of(made.body)
        )
        self._known[key] = made
        self._known.move_to_end(key)
        while len(self._known) > self.MOST:
            self._known.popitem(last=False)
        return made
