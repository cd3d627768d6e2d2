"""Distances, and what a pipeline draws: first form, each retrofit's own pipe to a site."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ccs_model.units import HOURS_PER_YEAR

Floats = npt.NDArray[np.float64]
EARTH_RADIUS_KM = 6371.0088


def great_circle_km(lat_a: npt.ArrayLike, lon_a: npt.ArrayLike, lat_b: npt.ArrayLike, lon_b: npt.ArrayLike) -> Floats:
    """Distance over the sphere between points in degrees; arguments broadcast (the haversine form)."""
    a, b = np.radians(np.asarray(lat_a, dtype=float)), np.radians(np.asarray(lat_b, dtype=float))
    step = np.radians(np.asarray(lon_b, dtype=float)) - np.radians(np.asarray(lon_a, dtype=float))
    half = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(step / 2) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))


def flow_tph(flow_ktpa: npt.ArrayLike) -> Floats:
    """kt/y → t/h over the whole year."""
    return np.asarray(flow_ktpa, dtype=float) * 1000.0 / HOURS_PER_YEAR


def nearest_sites(
    lat: npt.ArrayLike, lon: npt.ArrayLike, site_lat: npt.ArrayLike, site_lon: npt.ArrayLike, n: int, reach_km: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
    """(point, site, straight km) of the at most `n` nearest sites within `reach_km` of each point, nearest first."""
    far = great_circle_km(np.asarray(lat)[:, None], np.asarray(lon)[:, None], site_lat, site_lon)
    order = np.argsort(far, axis=1, kind="stable")[:, :n]
    point = np.repeat(np.arange(far.shape[0]), order.shape[1])
    site = order.ravel()
    straight = far[point, site]
    within = straight <= reach_km
    return point[within], site[within], straight[within]
