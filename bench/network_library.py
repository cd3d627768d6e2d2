"""`python -m bench B12` or `python -m bench.network_library [CASE …]`: thirty single-year networks against HiGHS alone.

Each case is a folder in SimCCS format. Six are the published cases with perturbed costs and rates. The other 24 are
drawn from a seed: sources and sinks at random locations or in clusters, with junctions, connected by the edges of a
Delaunay triangulation (dense) or of a Gabriel graph (sparse). Half have a target, half a CO₂ price.

HiGHS solves the published model (`simccs_published`). The package solves the case as `ccs-model import simccs` writes
it. Both end at a gap of 1e-7 or at a limit, which is in CPU seconds for the package and in wall seconds for HiGHS. If
HiGHS reaches its limit, the ratio is an upper bound. A ratio counts only if the package proves its optimum and the
optima agree.
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
from bench.network import SOUTHEAST, relative_difference, solve_imported, solve_published

# Relative tolerance for equal optima, and limit of each solve in seconds.
OPTIMUM_TOLERANCE = 1e-6
TIME_LIMIT_S = 120.0
# Goals of the largest ratio and of the median ratio.
GOAL_WORST_RATIO, GOAL_MEDIAN_RATIO = 1.0, 0.5


@dataclass(frozen=True)
class NetworkCase:
    """One network of the library.

    Parameters
    ----------
    name
        Name in the figures.
    n_sources, n_sinks, n_junctions
        Numbers of nodes; 0 sources for a published case with perturbed costs.
    is_dense
        Edges of a Delaunay triangulation instead of a Gabriel graph.
    target_share
        Share of all CO₂ that must be captured; None for a price.
    price
        CO₂ price in USD per tonne stored; used if `target_share` is None.
    n_clusters
        Number of clusters of sources; 0 for uniformly distributed sources.
    """

    name: str
    n_sources: int
    n_sinks: int
    n_junctions: int = 0
    is_dense: bool = False
    target_share: float | None = None
    price: float = 0.0
    n_clusters: int = 0


def _define_cases() -> tuple[NetworkCase, ...]:
    shapes = (
        ("few sinks", 30, 4, 0, False, 0),
        ("many sinks", 30, 15, 0, False, 0),
        ("junctions", 25, 8, 40, False, 0),
        ("dense", 25, 8, 10, True, 0),
        ("clusters", 40, 6, 20, False, 6),
        ("basin", 60, 8, 0, False, 0),
    )
    generated = [
        NetworkCase(f"{name}, {label}", n_sources, n_sinks, n_junctions, is_dense, share, price, n_clusters)
        for name, n_sources, n_sinks, n_junctions, is_dense, n_clusters in shapes
        for label, share, price in (
            ("target 40 %", 0.4, 0.0),
            ("target 75 %", 0.75, 0.0),
            ("price 85", None, 85.0),
            ("price 100", None, 100.0),
        )
    ]
    published = [
        NetworkCase(f"southeast {k}, {label}", 0, 0, target_share=share)
        for k in range(3)
        for label, share in (("price", None), ("target", 0.45))
    ]
    return (*published, *generated)


CASES = _define_cases()


def write_case(case: NetworkCase, folder: Path, seed: int) -> float | None:
    """Write a case in SimCCS format and return its target in Mt/y, or None if it has a CO₂ price."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    if not case.n_sources:
        return _write_perturbed_case(SOUTHEAST / ("price" if case.target_share is None else "cap"), folder, case, rng)
    rates = rng.lognormal(np.log(1.5), 0.8, case.n_sources).clip(0.05, 15.0).round(3)
    size = rates**0.9
    capital = (300.0 * size * rng.uniform(0.8, 1.2, len(size))).round(3)
    fixed, variable = (15.0 * size).round(3), rng.uniform(15.0, 55.0, len(size)).round(2)
    sources = [list(row) for row in zip(rates, capital, fixed, variable, strict=True)]
    capacity = rng.lognormal(np.log(9.0 * rates.sum() / case.n_sinks), 0.5, case.n_sinks) * 4.0

    def draw(low: float, high: float) -> float:
        return round(float(rng.uniform(low, high)), 3)

    # Capacity, capital, fixed O&M, well rate, well capital, well O&M and variable cost.
    sinks = [
        [
            round(each, 3), draw(15.0, 65.0), 0.0, draw(0.15, 0.8), draw(2.9, 4.6), draw(0.13, 0.2),
            round(float(rng.uniform(0.0, 3.0)) - case.price, 2),
        ]
        for each in capacity
    ]  # fmt: skip
    locations = _draw_locations(case, rng)
    edges = _connect(locations, is_dense=case.is_dense)
    lengths = np.hypot(*(locations[edges[:, 0]] - locations[edges[:, 1]]).T) * rng.uniform(0.9, 1.6, len(edges))
    ends = [("SOURCE", k + 1) for k in range(case.n_sources)] + [("SINK", k + 1) for k in range(case.n_sinks)]
    _write_files(
        folder,
        sources,
        sinks,
        [(int(a), int(b), round(float(length), 3)) for (a, b), length in zip(edges, lengths, strict=True)],
        {end: vertex for vertex, end in enumerate(ends)},
    )
    (folder / "Linear.txt").write_bytes((SOUTHEAST / "price" / "Linear.txt").read_bytes())
    return None if case.target_share is None else float(np.floor(case.target_share * rates.sum() * 100.0) / 100.0)


def _draw_locations(case: NetworkCase, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw the locations of sources, sinks and junctions in km."""
    n = case.n_sources + case.n_sinks + case.n_junctions
    locations = rng.uniform(0.0, (1_000.0, 800.0), (n, 2))
    if case.n_clusters:
        centres = rng.uniform(0.0, (1_000.0, 800.0), (case.n_clusters, 2))
        cluster = rng.integers(0, case.n_clusters, case.n_sources)
        locations[: case.n_sources] = centres[cluster] + rng.normal(0.0, 45.0, (case.n_sources, 2))
    return locations.round(2)


def _connect(locations: npt.NDArray[np.float64], *, is_dense: bool) -> npt.NDArray[np.int64]:
    """Return the edges of the Delaunay triangulation, or of the Gabriel graph (Gabriel and Sokal 1969)."""
    triangles = Delaunay(locations).simplices
    pairs = np.unique(np.sort(np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]])), axis=0)
    if is_dense:
        return pairs.astype(np.int64)
    midpoints = (locations[pairs[:, 0]] + locations[pairs[:, 1]]) / 2.0
    radii = np.hypot(*(locations[pairs[:, 0]] - locations[pairs[:, 1]]).T) / 2.0
    nearest_km = np.array([np.hypot(*(locations - each).T).min() for each in midpoints])
    return pairs[nearest_km >= radii * (1.0 - 1e-9)].astype(np.int64)


def _write_perturbed_case(original: Path, folder: Path, case: NetworkCase, rng: np.random.Generator) -> float | None:
    """Write a published case with costs, rates and lengths perturbed by about a fifth."""
    read = simccs_published.read_files(original)

    def perturb(value: float) -> float:
        return round(value * float(rng.lognormal(0.0, 0.2)), 3)

    sources = [[perturb(each[name]) for name in ("rate", "capital", "fixed", "variable")] for each in read.sources]
    sinks = [
        [
            perturb(each["capacity"]), perturb(each["capital"]), each["fixed"],
            *(perturb(each[name]) for name in ("well_rate", "well_capital", "well_fixed")), each["variable"],
        ]
        for each in read.sinks
    ]  # fmt: skip
    vertices = {name: k for k, name in enumerate(sorted({end for a, b, *_ in read.edges for end in (a, b)}))}
    edges = [(vertices[a], vertices[b], perturb(cost)) for a, b, cost, _ in read.edges]
    site_vertex = {("SOURCE", k + 1): vertices[each["vertex"]] for k, each in enumerate(read.sources)}
    site_vertex |= {("SINK", k + 1): vertices[each["vertex"]] for k, each in enumerate(read.sinks)}
    _write_files(folder, sources, sinks, edges, site_vertex)
    (folder / "Linear.txt").write_bytes((original / "Linear.txt").read_bytes())
    total = sum(row[0] for row in sources)
    return None if case.target_share is None else math.floor(case.target_share * total * 100.0) / 100.0


def _write_files(
    folder: Path,
    sources: list[list[float]],
    sinks: list[list[float]],
    edges: list[tuple[int, int, float]],
    site_vertex: dict[tuple[str, int], int],
) -> None:
    """Write sources, sinks, edges and the vertex of each site; sites are numbered from 1.

    A row holds the amount and the cost components, in the column order of the file.
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
    (first_kind, first), first_vertex = next(iter(site_vertex.items()))
    pairs = [
        f"{kind}\t{k}\t{first_kind}\t{first}\t{vertex}\t{first_vertex}" for (kind, k), vertex in site_vertex.items()
    ]
    (folder / "DelaunayPaths.txt").write_text("\n".join(["#  Selected node pairs", *pairs]) + "\n", encoding="latin-1")


def measure_cases(cases: tuple[NetworkCase, ...], limit_s: float) -> Iterator[tuple[str, float, float, bool]]:
    """Yield name, CPU seconds of the package and of HiGHS alone, and whether the optima agree, for each case."""
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            case_folder = Path(folder) / "case"
            target = write_case(case, case_folder, CASES.index(case))
            highs = run_in_process(solve_published, case_folder, target, gap=1e-7, limit_s=limit_s)
            package = run_in_process(solve_imported, case_folder, target, gap=1e-7, limit_s=limit_s)
        is_proven = not math.isnan(package.optimum)
        do_agree = is_proven and (
            math.isnan(highs.optimum) or relative_difference(package.optimum, highs.optimum) <= OPTIMUM_TOLERANCE
        )
        report_progress(
            f"B12 {case.name}: {package.cpu_s:.1f} s ({package.optimum:.8g}), {highs.cpu_s:.1f} s with HiGHS alone "
            f"({highs.optimum:.8g}){'' if do_agree else ', not proven or different optima'}"
        )
        yield case.name, package.cpu_s, highs.cpu_s, do_agree


def figures(*, quick: bool) -> Iterator[Figure]:
    """Yield B12: median and largest ratio over all cases; `quick` takes every fifth case."""
    measured = list(measure_cases(CASES[::5] if quick else CASES, TIME_LIMIT_S))
    all_agree = all(do_agree for *_, do_agree in measured)
    ratios = [package / highs for _, package, highs, _ in measured]
    samples = {
        "package_s": [finite_or_none(package) for _, package, *_ in measured],
        "highs_s": [finite_or_none(a) for _, _, a, _ in measured],
    }
    label = f"library of {len(ratios)} networks: CPU time ÷ HiGHS on the published model"
    yield Figure(
        "B12", f"{label}, median", "ratio", median(ratios) if all_agree else None, GOAL_MEDIAN_RATIO, samples=samples
    )
    yield Figure(
        "B12", f"{label}, largest", "ratio", max(ratios) if all_agree else None, GOAL_WORST_RATIO, samples=samples
    )


def main() -> None:
    """Run the selected cases, or all, and print median and largest ratio."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.network_library",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cases", nargs="*", help="prefixes of case names (default: all cases)")
    parser.add_argument("--limit", type=float, default=TIME_LIMIT_S, help="limit of each solve in seconds")
    args = parser.parse_args()
    selected = tuple(case for case in CASES if not args.cases or any(case.name.startswith(n) for n in args.cases))
    measured = list(measure_cases(selected, args.limit))
    ratios = [package / highs for _, package, highs, _ in measured]
    sys.stdout.write(f"median {median(ratios):.2f}, largest {max(ratios):.2f} of {len(ratios)} cases\n")


if __name__ == "__main__":
    main()
