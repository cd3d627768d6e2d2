"""What an uncertain input changes: a problem with some of its coefficients multiplied.

Every input has one entry in LEVERS: a function that changes a `Draft` of the problem by a factor. Levers act on what
was posed, so a factor of 1 gives the problem itself, and no lever changes which plants, routes, links and sites there
are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.problem import Problem

Floats = npt.NDArray[np.float64]

_SITE_MONEY = ("site_capex_mn", "site_om_mn_pa", "well_capex_mn", "well_om_mn_pa", "closure_mn", "storage_cost_per_t")
_LINE_MONEY = ("fixed_mn", "slope_mn_per_ktpa", "om_mn_per_ktpa")


class Columns:
    """Columns of a table that change, the table itself only once at the end: a copy a lever would cost more."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self.changed: dict[str, Floats] = {}

    def __getitem__(self, name: str) -> Floats:
        if name not in self.changed:
            return self.table[name].to_numpy(float)
        return self.changed[name]

    def scale(self, names: tuple[str, ...], factor: float | Floats) -> None:
        """Multiply columns, those that are there."""
        for name in names:
            if name in self.table:
                self.changed[name] = self[name] * factor

    def made(self) -> pd.DataFrame:
        """The table with what changed."""
        return self.table.assign(**self.changed) if self.changed else self.table


class Draft:
    """A problem while levers act on it; `problem()` is what they make of it."""

    def __init__(self, problem: Problem) -> None:
        self.planned = problem
        self.routes, self.options, self.sites = map(Columns, (problem.routes, problem.options, problem.sites))
        self.power, self.steam, self.grid = map(
            Columns, (problem.power_per_kwh, problem.steam_per_gj, problem.grid_kg_per_kwh)
        )
        self.stores = None if problem.stores is None else Columns(problem.stores)
        self.lines = None if problem.network is None else Columns(problem.network.lines)
        self.costs = dict(problem.cost_per_t)
        self.credit = self.damage = 1.0
        # Other arrays and numbers of the problem, by name.
        self.others: dict[str, object] = {}

    def scale(self, names: tuple[str, ...], factor: float | Floats) -> None:
        """Multiply arrays of the problem, those that are there."""
        for name in names:
            before = self.others.get(name, getattr(self.planned, name))
            if before is not None:
                self.others[name] = before * factor  # type: ignore[operator]

    def scale_costs(self, names: tuple[str, ...], factor: float | Floats) -> None:
        """Multiply costs per tonne."""
        for name in names:
            self.costs[name] = self.costs[name] * factor

    @property
    def delivered_share(self) -> float:
        """Captured over designed tonnes, as it stands."""
        return float(self.others.get("delivered_share", self.planned.delivered_share))  # type: ignore[arg-type]

    def problem(self) -> Problem:
        """The planned problem with all that changed."""
        planned = self.planned
        if {"capture_capex_mn", "pipe_capex_mn"} & set(self.routes.changed):
            self.routes.changed["capex_mn"] = self.routes["capture_capex_mn"] + self.routes["pipe_capex_mn"]
        accounts, network = planned.accounts, planned.network
        if self.credit != 1.0 or self.damage != 1.0:
            accounts = replace(
                accounts,
                credit_per_t=accounts.credit_per_t * self.credit,
                damage_per_t=accounts.damage_per_t * self.damage,
            )
        if network is not None and self.lines is not None and self.lines.changed:
            network = replace(network, lines=self.lines.made())
        return replace(
            planned,
            routes=self.routes.made(),
            options=self.options.made(),
            sites=self.sites.made(),
            power_per_kwh=self.power.made(),
            steam_per_gj=self.steam.made(),
            grid_kg_per_kwh=self.grid.made(),
            stores=None if self.stores is None else self.stores.made(),
            cost_per_t=self.costs,
            accounts=accounts,
            network=network,
            **self.others,  # type: ignore[arg-type]
        )


Lever = Callable[[Draft, float], None]


def capture_capex(draft: Draft, factor: float, technology: str = "") -> None:
    """Capital of capture units and the fixed O&M that is a share of it; of one technology where told."""
    for table in (draft.routes, draft.options):
        by: float | Floats = factor
        if technology:
            by = np.where((table.table["technology"] == technology).to_numpy(bool), factor, 1.0)
        table.scale(("capture_capex_mn", "capex_per_tpa", "fixed_om_mn_pa"), by)


def capture_om(draft: Draft, factor: float) -> None:
    """Fixed and variable O&M of capture units."""
    for table in (draft.routes, draft.options):
        table.scale(("fixed_om_mn_pa", "variable_om_per_t"), factor)
    draft.scale_costs(("capture_variable_om",), factor)


def power_price(draft: Draft, factor: float) -> None:
    """Price of power for capture and for pumps."""
    draft.power.scale(("power_per_kwh",), factor)
    draft.scale_costs(("capture_power", "pipe_power"), factor)
    draft.scale(("line_power_per_t",), factor)


def heat_price(draft: Draft, factor: float) -> None:
    """Price of steam, whatever it is raised with."""
    draft.steam.scale(("steam_per_gj",), factor)
    draft.scale_costs(("heat",), factor)


def capture_heat(draft: Draft, factor: float) -> None:
    """Heat per tonne captured: its cost, the CO₂ of its fuel and, where power makes it, that power."""
    planned, routes = draft.planned, draft.routes
    kwh = routes["power_kwh_per_t"]
    of_heat = np.nan_to_num(routes["heat_kwh_per_t"])
    power = (1.0 + (factor - 1.0) * np.divide(of_heat, kwh, out=np.zeros_like(kwh), where=kwh > 0))[:, None]
    given = np.nan_to_num(routes["given_co2_t_per_t"])[:, None]
    routes.scale(("heat_gj_per_t", "heat_kwh_per_t"), factor)
    routes.scale(("power_kwh_per_t",), power[:, 0])
    draft.scale_costs(("heat",), factor)
    draft.scale_costs(("capture_power",), power)
    draft.others["fuel_co2_t_per_t"] = given + (planned.fuel_co2_t_per_t - given) * factor
    draft.scale(("capture_power_t_per_t",), power)


def grid_factor(draft: Draft, factor: float) -> None:
    """CO₂ of a kWh, for capture and for pumps."""
    draft.grid.scale(("grid_kg_per_kwh",), factor)
    draft.scale(("capture_power_t_per_t", "booster_power_t_per_t", "line_power_co2_t_per_t"), factor)


def carbon_price(draft: Draft, factor: float) -> None:
    """What a tonne that need not be surrendered is worth."""
    draft.credit *= factor


def social_cost(draft: Draft, factor: float) -> None:
    """Harm of a tonne."""
    draft.damage *= factor


def pipe_cost(draft: Draft, factor: float) -> None:
    """Capital and O&M of pipes, own and shared; trucks keep their rate."""
    draft.routes.scale(("pipe_capex_mn", "pipe_om_mn_pa"), factor)
    network = draft.planned.network
    if network is not None and draft.lines is not None:
        roads = set(network.links.loc[network.links["kind"] == "truck", "link"])
        by_road = network.lines["link"].isin(roads).to_numpy(bool)
        draft.lines.scale(_LINE_MONEY, np.where(by_road, 1.0, factor))


def storage_cost(draft: Draft, factor: float) -> None:
    """Capital and O&M of sites and wells, and the rise of a site's cost as it fills."""
    draft.routes.scale(("storage_cost_per_t",), factor)
    draft.sites.scale(_SITE_MONEY, factor)
    if draft.stores is not None:
        draft.stores.scale(("variable_per_t",), factor)
    draft.scale_costs(("storage",), factor)


def storage_capacity(draft: Draft, place: float) -> None:
    """Capacity of every site at a place of its range: −1 is its low, 0 its mid, 1 its high."""
    sites, before = draft.sites, draft.sites["capacity_kt"]
    low, mid, high = (sites[f"capacity_{case}_kt"] for case in ("low", "mid", "high"))
    end = high if place > 0 else low
    there = mid + abs(place) * np.where(np.isfinite(end), end - mid, 0.0)
    sites.changed["capacity_kt"] = there
    if draft.stores is not None:
        ratio = np.divide(there, before, out=np.ones_like(there), where=(before > 0) & np.isfinite(before))
        of_site = pd.Series(ratio, index=draft.planned.sites["site"])
        draft.stores.scale(("capacity_kt",), of_site.reindex(draft.stores.table["site"]).to_numpy(float))


def delivered_share(draft: Draft, value: float) -> None:
    """Captured over designed tonnes: a value, not a factor."""
    draft.others["delivered_share"] = float(value)


def utilisation(draft: Draft, factor: float) -> None:
    """How much plants feed their units; never more than is designed."""
    draft.others["delivered_share"] = min(draft.delivered_share * factor, 1.0)


# In this order: what plants feed their units stands on what those deliver.
LEVERS: Mapping[str, Lever] = {
    "capture_capex": capture_capex,
    "capture_om": capture_om,
    "power_price": power_price,
    "heat_price": heat_price,
    "capture_heat": capture_heat,
    "grid_factor": grid_factor,
    "carbon_price": carbon_price,
    "social_cost": social_cost,
    "pipe_cost": pipe_cost,
    "storage_cost": storage_cost,
    "storage_capacity": storage_capacity,
    "delivered_share": delivered_share,
    "utilisation": utilisation,
}
# A value of these that changes nothing; of all others 1, and of the delivered share what is planned with.
AS_PLANNED = {"storage_capacity": 0.0}
