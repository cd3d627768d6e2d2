"""CO₂ of grid power by province and year: as the tables give it, or as the scenario's non-fossil share lowers it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.economics.policy import grid_factor_path
from ccs_model.inputs import Inputs
from ccs_model.scenario import Scenario

COLUMNS = ["province", "year", "grid_kg_per_kwh", "reference", "quality"]


def grid_factors(scenario: Scenario, inputs: Inputs, calendar: npt.NDArray[np.int64]) -> pd.DataFrame:
    """COLUMNS, one row a province and year that is known.

    With `policy.non_fossil_share` the last known factor of each province is carried on: it falls as the fossil rest of
    the country's power does, so that it is met in its own year.
    """
    known = inputs["prices/grid_factors"][COLUMNS]
    shares = scenario.policy.non_fossil_share
    if not shares:
        return known
    last = known.sort_values("year").groupby("province", as_index=False).last()
    later = calendar[calendar > int(last["year"].min())]
    path = grid_factor_path(
        last["grid_kg_per_kwh"], last["year"], shares, later, inputs.factor("fossil_power_kg_per_kwh")
    )
    carried = pd.DataFrame(
        {
            "province": np.repeat(last["province"].to_numpy(object), len(later)),
            "year": np.tile(later, len(last)),
            "grid_kg_per_kwh": path.ravel(),
            "reference": np.repeat(last["reference"].to_numpy(object), len(later)),
            "quality": "assumed",
        }
    )
    is_new = carried["year"] > carried["province"].map(last.set_index("province")["year"])
    both = pd.concat([known, carried[is_new]], ignore_index=True)
    return both.sort_values(["province", "year"], kind="stable").reset_index(drop=True)
