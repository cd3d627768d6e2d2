"""Peak flows of a shared network: pipes and wells carry all that is in service at one time in a period.

above_mean_forward_ktpa, above_mean_reverse_ktpa[link, year]   peak flow less mean flow
above_mean_injected_ktpa[site, year]                           peak injection less mean injection

Retrofits that start or stop within a period work in a part of its years, so that the mean flow of the period is less
than the flow with all of them in service. Costs, tonnes and reservoirs follow the mean; capacities follow the peak.
What a source sends above its mean takes the way of its mean: links and sites have both in proportion.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from ccs_model.model.linear_sums import Terms, linear_sum, scale_terms
from ccs_model.model.names import ABOVE_FORWARD, ABOVE_INJECTED, ABOVE_REVERSE, FORWARD, REVERSE
from ccs_model.model.transport import capacity_built, captured_at_nodes, ends_of_links, nodes_of_units
from ccs_model.problem import Problem


def add_peak_flows(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add flows above the mean of the periods in which retrofits start or stop, and the capacities at the peak."""
    network = problem.network
    if network is None or problem.stores is None:
        return
    above = _above_mean_at_nodes(m, problem)
    years = [year for year in problem.years if any(at == year for _, at in above)]
    nodes, links = network.nodes["node"].tolist(), network.links["link"].tolist()
    sites = [site for site in problem.sites["site"] if site in network.node_of_site]
    for name, ids in ((ABOVE_FORWARD, links), (ABOVE_REVERSE, links), (ABOVE_INJECTED, sites)):
        setattr(m, name, pyo.Var(ids, years, domain=pyo.NonNegativeReals))
    leaving, entering = ends_of_links(problem)

    @m.Constraint(nodes, years)
    def above_mean_in_equals_out(m: pyo.ConcreteModel, node: str, year: int) -> object:
        """Σ above the mean captured at the node + inflow = outflow + injected there"""
        terms: Terms = list(above.get((node, year), ()))
        for links, sign in ((leaving[node], -1.0), (entering[node], 1.0)):
            for link in links:
                terms += [(sign, m.above_mean_forward_ktpa[link, year]), (-sign, m.above_mean_reverse_ktpa[link, year])]
        if node in network.node_of_site:
            terms.append((-1.0, m.above_mean_injected_ktpa[node, year]))
        return linear_sum(terms) == 0 if terms else pyo.Constraint.Skip

    @m.Constraint(links, years)
    def peak_flow_within_pipes(m: pyo.ConcreteModel, link: str, year: int) -> object:
        """peak flow in both directions ÷ delivered share ≤ Σ pipe options, vintages so far: included × pipe + added"""
        flows = (m.forward_ktpa, m.reverse_ktpa, m.above_mean_forward_ktpa, m.above_mean_reverse_ktpa)
        terms: Terms = [(1.0 / problem.delivered_share, flow[link, year]) for flow in flows]
        built, limit = capacity_built(m, problem, link, problem.years[: problem.years.index(year) + 1])
        return linear_sum(terms + built) <= limit if np.isfinite(limit) else pyo.Constraint.Skip

    injectivity = problem.sites["well_injectivity_ktpa"] * problem.delivered_share
    rate = dict(zip(problem.sites["site"], injectivity, strict=True))

    @m.Constraint(sites, years)
    def peak_injection_within_wells(m: pyo.ConcreteModel, site: str, year: int) -> object:
        """Σ steps: injected + injected above the mean ≤ injectivity of a well × Σ so far: wells"""
        terms: Terms = [(1.0, m.injected_ktpa[store, year]) for store in problem.stores_at[site]]
        terms.append((1.0, m.above_mean_injected_ktpa[site, year]))
        terms += [(-rate[site], m.wells[site, each]) for each in problem.years[: problem.years.index(year) + 1]]
        return linear_sum(terms) <= 0

    ratios = _above_mean_ratios(problem)
    _tie_to_mean(m, problem, years, ratios)
    roads = network.links.loc[network.links["kind"] == "truck", ["link", "node_a", "node_b"]]
    if len(roads) and years:
        _add_roads(m, problem, roads, years, above, ratios)


def _tie_to_mean(
    m: pyo.ConcreteModel, problem: Problem, years: list[int], ratios: Mapping[tuple[str, int], tuple[float, float]]
) -> None:
    """Tie peak flow to mean flow: a source sends what is above its mean the way it sends its mean.

    Of each source, flow above the mean is idle ÷ running share of its mean before curtailment. In a mixture the ratio
    lies between the smallest and the largest one.
    """
    assert problem.network is not None and problem.stores is not None
    m.total_curtailed_ktpa = pyo.Var(["all"], years, domain=pyo.NonNegativeReals)
    curtailed: dict[int, Terms] = {year: [] for year in years}
    for unit, year in m.working:
        if year in curtailed:
            curtailed[year].append((-1.0, m.curtailed_ktpa[unit, year]))

    @m.Constraint(years)
    def total_curtailed_is_the_sum(m: pyo.ConcreteModel, year: int) -> object:
        """total curtailed = Σ units: curtailed"""
        return linear_sum([(1.0, m.total_curtailed_ktpa["all", year]), *curtailed[year]]) == 0

    least = {year: min(low for (_, at), (low, _) in ratios.items() if at == year) for year in years}
    most = {year: max(high for (_, at), (_, high) in ratios.items() if at == year) for year in years}
    ways = {
        FORWARD: (m.forward_ktpa, m.above_mean_forward_ktpa), REVERSE: (m.reverse_ktpa, m.above_mean_reverse_ktpa),
    }  # fmt: skip
    pipes = problem.network.links.loc[problem.network.links["kind"] != "truck", "link"].tolist()

    @m.Constraint(pipes, list(ways), years)
    def above_mean_follows_mean(m: pyo.ConcreteModel, link: str, way: str, year: int) -> object:
        """above the mean ≤ largest idle ÷ running share × (mean + total curtailed), in each direction"""
        mean, above = (flow[link, year] for flow in ways[way])
        return linear_sum(
            [(1.0, above), (-most[year], mean), (-most[year], m.total_curtailed_ktpa["all", year])]
        ) <= 0  # fmt: skip

    @m.Constraint(pipes, list(ways), [year for year in years if least[year] > 0])
    def mean_comes_with_above_mean(m: pyo.ConcreteModel, link: str, way: str, year: int) -> object:
        """smallest idle ÷ running share × mean ≤ above the mean, in each direction, in periods of starts alone"""
        mean, above = (flow[link, year] for flow in ways[way])
        return linear_sum([(least[year], mean), (-1.0, above)]) <= 0

    @m.Constraint([site for site in problem.sites["site"] if site in problem.network.node_of_site], years)
    def above_mean_injected_follows_mean(m: pyo.ConcreteModel, site: str, year: int) -> object:
        """injected above the mean ≤ largest idle ÷ running share × (Σ steps: injected + total curtailed)"""
        mean: Terms = [(-most[year], m.injected_ktpa[store, year]) for store in problem.stores_at[site]]
        mean.append((-most[year], m.total_curtailed_ktpa["all", year]))
        return linear_sum([(1.0, m.above_mean_injected_ktpa[site, year]), *mean]) <= 0


def _add_roads(
    m: pyo.ConcreteModel, problem: Problem, roads: pd.DataFrame, years: list[int],
    above: dict[tuple[str, int], Terms], ratios: Mapping[tuple[str, int], tuple[float, float]],
) -> None:  # fmt: skip
    """Roads lead from plants to sites, and their cost follows the mean."""
    assert problem.stores is not None
    start_of = dict(zip(roads["link"], roads["node_a"], strict=True))
    mean_at, node_of_unit = captured_at_nodes(m, problem), nodes_of_units(problem)
    by_road_from, by_road_to = (roads.groupby(end)["link"].agg(list).to_dict() for end in ("node_a", "node_b"))
    curtailed_at: dict[tuple[str, int], Terms] = defaultdict(list)
    for unit, year in m.working:
        curtailed_at[node_of_unit[unit], year].append((1.0, m.curtailed_ktpa[unit, year]))
    for link in start_of:
        for year in years:
            m.above_mean_reverse_ktpa[link, year].fix(0.0)

    @m.Constraint(list(start_of), years)
    def above_mean_by_road_follows_mean(m: pyo.ConcreteModel, link: str, year: int) -> object:
        """above the mean ≤ largest idle ÷ running share at the node × (forward + Σ curtailed at the node)"""
        key = start_of[link], year
        _, most = ratios.get(key, (0.0, 0.0))
        mean = [(1.0, m.forward_ktpa[link, year]), *curtailed_at.get(key, ())] if most else []
        return linear_sum([(1.0, m.above_mean_forward_ktpa[link, year]), *scale_terms(mean, -most)]) <= 0

    def peak_by_road(m: pyo.ConcreteModel, links: list[str], year: int) -> Terms:
        return [(1.0, flow[link, year]) for link in links for flow in (m.forward_ktpa, m.above_mean_forward_ktpa)]

    @m.Constraint(list(by_road_from), years)
    def peak_by_road_is_captured_there(m: pyo.ConcreteModel, node: str, year: int) -> object:
        """Σ roads from the node: peak flow ≤ peak capture at the node"""
        captured = [*mean_at.get((node, year), ()), *above.get((node, year), ())]
        # A retrofit has a term in both lists.
        amount: dict[int, float] = defaultdict(float)
        for each, variable in captured:
            amount[id(variable)] += each
        variables = {id(variable): variable for _, variable in captured}
        peak = [(-amount[key], variable) for key, variable in variables.items()]
        return linear_sum(peak_by_road(m, by_road_from[node], year) + peak) <= 0

    @m.Constraint(list(by_road_to), years)
    def peak_by_road_is_stored_there(m: pyo.ConcreteModel, site: str, year: int) -> object:
        """Σ roads to the site: peak flow ≤ peak injection"""
        stored: Terms = [(-1.0, m.injected_ktpa[store, year]) for store in problem.stores_at[site]]
        stored.append((-1.0, m.above_mean_injected_ktpa[site, year]))
        return linear_sum(peak_by_road(m, by_road_to[site], year) + stored) <= 0


def _above_mean_at_nodes(m: pyo.ConcreteModel, problem: Problem) -> dict[tuple[str, int], Terms]:
    """Peak less mean of the CO₂ that each node's plants supply in each year, as terms of build.

    Curtailment does not lower the difference.
    """
    assert problem.network is not None
    years, routes = problem.years, problem.routes
    names, plants = routes["route"].tolist(), routes["plant"].tolist()
    above = np.where(problem.captures[:, None, None], problem.above_mean_ktpa, 0.0)
    found: dict[tuple[str, int], Terms] = defaultdict(list)
    for r, s, y in np.argwhere(above > 0):
        if (names[r], years[s]) in m.build:
            amount = float(above[r, s, y])
            found[problem.network.node_of_plant[plants[r]], years[y]].append((amount, m.build[names[r], years[s]]))
    return found


def _above_mean_ratios(problem: Problem) -> dict[tuple[str, int], tuple[float, float]]:
    """Smallest and largest ratio of above mean to mean of the options at each node and year in which they may work."""
    assert problem.network is not None
    routes, mean = problem.routes, problem.delivered_ktpa[:, None, None] * problem.running_share
    works = (mean > 0) & problem.captures[:, None, None]
    ratio = np.divide(problem.above_mean_ktpa, mean, out=np.zeros_like(mean), where=works)
    least, most = np.where(works, ratio, np.inf).min(axis=1), ratio.max(axis=1)
    found: dict[tuple[str, int], tuple[float, float]] = {}
    for r, plant in enumerate(routes["plant"]):
        for y in np.flatnonzero(works[r].any(axis=0)).tolist():
            key = problem.network.node_of_plant[plant], problem.years[y]
            low, high = found.get(key, (np.inf, 0.0))
            found[key] = min(low, float(least[r, y])), max(high, float(most[r, y]))
    return found
