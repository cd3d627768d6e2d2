"""`python -m bench` reports unknown ids, and prints figures as one JSON object or as a table."""

import json
import os
import subprocess
import sys

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="bench/ is not part of this distribution")

SHOWN = """
import sys
from bench.measurement import Figure, as_json, as_table
rows = [
    Figure("B8", "a ratio", "ratio", 0.41, 0.5, {"ours_s": 4.1}),
    Figure("B8", "a gap", "share", 0.0061, 0.006),
    Figure("B8", "no plan", "share", None, 0.3),
    Figure("B8", "a moment", "s", 7.0, None, {"n_options": 12345.0}),
]
print(as_json(rows) if sys.argv[1] == "json" else as_table(rows))
"""

SHUFFLED = """
import tempfile
from pathlib import Path
from bench.network import SOUTHEAST, shuffle_case
from bench.simccs_published import read_files
def degrees(folder):
    edges = folder.edges
    ends = [vertex for edge in edges for vertex in edge[:2]]
    return sorted((ends.count(site["vertex"]), site["name"]) for site in folder.sources + folder.sinks)
here = read_files(SOUTHEAST / "cap")
with tempfile.TemporaryDirectory() as folder:
    there = read_files(shuffle_case(SOUTHEAST / "cap", Path(folder) / "cap", 1))
assert sorted(edge[2] for edge in here.edges) == sorted(edge[2] for edge in there.edges)
assert [edge[2] for edge in here.edges] != [edge[2] for edge in there.edges]
assert [source["vertex"] for source in here.sources] != [source["vertex"] for source in there.sources]
assert degrees(here) == degrees(there)
"""


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the root folder of the project."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, *args]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8")


@pytest.mark.slow
def test_an_unknown_id_is_reported_with_the_known_ids():
    answer = run("-m", "bench", "B8", "B99")
    assert answer.returncode == 2
    assert "unknown benchmark: B99; known: B1, B2, B3, B4, B5, B6, B7, B8" in answer.stderr
    assert not answer.stdout


def test_figures_as_json_are_one_object():
    shown = json.loads(run("-c", SHOWN, "json").stdout)
    assert [row["met"] for row in shown["figures"]] == [True, False, False, None]
    for row in shown["figures"]:
        assert {"id", "what", "value", "goal", "met", "peers", "machine", "versions"} <= row.keys()
        assert row["machine"].keys() == {"cpu", "cores"}
        assert row["versions"].keys() == {"python", "highspy", "pyomo", "ccs_model"}


def test_figures_as_a_table_have_one_row_each():
    lines = run("-c", SHOWN, "table").stdout.splitlines()
    assert lines[0].split() == ["id", "what", "value", "goal", "met", "peers"]
    assert [line.split("  ")[0] for line in lines[2:6]] == ["B8"] * 4
    assert "0.61 %" in lines[3] and "≤ 0.60 %" in lines[3] and " no" in lines[3]
    assert "none" in lines[4]
    assert lines[5].endswith("  n_options 12,345")


@pytest.mark.slow
def test_a_shuffled_simccs_case_is_the_same_case():
    answer = run("-c", SHUFFLED)
    assert answer.returncode == 0, answer.stderr


def test_library_cases_are_read_alike_by_the_package_and_the_published_model(tmp_path):
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from bench import network_library, simccs_published
    from ccs_model.importers import read_simccs

    assert len({case.name for case in network_library.CASES}) == len(network_library.CASES) == 30
    for k in (0, 6, 22):
        case = network_library.CASES[k]
        target = network_library.write_case(case, tmp_path / str(k), k)
        assert (target is None) == (case.target_share is None)
        read, published = read_simccs(tmp_path / str(k)), simccs_published.read_files(tmp_path / str(k))
        assert len(read.edges) == len(published.edges) and len(read.sources) == len(published.sources)
        assert read.sources["capturable_ktpa"].sum() / 1e3 == pytest.approx(sum(s["rate"] for s in published.sources))
        again = network_library.write_case(case, tmp_path / f"{k} again", k)
        assert again == target and read_simccs(tmp_path / f"{k} again").edges.equals(read.edges)
