"""The ranked list behind the marginal abatement cost curve: what could be done, whatever the budget.

Each stream of a candidate plant stands once, at full size, with the route that avoids a tonne for the least; the list
runs from cheap to dear. It is not the optimum: it takes each stream for itself, so it knows nothing of the budget they
share, of the limits of sites that several of them would fill, nor of when a retrofit may start. The optimiser's plan
does, which is why a plan may pass over a cheap stream, or fit one with another technology than stands here.
"""

from __future__ import annotations

from functools import lru_cache

import pandas as pd

from ccs_model.engineering.absorbers import covered_rows, is_shared
from ccs_model.errors import InputError
from ccs_model.plan.levelised import levelised_costs
from ccs_model.problem import Problem, pose

COLUMNS = [
    "plant", "name", "province", "sector", "stream", "technology", "site", "avoided_ktpa", "cumulative_avoided_ktpa",
    "avoidance_cost_per_t", "capture_cost_per_t", "capex_mn", "cumulative_capex_mn", "in_plan",
]  # fmt: skip


def macc_table(problem: Problem, retrofits: pd.DataFrame) -> pd.DataFrame:
    """One row a stream, cheapest first, with running sums; `in_plan` says whether `retrofits` hold that stream.

    Costs are levelised at full load and the last year's prices. A stream that no route can serve, or whose capture
    causes more CO2 than it avoids, is left out. It is empty where own pipes would draw power that no table prices.
    """
    if problem.network is not None:
        try:
            problem = alone(problem)
        except InputError:
            return pd.DataFrame(columns=COLUMNS)
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
            "stream": routes["stream"],
            "technology": routes["technology"],
            "site": routes["site"],
            "avoided_ktpa": costs["avoided_at_full_load_ktpa"],
            "avoidance_cost_per_t": costs["avoidance_cost_per_t"],
            "capture_cost_per_t": costs["capture_cost_per_t"],
            "capex_mn": routes["capex_mn"],
            "in_plan": [pair in built for pair in zip(routes["plant"], routes["stream"], strict=True)],
        }
    )
    is_full_size = routes["stream_share"] == 1.0
    ever_works = problem.running_share.any(axis=(1, 2))
    # Units that streams share are no stream of their own, and a measure is no capture: each stream stands for itself.
    could_be = every[
        is_full_size
        & ever_works
        & ~is_shared(every["stream"])
        & (routes["measure"] == "")
        & plants["is_candidate"]
        & every["avoidance_cost_per_t"].notna()
    ]
    # Routes are sorted by id, so that equal costs keep one order whatever the order of rows in the inputs.
    ranked = could_be.sort_values("avoidance_cost_per_t", kind="stable").drop_duplicates(["plant", "stream"])
    ranked = ranked.reset_index(drop=True)
    ranked.insert(8, "cumulative_avoided_ktpa", ranked["avoided_ktpa"].cumsum())
    ranked.insert(12, "cumulative_capex_mn", ranked["capex_mn"].cumsum())
    return ranked


@lru_cache(maxsize=1)
def alone(problem: Problem) -> Problem:
    """The same plants, each stream for itself, with a pipe of its own to one of its nearest sites.

    Kept for the last problem asked about: posing takes longer than any list made from it.

    What must be reached or fitted is left out: own pipes may not reach it, and no list depends on it. Raises InputError
    where own pipes would draw power that no table prices.
    """
    changes = {
        "transport.shared_trunklines": False,
        "plants.must_fit": (),
        "targets": {},
        "aim": "most_abatement",
        "budget": {"total_mn": 0},
    }
    return pose(problem.scenario.with_changes(changes), problem.inputs)
