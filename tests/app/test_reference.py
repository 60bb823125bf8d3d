"""The configuration reference, made from the models."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from app.cli.main import main
from app.reference import BEGIN, END, docstrings, reference, renew_page, renewed
from ghostpose.config import CameraConfig, GhostposeConfig
from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def models_in(model: type[BaseModel]) -> list[type[BaseModel]]:
    inner = [
        kind
        for field in model.model_fields.values()
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ()))
        if isinstance(kind, type) and issubclass(kind, BaseModel)
    ]
    return [*inner, *(one for kind in inner for one in models_in(kind))]


@pytest.mark.parametrize("model", models_in(GhostposeConfig), ids=lambda model: model.__name__)
def test_every_setting_has_a_row_that_explains_it(model: type[BaseModel]) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| (.*) \|$", reference(), re.MULTILINE))
    docs = docstrings(model)
    for name in model.model_fields:
        assert docs.get(name), f"{model.__name__}.{name} has no docstring"
        assert name in rows


def test_a_row_shows_the_default_as_yaml_writes_it() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", reference(), re.MULTILINE))
    assert rows["policy"] == f"`{CameraConfig.model_fields['policy'].default}`"
    assert rows["height"] == "368"
    assert rows["mirror"] == "false"
    assert rows["region"] == "none"
    assert rows["source"] == ""


def test_the_command_prints_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["config", "reference"])
    assert not caught.value.code
    assert capsys.readouterr().out == reference() + "\n"


def test_the_command_renews_a_page_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["config", "reference", "--write", str(page)])
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n\n{reference()}\n{END}\nafter\n"


def test_a_page_without_the_marks_is_refused_and_stays() -> None:
    with pytest.raises(ConfigError, match="no place for the reference"):
        renewed("# A page\n")


def test_a_page_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--write .*none.md: No such file"):
        renew_page(tmp_path / "none.md")
