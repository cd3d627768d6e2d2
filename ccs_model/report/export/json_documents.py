"""frontier.json, schema ccs-model/frontier/2."""

from __future__ import annotations

import json
from typing import Any

from ccs_model.plan.plan import FRONTIER_SCHEMA, NO_REGRET_SHARE, UNCERTAINTY_SCHEMA, Frontier, Uncertainty
from ccs_model.plan.plan_json import plain, records


def frontier_dict(frontier: Frontier, scenario: str) -> dict[str, Any]:
    """The frontier as plain values; what is not known is null. Each point carries its moves and its picture."""
    moves: dict[float, list[dict[str, Any]]] = {}
    for row in records(frontier.moves):
        moves.setdefault(row["budget_mn"], []).append({key: row[key] for key in row if key != "budget_mn"})
    points = [
        {**row, "plants": str(row["plants"]).split(), "moves": moves.get(row["budget_mn"], []), **picture}
        for row, picture in zip(records(frontier.points), frontier.pictures, strict=True)
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
    """The document as text: the same frontier gives the same bytes."""
    return json.dumps(frontier_dict(frontier, scenario), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


# montecarlo.json, schema ccs-model/montecarlo/2.


def uncertainty_dict(found: Uncertainty) -> dict[str, Any]:
    """What was found as plain values; what is not known is null. Futures one by one stand in futures.csv."""
    found_dict: dict[str, Any] = plain(
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
    return found_dict


def uncertainty_text(found: Uncertainty) -> str:
    """The document as text: the same futures give the same bytes."""
    return json.dumps(uncertainty_dict(found), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
