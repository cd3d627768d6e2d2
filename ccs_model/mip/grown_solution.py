"""A solution of a budgeted network under construction, as tree growth adds and removes its parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from math import fsum

import numpy as np

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip.clock import now, spend
from ccs_model.mip.growing_network import EFFORT, EFFORT_PER_LINK, LEAST_FLOW, TOLERANCE, GrowthNetwork
from ccs_model.mip.matrix import mask_at

# Effort of the evaluation of a group of streams.
_EFFORT_PER_GROUP = 1e-4


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
    # Costs of the current solution; every change of it clears them.
    _costs: dict[str, Floats] = field(default_factory=dict, repr=False)

    @classmethod
    def make_empty(cls, network: GrowthNetwork) -> Growth:
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
    def from_point(cls, network: GrowthNetwork, x: Floats) -> Growth | None:
        """Return the solution with the options, pipes and sites of a point of the model; None where none can be made.

        Each option takes the way over pipes of the point with the least sum of 1 ÷ capacity to an open site. Pipes and
        wells have the sizes that these flows need.
        """
        growth = cls.make_empty(network)
        has_pipe = (network.pipe >= 0) & (x[network.pipe] > 0.5)
        is_open = (x[network.opened] > 0.5).any(axis=0)
        capacity = np.where(has_pipe, network.largest, 0.0)
        width = capacity.sum(axis=(0, 2)) + network.free
        resistance = np.divide(1.0, width, out=np.full(len(width), np.inf), where=width > 0)
        away, following = network.tree(np.concatenate([resistance, resistance, np.where(is_open, TOLERANCE, np.inf)]))
        for option in np.flatnonzero(x[network.column] > 0.5):
            node = int(network.node[option])
            if not np.isfinite(away[node]):
                return None
            growth.add(int(option), *network.path(node, following))
        first = has_pipe.any(axis=2).argmax(axis=0)
        first_capacity = capacity.sum(axis=2)[first, np.arange(len(first))]
        growth.build_ahead(np.minimum(first_capacity, growth.peak_excess_flow()))
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
        """Objective value of the options less that of pipes and sites.

        It is −∞ where a required group has no option, and where a target is missed unless growth ends at the targets.
        """
        net = self.network
        if len(self.missing_streams) or not (net.ends_at_targets or self.reaches_targets()):
            return -np.inf
        value = float(net.value[self.options].sum())
        if net.is_priced:
            value -= float(net.charge @ self._pipe_spending().sum(axis=1))
            value -= float(net.charge_at_sites @ self.site_costs().sum(axis=1))
        return value

    @property
    def rank(self) -> tuple[float, float]:
        """The value; between equal values, minus the shortfall as a sum of shares of the targets."""
        return self.value, -float((self.target_shortfall() / self.network.target_limits).sum())

    @property
    def missing_streams(self) -> Ints:
        """Streams of the required groups that have no option yet."""
        groups = [each for each in self.network.required if not any(int(stream) in self.chosen for stream in each)]
        return np.concatenate([np.zeros(0, dtype=np.int64), *groups])

    @property
    def options(self) -> Ints:
        """Options chosen."""
        return np.array([option for option, _, _ in self.chosen.values()], dtype=np.int64)

    @property
    def is_complete(self) -> bool:
        """Whether growth ends: the target sought is reached, or all targets with an option of every required group."""
        net = self.network
        if net.sought is None and (not net.ends_at_targets or len(self.missing_streams)):
            return False
        return self.reaches_targets()

    def reaches_targets(self) -> bool:
        """Whether the solution reaches the target sought, or all targets."""
        return not len(self.network.target_limits) or bool((self.target_shortfall() <= 0).all())

    def target_shortfall(self, without: Sequence[int] = ()) -> Floats:
        """[row] shortfall of the solution without some streams; with a target sought, 0 for all others."""
        net, flow = self.network, self.flow
        left = [option for stream, (option, _, _) in self.chosen.items() if stream not in without]
        if len(without) and net.deducted.any():
            flow = flow.copy()
            for option, links, _ in (self.chosen[stream] for stream in without):
                flow[:, links] -= net.flow[option][:, None]
        reached = net.targets[:, left].sum(axis=1) - (net.deducted * flow).sum(axis=(1, 2))
        short: Floats = np.maximum(net.target_limits * (1 + TOLERANCE) - reached, 0.0)
        return short if net.sought is None else np.where(np.arange(len(short)) == net.sought, short, 0.0)

    def vintages(self, more: Floats | None = None, first: int = 0, links: Ints | slice = slice(None)) -> Floats:
        """[…, p, link] capacity built in each period from `first` on, for the flows and more […, p, 1] from then on."""
        free = self.network.free[links]
        flow = self.flow[first:, links] if more is None else self.flow[first:, links] + more
        flow = np.maximum(flow - free, 0.0)
        before, ahead = (self.flow[:first, links] - free).max(axis=0, initial=0.0), self.ahead[links]
        in_use = np.maximum(np.maximum.accumulate(flow, axis=-2), before)
        so_far = np.where(in_use > LEAST_FLOW, np.maximum(in_use, ahead), 0.0)
        built = so_far.copy()
        built[..., 1:, :] -= so_far[..., :-1, :]
        built[..., 0, :] -= np.where(before > LEAST_FLOW, np.maximum(before, ahead), 0.0)
        return built

    def site_costs(self, more: Floats | None = None) -> Floats:
        """[…, p, site] cost of sites and wells for the flows and more […, p, 1]; infinite beyond a site's limits."""
        if more is not None:
            return self._site_costs(self.stored + more)
        return self._cached_cost("sites", lambda: self._site_costs(self.stored))

    def _cached_cost(self, name: str, compute: Callable[[], Floats]) -> Floats:
        """A cost of the current solution, which is computed once."""
        if name not in self._costs:
            self._costs[name] = compute()
        return self._costs[name]

    def _site_costs(self, stored: Floats) -> Floats:
        net = self.network
        in_use = np.maximum.accumulate(stored, axis=-2)
        wells = np.ceil(in_use / net.rate - TOLERANCE)
        is_used = in_use > LEAST_FLOW
        is_open = (is_used | (self.forced & net.may_be_open)).astype(float)
        cost = is_open * net.opening + wells * net.well
        cost[..., 1:, :] -= is_open[..., :-1, :] * net.opening[1:] + wells[..., :-1, :] * net.well[1:]
        fits = (wells[..., -1, :] <= net.most_wells) & (
            (net.weight * stored).sum(axis=-2) <= net.room * (1 + TOLERANCE)
        )
        fits &= ~(is_used & ~net.may_be_open).any(axis=-2)
        cost[~np.broadcast_to(fits[..., None, :], cost.shape)] = np.inf
        return cost

    def _used_links(self) -> Ints:
        """Links with flow or a pipe."""
        return np.flatnonzero(self.flow.any(axis=0) | (self.ahead > 0))

    def _pipe_spending(self) -> Floats:
        """[p, link] cost of the pipes."""
        return self._cached_cost("pipes", self._pipe_costs)

    def _pipe_costs(self) -> Floats:
        spent, used = np.zeros_like(self.flow), self._used_links()
        spent[:, used] = self.network.pipe_costs(self.vintages(links=used), links=used)
        return spent

    def spending(self) -> Floats:
        """[p] money spent in each period."""
        return self._cached_cost("all", self._spending)

    def _spending(self) -> Floats:
        net = self.network
        spent = self._pipe_spending().sum(axis=1) + self.site_costs().sum(axis=1)
        options = self.options
        np.add.at(spent, net.period[options], net.cost[options])
        return spent

    def money_left(self) -> Floats:
        """[p] money left until the end of each period."""
        return self.network.limits - np.cumsum(self.spending())

    def money_left_by_area(self) -> Floats:
        """[area] money left in each area."""
        net = self.network
        pipes, sites = self._pipe_spending().sum(axis=0), self.site_costs().sum(axis=0)
        spent = net.area_options[:, self.options].sum(axis=1)
        # A cost beyond every size is infinite, wherever it counts.
        for part, inside in ((pipes, net.area_links), (sites, net.area_sites)):
            spent = spent + np.where(inside > 0, part, 0.0).sum(axis=1)
        return net.area_limits - spent

    def money_left_for(self, options: Ints, period: int) -> Floats:
        """[k] money left for each option from a period on: in all, and in its areas."""
        net = self.network
        left = np.full(len(options), float(self.money_left()[period:].min()))
        if len(net.area_limits):
            inside = net.area_options[:, options] > 0
            left = np.minimum(left, np.where(inside, self.money_left_by_area()[:, None], np.inf).min(axis=0))
        return left

    def is_within_limits(self) -> bool:
        """Whether the money spent so far stays within the limit of every period and area."""
        net = self.network
        if not (self.money_left() >= -TOLERANCE * net.limits).all():
            return False
        return not len(net.area_limits) or bool((self.money_left_by_area() >= -TOLERANCE * net.area_limits).all())

    def trees(
        self, flows: Floats, period: int, first: Floats | None = None, needed: Ints | None = None
    ) -> list[tuple[Floats, Ints]]:
        """For flows [flow, p] from a period on: [node] additional cost from each node to a site, and the next node.

        `first` are the costs of first pipes for these flows, where they are known. With `needed`, trees are
        computed for these flows only, while the effort counts all flows.
        """
        net, used, periods = self.network, self._used_links(), slice(period, None)
        spend(len(flows) * (EFFORT + EFFORT_PER_LINK * len(net.start)))
        if needed is not None:
            flows, first = flows[needed], None if first is None else first[needed]
        of_link = net.first_pipe_costs(flows, period) if first is None else first.copy()
        before = self._pipe_spending()[period:, used].sum(axis=-2)
        after = net.pipe_costs(self.vintages(flows[:, period:, None], period, used), periods, used).sum(axis=-2)
        of_link[:, used] = after - before
        of_site = self.site_costs(flows[:, :, None]).sum(axis=-2) - self.site_costs().sum(axis=0)
        weights = np.maximum(np.concatenate([of_link, of_link, of_site], axis=1), TOLERANCE)
        weights[weights > self._cost_limits()] = np.inf
        return [net.tree(each) for each in weights]

    def _cost_limits(self) -> Floats:
        """[links forward, links backward, sites] the most that the areas of each have left to pay."""
        net = self.network
        if not len(net.area_limits):
            return np.full(2 * len(net.start) + len(net.site_node), np.inf)
        left = self.money_left_by_area()[:, None] + TOLERANCE * net.area_limits[:, None]
        inside = np.hstack([net.area_links, net.area_links, net.area_sites]) > 0
        most: Floats = np.where(inside, left, np.inf).min(axis=0)
        return np.maximum(most, TOLERANCE)

    def are_packable(self, packed: tuple[Ints, Ints, Floats], instead: Ints) -> Mask:
        """[k] whether the packing rows allow each of some options, in place of another one; −1 in place of none.

        `packed` are the entries of the options, by `packing_entries`.
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
        row, amount = self.network.packing_of(option)
        self.packed[row] += amount
        self.chosen[int(self.network.choice[option])] = option, links, site
        self._costs.clear()

    def remove(self, choice: int) -> None:
        """Remove the option of a stream, and its flow."""
        option, links, site = self.chosen.pop(choice)
        flow = self.network.flow[option]
        self.flow[:, links] -= flow[:, None]
        self.stored[:, site] -= flow
        row, amount = self.network.packing_of(option)
        self.packed[row] -= amount
        self.flow[np.abs(self.flow) < LEAST_FLOW] = 0.0
        self.stored[np.abs(self.stored) < LEAST_FLOW] = 0.0
        self.build_ahead(np.minimum(self.ahead, self.peak_excess_flow()))

    def build_ahead(self, capacity: Floats) -> None:
        """Build first pipes for later flows, of a capacity [link]."""
        self.ahead = capacity
        self._costs.clear()

    def force(self, sites: Ints | int) -> None:
        """Pay for these sites before they are used, and for no others."""
        self.forced = mask_at(len(self.forced), np.atleast_1d(sites))
        self._costs.clear()

    def peak_excess_flow(self) -> Floats:
        """[link] the largest flow of any period beyond what existing pipes carry."""
        return np.maximum(self.flow.max(axis=0) - self.network.free, 0.0)

    def shrink(self) -> None:
        """Remove streams by value per money saved, the least first, until the limits hold.

        Streams that a target needs are kept, and one of each required group.
        The order is that of the initial solution. The saving of a stream is updated when it is next in the order, and a
        stream whose value per money has risen is moved back.
        """
        reaches = bool(len(self.network.target_limits)) and self.reaches_targets()
        queue = [(self._value_per_money(stream), stream) for stream in self.chosen]
        heapify(queue)
        while queue and not self.is_within_limits():
            _, stream = heappop(queue)
            merit = self._value_per_money(stream)
            if queue and merit > queue[0][0]:
                heappush(queue, (merit, stream))
            elif not self._is_required(stream) and not (reaches and self.target_shortfall([stream]).any()):
                self.remove(stream)

    def trim(self) -> None:
        """Remove streams of no value that no target needs, those that contribute least per money saved first."""
        net = self.network
        if not len(net.target_limits) or not self.reaches_targets():
            return
        is_of_value = (net.value > 0) & (not net.ends_at_targets)
        idle = [stream for stream, (option, _, _) in self.chosen.items() if not is_of_value[option]]
        queue = [(self._value_per_money(stream), stream) for stream in idle if not self._is_required(stream)]
        heapify(queue)
        while queue:
            _, stream = heappop(queue)
            if self._is_required(stream) or self.target_shortfall([stream]).any():
                continue
            merit = self._value_per_money(stream)
            if queue and merit > queue[0][0]:
                heappush(queue, (merit, stream))
            else:
                self.remove(stream)

    def prune(self) -> None:
        """Remove what takes more from the objective than it adds: streams that share a link or a site, and single ones.

        The group whose removal gains most goes first.
        """
        gains: dict[tuple[int, ...], float] = {}
        reaches = bool(len(self.network.target_limits)) and self.reaches_targets()
        while self.chosen and not np.isinf(now()):
            by_place: dict[tuple[str, int], list[int]] = {}
            for stream in self.chosen:
                for place in self._places(stream):
                    by_place.setdefault(place, []).append(stream)
            groups = dict.fromkeys([*((stream,) for stream in self.chosen), *map(tuple, by_place.values())])
            pipes, sites = self._pipe_spending(), self.site_costs()
            new = [group for group in groups if group not in gains]
            spend(len(new) * _EFFORT_PER_GROUP)
            gains |= {group: self._gain_without(group, pipes, sites) for group in new}
            best = max(groups, key=lambda group: gains[group])
            while gains[best] > TOLERANCE and reaches and self.target_shortfall(best).any():
                gains[best] = -np.inf
                best = max(groups, key=lambda group: gains[group])
            if gains[best] <= TOLERANCE:
                return
            # What shares no link and no site with the group stays worth what it is.
            left = {place for stream in best for place in self._places(stream)}
            for stream in best:
                self.remove(stream)
            gains = {
                group: gain
                for group, gain in gains.items()
                if not any(s not in self.chosen or not left.isdisjoint(self._places(s)) for s in group)
            }

    def _places(self, stream: int) -> tuple[tuple[str, int], ...]:
        """The site and the links of a stream."""
        _, links, site = self.chosen[stream]
        return (("site", site), *(("link", int(link)) for link in links))

    def _gain_without(self, group: tuple[int, ...], pipes: Floats, sites: Floats) -> float:
        """What the objective gains without some streams; `pipes` [p, link] and `sites` [p, site] are what is spent."""
        net = self.network
        for each in net.required:
            chosen = [int(stream) for stream in each if int(stream) in self.chosen]
            if chosen and set(chosen) <= set(group):
                return -np.inf
        links = np.unique(np.concatenate([self.chosen[stream][1] for stream in group]))
        less, less_stored = np.zeros((net.n_periods, len(links))), np.zeros_like(self.stored)
        for option, path, site in (self.chosen[stream] for stream in group):
            less[:, np.searchsorted(links, path)] -= net.flow[option][:, None]
            less_stored[:, site] -= net.flow[option]
        saved = pipes[:, links] - net.pipe_costs(self.vintages(less, links=links), links=links)
        saved_at_sites = sites - self.site_costs(less_stored)
        lost = fsum(float(net.value[self.chosen[stream][0]]) for stream in group)
        return float(net.charge @ saved.sum(axis=1) + net.charge_at_sites @ saved_at_sites.sum(axis=1)) - lost

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
        return float(net.merit[option]) / max(saved, TOLERANCE)
