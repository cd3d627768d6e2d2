"""Sheets Transport and Storage: pipes, sites, flows and costs match the plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from openpyxl.cell import Cell
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from ccs_model.plan.plan import Plan
from ccs_model.problem import build_problem
from ccs_model.report.pipe_tables import flows_by_year, pipes_table
from ccs_model.report.workbook.book import READ_BACK
from ccs_model.report.workbook.edited_workbook import read_edited_workbook
from ccs_model.report.workbook.transport_sheet import _limit
from tests.integration.report.conftest import read_back
from tests.integration.report.reading import headings, main_table, texts


def rows_below(sheet: Worksheet, heading: str) -> list[list[Cell]]:
    """Rows of the table below a section heading, with totals and without rows of letters, headings and units."""
    first = next(row[0].row for row in sheet.iter_rows() if row[0].value == heading) + 4
    rows = []
    for row in sheet.iter_rows(first):
        if row[0].value is None:
            break
        rows.append(list(row))
    return rows


def total_row(sheet: Worksheet) -> list[Cell]:
    rows = main_table(sheet)
    return list(sheet[rows[-1][0].row + 1])


def column_of(sheet: Worksheet, label: str) -> int:
    return headings(sheet).index(label)


def test_transport_sheet_has_one_row_per_pipe_and_the_totals_of_the_plan(plan: Plan, book: Workbook) -> None:
    sheet = book["Transport"]
    assert [row[0].value for row in main_table(sheet)] == list(plan.retrofits["plant"])
    total = total_row(sheet)
    assert total[0].value == "Total"
    assert total[column_of(sheet, "Capex")].value == pytest.approx(plan.totals["pipe_capex_mn"], rel=1e-12)
    assert total[column_of(sheet, "Flow, last period")].value == pytest.approx(plan.totals["captured_ktpa"], rel=1e-9)


def test_transport_cost_per_tonne_is_total_cost_per_captured_tonne(plan: Plan, book: Workbook) -> None:
    sheet = book["Transport"]
    parts = [column_of(sheet, label) for label in ("Capital", "Fixed O&M", "Booster power")]
    for row in [*main_table(sheet), total_row(sheet)]:
        cost = sum(row[part].value for part in parts)
        assert row[column_of(sheet, "Transport, total")].value == pytest.approx(cost, rel=1e-12)
        per_t = cost * 1000 / row[column_of(sheet, "Flow, last period")].value
        assert row[column_of(sheet, "Transport")].value == pytest.approx(per_t, rel=1e-9)
    # Capture, transport and storage costs add up to the annual cost of each retrofit.
    pipes = pipes_table(plan).set_index("route")
    retrofits = plan.retrofits.set_index("route")
    storage_mn = retrofits[["storage_capital_mn_pa", "storage_om_mn_pa", "storage_mn_pa"]].sum(axis=1)
    cost_per_t = retrofits["capture_cost_per_t"] + pipes["transport_cost_per_t"]
    yearly_mn = cost_per_t * retrofits["captured_ktpa"] / 1000 + storage_mn
    assert list(yearly_mn) == pytest.approx(list(retrofits["cost_mn_pa"]), rel=1e-9)


def test_flows_by_period_match_the_plan(plan: Plan, book: Workbook) -> None:
    *rows, total = rows_below(book["Transport"], "Flows by period (annual mean)")
    assert len(rows) == len(plan.retrofits)
    by_year = plan.flows.groupby("year")["flow_ktpa"].sum()
    found = [cell.value for cell in total[4 : 4 + len(plan.problem.years)]]
    assert found == pytest.approx([by_year.get(year, 0.0) for year in plan.problem.years], rel=1e-12)
    assert flows_by_year(plan).to_numpy().sum() == pytest.approx(plan.flows["flow_ktpa"].sum(), rel=1e-12)


def test_pipe_of_two_partial_retrofits_is_one_row(plan: Plan) -> None:
    part = plan.retrofits.iloc[[0, 0]].assign(share=[0.25, 0.5], pipe_capex_mn=[1.0, 2.0])
    (row,) = pipes_table(replace(plan, retrofits=part)).to_dict("records")
    nameplate_ktpa = plan.problem.routes.set_index("route").at[row["route"], "nameplate_ktpa"]
    assert (row["capacity_ktpa"], row["pipe_capex_mn"]) == (pytest.approx(0.75 * nameplate_ktpa), 3.0)
    cost_per_t = pipes_table(plan).set_index("route").at[row["route"], "transport_cost_per_t"]
    assert row["transport_cost_per_t"] == pytest.approx(cost_per_t, rel=1e-12)


def test_storage_sheet_matches_injection_and_capacity_of_the_plan(plan: Plan, book: Workbook) -> None:
    sheet = book["Storage"]
    last = plan.storage[plan.storage["year"] == plan.problem.years[-1]].set_index("site")
    rows = main_table(sheet)
    ids = [row[column_of(sheet, "Site id")].value for row in rows]
    assert ids == list(last.index)
    names = plan.problem.sites.set_index("site")["name"]
    assert [row[0].value for row in rows] == list(names[ids])
    for row in rows:
        site = last.loc[row[column_of(sheet, "Site id")].value]
        assert row[column_of(sheet, "Injected, last period")].value == pytest.approx(site["injected_ktpa"], rel=1e-12)
        assert row[column_of(sheet, "Stored at the end")].value == pytest.approx(site["stored_kt"], rel=1e-12)
        assert row[column_of(sheet, "Usable capacity")].value == pytest.approx(site["capacity_kt"], rel=1e-12)
        filled = (site["stored_kt"] + site["committed_kt"]) / site["capacity_kt"]
        assert row[column_of(sheet, "Filled or committed")].value == pytest.approx(filled, rel=1e-12)
        assert row[column_of(sheet, "Binding limit")].value == "none"


def test_closure_includes_post_injection_care(plan: Plan, book: Workbook) -> None:
    sites = plan.problem.sites.set_index("site")
    closure_mn = sites["closure_mn"] + sites["post_injection_mn"]
    rows = rows_below(book["Storage"], "Cost of sites and wells")
    n_sites = plan.storage["site"].nunique()
    # The first two rows contain units and headings.
    used = [[cell.value for cell in row if cell.value is not None] for row in rows[2 : 2 + n_sites]]
    # The last columns are closure of one site, closure of all own injection sites, and the id of the site.
    assert used and all(row[-3] == pytest.approx(closure_mn[row[-1]], rel=1e-12) for row in used)


def test_injection_by_period_matches_the_plan(plan: Plan, book: Workbook) -> None:
    rows = rows_below(
        book["Storage"], "By period: injection (annual mean), cumulative wells, investment in sites and wells"
    )
    names = plan.problem.sites.set_index("site")["name"]
    injected = plan.storage.pivot(index="site", columns="year", values="injected_ktpa").rename(index=names)
    end = [row[0].value for row in rows].index("Total")
    for row in rows[:end]:
        found = [cell.value for cell in row[2 : 2 + len(plan.problem.years)]]
        assert found == pytest.approx(list(injected.loc[row[0].value]), rel=1e-12)
    assert set(injected.index) == {row[0].value for row in rows[:end]}


def test_every_candidate_site_is_listed_as_used_or_as_other(plan: Plan, book: Workbook) -> None:
    used = [row[0].value for row in main_table(book["Storage"])]
    others = [row[0].value for row in rows_below(book["Storage"], "Other candidate sites")]
    assert sorted([*used, *others]) == sorted(plan.problem.sites["name"])


def test_binding_limits_of_a_site_are_named() -> None:
    periods = pd.DataFrame(
        {
            "year": [2026, 2030, 2035],
            "peak_injected_ktpa": [10.0, 50.0, 50.0],
            "injection_max_ktpa": 50.0,
            "capacity_kt": 900.0,
        }
    )
    assert _limit(periods, 500.0) == "all wells, from 2030, 2035"
    assert _limit(periods, 900.0) == "all wells, from 2030, 2035; the capacity"
    assert _limit(periods.assign(injection_max_ktpa=60.0), 500.0) == "none"


@pytest.mark.slow
def test_a_site_without_injection_in_the_last_period_has_no_cost_per_tonne(plan: Plan, tmp_path: Path) -> None:
    storage, site = plan.storage.copy(), plan.storage["site"].iloc[0]
    last = (storage["site"] == site) & (storage["year"] == plan.problem.years[-1])
    storage.loc[last, ["injected_ktpa", "storage_cost_per_t"]] = 0.0, np.nan
    sheet = read_back(replace(plan, storage=storage), tmp_path)["Storage"]
    costs = {
        row[column_of(sheet, "Site id")].value: row[column_of(sheet, "Storage")].value for row in main_table(sheet)
    }
    assert costs[site] is None and all(cost > 0 for each, cost in costs.items() if each != site)


@pytest.mark.slow
def test_empty_plan_states_why_nothing_is_built_and_lists_the_sites(empty_plan: Plan, tmp_path: Path) -> None:
    book = read_back(empty_plan, tmp_path)
    for name, n_tables in (("Transport", 2), ("Storage", 3)):
        found = sum("Nothing is built because the budget is 0" in text for text in texts(book[name]))
        assert found == n_tables, name
    others = rows_below(book["Storage"], "Other candidate sites")
    assert len(others) == len(empty_plan.problem.sites)


@pytest.mark.slow
def test_site_excluded_in_the_workbook_is_removed_from_the_problem(shared_plan: Plan, tmp_path: Path) -> None:
    path = shared_plan.to_excel(tmp_path / "plan.xlsx")
    book = openpyxl.load_workbook(path)
    ids, use = (book.defined_names[f"{READ_BACK}{name}"].attr_text for name in ("site_ids", "site_use"))
    sites = [row[0].value for row in book["Storage"][ids.rpartition("!")[2]]]
    assert set(sites) < set(shared_plan.problem.sites["site"])
    book["Storage"][use.rpartition("!")[2]][sites.index("qinshui")][0].value = "no"
    book.save(path)
    scenario = read_edited_workbook(path).scenario
    assert scenario.storage.exclude == ("qinshui",)
    assert scenario.storage.sites == shared_plan.problem.scenario.storage.sites
    assert "qinshui" not in set(build_problem(scenario, shared_plan.problem.inputs).sites["site"])


def test_costs_of_own_injection_sites_add_up(plan: Plan, book: Workbook, shared_book: Workbook) -> None:
    sheet = book["Storage"]
    head = next(row for row in sheet.iter_rows() if "Capital of an injection site" in [cell.value for cell in row])
    place = {str(cell.value): at for at, cell in enumerate(head)}
    rows = [list(row) for row in sheet.iter_rows(head[0].row + 1, head[0].row + plan.storage["site"].nunique())]
    for row in rows:
        n, capital, wells, well, total, closure, closure_of_all = (
            float(row[place[name]].value)
            for name in (
                "Injection sites", "Capital of an injection site", "Wells drilled", "Capital of a well",
                "Total investment", "Closure and post-injection care of an injection site",
                "Closure and post-injection care, all injection sites",
            )
        )  # fmt: skip
        assert total == pytest.approx(n * capital + wells * well, rel=1e-9)
        assert closure_of_all == pytest.approx(n * closure, rel=1e-9)
    assert sum(row[place["Injection sites"]].value for row in rows) == len(plan.retrofits)
    ended = plan.cashflow.iloc[-1]
    closure_mn = ended["closure_mn"] + ended["post_injection_mn"]
    closure_of_all = place["Closure and post-injection care, all injection sites"]
    assert sheet.cell(rows[-1][0].row + 1, closure_of_all + 1).value == pytest.approx(closure_mn, rel=1e-9)
    assert "Injection sites" not in texts(shared_book["Storage"])
