"""Checks of the pilot zones' tables: each fault names the zone and the row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

import pandas as pd

from ccs_model.errors import Issue
from ccs_model.inputs.cells import shown

UNKNOWN = "unknown"
_MOST_CUT = 1.0
_TABLES = ("pilots/zones", "pilots/observations", "pilots/presets", "pilots/priors")


def pilot_rows_can_be_used(frames: Mapping[str, pd.DataFrame]) -> Iterator[Issue]:
    """Zones have plants, observations are of a zone and possible, presets name rows that may inform."""
    if any(table not in frames for table in _TABLES):
        return
    yield from _zones(frames)
    yield from _observations(frames)
    yield from _presets(frames)
    for _, row in frames["pilots/priors"].iterrows():
        if not row["low"] <= row["mode"] <= row["high"] or row["low"] == row["high"]:
            yield Issue(_at(row, "mode"), f"{row['parameter']}: expected low ≤ mode ≤ high, and low below high")


def _zones(frames: Mapping[str, pd.DataFrame]) -> Iterator[Issue]:
    tables = {name.removeprefix("plants/"): frame for name, frame in frames.items() if name.startswith("plants/")}
    for _, row in frames["pilots/zones"].iterrows():
        # Own inventories may leave the shipped zones without plants, which matters to nobody who does not ask for them.
        if not row["source"].is_own:
            continue
        sectors = parts(row["sectors"])
        strays = [sector for sector in sectors if sector not in ("steel", "chemicals", "sources")]
        if strays:
            yield Issue(_at(row, "sectors"), f"zone {shown(row['zone'])}: '{shown(strays[0])}' is no inventory")
            continue
        inside = {
            plant
            for sector in sectors
            for plant in tables[sector].loc[tables[sector]["province"] == row["province"], "plant"]
        }
        named = parts(row["plants"])
        missing = [plant for plant in named if plant not in inside]
        if missing:
            what = f"plant '{shown(missing[0])}' is not among {row['sectors']} of {row['province']}"
            yield Issue(_at(row, "plants"), f"zone {shown(row['zone'])}: {what}")
        elif not inside:
            yield Issue(
                _at(row, "province"),
                f"zone {shown(row['zone'])} has no plants",
                f"{row['sectors']} of {row['province']}: name a province of the tables",
            )


def _observations(frames: Mapping[str, pd.DataFrame]) -> Iterator[Issue]:
    zones = list(frames["pilots/zones"]["zone"])
    for _, row in frames["pilots/observations"].iterrows():
        about = f"row {shown(row['id'])}, zone {shown(row['zone'])}"
        for zone in parts(row["zone"]) or [""]:
            if zone not in zones:
                near = get_close_matches(zone, zones, n=1)
                hint = f"did you mean '{near[0]}'?" if near else "a zone is a row of pilots/zones"
                yield Issue(_at(row, "zone"), f"{about}: the zone has no plants", hint)
        year = str(row["baseline_year"]).strip()
        if not year:
            yield Issue(_at(row, "baseline_year"), f"{about}: the baseline year is missing", f"write '{UNKNOWN}'")
        needs = ("low", "high") if row["kind"] == "interval" else ("value",)
        for column in needs:
            if pd.isna(row[column]):
                yield Issue(_at(row, column), f"{about}: is empty", f"a row of kind {row['kind']} needs it")
        for column in ("value", "low", "high"):
            yield from _possible(row, column, about)
        if row["kind"] == "interval" and row["low"] > row["high"]:
            yield Issue(_at(row, "low"), f"{about}: low {row['low']:g} is above high {row['high']:g}")
        if row["sigma"] <= 0:
            yield Issue(_at(row, "sigma"), f"{about}: expected a standard error above 0")
        if "|" in row["zone"] and row["kind"] != "max_of_group":
            yield Issue(_at(row, "kind"), f"{about}: several zones share one row only as kind max_of_group")


def _possible(row: pd.Series, column: str, about: str) -> Iterator[Issue]:
    value = row[column]
    if pd.isna(value):
        return
    if row["quantity"] == "abatement_share" and not 0 <= value <= _MOST_CUT:
        right = value / 100
        hint = f"a share, 0 to 1: did you mean {right:g}?" if 1 < value <= 100 else "a share, 0 to 1"
        yield Issue(_at(row, column), f"{about}: a cut of {value:.0%} of the baseline is not possible", hint)
    elif value < 0 or (row["kind"] == "lognormal" and value <= 0):
        yield Issue(_at(row, column), f"{about}: {value:g} is below what is possible")


def _presets(frames: Mapping[str, pd.DataFrame]) -> Iterator[Issue]:
    grades = dict(zip(frames["pilots/observations"]["id"], frames["pilots/observations"]["grade"], strict=True))
    for _, row in frames["pilots/presets"].iterrows():
        if row["id"] not in grades:
            yield Issue(_at(row, "id"), f"preset {shown(row['preset'])}: no observation is called '{shown(row['id'])}'")
        elif grades[row["id"]] == "D":
            what = f"preset {shown(row['preset'])}: '{row['id']}' is of grade D, a target, and informs nothing"
            yield Issue(_at(row, "id"), what)


def parts(text: object) -> list[str]:
    """What stands between the bars of a list in one cell."""
    return [part.strip() for part in str(text).split("|") if part.strip()]


def _at(row: pd.Series, column: str) -> str:
    return str(row["source"].at(int(row["line"]), column))
