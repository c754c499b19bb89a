"""How a firmware's EventService behaves, as a row of its shape."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What a generation of firmware offers to those who want to be told."""

    streams: int = 2
    """Server-sent event streams at once; 0 is a firmware without any, and without a ServerSentEventUri."""
    stream_path: str = "EventService/SSE"
    """Below `/redfish/v1/`."""
    subscriptions: int = 20
    full_status: int = 503
    """Answered to one stream or subscription too many."""
    kept_over_reset: bool = True
    """Whether subscriptions are still there after the BMC restarted (F58 where not)."""
    http_headers: bool = True
    """Whether a subscription may carry headers of its own."""
    of_log: str = "event"
    """The log whose entries events are of; entries of the lifecycle log alone are told in any case."""
    links_log: bool = True
    """Whether an event names its LogEntry."""
    replayed: int = 64
    """Events kept for a client that comes back with Last-Event-ID."""
    comment_every: float = 60.0
    """Seconds between comment lines on a stream; 0 sends none."""
    comment: str = "still here"
    pretty: bool = False
    """Frames without a space after the colon, and JSON over many `data:` lines."""
    ends_after: float = 0.0
    """Seconds without an event after which the BMC ends a stream; 0 never does."""
    needs: tuple[str, ...] = ("Destination", "Protocol")
    """What a subscription must say."""
    registries: tuple[str, ...] = (
        "ResourceEvent", "Platform", "StorageDevice", "Environmental", "Power", "Memory", "NetworkDevice",
    )  # fmt: skip
    """RegistryPrefixes that the EventService lists, unless it refuses them in subscriptions."""
    refuses: tuple[str, ...] = ()
    """What of the standard's properties a subscription must not have."""
    reports_every: float = 0.0
    """Seconds between MetricReports on streams that want them; 0 sends none."""
    retry_policy: str = "TerminateAfterRetries"
    """DeliveryRetryPolicy of a subscription that names none."""


PLAIN_PUSH = Push()
"""What a firmware does of which nothing else is said."""
