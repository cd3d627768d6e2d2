"""Copies of a finished run are identical; a run is not copied if a file has changed or is outside its folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ccs_model.runs.run_writer import copy_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder that contains an empty folder for own tables."""
    folder = tmp_path / "run"
    files = {"plan.json": b"{}\n", "tables/flows.csv": b"link\n", "own/plants.csv": b"plant\n"}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "own" / "tables").mkdir()
    outputs = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    (folder / "manifest.json").write_text(json.dumps({"run_sha256": "1", "outputs": outputs}))
    return folder


def bytes_of(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def test_copy_is_identical_and_omits_files_that_do_not_belong_to_the_run(run: Path, tmp_path: Path) -> None:
    before = bytes_of(run)
    (run / "notes.txt").write_text("mine")
    assert copy_run(run, tmp_path / "copy")
    assert bytes_of(tmp_path / "copy") == before


def _change_plan(run: Path) -> None:
    (run / "plan.json").write_text("{} ")


def _delete_table(run: Path) -> None:
    (run / "tables" / "flows.csv").unlink()


def _delete_manifest(run: Path) -> None:
    (run / "manifest.json").unlink()


def _truncate_manifest(run: Path) -> None:
    (run / "manifest.json").write_text("[1")


def _invalidate_outputs(run: Path) -> None:
    (run / "manifest.json").write_text('{"outputs": 3}')


def _add_output(name: str) -> Callable[[Path], None]:
    def add(run: Path) -> None:
        (run.parent / "secret.txt").write_text("mine")
        manifest = json.loads((run / "manifest.json").read_text())
        manifest["outputs"][name] = ""
        (run / "manifest.json").write_text(json.dumps(manifest))

    return add


@pytest.mark.parametrize(
    "damage",
    [_change_plan, _delete_table, _delete_manifest, _truncate_manifest, _invalidate_outputs]
    + [_add_output(name) for name in ("../secret.txt", "/etc/hostname", "..\\secret.txt", "C:secret.txt", "")],
)
def test_changed_or_invalid_run_is_not_copied(run: Path, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(run)
    assert not copy_run(run, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
