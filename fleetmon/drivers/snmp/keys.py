"""SNMPv3 users: passphrases to master keys, master keys to what the library signs and encrypts with.

A master key costs a hash over a megabyte (RFC 3414, appendix A.2), so it is made once for a passphrase and kept.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def passphrases(password: str) -> tuple[str, str]:
    """The one that signs and the one that encrypts: the first and second line, or one for both."""
    first, _, second = password.partition("\n")
    first, second = first.rstrip("\r"), second.rstrip("\r\n")
    return first, second or first


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
