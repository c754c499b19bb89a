"""How open the door of a BMC is (F90): which logins it offers that nobody should use. Told with each inventory.

IPMI v2.0 rev 1.1, sections 22.13 and 22.15. That RMCP+ tells whoever asks a hash of any user's password lies in the
protocol (CVE-2013-4786) and is true of every BMC; only a password of its own, long and random, helps.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleetmon.drivers.ipmi import commands
from fleetmon.drivers.ipmi.look import Look
from fleetmon.model import Scalar

RESOURCE = "security"
PARTS = 16
"""Answers in which cipher suites are listed, at most."""
SUITE_BYTES = 16
"""Bytes of such a list in one answer; fewer mean that it ends there."""
STANDARD, OEM = 0xC0, 0xC1
"""Tags at the start of a suite's record (table 22-18)."""
SHA256_SUITES = frozenset({15, 16, 17, 18, 19})


@dataclass(frozen=True, slots=True)
class Flaw:
    """One bit of the authentication capabilities that opens the door too wide."""

    byte: int
    mask: int
    says: str
    only_before_2_0: bool = False
    """Does it concern IPMI 1.5 alone?"""


FLAWS = (
    Flaw(2, 0x01, "anonymous login is enabled: anybody gets in without a name and a password; disable the user 1"),
    Flaw(2, 0x02, "users without a name may log in, so that a password alone is enough; disable them"),
    Flaw(1, 0x01, "IPMI 1.5 logins without authentication are offered; disable the type NONE", only_before_2_0=True),
    Flaw(1, 0x02, "IPMI 1.5 logins by MD2 are offered, which is broken; disable them", only_before_2_0=True),
    Flaw(1, 0x10, "IPMI 1.5 logins with the password in clear are offered; disable them", only_before_2_0=True),
    Flaw(2, 0x08, "commands of the privilege User need no authentication", only_before_2_0=True),
    Flaw(2, 0x10, "only the first packet of a session is authenticated", only_before_2_0=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Which logins a BMC offers."""

    capabilities: bytes = b""
    """The answer of Get Channel Authentication Capabilities; empty when it gave none."""
    suites: tuple[int, ...] = ()
    """Cipher suites, as listed; empty when it gave no list."""

    @property
    def properties(self) -> dict[str, Scalar]:
        """As properties of the BMC in the inventory."""
        told: dict[str, Scalar] = {}
        if self.suites:
            told["cipher_suites"] = ", ".join(map(str, self.suites))
        if len(self.capabilities) > 3:
            told["anonymous_login"] = bool(self.capabilities[2] & 0x01)
            told["null_users"] = bool(self.capabilities[2] & 0x02)
            told["ipmi_1_5_login"] = _speaks_1_5(self.capabilities)
        return told

    @property
    def flaws(self) -> tuple[str, ...]:
        """What a person should close, in words."""
        bits = self.capabilities
        told = [
            flaw.says
            for flaw in FLAWS
            if len(bits) > 3 and bits[flaw.byte] & flaw.mask and (not flaw.only_before_2_0 or _speaks_1_5(bits))
        ]
        if 0 in self.suites:
            told.insert(
                0, "cipher suite 0 is offered: whoever knows a user's name gets in without a password; disable it"
            )
        if self.suites and not SHA256_SUITES & set(self.suites):
            told.append("no cipher suite with SHA-256 is offered (17): a newer firmware may bring it")
        return tuple(told)


async def look_at_door(look: Look) -> Door:
    """Ask which logins are offered. Nothing is tried."""
    capabilities = await look.optional(commands.AUTHENTICATION)
    listed = b""
    for part in range(PARTS):
        told = await look.optional(commands.cipher_suites(part))
        if told is None:
            break
        listed += told[1:]
        if len(told) <= SUITE_BYTES:
            break
    return Door(capabilities=capabilities or b"", suites=suites(listed))


def suites(listed: bytes) -> tuple[int, ...]:
    """The ids in a list of cipher suite records."""
    found, place = [], 0
    while place + 1 < len(listed):
        tag = listed[place]
        if tag in (STANDARD, OEM):
            found.append(listed[place + 1])
        place += {STANDARD: 2, OEM: 5}.get(tag, 1)
    return tuple(dict.fromkeys(found))


def _speaks_1_5(capabilities: bytes) -> bool:
    """Does the channel take IPMI 1.5 logins? One that says nothing of 2.0 does."""
    return not capabilities[1] & 0x80 or bool(capabilities[3] & 0x01)
