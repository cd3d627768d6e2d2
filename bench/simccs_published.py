"""The published mixed-integer model of SimCCS 2, passed directly to HiGHS: the peer of the network cases.

    python bench/simccs_published.py FOLDER [--target MTPA] [--crf 0.1] [--years 30] [--unrounded] [--seed N] [--gap G]
                                     [--pipe-utilisation 1]

Symbols: c = capital recovery factor, n = years, Q = annual flow in Mt/y, K_e = construction cost of edge e. Right
of way, where the files have it, adds R_e × (row intercept_t × built + row slope_t × flow). A pipe that is used for a
share u of the year is built for flow ÷ u, so its slopes are divided by u.

    open[i], captured[i]          source i:  (c × capital + fixed O&M) × open + variable × captured
    built[a, t], flow[a, t]       arc a (each edge both ways), trend t:
                                  c × K_e × (intercept_t × built + slope_t × flow)
    opened[j], wells[j], injected[j]   sink j:  (c × capital + fixed O&M) × opened
                                       + (c × well capital + well O&M) × wells + variable × injected

    flow ≤ most_t × built                      most_t: where trend t+1 becomes cheaper; for the last, total supply
    Σ_t built ≤ 1                              for each arc
    flow out − flow in = captured − injected   for each vertex
    captured ≤ rate × open,  n × injected ≤ capacity × opened,  injected ≤ well rate × wells
    Σ captured ≥ target                        only with a target

Without a target the variable cost of the sinks contains the price. SimCCS rounds every coefficient to five decimals.
This module does the same unless `--unrounded` is given. Money is M$ per year.

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
class Folder:
    """The five files as numbers. `sources` and `sinks` have one row per site, in the column order of the files."""

    sources: list[dict[str, Any]]
    sinks: list[dict[str, Any]]
    trends: list[tuple[float, ...]]  # for an edge of cost 1: slope in M$ per Mt/y, intercept; the same for right of way
    edges: list[tuple[str, str, float, float]]  # vertex, vertex, construction cost, cost of right of way


@dataclass
class Program:
    """A model under construction: named columns and rows, passed to HiGHS at once."""

    cost: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    names: dict[tuple[Any, ...], int] = field(default_factory=dict)
    rows: list[tuple[dict[int, float], float, float]] = field(default_factory=list)
    decimals: int | None = DECIMALS

    def rounded(self, number: float) -> float:
        """The number rounded as in SimCCS."""
        return number if self.decimals is None else round(number, self.decimals)

    def column(self, *name: Any, cost: float = 0.0, upper: float = highspy.kHighsInf, whole: bool = False) -> int:
        """Add a variable ≥ 0 and return its index."""
        self.names[name] = len(self.cost)
        self.cost.append(self.rounded(cost))
        self.upper.append(upper)
        self.whole.append(whole)
        return self.names[name]

    def row(self, terms: dict[int, float], low: float = -highspy.kHighsInf, high: float = highspy.kHighsInf) -> None:
        """Add the row low ≤ Σ coefficient × variable ≤ high."""
        self.rows.append(({column: self.rounded(number) for column, number in terms.items()}, low, high))

    def solve(self, options: dict[str, Any]) -> tuple[highspy.Highs, float]:
        """Solve the model; return the HiGHS instance and the CPU seconds of hand-over and run."""
        began = time.process_time()
        row = [i for i, (terms, _, _) in enumerate(self.rows) for _ in terms]
        column = [c for terms, _, _ in self.rows for c in terms]
        number = [n for terms, _, _ in self.rows for n in terms.values()]
        matrix = sparse.csc_matrix((number, (row, column)), shape=(len(self.rows), len(self.cost)))
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self.cost), len(self.rows)
        lp.col_cost_ = np.array(self.cost)
        lp.col_lower_, lp.col_upper_ = np.zeros(len(self.cost)), np.array(self.upper)
        lp.row_lower_ = np.array([low for _, low, _ in self.rows])
        lp.row_upper_ = np.array([high for _, _, high in self.rows])
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
        kinds = highspy.HighsVarType
        lp.integrality_ = [kinds.kInteger if whole else kinds.kContinuous for whole in self.whole]
        highs = quiet_highs()
        for name, value in options.items():
            if highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
                raise ValueError(f"HiGHS does not take {name} = {value}")
        highs.passModel(lp)
        highs.run()
        return highs, time.process_time() - began


def quiet_highs() -> highspy.Highs:
    """A HiGHS instance without the banner, which it prints to file descriptor 1 before options can be set."""
    sys.stdout.flush()
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    try:
        return highspy.Highs()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


def read(folder: Path) -> Folder:
    """Read the files of a folder. Costs in M$, M$/y and $/t; rates in Mt/y; capacity in Mt."""
    vertex: dict[tuple[str, str], str] = {}
    for line in (folder / "DelaunayPaths.txt").read_text(encoding="latin-1").splitlines()[1:]:
        kind, name, other_kind, other_name, one, other = line.split("\t")
        vertex[kind, name], vertex[other_kind, other_name] = one, other
    return Folder(
        sources=[
            {"name": r[1], "vertex": vertex["SOURCE", r[1]], "rate": float(r[2])} | _source_costs(r)
            for r in _sites(folder / "Sources.csv")
        ],
        sinks=[
            {"name": r[1], "vertex": vertex["SINK", r[1]], "capacity": float(r[2])} | _sink_costs(r)
            for r in _sites(folder / "Sinks.csv")
        ],
        trends=[
            (float(words[1]), float(words[2]), *(map(float, words[3:5]) if len(words) > 3 else (0.0, 0.0)))
            for words in map(str.split, (folder / "Linear.txt").read_text(encoding="latin-1").splitlines()[1:])
            if words
        ],
        edges=[
            (words[0], words[1], float(words[3]), float(words[4]))
            for words in map(str.split, (folder / "CandidateNetwork.txt").read_text().splitlines()[1:])
        ],
    )


def used_for(folder: Folder, share: float) -> Folder:
    """The folder with pipes used for a share of the year."""
    trends: list[tuple[float, ...]] = [
        (slope / share, fixed, row_slope / share, row) for slope, fixed, row_slope, row in folder.trends
    ]
    return replace(folder, trends=trends)


def _sites(path: Path) -> list[list[str]]:
    with path.open(encoding="latin-1", newline="") as file:
        return [row for row in list(csv.reader(file))[3:] if row and row[0].strip()]


def _number(text: str) -> float:
    return float(text) if text.strip() else 0.0


def _source_costs(row: list[str]) -> dict[str, float]:
    if _number(row[3]):
        return {"capital": 0.0, "fixed": 0.0, "variable": _number(row[3])}
    return dict(zip(("capital", "fixed", "variable"), map(_number, row[4:7]), strict=True))


def _sink_costs(row: list[str]) -> dict[str, float]:
    names = ("capital", "fixed", "well_rate", "well_capital", "well_fixed", "variable")
    if _number(row[3]):
        return dict.fromkeys(names, 0.0) | {"well_rate": 1e6, "variable": _number(row[3])}
    return dict(zip(names, map(_number, row[4:10]), strict=True))


def most_of_each_trend(folder: Folder) -> list[float]:
    """Largest flow of each trend in Mt/y: where the next becomes cheaper, and total supply for the last."""
    whole = [(slope + row_slope, intercept + row) for slope, intercept, row_slope, row in folder.trends]
    return [(after[1] - before[1]) / (before[0] - after[0]) for before, after in pairwise(whole)] + [
        sum(source["rate"] for source in folder.sources)
    ]


def add_sites(program: Program, folder: Folder, crf: float, years: float) -> dict[str, dict[int, float]]:
    """Add sources and sinks with their rows; return their net supply at each vertex (captured − injected)."""
    into: dict[str, dict[int, float]] = {}
    for source in folder.sources:
        name = source["name"]
        opened = program.column("open", name, cost=crf * source["capital"] + source["fixed"], upper=1, whole=True)
        captured = program.column("captured", name, cost=source["variable"])
        program.row({opened: source["rate"], captured: -1.0}, low=0)
        into.setdefault(source["vertex"], {})[captured] = 1.0
    for sink in folder.sinks:
        name = sink["name"]
        opened = program.column("opened", name, cost=crf * sink["capital"] + sink["fixed"], upper=1, whole=True)
        wells = program.column("wells", name, cost=crf * sink["well_capital"] + sink["well_fixed"], whole=True)
        injected = program.column("injected", name, cost=sink["variable"])
        program.row({opened: sink["capacity"], injected: -years}, low=0)
        program.row({wells: sink["well_rate"], injected: -1.0}, low=0)
        into.setdefault(sink["vertex"], {})[injected] = -1.0
    return into


def add_target(program: Program, folder: Folder, target: float | None) -> None:
    """Add the row Σ captured ≥ target, in Mt/y."""
    if target is not None:
        program.row({program.names["captured", source["name"]]: 1.0 for source in folder.sources}, low=target)


def published(folder: Folder, target: float | None, crf: float, years: float, *, rounded: bool = True) -> Program:
    """Build the directed model: one binary and one flow variable per arc and trend."""
    program = Program(decimals=DECIMALS if rounded else None)
    balance = {vertex: dict(terms) for vertex, terms in add_sites(program, folder, crf, years).items()}
    most = most_of_each_trend(folder)
    for one, other, length, row_length in folder.edges:
        for start, end in ((one, other), (other, one)):
            one_trend = {}
            for t, (slope, intercept, row_slope, row_intercept) in enumerate(folder.trends):
                fixed, each = length * intercept + row_length * row_intercept, length * slope + row_length * row_slope
                built = program.column("built", start, end, t, cost=crf * fixed, upper=1, whole=True)
                flow = program.column("flow", start, end, t, cost=crf * each)
                program.row({flow: 1.0, built: -most[t]}, high=0)
                balance.setdefault(start, {})[flow] = -1.0
                balance.setdefault(end, {})[flow] = 1.0
                one_trend[built] = 1.0
            program.row(one_trend, high=1)
    for terms in balance.values():
        program.row(terms, low=0, high=0)
    add_target(program, folder, target)
    return program


def main() -> None:
    """Solve one model and print its figures as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", type=float)
    parser.add_argument("--crf", type=float, default=0.1)
    parser.add_argument("--years", type=float, default=30)
    parser.add_argument("--unrounded", action="store_true")
    parser.add_argument("--pipe-utilisation", type=float, default=1.0)
    parser.add_argument("--gap", type=float, default=1e-9)
    parser.add_argument("--seed", type=int, help="shuffles the edges and turns some of them round")
    arguments = parser.parse_args()
    folder = used_for(read(arguments.folder), arguments.pipe_utilisation)
    if arguments.seed is not None:
        shuffle(folder, arguments.seed)
    program = published(folder, arguments.target, arguments.crf, arguments.years, rounded=not arguments.unrounded)
    options = {"output_flag": False, "threads": 1, "mip_rel_gap": arguments.gap, "mip_abs_gap": 0.0}
    highs, cpu_s = program.solve(options)
    values = np.array(highs.getSolution().col_value)
    info = highs.getInfo()
    decisions = {" ".join(map(str, name)): values[i] for name, i in program.names.items() if values[i] > 1e-6}
    json.dump(
        {
            "status": highs.modelStatusToString(highs.getModelStatus()),
            "objective": info.objective_function_value,
            "bound": info.mip_dual_bound,
            "nodes": info.mip_node_count,
            "cpu_s": cpu_s,
            "size": [len(program.rows), len(program.cost)],
            "decisions": decisions,
        },
        sys.stdout,
        indent=1,
    )
    sys.stdout.write("\n")


def shuffle(folder: Folder, seed: int) -> None:
    """Shuffle the order and the direction of the edges; the model stays the same."""
    random = np.random.default_rng(seed)
    turned = [(b, a, *costs) if random.random() < 0.5 else (a, b, *costs) for a, b, *costs in folder.edges]
    folder.edges[:] = [turned[i] for i in random.permutation(len(turned))]


if __name__ == "__main__":
    main()
