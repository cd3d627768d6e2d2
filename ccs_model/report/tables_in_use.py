"""Rows and references of the input tables that a plan uses, and the problem of a run.

Profiles of sectors without a plant are left out, and without oil fields what they pay. Otherwise a plan with plants in
China uses every row. Other plans leave out rows that hold for China alone, so that sheets of numbers and sources name
no province or rule without a plant.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from ccs_model.inputs import Inputs
from ccs_model.inputs.geography import are_in_china
from ccs_model.inputs.merged_tables import OIL_FIELDS
from ccs_model.plan.cache_key import hashes
from ccs_model.plan.stored_run import StoredRun
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.storage_sites import cost_classes, reservoir_classes
from ccs_model.scenario import Scenario

# Shipped rows of these tables hold for China alone.
_OF_CHINA = frozenset(
    (
        "policy/non_fossil", "policy/intensity", "policy/value_added", "policy/provincial_co2",
        "policy/pollution_taxes", "finance/margins", "costs/capture_ranges",
        "prices/carbon", "prices/power", "storage/cost_steps", "plants/steel", "plants/steel_units", "plants/chemicals",
        "plants/coal_chemicals", "plants/captive_units",
    )
)  # fmt: skip
# Terms of the central bank's carbon-reduction facility.
_OF_FACILITY = ("facility_principal_share", "pass_through_share")
# Rows of storage/factors by which oil fields pay, and what their oil emits.
_OF_OIL = ("oil_bbl_per_t", "oil_payment_share", "oil_co2_t_per_t")
# Rows of finance/factors whose values the scenario holds.
_OF_SCENARIO = ("social_discount_rate", "income_tax_share", "depreciation_yr")


def rows_in_use(inputs: Inputs, scenario: Scenario, zones: Collection[str]) -> Mapping[str, pd.DataFrame]:
    """Input tables by name, without rows that the plan does not use; `zones` are the provinces of its plants."""
    in_china = are_in_china(pd.Series(list(zones), dtype=object)).any()
    sectors = inputs["streams/source_sectors"]
    idle = sectors[~sectors["sector"].isin(inputs["plants/sources"]["sector"])]
    used = {}
    for name, table in inputs.tables.items():
        kept = ~_is_idle(name, table, idle, inputs)
        if not in_china:
            kept &= _is_used(name, table, inputs, scenario)
        used[name] = table if kept.all() else table[kept]
    return used


def _is_idle(name: str, table: pd.DataFrame, idle: pd.DataFrame, inputs: Inputs) -> np.ndarray:
    """Whether each row is of one of the `idle` sectors, those without a plant, of its product, or of unused oil fields.

    Oil fields that are sites of the plan stand in storage/sites.
    """
    if name == "streams/utilisation":
        return table["product"].isin(idle["product"]).to_numpy(bool)
    if name == "policy/ets" or name.startswith("streams/source_"):
        return table["sector"].isin(idle["sector"]).to_numpy(bool)
    has_oil = bool(inputs["storage/sites"]["additional_t_oil_per_t"].notna().any())
    if name == "storage/factors":
        return table["factor"].isin(_OF_OIL).to_numpy(bool) & (not has_oil)
    return np.full(len(table), name == OIL_FIELDS or (name == "prices/oil" and not has_oil))


def _is_chosen(name: str, table: pd.DataFrame, inputs: Inputs, scenario: Scenario) -> np.ndarray | None:
    """Whether each row is of a technology, heat source, class or product of the plan; None for other tables."""
    if name in ("technologies/technologies", "technologies/heat"):
        return table["technology"].isin(scenario.capture.technologies).to_numpy(bool)
    if name == "technologies/heat_sources":
        return table["heat_source"].isin(scenario.capture.heat_sources).to_numpy(bool)
    if name in ("storage/reservoir_classes", "storage/class_costs"):
        classes = reservoir_classes if name == "storage/reservoir_classes" else cost_classes
        return table["reservoir_class"].isin(classes(inputs["storage/sites"])).to_numpy(bool)
    if name == "streams/factors":
        return (table["factor"] != "fossil_power_kg_per_kwh").to_numpy(bool) | bool(scenario.policy.non_fossil_share)
    if name in ("streams/utilisation", "finance/hurdle_rates"):
        sectors = inputs["streams/source_sectors"]
        made = sectors.loc[sectors["sector"].isin(inputs["plants/sources"]["sector"]), "product"]
        products = {*inputs.plants_of("chemicals")["product"], *["crude_steel"] * len(inputs["plants/steel"]), *made}
        return table["product"].isin(products).to_numpy(bool)
    return None


def _is_used(name: str, table: pd.DataFrame, inputs: Inputs, scenario: Scenario) -> np.ndarray:
    chosen = _is_chosen(name, table, inputs, scenario)
    if chosen is not None and name != "streams/utilisation":
        return chosen
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
        of_facility = table["factor"].isin(_OF_FACILITY).to_numpy(bool)
        return is_own | ~(of_facility & (not draws_on_facility) | table["factor"].isin(_OF_SCENARIO).to_numpy(bool))
    if name == "policy/ets":
        return is_own | (table["market"] == scenario.policy.market).to_numpy(bool)
    if name in _OF_CHINA:
        return is_own
    if name == "storage/class_costs":
        # Costs of a class are those of sites without an all-in fee of their own.
        sites = inputs["storage/sites"]
        has_fee = sites["storage_cost_per_t"].notna() | sites["site"].isin(inputs["storage/site_costs"]["site"])
        return is_own | bool((~has_fee).any())
    if name in ("storage/well_rates", "storage/basin_capacities"):
        return is_own | table["basin"].isin(inputs["storage/sites"]["basin"]).to_numpy(bool)
    if name.startswith("storage/") or "province" not in table:
        return np.ones(len(table), dtype=bool)
    elsewhere = is_own | ~are_in_china(table["province"])
    if chosen is None:
        return elsewhere
    # The row `all` holds only for products without one of the country.
    covered = set(table.loc[is_own, "product"])
    return elsewhere & chosen & ~((table["province"] == "all") & table["product"].isin(covered)).to_numpy(bool)


def references_in_use(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[str]]:
    """Tables that name each reference, by reference."""
    used: dict[str, list[str]] = {}
    for name, table in tables.items():
        if name != "references" and "reference" in table:
            for key in table["reference"].dropna().unique():
                used.setdefault(str(key), []).append(name)
    return used


def references_of_run(run: StoredRun, inputs: Inputs) -> pd.DataFrame:
    """The references of a run, with the tables that use each in column `used_by`."""
    used = references_in_use(rows_in_use(inputs, run.scenario, [str(zone["zone"]) for zone in run.document["zones"]]))
    table = inputs["references"]
    table = table[table["reference"].astype(str).isin(list(used))]
    return table.assign(used_by=table["reference"].map(lambda key: ", ".join(used[str(key)])))


def problem_of_run(run: StoredRun, inputs: Inputs) -> Problem | None:
    """The problem of a run; None if a table has changed since, so that it is another one."""
    now = hashes(run.scenario, inputs)
    if any(not name.startswith("own:") and now.get(name) != sha for name, sha in run.inputs.items()):
        return None
    return build_problem(run.scenario, inputs)
