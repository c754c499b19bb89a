"""The dashboard's files: hashed assets for ever, its page for every path that belongs to nobody else."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import Request, Response
from starlette.convertors import Convertor, register_url_convertor

import fleetmon
from fleetmon.api import files
from fleetmon.api.problems import not_found
from fleetmon.api.roles import Role
from fleetmon.api.routes import Route

BUNDLE = Path(fleetmon.__file__).parent / "web" / "static"

IMMUTABLE = "public, max-age=31536000, immutable"
UNBUILT = "dashboard not built; run `make dashboard`\n"


class _PagePath(Convertor[str]):
    """A path outside those of the API, the metrics and the manual."""

    regex = r"(?!api(?:/|$)|metrics(?:/|$)|docs(?:/|$)|openapi\.json$).*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("page", _PagePath())


async def get_dashboard(request: Request, path: str) -> Response:
    """The page, for whatever path its own router knows; or one of its files."""
    if path.startswith("assets/"):
        return await _file(request, path, cache=IMMUTABLE)
    if "." in path.rsplit("/", 1)[-1]:
        return await _file(request, path, cache="max-age=3600")
    page = await asyncio.to_thread(files.find, BUNDLE, "index.html")
    if page is None:
        return Response(UNBUILT, 503, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})
    return await files.served(request, page, cache="no-cache")


async def _file(request: Request, path: str, *, cache: str) -> Response:
    found = await asyncio.to_thread(files.find, BUNDLE, path)
    if found is None:
        raise not_found("file", path)
    return await files.served(request, found, cache=cache)


ROUTES = (
    Route(
        "GET", "/{path:page}", get_dashboard, Role.ANYONE, tag="dashboard", base="", listed=False, any_parameters=True
    ),
)
