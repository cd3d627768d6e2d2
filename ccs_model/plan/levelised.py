"""Levelised costs, three things that are never mixed, at full delivered load and the last year's prices.

capture cost     (capital recovery of capture capex + fixed O&M + consumables + heat + power) ÷ captured
avoidance cost   (the same + pipe + storage) ÷ avoided
marginal cost    a dual of the program, not computed here
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.economics.discounting import capital_recovery_share
from ccs_model.problem import Problem

TRANSPORT_AND_STORAGE = ("pipe_power", "storage")


def levelised_costs(problem: Problem) -> pd.DataFrame:
    """One row a route: yearly cost by part in million, captured and avoided kt/y, and the levelised costs per t."""
    routes = problem.routes
    i = problem.discount_share
    captured_ktpa = routes["nameplate_ktpa"] * problem.delivered_share
    last = {name: per_t[:, -1] for name, per_t in problem.cost_per_t.items()}
    yearly = pd.DataFrame(
        {
            "captured_at_full_load_ktpa": captured_ktpa,
            "avoided_at_full_load_ktpa": captured_ktpa * problem.avoided_t_per_t[:, -1],
            "capture_capital_mn_pa": routes["capture_capex_mn"] * capital_recovery_share(i, routes["life_yr"]),
            "capture_fixed_om_mn_pa": routes["fixed_om_mn_pa"],
            "capture_variable_om_mn_pa": captured_ktpa * last["capture_variable_om"] / 1000.0,
            "heat_mn_pa": captured_ktpa * last["heat"] / 1000.0,
            "capture_power_mn_pa": captured_ktpa * last["capture_power"] / 1000.0,
            "pipe_capital_mn_pa": routes["pipe_capex_mn"] * capital_recovery_share(i, routes["pipe_life_yr"]),
            "pipe_fixed_om_mn_pa": routes["pipe_om_mn_pa"],
            "pipe_power_mn_pa": captured_ktpa * last["pipe_power"] / 1000.0,
            "storage_mn_pa": captured_ktpa * last["storage"] / 1000.0,
        }
    )
    capture = [name for name in yearly if name.startswith(("capture_", "heat_")) and name.endswith("_mn_pa")]
    transport = [name for name in yearly if name.startswith(("pipe_", "storage_"))]
    yearly["capture_mn_pa"] = yearly[capture].sum(axis=1)
    yearly["transport_and_storage_mn_pa"] = yearly[transport].sum(axis=1)
    yearly["cost_mn_pa"] = yearly["capture_mn_pa"] + yearly["transport_and_storage_mn_pa"]
    yearly["capture_cost_per_t"] = yearly["capture_mn_pa"] * 1000.0 / captured_ktpa
    yearly["avoidance_cost_per_t"] = np.where(
        yearly["avoided_at_full_load_ktpa"] > 0,
        yearly["cost_mn_pa"] * 1000.0 / yearly["avoided_at_full_load_ktpa"].where(lambda t: t > 0, 1.0),
        np.nan,
    )
    return yearly.set_axis(routes.index)
