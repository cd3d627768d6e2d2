"""Uncertainty: how the answer spreads when the inputs do, what moves it, and how often each plant is chosen."""

from __future__ import annotations

from collections.abc import Mapping

from ccs_model.plan.plan import HELD, NO_REGRET_SHARE, REPLANNED, Plan, Uncertainty
from ccs_model.plan.plan_json import records
from ccs_model.report.workbook.columns import ASSUMED, CALCULATION, OBSERVED, SOLVER, Column
from ccs_model.report.workbook.formulas import Block, Formula
from ccs_model.report.workbook.native_charts import PICTURE_ROWS, Picture
from ccs_model.report.workbook.sheet import Page, Sheet

_LOW_COLOUR, _HIGH_COLOUR, _OFTEN_COLOUR = "#D98B2B", "#1B5E8A", "#1B5E8A"
# So many bars can be read in half a page's width.
_BARS = 10
# As many as their names can be read beside.
_PLANT_BARS = 14

MODES: Mapping[str, str] = {HELD: "the plan, held", REPLANNED: "planned anew, in parts"}
MEASURES: Mapping[str, str] = {
    "aim_value": "Value of the aim",
    "abatement_kt": "Avoided over the horizon (kt)",
    "capex_mn": "Capital (million)",
    "cost_mn": "Cost, discounted (million)",
    "cost_per_t": "Cost per tonne avoided, both discounted",
    "npv_mn": "NPV of the owners (million)",
}
_SPREAD = (
    Column("mode", SOLVER, label="Plan"),
    Column("measure", SOLVER, label="Result", widest=44),
    Column("planned", SOLVER, label="As planned", unit="", form="#,##0.0"),
    Column("mean", SOLVER, label="Mean", unit="", form="#,##0.0", optional=True),
    Column("p5", SOLVER, label="P5", unit="", form="#,##0.0", optional=True),
    Column("p50", SOLVER, label="P50", unit="", form="#,##0.0", optional=True),
    Column("p95", SOLVER, label="P95", unit="", form="#,##0.0", optional=True),
    Column("n_futures", SOLVER, label="Futures"),
)
_TORNADO = (
    Column("input", OBSERVED, label="Input", widest=34),
    Column("low", SOLVER, label="Mean in its lowest fifth", unit="", form="#,##0.0"),
    Column("high", SOLVER, label="Mean in its highest fifth", unit="", form="#,##0.0"),
    Column("mean", SOLVER, label="Mean of all futures", unit="", form="#,##0.0"),
    Column("low_change", CALCULATION, label="Lowest fifth less mean", unit="", form="#,##0.0"),
    Column("high_change", CALCULATION, label="Highest fifth less mean", unit="", form="#,##0.0"),
    Column("noise_width", SOLVER, label="Width of sampling noise", unit="", form="#,##0.0"),
    Column("variance_share", SOLVER, label="Variance explained alone", optional=True),
)
_PLANTS = (
    Column("plant", OBSERVED),
    Column("name", OBSERVED, widest=40),
    Column("province", OBSERVED),
    Column("sector", OBSERVED),
    Column("chosen_share", SOLVER, label="Chosen in", optional=True),
    Column("built_share", SOLVER, label="Mean part built", optional=True),
    Column("is_planned", SOLVER, label="In the plan"),
    Column("is_no_regret", SOLVER, label="No regret"),
)
_BROKEN = (
    Column("constraint", SOLVER, label="Claim", widest=50),
    Column("future_share", SOLVER, label="Broken in"),
    Column("median_missed", SOLVER, label="Missed by, median", unit="", form="#,##0.0"),
    Column("most_missed", SOLVER, label="Missed by, at most", unit="", form="#,##0.0"),
)
_INPUTS = (
    Column("input", OBSERVED, label="Input", widest=34),
    Column("multiplies", OBSERVED, label="What it changes", widest=50),
    Column("distribution", ASSUMED, label="Distribution"),
    Column("low", ASSUMED, label="Low", unit="", form="0.00"),
    Column("mode", ASSUMED, label="Mode", unit="", form="0.00"),
    Column("high", ASSUMED, label="High", unit="", form="0.00"),
    Column("planned", ASSUMED, label="As planned", unit="", form="0.00"),
    Column("p5", SOLVER, label="P5", unit="", form="0.00"),
    Column("p50", SOLVER, label="P50", unit="", form="0.00"),
    Column("p95", SOLVER, label="P95", unit="", form="0.00"),
    Column("reference", OBSERVED, label="Reference"),
    Column("quality", OBSERVED, label="Quality"),
)


def write_uncertainty(sheet: Sheet, plan: Plan) -> None:
    """Quantiles, tornado and choice frequency with their charts, what the held plan breaks, and the inputs."""
    found = plan.uncertainty
    sheet.title("Uncertainty")
    if found is None:
        sheet.hide_gridlines()
        sheet.paragraph(
            "This run looked at one future, the planned one. ccs-model montecarlo SCENARIO makes a workbook whose "
            "sheet Uncertainty shows how the answer spreads when the inputs do; sheet Inputs lists the low and high "
            "ends that are known."
        )
        return
    about = found.about
    sheet.paragraph(
        f"{about['n_draws']} futures of seed {about['seed']} ({about['sampling']}). Held: the plan of this workbook, "
        "built as it is in every future. Planned anew: each future's own linear program, with retrofits, pipes and "
        "wells in parts and the future known beforehand; no planner can do as well."
    )
    if about["overrun_share"] is not None:
        sheet.paragraph(
            f"The held plan costs more than the budget in {about['overrun_share']:.0%} of the futures, by "
            f"{about['overrun_p95_mn']:,.0f} million or more in one of twenty. It keeps every claim in "
            f"{about['within_limits_share']:.0%} of them."
        )
    sheet.section("Results over the futures")
    spread = [{**row, "mode": MODES[row["mode"]], "measure": MEASURES[row["measure"]]} for row in records(found.spread)]
    sheet.table(_SPREAD, spread, main=True, frozen=0, key="uncertainty")
    top = sheet.row
    sheet.jump(top + 1 + PICTURE_ROWS)
    blocks = {mode: _tornado(sheet, found, mode) for mode in (REPLANNED, HELD)}
    sheet.section("How often each plant is chosen")
    sheet.paragraph(
        f"Of the futures planned anew; a plant is chosen where half of a stream's retrofit or more is built. Chosen in "
        f"{NO_REGRET_SHARE:.0%} or more it is fitted without regret.",
        "note",
    )
    plants = sheet.table(_PLANTS, records(found.plants), empty="No plant is chosen in any future.", key="choices")
    end = sheet.row
    # The charts draw the tables, so that those stand in their places first.
    sheet.jump(top)
    anew = blocks[REPLANNED]
    pictures = [_bars(found, anew)] if anew is not None else []
    if len(found.plants):
        pictures.append(_choices(found, plants))
    if pictures:
        sheet.pictures(*pictures)
    sheet.jump(end)
    sheet.section("Claims that the held plan breaks")
    sheet.table(_BROKEN, records(found.broken), empty="None in any future.")
    sheet.section("What is uncertain")
    sheet.table(_INPUTS, records(found.inputs), empty="Nothing.")


def _tornado(sheet: Sheet, found: Uncertainty, mode: str) -> Block | None:
    """What moves the value of the aim, widest first."""
    sheet.section(f"What moves the value of the objective: {MODES[mode]}")
    means = found.spread[(found.spread["mode"] == mode) & (found.spread["measure"] == "aim_value")]["mean"]
    table = found.tornado[(found.tornado["mode"] == mode) & (found.tornado["measure"] == "aim_value")]
    if table.empty:
        sheet.paragraph("Too few futures.", "note")
        return None
    mean = float(means.iloc[0])
    rows = [
        {
            **row,
            "mean": mean,
            "low_change": Formula("={low}-{mean}", row["low"] - mean),
            "high_change": Formula("={high}-{mean}", row["high"] - mean),
        }
        for row in records(table)
    ]
    return sheet.table(_TORNADO, rows, key=f"tornado-{mode}")


def _bars(found: Uncertainty, block: Block) -> Picture:
    names = block.values("input")
    table = found.tornado[(found.tornado["mode"] == REPLANNED) & (found.tornado["measure"] == "aim_value")]
    first = table.iloc[0]
    return Picture(
        "What moves the value of the aim",
        "bars",
        (
            ("Lowest fifth", _some(names, _BARS), _some(block.values("low_change"), _BARS), _LOW_COLOUR),
            ("Highest fifth", _some(names, _BARS), _some(block.values("high_change"), _BARS), _HIGH_COLOUR),
        ),
        "Input",
        f"Value of the aim less its mean ({found.about['unit']})",
        f"{first['input']} moves the value of the aim most: its mean is {first['low']:,.0f} in the lowest fifth of it "
        f"and {first['high']:,.0f} in the highest.",
    )


def _choices(found: Uncertainty, block: Block) -> Picture:
    """The plants whose choice is least sure, in the table's order: from most futures to fewest."""
    n_sure, shares = int(found.plants["is_no_regret"].sum()), found.plants["chosen_share"].to_numpy(float)
    skipped = int(min(max((shares >= 0.5).sum() - _PLANT_BARS // 2, 0), max(len(shares) - _PLANT_BARS, 0)))
    return Picture(
        "How often the least sure plants are chosen",
        "shares",
        (
            (
                "Chosen in",
                _some(block.values("plant"), _PLANT_BARS, skipped),
                _some(block.values("chosen_share"), _PLANT_BARS, skipped),
                _OFTEN_COLOUR,
            ),
        ),
        "Plant",
        "Share of the futures",
        f"{n_sure} of {len(found.plants)} plants are chosen in nine futures of ten or more. Shown are those nearest to "
        "half of the futures.",
    )


def _some(values: list[object], n: int, skipped: int = 0) -> list[object]:
    """The first `n` rows, after those `skipped`, of a range (sheet, first row, column, last row, column)."""
    sheet, top, left, bottom, right = values
    assert isinstance(top, int) and isinstance(bottom, int)
    return [sheet, top + skipped, left, min(bottom, top + skipped + n - 1), right]


UNCERTAINTY = Page("Uncertainty", "How the answer spreads when the inputs do, and how often each plant is chosen.",
                   write_uncertainty)  # fmt: skip
