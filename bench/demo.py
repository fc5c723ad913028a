"""`make demo`: a real training job loses its instance twice and ends with the same bits as one that never did."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path

from bench.stage import DIGITS, StageError, all_events, stage, wait_for, working_instance
from bench.timeline import Recovery, recoveries
from kyc import Client
from kyc.cli.timeline import describe
from kyc.domain.errors import KycError
from kyc.wire.api import CostRow, EventRow

EPOCHS, PAUSE_MS = 40, 6
NOTICE_S = 30
STEPS_BETWEEN = 7  # epochs that an attempt finishes before its instance is interrupted


def main() -> int:
    """Run the demonstration; the last line printed is its result as JSON."""
    try:
        result = demonstrate()
    except (StageError, KycError) as error:
        print(f"the demonstration could not run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; everything that it started has ended", file=sys.stderr)
        return 130
    print(json.dumps(result))
    return 0 if result["ok"] else 1


def demonstrate() -> dict[str, object]:
    """Run the job with two interruptions beside the same training without any; return the figures."""
    say("Starting a master with a cloud of its own on this machine ...")
    say("Training once as a plain process that nobody interrupts, beside it: the model to compare with.")
    with (
        tempfile.TemporaryDirectory(prefix="kyc-demo-") as folder,
        stage() as (client, _),
        training_undisturbed(Path(folder) / "undisturbed") as undisturbed,
    ):
        say(f"Submitting the same training as a job to {client.url}. Its timeline, as it happens:")
        follow = follow_events(client)
        plan = client.run_job(DIGITS / "job.yaml", envs={"EPOCHS": str(EPOCHS), "PAUSE_MS": str(PAUSE_MS)})
        victim = interrupt_next(client, plan.name, last="", notice_s=NOTICE_S)
        interrupt_next(client, plan.name, last=victim, notice_s=0)
        row = client.wait(plan.name, timeout_s=120)
        follow.join(timeout=10)
        if row.state != "succeeded":
            raise StageError(f"the job ended as {row.state}: {row.reason}")
        client.restore(plan.name, Path(folder) / "restored")
        undisturbed.wait(timeout=120)
        same = tell_comparison(Path(folder) / "restored" / "checkpoints", Path(folder) / "undisturbed")
        cost = client.cost(plan.name).total
        tell_ledger(cost)
        return result_of(recoveries(all_events(client)), cost, bit_identical=same)


@contextmanager
def training_undisturbed(out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Train once more, of the same seed, as a plain process that nobody interrupts; it is killed at the end."""
    command = [sys.executable, str(DIGITS / "train.py"), "--out", str(out), "--epochs", str(EPOCHS)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    # In a session of its own, so that Ctrl-C is ours alone.
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def interrupt_next(client: Client, name: str, *, last: str, notice_s: float) -> str:
    """Wait until the job has done some epochs on another instance than the last; have that interrupted, return it."""
    begun_at: dict[str, int] = {}

    def look() -> tuple[str, int] | None:
        row = client.workload(name).row
        if row.state in {"succeeded", "failed", "stopped"}:
            raise StageError(f"the job was {row.state} before its interruption: {row.reason}")
        instance = working_instance(client, name)
        if instance is None or instance.id == last or row.step is None:
            return None
        begun = begun_at.setdefault(instance.id, row.step)
        return (instance.id, row.step) if row.step >= begun + STEPS_BETWEEN else None

    instance_id, step = wait_for(f"{STEPS_BETWEEN} epochs of {name} on one instance", look, timeout_s=90)
    how = f"with {notice_s:g} s of notice" if notice_s else "without any notice: killed"
    say(f"Interrupting {instance_id} after epoch {step} {how}")
    client.interrupt(instance_id, notice_s=notice_s)
    return instance_id


def follow_events(client: Client) -> threading.Thread:
    """Print the timeline as it happens, until the job's end, on a thread of its own."""

    def run() -> None:
        with suppress(KycError):
            for event in client.stream_events():
                if event.kind != "job.progress" or is_told(event):
                    print(describe(event), flush=True)
                if event.kind in {"job.succeeded", "job.failed", "job.stopped"}:
                    return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def is_told(event: EventRow) -> bool:
    """Of the epochs tell every fifth, so that the rest can be read."""
    return any(step % 5 == 0 for step in range(int(str(event.data["first"])), int(str(event.data["step"])) + 1))


def tell_comparison(restored: Path, undisturbed: Path) -> bool:
    """Print both models' accuracy and hash; return whether they are the same to the bit."""
    for name, folder in (("interrupted twice", restored), ("undisturbed", undisturbed)):
        accuracy = json.loads((folder / "result.json").read_text())["test_accuracy"]
        say(f"{name:<17}: test accuracy {accuracy:.4f}, model {digest(folder)[:16]}")
    return digest(restored) == digest(undisturbed)


def digest(folder: Path) -> str:
    """Return the hash of the model that a training wrote."""
    return hashlib.sha256((folder / "model.npz").read_bytes()).hexdigest()


def tell_ledger(cost: CostRow) -> None:
    """Print what it cost and what it would have cost."""
    rows = (("spent", cost.spent_usd), ("on demand", cost.on_demand_usd), ("saved", cost.saved_usd))
    say("Ledger: " + "   ".join(f"{name} {Decimal(str(usd)):.6f} USD" for name, usd in rows))


def result_of(found: list[Recovery], cost: CostRow, *, bit_identical: bool) -> dict[str, object]:
    """Return the demonstration's figures; `ok` only if both recoveries happened and the model is the same."""
    noticed = next(recovery for recovery in found if recovery.noticed)
    killed = next(recovery for recovery in found if not recovery.noticed)
    return {
        "ok": bit_identical and noticed.to_resumed_s is not None and killed.to_resumed_s is not None,
        "interruptions": len(found),
        "steps_repeated_after_notice": noticed.steps_repeated,
        "steps_repeated_after_kill": killed.steps_repeated,
        "bit_identical": bit_identical,
        "notice_to_replacement_requested_s": noticed.to_replacement_requested_s,
        "notice_to_resumed_s": noticed.to_resumed_s,
        "kill_to_resumed_s": killed.to_resumed_s,
        "cost_usd": cost.spent_usd,
        "saved_usd": cost.saved_usd,
    }


def say(text: str) -> None:
    """Print a line of our own between the events."""
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
