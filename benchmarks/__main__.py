"""`python -m benchmarks [LINE...]`: every line, or those named, as one JSON object a line."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys

from benchmarks.lines import LINES
from benchmarks.processes import CannotMeasureError
from benchmarks.scale import DEVICES, MINUTES
from benchmarks.scorecard import Line, failed, told


def main() -> int:
    """Print the lines asked for; 1 when one of them could not be measured. Whether a goal is met, `ok` tells."""
    names = [line.name for line in LINES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("lines", nargs="*", metavar="LINE", help=f"{', '.join(names)}; all of them by default")
    parser.add_argument(
        "--devices", type=int, help="a smaller fleet for ten-thousand, dead-500, ipmi-fleet and snmp-fleet"
    )
    parser.add_argument("--minutes", type=float, help="how long they measure")
    given = parser.parse_args()
    wanted = given.lines
    if given.devices:
        os.environ[DEVICES] = str(given.devices)
    if given.minutes:
        os.environ[MINUTES] = str(given.minutes)
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        parser.error(f"no such line: {', '.join(unknown)}; there are {', '.join(names)}")
    measured = [_print_one(line) for line in LINES if not wanted or line.name in wanted]
    return 0 if all(measured) else 1


def _print_one(line: Line) -> bool:
    print(f"measuring {line.name} ...", file=sys.stderr)
    try:
        result = told(line, asyncio.run(line.measure()))
    except CannotMeasureError as reason:
        result = failed(line, str(reason))
    print(json.dumps(result), flush=True)
    return result["figure"] is not None


if __name__ == "__main__":
    sys.exit(main())
