"""The merit order (MACC) as a rule for a budget, and the plan of its selection at each budget.

Streams are taken from cheap to expensive until the budget is spent, each at the cost of its own pipeline less what
grants pay of it. The model then optimises these streams only: their timing, their sinks and, on a shared network, their
pipelines, under the budget rule of the plans. The rule falls short of the optimum because it ignores indivisible costs,
limits that streams share and the years for which capture lasts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.branch_and_bound import verified_point
from ccs_model.mip.budget_sweep import with_limit, zero_point
from ccs_model.mip.clock import now, seconds_until_stop
from ccs_model.mip.presolve import remove_columns
from ccs_model.mip.search import Result, SearchContext
from ccs_model.mip.sweep_search import GrowAtLimits
from ccs_model.model.names import BUILD
from ccs_model.plan.merit_order import macc_parts, macc_table
from ccs_model.problem import Problem
from ccs_model.solve.fixed_charge_network import network_of
from ccs_model.solve.growth_network import growth_network_of
from ccs_model.solve.normalised_money import NormalisedModel
from ccs_model.solve.strategies import BUDGET_SWEEP

_OWN = "The streams of the merit order, each with its own pipeline."
_SHARED = "The streams of the merit order, ranked with a pipeline of their own each; their plan shares pipelines."
# Relative gap, branch-and-bound nodes and effort at which the plan of a list ends.
_GAP, _NODES, _EFFORT = 0.005, 20, 4.0


@dataclass(frozen=True, eq=False)
class MeritOrderSelection:
    """Plants that the merit order selects for a budget or a smaller one, and the best plan found; None without one.

    `x` is in the units of the search, `value` in those of the problem.
    """

    plants: frozenset[str]
    x: Floats | None
    value: float | None


@dataclass(frozen=True, eq=False)
class RankedList:
    """The merit order, and its selection for each budget."""

    table: pd.DataFrame
    words: str
    takes: Mapping[float, MeritOrderSelection]


@dataclass(frozen=True, eq=False)
class _Grant:
    """A grant: its ceiling, and the most that it pays of each row of the merit order, in million."""

    ceiling_mn: float
    most_mn: Floats

    def pay(self, left: Floats) -> Floats:
        """Return what it pays of each row, of which `left` million are to be paid."""
        paid = np.minimum(left, self.most_mn)
        total = float(paid.sum())
        return paid * (self.ceiling_mn / total) if total > self.ceiling_mn else paid


def _grants(problem: Problem, table: pd.DataFrame) -> list[_Grant]:
    """The grants of a scenario, those for the fewest streams first.

    With own pipelines a grant pays for all capital of the plants in its sectors and provinces. On a shared network a
    grant for sectors pays for capture only.
    """
    funds, grants = problem.accounts.funds, []
    capex = table["capex_mn"].to_numpy(float)
    for fund in funds[funds["kind"] == "grant"].itertuples():
        is_open = np.ones(len(table), dtype=bool)
        for name, places in (("sector", fund.sectors), ("province", fund.provinces)):
            is_open &= table[name].isin(places).to_numpy() if places else True
        is_capture = bool(fund.sectors) and problem.network is not None
        paid_for = macc_parts(problem, NO_RETROFITS)["capture_capex_mn"].to_numpy(float) if is_capture else capex
        grants.append(_Grant(float(fund.ceiling_mn), fund.share_max * paid_for * is_open))
    return sorted(grants, key=lambda grant: int((grant.most_mn > 0).sum()))


def _take_streams(table: pd.DataFrame, amounts: Floats, budget: float, grants: Sequence[_Grant] = ()) -> pd.DataFrame:
    """Streams from cheap to expensive, each with its amount of the budget; one that no longer fits is skipped.

    `grants` lower what the streams taken need of the budget together.
    """
    left, rows, taken = budget, [], np.zeros(len(amounts))
    for place, amount in enumerate(amounts.tolist()):
        taken[place] = amount
        needed = _less_grants(taken, grants) - (budget - left) if grants else amount
        if needed <= left:
            left -= needed
            rows.append(place)
        else:
            taken[place] = 0.0
    return table.iloc[rows]


def _less_grants(taken: Floats, grants: Sequence[_Grant]) -> float:
    """What is left to pay of the capital of all streams after the grants, million."""
    left = taken
    for grant in grants:
        left = left - grant.pay(left)
    return float(left.sum())


def _listed_plan(
    problem: Problem, matrix: Matrix, others: Ints, unused: Ints, options: SolverOptions, start: Floats | None
) -> Floats | None:
    """The best plan found without some retrofits, from the plan of a shorter list if it is one here.

    Where tree growth applies, it chooses the links, and a short search within them follows; elsewhere that search
    leaves out the links in `unused`.
    """
    others = others[matrix.lower[others] == 0]
    small = remove_columns(matrix, others)
    if start is None or not small.has_point(start):
        start = zero_point(matrix)
    if problem.is_integer and problem.network is not None:
        # Growth needs the columns of every site and period, so that the others are closed and not left out.
        closed = replace(matrix, upper=matrix.upper.copy())
        closed.upper[others] = 0.0
        network = network_of(problem, closed)
        context = SearchContext(closed, network, options, now() + _EFFORT, growth=growth_network_of(problem, closed))
        grown = BUDGET_SWEEP.stage(GrowAtLimits).grow.run(context, Result("limit", start)).incumbent
        if grown is not None and (start is None or context.is_improvement(grown, context.value(start))):
            start, unused = grown, network.columns_outside(network.arc_groups_used(grown))
    small = remove_columns(matrix, np.union1d(others, unused[matrix.lower[unused] == 0]))
    if start is not None and not small.has_point(start):
        start = zero_point(matrix)
    if not len(small.columns):
        return start
    highs = Highs(small.matrix, options)
    highs.set_option("mip_rel_gap", _GAP)
    highs.set_option("mip_max_nodes", _NODES)
    highs.set_option("mip_allow_restart", False)
    if start is not None and small.has_point(start):
        highs.start_from(start[small.columns])
    outcome = highs.attempt(_EFFORT, "merit order")
    found = None if outcome.x is None else verified_point(matrix, small.lift_to_full_model(outcome.x), options)
    if start is None or found is None:
        return start if found is None else found
    return found if matrix.sign * float(matrix.costs[0] @ (found - start)) > 0 else start


def compare_with_plan(
    ranked: RankedList | None,
    budget_mn: float,
    value: float,
    fitted: Mapping[str, Mapping[str, Any]],
    *,
    maximise: bool,
) -> dict[str, Any]:
    """Return what the merit order reaches with a budget beside a plan, and the plants in which both differ.

    `value` and `fitted` are the objective value and the retrofitted plants of the plan.
    """
    if ranked is None:
        return {"list_objective": None, "list_short_share": None, "list_only": "", "plan_only": ""}
    take, short = ranked.takes[budget_mn], None
    if take.value is not None and value:
        short = (value - take.value) / abs(value) * (1.0 if maximise else -1.0)
    names = dict(zip(ranked.table["plant"], ranked.table["name"], strict=True))
    return {
        "list_objective": take.value,
        "list_short_share": short,
        "list_only": "; ".join(str(names[plant]) for plant in sorted(take.plants - set(fitted))),
        "plan_only": "; ".join(str(fitted[plant]["name"]) for plant in sorted(set(fitted) - take.plants)),
    }


NO_RETROFITS = pd.DataFrame(columns=["plant", "stream"])


def budget_amounts_mn(problem: Problem, table: pd.DataFrame) -> Floats:
    """Return what each row of the merit order takes of the budget: capital, or all costs of a static year, million."""
    if not problem.is_static:
        return table["capex_mn"].to_numpy(float)
    yearly_mn = table["avoidance_cost_at_full_load_per_t"] * table["avoided_at_full_load_ktpa"] / 1000.0
    # The annual capital of the model is without the cost of construction time (TASC).
    parts = macc_parts(problem, NO_RETROFITS)
    more = problem.capture_charge(parts) - problem.recovery(parts["life_yr"])
    return np.asarray(yearly_mn.to_numpy(float) - parts["capture_capex_mn"].to_numpy(float) * more)


def merit_order_plans(
    problem: Problem, search: NormalisedModel, row: int, options: SolverOptions, unused: Ints, budgets: Sequence[float]
) -> RankedList | None:
    """The merit order with its plan at each budget in million, ascending; None if nothing can be ranked."""
    matrix, sign = search.matrix, search.matrix.sign
    table = macc_table(problem, NO_RETROFITS)
    if table.empty:
        return None
    columns = matrix.columns_of(BUILD)
    routes = problem.routes.set_index("route").loc[[matrix.columns[j].index[0] for j in columns]]
    streams = list(zip(routes["plant"], routes["stream"], routes["technology"], strict=True))
    amounts = budget_amounts_mn(problem, table)
    grants = [] if problem.is_static else _grants(problem, table)
    takes: dict[float, MeritOrderSelection] = {}
    start, best = None, None
    for budget in budgets:
        taken = _take_streams(table, amounts, budget, grants)
        listed = set(zip(taken["plant"], taken["stream"], taken["technology"], strict=True))
        others = columns[[each not in listed for each in streams]]
        there = with_limit(matrix, row, budget / search.unit)
        start = None if seconds_until_stop() <= 0 else _listed_plan(problem, there, others, unused, options, start)
        value = None if start is None else search.value(start)
        take = MeritOrderSelection(frozenset(map(str, taken["plant"])), start, value)
        # The list of a smaller budget fits this one as well.
        if best is not None and best.value is not None and (value is None or sign * (best.value - value) > 0):
            take = best
        takes[budget] = best = take
    return RankedList(table, _OWN if problem.network is None else _SHARED, takes)
