"""Service files: a workload file with `service`. SkyPilot's keys for serving, and a few of ours. Text in, spec out.

The other half of `wire.workload_file`, whose keys it shares; how it scales is read in `wire.scaling_file`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from kyc.domain.errors import InvalidInputError
from kyc.domain.service import Balance, Probe, ReplicaSize, ServiceSpec, TlsFiles
from kyc.wire.machine import parse_machine
from kyc.wire.quantity import duration, memory_gib, money_usd
from kyc.wire.resources import parse_resources
from kyc.wire.scaling_file import SCALING_KEYS, at_least_one, positive, read_scaling, whole
from kyc.wire.section import Section, refuse_unknown, section_of
from kyc.wire.workload_file import UNSUPPORTED, envs_of, name_of, within, workdir_of
from kyc.wire.yaml_text import literals, load_mapping

TOP_KEYS = frozenset(
    {"name", "workdir", "envs", "setup", "run", "resources", "image", "service", "stop_grace", "budget"}
)
JOB_KEYS = frozenset(
    {"keep", "on_interrupt", "deadline", "progress", "snapshot_interval", "snapshot_rate", "snapshot_paranoid"}
)
SERVICE_KEYS = frozenset(
    {
        "port", "ports", "address_port", "readiness_probe", "replicas", "replica_policy", "replica",
        "load_balancing_policy", "tls", "drain", "wait", "most_waiting", "most_in_flight",
        "reply_headers",
    }
)  # fmt: skip
_PROBE_KEYS = frozenset(
    {
        "path",
        "initial_delay",
        "timeout",
        "fail_after",
        "initial_delay_seconds",
        "timeout_seconds",
        "post_data",
        "headers",
    }
)
_BALANCES = {
    "least_load": Balance.LEAST_REQUEST,
    "least_request": Balance.LEAST_REQUEST,
    "instance_aware_least_load": Balance.LEAST_REQUEST,
    "round_robin": Balance.ROUND_ROBIN,
    "sticky": Balance.STICKY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedService:
    """A service file as understood. `workdir` is a folder as written; `spec.workdir` comes with the upload."""

    spec: ServiceSpec
    workdir: str | None
    warnings: tuple[str, ...]


def is_service(text: str) -> bool:
    """Say whether the text describes a service; raise InvalidInputError if it is no YAML mapping."""
    return section_of(load_mapping(text)).get("service") is not None


def parse_service(text: str, *, default_name: str = "service") -> ParsedService:
    """Return the file's content, checked; raise InvalidInputError that names the place, and nothing else."""
    top = section_of(load_mapping(text))
    if top.get("service") is None:
        raise InvalidInputError(
            "`service` is missing: this file describes a job",
            next_step="Start it with `kyc run`, or add `service:` with a `port`.",
        )
    refuse_unknown(top, TOP_KEYS | JOB_KEYS | UNSUPPORTED.keys())
    warnings = _without_effect(top)
    service = section_of(top.get("service"), "service")
    refuse_unknown(service, SERVICE_KEYS)
    alternatives, about_resources = parse_resources(top.get("resources"))
    machine, about_machine = parse_machine(top.get("resources"))
    warnings += [text for text in (*about_resources, *about_machine) if not text.startswith("resources.ports")]
    image, run = top.text("image").strip(), top.text("run")
    port = _port(top, service, image)
    if not image and not run.strip():
        raise InvalidInputError(
            "run: the file does not say what to run",
            next_step="Add a line such as `run: python app.py`, or an `image`.",
        )
    scaling, most_per_instance = read_scaling(service, warnings)
    spec = ServiceSpec(
        name=name_of(top, default_name, warnings),
        run=run,
        port=port,
        probe=_probe(service, warnings),
        scaling=scaling,
        size=_size(service),
        max_per_instance=most_per_instance,
        any_of=alternatives,
        machine=machine,
        image=image,
        setup=top.text("setup"),
        envs=envs_of(top, literals(text, "envs")),
        balance=_balance(service),
        drain_grace=within(service, "drain", timedelta(seconds=30), most=timedelta(hours=1)),
        stop_grace=within(top, "stop_grace", timedelta(seconds=10), most=timedelta(hours=1)),
        wait=within(service, "wait", timedelta(seconds=60), most=timedelta(hours=1)),
        most_waiting=service.parsed("most_waiting", whole, 1000),
        most_in_flight=service.parsed("most_in_flight", at_least_one, None),
        names_replica=service.flag("reply_headers", False),
        address_port=_number_of_port(service, "address_port") or 0,
        tls=_tls(service),
        budget_usd=top.parsed("budget", money_usd, None),
    )
    return ParsedService(spec=spec, workdir=workdir_of(top, warnings), warnings=tuple(warnings))


def _without_effect(top: Section) -> list[str]:
    warnings = [f"{key}: it is for jobs, so it has no effect" for key in sorted(JOB_KEYS) if top.get(key) is not None]
    for key, instead in UNSUPPORTED.items():
        if key != "image" and top.get(key) is not None and not (key == "num_nodes" and top.get(key) == 1):
            warnings.append(f"{key}: not supported here, so it has no effect" + (f"; {instead}" if instead else ""))
    return warnings


def _port(top: Section, service: Section, image: str) -> int:
    """Return what the replicas listen on; 0 where a plain process is given one."""
    found = _number_of_port(service, "port") or _number_of_port(service, "ports")
    resources = top.get("resources")
    if found is None and isinstance(resources, Mapping):
        found = _number_of_port(section_of(resources, "resources"), "ports")
    if found is None and image:
        raise InvalidInputError(
            "service.port: it is not said where the container listens", next_step="Add `port: 8080` to `service`."
        )
    return found or 0


def _number_of_port(section: Section, key: str) -> int | None:
    value = section.get(key)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None:
        return None
    number = int(value) if isinstance(value, str) and value.isdigit() else value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 65_536:
        raise section.wrong(key, "not one port from 1 to 65535")
    return number


def _probe(service: Section, warnings: list[str]) -> Probe:
    value = service.get("readiness_probe")
    usual = Probe()
    if value is None:
        return usual
    if isinstance(value, str):
        return Probe(path=_path(service, "readiness_probe", value))
    section = section_of(value, service.place("readiness_probe"))
    refuse_unknown(section, _PROBE_KEYS)
    ignored = [key for key in ("post_data", "headers") if section.get(key) is not None]
    warnings += [f"{section.place(key)}: a probe is a plain GET, so it has no effect" for key in ignored]
    return Probe(
        path=_path(section, "path", section.text("path")) if section.get("path") is not None else "",
        initial_delay=_time(section, "initial_delay", usual.initial_delay),
        timeout=_time(section, "timeout", usual.timeout),
        fail_after=_time(section, "fail_after", usual.fail_after),
    )


def _time(section: Section, key: str, usual: timedelta) -> timedelta:
    """Return a time given as `20s`, or SkyPilot's way as a number of seconds under another key."""
    seconds = section.parsed(f"{key}_seconds", positive, None)
    return section.parsed(key, duration, usual) if seconds is None else timedelta(seconds=seconds)


def _path(section: Section, key: str, text: str) -> str:
    path = text.strip()
    if not path.startswith("/") or any(letter.isspace() or not letter.isprintable() for letter in path):
        raise section.wrong(key, "not a path such as /health")
    return path


def _size(service: Section) -> ReplicaSize:
    value = service.get("replica")
    if value is None:
        return ReplicaSize()
    section = section_of(value, service.place("replica"))
    refuse_unknown(section, {"cpus", "memory", "gpus"})
    memory = section.parsed("memory", memory_gib, None)
    return ReplicaSize(
        cpus=section.parsed("cpus", positive, None) or 0,
        memory_mib=0 if memory is None else round(memory.least * 1024),
        gpus=section.parsed("gpus", positive, None) or 0,
    )


def _balance(service: Section) -> Balance:
    written = service.text("load_balancing_policy").strip().lower()
    if not written:
        return Balance.LEAST_REQUEST
    if written not in _BALANCES:
        raise service.wrong("load_balancing_policy", f"none of {', '.join(_BALANCES)}")
    return _BALANCES[written]


def _tls(service: Section) -> TlsFiles | None:
    value = service.get("tls")
    if value is None:
        return None
    section = section_of(value, service.place("tls"))
    refuse_unknown(section, {"certfile", "keyfile"})
    for key in ("certfile", "keyfile"):
        if not section.text(key).startswith("/"):
            raise section.wrong(key, "not the full path of a PEM file on the master's machine")
    return TlsFiles(chain=section.text("certfile"), key=section.text("keyfile"))


ALL_KEYS = TOP_KEYS | JOB_KEYS | SERVICE_KEYS | SCALING_KEYS
