"""Every error as `application/problem+json` (RFC 9457): one row per kind, one way to raise, one way to send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Scope

from fleetmon import logs
from fleetmon.errors import (
    AccessDenied,
    Busy,
    Conflict,
    DeviceError,
    Garbled,
    NotFound,
    OutOfDate,
    RequestRefused,
    StorageError,
    Unaskable,
    Unreachable,
    Unsupported,
    Untrusted,
)

log = logs.get("api")

MEDIA_TYPE = "application/problem+json"
MANUAL = "/docs/reference/problems"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem; its `name` is its heading in `docs/reference/problems.md`."""

    name: str
    status: int
    title: str


BAD_REQUEST = Kind("bad-request", 400, "The request cannot be understood")
BAD_PARAMETER = Kind("bad-parameter", 400, "A parameter is not as it must be")
UNKNOWN_PARAMETER = Kind("unknown-parameter", 400, "This route knows no such parameter")
BAD_CURSOR = Kind("bad-cursor", 400, "The cursor is none of ours")
FOREIGN_ORIGIN = Kind("foreign-origin", 403, "The request comes from another site")
ROLE_MISSING = Kind("role-missing", 403, "Your role does not allow this")
NOT_FOUND = Kind("not-found", 404, "There is no such thing")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "This method does not work here")
CONFLICT = Kind("conflict", 409, "It is at odds with what is there")
REFUSED = Kind("refused", 409, "We will not do that")
CHANGED = Kind("changed", 412, "It has changed since you read it")
TOO_LARGE = Kind("too-large", 413, "The body is too large")
NOT_JSON = Kind("not-json", 415, "The body must be JSON")
MISDIRECTED = Kind("misdirected", 421, "This service does not answer to that host name")
INVALID = Kind("invalid", 422, "The body says something impossible")
PRECONDITION_REQUIRED = Kind("precondition-required", 428, "Say which version you mean to change")
INTERNAL = Kind("internal", 500, "Something went wrong inside the service")
DEVICE_REFUSED = Kind("device-refused", 502, "The device did not do as asked")
UNAVAILABLE = Kind("unavailable", 503, "The service cannot do that now")
TOO_MANY_STREAMS = Kind("too-many-streams", 503, "As many streams are open as the service allows")
DEVICE_SILENT = Kind("device-silent", 504, "The device did not answer in time")

KINDS = (
    BAD_REQUEST,
    BAD_PARAMETER,
    UNKNOWN_PARAMETER,
    BAD_CURSOR,
    FOREIGN_ORIGIN,
    ROLE_MISSING,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    CONFLICT,
    REFUSED,
    CHANGED,
    TOO_LARGE,
    NOT_JSON,
    MISDIRECTED,
    INVALID,
    PRECONDITION_REQUIRED,
    INTERNAL,
    DEVICE_REFUSED,
    UNAVAILABLE,
    TOO_MANY_STREAMS,
    DEVICE_SILENT,
)

_BY_STATUS = {kind.status: kind for kind in (BAD_REQUEST, NOT_FOUND, METHOD_NOT_ALLOWED, TOO_LARGE, NOT_JSON, INVALID)}

_OF_DEVICE: Mapping[type[DeviceError], Kind] = {
    Unreachable: DEVICE_SILENT,
    AccessDenied: DEVICE_REFUSED,
    Untrusted: DEVICE_REFUSED,
    Busy: UNAVAILABLE,
    Garbled: DEVICE_REFUSED,
    Unsupported: DEVICE_REFUSED,
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field of the request and why it will not do; `line` where the request carried a file."""

    field: str
    reason: str
    line: int | None = None


class Problem(Exception):
    """The request ends here, and the answer says why in one sentence."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def not_found(what: str, name: str) -> Problem:
    """Say that there is no rack, device, ... of this name."""
    return Problem(NOT_FOUND, f"there is no {what} {name!r}")


def body_of(problem: Problem, *, instance: str, trace_id: str) -> bytes:
    """The problem as RFC 9457 JSON."""
    told: dict[str, Any] = {
        "type": f"{MANUAL}#{problem.kind.name}",
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "instance": instance,
        "trace_id": trace_id,
        "errors": [_told_field(error) for error in problem.errors],
    }
    return orjson.dumps(told)


def _told_field(error: FieldError) -> dict[str, Any]:
    told: dict[str, Any] = {"field": error.field, "reason": error.reason}
    return told if error.line is None else {**told, "line": error.line}


def response_to(problem: Problem, scope: Scope) -> Response:
    """The problem as an answer to the request of this scope."""
    body = body_of(problem, instance=scope.get("path", ""), trace_id=scope.get("state", {}).get("trace_id", ""))
    return Response(body, problem.kind.status, media_type=MEDIA_TYPE, headers=problem.headers)


def from_http(error: HTTPException) -> Problem:
    """What the framework itself refuses, in our words."""
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        title = HTTPStatus(error.status_code).phrase
        kind = Kind("bad-request" if error.status_code < 500 else "internal", error.status_code, title)
    details = {
        NOT_FOUND: "no route has this path",
        METHOD_NOT_ALLOWED: "the path exists, the method does not; see Allow",
        TOO_LARGE: "a body may hold 1 MiB",
    }
    return Problem(kind, details.get(kind, str(error.detail)), headers=error.headers)


def _allowed(request: Request) -> list[str]:
    """The methods this path answers to, over all its routes."""
    here = [route for route in request.app.routes if isinstance(route, Route)]
    matching = [route.methods or set() for route in here if route.path_regex.match(request.url.path)]
    return sorted(set().union(*matching))


def from_validation(error: RequestValidationError) -> Problem:
    """Fields that will not do; the values themselves are never repeated, for they may be secrets."""
    found = error.errors()
    if any(entry["type"] == "json_invalid" for entry in found):
        return Problem(BAD_REQUEST, "the body is not JSON")
    errors = [FieldError(_field(entry["loc"]), _reason(entry)) for entry in found]
    kind = INVALID if any(entry["loc"][0] == "body" for entry in found) else BAD_PARAMETER
    first = errors[0]
    more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
    return Problem(kind, f"{first.field or 'body'}: {first.reason}{more}", errors=errors)


def _field(location: Sequence[Any]) -> str:
    return ".".join(str(step) for step in location[1:])


def _reason(entry: Mapping[str, Any]) -> str:
    match entry["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is no field of this"
        case _:
            text = str(entry["msg"]).removeprefix("Value error, ")
            return text[:1].lower() + text[1:]


def from_device(error: DeviceError) -> Problem:
    """What a device did, as a gateway tells it."""
    kind = next((kind for cause, kind in _OF_DEVICE.items() if isinstance(error, cause)), DEVICE_REFUSED)
    wait = getattr(error, "retry_after", None)
    return Problem(kind, str(error), headers={"Retry-After": str(max(1, round(wait)))} if wait else None)


def from_refusal(error: RequestRefused) -> Problem:
    """What policy or the store will not do."""
    kinds: Mapping[type[RequestRefused], Kind] = {
        NotFound: NOT_FOUND, Conflict: CONFLICT, OutOfDate: CHANGED, Unaskable: BAD_PARAMETER,
    }  # fmt: skip
    kind = next((kind for cause, kind in kinds.items() if isinstance(error, cause)), REFUSED)
    return Problem(kind, str(error))


def install(app: FastAPI) -> None:
    """Let every error of the application leave as a problem."""

    @app.exception_handler(Problem)
    async def of_ours(request: Request, error: Problem) -> Response:
        return response_to(error, request.scope)

    @app.exception_handler(HTTPException)
    async def of_the_framework(request: Request, error: HTTPException) -> Response:
        problem = from_http(error)
        if problem.kind is METHOD_NOT_ALLOWED:
            problem.headers["Allow"] = ", ".join(_allowed(request))
        return response_to(problem, request.scope)

    @app.exception_handler(RequestValidationError)
    async def of_fields(request: Request, error: RequestValidationError) -> Response:
        return response_to(from_validation(error), request.scope)

    @app.exception_handler(DeviceError)
    async def of_a_device(request: Request, error: DeviceError) -> Response:
        return response_to(from_device(error), request.scope)

    @app.exception_handler(RequestRefused)
    async def of_policy(request: Request, error: RequestRefused) -> Response:
        return response_to(from_refusal(error), request.scope)

    @app.exception_handler(StorageError)
    async def of_the_store(request: Request, error: StorageError) -> Response:
        log.error("store cannot be used", reason=str(error))
        return response_to(Problem(UNAVAILABLE, str(error)), request.scope)
