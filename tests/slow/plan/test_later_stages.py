"""A plan in hand outlives whatever is asked after it, and whatever should only better it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

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
