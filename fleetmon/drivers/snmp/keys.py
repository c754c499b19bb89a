"""SNMPv3 users: passphrases to master keys, master keys to what the library signs and encrypts with.

A master key costs a hash over a megabyte (RFC 3414, appendix A.2), so it is made once for a passphrase and kept.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from gufo.snmp import (
    Aes128Key,
    Aes192Key,
    Aes256Key,
    BaseAuthKey,
    BasePrivKey,
    DesKey,
    KeyExpansion,
    Md5Key,
    Sha1Key,
    Sha224Key,
    Sha256Key,
    Sha384Key,
    Sha512Key,
    User,
)
from gufo.snmp.user import KeyType

from fleetmon.drivers.snmp.address import Target
from fleetmon.drivers.snmp.envelope import ENCRYPTED, SIGNED, Envelope

SHORTEST = 8
"""Characters of a passphrase (RFC 3414, section 11.2)."""

AUTH: Mapping[str, type[BaseAuthKey]] = MappingProxyType(
    {"md5": Md5Key, "sha": Sha1Key, "sha224": Sha224Key, "sha256": Sha256Key, "sha384": Sha384Key, "sha512": Sha512Key}
)
PRIV: Mapping[str, type[BasePrivKey]] = MappingProxyType(
    {
        "des": DesKey,
        "aes128": Aes128Key,
        "aes192": Aes192Key,
        "aes256": Aes256Key,
        "aes192c": Aes192Key,
        "aes256c": Aes256Key,
    }
)

SIGNATURE: Mapping[str, int] = MappingProxyType(
    {"md5": 12, "sha": 12, "sha224": 16, "sha256": 24, "sha384": 32, "sha512": 48}
)
"""Bytes of one (RFC 3414, sections 6 and 7; RFC 7860, section 4.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a genuine answer of one engine to one user looks like."""

    auth: str
    key: bytes
    """Of this user with this engine alone."""
    level: int
    """`SIGNED` and `ENCRYPTED`, as far as they are asked for."""

    def is_on(self, message: bytes, envelope: Envelope) -> bool:
        """Was the message made by who knows the key, at the level asked at? The library itself does not look."""
        if envelope.level != self.level:
            return False
        if not self.auth:
            return True
        start, end = envelope.signature
        if end - start != SIGNATURE[self.auth]:
            return False
        unsigned = message[:start] + bytes(end - start) + message[end:]
        name = "sha1" if self.auth == "sha" else self.auth
        return hmac.compare_digest(hmac.digest(self.key, unsigned, name)[: end - start], message[start:end])


def seal_of(target: Target, signing: bytes, engine: bytes) -> Seal:
    """The seal of an engine, from the user's master key."""
    key = AUTH[target.auth].get_localized_key(signing, engine) if target.auth else b""
    level = (SIGNED if target.auth else 0) | (ENCRYPTED if target.priv else 0)
    return Seal(auth=target.auth, key=key, level=level)


def passphrases(password: str) -> tuple[str, str]:
    """The one that signs and the one that encrypts: the first and second line, or one for both."""
    first, _, second = password.partition("\n")
    first, second = first.rstrip("\r"), second.rstrip("\r\n")
    return first, second or first


def community_of(password: str) -> str:
    """The password as a community; ValueError for two passphrases of a v3 user, which never go out in the clear."""
    community = password.rstrip("\r\n")
    if "\n" in community:
        raise ValueError("two lines are the passphrases of an SNMPv3 user, no community")
    return community


@lru_cache(maxsize=256)
def master_key(auth: str, passphrase: str) -> bytes:
    """The key that every engine's own key is made of; a privacy passphrase is hashed by the same algorithm."""
    return AUTH[auth].get_master_key(passphrase.encode())


def user_of(name: str, target: Target, signing: bytes, encrypting: bytes) -> User:
    """The user as the library wants it, from master keys."""
    if not target.auth:
        return User(name=name)
    return User(
        name=name,
        auth_key=AUTH[target.auth](signing, KeyType.Master),
        priv_key=PRIV[target.priv](encrypting, KeyType.Master) if target.priv else None,
        key_expansion=KeyExpansion.Cisco if target.priv.endswith("c") else KeyExpansion.Blumenthal,
    )
