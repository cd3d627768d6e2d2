"""Existing pipes and trucks, which need no construction."""

from __future__ import annotations

import pandas as pd

from ccs_model.economics.prices import PriceLevel
from ccs_model.engineering.co2_transport import great_circle_km
from ccs_model.inputs import Inputs

LINE_COLUMNS = [
    "line", "link", "pipe", "is_free", "free_ktpa", "fixed_mn", "included_ktpa", "slope_mn_per_ktpa", "largest_ktpa",
    "smallest_ktpa", "om_mn_per_ktpa", "kwh_per_t", "haul_per_t", "life_yr",
]  # fmt: skip


def no_links() -> pd.DataFrame:
    """Return an empty link table."""
    return pd.DataFrame(
        {
            "link": pd.Series(dtype=object),
            "node_a": pd.Series(dtype=object),
            "node_b": pd.Series(dtype=object),
            "kind": pd.Series(dtype=object),
            "length_km": pd.Series(dtype=float),
            "cost_factor": pd.Series(dtype=float),
            "is_given": pd.Series(dtype=bool),
            "existing_ktpa": pd.Series(dtype=float),
        }
    )


def existing_lines(links: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame:
    """Return existing pipes with their free capacity, operated like the largest size."""
    there = links[links["existing_ktpa"] > 0]
    like = sizes.iloc[-1]
    return pd.DataFrame(
        {
            "line": there["link"] + " | existing",
            "link": there["link"],
            "pipe": "existing",
            "is_free": True,
            "free_ktpa": there["existing_ktpa"],
            "fixed_mn": 0.0,
            "included_ktpa": 0.0,
            "slope_mn_per_ktpa": 0.0,
            "smallest_ktpa": 0.0,
            "largest_ktpa": there["existing_ktpa"],
            "om_mn_per_ktpa": like["om_mn_per_km_per_ktpa"] * there["length_km"],
            "kwh_per_t": like["kwh_per_t_km"] * there["length_km"],
            "haul_per_t": 0.0,
            "life_yr": like["life_yr"],
        },
        columns=LINE_COLUMNS,
    )


def truck_links(nodes: pd.DataFrame, inputs: Inputs, level: PriceLevel) -> pd.DataFrame:
    """Return a road from every plant node to its nearest onshore site, with the capacity of a truck fleet."""
    trucks = inputs["transport/trucks"]
    plants = nodes[nodes["kind"] == "plant"]
    sites = nodes[(nodes["kind"] == "site") & ~nodes["is_offshore"].astype(bool)]
    if plants.empty or sites.empty or trucks.empty:
        return no_links()
    truck = trucks.iloc[0]
    far = great_circle_km(
        plants["lat_deg"].to_numpy(float)[:, None],
        plants["lon_deg"].to_numpy(float)[:, None],
        sites["lat_deg"].to_numpy(float),
        sites["lon_deg"].to_numpy(float),
    )
    nearest = far.argmin(axis=1)
    straight = far.min(axis=1)
    table = pd.DataFrame(
        {
            "link": [
                f"road {plant} – {site}"
                for plant, site in zip(plants["node"], sites["node"].to_numpy(object)[nearest], strict=True)
            ],
            "node_a": plants["node"].to_numpy(object),
            "node_b": sites["node"].to_numpy(object)[nearest],
            "kind": "truck",
            "straight_km": straight,
            "length_km": straight * truck["detour"],
            "cost_factor": 1.0,
            "is_given": False,
            "is_offshore": False,
            "existing_ktpa": truck["largest_ktpa"],
        }
    )
    table = table[table["length_km"] <= truck["reach_km"]]
    rate = float(level.convert([1.0], [truck["currency"]], [truck["price_year"]])[0])
    return table.assign(
        haul_per_t=(truck["fixed_per_t"] + truck["cost_per_t_km"] * table["length_km"]) * rate,
        kwh_per_t=truck["liquefaction_kwh_per_t"] + truck["power_kwh_per_t_km"] * table["length_km"],
    )


def trucked_lines(trucks: pd.DataFrame) -> pd.DataFrame:
    """Return one pipe option a road."""
    if trucks.empty:
        return pd.DataFrame(columns=LINE_COLUMNS)
    return pd.DataFrame(
        {
            "line": trucks["link"] + " | truck",
            "link": trucks["link"],
            "pipe": "truck",
            "is_free": True,
            "free_ktpa": trucks["existing_ktpa"],
            "fixed_mn": 0.0,
            "included_ktpa": 0.0,
            "slope_mn_per_ktpa": 0.0,
            "smallest_ktpa": 0.0,
            "largest_ktpa": trucks["existing_ktpa"],
            "om_mn_per_ktpa": 0.0,
            "kwh_per_t": trucks["kwh_per_t"],
            "haul_per_t": trucks["haul_per_t"],
            "life_yr": 1,
        },
        columns=LINE_COLUMNS,
    )
