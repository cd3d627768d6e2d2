"""Checks of a plan without the solver; each gives a figure and a tolerance."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum

import numpy as np
import pandas as pd

from ccs_model.economics.policy import accounts_by_stakeholder
from ccs_model.engineering.capture_units import covered_rows
from ccs_model.mip.matrix import Residuals
from ccs_model.model.names import ABOVE_FORWARD, ABOVE_INJECTED, ABOVE_REVERSE, FORWARD, INJECTED, REVERSE, SPEND
from ccs_model.model.objective import net_benefit_terms
from ccs_model.model.terms import breakdown, capex_mn
from ccs_model.plan.cost_sharing import injected_ktpa
from ccs_model.plan.decisions import Point
from ccs_model.plan.money import province_spending
from ccs_model.plan.owners import Owners

# The only check that a plan may fail: a limit was reached before the gap.
GAP_CHECK = "the gap is within the requested gap"


def checks_table(
    point: Point,
    residuals: Residuals,
    objective: float,
    terms: Mapping[str, float],
    costs: Mapping[str, float],
    emissions: pd.DataFrame,
    cashflow: pd.DataFrame,
    targets: pd.DataFrame,
    storage: pd.DataFrame,
    flows: pd.DataFrame,
    gap_share: float,
    requested_gap: float,
) -> pd.DataFrame:
    """Return name, holds, actual, expected, figure (distance, relative for large values) and tolerance."""
    problem = point.problem
    captured = point.captured_ktpa
    spent_mn = sum(float((each @ point.decided[name]).sum()) for name, each in capex_mn(problem).items())
    if len(problem.accounts.allocations):
        spent_mn -= float((point.decided[SPEND] * problem.accounts.is_grant).sum())
    if problem.is_static:
        spent_mn = fsum(costs.values()) - costs.get("shortfall_mn", 0.0)
    by_site = _site_injection(point)
    # A part of an own retrofit has that part of its wells, which may be fewer than its site's.
    wells = "injection_max_ktpa" if problem.network is None else "wells_ktpa"
    covered, co2 = _covered_streams(point), problem.streams.set_index(["plant", "stream"])["co2_ktpa"]
    stream_of = [covered["plant"], covered["stream"]]
    per_stream = pd.DataFrame(point.build[covered["row"]]).groupby(stream_of).sum().sum(axis=1)
    taken = pd.DataFrame(captured[covered["row"]] * covered[["part"]].to_numpy()).groupby(stream_of).sum().max(axis=1)
    too_much = (taken - co2.reindex(taken.index)).max() if len(taken) else 0.0
    missed = targets["required_kt"] - targets["reached_kt"] - targets["shortfall_kt"]
    missed_share = float((missed / targets["required_kt"].clip(lower=1.0)).max()) if len(targets) else 0.0
    discounted = float(cashflow["discounted_mn"].sum())
    last = emissions[emissions["year"] == emissions["year"].max()]
    # Reduced tonnes are avoided too.
    reduced = float(last["reduced_ktpa"].sum()) if "reduced_ktpa" in last else 0.0
    baseline = float(problem.streams["co2_ktpa"].sum())
    # (name, actual, expected, tolerance): equal, or a one-sided excess where expected is 0
    rows = [
        ("every constraint holds", residuals.row, 0.0, 1e-6),
        ("every variable is within its bounds", residuals.bound, 0.0, 1e-6),
        ("integer decisions are integer", residuals.integrality, 0.0, 1e-6),
        ("the terms sum to the objective", fsum(terms.values()), objective, 1e-9),
        ("cost terms equal the discounted cash flow", discounted, fsum(costs.values()), 1e-9),
        ("spending beyond the budget", max(spent_mn - problem.budget_mn, 0.0), 0.0, _tolerance(problem.budget_mn)),
        ("CO2 captured equals CO2 stored, last period", float(by_site.iloc[:, -1].sum()) if len(by_site) else 0.0,
         float(last["captured_ktpa"].sum()), 1e-9 if problem.network is None else 1e-6),
        ("peak injection beyond the rate of the wells",
         *_largest_excess(storage["peak_injected_ktpa"], storage[wells])),
        ("peak flow beyond the pipelines",
         *_largest_excess(flows["peak_flow_ktpa"], flows["capacity_ktpa"] * problem.delivered_share)),
        ("more than one retrofit per stream", max(float(per_stream.max()) - 1.0, 0.0) if len(per_stream) else 0.0,
         0.0, 1e-6),
        ("more captured than a stream contains", max(float(too_much), 0.0), 0.0, _tolerance(float(co2.max()))),
        ("streams sum to the baseline", float(problem.plants["baseline_ktpa"].sum()), baseline, 1e-9),
        ("captured = avoided + fuel CO2 + power CO2", float(last["captured_ktpa"].sum()) + reduced,
         float(last[["avoided_ktpa", "fuel_co2_ktpa", "power_co2_ktpa"]].sum().sum()), 1e-9),
        ("shortfall of a target beyond the priced shortfall", max(missed_share, 0.0), 0.0, 1e-6),
        ("CO2 imbalance at a node", _largest_imbalance(point), 0.0, 1e-6),
        *(
            (f"spending in {province} within its budget", spent, min(spent, problem.province_budget_mn[province]), 1e-6)
            for province, spent in province_spending(point).items()
        ),
        (GAP_CHECK, max(gap_share - requested_gap, 0.0), 0.0, 1e-6),
    ]  # fmt: skip
    if problem.network is None:
        rows = [row for row in rows if row[0] != "CO2 imbalance at a node"]
    return _judge_rows(rows)


def accounts_checks(point: Point, owners: Owners, items: pd.DataFrame) -> pd.DataFrame:
    """Return checks of the owners' and the social account: cash flow against the model's coefficients."""
    problem = point.problem
    by_flow, by_model = owners.npv_mn, owners.npv_of_model_mn
    difference = np.abs(by_flow - by_model) / np.maximum(np.abs(by_model), 1.0)
    social = fsum(breakdown(net_benefit_terms(problem), point.values, {}).values())
    society = accounts_by_stakeholder(items).set_index("stakeholder")["npv_mn"]
    direct = owners.on_site_abatement_kt[:, :-1].sum()
    cut = point.on_site_abatement_ktpa.sum(axis=0) @ problem.periods["n_years"]
    beyond = owners.funded_mn - owners.capex_mn
    rows = [
        ("owners' NPV: cash flow equals the model, worst plant", float(difference.max(initial=0.0)), 0.0, 1e-9),
        ("owners' NPV: the plants sum to the model", float(by_flow.sum()), float(by_model.sum()), 1e-9),
        ("social account: transfers cancel", float(society["society"]), social, 1e-9),
        ("grants and loans beyond a plant's capex", max(float(beyond.max(initial=0.0)), 0.0), 0.0,
         _tolerance(float(owners.capex_mn.max(initial=0.0)))),
        ("owners' on-site abatement equals the plan's", float(direct), float(cut), 1e-9),
    ]  # fmt: skip
    return _judge_rows(rows)


def _tolerance(limit: float) -> float:
    """Tolerance of an excess over a limit: a millionth of it, as for the rows of the model."""
    return 1e-6 * max(limit, 1.0) if np.isfinite(limit) else 1e-6


def _judge_rows(rows: list[tuple[str, float, float, float]]) -> pd.DataFrame:
    """Figure of each row, and whether it is within tolerance."""
    table = pd.DataFrame(rows, columns=["name", "actual", "expected", "tolerance"])
    size = np.maximum(table["expected"].abs(), 1.0)
    table["figure"] = (table["actual"] - table["expected"]).abs() / size
    table["holds"] = table["figure"] <= table["tolerance"]
    return table[["name", "holds", "actual", "expected", "figure", "tolerance"]]


def _covered_streams(point: Point) -> pd.DataFrame:
    """One row an option and covered stream, with the stream's part of the option's CO₂."""
    streams = point.problem.streams
    offered = streams.assign(ktpa=streams["co2_ktpa"] * streams["lasting_share"])[["plant", "stream", "ktpa"]]
    covered = covered_rows(point.problem.routes).merge(offered, on=["plant", "stream"], how="left")
    return covered.assign(part=(covered["ktpa"] / covered.groupby("row")["ktpa"].transform("sum")).fillna(1.0))


def _site_injection(point: Point) -> pd.DataFrame:
    """Mean injection into each site and year."""
    problem = point.problem
    if problem.stores is None:
        return pd.DataFrame(point.captured_ktpa).groupby(problem.routes["site"].to_numpy()).sum()
    return pd.DataFrame(point.decided[INJECTED]).groupby(problem.stores["site"].to_numpy()).sum()


def _largest_imbalance(point: Point) -> float:
    """Largest imbalance of a node in any year, of mean or peak flows, as a share of total capture."""
    problem = point.problem
    network = problem.network
    if network is None or problem.stores is None:
        return 0.0
    decided, nodes = point.decided, pd.Index(network.nodes["node"])
    home = nodes.get_indexer(problem.routes["plant"].map(network.node_of_plant))
    ends = [nodes.get_indexer(network.links[end]) for end in ("node_a", "node_b")]
    site_at = nodes.get_indexer(problem.sites["site"])
    net, injected = decided[FORWARD] - decided[REVERSE], injected_ktpa(point)
    above_mean = decided[ABOVE_FORWARD] - decided[ABOVE_REVERSE]
    worst = 0.0
    for captured, flow, into in (
        (point.captured_ktpa, net, injected),
        (point.peak_captured_ktpa, net + above_mean, injected + decided[ABOVE_INJECTED]),
    ):
        balance = np.zeros((len(nodes), len(problem.years)))
        np.add.at(balance, home, captured)
        for end, sign in zip(ends, (-1.0, 1.0), strict=True):
            np.add.at(balance, end, sign * flow)
        np.add.at(balance, site_at[site_at >= 0], -into[site_at >= 0])
        total = max(float(captured.sum(axis=0).max(initial=0.0)), 1.0)
        worst = max(worst, float(np.abs(balance).max(initial=0.0)) / total)
    return worst


def _largest_excess(peak: pd.Series, capacity: pd.Series) -> tuple[float, float, float]:
    """Largest excess of a peak flow over its capacity, 0, and the tolerance."""
    excess = float((peak - capacity).max()) if len(peak) else 0.0
    return max(excess, 0.0), 0.0, _tolerance(float(peak.max()) if len(peak) else 0.0)
