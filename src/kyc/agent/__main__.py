"""`python -m kyc.agent`: what an instance's user data runs."""

import os
import sys

from kyc.agent.lean import LEAN


def _start() -> int:
    """Begin anew once, with glibc told how to keep and give back large buffers, for 20 ms; then run the agent."""
    if any(name not in os.environ for name in LEAN):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], LEAN | os.environ)  # noqa: S606  # ourselves
    from kyc.agent.main import main  # noqa: PLC0415  # not before

    return main()


sys.exit(_start())
