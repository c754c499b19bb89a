"""Whose a message is goes by rows and resolved names, never by what a sender makes us look up."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from fleetmon.clock import ManualClock
from fleetmon.errors import StorageError
from fleetmon.model import Endpoint, Identity, Protocol
from fleetmon.origins import FRESH, RESOLVED, Origins, plain
from fleetmon.storage.lanes import Origin
from tests.observations import device, observed, opened, take


class Rows:
    """The rows, and a resolver that counts."""

    def __init__(self, *rows: Origin, **names: list[str]) -> None:
        self.rows, self.names = rows, names
        self.clock = ManualClock()
        self.resolved: list[str] = []
        self.origins = Origins(self.read, clock=self.clock, resolve=self.resolve)

    async def read(self):
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows

    async def resolve(self, name):
        self.resolved.append(name)
        if name not in self.names:
            raise OSError("no such name")
        return self.names[name]


def origin(device_id, *addresses, uuid=""):
    return Origin(device_id=device_id, addresses=addresses, uuid=uuid)


async def test_a_name_is_resolved_once_and_again_when_that_is_old():
    rows = Rows(origin("a", "https://bmc-a:443"), origin("b", "ipmi://gone"), **{"bmc-a": ["10.0.0.1", "fd00::1"]})
    await rows.origins.read()
    await rows.origins.read()
    assert rows.resolved == ["bmc-a", "gone"]
    assert [rows.origins.find([sender]) for sender in ("10.0.0.1", "FD00::0001", "10.0.0.2")] == ["a", "a", None]
    await rows.clock.advance(RESOLVED + 1)
    del rows.names["bmc-a"]
    await rows.origins.read()
    assert rows.origins.find(["10.0.0.1"]) == "a", "what a name was stays while nobody can say what it is"


async def test_the_rows_are_read_again_every_minute_and_a_store_that_fails_changes_nothing():
    rows = Rows(origin("a", "ipmi://10.0.0.1"))
    following = asyncio.create_task(rows.origins.follow())
    await rows.clock.advance(0)
    rows.rows = StorageError("disk")
    await rows.clock.advance(FRESH)
    assert rows.origins.find(["10.0.0.1"]) == "a"
    rows.rows = (origin("b", "ipmi://10.0.0.1"),)
    await rows.clock.advance(FRESH)
    assert rows.origins.find(["10.0.0.1"]) == "b"
    following.cancel()
    await asyncio.wait({following})


def test_nobody_is_meant_where_two_could_be():
    rows = Rows()
    uuid = "4c4c4544-0050-5910-8043-b2c04f333358"
    asyncio.run(
        _filled(rows, origin("a", "ipmi://10.0.0.1", uuid=uuid), origin("b", "ipmi://10.0.0.1", uuid=uuid.upper()))
    )
    assert rows.origins.find(["10.0.0.1"]) is None
    assert rows.origins.find(["10.0.0.7"], [uuid]) is None, "boards with a UUID that was never written afresh"


async def _filled(rows, *told):
    rows.rows = told
    await rows.origins.read()


@pytest.mark.parametrize(
    ("address", "as_plain"),
    [("::ffff:10.0.0.1", "10.0.0.1"), ("FE80::1%eth0", "fe80::1"), ("10.0.0.1", "10.0.0.1"), ("name", "name")],
)
def test_addresses_have_one_spelling(address, as_plain):
    assert plain(address) == as_plain


async def test_the_store_tells_addresses_and_uuid_of_devices_that_are_enabled(tmp_path):
    async with opened(tmp_path) as store:
        both = (
            Endpoint(protocol=Protocol.REDFISH, address="https://bmc-1"),
            Endpoint(protocol=Protocol.IPMI, address="ipmi://bmc-1"),
        )
        await store.fleet.add_device(replace(device("web-01"), endpoints=both))
        await store.fleet.add_device(replace(device("web-02"), enabled=False))
        await store.fleet.add_device(device("web-03"))
        seen = observed(identity=Identity(uuid="4C4C4544-0050"))
        await take(store, seen, of=device("web-01"))
        told = await store.lanes.origins()
    assert [(one.device_id, sorted(one.addresses), one.uuid) for one in told] == [
        ("web-01", ["https://bmc-1", "ipmi://bmc-1"], "4C4C4544-0050"),
        ("web-03", [device("web-03").endpoints[0].address], ""),
    ]
