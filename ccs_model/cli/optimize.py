"""`ccs-model optimize SCENARIO`: the main job."""

from __future__ import annotations

import json
import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccs_model.cli.terminal import ProgressLine
from ccs_model.errors import DONE, LIMIT_REACHED, CheckError, InfeasibleError

if TYPE_CHECKING:
    from ccs_model.scenario import Scenario


@click.command(
    epilog="""\b
Examples:
  ccs-model optimize scenarios/pilot-zones.yaml
  ccs-model optimize my.yaml --out results/my --gap 0.001 --time-limit 300
  ccs-model optimize my.yaml --json > plan.json
  ccs-model optimize my.yaml --lang zh --out results/my-zh

Exit codes: 0 done, 3 bad input, 4 no plan can keep every claim, 5 a limit was reached and the plan is
written with its gap, 6 no plan, 7 a check did not hold, 8 file trouble.
"""
)
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Run folder to write (default: runs/<name>-<hash>).")
@click.option("--json", "as_json", is_flag=True, help="Print plan.json and nothing else on stdout.")
@click.option("--gap", type=click.FloatRange(0, 0.5), help="Stop when proven this close to the best plan (a share).")
@click.option("--time-limit", type=click.FloatRange(min=0, min_open=True), help="Seconds for the whole run.")
@click.option("--threads", type=click.IntRange(1, 64), help="Processor threads.")
@click.option(
    "--lang", type=click.Choice(["en", "zh", "both"]), default="en", show_default=True, help="Of the workbook's words."
)
@click.option("--force", is_flag=True, help="Make the run again even if it is there already.")
@click.option("--allow-outside", is_flag=True, help="Allow files outside the scenario's folder.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no summary.")
@click.option("-v", "--verbose", is_flag=True, help="Show the solver's log on stderr as well.")
def optimize(
    scenario: Path,
    out: Path | None,
    as_json: bool,
    gap: float | None,
    time_limit: float | None,
    threads: int | None,
    lang: str,
    force: bool,
    allow_outside: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Find which plants to fit under the budget, and write a run folder with a workbook."""
    started, clock = datetime.now(UTC), time.monotonic()
    from ccs_model.atomic_files import write_atomic
    from ccs_model.cli.summary import summary_text
    from ccs_model.plan.cache_key import run_key
    from ccs_model.problem import build_problem
    from ccs_model.problem.scenario_names import read_checked
    from ccs_model.runs.infeasible_run import write_infeasible
    from ccs_model.runs.run_lock import locked
    from ccs_model.runs.run_writer import existing_run, validate_overwrite, write_locked
    from ccs_model.solve.driver import solve

    if out is not None and out.resolve() == scenario.resolve():
        raise click.BadParameter(f"'{out}' is the scenario itself", param_hint="--out")
    line = ProgressLine(quiet=quiet)
    line.show("  reading the scenario and the tables")
    read, inputs = read_checked(scenario, allow_outside=allow_outside)
    requested = _with_options(read, gap, time_limit, threads)
    key = run_key(requested, inputs)
    folder = out if out is not None else Path("runs") / key.folder_name
    if not force and (manifest := existing_run(folder, key)) is not None:
        line.done()
        if (there := manifest.get("workbook_lang", "en")) != lang:
            click.echo(f"{folder}: its workbook is in '{there}', not '{lang}'; --force makes the run again", err=True)
        return _name_existing(folder, as_json, quiet)
    with locked(folder):
        if not force and existing_run(folder, key) is not None:  # made by another while we came for the lock
            line.done()
            return _name_existing(folder, as_json, quiet)
        # Rather now than after the solver has worked.
        validate_overwrite(folder, force)
        command = shlex.join(["ccs-model", *sys.argv[1:]])
        line.show("  stating the problem")
        on_progress = line.on_progress if sys.stderr.isatty() and not quiet else None
        try:
            plan = solve(build_problem(requested, inputs), on_progress=on_progress, started=clock)
        except InfeasibleError as error:
            line.done()
            written = write_infeasible(error.conflicts, requested, inputs, folder, force=force, command=command)
            _show_infeasible(written, as_json)
            raise
        except CheckError as error:
            line.done()
            if error.program:
                saved = write_atomic(folder.with_name(f"{folder.name}.mps"), error.program)
                raise CheckError(f"{error}; the solver's program is saved as {saved}") from error
            raise
        line.show("  writing the run folder")
        written = write_locked(plan, folder, force=force, command=command, started=started, lang=lang)
    line.done()
    for warning in plan.warnings:
        click.echo(f"warning: {warning}", err=True)
    if verbose:
        click.echo(plan.solver_log, err=True)
    if as_json:
        click.echo((written / "plan.json").read_text(encoding="utf-8"), nl=False)
    elif not quiet:
        click.echo(summary_text(plan, written))
    return LIMIT_REACHED if plan.reached_a_limit else DONE


def _with_options(scenario: Scenario, gap: float | None, time_limit: float | None, threads: int | None) -> Scenario:
    given: dict[str, Any] = {
        "solver.mip_gap": gap,
        "solver.time_limit_s": time_limit,
        "solver.threads": threads,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    return scenario.with_changes(changes) if changes else scenario


def _show_infeasible(folder: Path, as_json: bool) -> None:
    """Where the clashes are written; who raised them tells them in words."""
    if as_json:
        click.echo((folder / "plan.json").read_text(encoding="utf-8"), nl=False)
    click.echo(f"{folder}: what clashes, as a workbook", err=True)


def _name_existing(folder: Path, as_json: bool, quiet: bool) -> int:
    reported = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    if reported["status"] == "infeasible":
        _show_infeasible(folder, as_json)
        raise InfeasibleError(reported["conflicts"])
    if as_json:
        text = (folder / "plan.json").read_text(encoding="utf-8")
        json.loads(text)
        click.echo(text, nl=False)
    elif not quiet:
        click.echo(f"This run is there already: {folder}\nUse --force to make it again.")
    return DONE
