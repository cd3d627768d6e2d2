"""Futures: worlds in which uncertain inputs lie elsewhere than the scenario plans, drawn together.

Each input is drawn by Latin hypercube from a stream of its own, or all together by a scrambled Sobol sequence. Ranks
are then put in an order that carries the correlations and none that chance made (Iman and Conover 1982), which leaves
every input's own distribution as it is.
All inputs of the tables are drawn, whatever the scenario leaves out or spreads otherwise: the same seed and number give
the same futures for every scenario, so that plans can be compared future by future.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm, qmc

from ccs_model.analysis.distributions import of_draws, value_at
from ccs_model.analysis.levers import AS_PLANNED, LEVERS, Draft, capture_capex
from ccs_model.errors import Fault, InputError
from ccs_model.problem import Problem
from ccs_model.problem.names import place_of

Floats = npt.NDArray[np.float64]

POSTERIOR = "posterior"
# How futures are drawn, and in words.
LATIN, SOBOL = "latin", "sobol"
SAMPLINGS = {LATIN: "Latin hypercube", SOBOL: "Sobol sequence, scrambled"}
DELIVERED, CAPACITY = "delivered_share", "storage_capacity"
# Where the cases that a scenario may plan with lie between a site's low (−1) and high (1).
_CASES = {"low": -1.0, "mid": 0.0, "high": 1.0}
INPUT_COLUMNS = ["input", "technology", "distribution", "low", "mode", "high", "multiplies", "reference", "quality"]


@dataclass(frozen=True, eq=False)
class Futures:
    """`values` has a row a future and a column an input that is drawn; `inputs` a row an input: how it is spread.

    `planned` is the value of each input at which the problem is the planned one.
    """

    planned_problem: Problem
    seed: int
    inputs: pd.DataFrame
    values: pd.DataFrame
    planned: pd.Series
    sampling: str = LATIN

    def __len__(self) -> int:
        return len(self.values)

    def problem(self, k: int) -> Problem:
        """The planned problem as future k has it."""
        return self.problem_with(self.of(k))

    def of(self, k: int) -> dict[str, float]:
        """Values of future k by input."""
        return {str(name): float(value) for name, value in self.values.iloc[k].items()}

    def problem_with(self, values: dict[str, float]) -> Problem:
        """The planned problem with these values of some inputs."""
        draft = Draft(self.planned_problem)
        acted = False
        for row in self.inputs.itertuples(index=False):
            value = values.get(row.input)
            if value is None or value == self.planned[row.input]:
                continue
            acted = True
            if row.technology:
                capture_capex(draft, value, row.technology)
            else:
                LEVERS[row.input](draft, value)
        return draft.problem() if acted else self.planned_problem


def drawn(problem: Problem, n: int, seed: int, sampling: str = LATIN) -> Futures:
    """`n` futures of a problem, by one of SAMPLINGS. Raises InputError for names and spreads that are of no use."""
    table = problem.inputs["uncertainty/inputs"]
    names = list(table["input"])
    even = _by_sobol(n, seed, names) if sampling == SOBOL else {name: _evenly(n, seed, name) for name in names}
    shares = _shares(even, problem.inputs["uncertainty/correlations"])
    inputs = _spreads(problem, table)
    values = {row.input: _values(problem, row, shares[row.input]) for row in inputs.itertuples(index=False)}
    planned = {name: AS_PLANNED.get(name, 1.0) for name in values}
    if DELIVERED in planned:
        planned[DELIVERED] = problem.delivered_share
    if CAPACITY in planned:
        planned[CAPACITY] = _CASES[problem.scenario.storage.capacity]
    return Futures(problem, seed, inputs, pd.DataFrame(values), pd.Series(planned, dtype=float), sampling)


def _spreads(problem: Problem, table: pd.DataFrame) -> pd.DataFrame:
    """The inputs that are drawn, as the scenario spreads them, in the order in which they act."""
    asked = problem.scenario.uncertainty
    known = list(table["input"])
    faults = [
        Fault(place_of(problem.scenario, f"uncertainty.{key}"), f"input '{name}' is unknown", f"one of {known}")
        for key, names in (("leave_out", asked.leave_out), ("spreads", tuple(asked.spreads)))
        for name in names
        if name not in known
    ]
    table = table.assign(technology=table["technology"].fillna("").astype(str))
    acting = table["input"].isin(list(LEVERS)) | (table["technology"] != "")
    faults += [
        Fault("uncertainty/inputs.csv", f"nothing is known to hang on '{name}'", f"one of {list(LEVERS)}, or a cost "
              "of one technology") for name in table.loc[~acting, "input"]
    ]  # fmt: skip
    for name, spread in asked.spreads.items():
        mode = (spread.low + spread.high) / 2.0 if spread.distribution == "uniform" else spread.mode
        row = table["input"] == name
        table.loc[row, ["distribution", "low", "mode", "high"]] = [spread.distribution, spread.low, mode, spread.high]
    for row in table.itertuples(index=False):
        if not row.low <= row.mode <= row.high or (row.distribution == "lognormal" and row.low <= 0):
            what = f"{row.input}: {row.low:g}, {row.mode:g}, {row.high:g} are no low, mode and high of a "
            faults.append(Fault("uncertainty", what + str(row.distribution).replace("_", " ")))
    if faults:
        raise InputError(sorted(faults))
    drawn_here = ~table["input"].isin(asked.leave_out)
    if problem.calibrated is None:
        # Nothing is known of what an uncalibrated scenario's units deliver.
        drawn_here &= table["distribution"] != POSTERIOR
    order = {name: at for at, name in enumerate(LEVERS)}
    at = table["input"].map(order).fillna(0.0)
    table = table[drawn_here].assign(at=at).sort_values(["at", "input"], kind="stable")
    return table[INPUT_COLUMNS].reset_index(drop=True)


def _values(problem: Problem, row: Any, share: Floats) -> Floats:
    distribution = str(row.distribution)
    if distribution == POSTERIOR:
        assert problem.calibrated is not None
        return of_draws(share, np.array([draw[DELIVERED] for draw in problem.calibrated.fit["draws"]], dtype=float))
    return value_at(distribution, share, float(row.low), float(row.mode), float(row.high))


def _shares(even: dict[str, Floats], correlations: pd.DataFrame) -> dict[str, Floats]:
    """[future] the share of each input's distribution that lies below its value, from even ones put in other orders."""
    shares = dict(even)
    pairs = correlations[correlations["input"].isin(shares) & correlations["other_input"].isin(shares)]
    names = sorted(shares)
    n = len(shares[names[0]])
    if n < 2:
        return shares
    wanted = np.eye(len(names))
    for one, other, rank in pairs[["input", "other_input", "rank_correlation_share"]].itertuples(
        index=False, name=None
    ):
        i, j = names.index(one), names.index(other)
        # The correlation of normals whose ranks correlate so (Pearson 1907).
        wanted[i, j] = wanted[j, i] = 2.0 * np.sin(np.pi * rank / 6.0)
    try:
        target = np.linalg.cholesky(wanted)
    except np.linalg.LinAlgError as error:
        what = "no inputs can be correlated so: the matrix is not positive definite"
        raise InputError([Fault("uncertainty/correlations.csv", what)]) from error
    scores = norm.ppf(np.column_stack([shares[name] for name in names]))
    if n > 2 * len(names):
        # What chance has correlated is taken out first.
        scores = scores @ np.linalg.inv(np.linalg.cholesky(np.corrcoef(scores, rowvar=False))).T
    scores = scores @ target.T
    for j, name in enumerate(names):
        rank_of = np.argsort(np.argsort(scores[:, j], kind="stable"), kind="stable")
        shares[name] = np.sort(shares[name])[rank_of]
    return shares


def _evenly(n: int, seed: int, name: str) -> Floats:
    """[future] one point in each n-th of 0 to 1, in an order of its own."""
    stream = np.random.default_rng([seed, zlib.crc32(name.encode())])
    points: Floats = qmc.LatinHypercube(d=1, rng=stream).random(n)[:, 0]
    return _inside(points)


def _by_sobol(n: int, seed: int, names: list[str]) -> dict[str, Floats]:
    """[future] points of one scrambled Sobol sequence (Owen 1998), an axis an input in order of names.

    Of its length the power of two that holds `n`, from the beginning; most even where `n` is that power itself.
    """
    axes = qmc.Sobol(d=len(names), scramble=True, rng=np.random.default_rng([seed, zlib.crc32(SOBOL.encode())]))
    points = axes.random_base2(max(int(np.ceil(np.log2(n))), 0))[:n]
    return {name: _inside(points[:, axis]) for axis, name in enumerate(sorted(names))}


def _inside(points: Floats) -> Floats:
    """The ends have no finite normal score."""
    return np.clip(points, 1e-12, 1.0 - 1e-12)
