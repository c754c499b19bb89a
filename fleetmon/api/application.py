"""The HTTP application: one table of routes behind one guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from fleetmon import __version__
from fleetmon.api import (
    dashboard,
    devices,
    discover,
    fleet,
    looks,
    manual,
    problems,
    reference,
    routes,
    service,
    storage,
    topology,
    work,
)
from fleetmon.api.guard import Guard
from fleetmon.api.hot import Express, HotLists
from fleetmon.api.live import Stream
from fleetmon.api.parts import Desk, Parts
from fleetmon.api.shapes_fleet import Problem
from fleetmon.api.tell import Fragments

__all__ = ["ROUTES", "Parts", "application"]

ROUTES = (
    *service.ROUTES,
    *fleet.ROUTES,
    *devices.ROUTES,
    *looks.ROUTES,
    *topology.ROUTES,
    *discover.ROUTES,
    *work.ROUTES,
    *storage.ROUTES,
    *reference.ROUTES,
    *manual.ROUTES,
    *dashboard.ROUTES,
)
"""Every route there is. The dashboard stands last, for it answers whatever nobody else does."""

TAGS = (
    {"name": "fleet", "description": "The fleet, its sites, its events."},
    {"name": "racks", "description": "Racks and what stands in them."},
    {"name": "devices", "description": "Devices: lists, one device, changes."},
    {"name": "device", "description": "One device, closer."},
    {"name": "administration", "description": "Credentials and imports."},
    {"name": "service", "description": "The service itself, and its live stream."},
)


def application(parts: Parts) -> FastAPI:
    """The API over these parts."""
    app = FastAPI(
        title="fleetmon",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan_of(parts),
    )
    problems.install(app)
    routes.install(app, ROUTES)
    app.add_middleware(Express)
    app.add_middleware(Guard)
    app.state.desk = desk_over(parts)
    app.openapi = _described(app)  # type: ignore[method-assign]  # FastAPI's own way of extending the description
    return app


def desk_over(parts: Parts) -> Desk:
    """The parts, with everything the API keeps at hand still empty."""
    fragments = Fragments()
    stream = Stream(parts.store.summaries, clock=parts.clock, fragments=fragments, changed=parts.changed)
    return Desk(
        parts=parts, fragments=fragments, hot=HotLists(parts.store.summaries.revision, parts.clock), stream=stream
    )


def _lifespan_of(_parts: Parts) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            app.state.desk.stream.close()

    return lifespan


def _described(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The OpenAPI description, made once, with the shape of problems."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            described = get_openapi(
                title=app.title,
                version=app.version,
                openapi_version="3.1.0",
                summary="Out-of-band monitoring of servers: what is known, and where a device stands.",
                routes=app.routes,
                tags=[dict(tag) for tag in TAGS],
            )
            shape = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = described.setdefault("components", {}).setdefault("schemas", {})
            schemas.update({**shape.pop("$defs", {}), "Problem": shape})
            app.openapi_schema = described
        return app.openapi_schema

    return describe
