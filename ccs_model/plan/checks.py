"""Checks of a plan made without the solver: each gives a figure that must lie within its tolerance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ccs_model.model.terms import capex_mn
from ccs_model.plan.decisions import Point
from ccs_model.solver.residuals import Residuals


def checks_table(
    point: Point,
    residuals: Residuals,
    objective: float,
    terms: Mapping[str, float],
    costs: Mapping[str, float],
    emissions: pd.DataFrame,
    cashflow: pd.DataFrame,
    targets: pd.DataFrame,
    gap_share: float,
    gap_asked: float,
) -> pd.DataFrame:
    """name, holds, actual, expected, figure (their distance, relative where both are large) and tolerance."""
    problem = point.problem
    routes = problem.routes
    captured = point.captured_ktpa
    spent = sum(float((each @ point.decided[name]).sum()) for name, each in capex_mn(problem).items())
    if problem.is_static:
        spent = sum(costs.values()) - costs.get("shortfall_mn", 0.0)
    by_site = _into_sites(point)
    most = problem.sites.set_index("site")["injection_max_ktpa"] * problem.delivered_share
    injection = (by_site.sub(most.reindex(by_site.index), axis=0)).max().max() if len(by_site) else 0.0
    stream_of = routes["plant"] + "/" + routes["stream"]
    per_stream = pd.DataFrame(point.build).groupby(stream_of).sum().sum(axis=1)
    co2 = problem.streams.assign(key=problem.streams["plant"] + "/" + problem.streams["stream"]).set_index("key")
    taken = pd.DataFrame(captured).groupby(stream_of).sum().max(axis=1)
    too_much = (taken - co2["co2_ktpa"].reindex(taken.index)).max() if len(taken) else 0.0
    missed = targets["required_kt"] - targets["reached_kt"] - targets["shortfall_kt"]
    missed_share = float((missed / targets["required_kt"].clip(lower=1.0)).max()) if len(targets) else 0.0
    discounted = float(cashflow["discounted_mn"].sum())
    last = emissions[emissions["year"] == emissions["year"].max()]
    baseline = float(problem.streams["co2_ktpa"].sum())
    # (name, actual, expected, tolerance): equal, or a one-sided excess where expected is 0
    rows = [
        ("every row of the program holds", residuals.row, 0.0, 1e-6),
        ("every variable lies within its bounds", residuals.bound, 0.0, 1e-6),
        ("whole decisions are whole", residuals.wholeness, 0.0, 1e-6),
        ("the terms sum to the objective", sum(terms.values()), objective, 1e-9),
        ("cost terms equal the discounted cash flow", discounted, sum(costs.values()), 1e-9),
        ("spending beyond the budget", max(spent - problem.budget_mn, 0.0), 0.0, 1e-6),
        ("CO2 captured equals CO2 stored, last period", float(by_site.iloc[:, -1].sum()) if len(by_site) else 0.0,
         float(last["captured_ktpa"].sum()), 1e-9 if problem.network is None else 1e-6),
        ("injection beyond the wells", max(float(injection), 0.0), 0.0, 1e-6),
        ("more than one retrofit on a stream", max(float(per_stream.max()) - 1.0, 0.0) if len(per_stream) else 0.0,
         0.0, 1e-6),
        ("more captured than a stream carries", max(float(too_much), 0.0), 0.0, 1e-6),
        ("streams sum to the baseline", float(problem.plants["baseline_ktpa"].sum()), baseline, 1e-9),
        ("captured = avoided + fuel CO2 + power CO2", float(last["captured_ktpa"].sum()),
         float(last[["avoided_ktpa", "fuel_co2_ktpa", "power_co2_ktpa"]].sum().sum()), 1e-9),
        ("missed of a target beyond its shortfall", max(missed_share, 0.0), 0.0, 1e-6),
        ("CO2 lost or made at a node", _unbalanced(point), 0.0, 1e-6),
        ("the gap is no wider than asked for", max(gap_share - gap_asked, 0.0), 0.0, 1e-6),
    ]  # fmt: skip
    if problem.network is None:
        rows = [row for row in rows if row[0] != "CO2 lost or made at a node"]
    table = pd.DataFrame(rows, columns=["name", "actual", "expected", "tolerance"])
    size = np.maximum(table["expected"].abs(), 1.0)
    table["figure"] = (table["actual"] - table["expected"]).abs() / size
    table["holds"] = table["figure"] <= table["tolerance"]
    return table[["name", "holds", "actual", "expected", "figure", "tolerance"]]


def _into_sites(point: Point) -> pd.DataFrame:
    """What goes into each site, in each year."""
    problem = point.problem
    if problem.stores is None:
        return pd.DataFrame(point.captured_ktpa).groupby(problem.routes["site"].to_numpy()).sum()
    return pd.DataFrame(point.decided["injected_ktpa"]).groupby(problem.stores["site"].to_numpy()).sum()


def _unbalanced(point: Point) -> float:
    """The largest difference at a node in any year between what comes in and what goes out, share of all captured."""
    problem = point.problem
    network, stores = problem.network, problem.stores
    if network is None or stores is None:
        return 0.0
    nodes = pd.Index(network.nodes["node"])
    balance = np.zeros((len(nodes), len(problem.years)))
    home = nodes.get_indexer(problem.routes["plant"].map(network.node_of_plant))
    np.add.at(balance, home, point.captured_ktpa)
    net = point.decided["forth_ktpa"] - point.decided["back_ktpa"]
    np.add.at(balance, nodes.get_indexer(network.links["node_a"]), -net)
    np.add.at(balance, nodes.get_indexer(network.links["node_b"]), net)
    site_at = nodes.get_indexer(stores["site"])
    np.add.at(balance, site_at[site_at >= 0], -point.decided["injected_ktpa"][site_at >= 0])
    return float(np.abs(balance).max(initial=0.0) / max(point.captured_ktpa.sum(axis=0).max(initial=0.0), 1.0))
