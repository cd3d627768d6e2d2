"""Air pollution beside CO₂: what burning coal for steam and drawing power for capture gives off, and the tax on it.

Told beside the accounts and counted in none: the harm of a tonne has no documented value here, only its tax.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.economics.benefits import pollutants_kt
from ccs_model.economics.price_level import PriceLevel
from ccs_model.inputs.places import are_in_china
from ccs_model.plan.decisions import Point

AIR_COLUMNS = [
    "province",
    "pollutant",
    "emission_ktpa",
    "tax_low_per_t",
    "tax_high_per_t",
    "tax_low_mn_pa",
    "tax_high_mn_pa",
]
_SUFFIX = "_kt"


def air_pollution_table(point: Point) -> pd.DataFrame:
    """COLUMNS, one row a province and pollutant, in the last period.

    Lowest and highest tax of a province's zones, since plants are not laid out over them; the least and most of China's
    law where those of a Chinese province are not known, and nothing elsewhere unless a row of the user's own says so.
    """
    problem = point.problem
    inputs, routes = problem.inputs, problem.routes
    captured = np.maximum(point.captured_ktpa[:, -1], 0.0)
    burnt = np.where(routes["fuel"] == "coal", routes["heat_gj_per_t"] / routes["heat_efficiency_share"], 0.0)
    drawn = routes["power_kwh_per_t"] + routes["booster_kwh_per_t"]
    given_off = pollutants_kt(inputs["policy/pollutants"], captured, np.nan_to_num(burnt), drawn)
    by_province = given_off.groupby(routes["province"].to_numpy()).sum()
    level = PriceLevel(
        problem.currency, problem.price_year, inputs["indices/deflators"], inputs["indices/exchange_rates"]
    )
    taxes = inputs["policy/pollution_taxes"]
    taxes = taxes.assign(tax_per_t=level.convert(taxes["tax_per_t"], taxes["currency"], taxes["price_year"]))
    is_of_law = taxes["province"].fillna("") == ""
    bounds = taxes[~is_of_law].groupby(["province", "pollutant"])["tax_per_t"].agg(["min", "max"])
    of_law = taxes[is_of_law].groupby("pollutant")["tax_per_t"].agg(["min", "max"])
    table = by_province.rename(columns=lambda name: name.removesuffix(_SUFFIX)).stack()
    table = table.rename("emission_ktpa").rename_axis(["province", "pollutant"]).reset_index()
    in_china = are_in_china(table["province"])
    own, law = (table.join(each, on=key) for each, key in ((bounds, ["province", "pollutant"]), (of_law, "pollutant")))
    for end, which in (("low", "min"), ("high", "max")):
        table[f"tax_{end}_per_t"] = own[which].fillna(law[which].where(in_china))
        table[f"tax_{end}_mn_pa"] = table["emission_ktpa"] * table[f"tax_{end}_per_t"] / 1000.0
    return table[AIR_COLUMNS]
