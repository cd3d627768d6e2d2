"""`ccs-model compare RUN RUN…`: runs side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import click
import pandas as pd

from ccs_model.errors import CHECK_FAILED, DONE

if TYPE_CHECKING:
    from ccs_model.analysis.compare import Comparison
    from ccs_model.analysis.verify import Check, Verification

_TOTALS = (
    "n_plants_retrofitted", "n_retrofits", "captured_ktpa", "avoided_ktpa", "abatement_share", "capex_mn", "budget_mn",
    "capture_cost_per_t", "avoidance_cost_per_t", "npv_mn", "net_benefit_mn",
)  # fmt: skip
_SHOWN, _WIDEST = 12, 48


@click.command(
    epilog="""\b
Examples:
  ccs-model compare runs/hebei-1a2b3c4d runs/hebei-5e6f7a8b
  ccs-model compare runs/low runs/mid runs/high -o budgets.xlsx

The first run is what the others are held against.
Exit codes: 0 done, 2 fewer than two runs, 3 not a run, 8 file trouble.
"""
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Workbook to write (.xlsx).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout.")
def compare(runs: tuple[Path, ...], out: Path | None, as_json: bool) -> int:
    """Set runs side by side: totals, plants entering and leaving, costs by term, changed inputs."""
    if len(runs) < 2:
        raise click.UsageError("give two run folders or more")
    if out is not None and out.suffix.lower() != ".xlsx":
        raise click.BadParameter(f"'{out.name}' does not end in .xlsx", param_hint="-o")
    from ccs_model.analysis.compare import compare as compared

    found = compared(runs)
    if out is not None:
        found.to_excel(out)
    if as_json:
        click.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=1, allow_nan=False))
        return DONE
    click.echo(_comparison_text(found))
    click.echo(f"\nWorkbook: {out}" if out is not None else "\nAll of it in a workbook: -o FILE.xlsx")
    return DONE


def _comparison_text(found: Comparison) -> str:
    letters = [ascii_uppercase[k] if k < len(ascii_uppercase) else str(k + 1) for k in range(len(found.names))]
    named = found.runs.to_dict("records")
    lines = [
        f"{letter}  {row['run']}: {row['scenario']} ({row['status']})"
        for letter, row in zip(letters, named, strict=True)
    ]
    totals = found.totals[found.totals["quantity"].isin(_TOTALS)]
    costs = found.costs[(found.costs[list(found.names)].fillna(0.0).abs() > 0).any(axis=1)]
    parts = [
        "\n".join(lines),
        _numbers(found, letters, totals, "quantity", "totals"),
        _numbers(found, letters, costs, "term", "discounted"),
        _plants(found, letters),
        _inputs(found, letters),
    ]
    return "\n\n".join(parts)


def _numbers(found: Comparison, letters: Sequence[str], table: pd.DataFrame, key: str, title: str) -> str:
    from ccs_model.units import label_of

    differ = [f"{name} − first" for name in found.names[1:]]
    rows = [[title, "", *letters, *(f"{letter} − {letters[0]}" for letter in letters[1:])]]
    for row in table.to_dict("records"):
        values = [_number(row[name], str(row[key])) for name in (*found.names, *differ)]
        rows.append([label_of(str(row[key])), str(row["unit"]), *values])
    return _aligned(rows, left=2)


def _number(value: Any, name: str) -> str:
    if value is None or value != value:
        return "–"
    if name.endswith("_share"):
        return f"{value:.2%}"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.1f}"


def _plants(found: Comparison, letters: Sequence[str]) -> str:
    if found.plants.empty:
        return "Every plant is fitted as in the first run."
    letter_of = dict(zip(found.names, letters, strict=True))
    rows = [["plants", "", "", "", f"avoided in {letters[0]}", "avoided now, kt/y"]]
    for row in found.plants.head(_SHOWN).to_dict("records"):
        tonnes = [f"{row[name]:,.0f}" for name in ("first_avoided_ktpa", "avoided_ktpa")]
        rows.append([letter_of[row["run"]], row["change"], row["plant"], _cut(str(row["name"])), *tonnes])
    more = len(found.plants) - _SHOWN
    return _aligned(rows, left=4) + (f"\n… and {more} more" if more > 0 else "")


def _inputs(found: Comparison, letters: Sequence[str]) -> str:
    if found.inputs.empty:
        return "The runs ask the same of the same tables."
    rows = [["inputs that differ", *letters]]
    for row in found.inputs.head(2 * _SHOWN).to_dict("records"):
        rows.append([str(row["input"]), *(_cut(str(row[name]) or "–", 32) for name in found.names)])
    more = len(found.inputs) - 2 * _SHOWN
    return _aligned(rows, left=len(rows[0])) + (f"\n… and {more} more" if more > 0 else "")


def _cut(text: str, widest: int = _WIDEST) -> str:
    return text if len(text) <= widest else f"{text[: widest - 1]}…"


def _aligned(rows: Sequence[Sequence[str]], left: int) -> str:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k < left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


# `ccs-model report RUN`: the page.


@click.command(
    epilog="""\b
Examples:
  ccs-model report runs/hebei-1a2b3c4d
  ccs-model report runs/hebei-1a2b3c4d --lang both -o hebei.html
  ccs-model report runs/hebei-1a2b3c4d --basemap my-borders.geojson

Needs the extra: python -m pip install "ccs-model[report]"

Exit codes: 0 done, 2 the extra is not installed, 3 not a run, 8 file trouble.
"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="HTML file to write (default: RUN/report.html).")
@click.option(
    "--lang", type=click.Choice(["en", "zh", "both"]), default="en", show_default=True, help="Of the page's words."
)
@click.option("--basemap", metavar="FILE|none", help="GeoJSON polygons to draw below, in place of shipped provinces.")
def report(run: Path, out: Path | None, lang: str, basemap: str | None) -> int:
    """Write one HTML page with map, charts and tables, which needs no network."""
    from ccs_model.report.page.page import write_page
    from ccs_model.runs.run_reader import read_run

    click.echo(write_page(read_run(run), out, lang=lang, basemap=basemap))
    return DONE


# `ccs-model export RUN`: a run for other tools.

# The names of report.export.FORMATS, which is not imported for --help.
FORMATS = ("iamc", "csv", "parquet", "geojson")


@click.command(
    epilog="""\b
Examples:
  ccs-model export runs/hebei-1a2b3c4d --format iamc
  ccs-model export runs/hebei-1a2b3c4d --format csv -o hebei.csv
  ccs-model export runs/hebei-1a2b3c4d --format parquet -o hebei-tables

Exit codes: 0 done, 2 an extra is not installed, 3 not a run, 8 file trouble.
"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    required=True,
    help="iamc: the table that pyam reads; csv: every number one a row; parquet: the tables; geojson: the map.",
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="File, or folder for parquet (default: in RUN/export)."
)
def export(run: Path, form: str, out: Path | None) -> int:
    """Write a run folder in the format of another tool."""
    from ccs_model.report.export.formats import export as exported
    from ccs_model.runs.run_reader import read_run

    for path in exported(read_run(run), form, out):
        click.echo(path)
    return DONE


# `ccs-model verify RUN`: a run checked again, without the solver.

SHOWN = 8


@click.command(
    epilog="""\b
Examples:
  ccs-model verify runs/hebei-1a2b3c4d
  ccs-model verify runs/hebei-1a2b3c4d --json

Computing the workbook again needs the extra: python -m pip install "ccs-model[verify]"

Exit codes: 0 every check holds, 3 not a run, 7 a check does not hold, 8 file trouble.
"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, and only what does not hold.")
def verify(run: Path, as_json: bool, quiet: bool) -> int:
    """Check a run again without solving: its files, its point in the program, its figures, its workbook."""
    from ccs_model.analysis.verify import verify as verified

    verification = verified(run, on_progress=lambda words: None if quiet else click.echo(f"  {words}", err=True))
    for each in verification.skipped:
        click.echo(f"left out: {each}", err=True)
    if as_json:
        click.echo(json.dumps(verification.to_dict(), ensure_ascii=False, indent=1, allow_nan=False))
    else:
        click.echo(_verification_text(verification, quiet))
    return DONE if verification.all_hold else CHECK_FAILED


def _verification_text(verification: Verification, quiet: bool) -> str:
    shown = [check for check in verification.checks if not (quiet and check.holds)]
    rows = [("check", "holds", "figure"), *((check.name, _holds(check), _figure(check)) for check in shown)]
    widths = [max(len(row[k]) for row in rows) for k in range(2)]
    lines = []
    for row, check in zip(rows if shown else [], [None, *shown], strict=bool(shown)):
        lines.append("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[2]]))
        if check is not None:
            lines += [f"    {each}" for each in check.found[:SHOWN]]
            more = len(check.found) - SHOWN
            lines += [f"    … and {more:,} more; --json names them all"] if more > 0 else []
    held = sum(check.holds for check in verification.checks)
    left = "; the workbook was not computed again" if verification.skipped else ""
    return "\n".join([*lines, *([""] if lines else []), f"{held} of {len(verification.checks)} checks hold{left}."])


def _holds(check: Check) -> str:
    return "yes" if check.holds else "NO"


def _figure(check: Check) -> str:
    if check.unit == "distance":
        return f"{check.figure:.1e}"
    return f"{check.figure:,.0f} {check.unit}"
