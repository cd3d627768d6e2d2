"""Delivered shares by class: captured tonnes follow the class; pipes and wells are sized for nameplate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ccs_model.errors import InputError
from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import Matrix, matrix_of
from ccs_model.plan.calibrated_results import ensemble_table
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.solve.driver import solve

MakeProblem = Callable[..., Problem]
Changes = dict[str, object]
SHARES = {"calibration.delivered_share": {"vent": 0.9, "flue_gas": 0.6}}
SHARE_OF_GRADE = {"product_grade": 0.9, "tail_gas": 0.9, "flue_gas": 0.6}
NETWORK = {"transport.shared_trunklines": True, "storage.sites": ["Qinshui", "Ordos"], "solver.mip_gap": 0.01}
# Mills with flue gas and chemical plants with vents on one network, with a budget for both.
MIXED = {**NETWORK, "budget.total_mn": 20_000, "capture.decisions": "continuous"}


def equal_matrices(one: Matrix, other: Matrix) -> bool:
    """Return whether two matrices have exactly the same coefficients, bounds and costs."""
    names = ("row_lower", "row_upper", "lower", "upper", "costs")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names) and np.array_equal(
        one.rows.toarray(), other.rows.toarray()
    )


def test_each_option_delivers_the_share_of_its_class(problem_of: MakeProblem) -> None:
    problem = problem_of(SHARES)
    assert problem.has_classes
    assert problem.delivered_share == 0.9
    expected = problem.routes["grade"].map(SHARE_OF_GRADE) * problem.routes["nameplate_ktpa"]
    assert problem.delivered_ktpa == pytest.approx(expected.to_numpy())


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, NETWORK])
def test_equal_class_shares_give_the_same_model_as_a_single_share(problem_of: MakeProblem, changes: Changes) -> None:
    equal = problem_of(changes, {"calibration.delivered_share": {"vent": 0.64, "flue_gas": 0.64}})
    assert not equal.has_classes
    single = replace(problem_of(changes), delivered_share=0.64)
    assert equal_matrices(matrix_of(build_model(equal)), matrix_of(build_model(single)))


@pytest.mark.slow
def test_wells_are_sized_for_nameplate_and_injection_follows_the_class_shares(problem_of: MakeProblem) -> None:
    plan = solve(problem_of(MIXED, SHARES))
    retrofits, last = plan.retrofits, plan.problem.years[-1]
    grade = retrofits["route"].map(plan.problem.routes.set_index("route")["grade"])
    assert set(grade) >= {"flue_gas", "product_grade"}
    assert retrofits["delivered_share"].tolist() == pytest.approx(grade.map(SHARE_OF_GRADE).tolist())
    full_load_ktpa = retrofits["nameplate_ktpa"] * grade.map(SHARE_OF_GRADE)
    assert retrofits["captured_at_full_load_ktpa"].to_numpy() == pytest.approx(full_load_ktpa.to_numpy())
    sites = plan.storage[plan.storage["year"] == last]
    # The wells drilled can inject the nameplate of all retrofits, whatever their delivered shares.
    nameplate = retrofits["nameplate_ktpa"].sum()
    assert sites["wells_ktpa"].sum() / 0.9 >= nameplate * (1 - 1e-6)
    assert sites["injected_ktpa"].sum() == pytest.approx(retrofits["captured_ktpa"].sum(), rel=1e-6)
    assert plan.checks["holds"].all()
    expected_share = float(
        retrofits["captured_ktpa"].sum() / (retrofits["captured_ktpa"] / grade.map(SHARE_OF_GRADE)).sum()
    )
    assert plan.totals["delivered_share"] == pytest.approx(expected_share)


def test_static_year_sizes_pipes_for_nameplate(problem_of: MakeProblem) -> None:
    plan = solve(problem_of({**MIXED, "years": "static", "budget.total_mn": 4_000}, SHARES))
    flows = plan.flows
    assert (flows["flow_ktpa"] < flows["peak_flow_ktpa"] - 1.0).any()
    assert (flows["peak_flow_ktpa"] <= flows["capacity_ktpa"] * 0.9 * (1 + 1e-6)).all()
    assert plan.checks["holds"].all()


@pytest.mark.slow
@pytest.mark.parametrize("network", [False, True])
def test_larger_share_of_one_class_never_lowers_abatement(problem_of: MakeProblem, network: bool) -> None:
    def value(flue_gas: float) -> float:
        shares = {"calibration.delivered_share": {"vent": 0.8, "flue_gas": flue_gas}}
        changes = {**MIXED, "transport.shared_trunklines": network, "budget.total_mn": 6_000, "solver.mip_gap": 1e-4}
        plan: Plan = solve(problem_of(changes, shares))
        assert plan.checks["holds"].all()
        return plan.objective.value

    less, more = value(0.5), value(0.7)
    assert more >= less * (1 - 2e-4)


def test_shipped_shares_follow_the_calibration_quantile(problem_of: MakeProblem) -> None:
    for use, vent, flue_gas in (("none", 0.65, 0.7), ("median", 0.65, 0.7), ("p10", 0.28, 0.55), ("p90", 0.77, 0.9)):
        problem = problem_of({"calibration.use": use, "calibration.delivered_by_class": True})
        shares = dict(zip(problem.routes["grade"], problem.delivered_share_of, strict=True))
        assert shares["flue_gas"] == pytest.approx(flue_gas)
        assert shares["product_grade"] == pytest.approx(vent)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"calibration.delivered_share": {"vents": 0.9, "flue_gas": 0.6}}, "vents"),
        ({"calibration.delivered_share": {"vent": 0.9}}, r"class flue_gas \(plants .*\) has no delivered share"),
        (
            {"calibration.delivered_share": {"vent": 0.0, "flue_gas": 0.6}},
            "calibration.delivered_share.vent: expected more than 0",
        ),
        ({**SHARES, "calibration.delivered_by_class": True}, "delivered shares are given twice"),
    ],
)
def test_invalid_delivered_share_is_reported(problem_of: MakeProblem, changes: Changes, what: str) -> None:
    with pytest.raises(InputError, match=what):
        problem_of(changes)


def test_source_with_given_costs_needs_its_own_delivered_share(hand_problem: MakeProblem) -> None:
    tables = {"plants": {"A": {"co2_ktpa": 500.0}}, "sites": {"S": {}}, "links": {"A-S": {"length_km": 10.0}}}
    with pytest.raises(InputError, match=r"class given \(plants A\) has no delivered share"):
        hand_problem({"calibration.delivered_by_class": True}, **tables)
    problem = hand_problem({"calibration.delivered_share": {"given": 0.75}}, **tables)
    assert problem.delivered_ktpa == pytest.approx(0.75 * problem.routes["nameplate_ktpa"])


def test_calibration_statement_lists_class_shares_instead_of_the_single_share(problem_of: MakeProblem) -> None:
    values = {"calibration.delivered_by_class": True, "budget.total_mn": 1_000, "transport.shared_trunklines": False}
    plan = solve(problem_of(values, {"calibration.use": "median"}))
    document = plan.to_dict()
    assert document["context"]["delivered_shares"] == {"flue_gas": [0.7], "vent": [0.65]}
    text = document["calibration"]["statement"]
    assert "Delivered shares assumed by class, not informed by the pilots: flue gas 70 %, vents 65 %." in text
    assert "delivered share assumed" not in text
    assert "vents 65%" in " ".join(plan.summary().split())


def test_no_ensemble_draw_captures_more_than_nameplate(problem_of: MakeProblem) -> None:
    values = {"calibration.delivered_share": {"vent": 0.9, "flue_gas": 0.6}, "calibration.use": "ensemble"}
    plan = solve(problem_of({"budget.total_mn": 3_000, "transport.shared_trunklines": False}, values))
    table = ensemble_table(plan)
    nameplate = plan.retrofits["nameplate_ktpa"].sum()
    assert table["captured_ktpa"].max() <= nameplate * (1 + 1e-9)
    assert table["captured_ktpa"].min() < plan.totals["captured_ktpa"] < table["captured_ktpa"].max()
    assert plan.to_dict()["calibration"]["delivered_share"]["used"] == plan.totals["delivered_share"]
