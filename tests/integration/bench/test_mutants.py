"""Mutations that `python -m bench.mutants` makes to a module, and parts that it leaves unchanged."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="bench/ is not part of this distribution")

SCRIPT = """
import ast
from pathlib import Path
from bench import mutants
file = mutants.ROOT / "ccs_model" / "units.py"
text = '''
@frozen(True)
def twice(x: Literal[3], rows):
    "Words."
    if x <= 0:
        return not rows
    rows.append(x)
    x += 1.5
    return -x * 2
'''
Path.read_text = lambda *_, **__: text
for mutant in mutants.generate_mutants(file):
    print(mutant.lines, mutant.apply()[1].split(": ", 1)[1])
"""


def test_each_mutation_is_made_once_without_annotations_docstrings_and_decorators() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=environment, capture_output=True, check=True, timeout=300
    )
    assert sorted(done.stdout.decode().splitlines()) == sorted(
        [
            "(5, 5) x <= 0 → x < 0",
            "(5, 5) x <= 0 → x >= 0",
            "(5, 5) 0 → 1",
            "(7, 7) rows.append(x) → left out",
            "(8, 8) x += 1.5 → left out",
            "(8, 8) 1.5 → 2.5",
            "(9, 9) -x * 2 → -x / 2",
            "(9, 9) -x → +x",
            "(9, 9) 2 → 3",
        ]
    )
