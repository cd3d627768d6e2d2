"""Levelised costs by hand, and published cases recomputed from their published inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from ccs_model._typing import Floats
from ccs_model.economics.investment import annuity_yr, cost_per_t
from ccs_model.plan.merit_order import levelised_costs
from ccs_model.problem import Problem
from tests.paths import DATA

Changes = Mapping[str, Any]
PUBLISHED = DATA / "published"
# Prices of the NETL cases: power in USD/kWh, natural gas at 4.42 USD per million Btu.
POWER_PER_KWH, GAS_PER_GJ = 0.060, 4.42 / 1.055

# Levelised costs.
#
#     capture cost     annual cost of capture without transport and storage ÷ captured
#     avoidance cost   (cost with − cost without) ÷ (emission without − emission with), with transport and storage
#     added cost       total annual cost ÷ product
#
# The marginal cost (the dual of a target) is a fourth number. Amounts are kt a year and million a year, so money per t
# is 1,000 × million ÷ kt.

CAPTURE_PARTS = ("capital_mn_pa", "fixed_om_mn_pa", "variable_om_mn_pa", "heat_mn_pa", "power_mn_pa")


def capital_charge_share(discount_rate: float, life_yr: npt.ArrayLike, tasc_factor: npt.ArrayLike = 1.0) -> Floats:
    """Return the annual charge on total overnight cost: capital recovery factor × TASC ÷ TOC."""
    return np.asarray(tasc_factor, dtype=float) / annuity_yr(discount_rate, life_yr)


def yearly_capture_cost(
    *,
    captured_ktpa: npt.ArrayLike,
    capex_mn: npt.ArrayLike,
    charge_share: npt.ArrayLike,
    fixed_om_mn_pa: npt.ArrayLike,
    variable_om_per_t: npt.ArrayLike,
    heat_gj_per_t: npt.ArrayLike,
    heat_per_gj: npt.ArrayLike,
    power_kwh_per_t: npt.ArrayLike,
    power_per_kwh: npt.ArrayLike,
) -> pd.DataFrame:
    """Return CAPTURE_PARTS and their sum `capture_mn_pa`, a row per unit; capex is overnight, tonnes are delivered."""
    tonnes = np.atleast_1d(np.asarray(captured_ktpa, dtype=float))
    heat = np.asarray(heat_gj_per_t, dtype=float) * np.asarray(heat_per_gj, dtype=float)
    power = np.asarray(power_kwh_per_t, dtype=float) * np.asarray(power_per_kwh, dtype=float)
    table = pd.DataFrame(index=pd.RangeIndex(len(tonnes)))
    table["capital_mn_pa"] = np.asarray(capex_mn, dtype=float) * np.asarray(charge_share, dtype=float)
    table["fixed_om_mn_pa"] = np.asarray(fixed_om_mn_pa, dtype=float)
    table["variable_om_mn_pa"] = tonnes * np.asarray(variable_om_per_t, dtype=float) / 1000.0
    table["heat_mn_pa"] = tonnes * heat / 1000.0
    table["power_mn_pa"] = tonnes * power / 1000.0
    table["capture_mn_pa"] = table[list(CAPTURE_PARTS)].sum(axis=1)
    return table


def netl() -> pd.DataFrame:
    return pd.read_csv(PUBLISHED / "netl_2022.csv")


def netl_costs(cases: pd.DataFrame) -> np.ndarray:
    yearly = yearly_capture_cost(
        captured_ktpa=cases["captured_ktpa"],
        capex_mn=cases["toc_mn"],
        charge_share=cases["charge_share"],
        fixed_om_mn_pa=cases["fixed_om_per_t"] * cases["captured_ktpa"] / 1000,
        variable_om_per_t=cases["variable_om_per_t"],
        heat_gj_per_t=cases["heat_gj_per_t"],
        heat_per_gj=GAS_PER_GJ,
        power_kwh_per_t=cases["power_kwh_per_t"],
        power_per_kwh=POWER_PER_KWH,
    )
    return cost_per_t(yearly["capture_mn_pa"], cases["captured_ktpa"])


def test_netl_cases_are_recomputed_to_a_tenth_of_a_dollar() -> None:
    cases = netl()
    assert cases["case"].tolist() == ["ammonia", "ethylene oxide", "ethanol", "natural gas processing", "cement"]
    assert netl_costs(cases).round(1).tolist() == [18.4, 24.5, 30.5, 15.6, 63.8]


def test_netl_cases_are_within_6_percent_of_the_printed_costs() -> None:
    cases = netl()
    printed = cases["printed_per_t"].dropna()
    assert printed.tolist() == [19.0, 26.0, 32.0, 16.1]
    assert netl_costs(cases)[printed.index] == pytest.approx(printed.to_numpy(), rel=0.06)


def test_capital_charge_recovers_the_as_spent_cost() -> None:
    # 8 % over 20 years is 0.1018522; as-spent cost is 1.054 of overnight cost. At 0 % the charge is 1/n.
    assert capital_charge_share(0.08, 20, 1.054).item() == pytest.approx(0.1018522 * 1.054, abs=1e-7)
    assert capital_charge_share(0.0, [20, 25]).tolist() == [0.05, 0.04]


# (652.44 − 575.23) ÷ (2,090.14 − 1,041.73), and two more, USD per t avoided.
def test_ieaghg_avoidance_costs_are_recomputed_exactly() -> None:
    cases = pd.read_csv(PUBLISHED / "ieaghg_2013.csv")
    found = cost_per_t(
        cases["cost_with_per_t"] - cases["cost_without_per_t"],
        cases["emission_without_kg_per_t"] - cases["emission_with_kg_per_t"],
    )
    assert found.round(2).tolist() == [73.64, 81.15, 56.38]


def test_avoidance_cost_of_the_liang_mill_is_within_its_published_band() -> None:
    # The inputs of the study are not published; those in the file have a reason each and are not tuned.
    table = pd.read_csv(PUBLISHED / "liang_mill.csv").set_index("quantity")["value"]
    capex = table["capex_per_tpa"] * table["nameplate_ktpa"] / 1000
    yearly = yearly_capture_cost(
        captured_ktpa=table["captured_ktpa"],
        capex_mn=capex,
        charge_share=capital_charge_share(table["discount_rate"], table["life_yr"]),
        fixed_om_mn_pa=capex * table["fixed_om_share"],
        variable_om_per_t=table["variable_om_per_t"],
        heat_gj_per_t=table["heat_gj_per_t"],
        heat_per_gj=table["heat_per_gj"],
        power_kwh_per_t=table["power_kwh_per_t"],
        power_per_kwh=table["power_per_kwh"],
    )
    capture = cost_per_t(yearly["capture_mn_pa"], table["captured_ktpa"])
    assert 348 <= capture.item() <= 560  # China's range for steel, CNY per t captured
    ratio = table["avoided_ktpa"] / table["captured_ktpa"]
    assert ratio == pytest.approx(0.80)
    avoidance = (capture.item() + table["transport_per_t"] + table["storage_per_t"]) / ratio
    usd = avoidance / table["cny_per_unit"]
    assert usd == pytest.approx(table["avoidance_cost_per_t"], rel=table["band_share"])


def test_annual_cost_components_of_a_unit_match_hand_calculation() -> None:
    yearly = yearly_capture_cost(
        captured_ktpa=[400.0, 0.0],
        capex_mn=500.0,
        charge_share=0.1,
        fixed_om_mn_pa=18.0,
        variable_om_per_t=15.0,
        heat_gj_per_t=2.5,
        heat_per_gj=40.0,
        power_kwh_per_t=130.0,
        power_per_kwh=0.5,
    )
    assert yearly.iloc[0].to_dict() == pytest.approx(
        {
            "capital_mn_pa": 50.0,
            "fixed_om_mn_pa": 18.0,
            "variable_om_mn_pa": 6.0,
            "heat_mn_pa": 40.0,
            "power_mn_pa": 26.0,
            "capture_mn_pa": 140.0,
        }
    )
    per_t = cost_per_t(yearly["capture_mn_pa"], [400.0, 0.0])
    assert per_t[0] == pytest.approx(350.0)
    assert np.isnan(per_t[1])
    # The same cost over 2 Mt of steel.
    assert cost_per_t(140.0, 2_000.0).item() == pytest.approx(70.0)


def test_levelised_costs_of_a_problem_match_the_formula(problem_of: Callable[..., Problem], one_vent: Changes) -> None:
    problem = problem_of(one_vent)
    of_plan = levelised_costs(problem)
    last = {name: per_t[:, -1] for name, per_t in problem.cost_per_t.items()}
    yearly = yearly_capture_cost(
        captured_ktpa=of_plan["captured_at_full_load_ktpa"],
        capex_mn=problem.routes["capture_capex_mn"],
        charge_share=capital_charge_share(problem.discount_rate, problem.routes["life_yr"], 1.035),
        fixed_om_mn_pa=problem.routes["fixed_om_mn_pa"],
        variable_om_per_t=last["capture_variable_om"],
        heat_gj_per_t=1.0,
        heat_per_gj=last["heat"],
        power_kwh_per_t=1.0,
        power_per_kwh=last["capture_power"],
    )
    found = cost_per_t(yearly["capture_mn_pa"], of_plan["captured_at_full_load_ktpa"])
    assert found == pytest.approx(of_plan["capture_cost_per_t"].to_numpy(), rel=1e-12)
    avoidance = cost_per_t(of_plan["cost_mn_pa"], of_plan["avoided_at_full_load_ktpa"])
    assert avoidance == pytest.approx(of_plan["avoidance_cost_per_t"].to_numpy())
