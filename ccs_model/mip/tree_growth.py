"""Tree growth on a fixed-charge network under a budget: add the retrofit with the most value per money, by its path.

The cost of a pipe is concave in its flow, so that a tonne is cheap where a pipe is large already. Each step finds for
every option the cheapest way to a site, at the *additional* cost of its flow on each link and at the site, and adds the
option with the largest value per additional money (a construction of shortest paths, in the order of a greedy
knapsack). Then parts of the solution are removed and grown again (large-neighbourhood search).

A relaxation charges a tonne what it costs in the largest pipe, however little flows in the end. Where costs are
strongly concave, links chosen by a relaxation are a poor guide; here every cost is that of the flow so far.

References
----------
Balakrishnan, A., Graves, S. C. (1989). A composite algorithm for a concave-cost network flow problem. Networks 19,
175–202.

Shaw, P. (1998). Using constraint programming and local search methods to solve vehicle routing problems. CP98,
LNCS 1520, 417–431.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip.branch_and_bound import verified_point
from ccs_model.mip.clock import now, spend
from ccs_model.mip.highs import Highs
from ccs_model.mip.search import Heuristic, Result, SearchContext

# Effort of a shortest-path tree: of each, and of each link.
_EFFORT, _EFFORT_PER_LINK = 4e-4, 1e-6
_LEAST_FLOW = 1e-6
_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class GrowthNetwork:
    """Links, sites and options of a model with several periods p; flows are delivered, costs are budget money.

    Parameters
    ----------
    start, end
        [link] its nodes.
    fixed, slope
        [p, link, size] cost of a pipe, and of each unit of capacity beyond the included one; infinite where no pipe
        of that size can be built.
    included, largest
        [link, size] delivered flow within the fixed cost, and the largest one.
    pipe
        [p, link, size] columns that build the pipe; −1 without one.
    site_node
        [site] its node.
    opening, well
        [p, site] cost of the site and of a well.
    opened, wells
        [p, site] their columns.
    rate, most_wells, room, weight
        [site] flow of a well, their largest number, capacity, and [p, site] how much of the capacity a unit of flow
        takes.
    column, period, choice, node, value, cost
        [option] its column, period, stream (options of one stream exclude each other), node, objective value
        (maximised) and budget cost.
    flow
        [option, p] flow.
    packing, packing_limit
        [row, option] and [row]: rows Σ coefficient × option ≤ limit of the model.
    limits
        [p] money that may be spent until the end of the period.
    positions
        [node, 2] positions in km.
    """

    start: Ints
    end: Ints
    fixed: Floats
    slope: Floats
    included: Floats
    largest: Floats
    pipe: Ints
    site_node: Ints
    opening: Floats
    well: Floats
    opened: Ints
    wells: Ints
    rate: Floats
    most_wells: Floats
    room: Floats
    weight: Floats
    column: Ints
    period: Ints
    choice: Ints
    node: Ints
    value: Floats
    cost: Floats
    flow: Floats
    packing: sparse.csc_array
    packing_limit: Floats
    limits: Floats
    positions: Floats

    @property
    def n_periods(self) -> int:
        """Number of periods."""
        return len(self.limits)

    @cached_property
    def most_flow(self) -> Floats:
        """[option] largest flow."""
        return self.flow.max(axis=1, initial=0.0)

    @cached_property
    def link_between(self) -> dict[tuple[int, int], int]:
        """Link that joins two nodes, either way."""
        ends = list(zip(self.start.tolist(), self.end.tolist(), strict=True))
        return {pair: k for k, (a, b) in enumerate(ends) for pair in ((a, b), (b, a))}

    @cached_property
    def site_at(self) -> dict[int, int]:
        """Site of a node."""
        return {node: k for k, node in enumerate(self.site_node.tolist())}

    @cached_property
    def edges(self) -> tuple[Ints, sparse.csr_array]:
        """Order of the links forward, links backward and sites in the data of a graph, and the graph itself.

        The graph leads backward: from a node beyond all sites to the sources.
        """
        n_nodes = len(self.positions)
        begin = np.concatenate([self.start, self.end, self.site_node])
        end = np.concatenate([self.end, self.start, np.full(len(self.site_node), n_nodes)])
        order = np.lexsort((begin, end))
        starts = np.searchsorted(end[order], np.arange(n_nodes + 2))
        return order, sparse.csr_array((np.ones(len(order)), begin[order], starts), shape=(n_nodes + 1, n_nodes + 1))

    def pipe_costs(self, capacity: Floats, first: int = 0) -> Floats:
        """[…, p, link] cost of pipes of capacities, from a period on; infinite where no size carries as much."""
        best = np.full(capacity.shape, np.inf)
        for d in range(self.fixed.shape[2]):
            beyond = np.maximum(capacity - self.included[:, d], 0.0)
            cost = self.fixed[first:, :, d] + self.slope[first:, :, d] * beyond
            cost[capacity > self.largest[:, d] * (1 + _TOLERANCE)] = np.inf
            np.minimum(best, cost, out=best)
        best[capacity <= _LEAST_FLOW] = 0.0
        return best

    def size(self, capacity: float, period: int, link: int) -> int:
        """The cheapest size of a capacity."""
        beyond = np.maximum(capacity - self.included[link], 0.0)
        cost = self.fixed[period, link] + self.slope[period, link] * beyond
        return int(np.where(capacity <= self.largest[link] * (1 + _TOLERANCE), cost, np.inf).argmin())


@dataclass
class _Growth:
    """A solution under construction.

    `flow` [p, link] and `stored` [p, site] are delivered flows, `ahead` [link] capacity of the first pipe built for
    later flows, `forced` [site] sites that are paid for before they are used, `chosen` the option and the path of each
    stream: its links and its site.
    """

    network: GrowthNetwork
    flow: Floats
    stored: Floats
    ahead: Floats
    forced: Mask
    packed: Floats
    chosen: dict[int, tuple[int, Ints, int]] = field(default_factory=dict)

    @classmethod
    def empty(cls, network: GrowthNetwork) -> _Growth:
        n_p, n_links, n_sites = network.n_periods, len(network.start), len(network.site_node)
        return cls(
            network,
            np.zeros((n_p, n_links)),
            np.zeros((n_p, n_sites)),
            np.zeros(n_links),
            np.zeros(n_sites, dtype=bool),
            np.zeros(len(network.packing_limit)),
        )

    def copy(self) -> _Growth:
        return _Growth(
            self.network,
            self.flow.copy(),
            self.stored.copy(),
            self.ahead.copy(),
            self.forced.copy(),
            self.packed.copy(),
            dict(self.chosen),
        )

    @property
    def value(self) -> float:
        """Objective value of the options."""
        return float(self.network.value[self.options].sum())

    @property
    def options(self) -> Ints:
        """Options chosen."""
        return np.array([option for option, _, _ in self.chosen.values()], dtype=np.int64)

    def vintages(self, more: Floats | None = None, first: int = 0) -> Floats:
        """[…, p, link] capacity built in each period from `first` on, for the flows and more […, p, 1] from then on."""
        flow = self.flow[first:] if more is None else self.flow[first:] + more
        before = self.flow[:first].max(axis=0, initial=0.0)
        in_use = np.maximum(np.maximum.accumulate(flow, axis=-2), before)
        so_far = np.where(in_use > _LEAST_FLOW, np.maximum(in_use, self.ahead), 0.0)
        built = so_far.copy()
        built[..., 1:, :] -= so_far[..., :-1, :]
        built[..., 0, :] -= np.where(before > _LEAST_FLOW, np.maximum(before, self.ahead), 0.0)
        return built

    def site_costs(self, more: Floats | None = None) -> Floats:
        """[…, p, site] cost of sites and wells for the flows and more […, p, 1]; infinite beyond a site's limits."""
        net = self.network
        stored = self.stored if more is None else self.stored + more
        in_use = np.maximum.accumulate(stored, axis=-2)
        wells = np.ceil(in_use / net.rate - _TOLERANCE)
        is_open = ((in_use > _LEAST_FLOW) | self.forced).astype(float)
        cost = is_open * net.opening + wells * net.well
        cost[..., 1:, :] -= is_open[..., :-1, :] * net.opening[1:] + wells[..., :-1, :] * net.well[1:]
        fits = (wells[..., -1, :] <= net.most_wells) & (
            (net.weight * stored).sum(axis=-2) <= net.room * (1 + _TOLERANCE)
        )
        cost[~np.broadcast_to(fits[..., None, :], cost.shape)] = np.inf
        return cost

    def spending(self) -> Floats:
        """[p] money spent in each period."""
        net = self.network
        spent = net.pipe_costs(self.vintages()).sum(axis=1) + self.site_costs().sum(axis=1)
        options = self.options
        np.add.at(spent, net.period[options], net.cost[options])
        return spent

    def left(self) -> Floats:
        """[p] money left until the end of each period."""
        return self.network.limits - np.cumsum(self.spending())

    def is_within_limits(self) -> bool:
        """Whether the money spent so far stays within the limit of every period."""
        return bool((self.left() >= -_TOLERANCE * self.network.limits).all())

    def trees(self, flows: Floats, period: int) -> list[tuple[Floats, Ints]]:
        """For flows [flow, p] from a period on: [node] additional cost from each node to a site, and the next node."""
        net = self.network
        more = flows[:, period:, None]
        old = net.pipe_costs(self.vintages(first=period), period).sum(axis=-2)
        of_link = net.pipe_costs(self.vintages(more, period), period).sum(axis=-2) - old
        of_site = self.site_costs(flows[:, :, None]).sum(axis=-2) - self.site_costs().sum(axis=0)
        weights = np.maximum(np.concatenate([of_link, of_link, of_site], axis=1), _TOLERANCE)
        order, graph = net.edges
        spend(len(flows) * (_EFFORT + _EFFORT_PER_LINK * len(net.start)))
        found = []
        for each in weights:
            graph.data[:] = each[order]
            cost, following = dijkstra(graph, indices=len(net.positions), return_predecessors=True)
            found.append((cost[:-1], following[:-1]))
        return found

    def packs(self, options: Ints, instead: Ints) -> Mask:
        """[k] whether the packing rows allow each option, in place of another one; −1 in place of none."""
        net = self.network
        if not len(net.packing_limit):
            return np.ones(len(options), dtype=bool)
        more = net.packing[:, options].toarray() - net.packing[:, instead].toarray() * (instead >= 0)
        return np.asarray((more + self.packed[:, None] <= net.packing_limit[:, None] + _TOLERANCE).all(axis=0))

    def add(self, option: int, links: Ints, site: int) -> None:
        """Add an option and its flow on a path."""
        flow = self.network.flow[option]
        self.flow[:, links] += flow[:, None]
        self.stored[:, site] += flow
        self.packed += self.network.packing[:, [option]].toarray().ravel()
        self.chosen[int(self.network.choice[option])] = option, links, site

    def remove(self, choice: int) -> None:
        """Remove the option of a stream, and its flow."""
        option, links, site = self.chosen.pop(choice)
        flow = self.network.flow[option]
        self.flow[:, links] -= flow[:, None]
        self.stored[:, site] -= flow
        self.packed -= self.network.packing[:, [option]].toarray().ravel()
        self.flow[np.abs(self.flow) < _LEAST_FLOW] = 0.0
        self.stored[np.abs(self.stored) < _LEAST_FLOW] = 0.0
        self.ahead = np.minimum(self.ahead, self.flow.max(axis=0))


@dataclass(frozen=True)
class Grow(Heuristic):
    """Grow a solution from each site, improve the best one, and complete it by the LP relaxation.

    Parameters
    ----------
    n_seeds
        Sites from which a solution is grown.
    n_rounds
        Rounds in which a part of the solution is removed and grown again.
    until
        Share of the effort by which the rounds end.
    flow_classes
        Flows for which cheapest paths are found in each step.
    trials
        Options tried in each step, the best first.
    worse
        Relative loss of value that the first rounds accept; it falls to 0 in the last.
    seeds
        Random seeds of the solutions grown, beside that of the options; each is completed and polished.
    polish
        Heuristics for each solution.
    """

    n_seeds: int = 6
    n_rounds: int = 300
    until: float = 0.3
    flow_classes: int = 5
    trials: int = 6
    worse: float = 0.005
    seeds: tuple[int, ...] = (0,)
    polish: tuple[Heuristic, ...] = ()

    def run(self, context: SearchContext, before: Result) -> Result:
        """Return `before` with the better of its incumbent and the solutions grown; `before` without a network."""
        if context.growth is None or not len(context.growth.column):
            return before
        first, best, start = self._from_sites(context.growth), before.incumbent, now()
        for k, seed in enumerate(self.seeds):
            deadline = start + (k + 1) / len(self.seeds) * (context.moment(self.until) - start)
            inside = replace(context, began=now(), deadline=deadline)
            if inside.is_over and k:
                break
            point = completed(inside, self._improved(inside.until(0.5 if self.polish else 1.0), first, seed))
            result = replace(before, incumbent=point, trace=())
            for heuristic in self.polish if point is not None else ():
                result = heuristic.run(inside, result)
            best = context.better(best, result.incumbent)
        return context.found(best, before)

    def _from_sites(self, network: GrowthNetwork) -> _Growth:
        """The best of the solutions grown without a site and from those with the most value near them."""
        best = self._grown(_Growth.empty(network))
        for site in self._seeds(network):
            start = _Growth.empty(network)
            start.forced[site] = True
            if start.is_within_limits():
                grown = self._grown(start)
                best = grown if grown.value > best.value else best
        return best

    def _seeds(self, network: GrowthNetwork) -> Ints:
        """Sites to which the most valuable options are nearest."""
        apart = network.positions[network.node][:, None] - network.positions[network.site_node]
        nearest = np.hypot(*np.moveaxis(apart, 2, 0)).argmin(axis=1)
        value = np.bincount(nearest, weights=network.value, minlength=len(network.site_node))
        order = np.argsort(-value, kind="stable")
        return order[value[order] > 0][: self.n_seeds]

    def _grown(self, growth: _Growth, banned: Sequence[int] = ()) -> _Growth:
        """Add options period by period, enlarge first pipes, and add what the money saved allows."""
        n_periods = growth.network.n_periods
        for period in range(n_periods):
            self._grow_in(growth, period, banned)
        growth.forced &= growth.stored.any(axis=0)
        self._build_ahead(growth)
        for period in range(n_periods):
            self._grow_in(growth, period, ())
        return growth

    def _grow_in(self, growth: _Growth, period: int, banned: Sequence[int]) -> None:
        """Add options of a period, or exchange them for those of the same stream, while any fits."""
        net = growth.network
        mine = np.flatnonzero((net.period == period) & ~np.isin(net.choice, np.array([*banned], dtype=np.int64)))
        if not len(mine):
            return
        choice, node = net.choice[mine], net.node[mine]
        size = net.flow[mine].max(axis=1)
        classes = np.unique(np.quantile(size, (np.arange(self.flow_classes) + 0.5) / self.flow_classes))
        flows = classes[:, None] * (np.arange(net.n_periods) >= period)
        n_failed = np.zeros(len(mine), dtype=np.int64)
        while True:
            left = float(growth.left()[period:].min())
            now = np.full(int(net.choice.max()) + 1, -1)
            for stream, (option, _, _) in growth.chosen.items():
                now[stream] = option
            now = now[choice]
            is_new = now < 0
            value, money, flow = (
                of_all[mine] - np.where(is_new, 0.0, of_all[now]) for of_all in (net.value, net.cost, net.most_flow)
            )
            fits = growth.packs(mine, np.where(is_new, -1, now))
            open_ = fits & (value > 0) & (money <= left) & (n_failed < 2)
            if not open_.any():
                return
            of_class = np.abs(np.log(np.maximum(flow, classes[0]))[:, None] - np.log(classes)).argmin(axis=1)
            path_cost = np.full(len(mine), np.inf)
            for k, (to_site, _) in enumerate(growth.trees(flows, period)):
                here = open_ & (of_class == k)
                path_cost[here] = to_site[node[here]]
            # More of a stream that has a path already costs in proportion, and less saves something.
            path_cost[open_ & ~is_new] *= np.clip(flow / classes[of_class], 0.0, 1.0)[open_ & ~is_new]
            cost = money + path_cost
            worth = open_ & np.isfinite(cost) & (cost <= 1.2 * left)
            merit = np.where(worth, value / np.maximum(cost, _TOLERANCE), 0.0)
            for k in np.argsort(-merit, kind="stable")[: self.trials]:
                if merit[k] > 0 and self._added(growth, int(mine[k])):
                    break
                n_failed[k] += 1
            else:
                return

    @staticmethod
    def _added(growth: _Growth, option: int) -> bool:
        """Add an option by its cheapest path, in place of another one of its stream, if the money suffices."""
        net = growth.network
        node, stream = int(net.node[option]), int(net.choice[option])
        before, ahead = growth.chosen.get(stream), growth.ahead
        if before is not None:
            growth.remove(stream)
        ((cost, following),) = growth.trees(net.flow[[option]], int(net.period[option]))
        if np.isfinite(cost[node]):
            links, n_nodes = [], len(net.positions)
            while following[node] != n_nodes:
                links.append(net.link_between[node, int(following[node])])
                node = int(following[node])
            growth.add(option, np.array(links, dtype=np.int64), net.site_at[node])
            if growth.is_within_limits():
                return True
            growth.remove(stream)
        if before is not None:
            growth.add(*before)
            growth.ahead = ahead
        return False

    @staticmethod
    def _build_ahead(growth: _Growth) -> None:
        """Enlarge first pipes for later flows where that saves money and the limit of the first period allows it."""
        net = growth.network
        built = growth.vintages()
        most, first = growth.flow.max(axis=0), (built > _LEAST_FLOW).argmax(axis=0)
        later = np.flatnonzero((built > _LEAST_FLOW).sum(axis=0) > 1)
        if not len(later):
            return
        ahead = np.zeros_like(built)
        ahead[first[later], later] = most[later]
        now, then = net.pipe_costs(built)[:, later], net.pipe_costs(ahead)[:, later]
        saved = (now - then).sum(axis=0)
        extra = np.maximum((then - now)[first[later], np.arange(len(later))], 1e-9)
        for k in np.argsort(-saved / extra, kind="stable"):
            if saved[k] <= 0:
                return
            before = growth.ahead[later[k]]
            growth.ahead[later[k]] = most[later[k]]
            if not growth.is_within_limits():
                growth.ahead[later[k]] = before

    def _improved(self, context: SearchContext, growth: _Growth, seed: int = 0) -> _Growth:
        """Remove parts and grow them again; worse solutions are accepted at first."""
        rng = np.random.default_rng([context.options.seed, seed])
        best = current = growth
        for k in range(self.n_rounds):
            if context.is_over or not current.chosen:
                break
            trial = current.copy()
            removed = self._part(trial, rng)
            for choice in removed:
                trial.remove(choice)
            n_banned = len(removed) // 3 if rng.random() < 0.5 else 0
            banned = rng.permutation(removed)[:n_banned]
            if rng.random() < 0.3:
                trial.forced[rng.integers(len(trial.forced))] = True
            if not trial.is_within_limits():
                continue
            trial = self._grown(trial, banned.tolist())
            if trial.value > current.value - self.worse * (1 - k / self.n_rounds) * best.value:
                current = trial
            if trial.value > best.value:
                best = trial
        return best

    @staticmethod
    def _part(growth: _Growth, rng: np.random.Generator) -> list[int]:
        """Streams of a part of the solution: those of a site, near a point, of a link, of a period, or any."""
        net, streams = growth.network, list(growth.chosen)
        kind = rng.integers(5)
        if kind == 0:
            site = rng.choice(np.unique([site for _, _, site in growth.chosen.values()]))
            return [c for c in streams if growth.chosen[c][2] == site]
        if kind == 1:
            centre = net.positions[rng.integers(len(net.positions))]
            at = net.positions[net.node[growth.options]]
            order = np.argsort(np.hypot(*(at - centre).T), kind="stable")
            return [streams[k] for k in order[: max(2, len(streams) // 4)]]
        used = np.flatnonzero(growth.flow.any(axis=0))
        if kind == 2 and len(used):
            link = rng.choice(used)
            return [c for c in streams if link in growth.chosen[c][1]]
        if kind == 3:
            period = net.period[rng.choice(growth.options)]
            return [c for c in streams if net.period[growth.chosen[c][0]] == period]
        return rng.permutation(streams)[: max(1, len(streams) // 5)].tolist()


def completed(context: SearchContext, growth: _Growth) -> Floats | None:
    """Return the point of the model with the integer columns of a solution and the best continuous ones; or None."""
    net, matrix = growth.network, context.matrix
    x = np.zeros(len(matrix.lower))
    x[net.column[growth.options]] = 1.0
    built = growth.vintages()
    for period, link in np.argwhere(built > _LEAST_FLOW):
        x[net.pipe[period, link, net.size(built[period, link], period, link)]] = 1.0
    in_use = np.maximum.accumulate(growth.stored, axis=0)
    is_open = in_use > _LEAST_FLOW
    opens = np.diff(is_open, axis=0, prepend=False)
    x[net.opened[opens]] = 1.0
    drilled = np.diff(np.ceil(in_use / net.rate - _TOLERANCE), axis=0, prepend=0.0)
    x[net.wells[drilled > 0]] = drilled[drilled > 0]
    fixed = np.flatnonzero(matrix.is_integer)
    highs = Highs(matrix, context.options)
    highs.set_bounds(fixed, x[fixed], x[fixed])
    highs.set_integrality(False)
    outcome = highs.attempt(np.inf, "tree growth")
    if outcome.x is None or outcome.status != "optimal":
        return None
    return verified_point(matrix, outcome.x, context.options)
