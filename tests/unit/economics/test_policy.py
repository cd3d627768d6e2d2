"""Carbon price, trading rules, grid factors and carbon intensity."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.economics.policy import (
    carbon_intensity_kt_per_mn,
    carbon_value_mn,
    grid_factor_path,
    intensity_reduction_share,
    non_fossil_path,
    price_path,
    trading_rules,
)
from ccs_model.inputs import Inputs

SHARE = st.floats(0, 1)


def test_carbon_price_is_linear_between_its_years_and_constant_outside() -> None:
    found = price_path({2040: 400, 2026: 75, 2030: 150}, [2020, 2026, 2028, 2030, 2035, 2040, 2060])
    assert found.tolist() == pytest.approx([75, 75, 112.5, 150, 275, 400, 400])
    assert price_path({}, [2026, 2027]).tolist() == [0, 0]


def test_china_ets_covers_steel_from_2024_and_chemicals_from_2027(inputs: Inputs) -> None:
    sectors = pd.Series(["chemicals", "steel", "cinemas"])
    rules = trading_rules(inputs["policy/ets"], "China ETS", sectors, [2023, 2024, 2025, 2026, 2027, 2035])
    assert rules["is_covered"].tolist() == [[0, 0, 0, 0, 1, 1], [0, 1, 1, 1, 1, 1], [0] * 6]
    # 2024: allowances equal verified emissions, so there is nothing to sell; then 3 %.
    assert rules["band_share"][1].tolist() == [0, 0, 0.03, 0.03, 0.03, 0.03]
    assert rules["free_share"][1].tolist() == [0, 1, 1, 1, 1, 1]
    assert set(inputs["policy/ets"]["scope"]) == {"direct"}


def test_on_site_abatement_earns_the_carbon_price_within_the_band() -> None:
    # 10 Mt verified, a band of 3 %: of 500 kt abated 300 are sold at 80; of 200 kt all.
    abatement, verified = [[500.0, 200.0]], [[10_000.0, 10_000.0]]
    found = carbon_value_mn([80.0, 80.0], abatement, verified, is_covered=1.0, band_share=0.03, is_deductible=True)
    assert found.tolist() == [[24.0, 16.0]]
    early = carbon_value_mn([80.0, 80.0], abatement, verified, is_covered=[0, 1], band_share=0.03, is_deductible=True)
    assert early.tolist() == [[0.0, 16.0]]


@given(st.floats(0, 1000), st.floats(0, 5000), st.floats(0, 10_000), SHARE)
def test_carbon_value_is_zero_unless_capture_is_deductible(
    price: float, abatement: float, verified: float, band: float
) -> None:
    rule = {"is_covered": 1.0, "band_share": band}
    assert carbon_value_mn(price, [[abatement]], verified, is_deductible=False, **rule).item() == 0.0
    paid = carbon_value_mn(price, [[abatement]], verified, is_deductible=True, **rule).item()
    assert 0 <= paid <= price * abatement / 1000 * (1 + 1e-12)


def test_grid_factor_path_meets_known_values_and_falls_with_the_non_fossil_share(inputs: Inputs) -> None:
    table = inputs["policy/non_fossil"]
    reached = table[(table["measure"] == "reached") | (table["year"] == 2030)]
    shares = {int(year): share for year, share in zip(reached["year"], reached["non_fossil_share"], strict=True)}
    assert shares == {2020: 0.159, 2025: 0.21, 2030: 0.25}
    path = grid_factor_path([0.7252, 0.7096], [2022, 2022], shares, [2022, 2025, 2030, 2040], 0.8273)
    assert path[:, 0].tolist() == pytest.approx([0.7252, 0.7096])
    # Hebei 2030: 0.7252 × (1 − 0.25) ÷ (1 − 0.1794); the share of 2022 is between 15.9 and 21 %.
    assert path[0, 2] == pytest.approx(0.7252 * 0.75 / (1 - (0.159 + 0.4 * 0.051)))
    assert (np.diff(path, axis=1) <= 1e-15).all()
    assert path[:, 3].tolist() == pytest.approx(path[:, 2].tolist())


def test_a_grid_without_fossil_power_in_its_known_year_keeps_its_factor() -> None:
    path = grid_factor_path([0.03, 0.4], [2022, 2030], {2022: 1.0, 2030: 0.5}, [2022, 2030], 0.8)
    assert path.tolist() == [[0.03, 0.03], [0.0, 0.4]]


def test_targets_of_non_fossil_energy_follow_the_years_reached() -> None:
    rows = [
        ("A", "reached", 2020, 0.1),
        ("A", "target", 2020, 0.3),
        ("A", "target", 2030, 0.4),
        ("B", "reached", 2025, 0.9),
    ]
    table = pd.DataFrame(rows, columns=["region", "measure", "year", "non_fossil_share"])
    assert non_fossil_path(table, "A") == {2020: 0.1, 2030: 0.4}
    # A region with targets alone has the path of its targets.
    assert non_fossil_path(table[table["measure"] == "target"], "A") == {2020: 0.3, 2030: 0.4}


@given(st.floats(0.05, 0.8), SHARE, st.floats(0, 0.9))
def test_no_grid_is_dirtier_than_fossil_power(known: float, later: float, before: float) -> None:
    path = grid_factor_path(known, 2022, {2022: before, 2030: later}, [2022, 2030], 0.8273)
    assert path[0, 0] == pytest.approx(known)
    assert 0 <= path[0, 1] <= 0.8273
    assert (path[0, 1] <= known * (1 + 1e-12)) == (later >= before) or path[0, 1] == pytest.approx(known)


def test_intensity_goals_match_the_five_year_plans(inputs: Inputs) -> None:
    goals = inputs["policy/intensity"].set_index(["plan", "measure"])["intensity_reduction_share"]
    assert goals["14th five-year plan", "target"] == 0.18
    assert goals["14th five-year plan", "reached"] == 0.12
    assert goals["15th five-year plan", "target"] == 0.17


def test_carbon_intensity_of_hebei_matches_hand_calculation(inputs: Inputs) -> None:
    added = inputs["policy/value_added"].set_index("province")
    # 4,752.69 billion CNY, of it 1,747.05 secondary; 400 Mt would be 84.2 t per million, 0.0842 kt.
    assert added.at["Hebei", "gdp_mn"] == 4_752_690
    assert added.at["Hebei", "secondary_mn"] == 1_747_050
    assert carbon_intensity_kt_per_mn(400_000, added.at["Hebei", "gdp_mn"]).item() == pytest.approx(0.08416, abs=1e-5)
    assert len(added) == 28
    assert (added["secondary_mn"].fillna(0) < added["gdp_mn"]).all()


def test_intensity_falls_with_emissions_and_with_growth() -> None:
    assert intensity_reduction_share(100, 50, 90, 50).item() == pytest.approx(0.10)
    assert intensity_reduction_share(100, 50, 100, 62.5).item() == pytest.approx(0.20)
    assert intensity_reduction_share(100, 50, 110, 50).item() == pytest.approx(-0.10)
