"""Inequalities by source: a pipe of some size carries no more of a source than that source supplies.

A relaxation pays for a fraction of a large pipe and sends the whole flow of one source through it. If flows were kept
separate by source, this fraction could carry only the same fraction of each source's supply. That model is too large to
solve, but any prices of moving flow by source give an inequality in the columns of the ordinary one. Let `d[p, n]` be
what source *p* pays per tonne to have it moved on from node *n*. In every solution

    Σ sources: d[p, node of p] × captured
        ≤ Σ pipes: V × built + slope × added capacity + Σ sites: fee × injected + W × opened

where *V* is the most that a pipe earns at these prices, a continuous knapsack over the sources,

    V = max Σ p: |d[p, start] − d[p, end]| × flow[p] − slope × flow beyond the included one,
        0 ≤ flow[p] ≤ supply of p,  Σ p: flow[p] ≤ largest flow

and *W* = Σ p: supply of p × max(d[p, node of the site] − fee, 0). The prices are found by ascent from the point of the
relaxation, with penalties where a pipe would earn more than it costs. Each round adds an inequality and solves again.

This is the Lagrangian dual of the disaggregated formulation of network design with piecewise linear costs, and its use
as a Benders cut. Steps of the ascent are scaled by coordinate, since supplies differ by orders of magnitude.

References
----------
Croxton, K. L., Gendron, B., Magnanti, T. L. (2007). Variable disaggregation in network design problems with piecewise
linear costs. Operations Research 55(1), 146–157.

Gendron, B., Crainic, T. G., Frangioni, A. (1999). Multicommodity capacitated network design. In Telecommunications
Network Planning, 1–19. Springer.

Kingma, D. P., Ba, J. (2015). Adam: a method for stochastic optimization. In 3rd International Conference on Learning
Representations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ccs_model._typing import Floats, Ints
from ccs_model.mip.clock import now, spend
from ccs_model.mip.cut_sets import Connections, Cut, select_tight_cuts
from ccs_model.mip.highs import Highs, Outcome

# Measured, in units of effort: a step of the ascent, for each source and pipe size.
_EFFORT_PER_FLOW = 1e-8
_VIOLATED = 1e-6
# Coefficients below this share of the largest, and shares of a pipe, that count as 0.
_SHARE = 1e-9


@dataclass(frozen=True, eq=False)
class Columns:
    """Σ coefficient × column by item: flat arrays of the items, their columns and their coefficients."""

    item: Ints
    column: Ints
    coefficient: Floats

    def sum_by_item(self, x: Floats, n_items: int) -> Floats:
        """[item] value of the sum at a point."""
        total: Floats = np.zeros(n_items)
        np.add.at(total, self.item, self.coefficient * x[self.column])
        return total

    def scale_terms(self, factors: Floats) -> Cut:
        """Σ factor of the item × coefficient × column."""
        return self.column, self.coefficient * factors[self.item]


@dataclass(frozen=True, eq=False)
class SourceNetwork:
    """The network in one year, with flows as delivered.

    Parameters
    ----------
    start, end
        [link] nodes that a link joins.
    link
        [size] link of each pipe size.
    included, largest
        [size] flow that a pipe carries without added capacity, and with all of it.
    pipes, added
        Pipes of each size built by the year, and their added capacity in flow.
    source, supply
        [source] node, and most that it delivers.
    captured
        What each source delivers.
    site
        [site] node.
    opened, injected, wells
        Sites opened by the year, what is injected, and the rate of the wells drilled by the year.
    balance, sign
        [node] row of its balance, and the sign that captured flow has there.
    money_rows
        Rows that limit money.
    """

    start: Ints
    end: Ints
    link: Ints
    included: Floats
    largest: Floats
    pipes: Columns
    added: Columns
    source: Ints
    supply: Floats
    captured: Columns
    site: Ints
    opened: Columns
    injected: Columns
    wells: Columns
    balance: Ints
    sign: float
    money_rows: Ints


@dataclass(frozen=True, eq=False)
class Charges:
    """What the relaxation pays for each size and site, in units of the objective; at least 0.

    Parameters
    ----------
    pipe, slope
        [size] charge of a pipe, and of a unit of flow beyond the included one.
    site, fee
        [site] charge of a site, and that of wells for a unit injected.
    """

    pipe: Floats
    slope: Floats
    site: Floats
    fee: Floats


@dataclass(frozen=True, eq=False)
class _PipeEarnings:
    """The most that pipes and sites earn at some prices.

    Parameters
    ----------
    difference, order
        [link, source] difference of prices along a link, and the sources from the largest to the smallest.
    supply, before
        [link, place in the order] supply of a source, and that of those before it.
    capacity, pipe
        [size] flow with which a pipe earns most, and what it earns.
    margin, site
        [source, site] price above the fee, and what a site earns.
    """

    difference: Floats
    order: Ints
    supply: Floats
    before: Floats
    capacity: Floats
    pipe: Floats
    margin: Floats
    site: Floats


def _earnings_at(network: SourceNetwork, charges: Charges, prices: Floats, near: Ints | None = None) -> _PipeEarnings:
    """What is earned at some prices; `near` is the order of sources at similar ones, from which sorting is faster."""
    difference = (prices[:, network.start] - prices[:, network.end]).T
    gain = np.abs(difference)
    if near is None:
        order = np.argsort(-gain, axis=1, kind="stable")
    else:
        moved = np.argsort(-np.take_along_axis(gain, near, 1), axis=1, kind="stable")
        order = np.take_along_axis(near, moved, 1)
    gain, supply = np.take_along_axis(gain, order, 1), network.supply[order]
    # The first sources of the order fill a pipe: cumulative flow and worth, from no source on.
    start = np.zeros((len(gain), 1))
    flow = np.hstack([start, np.cumsum(supply, axis=1)])
    worth = np.hstack([start, np.cumsum(gain * supply, axis=1)])
    link, slope = network.link, charges.slope
    worth_adding = flow[link, _places(-gain, link, -slope, "left")]
    capacity = np.maximum(np.minimum(worth_adding, network.largest), network.included)
    full = np.minimum(capacity, flow[link, -1])
    place = _places(flow[:, 1:], link, full, "right")
    rest = np.hstack([gain, start])[link, place] * (full - flow[link, place])
    pipe = worth[link, place] + rest - slope * (capacity - network.included)
    margin = np.maximum(prices[:, network.site] - charges.fee, 0.0)
    site = (margin * network.supply[:, None]).sum(axis=0)
    return _PipeEarnings(difference, order, supply, flow[:, :-1], capacity, pipe, margin, site)


def _places(ascending: Floats, row: Ints, values: Floats, side: Literal["left", "right"]) -> Ints:
    """Where values would be inserted in some rows of ascending numbers."""
    n_rows, n = ascending.shape
    lowest = float(ascending.min())
    width = 2.0 * (float(ascending.max()) - lowest) or 1.0
    # Each row is shifted beyond the one before, so that all of them ascend as one.
    shifted = (ascending - lowest + width * np.arange(n_rows)[:, None]).ravel()
    found = np.searchsorted(shifted, np.clip(values - lowest, -0.25 * width, 0.75 * width) + width * row, side)
    return np.clip(found - n * row, 0, n)


def inequality(network: SourceNetwork, charges: Charges, prices: Floats) -> Cut:
    """Return the inequality Σ coefficient × column ≤ 0 of some prices [source, node], its largest coefficient 1."""
    earned = _earnings_at(network, charges, prices)
    parts = [
        network.captured.scale_terms(prices[np.arange(len(network.source)), network.source]),
        network.pipes.scale_terms(-earned.pipe),
        network.added.scale_terms(-charges.slope),
        network.opened.scale_terms(-earned.site),
        network.injected.scale_terms(-charges.fee),
    ]
    columns, inverse = np.unique(np.concatenate([column for column, _ in parts]), return_inverse=True)
    values = np.bincount(inverse, weights=np.concatenate([value for _, value in parts]))
    largest = np.abs(values).max(initial=0.0)
    kept = np.abs(values) > _SHARE * largest
    return columns[kept], values[kept] / max(largest, 1e-300)


@dataclass(frozen=True)
class Ascent:
    """Ascent of the prices for the point of a relaxation.

    Parameters
    ----------
    n_steps
        Number of steps.
    first_step, last_step
        Steps as shares of the mean price, or of a pipe's charge per unit of all supplies; they fall geometrically.
    charged
        Weight of the point's own pipes and sites: with 1 the violation is maximised, with 0 the cost of moving what
        the point captures.
    decay, decay_of_squares
        Decay of the running means of slopes and of their squares.
    """

    n_steps: int = 500
    first_step: float = 0.1
    last_step: float = 1e-3
    charged: float = 0.9
    decay: float = 0.9
    decay_of_squares: float = 0.999

    def run(self, network: SourceNetwork, charges: Charges, prices: Floats, x: Floats) -> Floats:
        """Return the best prices met, from `prices`."""
        n_sources, n_sizes = len(network.source), len(network.link)
        captured = network.captured.sum_by_item(x, n_sources)
        paid = self.charged * np.maximum(network.pipes.sum_by_item(x, n_sizes), 0.0)
        opened = self.charged * np.maximum(network.opened.sum_by_item(x, len(network.site)), 0.0)
        # Where the relaxation pays nothing for flow, its pipes per unit of all supplies.
        least = float(charges.pipe.mean()) / float(network.supply.sum())
        step = self.first_step * max(float(np.abs(prices).mean()), least)
        falls = (self.last_step / self.first_step) ** (1.0 / self.n_steps)
        mean, square = np.zeros_like(prices), np.zeros_like(prices)
        weight, weight_of_squares = 1.0, 1.0
        best, best_value, own = prices, -np.inf, (np.arange(n_sources), network.source)
        order: Ints | None = None
        for _ in range(self.n_steps):
            if np.isinf(now()):
                break
            earned = _earnings_at(network, charges, prices, order)
            order = earned.order
            # A pipe that earns more than its charge is built once; one that the relaxation has built is paid for.
            built = paid + (earned.pipe > charges.pipe)
            open_ = opened + (earned.site > charges.site)
            value = float(
                (captured * prices[own]).sum()
                - (paid * earned.pipe).sum()
                - np.maximum(earned.pipe - charges.pipe, 0.0).sum()
                - (opened * earned.site).sum()
                - np.maximum(earned.site - charges.site, 0.0).sum()
            )
            if value > best_value:
                best, best_value = prices, value
            slope = np.zeros_like(prices)
            slope[own] += captured
            slope -= _net_outflow(network, earned, built)
            np.add.at(slope.T, network.site, -(open_ * np.where(earned.margin > 0, network.supply[:, None], 0.0)).T)
            slope /= network.supply[:, None]
            mean = self.decay * mean + (1 - self.decay) * slope
            square = self.decay_of_squares * square + (1 - self.decay_of_squares) * slope**2
            weight, weight_of_squares = weight * self.decay, weight_of_squares * self.decay_of_squares
            steps = mean / (1 - weight) / (np.sqrt(square / (1 - weight_of_squares)) + 1e-3)
            prices = prices + step * steps
            step *= falls
        spend(self.n_steps * n_sources * n_sizes * _EFFORT_PER_FLOW)
        return best


def _net_outflow(network: SourceNetwork, earned: _PipeEarnings, built: Floats) -> Floats:
    """[source, node] flow out of each node less that into it, in the pipes of some sizes."""
    moved = np.zeros((len(network.source), len(network.balance)))
    used = np.flatnonzero(built > _SHARE)
    before = earned.before[network.link[used]]
    row, place = np.nonzero(before < earned.capacity[used, None])
    size = used[row]
    link = network.link[size]
    source = earned.order[link, place]
    flow = np.minimum(earned.supply[link, place], earned.capacity[size] - before[row, place])
    flow = flow * built[size] * np.sign(earned.difference[link, source])
    np.add.at(moved, (source, network.start[link]), flow)
    np.add.at(moved, (source, network.end[link]), -flow)
    return moved


@dataclass(frozen=True)
class PriceRounds:
    """Rounds of inequalities by source, each with the cut-sets that its relaxation violates.

    Parameters
    ----------
    n_rounds
        Most rounds.
    until
        Share of the effort after which no round begins.
    min_gain
        Rounds end after one that moves the bound by less than this relative gain.
    ascent
        Ascent of the prices.
    """

    n_rounds: int = 40
    until: float = 0.6
    min_gain: float = 2e-3
    ascent: Ascent = Ascent()

    def run(
        self,
        highs: Highs,
        connections: Connections | None,
        networks: Sequence[SourceNetwork],
        relaxation: Outcome,
        effort: float,
        stage: str,
    ) -> tuple[list[Cut], Outcome]:
        """Return the inequalities that are tight in the end, and the relaxation with all, which stay in the instance.

        Parameters
        ----------
        highs
            Instance with the relaxation, solved.
        connections
            Network for the cut-sets; None for none.
        networks
            The network in one or more years; without any, the relaxation is returned as it is.
        relaxation
            Its optimum, with duals.
        effort
            Effort after which no round begins.
        stage
            Name for the log.
        """
        matrix, added, deadline = highs.matrix, [], now() + self.until * effort
        sign = matrix.sign
        prices: list[Floats | None] = [None] * len(networks)
        for _ in range(self.n_rounds if networks else 0):
            x, dual = relaxation.x, relaxation.row_dual
            if x is None or dual is None or now() >= deadline:
                break
            new = [] if connections is None else connections.find_violated_cuts(x)
            for n, network in enumerate(networks):
                paid = sign * (matrix.rows[network.money_rows].T @ dual[network.money_rows] - matrix.costs[0])
                charges = _charges(network, np.maximum(paid, 0.0))
                start = prices[n]
                if start is None:
                    aggregated = np.maximum(sign * network.sign * dual[network.balance], 0.0)
                    start = np.tile(aggregated, (len(network.source), 1))
                prices[n] = found = self.ascent.run(network, charges, start, x)
                cut = inequality(network, charges, found)
                if float(cut[1] @ x[cut[0]]) > _VIOLATED:
                    new.append(cut)
            if not new:
                break
            for columns, coefficients in new:
                highs.add_sparse_row(columns, coefficients, -np.inf, 0.0)
            again = highs.run(np.inf, f"{stage}: prices by source")
            if again.x is None or again.status != "optimal":
                break
            added += new
            gain = abs(again.objective - relaxation.objective)
            relaxation = again
            if gain < self.min_gain * max(abs(again.objective), 1.0):
                break
        return [] if relaxation.x is None else select_tight_cuts(added, relaxation.x), relaxation


def _charges(network: SourceNetwork, paid: Floats) -> Charges:
    """Charges of sizes and sites: the least of their columns."""

    def smallest_charge(columns: Columns, n_items: int) -> Floats:
        found = np.full(n_items, np.inf)
        np.minimum.at(found, columns.item, paid[columns.column] / columns.coefficient)
        return np.where(np.isfinite(found), found, 0.0)

    n_sizes, n_sites = len(network.link), len(network.site)
    return Charges(
        pipe=smallest_charge(network.pipes, n_sizes),
        slope=smallest_charge(network.added, n_sizes),
        site=smallest_charge(network.opened, n_sites),
        fee=smallest_charge(network.wells, n_sites),
    )
