"""Lookalike names are read as the known name; other unknown names are reported with the nearest one."""

from __future__ import annotations

import pytest

import ccs_model as ccs
from ccs_model.errors import InputError
from ccs_model.inputs import load_inputs
from ccs_model.inputs.checked_scenario import known_names, read_checked, with_names_of_tables
from ccs_model.problem import build_problem
from ccs_model.scenario.validation import clean_text, odd_letters, same_name, visible_form
from tests.own_tables import works

CYRILLIC = "H\u0435bei"  # the second letter is U+0435
# Spellings of Hebei: lookalikes, and its name in Chinese.
SPELLINGS = ["HEBEI", "hebei", "Ｈｅｂｅｉ", CYRILLIC, "He\u200bbei", "\u202aHebei\u202c", "Hebei\u00a0", "河北 省"]


@pytest.mark.parametrize("written", SPELLINGS)
def test_lookalike_province_is_read_as_the_known_one(scenario, write_csv, written):
    write_csv(works("M1", province=written))
    inputs = load_inputs(scenario("mine.csv"))
    assert inputs["plants/steel"]["province"].tolist() == ["Hebei"]
    if clean_text(written) == written and written.isascii():
        assert inputs.notices == (f"mine.csv:2:province: '{written}' is read as 'Hebei'",)


def test_notice_names_the_unusual_letter_and_its_cell(scenario, write_book):
    write_book(steel=works("M1", "M2", "M3", province=CYRILLIC))
    (notice,) = load_inputs(scenario("mine.xlsx")).notices
    assert notice == (
        f"mine.xlsx:steel!C2: '{CYRILLIC}' with the Cyrillic letter \u0435 (U+0435) is read as 'Hebei', "
        "and in 2 more rows"
    )


def test_scenario_names_match_every_spelling_in_the_tables(tmp_path, write_csv):
    heading, *rows = works(*(f"M{k}" for k in range(len(SPELLINGS))))
    at = heading.index("province")
    write_csv([heading, *([*row[:at], name, *row[at + 1 :]] for row, name in zip(rows, SPELLINGS, strict=True))])
    lines = ["name: Mine", "plants:", "  inventory: [mine.csv]", "  provinces: [ＨＥＢＥＩ]", "  exclude: [m0]",
             f"  not_before: {{'{'М1'}': 2030}}", "years: [2026, 2030]",
             "budget: {total_mn: 1000, by_province_mn: {河北: 900}}"]  # fmt: skip
    path = tmp_path / "scenario.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    requested, inputs = read_checked(path)
    assert requested.plants.provinces == ("Hebei",) and requested.plants.exclude == ("M0",)
    assert dict(requested.plants.not_before) == {"M1": 2030} and dict(requested.budget.by_province_mn) == {"Hebei": 900}
    assert len(build_problem(requested, inputs).plants) == len(SPELLINGS)
    assert f"{path.name}:4: plants.provinces[0]: 'ＨＥＢＥＩ' with characters of another width is read as 'Hebei'" in (
        notice.replace(f"{tmp_path}/", "") for notice in inputs.all_notices
    )


def test_lookalike_province_of_a_fund_with_a_dot_in_its_name_is_read_as_the_known_one():
    fund = {"kind": "bond", "share_max": 0.3, "interest_rate": 0.02, "term_yr": 8, "provinces": ["ＨＥＢＥＩ"]}
    settings = {
        "name": "x",
        "plants": {"inventory": ["steel"]},
        "budget": {"total_mn": 900},
        "funds": {"green.bond": fund},
    }
    requested = ccs.Scenario.from_dict(settings)
    normalised, (notice,) = with_names_of_tables(requested, known_names(load_inputs(requested).column))
    assert normalised.funds["green.bond"].provinces == ("Hebei",) and "funds.green.bond.provinces[0]" in notice
    assert normalised.with_changes({"funds.green.bond.share_max": 0.2}).funds["green.bond"].share_max == 0.2


def test_issue_of_an_inventory_file_keeps_its_index_after_an_invalid_name(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("name: x\nplants:\n  inventory: [chemcals, none.csv]\nbudget: {total_mn: 900}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_checked(path)
    first, second = map(str, caught.value.issues)
    assert "plants.inventory[0]: expected steel" in first
    assert f"s.yaml:3: plants.inventory[1]: cannot read {tmp_path}" in second


def test_own_grid_factor_overrides_that_of_the_lookalike_province(scenario, tmp_path):
    path = tmp_path / "my" / "prices" / "grid_factors.csv"
    path.parent.mkdir(parents=True)
    path.write_text(
        "province,year,grid_kg_per_kwh,reference,quality,note\nHEBEI,2022,0.5,own,reported,\n", encoding="utf-8"
    )
    table = load_inputs(scenario(data="my"))["prices/grid_factors"]
    assert table.loc[table["province"] == "Hebei", ["year", "grid_kg_per_kwh", "reference"]].to_numpy().tolist() == [
        [2022, 0.5, "OWN"]
    ]


def test_misspelt_name_is_noticed_at_its_cell_with_the_nearest_one(scenario, write_csv, tmp_path):
    write_csv(works("M1", province="Hebeii", grid="Hebei sauth"))
    path = tmp_path / "my" / "prices" / "fuels.csv"
    path.parent.mkdir(parents=True)
    head = "province,fuel,year,price_per_gj,vat_share,currency,price_year,reference,quality,note"
    path.write_text(f"{head}\nShanxii,coal,2024,30,0.13,CNY,2024,OWN,reported,\n", encoding="utf-8")
    assert load_inputs(scenario("steel", "mine.csv", data="my")).notices == (
        "mine.csv:2:province: 'Hebeii' has no row in prices/fuels and prices/grid_factors; did you mean 'Hebei'?",
        "my/prices/fuels.csv:2:province: 'Shanxii' has no plants, this row is not used; did you mean 'Shanxi'?",
        "mine.csv:2:grid: 'Hebei sauth' has no row in prices/power; did you mean 'Hebei south'?",
    )


def test_rows_that_belong_to_no_stream_technology_or_place_are_noticed(scenario, tmp_path):
    for table, row in {
        "streams/source_gases": "sector,stream,grade,co2_share|cement,kilm,flue_gas,0.2",
        "technologies/heat": "technology,co2_share,heat_gj_per_t,capture_rate_share|amin,0.1,3.6,0.9",
        "streams/utilisation": "province,product,year,utilisation_share|Hebeii,crude_steel,2024,0.9",
    }.items():
        path = tmp_path / "my" / f"{table}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        head, values = row.split("|")
        path.write_text(f"{head},reference,quality,note\n{values},OWN,reported,\n", encoding="utf-8")
    assert load_inputs(scenario("steel", data="my")).notices == (
        "my/streams/utilisation.csv:2:province: rows of places without plants are not used: Hebeii",
        "my/streams/source_gases.csv:2:stream: 'cement kilm' is not in streams/source_streams, this row is not used; "
        "did you mean 'kiln'?",
        "my/technologies/heat.csv:2:technology: 'amin' is not in technologies/technologies, this row is not used; "
        "did you mean 'amine'?",
    )


@pytest.mark.parametrize("other", ["m1", "Ｍ１", "\u041c1", "M\u200b1"])
def test_lookalike_plant_ids_are_rejected(scenario, write_csv, other):
    write_csv(works("M1", other))
    with pytest.raises(InputError, match="looks like 'M1' of line 2"):
        load_inputs(scenario("mine.csv"))


def test_site_id_that_looks_like_a_shipped_one_is_rejected(scenario, tmp_path, inputs):
    shipped = inputs["storage/sites"]["site"].iloc[0]
    path = tmp_path / "my" / "storage" / "sites.csv"
    path.parent.mkdir(parents=True)
    path.write_text(
        "site,name,basin,province,lat_deg,lon_deg,kind,is_offshore,capacity_low_kt,capacity_mid_kt,capacity_high_kt,"
        f"currency,price_year,reference,quality\n{shipped.upper()},Mine,Mine,Hebei,38,115,saline,no,900,1000,1100,CNY,2024,OWN,assumed\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError, match=f"'{shipped.upper()}' looks like '{shipped}'"):
        load_inputs(scenario(data="my"))


def test_unknown_province_of_a_scenario_is_reported_with_the_nearest_one(tmp_path):
    path = tmp_path / "scenario.yaml"
    path.write_text(
        "name: Mine\nplants: {provinces: [Ｈebeii]}\nyears: [2026, 2030]\nbudget: {total_mn: 1}\n", encoding="utf-8"
    )
    with pytest.raises(InputError) as caught:
        read_checked(path)
    assert caught.value.issues[0].hint == "did you mean 'Hebei'?"


def test_scenario_built_in_python_must_spell_names_as_the_tables_do():
    requested = ccs.read_scenario("scenarios/hebei.yaml").with_changes({"plants.provinces": ["HEBEI"]})
    with pytest.raises(InputError, match="did you mean 'Hebei'"):
        build_problem(requested, load_inputs(requested))


def test_name_comparison_ignores_case_and_lookalike_letters():
    assert visible_form("\u041dЕВЕI") == visible_form("hebei")  # Cyrillic capitals Н, Е, В
    assert visible_form("в") != visible_form("b")  # the lower-case letter does not look like b
    assert same_name("inner\u00a0mongolia", ["Inner Mongolia", "Shanxi"]) == "Inner Mongolia"
    assert same_name("a", ["A", "\u0410"]) is None
    assert odd_letters("Ob\u00adi") == "an invisible character (U+00AD)" and odd_letters("São Paulo") == ""


def test_plant_name_in_place_of_an_id_is_reported_with_matching_ids(tmp_path):
    path = tmp_path / "scenario.yaml"
    path.write_text("name: x\nplants: {require: [hebei tangyin]}\nbudget: {total_mn: 9}\n", encoding="utf-8")
    with pytest.raises(InputError) as raised:
        read_checked(path)
    assert "such as P100000120150 (Hebei Tangyin Iron and Steel Co Ltd)" in str(raised.value)
