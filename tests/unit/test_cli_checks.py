"""What `fleetmon doctor` finds, check by check, and what it says to do."""

# ruff: noqa: E501

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import fleetmon
from fleetmon.cli import checks
from fleetmon.cli.checks import CHECKS, Ground, Verdict, lock_holder
from fleetmon.cli.pulse import bound, look, per_second, quantile, rate
from fleetmon.config import load
from tests.stub_service import STORAGE

NOW = datetime(2036, 1, 6, 8, 0, tzinfo=UTC)


@pytest.fixture
def ground(tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    environ = {"FLEETMON__DATA": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    return Ground(
        loaded=load(None, environ), config_error="", url="http://127.0.0.1:1", service_error="", environ={}, now=NOW,
        live={"status": "alive", "version": fleetmon.__version__},
        ready={"status": "ready", "roles": [{"role": "api", "state": "running"}], "reasons": []},
        storage=STORAGE,
        fleet={"now": "2036-01-06T08:00:01.000Z", "devices": 180, "stale": 0, "by_reachability": {"reachable": 180}},
    )  # fmt: skip


def verdicts(ground, *names):
    return [check(ground).verdict for name, check in CHECKS if name in names]


def test_a_well_kept_service_is_well(ground, monkeypatch):
    monkeypatch.setattr(checks, "synchronised", lambda: True)
    found = {
        name: check(ground) for name, check in CHECKS if name not in ("sqlite", "space", "descriptors", "dashboard")
    }
    assert {name: finding for name, finding in found.items() if finding.verdict is not Verdict.OK} == {}


def test_whatever_is_not_well_says_what_to_do(ground):
    bad = replace(
        ground, loaded=None, config_error="fleetmon.toml:3: port: too large; use 1 to 65535", live=None, foreign=True,
        service_error="answered with status 200 and no JSON; name the right one",
        storage=None, ready={"status": "not_ready", "roles": [], "reasons": ["devices is restarting"]},
        fleet={"now": "2036-01-06T09:00:00Z", "devices": 2, "stale": 1, "by_reachability": {"unreachable": 1, "access_denied": 1}},
    )  # fmt: skip
    for name, check in CHECKS:
        finding = check(bad)
        if finding.verdict in (Verdict.WARN, Verdict.FAIL):
            assert finding.cure, name
    assert verdicts(bad, "configuration", "service", "roles") == [Verdict.FAIL] * 3
    assert verdicts(bad, "devices answer", "credentials", "staleness", "clock") == [Verdict.WARN] * 4
    assert verdicts(bad, "data directory", "lock", "space", "master key") == [Verdict.SKIPPED] * 4


def test_without_a_service_the_fleet_is_not_judged(ground):
    alone = replace(ground, live=None, ready=None, fleet=None)
    assert verdicts(alone, "roles", "devices answer", "credentials", "staleness") == [Verdict.SKIPPED] * 4
    assert verdicts(alone, "service") == [Verdict.WARN]


def test_a_fleet_of_which_no_device_answers_is_a_failure(ground):
    silent = replace(ground, fleet={"devices": 3, "by_reachability": {"unreachable": 3}})
    assert checks.reachable(silent).verdict is Verdict.FAIL


def test_a_data_directory_open_to_others_is_told_with_its_cure(ground):
    data = ground.loaded.settings.data
    data.chmod(0o755)
    assert checks.data_directory(ground).cure == f"chmod 700 {data}"


def test_a_clock_before_the_program_was_made_is_wrong(ground):
    assert checks.clock(replace(ground, now=datetime(1970, 1, 2, tzinfo=UTC))).verdict is Verdict.FAIL


def test_a_service_whose_clock_differs_is_told_in_seconds(ground):
    found = checks.clock(replace(ground, now=NOW - timedelta(seconds=59)))
    assert found.verdict is Verdict.WARN
    assert "60 s" in found.found


def test_too_few_descriptors_for_the_fleet_is_a_failure(ground):
    found = checks.descriptors(replace(ground, fleet={"devices": 10_000_000}))
    assert found.verdict is Verdict.FAIL
    assert "LimitNOFILE=" in found.cure


def test_a_master_key_others_can_read_is_a_failure(ground, tmp_path):
    key = tmp_path / "config" / "fleetmon" / "fleetmon-master-key"
    key.parent.mkdir(parents=True)
    key.write_bytes(b"x" * 32)
    key.chmod(0o644)
    assert checks.master_key(ground).verdict is Verdict.FAIL
    missing = replace(ground, environ={"FLEETMON_MASTER_KEY_FILE": str(tmp_path / "gone")})
    key.unlink()
    assert checks.master_key(missing).verdict is Verdict.FAIL


def test_a_lock_file_left_by_a_process_that_is_gone_holds_nothing(tmp_path):
    assert lock_holder(tmp_path) is None
    (tmp_path / "lock").write_text("999999999\n")
    assert lock_holder(tmp_path) is None


def test_no_check_makes_anything(ground, tmp_path):
    before = sorted(Path(tmp_path).rglob("*"))
    for _, check in CHECKS:
        check(ground)
    assert sorted(Path(tmp_path).rglob("*")) == before


METRICS = """\
# TYPE fleetmon_polls counter
fleetmon_polls_total{protocol="redfish",reachability="reachable"} %d
fleetmon_polls_total{protocol="redfish",reachability="unreachable"} 10
# TYPE fleetmon_poll_seconds histogram
fleetmon_poll_seconds_bucket{protocol="redfish",le="0.1"} %d
fleetmon_poll_seconds_bucket{protocol="redfish",le="1.0"} %d
fleetmon_poll_seconds_bucket{protocol="redfish",le="+Inf"} %d
fleetmon_poll_seconds_count{protocol="redfish"} 1
fleetmon_poll_seconds_sum{protocol="redfish"} 1
"""


def test_rates_and_quantiles_are_of_the_time_between_two_looks():
    before, now = look(METRICS % (90, 100, 100, 100), 10.0), look(METRICS % (190, 150, 195, 200), 20.0)
    assert rate(before, now, "fleetmon_polls_total") == 10.0
    assert quantile(before, now, "fleetmon_poll_seconds", 0.5) == 0.1
    assert quantile(before, now, "fleetmon_poll_seconds", 0.95) == 1.0
    assert bound(quantile(before, now, "fleetmon_poll_seconds", 0.96)) == "over a minute"
    assert now.by_label["fleetmon_polls_total"] == {"reachable": 190.0, "unreachable": 10.0}


def test_one_look_gives_no_rate_and_a_restart_none_either():
    before, now = look(METRICS % (190, 0, 0, 0), 10.0), look(METRICS % (5, 0, 0, 0), 20.0)
    assert rate(None, now, "fleetmon_polls_total") is None
    assert rate(before, now, "fleetmon_polls_total") is None
    assert quantile(None, now, "fleetmon_poll_seconds", 0.5) is None
    assert (bound(None), bound(0.1), bound(2.5), per_second(None), per_second(1234.0)) == (
        "–",
        "≤ 100 ms",
        "≤ 2.5 s",
        "–",
        "1,234/s",
    )


def test_F16_every_exception_in_trust_is_listed(ground):
    fleet = dict(ground.fleet) | {
        "exceptions": [
            {"name": "web-01", "verify": "pin", "tls": "legacy"},
            {"name": "web-02", "verify": "none", "tls": "legacy"},
        ]
    }
    finding = dict(CHECKS)["exceptions"](replace(ground, fleet=fleet))
    assert finding.verdict is Verdict.WARN
    assert finding.found == "1 device not verified (web-02); 2 devices with old TLS permitted (web-01, web-02)"


def test_the_service_tells_how_long_the_disk_lasts(ground):
    assert checks.space(replace(ground, storage=STORAGE)).found == (
        "40.0 GiB of 100.0 GiB free, full in 40 days at 1.0 GiB a day"
    )
    soon = {**STORAGE, "forecast": {**STORAGE["forecast"], "days": 3.0}}
    assert checks.space(replace(ground, storage=soon)).verdict is Verdict.WARN
    never = {**STORAGE, "forecast": {"per_day": 9, "days": None, "reason": "history ends at 70 MiB, which fits"}}
    assert "which fits" in checks.space(replace(ground, storage=never)).found


def test_refused_readings_and_a_database_that_cannot_be_written_are_failures(ground):
    refused = {"taken": False, "reason": "the disk is nearly full; free some space", "since": None, "lost": 7}
    found = checks.space(replace(ground, storage={**STORAGE, "readings": refused}))
    assert (found.verdict, found.cure) == (Verdict.FAIL, "free some space")
    file = {**STORAGE["files"][0], "writable": False, "reason": "state.db: disk I/O error; check the disk"}
    found = checks.databases(replace(ground, storage={**STORAGE, "files": [file]}))
    assert (found.verdict, found.found, found.cure) == (Verdict.FAIL, "state.db: disk I/O error", "check the disk")
    lost = {**STORAGE, "readings": {**STORAGE["readings"], "lost": 7}}
    assert checks.databases(replace(ground, storage=lost)).verdict is Verdict.WARN
    assert checks.databases(replace(ground, storage=STORAGE)).verdict is Verdict.OK
