"""How much dearer a pipe is over hills or wetland: a multiplier by place, from a table of points or a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from ccs_model.inputs import Inputs
from ccs_model.inputs.terrain_file import Raster

Floats = npt.NDArray[np.float64]
# Along the longest candidate link, a sample every 5 km or so.
_N_SAMPLES = 101


@dataclass(frozen=True, eq=False)
class Terrain:
    """Cost multipliers at points [n] of latitude and longitude, or a grid of them. Where neither says, it is 1."""

    lat_deg: Floats
    lon_deg: Floats
    multiplier: Floats
    raster: Raster | None = None

    @classmethod
    def of(cls, inputs: Inputs) -> Terrain:
        """The grid that the scenario names, or the points of table transport/terrain."""
        table = inputs["transport/terrain"]
        lat, lon, multiplier = (table[name].to_numpy(float) for name in ("lat_deg", "lon_deg", "cost_multiplier"))
        return cls(lat, lon, multiplier, inputs.raster)

    def factor(self, lat_a: Floats, lon_a: Floats, lat_b: Floats, lon_b: Floats) -> Floats:
        """Mean multiplier along the straight way from a to b."""
        if self.raster is None and not len(self.multiplier):
            return np.ones(len(lat_a))
        along = np.linspace(0.0, 1.0, _N_SAMPLES)[:, None]
        lat, lon = lat_a + along * (lat_b - lat_a), lon_a + along * (lon_b - lon_a)
        at = self.raster.at(lat, lon) if self.raster is not None else self._of_nearest(lat, lon)
        mean: Floats = at.mean(axis=0)
        return mean

    def _of_nearest(self, lat: Floats, lon: Floats) -> Floats:
        """The multiplier of the nearest point, if that is no further than the diagonal of their grid.

        Its cells are taken to be as wide as points lie apart, in the median; a single point holds everywhere.
        """
        points = np.column_stack([self.lat_deg, self.lon_deg])
        tree = cKDTree(points)
        reach = np.inf
        if len(points) > 1:
            reach = np.sqrt(2.0) * float(np.median(tree.query(points, k=2)[0][:, 1])) * (1 + 1e-9)
        far, nearest = tree.query(np.column_stack([lat.ravel(), lon.ravel()]))
        return np.where(far <= reach, self.multiplier[nearest], 1.0).reshape(lat.shape)
