"""The configuration reference: tables made from the models, their defaults and docstrings.

So each setting is explained once, where it is defined, and `docs/configuration.md` can't drift.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import BaseModel

from ghostpose.config import GhostposeConfig
from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic.fields import FieldInfo

BEGIN: Final = "<!-- made by `ghostpose config reference --write`: edit the models' docstrings -->"
END: Final = "<!-- end of what is made -->"

Model = type[BaseModel]


def reference() -> str:
    """Return a section with a table for each part of a configuration file, as Markdown."""
    return "\n".join(_section(*part) for part in _parts(GhostposeConfig, ""))


def renewed(page: str) -> str:
    """Return a page with what stands between its two marks made anew.

    Raises:
        ConfigError: the page doesn't have the marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ConfigError(f"the page has no place for the reference: wanted {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


def renew_page(path: Path) -> None:
    """Make the reference in a Markdown page anew.

    Raises:
        ConfigError: it can't be read or written, or doesn't have the marks.
    """
    try:
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--write {path}: {error.strerror}") from error


def docstrings(model: Model) -> dict[str, str]:
    """Return what stands under each field of a model, on one line."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            value = below.value if isinstance(below, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[field.target.id] = " ".join(value.value.split())
    return found


def _parts(model: Model, path: str) -> Iterator[tuple[str, Model, bool]]:
    """Give each part of a model that is a model itself: its path, the model, and if it's a list."""
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None:
            yield f"{path}{name}", inner, inner is not field.annotation
            yield from _parts(inner, f"{path}{name}.")


def _model_in(annotation: Any) -> Model | None:
    """Return the model that a field's type is or holds, if any."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _section(path: str, model: Model, is_list: bool) -> str:
    docs = docstrings(model)
    rows = [
        f"| `{name}` | {_default(field)} | {_cell(docs.get(name, ''))} |"
        for name, field in model.model_fields.items()
    ]
    title = f"## `{path}`" + (": a list" if is_list else "")
    head = ("| setting | default | what |", "|-|-|-|")
    return "\n".join((title, "", inspect.cleandoc(model.__doc__ or ""), "", *head, *rows, ""))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    default = field.get_default(call_default_factory=True)
    if default is None or default == ():
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    return f"`{default}`" if isinstance(default, str) else str(default)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\.)\.$", "", text).replace("|", r"\|")
