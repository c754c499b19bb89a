"""Discovery: what is asked, how politely, and which answers are one device."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from urllib.parse import urlsplit

import pytest

from fleetmon.clock import ManualClock, SystemClock
from fleetmon.discovery import ADDRESSES_MOST, Known, Search, addresses, devices, discover, knocks
from fleetmon.drivers.base import Credentials, Secret
from fleetmon.drivers.ipmi.knock import answer_to, is_pong, request
from fleetmon.drivers.ipmi.knock import knock as knock_ipmi
from fleetmon.drivers.redfish.knock import knock as knock_redfish
from fleetmon.drivers.redfish.knock import port_of, search, sighting_of
from fleetmon.drivers.sighting import Sighting
from fleetmon.drivers.snmp.knock import SnmpKnock
from fleetmon.errors import Unaskable
from fleetmon.model import Device, DeviceKind, Endpoint, Protocol
from tests.contract.test_emulator_ipmi_faults import PLAN
from tests.emulator_client import client_of
from tests.snmpd import COMMUNITY, PASSWORD, name_of, snmpd

UUID = "4c4c4544-0051-3510-8057-b4c04f565231"
OTHER = "5d5d5544-0051-3510-8057-b4c04f565232"


def sighting(protocol=Protocol.REDFISH, host="10.0.0.7", **more):
    scheme = {Protocol.REDFISH: "https"}.get(protocol, protocol.value)
    return Sighting(protocol=protocol, host=host, address=more.pop("address", f"{scheme}://{host}"), **more)


# ---- what is asked


def test_every_address_of_overlapping_ranges_is_asked_once():
    found = addresses(["10.0.0.0/30", "10.0.0.2", "10.0.0.0/29", "2001:db8::/127"])
    assert [str(one) for one in found] == [*(f"10.0.0.{n}" for n in range(1, 7)), "2001:db8::", "2001:db8::1"]


@pytest.mark.parametrize("ranges", [["10.0.0.0/8"], ["0.0.0.0/0"], ["2001:db8::/64"], ["10.0.0.0/20", "10.1.0.0/24"]])
def test_too_many_addresses_are_refused_with_their_number(ranges):
    with pytest.raises(Unaskable, match=rf"at most {ADDRESSES_MOST:,}"):
        addresses(ranges)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "leaf-1",
        "10.0.0.0/33",
        "224.0.0.0/24",
        "0.0.0.0",
        "ff02::1",
        "0.0.0.0/30",
        "255.255.255.255",
        "240.0.0.1",
        "::ffff:224.0.0.1",
        "::ffff:10.0.0.0/120",
    ],
)
def test_what_is_no_range_of_devices_is_refused(text):
    with pytest.raises(Unaskable):
        addresses([text])


async def test_probes_go_out_at_the_rate_and_each_address_is_asked_one_thing_at_a_time():
    clock, begun = ManualClock(), []

    def knock(protocol):
        async def ask(host, port, patience):
            begun.append((clock.monotonic(), protocol, host))
            return sighting(protocol, host) if host.endswith(".1") else None

        return ask

    by = {protocol: knock(protocol) for protocol in Protocol}
    steps = []

    async def run():
        search = Search(ranges=("10.0.0.0/28",), rate=10, multicast=False)
        steps.extend([step async for step in discover(search, by, clock)])

    task = asyncio.create_task(run())
    await clock.advance(60)
    await task
    assert len(begun) == 14 * 3
    gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(begun)]
    assert min(gaps) >= 0.0999
    assert [protocol for _, protocol, host in begun if host == "10.0.0.1"] == list(Protocol)
    assert (steps[0].done, steps[-1].done, steps[-1].of) == (0, 42, 42)
    assert sum(step.sighting is not None for step in steps) == 3


async def test_a_search_that_is_given_up_asks_no_more():
    clock, begun = ManualClock(), []

    async def ask(host, port, patience):
        begun.append(host)

    walk = discover(Search(ranges=("10.0.0.0/24",), rate=10, multicast=False), dict.fromkeys(Protocol, ask), clock)
    assert (await anext(walk)).of == 254 * 3
    await walk.aclose()
    before = len(begun)
    await clock.advance(100)
    assert len(begun) == before


async def test_what_ssdp_tells_of_is_asked_only_inside_the_ranges():
    asked = []

    async def ask(host, port, patience):
        asked.append((host, port))

    async def heard(seconds, clock):
        return [("10.0.0.1", 8443), ("10.0.0.1", 443), ("10.9.9.9", 443)]

    only = Search(ranges=("10.0.0.1",), ports={Protocol.REDFISH: (443,)})
    async for _ in discover(only, {Protocol.REDFISH: ask}, SystemClock(), seek=heard):
        pass
    assert asked == [("10.0.0.1", 443), ("10.0.0.1", 8443)]


# ---- what it comes to


def test_the_protocols_of_an_address_are_one_device():
    found = devices([sighting(Protocol.SNMP, kind=DeviceKind.SERVER), sighting(Protocol.IPMI), sighting(uuid=UUID)], [])
    assert [[one.protocol for one in device.sightings] for device in found] == [
        [Protocol.REDFISH, Protocol.IPMI, Protocol.SNMP]
    ]


def test_a_uuid_joins_two_addresses_and_a_shared_placeholder_joins_none():
    two = devices([sighting(uuid=UUID), sighting(Protocol.IPMI, "10.0.0.8", uuid=UUID)], [])
    assert len(two) == 1
    many = devices([sighting(host=f"10.0.0.{n}", uuid=UUID) for n in range(1, 5)], [])
    assert len(many) == 4


def test_several_devices_behind_one_address_are_told_apart():
    found = devices(
        [
            sighting(address="https://10.0.0.7:8001", uuid=UUID),
            sighting(address="https://10.0.0.7:8002", uuid=OTHER),
            sighting(Protocol.IPMI, address="ipmi://10.0.0.7:9002", uuid=OTHER),
            sighting(Protocol.IPMI, address="ipmi://10.0.0.7:9009"),
        ],
        [],
    )
    assert [[one.address for one in device.sightings] for device in found] == [
        ["https://10.0.0.7:8001"],
        ["https://10.0.0.7:8002", "ipmi://10.0.0.7:9002"],
        ["ipmi://10.0.0.7:9009"],
    ]
    assert len({device.name for device in found}) == 3


def known(*addresses, uuid=""):
    endpoints = tuple(Endpoint(protocol=Protocol.REDFISH, address=address) for address in addresses)
    return Known.of(Device(device_id="web-11", name="web-11", kind=DeviceKind.SERVER, endpoints=endpoints), uuid)


def test_a_known_device_is_marked_and_what_is_new_about_it_is_told():
    found = devices([sighting(), sighting(Protocol.IPMI)], [known("https://10.0.0.7")])
    assert (found[0].known, found[0].news) == ("web-11", (Protocol.IPMI,))
    moved = devices([sighting(host="10.0.0.99", uuid=UUID)], [known("https://bmc.example", uuid=UUID.upper())])
    assert moved[0].known == "web-11"
    assert devices([sighting(host="10.0.0.8")], [known("https://10.0.0.7")])[0].known is None
    assert devices([sighting(address="https://10.0.0.7:8443")], [known("https://10.0.0.7:9443")])[0].known is None


# ---- the probes


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"<html>", b'{"RedfishVersion": 1}', b'{"UUID": "x"}', b"\xff" * 90]
)
def test_a_web_server_is_no_redfish_service(body):
    assert sighting_of("10.0.0.7", "https://10.0.0.7", body) is None


def test_a_service_root_tells_who_it_is_and_no_placeholder_for_a_uuid():
    found = sighting_of(
        "10.0.0.7", "https://10.0.0.7", b'{"RedfishVersion":"1.6.0","UUID":"%s","Systems":{}}' % UUID.encode()
    )
    assert (found.uuid, found.kind, found.detail) == (UUID, DeviceKind.SERVER, "Redfish 1.6.0")
    none = sighting_of("h", "https://h", b'{"RedfishVersion":"1.6.0","UUID":"00000000-0000-0000-0000-000000000000"}')
    assert none.uuid == ""


ANSWER = b"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nST: urn:dmtf-org:service:redfish-rest:1:6\r\n%s\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "port"),
    [
        (ANSWER % b"AL: https://10.0.0.7:8443/redfish/v1/", 8443),
        (ANSWER % b"al: https://10.0.0.7/redfish/v1/", 443),
        (ANSWER % b"AL: http://10.0.0.7/redfish/v1/", None),
        (ANSWER % b"AL: https://10.0.0.7:99999/", None),
        (b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nAL: https://10.0.0.7/\r\n\r\n", None),
        (b"NOTIFY * HTTP/1.1\r\n\r\n", None),
        (b"\xff\x00", None),
    ],
)
def test_only_answers_of_redfish_services_over_tls_are_followed(answer, port):
    assert port_of(answer) == port


async def test_a_search_hears_whoever_answers_it():
    loop = asyncio.get_running_loop()

    class Service(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, addr):
            assert data.startswith(b"M-SEARCH * HTTP/1.1\r\n")
            self.transport.sendto(ANSWER % b"AL: https://192.0.2.1:8443/redfish/v1/", addr)

    transport, _ = await loop.create_datagram_endpoint(Service, local_addr=("127.0.0.1", 0))
    with contextlib.closing(transport):
        assert await search(0.1, SystemClock(), transport.get_extra_info("sockname")) == [("127.0.0.1", 8443)]


async def test_an_emulated_bmc_is_found_over_redfish_and_ipmi_without_a_login():
    async with client_of(PLAN) as client:
        redfish, bmc = urlsplit(client.fleet.address("web-01")), urlsplit(client.fleet.ipmi("web-01"))
        search = Search(ranges=("127.0.0.1/32",), ports={Protocol.REDFISH: (redfish.port,), Protocol.IPMI: (bmc.port,)})
        by = knocks(SnmpKnock(clock=SystemClock()))
        seen = [step.sighting async for step in discover(search, by, SystemClock()) if step.sighting]
        (found,) = devices(seen, [])
        logins = [entry for entry in client.fleet.ledger.since(0) if "login" in str(entry).lower()]
    assert [one.protocol for one in found.sightings] == [Protocol.REDFISH, Protocol.IPMI]
    assert found.kind is DeviceKind.SERVER
    assert found.sightings[0].uuid
    assert "IPMI 2.0" in found.sightings[1].detail
    assert logins == []


async def test_an_agent_is_found_by_community_by_user_and_as_a_nameless_engine():
    clock = SystemClock()
    with snmpd("sysName leaf-1") as agent:

        def ask(form, user, password):
            return SnmpKnock(clock=clock, form=form, credentials=Credentials(user=user, password=Secret(password)))

        by_community = await ask("", "", COMMUNITY)("127.0.0.1", agent.port, 2)
        assert (by_community.name, by_community.address) == ("leaf-1", agent.address)
        by_user = await ask("auth=sha256&priv=aes128", name_of("sha256", "aes128"), PASSWORD)(
            "127.0.0.1", agent.port, 2
        )
        assert (by_user.name, by_user.address) == ("leaf-1", f"{agent.address}?auth=sha256&priv=aes128")
        nobody = await SnmpKnock(clock=clock)("127.0.0.1", agent.port, 2)
        assert nobody.address == f"{agent.address}?version=3"
        assert "enterprise 8072" in nobody.detail
        assert await ask("", "", "wrong")("127.0.0.1", agent.port, 0.2) is None
        refused = await ask("auth=sha256&priv=aes128", "nobody", PASSWORD)("127.0.0.1", agent.port, 2)
        assert "no such SNMPv3 user" in refused.detail


async def test_where_nobody_listens_nothing_is_found():
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert await knock_ipmi("127.0.0.1", port, 0.05) is None
        assert await SnmpKnock(clock=SystemClock())("127.0.0.1", port, 0.05) is None
        assert await knock_redfish("127.0.0.1", port, 0.2) is None


@pytest.mark.parametrize("place", range(14, 30))
def test_a_damaged_answer_of_a_bmc_is_no_answer(place):
    """As a BMC sends it: to the console, the network function of an answer, the completion code, then the data."""
    body = bytes((0x20, 1 << 2, 0x38, 0x00)) + b"\x8e\x97\x04\x03\x00\x00\x00\x00"
    head = bytes((0x81, 0x07 << 2))
    message = head + bytes((-sum(head) & 0xFF,)) + body + bytes((-sum(body) & 0xFF,))
    whole = bytearray(bytes.fromhex("0600ff07000000000000000000") + bytes((len(message),)) + message)
    assert answer_to(bytes(whole)) == (0x38, 0, b"\x8e\x97\x04\x03\x00\x00\x00\x00")
    whole[place] ^= 0x10
    assert answer_to(bytes(whole)) is None


@pytest.mark.parametrize("length", range(0, 30, 3))
def test_a_cut_answer_of_a_bmc_is_no_answer(length):
    whole = bytearray(request(0x38, b"\x00\x8e\x04\x97\x04\x03\x00\x00\x00\x00", sequence=1))
    assert answer_to(bytes(whole[:length])) is None
    assert not is_pong(bytes(whole[:length]))
