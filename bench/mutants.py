"""`python -m bench.mutants COPY [--sample 40] [--seed 1]`: do the tests notice when the arithmetic is changed?

COPY is a copy of the project, which is changed file by file and mended again. A mutant is one comparison, operator,
number or truth value of units.py or economics/ changed; it is killed when the tests of its module fail. Prints one JSON
object: how many mutants there are, how many were tried, which survived.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.USub: ast.UAdd,
}  # fmt: skip
PATIENCE_S = 300


def changed(node: ast.AST) -> bool:
    """Change the node in place if it is one that is changed."""
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.UnaryOp) and type(node.op) in SWAPS:
        node.op = SWAPS[type(node.op)]()  # type: ignore[assignment]
        return True
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        node.ops[0] = SWAPS[type(node.ops[0])]()  # type: ignore[call-overload]
        return True
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        node.value = not node.value
        return True
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        node.value = node.value + 1
        return True
    return False


def places(tree: ast.Module) -> Iterator[int]:
    """The positions, in the order of a walk, of nodes that can be changed; types of annotations are left alone."""
    notes = {
        id(inside)
        for node in ast.walk(tree)
        for note in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if note is not None
        for inside in ast.walk(note)
    }
    for at, node in enumerate(ast.walk(tree)):
        if id(node) not in notes and changed(copy.copy(node) if not isinstance(node, ast.Compare) else _alone(node)):
            yield at


def _alone(node: ast.Compare) -> ast.Compare:
    return ast.Compare(node.left, list(node.ops), node.comparators)


def tests_of(home: Path, module: Path) -> Path:
    """The tests that must notice."""
    room = module.relative_to(home / "ccs_model").parent
    return home / "tests" / room / f"test_{module.stem}.py"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.mutants", description=__doc__)
    parser.add_argument("copy", type=Path)
    parser.add_argument("--sample", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    home = asked.copy.resolve()
    modules = [home / "ccs_model" / "units.py", *sorted((home / "ccs_model" / "economics").glob("[a-z]*.py"))]
    modules = [module for module in modules if tests_of(home, module).is_file()]
    every = [(module, at) for module in modules for at in places(ast.parse(module.read_text(encoding="utf-8")))]
    tried, survived = 0, []
    for module, at in random.Random(asked.seed).sample(every, min(asked.sample, len(every))):
        before = module.read_text(encoding="utf-8")
        tree = ast.parse(before)
        node = list(ast.walk(tree))[at]
        was = ast.unparse(node)
        changed(node)
        try:
            module.write_text(ast.unparse(tree), encoding="utf-8")
            line = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
            environment = {**os.environ, "PYTHONPATH": str(home)}
            try:
                ended = subprocess.run(
                    [*line, str(tests_of(home, module))], cwd=home, env=environment, capture_output=True,
                    timeout=PATIENCE_S, check=False,
                )  # fmt: skip
                is_killed = ended.returncode != 0
            except subprocess.TimeoutExpired:
                is_killed = True
        finally:
            module.write_text(before, encoding="utf-8")
        tried += 1
        place = f"{module.relative_to(home)}:{getattr(node, 'lineno', 0)}: {was} -> {ast.unparse(node)}"
        if not is_killed:
            survived.append(place)
        sys.stderr.write(f"{tried}: {'killed' if is_killed else 'SURVIVED'} {place}\n")
    score = (tried - len(survived)) / tried if tried else None
    found = {"mutants": len(every), "tried": tried, "score_share": score, "survived": survived}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
