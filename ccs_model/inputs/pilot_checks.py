"""Checks of the tables of the pilot zones; each issue names the zone and the row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from ccs_model.errors import Issue
from ccs_model.inputs.cells import nearest_hint
from ccs_model.inputs.declarations import place_of
from ccs_model.scenario.validation import shown

UNKNOWN = "unknown"
_MOST_ABATEMENT_SHARE = 1.0
_TABLES = ("pilots/zones", "pilots/observations", "pilots/presets", "pilots/priors")


def pilot_rows_can_be_used(frames: Mapping[str, pd.DataFrame]) -> Iterator[Issue]:
    """Zones have plants, observations belong to a zone and are possible, and presets name usable observations."""
    if any(table not in frames for table in _TABLES):
        return
    yield from _zones(frames)
    yield from _observations(frames)
    yield from _presets(frames)
    for _, row in frames["pilots/priors"].iterrows():
        if not row["low"] <= row["mode"] <= row["high"] or row["low"] == row["high"]:
            yield Issue(place_of(row, "mode"), f"{row['parameter']}: expected low ≤ mode ≤ high, and low below high")


def _zones(frames: Mapping[str, pd.DataFrame]) -> Iterator[Issue]:
    tables = {name.removeprefix("plants/"): frame for name, frame in frames.items() if name.startswith("plants/")}
    for _, row in frames["pilots/zones"].iterrows():
        # Own inventories may leave shipped zones without plants; that is an error only if a zone is used.
        if not row["source"].is_own:
            continue
        sectors = parts(row["sectors"])
        strays = [sector for sector in sectors if sector not in ("steel", "chemicals", "sources")]
        if strays:
            yield Issue(
                place_of(row, "sectors"), f"zone {shown(row['zone'])}: '{shown(strays[0])}' is not an inventory"
            )
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
            yield Issue(place_of(row, "plants"), f"zone {shown(row['zone'])}: {what}")
        elif not inside:
            yield Issue(
                place_of(row, "province"),
                f"zone {shown(row['zone'])} has no plants",
                f"{row['sectors']} of {row['province']}: name a province of the tables",
            )


def _observations(frames: Mapping[str, pd.DataFrame]) -> Iterator[Issue]:
    zones = list(frames["pilots/zones"]["zone"])
    for _, row in frames["pilots/observations"].iterrows():
        about = f"row {shown(row['id'])}, zone {shown(row['zone'])}"
        for zone in parts(row["zone"]) or [""]:
            if zone not in zones:
                hint = nearest_hint(zone, zones, "zones are in pilots/zones")
                yield Issue(place_of(row, "zone"), f"{about}: unknown zone", hint)
        year = str(row["baseline_year"]).strip()
        if not year:
            yield Issue(place_of(row, "baseline_year"), f"{about}: the baseline year is missing", f"write '{UNKNOWN}'")
        needs = ("low", "high") if row["kind"] == "interval" else ("value",)
        for column in needs:
            if pd.isna(row[column]):
                yield Issue(place_of(row, column), f"{about}: is empty", f"required for kind {row['kind']}")
        for column in ("value", "low", "high"):
            yield from _possible(row, column, about)
        if row["kind"] == "interval" and row["low"] > row["high"]:
            yield Issue(place_of(row, "low"), f"{about}: low {row['low']:g} is above high {row['high']:g}")
        if row["sigma"] <= 0:
            yield Issue(place_of(row, "sigma"), f"{about}: expected a standard error above 0")
        if "|" in row["zone"] and row["kind"] != "max_of_group":
            yield Issue(place_of(row, "kind"), f"{about}: only rows of kind max_of_group may have several zones")


def _possible(row: pd.Series, column: str, about: str) -> Iterator[Issue]:
    value = row[column]
    if pd.isna(value):
        return
    if row["quantity"] == "abatement_share" and not 0 <= value <= _MOST_ABATEMENT_SHARE:
        right = value / 100
        hint = f"a share, 0 to 1: did you mean {right:g}?" if 1 < value <= 100 else "a share, 0 to 1"
        yield Issue(
            place_of(row, column), f"{about}: an abatement of {value:.0%} of the baseline is not possible", hint
        )
    elif value < 0 or (row["kind"] == "lognormal" and value <= 0):
        yield Issue(place_of(row, column), f"{about}: {value:g} is too low")


def _presets(frames: Mapping[str, pd.DataFrame]) -> Iterator[Issue]:
    grades = dict(zip(frames["pilots/observations"]["id"], frames["pilots/observations"]["grade"], strict=True))
    for _, row in frames["pilots/presets"].iterrows():
        if row["id"] not in grades:
            yield Issue(
                place_of(row, "id"), f"preset {shown(row['preset'])}: there is no observation '{shown(row['id'])}'"
            )
        elif grades[row["id"]] == "D":
            what = f"preset {shown(row['preset'])}: '{row['id']}' is a target (grade D), which cannot be used in a fit"
            yield Issue(place_of(row, "id"), what)


def parts(text: object) -> list[str]:
    """Items of a cell that holds a list separated by bars."""
    return [part.strip() for part in str(text).split("|") if part.strip()]
