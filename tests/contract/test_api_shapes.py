"""Every GET of the description answers with exactly the shape it promises, and the prose says the same."""

import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from fleetmon.api.application import ROUTES
from fleetmon.api.roles import Role
from fleetmon.api.shapes import DeviceDetail, DeviceSummary
from fleetmon.api.shapes_fleet import Problem
from tests.contract.api_seed import BASE, service

PROSE = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text()
PROBLEMS = (Path(__file__).parents[2] / "docs" / "reference" / "problems.md").read_text()
READABLE = [route for route in ROUTES if route.method == "GET" and route.shape is not None]
PARAMETERS = {"get_raw": {"resource": "/redfish/v1/"}, "get_readings": {"sensor": "1"}}


@pytest.fixture
async def fleet(tmp_path):
    async with service(tmp_path) as running:
        await running.client.put(f"{BASE}/credentials/bmc", json={"user": "root", "password": "x"})
        await running.client.post(f"{BASE}/devices/web-1/poll")
        yield running


def filled(path: str) -> str:
    keys = {"device_id": "web-1", "rack_id": "R04", "poll_request_id": "1"}
    return re.sub(r"\{(\w+)\}", lambda found: keys[found[1]], path)


@pytest.mark.parametrize("route", READABLE, ids=lambda route: route.name)
async def test_an_answer_has_exactly_the_promised_shape(fleet, route):
    answer = await fleet.client.get(filled(route.base + route.path), params=PARAMETERS.get(route.name))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    TypeAdapter(route.shape).validate_json(answer.content, strict=False)
    if "items" in answer.json():
        assert answer.headers["etag"]
        assert answer.json()["items"], "an empty list proves no shape"


async def test_several_sensors_answer_with_several_series(fleet):
    answer = await fleet.told("/devices/web-1/readings", sensor=[1, 2])
    assert [series["sensor_id"] for series in answer["series"]] == [1, 2]


async def test_the_description_names_every_listed_route_with_its_role_and_its_problems(fleet):
    described = (await fleet.client.get("/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    for route in (route for route in ROUTES if route.listed):
        operation = described["paths"][route.base + route.path][route.method.lower()]
        assert operation["operationId"] == route.name
        assert operation["x-role"] == route.role
        assert "application/problem+json" in operation["responses"]["default"]["content"]
        assert operation["description"] or operation["summary"]
    assert set(described["components"]["schemas"]["Problem"]["required"]) == set(Problem.model_fields)


def test_operation_ids_are_unique():
    names = [route.name for route in ROUTES]
    assert len(set(names)) == len(names)


def test_every_route_of_the_application_names_a_role(tmp_path):
    assert all(isinstance(route.role, Role) for route in ROUTES)


async def test_no_route_stands_outside_the_table(fleet):
    in_table = {(route.base + route.path, route.method) for route in ROUTES}
    for route in fleet.app.routes:
        for method in route.methods - {"HEAD"}:
            assert (route.path, method) in in_table


def test_only_files_and_signs_of_life_need_no_role():
    open_to_anyone = {route.name for route in ROUTES if route.role is Role.ANYONE}
    assert open_to_anyone == {
        "get_live",
        "get_ready",
        "get_dashboard",
        "get_manual_index",
        "get_manual_page",
        "get_reference",
        "get_reference_file",
    }


def test_the_prose_of_the_summary_names_every_field_of_the_schema():
    block = PROSE.split("## Device summary")[1].split("`polled_at`")[0]
    top = re.sub(r"\{[^{}]*\}", "", re.sub(r"\[\{[^{}]*\}\]", "[]", block))
    told = set(re.findall(r'"(\w+)":', top))
    assert told == set(DeviceSummary.model_fields)


def test_the_prose_names_every_route():
    for route in (route for route in ROUTES if route.listed):
        path = route.path.replace("{device_id}", "{id}").replace("{rack_id}", "{id}").replace("{site_id}", "{id}")
        assert path.replace("{poll_request_id}", "{id}") in PROSE, f"{route.method} {path}"


def test_the_prose_of_one_device_names_what_it_adds():
    for name in set(DeviceDetail.model_fields) - set(DeviceSummary.model_fields):
        assert f"`{name}`" in PROSE


def test_every_kind_of_problem_is_explained_under_its_name():
    from fleetmon.api.problems import KINDS

    assert re.findall(r"^## (\S+)$", PROBLEMS, re.MULTILINE) == [kind.name for kind in KINDS]
    for kind in KINDS:
        section = PROBLEMS.split(f"## {kind.name}\n")[1].split("\n## ")[0]
        assert str(kind.status) in section
