"""plan.json, schema ccs-model/plan/2."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.plan.calibrated_results import calibration_dict
from ccs_model.plan.context import binding_text, context_dict
from ccs_model.plan.plan import Plan
from ccs_model.plan.social_account import social_terms
from ccs_model.plan.tables import left_out_table, not_eligible_table

SCHEMA = "ccs-model/plan/2"
_OBJECTIVE = ("value", "bound", "gap_share", "searched_bound", "searched_gap_share", "unit")
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
        "storage": records(plan.storage),
        "shares": records(plan.shares),
        "owners": records(plan.owners),
        "funds": records(plan.funds),
        "stakeholders": records(plan.stakeholders),
        "ledger": records(plan.ledger),
        "social_account": social_terms(problem),
        "intensity": records(plan.intensity),
        "air_pollution": records(plan.air_pollution),
        "zones": records(plan.zones),
        "not_eligible": records(not_eligible_table(problem)),
        "left_out": records(left_out_table(problem)),
        "calibration": calibration_dict(plan),
        "targets": records(plan.targets),
        "fixed_decisions": records(plan.fixed_decisions),
        "terms": dict(plan.terms),
        "costs": dict(plan.cost_terms),
        "conflicts": [],
        "checks": records(plan.checks),
    }
    cleaned: dict[str, Any] = plain(document)
    return cleaned


def plan_text(plan: Plan) -> str:
    """The document as text: the same plan gives the same bytes."""
    return json.dumps(plan_dict(plan), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def records(frame: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Rows as dicts; none without a table."""
    if frame is None:
        return []
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False, name=None)]


def plain(value: Any) -> Any:
    """numpy's scalars as Python's, NaN as None, all the way down."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV. Text that a spreadsheet would run as a formula gets a leading apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.itertuples(index=False, name=None):
        writer.writerow([_cell(plain(value)) for value in row])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
