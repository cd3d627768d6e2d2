"""Only regular files of limited size, depth and number of rows are read."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ccs_model.bounded_reading import DEEPEST_JSON, parse_json, read_regular
from ccs_model.errors import MOST_SHOWN, InputError, Issue
from ccs_model.inputs.csv_reader import csv_grid
from ccs_model.inputs.declarations import MOST_ROWS, Source
from ccs_model.inputs.excel_reader import inspect_workbook
from ccs_model.report.page.basemap import basemap_of
from tests.own_tables import works
from tests.paths import ROOT

from .conftest import Workspace, csv_text

KINDS = ("fifo", "folder", "/dev/zero")
# Scenario key and the setting that names the file.
NAMED = {
    "inventory": {"plants": "{{inventory: [{0}]}}"},
    "terrain": {"transport": "{{shared_trunklines: true, terrain: {0}}}"},
    "corridors": {"transport": "{{shared_trunklines: true, corridors: {0}}}"},
    "calibration": {"calibration": "{{use: median, file: {0}}}"},
    "extends": {"extends": "{0}"},
}


def put_irregular(workspace: Workspace, name: str, kind: str) -> None:
    """Create a FIFO, a folder or a link to a device under this name."""
    path = workspace.folder / name
    path.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", NAMED)
def test_a_scenario_key_that_names_an_irregular_file_is_rejected(workspace: Workspace, key: str, kind: str) -> None:
    name = "odd.asc" if key == "terrain" else "odd.csv"
    put_irregular(workspace, name, kind)
    workspace.scenario(**{section: text.format(name) for section, text in NAMED[key].items()})
    answer = workspace.run("check", "s.yaml", "--allow-outside")
    assert answer.code == 8 and len(answer.lines) == 1, answer.err
    assert "it is a folder" in answer.err or "not a regular file" in answer.err


@pytest.mark.parametrize("kind", KINDS)
def test_commands_reject_irregular_files(workspace: Workspace, kind: str) -> None:
    put_irregular(workspace, "odd.yaml", kind)
    (workspace.folder / "case").mkdir()
    for name in ("Sources.csv", "Sinks.csv", "CandidateNetwork.txt", "DelaunayPaths.txt", "Linear.txt"):
        put_irregular(workspace, f"case/{name}", kind)
    for args in (
        ("check", "odd.yaml"),
        ("check", "odd.yaml", "--upgrade", "new.yaml"),
        ("sweep", "s.yaml", "--list", "odd.yaml"),
        ("replay", "odd.yaml"),
        ("import", "gem", "odd.yaml", "-o", "out"),
    ):
        assert workspace.run(*args).code == 8, args
    # Without regular files of these names, the folder is not a SimCCS case.
    assert workspace.run("import", "simccs", "case", "-o", "out", "--mode", "price").code == 3


def test_a_run_with_a_fifo_in_place_of_a_table_is_rejected(workspace: Workspace) -> None:
    answer = workspace.run("optimize", "s.yaml", "--out", "run", "-q")
    assert answer.code == 0, answer.err
    put_irregular(workspace, "run/tables/zones.csv", "fifo")
    for args in (("export", "run", "--format", "csv"), ("report", "run"), ("compare", "run", "run")):
        exported = workspace.run(*args)
        assert exported.code == 8 and "zones.csv: cannot be read: it is not a regular file" in exported.err
    assert workspace.run("verify", "run").code == 8


def test_an_irregular_too_large_or_too_deep_basemap_is_rejected(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    deep = tmp_path / "deep.geojson"
    deep.write_text("[" * 100_000 + "]" * 100_000)
    for path, code in ((tmp_path / "fifo", 8), (Path("/dev/zero"), 8), (tmp_path, 8), (deep, 3)):
        with pytest.raises((InputError, Exception)) as raised:
            basemap_of(str(path))
        assert getattr(raised.value, "exit_code", None) == code
    big = tmp_path / "big.geojson"
    with big.open("wb") as file:
        file.truncate(60_000_000)  # a sparse file
    with pytest.raises(InputError, match="expected at most 50,000,000"):
        basemap_of(str(big))


def test_the_depth_of_json_is_limited_outside_strings() -> None:
    deepest = "[" * DEEPEST_JSON + "]" * DEEPEST_JSON
    assert parse_json(deepest.encode()) is not None
    for text in (f"[{deepest}]", '{"a":' * 70 + "1" + "}" * 70):
        with pytest.raises(ValueError, match="levels deep"):
            parse_json(text.encode())
    flat = json.dumps(["[" * 500, '\\"[[' * 100, {"{" * 90: "]"}])
    assert parse_json(flat.encode()) == json.loads(flat)
    with pytest.raises(ValueError):
        parse_json(b'["' + rb"\"[" * 200_000)


def test_a_file_above_the_size_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(OSError, match="5 bytes, expected at most 4"):
        read_regular(path, 4)


MANY = """
from pathlib import Path
from ccs_model.inputs.csv_reader import csv_grid
from ccs_model.inputs.declarations import Source

def peak_mb():
    line = next(each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) // 1000

before = peak_mb()
row = b"M,Works of a long name,Hebei,Hebei south,38.0,114.5,exact,operating,5000,5000,4500,absent,a note here\\n"
raw = b"plant,name,province,grid,lat_deg,lon_deg,place_accuracy,status,a,b,c,coke_ovens,note\\n" + row * 900_000
grid = csv_grid(raw, Source("mine.csv"), ())
print(grid.issues[0], peak_mb() - before, len(raw) // 1_000_000)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak memory is read from /proc")
def test_F39_too_many_rows_are_rejected_without_keeping_them_in_memory() -> None:
    ended = subprocess.run([sys.executable, "-c", MANY], cwd=ROOT, capture_output=True, text=True, check=True)
    *words, added_mb, file_mb = ended.stdout.split()
    assert " ".join(words) == f"mine.csv: more than {MOST_ROWS:,} rows"
    assert int(added_mb) < 2 * int(file_mb) + 40, "the rows were kept in memory"


def test_the_row_limit_counts_rows_and_not_lines() -> None:
    quoted = b'a,b\n"' + b"\n" * (MOST_ROWS + 10) + b'",1\n'
    assert not csv_grid(quoted, Source("a.csv"), ()).is_unreadable
    assert csv_grid(b"a\n" + b"\n" * (MOST_ROWS + 5) + b"1\n", Source("a.csv"), ()).rows[0][1] == ("1",)


def test_a_sheet_with_too_many_rows_is_rejected_before_it_is_opened() -> None:
    cells = b"".join(
        b'<row r="%d" spans="1:1"><c r="A%d"><v>%d</v></c></row>' % (k, k, k * 7919) for k in range(1, MOST_ROWS + 3)
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"<worksheet><sheetData>" + cells + b"</sheetData></worksheet>")
    assert inspect_workbook(buffer.getvalue()).what == f"more than {MOST_ROWS:,} rows"


def test_a_hundred_errors_are_printed_and_the_others_counted(workspace: Workspace) -> None:
    rows = works(*(f"M{k}" for k in range(1_500)), lat_deg="north")
    workspace.put("mine.csv", csv_text(rows))
    answer = workspace.check()
    assert answer.code == 3 and len(answer.lines) == MOST_SHOWN + 2
    assert answer.lines[-2] == f"… and {1_500 - MOST_SHOWN:,} more errors"
    assert answer.lines[-1] == "ccs-model: 1,500 errors; nothing was solved"
    assert len(str(InputError([Issue("a", "b")] * 5_000))) < 1_000
