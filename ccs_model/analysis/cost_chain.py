"""The cost chain of a plant: from its CO2 streams to the cost per tonne, with the source of every number.

A chain has one column a retrofit. A plant without a retrofit has its best option instead: the full-size option of least
avoidance cost with its own pipe, as in the merit order of the marginal abatement cost curve. A computed figure has no
source; its line states the formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.economics.investment import cost_per_t
from ccs_model.economics.prices import (
    CLASS_OF_GRADE,
    build_up_shares,
    class_names,
    cost_range_mn,
    estimate_class,
    parts_from_toc,
)
from ccs_model.engineering.streams import product_output_ktpa, product_unit
from ccs_model.plan.citations import Citation, Citations, Cited
from ccs_model.plan.merit_order import PARTS, STORAGE_PARTS, TRANSPORT_PARTS, best_options, with_prices
from ccs_model.plan.money import base_costs_per_t
from ccs_model.plan.plan_json import number_or_none
from ccs_model.problem import Problem


@dataclass(frozen=True, eq=False)
class Unit:
    """One column of a chain: values by name, start year if it is built, and pipe classes it may use."""

    title: str
    values: Mapping[str, Any]
    year: int | None
    pipes: tuple[str, ...]

    def number(self, name: str) -> float:
        """A number; NaN if unknown."""
        value = self.values.get(name)
        return float("nan") if value is None else float(value)

    def text(self, name: str) -> str:
        """A text; empty if unknown."""
        return str(self.values.get(name) or "")


def units_of(problem: Problem, own: pd.DataFrame, plant: str) -> list[Unit]:
    """The retrofits `own` of a plant, or its best option; empty if nothing can be built."""
    if len(own):
        return _built_units(problem, own)
    best = best_options(problem, plants={plant})
    return (
        [_unit(_full_load_values(best.iloc[0].to_dict()), "best option, own pipe", None, (str(best["pipe"].iloc[0]),))]
        if len(best)
        else []
    )


def _full_load_values(option: dict[str, Any]) -> dict[str, Any]:
    """An option that runs at full load."""
    tonnes = {name: option[name.replace("_ktpa", "_at_full_load_ktpa")] for name in ("captured_ktpa", "avoided_ktpa")}
    return {**option, **tonnes, "load_share": 1.0}


def _built_units(problem: Problem, own: pd.DataFrame) -> list[Unit]:
    """Retrofits with the values of their routes."""
    table = with_prices(problem).set_index("route", drop=False)
    units = []
    for retrofit in own.to_dict("records"):
        route = table.loc[retrofit["route"]].to_dict()
        share = float(retrofit["share"])
        values = {**route, **{name: retrofit[name] for name in (*PARTS, "cost_mn_pa", "site", "length_km")}}
        values |= {name: retrofit[name] for name in ("capture_capex_mn", "pipe_capex_mn", "storage_capex_mn")}
        values |= {name: retrofit[name] for name in ("nameplate_ktpa", "capture_cost_per_t", "avoidance_cost_per_t")}
        values |= {name: retrofit[name] for name in ("captured_ktpa", "avoided_ktpa", "load_share", "operating_share")}
        values["reduced_ktpa"] = retrofit.get("reduced_ktpa", 0.0)
        end_year = retrofit.get("end_year")
        values["end_year"] = None if end_year is None or pd.isna(end_year) else int(end_year)
        if retrofit["operating_share"] == 0:
            values |= _ended_values(problem, route, retrofit)
        values["stream_share"] = route["stream_share"] * share
        captured, avoided = values["captured_ktpa"], values["avoided_ktpa"]
        if captured > 0:
            # The power of booster pumps on shared pipes is known from the plan only.
            gained = (avoided - values["reduced_ktpa"]) / captured
            values["power_t_per_t"] = 1.0 - route["fuel_t_per_t"] - gained
        names = (str(retrofit["pipe"]),) if problem.network is None else tuple(problem.network.lines["pipe"].unique())
        title = f"{retrofit['stream']}"
        units.append(_unit(values, title, int(retrofit["year"]), names))
    return units


def _ended_values(problem: Problem, route: Mapping[str, Any], retrofit: Mapping[str, Any]) -> dict[str, Any]:
    """A retrofit that has ended by the last period, at full load.

    What remains of its cost in the last period is its part of shared assets.
    """
    shared = 0.0 if problem.network is None else 1.0
    parts = {name: route[name] * float(retrofit["share"]) + shared * retrofit[name] for name in PARTS}
    names = ("capture_cost_per_t", "avoidance_cost_per_t")
    costs = {name: retrofit[name.replace("_per_t", "_at_full_load_per_t")] for name in names}
    full = _full_load_values(dict(retrofit))
    tonnes = {name: full[name] for name in ("captured_ktpa", "avoided_ktpa", "load_share")}
    whole = {
        "cost_mn_pa": retrofit["cost_at_full_load_mn_pa"],
        "reduced_ktpa": route["reduced_ktpa"] * float(retrofit["share"]),
        "basis": "full load",
    }
    return {**parts, **costs, **tonnes, **whole}


def _unit(values: dict[str, Any], title: str, year: int | None, pipes: tuple[str, ...]) -> Unit:
    """A unit with derived values per tonne captured."""
    captured, avoided = values["captured_ktpa"], values["avoided_ktpa"]
    per_t = 1000.0 / captured if captured > 0 else np.nan
    derived = {
        "stream_ktpa": values["co2_ktpa"] * values["lasting_share"],
        "avoided_t_per_t": avoided / captured if captured > 0 else np.nan,
        "capital_per_t": values["capture_capital_mn_pa"] * per_t,
        "fixed_om_per_t": values["capture_fixed_om_mn_pa"] * per_t,
        "variable_om_per_t": values["capture_variable_om_mn_pa"] * per_t,
        "heat_per_t": values["heat_mn_pa"] * per_t,
        "power_per_t": values["capture_power_mn_pa"] * per_t,
        "transport_per_t": sum(values[name] for name in TRANSPORT_PARTS) * per_t,
        "storage_per_t": sum(values[name] for name in STORAGE_PARTS) * per_t,
        "storage_capex_mn": values.get("storage_capex_mn", values["site_capex_mn"] + values["well_capex_mn"]),
    }
    return Unit(title, {**values, **derived}, year, pipes)


Value = float | str | None

POWER_PARTS = ("energy_per_kwh", "loss_per_kwh", "transmission_per_kwh", "demand_per_kwh", "fees_per_kwh")


@dataclass(frozen=True)
class Line:
    """One line: `name` ends in its unit; `values` and `cited` have one entry a column; `how` is a formula."""

    section: str
    name: str
    label: str
    values: tuple[Value, ...]
    cited: tuple[Cited, ...]
    how: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        cited = [[vars(each) for each in cited] for cited in self.cited]
        return {**vars(self), "values": list(self.values), "cited": cited}


@dataclass(frozen=True)
class Chain:
    """`about` describes the plant, `streams` has one line a stream, `lines` the figures by column."""

    plant: str
    about: tuple[Line, ...]
    streams: tuple[Line, ...]
    columns: tuple[str, ...]
    is_retrofitted: bool
    lines: tuple[Line, ...]
    titles: dict[str, str]

    @property
    def cited(self) -> tuple[Citation, ...]:
        """All sources of the chain."""
        every = (each for line in (*self.about, *self.streams, *self.lines) for cited in line.cited for each in cited)
        return tuple(dict.fromkeys(every))

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "about": [line.to_dict() for line in self.about],
            "streams": [line.to_dict() for line in self.streams],
            "columns": list(self.columns),
            "is_retrofitted": self.is_retrofitted,
            "lines": [line.to_dict() for line in self.lines],
            "references": self.titles,
        }


def chain_of(
    problem: Problem, retrofits: pd.DataFrame, plant: str, cost_of_next_per_t: float | None, measure: str = "avoided"
) -> Chain:
    """Cost chain of one plant; `retrofits` are the plan's, `cost_of_next_per_t` the dual of its target of a measure."""
    citations = Citations(problem)
    row = problem.plants.set_index("plant", drop=False).loc[plant]
    own = retrofits[retrofits["plant"] == plant] if len(retrofits) else retrofits
    units = units_of(problem, own, plant)
    about = _plant_lines(problem, citations, row)
    streams = _streams(problem, citations, row)
    lines = _lines(problem, citations, row, units, cost_of_next_per_t, measure) if units else ()
    chain = Chain(plant, about, streams, tuple(unit.title for unit in units), len(own) > 0, lines, {})
    return replace(chain, titles=citations.titles(each.reference for each in chain.cited))


def _plant_lines(problem: Problem, citations: Citations, row: pd.Series) -> tuple[Line, ...]:
    of_plant = citations.plant(row["plant"])
    output = float(product_output_ktpa(row.to_frame().T, problem.inputs).iloc[0])
    used = citations.utilisation(row["province"], row["product"])
    share = output / row["capacity_ktpa"] if row["capacity_ktpa"] > 0 else np.nan
    # A source with stated emissions has no output.
    output = output if output > 0 else np.nan

    def line(name: str, label: str, value: Value, cited: Cited = (), how: str = "") -> Line:
        return Line("plant", name, label, (value,), (cited,), how)

    return (
        line("name", "name", str(row["name"]), of_plant),
        line("name_zh", "Chinese name", str(row["name_zh"]) if isinstance(row["name_zh"], str) else "", of_plant),
        line("province", "province", str(row["province"]), of_plant),
        line("lat_deg", "latitude", float(row["lat_deg"]), of_plant),
        line("lon_deg", "longitude", float(row["lon_deg"]), of_plant),
        line("sector", "sector", str(row["sector"])),
        line("product", "product", str(row["product"])),
        line("product_unit", "unit of the product", product_unit(problem.inputs, str(row["product"]))),
        line("status", "status", str(row["status"]), of_plant),
        line("capacity_ktpa", "capacity", float(row["capacity_ktpa"]), of_plant),
        line("utilisation_share", "utilisation", number_or_none(share), used),
        line("output_ktpa", "output", number_or_none(output), how="capacity × utilisation"),
        line("baseline_ktpa", "emits", float(row["baseline_ktpa"]), how="sum of its streams"),
        line("capturable_ktpa", "of which capturable", float(row["capturable_ktpa"])),
    )


def _streams(problem: Problem, citations: Citations, row: pd.Series) -> tuple[Line, ...]:
    lines = []
    for stream in problem.streams[problem.streams["plant"] == row["plant"]].itertuples(index=False):
        cited = tuple(dict.fromkeys((*citations.tonnes(row, stream.stream), *citations.gas(row, stream.stream))))
        values = (
            float(stream.co2_ktpa),
            number_or_none(stream.co2_share),
            str(stream.grade),
            float(stream.lasting_share),
        )
        lines.append(Line("streams", "co2_ktpa", str(stream.stream), values, (cited,)))
    return tuple(lines)


def _lines(
    problem: Problem,
    citations: Citations,
    row: pd.Series,
    units: list[Unit],
    cost_of_next_per_t: float | None,
    measure: str,
) -> tuple[Line, ...]:
    lines: list[Line] = []
    province = str(row["province"])
    of_technology = tuple(citations.technology(unit.text("technology"), row["plant"]) for unit in units)
    nothing: tuple[Cited, ...] = ((),) * len(units)

    def add(section: str, name: str, label: str, values: list[Value], cited: tuple[Cited, ...], how: str = "") -> None:
        lines.append(Line(section, name, label, tuple(values), cited, how))

    def numbers(name: str) -> list[Value]:
        return [number_or_none(unit.number(name)) for unit in units]

    add("unit", "technology", "technology", [unit.text("technology") for unit in units], of_technology)
    add("unit", "year", "starts in", [str(unit.year) if unit.year is not None else "–" for unit in units], nothing)
    for name, label in (("heat_source", "heat from"), ("end_year", "works until"), ("basis", "figures at")):
        add("unit", name, label, [unit.text(name) or "–" for unit in units], nothing)
    add("tonnes", "co2_ktpa", "stream, remaining", numbers("stream_ktpa"), nothing)
    add("tonnes", "stream_share", "× size", numbers("stream_share"), nothing)
    add("tonnes", "capture_rate_share", "× capture rate", numbers("capture_rate_share"), of_technology)
    add("tonnes", "nameplate_ktpa", "= nameplate", numbers("nameplate_ktpa"), nothing, "stream × size × capture rate")
    delivered: list[Value] = [problem.delivered_share * float(unit.number("relative_delivery")) for unit in units]
    add("tonnes", "delivered_share", "× delivered share φ", delivered, nothing)
    how = "captured ÷ full load, last period"
    add("tonnes", "load_share", "× load", numbers("load_share"), nothing, how)
    add("tonnes", "captured_ktpa", "= captured a year", numbers("captured_ktpa"), nothing)
    law = tuple(
        citations.of("technologies/concentration_capex") if unit.text("grade") == "flue_gas" else () for unit in units
    )
    add("capex", "reference_capex_per_tpa", "reference capex", numbers("reference_capex_per_tpa"), of_technology)
    add("capex", "concentration_factor", "× concentration", numbers("concentration_factor"), law)
    add("capex", "small_train_factor", "× small trains", numbers("small_train_factor"), of_technology)
    add("capex", "capture_capex_mn", "× nameplate = TOC", numbers("capture_capex_mn"), nothing, "overnight")
    _add_build_up(problem, citations, units, add)
    charged = pd.DataFrame({name: [unit.number(name) for unit in units] for name in ("life_yr", "tasc_factor")})
    charge: list[Value] = list(map(float, problem.capture_charge(charged)))
    how = f"{problem.discount_rate:.1%} over the life, × TASC ÷ TOC"
    add("yearly", "capital_charge_share", "capital charge", charge, of_technology, how)
    add("yearly", "capital_mn_pa", "capital", numbers("capture_capital_mn_pa"), nothing, "TOC × capital charge")
    add("per t", "capital_per_t", "capital", numbers("capital_per_t"), nothing, "÷ captured")
    add("yearly", "fixed_om_mn_pa", "fixed O&M", numbers("capture_fixed_om_mn_pa"), of_technology, "share of TOC")
    add("per t", "fixed_om_per_t", "fixed O&M", numbers("fixed_om_per_t"), of_technology, "÷ captured")
    add("per t", "variable_om_per_t", "consumables", numbers("variable_om_per_t"), of_technology)
    of_heat = tuple(citations.of("technologies/heat", technology=unit.text("technology")) for unit in units)
    add("energy", "heat_gj_per_t", "heat", numbers("heat_gj_per_t"), of_heat)
    heat_price = tuple(citations.heat_price(province, unit.text("heat_source")) for unit in units)
    add("energy", "heat_per_gj", "× price of heat", numbers("heat_per_gj"), heat_price)
    add("per t", "heat_per_t", "heat", numbers("heat_per_t"), heat_price, "heat × its price")
    pump = citations.of("technologies/compression")
    of_power = tuple((*each, *pump) for each in of_technology)
    add("energy", "power_kwh_per_t", "power", numbers("power_kwh_per_t"), of_power)
    of_price = citations.of("prices/power", grid=row["grid"])
    add("energy", "power_per_kwh", "× price of power", numbers("power_per_kwh"), (of_price,) * len(units))
    add("per t", "power_per_t", "power", numbers("power_per_t"), (of_price,) * len(units), "power × its price")
    for name, value in power_parts(problem, str(row["grid"])).items():
        add("power price", name, name.removesuffix("_per_kwh"), [value], (of_price,))
    add("per t", "capture_cost_per_t", "capture cost", numbers("capture_cost_per_t"), nothing, "per t captured")
    burnt = tuple(citations.of("technologies/heat_sources", heat_source=unit.text("heat_source")) for unit in units)
    add("avoided", "fuel_co2_t_per_t", "less CO2 of fuel", numbers("fuel_t_per_t"), burnt)
    grid = (citations.grid_factor(province),) * len(units)
    add("avoided", "power_co2_t_per_t", "less CO2 of power", numbers("power_t_per_t"), grid)
    add("avoided", "avoided_t_per_t", "= avoided per t captured", numbers("avoided_t_per_t"), nothing)
    _transport(citations, units, add)
    add("per t", "avoidance_cost_per_t", "avoidance cost", numbers("avoidance_cost_per_t"), nothing, "per t avoided")
    if cost_of_next_per_t is not None:
        next_tonne: list[Value] = [cost_of_next_per_t] * len(units)
        name = "marginal_cost_per_t" if measure == "avoided" else "marginal_cost_of_capture_per_t"
        how = f"dual of the target, per t {measure}"
        add("per t", name, "marginal cost of the target", next_tonne, nothing, how)
    _add_product_costs(problem, citations, row, units, add)
    return tuple(lines)


def _add_product_costs(problem: Problem, citations: Citations, row: pd.Series, units: list[Unit], add: Any) -> None:
    """Add the cost per unit of product, and the cost of the product without capture where a profile has it."""
    nothing: tuple[Cited, ...] = ((),) * len(units)
    output = float(product_output_ktpa(row.to_frame().T, problem.inputs).iloc[0])
    # Costs of a mean year, over the product of the years in which the retrofit works.
    per_product: list[Value] = [
        None
        if unit.text("basis")
        else number_or_none(float(cost_per_t(unit.number("cost_mn_pa"), output * unit.number("operating_share"))))
        for unit in units
    ]
    how = f"per {product_unit(problem.inputs, str(row['product']))} of {row['product']}"
    add("per t", "product_cost_per_t", "added cost of product", per_product, nothing, how)
    base = base_costs_per_t(problem).get(str(row["product"]))
    if base is not None:
        cited = citations.of("streams/source_sectors", product=row["product"])
        add("per t", "base_cost_per_t", "on its cost without capture", [base] * len(units), (cited,) * len(units), how)


def _add_build_up(problem: Problem, citations: Citations, units: list[Unit], add: Any) -> None:
    """Add BEC, TPC and the TOC range of units with a known class of cost accounts."""
    inputs = problem.inputs
    table = inputs["technologies/technologies"].set_index("technology")
    found: list[dict[str, Value]] = []
    cited: list[Cited] = []
    for unit in units:
        group, technology = CLASS_OF_GRADE.get(unit.text("grade")), unit.text("technology")
        if group is None or technology not in table.index or unit.text("measure"):
            found.append({"bec_mn": None, "tpc_mn": None, "aace_class": "–", "low_mn": None, "high_mn": None})
            cited.append(())
            continue
        level = float(table.at[technology, "readiness_level"])
        rank = estimate_class(level, [table.at[technology, "quality"]])
        classes = pd.Series([group])
        shares = build_up_shares(inputs["costs/build_up"], inputs["costs/contingencies"], classes, level, rank)
        toc = unit.number("capture_capex_mn")
        parts = parts_from_toc(toc, shares).iloc[0]
        low, high = cost_range_mn(toc, rank, inputs["costs/aace_classes"])
        found.append(
            {
                "bec_mn": float(parts["bec_mn"]),
                "tpc_mn": float(parts["tpc_mn"]),
                "aace_class": class_names(rank, inputs["costs/aace_classes"])[0],
                "low_mn": float(low[0]),
                "high_mn": float(high[0]),
            }
        )
        cited.append(citations.of("costs/build_up", technology_class=group))
    ranks = citations.of("costs/aace_classes")
    for name, label in (("bec_mn", "of which bare erected (BEC)"), ("tpc_mn", "total plant (TPC)")):
        add("capex", name, label, [each[name] for each in found], tuple(cited))
    of_class = tuple(ranks if each["low_mn"] is not None else () for each in found)
    for name, label in (("aace_class", "estimate"), ("low_mn", "TOC, low"), ("high_mn", "TOC, high")):
        add("capex", name, label, [each[name] for each in found], of_class)


def _transport(citations: Citations, units: list[Unit], add: Any) -> None:
    of_pipe = tuple(citations.pipes(unit.pipes) for unit in units)
    of_site = tuple(citations.site(unit.text("site")) for unit in units)
    nothing: tuple[Cited, ...] = ((),) * len(units)
    add("to the site", "site", "site", [unit.text("site") or "–" for unit in units], of_site)
    for name, label, cited, how in (
        ("length_km", "distance", nothing, "straight-line distance × detour factor"),
        ("pipe_capex_mn", "share of pipe capex", of_pipe, ""),
        ("storage_capex_mn", "share of site and well capex", of_site, ""),
        ("transport_per_t", "transport", of_pipe, "per t captured"),
        ("storage_per_t", "storage", of_site, "per t captured"),
    ):
        add("to the site", name, label, [number_or_none(unit.number(name)) for unit in units], cited, how)


def power_parts(problem: Problem, grid: str) -> dict[str, float]:
    """Components of the power price in the last year of the horizon; they sum to the price."""
    rows = problem.power_per_kwh[problem.power_per_kwh["grid"] == grid].sort_values("year")
    if rows.empty:
        return {}
    last = problem.calendar[-1]
    return {name: float(np.interp(last, rows["year"], rows[name])) for name in POWER_PARTS}
