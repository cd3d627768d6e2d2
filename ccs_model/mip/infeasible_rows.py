"""Infeasibility, claim by claim: which claims clash, and how far each alone would have to give way.

Each group of claims is made elastic by itself; where that mends the program, the group is part of the clash and its
least relaxation found (to half a percent) is the price; a plan attains it, so it would do. The verdict "infeasible"
itself is believed only when HiGHS without presolve agrees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats
from ccs_model.mip.branch_and_bound import solve_mip
from ccs_model.mip.clock import now
from ccs_model.mip.fixed_charge import Construct, Prove, SlopeScaling
from ccs_model.mip.highs import Highs, Outcome, SolverOptions
from ccs_model.mip.matrix import Column, Matrix
from ccs_model.mip.search import FixedChargeNetwork, Result, SearchContext

_GIVES_WAY = 1e-6
_LEAST_GAP = 5e-3
# Share of the time left that one group may take.
_TIME_SHARE = 1 / 3
_SCALING = SlopeScaling(n_rounds=4, until=0.5)
_CONSTRUCT = Construct(until=0.5)
_IMPROVE = Prove(until=0.8)


@dataclass(frozen=True)
class Relaxation:
    """One way to mend the program: the rows that give way, by claim, as (index, how far, the limit they had)."""

    rows: Mapping[str, tuple[tuple[Any, float, float], ...]]


def point_without_presolve(matrix: Matrix, options: SolverOptions, time_limit_s: float) -> Outcome:
    """A second opinion on "infeasible": the outcome without presolve, which may hold a point after all."""
    highs = Highs(matrix, options)
    highs.set_option("presolve", "off")
    return highs.run(time_limit_s, "second opinion")


def ways_to_mend(
    matrix: Matrix,
    groups: Sequence[tuple[str, ...]],
    options: SolverOptions,
    deadline: float,
    network: FixedChargeNetwork | None = None,
) -> tuple[Relaxation, ...]:
    """Those of `groups` of claims whose relaxation alone mends the program, each with its least relaxation found.

    A group is not tried when one of its claims already mends the program by itself, and takes no more than a share of
    the time that is left. With fixed charges, what is laid for a first plan is chosen as for corridors.
    """
    found: list[Relaxation] = []
    repaired: set[str] = set()
    for group in groups:
        rows = np.concatenate([matrix.rows_of(constraint) for constraint in group])
        if not len(rows) or repaired & set(group) or now() >= deadline:
            continue
        stage = f"relaxing {' and '.join(group)}"
        begun = now()
        until = begun + _TIME_SHARE * (deadline - begun)
        outcome = _least(_elastic(matrix, rows), options, until, stage, network)
        if outcome.x is None or outcome.status not in ("optimal", "limit"):
            continue
        given: dict[str, list[tuple[Any, float, float]]] = {}
        for row, amount in zip(rows, outcome.x[len(matrix.lower) :], strict=True):
            if amount > _GIVES_WAY:
                constraint, index = matrix.row_constraints[row]
                given.setdefault(constraint, []).append((index, float(amount), _limit(matrix, row)))
        if not given:
            continue
        found.append(Relaxation(MappingProxyType({constraint: tuple(rows) for constraint, rows in given.items()})))
        repaired |= set(group)
    return tuple(found)


def least_beyond(
    matrix: Matrix,
    amounts: sparse.csr_array,
    limits: Floats,
    weights: Floats,
    options: SolverOptions,
    deadline: float,
    network: FixedChargeNetwork | None = None,
) -> Floats | None:
    """How far a plan must go beyond `limits` on `amounts` x, weighed and summed, the least found; None without one."""
    n = len(limits)
    count = Matrix(
        rows=sparse.csc_array(sparse.vstack([matrix.rows, amounts], format="csc")),
        row_lower=np.r_[matrix.row_lower, np.full(n, -np.inf)],
        row_upper=np.r_[matrix.row_upper, limits],
        lower=matrix.lower,
        upper=matrix.upper,
        is_integer=matrix.is_integer,
        costs=matrix.costs,
        maximise=matrix.maximise,
        row_constraints=(*matrix.row_constraints, *(("limit", k) for k in range(n))),
        columns=matrix.columns,
    )
    rows = np.arange(len(matrix.row_lower), len(count.row_lower))
    outcome = _least(_elastic(count, rows, weights), options, deadline, "least beyond the limits", network)
    if outcome.x is None or outcome.status not in ("optimal", "limit"):
        return None
    beyond: Floats = outcome.x[len(matrix.lower) :]
    return beyond


def _least(
    elastic: Matrix, options: SolverOptions, deadline: float, stage: str, network: FixedChargeNetwork | None
) -> Outcome:
    """The elastic program with as little slack as can be found until `deadline`."""
    start = None
    if network is not None:
        start = _first_solution(elastic, replace(options, gap_share=_LEAST_GAP), deadline, network)
    highs = Highs(elastic, options)
    return solve_mip(highs, maximise=False, gap=_LEAST_GAP, deadline=deadline, stage=stage, start=start).outcome


def _first_solution(
    elastic: Matrix, options: SolverOptions, deadline: float, network: FixedChargeNetwork
) -> Floats | None:
    """A solution with little slack, by slope scaling and then over the arcs that it opens; None if none is found."""
    context = SearchContext(elastic, network, options, deadline)
    highs = Highs(elastic, options)
    highs.set_integrality(False)
    relaxation = highs.run(context.until(_CONSTRUCT.until).left_s, "elastic model: relaxation")
    if relaxation.x is None:
        return None
    result = _SCALING.run(context, Result("limit", relaxation=relaxation))
    result = _CONSTRUCT.run(context, result if result.trace else replace(result, trace=(relaxation.x,)))
    if result.incumbent is None:
        return None
    arc_groups = network.arc_groups_used(result.incumbent)
    return _IMPROVE.run(context, result, arc_groups, "elastic model: improved solution").incumbent


def _limit(matrix: Matrix, row: int) -> float:
    upper = float(matrix.row_upper[row])
    return upper if np.isfinite(upper) else float(matrix.row_lower[row])


def _elastic(matrix: Matrix, rows: np.ndarray, weights: Floats | None = None) -> Matrix:
    """The matrix with one slack a row of `rows`, whose weighed sum is to be small in place of the objective."""
    n_slack = len(rows)
    weights = np.ones(n_slack) if weights is None else weights
    # A slack loosens whichever side the row has.
    sign = np.where(np.isfinite(matrix.row_upper[rows]), -1.0, 1.0)
    slack = sparse.csc_array((sign, (rows, np.arange(n_slack))), shape=(len(matrix.row_lower), n_slack))
    return Matrix(
        rows=sparse.csc_array(sparse.hstack([matrix.rows, slack], format="csc")),
        row_lower=matrix.row_lower,
        row_upper=matrix.row_upper,
        lower=np.r_[matrix.lower, np.zeros(n_slack)],
        upper=np.r_[matrix.upper, np.full(n_slack, np.inf)],
        is_integer=np.r_[matrix.is_integer, np.zeros(n_slack, dtype=bool)],
        costs=np.r_[np.zeros(len(matrix.lower)), weights][None, :],
        maximise=(False,),
        row_constraints=matrix.row_constraints,
        columns=(*matrix.columns, *(Column("slack", int(row)) for row in rows)),
    )
