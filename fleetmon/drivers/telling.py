"""The contract of a device that can tell by itself, beside being asked.

A driver whose protocol has such a thing carries it as `telling`. What comes over a stream the driver opened itself is
as true as the answer to a poll; what comes to a receiver of ours from outside is only a hint (`hinted`).
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fleetmon.model import Aspect, Pushed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Where a device shall send what happens, and how its subscription is known again."""

    destination: str
    """URL of our receiver with the path token of this very device."""
    context: str
    """`installation:device`, told back with every event."""
    receiver: str
    """URL below which all destinations of ours lie, without a slash at its end."""
    installation: str
    """What all our contexts begin with."""

    def hidden_in(self, text: str) -> str:
        """`text` without the path token, which devices repeat in their refusals."""
        token = self.destination.rpartition("/")[2]
        return re.sub(re.escape(token), "…", text, flags=re.IGNORECASE) if token else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """A subscription that is there, as seen just now."""

    path: str
    made: bool
    """Was it not there before, so that events may have been missed?"""
    pruned: int = 0
    """Useless ones of ours that were deleted."""


class Telling(Protocol):
    """The side of a device that tells by itself."""

    async def stream_offered(self) -> bool:
        """Does the device offer a stream? Raises Unsupported when it offers neither that nor subscriptions."""
        ...

    def listen(self, after: str) -> AsyncGenerator[Pushed, None]:
        """What the device tells over a stream, from the event `after` on, until it ends; raises DeviceError.

        Whoever iterates closes the generator on every way out; that closes the stream.
        """
        ...

    async def subscribe(self, wish: Wish, known: str) -> Subscribed:
        """Have the one subscription we wish for, or find it still there at `known`; raises DeviceError."""
        ...

    async def unsubscribe(self, path: str, installation: str) -> None:
        """End the subscription at `path` if it is still this installation's; raises DeviceError."""
        ...

    def hinted(self, content: bytes) -> frozenset[Aspect]:
        """What a message from outside is a reason to ask now; nothing for one that says nothing."""
        ...


@runtime_checkable
class TellsItself(Protocol):
    """A driver whose device may tell by itself."""

    @property
    def telling(self) -> Telling:
        """That side of it."""
        ...
