"""Sites that a scenario names one by one and that no plant can reach: told before anything is solved."""

from __future__ import annotations

import pandas as pd

from ccs_model.engineering.transport import great_circle_km
from ccs_model.errors import Fault, InputError
from ccs_model.inputs import Inputs
from ccs_model.problem.names import place_of
from ccs_model.problem.network import Network
from ccs_model.scenario import Scenario


def refuse_sites_out_of_reach(
    scenario: Scenario, inputs: Inputs, network: Network, plants: pd.DataFrame, sites: pd.DataFrame
) -> None:
    """Of a basin some sites may lie too far; whoever names a site means that one. `plants` are those to be served."""
    if plants.empty:
        return
    reached = network.sites_with_a_plant()
    at, basins = sites.set_index("site"), set(sites["basin"])
    faults = []
    for i, site in enumerate(scenario.storage.sites):
        if site in basins or site not in at.index or site in reached:
            continue
        far = great_circle_km(
            at.at[site, "lat_deg"],
            at.at[site, "lon_deg"],
            plants["lat_deg"].to_numpy(float),
            plants["lon_deg"].to_numpy(float),
        )
        if site in network.node_of_site:
            why, hint = "no candidate link leads to it", "add links to transport/links, see docs/network.md"
        else:
            why = f"site_reach_km is {inputs.limit('site_reach_km'):g}"
            hint = "leave it out, or raise site_reach_km in transport/limits"
        nearest = f"nearest plant is {plants['plant'].iloc[int(far.argmin())]}, {far.min():,.0f} km away"
        what = f"storage.sites: site '{site}' cannot be reached: {nearest}, {why}"
        faults.append(Fault(place_of(scenario, f"storage.sites[{i}]"), what, hint))
    if faults:
        raise InputError(faults)
