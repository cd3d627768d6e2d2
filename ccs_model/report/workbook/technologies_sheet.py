"""Technologies: what can be built, what it needs and costs."""

from __future__ import annotations

from ccs_model.economics.prices import PriceLevel
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report.workbook.columns import CALCULATION, INPUT, Column, data_columns, own_money
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
    sheet.table(_columns(), records(shown), main=True)
    for name, title in _OTHERS:
        sheet.section(title)
        sheet.table(data_columns(problem.inputs[name]), records(problem.inputs[name]))


def _columns() -> list[Column]:
    return [
        Column("technology", None),
        Column("name", None, widest=24),
        Column("grade", None),
        Column("is_offered", INPUT, label="In this scenario"),
        Column("own_capex_per_tpa", None, label="Capex", unit=own_money("own_capex_per_tpa")),
        Column("own_variable_om_per_t", None, label="Variable O&M", unit=own_money("own_variable_om_per_t")),
        Column("currency", None),
        Column("price_year", None),
        Column("capex_per_tpa", CALCULATION),
        Column("variable_om_per_t", CALCULATION),
        Column("fixed_om_share", None, unit="share of capex per year"),
        Column("reference_co2_share", None, optional=True),
        Column("capture_rate_share", None),
        Column("power_kwh_per_t", None),
        Column("suction_mpa", None),
        Column("used_t_water_per_t", None),
        Column("learning_share", None),
        Column("smallest_train_ktpa", None),
        Column("largest_train_ktpa", None),
        Column("scale_exponent", None),
        Column("first_year", None),
        Column("lead_yr", None),
        Column("life_yr", None),
        Column("min_life_yr", None),
        Column("min_load_share", None),
        Column("readiness_level", None),
        Column("reference", None, widest=14),
        Column("quality", None),
        Column("note", None, widest=40),
    ]


TECHNOLOGIES = Page(
    "Technologies", "Cost, heat, electricity, size and lifetime of the available technologies.", write_technologies
)
