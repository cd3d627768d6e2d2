"""Checks across rows and tables, one function per check; CHECKS lists them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from ccs_model.errors import Issue
from ccs_model.inputs.declarations import CHEMICAL_PLANTS, NODES, PLANTS, SITES, own_rows
from ccs_model.inputs.declarations import place_of as at
from ccs_model.inputs.source_checks import (
    SECTORS_ELSEWHERE,
    Frames,
    correlations_are_of_inputs,
    flue_gas_technologies_have_heat,
    market_sectors_exist,
    pilot_rows_can_be_used,
    sectors_have_a_profile,
    sources_have_a_sector_or_costs,
    spreads_are_possible,
    technologies_suit_a_stream,
    unknown_name_issues,
    utilisation_is_of_a_product,
)
from ccs_model.scenario.validation import odd_letters, shown_text, visible_form

# Key columns of the tables whose key is not the first column alone.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "streams/mill_stacks": ("profile", "stream"),
    "streams/chemical_routes": ("product", "feedstock", "gasifier"),
    "streams/utilisation": ("province", "product", "year"),
    "streams/source_streams": ("sector", "stream"),
    "streams/source_gases": ("sector", "stream"),
    "technologies/heat": ("technology", "co2_share"),
    "prices/power": ("grid", "year"),
    "prices/fuels": ("province", "fuel", "year"),
    "prices/grid_factors": ("province", "year"),
    "prices/carbon": ("market", "measure", "year"),
    "indices/deflators": ("currency", "year"),
    "indices/exchange_rates": ("currency", "year"),
    "indices/plant_cost": ("series", "year"),
    "transport/line_costs": ("link", "pipe"),
    "transport/terrain": ("lat_deg", "lon_deg"),
    "storage/site_costs": ("site", "step"),
    "storage/well_rates": ("basin", "reservoir_class"),
    "storage/basin_capacities": ("basin", "part"),
    "storage/class_costs": ("reservoir_class", "cost"),
    "costs/contingencies": ("contingency", "level"),
    "uncertainty/correlations": ("input", "other_input"),
    "finance/margins": ("product", "year"),
    "finance/rates": ("instrument", "from_date"),
    "policy/ets": ("market", "sector", "first_year"),
    "policy/non_fossil": ("region", "measure", "year"),
    "policy/intensity": ("plan", "measure"),
    "policy/value_added": ("province", "year"),
    "policy/provincial_co2": ("province", "year"),
    "policy/social_cost_of_carbon": ("series", "year"),
    "policy/pollution_taxes": ("tax_zone", "pollutant"),
    "pilots/presets": ("preset", "id"),
    "pilots/track_record": ("project", "period"),
    "pilots/delivered_shares": ("class", "region"),
}
UNKNOWN_REFERENCE = "is not in references.csv"
_BETWEEN = " – "
_SHARE_MARGIN = 1e-6
# Columns that name a row of other tables, and what a message says of a stray name.
_NAMED_IN: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("plants/steel_units", "plant", ("plants/steel",), "is not in plants/steel.csv"),
    ("plants/captive_units", "plant", PLANTS[:3], "is neither a steel plant nor a chemical plant"),
    ("storage/site_costs", "site", (SITES,), "is not in storage/sites.csv"),
)
_ALL_IN = "storage_cost_per_t"
_SEPARATE_COSTS = (
    "site_capex_mn", "site_om_mn_pa", "monitoring_mn_pa", "closure_mn", "post_injection_mn", "well_capex_mn",
    "well_om_mn_pa", "injection_cost_per_t",
)  # fmt: skip
# Largest plausible ratio between capacities of a plant; a wrong unit is a factor of a thousand.
_MOST_RATIO = 20.0
_IRON = ("bf_iron_ktpa", "dri_iron_ktpa")
_ROUTES = ("bof_steel_ktpa", "eaf_steel_ktpa")
# Routes add up to crude steel, but for different years of the two figures.
_MOST_OF_CRUDE = 1.1
_HINT = "is one of them in t/y? Columns that end in _ktpa are in kt/y"


def key_of(table: str, frame: pd.DataFrame) -> list[str]:
    """Columns that identify a row of the table."""
    return list(_KEYS.get(table, frame.columns[:1]))


def rows_that_repeat(table: str, frame: pd.DataFrame) -> Iterator[Issue]:
    """Issues of rows that repeat the key of an earlier row."""
    key = key_of(table, frame)
    keys = list(zip(*(frame[column].tolist() for column in key), strict=True))
    if len(set(keys)) == len(keys) and all(value == value for values in keys for value in values):  # NaN repeats NaN
        return
    first: dict[Hashable, pd.Series] = {}
    for _, row in frame[frame.duplicated(key, keep=False)].iterrows():
        before = first.setdefault(tuple(row[key]), row)
        if before is row:
            continue
        named = ", ".join(f"{column} {_number_text(row[column])}" for column in key)
        yield Issue(at(row), f"{named} is already given at {_relative_place(row, before)}")


def _relative_place(row: pd.Series, other: pd.Series) -> str:
    """Place of another row; only its line if both are in one CSV file."""
    is_same_file = other["source"].file == row["source"].file and row["source"].positions is None
    return f"line {other['line']}" if is_same_file else at(other)


def keys_are_unique(frames: Frames) -> Iterator[Issue]:
    """Keys of a table are unique, and a plant id is in one inventory only."""
    for table, frame in frames.items():
        yield from rows_that_repeat(table, frame)
    for place, table in enumerate(PLANTS):
        for other in PLANTS[:place]:
            plants, earlier = frames[table], frames[other]
            for _, row in plants[plants["plant"].isin(earlier["plant"])].iterrows():
                first = earlier[earlier["plant"] == row["plant"]].iloc[0]
                yield Issue(at(row), f"plant {row['plant']} is in both inventories, first at {at(first)}")


def ids_are_unique(frames: Frames) -> Iterator[Issue]:
    """Ids of the user's plants, sites, hubs and references differ in more than what a reader does not see."""
    for tables, column in ((PLANTS, "plant"), ((SITES,), "site"), (("transport/hubs",), "hub"),
                           (("references",), "reference")):  # fmt: skip
        first: dict[str, pd.Series] = {}
        whole = pd.concat([frames[table][[column, "line", "source"]] for table in tables], ignore_index=True)
        alike = whole[column].map(visible_form)
        for i, row in whole[alike.duplicated(keep=False)].iterrows():
            before = first.setdefault(alike[i], row)
            if before[column] != row[column] and (before["source"].is_own or row["source"].is_own):
                odd = odd_letters(row[column]) or odd_letters(before[column])
                other = f"'{shown_text(before[column])}' of {_relative_place(row, before)}"
                what = f"'{shown_text(row[column])}' looks like {other}"
                yield Issue(
                    at(row, column),
                    f"{what}, one with {odd}" if odd else what,
                    "write one id for both, or give ids that differ in more than case, width or look-alike letters",
                )


def references_exist(frames: Frames) -> Iterator[Issue]:
    """The reference of every row is in references.csv."""
    known = set(frames["references"]["reference"])
    for table, frame in frames.items():
        if table == "references" or "reference" not in frame or known.issuperset(frame["reference"]):
            continue
        for _, row in frame[~frame["reference"].isin(known)].iterrows():
            own = "add it to a references table of your own, see docs/reference/own-tables.md"
            hint = own if row["source"].is_own else ""
            yield Issue(at(row, "reference"), f"'{row['reference']}' {UNKNOWN_REFERENCE}", hint)


def money_is_of_a_known_year(frames: Frames) -> Iterator[Issue]:
    """There is a price index for the currency and price year of every amount of the user."""
    index = frames["indices/deflators"]
    known = set(zip(index["currency"], index["year"], strict=True))
    held = index.groupby("currency")["year"].agg(["min", "max"])
    for frame in frames.values():
        if "currency" not in frame or "price_year" not in frame or frame.empty:
            continue
        pairs = list(zip(frame["currency"], frame["price_year"], strict=True))
        if known.issuperset(pairs):
            continue
        for _, row in frame[[pair not in known for pair in pairs]].iterrows():
            if not row["source"].is_own or not row["currency"] or pd.isna(row["price_year"]):
                continue
            currency, year = row["currency"], int(row["price_year"])
            what = f"no price index for {currency} {year}"
            if currency in held.index:
                what += f"; indices/deflators covers {held.at[currency, 'min']:.0f} to {held.at[currency, 'max']:.0f}"
            else:
                what += f"; indices/deflators has {', '.join(held.index)}"
            column = "price_year" if currency in held.index else "currency"
            yield Issue(at(row, column), what, "convert the amount, or add rows to your own indices/deflators")


def units_and_curves_belong_to_a_place(frames: Frames) -> Iterator[Issue]:
    """The plant of every furnace and captive unit, and the site of every cost step, is known if given."""
    for table, column, others, what in _NAMED_IN:
        frame, known = frames[table], {"", *(name for other in others for name in frames[other][column])}
        for _, row in frame[~frame[column].isin(known)].iterrows():
            yield Issue(at(row, column), f"'{row[column]}' {what}")


def rows_are_possible(frames: Frames) -> Iterator[Issue]:
    """Rows break no rule of `_RULES`."""
    for rule in _RULES:
        for table in rule.tables:
            frame = own_rows(frames[table]) if rule.is_own else frames[table]
            broken = rule.is_broken(frame)
            for _, row in frame[broken].iterrows() if broken.any() else ():
                values = {name: _Number(value) if isinstance(value, float) else value for name, value in row.items()}
                yield Issue(at(row, rule.column), rule.what.format_map(values), rule.hint)


@dataclass(frozen=True)
class _Rule:
    """A rule for the rows of tables, which those where `is_broken` break; the issue is at a column.

    `what` has the names of columns in braces for the values of the row. With `is_own`, only the user's rows count.
    """

    tables: tuple[str, ...]
    column: str
    is_broken: Callable[[pd.DataFrame], pd.Series]
    what: str
    hint: str = ""
    is_own: bool = False


class _Number(float):
    """A number of a message, which an integer fills without decimals."""

    def __str__(self) -> str:
        return _number_text(float(self))


_STEEL, _TECHNOLOGIES = ("plants/steel",), ("technologies/technologies",)
_ORDERED = "expected low ≤ mid ≤ high"
_NO_RATE, _HALF = "a well takes 0 kt/y, expected more than 0", "is empty, but the other half of the law is given"
_RULES: tuple[_Rule, ...] = (
    _Rule(PLANTS, "turnaround_until", lambda t: t["turnaround_until"] < t["turnaround_from"],
          "{turnaround_until} is before turnaround_from {turnaround_from}"),
    _Rule((*_STEEL, *CHEMICAL_PLANTS), "closing_year", lambda t: t["closing_year"] <= t["start_year"],
          "{plant} closes in {closing_year}, but starts in {start_year}", "expected a year after the start", True),
    _Rule(_STEEL, "retiring_bf_iron_ktpa",
          lambda t: t["retiring_bf_iron_ktpa"].fillna(0) > t["bf_iron_ktpa"].fillna(0) + 1e-9,
          "{retiring_bf_iron_ktpa:g} is more than bf_iron_ktpa {bf_iron_ktpa:g}"),
    _Rule(_STEEL, "retiring_bof_steel_ktpa",
          lambda t: t["retiring_bof_steel_ktpa"].fillna(0) > t["bof_steel_ktpa"].fillna(0) + 1e-9,
          "{retiring_bof_steel_ktpa:g} is more than bof_steel_ktpa {bof_steel_ktpa:g}"),
    _Rule(CHEMICAL_PLANTS, "gasifier", lambda t: (t["feedstock"] == "coal") & (t["gasifier"] == ""),
          "is empty, but required for a coal plant"),
    _Rule(CHEMICAL_PLANTS, "gasifier", lambda t: (t["feedstock"] != "coal") & (t["gasifier"] != ""),
          "is given for a {feedstock} plant", "leave it empty: only coal has a gasifier"),
    _Rule(CHEMICAL_PLANTS, "urea_share", lambda t: (t["product"] == "ammonia") & t["urea_share"].isna(),
          "is empty, but required for an ammonia plant"),
    _Rule(CHEMICAL_PLANTS, "urea_share", lambda t: (t["product"] != "ammonia") & (t["urea_share"] > 0),
          "is given for a {product} plant", "leave it empty: urea is made of ammonia"),
    _Rule(("streams/source_sectors",), "sector", lambda t: t["sector"].isin(SECTORS_ELSEWHERE),
          "'{sector}' is the name of a table of plants", "give the sector another name"),
    _Rule(("streams/source_gases",), "co2_share", lambda t: (t["grade"] == "flue_gas") & ~(t["co2_share"] > 0),
          "expected a share above 0 for flue gas"),
    _Rule(_TECHNOLOGIES, "life_yr", lambda t: t["life_yr"] < t["min_life_yr"],
          "{life_yr} is less than min_life_yr {min_life_yr}", "the technology could never be built", True),
    _Rule(_TECHNOLOGIES, "reference_co2_share",
          lambda t: (t["grade"] == "flue_gas") & t["reference_co2_share"].isna(),
          "is empty, but required for flue gas", "the CO2 share of the gas that the capex belongs to"),
    _Rule(_TECHNOLOGIES, "smallest_train_ktpa", lambda t: t["smallest_train_ktpa"] > t["largest_train_ktpa"],
          "{smallest_train_ktpa:g} is more than largest_train_ktpa {largest_train_ktpa:g}"),
    _Rule(_TECHNOLOGIES, "co2_scaled_share", lambda t: t["co2_scaled_share"].isna() & t["gas_exponent"].notna(),
          _HALF, "give both or neither"),
    _Rule(_TECHNOLOGIES, "gas_exponent", lambda t: t["gas_exponent"].isna() & t["co2_scaled_share"].notna(), _HALF,
          "give both or neither"),
    _Rule((SITES,), "capacity_low_kt", lambda t: t["capacity_low_kt"] > t["capacity_mid_kt"],
          "{capacity_low_kt} is more than capacity_mid_kt {capacity_mid_kt}", _ORDERED, True),
    _Rule((SITES,), "capacity_mid_kt", lambda t: t["capacity_mid_kt"] > t["capacity_high_kt"],
          "{capacity_mid_kt} is more than capacity_high_kt {capacity_high_kt}", _ORDERED, True),
    _Rule((SITES,), "additional_t_oil_per_t", lambda t: t["additional_t_oil_per_t"].notna() & (t["kind"] != "eor"),
          "site {site} is of kind {kind}, which yields no oil",
          "leave additional_t_oil_per_t empty, or set kind to eor"),
    _Rule((SITES,), "additional_t_oil_per_t",
          lambda t: t["additional_t_oil_per_t"].notna() & (t["kind"] == "eor") & t["eor_revenue_per_t"].notna(),
          "site {site} has eor_revenue_per_t and additional_t_oil_per_t, expected one of them",
          "with additional_t_oil_per_t the payment follows the oil price"),
    _Rule((SITES,), "well_injectivity_ktpa", lambda t: t["well_injectivity_ktpa"] == 0, _NO_RATE,
          "leave it empty for the rate of the basin"),
    _Rule(("storage/reservoir_classes", "storage/well_rates"), "well_ktpa", lambda t: t["well_ktpa"] == 0, _NO_RATE),
    _Rule(("storage/reservoir_classes",), "well_cap_ktpa", lambda t: t["well_cap_ktpa"] == 0, _NO_RATE),
)  # fmt: skip


def notices_of_capacities(frames: Frames) -> list[str]:
    """Notices of mills of the user whose routes make more steel than the mill."""
    steel = own_rows(frames["plants/steel"])
    by_route, crude = steel[list(_ROUTES)].fillna(0.0).sum(axis=1), steel["crude_steel_ktpa"]
    return [
        f"{at(row, 'crude_steel_ktpa')}: {' and '.join(_ROUTES)} of {row['plant']} sum to {by_route[i]:,.0f}, "
        f"more than crude_steel_ktpa {crude[i]:,.0f}; emissions follow the routes"
        for i, row in steel[by_route > _MOST_OF_CRUDE * crude].iterrows()
    ]


def own_capacities_are_plausible(frames: Frames) -> Iterator[Issue]:
    """Iron and steel capacities of the user's plants are in proportion to crude steel; a wrong unit is not."""
    steel = own_rows(frames["plants/steel"])
    if steel.empty:
        return
    crude = steel["crude_steel_ktpa"].fillna(0.0)
    for column in (*_IRON, *_ROUTES):
        what = "iron" if column in _IRON else "steel by one route"
        part = steel[column].fillna(0.0)
        for i in steel.index[(crude > 0) & (part > _MOST_RATIO * crude)]:
            yield Issue(
                at(steel.loc[i], column), f"{part[i] / crude[i]:,.0f} t of {what} for each t of crude steel", _HINT
            )
    by_route = steel[list(_ROUTES)].fillna(0.0).sum(axis=1)
    for i in steel.index[(by_route > 0) & (crude > _MOST_RATIO * by_route)]:
        what = f"{crude[i] / by_route[i]:,.0f} t of crude steel for each t by its routes"
        yield Issue(at(steel.loc[i], "crude_steel_ktpa"), what, _HINT)


def cost_curves_are_complete_and_increasing(frames: Frames) -> Iterator[Issue]:
    """The steps of a site are numbered from 1, cover its capacity, share a currency, and do not decrease in cost."""
    curves: dict[str, list[pd.Series]] = {}
    for _, row in frames["storage/site_costs"].sort_values("step", kind="stable").iterrows():
        curves.setdefault(row["site"], []).append(row)
    for site, steps in curves.items():
        numbers = [row["step"] for row in steps]
        if numbers != list(range(1, len(steps) + 1)):
            what = f"the steps of {site} are numbered {', '.join(map(_number_text, numbers))}"
            yield Issue(at(steps[0], "step"), what, "number the steps from 1, each once")
        total = sum(row["capacity_share"] for row in steps)
        if abs(total - 1) > _SHARE_MARGIN:
            yield Issue(
                at(steps[-1], "capacity_share"), f"the capacity shares of {site} sum to {total:.9g}, expected 1"
            )
        if len({(row["currency"], row["price_year"]) for row in steps}) > 1:
            yield Issue(at(steps[-1], "currency"), f"the steps of {site} are in several currencies or price years")
            continue
        for before, row in pairwise(steps):
            if row["storage_cost_per_t"] < before["storage_cost_per_t"]:
                what = f"step {_number_text(row['step'])} of {site} costs less than the step before"
                yield Issue(at(row, "storage_cost_per_t"), what, "order the steps by cost")


def sites_have_one_kind_of_cost(frames: Frames) -> Iterator[Issue]:
    """A site has an all-in cost per tonne or separate costs, not both."""
    sites = frames[SITES]
    steps = frames["storage/site_costs"].drop_duplicates("site").set_index("site")
    for _, row in sites[sites[list(_SEPARATE_COSTS)].notna().any(axis=1)].iterrows():
        has_cost, has_steps = pd.notna(row[_ALL_IN]), row["site"] in steps.index
        if has_cost or has_steps:
            given = ", ".join(name for name in _SEPARATE_COSTS if pd.notna(row[name]))
            place = at(row, _ALL_IN) if has_cost else at(steps.loc[row["site"]], _ALL_IN)
            yield Issue(
                place,
                f"site {row['site']} has an all-in cost per tonne and separate costs ({given}), expected one of them",
                "move what is paid per tonne to injection_cost_per_t, or leave the separate columns empty",
            )


def classes_have_all_costs(frames: Frames) -> Iterator[Issue]:
    """Every class of reservoirs has all separate costs."""
    given = set(frames["storage/class_costs"][["reservoir_class", "cost"]].itertuples(index=False, name=None))
    for name in frames["storage/reservoir_classes"]["reservoir_class"]:
        for cost in _SEPARATE_COSTS:
            if (name, cost) not in given:
                yield Issue("storage/class_costs.csv", f"no row for {cost} of {name}", "add it; 0 is a cost, too")


def chemical_plants_have_a_route(frames: Frames) -> Iterator[Issue]:
    """There is a row of streams/chemical_routes for every chemical plant."""
    key = ["product", "feedstock", "gasifier"]
    known = set(frames["streams/chemical_routes"][key].itertuples(index=False, name=None))
    for table in CHEMICAL_PLANTS:
        plants = frames[table]
        plants = plants[(plants["feedstock"] == "coal") == (plants["gasifier"] != "")]
        is_known = [each in known for each in plants[key].itertuples(index=False, name=None)]
        for _, row in plants[~np.array(is_known, dtype=bool)].iterrows():
            what = f"no row for {' '.join(filter(None, row[key]))} in streams/chemical_routes.csv"
            yield Issue(at(row, "feedstock"), what, "its CO2 emissions are unknown without one")


def streams_have_plain_names(frames: Frames) -> Iterator[Issue]:
    """Names of streams have no plus sign, which joins the streams of a shared unit."""
    for table in ("streams/mill_stacks", "streams/chemical_grades", "streams/source_streams"):
        frame = frames[table]
        for _, row in frame[frame["stream"].str.contains("+", regex=False)].iterrows():
            yield Issue(at(row, "stream"), f"'{shown_text(row['stream'])}' contains a plus sign", "remove it")


def node_ids_are_unique(frames: Frames) -> Iterator[Issue]:
    """Ids of the user's hubs and sites differ from those of all other nodes, so that links are unambiguous."""
    owners: dict[str, str] = {}
    for table, column in NODES:
        frame = frames[table]
        for _, row in frame[frame[column].isin(owners)].iterrows():
            if row["source"].is_own and not table.startswith("plants/"):
                yield Issue(at(row, column), f"'{shown_text(row[column])}' is already an id in {owners[row[column]]}")
        owners |= dict.fromkeys(frame[column], table)


def links_join_two_nodes(frames: Frames) -> Iterator[Issue]:
    """The ends of a link are two different plants, sites or hubs."""
    links, known = frames["transport/links"], sorted(_node_names(frames))
    what, otherwise = "'{}' is not a plant, site or hub", "junctions are in transport/hubs"
    for column in ("node_a", "node_b"):
        yield from unknown_name_issues(links, column, known, what, otherwise)
    for _, row in links[links["node_a"] == links["node_b"]].iterrows():
        yield Issue(at(row, "node_b"), f"the link joins '{shown_text(row['node_a'])}' to itself")


def line_costs_belong_to_a_line(frames: Frames) -> Iterator[Issue]:
    """A quoted pipeline cost names a link (given, or generated and named after its ends) and a pipe size."""
    table = frames["transport/line_costs"]
    if table.empty:
        return
    links, nodes = sorted(frames["transport/links"]["link"]), _node_names(frames)
    trends = frames["transport/trends"]
    sizes = (trends,) if len(trends) else (frames["transport/pipe_sizes"], frames["transport/pipes"])
    pipes = sorted({pipe for table in sizes for pipe in table["pipe"]})
    unjoined = table[[not _is_generated_link(link, nodes) for link in table["link"]]]
    otherwise = "links are in transport/links; generated links are named 'A – B' after their ends"
    yield from unknown_name_issues(unjoined, "link", links, "there is no link '{}'", otherwise)
    what = f"there is no size '{{}}' in transport/{'trends' if len(trends) else 'pipe_sizes'}"
    yield from unknown_name_issues(table, "pipe", pipes, what, ", ".join(pipes[:12]))


def _node_names(frames: Frames) -> set[str]:
    return {name for table, column in NODES for name in frames[table][column]}


def _is_generated_link(link: str, nodes: Collection[str]) -> bool:
    """Whether the name is that of a generated link; generated hubs are named after a plant."""
    words = link.split(_BETWEEN)
    ways = ((_BETWEEN.join(words[:k]), _BETWEEN.join(words[k:])) for k in range(1, len(words)))
    return any(all(end in nodes or end.removeprefix("hub ") in nodes for end in ends) for ends in ways)


def _number_text(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


CHECKS: tuple[Callable[[Frames], Iterator[Issue]], ...] = (
    keys_are_unique,
    ids_are_unique,
    references_exist,
    money_is_of_a_known_year,
    rows_are_possible,
    units_and_curves_belong_to_a_place,
    own_capacities_are_plausible,
    chemical_plants_have_a_route,
    flue_gas_technologies_have_heat,
    technologies_suit_a_stream,
    sources_have_a_sector_or_costs,
    sectors_have_a_profile,
    utilisation_is_of_a_product,
    streams_have_plain_names,
    cost_curves_are_complete_and_increasing,
    sites_have_one_kind_of_cost,
    classes_have_all_costs,
    node_ids_are_unique,
    links_join_two_nodes,
    line_costs_belong_to_a_line,
    pilot_rows_can_be_used,
    correlations_are_of_inputs,
    market_sectors_exist,
    spreads_are_possible,
)
