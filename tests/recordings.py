"""Where the recorded device data lies, and what an independent reader counted in it.

The recordings are no part of the project. `FLEETMON_RECORDINGS` names their folder, by default `../shared/data` beside
the checkout; tests skip, with the reason, where it is absent.
"""

from __future__ import annotations

import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(os.environ.get("FLEETMON_RECORDINGS") or Path(__file__).parents[1] / ".." / "shared" / "data")
ABSENT = f"no recordings in {FOLDER}; FLEETMON_RECORDINGS names their folder"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reader that shares nothing with fleetmon counted in one Redfish tree."""

    tree: str
    rooted: bool
    expect: dict[str, int]
    not_ok: tuple[str, ...]
    """Paths of every Status that is Warning or Critical, in lower case, each followed by that word."""
    failure_predicted: tuple[str, ...]

    def __str__(self) -> str:
        return self.tree


def present() -> bool:
    """Whether the recordings are there."""
    return (FOLDER / "redfish-expected.jsonl").is_file()


def expected_trees(*, rooted: bool) -> list[Expected]:
    """Every recorded Redfish tree with a service root, or without; empty where there are no recordings."""
    if not present():
        return []
    lines = [json.loads(line) for line in (FOLDER / "redfish-expected.jsonl").read_text().splitlines()]
    return [
        Expected(line["tree"], rooted, line["expect"], tuple(line["not_ok"]), tuple(line["failure_predicted"]))
        for line in lines
        if line["rooted"] is rooted
    ]


def unpacked(tree: str, into: Path) -> Path:
    """The folder of one recorded Redfish tree, unpacked below `into`; skips where there are no recordings."""
    archive = FOLDER / "redfish" / f"{tree}.tar.gz"
    if not archive.is_file():
        pytest.skip(ABSENT)
    with tarfile.open(archive) as packed:
        packed.extractall(into, filter="data")
    return into / tree


def payloads(folder: Path) -> dict[str, Any]:
    """Every JSON payload below `folder` by its path; what is no JSON is left out."""
    found = {}
    for file in sorted(folder.rglob("*.json")):
        try:
            found[str(file.relative_to(folder))] = json.loads(file.read_bytes())
        except ValueError:
            continue
    return found
