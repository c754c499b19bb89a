"""A BMC that answers anything at all: a poll is an observation whatever comes, and ends in time."""

from __future__ import annotations

import json
import random

import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Memory
from fleetmon.drivers.ipmi.messages import Command
from fleetmon.drivers.ipmi.session import Answer
from fleetmon.errors import Busy, DeviceError, Unreachable
from fleetmon.model import Aspect, Reachability
from tests.ipmi_shelf import NOW, Bench, Fault, Shelf, discrete, event, fru_locator, numeric, states, value

MOST_REQUESTS = 25_000
"""Commands of one poll; a chain of records that never ends is cut long before."""


def machine() -> Shelf:
    shelf = Shelf(ManualClock(NOW))
    shelf.records = [numeric(number, f"Temp {number}", readable=0x3F) for number in range(1, 12)]
    shelf.records += [discrete(0x80 + at, f"Drive {at}", 0x0D, entity=(4, at)) for at in range(4)]
    shelf.records += [fru_locator(3, "PS1", (10, 1), 0x90), numeric(0x40, "Flow", linear=0x71)]
    shelf.readings = {(0, number): value(30) for number in range(1, 0x41)}
    shelf.readings |= {(0, 0x80 + at): states(1) for at in range(4)}
    shelf.frus = {0: bytes(range(256)), 3: bytes(64)}
    shelf.watts = 200
    shelf.log_event(*(event(number, 1_760_000_000 + number) for number in range(1, 30)))
    return shelf


def mangler(shelf: Shelf, rng: random.Random, share: float) -> Fault:
    """Some of the answers are spoiled, each in its own way."""

    def spoiled(octets: bytes) -> bytes:
        told = bytearray(octets)
        match rng.randrange(5):
            case 0:
                del told[rng.randrange(len(told) + 1) :]
            case 1:
                told += rng.randbytes(rng.randrange(1, 300))
            case 2:
                told = bytearray(rng.randbytes(rng.randrange(40)))
            case _:
                for _ in range(rng.randrange(1, 4)):
                    if told:
                        told[rng.randrange(len(told))] = rng.randrange(256)
        return bytes(told)

    def fault(command: Command) -> Answer | DeviceError | None:
        if rng.random() > share:
            return None
        if rng.random() < 0.05:
            return rng.choice((Unreachable("no answer"), Busy("not now")))
        shelf.faults.clear()
        answer = shelf._answer(command)
        shelf.faults.append(fault)
        if isinstance(answer, DeviceError):
            return answer
        return Answer(rng.choice((0, 0, 0, rng.randrange(256))), spoiled(answer.data))

    return fault


@pytest.mark.parametrize("seed", range(80))
async def test_whatever_a_bmc_answers_is_an_observation(seed: int) -> None:
    rng = random.Random(seed)
    shelf = machine()
    shelf.faults.append(mangler(shelf, rng, rng.choice((0.02, 0.2, 1.0))))
    bench = Bench(shelf)
    for _ in range(6):
        seen = await bench.poll(*rng.sample(list(Aspect), rng.randint(1, 5)))
        assert len(shelf.asked) < MOST_REQUESTS, f"seed {seed}"
        assert seen.answered <= seen.asked
        assert all(problem.resource and problem.reason for problem in seen.problems)
        if rng.random() < 0.3:
            bench = Bench(shelf, memory=Memory(plan=json.loads(json.dumps(bench.driver.memory().plan))))
        await bench.clock.advance(600)
    shelf.faults.clear()
    for _ in range(6):  # its records may have been read wrong; they are read again with their time stamp
        shelf.sdr_added += 1
        await bench.clock.advance(4000)
        seen = await bench.poll()
    assert seen.reachability is Reachability.REACHABLE
    assert seen.answered == frozenset(Aspect)
    assert len([one for one in seen.readings if one.number is not None]) >= 12
