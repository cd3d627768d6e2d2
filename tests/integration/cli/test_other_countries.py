"""Steel works of Germany in EUR and of India in USD, from the tracker's workbook to plan, workbook, page and exports.

Plant locations are real, and capacities are rounded from published figures. Prices, grid factors and storage sites are
invented, like the own tables of a user.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner
from openpyxl.workbook import Workbook

import ccs_model as ccs
from ccs_model.cli import group
from ccs_model.errors import InputError
from ccs_model.inputs.geography import province_outlines
from ccs_model.plan.plan import Plan
from ccs_model.report.export.formats import iamc_table
from ccs_model.report.page.page import page_text
from ccs_model.runs.run_reader import run_of
from tests.integration.report.reading import headings, main_table, texts
from tests.unit.inputs.gem_workbooks import plant_book

pytestmark = pytest.mark.slow

# id, name, country, subnational unit, place, crude and oxygen steel, blast-furnace iron in kt/y
WORKS = (
    ("D1", "Duisburg works", "Germany", "North Rhine-Westphalia", "51.4902, 6.7310", 11_600, 11_600),
    ("D2", "Salzgitter works", "Germany", "Lower Saxony", "52.1560, 10.4040", 4_700, 4_800),
    ("I1", "Bokaro works", "India", "Jharkhand", "23.6710, 86.1060", 4_500, 4_600),
    ("I2", "Durgapur works", "India", "West Bengal", "23.5480, 87.2450", 2_200, 2_400),
)
SITES = {
    "Germany": (("north_sea_a", 54.6, 6.2, "yes", 18), ("north_sea_b", 55.6, 5.0, "yes", 14)),
    "India": (("damodar", 23.7, 86.8, "no", 12), ("kg_basin", 16.3, 82.2, "yes", 20)),
}
RATES = {"EUR": 1.0, "USD": 1.1}  # scales the invented prices
# Chinese names: provinces, other grids, and the carbon market.
CHINA = re.compile(
    "|".join(sorted({*province_outlines(), "Inner Mongolia", "Hebei south", "China ETS"}, key=len, reverse=True))
)


def tracker_workbook() -> bytes:
    works = [
        {"id": i, "name": name, "country": country, "state": state, "place": place, "accuracy": "exact", "coke": ">0"}
        for i, name, country, state, place, _, _ in WORKS
    ]
    capacities = [
        {"id": i, "status": "operating", "crude": steel, "bof": steel, "bf": iron} for i, *_, steel, iron in WORKS
    ]
    return plant_book(works=works, capacities=capacities)


def fill_in_tables(out: Path, country: str, currency: str) -> Path:
    """Fill in the tables that an imported country needs, in `currency` of 2024; return the scenario."""
    rate = RATES[currency]
    money = f"{currency},2024,MINE,assumed,"
    rows = {
        "prices/power": f"{country},2024,{0.08 * rate},{0.02 * rate},0.05,{8 * rate},0.85,{0.01 * rate},0.19,{money}",
        "prices/fuels": f"{country},coal,2024,{4.2 * rate},0.19,{money}",
        "prices/grid_factors": f"{country},2024,0.4,MINE,assumed,",
        "streams/utilisation": f"{country},crude_steel,2024,0.75,MINE,assumed,",
        "references": "MINE,The planner's own figures,,,",
    }
    for table, row in rows.items():
        with (out / "data" / f"{table}.csv").open("a", encoding="utf-8") as file:
            file.write(row + "\n")
    path = out / "data" / "storage" / "sites.csv"
    sites = pd.DataFrame(
        {
            "site": site, "name": site, "basin": site, "province": country, "lat_deg": lat, "lon_deg": lon,
            "kind": "saline", "is_offshore": offshore, "capacity_low_kt": 100_000, "capacity_mid_kt": 200_000,
            "capacity_high_kt": 400_000, "well_injectivity_ktpa": 500, "n_wells_max": 40,
            "storage_cost_per_t": cost * rate, "currency": currency, "price_year": 2024, "reference": "MINE",
            "quality": "assumed", "note": "the planner's own",
        }
        for site, lat, lon, offshore, cost in SITES[country]
    )  # fmt: skip
    sites.reindex(columns=pd.read_csv(path).columns).to_csv(path, index=False)
    return out / "scenario.yaml"


def import_countries(folder: Path, *countries: str) -> Path:
    (folder / "tracker.xlsx").write_bytes(tracker_workbook())
    args = ["import", "gem", str(folder / "tracker.xlsx"), "-o", str(folder / "out")]
    for country in countries:
        args += ["--country", country]
    answer = CliRunner().invoke(group, args, standalone_mode=False)
    assert answer.exception is None, answer.exception
    return folder / "out"


@pytest.fixture(scope="module", params=[("Germany", "EUR"), ("India", "USD")], ids=["Germany", "India"])
def solved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plan, Workbook]]:
    country, currency = request.param
    folder = tmp_path_factory.mktemp(country)
    plan = ccs.optimize(fill_in_tables(import_countries(folder, country), country, currency))
    yield plan, openpyxl.load_workbook(plan.to_excel(folder / "plan.xlsx"), data_only=True)


def test_a_plan_uses_the_currency_and_sites_of_its_country(solved):
    plan, _ = solved
    country = plan.problem.zones[0]
    assert plan.problem.currency == {"Germany": "EUR", "India": "USD"}[country]
    assert plan.problem.zones == (country,)
    assert len(plan.retrofits)
    assert set(plan.storage["site"]) <= {site for site, *_ in SITES[country]}
    assert plan.checks["holds"].all()
    # By hand: 1.85 t CO2 per tonne of oxygen steel, at the user's utilisation of 0.75.
    steel = sum(row[5] for row in WORKS if row[2] == country)
    assert plan.problem.baseline_ktpa == pytest.approx(1.85 * 0.75 * steel, rel=1e-9)


def test_the_workbook_contains_no_chinese_place_names(solved):
    plan, workbook = solved
    measured = {
        note for name in ("transport/pipe_laws", "storage/class_costs") for note in plan.problem.inputs[name]["note"]
    }
    for sheet in workbook.worksheets:
        # Notes in these sheets name the place of measurement, which may be in China.
        if sheet.title in ("Technologies", "Sources"):
            continue
        reported = [text for text in texts(sheet) if CHINA.search(text) and text not in measured]
        assert not reported, (sheet.title, reported)
    assert not [row for row in main_table(workbook["Sources"]) if "HEBEI" in str(row[0].value)]
    assert not any("report states" in text or "15 %" in text for text in texts(workbook["Calibration"]))
    heading = headings(workbook["Plants"])
    assert "Name (Chinese)" not in heading
    assert any(f"{plan.problem.currency} 2024" in text for text in texts(workbook["Summary"]))


def test_page_and_export_contain_no_chinese_place_names(solved):
    plan, _ = solved
    run = run_of(plan)
    page = page_text(run)
    # Only citations may name a Chinese place.
    assert not CHINA.search(re.sub(r"<ol class=sources>.*?</ol>", "", page, flags=re.DOTALL))
    assert page.count(plan.problem.currency) > 5
    assert set(iamc_table(run)["Region"]) == {plan.problem.zones[0], "All zones"}


def test_shipped_air_pollutant_rates_apply_to_china_only(solved, tmp_path):
    plan, _ = solved
    assert plan.air_pollution.empty
    path = fill_in_tables(import_countries(tmp_path, "Germany"), "Germany", "EUR")
    (path.parent / "data/policy").mkdir(parents=True, exist_ok=True)
    rates = "pollutant,coal_g_per_gj,grid_g_per_kwh,reference,quality\nNOx,50,0.5,OWN,assumed\n"
    (path.parent / "data/policy/pollutants.csv").write_text(rates, encoding="utf-8")
    own = ccs.optimize(ccs.read_scenario(path)).air_pollution
    assert set(own["pollutant"]) == {"NOx"} and own["emission_ktpa"].gt(0).any()
    # The Chinese tax applies in no other country.
    assert own[["tax_low_per_t", "tax_high_per_t", "tax_low_mn_pa"]].isna().all(axis=None)


def test_another_currency_only_scales_costs(tmp_path):
    path = fill_in_tables(import_countries(tmp_path, "Germany"), "Germany", "EUR")
    eur = ccs.read_scenario(path)
    inputs = ccs.load_inputs(eur)
    usd = eur.with_changes({"currency": "USD"})
    rates = inputs["indices/exchange_rates"].set_index(["currency", "year"])["cny_per_unit"]
    factor = rates["EUR", 2024] / rates["USD", 2024]
    in_eur, in_usd = ccs.build_problem(eur, inputs), ccs.build_problem(usd, inputs)
    for part, amount in in_eur.cost_per_t.items():
        assert in_usd.cost_per_t[part] == pytest.approx(amount * factor, rel=1e-12)
    for name in ("capture_capex_mn",):
        assert in_usd.routes[name].to_numpy() == pytest.approx(in_eur.routes[name].to_numpy() * factor, rel=1e-12)


def test_one_plan_covers_several_countries(tmp_path):
    out = import_countries(tmp_path, "Germany", "India")
    fill_in_tables(out, "Germany", "USD")
    sites = pd.read_csv(out / "data/storage/sites.csv")
    text = (out / "data/references.csv").read_text(encoding="utf-8")
    fill_in_tables(out, "India", "USD")
    both = pd.concat([sites, pd.read_csv(out / "data/storage/sites.csv")])
    both.to_csv(out / "data/storage/sites.csv", index=False)
    (out / "data/references.csv").write_text(text, encoding="utf-8")
    scenario = ccs.read_scenario(out / "scenario.yaml").with_changes({"budget.total_mn": 6_000})
    plan = ccs.optimize(scenario)
    assert (plan.problem.currency, plan.problem.zones) == ("USD", ("Germany", "India"))
    assert set(plan.retrofits["plant"].str[0]) == {"D", "I"}
    site_of = plan.retrofits.set_index("plant")["site"]
    assert all((site in dict.fromkeys(s for s, *_ in SITES["India"])) == (plant[0] == "I")
               for plant, site in site_of.items())  # fmt: skip


def test_an_own_carbon_market_determines_the_carbon_credit(tmp_path):
    path = fill_in_tables(import_countries(tmp_path, "Germany"), "Germany", "EUR")
    requested = {"policy.carbon_price_per_t": {2026: 80}, "policy.capture_deductible": True}
    scenario = ccs.read_scenario(path).with_changes(requested)
    assert scenario.policy.market is None
    inputs = ccs.load_inputs(scenario)
    assert (ccs.build_problem(scenario, inputs).accounts.credit_per_t == 80).all()
    with pytest.raises(InputError, match=r"market 'EU ETS' has no rules in policy/ets \(there: China ETS; add rows"):
        ccs.build_problem(scenario.with_changes({"policy.market": "EU ETS"}), inputs)
    (path.parent / "data" / "policy").mkdir()
    (path.parent / "data" / "policy" / "ets.csv").write_text(
        "market,sector,first_year,allocation,free_share,band_share,scope,reference,quality\n"
        "EU ETS,steel,2030,intensity,0.5,1,direct,MINE,assumed\n"
    )
    inputs = ccs.load_inputs(scenario)
    problem = ccs.build_problem(scenario.with_changes({"policy.market": "EU ETS"}), inputs)
    # By hand: no credit before 2030, the full price from then on.
    assert (problem.accounts.credit_per_t[:, problem.calendar < 2030] == 0).all()
    assert (problem.accounts.credit_per_t[:, problem.calendar >= 2030] == 80).all()


def test_a_misspelt_country_is_resolved_by_coordinates_with_a_notice(tmp_path):
    path = fill_in_tables(import_countries(tmp_path, "Germany"), "Germany", "EUR")
    table = path.parent / "steel.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(",Germany,", ",Germny,"), encoding="utf-8")
    scenario = ccs.read_scenario(path)
    inputs = ccs.load_inputs(scenario)
    ccs.build_problem(scenario, inputs)
    assert any("Germny" in notice and "Germany" in notice for notice in inputs.notices), inputs.notices
