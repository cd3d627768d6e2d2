"""Inputs: every value of the scenario with where it came from, then prices and factors as built up from the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath

import pandas as pd

from ccs_model.economics.price_level import PriceLevel
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.problem import Problem
from ccs_model.report.rows_in_use import rows_in_use
from ccs_model.report.sheet import Page, Row, Sheet
from ccs_model.report.sheets.live_inputs import write_live_inputs
from ccs_model.report.style import CALCULATION, INPUT, OBSERVED, WORDS
from ccs_model.report.table import Cell, Column, data_columns
from ccs_model.scenario.resolved import DEFAULT
from ccs_model.scenario.section import Section

# Tables whose money enters the program.
_WITH_MONEY = (
    "technologies/technologies",
    "technologies/heat_sources",
    "prices/power",
    "prices/fuels",
    "transport/pipes",
    "storage/sites",
)
# Those that only a shared network reads, and the names of their sections.
_OF_NETWORK = (
    ("transport/trends", "Pipes as linear trends, in place of their classes"),
    ("transport/trucks", "Trucks"),
    ("transport/hubs", "Hubs given"),
    ("transport/links", "Links given"),
    ("transport/line_costs", "Costs of single lines"),
    ("storage/factors", "How an all-in storage cost is split"),
    ("storage/site_costs", "Cost curves of sites"),
)
_NETWORK_MONEY = ("transport/trends", "transport/trucks", "transport/line_costs", "storage/site_costs")
_AS_THEY_ARE = (
    ("streams/utilisation", "Utilisation of plants"),
    ("streams/factors", "Emission factors"),
    ("streams/mill_stacks", "Stacks of a steel works, per t of its product"),
    ("streams/chemical_routes", "CO2 of chemical plants, per t of product"),
    ("streams/chemical_grades", "Streams of chemical plants"),
    ("transport/pipes", "Pipes"),
    ("transport/limits", "Limits of transport"),
)


def write_inputs(sheet: Sheet, plan: Plan) -> None:
    """The scenario, then prices, grid factors, price levels and the tables that streams and pipes come from."""
    problem = plan.problem
    sheet.title("Inputs")
    sheet.paragraph(
        "First what may be changed here, then all that was asked. Money in tables is in the "
        "row's own currency and year where the columns beside it name them, else in the scenario's."
    )
    sheet.banner()
    write_live_inputs(sheet, plan)
    sheet.section("Scenario")
    sheet.table(
        [
            Column("key", WORDS, widest=30),
            Column("value", INPUT, optional=True, widest=30),
            Column("unit", WORDS, widest=18),
            Column("class", WORDS),
            Column("place", WORDS, label="Where it came from", widest=18),
            Column("meaning", WORDS, wide=True),
        ],
        list(_values(sheet, problem.scenario, problem.scenario.places)),
        plain=True,
    )
    sheet.section("Price of power, without VAT")
    grids = problem.power_per_kwh["grid"].isin(set(problem.plants["grid"]))
    _built_up(sheet, problem.power_per_kwh[grids], problem.inputs["prices/power"], ["grid", "year"])
    sheet.section("Price of steam, without VAT")
    provinces = problem.steam_per_gj["province"].isin(problem.zones)
    _built_up(sheet, problem.steam_per_gj[provinces], problem.inputs["prices/fuels"], ["province", "fuel", "year"])
    sheet.section("CO2 of grid power (straight between the years, flat outside them)")
    factors = problem.grid_kg_per_kwh[problem.grid_kg_per_kwh["province"].isin(problem.zones)]
    sheet.table(data_columns(factors), records(factors))
    sheet.section(f"What other money is worth in {problem.currency} {problem.price_year}")
    sheet.table(_LEVEL_COLUMNS, list(_price_levels(problem)), named="money")
    tables = rows_in_use(problem.inputs, problem.scenario, problem.zones)
    network = [(name, title) for name, title in _OF_NETWORK if len(problem.inputs[name])]
    for name, title in (*_AS_THEY_ARE, *(network if problem.network is not None else ())):
        sheet.section(f"{title} ({name}.csv)")
        table = tables[name]
        if "value" in table:
            table = table.assign(
                **{name: _named_values(table, name) for name in ("value", "low", "high") if name in table}
            )
        sheet.table(data_columns(table), records(table))


def _values(sheet: Sheet, section: Section, places: Mapping[str, str], parent: str = "") -> Iterator[Row]:
    """Each value of a section, with those of the sections in it."""
    for key, field in type(section).model_fields.items():
        value, dotted = getattr(section, key), f"{parent}{key}"
        if isinstance(value, Section):
            yield from _values(sheet, value, places, f"{dotted}.")
            continue
        parts = {f"{dotted}.{each}": amount for each, amount in value.items()} if isinstance(value, Mapping) else {}
        for name, amount in (parts or {dotted: value}).items():
            yield {
                "key": name,
                "value": Cell(_said(amount), "year" if key == "price_year" else key),
                "unit": sheet.unit(key),
                "class": INPUT.letter,
                "place": _origin(places.get(name)),
                "meaning": field.description or "",
            }


def _said(value: object) -> object:
    """A value as one cell holds it."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "(none named)"
    if value is None or value == {}:
        return "(none)"
    return " ".join(value.split()) if isinstance(value, str) else value


def _origin(place: str | None) -> str:
    """A file's name and line without its folder, so that the workbook is the same wherever the scenario lies."""
    if place is None:
        return DEFAULT
    return "".join(sign if sign.isprintable() else "?" for sign in PurePath(place).name)


def _built_up(sheet: Sheet, prices: pd.DataFrame, sources: pd.DataFrame, key: list[str]) -> None:
    """Parts and total of a price, with the reference of the row it was built from."""
    table = prices.merge(sources[[*key, "reference", "quality", "note"]], on=key, how="left")
    of_row = {*key, "heat_source", "reference", "quality", "note"}
    columns = [
        Column(name, None if name in of_row else CALCULATION, optional=name == "note", widest=24, wide=name == "note")
        for name in table
    ]
    sheet.table(columns, records(table))


_LEVEL_COLUMNS = (
    Column("currency", OBSERVED),
    Column("price_year", OBSERVED),
    Column("price_index", None),
    Column("base_price_index", None, label="Price index, base year"),
    Column("rate", None, label="Exchange rate, base year"),
    Column("worth", CALCULATION, label="One unit is worth"),
    Column("index_reference", OBSERVED, widest=26),
    Column("rate_reference", OBSERVED, widest=26),
)


def _price_levels(problem: Problem) -> Iterator[Row]:
    """Each currency and price year that the tables use, with its way into the scenario's money."""
    deflators, rates = problem.inputs["indices/deflators"], problem.inputs["indices/exchange_rates"]
    level = PriceLevel(problem.currency, problem.price_year, deflators, rates)
    index = deflators.set_index(["currency", "year"])
    rate = rates.set_index(["currency", "year"])
    names = (*_WITH_MONEY, *(_NETWORK_MONEY if problem.network is not None else ()))
    in_use = rows_in_use(problem.inputs, problem.scenario, problem.zones)
    tables = [in_use[name][["currency", "price_year"]] for name in names if len(in_use[name])]
    pairs = pd.concat(tables).drop_duplicates().sort_values(["currency", "price_year"])
    for currency, year in pairs.itertuples(index=False, name=None):
        own, base = index.loc[(currency, year)], index.loc[(currency, problem.price_year)]
        exchange = rate.loc[(currency, problem.price_year)]
        assumed = "assumed" in (own["quality"], base["quality"], exchange["quality"])
        yield {
            "currency": currency,
            "price_year": year,
            "price_index": own["price_index"],
            "base_price_index": base["price_index"],
            "rate": exchange["cny_per_unit"] / rate.loc[(problem.currency, problem.price_year), "cny_per_unit"],
            "worth": level.factor(currency, int(year)),
            "index_reference": ", ".join(dict.fromkeys((own["reference"], base["reference"]))),
            "rate_reference": exchange["reference"],
            "quality": "assumed" if assumed else "reported",
        }


def _named_values(table: pd.DataFrame, column: str) -> list[Cell]:
    """Values of a table whose rows are named after their quantity, each formatted by its own name."""
    return [Cell(value, name) for name, value in zip(table.iloc[:, 0], table[column], strict=True)]


INPUTS = Page("Inputs", "What may be changed here; every value of the scenario; prices and factors.", write_inputs)
