"""One Redfish session with one BMC: login, one request at a time, and every failure as a DeviceError.

Requests go through `redfish.aio`, which refuses redirects and foreign origins and repeats nothing that changes
state. Login is done here, with its public calls, because every login has to pass the lane's credential breaker
(F05), must be kept over a restart (F02), and must take the answers of services that leave out the body or the
Location (F06).

Plain `http://` is spoken only where the address says so. The token of a session is then never asked for; Basic
credentials are sent only after the device has demanded them with a 401, and the driver tells it as a problem.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from redfish.aio import AsyncRedfishClient, AsyncRestResponse, RedfishError

from fleetmon.drivers.base import Opening
from fleetmon.drivers.lane import Priority
from fleetmon.drivers.redfish.bodies import BadBody, Json, excerpt, parse
from fleetmon.drivers.redfish.parse.fields import child, items, link, text
from fleetmon.drivers.redfish.resource import ROOT, Resource, local
from fleetmon.drivers.redfish.transport import Pin, explain, open_transport
from fleetmon.errors import AccessDenied, Busy, ConfigError, DeviceError, Garbled, Unsupported

SESSIONS = "/redfish/v1/SessionService/Sessions"
"""Where DSP0266 puts the session collection; used when the service root does not tell."""
LONGEST_WAIT = 120.0
"""Seconds; what a device may ask us to wait at most (F07)."""
NO_SESSIONS = (404, 405, 501)
"""Answers to a first login that mean: there are no sessions here, only Basic (never once a session worked, F46).

A login that is accepted without a token means the same: sushy-static 2.2 answers 204 to every POST.
"""
GOODBYE = 3.0
"""Seconds a logout may take."""


class Session:
    """A session with one device. `requests` counts every HTTP request sent, logins included."""

    def __init__(self, opening: Opening) -> None:
        self.device = opening.endpoint.address
        self.requests = 0
        self.sessions_without_location = 0
        self.basic_in_the_clear = False
        self._opening = opening
        self._lane = opening.lane
        self._clock = opening.clock
        self._secure = scheme_of(opening.endpoint) == "https"
        self._pin = Pin(opening.endpoint.pinned_spki, enforced=opening.endpoint.verify == "pin")
        self._transport: aiohttp.ClientSession | None = None
        self._client: AsyncRedfishClient | None = None
        self._login_lock = asyncio.Lock()
        self._token = ""
        self._location = ""
        self._sessions = ""
        self._had_token = False
        self._basic = False
        self._root: Resource | None = None
        self._repeated_keys: dict[str, tuple[str, ...]] = {}
        self._recall(opening.memory.session)

    @property
    def seen_spki(self) -> str | None:
        """SHA-256 of the public key the device showed; None before the first TLS connection."""
        return self._pin.seen

    def memory(self) -> dict[str, Any]:
        """What keeps this session alive over a restart; a secret."""
        credentials = self._opening.credentials
        if not self._token or credentials is None:
            return {"sessions": self._sessions} if self._sessions else {}
        return {
            "token": self._token,
            "location": self._location,
            "sessions": self._sessions,
            "address": self.device,
            "user": credentials.user,
            "credential_version": credentials.version,
        }

    def repeated_keys(self) -> dict[str, tuple[str, ...]]:
        """Names given twice since the last call, by path (F31)."""
        found, self._repeated_keys = self._repeated_keys, {}
        return found

    async def get(self, path: str, priority: Priority = Priority.POLL) -> Resource:
        """The resource at `path`; raises DeviceError."""
        if path == ROOT:
            await self._authorization(priority)
            if self._root is not None:
                root, self._root = self._root, None
                return root
        response = await self._authorized(path, priority)
        return self._resource(path, response)

    async def close(self) -> None:
        """Log out and close the connection, quickly and without complaint."""
        try:
            if self._token and self._location:
                async with asyncio.timeout(GOODBYE):
                    await self._send("DELETE", self._location, self._token_header(), Priority.POLL)
        except (DeviceError, TimeoutError):
            pass
        finally:
            self._token = self._location = ""
            await self.suspend()

    async def suspend(self) -> None:
        """Close the connection and keep the login, to be used again after a restart."""
        if self._transport is not None:
            await self._transport.close()
            self._transport = self._client = None

    # ---- one request -----------------------------------------------------------------------------------------

    async def _authorized(self, path: str, priority: Priority) -> AsyncRestResponse:
        """The answer to a GET, after one fresh login where the first answer was 401 (F03)."""
        used = await self._authorization(priority)
        response = await self._send("GET", path, used, priority)
        if response.status != 401 or self._opening.credentials is None:
            if "Authorization" in used and self._opening.credentials is not None:
                self._lane.login_accepted(self._opening.credentials.version)
            return response
        if not self._secure and not used:
            self._basic = self.basic_in_the_clear = True
        elif "Authorization" in used:
            self._lane.login_refused(self._opening.credentials.version)
            raise self._denied()
        elif used.get("X-Auth-Token") == self._token:
            self._token = self._location = ""
        response = await self._send("GET", path, await self._authorization(priority), priority)
        if response.status == 401 and self._basic:
            self._lane.login_refused(self._opening.credentials.version)
            raise self._denied()
        return response

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], priority: Priority, body: Json | None = None
    ) -> AsyncRestResponse:
        """One HTTP request in the lane's turn; the answer whatever its status."""
        client = self._open()
        async with self._lane.turn(priority):
            self.requests += 1
            try:
                match method:
                    case "POST":
                        return await client.post(path, body=body, headers=headers)
                    case "DELETE":
                        return await client.delete(path, headers=headers)
                    case _:
                        return await client.get(path, headers=headers)
            except (RedfishError, aiohttp.ClientError, BadBody, OSError, ValueError) as error:
                timeout = self._lane.pace.request_timeout.total_seconds()
                raise explain(error, device=self.device, resource=path, timeout=timeout) from error

    def _open(self) -> AsyncRedfishClient:
        if self._client is None:
            self._transport = open_transport(self._opening.endpoint, self._lane.pace, self._pin)
            self._client = AsyncRedfishClient(base_url(self._opening.endpoint), session=self._transport)
        return self._client

    def _resource(self, path: str, response: AsyncRestResponse) -> Resource:
        """The answer as a resource; DeviceError when it is a refusal or cannot be read."""
        if (refusal := self._refusal(path, response)) is not None:
            raise refusal
        content_type = response.getheader("Content-Type") or ""
        try:
            body = parse(response.read, content_type)
        except BadBody as error:
            raise Garbled(str(error), device=self.device, resource=path, cure=self._html_cure(response)) from None
        if "error" in body.json and "@odata.id" not in body.json and "@odata.type" not in body.json:
            raise Garbled(
                f"an error in place of the resource: {message_of(body.json)}", device=self.device, resource=path
            )
        if body.repeated_keys:
            self._repeated_keys[path] = body.repeated_keys
        return Resource(path, body.json, self._clock.now(), response.getheader("Date") or "", body.weight)

    def _refusal(self, path: str, response: AsyncRestResponse) -> DeviceError | None:
        """The DeviceError a status stands for; None for success."""
        status = response.status
        if 200 <= status < 300:
            return None
        said = message_of(lenient(response))
        detail = f": {said}" if said else ""
        where = {"device": self.device, "resource": path}
        wait = retry_after(response.getheader("Retry-After"), lenient(response), self._clock.now())
        if status in (429, 503) or (status >= 500 and wait is not None):
            return Busy(f"busy (HTTP {status}){detail}", retry_after=wait, **where)
        if status in (401, 403):
            who = "this user" if self._opening.credentials else "nobody without credentials"
            return AccessDenied(
                f"not permitted to {who} (HTTP {status}){detail}"
                if self._opening.credentials
                else f"credentials are wanted (HTTP {status})",
                cure="give the user the right to log in and read"
                if self._opening.credentials
                else "name a user and password",
                **where,
            )
        if 300 <= status < 400:
            return Unsupported(f"redirects elsewhere (HTTP {status}), which is not followed", **where)
        if status in (404, 405, 406, 410, 501):
            if path == ROOT:
                return Unsupported(
                    f"there is no Redfish service here (HTTP {status})",
                    cure="check that this is the address of a BMC and that Redfish is switched on",
                    **where,
                )
            return Unsupported(f"not there (HTTP {status}){detail}", **where)
        return Garbled(f"failed (HTTP {status}){detail}", **where)

    @staticmethod
    def _html_cure(response: AsyncRestResponse) -> str:
        kind = (response.getheader("Content-Type") or "").lower()
        return "check that this is the address of a BMC" if "html" in kind or response.read[:1] == b"<" else ""

    # ---- login -----------------------------------------------------------------------------------------------

    async def _authorization(self, priority: Priority) -> dict[str, str]:
        """The header that says who we are, after a login where one is needed."""
        credentials = self._opening.credentials
        if credentials is None or (not self._secure and not self._basic):
            return {}
        if not self._basic:
            async with self._login_lock:
                if not self._token and not self._basic:
                    await self._login(priority)
        if not self._basic:
            return self._token_header()
        self._lane.login_allowed(credentials.version)
        pair = f"{credentials.user}:{credentials.password.reveal()}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode("ascii")}

    def _token_header(self) -> dict[str, str]:
        return {"X-Auth-Token": self._token}

    async def _login(self, priority: Priority) -> None:
        """Open a session; AccessDenied when refused, Busy when the session table is full."""
        credentials = self._opening.credentials
        assert credentials is not None
        self._lane.login_allowed(credentials.version)
        if not self._sessions:
            await self._find_sessions(priority)
            if self._basic:
                return
        body = {"UserName": credentials.user, "Password": credentials.password.reveal()}
        response = await self._send("POST", self._sessions, {}, priority, body)
        if response.status in NO_SESSIONS and self._sessions != SESSIONS:
            self._sessions = SESSIONS
            response = await self._send("POST", self._sessions, {}, priority, body)
        token = response.getheader("X-Auth-Token") or ""
        accepted = 200 <= response.status < 300
        if (response.status in NO_SESSIONS or (accepted and not token)) and not self._had_token:
            self._basic = True
            return
        if accepted and token:
            self._token, self._had_token = token, True
            self._location = self._session_location(response)
            self._lane.login_accepted(credentials.version)
            return
        if response.status in (400, 401, 403):
            self._lane.login_refused(credentials.version)
            raise self._denied(message_of(lenient(response)))
        refusal = self._refusal(self._sessions, response) or Garbled("it gave no token")
        self._sessions = ""
        refusal.reason, refusal.device, refusal.resource = f"the login failed: {refusal.reason}", self.device, ""
        raise refusal

    async def _find_sessions(self, priority: Priority) -> None:
        """Learn from the service root where to log in, or that only Basic is offered."""
        response = await self._send("GET", ROOT, {}, priority)
        if response.status in (401, 403):
            self._sessions = SESSIONS
            return
        self._root = self._resource(ROOT, response)
        body = self._root.body
        told = link(body, "Links", "Sessions")
        self._sessions = (local(told) if told else None) or SESSIONS
        self._basic = not told and not link(body, "SessionService") and bool(body.get("RedfishVersion"))

    def _session_location(self, response: AsyncRestResponse) -> str:
        """Where the session can be deleted; empty when the service does not tell: it then ends by expiry (F06)."""
        told = response.getheader("Location") or text(lenient(response), "@odata.id")
        found = local(told) if told else None
        if not found:
            self.sessions_without_location += 1
        return found or ""

    def _denied(self, said: str = "") -> AccessDenied:
        credentials = self._opening.credentials
        detail = f": {said}" if said else ""
        return AccessDenied(
            f"the user or password was refused for {credentials.user if credentials else 'nobody'!r}{detail}",
            device=self.device,
            cure="correct the user or password of this device's credential set",
        )

    def _recall(self, remembered: Mapping[str, Any]) -> None:
        """Take up the session of before the restart, unless it belongs to another address, user or password (F24)."""
        credentials = self._opening.credentials
        fits = (
            credentials is not None
            and remembered.get("address") == self.device
            and remembered.get("user") == credentials.user
            and remembered.get("credential_version") == credentials.version
        )
        known = {name: value for name, value in remembered.items() if isinstance(value, str)}
        self._sessions = (
            local(known.get("sessions", "")) or "" if known.get("address", self.device) == self.device else ""
        )
        if fits:
            self._token = known.get("token", "")
            self._had_token = bool(self._token)
            self._location = local(known.get("location", "")) or ""


def scheme_of(endpoint: Any) -> str:
    """`https` or `http`; ConfigError for anything else."""
    scheme = str(endpoint.address).split("://", 1)[0].lower()
    if scheme not in ("https", "http"):
        raise ConfigError(f"{endpoint.address!r} is no Redfish address", cure="write https://host or https://host:port")
    return scheme


def base_url(endpoint: Any) -> str:
    """The address without a trailing slash; ConfigError when it holds more than scheme, host and port."""
    address = str(endpoint.address).rstrip("/")
    if not re.fullmatch(r"https?://(?:\[[0-9A-Fa-f:.%]+\]|[^/@:?#\s]+)(?::\d{1,5})?", address):
        raise ConfigError(f"{endpoint.address!r} is no Redfish address", cure="write https://host or https://host:port")
    return address


def lenient(response: AsyncRestResponse) -> Json:
    """The body of an error answer, or nothing: it is only read for words (F20)."""
    try:
        return parse(response.read).json
    except BadBody:
        return {"error": excerpt(response.read, 80)} if response.read else {}


def message_of(body: Json) -> str:
    """What an error body says, ready for a clause after it; empty when it says nothing."""
    return _said(body)[:200].rstrip(" .;")


def _said(body: Json) -> str:
    """Extended info as list or object, a bare string, or nothing: an error body has any shape (F20)."""
    error = body.get("error", body)
    if isinstance(error, str):
        return error
    if not isinstance(error, dict):
        return ""
    for holder in (error, body):
        for _, info in items(holder, "@Message.ExtendedInfo"):
            if said := text(info, "Message", "MessageId"):
                return said
    return text(error, "message", "code")


def retry_after(header: str | None, body: Json, now: datetime) -> float | None:
    """Seconds the device asks us to wait: from the header, else from a body like SYS518; None when it does not."""
    if header:
        if header.strip().isdigit():
            return min(float(header), LONGEST_WAIT)
        try:
            at = parsedate_to_datetime(header)
        except (TypeError, ValueError):
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max((at - now).total_seconds(), 0.0), LONGEST_WAIT)
    for _, info in items(child(body, "error"), "@Message.ExtendedInfo"):
        if re.search(r"SYS518|ServiceTemporarilyUnavailable|ServiceInUnknownState", text(info, "MessageId")):
            arguments = info.get("MessageArgs")
            for argument in arguments if isinstance(arguments, list) else []:
                if isinstance(argument, (str, int)) and str(argument).strip().isdigit():
                    return min(float(argument), LONGEST_WAIT)
    return None
