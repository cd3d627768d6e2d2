"""The cost of each fixed decision of the scenario: a required or an excluded plant.

The cost is the change of the LP value when this one decision is freed and all others are kept: abatement gained over
the horizon for max_abatement, money gained or saved for the objectives in money. It is at least 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ccs_model.errors import InputError
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.clock import now
from ccs_model.model import build_model
from ccs_model.model.names import BUILD, REQUIRED_PLANT
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.decisions import places_of
from ccs_model.plan.plan import FIXED_DECISION_COLUMNS
from ccs_model.problem import Problem, build_problem
from ccs_model.scenario.fields import plant_and_reason


def no_fixed_decisions() -> pd.DataFrame:
    """Return the table of a scenario without fixed decisions."""
    return pd.DataFrame([], columns=FIXED_DECISION_COLUMNS)


def fixed_decisions_table(
    problem: Problem, matrix: Matrix, fixed_value: float, options: SolverOptions, deadline: float
) -> pd.DataFrame:
    """Return one row per fixed decision; `fixed_value` is the LP value with all of them. Ends early at the deadline."""
    sign = 1.0 if matrix.maximise[0] else -1.0
    rows: list[tuple[str, str, Outcome, float]] = []
    relaxed = Highs(matrix, options)
    relaxed.set_integrality(False)
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
    rows += [(plant, "exclude", freed, value) for plant, freed, value in _freed_exclusions(problem, options, deadline)]
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


def _freed_exclusions(
    problem: Problem, options: SolverOptions, deadline: float
) -> Iterator[tuple[str, Outcome, float]]:
    """Yield each excluded plant, the LP without its exclusion and the LP value with all; ends early at the deadline.

    All are of one model in which every excluded plant could be built. A plant may be excluded because its data are
    incomplete; then its exclusion has no cost.
    """
    excluded = [*problem.scenario.plants.excluded]
    free = _freed(problem, excluded)
    if excluded and free is None:
        excluded = [each for each in excluded if _freed(problem, [each]) is not None]
        free = _freed(problem, excluded)
    if free is None or now() >= deadline:
        return
    matrix = matrix_of(build_model(free))
    highs = Highs(matrix, options)
    highs.set_integrality(False)
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


def _freed(problem: Problem, excluded: list[str]) -> Problem | None:
    """Return the problem without the exclusion of these plants; None without plants, or if it cannot be built."""
    if not excluded:
        return None
    kept = [each for each in problem.scenario.plants.exclude if plant_and_reason(each)[0] not in excluded]
    try:
        return build_problem(problem.scenario.with_changes({"plants.exclude": kept}), problem.inputs)
    except InputError:
        return None
