"""The head of Summary: key figures as formulas beside the solver's values, and the charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from ccs_model.plan.plan import Plan
from ccs_model.report.accounts import has_accounts
from ccs_model.report.chart import PICTURE_ROWS, Picture
from ccs_model.report.formulas import Formula
from ccs_model.report.sheet import Row, Sheet
from ccs_model.report.sheets.cash_flow import pictures
from ccs_model.report.style import CHECK, SOLVER, WORDS
from ccs_model.report.table import Cell, Column

_COLOURS = ("#1F4FA3", "#1B6637", "#9C5700", "#5B2C83", "#37474F", "#5B8DB8", "#A9B4BF")
_SLOTS_A_LABEL = 20


def live_figures(sheet: Sheet, plan: Plan) -> dict[str, Formula]:
    """Formulas of key figures, as far as other sheets hold what they are made from."""
    blocks, totals = sheet.book.blocks, plan.totals
    found = {"baseline_ktpa": "={plants!baseline_ktpa@total}"} if len(plan.problem.plants) else {}
    if len(plan.retrofits):
        for name in ("captured_ktpa", "direct_cut_ktpa", "avoided_ktpa"):
            found[name] = f"={{retrofits!{name}@total}}"
        for share, amount in (("cut_share", "avoided_ktpa"), ("direct_cut_share", "direct_cut_ktpa")):
            found[share] = f"=IF({{@baseline_ktpa.value}}>0,{{@{amount}.value}}/{{@baseline_ktpa.value}},0)"
        capex = ["capture_capex_mn", "pipe_capex_mn"]
        capex += ["storage_capex_mn"] if "storage_capex_mn" in blocks["economics"].columns else []
        found |= {name: f"={{economics!{name}@total}}" for name in capex}
        found["capex_mn"] = "=" + "+".join(f"{{@{name}.value}}" for name in capex)
        found["cost_mn_pa"] = "=SUMPRODUCT({economics!works},{economics!cost_mn_pa})"
        for name in ("capture_cost_per_t", "avoidance_cost_per_t"):
            found[name] = f"={{economics!{name}@total}}"
    if has_accounts(plan):
        found["npv_mn"] = "={programme_results!live@npv_mn}"
        found["net_benefit_mn"] = "={bearers!npv_mn@society}"
        found["benefit_cost_ratio"] = "={bearers!benefit_cost_ratio@society}"
    return {
        name: Formula(template, "" if totals[name] is None else float(totals[name] or 0.0))
        for name, template in found.items()
        if name in totals
    }


def write_key_figures(sheet: Sheet, plan: Plan, rows: Sequence[Row]) -> None:
    """One row a figure: live where it can be, the solver's value, their difference."""
    live = live_figures(sheet, plan)
    sheet.table(
        [
            Column("figure", WORDS, widest=32),
            Column("value", SOLVER, label="At these inputs", optional=True),
            Column("unit", WORDS, widest=26),
            Column("class", WORDS),
            Column("solved", SOLVER, label="As solved", optional=True),
            Column("difference", CHECK, optional=True),
            Column("meaning", WORDS, wide=True),
        ],
        [_with_formula(row, live) for row in rows],
        plain=True,
        key="key_figures",
    )


def _with_formula(row: Row, live: Mapping[str, Formula]) -> Row:
    name, cell = str(row["id"]), row["value"]
    assert isinstance(cell, Cell)
    if name not in live:
        return {**row, "solved": cell}
    gap = Formula('=IFERROR({value}-{solved},"")', "" if cell.value is None else 0.0)
    return {
        **row,
        "value": Cell(live[name], cell.name, cell.cell_class),
        "solved": cell,
        "difference": Cell(gap, cell.name, CHECK),
    }


def write_charts(sheet: Sheet, plan: Plan, free: int) -> int:
    """MACC and cumulative cash, capture by sector and spending by year; the table of the third below them.

    Between charts and table so many rows are left `free`; gives the first of them.
    """
    drawn = []
    if "slots" in sheet.book.blocks:
        drawn.append(_macc(sheet))
    cash = pictures(sheet) if has_accounts(plan) else ()
    drawn += list(cash[:1])
    if drawn:
        sheet.pictures(*drawn)
    table = plan.emissions.pivot_table(index="sector", columns="year", values="captured_ktpa", aggfunc="sum")
    years = [int(year) for year in table.columns]
    top = sheet.row
    if table.empty or not table.to_numpy().any():
        sheet.jump(top + free)
        return top
    below = top + PICTURE_ROWS + 1
    sheet.jump(below + free)
    sheet.section("Captured by sector")
    names = [f"from_{year}" for year in years]
    rows = _sector_rows(table, years)
    totals: dict[str, object] = {
        name: Formula(f"=SUM({{{name}:all}})", float(table[year].sum()))
        for name, year in zip(names, years, strict=True)
    }
    block = sheet.table(
        [
            Column("sector", WORDS, widest=32),
            *(
                Column(name, SOLVER, label=f"From {year}", unit="kt/y", form="#,##0.0")
                for name, year in zip(names, years, strict=True)
            ),
        ],
        rows,
        totals={**totals, "sector": "Total"},
        key="by_sector",
        named="captured",
        years=(names[0], names[-1]),
    )
    end = sheet.row
    heads = [block.sheet, block.heading, block.columns[names[0]], block.heading, block.columns[names[-1]]]
    capture = Picture(
        "Captured by sector", "stacked",
        tuple(
            (str(row["sector"]), heads, block.row_values(str(row["id"])), _COLOURS[at % len(_COLOURS)])
            for at, row in enumerate(rows)
        ),
        "Period", "kt CO2 captured a year", "Stacked columns of CO2 captured a year, by sector and period.",
    )  # fmt: skip
    sheet.jump(top)
    sheet.pictures(capture, *cash[1:])
    sheet.jump(end)
    return below


def _sector_rows(table: pd.DataFrame, years: Sequence[int]) -> list[Row]:
    return [
        {
            "id": f"sector_{at}",
            "sector": str(sector),
            **{f"from_{year}": float(amount) for year, amount in zip(years, amounts, strict=True)},
        }
        for at, (sector, amounts) in enumerate(zip(table.index, table.to_numpy(float), strict=True))
    ]


def _macc(sheet: Sheet) -> Picture:
    block = sheet.book.blocks["slots"]
    axis = block.values("axis")
    return Picture(
        "Marginal abatement cost", "steps",
        (
            ("In the plan", axis, block.values("in_plan_per_t"), SOLVER.ink),
            ("Not in the plan", axis, block.values("not_in_plan_per_t"), "#A9B4BF"),
        ),
        "Avoided in a year, added up (kt/y)", f"{sheet.unit('avoidance_cost_per_t')}",
        "Marginal abatement cost curve: width is what a stream avoids, height what a tonne costs.",
        _SLOTS_A_LABEL,
    )  # fmt: skip
