"""One plant of a run: its chain, why it is in or out, and what would change that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

from ccs_model.analysis.cost_chain import Chain, chain_of
from ccs_model.analysis.what_if import Change, changes_of
from ccs_model.plan.plan_json import plain
from ccs_model.plan.reasons import reason_of
from ccs_model.problem import Problem
from ccs_model.runs.run_reader import SolvedProblem, plant_of, read_solved_problem

SCHEMA = "ccs-model/explain/2"


@dataclass(frozen=True, eq=False)
class Explanation:
    """`owners` is what an investor reads of a fitted plant; None in a static year or where it is not fitted.

    `changes` are findings of solving again; none where nothing was solved.
    """

    run: SolvedProblem
    problem: Problem
    chain: Chain
    reason: str
    owners: Mapping[str, Any] | None
    changes: tuple[Change, ...]

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/explain/2; what is not known is null."""
        document = {
            "schema": SCHEMA,
            "scenario": self.problem.name,
            "plant": self.chain.plant,
            "currency": self.problem.currency,
            "price_year": self.problem.price_year,
            "is_fitted": self.chain.is_fitted,
            "reason": self.reason,
            "chain": self.chain.to_dict(),
            "changes": [each.to_dict() for each in self.changes],
            "owners": None if self.owners is None else dict(self.owners),
        }
        cleaned: dict[str, Any] = plain(document)
        return cleaned


def explain(folder: str | PathLike[str], plant: str, *, time_limit_s: float = 60.0) -> Explanation:
    """Explain `plant` (an id, or a name that only one plant has) of a run folder. Raises what `read_run` raises.

    Solving again to find what would change stops after `time_limit_s`; with 0 nothing is solved.
    """
    run = read_solved_problem(folder)
    problem = run.problem
    name = plant_of(problem, plant)
    retrofits = run.retrofits
    next_tonne = run.document["relaxation"]["cost_of_next_tonne_per_t"]
    chain = chain_of(problem, retrofits, name, next_tonne)
    owners = next((each for each in run.document.get("owners", []) if each["plant"] == name), None)
    changes = changes_of(run, name, time_limit_s) if time_limit_s > 0 else ()
    return Explanation(run, problem, chain, reason_of(problem, retrofits, name), owners, changes)
