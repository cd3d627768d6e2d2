"""Budget frontiers: monotonicity, exact breakpoints, plants that enter and leave, and the merit order."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from ccs_model.analysis import budget_points
from ccs_model.analysis import merit_order_plans as merit_order_module
from ccs_model.analysis.budget_points import BudgetPoint
from ccs_model.analysis.frontier import _fill_bounds, frontier
from ccs_model.analysis.merit_order_plans import NO_RETROFITS, budget_amounts_mn, merit_order_plans
from ccs_model.analysis.rebuilt_plan import NO_COLUMNS, solver_options
from ccs_model.errors import InputError
from ccs_model.mip import Highs, Outcome
from ccs_model.mip.budget_sweep import with_limit
from ccs_model.mip.clock import effort
from ccs_model.model.build_model import build_model
from ccs_model.model.names import BUILD, CAPTURED
from ccs_model.model.standard_form import matrix_of
from ccs_model.model.terms import cost_terms, sum_terms
from ccs_model.plan.merit_order import macc_table
from ccs_model.plan.plan import BREAK_COLUMNS
from ccs_model.report.export.formats import frontier_dict
from ccs_model.runs.run_writer import run_files
from ccs_model.solve.assembly import budget_row
from ccs_model.solve.driver import optimize
from ccs_model.solve.normalised_money import normalise_money
from ccs_model.solve.strategies import SIZES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def integer_plan(small):
    """A frontier with integer decisions at nine budgets of up to 1,350 million."""
    return frontier(small(), n_points=8)


@pytest.fixture(scope="module")
def continuous_plan(small):
    """The same frontier with continuous decisions (LP)."""
    return frontier(small({"capture.decisions": "continuous"}), n_points=8)


def test_objective_and_bound_never_decrease_with_the_budget(integer_plan):
    points = integer_plan.frontier.points
    assert list(points["budget_mn"]) == sorted(points["budget_mn"])
    assert points["objective"].is_monotonic_increasing and points["bound"].is_monotonic_increasing
    assert (points["spent_mn"] <= points["budget_mn"] + 1e-6).all()
    assert (points["bound"] >= points["objective"] - 1e-6).all()
    assert points["objective"].iloc[0] == 0


def test_budget_points_equal_the_plans_of_scenarios_with_those_budgets(integer_plan, small):
    for row in integer_plan.frontier.points.iloc[[3, 6]].to_dict("records"):
        plan = optimize(small({"budget.total_mn": row["budget_mn"]}))
        assert row["objective"] == pytest.approx(plan.objective.value, rel=1e-9)
        assert row["plants"].split() == sorted(set(plan.retrofits["plant"]))


def test_integer_plans_are_no_better_than_continuous_plans(integer_plan, continuous_plan):
    integer, continuous = integer_plan.frontier.points, continuous_plan.frontier.points
    assert list(integer["budget_mn"]) == list(continuous["budget_mn"])
    assert (integer["objective"] <= continuous["objective"] + 1e-6).all()


def test_continuous_plans_lie_on_the_lines_between_exact_breakpoints(continuous_plan):
    found = continuous_plan.frontier
    assert found.is_exact
    assert found.points["gap_share"].max() == 0
    breaks = found.breakpoints
    on_line = np.interp(found.points["budget_mn"], breaks["budget_mn"], breaks["objective"])
    assert found.points["objective"].to_numpy(float) == pytest.approx(on_line, rel=1e-9, abs=1e-6)
    slopes = breaks["above_per_mn"].to_numpy(float)[:-1]
    assert (np.diff(slopes) < 0).all()


def test_moves_list_the_plants_that_enter_and_leave_between_budget_points(integer_plan):
    points, moves = integer_plan.frontier.points, integer_plan.frontier.moves
    before: set[str] = set()
    for row in points.to_dict("records"):
        here = moves[moves["budget_mn"] == row["budget_mn"]]
        entered, left = (set(here.loc[here["change"] == change, "plant"]) for change in ("enters", "leaves"))
        assert (before | entered) - left == set(row["plants"].split())
        for name in here.loc[here["change"] == "enters", "name"]:
            assert name in row["entering"]
        before = set(row["plants"].split())
    assert set(moves["change"]) >= {"enters", "leaves"}, (
        "a cheap plant leaves when a larger budget has a better use for its money"
    )


def test_the_text_of_a_point_states_the_added_abatement_and_its_cost_per_tonne(integer_plan):
    points = integer_plan.frontier.points
    row, below = points.iloc[3], points.iloc[2]
    more_kt = row["abatement_kt"] - below["abatement_kt"]
    assert row["capital_per_t"] == pytest.approx((row["budget_mn"] - below["budget_mn"]) * 1000 / more_kt)
    assert f"add {more_kt:,.0f} kt over the horizon" in row["text"]
    assert f"{row['capital_per_t']:,.0f} CNY 2024 of budget per tonne" in row["text"]


def test_the_merit_order_is_never_better_than_the_plan_and_worse_at_some_budget(integer_plan):
    points = integer_plan.frontier.points
    assert (points["list_objective"].astype(float) <= points["objective"] + 1e-6).all()
    shortfall = points["list_short_share"].dropna().astype(float)
    assert shortfall.max() > 0.05
    worst = points.loc[shortfall.idxmax()]
    assert worst["list_only"] or worst["plan_only"] or worst["list_objective"] == 0


def test_the_returned_plan_is_that_of_the_scenario_budget(integer_plan, small):
    own = integer_plan.frontier.points
    own = own[own["is_scenario"]].iloc[0]
    plan = optimize(small())
    assert own["budget_mn"] == 2_000
    assert integer_plan.objective.value == pytest.approx(own["objective"], rel=1e-12)
    assert integer_plan.objective.value == pytest.approx(plan.objective.value, rel=1e-9)
    assert integer_plan.problem.scenario == small()
    assert list(integer_plan.retrofits["route"]) == list(plan.retrofits["route"])


def test_a_frontier_without_a_budget_ends_at_the_optimum_without_a_budget(small):
    scenario = small({"objective": "max_npv", "budget": {}, "policy.carbon_price_per_t": {2026: 600},
                      "policy.capture_deductible": True, "capture.decisions": "continuous"})  # fmt: skip
    points = frontier(scenario, n_points=4).frontier.points
    assert points["objective"].is_monotonic_increasing
    assert points["objective"].iloc[-1] == pytest.approx(optimize(scenario).objective.value, rel=1e-6)


def test_required_plants_determine_the_lowest_budget(small, integer_plan):
    plant = integer_plan.retrofits["plant"].iloc[0]
    found = frontier(small({"plants.require": [plant]}), n_points=3).frontier
    low = found.about["lowest_budget_mn"]
    assert low > 0
    assert plant in found.points["plants"].iloc[0].split()
    assert found.points["spent_mn"].iloc[0] == pytest.approx(low, rel=1e-4) or found.points["spent_mn"].iloc[0] <= low


def test_json_and_tables_are_reproducible(integer_plan, small):
    document = frontier_dict(integer_plan.frontier, "Small")
    assert document["schema"] == "ccs-model/frontier/2"
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert [len(each["retrofitted"]) for each in document["points"]] == list(
        integer_plan.frontier.points["n_plants_retrofitted"]
    )
    again = frontier(small(), n_points=8)
    names = [
        name for name in run_files(integer_plan, with_workbook=False) if name not in ("manifest.json", "solver.log")
    ]
    one, other = (run_files(each, with_workbook=False) for each in (integer_plan, again))
    assert {name: one[name] for name in names} == {name: other[name] for name in names}
    assert "tables/frontier.csv" in names and "frontier.json" in names


def test_a_single_budget_is_an_input_error(small):
    with pytest.raises(InputError, match="n_points: expected a whole number of at least 2"):
        frontier(small(), n_points=1)


@pytest.mark.parametrize("to_mn", [0.0, -5.0])
def test_a_highest_budget_of_0_or_less_is_an_input_error(small, to_mn):
    with pytest.raises(InputError, match=r"to_mn: expected a number above 0"):
        frontier(small(), to_mn=to_mn)


def test_budget_points_above_a_budget_of_0_have_a_positive_objective(small):
    points = frontier(small({"budget.total_mn": 0.0, "capture.decisions": "continuous"}), n_points=4).frontier.points
    assert points["budget_mn"].iloc[0] == 0
    assert points["objective"].iloc[-1] > points["objective"].iloc[1] > 0


NETWORK = {
    "transport.shared_trunklines": True, "storage.sites": ["Qinshui", "Ordos"], "solver.mip_gap": 0.05,
    "solver.effort": "quick",
}  # fmt: skip


@pytest.fixture(scope="module")
def shared_plan(small):
    """A frontier with integer decisions on a shared network, computed in one process."""
    return frontier(small(NETWORK), n_points=4, jobs=1)


def test_a_frontier_on_a_shared_network_is_monotonic_and_within_bounds_and_budgets(shared_plan):
    points = shared_plan.frontier.points
    assert points["objective"].is_monotonic_increasing and points["bound"].is_monotonic_increasing
    assert points["all_links_bound"].is_monotonic_increasing
    assert (points["bound"] >= points["objective"] - 1e-6).all()
    assert (points["spent_mn"] <= points["budget_mn"] + 1e-6).all()
    assert points["status"].isin(["optimal", "within_gap"]).all() and points["gap_share"].max() <= 0.05 + 1e-9


def test_the_point_of_the_scenario_budget_is_no_worse_than_optimize_on_a_shared_network(shared_plan, small):
    points = shared_plan.frontier.points
    plan = optimize(small(NETWORK))
    (own,) = points.loc[points["is_scenario"], "objective"]
    assert own >= plan.objective.value * (1 - 1e-9)
    # Its gap is no wider either: the bound of a finished run holds at its budget and below.
    gaps = points.set_index("budget_mn")["all_links_gap_share"]
    assert gaps[plan.problem.budget_mn] <= plan.objective.gap_share + 1e-9
    # The plan of a finished run is feasible at its own spending and at every higher budget.
    with_known_plan = frontier(small(NETWORK), n_points=2, known=[plan.point], jobs=1).frontier.points
    above = with_known_plan["budget_mn"] >= plan.totals["capex_mn"] - 1e-6
    assert (with_known_plan.loc[above, "objective"] >= plan.objective.value * (1 - 1e-9)).all()


def test_integer_plans_on_a_shared_network_are_no_better_than_continuous_plans(shared_plan, small):
    continuous = frontier(small(NETWORK, {"capture.decisions": "continuous"}), n_points=4).frontier.points
    integer = shared_plan.frontier.points
    assert list(integer["budget_mn"]) == list(continuous["budget_mn"])
    assert (integer["objective"] <= continuous["objective"] + 1e-6).all()
    assert (integer["all_links_bound"] <= continuous["objective"] * (1 + 1e-6) + 1e-6).iloc[[-1]].all()


def test_two_processes_give_the_same_bytes_as_one(shared_plan, small):
    again = frontier(small(NETWORK), n_points=4, jobs=2)
    names = [
        name for name in run_files(shared_plan, with_workbook=False) if name not in ("manifest.json", "solver.log")
    ]
    one, other = (run_files(each, with_workbook=False) for each in (shared_plan, again))
    assert {name: one[name] for name in names} == {name: other[name] for name in names}


def test_a_frontier_bounded_within_the_links_of_each_plan_is_monotonic(shared_plan, small, monkeypatch):
    # Treat the network as one with more links.
    monkeypatch.setattr(budget_points, "SIZES", replace(SIZES, all_links=0))
    phases: list[str] = []
    plan = frontier(small(NETWORK), n_points=4, jobs=2, on_progress=phases.append)
    assert "bounds within the links of each plan" in phases
    points = plan.frontier.points
    assert points["objective"].is_monotonic_increasing and points["all_links_bound"].is_monotonic_increasing
    # The gap within its own links is no wider than that over all links.
    assert (points["objective"] <= points["bound"] + 1e-6).all()
    assert (points["bound"] <= points["all_links_bound"] + 1e-6).all()
    assert points["gap_share"].notna().all() and points["gap_share"].max() <= 0.05 + 1e-9
    # The bound of the plan holds within its own links only.
    assert set(plan.corridors) == {row["link"] for row in plan.to_dict()["links"]}
    assert (points["spent_mn"] <= points["budget_mn"] + 1e-6).all()
    assert (points["list_objective"] <= points["objective"] * (1 + 1e-9) + 1e-6).all()
    # No plan exceeds the bound over all links of the other search.
    bounds = shared_plan.frontier.points["all_links_bound"]
    assert (points["objective"] <= bounds * (1 + 1e-9) + 1e-6).all()


def test_the_merit_order_on_a_shared_network_is_never_better_than_the_plan(shared_plan):
    points = shared_plan.frontier.points
    assert points["list_objective"].notna().all()
    assert (points["list_objective"] <= points["objective"] * (1 + 1e-9) + 1e-6).all()
    assert (points["list_short_share"].dropna() >= -1e-9).all()


@pytest.mark.parametrize(
    "site", [{"storage.not_before": {"qinshui": 2031}}, {"storage.max_fill_share": 1e-9}], ids=["late", "full"]
)
def test_a_frontier_with_late_or_full_sites_is_computed(small, site):
    points = frontier(small(NETWORK, site), n_points=3, to_mn=2_000, jobs=1).frontier.points
    assert points["list_objective"].notna().all()
    assert (points["list_objective"] <= points["objective"] * (1 + 1e-9) + 1e-6).all()


def test_merit_order_plans_are_near_the_optimum_of_the_listed_streams(problem_of):
    problem = problem_of(NETWORK, {"budget.total_mn": 3_000})
    matrix = matrix_of(build_model(problem))
    search, options = normalise_money(problem, matrix), solver_options(problem)
    row = budget_row(matrix).row
    budgets = [600.0, 1_500.0, 3_000.0]
    with effort():
        ranked = merit_order_plans(problem, search, row, options, NO_COLUMNS, budgets)
    builds = matrix.columns_of(BUILD)
    routes = problem.routes.set_index("route")[["plant", "stream", "technology"]]
    for budget, take in ranked.takes.items():
        remaining, listed = budget, set()
        for each in ranked.table.to_dict("records"):
            if each["capex_mn"] <= remaining:
                remaining -= each["capex_mn"]
                listed.add((each["plant"], each["stream"], each["technology"]))
        outside = builds[[tuple(routes.loc[matrix.columns[j].index[0]]) not in listed for j in builds]]
        highs = Highs(with_limit(matrix, row, budget), options)
        highs.set_bounds(outside, np.zeros(len(outside)), np.zeros(len(outside)))
        best = highs.run(np.inf, "streams of the list, over all links")
        assert take.plants == {plant for plant, _, _ in listed}
        assert 0.98 * best.objective <= take.value <= best.bound + 1e-6


def test_the_merit_order_spends_the_grants_of_the_plan_as_well(problem_of):
    """Each stream takes of the budget its capital less what the grants pay, up to their ceilings and shares."""
    changes = {"transport.shared_trunklines": False, "budget.total_mn": 3_000}

    def taken(budget, **funds):
        problem = problem_of(changes, {"funds": {name: {"kind": "grant", **fund} for name, fund in funds.items()}})
        table = macc_table(problem, NO_RETROFITS)
        amounts = budget_amounts_mn(problem, table)
        grants = merit_order_module._grants(problem, table)
        return len(merit_order_module._take_streams(table, amounts, budget, grants)), amounts

    n, amounts = taken(0.0)
    first, two = float(amounts[0]), float(amounts[:2].sum())
    assert n == 0
    assert taken(first - 99, all={"ceiling_mn": 100, "share_max": 0.5})[0] >= 1
    # Beyond its ceiling or its share a grant pays nothing; one that is open to no plant pays nothing at all.
    assert taken(first - 101, all={"ceiling_mn": 100, "share_max": 0.5})[0] == taken(first - 101)[0]
    assert (
        taken(0.51 * first, all={"share_max": 0.5})[0]
        >= 1
        > taken(0.49 * float(amounts.min()), all={"share_max": 0.5})[0]
    )
    assert taken(first - 99, none={"ceiling_mn": 100, "sectors": ["steel"]})[0] == taken(first - 99)[0]
    # The capital that one grant pays is not paid again by another.
    assert taken(0.0, one={}, two={})[0] == len(amounts)
    assert taken(0.3 * two, one={"share_max": 0.4}, two={"share_max": 0.4})[0] >= 2


def test_a_time_limit_still_gives_a_plan_at_every_budget(small):
    found = frontier(small(NETWORK), n_points=4, time_limit_s=0.01, jobs=1).frontier.points
    assert len(found) == 4 and found["objective"].is_monotonic_increasing
    assert set(found["status"]) <= {"optimal", "limit"}
    # The text makes no statement about a step between points with an unknown gap.
    assert not found["text"].str.contains("no additional abatement").any()


def test_a_minimum_cost_frontier_reports_the_saved_cost(small):
    """A larger budget lowers the cost of a target; the text does not present lower abatement as a loss."""
    target = {"objective": "min_cost", "targets.cumulative_avoided_kt": 3_000, "budget.total_mn": 1_500}
    found = frontier(small(target), n_points=6).frontier
    assert found is not None
    points = found.points
    assert (points["objective"].diff().dropna() <= 1e-6).all()
    for before, now in pairwise(points.to_dict("records")):
        saved = before["objective"] - now["objective"]
        if saved > 0.5 + 2 * (now["all_links_gap_share"] or 0.0) * now["objective"]:
            assert f"more lower the cost by {saved:,.0f} million" in now["text"]
        assert "reduce abatement" not in now["text"] and "kt over" not in now["text"]


def test_a_point_without_a_bound_gets_the_bound_of_the_lp_relaxation() -> None:
    nothing = np.zeros(0)
    relaxation = Outcome("limit", np.nan, np.nan, None, None, None)
    points = [
        BudgetPoint(budget, nothing, Outcome("limit", 5.0, bound, nothing, None, None), relaxation, bound)
        for budget, bound in ((10.0, 6.0), (15.0, np.inf), (40.0, np.inf))
    ]
    breaks = pd.DataFrame([(0.0, 0.0, 1.0, 1.0), (20.0, 8.0, 0.4, 0.1)], columns=BREAK_COLUMNS)
    found = [(each.outcome.bound, each.all_links_bound) for each in _fill_bounds(points, breaks)]
    # 15 million lies between the breakpoints at 0 and 20 million; beyond the last one the bound is unknown.
    assert found == [(6.0, 6.0), (6.0, 6.0), (np.inf, np.inf)]


def test_merit_order_of_a_static_year_takes_from_the_budget_what_the_model_counts(problem_of):
    problem = problem_of({"years": "static", "transport.shared_trunklines": False, "budget.total_mn": 1_000})
    table = macc_table(problem, NO_RETROFITS)
    coefficients = sum_terms(cost_terms(problem))
    yearly = coefficients[BUILD][:, 0] + coefficients[CAPTURED][:, 0] * problem.delivered_ktpa
    routes = problem.routes
    assert (routes["tasc_factor"] > 1).any()
    for row, amount in zip(table.to_dict("records"), budget_amounts_mn(problem, table), strict=True):
        same = routes["technology"].eq(row["technology"]) & routes["plant"].eq(row["plant"])
        same &= routes["stream"].eq(row["stream"])
        assert np.isclose(yearly[same.to_numpy()], amount, rtol=1e-9).any()
