"""One conversation with one BMC: one request at a time, and every failure as a DeviceError.

Requests go through `redfish.aio`, which follows no redirect, refuses foreign origins and repeats nothing that changes
state.
Who we are is the matter of `login`, what an answer means that of `answers`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import aiohttp
from redfish.aio import AsyncRedfishClient, AsyncRestResponse, RedfishError

from fleetmon.drivers.base import Opening
from fleetmon.drivers.lane import Priority
from fleetmon.drivers.redfish.answers import Asked, resource_of, respelled
from fleetmon.drivers.redfish.bodies import BadBody, Json
from fleetmon.drivers.redfish.login import Login
from fleetmon.drivers.redfish.resource import ROOT, Resource, key, local
from fleetmon.drivers.redfish.transport import Pin, Pipe, explain, open_pipe
from fleetmon.errors import Busy, ConfigError

ASKED_TO_WAIT = 100
"""Paths remembered that a device wants left alone for a while."""
SPELLED = 2000
"""Paths remembered that a device redirects to the same path with a slash at its end, or without."""


class Session:
    """A session with one device. `requests` counts every HTTP request sent, logins included."""

    def __init__(self, opening: Opening) -> None:
        self.device = opening.endpoint.address
        self.requests = 0
        self.login = Login(opening, self._send, secure=scheme_of(opening.endpoint) == "https")
        self.endpoint = opening.endpoint
        self._opening = opening
        self._lane = opening.lane
        self._clock = opening.clock
        self.pin = Pin(opening.endpoint.pinned_spki, enforced=opening.endpoint.verify == "pin")
        self._pipe: Pipe | None = None
        self._client: AsyncRedfishClient | None = None
        self._spelling: dict[str, str] = {}
        self._not_before: dict[str, tuple[float, str]] = {}
        self._repeated_keys: dict[str, tuple[str, ...]] = {}

    @property
    def seen_spki(self) -> str | None:
        """SHA-256 of the public key the device showed; None before the first TLS connection."""
        return self.pin.seen

    def memory(self) -> dict[str, Any]:
        """What keeps this session alive over a restart; a secret."""
        return self.login.memory()

    def repeated_keys(self) -> dict[str, tuple[str, ...]]:
        """Names given twice since the last call, by path (F31)."""
        found, self._repeated_keys = self._repeated_keys, {}
        return found

    def exceptions(self) -> list[str]:
        """What was permitted or put up with for this device that a person should know."""
        rows = (
            (self.login.basic_in_the_clear, "the password is sent unencrypted, because the address says http://"),
            (self._opening.endpoint.tls == "legacy", "TLS older than 1.2 is permitted for this device"),
            (self.login.without_location > 0, "a session of ours cannot be ended by us and runs out by itself"),
        )
        return [reason for holds, reason in rows if holds]

    async def get(self, path: str, priority: Priority = Priority.POLL) -> Resource:
        """The resource at `path`; raises DeviceError."""
        if path == ROOT:
            await self.login.headers(priority)
            if (root := self.login.take_root()) is not None:
                return root
        self._may_be_asked(path, priority)
        try:
            return self._resource(path, await self._authorized(path, priority))
        except Busy as error:
            self._leave_alone(path, error)
            raise

    async def change(
        self, method: str, path: str, body: Json | None = None, priority: Priority = Priority.POLL
    ) -> tuple[Resource | None, str]:
        """What a POST, PATCH or DELETE brought, and the Location it named, on this device or empty.

        Tried once and never repeated, whatever came of it: what changes something may have been done (F13). A 401 ends
        the session for the next request; raises DeviceError.
        """
        used = await self.login.headers(priority)
        response = await self._send(method, path, used, priority, body)
        if response.status == 401:
            self.login.ended(used)
        else:
            self.login.worked(used)
        told = response.getheader("Location")
        location = (local(told) if told else None) or ""
        if 200 <= response.status < 300 and not response.read.strip():
            return None, location
        return self._resource(path, response), location

    async def headers(self, priority: Priority = Priority.POLL) -> dict[str, str]:
        """What says who we are on another connection to this device, after a login where one is needed."""
        return await self.login.headers(priority)

    async def close(self) -> None:
        """Log out and close the connection, quickly and without complaint."""
        try:
            await self.login.log_out()
        finally:
            await self.suspend()

    async def suspend(self) -> None:
        """Close the connection and keep the login, to be used again after a restart."""
        if self._pipe is not None:
            await self._pipe.close()
            self._pipe = self._client = None

    # ---- one request -----------------------------------------------------------------------------------------

    async def _authorized(self, path: str, priority: Priority) -> AsyncRestResponse:
        """The answer to a GET, after one fresh login where the first answer was 401 (F03)."""
        used = await self.login.headers(priority)
        response = await self._send("GET", path, used, priority)
        if response.status != 401:
            self.login.worked(used)
            return response
        again = await self.login.renewed(path, used, priority)
        if again is None:
            return response
        response = await self._send("GET", path, again, priority)
        if response.status == 401:
            await self.login.refused_again(path, again, priority)
        else:
            self.login.worked(again)
        return response

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], priority: Priority, body: Json | None = None
    ) -> AsyncRestResponse:
        """The answer whatever its status; a path that is redirected to its other spelling is asked for by that one."""
        spelled = self._spelling.pop(path, path)
        response = await self._once(method, spelled, headers, priority, body)
        if other := respelled(base_url(self.endpoint), spelled, response):
            spelled = other
            response = await self._once(method, spelled, headers, priority, body)
        if spelled != path and len(self._spelling) < SPELLED:
            self._spelling[path] = spelled
        return response

    async def _once(
        self, method: str, path: str, headers: Mapping[str, str], priority: Priority, body: Json | None
    ) -> AsyncRestResponse:
        """One HTTP request in the lane's turn."""
        client = self._open()
        async with self._lane.turn(priority):
            self.requests += 1
            try:
                match method:
                    case "POST":
                        return await client.post(path, body=body, headers=headers)
                    case "PATCH":
                        return await client.patch(path, body=body, headers=headers)
                    case "DELETE":
                        return await client.delete(path, headers=headers)
                    case _:
                        return await client.get(path, headers=headers)
            except (RedfishError, aiohttp.ClientError, BadBody, OSError, ValueError) as error:
                timeout = self._lane.pace.request_timeout.total_seconds()
                raise explain(error, device=self.device, resource=path, timeout=timeout) from error

    def _open(self) -> AsyncRedfishClient:
        if self._client is None:
            self._pipe = open_pipe(self._opening.endpoint, self._lane.pace, self.pin)
            self._client = AsyncRedfishClient(base_url(self._opening.endpoint), session=self._pipe)
        return self._client

    def _resource(self, path: str, response: AsyncRestResponse) -> Resource:
        """The answer as a resource; DeviceError when it is a refusal or cannot be read."""
        named = self._opening.credentials is not None
        asked = Asked(device=self.device, path=path, now=self._clock.now(), named=named)
        resource, repeated = resource_of(asked, response)
        if repeated:
            self._repeated_keys[path] = repeated
        return resource

    # ---- when a device asks for time -------------------------------------------------------------------------

    def _may_be_asked(self, path: str, priority: Priority) -> None:
        """Raise Busy, without a byte sent, while the device wants this resource left alone (F07); a person may ask."""
        until, reason = self._not_before.get(key(path), (float("-inf"), ""))
        rest = until - self._clock.monotonic()
        if rest <= 0:
            self._not_before.pop(key(path), None)
        elif priority is Priority.POLL:
            raise Busy(f"{reason}; it asked for {rest:.0f} s more", device=self.device, resource=path, retry_after=rest)

    def _leave_alone(self, path: str, error: Busy) -> None:
        """No jitter is added: the next poll comes at a slot of this device's own."""
        if error.retry_after and error.resource == path and len(self._not_before) < ASKED_TO_WAIT:
            until = self._clock.monotonic() + error.retry_after
            self._not_before[key(path)] = (until, error.reason)


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
