"""`ccs-model frontier SCENARIO`: the plan of each budget."""

from __future__ import annotations

import json
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ccs_model.cli.command_options import (
    CACHED,
    PATH,
    POSITIVE,
    Output,
    effort_option,
    output_options,
    scenario_argument,
    time_limit_option,
)
from ccs_model.errors import DONE, LIMIT_REACHED, FileError, InputError, MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

    from ccs_model.plan.plan import Frontier


@click.command(
    epilog="""\b
Examples:
  ccs-model frontier scenarios/hebei.yaml
  ccs-model frontier my.yaml --points 41 --to 30000 --out results/frontier
  ccs-model frontier my.yaml --json > frontier.json

The run folder holds the plan at the scenario's budget, its workbook with sheet Frontier and, if the extra
[report] is installed, a page with a slider over the budgets. For continuous decisions every breakpoint is exact.

\b
Exit codes: 0 done, 3 invalid input, 4 no budget is sufficient, 5 a budget point has a wider gap than
requested, 6 solver failure without a plan, 8 file system error.
"""
)
@scenario_argument
@click.option("--points", type=click.IntRange(2, 1000), default=21, show_default=True, help="Number of budgets.")
@click.option("--to", "to_mn", type=POSITIVE, help="Highest budget in million (default: 1.5 times the scenario's).")
@time_limit_option("Seconds after which the search stops (default: the scenario's).")
@effort_option
@click.option("--jobs", type=click.IntRange(1, 2),
              help="Number of processes for a shared network (default: two; one for a small network).")  # fmt: skip
@click.option("--run", type=PATH,
              help="Run whose plan is one of those compared (default: the scenario's cached run).")  # fmt: skip
@output_options("frontier")
def frontier(
    scenario: Path,
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
    from ccs_model.plan.cache_key import RunKey, run_key
    from ccs_model.problem.scenario_names import read_checked
    from ccs_model.runs.folder_writer import validate_overwrite
    from ccs_model.runs.run_writer import FRONTIER, write_run_folder

    line, force = output.line, output.force
    line.show("reading the scenario and the tables")
    requested, inputs = read_checked(scenario, allow_outside=output.allow_outside)
    if effort is not None:
        requested = requested.with_changes({"solver.effort": effort})
    own = run_key(requested, inputs)
    known = _known(run, Path("runs") / own.folder_name)
    # Plans of the scenario itself are what the frontier would find, so that they do not name its folder.
    sha = RunKey.of_text(json.dumps([own.sha256, points, to_mn, str(run) if run else ""]))
    folder = output.folder(f"{own.slug}-frontier-{sha[:8]}")
    if not force and output.out is None and (folder / FRONTIER).is_file():
        _page(folder)  # an interrupted run may lack its page, which is written last
        text = (folder / FRONTIER).read_text(encoding="utf-8")
        output.report(text, lambda: f"Cached frontier: {folder}\n{CACHED}")
        return DONE
    validate_overwrite(folder, force)
    plan = search(
        requested,
        n_points=points,
        to_mn=to_mn,
        time_limit_s=time_limit,
        known=known,
        jobs=jobs,
        allow_outside=output.allow_outside,
        on_progress=line.show,
    )
    found = plan.frontier
    assert found is not None
    line.show("writing the run folder")
    command = shlex.join(["ccs-model", *sys.argv[1:]])
    write_run_folder(plan, folder, force=force, command=command, started=started)
    page = _page(folder)
    output.report((folder / FRONTIER).read_text(encoding="utf-8"), lambda: _text(found, folder, page))
    return LIMIT_REACHED if (found.points["status"] == "limit").any() else DONE


def _page(folder: Path) -> Path | None:
    """Return the page of a frontier's folder, written if it is missing; None without the extra."""
    try:
        from ccs_model.report.page.page import REPORT, write_page
        from ccs_model.runs.run_reader import read_run

        return folder / REPORT if (folder / REPORT).is_file() else write_page(read_run(folder))
    except MissingExtraError:
        return None


def _known(run: Path | None, own: Path) -> list[pd.DataFrame]:
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
    except (FileError, InputError):
        return []


def _text(frontier: Frontier, folder: Path, page: Path | None) -> str:
    about, points = frontier.about, frontier.points
    lines = [
        f"Abatement by budget over the horizon; {about['network']}",
        f"Money in million {about['currency']} {about['price_year']}, real",
        "",
        f"{'budget':>10} {'avoided kt':>12} {'gap':>7} {'plants':>7} {'merit':>7}  change from the previous budget",
    ]
    for row in points.to_dict("records"):
        short = row["list_short_share"]
        listed = "–" if short is None or short != short else f"{-short:+.1%}"
        mark = "*" if row["is_scenario"] else " "
        lines.append(
            f"{row['budget_mn']:>9,.0f}{mark} {row['abatement_kt']:>12,.0f} {row['gap_share']:>7.2%} "
            f"{row['n_plants_retrofitted']:>7} {listed:>7}  {row['words']}"
        )
    if frontier.is_exact:
        n_breaks = len(frontier.breakpoints)
        lines.append(f"Exact: the slope changes at {n_breaks - 2} budgets (tables/frontier_breakpoints.csv).")
    lines += ["* the scenario's budget; merit: abatement of the merit order against the plan", ""]
    lines.append(f"Run folder: {folder} (plan.xlsx, sheet Frontier; frontier.json)")
    if page is not None:
        lines.append(f"Page with a slider over the budgets: {page}")
    return "\n".join(lines)
