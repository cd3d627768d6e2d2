"""Corridors of multi-period plans: found by tree growth, searched, and bounded over all links."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccs_model.mip import Outcome, Progress
from ccs_model.mip.cut_sets import Cut, Relax
from ccs_model.mip.fixed_charge import Prove
from ccs_model.mip.search import Strategy
from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.solve import network_search as corridors_module
from ccs_model.solve.driver import solve
from ccs_model.solve.fixed_charge_network import places_of
from ccs_model.solve.strategies import ModelSizes, Restrict

pytestmark = pytest.mark.slow

Solved = Callable[..., Plan]
ProblemBuilder = Callable[..., Problem]
STAGED: dict[str, Any] = {
    "transport.shared_trunklines": True,
    "transport.trucks": False,
    "storage.sites": ["Qinshui", "Ordos"],
    "plants.min_emissions_ktpa": 2_000,
}


@pytest.fixture(params=[{"budget.cumulative_mn": {2026: 500}}, {"budget.total_mn": 2_500}])
def requested(request: pytest.FixtureRequest) -> dict[str, Any]:
    changes: dict[str, Any] = STAGED | request.param
    return changes


@pytest.fixture
def as_if_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small models are solved like large ones."""
    monkeypatch.setattr(corridors_module, "SIZES", ModelSizes(staged_rows=0))


def test_a_multi_period_plan_is_feasible_and_no_better_than_the_optimum(
    solved: Solved, requested: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    best = solved(requested, {"transport.corridors": "all"}).objective.value
    for sizes in (ModelSizes(staged_rows=0), corridors_module.SIZES):
        monkeypatch.setattr(corridors_module, "SIZES", sizes)
        plan = solved(requested)
        assert plan.status != "limit" and plan.checks["holds"].all()
        assert plan.corridors is not None and set(plan.flows["link"]) <= set(plan.corridors)
        assert 0 < plan.objective.value <= best * (1 + 1e-6) <= plan.objective.bound * (1 + 2e-6)


def test_a_plan_is_returned_without_a_bound_over_all_links(
    solved: Solved, as_if_large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    relax = Relax.solve

    def time_out_over_all_links(self: Relax, *given: Any) -> tuple[list[Cut], Outcome]:
        cuts, outcome = relax(self, *given)
        if "all links" not in given[-1]:
            return cuts, outcome
        return [], replace(outcome, status="limit", x=None, row_dual=None, objective=np.nan, bound=np.nan)

    monkeypatch.setattr(Relax, "solve", time_out_over_all_links)
    plan = solved(STAGED)
    assert plan.objective.value > 0 and plan.objective.searched_gap_share < 1e-8
    assert plan.objective.gap_share == np.inf


@pytest.mark.parametrize("sizes", [ModelSizes(staged_rows=0), ModelSizes(all_links=3)], ids=["large", "small"])
@pytest.mark.parametrize("requested", [{"budget.total_mn": 2_500}], indirect=True)
def test_a_bound_computed_beside_the_search_equals_the_one_computed_after_it(
    solved: Solved, requested: dict[str, Any], monkeypatch: pytest.MonkeyPatch, sizes: ModelSizes
) -> None:
    monkeypatch.setattr(corridors_module, "SIZES", sizes)
    beside, after = (solved(requested, {"solver.threads": threads, "solver.effort": "quick"}) for threads in (2, 1))
    assert np.isfinite(beside.objective.bound) and beside.objective == after.objective
    assert beside.point is not None and after.point is not None and beside.point.equals(after.point)
    assert beside.marginal_budget == after.marginal_budget


@pytest.mark.parametrize("sizes", [ModelSizes(staged_rows=0), ModelSizes(all_links=3)], ids=["large", "small"])
def test_progress_reports_no_bound_tighter_than_the_bound_over_all_links(
    problem_of: ProblemBuilder, monkeypatch: pytest.MonkeyPatch, sizes: ModelSizes
) -> None:
    monkeypatch.setattr(corridors_module, "SIZES", sizes)
    seen: list[Progress] = []
    plan = solve(problem_of(STAGED, {"solver.effort": "quick"}), on_progress=seen.append)
    bounds = [each.bound for each in seen if np.isfinite(each.bound)]
    assert plan.objective.searched_bound < plan.objective.bound * (1 - 1e-6)
    assert min(bounds) >= plan.objective.bound * (1 - 1e-9) and bounds[-1] == pytest.approx(plan.objective.bound)


def test_places_are_plane_coordinates_true_to_scale(problem_of: ProblemBuilder) -> None:
    problem = problem_of(STAGED)
    places = places_of(problem, matrix_of(build_model(problem)))
    network = problem.network
    assert network is not None
    n_links = len(network.links)
    assert places.arc_groups.shape == (n_links + len(problem.sites), 2)
    at = network.nodes.set_index("node")[["lat_deg", "lon_deg"]]
    first, straight = network.links.iloc[0], network.links["straight_km"].to_numpy(float)
    middle = (at.loc[first["node_a"]] + at.loc[first["node_b"]]) / 2
    assert places.arc_groups[0][0] == pytest.approx(111.2 * middle["lat_deg"], rel=1e-6)
    # Between two sites, the distance is that of the link, apart from the curvature of the earth.
    site_at = {site: places.arc_groups[n_links + k] for k, site in enumerate(problem.sites["site"])}
    for k, (a, b) in enumerate(zip(network.links["node_a"], network.links["node_b"], strict=True)):
        if a in site_at and b in site_at and np.isfinite(straight[k]):
            assert np.hypot(*(site_at[a] - site_at[b])) == pytest.approx(straight[k], rel=0.03)


@pytest.mark.parametrize("objective", ["max_npv", "max_net_benefit"])
def test_large_models_with_monetary_objectives_have_a_profitable_plan(
    solved: Solved, as_if_large: None, objective: str
) -> None:
    earning = {"objective": objective, "policy.carbon_price_per_t": {2026: 350}, "policy.capture_deductible": True}
    plan = solved(STAGED, earning)
    best = solved(STAGED, earning, {"transport.corridors": "all"})
    assert len(plan.retrofits) > 0 and plan.objective.value > 0
    assert plan.objective.value <= best.objective.value * (1 + 1e-6) <= plan.objective.bound * (1 + 2e-6)


def test_restricted_corridors_are_not_reported_as_all_links(
    solved: Solved, as_if_large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Even if no plan is found within them and the search takes every remaining link.
    monkeypatch.setattr(
        corridors_module, "choose_strategy", lambda *given, **sizes: Strategy("none", (Restrict(), Prove()))
    )
    plan = solved(STAGED)
    assert plan.corridors is not None and plan.problem.network is not None
    assert len(plan.corridors) < len(plan.problem.network.links)
    assert set(plan.flows["link"]) <= set(plan.corridors)


@pytest.mark.parametrize("is_large", [True, False])
def test_a_budget_too_small_for_any_pipe_gives_an_empty_plan_with_a_bound(
    solved: Solved, one_vent: dict[str, Any], monkeypatch: pytest.MonkeyPatch, is_large: bool
) -> None:
    monkeypatch.setattr(corridors_module, "SIZES", ModelSizes(all_links=0, staged_rows=0 if is_large else 1_000_000))
    plan = solved(one_vent, {"transport.shared_trunklines": True, "budget.total_mn": 1})
    assert plan.retrofits.empty and plan.flows.empty and plan.corridors == ()
    assert (plan.status, plan.objective.value, plan.objective.searched_gap_share) == ("within_gap", 0, 0)
    # The LP relaxation may still build a fraction of a pipe.
    assert 0 < plan.objective.bound < 10


def test_a_plan_uses_only_the_corridors_listed_in_a_file(
    solved: Solved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    free = solved(STAGED)
    built = sorted(set(free.flows["link"]))
    assert free.problem.network is not None
    (tmp_path / "ways.csv").write_text("link\n" + "".join(f"{link}\n" for link in built), encoding="utf-8")
    same = solved(STAGED, {"transport.corridors": "ways.csv"})
    assert set(same.corridors or ()) == set(built)
    assert same.objective.value == pytest.approx(free.objective.value, rel=1e-6)
    # With fewer corridors the plan is no better and builds no other link; the bound over all links still holds.
    (tmp_path / "fewer.csv").write_text(f"link\n{built[0]}\n", encoding="utf-8")
    fewer = solved(STAGED, {"transport.corridors": "fewer.csv"})
    assert not any("transport.corridors" in each for each in (*same.warnings, *fewer.warnings))
    assert fewer.corridors == (built[0],) and set(fewer.flows["link"]) <= {built[0]}
    assert fewer.objective.value <= free.objective.value * (1 + 1e-9)
    assert fewer.objective.bound >= free.objective.value * (1 - 1e-9)


def test_all_links_are_searched_if_the_listed_corridors_are_infeasible(
    solved: Solved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    free = solved(STAGED, {"storage.sites": ["Qinshui"]})
    assert free.problem.network is not None
    required = sorted(set(free.retrofits["plant"]))[:1]
    other_link = next(link for link in free.problem.network.links["link"] if required[0] not in link)
    (tmp_path / "ways.csv").write_text(f"link\n{other_link}\n", encoding="utf-8")
    requested = {"storage.sites": ["Qinshui"], "plants.require": required, "transport.corridors": "ways.csv"}
    plan = solved(STAGED, requested)
    assert set(required) <= set(plan.retrofits["plant"]) and plan.checks["holds"].all()
    assert set(plan.corridors or ()) == set(free.problem.network.links["link"])
    n_links = len(free.problem.network.links)
    warning = "no plan exists within the 1 link of ways.csv (transport.corridors); all"
    assert [each for each in plan.warnings if each.startswith(warning)] == [
        f"{warning} {n_links} candidate links were searched"
    ]
