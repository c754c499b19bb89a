"""A plain HTTP client for tests that look at the emulator from outside."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from emulator.run import RunningFleet, running_fleet

EPOCH = 1_790_000_000.0
"""Where time stands still in these tests, until a test advances it."""


@dataclass
class Client:
    """One fleet whose clock only moves by `advance`, and a client with no opinions."""

    fleet: RunningFleet
    http: aiohttp.ClientSession

    @property
    def basic(self) -> dict[str, str]:
        return {"Authorization": aiohttp.encode_basic_auth(self.fleet.user, self.fleet.password)}

    async def ask(
        self, machine: str, path: str, *, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        """(status, document, headers) with Basic, or with the headers given."""
        address = self.fleet.address(machine) + path
        sent = self.basic if headers is None else headers
        async with self.http.request(method, address, json=body, headers=sent, allow_redirects=False) as response:
            raw = await response.read()
            return response.status, json.loads(raw) if raw else None, response.headers

    async def get(self, machine: str, path: str) -> Any:
        """The document at a path."""
        status, document, _ = await self.ask(machine, path)
        assert status == 200, (path, status, document)
        return document

    async def login(self, machine: str, password: str | None = None) -> tuple[int, Mapping[str, str]]:
        """Status and headers of a sign-in."""
        body = {"UserName": self.fleet.user, "Password": password or self.fleet.password}
        status, _, headers = await self.ask(
            machine, "/redfish/v1/SessionService/Sessions", method="POST", body=body, headers={}
        )
        return status, headers

    async def control(self, method: str, target: str, body: Any = None) -> tuple[int, Any]:
        """Status and document of the control API."""
        async with self.http.request(method, self.fleet.control_address + target, json=body) as response:
            return response.status, await response.json()


@contextlib.asynccontextmanager
async def client_of(fleet: Any = "one_rack", **options: Any) -> AsyncIterator[Client]:
    """A fleet whose time stands still, and a client for it."""
    options = {"real": lambda: EPOCH} | options
    async with (
        running_fleet(fleet, **options) as running,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as http,
    ):
        yield Client(running, http)
