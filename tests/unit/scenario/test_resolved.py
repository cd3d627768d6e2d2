"""The resolved text of a scenario: every value with its origin; reading it back gives an equal scenario."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ccs_model.problem.scenario_names import place_of
from ccs_model.scenario import Scenario, read_scenario
from ccs_model.scenario.read import resolved_scenario
from tests.examples import examples

WHOLE = """\
# Every value, with its origin.
name: Test 1  # pilot.yaml:1
description: ""  # default
currency: CNY  # default
price_year: 2024  # default
years: [2026, 2030]  # pilot.yaml:2
capital_recovery_share: null  # default
storage_life_yr: 30  # default
discount_rate: 0.08  # default
plants:
  inventory: [steel, chemicals]  # default
  provinces: [Hebei, "NO"]  # pilot.yaml:4
  min_emissions_ktpa: 0  # default
  exclude: []  # default
  require: []  # default
  committed: {}  # default
  not_before: {}  # default
  furnace_streams: false  # default
  captive_units: false  # default
data: null  # default
capture:
  technologies: [amine, advanced_amine, compression, purification]  # default
  heat_sources: [coal_boiler]  # default
  shared_absorbers: false  # default
  readiness_min: 1  # default
  measures: []  # default
  decisions: integer  # default
  max_builds_per_year: null  # default
  start_at_relining: false  # default
transport:
  shared_trunklines: true  # default
  corridors: auto  # default
  candidate_links: made_and_given  # default
  trucks: false  # default
  pipe_costs: as_built  # default
  detour_factor: 1.14  # default
  terrain: null  # default
storage:
  sites: []  # default
  exclude: []  # default
  capacity: mid  # default
  capacity_kt: {}  # default
  not_before: {}  # default
  max_fill_share: 1  # default
  site_reach_km: null  # default
  nearest_sites: null  # default
  oil_fields: false  # default
  oil_price_per_bbl: null  # default
  oil_price_currency: USD  # default
  oil_price_year: null  # default
budget:
  total_mn: 5000000000  # pilot.yaml:5
  cumulative_mn:
    2026: 1.5  # changed
  by_province_mn: {}  # default
targets:
  abatement_share: {}  # default
  avoided_ktpa: {}  # default
  cumulative_avoided_kt: null  # default
  by_province: {}  # default
  by_sector: {}  # default
  captured_ktpa: null  # default
  share_of_avoided_min: {}  # default
  shortfall_per_t: null  # default
policy:
  carbon_price_per_t: {}  # default
  capture_deductible: false  # default
  market: China ETS  # default
  surplus_band_share: null  # default
  paid_per_captured_t: 0  # default
  paid_per_avoided_t: 0  # default
  paid_from: null  # default
  paid_until: null  # default
  paid_for_yr: null  # default
  paid_to_starts_until: null  # default
  paid_is_taxed: true  # default
  paid_cap_mn: null  # default
  non_fossil_share: {}  # default
  value_added_growth_rate: 0.05  # default
  social_cost_of_carbon_per_t: {}  # default
  social_cost_series: null  # default
  social_discount_rate: 0.08  # default
funds: {}  # default
finance:
  tax_share: 0.25  # default
  depreciation_yr: 10  # default
  inflation_rate: null  # default
costs:
  capex_factor: 1  # default
  om_factor: 1  # default
  energy_factor: 1  # default
  oil_factor: 1  # default
calibration:
  use: none  # default
  preset: pilot-reported  # default
  ceiling: false  # default
  file: null  # default
  delivered_by_class: false  # default
  delivered_share: {}  # default
uncertainty:
  exclude: []  # default
  spreads: {}  # default
objective: max_abatement  # default
futures: {}  # default
here_and_now: []  # default
risk:
  cvar_share: 0.9  # default
  weight: 0  # default
solver:
  mip_gap: 0.01  # default
  effort: normal  # default
  time_limit_s: 1800  # default
  threads: 2  # default
  seed: 0  # default
"""


def test_resolved_text_has_every_value_with_its_origin(tmp_path: Path) -> None:
    path = tmp_path / "pilot.yaml"
    path.write_text("name: Test 1\nyears: [2026, 2030]\nplants:\n  provinces: [Hebei, NO]\nbudget: {total_mn: 5e9}\n")
    scenario = read_scenario(path).with_changes({"budget.cumulative_mn.2026": 1.5})
    assert scenario.resolved_yaml() == WHOLE
    assert str(tmp_path) not in scenario.resolved_yaml()


def test_values_given_in_python_state_their_origin() -> None:
    scenario = Scenario.from_dict({"name": "x", "plants": {}, "budget": {"total_mn": 1}})
    assert "name: x  # given in Python\n" in scenario.resolved_yaml()


def test_file_name_with_a_line_break_stays_inside_its_comment(tmp_path: Path) -> None:
    path = tmp_path / "a\nbudget: 5.yaml"
    path.write_text("name: x\nplants: {}\nbudget: {total_mn: 1}\n")
    text = read_scenario(path).resolved_yaml()
    assert "name: x  # a\\nbudget: 5.yaml:1\n" in text


line = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=20).filter(str.strip)
word = line | st.sampled_from(["on", "NO", "null", "~", "1e3", "010", "12:30:00", "- a", "a: b", "a #b", "'", "nan"])
words = st.lists(word, max_size=4, unique=True)
money_mn = st.floats(0, allow_infinity=False, allow_nan=False)
years = st.lists(st.integers(2020, 2100), min_size=2, max_size=6, unique=True).map(sorted)


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    starts = draw(years)
    plants = draw(words)
    n_excluded = draw(st.integers(0, len(plants)))
    return {
        "name": draw(word),
        "description": draw(
            st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), include_characters="\n\t"))
        ),
        "years": starts,
        "discount_rate": draw(st.floats(0, 1, exclude_max=True)),
        "plants": {"provinces": draw(words), "exclude": plants[:n_excluded], "require": plants[n_excluded:]},
        "capture": {"max_builds_per_year": draw(st.none() | st.integers(0, 10**30))},
        "storage": {"sites": draw(words), "max_fill_share": draw(st.floats(0, 1, exclude_min=True))},
        "budget": {
            "total_mn": draw(money_mn),
            "cumulative_mn": draw(st.dictionaries(st.sampled_from(starts), money_mn, max_size=3)),
        },
    }


@examples(50)
@given(values=scenarios())
def test_resolved_text_reads_back_as_an_equal_scenario(tmp_path_factory: Any, values: dict[str, Any]) -> None:
    scenario = Scenario.from_dict(values)
    path = tmp_path_factory.getbasetemp() / "resolved.yaml"
    path.write_text(scenario.resolved_yaml(), encoding="utf-8")
    again = read_scenario(path)
    assert again == scenario


def test_mapping_over_several_lines_has_its_key_as_place(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: x\nyears: [2026, 2030]\nplants: {inventory: [steel]}\n"
        "policy: {carbon_price_per_t: {2026: 80, 2040: 300}}\nbudget: {total_mn: 9}\n",
        encoding="utf-8",
    )
    read = read_scenario(path)
    again = resolved_scenario(read.resolved_yaml(), "RunLog", path)
    assert place_of(again, "policy.carbon_price_per_t") == "policy.carbon_price_per_t"
    assert again.policy == read.policy
