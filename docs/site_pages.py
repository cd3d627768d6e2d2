"""MkDocs hooks: add the decisions and linked files of the project.

A page may link to any file of the project. The file is added to the site under its own path, and the link is
rewritten. The same Markdown therefore works in a checkout and on the site, and a broken link fails a strict build.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import relpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
_LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?(\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the decisions to the explanations: their list first, then each by number."""
    numbered = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    decisions: list[Any] = ["decisions/README.md", *({_title(path): f"decisions/{path.name}"} for path in numbered)]
    for part in config.nav or []:
        if isinstance(part, dict) and "Explanation" in part:
            part["Explanation"].append({"Decisions": decisions})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add linked files."""
    waiting = [*sorted(DOCS.rglob("*.md")), ROOT / "data/README.md", ROOT / "scenarios/README.md"]
    seen: set[Path] = set()
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        if DOCS not in page.parents:
            name = page.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(page)))
        if page.suffix == ".md":
            waiting += [each for each in _linked(page) if DOCS not in each.parents]
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite links to files of the project to their place on the site."""
    here = page.file.src_uri
    inside = (DOCS / here).is_file()
    source = DOCS / here if inside else ROOT / here

    def rewritten(match: re.Match[str]) -> str:
        target = _target(source, match[2])
        if target is None:
            return match[0]
        return f"{match[1]}{relpath(_place(target), str(Path(here).parent))}{match[3] or ''}{match[4]}"

    return _LINK.sub(rewritten, markdown)


def _linked(page: Path) -> Iterator[Path]:
    for match in _LINK.finditer(page.read_text(encoding="utf-8")):
        if (target := _target(page, match[2])) is not None:
            yield target


def _target(page: Path, link: str) -> Path | None:
    """The target file of a link within the project, or None; a folder stands for its README."""
    target = (page.parent / link).resolve()
    if target.is_dir():
        target /= "README.md"
    return target if target.is_file() and ROOT in target.parents else None


def _place(target: Path) -> str:
    return target.relative_to(DOCS if DOCS in target.parents else ROOT).as_posix()


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
