"""The published MILP of SimCCS 2, passed directly to HiGHS: the peer of the network cases.

    python bench/simccs_published.py FOLDER [--target MTPA] [--crf 0.1] [--years 30] [--unrounded] [--seed N] [--gap G]
                                     [--pipe-utilisation 1]

Symbols: c = capital recovery factor, n = years, Q = annual flow in Mt/y, K_e = construction cost of edge e. Right
of way, where the files have it, adds R_e × (row intercept_t × built + row slope_t × flow). A pipe that is used for a
share u of the year has the capacity flow ÷ u, so its slopes are divided by u.

    open[i], captured[i]          source i:  (c × capital + fixed O&M) × open + variable × captured
    built[a, t], flow[a, t]       arc a (each edge both ways), trend t:
                                  c × K_e × (intercept_t × built + slope_t × flow)
    opened[j], wells[j], injected[j]   sink j:  (c × capital + fixed O&M) × opened
                                       + (c × well capital + well O&M) × wells + variable × injected

    flow ≤ capacity_t × built                  capacity_t: flow where trend t+1 is cheaper; total supply for the last
    Σ_t built ≤ 1                              for each arc
    flow out − flow in = captured − injected   for each vertex
    captured ≤ rate × open,  n × injected ≤ capacity × opened,  injected ≤ well rate × wells
    Σ captured ≥ target                        only with a target

Without a target the variable cost of the sinks contains the price. SimCCS rounds every coefficient to five decimals.
This module does the same unless `--unrounded` is given. Costs are in M$ per year.

Source: Middleton, Yaw, Hoover and Ellett (2020), SimCCS: An open-source tool for optimizing CO2 capture, transport, and
storage infrastructure, Environmental Modelling & Software 124, 104560; the data set is SoutheastUS of https://github.com/simccs/SimCCS.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import highspy
import numpy as np
from scipy import sparse

DECIMALS = 5


@dataclass(frozen=True)
class SimccsFiles:
    """Contents of the five files. `sources` and `sinks` have one entry per site, in the order of the files."""

    sources: list[dict[str, Any]]
    sinks: list[dict[str, Any]]
    trends: list[
        tuple[float, ...]
    ]  # of an edge of cost 1: slope in M$ per Mt/y, intercept; the same of the right of way
    edges: list[tuple[str, str, float, float]]  # vertex, vertex, construction cost, cost of right of way


@dataclass
class Milp:
    """A MILP with named columns and rows, passed to HiGHS when it is solved."""

    cost: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    is_integer: list[bool] = field(default_factory=list)
    names: dict[tuple[Any, ...], int] = field(default_factory=dict)
    rows: list[tuple[dict[int, float], float, float]] = field(default_factory=list)
    decimals: int | None = DECIMALS

    def round_coefficient(self, value: float) -> float:
        """Round a coefficient as SimCCS does."""
        return value if self.decimals is None else round(value, self.decimals)

    def column(self, *name: Any, cost: float = 0.0, upper: float = highspy.kHighsInf, is_integer: bool = False) -> int:
        """Add a variable ≥ 0 and return its index."""
        self.names[name] = len(self.cost)
        self.cost.append(self.round_coefficient(cost))
        self.upper.append(upper)
        self.is_integer.append(is_integer)
        return self.names[name]

    def row(self, terms: dict[int, float], low: float = -highspy.kHighsInf, high: float = highspy.kHighsInf) -> None:
        """Add the row low ≤ Σ coefficient × variable ≤ high."""
        self.rows.append(({column: self.round_coefficient(value) for column, value in terms.items()}, low, high))

    def solve(self, options: dict[str, Any]) -> tuple[highspy.Highs, float]:
        """Solve the model; return the HiGHS instance and the CPU seconds of hand-over and solve."""
        started = time.process_time()
        row = [i for i, (terms, _, _) in enumerate(self.rows) for _ in terms]
        column = [c for terms, _, _ in self.rows for c in terms]
        value = [n for terms, _, _ in self.rows for n in terms.values()]
        matrix = sparse.csc_matrix((value, (row, column)), shape=(len(self.rows), len(self.cost)))
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self.cost), len(self.rows)
        lp.col_cost_ = np.array(self.cost)
        lp.col_lower_, lp.col_upper_ = np.zeros(len(self.cost)), np.array(self.upper)
        lp.row_lower_ = np.array([low for _, low, _ in self.rows])
        lp.row_upper_ = np.array([high for _, _, high in self.rows])
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
        var_type = highspy.HighsVarType
        lp.integrality_ = [var_type.kInteger if is_integer else var_type.kContinuous for is_integer in self.is_integer]
        highs = quiet_highs()
        for name, value in options.items():
            if highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
                raise ValueError(f"HiGHS rejects the option {name} = {value}")
        highs.passModel(lp)
        highs.run()
        return highs, time.process_time() - started


def quiet_highs() -> highspy.Highs:
    """Return a HiGHS instance without the banner, which it prints to file descriptor 1 before options can be set."""
    sys.stdout.flush()
    saved_stdout, devnull = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    try:
        return highspy.Highs()
    finally:
        os.dup2(saved_stdout, 1)
        os.close(saved_stdout)
        os.close(devnull)


def read_files(folder: Path) -> SimccsFiles:
    """Read the files of a folder. Costs are in M$, M$/y and $/t, rates in Mt/y, capacities in Mt."""
    vertex: dict[tuple[str, str], str] = {}
    for line in (folder / "DelaunayPaths.txt").read_text(encoding="latin-1").splitlines()[1:]:
        kind, name, other_kind, other_name, one, other = line.split("\t")
        vertex[kind, name], vertex[other_kind, other_name] = one, other
    return SimccsFiles(
        sources=[
            {"name": r[1], "vertex": vertex["SOURCE", r[1]], "rate": float(r[2])} | _source_costs(r)
            for r in _read_site_rows(folder / "Sources.csv")
        ],
        sinks=[
            {"name": r[1], "vertex": vertex["SINK", r[1]], "capacity": float(r[2])} | _sink_costs(r)
            for r in _read_site_rows(folder / "Sinks.csv")
        ],
        trends=[
            (float(fields[1]), float(fields[2]), *(map(float, fields[3:5]) if len(fields) > 3 else (0.0, 0.0)))
            for fields in map(str.split, (folder / "Linear.txt").read_text(encoding="latin-1").splitlines()[1:])
            if fields
        ],
        edges=[
            (fields[0], fields[1], float(fields[3]), float(fields[4]))
            for fields in map(str.split, (folder / "CandidateNetwork.txt").read_text().splitlines()[1:])
        ],
    )


def apply_utilisation(folder: SimccsFiles, share: float) -> SimccsFiles:
    """Return the case with pipes that are used for a share of the year."""
    trends: list[tuple[float, ...]] = [
        (slope / share, fixed, row_slope / share, row) for slope, fixed, row_slope, row in folder.trends
    ]
    return replace(folder, trends=trends)


def _read_site_rows(path: Path) -> list[list[str]]:
    with path.open(encoding="latin-1", newline="") as file:
        return [row for row in list(csv.reader(file))[3:] if row and row[0].strip()]


def _parse_number(text: str) -> float:
    return float(text) if text.strip() else 0.0


def _source_costs(row: list[str]) -> dict[str, float]:
    if _parse_number(row[3]):
        return {"capital": 0.0, "fixed": 0.0, "variable": _parse_number(row[3])}
    return dict(zip(("capital", "fixed", "variable"), map(_parse_number, row[4:7]), strict=True))


def _sink_costs(row: list[str]) -> dict[str, float]:
    names = ("capital", "fixed", "well_rate", "well_capital", "well_fixed", "variable")
    if _parse_number(row[3]):
        return dict.fromkeys(names, 0.0) | {"well_rate": 1e6, "variable": _parse_number(row[3])}
    return dict(zip(names, map(_parse_number, row[4:10]), strict=True))


def trend_capacities(folder: SimccsFiles) -> list[float]:
    """Return the largest flow of each trend in Mt/y: where the next becomes cheaper, and total supply for the last."""
    total = [(slope + row_slope, intercept + row) for slope, intercept, row_slope, row in folder.trends]
    return [(after[1] - before[1]) / (before[0] - after[0]) for before, after in pairwise(total)] + [
        sum(source["rate"] for source in folder.sources)
    ]


def add_sites(model: Milp, folder: SimccsFiles, crf: float, years: float) -> dict[str, dict[int, float]]:
    """Add sources and sinks with their constraints; return the net supply of each vertex (captured − injected)."""
    net_supply: dict[str, dict[int, float]] = {}
    for source in folder.sources:
        name = source["name"]
        opened = model.column("open", name, cost=crf * source["capital"] + source["fixed"], upper=1, is_integer=True)
        captured = model.column("captured", name, cost=source["variable"])
        model.row({opened: source["rate"], captured: -1.0}, low=0)
        net_supply.setdefault(source["vertex"], {})[captured] = 1.0
    for sink in folder.sinks:
        name = sink["name"]
        opened = model.column("opened", name, cost=crf * sink["capital"] + sink["fixed"], upper=1, is_integer=True)
        wells = model.column("wells", name, cost=crf * sink["well_capital"] + sink["well_fixed"], is_integer=True)
        injected = model.column("injected", name, cost=sink["variable"])
        model.row({opened: sink["capacity"], injected: -years}, low=0)
        model.row({wells: sink["well_rate"], injected: -1.0}, low=0)
        net_supply.setdefault(sink["vertex"], {})[injected] = -1.0
    return net_supply


def add_target(model: Milp, folder: SimccsFiles, target: float | None) -> None:
    """Add the constraint Σ captured ≥ target, in Mt/y."""
    if target is not None:
        model.row({model.names["captured", source["name"]]: 1.0 for source in folder.sources}, low=target)


def build_published_model(
    folder: SimccsFiles, target: float | None, crf: float, years: float, *, is_rounded: bool = True
) -> Milp:
    """Build the directed model: one binary and one flow variable per arc and trend."""
    model = Milp(decimals=DECIMALS if is_rounded else None)
    balance = {vertex: dict(terms) for vertex, terms in add_sites(model, folder, crf, years).items()}
    capacities = trend_capacities(folder)
    for one, other, length, row_length in folder.edges:
        for start, end in ((one, other), (other, one)):
            trend_choice = {}
            for t, (slope, intercept, row_slope, row_intercept) in enumerate(folder.trends):
                fixed, slope_cost = (
                    length * intercept + row_length * row_intercept,
                    length * slope + row_length * row_slope,
                )
                built = model.column("built", start, end, t, cost=crf * fixed, upper=1, is_integer=True)
                flow = model.column("flow", start, end, t, cost=crf * slope_cost)
                model.row({flow: 1.0, built: -capacities[t]}, high=0)
                balance.setdefault(start, {})[flow] = -1.0
                balance.setdefault(end, {})[flow] = 1.0
                trend_choice[built] = 1.0
            model.row(trend_choice, high=1)
    for terms in balance.values():
        model.row(terms, low=0, high=0)
    add_target(model, folder, target)
    return model


def main() -> None:
    """Solve one model and print its results as one JSON object."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.simccs_published",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="folder in SimCCS format")
    parser.add_argument("--target", type=float, help="capture target in Mt/y (default: none, with a price)")
    parser.add_argument("--crf", type=float, default=0.1, help="capital recovery factor")
    parser.add_argument("--years", type=float, default=30, help="years of injection")
    parser.add_argument("--unrounded", action="store_true", help="do not round coefficients to five decimals")
    parser.add_argument("--pipe-utilisation", type=float, default=1.0, help="share of the year in which pipes are used")
    parser.add_argument("--gap", type=float, default=1e-9, help="relative MIP gap")
    parser.add_argument("--seed", type=int, help="shuffle the edges and reverse some of them")
    args = parser.parse_args()
    folder = apply_utilisation(read_files(args.folder), args.pipe_utilisation)
    if args.seed is not None:
        shuffle_edges(folder, args.seed)
    model = build_published_model(folder, args.target, args.crf, args.years, is_rounded=not args.unrounded)
    options = {"output_flag": False, "threads": 1, "mip_rel_gap": args.gap, "mip_abs_gap": 0.0}
    highs, cpu_s = model.solve(options)
    values = np.array(highs.getSolution().col_value)
    info = highs.getInfo()
    decisions = {" ".join(map(str, name)): values[i] for name, i in model.names.items() if values[i] > 1e-6}
    json.dump(
        {
            "status": highs.modelStatusToString(highs.getModelStatus()),
            "objective": info.objective_function_value,
            "bound": info.mip_dual_bound,
            "nodes": info.mip_node_count,
            "cpu_s": cpu_s,
            "size": [len(model.rows), len(model.cost)],
            "decisions": decisions,
        },
        sys.stdout,
        indent=1,
    )
    sys.stdout.write("\n")


def shuffle_edges(folder: SimccsFiles, seed: int) -> None:
    """Shuffle the order and the direction of the edges; the model is equivalent."""
    rng = np.random.default_rng(seed)
    oriented = [(b, a, *costs) if rng.random() < 0.5 else (a, b, *costs) for a, b, *costs in folder.edges]
    folder.edges[:] = [oriented[i] for i in rng.permutation(len(oriented))]


if __name__ == "__main__":
    main()
