"""What the owners' accounts are made from: capital by start and life, and tonnes by year, plant by plant.

With these two tables and the yearly flows, every account can be computed again at another discount rate, carbon price,
capital cost or tax, with the same decisions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.economics.policy import trading_rules
from ccs_model.model.terms import capex_mn
from ccs_model.plan.money import every_year, year_at
from ccs_model.plan.owners import Owners

Floats = npt.NDArray[np.float64]

CAPTURE, TRANSPORT, STORAGE, GRANT = "capture", "transport", "storage", "grant"
CAPITAL_COLUMNS = ("plant", "kind", "year", "life_yr", "left_yr", "capital_mn")
DIRECT_CUT, SOLD = "direct_cut_kt", "sold_kt"
_NOTHING_MN = 1e-9


def capital_table(owners: Owners) -> pd.DataFrame:
    """CAPITAL_COLUMNS, one row a plant, kind, start and life: undiscounted million when it is decided.

    `left_yr` of its `life_yr` remain when the horizon ends. What grants pay stands apart, as negative capital.
    """
    problem = owners.point.problem
    years = np.array(problem.years)
    rows = []
    for kind, life, left, amount in _capital(owners):
        at, start = np.nonzero(np.abs(amount) > _NOTHING_MN)
        of_start = np.broadcast_to(left, (len(years),))
        rows.append(
            pd.DataFrame(
                {
                    "plant": owners.split.plants.to_numpy(object)[at],
                    "kind": kind,
                    "year": years[start],
                    "life_yr": life,
                    "left_yr": of_start[start],
                    "capital_mn": amount[at, start],
                }
            )
        )
    filled = [each for each in rows if len(each)]
    if not filled:
        return pd.DataFrame(columns=list(CAPITAL_COLUMNS))
    table = pd.concat(filled, ignore_index=True)
    key = list(CAPITAL_COLUMNS[:-1])
    return table.groupby(key, as_index=False)["capital_mn"].sum()[list(CAPITAL_COLUMNS)]


def tonnes_table(owners: Owners) -> pd.DataFrame:
    """plant, name (DIRECT_CUT or SOLD) and a column a calendar year and the horizon's end, in kt.

    Sold is what the carbon market would take: the direct cut of sectors that it covers, within the surplus band.
    """
    problem, accounts = owners.point.problem, owners.point.problem.accounts
    at = year_at(problem)
    covered = trading_rules(
        problem.inputs["policy/ets"], problem.scenario.policy.market, problem.routes["sector"], problem.calendar
    )
    is_covered = covered["is_covered"]
    if accounts.is_banded:
        names = problem.routes["plant"].to_numpy(str)
        first = pd.Series(np.arange(len(names)), index=names).groupby(level=0).first()
        of_plant = is_covered[first.loc[problem.axes["credited_ktpa"]].to_numpy()]
        sold = owners.split(
            "credited_ktpa", every_year(problem, owners.point.decided["credited_ktpa"][:, at] * of_plant)
        )
    else:
        cut = owners.point.direct_cut_ktpa[:, at] * is_covered
        sold = owners.split("captured_ktpa", every_year(problem, cut))
    years = [int(year) for year in (*problem.calendar, problem.horizon_end)]
    parts = []
    for name, amount in ((DIRECT_CUT, owners.direct_cut_kt), (SOLD, sold)):
        table = pd.DataFrame(amount, columns=years)
        table.insert(0, "name", name)
        table.insert(0, "plant", owners.split.plants.to_numpy(object))
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _capital(owners: Owners) -> Iterator[tuple[str, float, Floats, Floats]]:
    """kind, life, years left when the horizon ends [start], and million [plant, start]."""
    point, split = owners.point, owners.split
    problem, decided = point.problem, point.decided
    routes, build = problem.routes, decided["build"]
    used = np.broadcast_to(problem.unit_used_yr, build.shape)
    lives = np.broadcast_to(problem.unit_life_yr, build.shape)
    remain = np.clip(lives - np.maximum(used, 0.0), 0.0, lives)
    pairs = np.stack([lives, remain], axis=-1)
    built = build > 0
    for life, left in sorted({(float(a), float(b)) for a, b in pairs[built]}):
        here = built & (lives == life) & (remain == left)
        for kind, column in ((CAPTURE, "capture_capex_mn"), (TRANSPORT, "pipe_capex_mn")):
            capex = routes[column].to_numpy(float)[:, None] * build * here
            yield kind, life, np.array(left), split("build", capex)
    if problem.network is not None:
        yield from _shared(owners)
    if len(problem.accounts.funds):
        yield GRANT, 1.0, np.array(0.0), -owners.grants_mn


def _shared(owners: Owners) -> Iterator[tuple[str, float, Floats, Floats]]:
    problem, decided = owners.point.problem, owners.point.decided
    assert problem.network is not None
    used = problem.horizon_end - np.array(problem.years, dtype=float)
    capex = capex_mn(problem)
    laid = problem.network.lines.loc[problem.network.laid, "life_yr"].to_numpy(float)
    sites = problem.sites["life_yr"].to_numpy(float)
    for kind, names, lives in ((TRANSPORT, ("pipe", "added_ktpa"), laid), (STORAGE, ("opened", "wells"), sites)):
        for life in sorted(set(lives.tolist())):
            for name in names:
                amount = (capex[name] * (lives == life))[:, None] * decided[name]
                yield kind, life, np.clip(life - used, 0.0, life), owners.split(name, amount)
