"""Rows and references of the input tables that a plan uses.

A plan with plants in China uses every row. Other plans leave out rows that hold for China alone, so that sheets of
numbers and sources name no province or rule without a plant.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from ccs_model.inputs import Inputs
from ccs_model.inputs.geography import are_in_china
from ccs_model.scenario import Scenario

# Shipped rows of these tables hold for China alone.
_OF_CHINA = frozenset(
    (
        "policy/non_fossil", "policy/intensity", "policy/value_added", "policy/provincial_co2",
        "policy/pollution_taxes", "finance/margins",
        "prices/carbon", "prices/power", "storage/cost_steps", "plants/steel", "plants/steel_units", "plants/chemicals",
        "plants/coal_chemicals", "plants/captive_units",
    )
)  # fmt: skip
# Terms of the central bank's carbon-reduction facility.
_OF_FACILITY = ("facility_principal_share", "pass_through_share")


def rows_in_use(inputs: Inputs, scenario: Scenario, zones: Collection[str]) -> Mapping[str, pd.DataFrame]:
    """Input tables by name, without rows that the plan does not use; `zones` are the provinces of its plants."""
    if are_in_china(pd.Series(list(zones), dtype=object)).any():
        return inputs.tables
    return {name: table[_is_used(name, table, inputs, scenario)] for name, table in inputs.tables.items()}


def _is_used(name: str, table: pd.DataFrame, inputs: Inputs, scenario: Scenario) -> np.ndarray:
    sources = inputs.sources.get(name, ())
    is_own = np.array([source.is_own for source in sources], dtype=bool)
    if len(is_own) != len(table):
        is_own = np.zeros(len(table), dtype=bool)
    if name.startswith("pilots/"):
        return np.full(len(table), scenario.calibration.use != "none")
    draws_on_facility = any(fund.passed_through_share for fund in scenario.funds.values())
    if name == "finance/rates":
        return is_own | draws_on_facility
    if name == "finance/factors":
        return is_own | draws_on_facility | ~table["factor"].isin(_OF_FACILITY).to_numpy(bool)
    if name == "policy/ets":
        return is_own | (table["market"] == scenario.policy.market).to_numpy(bool)
    if name in _OF_CHINA:
        return is_own
    if name == "storage/well_rates":
        return is_own | table["basin"].isin(inputs["storage/sites"]["basin"]).to_numpy(bool)
    if name.startswith("storage/") or "province" not in table:
        return np.ones(len(table), dtype=bool)
    return is_own | ~are_in_china(table["province"])


def references_in_use(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[str]]:
    """Tables that name each reference, by reference."""
    used: dict[str, list[str]] = {}
    for name, table in tables.items():
        if name != "references" and "reference" in table:
            for key in table["reference"].dropna().unique():
                used.setdefault(str(key), []).append(name)
    return used
