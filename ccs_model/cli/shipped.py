"""`ccs-model data [TABLE]`: what ships, where each number comes from, how good it is."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

import click
import pandas as pd

from ccs_model import __version__
from ccs_model.errors import DONE, NO_PLAN, NoPlanError

if TYPE_CHECKING:
    from ccs_model.inputs import Inputs
    from ccs_model.inputs.declarations import Column

SCHEMA = "ccs-model/data/2"
QUALITIES = ("measured", "reported", "estimated", "assumed")


@click.command(
    epilog="""\b
Examples:
  ccs-model data
  ccs-model data technologies/technologies
  ccs-model data --json > data.json
"""
)
@click.argument("table", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout.")
def data(table: str | None, as_json: bool) -> int:
    """List the shipped tables, or of one its columns, how good its numbers are and where they come from."""
    from ccs_model.inputs import load_inputs
    from ccs_model.inputs.declarations import read_dictionary

    inputs, declared = load_inputs(), read_dictionary()
    if table is not None:
        table = _known(table, inputs)
    if as_json:
        reported = _listed(inputs, declared) if table is None else _described(table, inputs, declared[table])
        click.echo(json.dumps({"schema": SCHEMA, **reported}, ensure_ascii=False, indent=1, allow_nan=False))
    elif table is None:
        _print_list(_listed(inputs, declared))
    else:
        _print_table(_described(table, inputs, declared[table]))
    return DONE


def _known(table: str, inputs: Inputs) -> str:
    """The table's whole name; its last part alone will do where no other table ends in it."""
    ends = [name for name in inputs.tables if name.rpartition("/")[2] == table]
    if table not in inputs.tables and len(ends) != 1:
        from difflib import get_close_matches

        near = get_close_matches(table, list(inputs.tables), n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"one of: {', '.join(inputs.tables)}"
        raise click.BadParameter(f"'{table}' is not a table; {hint}", param_hint="TABLE")
    return table if table in inputs.tables else ends[0]


def _listed(inputs: Inputs, declared: Any) -> dict[str, Any]:
    """Every table with its rows, the mix of qualities and how many references it rests on; and all of them together."""
    tables: list[dict[str, Any]] = [
        {
            "table": name,
            "n_rows": len(frame),
            "n_columns": len(declared[name]),
            "quality": _mix(frame),
            "n_references": frame["reference"].nunique() if "reference" in frame else 0,
            "sha256": inputs.sha256[f"{name}.csv"],
        }
        for name, frame in inputs.tables.items()
    ]
    whole = {kind: sum(each["quality"].get(kind, 0) for each in tables) for kind in QUALITIES}
    rows = sum(each["n_rows"] for each in tables)
    return {"data_folder": inputs.folder_name, "n_rows": rows, "quality": whole, "tables": tables}


def _mix(frame: pd.DataFrame) -> dict[str, int]:
    """How many rows are of each quality, the best first."""
    if "quality" not in frame:
        return {}
    found = frame["quality"].value_counts()
    return {kind: int(found[kind]) for kind in QUALITIES if kind in found}


def _described(table: str, inputs: Inputs, columns: tuple[Column, ...]) -> dict[str, Any]:
    """The columns as declared, and every reference with how many rows of each quality rest on it."""
    frame = inputs[table]
    sources = []
    if "reference" in frame and table != "references":
        references = inputs["references"].set_index("reference")
        for key, rows in frame.groupby("reference", sort=True):
            message = references.loc[str(key)]
            source = {"reference": str(key), **{name: str(message[name]) for name in ("citation", "where", "licence")}}
            sources.append({**source, "n_rows": len(rows), "quality": _mix(rows)})
    return {
        "table": table,
        "data_folder": inputs.folder_name,
        "n_rows": len(frame),
        "quality": _mix(frame),
        "sha256": inputs.sha256[f"{table}.csv"],
        "columns": [
            {
                "column": column.name,
                "type": column.kind,
                "unit": column.unit,
                "required": column.required,
                "low": column.low,
                "high": column.high,
                "choices": list(column.choices),
                "default": column.default,
                "meaning": column.meaning,
                "n_given": int((frame[column.name].notna() & (frame[column.name] != "")).sum()),
            }
            for column in columns
        ],
        "sources": sources,
    }


def _print_list(reported: dict[str, Any]) -> None:
    click.echo(f"{len(reported['tables'])} tables, {reported['n_rows']:,} rows, from {reported['data_folder']}\n")
    for each in reported["tables"]:
        click.echo(f"{each['table']:<34}{each['n_rows']:>5} rows   {_in_words(each['quality'])}".rstrip())
    click.echo(f"\nOf all rows with a quality: {_in_words(reported['quality'])}.")
    click.echo("`ccs-model data TABLE` tells the columns of one and where its numbers come from.")


def _print_table(reported: dict[str, Any]) -> None:
    quality = f"; {_in_words(reported['quality'])}" if reported["quality"] else ""
    click.echo(f"{reported['table']}: {reported['n_rows']} rows{quality}\n")
    for column in reported["columns"]:
        unit = f" [{column['unit']}]" if column["unit"] else ""
        given = "" if column["n_given"] == reported["n_rows"] else f" ({column['n_given']} rows)"
        click.echo(f"  {column['column']:<30}{column['meaning']}{unit}{given}")
    if reported["sources"]:
        click.echo("\nSources")
    for each in reported["sources"]:
        click.echo(f"  {each['reference']}: {each['citation']}")
        click.echo(
            f"    {_in_words(each['quality']) or str(each['n_rows']) + ' rows'}; {each['where']}; {each['licence']}"
        )


def _in_words(quality: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in quality.items() if count)


# `ccs-model doctor`: versions, extras, solver, data: what a bug report should hold.

LIBRARIES = (
    "click", "highspy", "numpy", "openpyxl", "pandas", "pydantic", "pyomo", "ruamel.yaml", "scipy", "XlsxWriter",
)  # fmt: skip
# Extra → what it is for, and its libraries, as pyproject.toml has them.
EXTRAS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "report": ("the page: ccs-model report", ("altair", "vl-convert-python")),
    "fast": ("tables as parquet, large workbooks read quickly", ("pyarrow", "python-calamine")),
    "verify": ("the workbook computed again: ccs-model verify", ("formualizer",)),
    "cluster": ("sweeps and draws on many machines: --scheduler", ("distributed",)),
    "docs": ("the documentation as a site: mkdocs build", ("mkdocs", "mkdocs-material", "mkdocstrings")),
    "fuzz": ("strangers' bytes for the readers: tests/unit/fuzz/search.py", ("atheris",)),
    "test": ("the project's tests: python -m pytest", ("hypothesis", "pytest", "pytest-xdist")),
}


@click.command(
    epilog="""\b
Example:
  ccs-model doctor

Exit codes: 0 done, 6 the solver is missing, too old, or gives a wrong answer.
"""
)
def doctor() -> int:
    """Print versions, which extras are there, and whether the solver and the data answer."""
    from ccs_model.inputs import load_inputs

    click.echo(f"ccs-model {__version__} on Python {platform.python_version()}, {platform.system()}")
    for name in LIBRARIES:
        click.echo(f"  {name:<14}{version_of(name) or 'not installed'}")
    click.echo("extras:")
    for line in extras_lines():
        click.echo(f"  {line}")
    inputs = load_inputs()
    click.echo(f"data: {len(inputs.tables)} tables read and checked, from {inputs.folder_name}")
    issue = _solver_issue()
    click.echo(f"solver: {issue or 'answers'}")
    return NO_PLAN if issue else DONE


def extras_lines() -> Iterator[str]:
    """A line an extra: what it brings, and its libraries or the line that installs them."""
    for extra, (brings, libraries) in EXTRAS.items():
        missing = [name for name in libraries if version_of(name) is None]
        there = ", ".join(f"{name} {version_of(name)}" for name in libraries if name not in missing)
        message = f'missing {", ".join(missing)}: python -m pip install "ccs-model[{extra}]"' if missing else there
        yield f"{extra:<14}{brings}; {message}"


def version_of(name: str) -> str | None:
    """The installed version of a library; None where it is not there."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _solver_issue() -> str:
    """Why nothing can be solved here; empty where the solver answers."""
    try:
        from ccs_model.mip.branch_and_bound import solver_answers
    except NoPlanError as error:
        return str(error)
    return "" if solver_answers() else "gives a wrong answer to a program of two lines"
