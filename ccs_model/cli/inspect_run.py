"""`ccs-model show`, `runs`, `compare`, `report`, `export` and `verify`: read, publish and re-check finished runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import click

from ccs_model.cli.command_options import (
    PATH,
    json_option,
    lang_option,
    replace_file_option,
    require_xlsx,
    run_argument,
)
from ccs_model.cli.output_guard import (
    GEOJSON,
    IAMC,
    NETCDF,
    NUMBERS,
    PAGE,
    PARQUET,
    WORKBOOK,
    validate_output_file,
    validate_output_files,
)
from ccs_model.cli.terminal import bold_text, columns, print_json, show_warnings
from ccs_model.errors import CHECK_FAILED, DONE, FileError, InputError, Issue, schema_issue
from ccs_model.report.summary import summary_text
from ccs_model.report.text_tables import align_columns, fit_columns, truncate, width_of, wrap
from ccs_model.runs.run_list import RunEntry, document_of, listed_runs, require_kind, sweep_rows, sweep_warnings

if TYPE_CHECKING:
    import pandas as pd

    from ccs_model.analysis.compare import Comparison
    from ccs_model.analysis.verify import Check, Verification

# Gaps that differ by less are the same.
_SAME_GAP = 1e-9
_BY_PERIOD = ("n_started", "spending_mn", "avoided_ktpa")
_TOTALS = (
    "n_plants_retrofitted", "n_retrofits", "captured_ktpa", "avoided_ktpa", "abatement_share", "capex_mn", "budget_mn",
    "capture_cost_per_t", "avoidance_cost_per_t", "npv_mn",
    "resource_cost_mn", "break_even_carbon_value_per_t", "owners_account_mn", "public_purse_account_mn",
    "financiers_account_mn", "public_cost_per_t",
)  # fmt: skip
_N_SHOWN, _NAME_WIDTH, _LEAST_NAME_WIDTH, _N_FINDINGS = 12, 48, 16, 8
PLAN_SCHEMA, RUNS_SCHEMA = "ccs-model/plan/2", "ccs-model/runs/1"


def run_text(document: Mapping[str, Any], folder: Path) -> str:
    """Return the summary of a run, with its checks and files."""
    remedy, place = f"solve it again: ccs-model optimize {folder / 'scenario.resolved.yaml'} --out ANOTHER", "plan.json"
    if document.get("schema") != PLAN_SCHEMA:
        raise InputError([schema_issue(str(folder / place), document.get("schema"), PLAN_SCHEMA, remedy)])
    if "context" not in document and document["status"] != "infeasible":
        raise InputError([Issue(str(folder / place), "has no part 'context', which a summary needs", remedy)])
    has_workbook = (folder / "plan.xlsx").is_file()
    text = summary_text(document, columns(), bold_text, has_workbook=has_workbook)
    if document["status"] == "infeasible":
        workbook = "plan.xlsx (sheet Infeasible), " if has_workbook else ""
        return f"{text}\n\nFiles: {folder}\n  {workbook}plan.json, manifest.json"
    checks = document["checks"]
    passed = f"{sum(bool(each['holds']) for each in checks)} of {len(checks)} checks of the plan passed"
    if broken := [str(each["name"]) for each in checks if not each["holds"]]:
        passed += f"; not passed: {'; '.join(broken)}"
    workbook = "plan.xlsx (workbook), " if has_workbook else ""
    files = f"Files: {folder}"
    first = f"{passed}. {files}"
    first = first if width_of(first) <= columns() else f"{wrap(f'{passed}.', columns())}\n{files}"
    return f"{text}\n\n{first}\n  {workbook}plan.json, map.geojson, tables/*.csv, manifest.json"


@click.command(
    epilog="""\b
Examples:
  ccs-model show runs/hebei-1a2b3c4d
  ccs-model show runs/hebei-frontier-5e6f7a8b
  ccs-model show runs/hebei-1a2b3c4d --json > plan.json

RUN is a folder of optimize, frontier, sweep, montecarlo, near-optimal, regret or stochastic.

Exit codes: 0 done, 3 not a run, 8 file system error.
"""
)
@run_argument
@json_option
def show(run: Path, as_json: bool) -> int:
    """Print the summary of a finished run again; solve nothing."""
    kind, path = require_kind(run)
    document = document_of(path)
    if as_json:
        print_json(document)
        return DONE
    if kind == "run":
        show_warnings(document.get("warnings", []))
    if kind == "sweep":
        from ccs_model.cli.series_texts import sweep_warning_texts

        show_warnings(sweep_warning_texts(sweep_warnings(run), len(document["cases"])))
    try:
        click.echo(_result_text(kind, document, run))
    except (KeyError, TypeError, AttributeError) as error:
        what = f"is not a result of this version ({type(error).__name__}: {error})"
        raise InputError([Issue(str(path), what, "repeat the command that wrote it")]) from error
    return DONE


def _result_text(kind: str, document: Mapping[str, Any], folder: Path) -> str:
    if kind == "run":
        return run_text(document, folder)
    from ccs_model.cli.series_texts import frontier_text, sweep_text

    if kind == "frontier":
        page = folder / "report.html"
        return frontier_text(document, folder, page if page.is_file() else None)
    if kind == "sweep":
        return sweep_text(folder, str(document["scenario"]), sweep_rows(folder))
    from ccs_model.cli import robustness

    return robustness.TEXTS[kind](document, folder)


@click.command(
    epilog="""\b
Examples:
  ccs-model runs
  ccs-model runs results --json

Runs and analyses directly inside DIR (default: runs), the newest first. The gap covers all candidate links;
the gap within the links searched follows in parentheses if it differs.

Exit codes: 0 done, 8 no such folder.
"""
)
@click.argument("dir", metavar="[DIR]", default="runs", type=PATH)
@json_option
def runs(dir: Path, as_json: bool) -> int:
    """List finished runs: name, date, status, gap and result."""
    found = listed_runs(dir)
    if as_json:
        print_json({"schema": RUNS_SCHEMA, "folder": str(dir), "runs": [each.to_dict() for each in found]})
    elif not found:
        click.echo(f"{dir}: no runs")
    else:
        click.echo(_runs_table(found))
    return DONE


def _runs_table(found: Sequence[RunEntry]) -> str:
    rows = [["name", "date", "objective", "status", "gap", "result"]]
    for each in found:
        unit = (each.unit or "").partition(" over ")[0]
        value = "" if each.objective is None else f"{each.objective:,.0f} {unit}".strip()
        gap = "" if each.gap_share is None else f"{each.gap_share:.1%}"
        searched = each.searched_gap_share
        if searched is not None and (each.gap_share is None or abs(searched - each.gap_share) > _SAME_GAP):
            gap = f"{gap or 'unknown'} ({searched:.1%})"
        date = each.date[:16].replace("T", " ")
        rows.append([each.name, date, value, _in_words(each.status) or each.kind, gap, each.headline])
    table = align_columns(rows, left={0, 1, 3, 5}).splitlines()
    if max(map(width_of, table)) > columns():  # the result says more than the objective
        table = align_columns([[*row[:2], *row[3:]] for row in rows], left={0, 1, 2, 4}).splitlines()
    heading, *lines = (truncate(line, columns()) for line in table)
    return "\n".join([bold_text(heading), *lines])


@click.command(
    epilog="""\b
Examples:
  ccs-model compare runs/hebei-1a2b3c4d runs/hebei-5e6f7a8b
  ccs-model compare runs/low runs/mid runs/high -o budgets.xlsx

Differences are those from the first run.
Exit codes: 0 done, 2 fewer than two runs, 3 not a run, 4 an infeasible run, 8 file system error.
"""
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...", type=PATH)
@click.option("-o", "--out", type=PATH, help="Workbook to write (.xlsx).")
@replace_file_option
@json_option
def compare(runs: tuple[Path, ...], out: Path | None, force: bool, as_json: bool) -> int:
    """Compare runs.

    The comparison covers totals, plants that enter and leave, costs by term and changed inputs.
    """
    if len(runs) < 2:
        raise click.UsageError("give two run folders or more")
    require_xlsx(out, "-o")
    if out is not None:
        validate_output_file(out, WORKBOOK, force=force)
    from ccs_model.analysis.compare import compare as compare_runs

    found = compare_runs(runs)
    if out is not None:
        found.to_excel(out)
    if as_json:
        print_json(found.to_dict())
        return DONE
    click.echo(_comparison_text(found))
    click.echo(f"\nWorkbook: {out}" if out is not None else "\nFor the full comparison as a workbook: -o FILE.xlsx")
    return DONE


def _comparison_text(found: Comparison) -> str:
    import pandas as pd

    from ccs_model.units import label_of, money_text

    letters = [ascii_uppercase[k] if k < len(ascii_uppercase) else str(k + 1) for k in range(len(found.names))]
    runs = found.runs.to_dict("records")
    money = [money_text(str(row["currency"]), int(row["price_year"])) for row in runs]
    differs = len(set(money)) > 1
    lines = []
    for letter, row, own in zip(letters, runs, money, strict=True):
        lines.append(truncate(f"{letter}  {row['run']}: {row['scenario']}{f' ({own})' if differs else ''}", columns()))
        unit = f"million {own}" if row["unit"] == "million" else row["unit"]
        amount = f"{row['objective']:,.0f} {unit}, gap {_number(row['gap_share'], 'gap_share')}"
        state = f"{_in_words(row['objective_name'])}, {_in_words(row['status'])}"
        lines.append(truncate(f"   {state}: {amount}", columns()))
    if differs:
        each = ", ".join(f"{letter} {own}" for letter, own in zip(letters, money, strict=True))
        text = f"The runs are in different money ({each}), so amounts and costs per tonne have no differences."
        lines.append(wrap(text, columns()))
    elif _has_totals_without_difference(found):
        text = "Some runs plan one year and others several, so amounts in million have no differences."
        lines.append(wrap(text, columns()))
    lines += _rates(runs, letters)
    totals = found.totals[found.totals["quantity"].isin(_TOTALS) & found.totals[list(found.names)].notna().any(axis=1)]
    years = found.years[found.years["quantity"].isin(_BY_PERIOD) & found.years[list(found.names)].notna().all(axis=1)]
    years = pd.concat([years[years["quantity"] == each] for each in _BY_PERIOD])
    years["label"] = years["quantity"].map(label_of) + " " + years["year"].astype(str)
    costs = found.costs[(found.costs[list(found.names)].fillna(0.0).abs() > 0).any(axis=1)]
    paid = found.ledger[found.ledger["quantity"] == "public_purse_mn"]
    paid = paid[(paid[list(found.names)].fillna(0.0).abs() > 0).any(axis=1)]
    parts = [
        "\n".join(lines),
        _numbers(found, letters, totals, "quantity", "totals"),
        *([_numbers(found, letters, years, "quantity", "by period")] if years["year"].nunique() > 1 else []),
        _numbers(found, letters, costs, "term", "annual" if _are_static(found) else "discounted"),
        *([_numbers(found, letters, paid, "item", "public purse (+ receives, − pays)")] if len(paid) else []),
        _plants(found, letters),
        _inputs(found, letters),
    ]
    return "\n\n".join(parts)


def _in_words(code: str) -> str:
    """Return an objective or a status as words: `within gap`, `limit reached`."""
    return "limit reached" if code == "limit" else code.replace("_", " ")


def _rates(runs: Sequence[Mapping[str, Any]], letters: Sequence[str]) -> list[str]:
    """A line for each discount rate that differs between the runs."""
    lines = []
    for name, whose in (("discount_rate", "owners'"), ("social_discount_rate", "social")):
        known = ((letter, row[name]) for letter, row in zip(letters, runs, strict=True))
        # A representative year has no social account.
        rates = {letter: rate for letter, rate in known if rate is not None and math.isfinite(rate)}
        if len(set(rates.values())) > 1:
            each = ", ".join(f"{letter} {100 * rate:g}%" for letter, rate in rates.items())
            text = f"The {whose} discount rates differ ({each}), so that discounted amounts are not comparable."
            lines.append(wrap(text, columns()))
    return lines


def _are_static(found: Comparison) -> bool:
    """Whether every run is of a representative year, which has no social account."""
    return bool(found.runs["unit"].str.endswith("a year").all())


def _has_totals_without_difference(found: Comparison) -> bool:
    """Whether totals that every run has lack a difference."""
    names = list(found.names)
    differences = [f"{name} − first" for name in names[1:]]
    known = found.totals[found.totals[names].notna().all(axis=1)]
    return bool(known[differences].isna().any(axis=None))


def _numbers(found: Comparison, letters: Sequence[str], table: pd.DataFrame, key: str, title: str) -> str:
    from ccs_model.units import label_of

    differ = [f"{name} − first" for name in found.names[1:]]
    rows = [[title, "", *letters, *(f"{letter} − {letters[0]}" for letter in letters[1:])]]
    for row in table.to_dict("records"):
        values = [
            *(_number(row[name], str(row[key])) for name in found.names),
            *(_number(row[name], str(row[key]), is_difference=True) for name in differ),
        ]
        rows.append([row.get("label") or label_of(str(row[key])), str(row["unit"]), *values])
    # A narrow terminal shows fewer differences, from the last.
    n = len(rows[0])
    text, n_less = fit_columns(rows, {0, 1}, columns(), range(n - 1, n - len(differ), -1))
    return text + (f"\nDifferences of {n_less} more on a wider terminal, with -o or in --json." if n_less else "")


def _number(value: Any, name: str, *, is_difference: bool = False) -> str:
    if value is None or value != value:
        return "–"
    if name.endswith("_share"):
        return f"{100 * value:.2f} pp" if is_difference else f"{value:.2%}"
    if 0 < abs(value) < 0.05:
        return f"{value:.1g}" if abs(value) >= 1e-3 else "0"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.1f}"


def _plants(found: Comparison, letters: Sequence[str]) -> str:
    if found.plants.empty:
        return "All plants are retrofitted as in the first run."
    letter_of = dict(zip(found.names, letters, strict=True))
    rows = [["plants", "", "", "", f"avoided in {letters[0]}", "avoided, kt/y"]]
    for row in found.plants.head(_N_SHOWN).to_dict("records"):
        tonnes = [f"{row[name]:,.0f}" for name in ("first_avoided_ktpa", "avoided_ktpa")]
        rows.append([letter_of[row["run"]], row["change"], row["plant"], str(row["name"]), *tonnes])
    others = max(map(width_of, align_columns([[*row[:3], "", *row[4:]] for row in rows], left=4).splitlines()))
    width = max(min(columns() - others, _NAME_WIDTH), _LEAST_NAME_WIDTH)
    rows = [[*row[:3], truncate(row[3], width), *row[4:]] for row in rows]
    text = align_columns(rows, left=4, max_width=columns()) + _remainder_text(len(found.plants) - _N_SHOWN)
    return "\n".join([text, *_changes(found, letter_of)])


def _changes(found: Comparison, letter_of: Mapping[str, str]) -> list[str]:
    """A line for each plant of the table that changes: its retrofits in the first run and in the other."""
    rows = found.plants.head(_N_SHOWN).query("change == 'changes'").to_dict("records")
    first = letter_of[found.names[0]]
    texts = []
    for row in rows:
        before, after = (str(row[name]).split("; ") for name in ("first_retrofits", "retrofits"))
        parts = [
            f"{letter} {'; '.join(each for each in one if each not in other) or '–'}"
            for letter, one, other in ((first, before, after), (letter_of[row["run"]], after, before))
        ]
        texts.append(wrap(f"{row['plant']}: {' | '.join(parts)}", columns(), "    "))
    return texts


def _inputs(found: Comparison, letters: Sequence[str]) -> str:
    if found.inputs.empty:
        return "The runs have the same inputs."
    rows = [["inputs that differ", *letters]]
    for row in found.inputs.head(2 * _N_SHOWN).to_dict("records"):
        rows.append([str(row["input"]), *(str(row[name]) or "–" for name in found.names)])
    width = (columns() - max(width_of(row[0]) for row in rows)) // len(found.names) - 2
    rows = [[row[0], *(truncate(each, max(min(width, 32), 8)) for each in row[1:])] for row in rows]
    return align_columns(rows, left=len(rows[0]), max_width=columns()) + _remainder_text(
        len(found.inputs) - 2 * _N_SHOWN
    )


def _remainder_text(n: int) -> str:
    return f"\n… and {n} more" if n > 0 else ""


@click.command(
    epilog="""\b
Examples:
  ccs-model report runs/hebei-1a2b3c4d
  ccs-model report runs/hebei-1a2b3c4d --lang both -o hebei.html
  ccs-model report runs/hebei-1a2b3c4d --basemap my-borders.geojson

Needs the extra: python -m pip install "ccs-model[report]"

Exit codes: 0 done, 2 the extra is not installed, 3 not a run, 4 an infeasible run, 8 file system error.
"""
)
@run_argument
@click.option("-o", "--out", type=PATH, help="HTML file to write (default: RUN/report.html, which is replaced).")
@replace_file_option
@lang_option("page")
@click.option("--basemap", metavar="FILE|none", help="GeoJSON polygons to draw instead of the shipped outlines.")
def report(run: Path, out: Path | None, force: bool, lang: str, basemap: str | None) -> int:
    """Write an HTML page with map and charts; it works offline."""
    inputs = [] if basemap in (None, "none") else [Path(str(basemap))]
    validate_output_file(out or run / "report.html", PAGE, force=force or out is None, inputs=inputs)
    from ccs_model.report.page.page import write_page
    from ccs_model.runs.run_reader import read_run

    click.echo(write_page(read_run(run), out, lang=lang, basemap=basemap))
    return DONE


# As in report.export.FORMATS, which --help must not import.
FORMATS = {"iamc": ("iamc.csv", IAMC), "csv": ("data.csv", NUMBERS), "parquet": ("parquet", PARQUET),
           "netcdf": ("plan.nc", NETCDF), "geojson": ("map.geojson", GEOJSON),
           "xlsx": ("plan.xlsx", WORKBOOK)}  # fmt: skip


@click.command(
    epilog="""\b
Examples:
  ccs-model export runs/hebei-1a2b3c4d --format iamc
  ccs-model export runs/hebei-1a2b3c4d --format csv -o hebei.csv
  ccs-model export runs/hebei-1a2b3c4d --format parquet -o hebei-tables
  ccs-model export runs/hebei-1a2b3c4d --format netcdf -o hebei.nc
  ccs-model export runs/hebei-1a2b3c4d --format xlsx --lang zh -o hebei-zh.xlsx

Exit codes: 0 done, 2 an extra is not installed, 3 not a run, 4 an infeasible run, 8 file system error.
"""
)
@run_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(tuple(FORMATS)),
    required=True,
    help="iamc: a table for pyam; csv: one number per row; parquet: the tables; netcdf: for xarray; geojson: the map; "
    "xlsx: the workbook again, without a solve.",
)
@click.option("-o", "--out", type=PATH, help="File, or folder for parquet (default: in RUN/export, replaced).")
@lang_option("workbook of --format xlsx (default: en)", default=None)
@replace_file_option
def export(run: Path, form: str, out: Path | None, lang: str | None, force: bool) -> int:
    """Write a run for other programs, or its workbook again."""
    if lang is not None and form != "xlsx":
        raise click.UsageError(f"--lang: only --format xlsx has a language, not {form}")
    name, kind = FORMATS[form]
    target, validate = out, validate_output_files if form == "parquet" else validate_output_file
    if target is None:
        if (run / "export").is_symlink():
            raise FileError(f"{run / 'export'}: is a symbolic link; it is left unchanged")
        target = run / "export" / name
    validate(target, kind, force=force or out is None)
    if form == "xlsx":
        from ccs_model.analysis.rebuilt_plan import plan_of_run
        from ccs_model.report.workbook.workbook import write_workbook

        click.echo(write_workbook(plan_of_run(run), target, lang=lang or "en"))
        return DONE
    from ccs_model.report.export.formats import export as write_export
    from ccs_model.runs.run_reader import read_run

    for path in write_export(read_run(run), form, out):
        click.echo(path)
    return DONE


@click.command(
    epilog="""\b
Examples:
  ccs-model verify runs/hebei-1a2b3c4d
  ccs-model verify runs/hebei-1a2b3c4d --json

Recalculating the workbook needs the extra: python -m pip install "ccs-model[verify]"

Exit codes: 0 every check passed, 3 not a run, 4 an infeasible run, 7 a check failed, 8 file system error.
"""
)
@run_argument
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print no progress, and only failed checks.")
def verify(run: Path, as_json: bool, quiet: bool) -> int:
    """Re-check a run without solving.

    The command checks files, the feasibility of the solution, all results and the workbook.
    """
    from ccs_model.analysis.verify import verify as verify_run

    verification = verify_run(run, on_progress=lambda text: None if quiet else click.echo(f"  {text}", err=True))
    if verification.note and not verification.all_hold:
        click.echo(f"{run}: {verification.note}", err=True)
    for each in verification.skipped:
        click.echo(f"skipped: {each}", err=True)
    if verification.not_recomputed and not quiet:
        click.echo(f"not recomputed, results of other solves: {', '.join(verification.not_recomputed)}", err=True)
    if as_json:
        print_json(verification.to_dict())
    else:
        click.echo(_verification_text(verification, quiet))
    return DONE if verification.all_hold else CHECK_FAILED


def _verification_text(verification: Verification, quiet: bool) -> str:
    shown = [check for check in verification.checks if not (quiet and check.holds)]
    lines = []
    if shown:
        cells = [(check.name, "yes" if check.holds else "NO", _figure(check)) for check in shown]
        heading, *table = align_columns([("check", "holds", "figure"), *cells], left=3).splitlines()
        lines.append(heading)
        for line, check in zip(table, shown, strict=True):
            lines += [line, *(f"    {each}" for each in check.found[:_N_FINDINGS])]
            more = len(check.found) - _N_FINDINGS
            lines += [f"    … and {more:,} more; --json lists them all"] if more > 0 else []
        lines.append("")
    n_held = sum(check.holds for check in verification.checks)
    skipped = "; the workbook was not recalculated" if verification.skipped else ""
    return "\n".join([*lines, f"{n_held} of {len(verification.checks)} checks passed{skipped}."])


def _figure(check: Check) -> str:
    return f"{check.figure:.1e}" if check.unit == "distance" else f"{check.figure:,.0f} {check.unit}"
