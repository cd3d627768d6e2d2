"""Verification finds and names every alteration of a run."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from ccs_model.analysis import verify as verifying
from ccs_model.analysis.frontier import frontier
from ccs_model.analysis.verify import Check, Verification, difference, verify
from ccs_model.errors import CHECK_FAILED, FileError, InputError, Issue, MissingExtraError
from ccs_model.paths import data_folder
from ccs_model.plan.plan import Plan
from ccs_model.plan.stored_run import Edit, Revision
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.report.workbook import recalculation as engine
from ccs_model.report.workbook.recalculation import stored_cells
from ccs_model.runs import run_reader as run_files
from ccs_model.runs.run_writer import write_run_folder
from ccs_model.scenario import Scenario

pytestmark = pytest.mark.slow  # the workbook is recalculated with the extra verify

SHARED = {"transport.shared_trunklines": True, "storage.sites": ["Qinshui", "Ordos"], "budget.total_mn": 1_800}


@pytest.fixture(scope="module")
def run(solved: Callable[..., Plan], tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = solved(SHARED, {"solver.mip_gap": 0.02})
    return write_run_folder(plan, tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "run"))


@pytest.fixture(scope="module")
def requested(run: Path) -> tuple[Problem, bytes]:
    """The problem of the run, and the bytes of its workbook."""
    return build_problem(*read_checked(run / "scenario.resolved.yaml")), (run / "plan.xlsx").read_bytes()


@pytest.fixture
def altered(copy: Path, requested: tuple[Problem, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy with unchanged problem and plan; other tests cover reading, building and writing."""
    monkeypatch.setattr(verifying, "_rebuilt_problem", lambda path, must: (requested[0], ""))
    monkeypatch.setattr(verifying, "workbook_bytes", lambda plan: requested[1])
    return copy


def failed_checks(result: Verification) -> dict[str, Check]:
    """The failed checks by the first words of their names."""
    return {re.split(r"[:\d]", check.name)[0].strip(): check for check in result.checks if not check.holds}


def replace_in_file(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_an_unchanged_run_passes(run: Path) -> None:
    reported: list[str] = []
    result = verify(run, on_progress=reported.append)
    assert result.all_hold, failed_checks(result)
    assert len(result.checks) == 15 and not result.skipped
    figures = {check.name.partition(":")[0]: check.figure for check in result.checks if check.unit == "distance"}
    assert max(figures.values()) <= 1e-6
    formulas = int(result.checks[-1].name.split()[0].replace(",", ""))
    assert formulas > 2_000
    assert reported[0] == "hashing inputs and outputs" and len(reported) == 5


def test_runs_with_results_of_other_solves_pass_and_name_them(
    small: Callable[..., Scenario], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from ccs_model.cli.inspect_run import verify as command

    plan = frontier(small(), n_points=2)
    edit = Edit("Inputs!D8", "budget_mn", "budget.total_mn", 1_000.0, 2_000.0)
    totals = MappingProxyType({name: value for name, value in plan.totals.items() if value is not None})
    revised = replace(plan, revision=Revision("mine.xlsx", "small-1a2b3c4d", (edit,), totals, money="CNY 2024"))
    folder = write_run_folder(revised, tmp_path / "run")
    assert command.main([str(folder)], standalone_mode=False) == 0
    notice = "not recomputed, results of other solves: sheet Frontier, sheet Changes, tables/frontier.csv"
    assert notice in capfd.readouterr().err
    # Every other number is still compared, such as those of sheet Data.
    scale_cell(folder / "plan.xlsx", 18, r'<c r="(E\d+)" s="\d+"><v>([-\d.e]+)</v>', 1 + 1e-7)
    replace_in_file(folder / "tables" / "frontier.csv", "0.0", "0.1")
    found = failed_checks(verify(folder))
    assert set(found) == {"every file of the run is unchanged", "the workbook's"}
    assert "tables/frontier.csv: changed" in found["every file of the run is unchanged"].found


def test_the_stored_solution_is_that_of_the_plan_and_is_reproducible(
    run: Path, solved: Callable[..., Plan], tmp_path: Path
) -> None:
    with (run / "tables" / "point.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    built = [json.loads(row["index"]) for row in rows if row["variable"] == "build"]
    retrofits = json.loads((run / "plan.json").read_text(encoding="utf-8"))["retrofits"]
    assert sorted((index[0].split("/")[0], index[1]) for index in built) == sorted(
        (each["plant"], each["year"]) for each in retrofits
    )
    again = write_run_folder(solved(SHARED, {"solver.mip_gap": 0.02}), tmp_path / "again")
    assert (again / "tables/point.csv").read_bytes() == (run / "tables/point.csv").read_bytes()


def test_a_changed_figure_of_plan_json_is_located(altered: Path) -> None:
    path = altered / "plan.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["totals"]["captured_ktpa"] *= 1 + 1e-7
    document["retrofits"][0]["capex_mn"] *= 1 + 1e-7
    document["terms"]["captured_kt"] *= 1 + 1e-7
    path.write_text(json.dumps(document), encoding="utf-8")
    found = failed_checks(verify(altered))
    assert set(found) == {
        "every file of the run is unchanged", "objective and its terms", "totals", "the rest of plan.json",
    }  # fmt: skip
    assert found["totals"].found[0].startswith("totals.captured_ktpa: ")
    assert found["totals"].figure == pytest.approx(1e-7, rel=1e-3)
    assert found["objective and its terms"].found[0].startswith("terms.captured_kt: ")
    assert found["the rest of plan.json"].found == (found["the rest of plan.json"].found[0],)
    assert "retrofits[0].capex_mn" in found["the rest of plan.json"].found[0]


def test_a_bound_below_the_objective_value_is_found(altered: Path) -> None:
    path = altered / "plan.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["objective"]["searched_bound"] = 0.5 * document["objective"]["value"]
    path.write_text(json.dumps(document), encoding="utf-8")
    found = failed_checks(verify(altered))
    assert any(each.startswith("objective.searched_bound: ") for each in found["objective and its terms"].found)


def test_a_changed_table_cell_is_located(altered: Path) -> None:
    path = altered / "tables" / "costs.csv"
    value = path.read_text(encoding="utf-8").splitlines()[1].split(",")[1]
    replace_in_file(path, value, repr(float(value) * (1 + 1e-7)))
    (altered / "tables" / "more.csv").write_text("a\n1\n", encoding="utf-8")
    (altered / "tables" / "zones.csv").unlink()
    found = failed_checks(verify(altered))
    assert set(found) == {"every file of the run is unchanged", "tables"}
    message = found["tables"].found
    assert "tables/zones.csv: missing" in message and "tables/more.csv: is not a table of a run" in message
    assert any(each.startswith("tables/costs.csv: discounted_mn[0]: ") for each in message)
    written = found["every file of the run is unchanged"]
    assert written.found == ("tables/costs.csv: changed", "tables/zones.csv: missing")


def test_a_solution_that_violates_a_constraint_or_integrality_is_found(altered: Path) -> None:
    path = altered / "tables" / "point.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"(\nbuild,[^\n]*,)1\.0\n", r"\g<1>0.5\n", text, count=1), encoding="utf-8")
    found = failed_checks(verify(altered))
    assert found["integer decisions are integer"].figure == pytest.approx(0.5)
    assert any(name.startswith("all") for name in found)
    assert found["the answer can be recomputed from the point"].found == ("the point does not hold",)

    path.write_text(text + 'build,"[""no/such/route/full"", 2026]",1.0\n', encoding="utf-8")
    found = failed_checks(verify(altered))
    assert found["the point's columns are the model's"].found == ('build["no/such/route/full", 2026]: no such column',)


def test_a_run_without_its_solution_table_is_an_input_error_with_a_hint(altered: Path) -> None:
    (altered / "tables" / "point.csv").unlink()
    with pytest.raises(InputError, match=r"point\.csv: is missing.*optimize --force"):
        verify(altered)
    (altered / "tables" / "point.csv").write_text("variable,index,value\nbuild,[],one\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"point\.csv: is not a solution table"):
        verify(altered)


def scale_cell(path: Path, sheet_at: int, pattern: str, factor: float) -> str:
    """Multiply the stored value of the first cell that matches `pattern` (address, value); return its address."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = f"xl/worksheets/sheet{sheet_at}.xml"
    text = parts[name].decode()
    cell = next(each for each in re.finditer(pattern, text) if abs(float(each[2])) > 1)
    new = f"{text[: cell.start(2)]}{float(cell[2]) * factor!r}{text[cell.end(2) :]}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part, new.encode() if part == name else content)
    return cell[1]


def test_a_cell_of_the_workbook_that_is_off_by_a_ten_millionth_is_found(altered: Path) -> None:
    # Sheet CashFlow: the value stored beside a formula.
    at = scale_cell(altered / "plan.xlsx", 11, r'<c r="([A-Z]+\d+)"[^>]*><f>[^<]*</f><v>([-\d.e]+)</v>', 1 + 1e-7)
    result = verify(altered)
    found = failed_checks(result)
    assert set(found) == {"every file of the run is unchanged", "the workbook's", ""}
    assert found["the workbook's"].found[0].startswith(f"CashFlow!{at}: ")
    again = result.checks[-1]
    assert not again.holds and again.found[0].startswith(f"CashFlow!{at}: ") and len(again.found) == 1
    assert again.figure == pytest.approx(1e-7, rel=1e-3)


def test_a_number_without_a_formula_is_compared_with_the_plan(altered: Path) -> None:
    # Sheet Data contains no formulas, and no formula refers to it.
    at = scale_cell(altered / "plan.xlsx", 17, r'<c r="(E\d+)" s="\d+"><v>([-\d.e]+)</v>', 1 + 1e-7)
    found = failed_checks(verify(altered))
    assert [each.split(":")[0] for each in found["the workbook's"].found] == [f"Data!{at}"]


def test_formulas_that_the_engine_cannot_compute_are_named(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "plan.xlsx"
    with zipfile.ZipFile(run / "plan.xlsx") as archive, zipfile.ZipFile(path, "w") as changed_archive:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "xl/worksheets/sheet11.xml":
                content = content.replace(b"<f>SUM(", b"<f>NOSUCH(", 1)
            changed_archive.writestr(name, content)
    raw = path.read_bytes()
    found = engine.recompute_workbook(raw, stored_cells(raw, "plan.xlsx"))
    assert not found.holds and found.n_compared > 2_000
    assert re.match(r"CashFlow!\w+: formualizer cannot compute it: Name", found.not_compared[0])


def test_a_damaged_workbook_is_a_failed_check(altered: Path) -> None:
    path = altered / "plan.xlsx"
    path.write_bytes(path.read_bytes()[:-200])
    found = failed_checks(verify(altered))
    assert "the workbook is damaged" in found["the workbook can be read"].found[0]


def test_a_run_is_verified_without_the_spreadsheet_engine(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "formualizer", None)
    with pytest.raises(MissingExtraError):
        engine.engine()
    result = verify(run)
    assert result.all_hold and len(result.checks) == 14
    assert 'python -m pip install "ccs-model[verify]"' in result.skipped[0]


def test_a_changed_input_is_named(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = Path(shutil.copytree(data_folder(), tmp_path / "data"))
    carbon = tables / "prices" / "carbon.csv"
    carbon.write_bytes(carbon.read_bytes() + b"\n")
    (tables / "geo" / "unused.csv").write_text("", encoding="utf-8")
    (tables / "policy" / "ets.csv").unlink()
    monkeypatch.setattr(run_files, "data_folder", lambda: tables)
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    n, message = run_files.changed_inputs(copy, manifest)
    assert n == len(manifest["inputs"]) >= 50
    assert message == ["policy/ets.csv: missing from data/", "prices/carbon.csv: changed"]
    found = failed_checks(verify(copy))
    assert set(found) == {"every input is unchanged"}


def test_copies_of_own_tables_are_hashed(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "works-2.csv").write_bytes(b"abc")
    manifest = {
        "inputs": {
            "own:works.csv": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "own:other.csv": "00" * 32,
        }
    }
    assert run_files.changed_inputs(tmp_path, manifest) == (
        2, ["own:other.csv: its copy in own/ is missing or has changed"],
    )  # fmt: skip


def test_a_scenario_that_differs_from_the_manifest_is_found(copy: Path) -> None:
    replace_in_file(copy / "scenario.resolved.yaml", "total_mn: 1800", "total_mn: 1900")
    found = failed_checks(verify(copy))
    assert {"every file of the run is unchanged", "the input hash is that of the manifest"} <= set(found)
    assert "the rest of plan.json" in found or "totals" in found


def test_a_folder_that_is_not_a_run_is_reported(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such run folder"):
        verify(tmp_path / "nothing")
    with pytest.raises(InputError, match="is not a run"):
        verify(tmp_path)


def test_documents_are_compared_value_by_value() -> None:
    one = {"a": [1.0, None, "x"], "b": {"c": True}, "d": [1], "e": float("nan")}
    assert difference(one, {**one, "e": float("nan")}) == (6, 0.0, [])
    other = {"a": [1.0 + 1e-6, 2.0, "x"], "b": {}, "d": [1, 2], "f": 0}
    n, largest, texts = difference(one, other)
    assert n == 7
    assert largest == pytest.approx(1.0)
    assert [each.split(":")[0] for each in texts] == ["a[0]", "a[1]", "b.c", "d, rows", "e", "f"]


@pytest.mark.parametrize("alter", [False, True])
def test_the_command_prints_a_table_or_a_json_document(
    altered: Path, alter: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    from ccs_model.cli.inspect_run import verify as command

    if alter:
        replace_in_file(altered / "tables" / "zones.csv", "Shanxi", "Shanxl")
    code = command.main([str(altered), "--json", "-q"], standalone_mode=False)
    shown = json.loads(capfd.readouterr().out)
    assert code == (CHECK_FAILED if alter else 0)
    assert shown["schema"] == "ccs-model/verify/2" and shown["all_hold"] is not alter
    assert "objective.searched_bound" in shown["not_checked"]
    if alter:
        assert command.main([str(altered)], standalone_mode=False) == CHECK_FAILED
        reported = capfd.readouterr()
        assert reported.err.splitlines()[0] == "  hashing inputs and outputs"
        assert reported.out.splitlines()[0].split() == ["check", "holds", "figure"]
        assert "    tables/zones.csv: zone[0]: 'Shanxl', expected 'Shanxi'" in reported.out.splitlines()
        assert reported.out.splitlines()[-1] == "13 of 15 checks passed."


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("plan.json", b"{", "plan.json: is not JSON"),
        ("plan.json", b"\xff\xfe", "plan.json: is not UTF-8 text"),
        ("manifest.json", b"[", "manifest.json: is not JSON"),
    ],
)
def test_files_of_a_run_that_cannot_be_read_are_named(copy: Path, name: str, content: bytes, error: str) -> None:
    (copy / name).write_bytes(content)
    with pytest.raises((InputError, FileError)) as caught:
        verify(copy)
    assert error in str(caught.value)


def test_an_incomplete_plan_json_is_a_failed_check(altered: Path) -> None:
    path = altered / "plan.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    del document["objective"]["searched_gap_share"]
    document["relaxation"] = None
    path.write_text(json.dumps(document), encoding="utf-8")
    found = failed_checks(verify(altered))
    assert any("plan.json cannot be read as a plan" in message for check in found.values() for message in check.found)


def test_an_empty_table_file_is_named(altered: Path) -> None:
    (altered / "tables" / "costs.csv").write_text("", encoding="utf-8")
    found = failed_checks(verify(altered))
    assert any(each.startswith("tables/costs.csv: ") for each in found["tables"].found)


def test_a_problem_that_can_no_longer_be_built_is_a_failed_check(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_input_error(path: Path) -> None:
        raise InputError([Issue("prices/carbon.csv:2", "is empty")])

    monkeypatch.setattr(verifying, "read_checked", raise_input_error)
    # With unchanged inputs, the error is raised for the user to correct.
    with pytest.raises(InputError, match="is empty"):
        verify(copy)
    tables = Path(shutil.copytree(data_folder(), tmp_path / "data"))
    (tables / "prices" / "carbon.csv").write_text("", encoding="utf-8")
    monkeypatch.setattr(run_files, "data_folder", lambda: tables)
    found = failed_checks(verify(copy))
    assert found["the problem can be built"].found == ("prices/carbon.csv:2: is empty",)
    assert "every input is unchanged" in found
