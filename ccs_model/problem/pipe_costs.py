"""Costs of pipelines: the law of lines as built, the size classes of the Danish Energy Agency, or linear trends.

The law of lines as built (transport/pipe_laws) is

    capex = k Q^n L^m × cost factor,      Q in Mt/y (nameplate), L in km

with pump stations included. An own pipe costs what the law says, or the cheapest trend that carries its flow. A shared
pipe is of a size (transport/pipe_sizes): its cost is that of the smallest flow of the size, and linear between the ends
of the size, where it equals the law. The line lies below the law by at most 5 % for sizes that quadruple the flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.economics.prices import PriceLevel, pipe_cost
from ccs_model.engineering.co2_transport import flow_tph
from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.scenario import Scenario
from ccs_model.units import HOURS_PER_YEAR

DEA = "dea"
# Sizes of a link. Money per km counts L^length_exponent; included_ktpa is the flow that the fixed cost includes.
SIZE_COLUMNS = [
    "pipe", "fixed_mn_per_km", "included_ktpa", "slope_mn_per_km_per_ktpa", "largest_ktpa", "smallest_ktpa",
    "om_mn_per_km_per_ktpa", "om_share", "kwh_per_t_km", "life_yr",
]  # fmt: skip
_KTPA_PER_TPH = HOURS_PER_YEAR / 1000.0


@dataclass(frozen=True, eq=False)
class PipeCosts:
    """Costs of own pipes and sizes of shared ones, in the scenario's money.

    Attributes
    ----------
    sizes
        One row a size, SIZE_COLUMNS; cost of a link is in proportion to length^length_exponent.
    law
        Row of transport/pipe_laws in the scenario's money; None for size classes.
    classes
        Rows of transport/pipes in the scenario's money.
    """

    sizes: pd.DataFrame
    length_exponent: float
    law: pd.Series | None
    classes: pd.DataFrame

    def own_pipes(
        self, flow_ktpa: npt.ArrayLike, length_km: npt.ArrayLike, cost_factor: npt.ArrayLike = 1.0
    ) -> pd.DataFrame:
        """Return one row a pipe: pipe, n_lines, capex_mn, om_mn_pa, kwh_per_t and life_yr, for nameplate flows."""
        flow, length, factor = np.broadcast_arrays(
            *(np.asarray(x, dtype=float) for x in (flow_ktpa, length_km, cost_factor))
        )
        if self.has_trends:
            return self._pipes_of_trends(flow, length, factor)
        if self.law is None:
            return self._pipes_of_classes(flow, length, factor)
        sizes, at = self.sizes, self.size_at(flow)
        counted = np.maximum(flow, float(sizes["included_ktpa"].iloc[0]))
        capex = _law_capex_mn(self.law, counted) * length**self.length_exponent * factor
        return pd.DataFrame(
            {
                "pipe": sizes["pipe"].to_numpy(object)[at],
                "n_lines": np.ones(len(flow)),
                "capex_mn": capex,
                "om_mn_pa": capex * float(self.law["fixed_om_share"]),
                "kwh_per_t": sizes["kwh_per_t_km"].to_numpy(float)[at] * length,
                "life_yr": float(self.law["life_yr"]),
            }
        )

    @property
    def has_trends(self) -> bool:
        """Whether the sizes are linear trends, whose fixed cost includes no flow."""
        return self.law is None and bool((self.sizes["included_ktpa"] == 0).all())

    def _pipes_of_trends(self, flow_ktpa: Floats, length_km: Floats, cost_factor: Floats) -> pd.DataFrame:
        """The cheapest trend that carries the flow; beyond the largest trend, parallel lines of equal flow."""
        sizes = self.sizes
        largest = sizes["largest_ktpa"].to_numpy(float)
        n_lines = np.maximum(np.ceil(flow_ktpa / largest[-1] - 1e-9), 1.0)
        each = (flow_ktpa / n_lines)[:, None]
        fixed, slope = (sizes[name].to_numpy(float) for name in ("fixed_mn_per_km", "slope_mn_per_km_per_ktpa"))
        per_km = np.where(each <= largest * (1 + 1e-9), fixed + slope * each, np.inf)
        chosen = per_km.argmin(axis=1)
        om = sizes["om_mn_per_km_per_ktpa"].to_numpy(float)[chosen]
        return pd.DataFrame(
            {
                "pipe": sizes["pipe"].to_numpy(object)[chosen],
                "n_lines": n_lines,
                "capex_mn": per_km.min(axis=1) * n_lines * length_km * cost_factor,
                "om_mn_pa": om * flow_ktpa * length_km,
                "kwh_per_t": sizes["kwh_per_t_km"].to_numpy(float)[chosen] * length_km,
                "life_yr": sizes["life_yr"].to_numpy(float)[chosen],
            }
        )

    def _pipes_of_classes(self, flow_ktpa: Floats, length_km: Floats, cost_factor: Floats) -> pd.DataFrame:
        pipes, flow = self.classes, flow_tph(flow_ktpa)
        per_m, chosen, n_lines = pipe_cost(flow, pipes)
        om = pipes["fixed_om_per_tph_km_pa"].to_numpy(float)[chosen] * flow * length_km / 1e6
        return pd.DataFrame(
            {
                "pipe": pipes["pipe"].to_numpy(object)[chosen],
                "n_lines": n_lines,
                "capex_mn": per_m * length_km * 1000.0 / 1e6 * cost_factor,
                "om_mn_pa": om,
                "kwh_per_t": pipes["power_kwh_per_t_km"].to_numpy(float)[chosen] * length_km,
                "life_yr": pipes["life_yr"].to_numpy(float)[chosen],
            }
        )

    def size_at(self, flow_ktpa: npt.ArrayLike) -> Ints:
        """Return the position of the smallest size that carries each flow."""
        ends = self.sizes["largest_ktpa"].to_numpy(float)
        at = np.searchsorted(ends, np.asarray(flow_ktpa, dtype=float) * (1 - 1e-12))
        return np.minimum(at, len(ends) - 1).astype(np.int64)

    def existing_om_mn(self, capacity_ktpa: pd.Series, length_km: pd.Series, cost_factor: pd.Series) -> pd.Series:
        """Return fixed O&M per kt/y of existing pipes, operated like new ones of their capacity.

        `cost_factor` scales O&M that is a share of capital, as for a new pipe.
        """
        if self.law is None:
            return self.sizes["om_mn_per_km_per_ktpa"].to_numpy(float)[self.size_at(capacity_ktpa)] * length_km
        capex = _law_capex_mn(self.law, capacity_ktpa) * length_km**self.length_exponent * cost_factor
        return capex * float(self.law["fixed_om_share"]) / capacity_ktpa


def pipe_costs_of(scenario: Scenario, inputs: Inputs, level: PriceLevel) -> PipeCosts:
    """Return the pipe costs that the scenario chooses. Raises InputError if the table of laws lacks them."""
    classes = _pipe_classes(inputs, level)
    trends = inputs["transport/trends"]
    law = None if len(trends) else _law_of(scenario, inputs, level)
    if law is not None:
        sizes = _sizes_of_law(law, inputs["transport/pipe_sizes"])
        return PipeCosts(sizes, float(law["length_exponent"]), law, classes)
    return PipeCosts(_sizes_of_trends(trends, level) if len(trends) else _sizes_of_classes(classes), 1.0, None, classes)


def _law_capex_mn(law: pd.Series, flow_ktpa: npt.ArrayLike) -> Floats:
    """Capital in million for 1 km."""
    scale = np.asarray(flow_ktpa, dtype=float) / 1000.0
    return np.asarray(float(law["capex_mn"]) * scale ** float(law["flow_exponent"]))


def _law_of(scenario: Scenario, inputs: Inputs, level: PriceLevel) -> pd.Series | None:
    chosen = scenario.transport.pipe_costs
    if chosen == DEA:
        return None
    table = inputs["transport/pipe_laws"]
    rows = table[table["pipe_costs"] == chosen]
    if rows.empty:
        raise InputError([Issue("transport/pipe_laws.csv", f"no row '{chosen}', which transport.pipe_costs names")])
    return rows.assign(capex_mn=level.column(rows, "capex_mn")).iloc[0]


def _pipe_classes(inputs: Inputs, level: PriceLevel) -> pd.DataFrame:
    pipes = inputs["transport/pipes"].sort_values("smallest_tph").reset_index(drop=True)
    return pipes.assign(**{name: level.column(pipes, name) for name in ("capex_per_tph_m", "fixed_om_per_tph_km_pa")})


def _sizes_of_law(law: pd.Series, table: pd.DataFrame) -> pd.DataFrame:
    """Sizes whose cost line meets the law at both ends of the size; the last has no end."""
    table = table.sort_values("smallest_ktpa", kind="stable").reset_index(drop=True)
    low, high = (table[name].to_numpy(float) for name in ("smallest_ktpa", "largest_ktpa"))
    fixed = _law_capex_mn(law, low)
    return pd.DataFrame(
        {
            "pipe": table["pipe"],
            "fixed_mn_per_km": fixed,
            "included_ktpa": low,
            "slope_mn_per_km_per_ktpa": (_law_capex_mn(law, high) - fixed) / (high - low),
            "largest_ktpa": np.r_[high[:-1], np.inf],
            "smallest_ktpa": 0.0,
            "om_mn_per_km_per_ktpa": 0.0,
            "om_share": float(law["fixed_om_share"]),
            "kwh_per_t_km": table["power_kwh_per_t_km"],
            "life_yr": float(law["life_yr"]),
        }
    )[SIZE_COLUMNS]


def _sizes_of_trends(trends: pd.DataFrame, level: PriceLevel) -> pd.DataFrame:
    rate = level.convert(np.ones(len(trends)), trends["currency"], trends["price_year"])
    sizes = pd.DataFrame(
        {
            "pipe": trends["pipe"],
            "fixed_mn_per_km": trends["fixed_mn_per_km"] * rate,
            "included_ktpa": 0.0,
            "slope_mn_per_km_per_ktpa": trends["slope_mn_per_km_per_ktpa"] * rate,
            "largest_ktpa": trends["largest_ktpa"].fillna(np.inf),
            "smallest_ktpa": 0.0,
            "om_mn_per_km_per_ktpa": trends["om_mn_per_km_per_ktpa"].fillna(0.0) * rate,
            "om_share": 0.0,
            "kwh_per_t_km": trends["power_kwh_per_t_km"].fillna(0.0),
            "life_yr": trends["life_yr"],
        }
    )
    sizes = sizes.sort_values(["largest_ktpa", "pipe"], kind="stable").reset_index(drop=True)
    # Below the end of the previous trend, a trend is the more expensive of the two.
    sizes["smallest_ktpa"] = np.r_[0.0, sizes["largest_ktpa"].to_numpy()[:-1]]
    return sizes[SIZE_COLUMNS]


def _sizes_of_classes(pipes: pd.DataFrame) -> pd.DataFrame:
    """The lower envelope of size classes: a class may be built for less than its smallest flow at that flow's price."""
    per_tph_km = pipes["capex_per_tph_m"] / 1000.0
    fixed = pipes["smallest_tph"] * per_tph_km
    # A size ends where the next one costs no more; the last has no end, since parallel pipes cost the same rate.
    ends = np.r_[np.minimum(fixed.to_numpy()[1:] / per_tph_km.to_numpy()[:-1], pipes["largest_tph"][:-1]), np.inf]
    return pd.DataFrame(
        {
            "pipe": pipes["pipe"],
            "fixed_mn_per_km": fixed,
            "included_ktpa": pipes["smallest_tph"] * _KTPA_PER_TPH,
            "slope_mn_per_km_per_ktpa": per_tph_km / _KTPA_PER_TPH,
            "largest_ktpa": np.maximum(ends, pipes["smallest_tph"]) * _KTPA_PER_TPH,
            "smallest_ktpa": 0.0,
            "om_mn_per_km_per_ktpa": pipes["fixed_om_per_tph_km_pa"] / 1e6 / _KTPA_PER_TPH,
            "om_share": 0.0,
            "kwh_per_t_km": pipes["power_kwh_per_t_km"],
            "life_yr": pipes["life_yr"],
        }
    )[SIZE_COLUMNS]
