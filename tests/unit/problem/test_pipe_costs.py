"""Costs of pipelines: two Chinese lines, sizes of shared pipes, and the choice of data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from ccs_model.economics.prices import PriceLevel
from ccs_model.errors import InputError
from ccs_model.inputs import Inputs
from ccs_model.plan.plan import Plan
from ccs_model.problem.pipe_costs import PipeCosts, pipe_costs_of
from ccs_model.scenario import Scenario


@pytest.fixture
def pipes(inputs: Inputs, small: Callable[..., Scenario]) -> PipeCosts:
    """The law of lines as built, in its own money: CNY of 2023."""
    level = PriceLevel.of("CNY", 2023, inputs)
    return pipe_costs_of(small({"transport.pipe_costs": "as_built"}), inputs, level)


def line_mn(pipes: PipeCosts, flow_ktpa: float, length_km: float) -> float:
    """Cost of a shared pipe of the right size."""
    size = pipes.sizes[pipes.sizes["largest_ktpa"] >= flow_ktpa].iloc[0]
    beyond = max(flow_ktpa - size["included_ktpa"], 0.0)
    per_km = size["fixed_mn_per_km"] + size["slope_mn_per_km_per_ktpa"] * beyond
    return float(per_km * length_km**pipes.length_exponent)


@pytest.mark.parametrize(
    ("flow_ktpa", "length_km", "built_mn"),
    [
        (1_700, 109, 584.09),  # Qilu–Shengli, completion notice of June 2024
        (3_300, 282.26, 1_367.05),  # Jilin phase 1, environmental assessment of January 2025
    ],
)
def test_two_chinese_lines_within_fifteen_per_cent(
    pipes: PipeCosts, flow_ktpa: float, length_km: float, built_mn: float
) -> None:
    own = pipes.own([flow_ktpa], [length_km]).iloc[0]
    assert own["capex_mn"] == pytest.approx(5.33 * (flow_ktpa / 1_000) ** 0.3 * length_km**0.94)
    assert own["capex_mn"] == pytest.approx(built_mn, rel=0.15)
    assert line_mn(pipes, flow_ktpa, length_km) == pytest.approx(built_mn, rel=0.15)
    assert own["om_mn_pa"] == pytest.approx(0.025 * own["capex_mn"])


def test_a_size_meets_the_law_at_its_ends_and_lies_little_below_between_them(pipes: PipeCosts) -> None:
    for end in (100, 400, 1_600, 6_400):
        assert line_mn(pipes, end, 50) == pytest.approx(5.33 * (end / 1_000) ** 0.3 * 50**0.94)
    flows = np.geomspace(100, 25_600, 200)
    ratio = np.array([line_mn(pipes, q, 50) for q in flows]) / pipes.own(flows, 50.0)["capex_mn"].to_numpy()
    assert ratio.max() <= 1 + 1e-9
    assert ratio.min() > 0.95
    # Less than the smallest flow costs as much as that flow; more flow never costs less.
    assert pipes.own([10], [50])["capex_mn"].iloc[0] == pytest.approx(5.33 * 0.1**0.3 * 50**0.94)
    assert (np.diff([line_mn(pipes, q, 50) for q in flows]) > 0).all()


def test_terrain_multiplies_capital_and_maintenance(pipes: PipeCosts) -> None:
    plain, hills = (pipes.own([800], [100], factor).iloc[0] for factor in (1.0, 1.5))
    assert hills["capex_mn"] == pytest.approx(1.5 * plain["capex_mn"])
    assert hills["om_mn_pa"] == pytest.approx(1.5 * plain["om_mn_pa"])
    assert hills["kwh_per_t"] == plain["kwh_per_t"] == pytest.approx(0.04 * 100)


def test_own_and_shared_pipes_have_one_life(hand_solved: Callable[..., Plan], inputs: Inputs) -> None:
    # The same pipe, own and shared, over ten years of fifty; EUR of 2015 as the money of the law.
    law = inputs["transport/pipe_laws"].assign(currency="EUR", price_year=2015, capex_mn=1.0)
    sizes = inputs["transport/pipe_sizes"].assign(power_kwh_per_t_km=0.0)
    changes = {
        "years": [2026, 2031], "capital_recovery_share": None, "objective": "max_abatement",
        "budget.total_mn": 500, "transport.pipe_costs": "as_built",
    }  # fmt: skip
    tables = {
        "plants": {"A": {"co2_ktpa": 1_600, "capture_capex_mn": 50}},
        "sites": {"S": {"lat_deg": 38.5}},
        "transport__pipe_laws": law,
        "transport__pipe_sizes": sizes,
    }
    own = hand_solved(
        changes | {"transport.shared_trunklines": False, "transport.candidate_links": "made_and_given"},
        links={}, **tables,
    )  # fmt: skip
    length = own.flows["length_km"].iloc[0]
    shared = hand_solved(changes, links={"A-S": {"length_km": length}}, **tables)
    capex = 1.6**0.3 * length**0.94
    annuity = {years: (1 - 1.08**-years) / 0.08 for years in (10, 20, 40, 50)}
    left = capex * annuity[40] / annuity[50] + 50 * annuity[10] / annuity[20]
    for plan in (own, shared):
        assert plan.totals["pipe_capex_mn"] == pytest.approx(capex)
        assert plan.cost_terms["salvage_mn"] == pytest.approx(-left * 1.08**-10)
        ten = sum(1.08**-t for t in range(10))
        assert plan.cost_terms["pipe_fixed_om_mn"] == pytest.approx(0.025 * capex * ten)
        assert plan.checks["holds"].all()


def test_a_law_that_is_not_in_the_table(hand_solved: Callable[..., Plan], inputs: Inputs) -> None:
    with pytest.raises(InputError, match=r"no row 'as_built', which transport\.pipe_costs names"):
        hand_solved(
            {"transport.pipe_costs": "as_built", "targets.captured_ktpa": 1},
            plants={"A": {"co2_ktpa": 1_600}}, sites={"S": {}}, links={"A-S": {}},
            transport__pipe_laws=inputs["transport/pipe_laws"].iloc[:0],
        )  # fmt: skip


def test_an_own_pipe_costs_the_cheapest_trend_that_carries_it() -> None:
    trends = pd.DataFrame(
        {
            "pipe": ["thin", "thick"], "fixed_mn_per_km": [0.1, 1.0], "included_ktpa": 0.0,
            "slope_mn_per_km_per_ktpa": [0.004, 0.001], "largest_ktpa": [500.0, 2_000.0], "smallest_ktpa": [0.0, 500.0],
            "om_mn_per_km_per_ktpa": [1e-5, 2e-5], "om_share": 0.0, "kwh_per_t_km": [0.02, 0.03], "life_yr": [30, 40],
        }
    )  # fmt: skip
    own = PipeCosts(trends, 1.0, None, pd.DataFrame()).own([200, 400, 600, 3_000], 50, [1.0, 1.0, 2.0, 1.0])
    # 0.1 + 0.004 × 200 = 0.9 per km; at 400 kt/y the thick one costs 1.4 against 1.7; 3,000 kt/y take two lines.
    assert own["pipe"].tolist() == ["thin", "thick", "thick", "thick"]
    assert own["n_lines"].tolist() == [1, 1, 1, 2]
    assert own["capex_mn"].to_numpy() == pytest.approx([0.9 * 50, 1.4 * 50, 1.6 * 50 * 2, 2 * 2.5 * 50])
    assert own["om_mn_pa"].to_numpy() == pytest.approx([1e-5 * 200 * 50, 2e-5 * 400 * 50, 2e-5 * 600 * 50, 3.0])
    assert own["kwh_per_t"].tolist() == pytest.approx([1.0, 1.5, 1.5, 1.5])
    assert own["life_yr"].tolist() == [30, 40, 40, 40]
