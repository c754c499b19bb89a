"""The control API: what there is, what is wrong with it, and how to make it so. Plain HTTP on loopback."""

from __future__ import annotations

import base64
import sys
from array import array
from typing import Any

from emulator.fault_ids import PRESETS
from emulator.fault_rows import FAULTS
from emulator.faults import Fleet
from emulator.hardware import Machine
from emulator.ipmi.truth import over_ipmi, sdr_name
from emulator.ledger import Tally
from emulator.named_fault import FaultRefusedError
from emulator.redfish.bmc import Bmc
from emulator.sensor_rows import rows_of
from emulator.sensors import SensorRow
from emulator.server import Endpoint, Reply, Request, json_reply
from emulator.truth import rarer_parts, told_paths
from emulator.wire_catalogue import EFFECTS

MOST_POINTS = 100_000


class WrongRequestError(Exception):
    """The client asked for something that cannot be; status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Control:
    """The control API of a fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.endpoint = Endpoint(self.serve)

    def serve(self, request: Request) -> Reply:
        """The answer; an error is `{"error": "..."}`."""
        self.fleet.plant.agenda.settle()
        try:
            return json_reply(*self._answer(request))
        except WrongRequestError as error:
            return json_reply(error.status, {"error": str(error)})
        except FaultRefusedError as error:
            return json_reply(400, {"error": str(error)})

    def _answer(self, request: Request) -> tuple[int, Any]:
        steps = request.path.strip("/").split("/")
        match request.method, steps:
            case "GET", ["machines"]:
                return 200, {"items": _summaries(self.fleet)}
            case "GET", ["machines", name]:
                return 200, self._truth(name)
            case "GET", ["machines", name, "history"]:
                return 200, self._history(name, request.query)
            case "GET", ["traffic"]:
                return 200, {"items": traffic(self.fleet)}
            case "GET", ["fleet"]:
                return 200, frame(self.fleet)
            case "GET", ["faults"]:
                return 200, {"items": [active.told() for active in self.fleet.active.values()]}
            case "POST", ["faults"]:
                return 201, {"id": self.fleet.strike(_object(request)).id}
            case "DELETE", ["faults", fault_id]:
                return 200, self._heal(fault_id)
            case "GET", ["catalogue"]:
                return 200, catalogue()
            case "GET", ["ledger"]:
                return 200, self._ledger(request.query)
            case "POST", ["time"]:
                return 200, self._advance(_object(request))
        raise WrongRequestError(
            404, f"no {request.method} {request.path}; see /machines /traffic /faults /catalogue /ledger /time /fleet"
        )

    def _truth(self, name: str) -> dict[str, Any]:
        device = self.fleet.devices.get(name)
        if device is None:
            return truth(self.fleet, self._bmc(name))
        return device.truth() | _faults(self.fleet, name)

    def _history(self, name: str, query: dict[str, str]) -> dict[str, Any]:
        """Of what speaks SNMP nothing is told but the present."""
        if name in self.fleet.devices:
            return _span(query) | {"sensors": [], "columns": []}
        return history(self._bmc(name), query)

    def _bmc(self, name: str) -> Bmc:
        if name not in self.fleet.bmcs:
            raise WrongRequestError(404, f"no machine {name!r}; GET /machines lists them")
        return self.fleet.bmcs[name]

    def _heal(self, fault_id: str) -> dict[str, Any]:
        if fault_id not in self.fleet.active:
            raise WrongRequestError(404, f"no fault {fault_id!r} is set; GET /faults lists them")
        self.fleet.heal(fault_id)
        return {"id": fault_id, "healed": True}

    def _ledger(self, query: dict[str, str]) -> dict[str, Any]:
        since = _number(query, "since", 0)
        ledger = self.fleet.plant.ledger
        wants_requests = query.get("requests", "true") != "false"
        items = ledger.since(
            int(since), machine=query.get("machine", ""), what=query.get("what", ""), requests=wants_requests
        )
        return {"sequence": ledger.sequence, "items": items}

    def _advance(self, body: dict[str, Any]) -> dict[str, Any]:
        seconds = body.get("advance")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
            raise WrongRequestError(400, f'advance is {seconds!r}; write {{"advance": 60}}, in seconds')
        self.fleet.plant.agenda.advance(float(seconds))
        return {"now": self.fleet.plant.clock.now()}


def _object(request: Request) -> dict[str, Any]:
    try:
        body = request.json()
    except ValueError:
        raise WrongRequestError(400, "the body is no JSON") from None
    if not isinstance(body, dict):
        raise WrongRequestError(400, "the body must be a JSON object")
    return body


def _number(query: dict[str, str], name: str, otherwise: float | None = None) -> float:
    text = query.get(name)
    if text is None and otherwise is not None:
        return otherwise
    try:
        return float(text or "")
    except ValueError:
        raise WrongRequestError(400, f"{name} is {text!r}; it must be a number") from None


# ---- what there is ----


def _summaries(fleet: Fleet) -> list[dict[str, Any]]:
    """Every machine with a BMC of its own, and everything with an SNMP agent."""
    servers = [summary(fleet, bmc) for bmc in fleet.bmcs.values() if not bmc.machine.enclosure]
    return servers + [
        device.summary() | {"user": fleet.plant.plan.user} | _faults(fleet, name)
        for name, device in fleet.devices.items()
    ]


def _faults(fleet: Fleet, name: str) -> dict[str, Any]:
    return {"faults": [active.told() for active in fleet.faults_of(name)]}


def summary(fleet: Fleet, bmc: Bmc) -> dict[str, Any]:
    """One machine in a line."""
    machine = bmc.machine
    return {
        "name": machine.name, "kind": machine.family.kind, "family": machine.family.name,
        "manufacturer": machine.family.vendor,
        "model": machine.family.model, "serial_number": machine.serial, "site": fleet.plant.site_of(machine),
        "rack": machine.rack,
        "position_u": machine.position_u, "height_u": machine.family.height_u, "slot": machine.slot,
        "endpoints": [
            {"protocol": protocol, "address": door.address}
            for protocol, door in (("redfish", bmc.endpoint), ("ipmi", bmc.lan))
            if door is not None
        ],
        "power": machine.power.state,
        "health": machine.health()["System"], "user": bmc.accounts["1"].user,
        "faults": [active.told() for active in fleet.faults_of(machine.name)],
    }  # fmt: skip


def frame(fleet: Fleet) -> dict[str, Any]:
    """Sites, racks and switches, and the credentials that open every BMC."""
    plant = fleet.plant
    return {
        "name": plant.plan.name, "user": plant.plan.user, "password": plant.plan.password,
        "community": plant.plan.community, "seed": plant.seed,
        "now": plant.clock.now(), "started_at": plant.clock.started_at, "speed": plant.clock.speed,
        "sites": [{"name": site} for site in plant.plan.sites],
        "racks": [
            {
                "name": rack.plan.name, "site": rack.plan.site, "row": rack.plan.row, "height_u": rack.plan.height_u,
                "feed_budget_watts": rack.plan.feed_budget_watts, "feeds": rack.feeds,
            }
            for rack in plant.racks.values()
        ],
        "switches": [
            {
                "name": switch.name, "rack": switch.rack, "position_u": switch.position_u,
                "ports": [
                    {"port": number, "machine": machine.name, "nic_port": machine.parts.ports[index].name,
                        "up": machine.parts.ports[index].up}
                    for number, (machine, index) in switch.cables.items()
                ],
            }
            for switch in plant.switches.values()
        ],
        "story": [{"at": scene.at, "title": scene.title, **scene.fault} for scene in plant.plan.story],
    }  # fmt: skip


def catalogue() -> dict[str, Any]:
    """Every fault that can be set, and what it takes."""
    named = [
        {"fault": row.name, "target": row.target, "fields": list(row.fields), "happens": row.happens}
        for row in FAULTS.values()
    ]
    wire = [
        {"effect": row.name, "stage": row.stage, "takes": row.wants, "fields": list(row.fields)}
        | ({"payloads": list(row.payloads)} if row.lan is not None else {})
        for row in EFFECTS.values()
    ]
    return {"named": named, "wire": wire, "presets": PRESETS}


# ---- the truth about one machine ----


def truth(fleet: Fleet, bmc: Bmc) -> dict[str, Any]:
    """Everything there is to know about a machine, faults or not."""
    machine, now = bmc.machine, fleet.plant.clock.now()
    parts = machine.parts
    ipmi = {}
    if bmc.controller is not None and bmc.lan is not None:
        ipmi = {"ipmi": over_ipmi(bmc.controller) | bmc.lan.told(now)}
    return summary(fleet, bmc) | ipmi | {
        "uuid": machine.uuid, "boots": machine.power.boots, "boot_progress": machine.power.boot_state,
        "dark": machine.dark,
        "now": now, "health_by_subsystem": machine.health(), "locate": machine.led,
        "boot_override": machine.boot_override,
        "sensors": _sensors(bmc),
        "drives": [
            {
                "bay": d.bay, "name": d.name, "model": d.kind.model, "serial_number": d.serial, "health": d.health,
                "state": d.state,
                "failed": d.failed, "failure_predicted": d.predicted, "life_left": d.life_left(now),
                "media_errors": d.media_errors,
                "power_on_hours": d.hours_on(now), "rebuild_percent": None if d.rebuild is None else d.rebuilt(now),
            }
            for d in parts.drives
        ],
        "volumes": [{"name": v.name, "raid": v.raid, "bays": v.bays,
                "health": machine.volume_health(v)} for v in parts.volumes],
        "fans": [{"name": f.name, "health": f.health, "rpm": machine.reading(f"Fan{f.index + 1}")} for f in parts.fans],
        "supplies": [
            {"name": s.name, "feed": s.feed, "fed": s.fed, "failed": s.failed, "health": s.health,
                "serial_number": s.serial,
             "watts": machine.reading(f"PSU{s.index + 1}Input")}
            for s in parts.supplies
        ],
        "dimms": [{"name": d.name, "serial_number": d.serial, "corrected": d.corrected, "uncorrected": d.uncorrected,
                "health": d.health}
                  for d in parts.dimms],
        "ports": [{"name": p.name, "mac": p.mac, "switch": p.switch, "switch_port": p.switch_port,
                "up": p.up} for p in parts.ports],
        "log": {purpose: _log(machine, purpose) for purpose in machine.logs}, "paths": told_paths(bmc),
        **rarer_parts(bmc),
        "traffic": _tally(bmc).told(now),
        "streams": [{"id": s.id, "client": s.client, "user": s.user} for s in bmc.push.streams.values()],
        "subscriptions": [
            {"id": d.id, "destination": d.told["Destination"], "context": d.told.get("Context"), "state": d.state}
            for d in bmc.push.destinations.values()
        ],
    }  # fmt: skip


def traffic(fleet: Fleet) -> list[dict[str, Any]]:
    """What every machine was asked, in a small row each: what a checker of a whole fleet compares."""
    now = fleet.plant.clock.now()
    rows = [{"machine": name} | _tally(bmc).counted(now) | ipmi_traffic(bmc, now) for name, bmc in fleet.bmcs.items()]
    return rows + [{"machine": name, "snmp": device.agent.tally.told()} for name, device in fleet.devices.items()]


def ipmi_traffic(bmc: Bmc, now: float) -> dict[str, Any]:
    """The counters of its IPMI side, expired sessions taken away; empty where it has none."""
    if bmc.lan is None:
        return {}
    bmc.lan.sessions.sweep()
    return {"ipmi": bmc.lan.tally.counted(now)}


def _tally(bmc: Bmc) -> Tally:
    """The machine's counters, expired sessions taken away."""
    bmc.living_sessions()
    return bmc.tally


def _log(machine: Machine, purpose: str) -> list[dict[str, Any]]:
    return [
        {"id": e.number, "at": e.instant, "severity": e.severity, "message_id": e.message_id, "message": e.message,
            "part": e.part}
        for e in machine.logs[purpose].entries
    ]  # fmt: skip


def _sensors(bmc: Bmc) -> list[dict[str, Any]]:
    paths, records = sensor_paths(bmc), sensor_records(bmc)
    return [
        {
            "key": row.key,
            "name": row.name,
            "type": row.type,
            "unit": row.unit,
            "value": value,
            "paths": paths[row.key],
            "record": records.get(row.key),
        }
        for row, value in zip(bmc.machine.sensors.rows, bmc.machine.readings(), strict=True)
    ]


OLD_SUPPLY = {"Input": "PowerInputWatts", "Output": "PowerOutputWatts", "InputVoltage": "LineInputVoltage"}
"""What a PSU's sensors are called in the deprecated Power resource."""


def sensor_paths(bmc: Bmc) -> dict[str, list[str]]:
    """Where each sensor is told over Redfish, under every model that is spoken; nowhere, where none is.

    An array's entry stands for its one reading.
    """
    if bmc.endpoint is None and bmc.controller is not None:
        return {row.key: [] for row in bmc.machine.sensors.rows}
    shape, chassis, rows = bmc.shape, bmc.places.chassis, rows_of(bmc.machine.family.name)
    paths: dict[str, list[str]] = {
        row.key: [f"{chassis}/Sensors/{row.key}"] if shape.subsystems else [] for row in rows
    }
    if shape.thermal_power:
        arrays = {"Temperature": "Thermal#/Temperatures", "Rotational": "Thermal#/Fans", "Voltage": "Power#/Voltages"}
        for type_, place in arrays.items():
            for index, row in enumerate(row for row in rows if row.type == type_):
                paths[row.key].append(f"{chassis}/{place}/{index}")
        paths["TotalPower"].append(f"{chassis}/Power#/PowerControl/0")
        for index in range(bmc.machine.family.supplies):
            for what, name in OLD_SUPPLY.items():
                paths[f"PSU{index + 1}{what}"].append(f"{chassis}/Power#/PowerSupplies/{index}/{name}")
    return {key: [_pointer(bmc.tree.told(path)) for path in told] for key, told in paths.items()}


def sensor_records(bmc: Bmc) -> dict[str, str]:
    """Which SDR each sensor has, as `sdr/0012`; none where the machine does not speak IPMI."""
    controller = bmc.controller
    if controller is None:
        return {}
    return {key: sdr_name(controller, sensor) for key, sensor in controller.catalogue.by_key.items()}


def _pointer(path: str) -> str:
    """A path with its fragment as a JSON pointer, also where firmware writes it without the slash."""
    base, mark, fragment = path.partition("#")
    return f"{base}{mark}/{fragment.lstrip('/')}" if mark else base


# ---- history ----


def history(bmc: Bmc, query: dict[str, str]) -> dict[str, Any]:
    """Every sensor over a span, as base64 of little-endian doubles, NaN where there was no reading."""
    span = _span(query)
    since, step, count = span["from"], span["step"], span["count"]
    instants = [since + step * n for n in range(count)]
    records = sensor_records(bmc)
    told = {key: [*paths, *([records[key]] if key in records else [])] for key, paths in sensor_paths(bmc).items()}
    return {
        **span,
        "sensors": [_told_row(row, told[row.key]) for row in bmc.machine.sensors.rows],
        "columns": [_packed(column) for column in bmc.machine.sensors.columns(instants)],
    }  # fmt: skip


def _span(query: dict[str, str]) -> dict[str, Any]:
    """From when, in which steps and how many, as the client asks."""
    since, until, step = _number(query, "from"), _number(query, "to"), _number(query, "step", 3_600)
    if step <= 0 or until < since:
        raise WrongRequestError(
            400, "from must not be after to, and step must be above 0; all three are in epoch seconds"
        )
    count = int((until - since) / step) + 1
    if count > MOST_POINTS:
        raise WrongRequestError(400, f"{count} points are too many; at most {MOST_POINTS}, so take a longer step")
    return {"from": since, "step": step, "count": count}


def _told_row(row: SensorRow, paths: list[str]) -> dict[str, Any]:
    return {"key": row.key, "name": row.name, "paths": paths, "type": row.type, "unit": row.unit}


def _packed(column: array[float]) -> str:
    if sys.byteorder == "big":
        column.byteswap()
    return base64.b64encode(column.tobytes()).decode()
