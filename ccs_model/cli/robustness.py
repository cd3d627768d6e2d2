"""`ccs-model montecarlo`, `stochastic`, `regret` and `near-optimal`: how robust a plan is."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccs_model.atomic_files import interrupted_code
from ccs_model.cli.command_options import (
    PATH,
    Output,
    changes_options,
    finite_range,
    jobs_option,
    output_options,
    requested_changes,
    scenario_argument,
    scenario_or_run_argument,
    scheduler_options,
    time_limit_option,
    warn_of_unused,
    with_options,
)
from ccs_model.cli.terminal import bold_text, columns, shorten_lines
from ccs_model.errors import DONE, LIMIT_REACHED
from ccs_model.report.text_tables import amount_text, wrap_rows
from ccs_model.units import count_text, money_text, rounded_text

if TYPE_CHECKING:
    from ccs_model.analysis.jobs import Scheduler

_N_INPUTS_SHOWN = 6
# Gap of a stochastic plan beyond which it explains a part of the value of perfect information worth a note.
_NARROW_GAP = 0.005
_N_SHOWN = 20


@click.command(
    epilog="""\b
Examples:
  ccs-model montecarlo my.yaml --draws 1000 --seed 1
  ccs-model montecarlo my.yaml --draws 5000 --seed 1 --jobs 8 --out results/futures
  ccs-model montecarlo runs/my-1a2b3c4d --json > futures.json

A run is taken as it is; a scenario is solved first, unless its run is in runs/. Equal seeds give equal futures
for every scenario. Repeat the command to resume an interrupted analysis.
`ccs-model data uncertainty/inputs` lists the uncertain inputs and their distributions; the key `uncertainty:` of
a scenario changes them.

\b
Exit codes: 0 done, 3 invalid input, 4 infeasible, 6 solver failure without a plan, 8 file system error,
130, 143 or 129 interrupted (finished futures are kept).
"""
)
@scenario_or_run_argument
@click.option("--draws", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True,
              help="Number of futures.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Random seed.")
@click.option("--sampling", type=click.Choice(["latin", "sobol"]), default="latin", show_default=True,
              help="Latin hypercube, or a Sobol sequence (best with 512, 1024, … draws).")  # fmt: skip
@click.option("--run", type=PATH,
              help="Run of SCENARIO whose plan is evaluated (default: the cached run, or a new one).")  # fmt: skip
@jobs_option
@scheduler_options
@output_options("montecarlo", force=False)
def montecarlo(
    requested: Path,
    draws: int,
    seed: int,
    sampling: str,
    run: Path | None,
    jobs: int | None,
    scheduler: Scheduler | None,
    output: Output,
) -> int:
    """Sample uncertain inputs.

    The plan is evaluated in every future, and each future is re-optimised as an LP relaxation.
    """
    from ccs_model.analysis.monte_carlo import montecarlo as sample

    line = output.line
    try:
        found = sample(
            requested,
            draws=draws,
            seed=seed,
            sampling=sampling,
            run=run,
            out=output.out,
            jobs=jobs,
            scheduler=scheduler,
            allow_outside=output.allow_outside,
            on_message=line.show,
            on_progress=lambda at: line.show(f"{at.n_ended} of {at.n_all} futures; {at.per_s:.1f} per second"),
        )
    except KeyboardInterrupt:
        line.clear()
        click.echo("interrupted; finished futures are kept; repeat the command to resume", err=True)
        return interrupted_code()
    output.report(found.text, lambda: _monte_carlo_text(json.loads(found.text), found.folder))
    return DONE


def _monte_carlo_text(document: Mapping[str, Any], folder: Path) -> str:
    from ccs_model.plan.plan import FIXED, REPLANNED
    from ccs_model.report.phrases import FEW_FUTURES, futures_text, is_beyond_noise
    from ccs_model.report.workbook.uncertainty_sheet import measures

    lines = [f"{bold_text(document['scenario'])}: {document['n_draws']} futures, seed {document['seed']}",
             f"Money in {money_text(document['currency'], document['price_year'])}, real", ""]  # fmt: skip
    headings = ((FIXED, "The plan, fixed in every future"), (REPLANNED, "Re-optimised in each future, LP relaxation"))
    measure_names = measures(document)
    for mode, heading in headings:
        table = [[heading, "scenario", "P5", "P50", "P95", ""]]
        for row in (each for each in document["spread"] if each["mode"] == mode):
            values = [amount_text(row[name], ",.1f") for name in ("planned", "p5", "p50", "p95")]
            of_some = "" if row["n_futures"] == document["n_draws"] else f"in {row['n_futures']} of the futures"
            table.append([measure_names[row["measure"]], *values, of_some])
        first, *others = wrap_rows(table, {0, 5}, columns())
        lines += [*map(bold_text, first.splitlines()), *others]
    lines.append(textwrap.fill(futures_text(document, document["broken"]), columns()))
    if document["n_draws"] < FEW_FUTURES:
        lines.append("More --draws narrow this down.")
    for mode, heading in headings:
        # Inputs whose effect is within sampling error are left out.
        of_objective = [
            row for row in document["tornado"] if row["mode"] == mode and row["measure"] == "objective_value"
        ]
        most = [row for row in of_objective if is_beyond_noise(row)]
        if not most:
            continue
        about = f"Largest effects on the objective, in {document['unit']}. {heading}:"
        lines += ["", textwrap.fill(about, columns())]
        lines += [
            f"  {row['input'].replace('_', ' '):32} {row['low']:12,.0f} … {row['high']:12,.0f}"
            for row in most[:_N_INPUTS_SHOWN]
        ]
        lines.append("  Correlated inputs share their effect.")
    often = [row for row in document["plants"] if (row["chosen_share"] or 0.0) >= document["no_regret"]["share_min"]]
    groups = (
        ("Required or committed by the scenario", (True, False)),
        ("No-regret plants, in the plan and in at least 90% of the futures by the LP relaxation", (True, True)),
        ("Not in the plan, but selected as often by the relaxation, which pays for fractions of pipes", (False, False)),
    )
    for what, group in groups:
        names = [row["name"] for row in often if (row["is_planned"], row["is_no_regret"]) == group]
        if names or group == (True, True):
            lines += ["", textwrap.fill(f"{what} ({len(names)}): {', '.join(names) or 'none'}", columns())]
    return "\n".join([*lines, f"Folder: {folder} (plan.xlsx, sheet Uncertainty; montecarlo.json; futures.csv)"])


@click.command(
    epilog="""\b
Examples:
  ccs-model stochastic my.yaml
  ccs-model stochastic my.yaml --out stochastic/prices --json

\b
The scenario names its futures:
  futures:
    low: {probability_share: 0.6, changes: {policy.carbon_price_per_t: {2026: 75, 2040: 300}}}
    high: {probability_share: 0.4, changes: {policy.carbon_price_per_t: {2026: 75, 2040: 900}}}
  here_and_now: [2026]
  risk: {cvar_share: 0.9, weight: 0.5}
  objective: max_npv
  policy: {capture_deductible: true}  # on-site abatement earns the carbon price

\b
Exit codes: 0 done, 3 invalid input, 4 infeasible, 5 stopped by a limit, 6 solver failure without a plan,
8 file system error.
"""
)
@scenario_argument
@output_options("stochastic")
def stochastic(scenario: Path, output: Output) -> int:
    """Optimise first-stage decisions for several futures."""
    warn_of_unused(scenario, allow_outside=output.allow_outside)
    from ccs_model.analysis.stochastic import stochastic as solve_stages
    from ccs_model.runs.run_reader import analysis_key

    document = output.report_analysis(
        analysis_key(scenario, [], "stochastic", allow_outside=output.allow_outside),
        "stochastic",
        "{}: two-stage plan",
        lambda: solve_stages(scenario, allow_outside=output.allow_outside, on_progress=output.line.show),
        _stochastic_text,
    )
    return DONE if document["status"] == "optimal" else LIMIT_REACHED


def _stochastic_text(document: Mapping[str, Any], folder: Path) -> str:
    from ccs_model.analysis.stochastic_tables import EVPI

    years = ", ".join(map(str, document["here_and_now"]))
    lines = [f"{document['scenario']}: two-stage plan for {len(document['futures'])} futures, in {document['unit']}"]
    gap = document["gap_share"]
    shown = "unknown" if gap is None else f"{gap:.2%}"
    lines += [f"gap {shown}; {document['n_columns']:,} columns, {document['n_rows']:,} rows"]
    if document["status"] != "optimal":
        lines.append(
            "Stopped by a limit before the requested gap was reached; solver.effort: thorough searches longer."
        )
    lines.append("")
    for row in document["values"]:
        lines.append(f"{amount_text(row['objective'], ',.1f'):>14}  {row['text']}")
    known = next(row["objective"] for row in document["values"] if row["quantity"] == EVPI)
    if known and (gap is None or gap > _NARROW_GAP):
        lines.append(
            "The value of perfect information contains the optimality gaps of the plan and of the plans of the single "
            "futures: the true value may be smaller or larger."
        )
    lines += ["", f"First stage ({years}), the same in every future:"]
    built = []
    for row in document["plants"]:
        more = "; not in the plan of the mean future" if row["is_in_mean_plan"] is False else ""
        built.append(f"  {row['plant']} {row['name']}, {row['year']}{more}")
    lines += [*(shorten_lines(built, _N_SHOWN) or ["  nothing is built"]), ""]
    for row in document["futures"]:
        later = [r for r in document["retrofits"] if r["future"] == row["future"] and not r["is_here_and_now"]]
        ends = f"{row['objective']:,.1f}; with perfect information {row['perfect_objective']:,.1f}"
        n_later = count_text(len(later), "second-stage retrofit")
        lines.append(f"{row['name']} ({row['probability_share']:.0%}): {ends}; {n_later}")
    return "\n".join([*lines, f"Folder: {folder} (stochastic.xlsx, stochastic.json, tables/)"])


@click.command(
    epilog="""\b
Examples:
  ccs-model regret my.yaml --set policy.carbon_price_per_t.2030=80,150,300
  ccs-model regret my.yaml --set storage.capacity=low,mid,high --probability 0.25,0.5,0.25
  ccs-model regret my.yaml --list futures.csv --json

The command optimises a plan for each future and evaluates every plan in every future. A plan that is infeasible
in some future (over budget, a target missed) is marked and not eligible.

\b
Exit codes: 0 done, 3 a future is invalid, 4 one is infeasible, 6 the solver failed for one, 8 file system error.
"""
)
@scenario_argument
@with_options(*changes_options)
@click.option("--probability", metavar="P1,P2,…", help="Probability of each future (default: equal).")
@output_options("regret")
def regret(scenario: Path, sets: tuple[str, ...], listed: Path | None, probability: str | None, output: Output) -> int:
    """Evaluate each plan in every future.

    The result names the plans of minimax and of least expected regret.
    """
    changes = requested_changes(scenario, sets, listed, allow_outside=output.allow_outside)
    from ccs_model.analysis.regret import regret as evaluate
    from ccs_model.analysis.regret import shares_of
    from ccs_model.runs.run_reader import analysis_key

    shares, allow = shares_of(_probabilities(probability), len(changes)), output.allow_outside
    output.report_analysis(
        analysis_key(scenario, [changes, shares], "regret", allow_outside=allow),
        "regret",
        "{}: regret",
        lambda: evaluate(scenario, changes, probabilities=shares, allow_outside=allow, on_progress=output.line.show),
        _regret_text,
    )
    return DONE


def _probabilities(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(each) for each in text.split(","))
    except ValueError:
        raise click.BadParameter(f"'{text}' is not a list of numbers", param_hint="--probability") from None


def _regret_text(document: Mapping[str, Any], folder: Path) -> str:
    futures, plans, plants = document["futures"], document["plans"], document["plants"]
    money = money_text(document["currency"], document["price_year"])
    heading = f"{document['scenario']}: regret in {document['unit']}; spending above a budget in million {money}"
    lines = [heading, "", "future      optimum  probability"]
    for row in futures:
        lines.append(f"{row['future']:>4} {row['objective']:>14,.1f} {row['probability_share']:>12.1%}  {row['name']}")
    by_plan: dict[int, list[str]] = {}
    for row in document["regrets"]:
        by_plan.setdefault(row["plan"], []).append(
            f"{row['regret']:,.1f}"
            if row["regret"] is not None
            else row["state"]
            + (f" by {rounded_text(row['excess_mn'])} million" if row["state"] == "over budget" else "")
        )
    lines += ["", "plan        max       mean  regret in each future"]
    for row in plans:
        ends = [amount_text(row[name], ",.1f") for name in ("max_regret", "expected_regret")]
        lines.append(f"{row['plan']:>4} {ends[0]:>10} {ends[1]:>10}  {' | '.join(by_plan[row['plan']])}")
    eligible = [row for row in plans if row["max_regret"] is not None]
    among = f", of the {len(eligible)} of {len(plans)} plans that are feasible in every future"
    if len(eligible) == 1:
        among = f", the only one of {len(plans)} plans that is feasible in every future"
    for key, name, what in (
        ("minimax_plan", "max_regret", "Minimax regret"),
        ("least_expected_plan", "expected_regret", "Least expected regret"),
    ):
        least = next((row[name] for row in plans if row["plan"] == document[key]), math.nan)
        named = [row["name"] for row in eligible if math.isclose(row[name], least, rel_tol=1e-9, abs_tol=1e-9)]
        found = " and ".join(named) + (among if len(eligible) < len(plans) else "")
        lines += [f"{what}: {found if named else 'no plan is feasible in every future'}"]
    sure = [row for row in plants if row["is_no_regret"]]
    lines += ["", f"No-regret plants, in every plan: {len(sure)}"]
    lines += shorten_lines([f"  {row['plant']} {row['name']}" for row in sure], _N_SHOWN)
    return "\n".join([*lines, f"Folder: {folder} (regret.xlsx, regret.json, tables/)"])


@click.command(
    name="near-optimal",
    epilog="""\b
Examples:
  ccs-model near-optimal scenarios/hebei.yaml
  ccs-model near-optimal runs/hebei-1a2b3c4d --within 0.02
  ccs-model near-optimal my.yaml --n 5 --out near-optimal/my --json

The command classifies plants: in every near-optimal plan, in some, or in none. A scenario is solved first; a run
is used as it is. For a shared network the pipes keep to the links of the plan unless --all-links is given.

\b
Exit codes: 0 done, 3 invalid input, 4 infeasible, 5 time limit before every plant was classified,
8 file system error.
""",
)
@scenario_or_run_argument
@click.option("--within", "within_share", type=finite_range(0, 1, above=True, below=True), default=0.01,
              show_default=True, help="Largest loss of the objective, as a share of its optimum.")  # fmt: skip
@click.option("--n", "n_plans", type=click.IntRange(1, 1000), default=10, show_default=True,
              help="Number of maximally different plans.")  # fmt: skip
@click.option("--all-links", is_flag=True, help="Allow pipes on all candidate links; takes longer.")
@time_limit_option("Seconds after which the search stops once the plan is solved.", default=600.0)
@output_options("near-optimal")
def near_optimal(
    requested: Path, within_share: float, n_plans: int, all_links: bool, time_limit: float, output: Output
) -> int:
    """Find different plans close to the optimum."""
    from ccs_model.analysis.near_optimal import TIME_LIMIT_S
    from ccs_model.analysis.near_optimal import near_optimal as search
    from ccs_model.runs.run_reader import analysis_key

    show, allow = output.line.show, output.allow_outside
    show("reading the scenario and the tables")
    limit = [] if time_limit == TIME_LIMIT_S else [time_limit]
    choices = [requested.is_dir(), within_share, n_plans, all_links, *limit]
    document = output.report_analysis(
        analysis_key(requested, choices, "near-optimal", allow_outside=allow),
        "near_optimal",
        f"{{}}: plans within {within_share:.2%}",
        lambda: search(
            requested,
            within_share=within_share,
            n_plans=n_plans,
            time_limit_s=time_limit,
            all_links=all_links,
            allow_outside=allow,
            on_progress=show,
        ),
        _near_optimal_text,
    )
    return DONE if document["is_complete"] else LIMIT_REACHED


def _near_optimal_text(document: Mapping[str, Any], folder: Path) -> str:
    share, value = document["within_share"], document["objective"]
    lines = [f"{document['scenario']}: plans within {share:.2%} of {value:,.1f} {document['unit']}"]
    if document["n_corridors"] is not None:
        lines[0] += f"; pipelines within the {count_text(document['n_corridors'], 'link')} searched"
    lines += _ranges(document["ranges"]) if "ranges" in document else _sets(document)
    if not document["is_complete"]:
        lines.append(
            "The time limit was reached before every plant was classified; raise --time-limit"
            if document.get("is_stopped", True)
            else "The effort limit was reached before every plant was classified; classes without proof may be wrong"
        )
    lines.append(f"Folder: {folder} (near_optimal.xlsx, near_optimal.json, tables/)")
    return "\n".join(lines)


def _sets(document: Mapping[str, Any]) -> list[str]:
    """Lines on integer plans: plants by class, exchanges, and the plans that differ most."""
    plants, plans = document["plants"], document["plans"]
    every = "; there are no others" if document["is_exhausted"] else ""
    lines = [f"Other sets of plants found: {len(plans) - 1}{every}", ""]
    headings = {
        "needed": "In every near-optimal plan",
        "in all found": "In all plans found; not proven for every plan",
        "swappable": "In some near-optimal plans",
        "in none found": "In no plan found; not proven for every plan",
        "never": "In no near-optimal plan",
    }
    for standing, heading in headings.items():
        rows = [row for row in plants if row["standing"] == standing]
        if not rows and not standing.isalpha():
            continue
        lines.append(f"{heading}: {count_text(len(rows), 'plant')}")
        if standing == "never":
            continue
        named = []
        for row in rows:
            lost = f"; excluding it loses at least {row['lost_share']:.2%}" if row["lost_share"] is not None else ""
            # What the scenario fixes is no finding of the search.
            reason = f"; {row['text']}" if row["text"] else lost
            named.append(f"  {row['plant']} {row['name']}" + (reason if standing == "needed" else ""))
        lines += shorten_lines(named, _N_SHOWN)
    lines += ["", "Exchanges:"] if document["exchanges"] else []
    # An exchange of two plants is a row of each.
    exchanges = dict.fromkeys(f"  {row['text']} (−{row['short_share']:.2%})" for row in document["exchanges"])
    lines += [*exchanges][:_N_SHOWN]
    most = [each for each in plans[1:] if each["how"] == "most different"]
    lines += ["", "Most different plans:"] if most else []
    for row in most[:_N_SHOWN]:
        lines.append(
            f"  {row['alternative']}: {row['n_differing']} plants differ, −{row['short_share']:.2%}: {row['text']}"
        )
    return [*lines, ""]


def _ranges(rows: list[Mapping[str, Any]]) -> list[str]:
    """Lines on continuous plans: the range of each plant's capture."""
    lines = [f"{'plan':>7} {'min':>7} {'max':>7}  share of the capturable CO2 at"]
    for row in [each for each in rows if each["standing"] != "never"][: 2 * _N_SHOWN]:
        shown = " ".join(f"{amount_text(row[name], '.1%'):>7}" for name in ("plan_share", "min_share", "max_share"))
        lines.append(f"{shown}  {row['plant']} {row['name']}")
    n_never = sum(row["standing"] == "never" for row in rows)
    return [*lines, f"{n_never} further plants are in no near-optimal plan", ""]


TEXTS: Mapping[str, Callable[[Mapping[str, Any], Path], str]] = {
    "montecarlo": _monte_carlo_text,
    "near-optimal": _near_optimal_text,
    "regret": _regret_text,
    "stochastic": _stochastic_text,
}
"""Kind of a stored analysis → the text of its document and folder."""
