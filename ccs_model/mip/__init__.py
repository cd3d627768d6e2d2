"""Generic optimisation on a sparse matrix: HiGHS, decomposition, sifting and fixed-charge network search.

Everything here works on a `Matrix` and a few index arrays; `ccs_model.model.standard_form` compiles a Pyomo model.
"""

from ccs_model.mip.availability import validate_solver
from ccs_model.mip.highs import Highs, Outcome, Progress, SolverOptions
from ccs_model.mip.matrix import Matrix

__all__ = ["Highs", "Matrix", "Outcome", "Progress", "SolverOptions", "validate_solver"]
