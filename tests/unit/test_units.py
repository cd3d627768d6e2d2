"""Names end in a suffix for their unit, from which units and labels of headings follow."""

from __future__ import annotations

import pytest

from ccs_model.units import HOURS_PER_YEAR, UNITS, label_of, rounded_text, unit_of, unit_text


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("captured_ktpa", "_ktpa"),
        ("stored_kt", "_kt"),
        ("capture_cost_per_t", "_per_t"),
        ("heat_gj_per_t", "_gj_per_t"),  # not money per tonne
        ("power_kwh_per_t", "_kwh_per_t"),
        ("grid_kg_per_kwh", "_kg_per_kwh"),
        ("capture_fixed_om_mn_pa", "_mn_pa"),
        ("abatement_per_budget_kt_per_mn", "_kt_per_mn"),
        ("below_per_mn", "_per_mn"),  # not money
        ("abatement_share", "_share"),
        ("power_kwh_per_t_km", "_kwh_per_t_km"),
        ("cost_per_t_km", "_per_t_km"),
        ("fixed_mn_per_km", "_mn_per_km"),
        ("slope_mn_per_km_per_ktpa", "_mn_per_km_per_ktpa"),
        ("slope_mn_per_ktpa", "_mn_per_ktpa"),
        ("coal_g_per_gj", "_g_per_gj"),
        ("grid_g_per_kwh", "_g_per_kwh"),
    ],
)
def test_longest_matching_suffix_gives_the_unit(name: str, suffix: str) -> None:
    unit = unit_of(name)
    assert unit is not None
    assert unit.suffix == suffix


@pytest.mark.parametrize("name", ["plant", "n_wells", "is_open", "year", "status", "basin"])
def test_names_counts_and_flags_have_no_unit(name: str) -> None:
    assert unit_of(name) is None
    assert unit_text(name, "CNY") == ""


def test_unit_text_of_money_has_currency_and_price_year() -> None:
    assert unit_text("capex_mn", "CNY", 2024) == "million CNY 2024"
    assert unit_text("storage_cost_per_t", "USD") == "USD/t"
    assert unit_text("length_km", "CNY", 2024) == "km"


def test_label_of_a_name_is_in_words_without_its_unit() -> None:
    assert label_of("capture_cost_per_t") == "Capture cost"
    assert label_of("co2_ktpa") == "CO2"
    assert label_of("n_retrofits") == "Retrofits"


def test_unit_suffixes_are_unique_and_do_not_include_the_ambiguous_mtpa() -> None:
    suffixes = [unit.suffix for unit in UNITS]
    assert len(set(suffixes)) == len(suffixes)
    assert "_mtpa" not in suffixes


def test_a_year_has_the_hours_of_365_days() -> None:
    assert HOURS_PER_YEAR == 365 * 24


def test_rounding_errors_are_printed_as_0() -> None:
    assert [rounded_text(x) for x in (-5.35e-7, 4.5e-13, None, 0.0)] == ["0"] * 4
    assert [rounded_text(x) for x in (0.00012, -0.5, 1_234.5)] == ["0.00012", "-0.5", "1,234"]
