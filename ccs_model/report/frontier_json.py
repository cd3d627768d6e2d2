"""frontier.json, schema ccs-model/frontier/1."""

from __future__ import annotations

import json
from typing import Any

from ccs_model.plan.frontier import FRONTIER_SCHEMA, Frontier
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
