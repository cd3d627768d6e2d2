"""Which carbon-capture retrofits to build, when and with what, under a budget.

    import ccs_model as ccs
    plan = ccs.optimize("scenario.yaml")
    plan.retrofits

Names are imported on first use, so that `import ccs_model` loads no library.

>>> import ccs_model as ccs
>>> plants = {"provinces": ["Shanxi"]}
>>> scenario = ccs.Scenario.from_dict({"name": "Shanxi", "plants": plants, "budget": {"total_mn": 900}})
>>> scenario.with_changes({"budget.total_mn": 1_200}).budget.total_mn
1200.0
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccs_model._version import __version__ as __version__

if TYPE_CHECKING:
    from ccs_model.analysis.compare import compare
    from ccs_model.analysis.evidence import evidence
    from ccs_model.analysis.explain import explain
    from ccs_model.analysis.frontier import frontier
    from ccs_model.analysis.monte_carlo import montecarlo
    from ccs_model.analysis.near_optimal import near_optimal
    from ccs_model.analysis.regret import regret
    from ccs_model.analysis.stochastic import stochastic
    from ccs_model.analysis.sweep import sweep
    from ccs_model.errors import CcsModelError, CheckError, FileError, InfeasibleError, InputError, NoPlanError
    from ccs_model.inputs import Inputs, load_inputs
    from ccs_model.model.build_model import build_model
    from ccs_model.pilots.calibrate import calibrate
    from ccs_model.pilots.replay import replay
    from ccs_model.plan.plan import Plan
    from ccs_model.problem import Problem, build_problem
    from ccs_model.runs.run_reader import list_runs, read_run
    from ccs_model.scenario import Scenario, read_scenario
    from ccs_model.solve.driver import optimize, solve

__all__ = [
    "CcsModelError",
    "CheckError",
    "FileError",
    "InfeasibleError",
    "InputError",
    "Inputs",
    "NoPlanError",
    "Plan",
    "Problem",
    "Scenario",
    "build_model",
    "build_problem",
    "calibrate",
    "compare",
    "evidence",
    "explain",
    "frontier",
    "list_runs",
    "load_inputs",
    "montecarlo",
    "near_optimal",
    "optimize",
    "read_run",
    "read_scenario",
    "regret",
    "replay",
    "solve",
    "stochastic",
    "sweep",
]

# Module of each public name, below ccs_model; the imports above say the same to type checkers.
_MODULES = {
    **dict.fromkeys(
        ("CcsModelError", "CheckError", "FileError", "InfeasibleError", "InputError", "NoPlanError"), "errors"
    ),
    "Inputs": "inputs",
    "Plan": "plan.plan",
    "Problem": "problem",
    "Scenario": "scenario",
    "build_model": "model.build_model",
    "build_problem": "problem",
    "calibrate": "pilots.calibrate",
    "compare": "analysis.compare",
    "evidence": "analysis.evidence",
    "explain": "analysis.explain",
    "frontier": "analysis.frontier",
    "list_runs": "runs.run_reader",
    "load_inputs": "inputs",
    "montecarlo": "analysis.monte_carlo",
    "near_optimal": "analysis.near_optimal",
    "optimize": "solve.driver",
    "read_run": "runs.run_reader",
    "read_scenario": "scenario",
    "regret": "analysis.regret",
    "replay": "pilots.replay",
    "solve": "solve.driver",
    "stochastic": "analysis.stochastic",
    "sweep": "analysis.sweep",
}

# Former names of public functions, which work for one minor version with a warning, and the names to use.
_RENAMED = {"alternatives": "near_optimal", "hedge": "stochastic", "pose": "build_problem"}

# Type checkers see the imports above and no fallback that makes every name Any.
if not TYPE_CHECKING:

    def __getattr__(name):
        from importlib import import_module

        if name in _RENAMED:
            import warnings

            what = f"ccs_model.{name} is deprecated and will be removed in version 0.3; use ccs_model.{_RENAMED[name]}"
            warnings.warn(what, DeprecationWarning, stacklevel=2)
            name = _RENAMED[name]
        if name not in _MODULES:
            raise AttributeError(f"module 'ccs_model' has no attribute {name!r}")
        return getattr(import_module(f"ccs_model.{_MODULES[name]}"), name)

    def __dir__():
        return [*__all__, "__version__"]
