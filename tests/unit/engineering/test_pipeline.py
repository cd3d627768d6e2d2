"""Hydraulics of CO₂ pipes, against hand calculation and published friction factors."""

from __future__ import annotations

import math

import pytest

from ccs_model.engineering.co2_transport import GRADIENT_PA_PER_M, diameter_mm, friction_factor, gradient_pa_per_m

KTPA_PER_TPH = 8.76


@pytest.mark.parametrize("reynolds", [1.0, 100.0, 2_000.0])
def test_laminar_friction_factor_is_64_over_reynolds(reynolds: float) -> None:
    assert friction_factor(reynolds, 1e-3) == 64 / reynolds


def colebrook(reynolds: float, roughness: float) -> float:
    """1 ÷ √f = −2 log10(ε ÷ 3.7 + 2.51 ÷ (Re √f)), by iteration; Haaland's equation approximates it."""
    root = 8.0
    for _ in range(100):
        root = -2 * math.log10(roughness / 3.7 + 2.51 * root / reynolds)
    return root**-2


@pytest.mark.parametrize(
    ("reynolds", "roughness", "published"),
    # Points of the Moody chart: smooth pipes at 1e5 and 1e6, a rough one, and the textbook example.
    [(1e5, 0.0, 0.0180), (1e6, 0.0, 0.0116), (1e5, 1e-3, 0.0222), (1e6, 1e-2, 0.0380), (1e7, 1e-4, 0.0121)],
)
def test_turbulent_friction_factor_matches_the_moody_chart(reynolds: float, roughness: float, published: float) -> None:
    assert colebrook(reynolds, roughness) == pytest.approx(published, rel=0.01)
    assert friction_factor(reynolds, roughness) == pytest.approx(published, rel=0.02)


def test_zero_flow_has_zero_diameter_and_no_friction_factor() -> None:
    with pytest.raises(ValueError, match="above 0"):
        friction_factor(0.0, 1e-3)
    assert diameter_mm(0.0) == 0.0


def test_pressure_gradient_matches_hand_calculation() -> None:
    # 3,153.6 kt/y are 100 kg/s: 1.6642 m/s in 300 mm, Re = 850 × 1.6642 × 0.3 ÷ 7.5e-5 = 5.66e6, ε ÷ D = 1.533e-4.
    speed = 100 / 850 / (math.pi * 0.3**2 / 4)
    factor = colebrook(850 * speed * 0.3 / 7.5e-5, 4.6e-5 / 0.3)
    assert factor == pytest.approx(0.01325, rel=0.001)
    by_hand = factor / 0.3 * 850 * speed**2 / 2
    assert gradient_pa_per_m(3_153.6, 300) == pytest.approx(by_hand, rel=0.01)


@pytest.mark.parametrize("flow", [20.0, 100.0, 1_000.0, 10_000.0, 60_000.0])
@pytest.mark.parametrize("gradient", [5.0, GRADIENT_PA_PER_M, 60.0])
def test_diameter_reproduces_the_pressure_gradient(flow: float, gradient: float) -> None:
    diameter = diameter_mm(flow, gradient)
    assert gradient_pa_per_m(flow, diameter) == pytest.approx(gradient, rel=1e-6)


def test_diameters_of_the_catalogue_flows_are_plausible() -> None:
    assert 300 < diameter_mm(500 * KTPA_PER_TPH) < 450
    assert 60 < diameter_mm(10 * KTPA_PER_TPH) < 120
