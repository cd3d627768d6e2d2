"""Real-gas compression against published cases, gas data and general properties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.engineering.co2_transport import Train, compressibility, compression_kwh_per_t
from ccs_model.inputs import Inputs
from ccs_model.problem.options import train_of
from tests.examples import examples

BY_HAND = Train(4, 1.0, 1.0, 1.0, 35.0, 10.0, 15.3)
GAS_CONSTANT, MOLAR_KG = 8.314462618, 0.0440095


def test_compression_of_a_pure_vent_is_within_the_published_band(inputs: Inputs) -> None:
    # NETL 2022, ammonia: 5,860 kW, 105.6 kWh/t with drying, about 1 bar to 15.3 MPa; published values are 100-115.
    vent = float(compression_kwh_per_t(0.101325, train_of(inputs)))
    assert vent == pytest.approx(105.6, rel=0.12)
    assert 100 <= vent <= 115


def test_compression_from_stripper_pressure_matches_netl_power_plants(inputs: Inputs) -> None:
    # 46,670 kW for 1,347,889 lb/h = 611.4 t/h: 76.3 kWh/t from about 2 bar to 153 bar.
    assert float(compression_kwh_per_t(0.2, train_of(inputs))) == pytest.approx(76.3, rel=0.12)


# NIST WebBook, densities of CO2 in kg/m3; the equation is known to be inaccurate in the dense phase.
@pytest.mark.parametrize(
    ("kelvin", "mpa", "density", "within"), [(298.15, 0.101325, 1.808, 0.005), (313.15, 10.0, 628.6, 0.12)]
)
def test_gas_density_matches_measurements(kelvin: float, mpa: float, density: float, within: float) -> None:
    found = MOLAR_KG * mpa * 1e6 / (float(compressibility(kelvin, mpa)) * GAS_CONSTANT * kelvin)
    assert found == pytest.approx(density, rel=within)


def test_low_pressure_compression_matches_the_ideal_gas() -> None:
    # Many ideal stages from 0.1 to 0.2 MPa at 0 °C, where the gas holds little water: isothermal, R T ln 2 per mole.
    train = replace(BY_HAND, n_stages=40, cooler_c=0.0, pump_from_mpa=0.2, delivery_mpa=0.2)
    joule = GAS_CONSTANT * 273.15 * np.log(2.0)
    ideal = joule / MOLAR_KG / 3.6e6 * 1_000
    assert float(compression_kwh_per_t(0.1, train)) == pytest.approx(ideal, rel=0.02)


def test_suction_at_delivery_pressure_needs_no_power_and_dense_co2_only_pumping() -> None:
    assert float(compression_kwh_per_t(15.3, BY_HAND)) == pytest.approx(0.0, abs=1e-6)
    # Pumped from 10 MPa: v × 5.3 MPa with v from the equation of state.
    volume = float(compressibility(308.15, 10.0)) * GAS_CONSTANT * 308.15 / 10e6
    assert float(compression_kwh_per_t(10.0, BY_HAND)) == pytest.approx(volume * 5.3e6 / MOLAR_KG / 3.6e6 * 1_000)


def test_array_of_suction_pressures_gives_the_same_values_as_scalars() -> None:
    many = compression_kwh_per_t([[0.1, 0.2], [0.5, 2.0]], BY_HAND)
    assert many.shape == (2, 2)
    assert many.ravel().tolist() == pytest.approx(
        [float(compression_kwh_per_t(p, BY_HAND)) for p in (0.1, 0.2, 0.5, 2)]
    )


@examples(25)
@given(st.floats(0.08, 5.0), st.floats(0.08, 5.0), st.integers(3, 10))
def test_compression_power_rises_with_lower_suction_fewer_stages_and_lower_efficiency(
    one: float, other: float, stages: int
) -> None:
    train = replace(BY_HAND, n_stages=stages)
    low, high = compression_kwh_per_t([min(one, other), max(one, other)], train)
    assert low >= high - 1e-9
    assert float(compression_kwh_per_t(one, replace(train, n_stages=stages + 1))) <= compression_kwh_per_t(one, train)
    worse = replace(train, stage_efficiency_share=0.8, motor_efficiency_share=0.95)
    assert float(compression_kwh_per_t(one, worse)) > float(compression_kwh_per_t(one, train))
