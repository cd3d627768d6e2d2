"""The problem: scenario and inputs as sets and coefficients."""

from ccs_model.problem.build_problem import build_problem
from ccs_model.problem.problem import Problem

__all__ = ["Problem", "build_problem"]
