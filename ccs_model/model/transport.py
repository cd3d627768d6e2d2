"""Transport over a shared network: which links are laid, how large and when, and what flows where.

    pipe[line, year]            0 or 1 (0 … 1 when fractional): a pipe of that size is laid on its link
    built_ktpa[line, year]      capacity beyond what the size includes, nameplate kt/y
    pipe_flow_ktpa[line, year]    delivered flow over the line, whichever way
    forward_ktpa, reverse_ktpa[link, year]   delivered flow over the link, from its first end to its second, and back

A line is a size on a link; a vintage laid in one period works from then on. A line that is free to use (an existing
pipe, a road) has no pipe to lay. `tail_*` are the tonnes that retrofits still deliver after the horizon, carried over
the network as it then stands.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyomo.environ as pyo

from ccs_model.model.sums import Terms, linear_sum
from ccs_model.problem import Problem


def add_transport(m: pyo.ConcreteModel, problem: Problem) -> None:
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
    # Roads lead from plants to sites only.
    for link in links.loc[links["kind"] == "truck", "link"]:
        for year in years:
            m.reverse_ktpa[link, year].fix(0.0)
    lines_of = lines.groupby("link")["line"].agg(list).to_dict()

    @m.Constraint(built["line"].tolist(), years)
    def capacity_needs_a_pipe(m: pyo.ConcreteModel, line: str, year: int) -> object:
        """added ≤ (most that can ever flow − included) × pipe"""
        if room[line] <= 0:
            return pyo.Constraint.Skip
        return linear_sum([(1.0, m.added_capacity_ktpa[line, year]), (-room[line], m.pipe[line, year])]) <= 0

    least = {line: ktpa for line, ktpa in zip(built["line"], built["smallest_ktpa"], strict=True) if ktpa > 0}

    @m.Constraint(list(least), years)
    def a_larger_trend_carries_more(m: pyo.ConcreteModel, line: str, year: int) -> object:
        """added ≥ flow from which the trend is the cheaper one × pipe"""
        return linear_sum([(1.0, m.added_capacity_ktpa[line, year]), (-least[line], m.pipe[line, year])]) >= 0

    @m.Constraint(built["line"].tolist(), years)
    def flow_within_pipes(m: pyo.ConcreteModel, line: str, year: int) -> object:
        """carried ÷ delivered share ≤ Σ over vintages so far: included × pipe + added"""
        terms: Terms = [(nameplate, m.pipe_flow_ktpa[line, year])]
        for before in years[: years.index(year) + 1]:
            terms.append((-included[line], m.pipe[line, before]))
            if room[line] > 0:
                terms.append((-1.0, m.added_capacity_ktpa[line, before]))
        # In a single year nothing is laid for later, so that a trend's capacity is what it carries.
        return linear_sum(terms) == 0 if len(years) == 1 and included[line] == 0 else linear_sum(terms) <= 0

    by_pair = built.groupby("link")["line"].agg(list).to_dict()

    @m.Constraint([link for link, found in by_pair.items() if len(found) > 1], years)
    def one_size_a_link_and_vintage(m: pyo.ConcreteModel, link: str, year: int) -> object:
        """Σ over sizes: pipe ≤ 1"""
        return linear_sum([(1.0, m.pipe[line, year]) for line in by_pair[link]]) <= 1

    @m.Constraint(links["link"].tolist(), years)
    def both_ways_share_the_pipe(m: pyo.ConcreteModel, link: str, year: int) -> object:
        """forth + back = Σ over lines: carried"""
        terms: Terms = [(1.0, m.forward_ktpa[link, year]), (1.0, m.reverse_ktpa[link, year])]
        return linear_sum(terms + [(-1.0, m.pipe_flow_ktpa[line, year]) for line in lines_of.get(link, [])]) == 0

    _add_balance(m, problem)
    _add_connections(m, problem)
    if problem.obligation_yr > 0:
        _add_tail(m, problem)


def _add_balance(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Nothing is lost on the way and nothing stays where there is no store."""
    network, years = problem.network, problem.years
    assert network is not None and problem.stores is not None
    leaving, entering = _ends(problem)
    stores_at = problem.stores.groupby("site")["store"].agg(list).to_dict()
    sent = _captured_at_nodes(m, problem)
    roads = set(network.links.loc[network.links["kind"] == "truck", "link"])

    @m.Constraint(network.nodes["node"].tolist(), years)
    def co2_in_equals_co2_out(m: pyo.ConcreteModel, node: str, year: int) -> object:
        """Σ captured at the node + what flows in = what flows out + injected there"""
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
        """Σ over roads from the node: forth ≤ Σ captured at the node"""
        terms: Terms = [(1.0, m.forward_ktpa[link, year]) for link in leaving_by_road[node]]
        return linear_sum([*terms, *((-amount, variable) for amount, variable in sent.get((node, year), ()))]) <= 0

    by_road = {node: [link for link in entering[node] if link in roads] for node in stores_at}

    @m.Constraint([node for node, found in by_road.items() if found], years)
    def what_comes_by_road_is_stored_there(m: pyo.ConcreteModel, node: str, year: int) -> object:
        """Σ over roads to the site: forth ≤ injected there"""
        terms: Terms = [(1.0, m.forward_ktpa[link, year]) for link in by_road[node]]
        return linear_sum(terms + [(-1.0, m.injected_ktpa[store, year]) for store in stores_at[node]]) <= 0


def _captured_at_nodes(m: pyo.ConcreteModel, problem: Problem) -> dict[tuple[str, int], Terms]:
    """What each plant's node sends in each year, as terms of build and throttled."""
    assert problem.network is not None
    node_of = problem.network.node_of_plant
    routes = problem.routes
    most = dict(zip(routes["route"], (routes["nameplate_ktpa"] * problem.delivered_share).tolist(), strict=True))
    plant_of = dict(zip(routes["route"], routes["plant"], strict=True))
    sent: dict[tuple[str, int], Terms] = defaultdict(list)
    silent = set(routes.loc[~problem.captures, "route"])
    for (route, year), pairs in m.running_terms.items():
        if route in silent:
            continue
        sent[node_of[plant_of[route]], year] += [(most[route] * share, built) for share, built in pairs]
    plant_of_unit = dict(zip(problem.units[problem.unit_of], routes["plant"], strict=True))
    for unit, year in m.working:
        sent[node_of[plant_of_unit[unit]], year].append((-1.0, m.curtailed_ktpa[unit, year]))
    return sent


def _add_connections(m: pyo.ConcreteModel, problem: Problem) -> None:
    """What is used is connected: true of every whole plan, and a far better bound of the fractional ones."""
    network, years = problem.network, problem.years
    assert network is not None
    to_lay: dict[str, list[str]] = defaultdict(list)
    free_at: dict[str, list[str]] = defaultdict(list)
    both = zip(network.links["node_a"], network.links["node_b"], strict=True)
    ends = dict(zip(network.links["link"], both, strict=True))
    for line, link, is_free in network.lines[["line", "link", "is_free"]].itertuples(index=False, name=None):
        for node in ends[link]:
            (free_at if is_free else to_lay)[node].append(line)
    node_of = network.node_of_plant
    routes = problem.routes
    least = routes["min_load_share"] * routes["nameplate_ktpa"] * problem.delivered_share
    about = dict(zip(routes["route"], zip(routes["plant"], routes["stream"], least, strict=True), strict=True))
    silent = set(routes.loc[~problem.captures, "route"])
    needs: dict[tuple[str, str, int], Terms] = defaultdict(list)
    for (route, year), pairs in m.running_terms.items():
        if route in silent:
            continue
        plant, stream, ktpa = about[route]
        for share, built in pairs:
            needs[plant, stream, year].append((ktpa * share, built))
    # Without a free line nearby any use at all needs a pipe; a plant may also stand at a site itself.
    at_site = set(network.node_of_site)
    linked = [key for key in sorted(needs) if node_of[key[0]] not in at_site and to_lay[node_of[key[0]]]]

    @m.Constraint(linked)
    def a_used_source_has_a_pipe(m: pyo.ConcreteModel, plant: str, stream: str, year: int) -> object:
        """Σ least flow × build − what free lines carry ≤ largest least flow × Σ pipes at its node so far

        Without free lines every flow counts as 1, so that a stream in use needs a pipe however little it sends.
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
            row += [(-1.0, m.pipe[line, before]) for line in to_lay[node]]
        return linear_sum(row) <= 0

    at_home = set(node_of.values())
    sites = [site for site in network.node_of_site if site not in free_at and site not in at_home]

    @m.Constraint(sites, years)
    def a_used_site_has_a_pipe(m: pyo.ConcreteModel, site: str, year: int) -> object:
        """Σ opened so far ≤ Σ over lines at the site and vintages so far: pipe"""
        terms: Terms = []
        for before in years[: years.index(year) + 1]:
            terms.append((1.0, m.opened[site, before]))
            terms += [(-1.0, m.pipe[line, before]) for line in to_lay[site]]
        return linear_sum(terms) <= 0


def _add_tail(m: pyo.ConcreteModel, problem: Problem) -> None:
    """Tonnes delivered after the horizon find a way over the pipes that lie there, and room at its end."""
    network, years = problem.network, problem.years
    assert network is not None and problem.stores is not None
    obligation_yr = problem.obligation_yr
    names = network.links["link"].tolist()
    m.obligation_forward_kt = pyo.Var(names, domain=pyo.NonNegativeReals)
    m.obligation_reverse_kt = pyo.Var(names, domain=pyo.NonNegativeReals)
    for link in network.links.loc[network.links["kind"] == "truck", "link"]:
        m.obligation_reverse_kt[link].fix(0.0)
    leaving, entering = _ends(problem)
    full = problem.routes["nameplate_ktpa"].to_numpy(float) * problem.delivered_share
    committed = problem.committed_yr * full[:, None]
    owed: dict[str, Terms] = defaultdict(list)
    routes = problem.routes
    for r, s in np.argwhere(committed > 0):
        key = (routes["route"].iat[r], years[s])
        if key in m.build:
            owed[network.node_of_plant[routes["plant"].iat[r]]].append((float(committed[r, s]), m.build[key]))
    lines_of = network.lines.groupby("link")["line"].agg(list).to_dict()
    about = network.lines.set_index("line")[["is_free", "free_ktpa", "included_ktpa", "largest_ktpa"]].T.to_dict()

    @m.Constraint(network.nodes["node"].tolist())
    def obligation_is_stored(m: pyo.ConcreteModel, node: str) -> object:
        """Σ committed at the node + what flows in after the horizon = what flows out + what is stored there"""
        terms: Terms = list(owed.get(node, ()))
        for link in leaving[node]:
            terms += [(-1.0, m.obligation_forward_kt[link]), (1.0, m.obligation_reverse_kt[link])]
        for link in entering[node]:
            terms += [(1.0, m.obligation_forward_kt[link]), (-1.0, m.obligation_reverse_kt[link])]
        if node in m.obligation_stored_kt:
            terms.append((-1.0, m.obligation_stored_kt[node]))
        return linear_sum(terms) == 0 if terms else pyo.Constraint.Skip

    @m.Constraint(names)
    def obligation_within_pipes(m: pyo.ConcreteModel, link: str) -> object:
        """what flows over the link after the horizon ≤ years that retrofits outlive it × capacity laid"""
        terms: Terms = [(1.0, m.obligation_forward_kt[link]), (1.0, m.obligation_reverse_kt[link])]
        limit = 0.0
        for line in lines_of.get(link, []):
            each = about[line]
            if each["is_free"]:
                limit += obligation_yr * float(each["free_ktpa"]) * problem.delivered_share
                continue
            capacity = obligation_yr * problem.delivered_share
            for year in years:
                terms.append((-capacity * min(each["included_ktpa"], each["largest_ktpa"]), m.pipe[line, year]))
                terms.append((-capacity, m.added_capacity_ktpa[line, year]))
        return linear_sum(terms) <= limit


def _ends(problem: Problem) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Links that leave and that enter each node, seen from first end to second."""
    assert problem.network is not None
    leaving: dict[str, list[str]] = defaultdict(list)
    entering: dict[str, list[str]] = defaultdict(list)
    for link, a, b in problem.network.links[["link", "node_a", "node_b"]].itertuples(index=False, name=None):
        leaving[a].append(link)
        entering[b].append(link)
    return leaving, entering
