"""Cipher suites of RMCP+: which algorithms each combines, the keys of a session, and what they do to its packets."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

BLOCK = 16
HASHES = {0: "", 1: "sha1", 3: "sha256"}
"""The hash of a RAKP authentication algorithm (IPMI v2.0, table 13-17); 0 is RAKP-none."""
PROOF_LENGTHS = {0: 0, 1: 12, 3: 16}
"""Bytes of the integrity check value in RAKP Message 4."""
SIGNATURES = {0: ("", 0), 1: ("sha1", 12), 4: ("sha256", 16)}
"""Hash and length of the code that ends a signed packet, by integrity algorithm (table 13-18)."""
LONGEST_NAME, LONGEST_PASSWORD = 16, 20


@dataclass(frozen=True, slots=True)
class Suite:
    """One row of table 22-20."""

    id: int
    authentication: int
    integrity: int
    confidentiality: int

    @property
    def record(self) -> bytes:
        """As Get Channel Cipher Suites tells it: algorithms under the tags of table 22-18."""
        return bytes((0xC0, self.id, self.authentication, 0x40 | self.integrity, 0x80 | self.confidentiality))


SUITES = {
    row.id: row
    for row in (
        Suite(0, 0, 0, 0),
        Suite(1, 1, 0, 0),
        Suite(2, 1, 1, 0),
        Suite(3, 1, 1, 1),
        Suite(15, 3, 0, 0),
        Suite(16, 3, 4, 0),
        Suite(17, 3, 4, 1),
    )
}


def offered(ids: Iterable[int]) -> list[Suite]:
    """The suites of these numbers, in the order of the numbers."""
    return [SUITES[number] for number in sorted(ids)]


def keyed(authentication: int, key: bytes, text: bytes) -> bytes:
    """The keyed hash of a RAKP algorithm; of RAKP-none it is empty."""
    return hmac.digest(key, text, HASHES[authentication]) if authentication else b""


class Seal:
    """What a session's packets are signed and encrypted with (IPMI v2.0, 13.28 to 13.32)."""

    __slots__ = ("_decryptor", "_encryptor", "_hash", "_key", "_length", "encrypts")

    def __init__(self, suite: Suite, session_key: bytes) -> None:
        self._hash, self._length = SIGNATURES[suite.integrity]
        self._key = keyed(suite.authentication, session_key, b"\x01" * 20)
        self.encrypts = bool(suite.confidentiality)
        if self.encrypts:
            key = keyed(suite.authentication, session_key, b"\x02" * 20)[:BLOCK]
            cipher = Cipher(AES(key), CBC(bytes(BLOCK)))
            self._encryptor, self._decryptor = cipher.encryptor(), cipher.decryptor()

    @property
    def signs(self) -> bool:
        """Whether packets end in a code."""
        return self._length > 0

    def signed(self, packet: bytes) -> bytes:
        """The packet from its authentication type on, with pad, pad length, next header and code."""
        pad = -(len(packet) + 2) % 4
        whole = packet + b"\xff" * pad + bytes((pad, 0x07))
        return whole + hmac.digest(self._key, whole, self._hash)[: self._length]

    def genuine(self, packet: bytes) -> bool:
        """Whether a packet, from its authentication type on, ends in the right code."""
        whole, code = packet[: -self._length], packet[-self._length :]
        return hmac.compare_digest(hmac.digest(self._key, whole, self._hash)[: self._length], code)

    def encrypted(self, payload: bytes) -> bytes:
        """Initialisation vector, then the payload with its confidentiality pad (table 13-20).

        The chain goes on from packet to packet: a block of zeros makes the next vector, which nobody can foretell.
        """
        pad = -(len(payload) + 1) % BLOCK
        return self._encryptor.update(bytes(BLOCK) + payload + bytes(range(1, pad + 1)) + bytes((pad,)))

    def decrypted(self, payload: bytes) -> bytes | None:
        """What was encrypted; None where it is no whole number of blocks or its pad is not 1, 2, 3 and so on."""
        if len(payload) < 2 * BLOCK or len(payload) % BLOCK:
            return None
        plain = self._decryptor.update(payload)[BLOCK:]
        pad = plain[-1]
        if pad >= BLOCK or plain[-1 - pad : -1] != bytes(range(1, pad + 1)):
            return None
        return plain[: -1 - pad]
