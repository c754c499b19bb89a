"""What can go wrong.

FleetmonError
├─ ConfigError             a file, option or environment variable says something impossible
├─ DeviceError             a device did not do as asked
│  ├─ Unreachable          no answer in time: proves nothing about what it did
│  ├─ AccessDenied         it refused our credentials: do not try again and lock the account
│  ├─ Untrusted            its certificate is not the one we know: no credential was sent
│  ├─ Busy                 it says "not now" (503, Retry-After): it is alive
│  ├─ Garbled              it answered, and even the quirks could not read it
│  └─ Unsupported          it says it cannot, or it is no such device
├─ RequestRefused          we will not do what the actor asked, and why
│  ├─ NotFound             there is no such thing
│  ├─ Conflict             it clashes with what is there: a name taken, a rack still in use
│  ├─ OutOfDate            it was changed since the actor read it
│  └─ Unaskable            the words of the request cannot be meant for any device
├─ DeliveryError           a receiver did not take it; permanent or not
└─ StorageError            the store cannot be used as it is (locked, too new, damaged)
   └─ NoRoom               the disk is full, or so nearly that this is not stored

A message is one line: what happened, and where it can be said, what would put it right (`cure`).
"""

from __future__ import annotations


class FleetmonError(Exception):
    """Something went wrong that a person can be told about in one line."""

    def __init__(self, reason: str, *, cure: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.reason}; {self.cure}" if self.cure else self.reason


class ConfigError(FleetmonError):
    """A file, an option or an environment variable says something impossible."""


class DeviceError(FleetmonError):
    """A device did not do as asked.

    `device` is the address as the user gave it (never with credentials), `resource` what was asked for: a Redfish path,
    an IPMI command or an OID; empty when the failure came before any resource.
    """

    def __init__(self, reason: str, *, device: str = "", resource: str = "", cure: str = "") -> None:
        super().__init__(reason, cure=cure)
        self.device = device
        self.resource = resource

    def __str__(self) -> str:
        where = " ".join(part for part in (self.device, self.resource) if part)
        said = super().__str__()
        return f"{where}: {said}" if where else said


class Unreachable(DeviceError):
    """No answer in time: proves nothing about what the device did."""


class AccessDenied(DeviceError):
    """The device refused our credentials; trying again could lock the account."""


class Untrusted(DeviceError):
    """The device's certificate is not the one we know; no credential was sent."""


class Busy(DeviceError):
    """The device says "not now"; `retry_after` is its own wish in seconds, or None."""

    def __init__(
        self,
        reason: str,
        *,
        device: str = "",
        resource: str = "",
        cure: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason, device=device, resource=resource, cure=cure)
        self.retry_after = retry_after


class Garbled(DeviceError):
    """The device answered, and even the quirks could not read it."""


class Unsupported(DeviceError):
    """The device says it cannot, or it is no such device."""


class RequestRefused(FleetmonError):
    """We will not do what the actor asked, and the reason says why."""


class NotFound(RequestRefused):
    """There is no such site, rack, device, credential or request."""


class Conflict(RequestRefused):
    """It clashes with what is there: a name or unit already taken, a rack still in use."""


class OutOfDate(RequestRefused):
    """It was changed since the actor read it: the version given is not the one stored."""


class Unaskable(RequestRefused):
    """No device could be asked that: a path outside its own tree."""


class DeliveryError(FleetmonError):
    """A receiver did not take a delivery; a `permanent` refusal is not tried again."""

    def __init__(self, reason: str, *, permanent: bool = False, cure: str = "") -> None:
        super().__init__(reason, cure=cure)
        self.permanent = permanent


class StorageError(FleetmonError):
    """The store cannot be used as it is: locked, too new, or damaged."""


class Damaged(StorageError):
    """What was stored is not what was written; reading it again gives the same."""


class NoRoom(StorageError):
    """The disk is full, or so nearly full that this is not stored."""
