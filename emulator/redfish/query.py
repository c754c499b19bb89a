"""Query options of DSP0266 section 7.3: $expand, $top, $skip, $select and only, applied to any document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from emulator.redfish.errors import Answer, Json, refuse

KNOWN = {"$expand", "$top", "$skip", "$select", "only"}

Lookup = Callable[[str], Json | None]


@dataclass(frozen=True, slots=True)
class Forms:
    """Which of `.`, `~` and `*` $expand takes, none at all where it is not supported, and how deep it goes."""

    signs: str
    levels: int


def apply_query(
    document: Json, path: str, query: dict[str, str], lookup: Lookup, *, expand: Forms, page: int
) -> Answer:
    """The document as the query options want it; options that nobody knows are ignored, as DSP0266 says."""
    if not query and not page:
        return Answer(200, document)
    wanted = {name: value for name, value in query.items() if name in KNOWN}
    if any(name.startswith("$") and name not in KNOWN for name in query):
        return refuse("query_unsupported")
    if "$expand" in wanted and not expand.signs:
        return refuse("query_unsupported")
    if wanted.get("only"):
        return refuse("query", wanted["only"], "only")
    if "only" in wanted and len(document.get("Members", ())) == 1:
        document = lookup(document["Members"][0]["@odata.id"]) or document
    answer = _page(document, path, wanted, page)
    if answer.status == 200 and "$expand" in wanted and answer.document is not None:
        answer = _expand(answer.document, wanted["$expand"], lookup, expand)
    if answer.status == 200 and "$select" in wanted and answer.document is not None:
        answer.document = _select(answer.document, wanted["$select"].split(","))
    return answer


def _page(document: Json, path: str, query: dict[str, str], page: int) -> Answer:
    """A part of a collection, and where the next one is; logs come in pages even when nobody asked."""
    members = document.get("Members")
    if not isinstance(members, list):
        return Answer(200, document)
    numbers = {}
    for name in ("$top", "$skip"):
        text = query.get(name, "0")
        if not text.isdecimal():
            return refuse("query", text, name)
        numbers[name] = int(text)
    skip, top = numbers["$skip"], numbers["$top"] if "$top" in query else None
    size = len(members) if top is None else top
    if page:
        size = min(size, page)
    shown = members[skip : skip + size]
    result = document | {"Members": shown}
    last = skip + len(shown)
    if shown and last < len(members) and (top is None or len(shown) < top):
        more = {"$skip": str(last)} | ({"$top": str(top - len(shown))} if top is not None else {})
        more |= {name: query[name] for name in ("$expand",) if name in query}
        result["Members@odata.nextLink"] = f"{path}?{urlencode(more, safe='$()*.~=')}"
    return Answer(200, result)


def _expand(document: Json, option: str, lookup: Lookup, forms: Forms) -> Answer:
    kind, _, rest = option.partition("(")
    levels = rest.removesuffix(")").removeprefix("$levels=") if rest else "1"
    if kind not in tuple(forms.signs) or not levels.isdecimal() or not 1 <= int(levels) <= forms.levels:
        return refuse("query", option, "$expand")
    seen = frozenset({str(document.get("@odata.id", ""))})
    return Answer(200, _expanded(document, kind, int(levels), lookup, seen))


def _expanded(document: Json, kind: str, levels: int, lookup: Lookup, seen: frozenset[str]) -> Json:
    """The document with its links replaced by what they lead to, `levels` deep and never in a circle."""

    def follow(value: Any, in_links: bool) -> Any:
        if isinstance(value, list):
            return [follow(item, in_links) for item in value]
        if not isinstance(value, dict):
            return value
        target = value.get("@odata.id")
        if len(value) == 1 and isinstance(target, str):
            wanted = kind == "*" or (kind == "~") == in_links
            if not wanted or "#" in target or target in seen:
                return value
            found = lookup(target)
            if found is None:
                return value
            return _expanded(found, kind, levels - 1, lookup, seen | {target}) if levels > 1 else found
        return {key: follow(item, in_links or key == "Links") for key, item in value.items()}

    return {key: follow(value, key == "Links") for key, value in document.items()}


def _select(document: Json, names: list[str]) -> Json:
    """Only the named properties, and what identifies the resource."""
    tops = {name.split("/")[0] for name in names}
    return {key: value for key, value in document.items() if key.startswith("@odata") or key in tops}
