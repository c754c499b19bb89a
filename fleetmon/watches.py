"""Every endpoint under the eyes of the role `devices`, and what those of one device are to each other."""

from __future__ import annotations

from fleetmon.duties import FIRST, duties, patience
from fleetmon.errors import RequestRefused
from fleetmon.model import Aspect, Protocol
from fleetmon.watch import Watch


class Watches(dict[tuple[str, str], Watch]):
    """Endpoints by device and protocol; `misses` is how many polls missed in a row make one silent."""

    def __init__(self, misses: int) -> None:
        super().__init__()
        self._misses = misses

    def of(self, device_id: str) -> list[Watch]:
        """A device's endpoints; cheap, however many devices there are."""
        keys = ((device_id, protocol.value) for protocol in Protocol)
        return [self[key] for key in keys if key in self]

    def first_of(self, device_id: str) -> Watch:
        """The endpoint that tells everything of a device, or else any; raises RequestRefused when there is none."""
        found = max(self.of(device_id), key=lambda watch: watch.is_first, default=None)
        if found is None:
            raise RequestRefused(
                f"device {device_id} is not being watched", cure="enable it, or wait until it was taken up"
            )
        return found

    def duties(self, watch: Watch) -> frozenset[Aspect]:
        """What this endpoint is asked, as those before it fare now."""
        device = watch.watched.device
        if watch.is_first:
            return FIRST
        protocols = [endpoint.protocol for endpoint in device.endpoints]
        before = protocols[: protocols.index(watch.watched.endpoint.protocol)]
        others = [self.get((device.device_id, protocol.value)) for protocol in before]
        enough = patience(self._misses, answers=bool(watch.asked) and not watch.missed)
        return duties([0 if other is None else other.missed for other in others], enough)
