"""What goes over the wire and when, and what may come over it without doing harm."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyghmi.ipmi.private.session import Session

from fleetmon.drivers.ipmi.commands import CHASSIS_STATUS
from fleetmon.drivers.ipmi.messages import Account, Command, Outcome
from fleetmon.drivers.ipmi.wire import ALGORITHMS, HEARD, JITTER, PROBE, WAITS, Wire

ACCOUNT = Account(host="192.0.2.7", port=623, user=b"operator", password=b"emulated", suites=(17, 3), privilege=2)
SEQUENCE = slice(18, 19)
"""Where the sequence number of a request lies outside any session; the request itself follows the session's header."""


class Still:
    """A loop whose time moves only when a timer is fired."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    def call_later(self, delay: float, callback: Callable[[], None]) -> Any:
        timer = (delay, callback)
        self.timers.append(timer)
        return Handle(self, timer)

    def fire(self) -> float:
        """Let the next timer go off; after how long it does."""
        delay, callback = self.timers.pop(0)
        callback()
        return delay


class Handle:
    def __init__(self, loop: Still, timer: Any) -> None:
        self.loop, self.timer = loop, timer

    def cancel(self) -> None:
        if self.timer in self.loop.timers:
            self.loop.timers.remove(self.timer)


class Bench:
    """A wire, what it sent, and the answers a BMC would give."""

    def __init__(self, account: Account = ACCOUNT) -> None:
        self.loop, self.sent = Still(), []
        self.wire = Wire(account, self.sent.append, self.loop)

    def capable(self, version: int = 0x02) -> None:
        """Get Channel Authentication Capabilities is answered (table 22-15)."""
        sequence = self.sent[-1][18]
        body = bytes([0x01, 0x80 if version else 0x04, 0x04, version, 0, 0, 0, 0])
        message = bytes([0x81, 0x07 << 2, 0x63, 0x20, sequence, 0x38, 0x00]) + body + b"\x00"
        self.wire.receive(bytes.fromhex("0600ff07 00 00000000 00000000") + bytes([len(message)]) + message)

    def opened(self, status: int = 0, algorithms: tuple[int, int, int] = ALGORITHMS[17]) -> None:
        """The Open Session Request is answered (table 13-10)."""
        request = self.sent[-1][16:]
        blocks = b"".join(bytes([kind, 0, 0, 8, number, 0, 0, 0]) for kind, number in enumerate(algorithms))
        answer = bytes([request[0], status, 4, 0]) + request[4:8] + b"\x11\x22\x33\x44" + blocks
        self.wire.receive(plus(0x11, answer))

    @property
    def kinds(self) -> list[int]:
        """Of the messages sent: 0 outside RMCP+, 10h open session, 12h RAKP 1, 14h RAKP 3."""
        return [datagram[5] if datagram[4] == 6 else 0 for datagram in self.sent]


def plus(kind: int, payload: bytes) -> bytes:
    """A payload outside the session, in the form of RMCP+ (table 13-8)."""
    return bytes([6, 0, 0xFF, 7, 6, kind]) + bytes(8) + struct.pack("<H", len(payload)) + payload


def nominal(delays: list[float]) -> list[float]:
    """What the waits were before they were varied."""
    return [min(WAITS, key=lambda wait: abs(wait - delay)) for delay in delays]


async def test_F78_an_unanswered_request_goes_out_after_1_2_and_4_seconds_with_one_sequence_number():
    bench = Bench()
    login = bench.wire.log_in(17, 11.0)
    delays = [bench.loop.fire() for _ in range(4)]
    assert nominal(delays) == [1.0, 2.0, 4.0, 4.0]
    assert all(JITTER[0] * wait <= delay <= JITTER[1] * wait for wait, delay in zip(WAITS, delays, strict=True))
    assert len(bench.sent) == 4
    assert len({datagram[SEQUENCE] for datagram in bench.sent}) == 1
    assert login.result().outcome is Outcome.SILENT
    assert bench.loop.timers == []


async def test_F78_waits_of_thousands_of_sessions_differ():
    assert len({round(bench.loop.timers[0][0], 6) for bench in (logging_in() for _ in range(50))}) > 40


def logging_in() -> Bench:
    bench = Bench()
    bench.wire.log_in(17, 10.0)
    return bench


async def test_the_first_sign_of_life_is_waited_for_no_longer_than_wished():
    bench = Bench()
    login = bench.wire.log_in(17, 2.5)
    assert sum(bench.loop.fire() for _ in range(2)) <= 2.5 * JITTER[1]
    assert login.done()


async def test_a_command_is_sent_once_where_it_changes_something_and_probed_for_where_it_reads():
    bench = in_session()
    answered = bench.wire.ask(Command(0x00, 0x02, b"\x00"), repeatable=False)
    assert JITTER[0] * sum(WAITS) <= bench.loop.fire() <= JITTER[1] * sum(WAITS)
    assert (answered.result(), len(bench.sent)) == (None, 1)
    bench.sent.clear()
    answered = bench.wire.ask(CHASSIS_STATUS, repeatable=True)
    for _ in range(4):
        bench.loop.fire()
    assert answered.result() is None
    assert [datagram == PROBE for datagram in bench.sent] == [False, False, False, True, False]


async def test_a_bmc_that_answers_the_probe_and_not_the_command_has_lost_the_session():
    bench = in_session()
    answered = bench.wire.ask(CHASSIS_STATUS, repeatable=True)
    bench.loop.fire()
    bench.loop.fire()
    bench.wire.receive(bytes.fromhex("0600ff07 00 00000000 00000000 10 811c63 20003800 0180040200000000 00"))
    bench.loop.fire()
    assert answered.result() is None
    assert bench.wire.answers_outside


@pytest.mark.parametrize(
    ("netfn", "sequence", "command", "lun", "heard"),
    [(1, 0, 1, 0, True), (1, 0, 1, 1, False), (1, 0, 2, 0, False), (1, 1, 1, 0, False), (5, 0, 1, 0, False)],
)
async def test_F79_an_answer_fits_by_network_function_sequence_number_command_and_lun(
    netfn, sequence, command, lun, heard
):
    bench = in_session()
    answered = bench.wire.ask(CHASSIS_STATUS, repeatable=True)
    bench.wire._parse_ipmi_payload(
        bytearray([0x81, netfn << 2, 0, 0x20, sequence << 2 | lun, command, 0, 0x01, 0, 0, 0])
    )
    assert answered.done() is heard


def in_session() -> Bench:
    """A wire in a session of which nothing is known but that it is there."""
    bench = Bench()
    bench.wire._initsession()
    bench.wire.ipmiversion, bench.wire.sessionid, bench.wire.sequencenumber = 2.0, 7, 1
    return bench


# ---- what a BMC may choose -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "algorithms", [(0, 0, 0), (1, 1, 1), (3, 4, 0), (3, 0, 1), (0, 4, 1), (1, 4, 1)], ids=lambda found: f"{found}"
)
async def test_F83_a_bmc_that_chooses_other_algorithms_than_were_offered_gets_no_proof_from_us(algorithms):
    bench = logging_in()
    login = bench.wire._login
    bench.capable()
    bench.opened(algorithms=algorithms)
    assert login is not None
    assert login.result().outcome is Outcome.UNABLE
    assert login.result().other_suite
    assert bench.kinds == [0, 0x10]


async def test_F83_an_offer_has_its_own_time_however_late_the_greeting_was_answered():
    bench = logging_in()
    for _ in range(3):
        bench.loop.fire()
    bench.capable()
    login = bench.wire._login
    assert login is not None
    assert nominal([bench.loop.fire() for _ in range(3)]) == [1.0, 2.0, 4.0]
    assert (login.result().outcome, login.result().other_suite) == (Outcome.SILENT, True)
    assert bench.kinds == [0, 0, 0, 0, 0x10, 0x10, 0x10]


async def test_F79_a_command_after_one_that_was_given_up_has_another_sequence_number():
    bench = in_session()
    bench.wire.ask(CHASSIS_STATUS, repeatable=True)
    bench.wire.give_up()
    bench.wire.ask(CHASSIS_STATUS, repeatable=True)
    first, second = (datagram[20] for datagram in bench.sent)
    assert first != second
    assert len(bench.loop.timers) == 1


async def test_F83_what_was_offered_and_chosen_is_gone_on_with():
    bench = logging_in()
    bench.capable()
    bench.opened()
    assert bench.kinds == [0, 0x10, 0x12]


@pytest.mark.parametrize(
    ("status", "outcome", "other"),
    [
        (0x01, Outcome.FULL, False),
        (0x0B, Outcome.FULL, False),
        (0x11, Outcome.UNABLE, True),
        (0x04, Outcome.UNABLE, True),
    ],
)
async def test_F81_a_full_table_is_told_from_a_suite_that_is_not_there(status, outcome, other):
    bench = logging_in()
    login = bench.wire._login
    bench.capable()
    bench.opened(status)
    assert login is not None
    assert (login.result().outcome, login.result().other_suite) == (outcome, other)


@pytest.mark.parametrize(
    ("status", "privilege", "outcome"),
    [
        (0x0D, 2, Outcome.REFUSED),
        (0x0D, 3, Outcome.ABOVE),
        (0x0A, 4, Outcome.ABOVE),
        (0x09, 2, Outcome.REFUSED),
        (0x01, 2, Outcome.FULL),
        (0x0F, 2, Outcome.REFUSED),
    ],
)
async def test_a_refusal_of_the_user_is_told_from_one_of_the_privilege(status, privilege, outcome):
    bench = Bench(Account(host="h", port=1, user=b"u", password=b"p", suites=(17,), privilege=privilege))
    login = bench.wire.log_in(17, 10.0)
    bench.capable()
    bench.opened()
    bench.wire.receive(plus(0x13, bytes([bench.sent[-1][16], status, 0, 0]) + bench.sent[-2][20:24]))
    assert login.result().outcome is outcome


async def test_an_ipmi_1_5_login_is_never_made():
    bench = logging_in()
    login = bench.wire._login
    bench.capable(version=0)
    assert login is not None
    assert (login.result().outcome, login.result().reason) == (Outcome.UNABLE, "it speaks IPMI 1.5 only")
    assert bench.kinds == [0]


@pytest.mark.parametrize(("kind", "stage", "status"), [(0x11, "offering", 0x01), (0x13, "proving", 0x0D)])
async def test_a_refusal_of_another_login_with_the_same_bmc_is_none_of_ours(kind, stage, status):
    bench = at(stage)
    login = bench.wire._login
    assert login is not None
    tag = bench.sent[-1][16]
    bench.wire.receive(plus(kind, bytes([tag, status, 0, 0]) + bytes.fromhex("01020304")))
    assert not login.done()
    bench.wire.receive(plus(kind, bytes([tag, status, 0, 0]) + bytes(4)))
    assert login.done()


async def test_the_tags_of_two_logins_differ():
    tags = {at("offering").sent[-1][16] for _ in range(20)}
    assert len(tags) > 1


# ---- what strangers may send -----------------------------------------------------------------------------------------

STAGES = ("greeting", "offering", "proving", "in session")


def at(stage: str) -> Bench:
    if stage == "in session":
        bench = in_session()
        bench.wire.ask(CHASSIS_STATUS, repeatable=True)
        return bench
    bench = logging_in()
    if stage != "greeting":
        bench.capable()
    if stage == "proving":
        bench.opened()
    return bench


@given(
    stage=st.sampled_from(STAGES),
    head=st.sampled_from(
        [b"", b"\x06\x00\xff\x07", b"\x06\x00\xff\x07\x06", b"\x06\x00\xff\x07\x06\x13", b"\x06\x00\xff\x07\x00"]
    ),
    rest=st.binary(max_size=120),
)
async def test_no_datagram_brings_a_wire_out_of_its_way(stage, head, rest):
    bench = at(stage)
    before = len(bench.sent)
    bench.wire.receive(head + rest)
    assert not bench.wire.established
    assert len(bench.sent) <= before + 1


@pytest.mark.parametrize("kind", [kind for kind in range(0x40) if kind not in HEARD])
async def test_payloads_nobody_asked_for_are_not_looked_at_even_in_the_session(monkeypatch, kind):
    bench = at("in session")
    monkeypatch.setattr(Session, "_handle_ipmi2_packet", lambda *_: pytest.fail("it was looked at"))
    bench.wire.receive(plus(kind | 0x40, bytes(40)))


@given(stage=st.sampled_from(STAGES[1:]), mark=st.integers(0, 0xFFFFFFFF))
async def test_a_datagram_of_ipmi_1_5_does_not_move_the_sequence_numbers_of_a_session(stage, mark):
    bench = at(stage)
    bench.wire.receive(bytes.fromhex("0600ff07 02") + struct.pack("<II", mark, 7) + bytes(16) + bytes([8]) + bytes(8))
    assert bench.wire.remseqnumber is None
