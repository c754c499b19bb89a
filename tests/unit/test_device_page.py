"""How a device tells by itself stands on its page in one line."""

from datetime import UTC, datetime, timedelta

import pytest

from fleetmon.cli.device_page import _push

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
