"""plan.json, schema ccs-model/plan/2, with the context of the plan, so that a summary needs no table and no solver."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.inputs.declarations import read_dictionary
from ccs_model.inputs.geography import are_in_china
from ccs_model.model.names import (
    CUMULATIVE_BUDGET,
    DEPLOYMENT,
    FUND_CEILING,
    PROVINCE_BUDGET,
    SITE_CAPACITY,
    YEARLY_RATE,
)
from ccs_model.plan.calibrated_results import calibration_dict, delivered_shares
from ccs_model.plan.citations import capture_estimates
from ccs_model.plan.decisions import BUILT
from ccs_model.plan.plan import BindingLimit, Plan
from ccs_model.plan.social_account import social_terms
from ccs_model.plan.tables import left_out_table, not_eligible_table
from ccs_model.problem import Problem
from ccs_model.units import rounded_text, unit_text

SCHEMA = "ccs-model/plan/2"
_OBJECTIVE = ("value", "bound", "gap_share", "searched_bound", "searched_gap_share", "unit")
# A line of a CSV file in the place of a warning.
_LINE = re.compile(r"\.csv:\d+")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def plan_dict(plan: Plan) -> dict[str, Any]:
    """The plan as plain values; what is not known is null, never NaN."""
    problem = plan.problem
    marginal_budget = plan.marginal_budget
    bought = None
    names = dict(zip(problem.plants["plant"], problem.plants["name"].astype(str), strict=True))
    if marginal_budget is not None:
        bought = {
            "added_mn": marginal_budget.added_mn,
            "abatement_kt": marginal_budget.abatement_kt,
            "abatement_kt_per_mn": marginal_budget.kt_per_mn,
            "spent_mn": marginal_budget.spent_mn,
            "plants_entering": list(marginal_budget.plants),
            "names_entering": [names[plant] for plant in marginal_budget.plants],
            "last_abatement_kt_per_mn": marginal_budget.last_kt_per_mn,
            "method": "solved again with the plan's retrofits kept" if problem.is_integer else "solved again",
            "replans": [asdict(each) for each in marginal_budget.replans],
        }
    document = {
        "schema": SCHEMA,
        "scenario": problem.name,
        "currency": problem.currency,
        "price_year": problem.price_year,
        "context": context_dict(plan),
        "objective_name": problem.objective,
        "decisions": "integer" if problem.is_integer else "continuous",
        **({"added_components": list(plan.added_components)} if plan.added_components else {}),
        **({"committed": [route for route, _ in plan.problem.committed]} if plan.problem.committed else {}),
        "status": plan.status,
        "objective": {name: getattr(plan.objective, name) for name in _OBJECTIVE},
        "relaxation": asdict(plan.relaxation),
        "marginal_budget": bought,
        "binding_limits": [{**asdict(each), "text": binding_text(each)} for each in plan.binding_limits],
        "totals": dict(plan.totals),
        "by_year": records(plan.by_year),
        "retrofits": records(plan.retrofits),
        "links": records(plan.flows),
        "corridors": None if plan.corridors is None else list(plan.corridors),
        **{
            name: records(getattr(plan, name))
            for name in ("storage", "shares", "owners", "funds", "stakeholders", "ledger")
        },
        "social_account": social_terms(problem),
        **{name: records(getattr(plan, name)) for name in ("intensity", "air_pollution", "zones")},
        "not_eligible": records(not_eligible_table(problem)),
        "left_out": records(left_out_table(problem)),
        "calibration": calibration_dict(plan),
        "targets": records(plan.targets),
        "fixed_decisions": records(plan.fixed_decisions),
        "terms": dict(plan.terms),
        "costs": dict(plan.cost_terms),
        "conflicts": [],
        "warnings": [without_folder(each) for each in plan.warnings],
        "checks": records(plan.checks),
    }
    return to_plain_values(document)


def plan_text(plan: Plan) -> str:
    """The document as text: the same plan gives the same bytes."""
    return json.dumps(plan_dict(plan), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def without_folder(warning: str) -> str:
    """A warning whose place, if it has one, names the file only, and for a table its folder of the data folder.

    So equal runs give equal bytes. The line in a CSV file is left out too: the order of its rows changes nothing.
    """
    place, separator, text = warning.partition(": ")
    if not separator or " " in place:
        return warning
    path = PurePath(_LINE.sub(".csv", place))
    table = "/".join(path.parts[-2:])
    shown = table if table.partition(".csv")[0] in read_dictionary() else path.name
    return f"{shown}{separator}{text}"


def records(frame: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Rows as dicts; none without a table."""
    if frame is None:
        return []
    names = list(frame.columns)
    columns = [frame.iloc[:, at].tolist() for at in range(len(names))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def number_or_none(value: Any) -> float | None:
    """A number; None if it is unknown or was not found."""
    return None if value is None or not np.isfinite(value) else float(value)


def to_plain_values(value: Any) -> Any:
    """numpy's scalars as Python's, NaN as None and −0 as 0, all the way down."""
    if isinstance(value, dict):
        return {key: to_plain_values(each) for key, each in value.items()}
    if isinstance(value, list):
        return [to_plain_values(each) for each in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) + 0.0 if math.isfinite(value) else None
    return value


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV. Text that a spreadsheet would run as a formula gets a leading apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.itertuples(index=False, name=None):
        writer.writerow([_cell(to_plain_values(value)) for value in row])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


# The context of a plan: what a summary states of its problem.


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
    FUND_CEILING: "ceiling of fund {}",
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


def reason_for_empty_plan(plan: Plan) -> str:
    """The first reason that alone explains an empty plan; none is given where better plans are not ruled out."""
    problem = plan.problem
    may_exist = "the search ended before it found a retrofit; a plan with retrofits may exist"
    if problem.objective != "max_abatement":
        is_open = plan.reached_a_limit and problem.budget_mn != 0 and len(problem.routes)
        return may_exist if is_open else _reason_for_no_retrofit(plan)
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
            f"the budget of {rounded_text(problem.budget_mn)} "
            f"{unit_text('_mn', problem.currency, problem.price_year)} is below the cost of the cheapest retrofit "
            f"{pipeline} its pipeline ({rounded_text(cheapest)})"
        )
    if plan.reached_a_limit:
        return may_exist
    more = plan.marginal_budget
    gains = () if more is None else (more.abatement_kt, *(each.abatement_kt for each in more.replans))
    if any(gained > BUILT for gained in gains):
        return "no retrofit is affordable together with its pipelines and wells"
    if problem.network is not None:
        return "no retrofit with its pipelines and wells satisfies every constraint and has positive net abatement"
    if problem.is_static and np.isfinite(problem.budget_mn):
        money = unit_text("_mn", problem.currency, problem.price_year)
        budget = f"{rounded_text(problem.budget_mn)} {money} a year"
        return f"no retrofit that satisfies every constraint within {budget} has positive net abatement"
    return "no retrofit that satisfies every constraint has positive net abatement"


def _reason_for_no_retrofit(plan: Plan) -> str:
    problem = plan.problem
    if problem.objective == "min_cost" and problem.targets:
        missed = int((plan.targets["shortfall_kt"] > BUILT).sum())
        if missed:
            return (
                f"paying for the shortfall of {missed} of {len(plan.targets)} targets costs less than further retrofits"
            )
        return "the targets are reached without retrofits"
    if problem.objective == "min_cost":
        return "there is no target, and no retrofit costs less than payments per tonne and oil fields pay for it"
    ceilings = [limit for limit in plan.binding_limits if limit.constraint == DEPLOYMENT]
    if ceilings:
        return f"no retrofit within the {binding_text(ceilings[0])} has a positive value"
    worth = "NPV for its owners" if problem.objective == "max_npv" else "net social benefit"
    return f"no retrofit, with transport and storage, has a positive {worth}"


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
        "delivered_shares": delivered_shares(problem),
        "has_carbon_revenue": bool(problem.accounts.credit_per_t.any()),
        "n_searched_links": links[0],
        "n_candidate_links": links[1],
        "storage_cost_range": None if band is None else asdict(band),
        "sectors": sorted(map(str, problem.plants["sector"].unique())),
        "capture_estimates": capture_estimates(problem, plan.retrofits),
        "nothing_built_because": reason_for_empty_plan(plan) if plan.retrofits.empty else None,
    }
