"""The mathematics: the only place that writes Pyomo, one theme a file."""

from ccs_model.model.build_model import build_model

__all__ = ["build_model"]
