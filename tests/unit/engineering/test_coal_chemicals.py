"""Coal chemicals as a separate inventory: its plants, their emissions and no double counting."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from ccs_model.engineering.co2_transport import great_circle_km
from ccs_model.engineering.streams import chemical_streams
from ccs_model.inputs import Inputs

ORDOS = "CTL_1"
INVENTORIES = {"plants": {"inventory": ["chemicals", "coal_chemicals"], "provinces": ["Inner Mongolia"]}}


def test_direct_liquefaction_emissions_match_the_published_value(inputs: Inputs) -> None:
    # 1,080 kt/y of liquids; MIT reports 3.6 Mt of CO2 per year.
    found = chemical_streams(inputs["plants/coal_chemicals"], inputs).set_index("stream")["co2_ktpa"]
    assert found.sum() == pytest.approx(3_600, abs=5)
    # 0.1 t of hydrogen per tonne at 17.9 t of CO2 per tonne of hydrogen, of it 0.7 at product grade.
    assert found["product_vent"] == pytest.approx(1_080 * 1.8 * 0.7)
    assert found["tail_gas"] == pytest.approx(1_080 * 1.8 * 0.3)
    assert inputs["plants/coal_chemicals"]["capacity_ktpa"].sum() * 0.1 * 17.9 == pytest.approx(1_944, rel=0.01)


def test_emissions_of_an_own_olefins_plant_match_hand_calculation(inputs: Inputs) -> None:
    # 600 kt/y at methanol's utilisation of 0.836: 5.8 t of CO2 per tonne, 1.95 of 3.0 of it in the process gas.
    row = inputs["plants/coal_chemicals"].assign(product="olefins", capacity_ktpa=600.0)
    found = chemical_streams(row, inputs).set_index("stream")["co2_ktpa"]
    assert found.sum() == pytest.approx(600 * 0.836 * 5.8)
    assert found["product_vent"] + found["tail_gas"] == pytest.approx(found.sum() * 1.95 / 3.0, rel=1e-3)


def test_no_coal_chemicals_plant_lies_within_3_km_of_a_chemicals_plant(inputs: Inputs) -> None:
    sites, counted = inputs["plants/coal_chemicals"], inputs["plants/chemicals"]
    assert sites["plant"].tolist() == [ORDOS]
    for site in sites.itertuples():
        far = great_circle_km(site.lat_deg, site.lon_deg, counted["lat_deg"].to_numpy(), counted["lon_deg"].to_numpy())
        assert far.min() > 3


def test_coal_chemicals_are_included_only_if_the_inventory_is_named(
    problem_of: Callable[..., object], inputs: Inputs
) -> None:
    with_it = problem_of(INVENTORIES).plants.set_index("plant")  # type: ignore[attr-defined]
    without = problem_of(INVENTORIES, {"plants.inventory": ["chemicals"]}).plants.set_index("plant")  # type: ignore[attr-defined]
    assert set(with_it.index) - set(without.index) == {ORDOS}
    assert with_it.at[ORDOS, "sector"] == "chemicals"
    assert with_it.at[ORDOS, "is_candidate"]
    alone = problem_of(INVENTORIES, {"plants.inventory": ["coal_chemicals"]}).plants  # type: ignore[attr-defined]
    assert alone["plant"].tolist() == [ORDOS]
    pd.testing.assert_frame_equal(with_it.drop(index=ORDOS), without)
    assert len(inputs.plants_of("chemicals")) == len(inputs["plants/chemicals"]) + 1
