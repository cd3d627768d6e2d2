"""Captured against avoided CO2, heat by concentration, trains and the combination of options."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.engineering.capture_units import (
    capture_options,
    fuel_co2_t_per_t,
    heat_gj_per_t,
    n_trains,
    power_co2_t_per_t,
    vintages,
)
from ccs_model.inputs import Inputs
from ccs_model.problem.options import train_of


def points(inputs: Inputs, technology: str) -> pd.DataFrame:
    table = inputs["technologies/heat"]
    return table[table["technology"] == technology]


def test_amine_with_a_coal_boiler_avoids_60_percent_of_captured_co2() -> None:
    # 2.8 GJ/t ÷ 0.88 × 0.0957 t/GJ = 0.3045; 130 kWh/t × 0.71 kg/kWh = 0.0923.
    assert float(fuel_co2_t_per_t(2.8, 0.88, 0.0957)) == pytest.approx(0.3045)
    assert float(power_co2_t_per_t(130, 0.71)) == pytest.approx(0.0923)
    avoided = 1 - float(fuel_co2_t_per_t(2.8, 0.88, 0.0957)) - float(power_co2_t_per_t(130, 0.71))
    assert round(avoided, 2) == 0.60


def test_compressing_a_pure_vent_emits_only_power_co2() -> None:
    # 110 kWh/t × 0.71 kg/kWh = 0.0781.
    assert float(power_co2_t_per_t(110, 0.71)) == pytest.approx(0.0781)
    assert float(fuel_co2_t_per_t(0.0, 0.88, 0.0957)) == 0.0


# MODEL.md: at 10 / 15 / 20 / 25 % CO2, MEA 3.6 / 3.4 / 3.2 / 3.0 and advanced 2.8 / 2.65 / 2.5 / 2.4 GJ/t.
@pytest.mark.parametrize(
    ("technology", "at"),
    [
        ("amine", {0.10: 3.6, 0.15: 3.4, 0.20: 3.2, 0.25: 3.0, 0.125: 3.5, 0.24: 3.04, 0.03: 3.6, 0.99: 3.0}),
        ("advanced_amine", {0.10: 2.8, 0.15: 2.65, 0.20: 2.5, 0.25: 2.4, 0.225: 2.45, 0.05: 2.8, 0.30: 2.4}),
    ],
)
def test_heat_is_linear_between_points_and_constant_outside(
    inputs: Inputs, technology: str, at: dict[float, float]
) -> None:
    assert heat_gj_per_t(list(at), points(inputs, technology)) == pytest.approx(list(at.values()))
    backwards = points(inputs, technology).iloc[::-1]
    assert heat_gj_per_t(list(at), backwards) == pytest.approx(list(at.values()))


@given(st.floats(0.001, 1.0), st.floats(0.001, 1.0))
def test_richer_gas_never_needs_more_heat(inputs: Inputs, x: float, y: float) -> None:
    for technology in ("amine", "advanced_amine"):
        thin, rich = heat_gj_per_t([min(x, y), max(x, y)], points(inputs, technology))
        assert rich <= thin + 1e-12


@pytest.mark.parametrize(("ktpa", "trains"), [(50, 1), (1_000, 1), (1_000.001, 2), (2_000, 2), (5_864, 6)])
def test_train_count_is_rounded_up_at_the_largest_train_built(ktpa: float, trains: int) -> None:
    assert n_trains(ktpa, 1_000).tolist() == trains


def test_options_combine_streams_technologies_and_sizes(inputs: Inputs) -> None:
    streams = pd.DataFrame(
        {
            "plant": ["A", "A", "A", "B"],
            "stream": ["stack", "flare", "vent", "stack"],
            "grade": ["flue_gas", "none", "product_grade", "flue_gas"],
            "co2_ktpa": [4_000.0, 500.0, 200.0, 1_000.0],
            "co2_share": [0.2, np.nan, 0.99, 0.05],
            "lasting_share": [0.75, 1.0, 1.0, 0.0],
            "measure": "",
        }
    )
    sources = inputs["technologies/heat_sources"]
    options = capture_options(
        streams,
        vintages(inputs["technologies/technologies"], [2026]),
        inputs["technologies/heat"],
        inputs["technologies/sizes"],
        sources[sources["heat_source"] == "coal_boiler"],
        train_of(inputs),
    ).set_index("option")
    # Two amines × three sizes on A's stack, compression × three on its vent; B retires, the flare is not capturable.
    assert len(options) == 9
    assert set(options["plant"]) == {"A"}
    # 4,000 × 0.75 lasting × 0.9 captured; sizes 1, ½, ¼.
    nameplate = options["nameplate_ktpa"]
    assert nameplate["A/stack/amine/full"] == pytest.approx(2_700)
    assert nameplate["A/stack/amine/half"] == pytest.approx(1_350)
    assert nameplate["A/stack/amine/quarter"] == pytest.approx(675)
    assert nameplate["A/vent/compression/full"] == pytest.approx(198)
    assert options.at["A/stack/amine/full", "n_trains"] == 3
    assert bool(options.at["A/stack/amine/full", "is_extrapolated"])
    assert not bool(options.at["A/stack/amine/quarter", "is_extrapolated"])
    assert options.at["A/stack/advanced_amine/full", "heat_gj_per_t"] == pytest.approx(2.5)
    assert options.at["A/vent/compression/full", "heat_gj_per_t"] == 0.0
