"""The command line's door: `fleetmon` and `python -m fleetmon`."""

from __future__ import annotations

import sys
from importlib import import_module

INTERRUPTED = 130


def main() -> None:
    """Run one command and leave with its exit code; Ctrl-C is quiet even while all is still loading."""
    try:
        run = import_module("fleetmon.cli.root").run
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
