"""Levelised costs, three things that are never mixed, at full delivered load and the last year's prices.

capture cost     (capital recovery of capture capex + fixed O&M + consumables + heat + power) ÷ captured
avoidance cost   (the same + pipe + storage) ÷ avoided
marginal cost    a dual of the program, not computed here
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.plan.decisions import Point
from ccs_model.plan.sharing import Sharing
from ccs_model.problem import Problem

Floats = npt.NDArray[np.float64]

# What a year of a retrofit is made of; the first five are capture.
PARTS = (
    "capture_capital_mn_pa", "capture_fixed_om_mn_pa", "capture_variable_om_mn_pa", "heat_mn_pa", "capture_power_mn_pa",
    "pipe_capital_mn_pa", "pipe_fixed_om_mn_pa", "pipe_power_mn_pa", "haul_mn_pa",
    "storage_capital_mn_pa", "storage_om_mn_pa", "storage_mn_pa",
)  # fmt: skip
AT_FULL_LOAD = ("captured_at_full_load_ktpa", "avoided_at_full_load_ktpa")


def levelised_costs(problem: Problem) -> pd.DataFrame:
    """One row a route: yearly cost by part in million, captured and avoided kt/y, and the levelised costs per t."""
    routes = problem.routes
    captured_ktpa = routes["nameplate_ktpa"] * problem.delivered_share
    last = {name: per_t[:, -1] for name, per_t in problem.cost_per_t.items()}
    yearly = pd.DataFrame(
        {
            "captured_at_full_load_ktpa": captured_ktpa,
            "avoided_at_full_load_ktpa": captured_ktpa * problem.avoided_t_per_t[:, -1] + problem.reduced_ktpa,
            "capture_capital_mn_pa": routes["capture_capex_mn"] * problem.recovery(routes["life_yr"]),
            "capture_fixed_om_mn_pa": routes["fixed_om_mn_pa"],
            "capture_variable_om_mn_pa": captured_ktpa * last["capture_variable_om"] / 1000.0,
            "heat_mn_pa": captured_ktpa * last["heat"] / 1000.0,
            "capture_power_mn_pa": captured_ktpa * last["capture_power"] / 1000.0,
            "pipe_capital_mn_pa": routes["pipe_capex_mn"] * problem.recovery(routes["pipe_life_yr"]),
            "pipe_fixed_om_mn_pa": routes["pipe_om_mn_pa"],
            "pipe_power_mn_pa": captured_ktpa * last["pipe_power"] / 1000.0,
            "haul_mn_pa": 0.0,
            "storage_capital_mn_pa": 0.0,
            "storage_om_mn_pa": 0.0,
            "storage_mn_pa": captured_ktpa * last["storage"] / 1000.0,
        }
    )
    return _summed(yearly).set_axis(routes.index)


def levelised_of(
    point: Point,
    sharing: Sharing | None,
    at: npt.NDArray[np.int64],
    share: Floats,
    part_of_route: Floats,
) -> pd.DataFrame:
    """The same of retrofits: rows `at` of the routes, built to `share`; amounts are those of the part that is built.

    With a shared network, transport and storage are the retrofit's part by use of what is shared, at full load.
    """
    problem = point.problem
    own = levelised_costs(problem).iloc[at].reset_index(drop=True)
    amounts = own[[name for name in own if not name.endswith("_per_t")]].mul(share, axis=0)
    if sharing is not None:
        names = problem.routes["route"].iloc[at]
        paid = sharing.by_route.reindex(names).fillna(0.0).reset_index(drop=True).mul(part_of_route, axis=0)
        captured = pd.Series(point.captured_ktpa[at, -1]) * part_of_route
        full = amounts["captured_at_full_load_ktpa"]
        more = (full / captured.where(captured > 0, full)).fillna(1.0).clip(lower=1.0)
        for name in ("pipe_capital_mn_pa", "storage_capital_mn_pa", "storage_om_mn_pa"):
            amounts[name] = amounts[name] + paid[name]
        for name in ("pipe_fixed_om_mn_pa", "pipe_power_mn_pa", "haul_mn_pa", "storage_mn_pa"):
            amounts[name] = amounts[name] + paid[name] * more
        booster = pd.Series(sharing.power_co2_ktpa[at, -1]) * part_of_route * more
        amounts["avoided_at_full_load_ktpa"] = amounts["avoided_at_full_load_ktpa"] - booster
    return _summed(amounts.drop(columns=["capture_mn_pa", "transport_and_storage_mn_pa", "cost_mn_pa"]))


def _summed(yearly: pd.DataFrame) -> pd.DataFrame:
    """With the sums and the levelised costs per t."""
    captured, avoided = yearly["captured_at_full_load_ktpa"], yearly["avoided_at_full_load_ktpa"]
    capture = [name for name in yearly if name.startswith(("capture_", "heat_")) and name.endswith("_mn_pa")]
    transport = [name for name in yearly if name.startswith(("pipe_", "haul_", "storage_"))]
    yearly = yearly.assign(
        capture_mn_pa=yearly[capture].sum(axis=1), transport_and_storage_mn_pa=yearly[transport].sum(axis=1)
    )
    yearly["cost_mn_pa"] = yearly["capture_mn_pa"] + yearly["transport_and_storage_mn_pa"]
    yearly["capture_cost_per_t"] = yearly["capture_mn_pa"] * 1000.0 / captured.where(captured > 0, np.nan)
    yearly["avoidance_cost_per_t"] = np.where(
        avoided > 0, yearly["cost_mn_pa"] * 1000.0 / avoided.where(avoided > 0, 1.0), np.nan
    )
    return yearly
