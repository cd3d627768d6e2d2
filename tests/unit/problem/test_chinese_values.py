"""Values of China on which a plan without a plant in China rests are noticed, and Sources names used rows only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ccs_model.inputs.checked_scenario import read_checked
from ccs_model.plan.plan_json import without_folder
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.chinese_values import notices_of_chinese_values
from ccs_model.problem.unused_inputs import unused_inputs
from ccs_model.report.language import chinese_text
from ccs_model.report.tables_in_use import references_in_use, rows_in_use

TABLES = {
    "plants/sources": "plant,name,province,grid,lat_deg,lon_deg,status,sector,capacity_ktpa\n"
    "K,Nuh,Ankara,Ankara,39.9,32.8,operating,cement,4000\n",
    "prices/power": "grid,year,benchmark_per_kwh,transmission_per_kwh,loss_share,demand_per_kw_month,"
    "load_factor_share,fees_per_kwh,vat_share,currency,price_year\n*,2025,0.08,0,0,0,1,0,0,USD,2024\n",
    "prices/fuels": "province,fuel,year,price_per_gj,vat_share,currency,price_year\n*,coal,2024,4.2,0,USD,2024\n",
    "prices/grid_factors": "province,year,grid_kg_per_kwh\n*,2024,0.5\n",
    "storage/sites": "site,lat_deg,lon_deg,capacity_mid_kt\ntuz,38.7,33.4,100000\n",
}
PIPES = "pipe_costs,capex_mn,flow_exponent,length_exponent,fixed_om_share,life_yr,currency,price_year\n"
ROWS = {
    "transport/pipe_laws": PIPES + "as_built,1,0.3,0.94,0.025,50,EUR,2009\n",
    "technologies/location_factors": "province,capex_factor\nTürkiye,1.3\n",
    "storage/class_costs": "reservoir_class,cost,amount,currency,price_year\nsaline_onshore,well_capex_mn,3,USD,2008\n"
    "saline_onshore,well_om_mn_pa,0.1,USD,2008\n",
    "finance/hurdle_rates": "sector,product,hurdle_share\ncement,clinker,0.1\n",
}


@pytest.fixture
def problem_with(tmp_path: Path) -> Callable[..., Problem]:
    """A cement plant of Türkiye and a site with the costs of its class, with more lines and tables."""

    def make(lines: str = "", *, years: str = "[2026, 2030]", instead: str = "storage/sites", **tables: str) -> Problem:
        for table, text in {**TABLES, **tables}.items():
            path = tmp_path / "data" / f"{table}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (tmp_path / "data" / "instead.txt").write_text(instead, encoding="utf-8")
        path = tmp_path / "scenario.yaml"
        path.write_text(
            f"name: Mine\ncurrency: USD\nprice_year: 2024\nyears: {years}\nplants: {{inventory: [sources]}}\n"
            f"capture: {{technologies: [amine]}}\ndata: data\nbudget: {{total_mn: 1000}}\n{lines}",
            encoding="utf-8",
        )
        return build_problem(*read_checked(path))

    return make


def test_shipped_sites_out_of_reach_abroad_and_own_sites_left_out_are_noticed(
    problem_with: Callable[..., Problem], tmp_path: Path
) -> None:
    left_out = problem_with("storage: {sites: [Ordos]}\n", instead="")
    (notice,) = (text for text in unused_inputs(left_out) if "your tables" in text and "select" in text)
    assert notice == f"{tmp_path / 'scenario.yaml'}:9: storage.sites does not select sites of your tables: tuz"
    assert chinese_text(notice) != notice
    empty = problem_with(instead="", **{"storage/sites": TABLES["storage/sites"].splitlines()[0] + "\n"})
    (notice,) = (text for text in notices_of_chinese_values(empty) if "storage/sites: none" in text)
    assert "shipped sites, which are in China, is in reach of a plant; add sites of the country" in notice
    assert chinese_text(notice) != notice
    assert not [text for text in notices_of_chinese_values(problem_with()) if "storage/sites: none" in text]


def test_costs_returns_and_social_rate_of_china_are_noticed(problem_with: Callable[..., Problem]) -> None:
    found = [*notices_of_chinese_values(problem_with("policy: {market: null}\n"))]
    assert found == [
        "technologies/technologies, transport/pipe_laws, storage/class_costs: costs of China apply to amine, "
        "pipelines, wells (saline_onshore), though no plant is in China; add rows of the country to tables of your own",
        "finance/hurdle_rates: required returns of China apply to clinker (11 %), though no plant is in China; add "
        "rows of the country to a table of your own",
        "policy.social_discount_rate is not given: the rate of China, 8 %, applies, though no plant is in China",
        "discount_rate is not given: the value of China, 8 %, applies, though no plant is in China",
        "finance.tax_share is not given: the value of China, 25 %, applies, though no plant is in China",
        "finance.depreciation_yr is not given: the value of China, 10 years, applies, though no plant is in China",
    ]
    assert all(map(chinese_text, (*found, *map(without_folder, found))))


def test_rows_of_the_country_and_a_given_rate_need_no_notice(problem_with: Callable[..., Problem]) -> None:
    given = "policy: {market: null, social_discount_rate: 0.08}\ndiscount_rate: 0.08\n"
    given += "finance: {tax_share: 0.25, depreciation_yr: 10}\n"
    assert [*notices_of_chinese_values(problem_with(given, **ROWS))] == []
    shared = [*notices_of_chinese_values(problem_with(f"{given}transport: {{shared_trunklines: true}}\n", **ROWS))]
    assert shared == []


def test_static_year_has_no_notice_of_accounts(problem_with: Callable[..., Problem]) -> None:
    problem = problem_with("policy: {market: null}\n", years="static")
    (costs,) = notices_of_chinese_values(problem)
    assert costs.startswith("technologies/technologies, transport/pipe_laws, storage/class_costs: costs of China")


def test_plants_in_china_need_no_notice(problem_of: Callable[..., Problem]) -> None:
    assert [*notices_of_chinese_values(problem_of())] == []


@pytest.mark.parametrize("instead", ["", "storage/sites"])
def test_rows_without_a_site_or_stream_of_the_plan_are_not_in_use(
    problem_with: Callable[..., Problem], instead: str
) -> None:
    problem = problem_with("policy: {market: null}\n", instead=instead)
    tables = rows_in_use(problem.inputs, problem.scenario, problem.zones)
    # The shipped sites, steel works and chemical plants are in China, beyond reach.
    for name in ("storage/well_rates", "streams/mill_stacks", "streams/chemical_routes", "streams/chemical_grades"):
        assert tables[name].empty, name
    assert tables["policy/pollutants"].empty and tables["streams/factors"].empty
    assert set(tables["storage/sites"]["site"]) == {"tuz"}
    assert set(tables["storage/class_costs"]["reservoir_class"]) == {"saline_onshore"}
    assert set(tables["finance/hurdle_rates"]["product"]) == {"clinker"}
    used = references_in_use(tables)
    assert sorted(used["NDRC-2006"]) == ["finance/factors", "finance/hurdle_rates"]
    assert "SHENHUA-WELLS-PLAN" in used and "ULTRA-LOW" not in used


def test_class_costs_of_sites_with_a_fee_are_not_in_use(problem_with: Callable[..., Problem]) -> None:
    sites = "site,lat_deg,lon_deg,capacity_mid_kt,storage_cost_per_t\ntuz,38.7,33.4,100000,12\n"
    problem = problem_with("policy: {market: null, social_discount_rate: 0.03}\n", **{"storage/sites": sites})
    tables = rows_in_use(problem.inputs, problem.scenario, problem.zones)
    assert tables["storage/class_costs"].empty
    assert "social_discount_rate" not in set(tables["finance/factors"]["factor"])
    costs, *_ = notices_of_chinese_values(problem)
    assert "wells" not in costs
