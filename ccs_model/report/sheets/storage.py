"""Storage: every site used, with what goes in, what room is left and what limits it; then the sites passed over."""

from __future__ import annotations

import pandas as pd

from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report import words
from ccs_model.report.sheet import Page, Sheet
from ccs_model.report.style import CALCULATION, SOLVER
from ccs_model.report.table import Column

# A limit is reached when no more than this share of it is left.
_REACHED_SHARE = 1e-6

_SITE_COLUMNS = (
    Column("site", None, widest=18),
    Column("name", None, widest=34),
    Column("basin", None, widest=18),
    Column("province", None, widest=16),
)
_WELL_COLUMNS = (
    Column("n_wells_max", None, label="Wells, at most"),
    Column("well_injectivity_ktpa", None),
    Column("injection_max_ktpa", CALCULATION, label="Injection, at most"),
)


def write_storage(sheet: Sheet, plan: Plan) -> None:
    """One row a site used with totals, what is injected with the periods across; then the other sites, in short."""
    problem = plan.problem
    used = _used(plan)
    empty = f"Nothing is built, because {words.why_nothing_is_built(plan)}." if used.empty else ""
    capacity = Column("capacity_kt", None, label=f"Capacity, {problem.scenario.storage.capacity} case")
    sheet.title("Storage")
    sheet.paragraph(
        f"A site may be filled to {problem.fill_share_max:.0%} of its capacity in the case that the scenario chose. "
        "Committed is what retrofits still deliver after the horizon, until their life ends; room is kept for it. "
        "Injection is at most what all wells take."
    )
    sheet.table(
        [
            *_SITE_COLUMNS,
            capacity,
            *_WELL_COLUMNS,
            Column("injected_ktpa", SOLVER, label="Injected, last period"),
            Column("stored_kt", SOLVER, label="Stored by the end"),
            Column("committed_kt", SOLVER, label="Committed after it"),
            Column("room_kt", CALCULATION, label="May be filled"),
            Column("filled_share", SOLVER, label="Filled or committed"),
            Column("limit", SOLVER, label="What is full", widest=34),
            Column("storage_cost_per_t", CALCULATION, label="Storage"),
        ],
        records(used),
        main=True,
        frozen=2,
        totals=_totals(used, "injected_ktpa", "stored_kt", "committed_kt", "room_kt"),
        empty=empty,
    )
    sheet.section("Injected by period (the period's yearly mean)")
    years = {year: f"injected_{year}_ktpa" for year in problem.years}
    sheet.table(
        [*_SITE_COLUMNS, *(Column(name, SOLVER, label=f"From {year}") for year, name in years.items())],
        records(used),
        totals=_totals(used, *years.values()),
        empty=empty,
    )
    sheet.section("Other sites offered")
    others = problem.sites[~problem.sites["site"].isin(plan.storage["site"])]
    sheet.table(
        [
            *_SITE_COLUMNS,
            capacity,
            *_WELL_COLUMNS,
            Column("storage_cost_per_t", CALCULATION, label="Storage"),
            Column("n_plants_in_reach", CALCULATION, label="Candidates in reach"),
        ],
        records(others.assign(n_plants_in_reach=_in_reach(plan, others))),
        empty="None: every site offered is used.",
    )


def _used(plan: Plan) -> pd.DataFrame:
    """Sites of plan.storage in its order, with what stands at the horizon's end and what is injected by period."""
    by_site = plan.storage.groupby("site", sort=False)
    end = by_site.last()
    sites = plan.problem.sites.set_index("site").loc[end.index]
    injected = plan.storage.pivot(index="site", columns="year", values="injected_ktpa").reindex(end.index)
    filled_kt = end["stored_kt"] + end["committed_kt"]
    used = sites.assign(
        injected_ktpa=end["injected_ktpa"],
        stored_kt=end["stored_kt"],
        committed_kt=end["committed_kt"],
        room_kt=end["capacity_kt"],
        filled_share=filled_kt / end["capacity_kt"],
        limit=[_limit(periods, filled_kt[site]) for site, periods in by_site],
        **{f"injected_{year}_ktpa": injected[year] for year in injected},
    )
    return used.reset_index(names="site")


def _limit(periods: pd.DataFrame, filled_kt: float) -> str:
    """What is full, in words: `all wells, from 2030, 2035; the room`."""
    most = 1.0 - _REACHED_SHARE
    years = periods["year"][periods["injected_ktpa"] >= most * periods["injection_max_ktpa"]]
    full = [f"all wells, from {', '.join(map(str, years))}"] if len(years) else []
    if filled_kt >= most * periods["capacity_kt"].iloc[-1]:
        full.append("the room")
    return "; ".join(full) or "nothing"


def _totals(used: pd.DataFrame, *summed: str) -> dict[str, object]:
    return {"site": "Total"} if used.empty else {**{name: used[name].sum() for name in summed}, "site": "Total"}


def _in_reach(plan: Plan, sites: pd.DataFrame) -> pd.Series:
    plants = plan.problem.plants
    routes = plan.problem.routes
    routes = routes[routes["plant"].isin(plants["plant"][plants["is_candidate"]])]
    return sites["site"].map(routes.groupby("site")["plant"].nunique()).fillna(0).astype(int)


STORAGE = Page("Storage", "Every site used: wells, what is injected and stored, what room is left.", write_storage)
