"""A whole plan by diving: decide what is large first, let the many small choices make up for it.

The linear program leaves one group a tight row undecided at most, and those are the large ones that do not fit. Each is
decided, the larger first, and the program is solved again from its basis: small choices that lose little for their size
take up what is left of every row. So the undecided grow smaller from step to step, and with them what deciding costs.
After some steps the rest goes to the solver as a whole program.

Where most choices are of one size there is nothing small to make up with, and the plan is no better than others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ccs_model.errors import NoPlanError
from ccs_model.solver.clock import Allowance
from ccs_model.solver.highs import Highs, SolverOptions
from ccs_model.solver.parts import PartProgram, part_of, program_of
from ccs_model.solver.shape import Shape
from ccs_model.solver.sifting import Sifted

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Of the undecided groups: how many are decided in a step; so many steps at most.
STEP_SHARE = 0.02
STEPS = 90
# Open to change: so many choices a tight row, those that lose the least for what they change in it.
PER_ROW = 30
_DECIDED = 1e-7


def dived(
    shape: Shape,
    linear: Sifted,
    loss: Floats,
    best: Ints,
    options: SolverOptions,
    allowance: Allowance,
    *,
    gap: float,
    n_nodes: int,
    doing: str,
) -> Floats | None:
    """A plan over all columns, or None without one in time.

    loss: [choice] what it loses at the linear program's prices. best: [group] the choice of no loss, or −1. What is not
    decided in the dive is solved to the relative `gap` or within `n_nodes`.
    """
    part = part_of(shape, _little_lost(shape, linear, loss, best), best)
    dive = _Dive(shape, program_of(shape, part), linear, options, allowance, doing)
    if not dive.go():
        return None
    return dive.finished(gap, n_nodes)


def _use(shape: Shape) -> sparse.csr_array:
    """[choice, row] what a choice takes up when its followers are as large as it lets them be."""
    return sparse.csr_array(shape.on_choices + shape.room @ shape.on_followers)


def _little_lost(shape: Shape, linear: Sifted, loss: Floats, best: Ints) -> Mask:
    """[choice] for each tight row those that lose the least for what they change in it, and what is undecided."""
    use = _use(shape)
    n = len(shape.choices)
    firsts = best[best >= 0]
    others = np.setdiff1d(np.flatnonzero(best[shape.group] >= 0), firsts)
    beside = sparse.csr_array((np.ones(len(others)), (others, best[shape.group[others]])), shape=(n, n))
    # Another choice changes a row by what it takes up more or less than the best; the best by what is given back.
    changes = sparse.csc_array(abs(use - beside @ use))
    loss = loss.copy()
    loss[firsts] = np.maximum(linear.prices.best[shape.group[firsts]], 0.0)
    taken = linear.x[shape.choices]
    is_open: Mask = (taken > _DECIDED) & (taken < 1 - _DECIDED)
    for row in np.flatnonzero(linear.y):
        at = slice(changes.indptr[row], changes.indptr[row + 1])
        which, size = changes.indices[at], changes.data[at]
        for_size = np.where(shape.allowed[which] & (size > 0), loss[which] / np.maximum(size, 1e-300), np.inf)
        first = np.argsort(for_size, kind="stable")[:PER_ROW]
        is_open[which[first[np.isfinite(for_size[first])]]] = True
    groups = np.unique(shape.group[is_open])
    is_open[best[groups][best[groups] >= 0]] = True
    return is_open & shape.allowed


class _Dive:
    """The part's program in HiGHS, and which of its open choices are decided."""

    def __init__(
        self,
        shape: Shape,
        program: PartProgram,
        linear: Sifted,
        options: SolverOptions,
        allowance: Allowance,
        doing: str,
    ) -> None:
        self.program, self.allowance, self.doing = program, allowance, doing
        self.highs = Highs(program.matrix, options)
        self.highs.set_whole(False)
        self.highs.set_option("presolve", "off")
        self.highs.cpu_until = allowance.cpu_s
        self.every = np.arange(len(program.open))
        self.group = shape.group[program.open]
        self.size = abs(_use(shape)[program.open]) @ np.abs(linear.y)
        self.lower = program.matrix.lower[self.every].copy()
        self.upper = program.matrix.upper[self.every].copy()

    def go(self) -> bool:
        """Decide step by step, until nothing is undecided or a step cannot be made; whether there is a point at all."""
        x = self._solved()
        if x is None:
            return False
        for _ in range(STEPS):
            undecided = (x > _DECIDED) & (x < 1 - _DECIDED)
            if not undecided.any():
                break
            before = self.lower.copy(), self.upper.copy()
            self._decide(x, undecided)
            after = self._solved()
            if after is None:
                self.lower, self.upper = before
                break
            x = after
        return True

    def finished(self, gap: float, n_nodes: int) -> Floats | None:
        """The whole program over what is undecided."""
        if self.allowance.is_over:
            return None
        self.highs.set_bounds(self.every, self.lower, self.upper)
        self.highs.set_whole(True)
        for name, value in (("presolve", "on"), ("mip_rel_gap", gap), ("mip_max_nodes", n_nodes)):
            self.highs.set_option(name, value)
        outcome = self.highs.run(self.allowance.left_s, self.doing)
        return None if outcome.x is None else self.program.point(outcome.x)

    def _decide(self, x: Floats, undecided: Mask) -> None:
        """The largest groups as the point leans: the choice that is half made or more, or none of the undecided."""
        groups = np.unique(self.group[undecided])
        size = np.zeros(self.group.max() + 1)
        np.maximum.at(size, self.group[undecided], self.size[undecided])
        n_now = max(1, int(STEP_SHARE * len(groups)))
        theirs = np.isin(self.group, groups[np.argsort(-size[groups], kind="stable")[:n_now]])
        made = theirs & (x >= 0.5)
        beside = theirs & np.isin(self.group, self.group[made]) & ~made
        self.lower[made] = 1.0
        self.upper[beside | (theirs & undecided & ~made)] = 0.0

    def _solved(self) -> Floats | None:
        """[open] the linear program's point with what is decided so far."""
        if self.allowance.is_over:
            return None
        self.highs.set_bounds(self.every, self.lower, self.upper)
        try:
            outcome = self.highs.run(self.allowance.left_s, self.doing)
        except NoPlanError:
            # The simplex method may lose its way from an old basis; what was decided before stands.
            return None
        return outcome.x[self.every] if outcome.status == "optimal" and outcome.x is not None else None
