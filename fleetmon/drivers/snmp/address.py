"""What an `snmp://` address says: where the agent listens, which version it speaks, and with which algorithms; pure.

`snmp://host[:port]` is v2c and `?version=1` v1: the password of the credential set is the community. `?auth=sha256`,
`?auth=sha256&priv=aes128` and `?version=3` are v3: the user of the set is the security name, its password the
authentication passphrase and, on a second line, the privacy passphrase.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

from fleetmon.errors import ConfigError

PORT = 161
AUTH = ("md5", "sha", "sha224", "sha256", "sha384", "sha512")
"""RFC 3414 (`sha` is SHA-1) and RFC 7860."""
PRIV = ("des", "aes128", "aes192", "aes256", "aes192c", "aes256c")
"""RFC 3414, RFC 3826 and the drafts for longer keys; the ones with a `c` lengthen a short key as Cisco does."""
SAME: Mapping[str, str] = MappingProxyType(
    {"sha1": "sha", "sha-1": "sha", "aes": "aes128"}
    | {f"sha-{bits}": f"sha{bits}" for bits in (224, 256, 384, 512)}
    | {f"aes-{bits}": f"aes{bits}" for bits in (128, 192, 256)}
)
"""Other ways people write them."""
FORM = "write snmp://host, snmp://host?version=1, or snmp://host?auth=sha256&priv=aes128 for SNMPv3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One agent and how to speak to it. `auth` and `priv` are empty where nothing is signed or encrypted."""

    host: str
    port: int = PORT
    version: int = 2
    """1, 2 (for v2c) or 3."""
    auth: str = ""
    priv: str = ""

    def __str__(self) -> str:
        """The address in its one proper spelling."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        place = host if self.port == PORT else f"{host}:{self.port}"
        said = [f"{name}={value}" for name, value in (("auth", self.auth), ("priv", self.priv)) if value]
        if self.version == 1 or (self.version == 3 and not said):
            said = [f"version={self.version}"]
        return f"snmp://{place}" + (f"?{'&'.join(said)}" if said else "")


def target_of(address: str) -> Target:
    """What the address says; ConfigError when it is none. A user or password in it is refused without repeating it."""
    try:
        parts = urlsplit(address.strip())
        port = PORT if parts.port is None else parts.port
        said = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ConfigError("that is no SNMP address", cure=FORM) from None
    if "@" in parts.netloc:
        raise ConfigError("the address holds a user or password", cure="name them apart from the address")
    host = parts.hostname or ""
    plain = parts.scheme.lower() == "snmp" and parts.path in ("", "/") and not parts.fragment
    if not plain or not port or not host or re.search(r"[\s\[\]]", host):
        raise ConfigError("that is no SNMP address", cure=FORM)
    words = {name.lower(): value.lower() for name, value in said}
    if len(words) < len(said) or words.keys() - {"version", "auth", "priv"}:
        raise ConfigError("after the ? an SNMP address says version, auth and priv, each once", cure=FORM)
    version, auth, priv = _security(words)
    return Target(host=host, port=port, version=version, auth=auth, priv=priv)


def _security(words: Mapping[str, str]) -> tuple[int, str, str]:
    auth = _one_of("auth", words.get("auth", ""), AUTH)
    priv = _one_of("priv", words.get("priv", ""), PRIV)
    if priv and not auth:
        raise ConfigError("SNMPv3 encrypts only what it signs: priv needs auth", cure="add auth=sha256, or its like")
    version = words.get("version", "3" if auth else "2").removesuffix("c")
    if version not in ("1", "2", "3") or (auth and version != "3"):
        raise ConfigError("the version is 1, 2c or 3, and only 3 knows auth and priv", cure=FORM)
    return int(version), auth, priv


def _one_of(what: str, word: str, known: tuple[str, ...]) -> str:
    """The algorithm in our spelling; `none` is none."""
    name = SAME.get(word, word)
    if name in ("", "none"):
        return ""
    if name not in known:
        raise ConfigError(f"there is no {what} of that name", cure=f"choose from {', '.join(known)}")
    return name
