"""`ccs-model frontier` and `sweep`: a plan for each budget, or for each variant of a scenario."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ccs_model.atomic_files import interrupted_code
from ccs_model.cli.command_options import (
    CACHED,
    PATH,
    POSITIVE,
    DefaultCommand,
    DefaultGroup,
    Output,
    changes_options,
    effort_option,
    jobs_option,
    json_option,
    output_options,
    requested_changes,
    scenario_argument,
    scenario_or_run_argument,
    scheduler_options,
    time_limit_option,
    with_options,
)
from ccs_model.cli.series_texts import frontier_text, sweep_text, sweep_warning_texts
from ccs_model.cli.terminal import ProgressLine, print_json, show_warnings
from ccs_model.errors import DONE, LIMIT_REACHED, FileError, InputError, MissingExtraError, NoPlanInRunError
from ccs_model.runs.run_list import document_of

if TYPE_CHECKING:
    import pandas as pd

    from ccs_model.analysis.jobs import Scheduler
    from ccs_model.analysis.sweep import Sweep, SweepProgress
    from ccs_model.plan.cache_key import RunKey


@click.command(
    epilog="""\b
Examples:
  ccs-model frontier scenarios/hebei.yaml
  ccs-model frontier my.yaml --points 41 --to 30000 --out results/frontier
  ccs-model frontier runs/my-1a2b3c4d --json > frontier.json

The plan of a run is one of those compared.

The run folder holds the plan at the scenario's budget, its workbook with sheet Frontier and, if the extra
[report] is installed, a page with a slider over the budgets. For continuous decisions every breakpoint is exact.

\b
Exit codes: 0 done, 3 invalid input, 4 no budget is sufficient, 5 a budget point has a wider gap than
requested, 6 solver failure without a plan, 8 file system error.
"""
)
@scenario_or_run_argument
@click.option(
    "--points",
    type=click.IntRange(2, 1000),
    default=21,
    show_default=True,
    help="Number of evenly spaced budgets; that of the scenario is one more.",
)
@click.option(
    "--to", "to_mn", type=POSITIVE, help="Highest of these budgets in million (default: 1.5 times the scenario's)."
)
@time_limit_option("Seconds after which the search stops (default: the scenario's).")
@effort_option
@click.option("--jobs", type=click.IntRange(1, 2),
              help="Number of processes for a shared network (default: two; one for a small network).")  # fmt: skip
@click.option("--run", type=PATH,
              help="Run of SCENARIO whose plan is one of those compared (default: the cached run).")  # fmt: skip
@output_options("frontier")
def frontier(
    requested: Path,
    points: int,
    to_mn: float | None,
    time_limit: float | None,
    effort: str | None,
    jobs: int | None,
    run: Path | None,
    output: Output,
) -> int:
    """Optimise a range of budgets.

    Each plan is compared with the merit order of costs.
    """
    started = datetime.now(UTC)
    from ccs_model.analysis.frontier import frontier as search
    from ccs_model.plan.cache_key import RunKey, is_incomplete, run_key
    from ccs_model.problem.scenario_names import read_checked
    from ccs_model.runs.folder_writer import hold_lock, remove_leftovers, validate_overwrite, write_locked
    from ccs_model.runs.run_reader import solved_problem_of, validate_own_model
    from ccs_model.runs.run_writer import run_files

    line, force = output.line, output.force
    line.show("reading the scenario and the tables")
    if requested.is_dir():
        if run is not None:
            raise click.UsageError("give either a run or --run")
        solved = solved_problem_of(requested)
        validate_own_model(solved.added_components)
        scenario, inputs, run = solved.problem.scenario, solved.problem.inputs, solved.folder
    else:
        scenario, inputs = read_checked(requested, allow_outside=output.allow_outside)
    own = requested_key = run_key(scenario, inputs)
    if effort is not None:
        scenario = scenario.with_changes({"solver.effort": effort})
        own = run_key(scenario, inputs)
    known = _known_points(run, own.folder())
    # A run of other inputs has a plan; its bound is not one of this model.
    bound = _bound(own.folder() if run is None else run, None if requested.is_dir() else requested_key)
    # Plans of the scenario itself are what the frontier would find, so that they are not part of its key.
    given = "" if run is None else _sha256_of(known, bound)
    limit = [] if time_limit is None else [time_limit]
    sha = RunKey.analysis_sha256(json.dumps([own.sha256, points, to_mn, given, *limit]))
    key = RunKey(sha, f"{own.slug}-frontier")
    folder = output.folder(key.folder_name)
    if not force and _is_cached(folder, key):
        remove_leftovers(folder)
        return _report(output, folder, is_cached=True)
    with hold_lock(folder):
        # Another process may have finished the same frontier before it released the lock.
        if not force and _is_cached(folder, key):
            return _report(output, folder, is_cached=True)
        force = force or is_incomplete(folder, key)
        validate_overwrite(folder, force)
        plan = search(
            scenario,
            n_points=points,
            to_mn=to_mn,
            time_limit_s=time_limit,
            known=known,
            known_bound=bound,
            jobs=jobs,
            allow_outside=output.allow_outside,
            on_progress=line.show,
        )
        line.show("writing the run folder")
        command = shlex.join(["ccs-model", *sys.argv[1:]])
        write_locked(run_files(plan, command=command, started=started, analysis_sha256=sha), folder, force=force)
        return _report(output, folder, plan.warnings)


def _sha256_of(known: Sequence[pd.DataFrame], bound: float | None) -> str:
    """Return the hash of the plan that is given for comparison, and of its bound."""
    text = "".join(each.to_csv(index=False) for each in known)
    return hashlib.sha256(f"{text}{bound}".encode()).hexdigest()


def _is_cached(folder: Path, key: RunKey) -> bool:
    """Return whether a folder holds the complete frontier of a key."""
    from ccs_model.plan.cache_key import cached_manifest

    return cached_manifest(folder, key) is not None


def _report(output: Output, folder: Path, warnings: Sequence[str] = (), *, is_cached: bool = False) -> int:
    """Report the frontier in a folder and return its exit code; a cached one has the warnings of its plan.json."""
    from ccs_model.runs.run_writer import FRONTIER

    page = _page(folder)  # an interrupted run may lack its page, which is written last
    text = (folder / FRONTIER).read_text(encoding="utf-8")
    document = json.loads(text)
    show_warnings(document_of(folder / "plan.json").get("warnings", ()) if is_cached else warnings)
    note = f"\n{CACHED}" if is_cached else ""
    output.report(text, lambda: f"{frontier_text(document, folder, page)}{note}")
    return LIMIT_REACHED if any(point["status"] == "limit" for point in document["points"]) else DONE


def _page(folder: Path) -> Path | None:
    """Return the page of a frontier's folder, written if it is missing; None without the extra."""
    try:
        from ccs_model.report.page.page import REPORT, write_page
        from ccs_model.runs.run_reader import read_run

        return folder / REPORT if (folder / REPORT).is_file() else write_page(read_run(folder))
    except MissingExtraError:
        return None


def _known_points(run: Path | None, own: Path) -> list[pd.DataFrame]:
    """Return the point of a finished run: `run`, or the scenario's own if it exists."""
    from ccs_model.runs.run_reader import read_point, read_run

    if run is not None:
        try:
            read_run(run)
            return [read_point(run)]
        except InputError as error:
            raise click.BadParameter(str(error), param_hint="--run") from error
    try:
        return [read_point(own)]
    except (FileError, InputError, NoPlanInRunError):
        return []


def _bound(run: Path, key: RunKey | None = None) -> float | None:
    """Return the bound over all candidate links of a run if it exists; None if its inputs are not those of `key`."""
    from ccs_model.analysis.frontier import bound_of
    from ccs_model.runs.run_reader import read_run

    try:
        found = read_run(run)
        is_other = key is not None and found.sha256 != key.sha256
        return None if is_other or found.document.get("added_components") else bound_of(found.document)
    except (FileError, InputError, NoPlanInRunError):
        return None


@click.group(
    cls=DefaultGroup,
    epilog="""\b
Examples:
  ccs-model sweep my.yaml --set budget.total_mn=0:20000:21
  ccs-model sweep merge runs/my-sweep-1a2b3c4d
""",
)
def sweep() -> None:
    """Run variants of a scenario; `sweep merge` combines shards."""


@sweep.command(
    cls=DefaultCommand,
    epilog="""\b
Examples:
  ccs-model sweep my.yaml --set budget.total_mn=0:20000:21
  ccs-model sweep my.yaml --set budget.total_mn=5000,9000 --set policy.carbon_price_per_t.2030=100,150,200
  ccs-model sweep my.yaml --set storage.sites=[Ordos],[Qinshui] --jobs 4 --out sweeps/sites
  ccs-model sweep my.yaml --list scenarios.csv --shard 1/2
  ccs-model sweep my.yaml --list scenarios.csv --scheduler tcp://head:8786
  ccs-model sweep merge sweeps/machine-1 sweeps/machine-2

Repeat the command to resume an interrupted sweep. A scenario without a plan is listed and stops no other.

\b
Exit codes: 0 done, 3 a scenario is invalid, 4 one is infeasible, 5 one reached a limit, 6 the solver failed
for one, 8 file system error, 130, 143 or 129 interrupted (finished runs are kept).
""",
)
@scenario_argument
@with_options(*changes_options)
@jobs_option
@scheduler_options
@click.option("--shard", metavar="i/n", help="Run only shard i of n; `ccs-model sweep merge` combines the shards.")
@click.option("--workbooks", is_flag=True, help="Write a workbook for every scenario; takes several times longer.")
@output_options("sweep", force=False)
def run(
    scenario: Path,
    sets: tuple[str, ...],
    listed: Path | None,
    jobs: int | None,
    scheduler: Scheduler | None,
    shard: str | None,
    workbooks: bool,
    output: Output,
) -> int:
    """Run variants of a scenario, each in its own run folder, and write one table of all."""
    changes = requested_changes(scenario, sets, listed, allow_outside=output.allow_outside)
    from ccs_model.analysis.jobs import shard_of
    from ccs_model.analysis.sweep import sweep as run_sweep

    console = _SweepConsole(quiet=output.quiet)
    try:
        result = run_sweep(
            scenario,
            changes,
            out=output.out,
            jobs=jobs,
            scheduler=scheduler,
            shard=shard_of(shard) if shard is not None else None,
            workbooks=workbooks,
            allow_outside=output.allow_outside,
            on_progress=console.on_progress,
        )
    except KeyboardInterrupt:
        console.clear()
        click.echo(f"interrupted; {console.n_ended} finished runs are kept; repeat the command to resume", err=True)
        return interrupted_code()
    console.clear()
    show(result, as_json=output.as_json, quiet=output.quiet)
    return result.exit_code


@sweep.command(
    epilog="""\b
Examples:
  ccs-model sweep merge runs/hebei-sweep-1a2b3c4d
  ccs-model sweep merge sweeps/all sweeps/machine-2 sweeps/machine-3

The first folder is completed with the runs of the others. Exit codes are those of ccs-model sweep; also 3
for a folder of a different sweep, 7 if a scenario is missing and not --partial, and 8 for a folder without a sweep.
"""
)
@click.argument("folder", metavar="DIR", type=PATH)
@click.argument("others", metavar="[DIR]...", nargs=-1, type=PATH)
@click.option("--partial", is_flag=True, help="Accept missing scenarios (exit code 0 instead of 7).")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print no summary.")
def merge(folder: Path, others: tuple[Path, ...], partial: bool, as_json: bool, quiet: bool) -> int:
    """Combine the shards of a sweep."""
    from ccs_model.analysis.sweep import collect

    result = collect(folder, others, partial=partial)
    show(result, as_json=as_json, quiet=quiet)
    return result.exit_code


class _SweepConsole:
    """Progress, rate and remaining time of a sweep on stderr."""

    def __init__(self, *, quiet: bool) -> None:
        self._line = ProgressLine(quiet=quiet)
        self.n_ended = 0

    def on_progress(self, progress: SweepProgress) -> None:
        self.n_ended = progress.n_ended
        failed = f", {progress.n_failed} without a plan" if progress.n_failed else ""
        rate = f"{60 * progress.per_s:.1f} per minute, {_duration(progress.left_s)} left"
        self._line.show(f"{progress.n_ended} of {progress.n_all} scenarios{failed}; {rate}")

    def clear(self) -> None:
        self._line.clear()


def show(result: Sweep, *, as_json: bool, quiet: bool) -> None:
    """Print the sweep on stdout, and the warnings of its plans on stderr."""
    show_warnings(sweep_warning_texts(result.warnings, len(result.cells)))
    if as_json:
        print_json(result.to_dict())
        return
    if quiet:
        return
    click.echo(sweep_text(result.folder, result.name, result.cells.to_dict("records")))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
