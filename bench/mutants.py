"""`python -m bench.mutants [GROUP …] [--sample 60] [--seed 1] [--again FILE]`: mutation tests of the calculations.

A mutant is one module with one change: an operator, a comparison (strictness or direction), a number, a logical value,
or an omitted statement. The groups of modules are `units`, `economics`, `model`, `problem` and `mip`. A sample of
mutants is drawn from each group.

The tests of a group first run on the unchanged modules, and the lines that each test reaches are recorded. The tests
that reach the statement of a mutant then run, the fastest files first, until one fails and the mutant is killed. A
mutant survives if all tests pass, or all that fit into `--patience` CPU seconds of the unchanged run. No file is
changed: each mutant runs in a process forked from one with the libraries loaded.

Prints one JSON object. `--again FILE` tests only the survivors of an earlier run. Exit codes: 0 measured, 1 the tests
fail on the unchanged modules, 2 usage error.
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

ROOT = Path(__file__).resolve().parents[1]
# Modules of each group, and the tests that must detect a change.
GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
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
REPLACEMENTS: Mapping[type[ast.AST], tuple[type[ast.AST], ...]] = MappingProxyType(
    {
        ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,), ast.Pow: (ast.Mult,),
        ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
        ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.And: (ast.Or,), ast.Or: (ast.And,), ast.In: (ast.NotIn,),
        ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.USub: (ast.UAdd,),
    }
)  # fmt: skip
# Loaded before the fork, so that they are not loaded for every mutant.
PRELOADED_MODULES = (
    "numpy", "pandas", "pydantic", "pyomo.environ", "highspy", "openpyxl", "ruamel.yaml", "scipy.optimize",
    "scipy.sparse.csgraph", "xlsxwriter", "click",
)  # fmt: skip
# Plain asserts: the assertion rewriting of pytest would import the package, which contains a pytest plugin.
PYTEST_OPTIONS = ("--assert=plain", "-q", "-n", "0", "-m", "", "-p", "no:cacheprovider")


@dataclass(frozen=True)
class Mutant:
    """A change of one node of a module: index of the node in `ast.walk`, and index of the change."""

    module: Path
    node_index: int
    change_index: int
    # first and last line of the enclosing statement
    lines: tuple[int, int]

    def apply(self) -> tuple[ast.Module, str]:
        """Return the changed module, and a text with location and change."""
        tree = ast.parse(self.module.read_text(encoding="utf-8"))
        node = list(ast.walk(tree))[self.node_index]
        original = ast.unparse(node)
        possible_changes(tree, node)[self.change_index]()
        place = f"{self.module.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        changed = "left out" if isinstance(node, ast.stmt) else ast.unparse(node)
        return tree, f"{place}: {original} → {changed}"


def possible_changes(tree: ast.Module, node: ast.AST) -> list[Callable[[], None]]:
    """Return functions, each of which makes one possible change of a node in its tree."""

    def set_field(field: str, value: Any) -> Callable[[], None]:
        return lambda: setattr(node, field, value)

    if isinstance(node, ast.BinOp | ast.BoolOp | ast.UnaryOp):
        return [set_field("op", replacement()) for replacement in REPLACEMENTS.get(type(node.op), ())]
    if isinstance(node, ast.Compare):
        return [
            set_field("ops", [replacement(), *node.ops[1:]]) for replacement in REPLACEMENTS.get(type(node.ops[0]), ())
        ]
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return [set_field("value", not node.value)]
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return [set_field("value", node.value + 1)]
    if isinstance(node, ast.AugAssign) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return [lambda: _remove_statement(tree, node)]
    return []


def _remove_statement(tree: ast.Module, statement: ast.stmt) -> None:
    for parent in ast.walk(tree):
        for _, block in ast.iter_fields(parent):
            if isinstance(block, list) and any(each is statement for each in block):
                block[[each is statement for each in block].index(True)] = ast.copy_location(ast.Pass(), statement)
                return


def generate_mutants(module: Path) -> Iterator[Mutant]:
    """Yield all mutants of a module; annotations and decorators are not changed."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    excluded = {
        id(descendant)
        for node in ast.walk(tree)
        for part in (
            getattr(node, "annotation", None),
            getattr(node, "returns", None),
            *getattr(node, "decorator_list", ()),
        )
        if part is not None
        for descendant in ast.walk(part)
    }
    statement_lines: dict[int, tuple[int, int]] = {}

    def visit(node: ast.AST, lines: tuple[int, int]) -> None:
        if isinstance(node, ast.stmt):
            decorators, body = getattr(node, "decorator_list", []), getattr(node, "body", [])
            first = min([node.lineno, *(each.lineno for each in decorators)])
            lines = (first, max(first, body[0].lineno - 1) if body else node.end_lineno or first)
        statement_lines[id(node)] = lines
        for child in ast.iter_child_nodes(node):
            visit(child, lines)

    visit(tree, (1, 1))
    for node_index, node in enumerate(ast.walk(tree)):
        if id(node) not in excluded:
            for change_index in range(len(possible_changes(tree, node))):
                yield Mutant(module, node_index, change_index, statement_lines[id(node)])


class StatementRecorder:
    """Pytest plugin that records the CPU seconds of each test and the statements that it and its fixtures reach."""

    def __init__(self) -> None:
        self.reached: set[tuple[str, int]] = set()
        self.by_fixture: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self.by_test: dict[str, set[tuple[str, int]]] = {}
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()
        # statements reached during imports, which are attributed to every test
        self.imported: set[tuple[str, int]] = set()

    def record_statement(self, file: str, line: int) -> None:
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
            self.by_fixture[f"{fixturedef.baseid}:{fixturedef.argname}"] |= self.reached
            self.reached |= before

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.reached, started = set(), time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - started
            statements = set(self.reached)
            for name, definitions in item._fixtureinfo.name2fixturedefs.items():  # type: ignore[attr-defined]
                for each in definitions:
                    statements |= self.by_fixture[f"{each.baseid}:{name}"]
            self.by_test[item.nodeid] = statements


def run_in_fork(task: Callable[[], int], cpu_limit_s: float) -> tuple[int, str]:
    """Run a task in a forked process; return its exit code (negative: the signal that ended it) and its output."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                # A limit of CPU time ends an endless loop after the same work on a busy machine.
                resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_limit_s) + 1,) * 2)
                code = task()
            finally:
                if sys.exc_info()[0] is not None:
                    traceback.print_exc()
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return os.waitstatus_to_exitcode(status), output.read()


class StatementInstrumenter(ast.NodeTransformer):
    """Make each statement of a module record its line before it runs; faster than `sys.settrace`."""

    def __init__(self, file: str) -> None:
        self.file = file

    def visit(self, node: ast.AST) -> ast.AST:
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block:
                instrumented_block = [each for statement in block for each in self._instrument(statement)]
                setattr(node, field, instrumented_block)
        for child in list(ast.iter_child_nodes(node)):
            self.visit(child)
        return node

    def _instrument(self, statement: ast.stmt) -> list[ast.stmt]:
        is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if is_docstring or (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
            return [statement]
        call = ast.parse(f"__import__('builtins').record_statement({self.file!r}, {statement.lineno})").body[0]
        for node in ast.walk(call):
            ast.copy_location(node, statement)
        return [call, statement]


class ModuleReplacer(importlib.abc.MetaPathFinder):
    """Import changed modules instead of the original ones."""

    def __init__(self, trees: Mapping[Path, ast.Module]) -> None:
        self.codes = {
            ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): (
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


def run_unchanged(group: str, modules: Sequence[Path]) -> dict[str, Any]:
    """Run the tests of a group on the unchanged modules; return their CPU seconds and the tests that reach each line.

    A test that fails is excluded with a message. Raises SystemExit if no test remains.
    """
    with tempfile.TemporaryDirectory() as folder:
        results_file = Path(folder) / "results.json"

        def task() -> int:
            recorder = StatementRecorder()
            builtins.record_statement = recorder.record_statement  # type: ignore[attr-defined]
            trees = {module: ast.parse(module.read_text(encoding="utf-8")) for module in modules}
            instrumented = {module: StatementInstrumenter(str(module)).visit(tree) for module, tree in trees.items()}
            sys.meta_path.insert(0, ModuleReplacer(instrumented))  # type: ignore[arg-type]
            code = pytest.main([*PYTEST_OPTIONS, *GROUPS[group][1]], plugins=[recorder])
            by_line: dict[str, list[str]] = defaultdict(list)
            for test, lines in recorder.by_test.items():
                if test in recorder.failed:
                    sys.stderr.write(f"excluded, fails without a change: {test}\n")
                    continue
                for file, line in lines | recorder.imported:
                    by_line[f"{file}:{line}"].append(test)
            results_file.write_text(json.dumps({"seconds": recorder.seconds, "by_line": by_line}), encoding="utf-8")
            return int(code) if code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and by_line else 2

        code, output = run_in_fork(task, 3600)
        if code != 0:
            sys.stderr.write(output[-3000:])
        if code not in (0, 1):
            raise SystemExit(1)
        baseline = dict(json.loads(results_file.read_text(encoding="utf-8")))
        slowest = sorted(baseline["seconds"].items(), key=lambda pair: -pair[1])[:12]
        sys.stderr.writelines(f"{seconds:6.1f} s  {test}\n" for test, seconds in slowest)
        return baseline


def select_tests(mutant: Mutant, baseline: Mapping[str, Any], cpu_limit_s: float) -> tuple[list[str], float]:
    """Return the tests that reach a mutant, in order, and their CPU seconds in the unchanged run."""
    seconds: dict[str, float] = baseline["seconds"]
    first, last = mutant.lines
    reaching_tests = {
        test for line in range(first, last + 1) for test in baseline["by_line"].get(f"{mutant.module}:{line}", ())
    }
    by_file: dict[str, list[str]] = defaultdict(list)
    for test in seconds:
        if test in reaching_tests:
            by_file[test.split("::")[0]].append(test)
    own = f"test_{mutant.module.stem}.py"
    files = sorted(by_file, key=lambda file: (not file.endswith(own), sum(seconds[test] for test in by_file[file])))
    selected: list[str] = []
    selected_s = 0.0
    for test in (test for file in files for test in by_file[file]):
        if selected and selected_s + seconds[test] > cpu_limit_s:
            continue
        selected.append(test)
        selected_s += seconds[test]
    return selected, selected_s


def find_killer(mutant: Mutant, tree: ast.Module, baseline: Mapping[str, Any], cpu_limit_s: float) -> str:
    """Return the test that fails, or the exit code of the process; empty if the mutant survives."""
    selected, selected_s = select_tests(mutant, baseline, cpu_limit_s)
    if not selected:
        return ""

    def task() -> int:
        sys.meta_path.insert(0, ModuleReplacer({mutant.module: tree}))
        return int(pytest.main([*PYTEST_OPTIONS, "-x", *selected]))

    code, output = run_in_fork(task, 60 + 10 * selected_s)
    if code == 0:
        return ""
    failed = [line.split(" - ")[0] for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0] if failed else f"ended with code {code}"


def measure_group(group: str, args: argparse.Namespace, only: set[str]) -> dict[str, Any]:
    """Test a sample of mutants of a group and return the counts and survivors."""
    modules = sorted((ROOT / "ccs_model").glob(GROUPS[group][0]))
    baseline = run_unchanged(group, modules)
    mutants = [mutant for module in modules for mutant in generate_mutants(module)]
    sample = random.Random(args.seed).sample(mutants, min(args.sample, len(mutants)))
    survived, not_reached, n_tested = [], [], 0
    for mutant in sample:
        tree, place = mutant.apply()
        if only and place not in only:
            continue
        killer = find_killer(mutant, tree, baseline, args.patience)
        n_tested += 1
        if not killer:
            survived.append(place)
            if not select_tests(mutant, baseline, args.patience)[0]:
                not_reached.append(place)
        sys.stderr.write(f"{group} {n_tested}: {f'killed by {killer}' if killer else 'SURVIVED'}: {place}\n")
    score = (n_tested - len(survived)) / n_tested if n_tested else None
    counts = {"mutants": len(mutants), "tested": n_tested, "score_share": score}
    return {**counts, "survived": survived, "not_reached_by_tests": not_reached}


def main() -> int:
    """Parse the command line, run the groups, and print one JSON object."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(GROUPS)} (default: all)")
    parser.add_argument("--sample", type=int, default=60, help="number of mutants drawn per group")
    parser.add_argument("--seed", type=int, default=1, help="random seed of the sample")
    parser.add_argument("--patience", type=float, default=60.0, help="CPU seconds of tests per mutant")
    parser.add_argument("--again", type=Path, help="output of an earlier run: test only its survivors")
    args = parser.parse_args()
    if unknown := set(args.groups) - set(GROUPS):
        parser.error(f"unknown group: {', '.join(sorted(unknown))}; known: {', '.join(GROUPS)}")
    only: set[str] = set()
    if args.again:
        only = {place for group in json.loads(args.again.read_text("utf-8")).values() for place in group["survived"]}
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    for name in PRELOADED_MODULES:
        importlib.import_module(name)
    results = {group: measure_group(group, args, only) for group in args.groups or GROUPS}
    sys.stdout.write(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
