"""Who we are to an SNMP agent: a community over v1 and v2c, over v3 a user with passphrases."""

from __future__ import annotations

import os
import re
from pathlib import Path

from fleetmon.cli.outcome import WrongUsage
from fleetmon.cli.secrets import passphrases, password
from fleetmon.drivers.base import Secret
from fleetmon.drivers.snmp.address import Target, target_of
from fleetmon.errors import ConfigError

_USER = re.compile(r"(?i)(snmp://)([^/?#]*)@")


def split(address: str) -> tuple[Target, str | None]:
    """The agent that `snmp://[user@]host[:port][?...]` names, and the user; raises WrongUsage."""
    found = _USER.match(address.strip())
    user = found[2] if found else None
    if user is not None and (":" in user or not user):
        raise WrongUsage(
            "the address holds a password", cure="give it by --password-file or prompt; only a user may stand before @"
        )
    try:
        return target_of(_USER.sub(r"\1", address.strip(), count=1)), user
    except ConfigError as error:
        raise WrongUsage(error.reason, cure=error.cure) from None


def login(target: Target, user: str | None, password_file: Path | None) -> tuple[str, Secret]:
    """User and secret, asked for where they are not given; raises WrongUsage."""
    if target.version < 3:
        if user:
            raise WrongUsage(
                f"SNMP v{target.version} knows no user",
                cure="leave it out, or say ?auth=sha256&priv=aes128 after the address for SNMPv3",
            )
        return "", password(password_file, os.environ, prompt=f"community of {target}")
    if not user:
        raise WrongUsage("SNMPv3 takes no request without a user", cure="give --user")
    if not target.auth:
        return user, Secret("")
    if target.priv:
        return user, passphrases(password_file, os.environ, prompt=f"passphrase of {user} at {target}")
    return user, password(password_file, os.environ, prompt=f"authentication passphrase of {user} at {target}")
