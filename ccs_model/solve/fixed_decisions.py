"""The cost of each fixed decision of the scenario: a required or an excluded plant.

The cost is the change of the LP value when this one decision is freed and all others are kept: abatement gained over
the horizon for max_abatement, money saved for min_cost. It is at least 0.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.errors import InputError
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.clock import now
from ccs_model.model import build_model
from ccs_model.model.names import REQUIRED_PLANT
from ccs_model.model.standard_form import matrix_of
from ccs_model.problem import Problem, build_problem

COLUMNS = ["plant", "name", "lock", "abatement_lost_kt", "cost_added_mn"]


def no_fixed_decisions() -> pd.DataFrame:
    """Return the table of a scenario without fixed decisions."""
    return pd.DataFrame([], columns=COLUMNS)


def fixed_decisions_table(
    problem: Problem, matrix: Matrix, fixed_value: float, options: SolverOptions, deadline: float
) -> pd.DataFrame:
    """Return one row per fixed decision; `fixed_value` is the LP value with all of them. Ends early at the deadline."""
    scenario = problem.scenario
    sign = 1.0 if matrix.maximise[0] else -1.0
    rows: list[tuple[str, str, Outcome]] = []
    relaxed = Highs(matrix, options)
    relaxed.set_integrality(False)
    has_fixed = len(matrix.rows_of(REQUIRED_PLANT)) or scenario.plants.exclude
    if problem.network is not None and has_fixed:
        # The relaxation of a shared network has cut-set inequalities, which the models compared here have not.
        base = relaxed.run(deadline - now(), "all fixed decisions")
        if base.status != "optimal":
            return no_fixed_decisions()
        fixed_value = base.objective
    for row in matrix.rows_of(REQUIRED_PLANT):
        relaxed.set_row(int(row), -np.inf, np.inf)
        outcome = relaxed.run(deadline - now(), "cost of a fixed decision")
        relaxed.set_row(int(row), float(matrix.row_lower[row]), np.inf)
        rows.append((str(matrix.row_constraints[row][1]), "require", outcome))
    for plant in scenario.plants.exclude:
        if now() >= deadline:
            break
        others = [each for each in scenario.plants.exclude if each != plant]
        try:
            freed = matrix_of(
                build_model(build_problem(scenario.with_changes({"plants.exclude": others}), problem.inputs))
            )
        except InputError:
            # A plant may be excluded because its data are incomplete; then the decision has no cost.
            continue
        highs = Highs(freed, options)
        highs.set_integrality(False)
        rows.append((plant, "exclude", highs.run(deadline - now(), "cost of a fixed decision")))
    names = problem.plants.set_index("plant")["name"]
    table = [
        {
            "plant": plant,
            "name": names.get(plant, ""),
            "lock": kind,
            ("abatement_lost_kt" if sign > 0 else "cost_added_mn"): max(sign * (outcome.objective - fixed_value), 0.0),
        }
        for plant, kind, outcome in rows
        if outcome.status == "optimal"
    ]
    return pd.DataFrame(table, columns=COLUMNS)
