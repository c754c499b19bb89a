"""How answers leave: JSON by orjson, instants in UTC to the millisecond, entity tags, cursors, links."""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import MINYEAR, UTC, datetime
from hashlib import blake2b
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson
from fastapi import Request, Response

from fleetmon.api.problems import BAD_CURSOR, BAD_PARAMETER, FieldError, Problem
from fleetmon.errors import NotFound, RequestRefused

JSON = "application/json"
LIMIT_DEFAULT = 200
LIMIT_MOST = 1000
CURSOR_MOST = 500
"""Characters."""
CURSOR_ADVICE = "take the cursor from `next` or the Link header of the page before, unchanged"

ItemT = TypeVar("ItemT")


def told_at(instant: datetime | None) -> str | None:
    """RFC 3339 in UTC with milliseconds."""
    if instant is None:
        return None
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return f"{utc.isoformat(timespec='milliseconds')[:-6]}Z"


def read_instant(text: str, parameter: str) -> datetime:
    """An instant as a parameter gives it: RFC 3339 with a zone, or seconds since 1970; 400 otherwise."""
    try:
        if text.replace(".", "", 1).lstrip("-").isdigit():
            return datetime.fromtimestamp(float(text), UTC)
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None and instant.year > MINYEAR:  # a span may begin before it
            return instant.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    reason = "must be an instant such as 2026-10-13T09:42:18Z, or seconds since 1970"
    raise Problem(BAD_PARAMETER, f"{parameter}: {reason}", errors=[FieldError(parameter, reason)])


def encoded(value: Any) -> bytes:
    """The value as JSON; tables of numbers as lists of lists, null where there is no number."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def tag_of(body: bytes) -> str:
    """A strong entity tag: equal bodies, equal tags."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def matches(header: str | None, tag: str) -> bool:
    """Whether `If-None-Match` names this tag, by the weak comparison RFC 9110 asks for."""
    if header is None:
        return False
    given = [candidate.strip().removeprefix("W/") for candidate in header.split(",")]
    return "*" in given or tag.removeprefix("W/") in given


def answer(
    request: Request,
    body: bytes,
    *,
    tag: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON body with its entity tag; 304 without it when the reader has it already."""
    tag = tag or tag_of(body)
    told = {"ETag": tag, "Cache-Control": "private, no-cache", **(headers or {})}
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=told)
    return Response(body, media_type=JSON, headers=told)


def fresh(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer that is true of this instant only."""
    return Response(
        encoded(value), status, media_type=JSON, headers={"Cache-Control": "private, no-store", **(headers or {})}
    )


def next_link(request: Request, cursor: str | None) -> dict[str, str]:
    """The `Link` header of a page: the same request, one cursor on."""
    if cursor is None:
        return {}
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return {"Link": f'<{request.url.path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'}


def cursor_after(key: Sequence[Any]) -> str:
    """An opaque cursor that continues after `key`."""
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).rstrip(b"=").decode()


def key_of(cursor: str, like: Sequence[type]) -> tuple[Any, ...]:
    """The key a cursor stands for, its fields of these types; 400 for anything else."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        key = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        key = None
    if not isinstance(key, list) or [type(field) for field in key] != list(like):
        raise Problem(BAD_CURSOR, CURSOR_ADVICE)
    return tuple(key)


@contextlib.contextmanager
def cursor_given(cursor: str | None) -> Iterator[None]:
    """Around a page of the store: a cursor that is none of ours is a bad request, whatever it broke."""
    if cursor is not None and (len(cursor) > CURSOR_MOST or not cursor.isascii()):
        raise Problem(BAD_CURSOR, CURSOR_ADVICE)
    try:
        yield
    except (RequestRefused, OverflowError) as error:
        if cursor is None or isinstance(error, NotFound):
            raise
        raise Problem(BAD_CURSOR, CURSOR_ADVICE) from error


def page_of(
    items: Iterable[ItemT], key: Callable[[ItemT], tuple[str, ...]], *, cursor: str | None, limit: int
) -> tuple[list[ItemT], str | None]:
    """One page of a list that is at hand whole, in the order of a key of texts, and the cursor of the next."""
    ordered = sorted(items, key=key)
    if cursor is not None and ordered:
        after = key_of(cursor, [str] * len(key(ordered[0])))
        ordered = [item for item in ordered if key(item) > after]
    page = ordered[:limit]
    return page, cursor_after(key(page[-1])) if len(ordered) > limit else None


def as_counted(name: str) -> str:
    """A name as a text that sorts as people count: every number in it as wide as the others."""
    return re.sub(r"\d+", lambda found: found[0].zfill(12), name)


def list_answer(request: Request, items: Sequence[Any], *, next_cursor: str | None, revision: int) -> Response:
    """A page of told items, with tag and link."""
    body = encoded({"items": items, "next": next_cursor, "revision": revision})
    return answer(request, body, headers=next_link(request, next_cursor))
