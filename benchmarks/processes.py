"""The other processes of a measurement: the emulated fleet, started on loopback and ended with it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

START_SECONDS = 60.0
USER = "operator"
PASSWORD = "emulated"


class CannotMeasureError(Exception):
    """What a measurement needs is not there, or did not do as asked."""


class Emulated:
    """An emulated fleet by its control door."""

    def __init__(self, control: str, pid: int) -> None:
        self._control = control
        self.pid = pid

    async def addresses(self, protocol: str = "redfish") -> dict[str, str]:
        """Where every server that speaks this protocol answers, by its name; over SNMP every switch."""
        machines = (await self._ask("GET", "/machines"))["items"]
        kind = "switch" if protocol == "snmp" else "server"
        found = {m["name"]: next(_urls(m["endpoints"], protocol), "") for m in machines if m["kind"] == kind}
        return {name: address for name, address in found.items() if address}

    async def address(self, machine: str) -> str:
        """Where a machine's BMC answers Redfish."""
        for told in (await self._ask("GET", "/machines"))["items"]:
            if told["name"] == machine:
                return next(_urls(told["endpoints"]))
        raise CannotMeasureError(f"the emulated fleet has no machine {machine}")

    async def machines(self) -> list[str]:
        """Every machine that answers Redfish."""
        return [m["name"] for m in (await self._ask("GET", "/machines"))["items"] if any(_urls(m["endpoints"]))]

    async def past(self, machine: str, start: datetime, end: datetime, step: timedelta) -> Any:
        """What every sensor of a machine told over a span, by columns."""
        span = f"from={start.timestamp()}&to={end.timestamp()}&step={step.total_seconds()}"
        return await self._ask("GET", f"/machines/{machine}/history?{span}")

    @contextlib.asynccontextmanager
    async def fault(self, machine: str, fault: str | dict[str, Any], **fields: Any) -> AsyncIterator[None]:
        """A fault, as long as the context lasts."""
        made = await self._ask("POST", "/faults", {"machine": machine, "fault": fault, **fields})
        yield
        await self._ask("DELETE", f"/faults/{made['id']}")

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self._control + path, json=body) as answer,
        ):
            text = await answer.text()
            if answer.status >= 400:
                raise CannotMeasureError(f"the emulator refuses {method} {path}: {text[:200]}")
            return json.loads(text) if text else None


def _urls(endpoints: Sequence[dict[str, str]], protocol: str = "redfish") -> Iterator[str]:
    return (endpoint["address"] for endpoint in endpoints if endpoint["protocol"] == protocol)


@contextlib.asynccontextmanager
async def emulated(fleet: str, *, processes: int = 1) -> AsyncIterator[Emulated]:
    """The emulated fleet of one fleet file, in processes of its own, once all its machines listen."""
    shards = ("--processes", str(processes)) if processes > 1 else ()
    options = ("--fleet", fleet, "--seed", "1", "--control", "127.0.0.1:0", "--exit-with-stdin", *shards)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "emulator", *options), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    async with _ended(process):
        assert process.stdout is not None
        try:
            said = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        except TimeoutError:
            said = b""
        word, _, control = said.decode().strip().partition(" ")
        if word != "emulator":
            raise CannotMeasureError(f"the emulator did not start: {said!r}")
        yield Emulated(control, process.pid)


async def apart(module: str, what: str, addresses: Sequence[str]) -> Any:
    """What a module, run in a process of its own so that this one does not count, tells of these addresses."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, what, *addresses),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        raise CannotMeasureError(f"measuring {what} failed: {err.decode(errors='replace')[-400:]}")
    return json.loads(out)


@contextlib.asynccontextmanager
async def running(command: Sequence[str], ready: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that answers at `ready`, ended with the context."""
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *command, env=environment or None, stdout=log, stderr=asyncio.subprocess.STDOUT
        )
        async with _ended(process):
            try:
                await _until_it_answers(process, ready)
            except TimeoutError:
                log.seek(0)
                said = log.read()[-600:].decode(errors="replace")
                raise CannotMeasureError(f"{' '.join(command[1:4])} does not answer: {said}") from None
            yield process


@contextlib.asynccontextmanager
async def _ended(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """The process is gone when the context is left."""
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _until_it_answers(process: asyncio.subprocess.Process, url: str) -> None:
    async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as session:
        while process.returncode is None:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url) as answer:
                    if answer.status < 500:
                        return
            await asyncio.sleep(0.02)
    raise TimeoutError


def free_port() -> int:
    """A port of 127.0.0.1 nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU of a process, all its threads, by the system's own clock of it."""
    return time.clock_gettime((~pid << 3) | 2)


def children(pid: int) -> list[int]:
    """The processes a process has started and not yet buried."""
    parents = ((int(found.name), _parent(found)) for found in Path("/proc").iterdir() if found.name.isdigit())
    return [child for child, parent in parents if parent == pid]


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
