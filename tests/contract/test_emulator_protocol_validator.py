"""DMTF's protocol validator finds nothing wrong with a machine that is not explained here, nor leaves more untested."""

from __future__ import annotations

import asyncio
import csv
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from emulator.fleet import read_fleet
from emulator.run import running_fleet
from tests.contract.test_emulator_independent_clients import certificate

WITHOUT_MULTICAST = """
import sys
from redfish_protocol_validator import console_scripts, utils
utils.discover_ssdp = lambda *args, **options: {}
sys.exit(console_scripts.main())
"""
"""The validator as it is, but for SSDP: its search leaves loopback, and lasts twelve seconds."""

UNTESTED = {
    "no redirect, no 500 and no openapi.yaml to look at, and no POST that fails": "PROTO_REDIRECT_"
    " RESP_STATUS_INTERNAL_ REQ_HEADERS_ACCEPT RESP_HEADERS_CONTENT_TYPE REQ_DATA_MOD_ERRORS",
    "no CertificateService": "SEC_DEFAULT_CERT_REPLACE",
    "no account has to change its password": "SEC_PWD_CHANGE_REQ_",
    "no SSDP": "SERV_SSDP_",
    "its own tests of streams are switched off in this release": "SERV_SSE_ SEC_SESSION_TERMINATION_SIDE_EFFECTS",
}
"""What it does not get to see, and which assertions that concerns, by how they begin."""


EXPLAINED: dict[str, dict[str, str]] = {
    "ami-megarac": {
        "PROTO_ETAG_ROTATES_ON_WRITE": "its ETag is the time of its start, as recorded",
        "PROTO_ETAG_LOST_UPDATE": "so a client's old ETag is still right after another client's change",
        "SEC_ACCOUNTS_SUPPORT_ETAGS": "and four writers with one ETag all win",
    },
    "hpe-ilo4": {"RESP_HEADERS_X_AUTH_TOKEN": "one seeded token in a hundred looks less than random to its test"},
} | {
    f"hpe-ilo{n}": {"PROTO_ETAG_HEADER_AND_PROPERTY": "its ETag header is weak, the property in the document is not"}
    for n in (5, 6, 7)
}  # fmt: skip
"""By family: what it fails or is warned of, and why that stays: it is the accent's point."""
TEST_SIZE = [("one_rack", "web-01"), ("vendors", "ami-megarac-01")]
OF_EACH_FAMILY = {server.family.name: server.name for server in reversed(read_fleet("vendors").servers)}
SOAK_SIZE = [("vendors", name) for name in sorted(OF_EACH_FAMILY.values()) if ("vendors", name) not in TEST_SIZE]


async def verdicts(fleet_name: str, machine: str, folder: Path) -> tuple[str, dict[str, set[str]]]:
    """The machine's family, and assertions by verdict; over TLS, with the machine's certificate checked."""
    async with running_fleet(fleet_name) as fleet:
        family = fleet.machine(machine).family.name
        trusted = await certificate(fleet, machine, folder)
        options = ["--user", fleet.user, "--password", fleet.password, "--rhost", fleet.address(machine)]
        options += ["--ca-bundle", trusted, "--report-type", "tsv", "--report-dir", str(folder / "report")]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WITHOUT_MULTICAST, *options, "--avoid-http-redirect",
            env={"REQUESTS_CA_BUNDLE": trusted}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        told, _ = await process.communicate()
    reports = list((folder / "report").glob("*.tsv"))
    assert reports, told.decode()[-2_000:]
    found: dict[str, set[str]] = defaultdict(set)
    for row in csv.reader(reports[0].read_text().splitlines(), delimiter="\t"):
        if len(row) > 4 and row[4] in ("PASS", "WARN", "FAIL", "NOT_TESTED"):
            found[row[4]].add(row[0])
    return family, found


async def looked_at(fleet_name: str, machine: str, folder: Path) -> None:
    """Everything that fails, warns or is left untested is explained, and what is explained is so."""
    family, found = await verdicts(fleet_name, machine, folder)
    assert found["FAIL"] | found["WARN"] == set(EXPLAINED.get(family, {}))
    assert len(found["PASS"]) > 85
    known = tuple(" ".join(UNTESTED.values()).split())
    assert [name for name in sorted(found["NOT_TESTED"]) if not name.startswith(known)] == []
    assert [start for start in known if not any(name.startswith(start) for name in found["NOT_TESTED"])] == []


@pytest.mark.parametrize(("fleet", "machine"), TEST_SIZE)
async def test_the_validator_finds_what_is_explained_and_no_more(fleet: str, machine: str, tmp_path: Path) -> None:
    await looked_at(fleet, machine, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize(("fleet", "machine"), SOAK_SIZE)
async def test_the_validator_finds_in_every_family_what_is_explained(fleet: str, machine: str, tmp_path: Path) -> None:
    await looked_at(fleet, machine, tmp_path)


def test_every_explanation_stands_in_the_manual() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text()
    names = {name for rows in EXPLAINED.values() for name in rows}
    assert [name for name in sorted(names) if f"`{name}`" not in manual] == []
