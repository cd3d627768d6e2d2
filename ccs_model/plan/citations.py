"""Sources of numbers: reference and quality of the table rows they come from, and the quality of a plan's amounts.

Tonnes and capital of each retrofit are counted by the weakest number they need. Measured and reported numbers are
documented; the others are estimated or assumed. Capital of a capture unit, for example, needs the capital cost of its
technology and the law of concentration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.economics.prices import estimate_class
from ccs_model.engineering.streams import MILL_PROFILE
from ccs_model.inputs import Inputs
from ccs_model.inputs.declarations import QUALITIES
from ccs_model.inputs.geography import are_in_china
from ccs_model.problem import Problem
from ccs_model.problem.applied_calibration import CLASS_OF_GRADE, DELIVERED, OTHER_COUNTRIES
from ccs_model.problem.pipe_costs import DEA
from ccs_model.problem.storage_sites import ALL_IN, STORAGE_MONEY
from ccs_model.scenario.fields import HOME

# Prefix of the stream of a single furnace.
_OF_FURNACE = "hot_stoves "
_STEEL_FACTORS = {"electric_arc_furnace": "eaf_steel_t_per_t", "direct_reduction": "dri_iron_t_per_t"}
_PROCESS_STREAMS = ("product_vent", "tail_gas")

# The group that each quality counts in.
DOCUMENTED, ESTIMATED, ASSUMED = GROUPS = ("documented", "estimated", "assumed")
_GROUP = dict(zip(QUALITIES, (DOCUMENTED, DOCUMENTED, ESTIMATED, ASSUMED), strict=True))
TONNES, CAPTURE, PIPES, STORAGE, CAPITAL = (
    "captured tonnes", "capital of capture", "capital of pipelines", "capital of storage", "capital",
)  # fmt: skip
_OF_CAPITAL = (CAPTURE, PIPES, STORAGE)
_ROUTES = "streams/chemical_routes"
QUALITY_NOTE = (
    "Tonnes in the last period and capital, by the weakest number that each retrofit needs. Documented numbers are "
    "measured or reported. Built projects: share for which all references report costs of built projects."
)
QUALITY_NOTE_OF_YEAR = QUALITY_NOTE.replace("in the last period", "in the representative year")
"""The same for a representative year."""


@dataclass(frozen=True, order=True)
class Citation:
    """One reference, the quality of the number, and the table that names it."""

    reference: str
    quality: str
    table: str


Cited = tuple[Citation, ...]


@dataclass(frozen=True, eq=False)
class Citations:
    """Citations from the tables of a problem; empty if a table has no matching row. Each look-up is made once."""

    problem: Problem
    _known: dict[tuple[str, tuple[tuple[str, object], ...]], Cited] = field(default_factory=dict, repr=False)

    @property
    def inputs(self) -> Inputs:
        """The problem's input tables."""
        return self.problem.inputs

    def of(self, table: str, **where: object) -> Cited:
        """Citations of the table rows in which each named column has the value, or one of a set of values."""
        key = (table, tuple((name, frozenset(v) if isinstance(v, set) else v) for name, v in where.items()))
        if key not in self._known:
            self._known[key] = self._cite_rows(table, self._rows(table, where))
        return self._known[key]

    def _rows(self, table: str, where: Mapping[str, object]) -> pd.DataFrame:
        frame = self.inputs[table]
        kept = pd.Series(True, frame.index)
        for column, value in where.items():
            kept &= frame[column].isin(value) if isinstance(value, set) else frame[column] == value
        return frame[kept]

    def plant(self, plant: str) -> Cited:
        """The plant's row in its inventory."""
        tables = ("plants/steel", "plants/chemicals", "plants/coal_chemicals", "plants/sources")
        return next((found for table in tables if (found := self.of(table, plant=plant))), ())

    def utilisation(self, province: str, product: str) -> Cited:
        """Utilisation of the province, or of the country."""
        own = self.of("streams/utilisation", province=province, product=product)
        return own or self.of("streams/utilisation", province="all", product=product)

    def tonnes(self, plant: pd.Series, stream: str) -> Cited:
        """Emission factors of a stream; utilisation and capacity are cited with the plant."""
        if plant["sector"] == "steel":
            if stream in _STEEL_FACTORS:
                return self.of("streams/factors", factor=_STEEL_FACTORS[stream])
            if stream == "captive_power":
                return self.of("plants/captive_units", plant=plant["plant"])
            return (*self.stack(stream), *self.of("streams/factors", factor=self._mill_factor(plant["plant"])))
        if plant["sector"] != "chemicals":
            return self._cite_profile("streams/source_streams", plant, stream)
        if stream == "captive_power":
            return self.of("plants/captive_units", plant=plant["plant"])
        route = self._route_of(plant["plant"])
        cited = self.of(_ROUTES, **route) if route else ()
        if stream in _PROCESS_STREAMS:
            cited = (*cited, *self.of("streams/factors", factor={"product_grade_share", "urea_co2_t_per_t"}))
        return _unique_citations(cited)

    def delivery(self, grade: str, province: str) -> Cited:
        """The delivered share of a grade, from the calibration or by class; none if the scenario states its own."""
        requested = self.problem.scenario.calibration
        if requested.delivered_share:
            return ()
        if requested.delivered_by_class:
            region = HOME if are_in_china(pd.Series([province])).all() else OTHER_COUNTRIES
            return self.of("pilots/delivered_shares", **{"class": CLASS_OF_GRADE.get(grade, ""), "region": region})
        calibrated = self.problem.calibrated is not None
        return self.of("pilots/priors", parameter=DELIVERED) if calibrated else ()

    def gas(self, plant: pd.Series, stream: str) -> Cited:
        """CO₂ concentration and grade of a stream."""
        if plant["sector"] == "steel":
            return self.stack(stream)
        if plant["sector"] == "chemicals":
            route = self._route_of(plant["plant"]) if stream == "boiler_flue_gas" else {}
            if route and self._rows(_ROUTES, route)["flue_co2_share"].notna().any():
                return self.of(_ROUTES, **route)
            return self.of("streams/chemical_grades", stream=stream)
        return self._cite_profile("streams/source_gases", plant, stream)

    def _cite_profile(self, table: str, plant: pd.Series, stream: str) -> Cited:
        """The row of the profile of the plant's sector; the plant's own row for a source with costs of its own."""
        return self.of(table, sector=plant["sector"], stream=set(stream.split("+"))) or self.plant(plant["plant"])

    def stack(self, stream: str) -> Cited:
        """A stack of a steel plant."""
        name = stream.split(" ", maxsplit=1)[0] if stream.startswith(_OF_FURNACE) else stream
        return self.of("streams/mill_stacks", stream=set(name.split("+")), profile=MILL_PROFILE)

    def technology(self, technology: str, plant: str) -> Cited:
        """Costs and energy demand of a technology; the plant's own row where its costs are given."""
        return (
            self.plant(plant) if technology == "given" else self.of("technologies/technologies", technology=technology)
        )

    def heat_price(self, province: str, heat_source: str) -> Cited:
        """Fuel price and boiler."""
        boiler = self.of("technologies/heat_sources", heat_source=heat_source)
        table = self.inputs["technologies/heat_sources"]
        fuels = set(table.loc[table["heat_source"] == heat_source, "fuel"])
        return (*self.of("prices/fuels", province=province, fuel=fuels), *boiler)

    def grid_factor(self, province: str) -> Cited:
        """CO₂ intensity of grid power in the last year of its path."""
        rows = self.problem.grid_kg_per_kwh
        return self._cite_rows("prices/grid_factors", rows[rows["province"] == province].tail(1))

    def pipes(self, names: Iterable[str]) -> Cited:
        """Pipe classes, roads and existing pipes by name."""
        wanted = {name for each in names for name in str(each).split(", ")}
        chosen = self.problem.scenario.transport.pipe_costs
        if chosen == DEA:
            costs = self.of("transport/pipes", pipe=wanted)
        else:
            costs = (*self.of("transport/pipe_laws", pipe_costs=chosen), *self.of("transport/pipe_sizes", pipe=wanted))
        if len(self.inputs["transport/trends"]):
            costs = self.of("transport/trends", pipe=wanted)
        return _unique_citations((*costs, *self.of("transport/line_costs", pipe=wanted)))

    def site(self, site: str) -> Cited:
        """A storage site and its costs."""
        return _unique_citations((*self.of("storage/sites", site=site), *self.site_costs(site)))

    def site_costs(self, site: str) -> Cited:
        """Costs of a site and its wells: those of its row or its supply curve, else those of its reservoir class."""
        sites, curve = self.inputs["storage/sites"], self.inputs["storage/site_costs"]
        row = sites[sites["site"] == site]
        is_own, has_curve = row[[ALL_IN, *STORAGE_MONEY]].notna().any(axis=None), (curve["site"] == site).any()
        if is_own or has_curve:
            own = self._cite_rows("storage/sites", row) if is_own else ()
            return _unique_citations((*own, *self.of("storage/site_costs", site=site)))
        return self.of("storage/class_costs", reservoir_class=self._row_of_site(site, "cost_class"))

    def storage_capital(self, site: str) -> Cited:
        """Capital of a site and its wells: the costs per site and well, and the rate that gives the number of wells."""
        cited = self.site_costs(site)
        if any(each.table != "storage/class_costs" for each in cited):
            return cited
        costs, kind, basin = (self._row_of_site(site, each) for each in ("cost_class", "reservoir_class", "basin"))
        capital = self.of("storage/class_costs", reservoir_class=costs, cost={"site_capex_mn", "well_capex_mn"})
        sites = self.inputs["storage/sites"]
        row = sites[sites["site"] == site]
        if row["well_injectivity_ktpa"].notna().any():
            return _unique_citations((*capital, *self._cite_rows("storage/sites", row)))
        rates = self.of("storage/well_rates", basin=basin, reservoir_class=kind)
        return _unique_citations((*capital, *rates, *self.of("storage/reservoir_classes", reservoir_class=kind)))

    def titles(self, keys: Iterable[str]) -> dict[str, str]:
        """Full citation of each reference key."""
        known = (
            self.inputs["references"].set_index("reference")["citation"] if "references" in self.inputs.tables else {}
        )
        return {key: str(known.get(key, "a reference of your own tables")) for key in sorted(set(keys))}

    def _row_of_site(self, site: str, column: str) -> str:
        sites = self.problem.sites.set_index("site")
        return str(sites.at[site, column]) if site in sites.index else ""

    def _mill_factor(self, plant: str) -> str:
        table = self.inputs["plants/steel"]
        bof = table.loc[table["plant"] == plant, "bof_steel_ktpa"].fillna(0.0).sum()
        return "bof_steel_t_per_t" if bof > 0 else "bf_iron_t_per_t"

    def _route_of(self, plant: str) -> dict[str, str]:
        """Product, feedstock and gasifier of a chemical plant; empty without a row."""
        table = self.inputs.plants_of("chemicals")
        rows = table[table["plant"] == plant]
        return {name: rows.iloc[0][name] for name in ("product", "feedstock", "gasifier")} if len(rows) else {}

    def _cite_rows(self, table: str, rows: pd.DataFrame) -> Cited:
        if "reference" not in rows:
            return ()
        quality = rows["quality"]
        if "assumed_columns" in rows:
            quality = quality.where(rows["assumed_columns"] == "", QUALITIES[-1])
        pairs = zip(rows["reference"], quality, strict=True)
        return _unique_citations(
            Citation(str(reference), str(quality), table) for reference, quality in pairs if reference
        )


def _unique_citations(cited: Iterable[Citation]) -> Cited:
    return tuple(dict.fromkeys(cited))


# Quality of a plan's amounts, by the weakest number they need.


@dataclass(frozen=True)
class Amount:
    """A part of an amount of the plan, and the numbers it needs."""

    name: str
    value: float
    cited: Cited

    @property
    def group(self) -> str:
        """Group of its weakest number; assumed where no table states a quality."""
        known = [QUALITIES.index(each.quality) for each in self.cited if each.quality in QUALITIES]
        return _GROUP[QUALITIES[max(known, default=-1)]]

    def is_built(self, projects_in: Mapping[str, str]) -> bool:
        """Whether all of its references report built projects; `projects_in` is their country by reference."""
        return len(self.cited) > 0 and all(projects_in.get(each.reference) for each in self.cited)


def amounts_of(problem: Problem, retrofits: pd.DataFrame) -> Iterator[Amount]:
    """Captured tonnes and capital of each retrofit, with the numbers they need."""
    citations = Citations(problem)
    plants = problem.plants.set_index("plant", drop=False)
    routes = problem.routes.set_index("route")
    lines = () if problem.network is None else tuple(problem.network.lines["pipe"].unique())
    for retrofit in retrofits.to_dict("records"):
        plant, stream = plants.loc[retrofit["plant"]], str(retrofit["stream"])
        technology = citations.technology(str(retrofit["technology"]), str(retrofit["plant"]))
        grade = str(routes.loc[retrofit["route"], "grade"])
        tonnes = (
            *citations.plant(str(retrofit["plant"])), *citations.utilisation(plant["province"], plant["product"]),
            *citations.tonnes(plant, stream), *technology, *citations.delivery(grade, plant["province"]),
        )  # fmt: skip
        capture = (*technology, *(citations.of("technologies/concentration_capex") if grade == "flue_gas" else ()))
        # Sizes give diameters and power, no money.
        pipes = citations.pipes(lines or (str(retrofit["pipe"]),))
        pipes = tuple(each for each in pipes if each.table != "transport/pipe_sizes")
        yield Amount(TONNES, float(retrofit["captured_ktpa"]), tonnes)
        yield Amount(CAPTURE, float(retrofit["capture_capex_mn"]), capture)
        yield Amount(PIPES, float(retrofit["pipe_capex_mn"]), pipes)
        yield Amount(STORAGE, float(retrofit["storage_capex_mn"]), citations.storage_capital(str(retrofit["site"])))


def projects_by_reference(problem: Problem) -> dict[str, str]:
    """Country whose built projects a reference reports, by reference; empty where it reports none."""
    references = problem.inputs["references"]
    countries = references["projects_in"].fillna("").astype(str)
    return dict(zip(references["reference"].astype(str), countries, strict=True))


def shares_table(problem: Problem, amounts: Sequence[Amount], projects_in: Mapping[str, str]) -> pd.DataFrame:
    """One row an amount: value, unit, and its share by group."""
    rows = [(each.name, each.value, each.group, each.value * each.is_built(projects_in)) for each in amounts]
    found = pd.DataFrame(rows, columns=["amount", "value", "group", "built"])
    found = pd.concat([found, found[found["amount"].isin(_OF_CAPITAL)].assign(amount=CAPITAL)])
    shares = []
    for name in (TONNES, CAPITAL, *_OF_CAPITAL):
        of_amount = found[found["amount"] == name]
        total = float(of_amount["value"].sum())
        by_group = of_amount.groupby("group")["value"].sum().reindex(GROUPS, fill_value=0.0)
        unit = "kt/y" if name == TONNES else f"mn {problem.currency} {problem.price_year}"
        parts = [float(value) / total if total > 0 else np.nan for value in (*by_group, of_amount["built"].sum())]
        shares.append((name, total, unit, *parts))
    columns = ["amount", "value", "unit", *(f"{group}_share" for group in GROUPS), "built_projects_share"]
    return pd.DataFrame(shares, columns=columns)


def sources_table(amounts: Sequence[Amount], projects_in: Mapping[str, str]) -> pd.DataFrame:
    """One row an amount, reference and table, the largest share first within an amount."""
    keys = ["amount", "reference", "quality", "table"]
    pairs = [(each.name, c.reference, c.quality, c.table, each.value) for each in amounts for c in set(each.cited)]
    found = pd.DataFrame(pairs, columns=[*keys, "value"]).groupby(keys, as_index=False)["value"].sum()
    totals = pd.DataFrame([(each.name, each.value) for each in amounts], columns=["amount", "value"])
    total = found["amount"].map(totals.groupby("amount")["value"].sum())
    found["share"] = np.where(total > 0, found["value"] / total, np.nan)
    found["projects_in"] = found["reference"].map(projects_in).fillna("")
    order = found["amount"].map({name: at for at, name in enumerate((TONNES, *_OF_CAPITAL))})
    found = found.assign(order=order).sort_values(
        ["order", "value", "reference", "table", "quality"], ascending=[True, False, True, True, True]
    )
    return found.drop(columns=["order", "value"]).reset_index(drop=True)


def quality_rows(problem: Problem, retrofits: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of `shares_table` for the retrofits of a plan; an empty amount has no shares."""
    table = shares_table(problem, list(amounts_of(problem, retrofits)), projects_by_reference(problem))
    return [
        {str(name): None if isinstance(value, float) and np.isnan(value) else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def capture_estimates(problem: Problem, retrofits: pd.DataFrame) -> list[dict[str, float]]:
    """Return the AACE classes of the capital of capture units: class, low and high share, and share of the capital.

    Capital that the user's tables state has no class, so that the shares may sum to less than 1.
    """
    table = problem.inputs["technologies/technologies"].drop_duplicates("technology").set_index("technology")
    units = retrofits[retrofits["technology"].isin(table.index) & (retrofits["capture_capex_mn"] > 0)]
    if units.empty:
        return []
    of = table.loc[units["technology"]]
    rank = estimate_class(of["readiness_level"], of["quality"])
    capital = pd.Series(units["capture_capex_mn"].to_numpy(float)).groupby(rank).sum()
    classes = problem.inputs["costs/aace_classes"].set_index("aace_class")
    return [
        {
            "aace_class": float(each),
            "low_share": float(classes.at[each, "low_share"]),
            "high_share": float(classes.at[each, "high_share"]),
            "share": float(part),
        }
        for each, part in (capital / retrofits["capture_capex_mn"].sum())
        .sort_values(ascending=False, kind="stable")
        .items()
    ]
