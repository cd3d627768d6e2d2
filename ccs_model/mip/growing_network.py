"""A budgeted network with concave costs, as tree growth needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from ccs_model._typing import Floats, Ints, Mask

# Effort of a shortest-path tree: of each, and of each link.
EFFORT, EFFORT_PER_LINK = 2e-4, 5e-7
LEAST_FLOW = 1e-6
TOLERANCE = 1e-9
# Quantile of the cost of options by which periods are ordered.
_LOWER_TAIL = 0.1


@dataclass(frozen=True, eq=False)
class OptionsOfPeriod:
    """Options of a period [k] and their data that depend neither on values and limits nor on the solution.

    `classes` [class] are typical flows and `flows` [class, p] the same from the period on, `first_pipes` [class, link]
    the costs of first pipes for them, and `packed` the entries of the options in the packing rows.
    """

    options: Ints
    classes: Floats
    flows: Floats
    first_pipes: Floats
    packed: tuple[Ints, Ints, Floats]


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
    free
        [link] flow that existing pipes carry.
    pipe
        [p, link, size] columns that build the pipe; −1 without one.
    site_node
        [site] its node.
    opening, well
        [p, site] cost of the site and of a well.
    may_be_open
        [p, site] whether the site can be open, which it can in every period after the first one in which it can open.
    opened, wells
        [p, site] their columns.
    rate, most_wells, room, weight
        [site] flow of a well, their largest number, capacity, and [p, site] how much of the capacity a unit of flow
        takes.
    column, period, choice, node, value, cost, price
        [option] its column, period, stream (options of one stream exclude each other), node, objective value
        (maximised), budget cost, and what it takes from an objective in money to reach a target.
    flow
        [option, p] flow.
    packing, packing_limit
        [row, option] and [row]: rows Σ coefficient × option ≤ limit of the model.
    required
        Groups of streams; a solution must have an option from each group.
    targets, target_limits, deducted
        [row, option] and [row]: rows Σ coefficient × option ≥ limit, in the order in which they are reached, and
        [row, p, link] what a unit of flow takes from the sum (the CO2 of its pump power).
    ends_at_targets
        Whether growth ends when all targets hold. If not, a solution that misses a target has the value −∞.
    limits
        [p] money that may be spent until the end of the period.
    area_limits, area_options, area_links, area_sites
        [area] money that may be spent in an area, [area, option] the cost of each option there, and [area, link] and
        [area, site] 1 where the costs of a link or a site count there, else 0.
    positions
        [node, 2] positions in km.
    charge, charge_at_sites
        [p] what money for pipes, and for sites and wells, takes from the objective; 0 where only options count.
    threshold
        Least value of an option added, as a share of what its path takes from the objective.
    sought
        Row of `targets` to which growth adds; `value` is then the contribution to it. None without such a row.
    """

    start: Ints
    end: Ints
    fixed: Floats
    slope: Floats
    included: Floats
    largest: Floats
    free: Floats
    pipe: Ints
    site_node: Ints
    opening: Floats
    well: Floats
    may_be_open: Mask
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
    price: Floats
    flow: Floats
    packing: sparse.csc_array
    packing_limit: Floats
    required: tuple[Ints, ...]
    targets: Floats
    target_limits: Floats
    deducted: Floats
    ends_at_targets: bool
    limits: Floats
    area_limits: Floats
    area_options: Floats
    area_links: Floats
    area_sites: Floats
    positions: Floats
    charge: Floats
    charge_at_sites: Floats
    threshold: float = 1.0
    sought: int | None = None
    # Shared by all networks that differ only in values and limits.
    _by_period: dict[tuple[int, int], OptionsOfPeriod] = field(default_factory=dict, repr=False)

    def with_budget_cap(self, limit: float) -> GrowthNetwork:
        """Return the network with less money, of the unit of `limits`."""
        return replace(self, limits=np.minimum(self.limits, limit))

    def with_limits_raised(self, share: float) -> GrowthNetwork:
        """Return the network with more money in every period and area, and higher targets."""
        names = ("limits", "area_limits", "target_limits")
        return replace(self, **{name: (1 + share) * getattr(self, name) for name in names})

    def with_values_perturbed(self, deviation: float, rng: np.random.Generator) -> GrowthNetwork:
        """Return the network with the values of each stream multiplied by a lognormal factor."""
        factor = np.exp(deviation * rng.standard_normal(int(self.choice.max()) + 1))[self.choice]
        return replace(self, value=self.value * factor, price=self.price * factor)

    def with_target_values(self, target: int) -> GrowthNetwork:
        """Return the network in which an option is worth what it contributes to a target."""
        return replace(self, value=self.targets[target], sought=target)

    def best_periods(self, streams: Ints) -> list[int]:
        """Return the periods in order; for an objective in money, by the best value of an option of the streams."""
        best = np.full(self.n_periods, -np.inf)
        if self.is_priced:
            mine = np.isin(self.choice, streams)
            np.maximum.at(best, self.period[mine], self.value[mine])
        return np.argsort(-best, kind="stable").tolist()

    def with_target_shares(self) -> GrowthNetwork:
        """Return the network in which an option is worth its share of all targets, and growth ends at the targets."""
        none = np.zeros(self.n_periods)
        return replace(self, value=self.share_of_targets, ends_at_targets=True, charge=none, charge_at_sites=none)

    def cheapest_periods(self) -> list[int]:
        """Return the periods with an option of value, by the lower tail of the cost per value of their options."""
        cost = self.price if self.is_priced else self.cost
        found = []
        for period in range(self.n_periods):
            mine = np.flatnonzero((self.period == period) & (self.value > 0))
            if len(mine):
                found.append((float(np.quantile(cost[mine] / self.value[mine], _LOWER_TAIL)), period))
        return [period for _, period in sorted(found)]

    @cached_property
    def merit(self) -> Floats:
        """[option] what counts per money: the value, or its share of the targets for an objective in money."""
        return self.share_of_targets if self.is_priced and len(self.target_limits) else self.value

    @cached_property
    def share_of_targets(self) -> Floats:
        """[option] its contributions as shares of the targets, summed."""
        shares: Floats = (self.targets / self.target_limits[:, None]).sum(axis=0)
        return shares

    def with_threshold(self, threshold: float) -> GrowthNetwork:
        """Return the network with another least value of the options added."""
        return replace(self, threshold=threshold)

    @cached_property
    def is_priced(self) -> bool:
        """Whether pipes and sites count in the objective."""
        return bool(self.charge.any() or self.charge_at_sites.any())

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

    def tree(self, weights: Floats) -> tuple[Floats, Ints]:
        """[node] cost of the cheapest way to a site, and the next node on it.

        `weights` are those of links forward, links backward and sites.
        """
        order, graph = self.edges
        graph.data[:] = weights[order]
        cost, following = dijkstra(graph, indices=len(self.positions), return_predecessors=True)
        return cost, following

    def path(self, node: int, following: Ints) -> tuple[Ints, int]:
        """Links on the way from a node in a tree, and the site at its end."""
        links = []
        while (after := int(following[node])) != len(self.positions):
            links.append(self.link_between[node, after])
            node = after
        return np.array(links, dtype=np.int64), self.site_at[node]

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
        needed = np.maximum(flows[:, period:, None] - self.free, 0.0)
        built = np.diff(np.maximum.accumulate(needed, axis=1), axis=1, prepend=0.0)
        cost = np.zeros((len(flows), len(self.start)))
        for k in np.flatnonzero((built > LEAST_FLOW).any(axis=(0, 2))):
            cost += self.pipe_costs(built[:, k : k + 1], slice(period + k, period + k + 1))[:, 0]
        return cost

    def options_of(self, period: int, n_classes: int, banned: Sequence[int] = ()) -> OptionsOfPeriod:
        """Return the options of a period without those of banned streams, with their flows in `n_classes` classes."""
        key = period, n_classes
        if not banned and key in self._by_period:
            return self._by_period[key]
        options = np.flatnonzero((self.period == period) & ~np.isin(self.choice, np.array([*banned], dtype=np.int64)))
        classes = np.zeros(0)
        if len(options):
            quantiles = (np.arange(n_classes) + 0.5) / n_classes
            classes = np.unique(np.quantile(self.most_flow[options], quantiles))
        flows = classes[:, None] * (np.arange(self.n_periods) >= period)
        first_pipes, packed = self.first_pipe_costs(flows, period), self.packing_entries(options)
        found = OptionsOfPeriod(options, classes, flows, first_pipes, packed)
        if not banned:
            self._by_period[key] = found
        return found

    @cached_property
    def packing_keys(self) -> Ints:
        """Option × number of packing rows + row of each entry of `packing`, ascending."""
        option = np.repeat(np.arange(self.packing.shape[1]), np.diff(self.packing.indptr))
        return option * len(self.packing_limit) + self.packing.indices

    def packing_of(self, option: int) -> tuple[Ints, Floats]:
        """Rows of `packing` with an entry of an option, and what the option takes of each."""
        begin, end = self.packing.indptr[option : option + 2]
        return self.packing.indices[begin:end], self.packing.data[begin:end]

    def packing_entries(self, options: Ints) -> tuple[Ints, Ints, Floats]:
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
