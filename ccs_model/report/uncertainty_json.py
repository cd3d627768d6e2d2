"""montecarlo.json, schema ccs-model/montecarlo/1."""

from __future__ import annotations

import json
from typing import Any

from ccs_model.plan.plan_json import plain, records
from ccs_model.plan.uncertainty import NO_REGRET_SHARE, UNCERTAINTY_SCHEMA, Uncertainty


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
