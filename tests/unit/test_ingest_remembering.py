"""What is kept around a login: the token sealed, the refusals counted, and nothing of a device that is gone."""

from __future__ import annotations

from datetime import timedelta

from fleetmon.drivers.base import Memory
from fleetmon.drivers.lane import Breaker
from fleetmon.ingest import ingest, remember
from fleetmon.model import Protocol
from fleetmon.settings import Polling
from tests.observations import START, VAULT, device, observed, opened

TOKEN = "token-canary-7f3a"
BREAKER = Breaker(refusals=1, credential_version=4)


def memory(token: str = TOKEN) -> Memory:
    return Memory(
        plan={"firmware": "1"}, session={"token": token, "location": "/redfish/v1/S/1", "user": "canary-user"}
    )


async def test_F02_what_a_login_gave_is_there_at_once_and_sealed(tmp_path):
    async with opened(tmp_path) as store:
        await store.fleet.add_device(device())
        await remember(device(), Protocol.REDFISH, memory(), BREAKER, store=store, vault=VAULT)
        (lane,) = [await store.polls.memory("web-01", Protocol.REDFISH)]
        assert lane is not None
        assert VAULT.open_session("web-01", "redfish", lane.sealed_session)["token"] == TOKEN
        on_disk = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert TOKEN.encode() not in on_disk
        assert b"canary-user" not in on_disk


async def test_F24_a_poll_that_ends_with_what_was_known_before_the_login_is_written_all_the_same(tmp_path):
    """What is stored is compared by fingerprint; a login in between makes the old one a change again."""
    async with opened(tmp_path) as store:
        await store.fleet.add_device(device())

        async def polled(minute: int, told: Memory) -> None:
            at = START + timedelta(minutes=minute)
            await ingest(
                observed(at), device(), store=store, vault=VAULT, polling=Polling(), received_at=at,
                memory=told, breaker=BREAKER,
            )  # fmt: skip

        await polled(0, memory("first"))
        await remember(device(), Protocol.REDFISH, memory("second"), BREAKER, store=store, vault=VAULT)
        await polled(1, memory("first"))
        row = await store.polls.memory("web-01", Protocol.REDFISH)
        assert row is not None
        assert VAULT.open_session("web-01", "redfish", row.sealed_session)["token"] == "first"


async def test_nothing_is_remembered_of_a_device_that_is_gone(tmp_path):
    async with opened(tmp_path) as store:
        await remember(device(), Protocol.REDFISH, memory(), BREAKER, store=store, vault=VAULT)
        assert await store.polls.memory("web-01", Protocol.REDFISH) is None
