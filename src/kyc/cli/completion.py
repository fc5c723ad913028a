"""`kyc completion`: the script that makes a shell complete our commands and options."""

from __future__ import annotations

import argparse

from kyc.cli.output import Output
from kyc.cli.parser import build_parser


def completion(args: argparse.Namespace, out: Output) -> int:
    """Print the script: `eval "$(kyc completion bash)"`."""
    import shtab  # noqa: PLC0415  # nothing else needs it

    out.line(shtab.complete(build_parser(), args.shell))
    return 0
