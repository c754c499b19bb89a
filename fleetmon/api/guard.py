"""What every request must pass before any route sees it, and the headers every answer carries.

Until sign-in exists the service trusts whoever reaches loopback. A browser can be made to reach loopback by any page it
shows, so the guard asks for a `Host` that is loopback (DNS rebinding) and, from a browser, for a same-origin request.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleetmon import logs
from fleetmon.api.problems import FOREIGN_ORIGIN, INTERNAL, MISDIRECTED, NOT_JSON, TOO_LARGE, Problem, response_to

BODY_LIMIT = 1 << 20
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
JSON_TYPES = frozenset({"application/json", "application/merge-patch+json"})

SECURITY_HEADERS = tuple(
    (name.encode(), value.encode())
    for name, value in (
        (
            "content-security-policy",
            "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    )
)

log = logs.get("api")

_JUDGED = frozenset({b"host", b"origin", b"sec-fetch-site", b"content-type", b"content-length", b"transfer-encoding"})
"""Headers the guard looks at; ASGI gives names in lower case."""

Headers = Iterable[tuple[bytes, bytes]]


class Guard:
    """The outermost layer: refuses what no route should see, and marks every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        trace_id = secrets.token_hex(8)
        scope.setdefault("state", {})["trace_id"] = trace_id
        marks = [*SECURITY_HEADERS, (b"x-request-id", trace_id.encode())]

        started = False

        async def marked(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), *marks]
            await send(message)

        objection = objection_to(scope["method"], scope["path"], scope["headers"])
        handler = self._app if objection is None else response_to(objection, scope)
        try:
            await handler(scope, _bounded(receive), marked)
        except Exception as error:  # whatever a route died of is told as a problem, and logged once
            log.error("request failed", path=scope["path"], trace_id=trace_id, exc_info=error)
            if not started:
                broken = Problem(INTERNAL, "the service's log tells more under this trace_id")
                await response_to(broken, scope)(scope, receive, marked)


def _bounded(receive: Receive) -> Receive:
    """The request's body, which may not go on for ever; the framework passes its own exception on to `problems`."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_LIMIT:
            raise HTTPException(413)
        return message

    return bounded


def objection_to(method: str, path: str, headers: Headers) -> Problem | None:
    """Why this request must not reach a route; None when it may."""
    told: dict[bytes, list[str]] = {}
    for name, value in headers:
        if name in _JUDGED:
            told.setdefault(name, []).append(value.decode("latin-1"))
    hosts = told.get(b"host", [])
    if len(hosts) != 1 or not is_loopback(hosts[0]):
        return Problem(MISDIRECTED, "until sign-in exists the Host header must be a loopback name or address")
    lengths = told.get(b"content-length", [])
    if any(int(length) > BODY_LIMIT for length in lengths if length.isascii() and length.isdigit()):
        return Problem(TOO_LARGE, "a body may hold 1 MiB")
    if method not in SAFE_METHODS:
        return _objection_to_change(hosts[0], told)
    if path.startswith("/api/v1/") and _is_foreign(told):
        return Problem(FOREIGN_ORIGIN, "a page of another site may not read this; Sec-Fetch-Site says it asks")
    return None


def _objection_to_change(host: str, told: dict[bytes, list[str]]) -> Problem | None:
    if _is_foreign(told):
        return Problem(FOREIGN_ORIGIN, "a page of another site may not change anything; Sec-Fetch-Site says it asks")
    for origin in told.get(b"origin", []):
        if not _same_origin(origin, host):
            return Problem(FOREIGN_ORIGIN, "the Origin of a change must be this service itself")
    kinds = told.get(b"content-type", [])
    has_body = told.get(b"content-length", ["0"]) != ["0"] or b"transfer-encoding" in told
    if (kinds or has_body) and not all(_is_json(kind) for kind in kinds or [""]):
        return Problem(NOT_JSON, "a change is told as JSON; send Content-Type: application/json")
    return None


def _is_foreign(told: dict[bytes, list[str]]) -> bool:
    return any(site not in {"same-origin", "none"} for site in told.get(b"sec-fetch-site", []))


def _same_origin(origin: str, host: str) -> bool:
    parts = urlsplit(origin)
    return parts.scheme in {"http", "https"} and origin == f"{parts.scheme}://{host}"


def _is_json(content_type: str) -> bool:
    kind, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower()
    return kind.strip().lower() in JSON_TYPES and charset in {"", "charset=utf-8"}


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine to itself: `localhost`, 127.0.0.0/8 or [::1], with any port."""
    name, bracket, rest = host.partition("]")
    if bracket:
        address, port = name.removeprefix("["), rest.removeprefix(":")
        if not name.startswith("[") or (rest and not rest.startswith(":")):
            return False
    else:
        address, _, port = host.partition(":")
    if port and not (port.isascii() and port.isdigit()):
        return False
    if not bracket and address.lower() == "localhost":
        return True
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.is_loopback and (parsed.version == 6) == bool(bracket)
