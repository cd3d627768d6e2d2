"""The frontier: laws of budgets, exact breakpoints, who enters and leaves, and what the ranked list makes of it."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from ccs_model.analysis import budget_points
from ccs_model.analysis.budget_points import BudgetPoint
from ccs_model.analysis.frontier import _bounded, frontier
from ccs_model.analysis.merit_order_plans import merit_order_plans
from ccs_model.analysis.rebuilt_plan import NO_COLUMNS, solver_options
from ccs_model.errors import InputError
from ccs_model.mip import Highs, Outcome
from ccs_model.mip.budget_sweep import with_limit
from ccs_model.mip.clock import effort
from ccs_model.model.build_model import build_model
from ccs_model.model.names import BUILD
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.plan import BREAK_COLUMNS
from ccs_model.report.export.formats import frontier_dict
from ccs_model.runs.run_writer import run_files
from ccs_model.solve.assembly import budget_row
from ccs_model.solve.driver import optimize
from ccs_model.solve.normalised_money import normalised
from ccs_model.solve.strategies import SIZES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def point_search(small):
    """Whole plans at nine budgets of up to 1,350 million."""
    return frontier(small(), n_points=8)


@pytest.fixture(scope="module")
def parts(small):
    """The same plants in parts: a linear program."""
    return frontier(small({"capture.decisions": "continuous"}), n_points=8)


def test_more_money_never_makes_the_answer_worse(point_search):
    points = point_search.frontier.points
    assert list(points["budget_mn"]) == sorted(points["budget_mn"])
    assert points["objective"].is_monotonic_increasing and points["bound"].is_monotonic_increasing
    assert (points["spent_mn"] <= points["budget_mn"] + 1e-6).all()
    assert (points["bound"] >= points["objective"] - 1e-6).all()
    assert points["objective"].iloc[0] == 0


def test_every_rung_is_what_the_scenario_with_that_budget_gives(point_search, small):
    for row in point_search.frontier.points.iloc[[3, 6]].to_dict("records"):
        plan = optimize(small({"budget.total_mn": row["budget_mn"]}))
        assert row["objective"] == pytest.approx(plan.objective.value, rel=1e-9)
        assert row["plants"].split() == sorted(set(plan.retrofits["plant"]))


def test_whole_plans_are_no_better_than_parts(point_search, parts):
    whole, linear = point_search.frontier.points, parts.frontier.points
    assert list(whole["budget_mn"]) == list(linear["budget_mn"])
    assert (whole["objective"] <= linear["objective"] + 1e-6).all()


def test_parts_lie_on_the_lines_between_exact_breakpoints(parts):
    found = parts.frontier
    assert found.is_exact
    assert found.points["gap_share"].max() == 0
    breaks = found.breakpoints
    on_line = np.interp(found.points["budget_mn"], breaks["budget_mn"], breaks["objective"])
    assert found.points["objective"].to_numpy(float) == pytest.approx(on_line, rel=1e-9, abs=1e-6)
    slopes = breaks["above_per_mn"].to_numpy(float)[:-1]
    assert (np.diff(slopes) < 0).all()


def test_moves_tell_how_one_plan_becomes_the_next(point_search):
    points, moves = point_search.frontier.points, point_search.frontier.moves
    before: set[str] = set()
    for row in points.to_dict("records"):
        here = moves[moves["budget_mn"] == row["budget_mn"]]
        came, left = (set(here.loc[here["change"] == change, "plant"]) for change in ("enters", "leaves"))
        assert (before | came) - left == set(row["plants"].split())
        for name in here.loc[here["change"] == "enters", "name"]:
            assert name in row["entering"]
        before = set(row["plants"].split())
    assert set(moves["change"]) >= {"enters", "leaves"}, "a cheap plant gives way to a better use of more money"


def test_the_words_say_what_a_step_buys(point_search):
    points = point_search.frontier.points
    row, below = points.iloc[3], points.iloc[2]
    more_kt = row["abatement_kt"] - below["abatement_kt"]
    assert row["capital_per_t"] == pytest.approx((row["budget_mn"] - below["budget_mn"]) * 1000 / more_kt)
    assert f"add {more_kt:,.0f} kt over the horizon" in row["text"]
    assert f"{row['capital_per_t']:,.0f} CNY 2024 of budget per tonne" in row["text"]


def test_the_merit_order_never_beats_the_plan_and_falls_short_somewhere(point_search):
    points = point_search.frontier.points
    assert (points["list_objective"].astype(float) <= points["objective"] + 1e-6).all()
    short = points["list_short_share"].dropna().astype(float)
    assert short.max() > 0.05
    wrong = points.loc[short.idxmax()]
    assert wrong["list_only"] or wrong["plan_only"] or wrong["list_objective"] == 0


def test_the_plan_is_that_of_the_scenarios_budget(point_search, small):
    own = point_search.frontier.points
    own = own[own["is_scenario"]].iloc[0]
    plan = optimize(small())
    assert own["budget_mn"] == 2_000
    assert point_search.objective.value == pytest.approx(own["objective"], rel=1e-12)
    assert point_search.objective.value == pytest.approx(plan.objective.value, rel=1e-9)
    assert point_search.problem.scenario == small()
    assert list(point_search.retrofits["route"]) == list(plan.retrofits["route"])


def test_without_a_budget_it_ends_where_more_buys_nothing(small):
    scenario = small({"objective": "max_npv", "budget": {}, "policy.carbon_price_per_t": {2026: 600},
                      "policy.capture_deductible": True, "capture.decisions": "continuous"})  # fmt: skip
    points = frontier(scenario, n_points=4).frontier.points
    assert points["objective"].is_monotonic_increasing
    assert points["objective"].iloc[-1] == pytest.approx(optimize(scenario).objective.value, rel=1e-6)


def test_what_must_be_fitted_gives_the_lowest_budget(small, point_search):
    plant = point_search.retrofits["plant"].iloc[0]
    found = frontier(small({"plants.require": [plant]}), n_points=3).frontier
    low = found.about["lowest_budget_mn"]
    assert low > 0
    assert plant in found.points["plants"].iloc[0].split()
    assert found.points["spent_mn"].iloc[0] == pytest.approx(low, rel=1e-4) or found.points["spent_mn"].iloc[0] <= low


@pytest.mark.slow
def test_its_json_and_tables_hold_no_clock_and_repeat(point_search, small):
    document = frontier_dict(point_search.frontier, "Small")
    assert document["schema"] == "ccs-model/frontier/2"
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert [len(each["retrofitted"]) for each in document["points"]] == list(
        point_search.frontier.points["n_plants_retrofitted"]
    )
    again = frontier(small(), n_points=8)
    names = [
        name for name in run_files(point_search, with_workbook=False) if name not in ("manifest.json", "solver.log")
    ]
    one, other = (run_files(each, with_workbook=False) for each in (point_search, again))
    assert {name: one[name] for name in names} == {name: other[name] for name in names}
    assert "tables/frontier.csv" in names and "frontier.json" in names


def test_one_budget_is_no_frontier(small):
    with pytest.raises(InputError, match="two or more"):
        frontier(small(), n_points=1)


@pytest.mark.parametrize("to_mn", [0.0, -5.0])
def test_the_highest_budget_is_above_0(small, to_mn):
    with pytest.raises(InputError, match=r"to_mn: .*, expected more than 0"):
        frontier(small(), to_mn=to_mn)


def test_a_budget_of_0_is_followed_by_budgets_that_buy_something(small):
    points = frontier(small({"budget.total_mn": 0.0, "capture.decisions": "continuous"}), n_points=4).frontier.points
    assert points["budget_mn"].iloc[0] == 0
    assert points["objective"].iloc[-1] > points["objective"].iloc[1] > 0


NETWORK = {
    "transport.shared_trunklines": True, "storage.sites": ["Qinshui", "Ordos"], "solver.mip_gap": 0.05,
    "solver.effort": "quick",
}  # fmt: skip


@pytest.fixture(scope="module")
def shared(small):
    """Whole plans on a shared network, made in one process."""
    return frontier(small(NETWORK), n_points=4, jobs=1)


@pytest.mark.slow
def test_a_shared_network_keeps_the_laws_of_budgets(shared):
    points = shared.frontier.points
    assert points["objective"].is_monotonic_increasing and points["bound"].is_monotonic_increasing
    assert points["all_links_bound"].is_monotonic_increasing
    assert (points["bound"] >= points["objective"] - 1e-6).all()
    assert (points["spent_mn"] <= points["budget_mn"] + 1e-6).all()
    assert points["status"].isin(["optimal", "within_gap"]).all() and points["gap_share"].max() <= 0.05 + 1e-9


@pytest.mark.slow
def test_the_scenarios_budget_on_a_shared_network_reaches_what_optimize_reaches(shared, small):
    points = shared.frontier.points
    plan = optimize(small(NETWORK))
    (own,) = points.loc[points["is_scenario"], "objective"]
    assert own >= plan.objective.value * (1 - 1e-9)
    # So does its gap: the bound of a finished run holds at its budget and below.
    gaps = points.set_index("budget_mn")["all_links_gap_share"]
    assert gaps[plan.problem.budget_mn] <= plan.objective.gap_share + 1e-9
    # A plan of a finished run counts at its own spending and at every higher budget.
    taken = frontier(small(NETWORK), n_points=2, known=[plan.point], jobs=1).frontier.points
    above = taken["budget_mn"] >= plan.totals["capex_mn"] - 1e-6
    assert (taken.loc[above, "objective"] >= plan.objective.value * (1 - 1e-9)).all()


@pytest.mark.slow
def test_no_plan_of_a_shared_network_passes_what_parts_reach(shared, small):
    parts = frontier(small(NETWORK, {"capture.decisions": "continuous"}), n_points=4).frontier.points
    whole = shared.frontier.points
    assert list(whole["budget_mn"]) == list(parts["budget_mn"])
    assert (whole["objective"] <= parts["objective"] + 1e-6).all()
    assert (whole["all_links_bound"] <= parts["objective"] * (1 + 1e-6) + 1e-6).iloc[[-1]].all()


@pytest.mark.slow
def test_two_processes_give_the_same_bytes_as_one(shared, small):
    again = frontier(small(NETWORK), n_points=4, jobs=2)
    names = [name for name in run_files(shared, with_workbook=False) if name not in ("manifest.json", "solver.log")]
    one, other = (run_files(each, with_workbook=False) for each in (shared, again))
    assert {name: one[name] for name in names} == {name: other[name] for name in names}


@pytest.mark.slow
def test_plans_proven_within_their_own_links_keep_the_laws_of_budgets(shared, small, monkeypatch):
    # As in a network of more links.
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
    # The bound of the plan holds within its own links, and no claim is made about others.
    assert set(plan.corridors) == {row["link"] for row in plan.to_dict()["links"]}
    assert (points["spent_mn"] <= points["budget_mn"] + 1e-6).all()
    assert (points["list_objective"] <= points["objective"] * (1 + 1e-9) + 1e-6).all()
    # No plan exceeds the bound that the other search has over all links.
    bounds = shared.frontier.points["all_links_bound"]
    assert (points["objective"] <= bounds * (1 + 1e-9) + 1e-6).all()


@pytest.mark.slow
def test_no_merit_order_beats_the_plan_of_a_shared_network(shared):
    points = shared.frontier.points
    assert points["list_objective"].notna().all()
    assert (points["list_objective"] <= points["objective"] * (1 + 1e-9) + 1e-6).all()
    assert (points["list_short_share"].dropna() >= -1e-9).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "site", [{"storage.not_before": {"qinshui": 2031}}, {"storage.max_fill_share": 1e-9}], ids=["late", "full"]
)
def test_sites_that_are_closed_at_first_or_at_all_stop_no_frontier(small, site):
    points = frontier(small(NETWORK, site), n_points=3, to_mn=2_000, jobs=1).frontier.points
    assert points["list_objective"].notna().all()
    assert (points["list_objective"] <= points["objective"] * (1 + 1e-9) + 1e-6).all()


@pytest.mark.slow
def test_plans_of_the_merit_order_are_near_the_optimum_of_its_streams(problem_of):
    problem = problem_of(NETWORK, {"budget.total_mn": 3_000})
    matrix = matrix_of(build_model(problem))
    search, options = normalised(problem, matrix), solver_options(problem)
    row = budget_row(matrix).row
    budgets = [600.0, 1_500.0, 3_000.0]
    with effort():
        ranked = merit_order_plans(problem, search, row, options, NO_COLUMNS, budgets)
    builds = matrix.columns_of(BUILD)
    routes = problem.routes.set_index("route")[["plant", "stream", "technology"]]
    for budget, take in ranked.takes.items():
        left, listed = budget, set()
        for each in ranked.table.to_dict("records"):
            if each["capex_mn"] <= left:
                left -= each["capex_mn"]
                listed.add((each["plant"], each["stream"], each["technology"]))
        outside = builds[[tuple(routes.loc[matrix.columns[j].index[0]]) not in listed for j in builds]]
        highs = Highs(with_limit(matrix, row, budget), options)
        highs.set_bounds(outside, np.zeros(len(outside)), np.zeros(len(outside)))
        best = highs.run(np.inf, "streams of the list, over all links")
        assert take.plants == {plant for plant, _, _ in listed}
        assert 0.98 * best.objective <= take.value <= best.bound + 1e-6


@pytest.mark.slow
def test_a_time_limit_leaves_a_plan_at_every_budget(small):
    found = frontier(small(NETWORK), n_points=4, time_limit_s=0.01, jobs=1).frontier.points
    assert len(found) == 4 and found["objective"].is_monotonic_increasing
    assert set(found["status"]) <= {"optimal", "limit"}
    # Nothing is said of a step between points whose gap is unknown.
    assert not found["text"].str.contains("add no abatement").any()


@pytest.mark.slow
def test_a_frontier_of_least_cost_tells_the_cost(small):
    """More money lowers the cost of a target; a step never claims that it is bad to avoid fewer tonnes."""
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


def test_a_point_without_a_bound_gets_that_of_the_linear_program() -> None:
    nothing = np.zeros(0)
    relaxation = Outcome("limit", np.nan, np.nan, None, None, None)
    points = [
        BudgetPoint(budget, nothing, Outcome("limit", 5.0, bound, nothing, None, None), relaxation, bound)
        for budget, bound in ((10.0, 6.0), (15.0, np.inf), (40.0, np.inf))
    ]
    breaks = pd.DataFrame([(0.0, 0.0, 1.0, 1.0), (20.0, 8.0, 0.4, 0.1)], columns=BREAK_COLUMNS)
    found = [(each.outcome.bound, each.all_links_bound) for each in _bounded(points, breaks)]
    # Halfway between 10 and 20 million; beyond the last breakpoint nothing is known.
    assert found == [(6.0, 6.0), (6.0, 6.0), (np.inf, np.inf)]
