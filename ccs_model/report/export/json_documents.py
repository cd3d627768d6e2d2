"""JSON documents of analyses: frontier.json (ccs-model/frontier/2) and montecarlo.json (ccs-model/montecarlo/2)."""

from __future__ import annotations

import json
from typing import Any

from ccs_model.plan.plan import FRONTIER_SCHEMA, NO_REGRET_SHARE, UNCERTAINTY_SCHEMA, Frontier, Uncertainty
from ccs_model.plan.plan_json import plain, records


def frontier_dict(frontier: Frontier, scenario: str) -> dict[str, Any]:
    """Return the frontier as plain values, unknown ones as None; each point includes its moves and map data."""
    moves: dict[float, list[dict[str, Any]]] = {}
    for row in records(frontier.moves):
        moves.setdefault(row["budget_mn"], []).append({key: row[key] for key in row if key != "budget_mn"})
    points = [
        {**row, "plants": str(row["plants"]).split(), "moves": moves.get(row["budget_mn"], []), **drawn}
        for row, drawn in zip(records(frontier.points), frontier.pictures, strict=True)
    ]
    document: dict[str, Any] = plain(
        {
            "schema": FRONTIER_SCHEMA,
            "scenario": scenario,
            **dict(frontier.about),
            "points": points,
            "breakpoints": records(frontier.breakpoints),
        }
    )
    return document


def frontier_text(frontier: Frontier, scenario: str) -> str:
    """Return frontier.json; the same frontier gives the same bytes."""
    return json.dumps(frontier_dict(frontier, scenario), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def uncertainty_dict(found: Uncertainty) -> dict[str, Any]:
    """Return the Monte Carlo results as plain values, unknown ones as None; futures.csv holds the single futures."""
    document: dict[str, Any] = plain(
        {
            "schema": UNCERTAINTY_SCHEMA,
            **dict(found.about),
            "inputs": records(found.inputs),
            "spread": records(found.spread),
            "tornado": records(found.tornado),
            "broken": records(found.broken),
            "plants": records(found.plants),
            "no_regret": {"share_min": NO_REGRET_SHARE, "plants": list(found.no_regret)},
        }
    )
    return document


def uncertainty_text(found: Uncertainty) -> str:
    """Return montecarlo.json; the same results give the same bytes."""
    return json.dumps(uncertainty_dict(found), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
