"""The service itself: alive, ready, its own metrics, the stream, the description of the API."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Header, Query, Request, Response
from prometheus_client.exposition import choose_encoder

from fleetmon import __version__
from fleetmon.api.live import EventStream
from fleetmon.api.parts import Desk, Here
from fleetmon.api.problems import REFUSED, Problem
from fleetmon.api.roles import Role
from fleetmon.api.routes import Route
from fleetmon.api.shapes_fleet import Live, Ready, Reloaded
from fleetmon.api.wire import answer, encoded, fresh, told_at
from fleetmon.errors import ConfigError, FleetmonError
from fleetmon.model import RoleState, RoleStatus
from fleetmon.storage.vitals import failures, vitals, warnings

NEWEST = 2**63 - 1
"""A revision nobody has: whoever says they are there is told to fetch everything again."""


async def get_live() -> Response:
    """The process answers; nothing else is asked of it."""
    return fresh({"status": "alive", "version": __version__})


async def get_ready(here: Here) -> Response:
    """Whether every role runs and the store can be read and written; 503 with the reasons when not."""
    roles, seen = here.parts.roles(), vitals(here.store)
    reasons = [_reason(role) for role in roles if role.state is not RoleState.RUNNING]
    reasons += failures(seen) or await _store_reasons(here)
    told = {
        "status": "not_ready" if reasons else "ready",
        "version": __version__,
        "roles": [_role(role) for role in roles],
        "reasons": reasons,
        "warnings": warnings(seen),
    }
    return fresh(told, status=503 if reasons else 200)


async def reload_configuration(here: Here) -> Response:
    """Read the configuration again and go on with it: all of it, or nothing when it is wrong or needs a restart."""
    try:
        return fresh({"changed": here.parts.reload()})
    except ConfigError as error:
        raise Problem(REFUSED, str(error)) from error


async def get_metrics(here: Here, accept: Annotated[str, Header()] = "") -> Response:
    """The service's own metrics, for Prometheus; `docs/reference/metrics.md` describes each."""
    encode, media_type = choose_encoder(accept)
    return Response(encode(here.parts.metrics), headers={"Content-Type": media_type, "Cache-Control": "no-store"})


async def get_stream(
    here: Here,
    since: Annotated[int | None, Query(ge=0, lt=2**63, description="the revision the reader has")] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Server-sent events: `hello`, `devices` with what changed, `reset` when the reader must fetch again."""
    if last_event_id is not None:
        since = min(int(last_event_id), NEWEST) if re.fullmatch(r"[0-9]{1,19}", last_event_id) else NEWEST
    return EventStream(here.stream, await here.stream.join(since))


async def get_openapi(request: Request) -> Response:
    """The description of this API, OpenAPI 3.1."""
    return answer(request, encoded(request.app.openapi()))


def _reason(role: RoleStatus) -> str:
    return f"role {role.role} is {role.state}" + (f": {role.reason}" if role.reason else "")


def _role(role: RoleStatus) -> dict[str, Any]:
    return {
        "role": role.role,
        "state": role.state,
        "since": told_at(role.since),
        "restarts": role.restarts,
        "reason": role.reason,
    }


async def _store_reasons(here: Desk) -> list[str]:
    """Why the store cannot be read; a read that works is proof enough that it can."""
    try:
        await here.store.summaries.revision()
    except FleetmonError as error:
        return [str(error)]
    return []


ROUTES = (
    Route("GET", "/live", get_live, Role.ANYONE, Live, tag="service"),
    Route("GET", "/ready", get_ready, Role.ANYONE, Ready, tag="service"),
    Route("POST", "/config/reload", reload_configuration, Role.ADMIN, Reloaded, tag="service"),
    Route("GET", "/metrics", get_metrics, Role.VIEWER, tag="service", base="", media_type="text/plain"),
    Route("GET", "/stream", get_stream, Role.VIEWER, tag="service", media_type="text/event-stream"),
    Route("GET", "/openapi.json", get_openapi, Role.VIEWER, tag="service", base="", listed=False),
)
