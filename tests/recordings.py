"""Where the recorded device data lies.

The recordings are no part of the project. `FLEETMON_RECORDINGS` names their folder, by default `../shared/data` beside
the checkout; tests skip, with the reason, where it is absent.
"""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(os.environ.get("FLEETMON_RECORDINGS") or Path(__file__).parents[1] / ".." / "shared" / "data")
ABSENT = f"no recordings in {FOLDER}; FLEETMON_RECORDINGS names their folder"


def present() -> bool:
    """Whether the recordings are there."""
    return (FOLDER / "redfish-expected.jsonl").is_file()


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
