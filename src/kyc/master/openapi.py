"""`python -m kyc.master.openapi`: the API's description as the dashboard's types are generated from it.

The same text for the same code, whatever machine prints it; `--check FILE` says whether a file still holds it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from kyc.master.app import describe


def document() -> str:
    """Return the OpenAPI document as JSON with its keys in order, so that a diff shows only what changed."""
    return json.dumps(describe(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(argv: Sequence[str]) -> int:
    """Print the document, or compare it with a file; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kyc.master.openapi", allow_abbrev=False)
    parser.add_argument("--check", metavar="FILE", type=Path, help="fail if this file is not what would be printed")
    file: Path | None = parser.parse_args(argv).check
    text = document()
    if file is None:
        sys.stdout.write(text)
        return 0
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{file} is not the API's description any more: `make openapi` writes it anew.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
