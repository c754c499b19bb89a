"""`fleetmon event`: what the devices wrote into their logs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from fleetmon.cli.columns import EVENTS
from fleetmon.cli.options import DEFAULT_URL, Output, Url, examples, noun
from fleetmon.cli.outcome import WrongUsage
from fleetmon.cli.output import Form, listing
from fleetmon.cli.service import Service, segment
from fleetmon.clock import SystemClock

app = noun("What the devices wrote into their logs.")

SEVERITIES = {"ok": "OK", "warning": "Warning", "critical": "Critical", "unknown": "Unknown"}
_AGO = {"m": "minutes", "h": "hours", "d": "days"}


@app.command(
    "list",
    epilog=examples(
        ("fleetmon event list", "the newest 50, all devices"),
        ("fleetmon event list --severity critical --since 24h", "what went wrong since yesterday"),
        ("fleetmon event list --device db-a07 -o ndjson --limit 5000", "one device's log, for a script"),
    ),
)
def list_events(
    device: Annotated[str | None, typer.Option("--device", "-d", metavar="DEVICE", help="Only this device's.")] = None,
    severity: Annotated[
        str | None, typer.Option("--severity", metavar="SEVERITY", help=f"Only {', '.join(SEVERITIES)}.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="30m, 24h, 7d, or an instant like 2026-10-13T09:00:00Z."),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="As --since.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.", show_default=True)] = 50,
    output: Output = Form.TABLE,
    url: Url = DEFAULT_URL,
) -> None:
    """List hardware events, newest first.

    A question mark behind the time says that the device's own clock cannot be believed.
    """
    now = SystemClock().now()
    path = f"/devices/{segment(device)}/events" if device else "/events"
    asked = {
        "severity": severity_of(severity),
        "from_": moment("--since", since, now),
        "to": moment("--until", until, now),
    }
    with Service(url) as service:
        rows = service.items(path, limit=limit, **asked)
        listing(rows, EVENTS, output, empty="no events match" if any(asked.values()) or device else "no events yet")


def severity_of(text: str | None) -> str | None:
    """The severity as the API spells it."""
    if text is None:
        return None
    found = SEVERITIES.get(text.lower())
    if found is None:
        raise WrongUsage(f"--severity {text}: there is no such severity", cure=f"choose from {', '.join(SEVERITIES)}")
    return found


def moment(option: str, text: str | None, now: datetime) -> str | None:
    """An instant of the API from `24h` or from an instant; UTC where it names no zone."""
    if text is None:
        return None
    if ago := re.fullmatch(r"(\d+)\s*([mhd])", text.strip()):
        at = now - timedelta(**{_AGO[ago[2]]: int(ago[1])})
    else:
        try:
            at = datetime.fromisoformat(text.strip())
        except ValueError:
            raise WrongUsage(
                f"{option} {text} is no time", cure="write 30m, 24h, 7d, or an instant like 2026-10-13T09:00:00Z"
            ) from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
