"""Sheet Frontier: abatement by budget, plants that enter and leave, and comparison with the merit order."""

from __future__ import annotations

from ccs_model.plan.plan import Frontier, Plan
from ccs_model.plan.plan_json import records
from ccs_model.report.workbook.cell_values import first_few
from ccs_model.report.workbook.formulas import Block, Formula
from ccs_model.report.workbook.native_charts import PICTURE_ROWS, Picture
from ccs_model.report.workbook.sheet import Page, Sheet

# Plants that only the list or only the plan takes.
_NAMED = 3
_PLAN_COLOUR, _LIST_COLOUR, _BOUND_COLOUR = "#1B5E8A", "#D98B2B", "#A9B4BF"


def write_frontier(sheet: Sheet, plan: Plan) -> None:
    """Write the curve, one row a budget, one row a plant that enters or leaves, and the breakpoints of an LP."""
    frontier = plan.frontier
    sheet.title("Frontier")
    if frontier is None:
        sheet.hide_gridlines()
        sheet.paragraph(
            "This run has one budget. Use ccs-model frontier SCENARIO for results by budget; sheet Summary gives the "
            "marginal value of the budget."
        )
        return
    about = frontier.about
    proven = (
        "Decisions are continuous, so the frontier is piecewise linear: it is straight between two breakpoints."
        if about["decisions"] == "continuous"
        else "Each row is an integer solution with its own bound: no plan for that budget is better than the bound. "
        "A solution for a lower budget is also feasible for a higher one, so a higher budget never gives a "
        "worse result."
    )
    sheet.paragraph(
        f"Abatement by budget; {about['network']}. {proven} Values are as solved; the effect of a step is "
        "computed from the row above."
    )
    if about["list_words"]:
        sheet.paragraph(
            f"{about['list_words']} It takes streams at full size by increasing cost (sheet MACC) up to the "
            "budget, and builds them in the best years. Where it falls short, the merit order is not "
            "optimal for that budget.",
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
    block = sheet.table("frontier", rows, main=True, frozen=0, head_on_each_page=True, key="frontier")
    end = sheet.row
    # The charts draw the table, so that it stands in its place first.
    sheet.jump(top)
    sheet.pictures(*_charts(sheet, frontier, block))
    sheet.jump(end)
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


def _charts(sheet: Sheet, frontier: Frontier, block: Block) -> tuple[Picture, Picture]:
    points, unit = frontier.points, str(frontier.about["unit"])
    across = f"Budget ({sheet.unit('budget_mn')})"
    budgets = block.values("budget_mn")
    first, last = points.iloc[0], points.iloc[-1]
    series = [
        ("Solutions", budgets, block.values("objective"), _PLAN_COLOUR),
        ("Bound", budgets, block.values("bound"), _BOUND_COLOUR),
    ]
    if points["list_objective"].notna().all():
        series.append(("Merit order reaches", budgets, block.values("list_objective"), _LIST_COLOUR))
    curve = Picture(
        "Abatement by budget",
        "scatter",
        tuple(series),
        across,
        f"Objective value ({unit})",
        f"From a budget of {first['budget_mn']:,.0f} to {last['budget_mn']:,.0f} the objective value rises from "
        f"{first['objective']:,.0f} to {last['objective']:,.0f} {unit}. Also shown: the bound of each solution and "
        "the result of the merit order.",
    )
    steps = Picture(
        "Additional abatement per million of each step",
        "steps",
        (("Avoided", budgets, block.values("more_kt_per_mn"), _PLAN_COLOUR),),
        across,
        "kt avoided over the horizon per million",
        f"Additional abatement per million between neighbouring budgets, for {len(points)} budgets from low to high.",
        every=max(len(points) // 5, 1),
    )
    return curve, steps


FRONTIER = Page("Frontier", "Abatement by budget, plants that enter and leave, and comparison with the merit order.",
                write_frontier)  # fmt: skip
