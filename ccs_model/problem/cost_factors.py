"""Cost factors of the scenario (`costs.*`): capital, O&M, energy for capture and payments of oil fields.

Factors act on the coefficients of a finished problem. The kinds are those of the workbook's live inputs: pump power,
trucks and injection fees belong to O&M, so that a plan at new factors agrees with a workbook at the same factors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pandas as pd

from ccs_model.problem.problem import Problem
from ccs_model.scenario.sections import Costs

_CAPEX, _OM, _OIL = "capex_factor", "om_factor", "oil_factor"
# Columns of the tables of a problem by factor; O&M as a share of capital is not capital.
_OPTIONS = {
    _CAPEX: ("reference_capex_per_tpa", "capex_per_tpa", "capture_capex_mn"),
    _OM: ("fixed_om_mn_pa", "variable_om_per_t"),
}
_SITES = {
    _CAPEX: ("site_capex_mn", "well_capex_mn"),
    _OM: (
        "site_om_mn_pa", "monitoring_mn_pa", "closure_mn", "post_injection_mn", "well_om_mn_pa", "injection_cost_per_t",
    ),
    _OIL: ("eor_revenue_per_t",),
}  # fmt: skip
_ROUTES = {
    _CAPEX: (*_OPTIONS[_CAPEX], *_SITES[_CAPEX], "pipe_capex_mn", "capex_mn"),
    _OM: (*_OPTIONS[_OM], *_SITES[_OM], "pipe_om_mn_pa"),
    _OIL: ("eor_revenue_per_t",),
}
_LINES = {_CAPEX: ("fixed_mn", "slope_mn_per_ktpa"), _OM: ("om_mn_per_ktpa", "haul_per_t")}
_COSTS_PER_T = {
    "capture_variable_om": _OM, "heat": "energy_factor", "capture_power": "energy_factor", "pipe_power": _OM,
    "storage": _OM, "oil_revenue": _OIL,
}  # fmt: skip


def with_cost_factors(problem: Problem) -> Problem:
    """Return the problem with the cost factors of its scenario; the same problem if all are 1."""
    costs = problem.scenario.costs
    if costs == Costs():
        return problem
    om_per_capex = costs.om_factor / costs.capex_factor
    network = problem.network
    if network is not None:
        lines = _scaled(network.lines, _LINES, costs)
        network = replace(network, lines=lines.assign(om_share=lines["om_share"] * om_per_capex))
    tables = {
        name: table.assign(fixed_om_share=table["fixed_om_share"] * om_per_capex)
        for name, table in (
            ("options", _scaled(problem.options, _OPTIONS, costs)),
            ("routes", _scaled(problem.routes, _ROUTES, costs)),
        )
    }
    stores, power = problem.stores, problem.line_power_per_t
    return replace(
        problem,
        **tables,
        sites=_scaled(problem.sites, _SITES, costs),
        stores=None if stores is None else _scaled(stores, {_OM: ("variable_per_t",)}, costs),
        network=network,
        cost_per_t=MappingProxyType(
            {name: cost * getattr(costs, _COSTS_PER_T[name]) for name, cost in problem.cost_per_t.items()}
        ),
        line_power_per_t=None if power is None else power * costs.om_factor,
    )


def _scaled(table: pd.DataFrame, columns: Mapping[str, tuple[str, ...]], costs: Costs) -> pd.DataFrame:
    """The table with its columns multiplied by their factor."""
    changed = {
        name: table[name].astype(float) * getattr(costs, factor) for factor, names in columns.items() for name in names
    }
    return table.assign(**changed)
