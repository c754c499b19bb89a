"""The interactive description of the API at `/api/docs`: three small files of our own, which read `/openapi.json`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import Request, Response

from fleetmon.api import files
from fleetmon.api.problems import not_found
from fleetmon.api.roles import Role
from fleetmon.api.routes import Route

STATIC = Path(__file__).parent / "static"


async def get_reference(request: Request) -> Response:
    """The page."""
    return await files.served(request, STATIC / "reference.html", cache="no-cache")


async def get_reference_file(request: Request, name: str) -> Response:
    """Its script and style, and the style of the manual."""
    found = await asyncio.to_thread(files.find, STATIC, name)
    if found is None:
        raise not_found("file", name)
    return await files.served(request, found, cache="no-cache")


ROUTES = (
    Route("GET", "/api/docs", get_reference, Role.ANYONE, tag="manual", base="", listed=False),
    Route("GET", "/api/docs/{name}", get_reference_file, Role.ANYONE, tag="manual", base="", listed=False),
)
