"""The service's own log: structlog on stderr, secrets redacted, once per change of state.

Event first, then fields: `log.warning("device went silent", device="web-11", reason="...")`.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|authorization|community|cookie|private_key|master_key", re.IGNORECASE
)
_SECRET_TEXT = re.compile(r"(?i)(x-auth-token|authorization|password|token)(\s*[:=]\s*)(basic |bearer )?[^\s,;&]+")
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what looks like a secret, by the name of its field and by its shape in a text."""
    for key, value in event.items():
        if _SECRET_KEY.search(key):
            event[key] = "…"
        elif isinstance(value, str):
            event[key] = _CREDENTIALS_IN_URL.sub("…@", _SECRET_TEXT.sub(r"\1\2…", value))
    return event


def configure(*, level: str = "info", form: str = "auto", stream: TextIO | None = None) -> None:
    """Set up logging once per process; `form` is `console`, `json`, or `auto` (console on a terminal)."""
    out = stream or sys.stderr
    console = form == "console" or (form == "auto" and out.isatty())
    safe = cast(TextIO, _Unfailing(out))
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        redact,
    ]
    renderer: list[Any] = (
        [structlog.dev.ConsoleRenderer(colors=out.isatty())]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=shared + renderer,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(safe),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard library: only what they warn of is worth a line of ours.
    logging.basicConfig(level=logging.WARNING, stream=safe, format="%(levelname)s %(name)s: %(message)s", force=True)


class _Unfailing:
    """A stream whose lines are lost rather than anybody stopped: the log is often on the very disk that is full."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


def get(name: str) -> Any:
    """A logger that carries the name of its room."""
    return structlog.get_logger(room=name)
