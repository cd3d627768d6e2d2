"""`ccs-model frontier SCENARIO`: what each budget buys."""

from __future__ import annotations

import json
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ccs_model.cli.terminal import ProgressLine, answer_options
from ccs_model.errors import DONE, LIMIT_REACHED

if TYPE_CHECKING:
    from ccs_model.plan.plan import Frontier


@click.command(
    epilog="""\b
Examples:
  ccs-model frontier scenarios/hebei.yaml
  ccs-model frontier my.yaml --points 41 --to 30000 --out results/frontier
  ccs-model frontier my.yaml --json > frontier.json

The run folder holds the plan at the scenario's budget, its workbook with sheet Frontier, and with the extra
[report] a page with a slider over the budgets. Of a fractional scenario every breakpoint is exact.
Exit codes: 0 done, 3 bad input, 4 no budget is enough, 5 some rung has a wider gap than asked for, 6 no
plan, 8 file trouble.
"""
)
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--points", type=click.IntRange(2, 1000), default=21, show_default=True, help="Budgets to look at.")
@click.option("--to", "to_mn", type=click.FloatRange(min=0, min_open=True), help="Highest budget, in million (default: "
              "1.5 times the scenario's).")  # fmt: skip
@click.option("--time-limit", type=click.FloatRange(min=0, min_open=True), default=38.0, show_default=True,
              help="Seconds for the search; each rung says how close it came.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 2), help="Processes at a time for a shared network (default: two, "
              "one where it is small).")  # fmt: skip
@click.option("--run", type=click.Path(path_type=Path), help="Run whose corridors count as well (default: the "
              "scenario's own run, where it is there).")  # fmt: skip
@answer_options("frontier")
def frontier(
    scenario: Path,
    points: int,
    to_mn: float | None,
    time_limit: float,
    jobs: int | None,
    run: Path | None,
    out: Path | None,
    as_json: bool,
    force: bool,
    allow_outside: bool,
    quiet: bool,
) -> int:
    """Find what each budget buys, who comes in and who leaves, and where a ranked list would be wrong."""
    started = datetime.now(UTC)
    from ccs_model.analysis.frontier import frontier as found_by
    from ccs_model.plan.cache_key import RunKey, run_key
    from ccs_model.problem.scenario_names import read_checked
    from ccs_model.runs.run_writer import FRONTIER, validate_overwrite, write_run_folder

    line = ProgressLine(quiet=quiet)
    line.show("  reading the scenario and the tables")
    requested, inputs = read_checked(scenario, allow_outside=allow_outside)
    own = run_key(requested, inputs)
    corridors = _corridors(run, Path("runs") / own.folder_name)
    sha = RunKey.of_text(json.dumps([own.sha256, points, to_mn, sorted(corridors or ())]))
    folder = out if out is not None else Path("runs") / f"{own.slug}-frontier-{sha[:8]}"
    if not force and out is None and (folder / FRONTIER).is_file():
        _page(folder)  # it comes last, and may be what a kill kept from being written
        line.done()
        if as_json:
            click.echo((folder / FRONTIER).read_text(encoding="utf-8"), nl=False)
        elif not quiet:
            click.echo(f"This frontier is there already: {folder}\nUse --force to make it again.")
        return DONE
    # Rather now than after the search.
    validate_overwrite(folder, force)
    plan = found_by(
        requested,
        n_points=points,
        to_mn=to_mn,
        time_limit_s=time_limit,
        corridors=corridors,
        jobs=jobs,
        allow_outside=allow_outside,
        on_progress=lambda words: line.show(f"  {words}"),
    )
    assert plan.frontier is not None
    line.show("  writing the run folder")
    command = shlex.join(["ccs-model", *sys.argv[1:]])
    write_run_folder(plan, folder, force=force, command=command, started=started)
    page = _page(folder)
    line.done()
    if as_json:
        click.echo((folder / FRONTIER).read_text(encoding="utf-8"), nl=False)
    elif not quiet:
        click.echo(_text(plan.frontier, folder, page))
    return LIMIT_REACHED if (plan.frontier.points["status"] == "limit").any() else DONE


def _page(folder: Path) -> Path | None:
    """The page of a frontier's folder, made where it is not there; None without the extra. All else stands."""
    from ccs_model.errors import MissingExtraError

    try:
        from ccs_model.report.page.page import REPORT, write_page
        from ccs_model.runs.run_reader import read_run

        return folder / REPORT if (folder / REPORT).is_file() else write_page(read_run(folder))
    except MissingExtraError:
        return None


def _corridors(run: Path | None, own: Path) -> tuple[str, ...] | None:
    """Corridors of a run that is there already."""
    from ccs_model.errors import InputError
    from ccs_model.runs.run_reader import read_run

    if run is None:
        try:
            found = json.loads((own / "plan.json").read_text(encoding="utf-8")).get("corridors")
        except (OSError, ValueError, AttributeError):
            return None
        return tuple(found) if found else None
    try:
        listed = read_run(run).document["corridors"]
    except InputError as error:
        raise click.BadParameter(str(error), param_hint="--run") from error
    return tuple(listed) if listed else None


def _text(frontier: Frontier, folder: Path, page: Path | None) -> str:
    about, points = frontier.about, frontier.points
    lines = [f"What each budget buys, over the horizon; {about['network']}"]
    head = f"{'budget':>10} {'avoided kt':>12} {'gap':>7} {'plants':>7} {'list':>7}  what the step buys"
    lines += [f"Money in million {about['currency']} {about['price_year']}, real", "", head]
    for row in points.to_dict("records"):
        short = row["list_short_share"]
        listed = "–" if short is None or short != short else f"−{short:.1%}" if short > 5e-4 else "same"
        mark = "*" if row["is_scenario"] else " "
        lines.append(
            f"{row['budget_mn']:>9,.0f}{mark} {row['abatement_kt']:>12,.0f} {row['gap_share']:>7.2%} "
            f"{row['n_plants_retrofitted']:>7} {listed:>7}  {row['words']}"
        )
    if frontier.is_exact:
        n_breaks = len(frontier.breakpoints)
        lines.append(f"Exact: the slope changes at {n_breaks - 2} budgets (tables/frontier_breakpoints.csv).")
    lines += ["* the scenario's budget; list: what the ranked list of costs would reach, against the plan", ""]
    lines.append(f"Run folder: {folder} (plan.xlsx, sheet Frontier; frontier.json)")
    if page is not None:
        lines.append(f"Page with a slider over the budgets: {page}")
    return "\n".join(lines)
