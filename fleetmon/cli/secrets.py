"""Where a password may come from: a file, the environment or a prompt that does not echo; never an argument."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from getpass import getpass
from pathlib import Path

from fleetmon.cli.outcome import WrongUsage
from fleetmon.drivers.base import Secret

VARIABLE = "FLEETMON_PASSWORD"
_LONGEST = 4096


def password(file: Path | None, environ: Mapping[str, str], *, prompt: str, twice: bool = False) -> Secret:
    """The password from the file, else FLEETMON_PASSWORD, else a hidden prompt; raises WrongUsage without any."""
    if file is not None:
        return Secret(_first_lines(file)[0])
    if VARIABLE in environ:
        return Secret(environ[VARIABLE])
    if not sys.stdin.isatty():
        raise WrongUsage(
            "no password given, and no terminal to ask for it", cure=f"use --password-file FILE or set {VARIABLE}"
        )
    first = getpass(f"{prompt}: ")
    if twice and getpass("the same again: ") != first:
        raise WrongUsage("the two passwords differ", cure="nothing was changed; type it again")
    return Secret(first)


def passphrases(file: Path | None, environ: Mapping[str, str], *, prompt: str) -> Secret:
    """Two secrets, a line each: what an SNMPv3 user signs with, and what it encrypts with where that is another."""
    if file is not None:
        return Secret("\n".join(_first_lines(file)))
    first = password(None, environ, prompt=f"authentication {prompt}").reveal()
    if VARIABLE in environ:
        return Secret(first)
    second = getpass(f"privacy {prompt} (empty: the same): ")
    return Secret(f"{first}\n{second}" if second else first)


def _first_lines(file: Path) -> list[str]:
    """The first line, which says something, and the second where it does."""
    try:
        text = sys.stdin.read(_LONGEST) if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise WrongUsage(f"--password-file {file}: {reason}") from None
    except UnicodeDecodeError:
        raise WrongUsage(f"--password-file {file}: not UTF-8 text") from None
    lines = [line.removesuffix("\r") for line in text.split("\n")[:2]]
    if not lines[0]:
        raise WrongUsage(f"--password-file {file}: its first line is empty", cure="put the password there, alone")
    return [line for line in lines if line]
