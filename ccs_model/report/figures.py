"""Headline figures beside the totals of a plan: its optimality gap, and published ranges of the capture cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from ccs_model.inputs.geography import are_in_china
from ccs_model.mip.highs import gap_share
from ccs_model.plan.plan import Plan
from ccs_model.plan.stored_run import StoredRun
from ccs_model.problem import Problem
from ccs_model.report.pipe_tables import pipe_links


@dataclass(frozen=True)
class Gap:
    """Optimality gap of a plan, within the links searched and over all candidate links.

    Attributes
    ----------
    searched_share, share : float
        Gap relative to the value, within the links searched and over all candidate links; infinite if unknown.
    searched_bound, bound : float
        Bounds behind them, in the unit of the objective.
    n_searched, n_links : int
        Links for pipelines that were searched, and all candidates; both 0 without a shared network.
    """

    searched_share: float
    share: float
    searched_bound: float
    bound: float
    n_searched: int = 0
    n_links: int = 0

    @property
    def is_restricted(self) -> bool:
        """Whether a part of the candidate links was searched."""
        return self.n_searched < self.n_links


def gap_of(plan: Plan) -> Gap:
    """The optimality gap of a plan."""
    objective = plan.objective
    n_searched, n_links = (0, 0) if plan.corridors is None else pipe_links(plan)
    return Gap(
        objective.searched_gap_share,
        objective.gap_share,
        objective.searched_bound,
        objective.bound,
        n_searched,
        n_links,
    )


def gap_of_run(run: StoredRun) -> Gap:
    """The optimality gap of a stored run."""
    objective = run.document["objective"]
    value, searched, every = (
        math.nan if objective[name] is None else float(objective[name]) for name in ("value", "searched_bound", "bound")
    )
    share = math.inf if objective["searched_gap_share"] is None else float(objective["searched_gap_share"])
    n_searched = n_links = 0
    if run.document["corridors"] is not None:
        pipelines = run.tables["links"].query("kind == 'pipe'")
        n_searched, n_links = int(pipelines["is_corridor"].isin(["yes", True]).sum()), len(pipelines)
    return Gap(share, gap_share(every, value), searched, every, n_searched, n_links)


# Published ranges of the capture cost, for comparison.

CITATION = "ACCA21 ranges as quoted"
NOTE = "price year and system boundary unknown: compared as they stand"


@dataclass(frozen=True)
class Band:
    """A published range of the cost per tonne captured, and what it covers."""

    covers: str
    low_per_t: float
    high_per_t: float
    currency: str = "CNY"

    def place(self, cost_per_t: float) -> str:
        """Position of a cost: inside, below or above the range."""
        if cost_per_t < self.low_per_t:
            return "below"
        return "above" if cost_per_t > self.high_per_t else "inside"


@dataclass(frozen=True)
class StorageBand(Band):
    """The published national mean of the cost per tonne stored, with its range, in the money of a problem."""

    central_per_t: float = math.nan
    reference: str = ""


def storage_band_of(problem: Problem) -> StorageBand | None:
    """The published storage cost in China (pilots/anchors); None for a problem of another country."""
    table = problem.inputs["pilots/anchors"]
    table = table[(table["covers"] == "storage") & table["central_per_t"].notna()]
    if table.empty or not are_in_china(pd.Series(problem.zones)).any():
        return None
    low, high, central = (
        float(problem.price_level.column(table, f"{name}_per_t").iloc[0]) for name in ("low", "high", "central")
    )
    return StorageBand("storage", low, high, problem.currency, central, str(table["reference"].iloc[0]))


STEEL = Band("steel plants", 348.0, 560.0)
PURE_COAL_CHEMICAL = Band("pure streams of coal chemicals", 105.0, 250.0)
BANDS = (STEEL, PURE_COAL_CHEMICAL)


def band_of(sector: str, grade: str, feedstock: str) -> Band | None:
    """The range that covers a stream; None for mixed tail gas, flue gas of chemical plants and gas-fed plants."""
    if sector == "steel":
        return STEEL
    return PURE_COAL_CHEMICAL if grade == "product_grade" and feedstock == "coal" else None
