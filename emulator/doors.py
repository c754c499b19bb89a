"""What a BMC shows to whoever connects: its certificate and its TLS, and what faults put in their place."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any

from emulator.certificates import Identity, context_of, new_identity, rsa_identity


@dataclass(slots=True)
class Door:
    """The TLS side of one BMC."""

    identity: Identity
    context: ssl.SSLContext
    """What it shows while nothing is wrong."""
    _wrongs: list[dict[str, Any]] = field(default_factory=list)

    def spoil(self, wrong: dict[str, Any]) -> ssl.SSLContext:
        """Another thing is wrong: what it shows now."""
        self._wrongs.append(wrong)
        return self._shown()

    def mend(self, wrong: dict[str, Any]) -> ssl.SSLContext:
        """One thing less is wrong: what it shows now; after the last one the very certificate it had before."""
        self._wrongs.remove(wrong)
        return self._shown()

    def _shown(self) -> ssl.SSLContext:
        if not self._wrongs:
            return self.context
        whole: dict[str, Any] = {}
        for wrong in self._wrongs:
            whole |= wrong
        identity = whole.pop("identity", self.identity)
        if "ciphers" in whole and "SHA" in whole["ciphers"]:
            identity = rsa_identity()
        return context_of(identity, **whole)


def wrong_of(name: str, setting: Any, door: Door) -> dict[str, Any]:
    """What a TLS effect puts in the place of the usual."""
    if name == "rotate_cert":
        return {"identity": door.identity if setting == "same_key" else new_identity(door.identity.common_name)}
    if name == "expired_cert":
        return {"expired": True}
    return {key: setting[told] for told, key in (("max", "newest"), ("ciphers", "ciphers")) if told in setting}
