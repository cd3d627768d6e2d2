"""Corridors: links chosen beforehand among which a whole plan is proven; over all candidate links a wider bound holds.

Staged whole plans over every candidate link are beyond any open solver today. So a plan has two proofs: within its
corridors the gap is small and is the plan's gap; over all links the relaxation's bound stands beside it.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ccs_model.errors import Fault, FileError, InputError
from ccs_model.plan.connections import connections_of
from ccs_model.problem import Problem
from ccs_model.problem.names import place_of
from ccs_model.solver import Matrix, Outcome, Progress, SolverOptions
from ccs_model.solver.connections import with_connection_cuts
from ccs_model.solver.fixed_charge import FixedCharges, SlopeScaling, laid_out, plan_of_few, search_corridors
from ccs_model.solver.highs import gap_share
from ccs_model.solver.whole import WholeOutcome

_ROUNDS = 8
# A plan that uses fewer corridors than this share of what slope scaling settled on tells nothing of good ones.
_FEW_SHARE = 0.5
_CUT_ROUNDS = 8
# Of the time there is, by when cuts, corridors and a first plan are to be found.
_CUTS_TIME_SHARE = 0.15
_START_TIME_SHARE = 0.2
_FIRST_TIME_SHARE = 0.45
# The round of slope scaling whose corridors are searched, and by when: first a late one, then an early, wider one.
_WIDER = ((2, 0.5), (1, 0.55), (0, 0.6))
MONEY = ("spending_within_budget", "spending_within_ceiling", "spending_within_province_budget")


@dataclass(frozen=True, eq=False)
class Corridors:
    """The outcome within the corridors, the links they are, and the bound over all candidate links."""

    within: WholeOutcome
    links: tuple[str, ...]
    all_links_bound: float


def charges_of(problem: Problem, matrix: Matrix) -> FixedCharges:
    """Pipes and sites as fixed charges; sizes of a link and vintages of a site exclude each other."""
    assert problem.network is not None
    lines = problem.network.lines.set_index("line")
    link_at = {link: k for k, link in enumerate(problem.network.links["link"])}
    pipes, opened = matrix.columns_of("pipe"), matrix.columns_of("opened")
    named = [matrix.columns[j].index for j in pipes]
    year_at = {year: y for y, year in enumerate(problem.years)}
    link = np.array([link_at[lines.at[line, "link"]] for line, _ in named], dtype=np.int64)
    year = np.array([year_at[y] for _, y in named], dtype=np.int64)
    size = np.array([lines.at[line, "largest_ktpa"] for line, _ in named], dtype=float)
    sites = {site: k for k, site in enumerate(problem.sites["site"])}
    at_site = [matrix.columns[j].index for j in opened]
    site = np.array([sites[s] for s, _ in at_site], dtype=np.int64) + len(link_at)
    site_year = np.array([year_at[y] for _, y in at_site], dtype=float)
    n_years = len(problem.years)
    return FixedCharges(
        columns=np.r_[pipes, opened],
        family=np.r_[link, site],
        exclusive=np.r_[link * n_years + year, site * n_years],
        # The largest size; of a site's vintages the first.
        rank=np.r_[size, -site_year],
        money_rows=np.concatenate([matrix.rows_of(claim) for claim in MONEY]),
    )


def solve_in_corridors(
    problem: Problem,
    matrix: Matrix,
    options: SolverOptions,
    *,
    maximise: bool,
    deadline: float,
    tell: Callable[[Progress], None] | None,
) -> Corridors:
    """Find corridors (or take the planner's), then the plan within them; until `deadline`."""
    assert problem.network is not None
    asked = problem.scenario.transport.corridors
    charges = charges_of(problem, matrix)
    doing = problem.aim.replace("_", " ")
    begun = time.monotonic()

    def share(part: float) -> float:
        """A moment, as a part of the time there is."""
        return begun + part * (deadline - begun)

    connected, relaxation = with_connection_cuts(
        matrix,
        connections_of(problem, matrix),
        options,
        n_rounds=_CUT_ROUNDS,
        deadline=share(1.0),
        until=share(_CUTS_TIME_SHARE),
        doing=doing,
        tell=tell,
    )
    if relaxation.status != "optimal" or relaxation.x is None:
        return Corridors(WholeOutcome(relaxation, relaxation), (), relaxation.objective)
    # What is left after the relaxation is shared out.
    begun = time.monotonic()
    links = problem.network.links["link"].to_numpy(object)
    sites = np.arange(len(links), len(links) + len(problem.sites))
    every = np.arange(len(links) + len(problem.sites))
    rounds = SlopeScaling(connected, charges, options).run(relaxation.x, _ROUNDS, share(_START_TIME_SHARE))
    start = None
    if rounds:
        until = share(_FIRST_TIME_SHARE)
        start = laid_out(connected, charges, rounds[-1], options, maximise=maximise, deadline=until)
    # From the corridors that slope scaling settled on to those it left early, ever wider, from the plan in hand.
    for k, part in _WIDER:
        if start is None or k >= len(rounds):
            break
        start = plan_of_few(
            connected, charges, rounds[k], start, options, maximise=maximise, deadline=share(part), tell=tell
        )
    if asked == "all" or (asked == "auto" and start is None):
        families = every
    elif asked == "auto":
        # What the best plan in hand uses: few enough for a proof.
        assert start is not None
        families = charges.families_used(start)
        settled = charges.families_used(rounds[-1])
        if len(families) < _FEW_SHARE * len(settled):
            families = np.union1d(settled, sites)
    else:
        families = np.r_[_of_file(problem, asked, links), sites]
        if start is not None and not np.isin(charges.families_used(start), families).all():
            start = None
    within = search_corridors(
        connected, charges, families, options, start=start, deadline=deadline, doing=doing, tell=tell
    )
    if within.status == "infeasible" and len(families) < len(every):
        # Nothing holds within them: every link may.
        families = every
        within = search_corridors(
            connected, charges, every, options, start=start, deadline=deadline, doing=doing, tell=tell
        )
    bound = relaxation.objective
    if len(families) == len(every) and np.isfinite(within.bound):
        bound = min(bound, within.bound) if maximise else max(bound, within.bound)
    chosen = tuple(str(links[k]) for k in families if k < len(links))
    return Corridors(WholeOutcome(_closed(within, options), relaxation), chosen, float(bound))


def _closed(outcome: Outcome, options: SolverOptions) -> Outcome:
    """An outcome whose gap is as asked for is optimal, however the solver ended."""
    if outcome.x is not None and gap_share(outcome.bound, outcome.objective) <= options.gap_share + 1e-9:
        return replace(outcome, status="optimal")
    return outcome


def _of_file(problem: Problem, name: str, links: np.ndarray) -> np.ndarray:
    """Rows of the links that a file of the planner's names in its column `link`."""
    scenario = problem.scenario
    folder = scenario.source_path.parent if scenario.source_path is not None else Path()
    place = place_of(scenario, "transport.corridors")
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError([Fault(place, f"'{name}' lies outside the scenario's folder", "copy it there")])
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{place}: {name} cannot be read: {error}") from error
    at = {link: k for k, link in enumerate(links)}
    faults = []
    if not rows or "link" not in rows[0]:
        faults.append(Fault(f"{name}:1", "no column 'link'", "tables/flows.csv of a run has one"))
    for line, row in enumerate(rows, start=2):
        if "link" in row and row["link"] not in at:
            what = f"no candidate link '{row['link']}'"
            faults.append(Fault(f"{name}:{line}", what, "tables/links.csv of a run lists them"))
    if faults:
        raise InputError(faults)
    return np.unique(np.array([at[row["link"]] for row in rows], dtype=np.int64))
