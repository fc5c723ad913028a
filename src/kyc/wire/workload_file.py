"""Workload files: SkyPilot's conventions, so that people's files work, and a few keys of ours. Text in, JobSpec out.

Its place: the SDK parses to find the workdir before it uploads; the master parses again and decides. Nothing here
touches a disk. `resources` are read in `wire.resources`, amounts in `wire.quantity`.
"""

from __future__ import annotations

import re
import warnings as python_warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath

from kyc.domain.errors import InvalidInputError
from kyc.domain.ids import WorkloadName
from kyc.domain.workload import JobSpec
from kyc.wire.machine import parse_machine
from kyc.wire.quantity import bytes_per_s, duration, money_usd
from kyc.wire.resources import parse_resources
from kyc.wire.section import Section, refuse_unknown, section_of
from kyc.wire.yaml_text import literals, load_mapping, with_scalars

MAX_NAME = 40
_NAME = re.compile(r"[a-z0-9][-a-z0-9]*")
_FOREIGN_NAME = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]*")  # what SkyPilot allows
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

SKYPILOT_KEYS = frozenset({"name", "workdir", "envs", "setup", "run", "resources"})
OUR_KEYS = frozenset(
    {
        "keep", "on_interrupt", "deadline", "budget", "progress", "stop_grace", "snapshot_interval", "snapshot_rate",
        "snapshot_paranoid", "image",
    }
)  # fmt: skip
# What a SkyPilot file may hold and kyc does not do, with what to do instead.
UNSUPPORTED = {
    "file_mounts": "put the files into the workdir, or fetch them in `setup`",
    "num_nodes": "a job runs on one instance",
    "secrets": "they are not given to the job",
    "managed_secrets": "they are not given to the job",
    "volumes": "files under `keep` are what moves with the job",
    "volume_mounts": "files under `keep` are what moves with the job",
    "pool": "instances are not pooled",
    "config": "",
    "event_callback": "follow `kyc events`",
    "inputs": "",
    "outputs": "",
    "file_mounts_mapping": "",
    "api_server_access": "",
    "experimental": "",
    "_metadata": "",
    "image": "the job runs as plain processes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFile:
    """A workload file as understood. `workdir` is a folder as written, None if none is named.

    `spec.workdir` is None: the archive's hash is known only after the upload.
    """

    spec: JobSpec
    workdir: str | None
    warnings: tuple[str, ...]


def parse_workload(text: str, *, default_name: str = "job") -> ParsedFile:
    """Return the file's content, checked. `default_name` names the job if the file does not.

    Raises InvalidInputError that names the place (a key's path, or line and column), and nothing else.
    """
    top = section_of(load_mapping(text))
    if top.get("service") is not None:
        raise InvalidInputError(
            "`service`: this file describes a service, not a job",
            next_step="Start it with `kyc serve`, or take `service` out to run it as a job that ends.",
        )
    refuse_unknown(top, SKYPILOT_KEYS | OUR_KEYS | UNSUPPORTED.keys() | {"service"})
    warnings = _ignored(top)
    alternatives, about_resources = parse_resources(top.get("resources"))
    machine, about_machine = parse_machine(top.get("resources"))
    name = name_of(top, default_name, warnings)
    spec = JobSpec(
        name=name,
        run=_run(top),
        setup=top.text("setup"),
        any_of=alternatives,
        machine=machine,
        envs=envs_of(top, literals(text, "envs")),
        keep=_keep(top),
        on_interrupt=top.text("on_interrupt"),
        progress=_progress(top),
        deadline=top.parsed("deadline", duration, None),
        budget_usd=top.parsed("budget", money_usd, None),
        stop_grace=within(top, "stop_grace", timedelta(seconds=10), most=timedelta(hours=1)),
        snapshot_interval=within(top, "snapshot_interval", timedelta(seconds=2), least=timedelta(milliseconds=100)),
        snapshot_bytes_per_s=top.parsed("snapshot_rate", bytes_per_s, 0.0),
        snapshot_paranoid=top.flag("snapshot_paranoid", default=False),
    )
    warnings += [*about_resources, *about_machine]
    return ParsedFile(spec=spec, workdir=workdir_of(top, warnings), warnings=tuple(warnings))


def with_envs(text: str, envs: Mapping[str, str]) -> str:
    """Return the file's text with these `envs` set; raise InvalidInputError for a wrong name or file."""
    for name in envs:
        _check_env_name(name)
    return with_scalars(text, "envs", envs) if envs else text


def name_from(words: str) -> str:
    """Return the valid name nearest to the words (a file's stem, say); `job` if nothing of them is left."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower())[:MAX_NAME].strip("-") or "job"


def check_name(name: str) -> WorkloadName:
    """Return the name; raise InvalidInputError if a workload cannot have it."""
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise InvalidInputError(
            f"name: {name[:80]!r} cannot be a workload's name",
            next_step=f"Use up to {MAX_NAME} lower-case letters, digits and '-', such as {name_from(name)!r}.",
        )
    return WorkloadName(name)


def name_of(top: Section, default_name: str, warnings: list[str]) -> WorkloadName:
    """Return the workload's name; SkyPilot's other names are respelled, with a warning."""
    written = top.text("name").strip()
    if not written:
        return check_name(name_from(default_name))
    if _NAME.fullmatch(written) or not _FOREIGN_NAME.fullmatch(written) or len(written) > MAX_NAME:
        return check_name(written)
    name = name_from(written)
    warnings.append(f"name: {written!r} is used as {name!r}")
    return check_name(name)


def _run(top: Section) -> str:
    run = top.text("run")
    if not run.strip():
        raise InvalidInputError(
            "run: the file does not say what to run", next_step="Add a line such as `run: python train.py`."
        )
    return run


def envs_of(top: Section, written: Mapping[str, str | None]) -> dict[str, str]:
    """Return the file's `envs`, each as it was `written`."""
    value = top.get("envs")
    if value is None:
        return {}
    section = section_of(value, "envs")
    found: dict[str, str] = {}
    for name in section.values:
        _check_env_name(name)
        given = section.get(name)
        if given is None:
            raise InvalidInputError(
                f"envs.{name}: it has no value",
                next_step=f"Give one: kyc run --env {name}=VALUE, or set it in the file.",
            )
        if isinstance(given, (list, Mapping, set)):
            raise section.wrong(name, "not a single value", next_step="Put it in quotes.")
        text = written.get(name) or str(given)
        if "\0" in text:
            raise section.wrong(name, "not a text that an environment can hold (it has a NUL character)")
        found[name] = text
    return found


def _check_env_name(name: str) -> None:
    if not _ENV_NAME.fullmatch(name):
        raise InvalidInputError(
            f"envs: {name[:80]!r} cannot be a variable's name", next_step="Use letters, digits and '_', no digit first."
        )


def _keep(top: Section) -> tuple[str, ...]:
    value = top.get("keep")
    if value is None:
        return (".",)
    paths = [value] if isinstance(value, str) else value
    if not isinstance(paths, list) or not paths:
        raise top.wrong("keep", "not a list of paths", next_step="Write `keep: [checkpoints/]`.")
    return tuple(dict.fromkeys(_kept_path(top, path) for path in paths))


def _kept_path(top: Section, path: object) -> str:
    ours = PurePosixPath(path) if isinstance(path, str) and path.strip() and "\0" not in path else None
    if ours is None or ours.is_absolute() or ".." in ours.parts or ours.parts[:1] == ("~",):
        raise top.wrong(
            "keep",
            "not a list of paths under the workdir",
            next_step="Name paths relative to the workdir, without '..'.",
        )
    return str(ours)


def _progress(top: Section) -> str:
    pattern = top.text("progress")
    if not pattern:
        return ""
    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")
            groups = re.compile(pattern).groupindex
    except (re.error, OverflowError, RecursionError) as error:
        raise top.wrong("progress", f"not a regular expression: {error}") from error
    if "step" not in groups:
        raise top.wrong(
            "progress", "a pattern without the group `step`", next_step="Write, for example, `epoch (?P<step>[0-9]+)`."
        )
    return pattern


def within(
    top: Section, key: str, default: timedelta, *, least: timedelta = timedelta(0), most: timedelta = timedelta(days=1)
) -> timedelta:
    """Return a time between two bounds."""
    value = top.parsed(key, duration, default)
    if not least <= value <= most:
        raise top.wrong(key, f"not between {least.total_seconds():g}s and {most.total_seconds():g}s")
    return value


def workdir_of(top: Section, warnings: list[str]) -> str | None:
    """Return the workdir as written, None if there is none."""
    if isinstance(top.get("workdir"), Mapping):
        warnings.append("workdir: a repository is not fetched; clone it in `setup`")
        return None
    return top.text("workdir").strip() or None


def _ignored(top: Section) -> list[str]:
    found = []
    for key, instead in UNSUPPORTED.items():
        if top.get(key) is None or (key == "num_nodes" and top.get(key) == 1):
            continue
        found.append(f"{key}: not supported here, so it has no effect" + (f"; {instead}" if instead else ""))
    return found
