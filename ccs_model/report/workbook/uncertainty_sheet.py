"""Sheets Uncertainty and Calibration: how sure the results are, and what the pilot zones say about them.

Sheet Uncertainty has the spread of the results, drivers of the objective value, and selection frequency of plants.
Sheet Calibration has the report of the pilot zones, what the plan uses of it, and its limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.plan.calibrated_results import (
    PRESS,
    ensemble_bands,
    ensemble_table,
    report_line,
    reported_reduction_lines,
    statement,
)
from ccs_model.plan.plan import FIXED, NO_REGRET_SHARE, REPLANNED, Plan, Uncertainty
from ccs_model.plan.plan_json import records
from ccs_model.problem.applied_calibration import AppliedFit
from ccs_model.report.phrases import futures_text, is_beyond_noise, percent
from ccs_model.report.workbook.columns import table_columns
from ccs_model.report.workbook.formulas import TableRange
from ccs_model.report.workbook.native_charts import HALF_CHART_ROWS, ChartSpec
from ccs_model.report.workbook.sheet import Sheet, SheetSpec
from ccs_model.units import money_text

_LOW_COLOUR, _HIGH_COLOUR, _OFTEN_COLOUR = "#D98B2B", "#1B5E8A", "#1B5E8A"
# Number of bars that can be read in half a page's width.
_BARS = 10
# As many as their names can be read beside.
_PLANT_BARS = 14

MODES: Mapping[str, str] = {FIXED: "fixed plan", REPLANNED: "re-optimised (continuous)"}
MEASURES: Mapping[str, str] = {
    "objective_value": "Objective value ({unit})",
    "abatement_kt": "Avoided over the horizon (kt)",
    "capex_mn": "Capital (million {money})",
    "cost_mn": "Discounted cost (million {money})",
    "cost_per_t": "Cost per tonne avoided, both discounted ({money} per t)",
    "npv_mn": "Owners' NPV (million {money})",
}
_OF_A_YEAR: Mapping[str, str] = {
    "abatement_kt": "Avoided in a year (kt)",
    "cost_mn": "Annual cost (million {money})",
    "cost_per_t": "Cost per tonne avoided ({money} per t)",
    "npv_mn": "Annual cost, with its sign turned (million {money})",
}


def measures(about: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the name of each measure with its unit; a static year has tonnes and costs of a year.

    `about` has the settings of the analysis, as in montecarlo.json.
    """
    money = money_text(about["currency"], about["price_year"])
    named = {**MEASURES, **(_OF_A_YEAR if about["is_static"] else {})}
    return {name: text.format(unit=about["unit"], money=money) for name, text in named.items()}


def write_uncertainty(sheet: Sheet, plan: Plan) -> None:
    """Write quantiles, drivers and selection frequency with charts, violated constraints, and uncertain inputs."""
    found = plan.uncertainty
    if found is None:
        sheet.hide(
            "This run has one future, the planned one. Use ccs-model montecarlo SCENARIO for the uncertainty of the "
            "result; sheet Inputs lists the known low and high values."
        )
        return
    about = found.about
    sheet.paragraph(
        f"{about['n_draws']} futures, seed {about['seed']} ({about['sampling']}). Fixed plan: the plan of this "
        "workbook, built unchanged in every future. Re-optimised: the LP relaxation of each future, solved with "
        "perfect foresight; it is a bound that no plan can reach."
    )
    sheet.paragraph(futures_text(about, records(found.broken)))
    sheet.section("Results over the futures")
    names = measures(about)
    spread = [{**row, "mode": MODES[row["mode"]], "measure": names[row["measure"]]} for row in records(found.spread)]
    sheet.table("uncertainty.spread", spread, main=True, frozen=0)
    top = sheet.row
    sheet.jump(top + 1 + HALF_CHART_ROWS)
    blocks = {mode: _tornado(sheet, found, mode) for mode in (REPLANNED, FIXED)}
    sheet.section("How often each plant is selected")
    sheet.note(
        "Of the re-optimised futures; a plant is selected if at least half of a stream's retrofit is built. A plant of "
        f"the plan that is selected in {percent(NO_REGRET_SHARE, 0)} or more is a no-regret choice. The relaxation "
        "also selects plants that no integer plan could pay for, since it pays for fractions of pipes and sites."
    )
    empty = "No plant is selected in any future."
    plants = sheet.table("uncertainty.plants", records(found.plants), empty=empty)
    # The charts draw the tables, so that those stand in their places first.
    replanned = blocks[REPLANNED]
    charts = [] if replanned is None else _bars(found, replanned)
    if len(found.plants):
        charts.append(_choices(found, plants))
    with sheet.write_at_row(top):
        sheet.charts(*charts)
    sheet.section("Constraints that the fixed plan violates")
    sheet.table("uncertainty.violations", records(found.broken), empty="None in any future.")
    sheet.section("Uncertain inputs")
    sheet.table("uncertainty.inputs", records(found.inputs), empty="Nothing.")


def _tornado(sheet: Sheet, found: Uncertainty, mode: str) -> TableRange | None:
    """Drivers of the objective value, largest first, and after them those within sampling noise."""
    sheet.section(f"Drivers of the objective value: {MODES[mode]}")
    table = _drivers(found, mode)
    means = found.spread[(found.spread["mode"] == mode) & (found.spread["measure"] == "objective_value")]["mean"]
    if table.empty:
        sheet.note("Too few futures.")
        return None
    if n_noise := int((~table["is_drawn"]).sum()):
        sheet.note(f"Inputs within sampling noise, last in the table and not in the chart: {n_noise}.")
    mean = float(means.iloc[0])
    table = table.drop(columns="is_drawn")
    rows = table.assign(mean=mean, low_change=table["low"] - mean, high_change=table["high"] - mean)
    return sheet.table("uncertainty.tornado", records(rows))


def _drivers(found: Uncertainty, mode: str) -> pd.DataFrame:
    """Rows of the tornado of the objective value; `is_drawn` where the effect is beyond sampling noise."""
    of_mode = (found.tornado["mode"] == mode) & (found.tornado["measure"] == "objective_value")
    table = found.tornado[of_mode]
    drawn = [is_beyond_noise(row) for row in records(table)]
    return table.assign(is_drawn=np.array(drawn, dtype=bool)).sort_values("is_drawn", ascending=False, kind="stable")


def _bars(found: Uncertainty, block: TableRange) -> list[ChartSpec]:
    """Chart of the drivers beyond sampling noise, if there are any."""
    table = _drivers(found, REPLANNED)
    n = min(int(table["is_drawn"].sum()), _BARS)
    if n == 0:
        return []
    names, first = block.values("input"), table.iloc[0]
    chart = ChartSpec(
        "Drivers of the objective value", "bars",
        (
            ("Lowest fifth", _slice_range(names, n), _slice_range(block.values("low_change"), n), _LOW_COLOUR),
            ("Highest fifth", _slice_range(names, n), _slice_range(block.values("high_change"), n), _HIGH_COLOUR),
        ),
        "Input", f"Objective value minus its mean ({found.about['unit']})",
        f"{first['input']} has the largest effect on the objective value: the mean is {first['low']:,.0f} in its "
        f"lowest fifth and {first['high']:,.0f} in its highest.",
    )  # fmt: skip
    return [chart]


def _choices(found: Uncertainty, block: TableRange) -> ChartSpec:
    """The plants whose choice is least sure, in the table's order: from most futures to fewest."""
    shares = found.plants["chosen_share"].to_numpy(float)
    n_sure = int((shares >= NO_REGRET_SHARE).sum())
    skipped = int(min(max((shares >= 0.5).sum() - _PLANT_BARS // 2, 0), max(len(shares) - _PLANT_BARS, 0)))
    return ChartSpec(
        "Selection frequency of the least certain plants",
        "shares",
        (
            (
                "Selected in",
                _slice_range(block.values("plant"), _PLANT_BARS, skipped),
                _slice_range(block.values("chosen_share"), _PLANT_BARS, skipped),
                _OFTEN_COLOUR,
            ),
        ),
        "Plant",
        "Share of futures",
        f"The LP relaxation selects {n_sure} of {len(found.plants)} plants in at least 90 % of the futures. The chart "
        "shows the plants closest to 50 %.",
    )


def _slice_range(values: list[object], n: int, skipped: int = 0) -> list[object]:
    """The first `n` rows, after those `skipped`, of a range (sheet, first row, column, last row, column)."""
    sheet, top, left, bottom, right = values
    assert isinstance(top, int) and isinstance(bottom, int)
    return [sheet, top + skipped, left, min(bottom, top + skipped + n - 1), right]


UNCERTAINTY = SheetSpec("Uncertainty", "Uncertainty of the result, and how often each plant is selected.",
                   write_uncertainty)  # fmt: skip


_MEAN = {
    "deployment_share": "share of capturable CO2 retrofitted in five years",
    "delivered_share": "captured ÷ design",
    "b_share": "abatement in the same zone and years that is not capture",
    "kappa": "capex ÷ shipped cost",
}


def has_evidence(plan: Plan) -> bool:
    """Whether the plan is calibrated or a zone of it has a report."""
    observed = plan.problem.inputs["pilots/observations"]
    return plan.problem.calibrated is not None or bool(observed["zone"].isin(plan.problem.zones).any())


def write_calibration(sheet: Sheet, plan: Plan) -> None:
    """The statement, the abatement of each zone as delivered and as designed, the fit, and what the report states."""
    sheet.hide_gridlines()
    sheet.print_on_one_page()
    sheet.paragraph(statement(plan))
    fitted, observed = plan.problem.calibrated, plan.problem.inputs["pilots/observations"]
    has_report = has_evidence(plan)
    reported = observed[(observed["quantity"] == "abatement_share") & (observed["grade"] != "D")]
    lines = reported_reduction_lines(plan)
    if has_report and fitted is None and set(reported["reference"]) == {"PILOT-PRESS"}:
        lines = (report_line("15 %", PRESS),)
    for line in lines[:1]:
        sheet.note(line)
    sheet.section("Abatement of each zone, as delivered and as designed")
    has_reported = bool(plan.zones["reported_abatement_share"].notna().any())
    columns = table_columns("calibration.zones", () if has_reported else ("reported_abatement_share",))
    sheet.table(columns, records(plan.zones), named="zones")
    if fitted is not None:
        _fit(sheet, plan, fitted)
    if has_report:
        sheet.section("What the report states")
        names = ("metric", "baseline_year", "boundary", "attribution", "grade", "reference")
        card = [
            {"question": name.replace("_", " "), "answer": ", ".join(dict.fromkeys(map(str, reported[name])))}
            for name in names
        ]
        sheet.table("calibration.report", card, plain=True)


def _fit(sheet: Sheet, plan: Plan, fitted: AppliedFit) -> None:
    fit = fitted.fit
    sheet.section(f"Priors and posteriors ({fitted.preset}, {fit['effective_points']:,.0f} effective points)")
    parameters = [
        {
            **each,
            "parameter": _MEAN[name],
            **{f"prior_{key}": value for key, value in each["prior"].items()},
            **{f"posterior_{key}": value for key, value in each["posterior"].items()},
        }
        for name, each in fit["parameters"].items()
    ]
    sheet.table("calibration.parameters", parameters, named="parameters")
    sheet.note(
        "Variance reduction is 1 minus posterior variance ÷ prior variance. Parameters that the pilot data hardly "
        'change are marked "not informed". Capture rate, energy, grid emission factor and cost keep their '
        "engineering values."
    )
    observations = [{**row, **row["fitted"]} for row in fit["observations"]]
    sheet.section("Observed and fitted values")
    sheet.table("calibration.observations", observations, named="observations")
    sheet.section("Composition of the reported abatement; fit without the zone's own report")
    sheet.table("calibration.split", list(_split(fit)), named="split")
    sheet.note(
        "A zone inside the 80 % interval predicted from the other zone is consistent with it. This is not a "
        "validation: one article reports both zones."
    )
    for words in fit["conflicts"]:
        sheet.paragraph(f"Conflict, accepted in calibration: {words}.", "broken")
    draws = ensemble_table(plan)
    if len(draws):
        sheet.section(f"The plan over {len(draws)} common draws")
        bands = [{"quantity": name, **band} for name, band in ensemble_bands(draws).items()]
        sheet.table("calibration.draws", bands)
        within = float(draws["is_within_budget"].mean())
        sheet.note(f"The investment is within the budget in {percent(within, 0)} of the draws.")


def _split(fit: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    for zone in fit["zones"]:
        reported = zone["held_out"] or {}
        yield {
            "zone": zone["zone"],
            "reported_abatement_share": zone["reported_abatement_share"],
            **{name: zone[name]["mean"] for name in ("fitted_abatement_share", "capture_share", "other_share")},
            "unexplained_share": zone.get("unexplained_share"),
            "held_out_p10_share": reported.get("p10"),
            "held_out_p90_share": reported.get("p90"),
            "held_out": reported.get("verdict", "not held out"),
        }


CALIBRATION = SheetSpec(
    "Calibration", "Abatement as delivered and as designed, the evidence for it, and its limits.", write_calibration
)
