"""The Manager: the BMC about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.accents.model import Family
from emulator.redfish.errors import Answer, Json, refuse
from emulator.redfish.places import ROOT, Places, collection, links, ref, resource, status
from emulator.redfish.resource import Resource, Tree
from emulator.server import Request

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

RESETS = ("GracefulRestart", "ForceRestart")
RESET_SECONDS = 60.0
"""How long a BMC is away when it restarts."""


def manager_branch(family: Family, tree: Tree) -> None:
    """Managers and what is below."""
    places, fixed = Places(family.shape), tree.fixed
    manager = places.manager
    managers = [manager, *([places.baseboard_manager] if family.shape.baseboard_id else [])]
    fixed[f"{ROOT}/Managers"] = Resource(get=lambda bmc: collection(f"{ROOT}/Managers", "Manager", managers))
    fixed[manager] = Resource(get=_manager)
    fixed[f"{manager}/Actions/Manager.Reset"] = Resource(post=_reset)
    fixed[f"{manager}/NetworkProtocol"] = Resource(get=_protocols)
    fixed[f"{manager}/EthernetInterfaces"] = Resource(
        get=lambda bmc: collection(
            f"{manager}/EthernetInterfaces", "EthernetInterface", [f"{manager}/EthernetInterfaces/1"]
        )
    )
    fixed[f"{manager}/EthernetInterfaces/1"] = Resource(get=_interface)


def _manager(bmc: Bmc) -> Json:
    places, family = bmc.places, bmc.machine.family
    document = resource(
        places.manager, "Manager.v1_19_1.Manager", "Manager", ManagerType="BMC", Manufacturer=family.vendor,
        Model=f"{family.vendor} BMC", FirmwareVersion=family.firmware, UUID=bmc.machine.uuid, PowerState="On",
        Status=status(),
        DateTime=bmc.told_time(bmc.plant.clock.now()), DateTimeLocalOffset=bmc.told_offset(),
        LastResetTime=bmc.told_time(bmc.started_at),
        NetworkProtocol=ref(f"{places.manager}/NetworkProtocol"),
        EthernetInterfaces=ref(f"{places.manager}/EthernetInterfaces"),
        Links={**links("ManagerForServers", [places.system]), **links("ManagerForChassis", [places.chassis])},
        Actions={"#Manager.Reset": {"target": f"{places.manager}/Actions/Manager.Reset",
                "ResetType@Redfish.AllowableValues": list(RESETS)}},
    )  # fmt: skip
    has_logs = bmc.shape.logs_under_manager or bmc.shape.split_logs
    return document | ({"LogServices": ref(f"{places.manager}/LogServices")} if has_logs else {})


def _reset(bmc: Bmc, body: Json, request: Request) -> Answer:
    reset_type = body.get("ResetType", "GracefulRestart")
    if reset_type not in RESETS:
        return refuse("parameter_value", str(reset_type), "ResetType", "Manager.Reset")
    bmc.plant.ledger.note(bmc.machine.name, "bmc_reset", reset_type=reset_type, source=bmc.who(request))
    bmc.plant.agenda.after(0.5, lambda _: bmc.restart(RESET_SECONDS))
    return Answer(204)


def _protocols(bmc: Bmc) -> Json:
    port = bmc.endpoint.port if bmc.endpoint else 443
    ipmi = bmc.lan.port if bmc.lan else 623
    return resource(
        f"{bmc.places.manager}/NetworkProtocol", "ManagerNetworkProtocol.v1_9_1.ManagerNetworkProtocol",
        "Network Protocol",
        HostName=f"{bmc.machine.name}-bmc", FQDN=f"{bmc.machine.name}-bmc.example.org", Status=status(),
        HTTPS={"ProtocolEnabled": True, "Port": port}, HTTP={"ProtocolEnabled": False, "Port": 80},
        IPMI={"ProtocolEnabled": bmc.lan is not None, "Port": ipmi}, SNMP={"ProtocolEnabled": False, "Port": 161},
        SSH={"ProtocolEnabled": False, "Port": 22},
    )  # fmt: skip


def _interface(bmc: Bmc) -> Json:
    mac = "02:" + ":".join(bmc.machine.uuid.replace("-", "")[i : i + 2] for i in range(0, 10, 2))
    return resource(
        f"{bmc.places.manager}/EthernetInterfaces/1", "EthernetInterface.v1_9_0.EthernetInterface",
        "Manager Ethernet Interface",
        MACAddress=mac, PermanentMACAddress=mac, InterfaceEnabled=True, LinkStatus="LinkUp", SpeedMbps=1000,
        FullDuplex=True,
        HostName=f"{bmc.machine.name}-bmc", Status=status(),
        IPv4Addresses=[{"Address": "127.0.0.1", "SubnetMask": "255.0.0.0", "AddressOrigin": "Static", "Gateway": None}],
    )  # fmt: skip
