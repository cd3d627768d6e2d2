"""Converts a SimCCS folder to tables and a scenario, for which `optimize` gives the optimum of SimCCS in M$/y.

Every source becomes a row of plants/sources, every sink one of storage/sites, every junction a hub, every edge a link
whose cost by trend is written out in transport/line_costs. A credit that stands as a negative injection cost becomes
what an oil field pays, since revenue is never hidden in a cost.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.linalg import spsolve

from ccs_model._typing import Floats
from ccs_model.errors import Issue
from ccs_model.importers.simccs import SimccsFolder
from ccs_model.units import count_text

# The files state no price year; the scenario and its tables share one, so that nothing is converted.
PRICE_YEAR = 2024
REFERENCE = "SIMCCS"
_MONEY: Mapping[str, Any] = {"currency": "USD", "price_year": PRICE_YEAR}
_DECIMALS = 5
# Injection rate of a free well, for sinks with a total unit cost.
_FREE_WELL_KTPA = 2000.0
_LONGEST_KM = 5000.0  # upper bound of the table; the cost of longer edges is given in full
_OFFSET_DEG = 0.002  # about twice the distance below which plants share a node
_MADE = re.compile(r"data/(?P<table>.+)\.csv:(?P<line>\d+)(?P<column>:\w+)?")
_ROWS_OF = {
    "plants/sources": "sources",
    "storage/sites": "sinks",
    "transport/trends": "trends",
    "transport/links": "edges",
    "transport/line_costs": "edges",
}

Places = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class SimccsCase:
    """Settings of a case: the target (None: whatever has a positive return), and the annualisation of capital."""

    target_mt: float | None
    capital_recovery_share: float
    storage_life_yr: float
    pipe_utilisation_share: float = 1.0
    rounded: bool = False


def simccs_tables(folder: SimccsFolder, case: SimccsCase) -> Mapping[str, pd.DataFrame]:
    """Tables of a `data:` folder by name."""
    node_of, places = _names(folder), _places(folder)
    reference = {
        "reference": REFERENCE,
        "citation": "A folder of SimCCS 2 given by the user",
        "where": "https://github.com/SimCCS/SimCCS",
        "licence": "as its owner states",
        "use": "sources, sinks, candidate network and pipe costs of one case",
    }
    return {
        "plants/sources": _sources(folder, places, case),
        "storage/sites": _sinks(folder, places, case),
        "transport/hubs": _junctions(folder, places, node_of),
        "transport/trends": _trends(folder, case),
        "transport/links": _links(folder, node_of),
        "transport/line_costs": _line_costs(folder, node_of, case),
        "references": pd.DataFrame([reference]),
    }


def simccs_place(folder: SimccsFolder, where: str) -> str:
    """Place in the files of SimCCS for a place in the tables, such as `data/storage/sites.csv:4:capacity_mid_kt`."""
    made = _MADE.fullmatch(where)
    if made is None or made["table"] not in _ROWS_OF:
        return where
    rows = folder.places.get(_ROWS_OF[made["table"]], ())
    # Line costs list the edges for each trend; the first line of every table is its header.
    return f"{rows[(int(made['line']) - 2) % len(rows)]}{made['column'] or ''}" if rows else where


def _names(folder: SimccsFolder) -> dict[str, str]:
    """Node id of each vertex."""
    kinds = {"source": folder.sources, "sink": folder.sinks}
    named: dict[str, str] = {}
    for kind, table in kinds.items():
        for row in table.itertuples():
            named.setdefault(str(row.vertex), f"{kind} {row.id}")
    for row in folder.nodes.itertuples():
        named.setdefault(str(row.vertex), f"junction {row.vertex}")
    return named


def _has_place(table: pd.DataFrame) -> pd.Series:
    """Whether each row has coordinates in the files."""
    return table[["lat_deg", "lon_deg"]].notna().all(axis=1)


def _site_evidence(sites: pd.DataFrame, note: str = "") -> dict[str, Any]:
    """Quality and note of each site; a site without coordinates in the files is at an assumed place."""
    has_place = _has_place(sites)
    without = "; ".join(words for words in (note, "no coordinates in the files: the place has no meaning") if words)
    return {"quality": np.where(has_place, "reported", "assumed"), "note": np.where(has_place, note, without)}


def _table(*, quality: Any = "reported", note: Any = "", **columns: Any) -> pd.DataFrame:
    """The columns with their reference, quality and note."""
    return pd.DataFrame(columns).assign(reference=REFERENCE, quality=quality, note=note)


def _coordinate_columns(places: Places, vertices: Iterable[object]) -> dict[str, Any]:
    """Columns of coordinates."""
    found = [places[str(vertex)] for vertex in vertices]
    return {"lat_deg": [lat for lat, _ in found], "lon_deg": [lon for _, lon in found]}


def _capital(capital_mn: pd.Series, fixed_om_mn_pa: pd.Series, case: SimccsCase) -> pd.Series:
    """Capital whose annuity and fixed O&M equal the yearly cost of both in SimCCS."""
    if not case.rounded:
        return capital_mn
    crf = case.capital_recovery_share
    return ((crf * capital_mn + fixed_om_mn_pa).round(_DECIMALS) - fixed_om_mn_pa).clip(lower=0.0) / crf


def _sources(folder: SimccsFolder, places: Places, case: SimccsCase) -> pd.DataFrame:
    sources = folder.sources
    return _table(
        plant=[f"source {each}" for each in sources["id"]],
        name=sources["source"],
        province="SimCCS",
        grid="",
        **_coordinate_columns(places, sources["vertex"]),
        status="operating",
        co2_ktpa=sources["capturable_ktpa"],
        capture_capex_mn=_capital(sources["capital_mn"], sources["fixed_om_mn_pa"], case),
        fixed_om_mn_pa=sources["fixed_om_mn_pa"],
        capture_cost_per_t=sources["capture_cost_per_t"],
        **_MONEY,
        **_site_evidence(sources),
    )


def _sinks(folder: SimccsFolder, places: Places, case: SimccsCase) -> pd.DataFrame:
    sinks = folder.sinks
    # SimCCS does not limit wells; more than all sources can fill are useless.
    yearly = (sinks["capacity_kt"] / case.storage_life_yr).clip(upper=folder.sources["capturable_ktpa"].sum())
    rate = sinks["well_rate_ktpa"].fillna(_FREE_WELL_KTPA)
    well_capital, well_om = sinks["well_capital_mn"].fillna(0.0), sinks["well_fixed_om_mn_pa"].fillna(0.0)
    cost = sinks["injection_cost_per_t"]
    return _table(
        site=[f"sink {each}" for each in sinks["id"]],
        name=sinks["sink"],
        basin="SimCCS",
        province="SimCCS",
        **_coordinate_columns(places, sinks["vertex"]),
        kind="saline",
        **{f"capacity_{level}_kt": sinks["capacity_kt"] for level in ("low", "mid", "high")},
        well_injectivity_ktpa=rate,
        n_wells_max=[math.ceil(most / each - 1e-9) for most, each in zip(yearly, rate, strict=True)],
        injection_cost_per_t=cost.clip(lower=0.0),
        site_capex_mn=_capital(sinks["capital_mn"], sinks["fixed_om_mn_pa"], case),
        site_om_mn_pa=sinks["fixed_om_mn_pa"],
        well_capex_mn=_capital(well_capital, well_om, case),
        well_om_mn_pa=well_om,
        eor_revenue_per_t=(-cost).clip(lower=0.0),
        **_MONEY,
        **_site_evidence(sinks, "a negative cost of injection in the file stands as revenue"),
    )


def _trends(folder: SimccsFolder, case: SimccsCase) -> pd.DataFrame:
    """Each trend up to the flow at which the next one costs less; the last one is unbounded."""
    trends = folder.trends
    slope = trends["slope_per_tpa"] + trends["right_of_way_slope_per_tpa"]
    fixed = trends["intercept_mn"] + trends["right_of_way_intercept_mn"]
    ends = (fixed.shift(-1) - fixed) / (slope - slope.shift(-1))
    ends = ends.round(_DECIMALS) if case.rounded else ends
    return _table(
        pipe=[f"trend {each}" for each in trends["trend"]],
        fixed_mn_per_km=fixed,
        slope_mn_per_km_per_ktpa=slope / 1000.0 / case.pipe_utilisation_share,
        largest_ktpa=ends * 1000.0 * case.pipe_utilisation_share,
        life_yr=int(min(max(case.storage_life_yr, 1), 100)),
        **_MONEY,
    )


def _link_ids(folder: SimccsFolder, node_of: Mapping[str, str]) -> list[str]:
    edges = folder.edges
    return [
        f"{node_of[str(start)]} – {node_of[str(end)]}" for start, end in zip(edges["start"], edges["end"], strict=True)
    ]


def _links(folder: SimccsFolder, node_of: Mapping[str, str]) -> pd.DataFrame:
    """Every edge, and free links between sites at the same vertex."""
    edges = folder.edges
    links = _table(
        link=_link_ids(folder, node_of),
        node_a=[node_of[str(vertex)] for vertex in edges["start"]],
        node_b=[node_of[str(vertex)] for vertex in edges["end"]],
        length_km=edges["construction_km"].clip(upper=_LONGEST_KM),
        cost_factor=1.0,
        note="length is the file's construction cost: km weighted by what the ground costs",
    )
    beside = [(f"sink {row.id}", node_of[str(row.vertex)]) for row in folder.sinks.itertuples()]
    beside = [(sink, other) for sink, other in beside if sink != other]
    if not beside:
        return links
    one_place = _table(
        link=[f"{other} – {sink}" for sink, other in beside],
        node_a=[other for _, other in beside],
        node_b=[sink for sink, _ in beside],
        length_km=0.0,
        cost_factor=1.0,
        note="both stand at one vertex",
    )
    return pd.concat([links, one_place], ignore_index=True)


def _line_costs(folder: SimccsFolder, node_of: Mapping[str, str], case: SimccsCase) -> pd.DataFrame:
    """Capital of every edge by trend: weighted km × intercept and weighted km × slope, rounded as in SimCCS."""
    crf = case.capital_recovery_share
    km, right_of_way_km = folder.edges["construction_km"], folder.edges["right_of_way_km"]
    parts = []
    for trend in folder.trends.itertuples():
        fixed = km * trend.intercept_mn + right_of_way_km * trend.right_of_way_intercept_mn
        slope = km * trend.slope_per_tpa + right_of_way_km * trend.right_of_way_slope_per_tpa
        slope = slope / case.pipe_utilisation_share
        if case.rounded:
            fixed, slope = (np.round(crf * each, _DECIMALS) / crf for each in (fixed, slope))
        parts.append(
            _table(
                link=_link_ids(folder, node_of),
                pipe=f"trend {trend.trend}",
                fixed_mn=fixed,
                slope_mn_per_ktpa=slope / 1000.0,
                **_MONEY,
            )
        )
    return pd.concat(parts, ignore_index=True)


def _junctions(folder: SimccsFolder, places: Places, node_of: Mapping[str, str]) -> pd.DataFrame:
    inside = [vertex for vertex in folder.nodes["vertex"].astype(str) if node_of[vertex].startswith("junction ")]
    return _table(
        hub=[node_of[vertex] for vertex in inside],
        **_coordinate_columns(places, inside),
        quality="assumed",
        note="the files give junctions no place: "
        + ("drawn between their neighbours" if _has_place(folder.nodes).any() else "the one here has no meaning"),
    )


def _places(folder: SimccsFolder) -> Places:
    """Latitude and longitude of every vertex; vertices without are placed at the mean of their neighbours."""
    nodes = folder.nodes.drop_duplicates("vertex").reset_index(drop=True)
    at = {str(vertex): k for k, vertex in enumerate(nodes["vertex"])}
    known = _has_place(nodes).to_numpy()
    if not known.any():
        return {vertex: (0.0, _OFFSET_DEG * (k + 1)) for vertex, k in at.items()}
    a = folder.edges["start"].astype(str).map(at).to_numpy(np.int64)
    b = folder.edges["end"].astype(str).map(at).to_numpy(np.int64)
    n = len(nodes)
    near = sparse.coo_array((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), shape=(n, n)).tocsr()
    places = nodes[["lat_deg", "lon_deg"]].to_numpy(float).copy()
    # A junction without any located neighbour is placed at the centre.
    tie = 1e-6
    degree = np.asarray(near.sum(axis=1)).ravel() + tie
    laplace = sparse.csr_array(sparse.diags_array(degree) - near)
    middle = np.nanmean(places, axis=0)
    free = ~known
    if free.any():
        inner = sparse.csc_matrix(laplace[free][:, free])
        for axis in (0, 1):
            rhs = near[free][:, known] @ places[known, axis] + tie * middle[axis]
            places[free, axis] = spsolve(inner, rhs)
    _offset_duplicates(places)
    return {vertex: (float(places[k, 0]), float(places[k, 1])) for vertex, k in at.items()}


def _offset_duplicates(places: Floats) -> None:
    """Move vertices that coincide with an earlier one slightly to the east, so that all locations differ."""
    taken: set[tuple[int, int]] = set()
    for k in range(len(places)):
        while True:
            cell = (round(places[k, 0] / _OFFSET_DEG), round(places[k, 1] / _OFFSET_DEG))
            around = {(cell[0] + i, cell[1] + j) for i in (-1, 0, 1) for j in (-1, 0, 1)}
            if not around & taken:
                taken.add(cell)
                break
            places[k, 1] += _OFFSET_DEG


_TEXT = """\
# A SimCCS case. Its sources, sinks, candidate network and pipe costs are in data/.
#
# Run it:      ccs-model optimize scenario.yaml
# objective.value in plan.json is the objective of SimCCS, in million USD a year.
name: @NAME@
description: >
  What SimCCS asks of this folder: which sources, pipes and sinks cost least in a representative year?

currency: USD
price_year: @PRICE_YEAR@                     # SimCCS states none; the tables use the same, so that nothing is converted
years: static                        # one representative year, with annualised capital
capital_recovery_share: @CRF@ # capital recovery factor of SimCCS
storage_life_yr: @YEARS@ # years of SimCCS: the yearly injection of a sink is its capacity ÷ years

plants:
  inventory: [sources]               # data/plants/sources.csv, without the shipped plants
data: data

transport:
  candidate_links: given             # only the edges of SimCCS (data/transport/links.csv)
  corridors: all                     # search all edges
  trucks: false                      # SimCCS has pipes only

storage: {sites: [SimCCS]}           # basin name of every sink

@TARGET@
objective: min_cost
policy: {market: null}               # no carbon market; a carbon price, if given, applies to all sources in all years

solver: {mip_gap: 1.0e-8, effort: thorough}
"""
_A_TARGET = "targets: {captured_ktpa: @KTPA@} # required capture, in thousand tonnes a year"
_A_PRICE = "# No target: CO2 is captured where the payments of sinks (eor_revenue_per_t) exceed the costs."
_COMMENTED, _COMMENT_AT = re.compile(r"^(?!#)(.*?) # ", re.MULTILINE), 37


def simccs_scenario(name: str, case: SimccsCase) -> str:
    """Text of scenario.yaml."""
    target = _A_PRICE
    if case.target_mt is not None:
        target = _A_TARGET.replace("@KTPA@", _number(case.target_mt * 1000.0))
    text = _TEXT.replace("@PRICE_YEAR@", str(PRICE_YEAR)).replace("@TARGET@", target)
    text = text.replace("@CRF@", _number(case.capital_recovery_share)).replace("@YEARS@", _number(case.storage_life_yr))
    text = _COMMENTED.sub(lambda line: f"{line[1].rstrip():<{_COMMENT_AT - 1}} # ", text)
    return text.replace("@NAME@", json.dumps(name, ensure_ascii=False))


def target_issues(folder: SimccsFolder, case: SimccsCase, where: str) -> list[Issue]:
    """Issues of a target that exceeds the yearly supply of the sources or the capacity of the sinks."""
    if case.target_mt is None:
        return []
    given_mt = float(folder.sources["capturable_ktpa"].sum()) / 1000.0
    taken_mt = float(folder.sinks["capacity_kt"].sum()) / case.storage_life_yr / 1000.0
    issues = []
    if case.target_mt > given_mt * (1 + 1e-9):
        what = f"{case.target_mt:g} Mt a year is more than all {len(folder.sources)} sources supply together"
        issues.append(Issue(where, what, f"{given_mt:.7g} Mt a year"))
    if case.target_mt > taken_mt * (1 + 1e-9):
        what = f"{case.target_mt:g} Mt a year is more than all {len(folder.sinks)} sinks can store in"
        issues.append(Issue(where, what, f"{taken_mt:.7g} Mt a year over {case.storage_life_yr:g} years"))
    return issues


def simccs_notices(folder: SimccsFolder, case: SimccsCase) -> list[str]:
    """What a reader of the converted case must know: sites without coordinates, and where the credit is booked."""
    notices = []
    n_sources, n_sinks = (int((~_has_place(table)).sum()) for table in (folder.sources, folder.sinks))
    if n_sources or n_sinks:
        named = " and ".join(count_text(n, what) for n, what in ((n_sources, "source"), (n_sinks, "sink")) if n)
        have = "has" if n_sources + n_sinks == 1 else "have"
        notices.append(
            f"{named} {have} no coordinates: the places in the tables have no meaning, so maps and costs of own pipes "
            "(merit order, cost curve) do not hold; pipes along the edges of SimCCS are not affected"
        )
    if case.target_mt is None:
        if (folder.sinks["injection_cost_per_t"] < 0).any():
            notices.append(
                "the CO2 credit (negative injection cost) is in eor_revenue_per_t: results show it as oil-field "
                "revenue and as a gain to society, so resource cost and break-even value do not hold"
            )
        else:
            notices.append("no sink pays for CO2 (negative injection cost): the optimal plan builds nothing")
    return notices


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
