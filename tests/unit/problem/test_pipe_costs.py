"""Pipeline costs: two Chinese pipelines as built, size classes of shared pipes, and trends of a user."""

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
    """The cost law of pipelines as built, in CNY of 2023."""
    level = PriceLevel.of("CNY", 2023, inputs)
    return pipe_costs_of(small({"transport.pipe_costs": "as_built"}), inputs, level)


def shared_pipe_mn(pipes: PipeCosts, flow_ktpa: float, length_km: float) -> float:
    """Cost of a shared pipe of the smallest sufficient size."""
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
def test_costs_of_two_chinese_pipelines_are_within_15_percent(
    pipes: PipeCosts, flow_ktpa: float, length_km: float, built_mn: float
) -> None:
    own = pipes.own_pipes([flow_ktpa], [length_km]).iloc[0]
    assert own["capex_mn"] == pytest.approx(5.33 * (flow_ktpa / 1_000) ** 0.3 * length_km**0.94)
    assert own["capex_mn"] == pytest.approx(built_mn, rel=0.15)
    assert shared_pipe_mn(pipes, flow_ktpa, length_km) == pytest.approx(built_mn, rel=0.15)
    assert own["om_mn_pa"] == pytest.approx(0.025 * own["capex_mn"])


def test_pipe_sizes_match_the_cost_law_at_their_ends_and_lie_at_most_5_percent_below(pipes: PipeCosts) -> None:
    for end in (100, 400, 1_600, 6_400):
        assert shared_pipe_mn(pipes, end, 50) == pytest.approx(5.33 * (end / 1_000) ** 0.3 * 50**0.94)
    flows = np.geomspace(100, 25_600, 200)
    ratio = (
        np.array([shared_pipe_mn(pipes, q, 50) for q in flows]) / pipes.own_pipes(flows, 50.0)["capex_mn"].to_numpy()
    )
    assert ratio.max() <= 1 + 1e-9
    assert ratio.min() > 0.95
    # A flow below the smallest costs as much as the smallest; the cost increases with flow.
    assert pipes.own_pipes([10], [50])["capex_mn"].iloc[0] == pytest.approx(5.33 * 0.1**0.3 * 50**0.94)
    assert (np.diff([shared_pipe_mn(pipes, q, 50) for q in flows]) > 0).all()


def test_terrain_multiplies_capital_and_maintenance(pipes: PipeCosts) -> None:
    plain, hills = (pipes.own_pipes([800], [100], factor).iloc[0] for factor in (1.0, 1.5))
    assert hills["capex_mn"] == pytest.approx(1.5 * plain["capex_mn"])
    assert hills["om_mn_pa"] == pytest.approx(1.5 * plain["om_mn_pa"])
    assert hills["kwh_per_t"] == plain["kwh_per_t"] == pytest.approx(0.04 * 100)


def test_own_and_shared_pipes_have_equal_capital_om_and_salvage(
    hand_solved: Callable[..., Plan], inputs: Inputs
) -> None:
    # The same pipe, own and shared, over ten years of a life of fifty; the law is taken to be in EUR of 2015.
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
    salvage_mn = capex * annuity[40] / annuity[50] + 50 * annuity[10] / annuity[20]
    for plan in (own, shared):
        assert plan.totals["pipe_capex_mn"] == pytest.approx(capex)
        assert plan.cost_terms["salvage_mn"] == pytest.approx(-salvage_mn * 1.08**-10)
        ten = sum(1.08**-t for t in range(10))
        assert plan.cost_terms["pipe_fixed_om_mn"] == pytest.approx(0.025 * capex * ten)
        assert plan.checks["holds"].all()


def test_missing_cost_law_is_reported(hand_solved: Callable[..., Plan], inputs: Inputs) -> None:
    with pytest.raises(InputError, match=r"no row 'as_built', which transport\.pipe_costs names"):
        hand_solved(
            {"transport.pipe_costs": "as_built", "targets.captured_ktpa": 1},
            plants={"A": {"co2_ktpa": 1_600}}, sites={"S": {}}, links={"A-S": {}},
            transport__pipe_laws=inputs["transport/pipe_laws"].iloc[:0],
        )  # fmt: skip


def test_own_pipe_uses_the_cheapest_trend_with_enough_capacity() -> None:
    trends = pd.DataFrame(
        {
            "pipe": ["thin", "thick"], "fixed_mn_per_km": [0.1, 1.0], "included_ktpa": 0.0,
            "slope_mn_per_km_per_ktpa": [0.004, 0.001], "largest_ktpa": [500.0, 2_000.0], "smallest_ktpa": [0.0, 500.0],
            "om_mn_per_km_per_ktpa": [1e-5, 2e-5], "om_share": 0.0, "kwh_per_t_km": [0.02, 0.03], "life_yr": [30, 40],
        }
    )  # fmt: skip
    own = PipeCosts(trends, 1.0, None, pd.DataFrame()).own_pipes([200, 400, 600, 3_000], 50, [1.0, 1.0, 2.0, 1.0])
    # 0.1 + 0.004 × 200 = 0.9 per km; at 400 kt/y the thick pipe costs 1.4 against 1.7; 3,000 kt/y need two lines.
    assert own["pipe"].tolist() == ["thin", "thick", "thick", "thick"]
    assert own["n_lines"].tolist() == [1, 1, 1, 2]
    assert own["capex_mn"].to_numpy() == pytest.approx([0.9 * 50, 1.4 * 50, 1.6 * 50 * 2, 2 * 2.5 * 50])
    assert own["om_mn_pa"].to_numpy() == pytest.approx([1e-5 * 200 * 50, 2e-5 * 400 * 50, 2e-5 * 600 * 50, 3.0])
    assert own["kwh_per_t"].tolist() == pytest.approx([1.0, 1.5, 1.5, 1.5])
    assert own["life_yr"].tolist() == [30, 40, 40, 40]


# Size classes of the Danish Energy Agency, in EUR of 2015. 1 t/h is 8.76 kt/y.

TPH = 8.76


@pytest.fixture
def classes(inputs: Inputs, small: Callable[..., Scenario]) -> PipeCosts:
    return pipe_costs_of(small({"transport.pipe_costs": "dea"}), inputs, PriceLevel.of("EUR", 2015, inputs))


@pytest.mark.parametrize(
    ("flow_tph", "pipe", "n_lines", "per_km"),
    [
        (4, "small", 1, 10 * 15),  # a flow below the smallest costs as much as the smallest
        (12, "small", 1, 12 * 15),
        (20, "medium", 1, 30 * 8),  # 20 × 15 would cost more
        (32, "medium", 1, 32 * 8),
        (200, "large", 1, 200 * 2.3),
        (500, "large", 1, 500 * 2.3),
        (501, "large", 2, 501 * 2.3),
        (1_200, "large", 3, 1_200 * 2.3),
    ],
)
def test_own_pipe_uses_the_cheapest_size_class(
    classes: PipeCosts, flow_tph: float, pipe: str, n_lines: int, per_km: float
) -> None:
    (own,) = classes.own_pipes([flow_tph * TPH], [50], [1.5]).to_dict("records")
    assert (own["pipe"], own["n_lines"], own["life_yr"]) == (pipe, n_lines, 50)
    # EUR per m are thousand EUR per km; the terrain factor scales only capital.
    assert own["capex_mn"] == pytest.approx(1.5 * per_km * 50 / 1_000, rel=1e-12)
    assert own["om_mn_pa"] == pytest.approx(20 * flow_tph * 50 / 1_000_000, rel=1e-12)
    assert own["kwh_per_t"] == pytest.approx(50 * {"small": 0.06, "medium": 0.04, "large": 0.02}[pipe])


def test_sizes_of_shared_pipes_are_the_lower_envelope_of_the_classes(classes: PipeCosts) -> None:
    sizes = classes.sizes.set_index("pipe")
    assert (classes.length_exponent, classes.has_trends) == (1.0, False)
    # 15 × 16 = 8 × 30 and 8 × 34.5 = 2.3 × 120: from there on the next class costs no more.
    ends = {"small": 16 * TPH, "medium": 34.5 * TPH, "large": np.inf}
    assert sizes["largest_ktpa"].to_dict() == pytest.approx(ends, rel=1e-12)
    assert sizes["fixed_mn_per_km"].to_dict() == pytest.approx({"small": 0.15, "medium": 0.24, "large": 0.276})
    # The fixed cost of the large class includes its smallest flow, 120 t/h.
    included = {"small": 10 * TPH, "medium": 30 * TPH, "large": 120 * TPH}
    assert sizes["included_ktpa"].to_dict() == pytest.approx(included, rel=1e-12)
    slopes = {"small": 0.015 / TPH, "medium": 0.008 / TPH, "large": 0.0023 / TPH}
    assert sizes["slope_mn_per_km_per_ktpa"].to_dict() == pytest.approx(slopes, rel=1e-12)
    assert sizes["om_mn_per_km_per_ktpa"].to_numpy() == pytest.approx([20e-6 / TPH] * 3, rel=1e-12)


def test_flow_has_the_smallest_size_with_enough_capacity(classes: PipeCosts, pipes: PipeCosts) -> None:
    flows = [1, 16 * TPH, 16.1 * TPH, 34.5 * TPH, 35 * TPH, 1e6]
    assert classes.size_at(flows).tolist() == [0, 0, 1, 1, 2, 2]
    # Sizes of the law end at 400, 1,600 and 6,400 kt/y; the last has no limit.
    assert pipes.size_at([400, 401, 1_600, 6_400, 6_401, 1e6]).tolist() == [0, 1, 1, 2, 3, 3]


def test_existing_pipe_has_the_om_cost_of_its_size_class(classes: PipeCosts) -> None:
    om = classes.existing_om_mn(pd.Series([100.0, 900.0]), pd.Series([10.0, 50.0]), pd.Series([1.0, 3.0]))
    assert om.tolist() == pytest.approx([20e-6 / TPH * 10, 20e-6 / TPH * 50], rel=1e-12)


# Linear trends of a user

TRENDS = pd.DataFrame(
    {
        "pipe": ["thick", "thin"], "fixed_mn_per_km": [1.0, 0.1], "slope_mn_per_km_per_ktpa": [0.001, 0.004],
        "largest_ktpa": [np.nan, 500.0], "om_mn_per_km_per_ktpa": [2e-5, np.nan], "power_kwh_per_t_km": [np.nan, 0.02],
        "life_yr": [40, 30], "currency": "EUR", "price_year": 2015,
    }
)  # fmt: skip


@pytest.mark.parametrize(("currency", "rate"), [("EUR", 1.0), ("CNY", 6.9733)])
def test_trends_become_pipe_sizes_in_the_scenario_currency(
    inputs: Inputs, with_tables: Callable[..., Inputs], small: Callable[..., Scenario], currency: str, rate: float
) -> None:
    tables = with_tables({"transport/trends": TRENDS})
    found = pipe_costs_of(small({"currency": currency}), tables, PriceLevel.of(currency, 2015, inputs))
    sizes = found.sizes.set_index("pipe")
    assert found.has_trends and sizes.index.tolist() == ["thin", "thick"]
    # 6.9733 yuan per euro in 2015.
    assert sizes["fixed_mn_per_km"].tolist() == pytest.approx([0.1 * rate, 1.0 * rate])
    assert sizes["slope_mn_per_km_per_ktpa"].tolist() == pytest.approx([0.004 * rate, 0.001 * rate])
    assert sizes["om_mn_per_km_per_ktpa"].tolist() == pytest.approx([0, 2e-5 * rate])
    assert sizes["kwh_per_t_km"].tolist() == [0.02, 0]
    # Each size starts where the previous one ends; an empty largest flow means no limit.
    assert sizes["largest_ktpa"].tolist() == [500, np.inf]
    assert sizes["smallest_ktpa"].tolist() == [0, 500] and (sizes["included_ktpa"] == 0).all()
    # Without a limit, one line carries any flow.
    own = found.own_pipes([100, 100_000], [10, 10])
    assert own["n_lines"].tolist() == [1, 1]
    assert own["capex_mn"].tolist() == pytest.approx([5 * rate, 1_010 * rate])


def test_flow_above_the_largest_trend_needs_several_lines() -> None:
    table = pd.DataFrame(
        {
            "pipe": ["thin", "thick"], "fixed_mn_per_km": [0.1, 9.0], "included_ktpa": 0.0,
            "slope_mn_per_km_per_ktpa": [0.001, 0.001], "largest_ktpa": [500.0, 2_000.0], "smallest_ktpa": [0.0, 500.0],
            "om_mn_per_km_per_ktpa": 0.0, "om_share": 0.0, "kwh_per_t_km": 0.0, "life_yr": 30,
        }
    )  # fmt: skip
    own = PipeCosts(table, 1.0, None, pd.DataFrame()).own_pipes([500, 501, 2_000, 2_001, 6_000], 1)
    # The thin pipe is cheaper wherever it is large enough, but 2,001 in two lines still need the thick one.
    assert own["pipe"].tolist() == ["thin", "thick", "thick", "thick", "thick"]
    assert own["n_lines"].tolist() == [1, 1, 1, 2, 3]


def test_scenario_currency_scales_only_pipe_costs(inputs: Inputs, small: Callable[..., Scenario]) -> None:
    for data in ("dea", "as_built"):
        yuan, dollars = (
            pipe_costs_of(
                small({"transport.pipe_costs": data, "currency": currency}),
                inputs,
                PriceLevel.of(currency, 2024, inputs),
            )
            for currency in ("CNY", "USD")
        )
        before, after = (each.own_pipes([50, 900, 9_000], [10, 50, 200]) for each in (yuan, dollars))
        # 7.1957 yuan per dollar in 2024.
        for name in ("capex_mn", "om_mn_pa"):
            assert (after[name] * 7.1957).tolist() == pytest.approx(before[name].tolist(), rel=1e-12), name
        for name in ("pipe", "n_lines", "kwh_per_t", "life_yr"):
            assert after[name].tolist() == before[name].tolist(), name
