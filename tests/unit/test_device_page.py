"""How a device tells by itself, and what its other endpoints say, stands on its page in one line each."""

from datetime import UTC, datetime, timedelta

import pytest

from fleetmon.cli.device_page import _other, _push

NOW = datetime(2026, 1, 6, 8, 0, tzinfo=UTC)


def told(**changes: object) -> dict[str, object]:
    since = (NOW - timedelta(minutes=5)).isoformat()
    plain = {"way": "stream", "state": "open", "since": since, "reason": "", "event_at": None, "events": 0, "hints": 0}
    return {**plain, **changes}


@pytest.mark.parametrize(
    ("push", "line"),
    [
        (None, ""),
        (told(), "stream open for 5 m"),
        (
            told(events=3, event_at=(NOW - timedelta(seconds=20)).isoformat()),
            "stream open for 5 m, 3 events, the last 20 s ago",
        ),
        (told(way="subscription", hints=7), "subscription open for 5 m, 7 hints"),
        (
            told(state="resting", reason="no further stream (HTTP 503)"),
            "not open for 5 m, no further stream (HTTP 503)",
        ),
        (told(state="given_up", reason="it offers no push"), "none for 5 m, it offers no push"),
    ],
)
def test_push_is_told_in_one_line(push, line):
    assert _push(push, NOW) == line


def other(**changes: object) -> dict[str, object]:
    plain = {
        "address": "ipmi://bmc", "duty": "witness", "reachability": "reachable", "reason": "",
        "unreachable_since": None, "seen_at": (NOW - timedelta(seconds=4)).isoformat(), "power": {"value": "On"},
    }  # fmt: skip
    return {**plain, **changes}


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        (other(), ("witness", "ipmi://bmc  power On, 4 s ago")),
        (other(duty="stand_in"), ("stand-in", "ipmi://bmc  power On, 4 s ago")),
        (other(reachability="never_asked"), ("witness", "ipmi://bmc  never asked yet")),
        (
            other(
                reachability="access_denied",
                reason="wrong password",
                unreachable_since=(NOW - timedelta(minutes=3)).isoformat(),
            ),
            ("witness", "ipmi://bmc  access denied for 3 m: wrong password"),
        ),
    ],
)
def test_another_endpoint_is_told_in_one_line(endpoint, line):
    assert _other(endpoint, NOW) == line
