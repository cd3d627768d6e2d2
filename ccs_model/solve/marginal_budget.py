"""The marginal value of the budget, and the cost of each fixed decision.

A linear program has one price for the next million. An integer plan does not: with its integers fixed the budget's dual
is zero. So the plan is solved again with a larger budget, first with its retrofits kept, then with all decisions free:
by tree growth over all links, then within the links of either plan. With retrofits kept, the paths to the best plants
outside the plan are searched as well. The re-plans start from the plan with its retrofits kept and can only
underestimate the gain.

The cost of a fixed decision (a required or an excluded plant) is the change of the LP value when this one decision is
freed and all others are kept: abatement gained over the horizon for max_abatement, money gained or saved for the
objectives in money. It is at least 0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Mask
from ccs_model.errors import InputError
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.clock import BackgroundTask, now, was_stopped
from ccs_model.mip.grouped_milp import solve_program
from ccs_model.mip.highs import LARGE_ROWS
from ccs_model.mip.matrix import round_to_integrality
from ccs_model.mip.network_lns import SubMip
from ccs_model.mip.presolve import remove_columns
from ccs_model.mip.search import Result, SearchContext
from ccs_model.mip.tree_growth import Grow, cheapest_path_links
from ccs_model.model.build_model import build_model
from ccs_model.model.names import BUILD, REQUIRED_PLANT
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.decisions import BUILT, places_of, point_of
from ccs_model.plan.plan import FIXED_DECISION_COLUMNS, MarginalBudget, Replan
from ccs_model.problem import Problem, build_problem
from ccs_model.scenario.fields import is_file_name, plant_and_reason
from ccs_model.solve.assembly import BudgetRow, budget_row
from ccs_model.solve.fixed_charge_network import network_of
from ccs_model.solve.growth_network import growth_network_of
from ccs_model.solve.network_search import Corridors
from ccs_model.solve.normalised_money import NormalisedModel
from ccs_model.solve.tie_breaking import is_of_same_streams

# The addition to the budget with retrofits kept: this share of it. Every addition is at least a million.
MARGINAL_BUDGET_SHARE, _LEAST_ADDED_MN = 0.01, 1.0
MARGINAL_BUDGET_GAP = 1e-4
# Spending more by this multiple of the addition, a plan uses mostly budget that was left unspent.
_MOSTLY_UNSPENT = 2.0
MARGINAL_BUDGET_NODES = 200
# Shares of the budget added in a re-plan, and its effort as a share of that of a later stage.
REPLAN_SHARES = (0.01, 0.1)
_REPLAN_PART = 0.3
# With retrofits kept, few decisions are open.
_KEPT = SubMip(gap_part=0.0, max_nodes=MARGINAL_BUDGET_NODES, candidates=(20, 60), min_gap=MARGINAL_BUDGET_GAP)
# Each search follows where those before took less of the effort than this share.
_SEARCHES = (
    SubMip(gap_part=0.05, max_nodes=20, candidates=(5, 20)),
    SubMip(gap_part=0.05, max_nodes=20, candidates=(20, 60), per_choice=1),
)
_NEXT_BELOW = 0.4
# With retrofits kept, paths are searched to this number of plants outside the plan.
_N_PATHS = 16
# Growth over all links comes before these searches.
_GROW = Grow(n_rounds=40, resume=True, until=0.5)


def marginal_budget(
    problem: Problem,
    search: NormalisedModel,
    options: SolverOptions,
    chosen: Floats,
    value: float,
    later: float,
    corridors: Corridors | None,
) -> MarginalBudget | None:
    """Solve again with a larger budget; None without a budget, or where a limit leaves no time.

    Parameters
    ----------
    problem
        The problem, whose objective is `max_abatement`.
    search
        The matrix of the search, in its unit of money.
    options
        Solver options.
    chosen, value
        The plan as a point of that matrix, and its abatement in kt.
    later
        Effort of the stage; a re-plan has a part of it.
    corridors
        The links searched on a shared network.
    """
    matrix = search.matrix
    budget = budget_row(matrix)
    if budget is None or was_stopped():
        return None
    if not problem.is_integer:
        return _slopes(problem, search, Highs(matrix, options), budget, chosen, value)
    again = _LargerBudgetSearch(problem, matrix, options, budget, _excluded_columns(problem, matrix, chosen, corridors))
    added_mn = max(_LEAST_ADDED_MN, MARGINAL_BUDGET_SHARE * problem.budget_mn)
    kept = again.keep_retrofits(chosen, added_mn / search.unit, later)
    if kept is None or was_stopped():
        return None
    replans: list[Replan] = []
    best = kept
    shares = _replan_shares(problem.budget_mn)
    for share, found in zip(shares, again.replan_all(kept, _REPLAN_PART * later), strict=False):
        if found is None or was_stopped():
            break
        is_better = again.value(found) > again.value(best)
        if problem.network is not None and replans and not is_better:
            # Nothing is said of more money for which the search found no better plan.
            break
        # The plan of a smaller budget is one of a larger budget as well.
        best = found if is_better else best
        gained = max(again.value(best) - value, 0.0)
        more_mn = max(_LEAST_ADDED_MN, share * problem.budget_mn)
        replans.append(Replan(more_mn, gained, *again.changes(chosen, best)))
    plants, gained = again.enlarged_plants(chosen, kept), max(again.value(kept) - value, 0.0)
    spent_mn = float((matrix.rows[[budget.row], :] @ (kept - chosen))[0]) * search.unit
    is_mostly_unspent = gained > BUILT and spent_mn > _MOSTLY_UNSPENT * added_mn
    return MarginalBudget(
        added_mn, gained, plants, replans=tuple(replans), spent_mn=spent_mn if is_mostly_unspent else None
    )


def _replan_shares(budget_mn: float) -> tuple[float, ...]:
    """The shares of the budget added in re-plans; of a small budget only one, whose addition is the least one."""
    is_small = REPLAN_SHARES[-1] * budget_mn <= _LEAST_ADDED_MN
    return REPLAN_SHARES[:1] if is_small else REPLAN_SHARES


def _excluded_columns(
    problem: Problem, matrix: Matrix, chosen: Floats, corridors: Corridors | None
) -> tuple[Mask, ...]:
    """Columns of links that a search leaves out, for each search: the links of the plan, and those with further paths.

    A plan fills its links, so that further plants need others; with all of them free, fewer retrofits are found.
    """
    if corridors is None or problem.network is None:
        return (np.zeros(len(chosen), dtype=bool),)
    network, links = network_of(problem, matrix), problem.network.links["link"]
    inside = np.flatnonzero(links.isin(corridors.links))
    is_small = len(matrix.row_lower) <= LARGE_ROWS
    is_given = is_file_name(problem.scenario.transport.corridors)
    growth = growth_network_of(problem, matrix) if is_small and not is_given else None
    searched = [inside]
    if growth is not None:
        searched.append(np.union1d(inside, cheapest_path_links(growth, chosen, _N_PATHS)))
    sites = np.arange(len(links), len(links) + len(problem.sites))
    outside = np.zeros((len(searched), len(chosen)), dtype=bool)
    for each, arc_groups in zip(outside, searched, strict=True):
        each[network.columns_outside(np.r_[arc_groups, sites])] = True
    return tuple(outside)


@dataclass(frozen=True, eq=False)
class _LargerBudgetSearch:
    """Searches of one problem with a larger budget, one for each mask `outside` of columns that it leaves out."""

    problem: Problem
    matrix: Matrix
    options: SolverOptions
    budget: BudgetRow
    outside: tuple[Mask, ...]

    @property
    def per_mn(self) -> float:
        """A million in the matrix's unit of money."""
        return self.budget.limit / self.problem.budget_mn

    def value(self, x: Floats) -> float:
        return float(self.matrix.costs[0] @ x)

    def keep_retrofits(self, chosen: Floats, more: float, effort: float) -> Floats | None:
        """The best point with `more` budget in which everything built stays; None if none is found."""
        matrix = self.matrix
        lower = matrix.lower.copy()
        kept = np.flatnonzero(matrix.is_integer & (chosen > 0.5))
        lower[kept] = np.round(chosen[kept])
        # Retrofitted streams keep their retrofit.
        others = is_of_same_streams(matrix, chosen) & (chosen <= 0.5)
        others[np.setdiff1d(np.arange(len(others)), matrix.columns_of(BUILD))] = False
        matrix = replace(matrix, lower=lower)
        if self.problem.network is None:
            return self._solve_restricted(matrix, others | self.outside[0], chosen, more, effort)
        without = [(others | outside) & (chosen <= 0.5) for outside in self.outside]
        return self._search_neighbourhoods(matrix, without, chosen, more, effort, (_KEPT,))

    def replan_all(self, start: Floats, effort: float) -> tuple[Floats | None, ...]:
        """The best points of all re-plans, side by side; none without money to add to."""
        if self.budget.limit <= 0:
            return ()
        with contextlib.ExitStack() as tasks:
            searches = []
            shares, least = _replan_shares(self.problem.budget_mn), _LEAST_ADDED_MN * self.per_mn
            for share in shares[1:]:
                aside = replace(self, options=self.options.with_log(f"replan_{share:g}"))
                search = partial(aside.replan, start, max(share * self.budget.limit, least), effort)
                task = BackgroundTask(search, is_threaded=self.problem.scenario.solver.is_threaded)
                searches.append(tasks.enter_context(task))
            first = self.replan(start, max(shares[0] * self.budget.limit, least), effort)
            return (first, *(search.result() for search in searches))

    def replan(self, start: Floats, more: float, effort: float) -> Floats | None:
        """The best point with `more` budget; None if none is found."""
        if self.problem.network is None:
            return self._solve_restricted(self.matrix, self.outside[0] & (start <= 0.5), start, more, effort)
        # Links that the scenario names are the only ones of a larger budget, too.
        is_given = is_file_name(self.problem.scenario.transport.corridors)
        grown = start if is_given else self._grow_network(start, more, effort)
        without = self.outside[0] & (grown <= 0.5)
        return self._search_neighbourhoods(self.matrix, [without], grown, more, effort, _SEARCHES)

    def _grow_network(self, start: Floats, more: float, effort: float) -> Floats:
        """The point that tree growth makes of `start` with `more` budget over all links; `start` if none is better."""
        matrix = replace(self.matrix, row_upper=self._limits(more))
        growth = growth_network_of(self.problem, matrix)
        context = SearchContext(matrix, network_of(self.problem, matrix), self.options, now() + effort)
        found = _GROW.run(replace(context, growth=growth), Result("limit", incumbent=start)).incumbent
        return start if found is None else found

    def _search_neighbourhoods(
        self,
        matrix: Matrix,
        without: Sequence[Mask],
        start: Floats,
        more: float,
        effort: float,
        searches: Sequence[SubMip],
    ) -> Floats | None:
        """The best point near the relaxation and the start; a search of the whole model takes far longer."""
        best = start
        for outside in without:
            upper = np.where(outside, 0.0, matrix.upper)
            inside = replace(matrix, upper=upper, row_upper=self._limits(more))
            began = now()
            context = SearchContext(inside, network_of(self.problem, inside), self.options, began + effort)
            for search in searches:
                found = search.solve(context, inside.is_integer & (upper > 0), start)
                if found is not None and self.value(found) > self.value(best):
                    best = found
                if now() - began > _NEXT_BELOW * effort:
                    break
        return best

    def _solve_restricted(
        self, matrix: Matrix, without: Mask, start: Floats, more: float, effort: float
    ) -> Floats | None:
        small = remove_columns(replace(matrix, row_upper=self._limits(more)), np.flatnonzero(without))
        if not small.has_point(start):
            return None
        highs = Highs(small.matrix, replace(self.options, gap_share=MARGINAL_BUDGET_GAP))
        highs.set_option("mip_max_nodes", MARGINAL_BUDGET_NODES)
        found = solve_program(
            highs, deadline=now() + effort, stage="marginal budget", start=start[small.columns], max_restricted_milps=1
        ).outcome
        if found.x is None:
            return None
        x = small.lift_to_full_model(found.x)
        return x if self.value(x) > self.value(start) else start

    def _limits(self, more: float) -> Floats:
        limits = self.matrix.row_upper.copy()
        limits[self.budget.row] += more
        return limits

    def changes(self, before: Floats, after: Floats) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Plants that enter, that leave, and that stay with other retrofits, sizes or years."""
        was, is_now = self._build_values(before), self._build_values(after)
        had, has, other = (self._plants(each) for each in (was > BUILT, is_now > BUILT, np.abs(was - is_now) > BUILT))
        return tuple(sorted(has - had)), tuple(sorted(had - has)), tuple(sorted(had & has & other))

    def enlarged_plants(self, before: Floats, after: Floats) -> tuple[str, ...]:
        """Plants with a retrofit, or a larger part of one, that is not built in `before`."""
        more = self._build_values(after).sum(axis=1) > self._build_values(before).sum(axis=1) + BUILT
        return tuple(sorted(self._plants(more[:, None])))

    def _build_values(self, x: Floats) -> Floats:
        """[option, year] what is built."""
        return point_of(self.problem, self.matrix, round_to_integrality(self.matrix, x)).build

    def _plants(self, options: Mask) -> set[str]:
        """Plants of the options with any year."""
        return set(self.problem.routes["plant"].to_numpy(str)[options.any(axis=1)].tolist())


def _slopes(
    problem: Problem, search: NormalisedModel, highs: Highs, budget: BudgetRow, chosen: Floats, value: float
) -> MarginalBudget | None:
    """Slopes of a continuous plan: abatement of one million more, of the last million, and of re-plans."""
    matrix = search.matrix
    again = _LargerBudgetSearch(problem, matrix, highs.options, budget, (np.zeros(len(chosen), dtype=bool),))
    step_mn = min(1.0, problem.budget_mn) or 1.0
    step = step_mn / search.unit
    up = _optimum(highs, budget, budget.limit + step)
    if up is None:
        return None
    down = _optimum(highs, budget, max(budget.limit - step, 0.0))
    replans = []
    for share in _replan_shares(problem.budget_mn) if budget.limit > 0 else ():
        more_mn = max(_LEAST_ADDED_MN, share * problem.budget_mn)
        found = _optimum(highs, budget, max((1.0 + share) * budget.limit, budget.limit + more_mn / search.unit))
        if found is not None:
            gained = max(again.value(found) - value, 0.0)
            replans.append(Replan(more_mn, gained, *again.changes(chosen, found)))
    # A smaller budget may be infeasible with a target or a required plant; then only one slope exists.
    last = None if budget.limit <= 0 or down is None else (value - again.value(down)) / step_mn
    plants = again.enlarged_plants(chosen, up)
    return MarginalBudget(step_mn, max(again.value(up) - value, 0.0), plants, last, tuple(replans))


def _optimum(highs: Highs, budget: BudgetRow, limit: float) -> Floats | None:
    """The optimum of the linear program with this budget."""
    highs.set_row(budget.row, -np.inf, limit)
    found = highs.run(np.inf, "marginal budget")
    return found.x if found.status == "optimal" else None


def no_fixed_decisions() -> pd.DataFrame:
    """Return the table of a scenario without fixed decisions."""
    return pd.DataFrame([], columns=FIXED_DECISION_COLUMNS)


def fixed_decisions_table(
    problem: Problem, matrix: Matrix, fixed_value: float, options: SolverOptions, deadline: float
) -> pd.DataFrame:
    """Return one row per fixed decision; `fixed_value` is the LP value with all of them. Ends early at the deadline."""
    sign = matrix.sign
    rows: list[tuple[str, str, Outcome, float]] = []
    relaxed = Highs.lp_relaxation(matrix, options)
    if problem.network is not None and len(matrix.rows_of(REQUIRED_PLANT)):
        # The relaxation of a shared network has cut-set inequalities, which the models compared here have not.
        base = relaxed.run(deadline - now(), "all fixed decisions")
        if base.status != "optimal":
            return no_fixed_decisions()
        fixed_value = base.objective
    for row in matrix.rows_of(REQUIRED_PLANT):
        relaxed.set_row(int(row), -np.inf, np.inf)
        outcome = relaxed.run(deadline - now(), "cost of a fixed decision")
        relaxed.set_row(int(row), float(matrix.row_lower[row]), np.inf)
        rows.append((str(matrix.row_constraints[row][1]), "require", outcome, fixed_value))
    rows += [
        (plant, "exclude", freed, value)
        for plant, freed, value in _solve_without_exclusions(problem, options, deadline)
    ]
    names = problem.plants.set_index("plant")["name"]
    cost = "abatement_lost_kt" if problem.objective == "max_abatement" else "cost_added_mn"
    table = [
        {
            "plant": plant,
            "name": names.get(plant, ""),
            "decision": kind,
            cost: max(sign * (outcome.objective - value), 0.0),
        }
        for plant, kind, outcome, value in rows
        if outcome.status == "optimal"
    ]
    return pd.DataFrame(table, columns=FIXED_DECISION_COLUMNS)


def _solve_without_exclusions(
    problem: Problem, options: SolverOptions, deadline: float
) -> Iterator[tuple[str, Outcome, float]]:
    """Yield each excluded plant, the LP without its exclusion and the LP value with all; ends early at the deadline.

    All are of one model in which every excluded plant could be built. A plant may be excluded because its data are
    incomplete; then its exclusion has no cost.
    """
    excluded = [*problem.scenario.plants.excluded]
    free = _drop_exclusions(problem, excluded)
    if excluded and free is None:
        excluded = [each for each in excluded if _drop_exclusions(problem, [each]) is not None]
        free = _drop_exclusions(problem, excluded)
    if free is None or now() >= deadline:
        return
    matrix = matrix_of(build_model(free))
    highs = Highs.lp_relaxation(matrix, options)
    columns, options_built, _ = places_of(free, matrix, BUILD)
    plants = free.routes["plant"].to_numpy()[options_built]
    upper = matrix.upper[columns]
    none = np.where(np.isin(plants, excluded), 0.0, upper)
    highs.set_bounds(columns, matrix.lower[columns], none)
    base = highs.run(deadline - now(), "all fixed decisions")
    for plant in excluded if base.status == "optimal" else ():
        if now() >= deadline:
            return
        highs.set_bounds(columns, matrix.lower[columns], np.where(plants == plant, upper, none))
        yield plant, highs.run(deadline - now(), "cost of a fixed decision"), base.objective


def _drop_exclusions(problem: Problem, excluded: list[str]) -> Problem | None:
    """Return the problem without the exclusion of these plants; None without plants, or if it cannot be built."""
    if not excluded:
        return None
    kept = [each for each in problem.scenario.plants.exclude if plant_and_reason(each)[0] not in excluded]
    try:
        return build_problem(problem.scenario.with_changes({"plants.exclude": kept}), problem.inputs)
    except InputError:
        return None
