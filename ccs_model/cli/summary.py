"""The answer on one screen: which plants, when, with what, at what cost, and what more money would buy."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ccs_model.cli.terminal import columns, cut_to, width_of

if TYPE_CHECKING:
    from ccs_model.plan.plan import Plan

SHOWN = 12
NARROWEST_NAME, WIDEST_NAME = 18, 44
PART_SIGN = {"quarter": "¼", "half": "½"}


def summary_text(plan: Plan, folder: Path) -> str:
    """The whole summary."""
    parts = [
        _headline(plan),
        _retrofits(plan),
        _periods(plan),
        _zones(plan),
        _calibration(plan),
        _targets(plan),
        _locks(plan),
        _money(plan),
        _files(plan, folder),
    ]
    return "\n\n".join(part for part in parts if part)


def _headline(plan: Plan) -> str:
    problem, totals = plan.problem, plan.totals
    lines = [problem.name]
    question = " ".join(problem.scenario.description.split())
    if question:
        lines.append(textwrap.fill(question, columns()))
    if not totals["n_retrofits"]:
        from ccs_model.report.sentences import nothing_built

        lines.append("\n" + textwrap.fill(nothing_built(plan), columns()))
        if plan.corridors is not None and plan.objective.all_links_bound != plan.objective.value:
            lines.append(_sentence(_proof(plan)))
        return "\n".join(lines)
    built = f"{_count(totals['n_retrofits'], 'retrofit')} at {_count(totals['n_plants_retrofitted'], 'plant')}"
    when = "In a representative year" if problem.is_static else f"By {problem.years[-1]}"
    message = [
        f"{built} for {_spent(plan)}",
        *([] if problem.network is None else [_sentence(_proof(plan)), _network(plan)]),
        f"{when} they capture {_mt(totals['captured_ktpa'])} and avoid {_mt(totals['avoided_ktpa'])} "
        f"CO2 a year: {_share(totals['abatement_share'])} of the zones' {_mt(totals['baseline_ktpa'])} "
        f"(direct cut {_share(totals['on_site_abatement_share'])}).",
        f"Cost: {_per_t(totals['capture_cost_per_t'])} {problem.currency} per t captured (no transport and storage), "
        f"{_per_t(totals['avoidance_cost_per_t'])} per t avoided (all in), money of {problem.price_year}.",
        *([] if plan.owners is None else [_worth(plan)]),
    ]
    return "\n".join([*lines, "", *(textwrap.fill(each, columns()) for each in message)])


def _worth(plan: Plan) -> str:
    """Net present value to owners, after tax, and net benefit to society."""
    problem, totals = plan.problem, plan.totals
    scenario = problem.scenario
    priced = "" if problem.accounts.credit_per_t.any() else ", stored CO2 earning nothing on the carbon market"
    funded = plan.funds.groupby("kind")["spend_mn"].sum()
    funds = f" Funds pay {funded.sum():,.0f} million of the capital." if funded.sum() > 0 else ""
    owners, society = (f"{100 * r:g}%" for r in (scenario.discount_rate, scenario.policy.social_discount_rate))
    return (
        f"Worth to the owners after tax: {_mn(plan, totals['npv_mn'])} at {owners}{priced}; to society "
        f"{_mn(plan, totals['net_benefit_mn'])} at {society}.{funds}"
    )


def _spent(plan: Plan) -> str:
    """What is spent, with how good the plan is; with a shared network apart for capture, pipes and storage."""
    totals = plan.totals
    spent = _mn(plan, totals["capex_mn"])
    granted = float(plan.funds.loc[plan.funds["kind"] == "grant", "spend_mn"].sum())
    spent += f" ({granted:,.0f} of it granted)" if granted > 0 else ""
    spent += "" if plan.problem.is_static else _of_the_budget(plan)
    if plan.problem.network is None:
        return f"{spent} ({_proof(plan)})."
    parts = (("capture", "capture_capex_mn"), ("pipes", "pipe_capex_mn"), ("storage", "storage_capex_mn"))
    return f"{spent}: {', '.join(f'{what} {totals[name] or 0:,.0f}' for what, name in parts)}."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _proof(plan: Plan) -> str:
    """The optimality gap, over all candidate links first."""
    from ccs_model.report.figures import gap_of
    from ccs_model.report.sentences import gap_text

    start = "stopped by a limit; " if plan.reached_a_limit else ""
    return start + gap_text(gap_of(plan), plan.objective.unit).replace(" %", "%")


def _network(plan: Plan) -> str:
    """Pipes, roads and wells in a line."""
    last = plan.flows[plan.flows["year"] == plan.problem.years[-1]]
    pipes = last[last["kind"] == "pipe"]
    n_roads = int((last["kind"] == "truck").sum())
    sites = plan.storage[plan.storage["year"] == plan.problem.years[-1]]
    roads = f" and {_count(n_roads, 'road')} for trucks" if n_roads else ""
    return (
        f"{_count(len(pipes), 'pipeline')}, {pipes['length_km'].sum():,.0f} km in all,{roads} lead to "
        f"{_count(len(sites), 'site')} with {sites['n_wells'].sum():,.0f} wells."
    )


def _count(number: float | int | None, what: str) -> str:
    return f"{number or 0:,} {what}" + ("" if number == 1 else "s")


def _per_t(amount: float | int | None) -> str:
    return "–" if amount is None else f"{amount:,.0f}"


def _of_the_budget(plan: Plan) -> str:
    budget = plan.totals["budget_mn"]
    return f" of the budget of {_mn(plan, budget)}" if budget is not None else ""


def _targets(plan: Plan) -> str:
    if plan.targets.empty:
        return ""
    header = ("target", "asked", "reached", "next tonne")
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
        _table([header, ("", "kt", "kt", "avoided"), *rows], left=1)
        + f"\n{'Cost of a year' if plan.problem.is_static else 'Discounted cost over the horizon'} "
        f"{_mn(plan, sum(plan.costs.values()))}; "
        "the price of the next tonne is the linear program's."
    )


def _locks(plan: Plan) -> str:
    """What each lock costs, by the linear program."""
    lines = []
    for row in plan.fixed_decisions.itertuples(index=False):
        what = "Having to fit" if row.lock == "require" else "Leaving out"
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
    header = (
        "plant",
        "stream",
        "with",
        "from",
        "to",
        "captured",
        "avoided",
        "capex",
        f"{currency} per t",
        f"{currency} per t",
    )
    units = ("", "", "", "", "", "kt/y", "kt/y", f"mn {currency}", "captured", "avoided")
    names = [str(name) for name in plan.retrofits.head(SHOWN)["name"]]
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
            # A measure alone captures nothing.
            f"{row.capture_cost_per_t:,.0f}" if row.captured_at_full_load_ktpa > 0 else "–",
            f"{row.avoidance_cost_per_t:,.0f}",
        )
        for row in plan.retrofits.head(SHOWN).itertuples(index=False)
    ]
    others = _table([header, units, *rows], left=5).splitlines()
    # The name takes what the other columns leave of the screen.
    left = columns() - (max(map(width_of, others)) - len(header[0]))
    width = max(min(left, WIDEST_NAME), NARROWEST_NAME)
    rows = [(cut_to(name, width), *row[1:]) for name, row in zip(names, rows, strict=True)]
    text = _table([header, units, *rows], left=5)
    more = len(plan.retrofits) - SHOWN
    return text + (f"\n… and {more} more in plan.xlsx, sheet Retrofits" if more > 0 else "")


def _periods(plan: Plan) -> str:
    if plan.problem.is_static:
        # One year, of which the first lines have told all but its cost.
        return f"A year costs {_mn(plan, sum(plan.costs.values()))}{_of_the_budget(plan)}, capital as its yearly share."
    header = ("period", "started", f"spent, mn {plan.problem.currency}", "captured, kt/y", "avoided, kt/y", "cut")
    rows = [
        (
            f"{row.year:.0f}–{row.year + n_years - 1:.0f}",
            f"{row.n_started:.0f}",
            f"{row.spending_mn:,.0f}",
            f"{row.captured_ktpa:,.0f}",
            f"{row.avoided_ktpa:,.0f}",
            _share(row.abatement_share),
        )
        for row, n_years in zip(
            plan.by_year.itertuples(index=False), plan.problem.periods["n_years"].tolist(), strict=True
        )
    ]
    return _table([header, *rows], left=1)


def _zones(plan: Plan) -> str:
    header = ("zone", "baseline, kt/y", "avoided, kt/y", "cut", "direct cut", "cut as designed", "reported")
    rows = [
        (
            str(row.zone),
            f"{row.baseline_ktpa:,.0f}",
            f"{row.avoided_ktpa:,.0f}",
            _share(row.abatement_share),
            _share(row.on_site_abatement_share),
            _share(row.uncalibrated_abatement_share),
            ""
            if row.reported_abatement_share != row.reported_abatement_share
            else _share(row.reported_abatement_share),
        )
        for row in plan.zones.itertuples(index=False)
    ]
    kept = len(header) if plan.problem.calibrated is not None else len(header) - 2
    return _table([each[:kept] for each in (header, *rows)], left=1)


def _calibration(plan: Plan) -> str:
    """The one line on the pilot zones; cut as delivered and as designed."""
    from ccs_model.plan.calibrated_results import statement

    return textwrap.fill(statement(plan), columns())


def _money(plan: Plan) -> str:
    lines = []
    bought = plan.marginal_budget
    if bought is not None and bought.added_mn:
        entering = plan.problem.plants.set_index("plant")["name"]
        names = ", ".join(str(entering[plant]) for plant in bought.plants[:3]) or "no further plant"
        over = "a year" if plan.problem.is_static else "over the horizon"
        text = (
            f"The next million buys about {bought.kt_per_mn:,.1f} kt CO2 avoided {over} "
            f"({_mn(plan, bought.added_mn)} more: {bought.abatement_kt:,.0f} kt; {names})."
        )
        lines.append(textwrap.fill(text, columns()))
    price = plan.relaxation.abatement_per_budget_kt_per_mn
    if price is not None and plan.problem.is_integer:
        lines.append(f"In the linear program the budget's shadow price is {price:,.1f} kt per million.")
    return "\n".join(lines)


def _files(plan: Plan, folder: Path) -> str:
    checks = plan.checks
    held = f"{int(checks['holds'].sum())} of {len(checks)} checks hold"
    return f"{held}. Files: {folder}\n  plan.xlsx (workbook), plan.json, map.geojson, tables/*.csv, manifest.json"


def _mn(plan: Plan, amount: float | int | None) -> str:
    return f"{amount:,.0f} million {plan.problem.currency}"


def _mt(ktpa: float | int | None) -> str:
    return f"{(ktpa or 0) / 1000:,.2f} Mt"


def _share(share: float | int | None) -> str:
    return f"{share or 0:.2%}"


def _table(rows: Sequence[Sequence[str]], left: int) -> str:
    """Aligned columns, the first `left` of them to the left."""
    widths = [max(width_of(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = []
        for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - width_of(cell))
            cells.append(cell + space if i < left else space + cell)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
