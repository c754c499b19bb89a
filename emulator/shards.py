"""One fleet in several processes: racks are dealt out, and one control API speaks for all of them.

A process has some twenty thousand descriptors and one core; ten thousand TLS endpoints want more of both.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterable
from typing import Any

import aiohttp
import orjson

from emulator.server import Endpoint, Reply, Request, json_reply

START_SECONDS = 120.0


class ShardError(OSError):
    """A child process did not start."""


class ShardControl:
    """The control API over all shards: it asks the right one, or all, and puts the answers together."""

    def __init__(self, addresses: list[str], client: aiohttp.ClientSession) -> None:
        self._addresses = addresses
        self._client = client
        self._places: dict[str, str] = {}
        self._rows: list[dict[str, Any]] = []
        self._read = dict.fromkeys(addresses, 0)
        self._reading = asyncio.Lock()
        self.endpoint = Endpoint(self.serve)

    async def learn(self) -> None:
        """Notes which shard has which machine, rack and switch."""
        for address in self._addresses:
            for item in (await self._get(address, "/machines"))["items"]:
                self._places[f"machine:{item['name']}"] = address
            frame = await self._get(address, "/fleet")
            for kind in ("rack", "switch"):
                for item in frame["racks" if kind == "rack" else "switches"]:
                    self._places[f"{kind}:{item['name']}"] = address

    async def serve(self, request: Request) -> Reply:
        """The answer of one shard, or of all."""
        steps = request.path.strip("/").split("/")
        match request.method, steps:
            case "GET", ["machines"] | ["faults"] | ["traffic"]:
                answers = await self._all("GET", request.target)
                return json_reply(200, {"items": [item for _, answer in answers for item in answer["items"]]})
            case "GET", ["fleet"]:
                return json_reply(200, _merged([answer for _, answer in await self._all("GET", request.target)]))
            case "GET", ["ledger"]:
                return json_reply(200, await self._ledger(request.query))
            case "POST", ["time"]:
                return _worst(await self._all("POST", request.target, request.body))
            case "POST", ["faults"]:
                return await self._strike(request)
            case "DELETE", ["faults", fault_id]:
                number = fault_id.partition("f")[0]
                known = number.isdecimal() and int(number) < len(self._addresses)
                return await self._pass_on(self._addresses[int(number)] if known else self._addresses[0], request)
            case _, ["machines", name, *_]:
                return await self._pass_on(self._places.get(f"machine:{name}", self._addresses[0]), request)
        return await self._pass_on(self._addresses[0], request)

    async def _strike(self, request: Request) -> Reply:
        """To the shard that has the machine, rack, switch or agent; a site is in all of them."""
        try:
            body = request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return await self._pass_on(self._addresses[0], request)
        if "site" in body:
            return _worst(await self._all("POST", request.target, request.body))
        for kind in ("machine", "rack", "switch", "agent"):
            if kind in body:
                place = f"{'machine' if kind == 'agent' else kind}:{body[kind]}"
                return await self._pass_on(self._places.get(place, self._addresses[0]), request)
        return await self._pass_on(self._addresses[0], request)

    async def _ledger(self, query: dict[str, str]) -> dict[str, Any]:
        """Rows of all shards under one numbering, given in the order in which they were fetched."""
        async with self._reading:
            fresh: list[dict[str, Any]] = []
            for address in self._addresses:
                answer = await self._get(address, f"/ledger?since={self._read[address]}")
                self._read[address] = answer["sequence"]
                fresh += answer["items"]
            for row in sorted(fresh, key=lambda row: row["at"]):
                self._rows.append(row | {"sequence": len(self._rows) + 1})
        since, machine, what = int(query.get("since", 0) or 0), query.get("machine", ""), query.get("what", "")
        wants_requests = query.get("requests", "true") != "false"
        items = [
            row
            for row in self._rows[since:]
            if (not machine or row["machine"] == machine)
            and (not what or row["what"] == what)
            and (wants_requests or row["what"] != "request")
        ]
        return {"sequence": len(self._rows), "items": items}

    async def _all(self, method: str, target: str, body: bytes = b"") -> list[tuple[int, Any]]:
        return list(await asyncio.gather(*(self._ask(address, method, target, body) for address in self._addresses)))

    async def _ask(self, address: str, method: str, target: str, body: bytes = b"") -> tuple[int, Any]:
        async with self._client.request(method, address + target, data=body) as response:
            return response.status, orjson.loads(await response.read())

    async def _get(self, address: str, target: str) -> Any:
        return (await self._ask(address, "GET", target))[1]

    async def _pass_on(self, address: str, request: Request) -> Reply:
        return json_reply(*await self._ask(address, request.method, request.target, request.body))


def _worst(answers: list[tuple[int, Any]]) -> Reply:
    """The answer of all shards: the refusal of one, else the first with every id that was given."""
    status, body = max(answers, key=lambda answer: answer[0])
    ids = [answer["id"] for _, answer in answers if "id" in answer]
    return json_reply(status, body | {"ids": ids} if status < 400 and ids else body)


def _merged(frames: list[dict[str, Any]]) -> dict[str, Any]:
    return frames[0] | {key: [item for frame in frames for item in frame[key]] for key in ("racks", "switches")}


@contextlib.asynccontextmanager
async def running_shards(
    fleet: str,
    *,
    control: tuple[str, int],
    processes: int,
    seed: int | None,
    speed: float,
    base_port: int,
    story: bool,
    traps: tuple[str, int] | None = None,
    trap_version: int = 2,
) -> AsyncIterator[str]:
    """The control address of a fleet in several processes; they end with this one, whatever ends it."""
    options = [
        "--fleet",
        fleet,
        "--control",
        "127.0.0.1:0",
        "--speed",
        str(speed),
        "--base-port",
        str(base_port),
        "--exit-with-stdin",
    ]
    options += [] if seed is None else ["--seed", str(seed)]
    options += ["--story"] if story else []
    options += [] if traps is None else ["--traps", f"{traps[0]}:{traps[1]}", "--trap-version", str(trap_version)]
    children = [await _start([*options, "--shard", f"{n}/{processes}"]) for n in range(processes)]
    try:
        addresses = list(await asyncio.gather(*map(_address, children)))
        async with aiohttp.ClientSession() as client:
            door = ShardControl(addresses, client)
            await door.learn()
            await door.endpoint.open(*control)
            try:
                yield door.endpoint.address
            finally:
                door.endpoint.close()
    finally:
        await _stop(children)


async def _start(options: list[str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "emulator", *options, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )


async def _address(child: asyncio.subprocess.Process) -> str:
    """What the child prints once all its endpoints answer."""
    assert child.stdout is not None
    line = (await asyncio.wait_for(child.stdout.readline(), START_SECONDS)).decode().split()
    if len(line) != 2:
        raise ShardError("a process of the fleet did not start; what it said is above")
    return line[1]


async def _stop(children: Iterable[asyncio.subprocess.Process]) -> None:
    for child in children:
        if child.returncode is None:
            child.terminate()
    for child in children:
        await child.wait()
