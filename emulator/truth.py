"""The truth about parts that only some machines have, and where the BMC tells of each part."""

from __future__ import annotations

from typing import Any

from emulator.redfish.bmc import Bmc
from emulator.redfish.logs import part_path


def rarer_parts(bmc: Bmc) -> dict[str, Any]:
    """GPUs, outlets, pumps, leak detectors and blades; empty where a machine has none."""
    parts, nvlinks = bmc.machine.parts, bmc.machine.family.nvlinks
    return {
        "nodes": [node.name for node in bmc.machine.nodes],
        "gpus": [
            {"name": g.name, "corrected": g.corrected, "uncorrected": g.uncorrected, "health": g.health,
                "nvlinks": nvlinks, "nvlinks_down": sorted(g.links_down)}
            for g in parts.gpus
        ],
        "outlets": [{"name": o.name, "on": o.on, "watts": bmc.machine.reading(f"Outlet{o.index + 1}Power")}
            for o in parts.outlets],
        "pumps": [{"name": p.name, "health": p.health, "rpm": bmc.machine.reading(f"Pump{p.index + 1}")}
            for p in parts.pumps],
        "leak_detectors": [{"name": d.name, "leaking": d.leaking, "health": d.health} for d in parts.leak_detectors],
    }  # fmt: skip


def told_paths(bmc: Bmc) -> dict[str, str]:
    """Where each part is told, by its name; a part that this firmware does not tell is left out."""
    parts = bmc.machine.parts
    names = [
        part.name
        for held in (
            parts.drives,
            parts.volumes,
            parts.fans,
            parts.supplies,
            parts.dimms,
            parts.gpus,
            parts.outlets,
            parts.pumps,
            parts.leak_detectors,
        )
        for part in held
    ]
    plain = {name: path for name in names if (path := part_path(bmc, name))}
    if bmc.tree.dialect is None:
        return plain
    return {name: told for name, path in plain.items() if (told := bmc.tree.dialect.told(path))}
