"""Values listed from the country packs: counts, units and references, and the generated page of assumed numbers."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner

from ccs_model.cli import group
from ccs_model.errors import InputError
from ccs_model.inputs.country_packs import COLUMNS, country_values, listed_countries
from ccs_model.paths import data_folder
from tests.paths import ROOT

# Values in the assumed rows of data/countries/germany, counted by hand: eight settings; the loss carry-forward period;
# the hurdle rate with low and high; the coal price and its tax; the grid factor of 2030; three well costs with low and
# high, three operating costs; two sites with latitude, longitude, three capacities, rate and wells; eighteen values of
# one technology.
GERMANY = {
    "country": 8, "finance/factors": 1, "finance/hurdle_rates": 3, "prices/fuels": 2, "prices/grid_factors": 1,
    "storage/class_costs": 12, "storage/sites": 14, "technologies/technologies": 18,
}  # fmt: skip
PAGE = "docs/reference/assumed-numbers.md"


def data_command_output(*args: str) -> str:
    result = CliRunner().invoke(group, ["data", *args], standalone_mode=False)
    assert result.return_value == 0, result.output
    return result.stdout


def test_assumed_values_of_a_pack_match_a_hand_count() -> None:
    found = country_values("germany")
    assumed = found.values[found.values["quality"] == "assumed"]
    assert assumed.groupby("table").size().to_dict() == GERMANY
    # Estimated: eighteen values of plain amine, seven of the pipe cost law, and utilisation.
    assert found.counts()["estimated"] == 18 + 7 + 1
    assert found.counts()["assumed"] == sum(GERMANY.values()) == 59
    assert tuple(found.values.columns) == COLUMNS


def test_value_states_its_unit_price_year_reference_and_note() -> None:
    values = country_values("Germany").values.set_index(["table", "row", "column"])
    coal = values.loc["prices/fuels", "Germany, coal, 2024", "price_per_gj"]
    assert (coal["value"], coal["unit"], coal["price_year"], coal["reference"]) == (
        4.21,
        "USD/GJ",
        2024,
        "WB-PINK-2025",
    )
    assert coal["note"].startswith("import parity")
    # The unit of a class cost is given by the name of the cost, that of a factor by the ending of its name.
    well = values.loc["storage/class_costs", "gas_field, well_om_mn_pa", "amount"]
    assert (well["value"], well["unit"], well["price_year"]) == (0.1255, "million USD/y", 2008)
    assert values.loc["finance/factors", "loss_carry_forward_yr", "value"]["unit"] == "years"
    budget = values.loc["country", "budget.total_mn", "value"]
    assert (budget["value"], budget["unit"], budget["price_year"]) == ("2_000", "million EUR", 2024)
    assert values.loc["storage/sites", "buntsandstein_w", "lat_deg"]["price_year"] is None


def test_defaults_are_not_listed_as_values_of_a_pack() -> None:
    values = country_values("India").values
    sites = values[values["table"] == "storage/sites"]
    # None of the eleven sites states a cost; 82 values are given.
    assert not sites["column"].str.contains("capex").any()
    assert len(sites) == 82


def test_every_value_of_every_pack_has_a_quality_and_a_reference() -> None:
    assert listed_countries() == (
        "China", "Brazil", "Germany", "India", "Japan", "South Korea", "United States",
    )  # fmt: skip
    for country in listed_countries():
        found = country_values(country)
        assert sum(found.counts().values()) == len(found.values), country
        assert (found.values["reference"] != "").all(), country
        assert not found.values.duplicated(["table", "row", "column"]).any(), country


def test_data_command_lists_the_values_as_text_and_as_json() -> None:
    text = data_command_output("--country", "Germany", "--quality", "assumed")
    assert text.startswith("Germany, country pack: ")
    assert "59 assumed" in text.splitlines()[0]
    assert "storage/sites: buntsandstein_w (assumed, FUHRMANN-2024)" in text
    assert "FAZ-POWER-2024" not in text  # a reported price
    assumed = json.loads(data_command_output("--country", "Germany", "--quality", "assumed", "--json"))
    assert (assumed["country"], assumed["quality"]["assumed"], len(assumed["values"])) == ("Germany", 59, 59)
    listing = json.loads(data_command_output("--country", "germany", "--json"))
    assert len(listing["values"]) == sum(listing["quality"].values())


def test_invalid_options_of_the_data_command_are_rejected_with_a_hint() -> None:
    def error_output(*args: str) -> str:
        result = CliRunner().invoke(group, ["data", *args])
        assert result.exit_code == 2
        return result.output

    assert "--quality needs --country" in error_output("--quality", "assumed")
    assert "only one of TABLE, --country and --evidence" in error_output("plants/steel", "--country", "India")
    assert "'guessed' is not one of" in error_output("--country", "India", "--quality", "guessed")
    with pytest.raises(InputError, match="did you mean 'India'"):
        country_values("Indai")


def test_invalid_number_in_a_pack_table_is_reported_at_its_cell(tmp_path: Path) -> None:
    for path in (data_folder() / "countries" / "germany").rglob("*.csv"):
        copy = tmp_path / "germany" / path.relative_to(data_folder() / "countries" / "germany")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes().replace(b"4.21", b"four"))
    with pytest.raises(InputError, match=r"prices/fuels\.csv:2:price_per_gj"):
        country_values("Germany", tmp_path)


def test_page_of_assumed_numbers_is_up_to_date_with_the_tables() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "make_assumed_numbers.py"))["page"]()
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page, "run python docs/make_assumed_numbers.py"
    assert "| [Germany](#germany) | " in page and "59 of " in page.partition("## Germany")[2]
