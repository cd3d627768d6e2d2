"""`ccs-model data` and `doctor`: the shipped data, what a run rests on, and the installation."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccs_model import __version__
from ccs_model.cli.command_options import json_option
from ccs_model.cli.terminal import columns, print_json
from ccs_model.errors import DONE, NO_PLAN, NoPlanError
from ccs_model.inputs.declarations import QUALITIES
from ccs_model.report.text_tables import align_columns, amount_text, truncate, width_of, wrap, wrap_rows

if TYPE_CHECKING:
    import pandas as pd

    from ccs_model.analysis.evidence import Evidence
    from ccs_model.inputs import Inputs
    from ccs_model.inputs.country_packs import CountryValues
    from ccs_model.inputs.declarations import Column

SCHEMA = "ccs-model/data/2"
_OF_COLUMNS = ("unit", "required", "low", "high", "choices", "default", "meaning")
# Sensitivities on the terminal, and the first heading of the published ranges.
N_SHOWN, _RANGE = 10, "published range"
# Rows up to which a table is printed as a whole, and those of a longer one; widths of a text and of a column's name.
_MOST_ROWS, _FIRST_ROWS = 60, 20
_TEXT_WIDTH, _NAME_WIDTH = 24, 32


@click.command(
    epilog="""\b
Examples:
  ccs-model data
  ccs-model data technologies/technologies
  ccs-model data plants/steel --rows
  ccs-model data --json > data.json
  ccs-model data --country India --quality assumed
  ccs-model data --evidence runs/hebei-1a2b3c4d
"""
)
@click.argument("table", required=False)
@click.option(
    "--evidence", "run", metavar="RUN", type=click.Path(path_type=Path, file_okay=False),
    help="What the figures of a run rest on: quality, sources, sensitivities.",
)  # fmt: skip
@click.option("--country", metavar="NAME", help="Values of a country pack with quality, reference and reason.")
@click.option("--quality", type=click.Choice(QUALITIES), help="With --country, only values of this quality.")
@click.option("--rows", "all_rows", is_flag=True, help="With TABLE, print all rows of a long table.")
@json_option
def data(
    table: str | None, run: Path | None, country: str | None, quality: str | None, all_rows: bool, as_json: bool
) -> int:
    """List the shipped data with sources and quality.

    With TABLE, list its columns, sources and rows; of a long table the first rows. With --country, list every value of
    a country pack; China stands for the shipped tables, which also hold where a pack has no table of its own. With
    --evidence, report which share of the tonnes and the capital of a run rests on documented numbers, and which inputs
    move the result most.
    """
    if sum(each is not None for each in (table, run, country)) > 1:
        raise click.UsageError("give only one of TABLE, --country and --evidence")
    if quality is not None and country is None:
        raise click.UsageError("--quality needs --country")
    if all_rows and table is None:
        raise click.UsageError("--rows needs TABLE")
    if country is not None:
        return _print_country(country, quality, as_json)
    if run is not None:
        return _print_evidence(run, as_json)
    from ccs_model.inputs import load_inputs
    from ccs_model.inputs.declarations import read_dictionary
    from ccs_model.inputs.table_checks import key_of

    inputs, declared = load_inputs(), read_dictionary()
    if table is not None:
        table = _table_name(table, inputs)
    if as_json:
        reported = (
            _summarize_tables(inputs, declared) if table is None else _describe_table(table, inputs, declared[table])
        )
        print_json({"schema": SCHEMA, **reported})
    elif table is None:
        _print_list(_summarize_tables(inputs, declared))
    else:
        _print_table(_describe_table(table, inputs, declared[table]), key_of(table, inputs[table]), all_rows)
    return DONE


def _print_country(country: str, quality: str | None, as_json: bool) -> int:
    from ccs_model.inputs.country_packs import country_values

    found = country_values(country)
    shown = found.values if quality is None else found.values[found.values["quality"] == quality]
    if as_json:
        rows = shown.to_dict("records")
        print_json({"schema": SCHEMA, "country": found.country, "quality": found.counts(), "values": rows})
        return DONE
    click.echo(values_text(found, shown))
    return DONE


def values_text(found: CountryValues, shown: pd.DataFrame) -> str:
    """Return the counts of a country by quality, then the shown values: each row of a table with its reason."""
    from ccs_model.scenario.fields import HOME

    width = columns()
    what = "shipped tables" if found.country == HOME else "country pack"
    blocks = [wrap(f"{found.country}, {what}: {len(found.values):,} values: {_counts(found.counts())}.", width)]
    for _, group in groupby(shown.itertuples(), key=lambda each: (each.table, each.row)):
        values = list(group)
        first = values[0]
        head = wrap(f"{first.table}: {first.row} ({first.quality}, {first.reference})", width, "  ")
        cells = [[" ", each.column, _number(each.value), each.unit, prices_of(each.price_year)] for each in values]
        reason = wrap(f"- {first.note}", width, "  ").replace("-", " ", 1) if first.note else ""
        blocks.append("\n".join(filter(None, (head, align_columns(cells, {0, 1, 3, 4}, max_width=width), reason))))
    if found.country != HOME:
        blocks.append(wrap(f"All else is from the shipped tables: `ccs-model data --country {HOME}`.", width))
    return "\n\n".join(blocks)


def _number(value: object) -> str:
    """A number, with separators of thousands only where it is too large to be a year."""
    return f"{value:,}" if isinstance(value, int | float) and abs(value) >= 10_000 else str(value)


def prices_of(year: int | None) -> str:
    """Return `prices of 2024` for a price year; empty if there is none."""
    return "" if year is None else f"prices of {year}"


def _print_evidence(run: Path, as_json: bool) -> int:
    from ccs_model.analysis.evidence import evidence

    found = evidence(run)
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo(evidence_text(found))
    return DONE


def evidence_text(found: Evidence) -> str:
    """Return the tables of an evidence report, as wide as the terminal; a table without rows is left out."""
    from ccs_model.plan.citations import QUALITY_NOTE, QUALITY_NOTE_OF_YEAR

    parts = (
        (QUALITY_NOTE_OF_YEAR if found.problem.is_static else QUALITY_NOTE, _share_rows(found), {0, 2}),
        ("Sources: the share of each amount that needs a number of the reference.", _source_rows(found), {0, 2, 3, 4}),
        (
            f"Costs in {found.problem.currency} {found.problem.price_year} per tonne captured, carried, stored, "
            "abated or avoided in the last period, beside published ranges in China.",
            _range_rows(found), {0, 3, 7},
        ),
        (
            f"The {min(N_SHOWN, len(found.sensitivities))} inputs that move the result most, each alone at the 5th and "
            "the 95th percentile of its range: change of the abatement over the horizon and of the cost per tonne "
            "avoided, with the plan fixed and re-planned within the budget (linear relaxation).",
            _sensitivity_rows(found), {0, 2},
        ),
    )  # fmt: skip
    width = columns()
    blocks = []
    for text, rows, left in parts:
        if len(rows) > 1:
            blocks += [wrap(text, width), "\n".join(wrap_rows(rows, left, width))]
        if rows[0][0] == _RANGE and (outside := _outside_range_text(found, width)):
            blocks.append(outside)
    return "\n\n".join(blocks)


def _share_rows(found: Evidence) -> list[list[str]]:
    rows = [["", "value", "unit", "documented", "estimated", "assumed", "built"]]
    for row in found.shares.to_dict("records"):
        parts = [
            amount_text(row[f"{name}_share"], ".0%")
            for name in ("documented", "estimated", "assumed", "built_projects")
        ]
        rows.append([row["amount"], f"{row['value']:,.0f}", row["unit"], *parts])
    return rows


def _source_rows(found: Evidence) -> list[list[str]]:
    rows = [["needed by", "share", "quality", "reference", "table"]]
    for row in found.sources.to_dict("records"):
        where = f"{row['reference']} (projects in {row['projects_in']})" if row["projects_in"] else row["reference"]
        rows.append([row["amount"], amount_text(row["share"], ".0%"), row["quality"], where, row["table"]])
    return rows


def _range_rows(found: Evidence) -> list[list[str]]:
    rows = [[_RANGE, "plan", "range", "", "retrofits", "kt/y each", "km", "reference"]]
    for row in found.published.to_dict("records"):
        size = (f"{row['n_retrofits']}", f"{row['mean_captured_ktpa']:,.0f}", f"{row['mean_length_km']:,.0f}")
        band = f"{row['low_per_t']:,.0f} – {row['high_per_t']:,.0f}"
        name = row["anchor"].replace("_", " ") + ("" if row["covers"] == row["anchor"] else f" ({row['covers']})")
        rows.append([name, f"{row['cost_per_t']:,.0f}", band, row["place"], *size, row["reference"]])
    return rows


def _outside_range_text(found: Evidence, width: int) -> str:
    """Return why the plan lies outside a published range, and what the range is for, one line each."""
    rows = found.published[found.published["place"] != "inside"].to_dict("records")
    lines = (f"{row['anchor'].replace('_', ' ')}: {row['explanation']} Published {row['note']}." for row in rows)
    return "\n".join(wrap(line, width, "  ") for line in lines)


def _sensitivity_rows(found: Evidence) -> list[list[str]]:
    rows = [["input", "from – to", "quality", "abatement, fixed", "abatement, re-planned", "cost per t, re-planned"]]
    moves = [column for column in found.sensitivities if column.endswith(("_low_share", "_high_share"))]
    # An empty plan depends on no input.
    for row in found.sensitivities.dropna(subset=moves, how="all").head(N_SHOWN).to_dict("records"):
        changes = [
            f"{_signed_percent(row[f'{name}_low_share'])} … {_signed_percent(row[f'{name}_high_share'])}"
            for name in ("fixed_abatement", "replanned_abatement", "replanned_cost")
        ]
        ends = f"{row['low']:.2f} – {row['high']:.2f}"
        rows.append([row["input"].replace("_", " "), ends, row["quality"], *changes])
    return rows


def _signed_percent(share: float) -> str:
    return "–" if share != share else f"{round(share, 4) + 0.0:+.1%}"


def _table_name(table: str, inputs: Inputs) -> str:
    """Return the full name of a table; its last part is enough if it is unique."""
    ends = [name for name in inputs.tables if name.rpartition("/")[2] == table]
    if table not in inputs.tables and len(ends) != 1:
        from difflib import get_close_matches

        near = get_close_matches(table, list(inputs.tables), n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"one of: {', '.join(inputs.tables)}"
        raise click.BadParameter(f"'{table}' is not a table; {hint}", param_hint="TABLE")
    return table if table in inputs.tables else ends[0]


def _summarize_tables(inputs: Inputs, declared: Any) -> dict[str, Any]:
    """Return rows, quality and number of references of every table, and the totals."""
    tables: list[dict[str, Any]] = [
        {
            "table": name,
            "n_rows": len(frame),
            "n_columns": len(declared[name]),
            "quality": _rows_by_quality(frame),
            "n_references": frame["reference"].nunique() if "reference" in frame else 0,
            "sha256": inputs.sha256[f"{name}.csv"],
        }
        for name, frame in inputs.tables.items()
    ]
    totals = {kind: sum(each["quality"].get(kind, 0) for each in tables) for kind in QUALITIES}
    rows = sum(each["n_rows"] for each in tables)
    return {"data_folder": inputs.folder_name, "n_rows": rows, "quality": totals, "tables": tables}


def _rows_by_quality(frame: pd.DataFrame) -> dict[str, int]:
    """Return the number of rows by quality, the best first."""
    if "quality" not in frame:
        return {}
    found = frame["quality"].value_counts()
    return {kind: int(found[kind]) for kind in QUALITIES if kind in found}


def _describe_table(table: str, inputs: Inputs, columns: tuple[Column, ...]) -> dict[str, Any]:
    """Return the declared columns, and every reference with its rows by quality."""
    frame = inputs[table]
    sources = []
    if "reference" in frame and table != "references":
        references = inputs["references"].set_index("reference")
        for key, rows in frame.groupby("reference", sort=True):
            row = references.loc[str(key)]
            source = {"reference": str(key), **{name: str(row[name]) for name in ("citation", "where", "licence")}}
            sources.append({**source, "n_rows": len(rows), "quality": _rows_by_quality(rows)})
    return {
        "table": table,
        "data_folder": inputs.folder_name,
        "n_rows": len(frame),
        "quality": _rows_by_quality(frame),
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
        "rows": frame[[column.name for column in columns]].astype(object).where(frame.notna(), None).to_dict("records"),
    }


def _print_list(reported: dict[str, Any]) -> None:
    click.echo(f"{len(reported['tables'])} tables, {reported['n_rows']:,} rows, from {reported['data_folder']}\n")
    for each in reported["tables"]:
        click.echo(f"{each['table']:<34}{each['n_rows']:>6,} rows   {_counts(each['quality'])}".rstrip())
    click.echo(f"\nRows by quality: {_counts(reported['quality'])}.")
    click.echo("`ccs-model data TABLE` lists the columns, sources and rows of one table.")


def _print_table(reported: dict[str, Any], key: Sequence[str], all_rows: bool) -> None:
    width = columns()
    quality = f"; {_counts(reported['quality'])}" if reported["quality"] else ""
    click.echo(f"{reported['table']}: {reported['n_rows']} rows{quality}\n")
    for column in reported["columns"]:
        unit = f" [{column['unit']}]" if column["unit"] else ""
        given = "" if column["n_given"] == reported["n_rows"] else f" ({column['n_given']} rows)"
        meaning = wrap(f"{column['meaning']}{unit}{given}", width - _NAME_WIDTH).replace("\n", f"\n{'':{_NAME_WIDTH}}")
        click.echo(f"{'  ' + column['column'] + ' ':<{_NAME_WIDTH}}{meaning}")
    if reported["sources"]:
        click.echo("\nSources")
    for each in reported["sources"]:
        n_rows = _counts(each["quality"]) or f"{each['n_rows']} rows"
        for indent, text in (
            ("  ", f"{each['reference']}: {each['citation']}"),
            ("    ", "; ".join(filter(None, (n_rows, each["where"], each["licence"])))),
        ):
            click.echo(indent + wrap(text, width - len(indent), indent + "  "))
    click.echo(f"\n{rows_text(reported, key, width, all_rows)}")


def rows_text(reported: Mapping[str, Any], key: Sequence[str], width: int, all_rows: bool = False) -> str:
    """Return the rows of a table in blocks of columns that fit `width`, each with the columns of the key.

    Texts are shortened and numbers are not. Notes and empty columns are left out, and all rows but the first ones of a
    long table.
    """
    rows = reported["rows"]
    shown = rows if all_rows or len(rows) <= _MOST_ROWS else rows[:_FIRST_ROWS]
    types = {column["column"]: column["type"] for column in reported["columns"] if column["column"] != "note"}
    numbers = {name for name, kind in types.items() if kind in ("number", "whole")}
    cells = {name: [name, *(_cell(row[name], name in numbers) for row in shown)] for name in types}
    cells = {name: texts for name, texts in cells.items() if name in key or any(texts[1:])}
    wide = {name: max(map(width_of, texts)) + 2 for name, texts in cells.items()}
    blocks: list[list[str]] = [[]]
    used = sum(wide[name] for name in key)
    for name in (name for name in cells if name not in key):
        if blocks[-1] and used + sum(wide[each] for each in [*blocks[-1], name]) - 2 > width:
            blocks.append([])
        blocks[-1].append(name)
    texts = []
    for block in blocks:
        names = [*key, *block]
        left = {k for k, name in enumerate(names) if name not in numbers}
        texts.append(align_columns(list(zip(*(cells[name] for name in names), strict=True)), left))
    more = [f"… and {len(rows) - len(shown):,} more rows (--rows prints all)"] if len(shown) < len(rows) else []
    notes = ["Notes of the rows are in --json."] if any(row.get("note") for row in rows) else []
    return "\n\n".join(["Rows", *texts, *more, *notes])


def _cell(value: object, is_number: bool) -> str:
    """A cell of a table: a number in full, or a text of limited width; empty for none."""
    if value is None or value == "":
        return ""
    return f"{value:.12g}" if is_number and isinstance(value, int | float) else truncate(str(value), _TEXT_WIDTH)


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
    "netcdf": ("netCDF export and datasets for xarray", ("xarray",)),
    "verify": ("workbook recalculation: ccs-model verify", ("formualizer",)),
    "cluster": ("sweeps and Monte Carlo on several machines: --scheduler", ("distributed",)),
    "docs": ("documentation site: mkdocs build", ("mkdocs", "mkdocs-material", "mkdocstrings")),
    "fuzz": ("fuzz tests of the readers: tests/unit/fuzz/search.py", ("atheris",)),
    "test": ("default tests: python -m pytest", ("hypothesis", "pytest", "pytest-xdist", "python-calamine")),
    "test-all": (
        'all tests: python -m pytest -m ""',
        ("axe-playwright-python", "mypy", "openxml-audit", "playwright", "pyscipopt"),
    ),
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
        from ccs_model.mip.branch_and_bound import is_solver_working
    except NoPlanError as error:
        return str(error)
    return "" if is_solver_working() else "returns a wrong solution of a test problem"
