"""Push against the emulator: its streams and their faults, by the standard from both sides."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emulator.certificates import pem
from fleetmon.app import _serve_receiver
from fleetmon.receiver import Receiver
from fleetmon.settings import Push
from fleetmon.storage.rows import PushState
from tests.bench import MACHINE
from tests.emulator_client import Client, client_of
from tests.push_bench import Service, service


async def drives_fail(client: Client, fleet: Service) -> None:
    """One drive after the other, 40 s apart by both clocks."""
    for bay in (1, 2, 3):
        client.fleet.strike(machine=MACHINE, fault="fail_drive", bay=bay)
        client.fleet.advance(40)
        await fleet.let_pass(40)


def noted(client: Client, what: str) -> int:
    return len(client.fleet.ledger.since(0, machine=MACHINE, what=what))


@pytest.mark.parametrize(
    "fault", [{"duplicate_event": 2}, {"late_event": 90}, {"lose_event": 2}], ids=lambda row: next(iter(row))
)
async def test_F59_however_the_emulator_tells_its_log_every_record_is_there_once(tmp_path, fault):
    """The machine writes each failure into two logs, and its stream tells it for one of them."""
    async with client_of("one_server") as client, service(tmp_path, client.fleet.address(MACHINE)) as fleet:
        await fleet.open()
        await fleet.let_pass(15)
        client.fleet.strike(machine=MACHINE, fault=fault)
        await drives_fail(client, fleet)
        client.fleet.advance(120)
        await fleet.let_pass(310, step=5)
        told = await fleet.events()
        assert set(Counter((event.log, event.record_id) for event in told).values()) == {1}
        failures = Counter(event.log for event in told if event.message.startswith("Drive Bay"))
        assert failures == {"SEL": 3, "Lifecycle": 3}
        row = await fleet.store.pushes.of_device("web-01")
        assert row is not None
        assert row.events >= 3


async def test_F58_whatever_becomes_of_the_stream_there_is_one_at_most_and_nothing_is_lost(tmp_path):
    """Streams cut, ended, and all taken; then the service ends and leaves neither stream nor lost event behind."""
    async with client_of("one_server") as client:
        async with service(tmp_path, client.fleet.address(MACHINE)) as fleet:
            await fleet.open()
            await fleet.let_pass(15)
            for fault in ({"drop_stream": "cut"}, {"drop_stream": "end"}):
                client.fleet.strike(machine=MACHINE, fault=fault)
                await drives_fail(client, fleet)
            await fleet.let_pass(310, step=5)
            assert noted(client, "stream_opened") >= 3
            assert (
                max(row["streams"] for row in client.fleet.ledger.since(0, machine=MACHINE, what="stream_opened")) == 1
            )
            assert (
                Counter(event.log for event in await fleet.events() if event.message.startswith("Drive Bay"))["SEL"]
                >= 3
            )
            assert await fleet.state() is PushState.OPEN

        async def left() -> bool:
            return noted(client, "stream_opened") == noted(client, "stream_closed")

        await fleet.until(left)


async def test_S8_garbage_and_floods_over_the_stream_cost_no_poll(tmp_path):
    async with client_of("one_server") as client, service(tmp_path, client.fleet.address(MACHINE)) as fleet:
        await fleet.open()
        await fleet.let_pass(15)
        for form in ("truncated", "binary", "array", "empty", "endless", "deep"):
            client.fleet.strike(machine=MACHINE, fault={"garble_stream": form})
            await fleet.let_pass(5)
        client.fleet.strike(machine=MACHINE, fault={"flood_stream": 20_000})
        await fleet.let_pass(130)
        summary = await fleet.store.summaries.one("web-01")
        assert summary is not None
        assert summary.reachability == "reachable"
        assert summary.seen_at == summary.polled_at
        assert sum(1 for event in await fleet.events() if event.log == "pushed") <= 1000


@contextlib.asynccontextmanager
async def received(fleet: Service, port: int, certificate: Path) -> AsyncIterator[None]:
    """The receiver of the service, at work."""
    push = Push(host="127.0.0.1", port=port, certificate=certificate, key=certificate)
    receiver = Receiver(fleet.devices.hint, clock=fleet.clock, metrics=fleet.metrics)
    serving = asyncio.create_task(_serve_receiver(receiver, push))
    try:
        yield
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_F58_a_subscribed_machine_makes_a_poll_happen_and_is_subscribed_again_after_it_forgot(tmp_path):
    """The event comes to the receiver, the log is read within seconds, and no word of the message itself is stored."""
    port, certificate = free_port(), tmp_path / "receiver.pem"
    certificate.write_bytes(pem("receiver"))
    url = f"https://127.0.0.1:{port}/push"
    async with (
        client_of("one_server") as client,
        service(tmp_path, client.fleet.address(MACHINE), receiver=url, stream=False) as fleet,
        received(fleet, port, certificate),
    ):
        await fleet.open()
        await fleet.let_pass(30)
        client.fleet.strike(machine=MACHINE, fault="fail_drive", bay=1)
        await fleet.until(lambda: noted(client, "delivery_sent"))
        await fleet.let_pass(15)
        assert any(event.message.startswith("Drive Bay 1") for event in await fleet.events())
        assert {event.log for event in await fleet.events()} == {"SEL", "Lifecycle"}
        client.fleet.strike(machine=MACHINE, fault={"drop_subscriptions": True})
        await fleet.let_pass(3700, step=10)
        assert noted(client, "subscription_created") == 2
        assert fleet.metrics.hints.labels("taken")._value.get() >= 1
