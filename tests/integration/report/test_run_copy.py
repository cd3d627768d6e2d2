"""A finished run is copied byte by byte, and not at all if a file has changed or lies outside its folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ccs_model.runs.run_writer import copy_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder such as a run leaves, with an empty folder of the user's own in it."""
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


def test_a_copy_is_the_same_bit_by_bit_without_what_is_no_part_of_the_run(run: Path, tmp_path: Path) -> None:
    before = bytes_of(run)
    (run / "notes.txt").write_text("mine")
    assert copy_run(run, tmp_path / "copy")
    assert bytes_of(tmp_path / "copy") == before


def _changed(run: Path) -> None:
    (run / "plan.json").write_text("{} ")


def _lost(run: Path) -> None:
    (run / "tables" / "flows.csv").unlink()


def _no_manifest(run: Path) -> None:
    (run / "manifest.json").unlink()


def _broken_manifest(run: Path) -> None:
    (run / "manifest.json").write_text("[1")


def _other_manifest(run: Path) -> None:
    (run / "manifest.json").write_text('{"outputs": 3}')


def _leading_out(name: str) -> Callable[[Path], None]:
    def lead(run: Path) -> None:
        (run.parent / "secret.txt").write_text("mine")
        manifest = json.loads((run / "manifest.json").read_text())
        manifest["outputs"][name] = ""
        (run / "manifest.json").write_text(json.dumps(manifest))

    return lead


@pytest.mark.parametrize(
    "spoilt",
    [_changed, _lost, _no_manifest, _broken_manifest, _other_manifest]
    + [_leading_out(name) for name in ("../secret.txt", "/etc/hostname", "..\\secret.txt", "C:secret.txt", "")],
)
def test_a_run_that_is_not_as_it_was_written_is_not_copied(
    run: Path, tmp_path: Path, spoilt: Callable[[Path], None]
) -> None:
    spoilt(run)
    assert not copy_run(run, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
