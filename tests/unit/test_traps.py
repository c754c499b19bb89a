"""A trap makes its device be polled soon; nobody believes or answers it, and a flood of them costs a bounded part."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator

import pytest

from fleetmon import traps
from fleetmon.clock import ManualClock
from fleetmon.drivers.ipmi.parse import pet
from fleetmon.errors import ConfigError
from fleetmon.metrics import Metrics
from fleetmon.model import Aspect, Endpoint, Protocol
from fleetmon.origins import Origins
from fleetmon.proofs import Login
from fleetmon.settings import Traps as Listen
from fleetmon.storage.lanes import Origin
from fleetmon.storms import LEAST, LONG, QUIET, Storms
from fleetmon.traps import BUFFER, ONE_SENDER, POLLS, SENDERS, Traps
from tests.ber import octets, trap_v1, trap_v2c
from tests.unit.test_trap_seals import USER, sent

UUID = "4c4c4544-0050-5910-8043-b2c04f333358"
GUID = "44454c4c5000105980 43b2c04f333358"
BODY = "0002 19e87e26 ffff 2020 10 20731801 8001ff0000000000 19 000002a2 0100 c1"
PLAIN = {Aspect.HEARTBEAT, Aspect.EVENTS}


def event(guid: str = GUID, *, specific: int = 0x056F00, agent: str = "0.0.0.0") -> bytes:
    return trap_v1(pet.ENTERPRISE, specific, [(pet.BINDING, octets(bytes.fromhex(guid + BODY)))], agent=agent)


def origin(device_id: str, *addresses: str, uuid: str = "") -> Origin:
    return Origin(device_id=device_id, addresses=addresses, uuid=uuid)


FLEET = (
    origin("a", "https://10.0.0.1", "ipmi://10.0.0.1", uuid=UUID),
    origin("b", "ipmi://[fd00::2]:6230"),
    origin("c", "ipmi://10.0.0.9:6231"),
    origin("d", "ipmi://10.0.0.9:6232", uuid="aaaaaaaa-0000-0000-0000-000000000001"),
)


class Post:
    """The role, and which polls it asked for."""

    def __init__(self, *fleet: Origin, host: str = "127.0.0.1") -> None:
        self.asked: list[tuple[str, frozenset[Aspect]]] = []
        self.logins: dict[str, Login] = {}
        self.told: list[tuple[str, ...]] = []
        self.clock, self.metrics = ManualClock(), Metrics()
        self.origins = Origins(self.rows, clock=self.clock)
        self.fleet = fleet or FLEET
        self.traps = Traps(
            Listen(host=host, port=0),
            origins=self.origins,
            hinted=self.hinted,
            login=self.logins.get,
            tell=self.tell,
            clock=self.clock,
            metrics=self.metrics,
        )

    async def rows(self) -> tuple[Origin, ...]:
        return self.fleet

    def hinted(self, device_id: str, aspects: frozenset[Aspect]) -> bool:
        self.asked.append((device_id, aspects))
        return True

    async def tell(self, *event: str) -> None:
        self.told.append(event)

    def count(self, outcome: str) -> float:
        return self.metrics.traps.labels(outcome)._value.get()


@pytest.fixture
async def post() -> Post:
    made = Post()
    await made.origins.read()
    return made


def test_a_state_is_a_reason_to_look_at_power_log_and_parts(post):
    post.traps.take(event(), "10.0.0.1")
    assert post.asked == [("a", PLAIN | {Aspect.COMPONENTS})]
    assert post.count("taken") == 1


def test_a_threshold_is_a_reason_to_read_the_sensors(post):
    post.traps.take(event(specific=0x010157), "10.0.0.1")
    assert post.asked == [("a", PLAIN | {Aspect.SENSORS})]


def test_any_other_trap_of_a_device_is_a_reason_to_look_at_its_log_and_a_start_at_its_parts(post):
    post.traps.take(trap_v2c((1, 3, 6, 1, 6, 3, 1, 1, 5, 1), []), "fd00:0::2")
    post.traps.take(trap_v1(pet.ENTERPRISE, 1, [(pet.BINDING, octets(b"short"))]), "::ffff:10.0.0.1")
    assert post.asked == [("b", PLAIN | {Aspect.COMPONENTS}), ("a", PLAIN)]


def test_a_device_behind_another_address_is_known_by_its_guid(post):
    post.traps.take(event(), "192.168.7.7")
    assert [device for device, _ in post.asked] == ["a"]


def test_what_a_proxy_passes_on_is_its_senders(post):
    post.traps.take(event("00" * 16, agent="10.0.0.1"), "192.168.7.7")
    assert [device for device, _ in post.asked] == ["a"]


def test_of_two_devices_at_one_address_the_guid_names_one_and_without_it_nobody_is_meant(post):
    post.traps.take(event("00" * 16), "10.0.0.9")
    assert (post.asked, post.count("unknown")) == ([], 1)
    post.traps.take(event("aaaaaaaa000000000000000000000001"), "10.0.0.9")
    assert [device for device, _ in post.asked] == ["d"]


def test_a_guid_of_another_device_does_not_outweigh_the_address(post):
    post.traps.take(event(), "fd00::2")
    assert [device for device, _ in post.asked] == ["b"]


def test_strangers_and_garbage_are_counted_and_nothing_else(post):
    post.traps.take(event("00" * 16), "10.9.9.9")
    post.traps.take(b"\x30\x82", "10.0.0.1")
    assert post.asked == []
    assert (post.count("unknown"), post.count("garbled")) == (1, 1)


def test_of_a_thousand_traps_of_one_sender_few_are_read_and_the_others_are_plain_hints(post, monkeypatch):
    for _ in range(1000):
        post.traps.take(event(), "10.0.0.1")
    assert post.count("taken") == ONE_SENDER[0] // len(event())
    assert post.count("taken") + post.count("unread") == len(post.asked) == 1000
    assert {aspects for _, aspects in post.asked} == {frozenset(PLAIN), frozenset(PLAIN | {Aspect.COMPONENTS})}


async def test_twenty_thousand_traps_of_forged_senders_lead_to_a_bounded_number_of_polls(monkeypatch):
    fleet = [origin(f"s{number}", f"ipmi://10.1.{number // 250}.{number % 250}") for number in range(1000)]
    flood = Post(*fleet)
    await flood.origins.read()
    polled: dict[str, int] = {}
    for second in range(20):
        for number in range(1000):
            flood.traps.take(event("00" * 16), f"10.1.{number // 250}.{number % 250}")
        for device, _ in flood.asked:
            polled.setdefault(device, second)
        await flood.clock.advance(1)
    assert POLLS[0] <= len(polled) <= POLLS[0] + 20 * POLLS[1]
    assert flood.count("slowed") > 10_000


async def test_a_device_that_was_polled_for_a_trap_takes_no_other_devices_place(post):
    for _ in range(int(POLLS[0]) * 2):
        post.traps.take(event(), "10.0.0.1")
    post.traps.take(event("00" * 16), "fd00::2")
    assert post.asked[-1] == ("b", PLAIN | {Aspect.COMPONENTS})


def test_senders_are_remembered_up_to_a_cap(post, monkeypatch):
    monkeypatch.setattr("fleetmon.traps.SENDERS", 10)
    assert SENDERS > 10
    for number in range(50):
        post.traps.take(event(), f"10.2.0.{number}")
    assert len(post.traps._senders) == 10


# ---- over a socket ---------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def listening(post: Post) -> AsyncIterator[socket.socket]:
    """The role at work, and the socket that it listens on."""
    opened: list[socket.socket] = []
    bind = traps._bind
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traps, "_bind", lambda listen: opened.append(bind(listen)) or opened[0])
        running = asyncio.create_task(post.traps.run())
        while not opened:
            await asyncio.sleep(0)
    try:
        yield opened[0]
    finally:
        running.cancel()
        await asyncio.wait({running})


async def until(reached) -> None:
    async with asyncio.timeout(10):
        while not reached():
            await asyncio.sleep(0.01)


async def test_a_burst_of_three_thousand_is_taken_whole_and_nobody_is_answered():
    post = Post(origin("a", "ipmi://127.0.0.1"))
    async with listening(post) as line:
        if line.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < BUFFER:
            pytest.skip("the kernel permits no larger buffer here (net.core.rmem_max)")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(3000):
                sender.sendto(event(), line.getsockname())
            await until(lambda: len(post.asked) == 3000)
            sender.setblocking(False)
            with pytest.raises(BlockingIOError):
                sender.recv(100)


async def test_what_the_kernel_dropped_is_counted(monkeypatch):
    monkeypatch.setattr("fleetmon.traps.BUFFER", 2048)
    post = Post(origin("a", "ipmi://127.0.0.1"))
    async with listening(post) as line:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(500):
                sender.sendto(event(), line.getsockname())
        await until(lambda: post.asked)
        await post.clock.advance(5)
        await until(lambda: post.count("dropped"))
        assert post.count("dropped") == 500 - len(post.asked)


async def test_a_port_that_is_taken_is_told_with_what_to_do():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        post = Post()
        taken = Listen(host="127.0.0.1", port=other.getsockname()[1])
        role = Traps(
            taken,
            origins=post.origins,
            hinted=post.hinted,
            login=post.logins.get,
            tell=post.tell,
            clock=post.clock,
            metrics=post.metrics,
        )
        with pytest.raises(ConfigError, match=r"cannot take traps on 127\.0\.0\.1:\d+: .*traps\.port"):
            await role.run()


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_net_snmps_trap_is_taken(version):
    snmptrap = shutil.which("snmptrap")
    if snmptrap is None:
        pytest.skip("snmptrap is not installed (Debian: snmp)")
    post = Post(origin("a", "ipmi://127.0.0.1"))
    octets_ = ["1.3.6.1.4.1.3183.1.1.1", "x", bytes.fromhex(GUID + BODY).hex()]
    async with listening(post) as line:
        where = f"127.0.0.1:{line.getsockname()[1]}"
        named = (
            ["1.3.6.1.4.1.3183.1.1", "127.0.0.1", "6", str(0x010157), "4711"]
            if version == "1"
            else ["4711", f"1.3.6.1.4.1.3183.1.1.0.{0x010157}"]
        )
        command = [snmptrap, f"-v{version}", "-c", "public", where, *named, *octets_]
        await asyncio.to_thread(subprocess.run, command, check=True, timeout=20, capture_output=True)
        await until(lambda: post.asked)
    assert post.asked == [("a", PLAIN | {Aspect.SENSORS})]


# ---- signed ----------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def looking(post: Post) -> AsyncIterator[None]:
    """Signatures are looked at; device a is polled over SNMPv3, b over v2c."""
    for device_id, query in (("a", "?auth=sha256&priv=aes128"), ("b", "")):
        endpoint = Endpoint(protocol=Protocol.SNMP, address=f"snmp://10.0.0.1{query}")
        post.logins[device_id] = (endpoint, USER)
    running = asyncio.create_task(post.traps._proofs.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_a_signed_trap_is_a_hint_at_once_and_more_of_one_when_its_signature_fits(post):
    async with looking(post):
        post.traps.take(sent("sha256", "aes128"), "10.0.0.1")
        assert post.asked == [("a", PLAIN)]
        await until(lambda: post.count("signed"))
    assert post.asked[1:] == [("a", PLAIN | {Aspect.COMPONENTS, Aspect.SENSORS})]
    assert post.told == []


async def test_a_wrong_signature_is_told_once_a_day_and_source(post):
    forged = sent("sha256", "aes128", phrases=("another phrase", "secret phrase"))
    async with looking(post):
        for number in range(1, 4):
            post.traps.take(forged, "10.0.0.1")
            await until(lambda number=number: post.count("refused") == number)
        assert [(device, what) for device, what, _, _ in post.told] == [("a", "TrapRefused")]
        await post.clock.advance(86_400)
        post.traps.take(forged, "10.0.0.1")
        await until(lambda: len(post.told) == 2)
    assert {aspects for _, aspects in post.asked} == {frozenset(PLAIN)}


async def test_a_trap_that_is_sent_again_much_later_is_stale_and_one_after_a_restart_is_not(post):
    sendings = {(2, 5000): "signed", (2, 4900): "signed", (2, 4000): "stale", (1, 9000): "stale", (3, 1): "signed"}
    async with looking(post):
        for at, outcome in sendings.items():
            before = post.count(outcome)
            post.traps.take(sent("sha256", "aes128", at=at), "10.0.0.1")
            await until(lambda outcome=outcome, before=before: post.count(outcome) == before + 1)
    assert post.told == []


async def test_a_signed_trap_of_a_device_without_a_user_is_a_plain_hint_and_a_strangers_nothing(post):
    async with looking(post):
        post.traps.take(sent("sha256", ""), "fd00::2")
        post.traps.take(sent("sha256", ""), "10.9.9.9")
        await until(lambda: post.count("unproven"))
    assert (post.asked, post.count("unknown"), post.told) == ([("b", PLAIN)], 1, [])


# ---- storms ----------------------------------------------------------------------------------------------------------


def test_a_storm_is_told_when_it_is_quiet_again_or_lasts_and_a_handful_is_none():
    storms = Storms()
    for number in range(LEAST):
        storms.note(f"10.0.0.{number % 3}", "a" if number % 3 else None, now=number / 100)
    assert storms.ended(now=10 + QUIET - 1) is None
    told = storms.ended(now=10 + QUIET)
    assert told is not None
    assert (told.unread, told.senders, told.device_id, told.of_device) == (LEAST, 3, "a", 666)
    assert str(told) == "1000 SNMP traps in 10 s from 3 addresses, 666 of them from its own, were too many to read"
    assert storms.ended(now=100) is None
    storms.note("10.0.0.1", "a", now=200)
    assert storms.ended(now=300) is None, "too few"
    for second in range(int(LONG) + 1):
        storms.drop(5, now=1000 + second)
    lasting = storms.ended(now=1000 + LONG)
    assert lasting is not None
    assert (lasting.unread, lasting.senders, lasting.device_id) == (5 * (int(LONG) + 1), 0, None)
