"""A body becomes JSON only after it has passed the gate: size, depth, then a strict parse.

Every byte from a device is hostile (F29 to F31, F112 to F114). Nothing here does I/O.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import orjson

Json = dict[str, Any]

MAX_BYTES = 8 * 1024 * 1024
"""Of one body, packed or unpacked."""
MAX_DEPTH = 50
"""Levels of nesting; a fully expanded Redfish tree stays below 30."""

MAX_OPENINGS = 100_000
"""Objects and lists in one body; the whole tree of a GPU server has about as many."""
MAX_COMMAS = 400_000
"""In one body: bounds how many values a flat object or list can hold."""
MAX_REPEATED = 20
"""Repeated names that are told; more say nothing more."""

_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_KEY_END = re.compile(rb'"\s*:')
_SPACED = (b'" ', b'"\n', b'"\r', b'"\t')
"""What follows a quote only in a document with spaces in it, or in a string."""
_BOM = b"\xef\xbb\xbf"


class BadBody(ValueError):
    """The body cannot be used; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class Body:
    """A parsed body, and the names it gave twice (the last value counts)."""

    json: Json
    repeated_keys: tuple[str, ...] = ()
    weight: int = 0
    """What keeping it and looking through it costs: its objects and lists, and its bytes by the hundred."""


def parse(content: bytes, content_type: str = "") -> Body:
    """The JSON object in `content`; BadBody for anything else."""
    if len(content) > MAX_BYTES:
        raise BadBody(f"the body is larger than {MAX_BYTES} bytes")
    content = content.removeprefix(_BOM)
    if not content.strip():
        raise BadBody("the body is empty")
    openings = content.count(b"{") + content.count(b"[")
    if openings > MAX_OPENINGS or content.count(b",") > MAX_COMMAS:
        raise BadBody(f"the body holds more than {MAX_OPENINGS} objects and lists, or {MAX_COMMAS} values")
    if deeper_than(content, MAX_DEPTH):
        raise BadBody(f"the body is nested deeper than {MAX_DEPTH} levels")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        value = _second_reading(content, content_type)
    if not isinstance(value, dict):
        raise BadBody(f"the body is {_spoken(value)}, not a JSON object")
    return Body(value, repeated_keys(content, value), openings + len(content) // 100)


def _second_reading(content: bytes, content_type: str) -> Any:
    """The same bytes with what is no UTF-8 replaced; BadBody when that does not help."""
    try:
        return orjson.loads(content.decode("utf-8", "replace"))
    except orjson.JSONDecodeError as error:
        kind = f" ({content_type})" if content_type else ""
        raise BadBody(f"the body is no valid JSON{kind}: {error.msg}; it begins {excerpt(content)}") from None


def excerpt(content: bytes, limit: int = 200) -> str:
    """The first bytes, made safe to print on one line."""
    text = content[:limit].decode("utf-8", "replace")
    return repr("".join(character if character.isprintable() else " " for character in text))


def deeper_than(content: bytes, limit: int) -> bool:
    """Is the document nested deeper than `limit` levels? Costs microseconds for a shallow document."""
    brackets = content.translate(None, _NOT_BRACKETS)
    for _ in range(limit):
        if not brackets:
            return False
        shrunk = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(shrunk) == len(brackets):
            return _scan_depth(content) > limit
        brackets = shrunk
    return bool(brackets) and _scan_depth(content) > limit


def _scan_depth(content: bytes) -> int:
    """The nesting depth, strings honoured; stops counting far beyond any limit."""
    depth = deepest = 0
    for token in re.finditer(rb'"(?:[^"\\]++|\\.)*+"|[\[{]|[\]}]', content, re.DOTALL):
        match token.group()[:1]:
            case b"[" | b"{":
                depth += 1
                deepest = max(deepest, depth)
                if deepest > 4 * MAX_DEPTH:
                    return deepest
            case b"]" | b"}":
                depth -= 1
    return deepest


def repeated_keys(content: bytes, parsed: Json) -> tuple[str, ...]:
    """Names an object gives more than once (F31): the exact look is taken only when the counts differ."""
    if _keys_in(content) <= _keys_of(parsed):
        return ()
    repeated: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        counted = Counter(name for name, _ in pairs)
        if len(counted) < len(pairs) and len(repeated) < MAX_REPEATED:
            repeated.extend(name for name, times in counted.items() if times > 1)

    json.loads(content.decode("utf-8", "replace"), object_pairs_hook=note)
    return tuple(repeated[:MAX_REPEATED])


def _keys_in(content: bytes) -> int:
    """How many names the document gives; a string that looks like a name counts as one."""
    if any(spaced in content for spaced in _SPACED):
        return len(_KEY_END.findall(content))
    return content.count(b'":')


def _keys_of(parsed: Json) -> int:
    """How many names were kept, exactly: counted in what they are written as, unless a string could be in the way."""
    written = orjson.dumps(parsed)
    if b'\\":' not in written:
        return written.count(b'":')
    keys = 0
    stack: list[Any] = [parsed]
    while stack:
        here = stack.pop()
        if isinstance(here, dict):
            keys += len(here)
            stack.extend(value for value in here.values() if isinstance(value, (dict, list)))
        else:
            stack.extend(value for value in here if isinstance(value, (dict, list)))
    return keys


def unpack(content: bytes, encoding: str) -> bytes:
    """The body behind a gzip or deflate Content-Encoding, never more than MAX_BYTES of it (F113)."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadBody(f"the body has the unknown Content-Encoding {encoding[:40]!r}")
    inflater = zlib.decompressobj(wbits=47) if encoding != "deflate" else zlib.decompressobj()
    try:
        unpacked = inflater.decompress(content, MAX_BYTES + 1)
    except zlib.error as error:
        raise BadBody(f"the compressed body is damaged: {error}") from None
    if len(unpacked) > MAX_BYTES:
        raise BadBody(f"the body unpacks to more than {MAX_BYTES} bytes")
    return unpacked


def _spoken(value: Any) -> str:
    return {list: "a list", str: "a string", type(None): "null", bool: "a boolean"}.get(type(value), "a number")
