"""`fleetmon poll` before it asks anything, and what it makes of what it learned."""

# ruff: noqa: E501

import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from fleetmon.cli.outcome import WrongUsage
from fleetmon.cli.poll import _credentials, aspects_of, endpoint_of, failure, partly, user_in
from fleetmon.cli.poll_report import as_object, report
from fleetmon.cli.secrets import password
from fleetmon.errors import AccessDenied, Unreachable
from fleetmon.model import (
    Aspect,
    Component,
    ComponentHealth,
    Health,
    Identity,
    Inventory,
    LogReading,
    LogRecord,
    NoReading,
    Observation,
    Power,
    PowerState,
    Problem,
    Protocol,
    Reachability,
    Reading,
    ReadingType,
    Sensor,
    Thresholds,
)

NOW = datetime(2026, 1, 6, 8, 0, tzinfo=UTC)
ALL = frozenset(Aspect)
CHASSIS = Component("Chassis", "1U")


def sensor(name, kind=ReadingType.TEMPERATURE, component=CHASSIS, **more):
    return Sensor(component=component, name=name, type=kind, source=f"/redfish/v1/{name}", **more)


def part(kind, name, health=Health.OK, **told):
    return ComponentHealth(
        component=Component(kind, name),
        health=health,
        state=told.pop("state", "Enabled"),
        taken_at=NOW,
        source="/x",
        **told,
    )


def seen(**told):
    return Observation(
        **{
            "protocol": Protocol.REDFISH, "asked": ALL, "answered": ALL, "taken_at": NOW, "seconds": 1.2344, "requests": 9,
            "reachability": Reachability.REACHABLE, "identity": Identity(manufacturer="Dell Inc.", model="R660", serial_number="S1"),
            "power": Power(state=PowerState.ON, taken_at=NOW, source="/s"),
            "overall": part("Device", "", Health.CRITICAL),
            "readings": (
                Reading(sensor=sensor("Inlet", thresholds=Thresholds(upper_critical=40.0)), value=23.5, taken_at=NOW),
                Reading(sensor=sensor("GPU 2"), value=NoReading.ABSENT, taken_at=NOW),
            ),
            "health": (
                part("Drive", "Bay 3", Health.CRITICAL, failure_predicted=True, detail="worn out"),
                part("Fan", "Fan 1"), part("Fan", "Fan 2"), part("Port", "1", Health.UNKNOWN), part("Memory", "A9", state="Absent"),
            ),
            "logs": (
                LogReading(log="SEL", source="/log", taken_at=NOW, reached_mark=True, records=(
                    LogRecord(record_id="1", severity=Health.OK, message="old", source="/1", created_at=datetime(2025, 1, 1, tzinfo=UTC)),
                    LogRecord(record_id="2", severity=Health.CRITICAL, message="Drive 3 failed", source="/2", created_at=NOW),
                )),
            ),
            **told,
        }
    )  # fmt: skip


def page(observation, width=100):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(report(observation, "https://bmc", width=width))
    return console.export_text()


def test_the_object_holds_every_present_component_and_a_reason_for_every_missing_number():
    told = json.loads(json.dumps(as_object(seen())))
    assert told["device"]["manufacturer"] == "Dell Inc."
    assert (told["protocol"], told["power_state"]) == ("redfish", "On")
    assert told["readings"] == [
        {"component": {"kind": "Chassis", "name": "1U"}, "sensor": "Inlet", "type": "Temperature", "unit": "Cel", "value": 23.5,
         "reason": None, "quality": "good", "thresholds": {"upper_critical": 40.0}, "source": "/redfish/v1/Inlet", "taken_at": "2026-01-06T08:00:00.000Z"},
        {"component": {"kind": "Chassis", "name": "1U"}, "sensor": "GPU 2", "type": "Temperature", "unit": "Cel", "value": None,
         "reason": "Absent", "quality": "good", "thresholds": {}, "source": "/redfish/v1/GPU 2", "taken_at": "2026-01-06T08:00:00.000Z"},
    ]  # fmt: skip
    assert [(found["component"]["kind"], found["health"]) for found in told["health"]] == [
        ("Drive", "Critical"), ("Fan", "OK"), ("Fan", "OK"), ("Port", "Unknown"), ("Memory", "OK"),
    ]  # fmt: skip
    assert told["health"][0] == {
        "component": {"kind": "Drive", "name": "Bay 3"}, "health": "Critical", "state": "Enabled", "failure_predicted": True,
        "detail": "worn out",
    }  # fmt: skip
    assert (told["requests"], told["seconds"], len(told["events"])) == (9, 1.234, 2)


def test_inventory_is_plain_json():
    inventory = Inventory(identity=Identity(model="R660"), parts=(), taken_at=NOW, complete=True)
    told = json.loads(json.dumps(as_object(seen(inventory=inventory))))
    assert told["inventory"] == {
        "identity": told["inventory"]["identity"], "parts": [], "taken_at": "2026-01-06T08:00:00.000Z", "complete": True,
    }  # fmt: skip


def test_the_page_tells_what_is_wrong_before_what_is_well():
    picture = page(seen())
    assert picture.index("Drive Bay 3") < picture.index("2 Fan")
    assert "failure predicted; worn out" in picture
    assert "Dell Inc. R660   ◆ CRIT   ▮ On" in picture


def test_who_it_is_is_no_secret_of_a_device_that_was_not_asked():
    beat = frozenset({Aspect.HEARTBEAT})
    assert "a device that does not say" not in page(seen(asked=beat, answered=beat, identity=None, inventory=None))
    assert "a device that does not say" in page(seen(identity=Identity(), inventory=None))


def test_a_component_that_says_nothing_is_counted_and_not_called_well():
    assert "◌ UNKN  1 Port, which say nothing of their health" in page(seen())
    assert "absent: 1 Memory" in page(seen())


def test_newest_events_come_first():
    picture = page(seen())
    assert picture.index("Drive 3 failed") < picture.index("old")


def test_what_could_not_be_read_is_told():
    assert "/redfish/v1/Chassis/2" in page(
        seen(problems=(Problem(resource="/redfish/v1/Chassis/2", reason="HTTP 500"),))
    )


def test_what_was_read_well_and_wants_a_person_is_not_among_what_could_not_be_read():
    """Planted bug: a BMC that offers cipher suite 0 looks like one that keeps its security to itself."""
    finding = Problem(resource="security", reason="cipher suite 0 is offered", finding=True)
    told = page(seen(problems=(finding,)))
    assert "Worth knowing" in told
    assert "Could not be read" not in told
    assert not partly(seen(answered=ALL - {Aspect.EVENTS}, problems=(finding,)))
    both = page(seen(problems=(finding, Problem(resource="sel", reason="no privilege"))))
    assert both.index("no privilege") < both.index("Worth knowing") < both.index("cipher suite 0")
    assert as_object(seen(problems=(finding,)))["problems"][0]["finding"] is True


def test_a_poll_is_partial_when_something_asked_for_was_not_answered():
    assert not partly(seen())
    assert not partly(seen(problems=(Problem(resource="/x", reason="odd"),)))
    assert not partly(seen(answered=ALL - {Aspect.EVENTS})), "a device may have no log at all"
    odd = (Problem(resource="/x", reason="HTTP 500"),)
    assert partly(seen(answered=ALL - {Aspect.EVENTS}, problems=odd))
    partial = Inventory(identity=Identity(), parts=(), taken_at=NOW, complete=False)
    assert partly(seen(inventory=partial, problems=odd))


def test_every_way_to_fail_keeps_its_name():
    endpoint = endpoint_of("https://bmc", insecure=True, fingerprint=None)
    denied = failure(
        seen(reachability=Reachability.ACCESS_DENIED, reason="https://bmc: wrong password; correct it"), endpoint
    )
    assert isinstance(denied, AccessDenied)
    assert str(denied) == "https://bmc: wrong password; correct it"
    assert isinstance(failure(seen(reachability=Reachability.UNREACHABLE, reason="no answer"), endpoint), Unreachable)


def test_by_default_a_certificate_must_be_vouched_for():
    assert endpoint_of("https://bmc/", insecure=False, fingerprint=None).verify == "ca"
    assert endpoint_of("https://bmc", insecure=True, fingerprint=None).verify == "none"
    pinned = endpoint_of("https://bmc", insecure=False, fingerprint="SHA256:" + "AB" * 32)
    assert (pinned.verify, pinned.pinned_spki) == ("pin", "ab" * 32)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("10.0.0.7", "write it like https://10.0.0.7"),
        ("ftp://bmc", "write it like https://host"),
        ("https://root:secret@bmc", "holds a user name or password"),
        ("ipmi://root:secret@bmc", "holds a user name or password"),
    ],
)
def test_an_address_that_is_none_is_answered_with_one_that_is(address, said):
    with pytest.raises(WrongUsage) as refused:
        endpoint_of(address, insecure=False, fingerprint=None)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "read"),
    [
        ("snmp://switch", "snmp://switch"),
        ("SNMP://10.0.0.2:161/", "snmp://10.0.0.2"),
        ("snmp://[fd00::2]:1161?version=1", "snmp://[fd00::2]:1161?version=1"),
        ("snmp://switch?priv=AES&auth=SHA-256", "snmp://switch?auth=sha256&priv=aes128"),
        ("snmp://switch?version=3&auth=sha", "snmp://switch?auth=sha"),
        ("snmp://switch?version=3", "snmp://switch?version=3"),
    ],
)
def test_an_snmp_address_is_one_in_its_proper_spelling(address, read):
    endpoint = endpoint_of(address, insecure=False, fingerprint=None)
    assert (endpoint.protocol, endpoint.address, endpoint.verify) == (Protocol.SNMP, read, "none")


@pytest.mark.parametrize(
    "address",
    [
        "snmp://",
        "snmp://switch:0",
        "snmp://switch/path",
        "snmp://switch?community=secret",
        "snmp://switch?auth=sha256&auth=md5",
        "snmp://switch?priv=aes128",
        "snmp://switch?auth=rot13",
        "snmp://switch?version=2&auth=sha256",
        "snmp://switch?version=4",
    ],
)
def test_an_snmp_address_that_is_none_is_refused_without_repeating_it(address):
    with pytest.raises(WrongUsage) as refused:
        endpoint_of(address, insecure=False, fingerprint=None)
    assert "secret" not in str(refused.value)


def test_the_user_of_an_snmp_address_is_the_one_of_the_credentials_and_a_password_is_refused():
    assert user_in("snmp://watcher@switch?auth=sha256", None) == ("watcher", "snmp://switch?auth=sha256")
    assert user_in("snmp://switch", None) == (None, "snmp://switch")
    with pytest.raises(WrongUsage, match="are two users"):
        user_in("snmp://watcher@switch?auth=sha256", "other")
    with pytest.raises(WrongUsage, match="the address holds a password"):
        user_in("snmp://watcher:secret@switch?auth=sha256", None)


def test_snmp_takes_a_community_or_a_user_with_one_passphrase_or_two(tmp_path, monkeypatch):
    (tmp_path / "pw").write_text("the first line\nthe second line\n")

    def credentials(address, user=None):
        return _credentials(user, tmp_path / "pw", endpoint_of(address, insecure=False, fingerprint=None))

    assert credentials("snmp://switch").password.reveal() == "the first line"
    assert credentials("snmp://switch?auth=sha256", "watcher").password.reveal() == "the first line"
    both = credentials("snmp://switch?auth=sha256&priv=aes128", "watcher")
    assert (both.user, both.password.reveal()) == ("watcher", "the first line\nthe second line")
    with pytest.raises(WrongUsage, match="knows no user"):
        credentials("snmp://switch", "watcher")
    with pytest.raises(WrongUsage, match="give --user"):
        credentials("snmp://switch?auth=sha256")


def test_a_device_that_says_nothing_of_itself_is_as_well_as_its_worst_part():
    def head(*health):
        return page(seen(overall=None, health=health)).splitlines()[0]

    unwell = part("Fan", "Fan 1", Health.WARNING)
    assert "WARN" in head(part("Port", "1", Health.UNKNOWN), unwell, part("Fan", "Fan 2"))
    assert "OK" in head(part("Port", "1", Health.UNKNOWN), part("Fan", "Fan 2"))
    assert "UNKN" in head(part("Port", "1", Health.UNKNOWN))


def test_light_is_told_in_decibels_and_what_a_port_feeds_in_watts():
    port = Component("Port", "Ethernet1")
    limits = Thresholds(lower_critical=0.0, upper_critical=0.00316228)

    def said(name, value, **more):
        measured = sensor(name, ReadingType.POWER, port, **more)
        told = page(seen(readings=(Reading(sensor=measured, value=value, taken_at=NOW),)))
        return next(line for line in told.splitlines() if name in line)

    assert "-3.0 dBm" in said("Receive", 0.0005012, thresholds=limits)
    assert "min dark max 5.0" in said("Receive", 0.0005012, thresholds=limits)
    assert "15.4 W" in said("Inline", 15.4)
    assert "0 W" in said("Inline", 0.0, thresholds=Thresholds(upper_critical=30.0))


@pytest.mark.parametrize("address", ["ipmi://bmc", "IPMI://10.0.0.7:6230/", "ipmi://[fd00::7]:623"])
def test_an_ipmi_address_is_one(address):
    assert endpoint_of(address, insecure=False, fingerprint=None).protocol is Protocol.IPMI


@pytest.mark.parametrize("address", ["ipmi://", "ipmi://bmc:99999", "ipmi://bmc/path", "ipmi://bmc:port"])
def test_an_ipmi_address_that_is_none_is_answered_with_one_that_is(address):
    with pytest.raises(WrongUsage, match="write ipmi://host or ipmi://host:port"):
        endpoint_of(address, insecure=False, fingerprint=None)


@pytest.mark.parametrize(("insecure", "fingerprint"), [(True, None), (False, "sha256:" + "0" * 64)])
def test_ipmi_has_no_certificates(insecure, fingerprint):
    with pytest.raises(WrongUsage, match="IPMI has no certificates; leave it out"):
        endpoint_of("ipmi://bmc", insecure=insecure, fingerprint=fingerprint)


def test_ipmi_takes_no_request_without_a_user():
    with pytest.raises(WrongUsage, match="give --user; USER level is enough"):
        _credentials(None, None, endpoint_of("ipmi://bmc", insecure=False, fingerprint=None))


def test_silence_over_ipmi_names_what_to_look_at():
    endpoint = endpoint_of("ipmi://bmc", insecure=False, fingerprint=None)
    silent = failure(seen(reachability=Reachability.UNREACHABLE, reason="no answer within 10 s"), endpoint)
    assert str(silent) == (
        "ipmi://bmc: no answer within 10 s; is IPMI over LAN enabled on the BMC, and does UDP get through to that port?"
    )


def test_a_name_nobody_knows_is_no_matter_of_ipmi_over_lan():
    unknown = seen(reachability=Reachability.UNREACHABLE, reason="no address for bmc: Name or service not known")
    endpoint = endpoint_of("ipmi://bmc", insecure=False, fingerprint=None)
    assert str(failure(unknown, endpoint)) == "ipmi://bmc: no address for bmc: Name or service not known"


def test_a_fingerprint_that_is_none_and_one_too_many_trusts_are_refused():
    with pytest.raises(WrongUsage, match="64 hexadecimal digits"):
        endpoint_of("https://bmc", insecure=False, fingerprint="sha256:abc")
    with pytest.raises(WrongUsage, match="one of the two"):
        endpoint_of("https://bmc", insecure=True, fingerprint="sha256:" + "0" * 64)


def test_aspects_are_named_or_all():
    assert aspects_of("") == ALL
    assert aspects_of("Sensors, events") == {Aspect.SENSORS, Aspect.EVENTS}
    with pytest.raises(WrongUsage, match="there is no fans; choose from heartbeat"):
        aspects_of("fans")


def test_a_password_comes_from_the_file_before_the_environment(tmp_path):
    file = tmp_path / "pw"
    file.write_bytes("geheim ü \r\nsecond line".encode())
    environ = {"FLEETMON_PASSWORD": "other"}
    assert password(file, environ, prompt="").reveal() == "geheim ü "
    assert password(None, environ, prompt="").reveal() == "other"


def test_without_a_terminal_nobody_is_asked(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(WrongUsage, match="use --password-file FILE or set FLEETMON_PASSWORD"):
        password(None, {}, prompt="")
    with pytest.raises(WrongUsage, match="no such file"):
        password(tmp_path / "none", {}, prompt="")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(WrongUsage, match="first line is empty"):
        password(tmp_path / "empty", {}, prompt="")
