"""The ranked list of what could be done, and its curve in the workbook."""

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
from ccs_model.report.workbook.native_charts import macc_cut
from tests.integration.report.conftest import read_back
from tests.integration.report.reading import main_table, texts


@pytest.fixture(scope="module")
def ranked(plan: Plan) -> pd.DataFrame:
    return macc_table(plan.problem, plan.retrofits)


def test_it_is_sorted_and_its_sums_run(ranked: pd.DataFrame) -> None:
    assert ranked["avoidance_cost_at_full_load_per_t"].is_monotonic_increasing
    for name in ("avoided_at_full_load_ktpa", "capex_mn"):
        assert ranked[f"cumulative_{name}"].to_numpy() == pytest.approx(np.cumsum(ranked[name]), rel=1e-12)
    assert not ranked.isna().any().any()


def test_every_stream_that_could_be_fitted_stands_once_with_its_best_route(plan: Plan, ranked: pd.DataFrame) -> None:
    problem = plan.problem
    routes = pd.concat([problem.routes, levelised_costs(problem)], axis=1)
    routes = routes[(routes["size"] == "full") & problem.running_share.any(axis=(1, 2))]
    cheapest = routes.groupby(["plant", "stream"])["avoidance_cost_per_t"].min().dropna()
    assert not ranked.duplicated(["plant", "stream"]).any()
    assert ranked.set_index(["plant", "stream"])["avoidance_cost_at_full_load_per_t"].to_dict() == pytest.approx(
        cheapest.to_dict()
    )
    candidates = set(problem.plants.loc[problem.plants["is_candidate"], "plant"])
    assert set(ranked["plant"]) <= candidates


def test_it_marks_the_streams_that_the_plan_retrofits(plan: Plan, empty_plan: Plan, ranked: pd.DataFrame) -> None:
    marked = ranked.loc[ranked["in_plan"], ["plant", "stream"]]
    built = set(zip(plan.retrofits["plant"], plan.retrofits["stream"], strict=True))
    assert set(marked.itertuples(index=False, name=None)) == built != set()
    unbuilt = macc_table(empty_plan.problem, empty_plan.retrofits)
    assert not unbuilt["in_plan"].any()
    pd.testing.assert_frame_equal(unbuilt.drop(columns="in_plan"), ranked.drop(columns="in_plan"))


def test_slots_hold_the_curve_with_true_widths(ranked: pd.DataFrame) -> None:
    cut = slots(ranked)
    total_ktpa = ranked["avoided_at_full_load_ktpa"].sum()
    assert len(cut) == N_SLOTS
    width_ktpa = float(cut["from_ktpa"].iloc[1])
    assert np.diff(cut["from_ktpa"]) == pytest.approx(width_ktpa)
    # All of the curve is there, most of the axis is used, and what lies past the curve is empty.
    assert 0.8 * N_SLOTS * width_ktpa - 1e-9 <= total_ktpa <= N_SLOTS * width_ktpa + 1e-9
    past = cut["from_ktpa"] + width_ktpa / 2 >= total_ktpa
    assert cut.loc[past, ["in_plan_per_t", "not_in_plan_per_t"]].isna().all(axis=None)
    cut = cut[~past]
    cost = cut["in_plan_per_t"].fillna(cut["not_in_plan_per_t"])
    assert cost.is_monotonic_increasing
    assert (cut["in_plan_per_t"].isna() != cut["not_in_plan_per_t"].isna()).all()
    # Streams of one cost share their slots; others have as many as they are wide, to within one.
    for cost_per_t, avoided_ktpa in (
        ranked.groupby("avoidance_cost_at_full_load_per_t")["avoided_at_full_load_ktpa"].sum().items()
    ):
        assert abs(int((cost == cost_per_t).sum()) - avoided_ktpa / width_ktpa) < 1, cost_per_t


@pytest.mark.parametrize(
    ("total_ktpa", "width_ktpa"), [(200.0, 1.0), (201.0, 1.25), (150_077.779, 800.0), (9_990.0, 50.0), (1_300.0, 8.0)]
)
def test_slots_are_round_so_that_the_axis_is(total_ktpa: float, width_ktpa: float) -> None:
    assert slot_ktpa(pd.DataFrame({"cumulative_avoided_at_full_load_ktpa": [total_ktpa / 2, total_ktpa]})) == width_ktpa


def test_all_columns_of_the_list_are_printed_and_the_slots_are_not(book: Workbook) -> None:
    sheet = book["MACC"]
    head = next(row for row in sheet.iter_rows(max_col=40) if row[0].value == "Rank")
    last = next(cell.column_letter for cell in head if cell.value == "In the plan")
    assert str(sheet.print_area).startswith(f"'MACC'!$A$1:${last}$")


def test_the_sheet_holds_the_list_in_the_order_of_cost(ranked: pd.DataFrame, book: Workbook) -> None:
    rows = main_table(book["MACC"])
    assert [row[0].value for row in rows] == list(range(1, len(ranked) + 1))
    assert [row[1].value for row in rows] == list(ranked["plant"])
    assert [row[10].value for row in rows] == pytest.approx(list(ranked["avoidance_cost_at_full_load_per_t"]))
    assert [row[14].value for row in rows] == ["yes" if mark else "no" for mark in ranked["in_plan"]]
    assert f"All {len(ranked)}, in the order of cost at the solved inputs" in texts(book["MACC"])


def test_the_sheet_has_a_native_chart_with_titles_and_words_for_the_blind(plan: Plan, tmp_path: Path) -> None:
    with zipfile.ZipFile(plan.to_excel(tmp_path / "plan.xlsx")) as archive:
        charts = [archive.read(name).decode() for name in archive.namelist() if name.startswith("xl/charts/chart")]
        chart = next(each for each in charts if "Avoidance cost (CNY 2024/t)" in each)
        drawing = " ".join(
            archive.read(name).decode() for name in archive.namelist() if name.startswith("xl/drawings/drawing")
        )
    for words in ("per t avoided.</c:v>", "Cumulative annual abatement (kt/y)"):
        assert words in chart
    # 200 columns that touch, their values kept in the chart for programs that show it without computing.
    assert '<c:gapWidth val="0"/>' in chart and f'<c:ptCount val="{N_SLOTS}"/>' in chart
    assert 'descr="Marginal abatement cost curve of' in drawing


def test_a_problem_without_streams_has_no_chart(plan: Plan, empty_plan: Plan, tmp_path: Path) -> None:
    nobody = replace(plan.problem, plants=plan.problem.plants.assign(is_candidate=False))
    book = read_back(replace(empty_plan, problem=nobody), tmp_path)
    assert any("No stream of an eligible plant" in text for text in texts(book["MACC"]))


def test_the_curve_is_coloured_by_sector_and_marks_where_the_budget_ends(plan: Plan, book: Workbook) -> None:
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
            whole = row[all_of_kind - 1].value
            assert found == ([] if whole in (None, "") else [whole])
    # The budget ends in the first slot beyond it, in the order of cost.
    spent = [row[place["Cumulative capex"] - 1].value for row in rows]
    beyond = [at for at, amount in enumerate(spent) if amount > plan.problem.budget_mn]
    marked = [at for at, row in enumerate(rows) if row[place["Budget reached"] - 1].value not in (None, "")]
    assert marked == beyond[:1] != []


def test_the_cost_axis_ends_above_all_but_the_dearest_tonnes(plan: Plan, tmp_path: Path) -> None:
    table = macc_table(plan.problem, plan.retrofits)
    cut, costs = macc_cut(table), table["avoidance_cost_at_full_load_per_t"]
    assert table.loc[costs <= cut, "avoided_at_full_load_ktpa"].sum() >= 0.95 * table["avoided_at_full_load_ktpa"].sum()
    with zipfile.ZipFile(plan.to_excel(tmp_path / "plan.xlsx")) as archive:
        charts = [archive.read(name).decode() for name in archive.namelist() if name.startswith("xl/charts/chart")]
        texts = archive.read("xl/sharedStrings.xml").decode()
    chart = next(each for each in charts if "Avoidance cost (CNY 2024/t)" in each)
    above = int((costs > cut).sum())
    assert above > 0 and cut in [float(end) for end in re.findall(r'<c:max val="([^"]+)"/>', chart)]
    assert f"The cost axis ends at {cut:,.0f}; {above} streams cost more" in texts
