"""Traps, from what an emulated machine, switch or UPS sends to a row: its sender is polled at once, and nobody else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from emulator.run import running_fleet
from fleetmon.app import running
from fleetmon.clock import SystemClock
from fleetmon.model import Aspect, Device, DeviceKind, Endpoint, Interval, Protocol
from fleetmon.settings import Listen, Polling, Settings, Traps

pytestmark = pytest.mark.timeout(120)

FLEET = """
name = "two"
user = "operator"
password = "emulated"
seed = 3
[[site]]
name = "s"
[[rack]]
name = "R1"
site = "s"
servers = ["old-{01..02} = halden-w1 @ 3 over ipmi"]
"""
HOUR = timedelta(hours=1)
SELDOM = Interval(heartbeat=HOUR, sensors=HOUR, components=HOUR, events=HOUR, inventory=HOUR)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


async def eventually(look: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(40):
        while not (found := await look()):
            await asyncio.sleep(0.05)
    return found


def device(name: str, address: str) -> Device:
    endpoint = Endpoint(protocol=Protocol.IPMI, address=address, credential="lab")
    return Device(device_id=name, name=name, kind=DeviceKind.SERVER, endpoints=(endpoint,))


async def test_a_trap_has_its_sender_polled_now_and_nobody_else(tmp_path, monkeypatch):
    monkeypatch.setattr("fleetmon.origins.FRESH", 0.2)
    (tmp_path / "fleet.toml").write_text(FLEET)
    port = free_port()
    settings = Settings(
        data=tmp_path / "data",
        configuration=tmp_path / "configuration",
        listen=Listen(port=0),
        polling=Polling(interval=SELDOM, ipmi_heartbeat=HOUR),
        traps=Traps(host="127.0.0.1", port=port),
    )
    async with (
        running_fleet(str(tmp_path / "fleet.toml"), traps=("127.0.0.1", port)) as fleet,
        running(settings, clock=SystemClock()) as service,
    ):
        store = service.store
        sealed = service.vault.seal_password("lab", fleet.password)
        await store.fleet.put_credential("lab", user=fleet.user, sealed=sealed)
        names = ("old-01", "old-02")
        await store.fleet.apply(sites=[], racks=[], devices=[device(name, fleet.ipmi(name)) for name in names])

        async def all_known() -> bool:
            return all(bool(o.uuid) for o in await store.lanes.origins())

        async def looked_at(name: str) -> Any:
            return {row.aspect: row.taken_at for row in await store.polls.of_device(name)}

        await eventually(all_known)
        await asyncio.sleep(1)
        before = {name: await looked_at(name) for name in names}
        fleet.strike(machine="old-01", fault="fail_fan", name="Fan 3")

        async def critical() -> bool:
            summary = await store.summaries.one("old-01")
            return summary is not None and summary.health.value == "Critical"

        await eventually(critical)
        assert await looked_at("old-01") != before["old-01"]
        assert await looked_at("old-02") == before["old-02"]


STRIKES = {
    "sw-r1-a": ('switches = ["sw-{rack}-a = arista-eos @ 41"]', {"switch": "sw-r1-a", "fault": "drop_link", "port": 1}),
    "ups-s-a": ('upses = ["ups-{site}-a = petrel-120 @ 1 on A"]', {"agent": "ups-s-a", "fault": "lose_mains"}),
}
"""What stands in the rack, and what happens to it."""


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("name", STRIKES)
async def test_what_speaks_snmp_is_polled_for_its_trap_signed_or_not(name, version, tmp_path, monkeypatch):
    monkeypatch.setattr("fleetmon.origins.FRESH", 0.2)
    monkeypatch.setattr("fleetmon.hurry.WALKED", timedelta(0))
    monkeypatch.setattr("fleetmon.hurry.PAUSE", 1.0)
    stands, strike = STRIKES[name]
    (tmp_path / "fleet.toml").write_text(FLEET + stands)
    port = free_port()
    settings = Settings(
        data=tmp_path / "data",
        configuration=tmp_path / "configuration",
        listen=Listen(port=0),
        polling=Polling(interval=SELDOM),
        traps=Traps(host="127.0.0.1", port=port),
    )
    async with (
        running_fleet(str(tmp_path / "fleet.toml"), traps=("127.0.0.1", port), trap_version=version) as fleet,
        running(settings, clock=SystemClock()) as service,
    ):
        store = service.store
        sealed = service.vault.seal_password("lab", fleet.password)
        await store.fleet.put_credential("lab", user=fleet.user, sealed=sealed)
        address = fleet.snmp(name) + ("?auth=sha256&priv=aes128" if version == 3 else "")
        endpoint = Endpoint(protocol=Protocol.SNMP, address=address, credential="lab")
        one = Device(device_id=name, name=name, kind=DeviceKind.SWITCH, endpoints=(endpoint,))
        await store.fleet.apply(sites=[], racks=[], devices=[one])

        async def looked_at() -> Any:
            return {row.aspect: row.taken_at for row in await store.polls.of_device(name)}

        await eventually(looked_at)
        await asyncio.sleep(1)
        before = await looked_at()
        fleet.strike(**strike)

        async def asked() -> bool:
            return (await looked_at())[Aspect.COMPONENTS] > before[Aspect.COMPONENTS]

        await eventually(asked)
        assert not await store.state.read("SELECT * FROM event"), "no signature was refused"
