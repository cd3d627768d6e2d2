"""Allocation of flows and costs of a shared network to its users.

CO₂ mixes at nodes, so outflow contains every sender in proportion to inflow. For each year:

    through[node, route] = captured there + Σ over links in: flow × through[from, route] ÷ Σ through[from]

Costs of a link or site are allocated in two ways. *By use*: in proportion to tonnes over the horizon. *By Shapley
value*: each user's mean marginal cost of a pipe (or site) sized for the users before it, over all orders; exact for few
users, sampled for many. Both allocations sum to the plan's cost.

References
----------
Shapley (1953), A value for n-person games. Contributions to the Theory of Games II, 307–317.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.model.names import ADDED_CAPACITY, FORWARD, INJECTED, OPENED, PIPE, PIPE_FLOW, REVERSE, WELLS
from ccs_model.plan.decisions import BUILT, Point, sum_by_name

EXACT_USERS = 7
N_SAMPLES = 2_000
_NOT_ROUND_FOR_EVER = 1.0 - 1e-12


@dataclass(frozen=True, eq=False)
class CostSharing:
    """Flows by user. `routes` are the rows of problem.routes with capture; arrays follow their order.

    on_link_ktpa[link, route, year], at_site_ktpa[site, route, year]
    """

    point: Point
    routes: Ints
    on_link_ktpa: Floats
    at_site_ktpa: Floats

    @classmethod
    def of(cls, point: Point) -> CostSharing:
        """Trace the flows of a plan with a shared network."""
        problem = point.problem
        network = problem.network
        assert network is not None and problem.stores is not None
        captured = np.maximum(point.captured_ktpa, 0.0)
        routes = np.flatnonzero(captured.max(axis=1) > BUILT)
        nodes = pd.Index(network.nodes["node"])
        a, b = (nodes.get_indexer(network.links[end]) for end in ("node_a", "node_b"))
        home = nodes.get_indexer(problem.routes["plant"].iloc[routes].map(network.node_of_plant))
        net = point.decided[FORWARD] - point.decided[REVERSE]
        stored = injected_ktpa(point)
        site_at = nodes.get_indexer(problem.sites["site"])
        on_link = np.zeros((len(network.links), len(routes), len(problem.years)))
        at_site = np.zeros((len(problem.sites), len(routes), len(problem.years)))
        for y in range(len(problem.years)):
            flow = net[:, y]
            used = np.flatnonzero(np.abs(flow) > BUILT)
            start, end = np.where(flow > 0, a, b)[used], np.where(flow > 0, b, a)[used]
            own = np.zeros((len(nodes), len(routes)))
            own[home, np.arange(len(routes))] = captured[routes, y]
            through = own.sum(axis=1)
            np.add.at(through, end, np.abs(flow[used]))
            share = np.divide(np.abs(flow[used]), through[start], out=np.zeros(len(used)), where=through[start] > 0)
            # Circular flows, which cost nothing, have no sender: without the factor the system would be singular.
            near, place = np.unique(np.r_[start, end], return_inverse=True)
            mixing = np.eye(len(near))
            np.add.at(mixing, (place[len(used) :], place[: len(used)]), -share * _NOT_ROUND_FOR_EVER)
            held = own.copy()
            held[near] = np.linalg.solve(mixing, own[near])
            on_link[used, :, y] = share[:, None] * held[start]
            there = site_at >= 0
            at = site_at[there]
            part = np.divide(stored[there, y], through[at], out=np.zeros(len(at)), where=through[at] > 0)
            at_site[there, :, y] = part[:, None] * held[at]
        return cls(point, routes, np.maximum(on_link, 0.0), np.maximum(at_site, 0.0))

    @cached_property
    def link_share(self) -> Floats:
        """[link, route] share of the tonnes over the horizon; equal shares on an unused link."""
        return self._shares(self.on_link_ktpa)

    @cached_property
    def site_share(self) -> Floats:
        """[site, route] of the tonnes over the horizon."""
        return self._shares(self.at_site_ktpa)

    def _shares(self, use_ktpa: Floats) -> Floats:
        n_years = self.point.problem.periods["n_years"].to_numpy(float)
        tonnes = use_ktpa @ n_years
        everybody = np.maximum(self.point.captured_ktpa[self.routes], 0.0) @ n_years
        tonnes = np.where(tonnes.sum(axis=1, keepdims=True) > BUILT, tonnes, everybody)
        total = tonnes.sum(axis=1, keepdims=True)
        return np.divide(tonnes, total, out=np.zeros_like(tonnes), where=total > 0)

    @property
    def _built_options(self) -> pd.DataFrame:
        """Pipe options with `capex_mn`, undiscounted, over all vintages."""
        problem, decided = self.point.problem, self.point.decided
        assert problem.network is not None
        built = problem.network.lines[problem.network.built]
        pipes, added = (decided[name].sum(axis=1) for name in (PIPE, ADDED_CAPACITY))
        return built.assign(capex_mn=built["fixed_mn"] * pipes + built["slope_mn_per_ktpa"] * added)

    @cached_property
    def link_capex_mn(self) -> Floats:
        """[link] undiscounted, over all vintages."""
        return self._sum_by_link(self._built_options, self._built_options["capex_mn"].to_numpy(float))

    @cached_property
    def site_capex_mn(self) -> Floats:
        """[site] of site and wells."""
        sites, decided = self.point.problem.sites, self.point.decided
        opened, wells = decided[OPENED].sum(axis=1), decided[WELLS].sum(axis=1)
        return sites["site_capex_mn"].to_numpy(float) * opened + sites["well_capex_mn"].to_numpy(float) * wells

    def _sum_by_link(self, lines: pd.DataFrame, amount: Floats) -> Floats:
        assert self.point.problem.network is not None
        return sum_by_name(self.point.problem.network.links["link"], lines["link"], amount)

    @cached_property
    def by_route(self) -> pd.DataFrame:
        """Costs of each of `routes` by use: capital and its O&M over the horizon, running cost in the last year.

        Pipes have fixed O&M as a share of capital, or O&M in proportion to the flow, by their cost law.
        """
        point, problem = self.point, self.point.problem
        network, stores = problem.network, problem.stores
        assert network is not None and stores is not None
        assert problem.line_power_per_t is not None and problem.line_power_co2_t_per_t is not None
        lines, pipe_flow = network.lines, point.decided[PIPE_FLOW]
        last = pipe_flow[:, -1]
        running = {
            "pipe_om_by_flow_mn_pa": lines["om_mn_per_ktpa"].to_numpy(float) / problem.delivered_share * last,
            "pipe_power_mn_pa": problem.line_power_per_t[:, -1] * last / 1000.0,
            "haul_mn_pa": lines["haul_per_t"].to_numpy(float) * last / 1000.0,
        }
        use = self.on_link_ktpa[:, :, -1]
        last_link = normalise_rows(use, self.link_share)
        last_site = normalise_rows(self.at_site_ktpa[:, :, -1], self.site_share)
        built, sites = self._built_options, problem.sites
        pipe_capital = built["capex_mn"].to_numpy(float) * problem.recovery(built["life_yr"])
        built_om = self._sum_by_link(built, (built["capex_mn"] * built["om_share"]).to_numpy(float))
        by_store = stores["variable_per_t"].to_numpy(float) * point.decided[INJECTED][:, -1] / 1e3
        variable = sum_by_name(sites["site"], stores["site"], by_store)
        opened, wells = (point.decided[name].sum(axis=1) for name in (OPENED, WELLS))
        due = (sites["closure_mn"] + sites["post_injection_mn"]).to_numpy(float) * (not problem.is_static)
        site_om = (
            problem.storage_yearly_mn(sites, sites["life_yr"]) * opened + sites["well_om_mn_pa"].to_numpy(float) * wells
        )
        length = network.links["length_km"].to_numpy(float)
        n_years = problem.periods["n_years"].to_numpy(float)
        captured = np.maximum(point.captured_ktpa[self.routes], 0.0)
        # The mean way in the last period; of a route without flow then, over the horizon.
        has_flow = captured[:, -1] > BUILT
        sent = np.where(has_flow, captured[:, -1], captured @ n_years)
        sent_km = np.where(has_flow, length @ use, length @ (self.on_link_ktpa @ n_years))
        frame = pd.DataFrame(
            {
                "pipe_capex_mn": self.link_capex_mn @ self.link_share,
                "storage_capex_mn": self.site_capex_mn @ self.site_share,
                "pipe_capital_mn_pa": self._sum_by_link(built, pipe_capital) @ self.link_share,
                "pipe_fixed_om_mn_pa": built_om @ self.link_share,
                **{name: self._sum_by_link(lines, amount) @ last_link for name, amount in running.items()},
                "storage_capital_mn_pa": (self.site_capex_mn * problem.recovery(sites["life_yr"])) @ self.site_share,
                "storage_om_mn_pa": site_om @ self.site_share,
                "storage_closure_mn": (due * opened) @ self.site_share,
                "storage_mn_pa": variable @ last_site,
                "path_km": np.divide(sent_km, sent, out=np.zeros(len(self.routes)), where=sent > BUILT),
            }
        )
        return frame.set_axis(problem.routes["route"].to_numpy(object)[self.routes])

    def in_service_at_site(self) -> Floats:
        """[site, year] share of a site's yearly cost that its users so far pay: of new users, in years of operation.

        Users share by tonnes until then; in the last period this gives the parts that retrofits pay.
        """
        point, problem = self.point, self.point.problem
        build, running = point.build[self.routes], problem.running_share[self.routes]
        total = build.sum(axis=1, keepdims=True)
        part = np.divide(build, total, out=np.zeros_like(build), where=total > 0)
        has_run = np.maximum.accumulate(running > 0, axis=2)
        has_run = np.concatenate([np.zeros_like(has_run[:, :, :1]), has_run[:, :, :-1]], axis=2)
        by_route = np.einsum("rs,rsy->ry", part, np.where(has_run, 1.0, running))
        years = np.arange(len(problem.years))
        shares = (self._shares(self.at_site_ktpa * (years <= y)) for y in years)
        return np.stack([share @ by_route[:, y] for y, share in enumerate(shares)], axis=1)

    @cached_property
    def power_co2_ktpa(self) -> Floats:
        """[route of problem.routes, year] CO₂ of pump and truck power."""
        problem = self.point.problem
        assert problem.network is not None and problem.line_power_co2_t_per_t is not None
        emitted = self._sum_by_link(
            problem.network.lines, problem.line_power_co2_t_per_t * self.point.decided[PIPE_FLOW]
        )
        table = np.zeros((len(problem.routes), len(problem.years)))
        for y in range(len(problem.years)):
            share = normalise_rows(self.on_link_ktpa[:, :, y], self.link_share)
            table[self.routes, y] = emitted[:, y] @ share
        return table

    def main_site(self) -> pd.DataFrame:
        """Site that receives most of each option's CO₂, and its share of the tonnes over the horizon, by route."""
        problem = self.point.problem
        names = problem.sites["site"].to_numpy(object)
        tonnes = self.at_site_ktpa @ problem.periods["n_years"].to_numpy(float)
        total = tonnes.sum(axis=0)
        share = np.divide(tonnes, total, out=np.zeros_like(tonnes), where=total > 0)
        found = len(names) > 0 and len(self.routes) > 0
        columns = {
            "site": names[share.argmax(axis=0)] if found else np.array([], dtype=object),
            "site_share": share.max(axis=0) if found else np.array([], dtype=float),
        }
        return pd.DataFrame(columns, index=problem.routes["route"].to_numpy(object)[self.routes])


def injected_ktpa(point: Point) -> Floats:
    """[site, year] injected."""
    problem = point.problem
    assert problem.stores is not None
    return sum_by_name(problem.sites["site"], problem.stores["site"], point.decided[INJECTED])


def normalise_rows(use: Floats, otherwise: Floats) -> Floats:
    """Return the rows normalised to a sum of 1; rows of zeros take the row of `otherwise`."""
    total = use.sum(axis=1, keepdims=True)
    return np.where(total > BUILT, np.divide(use, total, out=np.zeros_like(use), where=total > BUILT), otherwise)


def shares_table(sharing: CostSharing) -> pd.DataFrame:
    """Return one row a user (plant) of each built or used link and site, with both allocations of its capital.

    facility, kind (link or site), plant, use_kt, n_users, capex_mn, by_use_mn, by_shapley_mn, shapley_error_mn
    (standard error of the sampled value, 0 if exact). Unused assets are shared by all plants, in proportion to
    what they capture.
    """
    problem = sharing.point.problem
    assert problem.network is not None
    n_years = problem.periods["n_years"].to_numpy(float)
    plants = problem.routes["plant"].to_numpy(object)[sharing.routes]
    everybody = np.maximum(sharing.point.captured_ktpa[sharing.routes], 0.0)
    # Assets are sized for the peak flow of a period.
    peak = np.maximum(sharing.point.peak_captured_ktpa[sharing.routes], 0.0)
    at_peak = np.divide(peak, everybody, out=np.ones_like(peak), where=everybody > BUILT)
    rows = []
    for kind, names, capex, use, cost_of in (
        ("link", problem.network.links["link"], sharing.link_capex_mn, sharing.on_link_ktpa, _link_cost(sharing)),
        ("site", problem.sites["site"], sharing.site_capex_mn, sharing.at_site_ktpa, _site_cost(sharing)),
    ):
        for k, name in enumerate(names):
            is_built, is_used = capex[k] > BUILT, bool((use[k] @ n_years).sum() > BUILT)
            if not is_built and not is_used:
                continue
            tonnes = use[k] if is_used else everybody
            peaks = (tonnes * at_peak).max(axis=1)
            each = pd.DataFrame({"use_kt": tonnes @ n_years, "peak_ktpa": peaks}).groupby(plants).sum()
            each = each[each["use_kt"] > BUILT]
            if each.empty:
                continue
            # Roads and existing pipes have no capital.
            value, error = np.zeros((2, len(each)))
            if is_built:
                value, error = shapley(each["peak_ktpa"].to_numpy(float), cost_of(k), float(capex[k]))
            rows.append(
                pd.DataFrame(
                    {
                        "facility": name,
                        "kind": kind,
                        "plant": each.index,
                        "use_kt": each["use_kt"].to_numpy() if is_used else 0.0,
                        "n_users": len(each),
                        "capex_mn": capex[k],
                        "by_use_mn": capex[k] * (each["use_kt"] / each["use_kt"].sum()).to_numpy(),
                        "by_shapley_mn": value,
                        "shapley_error_mn": error,
                    }
                )
            )
    columns = ["facility", "kind", "plant", "use_kt", "n_users", "capex_mn", "by_use_mn", "by_shapley_mn",
               "shapley_error_mn"]  # fmt: skip
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)


Cost = Callable[[Floats], Floats]


def _link_cost(sharing: CostSharing) -> Callable[[int], Cost]:
    """Cost of the cheapest size for what a flow exceeds existing pipes by, by link."""
    problem = sharing.point.problem
    assert problem.network is not None
    lines = problem.network.lines[problem.network.built]
    groups = dict(iter(lines.groupby("link")))
    names = problem.network.links["link"].to_numpy(object)
    there_ktpa = problem.network.links["existing_ktpa"].to_numpy(float)

    def cost_of_link(k: int) -> Cost:
        sizes = groups[names[k]]
        fixed, included, slope, largest = (
            sizes[name].to_numpy(float) for name in ("fixed_mn", "included_ktpa", "slope_mn_per_ktpa", "largest_ktpa")
        )

        def cost(flow_ktpa: Floats) -> Floats:
            q = np.asarray(flow_ktpa, dtype=float)[..., None] / problem.delivered_share - there_ktpa[k]
            each = fixed + slope * np.maximum(q - included, 0.0)
            each = np.where((q <= largest * (1 + 1e-9)) | (largest == largest.max()), each, np.inf)
            return np.where(q[..., 0] > BUILT, each.min(axis=-1), 0.0)

        return cost

    return cost_of_link


def _site_cost(sharing: CostSharing) -> Callable[[int], Cost]:
    """Cost of a site with the wells that a flow needs."""
    sites = sharing.point.problem.sites

    def cost_of_site(k: int) -> Cost:
        site, well, rate = (
            float(sites[name].iat[k]) for name in ("site_capex_mn", "well_capex_mn", "well_injectivity_ktpa")
        )
        rate *= sharing.point.problem.delivered_share

        def cost(flow_ktpa: Floats) -> Floats:
            q = np.asarray(flow_ktpa, dtype=float)
            wells = np.ceil(q / rate - 1e-9) if rate > 0 else np.zeros_like(q)
            return np.where(q > BUILT, site + well * wells, 0.0)

        return cost

    return cost_of_site


def shapley(size: Floats, cost: Cost, total: float) -> tuple[Floats, Floats]:
    """(value, standard error) of each user when cost depends on the users' summed size; scaled to sum to `total`.

    Exact for at most EXACT_USERS users, the mean of N_SAMPLES random orders beyond; the orders are always the same.
    """
    n = len(size)
    if n == 1:
        return np.array([total]), np.zeros(1)
    if n <= EXACT_USERS:
        orders = np.array(list(itertools.permutations(range(n))))
    else:
        rng = np.random.default_rng(0)
        orders = rng.permuted(np.tile(np.arange(n), (N_SAMPLES, 1)), axis=1)
    sums = np.cumsum(size[orders], axis=1)
    costs = cost(sums)
    added = np.diff(costs, axis=1, prepend=0.0)
    by_user = np.zeros_like(added)
    np.put_along_axis(by_user, orders, added, axis=1)
    value = by_user.mean(axis=0)
    whole = float(value.sum())
    if whole <= 0:
        return np.full(n, total / n), np.zeros(n)
    scale = total / whole
    error = by_user.std(axis=0, ddof=1) / math.sqrt(len(orders)) if n > EXACT_USERS else np.zeros(n)
    return value * scale, np.asarray(error * scale)
