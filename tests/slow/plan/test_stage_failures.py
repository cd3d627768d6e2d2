"""Failures of the solver in follow-up and improvement stages never lose the incumbent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import ccs_model as ccs
from ccs_model.errors import NoPlanError
from ccs_model.mip import Highs, Outcome
from ccs_model.plan.plan import Plan
from tests.integration.plan.test_corridors import STAGED

Solved = Callable[..., Plan]


@pytest.fixture
def fail_stages(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return a function that makes the solver fail in the given stages, and returns the list of failed stages."""

    def fail(*purposes: str) -> list[str]:
        failed_stages: list[str] = []
        run = Highs.run

        def run_or_fail(self: Highs, time_limit_s: float, stage: str) -> Outcome:
            if stage in purposes:
                failed_stages.append(stage)
                raise NoPlanError("the solver ended with status 'Solve error'; the log says more")
            return run(self, time_limit_s, stage)

        monkeypatch.setattr(Highs, "run", run_or_fail)
        return failed_stages

    return fail


@pytest.mark.parametrize(
    ("purpose", "reported"),
    [
        ("tie-breaking", "ties are not broken"),
        ("marginal budget", "the marginal value of the budget is unknown"),
        ("cost of a fixed decision", "the cost of fixed decisions is unknown"),
    ],
)
def test_a_failed_follow_up_stage_keeps_the_plan_and_gives_a_warning(
    solved: Solved, fail_stages: Callable[..., list[str]], purpose: str, reported: str
) -> None:
    changes = {"plants.exclude": [min(solved().retrofits["plant"])]} if "decision" in purpose else {}
    complete = solved(changes)
    assert not complete.warnings
    failed_stages = fail_stages(purpose)
    plan = solved(changes)
    assert failed_stages and plan.checks["holds"].all()
    assert plan.objective.value == pytest.approx(complete.objective.value, rel=1e-9)
    assert plan.objective.searched_bound == complete.objective.searched_bound
    assert [each.startswith(reported) for each in plan.warnings] == [True], plan.warnings
    assert f"Warning: {plan.warnings[0]}" in plan.solver_log


def test_failed_improvement_stages_keep_the_incumbent_and_a_valid_bound(
    solved: Solved, fail_stages: Callable[..., list[str]]
) -> None:
    complete = solved(STAGED)
    failed_stages = fail_stages("extension", "large-neighbourhood search", "max abatement")
    plan = solved(STAGED)
    assert {"extension", "max abatement"} <= set(failed_stages)
    assert plan.checks.loc[~plan.checks["holds"], "name"].tolist() == ["the gap is within the requested gap"]
    assert 0 < plan.objective.value <= complete.objective.bound
    # The search within corridors gives no bound, so the bound over all links holds there too.
    assert plan.status == "limit"
    assert plan.objective.searched_bound == pytest.approx(plan.objective.bound, rel=1e-9)
    assert plan.objective.bound >= complete.objective.bound * (1 - 1e-9)


def test_a_failure_without_an_incumbent_raises_no_plan_error(
    solved: Solved, fail_stages: Callable[..., list[str]]
) -> None:
    fail_stages("max abatement: relaxation")
    with pytest.raises(NoPlanError, match="Solve error"):
        solved(STAGED)


def test_a_smaller_pipeline_is_built_although_it_needs_more_capture(tmp_path: Path) -> None:
    # Pumps of a smaller pipeline use more power, so the plant has to capture more to avoid the same amount.
    links = tmp_path / "tables" / "transport" / "links.csv"
    links.parent.mkdir(parents=True)
    links.write_text(
        "link,node_a,node_b,length_km,cost_factor,existing_ktpa\nold spur,P100000120125,huanghua,65,,3000\n"
        "L1,P100000120106,huanghua,,,\n",
        encoding="utf-8",
    )
    path = tmp_path / "scenario.yaml"
    path.write_text(
        "name: Spur\nyears: [2026, 2030]\ndata: tables\nobjective: min_cost\n"
        "plants: {inventory: [steel], provinces: [Hebei], min_emissions_ktpa: 11_000}\n"
        "capture: {technologies: [advanced_amine]}\ncalibration: {use: none}\n"
        "storage: {sites: [huanghua, bozhong_sag, jinxian_sag], max_fill_share: 0.3}\n"
        "targets: {abatement_share: {2026: 0.005, 2030: 0.01}}\nsolver: {mip_gap: 0.03, effort: quick}\n",
        encoding="utf-8",
    )
    plan = ccs.optimize(path)
    assert plan.checks["holds"].all()
    vintages = plan.vintages
    # 5,500 kt/y less the 3,000 of the existing pipeline: a trunk line of 6,400 costs 134 million more.
    assert vintages["pipe"].tolist() == ["existing", "large"], vintages
