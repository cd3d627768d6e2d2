"""`ccs-model data [TABLE]` and `doctor`: the shipped data and the installation."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

import click

from ccs_model import __version__
from ccs_model.cli.command_options import json_option
from ccs_model.cli.terminal import print_json
from ccs_model.errors import DONE, NO_PLAN, NoPlanError

if TYPE_CHECKING:
    import pandas as pd

    from ccs_model.inputs import Inputs
    from ccs_model.inputs.declarations import Column

SCHEMA = "ccs-model/data/2"
_OF_COLUMNS = ("unit", "required", "low", "high", "choices", "default", "meaning")
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
@json_option
def data(table: str | None, as_json: bool) -> int:
    """List the shipped data with sources and quality.

    With TABLE, list its columns, the quality of its rows and their sources.
    """
    from ccs_model.inputs import load_inputs
    from ccs_model.inputs.declarations import read_dictionary

    inputs, declared = load_inputs(), read_dictionary()
    if table is not None:
        table = _table_name(table, inputs)
    if as_json:
        reported = _listed(inputs, declared) if table is None else _described(table, inputs, declared[table])
        print_json({"schema": SCHEMA, **reported})
    elif table is None:
        _print_list(_listed(inputs, declared))
    else:
        _print_table(_described(table, inputs, declared[table]))
    return DONE


def _table_name(table: str, inputs: Inputs) -> str:
    """Return the full name of a table; its last part is enough if it is unique."""
    ends = [name for name in inputs.tables if name.rpartition("/")[2] == table]
    if table not in inputs.tables and len(ends) != 1:
        from difflib import get_close_matches

        near = get_close_matches(table, list(inputs.tables), n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"one of: {', '.join(inputs.tables)}"
        raise click.BadParameter(f"'{table}' is not a table; {hint}", param_hint="TABLE")
    return table if table in inputs.tables else ends[0]


def _listed(inputs: Inputs, declared: Any) -> dict[str, Any]:
    """Return rows, quality and number of references of every table, and the totals."""
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
    totals = {kind: sum(each["quality"].get(kind, 0) for each in tables) for kind in QUALITIES}
    rows = sum(each["n_rows"] for each in tables)
    return {"data_folder": inputs.folder_name, "n_rows": rows, "quality": totals, "tables": tables}


def _mix(frame: pd.DataFrame) -> dict[str, int]:
    """Return the number of rows by quality, the best first."""
    if "quality" not in frame:
        return {}
    found = frame["quality"].value_counts()
    return {kind: int(found[kind]) for kind in QUALITIES if kind in found}


def _described(table: str, inputs: Inputs, columns: tuple[Column, ...]) -> dict[str, Any]:
    """Return the declared columns, and every reference with its rows by quality."""
    frame = inputs[table]
    sources = []
    if "reference" in frame and table != "references":
        references = inputs["references"].set_index("reference")
        for key, rows in frame.groupby("reference", sort=True):
            row = references.loc[str(key)]
            source = {"reference": str(key), **{name: str(row[name]) for name in ("citation", "where", "licence")}}
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
                **{name: getattr(column, name) for name in _OF_COLUMNS},
                "n_given": int((frame[column.name].notna() & (frame[column.name] != "")).sum()),
            }
            for column in columns
        ],
        "sources": sources,
    }


def _print_list(reported: dict[str, Any]) -> None:
    click.echo(f"{len(reported['tables'])} tables, {reported['n_rows']:,} rows, from {reported['data_folder']}\n")
    for each in reported["tables"]:
        click.echo(f"{each['table']:<34}{each['n_rows']:>5} rows   {_counts(each['quality'])}".rstrip())
    click.echo(f"\nRows by quality: {_counts(reported['quality'])}.")
    click.echo("`ccs-model data TABLE` lists the columns and sources of one table.")


def _print_table(reported: dict[str, Any]) -> None:
    quality = f"; {_counts(reported['quality'])}" if reported["quality"] else ""
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
            f"    {_counts(each['quality']) or str(each['n_rows']) + ' rows'}; {each['where']}; {each['licence']}"
        )


def _counts(quality: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in quality.items() if count)


LIBRARIES = (
    "click", "filelock", "highspy", "jinja2", "numpy", "openpyxl", "pandas", "pydantic", "pyomo", "ruamel.yaml",
    "scipy", "XlsxWriter",
)  # fmt: skip
# Extra → purpose and libraries, as in pyproject.toml.
EXTRAS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "report": ("HTML page: ccs-model report", ("altair", "vl-convert-python")),
    "fast": ("Parquet export, faster reading of large workbooks", ("pyarrow", "python-calamine")),
    "verify": ("workbook recalculation: ccs-model verify", ("formualizer",)),
    "cluster": ("sweeps and Monte Carlo on several machines: --scheduler", ("distributed",)),
    "docs": ("documentation site: mkdocs build", ("mkdocs", "mkdocs-material", "mkdocstrings")),
    "fuzz": ("fuzz tests of the readers: tests/unit/fuzz/search.py", ("atheris",)),
    "test": ("default tests: python -m pytest", ("hypothesis", "pytest", "pytest-xdist", "python-calamine")),
    "test-all": ('all tests: python -m pytest -m ""', ("mypy",)),
}


@click.command(
    epilog="""\b
Example:
  ccs-model doctor

Exit codes: 0 done, 6 the solver is missing, too old, or gives a wrong answer.
"""
)
def doctor() -> int:
    """Show versions and installed extras; test solver and data."""
    from ccs_model.inputs import load_inputs

    click.echo(f"ccs-model {__version__} on Python {platform.python_version()}, {platform.system()}")
    for name in LIBRARIES:
        click.echo(f"  {name:<14}{version_of(name) or 'not installed'}")
    click.echo("extras:")
    for line in extras_lines():
        click.echo(f"  {line}")
    inputs = load_inputs()
    click.echo(f"data: {len(inputs.tables)} valid tables in {inputs.folder_name}")
    issue = _solver_issue()
    click.echo(f"solver: {issue or 'works'}")
    return NO_PLAN if issue else DONE


def extras_lines() -> Iterator[str]:
    """Return one line per extra: purpose, and installed versions or the command that installs it."""
    for extra, (purpose, libraries) in EXTRAS.items():
        missing = [name for name in libraries if version_of(name) is None]
        there = ", ".join(f"{name} {version_of(name)}" for name in libraries if name not in missing)
        state = f'missing {", ".join(missing)}: python -m pip install "ccs-model[{extra}]"' if missing else there
        yield f"{extra:<14}{purpose}; {state}"


def version_of(name: str) -> str | None:
    """Return the installed version of a library; None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _solver_issue() -> str:
    """Return why the solver does not work; empty if it does."""
    try:
        from ccs_model.mip.branch_and_bound import solver_answers
    except NoPlanError as error:
        return str(error)
    return "" if solver_answers() else "returns a wrong solution of a test problem"
