"""Where a point lies against the simplified outlines of data/geo (Natural Earth; not a boundary statement)."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.paths import data_folder

_KM_PER_DEGREE = 111.195
_OUTLINE_NAME = {"Inner Mongolia": "Inner Mongol"}

Ring = npt.NDArray[np.float64]


@cache
def province_outlines() -> dict[str, list[Ring]]:
    """Province → rings of (lon, lat) points, closed."""
    with (data_folder() / "geo" / "provinces.json").open(encoding="utf-8") as file:
        return {row["name"]: [np.asarray(ring, dtype=float) for ring in row["rings"]] for row in json.load(file)}


def km_outside_province(province: pd.Series, lat_deg: pd.Series, lon_deg: pd.Series) -> pd.Series:
    """Distance from each point to its province's outline in km, 0 inside; 0 too where no outline is known."""
    far = pd.Series(0.0, index=province.index)
    for name, group in province.groupby(province):
        rings = province_outlines().get(_OUTLINE_NAME.get(str(name), str(name)))
        if rings is None:
            continue
        for i in group.index:
            far[i] = _km_outside(rings, float(lon_deg[i]), float(lat_deg[i]))
    return far


def _km_outside(rings: list[Ring], lon: float, lat: float) -> float:
    """0 inside any ring, else the least distance to a segment, on a plane that is locally true."""
    scale = np.array([np.cos(np.radians(np.clip(lat, -89, 89))), 1.0]) * _KM_PER_DEGREE
    nearest = np.inf
    for ring in rings:
        points = (ring - [lon, lat]) * scale
        start, step = points, np.roll(points, -1, axis=0) - points
        end = start + step
        crosses = (start[:, 1] > 0) != (end[:, 1] > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            at = start[:, 0] - start[:, 1] * step[:, 0] / step[:, 1]
            along = np.clip(-(start * step).sum(axis=1) / (step**2).sum(axis=1), 0, 1)
        if np.count_nonzero(crosses & (at > 0)) % 2:
            return 0.0
        along = np.nan_to_num(along)
        nearest = min(nearest, float(np.hypot(*(start + along[:, None] * step).T).min()))
    return nearest
