"""The table every route stands in: method, path, role, what it answers. A row without a role cannot be written.

One gate stands before every route: it asks for the role, and it refuses query parameters the route does not know,
because a misspelt filter that is ignored answers with the whole fleet and looks right.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from fastapi import Depends, FastAPI, Request, Response, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute

from fleetmon.api.problems import MEDIA_TYPE, ROLE_MISSING, UNKNOWN_PARAMETER, FieldError, Problem
from fleetmon.api.roles import Role, roles_of

BASE = "/api/v1"

Handler = Callable[..., Awaitable[Response]]

_PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


@dataclass(frozen=True, slots=True)
class Route:
    """One row. The handler's name is the operation id, its docstring the description; no `shape` means no JSON."""

    method: str
    path: str
    handler: Handler
    role: Role
    shape: Any = None
    _: KW_ONLY
    tag: str
    status: int = 200
    base: str = BASE
    media_type: str = "application/json"
    listed: bool = True
    """Whether it stands in `/openapi.json`; what does not is a page or a file, and answers HEAD as well."""
    any_parameters: bool = False
    """Whether the query is none of our business: the dashboard keeps its own state there."""

    @property
    def name(self) -> str:
        return self.handler.__name__

    @property
    def summary(self) -> str:
        """What it does, in a few words: how its docstring begins."""
        return re.split(r"[.:;](?:\s|$)", inspect.getdoc(self.handler) or "", maxsplit=1)[0]


def install(app: FastAPI, rows: Sequence[Route]) -> None:
    """Put every row of the table into the application, behind the gate."""
    for row in rows:
        _add(app, row)
    app.state.gates = {
        row.name: _Gate(row.role, None if row.any_parameters else _parameters(route))
        for row in rows
        for route in app.routes
        if isinstance(route, APIRoute) and route.name == row.name
    }


@dataclass(frozen=True, slots=True)
class _Gate:
    role: Role
    parameters: frozenset[str] | None


def _add(app: FastAPI, row: Route) -> None:
    answers: dict[int | str, dict[str, Any]] = dict(_PROBLEM)
    if row.shape is None and row.listed:
        answers[row.status] = {"description": "As its media type says", "content": {row.media_type: {}}}
    app.add_api_route(
        row.base + row.path,
        row.handler,
        methods=[row.method] if row.listed else [row.method, "HEAD"],
        name=row.name,
        operation_id=row.name,
        summary=row.summary,
        response_model=row.shape,
        response_class=Response,
        status_code=row.status,
        responses=answers if row.shape is None else {**answers, row.status: _json_answer(row)},
        tags=[row.tag],
        dependencies=[Depends(gate)],
        openapi_extra={"x-role": row.role.value},
        include_in_schema=row.listed,
    )


def _json_answer(row: Route) -> dict[str, Any]:
    return {"model": row.shape, "description": "Done" if row.status < 400 else "Problem"}


def _parameters(route: APIRoute) -> frozenset[str]:
    return frozenset(
        field.alias for field in get_flat_params(route.dependant) if isinstance(field.field_info, params.Query)
    )


async def gate(request: Request) -> None:
    """Let the request through only with the route's role, and only with parameters the route knows."""
    gates: Mapping[str, _Gate] = request.app.state.gates
    own = gates[request.scope["route"].name]
    if own.role not in roles_of(request):
        raise Problem(ROLE_MISSING, f"this needs the role {own.role}")
    if own.parameters is None:
        return
    unknown = [name for name in request.query_params if name not in own.parameters]
    if unknown:
        errors = [FieldError(name, _near(name, own.parameters)) for name in unknown]
        raise Problem(UNKNOWN_PARAMETER, f"{errors[0].field}: {errors[0].reason}", errors=errors)


def _near(name: str, known: frozenset[str]) -> str:
    if not known:
        return "this route takes no parameters"
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"unknown; did you mean {close[0]}?"
    return f"unknown; this route takes {', '.join(sorted(known))}"
