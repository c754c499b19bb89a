"""A poll over Redfish under way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fleetmon.drivers import look
from fleetmon.drivers.redfish.resource import ROOT, Fetch, Resource
from fleetmon.errors import DeviceError, Unsupported
from fleetmon.model import Protocol


@dataclass(slots=True, kw_only=True)
class Look(look.Look):
    """A poll under way. It is itself a `Fetch`, so that it knows what was answered."""

    protocol: ClassVar[Protocol] = Protocol.REDFISH
    whole: ClassVar[str] = ROOT

    source: Fetch
    gone: bool = False
    """Was anything asked for that is no longer there?"""

    async def get(self, path: str) -> Resource:
        """The resource at `path`; raises DeviceError."""
        resource = await self.source.get(path)
        self.answers += 1
        return resource

    def fail(self, error: DeviceError, path: str) -> None:
        """Note that one resource could not be had."""
        self.failed = error
        self.gone = self.gone or isinstance(error, Unsupported)
        self.tell(path, error.reason)
