"""When retrofits may start: technologies on offer, first years, turnarounds, closing plants and committed retrofits.

A committed retrofit (`plants.committed`) is built or under construction. It starts in its year, whatever the other
dates say, and is the only option of its streams.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Mask
from ccs_model.engineering.capture_units import covered_rows
from ccs_model.engineering.streams import may_start
from ccs_model.errors import Issue, raise_issues
from ccs_model.inputs import Inputs
from ccs_model.inputs.cells import nearest_hint
from ccs_model.problem.problem import running_share
from ccs_model.problem.scenario_names import place_of
from ccs_model.scenario import Scenario

_VINTAGE = re.compile(r"/built_(\d{4})")


@dataclass(frozen=True, eq=False)
class Starts:
    """When each retrofit option may start, and when it then operates.

    Parameters
    ----------
    lead_yr
        [route] years from the start to the first capture; 0 in a static year.
    ends, lasts
        [route, start] year in which the unit ends, and years of operation.
    may_start
        [route, start] whether the retrofit may start there.
    running
        [route, start, period] share of the period in which the unit operates; 0 where it may not start.
    delayed, waits_for_site, waits
        Plants whose own first year, the first year of a site, or a turnaround rules out a start.
    committed
        Committed retrofits as (route, start).
    """

    lead_yr: Floats
    ends: Floats
    lasts: Floats
    may_start: Mask
    running: Floats
    delayed: frozenset[str]
    waits_for_site: frozenset[str]
    waits: frozenset[str]
    committed: tuple[tuple[str, int], ...]


def starts_of(
    scenario: Scenario,
    inputs: Inputs,
    plants: pd.DataFrame,
    streams: pd.DataFrame,
    routes: pd.DataFrame,
    periods: pd.DataFrame,
) -> Starts:
    """Return the starts of all options; raises InputError for committed retrofits that are impossible."""
    # A static year models operation, not the time of construction.
    lead_yr = routes["lead_yr"].to_numpy(float) * (not scenario.is_static)
    running, ends = running_share(periods, lead_yr, *(routes[n].to_numpy(float) for n in ("life_yr", "closing_year")))
    starts = periods["year"].to_numpy()
    lasts = ends - (starts + lead_yr[:, None])
    on_offer = (starts >= routes["first_year"].to_numpy()[:, None]) & (
        starts <= routes["last_year"].to_numpy()[:, None]
    )
    allowed = (on_offer | scenario.is_static) & (lasts >= routes["min_life_yr"].to_numpy()[:, None])
    not_before = routes["plant"].map(dict(scenario.plants.not_before)).fillna(0).to_numpy(float)
    of_plant = starts < not_before[:, None]
    of_site = np.zeros_like(of_plant)
    if not scenario.transport.shared_trunklines:
        of_site |= starts < routes["site"].map(dict(scenario.storage.not_before)).fillna(0).to_numpy(float)[:, None]
    is_late = of_plant | of_site
    in_time = _start_is_allowed(scenario, inputs, plants, streams, routes, periods) | scenario.is_static
    committed, is_replaced = _committed_starts(scenario, plants, routes, periods, running)
    may = ((allowed & ~is_late & in_time) | committed) & ~is_replaced[:, None]
    may[committed.any(axis=1)] = committed[committed.any(axis=1)]
    return Starts(
        lead_yr,
        ends,
        lasts,
        may,
        np.where(may[..., None], running, 0.0),
        frozenset(routes["plant"][(allowed & of_plant).any(axis=1)]),
        frozenset(routes["plant"][(allowed & of_site).any(axis=1)]),
        frozenset(routes["plant"][(allowed & ~is_late & ~in_time).any(axis=1)]),
        tuple((str(routes["route"].iloc[r]), int(starts[k])) for r, k in np.argwhere(committed)),
    )


def _start_is_allowed(
    scenario: Scenario,
    inputs: Inputs,
    plants: pd.DataFrame,
    streams: pd.DataFrame,
    routes: pd.DataFrame,
    periods: pd.DataFrame,
) -> Mask:
    """[route, start] whether the route's stream has a turnaround in the period, or none that is known."""
    allowed = may_start(
        streams, plants, inputs, periods["year"], periods["n_years"], at_relining=scenario.capture.start_at_relining
    )
    keys = pd.MultiIndex.from_frame(streams[["plant", "stream"]])
    # A shared unit waits for all of its streams.
    covered = covered_rows(routes)
    in_time: Mask = np.ones((len(routes), len(periods)), dtype=bool)
    at = keys.get_indexer(pd.MultiIndex.from_frame(covered[["plant", "stream"]]))
    np.logical_and.at(in_time, covered["row"].to_numpy(), allowed[at])
    return in_time


def name_without_vintage(route: str) -> str:
    """Return the id of an option without its year of construction, which depends on learning and payments."""
    return _VINTAGE.sub("", route)


def _technology_of(route: str) -> str:
    """The technology in an id such as `PLANT/STREAM/TECHNOLOGY/SIZE@SITE`; empty in a shorter one."""
    return "".join(name_without_vintage(route.partition("@")[0]).split("/")[2:3])


def _committed_starts(
    scenario: Scenario, plants: pd.DataFrame, routes: pd.DataFrame, periods: pd.DataFrame, running: Floats
) -> tuple[Mask, Mask]:
    """[route, start] the committed retrofits, and [route] whether a committed one takes a stream of the option."""
    committed = np.zeros(running.shape[:2], dtype=bool)
    if not scenario.plants.committed:
        return committed, np.zeros(len(routes), dtype=bool)
    rows = _rows_of(scenario, routes)
    raise_issues(_issues(scenario, plants, routes, periods, running, rows))
    starts = periods["year"].tolist()
    for name, year in scenario.plants.committed.items():
        committed[rows[name], starts.index(year)] = True
    covered = covered_rows(routes)
    own = covered["row"].isin(np.flatnonzero(committed.any(axis=1)))
    taken = pd.MultiIndex.from_frame(covered.loc[own, ["plant", "stream"]])
    meets = pd.MultiIndex.from_frame(covered[["plant", "stream"]]).isin(taken)
    is_replaced: Mask = np.zeros(len(routes), dtype=bool)
    is_replaced[covered.loc[meets, "row"]] = True
    return committed, is_replaced & ~committed.any(axis=1)


def _rows_of(scenario: Scenario, routes: pd.DataFrame) -> dict[str, int]:
    """Row of the option of each committed retrofit: that of its start, where options differ by it."""
    row_of = {
        (name_without_vintage(name), int(vintage)): k
        for k, (name, vintage) in enumerate(zip(routes["route"], routes["vintage"], strict=True))
    }
    found = {}
    for name, year in scenario.plants.committed.items():
        base, of_year = name_without_vintage(name), _VINTAGE.search(name)
        if of_year is None or int(of_year[1]) == year:
            found[name] = row_of.get((base, year), row_of.get((base, 0)))
    return {name: row for name, row in found.items() if row is not None}


def _issues(
    scenario: Scenario,
    plants: pd.DataFrame,
    routes: pd.DataFrame,
    periods: pd.DataFrame,
    running: Floats,
    rows: Mapping[str, int],
) -> Iterator[Issue]:
    """Committed retrofits that no option, period, site or stream allows."""
    reasons = plants.set_index("plant")["reason"]
    starts, names = periods["year"].tolist(), routes["route"].tolist()
    sites = [] if scenario.transport.shared_trunklines else routes["site"].tolist()
    covered = covered_rows(routes).groupby("row")["stream"].agg(list)
    taken: dict[tuple[str, str], str] = {}
    for name, year in scenario.plants.committed.items():
        place = place_of(scenario, f"plants.committed.{name}")
        if name not in rows:
            plant = next((each for each in plants["plant"] if name.startswith(f"{each}/")), "")
            if reasons.get(plant):
                leave = "leave its retrofits out of plants.committed, and lower the budgets by what was spent on them"
                hint = leave if plant in scenario.plants.excluded else ""
                yield Issue(place, f"plant '{plant}' cannot be retrofitted: {reasons[plant]}", hint)
                continue
            of_year = _VINTAGE.search(name)
            if of_year is not None and int(of_year[1]) != year:
                yield Issue(
                    place, f"'{name}' is the option of {of_year[1]}, but starts in {year}", f"write {of_year[1]}"
                )
                continue
            same = [name_without_vintage(each) for each in names if each.startswith(f"{plant}/") or not plant]
            hint = nearest_hint(name, same, "ids are those of the column route in retrofits.csv")
            technology = _technology_of(name)
            known = {*scenario.capture.technologies, *map(_technology_of, same)}
            if "@" in name and not sites:
                hint = "an id with @ is that of an own pipeline, and this scenario has shared ones"
            elif same and sites and "@" not in name:
                hint = "ids of own pipelines end in @SITE, and this scenario has no shared ones"
            elif same and plant and technology not in known and not get_close_matches(technology, known):
                hint = f"'{technology}' is not among capture.technologies"
            yield Issue(place, f"no retrofit option '{name}'", hint)
            continue
        if year not in starts:
            listed = ", ".join(map(str, starts))
            yield Issue(place, f"'{name}': no period starts in {year}", f"years of the scenario: {listed}")
        elif not running[rows[name], starts.index(year)].any():
            yield Issue(place, f"'{name}' from {year} works in no year of the horizon and of its plant")
        if sites and year < (first := scenario.storage.not_before.get(sites[rows[name]], year)):
            yield Issue(
                place, f"'{name}': its site {sites[rows[name]]} may not be opened before {first} (storage.not_before)"
            )
        plant = str(routes["plant"].iloc[rows[name]])
        for stream in covered[rows[name]]:
            other = taken.setdefault((plant, stream), name)
            if other != name:
                yield Issue(place, f"stream '{stream}' already has the committed retrofit '{other}'", "keep one")
