"""A running service, asked over HTTP; what it refuses comes back as an error that says what would be right."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from fleetmon import __version__
from fleetmon.cli.outcome import ServiceError, WrongUsage
from fleetmon.errors import Conflict, FleetmonError, NotFound, OutOfDate, RequestRefused

BASE = "/api/v1"
PAGE = 1000
_MOST_FAULTS = 8
"""Faults of one body that are told in one line."""
_START_IT = "start it with `fleetmon serve` or `make demo`, or name another with --url"


@dataclass(frozen=True, slots=True)
class Tagged:
    """An answer and the ETag it came with."""

    body: Any
    etag: str


class Service:
    """One conversation with a service."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None, patience: float = 30.0) -> None:
        self.url = checked_url(url)
        self._client = httpx.Client(
            base_url=self.url,
            timeout=httpx.Timeout(patience, connect=5.0),
            headers={"Accept": "application/json", "User-Agent": f"fleetmon/{__version__}"},
            transport=transport,
            trust_env=not _is_loopback(self.url),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of one resource below the API's base."""
        return self._json(self._ask("GET", BASE + path, query=query))

    def tagged(self, path: str) -> Tagged:
        """One resource and its ETag, for the edit that follows."""
        answer = self._ask("GET", BASE + path)
        return Tagged(self._json(answer), answer.headers.get("ETag", "*"))

    def changed(self, path: str, etag: str, **query: Any) -> Tagged | None:
        """The resource as it is now; None when it still is what `etag` names."""
        answer = self._ask("GET", BASE + path, query=query, headers={"If-None-Match": etag} if etag else {})
        return None if answer.status_code == 304 else Tagged(self._json(answer), answer.headers.get("ETag", ""))

    def items(self, path: str, *, limit: int | None = None, **query: Any) -> Iterator[dict[str, Any]]:
        """The rows of a list, page after page, at most `limit`."""
        left = limit
        cursor: str | None = None
        while left is None or left > 0:
            page = self.get(path, **query, limit=min(PAGE, left or PAGE), cursor=cursor)
            rows = page["items"][:left]
            yield from rows
            left = None if left is None else left - len(rows)
            cursor = page.get("next")
            if not cursor:
                return

    def send(self, method: str, path: str, body: Any = None, *, etag: str = "", **query: Any) -> Any:
        """Ask for a change; the JSON that answers it, None where there is none."""
        answer = self._ask(method, BASE + path, query=query, body=body, headers={"If-Match": etag} if etag else {})
        return self._json(answer) if answer.content else None

    def lines(self, method: str, path: str, body: Any = None) -> Iterator[dict[str, Any]]:
        """The lines of JSON that answer, each as it comes; who stops listening ends what makes them."""
        try:
            with self._client.stream(method, BASE + path, json=body) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise _refusal(answer)
                for line in answer.iter_lines():
                    yield json.loads(line)
        except json.JSONDecodeError:
            raise ServiceError(f"{self.url}{path} answered with a line that is no JSON") from None
        except httpx.ConnectError as error:
            raise ServiceError(f"no service answers at {self.url} ({_cause(error)})", cure=_START_IT) from error
        except httpx.HTTPError as error:
            raise ServiceError(f"{self.url}{path} was cut off ({error or type(error).__name__})") from error

    def ready(self) -> dict[str, Any]:
        """Readiness, told as well when it is no."""
        answer = self._reach("GET", BASE + "/ready")
        if answer.status_code not in (200, 503):
            raise _refusal(answer)
        return dict(self._json(answer))

    def metrics(self) -> str:
        """The service's own metrics, as Prometheus would read them."""
        return self._ask("GET", "/metrics").text

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        answer = self._reach(method, path, query=query, body=body, headers=headers)
        if answer.status_code >= 400:
            raise _refusal(answer)
        return answer

    def _reach(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        asked = {key.rstrip("_"): value for key, value in (query or {}).items() if value not in (None, "", [])}
        try:
            return self._client.request(method, path, params=asked, json=body, headers=dict(headers or {}))
        except httpx.ConnectError as error:
            raise ServiceError(f"no service answers at {self.url} ({_cause(error)})", cure=_START_IT) from error
        except httpx.TimeoutException as error:
            raise ServiceError(f"{self.url}{path} gave no answer in time", cure="see `fleetmon doctor`") from error
        except httpx.HTTPError as error:
            cure = "is that the port of fleetmon? --url names another"
            raise ServiceError(f"{self.url}{path} did not answer as HTTP ({error})", cure=cure) from error

    def _json(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except json.JSONDecodeError:
            raise _no_fleetmon(answer) from None


def segment(text: str) -> str:
    """A name as one segment of a path."""
    return quote(text, safe="")


def checked_url(url: str) -> str:
    """The address of a service without its trailing slash; raises WrongUsage for what is none."""
    parts = urlsplit(url)
    try:
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise WrongUsage(f"--url {url} is no address of a service", cure="write it like http://127.0.0.1:8480")
    if parts.username or parts.password:
        raise WrongUsage("--url holds a user name or password", cure="leave them out: arguments are seen by others")
    return url.rstrip("/")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _cause(error: Exception) -> str:
    """The system's own words for a connection that failed, without its number."""
    return str(error).partition("] ")[2].lower() or str(error) or type(error).__name__


def _refusal(answer: httpx.Response) -> FleetmonError:
    """What a refused request means."""
    if "json" not in answer.headers.get("Content-Type", ""):
        return _no_fleetmon(answer)
    try:
        problem = answer.json()
    except json.JSONDecodeError:
        return _no_fleetmon(answer)
    said = _said(problem) or f"{answer.request.url.path} was refused with status {answer.status_code}"
    match answer.status_code:
        case 400 | 422:
            return WrongUsage(said)
        case 403:
            return RequestRefused(said)
        case 404:
            return NotFound(said)
        case 409 if str(problem.get("type", "")).endswith("/refused"):
            return RequestRefused(said)
        case 409:
            return Conflict(said)
        case 412 | 428:
            return OutOfDate(said, cure="someone else changed it meanwhile: look again, then repeat")
    return ServiceError(said)


def _said(problem: Any) -> str:
    """A problem document as one line: its detail, and each field with its reason."""
    if not isinstance(problem, dict):
        return ""
    detail = problem.get("detail") or problem.get("title") or ""
    faults = [error for error in problem.get("errors") or [] if isinstance(error, dict) and error.get("reason")]
    fields = [_fault(error) for error in faults if str(error["reason"]) not in detail]
    more = [f"and {len(fields) - _MOST_FAULTS} more"] if len(fields) > _MOST_FAULTS else []
    return "; ".join(part for part in (detail, *fields[:_MOST_FAULTS], *more) if part)


def _fault(error: dict[str, Any]) -> str:
    line = f"line {error['line']}" if error.get("line") else ""
    return ": ".join(str(part) for part in (line, error.get("field"), error["reason"]) if part)


def _no_fleetmon(answer: httpx.Response) -> ServiceError:
    url = answer.request.url
    return ServiceError(
        f"{url.scheme}://{url.netloc.decode()} answered {url.path} with status {answer.status_code}"
        " and no JSON: that is no fleetmon service",
        cure="name the right one with --url",
    )
