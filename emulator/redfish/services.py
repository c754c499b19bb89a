"""The service root and what is beside the hardware: tasks, telemetry, firmware, registries."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.accents.model import Family
from emulator.logs import KINDS
from emulator.redfish.errors import Answer, Json, refuse
from emulator.redfish.metadata import METADATA, metadata
from emulator.redfish.places import (
    REPORT_ID,
    ROOT,
    SESSIONS,
    TASKS,
    TELEMETRY,
    collection,
    links,
    ref,
    resource,
    status,
)
from emulator.redfish.resource import Resource, Tree
from emulator.sensor_rows import rows_of
from emulator.server import Request

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc, Task

FIRMWARE = f"{ROOT}/UpdateService/FirmwareInventory"
UPDATE_ACTION = "#UpdateService.SimpleUpdate"
UPDATE_PATH = f"{ROOT}/UpdateService/Actions/UpdateService.SimpleUpdate"
UPDATE_SECONDS = 60.0
REGISTRIES = ("Base.1.18", "ResourceEvent.1.3", "Platform.1.0", "StorageDevice.1.1", "Environmental.1.0", "Power.1.1",
    "Memory.1.0",
              "NetworkDevice.1.1")  # fmt: skip


def services_branch(family: Family, tree: Tree) -> None:
    """Everything below the root that is no hardware."""
    fixed = tree.fixed
    fixed[ROOT] = Resource(get=_root)
    fixed[f"{ROOT}/odata"] = Resource(get=_odata)
    fixed[METADATA] = Resource(answer=metadata)
    _update_branch(family, fixed)
    fixed[f"{ROOT}/Registries"] = Resource(
        get=lambda bmc: collection(
            f"{ROOT}/Registries", "MessageRegistryFile", [f"{ROOT}/Registries/{name}" for name in REGISTRIES]
        )
    )
    for name in REGISTRIES:
        fixed[f"{ROOT}/Registries/{name}"] = Resource(get=partial(_registry_file, name))
        fixed[f"{ROOT}/Registries/{name}/{name}.json"] = Resource(get=partial(_registry, name))
    if family.shape.tasks:
        fixed[f"{ROOT}/TaskService"] = Resource(get=_task_service)
        fixed[TASKS] = Resource(get=lambda bmc: collection(TASKS, "Task", [f"{TASKS}/{key}" for key in bmc.tasks]))
        tree.members[TASKS] = _task
    if family.shape.telemetry:
        _telemetry_branch(fixed)


def _root(bmc: Bmc) -> Json:
    shape, machine = bmc.shape, bmc.machine
    document = resource(
        ROOT, "ServiceRoot.v1_15_0.ServiceRoot", "Root Service", RedfishVersion=shape.redfish_version,
        UUID=machine.uuid,
        Vendor=machine.family.vendor, Product=f"{machine.family.vendor} management controller",
        Systems=ref(f"{ROOT}/Systems"), Chassis=ref(f"{ROOT}/Chassis"), Managers=ref(f"{ROOT}/Managers"),
        SessionService=ref(f"{ROOT}/SessionService"), AccountService=ref(f"{ROOT}/AccountService"),
        UpdateService=ref(f"{ROOT}/UpdateService"), EventService=ref(f"{ROOT}/EventService"),
        Registries=ref(f"{ROOT}/Registries"),
        Links={"Sessions": ref(SESSIONS)},
    )  # fmt: skip
    document["Id"] = "RootService"
    if shape.tasks:
        document["Tasks"] = ref(f"{ROOT}/TaskService")
    if shape.telemetry:
        document["TelemetryService"] = ref(TELEMETRY)
    for name in ("PowerEquipment", "ThermalEquipment", "Storage"):
        if f"{ROOT}/{name}" in bmc.tree.fixed:
            document[name] = ref(f"{ROOT}/{name}")
    expand = shape.expand and not bmc.policy("no_expand", False)
    document["ProtocolFeaturesSupported"] = {
        "ExpandQuery": {
            "ExpandAll": expand and "*" in shape.expand_forms, "Levels": expand,
            "Links": expand and "~" in shape.expand_forms, "NoLinks": expand and "." in shape.expand_forms,
        } | ({"MaxLevels": shape.expand_levels} if expand else {}),
        "SelectQuery": True, "OnlyMemberQuery": True, "FilterQuery": False, "ExcerptQuery": False, "DeepOperations": {},
    }  # fmt: skip
    return document


def _odata(bmc: Bmc) -> Json:
    names = ("Systems", "Chassis", "Managers", "SessionService", "AccountService", "UpdateService", "EventService")
    return {
        "@odata.context": METADATA,
        "value": [{"name": "Service", "kind": "Singleton", "url": f"{ROOT}/"}]
        + [
            {"name": name, "kind": "Singleton", "url": f"{ROOT}/{name}"}
            for name in names
            if f"{ROOT}/{name}" in bmc.tree.fixed
        ],
    }


# ---- tasks ----


def _task_service(bmc: Bmc) -> Json:
    return resource(
        f"{ROOT}/TaskService", "TaskService.v1_2_0.TaskService", "Task Service", ServiceEnabled=True, Status=status(),
        DateTime=bmc.told_time(bmc.plant.clock.now()), CompletedTaskOverWritePolicy="Oldest", Tasks=ref(TASKS),
    )  # fmt: skip


def _task(bmc: Bmc, name: str) -> Resource | None:
    task = bmc.tasks.get(name)
    return Resource(get=partial(_task_document, task)) if task else None


def _task_document(task: Task, bmc: Bmc) -> Json:
    now = bmc.plant.clock.now()
    done = now >= task.until
    document = resource(
        f"{TASKS}/{task.id}", "Task.v1_7_3.Task", task.name, StartTime=bmc.told_time(task.since),
        TaskState=("Exception" if task.fails else "Completed") if done else "Running",
        TaskStatus="Critical" if done and task.fails else "OK",
        PercentComplete=100 if done else int(100 * (now - task.since) / (task.until - task.since)), Messages=[],
    )  # fmt: skip
    return document | ({"EndTime": bmc.told_time(task.until)} if done else {})


# ---- telemetry ----


def _telemetry_branch(fixed: dict[str, Resource]) -> None:
    reports, definitions = f"{TELEMETRY}/MetricReports", f"{TELEMETRY}/MetricReportDefinitions"
    fixed[TELEMETRY] = Resource(
        get=lambda bmc: resource(
            TELEMETRY, "TelemetryService.v1_3_1.TelemetryService", "Telemetry Service", ServiceEnabled=True,
            Status=status(),
            MaxReports=1, MinCollectionInterval="PT1S", SupportedCollectionFunctions=[], MetricReports=ref(reports),
            MetricReportDefinitions=ref(definitions),
        )
    )  # fmt: skip
    fixed[reports] = Resource(get=lambda bmc: collection(reports, "MetricReport", [f"{reports}/{REPORT_ID}"]))
    fixed[f"{reports}/{REPORT_ID}"] = Resource(get=metric_report)
    fixed[definitions] = Resource(
        get=lambda bmc: collection(definitions, "MetricReportDefinition", [f"{definitions}/{REPORT_ID}"])
    )
    fixed[f"{definitions}/{REPORT_ID}"] = Resource(get=_report_definition)


def metric_report(bmc: Bmc) -> Json:
    taken_at = bmc.told_time(bmc.plant.clock.now())
    sensors = f"{bmc.places.chassis}/Sensors"
    values: list[dict[str, Any]] = [
        {
            "MetricId": row.key,
            "MetricValue": f"{value:.{row.digits}f}",
            "Timestamp": taken_at,
            "MetricProperty": f"{sensors}/{row.key}/Reading",
        }
        for row, value in zip(bmc.machine.sensors.rows, bmc.machine.readings(), strict=True)
        if value is not None
    ]
    return resource(
        f"{TELEMETRY}/MetricReports/{REPORT_ID}", "MetricReport.v1_5_0.MetricReport", "All Sensors", Timestamp=taken_at,
        ReportSequence=str(int(bmc.plant.clock.now() - bmc.started_at)), MetricValues=values,
        MetricReportDefinition=ref(f"{TELEMETRY}/MetricReportDefinitions/{REPORT_ID}"),
    )  # fmt: skip


def _report_definition(bmc: Bmc) -> Json:
    sensors = f"{bmc.places.chassis}/Sensors"
    every = bmc.shape.push.reports_every
    document = resource(
        f"{TELEMETRY}/MetricReportDefinitions/{REPORT_ID}", "MetricReportDefinition.v1_4_2.MetricReportDefinition",
        "All Sensors", MetricReportDefinitionType="Periodic" if every else "OnRequest",
        MetricReportDefinitionEnabled=True,
        ReportActions=["LogToMetricReportsCollection", *(["RedfishEvent"] if every else [])],
        ReportUpdates="Overwrite", Status=status(), MetricReport=ref(f"{TELEMETRY}/MetricReports/{REPORT_ID}"),
        MetricProperties=[f"{sensors}/{row.key}/Reading" for row in rows_of(bmc.machine.family.name)],
    )  # fmt: skip
    return document | ({"Schedule": {"RecurrenceInterval": f"PT{every:g}S"}} if every else {})


# ---- firmware ----


def _update_branch(family: Family, fixed: dict[str, Resource]) -> None:
    names = ("BMC", "BIOS", "StorageController", "NetworkAdapter", *(f"PSU{i + 1}" for i in range(family.supplies)))
    fixed[f"{ROOT}/UpdateService"] = Resource(
        get=lambda bmc: resource(
            f"{ROOT}/UpdateService", "UpdateService.v1_11_3.UpdateService", "Update Service", ServiceEnabled=True,
            Status=status(),
            FirmwareInventory=ref(FIRMWARE),
            Actions={UPDATE_ACTION: {"target": UPDATE_PATH, "TransferProtocol@Redfish.AllowableValues": ["HTTPS"]}}
            if bmc.shape.tasks else {},
        )
    )  # fmt: skip
    if family.shape.tasks:
        fixed[UPDATE_PATH] = Resource(post=_simple_update)
    fixed[FIRMWARE] = Resource(
        get=lambda bmc: collection(FIRMWARE, "SoftwareInventory", [f"{FIRMWARE}/{name}" for name in names])
    )
    for name in names:
        fixed[f"{FIRMWARE}/{name}"] = Resource(get=partial(_firmware, name))


def _firmware(name: str, bmc: Bmc) -> Json:
    family, places = bmc.machine.family, bmc.places
    version, about = (
        firmware_of(family, name),
        {"BMC": places.manager, "BIOS": places.system, "StorageController": places.storage},
    )
    return resource(
        f"{FIRMWARE}/{name}", "SoftwareInventory.v1_10_0.SoftwareInventory", name, Version=version,
        Updateable=name in ("BMC", "BIOS"),
        Manufacturer=family.vendor, Status=status(), **links("RelatedItem", [about[name]] if name in about else []),
    )  # fmt: skip


def firmware_of(family: Family, name: str) -> str:
    """The version of one firmware image."""
    known = {
        "BMC": family.firmware,
        "BIOS": family.bios,
        "StorageController": "52.26.3-5250",
        "NetworkAdapter": "22.36.10",
    }
    return known.get(name, "00.1D.7D")


def _simple_update(bmc: Bmc, body: Json, request: Request) -> Answer:
    if not isinstance(body.get("ImageURI"), str):
        return refuse("parameter_missing", "UpdateService.SimpleUpdate", "ImageURI")
    bmc.plant.ledger.note(bmc.machine.name, "firmware_update", image=body["ImageURI"], source=bmc.who(request))
    return bmc.start_task("Firmware Update", UPDATE_SECONDS)


# ---- registries ----


def _registry_file(name: str, bmc: Bmc) -> Json:
    path = f"{ROOT}/Registries/{name}"
    return resource(
        path, "MessageRegistryFile.v1_1_3.MessageRegistryFile", f"{name} Message Registry File", Registry=name,
        Languages=["en"],
        Location=[{"Language": "en", "Uri": f"{path}/{name}.json"}],
    ) | {"Location@odata.count": 1}  # fmt: skip


def _registry(name: str, bmc: Bmc) -> Json:
    """The messages that this emulator's logs use; of Base only those, not the standard's whole."""
    prefix, _, version = name.partition(".")
    messages = {
        short: {
            "Description": kind.text, "Message": kind.text, "MessageSeverity": kind.severity, "Resolution": "None.",
            "NumberOfArgs": sum(f"%{n}" in kind.text for n in range(1, 5)),
        }
        for short, kind in KINDS.items()
        if kind.message_id.startswith(f"{name}.")
    }  # fmt: skip
    return {
        "@odata.type": "#MessageRegistry.v1_6_2.MessageRegistry", "Id": f"{name}.0",
        "Name": f"{prefix} Message Registry",
        "Language": "en", "RegistryPrefix": prefix, "RegistryVersion": f"{version}.0", "OwningEntity": "Emulator",
        "Messages": messages,
    }  # fmt: skip
