"""What plan.json states of the problem behind a plan, so that a summary needs no table and no solver."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ccs_model.inputs.geography import are_in_china
from ccs_model.model.names import CUMULATIVE_BUDGET, DEPLOYMENT, PROVINCE_BUDGET, SITE_CAPACITY, YEARLY_RATE
from ccs_model.plan.plan import BindingLimit, Plan
from ccs_model.problem import Problem
from ccs_model.units import rounded, unit_text


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
    """The published storage cost in China (pilots/anchors); None for a problem with zones of another country."""
    table = problem.inputs["pilots/anchors"]
    table = table[(table["covers"] == "storage") & table["central_per_t"].notna()]
    if table.empty or not are_in_china(pd.Series(problem.zones)).all():
        return None
    low, high, central = (
        float(problem.price_level.column(table, f"{name}_per_t").iloc[0]) for name in ("low", "high", "central")
    )
    return StorageBand("storage", low, high, problem.currency, central, str(table["reference"].iloc[0]))


BINDING = {
    CUMULATIVE_BUDGET: "cumulative budget to {}",
    PROVINCE_BUDGET: "province budget of {}",
    DEPLOYMENT: "deployment ceiling of {}",
    YEARLY_RATE: "limit on new retrofits from {}",
    SITE_CAPACITY: "capacity of site {}",
}
"""Limits that may bind beside the budget; what their index names is inserted."""


def binding_text(limit: BindingLimit) -> str:
    """Return a binding limit in words."""
    return BINDING[limit.constraint].format(limit.index)


def pipe_links(plan: Plan) -> tuple[int, int]:
    """Return the number of searched links and of candidate links for pipelines; plans with shared pipelines only."""
    network = plan.problem.network
    assert network is not None
    built = set(network.lines.loc[network.built, "link"])
    within = built if plan.corridors is None else built & set(plan.corridors)
    return len(within), len(built)


def why_nothing_is_built(plan: Plan) -> str:
    """The first reason that alone explains an empty plan; none is given where better plans are not ruled out."""
    problem = plan.problem
    if plan.reached_a_limit and problem.budget_mn != 0 and len(problem.routes):
        return "the search ended before it found a retrofit; a plan with retrofits may exist"
    if problem.objective == "min_cost":
        return "the targets are reached without retrofits, or the shortfall is cheaper than a retrofit"
    if problem.objective in ("max_npv", "max_net_benefit"):
        worth = "NPV for its owners" if problem.objective == "max_npv" else "net social benefit"
        return f"no retrofit, with transport and storage, has a positive {worth}"
    if problem.budget_mn == 0:
        return "the budget is 0"
    if not problem.plants["is_candidate"].any():
        return "no plant is eligible (reasons on sheet Plants)"
    if problem.routes.empty:
        return "no capturable stream can reach a storage site"
    if problem.max_builds_per_year == 0:
        return "the scenario allows no retrofit to start (capture.max_builds_per_year is 0)"
    cheapest = float(problem.routes["capex_mn"].min())
    if problem.is_integer and not problem.is_static and problem.budget_mn < cheapest:
        # Options have their own pipelines unless these are shared.
        pipeline = "with" if problem.network is None else "without"
        return (
            f"the budget of {rounded(problem.budget_mn)} {unit_text('_mn', problem.currency, problem.price_year)} is "
            f"below the cost of the cheapest retrofit {pipeline} its pipeline ({rounded(cheapest)})"
        )
    if problem.network is not None:
        return "no retrofit with its pipelines and wells satisfies every constraint and has positive net abatement"
    return "no retrofit that satisfies every constraint has positive net abatement"


def context_dict(plan: Plan) -> dict[str, Any]:
    """Return the part `context` of plan.json."""
    problem = plan.problem
    links = pipe_links(plan) if problem.network is not None and plan.corridors is not None else (None, None)
    band = storage_band_of(problem)
    return {
        "description": problem.scenario.description,
        "is_static": problem.is_static,
        "periods": [
            {"year": int(year), "n_years": int(n)}
            for year, n in zip(problem.years, problem.periods["n_years"], strict=True)
        ],
        "discount_rate": problem.discount_rate,
        "has_carbon_revenue": bool(problem.accounts.credit_per_t.any()),
        "n_searched_links": links[0],
        "n_candidate_links": links[1],
        "storage_cost_range": None if band is None else asdict(band),
        "nothing_built_because": why_nothing_is_built(plan) if plan.retrofits.empty else None,
    }
