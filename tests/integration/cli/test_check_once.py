"""`check` gives every fault in one pass: of the scenario, its tables, tables together, and the problem."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ccs_model.cli import main as run_program
from ccs_model.paths import data_folder

pytestmark = pytest.mark.slow

SCENARIO = """\
name: Three works of Bavaria
plants: {inventory: [mine.csv], provinces: [Bayren]}
budget: {total_mn: 5_000}
"""


def ammonia(n: int) -> tuple[list[str], list[dict[str, str]]]:
    """Header and rows of shipped ammonia works, moved to Bavaria."""
    with (data_folder() / "plants" / "chemicals.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = [row for row in reader if row["product"] == "ammonia"][:n]
        assert reader.fieldnames is not None
        header = list(reader.fieldnames)
    moved = {"province": "Bayern", "name_zh": "", "reference": "", "quality": ""}
    return header, [{**row, **moved, "plant": f"W{k}", "name": f"Works {k}"} for k, row in enumerate(rows)]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SCENARIO, encoding="utf-8")
    write(tmp_path)
    return tmp_path


def write(desk: Path, **changes: dict[str, str]) -> None:
    """Write three works, with cells changed by the id of the plant."""
    header, rows = ammonia(3)
    with (desk / "mine.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows({**row, **changes.get(row["plant"], {})} for row in rows)


def faults(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("sys.argv", ["ccs-model", "check", "s.yaml"])
    with pytest.raises(SystemExit) as ended:
        run_program()
    assert ended.value.code == 3
    *lines, last = capsys.readouterr().err.splitlines()
    assert last == f"ccs-model: {len(lines)} error{'s' if len(lines) > 1 else ''}; nothing was solved"
    return lines


def test_an_empty_cell_hides_neither_typos_nor_missing_prices(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(desk, W0={"urea_share": ""}, W1={"reference": "NOPE", "quality": "reported"}, W2={"capacity_ktpa": ""})
    found = faults(capsys, monkeypatch)
    assert [each.split(": ")[0] for each in found] == [
        "mine.csv:4:capacity_ktpa", "mine.csv:2:urea_share", "mine.csv:3:reference", "s.yaml:2:45",
        "prices/fuels.csv", "prices/grid_factors.csv",
    ]  # fmt: skip
    assert "did you mean 'Bayern'?" in found[3] and "province 'Bayern'" in found[4]
    # What is left after the first repairs is what the first pass said, and no more.
    write(desk)
    (desk / "s.yaml").write_text(SCENARIO.replace("Bayren", "Bayern"), encoding="utf-8")
    assert faults(capsys, monkeypatch) == found[4:]


def test_a_fault_is_given_once_and_without_its_consequences(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk / "s.yaml").write_text(SCENARIO.replace("Bayren", "Bayern") + "data: data\n", encoding="utf-8")
    (desk / "data").mkdir()
    (desk / "data" / "references.csv").write_text(
        "reference,citation,where,licence,use,projects_in\nMINE,Own book,shelf\n", encoding="utf-8"
    )
    write(desk, W1={"reference": "MINE", "quality": "reported"}, W2={"plant": "", "capacity_ktpa": "much"})
    found = faults(capsys, monkeypatch)
    assert sorted(each.split(": ")[0] for each in found) == [
        "data/references.csv:2", "mine.csv:4:capacity_ktpa", "mine.csv:4:plant", "prices/fuels.csv",
        "prices/grid_factors.csv",
    ]  # fmt: skip


def test_a_table_in_the_wrong_folder_is_named_with_its_place(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk / "s.yaml").write_text(SCENARIO.replace("Bayren", "Bayern") + "data: data\n", encoding="utf-8")
    (desk / "data").mkdir()
    (desk / "data" / "sites.csv").write_text("site,name\n", encoding="utf-8")
    found = faults(capsys, monkeypatch)
    assert found[0] == "data/sites.csv: is not a table (did you mean 'storage/sites.csv'?)"
    assert {each.split(": ")[0] for each in found[1:]} == {"prices/fuels.csv", "prices/grid_factors.csv"}


def test_a_missing_column_of_numbers_hides_no_other_error_and_json_lists_the_same(desk: Path) -> None:
    from ccs_model.cli import group

    text = (desk / "mine.csv").read_text(encoding="utf-8").replace("capacity_ktpa", "capazity")
    (desk / "mine.csv").write_text(text, encoding="utf-8")
    answer = CliRunner().invoke(group, ["check", "s.yaml", "--json"], standalone_mode=False)
    assert answer.return_value == 3
    errors = json.loads(answer.stdout)["errors"]
    assert [each["where"] for each in errors] == [
        "mine.csv:1", "mine.csv:1", "s.yaml:2:45", "prices/fuels.csv", "prices/grid_factors.csv",
    ]  # fmt: skip


def test_a_column_without_a_valid_cell_hides_no_later_check(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {f"W{k}": {"status": "running"} for k in range(3)}
    write(desk, **wrong)
    (desk / "s.yaml").write_text(SCENARIO.replace(", provinces: [Bayren]", ""), encoding="utf-8")
    lines = faults(capsys, monkeypatch)
    assert sum("'running' is unknown" in line for line in lines) == 3
    assert any("no row for province 'Bayern'" in line for line in lines), lines
