"""Tie-breaking: among solutions of the same value on the same streams, the best by the secondary objective."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.errors import NoPlanError
from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.branch_and_bound import solve_mip
from ccs_model.mip.grouped_milp import solve_program
from ccs_model.mip.matrix import residuals, round_to_integrality
from ccs_model.mip.presolve import remove_columns
from ccs_model.model.names import (
    ABOVE_FORWARD,
    ABOVE_REVERSE,
    ADDED_CAPACITY,
    CREDITED,
    OBLIGATION_FORWARD,
    OBLIGATION_REVERSE,
    ONE_RETROFIT,
    OPENED,
    PIPE,
    PIPE_FLOW,
    SITE_IS_OPEN,
    SPEND,
    WELLS,
)
from ccs_model.model.objective import npv_terms
from ccs_model.model.terms import sum_terms
from ccs_model.plan.decisions import BUILT, Point, places_of
from ccs_model.problem import Problem

# Relative loss of the first objective that tie-breaking may cause: below all printed digits.
HELD_SHARE = 1e-9


def break_ties(highs: Highs, chosen: Floats, *, deadline: float) -> Floats:
    """Return the best solution by the secondary objective among those of the same value and streams, else `chosen`."""
    matrix = highs.matrix
    _keep_value(highs, chosen)
    second = solve_mip(
        highs, deadline=deadline, stage="tie-breaking", start=chosen, may_move=is_of_same_streams(matrix, chosen)
    ).outcome
    return _better_point(matrix, chosen, second.point)


def break_ties_by_group(highs: Highs, chosen: Floats, *, deadline: float) -> Floats:
    """Like `break_ties` for a large model, in a matrix restricted to the streams of the plan."""
    matrix = highs.matrix
    small = remove_columns(matrix, np.flatnonzero(~is_of_same_streams(matrix, chosen)))
    if not small.has_point(chosen):
        return chosen
    part = small.matrix
    low, high = _value_limits(float(matrix.costs[0] @ chosen), matrix.maximise[0])
    value_row = sparse.csr_array(part.costs[:1])
    secondary_objective = replace(
        part.with_rows(value_row, np.array([low]), np.array([high]), [("value_is_kept", None)]),
        costs=part.costs[1:2],
        maximise=part.maximise[1:2],
    )
    second = solve_program(
        Highs(secondary_objective, highs.options),
        deadline=deadline,
        stage="tie-breaking",
        start=chosen[small.columns],
        max_restricted_milps=1,
    ).outcome
    return _better_point(matrix, chosen, None if second.point is None else small.lift_to_full_model(second.point))


def break_continuous_ties(matrix: Matrix, options: SolverOptions, chosen: Floats) -> Floats:
    """Return the best solution by the secondary objective with the same integer columns and objective value.

    One linear program, so that it is solved to its end at every exit of a search.
    """
    highs = Highs.with_integers_fixed(matrix, options, chosen)
    _keep_value(highs, chosen)
    second = highs.attempt(np.inf, "tie-breaking with integers fixed")
    return _better_point(matrix, chosen, second.point)


def fit_network(
    problem: Problem,
    matrix: Matrix,
    options: SolverOptions,
    chosen: Floats,
    deadline: float,
    *,
    with_flows: bool = False,
) -> Floats:
    """Return `chosen` with the best pipes, sites and wells for its retrofits and flows, found until `deadline`.

    A search that met its limit may leave pipes that are not used, larger than needed or built too early. Money that
    funds pay for them follows. The objective decides if these columns have a coefficient in it, otherwise the secondary
    objective does. With `with_flows` all continuous decisions are free as well: under a target a smaller pipe, whose
    pumps use more power, may need a little more capture.
    """
    if problem.network is None or not problem.is_integer:
        return chosen
    built = _built_assets(problem, matrix, chosen)
    network = np.array(sorted(j for columns in built.values() for j in columns), dtype=np.int64)
    # What costs nothing stays as it is.
    network = network[matrix.costs[:, network].any(axis=0)]
    if not len(network):
        return chosen
    # The flow of a link goes through pipes of any size.
    link_of = problem.network.link_of
    flows = [j for j in matrix.columns_of(PIPE_FLOW) if link_of[str(matrix.columns[j].index[0])] in built]
    follow = [matrix.columns_of(SPEND, SITE_IS_OPEN), np.array(flows, dtype=np.int64)]
    if with_flows:
        follow.append(np.flatnonzero(~matrix.is_integer))
    free = np.union1d(network, np.concatenate(follow))
    small = _part_of(matrix, free, chosen)
    by = 0 if small.costs[0][np.isin(free, network)].any() else 1
    kept = _value_limits(float(small.costs[0] @ chosen[free]), small.maximise[0])
    value, small = small.costs[0], replace(small, costs=small.costs[[by]], maximise=(small.maximise[by],))
    highs = Highs(small, replace(options, gap_share=HELD_SHARE))
    if by == 1:
        # Pumps of another size use other power, which counts as CO₂.
        highs.add_row(value, *kept)
    found = solve_mip(highs, deadline=deadline, stage="pipes of the flows", start=chosen[free]).outcome
    if found.point is None:
        return chosen
    fitted = chosen.copy()
    fitted[free] = np.clip(found.point, matrix.lower[free], matrix.upper[free])
    fitted = round_to_integrality(matrix, fitted)
    gained = float(matrix.costs[by] @ (fitted - chosen)) * (1 if matrix.maximise[by] else -1)
    least = HELD_SHARE * abs(float(matrix.costs[by] @ chosen))
    return fitted if gained > least and residuals(matrix, fitted).hold else chosen


def _part_of(matrix: Matrix, free: Ints, chosen: Floats, *, is_exact: bool = False) -> Matrix:
    """The model of some columns where all others are as chosen; unless `is_exact`, `chosen` itself is feasible."""
    within = matrix.rows[:, free].tocsr()
    rows = np.flatnonzero(np.diff(within.indptr) > 0)
    within = within[rows]
    own = within @ chosen[free]
    others = matrix.rows.tocsr()[rows] @ chosen - own
    part = replace(
        matrix.submatrix(rows, free),
        row_lower=matrix.row_lower[rows] - others,
        row_upper=matrix.row_upper[rows] - others,
    )
    if is_exact:
        return part
    return replace(
        part,
        row_lower=np.minimum(part.row_lower, own),
        row_upper=np.maximum(part.row_upper, own),
        lower=np.minimum(part.lower, chosen[free]),
        upper=np.maximum(part.upper, chosen[free]),
    )


def without_idle_wells(matrix: Matrix, chosen: Floats) -> Floats:
    """Return `chosen` with as few wells as its injection needs where wells have no cost of their own."""
    wells = matrix.columns_of(WELLS)
    free = wells[(matrix.costs[:, wells] == 0).all(axis=0) & (chosen[wells] > matrix.lower[wells])]
    if not len(free):
        return chosen
    kept, by_column = chosen.copy(), matrix.rows.tocsc()
    activity = matrix.rows @ chosen
    for j in free:
        rows, amounts = (
            part[by_column.indptr[j] : by_column.indptr[j + 1]] for part in (by_column.indices, by_column.data)
        )
        # Fewer wells lower the activity of rows with a positive coefficient and raise that of the others.
        room = np.where(amounts > 0, activity[rows] - matrix.row_lower[rows], matrix.row_upper[rows] - activity[rows])
        fewer = min(float((room / np.abs(amounts)).min(initial=np.inf)), kept[j] - matrix.lower[j])
        fewer = max(np.floor(fewer + HELD_SHARE) if matrix.is_integer[j] else fewer, 0.0)
        kept[j] -= fewer
        activity[rows] -= amounts * fewer
    return kept


def idle_links(problem: Problem, matrix: Matrix, chosen: Floats) -> tuple[str, ...]:
    """Return the links that are built and never carry CO₂."""
    if problem.network is None:
        return ()
    link_of = problem.network.link_of
    with_flow = {link_of[matrix.columns[j].index[0]] for j in matrix.columns_of(PIPE_FLOW) if chosen[j] > BUILT}
    # Flows by link: those above the mean, and those after the horizon.
    by_link = matrix.columns_of(ABOVE_FORWARD, ABOVE_REVERSE, OBLIGATION_FORWARD, OBLIGATION_REVERSE)
    used = [matrix.columns[j].index for j in by_link if chosen[j] > BUILT]
    with_flow |= {index if isinstance(index, str) else index[0] for index in used}
    idle = set(problem.network.links["link"]) - with_flow
    built = _built_assets(problem, matrix, chosen)
    return tuple(place for place in built if place in idle)


def _built_assets(problem: Problem, matrix: Matrix, chosen: Floats) -> dict[str, list[int]]:
    """The columns of the pipes of each link, and of each site with its wells, that the plan builds, by name."""
    assert problem.network is not None
    link_of = problem.network.link_of
    assets: dict[str, list[int]] = {}
    for j in matrix.columns_of(PIPE, ADDED_CAPACITY, OPENED, WELLS):
        place = str(matrix.columns[j].index[0])
        assets.setdefault(link_of.get(place, place), []).append(int(j))
    return {
        place: columns for place, columns in assets.items() if (chosen[columns] > matrix.lower[columns] + BUILT).any()
    }


def _keep_value(highs: Highs, chosen: Floats) -> None:
    """Set the secondary objective, with the value of the first one kept."""
    matrix = highs.matrix
    highs.add_row(matrix.costs[0], *_value_limits(float(matrix.costs[0] @ chosen), matrix.maximise[0]))
    highs.set_objective(matrix.costs[1], maximise=matrix.maximise[1])


def _value_limits(value: float, maximise: bool) -> tuple[float, float]:
    loss = HELD_SHARE * abs(value)
    return (value - loss, np.inf) if maximise else (-np.inf, value + loss)


def _better_point(matrix: Matrix, chosen: Floats, point: Floats | None) -> Floats:
    """A point if it is better by the secondary objective and keeps the value of the first one."""
    if point is None:
        return chosen
    better, value = round_to_integrality(matrix, point), float(matrix.costs[0] @ chosen)
    gained = float(matrix.costs[1] @ (better - chosen)) * (1 if matrix.maximise[1] else -1)
    lost = (value - float(matrix.costs[0] @ better)) * matrix.sign
    return better if gained > 0 and lost <= 1e-6 * max(abs(value), 1.0) else chosen


def is_of_same_streams(matrix: Matrix, chosen: Floats) -> Mask:
    """Return [column] whether it is of the streams that the plan retrofits, in any year, size, technology and site.

    Columns that are no retrofits (pipes, sites, wells) are included.
    """
    rows = matrix.rows.tocsr()[matrix.rows_of(ONE_RETROFIT)]
    used = (rows @ (chosen > BUILT)) > 0
    among: Mask = np.asarray(rows[used].sum(axis=0)).ravel() > 0
    is_retrofit = np.asarray(rows.sum(axis=0)).ravel() > 0
    return among | ~is_retrofit


def funds_table(point: Point) -> pd.DataFrame:
    """Return spending of each fund at the start of each period: fund, kind, year, spend_mn, interest_rate, term_yr."""
    problem = point.problem
    funds = problem.accounts.funds
    table = funds[["fund", "kind", "interest_rate", "term_yr"]].merge(
        pd.DataFrame({"year": problem.years}), how="cross"
    )
    spend = pd.DataFrame(np.zeros((len(funds), len(problem.years))), index=funds["fund"])
    if len(problem.accounts.allocations):
        paid = pd.DataFrame(point.decided[SPEND]).groupby(problem.accounts.allocations["fund"].to_numpy()).sum()
        spend = spend.add(paid, fill_value=0.0).loc[funds["fund"]]
    table["spend_mn"] = spend.to_numpy(float).ravel()
    return table[["fund", "kind", "year", "spend_mn", "interest_rate", "term_yr"]]


def with_best_finance(problem: Problem, matrix: Matrix, options: SolverOptions, chosen: Floats) -> Floats:
    """Return `chosen` with the draws of funds and the sale of allowances that give the owners the highest NPV.

    All other decisions stay. Raises NoPlanError if the solver fails.
    """
    value = sum_terms(npv_terms(problem))
    worth = np.zeros(len(chosen))
    decided = np.zeros(len(chosen), dtype=bool)
    for name in [name for name in (SPEND, CREDITED) if name in problem.axes]:
        columns, place, year = places_of(problem, matrix, name)
        decided[columns] = True
        if name in value:
            worth[columns] = value[name][place, year]
    if not decided.any():
        return chosen
    free = np.flatnonzero(decided)
    # Draws that the search leaves within its tolerance may exceed that of the check in another currency.
    for is_exact in (True, False):
        part = _part_of(matrix, free, chosen, is_exact=is_exact)
        found = Highs(replace(part, costs=worth[free][None, :], maximise=(True,)), options).run(np.inf, "finance")
        if found.status == "optimal":
            break
    if found.x is None or found.status != "optimal":
        raise NoPlanError(f"the solver ended with status '{found.status}'")
    point = chosen.copy()
    point[free] = np.clip(found.x, matrix.lower[free], matrix.upper[free])
    return point
