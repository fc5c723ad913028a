"""What `kyc` offers to programs, and that its page tells all of it."""

from __future__ import annotations

import inspect
from pathlib import Path

import kyc

PAGE = Path(__file__).parents[3] / "docs" / "sdk.md"


def test_the_package_lists_its_names() -> None:
    assert {"Client", "AsyncClient", "__version__"} <= set(dir(kyc))


def test_every_method_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    names = [name for name, _ in inspect.getmembers(kyc.Client) if not name.startswith("_")]
    assert [name for name in names if f"`{name}`" not in text and f"`{name}(" not in text] == []
