"""Where the columns of a shared network stand, so that a plan can be bettered region by region."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.problem import Problem
from ccs_model.solver import Matrix
from ccs_model.solver.neighbourhoods import Places

_KM_A_DEGREE = 111.2


def places_of(problem: Problem, matrix: Matrix) -> Places:
    """Links at their middle, then sites, as families are numbered; retrofits at their plant, wells at their site.

    On a plane that is true at the middle latitude: only what is near is asked of it.
    """
    network = problem.network
    assert network is not None
    nodes = pd.Index(network.nodes["node"])
    degrees = network.nodes[["lat_deg", "lon_deg"]].to_numpy(float)
    narrower = np.cos(np.radians(degrees[:, 0].mean()))
    at_node = _KM_A_DEGREE * degrees * np.array([1.0, narrower])
    links = network.links
    middles = (at_node[nodes.get_indexer(links["node_a"])] + at_node[nodes.get_indexer(links["node_b"])]) / 2
    # A site that no link reaches is near to nothing.
    found = nodes.get_indexer(problem.sites["site"])
    at_site = np.where((found >= 0)[:, None], at_node[found], np.inf)
    plant_of = dict(zip(problem.routes["route"], problem.routes["plant"], strict=True))
    columns, node = [], []
    for j in np.r_[matrix.columns_of("build"), matrix.columns_of("wells")]:
        variable, (name, _) = matrix.columns[j]
        columns.append(int(j))
        node.append(network.node_of_plant[plant_of[name]] if variable == "build" else name)
    return Places(
        families=np.vstack([middles, at_site]),
        columns=np.array(columns, dtype=np.int64),
        at=at_node[nodes.get_indexer(node)] if node else np.zeros((0, 2)),
    )
