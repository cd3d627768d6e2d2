"""Costs of every candidate link: pipe sizes, existing pipes, trucks.

A pipe of size d on a link of length L, for a capacity of q kt/y (nameplate), costs

    capex_mn = fixed_mn + slope_mn_per_ktpa × max(q − included_ktpa, 0),   q ≤ largest_ktpa

with both coefficients in proportion to L^m × cost factor; `problem/pipe_costs` has the sizes and m.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ccs_model._typing import Floats
from ccs_model.economics.prices import PriceLevel
from ccs_model.engineering.capture_units import covered_rows, is_shared
from ccs_model.engineering.co2_transport import distances_km, great_circle_km, wrap_deg
from ccs_model.errors import Issue, raise_issues
from ccs_model.inputs import Inputs
from ccs_model.inputs.geography import country_outlines
from ccs_model.inputs.terrain_file import Raster
from ccs_model.problem.candidate_network import Network, SearchRadii, candidate_pairs, flow_bounds, places_as_nodes
from ccs_model.problem.owner_accounts import most_capital_mn
from ccs_model.problem.pipe_costs import PipeCosts, pipe_costs_of
from ccs_model.scenario import Scenario
from ccs_model.scenario.validation import shown_text

# Terrain: cost multiplier by place, from a table of points or a grid.

# Samples along a link, about every 5 km on the longest.
_N_SAMPLES = 101


@dataclass(frozen=True, eq=False)
class Terrain:
    """Cost multipliers at points [n] or on a grid; 1 where neither applies."""

    lat_deg: Floats
    lon_deg: Floats
    multiplier: Floats
    raster: Raster | None = None

    @classmethod
    def of(cls, inputs: Inputs) -> Terrain:
        """Return the grid of the scenario, or the points of transport/terrain."""
        table = inputs["transport/terrain"]
        lat, lon, multiplier = (table[name].to_numpy(float) for name in ("lat_deg", "lon_deg", "cost_multiplier"))
        return cls(lat, lon, multiplier, inputs.raster)

    def factor(self, lat_a: Floats, lon_a: Floats, lat_b: Floats, lon_b: Floats) -> Floats:
        """Mean multiplier along the straight way from a to b."""
        if self.raster is None and not len(self.multiplier):
            return np.ones(len(lat_a))
        along = np.linspace(0.0, 1.0, _N_SAMPLES)
        mean: Floats = self.at(*points_along(along, lat_a, lon_a, lat_b, lon_b)).mean(axis=0)
        return mean

    def at(self, lat: Floats, lon: Floats) -> Floats:
        """Multiplier at points in an array of any shape."""
        if self.raster is not None:
            return self.raster.at(lat, lon)
        return self._nearest_multiplier(lat, lon) if len(self.multiplier) else np.ones(lat.shape)

    def covers(self, lat_a: Floats, lon_a: Floats, lat_b: Floats, lon_b: Floats) -> bool:
        """Whether any of the straight ways from a to b crosses a cell of the grid or the cell of a point."""
        marked = replace(self, multiplier=np.zeros(len(self.multiplier)))
        if self.raster is not None:
            marked = replace(self, raster=replace(self.raster, values=np.zeros_like(self.raster.values)))
        return bool((marked.factor(lat_a, lon_a, lat_b, lon_b) < 1.0).any())

    def _nearest_multiplier(self, lat: Floats, lon: Floats) -> Floats:
        """Multiplier of the nearest point, if it is within the diagonal of the points' grid.

        The cell width is the median distance between points; a single point applies everywhere.
        """
        points = np.column_stack([self.lat_deg, self.lon_deg])
        tree = cKDTree(points)
        radii = np.inf
        if len(points) > 1:
            radii = np.sqrt(2.0) * float(np.median(tree.query(points, k=2)[0][:, 1])) * (1 + 1e-9)
        far, nearest = tree.query(np.column_stack([lat.ravel(), lon.ravel()]))
        return np.where(far <= radii, self.multiplier[nearest], 1.0).reshape(lat.shape)


def points_along(share: Floats, lat_a: Floats, lon_a: Floats, lat_b: Floats, lon_b: Floats) -> tuple[Floats, Floats]:
    """Return latitudes and longitudes [share, line] at shares of the ways from a to b, the short way round."""
    along = share[:, None]
    return lat_a + along * (lat_b - lat_a), wrap_deg(lon_a + along * wrap_deg(lon_b - lon_a))


LINE_COLUMNS = [
    "line", "link", "pipe", "is_free", "free_ktpa", "fixed_mn", "included_ktpa", "slope_mn_per_ktpa", "largest_ktpa",
    "smallest_ktpa", "om_mn_per_ktpa", "om_share", "kwh_per_t", "haul_per_t", "life_yr",
]  # fmt: skip
_LINK_TYPES = {
    "link": object, "node_a": object, "node_b": object, "kind": object, "length_km": float, "cost_factor": float,
    "is_given": bool, "existing_ktpa": float,
}  # fmt: skip
_OTHER_ID = "give it another id"
_QUOTED = ("fixed_mn", "slope_mn_per_ktpa")


def network_of(
    scenario: Scenario,
    inputs: Inputs,
    level: PriceLevel,
    options: pd.DataFrame,
    candidates: pd.DataFrame,
    sites: pd.DataFrame,
    delivered_share: float = 1.0,
    least_bound_ktpa: float = 0.0,
) -> Network:
    """The candidate network of the scenario, sized for plans of at least some nameplate.

    Raises InputError for given links that cannot be.
    """
    radii = SearchRadii(
        inputs.limit("link_max_km"),
        int(inputs.limit("n_neighbours")),
        int(inputs.limit("n_direct_sites")),
        inputs.limit("prune_factor"),
        inputs.limit("hub_diameter_km"),
        int(inputs.limit("hub_plants_min")),
    )
    sites = _sites_in_reach(sites, candidates, inputs, scenario.storage.site_reach_km or inputs.limit("site_reach_km"))
    nodes = places_as_nodes(candidates, sites, inputs["transport/hubs"], radii)
    _validate_ids("transport/hubs", "hub", inputs, nodes.loc[nodes["kind"] == "hub", "node"])
    node_of = {plant: row.node for row in nodes.itertuples() for plant in row.members}
    node_of |= {site: site for site in sites["site"]} | {hub: hub for hub in inputs["transport/hubs"]["hub"]}
    made = _made_links(nodes, radii) if scenario.transport.candidate_links == "made_and_given" else _no_links()
    given = _given_links(inputs, node_of)
    # A given link replaces the generated one between the same ends.
    pairs = {frozenset(pair) for pair in zip(given["node_a"], given["node_b"], strict=True)}
    others = [frozenset(pair) not in pairs for pair in zip(made["node_a"], made["node_b"], strict=True)]
    made = made[np.array(others, dtype=bool)]
    trucks = _truck_links(nodes, inputs, level) if scenario.transport.trucks else _no_links()
    _validate_ids("transport/links", "link", inputs, pd.concat([made["link"], given["link"], trucks["link"]]))
    links = pd.concat([made, given], ignore_index=True)
    links = links.sort_values("link", kind="stable").reset_index(drop=True)
    nodes = _with_grid(nodes, candidates, sites)
    links = _measure_links(links, nodes, scenario, inputs)
    pipes = pipe_costs_of(scenario, inputs, level)
    most_ktpa = max(_most_ktpa(options, sites, scenario, delivered_share), least_bound_ktpa)
    quoted = set(inputs["transport/line_costs"]["link"] + " | " + inputs["transport/line_costs"]["pipe"])
    lines = _sized_lines(links, pipes, _bounds(links, nodes, options, sites, node_of, most_ktpa), quoted)
    lines = _add_least_flows(_apply_quotes(lines, links, inputs, level))
    lines = pd.concat([lines, _existing_lines(links, pipes), _trucked_lines(trucks)], ignore_index=True)
    lines = lines.sort_values("line", kind="stable").reset_index(drop=True)
    every = pd.concat([links, trucks], ignore_index=True).sort_values("link", kind="stable").reset_index(drop=True)
    every = _with_places(every, nodes)
    plant_nodes = {plant: node_of[plant] for plant in candidates["plant"]}
    site_nodes = {site: site for site in sites["site"]}
    return Network(nodes.drop(columns="members"), every, lines, plant_nodes, site_nodes, most_ktpa)


def _validate_ids(table: str, column: str, inputs: Inputs, ids: pd.Series) -> None:
    """Raise if an id of the user's hubs or links is also that of a generated one."""
    twice = set(ids[ids.duplicated()])
    raise_issues(
        Issue(
            inputs.place(table, row, column), f"'{shown_text(name)}' is also the id of a generated {column}", _OTHER_ID
        )
        for row, name in enumerate(inputs[table][column])
        if name in twice
    )


def _sites_in_reach(sites: pd.DataFrame, candidates: pd.DataFrame, inputs: Inputs, reach_km: float) -> pd.DataFrame:
    """Sites that some plant could use at all: not too far from one, or at the end of a given link."""
    if candidates.empty or sites.empty:
        return sites.iloc[:0]
    given = inputs["transport/links"]
    is_joined = sites["site"].isin({*given["node_a"], *given["node_b"]})
    far = distances_km(sites, candidates)
    return sites[(far.min(axis=1) <= reach_km) | is_joined].reset_index(drop=True)


def link_id(one: str, other: str) -> str:
    """Return the id of the pipe link between two nodes, in either order."""
    return " – ".join(sorted((one, other)))


def _no_links() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _LINK_TYPES.items()})


def _made_links(nodes: pd.DataFrame, radii: SearchRadii) -> pd.DataFrame:
    pairs = candidate_pairs(nodes, radii)
    names = nodes["node"].to_numpy(object)
    ordered = [sorted((names[i], names[j])) for i, j in pairs]
    return pd.DataFrame(
        {
            "link": [link_id(*pair) for pair in ordered],
            "node_a": [pair[0] for pair in ordered],
            "node_b": [pair[1] for pair in ordered],
            "kind": "pipe",
            "length_km": np.nan,
            "cost_factor": 1.0,
            "is_given": False,
            "existing_ktpa": 0.0,
        }
    )


def _given_links(inputs: Inputs, node_of: dict[str, str]) -> pd.DataFrame:
    """Rows of transport/links whose ends are both nodes."""
    table = inputs["transport/links"]
    if table.empty:
        return _no_links()
    ends = table.assign(node_a=table["node_a"].map(node_of), node_b=table["node_b"].map(node_of))
    ends = ends.dropna(subset=["node_a", "node_b"])
    ends = ends[ends["node_a"] != ends["node_b"]]
    swapped = ends["node_a"] > ends["node_b"]
    first, second = ends["node_a"].mask(swapped, ends["node_b"]), ends["node_b"].mask(swapped, ends["node_a"])
    return pd.DataFrame(
        {
            "link": ends["link"],
            "node_a": first,
            "node_b": second,
            "kind": "pipe",
            "length_km": ends["length_km"],
            "cost_factor": ends["cost_factor"].fillna(1.0),
            "is_given": True,
            "existing_ktpa": ends["existing_ktpa"].fillna(0.0),
        }
    )


def _with_grid(nodes: pd.DataFrame, candidates: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """Each node with the grid of the nearest plant, whose power its pumps draw, the province of it, and its own.

    A site is in the province of its row. Hubs, and sites placed by a country that is no province of plants, are in that
    of the nearest plant.
    """
    if nodes.empty or candidates.empty:
        return nodes.assign(grid="", grid_province="", province="")
    nearest = candidates.iloc[distances_km(nodes, candidates).argmin(axis=1)]
    own = nodes["node"].map(sites.set_index("site")["province"]).to_numpy(object)
    countries = country_outlines().keys() - set(candidates["province"])
    is_placed = np.array([isinstance(name, str) and bool(name) and name not in countries for name in own])
    province = np.where(is_placed, own, nearest["province"].to_numpy(object))
    of_grid = nearest["province"].to_numpy(object)
    return nodes.assign(grid=nearest["grid"].to_numpy(object), grid_province=of_grid, province=province)


def _measure_links(links: pd.DataFrame, nodes: pd.DataFrame, scenario: Scenario, inputs: Inputs) -> pd.DataFrame:
    """Links with straight_km, length_km (straight × detour, unless given) and cost factor (terrain, offshore)."""
    at = nodes.set_index("node")
    a, b = at.loc[links["node_a"]], at.loc[links["node_b"]]
    lat_a, lon_a, lat_b, lon_b = (frame[name].to_numpy(float) for frame in (a, b) for name in ("lat_deg", "lon_deg"))
    straight = great_circle_km(lat_a, lon_a, lat_b, lon_b)
    offshore = a["is_offshore"].to_numpy(bool) | b["is_offshore"].to_numpy(bool)
    length = links["length_km"].to_numpy(float)
    terrain = Terrain.of(inputs).factor(lat_a, lon_a, lat_b, lon_b)
    # A given factor replaces all others.
    factor = np.where(offshore, inputs.limit("offshore_cost_factor"), terrain)
    factor = np.where(links["is_given"].to_numpy(bool), links["cost_factor"].to_numpy(float), factor)
    return links.assign(
        straight_km=straight,
        length_km=np.where(np.isnan(length), straight * scenario.transport.detour_factor, length),
        cost_factor=factor,
        is_offshore=offshore,
    )


def _with_places(links: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    """Links with grid and provinces of their western end, whatever its name; the southern one of equals."""
    at = nodes.set_index("node")
    one, other = (at.reindex(links[end])[["lon_deg", "lat_deg"]].to_numpy(float) for end in ("node_a", "node_b"))
    east = wrap_deg(other[:, 0] - one[:, 0])
    is_first = (east > 0) | ((east == 0) & (one[:, 1] <= other[:, 1]))
    ends = np.where(is_first, links["node_a"], links["node_b"])
    return links.assign(
        **{name: at[name].reindex(ends).to_numpy(object) for name in ("grid", "grid_province", "province")}
    )


# Existing pipes and trucks, which need no construction.


def _existing_lines(links: pd.DataFrame, pipes: PipeCosts) -> pd.DataFrame:
    """Existing pipes with their free capacity, operated like new ones of this capacity."""
    there = links[links["existing_ktpa"] > 0]
    like = pipes.sizes.iloc[pipes.size_at(there["existing_ktpa"])]
    om = pipes.existing_om_mn(there["existing_ktpa"], there["length_km"], there["cost_factor"])
    kwh = like["kwh_per_t_km"].to_numpy(float) * there["length_km"]
    life_yr = like["life_yr"].to_numpy(float)
    return _free_lines(there, "existing", om_mn_per_ktpa=om, kwh_per_t=kwh, haul_per_t=0.0, life_yr=life_yr)


def _trucked_lines(roads: pd.DataFrame) -> pd.DataFrame:
    """One pipe option a road."""
    if roads.empty:
        return pd.DataFrame(columns=LINE_COLUMNS)
    paid = {name: roads[name] for name in ("kwh_per_t", "haul_per_t")}
    return _free_lines(roads, "truck", om_mn_per_ktpa=0.0, life_yr=1, **paid)


def _free_lines(links: pd.DataFrame, pipe: str, **columns: object) -> pd.DataFrame:
    """Pipe options with a flow of up to the existing capacity of their link."""
    free = {
        "line": links["link"] + f" | {pipe}",
        "link": links["link"],
        "pipe": pipe,
        "is_free": True,
        "free_ktpa": links["existing_ktpa"],
        "largest_ktpa": links["existing_ktpa"],
    }
    none = dict.fromkeys(("fixed_mn", "included_ktpa", "slope_mn_per_ktpa", "smallest_ktpa", "om_share"), 0.0)
    return pd.DataFrame({**free, **none, **columns}, columns=LINE_COLUMNS)


def _truck_links(nodes: pd.DataFrame, inputs: Inputs, level: PriceLevel) -> pd.DataFrame:
    """A road from every plant node to its nearest onshore site, with the capacity of a truck fleet."""
    trucks = inputs["transport/trucks"]
    plants = nodes[nodes["kind"] == "plant"]
    sites = nodes[(nodes["kind"] == "site") & ~nodes["is_offshore"].astype(bool)]
    if plants.empty or sites.empty or trucks.empty:
        return _no_links()
    truck = trucks.iloc[0]
    far = distances_km(plants, sites)
    straight = far.min(axis=1)
    starts, ends = plants["node"].to_numpy(object), sites["node"].to_numpy(object)[far.argmin(axis=1)]
    table = pd.DataFrame(
        {
            "link": [f"road {plant} – {site}" for plant, site in zip(starts, ends, strict=True)],
            "node_a": starts,
            "node_b": ends,
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


def _bounds(
    links: pd.DataFrame,
    nodes: pd.DataFrame,
    options: pd.DataFrame,
    sites: pd.DataFrame,
    node_of: dict[str, str],
    most_ktpa: float,
) -> Floats:
    """The most each link can carry (nameplate kt/y)."""
    # Shared units take the sum of their streams; measures alone send no CO₂.
    alone = options[~is_shared(options["stream"]) & (options["technology"] != options["measure"])]
    per_stream = alone.groupby(["plant", "stream"])["nameplate_ktpa"].max()
    by_node = per_stream.groupby(per_stream.index.get_level_values(0).map(node_of)).sum()
    most = sites["injection_max_ktpa"].where(sites["capacity_kt"] > 0, 0.0)
    taking = most.set_axis(sites["site"]).reindex(nodes.loc[nodes["kind"] == "site", "node"])
    return flow_bounds(links, by_node, taking.astype(float), most_ktpa)


def _most_ktpa(options: pd.DataFrame, sites: pd.DataFrame, scenario: Scenario, delivered_share: float) -> float:
    """Return an upper bound on the nameplate of any useful plan.

    With a budget, integer decisions and nothing required: a fractional knapsack of what the budget and the grants pay
    for, with free pipes and sites. In a static year with `min_cost` and no revenue: the captured target.
    """
    requested, policy = scenario.targets, scenario.policy
    other = any(target.is_set for _, _, target in requested.abatement_targets())
    other = other or bool(requested.share_of_avoided_min) or bool(scenario.plants.require or scenario.plants.committed)
    if scenario.is_static:
        earns = policy.paid_per_captured_t + policy.paid_per_avoided_t + sites["eor_revenue_per_t"].sum() > 0
        may_throttle = not (options["min_load_share"] > 0).any()
        if requested.captured_ktpa and scenario.objective == "min_cost" and may_throttle and not earns and not other:
            return requested.captured_ktpa / (delivered_share * float(options["relative_delivery"].min()))
        return np.inf
    # A continuous plan is concave in its budget only if its coefficients do not depend on the budget, and where the
    # budget is too small for what is required, the smallest sufficient one needs larger pipes.
    required = other or bool(requested.captured_ktpa)
    # Capital of the options is not scaled yet.
    money_mn = most_capital_mn(scenario) / scenario.costs.capex_factor
    if np.isinf(money_mn) or scenario.capture.decisions == "continuous" or required:
        return np.inf
    options = options[options["technology"] != options["measure"]]
    # Lower bound on the cost of a stream: its cheapest unit, shared or not.
    covered = covered_rows(options)
    covered["unit"] = (options["capture_capex_mn"] / options["nameplate_ktpa"]).to_numpy(float)[covered["row"]]
    cheapest = covered.groupby(["plant", "stream"])["unit"].min().to_numpy(float)
    alone = options[~is_shared(options["stream"])]
    most = alone.groupby(["plant", "stream"])["nameplate_ktpa"].max().to_numpy(float)
    order = np.argsort(cheapest, kind="stable")
    cost = cheapest[order] * most[order]
    spent = np.cumsum(cost)
    # Plants remain eligible with a budget of 0 or one that pays for no stream.
    left = np.clip(max(money_mn, cost[:1].sum()) - (spent - cost), 0.0, cost)
    share = np.divide(left, cost, out=np.ones_like(cost), where=cost > 0)
    return float((most[order] * share).sum())


def _sized_lines(links: pd.DataFrame, pipes: PipeCosts, most_ktpa: Floats, quoted: Collection[str]) -> pd.DataFrame:
    """Return every link with every useful size; one with a quotation is useful whatever its size."""
    sizes = pipes.sizes
    lines = links.assign(most_ktpa=most_ktpa).merge(sizes, how="cross")
    weight = lines["length_km"] ** pipes.length_exponent * lines["cost_factor"]
    # Of the sizes that suffice for the link's largest flow, only the smallest is kept.
    enough = lines["largest_ktpa"] >= lines["most_ktpa"]
    already = enough.astype(int).groupby(lines["link"]).cumsum() - enough.astype(int)
    names = lines["link"] + " | " + lines["pipe"].astype(str)
    offered = (lines["most_ktpa"] > 0) & ((already == 0) | pipes.has_trends | names.isin(quoted))
    lines = lines.assign(
        line=names,
        is_free=False,
        free_ktpa=0.0,
        fixed_mn=lines["fixed_mn_per_km"] * weight,
        slope_mn_per_ktpa=lines["slope_mn_per_km_per_ktpa"] * weight,
        largest_ktpa=np.minimum(lines["largest_ktpa"], lines["most_ktpa"]),
        smallest_ktpa=0.0,
        om_mn_per_ktpa=lines["om_mn_per_km_per_ktpa"] * lines["length_km"],
        kwh_per_t=lines["kwh_per_t_km"] * lines["length_km"],
        haul_per_t=0.0,
    )
    return lines.loc[offered, LINE_COLUMNS]


def _apply_quotes(lines: pd.DataFrame, links: pd.DataFrame, inputs: Inputs, level: PriceLevel) -> pd.DataFrame:
    """Return pipe options with quoted costs from transport/line_costs.

    Quotes for links with an end outside the network are ignored; other quoted links must be candidates.
    """
    table = inputs["transport/line_costs"]
    if table.empty:
        return lines
    known = set(inputs["transport/links"]["link"]) | set(links["link"])
    nodes = sorted({*links["node_a"], *links["node_b"]})
    between = {link_id(a, b) for a, b in combinations(nodes, 2)} if set(table["link"]) - known else set()
    given = links[links["is_given"].astype(bool)]
    named = {link_id(a, b): name for name, a, b in given[["link", "node_a", "node_b"]].itertuples(index=False)}
    raise_issues(
        Issue(
            inputs.place("transport/line_costs", row, "link"),
            f"'{link}' is no candidate link",
            f"it is named '{shown_text(named[link])}' in transport/links"
            if link in named
            else "give it in transport/links as well",
        )
        for row, link in enumerate(table["link"])
        if link not in known and link in between
    )
    quoted = table.assign(
        line=table["link"] + " | " + table["pipe"], **{name: level.column(table, name) for name in _QUOTED}
    ).set_index("line")
    return lines.assign(**{name: lines["line"].map(quoted[name]).fillna(lines[name]) for name in _QUOTED})


def _add_least_flows(lines: pd.DataFrame) -> pd.DataFrame:
    """Add the flow from which each trend of a link is the cheapest.

    Trends beyond the largest flow of their link are dropped. Lines of a link are in the order of their sizes, which
    decides where several end at the largest flow.
    """
    lines = lines.sort_values(["link", "largest_ktpa"], kind="stable").reset_index(drop=True)
    before = lines.shift(1)
    is_trend = (lines["included_ktpa"] == 0) & (before["link"] == lines["link"]) & (before["included_ktpa"] == 0)
    saved = before["slope_mn_per_ktpa"] - lines["slope_mn_per_ktpa"]
    cross = (lines["fixed_mn"] - before["fixed_mn"]) / saved.where(saved > 0, np.nan)
    least = np.minimum(cross, before["largest_ktpa"]).where(is_trend, 0.0).fillna(0.0).clip(lower=0.0)
    lines = lines.assign(smallest_ktpa=least)
    return lines[lines["smallest_ktpa"] < lines["largest_ktpa"]]
