"""Links as careless firmware spells them (F37, F115), and paths as a client then asks for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from emulator.redfish.places import ROOT
from emulator.redfish.tree import tree_of

SPELLINGS: dict[str, Callable[[str, str], str]] = {
    "slash": lambda link, origin: link if "#" in link else f"{link.rstrip('/')}/",
    "case": lambda link, origin: ROOT + link.removeprefix(ROOT).lower(),
    "double": lambda link, origin: link.replace(f"{ROOT}/", f"{ROOT}//", 1),
    "absolute": lambda link, origin: f"{origin}{link}",
    "elsewhere": lambda link, origin: f"http://169.254.169.254{link}",
    "dots": lambda link, origin: f"{ROOT}/../../..{link}",
}
"""How a link may be spelled, given the BMC's own address; the last two lead nowhere one should go."""


def spelled(document: Any, how: str, origin: str) -> Any:
    """A document with every @odata.id spelled so."""
    if isinstance(document, list):
        return [spelled(item, how, origin) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        key: SPELLINGS[how](value, origin)
        if key == "@odata.id" and isinstance(value, str) and value.startswith(ROOT)
        else spelled(value, how, origin)
        for key, value in document.items()
    }


def plain(path: str, how: str, family_name: str) -> str:
    """The path that such a link means to the BMC that spelled it."""
    if how == "double":
        return path.replace("//", "/")
    if how != "case":
        return path
    known = _by_lower_case(family_name)
    parent, _, name = path.rpartition("/")
    return known.get(path.lower()) or f"{known.get(parent.lower(), parent)}/{name}"


@cache
def _by_lower_case(family_name: str) -> dict[str, str]:
    tree = tree_of(family_name)
    return {path.lower(): path for path in (*tree.fixed, *tree.members)}
