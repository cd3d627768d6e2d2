"""Merit order of capture (marginal abatement cost curve, MACC), levelised costs, and the reason of each plant.

Each stream of a candidate plant appears once, at full size, with the option of least avoidance cost and its own pipe,
in order of cost. The merit order is not the optimum: it ignores the budget, limits of shared sites and start dates. A
plan may therefore skip a cheap stream or retrofit it with another technology.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.engineering.capture_units import WASTE_HEAT, covered_rows, is_shared
from ccs_model.errors import InputError
from ccs_model.plan.cost_sharing import CostSharing
from ccs_model.plan.decisions import Point
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.unused_policy import sectors_without_rule

# Levelised costs at prices of the last year. Three different figures:
#
# capture cost     (capital recovery of capture capex + fixed O&M + consumables + heat + power) ÷ captured
# avoidance cost   (the same + pipe + storage) ÷ avoided
# marginal cost    the dual of a target, not computed here
#
# What oil fields pay is revenue and in none of them, like a carbon price or a subsidy.
#
# Options are evaluated at full delivered load, retrofits of a plan at the load at which they run in the last period.
# Figures of a plan at full load are named `..._at_full_load_...`.


# Parts of a retrofit's yearly cost.
PARTS = (
    "capture_capital_mn_pa", "capture_fixed_om_mn_pa", "capture_variable_om_mn_pa", "heat_mn_pa", "capture_power_mn_pa",
    "pipe_capital_mn_pa", "pipe_fixed_om_mn_pa", "pipe_power_mn_pa", "haul_mn_pa",
    "storage_capital_mn_pa", "storage_om_mn_pa", "storage_mn_pa",
)  # fmt: skip
CAPTURE_PARTS, TRANSPORT_PARTS, STORAGE_PARTS = PARTS[:5], PARTS[5:9], PARTS[9:]
AT_FULL_LOAD = (
    "captured_at_full_load_ktpa", "avoided_at_full_load_ktpa", "cost_at_full_load_mn_pa",
    "capture_cost_at_full_load_per_t", "avoidance_cost_at_full_load_per_t",
)  # fmt: skip
DETAILS = (*PARTS, "operating_share", "assets_share", "load_share", *AT_FULL_LOAD)
"""Last columns of a plan's retrofits."""
# Parts that are due in each year of operation whatever the load; the others follow the tonnes.
_FIXED = (
    "capture_capital_mn_pa", "capture_fixed_om_mn_pa", "pipe_capital_mn_pa", "pipe_fixed_om_mn_pa",
    "storage_capital_mn_pa", "storage_om_mn_pa",
)  # fmt: skip
# Cost of shared assets and the part to which it belongs: those that exist whatever the flow, and those that follow it.
_SHARED_CAPITAL = ("pipe_capital_mn_pa", "pipe_fixed_om_mn_pa", "storage_capital_mn_pa", "storage_om_mn_pa")
_SHARED_FLOW = {
    "pipe_om_by_flow_mn_pa": "pipe_fixed_om_mn_pa", "pipe_power_mn_pa": "pipe_power_mn_pa", "haul_mn_pa": "haul_mn_pa",
    "storage_mn_pa": "storage_mn_pa",
}  # fmt: skip


def levelised_costs(problem: Problem) -> pd.DataFrame:
    """Return one row an option at full load: yearly cost by part, million; tonnes, kt/y; levelised costs per t."""
    routes = problem.levelised_routes
    captured_ktpa = pd.Series(problem.delivered_ktpa, index=routes.index)
    last = {name: per_t[:, -1] for name, per_t in problem.cost_per_t.items()}
    yearly = pd.DataFrame(
        {
            "captured_at_full_load_ktpa": captured_ktpa,
            "avoided_at_full_load_ktpa": captured_ktpa * problem.avoided_t_per_t[:, -1] + problem.reduced_ktpa,
            "capture_capital_mn_pa": routes["capture_capex_mn"] * problem.capture_charge(routes),
            "capture_fixed_om_mn_pa": routes["fixed_om_mn_pa"],
            "capture_variable_om_mn_pa": captured_ktpa * last["capture_variable_om"] / 1000.0,
            "heat_mn_pa": captured_ktpa * last["heat"] / 1000.0,
            "capture_power_mn_pa": captured_ktpa * last["capture_power"] / 1000.0,
            "pipe_capital_mn_pa": routes["pipe_capex_mn"] * problem.recovery(routes["pipe_life_yr"]),
            "pipe_fixed_om_mn_pa": routes["pipe_om_mn_pa"],
            "pipe_power_mn_pa": captured_ktpa * last["pipe_power"] / 1000.0,
            "haul_mn_pa": 0.0,
            "storage_capital_mn_pa": (routes["site_capex_mn"] + routes["well_capex_mn"])
            * problem.recovery(routes["storage_life_yr"]),
            "storage_om_mn_pa": problem.storage_yearly_mn(routes, routes["storage_life_yr"]) + routes["well_om_mn_pa"],
            "storage_mn_pa": captured_ktpa * last["storage"] / 1000.0,
        }
    )
    captured, avoided = yearly["captured_at_full_load_ktpa"], yearly["avoided_at_full_load_ktpa"]
    return _add_sums(yearly, captured, avoided).set_axis(routes.index)


def levelised_of(
    point: Point,
    sharing: CostSharing | None,
    at: Ints,
    start: Ints,
    share: Floats,
    part_of_route: Floats,
    part_of_flow: Floats,
) -> pd.DataFrame:
    """Return yearly costs and levelised costs of retrofits in the last period, and their AT_FULL_LOAD.

    Amounts are means over the years of the last period. Capital and fixed costs count in the years of operation; costs
    that follow the tonnes are those of the tonnes delivered. With a shared network, transport and storage are the
    retrofit's part of shared assets by use, also after the retrofit has ended.

    Parameters
    ----------
    point, sharing
        The plan, and the allocation of its shared network.
    at, start, share
        Row of `problem.routes`, position of the start year, and share built of each retrofit.
    part_of_route, part_of_flow
        The retrofit's part of all builds of its option, and of the option's tonnes in the last period.
    """
    problem = point.problem
    own = levelised_costs(problem).iloc[at].reset_index(drop=True)
    full = own[["captured_at_full_load_ktpa", "avoided_at_full_load_ktpa", *PARTS]].mul(share, axis=0)
    operating = problem.running_share[at, start, -1]
    captured = point.captured_ktpa[at, -1] * part_of_flow
    nameplate = full["captured_at_full_load_ktpa"].to_numpy(float)
    load = np.divide(captured, nameplate, out=np.zeros(len(at)), where=nameplate > 0)
    reduced = problem.reduced_ktpa[at] * share
    avoided = (full["avoided_at_full_load_ktpa"] - reduced) * load + reduced * operating
    parts = {name: full[name] * (operating if name in _FIXED else load) for name in PARTS}
    in_service = operating
    if sharing is not None:
        names = problem.routes["route"].iloc[at]
        paid = sharing.by_route.reindex(names).fillna(0.0).reset_index(drop=True)
        booster = sharing.power_co2_ktpa[at, -1]
        # A retrofit without flow in the last period has no running cost to scale to full load.
        more = np.divide(nameplate, captured, out=np.ones(len(at)), where=captured > 0)
        # Shared assets outlast a retrofit that has ended. Before a start they are not in service.
        has_run = problem.running_share[at, start, :-1].any(axis=1)
        in_service = np.where(has_run, 1.0, operating)
        for name in _SHARED_CAPITAL:
            parts[name] = parts[name] + paid[name] * part_of_route * in_service
            full[name] = full[name] + paid[name] * part_of_route
        for name, part in _SHARED_FLOW.items():
            parts[part] = parts[part] + paid[name] * part_of_flow
            full[part] = full[part] + paid[name] * part_of_flow * more
        avoided = avoided - booster * part_of_flow
        full["avoided_at_full_load_ktpa"] -= booster * part_of_flow * more
    at_load = _add_sums(pd.DataFrame(parts), pd.Series(captured), avoided)
    at_full = _add_sums(full[list(PARTS)], *(full[name] for name in AT_FULL_LOAD[:2]))
    return at_load.assign(
        operating_share=operating,
        assets_share=in_service,
        load_share=load,
        captured_ktpa=captured,
        avoided_ktpa=avoided,
        captured_at_full_load_ktpa=full["captured_at_full_load_ktpa"],
        avoided_at_full_load_ktpa=full["avoided_at_full_load_ktpa"],
        cost_at_full_load_mn_pa=at_full["cost_mn_pa"],
        capture_cost_at_full_load_per_t=at_full["capture_cost_per_t"],
        avoidance_cost_at_full_load_per_t=at_full["avoidance_cost_per_t"],
    )


def _add_sums(yearly: pd.DataFrame, captured: pd.Series, avoided: pd.Series) -> pd.DataFrame:
    """Add sums and levelised costs per t."""
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


COLUMNS = [
    "plant", "name", "province", "sector", "stream", "technology", "site", "avoided_at_full_load_ktpa",
    "cumulative_avoided_at_full_load_ktpa", "avoidance_cost_at_full_load_per_t", "capture_cost_at_full_load_per_t",
    "capex_mn", "cumulative_capex_mn", "in_plan",
]  # fmt: skip


def macc_table(problem: Problem, retrofits: pd.DataFrame) -> pd.DataFrame:
    """Return one row a stream, cheapest first, with cumulative sums; `in_plan` marks streams of `retrofits`.

    Streams without an option, or whose capture emits more CO₂ than it avoids, are excluded. The table is empty if own
    pipes would need power that no table prices.
    """
    own = _with_own_pipes(problem)
    return pd.DataFrame(columns=COLUMNS) if own is None else _rank_options(own, retrofits).reset_index(drop=True)


_OM = (
    "capture_fixed_om_mn_pa", "capture_variable_om_mn_pa", "pipe_fixed_om_mn_pa", "pipe_power_mn_pa", "storage_mn_pa",
)  # fmt: skip
_SITE_OM = ("site_om_mn_pa", "monitoring_mn_pa", "well_om_mn_pa")


def macc_parts(problem: Problem, retrofits: pd.DataFrame) -> pd.DataFrame:
    """Return what the costs of `macc_table` are computed from, in its rows: capital, lives and annual costs.

    `om_mn_pa` is without what is set aside for closure, which depends on the discount rate.
    """
    own = _with_own_pipes(problem)
    if own is None:
        return pd.DataFrame()
    at = _rank_options(own, retrofits).index
    routes, costs = own.levelised_routes.loc[at], levelised_costs(own).loc[at]
    return pd.DataFrame(
        {
            **{name: routes[name] for name in ("capture_capex_mn", "pipe_capex_mn")},
            "storage_capex_mn": routes["site_capex_mn"] + routes["well_capex_mn"],
            **{name: routes[name] for name in ("life_yr", "tasc_factor", "pipe_life_yr", "storage_life_yr")},
            "energy_mn_pa": costs["heat_mn_pa"] + costs["capture_power_mn_pa"],
            "om_mn_pa": costs[list(_OM)].sum(axis=1) + routes[list(_SITE_OM)].sum(axis=1),
            "closure_mn": 0.0 if own.is_static else routes["closure_mn"] + routes["post_injection_mn"],
            "capital_mn_pa": costs[[name for name in PARTS if name.endswith("_capital_mn_pa")]].sum(axis=1),
            "cost_mn_pa": costs["cost_mn_pa"],
        }
    ).reset_index(drop=True)


def _rank_options(problem: Problem, retrofits: pd.DataFrame) -> pd.DataFrame:
    """Return the merit order with the index of `problem.routes`."""
    routes, costs = problem.routes, levelised_costs(problem)
    plants = problem.plants.set_index("plant").loc[routes["plant"]].set_axis(routes.index)
    covered = covered_rows(retrofits)
    built = set(zip(covered["plant"], covered["stream"], strict=True))
    every = pd.DataFrame(
        {
            "plant": routes["plant"],
            "name": plants["name"],
            "province": routes["province"],
            "sector": plants["sector"],
            **{name: routes[name] for name in ("stream", "technology", "site")},
            "avoided_at_full_load_ktpa": costs["avoided_at_full_load_ktpa"],
            "avoidance_cost_at_full_load_per_t": costs["avoidance_cost_per_t"],
            "capture_cost_at_full_load_per_t": costs["capture_cost_per_t"],
            "capex_mn": routes["capex_mn"],
            "in_plan": [pair in built for pair in zip(routes["plant"], routes["stream"], strict=True)],
        }
    )
    could_be = every[_is_unit(problem, costs) & plants["is_candidate"]]
    # Options are sorted by id, so equal costs keep one order regardless of the inputs' row order.
    ranked = could_be.sort_values("avoidance_cost_at_full_load_per_t", kind="stable")
    ranked = ranked[_has_waste_heat(problem, ranked)].drop_duplicates(["plant", "stream"])
    ranked.insert(8, "cumulative_avoided_at_full_load_ktpa", ranked["avoided_at_full_load_ktpa"].cumsum())
    ranked.insert(12, "cumulative_capex_mn", ranked["capex_mn"].cumsum())
    return ranked


def _is_unit(problem: Problem, costs: pd.DataFrame) -> pd.Series:
    """Whether an option is a full-size unit of one stream that avoids CO₂; shared units and measures are none."""
    routes = problem.routes
    is_single = ~is_shared(routes["stream"]) & (routes["measure"] == "") & (routes["stream_share"] == 1.0)
    is_single &= _waste_heat_tj_pa(problem) <= routes["plant"].map(problem.waste_heat_tj_pa).fillna(0.0) + 1e-9
    return is_single & problem.running_share.any(axis=(1, 2)) & costs["avoidance_cost_per_t"].notna()


def _waste_heat_tj_pa(problem: Problem) -> pd.Series:
    """What each option takes from the waste heat of its plant at full load."""
    routes = problem.routes
    heat = pd.Series(problem.delivered_ktpa, index=routes.index) * routes["heat_gj_per_t"]
    return heat.where(routes["heat_source"] == WASTE_HEAT, 0.0)


def _has_waste_heat(problem: Problem, ranked: pd.DataFrame) -> pd.Series:
    """Whether the waste heat that the streams before each option leave is enough for it."""
    left, served, enough = dict(problem.waste_heat_tj_pa), set(), list[bool]()
    heat = _waste_heat_tj_pa(problem).loc[ranked.index]
    for plant, stream, needed in zip(ranked["plant"], ranked["stream"], heat, strict=True):
        is_enough = needed <= left.get(plant, 0.0) + 1e-9
        enough.append(is_enough)
        if is_enough and (plant, stream) not in served:
            served.add((plant, stream))
            left[plant] = left.get(plant, 0.0) - needed
    return pd.Series(enough, ranked.index, dtype=bool)


def _with_own_pipes(problem: Problem) -> Problem | None:
    """The problem with own pipes; None if they would need power that no table prices."""
    try:
        return problem if problem.network is None else build_own_pipe_problem(problem)
    except InputError:
        return None


@lru_cache(maxsize=1)
def build_own_pipe_problem(problem: Problem) -> Problem:
    """Return the problem with own pipes: each stream on its own, with a pipe to a site in reach.

    The result is cached for the last problem, since building it takes longer than its evaluation. Targets, required
    plants, committed retrofits and first years of sites are dropped, since own pipes may not reach them. Raises
    InputError if own pipes would need power that no table prices.
    """
    changes = {
        "transport.shared_trunklines": False,
        "plants.require": (),
        "plants.committed": {},
        "storage.not_before": {},
        "targets": {},
        "objective": "max_abatement",
        "budget": {"total_mn": 0},
    }
    return build_problem(problem.scenario.with_changes(changes), problem.inputs)


def best_options(problem: Problem, plants: set[str] | None = None) -> pd.DataFrame:
    """Return the full-size option of least avoidance cost of each candidate plant, with its own pipe, by plant.

    Columns of options and levelised costs, with prices and CO₂ per t captured of the last year. Plants without an
    option that avoids CO₂ are missing.
    """
    own = _with_own_pipes(problem)
    if own is None:
        return pd.DataFrame()
    table = with_prices(own)
    could_be = _is_unit(own, table)
    if plants is not None:
        could_be &= table["plant"].isin(plants)
    # Stacks of one mill often have equal costs; rounding leaves the choice to ids.
    ranked = table[could_be].sort_values("avoidance_cost_per_t", kind="stable", key=lambda cost: cost.round(6))
    return ranked.drop_duplicates("plant").sort_values("plant", kind="stable").reset_index(drop=True)


def with_prices(problem: Problem) -> pd.DataFrame:
    """Return one row an option: its columns, levelised cost by part, prices and CO₂ per t captured of the last year."""
    routes = problem.levelised_routes
    table = pd.concat([routes, levelised_costs(problem)], axis=1)
    last = {name: per_t[:, -1] for name, per_t in problem.cost_per_t.items()}
    heat, kwh = routes["heat_gj_per_t"].to_numpy(float), routes["power_kwh_per_t"].to_numpy(float)
    table["heat_per_gj"] = _divide(last["heat"], heat)
    table["power_per_kwh"] = _divide(last["capture_power"], kwh)
    table["fuel_t_per_t"] = problem.fuel_co2_t_per_t[:, -1]
    table["power_t_per_t"] = (problem.capture_power_t_per_t + problem.booster_power_t_per_t)[:, -1]
    return table


def _divide(amount: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Quotient; NaN for a divisor of 0."""
    return np.divide(amount, by, out=np.full(len(by), np.nan), where=by > 0)


# Why each plant is selected or not and what would change that, from levelised costs.

REASON_COLUMNS = ["plant", "is_retrofitted", "reason", "change"]


def reasons_of(problem: Problem, retrofits: pd.DataFrame) -> pd.DataFrame:
    """Return REASON_COLUMNS for every plant of a problem and the retrofits of its plan, without solving.

    Retrofitted plants are ranked by their avoidance cost in the plan, at the load of the last period; of a plant whose
    retrofits have ended by then, the cost at full load and the year of the end are given. Plants in and out of the plan
    are compared by their best options at full load with own pipes, which a shared pipe may undercut. A plant whose
    cheapest retrofit exceeds the budget has that reason first. `change` compares costs per tonne or capital only; other
    changes need a new solve (`ccs-model explain`).
    """
    plants, money = problem.plants, problem.money
    costs, ended = _costs(retrofits), _ended_retrofit_costs(retrofits)
    best = best_options(problem)
    alone = best.set_index("plant")["avoidance_cost_per_t"] if len(best) else pd.Series(dtype=float)
    rank = costs.rank(method="first")
    # Plants with an option that avoids CO₂, before transport.
    may_avoid = (problem.avoided_t_per_t[:, -1] > 0) & problem.captures
    avoiding = set(problem.routes["plant"][may_avoid]) if len(best) else set()
    # Only the owners' NPV counts the carbon price.
    unpaid = set(sectors_without_rule(problem)) if problem.objective == "max_npv" else set()
    highest = float(alone[alone.index.isin(costs.index)].max())
    others = alone[~alone.index.isin(costs.index)].rename(plants.set_index("plant")["name"]).sort_values(kind="stable")
    unaffordable = _capital_beyond_budget(problem)
    rows, committed = [], problem.committed_plants & set(costs.index)
    for row in plants.itertuples(index=False):
        if row.plant in ended.index:
            cost, year = ended.loc[row.plant, ["cost_per_t", "end_year"]]
            reason = f"in: {cost:,.0f} {money} per t avoided at full load, works until {year:.0f}"
            change = "not compared: it avoids nothing in the last period"
        elif row.plant in costs.index and np.isnan(costs[row.plant]):
            reason = "in: it avoids no CO2 in the last period"
            change = "not compared: it avoids nothing in the last period"
        elif row.plant in committed:
            reason = f"in: committed, {costs[row.plant]:,.0f} {money} per t avoided"
            change = "not compared: plants.committed names a retrofit of it"
        elif row.plant in costs.index:
            place = _place_text(int(rank[row.plant]), int(rank.count()), len(costs))
            reason = f"in: {costs[row.plant]:,.0f} {money} per t avoided, {place}"
            change = _compare_with_others(float(alone.get(row.plant, np.nan)), others, money)
        elif row.reason:
            reason, change = f"out: {row.reason}", "not compared: the plant is not eligible in this scenario"
        elif row.plant not in alone.index and row.plant in avoiding:
            reason = "out: no site is within reach of an own pipeline, so that its cost alone is not known"
            change = "ccs-model explain finds what would let it enter"
        elif row.plant not in alone.index:
            reason = "out: no option with its own pipe avoids CO2"
            change = "other technologies, or heat and power with lower emissions"
        elif row.sector in unpaid:
            reason = (
                f"out: its sector has no rule in {problem.scenario.policy.market} (policy.market) and earns nothing "
                f"from the carbon price; {_own_pipe_text(float(alone[row.plant]), money)}"
            )
            change = "policy.market: null, or a rule of its sector in policy/ets"
        else:
            reason, change = _explain_exclusion(float(alone[row.plant]), highest, len(costs), money)
            if row.plant in unaffordable.index:
                capital, own_cost = unaffordable[row.plant], _own_pipe_text(float(alone[row.plant]), money)
                reason = f"out: its cheapest retrofit costs {capital:,.0f} million {money}, more than the budget of "
                reason += f"{problem.budget_mn:,.0f} million; {own_cost}"
                change = f"a budget of at least {capital:,.0f} million {money}"
        rows.append((row.plant, row.plant in costs.index, reason, change))
    return pd.DataFrame(rows, columns=REASON_COLUMNS)


def _costs(retrofits: pd.DataFrame) -> pd.Series:
    """Money per t avoided of each retrofitted plant in the last period, ascending; NaN if it avoids nothing then."""
    if retrofits.empty:
        return pd.Series(dtype=float)
    sums = retrofits.groupby("plant")[["cost_mn_pa", "avoided_ktpa"]].sum()
    return (sums["cost_mn_pa"] * 1000.0 / sums["avoided_ktpa"].where(sums["avoided_ktpa"] > 0)).sort_values(
        kind="stable"
    )


def _ended_retrofit_costs(retrofits: pd.DataFrame) -> pd.DataFrame:
    """Money per t avoided at full load, and the year of the end, of each plant whose retrofits have all ended."""
    if "end_year" not in retrofits:
        return pd.DataFrame()
    own = retrofits[(retrofits.groupby("plant")["operating_share"].transform("max") == 0)].groupby("plant")
    cost, avoided = own["cost_at_full_load_mn_pa"].sum(), own["avoided_at_full_load_ktpa"].sum()
    found = pd.DataFrame({"cost_per_t": cost * 1000.0 / avoided, "end_year": own["end_year"].max().astype(float)})
    return found[avoided > 0]


def _own_pipe_text(cost_per_t: float, money: str) -> str:
    return f"{cost_per_t:,.0f} {money} per t avoided at full load with its own pipe"


def _place_text(place: int, n_with_cost: int, n: int) -> str:
    """The place of a retrofitted plant among the `n` of the plan by cost."""
    if n == 1:
        return "the only retrofitted plant"
    if place == n_with_cost > 1:
        return f"the highest of {n} retrofitted plants"
    return f"the {'' if place == 1 else f'{_ordinal(place)} '}lowest of {n} retrofitted plants"


def _capital_beyond_budget(problem: Problem) -> pd.Series:
    """Least capital of a retrofit by plant, million, where it exceeds the budget; parts and grants may need less."""
    has_grants = (problem.accounts.funds["kind"] == "grant").any()
    if problem.is_static or not problem.is_integer or has_grants or not np.isfinite(problem.budget_mn):
        return pd.Series(dtype=float)
    least = problem.routes.groupby("plant")["capex_mn"].min()
    return least[least.round() > round(problem.budget_mn)]


def _explain_exclusion(cost_per_t: float, highest: float, n_retrofitted: int, money: str) -> tuple[str, str]:
    """Reason and change of a plant that is not retrofitted.

    Both costs are at full load with own pipes; `highest` is that of the retrofitted plants, NaN if none of them has a
    site within reach.
    """
    reason = f"out: {_own_pipe_text(cost_per_t, money)}"
    if not n_retrofitted:
        return f"{reason}; nothing is built", "any change that allows a retrofit to be built"
    if np.isnan(highest):
        return reason, "not compared: no retrofitted plant has a site within reach of an own pipeline"
    if cost_per_t > highest:
        change = f"a cost lower by {cost_per_t - highest:,.0f} {money} per t equals the highest of a retrofitted plant"
        return f"{reason}, above the highest cost of a retrofitted plant on this basis ({highest:,.0f})", change
    within = f"within the costs of retrofitted plants on this basis (up to {highest:,.0f})"
    return (
        f"{reason}, {within}: cost alone does not exclude it",
        "another constraint than cost per tonne; ccs-model explain finds it",
    )


def _compare_with_others(cost_per_t: float, others: pd.Series, money: str) -> str:
    """Compare with the lowest cost in `others`, those of the plants that are not retrofitted by name, on one basis."""
    if not len(others):
        return "no other plant could replace it"
    if np.isnan(cost_per_t):
        return "not compared: no site is within reach of an own pipeline"
    plant, lowest = str(others.index[0]), float(others.iloc[0])
    if lowest > cost_per_t:
        more = f"at full load with own pipes, a cost higher by {lowest - cost_per_t:,.0f} {money} per t"
        return f"{more} equals that of {plant}, the lowest of the other plants ({lowest:,.0f})"
    return (
        f"another constraint than cost per tonne: at full load with its own pipe, {plant} has a lower cost "
        f"({lowest:,.0f} against {cost_per_t:,.0f}) and is not retrofitted"
    )


def _ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
