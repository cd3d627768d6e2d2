"""Sheet Changes: the edits of the workbook that was solved again, and how the plan follows them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.plan.revision import Retrofits, Revision, retrofit_text, shown_value
from ccs_model.report.workbook.columns import CALCULATION, SOLVER, Cell, label
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.sheet import Page, Row, Sheet
from ccs_model.units import unit_of

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
    sheet.title("Changes")
    n = len(revision.edits)
    sheet.paragraph(
        f"{n} {'cell' if n == 1 else 'cells'} of {revision.workbook} (run {revision.run}) edited, and the plan solved "
        "again. Figures before are those of that run as solved."
    )
    sheet.section("Effect on the plan")
    same_money = revision.money == f"{plan.problem.currency} {plan.problem.price_year}"
    if not same_money:
        sheet.paragraph("Money is left out: its currency or price year was edited.", "note")
    sheet.table("changes.figures", list(_figures(sheet, plan, revision, same_money=same_money)), named="figures")
    sheet.section("What was edited")
    sheet.table("changes.edits", list(_edits(revision)), main=True, frozen=0)
    sheet.section("Plants that enter, leave or change their retrofits")
    rows = list(_plants(plan, revision))
    sheet.table("changes.plants", rows, named="plants", empty="None: every plant keeps its retrofits.")


def _edits(revision: Revision) -> Iterator[Row]:
    for edit in revision.edits:
        yield {
            "cell": edit.cell,
            "what": edit.what,
            "key": edit.key,
            "old": Cell(shown_value(edit.old), edit.key.rpartition(".")[2]),
            "new": Cell(shown_value(edit.new), edit.key.rpartition(".")[2]),
        }


def _figures(sheet: Sheet, plan: Plan, revision: Revision, *, same_money: bool) -> Iterator[Row]:
    for name in _FIGURES:
        new, old = plan.totals.get(name), revision.totals.get(name)
        if new is None or old is None or (_is_money(name) and not same_money):
            continue
        yield {
            "figure": label(name),
            "unit": sheet.unit(name),
            "old": Cell(float(old), name, SOLVER),
            "new": Cell(float(new), name, SOLVER),
            "change": Cell(Formula("={new}-{old}", float(new) - float(old)), name, CALCULATION),
        }


def _is_money(name: str) -> bool:
    unit = unit_of(name)
    return unit is not None and "{currency}" in unit.text


def retrofits_by_plant(plan: Plan) -> Retrofits:
    """Retrofits of a plan as text, by plant."""
    found: dict[str, list[str]] = {}
    for row in records(plan.retrofits):
        text = retrofit_text(row["stream"], row["technology"], row["year"], row["nameplate_ktpa"])
        found.setdefault(str(row["plant"]), []).append(text)
    return {plant: "; ".join(sorted(each)) for plant, each in found.items()}


def _plants(plan: Plan, revision: Revision) -> Iterator[Row]:
    before, after = revision.retrofits, retrofits_by_plant(plan)
    about = plan.problem.plants.set_index("plant")
    avoided = plan.retrofits.groupby("plant")["avoided_ktpa"].sum()
    order = {ENTERS: 0, LEAVES: 1, CHANGES_RETROFIT: 2}
    rows = []
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
    yield from sorted(rows, key=lambda row: (order[str(row["move"])], row["plant"]))


CHANGES = Page("Changes", "Edits of the workbook that was solved again, and their effect on the plan.", write_changes)
