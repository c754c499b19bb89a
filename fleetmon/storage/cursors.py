"""Cursors of lists: the sort key of the last item, opaque to whoever carries it."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from fleetmon.errors import RequestRefused

MOST = 1000
"""Items on one page at most."""


def encode(key: list[Any]) -> str:
    """The cursor that continues after `key`."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def decode(cursor: str, length: int) -> list[Any]:
    """The key behind a cursor of `length` parts; raises RequestRefused for one we did not give."""
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        key = None
    plain = isinstance(key, list) and len(key) == length
    if not plain or not all(isinstance(part, (str, int, float, type(None))) for part in key):
        raise RequestRefused("the cursor is not one of ours", cure="start the list again without it")
    return list(key)


def bounded(limit: int) -> int:
    """A page size within bounds."""
    return max(1, min(limit, MOST))
