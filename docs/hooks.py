"""What mkdocs does beside its own work: pages of the repository's root, and links out of docs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
FROM_ROOT = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(((?:\.\./)[^)]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the root's pages, their links as from docs/."""
    for name, page in FROM_ROOT.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        text = re.sub(r"\]\(docs/", "](", text)
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Turn links to files of the repository that are no pages into their names."""
    return LINK.sub(_inside, markdown)


def _inside(link: re.Match[str]) -> str:
    text, target = link.groups()
    page = FROM_ROOT.get(target.removeprefix("../"))
    return f"[{text}]({page})" if page else f"`{target.removeprefix('../')}`"
