"""What hatchling runs while it makes a wheel: the dashboard is built into it. Editable installs leave that to make."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DashboardHook(BuildHookInterface[Any]):
    """Builds `ui/` into the package, where the source tree has it."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for Node from PyPI where this machine has none that will do."""
        ui = self._ui()
        return [] if ui is None or ui.is_built() or ui.node_folder() else [ui.NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the dashboard if need be, and have the wheel hold it although git ignores it."""
        ui = self._ui()
        if version == "editable":
            return
        if ui is not None and not ui.is_built():
            ui.build()
        build_data["artifacts"].append("src/kyc/master/dashboard/")

    def _ui(self) -> ModuleType | None:
        path = Path(self.root) / "ui" / "build.py"
        if not path.is_file():
            return None
        spec = importlib.util.spec_from_file_location("kyc_ui_build", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
