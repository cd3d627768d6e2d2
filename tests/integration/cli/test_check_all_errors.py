"""`check` reports all errors of the scenario, its tables and the problem in one pass."""

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
    """Return the header and `n` rows of shipped ammonia plants, moved to Bavaria."""
    with (data_folder() / "plants" / "chemicals.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = [row for row in reader if row["product"] == "ammonia"][:n]
        assert reader.fieldnames is not None
        header = list(reader.fieldnames)
    moved = {"province": "Bayern", "name_zh": "", "reference": "", "quality": ""}
    return header, [{**row, **moved, "plant": f"W{k}", "name": f"Works {k}"} for k, row in enumerate(rows)]


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SCENARIO, encoding="utf-8")
    write(tmp_path)
    return tmp_path


def write(workdir: Path, **changes: dict[str, str]) -> None:
    """Write three plants; `changes` maps plant ids to changed cells."""
    header, rows = ammonia(3)
    with (workdir / "mine.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows({**row, **changes.get(row["plant"], {})} for row in rows)


def check_errors(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("sys.argv", ["ccs-model", "check", "s.yaml"])
    with pytest.raises(SystemExit) as ended:
        run_program()
    assert ended.value.code == 3
    *lines, last = capsys.readouterr().err.splitlines()
    assert last == f"ccs-model: {len(lines)} error{'s' if len(lines) > 1 else ''}; nothing was solved"
    return lines


def test_an_empty_cell_does_not_hide_typos_or_missing_prices(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(workdir, W0={"urea_share": ""}, W1={"reference": "NOPE", "quality": "reported"}, W2={"capacity_ktpa": ""})
    found = check_errors(capsys, monkeypatch)
    assert [each.split(": ")[0] for each in found] == [
        "mine.csv:4:capacity_ktpa", "mine.csv:2:urea_share", "mine.csv:3:reference", "s.yaml:2:45",
        "prices/fuels.csv", "prices/grid_factors.csv",
    ]  # fmt: skip
    assert "did you mean 'Bayern'?" in found[3] and "province 'Bayern'" in found[4]
    # After the first corrections, only errors of the first report remain.
    write(workdir)
    (workdir / "s.yaml").write_text(SCENARIO.replace("Bayren", "Bayern"), encoding="utf-8")
    assert check_errors(capsys, monkeypatch) == found[4:]


def test_an_error_is_reported_once_and_without_consequential_errors(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (workdir / "s.yaml").write_text(SCENARIO.replace("Bayren", "Bayern") + "data: data\n", encoding="utf-8")
    (workdir / "data").mkdir()
    (workdir / "data" / "references.csv").write_text(
        "reference,citation,where,licence,use,projects_in\nMINE,Own book,shelf\n", encoding="utf-8"
    )
    write(workdir, W1={"reference": "MINE", "quality": "reported"}, W2={"plant": "", "capacity_ktpa": "much"})
    found = check_errors(capsys, monkeypatch)
    assert sorted(each.split(": ")[0] for each in found) == [
        "data/references.csv:2", "mine.csv:4:capacity_ktpa", "mine.csv:4:plant", "prices/fuels.csv",
        "prices/grid_factors.csv",
    ]  # fmt: skip


def test_a_table_in_the_wrong_folder_is_reported_with_its_expected_path(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (workdir / "s.yaml").write_text(SCENARIO.replace("Bayren", "Bayern") + "data: data\n", encoding="utf-8")
    (workdir / "data").mkdir()
    (workdir / "data" / "sites.csv").write_text("site,name\n", encoding="utf-8")
    found = check_errors(capsys, monkeypatch)
    assert found[0] == "data/sites.csv: is not a table (did you mean 'storage/sites.csv'?)"
    assert {each.split(": ")[0] for each in found[1:]} == {"prices/fuels.csv", "prices/grid_factors.csv"}


def test_a_missing_numeric_column_does_not_hide_other_errors_in_json(workdir: Path) -> None:
    from ccs_model.cli import group

    text = (workdir / "mine.csv").read_text(encoding="utf-8").replace("capacity_ktpa", "capazity")
    (workdir / "mine.csv").write_text(text, encoding="utf-8")
    answer = CliRunner().invoke(group, ["check", "s.yaml", "--json"], standalone_mode=False)
    assert answer.return_value == 3
    errors = json.loads(answer.stdout)["errors"]
    assert [each["where"] for each in errors] == [
        "mine.csv:1", "mine.csv:1", "s.yaml:2:45", "prices/fuels.csv", "prices/grid_factors.csv",
    ]  # fmt: skip


def test_a_column_without_valid_cells_does_not_hide_later_errors(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {f"W{k}": {"status": "running"} for k in range(3)}
    write(workdir, **wrong)
    (workdir / "s.yaml").write_text(SCENARIO.replace(", provinces: [Bayren]", ""), encoding="utf-8")
    lines = check_errors(capsys, monkeypatch)
    assert sum("'running' is unknown" in line for line in lines) == 3
    assert any("no row for province 'Bayern'" in line for line in lines), lines
