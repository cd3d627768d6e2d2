"""Which carbon-capture retrofits to build, when and with what, under a budget.

    import ccs_model as ccs
    plan = ccs.optimize("scenario.yaml")
    plan.retrofits

Names are imported when first used, so that `import ccs_model` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "CcsModelError": "errors",
    "Inputs": "inputs",
    "Plan": "plan.plan",
    "Problem": "problem",
    "Scenario": "scenario",
    "near_optimal": "analysis.near_optimal",
    "build_model": "model",
    "calibrate": "pilots.calibrate",
    "compare": "analysis.compare",
    "frontier": "analysis.frontier",
    "stochastic": "analysis.stochastic",
    "load_inputs": "inputs",
    "optimize": "solve.driver",
    "build_problem": "problem",
    "read_scenario": "scenario",
    "regret": "analysis.regret",
    "replay": "pilots.replay",
    "solve": "solve.driver",
    "sweep": "analysis.sweep",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"ccs_model.{_HOME[name]}"), name)
    raise AttributeError(f"module 'ccs_model' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
