"""Pyomo → HiGHS and back: knows any Pyomo model and nothing of plants."""

from ccs_model.mip.highs import Highs, Outcome, Progress, SolverOptions
from ccs_model.mip.highs_instances import validate_solver
from ccs_model.mip.matrix import Matrix, matrix_of

__all__ = ["Highs", "Matrix", "Outcome", "Progress", "SolverOptions", "matrix_of", "validate_solver"]
