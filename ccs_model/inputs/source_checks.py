"""Checks of plants of other sectors and their profiles, capture technologies, uncertain inputs and pilot zones."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pandas as pd

from ccs_model.errors import Issue
from ccs_model.inputs.cells import nearest_hint, sector_hint
from ccs_model.inputs.declarations import CHEMICAL_PLANTS, SOURCE_PLANTS, own_rows
from ccs_model.inputs.declarations import place_of as at
from ccs_model.inputs.geography import are_in_china, area_near
from ccs_model.scenario.fields import HOME
from ccs_model.scenario.uncertainty_sections import impossible_spreads
from ccs_model.scenario.validation import shown_text, visible_form
from ccs_model.units import GWH_PER_MW, join_first_names

Frames = Mapping[str, pd.DataFrame]


def unknown_name_issues(
    frame: pd.DataFrame, column: str, known: Collection[str], what: str, otherwise: str
) -> Iterator[Issue]:
    """An issue of each row whose name in a column is not known: `what`, with {} for the name, and the most similar one.

    The hint is `otherwise` if no known name is similar.
    """
    for _, row in frame[~frame[column].isin(known)].iterrows():
        yield Issue(at(row, column), what.format(shown_text(row[column])), nearest_hint(row[column], known, otherwise))


# Costs of a source that has capture costs of its own, and what else its row needs.
_COSTS = ("capture_capex_mn", "fixed_om_mn_pa", "capture_cost_per_t")
_OWN = ("co2_ktpa", *_COSTS, "currency", "price_year")
SECTORS_ELSEWHERE = {"steel": "plants/steel", "chemicals": "plants/chemicals", "sources": "plants/sources"}
"""Sectors with tables of their own, and the name of sources without a sector."""

# Largest plausible ratio of stated to computed emissions; a wrong unit is a factor of a thousand.
_MOST_RATIO = 20.0


def sources_have_a_sector_or_costs(frames: Frames) -> Iterator[Issue]:
    """A source has a sector with its capacity or emissions, or capture costs of its own."""
    profiles = frames["streams/source_sectors"].set_index("sector")
    factors = frames["streams/source_streams"].groupby("sector")["emission_t_per_t"].sum()
    used = set(frames["streams/utilisation"][["province", "product"]].itertuples(index=False, name=None))
    for _, row in frames[SOURCE_PLANTS].iterrows():
        if row["sector"] == "":
            yield from _issues_without_sector(row)
        elif row["sector"] not in profiles.index:
            yield _unknown_sector_issue(row, list(profiles.index))
        else:
            sector = row["sector"]
            yield from _issues_of_sector(row, profiles.loc[sector], float(factors.get(sector, 0.0)), used)


def _issues_without_sector(row: pd.Series) -> Iterator[Issue]:
    if all(_is_empty(row[name]) for name in _COSTS):
        hint = f"give the sector, or co2_ktpa, {', '.join(_COSTS)}, currency and price_year"
        yield Issue(at(row, "sector"), "is empty, and the source has no capture costs of its own", hint)
        return
    yield from (Issue(at(row, name), "is empty", "the source has no sector") for name in _OWN if _is_empty(row[name]))


def _unknown_sector_issue(row: pd.Series, known: list[str]) -> Issue:
    sector = row["sector"]
    if sector.lower() in SECTORS_ELSEWHERE:
        table = SECTORS_ELSEWHERE[sector.lower()]
        hint = "leave it empty" if table == SOURCE_PLANTS else f"its plants are in {table}"
    else:
        hint = sector_hint(sector, known, f"sectors are {', '.join(known)}")
    return Issue(at(row, "sector"), f"'{shown_text(sector)}' is not a sector of streams/source_sectors", hint)


def _issues_of_sector(row: pd.Series, profile: pd.Series, factor: float, used: set[tuple[str, str]]) -> Iterator[Issue]:
    sector, product = row["sector"], profile["product"]
    needed, other = ("capacity_mw", "capacity_ktpa") if profile["unit"] == "MWh" else ("capacity_ktpa", "capacity_mw")
    if costs := [name for name in _COSTS if not _is_empty(row[name])]:
        what = f"a source of sector {sector} has capture costs of its own ({', '.join(costs)}), expected one of them"
        yield Issue(at(row, costs[0]), what, "leave sector empty to keep the costs")
    if not _is_empty(row[other]):
        yield Issue(at(row, other), f"is given for a source of sector {sector}", f"its capacity is in {needed}")
    elif _is_empty(row[needed]) and _is_empty(row["co2_ktpa"]):
        yield Issue(at(row, needed), f"is empty, but required for sector {sector}", "or give co2_ktpa")
    if row["grid"] == "":
        yield Issue(at(row, "grid"), f"is empty, but required for sector {sector}", "it sets the price of power")
    if _is_empty(row["co2_ktpa"]):
        if not used & {(row["province"], product), ("all", product)}:
            yield Issue(
                at(row, "sector"), f"no row for {product} in streams/utilisation.csv", "add it, or give co2_ktpa"
            )
        return
    made = row[needed] * (GWH_PER_MW if needed == "capacity_mw" else 1.0) * factor
    if made > 0 and not 1.0 / _MOST_RATIO <= row["co2_ktpa"] / made <= _MOST_RATIO:
        what = f"{row['co2_ktpa']:,.4g} kt/y of CO2, against {made:,.4g} at full load of {needed}"
        yield Issue(at(row, "co2_ktpa"), what, "is one of them in t/y? Columns that end in _ktpa are in kt/y")


def _is_empty(value: object) -> bool:
    return value == "" or bool(pd.isna(value))


def sectors_have_a_profile(frames: Frames) -> Iterator[Issue]:
    """A sector has streams, each with a gas."""
    sectors, streams, gases = (frames[f"streams/source_{name}"] for name in ("sectors", "streams", "gases"))
    for table in (streams, gases):
        what = "'{}' is not a sector of streams/source_sectors"
        yield from unknown_name_issues(table, "sector", sorted(sectors["sector"]), what, "add its row")
    emitting = streams[streams["emission_t_per_t"] > 0]
    for _, row in sectors[~sectors["sector"].isin(emitting["sector"])].iterrows():
        yield Issue(at(row, "sector"), f"no stream of {row['sector']} in streams/source_streams.csv", "add its streams")
    known = set(gases[["sector", "stream"]].itertuples(index=False, name=None))
    for _, row in streams.iterrows():
        if (row["sector"], row["stream"]) not in known:
            what = f"no row for stream {row['stream']} of {row['sector']} in streams/source_gases.csv"
            yield Issue(at(row, "stream"), what, "its grade and CO2 share are unknown without one")


def utilisation_is_of_a_product(frames: Frames) -> Iterator[Issue]:
    """A utilisation is that of crude steel, of a chemical, or of the product of a sector."""
    routes, sectors = frames["streams/chemical_routes"]["product"], frames["streams/source_sectors"]["product"]
    known = list(dict.fromkeys(["crude_steel", *routes, *sectors]))
    otherwise = f"products are {', '.join(known)}"
    yield from unknown_name_issues(frames["streams/utilisation"], "product", known, "'{}' is not a product", otherwise)


def flue_gas_technologies_have_heat(frames: Frames) -> Iterator[Issue]:
    """Technologies for flue gas have one heat demand, or demands for at least two CO2 concentrations."""
    points = frames["technologies/heat"]["technology"].value_counts()
    for _, row in frames["technologies/technologies"].iterrows():
        n_points, has_one = points.get(row["technology"], 0), pd.notna(row["heat_gj_per_t"])
        if has_one and n_points:
            what = f"technology {row['technology']} also has {n_points} rows in technologies/heat"
            yield Issue(at(row, "heat_gj_per_t"), what, "keep one of them")
        elif row["grade"] == "flue_gas" and not has_one and n_points < 2:
            what = f"technology {row['technology']} needs at least two rows"
            place = at(row, "heat_gj_per_t") if row["source"].is_own else "technologies/heat.csv"
            hint = "give heat_gj_per_t (0 for none), or rows of technologies/heat" if row["source"].is_own else ""
            yield Issue(place, what if not row["source"].is_own else f"is empty: {what} in technologies/heat", hint)


def technologies_suit_a_stream(frames: Frames) -> Iterator[Issue]:
    """Streams that a technology is limited to exist in a profile, and its name has no slash."""
    tables = ("streams/mill_stacks", "streams/chemical_grades", "streams/source_streams")
    known = sorted({stream for table in tables for stream in frames[table]["stream"]})
    for _, row in frames["technologies/technologies"].iterrows():
        for stream in filter(None, map(str.strip, row["streams"].split(";"))):
            if stream not in known:
                hint = nearest_hint(stream, known, "separate streams by semicolons")
                yield Issue(at(row, "streams"), f"'{shown_text(stream)}' is not a stream", hint)
        if "/" in row["technology"]:
            yield Issue(at(row, "technology"), f"'{shown_text(row['technology'])}' contains a slash", "remove it")


UNKNOWN = "unknown"
_MOST_ABATEMENT_SHARE = 1.0
_TABLES = ("pilots/zones", "pilots/observations", "pilots/presets", "pilots/priors")


def pilot_rows_can_be_used(frames: Frames) -> Iterator[Issue]:
    """Zones have plants, observations belong to a zone and are possible, and presets name usable observations."""
    if any(table not in frames for table in _TABLES):
        return
    yield from _zones(frames)
    yield from _observations(frames)
    yield from _presets(frames)
    for _, row in frames["pilots/priors"].iterrows():
        if not row["low"] <= row["mode"] <= row["high"] or row["low"] == row["high"]:
            yield Issue(at(row, "mode"), f"{row['parameter']}: expected low ≤ mode ≤ high, and low below high")


def _zones(frames: Frames) -> Iterator[Issue]:
    tables = {name.removeprefix("plants/"): frame for name, frame in frames.items() if name.startswith("plants/")}
    for _, row in frames["pilots/zones"].iterrows():
        # Own inventories may leave shipped zones without plants; that is an error only if a zone is used.
        if not row["source"].is_own:
            continue
        sectors = parts(row["sectors"])
        strays = [sector for sector in sectors if sector not in ("steel", "chemicals", "sources")]
        if strays:
            yield Issue(
                at(row, "sectors"), f"zone {shown_text(row['zone'])}: '{shown_text(strays[0])}' is not an inventory"
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
            what = f"plant '{shown_text(missing[0])}' is not among {row['sectors']} of {row['province']}"
            yield Issue(at(row, "plants"), f"zone {shown_text(row['zone'])}: {what}")
        elif not inside:
            yield Issue(
                at(row, "province"),
                f"zone {shown_text(row['zone'])} has no plants",
                f"{row['sectors']} of {row['province']}: name a province of the tables",
            )


def _observations(frames: Frames) -> Iterator[Issue]:
    zones = list(frames["pilots/zones"]["zone"])
    for _, row in frames["pilots/observations"].iterrows():
        about = f"row {shown_text(row['id'])}, zone {shown_text(row['zone'])}"
        for zone in parts(row["zone"]) or [""]:
            if zone not in zones:
                hint = nearest_hint(zone, zones, "zones are in pilots/zones")
                yield Issue(at(row, "zone"), f"{about}: unknown zone", hint)
        year = str(row["baseline_year"]).strip()
        if not year:
            yield Issue(at(row, "baseline_year"), f"{about}: the baseline year is missing", f"write '{UNKNOWN}'")
        needs = ("low", "high") if row["kind"] == "interval" else ("value",)
        for column in needs:
            if pd.isna(row[column]):
                yield Issue(at(row, column), f"{about}: is empty", f"required for kind {row['kind']}")
        for column in ("value", "low", "high"):
            yield from _impossible_value_issues(row, column, about)
        if row["kind"] == "interval" and row["low"] > row["high"]:
            yield Issue(at(row, "low"), f"{about}: low {row['low']:g} is above high {row['high']:g}")
        if row["sigma"] <= 0:
            yield Issue(at(row, "sigma"), f"{about}: expected a standard error above 0")
        if "|" in row["zone"] and row["kind"] != "max_of_group":
            yield Issue(at(row, "kind"), f"{about}: only rows of kind max_of_group may have several zones")


def _impossible_value_issues(row: pd.Series, column: str, about: str) -> Iterator[Issue]:
    value = row[column]
    if pd.isna(value):
        return
    if row["quantity"] == "abatement_share" and not 0 <= value <= _MOST_ABATEMENT_SHARE:
        right = value / 100
        hint = f"a share, 0 to 1: did you mean {right:g}?" if 1 < value <= 100 else "a share, 0 to 1"
        yield Issue(at(row, column), f"{about}: an abatement of {value:.0%} of the baseline is not possible", hint)
    elif value < 0 or (row["kind"] == "lognormal" and value <= 0):
        yield Issue(at(row, column), f"{about}: {value:g} is too low")


def _presets(frames: Frames) -> Iterator[Issue]:
    grades = dict(zip(frames["pilots/observations"]["id"], frames["pilots/observations"]["grade"], strict=True))
    for _, row in frames["pilots/presets"].iterrows():
        if row["id"] not in grades:
            yield Issue(
                at(row, "id"), f"preset {shown_text(row['preset'])}: there is no observation '{shown_text(row['id'])}'"
            )
        elif grades[row["id"]] == "D":
            preset = shown_text(row["preset"])
            what = f"preset {preset}: '{row['id']}' is a target (grade D), which cannot be used in a fit"
            yield Issue(at(row, "id"), what)


def parts(text: object) -> list[str]:
    """Items of a cell that holds a list separated by bars."""
    return [part.strip() for part in str(text).split("|") if part.strip()]


_ENDS = ("input", "other_input")
_NAMED = 6


def correlations_are_of_inputs(frames: Frames) -> Iterator[Issue]:
    """A correlation of the user names two different inputs, each pair once; all of them together are possible."""
    known, table = list(frames["uncertainty/inputs"]["input"]), frames["uncertainty/correlations"]
    pairs: dict[frozenset[str], pd.Series] = {}
    what, otherwise = "'{}' is not an uncertain input", "`ccs-model data uncertainty/inputs` lists the inputs"
    issues = [each for name in _ENDS for each in unknown_name_issues(own_rows(table), name, known, what, otherwise)]
    for _, row in table.iterrows():
        pair = frozenset(row[name] for name in _ENDS)
        if not row["source"].is_own:
            pairs[pair] = row
            continue
        before = pairs.setdefault(pair, row)
        if len(pair) == 1:
            issues.append(Issue(at(row, "other_input"), f"'{shown_text(row['input'])}' is correlated with itself"))
        elif before is not row and before["input"] != row["input"]:
            hint = f"write {before['input']} in column input; a row of your own then overrides the shipped one"
            issues.append(Issue(at(row, "input"), f"the pair is given as {before['input']}, {row['input']} too", hint))
    yield from issues
    own = [row for row in pairs.values() if row["source"].is_own]
    if own and not issues and not np.linalg.eigvalsh(correlation_matrix(table, known)).min() > 0:
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
        f"{place}: the path of '{shown_text(region)}' has one year, so that grid factors stay; add an earlier "
        "year's share"
        for place, region in first.items()
    ]


_CHINESE = re.compile(r"\bChin(?:a|ese)\b")


def chinese_references(references: pd.DataFrame) -> frozenset[str]:
    """References whose projects or citation are those of China."""
    rows = zip(references["reference"], references["projects_in"], references["citation"], strict=True)
    return frozenset(str(name) for name, place, text in rows if place == HOME or _CHINESE.search(str(text)))


def plants_with_products(frames: Frames) -> list[pd.DataFrame]:
    """Every table of plants with what each makes in column `made`; that of a source is empty without a sector."""
    sectors = frames["streams/source_sectors"].set_index("sector")["product"]
    sources = frames[SOURCE_PLANTS]
    return [
        frames["plants/steel"].assign(made="crude_steel"),
        *(frames[name].assign(made=frames[name]["product"]) for name in CHEMICAL_PLANTS),
        sources.assign(made=sources["sector"].map(sectors).fillna("")),
    ]


def notices_of_means(frames: Frames, provinces: Collection[str] = ()) -> list[str]:
    """Notices of products of the user's plants outside China whose utilisation is a shipped mean, of China or not.

    Of the plants in `provinces` only, if there are any.
    """
    selected = {visible_form(province) for province in provinces}
    table = frames["streams/utilisation"]
    means = table[table["province"] == "all"]
    shipped_means = set(means["product"]) - set(own_rows(means)["product"])
    cited = dict(zip(means["product"], means["reference"], strict=True))
    known = set(table[["province", "product"]].itertuples(index=False, name=None))
    of_china = chinese_references(frames["references"])
    found: dict[str, list[str]] = {}
    for frame in plants_with_products(frames):
        plants = own_rows(frame)
        if "co2_ktpa" in plants:
            plants = plants[plants["co2_ktpa"].isna()]
        plants = plants[plants["made"].isin(shipped_means) & ~are_in_china(plants["province"])]
        for _, row in plants.drop_duplicates(["province", "made"]).iterrows():
            is_known = (row["province"], row["made"]) in known
            is_known |= bool(selected) and visible_form(row["province"]) not in selected
            if not is_known and not are_in_china([area_near(row["lat_deg"], row["lon_deg"])])[0]:
                found.setdefault(str(row["made"]), []).append(str(row["province"]))
    notices = []
    for name, places in found.items():
        what = (
            "the mean of China" if cited[name] in of_china else f"a value that is not of this country ({cited[name]})"
        )
        named = join_first_names([*map(shown_text, places)], _NAMED)
        advice = "add a row of the country to a table of your own"
        notices.append(f"streams/utilisation: {what} holds for {name} in {named}; {advice}")
    return notices


def market_sectors_exist(frames: Frames) -> Iterator[Issue]:
    """The sectors of the user's rules of a carbon market are sectors of plants."""
    known = [*SECTORS_ELSEWHERE, *frames["streams/source_sectors"]["sector"]]
    rules, otherwise = own_rows(frames["policy/ets"]), f"sectors are {', '.join(known)}"
    yield from unknown_name_issues(rules, "sector", known, "'{}' is not a sector of plants", otherwise)
