"""Hydraulics of dense-phase CO₂: what a pipe of a diameter carries, and what its boosters draw.

Pressure falls along a pipe by friction (Darcy–Weisbach, friction factor by Haaland's form of Colebrook–White) and is
restored by pumps. Flow and diameter of the shipped design: density 850 kg/m³ and viscosity 7.5e-5 Pa s (CO₂ at about 12
MPa and 20 °C, NIST Chemistry WebBook), roughness 0.046 mm (commercial steel), pressure gradient 20 Pa/m.
"""

from __future__ import annotations

import math

from ccs_model.units import HOURS_PER_YEAR

DENSITY_KG_PER_M3 = 850.0
VISCOSITY_PA_S = 7.5e-5
ROUGHNESS_M = 4.6e-5
GRADIENT_PA_PER_M = 20.0
PUMP_EFFICIENCY_SHARE = 0.75
_MM = 1000.0
_KG_PER_S_PER_KTPA = 1e6 / (HOURS_PER_YEAR * 3600.0)


def friction_factor(reynolds: float, relative_roughness: float) -> float:
    """Darcy's friction factor: 64 ÷ Re in laminar flow, Haaland's form of Colebrook–White otherwise."""
    if reynolds <= 0:
        raise ValueError("a flow must be above 0")
    if reynolds < 2300:
        return 64.0 / reynolds
    return (-1.8 * math.log10((relative_roughness / 3.7) ** 1.11 + 6.9 / reynolds)) ** -2


def gradient_pa_per_m(flow_ktpa: float, diameter_mm: float) -> float:
    """Fall of pressure along a pipe of an inner diameter."""
    d = diameter_mm / _MM
    speed = flow_ktpa * _KG_PER_S_PER_KTPA / (DENSITY_KG_PER_M3 * math.pi * d * d / 4.0)
    factor = friction_factor(DENSITY_KG_PER_M3 * speed * d / VISCOSITY_PA_S, ROUGHNESS_M / d)
    return factor / d * DENSITY_KG_PER_M3 * speed * speed / 2.0


def capacity_ktpa(diameter_mm: float, gradient: float = GRADIENT_PA_PER_M) -> float:
    """Flow at which a pipe of an inner diameter loses pressure at `gradient` Pa/m (bisection to a part in 1e9)."""
    low, high = 1e-6, 1e6
    for _ in range(80):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if gradient_pa_per_m(middle, diameter_mm) < gradient else (low, middle)
    return math.sqrt(low * high)


def diameter_mm(flow_ktpa: float, gradient: float = GRADIENT_PA_PER_M) -> float:
    """Inner diameter at which a flow loses pressure at `gradient` Pa/m; 0 without a flow."""
    if flow_ktpa <= 0:
        return 0.0
    low, high = 5.0, 5000.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if gradient_pa_per_m(flow_ktpa, middle) > gradient else (low, middle)
    return math.sqrt(low * high)


def booster_kwh_per_t_km(gradient: float = GRADIENT_PA_PER_M) -> float:
    """Power that restores the pressure lost along a km, per t: gradient ÷ density ÷ pump efficiency."""
    joule_per_kg_per_km = gradient * 1000.0 / DENSITY_KG_PER_M3 / PUMP_EFFICIENCY_SHARE
    return joule_per_kg_per_km * 1000.0 / 3.6e6


def n_booster_stations(length_km: float, gradient: float = GRADIENT_PA_PER_M, drop_mpa: float = 3.0) -> int:
    """Stations between the ends of a pipe that may lose `drop_mpa` from one pump to the next (15 → 12 MPa)."""
    return max(math.ceil(length_km * 1000.0 * gradient / (drop_mpa * 1e6) - 1e-9) - 1, 0)
