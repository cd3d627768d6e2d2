"""What each lock of the scenario costs: a plant that must be fitted, or that is left out.

The price is the difference that lifting the one lock makes to the linear program's value, all other locks kept: tonnes
gained over the horizon where the aim is most abatement, money saved where it is least cost. It is at least 0.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.errors import InputError
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.clock import now
from ccs_model.model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.problem import Problem, build_problem

COLUMNS = ["plant", "name", "lock", "abatement_lost_kt", "cost_added_mn"]


def no_fixed_decisions() -> pd.DataFrame:
    """The table of a scenario without locks."""
    return pd.DataFrame([], columns=COLUMNS)


def fixed_decisions_table(
    problem: Problem, matrix: Matrix, locked: float, options: SolverOptions, deadline: float
) -> pd.DataFrame:
    """One row a lock; `locked` is the linear program's value with all of them. Ends early at the deadline."""
    scenario = problem.scenario
    sign = 1.0 if matrix.maximise[0] else -1.0
    rows: list[tuple[str, str, Outcome]] = []
    relaxed = Highs(matrix, options)
    relaxed.set_integrality(False)
    has_locks = len(matrix.rows_of("required_plant_is_retrofitted")) or scenario.plants.exclude
    if problem.network is not None and has_locks:
        # The relaxation of a shared network holds connection cuts, which the programs compared here do not.
        base = relaxed.run(deadline - now(), "all locks")
        if base.status != "optimal":
            return no_fixed_decisions()
        locked = base.objective
    for row in matrix.rows_of("required_plant_is_retrofitted"):
        relaxed.set_row(int(row), -np.inf, np.inf)
        outcome = relaxed.run(deadline - now(), "price of a lock")
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
            # A plant may be left out because something of it is missing; then its lock has no price.
            continue
        highs = Highs(freed, options)
        highs.set_integrality(False)
        rows.append((plant, "exclude", highs.run(deadline - now(), "price of a lock")))
    names = problem.plants.set_index("plant")["name"]
    table = [
        {
            "plant": plant,
            "name": names.get(plant, ""),
            "lock": lock,
            ("abatement_lost_kt" if sign > 0 else "cost_added_mn"): max(sign * (outcome.objective - locked), 0.0),
        }
        for plant, lock, outcome in rows
        if outcome.status == "optimal"
    ]
    return pd.DataFrame(table, columns=COLUMNS)
