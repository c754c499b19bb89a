"""Logs are read from where they were left, whatever their order, and never without end."""

from __future__ import annotations

import random

import pytest

from fleetmon.drivers.redfish.logbook import find_logs, read_log
from fleetmon.drivers.redfish.paging import FIRST_LOOK, MAX_PAGES
from fleetmon.drivers.redfish.parse.logs import record
from fleetmon.drivers.redfish.plan import LogPlan
from fleetmon.drivers.redfish.walk import Expand
from fleetmon.model import Component, Health, LogMark, LogReading
from tests.redfish_service import (
    MANAGER,
    NOW,
    Json,
    Resource,
    Shelf,
    collection,
    link,
    log_entries,
    ok,
    paged,
    resource,
    server,
)

SERVICE = f"{MANAGER}/LogServices/SEL"
SEL = LogPlan("SEL", SERVICE, f"{SERVICE}/Entries")


def mark_of(entry: Json) -> LogMark:
    found = record(entry, entry["@odata.id"], {})
    return LogMark(record_id=found.record_id, created_text=found.created_text, content_hash=found.content_hash)


async def read(bodies: dict[str, Json], mark: LogMark | None = None) -> tuple[LogReading, Shelf]:
    shelf = Shelf(bodies)
    return await read_log(shelf, SEL, mark, {}), shelf


def ids(reading: LogReading) -> set[int]:
    return {int(found.record_id) for found in reading.records}


async def test_a_log_of_one_page_is_read_in_one_request():
    reading, shelf = await read(server())
    assert ids(reading) == {1, 2, 3}
    assert (reading.total, reading.truncated, len(shelf.asked)) == (3, False, 1)


async def test_a_record_brings_all_it_says():
    entry = log_entries(7, 7, severity="Critical")[0] | {
        "MessageId": "CPU0001",
        "Resolved": "true",
        "Links": {"OriginOfCondition": link("/redfish/v1/Systems/1/Processors/1")},
    }
    found = record(entry, "/redfish/v1/x", {"/redfish/v1/systems/1/processors/1": Component("Processor", "CPU 1")})
    assert (found.record_id, found.severity, found.message_id, found.repaired) == (
        "7",
        Health.CRITICAL,
        "CPU0001",
        True,
    )
    assert found.component == Component("Processor", "CPU 1")
    assert found.created_text == entry["Created"]


@pytest.mark.parametrize("order", ["old first", "new first", "shuffled"])
async def test_F55_what_is_new_is_found_in_any_order(order):
    entries = log_entries(1, 40)
    mark = mark_of(entries[29])
    if order == "new first":
        entries.reverse()
    if order == "shuffled":
        random.Random(3).shuffle(entries)
    reading, _ = await read(paged(entries, 50), mark)
    assert set(range(31, 41)) <= ids(reading)
    assert reading.reached_mark


async def test_F39_a_long_log_with_the_newest_first_is_read_to_the_mark_and_no_further():
    entries = log_entries(1, 500)[::-1]
    reading, shelf = await read(paged(entries, 50), mark_of(entries[60]))
    assert reading.reached_mark
    assert set(range(441, 501)) <= ids(reading)
    assert len(shelf.asked) == 2


async def test_a_long_log_with_the_oldest_first_is_read_from_its_end():
    entries = log_entries(1, 500)
    reading, shelf = await read(paged(entries, 50), mark_of(entries[440]))
    assert reading.reached_mark
    assert set(range(442, 501)) <= ids(reading)
    assert len(shelf.asked) <= 4


async def test_of_a_log_never_read_before_the_newest_are_taken_and_the_rest_is_said_to_be_left():
    for entries in (log_entries(1, 1000), log_entries(1, 1000)[::-1]):
        reading, shelf = await read(paged(entries, 50))
        assert 1000 in ids(reading)
        assert FIRST_LOOK <= len(reading.records) <= FIRST_LOOK + 50
        assert reading.truncated
        assert len(shelf.asked) <= 6


async def test_F52_a_cleared_log_does_not_reach_the_mark():
    before = log_entries(1, 3)
    after = [entry | {"Message": f"another {n}"} for n, entry in enumerate(log_entries(1, 3))]
    reading, _ = await read(paged(after, 50), mark_of(before[2]))
    assert not reading.reached_mark
    assert len(reading.records) == 3


async def test_F40_an_entry_that_shows_on_two_pages_is_one_record():
    entries = log_entries(1, 100)[::-1]
    pages = paged(entries, 50)
    second = next(path for path in pages if "skip" in path)
    pages[second]["Members"] = [entries[49], *pages[second]["Members"]]
    reading, _ = await read(pages)
    assert len(reading.records) == 100


async def test_F41_a_next_link_to_itself_ends():
    pages = paged(log_entries(1, 50)[::-1], 50)
    pages[SEL.entries]["Members@odata.nextLink"] = SEL.entries
    pages[SEL.entries]["Members@odata.count"] = 5000
    reading, shelf = await read(pages)
    assert len(reading.records) == 50
    assert reading.truncated
    assert len(shelf.asked) <= 2


async def test_F41_pages_without_end_end():
    class Endless(Shelf):
        async def get(self, path: str):
            self.asked.append(path)
            number = len(self.asked)
            body = collection(SEL.entries, "LogEntry", [])
            body["Members"] = log_entries(10**6 - number, 10**6 - number)
            body["Members@odata.nextLink"] = f"{SEL.entries}?$skip={number}"
            del body["Members@odata.count"]
            return Resource(path, body, NOW)

    shelf = Endless({})
    reading = await read_log(shelf, SEL, mark_of(log_entries(1, 1)[0]), {})
    assert len(shelf.asked) <= MAX_PAGES + 1
    assert reading.truncated


async def test_entries_that_are_only_referred_to_are_fetched_the_newest_first():
    entries = log_entries(1, 5)
    bodies = {entry["@odata.id"]: entry for entry in entries}
    bodies[SEL.entries] = collection(SEL.entries, "LogEntry", list(bodies))
    reading, shelf = await read(bodies, mark_of(entries[2]))
    assert ids(reading) == {5, 4, 3}
    assert reading.reached_mark
    assert len(shelf.asked) == 4


@pytest.mark.parametrize("odd", [None, "x", {}, [None], [{"Message": None, "Severity": 3, "Created": []}]])
async def test_entries_of_the_wrong_shape_are_passed_over(odd):
    bodies = paged(log_entries(1, 1), 50)
    bodies[SEL.entries]["Members"] = odd
    reading, _ = await read(bodies)
    assert all(found.severity is Health.UNKNOWN for found in reading.records)


async def test_the_logs_worth_reading_are_found_and_named_apart():
    bodies = server()
    names = ("SEL", "Dump", "PostCodes", "Off")
    services = f"{MANAGER}/LogServices"
    bodies[services] = collection(services, "LogService", [f"{services}/{name}" for name in names])
    for name in names:
        bodies[f"{services}/{name}"] = resource(
            f"{services}/{name}",
            "LogService",
            Entries=link(f"{services}/{name}/Entries"),
            ServiceEnabled=name != "Off",
            Status=ok(),
        )
    other = "/redfish/v1/Systems/1/LogServices"
    bodies[other] = collection(other, "LogService", [f"{other}/SEL"])
    bodies[f"{other}/SEL"] = resource(f"{other}/SEL", "LogService", Entries=link(f"{other}/SEL/Entries"))
    holders = [
        Resource(MANAGER, bodies[MANAGER], NOW),
        Resource("/redfish/v1/Systems/1", {**bodies["/redfish/v1/Systems/1"], "LogServices": link(other)}, NOW),
    ]
    found = await find_logs(Shelf(bodies), holders, Expand())
    assert {plan.name for plan in found.plans} == {"Managers 1 SEL", "Systems 1 SEL"}
    assert {plan.entries for plan in found.plans} == {f"{services}/SEL/Entries", f"{other}/SEL/Entries"}
