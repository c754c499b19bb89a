"""Files that are served as they are: found safely, with their media type, and encoded as the reader can take it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from fastapi import Request, Response

from fleetmon.api.wire import matches, tag_of

MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
}

ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""The best first."""


def find(root: Path, path: str) -> Path | None:
    """The file under `root` that a path names; None when there is none, or it may not be served by that name."""
    steps = path.split("/")
    if any(step in {"", "..", "."} or step.startswith(".") or "\\" in step or "\0" in step for step in steps):
        return None
    found = root.joinpath(*steps)
    if found.suffix not in MEDIA_TYPES:
        return None
    try:
        inside = found.resolve().is_relative_to(root.resolve())
        return found if inside and found.is_file() else None
    except OSError:
        return None


async def served(request: Request, file: Path, *, cache: str) -> Response:
    """The file, precompressed where that lies beside it and the reader takes it; 304 when the reader has it."""
    encoding, body = await asyncio.to_thread(_read, file, request.headers.get("accept-encoding", ""))
    headers = {"Cache-Control": cache, "ETag": tag_of(body), "Vary": "Accept-Encoding"}
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if encoding:
        headers["Content-Encoding"] = encoding
    return Response(body, headers={**headers, "Content-Type": MEDIA_TYPES[file.suffix]})


def _read(file: Path, accepted: str) -> tuple[str, bytes]:
    taken = accepts(accepted)
    for encoding, suffix in ENCODINGS:
        packed = file.with_name(file.name + suffix)
        if encoding in taken and packed.is_file():
            return encoding, packed.read_bytes()
    return "", file.read_bytes()


def accepts(header: str) -> set[str]:
    """The encodings a reader takes; one with quality zero is none."""
    taken = set()
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if not any(parameter.replace(" ", "") in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for parameter in parameters):
            taken.add(name)
    return taken
