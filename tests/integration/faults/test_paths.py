"""Paths in a scenario: files outside its folder (F13), unreadable files (F15) and further cases."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.own_tables import works

from .conftest import Report, Workspace, csv_text

OUTSIDE = "lies outside the scenario's folder"
# Every scenario key that names a file: section and value.
KEYS = {
    "extends": ("extends", "{}"),
    "inventory": ("plants", "{{inventory: ['{}']}}"),
    "data": ("data", "'{}'"),
    "terrain": ("transport", "{{terrain: '{}'}}"),
    "corridors": ("transport", "{{corridors: '{}'}}"),
    "calibration": ("calibration", "{{use: median, file: '{}'}}"),
}
# File suffix for each key.
SUFFIXES = {
    "extends": ".yaml",
    "inventory": ".csv",
    "data": "",
    "terrain": ".csv",
    "corridors": ".csv",
    "calibration": ".json",
}


def set_path(workspace: Workspace, key: str, name: str) -> None:
    where, value = KEYS[key]
    workspace.scenario(**{where: value.format(name)})


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("kind", ["upwards", "absolute", "link"])
def test_F13_a_path_outside_the_folder_is_rejected_and_shown(
    workspace: Workspace, reported: Report, key: str, kind: str
) -> None:
    inside = Workspace(workspace.folder / "inside")
    inside.put("mine.csv", csv_text(works("M1")))
    secret = workspace.put(f"secret{SUFFIXES[key]}/x" if key == "data" else f"secret{SUFFIXES[key]}", "secret words")
    secret = secret.parent if key == "data" else secret
    name = {"upwards": f"../{secret.name}", "absolute": str(secret), "link": f"link{SUFFIXES[key]}"}[kind]
    if kind == "link":
        (inside.folder / name).symlink_to(secret, target_is_directory=key == "data")
    set_path(inside, key, name)
    answer = inside.run("check", "s.yaml")
    assert answer.code == 3, answer.err
    assert OUTSIDE in answer.err and str(secret) in answer.err and "secret words" not in answer.err
    assert answer.err.startswith("s.yaml:")


@pytest.mark.parametrize("name", ["../" * 30 + "etc/passwd", "/etc/passwd"])
def test_F13_a_system_file_is_rejected(workspace: Workspace, reported: Report, name: str) -> None:
    workspace.put("s.yaml", f"extends: {name}\n")
    assert f"s.yaml:1:10: extends: /etc/passwd {OUTSIDE} (allow it with --allow-outside)" in reported()


def test_F13_allow_outside_reads_an_inventory_outside_the_folder(workspace: Workspace) -> None:
    inside = Workspace(workspace.folder / "inside")
    inside.scenario(plants="{inventory: [../mine.csv]}")
    assert inside.run("check", "s.yaml").code == 3
    assert inside.run("check", "s.yaml", "--allow-outside").code == 0


@pytest.mark.parametrize("key", ["corridors", "calibration"])
def test_F13_allow_outside_reads_corridors_and_calibration_outside_the_folder(workspace: Workspace, key: str) -> None:
    inside = Workspace(workspace.folder / "inside")
    inside.put("mine.csv", csv_text(works("M1")))
    workspace.put(f"other{SUFFIXES[key]}", "not what it should be")
    set_path(inside, key, f"../other{SUFFIXES[key]}")
    answer = inside.run("check", "s.yaml", "--allow-outside")
    assert answer.code == 3 and OUTSIDE not in answer.err and "other" in answer.err


def test_F13_a_link_to_outside_in_a_data_folder_is_rejected(workspace: Workspace, reported: Report) -> None:
    inside = Workspace(workspace.folder / "inside")
    inside.put("mine.csv", csv_text(works("M1")))
    workspace.put("sites.csv", "site\nx\n")
    (inside.folder / "tables" / "storage").mkdir(parents=True)
    (inside.folder / "tables" / "storage" / "sites.csv").symlink_to(workspace.folder / "sites.csv")
    inside.scenario(data="tables")
    answer = inside.run("check", "s.yaml")
    assert (answer.code, "tables/storage/sites.csv: lies outside" in answer.err) == (3, True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.csv", "missing.csv: no such file or directory"),
        ("a/folder.csv", "folder.csv: it is a folder, expected a file"),
        (r"C:\data\mine.csv", r"C:\data\mine.csv is a Windows path"),
        (r"data\mine.csv", "(folders are separated by /)"),
        (r"a\0b.csv", "has a character that is not allowed in file names"),
        (r"a\nb.csv", "has a character that is not allowed in file names"),
        ("x" * 300 + ".csv", "file name too long"),
        ("loop.csv", "loop.csv: "),
    ],
)
def test_F15_an_unreadable_file_is_reported_with_its_path_and_the_reason(
    workspace: Workspace, reported: Report, name: str, words: str
) -> None:
    (workspace.folder / "a" / "folder.csv").mkdir(parents=True)
    (workspace.folder / "loop.csv").symlink_to(workspace.folder / "loop.csv")
    quote = '"' if name.startswith("a\\") else "'"
    workspace.scenario(plants=f"{{inventory: [{quote}{name}{quote}]}}")
    message = reported(8)
    assert words in message and "s.yaml:2" in message and "plants.inventory[0]" in message


def test_F15_a_file_without_read_permission_is_reported(
    workspace: Workspace, reported: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def rejected(path: str | Path, *args: int) -> int:
        if Path(path).name == "mine.csv":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args)

    monkeypatch.setattr("ccs_model.bounded_reading.os.open", rejected)
    assert f"cannot read {workspace.folder / 'mine.csv'}: permission denied" in reported(8)


# Further cases.


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("key", [key for key in KEYS if key not in ("extends", "data")])
@pytest.mark.parametrize("kind", ["pipe", "/dev/zero"])
def test_an_irregular_file_is_rejected_without_hanging(workspace: Workspace, key: str, kind: str) -> None:
    name = f"odd{SUFFIXES[key]}"
    if kind == "pipe":
        os.mkfifo(workspace.folder / name)
    else:
        (workspace.folder / name).symlink_to(kind)
    set_path(workspace, key, name)
    begun = time.monotonic()
    answer = workspace.run("check", "s.yaml", "--allow-outside")
    assert answer.code == 8 and "is not a regular file" in answer.err
    assert time.monotonic() - begun < 30


def test_auxiliary_files_of_other_programs_in_a_data_folder_are_ignored(workspace: Workspace) -> None:
    workspace.put("tables/~$sites.xlsx", b"\x05user")
    workspace.put("tables/.DS_Store", b"\0\0\0\1Bud1")
    workspace.put("tables/README.md", "for people")
    workspace.scenario(data="tables")
    assert workspace.check().code == 0


def test_an_excel_lock_file_as_inventory_is_reported(workspace: Workspace, reported: Report) -> None:
    workspace.put("~$inv.xlsx", b"\x04user\x00\x00 \x00u\x00s\x00e\x00r")
    workspace.scenario(plants="{inventory: ['~$inv.xlsx']}")
    assert "is a lock file of Excel without rows" in reported()


def test_a_file_name_in_the_wrong_case_is_reported_with_the_existing_file(
    workspace: Workspace, reported: Report
) -> None:
    workspace.scenario(plants="{inventory: [Mine.CSV]}")
    assert "no such file or directory" in (message := reported(8)) and "did you mean 'mine.csv'?" in message


def test_a_data_folder_that_is_a_file_or_missing_is_reported(workspace: Workspace, reported: Report) -> None:
    workspace.scenario(data="mine.csv")
    assert "it is a file, expected a folder" in reported(8)
    workspace.scenario(data="nothing")
    assert "no such folder" in reported(8)


def test_unknown_files_in_a_data_folder_are_reported(workspace: Workspace, reported: Report) -> None:
    workspace.put("tables/storage/site.csv", "site\nx\n")
    workspace.put("tables/storage/old.xls", "x")
    workspace.scenario(data="tables")
    message = reported()
    assert "tables/storage/site.csv: is not a table (did you mean 'storage/sites.csv'?)" in message
    assert "tables/storage/old.xls: is not a table (save it as an Excel workbook (.xlsx))" in message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_fifo_in_a_data_folder_is_rejected_without_hanging(workspace: Workspace, reported: Report) -> None:
    (workspace.folder / "tables" / "storage").mkdir(parents=True)
    os.mkfifo(workspace.folder / "tables" / "storage" / "sites.csv")
    workspace.scenario(data="tables")
    assert "is not a regular file" in reported(8)


@pytest.mark.parametrize(
    ("key", "content", "words"),
    [
        ("corridors", "flow\n1\n", "odd.csv:1: no column 'link' (tables/links.csv of a run lists them)"),
        ("corridors", "link;km\n", "odd.csv: has no rows"),
        ("corridors", "km;link\n1;nowhere\n", "odd.csv:2: no candidate link 'nowhere'"),
        ("corridors", "link\tkm\nnowhere\t1\n".encode("utf-16"), "odd.csv:2: no candidate link 'nowhere'"),
        ("corridors", "link,km\nA – B,1,2\n", "odd.csv:2: 3 fields, expected 2"),
        ("corridors", "link\nnowhere\n", "odd.csv:2: no candidate link 'nowhere'"),
        ("corridors", b"link\n\xff\xfe\n", "odd.csv"),
        ("calibration", "{", "odd.json is not JSON"),
        ("calibration", '{"schema": "x"}', "is not of schema ccs-model/calibration/2"),
        ("calibration", "[" * 100_000, "is not JSON"),
        ("terrain", "lat_deg,lon_deg\n1,2\n", "odd.csv"),
        ("terrain", b"\0\0\0", "odd.csv"),
    ],
)
def test_invalid_corridor_calibration_and_terrain_files_are_reported(
    workspace: Workspace, reported: Report, key: str, content: str | bytes, words: str
) -> None:
    workspace.put(f"odd{SUFFIXES[key]}", content)
    set_path(workspace, key, f"odd{SUFFIXES[key]}")
    assert words in reported()
