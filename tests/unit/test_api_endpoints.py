"""The endpoints of a device as the API tells them: what each is asked, and what it said by itself."""

from __future__ import annotations

from dataclasses import replace

from fleetmon.api.endpoints import endpoints
from fleetmon.model import Endpoint, PowerState, Protocol, Reachability
from fleetmon.storage.endpoints import EndpointState
from tests.observations import START, device, observed, opened, take

BOTH = (
    Endpoint(protocol=Protocol.REDFISH, address="https://bmc"),
    Endpoint(protocol=Protocol.IPMI, address="ipmi://bmc"),
)


async def told_of(tmp_path, given, states):
    async with opened(tmp_path) as store:
        await store.fleet.add_device(given)
        await take(store, observed(), of=given)
        summary = await store.summaries.one(given.device_id)
    assert summary is not None
    return endpoints(given, summary, states, misses=3)


async def test_an_only_endpoint_is_the_device(tmp_path):
    (only,) = await told_of(tmp_path, device(), [EndpointState(protocol=Protocol.REDFISH)])
    assert (only["duty"], only["reachability"], only["reason"]) == ("first", Reachability.REACHABLE, "")
    assert only["power"] == {"value": PowerState.ON, "taken_at": "2026-01-06T08:00:00.000Z", "source": "/system"}
    assert only["seen_at"] == only["polled_at"] is not None


async def test_each_of_two_says_its_own_and_the_second_stands_in_when_the_first_is_silent(tmp_path):
    silent = EndpointState(
        protocol=Protocol.REDFISH, reachability=Reachability.UNREACHABLE, reason="no answer", since=START, misses=1
    )
    witness = EndpointState(
        protocol=Protocol.IPMI, reachability=Reachability.REACHABLE, seen_at=START, power=PowerState.OFF
    )
    first, second = await told_of(tmp_path, replace(device(), endpoints=BOTH), [silent, witness])
    assert (first["duty"], first["reason"], second["duty"]) == ("first", "no answer", "witness")
    assert (second["power"]["value"], second["seen_at"]) == (PowerState.OFF, "2026-01-06T08:00:00.000Z")
    _, second = await told_of(
        tmp_path / "later", replace(device(), endpoints=BOTH), [replace(silent, misses=2), witness]
    )
    assert second["duty"] == "stand_in"
