"""How our values lie in columns: instants as milliseconds since 1970, small structures as JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970; exact, so that the same instant is the same key."""
    return (instant - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """The instant of a column that is never empty."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def maybe_ms(instant: datetime | None) -> int | None:
    """As `to_ms`, keeping None."""
    return None if instant is None else to_ms(instant)


def maybe_at(milliseconds: int | None) -> datetime | None:
    """As `from_ms`, keeping None."""
    return None if milliseconds is None else from_ms(milliseconds)


def to_json(value: Any) -> str:
    """Compact JSON with sorted keys, so that equal values are equal texts."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def from_json(text: str | None) -> Any:
    """What `to_json` was given; None for an empty column."""
    return None if text is None else orjson.loads(text)
