"""A session decides who may log in, what may be asked again, and what every outcome of a batch is called."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.ipmi.commands import CHASSIS_STATUS, DEVICE_ID, SEL_INFO, sensor_reading
from fleetmon.drivers.ipmi.messages import Account, Answer, Batch, Command, Outcome, Result
from fleetmon.drivers.ipmi.session import AT_ONCE, NAMELESS, PAUSE, CutShort, Session, place_of
from fleetmon.drivers.lane import Breaker, Lane, Priority
from fleetmon.errors import AccessDenied, Busy, ConfigError, Garbled, Unreachable, Unsupported
from tests.ipmi_bench import opening

POWER_OFF = Command(0x00, 0x02, b"\x00")
BUSY, DENIED = 0xC0, 0xD4
Say = Callable[[Account, Batch], Result]


def done(batch: Batch, code: int = 0, **more) -> Result:
    """Every command answered with its own last byte."""
    answers = tuple(Answer(code, command.data[-1:]) for command in batch.commands)
    return Result(outcome=Outcome.DONE, answers=answers, sent=len(answers), suite=17, **more)


class Script:
    """Workers that do as a test says, one word for each batch; the last word stands."""

    def __init__(self, *say: Say) -> None:
        self.say = list(say) or [lambda account, batch: done(batch)]
        self.batches: list[Batch] = []
        self.accounts: list[Account] = []

    def seat(self) -> Script:
        return self

    async def ask(self, account: Account, batch: Batch) -> Result:
        self.accounts.append(account)
        self.batches.append(batch)
        for _ in range(3):  # as answers take time
            await asyncio.sleep(0)
        return self.say[min(len(self.batches), len(self.say)) - 1](account, batch)

    async def close(self) -> int:
        return 1

    @property
    def asked(self) -> list[tuple[Command, ...]]:
        return [batch.commands for batch in self.batches]


def failing(outcome: Outcome, answers: int = 0, **more) -> Say:
    """A batch that is answered so far and no further."""

    def say(_: Account, batch: Batch) -> Result:
        whole = done(batch)
        return replace(whole, outcome=outcome, answers=whole.answers[:answers], reason="it says so", **more)

    return say


def answering(code: int) -> Say:
    return lambda account, batch: done(batch, code)


def session(script: Script, clock: ManualClock | None = None, address: str = "ipmi://127.0.0.1", **options) -> Session:
    return Session(opening(address, clock or ManualClock(), **options), script)


def sensors(*numbers: int) -> list[Command]:
    return [sensor_reading(number, 0) for number in numbers]


async def let_run(clock: ManualClock, work, seconds: float = 120) -> object:
    """The outcome of work that sleeps on the clock."""
    task = asyncio.ensure_future(work)
    await clock.advance(seconds)
    assert task.done()
    return task.result()


# ---- turns -----------------------------------------------------------------------------------------------------------


async def test_many_commands_are_answered_in_order_over_turns_of_a_few():
    script = Script()
    asked = session(script)
    answers = await asked.ask(*sensors(*range(40)))
    assert [answer.data[0] for answer in answers] == [*range(40)]
    assert [len(commands) for commands in script.asked] == [AT_ONCE, AT_ONCE, 8]
    assert asked.requests == 40


async def test_the_lane_is_free_between_two_turns():
    clock = ManualClock()
    lane = Lane(device="x", clock=clock)
    order: list[str] = []

    def note(account: Account, batch: Batch) -> Result:
        order.append("person" if batch.commands == (DEVICE_ID,) else "poll")
        return done(batch)

    asked = session(Script(note), clock, lane=lane)
    async with lane.turn():
        poll = asyncio.create_task(asked.ask(*sensors(*range(AT_ONCE * 2))))
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    person = asyncio.create_task(asked.ask(DEVICE_ID, priority=Priority.PERSON))
    await asyncio.gather(poll, person)
    assert sorted(order) == ["person", "poll", "poll"]
    assert order[-1] == "poll"


async def test_a_turn_has_the_time_of_a_request_and_a_second_for_each_command_more():
    script, clock = Script(), ManualClock()
    asked = session(script, clock, pace={"request_timeout": 10, "connect_timeout": 5, "minimum_gap": 0.5})
    await asked.ask(CHASSIS_STATUS)
    await let_run(clock, asked.ask(*sensors(*range(16))))
    assert [batch.time for batch in script.batches] == [10, 25]
    assert {(batch.reach, batch.gap) for batch in script.batches} == {(5, 0.5)}


async def test_only_what_reads_may_be_sent_again():
    script = Script()
    await session(script).ask(CHASSIS_STATUS, POWER_OFF)
    assert script.batches[0].repeatable == (True, False)


# ---- asking a second time --------------------------------------------------------------------------------------------


async def test_F85_what_cannot_be_answered_now_is_asked_again_five_seconds_later_and_no_more_than_thrice():
    clock = ManualClock()
    script = Script(answering(BUSY), answering(BUSY), lambda account, batch: done(batch))
    answers = await let_run(clock, session(script, clock).ask(*sensors(1, 2)), 2 * PAUSE)
    assert answers == [Answer(0, b"\x01"), Answer(0, b"\x02")]
    assert len(script.batches) == 3
    busy = Script(answering(BUSY))
    answers = await let_run(clock, session(busy, clock).ask(CHASSIS_STATUS))
    assert answers == [Answer(BUSY, b"")]
    assert len(busy.batches) == 4


async def test_F85_the_pause_is_kept_and_the_lane_is_free_in_it():
    clock = ManualClock()
    script = Script(answering(BUSY), lambda account, batch: done(batch))
    lane = Lane(device="x", clock=clock)
    task = asyncio.ensure_future(session(script, clock, lane=lane).ask(CHASSIS_STATUS))
    await clock.advance(PAUSE - 0.1)
    assert len(script.batches) == 1
    async with asyncio.timeout(1), lane.turn():
        pass
    await clock.advance(0.2)
    assert (len(script.batches), task.done()) == (2, True)


async def test_F85_only_the_busy_ones_are_asked_again_and_only_those_that_read():
    clock = ManualClock()

    def second_busy(account: Account, batch: Batch) -> Result:
        whole = done(batch)
        return replace(whole, answers=(whole.answers[0], Answer(BUSY, b""), Answer(BUSY, b"")))

    script = Script(second_busy, lambda account, batch: done(batch))
    answers = await let_run(clock, session(script, clock).ask(*sensors(1, 2), POWER_OFF))
    assert [answer.code for answer in answers] == [0, 0, BUSY]
    assert script.asked[1] == tuple(sensors(2))


async def test_F85_a_sensor_that_is_always_busy_does_not_hold_up_every_poll():
    clock = ManualClock()
    script = Script(answering(BUSY))
    asked = session(script, clock)
    await let_run(clock, asked.ask(*sensors(7)))
    before = len(script.batches)
    await asked.ask(*sensors(7))
    assert len(script.batches) == before + 1


async def test_patience_is_the_callers():
    script = Script(answering(BUSY))
    assert await session(script).ask(CHASSIS_STATUS, patience=0) == [Answer(BUSY, b"")]


# ---- privileges ------------------------------------------------------------------------------------------------------


async def test_a_session_asks_for_the_least_privilege_and_for_more_when_a_read_needs_it():
    def from_operator_on(account: Account, batch: Batch) -> Result:
        return done(batch, 0 if account.privilege >= 3 else DENIED)

    script = Script(from_operator_on)
    asked = session(script)
    assert await asked.ask(SEL_INFO) == [Answer(0, b"")]
    assert [account.privilege for account in script.accounts] == [2, 3]
    again = session(Script(from_operator_on), memory=asked.memory())
    await again.ask(SEL_INFO)
    assert again.memory() == asked.memory()


async def test_a_user_without_more_privilege_is_not_asked_for_it_twice_and_nothing_is_held_against_its_password():
    def user_only(account: Account, batch: Batch) -> Result:
        if account.privilege > 2:
            return Result(outcome=Outcome.ABOVE, reason="privilege not permitted")
        return done(batch, DENIED)

    clock = ManualClock()
    lane = Lane(device="x", clock=clock)
    script = Script(user_only)
    asked = session(script, clock, lane=lane)
    for _ in range(3):
        assert await asked.ask(SEL_INFO) == [Answer(DENIED, b"")]
    assert [account.privilege for account in script.accounts] == [2, 3, 2, 2, 2]
    assert lane.breaker == Breaker()


async def test_what_was_learned_of_privileges_holds_for_one_version_of_the_credentials():
    learned = {"suite": 3, "privilege": 3, "ceiling": 3, "version": 1}
    script = Script()
    await session(script, memory=learned, version=2).ask(CHASSIS_STATUS)
    assert (script.accounts[0].privilege, script.accounts[0].suites) == (2, (3, 17))


@pytest.mark.parametrize("memory", [{"suite": 0}, {"suite": "3"}, {"version": 1, "privilege": 9, "ceiling": []}])
async def test_memory_that_makes_no_sense_is_overlooked(memory):
    script = Script()
    await session(script, memory=memory).ask(CHASSIS_STATUS)
    assert (script.accounts[0].privilege, script.accounts[0].suites) == (2, (17, 3))


async def test_memory_changes_with_what_is_learned_and_not_with_each_poll():
    asked = session(Script(lambda account, batch: done(batch, opened=True)))
    before = asked.memory_version
    for _ in range(3):
        await asked.ask(CHASSIS_STATUS)
    assert asked.memory_version == before + 1


# ---- outcomes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (Outcome.SILENT, Unreachable),
        (Outcome.LATE, Unreachable),
        (Outcome.LOST, Unreachable),
        (Outcome.ORPHANED, Unreachable),
        (Outcome.REFUSED, AccessDenied),
        (Outcome.ABOVE, AccessDenied),
        (Outcome.FULL, Busy),
        (Outcome.GARBLED, Garbled),
        (Outcome.UNABLE, Unsupported),
    ],
)
async def test_every_outcome_but_done_is_an_error_with_the_device_and_the_reason(outcome, error):
    with pytest.raises(error, match=r"ipmi://127\.0\.0\.1: it says so"):
        await session(Script(failing(outcome))).ask(CHASSIS_STATUS)


async def test_answers_before_a_silence_are_not_thrown_away():
    script = Script(lambda account, batch: done(batch), failing(Outcome.SILENT, 3))
    with pytest.raises(CutShort) as caught:
        await session(script).ask(*sensors(*range(40)))
    assert [answer.data[0] for answer in caught.value.answers] == [*range(AT_ONCE + 3)]
    silent = Script(lambda account, batch: done(batch), failing(Outcome.SILENT))
    with pytest.raises(CutShort) as caught:
        await session(silent).ask(*sensors(*range(40)))
    assert len(caught.value.answers) == AT_ONCE


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.ORPHANED])
async def test_a_read_whose_session_or_worker_was_lost_is_asked_once_more(outcome):
    script = Script(failing(outcome), lambda account, batch: done(batch))
    assert len(await session(script).ask(CHASSIS_STATUS)) == 1
    assert len(script.batches) == 2


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.ORPHANED, Outcome.SILENT])
async def test_what_changes_something_is_never_asked_again(outcome):
    script = Script(failing(outcome), lambda account, batch: done(batch))
    with pytest.raises(Unreachable):
        await session(script).ask(POWER_OFF, priority=Priority.COMMAND)
    assert len(script.batches) == 1


async def test_two_refused_logins_are_the_last_and_are_kept_at_once():
    clock = ManualClock()
    lane = Lane(device="x", clock=clock)
    kept: list[int] = []

    async def remember() -> None:
        kept.append(lane.breaker.refusals)

    script = Script(failing(Outcome.REFUSED))
    asked = session(script, clock, lane=lane, remember=remember)
    for _ in range(5):
        with pytest.raises(AccessDenied):
            await asked.ask(CHASSIS_STATUS)
    assert (len(script.batches), kept) == (2, [1, 2])


async def test_a_login_that_works_is_told_to_the_lane():
    clock = ManualClock()
    lane = Lane(device="x", clock=clock, breaker=Breaker(refusals=1, credential_version=1))
    await session(Script(lambda account, batch: done(batch, opened=True)), clock, lane=lane).ask(CHASSIS_STATUS)
    assert lane.breaker.refusals == 0


async def test_a_bmc_without_a_free_session_may_be_asked_by_a_person():
    script = Script(failing(Outcome.FULL))
    asked = session(script)
    for _ in range(3):
        with pytest.raises(Busy):
            await asked.ask(CHASSIS_STATUS)
    assert len(script.batches) == 1
    with pytest.raises(Busy):
        await asked.ask(CHASSIS_STATUS, priority=Priority.PERSON)
    assert len(script.batches) == 2


# ---- who and where ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("user", "password"), [("x" * 17, "p"), ("u", "ü" * 11)])
async def test_names_and_passwords_ipmi_cannot_carry_are_never_sent(user, password):
    script = Script()
    with pytest.raises(AccessDenied, match="longer than"):
        await session(script, user=user, password=password).ask(CHASSIS_STATUS)
    assert script.batches == []


async def test_without_credentials_nothing_is_sent():
    script = Script()
    wanted = replace(opening("ipmi://127.0.0.1", ManualClock()), credentials=None)
    with pytest.raises(AccessDenied, match="without a user"):
        await Session(wanted, script).ask(CHASSIS_STATUS)
    assert script.batches == []


async def test_a_name_is_looked_up_once_and_another_of_its_addresses_is_tried_after_a_silence(monkeypatch):
    looked_up: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: object) -> list[object]:
        looked_up.append(host)
        return [(socket.AF_INET6, 0, 0, "", ("fd00::7", port, 0, 0)), (socket.AF_INET, 0, 0, "", ("10.0.0.7", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    script = Script(failing(Outcome.SILENT), lambda account, batch: done(batch))
    asked = session(script, address="ipmi://bmc.rack.example")
    with pytest.raises(Unreachable):
        await asked.ask(CHASSIS_STATUS)
    await asked.ask(CHASSIS_STATUS)
    await asked.ask(CHASSIS_STATUS)
    assert [account.host for account in script.accounts] == ["fd00::7", "10.0.0.7", "10.0.0.7"]
    assert looked_up == ["bmc.rack.example"]


async def test_a_name_nobody_knows_is_unreachable(monkeypatch):
    async def getaddrinfo(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    with pytest.raises(Unreachable, match="no address for nowhere"):
        await session(Script(), address="ipmi://nowhere").ask(CHASSIS_STATUS)


async def test_while_the_name_service_is_dead_a_name_means_what_it_meant_and_is_asked_for_once_a_minute(monkeypatch):
    looked_up: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: object) -> list[object]:
        looked_up.append(host)
        if len(looked_up) > 1:
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return [(socket.AF_INET, 0, 0, "", ("10.0.0.7", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    clock, script = ManualClock(), Script(failing(Outcome.SILENT))
    asked = session(script, clock, address="ipmi://bmc.rack.example")
    for _ in range(6):
        with pytest.raises(Unreachable, match="it says so"):
            await asked.ask(CHASSIS_STATUS)
    assert [account.host for account in script.accounts] == ["10.0.0.7"] * 6
    assert len(looked_up) == 2
    await clock.advance(NAMELESS)
    with pytest.raises(Unreachable):
        await asked.ask(CHASSIS_STATUS)
    assert len(looked_up) == 3


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("ipmi://10.0.0.7", ("10.0.0.7", 623)),
        ("ipmi://bmc-7.example:6230", ("bmc-7.example", 6230)),
        ("ipmi://[fd00::7]", ("fd00::7", 623)),
        ("ipmi://[fe80::7%eth1]:6230/", ("fe80::7%eth1", 6230)),
        ("ipmi://[fe80::7%br-oob.7]", ("fe80::7%br-oob.7", 623)),
    ],
)
def test_an_address_is_a_host_and_perhaps_a_port(address, place):
    assert place_of(address) == place


@pytest.mark.parametrize(
    "address",
    ["", "ipmi://", "10.0.0.7", "https://10.0.0.7", "ipmi://u:p@h", "ipmi://h:0", "ipmi://h:65536", "ipmi://h/x"],
)
def test_anything_else_is_refused_before_anything_is_sent(address):
    with pytest.raises(ConfigError):
        place_of(address)


def test_a_password_is_in_no_text_of_what_is_passed_on():
    account = Account(host="h", port=1, user=b"u", password=b"secret", suites=(17,), privilege=2)
    assert "secret" not in repr(account)
