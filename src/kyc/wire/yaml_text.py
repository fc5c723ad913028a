"""YAML as people write it, read safely: one mapping, no double keys, every mistake with its line and column.

This knows YAML, not workload files. Numbers and dates become Python values here; whoever wants a scalar as it was
typed (`1.10`, `007`, `2024-01-01`) asks for `literals`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import yaml

from kyc.domain.errors import InvalidInputError

MAX_CHARS = 1_000_000
MAX_NUMBER = 10**300  # Python itself refuses to print one much longer
# What PyYAML's own constructors raise for 2024-99-99, 0x_, `!!bool 3`, `!!timestamp x` and `&a {<<: *a}`.
_BAD_VALUE = (ValueError, ArithmeticError, LookupError, AttributeError, TypeError, RecursionError)
_NULL_TAG = "tag:yaml.org,2002:null"
_MERGE_TAG = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice, which YAML forbids and PyYAML lets pass."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE_TAG:
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
            seen[key.value] = key
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        number = super().construct_yaml_int(node)
        if abs(number) > MAX_NUMBER:
            raise yaml.constructor.ConstructorError(None, None, "the number is too large", node.start_mark)
        return number


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def load_mapping(text: str) -> dict[object, object]:
    """Return the one mapping that the text holds; raise InvalidInputError, with line and column, for anything else."""
    node = _compose(text)
    loader = _Loader("")
    try:
        value: object = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise _translated(error) from error
    except _BAD_VALUE as error:
        raise InvalidInputError(
            f"a value of the file cannot be read: {error}", next_step="Put the value in quotes."
        ) from error
    finally:
        loader.dispose()
    assert isinstance(value, dict)  # the node is a mapping without a tag of its own
    return value


def literals(text: str, key: str) -> Mapping[str, str | None]:
    """Return the scalars of the top-level mapping `key` as they were typed, null as None; others are left out.

    The text is one that `load_mapping` accepts.
    """
    section = _section(_compose(text), key)
    if section is None:
        return {}
    return {
        name.value: None if value.tag == _NULL_TAG else value.value
        for name, value in section.value
        if isinstance(name, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode)
    }


def with_scalars(text: str, key: str, scalars: Mapping[str, str]) -> str:
    """Return the text with these entries set in its top-level mapping `key`, which is made if missing.

    Everything else means what it meant; comments are lost. Raises InvalidInputError as `load_mapping` does.
    """
    root = _compose(text)
    section = _section(root, key)
    if section is None:
        section = yaml.MappingNode("tag:yaml.org,2002:map", [])
        root.value = [(name, value) for name, value in root.value if name.value != key]
        root.value.append((_text_node(key), section))
    section.value = [
        (name, value)
        for name, value in section.value
        if not (isinstance(name, yaml.ScalarNode) and name.value in scalars)
    ]
    section.value += [(_text_node(name), _text_node(value)) for name, value in scalars.items()]
    written: str = yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True)
    return written


def _text_node(text: str) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style='"')


def _section(root: yaml.MappingNode, key: str) -> yaml.MappingNode | None:
    for name, value in root.value:
        if isinstance(name, yaml.ScalarNode) and name.value == key and isinstance(value, yaml.MappingNode):
            return value
    return None


def _compose(text: str) -> yaml.MappingNode:
    if len(text) > MAX_CHARS:
        raise InvalidInputError(
            f"the file has {len(text)} characters, more than {MAX_CHARS}", next_step="Move scripts into the workdir."
        )
    try:
        nodes = list(yaml.compose_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        raise _translated(error) from error
    except RecursionError as error:
        raise InvalidInputError("the file is nested too deeply", next_step="Flatten it.") from error
    if len(nodes) > 1:
        raise InvalidInputError(
            f"the file holds {len(nodes)} documents (separated by '---'), and a workload file is one",
            next_step="Put each workload into a file of its own; pipelines are not supported.",
        )
    if not nodes or not isinstance(nodes[0], yaml.MappingNode) or nodes[0].tag != "tag:yaml.org,2002:map":
        raise InvalidInputError(
            "the file is not a mapping of keys to values", next_step="Begin with a line such as `run: python train.py`."
        )
    return nodes[0]


def _translated(error: yaml.YAMLError) -> InvalidInputError:
    """Return the error with the line and column (from 1) that the parser stopped at."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    where = "" if mark is None else f" at line {mark.line + 1}, column {mark.column + 1}"
    return InvalidInputError(
        f"the file is not valid YAML{where}: {problem}",
        next_step="Correct the file there; indentation and a missing space after ':' are the usual causes.",
    )
