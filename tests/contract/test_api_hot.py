"""Hot lists: many ask, one encodes, and nobody is told what is no longer true."""

import asyncio

import pytest

from fleetmon.api import hot, routes
from fleetmon.api.application import ROUTES
from fleetmon.api.roles import Role
from tests.contract.api_seed import BASE, look, service


@pytest.fixture
async def fleet(tmp_path):
    async with service(tmp_path) as running:
        yield running


@pytest.fixture
def pages(fleet, monkeypatch):
    """How often the store was asked for a page."""
    asked = []
    page = fleet.store.summaries.page

    async def counted(_self, *given, **more):
        asked.append(given)
        return await page(*given, **more)

    monkeypatch.setattr(type(fleet.store.summaries), "page", counted)
    return asked


async def test_many_who_ask_at_once_make_one_list(fleet, pages):
    answers = await asyncio.gather(*(fleet.client.get(f"{BASE}/devices") for _ in range(20)))
    assert len(pages) == 1
    assert len({answer.content for answer in answers}) == 1


async def test_whoever_changed_something_sees_it_in_the_next_list(fleet, pages):
    await fleet.told("/devices")
    for number in range(5):
        patch = {"name": f"renamed-{number}"}
        await fleet.client.patch(f"{BASE}/devices/web-2", json=patch, headers={"If-Match": "*"})
        assert (await fleet.told("/devices"))["items"][0]["name"] == f"renamed-{number}"
    assert len(pages) == 6


async def test_the_index_follows_every_revision(fleet):
    before = await fleet.told("/devices/index")
    await fleet.observe("web-3", look(fleet.clock))
    after = await fleet.told("/devices/index")
    health = after["columns"].index("health")
    assert [row[health] for row in before["rows"]] != [row[health] for row in after["rows"]]
    assert {type(row[after["columns"].index("stale")]) for row in after["rows"]} == {bool}


async def test_lists_with_other_filters_are_other_lists(fleet):
    assert len((await fleet.told("/devices"))["items"]) == 6
    assert len((await fleet.told("/devices", health="Warning"))["items"]) == 1
    assert len((await fleet.told("/devices"))["items"]) == 6


async def test_the_page_after_keeps_its_link_when_it_comes_from_the_hot_lists(fleet, pages):
    first = await fleet.client.get(f"{BASE}/devices?limit=4")
    again = await fleet.client.get(f"{BASE}/devices?limit=4")
    assert len(pages) == 1
    assert first.links == again.links
    assert first.headers["etag"] == again.headers["etag"]


async def test_no_more_lists_are_kept_than_allowed(fleet):
    for limit in range(1, 40):
        await fleet.told("/devices", limit=limit)
    assert len(fleet.app.state.desk.hot._known) == hot.HotLists.MOST


async def test_a_hot_list_asks_for_the_role_as_any_route_does(fleet, monkeypatch):
    assert (await fleet.client.get(f"{BASE}/devices")).status_code == 200
    for module in (hot, routes):
        monkeypatch.setattr(module, "roles_of", lambda _request: frozenset({Role.ANYONE}))
    assert (await fleet.client.get(f"{BASE}/devices")).status_code == 403
    assert (await fleet.client.get(f"{BASE}/live")).status_code == 200


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ANYONE])
async def test_every_route_refuses_whoever_lacks_its_role(fleet, monkeypatch, role):
    monkeypatch.setattr(routes, "roles_of", lambda _request: frozenset(Role) - {role})
    for row in (row for row in ROUTES if row.role is role):
        path = row.base + row.path.replace("{device_id}", "web-1").replace("{rack_id}", "R04")
        answer = await fleet.client.request(row.method, path.replace("{name}", "x").replace("{protocol}", "redfish"))
        assert answer.status_code == 403, row.name
        assert answer.json()["type"].endswith("#role-missing")
