"""Reading a configuration file: YAML into the models of `ghostpose.config`.

Every mistake in it is one sentence that names the file, the line, the setting and the nearest known
one.
"""

from __future__ import annotations

import difflib
from collections import Counter
from typing import TYPE_CHECKING, Final, get_args

import yaml
from pydantic import ValidationError

from ghostpose.config import GhostposeConfig
from ghostpose.errors import ConfigError
from ghostpose.printable import printable

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_BYTES: Final = 1_000_000
"""A larger configuration file is refused before it is read."""

MAX_NODES: Final = 100_000
"""YAML values a file may hold once its aliases are written out; more is an alias bomb."""


def load_config(path: Path) -> GhostposeConfig:
    """Read a configuration file.

    Raises:
        ConfigError: the file can't be read, is no YAML, is too large, or says something unknown
            or out of range; one sentence with the path in the file and the nearest known key.
    """
    root = _compose(path, _read_text(path))
    if root is None:
        return GhostposeConfig()
    _check_nodes(path, root)
    data = _construct(path, root)
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: wanted settings as 'name: value', got {type(data).__name__}")
    try:
        return GhostposeConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(printable(_sentence(path, root, error))) from error


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ConfigError(
                f"{path}: {size} bytes is no configuration ({MAX_FILE_BYTES} at most)"
            )
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no text in UTF-8 (byte {error.start})") from error


def _compose(path: Path, text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError(f"{path}, line {line}: is no YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(f"{path}: is no YAML: {reason}") from error


def _construct(path: Path, root: yaml.Node) -> object:
    try:
        return yaml.SafeLoader("").construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{path}, line {_line(root)}: {error.problem}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def _check_nodes(path: Path, root: yaml.Node) -> None:
    """Check nodes before values are made of them: no bombs, no loops, no key given twice."""
    sizes: dict[int, int] = {}
    if _written_out(path, root, sizes) > MAX_NODES:
        raise ConfigError(f"{path}: its aliases stand for over {MAX_NODES} values; write fewer")


def _written_out(path: Path, node: yaml.Node, sizes: dict[int, int]) -> int:
    """Count `node` and all below it with aliases written out, in time linear in the file."""
    known = sizes.get(id(node))
    if known == 0:
        raise ConfigError(f"{path}, line {_line(node)}: an alias contains itself")
    if known is not None:
        return known
    sizes[id(node)] = 0
    size = 1 + sum(_written_out(path, child, sizes) for child in _children(path, node))
    sizes[id(node)] = size
    return size


def _children(path: Path, node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        keys = Counter(str(key.value) for key, _ in node.value)
        twice = [key for key, count in keys.items() if count > 1 and key != "<<"]
        if twice:
            raise ConfigError(f"{path}, line {_line(node)}: {twice[0]!r} is given twice")
        return [value for _, value in node.value]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _sentence(path: Path, root: yaml.Node, error: ValidationError) -> str:
    """Say the first mistake of a file in one sentence, and how many others there are."""
    # A misspelt name first: what it was to be is missing, and told to be, only because of it.
    mistakes = error.errors(include_url=False)
    first, *others = sorted(mistakes, key=lambda one: one["type"] != "extra_forbidden")
    where = f"{path}, line {_line(_node_at(root, first['loc']))}"
    rest = f" (and {len(others)} more)" if others else ""
    return f"{where}: {_mistake(first['loc'], first['type'], first['msg'])}{rest}"


def _mistake(loc: tuple[int | str, ...], kind: str, message: str) -> str:
    name = _dotted(loc)
    if kind == "extra_forbidden":
        known = _known_keys(loc[:-1])
        near = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        return f"{name} is no known setting; {hint}"
    if kind == "missing":
        return f"{name} is missing"
    reason = message.removeprefix("Value error, ")
    return f"{name}: {reason[:1].lower()}{reason[1:]}"


def _dotted(loc: tuple[int | str, ...]) -> str:
    """`("cameras", 0, "height")` as `cameras[0].height`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in loc).lstrip(".")


def _known_keys(loc: tuple[int | str, ...]) -> list[str]:
    if not loc:
        return list(GhostposeConfig.model_fields)
    section = GhostposeConfig.model_fields[str(loc[0])].annotation
    model = section if isinstance(section, type) else get_args(section)[0]
    return list(model.model_fields)


def _node_at(node: yaml.Node, loc: tuple[int | str, ...]) -> yaml.Node:
    """Follow `loc` down the file as far as it goes; the node where it ends (a key's own node)."""
    if not loc:
        return node
    if isinstance(node, yaml.SequenceNode) and isinstance(loc[0], int) and loc[0] < len(node.value):
        return _node_at(node.value[loc[0]], loc[1:])
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == loc[0]:
                return _node_at(value, loc[1:]) if loc[1:] else key
    return node
