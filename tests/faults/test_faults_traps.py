"""Traps as anybody may send them: storms, forgeries and wrong keys, against the whole service (F103 to F105, S9)."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from fleetmon.app import Service, running
from fleetmon.clock import SystemClock
from fleetmon.drivers.snmp.traps import read
from fleetmon.drivers.snmp.unsealing import is_sealed, unseal
from fleetmon.errors import AccessDenied, Garbled
from fleetmon.model import Aspect, Device, DeviceKind, Endpoint, Interval, Protocol
from fleetmon.settings import Listen, Polling, Settings, Traps
from fleetmon.storage.database import Connection
from tests.end_to_end.test_traps import HOUR, eventually, free_port
from tests.snmpd import ENCRYPTING, PASSWORD, SIGNING, name_of, snmpd
from tests.trap_storm import LINK_DOWN, MAKERS, damaged, sources, storm
from tests.unit.test_trap_seals import USER, sent, target

pytestmark = pytest.mark.timeout(120)

SELDOM = Interval(heartbeat=HOUR, sensors=HOUR, components=HOUR, events=HOUR, inventory=HOUR)
WHAT_IS_KNOWN = {"event", "component", "health_change", "part_change", "inventory", "problem", "device"}
"""What a trap could have changed."""


@dataclass
class Post:
    """The service with one switch in it at 127.0.0.1, and where it takes traps."""

    service: Service
    port: int

    async def send(self, *traps: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            for trap in traps:
                door.sendto(trap, ("127.0.0.1", self.port))
                await asyncio.sleep(0.001)

    async def rows(self) -> dict[str, list[str]]:
        """Every row that tells what the fleet is like and what happened to it."""

        def look(connection: Connection) -> dict[str, list[str]]:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            assert tables > WHAT_IS_KNOWN
            return {
                table: sorted(repr(tuple(row)) for row in connection.execute(f"SELECT * FROM {table}"))
                for table in WHAT_IS_KNOWN | (tables & {"alert"})
            }

        return await self.service.store.state.look(look)

    async def events(self) -> list[Any]:
        page = await self.service.store.state.read("SELECT * FROM event ORDER BY event_id")
        return list(page)

    async def polled(self) -> dict[Aspect, datetime]:
        return {row.aspect: row.taken_at for row in await self.service.store.polls.of_device("sw")}

    async def counted(self, *outcomes: str) -> float:
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"{self.service.url}/metrics")).text
        names = tuple(f'fleetmon_traps_total{{outcome="{outcome}"}}' for outcome in outcomes)
        return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith(names))

    async def answers_within(self, seconds: float) -> float:
        """Seconds within which 95 of 100 requests to the API are answered."""
        took: list[float] = []
        async with httpx.AsyncClient() as client:
            ended = time.monotonic() + seconds
            while time.monotonic() < ended:
                began = time.monotonic()
                (await client.get(f"{self.service.url}/api/v1/devices")).raise_for_status()
                took.append(time.monotonic() - began)
                await asyncio.sleep(0.02)
        return sorted(took)[int(0.95 * len(took))]


@asynccontextmanager
async def listening(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Post]:
    """The whole service, and net-snmp's agent as its one switch, which has been looked at over SNMPv3."""
    monkeypatch.setattr("fleetmon.origins.FRESH", 0.2)
    monkeypatch.setattr("fleetmon.traps.COUNT", 0.2)
    monkeypatch.setattr("fleetmon.storms.QUIET", 1.0)
    port = free_port()
    settings = Settings(
        data=folder / "data",
        configuration=folder / "configuration",
        listen=Listen(port=0),
        polling=Polling(interval=SELDOM),
        traps=Traps(host="127.0.0.1", port=port),
    )
    with snmpd() as agent:
        async with running(settings, clock=SystemClock()) as service:
            sealed = service.vault.seal_password("lab", PASSWORD)
            await service.store.fleet.put_credential("lab", user=name_of("sha256", "aes128"), sealed=sealed)
            address = f"{agent.address}?auth=sha256&priv=aes128"
            endpoint = Endpoint(protocol=Protocol.SNMP, address=address, credential="lab")
            switch = Device(device_id="sw", name="sw", kind=DeviceKind.SWITCH, endpoints=(endpoint,))
            await service.store.fleet.apply(sites=[], racks=[], devices=[switch])
            post = Post(service, port)
            await eventually(post.polled)
            await asyncio.sleep(1)
            yield post


async def besieged(post: Post, *, rate: int, seconds: float, senders: int) -> tuple[float, float, int]:
    """The API's 95th percentile before and during a storm, and how many traps were sent."""
    calm = await post.answers_within(seconds)
    sender = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.trap_storm", str(post.port), str(rate), str(seconds + 1), str(senders)),
        stdout=asyncio.subprocess.PIPE,
    )
    await asyncio.sleep(1)
    stormy = await post.answers_within(seconds)
    said, _ = await sender.communicate()
    return calm, stormy, int(said)


async def told_once(post: Post) -> Any:
    """The one event a storm leaves."""

    async def told() -> bool:
        return bool(await post.events())

    await eventually(told)
    await asyncio.sleep(2)
    (event,) = await post.events()
    assert (event["device_id"], event["severity"], event["message_id"]) == ("sw", "OK", "Fleetmon.TrapStorm")
    return event


async def test_F103_a_storm_of_traps_is_one_event_and_few_polls(tmp_path, monkeypatch):
    async with listening(tmp_path, monkeypatch) as post:
        number = await asyncio.to_thread(storm, post.port, 6000, 2, ["127.0.0.1", *sources(199)])
        event = await told_once(post)
        assert "addresses" in event["message"]
        assert await post.counted("taken", "unknown") < 1500, "by bytes: 64 KiB at once, 16 KiB/s, some 80 a trap"
        assert await post.counted("slowed", "unread", "dropped") > number - 1500


async def test_F104_a_forged_trap_has_the_device_polled_and_changes_nothing(tmp_path, monkeypatch):
    async with listening(tmp_path, monkeypatch) as post:
        before, polled = await post.rows(), await post.polled()
        await post.send(LINK_DOWN, MAKERS, LINK_DOWN)

        async def asked() -> bool:
            now = await post.polled()
            return now[Aspect.HEARTBEAT] > polled[Aspect.HEARTBEAT] and now[Aspect.SENSORS] > polled[Aspect.SENSORS]

        await eventually(asked)
        await asyncio.sleep(0.5)
        assert await post.rows() == before
        assert await post.counted("taken") == 3
        written = b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
        assert b"<script>" not in written


async def test_F105_signatures_that_do_not_fit_are_told_once_for_a_source_and_day(tmp_path, monkeypatch):
    forged = sent("sha256", "aes128")
    async with listening(tmp_path, monkeypatch) as post:
        polled = await post.polled()
        for _ in range(3):
            await post.send(*[forged] * 5)
            await asyncio.sleep(0.3)

        async def refused() -> bool:
            return await post.counted("refused") == 15

        await eventually(refused)
        (event,) = await post.events()
        assert (event["device_id"], event["severity"], event["message_id"]) == ("sw", "OK", "Fleetmon.TrapRefused")
        assert "127.0.0.1" in event["message"]

        async def asked() -> bool:
            return (await post.polled())[Aspect.HEARTBEAT] > polled[Aspect.HEARTBEAT]

        await eventually(asked)
        right = sent("sha256", "aes128", user=name_of("sha256", "aes128"), phrases=(SIGNING, ENCRYPTING))
        await post.send(right)

        async def taken() -> bool:
            return await post.counted("signed") == 1

        await eventually(taken)


async def test_S9_a_storm_costs_the_api_little_and_raises_nothing(tmp_path, monkeypatch):
    async with listening(tmp_path, monkeypatch) as post:
        before = await post.rows()
        _, stormy, _ = await besieged(post, rate=4000, seconds=3, senders=300)
        assert stormy < 1.0, "seconds: the API goes on answering; its pace is for the bench"
        await told_once(post)
        after = await post.rows()
        assert {table for table in after if after[table] != before[table]} == {"event"}


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_S9_in_full(tmp_path, monkeypatch):
    async with listening(tmp_path, monkeypatch) as post:
        before = await post.rows()
        calm, stormy, number = await besieged(post, rate=20_000, seconds=60, senders=1000)
        event = await told_once(post)
        dropped = await post.counted("dropped")
        print(f"S9: {number} traps sent, {dropped:.0f} dropped by the kernel; {event['message']}")
        print(f"S9: 95th percentile of the API {1000 * calm:.1f} ms before, {1000 * stormy:.1f} ms in the storm")
        after = await post.rows()
        assert {table for table in after if after[table] != before[table]} == {"event"}
        assert stormy <= 2 * calm


def fuzz(seed: int, packets: int) -> int:
    """How many of so many damaged traps were still traps."""
    dice, read_as_traps = random.Random(seed), 0
    whole = [LINK_DOWN, MAKERS, sent("sha256", "aes128"), sent("", "")]
    way = target("sha256", "aes128")
    for _ in range(packets):
        datagram = damaged(dice.choice(whole), dice)
        with suppress(Garbled, AccessDenied):
            unseal(datagram, way, USER) if is_sealed(datagram) else read(datagram)
            read_as_traps += 1
    return read_as_traps


def test_S9_of_damaged_traps_none_is_more_than_garbled():
    assert 0 < fuzz(9, 8000) < 8000


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_S9_a_million_damaged_traps():
    seed, began = random.SystemRandom().randrange(1 << 32), time.monotonic()
    print(f"S9: seed {seed}")
    found = fuzz(seed, 1_000_000)
    print(f"S9: 1,000,000 packets, {found} of them traps, {time.monotonic() - began:.0f} s")
