"""`python -m bench.mutants [ROOM …] [--sample 60] [--seed 1] [--again FILE]`: mutation tests of the arithmetic.

A mutant is one module with one change: an operator, a comparison (strictness or direction), a number, a logical value,
or an omitted statement. Groups of modules are `units`, `economics`, `model`, `problem` and `mip`; a sample of mutants
is drawn from each.

The tests of the group first run unchanged, and the lines that each test reaches are recorded. The tests that reach the
statement of a mutant then run, the fastest files first, until one fails and the mutant is killed. A mutant survives if
all pass, or if the tests so far took `--patience` CPU seconds in the unchanged run. No file is changed: a mutant lives
in a separate process, a fork of one that has the libraries loaded.

Prints one JSON object. `--again FILE` tests only the survivors of an earlier run. Exit codes: 0 measured, 1 the tests
do not run unchanged, 2 usage.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

HOME = Path(__file__).resolve().parents[1]
# Modules of a group, and the tests that must detect a change.
ROOMS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "units": ("units.py", ("tests/unit/test_units.py",)),
        "economics": ("economics/*.py", ("tests/unit/economics",)),
        "model": (
            "model/*.py",
            (
                "tests/unit/model", "tests/integration/plan/test_plan.py", "tests/integration/plan/test_targets.py",
                "tests/integration/plan/test_owners.py", "tests/integration/plan/test_infeasible.py",
                "tests/unit/problem/test_measures.py", "tests/unit/problem/test_options.py",
                "tests/integration/analysis/test_stochastic.py", "tests/unit/properties/test_network_by_hand.py",
                "tests/slow/properties/test_differential.py",
            ),
        ),
        "problem": (
            "problem/*.py",
            (
                "tests/unit/problem", "tests/unit/properties/test_network_by_hand.py",
                "tests/unit/properties/test_storage_laws.py", "tests/unit/inputs/test_storage_sites.py",
                "tests/unit/engineering/test_captive_power.py", "tests/unit/engineering/test_furnaces.py",
                "tests/integration/plan/test_plan.py", "tests/integration/plan/test_owners.py",
                "tests/integration/plan/test_targets.py", "tests/integration/plan/test_corridors.py",
                "tests/integration/plan/test_intensity_and_pollution.py",
                "tests/integration/cli/test_check_all_errors.py", "tests/slow/properties/test_differential.py",
            ),
        ),
        "mip": (
            "mip/*.py",
            (
                "tests/unit/mip", "tests/unit/properties/test_network_by_hand.py",
                "tests/integration/plan/test_plan.py", "tests/integration/plan/test_targets.py",
                "tests/slow/properties/test_differential.py",
            ),
        ),
    }
)  # fmt: skip
SWAPS: Mapping[type[ast.AST], tuple[type[ast.AST], ...]] = MappingProxyType(
    {
        ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,), ast.Pow: (ast.Mult,),
        ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
        ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.And: (ast.Or,), ast.Or: (ast.And,), ast.In: (ast.NotIn,),
        ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.USub: (ast.UAdd,),
    }
)  # fmt: skip
# Loaded before the fork, so that no mutant loads them again.
LIBRARIES = (
    "numpy", "pandas", "pydantic", "pyomo.environ", "highspy", "openpyxl", "ruamel.yaml", "scipy.optimize",
    "scipy.sparse.csgraph", "xlsxwriter", "click",
)  # fmt: skip
# Plain asserts: the rewriting of pytest would load the modules of the package, since one of them is a plugin.
QUIET = ("--assert=plain", "-q", "-n", "0", "-m", "", "-p", "no:cacheprovider")


@dataclass(frozen=True)
class Mutant:
    """The change of one node of a module: `at` is its position in the walk, `way` the index of the change."""

    module: Path
    at: int
    way: int
    # first and last line of the statement around it
    lines: tuple[int, int]

    def tree(self) -> tuple[ast.Module, str]:
        """The changed module, and a text with the place and the change."""
        tree = ast.parse(self.module.read_text(encoding="utf-8"))
        node = list(ast.walk(tree))[self.at]
        was = ast.unparse(node)
        ways(tree, node)[self.way]()
        place = f"{self.module.relative_to(HOME)}:{getattr(node, 'lineno', 0)}"
        now = "left out" if isinstance(node, ast.stmt) else ast.unparse(node)
        return tree, f"{place}: {was} → {now}"


def ways(tree: ast.Module, node: ast.AST) -> list[Callable[[], None]]:
    """Functions that each make one possible change of a node in its tree."""

    def put(field: str, value: Any) -> Callable[[], None]:
        return lambda: setattr(node, field, value)

    if isinstance(node, ast.BinOp | ast.BoolOp | ast.UnaryOp):
        return [put("op", swap()) for swap in SWAPS.get(type(node.op), ())]
    if isinstance(node, ast.Compare):
        return [put("ops", [swap(), *node.ops[1:]]) for swap in SWAPS.get(type(node.ops[0]), ())]
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return [put("value", not node.value)]
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return [put("value", node.value + 1)]
    if isinstance(node, ast.AugAssign) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return [lambda: _leave_out(tree, node)]
    return []


def _leave_out(tree: ast.Module, statement: ast.stmt) -> None:
    for parent in ast.walk(tree):
        for _, block in ast.iter_fields(parent):
            if isinstance(block, list) and any(each is statement for each in block):
                block[[each is statement for each in block].index(True)] = ast.copy_location(ast.Pass(), statement)
                return


def mutants_of(module: Path) -> Iterator[Mutant]:
    """All mutants of a module, without annotations and decorators."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    notes = {
        id(inside)
        for node in ast.walk(tree)
        for note in (
            getattr(node, "annotation", None),
            getattr(node, "returns", None),
            *getattr(node, "decorator_list", ()),
        )
        if note is not None
        for inside in ast.walk(note)
    }
    around: dict[int, tuple[int, int]] = {}

    def visit(node: ast.AST, lines: tuple[int, int]) -> None:
        if isinstance(node, ast.stmt):
            decorators, body = getattr(node, "decorator_list", []), getattr(node, "body", [])
            first = min([node.lineno, *(each.lineno for each in decorators)])
            lines = (first, max(first, body[0].lineno - 1) if body else node.end_lineno or first)
        around[id(node)] = lines
        for child in ast.iter_child_nodes(node):
            visit(child, lines)

    visit(tree, (1, 1))
    for at, node in enumerate(ast.walk(tree)):
        if id(node) not in notes:
            for way in range(len(ways(tree, node))):
                yield Mutant(module, at, way, around[id(node)])


class Watch:
    """A pytest plugin that records CPU seconds of each test and the statements that it and its fixtures reach."""

    def __init__(self) -> None:
        self.reached: set[tuple[str, int]] = set()
        self.of_fixture: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self.of_test: dict[str, set[tuple[str, int]]] = {}
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()
        # statements reached during imports, which count for every test
        self.imported: set[tuple[str, int]] = set()

    def reported(self, file: str, line: int) -> None:
        """Record a statement; called by every statement of an instrumented module."""
        self.reached.add((file, line))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_collection_finish(self) -> None:
        self.imported, self.reached = self.reached, set()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        before, self.reached = self.reached, set()
        try:
            return (yield)
        finally:
            self.of_fixture[f"{fixturedef.baseid}:{fixturedef.argname}"] |= self.reached
            self.reached |= before

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.reached, begun = set(), time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - begun
            found = set(self.reached)
            for name, definitions in item._fixtureinfo.name2fixturedefs.items():  # type: ignore[attr-defined]
                for each in definitions:
                    found |= self.of_fixture[f"{each.baseid}:{name}"]
            self.of_test[item.nodeid] = found


def in_a_fork(work: Callable[[], int], patience_s: float) -> tuple[int, str]:
    """Exit code of the work in a separate process (negative: the signal that ended it), and its output."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as printed:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                os.dup2(printed.fileno(), 1)
                os.dup2(printed.fileno(), 2)
                # CPU time, so that a mutant with an endless loop ends on a busy machine as well.
                resource.setrlimit(resource.RLIMIT_CPU, (int(patience_s) + 1,) * 2)
                code = work()
            finally:
                if sys.exc_info()[0] is not None:
                    traceback.print_exc()
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        printed.seek(0)
        return os.waitstatus_to_exitcode(status), printed.read()


class Telling(ast.NodeTransformer):
    """Instrument a module: each statement records its line before it runs, which costs far less than a trace."""

    def __init__(self, file: str) -> None:
        self.file = file

    def visit(self, node: ast.AST) -> ast.AST:
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block:
                reported = [each for statement in block for each in self._reported(statement)]
                setattr(node, field, reported)
        for child in list(ast.iter_child_nodes(node)):
            self.visit(child)
        return node

    def _reported(self, statement: ast.stmt) -> list[ast.stmt]:
        is_words = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if is_words or (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
            return [statement]
        call = ast.parse(f"__import__('builtins').reported({self.file!r}, {statement.lineno})").body[0]
        for node in ast.walk(call):
            ast.copy_location(node, statement)
        return [call, statement]


class Changed(importlib.abc.MetaPathFinder):
    """Import changed modules instead of the original ones."""

    def __init__(self, trees: Mapping[Path, ast.Module]) -> None:
        self.codes = {
            ".".join(module.relative_to(HOME).with_suffix("").parts).removesuffix(".__init__"): (
                str(module), compile(tree, str(module), "exec", dont_inherit=True)
            )
            for module, tree in trees.items()
        }  # fmt: skip

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name not in self.codes:
            return None
        file, code = self.codes[name]
        loader = importlib.machinery.SourceFileLoader(name, file)
        loader.get_code = lambda _: code  # type: ignore[method-assign, assignment]
        return importlib.util.spec_from_file_location(name, file, loader=loader)


def as_they_are(room: str, modules: Sequence[Path]) -> dict[str, Any]:
    """Run the tests of a group unchanged; return their seconds, and the tests that reach each line.

    A test that fails unchanged is excluded with a message. Raises SystemExit if none is left.
    """
    with tempfile.TemporaryDirectory() as folder:
        reported = Path(folder) / "told.json"

        def work() -> int:
            watch = Watch()
            builtins.reported = watch.reported  # type: ignore[attr-defined]
            trees = {module: ast.parse(module.read_text(encoding="utf-8")) for module in modules}
            telling = {module: Telling(str(module)).visit(tree) for module, tree in trees.items()}
            sys.meta_path.insert(0, Changed(telling))  # type: ignore[arg-type]
            code = pytest.main([*QUIET, *ROOMS[room][1]], plugins=[watch])
            by_line: dict[str, list[str]] = defaultdict(list)
            for test, lines in watch.of_test.items():
                if test in watch.failed:
                    sys.stderr.write(f"fails when nothing is changed, left out: {test}\n")
                    continue
                for file, line in lines | watch.imported:
                    by_line[f"{file}:{line}"].append(test)
            reported.write_text(json.dumps({"seconds": watch.seconds, "by_line": by_line}), encoding="utf-8")
            return int(code) if code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and by_line else 2

        code, printed = in_a_fork(work, 3600)
        if code != 0:
            sys.stderr.write(printed[-3000:])
        if code not in (0, 1):
            raise SystemExit(1)
        known = dict(json.loads(reported.read_text(encoding="utf-8")))
        slowest = sorted(known["seconds"].items(), key=lambda pair: -pair[1])[:12]
        sys.stderr.writelines(f"{seconds:6.1f} s  {test}\n" for test, seconds in slowest)
        return known


def those_that_reach(mutant: Mutant, known: Mapping[str, Any], patience_s: float) -> tuple[list[str], float]:
    """The tests that reach a mutant, in order, and their CPU seconds in the unchanged run."""
    seconds: dict[str, float] = known["seconds"]
    first, last = mutant.lines
    found = {test for line in range(first, last + 1) for test in known["by_line"].get(f"{mutant.module}:{line}", ())}
    by_file: dict[str, list[str]] = defaultdict(list)
    for test in seconds:
        if test in found:
            by_file[test.split("::")[0]].append(test)
    own = f"test_{mutant.module.stem}.py"
    files = sorted(by_file, key=lambda file: (not file.endswith(own), sum(seconds[test] for test in by_file[file])))
    requested: list[str] = []
    spent = 0.0
    for test in (test for file in files for test in by_file[file]):
        if requested and spent + seconds[test] > patience_s:
            continue
        requested.append(test)
        spent += seconds[test]
    return requested, spent


def killer_of(mutant: Mutant, tree: ast.Module, known: Mapping[str, Any], patience_s: float) -> str:
    """The test that fails or how the process ended; empty if the mutant survives."""
    requested, spent = those_that_reach(mutant, known, patience_s)
    if not requested:
        return ""

    def work() -> int:
        sys.meta_path.insert(0, Changed({mutant.module: tree}))
        return int(pytest.main([*QUIET, "-x", *requested]))

    code, printed = in_a_fork(work, 60 + 10 * spent)
    if code == 0:
        return ""
    failed = [line.split(" - ")[0] for line in printed.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0] if failed else f"ended with code {code}"


def measured(room: str, requested: argparse.Namespace, again: set[str]) -> dict[str, Any]:
    """The figures of a group of modules."""
    modules = sorted((HOME / "ccs_model").glob(ROOMS[room][0]))
    known = as_they_are(room, modules)
    every = [mutant for module in modules for mutant in mutants_of(module)]
    drawn = random.Random(requested.seed).sample(every, min(requested.sample, len(every)))
    survived, unreached, n_tried = [], [], 0
    for mutant in drawn:
        tree, place = mutant.tree()
        if again and place not in again:
            continue
        killer = killer_of(mutant, tree, known, requested.patience)
        n_tried += 1
        if not killer:
            survived.append(place)
            if not those_that_reach(mutant, known, requested.patience)[0]:
                unreached.append(place)
        sys.stderr.write(f"{room} {n_tried}: {f'killed by {killer}' if killer else 'SURVIVED'}: {place}\n")
    score = (n_tried - len(survived)) / n_tried if n_tried else None
    counts = {"mutants": len(every), "tried": n_tried, "score_share": score}
    return {**counts, "survived": survived, "no_test_reaches": unreached}


def main() -> int:
    """Parse the command line, run the groups, and print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.mutants", description=__doc__.split("\n")[0])
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"{', '.join(ROOMS)}; all of them when left out")
    parser.add_argument("--sample", type=int, default=60, help="mutants drawn of each room")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=60.0, help="processor seconds of tests against one mutant")
    parser.add_argument("--again", type=Path, help="an earlier answer: only what survived in it is tried")
    requested = parser.parse_args()
    if unknown := set(requested.rooms) - set(ROOMS):
        parser.error(f"no room {', '.join(sorted(unknown))}; there are {', '.join(ROOMS)}")
    again: set[str] = set()
    if requested.again:
        again = {
            place for room in json.loads(requested.again.read_text("utf-8")).values() for place in room["survived"]
        }
    os.chdir(HOME)
    sys.path.insert(0, str(HOME))
    for name in LIBRARIES:
        importlib.import_module(name)
    found = {room: measured(room, requested, again) for room in requested.rooms or ROOMS}
    sys.stdout.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
