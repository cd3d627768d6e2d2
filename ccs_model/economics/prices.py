"""Conversion to the scenario's currency and price year, price build-up of power and steam, and capital cost.

Price years convert with the deflator of the currency's home, then with the exchange rate of the target year. A year
that an index lacks is an error; the nearest year is never used instead.

Capital cost from bare erected cost to total as-spent cost, and back:

    BEC    bare erected cost: equipment, materials, labour
    EPCC   BEC × (1 + engineering)
    TPC    (EPCC + process contingency × BEC) × (1 + project contingency) × retrofit factor
    TOC    TPC × (1 + owner's cost)               overnight cost, used by the optimiser
    TASC   TOC × (escalation and interest during construction)

TASC is for levelised costs only: a cash flow contains its interest, and counting both would count it twice.

References
----------
Rubin et al. (2013), A proposed methodology for CO₂ capture and storage cost estimates. IJGGC 17.
NETL, Quality Guidelines for Energy System Studies: Cost Estimation Methodology.
AACE International, Recommended Practice 18R-97: Cost Estimate Classification System.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.scenario.fields import HOME_CURRENCY
from ccs_model.units import HOURS_PER_YEAR


@dataclass(frozen=True)
class PriceLevel:
    """Converts to `currency` at `price_year`; `deflators` and `exchange_rates` are the tables of data/indices."""

    currency: str
    price_year: int
    deflators: pd.DataFrame
    exchange_rates: pd.DataFrame

    @classmethod
    def of(cls, currency: str, price_year: int, inputs: Inputs) -> PriceLevel:
        """Return the conversion with the index tables of `inputs`."""
        return cls(currency, price_year, inputs["indices/deflators"], inputs["indices/exchange_rates"])

    @property
    def last_year(self) -> int:
        """Last year for which every currency has a price index."""
        return int(self.deflators.groupby("currency")["year"].max().min())

    def factor(self, currency: str, price_year: int) -> float:
        """Return the value of one unit of `currency` of `price_year` in the scenario's money."""
        inflation = self._index(currency, self.price_year) / self._index(currency, price_year)
        if currency == self.currency:
            return inflation
        return inflation * self.rate(currency) / self.rate(self.currency)

    def convert(self, amount: pd.Series, currency: pd.Series, price_year: pd.Series) -> pd.Series:
        """Return a column of amounts, each in its row's currency and price year, in the scenario's money."""
        pairs = {pair: self.factor(str(pair[0]), int(pair[1])) for pair in set(zip(currency, price_year, strict=True))}
        factors: npt.NDArray[np.float64] = np.array([pairs[p] for p in zip(currency, price_year, strict=True)])
        return amount * factors

    def column(self, table: pd.DataFrame, name: str) -> pd.Series:
        """Return a column of a table with `currency` and `price_year` in the scenario's money."""
        return self.convert(table[name], table["currency"], table["price_year"])

    @cached_property
    def _indices(self) -> dict[tuple[str, int], float]:
        table = self.deflators
        keys = zip(table["currency"], table["year"].astype(int), strict=True)
        return dict(zip(keys, table["price_index"].astype(float), strict=True))

    def _index(self, currency: str, year: int) -> float:
        found = self._indices.get((currency, year))
        if found is None:
            held = [each for name, each in self._indices if name == currency]
            span = f"it covers {min(held)} to {max(held)}" if held else "it lacks this currency"
            raise InputError([Issue("indices/deflators.csv", f"no price index for {currency} {year}", span)])
        return found

    def rate(self, currency: str) -> float:
        """Return yuan per unit of a currency in the price year of the scenario."""
        if currency == HOME_CURRENCY:
            return 1.0
        if (found := self._rates.get(currency)) is None:
            raise InputError(
                [Issue("indices/exchange_rates.csv", f"no exchange rate for {currency} in {self.price_year}")]
            )
        return found

    @cached_property
    def _rates(self) -> dict[str, float]:
        table = self.exchange_rates[self.exchange_rates["year"] == self.price_year]
        return dict(zip(table["currency"], map(float, table["cny_per_unit"]), strict=True))


# Prices of power and steam from their parts, in the scenario's money and without VAT.
#
# power = (benchmark × (1 + loss) + transmission + demand charge ÷ hours used + fees) ÷ (1 + VAT)
# steam = fuel ÷ (1 + VAT) ÷ boiler efficiency + other costs (all costs for sources without fuel)

HOURS_PER_MONTH = HOURS_PER_YEAR / 12


def power_build_up(table: pd.DataFrame, level: PriceLevel) -> pd.DataFrame:
    """Return prices/power with each part and the total `power_per_kwh` in the scenario's money, without VAT."""
    parts = pd.DataFrame(
        {
            "energy_per_kwh": table["benchmark_per_kwh"],
            "loss_per_kwh": table["benchmark_per_kwh"] * table["loss_share"],
            "transmission_per_kwh": table["transmission_per_kwh"],
            "demand_per_kwh": table["demand_per_kw_month"] / (HOURS_PER_MONTH * table["load_factor_share"]),
            "fees_per_kwh": table["fees_per_kwh"],
        }
    )
    without_vat = parts.div(1.0 + table["vat_share"], axis=0)
    money = without_vat.apply(lambda part: level.convert(part, table["currency"], table["price_year"]))
    money["power_per_kwh"] = money.sum(axis=1)
    return pd.concat([table[["grid", "year"]], money], axis=1)


def steam_build_up(fuels: pd.DataFrame, sources: pd.DataFrame, level: PriceLevel) -> pd.DataFrame:
    """Return one row a province, year and boiler: fuel, other cost and the total `steam_per_gj`, without VAT.

    Sources without fuel have no row; see `fuelless_steam`.
    """
    joined = fuels.merge(sources, on="fuel", suffixes=("", "_source"))
    fuel = joined["price_per_gj"] / (1.0 + joined["vat_share"]) / joined["efficiency_share"]
    result = joined[["province", "year", "heat_source", "fuel", "efficiency_share", "fuel_t_per_gj"]].copy()
    result["fuel_per_gj"] = level.convert(fuel, joined["currency"], joined["price_year"])
    result["other_per_gj"] = level.convert(
        joined["non_fuel_per_gj"], joined["currency_source"], joined["price_year_source"]
    )
    result["steam_per_gj"] = result["fuel_per_gj"] + result["other_per_gj"]
    return result


def fuelless_steam(sources: pd.DataFrame, level: PriceLevel) -> dict[str, float]:
    """Return the cost per GJ of each heat source without fuel, by name; its power is priced as power."""
    table = sources[sources["fuel"] == "none"]
    money = level.convert(table["non_fuel_per_gj"], table["currency"], table["price_year"])
    return dict(zip(table["heat_source"], map(float, money), strict=True))


def path(table: pd.DataFrame, key: str, value: str, keys: pd.Series, years: np.ndarray) -> np.ndarray:
    """Return values for `keys` in `years`: linear between the given years, constant outside; NaN for unknown keys.

    Shape (len(keys), len(years)).
    """
    rows = table[table[key].isin(set(keys))].sort_values("year")
    places, at, values = rows[key].to_numpy(), rows["year"].to_numpy(float), rows[value].to_numpy(float)
    known = {name: np.interp(years, at[places == name], values[places == name]) for name in set(places)}
    none = np.full(len(years), np.nan)
    return np.array([known.get(name, none) for name in keys]).reshape(len(keys), len(years))


# Capital cost: its build-up, and the class of an estimate.

# Parts in order of addition, with sums in between.
PARTS = (
    "bec_mn", "engineering_mn", "process_contingency_mn", "project_contingency_mn", "retrofit_mn", "owner_cost_mn",
)  # fmt: skip
SHARES = (
    "engineering_share", "process_contingency_share", "project_contingency_share", "owner_cost_share",
    "retrofit_factor", "tasc_factor",
)  # fmt: skip
# Class of the cost accounts of a capture unit, by the grade of its stream.
CLASS_OF_GRADE: Mapping[str, str] = {"flue_gas": "amine", "product_grade": "compression", "tail_gas": "purification"}
_LEAST_CLASS_OF_QUALITY: Mapping[str, int] = {"measured": 3, "reported": 4, "estimated": 4, "assumed": 5}
# Readiness levels of commercial use, and of full-scale use without a record; they limit the class of an estimate.
_COMMERCIAL, _DEMONSTRATED = 8, 7


def build_up_shares(
    build_up: pd.DataFrame,
    contingencies: pd.DataFrame,
    technology_class: pd.Series,
    readiness_level: npt.ArrayLike,
    aace_class: npt.ArrayLike,
) -> pd.DataFrame:
    """Return the SHARES of each row, from costs/build_up and costs/contingencies, indexed like `technology_class`.

    A class has the contingencies of its commercial form at an estimate of class 4. Lower readiness or a rougher
    estimate can raise them to the general schedule. Raises InputError for a class, level or estimate that the tables
    lack.
    """
    known = build_up.set_index("technology_class")
    unknown = sorted(set(technology_class) - set(known.index))
    if unknown:
        raise InputError([Issue("costs/build_up.csv", f"no technology class {', '.join(unknown)}")])
    shares = known.loc[technology_class, list(SHARES)].set_axis(technology_class.index)
    process = _contingency_shares(contingencies, "process", readiness_level, len(shares))
    project = _contingency_shares(contingencies, "project", aace_class, len(shares))
    return shares.assign(
        process_contingency_share=np.maximum(shares["process_contingency_share"], process),
        project_contingency_share=np.maximum(shares["project_contingency_share"], project),
    )


def tasc_factor(build_up: pd.DataFrame, grade: pd.Series) -> pd.Series:
    """Return TASC ÷ TOC of each stream's capture unit; 1 for a grade without cost accounts."""
    known = build_up.set_index("technology_class")["tasc_factor"]
    return grade.map(CLASS_OF_GRADE).map(known).fillna(1.0).astype(float)


def parts_from_bec(bec_mn: npt.ArrayLike, shares: pd.DataFrame) -> pd.DataFrame:
    """Return all parts and sums in the unit of `bec_mn`, one row a cost; `shares` has a row for each."""
    bec = np.broadcast_to(np.asarray(bec_mn, dtype=float), len(shares))
    table = pd.DataFrame({"bec_mn": bec}, index=shares.index)
    table["engineering_mn"] = bec * shares["engineering_share"]
    table["epcc_mn"] = table["bec_mn"] + table["engineering_mn"]
    table["process_contingency_mn"] = bec * shares["process_contingency_share"]
    before = table["epcc_mn"] + table["process_contingency_mn"]
    table["project_contingency_mn"] = before * shares["project_contingency_share"]
    plain_tpc = before + table["project_contingency_mn"]
    table["retrofit_mn"] = plain_tpc * (shares["retrofit_factor"] - 1.0)
    table["tpc_mn"] = plain_tpc + table["retrofit_mn"]
    table["owner_cost_mn"] = table["tpc_mn"] * shares["owner_cost_share"]
    table["toc_mn"] = table["tpc_mn"] + table["owner_cost_mn"]
    table["construction_mn"] = table["toc_mn"] * (shares["tasc_factor"] - 1.0)
    table["tasc_mn"] = table["toc_mn"] + table["construction_mn"]
    return table


def parts_from_toc(toc_mn: npt.ArrayLike, shares: pd.DataFrame) -> pd.DataFrame:
    """Return the same parts and sums from a total overnight cost."""
    toc_per_bec = parts_from_bec(1.0, shares)["toc_mn"].to_numpy()
    return parts_from_bec(np.asarray(toc_mn, dtype=float) / toc_per_bec, shares)


def estimate_class(readiness_level: npt.ArrayLike, quality: npt.ArrayLike) -> Ints:
    """Return the AACE class of a cost: 3 measured, 4 reported or estimated, 5 assumed.

    Readiness 7 limits the class to 4, lower readiness to 5.
    """
    level = np.asarray(readiness_level, dtype=float)
    by_quality = np.array([_LEAST_CLASS_OF_QUALITY[each] for each in np.atleast_1d(np.asarray(quality, dtype=object))])
    by_readiness = np.where(level >= _COMMERCIAL, 3, np.where(level >= _DEMONSTRATED, 4, 5))
    return np.maximum(by_quality, by_readiness).astype(np.int64)


def cost_range_mn(cost_mn: npt.ArrayLike, aace_class: npt.ArrayLike, classes: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the low and high factor of a cost by the accuracy of its class (costs/aace_classes)."""
    known = classes.set_index("aace_class")
    rows = known.loc[np.atleast_1d(np.asarray(aace_class, dtype=float))]
    cost = np.asarray(cost_mn, dtype=float)
    return cost * (1.0 + rows["low_share"].to_numpy()), cost * (1.0 + rows["high_share"].to_numpy())


def class_names(aace_class: npt.ArrayLike, classes: pd.DataFrame) -> list[str]:
    """Return the class of each cost as text: `class 4 (feasibility), −30 to +50 %`."""
    known = classes.set_index("aace_class")
    return [
        f"class {each:.0f} ({row['meaning']}), −{-100 * row['low_share']:.0f} to +{100 * row['high_share']:.0f} %"
        for each, row in ((each, known.loc[each]) for each in np.atleast_1d(np.asarray(aace_class, dtype=float)))
    ]


def _contingency_shares(contingencies: pd.DataFrame, kind: str, level: npt.ArrayLike, n: int) -> Floats:
    known = contingencies[contingencies["contingency"] == kind].set_index("level")["contingency_share"]
    requested = np.broadcast_to(np.asarray(level, dtype=float), n)
    missing = sorted(set(requested) - set(known.index))
    if missing:
        named = ", ".join(f"{each:g}" for each in missing)
        raise InputError([Issue("costs/contingencies.csv", f"no {kind} contingency at level {named}")])
    return known.loc[requested].to_numpy(dtype=float)


# Capital cost of capture units and pipes, overnight, in the scenario's money.
#
# The basis for Chinese plants is the total overnight cost per t/y of built projects. These show no economy of scale
# between the smallest and the largest train built, so unit cost is constant in that range. Smaller trains cost more by
# the scale exponent; several trains save nothing.


def concentration_factor(
    co2_share: npt.ArrayLike,
    reference_share: npt.ArrayLike,
    *,
    scaled_share: npt.ArrayLike,
    law_reference_share: float,
    exponent: npt.ArrayLike,
) -> Floats:
    """Return the cost at a CO₂ share by volume ÷ cost at `reference_share`; part of a unit scales with gas volume.

    capex(x) ∝ scaled + (1 − scaled) (law reference ÷ x)^exponent.
    """
    scaled, power = np.asarray(scaled_share, dtype=float), np.asarray(exponent, dtype=float)

    def law(share: npt.ArrayLike) -> Floats:
        gas = (law_reference_share / np.asarray(share, dtype=float)) ** power
        return np.asarray(scaled + (1.0 - scaled) * gas)

    return law(co2_share) / law(reference_share)


def small_train_factor(
    train_ktpa: npt.ArrayLike, smallest_train_ktpa: npt.ArrayLike, exponent: npt.ArrayLike
) -> Floats:
    """Return the unit cost of a train ÷ that of the smallest built: (Q ÷ smallest)^(n − 1) below it, else 1."""
    ratio = np.minimum(np.asarray(train_ktpa, dtype=float) / np.asarray(smallest_train_ktpa, dtype=float), 1.0)
    return ratio ** (np.asarray(exponent, dtype=float) - 1.0)


def pipe_cost(flow_tph: npt.ArrayLike, pipes: pd.DataFrame) -> tuple[Floats, Ints, Floats]:
    """Return the cheapest pipe for each flow: capex per m, row of `pipes`, number of parallel pipes.

    `pipes` has capex_per_tph_m in the scenario's money. A class may serve less than its smallest flow at the price of
    that flow, so cost never falls with flow. Flows above the largest class use parallel pipes.
    """
    flow = np.asarray(flow_tph, dtype=float)
    largest = float(pipes["largest_tph"].max())
    n_lines = np.maximum(np.ceil(flow / largest - 1e-9), 1.0)
    each = flow / n_lines
    cost = np.maximum(each[:, None], pipes["smallest_tph"].to_numpy()) * pipes["capex_per_tph_m"].to_numpy()
    cost = np.where(each[:, None] <= pipes["largest_tph"].to_numpy() + 1e-9, cost, np.inf)
    chosen = np.argmin(cost, axis=1)
    return cost[np.arange(len(flow)), chosen] * n_lines, chosen.astype(np.int64), n_lines
