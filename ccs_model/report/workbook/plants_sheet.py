"""Sheets Plants, Retrofits and Changes: every operating plant of the zones, every retrofit of the plan, and edits.

Sheet Changes lists the edits of the workbook that was solved again, and how the plan follows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.engineering.streams import product_unit
from ccs_model.plan.headline import ALL_AT_ONE_SITE
from ccs_model.plan.merit_order import DETAILS, reasons_of
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.plan.stored_run import Revision, retrofit_text, shown_value
from ccs_model.plan.tables import ENERGY
from ccs_model.report import sentences as words
from ccs_model.report.sentences import left_out_sentences, not_eligible_sentences
from ccs_model.report.workbook.columns import CALCULATION, OBSERVED, SOLVER, Cell, columns_of, label, table_columns
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.sheet import Row, Sheet, SheetSpec
from ccs_model.scenario import Scenario
from ccs_model.units import unit_of


def write_plants(sheet: Sheet, plan: Plan) -> None:
    """Write one row a plant with its retrofits, or the reason it is not eligible."""
    sheet.paragraph(
        "Every operating plant of the zones. Baseline is the annual emission; capturable is the CO2 in the streams "
        "that can be captured."
    )
    sheet.paragraph(
        "Your decision takes effect when you solve again with ccs-model optimize FILE: require, exclude, from 2030 (no "
        "retrofit before that year), or require from 2030. Clear the cell to leave the choice to the solver."
    )
    if has_power(plan, plan.problem.plants["product"]):
        sheet.paragraph("Capacities of power stations are in GWh of a year at full load.")
    for sentence in (*not_eligible_sentences(plan.problem), *left_out_sentences(plan.problem)):
        sheet.paragraph(sentence)
    is_chinese = (plan.problem.plants["name_zh"].fillna("") != "").any()
    columns = table_columns("plants", without=() if is_chinese else ("name_zh",))
    built = {
        plant: "; ".join(f"{row['stream']}: {row['technology']}, {row['year']}" for row in rows)
        for plant, rows in _retrofits_by_plant(plan)
    }
    chemicals = plan.problem.inputs.plants_of("chemicals")
    assumed = dict(zip(chemicals["plant"], chemicals["assumed_columns"], strict=True))
    reasons = reasons_of(plan.problem, plan.retrofits)
    rows = []
    for plant, why, change in zip(records(plan.problem.plants), reasons["reason"], reasons["change"], strict=True):
        plant_id = str(plant["plant"])
        decision = decision_text(plan.problem.scenario, plant_id) or None
        rows.append(
            {
                **plant,
                # A source whose emissions are given has no capacity.
                "capacity_ktpa": plant["capacity_ktpa"] or None,
                "decision": Cell(decision, unlocked=True),
                "decision_solved": decision,
                "retrofits": built.get(plant_id, ""),
                "assumed_columns": assumed[plant_id].replace(";", "; ") if plant_id in assumed else None,
                "why": why,
                "change": change,
            }
        )
    block = sheet.table(
        columns,
        rows,
        main=True,
        frozen=2,
        totals={"plant": "Total"},
        empty="No operating plant in the zones.",
        key="plants",
    )
    later = [] if plan.problem.is_static else [f"from {year}" for year in plan.problem.years[1:]]
    decisions = [REQUIRE, EXCLUDE, *later, *(f"{REQUIRE} {each}" for each in later)]
    sheet.choices(block, "decision", decisions, also_chinese=True)
    sheet.book.mark(plant_ids=block.column("plant"), plant_decisions=block.column("decision"))


def has_power(plan: Plan, products: pd.Series) -> bool:
    """Whether a product is power, counted in MWh."""
    return any(product_unit(plan.problem.inputs, product) == "MWh" for product in products.unique())


REQUIRE, EXCLUDE = "require", "exclude"


def decision_text(scenario: Scenario, plant: str) -> str:
    """What the scenario decides on a plant, as its cell says it: `require`, `exclude`, `from 2030`; "" for nothing."""
    if plant in scenario.plants.excluded:
        return EXCLUDE
    start = scenario.plants.not_before.get(plant)
    words = [*([REQUIRE] if plant in scenario.plants.require else []), *([] if start is None else [f"from {start}"])]
    return " ".join(words)


def _retrofits_by_plant(plan: Plan) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for plant, table in plan.retrofits.groupby("plant", sort=False):
        yield str(plant), records(table)


PLANTS = SheetSpec(
    "Plants", "Every operating plant: emissions, retrofits, or the reason it is not eligible.", write_plants
)


_NAME_WIDTH = 44
_CLASSES = {
    **dict.fromkeys(("plant", "name", "name_zh", "province", "sector", "product"), OBSERVED),
    **dict.fromkeys(("length_km", "site_share", "co2_share", "n_trains", "is_extrapolated", *ENERGY), CALCULATION),
}
# Nothing avoided, or no product made: the cost per tonne of it does not exist. A source given whole has no gas.
_OPTIONAL = (
    "name_zh",
    "end_year",
    "heat_source",
    "co2_share",
    "site",
    "site_share",
    "capture_cost_per_t",
    "avoidance_cost_per_t",
    "product_cost_per_t",
)
_SHARED = (
    " Pipeline and storage capex are the retrofit's share of common facilities, by use; the site is the one that "
    "receives most of its CO2, and the length is the flow-weighted mean."
)
_PER_MWH = " For power stations it is per MWh."
_WHY = " Reasons compare costs per tonne; ccs-model explain re-solves the model for exact answers."


def write_retrofits(sheet: Sheet, plan: Plan) -> None:
    """Write plan.retrofits with totals, largest abatement first; sheet Economics holds the parts of the annual cost."""
    table = plan.retrofits.drop(columns=list(DETAILS))
    if not (table["site_share"] < ALL_AT_ONE_SITE).any():
        table = table.drop(columns="site_share")
    if not (plan.problem.plants["name_zh"].fillna("") != "").any():
        table = table.drop(columns="name_zh")
    sites = plan.problem.sites.set_index("site")["name"].to_dict()
    table = table.assign(site=[sites.get(site, site) for site in table["site"]])
    sheet.paragraph(
        f"Tonnes refer to {words.last_period(plan)}; costs per tonne are levelised at the load of the plan. "
        "Added product cost is the annual cost per tonne of product."
        + (_PER_MWH if has_power(plan, table["product"]) else "")
        + ("" if plan.problem.network is None else _SHARED)
        + _WHY
    )
    sheet.write_fixed_notice()
    reasons = reasons_of(plan.problem, plan.retrofits).set_index("plant")
    totals = {name: plan.totals[name] for name in ("capture_cost_per_t", "avoidance_cost_per_t")}
    columns = columns_of(table, classes=_CLASSES, optional=_OPTIONAL, widest=26, summed=("_ktpa", "_mn", "_mn_pa"))
    # One line a row: names of companies are long.
    changes: dict[str, dict[str, Any]] = {
        "name": {"widest": _NAME_WIDTH}, "product_cost_per_t": {"label": "Added product cost"},
    }  # fmt: skip
    columns = [replace(each, **changes.get(each.name, {})) for each in columns]
    sheet.table(
        [*columns, *table_columns("retrofits.reasons")],
        records(table.join(reasons[["reason", "change"]], on="plant")),
        main=True,
        frozen=2,
        totals={**totals, "plant": "Total"},
        key="retrofits",
        empty=words.empty_plan_sentence(plan),
    )


RETROFITS = SheetSpec(
    "Retrofits", "Retrofits: place, year, technology, tonnes, capex and cost per tonne.", write_retrofits
)


ENTERS, LEAVES, CHANGES_RETROFIT = "enters", "leaves", "changes"
# Figures of the plan before and after, in this order.
_FIGURES = (
    "n_plants_retrofitted", "n_retrofits", "captured_ktpa", "avoided_ktpa", "abatement_share",
    "on_site_abatement_share", "capex_mn", "capture_cost_per_t", "avoidance_cost_per_t", "npv_mn", "net_benefit_mn",
    "break_even_carbon_value_per_t",
)  # fmt: skip


def write_changes(sheet: Sheet, plan: Plan) -> None:
    """Write the edits, the figures before and after, and the plants that enter, leave or change."""
    revision = plan.revision
    assert revision is not None
    n = len(revision.edits)
    sheet.paragraph(
        f"{n} {'cell' if n == 1 else 'cells'} of {revision.workbook} (run {revision.run}) edited, and the plan solved "
        "again. Figures before are those of that run as solved."
    )
    sheet.section("Effect on the plan")
    same_money = revision.money == f"{plan.problem.currency} {plan.problem.price_year}"
    if not same_money:
        sheet.note("Money is left out: its currency or price year was edited.")
    sheet.table("changes.figures", list(_figures(sheet, plan, revision, same_money=same_money)), named="figures")
    edits = []
    for edit in revision.edits:
        old, new = (Cell(shown_value(v, edit.key), edit.key.rpartition(".")[2]) for v in (edit.old, edit.new))
        edits.append({"cell": edit.cell, "what": edit.what, "key": edit.key, "old": old, "new": new})
    sheet.section("What was edited")
    sheet.table("changes.edits", edits, main=True, frozen=0)
    sheet.section("Plants that enter, leave or change their retrofits")
    same = "None: every plant keeps its retrofits."
    sheet.table("changes.plants", _moves(plan, revision), named="plants", empty=same)


def _figures(sheet: Sheet, plan: Plan, revision: Revision, *, same_money: bool) -> Iterator[Row]:
    for name in _FIGURES:
        new, old = plan.totals.get(name), revision.totals.get(name)
        unit = unit_of(name)
        is_money = unit is not None and "{currency}" in unit.text
        if new is None or old is None or (is_money and not same_money):
            continue
        yield {
            "figure": label(name),
            "unit": sheet.unit(name),
            "old": Cell(float(old), name, SOLVER),
            "new": Cell(float(new), name, SOLVER),
            "change": Cell(Formula("={new}-{old}", float(new) - float(old)), name, CALCULATION),
        }


def _moves(plan: Plan, revision: Revision) -> list[Row]:
    before = revision.retrofits
    after = {
        plant: "; ".join(
            sorted(retrofit_text(row["stream"], row["technology"], row["year"], row["nameplate_ktpa"]) for row in rows)
        )
        for plant, rows in _retrofits_by_plant(plan)
    }
    about = plan.problem.plants.set_index("plant")
    avoided = plan.retrofits.groupby("plant")["avoided_ktpa"].sum()
    order = {ENTERS: 0, LEAVES: 1, CHANGES_RETROFIT: 2}
    rows: list[Row] = []
    for plant in sorted({*before, *after}):
        if before.get(plant) == after.get(plant):
            continue
        move = ENTERS if plant not in before else LEAVES if plant not in after else CHANGES_RETROFIT
        known = about.loc[plant] if plant in about.index else None
        rows.append(
            {
                "move": move,
                "plant": plant,
                **{name: "–" if known is None else known[name] for name in ("name", "province", "sector")},
                "before": before.get(plant, "–"),
                "after": after.get(plant, "–"),
                "avoided_ktpa": float(np.nan_to_num(avoided.get(plant, 0.0))),
            }
        )
    return sorted(rows, key=lambda row: (order[str(row["move"])], str(row["plant"])))


CHANGES = SheetSpec(
    "Changes", "Edits of the workbook that was solved again, and their effect on the plan.", write_changes
)
