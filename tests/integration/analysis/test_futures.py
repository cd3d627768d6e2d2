"""Sampled futures: distributions, correlations, reproducibility, and effects on the problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ccs_model.analysis.reversible_options import with_reversible_options
from ccs_model.analysis.uncertain_inputs import draw_futures
from ccs_model.errors import InputError
from ccs_model.inputs import Inputs
from ccs_model.problem import Problem, build_problem

N = 2_000


@pytest.fixture(scope="module")
def problem(problem_of: Callable[..., Problem]) -> Problem:
    return problem_of()


def test_each_input_has_the_quantiles_of_its_distribution(problem: Problem) -> None:
    values = draw_futures(problem, N, 3).values
    shares = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    triangle = stats.triang(c=0.4 / 1.2, loc=0.6, scale=1.2)
    assert np.quantile(values["capture_capex"], shares) == pytest.approx(triangle.ppf(shares), abs=2e-3)
    # This lognormal distribution of median 1 has its 5 and 95 % quantiles at 0.5 and 2.
    assert np.quantile(values["carbon_price"], [0.05, 0.5, 0.95]) == pytest.approx([0.5, 1.0, 2.0], rel=5e-3)
    assert values["grid_factor"].between(0.75, 1.15).all()


def test_rank_correlations_match_the_table(problem: Problem) -> None:
    values = draw_futures(problem, N, 3).values
    for row in problem.inputs["uncertainty/correlations"].itertuples():
        found = stats.spearmanr(values[row.input], values[row.other_input]).statistic
        assert found == pytest.approx(row.rank_correlation_share, abs=0.04)


def test_the_same_seed_gives_every_scenario_the_same_futures(problem: Problem) -> None:
    other = build_problem(problem.scenario.with_changes({"uncertainty.exclude": ["pipe_cost"]}), problem.inputs)
    one, two = draw_futures(problem, 50, 9).values, draw_futures(other, 50, 9).values
    assert "pipe_cost" not in two
    assert one[list(two)].equals(two)
    assert not draw_futures(problem, 50, 10).values.equals(one)


def test_the_planned_values_return_the_problem_itself(problem: Problem) -> None:
    futures = draw_futures(problem, 5, 1)
    assert futures.problem_with(dict(futures.planned)) is problem


def test_a_parameter_multiplies_its_coefficients(problem: Problem) -> None:
    futures = draw_futures(problem, 5, 1)
    changed = futures.problem_with({"capture_capex": 1.5, "capture_om": 2.0, "heat_price": 3.0, "pipe_cost": 0.5})
    before, after = problem.routes, changed.routes
    assert after["capture_capex_mn"].to_numpy() == pytest.approx(1.5 * before["capture_capex_mn"].to_numpy())
    assert after["fixed_om_mn_pa"].to_numpy() == pytest.approx(3.0 * before["fixed_om_mn_pa"].to_numpy())
    assert after["capex_mn"].to_numpy() == pytest.approx(
        1.5 * before["capture_capex_mn"].to_numpy()
        + 0.5 * before["pipe_capex_mn"].to_numpy()
        + (before["site_capex_mn"] + before["well_capex_mn"]).to_numpy()
    )
    assert changed.cost_per_t["heat"] == pytest.approx(3.0 * problem.cost_per_t["heat"])
    sites = futures.problem_with({"storage_capacity": 1.0}).sites
    assert sites["capacity_kt"].to_numpy() == pytest.approx(problem.sites["capacity_high_kt"].to_numpy())


def test_capital_of_committed_retrofits_is_known(problem_of: Callable[..., Problem], problem: Problem) -> None:
    name = str(problem.routes["route"].iloc[0])
    committed = problem_of({"plants.committed": {name: problem.years[0]}})
    factors = {"capture_capex": 1.5, "capture_om": 2.0, "pipe_cost": 3.0, "storage_cost": 4.0}
    before, after = committed.routes, draw_futures(committed, 5, 1).problem_with(factors).routes
    is_known = (before["route"] == name).to_numpy()
    assert is_known.sum() == 1 and len(is_known) > 1
    for column, factor in (("capture_capex_mn", 1.5), ("pipe_capex_mn", 3.0), ("well_capex_mn", 4.0)):
        ratio = after[column].to_numpy() / before[column].to_numpy()
        assert ratio == pytest.approx(np.where(is_known, 1.0, factor)), column
    known = after.loc[is_known, "capex_mn"].to_numpy()
    assert known == pytest.approx(before.loc[is_known, "capex_mn"].to_numpy())
    # Its O&M is as uncertain as that of other retrofits, without the part that follows from capital.
    assert (after["pipe_om_mn_pa"] / before["pipe_om_mn_pa"]).to_numpy() == pytest.approx(3.0)
    om = (after["fixed_om_mn_pa"] / before["fixed_om_mn_pa"]).to_numpy()
    assert om == pytest.approx(np.where(is_known, 2.0, 3.0))


def test_the_saving_of_a_measure_is_neither_capital_nor_om(problem_of: Callable[..., Problem]) -> None:
    problem = problem_of({"capture.measures": ["boiler_efficiency"]})
    before = problem.routes[problem.routes["measure"] != ""]
    gross = before["fixed_om_mn_pa"] + before["saving_mn_pa"]
    assert (before["saving_mn_pa"] > 0).all() and (gross > 0).all()
    after = draw_futures(problem, 5, 1).problem_with({"capture_capex": 1.5, "capture_om": 2.0}).routes
    kept = after.loc[before.index, "fixed_om_mn_pa"]
    assert kept.to_numpy() == pytest.approx((3.0 * gross - before["saving_mn_pa"]).to_numpy())
    assert (kept > before["fixed_om_mn_pa"]).all()


def test_the_delivered_share_never_exceeds_one(problem: Problem) -> None:
    assert draw_futures(problem, 5, 1).problem_with({"utilisation": 1.05}).delivered_share <= 1.0


def test_an_unknown_input_is_an_input_error(problem: Problem) -> None:
    scenario = problem.scenario.with_changes({"uncertainty.exclude": ["no_such_input"]})
    with pytest.raises(InputError, match="no_such_input"):
        draw_futures(build_problem(scenario, problem.inputs), 5, 1)


def test_sobol_sampling_is_stratified_and_keeps_distributions_and_correlations(problem: Problem) -> None:
    n = 1_024
    latin, sobol = (draw_futures(problem, n, 3, sampling).values for sampling in ("latin", "sobol"))
    assert list(sobol) == list(latin)
    triangle = stats.triang(c=0.4 / 1.2, loc=0.6, scale=1.2)
    shares = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    assert np.quantile(sobol["capture_capex"], shares) == pytest.approx(triangle.ppf(shares), abs=4e-3)
    for row in problem.inputs["uncertainty/correlations"].itertuples():
        found = stats.spearmanr(sobol[row.input], sobol[row.other_input]).statistic
        assert found == pytest.approx(row.rank_correlation_share, abs=0.04)
    # One value lies in each of the n equal parts of the distribution, also after scrambling.
    strata = np.sort(np.floor(triangle.cdf(sobol["capture_capex"]) * n).astype(int))
    assert len(set(strata)) == n
    assert sobol.equals(draw_futures(problem, n, 3, "sobol").values)
    assert not sobol.equals(draw_futures(problem, n, 4, "sobol").values)


def test_the_planned_storage_capacity_is_the_case_of_the_scenario(problem: Problem) -> None:
    low = build_problem(problem.scenario.with_changes({"storage.capacity": "low"}), problem.inputs)
    futures = draw_futures(low, 5, 1)
    assert futures.planned["storage_capacity"] == -1.0
    assert futures.problem_with({"storage_capacity": -1.0}) is low
    sites = futures.problem_with({"storage_capacity": 0.0}).sites
    assert sites["capacity_kt"].to_numpy() == pytest.approx(problem.sites["capacity_kt"].to_numpy())


def test_dominated_options_return_where_an_uncertain_input_can_end_the_dominance(
    problem_of: Callable[..., Problem], inputs: Inputs, with_tables: Callable[..., Inputs], one_mill: Mapping[str, Any]
) -> None:
    def problem_with(sources: list[str], table: str, factor: float, *excluded: str) -> tuple[Problem, Problem]:
        prices = inputs[table].copy()
        if table == "prices/fuels":
            prices.loc[prices["fuel"] == "natural_gas", "price_per_gj"] = 20.0
        else:
            prices = prices.assign(
                **{name: prices[name] * factor for name in prices if name.endswith(("per_kwh", "kw_month"))}
            )
        requested = {"capture.heat_sources": sources, "uncertainty.exclude": list(excluded)}
        planned = problem_of(one_mill, requested, tables=with_tables({table: prices}))
        return planned, with_reversible_options(planned, draw_futures(planned, 2, 1).inputs)

    # At cheap power, heat pumps dominate coal boilers; dearer power or cheaper coal may reverse this.
    pumps = ["coal_boiler", "heat_pump"]
    planned, full = problem_with(pumps, "prices/power", 0.3)
    assert set(planned.routes["heat_source"]) == {"heat_pump"}
    assert set(full.routes["heat_source"]) == set(pumps)
    # With neither price nor intensity uncertain nothing can.
    energy = ("power_price", "heat_price", "capture_heat", "grid_factor")
    planned, full = problem_with(pumps, "prices/power", 0.3, *energy)
    assert full is planned
    # Gas boilers with cheaper and cleaner heat dominate coal boilers whatever heat costs.
    planned, full = problem_with(["coal_boiler", "gas_boiler"], "prices/fuels", 1.0)
    assert set(planned.routes["heat_source"]) == {"gas_boiler"} and full is planned
