"""The receiver believes nothing, tells nothing, and costs no more than its caps."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fleetmon import receiver
from fleetmon.access.vault import Vault
from fleetmon.clock import ManualClock
from fleetmon.metrics import Metrics
from fleetmon.receiver import MAX_BODY, RATE, Receiver


class Door:
    """A receiver, and what it passed on."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.clock, self.metrics = ManualClock(), Metrics()
        self.receiver = Receiver(self.take, clock=self.clock, metrics=self.metrics)

    def take(self, token: str, content: bytes) -> bool:
        self.taken.append((token, content))
        return token == "known"

    async def post(
        self,
        path: str = "/push/known",
        *parts: bytes,
        method: str = "POST",
        sender: str = "10.0.0.1",
        ends: bool = True,
    ) -> int:
        waiting = list(parts or (b"{}",))
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not waiting:
                await asyncio.sleep(3600)
            part = waiting.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(waiting) or not ends}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "client": (sender, 4711)}
        await self.receiver(scope, receive, send)
        assert sent[1] == {"type": "http.response.body", "body": b""}
        return int(sent[0]["status"])

    def count(self, outcome: str) -> float:
        return self.metrics.hints.labels(outcome)._value.get()


async def test_a_known_token_is_a_hint_and_an_unknown_one_is_answered_alike():
    door = Door()
    assert await door.post("/push/known", b'{"a"', b": 1}") == 204
    assert await door.post("/push/guessed") == 204
    assert door.taken == [("known", b'{"a": 1}'), ("guessed", b"{}")]
    assert (door.count("taken"), door.count("unknown")) == (1, 1)


@pytest.mark.parametrize(("path", "method"), [("/push/known", "GET"), ("/", "POST"), ("/api/v1/devices", "GET")])
async def test_there_is_nothing_to_read(path, method):
    door = Door()
    assert await door.post(path, method=method) == 404
    assert door.taken == []


async def test_a_body_that_is_too_large_or_drips_is_not_read_to_its_end(monkeypatch):
    door = Door()
    assert await door.post("/push/known", *[b"x" * 65536] * 5) == 413
    assert MAX_BODY < 5 * 65536
    monkeypatch.setattr(receiver, "PATIENCE", 0.05)
    assert await door.post("/push/known", b"{", ends=False) == 413
    assert door.taken == []


async def test_a_thousand_messages_of_one_sender_are_a_few_and_others_are_heard_meanwhile():
    door = Door()
    answers = [await door.post() for _ in range(1000)]
    assert answers.count(204) == len(door.taken) == RATE[0]
    assert answers.count(429) == door.count("slowed")
    assert await door.post(sender="10.0.0.2") == 204
    await door.clock.advance(10)
    assert await door.post() == 204


async def test_senders_are_remembered_up_to_a_cap(monkeypatch):
    monkeypatch.setattr(receiver, "SENDERS", 10)
    door = Door()
    for number in range(50):
        await door.post(sender=f"10.0.1.{number}")
    assert len(door.receiver._senders) == 10


def test_a_token_is_the_same_after_a_restart_and_another_for_every_device_and_key():
    vault, again, other = Vault(b"k" * 32), Vault(b"k" * 32), Vault(b"o" * 32)
    assert vault.token("push/a") == again.token("push/a")
    assert len({vault.token("push/a"), vault.token("push/b"), other.token("push/a")}) == 3
    assert len(vault.token("push/a")) == 32
