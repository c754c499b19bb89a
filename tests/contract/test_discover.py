"""Discovery from the command line to the wire and back: what is found, marked, written down, and given up."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest

from fleetmon.app import running
from fleetmon.cli.outcome import Exit
from fleetmon.cli.root import run
from fleetmon.clock import SystemClock
from fleetmon.integrations.fleet_file import Format, read
from fleetmon.integrations.found_file import Wanted, fleet_file
from fleetmon.settings import Listen, Polling, Settings
from tests.contract.test_emulator_ipmi_faults import PLAN
from tests.emulator_client import client_of
from tests.snmpd import COMMUNITY, snmpd


@pytest.fixture
async def service(tmp_path, monkeypatch):
    settings = Settings(
        data=tmp_path / "data",
        configuration=tmp_path / "configuration",
        listen=Listen(port=0),
        polling=Polling(request_timeout=timedelta(seconds=3), connect_timeout=timedelta(seconds=1)),
    )
    async with running(settings, clock=SystemClock()) as running_service:
        monkeypatch.setenv("FLEETMON_URL", running_service.url)
        monkeypatch.delenv("FLEETMON_PASSWORD", raising=False)
        yield running_service


async def typed(*words):
    """What a command ends with, typed while the loop goes on."""
    return await asyncio.to_thread(run, list(words))


async def test_what_answers_becomes_a_file_that_import_takes_and_is_known_from_then_on(
    service, capsys, tmp_path, monkeypatch
):
    async with client_of(PLAN) as client:
        with snmpd("sysName leaf-1") as agent:
            redfish, bmc = urlsplit(client.fleet.address("web-01")), urlsplit(client.fleet.ipmi("web-01"))
            await service.store.fleet.put_credential(
                "switches", user="", sealed=service.vault.seal_password("switches", COMMUNITY)
            )
            there = (
                "device", "discover", "127.0.0.1/32", "--redfish-port", str(redfish.port), "--ipmi-port", str(bmc.port),
                "--snmp-port", str(agent.port), "--snmp-credential", "switches", "--credential", "bmc",
            )  # fmt: skip
            assert await typed(*there) == Exit.DONE
            said = capsys.readouterr()
            assert "redfish, ipmi" in said.out
            assert "1 device, 1 new; nothing was added" in said.err
            assert await service.store.fleet.devices() == []

            assert await typed(*there, "--redfish-port", str(redfish.port), "-o", "toml") == Exit.DONE
            file = tmp_path / "found.toml"
            file.write_text(capsys.readouterr().out)
            assert COMMUNITY not in file.read_text()
            assert await typed("device", "import", str(file), "--apply", "--yes") == Exit.DONE
            (added,) = await service.store.fleet.devices()
            assert [endpoint.protocol for endpoint in added.endpoints] == ["redfish", "ipmi"]
            capsys.readouterr()

            assert await typed(*there, "-o", "json") == Exit.DONE
            (found,) = json.loads(capsys.readouterr().out)
            assert (found["known"], found["news"]) == (added.device_id, ["snmp"])
            assert await typed(*there, "--new", "-o", "json") == Exit.DONE
            assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["10.0.0.0/8"], Exit.USAGE, "10.0.0.0/8: 16,777,216 addresses; at most 4,096 are asked at a time"),
        (["leaf-1"], Exit.USAGE, "leaf-1: that is no range of addresses"),
        (["127.0.0.1", "--snmp", "auth=rot13"], Exit.USAGE, "there is no auth of that name"),
        (["127.0.0.1", "--snmp-credential", "nobody"], Exit.FAILED, "there is no credential 'nobody'"),
        (["127.0.0.1", "--site", "core-1"], Exit.USAGE, "name the rack as well"),
    ],
)
async def test_what_cannot_be_searched_is_refused_before_anything_is_sent(service, capsys, words, code, said):
    assert await typed("device", "discover", *words) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("user", "password"), [("root", "calvin"), ("", "signing-phrase\nprivacy-phrase")])
async def test_what_belongs_to_a_user_is_never_sent_to_a_range_as_a_community(service, capsys, user, password):
    sealed = service.vault.seal_password("bmc", password)
    await service.store.fleet.put_credential("bmc", user=user, sealed=sealed)
    assert await typed("device", "discover", "127.0.0.1", "--snmp-credential", "bmc") == Exit.USAGE
    said = capsys.readouterr().err
    assert "credential 'bmc'" in said
    assert password not in said


async def test_a_search_ends_with_its_connection_and_there_is_one_at_a_time(service):
    """Slow enough that it would go on for minutes."""
    ask = {"ranges": ["127.0.0.0/22"], "redfish_ports": [], "ipmi_ports": [1], "snmp_ports": [], "rate": 2}
    async with httpx.AsyncClient(base_url=f"{service.url}/api/v1", timeout=10) as client:
        async with client.stream("POST", "/discover", json=ask) as answer:
            assert json.loads(await anext(answer.aiter_lines()))["progress"]["of"] == 1022
            again = await client.post("/discover", json=ask)
            assert again.status_code == 409
            assert "a search is going on already" in again.json()["detail"]
        async with asyncio.timeout(20):
            small = ask | {"ranges": ["127.0.0.1"]}
            while (answer := await client.post("/discover", json=small)).status_code == 409:
                await asyncio.sleep(0.05)
    assert json.loads(answer.text.splitlines()[-1]) == {"devices": []}


def found(name="10.0.0.7", **more):
    endpoint = {"protocol": "redfish", "address": "https://10.0.0.7", "detail": "Redfish 1.6.0", "hindrance": ""}
    plain = {
        "name": name, "host": "10.0.0.7", "kind": "server", "manufacturer": "", "model": "", "uuid": "", "known": None,
        "news": [], "endpoints": [endpoint], "more": [],
    }  # fmt: skip
    return plain | more


@pytest.mark.parametrize(
    "name", ['a"b\\c', "Straße 7/2", "x" * 99, "tab\there", "\x7f", "𝔛-1", "# no comment\n[[sites]]"]
)
def test_whatever_a_device_calls_itself_the_file_can_be_read(name):
    text = fleet_file([found(name, manufacturer=name)], Wanted(site="core-1", rack="R01", credential="bmc"))
    *_, device = read(Format.TOML, text)
    assert device.what == "device"
    assert device.fields["endpoints"][0].credential == "bmc"
    assert device.fields["rack"] == "R01"


def test_what_is_known_or_cannot_be_polled_is_a_comment():
    nameless = {"protocol": "snmp", "address": "snmp://10.0.0.9", "detail": "an engine", "hindrance": "no account"}
    rows = [found(known="web-11", news=["ipmi"]), found(endpoints=[nameless])]
    text = fleet_file(rows, Wanted())
    assert "# 10.0.0.7 is known as web-11; it also answers over ipmi" in text
    assert "cannot be polled as it is: snmp://10.0.0.9: an engine: no account" in text
    assert read(Format.TOML, text) == []
