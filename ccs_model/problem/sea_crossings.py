"""Notices of pipelines between places on land that run mostly over sea at the cost of flat land."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Mask
from ccs_model.engineering.co2_transport import great_circle_km
from ccs_model.inputs.declarations import NODES
from ccs_model.inputs.geography import are_off_land
from ccs_model.problem.candidate_network import Network
from ccs_model.problem.link_costs import Terrain, link_id, points_along
from ccs_model.problem.problem import Problem
from ccs_model.problem.scenario_names import place_of
from ccs_model.scenario.validation import shown_text
from ccs_model.units import join_first_names

# Outlines are simplified: points nearer to land than this count as land.
_COAST_KM = 5.0
# A line between places on land is longer than this if over half of it is further than _COAST_KM from both ends.
_SHORTEST_KM = 4 * _COAST_KM
_SHARES = (np.arange(9) + 0.5) / 9
_MOST_NAMED = 6


def notices_of_sea_crossings(problem: Problem) -> Iterator[str]:
    """A notice of candidate pipelines of the user's places that cross the sea without a cost factor for it."""
    network = problem.network
    lines = _own_pipes(problem) if network is None else _links_of(problem, network)
    lines = lines[great_circle_km(*_ends(lines)) > _SHORTEST_KM]
    if lines.empty:
        return
    crossing = lines[_are_flat_over_sea(Terrain.of(problem.inputs), *_ends(lines))]
    if len(crossing):
        names = join_first_names([shown_text(name) for name in crossing["name"]], _MOST_NAMED)
        yield (
            f"{place_of(problem.scenario, 'transport')}: candidate pipelines between places on land run mostly over "
            f"sea at the cost of flat land: {names}; raise their cost factor with transport.terrain or, on a shared "
            "network, transport/links"
        )


def _are_flat_over_sea(terrain: Terrain, lat_a: Floats, lon_a: Floats, lat_b: Floats, lon_b: Floats) -> Mask:
    """Whether over half of each line lies off land where the terrain has the multiplier 1."""
    lat, lon = points_along(_SHARES, lat_a, lon_a, lat_b, lon_b)
    at_sea = are_off_land(lat.ravel(), lon.ravel(), _COAST_KM).reshape(lat.shape)
    flat: Mask = (at_sea & (terrain.at(lat, lon) == 1.0)).mean(axis=0) > 0.5
    return flat


def _ends(lines: pd.DataFrame) -> tuple[Floats, Floats, Floats, Floats]:
    lat_a, lon_a, lat_b, lon_b = (lines[name].to_numpy(float) for name in ("lat_a", "lon_a", "lat_b", "lon_b"))
    return lat_a, lon_a, lat_b, lon_b


def _links_of(problem: Problem, network: Network) -> pd.DataFrame:
    """Candidate links on land from or to places of the user, or given by the user, without a cost factor of theirs."""
    own, given = _own_ids(problem), problem.inputs["transport/links"]
    own |= {network.node_of_plant[plant] for plant in own if plant in network.node_of_plant}
    factored = set(given["link"][given["cost_factor"].notna()])
    links = network.links[(network.links["kind"] == "pipe") & ~network.links["is_offshore"].astype(bool)]
    links = links[~links["link"].isin(factored)]
    links = links[links["node_a"].isin(own) | links["node_b"].isin(own) | links["is_given"].astype(bool)]
    at = network.nodes.set_index("node")
    return _with_ends(links["link"], at.loc[links["node_a"]], at.loc[links["node_b"]])


def _own_pipes(problem: Problem) -> pd.DataFrame:
    """Own pipelines on land from plants or to sites of the user."""
    own = _own_ids(problem)
    pairs = problem.routes.loc[problem.captures, ["plant", "site"]].drop_duplicates()
    sites = problem.sites.set_index("site")
    onshore = set(sites.index[~sites["is_offshore"].astype(bool)])
    pairs = pairs[pairs["site"].isin(onshore) & (pairs["plant"].isin(own) | pairs["site"].isin(own))]
    names = pd.Series([link_id(*pair) for pair in pairs.itertuples(index=False)], dtype=object)
    return _with_ends(names, problem.plants.set_index("plant").loc[pairs["plant"]], sites.loc[pairs["site"]])


def _with_ends(names: pd.Series, one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": names.to_numpy(object),
            "lat_a": one["lat_deg"].to_numpy(float),
            "lon_a": one["lon_deg"].to_numpy(float),
            "lat_b": other["lat_deg"].to_numpy(float),
            "lon_b": other["lon_deg"].to_numpy(float),
        }
    )


def _own_ids(problem: Problem) -> set[str]:
    """Ids of the plants, sites and hubs of the user."""
    found: set[str] = set()
    for table, column in NODES:
        ids = problem.inputs[table][column].to_numpy(object)
        found |= {str(name) for row, name in enumerate(ids) if problem.inputs.is_own(table, row)}
    return found
