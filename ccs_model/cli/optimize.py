"""`ccs-model optimize SCENARIO`: the main command, and the summary of its plan."""

from __future__ import annotations

import math
import shlex
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ccs_model.cli.command_options import (
    CACHED,
    Output,
    effort_option,
    finite,
    lang_option,
    output_options,
    scenario_argument,
    time_limit_option,
)
from ccs_model.cli.terminal import aligned, columns, truncate, width_of
from ccs_model.errors import DONE, LIMIT_REACHED, InfeasibleError

if TYPE_CHECKING:
    from ccs_model.plan.plan import Plan


@click.command(
    epilog="""\b
Examples:
  ccs-model optimize scenarios/pilot-zones.yaml
  ccs-model optimize my.yaml --out results/my --mip-gap 0.001 --effort thorough
  ccs-model optimize my.yaml --json > plan.json
  ccs-model optimize my.yaml --lang zh --out results/my-zh

Results are cached by input hash; use --force to re-run.

Exit codes: 0 done, 3 invalid input, 4 infeasible, 5 the gap was not reached (plan and gap written), 6 solver
failure without a plan, 7 verification failed, 8 file system error.
"""
)
@scenario_argument
@output_options()
@click.option("--mip-gap", "--gap", "mip_gap", type=finite(0, 0.5), metavar="SHARE",
              help="Stop at this relative optimality gap.")  # fmt: skip
@time_limit_option("Seconds after which the search stops; the whole run takes hardly longer.")
@effort_option
@click.option("--threads", type=click.IntRange(1, 64), help="Most processes of a frontier; no plan depends on it.")
@lang_option("workbook")
@click.option("-v", "--verbose", is_flag=True, help="Print the solver log on stderr.")
def optimize(
    scenario: Path,
    output: Output,
    mip_gap: float | None,
    time_limit: float | None,
    effort: str | None,
    threads: int | None,
    lang: str,
    verbose: bool,
) -> int:
    """Find the retrofits to build and write a run folder."""
    from ccs_model.solve.optimize_run import optimize_to_folder

    given = {
        "solver.mip_gap": mip_gap,
        "solver.effort": effort,
        "solver.time_limit_s": time_limit,
        "solver.threads": threads,
    }
    try:
        run = optimize_to_folder(
            scenario,
            output.out,
            changes={key: value for key, value in given.items() if value is not None},
            force=output.force,
            lang=lang,
            allow_outside=output.allow_outside,
            command=shlex.join(["ccs-model", *sys.argv[1:]]),
            on_progress=output.line.on_progress if output.line.is_shown else None,
            on_message=output.line.show,
        )
    except InfeasibleError as error:
        output.line.done()
        if error.folder is not None:
            if output.as_json:
                click.echo(_document(error.folder), nl=False)
            nearest = "; the nearest plan is in tables/nearest_*.csv" if _has_nearest_plan(error.folder) else ""
            report = f"report with the conflicting constraints (plan.xlsx, plan.json){nearest}"
            click.echo(f"{error.folder}: {report}", err=True)
        raise
    finally:
        output.line.done()
    plan, document = run.plan, _document(run.folder)
    if plan is None:
        there = run.manifest.get("workbook_lang", "en")
        if there != lang:
            click.echo(f"{run.folder}: its workbook is in '{there}', not '{lang}'; use --force to re-run", err=True)
        output.report(document, lambda: f"Cached run: {run.folder}\n{CACHED}")
        return DONE
    for warning in plan.warnings:
        click.echo(f"warning: {warning}", err=True)
    if verbose:
        click.echo(plan.solver_log, err=True)
    output.report(document, lambda: summary_text(plan, run.folder))
    return LIMIT_REACHED if plan.reached_a_limit else DONE


def _has_nearest_plan(folder: Path) -> bool:
    return any((folder / "tables").glob("nearest_*.csv"))


def _document(folder: Path) -> str:
    return (folder / "plan.json").read_text(encoding="utf-8")


# The summary of a plan on one screen: retrofits, periods, zones, targets, money and files.

N_SHOWN = 12
MIN_NAME_WIDTH, MAX_NAME_WIDTH = 18, 44
PART_SIGN = {"quarter": "¼", "half": "½"}


def summary_text(plan: Plan, folder: Path) -> str:
    """Return the summary as text."""
    from ccs_model.plan.calibrated_results import statement
    from ccs_model.plan.reported_reduction import reported_reduction_lines
    from ccs_model.report.sentences import not_eligible

    parts = [
        _headline(plan),
        _retrofits(plan),
        _periods(plan),
        _zones(plan),
        "\n".join(textwrap.fill(each, columns()) for each in (statement(plan), *reported_reduction_lines(plan))),
        _targets(plan),
        _fixed_decisions(plan),
        "\n".join(textwrap.fill(each, columns()) for each in not_eligible(plan.problem)),
        _marginal(plan),
        _files(plan, folder),
    ]
    return "\n\n".join(part for part in parts if part)


def _headline(plan: Plan) -> str:
    problem, totals = plan.problem, plan.totals
    lines = [problem.name]
    description = " ".join(problem.scenario.description.split())
    if description:
        lines.append(textwrap.fill(description, columns()))
    if not totals["n_retrofits"]:
        from ccs_model.report.sentences import nothing_built

        lines.append("\n" + textwrap.fill(nothing_built(plan), columns()))
        if plan.corridors is not None and plan.objective.bound != plan.objective.value:
            lines.append(f"{_gap(plan)}.")
        return "\n".join(lines)
    built = f"{_count(totals['n_retrofits'], 'retrofit')} at {_count(totals['n_plants_retrofitted'], 'plant')}"
    from ccs_model.report.sentences import storage_band

    costs = (totals[f"{name}_cost_per_t"] for name in ("capture", "avoidance"))
    per_t = ["–" if each is None else f"{each:,.0f}" for each in costs]
    when = "In a representative year" if problem.is_static else f"By {problem.years[-1]}"
    sentences = [
        f"{built} for {_spent(plan)}",
        f"{_gap(plan)}.",
        *([] if problem.network is None else [_network(plan)]),
        f"{when} they capture {_mt(totals['captured_ktpa'])} and avoid {_mt(totals['avoided_ktpa'])} "
        f"CO2 a year: {_share(totals['abatement_share'])} of the zones' {_mt(totals['baseline_ktpa'])} "
        f"(on-site abatement {_share(totals['on_site_abatement_share'])}).",
        f"Capture cost {per_t[0]} {problem.currency} per t captured, without transport and storage; avoidance cost "
        f"{per_t[1]} {problem.currency} per t avoided, with them ({problem.currency} of {problem.price_year}).",
        *filter(None, [storage_band(plan)]),
        *([] if plan.owners is None else [_npv(plan), _society(plan)]),
    ]
    return "\n".join([*lines, "", *(textwrap.fill(each, columns()) for each in sentences)])


def _npv(plan: Plan) -> str:
    """Return the owners' net present value after tax, with and without other profits."""
    problem, totals = plan.problem, plan.totals
    priced = "" if problem.accounts.credit_per_t.any() else ", without carbon revenue"
    funded = plan.funds.groupby("kind")["spend_mn"].sum()
    funds = f" Funds pay {funded.sum():,.0f} million of the capital." if funded.sum() > 0 else ""
    owners = f"{100 * problem.discount_rate:g}%"
    alone = totals["standalone_npv_mn"] or 0.0
    without = "" if math.isclose(alone, totals["npv_mn"] or 0.0) else f" ({alone:,.0f} without other profits to tax)"
    return (
        f"Owners' NPV after tax{priced}: {_mn(plan, totals['npv_mn'])}{without} at a discount rate of {owners}.{funds}"
    )


def _society(plan: Plan) -> str:
    """Return the social account."""
    from ccs_model.plan.social_account import social_terms
    from ccs_model.report.sentences import society

    return " ".join(society(plan.totals, plan.problem.currency, social_terms(plan.problem))).replace(" %", "%")


def _spent(plan: Plan) -> str:
    """Return the capital cost, and that of capture, pipes and storage."""
    from ccs_model.report.sentences import rounded_parts

    totals = plan.totals
    spent = _mn(plan, totals["capex_mn"])
    granted = float(plan.funds.loc[plan.funds["kind"] == "grant", "spend_mn"].sum())
    spent += f" (grants {granted:,.0f})" if granted > 0 else ""
    spent += "" if plan.problem.is_static else _of_the_budget(plan)
    parts = (("capture", "capture_capex_mn"), ("pipes", "pipe_capex_mn"), ("storage", "storage_capex_mn"))
    amounts = rounded_parts([float(totals[name] or 0.0) for _, name in parts])
    return f"{spent}: {', '.join(f'{what} {amount:,}' for (what, _), amount in zip(parts, amounts, strict=True))}."


def _gap(plan: Plan) -> str:
    """Return the optimality gap; for a shared network the gap over all candidate links comes first."""
    from ccs_model.report.figures import gap_of
    from ccs_model.report.sentences import gap_text

    text = gap_text(gap_of(plan), plan.objective.unit).replace(" %", "%")
    return f"{'Stopped by a limit. ' if plan.reached_a_limit else ''}{text[:1].upper()}{text[1:]}"


def _network(plan: Plan) -> str:
    """Return one sentence on pipelines, truck routes and wells."""
    last = plan.flows[plan.flows["year"] == plan.problem.years[-1]]
    pipes = last[last["kind"] == "pipe"]
    n_roads = int((last["kind"] == "truck").sum())
    sites = plan.storage[plan.storage["year"] == plan.problem.years[-1]]
    roads = f" and {_count(n_roads, 'truck route')}" if n_roads else ""
    return (
        f"{_count(len(pipes), 'pipeline')} of {pipes['length_km'].sum():,.0f} km in total{roads}, "
        f"{_count(len(sites), 'storage site')} with {sites['n_wells'].sum():,.0f} wells."
    )


def _count(number: float | int | None, what: str) -> str:
    return f"{number or 0:,} {what}" + ("" if number == 1 else "s")


def _of_the_budget(plan: Plan) -> str:
    budget = plan.totals["budget_mn"]
    return f" of the budget of {_mn(plan, budget)}" if budget is not None else ""


def _targets(plan: Plan) -> str:
    if plan.targets.empty:
        return ""
    header = ("target", "required", "reached", "marginal cost")
    rows = [
        (
            row.target,
            f"{row.required_kt:,.0f}",
            f"{row.reached_kt:,.0f}" + (" missed" if row.shortfall_kt > 1e-6 else ""),
            f"{row.price_per_t:,.0f} {plan.problem.currency}/t" if row.price_per_t == row.price_per_t else "",
        )
        for row in plan.targets.itertuples(index=False)
    ]
    return (
        aligned([header, ("", "kt", "kt", "per t avoided"), *rows], left=1)
        + f"\n{'Cost of a year' if plan.problem.is_static else 'Discounted cost over the horizon'} "
        f"{_mn(plan, sum(plan.costs.values()))}; marginal costs are those of the LP relaxation."
    )


def _fixed_decisions(plan: Plan) -> str:
    """Return the cost of each required or excluded plant, by the LP relaxation."""
    lines = []
    for row in plan.fixed_decisions.itertuples(index=False):
        what = "Requiring" if row.lock == "require" else "Excluding"
        if row.abatement_lost_kt == row.abatement_lost_kt:
            price = f"{row.abatement_lost_kt:,.0f} kt CO2 over the horizon"
        else:
            price = _mn(plan, row.cost_added_mn)
        lines.append(f"{what} {row.name or row.plant} costs {price}.")
    return "\n".join(lines)


def _retrofits(plan: Plan) -> str:
    if plan.retrofits.empty:
        return ""
    currency = plan.problem.currency
    per_t = f"{currency} per t"
    header = ("plant", "stream", "technology", "start", "site", "captured", "avoided", "capex", per_t, per_t)
    units = ("", "", "", "", "", "kt/y", "kt/y", f"mn {currency}", "captured", "avoided")
    shown = plan.retrofits.head(N_SHOWN)
    names = [str(name) for name in shown["name"]]
    rows = [
        (
            "",
            row.stream.replace("_", " "),
            f"{row.technology.replace('_', ' ')} {PART_SIGN.get(row.size, '')}".strip(),
            str(row.year),
            row.site,
            f"{row.captured_ktpa:,.0f}",
            f"{row.avoided_ktpa:,.0f}",
            f"{row.capex_mn:,.0f}",
            # A measure without capture has no capture cost.
            f"{row.capture_cost_per_t:,.0f}" if row.captured_at_full_load_ktpa > 0 else "–",
            f"{row.avoidance_cost_per_t:,.0f}",
        )
        for row in shown.itertuples(index=False)
    ]
    others = aligned([header, units, *rows], left=5).splitlines()
    # The name takes the width that the other columns leave.
    left = columns() - (max(map(width_of, others)) - len(header[0]))
    width = max(min(left, MAX_NAME_WIDTH), MIN_NAME_WIDTH)
    rows = [(truncate(name, width), *row[1:]) for name, row in zip(names, rows, strict=True)]
    text = aligned([header, units, *rows], left=5)
    more = len(plan.retrofits) - N_SHOWN
    return text + (f"\n… and {more} more in plan.xlsx, sheet Retrofits" if more > 0 else "")


def _periods(plan: Plan) -> str:
    if plan.problem.is_static:
        return f"Annual cost {_mn(plan, sum(plan.costs.values()))}{_of_the_budget(plan)}, with annualised capital."
    header = ("period", "started", f"spent, mn {plan.problem.currency}", "captured, kt/y", "avoided, kt/y", "abatement")
    rows = [
        (
            f"{row.year:.0f}–{row.year + n_years - 1:.0f}",
            f"{row.n_started:.0f}",
            f"{row.spending_mn:,.0f}",
            f"{row.captured_ktpa:,.0f}",
            f"{row.avoided_ktpa:,.0f}",
            _share(row.abatement_share),
        )
        for row, n_years in zip(plan.by_year.itertuples(), plan.problem.periods["n_years"].tolist(), strict=True)
    ]
    return aligned([header, *rows], left=1)


def _zones(plan: Plan) -> str:
    header = ("zone", "baseline, kt/y", "avoided, kt/y", "abatement", "on-site", "as designed", "reported")
    rows = [
        (
            str(row.zone),
            f"{row.baseline_ktpa:,.0f}",
            f"{row.avoided_ktpa:,.0f}",
            _share(row.abatement_share),
            _share(row.on_site_abatement_share),
            _share(row.uncalibrated_abatement_share),
            _share(row.reported_abatement_share)
            if row.reported_abatement_share == row.reported_abatement_share
            else "",
        )
        for row in plan.zones.itertuples(index=False)
    ]
    kept = len(header) if plan.problem.calibrated is not None else len(header) - 2
    return aligned([each[:kept] for each in (header, *rows)], left=1)


def _marginal(plan: Plan) -> str:
    from ccs_model.report.sentences import binding

    lines = []
    bought = plan.marginal_budget
    if bought is not None and bought.added_mn:
        entering = plan.problem.plants.set_index("plant")["name"]
        names = ", ".join(str(entering[plant]) for plant in bought.plants[:3]) or "no further plant"
        over = "a year" if plan.problem.is_static else "over the horizon"
        text = (
            f"Marginal abatement: {bought.kt_per_mn:,.1f} kt per additional {plan.problem.currency} million {over} "
            f"(existing retrofits kept; {_mn(plan, bought.added_mn)} more give {bought.abatement_kt:,.0f} kt: {names})."
        )
        lines.append(textwrap.fill(text, columns()))
        for each in bought.replans:
            least = "at least " if plan.problem.is_integer else ""
            text = (
                f"Re-planned with {_mn(plan, each.added_mn)} more: {least}{each.abatement_kt:,.0f} kt more "
                f"(plants entering: {len(each.entering)}, leaving: {len(each.leaving)})."
            )
            lines.append(textwrap.fill(text, columns()))
    if bound := binding(plan):
        lines.append(textwrap.fill(bound, columns()))
    price = plan.relaxation.abatement_per_budget_kt_per_mn
    if price is not None and plan.problem.is_integer:
        lines.append(
            f"Shadow price of the budget (LP relaxation): {price:,.1f} kt per {plan.problem.currency} million."
        )
    return "\n".join(lines)


def _files(plan: Plan, folder: Path) -> str:
    checks = plan.checks
    passed = f"{int(checks['holds'].sum())} of {len(checks)} checks of the plan passed"
    return f"{passed}. Files: {folder}\n  plan.xlsx (workbook), plan.json, map.geojson, tables/*.csv, manifest.json"


def _mn(plan: Plan, amount: float | int | None) -> str:
    from ccs_model.report.sentences import rounded

    return f"{rounded(amount)} million {plan.problem.currency}"


def _mt(ktpa: float | int | None) -> str:
    return f"{(ktpa or 0) / 1000:,.2f} Mt"


def _share(share: float | int | None) -> str:
    return f"{share or 0:.2%}"
