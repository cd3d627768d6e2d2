"""Large MILPs with one choice per group and few coupling rows: sifting, then a sequence of restricted MILPs.

1. Choices that violate a coupling row by themselves are excluded; sifting solves the LP to prices y and a bound L.
2. The reduced-cost bound of a choice is max(0, best of its group) − its own value at y; a solution is worth at most L
   less the reduced-cost bounds of its choices.
3. The first incumbent takes the choices that are integer in the LP, then fills group by group; diving improves it.
4. A restricted MILP (kernel search) opens the choices of the smallest reduced-cost bounds and keeps all others at their
   best choice. A solution that deviates elsewhere loses at least the smallest bound left out, so the larger of the
   restricted MILP's bound and L less that loss bounds the full model. It grows until the gap is closed.
5. In between, large-neighbourhood search re-solves groups drawn at random, those with a close second choice more often.

Draws depend on the seed only, and every MILP ends by its gap or its nodes: a run that ends by its gap repeats.

References
----------
Angelelli, E., Mansini, R., Speranza, M. G. (2010). Kernel search: a general heuristic for the multi-dimensional
knapsack problem. Computers & Operations Research 37, 2017–2026.

Shaw, P. (1998). Using constraint programming and local search methods to solve vehicle routing problems. CP98,
LNCS 1520, 417–431.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip.branch_and_bound import MipOutcome, solve_mip
from ccs_model.mip.clock import now
from ccs_model.mip.grouped_neighbourhoods import assignment_of, part_of, search_by_diving, solve_part
from ccs_model.mip.grouped_structure import Shape, shape_of
from ccs_model.mip.highs import Highs, Outcome, Progress, SolverOptions, Status, gap_share, log_line
from ccs_model.mip.matrix import Matrix, mask_at, residuals, round_to_integrality
from ccs_model.mip.sifting import SiftingOptimum, as_outcome, solve_by_sifting

# With fewer columns HiGHS alone is as fast.
PAYS_COLUMNS = 20_000
FIRST_RESTRICTED_COLUMNS = 2_000
GROWTH = 2
RESTRICTED_NODES = 500
DIVE_NODES = 200
# Gaps of a restricted MILP and of a neighbourhood, as shares of the requested gap.
RESTRICTED_GAP_SHARE, NEIGHBOUR_GAP_SHARE = 0.25, 0.1
# Groups, columns and nodes of a neighbourhood; tries in a row without improvement before the restricted MILP grows.
NEIGHBOURS = 250
NEIGHBOUR_COLUMNS = 2_000
NEIGHBOUR_NODES = 100
TRIES = 6
_ROUNDING = 1e-9
_FITS = 1e-9


def solve_by_groups(
    matrix: Matrix,
    options: SolverOptions,
    *,
    deadline: float,
    stage: str,
    on_progress: Callable[[Progress], None] | None = None,
    start: Floats | None = None,
    max_restricted_milps: int | None = None,
) -> MipOutcome | None:
    """Solve objective 0 of the matrix by groups; None if the model is too small or of another shape.

    Also None without an LP optimum or an incumbent in time. The reason goes to the log.

    Parameters
    ----------
    matrix
        The model.
    options
        Options of the solver, the gap at which the search ends among them.
    deadline
        A value of `clock.now`.
    stage
        Name of the search in the log.
    on_progress
        Called with each improvement.
    start
        A feasible point.
    max_restricted_milps
        Number of restricted MILPs after which the search ends.
    """
    if len(matrix.lower) < PAYS_COLUMNS:
        return _log_rejection(options, f"{len(matrix.lower)} columns are fewer than {PAYS_COLUMNS}")
    shape = shape_of(matrix)
    if isinstance(shape, str):
        return _log_rejection(options, shape)
    log_line(
        options,
        f"by groups: {shape.n_groups} groups of {len(shape.choices)} choices, {len(shape.coupling)} coupling rows",
    )
    is_mip = bool(matrix.is_integer.any())
    if is_mip:
        shape = replace(shape, allowed=shape.allowed & ~are_infeasible_alone(shape))
        if not shape.allowed.any():
            return _log_rejection(options, "every choice violates a row by itself")
    linear = solve_by_sifting(shape, options, deadline, stage=f"{stage}: sifting")
    if linear is None:
        return _log_rejection(options, "no optimum of the LP was reached")
    relaxation = as_outcome(shape, matrix, linear)
    log_line(options, f"by groups: LP {relaxation.objective:.10g}, bound {relaxation.bound:.10g}")
    if not is_mip:
        if not residuals(matrix, linear.x).hold:
            return _log_rejection(options, "the sifted point violates a row")
        return MipOutcome(relaxation, relaxation, by_groups=True)
    found = _Search(matrix, shape, linear, options, deadline, stage, on_progress).run(start, max_restricted_milps)
    return None if found is None else MipOutcome(found, relaxation, by_groups=True)


def solve_program(
    highs: Highs, *, deadline: float, stage: str, start: Floats | None = None, max_restricted_milps: int | None = None
) -> MipOutcome:
    """Solve the model in `highs` by groups if its shape allows it, else by kernel search (`solve_mip`)."""
    matrix = replace(highs.matrix, lower=highs.lower, upper=highs.upper)
    found = solve_by_groups(
        matrix,
        highs.options,
        deadline=deadline,
        stage=stage,
        on_progress=highs.progress,
        start=start,
        max_restricted_milps=max_restricted_milps,
    )
    return found or solve_mip(highs, deadline=deadline, stage=stage, start=start)


def are_infeasible_alone(shape: Shape) -> Mask:
    """[choice] whether it violates a row with nothing else chosen, in rows without negative terms."""
    n_rows = len(shape.coupling)
    falls = np.zeros(n_rows, dtype=bool)
    for on in (shape.on_choices, shape.on_vubs, shape.on_free):
        falls[on.indices[on.data < 0]] = True
    falls[np.unique(shape.on_free[np.flatnonzero(shape.free_lower < 0)].indices)] = True
    limit = np.where(falls, np.inf, shape.row_upper)
    entries = shape.on_choices.data > limit[shape.on_choices.indices] * (1 + 1e-9) + 1e-9
    before = np.r_[0, np.cumsum(entries)]
    breaks: Mask = before[shape.on_choices.indptr[1:]] > before[shape.on_choices.indptr[:-1]]
    return breaks & ~shape.must[shape.group]


@dataclass(frozen=True, eq=False)
class ReducedCostGaps:
    """Reduced-cost bounds: `choice` [choice], `second` [group] that of the second-best decision, `best` [group]."""

    choice: Floats
    second: Floats
    best: Ints

    @classmethod
    def of(cls, shape: Shape, linear: SiftingOptimum) -> ReducedCostGaps:
        """Return the reduced-cost gaps of all columns at the LP optimum."""
        worth, best = linear.prices.worth, linear.prices.best
        value = np.where(shape.must, best, np.maximum(best, 0.0))
        reduced_cost_gap = np.maximum(value[shape.group] - worth, 0.0)
        none = np.where(shape.must, np.inf, value)
        first = np.full(shape.n_groups, -1, dtype=np.int64)
        at_best = np.flatnonzero(worth == best[shape.group])[::-1]
        first[shape.group[at_best]] = at_best
        # Ties go to the choice of the LP.
        taken = np.flatnonzero(linear.x[shape.choices] > 1 - 1e-6)
        first[shape.group[taken]] = taken
        others = reduced_cost_gap.copy()
        others[first] = np.inf
        second = np.minimum.reduceat(others, shape.starts)
        chosen = shape.must | (best > 0)
        second = np.where(chosen, np.minimum(second, none), reduced_cost_gap[first])
        return cls(reduced_cost_gap, second, np.where(chosen, first, -1))


@dataclass(eq=False)
class _Search:
    """The incumbent, the bound, and the heuristics that improve either."""

    matrix: Matrix
    shape: Shape
    linear: SiftingOptimum
    options: SolverOptions
    deadline: float
    stage: str
    on_progress: Callable[[Progress], None] | None

    def __post_init__(self) -> None:
        self.gap, self.sign = self.options.gap_share, self.matrix.sign
        self.reduced_cost_gaps = ReducedCostGaps.of(self.shape, self.linear)
        self.bound, self.value = self.linear.bound, -np.inf
        self.x: Floats | None = None
        self.began = now()
        self.rng = np.random.default_rng(self.options.seed)

    def run(self, start: Floats | None, max_restricted_milps: int | None) -> Outcome | None:
        """Return incumbent and bound; None without an incumbent."""
        self._update_incumbent(start)
        self._update_incumbent(_fill_groups(self.shape, self.linear))
        self._dive()
        n_columns = FIRST_RESTRICTED_COLUMNS
        # Choices enter the restricted MILP in the order of their reduced-cost bounds.
        enters = np.maximum(self.reduced_cost_gaps.choice, self.reduced_cost_gaps.second[self.shape.group])
        enters = np.where(self.shape.allowed, enters, np.inf)
        order = np.sort(enters[np.isfinite(enters)])
        n_restricted_milps, n_nodes = 0, RESTRICTED_NODES
        # Solve one restricted MILP even if the first incumbent closes the gap: it improves it at little cost.
        while (
            not (self._is_closed and n_restricted_milps)
            and now() < self.deadline
            and n_restricted_milps != max_restricted_milps
        ):
            n_restricted_milps += 1
            everything = n_columns >= len(order)
            left_out = np.inf if everything else float(order[n_columns])
            stage = f"{self.stage}: restricted MILP of {min(n_columns, len(order))}"
            solved_all = self._solve_restricted_milp(enters < left_out, left_out, n_nodes, stage)
            if everything and solved_all:
                break
            if everything:
                n_nodes *= GROWTH
            elif not self._is_closed and n_restricted_milps != max_restricted_milps:
                # A better incumbent helps the next restricted MILP.
                self._search_neighbourhoods()
            n_columns *= GROWTH
        if self.x is None:
            return None
        value = self.sign * self.value
        status: Status = "optimal" if self._is_closed else "limit"
        log_line(self.options, f"by groups: incumbent {value:.10g}, bound {self.sign * self.bound:.10g}, {status}")
        return Outcome(status, value, self.sign * max(self.bound, self.value), self.x, None, None)

    @property
    def _is_closed(self) -> bool:
        return self.x is not None and gap_share(max(self.bound, self.value), self.value) <= self.gap + _ROUNDING

    def _update_incumbent(self, x: Floats | None) -> bool:
        """Make a point the incumbent if it is feasible and better."""
        if x is None:
            return False
        x = round_to_integrality(self.matrix, x)
        value = self.sign * float(self.matrix.costs[0] @ x)
        if value <= self.value + 1e-9 * abs(self.value if np.isfinite(self.value) else 1.0):
            return False
        if not residuals(self.matrix, x).hold:
            return False
        self.x, self.value = x, value
        self.assignment = assignment_of(self.shape, x)
        if self.on_progress is not None:
            shown = (self.sign * self.bound, self.sign * value)
            self.on_progress(Progress(self.stage, now() - self.began, *shown))
        return True

    def _dive(self) -> None:
        """Improve the incumbent by diving."""
        if self._is_closed or now() >= self.deadline:
            return
        found = search_by_diving(
            self.shape,
            self.linear,
            self.reduced_cost_gaps.choice,
            self.reduced_cost_gaps.best,
            self.options,
            self.deadline,
            gap=RESTRICTED_GAP_SHARE * self.gap,
            n_nodes=DIVE_NODES,
            stage=f"{self.stage}: diving",
        )
        self._update_incumbent(found)

    def _solve_restricted_milp(self, is_open: Mask, left_out: float, n_nodes: int, stage: str) -> bool:
        """Solve a restricted MILP; return whether it was solved to its end."""
        shape = self.shape
        kept = self.reduced_cost_gaps.best
        if self.x is not None:
            # Groups in which the incumbent deviates are open as well.
            differs = self.assignment != kept
            is_open = is_open | differs[shape.group] & (self.reduced_cost_gaps.choice <= 0)
            is_open[self.assignment[differs & (self.assignment >= 0)]] = True
            groups = mask_at(shape.n_groups, shape.group[is_open])
            kept = np.where(groups, self.assignment, kept)
        found = solve_part(
            part_of(shape, is_open, kept),
            self.options,
            deadline=self.deadline,
            gap=RESTRICTED_GAP_SHARE * self.gap,
            n_nodes=n_nodes,
            start=self.x,
            stage=stage,
        )
        self._update_incumbent(found.x)
        self.bound = min(self.bound, max(found.bound, self.linear.bound - left_out, self.value))
        return found.status in ("optimal", "infeasible")

    def _search_neighbourhoods(self) -> None:
        """Re-solve groups drawn at random until several draws in a row bring no improvement."""
        if self.x is None:
            return
        shape = self.shape
        # Groups with a close second choice are drawn more often.
        near = min(2 * NEIGHBOURS, shape.n_groups - 1)
        typical = float(np.partition(self.reduced_cost_gaps.second, near)[near])
        typical = typical if np.isfinite(typical) else 1.0
        weight = 1.0 / (1.0 + self.reduced_cost_gaps.second / max(typical, 1e-12)) ** 2
        failed = 0
        while failed < TRIES and not self._is_closed and now() < self.deadline:
            keys = self.rng.exponential(size=shape.n_groups) / np.maximum(weight, 1e-12)
            drawn = mask_at(shape.n_groups, np.argsort(keys, kind="stable")[:NEIGHBOURS])
            is_open = drawn[shape.group] & shape.allowed
            members = np.flatnonzero(is_open)
            if len(members) > NEIGHBOUR_COLUMNS:
                is_open[
                    members[np.argsort(self.reduced_cost_gaps.choice[members], kind="stable")[NEIGHBOUR_COLUMNS:]]
                ] = False
            found = solve_part(
                part_of(shape, is_open, self.assignment),
                self.options,
                deadline=self.deadline,
                gap=NEIGHBOUR_GAP_SHARE * self.gap,
                n_nodes=NEIGHBOUR_NODES,
                start=self.x,
                stage=f"{self.stage}: neighbourhood",
            )
            failed = 0 if self._update_incumbent(found.x) else failed + 1


def _fill_groups(shape: Shape, linear: SiftingOptimum) -> Floats | None:
    """A first point: integer choices of the LP, then in each other group the best choice that still fits."""
    if (shape.row_lower > 0).any() or (shape.free_lower > 0).any():
        return None
    x = linear.x[shape.choices]
    assignment = np.full(shape.n_groups, -1, dtype=np.int64)
    taken = np.flatnonzero(x > 1 - 1e-6)
    assignment[shape.group[taken]] = taken
    room = shape.row_upper - np.asarray(shape.on_choices[taken].sum(axis=0)).ravel()
    worth = linear.prices.worth
    open_groups = np.flatnonzero(assignment < 0)
    open_groups = open_groups[np.argsort(-linear.prices.best[open_groups], kind="stable")]
    ends = np.r_[shape.starts[1:], len(shape.choices)]
    on = shape.on_choices
    value = np.maximum(shape.profit, 0.0)
    floor = -0.5 * np.maximum.reduceat(value, shape.starts)
    for g in open_groups[: 4 * NEIGHBOURS + len(shape.coupling)]:
        ks = np.arange(shape.starts[g], ends[g])
        for k in ks[np.argsort(-worth[ks], kind="stable")]:
            if not shape.allowed[k] or shape.profit[k] <= 0 or worth[k] < floor[g]:
                continue
            at = slice(on.indptr[k], on.indptr[k + 1])
            if (on.data[at] <= room[on.indices[at]] + _FITS).all():
                room[on.indices[at]] -= on.data[at]
                assignment[g] = k
                break
    full = np.zeros(shape.n_columns)
    full[shape.choices[assignment[assignment >= 0]]] = 1.0
    return full


def _log_rejection(options: SolverOptions, reason: str) -> MipOutcome | None:
    log_line(options, f"not by groups: {reason}; all columns go to HiGHS")
    return None
