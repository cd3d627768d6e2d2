"""Transport over a shared network: pipes on candidate links, and flows.

pipe[line, year]                         0 or 1 (0 … 1 if continuous): a pipe of this size is built on its link
added_capacity_ktpa[line, year]          nameplate capacity above the included capacity
pipe_flow_ktpa[line, year]               delivered flow in either direction
forward_ktpa, reverse_ktpa[link, year]   delivered flow from the link's first end to its second, and back
site_is_open["any", year]                0 … 1: some site has been opened so far
obligation_forward_kt, obligation_reverse_kt[link]    total flow after the horizon

A pipe option (`line`) is a size on a link. A vintage built in one period works from that period on. Existing pipes and
roads need no construction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pyomo.environ as pyo

from ccs_model.model.linear_sums import Terms, linear_sum, scale_terms
from ccs_model.model.retrofits import captured_at_full_load
from ccs_model.problem import Problem


def add_transport(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add pipes, flows, node balances and valid inequalities."""
    network = problem.network
    if network is None:
        return
    years = problem.years
    lines, links = network.lines, network.links
    built = lines[network.built]
    free = lines[~network.built]
    nameplate = 1.0 / problem.delivered_share
    kind = pyo.Binary if problem.is_integer else pyo.UnitInterval
    m.pipe = pyo.Var(built["line"].tolist(), years, domain=kind)
    room = dict(zip(built["line"], (built["largest_ktpa"] - built["included_ktpa"]).clip(lower=0.0), strict=True))
    included = dict(zip(built["line"], built[["included_ktpa", "largest_ktpa"]].min(axis=1), strict=True))
    m.added_capacity_ktpa = pyo.Var(built["line"].tolist(), years, domain=pyo.NonNegativeReals)
    for line, most in room.items():
        if most <= 0:
            for year in years:
                m.added_capacity_ktpa[line, year].fix(0.0)
    m.pipe_flow_ktpa = pyo.Var(lines["line"].tolist(), years, domain=pyo.NonNegativeReals)
    for line, most in zip(free["line"], free["free_ktpa"], strict=True):
        for year in years:
            m.pipe_flow_ktpa[line, year].setub(float(most) * problem.delivered_share)
    m.forward_ktpa = pyo.Var(links["link"].tolist(), years, domain=pyo.NonNegativeReals)
    m.reverse_ktpa = pyo.Var(links["link"].tolist(), years, domain=pyo.NonNegativeReals)
    # Trucks run from plants to sites only.
    for link in links.loc[links["kind"] == "truck", "link"]:
        for year in years:
            m.reverse_ktpa[link, year].fix(0.0)

    @m.Constraint(built["line"].tolist(), years)
    def capacity_needs_a_pipe(m: pyo.ConcreteModel, line: str, year: int) -> object:
        """added capacity ≤ (largest − included) × pipe"""
        if room[line] <= 0:
            return pyo.Constraint.Skip
        return linear_sum([(1.0, m.added_capacity_ktpa[line, year]), (-room[line], m.pipe[line, year])]) <= 0

    least = {line: ktpa for line, ktpa in zip(built["line"], built["smallest_ktpa"], strict=True) if ktpa > 0}

    @m.Constraint(list(least), years)
    def a_larger_trend_carries_more(m: pyo.ConcreteModel, line: str, year: int) -> object:
        """added capacity ≥ flow from which the trend is the cheaper one × pipe"""
        return linear_sum([(1.0, m.added_capacity_ktpa[line, year]), (-least[line], m.pipe[line, year])]) >= 0

    is_constant = len(years) == 1 and not problem.above_mean_ktpa.any()

    @m.Constraint(built["line"].tolist(), years)
    def flow_within_pipes(m: pyo.ConcreteModel, line: str, year: int) -> object:
        """flow ÷ delivered share ≤ Σ vintages so far: included × pipe + added capacity"""
        terms: Terms = [(nameplate, m.pipe_flow_ktpa[line, year])]
        for before in years[: years.index(year) + 1]:
            terms.append((-included[line], m.pipe[line, before]))
            if room[line] > 0:
                terms.append((-1.0, m.added_capacity_ktpa[line, before]))
        # In a single period of constant flow, the capacity of a trend equals its flow.
        return linear_sum(terms) == 0 if is_constant and included[line] == 0 else linear_sum(terms) <= 0

    by_pair = built.groupby("link")["line"].agg(list).to_dict()

    @m.Constraint([link for link, found in by_pair.items() if len(found) > 1], years)
    def one_size_a_link_and_vintage(m: pyo.ConcreteModel, link: str, year: int) -> object:
        """Σ sizes of the link: pipe ≤ 1"""
        return linear_sum([(1.0, m.pipe[line, year]) for line in by_pair[link]]) <= 1

    @m.Constraint(links["link"].tolist(), years)
    def both_ways_share_the_pipe(m: pyo.ConcreteModel, link: str, year: int) -> object:
        """forward + reverse = Σ pipe options of the link: flow"""
        flows: Terms = [(1.0, m.forward_ktpa[link, year]), (1.0, m.reverse_ktpa[link, year])]
        piped: Terms = [(-1.0, m.pipe_flow_ktpa[line, year]) for line in network.lines_of.get(link, [])]
        return linear_sum(flows + piped) == 0

    _add_balance(m, problem)
    _add_connections(m, problem)
    if problem.obligation_yr > 0:
        _add_obligation(m, problem)


def _add_balance(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add the CO₂ balance of every node and the rules for trucks."""
    network, years = problem.network, problem.years
    assert network is not None and problem.stores is not None
    leaving, entering = ends_of_links(problem)
    stores_at = problem.stores_at
    sent = captured_at_nodes(m, problem)
    roads = set(network.links.loc[network.links["kind"] == "truck", "link"])

    @m.Constraint(network.nodes["node"].tolist(), years)
    def co2_in_equals_co2_out(m: pyo.ConcreteModel, node: str, year: int) -> object:
        """Σ captured at the node + inflow = outflow + injected there"""
        terms: Terms = list(sent.get((node, year), ()))
        for link in leaving[node]:
            terms += [(-1.0, m.forward_ktpa[link, year]), (1.0, m.reverse_ktpa[link, year])]
        for link in entering[node]:
            terms += [(1.0, m.forward_ktpa[link, year]), (-1.0, m.reverse_ktpa[link, year])]
        terms += [(-1.0, m.injected_ktpa[store, year]) for store in stores_at.get(node, ())]
        return linear_sum(terms) == 0 if terms else pyo.Constraint.Skip

    leaving_by_road = {node: [link for link in found if link in roads] for node, found in leaving.items()}

    @m.Constraint([node for node, found in leaving_by_road.items() if found], years)
    def only_what_is_captured_there_goes_by_road(m: pyo.ConcreteModel, node: str, year: int) -> object:
        """Σ roads from the node: forward ≤ Σ captured at the node"""
        terms: Terms = [(1.0, m.forward_ktpa[link, year]) for link in leaving_by_road[node]]
        return linear_sum([*terms, *scale_terms(sent.get((node, year), []), -1.0)]) <= 0

    by_road = {node: [link for link in entering[node] if link in roads] for node in stores_at}

    @m.Constraint([node for node, found in by_road.items() if found], years)
    def what_comes_by_road_is_stored_there(m: pyo.ConcreteModel, node: str, year: int) -> object:
        """Σ roads to the site: forward ≤ Σ steps: injected"""
        terms: Terms = [(1.0, m.forward_ktpa[link, year]) for link in by_road[node]]
        return linear_sum(terms + [(-1.0, m.injected_ktpa[store, year]) for store in stores_at[node]]) <= 0


def captured_at_nodes(m: pyo.ConcreteModel, problem: Problem) -> dict[tuple[str, int], Terms]:
    """CO₂ that each node's plants supply in each year, as terms of build and curtailed."""
    node_of = nodes_of_units(problem)
    sent: dict[tuple[str, int], Terms] = defaultdict(list)
    for unit, _, year, ktpa, share, built in captured_at_full_load(m, problem):
        sent[node_of[unit], year].append((ktpa * share, built))
    for unit, year in m.working:
        sent[node_of[unit], year].append((-1.0, m.curtailed_ktpa[unit, year]))
    return sent


def nodes_of_units(problem: Problem) -> dict[str, str]:
    """Return the node of each unit."""
    assert problem.network is not None
    plants = zip(problem.units[problem.unit_of], problem.routes["plant"], strict=True)
    return {unit: problem.network.node_of_plant[plant] for unit, plant in plants}


def capacity_built(
    m: pyo.ConcreteModel, problem: Problem, link: str, years: Sequence[int], factor: float = 1.0
) -> tuple[Terms, float]:
    """Return the capacity of a link: that of pipes built in some years, as negative terms, and the existing one."""
    assert problem.network is not None
    terms: Terms = []
    free_ktpa = 0.0
    for line in problem.network.lines_of.get(link, []):
        each = problem.network.limits[line]
        if each["is_free"]:
            free_ktpa += float(each["free_ktpa"])
            continue
        for year in years:
            terms.append((-factor * min(each["included_ktpa"], each["largest_ktpa"]), m.pipe[line, year]))
            terms.append((-factor, m.added_capacity_ktpa[line, year]))
    return terms, free_ktpa


def _add_connections(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add valid inequalities, which tighten the LP bound: used sources and sites are connected."""
    network, years = problem.network, problem.years
    assert network is not None
    to_build: dict[str, list[str]] = defaultdict(list)
    free_at: dict[str, list[str]] = defaultdict(list)
    both = zip(network.links["node_a"], network.links["node_b"], strict=True)
    ends = dict(zip(network.links["link"], both, strict=True))
    for line, link, is_free in network.lines[["line", "link", "is_free"]].itertuples(index=False, name=None):
        for node in ends[link]:
            (free_at if is_free else to_build)[node].append(line)
    node_of = network.node_of_plant
    routes = problem.routes
    least = routes["min_load_share"] * problem.delivered_ktpa
    about = dict(zip(routes["route"], zip(routes["plant"], routes["stream"], least, strict=True), strict=True))
    without_capture = set(routes.loc[~problem.captures, "route"])
    needs: dict[tuple[str, str, int], Terms] = defaultdict(list)
    for (route, year), pairs in m.running_terms.items():
        if route in without_capture:
            continue
        plant, stream, ktpa = about[route]
        for share, built in pairs:
            needs[plant, stream, year].append((ktpa * share, built))
    # Without an existing pipe or road at the node, any use needs a pipe, unless the plant stands at a site.
    at_site = set(network.node_of_site)
    linked = [key for key in sorted(needs) if node_of[key[0]] not in at_site and to_build[node_of[key[0]]]]

    @m.Constraint(linked)
    def a_used_source_has_a_pipe(m: pyo.ConcreteModel, plant: str, stream: str, year: int) -> object:
        """Σ least flow × build − Σ existing pipes and roads: flow ≤ largest least flow × Σ pipes at the node so far

        Without existing pipes and roads every least flow counts as 1, so that any use of the stream needs a pipe.
        """
        node = node_of[plant]
        free = free_at[node]
        terms = needs[plant, stream, year] if free else [(1.0, built) for _, built in needs[plant, stream, year]]
        most = max(flow for flow, _ in terms)
        if most <= 0:
            return pyo.Constraint.Skip
        row = [(flow / most, built) for flow, built in terms]
        row += [(-1.0 / most, m.pipe_flow_ktpa[line, year]) for line in free]
        for before in years[: years.index(year) + 1]:
            row += [(-1.0, m.pipe[line, before]) for line in to_build[node]]
        return linear_sum(row) <= 0

    opened = {
        year: [(-1.0, m.opened[site, before]) for before in years if before <= year for site in network.node_of_site]
        for year in years
    }
    if len(years) > 1:
        # One variable in place of all sites and vintages, which would be more than half of a large model.
        m.site_is_open = pyo.Var(["any"], years, bounds=(0.0, 1.0))

        @m.Constraint(years)
        def an_open_site_was_opened(m: pyo.ConcreteModel, year: int) -> object:
            """site is open ≤ Σ sites so far: opened"""
            return linear_sum([(1.0, m.site_is_open["any", year]), *opened[year]]) <= 0

        opened = {year: [(-1.0, m.site_is_open["any", year])] for year in years}

    @m.Constraint(sorted(needs))
    def a_used_source_has_an_open_site(m: pyo.ConcreteModel, plant: str, stream: str, year: int) -> object:
        """Σ options of the stream: build ≤ site is open; in a single period ≤ Σ sites: opened"""
        return linear_sum([*((1.0, built) for _, built in needs[plant, stream, year]), *opened[year]]) <= 0

    at_home = set(node_of.values())
    sites = [site for site in network.node_of_site if site not in free_at and site not in at_home]

    @m.Constraint(sites, years)
    def a_used_site_has_a_pipe(m: pyo.ConcreteModel, site: str, year: int) -> object:
        """Σ so far: opened ≤ Σ pipe options at the site, vintages so far: pipe"""
        terms: Terms = []
        for before in years[: years.index(year) + 1]:
            terms.append((1.0, m.opened[site, before]))
            terms += [(-1.0, m.pipe[line, before]) for line in to_build[site]]
        return linear_sum(terms) <= 0


def _add_obligation(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Add the post-horizon injection obligation: its flow over the network as built, and its storage."""
    network, years = problem.network, problem.years
    assert network is not None and problem.stores is not None
    obligation_yr = problem.obligation_yr
    links = network.links["link"].tolist()
    m.obligation_forward_kt = pyo.Var(links, domain=pyo.NonNegativeReals)
    m.obligation_reverse_kt = pyo.Var(links, domain=pyo.NonNegativeReals)
    for link in network.links.loc[network.links["kind"] == "truck", "link"]:
        m.obligation_reverse_kt[link].fix(0.0)
    leaving, entering = ends_of_links(problem)
    obligation_kt = problem.years_after_horizon * problem.delivered_ktpa[:, None]
    obligation: dict[str, Terms] = defaultdict(list)
    names, plants = (problem.routes[name].tolist() for name in ("route", "plant"))
    for r, s in np.argwhere(obligation_kt > 0).tolist():
        key = names[r], years[s]
        if key in m.build:
            obligation[network.node_of_plant[plants[r]]].append((float(obligation_kt[r, s]), m.build[key]))

    @m.Constraint(network.nodes["node"].tolist())
    def obligation_is_stored(m: pyo.ConcreteModel, node: str) -> object:
        """Σ obligation at the node + later inflow = later outflow + obligation stored"""
        terms: Terms = list(obligation.get(node, ()))
        for link in leaving[node]:
            terms += [(-1.0, m.obligation_forward_kt[link]), (1.0, m.obligation_reverse_kt[link])]
        for link in entering[node]:
            terms += [(1.0, m.obligation_forward_kt[link]), (-1.0, m.obligation_reverse_kt[link])]
        if node in m.obligation_stored_kt:
            terms.append((-1.0, m.obligation_stored_kt[node]))
        return linear_sum(terms) == 0 if terms else pyo.Constraint.Skip

    @m.Constraint(links)
    def obligation_within_pipes(m: pyo.ConcreteModel, link: str) -> object:
        """later forward + later reverse ≤ longest obligation in years × capacity built"""
        flows: Terms = [(1.0, m.obligation_forward_kt[link]), (1.0, m.obligation_reverse_kt[link])]
        built, free_ktpa = capacity_built(m, problem, link, years, obligation_yr * problem.delivered_share)
        return linear_sum(flows + built) <= obligation_yr * free_ktpa * problem.delivered_share

    roads = set(network.links.loc[network.links["kind"] == "truck", "link"])
    roads_from, roads_to = (
        {node: [link for link in found if link in roads] for node, found in ends.items()}
        for ends in (leaving, entering)
    )

    @m.Constraint([node for node, found in roads_from.items() if found])
    def obligation_by_road_is_captured_there(m: pyo.ConcreteModel, node: str) -> object:
        """Σ roads from the node: later forward ≤ Σ obligation at the node"""
        terms: Terms = [(1.0, m.obligation_forward_kt[link]) for link in roads_from[node]]
        return linear_sum([*terms, *scale_terms(obligation.get(node, []), -1.0)]) <= 0

    @m.Constraint([node for node, found in roads_to.items() if found])
    def obligation_by_road_is_stored_there(m: pyo.ConcreteModel, node: str) -> object:
        """Σ roads to the site: later forward ≤ obligation stored"""
        terms: Terms = [(1.0, m.obligation_forward_kt[link]) for link in roads_to[node]]
        return linear_sum([*terms, (-1.0, m.obligation_stored_kt[node])]) <= 0


def ends_of_links(problem: Problem) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Links whose first end, and links whose second end, is each node."""
    assert problem.network is not None
    leaving: dict[str, list[str]] = defaultdict(list)
    entering: dict[str, list[str]] = defaultdict(list)
    for link, a, b in problem.network.links[["link", "node_a", "node_b"]].itertuples(index=False, name=None):
        leaving[a].append(link)
        entering[b].append(link)
    return leaving, entering
