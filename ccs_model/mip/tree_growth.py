"""Tree growth on a fixed-charge network under a budget: add the retrofit with the most value per money, by its path.

The cost of a pipe is concave in its flow, so that a tonne is cheap where a pipe is large already. Each step finds for
every option the cheapest way to a site, at the *additional* cost of its flow on each link and at the site, and adds the
option with the largest value per additional money (a construction of shortest paths, in the order of a greedy
knapsack). Then parts of the solution are removed and grown again (large-neighbourhood search), or it is grown beyond
the budget and the options of least value per money are removed (strategic oscillation), also with perturbed values.

A relaxation charges a tonne what it costs in the largest pipe, however little flows in the end. Where costs are
strongly concave, links chosen by a relaxation are a poor guide; here every cost is that of the flow so far.

References
----------
Balakrishnan, A., Graves, S. C. (1989). A composite algorithm for a concave-cost network flow problem. Networks 19,
175–202.

Glover, F., Kochenberger, G. A. (1996). Critical event tabu search for multidimensional knapsack problems. In:
Meta-Heuristics, Kluwer, 407–427.

Shaw, P. (1998). Using constraint programming and local search methods to solve vehicle routing problems. CP98,
LNCS 1520, 417–431.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ccs_model._typing import Floats, Ints
from ccs_model.mip.branch_and_bound import verified_point
from ccs_model.mip.clock import effort, now, spend
from ccs_model.mip.growing_network import EFFORT, EFFORT_PER_LINK, LEAST_FLOW, TOLERANCE, GrowthNetwork
from ccs_model.mip.grown_solution import Growth
from ccs_model.mip.highs import Highs
from ccs_model.mip.search import Heuristic, Result, SearchContext

# Classes of flow for paths to a solution, and the part of its cost that a pipe in use counts with.
_FLOW_CLASSES, _IN_USE = 5, 0.05


@dataclass(frozen=True)
class Grow(Heuristic):
    """Grow a solution from each site, improve the best one, and complete it by the LP relaxation.

    Parameters
    ----------
    n_seeds
        Sites from which a solution is grown.
    n_rounds
        Rounds in which a part of the solution is removed and grown again, or the budget is exceeded and held again.
    until
        Share of the effort by which the rounds end.
    flow_classes
        Flows for which cheapest paths are found in each step.
    trials
        Options of an area that are tried in vain before it ends, the best first.
    first_trials
        The same while nothing is chosen: a budget may suffice for few options only.
    worse
        Relative loss of value that the first rounds accept; it falls to 0 in the last.
    beyond
        Shares by which rounds exceed the budget and the targets, one of which is drawn.
    beyond_share
        Share of the rounds that exceed them; in the others a part is removed.
    perturbed_share, deviation
        Share of the rounds with perturbed values, and the standard deviation of their logarithms.
    thresholds
        Least values of the options added where pipes count in the objective, as shares of what their paths cost; one
        is drawn. What does not pay in the end is removed.
    resume
        Whether growth begins from the incumbent, with its options, pipes and sites.
    seeds
        Random seeds of the solutions grown, beside that of the options; each is completed and polished while effort is
        left.
    polish
        Heuristics for each solution.
    """

    n_seeds: int = 6
    n_rounds: int = 300
    until: float = 0.3
    flow_classes: int = 5
    trials: int = 6
    first_trials: int = 200
    worse: float = 0.005
    beyond: tuple[float, ...] = (0.03, 0.06, 0.1, 0.15, 0.2)
    beyond_share: float = 0.3
    perturbed_share: float = 0.5
    deviation: float = 0.1
    thresholds: tuple[float, ...] = (0.2, 0.5, 0.8, 1.0)
    resume: bool = False
    seeds: tuple[int, ...] = (0,)
    polish: tuple[Heuristic, ...] = ()

    def run(self, context: SearchContext, before: Result) -> Result:
        """Return `before` with the better of its incumbent and the solutions grown; `before` without a network."""
        if context.growth is None or not len(context.growth.column):
            return before
        best, end = before.incumbent, context.moment(self.until)
        first = self._first_growth(context.growth, best, end)
        if first is None:
            return before
        for k, seed in enumerate(self.seeds):
            inside = replace(context, began=now(), deadline=end)
            if inside.is_over and k:
                break
            point = complete_point(
                inside, self._improve_growth(inside.with_deadline_at(0.5 if self.polish else 1.0), first, seed)
            )
            result = replace(before, incumbent=point, trace=())
            for heuristic in self.polish if point is not None else ():
                result = heuristic.run(inside, result)
            best = context.better_point(best, result.incumbent)
        return before.with_incumbent(best)

    def resume_from(self, context: SearchContext, x: Floats) -> Floats | None:
        """Return what growth makes of a point, which may exceed the limits; None where growth cannot resume from it."""
        assert context.growth is not None
        first = replace(self, resume=True)._first_growth(context.growth, x, context.deadline)
        return None if first is None else complete_point(context, self._improve_growth(context, first))

    def _first_growth(self, network: GrowthNetwork, incumbent: Floats | None, end: float) -> Growth | None:
        """The solution from which rounds begin; None without an incumbent that growth can resume."""
        if not self.resume:
            return self._grow_from_sites(network, end)
        first = None if incumbent is None else Growth.from_point(network, incumbent)
        if first is None:
            return None
        if not first.is_within_limits():
            # Capacity for later flows is chosen again.
            first.build_ahead(np.zeros_like(first.ahead))
            first.shrink()
        return self._grow_solution(first) if first.is_within_limits() else None

    def _grow_from_sites(self, network: GrowthNetwork, end: float) -> Growth:
        """The best of the solutions grown without a site and, until `end`, from those with the most value near them."""
        best = self._grow_and_prune(Growth.make_empty(network))
        if not best.reaches_targets():
            # The money for one target after another may not suffice for the last.
            together = Growth.make_empty(network.with_target_shares())
            for period in range(network.n_periods):
                self._grow_in(together, period, ())
            together.network = network
            together = self._grow_and_prune(together)
            best = together if together.rank > best.rank else best
        for site in self._seeds(network):
            if now() >= end:
                break
            start = Growth.make_empty(network)
            start.force(site)
            if start.is_within_limits():
                grown = self._grow_and_prune(start)
                best = grown if grown.rank > best.rank else best
        return best

    def _seeds(self, network: GrowthNetwork) -> Ints:
        """Sites to which the most valuable options are nearest."""
        apart = network.positions[network.node][:, None] - network.positions[network.site_node]
        nearest = np.hypot(*np.moveaxis(apart, 2, 0)).argmin(axis=1)
        value = np.bincount(nearest, weights=network.merit, minlength=len(network.site_node))
        order = np.argsort(-value, kind="stable")
        return order[value[order] > 0][: self.n_seeds]

    def _grow_solution(self, growth: Growth, banned: Sequence[int] = ()) -> Growth:
        """Add options by period, those of required groups first, then enlarge first pipes and add what then fits."""
        if len(growth.missing_streams):
            for period in growth.network.best_periods(growth.missing_streams):
                self._grow_in(growth, period, (), only_missing=True)
        self._fill(growth, banned)
        # What a site costs counts from its first use on.
        growth.force(np.zeros(0, dtype=np.int64))
        if not growth.is_within_limits():
            growth.shrink()
        self._build_ahead(growth)
        self._fill(growth, ())
        if growth.network.is_priced or growth.network.ends_at_targets:
            growth.trim()
        return growth

    def _fill(self, growth: Growth, banned: Sequence[int]) -> None:
        """Add options by period; before that reach one target after another, each in its cheapest periods first."""
        network = growth.network
        for target in range(len(network.target_limits)):
            growth.network = network.with_target_values(target)
            for period in growth.network.cheapest_periods():
                self._grow_in(growth, period, banned)
        growth.network = network
        # Where only targets call for retrofits, none is added beyond them.
        pays = not len(network.target_limits) or bool((network.value > 0).any())
        for period in range(network.n_periods if pays else 0):
            self._grow_in(growth, period, banned)

    def _grow_and_prune(self, growth: Growth, threshold: float = 0.0, banned: Sequence[int] = ()) -> Growth:
        """Grow; where pipes count in the objective, first with a lower threshold, since later streams share them."""
        network = growth.network
        may_pay = network.is_priced and bool((network.value > 0).any())
        if may_pay:
            growth.network = network.with_threshold(threshold)
            self._grow_solution(growth, banned)
            growth.network = network
            growth.prune()
        self._grow_solution(growth, banned)
        if may_pay:
            growth.prune()
        return growth

    def _grow_in(self, growth: Growth, period: int, banned: Sequence[int], *, only_missing: bool = False) -> None:
        """Add options of a period, or exchange them for those of the same stream, while any fits.

        With `only_missing` only streams of required groups without an option count.
        """
        net = growth.network
        if growth.is_complete:
            return
        within = net.options_of(period, self.flow_classes, banned)
        mine, classes, flows = within.options, within.classes, within.flows
        choice, node = net.choice[mine], net.node[mine]
        n_failed = np.zeros(len(mine), dtype=np.int64)
        # An area with a budget of its own ends by itself: its failures do not end the growth elsewhere.
        area, n_in_vain = net.area_of[mine], np.zeros(len(net.area_limits) + 1, dtype=np.int64)
        while not growth.is_complete:
            trials = self.trials if growth.chosen else self.first_trials
            left = growth.money_left_for(mine, period)
            of_stream = np.full(int(net.choice.max()) + 1, -1)
            for stream, (option, _, _) in growth.chosen.items():
                of_stream[stream] = option
            current = of_stream[choice]
            is_new = current < 0
            value, money, flow = (
                of_all[mine] - np.where(is_new, 0.0, of_all[current]) for of_all in (net.value, net.cost, net.most_flow)
            )
            if net.sought is not None:
                value = np.minimum(value, growth.target_shortfall()[net.sought])
            open_ = ((value > 0) | only_missing) & (money <= left) & (n_failed < 2) & (n_in_vain[area] < trials)
            open_ &= growth.are_packable(within.packed, np.where(is_new, -1, current))
            # An exchange lowers the contribution to no target.
            kept = net.targets[:, mine] >= net.targets[:, current] - TOLERANCE
            open_ &= is_new | kept.all(axis=0)
            if only_missing:
                open_ &= np.isin(choice, growth.missing_streams)
            # A time limit leaves the required options, without which there is no plan.
            if not open_.any() or (np.isinf(now()) and not only_missing):
                return
            of_class = np.abs(np.log(np.maximum(flow, classes[0]))[:, None] - np.log(classes)).argmin(axis=1)
            path_cost = np.full(len(mine), np.inf)
            needed = np.unique(of_class[open_])
            trees = growth.trees(flows, period, within.first_pipes, needed)
            for k, (to_site, _) in zip(needed, trees, strict=True):
                here = open_ & (of_class == k)
                path_cost[here] = to_site[node[here]]
            # More of a stream that has a path already costs in proportion, and less saves something.
            more = ~is_new & np.isfinite(path_cost)
            path_cost[more] *= np.clip(flow / classes[of_class], 0.0, 1.0)[more]
            cost = money + path_cost
            worth = np.flatnonzero(open_ & np.isfinite(cost) & (cost <= 1.2 * left))
            merit = value[worth] / np.maximum(cost[worth], TOLERANCE)
            if net.sought is not None and net.is_priced:
                price = (net.price[mine] - np.where(is_new, 0.0, net.price[current]))[worth]
                merit = value[worth] / np.maximum(price + net.charge[period] * path_cost[worth], TOLERANCE)
            elif net.is_priced:
                lost = net.charge[period] * path_cost[worth]
                merit = value[worth] - lost if only_missing else merit
                pays = only_missing | (value[worth] >= net.threshold * lost)
                worth, merit = worth[pays], merit[pays]
            for k in worth[np.argsort(-merit, kind="stable")]:
                if n_in_vain[area[k]] >= trials or n_failed[k] > 1:
                    continue
                if self._try_option(growth, int(mine[k])):
                    n_in_vain[area[k]] = 0
                    break
                n_failed[k] += 1
                n_in_vain[area[k]] += 1
                if len(net.area_limits):
                    # What takes as much money and flow from the same place fails as well.
                    n_failed[(choice == choice[k]) & (money >= money[k]) & (flow >= flow[k])] = 2
            else:
                return

    @staticmethod
    def _try_option(growth: Growth, option: int) -> bool:
        """Add an option by its cheapest path, in place of another one of its stream, if the money suffices."""
        net = growth.network
        node, stream = int(net.node[option]), int(net.choice[option])
        before, ahead = growth.chosen.get(stream), growth.ahead
        if before is not None:
            growth.remove(stream)
        ((cost, following),) = growth.trees(net.flow[[option]], int(net.period[option]))
        if np.isfinite(cost[node]):
            growth.add(option, *net.path(node, following))
            if growth.is_within_limits():
                return True
            growth.remove(stream)
        if before is not None:
            growth.add(*before)
            growth.build_ahead(ahead)
        return False

    @staticmethod
    def _build_ahead(growth: Growth) -> None:
        """Enlarge first pipes for later flows where that saves money and the limit of the first period allows it."""
        net = growth.network
        built = growth.vintages()
        most, first = growth.peak_excess_flow(), (built > LEAST_FLOW).argmax(axis=0)
        later = np.flatnonzero((built > LEAST_FLOW).sum(axis=0) > 1)
        if not len(later):
            return
        ahead = np.zeros_like(built)
        ahead[first[later], later] = most[later]
        now, then = net.pipe_costs(built)[:, later], net.pipe_costs(ahead)[:, later]
        saved = (now - then).sum(axis=0)
        extra = np.maximum((then - now)[first[later], np.arange(len(later))], 1e-9)
        worth = np.flatnonzero(saved > 0)
        for k in worth[np.argsort(-saved[worth] / extra[worth], kind="stable")]:
            before, larger = growth.ahead, growth.ahead.copy()
            larger[later[k]] = most[later[k]]
            growth.build_ahead(larger)
            if not growth.is_within_limits():
                growth.build_ahead(before)

    def _improve_growth(self, context: SearchContext, growth: Growth, seed: int = 0) -> Growth:
        """Rounds of removal and of oscillation around the budget; worse solutions are accepted at first."""
        rng = np.random.default_rng([context.options.seed, seed])
        best = current = growth
        for k in range(self.n_rounds):
            if context.is_over or not current.chosen or best.is_complete:
                break
            network = growth.network
            if rng.random() < self.perturbed_share:
                network = network.with_values_perturbed(self.deviation, rng)
            step = self._oscillate if rng.random() < self.beyond_share else self._regrow_part
            trial = step(current.copy(network), rng)
            if trial is None:
                continue
            trial.network = growth.network
            accepted = current.value - self.worse * (1 - k / self.n_rounds) * abs(best.value)
            if trial.value > accepted or (np.isinf(current.value) and trial.rank > current.rank):
                current = trial
            if trial.rank > best.rank:
                best = trial
        return best

    def _regrow_part(self, trial: Growth, rng: np.random.Generator) -> Growth | None:
        """A part removed and grown again; None where what is left with another site exceeds the limits."""
        removed = self._part(trial, rng)
        for choice in removed:
            trial.remove(choice)
        n_banned = len(removed) // 3 if rng.random() < 0.5 else 0
        banned = rng.permutation(removed)[:n_banned]
        if rng.random() < 0.3:
            trial.force(int(rng.integers(len(trial.forced))))
        if not trial.is_within_limits():
            return None
        threshold = float(rng.choice(self.thresholds)) if trial.network.is_priced else 1.0
        return self._grow_and_prune(trial, threshold, banned.tolist())

    def _oscillate(self, trial: Growth, rng: np.random.Generator) -> Growth | None:
        """Grown beyond the limits, shrunk to them and grown again; None where shrinking fails."""
        network = trial.network
        trial.network = network.with_limits_raised(float(rng.choice(self.beyond)))
        if network.is_priced:
            trial.network = trial.network.with_threshold(float(rng.choice(self.thresholds)))
        self._grow_solution(trial)
        trial.network = network
        trial.shrink()
        return self._grow_and_prune(trial, 1.0) if trial.is_within_limits() else None

    @staticmethod
    def _part(growth: Growth, rng: np.random.Generator) -> list[int]:
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


def complete_point(context: SearchContext, growth: Growth) -> Floats | None:
    """Return the point of the model with the integer columns of a solution and the best continuous ones; or None."""
    net, matrix = growth.network, context.matrix
    x = np.zeros(len(matrix.lower))
    x[net.column[growth.options]] = 1.0
    built = growth.vintages()
    for period, link in np.argwhere(built > LEAST_FLOW):
        x[net.pipe[period, link, net.size(built[period, link], period, link)]] = 1.0
    in_use = np.maximum.accumulate(growth.stored, axis=0)
    is_open = in_use > LEAST_FLOW
    opens = np.diff(is_open, axis=0, prepend=False)
    x[net.opened[opens]] = 1.0
    drilled = np.diff(np.ceil(in_use / net.rate - TOLERANCE), axis=0, prepend=0.0)
    x[net.wells[drilled > 0]] = drilled[drilled > 0]
    highs = Highs.with_integers_fixed(matrix, context.options, x)
    # A time limit ends the growth, not the LP that makes a plan of it.
    with effort():
        outcome = highs.attempt(np.inf, "tree growth")
    if outcome.x is None or outcome.status != "optimal":
        return None
    return verified_point(matrix, outcome.x, context.options)


def cheapest_path_links(network: GrowthNetwork, x: Floats, n_options: int) -> Ints:
    """Links on the cheapest paths from the best options outside a point of the model to its pipes and sites.

    Of each node the option with the most value per money counts, its path included; `n_options` such are taken.
    """
    has_pipe = ((network.pipe >= 0) & (x[network.pipe] > 0.5)).any(axis=(0, 2))
    is_open = (x[network.opened] > 0.5).any(axis=0)
    outside = np.flatnonzero(~np.isin(network.choice, network.choice[x[network.column] > 0.5]))
    if not is_open.any() or not len(outside):
        return np.zeros(0, dtype=np.int64)
    flows = np.quantile(network.most_flow, (np.arange(_FLOW_CLASSES) + 0.5) / _FLOW_CLASSES)
    of_class = np.abs(flows[:, None] - network.most_flow[outside]).argmin(axis=0)
    merit = np.zeros(len(outside))
    following = []
    for k, flow in enumerate(flows):
        cost = network.pipe_costs(np.full((network.n_periods, len(network.start)), flow)).min(axis=0)
        cost *= np.where(has_pipe, _IN_USE, 1.0)
        weights = np.concatenate([cost, cost, np.where(is_open, 0.0, np.inf)])
        path, after = network.tree(np.maximum(weights, TOLERANCE))
        following.append(after)
        mine = np.flatnonzero(of_class == k)
        option = outside[mine]
        merit[mine] = network.value[option] / (network.cost[option] + path[network.node[option]])
    spend(_FLOW_CLASSES * (EFFORT + EFFORT_PER_LINK * len(network.start)))
    links: set[int] = set()
    nodes: set[int] = set()
    for k in np.argsort(-merit, kind="stable"):
        node = int(network.node[outside[k]])
        if len(nodes) == n_options or merit[k] <= 0:
            break
        if node not in nodes:
            nodes.add(node)
            links.update(network.path(node, following[of_class[k]])[0].tolist())
    return np.array(sorted(links), dtype=np.int64)
