"""Measures that shrink a stream before capture: avoided and cut, never captured."""

from __future__ import annotations

from collections.abc import Callable
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
Posed = Callable[..., Problem]
Solved = Callable[..., Plan]

SINTER: Changes = {"capture.measures": ["sinter_fuel_saving"], "plants.min_emissions_ktpa": 20_000}
PLANT = "P100000120106"
# Jingtang: 13,700 kt/y at 0.9388 and 1.85 t/t, the sinter plant's 289 of 2,094.
STACK = 13_700 * 0.9388 * 1.85 * 289 / 2094


@pytest.mark.parametrize("trunklines", [False, True])
def test_options_by_hand(problem_of: Posed, one_mill: Changes, trunklines: bool) -> None:
    problem = problem_of(one_mill, SINTER, {"transport.shared_trunklines": trunklines})
    options = problem.options.set_index("option")
    alone = options.loc[f"{PLANT}/sinter_plant/sinter_fuel_saving/full"]
    # 6 % of the stack; 900 a t/y; 3 % of that a year less 280 a t saved.
    assert alone["reduced_ktpa"] == pytest.approx(0.06 * STACK)
    assert alone["capture_capex_mn"] == pytest.approx(0.9 * 0.06 * STACK)
    assert alone["fixed_om_mn_pa"] == pytest.approx(0.06 * STACK * (0.9 * 0.03 - 0.28))
    assert (alone["nameplate_ktpa"], alone["heat_gj_per_t"], alone["power_kwh_per_t"]) == (0, 0, 0)
    plain, behind = (options.loc[f"{PLANT}/sinter_plant/amine/half{end}"] for end in ("", "/with_sinter_fuel_saving"))
    assert behind["nameplate_ktpa"] == pytest.approx(0.94 * plain["nameplate_ktpa"])
    assert behind["capture_capex_mn"] == pytest.approx(0.94 * plain["capture_capex_mn"] + alone["capture_capex_mn"])
    assert behind["fixed_om_mn_pa"] == pytest.approx(0.94 * plain["fixed_om_mn_pa"] + alone["fixed_om_mn_pa"])
    # The shorter life of the two, the longer way to the first tonne.
    assert (behind["life_yr"], behind["lead_yr"], behind["min_life_yr"]) == (15, 2, 10)
    # A measure alone goes to no site and lays no pipe.
    route = problem.routes[problem.routes["option"] == alone.name]
    assert route[["pipe_capex_mn", "length_km", "booster_kwh_per_t"]].to_numpy().tolist() == [[0, 0, 0]]
    # The baseline does not move.
    assert problem.baseline_ktpa == problem_of(one_mill).baseline_ktpa


def test_an_unknown_measure_is_refused_with_the_nearest(problem_of: Posed) -> None:
    with pytest.raises(InputError) as caught:
        problem_of({"capture.measures": ["sinter_fuel_savings"]})
    (issue,) = caught.value.issues
    assert issue.what == "measure 'sinter_fuel_savings' is not in the tables"
    assert issue.hint == "did you mean 'sinter_fuel_saving'?"


@pytest.mark.parametrize("trunklines", [False, True])
def test_a_measure_counts_as_avoided_and_direct_but_never_as_captured(
    solved: Solved, one_mill: Changes, trunklines: bool
) -> None:
    # Money for the measure and not for a unit.
    little = {"budget.total_mn": 200, "transport.shared_trunklines": trunklines}
    plan = solved(one_mill, SINTER, little)
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
    # Built in 2026, a year to build: nine of the ten years of the horizon.
    assert plan.objective.value == pytest.approx(9 * reduced)
    assert plan.terms["reduced_kt"] == pytest.approx(9 * reduced)
    # Saving exceeds upkeep: money comes in, and the cost a tonne avoided is negative.
    assert plan.totals["avoidance_cost_per_t"] < 0
    assert plan.totals["capture_cost_per_t"] is None
    assert plan.totals["avoided_ktpa"] == pytest.approx(reduced)


def test_with_money_enough_units_stand_behind_the_measure(solved: Solved, one_mill: Changes) -> None:
    # All sites in reach: one alone takes less than the works could send.
    rich = {"budget.total_mn": 60_000, "solver.mip_gap": 0.0, "storage.sites": []}
    plan, without = solved(one_mill, SINTER, rich), solved(one_mill, rich)
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


def test_a_target_of_avoided_tonnes_takes_them(problem_of: Posed, solved: Solved, one_mill: Changes) -> None:
    least: Changes = {"objective": "min_cost", "budget.total_mn": None}
    baseline = problem_of(one_mill, SINTER).baseline_ktpa
    plan = solved(one_mill, SINTER, least, {"targets": {"abatement_share": {2031: 0.03 * STACK / baseline}}})
    assert plan.retrofits["technology"].tolist() == ["sinter_fuel_saving"]
    assert plan.targets["reached_kt"].iloc[0] == pytest.approx(0.06 * STACK)
    assert plan.checks["holds"].all()


def test_measures_fit_no_plant_and_count_as_no_build(solved: Solved, one_mill: Changes) -> None:
    none = {"capture.max_builds_per_year": 0, "budget.total_mn": 60_000}
    plan = solved(one_mill, SINTER, none)
    assert plan.retrofits["technology"].tolist() == ["sinter_fuel_saving"]
    fitted = solved(one_mill, SINTER, {"plants.require": [PLANT], "budget.total_mn": 60_000})
    assert (fitted.retrofits["captured_ktpa"] > 0).any()


def test_without_measures_nothing_is_said_of_them(solved: Solved, one_mill: Changes) -> None:
    plan = solved(one_mill)
    assert "reduced_ktpa" not in plan.retrofits
    assert "reduced_ktpa" not in plan.emissions
    assert "reduced_kt" not in plan.terms


def test_the_curve_holds_capture_alone(solved: Solved, one_mill: Changes) -> None:
    plan = solved(one_mill, SINTER, {"budget.total_mn": 200})
    table = macc_table(plan.problem, plan.retrofits)
    assert set(table["technology"]) == {"amine"}
    assert table[["plant", "stream"]].drop_duplicates().shape[0] == len(table)


@pytest.mark.slow
@pytest.mark.parametrize(("trunklines", "money_mn"), [(False, 200), (False, 6_000), (True, 6_000)])
def test_the_workbook_takes_a_plan_of_measures(
    solved: Solved, one_mill: Changes, tmp_path: Any, trunklines: bool, money_mn: float
) -> None:
    requested = {**SINTER, "transport.shared_trunklines": trunklines, "solver.mip_gap": 0.02}
    path = tmp_path / "plan.xlsx"
    write_workbook(solved(one_mill, requested, {"budget.total_mn": money_mn}), path)
    assert path.stat().st_size > 10_000


def test_shrunk_boilers_of_chemical_plants(
    problem_of: Posed, measure_tables: Inputs, with_tables: Callable[..., Inputs]
) -> None:
    table: pd.DataFrame = measure_tables["technologies/measures"].assign(shrink_share=0.1)
    problem = problem_of(
        {"capture.measures": ["boiler_efficiency"]}, tables=with_tables({"technologies/measures": table})
    )
    options = problem.options[problem.options["measure"] != ""]
    flue = problem.streams[problem.streams["stream"] == "boiler_flue_gas"].set_index("plant")["co2_ktpa"]
    assert options["reduced_ktpa"].tolist() == pytest.approx((0.1 * flue.loc[options["plant"]]).tolist())
    assert np.all(options["stream"] == "boiler_flue_gas")
