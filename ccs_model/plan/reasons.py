"""Why each plant is selected or not and what would change that, from levelised costs and without solving."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.plan.merit_order import best_options
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.problem.unused_inputs import sectors_without_rule

COLUMNS = ["plant", "is_retrofitted", "reason", "change"]


def reasons_table(plan: Plan) -> pd.DataFrame:
    """Return COLUMNS for every plant of the plan."""
    return reasons_of(plan.problem, plan.retrofits)


def reason_of(problem: Problem, retrofits: pd.DataFrame, plant: str) -> str:
    """Return the reason of one plant."""
    table = reasons_of(problem, retrofits).set_index("plant")
    return str(table.at[plant, "reason"])


def reasons_of(problem: Problem, retrofits: pd.DataFrame) -> pd.DataFrame:
    """Return COLUMNS for every plant of a problem and the retrofits of its plan.

    Retrofitted plants are ranked by their avoidance cost in the plan, at the load of the last period; of a plant whose
    retrofits have ended by then, the cost at full load and the year of the end are given. Other plants are
    compared with the highest of these costs by their best option at full load with its own pipe, which a shared pipe
    may undercut. `change` compares costs per tonne only; other changes need a new solve (`ccs-model explain`).
    """
    plants, money = problem.plants, problem.money
    costs, ended = _costs(retrofits), _ended(retrofits)
    best = best_options(problem)
    alone = best.set_index("plant")["avoidance_cost_per_t"] if len(best) else pd.Series(dtype=float)
    rank = costs.rank(method="first")
    # Plants with an option that avoids CO₂, before transport.
    may_avoid = (problem.avoided_t_per_t[:, -1] > 0) & problem.captures
    avoiding = set(problem.routes["plant"][may_avoid]) if len(best) else set()
    # Only the owners' NPV counts the carbon price.
    unpaid = set(sectors_without_rule(problem)) if problem.objective == "max_npv" else set()
    highest = float(costs.max()) if len(costs) else float("nan")
    others = alone[~alone.index.isin(costs.index)].sort_values(kind="stable")
    rows, committed = [], problem.committed_plants & set(costs.index)
    for row in plants.itertuples(index=False):
        if row.plant in ended.index:
            cost, year = ended.loc[row.plant, ["cost_per_t", "end_year"]]
            reason = f"in: {cost:,.0f} {money} per t avoided at full load, works until {year:.0f}"
            change = "not compared: it avoids nothing in the last period"
        elif row.plant in costs.index and np.isnan(costs[row.plant]):
            reason = "in: it avoids no CO2 in the last period"
            change = "not compared: it avoids nothing in the last period"
        elif row.plant in committed:
            reason = f"in: committed, {costs[row.plant]:,.0f} {money} per t avoided"
            change = "not compared: plants.committed names a retrofit of it"
        elif row.plant in costs.index:
            place = int(rank[row.plant])
            place_text = f"{'' if place == 1 else f'{_nth(place)} '}lowest of {len(costs)} retrofitted plants"
            place_text = place_text if len(costs) > 1 else "the only retrofitted plant"
            reason = f"in: {costs[row.plant]:,.0f} {money} per t avoided, {place_text}"
            change = _leaves(float(costs[row.plant]), others, money)
        elif row.reason:
            reason, change = f"out: {row.reason}", "not compared: the plant is not eligible in this scenario"
        elif row.plant not in alone.index and row.plant in avoiding:
            reason = "out: no site is within reach of an own pipeline, so that its cost alone is not known"
            change = "ccs-model explain finds what would let it enter"
        elif row.plant not in alone.index:
            reason = "out: no option with its own pipe avoids CO2"
            change = "other technologies, or heat and power with lower emissions"
        elif row.sector in unpaid:
            reason = (
                f"out: its sector has no rule in {problem.scenario.policy.market} (policy.market) and earns nothing "
                f"from the carbon price; {_own_pipe(float(alone[row.plant]), money)}"
            )
            change = "policy.market: null, or a rule of its sector in policy/ets"
        else:
            reason = f"out: {_compared(float(alone[row.plant]), highest, len(costs), money)}"
            change = _enters(float(alone[row.plant]), highest, len(costs), money)
        rows.append((row.plant, row.plant in costs.index, reason, change))
    return pd.DataFrame(rows, columns=COLUMNS)


def _costs(retrofits: pd.DataFrame) -> pd.Series:
    """Money per t avoided of each retrofitted plant in the last period, ascending; NaN if it avoids nothing then."""
    if retrofits.empty:
        return pd.Series(dtype=float)
    sums = retrofits.groupby("plant")[["cost_mn_pa", "avoided_ktpa"]].sum()
    return (sums["cost_mn_pa"] * 1000.0 / sums["avoided_ktpa"].where(sums["avoided_ktpa"] > 0)).sort_values(
        kind="stable"
    )


def _ended(retrofits: pd.DataFrame) -> pd.DataFrame:
    """Money per t avoided at full load, and the year of the end, of each plant whose retrofits have all ended."""
    if "end_year" not in retrofits:
        return pd.DataFrame()
    own = retrofits[(retrofits.groupby("plant")["operating_share"].transform("max") == 0)].groupby("plant")
    cost, avoided = own["cost_at_full_load_mn_pa"].sum(), own["avoided_at_full_load_ktpa"].sum()
    found = pd.DataFrame({"cost_per_t": cost * 1000.0 / avoided, "end_year": own["end_year"].max().astype(float)})
    return found[avoided > 0]


def _own_pipe(cost_per_t: float, money: str) -> str:
    return f"{cost_per_t:,.0f} {money} per t avoided at full load with its own pipe"


def _compared(cost_per_t: float, highest: float, n_retrofitted: int, money: str) -> str:
    text = _own_pipe(cost_per_t, money)
    if not n_retrofitted:
        return f"{text}; nothing is built"
    if cost_per_t > highest:
        return f"{text}, above the highest cost of a retrofitted plant ({highest:,.0f})"
    return (
        f"{text}, not above the highest cost of a retrofitted plant ({highest:,.0f}): "
        "not excluded by its cost per tonne alone"
    )


def _enters(cost_per_t: float, highest: float, n_retrofitted: int, money: str) -> str:
    if not n_retrofitted:
        return "any change that allows a retrofit to be built"
    if cost_per_t > highest:
        return f"a cost lower by {cost_per_t - highest:,.0f} {money} per t equals the highest of a retrofitted plant"
    return "another constraint than cost per tonne; ccs-model explain finds it"


def _leaves(cost_per_t: float, others: pd.Series, money: str) -> str:
    """Compare with the lowest cost in `others`, the costs per tonne of the plants that are not retrofitted."""
    if not len(others):
        return "no other plant could replace it"
    plant, lowest = str(others.index[0]), float(others.iloc[0])
    if lowest > cost_per_t:
        more = f"a cost higher by {lowest - cost_per_t:,.0f} {money} per t"
        return f"{more} equals that of {plant}, the lowest of the other plants ({lowest:,.0f})"
    return f"another constraint than cost per tonne: {plant} has a lower cost ({lowest:,.0f}) and is not retrofitted"


def _nth(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
