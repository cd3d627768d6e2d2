"""Compression, pipeline hydraulics and distances.

CO₂ is compressed with intercooling as a real gas, then pumped in the dense phase:

    stage work  = (h(T₂ₛ, p₂) − h(T₁, p₁)) ÷ stage efficiency × (1 + water),  s(T₂ₛ, p₂) = s(T₁, p₁)
    water       = p_sat(T₁) ÷ (p₁ − p_sat(T₁)), moles of water vapour per mole of CO₂
    pump work   = v(T, p_pump) × (p_delivery − p_pump) ÷ pump efficiency
    power       = (Σ stage work + pump work) ÷ motor efficiency

Enthalpy, entropy and volume follow the equation of state of Peng and Robinson (1976) over an ideal gas with the heat
capacity of Shomate's equation (NIST WebBook); p_sat follows Magnus. Each stage takes gas saturated with water at the
cooler's temperature. All functions take arrays.

References
----------
Peng and Robinson (1976), A new two-constant equation of state. Ind. Eng. Chem. Fundam. 15(1), 59–64.
Alduchov and Eskridge (1996), Improved Magnus form approximation of saturation vapor pressure. J. Appl. Meteor. 35(4).
Haaland (1983), Simple and explicit formulas for the friction factor in turbulent pipe flow. J. Fluids Eng. 105(1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.units import HOURS_PER_YEAR

# Gas constant in J/(mol K) and the constants of CO₂: NIST WebBook.
_R = 8.314462618
_MOLAR_KG = 0.0440095
_CRITICAL_K, _CRITICAL_MPA, _ACENTRIC = 304.13, 7.3773, 0.22394
# Shomate: cp = A + B t + C t² + D t³ + E ÷ t², J/(mol K), t = T ÷ 1,000; 298–1,200 K.
_SHOMATE = (24.99735, 55.18696, -33.69137, 7.948387, -0.136638)
_J_PER_KWH = 3.6e6


@dataclass(frozen=True)
class Train:
    """A compressor train: stages to `pump_from_mpa`, each cooled back to `cooler_c`, then a pump."""

    n_stages: int
    stage_efficiency_share: float
    pump_efficiency_share: float
    motor_efficiency_share: float
    cooler_c: float
    pump_from_mpa: float
    delivery_mpa: float


def compression_kwh_per_t(suction_mpa: npt.ArrayLike, train: Train) -> Floats:
    """Return the power from suction to delivery, kWh per t of CO₂, for suction pressures of any shape (MPa, absolute).

    Suction above the pump's inlet pressure needs the pump only; suction above delivery pressure needs no power.
    """
    suction = np.asarray(suction_mpa, dtype=float)
    return np.array(_compression_kwh_per_t(tuple(suction.ravel().tolist()), train)).reshape(suction.shape)


@lru_cache(maxsize=256)
def _compression_kwh_per_t(suction_mpa: tuple[float, ...], train: Train) -> tuple[float, ...]:
    """As compression_kwh_per_t, once for equal pressures and trains."""
    suction = np.array(suction_mpa)
    cooled = np.full(suction.shape, train.cooler_c + 273.15)
    top = np.maximum(np.minimum(train.pump_from_mpa, train.delivery_mpa), suction)
    ratio = (top / suction) ** (1.0 / train.n_stages)
    work = np.zeros(suction.shape)
    for stage in range(train.n_stages):
        low = suction * ratio**stage
        before = _state(cooled, low)
        after = _state(_isentropic_k(cooled, low, low * ratio), low * ratio)
        water = _saturation_mpa(train.cooler_c) / (low - _saturation_mpa(train.cooler_c))
        work = work + (after.enthalpy - before.enthalpy) / train.stage_efficiency_share * (1.0 + water)
    volume = compressibility(cooled, top) * _R * cooled / (top * 1e6)
    work = work + volume * np.maximum(train.delivery_mpa - top, 0.0) * 1e6 / train.pump_efficiency_share
    return tuple((work / train.motor_efficiency_share / _MOLAR_KG * 1000.0 / _J_PER_KWH).tolist())


def compressibility(temperature_k: npt.ArrayLike, pressure_mpa: npt.ArrayLike) -> Floats:
    """Compressibility factor of CO₂: the Peng–Robinson root with the lower Gibbs energy, in closed form."""
    temperature, pressure = np.broadcast_arrays(
        np.asarray(temperature_k, dtype=float), np.asarray(pressure_mpa, dtype=float)
    )
    a, b, _ = _a_and_b(temperature)
    big_a = a * pressure * 1e6 / (_R * temperature) ** 2
    big_b = b * pressure * 1e6 / (_R * temperature)
    vapour, liquid = _outer_roots(big_a, big_b)
    return np.where(_ln_fugacity(vapour, big_a, big_b) <= _ln_fugacity(liquid, big_a, big_b), vapour, liquid)


def _saturation_mpa(celsius: float) -> float:
    """Vapour pressure of water (Magnus, with the constants of Alduchov and Eskridge 1996)."""
    return float(0.61094e-3 * np.exp(17.625 * celsius / (celsius + 243.04)))


@dataclass(frozen=True)
class _State:
    """Enthalpy in J/mol and entropy in J/(mol K), relative to arbitrary zeros."""

    enthalpy: Floats
    entropy: Floats


def _state(temperature: Floats, pressure_mpa: Floats) -> _State:
    z = compressibility(temperature, pressure_mpa)
    a, b, a_slope = _a_and_b(temperature)
    big_b = b * pressure_mpa * 1e6 / (_R * temperature)
    spread = np.log((z + (1 + np.sqrt(2)) * big_b) / (z + (1 - np.sqrt(2)) * big_b)) / (2 * np.sqrt(2) * b)
    enthalpy = _R * temperature * (z - 1) + (temperature * a_slope - a) * spread
    entropy = _R * np.log(z - big_b) + a_slope * spread
    t = temperature / 1000.0
    c0, c1, c2, c3, c4 = _SHOMATE
    ideal_h = 1000.0 * (c0 * t + c1 * t**2 / 2 + c2 * t**3 / 3 + c3 * t**4 / 4 - c4 / t)
    ideal_s = c0 * np.log(t) + c1 * t + c2 * t**2 / 2 + c3 * t**3 / 3 - c4 / (2 * t**2) - _R * np.log(pressure_mpa)
    return _State(ideal_h + enthalpy, ideal_s + entropy)


def _isentropic_k(temperature: Floats, low_mpa: Floats, high_mpa: Floats) -> Floats:
    """Temperature after isentropic compression, by bisection."""
    entropy = _state(temperature, low_mpa).entropy
    cold, hot = temperature.copy(), temperature + 600.0
    for _ in range(36):
        middle = (cold + hot) / 2
        is_below = _state(middle, high_mpa).entropy < entropy
        cold, hot = np.where(is_below, middle, cold), np.where(is_below, hot, middle)
    return (cold + hot) / 2


def _a_and_b(temperature: Floats) -> tuple[Floats, float, Floats]:
    """a in J m³/mol², b in m³/mol and da/dT."""
    kappa = 0.37464 + 1.54226 * _ACENTRIC - 0.26992 * _ACENTRIC**2
    at_critical = 0.45724 * (_R * _CRITICAL_K) ** 2 / (_CRITICAL_MPA * 1e6)
    root = np.sqrt(temperature / _CRITICAL_K)
    alpha = 1 + kappa * (1 - root)
    slope = -at_critical * kappa * alpha * root / temperature
    return at_critical * alpha**2, 0.07780 * _R * _CRITICAL_K / (_CRITICAL_MPA * 1e6), slope


def _outer_roots(big_a: Floats, big_b: Floats) -> tuple[Floats, Floats]:
    """Largest and smallest real root above B of Z³ − (1 − B) Z² + (A − 3B² − 2B) Z − (AB − B² − B³) = 0 (Cardano)."""
    c2, c1, c0 = big_b - 1, big_a - 3 * big_b**2 - 2 * big_b, -(big_a * big_b - big_b**2 - big_b**3)
    p, q = c1 - c2**2 / 3, 2 * c2**3 / 27 - c2 * c1 / 3 + c0
    inner = (q / 2) ** 2 + (p / 3) ** 3
    has_one = inner >= 0
    root = np.sqrt(np.where(has_one, inner, 0.0))
    single = np.cbrt(-q / 2 + root) + np.cbrt(-q / 2 - root)
    radius = 2 * np.sqrt(np.maximum(-p / 3, 0.0))
    cosine = np.clip(3 * q / np.where(p * radius == 0, 1.0, p * radius), -1.0, 1.0)
    angle = np.arccos(cosine) / 3
    largest = np.where(has_one, single, radius * np.cos(angle)) - c2 / 3
    smallest = np.where(has_one, single, radius * np.cos(angle - 4 * np.pi / 3)) - c2 / 3
    middle = np.where(has_one, single, radius * np.cos(angle - 2 * np.pi / 3)) - c2 / 3
    smallest = np.minimum(smallest, middle)
    return largest, np.where(smallest > big_b, smallest, largest)


def _ln_fugacity(z: Floats, big_a: Floats, big_b: Floats) -> Floats:
    """ln of the fugacity coefficient: the phase with the lower one is stable."""
    spread = np.log((z + (1 + np.sqrt(2)) * big_b) / (z + (1 - np.sqrt(2)) * big_b))
    return np.asarray(z - 1 - np.log(z - big_b) - big_a / (2 * np.sqrt(2) * big_b) * spread)


# Hydraulics of dense-phase CO₂: flow of a pipe, and power of its boosters.
#
# Pressure falls by friction (Darcy–Weisbach, with Haaland's approximation of Colebrook–White) and is restored by pumps.
# Design values: density 850 kg/m³ and viscosity 7.5e-5 Pa s (CO₂ at about 12 MPa and 20 °C, NIST Chemistry WebBook),
# roughness 0.046 mm (commercial steel), pressure gradient 20 Pa/m.

DENSITY_KG_PER_M3 = 850.0
VISCOSITY_PA_S = 7.5e-5
ROUGHNESS_M = 4.6e-5
GRADIENT_PA_PER_M = 20.0
_MM = 1000.0
_KG_PER_S_PER_KTPA = 1e6 / (HOURS_PER_YEAR * 3600.0)


def friction_factor(reynolds: float, relative_roughness: float) -> float:
    """Return the Darcy friction factor: 64 ÷ Re in laminar flow, else Haaland's approximation of Colebrook–White."""
    if reynolds <= 0:
        raise ValueError("the flow must be above 0")
    if reynolds < 2300:
        return 64.0 / reynolds
    return (-1.8 * math.log10((relative_roughness / 3.7) ** 1.11 + 6.9 / reynolds)) ** -2


def gradient_pa_per_m(flow_ktpa: float, diameter_mm: float) -> float:
    """Return the pressure gradient in a pipe of an inner diameter."""
    d = diameter_mm / _MM
    speed = flow_ktpa * _KG_PER_S_PER_KTPA / (DENSITY_KG_PER_M3 * math.pi * d * d / 4.0)
    factor = friction_factor(DENSITY_KG_PER_M3 * speed * d / VISCOSITY_PA_S, ROUGHNESS_M / d)
    return factor / d * DENSITY_KG_PER_M3 * speed * speed / 2.0


def diameter_mm(flow_ktpa: float, gradient: float = GRADIENT_PA_PER_M) -> float:
    """Return the inner diameter of a flow at a pressure gradient in Pa/m; 0 without flow."""
    if flow_ktpa <= 0:
        return 0.0
    low, high = 5.0, 5000.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if gradient_pa_per_m(flow_ktpa, middle) > gradient else (low, middle)
    return math.sqrt(low * high)


# Distances.

EARTH_RADIUS_KM = 6371.0088
_PLACE = ("lat_deg", "lon_deg")


def great_circle_km(lat_a: npt.ArrayLike, lon_a: npt.ArrayLike, lat_b: npt.ArrayLike, lon_b: npt.ArrayLike) -> Floats:
    """Return great-circle distances between points in degrees (haversine formula); arguments broadcast."""
    a, b = np.radians(np.asarray(lat_a, dtype=float)), np.radians(np.asarray(lat_b, dtype=float))
    step = np.radians(np.asarray(lon_b, dtype=float)) - np.radians(np.asarray(lon_a, dtype=float))
    half = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(step / 2) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))


def distances_km(rows: pd.DataFrame, columns: pd.DataFrame) -> Floats:
    """Return great-circle distances [row, column] between the places (lat_deg, lon_deg) of two tables."""
    lat, lon, to_lat, to_lon = (each[name].to_numpy(float) for each in (rows, columns) for name in _PLACE)
    return great_circle_km(lat[:, None], lon[:, None], to_lat, to_lon)


def wrap_deg(lon_deg: npt.ArrayLike) -> Floats:
    """Return longitudes, or differences of two, between -180° and 180°; those in this range do not change."""
    lon = np.asarray(lon_deg, dtype=float)
    lon = np.where(lon > 180.0, lon - 360.0, lon)
    return np.where(lon < -180.0, lon + 360.0, lon)


def unwrap_deg(lon_deg: npt.ArrayLike) -> Floats:
    """Return the longitudes of places without the step at 180°, which lies in the widest gap between them instead.

    Places on one side of 180° do not change; of others, those west of the gap are moved by 360°.
    """
    lon = np.asarray(lon_deg, dtype=float)
    ordered = np.unique(lon)
    if len(ordered) < 2 or ordered[-1] - ordered[0] <= 180.0:
        return lon
    gaps = np.diff(ordered)
    widest = int(gaps.argmax())
    if gaps[widest] <= 360.0 - (ordered[-1] - ordered[0]):
        return lon
    return np.where(lon <= ordered[widest], lon + 360.0, lon)


def flow_tph(flow_ktpa: npt.ArrayLike) -> Floats:
    """kt/y → t/h over the whole year."""
    return np.asarray(flow_ktpa, dtype=float) * 1000.0 / HOURS_PER_YEAR


def nearest_sites(points: pd.DataFrame, sites: pd.DataFrame, n: int, reach_km: float) -> tuple[Ints, Ints, Floats]:
    """(point, site, straight km) of the at most `n` nearest sites within `reach_km` of each point, nearest first."""
    far = distances_km(points, sites)
    order = np.argsort(far, axis=1, kind="stable")[:, :n]
    point = np.repeat(np.arange(far.shape[0]), order.shape[1])
    site = order.ravel()
    straight = far[point, site]
    within = straight <= reach_km
    return point[within], site[within], straight[within]
