"""Heat of a plant that could raise steam for capture and is not used yet."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.engineering.streams import lasting_share_of_mill, utilisation_share
from ccs_model.inputs import Inputs

_OF_PRODUCT = {
    "ammonia": "ammonia_waste_heat_gj_per_t",
    "methanol": "methanol_waste_heat_gj_per_t",
    "olefins": "methanol_waste_heat_gj_per_t",
    "coal_to_liquids_direct": "methanol_waste_heat_gj_per_t",
}


def waste_heat_tj_pa(plants: pd.DataFrame, inputs: Inputs) -> pd.Series:
    """TJ a year of each row of `plants` (plant, province, product, capacity_ktpa), aligned with it.

    Output × a factor per t (streams/factors, assumed and low): a steel works by its oxygen-furnace steel, by its iron
    where it lists none, so that electric furnaces have none, and of either what lasts, like its CO₂; a chemical plant
    by its product. kt/y × GJ/t = TJ/y. Plants of neither kind have none.
    """
    works = inputs["plants/steel"].set_index("plant")
    hot_ktpa = works["bof_steel_ktpa"].where(works["bof_steel_ktpa"] > 0, works["bf_iron_ktpa"]).fillna(0.0)
    hot_ktpa = hot_ktpa * lasting_share_of_mill(works)
    is_steel = plants["product"] == "crude_steel"
    factor = plants["product"].map({name: inputs.factor(key) for name, key in _OF_PRODUCT.items()}).fillna(0.0)
    factor = factor.mask(is_steel, inputs.factor("steel_waste_heat_gj_per_t"))
    base_ktpa = np.where(is_steel, plants["plant"].map(hot_ktpa).fillna(0.0), plants["capacity_ktpa"])
    used = utilisation_share(plants, plants["product"], inputs["streams/utilisation"]).fillna(0.0)
    return (base_ktpa * used * factor).astype(float).rename("waste_heat_tj_pa")
