"""Frontier: what each budget buys, who comes in and who leaves, and where the ranked list would be wrong."""

from __future__ import annotations

from ccs_model.plan.plan import Frontier, Plan
from ccs_model.plan.plan_json import records
from ccs_model.report.workbook.cell_values import first_few
from ccs_model.report.workbook.columns import CALCULATION, OBSERVED, SOLVER, Column
from ccs_model.report.workbook.formulas import Block, Formula
from ccs_model.report.workbook.native_charts import PICTURE_ROWS, Picture
from ccs_model.report.workbook.sheet import Page, Sheet

# Plants that only the list or only the plan takes.
_NAMED = 3
_PLAN_COLOUR, _LIST_COLOUR, _BOUND_COLOUR = "#1B5E8A", "#D98B2B", "#A9B4BF"

_COLUMNS = (
    Column("budget_mn", SOLVER, label="Budget"),
    Column("abatement_kt", SOLVER, label="Avoided over the horizon"),
    Column("spent_mn", SOLVER, label="Spent"),
    Column("avoided_ktpa", SOLVER, label="Avoided in the last period"),
    Column("n_plants_retrofitted", SOLVER, label="Plants fitted"),
    Column("more_kt_per_mn", CALCULATION, label="Bought by each million of the step", optional=True),
    Column("capital_per_t", CALCULATION, label="Budget per tonne of the step", optional=True),
    Column("objective", SOLVER, label="Value of the aim"),
    Column("bound", SOLVER, label="No plan can be better than"),
    Column("gap_share", SOLVER, label="Gap"),
    Column("all_links_bound", SOLVER, label="Over all links no better than", optional=True),
    Column("list_objective", SOLVER, label="The ranked list reaches", optional=True),
    Column("list_short_share", CALCULATION, label="The list falls short by", optional=True),
    Column("is_scenario", SOLVER, label="The scenario's"),
    Column("words", SOLVER, label="What the step buys", widest=80),
    Column("list_only", SOLVER, label="Only the list takes", widest=40),
    Column("plan_only", SOLVER, label="Only the plan takes", widest=40),
)
_MOVES = (
    Column("budget_mn", SOLVER, label="From this budget"),
    Column("change", SOLVER, label="Change"),
    Column("plant", OBSERVED),
    Column("name", OBSERVED, widest=40),
    Column("province", OBSERVED),
    Column("sector", OBSERVED),
    Column("avoided_ktpa", SOLVER),
    Column("capex_mn", SOLVER),
    Column("retrofits", SOLVER, widest=60),
)
_BREAKS = (
    Column("budget_mn", SOLVER, label="Budget"),
    Column("objective", SOLVER, label="Value of the aim"),
    Column("below_per_mn", SOLVER, label="Bought by the last million", optional=True),
    Column("above_per_mn", SOLVER, label="Bought by the next million", optional=True),
)


def write_frontier(sheet: Sheet, plan: Plan) -> None:
    """The curve, a row a budget, a row a plant that moves, and breakpoints of a linear program."""
    frontier = plan.frontier
    sheet.title("Frontier")
    if frontier is None:
        sheet.hide_gridlines()
        sheet.paragraph(
            "This run asked for one budget. ccs-model frontier SCENARIO makes a run whose sheet Frontier shows what "
            "each budget buys; sheet Summary says what the next money would buy."
        )
        return
    about = frontier.about
    proven = (
        "The retrofits may be built in parts, so that the frontier is a linear program's: between two breakpoints it "
        "runs straight."
        if about["decisions"] == "continuous"
        else "Each row is a whole plan with its own bound: no plan for that budget is better than it. A plan for less "
        "money also keeps to a higher budget, so that more money never makes the answer worse."
    )
    sheet.paragraph(
        f"What each budget buys; {about['network']}. {proven} Values are what the solver found; what a step buys is "
        "worked out from the row above."
    )
    if about["list_words"]:
        sheet.paragraph(
            f"{about['list_words']} It takes streams at full size from cheap to dear (sheet MACC) as long as the "
            "money lasts, and then builds them in the best years. Where it falls short, its ranking is wrong for that "
            "budget.",
            "note",
        )
    points = frontier.points
    top = sheet.row
    sheet.jump(top + 1 + PICTURE_ROWS)
    rows = []
    for k, row in enumerate(records(points)):
        made = dict(row)
        if k:
            step = "({budget_mn}-{^budget_mn})"
            more = "({abatement_kt}-{^abatement_kt})"
            made["more_kt_per_mn"] = Formula(f"={more}/{step}", row["more_kt_per_mn"])
            if row["capital_per_t"] is not None and row["capital_per_t"] == row["capital_per_t"]:
                made["capital_per_t"] = Formula(f"={step}*1000/{more}", row["capital_per_t"])
        if row["list_short_share"] is not None and row["list_short_share"] == row["list_short_share"]:
            sign = "" if about["objective_name"] != "min_cost" else "-"
            formula = f"={sign}({{objective}}-{{list_objective}})/MAX({{objective}},-{{objective}})"
            made["list_short_share"] = Formula(formula, row["list_short_share"])
        # tables/frontier.csv names them all.
        difference = {name: first_few(row[name].split("; "), _NAMED) for name in ("list_only", "plan_only")}
        rows.append({**made, **difference})
    sheet.section("By budget")
    block = sheet.table(_COLUMNS, rows, main=True, frozen=0, head_on_each_page=True, key="frontier")
    end = sheet.row
    # The charts draw the table, so that it stands in its place first.
    sheet.jump(top)
    sheet.pictures(*_charts(sheet, frontier, block))
    sheet.jump(end)
    sheet.section("Who comes in, who leaves, who is fitted otherwise")
    sheet.table(_MOVES, records(frontier.moves), empty="No plant is fitted at any of these budgets.", named="moves")
    if len(frontier.breakpoints):
        what = "of the plans" if about["is_exact"] else "of the linear program that bounds the plans"
        sheet.section(f"Breakpoints {what}")
        sheet.table(_BREAKS, records(frontier.breakpoints), named="breakpoints")


def _charts(sheet: Sheet, frontier: Frontier, block: Block) -> tuple[Picture, Picture]:
    points, unit = frontier.points, str(frontier.about["unit"])
    across = f"Budget ({sheet.unit('budget_mn')})"
    budgets = block.values("budget_mn")
    first, last = points.iloc[0], points.iloc[-1]
    series = [
        ("Plans", budgets, block.values("objective"), _PLAN_COLOUR),
        ("No plan can be better", budgets, block.values("bound"), _BOUND_COLOUR),
    ]
    if points["list_objective"].notna().all():
        series.append(("The ranked list reaches", budgets, block.values("list_objective"), _LIST_COLOUR))
    curve = Picture(
        "What each budget buys",
        "scatter",
        tuple(series),
        across,
        f"Value of the aim ({unit})",
        f"From a budget of {first['budget_mn']:,.0f} to {last['budget_mn']:,.0f} the value of the aim goes from "
        f"{first['objective']:,.0f} to {last['objective']:,.0f} {unit}. Beside the plans: the bound of each, and what "
        "the ranked list of costs would reach.",
    )
    steps = Picture(
        "What each million of a step buys",
        "steps",
        (("Avoided", budgets, block.values("more_kt_per_mn"), _PLAN_COLOUR),),
        across,
        "kt avoided over the horizon per million",
        f"Avoided by each million between neighbouring budgets, at {len(points)} budgets from low to high.",
        every=max(len(points) // 5, 1),
    )
    return curve, steps


FRONTIER = Page("Frontier", "What each budget buys, who comes in and who leaves, and what a ranked list would reach.",
                write_frontier)  # fmt: skip
