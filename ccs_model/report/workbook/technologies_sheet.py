"""Technologies: what can be built, what it needs and costs."""

from __future__ import annotations

from ccs_model.economics.prices import PriceLevel
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report.workbook.columns import data_columns
from ccs_model.report.workbook.sheet import Page, Sheet

_OTHERS = (
    ("technologies/heat", "Heat by concentration (linear interpolation, constant outside)"),
    ("technologies/sizes", "Size classes of a retrofit"),
    ("technologies/heat_sources", "Heat sources"),
    ("technologies/measures", "Measures that reduce a stream before capture"),
    ("technologies/compression", "Compression to pipeline pressure"),
    ("technologies/concentration_capex", "Capital cost by concentration"),
)


def write_technologies(sheet: Sheet, plan: Plan) -> None:
    """The technologies with their capex in both moneys, then what bears on them."""
    problem = plan.problem
    table = problem.inputs["technologies/technologies"]
    level = PriceLevel(
        problem.currency,
        problem.price_year,
        problem.inputs["indices/deflators"],
        problem.inputs["indices/exchange_rates"],
    )
    sheet.title("Technologies")
    sheet.paragraph(
        "Capex is total overnight cost per t/y captured, in the money of the source and of the scenario. "
        "Concentrations are of CO2 by volume."
    )
    shown = table.drop(columns=["capex_per_tpa", "variable_om_per_t"]).assign(
        is_offered=table["technology"].isin(problem.scenario.capture.technologies),
        own_capex_per_tpa=table["capex_per_tpa"],
        own_variable_om_per_t=table["variable_om_per_t"],
        capex_per_tpa=level.convert(table["capex_per_tpa"], table["currency"], table["price_year"]),
        variable_om_per_t=level.convert(table["variable_om_per_t"], table["currency"], table["price_year"]),
    )
    sheet.table("technologies", records(shown), main=True)
    for name, title in _OTHERS:
        sheet.section(title)
        sheet.table(data_columns(problem.inputs[name]), records(problem.inputs[name]))


TECHNOLOGIES = Page(
    "Technologies", "Cost, heat, electricity, size and lifetime of the available technologies.", write_technologies
)
