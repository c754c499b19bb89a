from __future__ import annotations

import pytest

from fleetmon.ingest.parts import Moves, compare, merged, real_identity, real_serial
from fleetmon.model import Component, Identity, Part
from tests.observations import START, part


def happened(moves: Moves) -> list[tuple[str, str]]:
    return [(change.what.value, change.slot) for change in moves.changes]


def look(
    before: list[Part],
    after: list[Part],
    *,
    absences: dict[Component, int] | None = None,
    baseline: bool = False,
    complete: bool = True,
    settled: bool = True,
) -> Moves:
    return compare(
        "web-01",
        {one.component: one for one in before},
        absences or {},
        after,
        baseline=baseline,
        complete=complete,
        settled=settled,
        at=START,
    )


def test_the_first_inventory_installs_nothing() -> None:
    assert happened(look([], [part("Bay 1", "SN-A"), part("Bay 2", "SN-B")], baseline=True)) == []


def test_another_serial_in_a_slot_is_a_replacement() -> None:
    moves = look([part("Bay 1", "SN-A")], [part("Bay 1", "SN-Z")])
    assert happened(moves) == [("replaced", "Bay 1")]
    change = moves.changes[0]
    assert change.before is not None
    assert change.after is not None
    assert (change.before.serial_number, change.after.serial_number) == ("SN-A", "SN-Z")


def test_without_serial_numbers_another_model_is_a_replacement() -> None:
    assert happened(look([part("Bay 1", model="X1")], [part("Bay 1", model="X2")])) == [("replaced", "Bay 1")]
    assert happened(look([part("Bay 1", model="X1")], [part("Bay 1", firmware="2")])) == []


def test_the_same_serial_elsewhere_has_moved() -> None:
    moves = look([part("Bay 1", "SN-A")], [part("Bay 7", "SN-A")])
    assert happened(moves) == [("moved", "Bay 7")]
    assert moves.gone == (Component("Drive", "Bay 1"),)


def test_a_part_that_moved_makes_room_for_one_installed() -> None:
    moves = look([part("Bay 1", "SN-A")], [part("Bay 7", "SN-A"), part("Bay 1", "SN-N")])
    assert sorted(happened(moves)) == [("installed", "Bay 1"), ("moved", "Bay 7")]
    assert moves.gone == ()


def test_two_parts_that_change_places_have_both_moved() -> None:
    moves = look([part("Bay 1", "SN-A"), part("Bay 2", "SN-B")], [part("Bay 1", "SN-B"), part("Bay 2", "SN-A")])
    assert sorted(happened(moves)) == [("moved", "Bay 1"), ("moved", "Bay 2")]


def test_a_part_pushed_out_by_one_that_moved_is_removed() -> None:
    moves = look([part("Bay 1", "SN-A"), part("Bay 2", "SN-B")], [part("Bay 2", "SN-A")])
    assert sorted(happened(moves)) == [("moved", "Bay 2"), ("removed", "Bay 2")]


def test_a_serial_that_repeats_proves_no_move() -> None:
    before = [part("DIMM 1", "7A7A", kind="Memory"), part("DIMM 2", "7A7A", kind="Memory")]
    after = [part("DIMM 2", "7A7A", kind="Memory"), part("DIMM 3", "7A7A", kind="Memory")]
    assert happened(look(before, after)) == [("installed", "DIMM 3")]


def test_a_part_missed_once_is_waited_for_and_missed_twice_is_removed() -> None:
    before = [part("Bay 1", "SN-A"), part("Bay 2", "SN-B")]
    once = look(before, [part("Bay 2", "SN-B")])
    assert (happened(once), once.missing) == ([], (Component("Drive", "Bay 1"),))
    twice = look(before, [part("Bay 2", "SN-B")], absences={Component("Drive", "Bay 1"): 1})
    assert (happened(twice), twice.gone) == ([("removed", "Bay 1")], (Component("Drive", "Bay 1"),))


@pytest.mark.parametrize(("complete", "settled"), [(False, True), (True, False)])
def test_half_an_inventory_or_a_dark_host_removes_nothing(complete: bool, settled: bool) -> None:
    absences = {Component("Drive", "Bay 1"): 9}
    assert happened(look([part("Bay 1", "SN-A")], [], absences=absences, complete=complete, settled=settled)) == []


@pytest.mark.parametrize(
    "text",
    [
        "To be filled by O.E.M.",
        "Default string",
        "N/A",
        "none",
        "",
        "00000000",
        "XXXXXXXX",
        "0123456789",
        "  ",
        "-",
        "0000-0000",
    ],
)
def test_a_placeholder_is_no_serial_number(text: str) -> None:
    assert real_serial(text) == ""


def test_a_serial_number_is_kept() -> None:
    assert real_serial(" CZ20260A1 ") == "CZ20260A1"


def test_placeholders_do_not_make_replacements() -> None:
    assert happened(look([part("Bay 1", "S1")], [part("Bay 1", "To be filled by O.E.M.")])) == []


def test_an_identity_keeps_what_a_later_look_does_not_tell() -> None:
    before = Identity(manufacturer="Contoso", serial_number="S1", uuid="u")
    after = real_identity(Identity(model="X", serial_number="Default string"))
    assert merged(before, after) == Identity(manufacturer="Contoso", model="X", serial_number="S1", uuid="u")


def test_a_part_keeps_what_a_shorter_inventory_does_not_tell_and_a_new_part_starts_blank() -> None:
    known = part("Bay 1", "SN-A", model="X1", firmware="1.0", properties={"media_type": "SSD"})
    (same,) = look([known], [part("Bay 1", "SN-A", model="", firmware="1.1")]).seen
    assert (same.model, same.firmware, same.properties) == ("X1", "1.1", {"media_type": "SSD"})
    (other,) = look([known], [part("Bay 1", "SN-Z", model="", firmware="")]).seen
    assert (other.serial_number, other.model, other.firmware) == ("SN-Z", "", "")
