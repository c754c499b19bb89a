"""A small fleet in the API's shapes, with every state the page can show; but for the time of day always the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]

SITES = {"core-1": "core-1", "edge-2": "edge-2"}
ZONES = (("top", 29, 42), ("middle", 15, 28), ("bottom", 1, 14))


def time(at: datetime | None) -> str | None:
    """RFC 3339 in UTC with milliseconds."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stated(
    value: float | None, at: datetime | None, source: str, reason: str | None = None, *, stale: bool = False
) -> Json:
    """A stated value; without a number there is a reason."""
    reason = reason or ("NeverRead" if value is None else None)
    return {"value": value, "reason": reason, "taken_at": time(at), "source": source, "quality": "good", "stale": stale}


def seats(prefix: str, count: int, bad: dict[int, str] | None = None) -> list[Json]:
    """Bays or supplies; `bad` maps a number to a health, `predicted` or `absent`."""
    told = bad or {}
    row = []
    for number in range(1, count + 1):
        word = told.get(number, "OK")
        row.append(
            {
                "name": f"{prefix} {number}",
                "health": "Warning" if word == "predicted" else "OK" if word == "absent" else word,
                "state": "Absent" if word == "absent" else "Enabled",
                "failure_predicted": word == "predicted",
            }
        )
    return row


def subsystem(kind: str, present: int, health: str = "OK", not_ok: int = 0, reason: str = "") -> Json:
    return {"kind": kind, "health": health, "present": present, "not_ok": not_ok, "reason": reason}


def server(
    name: str, rack: str, position: int, *, now: datetime, number: int, height: int = 1, bays: int = 8, **changed: Any
) -> Json:
    """A healthy server polled a few seconds ago, with whatever the caller changes."""
    seen = now - timedelta(seconds=3 + number * 7 % 40)
    path = "/redfish/v1/Chassis/1/Thermal#/Temperatures/0"
    device = {
        "device_id": name,
        "name": name,
        "kind": "server",
        "site_id": "edge-2" if rack.startswith("E") else "core-1",
        "rack_id": rack,
        "position_u": position,
        "height_u": height,
        "face": "front",
        "slot": "",
        "tags": [],
        "enabled": True,
        "health": "OK",
        "health_reason": "",
        "failure_predicted": False,
        "power": {"value": "On", "taken_at": time(seen), "source": "/redfish/v1/Systems/1", "stale": False},
        "reachability": "reachable",
        "reachability_reason": "",
        "unreachable_since": None,
        "inlet": stated(round(20.5 + position * 0.16 + number % 5 * 0.3, 1), seen, path),
        "outlet": stated(
            round(31.0 + position * 0.2 + number % 7 * 0.4, 1), seen, "/redfish/v1/Chassis/1/Thermal#/Temperatures/3"
        ),
        "watts": stated(
            float(180 + 95 * height + number * 37 % 90), seen, "/redfish/v1/Chassis/1/Power#/PowerControl/0"
        ),
        "stale": False,
        "polled_at": time(seen),
        "seen_at": time(seen),
        "interval": 60,
        "manufacturer": "Contoso",
        "model": {1: "CS-1100 Gen3", 2: "CS-2400 Gen3"}.get(height, "CS-8000"),
        "serial_number": f"CZ243{number:05d}",
        "firmware": "1.62",
        "address": f"https://10.20.4.{number % 250 + 1}",
        "subsystems": [
            subsystem("Processor", 2),
            subsystem("Memory", 16),
            subsystem("Drive", bays),
            subsystem("Fan", 6),
            subsystem("PowerSupply", 2),
        ],
        "bays": seats("Bay", bays),
        "supplies": seats("PSU", 2),
        "fans": seats("Fan", 6),
        "revision": 100 + number,
    }
    return device | changed


@dataclass
class Fleet:
    """Racks and devices by id; `revision` grows with every change."""

    now: datetime
    racks: dict[str, Json] = field(default_factory=dict)
    devices: dict[str, Json] = field(default_factory=dict)
    revision: int = 5000

    def rack(self, rack_id: str, row: str, height: int = 42, budget: float | None = 8600.0) -> None:
        site = "edge-2" if rack_id.startswith("E") else "core-1"
        self.racks[rack_id] = {
            "rack_id": rack_id,
            "name": rack_id,
            "site_id": site,
            "site_name": SITES[site],
            "row": row,
            "height_u": height,
            "feed_budget_watts": budget,
        }

    def add(self, name: str, rack: str, position: int, **told: Any) -> None:
        self.devices[name] = server(name, rack, position, now=self.now, number=len(self.devices) + 1, **told)

    def in_rack(self, rack_id: str) -> list[Json]:
        return [device for device in self.devices.values() if device["rack_id"] == rack_id]


def silent(now: datetime, minutes: float) -> Json:
    """The fields of a device that has not answered for `minutes`."""
    since = now - timedelta(minutes=minutes)
    return {
        "stale": True,
        "seen_at": time(since),
        "polled_at": time(now - timedelta(seconds=9)),
        "reachability": "unreachable",
        "reachability_reason": "no answer within 10 s",
        "unreachable_since": time(since + timedelta(minutes=1)),
        "inlet": stated(24.1, since, "/redfish/v1/Chassis/1/Thermal#/Temperatures/0", stale=True),
        "watts": stated(231.0, since, "/redfish/v1/Chassis/1/Power#/PowerControl/0", stale=True),
    }


def rack_of_troubles(fleet: Fleet) -> None:
    """R04: every state there is, among many healthy neighbours."""
    now = fleet.now
    for u, name in ((41, "sw-r04-a"), (40, "sw-r04-b")):
        ports = [subsystem("Port", 48), subsystem("Fan", 4), subsystem("PowerSupply", 2)]
        fleet.add(
            name, "R04", u, kind="switch", face="rear", bays=0, model="NX-48T6", subsystems=ports, fans=seats("Fan", 4)
        )
    for u in range(34, 24, -1):
        fleet.add(f"api-{65 - u}", "R04", u)
    for slot, name in (("L1", "ci-05"), ("R1", "ci-06"), ("L2", "ci-07"), ("R2", "ci-08")):
        fleet.add(name, "R04", 23, height=2, bays=6, slot=slot)
    for step in range(5):
        fleet.add(f"db-b0{step + 1}", "R04", 21 - 2 * step, height=2, bays=24)
    for step in range(4):
        fleet.add(f"store-1{step + 1}", "R04", 11 - 2 * step, height=2, bays=12)
    fleet.add(
        "pdu-r04-a", "R04", 1, kind="pdu", bays=0, subsystems=[], supplies=[], fans=[], inlet=stated(None, None, "")
    )
    fleet.devices["pdu-r04-a"] |= {"position_u": None, "model": "RP-3230", "outlet": stated(None, None, "")}
    off = {
        "value": "Off",
        "taken_at": time(now - timedelta(seconds=8)),
        "source": "/redfish/v1/Systems/1",
        "stale": False,
    }
    trouble: dict[str, Json] = {
        "api-33": {
            "health": "Warning",
            "health_reason": "Fan 4: below its lower threshold",
            "fans": seats("Fan", 6, {4: "Warning"}),
        },
        "api-34": {"enabled": False},
        "api-37": {"power": off | {"value": "PoweringOn"}},
        "api-39": silent(now, 12.4),
        "api-40": {
            "health": "Unknown",
            "power": {"value": "Unknown", "taken_at": None, "source": "", "stale": False},
            "reachability": "access_denied",
            "reachability_reason": "401 to the credentials of core",
            "seen_at": None,
            "inlet": stated(None, None, ""),
            "outlet": stated(None, None, ""),
            "watts": stated(None, None, ""),
            "bays": [],
            "supplies": [],
            "fans": [],
            "subsystems": [],
            "model": "",
            "manufacturer": "",
            "serial_number": "",
            "firmware": "",
        },
        "ci-07": {"health": "Warning", "health_reason": "DIMM A2: corrected errors above their limit"},
        "db-b02": {
            "health": "Critical",
            "health_reason": "Power supply: 0 of 2 working",
            "power": off,
            "inlet": stated(None, now, "/redfish/v1/Chassis/1/Thermal#/Temperatures/0", "Off"),
            "outlet": stated(None, now, "/redfish/v1/Chassis/1/Thermal#/Temperatures/3", "Off"),
            "watts": stated(0.0, now, "/redfish/v1/Chassis/1/Power#/PowerControl/0"),
            "supplies": seats("PSU", 2, {1: "Critical", 2: "Critical"}),
            "subsystems": [
                subsystem("PowerSupply", 2, "Critical", 2, "0 of 2 working: input lost"),
                subsystem("Processor", 2),
                subsystem("Memory", 16),
                subsystem("Drive", 24),
                subsystem("Fan", 6),
            ],
        },
        "db-b04": {
            "health": "Warning",
            "health_reason": "PSU 1: input lost",
            "supplies": seats("PSU", 2, {1: "Warning"}),
        },
        "store-11": {"bays": seats("Bay", 12, {12: "absent"})},
        "store-12": {
            "health": "Critical",
            "health_reason": "Bay 3: drive failed",
            "bays": seats("Bay", 12, {3: "Critical"}),
        },
        "store-13": {
            "health": "Warning",
            "health_reason": "Bay 7: failure predicted",
            "failure_predicted": True,
            "bays": seats("Bay", 12, {7: "predicted"}),
        },
    }
    for name, fields in trouble.items():
        fleet.devices[name] |= fields


def troubled_fleet(now: datetime) -> Fleet:
    """Two sites, eight racks, some hundred devices."""
    fleet = Fleet(now)
    for number in range(1, 7):
        fleet.rack(f"R0{number}", "A" if number < 4 else "B")
    fleet.rack("E01", "A", height=24, budget=None)
    fleet.rack("E02", "A", height=24, budget=None)
    number = 1
    for rack in ("R01", "R02", "R03", "R05"):
        for u in range(36, 8, -1 if rack == "R01" else -2):
            fleet.add(f"web-{number:02d}", rack, u)
            number += 1
    rack_of_troubles(fleet)
    for u in range(20, 4, -2):
        fleet.add(f"edge-{u:02d}", "E01", u, height=2, bays=12, **silent(now, 31))
    fleet.devices["web-11"] |= {
        "health": "Critical",
        "health_reason": "Drive Bay 3: failed",
        "bays": seats("Bay", 8, {3: "Critical"}),
    }
    fleet.devices["web-34"] |= {
        "health": "Warning",
        "health_reason": "Inlet 38.5 Cel, above 35",
        "inlet": stated(38.5, now, "x"),
    }
    return fleet


def rack_row(fleet: Fleet, rack: Json) -> Json:
    """A rack with what its devices add up to."""
    devices = fleet.in_rack(rack["rack_id"])
    healths = [device["health"] for device in devices]
    order = ["Critical", "Warning", "Unknown", "OK"]
    watts = [device["watts"]["value"] for device in devices if device["watts"]["value"] is not None]
    inlets = [device["inlet"] for device in devices if device["inlet"]["value"] is not None]
    never = stated(None, None, "")
    return rack | {
        "devices": len(devices),
        "health": min(healths, key=order.index, default="Unknown"),
        "by_health": {word: healths.count(word) for word in order},
        "stale": sum(device["stale"] for device in devices),
        "watts": {"value": sum(watts) if watts else None, "devices": len(watts), "of": len(devices)},
        "inlet_max": max(inlets, key=lambda one: one["value"], default=never),
        "free_u": len(free_units(rack, devices)),
    }


def free_units(rack: Json, devices: list[Json]) -> list[int]:
    placed = [device for device in devices if device["position_u"] is not None]
    taken = {u for device in placed for u in range(device["position_u"], device["position_u"] + device["height_u"])}
    return [u for u in range(1, rack["height_u"] + 1) if u not in taken]


def largest_gap(free: list[int]) -> Json | None:
    best: Json | None = None
    start = None
    for u in [*free, 10_000]:
        if start is None:
            start, last = u, u
        elif u == last + 1:
            last = u
        else:
            if best is None or last - start > best["to_u"] - best["from_u"]:
                best = {"from_u": start, "to_u": last}
            start, last = u, u
    return best


def zone(devices: list[Json], low: int, high: int, which: str) -> Json:
    """The mean of a third of the rack."""
    told = [one for one in devices if one["position_u"] is not None and low <= one["position_u"] <= high]
    values = [one[which]["value"] for one in told if one[which]["value"] is not None]
    if not values:
        return stated(None, None, "")
    return stated(round(sum(values) / len(values), 1), datetime.fromisoformat(told[0]["polled_at"]), "mean")


def elevation(fleet: Fleet, rack: Json, now: datetime) -> Json:
    devices = fleet.in_rack(rack["rack_id"])
    free = free_units(rack, devices)
    return {
        "rack": rack_row(fleet, rack),
        "revision": fleet.revision,
        "now": time(now),
        "units": devices,
        "space": {"free_u": len(free), "largest_gap": largest_gap(free)},
        "temperature": [
            {"zone": name, "inlet": zone(devices, low, high, "inlet"), "outlet": zone(devices, low, high, "outlet")}
            for name, low, high in ZONES
        ],
    }
