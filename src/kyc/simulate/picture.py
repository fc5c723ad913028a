"""Writes a chart to a file, as SVG or PNG by its name's end; PNG takes the extra `png` (resvg)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from kyc.domain.errors import InvalidInputError

KINDS = (".svg", ".png")
WIDTH = 1440  # pixels of a PNG


def check_picture(path: Path) -> None:
    """Raise InvalidInputError where no chart could be written to the file; asked before the work that it shows."""
    if path.suffix.lower() not in KINDS:
        raise InvalidInputError(f"{path} is neither .svg nor .png", next_step="Name the chart FILE.svg or FILE.png.")
    if not path.parent.is_dir():
        raise InvalidInputError(f"{path.parent} is not a folder", next_step="Make it, or name another one.")
    if path.suffix.lower() == ".png" and find_spec("resvg_py") is None:
        raise InvalidInputError(
            "a PNG takes resvg, which is not installed",
            next_step="pip install 'keep-your-cost[png]', or name the chart FILE.svg.",
        )


def write_picture(path: Path, svg: str) -> None:
    """Write the SVG document to the file, which `check_picture` has found good."""
    if path.suffix.lower() == ".svg":
        path.write_text(svg, encoding="utf-8")
        return
    from resvg_py import svg_to_bytes  # noqa: PLC0415  # an extra

    path.write_bytes(svg_to_bytes(svg_string=svg, width=WIDTH, background="#ffffff"))
