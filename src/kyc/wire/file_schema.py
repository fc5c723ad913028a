"""The workload file as a JSON Schema, for editors that complete and explain; the parser itself stays the judge.

One line for each key that means something. The tests hold the keys against those that the parsers know.
"""

from __future__ import annotations

from collections.abc import Mapping

_Schema = dict[str, object]


def _of(description: str, **more: object) -> _Schema:
    return {"description": description, **more}


def _text(description: str, **more: object) -> _Schema:
    return _of(description, type="string", **more)


def _amount(description: str, *examples: object) -> _Schema:
    return _of(description, type=["string", "number"], examples=list(examples))


def _time(description: str, *examples: str) -> _Schema:
    return _of(description, type=["string", "number"], examples=list(examples))


def _mapping(description: str, properties: Mapping[str, _Schema]) -> _Schema:
    return _of(description, type=["object", "null"], properties=dict(properties), additionalProperties=False)


_GPU = _of(
    "GPUs, by name and count; several are alternatives.",
    type=["string", "array", "object"],
    examples=["A100:1", ["A100:1", "H100:1"]],
)
_MACHINE: dict[str, _Schema] = {
    "infra": _text("Where, in one word: cloud/region/zone, `*` for any.", examples=["aws/us-east-1"]),
    "cloud": _text("The cloud.", examples=["local", "aws", "gcp", "azure"]),
    "region": _text("The region.", examples=["us-east-1"]),
    "zone": _text("The zone.", examples=["us-east-1a"]),
    "instance_type": _text("Just this type.", examples=["m7i.xlarge"]),
    "cpus": _amount("vCPUs: at least, exactly, or between.", "4+", "4", "4..8"),
    "memory": _amount("Memory in GiB: at least, exactly, or between.", "16+", "16GB"),
    "accelerators": _GPU,
    "gpus": _GPU,
    "arch": _text("The processor's architecture.", enum=["x86_64", "arm64", "amd64", "aarch64"]),
    "use_spot": _of("false: on-demand only. Spot is the default.", type="boolean"),
    "max_price": _amount("The most that an hour may cost, in USD.", 1.5),
    "max_hourly_cost": _amount("The same as max_price.", 1.5),
}
_ALTERNATIVES = {"type": "array", "minItems": 1, "items": _mapping("An alternative.", _MACHINE)}
RESOURCES: dict[str, _Schema] = {
    **_MACHINE,
    "disk_size": _amount("The disk, in GiB.", 100, "100GB"),
    "image_id": _text("The image, by its provider's own name.", examples=["ami-0123456789abcdef0"]),
    "labels": _of("Tags for the machine and its disk.", type=["object", "null"], examples=[{"team": "ml"}]),
    "network": _text("The network (VPC), by its provider's own name."),
    "subnet": _text("The subnet, by its provider's own name."),
    "role": _text("What the work may do at the provider: an instance profile, service account or managed identity."),
    "any_of": _of("Alternatives; what stands beside it holds for all of them.", **_ALTERNATIVES),
    "ordered": _of("Taken as any_of: the best offer is chosen, not the first.", **_ALTERNATIVES),
}
BOTH: dict[str, _Schema] = {
    "name": _text("What it is called: lower-case letters, digits and '-'.", maxLength=40),
    "run": _text("The shell text that does the work; it runs in the workdir."),
    "setup": _text("A shell text that runs before, on each new instance."),
    "workdir": _text("A folder that is uploaded and becomes the work's folder.", examples=["."]),
    "envs": _of("Environment variables; a null value must be given when it is submitted.", type=["object", "null"]),
    "resources": _mapping("What the machine must have; the best offer that fits is taken.", RESOURCES),
    "stop_grace": _time("How long the work may take to end before it is killed.", "30s"),
    "budget": _amount("How much it may cost.", "12 USD"),
    "image": _text("A container image; services only.", examples=["python:3.12-slim"]),
}
JOB: dict[str, _Schema] = {
    "keep": _of("The paths under the workdir that are replicated and moved.", type="array", items={"type": "string"}),
    "on_interrupt": _text("Tells the work that it must stop; SIGTERM follows.", examples=["kill -USR1 $KYC_PID"]),
    "snapshot_interval": _time("How often changes are replicated, at most.", "500ms", "10s"),
    "snapshot_rate": _text("How much a second is sent at most, but for the last flush.", examples=["20MB"]),
    "snapshot_paranoid": _of("Whether files that look unchanged are read again each time.", type="boolean"),
    "progress": _text("A regular expression with a group `step`, and perhaps `total`, for the work's own lines."),
    "deadline": _time("How long after its submission the job should have ended.", "6h", "1d 2h"),
}
PROBE: dict[str, _Schema] = {
    "path": _text("A path that answers with 2xx or 3xx when the replica can serve.", examples=["/health"]),
    "initial_delay": _time("How long a replica may take to become ready.", "60s"),
    "timeout": _time("How long an answer may take.", "5s"),
    "fail_after": _time("After how long without a good answer it counts as dead.", "30s"),
    "initial_delay_seconds": _of("initial_delay, as a number.", type="number"),
    "timeout_seconds": _of("timeout, as a number.", type="number"),
}
SCALING: dict[str, _Schema] = {
    "min_replicas": _of("The least; 0: none while nobody asks.", type="integer", minimum=0),
    "max_replicas": _of("The most.", type="integer", minimum=1),
    "max_instances": _of("The most instances.", type="integer", minimum=1),
    "max_replicas_per_instance": _of("How many may share an instance.", type="integer", minimum=1),
    "target_qps_per_replica": _of("Requests a second that a replica is to serve.", type="number"),
    "target_concurrency": _of("Requests at once that a replica is to serve.", type="number"),
    "target_queue": _of("Waiting requests that a replica stands for.", type="number"),
    "target_cpu_percent": _of("The CPU load that a replica is to have.", type="number"),
    "target_p95_ms": _of("How long 95 % of the answers may take, in milliseconds.", type="number"),
    "target_metric": _mapping(
        "How much of a figure that the replicas tell themselves a replica is to have.",
        {
            "path": _text("Where a replica tells it, in Prometheus' text or JSON.", examples=["/metrics"]),
            "name": _text("What it is called there.", examples=["queue_depth"]),
            "per_replica": _of("How much of it a replica stands for.", type="number"),
        },
    ),
    "policy": _text("How it is decided: worth (default) or threshold."),
    "threshold": _of("The thresholds of that policy.", type="object"),
    "schedules": _of("More replicas at certain hours.", type="array"),
    "memory": _amount("How far back the worth policy remembers peaks.", "10m"),
    "forecast": _of("Whether yesterday's course counts.", type=["boolean", "string"]),
    "fill_instances": _of("Whether what is paid for is filled with replicas.", type="boolean"),
    "num_overprovision": _of("So many replicas more than needed.", type="integer", minimum=0),
    "base_ondemand_fallback_replicas": _of("So many replicas always on demand.", type="integer", minimum=0),
    "dynamic_ondemand_fallback": _of("On demand while spot cannot be had.", type="boolean"),
}
SERVICE: dict[str, _Schema] = {
    "port": _of("Where replicas listen; without it a process is given one as $PORT.", type=["integer", "string"]),
    "ports": _of("The same as port.", type=["integer", "string", "array"]),
    "address_port": _of("The port of the service's address; without it one is chosen.", type="integer"),
    "readiness_probe": _of(
        "When a replica is ready: a path, or how it is asked.",
        anyOf=[{"type": "string"}, _mapping("How it is asked.", PROBE)],
    ),
    "replicas": _of("A fixed number of replicas.", type="integer", minimum=0),
    "replica_policy": _mapping("How many replicas, and when.", SCALING),
    "replica": _mapping(
        "What one replica needs.",
        {
            "cpus": _of("vCPUs.", type="number"),
            "memory": _amount("GiB.", 0.5),
            "gpus": _of("GPUs.", type="number"),
        },
    ),
    "load_balancing_policy": _text(
        "How requests are spread.",
        enum=["least_load", "least_request", "instance_aware_least_load", "round_robin", "sticky"],
    ),
    "tls": _mapping("PEM files on the master's machine.", {"certfile": _text("Chain."), "keyfile": _text("Key.")}),
    "drain": _time("How long running requests may take when a replica goes.", "30s"),
    "wait": _time("How long a request waits for the first replica.", "60s"),
    "most_waiting": _of("How many requests may wait.", type="integer", minimum=0),
    "most_in_flight": _of("How many requests and WebSockets one replica has at once.", type="integer", minimum=1),
    "reply_headers": _of("Whether answers name their replica and instance.", type="boolean"),
}  # fmt: skip


def workload_schema() -> dict[str, object]:
    """Return the JSON Schema (2020-12) of a workload file, of a job or a service."""
    service = _mapping("A stable address with replicas behind it; without it the file is a job.", SERVICE)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Keep Your Cost workload file",
        "type": "object",
        "properties": {**BOTH, **JOB, "service": service},
    }
