"""`init --country`: each shipped pack gives a scenario that can be solved, and errors in a pack are reported.

Crude-steel capacities of countries are sums of the tracker of September 2025; other figures are in the tables of packs.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner

import ccs_model as ccs
from ccs_model.cli import group
from ccs_model.errors import InputError
from ccs_model.inputs.country_packs import pack_of
from ccs_model.inputs.geography import country_outlines, km_outside_province, province_outlines
from ccs_model.inputs.place_checks import PROVINCE_MARGIN_KM
from ccs_model.paths import data_folder
from ccs_model.report.page.page import page_text
from ccs_model.runs.run_reader import run_of
from tests.integration.report.reading import texts

pytestmark = pytest.mark.slow

# Crude steel of blast-furnace plants: operating capacity of the tracker in Mt/y, output of 2024 by worldsteel in Mt.
PACKS = {
    "Brazil": (43.6, 33.7),
    "Germany": (49.2, 37.2),
    "India": (135.1, 149.6),
    "Japan": (102.9, 84.0),
    "South Korea": (79.8, 63.5),
    "United States": (112.85, 79.5),
}
CURRENCIES = {
    "Brazil": "BRL", "Germany": "EUR", "India": "INR", "Japan": "JPY", "South Korea": "KRW", "United States": "USD",
}  # fmt: skip
CHINA = re.compile(
    "|".join(sorted({*province_outlines(), "Inner Mongolia", "Hebei south", "China ETS"}, key=len, reverse=True))
)
SHIPPED = data_folder() / "countries"


def run(*args: str) -> tuple[int, str, str]:
    answer = CliRunner().invoke(group, list(args), standalone_mode=False)
    if isinstance(answer.exception, InputError):
        return 3, answer.stdout, "\n".join(map(str, answer.exception.issues))
    assert answer.exception is None, answer.exception
    return int(answer.return_value or 0), answer.stdout, answer.stderr


def init_scenario(folder: Path, country: str, *args: str) -> Path:
    code, stdout, stderr = run("init", str(folder / "zone"), "--country", country, *args)
    assert code == 0, stderr
    assert "ready to run" in stdout
    return folder / "zone" / "scenario.yaml"


def test_every_shipped_pack_is_tested() -> None:
    assert {pack_of(name).country for name in PACKS} == set(PACKS)
    assert len(list(SHIPPED.iterdir())) == len(PACKS)


@pytest.mark.parametrize("country", PACKS)
def test_a_pack_has_the_plants_currency_and_sites_of_its_country(tmp_path: Path, country: str) -> None:
    scenario = ccs.read_scenario(init_scenario(tmp_path, country))
    problem = ccs.build_problem(scenario, ccs.load_inputs(scenario))
    assert (problem.currency, problem.zones) == (CURRENCIES[country], (country,))
    capacity, output = PACKS[country]
    assert problem.plants["capacity_ktpa"].sum() / 1000 == pytest.approx(capacity, abs=0.06)
    used = problem.inputs["streams/utilisation"].set_index(["province", "product"])["utilisation_share"]
    assert used[country, "crude_steel"] == pytest.approx(min(1.0, output / capacity), abs=0.002)
    assert set(problem.sites["province"]) == {country}
    # Each plant is a candidate or has a reason why it is not eligible.
    assert (problem.plants["is_candidate"] | (problem.plants["reason"] != "")).all()


@pytest.mark.parametrize("country", PACKS)
def test_every_number_of_a_pack_has_a_reference_and_a_quality(country: str) -> None:
    pack = pack_of(country)
    known = set(pd.read_csv(data_folder() / "references.csv")["reference"])
    settings = pack.settings[~pack.settings["key"].isin(("country", "also", "currency"))]
    assert set(settings["reference"]) <= known
    assert set(settings["quality"]) <= {"measured", "reported", "estimated", "assumed"}
    for inner in pack.files:
        table = pd.read_csv(SHIPPED / country.lower().replace(" ", "-") / inner)
        assert set(table["reference"]) <= known, inner
        assert table["quality"].notna().all(), inner
        # A reported number cites a document that was consulted.
        cited = set(table.loc[table["quality"] == "reported", "reference"])
        where = pd.read_csv(data_folder() / "references.csv").set_index("reference")["citation"]
        assert not [each for each in cited if "not consulted" in where[each]], inner


@pytest.mark.parametrize("country", PACKS)
def test_sites_of_a_pack_have_plausible_coordinates_and_ordered_capacities(country: str) -> None:
    assert country in country_outlines()
    sites = pd.read_csv(SHIPPED / country.lower().replace(" ", "-") / "storage/sites.csv")
    assert not sites.duplicated(["lat_deg", "lon_deg"]).any()
    onshore = sites[sites["is_offshore"] != "yes"]
    outside_km = km_outside_province(onshore["province"], onshore["lat_deg"], onshore["lon_deg"])
    assert set(sites["province"]) == {country} and (outside_km <= PROVINCE_MARGIN_KM).all()
    assert (sites["capacity_low_kt"] <= sites["capacity_mid_kt"]).all()
    assert (sites["capacity_mid_kt"] <= sites["capacity_high_kt"]).all()


# IEAGHG/BGS 2008, table A4.1: 63.3 Gt in eleven Indian basins.
def test_capacities_of_indian_basins_sum_to_the_published_total() -> None:
    sites = pd.read_csv(SHIPPED / "india/storage/sites.csv")
    assert len(sites) == 11
    assert sites["theoretical_capacity_kt"].sum() == 63_300_000


@pytest.mark.parametrize("country", PACKS)
def test_a_pack_gives_a_plan_workbook_and_page_without_chinese_place_names(tmp_path: Path, country: str) -> None:
    plan = ccs.optimize(init_scenario(tmp_path, country), effort="quick")
    assert len(plan.retrofits)
    assert plan.checks["holds"].all()
    workbook = openpyxl.load_workbook(plan.to_excel(tmp_path / "plan.xlsx"), data_only=True)
    inputs = plan.problem.inputs
    # Notes on input values name the place of measurement, which may be in China.
    origins = {str(text) for name in inputs.tables if "note" in inputs[name] for text in inputs[name]["note"]}
    for sheet in workbook.worksheets:
        if sheet.title not in ("Technologies", "Sources"):
            reported = [text for text in texts(sheet) if CHINA.search(text) and text not in origins]
            assert not reported, (sheet.title, reported)
    page = page_text(run_of(plan))
    # The list of sources and the map data may name places in China.
    elsewhere = r"<ol class=sources>.*?</ol>|<script type=\"application/json\" id=map-data>.*?</script>"
    assert not CHINA.search(re.sub(elsewhere, "", page, flags=re.DOTALL))
    assert plan.problem.currency in page
    for name in plan.problem.plants.loc[plan.problem.plants["reason"] != "", "name"].head(3):
        assert any(name in text for text in texts(workbook["Plants"]))


def test_an_unknown_country_is_reported_with_the_closest_match_and_the_list(tmp_path: Path) -> None:
    code, _, stderr = run("init", str(tmp_path / "zone"), "--country", "Indai")
    assert code == 3
    assert "--country: there is no pack of 'Indai'" in stderr
    assert "did you mean 'India'?" in stderr
    assert "Brazil, China, Germany, India, Japan, South Korea, United States" in stderr
    assert not (tmp_path / "zone").exists()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Viet Nam", "Viet Nam,"), ("vietnam", "Viet"), ("côte d'ivoire", "Côte d'Ivoire,"), ("UK", "the UK,"),
        ("The Netherlands", "the Netherlands,"), ("philippines", "the Philippines,"),
        ("united arab emirates", "the United Arab Emirates,"),
    ],
)  # fmt: skip
def test_a_country_is_known_by_each_spelling_of_its_name(tmp_path: Path, name: str, found: str) -> None:
    code, stdout, stderr = run("init", str(tmp_path / "zone"), "--country", name)
    assert code == 0, stderr
    assert f"scenario.yaml for {found}" in stdout


@pytest.mark.parametrize(("name", "meant"), [("Marocco", "Morocco"), ("Spayn", "Spain")])
def test_a_misspelt_country_without_a_pack_is_suggested(tmp_path: Path, name: str, meant: str) -> None:
    code, _, stderr = run("init", str(tmp_path / "zone"), "--country", name)
    assert code == 3 and f"did you mean '{meant}'?" in stderr


@pytest.mark.parametrize(("name", "sectors"), [("Nowhere", ()), ("Spain", ("--sector", "steel"))])
def test_a_country_without_a_pack_is_reported_without_a_suggestion(
    tmp_path: Path, name: str, sectors: tuple[str, ...]
) -> None:
    code, _, stderr = run("init", str(tmp_path / "zone"), "--country", name, *sectors)
    assert code == 3
    assert f"--country: there is no pack of '{name}' (there are Brazil, China, Germany" in stderr
    assert "United States; for others see docs/reference/other-countries.md and `ccs-model import gem`)" in stderr


def test_a_country_without_a_pack_gets_a_scenario_with_files_to_fill_in(tmp_path: Path) -> None:
    folder = tmp_path / "zone"
    code, stdout, _ = run("init", str(folder), "--country", "spain")
    assert code == 0 and "scenario.yaml for Spain, which has no country pack. Fill in:" in stdout
    scenario = (folder / "scenario.yaml").read_text(encoding="utf-8")
    assert "currency: EUR" in scenario and "inventory: [plants.xlsx]" in scenario
    code, _, stderr = run("check", str(folder / "scenario.yaml"))
    assert code == 3 and "plants.xlsx: has no plants" in stderr
    # Filled in by the headings alone, it can be solved.
    rows = {
        "prices/power": {"grid": "*", "year": 2024, "benchmark_per_kwh": 0.08, "transmission_per_kwh": 0.01,
                         "loss_share": 0, "demand_per_kw_month": 0, "load_factor_share": 1, "fees_per_kwh": 0,
                         "vat_share": 0, "currency": "EUR", "price_year": 2024},
        "prices/fuels": {"province": "*", "fuel": "coal", "year": 2024, "price_per_gj": 3, "vat_share": 0,
                         "currency": "EUR", "price_year": 2024},
        "prices/grid_factors": {"province": "*", "year": 2024, "grid_kg_per_kwh": 0.15},
        "storage/sites": {"site": "ebro", "lat_deg": 41.5, "lon_deg": -0.5, "capacity_mid_kt": 100_000,
                          "currency": "EUR", "price_year": 2024},
    }  # fmt: skip
    for table, row in rows.items():
        path = folder / "data" / f"{table}.csv"
        assert set(row) <= set(path.read_text(encoding="utf-8").strip().split(","))
        pd.DataFrame([row]).to_csv(path, index=False)
    book = openpyxl.load_workbook(folder / "plants.xlsx")
    sheet = book["sources"]
    plant = {"plant": "C1", "name": "Ebro cement", "province": "Spain", "grid": "Spain", "lat_deg": 41.6,
             "lon_deg": -0.9, "status": "operating", "sector": "cement", "capacity_ktpa": 1_500}  # fmt: skip
    at = next(row for row in range(1, 20) if "plant" in [str(cell.value).split(" ")[0] for cell in sheet[row]])
    headings = [str(cell.value).split(" ")[0] for cell in sheet[at]]
    for name, value in plant.items():
        sheet.cell(sheet.max_row if name != "plant" else sheet.max_row + 1, headings.index(name) + 1, value)
    book.save(folder / "plants.xlsx")
    code, stdout, stderr = run("check", str(folder / "scenario.yaml"))
    assert code == 0, stderr
    assert "1 candidate plant" in stdout and "1 storage site" in stdout


def test_country_names_match_in_any_case_and_by_short_form(tmp_path: Path) -> None:
    assert "of the United States with" in run("init", str(tmp_path / "usa"), "--country", "usa")[1]
    assert pack_of("uNiTeD states").country == pack_of("USA").country == "United States"
    assert "provinces: [Shanxi]" in Path(
        (run("init", str(tmp_path / "home"), "--country", "china"), tmp_path / "home" / "scenario.yaml")[1]
    ).read_text(encoding="utf-8")


def test_a_sector_without_plants_is_reported(tmp_path: Path) -> None:
    code, _, stderr = run("init", str(tmp_path / "zone"), "--country", "India", "--sector", "steel,cement")
    assert code == 3
    assert "--sector: the pack of India has no plants of 'cement' (it has steel)" in stderr
    init_scenario(tmp_path, "India", "--sector", "steel")


def copy_pack(tmp_path: Path, *parts: str) -> Path:
    root = tmp_path / "countries"
    shutil.copytree(SHIPPED / "india", root / "india")
    return root.joinpath("india", *parts)


@pytest.mark.parametrize("table", ["prices/power", "storage/sites", "technologies/technologies"])
def test_a_missing_table_of_a_pack_is_reported(tmp_path: Path, table: str) -> None:
    copy_pack(tmp_path, f"{table}.csv").unlink()
    with pytest.raises(InputError, match=rf"countries/india: the pack lacks {table}\.csv"):
        pack_of("India", root=tmp_path / "countries")


def test_a_pack_with_a_misnamed_inventory_is_reported(tmp_path: Path) -> None:
    copy_pack(tmp_path, "steel.csv").rename(tmp_path / "countries/india/stel.csv")
    with pytest.raises(InputError) as error:
        pack_of("India", root=tmp_path / "countries")
    assert [each.what for each in error.value.issues] == ["the pack has no plants", "is not a table"]
    assert "did you mean 'steel.csv'?" in error.value.issues[1].hint


def test_a_scenario_currency_without_a_price_index_is_reported_with_the_known_ones(tmp_path: Path) -> None:
    path = init_scenario(tmp_path, "Germany")
    path.write_text(path.read_text(encoding="utf-8").replace("currency: EUR", "currency: GBP"), encoding="utf-8")
    code, _, stderr = run("check", str(path))
    assert code == 3
    assert re.search(r"scenario.yaml:\d+(:\d+)?: no price index for GBP 2024 in indices/deflators", stderr)
    assert "BRL, CNY, EUR, INR, JPY, KRW, USD" in stderr or "did you mean" in stderr


def edit_first_row(path: Path, table: str, **cells: object) -> Path:
    """Change cells in the first row of a table of the scenario."""
    file = path.parent / "data" / f"{table}.csv"
    frame = pd.read_csv(file)
    for column, value in cells.items():
        frame[column] = frame[column].astype(object)
        frame.loc[0, column] = value
    frame.to_csv(file, index=False)
    return path


def test_a_table_currency_without_a_price_index_is_reported_at_its_row(tmp_path: Path) -> None:
    code, _, stderr = run(
        "check", str(edit_first_row(init_scenario(tmp_path, "India"), "prices/power", currency="GBP"))
    )
    assert code == 3
    assert (
        "data/prices/power.csv:2:currency: no price index for GBP 2025; indices/deflators has BRL, CNY, EUR" in stderr
    )


def test_an_offshore_site_marked_onshore_is_reported(tmp_path: Path) -> None:
    code, _, stderr = run(
        "check", str(edit_first_row(init_scenario(tmp_path, "India"), "storage/sites", is_offshore="no"))
    )
    assert code == 3
    assert re.search(
        r"data/storage/sites.csv:2:lat_deg: site mahanadi is onshore, but lies \d+ km outside India "
        r"\(set is_offshore to yes",
        stderr,
    )


def test_a_site_with_swapped_coordinates_is_reported(tmp_path: Path) -> None:
    path = edit_first_row(
        init_scenario(tmp_path, "India"), "storage/sites", lat_deg=72.6, lon_deg=22.5, is_offshore="no"
    )
    code, _, stderr = run("check", str(path))
    assert code == 3
    assert "lat and lon look swapped" in stderr


def test_the_valid_range_of_an_amount_depends_on_its_currency(tmp_path: Path) -> None:
    # 8.52 INR/kWh are 0.73 CNY/kWh; 8,520 looks like a tariff per MWh (730 CNY).
    code, _, stderr = run(
        "check", str(edit_first_row(init_scenario(tmp_path, "India"), "prices/power", benchmark_per_kwh=8_520))
    )
    assert code == 3
    assert re.search(r"power.csv:2:benchmark_per_kwh: 8520(\.0)? is outside the range 0 to 60", stderr)


def test_a_plant_that_closes_before_it_starts_is_reported(tmp_path: Path) -> None:
    path = init_scenario(tmp_path, "Germany")
    works = pd.read_csv(path.parent / "steel.csv", dtype=str, keep_default_na=False)
    works["closing_year"] = ""
    works.loc[0, ["start_year", "closing_year"]] = ["2031", "2030"]
    works.to_csv(path.parent / "steel.csv", index=False)
    code, _, stderr = run("check", str(path))
    assert code == 3
    assert f"steel.csv:2:closing_year: {works.loc[0, 'plant']} closes in 2030, but starts in 2031" in stderr
