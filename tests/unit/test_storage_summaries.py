from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetmon.errors import RequestRefused
from fleetmon.model import DeviceKind, Health, PowerState, Quality, Reachability
from fleetmon.storage import Store, summaries
from fleetmon.storage.rows import DeviceSummary, Place, Sort, Stated, Subsystem, SummaryFilter
from tests.observations import START, device, opened, with_rack


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path) as store:
        await with_rack(store)
        yield store


async def change(store: Store, device_id: str, **fields: Any) -> DeviceSummary:
    def write(connection: Any) -> DeviceSummary:
        before = summaries.load(connection, device_id)
        assert before is not None
        return summaries.save(connection, before, replace(before, **fields))

    return await store.state.write(write)


def warm(value: float | None, quality: Quality = Quality.GOOD) -> Stated:
    return Stated(value=value, reason=None, taken_at=START, source="/x", quality=quality)


async def test_a_summary_comes_back_as_it_was_saved(store: Store) -> None:
    await store.fleet.add_device(device(rack_id="R1", position_u=3, tags=("a",)))
    everything = {
        "health": Health.CRITICAL,
        "health_reason": "Drive Bay 3: failed",
        "failure_predicted": True,
        "power": PowerState.POWERING_ON,
        "power_at": START,
        "power_source": "/s",
        "power_known": PowerState.ON,
        "power_since": START,
        "reachability": Reachability.BUSY,
        "reachability_reason": "503",
        "unreachable_since": START,
        "misses": 2,
        "inlet": warm(24.5),
        "outlet": Stated(reason="Timeout", taken_at=START),
        "watts": warm(310.0, Quality.SUSPECT),
        "stale": True,
        "polled_at": START,
        "seen_at": START,
        "manufacturer": "Contoso",
        "model": "X",
        "serial_number": "S",
        "firmware": "1",
        "subsystems": (Subsystem(kind="Drive", health=Health.OK, present=8, not_ok=0),),
        "bays": (Place(name="Bay 3", health=Health.WARNING, state="Enabled", failure_predicted=True),),
        "supplies": (Place(name="PSU 1", health=Health.OK, state="Enabled"),),
        "fans": (Place(name="Fan 1", health=Health.OK, state="Enabled"),),
    }
    saved = await change(store, "web-01", **everything)
    assert await store.summaries.one("web-01") == saved
    assert {name: getattr(saved, name) for name in everything} == everything


async def test_every_visible_change_has_a_higher_revision_and_no_change_has_none(store: Store) -> None:
    await store.fleet.add_device(device())
    first = await change(store, "web-01", model="X")
    again = await change(store, "web-01", model="X")
    later = await change(store, "web-01", model="Y")
    assert first.revision == again.revision < later.revision == await store.summaries.revision()


async def test_a_reader_is_told_what_changed_and_what_left_since(store: Store) -> None:
    for name in ("web-01", "web-02", "web-03"):
        await store.fleet.add_device(device(name))
    since = await store.summaries.revision()
    await change(store, "web-02", model="X")
    await store.fleet.remove_device("web-03")
    newer = await store.summaries.newer(since)
    assert ([one.device_id for one in newer.devices], newer.removed) == (["web-02"], ("web-03",))
    assert await store.summaries.newer(newer.revision) == replace(newer, devices=(), removed=())


async def test_many_changes_are_told_in_steps_that_miss_nothing(store: Store) -> None:
    for number in range(25):
        await store.fleet.add_device(device(f"web-{number:02}"))
    await store.fleet.remove_device("web-07")
    told: list[str] = []
    gone: list[str] = []
    since = 0
    while (newer := await store.summaries.newer(since, limit=4)).revision != since:
        told += [one.device_id for one in newer.devices]
        gone += newer.removed
        since = newer.revision
    assert sorted(told) == [f"web-{number:02}" for number in range(25) if number != 7]
    assert gone == ["web-07"]


async def test_a_reader_from_the_future_or_away_too_long_fetches_again(store: Store) -> None:
    assert (await store.summaries.newer(10_000)).reset
    await store.fleet.add_device(device())
    since = await store.summaries.revision()
    await store.fleet.remove_device("web-01")
    await store.summaries.forget_removals(START + timedelta(days=8))
    assert (await store.summaries.newer(since)).reset
    assert not (await store.summaries.newer(await store.summaries.revision())).reset


@pytest.mark.parametrize("sort", list(Sort))
async def test_pages_together_are_the_whole_list_once(store: Store, sort: Sort) -> None:
    for number in range(23):
        place = {"rack_id": "R1", "position_u": number + 1} if number % 3 else {}
        await store.fleet.add_device(device(f"web-{number:02}", **place))
        await change(store, f"web-{number:02}", health=list(Health)[number % 4])
    whole = (await store.summaries.page(sort=sort, limit=1000)).items
    paged: list[DeviceSummary] = []
    cursor = None
    while True:
        page = await store.summaries.page(sort=sort, limit=5, cursor=cursor)
        paged += page.items
        cursor = page.next
        if cursor is None:
            break
    assert paged == list(whole)
    assert len({one.device_id for one in paged}) == 23


async def test_the_worst_come_first(store: Store) -> None:
    for name, word in (("a", Health.OK), ("b", Health.CRITICAL), ("c", Health.UNKNOWN), ("d", Health.WARNING)):
        await store.fleet.add_device(device(name))
        await change(store, name, health=word)
    assert [one.name for one in (await store.summaries.page(sort=Sort.WORST)).items] == ["b", "d", "c", "a"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"q": "CZ2026"}, ["a"]),
        ({"q": "%"}, []),
        ({"health": [Health.CRITICAL, Health.WARNING]}, ["a", "b"]),
        ({"power": [PowerState.ON]}, ["b"]),
        ({"kind": [DeviceKind.SWITCH]}, ["c"]),
        ({"rack": ["R1"]}, ["a"]),
        ({"site": ["core"]}, ["a"]),
        ({"tag": ["gpu"]}, ["b", "c"]),
        ({"tag": ["gpu"], "kind": [DeviceKind.SWITCH]}, ["c"]),
        ({"stale": True}, ["c"]),
        ({"stale": False}, ["a", "b"]),
    ],
)
async def test_a_list_can_be_narrowed(store: Store, wanted: dict[str, Any], found: list[str]) -> None:
    await store.fleet.add_device(device("a", rack_id="R1", position_u=1))
    await store.fleet.add_device(device("b", tags=("gpu", "lab")))
    await store.fleet.add_device(device("c", tags=("gpu",), kind=DeviceKind.SWITCH))
    await change(store, "a", health=Health.CRITICAL, serial_number="cz2026x")
    await change(store, "b", health=Health.WARNING, power=PowerState.ON)
    await change(store, "c", stale=True)
    page = await store.summaries.page(SummaryFilter(**wanted))
    assert [one.device_id for one in page.items] == found


@pytest.mark.parametrize("cursor", ["", "x", "bnVsbA", "WzFd", "W3siYSI6MX0sMV0", "é"])
async def test_a_cursor_we_did_not_give_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(RequestRefused, match="not one of ours"):
        await store.summaries.page(cursor=cursor)


async def test_the_hottest_inlet_of_a_rack_is_a_number_that_can_be_believed(store: Store) -> None:
    for number, inlet in enumerate((warm(24.0), warm(99.0, Quality.BAD), warm(None), warm(26.5))):
        await store.fleet.add_device(device(f"web-{number}", rack_id="R1", position_u=number + 1))
        await change(store, f"web-{number}", inlet=inlet)
    assert (await store.summaries.hottest_inlets())["R1"].value == 26.5


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["add", "remove", "health", "power", "stale", "watts", "move", "predict"]),
        st.integers(0, 3),
    ),
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(changes=CHANGES)
async def test_counts_are_what_counting_would_give(changes: list[tuple[int, str, int]]) -> None:
    """Planted bug: forgetting to take a device out of the cell it left."""
    with tempfile.TemporaryDirectory() as directory:
        async with opened(Path(directory)) as store:
            await with_rack(store, "R1", "core")
            await with_rack(store, "R2", "edge")
            for number, what, value in changes:
                await apply(store, f"web-{number}", what, value)
            counts = await store.summaries.counts()
            seen = (await store.summaries.page(limit=1000)).items
            for counted, members in (
                (counts.fleet, seen),
                *((counts.racks.get(rack), [one for one in seen if one.rack_id == rack]) for rack in ("R1", "R2")),
                *((counts.sites.get(site), [one for one in seen if one.site_id == site]) for site in ("core", "edge")),
            ):
                if counted is None:
                    assert members == []
                    continue
                telling = [one for one in members if one.watts.value is not None and not one.stale]
                assert counted.devices == len(members)
                assert dict(counted.by_health) == dict(Counter(one.health.value for one in members))
                assert dict(counted.by_power) == dict(Counter(one.power.value for one in members))
                assert counted.stale == sum(one.stale for one in members)
                assert counted.failure_predicted == sum(one.failure_predicted for one in members)
                assert counted.watts == pytest.approx(sum(one.watts.value or 0 for one in telling))
                assert counted.watts_devices == len(telling)


async def test_what_a_pdu_passes_on_is_drawn_by_others_and_counted_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await with_rack(store, "R1", "core")
        for name, kind in (("web-1", DeviceKind.SERVER), ("web-2", DeviceKind.SERVER), ("pdu-1", DeviceKind.PDU)):
            await store.fleet.add_device(device(name, rack_id="R1", kind=kind))
        await apply(store, "web-1", "watts", 3)
        alone = (await store.summaries.counts()).racks["R1"].watts
        assert alone > 0
        await apply(store, "pdu-1", "watts", 3)
        counted = (await store.summaries.counts()).racks["R1"]
        assert (counted.watts, counted.watts_devices, counted.drawing, counted.devices) == (alone, 1, 2, 3)


async def apply(store: Store, name: str, what: str, value: int) -> None:
    there = await store.fleet.device(name)
    if what == "add" and there is None:
        await store.fleet.add_device(device(name, rack_id=(None, "R1", "R2", None)[value]))
    if there is None:
        return
    match what:
        case "remove":
            await store.fleet.remove_device(name)
        case "health":
            await change(store, name, health=list(Health)[value])
        case "power":
            await change(store, name, power=list(PowerState)[value])
        case "stale":
            await change(store, name, stale=bool(value % 2))
        case "predict":
            await change(store, name, failure_predicted=bool(value % 2))
        case "watts":
            await change(store, name, watts=warm(value * 100.1 if value else None))
        case "move":
            await store.fleet.edit_device(replace(there, rack_id=(None, "R1", "R2", None)[value]))
