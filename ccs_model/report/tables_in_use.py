"""Rows and references of the input tables that a plan uses, and the problem of a run.

Profiles of sectors without a plant are left out, and without oil fields what they pay. Otherwise a plan with plants in
China uses every row. Other plans leave out rows that hold for China alone, and rows of sites, streams and products that
they lack, so that sheets of numbers and sources name no province or rule without a plant.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ccs_model.engineering.co2_transport import distances_km
from ccs_model.inputs import Inputs
from ccs_model.inputs.geography import are_in_china
from ccs_model.inputs.merged_tables import OIL_FIELDS
from ccs_model.plan.cache_key import hashes
from ccs_model.plan.stored_run import StoredRun
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.storage_sites import ALL_IN, STORAGE_MONEY, cost_classes, reservoir_classes
from ccs_model.scenario import Scenario

# Shipped rows of these tables hold for China alone.
_OF_CHINA = frozenset(
    (
        "policy/non_fossil", "policy/intensity", "policy/value_added", "policy/provincial_co2",
        "policy/pollution_taxes", "policy/pollutants", "finance/margins", "costs/capture_ranges",
        "prices/carbon", "prices/power", "storage/cost_steps", "plants/steel", "plants/steel_units", "plants/chemicals",
        "plants/coal_chemicals", "plants/captive_units",
    )
)  # fmt: skip
# Terms of the central bank's carbon-reduction facility.
_OF_FACILITY = ("facility_principal_share", "pass_through_share")
# Rows of storage/factors by which oil fields pay, and what their oil emits.
_OF_OIL = ("oil_bbl_per_t", "oil_payment_share", "oil_co2_t_per_t")
# Rows of finance/factors whose values the scenario holds.
_SOCIAL_RATE = "social_discount_rate"
_OF_SCENARIO = (_SOCIAL_RATE, "income_tax_share", "depreciation_yr")
# Tables and rows of streams/factors of steel works and of chemical plants.
_STEEL_STREAMS = "streams/mill_stacks"
_CHEMICAL_STREAMS = ("streams/chemical_routes", "streams/chemical_grades")
_STEEL_FACTORS = (
    "bof_steel_t_per_t", "bf_iron_t_per_t", "eaf_steel_t_per_t", "dri_iron_t_per_t", "blast_furnace_campaign_yr",
    "relining_window_yr", "own_stoves_iron_ktpa", "steel_waste_heat_gj_per_t",
)  # fmt: skip
_CHEMICAL_FACTORS = (
    "urea_co2_t_per_t", "product_grade_share", "ammonia_waste_heat_gj_per_t", "methanol_waste_heat_gj_per_t",
)  # fmt: skip
_ROUTE = ["product", "feedstock", "gasifier"]


@dataclass(frozen=True)
class _Use:
    """What a plan without a plant in China uses: its tables and scenario, its plants by sector, and its sites."""

    inputs: Inputs
    scenario: Scenario
    plants: Mapping[str, pd.DataFrame]
    sites: pd.DataFrame

    @classmethod
    def of(cls, inputs: Inputs, scenario: Scenario, zones: Collection[str]) -> _Use:
        """The plants of the requested inventories in the zones, and the requested sites that they may reach."""
        plants = {}
        for sector in ("steel", "chemicals", "sources"):
            table = inputs.plants_of(sector)
            of_plan = table["inventory"].isin(scenario.plants.inventory) & table["province"].isin(list(zones))
            plants[sector] = table[of_plan]
        return cls(inputs, scenario, plants, _sites(inputs, scenario, pd.concat(plants.values())))

    @property
    def products(self) -> set[str]:
        """Products of the plants."""
        sectors = self.inputs["streams/source_sectors"]
        made = sectors.loc[sectors["sector"].isin(self.plants["sources"]["sector"]), "product"]
        steel = ["crude_steel"] * len(self.plants["steel"])
        return {*self.plants["chemicals"]["product"], *steel, *made}


def _sites(inputs: Inputs, scenario: Scenario, plants: pd.DataFrame) -> pd.DataFrame:
    """The sites that the scenario allows; of the shipped ones those that a plant or a link reaches."""
    table, storage = inputs["storage/sites"], scenario.storage
    allowed = ~(table["site"].isin(storage.exclude) | table["basin"].isin(storage.exclude)).to_numpy(bool)
    if storage.sites:
        allowed = allowed & (table["site"].isin(storage.sites) | table["basin"].isin(storage.sites)).to_numpy(bool)
    links = inputs["transport/links"]
    joined = table["site"].isin({*links["node_a"], *links["node_b"]}).to_numpy(bool)
    shipped = np.flatnonzero(allowed & ~joined & ~_are_own("storage/sites", table, inputs))
    if len(shipped) and len(plants):
        reach_km = max(storage.site_reach_km or inputs.limit(name) for name in ("site_reach_km", "own_pipe_reach_km"))
        allowed[shipped] = distances_km(table.iloc[shipped], plants).min(axis=1) <= reach_km
    return table[allowed]


def _are_own(name: str, table: pd.DataFrame, inputs: Inputs) -> np.ndarray:
    """Whether each row is the user's; false if that is unknown."""
    sources = inputs.sources.get(name, ())
    is_own = np.array([source.is_own for source in sources], dtype=bool)
    return is_own if len(is_own) == len(table) else np.zeros(len(table), dtype=bool)


def rows_in_use(inputs: Inputs, scenario: Scenario, zones: Collection[str]) -> Mapping[str, pd.DataFrame]:
    """Input tables by name, without rows that the plan does not use; `zones` are the provinces of its plants."""
    in_china = are_in_china(pd.Series(list(zones), dtype=object)).any()
    sectors = inputs["streams/source_sectors"]
    idle = sectors[~sectors["sector"].isin(inputs["plants/sources"]["sector"])]
    use = None if in_china else _Use.of(inputs, scenario, zones)
    used = {}
    for name, table in inputs.tables.items():
        kept = ~_is_idle(name, table, idle, inputs)
        if use is not None:
            kept &= _is_used(name, table, use)
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


def _is_chosen(name: str, table: pd.DataFrame, use: _Use) -> np.ndarray | None:
    """Whether each row is of a technology, heat source, stream, class or product of the plan; None for other tables."""
    scenario, steel, chemicals = use.scenario, use.plants["steel"], use.plants["chemicals"]
    if name in ("technologies/technologies", "technologies/heat"):
        return table["technology"].isin(scenario.capture.technologies).to_numpy(bool)
    if name == "technologies/heat_sources":
        return table["heat_source"].isin(scenario.capture.heat_sources).to_numpy(bool)
    if name == "storage/reservoir_classes":
        return table["reservoir_class"].isin(reservoir_classes(use.sites)).to_numpy(bool)
    if name == "storage/class_costs":
        return table["reservoir_class"].isin(cost_classes(_without_costs(use))).to_numpy(bool)
    if name == "streams/factors":
        unused = {"fossil_power_kg_per_kwh"} if not scenario.policy.non_fossil_share else set()
        unused |= set(_STEEL_FACTORS) if steel.empty else set()
        unused |= set(_CHEMICAL_FACTORS) if chemicals.empty else set()
        return ~table["factor"].isin(unused).to_numpy(bool)
    if name == _STEEL_STREAMS:
        return np.full(len(table), len(steel) > 0)
    if name in _CHEMICAL_STREAMS:
        return _is_of_chemicals(name, table, use)
    if name in ("streams/utilisation", "finance/hurdle_rates"):
        return table["product"].isin(use.products).to_numpy(bool)
    return None


def _is_of_chemicals(name: str, table: pd.DataFrame, use: _Use) -> np.ndarray:
    """Whether each route is that of a plant; streams have grades if there is a plant, those of captive power too."""
    chemicals = use.plants["chemicals"]
    if name == "streams/chemical_routes":
        routes = set(chemicals[_ROUTE].itertuples(index=False, name=None))
        return np.array([each in routes for each in table[_ROUTE].itertuples(index=False, name=None)], dtype=bool)
    units = use.inputs["plants/captive_units"]["plant"]
    has_units = units.isin([*use.plants["steel"]["plant"], *chemicals["plant"]]).any()
    return (table["stream"] == "captive_power").to_numpy(bool) & bool(has_units) | (len(chemicals) > 0)


def _without_costs(use: _Use) -> pd.DataFrame:
    """Sites without costs of their own, which are those of their class."""
    sites = use.sites
    has_costs = sites[[*STORAGE_MONEY, ALL_IN]].notna().any(axis=1)
    return sites[~(has_costs | sites["site"].isin(use.inputs["storage/site_costs"]["site"]))]


def _is_used(name: str, table: pd.DataFrame, use: _Use) -> np.ndarray:
    inputs, scenario = use.inputs, use.scenario
    chosen = _is_chosen(name, table, use)
    if chosen is not None and name != "streams/utilisation":
        return chosen
    is_own = _are_own(name, table, inputs)
    if name.startswith("pilots/"):
        return np.full(len(table), scenario.calibration.use != "none")
    draws_on_facility = any(fund.passed_through_share for fund in scenario.funds.values())
    if name == "finance/rates":
        return is_own | draws_on_facility
    if name == "finance/factors":
        of_facility = table["factor"].isin(_OF_FACILITY).to_numpy(bool)
        unused = of_facility & (not draws_on_facility) | table["factor"].isin(_OF_SCENARIO).to_numpy(bool)
        # The default of the scenario is the value of its row.
        is_rate = (table["factor"] == _SOCIAL_RATE) & (table["value"] == scenario.policy.social_discount_rate)
        return is_own | ~unused | (is_rate.to_numpy(bool) & (not scenario.is_static))
    if name == "policy/ets":
        # Without a carbon price no market has an effect.
        of_market = (table["market"] == scenario.policy.market) & bool(scenario.policy.carbon_price_per_t)
        return is_own | of_market.to_numpy(bool)
    if name in _OF_CHINA:
        return is_own
    if name in ("storage/sites", "storage/site_costs"):
        return is_own | table["site"].isin(use.sites["site"]).to_numpy(bool)
    if name == "storage/well_rates":
        lacking = use.sites[use.sites["well_injectivity_ktpa"].isna()]
        return is_own | table["basin"].isin(lacking["basin"]).to_numpy(bool)
    if name == "storage/basin_capacities":
        return is_own | table["basin"].isin(use.sites["basin"]).to_numpy(bool)
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
