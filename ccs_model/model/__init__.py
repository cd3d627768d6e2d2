"""The optimisation model. Only this package writes Pyomo; each module holds one theme."""

from ccs_model.model.build_model import build_model

__all__ = ["build_model"]
