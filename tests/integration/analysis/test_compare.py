"""Comparison of runs: differences, plants that enter and leave, changed inputs, and the workbook."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner

import ccs_model as ccs
from ccs_model.analysis.compare import CHANGES, ENTERS, LEAVES, Comparison, compare
from ccs_model.cli import group
from ccs_model.cli.inspect_run import _comparison_text
from ccs_model.errors import InputError
from ccs_model.plan.plan import Plan
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.text_tables import width_of
from ccs_model.runs.run_reader import run_of

pytestmark = pytest.mark.slow

HOSTILE = '=cmd|"/c calc"!A1'


# Two plans, with budgets of CNY 2,000 and 1,500 million.


@pytest.fixture(scope="module")
def plan_2000(solved: Callable[..., Plan]) -> Plan:
    return solved({})


@pytest.fixture(scope="module")
def plan_1500(solved: Callable[..., Plan]) -> Plan:
    return solved({}, {"budget.total_mn": 1_500})


@pytest.fixture(scope="module")
def found(plan_2000: Plan, plan_1500: Plan) -> Comparison:
    return compare([plan_2000, plan_1500])


@pytest.fixture(scope="module")
def folders(plan_2000: Plan, plan_1500: Plan, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    home = tmp_path_factory.mktemp("runs")
    return [plan.to_folder(home / name) for plan, name in ((plan_2000, "b2000"), (plan_1500, "b1500"))]


def test_columns_hold_the_values_of_the_runs_and_their_differences(
    found: Comparison, plan_2000: Plan, plan_1500: Plan
) -> None:
    first, second = found.names
    totals = found.totals.set_index("quantity")
    for name, value in plan_2000.totals.items():
        if value is not None:
            assert totals.at[name, first] == pytest.approx(value)
            assert totals.at[name, second] == pytest.approx(plan_1500.totals[name])
    for table in (found.totals, found.years, found.zones, found.costs, found.terms, found.ledger):
        pd.testing.assert_series_equal(
            table[f"{second} − first"], table[second] - table[first], check_names=False, rtol=1e-12
        )
    # A budget of 1,500 minus one of 2,000.
    assert totals.at["budget_mn", f"{second} − first"] == pytest.approx(-500.0)
    assert totals.at["budget_mn", "unit"] == "million CNY 2024"


def test_differences_of_the_terms_sum_to_the_difference_of_the_objective(
    found: Comparison, plan_2000: Plan, plan_1500: Plan
) -> None:
    gained = found.terms[f"{found.names[1]} − first"].sum()
    assert gained == pytest.approx(plan_1500.objective.value - plan_2000.objective.value)


def test_plants_that_enter_and_leave_are_set_differences(found: Comparison, plan_2000: Plan, plan_1500: Plan) -> None:
    before, after = set(plan_2000.retrofits["plant"]), set(plan_1500.retrofits["plant"])
    moved = found.plants.set_index("plant")["change"]
    assert len(moved)
    assert set(moved[moved == ENTERS].index) == after - before
    assert set(moved[moved == LEAVES].index) == before - after
    assert set(moved[moved == CHANGES].index) <= before & after
    gained = found.plants["avoided_ktpa"].sum() - found.plants["first_avoided_ktpa"].sum()
    by_plant = [plan.retrofits.groupby("plant")["avoided_ktpa"].sum() for plan in (plan_2000, plan_1500)]
    kept = [plant for plant in before & after if plant not in moved.index]
    rest = float(by_plant[1].reindex(kept).sum() - by_plant[0].reindex(kept).sum())
    assert gained + rest == pytest.approx(plan_1500.totals["avoided_ktpa"] - plan_2000.totals["avoided_ktpa"])


def test_reversed_order_reverses_every_sign(found: Comparison, plan_2000: Plan, plan_1500: Plan) -> None:
    back = compare([plan_1500, plan_2000])
    first, second = found.names
    forward = found.totals.set_index("quantity")[f"{second} − first"]
    reverse = back.totals.set_index("quantity")[f"{first} − first"]
    pd.testing.assert_series_equal(forward, -reverse, check_names=False)
    opposite = {ENTERS: LEAVES, LEAVES: ENTERS, CHANGES: CHANGES}
    moved = found.plants.set_index("plant")["change"].map(opposite).sort_index()
    pd.testing.assert_series_equal(moved, back.plants.set_index("plant")["change"].sort_index(), check_names=False)


def test_only_changed_scenario_keys_are_listed(found: Comparison) -> None:
    (row,) = found.inputs.to_dict("records")
    assert (row["kind"], row["input"]) == ("scenario", "budget.total_mn")
    assert [float(row[name]) for name in found.names] == [2_000.0, 1_500.0]


def test_interpolated_years_of_a_price_path_are_not_listed_as_changes(plan_2000: Plan) -> None:
    run = run_of(plan_2000)

    def with_price_path(path: dict[int, float]) -> StoredRun:
        return replace(run, scenario=run.scenario.with_changes({"policy.carbon_price_per_t": path}))

    two = with_price_path({2026: 20.0, 2035: 80.0})
    assert compare([two, with_price_path({2026: 20.0, 2027: 26.66666666666667, 2035: 80.0, 2040: 80.0})]).inputs.empty
    (row,) = compare([two, with_price_path({2026: 20.0, 2027: 30.0, 2035: 80.0})]).inputs.to_dict("records")
    assert row["input"] == "policy.carbon_price_per_t.2027"
    assert "–" not in row.values() and "" not in row.values()


def test_a_changed_table_is_listed_by_its_hash(plan_2000: Plan) -> None:
    run = run_of(plan_2000)
    other = replace(run, inputs={**run.inputs, "prices/power.csv": "0" * 64})
    found = compare([run, other])
    assert list(found.inputs["input"]) == ["prices/power.csv"] and found.inputs[found.names[1]].item() == "0" * 12


def test_a_run_does_not_differ_from_itself(plan_2000: Plan) -> None:
    found = compare([plan_2000, plan_2000, plan_2000])
    assert len(set(found.names)) == 3
    assert found.plants.empty and found.inputs.empty
    for name in found.names[1:]:
        assert not found.totals[f"{name} − first"].fillna(0.0).any()


def test_components_added_to_the_model_are_listed_as_a_changed_input(plan_2000: Plan) -> None:
    changed = replace(plan_2000, added_components=("bounds of build",))
    rows = compare([plan_2000, changed]).inputs
    assert rows[["kind", "input"]].to_numpy().tolist() == [["model", "added or changed"]]
    assert rows.iloc[0, 2:].tolist() == ["", "bounds of build"]


def test_amounts_in_different_currencies_are_not_subtracted(plan_2000: Plan) -> None:
    run = run_of(plan_2000)
    other = replace(run, document={**run.document, "currency": "USD"})
    found = compare([run, other])
    totals = found.totals.set_index("quantity")
    differ = f"{found.names[1]} − first"
    assert pd.isna(totals.at["capex_mn", differ])
    assert totals.at["capex_mn", "unit"] == "million own money"
    assert totals.at["captured_ktpa", differ] == 0.0
    text = " ".join(_comparison_text(found).split())
    assert f"different money (A CNY {run.document['price_year']}, B USD {run.document['price_year']})" in text
    assert "amounts and costs per tonne have no differences" in text


def test_the_difference_of_a_cost_term_of_only_one_run_is_its_value(plan_2000: Plan) -> None:
    run = run_of(plan_2000)
    costs = {**run.document["costs"], "paid_mn": -31_681.0}
    found = compare([run, replace(run, document={**run.document, "costs": costs})])
    row = found.costs.set_index("term").loc["paid_mn"]
    assert pd.isna(row[found.names[0]]) and row[f"{found.names[1]} − first"] == -31_681.0


def test_ledger_items_are_compared_and_different_discount_rates_are_reported(plan_2000: Plan) -> None:
    run = run_of(plan_2000)
    grant = {
        "item": "grants_mn",
        "owners_mn": 500.0,
        "public_purse_mn": -500.0,
        "financiers_mn": 0.0,
        "society_mn": 0.0,
    }
    changed = {
        **run.document,
        "ledger": [*run.document["ledger"], grant],
        "context": {**run.document["context"], "discount_rate": 0.05},
    }
    found = compare([run, replace(run, document=changed)])
    rows = found.ledger.set_index(["item", "quantity"])[f"{found.names[1]} − first"]
    assert rows["grants_mn", "public_purse_mn"] == -500.0 and rows["tax_mn", "public_purse_mn"] == 0.0
    text = " ".join(_comparison_text(found).split())
    assert "Grants million CNY 2024 – -500 -500" in text
    assert "The owners' discount rates differ (A 8%, B 5%)" in text
    assert "discount rates differ" not in _comparison_text(compare([run, run]))
    undiscounted = {**changed, "context": {**run.document["context"], "discount_rate": 0.0}}
    text = _comparison_text(compare([run, replace(run, document=undiscounted)]))
    assert "The owners' discount rates differ (A 8%, B 0%)" in " ".join(text.split())


def test_a_changed_plant_shows_the_retrofits_of_both_runs(plan_2000: Plan) -> None:
    run = run_of(plan_2000)
    first, *others = run.document["retrofits"]
    later = {**first, "year": 2099}
    text = _comparison_text(compare([run, replace(run, document={**run.document, "retrofits": [later, *others]})]))
    assert f"{first['plant']}: A " in text and f" {first['year']} → " in text and " 2099 → " in text


def test_a_comparison_has_words_for_objectives_states_and_quantities(plan_2000: Plan) -> None:
    run = run_of(plan_2000)
    limited = replace(run, document={**run.document, "status": "limit"})
    near = replace(run, document={**run.document, "status": "within_gap"})
    text = _comparison_text(compare([limited, near]))
    assert "max abatement, limit reached: " in text and "max abatement, within gap: " in text
    assert "Break-even carbon value" in text and "Break even" not in text


def test_comparing_a_static_run_with_a_multi_period_run_is_reported(plan_2000: Plan) -> None:
    run = run_of(plan_2000)
    found = compare([run, replace(run, scenario=run.scenario.with_changes({"years": "static"}))])
    assert "Some runs plan one year and others several" in _comparison_text(found)
    assert "Some runs plan" not in _comparison_text(compare([run, run]))


@pytest.mark.parametrize("n_runs", [2, 5])
def test_a_comparison_fits_a_narrow_terminal(
    plan_2000: Plan, plan_1500: Plan, monkeypatch: pytest.MonkeyPatch, n_runs: int
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = _comparison_text(compare([plan_2000, *[plan_1500] * (n_runs - 1)])).splitlines()
    assert max(map(width_of, lines)) <= 80
    assert any(line.endswith("B − A") for line in lines)
    assert ("more on a wider terminal" in "".join(lines)) == (n_runs > 2)


def test_folders_and_plans_give_the_same_comparison(found: Comparison, folders: list[Path]) -> None:
    stored = compare(folders)
    assert stored.names == ("b2000", "b1500")
    renamed = dict(zip(found.names, stored.names, strict=True))
    renamed |= {f"{name} − first": f"{new} − first" for name, new in renamed.items()}
    for name, table in found.tables.items():
        pd.testing.assert_frame_equal(stored.tables[name], table.rename(columns=renamed).replace(renamed), rtol=1e-15)
    assert ccs.compare(folders).to_dict() == stored.to_dict()


def test_a_single_run_is_an_input_error(plan_2000: Plan) -> None:
    with pytest.raises(InputError, match="two or more"):
        compare([plan_2000])


def test_the_workbook_stores_differences_as_formulas_with_cached_values(found: Comparison, tmp_path: Path) -> None:
    path = found.to_excel(tmp_path / "c.xlsx")
    formulas, cached = openpyxl.load_workbook(path), openpyxl.load_workbook(path, data_only=True)
    assert formulas.sheetnames == ["Runs", "Totals", "Years", "Zones", "Costs", "Terms", "Ledger", "Plants", "Inputs"]
    n_formulas = 0
    for sheet in formulas.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    here, there = cell.value[1:].split("-")
                    values = cached[sheet.title]
                    value = values[here].value - values[there].value
                    assert values[cell.coordinate].value == pytest.approx(value, rel=1e-9, abs=1e-9)
                    n_formulas += 1
    expected = sum(
        int(table[f"{found.names[1]} − first"].notna().sum())
        for table in (found.totals, found.years, found.zones, found.costs, found.terms, found.ledger)
    )
    assert n_formulas == expected > 0


def test_the_workbook_names_quantities_as_the_workbook_of_a_plan(found: Comparison, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(found.to_excel(tmp_path / "c.xlsx"))
    for sheet, column, text in (("Totals", 1, "Abatement share"), ("Costs", 1, "Capture fixed O&M"),
                                ("Ledger", 1, "Capture capex"), ("Ledger", 2, "Public purse"),
                                ("Years", 2, "Retrofits started")):  # fmt: skip
        cells = [row[column - 1].value for row in book[sheet].iter_rows(min_row=5)]
        assert text in cells and not any("_" in str(cell) for cell in cells), sheet
    headings = [cell.value for cell in book["Runs"][4]]
    assert headings[-1] == "SHA-256 of the inputs" and "Optimality gap" in headings
    assert "First run: capex, million CNY 2024" in [cell.value for cell in book["Plants"][4]]


def test_the_same_runs_give_the_same_bytes(found: Comparison, folders: list[Path], tmp_path: Path) -> None:
    one, other = (compare(folders).to_excel(tmp_path / name) for name in ("a.xlsx", "b.xlsx"))
    assert one.read_bytes() == other.read_bytes()


def test_text_that_looks_like_a_formula_stays_text(plan_2000: Plan, tmp_path: Path) -> None:
    run = run_of(plan_2000)
    document = json.loads(json.dumps(run.document))
    for row in document["retrofits"]:
        row["name"] = HOSTILE
    found = compare([replace(run, document={**run.document, "retrofits": []}), replace(run, document=document)])
    sheet = openpyxl.load_workbook(found.to_excel(tmp_path / "x.xlsx"))["Plants"]
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value == HOSTILE]
    assert cells and all(cell.data_type == "s" for cell in cells)


def test_the_command_prints_a_table_or_a_json_document(folders: list[Path], tmp_path: Path) -> None:
    args = ["compare", *map(str, folders)]
    message = CliRunner().invoke(group, args, standalone_mode=False)
    assert message.exception is None
    assert "budget.total_mn" in message.output and "B − A" in message.output and "-o FILE.xlsx" in message.output
    reported = CliRunner().invoke(group, [*args, "--json", "-o", str(tmp_path / "c.xlsx")], standalone_mode=False)
    document = json.loads(reported.output)
    assert document["schema"] == "ccs-model/compare/2" and document["names"] == ["b2000", "b1500"]
    assert (tmp_path / "c.xlsx").is_file()


@pytest.mark.parametrize("args", [["{0}"], ["{0}", "{1}", "-o", "c.csv"]])
def test_invalid_usage_exits_with_code_2(folders: list[Path], args: list[str]) -> None:
    message = CliRunner().invoke(group, ["compare", *(arg.format(*folders) for arg in args)])
    assert message.exit_code == 2
