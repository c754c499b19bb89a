"""Before a large fleet starts, it is clear whether the system lets it have as many descriptors as it takes."""

from __future__ import annotations

import pytest

from emulator.descriptors import TooFewDescriptorsError, make_room


def room(machines: int, processes: int, soft: int, hard: int, ports: int = 0) -> tuple[int, int] | None:
    """What the limits were raised to; None where they were left alone."""
    raised: list[tuple[int, int]] = []
    make_room(machines, processes, lambda: (soft, hard), raised.append, ports=ports)
    return raised[0] if raised else None


def test_the_soft_limit_is_raised_as_far_as_a_poll_and_a_stream_to_every_machine_take() -> None:
    assert room(10_000, 2, soft=1_024, hard=524_288) == (20_256, 524_288)
    assert room(10_000, 2, soft=1_024, hard=20_000) == (20_000, 20_000)
    assert room(10, 1, soft=1_024, hard=4_096) is None
    assert room(10_000, 1, soft=1_024, hard=-1) == (40_256, -1)


def test_a_port_of_ipmi_takes_one_more_whoever_comes_to_it() -> None:
    assert room(0, 1, soft=1_024, hard=4_096, ports=2_000) == (2_256, 4_096)
    assert room(1_000, 2, soft=1_024, hard=4_096, ports=1_000) == (2_756, 4_096)


def test_too_few_are_refused_with_the_cure() -> None:
    with pytest.raises(TooFewDescriptorsError, match=r"ulimit -n 20256` first, or take --processes 6"):
        room(10_000, 1, soft=1_024, hard=4_096)
