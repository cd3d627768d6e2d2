"""The published optima of SimCCS are reached, and small extracts have the optimum of its published model."""

from __future__ import annotations

import csv
import importlib.util
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from ccs_model.cli import group
from ccs_model.plan.plan import Plan
from ccs_model.problem import build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.solve.driver import solve
from tests.paths import DATA, ROOT

SOUTHEAST = DATA / "simccs" / "southeast_us"
PUBLISHED_MODEL = ROOT / "bench" / "simccs_published.py"
EXACT = {"output_flag": False, "threads": 1, "mip_rel_gap": 1e-9, "mip_abs_gap": 0.0}


@pytest.fixture(scope="session")
def published_model() -> ModuleType:
    """The model of SimCCS as published."""
    if not PUBLISHED_MODEL.is_file():
        pytest.skip("bench/ is not part of this distribution")
    spec = importlib.util.spec_from_file_location("simccs_published", PUBLISHED_MODEL)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def import_case(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that imports a folder with the command and returns the path of the scenario."""

    def run_import(folder: Path, *args: str) -> Path:
        out = tmp_path / "imported"
        answer = CliRunner().invoke(group, ["import", "simccs", str(folder), "-o", str(out), *args])
        assert answer.exit_code == 0, answer.output
        return out / "scenario.yaml"

    return run_import


def solve_scenario(path: Path, **changes: Any) -> Plan:
    scenario, inputs = read_checked(path)
    return solve(build_problem(scenario.with_changes(changes) if changes else scenario, inputs))


@pytest.mark.parametrize(("rounded", "optimum"), [(True, -473.62566802), (False, -473.6256344752)])
def test_the_price_case_has_the_published_optimum(import_case, rounded, optimum):
    plan = solve_scenario(import_case(SOUTHEAST / "price", "--mode", "price", *["--rounded"] * rounded))
    assert plan.status != "limit"
    assert plan.objective.value == pytest.approx(optimum, rel=1e-8)
    assert set(plan.retrofits["plant"]) == {"source 6", "source 16"}
    assert plan.totals["captured_ktpa"] == pytest.approx(38_232, abs=0.01)


def test_the_cap_case_has_the_published_optimum(import_case):
    # Unrounded costs have the optimum 5140.6590136957 (docs/reference/simccs.md); the same search takes longer.
    plan = solve_scenario(import_case(SOUTHEAST / "cap", "--mode", "target", "--target-mt", "50", "--rounded"))
    assert plan.status != "limit"
    assert plan.objective.value == pytest.approx(5140.65907369, rel=1e-8)
    assert plan.totals["captured_ktpa"] == pytest.approx(50_000, abs=0.01)


# Extracts of the published case: seed, rounding, target as a share of the supply, and changes.
EXTRACTS = [
    (8, True, None, ()),
    (2, False, 0.5, ()),
    (3, True, 0.6, ("right of way",)),
    (4, False, 0.4, ("right of way", "pipe utilisation")),
    (5, False, None, ("pipe utilisation",)),
    (6, True, 0.7, ("shared vertices",)),
    (7, True, None, ("right of way", "shared vertices", "total costs")),
]


@pytest.mark.parametrize(("seed", "rounded", "share", "changes"), EXTRACTS)
def test_extracts_have_the_optimum_of_the_published_model(
    import_case, published_model, tmp_path, seed, rounded, share, changes
):
    folder = write_extract(SOUTHEAST / ("price" if share is None else "cap"), tmp_path / "cut", seed, changes)
    # With a low capital recovery factor, some of the few sources are profitable.
    crf, years = (0.05, 25) if share is None else (0.12, 30)
    used = 0.8 if "pipe utilisation" in changes else 1.0
    read = published_model.apply_utilisation(published_model.read_files(folder), used)
    target = None if share is None else round(share * sum(source["rate"] for source in read.sources), 3)
    highs, _ = published_model.build_published_model(read, target, crf, years, is_rounded=rounded).solve(EXACT)
    optimum = highs.getInfo().objective_function_value
    assert abs(optimum) > 1, "the optimum of the extract is trivial"

    args = ["--mode", "price"] if target is None else ["--mode", "target", "--target-mt", str(target)]
    args += ["--crf", str(crf), "--years", str(years), "--pipe-utilisation", str(used), *["--rounded"] * rounded]
    plan = solve_scenario(import_case(folder, *args))
    assert plan.status != "limit"
    assert plan.objective.value == pytest.approx(optimum, rel=1e-6)


def test_the_minimum_cost_of_a_target_is_a_budget_that_reaches_the_target(import_case, published_model, tmp_path):
    folder = write_extract(SOUTHEAST / "cap", tmp_path / "cut", 2, ())
    path = import_case(folder, "--mode", "target", "--target-mt", "20")
    least = solve_scenario(path)
    assert least.totals["captured_ktpa"] == pytest.approx(20_000, abs=0.01)
    inverse = {"objective": "max_abatement", "targets": {}, "budget": {"total_mn": least.objective.value * (1 + 1e-9)}}
    most = solve_scenario(path, **inverse)
    assert most.status != "limit"
    assert most.objective.value <= most.objective.searched_bound
    # The minimum-cost plan fits the budget, so at most the proven gap may be missing from the target.
    assert most.totals["captured_ktpa"] >= 20_000 * (1 - 1e-7)


def write_extract(case: Path, folder: Path, seed: int, changes: tuple[str, ...]) -> Path:
    """Write five sources, three sinks and the shortest paths between them as a SimCCS folder."""
    random = np.random.default_rng(seed)
    files = {path.name: path.read_text(encoding="latin-1").splitlines() for path in case.iterdir()}
    sheets = {name: list(csv.reader(files[name])) for name in ("Sources.csv", "Sinks.csv")}
    vertex = {}
    for line in files["DelaunayPaths.txt"][1:]:
        kind, name, other_kind, other, one, two = line.split("\t")
        vertex[kind, name], vertex[other_kind, other] = int(one), int(two)
    kept = {name: _random_sites(sheets[name], n, random) for name, n in (("Sources.csv", 5), ("Sinks.csv", 3))}
    ends = [vertex["SOURCE", row[1]] for row in kept["Sources.csv"]]
    sinks = [vertex["SINK", row[1]] for row in kept["Sinks.csv"]]
    edges = _shortest_paths([line.split("\t")[:5] for line in files["CandidateNetwork.txt"][1:]], ends, sinks)
    if "right of way" in changes:
        edges = [[a, b, "0", km, f"{float(km) * random.uniform(0.2, 2):.3f}"] for a, b, _, km, _ in edges]
    if "total costs" in changes:
        kept["Sources.csv"][0][3:7] = ["30.5", "", "", ""]
        kept["Sinks.csv"][0][3:10] = ["-60", "", "", "", "", "", ""]
    if "shared vertices" in changes:
        sinks[0] = ends[0]
        ends[2] = ends[1]
    folder.mkdir()
    for name, rows in kept.items():
        with (folder / name).open("w", encoding="latin-1", newline="") as file:
            csv.writer(file).writerows([*sheets[name][:3], *rows])
    places = [("SOURCE", row[1], v) for row, v in zip(kept["Sources.csv"], ends, strict=True)]
    places += [("SINK", row[1], v) for row, v in zip(kept["Sinks.csv"], sinks, strict=True)]
    pairs = [f"{a}\t{n}\t{b}\t{m}\t{v}\t{w}" for (a, n, v), (b, m, w) in pairwise(places)]
    (folder / "DelaunayPaths.txt").write_text("\n".join(["# Selected node pairs", *pairs]) + "\n")
    heading = "Vertex1\tVertex2\tCost\tConCost\tROWCost\tCellRoute"
    (folder / "CandidateNetwork.txt").write_text("\n".join([heading, *("\t".join(edge) for edge in edges)]) + "\n")
    linear = files["Linear.txt"]
    if "right of way" in changes:
        linear = [
            "ID\tCON_SLOPE\tCON_INT\tROW_SLOPE\tROW_INT",
            "1\t0.115719152\t0.431655132\t0.02\t0.03",
            "2\t0.078306697\t0.770037049\t0.01\t0.05",
        ]
    (folder / "Linear.txt").write_text("\n".join(linear) + "\n")
    return folder


def _random_sites(rows: list[list[str]], n: int, random: np.random.Generator) -> list[list[str]]:
    sites = [row for row in rows[3:] if row and row[0]]
    return [list(sites[i]) for i in sorted(random.choice(len(sites), n, replace=False))]


def _shortest_paths(edges: list[list[str]], ends: list[int], sinks: list[int]) -> list[list[str]]:
    """Return the edges of the shortest paths from each source to each sink and to every other source."""
    names = sorted({int(vertex) for edge in edges for vertex in edge[:2]})
    at = {name: k for k, name in enumerate(names)}
    a, b = ([at[int(edge[side])] for edge in edges] for side in (0, 1))
    graph = sparse.csr_array(([float(edge[3]) for edge in edges], (a, b)), shape=(len(names), len(names)))
    _, predecessors = dijkstra(graph, directed=False, indices=[at[end] for end in ends], return_predecessors=True)
    used = set()
    for k in range(len(ends)):
        for goal in (*sinks, *ends):
            node = at[goal]
            while predecessors[k, node] >= 0:
                used.add(frozenset((node, int(predecessors[k, node]))))
                node = int(predecessors[k, node])
    return [edge for edge, one, other in zip(edges, a, b, strict=True) if frozenset((one, other)) in used]
