"""Asking a person before something is changed that cannot simply be changed back."""

from __future__ import annotations

import sys

import typer

from fleetmon.cli.words import plain
from fleetmon.errors import RequestRefused


def agree(question: str, yes: bool) -> None:
    """Go on only when the person agrees; raises RequestRefused otherwise, and where there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise RequestRefused("nobody at a terminal to agree", cure="say --yes if that is meant")
    if not typer.confirm(plain(question), default=False, err=True):
        raise RequestRefused("nothing was changed")
