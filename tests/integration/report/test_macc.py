"""The merit order of candidate streams, and its marginal abatement cost curve (MACC) in the workbook."""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from openpyxl.workbook import Workbook

from ccs_model.plan.merit_order import levelised_costs, macc_table
from ccs_model.plan.plan import Plan
from ccs_model.report.workbook.macc_sheet import N_SLOTS, slot_ktpa, slots
from ccs_model.report.workbook.native_charts import macc_cut, macc_start
from tests.integration.report.conftest import read_back
from tests.integration.report.reading import main_table, texts


@pytest.fixture(scope="module")
def merit_order(plan: Plan) -> pd.DataFrame:
    return macc_table(plan.problem, plan.retrofits)


def test_merit_order_is_sorted_by_cost_with_cumulative_sums(merit_order: pd.DataFrame) -> None:
    assert merit_order["avoidance_cost_at_full_load_per_t"].is_monotonic_increasing
    for name in ("avoided_at_full_load_ktpa", "capex_mn"):
        assert merit_order[f"cumulative_{name}"].to_numpy() == pytest.approx(np.cumsum(merit_order[name]), rel=1e-12)
    assert not merit_order.isna().any().any()


def test_merit_order_lists_each_candidate_stream_once_at_its_lowest_cost(plan: Plan, merit_order: pd.DataFrame) -> None:
    problem = plan.problem
    routes = pd.concat([problem.routes, levelised_costs(problem)], axis=1)
    routes = routes[(routes["size"] == "full") & problem.running_share.any(axis=(1, 2))]
    cheapest = routes.groupby(["plant", "stream"])["avoidance_cost_per_t"].min().dropna()
    assert not merit_order.duplicated(["plant", "stream"]).any()
    assert merit_order.set_index(["plant", "stream"])["avoidance_cost_at_full_load_per_t"].to_dict() == pytest.approx(
        cheapest.to_dict()
    )
    candidates = set(problem.plants.loc[problem.plants["is_candidate"], "plant"])
    assert set(merit_order["plant"]) <= candidates


def test_merit_order_marks_the_streams_that_the_plan_retrofits(
    plan: Plan, empty_plan: Plan, merit_order: pd.DataFrame
) -> None:
    marked = merit_order.loc[merit_order["in_plan"], ["plant", "stream"]]
    built = set(zip(plan.retrofits["plant"], plan.retrofits["stream"], strict=True))
    assert set(marked.itertuples(index=False, name=None)) == built != set()
    unbuilt = macc_table(empty_plan.problem, empty_plan.retrofits)
    assert not unbuilt["in_plan"].any()
    pd.testing.assert_frame_equal(unbuilt.drop(columns="in_plan"), merit_order.drop(columns="in_plan"))


def test_slots_of_the_chart_represent_the_curve_with_correct_widths(merit_order: pd.DataFrame) -> None:
    slot_table = slots(merit_order)
    total_ktpa = merit_order["avoided_at_full_load_ktpa"].sum()
    assert len(slot_table) == N_SLOTS
    width_ktpa = float(slot_table["from_ktpa"].iloc[1])
    assert np.diff(slot_table["from_ktpa"]) == pytest.approx(width_ktpa)
    # The slots cover the whole curve, the curve takes most of the axis, and slots past the curve are empty.
    assert 0.8 * N_SLOTS * width_ktpa - 1e-9 <= total_ktpa <= N_SLOTS * width_ktpa + 1e-9
    past = slot_table["from_ktpa"] + width_ktpa / 2 >= total_ktpa
    assert slot_table.loc[past, ["in_plan_per_t", "not_in_plan_per_t"]].isna().all(axis=None)
    slot_table = slot_table[~past]
    cost = slot_table["in_plan_per_t"].fillna(slot_table["not_in_plan_per_t"])
    assert cost.is_monotonic_increasing
    assert (slot_table["in_plan_per_t"].isna() != slot_table["not_in_plan_per_t"].isna()).all()
    # Streams of equal cost share their slots; the number of slots matches the width of the streams to within one.
    for cost_per_t, avoided_ktpa in (
        merit_order.groupby("avoidance_cost_at_full_load_per_t")["avoided_at_full_load_ktpa"].sum().items()
    ):
        assert abs(int((cost == cost_per_t).sum()) - avoided_ktpa / width_ktpa) < 1, cost_per_t


@pytest.mark.parametrize(
    ("total_ktpa", "width_ktpa"), [(200.0, 1.0), (201.0, 1.25), (150_077.779, 800.0), (9_990.0, 50.0), (1_300.0, 8.0)]
)
def test_width_of_slots_is_a_round_number(total_ktpa: float, width_ktpa: float) -> None:
    assert slot_ktpa(pd.DataFrame({"cumulative_avoided_at_full_load_ktpa": [total_ktpa / 2, total_ktpa]})) == width_ktpa


def test_print_area_includes_the_merit_order_and_excludes_the_slots(book: Workbook) -> None:
    sheet = book["MACC"]
    head = next(row for row in sheet.iter_rows(max_col=40) if row[0].value == "Rank")
    last = next(cell.column_letter for cell in head if cell.value == "In the plan")
    assert str(sheet.print_area).startswith(f"'MACC'!$A$1:${last}$")


def test_macc_sheet_lists_the_streams_in_order_of_cost(merit_order: pd.DataFrame, book: Workbook) -> None:
    rows = main_table(book["MACC"])
    assert [row[0].value for row in rows] == list(range(1, len(merit_order) + 1))
    assert [row[1].value for row in rows] == list(merit_order["plant"])
    assert [row[10].value for row in rows] == pytest.approx(list(merit_order["avoidance_cost_at_full_load_per_t"]))
    assert [row[14].value for row in rows] == ["yes" if mark else "no" for mark in merit_order["in_plan"]]
    assert f"All {len(merit_order)}, in the order of cost at the solved inputs" in texts(book["MACC"])


@pytest.mark.slow
def test_macc_sheet_has_a_native_chart_with_titles_and_alternative_text(plan: Plan, tmp_path: Path) -> None:
    with zipfile.ZipFile(plan.to_excel(tmp_path / "plan.xlsx")) as archive:
        charts = [archive.read(name).decode() for name in archive.namelist() if name.startswith("xl/charts/chart")]
        chart = next(each for each in charts if "Avoidance cost (CNY 2024/t)" in each)
        drawing = " ".join(
            archive.read(name).decode() for name in archive.namelist() if name.startswith("xl/drawings/drawing")
        )
    for words in ("per t avoided.</c:v>", "Cumulative annual abatement (kt/y)"):
        assert words in chart
    # 200 columns without gaps; the chart stores their values for programs that do not recalculate.
    assert '<c:gapWidth val="0"/>' in chart and f'<c:ptCount val="{N_SLOTS}"/>' in chart
    assert 'descr="Marginal abatement cost curve of' in drawing


@pytest.mark.slow
def test_macc_sheet_states_that_no_stream_is_eligible(plan: Plan, empty_plan: Plan, tmp_path: Path) -> None:
    no_candidates = replace(plan.problem, plants=plan.problem.plants.assign(is_candidate=False))
    book = read_back(replace(empty_plan, problem=no_candidates), tmp_path)
    assert any("No stream of an eligible plant" in text for text in texts(book["MACC"]))


def test_chart_series_are_split_by_sector_and_mark_where_the_budget_is_reached(plan: Plan, book: Workbook) -> None:
    sheet = book["MACC"]
    head = next(row for row in sheet.iter_rows() if any(cell.value == "Budget reached" for cell in row))
    place = {str(cell.value): cell.column for cell in head if cell.value}
    rows = list(sheet.iter_rows(min_row=head[0].row + 1, max_row=head[0].row + N_SLOTS))
    sectors = [name.removesuffix(", in the plan") for name in place if name.endswith(", in the plan")]
    assert set(sectors) <= set(plan.problem.plants["sector"]) and sectors
    for kind in ("in the plan", "not in the plan"):
        all_of_kind = place[kind[0].upper() + kind[1:]]
        for row in rows:
            parts = [row[place[f"{sector}, {kind}"] - 1].value for sector in sectors]
            found = [part for part in parts if part not in (None, "")]
            total = row[all_of_kind - 1].value
            assert found == ([] if total in (None, "") else [total])
    # The mark is in the first slot whose cumulative capex exceeds the budget.
    spent = [row[place["Cumulative capex"] - 1].value for row in rows]
    beyond = [at for at, amount in enumerate(spent) if amount > plan.problem.budget_mn]
    marked = [at for at, row in enumerate(rows) if row[place["Budget reached"] - 1].value not in (None, "")]
    assert marked == beyond[:1] != []


@pytest.mark.parametrize(("costs", "start"), [((120.0, 900.0), 0.0), ((-35.0, 900.0), -35.0), ((-720.0, 5.0), -750.0)])
def test_cost_axis_starts_at_zero_or_below_negative_costs(costs: tuple[float, ...], start: float) -> None:
    assert macc_start(pd.DataFrame({"avoidance_cost_at_full_load_per_t": costs})) == start


@pytest.mark.slow
def test_cost_axis_covers_95_percent_of_abatement_and_a_note_states_the_rest(plan: Plan, tmp_path: Path) -> None:
    table = macc_table(plan.problem, plan.retrofits)
    axis_end, costs = macc_cut(table), table["avoidance_cost_at_full_load_per_t"]
    assert (
        table.loc[costs <= axis_end, "avoided_at_full_load_ktpa"].sum()
        >= 0.95 * table["avoided_at_full_load_ktpa"].sum()
    )
    with zipfile.ZipFile(plan.to_excel(tmp_path / "plan.xlsx")) as archive:
        charts = [archive.read(name).decode() for name in archive.namelist() if name.startswith("xl/charts/chart")]
        texts = archive.read("xl/sharedStrings.xml").decode()
    chart = next(each for each in charts if "Avoidance cost (CNY 2024/t)" in each)
    above = int((costs > axis_end).sum())
    assert above > 0 and axis_end in [float(end) for end in re.findall(r'<c:max val="([^"]+)"/>', chart)]
    assert 0.0 in [float(start) for start in re.findall(r'<c:min val="([^"]+)"/>', chart)]
    assert f"The cost axis ends at {axis_end:,.0f}; {above} streams cost more" in texts
