"""Train a small neural network on handwritten digits, from scratch or from its last checkpoint.

Plain NumPy: one hidden layer, Adam, cross-entropy. Every epoch ends with a checkpoint that is written beside the old
one and renamed, so that it is there whole or not at all. It holds all that the training depends on: weights,
optimizer, and the state of the random generator. Interrupted anywhere and started again, it ends with the same bits.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread adds in one order: the same bits on every run

import numpy as np

HIDDEN = 64
BATCH = 32
RATE = 1e-3


def main() -> None:
    """Train until the last epoch and write the model and its test accuracy."""
    options = parse_options()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    train_x, train_y, test_x, test_y = load_data()
    state = load_checkpoint(out / "checkpoint.npz", options.seed)
    while state["epoch"] < options.epochs:
        loss = train_epoch(state, train_x, train_y, pause_s=options.pause_ms / 1000)
        state["epoch"] += 1
        save_checkpoint(out / "checkpoint.npz", state)
        accuracy = measure_accuracy(state, test_x, test_y)
        print(f"epoch {state['epoch']}/{options.epochs} loss {loss:.4f} accuracy {accuracy:.4f}", flush=True)
    np.savez(out / "model.npz", **{name: state[name] for name in WEIGHTS})
    accuracy = measure_accuracy(state, test_x, test_y)
    (out / "result.json").write_text(json.dumps({"epochs": state["epoch"], "test_accuracy": round(accuracy, 4)}))
    print(f"done: test accuracy {accuracy:.4f}", flush=True)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="checkpoints", help="folder for checkpoint, model and result")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--pause-ms", type=float, default=0, help="pause after each batch, to stand for a larger model")
    return parser.parse_args()


def load_data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return 1,437 images to train on and 360 to test with, as rows of 64 values from 0 to 1, and their digits."""
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise SystemExit("the digits come with scikit-learn: pip install scikit-learn")
    # Its file is read without importing the package: that takes seconds, which every resumption would wait for.
    rows = np.loadtxt(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    np.random.default_rng(0).shuffle(rows)
    images, labels = rows[:, :-1] / 16.0, rows[:, -1].astype(int)
    return images[360:], labels[360:], images[:360], labels[:360]


WEIGHTS = ("w1", "b1", "w2", "b2")


def load_checkpoint(path: Path, seed: int) -> dict:
    """Return the checkpoint's state, or a fresh one where there is none."""
    rng = np.random.default_rng(seed)
    if path.exists():
        saved = np.load(path)
        state = {name: saved[name] for name in saved.files if name != "rng"}
        state["epoch"], state["step"] = int(state["epoch"]), int(state["step"])
        rng.bit_generator.state = json.loads(str(saved["rng"]))
        print(f"resuming after epoch {state['epoch']}", flush=True)
        return state | {"rng": rng}
    state = {
        "w1": rng.normal(0, 64**-0.5, (64, HIDDEN)),
        "b1": np.zeros(HIDDEN),
        "w2": rng.normal(0, HIDDEN**-0.5, (HIDDEN, 10)),
        "b2": np.zeros(10),
    }
    moments = {f"{kind}_{name}": np.zeros_like(state[name]) for name in WEIGHTS for kind in ("mean", "square")}
    return state | moments | {"epoch": 0, "step": 0, "rng": rng}


def save_checkpoint(path: Path, state: dict) -> None:
    """Write the state beside the old checkpoint and put it in its place."""
    beside = path.with_suffix(".tmp.npz")
    rng = json.dumps(state["rng"].bit_generator.state)
    np.savez(beside, **{name: value for name, value in state.items() if name != "rng"}, rng=rng)
    beside.replace(path)


def train_epoch(state: dict, images: np.ndarray, labels: np.ndarray, pause_s: float) -> float:
    """Pass once over the data in random order; return the mean loss."""
    order = state["rng"].permutation(len(labels))
    losses = []
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        losses.append(train_batch(state, images[batch], labels[batch]))
        time.sleep(pause_s)
    return float(np.mean(losses))


def train_batch(state: dict, images: np.ndarray, labels: np.ndarray) -> float:
    """Take one step of Adam (Kingma and Ba, 2015) down the cross-entropy; return the batch's loss."""
    hidden = np.maximum(images @ state["w1"] + state["b1"], 0)
    probability = softmax(hidden @ state["w2"] + state["b2"])
    rows = np.arange(len(labels))
    loss = -np.log(probability[rows, labels]).mean()
    probability[rows, labels] -= 1
    wrong = probability / len(labels)
    back = (wrong @ state["w2"].T) * (hidden > 0)
    gradients = {"w1": images.T @ back, "b1": back.sum(0), "w2": hidden.T @ wrong, "b2": wrong.sum(0)}
    state["step"] += 1
    for name, gradient in gradients.items():
        mean, square = state[f"mean_{name}"], state[f"square_{name}"]
        mean += 0.1 * (gradient - mean)
        square += 0.001 * (gradient**2 - square)
        step = RATE * np.sqrt(1 - 0.999 ** state["step"]) / (1 - 0.9 ** state["step"])
        state[name] -= step * mean / (np.sqrt(square) + 1e-8)
    return float(loss)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Return each row as probabilities."""
    grown = np.exp(scores - scores.max(1, keepdims=True))
    return grown / grown.sum(1, keepdims=True)


def measure_accuracy(state: dict, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of the images whose digit is guessed right."""
    hidden = np.maximum(images @ state["w1"] + state["b1"], 0)
    return float(((hidden @ state["w2"] + state["b2"]).argmax(1) == labels).mean())


if __name__ == "__main__":
    main()
