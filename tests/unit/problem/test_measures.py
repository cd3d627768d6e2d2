"""Measures that reduce a stream before capture: counted as avoided and on-site abatement, never as captured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccs_model.errors import InputError
from ccs_model.inputs import Inputs
from ccs_model.plan.merit_order import macc_table
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.report.workbook.workbook import write_workbook

pytestmark = pytest.mark.slow

Changes = dict[str, Any]
MakeProblem = Callable[..., Problem]
Solved = Callable[..., Plan]

SINTER: Changes = {"capture.measures": ["sinter_fuel_saving"], "plants.min_emissions_ktpa": 20_000}
PLANT = "P100000120106"
# Jingtang: 13,700 kt/y at 0.9388 and 1.85 t/t, the sinter plant's 289 of 2,094.
STACK = 13_700 * 0.9388 * 1.85 * 289 / 2094


@pytest.mark.parametrize("trunklines", [False, True])
def test_measure_options_match_hand_calculation(problem_of: MakeProblem, one_mill: Changes, trunklines: bool) -> None:
    problem = problem_of(one_mill, SINTER, {"transport.shared_trunklines": trunklines})
    options = problem.options.set_index("option")
    measure_only = options.loc[f"{PLANT}/sinter_plant/sinter_fuel_saving/full"]
    # 6 % of the stack; 900 per t/y; 3 % of that per year less a saving of 280 per t.
    assert measure_only["reduced_ktpa"] == pytest.approx(0.06 * STACK)
    assert measure_only["capture_capex_mn"] == pytest.approx(0.9 * 0.06 * STACK)
    assert measure_only["fixed_om_mn_pa"] == pytest.approx(0.06 * STACK * (0.9 * 0.03 - 0.28))
    assert (measure_only["nameplate_ktpa"], measure_only["heat_gj_per_t"], measure_only["power_kwh_per_t"]) == (0, 0, 0)
    plain, downstream = (
        options.loc[f"{PLANT}/sinter_plant/amine/half{end}"] for end in ("", "/with_sinter_fuel_saving")
    )
    assert downstream["nameplate_ktpa"] == pytest.approx(0.94 * plain["nameplate_ktpa"])
    assert downstream["capture_capex_mn"] == pytest.approx(
        0.94 * plain["capture_capex_mn"] + measure_only["capture_capex_mn"]
    )
    assert downstream["fixed_om_mn_pa"] == pytest.approx(
        0.94 * plain["fixed_om_mn_pa"] + measure_only["fixed_om_mn_pa"]
    )
    # The shorter life and the longer lead time of the two.
    assert (downstream["life_yr"], downstream["lead_yr"], downstream["min_life_yr"]) == (15, 2, 10)
    # A measure alone has no site and no pipe.
    route = problem.routes[problem.routes["option"] == measure_only.name]
    assert route[["pipe_capex_mn", "length_km", "booster_kwh_per_t"]].to_numpy().tolist() == [[0, 0, 0]]
    # The baseline is unchanged.
    assert problem.baseline_ktpa == problem_of(one_mill).baseline_ktpa


def test_unknown_measure_is_reported_with_a_suggestion(problem_of: MakeProblem) -> None:
    with pytest.raises(InputError) as caught:
        problem_of({"capture.measures": ["sinter_fuel_savings"]})
    (issue,) = caught.value.issues
    assert issue.what == "measure 'sinter_fuel_savings' is not in the tables"
    assert issue.hint == "did you mean 'sinter_fuel_saving'?"


@pytest.mark.parametrize("trunklines", [False, True])
def test_measure_counts_as_avoided_and_on_site_abatement_but_not_as_captured(
    solved: Solved, one_mill: Changes, trunklines: bool
) -> None:
    # The budget covers the measure but not a capture unit.
    small_budget = {"budget.total_mn": 200, "transport.shared_trunklines": trunklines}
    plan = solved(one_mill, SINTER, small_budget)
    assert plan.checks["holds"].all(), plan.checks[~plan.checks["holds"]]
    (row,) = plan.retrofits.itertuples()
    reduced = 0.06 * STACK
    assert (row.technology, row.captured_ktpa, row.fuel_co2_ktpa, row.power_co2_ktpa) == ("sinter_fuel_saving", 0, 0, 0)
    assert (row.reduced_ktpa, row.on_site_abatement_ktpa, row.avoided_ktpa) == pytest.approx((reduced,) * 3)
    last = plan.emissions[plan.emissions["year"] == 2031]
    assert last["captured_ktpa"].sum() == 0
    assert last[["on_site_abatement_ktpa", "avoided_ktpa", "reduced_ktpa"]].sum().tolist() == pytest.approx(
        [reduced] * 3
    )
    # Decided in 2026, with a lead time of one year: nine of the ten years of the horizon.
    assert plan.objective.value == pytest.approx(9 * reduced)
    assert plan.terms["reduced_kt"] == pytest.approx(9 * reduced)
    # The saving exceeds O&M, so that the cost per tonne avoided is negative.
    assert plan.totals["avoidance_cost_per_t"] < 0
    assert plan.totals["capture_cost_per_t"] is None
    assert plan.totals["avoided_ktpa"] == pytest.approx(reduced)


def test_ample_budget_adds_capture_downstream_of_the_measure(solved: Solved, one_mill: Changes) -> None:
    # All sites in reach: a single site stores less than the works could capture.
    ample_budget = {"budget.total_mn": 60_000, "solver.mip_gap": 0.0, "storage.sites": []}
    plan, without = solved(one_mill, SINTER, ample_budget), solved(one_mill, ample_budget)
    assert plan.checks["holds"].all()
    (sinter,) = plan.retrofits[plan.retrofits["stream"] == "sinter_plant"].itertuples()
    assert sinter.route.split("@")[0] == f"{PLANT}/sinter_plant/amine/full/with_sinter_fuel_saving"
    assert sinter.captured_ktpa == pytest.approx(0.9 * 0.94 * STACK)
    assert sinter.on_site_abatement_ktpa == pytest.approx(
        sinter.captured_ktpa - sinter.fuel_co2_ktpa + sinter.reduced_ktpa
    )
    assert plan.objective.value > without.objective.value
    # Captured falls while avoided rises.
    assert plan.totals["captured_ktpa"] < without.totals["captured_ktpa"]
    assert plan.totals["avoided_ktpa"] > without.totals["avoided_ktpa"]


def test_abatement_target_can_be_met_by_a_measure(problem_of: MakeProblem, solved: Solved, one_mill: Changes) -> None:
    min_cost: Changes = {"objective": "min_cost", "budget.total_mn": None}
    baseline = problem_of(one_mill, SINTER).baseline_ktpa
    plan = solved(one_mill, SINTER, min_cost, {"targets": {"abatement_share": {2031: 0.03 * STACK / baseline}}})
    assert plan.retrofits["technology"].tolist() == ["sinter_fuel_saving"]
    assert plan.targets["reached_kt"].iloc[0] == pytest.approx(0.06 * STACK)
    assert plan.checks["holds"].all()


def test_measures_count_neither_as_builds_nor_as_required_retrofits(solved: Solved, one_mill: Changes) -> None:
    no_builds = {"capture.max_builds_per_year": 0, "budget.total_mn": 60_000}
    plan = solved(one_mill, SINTER, no_builds)
    assert plan.retrofits["technology"].tolist() == ["sinter_fuel_saving"]
    required = solved(one_mill, SINTER, {"plants.require": [PLANT], "budget.total_mn": 60_000})
    assert (required.retrofits["captured_ktpa"] > 0).any()


def test_results_have_no_measure_columns_without_measures(solved: Solved, one_mill: Changes) -> None:
    plan = solved(one_mill)
    assert "reduced_ktpa" not in plan.retrofits
    assert "reduced_ktpa" not in plan.emissions
    assert "reduced_kt" not in plan.terms


def test_merit_order_contains_only_capture_options(solved: Solved, one_mill: Changes) -> None:
    plan = solved(one_mill, SINTER, {"budget.total_mn": 200})
    table = macc_table(plan.problem, plan.retrofits)
    assert set(table["technology"]) == {"amine"}
    assert table[["plant", "stream"]].drop_duplicates().shape[0] == len(table)


@pytest.mark.parametrize(("trunklines", "budget_mn"), [(False, 200), (False, 6_000), (True, 6_000)])
def test_workbook_is_written_for_a_plan_with_measures(
    solved: Solved, one_mill: Changes, tmp_path: Any, trunklines: bool, budget_mn: float
) -> None:
    requested = {**SINTER, "transport.shared_trunklines": trunklines, "solver.mip_gap": 0.02}
    path = tmp_path / "plan.xlsx"
    write_workbook(solved(one_mill, requested, {"budget.total_mn": budget_mn}), path)
    assert path.stat().st_size > 10_000


def test_boiler_measure_reduces_the_flue_gas_of_chemical_plants(
    problem_of: MakeProblem, measure_tables: Inputs, with_tables: Callable[..., Inputs]
) -> None:
    table: pd.DataFrame = measure_tables["technologies/measures"].assign(shrink_share=0.1)
    problem = problem_of(
        {"capture.measures": ["boiler_efficiency"]}, tables=with_tables({"technologies/measures": table})
    )
    options = problem.options[problem.options["measure"] != ""]
    flue = problem.streams[problem.streams["stream"] == "boiler_flue_gas"].set_index("plant")["co2_ktpa"]
    assert options["reduced_ktpa"].tolist() == pytest.approx((0.1 * flue.loc[options["plant"]]).tolist())
    assert np.all(options["stream"] == "boiler_flue_gas")


def test_required_plant_with_time_for_a_measure_only_is_reported(
    problem_of: MakeProblem, measure_tables: Inputs, one_mill: Changes
) -> None:
    # The measure works after a year and for at least 5 years, a capture unit after 2 and for at least 10.
    steel = measure_tables["plants/steel"]
    closing = steel["closing_year"].mask(steel["plant"] == PLANT, 2034)
    tables = replace(
        measure_tables,
        tables=MappingProxyType({**measure_tables.tables, "plants/steel": steel.assign(closing_year=closing)}),
    )
    requested = {**SINTER, "plants.require": [PLANT]}
    assert problem_of(one_mill, SINTER, tables=tables).plants["is_candidate"].any()
    with pytest.raises(InputError, match="no capture unit can start and work within the horizon"):
        problem_of(one_mill, requested, tables=tables)
    assert problem_of(one_mill, requested).require == (PLANT,)
