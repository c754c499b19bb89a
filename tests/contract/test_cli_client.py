"""Client commands against a service that answers as docs/reference/api.md says, and against ports that do not."""

# ruff: noqa: E501

import csv
import io
import json
import socket

import pytest

from fleetmon.cli.outcome import Exit
from fleetmon.cli.root import run
from tests.stub_service import STORAGE, Stub, a_bad_day, device, serving


@pytest.fixture
def service(monkeypatch):
    with serving(Stub()) as stub:
        monkeypatch.setenv("FLEETMON_URL", stub.url)
        monkeypatch.delenv("FLEETMON_PASSWORD", raising=False)
        monkeypatch.setattr("sys.stdin", io.StringIO())
        yield stub


def test_a_service_that_is_not_there_is_one_line_with_the_cure(capsys):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert run(["rack", "list", "--url", url]) == Exit.FAILED
    said = capsys.readouterr().err
    assert said == (
        f"fleetmon: no service answers at {url} (connection refused); "
        "start it with `fleetmon serve` or `make demo`, or name another with --url\n"
    )


def test_something_else_on_the_port_is_not_taken_for_a_service(service, capsys):
    service.says("/racks", "<html>It works!</html>")
    assert run(["rack", "list"]) == Exit.FAILED
    assert "that is no fleetmon service; name the right one with --url" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["localhost:8480", "ftp://x", "http://", "http://x:99999", "http://me:pw@127.0.0.1"])
def test_an_address_that_cannot_be_right_is_wrong_usage(url, capsys):
    assert run(["rack", "list", "--url", url]) == Exit.USAGE
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (403, "about:blank", Exit.REFUSED),
        (409, "/problems/refused", Exit.REFUSED),
        (409, "/problems/conflict", Exit.FAILED),
        (412, "about:blank", Exit.FAILED),
        (422, "about:blank", Exit.USAGE),
        (503, "about:blank", Exit.FAILED),
    ],
)
def test_a_refusal_is_said_in_the_services_words(service, capsys, status, kind, code):
    problem = {
        "type": kind,
        "title": "No",
        "status": status,
        "detail": "R7 is taken",
        "errors": [{"field": "rack_id", "reason": "must be free", "line": 3}],
    }
    service.says("/racks", problem, status=status, method="POST")
    assert run(["rack", "add", "R7", "--site", "s"]) == code
    assert "fleetmon: R7 is taken; line 3: rack_id: must be free" in capsys.readouterr().err


def test_a_list_is_read_page_after_page(service, capsys):
    class Paged(dict):
        def get(self, key, default=None):
            cursor = service.asked[-1][2].get("cursor", [None])[0]
            names = {None: (["a", "b"], "2"), "2": (["c"], None)}[cursor]
            return 200, {"items": [device(name) for name in names[0]], "next": names[1], "revision": 1}

    service.answers = Paged()
    assert run(["device", "list", "-o", "ndjson"]) == Exit.DONE
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == ["a", "b", "c"]
    assert run(["device", "list", "-o", "ndjson", "--limit", "1"]) == Exit.DONE
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_filters_reach_the_service_as_it_spells_them(service, capsys):
    service.lists("/devices", [device("a")])
    run(
        [
            "device",
            "list",
            "--health",
            "warning,CRITICAL",
            "--power",
            "off",
            "--rack",
            "R04",
            "--stale",
            "--sort",
            "worst",
        ]
    )
    assert service.asked[-1][2] == {
        "health": ["Warning", "Critical"], "power": ["Off"], "rack": ["R04"], "stale": ["true"], "sort": ["worst"], "limit": ["1000"],
    }  # fmt: skip
    assert run(["device", "list", "--health", "sick"]) == Exit.USAGE
    assert "--health: there is no sick; choose from ok, warning, critical, unknown" in capsys.readouterr().err


def test_csv_of_devices_has_one_plain_value_a_cell(service, capsys):
    service.lists("/devices", [device("a", watts=312.5), device("b", on=False, watts=None)])
    assert run(["device", "list", "-o", "csv"]) == Exit.DONE
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["device_id"], row["power"], row["watts"], row["serial_number"]) for row in rows] == [
        ("a", "On", "312.5", "SNa"),
        ("b", "Off", "", "SNb"),
    ]


def test_a_rack_is_drawn_and_a_wrong_name_is_answered_with_near_ones(service, capsys):
    service.says("/racks/R04/elevation", a_bad_day())
    service.lists("/topology", [])
    assert run(["rack", "show", "R04"]) == Exit.DONE
    drawn = capsys.readouterr().out
    assert "◆ CRIT" in drawn
    assert "Cables" not in drawn
    service.lists("/racks", [{"rack_id": "R04"}, {"rack_id": "R05"}])
    assert run(["rack", "show", "RO4"]) == Exit.FAILED
    assert "there is no rack RO4; there is R04" in capsys.readouterr().err
    assert run(["rack", "show", "R04", "-o", "json"]) == Exit.DONE
    assert len(json.loads(capsys.readouterr().out)["units"]) == len(a_bad_day()["units"])


def test_a_rack_names_the_cables_that_are_not_as_somebody_said(service, capsys):
    def end(component, device="web-11"):
        return {"device_id": device, "device": device, "component": component, "kind": "Port"}

    seen = {"to": end("Ethernet5", "leaf-1"), "source": "neighbour", "since": None, "seen_at": None}
    reason = "web-11/NIC 1 is on leaf-1/Ethernet5, not on leaf-1/Ethernet3"
    odd = {"end": end("NIC 1"), "verdict": "differs", "expected": end("Ethernet3", "leaf-1"), "seen": seen, "feed": ""}
    service.says("/racks/R04/elevation", a_bad_day())
    service.lists("/topology", [odd | {"reason": reason}])
    assert run(["rack", "show", "R04"]) == Exit.DONE
    drawn = " ".join(capsys.readouterr().out.split())
    assert service.asked[-1][2] == {"rack": ["R04"], "differing": ["true"], "limit": ["1000"]}
    assert "web-11/NIC 1 leaf-1/Ethernet5 not as said, heard" in drawn
    assert reason in drawn


def test_watching_needs_a_terminal(service, capsys):
    assert run(["rack", "show", "R04", "--watch"]) == Exit.USAGE
    assert "--watch draws on a terminal" in capsys.readouterr().err


def test_events_are_asked_for_as_instants(service, capsys):
    service.lists("/events", [])
    assert run(["event", "list", "--severity", "critical", "--since", "2026-10-13T09:00:00+02:00"]) == Exit.DONE
    asked = service.asked[-1][2]
    assert asked["from"] == ["2026-10-13T07:00:00.000Z"]
    assert asked["severity"] == ["Critical"]
    assert capsys.readouterr().err == "no events match\n"


def test_a_password_goes_into_the_body_and_nowhere_else(service, capsys, tmp_path):
    secret = tmp_path / "pw"
    secret.write_text("hunter2\n")
    service.says("/credentials/bmc", {"name": "bmc", "user": "root", "version": 2, "used_by": 3}, method="PUT")
    assert run(["credential", "set", "bmc", "--user", "root", "--password-file", str(secret)]) == Exit.DONE
    said = capsys.readouterr()
    assert service.asked[-1] == ("PUT", "/api/v1/credentials/bmc", {}, {"user": "root", "password": "hunter2"})
    assert "hunter2" not in said.out + said.err
    assert "3 devices will log in with them" in said.err


@pytest.mark.parametrize(
    ("more", "second"),
    [
        (["--ipmi", "ipmi://10.0.0.7:6230"], ("ipmi://10.0.0.7:6230", "bmc")),
        (["--ipmi", "10.0.0.8", "--ipmi-credential", "lanplus"], ("ipmi://10.0.0.8", "lanplus")),
    ],
)
def test_a_device_is_added_with_ipmi_as_second_witness(service, capsys, more, second):
    service.lists("/credentials", [{"name": "bmc"}, {"name": "lanplus"}])
    service.says("/devices", {"device_id": "web-1"}, status=201, method="POST")
    asked = {"poll_request_id": 5, "device_id": "web-1", "state": "requested"}
    service.says("/devices/web-1/poll", asked, status=202, method="POST")
    service.says("/polls/5", asked | {"state": "failed", "reason": "ipmi: no answer within 10 s"})
    service.says("/devices/web-1", device("web-1"))
    assert run(["device", "add", "https://10.0.0.7", "--credential", "bmc", *more]) == Exit.PARTLY
    said = capsys.readouterr()
    assert "PowerEdge R660" in said.out
    assert "not all of it could be read: ipmi: no answer within 10 s" in said.err
    added = next(asked for asked in service.asked if asked[:2] == ("POST", "/api/v1/devices"))[3]
    assert [(one["protocol"], one["address"], one["credential"]) for one in added["endpoints"]] == [
        ("redfish", "https://10.0.0.7", "bmc"),
        ("ipmi", *second),
    ]


def test_an_event_of_a_log_without_a_clock_has_its_time_told_whole(service, capsys):
    """Planted bug: `29167 s after the l?`."""
    told = {"created_at": None, "created_text": "29167 s after the log began", "clock_suspect": True}
    event = {
        "severity": "OK",
        "device_id": "web-1",
        "message": "SEL: log cleared",
        "received_at": "2026-01-06T08:00:00.000Z",
    }
    service.lists("/events", [event | told, event | {"created_at": "2026-01-06T08:00:00.123Z"}])
    assert run(["event", "list"]) == Exit.DONE
    said = capsys.readouterr().out
    assert "29167 s after the log began?" in said
    assert "2026-01-06 08:00:00  " in said


def test_a_device_that_speaks_ipmi_alone_is_added_by_its_address(service, capsys):
    service.lists("/credentials", [{"name": "bmc"}])
    service.says("/devices", {"detail": "no"}, status=409, method="POST")
    run(["device", "add", "ipmi://10.0.0.7", "--credential", "bmc"])
    added = next(asked for asked in service.asked if asked[:2] == ("POST", "/api/v1/devices"))[3]
    assert [one["protocol"] for one in added["endpoints"]] == ["ipmi"]
    assert run(["device", "add", "https://10.0.0.7", "--ipmi-credential", "bmc"]) == Exit.USAGE
    assert "--ipmi as well" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "secret", "sent", "address"),
    [
        (["snmp://10.0.0.2"], "public word", ("", "public word"), "snmp://10.0.0.2"),
        (
            ["snmp://watcher@10.0.0.2:1161?auth=SHA-256&priv=AES", "--kind", "pdu"],
            "signing word\nprivacy word",
            ("watcher", "signing word\nprivacy word"),
            "snmp://10.0.0.2:1161?auth=sha256&priv=aes128",
        ),
    ],
)
def test_a_device_over_snmp_is_added_with_its_community_or_user(service, tmp_path, words, secret, sent, address):
    (tmp_path / "pw").write_text(f"{secret}\n")
    service.lists("/credentials", [])
    service.says("/credentials/10.0.0.2", {}, method="PUT")
    service.says("/credentials/10.0.0.2", {}, method="DELETE")
    service.says("/devices", {"detail": "no"}, status=409, method="POST")
    run(["device", "add", *words, "--password-file", str(tmp_path / "pw")])
    (made,) = [asked[3] for asked in service.asked if asked[:2] == ("PUT", "/api/v1/credentials/10.0.0.2")]
    (added,) = [asked[3] for asked in service.asked if asked[:2] == ("POST", "/api/v1/devices")]
    assert (made["user"], made["password"]) == sent
    assert added["kind"] == ("pdu" if "--kind" in words else "switch")
    assert [(one["protocol"], one["address"], one["credential"]) for one in added["endpoints"]] == [
        ("snmp", address, "10.0.0.2")
    ]
    assert ("DELETE", "/api/v1/credentials/10.0.0.2") in [asked[:2] for asked in service.asked]


def test_credentials_of_snmp_have_a_community_or_two_passphrases(service, tmp_path, monkeypatch):
    for name in ("switches", "core", "plain"):
        service.says(f"/credentials/{name}", {"used_by": 0}, method="PUT")
    (tmp_path / "pw").write_text("one\r\ntwo\r\nthree\r\n")
    file = ["--password-file", str(tmp_path / "pw")]
    assert run(["credential", "set", "switches", *file]) == Exit.DONE
    assert run(["credential", "set", "core", "--user", "watcher", "--privacy", *file]) == Exit.DONE
    monkeypatch.setenv("FLEETMON_PASSWORD", "signing\nprivacy")
    assert run(["credential", "set", "plain", "--user", "watcher", "--privacy"]) == Exit.DONE
    assert [asked[3] for asked in service.asked if asked[0] == "PUT"] == [
        {"user": "", "password": "one"},
        {"user": "watcher", "password": "one\ntwo"},
        {"user": "watcher", "password": "signing\nprivacy"},
    ]


def test_adding_a_device_polls_it_once_and_shows_what_it_says(service, capsys, monkeypatch):
    monkeypatch.setenv("FLEETMON_PASSWORD", "pw")
    service.lists("/credentials", [])
    service.says("/credentials/10.0.0.7", {}, method="PUT")
    service.says("/devices", {"device_id": "10.0.0.7"}, status=201, method="POST")
    service.says(
        "/devices/10.0.0.7/poll",
        {"poll_request_id": 5, "device_id": "10.0.0.7", "state": "requested"},
        status=202,
        method="POST",
    )
    service.says("/polls/5", {"poll_request_id": 5, "device_id": "10.0.0.7", "state": "done", "reason": ""})
    service.says("/devices/10.0.0.7", device("10.0.0.7"))
    assert run(["device", "add", "https://10.0.0.7/", "--user", "root"]) == Exit.DONE
    assert "PowerEdge R660" in capsys.readouterr().out
    added = next(asked for asked in service.asked if asked[:2] == ("POST", "/api/v1/devices"))[3]
    assert added["endpoints"] == [
        {
            "protocol": "redfish",
            "address": "https://10.0.0.7",
            "verify": "pin",
            "tls": "modern",
            "credential": "10.0.0.7",
        }
    ]


def test_a_device_that_does_not_answer_stays_and_the_command_says_partly(service, capsys):
    service.lists("/credentials", [{"name": "bmc"}])
    service.says("/devices", {"device_id": "x"}, status=201, method="POST")
    service.says(
        "/devices/x/poll",
        {"poll_request_id": 5, "state": "failed", "reason": "no answer within 10 s"},
        status=202,
        method="POST",
    )
    service.says("/devices/x", device("x", reachability="unreachable"))
    assert run(["device", "add", "https://x", "--credential", "bmc"]) == Exit.PARTLY
    assert "x stays in the fleet, but could not be read: no answer within 10 s" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--credential", "bcm"], ["--credential", "bmc", "--ipmi", "10.0.0.8", "--ipmi-credential", "bcm"]]
)
def test_credentials_that_are_not_there_are_told_before_a_device_is_added(service, capsys, words):
    """Planted bug: a mistyped name adds a device of which every poll says that it is given no user."""
    service.lists("/credentials", [{"name": "bmc"}])
    assert run(["device", "add", "https://10.0.0.7", *words]) == Exit.USAGE
    assert "there are no credentials named bcm; make them: fleetmon credential set bcm" in capsys.readouterr().err
    assert all(asked[0] == "GET" for asked in service.asked)


def test_credentials_made_for_a_device_that_is_refused_go_again(service, monkeypatch):
    monkeypatch.setenv("FLEETMON_PASSWORD", "pw")
    service.lists("/credentials", [])
    service.says("/credentials/x", {}, method="PUT")
    service.says("/credentials/x", {}, method="DELETE")
    service.refuses("/devices", 409, "U17 of R04 is taken", method="POST")
    assert run(["device", "add", "https://x", "--user", "root"]) == Exit.FAILED
    assert ("DELETE", "/api/v1/credentials/x") in [asked[:2] for asked in service.asked]


def test_credentials_that_are_there_are_never_overwritten_by_a_new_device(service, capsys, monkeypatch):
    monkeypatch.setenv("FLEETMON_PASSWORD", "pw")
    service.lists("/credentials", [{"name": "x", "user": "root", "version": 1, "used_by": 40}])
    assert run(["device", "add", "https://x", "--user", "root"]) == Exit.FAILED
    assert "use them with --credential x" in capsys.readouterr().err
    assert all(asked[0] == "GET" for asked in service.asked)


def test_nothing_is_removed_without_a_yes(service, capsys):
    service.says("/devices/a", device("a"))
    assert run(["device", "remove", "a"]) == Exit.REFUSED
    assert "say --yes" in capsys.readouterr().err
    assert all(asked[0] == "GET" for asked in service.asked)
    service.says("/devices/a", {}, method="DELETE")
    assert run(["device", "remove", "a", "--yes"]) == Exit.DONE
    assert service.headers[-1]["If-Match"] == '"7"'


def test_several_polls_of_which_some_fail_are_partly_done(service, capsys):
    for name, state in (("a", "done"), ("b", "failed")):
        service.says(
            f"/devices/{name}/poll",
            {"poll_request_id": 1, "state": state, "reason": "no answer" * (state == "failed")},
            method="POST",
        )
    assert run(["device", "poll", "a"]) == Exit.DONE
    assert run(["device", "poll", "b", "gone"]) == Exit.FAILED
    capsys.readouterr()
    assert run(["device", "poll", "a", "b", "gone", "-o", "json"]) == Exit.PARTLY
    assert [row["state"] for row in json.loads(capsys.readouterr().out)] == ["done", "failed", "refused"]


PLAN = {
    "plan": [
        {"action": "add", "what": "rack", "name": "R07", "changes": {"height_u": [None, 42]}},
        {"action": "change", "what": "device", "name": "web-11", "changes": {"position_u": [17, 18]}},
        {"action": "keep", "what": "device", "name": "web-12", "changes": {}},
    ],
    "plan_hash": "abc", "applied": False, "summary": {}, "warnings": ["no credentials named bmc yet"],
}  # fmt: skip


def test_an_import_shows_its_plan_and_applies_exactly_that(service, capsys, tmp_path):
    file = tmp_path / "fleet.toml"
    file.write_text("[[rack]]\n")
    service.says("/import", PLAN, method="POST")
    assert run(["device", "import", str(file), "--plan"]) == Exit.DONE
    said = capsys.readouterr().out
    assert "+ add rack R07" in said
    assert "17 → 18" in said
    assert "! no credentials named bmc yet" in said
    assert len(service.asked) == 1
    assert run(["device", "import", str(file), "--apply"]) == Exit.REFUSED
    assert all("apply" not in asked[3] for asked in service.asked)
    assert run(["device", "import", str(file), "--apply", "--yes"]) == Exit.DONE
    assert service.asked[-1][3] == {
        "format": "toml",
        "text": "[[rack]]\n",
        "prune": False,
        "apply": True,
        "plan_hash": "abc",
    }
    assert "done: add 1 rack, change 1 device" in capsys.readouterr().err


def test_doctor_fails_only_when_something_fails(service, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("FLEETMON__DATA", str(tmp_path))
    tmp_path.chmod(0o700)
    service.says("/live", {"status": "alive", "version": "0.1.0"})
    service.says("/ready", {"status": "ready", "roles": [], "reasons": []})
    service.says("/fleet", {"devices": 1, "stale": 0, "by_reachability": {"reachable": 1}})
    service.says("/storage", STORAGE)
    assert run(["doctor", "-o", "json"]) == Exit.DONE
    assert {row["check"] for row in json.loads(capsys.readouterr().out)} >= {
        "python",
        "sqlite",
        "lock",
        "clock",
        "master key",
    }
    service.says("/ready", {"status": "not_ready", "roles": [], "reasons": ["devices is restarting"]}, status=503)
    assert run(["doctor"]) == Exit.FAILED
    assert "◆ fail     roles           not ready: devices is restarting" in capsys.readouterr().out


def test_top_prints_one_picture_where_there_is_no_terminal(service, capsys):
    service.says(
        "/ready",
        {
            "status": "ready",
            "version": "0.1.0",
            "roles": [{"role": "api", "state": "running", "since": "2026-01-06T07:00:00Z", "restarts": 0}],
        },
    )
    service.says(
        "/fleet",
        {"now": "2026-01-06T08:00:00Z", "devices": 2, "by_health": {"OK": 1, "Critical": 1}, "watts": {"value": 7120}},
    )
    service.lists("/devices", [device("bad", health="Critical", health_reason="Fan 6: failed"), device("good")])
    service.lists("/events", [])
    service.says("/storage", STORAGE)
    service.says("/metrics", "# TYPE fleetmon_polls counter\nfleetmon_polls_total 42\n")
    assert run(["top"]) == Exit.DONE
    said = capsys.readouterr().out
    assert "● ready" in said
    assert "Fan 6: failed" in said
    assert "good" not in said
    assert "7.12 kW" in said
    assert "8.0 MiB in databases, 40.0 GiB of 100.0 GiB free" in said
    assert "full in 40 days at 1.0 GiB a day" in said


def test_top_says_that_readings_are_refused(service, capsys):
    readings = {"taken": False, "reason": "the disk is nearly full; free some space", "since": None, "lost": 4711}
    service.says("/ready", {"status": "ready", "version": "0.1.0", "roles": []})
    service.says("/fleet", {"now": "2026-01-06T08:00:00Z", "devices": 0})
    service.says("/storage", {**STORAGE, "readings": readings})
    service.lists("/devices", [])
    service.lists("/events", [])
    service.says("/metrics", "")
    assert run(["top"]) == Exit.DONE
    assert "readings are refused, 4,711 so far" in capsys.readouterr().out
