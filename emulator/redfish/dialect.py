"""How a family's accents change what the plain machine tells: where resources lie, and what documents say.

Everything is decided once, when a family's tree is built. A machine whose family has no accent has no dialect, and
pays nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from emulator.accents.model import Accent, Family, Tell
from emulator.redfish.errors import Json
from emulator.redfish.places import ROOT, Places
from emulator.redfish.resource import Member, Resource, Tree
from emulator.sensor_rows import dimm_name, rows_of

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

PLACES = ("system", "chassis", "manager", "storage", "logs")
PATHS_KEPT = 8_192
DROPPED = object()
"""Stands for a link to what this firmware has not."""


class Dialect:
    """The paths of one family as its firmware gives them, and its documents in its words."""

    def __init__(self, family: Family, tree: Tree) -> None:
        self._lies = [_move(family, *row) for accent in family.accents for row in accent.lies]
        self._lacks = [_pattern(family, path) for accent in family.accents for path in accent.lacks]
        self._tells = _tells(family.accents)
        self._bare = family.shape.bare_fragments
        plain = [*tree.fixed, *tree.members]
        self._names: dict[str, str | None] = {path: self._name(path) for path in plain}
        self.told = lru_cache(maxsize=PATHS_KEPT)(self._told)
        """Where the resource of a plain path lies; None where this firmware has it not."""
        told = [name for name in self._names.values() if name is not None]
        assert len(set(told)) == len(told), f"{family.name}: two resources lie at one path"

    def _told(self, path: str) -> str | None:
        base, mark, fragment = path.partition("#")
        found = self._found(base.rstrip("/"))
        if found is None:
            return None
        slash = "/" if base.endswith("/") else ""
        if mark and self._bare:
            fragment = fragment.lstrip("/")
        return f"{found}{slash}{mark}{fragment}"

    def _found(self, path: str) -> str | None:
        """As `told`, of a path without fragment; below a known path everything keeps its name."""
        if path in self._names:
            return self._names[path]
        parent, _, name = path.rpartition("/")
        above = self._found(parent) if parent.startswith(ROOT) else parent
        return None if above is None else f"{above}/{name}"

    def say(self, bmc: Bmc, document: Json) -> Json:
        """A document of the plain machine in the firmware's words."""
        kind = str(document.get("@odata.type", "")).lstrip("#").partition(".")[0]
        for tell in self._tells.get(kind, ()):
            document = tell(bmc, document)
        for tell in self._tells.get("*", ()):
            document = tell(bmc, document)
        return self._moved(document)

    def _name(self, path: str) -> str | None:
        if any(lack.match(path) for lack in self._lacks):
            return None
        for move in self._lies:
            path = move(path)
        return path

    def _moved(self, document: Json) -> Json:
        """The document with every path where it lies; its Id follows."""
        path = str(document.get("@odata.id", "")).rstrip("/")
        result: Json = self._value(document)
        if path and document.get("Id") == path.rpartition("/")[2]:
            result["Id"] = str(result["@odata.id"]).rstrip("/").rpartition("/")[2]
        return result

    def _value(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return (self.told(value) or DROPPED) if value.startswith(ROOT) else value
        if kind is list:
            return [told for item in value if (told := self._value(item)) is not DROPPED]
        if kind is not dict:
            return value
        told = {key: self._value(item) for key, item in value.items()}
        if told.get("@odata.id") is DROPPED:
            return DROPPED
        kept = {key: item for key, item in told.items() if item is not DROPPED}
        for key, item in value.items():
            if type(item) is list and len(kept[key]) != len(item) and f"{key}@odata.count" in kept:
                kept[f"{key}@odata.count"] -= len(item) - len(kept[key])
        return kept


def accented(family: Family, tree: Tree) -> Tree:
    """The tree as the family's accents have it; the same tree where they have nothing to say about it."""
    rows = [row for row in family.accents if row.lies or row.lacks or row.tell or row.adds or row.answers]
    if not rows:
        return tree
    for row in rows:
        if row.adds is not None:
            tree.fixed |= row.adds(family)
    dialect = Dialect(family, tree)
    spoken = Tree(dialect=dialect, answers=tuple(row.answers for row in rows if row.answers is not None))
    for path, resource in tree.fixed.items():
        if (told := dialect.told(path)) is not None:
            spoken.fixed[told] = _spoken(resource, dialect)
    for path, member in tree.members.items():
        if (told := dialect.told(path)) is not None:
            spoken.members[told] = _spoken_member(member, dialect)
    return spoken


def _spoken(resource: Resource, dialect: Dialect) -> Resource:
    get, write = resource.get, resource.write
    if get is None:
        return resource
    if write is None:
        return replace(resource, get=lambda bmc: dialect.say(bmc, get(bmc)))

    def whole(bmc: Bmc) -> Json:
        """A collection whose members are still to be written: only what stands around them is told."""
        document = get(bmc)
        members = document.pop("Members")
        return dialect.say(bmc, document) | {"Members": members}

    return replace(resource, get=whole, write=lambda entry, bmc: dialect.say(bmc, write(entry, bmc)))


def _spoken_member(member: Member, dialect: Dialect) -> Member:
    def find(bmc: Bmc, name: str) -> Resource | None:
        found = member(bmc, name)
        return None if found is None else _spoken(found, dialect)

    return find


def _tells(accents: tuple[Accent, ...]) -> dict[str, tuple[Tell, ...]]:
    tells: dict[str, tuple[Tell, ...]] = {}
    for accent in accents:
        for kind in accent.on.split() if accent.tell is not None else ():
            tells[kind] = (*tells.get(kind, ()), accent.tell)  # type: ignore[arg-type]  # not None, see above
    return tells


# ---- patterns ----


def _pattern(family: Family, path: str) -> re.Pattern[str]:
    """The plain paths that a pattern means, and all below them."""
    places = Places(family.shape)
    known = {
        "system": places.system, "chassis": places.chassis, "manager": places.manager, "storage": places.storage,
        "logs": places.log_services,
    }  # fmt: skip
    text = path if path.startswith("{") and path[1:].partition("}")[0] in PLACES else f"{ROOT}/{path}"
    for name, place in known.items():
        text = text.replace(f"{{{name}}}", place)
    text = re.escape(text).replace(r"\{n\}", r"(?P<n>\d+)").replace(r"\{key\}", r"(?P<key>[^/]+)")
    return re.compile(f"{text}(?=/|$)")


def _move(family: Family, pattern: str, template: str) -> Callable[[str], str]:
    """From a plain path to the firmware's, for every path at or below a pattern."""
    found = _pattern(family, pattern)
    places = Places(family.shape)
    fixed = {"system": places.system, "chassis": places.chassis, "manager": places.manager, "storage": places.storage,
        "logs": places.log_services}  # fmt: skip
    head = "" if template.startswith("{") and template[1:].partition("}")[0] in PLACES else f"{ROOT}/"

    def move(path: str) -> str:
        match = found.match(path)
        if match is None:
            return path
        words = dict(_words(family, match.groupdict()))
        return (head + template).format(**fixed, **words) + path[match.end() :]

    return move


def _words(family: Family, groups: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """What a template may say of the number or the key that its pattern found.

    `slot` is a DIMM's place as `A1`, `cpu` its processor and `seat` its place there; of a sensor `index` is its place
    in the list, `name` its name without spaces and `label` its name with underscores.
    """
    if "n" in groups:
        number = int(groups["n"])
        yield from (("n", number), ("z", number - 1), ("m", number + 1))
        if 1 <= number <= family.dimms:
            share = max(1, family.dimms // max(1, family.processors))
            yield "slot", dimm_name(family, number - 1)
            yield from (("cpu", (number - 1) // share + 1), ("seat", (number - 1) % share + 1))
    if "key" in groups:
        key = groups["key"]
        yield "key", key
        for index, row in enumerate(rows_of(family.name)):
            if row.key == key:
                yield from (("index", index), ("name", row.name.replace(" ", "")))
                yield "label", row.name.replace(" ", "_")
