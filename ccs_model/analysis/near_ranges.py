"""Of fractional plans: the least and the most of each plant that any plan within the share fits.

What is fitted of a plant is the nameplate built at it against all that can be captured at it. Both ends of a range are
optima of a linear program, so that they are proven; each is a point that keeps every row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.analysis.near_program import Held, plant_columns
from ccs_model.solver import Highs, SolverOptions
from ccs_model.solver.clock import now
from ccs_model.solver.residuals import residuals, snapped

Floats = npt.NDArray[np.float64]

RANGE_COLUMNS = [
    "plant", "name", "province", "sector", "standing", "plan_share", "min_share", "max_share", "plan_ktpa", "min_ktpa",
    "max_ktpa", "objective_at_min", "objective_at_max", "is_proven",
]  # fmt: skip
IN_EVERY_PLAN, IN_SOME, IN_NO_PLAN, OPEN = "needed", "swappable", "never", "not decided in time"
_TRACE_SHARE = 1e-6


def ranges_of(
    held: Held, within_share: float, options: SolverOptions, deadline: float, tell: Callable[[str], None] | None
) -> tuple[pd.DataFrame, tuple[Floats, ...], bool]:
    """RANGE_COLUMNS of every plant that may be fitted, the points at the ends, and whether all were found in time."""
    problem, matrix = held.problem, held.matrix
    builds = plant_columns(problem, matrix)
    nameplate = problem.routes["nameplate_ktpa"].to_numpy(float)
    floor, few = held.floor(within_share), 1e-9 * abs(held.value)
    highs = Highs(matrix, options)
    low, high = (floor + few, np.inf) if held.sign > 0 else (-np.inf, floor - few)
    highs.add_row(matrix.costs[0], low, high)
    named = problem.plants.set_index("plant")
    rows, points = [], []
    for plant, mine in builds.groupby("plant"):
        if tell is not None:
            tell(f"range of {plant}")
        costs = np.zeros(len(matrix.columns))
        costs[mine["column"].to_numpy(np.int64)] = nameplate[mine["route"].to_numpy(np.int64)]
        most = float(named.at[plant, "capturable_ktpa"])
        ends: list[tuple[float, float]] = []
        for maximise in (False, True):
            highs.set_objective(costs, maximise=maximise)
            left = deadline - now()
            outcome = highs.run(left, "a range") if left > 0 else None
            x = None if outcome is None or outcome.status != "optimal" or outcome.x is None else outcome.x
            point = None if x is None else snapped(matrix, x)
            if point is None or not residuals(matrix, point).hold:
                ends.append((np.nan, np.nan))
                continue
            points.append(point)
            ends.append((float(costs @ point), float(matrix.costs[0] @ point)))
        own = named.loc[plant]
        here = float(costs @ held.x)
        (least, at_least), (largest, at_largest) = ends
        standing = OPEN
        if np.isfinite([least, largest]).all():
            some = _TRACE_SHARE * max(most, 1.0)
            standing = IN_EVERY_PLAN if least > some else IN_SOME if largest > some else IN_NO_PLAN
        rows.append(
            (plant, own["name"], own["province"], own["sector"], standing, here / most, least / most, largest / most,
             here, least, largest, at_least, at_largest, standing != OPEN)
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=RANGE_COLUMNS)
    return table, tuple(points), bool(table["is_proven"].all())
