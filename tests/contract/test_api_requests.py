"""What the API does with requests: filters, pages, tags, edits, refusals."""

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from fleetmon.api.problems import KINDS
from fleetmon.model import Component, Health, Protocol, Reading, ReadingType, RoleState, Sensor
from tests.contract.api_seed import BASE, look, server, service

DRAFT = {
    "name": "db-1",
    "kind": "server",
    "rack_id": "R05",
    "position_u": 3,
    "endpoints": [{"protocol": "redfish", "address": "https://10.0.0.7", "credential": "bmc"}],
}


@pytest.fixture
async def fleet(tmp_path):
    async with service(tmp_path) as running:
        yield running


def problem(answer, status: int, kind: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["type"] == f"/docs/reference/problems#{kind}"
    assert told["trace_id"] == answer.headers["x-request-id"]
    assert kind in {one.name for one in KINDS}
    return told


# Host, Origin, content type.


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8480", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.7", ""]
)
async def test_a_name_that_is_not_loopback_is_misdirected(fleet, host):
    problem(await fleet.client.get(f"{BASE}/fleet", headers={"Host": host}), 421, "misdirected")


@pytest.mark.parametrize("host", ["localhost:8480", "127.0.0.1", "127.9.9.9:1", "[::1]:8480", "LocalHost"])
async def test_every_loopback_name_is_answered(fleet, host):
    assert (await fleet.client.get(f"{BASE}/fleet", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8480"])
async def test_a_change_from_another_origin_is_refused_and_nothing_happens(fleet, origin):
    answer = await fleet.client.post(f"{BASE}/sites", json={"name": "x"}, headers={"Origin": origin})
    problem(answer, 403, "foreign-origin")
    assert len((await fleet.told("/sites"))["items"]) == 2


async def test_a_change_that_a_foreign_page_sends_without_origin_is_refused_by_fetch_metadata(fleet):
    del fleet.client.headers["Origin"]
    answer = await fleet.client.post(f"{BASE}/devices/web-1/poll", headers={"Sec-Fetch-Site": "cross-site"})
    problem(answer, 403, "foreign-origin")
    assert fleet.poked == []


async def test_a_foreign_page_cannot_make_a_device_answer(fleet):
    answer = await fleet.client.get(
        f"{BASE}/devices/web-1/raw?resource=/redfish/v1/", headers={"Sec-Fetch-Site": "cross-site"}
    )
    problem(answer, 403, "foreign-origin")


async def test_a_program_without_origin_may_change_things(fleet):
    del fleet.client.headers["Origin"]
    assert (await fleet.client.post(f"{BASE}/sites", json={"name": "x"})).status_code == 201


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_a_change_that_is_not_json_is_refused(fleet, kind):
    answer = await fleet.client.post(f"{BASE}/sites", content=b'{"name": "x"}', headers={"Content-Type": kind})
    problem(answer, 415, "not-json")


async def test_every_answer_carries_the_security_headers(fleet):
    for path in (f"{BASE}/fleet", "/", f"{BASE}/nothing", "/docs", "/api/docs"):
        headers = (await fleet.client.get(path)).headers
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


# Problems.


async def test_a_path_nobody_knows_is_not_found_and_never_the_dashboard(fleet):
    problem(await fleet.client.get(f"{BASE}/nothing"), 404, "not-found")
    problem(await fleet.client.post(f"{BASE}/nothing", json={}), 404, "not-found")
    problem(await fleet.client.get(f"{BASE}/fleet/"), 404, "not-found")


async def test_a_method_that_does_not_work_names_those_that_do(fleet):
    answer = await fleet.client.put(f"{BASE}/devices/web-1", json={})
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "DELETE, GET, PATCH"


@pytest.mark.parametrize(
    "path",
    ["/devices/nobody", "/devices/nobody/sensors", "/devices/nobody/raw?resource=/x", "/racks/nobody", "/polls/99"],
)
async def test_what_is_not_there_is_not_found(fleet, path):
    problem(await fleet.client.get(BASE + path), 404, "not-found")


async def test_a_misspelt_filter_is_refused_with_the_right_spelling(fleet):
    told = problem(await fleet.client.get(f"{BASE}/devices?helth=Critical"), 400, "unknown-parameter")
    assert told["errors"] == [{"field": "helth", "reason": "unknown; did you mean health?"}]


@pytest.mark.parametrize("route", ["/fleet", "/live", "/racks/R04", "/racks/R04/elevation", "/devices/web-1"])
async def test_no_route_ignores_a_parameter_it_does_not_know(fleet, route):
    problem(await fleet.client.get(f"{BASE}{route}?anything=1"), 400, "unknown-parameter")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("health=Bad", "health.0"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("stale=perhaps", "stale"),
        ("sort=best", "sort"),
        (f"q={'x' * 101}", "q"),
    ],
)
async def test_a_parameter_outside_its_bounds_is_named(fleet, query, field):
    told = problem(await fleet.client.get(f"{BASE}/devices?{query}"), 400, "bad-parameter")
    assert told["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "cursor", ["x", "%00", "e30", "WzFd", "W10", "WzEsMiwzLDQsNV0", "é", "WzE4NDQ2NzQ0MDczNzA5NTUxNjE1XQ"]
)
@pytest.mark.parametrize("path", ["/devices", "/racks", "/events", "/sites", "/devices/web-1/components"])
async def test_a_cursor_that_is_none_of_ours_is_refused(fleet, path, cursor):
    answer = await fleet.client.get(f"{BASE}{path}", params={"cursor": cursor})
    if path == "/events" and cursor == "WzFd":
        assert answer.status_code == 200  # [1] is what an events cursor looks like
        return
    problem(answer, 400, "bad-cursor")


async def test_a_body_that_is_no_json_or_too_large_is_refused(fleet):
    headers = {"Content-Type": "application/json"}
    problem(await fleet.client.post(f"{BASE}/sites", content=b"{", headers=headers), 400, "bad-request")
    huge = b'{"name": "' + b"x" * (1 << 20) + b'"}'
    problem(await fleet.client.post(f"{BASE}/sites", content=huge, headers=headers), 413, "too-large")

    async def chunks():
        for _ in range(20):
            yield b" " * (1 << 16)

    problem(await fleet.client.post(f"{BASE}/sites", content=chunks(), headers=headers), 413, "too-large")


async def test_a_mistake_of_the_service_is_told_without_its_inside(fleet, monkeypatch):
    async def broken():
        raise RuntimeError("secret inside")

    monkeypatch.setattr(fleet.store.summaries, "counts", broken)
    answer = await fleet.client.get(f"{BASE}/fleet")
    problem(answer, 500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


# Lists.


@pytest.mark.parametrize("sort", ["name", "worst", "place"])
async def test_paging_shows_every_device_exactly_once(tmp_path, sort):
    async with service(tmp_path, devices=25) as fleet:
        seen, path = [], f"{BASE}/devices?limit=4&sort={sort}"
        while path:
            answer = await fleet.client.get(path)
            seen += [device["device_id"] for device in answer.json()["items"]]
            path = answer.links.get("next", {}).get("url")
            assert (path is None) == (answer.json()["next"] is None)
        assert len(seen) == 25
        assert len(set(seen)) == 25


async def test_racks_and_events_page_too(fleet):
    for path, total in ((f"{BASE}/racks?limit=1", 3), (f"{BASE}/events?limit=2", 7), (f"{BASE}/sites?limit=1", 2)):
        seen = 0
        while path:
            answer = await fleet.client.get(path)
            seen += len(answer.json()["items"])
            path = answer.links.get("next", {}).get("url")
        assert seen == total


async def test_a_list_the_reader_has_is_not_sent_again_until_it_changes(fleet):
    first = await fleet.client.get(f"{BASE}/devices")
    again = await fleet.client.get(f"{BASE}/devices", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await fleet.clock.advance(5)
    await fleet.observe("web-2", look(fleet.clock))
    changed = await fleet.client.get(f"{BASE}/devices", headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.json()["revision"] > first.json()["revision"]


async def test_a_value_grows_stale_in_a_list_without_any_new_revision(fleet):
    fresh = await fleet.told("/devices", q="web-1")
    assert fresh["items"][0]["inlet"]["stale"] is False
    await fleet.clock.advance(181)
    stale = await fleet.told("/devices", q="web-1")
    assert stale["revision"] == fresh["revision"]
    assert stale["items"][0]["inlet"]["stale"] is True
    assert stale["items"][0]["inlet"]["value"] == 24.5


async def test_filters_add_up(fleet):
    async def ids(**params):
        return [device["device_id"] for device in (await fleet.told("/devices", **params))["items"]]

    assert await ids(health="Warning") == ["web-1"]
    assert await ids(health=["Warning", "Unknown"], q="WEB-2") == ["web-2"]
    assert await ids(rack="R05") == []
    assert await ids(site="core-1", tag="web", kind="server", power="On") == ["web-1"]
    assert len(await ids(stale="false")) == 6


async def test_a_device_nobody_reached_is_unknown_and_says_so(fleet):
    device = await fleet.told("/devices/web-2")
    assert (device["health"], device["power"]["value"]) == ("Unknown", "Unknown")
    assert device["inlet"] == {
        "value": None,
        "reason": "NeverRead",
        "taken_at": None,
        "source": "",
        "quality": "good",
        "stale": False,
    }
    assert device["reachability"] == "never_asked"


async def test_the_elevation_says_all_the_rack_page_needs_at_once(fleet):
    told = await fleet.told("/racks/R04/elevation")
    assert [unit["device_id"] for unit in told["units"]] == [f"web-{number}" for number in range(1, 7)]
    assert (told["rack"]["previous"], told["rack"]["next"]) == (None, "R05")
    assert told["rack"]["feed_budget_watts"] == 8000
    assert told["space"] == {"free_u": 36, "largest_gap": {"from_u": 7, "to_u": 42}}
    zones = {zone["zone"]: zone["inlet"]["value"] for zone in told["temperature"]}
    assert zones == {"top": None, "middle": None, "bottom": 24.5}
    assert told["rack"]["watts"] == {"value": 312.0, "devices": 1, "of": 6}


async def test_the_worst_rack_comes_first_when_asked(fleet):
    await fleet.store.fleet.add_device(server(40, rack="E01", position_u=1))
    await fleet.observe("web-40", look(fleet.clock, health=Health.CRITICAL))
    worst = await fleet.told("/racks", sort="worst")
    assert [rack["rack_id"] for rack in worst["items"]] == ["E01", "R04", "R05"]
    assert worst["items"][0]["health"] == "Critical"
    assert [rack["rack_id"] for rack in (await fleet.told("/racks", site="edge-2"))["items"]] == ["E01"]


async def test_the_fleet_is_counted(fleet):
    told = await fleet.told("/fleet")
    assert told["devices"] == 6
    assert told["by_health"] == {"OK": 0, "Warning": 1, "Critical": 0, "Unknown": 5}
    assert told["watts"] == {"value": 312.0, "devices": 1, "of": 6}
    assert {site["site_id"]: site["racks"] for site in told["sites"]} == {"core-1": 2, "edge-2": 1}


async def test_a_device_answers_to_its_name_as_well(fleet):
    added = (await fleet.client.post(f"{BASE}/devices", json={**DRAFT, "name": "db one"})).json()
    assert added["device_id"] == "db-one"
    assert (await fleet.told("/devices/db one"))["device_id"] == "db-one"


# One device.


async def test_the_inlet_of_the_summary_and_the_sensor_tell_one_source(fleet):
    inlet = (await fleet.told("/devices/web-1"))["inlet"]
    sensors = (await fleet.told("/devices/web-1/sensors"))["items"]
    assert inlet["source"] in {sensor["reading"]["source"] for sensor in sensors}


async def test_a_reading_that_is_absent_gives_its_reason(fleet):
    sensors = {sensor["name"]: sensor["reading"] for sensor in (await fleet.told("/devices/web-1/sensors"))["items"]}
    assert (sensors["Fan 1"]["value"], sensors["Fan 1"]["reason"]) == (None, "Absent")


async def test_readings_of_a_span_that_ends_before_it_begins_are_refused(fleet):
    answer = await fleet.client.get(
        f"{BASE}/devices/web-1/readings?sensor=1&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"
    )
    problem(answer, 400, "bad-parameter")
    problem(await fleet.client.get(f"{BASE}/devices/web-1/readings?sensor=1&from=yesterday"), 400, "bad-parameter")
    problem(await fleet.client.get(f"{BASE}/devices/web-1/readings?sensor=999"), 404, "not-found")
    problem(await fleet.client.get(f"{BASE}/devices/web-1/readings"), 400, "bad-parameter")


async def test_a_counter_is_told_as_its_rate_unless_its_counts_are_wanted(fleet):
    sensor = Sensor(component=Component("Port", "eth1"), name="Octets in", type=ReadingType.COUNTER, source="1.3.6.1")
    telemetry, now = fleet.store.telemetry, fleet.clock.now()
    for minute in range(3):
        at = now - timedelta(minutes=3 - minute)
        await telemetry.append("web-1", at, [Reading(sensor=sensor, value=2**63 + 6000 * minute, taken_at=at)])
    (row,) = [one for one in await telemetry.sensors("web-1") if one.sensor.name == "Octets in"]
    for asked, unit, points in (({}, "/s", [100, 100]), ({"rate": "false"}, "", [2**63, 2**63 + 6144, 2**63 + 12288])):
        told = await fleet.told("/devices/web-1/readings", sensor=row.sensor_id, **asked)
        assert (told["unit"], [point[2] for point in told["points"]]) == (unit, points)
    (shown,) = [one for one in (await fleet.told("/devices/web-1/sensors"))["items"] if one["name"] == "Octets in"]
    assert shown["reading"]["value"] == 2**63 + 12000


async def test_events_are_filtered_by_severity_newest_first(fleet):
    events = (await fleet.told("/devices/web-1/events", severity="Warning"))["items"]
    assert {event["severity"] for event in events} == {"Warning"}
    ids = [event["event_id"] for event in events]
    assert ids == sorted(ids, reverse=True)
    assert events == (await fleet.told("/events", severity="Warning"))["items"]


async def test_a_port_tells_its_link_and_address(fleet):
    (port,) = (await fleet.told("/devices/web-1/ports"))["items"]
    (link,) = port.pop("links")
    assert port == {
        "name": "NIC 1", "link": "LinkUp", "speed_mbps": 25000, "mac_address": "02:00:00:00:00:01", "health": "OK"
    }  # fmt: skip
    assert (link["verdict"], link["reason"]) == ("differs", "there is no device leaf-1")


async def test_a_silent_device_is_a_gateway_timeout_that_names_device_and_resource(fleet):
    told = problem(
        await fleet.client.get(f"{BASE}/devices/web-1/raw?resource=/redfish/v1/Silent"), 504, "device-silent"
    )
    assert "web-1" in told["detail"]
    assert "/redfish/v1/Silent" in told["detail"]


async def test_poll_now_leaves_a_row_and_wakes_the_role(fleet):
    answer = await fleet.client.post(f"{BASE}/devices/web-3/poll")
    assert (answer.status_code, answer.json()["state"]) == (202, "requested")
    assert fleet.poked == ["web-3"]
    claimed = await fleet.store.polls.claim("worker")
    await fleet.store.polls.finish(claimed[0].poll_request_id)
    assert (await fleet.client.get(answer.headers["location"])).json()["state"] == "done"


# Changes.


async def test_a_device_is_added_edited_and_decommissioned(fleet):
    added = await fleet.client.post(f"{BASE}/devices", json=DRAFT)
    assert added.status_code == 201
    assert added.headers["location"] == f"{BASE}/devices/db-1"
    tag = (await fleet.client.get(f"{BASE}/devices/db-1")).headers["etag"]
    edited = await fleet.client.patch(
        f"{BASE}/devices/db-1", json={"name": "db-one", "interval": 10}, headers={"If-Match": tag}
    )
    assert (edited.status_code, edited.json()["name"], edited.json()["device_id"]) == (200, "db-one", "db-1")
    assert (edited.json()["interval"], edited.json()["version"]) == (10, 2)
    problem(await fleet.client.delete(f"{BASE}/devices/db-1", headers={"If-Match": tag}), 412, "changed")
    gone = await fleet.client.delete(f"{BASE}/devices/db-1", headers={"If-Match": edited.headers["etag"]})
    assert gone.status_code == 204
    problem(await fleet.client.get(f"{BASE}/devices/db-1"), 404, "not-found")


async def test_a_change_without_if_match_is_asked_for_it(fleet):
    problem(await fleet.client.patch(f"{BASE}/devices/web-1", json={}), 428, "precondition-required")
    problem(await fleet.client.delete(f"{BASE}/devices/web-1"), 428, "precondition-required")


async def test_a_poll_between_reading_and_editing_does_not_matter_an_edit_does(fleet):
    tag = (await fleet.client.get(f"{BASE}/devices/web-1")).headers["etag"]
    await fleet.clock.advance(5)
    await fleet.observe("web-1", look(fleet.clock, inlet=29.0))
    first = await fleet.client.patch(f"{BASE}/devices/web-1", json={"tags": ["a"]}, headers={"If-Match": tag})
    assert first.status_code == 200
    second = await fleet.client.patch(f"{BASE}/devices/web-1", json={"tags": ["b"]}, headers={"If-Match": tag})
    problem(second, 412, "changed")
    assert (await fleet.told("/devices/web-1"))["tags"] == ["a"]


@pytest.mark.parametrize("tag", ['"x"', "1", '"99"', 'W/"1"', '"1', ""])
async def test_a_tag_that_is_no_version_changes_nothing(fleet, tag):
    answer = await fleet.client.patch(f"{BASE}/devices/web-1", json={"tags": []}, headers={"If-Match": tag})
    problem(answer, 412, "changed")


async def test_a_patch_that_empties_a_place_frees_its_unit(fleet):
    answer = await fleet.client.patch(f"{BASE}/devices/web-1", json={"rack_id": None}, headers={"If-Match": "*"})
    assert (answer.json()["rack_id"], answer.json()["position_u"]) == (None, None)
    assert (await fleet.told("/racks/R04"))["free_u"] == 37


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"kind": "toaster"}, "kind"),
        ({"position_u": 0}, "position_u"),
        ({"tags": ["two words"]}, "tags.0"),
        ({"interval": 0}, "interval"),
        ({"endpoints": []}, "endpoints"),
        ({"endpoints": [{"address": "https://root:secret@10.0.0.7"}]}, "endpoints"),
        ({"endpoints": [{"address": "https://10.0.0.7/redfish"}]}, "endpoints"),
        ({"endpoints": [{"address": "file:///etc/passwd"}]}, "endpoints"),
        ({"password": "secret"}, "password"),
        ({"enabled": None}, "enabled"),
    ],
)
async def test_a_device_that_cannot_be_is_refused_field_by_field(fleet, change, field):
    answer = await fleet.client.post(f"{BASE}/devices", json={**DRAFT, **change})
    told = problem(answer, 422, "invalid")
    assert told["errors"][0]["field"] == field
    assert "secret" not in answer.text
    assert len((await fleet.told("/devices"))["items"]) == 6


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"name": "web-1"}, 409, "conflict"),
        ({"rack_id": "R04", "position_u": 1}, 409, "conflict"),
        ({"rack_id": "R99"}, 404, "not-found"),
        ({"position_u": 43}, 409, "refused"),
    ],
)
async def test_a_device_at_odds_with_the_fleet_is_refused(fleet, change, status, kind):
    problem(await fleet.client.post(f"{BASE}/devices", json={**DRAFT, **change}), status, kind)


async def test_sites_and_racks_come_and_go_and_keep_their_ids(fleet):
    site = (await fleet.client.post(f"{BASE}/sites", json={"name": "Höhle 7"})).json()
    rack = await fleet.client.post(f"{BASE}/racks", json={"name": "R04", "site_id": site["site_id"], "height_u": 24})
    assert (rack.status_code, rack.json()["rack_id"]) == (201, f"{site['site_id']}-R04")
    problem(await fleet.client.delete(f"{BASE}/sites/{site['site_id']}"), 409, "conflict")
    assert (await fleet.client.delete(rack.headers["location"])).status_code == 204
    assert (await fleet.client.delete(f"{BASE}/sites/{site['site_id']}")).status_code == 204
    problem(await fleet.client.delete(f"{BASE}/racks/R04"), 409, "conflict")


async def test_racks_stand_in_the_order_people_count(fleet):
    site = (await fleet.client.post(f"{BASE}/sites", json={"name": "Hall 9"})).json()
    for name in ("A10", "A2", "A1"):
        await fleet.client.post(f"{BASE}/racks", json={"name": name, "site_id": site["site_id"], "height_u": 24})
    first = await fleet.told("/racks", site=site["site_id"], limit="2")
    rest = await fleet.told("/racks", site=site["site_id"], limit="2", cursor=first["next"])
    assert [rack["name"] for rack in (*first["items"], *rest["items"])] == ["A1", "A2", "A10"]
    assert (await fleet.told(f"/racks/{first['items'][1]['rack_id']}"))["next"] == rest["items"][0]["rack_id"]


async def test_a_secret_goes_in_and_never_comes_out(fleet):
    body = {"user": "root", "password": "correct horse"}
    first = await fleet.client.put(f"{BASE}/credentials/bmc", json=body)
    assert first.json() == {"name": "bmc", "user": "root", "version": 1, "used_by": 6}
    stored = await fleet.store.fleet.credential("bmc")
    assert fleet.vault.open_password("bmc", stored.sealed) == "correct horse"
    assert "correct horse" not in (await fleet.client.get(f"{BASE}/credentials")).text
    wrong = await fleet.client.put(f"{BASE}/credentials/bmc", json={"user": 7, "password": "correct horse", "x": 1})
    problem(wrong, 422, "invalid")
    assert "correct horse" not in wrong.text
    problem(await fleet.client.delete(f"{BASE}/credentials/bmc"), 409, "conflict")


async def test_a_pin_is_forgotten_when_asked(fleet):
    await fleet.store.fleet.pin("web-1", Protocol.REDFISH, "ab" * 32)
    assert (await fleet.client.delete(f"{BASE}/devices/web-1/endpoints/redfish/pin")).status_code == 204
    assert (await fleet.told("/devices/web-1"))["endpoints"][0]["pinned_spki"] is None
    problem(await fleet.client.delete(f"{BASE}/devices/web-1/endpoints/snmp/pin"), 404, "not-found")


# Imports.

FILE = """
[[racks]]
name = "R06"
site = "core-1"

[[devices]]
name = "web-1"
kind = "server"
rack = "R06"
position_u = 20

[[devices]]
name = "new-1"
kind = "server"
rack = "R06"
position_u = 21
address = "https://10.0.0.9"
credential = "bmc"
"""


async def bring(fleet, text: str, **more):
    return await fleet.client.post(f"{BASE}/import", json={"format": "toml", "text": text, **more})


async def test_an_import_is_first_a_plan_and_then_exactly_that(fleet):
    plan = (await bring(fleet, FILE)).json()
    assert plan["summary"] == {"add": 2, "change": 1, "keep": 0, "remove": 0}
    assert plan["plan"][1] == {
        "action": "change",
        "what": "device",
        "name": "web-1",
        "changes": {"rack_id": ["R04", "R06"], "position_u": [1, 20]},
    }
    assert plan["warnings"] == ["credential 'bmc' is not known yet; until it is set its devices cannot be asked"]
    assert (await fleet.told("/devices/web-1"))["rack_id"] == "R04"
    done = (await bring(fleet, FILE, apply=True, plan_hash=plan["plan_hash"])).json()
    assert done["applied"] is True
    assert (await fleet.told("/devices/web-1"))["tags"] == ["web"]
    assert (await fleet.told("/racks/R06/elevation"))["units"][1]["device_id"] == "new-1"
    again = (await bring(fleet, FILE)).json()
    assert again["summary"] == {"add": 0, "change": 0, "keep": 3, "remove": 0}


async def test_a_plan_made_for_another_fleet_is_not_applied(fleet):
    plan = (await bring(fleet, FILE)).json()
    await fleet.client.patch(f"{BASE}/devices/web-1", json={"position_u": 33}, headers={"If-Match": "*"})
    problem(await bring(fleet, FILE, apply=True, plan_hash=plan["plan_hash"]), 409, "conflict")
    assert (await fleet.told("/devices/web-1"))["rack_id"] == "R04"


async def test_a_file_with_one_fault_changes_nothing_and_tells_its_line(fleet):
    told = problem(await bring(fleet, FILE.replace('kind = "server"', 'kind = "sever"', 1), apply=True), 422, "invalid")
    assert told["errors"] == [
        {"field": "kind", "reason": "must be one of server, switch, pdu, ups, storage, cooling", "line": 8}
    ]
    assert [rack["rack_id"] for rack in (await fleet.told("/racks"))["items"]] == ["R04", "R05", "E01"]


async def test_two_devices_swap_places_in_one_import(fleet):
    text = "".join(f'[[devices]]\nname = "web-{name}"\nposition_u = {unit}\n' for name, unit in ((1, 2), (2, 1)))
    answer = await bring(fleet, text, apply=True)
    assert answer.status_code == 200, answer.text
    places = {unit["name"]: unit["position_u"] for unit in (await fleet.told("/racks/R04/elevation"))["units"]}
    assert (places["web-1"], places["web-2"]) == (2, 1)


async def test_only_pruning_removes_and_only_what_the_file_does_not_name(fleet):
    assert (await bring(fleet, FILE, apply=True)).json()["summary"]["remove"] == 0
    assert (await bring(fleet, FILE, apply=True, prune=True)).json()["summary"]["remove"] == 5
    assert [device["device_id"] for device in (await fleet.told("/devices"))["items"]] == ["new-1", "web-1"]
    problem(await bring(fleet, "", apply=True, prune=True), 422, "invalid")


# The service.


async def test_a_service_with_a_fallen_role_is_alive_and_not_ready(fleet):
    assert (await fleet.client.get(f"{BASE}/ready")).status_code == 200
    fleet.roles[0] = replace(fleet.roles[0], state=RoleState.RESTARTING, reason="it fell")
    answer = await fleet.client.get(f"{BASE}/ready")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["role devices is restarting: it fell"])
    assert (await fleet.client.get(f"{BASE}/live")).status_code == 200


async def test_a_store_that_cannot_be_read_is_not_ready(fleet):
    await fleet.store.state.close()
    answer = await fleet.client.get(f"{BASE}/ready")
    assert answer.status_code == 503
    assert "state.db" in answer.json()["reasons"][0]
    problem(await fleet.client.get(f"{BASE}/fleet"), 503, "unavailable")


async def test_metrics_are_those_of_the_registry(fleet):
    answer = await fleet.client.get("/metrics")
    assert "fleetmon_devices 6.0" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    openmetrics = await fleet.client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert openmetrics.text.endswith("# EOF\n")


async def test_a_list_is_plain_json_that_orjson_reads_back(fleet):
    answer = await fleet.client.get(f"{BASE}/devices")
    assert orjson.loads(answer.content) == answer.json()


# Pages.


async def test_the_manual_and_the_reference_work_without_a_network(fleet):
    for path in ("/docs", "/docs/reference/api", "/docs/reference/api.md", "/api/docs"):
        page = await fleet.client.get(path)
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert 'src="http' not in page.text
        assert 'href="http' not in page.text.replace('href="https://www.rfc', "")
        assert "<style" not in page.text
    assert 'id="device-summary"' in (await fleet.client.get("/docs/reference/api")).text
    for name in ("reference.js", "reference.css", "manual.css"):
        assert (await fleet.client.get(f"/api/docs/{name}")).status_code == 200


@pytest.mark.parametrize(
    "path", ["/docs/../pyproject", "/docs/%2e%2e/README", "/docs/.hidden", "/api/docs/../guard.py"]
)
async def test_no_page_leaves_its_shelf(fleet, path):
    assert (await fleet.client.get(path)).status_code in {404, 200}
    assert b"hatchling" not in (await fleet.client.get(path)).content


async def test_without_a_bundle_the_page_says_what_to_do(fleet, monkeypatch, tmp_path):
    monkeypatch.setattr("fleetmon.api.dashboard.BUNDLE", tmp_path / "nothing")
    answer = await fleet.client.get("/")
    assert (answer.status_code, answer.text) == (503, "dashboard not built; run `make dashboard`\n")


async def test_the_dashboard_is_served_as_its_builder_asks(fleet, monkeypatch, tmp_path):
    bundle = tmp_path / "static"
    (bundle / "assets").mkdir(parents=True)
    (bundle / "index.html").write_text("<!doctype html>page")
    (bundle / "favicon.svg").write_text("<svg/>")
    (bundle / "assets" / "app-1a2b.js").write_text("plain")
    (bundle / "assets" / "app-1a2b.js.br").write_bytes(b"packed")
    monkeypatch.setattr("fleetmon.api.dashboard.BUNDLE", bundle)
    for path in ("/", "/racks/R04?unit=17", "/anything/else"):
        page = await fleet.client.get(path)
        assert (page.text, page.headers["cache-control"]) == ("<!doctype html>page", "no-cache")
    seen = {"If-None-Match": page.headers["etag"]}
    assert (await fleet.client.get("/racks", headers=seen)).status_code == 304
    script = await fleet.client.get("/assets/app-1a2b.js", headers={"Accept-Encoding": "identity"})
    assert script.text == "plain"
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    async with fleet.client.stream("GET", "/assets/app-1a2b.js", headers={"Accept-Encoding": "gzip, br"}) as packed:
        assert packed.headers["content-encoding"] == "br"
        assert [chunk async for chunk in packed.aiter_raw()] == [b"packed"]
    assert (await fleet.client.get("/favicon.svg")).headers["cache-control"] == "max-age=3600"
    for missing in ("/assets/gone-1a2b.js", "/assets/app-1a2b.js.br", "/index.html.gz", "/x.php"):
        problem(await fleet.client.get(missing), 404, "not-found")
    assert (await fleet.client.head("/")).status_code == 200


@pytest.mark.parametrize("text", ['"p\\ud800"', '"p\\u0000q"'])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/credentials/lab", '{{"user": "operator", "password": {text}}}'),
        ("PUT", "/credentials/lab", '{{"user": {text}, "password": "x"}}'),
        ("POST", "/sites", '{{"name": {text}}}'),
        ("POST", "/import", '{{"format": "toml", "text": {text}}}'),
    ],
)
async def test_half_a_character_is_refused_with_the_field_named(fleet, method, path, body, text):
    answer = await fleet.client.request(
        method, f"{BASE}{path}", content=body.format(text=text), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]
