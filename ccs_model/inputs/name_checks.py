"""Checks of uncertain inputs, and of the sectors of a carbon market."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pandas as pd

from ccs_model.errors import Issue
from ccs_model.inputs.cells import nearest_hint
from ccs_model.inputs.declarations import own_rows
from ccs_model.inputs.declarations import place_of as at
from ccs_model.inputs.geography import are_in_china, area_near
from ccs_model.inputs.source_checks import SECTORS_ELSEWHERE
from ccs_model.scenario.spelling import as_seen
from ccs_model.scenario.uncertainty_sections import impossible_spreads
from ccs_model.scenario.validation import shown
from ccs_model.units import first_few

Frames = Mapping[str, pd.DataFrame]

_ENDS = ("input", "other_input")
_NAMED = 6


def correlations_are_of_inputs(frames: Frames) -> Iterator[Issue]:
    """A correlation of the user names two different inputs, each pair once; all of them together are possible."""
    known, table = list(frames["uncertainty/inputs"]["input"]), frames["uncertainty/correlations"]
    pairs: dict[frozenset[str], pd.Series] = {}
    issues = []
    for _, row in table.iterrows():
        if not row["source"].is_own:
            pairs[frozenset(row[name] for name in _ENDS)] = row
            continue
        for name in _ENDS:
            if row[name] not in known:
                hint = nearest_hint(row[name], known, "`ccs-model data uncertainty/inputs` lists the inputs")
                issues.append(Issue(at(row, name), f"'{shown(row[name])}' is not an uncertain input", hint))
        pair = frozenset(row[name] for name in _ENDS)
        before = pairs.setdefault(pair, row)
        if len(pair) == 1:
            issues.append(Issue(at(row, "other_input"), f"'{shown(row['input'])}' is correlated with itself"))
        elif before is not row and before["input"] != row["input"]:
            hint = f"write {before['input']} in column input; a row of your own then overrides the shipped one"
            issues.append(Issue(at(row, "input"), f"the pair is given as {before['input']}, {row['input']} too", hint))
    yield from issues
    own = [row for row in pairs.values() if row["source"].is_own]
    if own and not issues and not _are_possible(table, known):
        what = "no inputs have these correlations together (the correlation matrix is not positive definite)"
        yield Issue(at(own[0], "rank_correlation_share"), what, "lower the largest ones")


def correlation_matrix(table: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Return the correlations of normals with the rank correlations of a table (Pearson 1907), [name, name]."""
    wanted = np.eye(len(names))
    for one, other, rank in table[[*_ENDS, "rank_correlation_share"]].itertuples(index=False, name=None):
        if one in names and other in names:
            i, j = names.index(one), names.index(other)
            wanted[i, j] = wanted[j, i] = 2.0 * np.sin(np.pi * rank / 6.0)
    return wanted


def _are_possible(table: pd.DataFrame, names: list[str]) -> bool:
    return bool(np.linalg.eigvalsh(correlation_matrix(table, names)).min() > 0)


def spreads_are_possible(frames: Frames) -> Iterator[Issue]:
    """The distribution of an uncertain input has its ends in order and within what the input can be."""
    for _, row in frames["uncertainty/inputs"].iterrows():
        if row["distribution"] != "posterior":
            ends = (row[name] for name in ("low", "mode", "high"))
            for what, hint in impossible_spreads(row["input"], row["distribution"], *ends):
                yield Issue(at(row, "low"), what, hint)


def notices_of_paths(frames: Frames) -> list[str]:
    """Notices of the user's paths of non-fossil power with one year, which change nothing."""
    own = own_rows(frames["policy/non_fossil"])
    n_years = own.groupby("region")["year"].nunique()
    short = own[own["region"].isin(n_years.index[n_years == 1])]
    # Rows of a country are copied to its provinces.
    first = {at(row, "year"): row["region"] for _, row in short[::-1].iterrows()}
    return [
        f"{place}: the path of '{shown(region)}' has one year, so that grid factors stay; add an earlier year's share"
        for place, region in first.items()
    ]


def notices_of_means(frames: Frames, provinces: Collection[str] = ()) -> list[str]:
    """Notices of products of the user's plants outside China whose utilisation is the mean of China.

    Of the plants in `provinces` only, if there are any.
    """
    selected = {as_seen(province) for province in provinces}
    table = frames["streams/utilisation"]
    means = table[table["province"] == "all"]
    shipped_means = set(means["product"]) - set(own_rows(means)["product"])
    known = set(table[["province", "product"]].itertuples(index=False, name=None))
    sectors = frames["streams/source_sectors"].set_index("sector")["product"]
    sources = frames["plants/sources"]
    made = [
        (frames["plants/steel"], "crude_steel"),
        *((frames[name], frames[name]["product"]) for name in ("plants/chemicals", "plants/coal_chemicals")),
        (sources, sources["sector"].map(sectors).where(sources["co2_ktpa"].isna())),
    ]
    found: dict[str, list[str]] = {}
    for frame, product in made:
        plants = own_rows(frame.assign(made=product))
        plants = plants[plants["made"].isin(shipped_means) & ~are_in_china(plants["province"])]
        for _, row in plants.drop_duplicates(["province", "made"]).iterrows():
            is_known = (row["province"], row["made"]) in known
            is_known |= bool(selected) and as_seen(row["province"]) not in selected
            if not is_known and not are_in_china(pd.Series([area_near(row["lat_deg"], row["lon_deg"])])).any():
                found.setdefault(str(row["made"]), []).append(str(row["province"]))
    return [
        f"streams/utilisation: the mean of China holds for {name} in {first_few([*map(shown, places)], _NAMED)}; add a "
        "row of the country to a table of your own"
        for name, places in found.items()
    ]


def market_sectors_exist(frames: Frames) -> Iterator[Issue]:
    """The sectors of the user's rules of a carbon market are sectors of plants."""
    known = [*SECTORS_ELSEWHERE, *frames["streams/source_sectors"]["sector"]]
    rules = own_rows(frames["policy/ets"])
    for _, row in rules[~rules["sector"].isin(known)].iterrows():
        hint = nearest_hint(row["sector"], known, f"sectors are {', '.join(known)}")
        yield Issue(at(row, "sector"), f"'{shown(row['sector'])}' is not a sector of plants", hint)
