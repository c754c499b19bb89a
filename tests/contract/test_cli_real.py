"""The command line against the real things: the service, its databases, and a recorded-shape BMC over TLS."""

import asyncio
import json
import os
import socket
from datetime import timedelta

import pytest

from emulator.certificates import server_context
from emulator.mockup import running_mockup
from fleetmon.app import running
from fleetmon.cli.outcome import Exit
from fleetmon.cli.root import run
from fleetmon.clock import SystemClock
from fleetmon.drivers.snmp.keys import master_key
from fleetmon.settings import Listen, Polling, Settings
from tests import snmpd

MODEL = {
    "Manufacturer": "Acme",
    "Model": "A1",
    "SerialNumber": "S1",
    "PowerState": "On",
    "Status": {"Health": "OK", "State": "Enabled"},
}


CLOSING = pytest.mark.filterwarnings("ignore:Exception ignored in.*socket:pytest.PytestUnraisableExceptionWarning")
"""The mockup server closes after every answer; on a busy machine a TLS farewell outlives the loop of a one-off poll."""


def link(path):
    return {"@odata.id": path}


@pytest.fixture
def bmc_folder(tmp_path):
    """The smallest BMC: a service root and one system."""
    root = "/redfish/v1"
    resources = {
        root: {"RedfishVersion": "1.6.0", "Systems": link(f"{root}/Systems"), "Id": "RootService", "Name": "Root"},
        f"{root}/Systems": {"Members": [link(f"{root}/Systems/1")], "Members@odata.count": 1, "Name": "Systems"},
        f"{root}/Systems/1": {"Id": "1", "Name": "System", **MODEL},
    }
    types = (
        "ServiceRoot.v1_5_0.ServiceRoot",
        "ComputerSystemCollection.ComputerSystemCollection",
        "ComputerSystem.v1_5_0.ComputerSystem",
    )
    for kind, (path, body) in zip(types, resources.items(), strict=True):
        folder = tmp_path / "bmc" / path.strip("/")
        folder.mkdir(parents=True)
        (folder / "index.json").write_text(json.dumps({"@odata.id": path, "@odata.type": f"#{kind}", **body}))
    return tmp_path / "bmc"


@pytest.fixture
async def bmc(bmc_folder):
    async with running_mockup(bmc_folder, ssl_context=server_context("bmc")) as url:
        yield url


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
        yield running_service


async def typed(*words):
    """What a command ends with, typed while the loop goes on."""
    return await asyncio.to_thread(run, list(words))


async def test_a_stranger_adds_a_rack_and_a_bmc_and_sees_it(service, bmc, capsys, monkeypatch):
    monkeypatch.setenv("FLEETMON_PASSWORD", "pw")
    assert await typed("site", "add", "core-1") == Exit.DONE
    assert await typed("rack", "add", "R01", "--site", "core-1") == Exit.DONE
    place = ("--rack", "R01", "--position", "3")
    capsys.readouterr()
    assert await typed("device", "add", bmc, "--name", "web-1", "--user", "root", *place) == Exit.DONE
    assert "Acme A1" in capsys.readouterr().out
    assert await typed("rack", "show", "R01") == Exit.DONE
    assert "● OK" in next(line for line in capsys.readouterr().out.splitlines() if "web-1" in line)
    assert await typed("device", "raw", "web-1", "/redfish/v1/Systems/1") == Exit.DONE
    assert json.loads(capsys.readouterr().out)["SerialNumber"] == "S1"
    assert await typed("device", "add", bmc, "--name", "web-2", "--credential", "web-1", *place) == Exit.FAILED
    assert "web-1" in capsys.readouterr().err
    for listed in ("site", "rack", "device", "event", "credential"):
        assert await typed(listed, "list", "-o", "json") == Exit.DONE
        assert isinstance(json.loads(capsys.readouterr().out), list)
    assert await typed("device", "trust", "web-1") == Exit.DONE
    assert await typed("top", "--once") == Exit.DONE
    assert await typed("device", "remove", "web-1", "--yes") == Exit.DONE
    assert await typed("rack", "remove", "R01", "--yes") == Exit.DONE
    assert await typed("site", "remove", "core-1", "--yes") == Exit.DONE


async def test_an_import_is_planned_applied_and_then_nothing_is_left_to_do(service, capsys, tmp_path):
    file = tmp_path / "fleet.csv"
    file.write_text("name,kind,site,rack,position_u,address\nweb-1,server,core-1,R01,3,https://127.0.0.1:1\n")
    assert await typed("device", "import", str(file), "--apply", "--yes") == Exit.DONE
    assert "+ add device web-1" in capsys.readouterr().out
    assert await typed("device", "import", str(file), "--plan") == Exit.DONE
    assert "nothing to change" in capsys.readouterr().out
    file.write_text("name,kind,site,rack,position_u,address\nweb-1,server,core-1,R01,three,https://127.0.0.1:1\n")
    assert await typed("device", "import", str(file), "--plan") == Exit.USAGE
    assert "line 2" in capsys.readouterr().err


async def test_the_databases_are_left_alone_while_the_service_has_them(service, capsys, tmp_path):
    assert await typed("db", "check", "--data", str(tmp_path / "data")) == Exit.FAILED
    assert f"is in use by process {os.getpid()}" in capsys.readouterr().err


async def test_a_running_service_is_asked_for_the_backup(service, capsys, tmp_path):
    copy = tmp_path / "copy"
    assert await typed("db", "backup", str(copy), "--data", str(tmp_path / "data")) == Exit.DONE
    assert capsys.readouterr().out == f"{copy}\n"
    assert await typed("db", "check", "--data", str(copy), "-o", "json") == Exit.DONE
    assert [row["problems"] for row in json.loads(capsys.readouterr().out)] == [[], []]
    assert await typed("db", "backup", str(copy), "--data", str(tmp_path / "data")) == Exit.FAILED
    assert "is not empty" in capsys.readouterr().err


async def test_a_service_that_works_on_other_data_is_not_asked_for_the_backup(service, capsys, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "lock").write_text(f"{os.getpid()}\n")
    assert await typed("db", "backup", str(tmp_path / "copy"), "--data", str(other)) == Exit.FAILED
    assert "name the service that holds it with --url" in capsys.readouterr().err
    assert not (tmp_path / "copy").exists()


async def test_a_backup_is_checked_and_restored_and_nothing_is_overwritten(tmp_path, capsys):
    data = tmp_path / "data"
    async with running(Settings(data=data, configuration=tmp_path / "c", listen=Listen(port=0)), clock=SystemClock()):
        pass
    assert await typed("db", "check", "--data", str(data), "-o", "json") == Exit.DONE
    assert all(row["problems"] == [] for row in json.loads(capsys.readouterr().out))
    assert await typed("db", "backup", str(tmp_path / "copy"), "--data", str(data)) == Exit.DONE
    assert await typed("db", "restore", str(tmp_path / "copy"), "--data", str(data), "--yes") == Exit.FAILED
    assert "restore into an empty directory" in capsys.readouterr().err
    assert await typed("db", "restore", str(tmp_path / "copy"), "--data", str(tmp_path / "new"), "--yes") == Exit.DONE
    assert sorted(path.name for path in (tmp_path / "new").glob("*.db")) == ["state.db", "telemetry.db"]


@CLOSING
async def test_a_self_signed_certificate_is_refused_with_its_key_and_taken_by_it(bmc, capsys):
    assert await typed("poll", bmc) == Exit.FAILED
    said = capsys.readouterr().err
    key = said.partition("--fingerprint ")[2].split(",")[0]
    assert key.startswith("sha256:")
    assert said.count("\n") == 1
    assert await typed("poll", bmc, "--fingerprint", key, "-o", "json") == Exit.DONE
    assert json.loads(capsys.readouterr().out)["device"]["serial_number"] == "S1"
    assert await typed("poll", bmc, "--fingerprint", "sha256:" + "0" * 64) == Exit.FAILED
    assert await typed("poll", bmc, "--insecure") == Exit.DONE


async def test_plain_http_is_spoken_with_a_warning(bmc_folder, capsys):
    async with running_mockup(bmc_folder) as url:
        assert await typed("poll", url) == Exit.DONE
    said = capsys.readouterr()
    assert "is not encrypted" in said.err
    assert "Acme A1" in said.out


async def test_a_poll_that_reads_nothing_is_one_line_and_still_an_object(capsys):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"https://127.0.0.1:{unused.getsockname()[1]}"
        assert await typed("poll", address, "-o", "json") == Exit.FAILED
    said = capsys.readouterr()
    assert json.loads(said.out)["reachability"] == "unreachable"
    assert (
        said.err
        == f"fleetmon: {address}: nothing listens at this address; the BMC is restarting, or the address or port is"
        " wrong\n"
    )


@CLOSING
async def test_a_device_that_is_no_bmc_is_told_apart(capsys):
    async def web(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(web, "127.0.0.1", 0, ssl=server_context("web"))
    async with server:
        address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await typed("poll", address, "--insecure") == Exit.FAILED
    said = capsys.readouterr().err
    assert said.startswith(f"fleetmon: {address}")
    assert "check that this is the address of a BMC" in said
    assert said.count("\n") == 1


async def test_a_switch_over_snmp_is_added_polled_and_leaves_no_secret_in_the_open(service, tmp_path, capsys):
    (tmp_path / "pw").write_text(f"{snmpd.PASSWORD}\n")
    (tmp_path / "community").write_text(f"{snmpd.COMMUNITY}\n")
    with snmpd.snmpd("sysName leaf-1") as agent:
        over_v3 = f"{agent.address}?auth=sha256&priv=aes128".replace("//", f"//{snmpd.name_of('sha256', 'aes128')}@")
        password = ("--password-file", str(tmp_path / "pw"))
        assert await typed("device", "add", over_v3, "--name", "leaf-1", *password) == Exit.DONE
        community = ("--password-file", str(tmp_path / "community"))
        assert await typed("device", "add", agent.address, "--name", "leaf-2", *community) == Exit.DONE
        assert "leaf-1" in capsys.readouterr().out
        for name in ("leaf-1", "leaf-2"):
            assert await typed("device", "show", name, "-o", "json") == Exit.DONE
            shown = json.loads(capsys.readouterr().out)
            assert (shown["kind"], shown["reachability"]) == ("switch", "reachable")
            assert "leaf-1" in json.dumps(shown), sorted(shown)
        assert await typed("credential", "list", "-o", "json") == Exit.DONE
        assert [row["user"] for row in json.loads(capsys.readouterr().out)] == [snmpd.name_of("sha256", "aes128"), ""]
    kept = b"".join(file.read_bytes() for file in (tmp_path / "data").iterdir() if file.is_file())
    for secret in (snmpd.SIGNING, snmpd.ENCRYPTING, master_key("sha256", snmpd.SIGNING).hex()):
        assert secret.encode() not in kept
    assert master_key("sha256", snmpd.SIGNING) not in kept
