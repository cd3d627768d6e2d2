"""MkDocs hooks: add linked files of the project, and generate the reference of commands and scenario keys.

A page may link to any file of the project. The file is added to the site under its own path, and the link is
rewritten. The same Markdown therefore works in a checkout and on the site, and a broken link fails a strict build.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import relpath
from typing import Any

import click
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
    """Add linked files and the generated pages for commands and scenario keys."""
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
    files.append(File.generated(config, "reference/commands.md", content=commands_page()))
    files.append(File.generated(config, "reference/scenario.md", content=scenario_page()))
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


def commands_page() -> str:
    """The help text of every command."""
    from ccs_model.cli import group

    parts = ["# Commands\n\nOutput of `ccs-model COMMAND --help`. `python -m ccs_model` runs the same program.\n"]
    for name, command in _commands(group, ()):
        context = click.Context(command, info_name=f"ccs-model {name}", max_content_width=100, terminal_width=100)
        parts.append(f"## {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def _commands(group: click.Group, above: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*above, name))
        else:
            yield " ".join((*above, name)), command


def scenario_page() -> str:
    """Every scenario key with default and meaning, by section, from the JSON Schema."""
    from ccs_model.scenario import json_schema

    schema = json_schema()
    parts = [
        "# Scenario keys\n\nGenerated from the JSON Schema (`ccs-model schema`). Only `name`, `plants` and "
        "`budget` (or `targets`) are required.\n"
    ]
    parts += _section("", schema, schema.get("$defs", {}))
    return "\n".join(parts)


def _section(path: str, node: dict[str, Any], defs: dict[str, Any]) -> Iterator[str]:
    """A table of the keys, followed by their subsections."""
    if path:
        yield f"## {path}\n"
    yield "| key | default | meaning |\n|---|---|---|"
    below = []
    for key, field in node.get("properties", {}).items():
        inner = _inner(field, defs)
        default = "" if "default" not in field or isinstance(field["default"], dict) else f"`{field['default']}`"
        meaning = " ".join(str(field.get("description") or inner.get("description", "")).split()).replace("|", "\\|")
        yield f"| `{key}` | {default} | {meaning} |"
        if inner.get("properties") and not path:
            below.append((key, inner))
    yield ""
    for key, inner in below:
        yield from _section(f"{path}.{key}".strip("."), inner, defs)


def _inner(field: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    for each in (field, *field.get("allOf", ()), *field.get("anyOf", ())):
        if "$ref" in each:
            found: dict[str, Any] = defs[each["$ref"].rpartition("/")[2]]
            return found
    return {}
