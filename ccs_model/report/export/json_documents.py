"""JSON documents beside plan.json: frontier.json (ccs-model/frontier/2), montecarlo.json (…/montecarlo/2), map.geojson.

The map is GeoJSON (RFC 7946: WGS84, longitude before latitude, no crs member). The property `kind` gives the layer of a
feature: `plant` (all plants of the zones), `site` (all candidate sites), `hub` (other nodes of the network), `pipe` and
`truck`. A pipeline is a straight line from plant to site or, on a shared network, from node to node, in the direction
of the flow in the last period. Lengths include the detour factor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ccs_model.plan.plan import FRONTIER_SCHEMA, NO_REGRET_SHARE, UNCERTAINTY_SCHEMA, Frontier, Plan, Uncertainty
from ccs_model.plan.plan_json import plain, records
from ccs_model.report.pipe_tables import links_in_use, network_of, node_names, pipes_table

# Decimal places of coordinates; about 1 m.
_DECIMALS = 5

Feature = dict[str, Any]


def frontier_dict(frontier: Frontier, scenario: str) -> dict[str, Any]:
    """Return the frontier as plain values, unknown ones as None; each point includes its moves and map data."""
    moves: dict[float, list[dict[str, Any]]] = {}
    for row in records(frontier.moves):
        moves.setdefault(row["budget_mn"], []).append({key: row[key] for key in row if key != "budget_mn"})
    points = [
        {**row, "plants": str(row["plants"]).split(), "moves": moves.get(row["budget_mn"], []), **drawn}
        for row, drawn in zip(records(frontier.points), frontier.pictures, strict=True)
    ]
    document: dict[str, Any] = plain(
        {
            "schema": FRONTIER_SCHEMA,
            "scenario": scenario,
            **dict(frontier.about),
            "points": points,
            "breakpoints": records(frontier.breakpoints),
        }
    )
    return document


def frontier_text(frontier: Frontier, scenario: str) -> str:
    """Return frontier.json; the same frontier gives the same bytes."""
    return json.dumps(frontier_dict(frontier, scenario), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def uncertainty_dict(found: Uncertainty) -> dict[str, Any]:
    """Return the Monte Carlo results as plain values, unknown ones as None; futures.csv holds the single futures."""
    document: dict[str, Any] = plain(
        {
            "schema": UNCERTAINTY_SCHEMA,
            **dict(found.about),
            "inputs": records(found.inputs),
            "spread": records(found.spread),
            "tornado": records(found.tornado),
            "broken": records(found.broken),
            "plants": records(found.plants),
            "no_regret": {"share_min": NO_REGRET_SHARE, "plants": list(found.no_regret)},
        }
    )
    return document


def uncertainty_text(found: Uncertainty) -> str:
    """Return montecarlo.json; the same results give the same bytes."""
    return json.dumps(uncertainty_dict(found), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


# The map as GeoJSON.


def geojson_text(plan: Plan) -> str:
    """Return the feature collection as text with one feature per line; the same plan gives the same bytes."""
    shared = plan.problem.network is not None
    features = [*(_links(plan) if shared else _pipes(plan)), *_sites(plan), *_plants(plan)]
    return collection_text([plain(feature) for feature in features])


def collection_text(features: Sequence[Feature]) -> str:
    """Return plain features as a feature collection."""
    lines = [json.dumps(feature, ensure_ascii=False, allow_nan=False) for feature in features]
    return '{"type": "FeatureCollection", "features": [\n' + ",\n".join(lines) + "\n]}\n"


def _plants(plan: Plan) -> Iterator[Feature]:
    amounts = ["captured_ktpa", "avoided_ktpa", "capex_mn"]
    retrofitted = plan.retrofits.groupby("plant")[amounts].sum()
    for plant in records(plan.problem.plants):
        is_retrofitted = plant["plant"] in retrofitted.index
        properties = {
            "kind": "plant",
            "id": plant["plant"],
            **{name: plant[name] for name in ("name", "name_zh", "sector", "province", "baseline_ktpa", "status")},
            "reason": plant["reason"],
            **{name: retrofitted.at[plant["plant"], name] if is_retrofitted else 0.0 for name in amounts},
            "is_retrofitted": is_retrofitted,
        }
        yield _feature("Point", _position(plant), properties)


def _sites(plan: Plan) -> Iterator[Feature]:
    """Candidate sites; the capacity is the usable one, as in plan.storage."""
    problem = plan.problem
    last = plan.storage[plan.storage["year"] == problem.years[-1]].set_index("site")
    for site in records(problem.sites):
        is_used = site["site"] in last.index
        properties = {
            "kind": "site",
            "id": site["site"],
            **{name: site[name] for name in ("name", "basin", "province")},
            **{name: last.at[site["site"], name] if is_used else 0.0 for name in ("injected_ktpa", "stored_kt")},
            "capacity_kt": site["capacity_kt"] * problem.max_fill_share,
            "is_used": is_used,
        }
        yield _feature("Point", _position(site), properties)


def _pipes(plan: Plan) -> Iterator[Feature]:
    plants = {row["plant"]: _position(row) for row in records(plan.problem.plants)}
    sites = {row["site"]: _position(row) for row in records(plan.problem.sites)}
    for pipe in records(pipes_table(plan)):
        properties = {
            "kind": "pipe",
            "id": pipe["route"],
            **{name: pipe[name] for name in ("plant", "stream", "site", "pipe", "n_lines", "flow_ktpa", "length_km")},
            "built_year": pipe["built_year"],
            "capex_mn": pipe["pipe_capex_mn"],
        }
        yield _feature("LineString", [plants[pipe["plant"]], sites[pipe["site"]]], properties)


def _links(plan: Plan) -> Iterator[Feature]:
    """Links built or in use, then the hubs of the candidate network."""
    links = links_in_use(plan)
    network = network_of(plan)
    nodes = {row["node"]: _position(row) for row in records(network.nodes)}
    named = ("from_node", "from_name", "to_node", "to_name", "pipe", "built_year", "length_km", "diameter_mm",
             "capacity_ktpa", "flow_ktpa", "used_share", "n_users")  # fmt: skip
    for link in records(links):
        properties = {
            "kind": link["kind"],
            "id": link["link"],
            **{name: link[name] for name in named},
            "capex_mn": link["pipe_capex_mn"],
        }
        yield _feature("LineString", [nodes[link["from_node"]], nodes[link["to_node"]]], properties)
    used = {*links["from_node"], *links["to_node"]}
    names = node_names(plan)
    for hub in records(network.nodes[network.nodes["kind"] == "hub"]):
        properties = {"kind": "hub", "id": hub["node"], "name": names[hub["node"]], "is_used": hub["node"] in used}
        yield _feature("Point", nodes[hub["node"]], properties)


def _feature(shape: str, coordinates: list[Any], properties: dict[str, Any]) -> Feature:
    return {"type": "Feature", "geometry": {"type": shape, "coordinates": coordinates}, "properties": properties}


def _position(row: dict[str, Any]) -> list[float]:
    return [round(float(row["lon_deg"]), _DECIMALS), round(float(row["lat_deg"]), _DECIMALS)]
