"""`python -m bench B12`, or `python -m bench.network_library [CASE …]`: thirty networks of one year beside HiGHS alone.

A case is a folder in the format of SimCCS: six are the published ones with costs and rates changed at random, 24 are
drawn from a seed: sources and sinks at random places or in clusters, with junctions, joined by the edges of a Delaunay
triangulation (dense) or of a Gabriel graph (sparse). Half have a target and half a CO₂ price. HiGHS solves the
published model (`simccs_published`), the package the case as `ccs-model import simccs` writes it. Both end at a gap of
1e-7, or at a limit: of CPU seconds for the package, and of seconds for HiGHS, which knows no other. Where HiGHS meets
its limit, the ratio is an upper bound. A ratio counts only if the package ends with a proof and the optima agree.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay

from bench import simccs_published
from bench.measurement import Figure, finite_or_none, report_progress, run_in_process
from bench.network import SOUTHEAST, difference, solve_imported, solve_published

# Relative difference up to which two optima agree, and the limit of each solve.
AGREE = 1e-6
LIMIT_S = 120.0
# Goals: largest ratio of any case, and their median.
WORST, MEDIAN = 1.0, 0.5


@dataclass(frozen=True)
class Case:
    """One network.

    Parameters
    ----------
    name
        Name in the figures.
    n_sources, n_sinks, n_junctions
        Numbers of nodes; 0 sources for a published case with other costs.
    is_dense
        Edges of a Delaunay triangulation instead of a Gabriel graph.
    target_share
        Share of all CO₂ that must be captured; None for a price.
    price
        USD per tonne stored, where there is no target.
    n_clusters
        Groups in which the sources lie; 0 for random places.
    """

    name: str
    n_sources: int
    n_sinks: int
    n_junctions: int = 0
    is_dense: bool = False
    target_share: float | None = None
    price: float = 0.0
    n_clusters: int = 0


def _cases() -> tuple[Case, ...]:
    shapes = (
        ("few sinks", 30, 4, 0, False, 0),
        ("many sinks", 30, 15, 0, False, 0),
        ("junctions", 25, 8, 40, False, 0),
        ("dense", 25, 8, 10, True, 0),
        ("clusters", 40, 6, 20, False, 6),
        ("basin", 60, 8, 0, False, 0),
    )
    made = [
        Case(f"{name}, {what}", n_sources, n_sinks, n_junctions, is_dense, share, price, n_clusters)
        for name, n_sources, n_sinks, n_junctions, is_dense, n_clusters in shapes
        for what, share, price in (
            ("target 40 %", 0.4, 0.0),
            ("target 75 %", 0.75, 0.0),
            ("price 85", None, 85.0),
            ("price 100", None, 100.0),
        )
    ]
    published = [
        Case(f"southeast {k}, {what}", 0, 0, target_share=share)
        for k in range(3)
        for what, share in (("price", None), ("target", 0.45))
    ]
    return (*published, *made)


CASES = _cases()


def write(case: Case, folder: Path, seed: int) -> float | None:
    """Write a case in the format of SimCCS and return its target in Mt/y."""
    chance = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    if not case.n_sources:
        return _changed(SOUTHEAST / ("price" if case.target_share is None else "cap"), folder, case, chance)
    rates = chance.lognormal(np.log(1.5), 0.8, case.n_sources).clip(0.05, 15.0).round(3)
    size = rates**0.9
    capital = (300.0 * size * chance.uniform(0.8, 1.2, len(size))).round(3)
    fixed, variable = (15.0 * size).round(3), chance.uniform(15.0, 55.0, len(size)).round(2)
    sources = [list(row) for row in zip(rates, capital, fixed, variable, strict=True)]
    capacity = chance.lognormal(np.log(9.0 * rates.sum() / case.n_sinks), 0.5, case.n_sinks) * 4.0

    def between(low: float, high: float) -> float:
        return round(float(chance.uniform(low, high)), 3)

    # Capacity, capital, fixed O&M, well rate, well capital, well O&M and variable cost.
    sinks = [
        [
            round(each, 3), between(15.0, 65.0), 0.0, between(0.15, 0.8), between(2.9, 4.6), between(0.13, 0.2),
            round(float(chance.uniform(0.0, 3.0)) - case.price, 2),
        ]
        for each in capacity
    ]  # fmt: skip
    places = _places(case, chance)
    edges = _edges(places, is_dense=case.is_dense)
    lengths = np.hypot(*(places[edges[:, 0]] - places[edges[:, 1]]).T) * chance.uniform(0.9, 1.6, len(edges))
    ends = [("SOURCE", k + 1) for k in range(case.n_sources)] + [("SINK", k + 1) for k in range(case.n_sinks)]
    _write(
        folder,
        sources,
        sinks,
        [(int(a), int(b), round(float(length), 3)) for (a, b), length in zip(edges, lengths, strict=True)],
        {end: vertex for vertex, end in enumerate(ends)},
    )
    (folder / "Linear.txt").write_bytes((SOUTHEAST / "price" / "Linear.txt").read_bytes())
    return None if case.target_share is None else float(np.floor(case.target_share * rates.sum() * 100.0) / 100.0)


def _places(case: Case, chance: np.random.Generator) -> npt.NDArray[np.float64]:
    """Places of sources, sinks and junctions in km."""
    n = case.n_sources + case.n_sinks + case.n_junctions
    places = chance.uniform(0.0, (1_000.0, 800.0), (n, 2))
    if case.n_clusters:
        centres = chance.uniform(0.0, (1_000.0, 800.0), (case.n_clusters, 2))
        of = chance.integers(0, case.n_clusters, case.n_sources)
        places[: case.n_sources] = centres[of] + chance.normal(0.0, 45.0, (case.n_sources, 2))
    return places.round(2)


def _edges(places: npt.NDArray[np.float64], *, is_dense: bool) -> npt.NDArray[np.int64]:
    """Edges of the Delaunay triangulation, or those whose circle holds no other place (Gabriel and Sokal, 1969)."""
    triangles = Delaunay(places).simplices
    pairs = np.unique(np.sort(np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]])), axis=0)
    if is_dense:
        return pairs.astype(np.int64)
    middles = (places[pairs[:, 0]] + places[pairs[:, 1]]) / 2.0
    radii = np.hypot(*(places[pairs[:, 0]] - places[pairs[:, 1]]).T) / 2.0
    nearest = np.array([np.hypot(*(places - each).T).min() for each in middles])
    return pairs[nearest >= radii * (1.0 - 1e-9)].astype(np.int64)


def _changed(original: Path, folder: Path, case: Case, chance: np.random.Generator) -> float | None:
    """Copy a published case with costs, rates and lengths changed by about a fifth."""
    read = simccs_published.read(original)

    def near(value: float) -> float:
        return round(value * float(chance.lognormal(0.0, 0.2)), 3)

    sources = [[near(each[name]) for name in ("rate", "capital", "fixed", "variable")] for each in read.sources]
    sinks = [
        [
            near(each["capacity"]), near(each["capital"]), each["fixed"],
            *(near(each[name]) for name in ("well_rate", "well_capital", "well_fixed")), each["variable"],
        ]
        for each in read.sinks
    ]  # fmt: skip
    vertices = {name: k for k, name in enumerate(sorted({end for a, b, *_ in read.edges for end in (a, b)}))}
    edges = [(vertices[a], vertices[b], near(cost)) for a, b, cost, _ in read.edges]
    at = {("SOURCE", k + 1): vertices[each["vertex"]] for k, each in enumerate(read.sources)}
    at |= {("SINK", k + 1): vertices[each["vertex"]] for k, each in enumerate(read.sinks)}
    _write(folder, sources, sinks, edges, at)
    (folder / "Linear.txt").write_bytes((original / "Linear.txt").read_bytes())
    total = sum(row[0] for row in sources)
    return None if case.target_share is None else math.floor(case.target_share * total * 100.0) / 100.0


def _write(
    folder: Path,
    sources: list[list[float]],
    sinks: list[list[float]],
    edges: list[tuple[int, int, float]],
    at: dict[tuple[str, int], int],
) -> None:
    """Write sources, sinks, edges and the vertices of both; sites are named by their numbers, from 1.

    A row holds the amount and the costs by component, in the order of the file's columns.
    """
    for name, rows in (("Sources", sources), ("Sinks", sinks)):
        heading = (SOUTHEAST / "price" / f"{name}.csv").read_text(encoding="latin-1").splitlines()[:3]
        with (folder / f"{name}.csv").open("w", encoding="latin-1", newline="") as file:
            file.write("\n".join(heading) + "\n")
            numbered = ([k, k, amount, 0.0, *costs] for k, (amount, *costs) in enumerate(rows, start=1))
            csv.writer(file, lineterminator="\n").writerows(numbered)
    lines = [f"{a}\t{b}\t{cost}\t{cost}\t0.0\t{a}\t{b}" for a, b, cost in edges]
    head = "Vertex1\tVertex2\tCost\tConCost\tROWCost\tCellRoute"
    (folder / "CandidateNetwork.txt").write_text("\n".join([head, *lines]) + "\n", encoding="latin-1")
    (first_kind, first), first_vertex = next(iter(at.items()))
    pairs = [f"{kind}\t{k}\t{first_kind}\t{first}\t{vertex}\t{first_vertex}" for (kind, k), vertex in at.items()]
    (folder / "DelaunayPaths.txt").write_text("\n".join(["#  Selected node pairs", *pairs]) + "\n", encoding="latin-1")


def ratios(cases: tuple[Case, ...], limit_s: float) -> Iterator[tuple[str, float, float, bool]]:
    """Name, CPU seconds of the package and of HiGHS alone, and whether the optima agree, of each case."""
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            at = Path(folder) / "case"
            target = write(case, at, CASES.index(case))
            alone = run_in_process(solve_published, at, target, gap=1e-7, limit_s=limit_s)
            ours = run_in_process(solve_imported, at, target, gap=1e-7, limit_s=limit_s)
        is_proven = not math.isnan(ours.optimum)
        agree = is_proven and (math.isnan(alone.optimum) or difference(ours.optimum, alone.optimum) <= AGREE)
        report_progress(
            f"B12 {case.name}: {ours.cpu_s:.1f} s ({ours.optimum:.8g}), {alone.cpu_s:.1f} s by HiGHS alone "
            f"({alone.optimum:.8g}){'' if agree else ', not proven or other optima'}"
        )
        yield case.name, ours.cpu_s, alone.cpu_s, agree


def figures(*, quick: bool) -> Iterator[Figure]:
    """Worst and median ratio over all cases; `quick` takes every fifth."""
    measured = list(ratios(CASES[::5] if quick else CASES, LIMIT_S))
    all_agree = all(agree for *_, agree in measured)
    each = [ours / alone for _, ours, alone, _ in measured]
    samples = {
        "ours_s": [finite_or_none(ours) for _, ours, *_ in measured],
        "alone_s": [finite_or_none(a) for _, _, a, _ in measured],
    }
    what = f"library of {len(each)} networks: CPU time ÷ HiGHS on the published model"
    yield Figure("B12", f"{what}, median", "ratio", median(each) if all_agree else None, MEDIAN, samples=samples)
    yield Figure("B12", f"{what}, worst", "ratio", max(each) if all_agree else None, WORST, samples=samples)


def main() -> None:
    """Run the named cases, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench.network_library")
    parser.add_argument("cases", nargs="*", help="beginnings of names")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="CPU seconds of each solve")
    asked = parser.parse_args()
    chosen = tuple(case for case in CASES if not asked.cases or any(case.name.startswith(n) for n in asked.cases))
    measured = list(ratios(chosen, asked.limit))
    each = [ours / alone for _, ours, alone, _ in measured]
    sys.stdout.write(f"median {median(each):.2f}, worst {max(each):.2f} of {len(each)} cases\n")


if __name__ == "__main__":
    main()
