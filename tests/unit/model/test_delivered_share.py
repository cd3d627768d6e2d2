"""Delivered is not nameplate: tonnes and flows carry the delivered share, what is built and its capital do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ccs_model.model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.solve.driver import solve

pytestmark = pytest.mark.slow

Posed = Callable[..., Problem]
Changes = dict[str, object]
PHI = 0.64
NETWORK = {"transport.shared_trunklines": True, "storage.sites": ["Qinshui", "Ordos"], "solver.mip_gap": 0.001}
DELIVERED = ("captured_ktpa", "avoided_ktpa", "on_site_abatement_ktpa", "abatement_share")
# Not the number of retrofits: with continuous decisions one of a size is worth as much as two of other sizes.
BUILT = (
    "capex_mn",
    "capture_capex_mn",
    "pipe_capex_mn",
    "storage_capex_mn",
    "uncalibrated_abatement_share",
)
# One well of 37 kt/y is whole, and so much room that it never binds.
LINEAR = {"capture.decisions": "continuous"}


def pair(problem: Problem) -> tuple[Plan, Plan]:
    """The plan as designed, and with a delivered share."""
    return solve(problem), solve(replace(problem, delivered_share=PHI))


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{}, LINEAR, NETWORK | LINEAR, {"years": "static", "budget.total_mn": 150} | LINEAR]
)
def test_tonnes_follow_the_delivered_share_and_capital_does_not(problem_of: Posed, changes: Changes) -> None:
    problem = problem_of(changes)
    if problem.is_static:
        # The budget of a year counts energy too, which follows what is delivered; so all that can be is built.
        problem = replace(problem, budget_mn=1e6)
    full, part = pair(problem)
    assert full.totals["n_retrofits"]
    assert part.objective.value == pytest.approx(PHI * full.objective.value, rel=1e-6)
    for name in DELIVERED:
        assert part.totals[name] == pytest.approx(PHI * float(full.totals[name] or 0.0), rel=1e-6), name
    for name in BUILT:
        assert part.totals[name] == pytest.approx(full.totals[name], rel=1e-6), name
    assert part.checks["holds"].all()
    assert (part.retrofits["captured_ktpa"] <= PHI * part.retrofits["nameplate_ktpa"] + 1e-6).all()


@pytest.mark.slow
def test_fixed_costs_follow_nameplate_and_energy_what_is_delivered(problem_of: Posed) -> None:
    for changes in ({}, NETWORK | LINEAR):
        full, part = pair(problem_of(changes))
        for name, share in (
            ("capture_capex_mn", 1.0), ("capture_fixed_om_mn", 1.0), ("pipe_fixed_om_mn", 1.0), ("salvage_mn", 1.0),
            ("capture_variable_om_mn", PHI), ("heat_mn", PHI), ("capture_power_mn", PHI), ("pipe_power_mn", PHI),
        ):  # fmt: skip
            assert part.cost_terms[name] == pytest.approx(share * full.cost_terms[name], rel=1e-5, abs=1e-6), name
        cashflow = part.cashflow
        assert cashflow["discounted_mn"].sum() == pytest.approx(sum(part.cost_terms.values()), rel=1e-9)


def test_a_tonne_costs_more_when_less_is_delivered(problem_of: Posed) -> None:
    full, part = pair(problem_of())
    for name in ("capture_cost_per_t", "avoidance_cost_per_t"):
        sweep_point = float(part.totals[name] or 0.0) / float(full.totals[name] or 1.0)
        assert 1.0 < sweep_point < 1.0 / PHI, name


def test_pipes_and_wells_are_sized_on_nameplate(problem_of: Posed) -> None:
    full, part = pair(problem_of(NETWORK | LINEAR))
    last = part.problem.years[-1]
    for table, sized, flow in (("flows", "capacity_ktpa", "flow_ktpa"), ("storage", "n_wells", "injected_ktpa")):
        one, other = (getattr(plan, table) for plan in (full, part))
        one, other = (frame[frame["year"] == last] for frame in (one, other))
        assert other[sized].sum() == pytest.approx(one[sized].sum(), rel=1e-5)
        assert other[flow].sum() == pytest.approx(PHI * one[flow].sum(), rel=1e-5)
    assert (part.flows["flow_ktpa"] <= PHI * part.flows["capacity_ktpa"] + 1e-4).all()
    assert (part.storage["injected_ktpa"] <= part.storage["wells_ktpa"] + 1e-4).all()


@pytest.mark.slow
def test_what_is_committed_after_the_horizon_is_delivered(problem_of: Posed, one_vent: Changes) -> None:
    full, part = pair(problem_of(one_vent))
    assert full.storage["committed_kt"].iloc[-1] > 0
    assert part.storage["committed_kt"].iloc[-1] == pytest.approx(PHI * full.storage["committed_kt"].iloc[-1])


def test_own_pipes_inject_what_wells_sized_on_nameplate_take(problem_of: Posed, one_vent: Changes) -> None:
    matrix = matrix_of(build_model(replace(problem_of(one_vent), delivered_share=PHI)))
    rows = matrix.rows_of("injection_within_wells")
    assert matrix.row_upper[rows] == pytest.approx(PHI * 117 * 400)


def test_own_pipes_fill_a_site_with_what_is_delivered(problem_of: Posed, one_vent: Changes) -> None:
    problem = replace(problem_of(one_vent, {"storage.max_fill_share": 0.5}), delivered_share=PHI)
    matrix = matrix_of(build_model(problem))
    (at,) = matrix.rows_of("stored_within_capacity")
    line = matrix.rows.tocsr()[[at]].toarray().ravel()
    nameplate = problem.routes.set_index("route")["nameplate_ktpa"]
    # Twenty years of work, within the horizon and after it; the site is as large as ever.
    built = matrix.columns_of("build")
    assert line[built] == pytest.approx([20 * PHI * nameplate[matrix.columns[j].index[0]] for j in built])
    assert matrix.row_upper[at] == pytest.approx(1_300_000 * 0.5)


def test_a_cut_takes_more_nameplate_when_less_is_delivered(problem_of: Posed) -> None:
    requested = problem_of(
        LINEAR | {"objective": "min_cost", "targets.abatement_share": {2031: 0.02}, "budget.total_mn": None}
    )
    full, part = pair(requested)
    assert part.totals["abatement_share"] == pytest.approx(full.totals["abatement_share"], rel=1e-6)
    assert part.totals["uncalibrated_abatement_share"] == pytest.approx(
        float(full.totals["abatement_share"] or 0) / PHI, rel=1e-6
    )
    assert sum(part.cost_terms.values()) > sum(full.cost_terms.values())


def test_the_scenario_names_the_quantile(problem_of: Posed) -> None:
    shares = [problem_of({"calibration.use": use}).delivered_share for use in ("p10", "median", "p90")]
    assert shares == sorted(shares)
    assert problem_of().delivered_share == 1.0
    assert problem_of({"calibration.use": "ensemble"}).delivered_share == shares[1]
    # The ceiling is the quantile of delivered × deployed over the delivered share taken, not one median by another.
    fitted = problem_of({"calibration.use": "median"}).calibrated
    assert fitted is not None
    both = fitted.fit["delivered_deployment_share"]["median"]
    assert fitted.deployment_share * fitted.delivered_share == pytest.approx(both)


def test_deployment_within_ceiling_by_hand(problem_of: Posed) -> None:
    problem = problem_of({"calibration.use": "median", "calibration.ceiling": True})
    fitted = problem.calibrated
    assert fitted is not None
    full = problem.routes.groupby(["plant", "stream"])["nameplate_ktpa"].max()
    # Two periods of five years: delta of what can be captured by the end of the first, twice that by the second's.
    for year, times in ((2026, 1), (2031, 2)):
        share = min(1.0, times * fitted.deployment_share)
        expected = max(share * full.sum(), problem.routes["nameplate_ktpa"].min())
        assert problem.deployment_ceiling_ktpa["Shanxi", year] == pytest.approx(expected)
    matrix = matrix_of(build_model(problem))
    (row,) = [
        i for i in matrix.rows_of("deployment_within_ceiling") if matrix.row_constraints[i][1] == ("Shanxi", 2026)
    ]
    line = matrix.rows.tocsr()[[row]].toarray().ravel()
    nameplate = problem.routes.set_index("route")["nameplate_ktpa"]
    for j in np.flatnonzero(line):
        route, year = matrix.columns[j].index
        assert year == 2026
        assert line[j] == pytest.approx(nameplate[route])
    assert (
        len(matrix_of(build_model(problem_of({"calibration.use": "median"}))).rows_of("deployment_within_ceiling")) == 0
    )


def test_excluding_a_plant_leaves_the_ceiling_as_it_is(problem_of: Posed) -> None:
    ceiling = {"calibration.use": "median", "calibration.ceiling": True}
    full = problem_of(ceiling)
    plants = sorted(set(full.routes["plant"]))
    without = problem_of({**ceiling, "plants.exclude": plants[:1]})
    assert set(without.routes["plant"]) == set(plants[1:])
    assert dict(without.deployment_ceiling_ktpa) == pytest.approx(dict(full.deployment_ceiling_ktpa))


@pytest.mark.slow
@pytest.mark.parametrize("retrofits", ["integer", "continuous"])
def test_a_ceiling_holds_and_lifting_it_never_lowers_the_cut(problem_of: Posed, retrofits: str) -> None:
    changes = {"calibration.use": "median", "capture.decisions": retrofits, "budget.total_mn": 50_000}
    free, held = (solve(problem_of(changes, {"calibration.ceiling": ceiling})) for ceiling in (False, True))
    assert held.objective.value < free.objective.value
    for year in held.problem.years:
        built = held.retrofits.loc[held.retrofits["year"] <= year, "nameplate_ktpa"].sum()
        assert built <= held.problem.deployment_ceiling_ktpa["Shanxi", year] * (1 + 1e-6)


def test_the_first_retrofit_of_a_small_zone_is_always_allowed(problem_of: Posed, one_vent: Changes) -> None:
    preset = {"calibration.use": "p10", "calibration.preset": "pilot-installed", "calibration.ceiling": True}
    plan = solve(problem_of(one_vent, preset))
    # A ten-thousandth of one vent is no plant: the smallest retrofit may be built, and no larger one.
    assert plan.totals["n_retrofits"] == 1
    assert plan.retrofits["nameplate_ktpa"].tolist() == [plan.problem.routes["nameplate_ktpa"].min()]


@pytest.mark.slow
def test_a_target_beyond_the_ceiling_names_it(problem_of: Posed) -> None:
    from ccs_model.errors import InfeasibleError

    requested = {
        "objective": "min_cost", "targets.abatement_share": {2031: 0.08}, "budget.total_mn": None,
        "calibration.use": "median", "calibration.preset": "pilot-literal", "calibration.ceiling": True,
    }  # fmt: skip
    with pytest.raises(InfeasibleError, match="deployment_within_ceiling: the deployment ceilings are too low"):
        solve(problem_of(requested))
