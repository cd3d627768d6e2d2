"""`check --upgrade`: an old scenario is rewritten into a valid one, and nothing is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ccs_model.cli import group

OLD = """\
# Which works first?
name: Two works of Shanxi
question: Which works first?
aim: most_abatement  # the default
plants:
  provinces: [Shanxi]
  emitting_at_least_ktpa: 5_000
years: [2026, 2030]
discount_share: 0.08
budget:
  total_mn: 1_500
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.yaml"
    path.write_text(OLD, encoding="utf-8")
    return path


def check(path: Path, *args: str) -> Result:
    return CliRunner().invoke(group, ["check", str(path), *args])


def test_an_old_scenario_is_rewritten_and_is_then_valid(old: Path) -> None:
    new = old.with_name("new.yaml")
    answer = check(old, "--upgrade", str(new))
    assert answer.exit_code == 0, answer.output
    lines = answer.stdout.splitlines()
    assert lines[0] == f"{new}: 5 changes"
    assert any("discount_share" in line and "discount_rate" in line for line in lines)
    assert lines[-1] == f"Next: ccs-model check {new}"
    text = new.read_text(encoding="utf-8")
    assert text.startswith("# Which works first?\n") and "objective: max_abatement  # the default\n" in text
    assert old.read_text(encoding="utf-8") == OLD
    valid = check(new)
    assert valid.exit_code == 0 and "no errors" in valid.stdout, valid.output


def test_line_endings_are_kept_and_an_existing_file_is_not_replaced(old: Path) -> None:
    new = old.with_name("new.yaml")
    old.write_bytes(OLD.replace("\n", "\r\n").encode())
    assert check(old, "--upgrade", str(new)).exit_code == 0
    raw = new.read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") == OLD.count("\n")
    again = check(old, "--upgrade", str(new))
    assert "already exists" in str(again.exception)
    assert new.read_bytes() == raw
    onto_itself = check(old, "--upgrade", str(old))
    assert "already exists" in str(onto_itself.exception)


def test_a_file_that_is_missing_or_is_not_text_is_an_error(old: Path) -> None:
    missing = check(old.with_name("missing.yaml"), "--upgrade", str(old.with_name("new.yaml")))
    assert "cannot read" in str(missing.exception)
    old.write_bytes(b"name: \xff\xfe")
    assert "not UTF-8" in str(check(old, "--upgrade", str(old.with_name("new.yaml"))).exception)
    assert not old.with_name("new.yaml").exists()
