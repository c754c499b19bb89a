"""R23: many BMCs polled at once over IPMI, datagrams lost, late, doubled and astray, workers killed and frozen.

Every value tells which sensor of which machine it is of, so an answer that reached the wrong question cannot hide. The
BMCs are OpenIPMI's ipmi_sim. The service's own clock runs: what a worker does in time is part of the claim.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from fleetmon.clock import SystemClock
from fleetmon.drivers.base import Credentials, Driver, Opening, Request, Secret
from fleetmon.drivers.ipmi.workers import Workers
from fleetmon.drivers.lane import Lane
from fleetmon.drivers.registry import open_driver
from fleetmon.model import Aspect, Endpoint, Observation, Protocol, Reachability
from tests.ipmi_sim import PASSWORD, USER, ipmi_sim, telling_machine, telling_value

SENSORS = 12
STEADY = frozenset({Aspect.HEARTBEAT, Aspect.SENSORS})
CALLERS = 2
"""Who ask each machine and know nothing of each other."""
STUCK = 60.0
"""Seconds after which a machine must have been read again, whatever happened to its worker."""


@dataclass
class Line:
    """The way to one BMC, with the chances of what can befall a datagram from it."""

    chances: dict[str, float]
    dice: random.Random
    earlier: list[bytes] = field(default_factory=list)
    """Answers seen before, of all BMCs of this run."""


class Astray(asyncio.DatagramProtocol):
    """Carries datagrams to a BMC; those back get lost, late, doubled, or come with an older one of another BMC."""

    def __init__(self, bmc: tuple[str, int], line: Line) -> None:
        self._bmc, self._line = bmc, line
        self._client: Any = None
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """One of either side."""
        if addr != self._bmc:
            self._client = addr
            self._transport.sendto(data, self._bmc)
            return
        line = self._line
        line.earlier[: max(0, len(line.earlier) - 500)] = []
        befallen = {what for what, chance in line.chances.items() if line.dice.random() < chance}
        if "astray" in befallen and line.earlier:
            self._back(line.dice.choice(line.earlier))
        line.earlier.append(data)
        for _ in range(2 if "doubled" in befallen else 1):
            if "late" in befallen:
                asyncio.get_running_loop().call_later(line.dice.uniform(0.2, 3.0), self._back, data)
            elif "lost" not in befallen:
                self._back(data)

    def _back(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(data, self._client)


@dataclass
class Watched:
    """One machine, its driver, and what came of asking it."""

    number: int
    driver: Driver
    read: int = 0
    crossed: list[str] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    last: float = field(default_factory=time.monotonic)
    longest: float = 0.0
    """Seconds between two polls that read it."""

    async def poll(self) -> None:
        """One poll; every value in it must be its own."""
        seen = await self.driver.observe(Request(aspects=STEADY))
        self.crossed += _strangers(self.number, seen)
        if seen.reachability is Reachability.REACHABLE and sum(r.number is not None for r in seen.readings) == SENSORS:
            self.read += 1
            self.longest = max(self.longest, time.monotonic() - self.last)
            self.last = time.monotonic()
        else:
            reason = seen.reason or (seen.problems[0].reason if seen.problems else "in part")
            self.failed[reason] = self.failed.get(reason, 0) + 1


def _strangers(machine: int, seen: Observation) -> list[str]:
    """The readings that are not this machine's own."""
    own = {f"M{machine:03} S{sensor:02}": telling_value(machine, sensor) for sensor in range(1, SENSORS + 1)}
    return [
        f"machine {machine}: {reading.sensor.name} = {reading.number}"
        for reading in seen.readings
        if reading.number is not None and own.get(reading.sensor.name) != reading.number
    ]


@contextlib.asynccontextmanager
async def fleet(machines: int, workers: Workers, line: Line) -> AsyncIterator[list[Watched]]:
    """So many ipmi_sim, each behind its own line, and a driver for each."""
    with contextlib.ExitStack() as bmcs:
        ports = [bmcs.enter_context(ipmi_sim(telling_machine(n, SENSORS))).port for n in range(machines)]
        loop, transports, watched = asyncio.get_running_loop(), [], []
        for number, port in enumerate(ports):
            way, _ = await loop.create_datagram_endpoint(
                lambda port=port: Astray(("127.0.0.1", port), line), ("127.0.0.1", 0)
            )
            transports.append(way)
            watched.append(Watched(number, _driver(way.get_extra_info("sockname")[1], workers)))
        try:
            yield watched
        finally:
            await asyncio.gather(*(one.driver.close() for one in watched))
            for way in transports:
                way.close()


def _driver(port: int, workers: Workers) -> Driver:
    address, clock = f"ipmi://127.0.0.1:{port}", SystemClock()
    return open_driver(
        Opening(
            endpoint=Endpoint(protocol=Protocol.IPMI, address=address),
            credentials=Credentials(user=USER, password=Secret(PASSWORD)),
            lane=Lane(device=address, clock=clock),
            clock=clock,
        ),
        workers=workers,
    )


async def polled(watched: Sequence[Watched], seconds: float, pause: float) -> None:
    """Every machine is asked over and over, by two who know nothing of each other."""
    ends = time.monotonic() + seconds

    async def ask(one: Watched) -> None:
        while time.monotonic() < ends:
            await one.poll()
            await asyncio.sleep(pause)

    await asyncio.gather(*(ask(one) for one in watched for _ in range(CALLERS)))


async def disturbed(workers: Workers, dice: random.Random, every: float, signals: Sequence[signal.Signals]) -> None:
    """A worker is killed, or frozen so that it has to be killed, now and then; until cancelled."""
    while True:
        await asyncio.sleep(every)
        if workers.processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(dice.choice(workers.processes), dice.choice(signals))


@contextlib.asynccontextmanager
async def started(share: int) -> AsyncIterator[Workers]:
    """Workers that are gone afterwards."""
    workers = Workers(clock=SystemClock(), share=share)
    try:
        yield workers
    finally:
        await workers.close()


async def told(
    *,
    machines: int,
    seconds: float,
    pause: float,
    kill_every: float,
    signals: Sequence[signal.Signals],
    seed: int,
    **chances: float,
) -> tuple[list[Watched], int]:
    """The machines after so many seconds of it, and how many workers were replaced."""
    dice = random.Random(seed)
    async with started(machines // 2) as workers:
        async with fleet(machines, workers, Line(chances, dice)) as watched:
            disturbing = asyncio.create_task(disturbed(workers, dice, kill_every, signals))
            try:
                await polled(watched, seconds, pause)
            finally:
                disturbing.cancel()
        return watched, workers.replaced


async def test_R23_no_answer_reaches_another_question_while_workers_are_killed() -> None:
    watched, replaced = await told(
        machines=6, seconds=4, pause=0.05, kill_every=1.3, signals=[signal.SIGKILL], seed=23, doubled=0.1, astray=0.2
    )
    assert [crossed for one in watched for crossed in one.crossed] == []
    assert all(one.read >= 5 for one in watched), [(one.read, one.failed) for one in watched]
    assert replaced >= 2


@pytest.mark.soak
async def test_R23_an_hour_of_concurrent_polls() -> None:
    seed, seconds = random.SystemRandom().randrange(1 << 32), float(os.environ.get("FLEETMON_SOAK_SECONDS", "3600"))
    watched, replaced = await told(
        machines=40,
        seconds=seconds,
        pause=2.0,
        kill_every=30.0,
        signals=[signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP],
        seed=seed,
        lost=0.01,
        late=0.01,
        doubled=0.05,
        astray=0.1,
    )
    crossed = [crossed for one in watched for crossed in one.crossed]
    failed = sum(sum(one.failed.values()) for one in watched)
    longest = max(max(one.longest, time.monotonic() - one.last) for one in watched)
    print(
        f"R23: seed {seed}, {seconds:.0f} s, {sum(one.read for one in watched)} polls read, {failed} failed,"
        f" {len(crossed)} values crossed, {replaced} workers replaced, no machine unread for more than {longest:.0f} s"
    )
    assert crossed == []
    assert longest < STUCK
