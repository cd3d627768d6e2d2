"""Variance of the avoidance cost between plants, attributed to factors (Shapley values).

Each plant has its best option with its own pipe. The levelised cost is recomputed with some factors at each plant's
value and the others at their mean over plants; a factor's part is its mean contribution to the variance over all orders
of factors (Shapley). The parts sum to the variance. A part is negative if the factor offsets another one, such as large
plants that are far away.

    cost = ((capital + fixed O&M + pipe) ÷ φ + consumables + heat × price + (power + pumps) × price + storage)
           ÷ (1 − CO₂ of fuel − (power + pumps) × grid factor)                                    per t avoided

with φ the delivered share, the same for all plants.

References
----------
Owen (2014). Sobol' indices and Shapley value. SIAM/ASA Journal on Uncertainty Quantification 2(1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.economics.capital_cost import small_train_factor
from ccs_model.engineering.capture_units import n_trains
from ccs_model.engineering.streams import product_output_ktpa
from ccs_model.plan.merit_order import best_options
from ccs_model.problem import Problem
from ccs_model.problem.pipe_costs import PipeCosts, pipe_costs_of

COLUMNS = ["factor", "variance", "variance_share"]

# Parameters of an option by factor.
FACTORS: Mapping[str, tuple[str, ...]] = {
    "scale": ("output_ktpa",),
    "feedstock and urea": ("designed_t_per_t",),
    "age and closing": ("lasting_share",),
    "concentration and grade": (
        "reference_capex_per_tpa", "concentration_factor", "fixed_om_share", "variable_om_per_t", "heat_gj_per_t",
        "fuel_t_per_heat", "power_kwh_per_t", "smallest_train_ktpa", "largest_train_ktpa", "scale_exponent",
        "charge_share", "pipe_recovery_share", "delivered_share",
    ),
    "energy price and grid": ("heat_per_gj", "power_per_kwh", "grid_kg_per_kwh"),
    "distance": ("length_km", "cost_factor"),
    "storage": ("injection_cost_per_t", "storage_mn_pa"),
}  # fmt: skip


def spread_of_avoidance_cost(problem: Problem, sector: str | None = None) -> pd.DataFrame:
    """Attribute the variance of the avoidance cost over candidate plants, or those of one sector, to factors.

    Returns
    -------
    pd.DataFrame
        One row a factor and one for `all`: variance in (money per t)², unweighted, and share of the total. Empty for
        fewer than two plants.
    """
    options = best_options(problem)
    if len(options) and sector is not None:
        options = options[options["sector"] == sector].reset_index(drop=True)
    if len(options) < 2:
        return pd.DataFrame(columns=COLUMNS)
    formula = Formula.of(problem, options)
    parts = shares_of_variance(formula)
    total = float(np.var(formula.cost_per_t(set(FACTORS))))
    rows = [(name, part, part / total if total > 0 else np.nan) for name, part in parts.items()]
    return pd.DataFrame([*rows, ("all", total, 1.0 if total > 0 else np.nan)], columns=COLUMNS)


@dataclass(frozen=True, eq=False)
class Formula:
    """The levelised cost of all plants: `numbers` [plant] by name, and `pipes` in the problem's currency."""

    numbers: Mapping[str, Floats]
    pipes: PipeCosts

    @classmethod
    def of(cls, problem: Problem, options: pd.DataFrame) -> Formula:
        """From the best options of the plants."""
        technologies = problem.inputs["technologies/technologies"].set_index("technology")
        known = technologies.reindex(options["technology"])
        plants = problem.plants.set_index("plant", drop=False).loc[options["plant"]]
        known_output = product_output_ktpa(plants, problem.inputs).to_numpy(float)
        lasting = options["lasting_share"].to_numpy(float)
        nameplate = options["nameplate_ktpa"].to_numpy(float)
        # Without a known product, the captured CO2 measures the size of a plant.
        output = np.where(np.isfinite(known_output) & (known_output > 0), known_output, nameplate / lasting)
        kwh = (options["power_kwh_per_t"] + options["booster_kwh_per_t"]).to_numpy(float)
        heat = options["heat_gj_per_t"].to_numpy(float)
        numbers = {
            **{name: options[name].to_numpy(float) for name in (
                "reference_capex_per_tpa", "concentration_factor", "variable_om_per_t", "heat_gj_per_t",
                "power_kwh_per_t", "length_km", "cost_factor", "injection_cost_per_t", "lasting_share",
            )},
            "output_ktpa": output,
            "designed_t_per_t": nameplate / lasting / output,
            "fixed_om_share": options["fixed_om_mn_pa"].to_numpy(float) / options["capture_capex_mn"].to_numpy(float),
            "fuel_t_per_heat": np.divide(
                options["fuel_t_per_t"].to_numpy(float), heat, out=np.zeros(len(heat)), where=heat > 0
            ),
            "heat_per_gj": _filled(options["heat_per_gj"]),
            "power_per_kwh": _filled(options["power_per_kwh"]),
            "grid_kg_per_kwh": options["power_t_per_t"].to_numpy(float) * 1000.0 / np.where(kwh > 0, kwh, np.nan),
            "smallest_train_ktpa": _filled(known["smallest_train_ktpa"]),
            "largest_train_ktpa": _filled(known["largest_train_ktpa"]),
            "scale_exponent": _filled(known["scale_exponent"]),
            "charge_share": problem.capture_charge(options),
            "pipe_recovery_share": problem.recovery(options["pipe_life_yr"]),
            "delivered_share": problem.delivered_share * options["relative_delivery"].to_numpy(float),
            "storage_mn_pa": (options["storage_capital_mn_pa"] + options["storage_om_mn_pa"]).to_numpy(float),
        }  # fmt: skip
        pipes = pipe_costs_of(problem.scenario, problem.inputs, problem.price_level)
        return cls(numbers, pipes)

    def cost_per_t(self, own: set[str]) -> Floats:
        """[plant] cost per t avoided with the factors `own` at each plant's value and the others at their mean."""
        n = {
            name: self.numbers[name] if factor in own else np.full_like(self.numbers[name], self.numbers[name].mean())
            for factor, names in FACTORS.items()
            for name in names
        }
        tonnes = n["output_ktpa"] * n["designed_t_per_t"] * n["lasting_share"]
        train = tonnes / n_trains(tonnes, n["largest_train_ktpa"])
        small = small_train_factor(train, n["smallest_train_ktpa"], n["scale_exponent"])
        capex = n["reference_capex_per_tpa"] * n["concentration_factor"] * small
        built = self.pipes.own(tonnes, n["length_km"], n["cost_factor"])
        pipe_mn = built["capex_mn"].to_numpy(float) * n["pipe_recovery_share"] + built["om_mn_pa"].to_numpy(float)
        pipe, pumps = pipe_mn * 1000.0 / tonnes, built["kwh_per_t"].to_numpy(float)
        heat = n["heat_gj_per_t"] * n["heat_per_gj"]
        power = (n["power_kwh_per_t"] + pumps) * n["power_per_kwh"]
        storage = n["storage_mn_pa"] * 1000.0 / tonnes
        designed = capex * (n["charge_share"] + n["fixed_om_share"]) + pipe + storage
        yearly = designed / n["delivered_share"] + n["variable_om_per_t"] + heat + power
        burnt = n["heat_gj_per_t"] * n["fuel_t_per_heat"]
        avoided = 1.0 - burnt - (n["power_kwh_per_t"] + pumps) * n["grid_kg_per_kwh"] / 1000.0
        cost: Floats = (yearly + n["injection_cost_per_t"]) / avoided
        return cost


def shares_of_variance(formula: Formula) -> dict[str, float]:
    """Shapley value of each factor for the variance; the values sum to the variance."""
    names = list(FACTORS)
    found = {
        frozenset(chosen): float(np.var(formula.cost_per_t(set(chosen))))
        for size in range(len(names) + 1)
        for chosen in combinations(names, size)
    }
    n = len(names)
    parts = {}
    for name in names:
        parts[name] = sum(
            factorial(len(before)) * factorial(n - len(before) - 1) / factorial(n)
            * (found[before | {name}] - found[before])
            for before in found
            if name not in before
        )  # fmt: skip
    return parts


def _filled(values: pd.Series) -> Floats:
    """Values with gaps filled by their mean; 1 if none is known."""
    numbers = values.astype(float)
    mean = float(numbers.mean())
    return numbers.fillna(mean if np.isfinite(mean) else 1.0).to_numpy(float)
