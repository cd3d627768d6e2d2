"""`ccs-model show` and `runs`: finished results, read from their folders without solving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ccs_model.cli.command_options import PATH, json_option, run_argument
from ccs_model.cli.terminal import columns, print_json, strong
from ccs_model.errors import DONE, InputError, Issue, schema_issue
from ccs_model.report.summary import summary_text
from ccs_model.report.text_tables import aligned, truncate, width_of
from ccs_model.runs.run_list import ListedRun, counted, document_of, listed_runs, require_kind, sweep_rows

PLAN_SCHEMA, RUNS_SCHEMA = "ccs-model/plan/2", "ccs-model/runs/1"
_N_SHOWN = 10


def run_text(document: Mapping[str, Any], folder: Path) -> str:
    """Return the summary of a run, with its checks and files."""
    remedy, place = f"solve it again: ccs-model optimize {folder / 'scenario.resolved.yaml'} --out ANOTHER", "plan.json"
    if document.get("schema") != PLAN_SCHEMA:
        raise InputError([schema_issue(str(folder / place), document.get("schema"), PLAN_SCHEMA, remedy)])
    if "context" not in document and document["status"] != "infeasible":
        raise InputError([Issue(str(folder / place), "has no part 'context', which a summary needs", remedy)])
    text = summary_text(document, columns(), strong)
    if document["status"] == "infeasible":
        return f"{text}\n\nFiles: {folder}\n  plan.xlsx (sheet Infeasible), plan.json, manifest.json"
    checks = document["checks"]
    passed = f"{sum(bool(each['holds']) for each in checks)} of {len(checks)} checks of the plan passed"
    files = "  plan.xlsx (workbook), plan.json, map.geojson, tables/*.csv, manifest.json"
    return f"{text}\n\n{passed}. Files: {folder}\n{files}"


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
    try:
        click.echo(_text(kind, document, run))
    except (KeyError, TypeError, AttributeError) as error:
        what = f"is not a result of this version ({type(error).__name__}: {error})"
        raise InputError([Issue(str(path), what, "repeat the command that wrote it")]) from error
    return DONE


def _text(kind: str, document: Mapping[str, Any], folder: Path) -> str:
    if kind == "run":
        return run_text(document, folder)
    if kind == "frontier":
        from ccs_model.cli.plan_series import frontier_text

        page = folder / "report.html"
        return frontier_text(document, folder, page if page.is_file() else None)
    if kind == "sweep":
        return sweep_text(folder, str(document["scenario"]), sweep_rows(folder))
    from ccs_model.cli import robustness

    return robustness.TEXTS[kind](document, folder)


def sweep_text(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the summary of a sweep: scenarios by status, those without a plan, and where the tables are."""
    if not rows:
        return f"{strong(name)}: the sweep has not ended; repeat its command to resume it"
    lines = [f"{strong(name)}: {len(rows)} scenarios: {counted([dict(row) for row in rows])}"]
    failed = [row for row in rows if row["message"]]
    lines += [f"  scenario {row['scenario']}: {row['message']}" for row in failed[:_N_SHOWN]]
    if len(failed) > _N_SHOWN:
        lines.append(f"  … and {len(failed) - _N_SHOWN} more")
    n_missing = sum(row["status"] == "missing" for row in rows)
    names = "sweep.partial.csv" if n_missing else "sweep.csv and sweep.xlsx"
    lines.append(f"Table: {folder} ({names}); run folders: {folder / 'runs'}")
    if n_missing:
        lines.append(f"{n_missing} missing: run the other shards, then ccs-model sweep merge {folder}")
    return "\n".join(lines)


@click.command(
    epilog="""\b
Examples:
  ccs-model runs
  ccs-model runs results --json

Runs and analyses directly inside DIR (default: runs), the newest first. The gap is that over all candidate links.

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
        click.echo(_table(found))
    return DONE


def _table(found: Sequence[ListedRun]) -> str:
    rows = [["name", "date", "objective", "status", "gap", "result"]]
    for each in found:
        unit = (each.unit or "").partition(" over ")[0]
        value = "" if each.objective is None else f"{each.objective:,.0f} {unit}".strip()
        gap = "" if each.gap_share is None else f"{each.gap_share:.1%}"
        date = each.date[:16].replace("T", " ")
        rows.append([each.name, date, value, each.status or each.kind, gap, each.headline])
    table = aligned(rows, left={0, 1, 3, 5}).splitlines()
    if max(map(width_of, table)) > columns():  # the result says more than the objective
        table = aligned([[*row[:2], *row[3:]] for row in rows], left={0, 1, 2, 4}).splitlines()
    heading, *lines = (truncate(line, columns()) for line in table)
    return "\n".join([strong(heading), *lines])
