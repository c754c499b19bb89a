"""Fleet files: short to write, and refused with the place and the cure when they are wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from emulator.clock import Clock
from emulator.faults import Fleet
from emulator.fleet import FLEETS, FleetFileError, expand, parse_fleet, read_fleet
from emulator.plant import Plant


def fleet(*servers: str, **rack: Any) -> dict[str, Any]:
    return {"site": [{"name": "s"}], "rack": [{"name": "R1", "site": "s", "servers": list(servers)} | rack]}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("web-01", ["web-01"]),
        ("web-{08..11}", ["web-08", "web-09", "web-10", "web-11"]),
        ("r{1..2}-{1..2}", ["r1-1", "r1-2", "r2-1", "r2-2"]),
    ],
)
def test_a_pattern_is_a_row_of_names(pattern: str, names: list[str]) -> None:
    assert expand(pattern) == names


def test_servers_stand_on_each_other_and_nodes_share_a_chassis() -> None:
    plan = parse_fleet(fleet("a-{1..2} = halden-d2 @ 5", "n-{1..5} = quill-m4 @ 10", "w-{1..2} = halden-w1 @ 20 / 3"))
    places = [(server.name, server.position_u, server.slot) for server in plan.servers]
    assert places[:2] == [("a-1", 5, ""), ("a-2", 7, "")]
    assert places[2:7] == [("n-1", 10, "1"), ("n-2", 10, "2"), ("n-3", 10, "3"), ("n-4", 10, "4"), ("n-5", 12, "1")]
    assert places[7:] == [("w-1", 20, ""), ("w-2", 23, "")]


@pytest.mark.parametrize("name", sorted(path.stem for path in FLEETS.glob("*.toml")))
def test_every_fleet_that_comes_with_the_emulator_can_be_read(name: str) -> None:
    assert read_fleet(name).servers


def test_the_demo_has_180_servers_in_6_racks_on_2_sites_with_room_left() -> None:
    plan = read_fleet("demo")
    assert (len(plan.servers), len(plan.racks), plan.sites) == (180, 6, ("core-1", "edge-2"))
    for rack in plan.racks:
        units = {
            unit
            for server in plan.servers
            if server.rack == rack.name
            for unit in range(server.position_u, server.position_u + server.family.height_u)
        }
        units |= {switch.position_u for switch in plan.switches if switch.rack == rack.name}
        assert 3 <= rack.height_u - len(units) <= 14


def test_every_scene_of_the_demo_can_happen() -> None:
    plan = read_fleet("demo")
    living = Fleet(Plant(plan, Clock(lambda: 1e9)))
    for scene in (*plan.standing, *plan.story):
        assert living.strike(scene.fault)


def test_ten_thousand_are_ten_thousand() -> None:
    assert len(read_fleet("ten_thousand").servers) == 10_000


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"seed": "seven"}, "seed is 'seven', which is no int"),
        (fleet("web-01 halden-w1"), "write 'web-{01..12} = halden-w1 @ 5'"),
        (fleet("web-01 = pentium @ 5"), "no family 'pentium'"),
        (fleet("web-01 = halden-w1 @ 43"), "would reach U43 of rack R1, which ends at U42"),
        (fleet("a = halden-d2 @ 5", "b = halden-w1 @ 6"), "b and a both sit in U6"),
        (fleet("a = halden-w1 @ 5", "a = halden-w1 @ 6"), "two of the name 'a'"),
        (fleet("a = halden-w1 @ 5", site="moon"), "no site 'moon'; there are s"),
        (fleet(switches=["sw"]), "is no switch"),
        ({"story": [{"fault": "fail_fan"}]}, "every scene needs 'at'"),
        ({"standing": [{"machine": "a"}]}, "every scene needs a fault"),
    ],
)
def test_an_impossible_fleet_is_refused_with_what_would_be_right(told: dict[str, Any], said: str) -> None:
    with pytest.raises(FleetFileError, match=re.escape(said)):
        parse_fleet(told)


def test_a_file_that_is_not_there_or_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(FleetFileError, match="demo, ipmi_rack"):
        read_fleet("nowhere")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(FleetFileError, match=r"broken\.toml: no TOML"):
        read_fleet(broken)
