"""Prints the table of recorded trees in docs/compatibility.md, each polled afresh: `python -m tests.recorded_trees`."""

from __future__ import annotations

import asyncio
import tarfile
import tempfile
from pathlib import Path

from emulator.certificates import server_context
from emulator.mockup import running_mockup
from fleetmon.model import Aspect, Health, Observation
from tests import oracle, recordings

LETTERS = {oracle.PENDING: "a", oracle.OFFER: "b", oracle.SIMPLE: "c", oracle.TWICE: "d", oracle.BARE: "e"}
"""By reason, as the list above the table explains them."""
ORDER = ("drives", "dimms", "processors", "volumes", "fans", "power_supplies")
HEAD = (
    "Tree", "Identifies as", "Requests", "Components", "Temperatures", "Statuses not OK / components unwell",
    "Differences",
)  # fmt: skip


def words(name: str) -> str:
    """`power_supplies` as people read it."""
    return name.replace("_", " ")


def remarks(expected: oracle.Expected, seen: Observation, counts: dict[str, int]) -> str:
    """In what the poll rightly differs from the count, and what the recording has no answer to."""
    told = [
        f"{words(name)} {counts[name]} {joined} {expected.expect[name]} [{LETTERS[rows[expected.tree, name][1]]}]"
        for rows, joined in ((oracle.FEWER, "of"), (oracle.MORE, "for"))
        for name in ORDER
        if (expected.tree, name) in rows
    ]
    silent = sorted(aspect.value for aspect in Aspect if aspect not in seen.answered)
    return "; ".join([*told, *([f"not answered: {', '.join(silent)}"] if silent else [])]) or "-"


def row(expected: oracle.Expected, seen: Observation) -> str:
    """One line of the table."""
    counts = oracle.counted(seen)
    components = ", ".join(f"{words(name)} {counts[name]}" for name in ORDER if counts[name])
    unwell = sum(one.health in (Health.WARNING, Health.CRITICAL) for one in seen.health)
    who = f"{seen.identity.manufacturer} {seen.identity.model}".strip() if seen.identity else ""
    cells = (
        expected.tree, who or "-", seen.requests, components or "-", counts["temperatures"],
        f"{len(expected.not_ok)} / {unwell}", remarks(expected, seen, counts),
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


async def print_table() -> None:
    """Serve and poll every recorded tree with a service root."""
    print(f"| {' | '.join(HEAD)} |", "| --- " * len(HEAD) + "|", sep="\n")
    for expected in oracle.expected_trees(rooted=True):
        with tempfile.TemporaryDirectory() as folder:
            with tarfile.open(recordings.FOLDER / "redfish" / f"{expected.tree}.tar.gz") as packed:
                packed.extractall(folder, filter="data")
            async with running_mockup(Path(folder) / expected.tree, ssl_context=server_context("bmc")) as url:
                print(row(expected, await oracle.poll(url)), flush=True)


if __name__ == "__main__":
    if not recordings.present():
        raise SystemExit(recordings.ABSENT)
    asyncio.run(print_table())
