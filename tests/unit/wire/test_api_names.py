"""The names of the REST API's shapes, each brought in with its own module."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from kyc.wire import api


def test_every_name_that_types_know_is_there_at_run_time() -> None:
    tree = ast.parse(Path(api.__file__).read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported - {"TYPE_CHECKING", "import_module"} == set(api.__all__)
    for name in api.__all__:
        assert getattr(api, name).__name__ == name


def test_another_name_is_not() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        api.Nothing  # noqa: B018  # asking is what is tried
