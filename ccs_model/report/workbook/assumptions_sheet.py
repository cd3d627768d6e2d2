"""Assumptions: what the model takes for granted, and every row of every table that is assumed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from ccs_model.engineering.capture_units import COAL_BOILER
from ccs_model.inputs.declarations import read_dictionary
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.problem import Problem
from ccs_model.report.tables_in_use import rows_in_use
from ccs_model.report.workbook.cell_values import first_few
from ccs_model.report.workbook.columns import label
from ccs_model.report.workbook.sheet import Page, Row, Sheet

# What this version of the model assumes, beyond single numbers: statement, why, and what happens if it is wrong.


@dataclass(frozen=True)
class Assumption:
    """One assumption of the model."""

    statement: str
    why: str
    effect_if_wrong: str


_COAL_STEAM = Assumption(
    "All steam for capture comes from a dedicated coal boiler.",
    "Waste heat and steam from power plants are specific to each plant and not in the inventories.",
    "With spare heat, amine capture costs less and avoids more CO2; with gas it avoids more and costs more.",
)
_HEAT_BY_CHOICE = Assumption(
    "Each unit takes all its heat from one heat source of the scenario; the waste heat of a plant is an assumed "
    "amount per tonne of product.",
    "The scenario sets the heat sources (capture.heat_sources); no inventory reports waste heat by plant.",
    "More spare heat, or units with several heat sources, would lower the capture cost and raise net abatement.",
)
_ALWAYS = (
    Assumption(
        "The number of wells per site and their injectivity are assumed, not tested.",
        "Well tests are not published for most sites.",
        "With lower injectivity, plants use more distant sites; where the limit binds, fewer plants are retrofitted.",
    ),
    Assumption(
        "A steel plant with unknown coke ovens has none.",
        "The tracker does not report them, and a stack that may not exist must not be captured.",
        "Baselines do not change, since they follow from steel output; CO2 is split over too few stacks.",
    ),
    Assumption(
        "Plants operate as today, at the utilisation of their product, until the announced closing year.",
        "Output forecasts by plant are not published.",
        "A plant with lower output captures less at the same capex; a plant that closes early strands its retrofit.",
    ),
    Assumption(
        "Electricity and fuel prices and grid emission factors stay at their last known value.",
        "The tables hold past values only; a path would be a forecast.",
        "A cleaner grid raises net abatement per tonne captured; higher electricity prices raise the cost of every "
        "retrofit.",
    ),
)
_AS_DESIGNED = Assumption(
    "A retrofit delivers its nameplate: the delivered share is 1.",
    "The scenario uses no calibration (calibration.use: none).",
    "Captured and avoided tonnes fall in proportion, and every cost per tonne rises by the inverse.",
)
_AS_FITTED = Assumption(
    "Every retrofit delivers the same share of its nameplate, as observed in built projects; see sheet Calibration.",
    "The track record covers few projects of other types, and the report on the pilot zones adds little information.",
    "A technology that delivers more or less changes its tonnes in proportion; capital does not change.",
)
_NOTHING_PAID = Assumption(
    "Avoided tonnes earn no revenue: no carbon price, no subsidy, no tax.",
    "The scenario has no payment per tonne (policy.paid_per_captured_t and paid_per_avoided_t are 0).",
    "The choice of plants for a budget does not change; the net present value, here the cost alone, would rise.",
)
_PAID = Assumption(
    "A policy pays a constant amount per tonne, set in the scenario.",
    "The scenario has no price path.",
    "A price that rises over time favours later retrofits; a falling price strands early ones.",
)
_OWN_PIPES = (
    Assumption(
        "Each retrofit has its own pipeline to its site; there are no shared trunk lines.",
        "The scenario sets it (transport.shared_trunklines is false).",
        "Pipelines of neighbouring plants cost more than necessary, so fewer plants are retrofitted for the same "
        "budget.",
    ),
    Assumption(
        "Storage is paid per tonne at a levelised cost, including wells and monitoring, and is not part of the budget.",
        "Published figures are levelised; the capex of a site is unknown.",
        "If sites were paid from the budget, it would cover fewer retrofits.",
    ),
)
_CLASSES = Assumption(
    "The cost of a pipeline is the envelope of the published size classes: below its smallest flow a class costs as "
    "much as that flow, above it each kt/y costs the same.",
    "Each class is published as a price per t/h and metre, with steps between classes.",
    "A flow near a step would cost more or less by the size of the step; other pipelines hardly change.",
)
_TRENDS = Assumption(
    "The cost of a pipeline follows the linear trends of the data folder: a cost per km and a cost per km and kt/y.",
    "Table transport/trends replaces the shipped size classes.",
    "A flow far from the fitted points costs more or less than the trend.",
)
_NETWORK = (
    Assumption(
        "Pipelines follow candidate links: neighbours among plants, sites and hubs, the straight line from each "
        "plant to its nearest site, and links in transport/links.",
        "Links between all pairs would exceed the capacity of any solver; detours over a third node are hardly longer.",
        "A trunk line on another route could be cheaper; add it in transport/links.",
    ),
    Assumption(
        "The length of a link is the straight-line distance times the scenario's detour factor, over flat land "
        "unless transport/terrain or the link says otherwise; offshore links cost a multiple.",
        "Routes were not surveyed; rights of way, rivers and towns are not in the tables.",
        "A longer or more difficult route raises the cost in proportion and may change the choice of site.",
    ),
    Assumption(
        "Capacity is shared without barriers: every plant may use every pipeline, and CO2 streams mix.",
        "Ownership and tariffs are for the parties to agree; sheet Transport gives two ways to share costs.",
        "Plants without an agreement build their own pipelines, at a higher total cost.",
    ),
    Assumption(
        "CO2 that retrofits deliver after the horizon uses the network as built, and storage capacity is reserved "
        "for it.",
        "A retrofit outlives the horizon; without transport and storage for its CO2 the plan would be infeasible.",
        "If units close at the end of the horizon, part of the pipelines and capacity is not needed.",
    ),
)
_CORRIDORS = Assumption(
    "The integer problem is solved within the searched links, a subset of the candidate links; over all candidate "
    "links only a weaker bound is proven.",
    "Multi-period integer problems over every candidate link cannot be proven within the time limit.",
    "A plan outside the searched links could be better, by no more than the bound over all candidate links.",
)
_TRUCKS = Assumption(
    "A plant location may send a small flow of liquefied CO2 by electric truck to its nearest onshore site; trucking "
    "is paid per tonne and needs no capital from the budget.",
    "Hauliers invest and charge per tonne; the capacity of a fleet is assumed (transport/trucks).",
    "If trucks were paid from the budget, or had a lower capacity, fewer small plants would be retrofitted first.",
)
_STORAGE = (
    Assumption(
        "Sites and wells are capital within the budget. An all-in cost per tonne is split into site capital, well "
        "capital and well O&M by the shares of storage/factors.",
        "Published figures are levelised; the shares come from a set of sites that reports both.",
        "With a larger capital share the budget covers fewer retrofits; the cost over the horizon hardly changes.",
    ),
    Assumption(
        "Wells are drilled individually as needed and have constant injectivity; there are no injection tests or "
        "failures.",
        "Wells are cheap compared with the units they serve, and the injectivity of individual wells is not published.",
        "Wells with declining injectivity need replacements: more capital for the same tonnes.",
    ),
)
_STATIC = Assumption(
    "The model covers one representative year: everything operates, capital is annualised, and a site offers an "
    "equal part of its capacity in each year of the storage life.",
    "The scenario sets it (years: static).",
    "The timing of investments and price changes over time are not represented.",
)


def model_assumptions(problem: Problem) -> tuple[Assumption, ...]:
    """What holds for this problem: those of the way CO2 travels and is stored first."""
    policy = problem.scenario.policy
    is_paid = policy.paid_per_captured_t > 0 or policy.paid_per_avoided_t > 0
    found = list(_OWN_PIPES)
    if problem.network is not None:
        cost = _TRENDS if len(problem.inputs["transport/trends"]) else _CLASSES
        found = [cost, *_NETWORK[:3], *(() if problem.is_static else _NETWORK[3:])]
        if problem.is_integer and problem.scenario.transport.corridors != "all":
            found.append(_CORRIDORS)
        if (problem.network.links["kind"] == "truck").any():
            found.append(_TRUCKS)
        found += _STORAGE
    delivery = _AS_DESIGNED if problem.calibrated is None else _AS_FITTED
    heat = _COAL_STEAM if problem.scenario.capture.heat_sources == (COAL_BOILER,) else _HEAT_BY_CHOICE
    always = (delivery, heat, *_ALWAYS)
    return (*found, *((_STATIC,) if problem.is_static else ()), *always, _PAID if is_paid else _NOTHING_PAID)


# Columns that say where a number is from, not what it is about.
_ABOUT_THE_ROW = frozenset(("line", "reference", "quality", "note", "price_year", "name", "name_zh"))
_MOST_NAMED = 6


def write_assumptions(sheet: Sheet, plan: Plan) -> None:
    """Statements first, then the assumed rows, those of one reason in one line."""
    tables = rows_in_use(plan.problem.inputs, plan.problem.scenario, plan.problem.zones)
    sheet.title("Assumptions")
    sheet.paragraph(
        "Model assumptions come first, then numbers assumed without a published source. Rows of a table with the "
        "same reason share one line."
    )
    sheet.section("Model assumptions")
    sheet.table(
        "assumptions.model",
        [
            {
                "table": str(number),
                "statement": each.statement,
                "why": each.why,
                "effect_if_wrong": each.effect_if_wrong,
            }
            for number, each in enumerate(model_assumptions(plan.problem), start=1)
        ],
        plain=True,
        named="of_model",
    )
    sheet.section("Data assumptions")
    rows = [row for name, table in tables.items() if "quality" in table for row in _assumed_rows(name, table)]
    sheet.table(
        "assumptions.tables",
        rows,
        main=True,
    )


def _assumed_rows(name: str, table: pd.DataFrame) -> Iterator[Row]:
    """Rows of quality "assumed", by reason; then columns assumed in rows that are not."""
    key, what = _key_and_quantities(name)
    if name.startswith("plants/"):  # an inventory's rows may stand in any order, and only the first are named
        table = table.sort_values(key, kind="stable")
    assumed = table[table["quality"] == "assumed"]
    for (reference, note), group in assumed.groupby(["reference", "note"], sort=False):
        yield _line(name, group, key, ", ".join(map(label, what)), str(note), str(reference))
    if "assumed_columns" in table:
        partly = table[(table["assumed_columns"] != "") & (table["quality"] != "assumed")]
        for (columns, reference), group in partly.groupby(["assumed_columns", "reference"]):
            labels = ", ".join(map(label, str(columns).split(";")))
            yield _line(name, group, key, labels, "not in the inventory; the usual case is assumed", str(reference))


def _line(name: str, group: pd.DataFrame, key: list[str], what: str, note: str, reference: str) -> dict[str, object]:
    named = [" ".join(_sentence(row[each]) for each in key if _sentence(row[each])) for row in records(group)]
    return {
        "table": name,
        "rows": first_few(named, _MOST_NAMED),
        "what": what,
        "note": note,
        "reference": reference,
        "n_assumed": len(group),
    }


def _key_and_quantities(name: str) -> tuple[list[str], list[str]]:
    """The columns that name a row (those before the first quantity, and its year), and the quantities themselves."""
    declared = read_dictionary()[name]
    # A currency beside a price year is that of the row's money; elsewhere it is what the row is about.
    about = _ABOUT_THE_ROW | ({"currency"} if any(column.name == "price_year" for column in declared) else set())
    columns = [column for column in declared if column.name not in about]
    is_quantity = [column.kind in ("number", "whole") and column.name != "year" for column in columns]
    first = max(is_quantity.index(True), 1) if True in is_quantity else len(columns)
    key = [column.name for column in columns[:first]]
    # The heat of a technology is told by its concentration; a plant or a site by its id alone.
    if name == "technologies/heat":
        key.append("co2_share")
    if name.startswith(("plants/", "storage/", "technologies/technologies")):
        key = key[:1]
    return key, [
        column.name for column, counts in zip(columns, is_quantity, strict=True) if counts and column.name not in key
    ]


def _sentence(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


ASSUMPTIONS = Page(
    "Assumptions", "Assumptions of the model, and every assumed number with its reason.", write_assumptions
)
