"""Servers and clients written by others: our driver reads theirs, their client reads ours."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sushy
from sushy import exceptions as sushy_exceptions
from sushy.auth import SessionAuth

from emulator.certificates import pem, server_context
from emulator.mockup import running_mockup
from tests import peers, recordings
from tests.oracle import Expected, differences, expected_trees, poll

TREES = (
    "dmtf-public-rackmount1",
    "dmtf-public-localstorage",
    "hpe-dl385-gen10plus-ilo5-critical",
    "supermicro-x10sdv-1",
)
RECORDED = [expected for expected in expected_trees(rooted=True) if expected.tree in TREES]

pytestmark = pytest.mark.skipif(not RECORDED, reason=recordings.ABSENT)


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Path:
    """A file with a key and its certificate, for servers that want a file."""
    file = tmp_path_factory.mktemp("tls") / "pair.pem"
    file.write_bytes(pem("bmc"))
    return file


@pytest.mark.parametrize("expected", RECORDED, ids=str)
async def test_a_recorded_device_is_seen_whole_through_sushy_static(expected: Expected, pair, tmp_path):
    folder = recordings.unpacked(expected.tree, tmp_path)
    with peers.sushy_static(folder / "redfish" / "v1", pair) as url:
        seen = await poll(url)
    assert (seen.reachability, seen.reason) == ("reachable", "")
    assert differences(expected, seen) == []


@pytest.mark.parametrize("expected", RECORDED, ids=str)
async def test_a_recorded_device_is_seen_whole_through_the_dmtf_server(expected: Expected, pair, tmp_path):
    folder = recordings.unpacked(expected.tree, tmp_path)
    with peers.dmtf_server(folder, "--ssl", "--cert", str(pair), "--key", str(pair)) as url:
        seen = await poll(url)
    assert (seen.reachability, seen.reason) == ("reachable", "")
    assert differences(expected, seen) == []


async def test_sushy_reads_a_recorded_device_from_our_mockup_server(tmp_path):
    folder = recordings.unpacked("dmtf-public-rackmount1", tmp_path)
    async with running_mockup(folder, ssl_context=server_context("bmc")) as url:
        await asyncio.to_thread(_read_with_sushy, url)


def _read_with_sushy(url: str) -> None:
    session = SessionAuth(username="root", password="any")
    service = sushy.Sushy(url, auth=session, verify=False)
    (system,) = service.get_system_collection().get_members()
    assert (system.manufacturer, system.power_state) == ("Contoso", sushy.PowerState.ON)
    assert system.memory_summary.size_gib == 96
    assert len(system.processors.get_members()) == 3, "the absent one is a member too"
    system.reset_system(sushy.RESET_FORCE_OFF)
    system.refresh(force=True)
    assert system.power_state == sushy.PowerState.ON, "actions are accepted and change nothing"
    system.set_system_boot_options(target=sushy.BOOT_SOURCE_TARGET_PXE, enabled=sushy.BOOT_SOURCE_ENABLED_ONCE)
    system.refresh(force=True)
    assert system.boot.target == sushy.BOOT_SOURCE_TARGET_PXE
    with pytest.raises(sushy_exceptions.ResourceNotFoundError):
        service.get_system("/redfish/v1/Systems/nowhere")
    session.close()
