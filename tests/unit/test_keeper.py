"""What a poll leaves is there for the next one, over a restart too, and no secret lies open between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fleetmon.access.vault import Vault
from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Memory
from fleetmon.drivers.lane import Breaker
from fleetmon.keeper import Learned, StoreKeeper
from fleetmon.model import Aspect, Endpoint, Protocol
from fleetmon.settings import Polling
from fleetmon.storage import Store
from tests.observations import START, STEADY, device, log_reading, observed, opened, record

KEY = Vault(b"k" * 32)
SPKI = "ab" * 32
TOKEN = "token-of-the-session-4711"


def keeper(store: Store, vault: Vault = KEY) -> StoreKeeper:
    return StoreKeeper(
        store=store,
        vault=vault,
        polling=Polling(),
        worker_id="one",
        clock=ManualClock(START),
        changed=asyncio.Event(),
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path) as store:
        await store.fleet.put_credential("lab", user="operator", sealed=KEY.seal_password("lab", "correct horse"))
        endpoint = Endpoint(protocol=Protocol.REDFISH, address="https://10.0.0.7", credential="lab")
        await store.fleet.add_device(device(endpoints=(endpoint,)))
        yield store


async def learned(store: Store, **more: object) -> Learned:
    (watched,) = await keeper(store).watched()
    observation = observed(asked=STEADY | {Aspect.EVENTS}, logs=(log_reading(record(7)),))
    plain = Learned(watched=watched, observation=observation, memory=Memory(), breaker=Breaker())
    return replace(plain, **more)


async def test_credentials_are_opened_on_their_way_to_the_driver(store: Store) -> None:
    (watched,) = await keeper(store).watched()
    assert watched.credentials is not None
    assert (watched.credentials.user, watched.credentials.password.reveal()) == ("operator", "correct horse")
    assert "correct horse" not in repr(watched)


async def test_credentials_that_cannot_be_opened_cost_only_who_uses_them(store: Store) -> None:
    await store.fleet.add_device(device("web-02"))
    another = {watched.device.name: watched for watched in await keeper(store, Vault(b"x" * 32)).watched()}
    assert another[device().name].credentials is None
    assert "web-02" in another


async def test_the_plan_the_session_and_the_marks_are_there_again(store: Store) -> None:
    memory = Memory(plan={"version": 1, "reports": ["/redfish/v1/r"]}, session={"token": TOKEN})
    marks = await keeper(store).keep(await learned(store, memory=memory))
    (watched,) = await keeper(store).watched()
    again = await keeper(store).recall(watched)
    assert (again.memory.plan, again.memory.session) == (memory.plan, memory.session)
    assert again.marks == marks
    assert again.marks["SEL"].record_id == "7"
    assert set(watched.asked) == STEADY | {Aspect.EVENTS}


async def test_a_session_sealed_with_another_key_costs_one_login_and_nothing_else(store: Store) -> None:
    await keeper(store).keep(await learned(store, memory=Memory(plan={"version": 1}, session={"token": TOKEN})))
    (watched,) = await keeper(store).watched()
    again = await keeper(store, Vault(b"x" * 32)).recall(watched)
    assert (again.memory.plan, again.memory.session) == ({"version": 1}, {})


async def test_the_session_lies_sealed_on_disk(store: Store) -> None:
    await keeper(store).keep(await learned(store, memory=Memory(session={"token": TOKEN})))
    written = b"".join(path.read_bytes() for path in store.directory.iterdir())
    assert TOKEN.encode() not in written
    assert b"correct horse" not in written


async def test_the_credential_breaker_stays_open_over_a_restart(store: Store) -> None:
    tripped = Breaker().refused(START, 1).refused(START, 1)
    await keeper(store).keep(await learned(store, breaker=tripped))
    (watched,) = await keeper(store).watched()
    again = await keeper(store).recall(watched)
    assert again.breaker == tripped
    assert not again.breaker.allows(START + timedelta(minutes=5), 1)
    assert again.breaker.allows(START + timedelta(minutes=11), 1)


async def test_the_first_key_a_device_shows_is_pinned_and_stays(store: Store) -> None:
    before = await keeper(store).fleet_version()
    await keeper(store).keep(await learned(store, seen_spki=SPKI))
    (again,) = await keeper(store).watched()
    assert again.endpoint.pinned_spki == SPKI
    assert await keeper(store).fleet_version() == before, "a first pin is no edit of the fleet"
    await keeper(store).keep(await learned(store, seen_spki="cd" * 32))
    (again,) = await keeper(store).watched()
    assert again.endpoint.pinned_spki == SPKI


async def test_a_device_with_an_interval_of_its_own_is_asked_at_that(store: Store) -> None:
    found = await store.fleet.device(device().device_id)
    assert found is not None
    before = await keeper(store).fleet_version()
    await store.fleet.edit_device(replace(found, interval=timedelta(seconds=30)))
    (watched,) = await keeper(store).watched()
    assert watched.interval.sensors == watched.interval.heartbeat == timedelta(seconds=30)
    assert watched.interval.components == Polling().interval.components
    assert await keeper(store).fleet_version() > before


async def test_a_poll_request_is_claimed_once_and_finished(store: Store) -> None:
    await store.polls.request(device().device_id)
    (claimed,) = await keeper(store).claim_poll_requests()
    assert list(await keeper(store).claim_poll_requests()) == []
    await keeper(store).finish_poll_request(claimed, failed="no answer within 10 s")
    ended = await store.polls.requested(claimed.poll_request_id)
    assert ended is not None
    assert (ended.state, ended.reason) == ("failed", "no answer within 10 s")
