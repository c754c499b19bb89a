"""The user-based security model: keys, digests and privacy (RFC 3414, RFC 3826, RFC 7860)."""

from __future__ import annotations

import hmac
import itertools
from dataclasses import dataclass
from functools import lru_cache
from hashlib import new as new_hash

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from emulator.snmp.ber import (
    INTEGER,
    OCTETS,
    SEQUENCE,
    MalformedError,
    Oid,
    content_of,
    element,
    elements,
    number_of,
    octets,
    tagged,
    whole,
)

HASHES = {12: "sha1", 16: "sha224", 24: "sha256", 32: "sha384", 48: "sha512"}
"""By the length of the digest that comes, which tells them apart (RFC 3414, 7; RFC 7860, 4.1)."""
DIGESTS = {name: length for length, name in HASHES.items()}
AUTHENTICATED, PRIVATE, REPORTABLE = 0x01, 0x02, 0x04
USER_BASED = 3
MEGABYTE = 1_048_576
WINDOW = 150
"""Seconds by which a message may be early or late (RFC 3414, 2.2.3)."""
STATS: Oid = (1, 3, 6, 1, 6, 3, 15, 1, 1)
UNSUPPORTED, NOT_IN_TIME, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST, UNREADABLE = range(1, 7)
"""usmStats: why a message is not answered but reported about."""


@dataclass(frozen=True, slots=True)
class User:
    """Who may ask, and how: without a password not even a digest is possible."""

    name: bytes
    password: str = ""
    privacy: str = ""
    """The password when it is left out."""


@dataclass(frozen=True, slots=True)
class Secured:
    """A message of version 3 as it came."""

    message_id: int
    most: int
    """Bytes of the longest answer that the other side takes."""
    flags: int
    engine: bytes
    boots: int
    time: int
    user: bytes
    digest: bytes
    salt: bytes
    blank: bytes
    """The whole message with zeros for the digest."""
    scoped: tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose objects are asked for, and what is asked."""

    engine: bytes
    context: bytes
    pdu: tuple[int, bytes]


@lru_cache(maxsize=64)
def master_key(algorithm: str, password: str) -> bytes:
    """A megabyte of the password, hashed (RFC 3414, A.2)."""
    secret = password.encode()
    return new_hash(algorithm, (secret * (MEGABYTE // len(secret) + 1))[:MEGABYTE]).digest()


@lru_cache(maxsize=4_096)
def key_of(algorithm: str, password: str, engine: bytes) -> bytes:
    """The key of a password for one engine."""
    master = master_key(algorithm, password)
    return new_hash(algorithm, master + engine + master).digest()


def digest_of(algorithm: str, key: bytes, message: bytes) -> bytes:
    """What stands in a message whose digest is zeros."""
    return hmac.digest(key, message, algorithm)[: DIGESTS[algorithm]]


_salts = itertools.count(1)


def encrypted(key: bytes, boots: int, time: int, plain: bytes) -> tuple[bytes, bytes]:
    """(salt, cipher text) under AES-128 (RFC 3826, 3.1)."""
    salt = (next(_salts) & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "big")
    encryptor = Cipher(AES(key[:16]), CFB(_vector(boots, time, salt))).encryptor()
    return salt, encryptor.update(plain) + encryptor.finalize()


def decrypted(key: bytes, boots: int, time: int, salt: bytes, text: bytes) -> bytes:
    """The plain text; MalformedError where the salt is none."""
    if len(salt) != 8:
        raise MalformedError("a salt that is not eight bytes long")
    decryptor = Cipher(AES(key[:16]), CFB(_vector(boots, time, salt))).decryptor()
    return decryptor.update(text) + decryptor.finalize()


def _vector(boots: int, time: int, salt: bytes) -> bytes:
    return (boots & 0xFFFF_FFFF).to_bytes(4, "big") + (time & 0xFFFF_FFFF).to_bytes(4, "big") + salt


# ---- messages ----


def secured_of(message: bytes) -> Secured:
    """A message of version 3 taken apart; MalformedError where it is none."""
    _, body, end = element(message)
    base = end - len(body)
    parts, at = [], 0
    while at < len(body):
        tag, content, at = element(body, at)
        parts.append((tag, content, base + at - len(content)))
    if len(parts) != 4:
        raise MalformedError("no message of version 3")
    header = list(elements(content_of(SEQUENCE, parts[1][:2])))
    if len(header) != 4 or number_of(content_of(INTEGER, header[3])) != USER_BASED:
        raise MalformedError("no header of the user-based model")
    flags = content_of(OCTETS, header[2])
    told = content_of(OCTETS, parts[2][:2])
    _, inner, inner_end = element(told)
    start = parts[2][2] + inner_end - len(inner)
    fields, at = [], 0
    while at < len(inner):
        tag, content, at = element(inner, at)
        fields.append((tag, content, start + at - len(content)))
    if len(fields) != 6 or len(flags) != 1:
        raise MalformedError("no security parameters of the user-based model")
    digest, place = content_of(OCTETS, fields[4][:2]), fields[4][2]
    return Secured(
        message_id=number_of(content_of(INTEGER, header[0])), most=number_of(content_of(INTEGER, header[1])),
        flags=flags[0], engine=content_of(OCTETS, fields[0][:2]), boots=number_of(content_of(INTEGER, fields[1][:2])),
        time=number_of(content_of(INTEGER, fields[2][:2])), user=content_of(OCTETS, fields[3][:2]), digest=digest,
        salt=content_of(OCTETS, fields[5][:2]),
        blank=message[:place] + bytes(len(digest)) + message[place + len(digest) :], scoped=parts[3][:2],
    )  # fmt: skip


def scope_of(found: tuple[int, bytes]) -> Scope:
    """A scoped PDU."""
    parts = list(elements(content_of(SEQUENCE, found)))
    if len(parts) != 3:
        raise MalformedError("no scoped PDU")
    return Scope(content_of(OCTETS, parts[0]), content_of(OCTETS, parts[1]), parts[2])


@dataclass(frozen=True, slots=True)
class Seal:
    """How a message is signed and encrypted: not at all, or with a user's keys."""

    engine: bytes
    boots: int
    time: int
    user: bytes = b""
    algorithm: str = ""
    key: bytes = b""
    privacy_key: bytes = b""

    def sealed(self, message_id: int, context: bytes, told: bytes, *, most: int, reportable: bool = False) -> bytes:
        """A whole message around a PDU."""
        scoped = tagged(SEQUENCE, octets(self.engine) + octets(context) + told)
        flags, salt = REPORTABLE if reportable else 0, b""
        if self.privacy_key:
            salt, text = encrypted(self.privacy_key, self.boots, self.time, scoped)
            scoped, flags = octets(text), flags | PRIVATE
        length = DIGESTS[self.algorithm] if self.algorithm else 0
        flags |= AUTHENTICATED if length else 0
        header = tagged(SEQUENCE, whole(message_id) + whole(most) + octets(bytes((flags,))) + whole(USER_BASED))
        before = octets(self.engine) + whole(self.boots) + whole(self.time) + octets(self.user)
        security = octets(tagged(SEQUENCE, before + octets(bytes(length)) + octets(salt)))
        message = tagged(SEQUENCE, whole(3) + header + security + scoped)
        if not length:
            return message
        place = len(message) - len(scoped) - len(octets(salt)) - length
        return message[:place] + digest_of(self.algorithm, self.key, message) + message[place + length :]
