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
from ccs_model.report.figures import rows_in_use
from ccs_model.report.workbook.cell_values import first_few
from ccs_model.report.workbook.columns import ASSUMED, Column, label
from ccs_model.report.workbook.sheet import Page, Row, Sheet

# What this version of the model assumes, beyond single numbers: statement, why, and what happens if it is wrong.


@dataclass(frozen=True)
class Assumption:
    """One assumption of the model."""

    statement: str
    why: str
    effect_if_wrong: str


_COAL_STEAM = Assumption(
    "All steam for capture comes from a coal boiler built for it.",
    "Waste heat and steam from power plants are particular to each works and are not in the inventories.",
    "With spare heat, amine capture costs less and avoids more; with gas it avoids more and costs more.",
)
_HEAT_BY_CHOICE = Assumption(
    "Each unit takes all its heat from one of the scenario's sources; what a mill wastes is an assumed amount a tonne.",
    "The scenario names the sources (capture.heat_sources); no inventory tells the heat that a works wastes.",
    "More spare heat, or units that mix sources, make capture cheaper and let it avoid more.",
)
_ALWAYS = (
    Assumption(
        "How many wells a site holds and what each takes is assumed, not tested.",
        "No well tests are published for most sites.",
        "A site that takes less sends plants to further sites; where the limit binds, fewer plants are fitted.",
    ),
    Assumption(
        "A steel works whose coke ovens are unknown has none.",
        "The tracker does not say, and a stack that is not there must not be captured.",
        "Baselines stay, since they follow from steel made; CO2 is then split over fewer stacks than there are.",
    ),
    Assumption(
        "Plants run as today, at the utilisation of their product, until their announced closing year.",
        "No forecast of output by plant is published.",
        "A plant that runs less captures less at the same capex; one that closes early strands its retrofit.",
    ),
    Assumption(
        "Prices of power and fuel and the CO2 of the grid stay at their last known value.",
        "Only past values are in the tables; a path would be a forecast.",
        "A cleaner grid raises avoided tonnes per tonne captured; dearer power raises the cost of every retrofit.",
    ),
)
_AS_DESIGNED = Assumption(
    "A retrofit delivers all of its nameplate: the delivery share is 1.",
    "The scenario asks for no calibration (calibration.use: none).",
    "Captured and avoided tonnes fall in proportion, and every cost per tonne rises by the inverse.",
)
_AS_FITTED = Assumption(
    "Every retrofit delivers the same share of its nameplate, as built projects did; sheet Calibration gives it.",
    "The track record is of few projects of other kinds, and the pilot zones' report hardly informs it.",
    "A technology that delivers more or less moves its tonnes in proportion; capital stays.",
)
_NOTHING_PAID = Assumption(
    "Avoided tonnes earn nothing: no carbon price, no subsidy, no tax.",
    "The scenario names no payment for tonnes (policy.paid_per_captured_t, paid_per_avoided_t are 0).",
    "The choice of plants for a budget stays; net present value, which is the cost alone here, would rise.",
)
_PAID = Assumption(
    "A policy pays for every tonne what the scenario says, the same in every year.",
    "No path of a price was asked for.",
    "A price that rises later favours later retrofits; one that falls strands early ones.",
)
_OWN_PIPES = (
    Assumption(
        "Each retrofit lays its own pipe to its site; there are no shared trunk lines.",
        "The scenario asks for it (transport.shared_trunklines is false).",
        "Pipes of neighbouring plants are dearer than they need be, so fewer plants are fitted for the same budget.",
    ),
    Assumption(
        "Storage is paid per tonne at a levelised cost, wells and monitoring within, and is no part of the budget.",
        "The published figures are levelised; the capex of a site is not known.",
        "If sites had to be paid from the budget, fewer retrofits would fit in it.",
    ),
)
_CLASSES = Assumption(
    "What a pipe costs is the envelope of the published size classes: a class may be laid for less than its smallest "
    "flow at the price of that flow, and beyond it each kt/y costs the same.",
    "The classes are published as a price per t/h and metre each, with steps where one class ends.",
    "A flow near a step would cost more or less by the size of the step; what is laid elsewhere hardly changes.",
)
_TRENDS = Assumption(
    "What a pipe costs follows the linear trends that the data folder gives: a cost per km and one per km and kt/y.",
    "Table transport/trends takes the place of the shipped size classes.",
    "A flow far from the points a trend was fitted to costs more or less than it says.",
)
_NETWORK = (
    Assumption(
        "Pipelines follow candidate links: neighbours among plants, sites and hubs, each plant's straight way to its "
        "nearest site, and links of the planner's own.",
        "Every pair of places would be more links than any solver can weigh; ways round over a third place are "
        "hardly longer.",
        "A trunk line along another way could be cheaper; give it in transport/links.",
    ),
    Assumption(
        "A link is as long as the straight distance times the scenario's detour, over flat land unless "
        "transport/terrain or the link itself says otherwise; offshore links cost a multiple.",
        "No route was surveyed; rights of way, rivers and towns are not in the tables.",
        "A longer or harder way makes its pipe dearer in proportion, and may turn the choice to another site.",
    ),
    Assumption(
        "Capacity is shared without friction: whoever lays a pipe lets all others use it, and CO2 that meets mixes.",
        "Who owns pipes, and at what tariff, is for the parties to agree; sheet Transport gives two splits of cost.",
        "Plants that cannot agree lay pipes of their own, which cost more in sum.",
    ),
    Assumption(
        "What retrofits still deliver after the horizon flows on over the network as it then stands, and its room "
        "in the sites is kept.",
        "A retrofit outlives the horizon; CO2 that nothing could carry or take would make the plan false.",
        "If units close with the horizon, pipes and room are kept that nobody needs.",
    ),
)
_CORRIDORS = Assumption(
    "A whole plan is sought and proven within corridors, a part of the candidate links; over all of them only a wider "
    "bound is proven.",
    "Staged whole plans over every candidate link are beyond what a solver proves in the time asked for.",
    "A plan outside the corridors could be better, by no more than the wider bound says.",
)
_TRUCKS = Assumption(
    "A place with plants may send a little by road to its nearest site ashore, liquefied, in electric trucks that are "
    "paid by the tonne and need no capital from the budget.",
    "Hauliers invest and charge; how much a fleet can carry from a place is assumed (transport/trucks).",
    "If trucks had to be bought from the budget, or roads carry less, fewer small plants are fitted first.",
)
_STORAGE = (
    Assumption(
        "Sites and wells are capital within the budget. Where a table gives one all-in cost per tonne it is split into "
        "capital of the site, capital of wells and their upkeep by the shares of storage/factors.",
        "The published figures are levelised; the shares are those of a set of sites that gives both.",
        "If more of it is capital, fewer retrofits fit in the budget; the cost over the horizon stays about the same.",
    ),
    Assumption(
        "Wells are drilled one by one as they are needed and take the same every year; no injection test, no failure.",
        "Wells are cheap beside what they serve, and injectivity of single wells is not published.",
        "Wells that tire need others drilled after them: more capital for the same tonnes.",
    ),
)
_STATIC = Assumption(
    "One representative year is looked at: everything runs, capital counts as a yearly share, and a site gives each "
    "year an equal part of its capacity over the storage life.",
    "The scenario asks for it (years: static).",
    "When things are built, and what prices do meanwhile, is not seen.",
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
        "What this version takes for granted comes first, then the numbers that are assumed for want of a document. "
        "Rows of a table that share their reason stand in one line."
    )
    sheet.section("Of the model")
    sheet.table(
        [
            Column("table", ASSUMED, label="No.", widest=26),
            Column("statement", ASSUMED, widest=44),
            Column("why", ASSUMED, widest=44),
            Column("effect_if_wrong", ASSUMED, widest=56),
        ],
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
    sheet.section("Of the tables")
    rows = [row for name, table in tables.items() if "quality" in table for row in _assumed_rows(name, table)]
    sheet.table(
        [
            Column("table", ASSUMED, widest=26),
            Column("rows", ASSUMED, widest=44),
            Column("what", ASSUMED, label="What is assumed", widest=44),
            Column("note", ASSUMED, label="Reason", widest=56),
            Column("reference", ASSUMED, widest=20),
            Column("n_assumed", ASSUMED, label="Number of rows"),
        ],
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
            yield _line(name, group, key, labels, "not in the inventory: the usual case is taken", str(reference))


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
    "Assumptions", "What the model takes for granted, and every number that is assumed, with why.", write_assumptions
)
