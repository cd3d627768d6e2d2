"""A budgeted network with concave costs, and a solution of it under construction, as tree growth needs them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from heapq import heapify, heappop, heappush

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip.clock import spend

# Effort of a shortest-path tree: of each, and of each link.
EFFORT, EFFORT_PER_LINK = 2e-4, 5e-7
LEAST_FLOW = 1e-6
TOLERANCE = 1e-9


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
    required
        Groups of streams, of each of which a solution must have an option.
    targets, target_limits
        [row, option] and [row]: rows Σ coefficient × option ≥ limit. Where there are any, growth ends when all hold.
    limits
        [p] money that may be spent until the end of the period.
    area_limits, area_options, area_links, area_sites
        [area] money that may be spent in an area, [area, option] the cost of each option there, and [area, link] and
        [area, site] 1 where the costs of a link or a site count there, else 0.
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
    required: tuple[Ints, ...]
    targets: sparse.csc_array
    target_limits: Floats
    limits: Floats
    area_limits: Floats
    area_options: Floats
    area_links: Floats
    area_sites: Floats
    positions: Floats

    def limited_to(self, limit: float) -> GrowthNetwork:
        """Return the network with less money, of the unit of `limits`."""
        return replace(self, limits=np.minimum(self.limits, limit))

    def with_limits_raised(self, share: float) -> GrowthNetwork:
        """Return the network with more money in every period and area."""
        return replace(self, limits=(1 + share) * self.limits, area_limits=(1 + share) * self.area_limits)

    def with_values_perturbed(self, deviation: float, rng: np.random.Generator) -> GrowthNetwork:
        """Return the network with the values of each stream multiplied by a lognormal factor."""
        factor = np.exp(deviation * rng.standard_normal(int(self.choice.max()) + 1))
        return replace(self, value=self.value * factor[self.choice])

    @property
    def n_periods(self) -> int:
        """Number of periods."""
        return len(self.limits)

    @cached_property
    def most_flow(self) -> Floats:
        """[option] largest flow."""
        return self.flow.max(axis=1, initial=0.0)

    @cached_property
    def area_of(self) -> Ints:
        """[option] the first area that pays for it; the number of areas where none does."""
        pays = np.vstack([self.area_options > 0, np.ones(len(self.column), dtype=bool)])
        first: Ints = pays.argmax(axis=0)
        return first

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

    def pipe_costs(self, capacity: Floats, periods: slice = slice(None), links: Ints | slice = slice(None)) -> Floats:
        """[…, p, link] cost of pipes of capacities in some periods; infinite where no size carries as much."""
        needed = capacity[..., None]
        cost = np.maximum(needed - self.included[links], 0.0)
        cost = cost * self.slope[periods, links] + self.fixed[periods, links]
        cost[needed > self.largest[links] * (1 + TOLERANCE)] = np.inf
        best: Floats = cost.min(axis=-1, initial=np.inf)
        best[capacity <= LEAST_FLOW] = 0.0
        return best

    def first_pipe_costs(self, flows: Floats, period: int) -> Floats:
        """[flow, link] cost of the pipes for flows [flow, p] from a period on, on links without any flow."""
        built = np.diff(np.maximum.accumulate(flows[:, period:], axis=1), axis=1, prepend=0.0)
        cost = np.zeros((len(flows), len(self.start)))
        for k in np.flatnonzero((built > LEAST_FLOW).any(axis=0)):
            capacity = np.repeat(built[:, k, None, None], len(self.start), axis=2)
            cost += self.pipe_costs(capacity, slice(period + k, period + k + 1))[:, 0]
        return cost

    @cached_property
    def packing_keys(self) -> Ints:
        """Option × number of packing rows + row of each entry of `packing`, ascending."""
        option = np.repeat(np.arange(self.packing.shape[1]), np.diff(self.packing.indptr))
        return option * len(self.packing_limit) + self.packing.indices

    def packed_by(self, options: Ints) -> tuple[Ints, Ints, Floats]:
        """For each entry of options in `packing`: the place of the option, the row, and what the option takes of it."""
        begin, end = self.packing.indptr[options], self.packing.indptr[options + 1]
        owner = np.repeat(np.arange(len(options)), end - begin)
        at = np.arange(len(owner)) + np.repeat(begin - np.r_[0, np.cumsum(end - begin)[:-1]], end - begin)
        return owner, self.packing.indices[at], self.packing.data[at]

    def size(self, capacity: float, period: int, link: int) -> int:
        """The cheapest size of a capacity."""
        beyond = np.maximum(capacity - self.included[link], 0.0)
        cost = self.fixed[period, link] + self.slope[period, link] * beyond
        return int(np.where(capacity <= self.largest[link] * (1 + TOLERANCE), cost, np.inf).argmin())


@dataclass
class Growth:
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
    def empty(cls, network: GrowthNetwork) -> Growth:
        """Return the solution without any option."""
        n_p, n_links, n_sites = network.n_periods, len(network.start), len(network.site_node)
        return cls(
            network,
            np.zeros((n_p, n_links)),
            np.zeros((n_p, n_sites)),
            np.zeros(n_links),
            np.zeros(n_sites, dtype=bool),
            np.zeros(len(network.packing_limit)),
        )

    @classmethod
    def at(cls, network: GrowthNetwork, x: Floats) -> Growth | None:
        """Return the solution with the options, pipes and sites of a point of the model; None where none can be made.

        Each option takes the way over pipes of the point with the least sum of 1 ÷ capacity to an open site. Pipes and
        wells have the sizes that these flows need.
        """
        growth, n_nodes = cls.empty(network), len(network.positions)
        has_pipe = (network.pipe >= 0) & (x[network.pipe] > 0.5)
        is_open = (x[network.opened] > 0.5).any(axis=0)
        capacity = np.where(has_pipe, network.largest, 0.0)
        width = capacity.sum(axis=(0, 2))
        resistance = np.divide(1.0, width, out=np.full(len(width), np.inf), where=width > 0)
        order, graph = network.edges
        graph.data[:] = np.concatenate([resistance, resistance, np.where(is_open, TOLERANCE, np.inf)])[order]
        away, following = dijkstra(graph, indices=n_nodes, return_predecessors=True)
        for option in np.flatnonzero(x[network.column] > 0.5):
            node, links = int(network.node[option]), []
            if not np.isfinite(away[node]):
                return None
            while following[node] != n_nodes:
                links.append(network.link_between[node, int(following[node])])
                node = int(following[node])
            growth.add(int(option), np.array(links, dtype=np.int64), network.site_at[node])
        first = has_pipe.any(axis=2).argmax(axis=0)
        first_capacity = capacity.sum(axis=2)[first, np.arange(len(first))]
        growth.ahead = np.minimum(first_capacity, growth.flow.max(axis=0))
        return growth

    def copy(self, network: GrowthNetwork | None = None) -> Growth:
        """Return a solution to be changed on its own, of a network with other values or limits if one is given."""
        return Growth(
            self.network if network is None else network,
            self.flow.copy(),
            self.stored.copy(),
            self.ahead.copy(),
            self.forced.copy(),
            self.packed.copy(),
            dict(self.chosen),
        )

    @property
    def value(self) -> float:
        """Objective value of the options; −∞ where a required group has none."""
        return -np.inf if len(self.missing) else float(self.network.value[self.options].sum())

    @property
    def missing(self) -> Ints:
        """Streams of the required groups that have no option yet."""
        groups = [each for each in self.network.required if not any(int(stream) in self.chosen for stream in each)]
        return np.concatenate([np.zeros(0, dtype=np.int64), *groups])

    @property
    def options(self) -> Ints:
        """Options chosen."""
        return np.array([option for option, _, _ in self.chosen.values()], dtype=np.int64)

    @property
    def is_enough(self) -> bool:
        """Whether the solution reaches every target and has every required group; never without targets."""
        net = self.network
        if not len(net.target_limits) or len(self.missing):
            return False
        return bool((net.targets[:, self.options].sum(axis=1) >= net.target_limits * (1 + TOLERANCE)).all())

    def vintages(self, more: Floats | None = None, first: int = 0, links: Ints | slice = slice(None)) -> Floats:
        """[…, p, link] capacity built in each period from `first` on, for the flows and more […, p, 1] from then on."""
        flow = self.flow[first:, links] if more is None else self.flow[first:, links] + more
        before, ahead = self.flow[:first, links].max(axis=0, initial=0.0), self.ahead[links]
        in_use = np.maximum(np.maximum.accumulate(flow, axis=-2), before)
        so_far = np.where(in_use > LEAST_FLOW, np.maximum(in_use, ahead), 0.0)
        built = so_far.copy()
        built[..., 1:, :] -= so_far[..., :-1, :]
        built[..., 0, :] -= np.where(before > LEAST_FLOW, np.maximum(before, ahead), 0.0)
        return built

    def site_costs(self, more: Floats | None = None) -> Floats:
        """[…, p, site] cost of sites and wells for the flows and more […, p, 1]; infinite beyond a site's limits."""
        net = self.network
        stored = self.stored if more is None else self.stored + more
        in_use = np.maximum.accumulate(stored, axis=-2)
        wells = np.ceil(in_use / net.rate - TOLERANCE)
        is_open = ((in_use > LEAST_FLOW) | self.forced).astype(float)
        cost = is_open * net.opening + wells * net.well
        cost[..., 1:, :] -= is_open[..., :-1, :] * net.opening[1:] + wells[..., :-1, :] * net.well[1:]
        fits = (wells[..., -1, :] <= net.most_wells) & (
            (net.weight * stored).sum(axis=-2) <= net.room * (1 + TOLERANCE)
        )
        cost[~np.broadcast_to(fits[..., None, :], cost.shape)] = np.inf
        return cost

    def _used_links(self) -> Ints:
        """Links with flow or a pipe."""
        return np.flatnonzero(self.flow.any(axis=0) | (self.ahead > 0))

    def _spent_on_pipes(self) -> Floats:
        """[p, link] cost of the pipes."""
        spent, used = np.zeros_like(self.flow), self._used_links()
        spent[:, used] = self.network.pipe_costs(self.vintages(links=used), links=used)
        return spent

    def spending(self) -> Floats:
        """[p] money spent in each period."""
        net = self.network
        spent = self._spent_on_pipes().sum(axis=1) + self.site_costs().sum(axis=1)
        options = self.options
        np.add.at(spent, net.period[options], net.cost[options])
        return spent

    def left(self) -> Floats:
        """[p] money left until the end of each period."""
        return self.network.limits - np.cumsum(self.spending())

    def area_left(self) -> Floats:
        """[area] money left in each area."""
        net = self.network
        pipes, sites = self._spent_on_pipes().sum(axis=0), self.site_costs().sum(axis=0)
        spent = net.area_options[:, self.options].sum(axis=1)
        # A cost beyond every size is infinite, wherever it counts.
        for part, inside in ((pipes, net.area_links), (sites, net.area_sites)):
            spent = spent + np.where(inside > 0, part, 0.0).sum(axis=1)
        return net.area_limits - spent

    def left_for(self, options: Ints, period: int) -> Floats:
        """[k] money left for each option from a period on: in all, and in its areas."""
        net = self.network
        left = np.full(len(options), float(self.left()[period:].min()))
        if len(net.area_limits):
            inside = net.area_options[:, options] > 0
            left = np.minimum(left, np.where(inside, self.area_left()[:, None], np.inf).min(axis=0))
        return left

    def is_within_limits(self) -> bool:
        """Whether the money spent so far stays within the limit of every period and area."""
        net = self.network
        if not (self.left() >= -TOLERANCE * net.limits).all():
            return False
        return not len(net.area_limits) or bool((self.area_left() >= -TOLERANCE * net.area_limits).all())

    def trees(self, flows: Floats, period: int, first: Floats | None = None) -> list[tuple[Floats, Ints]]:
        """For flows [flow, p] from a period on: [node] additional cost from each node to a site, and the next node.

        `first` are the costs of first pipes for these flows, where they are known.
        """
        net, used, periods = self.network, self._used_links(), slice(period, None)
        of_link = net.first_pipe_costs(flows, period) if first is None else first.copy()
        before = net.pipe_costs(self.vintages(first=period, links=used), periods, used).sum(axis=-2)
        after = net.pipe_costs(self.vintages(flows[:, period:, None], period, used), periods, used).sum(axis=-2)
        of_link[:, used] = after - before
        of_site = self.site_costs(flows[:, :, None]).sum(axis=-2) - self.site_costs().sum(axis=0)
        weights = np.maximum(np.concatenate([of_link, of_link, of_site], axis=1), TOLERANCE)
        weights[weights > self._most_costs()] = np.inf
        order, graph = net.edges
        spend(len(flows) * (EFFORT + EFFORT_PER_LINK * len(net.start)))
        found = []
        for each in weights:
            graph.data[:] = each[order]
            cost, following = dijkstra(graph, indices=len(net.positions), return_predecessors=True)
            found.append((cost[:-1], following[:-1]))
        return found

    def _most_costs(self) -> Floats:
        """[links forward, links backward, sites] the most that the areas of each have left to pay."""
        net = self.network
        if not len(net.area_limits):
            return np.full(2 * len(net.start) + len(net.site_node), np.inf)
        left = self.area_left()[:, None] + TOLERANCE * net.area_limits[:, None]
        inside = np.hstack([net.area_links, net.area_links, net.area_sites]) > 0
        most: Floats = np.where(inside, left, np.inf).min(axis=0)
        return np.maximum(most, TOLERANCE)

    def packs(self, packed: tuple[Ints, Ints, Floats], instead: Ints) -> Mask:
        """[k] whether the packing rows allow each of some options, in place of another one; −1 in place of none.

        `packed` are the entries of the options, by `packed_by`.
        """
        net = self.network
        fits = np.ones(len(instead), dtype=bool)
        if not len(net.packing_limit):
            return fits
        owner, row, more = packed[0], packed[1], packed[2].copy()
        # What leaves counts less.
        leaving = np.flatnonzero(instead[owner] >= 0)
        sought = instead[owner[leaving]] * len(net.packing_limit) + row[leaving]
        place = np.minimum(np.searchsorted(net.packing_keys, sought), len(net.packing_keys) - 1)
        more[leaving] -= np.where(net.packing_keys[place] == sought, net.packing.data[place], 0.0)
        fits[owner[more + self.packed[row] > net.packing_limit[row] + TOLERANCE]] = False
        return fits

    def add(self, option: int, links: Ints, site: int) -> None:
        """Add an option and its flow on a path."""
        flow = self.network.flow[option]
        self.flow[:, links] += flow[:, None]
        self.stored[:, site] += flow
        _, row, amount = self.network.packed_by(np.array([option]))
        self.packed[row] += amount
        self.chosen[int(self.network.choice[option])] = option, links, site

    def remove(self, choice: int) -> None:
        """Remove the option of a stream, and its flow."""
        option, links, site = self.chosen.pop(choice)
        flow = self.network.flow[option]
        self.flow[:, links] -= flow[:, None]
        self.stored[:, site] -= flow
        _, row, amount = self.network.packed_by(np.array([option]))
        self.packed[row] -= amount
        self.flow[np.abs(self.flow) < LEAST_FLOW] = 0.0
        self.stored[np.abs(self.stored) < LEAST_FLOW] = 0.0
        self.ahead = np.minimum(self.ahead, self.flow.max(axis=0))

    def shrink(self) -> None:
        """Remove streams by value per money saved, the least first, until the limits hold; required groups keep one.

        The order is that of the initial solution. The saving of a stream is updated when it is next in the order, and a
        stream whose value per money has risen is moved back.
        """
        queue = [(self._value_per_money(stream), stream) for stream in self.chosen]
        heapify(queue)
        while queue and not self.is_within_limits():
            _, stream = heappop(queue)
            merit = self._value_per_money(stream)
            if queue and merit > queue[0][0]:
                heappush(queue, (merit, stream))
            elif not self._is_required(stream):
                self.remove(stream)

    def _is_required(self, stream: int) -> bool:
        """Whether a required group has no other option than that of this stream."""
        return any(
            stream in group and sum(int(each) in self.chosen for each in group) == 1 for group in self.network.required
        )

    def _value_per_money(self, stream: int) -> float:
        """Value of a stream's option per money that its removal saves, with its part of pipes, site and wells."""
        net = self.network
        option, links, site = self.chosen[stream]
        less = -net.flow[option][:, None]
        with_it, without = (
            float(
                net.pipe_costs(self.vintages(each, links=links), links=links).sum()
                + self.site_costs(each)[:, site].sum()
            )
            for each in (None, less)
        )
        # Where a flow exceeds every pipe, what leaves it is worth nothing.
        saved = net.cost[option] + (with_it - without if np.isfinite(with_it) else np.inf)
        return float(net.value[option]) / max(saved, TOLERANCE)
