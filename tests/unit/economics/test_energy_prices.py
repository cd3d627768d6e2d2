"""Power and steam prices from their components, and interpolation over years."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ccs_model.economics.prices import PriceLevel, path, power_build_up, steam_build_up
from ccs_model.inputs import Inputs


@pytest.fixture(scope="module")
def yuan(inputs: Inputs) -> PriceLevel:
    return PriceLevel("CNY", 2024, inputs["indices/deflators"], inputs["indices/exchange_rates"])


# Delivered industrial power at 35 kV with VAT of 13 %, by hand.
@pytest.mark.parametrize(("grid", "with_vat"), [("Hebei south", 0.641), ("Hebei north", 0.613), ("Shanxi", 0.501)])
def test_power_price_components_sum_to_the_delivered_price(
    inputs: Inputs, yuan: PriceLevel, grid: str, with_vat: float
) -> None:
    power = power_build_up(inputs["prices/power"], yuan).set_index("grid")
    assert power.at[grid, "power_per_kwh"] * 1.13 == pytest.approx(with_vat, abs=0.001)


def test_power_price_components_of_southern_hebei_match_hand_calculation(inputs: Inputs, yuan: PriceLevel) -> None:
    power = power_build_up(inputs["prices/power"], yuan).set_index("grid").loc["Hebei south"]
    assert power["energy_per_kwh"] == pytest.approx(0.3644 / 1.13)
    assert power["loss_per_kwh"] == pytest.approx(0.3644 * 0.0408 / 1.13)
    assert power["transmission_per_kwh"] == pytest.approx(0.1476 / 1.13)
    assert power["demand_per_kwh"] == pytest.approx(35.2 / (730 * 0.85) / 1.13)  # 8,760 h ÷ 12 months
    assert power["fees_per_kwh"] == pytest.approx(0.057 / 1.13)


@pytest.mark.parametrize(("province", "coal_per_gj"), [("Hebei", 31.3), ("Shanxi", 21.5)])
def test_steam_price_is_fuel_price_over_boiler_efficiency_plus_ten_yuan(
    inputs: Inputs, yuan: PriceLevel, province: str, coal_per_gj: float
) -> None:
    sources = inputs["technologies/heat_sources"]
    coal = sources[sources["heat_source"] == "coal_boiler"]
    steam = steam_build_up(inputs["prices/fuels"], coal, yuan).set_index("province")
    # The Chinese deflator of 2025 equals that of 2024, so the coal price is unchanged.
    assert steam.at[province, "steam_per_gj"] == pytest.approx(coal_per_gj / 1.13 / 0.84 + 10)
    assert steam.at[province, "efficiency_share"] == 0.84


def test_path_is_linear_between_years_and_constant_outside() -> None:
    table = pd.DataFrame({"grid": ["a", "a", "b"], "year": [2040, 2030, 2035], "price": [2.0, 1.0, 7.0]})
    found = path(table, "grid", "price", pd.Series(["b", "a", "c"]), np.array([2026, 2030, 2033, 2040, 2050]))
    assert found[0].tolist() == [7.0] * 5
    assert found[1].tolist() == pytest.approx([1.0, 1.0, 1.3, 2.0, 2.0])
    assert np.isnan(found[2]).all()
    assert path(table, "grid", "price", pd.Series([], dtype=object), np.array([2026, 2027])).shape == (0, 2)
