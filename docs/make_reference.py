"""Write the reference of commands and scenario keys: `python docs/make_reference.py`.

`docs/reference/commands.md` holds the help text of every command, `docs/reference/scenario.md` every scenario key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

_WIDTH: Any = {"max_content_width": 100, "terminal_width": 100}

REFERENCE = Path(__file__).resolve().parent / "reference"


def commands_page() -> str:
    """The help text of every command."""
    from ccs_model.cli import group

    parts = ["# Commands\n\nOutput of `ccs-model COMMAND --help`. `python -m ccs_model` runs the same program.\n"]
    above = click.Context(group, info_name="ccs-model", **{**group.context_settings, **_WIDTH})
    for name, command in _commands(group, ()):
        context = click.Context(command, parent=above, info_name=name, **_WIDTH)
        parts.append(f"## {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def _commands(group: click.Group, above: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*above, name))
        elif name == getattr(group, "default", None):
            yield " ".join(above), command
        else:
            yield " ".join((*above, name)), command


def scenario_page() -> str:
    """Every scenario key with default and meaning, by section, from the JSON Schema."""
    from ccs_model.scenario import json_schema

    schema = json_schema()
    parts = [
        "# Scenario keys\n\nGenerated from the JSON Schema (`ccs-model schema`). Only `name`, `plants` and "
        "`budget.total_mn` are required. Targets replace the budget. `max_npv` and `max_net_benefit` need neither, nor "
        "does `min_cost` with payments per tonne, oil fields or `years: static`.\n"
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
        default = _default(field)
        meaning = " ".join(str(field.get("description") or inner.get("description", "")).split()).replace("|", "\\|")
        yield f"| `{key}` | {default} | {meaning} |"
        if inner.get("properties"):
            below.append((key, inner))
        elif isinstance(entry := field.get("additionalProperties"), dict) and (named := _inner(entry, defs)):
            below.append((f"{key}.NAME", named))
    yield ""
    for key, inner in below:
        yield from _section(f"{path}.{key}".strip("."), inner, defs)


def _default(field: dict[str, Any]) -> str:
    """The default as written in a scenario file; none for sections."""
    default = field.get("default")
    if default in ("", {}) or "default" not in field:
        return ""
    text = json.dumps(default, ensure_ascii=False)
    return f"`{text.strip(chr(34)) if isinstance(default, str) else text.replace(chr(34), '')}`"


def _inner(field: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    for each in (field, *field.get("allOf", ()), *field.get("anyOf", ())):
        if "$ref" in each:
            found: dict[str, Any] = defs[each["$ref"].rpartition("/")[2]]
            return found
    return {}


def main() -> None:
    """Write both pages."""
    for name, page in (("commands.md", commands_page()), ("scenario.md", scenario_page())):
        (REFERENCE / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
