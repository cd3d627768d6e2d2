"""Infeasible and read-only run folders, and files of other programs as inventory."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

import ccs_model as ccs
from ccs_model.errors import InfeasibleError
from tests.own_tables import works

from .conftest import Workspace, run_command

UNREACHABLE_TARGET = "targets: {abatement_share: {2030: 0.99}}\nsolver: {threads: 1}\n"


@pytest.fixture(scope="module")
def infeasible_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an infeasible run of a scenario that has its own inventory and data folder."""
    workspace = Workspace(tmp_path_factory.mktemp("impossible"))
    path = workspace.scenario(data="tables")
    path.write_text(path.read_text(encoding="utf-8") + UNREACHABLE_TARGET, encoding="utf-8")
    workspace.csv(works("M1"))
    workspace.put("tables/notes.txt", "no table")
    answer = run_command(["optimize", "s.yaml", "--out", "run"], workspace.folder)
    assert answer.code == 4, answer.err
    return workspace.folder


MESSAGE = (
    "run: contains no plan, because its problem is infeasible; "
    "plan.xlsx (sheet Infeasible) lists the conflicting constraints"
)


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "run", "run"),
        ("explain", "run", "M1"),
        ("report", "run"),
        ("export", "run", "--format", "csv"),
        ("verify", "run"),
        ("near-optimal", "run"),
        ("frontier", "s.yaml", "--run", "run"),
        ("montecarlo", "s.yaml", "--draws", "4", "--run", "run"),
    ],
    ids=lambda words: words[0],
)
def test_commands_report_in_one_line_that_an_infeasible_run_has_no_plan(
    words: tuple[str, ...], infeasible_folder: Path
) -> None:
    before = {path: path.read_bytes() for path in (infeasible_folder / "run").rglob("*") if path.is_file()}
    answer = run_command(words, infeasible_folder)
    assert (answer.code, answer.out) == (4, ""), answer.err
    assert answer.lines[-1] == f"ccs-model: {MESSAGE}" and "Traceback" not in answer.err
    assert {path: path.read_bytes() for path in (infeasible_folder / "run").rglob("*") if path.is_file()} == before
    shutil.rmtree(infeasible_folder / "runs", ignore_errors=True)


def test_a_copied_infeasible_run_folder_reproduces_its_conflicts(infeasible_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "elsewhere" / "run"
    shutil.copytree(infeasible_folder / "run", run)
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert {"own/mine.csv", "scenario.resolved.yaml", "plan.json", "plan.xlsx"} <= set(manifest["outputs"])
    assert (run / "own" / "mine.csv").read_bytes() == (infeasible_folder / "mine.csv").read_bytes()
    with pytest.raises(InfeasibleError) as caught:
        ccs.optimize(run / "scenario.resolved.yaml")
    reported = json.loads((run / "plan.json").read_text(encoding="utf-8"))["conflicts"]
    assert list(caught.value.conflicts) == reported


def test_a_cached_infeasible_run_reports_its_conflicts_again(infeasible_folder: Path) -> None:
    answer = run_command(["optimize", "s.yaml", "--out", "run"], infeasible_folder)
    assert answer.code == 4 and "these constraints conflict" in answer.err


def test_annotate_rejects_an_existing_file(workspace: Workspace) -> None:
    workspace.csv(works("M1", crude_steel_ktpa=-1))
    workspace.put("marked.xlsx", "the planner's")
    answer = workspace.run("check", "s.yaml", "--annotate", "marked.xlsx")
    assert (answer.code, answer.out) == (8, "")
    assert answer.err == "ccs-model: marked.xlsx: already exists and is left unchanged; give --annotate another name\n"
    assert (workspace.folder / "marked.xlsx").read_text(encoding="utf-8") == "the planner's"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="leave to write is another thing there")
def test_a_read_only_run_is_exported_to_another_folder(infeasible_folder: Path, workspace: Workspace) -> None:
    workspace.csv(works("M1"))
    assert run_command(["optimize", "s.yaml", "--threads", "1", "--out", "run"], workspace.folder).code == 0
    run = workspace.folder / "run"
    for path in (*run.rglob("*"), run):
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        answer = workspace.run("export", "run", "--format", "geojson", "--out", "map.geojson")
        assert answer.code == 0 and (workspace.folder / "map.geojson").is_file()
        if os.geteuid():  # root can write regardless of permissions
            rejected = workspace.run("export", "run", "--format", "geojson")
            assert rejected.code == 8 and "kept in" in rejected.err
    finally:
        for path in (run, *run.rglob("*")):
            path.chmod(0o700)


def zip_archive(**parts: str) -> bytes:
    """Return a zip archive of these parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "mine.ods",
            zip_archive(mimetype="application/vnd.oasis.opendocument.spreadsheet", **{"content.xml": ""}),
            "(.ods)",
        ),
        ("mine.gsheet", b'{"url": "https://docs.google.com/open?id=1", "doc_id": "1"}', "a link to a file"),
        ("mine.numbers", zip_archive(**{"Index/Document.iwa": "x", "Index/Tables/1.iwa": "x"}), "a Numbers document"),
        ("mine.xlsx", b"", "the file is empty (if it is stored in a cloud, open it once to download it)"),
        ("mine.csv", b"", "the file is empty"),
        ("mine.xlsx", b'{"url": "https://docs.google.com/open?id=1"}', "(download the file itself)"),
        ("mine.csv", b"\0" * 4_096, "a file of zeros"),
        ("mine.xlsx", b"\0" * 4_096, "a file of zeros, perhaps from a failed copy, expected .xlsx (copy it again)"),
        ("mine.csv.icloud", b"bplist00\xd1\x01", "a link to a file"),
        ("mine.url", b"[InternetShortcut]\r\nURL=https://example.org\r\n", "a link to a file"),
        ("mine.pdf", b"%PDF-1.7\n", "a PDF document"),
    ],
    ids=[
        "OpenDocument",
        "a link to a Google sheet",
        "Numbers",
        "a workbook not downloaded from the cloud",
        "a table not downloaded from the cloud",
        "a link named .xlsx",
        "zeros named .csv",
        "zeros named .xlsx",
        "iCloud",
        "a shortcut",
        "PDF",
    ],
)
def test_an_inventory_in_an_unsupported_format_is_reported_by_its_format(
    name: str, content: bytes, words: str, workspace: Workspace
) -> None:
    workspace.put(name, content)
    workspace.scenario(plants=f"{{inventory: [{name}]}}")
    answer = workspace.check()
    assert (answer.code, answer.out) == (3, "")
    assert answer.lines[0].startswith(f"{name}: ") and words in answer.lines[0]
    assert answer.lines[1:] == ["ccs-model: 1 error; nothing was solved"]


def test_sheets_whose_names_differ_in_case_or_spaces_are_all_read(workspace: Workspace) -> None:
    workspace.book(Steel=works("M1"))
    assert workspace.check().code == 0
    workspace.book(steel=works("M1"), **{"STEEL ": works("M2")})
    answer = workspace.check()
    assert answer.code == 0 and "2 operating plants" in answer.out  # both sheets are read


def test_rows_hidden_by_a_filter_are_read(workspace: Workspace) -> None:
    import openpyxl

    path = workspace.book(steel=works("M1", "M2", "M3"))
    book = openpyxl.load_workbook(path)
    sheet = book["steel"]
    sheet.auto_filter.ref = sheet.dimensions
    sheet.auto_filter.add_filter_column(0, ["M1"])
    for row in (3, 4):
        sheet.row_dimensions[row].hidden = True
    book.save(path)
    answer = workspace.check()
    assert answer.code == 0 and "3 operating plants" in answer.out


def test_a_date_as_plant_id_is_reported_at_its_cell(workspace: Workspace) -> None:
    import datetime

    rows = works("M1")
    rows[1][0] = datetime.date(2024, 3, 1)
    workspace.book(steel=rows)
    answer = workspace.check()
    assert answer.code == 3 and "steel!A2" in answer.err


@pytest.mark.parametrize(
    "name", ["x" * 251 + ".csv", "一" * 83 + ".csv", "a\nb.csv", "mine .csv", "#1.csv", "100%.csv"]
)
def test_unusual_file_names_are_accepted_unless_they_contain_a_line_break(name: str, workspace: Workspace) -> None:
    (workspace.folder / "mine.csv").rename(workspace.folder / name)
    workspace.scenario(plants=f"{{inventory: [{json.dumps(name, ensure_ascii=False)}]}}")
    answer = workspace.check()
    if "\n" in name:
        assert answer.code == 8 and "has a character that is not allowed in file names" in answer.err
    else:
        assert answer.code == 0, answer.err
