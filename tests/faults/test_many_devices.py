"""A large fleet of which a part hangs, over the real service and the emulator; the test size is in test_devices.py."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.scale import hung, on_time, watched

DEVICES, HUNG, MINUTES = 2_000, 600, 5.0


@pytest.mark.soak
async def test_R12_a_third_of_two_thousand_hangs_and_the_others_are_asked_on_time() -> None:
    async with watched(DEVICES) as (fleet, service):
        usual = await service.answers_within(60)
        async with hung(fleet, DEVICES, HUNG):
            answering = asyncio.create_task(service.answers_within(MINUTES * 60))
            before, after = await service.over(MINUTES)
            slow = await answering
    share = on_time(before, after, DEVICES - HUNG)
    print(f"R12: {share:.2%} on time, API p95 {usual * 1000:.0f} ms before and {slow * 1000:.0f} ms with {HUNG} hung")
    assert share >= 0.99
    assert slow <= 1.5 * usual
