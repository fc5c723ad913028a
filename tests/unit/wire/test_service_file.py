"""Service files: what each key means, and that what is wrong is named."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from kyc.domain.errors import InvalidInputError
from kyc.domain.service import Balance, ReplicaMetric, ScalingPolicy, SignalKind, TlsFiles
from kyc.wire.service_file import is_service, parse_service

MINIMAL = "name: web\nservice: {port: 8080}\nrun: python app.py"


def parsed(service: str, *, more: str = "run: serve"):
    return parse_service(f"name: web\nservice:\n{_indented(service)}\n{more}")


def refused(service: str, *, more: str = "run: serve") -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        parsed(service, more=more)
    return caught.value


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def test_the_least_there_can_be() -> None:
    spec = parse_service(MINIMAL).spec
    assert (spec.name, spec.port, spec.run) == ("web", 8080, "python app.py")
    assert (spec.scaling.min_replicas, spec.scaling.max_replicas) == (1, 1)
    assert is_service(MINIMAL)
    assert not is_service("run: x")


def test_the_example_of_the_documentation() -> None:
    spec = parsed(
        "port: 8080\nreadiness_probe: /health\n"
        "replica_policy: {min_replicas: 0, max_replicas: 9, target_qps_per_replica: 5}",
        more="resources: {cpus: 1, memory: 1+, use_spot: true}\nimage: python:3.12-slim\nrun: python app.py",
    ).spec
    assert spec.probe.path == "/health"
    assert spec.image == "python:3.12-slim"
    [target] = spec.scaling.targets
    assert (target.kind, target.per_replica) == (SignalKind.REQUESTS, 5)
    assert (spec.scaling.min_replicas, spec.scaling.max_replicas) == (0, 9)


def test_skyserve_files_are_understood() -> None:
    done = parsed(
        "readiness_probe:\n  path: /v1/models\n  initial_delay_seconds: 1200\n  timeout_seconds: 15\n"
        "  post_data: {a: 1}\n"
        "replica_policy:\n  min_replicas: 1\n  max_replicas: 10\n  target_qps_per_replica: 2.5\n"
        "  upscale_delay_seconds: 300\n  num_overprovision: 2\n  base_ondemand_fallback_replicas: 1\n"
        "  dynamic_ondemand_fallback: true\nload_balancing_policy: round_robin",
        more="resources: {ports: 9000, cpus: 4+}\nrun: serve",
    )
    spec = done.spec
    assert spec.port == 9000
    assert spec.probe.initial_delay == timedelta(seconds=1200)
    assert spec.probe.timeout == timedelta(seconds=15)
    assert spec.balance is Balance.ROUND_ROBIN
    assert (spec.scaling.spot.extra, spec.scaling.spot.on_demand_base, spec.scaling.spot.fallback) == (2, 1, True)
    assert [warning.split(":")[0] for warning in done.warnings] == [
        "service.replica_policy.upscale_delay_seconds",
        "service.readiness_probe.post_data",
    ]


def test_a_fixed_number_of_replicas() -> None:
    rule = parsed("port: 1\nreplicas: 3").spec.scaling
    assert (rule.min_replicas, rule.max_replicas) == (3, 3)


def test_size_limits_times_and_certificates() -> None:
    spec = parsed(
        "port: 80\naddress_port: 8443\ndrain: 45s\nwait: 10s\nmost_waiting: 7\nmost_in_flight: 3\nreply_headers: true\n"
        "replica: {cpus: 0.5, memory: 256MB, gpus: 1}\ntls: {certfile: /c.pem, keyfile: /k.pem}\n"
        "replica_policy: {min_replicas: 1, max_replicas: 4, max_instances: 2, max_replicas_per_instance: 3,"
        " target_cpu_percent: 60, target_p95_ms: 200, memory: 90s, fill_instances: false}"
    ).spec
    assert (spec.size.cpus, spec.size.memory_mib, spec.size.gpus) == (0.5, 256, 1)
    assert (spec.max_per_instance, spec.scaling.max_instances) == (3, 2)
    assert (spec.drain_grace, spec.wait, spec.most_waiting) == (timedelta(seconds=45), timedelta(seconds=10), 7)
    assert spec.most_in_flight == 3
    assert spec.tls == TlsFiles(chain="/c.pem", key="/k.pem")
    assert spec.address_port == 8443
    assert spec.names_replica
    assert {target.kind for target in spec.scaling.targets} == {SignalKind.CPU, SignalKind.LATENCY}
    assert spec.scaling.worth.memory == timedelta(seconds=90)


def test_a_figure_of_the_replicas_own_as_a_target() -> None:
    [target] = parsed(
        "port: 80\nreplica_policy:\n  max_replicas: 9\n"
        "  target_metric: {path: /stats, name: queue_depth, per_replica: 10}"
    ).spec.scaling.targets
    assert (target.kind, target.per_replica, target.signal) == (SignalKind.CUSTOM, 10, "queue_depth")
    assert target.metric == ReplicaMetric(path="/stats", name="queue_depth")


def test_the_rules_of_the_original_with_numbers_of_ones_own() -> None:
    rule = parsed(
        "port: 80\nreplica_policy:\n  max_replicas: 9\n  policy: threshold\n"
        "  threshold: {add_instance_at: 0.7, add_replica_above: [0.2, 0.5], samples: 3, sustain: 2s}"
    ).spec.scaling
    assert rule.policy is ScalingPolicy.THRESHOLD
    assert (rule.threshold.add_instance_at, rule.threshold.add_replica_above) == (0.7, (0.2, 0.5))
    assert (rule.threshold.samples, rule.threshold.sustain) == (3, timedelta(seconds=2))


def test_schedules() -> None:
    [one, two] = parsed(
        "port: 80\nreplica_policy:\n  max_replicas: 9\n  target_queue: 1\n  schedules:\n"
        '    - {min_replicas: 4, from: "08:00", to: "18:30", days: [mon, Friday]}\n'
        "    - {min_replicas: 2, from: 22:15, to: 6:00}"
    ).spec.scaling.schedules
    assert (one.starts, one.ends, one.days) == (time(8), time(18, 30), frozenset({0, 4}))
    assert (two.starts, two.ends, len(two.days)) == (time(22, 15), time(6), 7)


@pytest.mark.parametrize(
    ("service", "named"),
    [
        ("prot: 8080", "unknown key 'service.prot'; the nearest known one is 'service.port'"),
        ("port: 99999", "service.port"),
        ("port: 80\nreplica_policy: {min_replicas: 3, max_replicas: 2}", "max_replicas"),
        ("port: 80\nreplica_policy: {max_replicas: 2}", "no target says when"),
        ("port: 80\nreplicas: 2\nreplica_policy: {min_replicas: 1}", "service.replicas"),
        ("port: 80\nreplica_policy: {max_replicas: 2, target_qps_per_replica: -1}", "target_qps_per_replica"),
        ("port: 80\nreplica_policy: {max_replicas: 2, target_metric: 5}", "target_metric"),
        ("port: 80\nreplica_policy: {max_replicas: 2, target_metric: {name: q}}", "target_metric.per_replica"),
        ("port: 80\nreplica_policy: {max_replicas: 2, target_metric: {name: a b, per_replica: 1}}", "metric.name"),
        (
            "port: 80\nreplica_policy: {max_replicas: 2, target_metric: {name: q, path: m, per_replica: 1}}",
            "target_metric.path",
        ),
        ("port: 80\nreplica_policy: {policy: magic}", "none of worth, threshold"),
        ("port: 80\nreadiness_probe: health", "service.readiness_probe"),
        ("port: 80\nload_balancing_policy: best", "load_balancing_policy"),
        ("port: 80\ntls: {certfile: c.pem, keyfile: /k}", "service.tls.certfile"),
        ("port: 80\nreplica: {cpu: 1}", "service.replica.cpus"),
        ("port: 80\nreplica_policy: {schedules: [{from: 1}]}", "schedules[0].min_replicas"),
    ],
)
def test_what_is_wrong_is_named(service: str, named: str) -> None:
    error = refused(service)
    assert named in str(error)
    assert error.next_step


def test_a_container_needs_a_port_and_a_process_something_to_run() -> None:
    assert "service.port" in str(refused("readiness_probe: /", more="image: nginx"))
    assert str(refused("port: 80", more="setup: x")).startswith("run:")
    assert parsed("port: 80", more="image: nginx").spec.run == ""


def test_what_is_for_jobs_has_no_effect() -> None:
    done = parsed("port: 80", more="run: x\nkeep: [data]\ndeadline: 6h")
    assert [warning.split(":")[0] for warning in done.warnings] == ["deadline", "keep"]


def test_a_job_s_file_points_to_its_command() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_service("run: x")
    assert "kyc run" in caught.value.next_step
