"""`ccs-model optimize SCENARIO`: the main command."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ccs_model.bounded_reading import is_workbook
from ccs_model.cli.command_options import (
    CACHED,
    Output,
    effort_option,
    finite_range,
    lang_option,
    output_options,
    scenario_argument,
    time_limit_option,
)
from ccs_model.cli.inspect_run import run_text
from ccs_model.cli.terminal import print_json_text, shorten_lines, show_warnings
from ccs_model.errors import DONE, LIMIT_REACHED, FileError, InfeasibleError, InputError
from ccs_model.runs.run_list import document_of

if TYPE_CHECKING:
    from ccs_model.plan.stored_run import Edit
    from ccs_model.solve.driver import ScenarioInputs

_N_EDITS_SHOWN = 40
_YEAR = re.compile(r"\.\d{4}$")


def _changes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes of the scenario that the options request."""
    given = {
        "solver.mip_gap": values["mip_gap"],
        "solver.effort": values["effort"],
        "solver.time_limit_s": values["time_limit"],
        "solver.threads": values["threads"],
        "plants.committed": _committed_retrofits(values["keep"], values["keep_until"]),
    }
    return {key: value for key, value in given.items() if value is not None}


def _committed_retrofits(run: Path | None, until: int | None) -> dict[str, int] | None:
    """Return the retrofits of a run that start by a year, each with its start, as committed retrofits."""
    if run is None:
        if until is not None:
            raise click.UsageError("--keep-until needs --keep RUN")
        return None
    from ccs_model.runs.run_reader import read_run

    plan = read_run(run)
    if plan.scenario.capture.decisions != "integer":
        raise click.UsageError(f"--keep: {run} has continuous decisions, so that its retrofits are shares")
    if plan.scenario.is_static:
        raise click.UsageError(f"--keep: {run} plans a representative year, in which retrofits have no start")
    built = plan.retrofits if until is None else plan.retrofits[plan.retrofits["year"] <= until]
    if built.empty:
        raise click.UsageError(f"--keep: no retrofit of {run} starts{'' if until is None else f' by {until}'}")
    return dict(zip(built["route"], built["year"].astype(int).tolist(), strict=True))


def _answer_from_cache(output: Output, values: Mapping[str, Any]) -> int | None:
    """Report the cached run without reading any table; None if there is none, or if the tables are needed to know."""
    if output.force or is_workbook(values["scenario"]):
        return None
    from ccs_model.plan.cache_key import cached_manifest, run_key_of_shipped
    from ccs_model.runs.folder_writer import remove_leftovers
    from ccs_model.scenario.read import read

    found = read(values["scenario"], allow_outside=output.allow_outside)
    if found.scenario is None:
        return None
    requested = found.scenario.with_changes(_changes(values))
    key = run_key_of_shipped(requested, allow_outside=output.allow_outside)
    if key is None:
        return None
    folder = output.out if output.out is not None else key.folder()
    if cached_manifest(folder, key) is None:
        return None
    try:
        document, manifest = (document_of(folder / name) for name in ("plan.json", "manifest.json"))
    except (FileError, InputError):
        return None
    remove_leftovers(folder)
    if document["status"] == "infeasible":
        _raise_infeasible(InfeasibleError(document["conflicts"], folder), output)
    return _report_cached_run(output, folder, document, manifest, values["lang"])


def _report_cached_run(
    output: Output,
    folder: Path,
    document: Mapping[str, Any],
    manifest: Mapping[str, Any],
    lang: str | None,
    edits: str = "",
) -> int:
    there = manifest.get("workbook_lang", "en")
    if lang is not None and there != lang:
        click.echo(
            f"{folder}: its workbook is in '{there}', not '{lang}'; write another one with "
            f"ccs-model export {shlex.quote(str(folder))} --format xlsx --lang {lang}",
            err=True,
        )
    show_warnings(document.get("warnings", ()))
    when = str(manifest.get("finished", ""))[:16].replace("T", " ")
    output.report(_text(folder), lambda: f"{edits}{run_text(document, folder)}\nCached run of {when} UTC. {CACHED}")
    return LIMIT_REACHED if document["status"] == "limit" else DONE


def _raise_infeasible(error: InfeasibleError, output: Output) -> NoReturn:
    """Report the folder of an infeasible problem, and raise the error."""
    output.line.clear()
    if error.folder is not None:
        show_warnings(document_of(error.folder / "plan.json").get("warnings", ()))
        if output.as_json:
            print_json_text(_text(error.folder))
        has_nearest = any((error.folder / "tables").glob("nearest_*.csv"))
        nearest = "; the nearest plan is in tables/nearest_*.csv" if has_nearest else ""
        report = f"report with the conflicting constraints (plan.xlsx, plan.json){nearest}"
        click.echo(f"{error.folder}: {report}", err=True)
    raise error


def _text(folder: Path) -> str:
    return (folder / "plan.json").read_text(encoding="utf-8")


@click.command(
    epilog="""\b
Examples:
  ccs-model optimize scenarios/pilot-zones.yaml
  ccs-model optimize my.yaml --out results/my --mip-gap 0.001 --effort thorough
  ccs-model optimize my.yaml --json > plan.json
  ccs-model optimize my.yaml --lang zh --out results/my-zh
  ccs-model optimize update.yaml --keep runs/my-1a2b3c4d --keep-until 2026
  ccs-model optimize runs/my-1a2b3c4d/plan.xlsx

A workbook (plan.xlsx) may have been edited: shaded cells of Inputs, Series, Plants and Storage change the scenario. The
new run folder has a sheet Changes. Results are cached by input hash: a repeated command prints the summary again. Use
--force to re-run.

Exit codes: 0 done, 3 invalid input, 4 infeasible, 5 the gap was not reached (plan and gap written), 6 solver
failure without a plan, 7 verification failed, 8 file system error.
"""
)
@scenario_argument
@output_options(cached=_answer_from_cache, workbooks=True)
@click.option("--mip-gap", "--gap", "mip_gap", type=finite_range(0, 0.5), metavar="SHARE",
              help="Stop at this relative optimality gap.")  # fmt: skip
@time_limit_option("Seconds after which the search stops; the whole run takes hardly longer.")
@effort_option
@click.option(
    "--threads", type=click.IntRange(1, 64), help="Most threads, or processes of a frontier; no plan depends on them."
)
@click.option("--keep", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="RUN",
              help="Keep the retrofits of a run: they replace plants.committed of the scenario.")  # fmt: skip
@click.option("--keep-until", type=click.IntRange(2000, 2200), metavar="YEAR",
              help="Of these, keep those that start by this year.")  # fmt: skip
@click.option(
    "--update", is_flag=True, help="Replace a run of other inputs in --out; one of the same inputs is reused."
)
@lang_option("workbook (default: en, or that of the workbook that is solved again)", default=None)
@click.option("-v", "--verbose", is_flag=True, help="Print the solver log on stderr.")
def optimize(scenario: Path, output: Output, lang: str | None, verbose: bool, update: bool, **values: Any) -> int:
    """Find the retrofits to build and write a run folder."""
    from ccs_model.solve.optimize_run import optimize_to_folder

    try:
        run = optimize_to_folder(
            scenario,
            output.out,
            changes=_changes(values),
            force=output.force,
            update=update,
            lang=lang,
            allow_outside=output.allow_outside,
            command=shlex.join(["ccs-model", *sys.argv[1:]]),
            on_progress=output.line.on_progress if output.line.is_shown else None,
            on_message=output.line.show,
        )
    except InfeasibleError as error:
        _raise_infeasible(error, output)
    finally:
        output.line.clear()
    document = document_of(run.folder / "plan.json")
    edits = "" if run.loaded is None else edits_text(run.loaded)
    if run.plan is None:
        return _report_cached_run(output, run.folder, document, run.manifest, lang, edits)
    show_warnings((*filter(None, (run.repaired,)), *run.plan.warnings))
    if verbose:
        click.echo(run.plan.solver_log, err=True)
    output.report(_text(run.folder), lambda: edits + run_text(document, run.folder))
    return LIMIT_REACHED if run.plan.reached_a_limit else DONE


def _path_and_offset(numbered: tuple[int, Edit]) -> tuple[str, int]:
    """The key of a path by year, and what its year is beyond the number of the edit; by itself for another key."""
    number, edit = numbered
    path, _, year = edit.key.rpartition(".")
    return (path, int(year) - number) if _YEAR.search(edit.key) else (edit.key, -number)


def edits_text(loaded: ScenarioInputs) -> str:
    """Return the edits of a workbook that was read, one per line; "" if a scenario was read."""
    from ccs_model.plan.stored_run import value_text

    source = loaded.scenario.source_path
    if not is_workbook(source):
        return ""
    if loaded.revision is None:
        return f"No edits in {source}.\n\n"
    lines = []
    # Successive years of a path count as one edit.
    for _, group in groupby(enumerate(loaded.revision.edits), key=_path_and_offset):
        first, *more = (edit for _, edit in group)
        cells, what, last = first.cell, first.what, (more or [first])[-1]
        values = f"{value_text(first.old, first.key)} → {value_text(first.new, first.key)}"
        if more:
            cells, what = f"{cells}:{last.cell.rpartition('!')[2]}", f"{what} to {last.key.rpartition('.')[2]}"
            values += f" … {value_text(last.new, last.key)}"
        lines.append(f"  {cells}  {what}: {values}")
    return "\n".join([f"Edits of {source}:", *shorten_lines(lines, _N_EDITS_SHOWN)]) + "\n\n"
