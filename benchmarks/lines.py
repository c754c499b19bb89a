"""The scorecard: every line, its goal, and the peer and the floor it stands between."""

from __future__ import annotations

from benchmarks import cpu, redfish, restart, scale
from benchmarks.scorecard import Line

SCRAPERS = "common Redfish exporters and collectors: 51 to 89 GETs a scrape (field reports; not measured here)"

LINES = (
    Line(
        name="redfish-steady-requests",
        unit="requests",
        goal=3,
        peer=51,
        peer_from=SCRAPERS,
        floor=2,
        floor_from="one resource that tells all sensors and one that tells power and health",
        measure=redfish.steady_requests,
    ),
    Line(
        name="redfish-inventory-requests-expand",
        unit="requests",
        goal=8,
        peer=51,
        peer_from=SCRAPERS,
        floor=5,
        floor_from="systems, chassis, managers, storage and firmware, each expanded once",
        measure=redfish.inventory_requests_expand,
    ),
    Line(
        name="redfish-inventory-requests",
        unit="requests",
        goal=51,
        peer=51,
        peer_from=SCRAPERS,
        floor=None,
        floor_from="without $expand every part is a resource of its own: one request a part, less those told inline",
        measure=redfish.inventory_requests,
    ),
    Line(
        name="slow-bmc-poll",
        unit="s",
        goal=0.8,
        peer=12.75,
        peer_from=f"51 requests at 250 ms each (derived); {SCRAPERS}",
        floor=0.5,
        floor_from="two requests at 250 ms each",
        measure=redfish.slow_poll,
    ),
    Line(
        name="cpu-per-poll",
        unit="ms",
        goal=2,
        peer=None,
        peer_from="the same requests with DMTF's synchronous redfish library, nothing stored (measured beside)",
        floor=None,
        floor_from="the same requests with bare aiohttp and orjson, nothing understood or stored (measured beside)",
        measure=cpu.cpu_per_poll,
    ),
    Line(
        name="restart-to-first-poll",
        unit="s",
        goal=2,
        peer=None,
        peer_from="no comparable figure is known",
        floor=None,
        floor_from="a Python process that imports the service and ends (measured beside)",
        measure=restart.restart_to_first_poll,
    ),
    Line(
        name="ten-thousand",
        unit="missed slots",
        goal=0,
        peer=None,
        peer_from="no comparable figure is known",
        floor=0,
        floor_from="every server is asked once in every interval",
        measure=scale.ten_thousand,
    ),
    Line(
        name="dead-500",
        unit="s",
        goal=2,
        peer=None,
        peer_from="no comparable figure is known",
        floor=0,
        floor_from="every server is asked at its slot",
        measure=scale.dead_500,
    ),
)
