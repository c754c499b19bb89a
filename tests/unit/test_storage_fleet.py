from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fleetmon.drivers.base import Memory
from fleetmon.drivers.lane import Breaker
from fleetmon.errors import Conflict, NotFound, OutOfDate, RequestRefused
from fleetmon.ingest import ingest
from fleetmon.model import Endpoint, Protocol, Rack, Site
from fleetmon.settings import Polling
from fleetmon.storage import Store
from tests.observations import START, VAULT, device, health, observed, opened, record, take, walked, with_rack
from tests.observations import log_reading as log_of


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path) as store:
        await with_rack(store)
        yield store


async def test_a_device_comes_back_as_it_was_given(store: Store) -> None:
    given = device(
        rack_id="R1", position_u=7, height_u=2, tags=("gpu", "lab"), tenant="t", interval=timedelta(seconds=30)
    )
    await store.fleet.add_device(given)
    assert await store.fleet.device("web-01") == given
    assert await store.fleet.devices() == [given] == await store.fleet.devices("R1")
    summary = await store.summaries.one("web-01")
    assert summary is not None
    assert (summary.site_id, summary.interval, summary.tags) == ("core", timedelta(seconds=30), ("gpu", "lab"))


async def test_an_edit_needs_the_version_it_was_made_from(store: Store) -> None:
    stored = await store.fleet.add_device(device())
    edited = await store.fleet.edit_device(replace(stored, name="web-one"))
    assert edited.version == 2
    with pytest.raises(OutOfDate, match="version 2, not 1; read it again"):
        await store.fleet.edit_device(replace(stored, name="web-two"))
    with pytest.raises(OutOfDate):
        await store.fleet.remove_device("web-01", version=1)
    assert (await store.fleet.devices())[0].name == "web-one"


async def test_names_and_ids_are_taken_once(store: Store) -> None:
    await store.fleet.add_device(device())
    with pytest.raises(Conflict, match="device web-01 already"):
        await store.fleet.add_device(device())
    with pytest.raises(Conflict, match="named web-01"):
        await store.fleet.add_device(replace(device("web-02"), name="web-01"))


@pytest.mark.parametrize(
    ("position", "height", "face", "slot", "fits"),
    [
        (4, 1, "front", "", False),
        (3, 2, "front", "", False),
        (6, 1, "front", "", True),
        (4, 2, "rear", "", True),
        (4, 2, "front", "L2", False),
        (0, 1, "front", "", False),
        (42, 2, "front", "", False),
        (42, 1, "front", "", True),
    ],
)
async def test_a_unit_holds_one_device(
    store: Store, position: int, height: int, face: str, slot: str, fits: bool
) -> None:
    await store.fleet.add_device(device(rack_id="R1", position_u=4, height_u=2))
    second = device("web-02", rack_id="R1", position_u=position, height_u=height, face=face, slot=slot)
    if fits:
        await store.fleet.add_device(second)
    else:
        with pytest.raises(RequestRefused):
            await store.fleet.add_device(second)
        assert len(await store.fleet.devices()) == 1


async def test_blades_share_units_by_slot(store: Store) -> None:
    for slot in ("L1", "R1"):
        await store.fleet.add_device(device(f"blade-{slot}", rack_id="R1", position_u=4, height_u=2, slot=slot))
    with pytest.raises(Conflict, match="taken by blade-L1"):
        await store.fleet.add_device(device("blade-3", rack_id="R1", position_u=4, height_u=2, slot="L1"))


async def test_a_place_must_exist(store: Store) -> None:
    with pytest.raises(NotFound, match="no rack R9"):
        await store.fleet.add_device(device(rack_id="R9"))
    with pytest.raises(NotFound, match="no site nowhere"):
        await store.fleet.put_rack(Rack(rack_id="R2", name="R2", site_id="nowhere"))
    assert await store.fleet.devices() == []


async def test_what_is_in_use_is_not_removed(store: Store) -> None:
    await store.fleet.put_credential("lab", user="admin", sealed=b"x")
    await store.fleet.add_device(device(rack_id="R1", position_u=40))
    for refused in (
        store.fleet.remove_site("core"),
        store.fleet.remove_rack("R1"),
        store.fleet.remove_credential("lab"),
        store.fleet.put_rack(Rack(rack_id="R1", name="R1", site_id="core", height_u=20)),
    ):
        with pytest.raises(Conflict):
            await refused
    await store.fleet.remove_device("web-01")
    await store.fleet.remove_rack("R1")
    await store.fleet.remove_site("core")
    with pytest.raises(NotFound):
        await store.fleet.remove_site("core")


async def test_a_rack_that_moves_takes_its_devices_along(store: Store) -> None:
    await store.fleet.add_device(device(rack_id="R1", position_u=1))
    await store.fleet.put_site(Site(site_id="edge", name="Edge"))
    await store.fleet.put_rack(Rack(rack_id="R1", name="R1", site_id="edge"))
    summary = await store.summaries.one("web-01")
    assert summary is not None
    assert summary.site_id == "edge"
    counts = await store.summaries.counts()
    assert (counts.sites["edge"].devices, "core" in counts.sites) == (1, False)


async def test_a_credential_has_a_new_version_with_every_change(store: Store) -> None:
    assert (await store.fleet.put_credential("lab", user="admin", sealed=b"a")).version == 1
    assert (await store.fleet.put_credential("lab", user="admin", sealed=b"b")).version == 2
    stored = await store.fleet.credential("lab")
    assert stored is not None
    assert stored.sealed == b"b"
    assert "b'b'" not in repr(stored)
    await store.fleet.add_device(device())
    assert [(one.name, one.used_by, one.sealed) for one in await store.fleet.credentials()] == [("lab", 1, b"")]


async def test_decommissioning_wipes_secrets_and_keeps_history(store: Store, tmp_path: Path) -> None:
    for name in ("lab", "shared"):
        await store.fleet.put_credential(name, user="admin", sealed=f"sealed-{name}-canary".encode())
    await store.fleet.add_device(device())
    ipmi = Endpoint(protocol=Protocol.IPMI, address="ipmi://127.0.0.1", credential="shared")
    stored = await store.fleet.edit_device(replace(device(), endpoints=(*device().endpoints, ipmi)))
    await store.fleet.add_device(device("web-02", endpoints=(ipmi,)))
    worse = walked(START, health("Drive", "Bay 1"), logs=(log_of(record(1)),))
    await ingest(
        worse,
        stored,
        store=store,
        vault=VAULT,
        polling=Polling(),
        received_at=START,
        memory=Memory(plan={"path": "plan-canary"}, session={"token": "t"}),
        breaker=Breaker(refusals=1),
    )
    await store.fleet.remove_device("web-01")

    assert await store.fleet.credential("lab") is None
    assert await store.fleet.credential("shared") is not None
    assert await store.polls.memory("web-01", Protocol.REDFISH) is None
    assert await store.polls.breaker("web-01", Protocol.REDFISH) is None
    assert await store.summaries.one("web-01") is None
    assert len((await store.events.page(device_id="web-01")).items) == 1
    await store.state.checkpoint(truncate=True)
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"sealed-lab-canary" not in files
    assert b"plan-canary" not in files
    assert b"sealed-shared-canary" in files


async def test_another_address_forgets_what_was_learned_of_the_old_one(store: Store) -> None:
    stored = await store.fleet.add_device(device())
    memory = Memory(plan={"path": "/x"})
    await ingest(observed(), stored, store=store, vault=VAULT, polling=Polling(), received_at=START, memory=memory)
    elsewhere = replace(stored.endpoints[0], address="https://127.0.0.1:9002")
    await store.fleet.edit_device(replace(stored, endpoints=(elsewhere,)))
    assert await store.polls.memory("web-01", Protocol.REDFISH) is None


async def test_an_import_is_all_or_nothing(store: Store) -> None:
    good, homeless = device("web-02"), device("web-03", rack_id="R9")
    with pytest.raises(NotFound):
        await store.fleet.apply(sites=[Site(site_id="edge", name="Edge")], devices=[good, homeless])
    assert [site.site_id for site in await store.fleet.sites()] == ["core"]
    assert await store.fleet.devices() == []


async def test_an_import_says_what_it_changed_and_keeps_pins(store: Store) -> None:
    await store.fleet.apply(devices=[device("web-01"), device("web-02")])
    await store.fleet.pin("web-01", Protocol.REDFISH, "ab" * 32)
    applied = await store.fleet.apply(
        devices=[device("web-01"), device("web-02", tags=("new",)), device("web-03")], remove=[]
    )
    assert (applied.added, applied.edited, applied.unchanged) == (1, 1, 1)
    stored = await store.fleet.device("web-01")
    assert stored is not None
    assert stored.endpoints[0].pinned_spki == "ab" * 32


async def test_a_pin_is_no_edit_and_can_be_forgotten(store: Store) -> None:
    await store.fleet.add_device(device())
    before = await store.lanes.fleet_version()
    await store.fleet.pin("web-01", Protocol.REDFISH, "ab" * 32)
    assert await store.lanes.fleet_version() == before
    await store.fleet.pin("web-01", Protocol.REDFISH, None)
    assert await store.lanes.fleet_version() > before
    stored = await store.fleet.device("web-01")
    assert stored is not None
    assert (stored.version, stored.endpoints[0].pinned_spki) == (1, None)
    with pytest.raises(NotFound):
        await store.fleet.pin("web-01", Protocol.SNMP, None)


async def test_a_poll_request_is_claimed_by_one_worker_and_finished(store: Store) -> None:
    await store.fleet.add_device(device())
    wish = await store.polls.request("web-01")
    assert await store.polls.claim("one", device_ids=["web-99"]) == []
    assert [one.poll_request_id for one in await store.polls.claim("one", device_ids=["web-01"])] == [
        wish.poll_request_id
    ]
    assert await store.polls.claim("two") == []
    await store.polls.finish(wish.poll_request_id, reason="no answer")
    done = await store.polls.requested(wish.poll_request_id)
    assert done is not None
    assert (done.state.value, done.reason, done.claimed_by) == ("failed", "no answer", "one")
    with pytest.raises(NotFound):
        await store.polls.request("web-99")


async def test_a_restart_finds_lanes_as_they_were_left(tmp_path: Path) -> None:
    async with opened(tmp_path / "data") as store:
        stored = await store.fleet.add_device(device())
        await ingest(
            observed(logs=(log_of(record(5)),)),
            stored,
            store=store,
            vault=VAULT,
            polling=Polling(),
            received_at=START,
            memory=Memory(plan={"a": 1}),
            breaker=Breaker(refusals=2, open_until=START),
        )
        await take(store, observed(), of=stored)
    async with opened(tmp_path / "data") as store:
        (lane,) = await store.lanes.all()
        kept = await store.lanes.kept(lane.device.device_id, lane.endpoint.protocol)
        assert kept.marks["SEL"].record_id == "5"
        assert kept.memory is not None
        assert kept.memory.plan == {"a": 1}
        assert kept.breaker is not None
        assert (kept.breaker.refusals, kept.breaker.open_until) == (2, START)
        assert set(lane.asked.values()) == {START}
