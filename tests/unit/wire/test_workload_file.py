"""What a workload file means, and how its mistakes are named."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.domain.errors import InvalidInputError
from kyc.domain.launch import LaunchOptions
from kyc.domain.offer import Arch
from kyc.domain.workload import Bound
from kyc.wire.workload_file import (
    MAX_NAME,
    OUR_KEYS,
    SKYPILOT_KEYS,
    UNSUPPORTED,
    check_name,
    name_from,
    parse_workload,
    with_envs,
)

SKYPILOT_FILES = sorted((Path(__file__).parent / "skypilot").glob("*.yaml"))


def refused(text: str) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        parse_workload(text)
    assert caught.value.next_step
    return caught.value


def test_least_file() -> None:
    parsed = parse_workload("run: echo hi", default_name="My Job_1")
    assert parsed.spec.name == "my-job-1"
    assert parsed.spec.run == "echo hi"
    assert parsed.spec.keep == (".",)
    assert parsed.workdir is None
    assert parsed.warnings == ()
    (only,) = parsed.spec.any_of
    assert only.use_spot
    assert only.vcpus == Bound()


def test_everything_of_ours() -> None:
    parsed = parse_workload(
        """
        name: train
        resources: {cloud: AWS, region: us-east-1, cpus: 4+, memory: 16GB+, accelerators: A100:2, use_spot: false,
                    arch: aarch64, max_price: $1.5}
        workdir: ./code
        envs: {EPOCHS: 20, VERSION: 1.10, DEBUG: yes, EMPTY: ""}
        setup: pip install -r requirements.txt
        run: python train.py
        keep: [checkpoints/, ./logs, checkpoints]
        on_interrupt: kill -USR1 $KYC_PID
        deadline: 1d 2h
        budget: 12 USD
        progress: 'epoch (?P<step>[0-9]+)/(?P<total>[0-9]+)'
        stop_grace: 30s
        snapshot_interval: 500ms
        snapshot_rate: 1.5 MB/s
        snapshot_paranoid: true
        """
    )
    spec = parsed.spec
    assert spec.envs == {"EPOCHS": "20", "VERSION": "1.10", "DEBUG": "yes", "EMPTY": ""}
    assert spec.keep == ("checkpoints", "logs")
    assert spec.deadline == timedelta(hours=26)
    assert spec.budget_usd == Decimal(12)
    assert spec.stop_grace == timedelta(seconds=30)
    assert spec.snapshot_interval == timedelta(milliseconds=500)
    assert (spec.snapshot_bytes_per_s, spec.snapshot_paranoid) == (1_500_000, True)
    assert spec.workdir is None
    assert parsed.workdir == "./code"
    (wish,) = spec.any_of
    assert (wish.cloud, wish.region, wish.zone, wish.use_spot) == ("aws", "us-east-1", None, False)
    assert wish.vcpus == Bound(least=4)
    assert wish.memory_gib == Bound(least=16)
    assert (wish.gpu, wish.gpu_count, wish.arch) == ("A100", 2, Arch.ARM64)
    assert wish.max_price_usd_per_hour == Decimal("1.5")


def test_any_of_overlays_what_stands_beside_it() -> None:
    parsed = parse_workload(
        """
        run: x
        resources:
          infra: aws/us-east-1/us-east-1a
          cpus: 4
          any_of:
            - accelerators: [A100:1, H100]
            - {infra: gcp, memory: 512MB}
            - region: eu-west-1
        """
    )
    places = [(wish.cloud, wish.region, wish.zone, wish.gpu) for wish in parsed.spec.any_of]
    assert places == [
        ("aws", "us-east-1", "us-east-1a", "A100"),
        ("aws", "us-east-1", "us-east-1a", "H100"),
        ("gcp", None, None, None),
        ("aws", "eu-west-1", None, None),
    ]
    assert all(wish.vcpus == Bound(least=4, most=4) for wish in parsed.spec.any_of)
    assert parsed.spec.any_of[2].memory_gib == Bound(least=0.5, most=0.5)


@pytest.mark.parametrize(
    ("written", "gpus"),
    [
        ("A100", [("A100", 1)]),
        ("A100-80GB:8", [("A100-80GB", 8)]),
        ("V100:0.5", [("V100", 0.5)]),
        ("{A100: 4}", [("A100", 4)]),
        ("{A100:1, V100:1}", [("A100", 1), ("V100", 1)]),
        ("[A100:1, T4]", [("A100", 1), ("T4", 1)]),
        ("tpu-v5p-8", [("tpu-v5p-8", 1)]),
        ("24GB+", [(None, 1)]),
    ],
)
def test_accelerators(written: str, gpus: list[tuple[str | None, float]]) -> None:
    parsed = parse_workload(f"run: x\nresources:\n  accelerators: {written}")
    assert [(wish.gpu, wish.gpu_count) for wish in parsed.spec.any_of] == gpus


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("setup: x", "run:"),
        ("run: '  '", "run:"),
        ("run: 3", "run: 3"),
        ("run: x\nresorces: {}", "'resorces'; the nearest known one is 'resources'"),
        ("run: x\nresources: {acelerators: A100}", "'resources.acelerators'; the nearest known one is"),
        ("run: x\nresources: {any_of: [{cpu: 4}]}", "'resources.any_of[0].cpu'; the nearest known one is"),
        ("run: x\nresources: {cpus: many}", "resources.cpus: 'many' is not an amount"),
        ("run: x\nresources: {cpus: true}", "resources.cpus: True"),
        ("run: x\nresources: {cpus: .inf}", "resources.cpus: inf"),
        ("run: x\nresources: {memory: 16XB}", "resources.memory: '16XB'"),
        ("run: x\nresources: {use_spot: maybe}", "resources.use_spot"),
        ("run: x\nresources: {infra: aws, cloud: aws}", "resources.infra"),
        ("run: x\nresources: {any_of: [], ordered: []}", "resources.ordered"),
        ("run: x\nresources: {any_of: [[]]}", "resources.any_of[0]"),
        ("run: x\nresources: [1]", "resources: [1]"),
        ("run: x\nenvs: {TOKEN: null}", "envs.TOKEN"),
        ("run: x\nenvs: {TOKEN: [1]}", "envs.TOKEN"),
        ("run: x\nenvs: {9X: 1}", "'9X'"),
        ("run: x\nenvs: {1: 1}", "the key 1 in envs"),
        ("run: x\nkeep: [/etc]", "keep:"),
        ("run: x\nkeep: [a/../../b]", "keep:"),
        ("run: x\nkeep: []", "keep:"),
        ("run: x\ndeadline: 6", "deadline: 6 is not a time with its unit"),
        ("run: x\ndeadline: 1:30", "deadline: 90 is not a time with its unit"),
        ("run: x\ndeadline: 6 fortnights", "deadline:"),
        ("run: x\ndeadline: 0s", "deadline:"),
        ("run: x\nbudget: 12 EUR", "budget: '12 EUR' is not an amount in US dollars"),
        ("run: x\nbudget: -1", "budget:"),
        ("run: x\nprogress: '('", "progress:"),
        ("run: x\nprogress: 'epoch ([0-9]+)'", "the group `step`"),
        ("run: x\nsnapshot_interval: 1ms", "snapshot_interval:"),
        ("run: x\nsnapshot_rate: 20", "snapshot_rate: 20 is not a speed above zero with its unit"),
        ("run: x\nsnapshot_rate: 0MB", "snapshot_rate:"),
        ("run: x\nsnapshot_paranoid: 2", "snapshot_paranoid:"),
        ("run: x\nname: Not A Name!", "name: 'Not A Name!'"),
        (f"run: x\nname: {'a' * 41}", "name:"),
        ("run: x\nservice: {port: 8080}", "`service`"),
        ("run: x\nrun: y", "line 2, column 1: the key 'run' is given twice"),
        ("run: [x", "line 1, column 8"),
        ("run: x\n\tname: y", "line 2, column 1"),
        ("run: x\n---\nrun: y", "2 documents"),
        ("", "not a mapping"),
        ("- run", "not a mapping"),
        ("!!omap [a: 1]", "not a mapping"),
        ('run: "a\\0b"', "NUL"),
        ("run: x\nname: 2024-99-99", "cannot be read"),
        ("run: x\nname: !!bool 3", "cannot be read"),
        ("run: x\nname: !!timestamp x", "cannot be read"),
        ("run: x\nbudget: 0x" + "f" * 9999, "too large"),
        ("&a {<<: *a}", ""),
        ("[" * 1000, "nested too deeply"),
        ("run: x\nenvs: &a {B: *a}", "envs.B"),
        ("x: " + "y" * 1_000_001, "characters"),
    ],
)
def test_mistakes_are_named(text: str, words: str) -> None:
    assert words in str(refused(text))


def test_service_points_to_its_command() -> None:
    service = refused("run: x\nservice: {port: 1}")
    assert "kyc serve" in service.next_step


def test_missing_env_asks_for_the_option() -> None:
    assert "--env TOKEN=" in refused("run: x\nenvs: {TOKEN: }").next_step
    parsed = parse_workload(with_envs("run: x\nenvs: {TOKEN: , N: 1.50}", {"TOKEN": "a: 'b' #\n", "M": "07"}))
    assert parsed.spec.envs == {"TOKEN": "a: 'b' #\n", "M": "07", "N": "1.50"}


@pytest.mark.parametrize("text", ["run: x", "run: x\nenvs:", "run: x\nenvs: {A: 1, [2]: 3}"])
def test_envs_are_added_whatever_was_there(text: str) -> None:
    changed = with_envs(text, {"A": "2"})
    assert yaml.safe_load(changed.replace("? [2]", "? x"))["envs"]["A"] == "2"
    assert with_envs(text, {}) == text
    with pytest.raises(InvalidInputError):
        with_envs(text, {"not a name": "1"})


def test_a_foreign_name_is_respelled_with_a_warning() -> None:
    parsed = parse_workload("run: x\nname: Multi_Echo.v2")
    assert parsed.spec.name == "multi-echo-v2"
    assert parsed.warnings == ("name: 'Multi_Echo.v2' is used as 'multi-echo-v2'",)


def test_skypilot_keys_without_effect_are_named() -> None:
    parsed = parse_workload("run: x\nnum_nodes: 2\nresources: {disk_tier: high, ordered: [{cloud: aws}]}")
    assert [warning.split(":")[0] for warning in parsed.warnings] == [
        "num_nodes",
        "resources.disk_tier",
        "resources.ordered",
    ]
    assert parse_workload("run: x\nnum_nodes: 1").warnings == ()


def test_what_the_machine_is_to_be_besides() -> None:
    parsed = parse_workload(
        "run: x\nresources: {disk_size: 200, image_id: ami-1, labels: {team: ml}, network: n, subnet: s, role: r}"
    )
    expected = LaunchOptions(disk_gib=200, image="ami-1", tags={"team": "ml"}, network="n", subnet="s", role="r")
    assert (parsed.spec.machine, parsed.warnings) == (expected, ())
    assert parse_workload("run: x\nresources: {disk_size: 100GB}").spec.machine == LaunchOptions(disk_gib=100)


@pytest.mark.parametrize(
    ("resources", "place"),
    [
        ("{disk_size: 0}", "resources.disk_size"),
        ("{disk_size: 100+}", "resources.disk_size"),
        ("{disk_size: 99999}", "resources.disk_size"),
        ("{labels: {kyc-master: m}}", "resources.labels.kyc-master"),
        ("{labels: {team: 1}}", "resources.labels.team"),
        ("{image_id: 5}", "resources.image_id"),
    ],
)
def test_a_machine_that_cannot_be_is_refused(resources: str, place: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(place)):
        parse_workload(f"run: x\nresources: {resources}")


def test_what_skypilot_can_with_images_is_named() -> None:
    for image in ("docker:ubuntu", "{us-east-1: ami-1}"):
        parsed = parse_workload(f"run: x\nresources: {{image_id: {image}, any_of: [{{disk_size: 5}}]}}")
        assert parsed.spec.machine == LaunchOptions()
        told = [warning.split(":")[0] for warning in parsed.warnings]
        assert told == ["resources.any_of[0].disk_size", "resources.image_id"]


@pytest.mark.parametrize("path", SKYPILOT_FILES, ids=lambda path: path.stem)
def test_files_in_skypilots_style_parse(path: Path) -> None:
    parsed = parse_workload(path.read_text(), default_name=path.stem)
    assert parsed.spec.any_of
    check_name(parsed.spec.name)


def test_there_are_such_files() -> None:
    assert len(SKYPILOT_FILES) >= 8


_KEYS = st.sampled_from(sorted(SKYPILOT_KEYS | OUR_KEYS | UNSUPPORTED.keys() | {"service", "any_of", "cpus", "infra"}))
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.dates()
_VALUES = st.recursive(
    _SCALARS | st.sampled_from(["4+", "16GB", "6h", "12 USD", "A100:1", "aws/us-east-1", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS | _SCALARS, inner, max_size=4),
    max_leaves=12,
)
_RESOURCES = st.dictionaries(
    st.sampled_from(["cpus", "memory", "accelerators", "infra", "any_of", "ordered", "use_spot", "max_price"]),
    _VALUES,
    max_size=4,
)


@settings(max_examples=100)
@given(st.dictionaries(_KEYS | _SCALARS, _VALUES, max_size=6), _RESOURCES | st.none(), st.booleans())
def test_any_mapping_parses_or_is_refused(values: dict[object, object], resources: object, runs: bool) -> None:
    if resources is not None:
        values["resources"] = resources
    if runs:
        values["run"] = "python train.py"
    _only_our_errors(yaml.safe_dump(values, allow_unicode=True))


@settings(max_examples=100)
@given(st.text(alphabet="ab:{}[]-!&*<>?|#'\"\\\t\n 0x.,%@`~", max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    _only_our_errors(text)
    _only_our_errors("run: x\n" + text)


@given(st.text(max_size=80))
def test_any_words_make_a_name(words: str) -> None:
    assert len(check_name(name_from(words))) <= MAX_NAME


def _only_our_errors(text: str) -> None:
    complaint: InvalidInputError | None = None
    try:
        parsed = parse_workload(text)
    except InvalidInputError as error:
        complaint = error
    if complaint is not None:
        assert str(complaint)
        assert complaint.next_step
        return
    assert parsed.spec.run.strip()
    assert parsed.spec.any_of
    assert parse_workload(with_envs(text, {"X": "1"})).spec.envs["X"] == "1"
