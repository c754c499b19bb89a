"""What every test may rely on; and in CI, nothing is silently skipped."""

import fnmatch
import os
from pathlib import Path

import pytest

ALLOWED_SKIPS = Path(__file__).parent / "allowed_skips.txt"


def allowed_patterns() -> list[str]:
    lines = ALLOWED_SKIPS.read_text().splitlines()
    return [line.split("|")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


def pytest_collection_modifyitems(config, items):
    """The full sizes run only when they are asked for."""
    if "soak" in (config.option.markexpr or ""):
        return
    soaks = [item for item in items if item.get_closest_marker("soak")]
    if soaks:
        config.hook.pytest_deselected(items=soaks)
        items[:] = [item for item in items if item not in soaks]


def pytest_sessionfinish(session, exitstatus):
    """With CI=true a skip that allowed_skips.txt does not name fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or reporter is None:
        return
    patterns = allowed_patterns()
    unexpected = [
        report.nodeid
        for report in reporter.stats.get("skipped", [])
        if not any(fnmatch.fnmatch(report.nodeid, pattern) for pattern in patterns)
    ]
    if unexpected:
        reporter.write_line("")
        for nodeid in unexpected:
            reporter.write_line(f"skipped in CI without a line in tests/allowed_skips.txt: {nodeid}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
