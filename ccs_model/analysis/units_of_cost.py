"""What is costed in a chain: the retrofits of a plan, or the best option of a plant that the plan leaves as it is.

The best option is the full-size route of the least avoidance cost, with a pipe of its own, as in the ranked list behind
the marginal abatement cost curve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.plan.best_options import best_options, with_prices
from ccs_model.plan.levelised import PARTS
from ccs_model.problem import Problem

_TRANSPORT = ("pipe_capital_mn_pa", "pipe_fixed_om_mn_pa", "pipe_power_mn_pa", "haul_mn_pa")
_STORAGE = ("storage_capital_mn_pa", "storage_om_mn_pa", "storage_mn_pa")


@dataclass(frozen=True, eq=False)
class Unit:
    """One column of a chain: its values by name, its start where it is built, the pipe classes it may use."""

    title: str
    values: Mapping[str, Any]
    year: int | None
    pipes: tuple[str, ...]

    def number(self, name: str) -> float:
        """A number, NaN where it is not known."""
        value = self.values.get(name)
        return float("nan") if value is None else float(value)

    def text(self, name: str) -> str:
        """A word."""
        return str(self.values.get(name) or "")


def units_of(problem: Problem, own: pd.DataFrame, plant: str) -> list[Unit]:
    """The plan's retrofits `own` of the plant, or its best option; none where nothing can be built."""
    if len(own):
        return _built(problem, own)
    best = best_options(problem, plants={plant})
    return (
        [_unit(best.iloc[0].to_dict(), "best option, own pipe", None, (str(best["pipe"].iloc[0]),))]
        if len(best)
        else []
    )


def _built(problem: Problem, own: pd.DataFrame) -> list[Unit]:
    """The retrofits of a plan with what their routes hold."""
    table = with_prices(problem).set_index("route", drop=False)
    units = []
    for retrofit in own.to_dict("records"):
        route = table.loc[retrofit["route"]].to_dict()
        share = float(retrofit["share"])
        values = {**route, **{name: retrofit[name] for name in (*PARTS, "cost_mn_pa", "site", "length_km")}}
        values |= {name: retrofit[name] for name in ("capture_capex_mn", "pipe_capex_mn", "storage_capex_mn")}
        values |= {name: retrofit[name] for name in ("nameplate_ktpa", "capture_cost_per_t", "avoidance_cost_per_t")}
        values |= {name: retrofit[name] for name in ("captured_at_full_load_ktpa", "avoided_at_full_load_ktpa")}
        values["stream_share"] = route["stream_share"] * share
        captured, avoided = retrofit["captured_at_full_load_ktpa"], retrofit["avoided_at_full_load_ktpa"]
        if captured > 0:
            # What pumps of shared pipes draw is known only of the plan.
            reduced = route["reduced_ktpa"] * share
            values["power_t_per_t"] = 1.0 - route["fuel_t_per_t"] - (avoided - reduced) / captured
        names = (str(retrofit["pipe"]),) if problem.network is None else tuple(problem.network.lines["pipe"].unique())
        title = f"{retrofit['stream']}"
        units.append(_unit(values, title, int(retrofit["year"]), names))
    return units


def _unit(values: dict[str, Any], title: str, year: int | None, pipes: tuple[str, ...]) -> Unit:
    """With what follows from the values."""
    captured, avoided = values["captured_at_full_load_ktpa"], values["avoided_at_full_load_ktpa"]
    per_t = 1000.0 / captured if captured > 0 else np.nan
    more = {
        "stream_ktpa": values["co2_ktpa"] * values["lasting_share"],
        "captured_ktpa": captured,
        "avoided_t_per_t": avoided / captured if captured > 0 else np.nan,
        "capital_per_t": values["capture_capital_mn_pa"] * per_t,
        "fixed_om_per_t": values["capture_fixed_om_mn_pa"] * per_t,
        "variable_om_per_t": values["capture_variable_om_mn_pa"] * per_t,
        "heat_per_t": values["heat_mn_pa"] * per_t,
        "power_per_t": values["capture_power_mn_pa"] * per_t,
        "transport_per_t": sum(values[name] for name in _TRANSPORT) * per_t,
        "storage_per_t": sum(values[name] for name in _STORAGE) * per_t,
        "storage_capex_mn": values.get("storage_capex_mn", 0.0),
    }
    return Unit(title, {**values, **more}, year, pipes)
