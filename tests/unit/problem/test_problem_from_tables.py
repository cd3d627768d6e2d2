"""The problem built from a scenario and the shipped tables: filters, errors, prices and the order of rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from ccs_model.errors import BAD_INPUT, InfeasibleError, InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.plan.tables import not_eligible_table
from ccs_model.problem import Problem, build_problem
from ccs_model.report.language import Language
from ccs_model.report.sentences import not_eligible_sentences
from ccs_model.scenario import Scenario, read_scenario

MakeProblem = Callable[..., Problem]
Changes = dict[str, object]
# To CNY of 2024: deflators of the World Bank, 7.1957 CNY per USD.
DOLLAR_2008, YUAN_2010 = 118.8 / 83.53 * 7.1957, 105.04 / 78.67


def issues(problem_of: MakeProblem, changes: Changes) -> list[Issue]:
    with pytest.raises(InputError) as caught:
        problem_of(changes)
    assert caught.value.exit_code == BAD_INPUT
    return list(caught.value.issues)


@pytest.mark.parametrize(
    ("key", "value", "what", "hint"),
    [
        ("plants.provinces", ["Shanxi", "Hebie"], "province 'Hebie' is not in the tables", "did you mean 'Hebei'?"),
        ("plants.exclude", ["NH3_21x"], "plant 'NH3_21x' is not in the tables", "did you mean 'NH3_21'?"),
        ("plants.require", ["MEHO_22"], "plant 'MEHO_22' is not in the tables", "did you mean 'MEOH_22'?"),
        ("storage.sites", ["qinshiu"], "site or basin 'qinshiu' is not in the tables", "did you mean 'qinshui'?"),
    ],
)
def test_unknown_name_is_reported_with_its_key_and_a_suggestion(
    problem_of: MakeProblem, key: str, value: list[str], what: str, hint: str
) -> None:
    (issue,) = issues(problem_of, {key: value})
    assert (issue.what, issue.hint) == (what, hint)
    assert key in str(issue)


def test_unknown_name_in_a_file_is_reported_with_its_line(tmp_path: Path, inputs: Inputs) -> None:
    path = tmp_path / "asked.yaml"
    path.write_text(
        "name: Asked\nplants:\n  provinces: [Hebie]\nstorage: {sites: [Ordoss]}\nbudget: {total_mn: 5}\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        build_problem(read_scenario(path), inputs)
    places = [issue.where for issue in caught.value.issues]
    assert [place.rsplit("/", 1)[-1] for place in places] == ["asked.yaml:3", "asked.yaml:4"]


def test_all_unknown_names_are_reported_together(problem_of: MakeProblem) -> None:
    changes = {"plants.exclude": ["A1", "B2"], "storage.sites": ["C3"]}
    assert len(issues(problem_of, changes)) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "changes", "reason"),
    [
        ("P100000120114", {}, "announced to retire"),  # Yuhua, operating pre-retirement
        ("P100000120322", {}, "no capturable stream"),  # electric furnaces only
        ("P100000120101", {}, "not operating"),  # retired
        ("P100000120350", {"plants.min_emissions_ktpa": 1e6}, "below the smallest size"),
        ("P100000120259", {"plants.provinces": ["Hebei"]}, "outside the selected provinces"),  # in Shanxi
    ],
)
def test_required_plant_that_cannot_be_retrofitted_is_reported_with_the_reason(
    problem_of: MakeProblem, plant: str, changes: Changes, reason: str
) -> None:
    steel = {"plants": {"inventory": ["steel"]}, "plants.require": [plant], **changes}
    (issue,) = issues(problem_of, steel)
    assert f"'{plant}' cannot be retrofitted" in issue.what
    assert reason in issue.what


def test_required_plant_without_a_site_in_reach_is_reported(solved: Callable[..., object]) -> None:
    # From Jincheng to the Nanpu coast it is about 580 km; an own pipe is at most 300 km long.
    with pytest.raises((InputError, InfeasibleError)) as caught:
        solved({"plants.require": ["MEOH_22"], "storage.sites": ["nanpu"]})
    assert "MEOH_22" in str(caught.value)


def test_candidates_and_reasons_match_hand_calculation(problem_of: MakeProblem) -> None:
    problem = problem_of({"plants.exclude": ["NH3_82"]})
    plants = problem.plants.set_index("plant")
    # 46 plants of Shanxi; those above 1,200 kt/y by hand: Huayu and Guangfa 3.0 t × capacity × 0.836; Tianze 2,540;
    # Fengxi Linyi and Tianji 600 kt/y each: 534 × (3.8 − 0.93 × 1.296) = 1,385.6.
    assert len(plants) == 46
    assert set(plants.index[plants["is_candidate"]]) == {"MEOH_22", "MEOH_48", "NH3_21", "NH3_27"}
    assert plants.at["NH3_82", "reason"] == "excluded by the scenario"
    assert plants.at["NH3_82", "baseline_ktpa"] == pytest.approx(534 * (3.8 - 0.93 * 1.296))
    assert plants.at["NH3_130", "reason"] == "below the smallest size"
    # Small and excluded plants stay in the baseline.
    assert problem.baseline_ktpa == pytest.approx(plants["baseline_ktpa"].sum())
    assert set(problem.routes["plant"]) == {"MEOH_22", "MEOH_48", "NH3_21", "NH3_27"}


def test_the_reason_of_an_exclusion_is_reported_in_both_languages(problem_of: MakeProblem) -> None:
    problem = problem_of({"plants.exclude": ["NH3_21", {"NH3_82": "closes in 2027"}]})
    plants = problem.plants.set_index("plant")
    assert plants.at["NH3_82", "reason"] == "excluded by the scenario: closes in 2027"
    keys = not_eligible_table(problem).set_index("plant")["key"]
    assert keys["NH3_82"] == keys["NH3_21"] == "plants.exclude"
    (sentence,) = (each for each in not_eligible_sentences(problem) if "2027" in each)
    why = "1 plant with 1,386 kt CO2 a year is not eligible: excluded by the scenario: closes in 2027"
    assert sentence.startswith(why)
    assert "情景已排除：closes in 2027" in Language("zh").sentence(sentence)


def test_costs_of_an_own_pipe_option_match_hand_calculation(problem_of: MakeProblem, one_vent: Changes) -> None:
    # Zhengyuan Fertiliser, Hebei south: vent 798.907 kt/y (tests of streams), 99 % captured.
    route = problem_of(one_vent).routes.set_index("route").loc["NH3_79/product_vent/compression/full@jinxian_sag"]
    nameplate = 798.90672 * 0.99
    assert route["nameplate_ktpa"] == pytest.approx(nameplate)
    # 380 CNY2022 per t/y at 1 Mt/y, a smaller train by the exponent of 0.8, to yuan of 2024.
    capex = 380 * (nameplate / 1_000) ** -0.2 * 105.04 / 106.46 * nameplate / 1_000
    assert route["capture_capex_mn"] == pytest.approx(capex)
    assert route["fixed_om_mn_pa"] == pytest.approx(0.036 * capex)
    assert route["variable_om_per_t"] == pytest.approx(5 * 105.04 / 106.46)
    # 90.29 t/h: the class from 120 t/h, sized for 120, 2.3 EUR2015, from 38.31402 N 114.38997 E to 38 N 115 E.
    assert route["straight_km"] == pytest.approx(63.7, abs=0.3)
    assert route["length_km"] == pytest.approx(1.14 * route["straight_km"])
    euro = 119.08 / 92.9 * 7.7875
    assert route["pipe_capex_mn"] == pytest.approx(120 * 2.3 * euro * route["length_km"] / 1_000)
    assert route["pipe_om_mn_pa"] == pytest.approx(20 * euro * nameplate / 8.76 * route["length_km"] / 1e6)
    assert route["booster_kwh_per_t"] == pytest.approx(0.02 * route["length_km"])
    # Its own site of 28.3 million USD2008, and two wells of 400 kt/y for 8.3 million CNY2010 each.
    assert route["n_wells"] == 2
    assert route["site_capex_mn"] == pytest.approx(28.3 * DOLLAR_2008)
    assert route["well_capex_mn"] == pytest.approx(2 * 8.3 * YUAN_2010)
    parts = route[["capture_capex_mn", "pipe_capex_mn", "site_capex_mn", "well_capex_mn"]]
    assert route["capex_mn"] == pytest.approx(parts.sum())
    assert route["injection_cost_per_t"] == pytest.approx(0.0165 * DOLLAR_2008)


def test_dilute_gas_and_small_trains_raise_the_unit_capex(problem_of: MakeProblem, one_mill: Changes) -> None:
    # Jingtang, gas of 5 % against 20 % of the reference projects: 987 CNY2023 × 1.3259 / 0.9160.
    options = problem_of(one_mill, {"plants.min_emissions_ktpa": 15_000}).options.set_index("option")
    sinter = options.loc["P100000120106/sinter_plant/amine/half"]
    stack = 13_700 * 0.9388 * 1.85 * 289 / 2094
    assert sinter["nameplate_ktpa"] == pytest.approx(stack * 0.5 * 0.9)
    sinter_factor = (0.6 + 0.4 * (13.5 / 5) ** 0.6) / (0.6 + 0.4 * (13.5 / 20) ** 0.6)
    assert sinter["capex_per_tpa"] == pytest.approx(987 * 105.04 / 105.84 * sinter_factor)
    assert sinter["heat_gj_per_t"] == pytest.approx(3.6)
    # A quarter of Donghai's kiln, 134 kt/y, is smaller than the smallest train built, 180 kt/y; gas of 24.5 %.
    kiln = options.loc["P100000120119/lime_kiln/amine/quarter"]
    small = 10_001 * 0.9388 * 1.85 * 72 / 2094 * 0.25 * 0.9
    assert small < 180
    kiln_factor = (0.6 + 0.4 * (13.5 / 24.5) ** 0.6) / (0.6 + 0.4 * (13.5 / 20) ** 0.6)
    assert kiln["capex_per_tpa"] == pytest.approx(987 * 105.04 / 105.84 * kiln_factor * (small / 180) ** -0.4)


def test_avoided_share_of_captured_co2_matches_hand_calculation(
    problem_of: MakeProblem, one_vent: Changes, one_mill: Changes
) -> None:
    # Hebei's grid factor of 2023, 0.6516 kg/kWh, is constant.
    vent = problem_of(one_vent)
    booster = vent.routes["booster_kwh_per_t"].to_numpy()
    assert vent.avoided_t_per_t[:, -1] == pytest.approx(1 - (110 + booster) * 0.6516 / 1_000)
    mill = problem_of(one_mill)
    at = int(np.flatnonzero(mill.routes["option"] == "P100000120106/sinter_plant/amine/half")[0])
    fuel = 3.6 / 0.84 * 0.0957
    power = (130 + mill.routes["booster_kwh_per_t"][at]) * 0.6516 / 1_000
    assert mill.avoided_t_per_t[at].tolist() == pytest.approx([1 - fuel - power] * 2)


def with_closing_year(inputs: Inputs, with_tables: Callable[..., Inputs], year: int) -> Inputs:
    chemicals = inputs["plants/chemicals"].copy()
    chemicals.loc[chemicals["plant"] == "NH3_79", "closing_year"] = float(year)
    return with_tables({"plants/chemicals": chemicals})


@pytest.mark.parametrize(
    ("closing", "running"),
    [
        # Compression: one year to build, life 20, minimum life 10; periods 2026–30 and 2031–35.
        (2036, [[0, 0], [0, 0]]),  # only nine operating years
        (2037, [[0.8, 1], [0, 0]]),
        (2042, [[0.8, 1], [0, 0.8]]),
        (2090, [[0.8, 1], [0, 0.8]]),
    ],
)
def test_no_retrofit_starts_too_late_for_its_minimum_life_before_closure(
    problem_of: MakeProblem,
    inputs: Inputs,
    with_tables: Callable[..., Inputs],
    one_vent: Changes,
    closing: int,
    running: list[list[float]],
) -> None:
    problem = problem_of(one_vent, tables=with_closing_year(inputs, with_tables, closing))
    assert problem.running_share[0] == pytest.approx(np.array(running))
    # Years after the horizon, which ends with 2035, until the life or the plant ends.
    remaining_years = [min(2027 + 20, closing) - 2036, min(2032 + 20, closing) - 2036]
    starts = [any(row) for row in running]
    assert problem.years_after_horizon[0].tolist() == [
        max(n, 0) * starts_at_all for n, starts_at_all in zip(remaining_years, starts, strict=True)
    ]


def test_technology_starts_no_earlier_than_its_first_year(
    problem_of: MakeProblem, inputs: Inputs, with_tables: Callable[..., Inputs], one_vent: Changes
) -> None:
    technologies = inputs["technologies/technologies"].copy()
    technologies.loc[technologies["technology"] == "compression", "first_year"] = 2030.0
    problem = problem_of(one_vent, tables=with_tables({"technologies/technologies": technologies}))
    assert problem.running_share[0].tolist() == [[0, 0], [0, 0.8]]


@pytest.mark.slow
def test_problem_does_not_depend_on_the_order_of_table_rows(
    problem_of: MakeProblem, shuffled: Inputs, with_tables: Callable[..., Inputs]
) -> None:
    everything = {"plants": {"inventory": ["chemicals", "steel"], "provinces": ["Shanxi"]}}
    original, reordered = problem_of(everything), problem_of(everything, tables=shuffled)
    for frame in ("routes", "options", "sites", "periods"):
        assert_frame_equal(getattr(original, frame), getattr(reordered, frame), check_exact=True)
    for array in ("running_share", "salvage_share", "years_after_horizon", "avoided_t_per_t"):
        assert np.array_equal(getattr(original, array), getattr(reordered, array))
    for name in original.cost_per_t:
        assert np.array_equal(original.cost_per_t[name], reordered.cost_per_t[name])
    # Sums of streams may differ in their last digit.
    assert_frame_equal(original.plants, reordered.plants, rtol=1e-12)


def test_streams_are_in_the_same_order_whatever_the_order_of_table_rows(
    problem_of: MakeProblem, shuffled: Inputs
) -> None:
    everything = {"plants": {"inventory": ["chemicals", "steel"], "provinces": ["Shanxi"]}}
    assert_frame_equal(problem_of(everything).streams, problem_of(everything, tables=shuffled).streams, rtol=1e-12)


def test_ids_are_unique_and_sorted(problem_of: MakeProblem) -> None:
    problem = problem_of()
    for frame, key in (("plants", "plant"), ("options", "option"), ("routes", "route"), ("sites", "site")):
        ids: pd.Series = getattr(problem, frame)[key]
        assert ids.is_unique
        assert ids.tolist() == sorted(ids)


def test_missing_energy_prices_of_a_province_are_reported(
    problem_of: MakeProblem, inputs: Inputs, with_tables: Callable[..., Inputs]
) -> None:
    power = inputs["prices/power"].query("grid != 'Shanxi'")
    fuels = inputs["prices/fuels"].query("province != 'Shanxi'")
    grid = inputs["prices/grid_factors"].query("province != 'Shanxi'")
    tables = with_tables({"prices/power": power, "prices/fuels": fuels, "prices/grid_factors": grid})
    with pytest.raises(InputError) as caught:
        problem_of(tables=tables)
    assert [issue.where for issue in caught.value.issues] == [
        "prices/fuels.csv", "prices/grid_factors.csv", "prices/power.csv",
    ]  # fmt: skip
    assert all("Shanxi" in issue.what for issue in caught.value.issues)


def test_sites_are_selected_by_name_or_basin_with_the_capacity_case(problem_of: MakeProblem) -> None:
    both = problem_of({"storage.sites": ["Qinshui", "ordos_east"], "storage.capacity": "low"})
    assert both.sites["site"].tolist() == ["ordos_east", "qinshui"]
    assert both.sites["capacity_kt"].tolist() == [233_022, 233_022]
    # 50 wells in 1,600 km2: 181 in 5,810 km2 and 359 in 11,500 km2, of 100 kt/y each.
    assert both.sites["injection_max_ktpa"].tolist() == [18_100, 35_900]
    assert problem_of({"storage.sites": ["qinshui"], "storage.capacity": "high"}).sites["capacity_kt"].tolist() == [
        9_709_250
    ]


def test_own_pipes_reach_several_sites_within_300_km_unless_nearest_sites_limits_them(problem_of: MakeProblem) -> None:
    routes = problem_of().routes
    assert routes.groupby("option")["site"].nunique().max() > 3
    few = problem_of({"storage.nearest_sites": 3}).routes
    assert few.groupby("option")["site"].nunique().max() == 3
    assert routes["straight_km"].max() <= 300
    assert (routes["length_km"] / routes["straight_km"]).to_numpy() == pytest.approx(1.14)


def test_scenario_currency_scales_only_costs(problem_of: MakeProblem, small: Callable[..., Scenario]) -> None:
    yuan, dollars = problem_of(), problem_of({"currency": "USD"})
    rate = 7.1957  # yuan per dollar, 2024
    assert dollars.routes["route"].tolist() == yuan.routes["route"].tolist()
    for column in ("nameplate_ktpa", "length_km", "heat_gj_per_t"):
        assert dollars.routes[column].tolist() == yuan.routes[column].tolist()
    for column in ("capex_mn", "fixed_om_mn_pa", "pipe_om_mn_pa", "site_capex_mn", "injection_cost_per_t"):
        assert (dollars.routes[column] * rate).tolist() == pytest.approx(yuan.routes[column].tolist(), rel=1e-12)
    for name, cost in yuan.cost_per_t.items():
        assert dollars.cost_per_t[name] * rate == pytest.approx(cost, rel=1e-12)


def test_salvage_share_matches_hand_calculation(problem_of: MakeProblem, one_vent: Changes) -> None:
    # Operates from 2027 for 20 years; the horizon ends with 2035, so 9 are used: a(11)/a(20), ten years back at 8 %.
    first, second = problem_of(one_vent).salvage_share[0]
    assert first == pytest.approx(7.138964 / 9.818147 / 1.08**10, rel=1e-6)
    # Decided in 2031: operates from 2032, 4 years used: a(16) = 8.851369.
    assert second == pytest.approx(8.851369 / 9.818147 / 1.08**10, rel=1e-6)


def test_grid_factors_fall_with_the_fossil_share(problem_of: Callable[..., Problem]) -> None:
    share = {2023: 0.2, 2030: 0.4, 2040: 0.6}
    plain, greener = problem_of(), problem_of({"policy.non_fossil_share": share})
    known = plain.grid_kg_per_kwh.set_index(["province", "year"])["grid_kg_per_kwh"]
    path = greener.grid_kg_per_kwh.set_index(["province", "year"])["grid_kg_per_kwh"]
    # The known factor holds in its year, then falls with the fossil share: 0.8, 0.6 in 2030, 0.5 in 2035.
    assert path["Shanxi", 2023] == known["Shanxi", 2023] == 0.6634
    assert path["Shanxi", 2030] == pytest.approx(known["Shanxi", 2023] * 0.6 / 0.8)
    assert path["Shanxi", 2035] == pytest.approx(known["Shanxi", 2023] * 0.5 / 0.8)
    assert (greener.capture_power_t_per_t <= plain.capture_power_t_per_t + 1e-12).all()
    assert (greener.avoided_t_per_t[:, -1] > plain.avoided_t_per_t[:, -1]).all()


def test_grid_factors_follow_the_path_to_2060_without_scenario_shares(problem_of: Callable[..., Problem]) -> None:
    """Non-fossil energy: 15.9 % in 2020, 21 % in 2025, 25 % in 2030 and 80 % in 2060, linear in between."""
    default = problem_of({"policy.non_fossil_share": {}})
    path = default.grid_kg_per_kwh.set_index(["province", "year"])["grid_kg_per_kwh"]
    of_2023 = 1 - (0.159 + 0.6 * 0.051)
    for year, share in ((2026, 0.21 + 0.04 / 5), (2030, 0.25), (2035, 0.25 + 0.55 * 5 / 30)):
        assert path["Shanxi", year] == pytest.approx(0.6634 * (1 - share) / of_2023), year


def test_scenario_shares_replace_grid_factors_of_later_years(
    problem_of: Callable[..., Problem], inputs: Inputs, with_tables: Callable[..., Inputs]
) -> None:
    """The path of the scenario replaces a forecast of 2040 in the table."""
    factors = inputs["prices/grid_factors"]
    forecast = factors[factors["province"] == "Shanxi"].tail(1).assign(year=2040, grid_kg_per_kwh=0.3)
    tables = with_tables({"prices/grid_factors": pd.concat([factors, forecast], ignore_index=True)})
    share = {2023: 0.2, 2030: 0.6, 2050: 0.6}
    path = problem_of({"policy.non_fossil_share": share}, tables=tables).grid_kg_per_kwh
    of_year = path[path["province"] == "Shanxi"].set_index("year")["grid_kg_per_kwh"]
    assert of_year[2035] == pytest.approx(of_year[2023] * 0.4 / 0.8)
    assert of_year.get(2040, of_year[2035]) == pytest.approx(of_year[2035])
