"""The UDP port of an emulated BMC: who gets in, what is refused with which status, and what is not answered at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from emulator.ipmi.lan import Lan
from emulator.ipmi.message import Privilege, Reply, Request
from tests.emulator_client import Client, client_of
from tests.rmcp_client import ADMINISTRATOR, SilentError, console

APP, CHASSIS = 0x06, 0x00
DEVICE_ID, GUID, CAPABILITIES, CIPHERS = 0x01, 0x37, 0x38, 0x54
SET_PRIVILEGE, CLOSE, INFO, POWER = 0x3B, 0x3C, 0x3D, 0x01
USER, OPERATOR = 2, 3
BAD_NAME, WRONG_PROOF, NO_SESSION, FULL, BAD_ROLE = 0x0D, 0x0F, 0x02, 0x01, 0x0A


class Echo:
    """A machine that says who asked what."""

    guid = bytes(range(0x40, 0x50))

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def answer(self, request: Request) -> Reply:
        self.asked.append(request)
        return Reply(0, self.guid if request.command == GUID else request.data)


class Lab:
    """One machine that echoes, its port and its accounts."""

    def __init__(self, client: Client) -> None:
        self.client, self.machine = client, Echo()
        self.bmc = client.fleet.bmc("web-01")
        self.lan = self.bmc.lan = Lan(self.bmc, self.machine)
        self.user, self.password = client.fleet.user, client.fleet.password

    @property
    def port(self) -> int:
        return self.lan.port

    def rows(self, what: str) -> list[dict[str, Any]]:
        return self.client.fleet.ledger.since(0, what=what)


@contextlib.asynccontextmanager
async def lab_of() -> AsyncIterator[Lab]:
    async with client_of("one_server") as client:
        lab = Lab(client)
        await lab.lan.open()
        try:
            yield lab
        finally:
            lab.lan.close()


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with lab_of() as lab:
        yield lab


# ---- outside a session ----


async def test_a_presence_ping_is_answered_with_what_is_spoken_here(lab: Lab) -> None:
    async with console(lab.port) as line:
        pong = await line.exchange(bytes.fromhex("0600ff06000011be80420000"))
        assert pong.hex() == "0600ff06" + "000011be" + "40420010" + "000011be" + "00000000" + "81" + "00" * 7
        acknowledge = await line.exchange(bytes.fromhex("06000506000011be80420000"))
        assert acknowledge.hex() == "06000586"
        assert (await line.next()) == pong


async def test_anybody_may_ask_how_to_come_in_and_whose_this_is(lab: Lab) -> None:
    async with console(lab.port) as line:
        assert await line.outside(APP, CAPABILITIES, b"\x8e\x04") == (0, bytes.fromhex("0180040200000000"))
        assert await line.outside(APP, CAPABILITIES, b"\x0e\x04") == (0, bytes.fromhex("0100040000000000"))
        assert await line.outside(APP, CAPABILITIES, b"\x85\x04") == (0xCC, b"")
        assert await line.outside(APP, CAPABILITIES, b"\x8e") == (0xC7, b"")
        assert await line.outside(APP, CIPHERS, b"\x0e\x00\x80") == (0, bytes.fromhex("01c003014181c011034481"))
        assert await line.outside(APP, CIPHERS, b"\x0e\x00\x00") == (0, bytes.fromhex("010103414481"))
        assert await line.outside(APP, CIPHERS, b"\x0e\x00\x81") == (0, b"\x01")
        assert await line.outside(APP, GUID) == (0, Echo.guid)
        assert lab.machine.asked == [Request(APP, 0, GUID, b"", Privilege.NONE)]


async def test_without_a_session_nothing_else_is_told(lab: Lab) -> None:
    async with console(lab.port) as line:
        for netfn, command in ((APP, DEVICE_ID), (CHASSIS, POWER), (APP, CLOSE), (0x0A, 0x37)):
            assert await line.outside(netfn, command) == (0xD4, b"")
        assert lab.machine.asked == []


# ---- the way in ----


@pytest.mark.parametrize("suite", [3, 17])
async def test_who_knows_the_password_gets_in_and_is_heard(lab: Lab, suite: int) -> None:
    async with console(lab.port) as line:
        assert await line.login(lab.user, lab.password, suite) == 0
        assert line.guid == Echo.guid
        for length in (0, 1, 7, 8, 9, 23, 24, 25, 200):
            assert await line.ask(0x2E, 0x10, bytes(length)) == (0, bytes(length))
        asked = lab.machine.asked[0]
        assert asked[:5] == (0x2E, 0, 0x10, b"", Privilege.USER)
        assert asked.source.startswith(f"{lab.user}@127.0.0.1:")
        ((login,), (logged, *_)) = lab.rows("login"), reversed(lab.bmc.machine.logs["lifecycle"].entries)
        assert (login["protocol"], login["cipher"], login["sessions"]) == ("ipmi", suite, 1)
        assert logged.message_id.endswith("SessionOpened")


async def test_every_step_may_be_sent_twice_and_is_answered_alike(lab: Lab) -> None:
    async with console(lab.port) as line:
        for step in (line.open(17), line.challenge(lab.user, lab.password), line.prove()):
            assert await step == 0
            sent = line.last_sent
            answers = [await line.exchange(sent) for _ in range(2)]
            assert answers[0] == answers[1]
        spoilt = bytearray(line.rakp_3())
        spoilt[-1] ^= 1
        assert (await line.greet(0x14, bytes(spoilt)))[1] == NO_SESSION
        assert await line.ask(0x2E, 0x10, b"x") == (0, b"x")
        assert len(lab.lan.sessions.by_id) == 1
        assert len(lab.rows("login")) == 1


async def test_a_proof_is_good_for_its_own_session_alone(lab: Lab) -> None:
    """A RAKP Message 3 overheard in one session opens no other."""
    async with console(lab.port) as line, console(lab.port) as thief:
        assert await line.login(lab.user, lab.password) == 0
        overheard = line.rakp_3()
        assert await thief.open(17) == 0
        await thief.challenge(lab.user, "whatever")
        stolen = overheard[:4] + thief.session_id.to_bytes(4, "little") + overheard[8:]
        assert (await thief.greet(0x14, stolen))[1] == WRONG_PROOF
        assert (await thief.greet(0x14, stolen))[1] == NO_SESSION


async def test_another_challenge_makes_the_first_one_void(lab: Lab) -> None:
    async with console(lab.port) as line:
        assert await line.open(17) == 0
        assert await line.challenge(lab.user, lab.password) == 0
        first = line.rakp_3()
        line.randoms = (bytes(16), b"")
        assert await line.challenge(lab.user, lab.password) == 0
        assert await line.prove() == 0
        assert await line.open(17) == 0
        assert await line.challenge(lab.user, lab.password) == 0
        stale = first[:4] + line.session_id.to_bytes(4, "little") + first[8:]
        assert (await line.greet(0x14, stale))[1] == WRONG_PROOF


@pytest.mark.parametrize(
    ("payloads", "status"),
    [
        ("0000000802000000 0100000801000000 0200000801000000", 0x04),
        ("0000000801000000 0100000802000000 0200000801000000", 0x05),
        ("0000000801000000 0100000801000000 0200000802000000", 0x10),
        ("0000000801000000 0100000804000000 0200000801000000", 0x11),
        ("0100000801000000 0100000801000000 0200000801000000", 0x06),
        ("0000000801000000 0000000801000000 0200000801000000", 0x07),
        ("0000000801000000 0100000801000000 0200000701000000", 0x12),
        ("0000000800000000 0100000800000000 0200000800000000", 0x04),
    ],
)
async def test_algorithms_that_are_not_spoken_here_are_refused_with_their_status(
    lab: Lab, payloads: str, status: int
) -> None:
    async with console(lab.port) as line:
        answer = await line.greet(0x10, bytes.fromhex("07040000 a3a2a1a0" + payloads))
        assert answer.hex() == f"07{status:02x}0000a3a2a1a0"


async def test_an_algorithm_left_open_is_chosen_by_the_bmc(lab: Lab) -> None:
    async with console(lab.port) as line:
        answer = await line.greet(
            0x10, bytes.fromhex("07000000 a3a2a1a0 0000000000000000 0100000000000000 0200000000000000")
        )
        assert (answer[:4], answer[12:].hex()) == (
            bytes((7, 0, ADMINISTRATOR, 0)),
            "000000080300000001000008040000000200000801000000",
        )


async def test_a_wrong_password_is_told_by_the_proof_and_counted_once(lab: Lab) -> None:
    async with console(lab.port) as line:
        assert await line.open(17) == 0
        assert await line.challenge(lab.user, "wrong") == 256
        assert await line.prove() == WRONG_PROOF
        (row,) = lab.rows("login_refused")
        assert (row["user"], row["how"], row["locked"]) == (lab.user, "ipmi", False)
        assert (lab.lan.tally.refused, lab.bmc.tally.refused) == (1, 1)


async def test_a_client_that_says_the_proof_was_wrong_has_been_refused(lab: Lab) -> None:
    async with console(lab.port) as line:
        assert await line.open(3) == 0
        assert await line.challenge(lab.user, "wrong") == 256
        with pytest.raises(SilentError):
            await line.greet(0x14, line.rakp_3(status=WRONG_PROOF))
        assert len(lab.rows("login_refused")) == 1
        assert lab.lan.sessions.by_id == {}


async def test_names_and_roles_that_do_not_fit_are_refused_with_their_status(lab: Lab) -> None:
    client = lab.client
    for name, role in (("reader", "ReadOnly"), ("works", "Operator"), ("a-name-of-17-bytes", "ReadOnly")):
        body = {"UserName": name, "Password": "a-password", "RoleId": role}
        path = "/redfish/v1/AccountService/Accounts"
        assert (await client.ask("web-01", path, method="POST", body=body))[0] == 201
    async with console(lab.port) as line:
        assert await line.open(17) == 0
        assert await line.challenge("nobody", "wrong") == BAD_NAME
        assert await line.login("reader", "a-password", role=ADMINISTRATOR) == BAD_ROLE
        assert await line.login("works", "a-password", role=ADMINISTRATOR) == BAD_ROLE
        assert await line.login("works", "a-password", role=OPERATOR) == 0
        assert await line.login("reader", "a-password", role=USER) == 0
        assert await line.open(17, role=USER) == 0
        line.role = 0x10 | ADMINISTRATOR
        assert await line.challenge(lab.user, lab.password) == BAD_ROLE
        assert await line.open(17, role=5) == 0x09
        assert await line.open(17, role=1) == 0
        line.role = 1
        assert await line.challenge(lab.user, lab.password) == 0x09
        assert await line.login("a-name-of-17-bytes", "a-password", role=USER) == 0x0C


async def test_the_lockout_is_one_for_both_protocols(lab: Lab) -> None:
    lab.client.fleet.strike(machine="web-01", fault={"lockout": {"n": 3, "sec": 300}})
    async with console(lab.port) as line:
        assert (await lab.client.login("web-01", "wrong"))[0] == 401
        for _ in range(2):
            assert await line.open(17) == 0
            assert await line.challenge(lab.user, "wrong") == 256
            assert await line.prove() == WRONG_PROOF
        assert await line.login(lab.user, lab.password) == BAD_NAME
        assert (await lab.client.login("web-01"))[0] == 401
        lab.client.fleet.advance(301)
        assert await line.login(lab.user, lab.password) == 0
        assert (await lab.client.login("web-01"))[0] == 201
        assert len(lab.rows("locked_out")) == 1


async def test_a_right_password_over_ipmi_begins_the_count_of_wrong_ones_anew(lab: Lab) -> None:
    lab.client.fleet.strike(machine="web-01", fault={"lockout": {"n": 3, "sec": 300}})
    async with console(lab.port) as line:
        for _ in range(2):
            for password in ("wrong", "wrong", lab.password):
                assert await line.open(17) == 0
                await line.challenge(lab.user, password)
                assert await line.prove() == (0 if password == lab.password else WRONG_PROOF)
        assert lab.rows("locked_out") == []


async def test_while_no_password_is_right_none_is_right_here_either(lab: Lab) -> None:
    async with console(lab.port) as line:
        assert await line.login(lab.user, lab.password) == 0
        lab.client.fleet.strike(machine="web-01", fault="reject_credentials")
        with pytest.raises(SilentError):
            await line.ask(APP, DEVICE_ID)
        assert await line.open(17) == 0
        assert await line.challenge(lab.user, lab.password) == 256
        assert await line.prove() == WRONG_PROOF


async def test_who_was_given_a_challenge_and_never_came_back_is_told_in_the_ledger(lab: Lab) -> None:
    """Whoever asks gets a hash of the password to try offline; that is the trace it leaves."""
    async with console(lab.port) as line:
        assert await line.open(17) == 0
        assert await line.challenge(lab.user, "unknown") == 256
        lab.client.fleet.advance(61)
        lab.lan.sessions.sweep()
        assert (len(lab.rows("login_abandoned")), lab.lan.tally.abandoned) == (1, 1)
        assert lab.rows("login_refused") == []


# ---- how many, and for how long ----


async def test_when_all_sessions_are_taken_the_next_one_is_refused_and_a_logout_makes_room(lab: Lab) -> None:
    async with contextlib.AsyncExitStack() as lines:
        inside = [await lines.enter_async_context(console(lab.port)) for _ in range(4)]
        assert [await line.login(lab.user, lab.password) for line in inside] == [0] * 4
        late = await lines.enter_async_context(console(lab.port))
        assert await late.open(17) == FULL
        assert [row["sessions"] for row in lab.rows("login_full")] == [4]
        assert await inside[0].ask(APP, CLOSE, inside[0].session_id.to_bytes(4, "little")) == (0, b"")
        assert await late.login(lab.user, lab.password) == 0
        assert (lab.lan.tally.sessions.now, lab.lan.tally.sessions.most) == (4, 4)


async def test_half_open_sessions_keep_nobody_out(lab: Lab) -> None:
    async with console(lab.port) as flood, console(lab.port) as line:
        for number in range(20):
            flood.console_id = number + 1
            assert await flood.open(17) == 0
        assert await line.login(lab.user, lab.password) == 0


async def test_a_session_without_a_packet_for_a_minute_is_over(lab: Lab) -> None:
    async with console(lab.port) as line:
        assert await line.login(lab.user, lab.password) == 0
        for _ in range(3):
            lab.client.fleet.advance(59)
            assert await line.ask(0x2E, 0x10) == (0, b"")
        lab.client.fleet.advance(61)
        with pytest.raises(SilentError):
            await line.ask(0x2E, 0x10)
        assert [row["sessions"] for row in lab.rows("session_expired")] == [0]


async def test_a_reset_of_the_bmc_forgets_sessions_and_is_silent_meanwhile(lab: Lab) -> None:
    async with console(lab.port) as line:
        assert await line.login(lab.user, lab.password) == 0
        lab.client.fleet.strike(machine="web-01", fault="reset_bmc", seconds=60)
        assert not await line.pings()
        lab.client.fleet.advance(61)
        assert await line.pings()
        with pytest.raises(SilentError):
            await line.ask(0x2E, 0x10)
        assert await line.login(lab.user, lab.password) == 0


async def test_a_machine_without_power_is_silent(lab: Lab) -> None:
    async with console(lab.port) as line:
        for feed in "AB":
            lab.client.fleet.strike(rack="R01", fault="lose_feed", feed=feed)
        assert not await line.pings()
        assert lab.lan.tally.datagrams == 0


async def test_a_bmc_that_hangs_says_nothing_and_goes_on_when_it_is_healed(lab: Lab) -> None:
    async with console(lab.port) as line:
        assert await line.login(lab.user, lab.password) == 0
        hang = lab.client.fleet.strike(machine="web-01", fault="hang_bmc")
        assert not await line.pings()
        for _ in range(2):
            with pytest.raises(SilentError):
                await line.ask(0x2E, 0x10)
        with pytest.raises(SilentError):
            await line.open(17)
        lab.client.fleet.heal(hang)
        assert await line.ask(0x2E, 0x10, b"again") == (0, b"again")


async def test_a_new_password_signs_everybody_out(lab: Lab) -> None:
    async with console(lab.port) as line:
        assert await line.login(lab.user, lab.password) == 0
        path = "/redfish/v1/AccountService/Accounts/1"
        body = {"Password": "another-password"}
        assert (await lab.client.ask("web-01", path, method="PATCH", body=body))[0] == 200
        with pytest.raises(SilentError):
            await line.ask(0x2E, 0x10)
        assert await line.login(lab.user, "another-password") == 0


# ---- in the session ----


async def test_a_session_begins_as_a_user_and_rises_as_far_as_it_was_opened_for(lab: Lab) -> None:
    async with console(lab.port) as line:
        assert await line.login(lab.user, lab.password, role=OPERATOR) == 0
        assert await line.ask(APP, SET_PRIVILEGE, b"\x00") == (0, bytes((USER,)))
        assert await line.ask(APP, SET_PRIVILEGE, b"\x03") == (0, bytes((OPERATOR,)))
        assert await line.ask(APP, SET_PRIVILEGE, b"\x04") == (0x81, b"")
        assert await line.ask(APP, SET_PRIVILEGE, b"\x01") == (0xCC, b"")
        assert await line.ask(APP, SET_PRIVILEGE, b"") == (0xC7, b"")
        await line.ask(0x2E, 0x10)
        assert lab.machine.asked[-1].privilege == OPERATOR


async def test_a_packet_is_heard_once_and_an_old_one_not_at_all(lab: Lab) -> None:
    """Sixteen behind the highest number and fifteen ahead of it (IPMI v2.0, 6.12.13)."""
    async with console(lab.port) as line:
        assert await line.login(lab.user, lab.password) == 0

        async def heard(sequence: int) -> bool:
            line.send(line.sealed(0x2E, 0x10, sequence=sequence))
            try:
                await line.next(0.05)
            except SilentError:
                return False
            return True

        assert [await heard(n) for n in (15, 15, 1, 1, 0)] == [True, False, True, False, False]
        assert [await heard(n) for n in (30, 14, 13, 46, 45)] == [True, True, False, False, True]
        assert len(lab.machine.asked) == 5


async def test_what_is_forged_spoilt_or_in_the_clear_is_not_answered(lab: Lab) -> None:
    async with console(lab.port) as line:
        assert await line.login(lab.user, lab.password) == 0

        def spoilt(at: int) -> bytes:
            packet = bytearray(line.sealed(0x2E, 0x10, b"12345"))
            packet[at] ^= 1
            return bytes(packet)

        in_the_clear = bytearray(line.sealed(0x2E, 0x10))
        in_the_clear[5] = 0
        for datagram in (spoilt(20), spoilt(-1), spoilt(6), spoilt(10), bytes(in_the_clear), b"", b"\x06", bytes(600)):
            line.send(datagram)
        with pytest.raises(SilentError):
            await line.next()
        assert lab.machine.asked == []
        assert await line.ask(0x2E, 0x10, b"well") == (0, b"well")


async def test_what_is_signed_but_not_as_agreed_is_not_answered(lab: Lab) -> None:
    async with console(lab.port) as line:
        assert await line.login(lab.user, lab.password) == 0
        agreed = line.suite
        line.suite = (*agreed[:2], 0)
        line.send(line.sealed(0x2E, 0x10))
        line.suite = agreed
        message = line.message(0x2E, 0x10, b"12")
        assert len(message) == 9
        for pad in (
            b"\x01\x02\x03\x04\x05\x06\x06",
            b"\x01\x02\x03\x04\x05\x07\x06",
            bytes(6) + b"\x06",
            b"\x01\x02\x03",
        ):
            line.send(line.wrapped(message, pad=pad))
        line.send(line.wrapped(message[:-1] + bytes((message[-1] ^ 1,))))
        line.send(line.wrapped(bytes((0x20, 0x2E << 2, 1)) + message[3:]))
        assert (await line.next())[4] == 6
        with pytest.raises(SilentError):
            await line.next()
        assert len(lab.machine.asked) == 1, "the one whose pad was right"


async def test_an_answer_that_is_late_does_not_come_from_a_bmc_that_has_gone(lab: Lab) -> None:
    async with console(lab.port) as line:
        assert await line.login(lab.user, lab.password) == 0
        lab.client.fleet.strike(machine="web-01", fault={"latency": 0.05})
        line.send(line.sealed(0x2E, 0x10))
        await asyncio.sleep(0.02)
        lab.client.fleet.strike(machine="web-01", fault="reset_bmc")
        with pytest.raises(SilentError):
            await line.next()
        assert len(lab.machine.asked) == 1


async def test_sessions_tell_of_themselves_and_an_administrator_closes_those_of_others(lab: Lab) -> None:
    async with console(lab.port) as line, console(lab.port) as other:
        assert await line.login(lab.user, lab.password) == 0
        assert await other.login(lab.user, lab.password, role=USER) == 0
        code, told = await line.ask(APP, INFO, b"\x00")
        assert (code, told[:6].hex(), told[6:10]) == (0, "010402020211", bytes((127, 0, 0, 1)))
        assert (await line.ask(APP, INFO, b"\x02"))[1][0] == 2
        assert (await line.ask(APP, INFO, b"\xfe\x02"))[1][0] == 2
        assert (await line.ask(APP, INFO, b"\xff" + other.session_id.to_bytes(4, "little")))[1][0] == 2
        assert await line.ask(APP, INFO, b"\x03") == (0, bytes((0, 4, 2)))
        assert await line.ask(APP, INFO, b"\xfe\x09") == (0xCB, b"")
        assert await other.ask(APP, CLOSE, line.session_id.to_bytes(4, "little")) == (0xD4, b"")
        assert (await line.ask(APP, SET_PRIVILEGE, b"\x04"))[0] == 0
        assert await line.ask(APP, CLOSE, b"\x01\x02\x03\x04") == (0x87, b"")
        assert await line.ask(APP, CLOSE, bytes(4) + b"\x09") == (0x88, b"")
        assert await line.ask(APP, CLOSE, bytes(4) + b"\x02") == (0, b"")
        with pytest.raises(SilentError):
            await other.ask(0x2E, 0x10)


async def test_what_was_asked_is_counted(lab: Lab) -> None:
    async with console(lab.port) as line:
        assert await line.login(lab.user, lab.password) == 0
        for _ in range(3):
            await line.ask(0x04, 0x2D, b"\x01")
        line.tag -= 1
        await line.ask(0x04, 0x2D, b"\x01")
        (row,) = (await lab.client.control("GET", "/traffic"))[1]["items"]
        counted = {key: row["ipmi"][key] for key in ("datagrams", "repeats", "requests", "logins", "sessions")}
        assert counted == {"datagrams": 7, "repeats": 1, "requests": 4, "logins": 1, "sessions": 1}
        assert lab.lan.tally.requests == {"IPMI 04h/2Dh": 4}
        requests = [row for row in lab.rows("request") if row["method"] == "IPMI"]
        assert (requests[0]["target"], requests[0]["status"], requests[0]["session"]) == ("04h/2Dh", 0, 1)
        assert row["requests"] == 0
