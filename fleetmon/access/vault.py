"""Secrets at rest: sealed with a key that is never kept beside them.

AES-256-GCM seals each secret to the row it belongs to, so that a sealed secret moved to another row, or changed by a
bit, does not open. The key comes from a file the operator names, from systemd's credentials, or from a file made on
first use in the configuration directory, which is not the data directory: a stolen database or backup opens nothing.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fleetmon.errors import ConfigError, StorageError

KEY_BYTES = 32
CREDENTIAL_NAME = "fleetmon-master-key"
"""Name of the key among systemd's credentials, and of the file made on first use."""
_FORMAT = b"\x01"
_ID_BYTES, _NONCE_BYTES = 4, 12


class Vault:
    """Seals and opens with one key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ConfigError(f"the master key has {len(key)} bytes, not {KEY_BYTES}")
        self._cipher = AESGCM(key)
        self._key_id = hashlib.blake2b(key, digest_size=_ID_BYTES, person=b"fleetmon-key-id").digest()
        self._token_key = hashlib.blake2b(key, digest_size=KEY_BYTES, person=b"fleetmon-tokens").digest()

    def __repr__(self) -> str:
        return f"Vault(key {self._key_id.hex()})"

    def token(self, purpose: str) -> str:
        """A word nobody can guess, always the same for the same purpose and key; it does not tell the key."""
        return hashlib.blake2b(purpose.encode(), key=self._token_key, digest_size=16).hexdigest()

    def seal(self, secret: bytes, *, row: str) -> bytes:
        """The secret, openable with this key for this row alone; sealing twice gives two different texts."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        head = _FORMAT + self._key_id
        return head + nonce + self._cipher.encrypt(nonce, secret, head + row.encode())

    def open(self, sealed: bytes, *, row: str) -> bytes:
        """The secret; raises StorageError when it was sealed with another key, for another row, or was changed."""
        head, rest = sealed[: 1 + _ID_BYTES], sealed[1 + _ID_BYTES :]
        if head != _FORMAT + self._key_id:
            raise StorageError(
                f"the secret of {row} was sealed with another master key",
                cure="give the service the key it was sealed with, or set the secret again",
            )
        try:
            return self._cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], head + row.encode())
        except (InvalidTag, ValueError):
            raise StorageError(f"the secret of {row} was changed since it was sealed", cure="set it again") from None

    def seal_password(self, name: str, password: str) -> bytes:
        """The password of the credential set `name`, sealed."""
        return self.seal(password.encode(), row=f"credential/{name}")

    def open_password(self, name: str, sealed: bytes) -> str:
        """The password of the credential set `name`; raises StorageError."""
        return self.open(sealed, row=f"credential/{name}").decode()

    def seal_session(self, device_id: str, protocol: str, session: Mapping[str, Any]) -> bytes | None:
        """What a driver keeps of its session, sealed; None when it keeps nothing."""
        return self.seal(orjson.dumps(dict(session)), row=f"session/{device_id}/{protocol}") if session else None

    def open_session(self, device_id: str, protocol: str, sealed: bytes | None) -> dict[str, Any]:
        """What a driver kept of its session; empty when it kept nothing. Raises StorageError."""
        if sealed is None:
            return {}
        return dict(orjson.loads(self.open(sealed, row=f"session/{device_id}/{protocol}")))


def open_vault(
    *, key_file: Path | None = None, environment: Mapping[str, str], configuration: Path, data: Path
) -> Vault:
    """The vault of this installation. The key is looked for in this order:

    `key_file`, or the file `FLEETMON_MASTER_KEY_FILE` names; systemd's `$CREDENTIALS_DIRECTORY/fleetmon-master-key`;
    `fleetmon-master-key` in the configuration directory, made there on first use. Raises ConfigError for a key that is
    missing, readable by others, malformed, or kept in the data directory.
    """
    named = key_file or (Path(environment["FLEETMON_MASTER_KEY_FILE"]) if _given(environment) else None)
    if named is not None:
        return Vault(read_key(_apart_from(named, data)))
    if credentials := environment.get("CREDENTIALS_DIRECTORY"):
        path = Path(credentials) / CREDENTIAL_NAME
        if path.exists():
            return Vault(read_key(path, private=False))
    path = _apart_from(configuration / CREDENTIAL_NAME, data)
    if not path.exists():
        make_key(path)
    return Vault(read_key(path))


def read_key(path: Path, *, private: bool = True) -> bytes:
    """The key in a file: 32 bytes, or their base64 or hex text. Raises ConfigError; the message never holds the key."""
    try:
        if private and path.stat().st_mode & 0o077:
            raise ConfigError(f"the master key {path} can be read by others", cure=f"run `chmod 600 {path}`")
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the master key {path} cannot be read: {error.strerror}",
            cure="point FLEETMON_MASTER_KEY_FILE at a file this user may read",
        ) from None
    key = _decoded(content)
    if key is None:
        raise ConfigError(
            f"the master key {path} is not a key", cure=f"it holds {KEY_BYTES} bytes, or their base64 or hex text"
        )
    return key


def make_key(path: Path) -> None:
    """A new random key in a file of its owner's alone; an existing file is left as it is. Raises ConfigError."""
    text = base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n"
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    except OSError as error:
        raise ConfigError(
            f"no master key can be made at {path}: {error.strerror}",
            cure="point FLEETMON_MASTER_KEY_FILE at a key, or give this user that directory",
        ) from None


def _given(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("FLEETMON_MASTER_KEY_FILE"))


def _apart_from(path: Path, data: Path) -> Path:
    if path.absolute().resolve().is_relative_to(data.absolute().resolve()):
        raise ConfigError(
            f"the master key {path} lies in the data directory",
            cure="keep it elsewhere: a backup must not hold its key",
        )
    return path


def _decoded(content: bytes) -> bytes | None:
    """The key in any of its spellings."""
    if len(content) == KEY_BYTES:
        return content
    text = content.strip()
    for decode in (bytes.fromhex, lambda text: base64.b64decode(text, validate=True)):
        with contextlib.suppress(ValueError, binascii.Error):
            key = decode(text.decode("ascii"))
            if len(key) == KEY_BYTES:
                return key
    return None
