"""A plan in hand outlives whatever is asked after it, and whatever should only better it."""

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
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The solver fails in all programs of some purposes; which they were is noted."""

    def made(*purposes: str) -> list[str]:
        met: list[str] = []
        run = Highs.run

        def failed(self: Highs, time_limit_s: float, stage: str) -> Outcome:
            if stage in purposes:
                met.append(stage)
                raise NoPlanError("the solver ended with status 'Solve error'; the log says more")
            return run(self, time_limit_s, stage)

        monkeypatch.setattr(Highs, "run", failed)
        return met

    return made


@pytest.mark.parametrize(
    ("purpose", "reported"),
    [
        ("tie-breaking", "ties are not broken"),
        ("marginal budget", "the marginal value of the budget is unknown"),
        ("cost of a fixed decision", "the cost of fixed decisions is unknown"),
    ],
)
def test_a_plan_outlives_what_is_asked_after_it(
    solved: Solved, failing: Callable[..., list[str]], purpose: str, reported: str
) -> None:
    changes = {"plants.exclude": [min(solved().retrofits["plant"])]} if "decision" in purpose else {}
    whole = solved(changes)
    assert not whole.warnings
    met = failing(purpose)
    plan = solved(changes)
    assert met and plan.checks["holds"].all()
    assert plan.objective.value == pytest.approx(whole.objective.value, rel=1e-9)
    assert plan.objective.searched_bound == whole.objective.searched_bound
    assert [each.startswith(reported) for each in plan.warnings] == [True], plan.warnings
    assert f"Warning: {plan.warnings[0]}" in plan.solver_log


def test_a_plan_outlives_what_should_better_it(solved: Solved, failing: Callable[..., list[str]]) -> None:
    whole = solved(STAGED)
    met = failing("extension", "large-neighbourhood search", "max abatement")
    plan = solved(STAGED)
    assert {"extension", "max abatement"} <= set(met)
    assert plan.checks.loc[~plan.checks["holds"], "name"].tolist() == ["the gap is within the requested gap"]
    assert 0 < plan.objective.value <= whole.objective.bound
    # Of the search for a proof nothing is left; the bound over all links holds within corridors too.
    assert plan.status == "limit"
    assert plan.objective.searched_bound == pytest.approx(plan.objective.bound, rel=1e-9)
    assert plan.objective.bound >= whole.objective.bound * (1 - 1e-9)


def test_where_nothing_is_in_hand_a_failure_is_told(solved: Solved, failing: Callable[..., list[str]]) -> None:
    failing("max abatement: relaxation")
    with pytest.raises(NoPlanError, match="Solve error"):
        solved(STAGED)


def test_under_a_target_a_smaller_pipe_may_need_a_little_more_capture(tmp_path: Path) -> None:
    # The pumps of a smaller pipe use more power, so that the plant captures more to avoid as much.
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
    pipes = plan.vintages
    # 5,500 kt/y less the 3,000 of the existing pipeline: a trunk line of 6,400 costs 134 million more.
    assert pipes["pipe"].tolist() == ["existing", "large"], pipes
