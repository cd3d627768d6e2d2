"""The delivered share scales tonnes and flows, but neither built capacity nor its capital."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.solve.driver import solve

pytestmark = pytest.mark.slow

ProblemOf = Callable[..., Problem]
Changes = dict[str, object]
PHI = 0.64
NETWORK = {"transport.shared_trunklines": True, "storage.sites": ["Qinshui", "Ordos"], "solver.mip_gap": 0.001}
DELIVERED = ("captured_ktpa", "avoided_ktpa", "on_site_abatement_ktpa", "abatement_share")
# Without the number of retrofits: with continuous decisions one size equals a mix of two others.
BUILT = ("capex_mn", "capture_capex_mn", "pipe_capex_mn", "storage_capex_mn", "uncalibrated_abatement_share")
# Whole wells and pipes would not scale exactly with the delivered share.
CONTINUOUS = {"capture.decisions": "continuous"}


def plans_at_full_and_delivered_share(problem: Problem) -> tuple[Plan, Plan]:
    """The plan as designed, and the plan with a delivered share of PHI."""
    return solve(problem), solve(replace(problem, delivered_share=PHI))


@pytest.mark.parametrize(
    "changes", [{}, CONTINUOUS, NETWORK | CONTINUOUS, {"years": "static", "budget.total_mn": 150} | CONTINUOUS]
)
def test_tonnes_scale_with_the_delivered_share_and_capital_does_not(problem_of: ProblemOf, changes: Changes) -> None:
    problem = problem_of(changes)
    if problem.is_static:
        # The budget of a static year includes energy, which scales with delivered tonnes; so the limit is lifted.
        problem = replace(problem, budget_mn=1e6)
    full, part = plans_at_full_and_delivered_share(problem)
    assert full.totals["n_retrofits"]
    assert part.objective.value == pytest.approx(PHI * full.objective.value, rel=1e-6)
    for name in DELIVERED:
        assert part.totals[name] == pytest.approx(PHI * float(full.totals[name] or 0.0), rel=1e-6), name
    for name in BUILT:
        assert part.totals[name] == pytest.approx(full.totals[name], rel=1e-6), name
    assert part.checks["holds"].all()
    assert (part.retrofits["captured_ktpa"] <= PHI * part.retrofits["nameplate_ktpa"] + 1e-6).all()


def test_fixed_costs_follow_nameplate_and_variable_costs_follow_delivered_tonnes(problem_of: ProblemOf) -> None:
    for changes in ({}, NETWORK | CONTINUOUS):
        full, part = plans_at_full_and_delivered_share(problem_of(changes))
        for name, share in (
            ("capture_capex_mn", 1.0), ("capture_fixed_om_mn", 1.0), ("pipe_fixed_om_mn", 1.0), ("salvage_mn", 1.0),
            ("capture_variable_om_mn", PHI), ("heat_mn", PHI), ("capture_power_mn", PHI), ("pipe_power_mn", PHI),
        ):  # fmt: skip
            assert part.cost_terms[name] == pytest.approx(share * full.cost_terms[name], rel=1e-5, abs=1e-6), name
        cashflow = part.cashflow
        assert cashflow["discounted_mn"].sum() == pytest.approx(sum(part.cost_terms.values()), rel=1e-9)


def test_cost_per_tonne_rises_when_less_is_delivered(problem_of: ProblemOf) -> None:
    full, part = plans_at_full_and_delivered_share(problem_of())
    for name in ("capture_cost_per_t", "avoidance_cost_per_t"):
        ratio = float(part.totals[name] or 0.0) / float(full.totals[name] or 1.0)
        assert 1.0 < ratio < 1.0 / PHI, name


def test_pipes_and_wells_are_sized_on_nameplate(problem_of: ProblemOf) -> None:
    full, part = plans_at_full_and_delivered_share(problem_of(NETWORK | CONTINUOUS))
    last = part.problem.years[-1]
    for table, sized, flow in (("flows", "capacity_ktpa", "flow_ktpa"), ("storage", "n_wells", "injected_ktpa")):
        one, other = (getattr(plan, table) for plan in (full, part))
        one, other = (frame[frame["year"] == last] for frame in (one, other))
        assert other[sized].sum() == pytest.approx(one[sized].sum(), rel=1e-5)
        assert other[flow].sum() == pytest.approx(PHI * one[flow].sum(), rel=1e-5)
    assert (part.flows["flow_ktpa"] <= PHI * part.flows["capacity_ktpa"] + 1e-4).all()
    assert (part.storage["injected_ktpa"] <= part.storage["wells_ktpa"] + 1e-4).all()


def test_post_horizon_obligation_scales_with_the_delivered_share(problem_of: ProblemOf, one_vent: Changes) -> None:
    full, part = plans_at_full_and_delivered_share(problem_of(one_vent))
    assert full.storage["committed_kt"].iloc[-1] > 0
    assert part.storage["committed_kt"].iloc[-1] == pytest.approx(PHI * full.storage["committed_kt"].iloc[-1])


def test_well_limit_of_own_pipes_scales_with_the_delivered_share(problem_of: ProblemOf, one_vent: Changes) -> None:
    matrix = matrix_of(build_model(replace(problem_of(one_vent), delivered_share=PHI)))
    rows = matrix.rows_of("injection_within_wells")
    assert matrix.row_upper[rows] == pytest.approx(PHI * 117 * 400)


def test_own_pipes_fill_a_site_with_delivered_tonnes(problem_of: ProblemOf, one_vent: Changes) -> None:
    problem = replace(problem_of(one_vent, {"storage.max_fill_share": 0.5}), delivered_share=PHI)
    matrix = matrix_of(build_model(problem))
    (at,) = matrix.rows_of("stored_within_capacity")
    line = matrix.rows.tocsr()[[at]].toarray().ravel()
    nameplate = problem.routes.set_index("route")["nameplate_ktpa"]
    # Twenty years of operation, within the horizon and after it; the capacity of the site does not change.
    built = matrix.columns_of("build")
    assert line[built] == pytest.approx([20 * PHI * nameplate[matrix.columns[j].index[0]] for j in built])
    assert matrix.row_upper[at] == pytest.approx(1_300_000 * 0.5)


def test_abatement_target_needs_more_nameplate_when_less_is_delivered(problem_of: ProblemOf) -> None:
    requested = problem_of(
        CONTINUOUS | {"objective": "min_cost", "targets.abatement_share": {2031: 0.02}, "budget.total_mn": None}
    )
    full, part = plans_at_full_and_delivered_share(requested)
    assert part.totals["abatement_share"] == pytest.approx(full.totals["abatement_share"], rel=1e-6)
    assert part.totals["uncalibrated_abatement_share"] == pytest.approx(
        float(full.totals["abatement_share"] or 0) / PHI, rel=1e-6
    )
    assert sum(part.cost_terms.values()) > sum(full.cost_terms.values())


def test_calibration_quantile_of_the_scenario_sets_the_delivered_share(problem_of: ProblemOf) -> None:
    shares = [problem_of({"calibration.use": use}).delivered_share for use in ("p10", "median", "p90")]
    assert shares == sorted(shares)
    assert problem_of().delivered_share == 1.0
    assert problem_of({"calibration.use": "ensemble"}).delivered_share == shares[1]
    # The deployment share is the quantile of the product delivered × deployed divided by the delivered share.
    calibrated = problem_of({"calibration.use": "median"}).calibrated
    assert calibrated is not None
    both = calibrated.fit["delivered_deployment_share"]["median"]
    assert calibrated.deployment_share * calibrated.delivered_share == pytest.approx(both)


def test_deployment_ceiling_matches_the_hand_calculation(problem_of: ProblemOf) -> None:
    problem = problem_of({"calibration.use": "median", "calibration.ceiling": True})
    calibrated = problem.calibrated
    assert calibrated is not None
    full = problem.routes.groupby(["plant", "stream"])["nameplate_ktpa"].max()
    # Two periods of five years: the deployment share by the end of the first, twice that by the end of the second.
    for year, times in ((2026, 1), (2031, 2)):
        share = min(1.0, times * calibrated.deployment_share)
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


def test_excluding_a_plant_does_not_change_the_ceiling(problem_of: ProblemOf) -> None:
    ceiling = {"calibration.use": "median", "calibration.ceiling": True}
    full = problem_of(ceiling)
    plants = sorted(set(full.routes["plant"]))
    without = problem_of({**ceiling, "plants.exclude": plants[:1]})
    assert set(without.routes["plant"]) == set(plants[1:])
    assert dict(without.deployment_ceiling_ktpa) == pytest.approx(dict(full.deployment_ceiling_ktpa))


@pytest.mark.parametrize("retrofits", ["integer", "continuous"])
def test_deployment_ceiling_holds_and_lowers_abatement(problem_of: ProblemOf, retrofits: str) -> None:
    changes = {"calibration.use": "median", "capture.decisions": retrofits, "budget.total_mn": 50_000}
    free, limited = (solve(problem_of(changes, {"calibration.ceiling": ceiling})) for ceiling in (False, True))
    assert limited.objective.value < free.objective.value
    for year in limited.problem.years:
        built = limited.retrofits.loc[limited.retrofits["year"] <= year, "nameplate_ktpa"].sum()
        assert built <= limited.problem.deployment_ceiling_ktpa["Shanxi", year] * (1 + 1e-6)


def test_smallest_retrofit_of_a_zone_is_allowed_above_the_ceiling(problem_of: ProblemOf, one_vent: Changes) -> None:
    preset = {"calibration.use": "p10", "calibration.preset": "pilot-installed", "calibration.ceiling": True}
    plan = solve(problem_of(one_vent, preset))
    # The ceiling is a ten-thousandth of one vent: only the smallest retrofit may be built.
    assert plan.totals["n_retrofits"] == 1
    assert plan.retrofits["nameplate_ktpa"].tolist() == [plan.problem.routes["nameplate_ktpa"].min()]


def test_infeasible_target_beyond_the_ceiling_names_the_ceiling(problem_of: ProblemOf) -> None:
    from ccs_model.errors import InfeasibleError

    requested = {
        "objective": "min_cost", "targets.abatement_share": {2031: 0.08}, "budget.total_mn": None,
        "calibration.use": "median", "calibration.preset": "pilot-literal", "calibration.ceiling": True,
    }  # fmt: skip
    with pytest.raises(InfeasibleError, match="deployment_within_ceiling: the deployment ceilings are too low"):
        solve(problem_of(requested))
