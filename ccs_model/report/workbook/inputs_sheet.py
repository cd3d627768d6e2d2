"""Sheets Inputs and Technologies: inputs that can be changed, scenario values with their origin, and input tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import PurePath

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.economics.investment import annuity_yr
from ccs_model.economics.prices import PriceLevel
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.problem import Problem
from ccs_model.report.live_accounts import flows_of, has_accounts
from ccs_model.report.tables_in_use import rows_in_use
from ccs_model.report.workbook.columns import CALCULATION, INPUT, WORDS, Cell, Column, data_columns, declared_rows
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.sheet import Page, Row, Sheet
from ccs_model.report.workbook.worksheet import AS_SOLVED, WHEN_CHANGED
from ccs_model.scenario.fields import Section
from ccs_model.scenario.resolved import DEFAULT

# Inputs of named_inputs.csv without a key of the scenario; they are 1 in the solved plan.
_PLAY = "play"
_GRID_RATES = (0.04, 0.06, 0.08, 0.10, 0.12)
_GRID_PRICES = (0.0, 50.0, 100.0, 200.0, 400.0, 800.0)


def write_live_inputs(sheet: Sheet, plan: Plan) -> None:
    """Write the inputs with defined names, of which some can be changed, and the NPV grid.

    Costs follow the inputs; retrofits, tonnes and energy stay those of the solved plan.
    """
    values = solved_with(plan)
    sheet.section("Inputs you can change here")
    sheet.paragraph(
        "When you change a shaded value, costs, cash flows, ratios and checks are recomputed. Sheet Series holds the "
        "carbon price and the social cost of carbon by year. To choose plants again, change the scenario file and run "
        "again."
    )
    places = plan.problem.scenario.places
    declared = [each for each in declared_rows("named_inputs.csv") if each["name"] in values]
    rows: list[Row] = []
    for each in declared:
        name, like, is_live = each["name"], each["like"], bool(each["key"])
        kind, solved = INPUT if is_live else CALCULATION, Cell(values[name], like)
        low, high = (Cell(float(each[end]), like) if is_live else solved for end in ("low", "high"))
        origin = "1: as solved" if each["key"] == _PLAY else _origin(places.get(each["key"]))
        rows.append(
            {
                "id": name, "name": name, "meaning": each["meaning"], "unit": sheet.unit(like),
                "value": Cell(values[name], like, kind, unlocked=is_live), "low": low, "high": high,
                "class": kind.letter, "reference": origin if is_live else "scenario", "solved": solved, "changed": "no",
            }
        )  # fmt: skip
    block = sheet.table("inputs.live", rows, key="inputs", plain=True, named="live")
    for each in declared:
        sheet.book.define(each["name"], block.cell("value", each["name"]))
        if each["key"]:
            sheet.between(block, "value", each["name"], float(each["low"]), float(each["high"]))
    changed = (
        '=COUNTIF({inputs!changed},"yes")+SUMPRODUCT(({series!@price:all}<>{series!@price_solved:all})*1)'
        "+SUMPRODUCT(({series!@damage_asked:all}<>{series!@damage_solved:all})*1)"
    )
    count = sheet.table(
        "inputs.changed",
        [{"id": "n", "name": "inputs_changed", "meaning": "inputs changed here and on sheet Series",
          "value": Formula(changed, 0)}],
        plain=True,
    )  # fmt: skip
    sheet.book.define("inputs_changed", count.cell("value", "n"))
    message = sheet.table(
        "inputs.banner",
        [{"id": name, "name": name, "meaning": text}
         for name, text in (("said_as_solved", AS_SOLVED), ("said_when_changed", WHEN_CHANGED))],
        plain=True,
    )  # fmt: skip
    for name in message.rows:
        sheet.book.define(name, message.cell("meaning", name))
    if has_accounts(plan):
        _grid(sheet, plan)


def solved_with(plan: Plan) -> dict[str, float]:
    """The value of each name in the solved plan."""
    problem, scenario = plan.problem, plan.problem.scenario
    requested = scenario.capital_recovery_share if problem.is_static else None
    return {
        **{each["name"]: 1.0 for each in declared_rows("named_inputs.csv") if each["key"] == _PLAY},
        "discount_rate": problem.discount_rate,
        "social_discount_rate": problem.accounts.social_discount_rate,
        "tax_share": problem.accounts.tax_share,
        "depreciation_yr": float(scenario.finance.depreciation_yr),
        "capture_deductible": float(scenario.policy.capture_deductible),
        "first_year": float(problem.first_year),
        "horizon_end": float(problem.horizon_end),
        "delivered_share": problem.delivered_share,
        "capital_recovery_share": float(requested or 0.0),
        "price_year": float(problem.price_year),
        **({"budget_mn": problem.budget_mn} if math.isfinite(problem.budget_mn) else {}),
    }


def _grid(sheet: Sheet, plan: Plan) -> None:
    """Write the net present value of all plants by discount rate and constant carbon price."""
    sheet.section("Net present value of all plants by discount rate and carbon price")
    sheet.paragraph(
        "Down: discount rate. Across: a constant carbon price, earned by every tonne of on-site abatement, in place "
        "of the carbon price of sheet Series, and taxed as other income. You can change rates and prices.",
        "note",
    )
    names = [f"at_{at}" for at in range(len(_GRID_PRICES))]
    net = "{programme!@net_mn:all}-({programme!@carbon_mn:all}+{programme!@salvage_mn:all})*(1-tax_share)"
    spent, left, life = "{capital!spent_mn}", "{capital!left_yr}", "{capital!life_yr}"
    salvage = (
        f"IF({{rate}}=0,SUMPRODUCT({spent}*{left}/{life}),"
        f"SUMPRODUCT({spent}*(1-(1+{{rate}})^-{left})/(1-(1+{{rate}})^-{life})))"
    )
    template = (
        f"=SUMPRODUCT({net}+{{@prices}}*(1-tax_share)/1000*{{programme!@on_site_abatement_kt:all}},"
        f"(1+{{rate}})^-(calendar_year-first_year))+(1-tax_share)*{salvage}*(1+{{rate}})^-(horizon_end-first_year)"
    )
    price_row = {
        "id": "prices", "what": f"Carbon price, {sheet.unit('price_per_t')}", "rate": "",
        **{
            name: Cell(price, "price_per_t", INPUT, unlocked=True)
            for name, price in zip(names, _GRID_PRICES, strict=True)
        },
    }  # fmt: skip
    rows: list[Row] = [price_row]
    for rate in _GRID_RATES:
        values = grid_row(plan, rate, np.array(_GRID_PRICES))
        cells = {
            name: Cell(Formula(template, float(value)), "npv_mn", CALCULATION)
            for name, value in zip(names, values, strict=True)
        }
        rows.append({"what": "NPV", "rate": Cell(rate, "discount_rate", INPUT, unlocked=True), **cells})
    sheet.table(
        [
            Column("what", WORDS, label=f"NPV, {sheet.unit('npv_mn')}", widest=34),
            Column("rate", INPUT, label="Discount rate"),
            *(Column(name, CALCULATION, label=f"Price {at + 1}", widest=14)
              for at, name in enumerate(names)),
        ],
        rows,
        key="grid",
        plain=True,
    )  # fmt: skip


def grid_row(plan: Plan, rate: float, prices: Floats) -> Floats:
    """NPV at a discount rate for each carbon price, [prices]. Million."""
    assert plan.owner_capital is not None
    problem, flows = plan.problem, flows_of(plan, None)
    kept = 1.0 - problem.accounts.tax_share
    weights = (1 + rate) ** -(flows["when"] - problem.first_year)
    capital = plan.owner_capital
    life, left = (capital[name].to_numpy(float) for name in ("life_yr", "left_yr"))
    salvage = float((capital["capital_mn"].to_numpy(float) * annuity_yr(rate, left) / annuity_yr(rate, life)).sum())
    without = flows["net_mn"] - (flows["carbon_mn"] + flows["salvage_mn"]) * kept
    # Sums of products, not BLAS's, whose last digit hangs on where the numbers lie in memory.
    by_price = (without * weights).sum() + prices * kept / 1000.0 * float(
        (flows["on_site_abatement_kt"] * weights).sum()
    )
    return np.asarray(by_price + kept * salvage * weights[-1])


# Tables with money that enters the model.
_WITH_MONEY = (
    "technologies/technologies",
    "technologies/heat_sources",
    "prices/power",
    "prices/fuels",
    "transport/pipes",
    "transport/pipe_laws",
    "storage/sites",
    "storage/class_costs",
)
# Tables that a shared network alone reads, with their section titles.
_OF_NETWORK = (
    ("transport/trends", "Linear cost trends of pipelines, in place of size classes"),
    ("transport/trucks", "Trucks"),
    ("transport/hubs", "Hubs of the planner"),
    ("transport/links", "Links of the planner"),
    ("transport/line_costs", "Costs of single lines"),
    ("storage/site_costs", "Supply curves of storage sites"),
)
_NETWORK_MONEY = ("transport/trends", "transport/trucks", "transport/line_costs", "storage/site_costs")
_AS_THEY_ARE = (
    ("streams/utilisation", "Plant utilisation"),
    ("streams/factors", "Emission factors"),
    ("streams/mill_stacks", "Stacks of a steel plant, per t of product"),
    ("streams/chemical_routes", "CO2 of chemical plants, per t of product"),
    ("streams/chemical_grades", "Streams of chemical plants"),
    ("transport/pipe_laws", "Pipeline cost law"),
    ("transport/pipe_sizes", "Pipeline sizes of the cost law"),
    ("transport/pipes", "Pipeline size classes"),
    ("transport/limits", "Transport limits"),
    ("storage/reservoir_classes", "Rates of wells by class"),
    ("storage/well_rates", "Rates of wells by basin"),
    ("storage/class_costs", "Costs of sites and wells by class"),
    ("storage/factors", "Area and life of storage sites"),
)


def write_inputs(sheet: Sheet, plan: Plan) -> None:
    """Write inputs, scenario values, prices, grid factors, price levels and tables of streams and pipelines."""
    problem = plan.problem
    sheet.title("Inputs")
    sheet.paragraph(
        "Inputs you can change come first, then all scenario values. Money in tables is in the currency and price "
        "year of the row if given, otherwise in those of the scenario."
    )
    sheet.banner()
    write_live_inputs(sheet, plan)
    sheet.section("Scenario")
    sheet.table("inputs.scenario", list(_values(sheet, problem.scenario, problem.scenario.places)), plain=True)
    sheet.section("Electricity price, without VAT")
    grids = problem.power_per_kwh["grid"].isin(set(problem.plants["grid"]))
    _built_up(sheet, problem.power_per_kwh[grids], problem.inputs["prices/power"], ["grid", "year"])
    sheet.section("Steam price, without VAT")
    provinces = problem.steam_per_gj["province"].isin(problem.zones)
    _built_up(sheet, problem.steam_per_gj[provinces], problem.inputs["prices/fuels"], ["province", "fuel", "year"])
    sheet.section("Grid emission factor (linear interpolation, constant outside the years)")
    factors = problem.grid_kg_per_kwh[problem.grid_kg_per_kwh["province"].isin(problem.zones)]
    sheet.table(data_columns(factors), records(factors))
    sheet.section(f"Currency conversion to {problem.currency} {problem.price_year}")
    sheet.table("inputs.money", list(_price_levels(problem)), named="money")
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
                "value": Cell(_sentence(amount), "year" if key == "price_year" else key),
                "unit": sheet.unit(key),
                "class": INPUT.letter,
                "place": _origin(places.get(name)),
                "meaning": sheet.book.language.meaning(dotted, field.description or ""),
            }


def _sentence(value: object) -> object:
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


def _price_levels(problem: Problem) -> Iterator[Row]:
    """Conversion of each currency and price year of the tables into the scenario's money."""
    deflators, rates = problem.inputs["indices/deflators"], problem.inputs["indices/exchange_rates"]
    level = _price_level(problem)
    index = deflators.set_index(["currency", "year"])
    names = (*_WITH_MONEY, *(_NETWORK_MONEY if problem.network is not None else ()))
    in_use = rows_in_use(problem.inputs, problem.scenario, problem.zones)
    tables = [in_use[name][["currency", "price_year"]] for name in names if len(in_use[name])]
    pairs = pd.concat(tables).drop_duplicates().sort_values(["currency", "price_year"])
    for currency, year in pairs.itertuples(index=False, name=None):
        own, base = index.loc[(currency, year)], index.loc[(currency, problem.price_year)]
        # The yuan has no rows; rates are yuan per unit.
        exchange = rates[(rates["currency"] == currency) & (rates["year"] == problem.price_year)]
        assumed = "assumed" in (own["quality"], base["quality"], *exchange["quality"])
        yield {
            "currency": currency,
            "price_year": year,
            "price_index": own["price_index"],
            "base_price_index": base["price_index"],
            "rate": level.rate(currency) / level.rate(problem.currency),
            "worth": level.factor(currency, int(year)),
            "index_reference": ", ".join(dict.fromkeys((own["reference"], base["reference"]))),
            "rate_reference": ", ".join(exchange["reference"]),
            "quality": "assumed" if assumed else "reported",
        }


def _price_level(problem: Problem) -> PriceLevel:
    deflators, rates = problem.inputs["indices/deflators"], problem.inputs["indices/exchange_rates"]
    return PriceLevel(problem.currency, problem.price_year, deflators, rates)


def _named_values(table: pd.DataFrame, column: str) -> list[Cell]:
    """Values of a table whose rows are named after their quantity, each formatted by its own name."""
    return [Cell(value, name) for name, value in zip(table.iloc[:, 0], table[column], strict=True)]


INPUTS = Page("Inputs", "Inputs you can change; all scenario values; prices and factors.", write_inputs)


_OF_TECHNOLOGIES = (
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
    level = _price_level(problem)
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
    for name, title in _OF_TECHNOLOGIES:
        sheet.section(title)
        sheet.table(data_columns(problem.inputs[name]), records(problem.inputs[name]))


TECHNOLOGIES = Page(
    "Technologies", "Cost, heat, electricity, size and lifetime of the available technologies.", write_technologies
)
