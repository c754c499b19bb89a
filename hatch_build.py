"""The wheel's build hook: whoever installs fleetmon gets the dashboard ready-made, and needs no Node for it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DashboardHook(BuildHookInterface[Any]):
    """Builds the dashboard before the wheel is put together; for an editable install too, unless up to date."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        builder = builder_of(Path(self.root))
        try:
            built = builder.build()
        except builder.BuildError as reason:
            self.app.abort(f"dashboard: {reason}")
        self.app.display_info(f"dashboard: {'built' if built else 'up to date'}")
        if version != "editable":  # a checkout reads its manual where it lies
            build_data["force_include"][str(Path(self.root) / "docs")] = "fleetmon/manual"


def builder_of(root: Path) -> ModuleType:
    """`dashboards/build.py` of the tree being built, whatever else is importable under that name."""
    spec = importlib.util.spec_from_file_location("fleetmon_dashboard_build", root / "dashboards" / "build.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{root} has no dashboards/build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
