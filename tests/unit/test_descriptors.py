"""A fleet that needs more open files than are allowed is told so, with the cure, before connections begin to fail."""

import resource

import pytest

from fleetmon.descriptors import make_room


@pytest.mark.parametrize(
    ("limits", "raised", "enough"),
    [
        ((1_024, 20_000), (4_512, 20_000), True),
        ((8_192, 20_000), None, True),
        ((1_024, resource.RLIM_INFINITY), (4_512, resource.RLIM_INFINITY), True),
        ((1_024, 4_096), (4_096, 4_096), False),
        ((4_096, 4_096), None, False),
    ],
)
def test_room_is_made_as_far_as_it_is_allowed(limits, raised, enough):
    changed = []
    said = make_room(2_000, lambda: limits, changed.append)
    assert changed == ([raised] if raised else [])
    assert (said == "") is enough
    if not enough:
        assert "ulimit -n 4512" in said
        assert "LimitNOFILE=4512" in said
