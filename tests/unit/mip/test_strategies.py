"""Search strategies as data: which stages run for which model."""

from __future__ import annotations

from typing import Any

import pytest

from ccs_model.mip.fixed_charge import Construct, Extend, Prove, SlopeScaling
from ccs_model.mip.network_lns import Alternate, Lns, Reoptimise
from ccs_model.mip.search import Heuristic, Strategy
from ccs_model.solve.strategies import (
    GROWN_NETWORK,
    GROWN_PART,
    SIZES,
    STAGED_NETWORK,
    Restrict,
    choose_strategy,
    effort_of_model,
)


def strategy_for(**changes: Any) -> Strategy:
    model: dict[str, Any] = {"n_arc_groups": 500, "n_rows": 10_000, "is_staged": False}
    given: dict[str, Any] = {"is_grown": False, "is_part": False, "relaxation_uses_arcs": True, "arcs_are_given": False}
    return choose_strategy(SIZES, **{**model, **given, **changes})


def stage_names(strategy: Strategy) -> list[str]:
    return [type(stage).__name__ for stage in strategy.stages if isinstance(stage, Heuristic)]


def test_a_strategy_lists_its_stages_in_the_order_in_which_they_run() -> None:
    assert stage_names(strategy_for()) == ["SlopeScaling", "Construct", "Extend", "Extend", "Extend", "Lns"]
    assert [stage.trace_index for stage in strategy_for().stages if isinstance(stage, Extend)] == [2, 1, 0]
    for each in (strategy_for(), strategy_for(n_rows=100_000), strategy_for(is_staged=True)):
        assert each.stage(Restrict).min_share == 0.5 and each.stage(Prove).heuristics


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "network"),
        ({"n_arc_groups": SIZES.few_arc_groups}, "small network"),
        ({"n_arc_groups": SIZES.many_arc_groups + 1}, "large network"),
        ({"n_rows": SIZES.many_rows + 1}, "large network"),
        ({"is_staged": True}, STAGED_NETWORK.name),
        ({"is_staged": True, "is_grown": True}, GROWN_NETWORK.name),
        ({"is_staged": True, "is_grown": True, "n_rows": SIZES.many_rows + 1}, GROWN_NETWORK.name),
        ({"is_staged": True, "is_grown": True, "is_part": True}, GROWN_PART.name),
        ({"is_staged": True, "relaxation_uses_arcs": False}, "several periods"),
        ({"is_staged": True, "n_rows": SIZES.many_rows + 1}, "several periods"),
    ],
)
def test_size_and_kind_of_the_model_choose_the_strategy(changes: dict[str, Any], name: str) -> None:
    assert strategy_for(**changes).name == name


def test_strategy_omits_stages_that_do_not_pay() -> None:
    assert "Extend" not in stage_names(strategy_for(n_rows=SIZES.many_rows + 1))
    assert strategy_for(arcs_are_given=True).stage(Lns).passes == ()
    assert "Reoptimise" in stage_names(strategy_for(is_staged=True, relaxation_uses_arcs=False))
    with pytest.raises(KeyError, match="no stage Reoptimise"):
        strategy_for().stage(Reoptimise)


@pytest.mark.parametrize("strategy", [strategy_for(), strategy_for(is_staged=True)])
def test_stages_of_a_strategy_end_in_order(strategy: Strategy) -> None:
    ends = [stage.until for stage in strategy.stages if isinstance(stage, SlopeScaling | Construct | Extend | Lns)]
    assert ends == sorted(ends) and ends[0] > 0 and ends[-1] <= 1
    assert all(turn.begin_until < turn.until for turn in strategy.stages if isinstance(turn, Alternate))


def test_more_effort_and_larger_models_search_longer() -> None:
    quick, normal, thorough = (effort_of_model(50_000, level) for level in ("quick", "normal", "thorough"))
    assert quick < normal < thorough
    assert effort_of_model(10, "normal") < effort_of_model(50_000, "normal") < effort_of_model(500_000, "normal")
