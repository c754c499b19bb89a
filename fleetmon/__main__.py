"""The command line's door: `fleetmon` and `python -m fleetmon`."""

from __future__ import annotations

import sys

from fleetmon.cli.root import run


def main() -> None:
    """Run one command and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
