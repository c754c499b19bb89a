"""Traps that came faster than they are read, counted until they end: one storm, one thing to tell; pure."""

from __future__ import annotations

from dataclasses import dataclass, field

LEAST = 1000
"""Unread traps that are a storm."""
QUIET = 30.0
"""Seconds without an unread trap after which it is over."""
LONG = 3600.0
"""Seconds after which one that goes on is told, and counted anew."""
SENDERS = 20_000
"""Senders counted one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """What went unread between two quiet times."""

    unread: int
    seconds: float
    senders: int
    """Addresses; anybody can write any of them on a datagram."""
    more_senders: bool
    """There were more than could be counted."""
    device_id: str | None
    """Whose address the most of them bear, of all devices'; None when they are no device's."""
    of_device: int

    def __str__(self) -> str:
        return f"{self.unread} SNMP traps in {self.seconds:.0f} s from {self._whence()} were too many to read"

    def _whence(self) -> str:
        if self.senders <= 1:
            return "its address" if self.senders and self.device_id else "one address or more"
        many = f"{'over ' if self.more_senders else ''}{self.senders} addresses"
        return f"{many}, {self.of_device} of them from its own," if self.device_id else many


@dataclass(slots=True)
class Storms:
    """Counts unread traps; time is an argument, on the monotonic clock."""

    _since: float | None = None
    _last: float = 0.0
    _unread: int = 0
    _more: bool = False
    _by_sender: dict[str, int] = field(default_factory=dict)
    _by_device: dict[str, int] = field(default_factory=dict)

    def note(self, sender: str, device_id: str | None, now: float) -> None:
        """A trap went unread. `device_id`: whose address it bears."""
        self.drop(1, now)
        if sender in self._by_sender or len(self._by_sender) < SENDERS:
            self._by_sender[sender] = self._by_sender.get(sender, 0) + 1
        else:
            self._more = True
        if device_id is not None:
            self._by_device[device_id] = self._by_device.get(device_id, 0) + 1

    def drop(self, number: int, now: float) -> None:
        """So many went unread, and nobody knows from where."""
        self._since = now if self._since is None else self._since
        self._last = now
        self._unread += number

    def ended(self, now: float) -> Storm | None:
        """The storm that is over, or has lasted long, once; None while there is none to tell."""
        if self._since is None or (now - self._last < QUIET and now - self._since < LONG):
            return None
        device_id = max(self._by_device, key=self._by_device.__getitem__, default=None)
        storm = Storm(
            unread=self._unread,
            seconds=max(1.0, self._last - self._since),
            senders=len(self._by_sender),
            more_senders=self._more,
            device_id=device_id,
            of_device=self._by_device.get(device_id or "", 0),
        )
        self._since, self._unread, self._more = None, 0, False
        self._by_sender, self._by_device = {}, {}
        return storm if storm.unread >= LEAST else None
