"""Why each plant is in a plan or out of it, and what would change that, a line each, without solving anything."""

from __future__ import annotations

import pandas as pd

from ccs_model.plan.merit_order import best_options
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem

COLUMNS = ["plant", "is_fitted", "reason", "change"]


def reasons_table(plan: Plan) -> pd.DataFrame:
    """One row a plant of the run: COLUMNS. Cheap: costs are levelised, nothing is solved."""
    return reasons_of(plan.problem, plan.retrofits)


def reason_of(problem: Problem, retrofits: pd.DataFrame, plant: str) -> str:
    """The reason of one plant."""
    table = reasons_of(problem, retrofits).set_index("plant")
    return str(table.at[plant, "reason"])


def reasons_of(problem: Problem, retrofits: pd.DataFrame) -> pd.DataFrame:
    """The table for retrofits of a plan, which may have been read back.

    Fitted plants are ranked by what a tonne avoided costs them in the plan. The others are held against the dearest of
    those by their best option with a pipe of its own, which a shared pipe may better. `change` compares costs a tonne
    alone: what else would let a plant in or out only solving again can say.
    """
    plants, money = problem.plants, problem.currency
    costs = _costs(retrofits)
    best = best_options(problem)
    alone = best.set_index("plant")["avoidance_cost_per_t"] if len(best) else pd.Series(dtype=float)
    rank = costs.rank(method="first").astype(int)
    dearest = float(costs.max()) if len(costs) else float("nan")
    left_out = alone[~alone.index.isin(costs.index)].sort_values(kind="stable")
    rows = []
    for row in plants.itertuples(index=False):
        if row.plant in costs.index:
            message = f"in: {costs[row.plant]:,.0f} {money} per t avoided, {_nth(int(rank[row.plant]))} cheapest of "
            message += f"{len(costs)} fitted"
            change = _lets_out(float(costs[row.plant]), left_out, money)
        elif row.reason:
            message, change = f"out: {row.reason}", "what the reason names: as asked it may not be fitted"
        elif row.plant not in alone.index:
            message = "out: no option of its own avoids anything"
            change = "other technologies, or cleaner heat and power"
        else:
            message = f"out: {_compared(float(alone[row.plant]), dearest, len(costs), money)}"
            change = _lets_in(float(alone[row.plant]), dearest, len(costs), money)
        rows.append((row.plant, row.plant in costs.index, message, change))
    return pd.DataFrame(rows, columns=COLUMNS)


def _costs(retrofits: pd.DataFrame) -> pd.Series:
    """Money per t avoided of each fitted plant, all its retrofits together."""
    if retrofits.empty:
        return pd.Series(dtype=float)
    sums = retrofits.groupby("plant")[["cost_mn_pa", "avoided_at_full_load_ktpa"]].sum()
    return (sums["cost_mn_pa"] * 1000.0 / sums["avoided_at_full_load_ktpa"]).sort_values(kind="stable")


def _compared(cost_per_t: float, dearest: float, n_fitted: int, money: str) -> str:
    message = f"{cost_per_t:,.0f} {money} per t avoided with a pipe of its own"
    if not n_fitted:
        return f"{message}; nothing is built"
    if cost_per_t > dearest:
        return f"{message}, dearer than the dearest fitted ({dearest:,.0f})"
    return (
        f"{message}, not dearer than the dearest fitted ({dearest:,.0f}): its cost a tonne alone does not keep it out"
    )


def _lets_in(cost_per_t: float, dearest: float, n_fitted: int, money: str) -> str:
    if not n_fitted:
        return "whatever lets anything be built"
    if cost_per_t > dearest:
        return f"cheaper by {cost_per_t - dearest:,.0f} {money} per t it costs what the dearest fitted does"
    return "not its cost a tonne alone: ccs-model explain solves again to see"


def _lets_out(cost_per_t: float, left_out: pd.Series, money: str) -> str:
    """`left_out` is the cost a tonne of the plants that are not fitted, cheapest first."""
    if not len(left_out):
        return "no other plant could take its place"
    plant, cheapest = str(left_out.index[0]), float(left_out.iloc[0])
    if cheapest > cost_per_t:
        more = f"dearer by {cheapest - cost_per_t:,.0f} {money} per t"
        return f"{more} it costs what {plant}, the cheapest left out, does alone ({cheapest:,.0f})"
    return f"not its cost a tonne alone: {plant} would cost less by itself ({cheapest:,.0f}) and is left out"


def _nth(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
