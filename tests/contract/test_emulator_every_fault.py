"""Every fault of the catalogue that a device brings about, set by its id and seen from outside, byte by byte.

The client is a socket: no library stands between the fault and the test.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import ssl
import warnings
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from emulator.fault_ids import ELSEWHERE, PRESETS
from emulator.fault_rows import NAMED_IDS
from tests.contract.test_emulator_ipmi_faults import LOOKS as LOOKS_OVER_IPMI
from tests.emulator_client import Client, client_of

SYSTEM = "/redfish/v1/Systems/System.1"
CHASSIS = "/redfish/v1/Chassis/Enclosure.1"
ENTRIES = "/redfish/v1/Managers/Bmc.1/LogServices/SEL/Entries"
DRIVE = f"{SYSTEM}/Storage/1/Drives/Bay.0"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
SESSIONS = "/redfish/v1/SessionService/Sessions"
ROOT_REQUEST = b"GET /redfish/v1 HTTP/1.1\r\nHost: x\r\n\r\n"
PATIENCE = 0.25
"""Real seconds after which what does not come is said not to come."""


class Wire:
    """What a machine says on a socket."""

    def __init__(self, client: Client, machine: str = "web-01") -> None:
        self.client, self.machine = client, machine
        self._lines: list[asyncio.StreamWriter] = []

    @property
    def port(self) -> int:
        return urlsplit(self.client.fleet.address(self.machine)).port or 0

    async def open(self, context: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TLS connection that trusts anybody."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context or trusting(), limit=1 << 22)
        self._lines.append(writer)
        return reader, writer

    def close(self) -> None:
        """Cuts every line."""
        for writer in self._lines:
            writer.transport.abort()

    async def raw(
        self, path: str, *, method: str = "GET", body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and bytes of one answer; status 0 is a line that was cut."""
        reader, writer = await self.open()
        try:
            sent = b"" if body is None else json.dumps(body).encode()
            told = self.client.basic | {"Host": "x", "Content-Length": str(len(sent)), "Connection": "close"} | headers
            lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + sent)
            return _parsed(await reader.read())
        except (ConnectionError, ssl.SSLError):
            return 0, {}, b""
        finally:
            writer.close()

    async def get(self, path: str) -> Any:
        """The document at a path."""
        return json.loads((await self.raw(path))[2])

    async def post(self, path: str, body: Any, **headers: str) -> int:
        """The status of a POST."""
        return (await self.raw(path, method="POST", body=body, **headers))[0]

    async def login(self, password: str = "") -> tuple[int, dict[str, str], bytes]:
        """The answer to a sign-in."""
        fleet = self.client.fleet
        body = {"UserName": fleet.user, "Password": password or fleet.password}
        return await self.raw(SESSIONS, method="POST", body=body, Authorization="")

    async def strike(self, fault: Any, **more: Any) -> str:
        """Sets a fault over the control API; its id."""
        status, answer = await self.client.control("POST", "/faults", {"machine": self.machine, "fault": fault} | more)
        assert status == 201, answer
        return str(answer["id"])

    async def never(self, path: str) -> bool:
        """Whether no answer comes."""
        try:
            await asyncio.wait_for(self.raw(path), PATIENCE)
        except TimeoutError:
            return True
        return False


def trusting() -> ssl.SSLContext:
    """A client's TLS that checks nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head:
        return 0, {}, b""
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in lines}
    return int(first.split()[1]), headers, body


# ---- what each id looks like ----

Look = Callable[[Wire], Awaitable[bool]]


async def f01(wire: Wire) -> bool:
    statuses = [(await wire.login())[0] for _ in range(5)]
    return statuses == [201] * 4 + [503]


async def f03(wire: Wire) -> bool:
    token = (await wire.login())[1]["x-auth-token"]
    wire.client.fleet.advance(31)
    return (await wire.raw(SYSTEM, **{"Authorization": "", "X-Auth-Token": token}))[0] == 401


async def refused(wire: Wire) -> bool:
    try:
        await wire.open()
    except ConnectionError:
        return True
    return False


async def f04(wire: Wire) -> bool:
    away = await refused(wire)
    wire.client.fleet.advance(91)
    await wire.client.fleet.bmc("web-01").listening()
    return away and (await wire.raw("/redfish/v1"))[0] == 200


async def f05(wire: Wire) -> bool:
    for _ in range(5):
        await wire.login("wrong")
    locked = (await wire.login())[0]
    wire.client.fleet.advance(299)
    still = (await wire.login())[0]
    wire.client.fleet.advance(299)
    again = (await wire.login())[0]
    wire.client.fleet.advance(301)
    return (locked, still, again, (await wire.login())[0]) == (401, 401, 401, 201)


async def f06(wire: Wire) -> bool:
    status, headers, _ = await wire.login()
    return status == 201 and "location" not in headers


async def f07(wire: Wire) -> bool:
    status, headers, _ = await wire.raw(SYSTEM)
    return (status, headers["retry-after"]) == (503, "30")


async def f08(wire: Wire) -> bool:
    return [(await wire.raw(path))[0] for path in ("/redfish/v1/UpdateService", SYSTEM)] == [500, 200]


async def f09(wire: Wire) -> bool:
    body = {"ImageURI": "https://127.0.0.1/image"}
    path = "/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate"
    location = (await wire.raw(path, method="POST", body=body))[1]["location"]
    return [(await wire.raw(location))[0] for _ in range(3)] == [404, 404, 200]


async def hangs(wire: Wire) -> bool:
    return await wire.never(SYSTEM)


async def f12(wire: Wire) -> bool:
    reader, writer = await wire.open()
    writer.write(ROOT_REQUEST)
    await reader.readuntil(b"\r\n\r\n")
    got = await reader.read(1)
    try:
        await asyncio.wait_for(reader.readexactly(2), PATIENCE)
    except TimeoutError:
        return got == b"{"
    finally:
        writer.close()
    return False


async def f13(wire: Wire) -> bool:
    reader, writer = await wire.open()
    writer.write(ROOT_REQUEST)
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    await reader.readexactly(int(re.search(r"Content-Length: (\d+)", head)[1]))  # type: ignore[index]
    writer.write(ROOT_REQUEST)
    try:
        return await asyncio.wait_for(reader.read(1), PATIENCE) == b""
    except ConnectionError:
        return True


async def f14(wire: Wire) -> bool:
    """60 s away, 30 s without REST, then the first login takes its time and the second does not."""
    fleet = wire.client.fleet
    away = await refused(wire)
    fleet.advance(61)
    await fleet.bmc("web-01").listening()
    busy = (await wire.raw("/redfish/v1"))[0]
    fleet.advance(30)
    ready = (await wire.raw("/redfish/v1"))[0]
    first = asyncio.ensure_future(wire.login())
    slow = not (await asyncio.wait({first}, timeout=PATIENCE))[0]
    first.cancel()
    return (away, busy, ready, slow, (await wire.login())[0]) == (True, 503, 200, True, 201)


async def certificate(wire: Wire) -> x509.Certificate:
    _, writer = await wire.open()
    der = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.close()
    return x509.load_der_x509_certificate(der)


async def f15(wire: Wire) -> bool:
    now = (await certificate(wire)).public_key()
    wire.client.fleet.heal(next(iter(wire.client.fleet.fleet.active.values())))
    await asyncio.sleep(0)
    before = (await certificate(wire)).public_key()
    return now != before and before == (await certificate(wire)).public_key()


async def f16(wire: Wire) -> bool:
    strict, old = trusting(), trusting()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
    old.set_ciphers("ALL:@SECLEVEL=0")
    _, writer = await wire.open(old)
    version = writer.get_extra_info("ssl_object").version()
    writer.close()
    try:
        await wire.open(strict)
    except OSError:
        return str(version) == "TLSv1.1"
    return False


async def f18(wire: Wire) -> bool:
    status, headers, _ = await wire.raw(SYSTEM)
    return status == 301 and not headers["location"].startswith(wire.client.fleet.address("web-01"))


async def f19(wire: Wire) -> bool:
    _, headers, body = await wire.raw(SYSTEM)
    return headers["etag"].startswith("W/") and json.loads(gzip.decompress(body))["Id"] == "System.1"


async def f20(wire: Wire) -> bool:
    status, _, body = await wire.raw(SYSTEM)
    return status == 400 and isinstance(json.loads(body), str)


async def f21(wire: Wire) -> bool:
    _, headers, body = await wire.raw(SYSTEM)
    return headers["content-type"] == "text/html" and body.startswith(b"<!DOCTYPE")


async def f22(wire: Wire) -> bool:
    _, headers, body = await wire.raw(SYSTEM)
    return len(body) == int(headers["content-length"]) and not body.endswith(b"}")


async def f23(wire: Wire) -> bool:
    """Three at once: two lines are busy (held by a body that never ends), the third request hangs."""
    held = [await wire.open() for _ in range(2)]
    for _, writer in held:
        writer.write(b"POST /redfish/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    await asyncio.sleep(0.05)
    hung = await wire.never(SYSTEM)
    for _, writer in held:
        writer.close()
    return hung


async def f24(wire: Wire) -> bool:
    return [(await wire.login())[0], (await wire.login("another-password"))[0]] == [401, 201]


def shows(path: str, pattern: str) -> Look:
    """The bytes at a path hold a pattern."""

    async def look(wire: Wire) -> bool:
        return re.search(pattern.encode(), (await wire.raw(path))[2]) is not None

    return look


async def f28(wire: Wire) -> bool:
    return not {"Name", "Actions", "@odata.type"} & set(await wire.get(SYSTEM))


async def f34(wire: Wire) -> bool:
    await wire.post(RESET, {"ResetType": "ForceOff"})
    wire.client.fleet.advance(10)
    return (await wire.get(f"{SYSTEM}/Storage/1"))["Drives"] == []


async def f36(wire: Wire) -> bool:
    wire.client.fleet.strike(machine="web-01", fault="predict_drive", bay=0)
    return (await wire.get(DRIVE))["Status"]["Health"] == "Warning" and (await wire.get(SYSTEM))["Status"][
        "HealthRollup"
    ] == "OK"


async def f37(wire: Wire) -> bool:
    link = (await wire.get("/redfish/v1/Systems"))["Members"][0]["@odata.id"]
    return link.endswith("System.1/") and (await wire.get(link))["Id"] == "System.1"


async def f38(wire: Wire) -> bool:
    return (await wire.get("/redfish/v1/Systems"))["Members"][0]["Id"] == "System.1"


async def f39(wire: Wire) -> bool:
    for _ in range(60):
        wire.client.fleet.machine("web-01").log("BmcStarted")
    page = await wire.get(ENTRIES)
    return len(page["Members"]) == 50 and "Members@odata.nextLink" in page


async def grows(wire: Wire) -> bool:
    path = ENTRIES.replace("SEL", "Lifecycle")
    counts = [(await wire.get(path))["Members@odata.count"] for _ in range(2)]
    return counts[1] > counts[0]


async def f41(wire: Wire) -> bool:
    return (await wire.get(ENTRIES))["Members@odata.nextLink"] == ENTRIES


async def f42(wire: Wire) -> bool:
    reader, writer = await wire.open()
    writer.write(ROOT_REQUEST)
    got = 0
    while got < 3_000_000:
        piece = await asyncio.wait_for(reader.read(1 << 20), PATIENCE)
        got += len(piece)
    return True


async def f43(wire: Wire) -> bool:
    """A weak tag, sent back as it was told, is refused by one that wants strong ones; stripped, it is taken."""
    await wire.strike({"if_match": "strict"})
    tag = (await wire.raw(SYSTEM))[1]["etag"]
    body = {"AssetTag": "a1"}
    given = [
        (await wire.raw(SYSTEM, method="PATCH", body=body, **{"If-Match": sent}))[0]
        for sent in (tag, tag.removeprefix("W/"))
    ]
    return tag.startswith("W/") and given == [412, 200]


async def f44(wire: Wire) -> bool:
    prefix = (await wire.get(ENTRIES))["Members"][0]["MessageId"].partition(".")[0]
    registries = (await wire.get("/redfish/v1/Registries"))["Members"]
    return not any(prefix in member["@odata.id"] for member in registries)


async def f45(wire: Wire) -> bool:
    statuses = {(await wire.raw("/redfish/v1"))[0] for _ in range(30)}
    return statuses == {200, 503}


async def f46(wire: Wire) -> bool:
    return [(await wire.login())[0] for _ in range(3)] == [500, 500, 201]


def told_at(pattern: str) -> Look:
    """The manager's clock as it tells it."""
    return shows("/redfish/v1/Managers/Bmc.1", f'"DateTime":"{pattern}')


async def f51(wire: Wire) -> bool:
    before = (await wire.get("/redfish/v1/Managers/Bmc.1"))["DateTime"]
    wire.client.fleet.heal(next(iter(wire.client.fleet.fleet.active.values())))
    return bool(before < (await wire.get("/redfish/v1/Managers/Bmc.1"))["DateTime"])


async def f52(wire: Wire) -> bool:
    (entry,) = (await wire.get(ENTRIES))["Members"]
    return (entry["Id"], entry["MessageId"]) == ("1", "Platform.1.0.LogCleared")


async def f53(wire: Wire) -> bool:
    """Full: what happens now is in the ledger as dropped, and in no log."""
    newest = (await wire.get(ENTRIES))["Members"][0]["Id"]
    wire.client.fleet.strike(machine="web-01", fault="fail_fan")
    page = await wire.get(ENTRIES)
    dropped = wire.client.fleet.ledger.since(0, what="log_entry_dropped")
    return page["Members"][0]["Id"] == newest and page["Members@odata.count"] == 512 and len(dropped) == 1


async def f54(wire: Wire) -> bool:
    return (await wire.get(ENTRIES))["Members@odata.count"] == 0


async def f55(wire: Wire) -> bool:
    ids = [int(entry["Id"]) for entry in (await wire.get(ENTRIES.replace("SEL", "Lifecycle")))["Members"]]
    return ids != sorted(ids) and ids != sorted(ids, reverse=True)


async def f56(wire: Wire) -> bool:
    told = [entry["MessageId"].rpartition(".")[2] for entry in (await wire.get(ENTRIES))["Members"][:2]]
    return told == ["TemperatureNormal", "TemperatureHigh"]


async def f58(wire: Wire) -> bool:
    path = "/redfish/v1/EventService/Subscriptions"
    await wire.post(path, {"Destination": "https://127.0.0.1:9/x", "Protocol": "Redfish"})
    await wire.strike("F58")
    return (await wire.get(path))["Members"] == []


async def f59(wire: Wire) -> bool:
    reader, writer = await wire.open()
    basic = wire.client.basic["Authorization"]
    writer.write(f"GET /redfish/v1/SSE HTTP/1.1\r\nHost: x\r\nAuthorization: {basic}\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    wire.client.fleet.strike(machine="web-01", fault="predict_drive", bay=0)
    told = b""
    while told.count(b"DrivePredictiveFailure") < 2:
        told += await asyncio.wait_for(reader.read(65_536), PATIENCE)
    ids = re.findall(rb"id: (\d+)", told)
    logged = [e.message_id for e in wire.client.fleet.machine("web-01").logs["event"].entries]
    return ids[0] == ids[1] and logged.count("StorageDevice.1.1.DrivePredictiveFailure") == 1


async def f60(wire: Wire) -> bool:
    status = await wire.post(RESET, {"ResetType": "ForceOff"})
    wire.client.fleet.advance(300)
    return status == 204 and wire.client.fleet.machine("web-01").power.state == "On"


async def f61(wire: Wire) -> bool:
    await wire.post(RESET, {"ResetType": "ForceOff"})
    wire.client.fleet.advance(10)
    told = (await wire.get(SYSTEM))["PowerState"]
    wire.client.fleet.advance(45)
    return [told, (await wire.get(SYSTEM))["PowerState"]] == ["On", "Off"]


async def f62(wire: Wire) -> bool:
    return await wire.post(RESET, {"ResetType": "On"}) == 409


async def f63(wire: Wire) -> bool:
    await wire.post(RESET, {"ResetType": "ForceOff"})
    wire.client.fleet.advance(10)
    early = await wire.post(RESET, {"ResetType": "On"})
    wire.client.fleet.advance(20)
    return [early, await wire.post(RESET, {"ResetType": "On"})] == [409, 204]


async def f64(wire: Wire) -> bool:
    return await wire.post(RESET, {"ResetType": "GracefulRestart"}) == 400


async def f65(wire: Wire) -> bool:
    await wire.post(RESET, {"ResetType": "GracefulShutdown"})
    wire.client.fleet.advance(300)
    return wire.client.fleet.machine("web-01").power.state == "On"


async def f69(wire: Wire) -> bool:
    status = await wire.post(RESET, {"ResetType": "ForceOff"})
    wire.client.fleet.advance(10)
    return status == 0 and wire.client.fleet.machine("web-01").power.state == "Off"


async def f74(wire: Wire) -> bool:
    body = {"ImageURI": "https://127.0.0.1/image"}
    path = "/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate"
    location = (await wire.raw(path, method="POST", body=body))[1]["location"]
    wire.client.fleet.advance(61)
    return bool((await wire.get(location))["TaskState"] == "Exception")


async def f76(wire: Wire) -> bool:
    return (await wire.raw(f"{ENTRIES.removesuffix('/Entries')}/Actions/LogService.ClearLog", method="POST"))[0] == 415


async def f113(wire: Wire) -> bool:
    _, headers, body = await wire.raw(SYSTEM)
    return headers["content-encoding"] == "gzip" and len(body) < 300_000


async def f115(wire: Wire) -> bool:
    return len((await wire.raw("/redfish/v1"))[1]["x-padding"]) == 1_000_000


LOOKS: dict[str, Look] = {
    "F01": f01, "F03": f03, "F04": f04, "F05": f05, "F06": f06, "F07": f07, "F08": f08, "F09": f09, "F10": hangs,
    "F11": hangs, "F12": f12, "F13": f13, "F14": f14, "F15": f15, "F16": f16, "F18": f18, "F19": f19, "F20": f20,
    "F21": f21, "F22": f22, "F23": f23, "F24": f24,
    "F25": shows(f"{CHASSIS}/Thermal", '"ReadingCelsius":"N/A"'),
    "F26": shows(f"{CHASSIS}/Power", '"IntervalInMin":0.08'),
    "F27": shows(DRIVE, '"CapacityBytes":null'),
    "F28": f28,
    "F29": shows(SYSTEM, '"Status":"a string".*"Model":\\{|"Model":\\{.*"Status":"a string"'),
    "F30": shows(f"{CHASSIS}/Thermal", '"Reading(Celsius)?":(NaN|1e999)'),
    "F31": shows(f"{CHASSIS}/Thermal", '"Reading":\\d+,.*"Reading":999'),
    "F32": shows(DRIVE, '"PredictedMediaLifeLeftPercent":0\\.\\d'),
    "F33": shows(DRIVE, '"PredictedMediaLifeLeftPercent":0[,}]'),
    "F34": f34,
    "F35": shows(DRIVE, '"State":"Absent"'),
    "F36": f36, "F37": f37, "F38": f38, "F39": f39, "F40": grows, "F41": f41, "F42": f42, "F43": f43, "F44": f44,
    "F45": f45, "F46": f46,
    "F49": told_at("1970-"), "F50": told_at(".*-08:00"), "F51": f51, "F52": f52, "F53": f53, "F54": f54, "F55": f55,
    "F56": f56, "F57": grows, "F58": f58, "F59": f59, "F60": f60, "F61": f61, "F62": f62, "F63": f63, "F64": f64,
    "F65": f65, "F67": shows(SYSTEM, '"PowerState":"Off"'), "F68": shows(SYSTEM, '"PowerState":"Quiesced"'),
    "F69": f69, "F74": f74, "F76": f76, "F77": shows(SYSTEM, "To be filled by O.E.M."),
    "F112": shows(SYSTEM, r"\[" * 1_000), "F113": f113, "F114": shows(f"{CHASSIS}/Thermal", "9" * 5_000),
    "F115": f115,
}  # fmt: skip
"""What a client sees of a fault that is set by its id alone."""


@pytest.mark.parametrize("fault_id", LOOKS)
async def test_a_fault_set_by_its_id_is_seen_on_the_wire_and_counted(fault_id: str) -> None:
    async with client_of("one_server") as client:
        wire = Wire(client)
        if fault_id != "F58":
            await wire.strike(fault_id)
        try:
            assert await LOOKS[fault_id](wire)
        finally:
            wire.close()
        if fault_id not in NAMED_IDS:
            rows = client.fleet.ledger.since(0, what="fault_fired")
            assert rows
            assert [row["sequence"] for row in rows] == sorted({row["sequence"] for row in rows})


UNTOLD = {"F04", "F14", "F39", "F58"}
"""Looks that bring the fault with them, wait for it, or see what this firmware does anyway (pages of 50)."""


@pytest.mark.parametrize("fault_id", sorted({*LOOKS} - UNTOLD))
async def test_without_the_fault_nothing_of_it_is_seen(fault_id: str) -> None:
    async with client_of("one_server") as client:
        wire = Wire(client)
        try:
            seen = await LOOKS[fault_id](wire)
        except (LookupError, ValueError, StopIteration, RuntimeError, TimeoutError, OSError):
            seen = False
        finally:
            wire.close()
        assert not seen


def test_every_id_of_a_devices_doing_is_looked_at() -> None:
    wanted = [f"F{n:02}" for n in (*range(1, 60), *range(78, 91), *range(112, 116))]
    assert [fault_id for fault_id in wanted if fault_id not in {*PRESETS, *NAMED_IDS, *ELSEWHERE}] == []
    assert {*LOOKS, *LOOKS_OVER_IPMI} == {*PRESETS, *NAMED_IDS}
