"""plan.json, schema ccs-model/plan/1."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.plan.calibrated_results import calibration_dict
from ccs_model.plan.plan import Plan

SCHEMA = "ccs-model/plan/1"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def plan_dict(plan: Plan) -> dict[str, Any]:
    """The plan as plain values; what is not known is null, never NaN."""
    problem = plan.problem
    next_money = plan.next_money
    bought = None
    if next_money is not None:
        bought = {
            "more_mn": next_money.more_mn,
            "abatement_kt": next_money.abatement_kt,
            "abatement_kt_per_mn": next_money.kt_per_mn,
            "plants_entering": list(next_money.plants),
            "last_abatement_kt_per_mn": next_money.last_kt_per_mn,
            "how": "solved again with the plan's retrofits kept" if problem.is_whole else "solved again",
        }
    document = {
        "schema": SCHEMA,
        "scenario": problem.name,
        "currency": problem.currency,
        "price_year": problem.price_year,
        "aim": problem.aim,
        "retrofits_are": "whole" if problem.is_whole else "fractional",
        "status": plan.status,
        "objective": {
            "value": plan.objective.value,
            "bound": plan.objective.bound,
            "gap_share": plan.objective.gap_share,
            "all_links_bound": plan.objective.all_links_bound,
            "unit": plan.objective.unit,
        },
        "relaxation": {
            "value": plan.relaxation.value,
            "abatement_per_budget_kt_per_mn": plan.relaxation.abatement_per_budget_kt_per_mn,
            "cost_of_next_tonne_per_t": plan.relaxation.cost_of_next_tonne_per_t,
        },
        "next_money": bought,
        "totals": dict(plan.totals),
        "by_year": records(plan.by_year),
        "retrofits": records(plan.retrofits),
        "links": records(plan.flows),
        "corridors": None if plan.corridors is None else list(plan.corridors),
        "storage": records(plan.storage),
        "shares": [] if plan.shares is None else records(plan.shares),
        "owners": [] if plan.owners is None else records(plan.owners),
        "funds": records(plan.funds),
        "bearers": [] if plan.bearers is None else records(plan.bearers),
        "ledger": [] if plan.ledger is None else records(plan.ledger),
        "intensity": records(plan.intensity),
        "air_pollution": records(plan.air_pollution),
        "zones": records(plan.zones),
        "calibration": calibration_dict(plan),
        "targets": records(plan.targets),
        "locks": records(plan.locks),
        "terms": dict(plan.terms),
        "costs": dict(plan.costs),
        "conflicts": [],
        "checks": records(plan.checks),
    }
    cleaned: dict[str, Any] = plain(document)
    return cleaned


def plan_text(plan: Plan) -> str:
    """The document as text: the same plan gives the same bytes."""
    return json.dumps(plan_dict(plan), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dicts."""
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
