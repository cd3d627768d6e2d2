"""Sheets MACC and Frontier: abatement options by increasing cost, and abatement by budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from ccs_model.plan.merit_order import macc_parts, macc_table
from ccs_model.plan.plan import Frontier, Plan
from ccs_model.plan.plan_json import records
from ccs_model.report.workbook.columns import (
    CALCULATION,
    SOLVER,
    Cell,
    Column,
    declared_rows,
    is_missing,
    table_columns,
)
from ccs_model.report.workbook.formulas import Formula, TableRange, message
from ccs_model.report.workbook.native_charts import (
    CHART_ROWS,
    HALF_CHART_ROWS,
    ChartSpec,
    lighten_colour,
    macc_cut,
    macc_start,
    sector_colours,
)
from ccs_model.report.workbook.series_sheet import carbon_price_per_t, year_column
from ccs_model.report.workbook.sheet import Row, Sheet, SheetSpec
from ccs_model.units import join_first_names

N_SLOTS = 200
# The figures begin in the column of names, which is wide enough for their labels.
_FIGURES_LEFT = 2
# Room, head and rows of the figures above the curve.
_PRICE_ROWS = 9
# Some programs print the label of every slot; most are empty, so that none runs into the next.
SLOTS_A_LABEL = 20
_ROUND = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_PRICE_COLOUR, _BUDGET_COLOUR = "#1A1A1A", "#B3261E"
_OF_BUDGET = ("capex_so_far_mn", "budget_per_t")
# Sectors with colours of their own, those with the largest potential first; the rest share one.
_MOST_SECTORS = 4
_OTHER_SECTORS = "other sectors"


def write_macc(sheet: Sheet, plan: Plan) -> None:
    """Write the curve, the cheapest streams, then all streams."""
    table = macc_table(plan.problem, plan.retrofits)
    sheet.may_be_upright = True
    sheet.banner()
    sheet.paragraph(
        "Each stream of each eligible plant that its own pipeline can serve, once, at full size, with the technology "
        "and site of lowest avoidance cost. The list considers each stream alone. It ignores the budget, limits shared "
        "between streams, and the earliest start of a retrofit, so it is not the optimal plan; the plan may use "
        "another technology, size or site. Full load, prices of the last year."
    )
    sheet.paragraph(
        "Costs, capex, ranks and the curve follow the inputs: discount rate, capex_factor, om_factor, energy_factor "
        "and the carbon price. Each stream keeps the technology and site of the solved inputs, and the list its order; "
        f"column Rank gives the new order. The curve has {N_SLOTS} slots of equal abatement, each with the cost of the "
        "stream at its middle; widths are true to scale, and the smallest streams may fall between two slots."
    )
    if _has_capital_budget(plan):
        sheet.note(
            "The bar Budget reached stands where the capex of the streams before it exceeds the budget; it stands at "
            "zero where the first stream alone does. A plan may retrofit a part of a stream, or a more expensive one, "
            "instead."
        )
    if plan.problem.network is not None:
        sheet.note(
            "Here every stream has its own pipeline to the site in reach of least cost, and its own injection site and "
            "wells. The plan shares pipelines and sites; its cost for a stream (sheet Economics) differs and is "
            "lower for distant plants of a cluster."
        )
    if table.empty:
        why = "No stream of an eligible plant can be captured and stored with positive net abatement"
        if plan.problem.network is not None:
            why += " by its own pipeline, or no table has an electricity price for its booster stations"
        sheet.note(f"{why}.")
        return
    table = _add_cost_parts(plan, table)
    end = macc_cut(table)
    sheet.book.curve_start = macc_start(table)
    sheet.book.curve_end = end if end < float(table["avoidance_cost_at_full_load_per_t"].max()) else None
    sheet.book.curve_sectors = _sectors(table)
    if (cut := sheet.book.curve_end) is not None:
        costs = table["avoidance_cost_at_full_load_per_t"]
        above = table[costs > cut]
        more = "stream costs more" if len(above) == 1 else "streams cost more"
        n_in = int(above["in_plan"].sum())
        sheet.note(
            f"The cost axis ends at {cut:,.0f}; {len(above)} {more}, {n_in} of them in the plan, and "
            f"the highest {costs.max():,.0f}, as solved. Its end is a setting of the axis."
        )
    figures = sheet.row
    top = figures + _PRICE_ROWS
    sheet.jump(top + 1 + CHART_ROWS)
    charges = pd.DataFrame(_charges(table), columns=["life_yr", "tasc_factor"])
    charges = charges.assign(figure="Annual charge on capital", value=plan.problem.capture_charge(charges))
    sheet.table("macc.charges", records(charges), key="macc_charges", plain=True, left=_FIGURES_LEFT)
    sheet.section(f"All {len(table)}, in the order of cost at the solved inputs")
    block = sheet.table("macc", records(table), main=True, frozen=0, head_on_each_page=True, key="macc")
    # The columns on the right are what the others are computed from.
    sheet.n_printed_columns = block.columns["in_plan"] + 1
    # The figures and the slots are made from the list, so that the list stands in its place first.
    with sheet.write_at_row(figures):
        _carbon_price(sheet, plan, table)
    with sheet.write_at_row(top):
        left, columns = block.columns["avoided_sum_ktpa"] + 2, _slot_columns(plan, table)
        sheet.chart(partial(_curve, sheet, table), columns, _slot_rows(plan, table), left, "slots")


def _add_cost_parts(plan: Plan, table: pd.DataFrame) -> pd.DataFrame:
    """The list with what its costs are computed from, and with its ranks."""
    parts = macc_parts(plan.problem, plan.retrofits)
    # Rounded, so that streams of one cost keep their order in every program.
    cost = table["avoidance_cost_at_full_load_per_t"].round(6)
    numbers = np.arange(1, len(table) + 1)
    sites = plan.problem.sites.set_index("site")["name"].to_dict()
    sectors = {sector: n for n, sector in enumerate(_sectors(table), start=1)}
    charges = {charge: n for n, charge in enumerate(_charges(parts), start=1)}
    return table.assign(
        **{name: parts[name] for name in parts},
        running_mn_pa=parts["cost_mn_pa"] - parts["capital_mn_pa"],
        avoidance_cost_at_full_load_per_t=cost,
        rank=numbers,
        n=numbers,
        row_n=numbers,
        site=[sites.get(site, site) for site in table["site"]],
        sector_n=[sectors.get(sector, len(sectors)) for sector in table["sector"]],
        pays=np.where(cost <= last_carbon_price_per_t(plan), "yes", "no"),
        avoided_sum_ktpa=table["cumulative_avoided_at_full_load_ktpa"],
        capture_charge_n=[charges[each] for each in zip(parts["life_yr"], parts["tasc_factor"], strict=True)],
        pipe_charge_n=[charges[life, 1.0] for life in parts["pipe_life_yr"]],
        storage_charge_n=[charges[life, 1.0] for life in parts["storage_life_yr"]],
    )


def _charges(table: pd.DataFrame) -> list[tuple[float, float]]:
    """The lifetimes of capital, each with its TASC ÷ TOC, which is 1 but for capture."""
    capture = zip(table["life_yr"], table["tasc_factor"], strict=True)
    others = ((life, 1.0) for name in ("pipe_life_yr", "storage_life_yr") for life in table[name])
    return sorted({(float(life), float(tasc)) for life, tasc in (*capture, *others)})


def last_carbon_price_per_t(plan: Plan) -> float:
    """The carbon price of the last year of the horizon, whether or not a captured tonne earns it."""
    return float(carbon_price_per_t(plan.problem)[-2])


def _carbon_price(sheet: Sheet, plan: Plan, table: pd.DataFrame) -> None:
    """Write the carbon price that the curve is compared with, and what lies at or below it."""
    price, below = last_carbon_price_per_t(plan), table[table["pays"] == "yes"]
    year = int(plan.problem.calendar[-1])
    ends = table["cumulative_avoided_at_full_load_ktpa"]
    total, n_cheaper = float(ends.iloc[-1]), int(np.searchsorted(ends, ends.iloc[-1] / 2))
    half = float(table["avoidance_cost_at_full_load_per_t"].iloc[n_cheaper])
    values = {
        "price_per_t": price,
        "n_streams": float(len(below)),
        "avoided_ktpa": float(below["avoided_at_full_load_ktpa"].sum()),
        "all_ktpa": total,
        "n_cheaper": float(n_cheaper),
        "half_per_t": half,
    }
    rows: list[Row] = []
    for declared in declared_rows("macc_figures.csv", year=str(year), column=year_column(year)):
        name, live = declared["quantity"], Formula(declared["formula"], values[declared["quantity"]])
        value = Cell(live, name, CALCULATION)
        rows.append({"id": name, "figure": declared["figure"], "value": value, "unit": sheet.unit(name)})
    rows.append({"id": "title", "figure": "Title of the curve", "value": message(
        sheet.book.language,
        f"Half of the {{}} kt a year costs at most {{}} {plan.problem.money} per t avoided.",
        ('TEXT({@all_ktpa.value},"#,##0")', f"{total:,.0f}"),
        ('TEXT({@half_per_t.value},"#,##0")', f"{half:,.0f}"),
    )})  # fmt: skip
    block = sheet.table("macc.price", rows, plain=True, left=_FIGURES_LEFT, key="macc_price")
    sheet.book.define("macc_carbon_price", block.cell("value", "price_per_t"))


def _sectors(table: pd.DataFrame) -> list[str]:
    """Sectors in the order of their potential; of many, the last is that of all others."""
    potential = table.groupby("sector")["avoided_at_full_load_ktpa"].sum().sort_values(ascending=False, kind="stable")
    names = [str(sector) for sector in potential.index]
    return names if len(names) <= _MOST_SECTORS else [*names[: _MOST_SECTORS - 1], _OTHER_SECTORS]


def _has_capital_budget(plan: Plan) -> bool:
    """Whether the budget limits capital, so that it ends somewhere along the curve."""
    return not plan.problem.is_static and math.isfinite(plan.problem.budget_mn)


def _slot_columns(plan: Plan, table: pd.DataFrame) -> list[Column]:
    """Columns of the slots: those declared, a pair for each sector, and the budget."""
    pairs = [
        Column(
            f"{kind}_{n}_per_t", cell_class, f"{sector}, {words}", optional=True,
            formula=f'=IF({{sector_n}}={n},{{{of}}},"")',
        )
        for n, sector in enumerate(_sectors(table), start=1)
        for kind, of, cell_class, words in (
            ("in", "in_plan_per_t", SOLVER, "in the plan"),
            ("out", "not_in_plan_per_t", CALCULATION, "not in the plan"),
        )
    ]  # fmt: skip
    return table_columns("macc.slots", () if _has_capital_budget(plan) else _OF_BUDGET) + pairs


def _slot_rows(plan: Plan, table: pd.DataFrame) -> Sequence[Row]:
    """The slots, with the formulas that columns.csv cannot know: those of their width, and of the first."""
    found = slots(table).assign(carbon_price_per_t=last_carbon_price_per_t(plan))
    there = found["row_n"].to_numpy() - 1
    found["sector_n"] = np.where(there < 0, 0, table["sector_n"].to_numpy()[there])
    for n in range(1, len(_sectors(table)) + 1):
        for kind, of in (("in", "in_plan_per_t"), ("out", "not_in_plan_per_t")):
            found[f"{kind}_{n}_per_t"] = found[of].where(found["sector_n"] == n)
    if _has_capital_budget(plan):
        budget, highest = plan.problem.budget_mn, float(table["avoidance_cost_at_full_load_per_t"].max())
        spent = np.where(there < 0, 0.0, table["cumulative_capex_mn"].to_numpy()[there])
        is_end = (spent > budget) & (np.r_[0.0, spent[:-1]] <= budget)
        found = found.assign(capex_so_far_mn=spent, budget_per_t=np.where(is_end, highest, np.nan))
    rows, width = records(found), f"{slot_ktpa(table):.12g}"
    position = f"=IFERROR(MATCH({{from_ktpa}}+{width}/2,{{macc!avoided_sum_ktpa}},1),0)+1"
    for row in rows:
        row["from_ktpa"] = Formula(f"=({{slot}}-1)*{width}", row["from_ktpa"])
        row["position"] = Formula(position, row["position"])
    if _has_capital_budget(plan):  # No slot stands above the first.
        reached = '=IF({capex_so_far_mn}>budget_mn,MAX({macc!avoidance_cost_at_full_load_per_t}),"")'
        first = rows[0]["budget_per_t"]
        rows[0]["budget_per_t"] = Formula(reached, "" if is_missing(first) else first)
    return rows


def slot_ktpa(table: pd.DataFrame) -> float:
    """Abatement of a slot: round, so that the axis has round labels, and so that the slots hold the whole curve."""
    needed = float(table["cumulative_avoided_at_full_load_ktpa"].iloc[-1]) / N_SLOTS
    decade = 10.0 ** math.floor(math.log10(needed))
    return next(decade * each for each in _ROUND if decade * each >= needed * (1 - 1e-12))


def slots(table: pd.DataFrame) -> pd.DataFrame:
    """The curve in slots of equal abatement: each has the cost of the stream at its middle, those past it have none."""
    width_ktpa = slot_ktpa(table)
    starts = np.arange(N_SLOTS) * width_ktpa
    at = np.searchsorted(table["cumulative_avoided_at_full_load_ktpa"], starts + width_ktpa / 2)
    past = starts + width_ktpa / 2 >= table["cumulative_avoided_at_full_load_ktpa"].iloc[-1]
    there = np.minimum(at, len(table) - 1)
    cost, in_plan = table["avoidance_cost_at_full_load_per_t"].to_numpy()[there], table["in_plan"].to_numpy()[there]
    return pd.DataFrame(
        {
            "slot": np.arange(1, N_SLOTS + 1),
            "from_ktpa": starts,
            "position": at + 1,
            "row_n": np.where(past, 0, at + 1),
            "axis": [None if slot % SLOTS_A_LABEL else f"{start:,.10g}" for slot, start in enumerate(starts)],
            "in_plan_per_t": np.where(in_plan & ~past, cost, np.nan),
            "not_in_plan_per_t": np.where(in_plan | past, np.nan, cost),
        }
    )


def _curve(sheet: Sheet, table: pd.DataFrame, block: TableRange) -> ChartSpec:
    total_ktpa = table["cumulative_avoided_at_full_load_ktpa"].iloc[-1]
    in_plan = table[table["in_plan"]]
    money = sheet.unit("avoidance_cost_at_full_load_per_t")
    price = ([block.sheet, block.heading, block.columns["carbon_price_per_t"]], block.values("carbon_price_per_t"))
    lowest, highest = table["avoidance_cost_at_full_load_per_t"].iloc[[0, -1]]
    included_ktpa = in_plan["avoided_at_full_load_ktpa"].sum()
    return ChartSpec(
        f"={sheet.book.blocks['macc_price'].cell('value', 'title')}",
        "curve",
        curve_series(block, sheet.book.curve_sectors),
        f"Cumulative annual abatement ({sheet.unit('avoided_at_full_load_ktpa')})",
        f"Avoidance cost ({money})",
        f"Marginal abatement cost curve of {len(table)} streams with a potential of {total_ktpa:,.0f} kt CO2 a "
        f"year at {lowest:,.0f} to {highest:,.0f} "
        f"{money}. The width is the annual abatement of a stream, the height its cost per tonne. The plan "
        f"retrofits {len(in_plan)} of them, with {included_ktpa:,.0f} kt of annual abatement here.",
        SLOTS_A_LABEL,
        line=(*price, _PRICE_COLOUR),
        highest=sheet.book.curve_end,
        lowest=sheet.book.curve_start,
    )


def curve_series(
    block: TableRange, sectors: Sequence[str]
) -> tuple[tuple[list[object], list[object], list[object], str], ...]:
    """The columns of the curve by sector, in the plan and not, and the budget: heading, axis, values and colour."""
    colours: dict[str, str] = {}
    full = sector_colours(sectors)
    for n, sector in enumerate(sectors, start=1):
        colours[f"in_{n}_per_t"], colours[f"out_{n}_per_t"] = full[sector], lighten_colour(full[sector])
    if "budget_per_t" in block.columns:
        colours["budget_per_t"] = _BUDGET_COLOUR
    return tuple(
        ([block.sheet, block.heading, block.columns[name]], block.values("axis"), block.values(name), colour)
        for name, colour in colours.items()
    )


MACC = SheetSpec(
    "MACC", "Abatement options by increasing cost, as a curve; retrofits in the plan are marked.", write_macc
)


# Plants that only the list or only the plan takes.
_NAMED = 3
_OF_A_YEAR = {"abatement_kt": "Avoided in a year", "avoided_ktpa": "Avoided, annual"}
_SOLUTION_COLOUR, _LIST_COLOUR, _BOUND_COLOUR = "#1B5E8A", "#D98B2B", "#A9B4BF"


def write_frontier(sheet: Sheet, plan: Plan) -> None:
    """Write the curve, one row a budget, one row a plant that enters or leaves, and the breakpoints of an LP."""
    frontier = plan.frontier
    if frontier is None:
        sheet.hide(
            "This run has one budget. Use ccs-model frontier SCENARIO for results by budget; sheet Summary gives the "
            "marginal value of the budget."
        )
        return
    about = frontier.about
    proven = (
        "Decisions are continuous, so the frontier is piecewise linear: it is straight between two breakpoints."
        if about["decisions"] == "continuous"
        else "Each row is an integer solution with two bounds: no plan for that budget is better than the bound over "
        "all candidate links, and none within the links searched is better than the other. A solution for a lower "
        "budget is also feasible for a higher one, so a higher budget never gives a worse result."
    )
    sheet.paragraph(
        f"Abatement by budget; {about['network']}. {proven} Values are as solved; the effect of a step is "
        "computed from the row above."
    )
    if about["list_text"]:
        sheet.note(
            f"{about['list_text']} It takes streams at full size by increasing cost (sheet MACC) up to the "
            "budget, and builds them in the best years. Where it falls short, the merit order is not "
            "optimal for that budget."
        )
    points = frontier.points
    top = sheet.row
    sheet.jump(top + 1 + HALF_CHART_ROWS)
    rows, sign = records(points), "-" if about["objective_name"] == "min_cost" else ""
    for k, row in enumerate(rows):
        if k:
            step, more = "({budget_mn}-{^budget_mn})", "({abatement_kt}-{^abatement_kt})"
            row["more_kt_per_mn"] = Formula(f"={more}/{step}", row["more_kt_per_mn"])
            if not is_missing(row["capital_per_t"]):
                row["capital_per_t"] = Formula(f"={step}*1000/{more}", row["capital_per_t"])
        if not is_missing(row["list_short_share"]):
            formula = f"={sign}({{objective}}-{{list_objective}})/MAX({{objective}},-{{objective}})"
            row["list_short_share"] = Formula(formula, row["list_short_share"])
        # tables/frontier.csv names them all.
        row |= {name: join_first_names(row[name].split("; "), _NAMED, "; ") for name in ("list_only", "plan_only")}
    sheet.section("By budget")
    columns = table_columns("frontier", headings=_OF_A_YEAR if plan.problem.is_static else {})
    block = sheet.table(columns, rows, main=True, frozen=0, head_on_each_page=True)
    # The charts draw the table, so that it stands in its place first.
    with sheet.write_at_row(top):
        sheet.charts(*_charts(sheet, plan, frontier, block))
    sheet.section("Plants that enter, leave or change")
    sheet.table(
        "frontier.moves",
        records(frontier.moves),
        empty="No plant is retrofitted at any of these budgets.",
        named="moves",
    )
    if len(frontier.breakpoints):
        what = "of the solutions" if about["is_exact"] else "of the LP that bounds the solutions"
        sheet.section(f"Breakpoints {what}")
        sheet.table("frontier.breakpoints", records(frontier.breakpoints), named="breakpoints")


def _charts(sheet: Sheet, plan: Plan, frontier: Frontier, block: TableRange) -> tuple[ChartSpec, ChartSpec]:
    points, unit = frontier.points, str(frontier.about["unit"])
    across = f"Budget ({sheet.unit('budget_mn')})"
    budgets = block.values("budget_mn")
    first, last = points.iloc[0], points.iloc[-1]
    series = [
        ("Solutions", budgets, block.values("objective"), _SOLUTION_COLOUR),
        ("Bound", budgets, block.values("all_links_bound"), _BOUND_COLOUR),
    ]
    if points["list_objective"].notna().all():
        series.append(("Merit order reaches", budgets, block.values("list_objective"), _LIST_COLOUR))
    curve = ChartSpec(
        "Abatement by budget",
        "scatter",
        tuple(series),
        across,
        f"Objective value ({unit})",
        f"From a budget of {first['budget_mn']:,.0f} to {last['budget_mn']:,.0f} the objective value rises from "
        f"{first['objective']:,.0f} to {last['objective']:,.0f} {unit}. Also shown: the bound over all candidate "
        "links and the result of the merit order.",
    )
    steps = ChartSpec(
        "Additional abatement per million of each step",
        "steps",
        (("Avoided", budgets, block.values("more_kt_per_mn"), _SOLUTION_COLOUR),),
        across,
        f"kt avoided {'in a year' if plan.problem.is_static else 'over the horizon'} per million",
        f"Additional abatement per million between neighbouring budgets, for {len(points)} budgets from low to high.",
        every=max(len(points) // 5, 1),
    )
    return curve, steps


FRONTIER = SheetSpec(
    "Frontier", "Abatement by budget, plants that enter and leave, and comparison with the merit order.", write_frontier
)
