"""Own sources and own technologies: valid rows enter the problem, and errors are reported at their cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ccs_model as ccs
from ccs_model.errors import InputError, Issue
from ccs_model.inputs import load_inputs
from ccs_model.problem import build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.problem.unused_inputs import unused_inputs
from ccs_model.report.language import Language

SOURCE = {
    "plant": "C1", "name": "Cement", "province": "Hebei", "grid": "Hebei south", "lat_deg": 38.2, "lon_deg": 114.4,
    "status": "operating", "sector": "cement", "capacity_ktpa": 1500,
}  # fmt: skip
METHANOL = {
    "plant": "M1", "name": "Methanol", "product": "methanol", "province": "Hebei", "grid": "Hebei south",
    "lat_deg": 38.2, "lon_deg": 114.4, "place_accuracy": "exact", "status": "operating", "capacity_ktpa": 600,
    "feedstock": "coal", "gasifier": "oxygen_blown",
}  # fmt: skip
VPSA = {
    "technology": "vpsa", "name": "My VPSA", "grade": "flue_gas", "capture_rate_share": 0.85,
    "reference_co2_share": 0.2, "capex_per_tpa": 700, "currency": "CNY", "price_year": 2023,
    "smallest_train_ktpa": 50, "largest_train_ktpa": 500, "scale_exponent": 0.7, "fixed_om_share": 0.04,
    "variable_om_per_t": 5, "power_kwh_per_t": 300, "first_year": 2030, "lead_yr": 2, "life_yr": 20, "min_life_yr": 10,
    "min_load_share": 0.4, "readiness_level": 7, "reference": "OWN", "quality": "assumed", "heat_gj_per_t": 0,
}  # fmt: skip
WriteCsv = Callable[..., Path]
MakeScenario = Callable[..., ccs.Scenario]


def rows(base: dict[str, Any], **changes: Any) -> list[list[Any]]:
    row = {**base, **changes}
    return [list(row), ["" if cell is None else cell for cell in row.values()]]


def issue_of(scenario: ccs.Scenario) -> Issue:
    with pytest.raises(InputError) as caught:
        load_inputs(scenario)
    (issue,) = caught.value.issues
    return issue


@pytest.mark.parametrize(
    ("changes", "where", "what", "hint"),
    [
        ({"sector": "cemnt"}, "sector", "'cemnt' is not a sector", "did you mean 'cement'?"),
        ({"sector": "steel"}, "sector", "'steel' is not a sector", "its plants are in plants/steel"),
        ({"sector": "methanol"}, "sector", "'methanol' is not a sector", "methanol plants belong to the chemicals"),
        ({"sector": "coal_hydrogen"}, "sector", "'coal_hydrogen' is not", "sector hydrogen is 'Hydrogen plant (steam"),
        ({"sector": ""}, "sector", "is empty, and the source has no capture costs of its own", "give the sector"),
        ({"capacity_ktpa": ""}, "capacity_ktpa", "is empty, but required for sector cement", "or give co2_ktpa"),
        ({"capacity_mw": 600}, "capacity_mw", "is given for a source of sector cement", "is in capacity_ktpa"),
        ({"sector": "coal_power"}, "capacity_ktpa", "is given for a source of sector coal_power", "capacity_mw"),
        ({"capture_capex_mn": 800}, "capture_capex_mn", "has capture costs of its own", "leave sector"),
        ({"grid": ""}, "grid", "is empty, but required for sector cement", "it sets the price of power"),
        ({"co2_ktpa": 90_000}, "co2_ktpa", "9e+04 kt/y of CO2, against 1,298 at full load", "is one of them in t/y?"),
        ({"lat_deg": 114.4, "lon_deg": 38.2}, "lat_deg", "114.4 is outside the range -90 to 90", ""),
        ({"lon_deg": 121.4}, "", "outside Hebei", ""),
    ],
)  # fmt: skip
def test_invalid_source_is_reported_at_its_cell(
    scenario: MakeScenario, write_csv: WriteCsv, changes: dict[str, Any], where: str, what: str, hint: str
) -> None:
    write_csv(rows(SOURCE, **changes))
    issue = issue_of(scenario("mine.csv"))
    assert issue.where == "mine.csv:2" + (f":{where}" if where else "")
    assert what in issue.what
    assert hint in issue.hint


def test_source_with_a_column_of_another_table_is_reported(scenario: MakeScenario, write_csv: WriteCsv) -> None:
    write_csv(rows(SOURCE, crude_steel_ktpa=5000))
    issue = issue_of(scenario("mine.csv"))
    assert issue.where == "mine.csv:1"
    assert issue.what == "unknown column 'crude_steel_ktpa'"
    assert issue.hint == "it is a column of steel: a plant has the columns of one table"


def test_stated_emissions_are_split_by_the_sector_profile(scenario: MakeScenario, write_csv: WriteCsv) -> None:
    write_csv(rows({**SOURCE, "sector": "hydrogen", "capacity_ktpa": ""}, co2_ktpa=887))
    requested = scenario("mine.csv")
    streams = build_problem(requested, load_inputs(requested)).streams.set_index("stream")["co2_ktpa"]
    assert streams.to_dict() == pytest.approx({"hydrogen_process_gas": 465.0, "reformer_flue_gas": 422.0})


def test_unit_of_a_heading_distinguishes_columns_with_the_same_label(
    scenario: MakeScenario, write_csv: WriteCsv
) -> None:
    header, row = rows(SOURCE, capacity_mw="")
    labels = {"capacity_ktpa": "Capacity [kt/y]", "capacity_mw": "Capacity [MW]"}
    write_csv([[labels.get(name, name) for name in header], row])
    loaded = load_inputs(scenario("mine.csv"))["plants/sources"]
    assert loaded["capacity_ktpa"].tolist() == [SOURCE["capacity_ktpa"]] and loaded["capacity_mw"].isna().all()


def test_source_sheet_with_chinese_headings_is_read(scenario: MakeScenario, write_book: Callable[..., Path]) -> None:
    headings = {
        "plant": "工厂编号", "name": "企业名称", "province": "省份", "grid": "电网", "lat_deg": "纬度",
        "lon_deg": "经度", "status": "状态", "sector": "行业", "capacity_ktpa": "产能（万吨/年）",
    }  # fmt: skip
    write_book(其他行业=[[headings[name] for name in SOURCE], [*list(SOURCE.values())[:-1], 150]])
    requested = scenario("mine.xlsx")
    (plant,) = build_problem(requested, load_inputs(requested)).plants.to_dict("records")
    assert (plant["sector"], plant["product"], plant["capacity_ktpa"]) == ("cement", "clinker", 1500)


def test_own_sector_enters_the_problem_and_its_errors_are_reported(scenario: MakeScenario, write_csv: WriteCsv) -> None:
    write_csv(rows(SOURCE, sector="glass", capacity_ktpa=400))
    profile = {"sector": "glass", "reference": "OWN", "quality": "assumed"}
    tables = {
        "source_sectors": {**profile, "name": "Glass", "product": "glass", "unit": "t", "currency": "EUR",
                           "price_year": 2020},
        "source_streams": {**profile, "stream": "furnace", "emission_t_per_t": 0.5},
        "source_gases": {**profile, "stream": "furnace", "grade": "flue_gas", "co2_share": 0.1},
        "utilisation": {"province": "all", "product": "glass", "year": 2024, "utilisation_share": 0.9,
                        "reference": "OWN", "quality": "assumed"},
    }  # fmt: skip
    for name, row in tables.items():
        write_csv(rows(row), name=f"my/streams/{name}.csv")
    requested = scenario("mine.csv", data="my")
    problem = build_problem(requested, load_inputs(requested))
    assert problem.plants["baseline_ktpa"].tolist() == pytest.approx([400 * 0.9 * 0.5])
    write_csv(rows(tables["source_gases"], stream="furnaces"), name="my/streams/source_gases.csv")
    issue = issue_of(requested)
    assert issue.where == "my/streams/source_streams.csv:2:stream"
    assert "no row for stream furnace of glass in streams/source_gases.csv" in issue.what
    write_csv(rows(tables["source_gases"]), name="my/streams/source_gases.csv")
    write_csv(rows(tables["utilisation"], product="glas"), name="my/streams/utilisation.csv")
    with pytest.raises(InputError) as caught:
        load_inputs(requested)
    first, second = caught.value.issues
    assert (first.where, second.where) == ("mine.csv:2:sector", "my/streams/utilisation.csv:2:product")
    assert second.hint == "did you mean 'glass'?"


def test_unknown_sector_of_a_fund_is_reported_with_the_nearest_one(tmp_path: Path) -> None:
    path = tmp_path / "zone.yaml"
    path.write_text(
        "name: Zone\nplants: {}\nbudget: {total_mn: 1}\nfunds: {bond: {interest_rate: 0.03, sectors: [stel]}}\n"
    )
    with pytest.raises(InputError) as caught:
        build_problem(*read_checked(path))
    (issue,) = caught.value.issues
    assert "zone.yaml:4" in issue.where
    assert "sector 'stel' is not in the tables" in issue.what
    assert issue.hint == "did you mean 'steel'?"


def test_chemical_product_as_sector_of_a_target_is_reported_with_the_right_sector(tmp_path: Path) -> None:
    path = tmp_path / "zone.yaml"
    target = "{by_sector: {methanol: {abatement_share: {2040: 0.1}}}}"
    path.write_text(f"name: Zone\nplants: {{}}\nbudget: {{total_mn: 1}}\ntargets: {target}\n")
    with pytest.raises(InputError) as caught:
        read_checked(path)
    (issue,) = caught.value.issues
    assert issue.hint == "methanol plants belong to the chemicals inventory; the sector is chemicals"


@pytest.mark.parametrize(
    ("changes", "where", "what", "hint"),
    [
        ({"product": "hydrogen"}, "product", "'hydrogen' is unknown", "hydrogen is a sector of sources"),
        ({"product": "amonia"}, "product", "'amonia' is unknown", "did you mean 'ammonia'?"),
        ({"feedstock": "natural_gas"}, "gasifier", "is given for a natural_gas plant", "leave it empty"),
    ],
)
def test_invalid_chemical_plant_is_reported_at_its_cell(
    scenario: MakeScenario, write_csv: WriteCsv, changes: dict[str, Any], where: str, what: str, hint: str
) -> None:
    write_csv(rows(METHANOL, **changes))
    issue = issue_of(scenario("mine.csv"))
    assert (issue.where, what in issue.what, hint in issue.hint) == (f"mine.csv:2:{where}", True, True)


# Technologies


def write_own_technology(write_csv: WriteCsv, **changes: Any) -> None:
    write_csv(rows(SOURCE))
    write_csv(rows(VPSA, **changes), name="my/technologies/technologies.csv")


def test_own_technology_becomes_an_option_like_the_shipped_ones(scenario: MakeScenario, write_csv: WriteCsv) -> None:
    write_own_technology(write_csv)
    requested = scenario("mine.csv", data="my").with_changes({"capture.technologies": ["amine", "vpsa"]})
    options = build_problem(requested, load_inputs(requested)).options.set_index(["technology", "size"])
    vpsa = options.loc[("vpsa", "full")]
    kiln = 1500 * 0.85 * 0.865
    assert vpsa["nameplate_ktpa"] == pytest.approx(kiln * 0.85)
    assert vpsa["heat_gj_per_t"] == 0
    assert vpsa["power_kwh_per_t"] == 300
    assert vpsa["first_year"] == 2030
    # The shipped law is 0.6 + 0.4 (13.5/x)^0.6; its value at 21 % is divided by that at 20 %.
    law = [0.6 + 0.4 * (13.5 / x) ** 0.6 for x in (21, 20)]
    assert vpsa["concentration_factor"] == pytest.approx(law[0] / law[1])


@pytest.mark.slow
def test_own_technology_uses_its_own_concentration_law_and_streams(scenario: MakeScenario, write_csv: WriteCsv) -> None:
    write_own_technology(write_csv, co2_scaled_share=0, gas_exponent=1, streams="kiln; recovery_boiler")
    requested = scenario("mine.csv", data="my").with_changes({"capture.technologies": ["vpsa"]})
    options = build_problem(requested, load_inputs(requested)).options
    assert set(options["concentration_factor"].round(9)) == {round(20 / 21, 9)}
    write_own_technology(write_csv, streams="recovery_boiler")
    problem = build_problem(requested, load_inputs(requested))
    assert problem.options.empty
    assert problem.plants["reason"].tolist() == ["no selected technology suits its streams"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"grade": "product_grade", "streams": "kiln"},
            "its grade is product_grade, but its streams have others: kiln (flue_gas)",
        ),
        ({"streams": "recovery_boiler"}, "no plant has its streams: recovery_boiler"),
        ({"grade": "product_grade"}, "no plant has a stream of its grade product_grade"),
        ({"readiness_level": 5}, "its readiness level 5 is below capture.readiness_min 6"),
    ],
)
def test_technology_without_an_option_is_noticed_with_the_reason(
    scenario: MakeScenario, write_csv: WriteCsv, changes: dict[str, Any], reason: str
) -> None:
    write_own_technology(write_csv, **changes)
    requested = scenario("mine.csv", data="my").with_changes(
        {"capture.technologies": ["amine", "vpsa"], "capture.readiness_min": 6}
    )
    (notice,) = unused_inputs(build_problem(requested, load_inputs(requested)))
    assert notice == f"my/technologies/technologies.csv:2: technology vpsa has no option, since {reason}"
    assert Language("zh").sentence(notice) != notice


@pytest.mark.parametrize(
    ("changes", "where", "what", "hint"),
    [
        ({"heat_gj_per_t": ""}, "heat_gj_per_t", "technology vpsa needs at least two rows", "0 for none"),
        ({"heat_gj_per_t": -1}, "heat_gj_per_t", "-1 is outside the range 0 to 15", ""),
        ({"streams": "kilnn"}, "streams", "'kilnn' is not a stream", "did you mean 'kiln'?"),
        ({"grade": "fluegas"}, "grade", "'fluegas'", "did you mean 'flue_gas'?"),
        ({"reference_co2_share": ""}, "reference_co2_share", "is empty, but required for flue gas", "CO2 share"),
        ({"smallest_train_ktpa": 900}, "smallest_train_ktpa", "900 is more than largest_train_ktpa 500", ""),
        ({"gas_exponent": 0.6}, "co2_scaled_share", "the other half of the law is given", "both or neither"),
        ({"technology": "vp/sa"}, "technology", "'vp/sa' contains a slash", "remove it"),
        ({"reference": "NOWHERE"}, "reference", "'NOWHERE' is not in references.csv", "references table"),
    ],
)
def test_invalid_technology_is_reported_at_its_cell(
    scenario: MakeScenario, write_csv: WriteCsv, changes: dict[str, Any], where: str, what: str, hint: str
) -> None:
    write_own_technology(write_csv, **changes)
    issue = issue_of(scenario("mine.csv", data="my"))
    assert issue.where == f"my/technologies/technologies.csv:2:{where}"
    assert what in issue.what
    assert hint in issue.hint


def test_unknown_technology_is_reported_with_the_nearest_one(tmp_path: Path) -> None:
    path = tmp_path / "zone.yaml"
    path.write_text("name: Zone\nplants: {}\nbudget: {total_mn: 1}\ncapture: {technologies: [amine, oxyfuel_klin]}\n")
    with pytest.raises(InputError) as caught:
        read_checked(path)
    (issue,) = caught.value.issues
    assert "zone.yaml:4" in issue.where
    assert "technology 'oxyfuel_klin' is not in the tables" in issue.what
    assert issue.hint == "did you mean 'oxyfuel_kiln'?"


def test_shipped_oxyfuel_kiln_matches_the_catalogue(scenario: MakeScenario, write_csv: WriteCsv) -> None:
    write_csv(rows(SOURCE))
    requested = scenario("mine.csv").with_changes({"capture.technologies": ["oxyfuel_kiln"], "currency": "EUR",
                                                   "price_year": 2020})  # fmt: skip
    problem = build_problem(requested, load_inputs(requested))
    full = problem.options.set_index("size").loc["full"]
    # 1.2 + 0.3 million EUR per t/h: a kiln of 3,000 t/d with 94.5 t/h of CO2 costs 141.75 million.
    assert full["capex_per_tpa"] * 94.5 * 8.76 / 1000 == pytest.approx(141.75, rel=0.01)
    assert full["power_kwh_per_t"] == 86 + 180
    assert full["heat_gj_per_t"] == 0
