"""The plan: the fewest requests that tell every sensor, remembered, and learned afresh when it no longer fits."""

from __future__ import annotations

import json

import pytest

from fleetmon.drivers.redfish.learning import sight_of
from fleetmon.drivers.redfish.plan import MOST_SOURCES, SINGLES_PER_POLL, LogPlan, Plan, Source, choose
from fleetmon.drivers.redfish.quirks import Make
from fleetmon.drivers.redfish.resource import Resource
from fleetmon.drivers.redfish.walk import Expand, claimed_expand
from tests.redfish_service import NOW, server

ALL = frozenset(range(60))


def source(path: str, sensors: range | set[int], rank: int = 1) -> Source:
    return Source(path, frozenset(sensors), rank)


def chosen(*offers: Source, wanted: frozenset[int] = ALL) -> tuple[list[str], list[str]]:
    taken, alone = choose(offers, wanted)
    return [offer.path for offer in taken], [offer.path for offer in alone]


THERMAL, POWER = source("thermal", range(40)), source("power", range(40, 60))


def test_a_report_that_tells_everything_is_all_that_is_read():
    assert chosen(THERMAL, POWER, source("report", range(60), 0)) == (["report"], [])


def test_a_report_that_tells_half_is_not_worth_a_request_of_its_own():
    assert chosen(THERMAL, POWER, source("report", range(20, 50), 0)) == (["thermal", "power"], [])


def test_one_expanded_collection_is_better_than_two_resources():
    assert chosen(THERMAL, POWER, source("sensors?$expand", range(60), 2)) == (["sensors?$expand"], [])


def test_among_equals_the_plainer_request_is_taken():
    assert chosen(source("a", range(60), 2), source("b", range(60), 1)) == (["b"], [])


def test_single_sensors_are_the_last_resort():
    singles = [source(f"sensor {n}", {n}, 3) for n in range(60)]
    assert chosen(THERMAL, POWER, *singles) == (["thermal", "power"], [])
    taken, alone = chosen(THERMAL, *singles)
    assert taken == ["thermal"]
    assert len(alone) == 20


def test_a_request_that_adds_next_to_nothing_waits_its_turn():
    assert chosen(THERMAL, POWER, source("metrics", {60, 61}), wanted=ALL | {60, 61}) == (
        ["thermal", "power"],
        ["metrics"],
    )


def test_of_many_resources_worth_a_request_some_are_read_in_turn():
    outlets = [source(f"outlet {n:02}", range(n * 5, n * 5 + 5)) for n in range(12)]
    taken, alone = chosen(*outlets)
    assert (len(taken), len(alone)) == (MOST_SOURCES, 4)


def test_what_nobody_tells_is_not_asked_for():
    assert chosen(THERMAL, wanted=frozenset(range(100))) == (["thermal"], [])
    assert chosen() == ([], [])


def test_the_choice_does_not_depend_on_the_order_of_the_offers():
    offers = [THERMAL, POWER, source("x", range(30)), source("y", range(30, 60))]
    assert chosen(*offers) == chosen(*reversed(offers))


def test_singles_take_three_polls_at_most_to_come_round():
    assert Plan(singles=("a",)).singles_per_poll == 1
    assert Plan(singles=tuple("abcdefg")).singles_per_poll == 3
    assert Plan(singles=tuple(map(str, range(500)))).singles_per_poll == SINGLES_PER_POLL


def plan() -> Plan:
    resources = [Resource(path, body, NOW) for path, body in server().items()]
    return Plan(
        firmware="1.45", make=Make("contoso", "x"), gates=("/redfish/v1/Systems/1",), sources=("a", "b"),
        singles=("c",), reports=("a",), refused=("d",), skip=("e",), logs=(LogPlan("SEL", "s", "e"),),
        expand=Expand(".", 3),
        naming={"Drive": 2}, watched=("w",), entrances=(("Systems", "/redfish/v1/Systems"),),
        catalog=sight_of(resources, (), Plan()).catalog,
    )  # fmt: skip


def test_a_plan_survives_being_written_down():
    before = plan()
    after = Plan.from_json(json.loads(json.dumps(before.to_json())))
    assert after == before
    assert after is not None
    assert after.catalog.by_place == before.catalog.by_place


def test_F02_a_plan_of_another_version_is_learned_afresh():
    assert Plan.from_json({**plan().to_json(), "version": 999}) is None
    assert Plan.from_json({}) is None


@pytest.mark.parametrize(
    "damage", [{"catalog": [{}]}, {"logs": [[1]]}, {"expand": 5}, {"gates": None}, {"make": [1, 2, 3]}]
)
def test_a_damaged_plan_is_learned_afresh(damage):
    assert Plan.from_json({**plan().to_json(), **damage}) is None


@pytest.mark.parametrize(
    ("claim", "query"),
    [
        ({"NoLinks": True, "Levels": True, "MaxLevels": 3}, "$expand=.($levels=3)"),
        ({"ExpandAll": True, "Levels": False}, "$expand=*"),
        ({"NoLinks": True, "Levels": True, "MaxLevels": "2"}, "$expand=.($levels=2)"),
    ],
)
def test_expand_is_asked_for_as_the_service_claims_it(claim, query):
    assert claimed_expand({"ProtocolFeaturesSupported": {"ExpandQuery": claim}}).query(5) == query


@pytest.mark.parametrize("claim", [{}, {"NoLinks": False, "ExpandAll": False, "Links": True}, None, "yes"])
def test_a_service_that_claims_no_expand_is_not_asked_for_it(claim):
    assert not claimed_expand({"ProtocolFeaturesSupported": {"ExpandQuery": claim}}).usable


def test_expand_that_fails_is_tried_with_fewer_levels_and_then_not_at_all():
    steps = [Expand(".", 4)]
    while steps[-1].usable:
        steps.append(steps[-1].less())
    assert [step.max_levels for step in steps] == [4, 2, 1, 0]
