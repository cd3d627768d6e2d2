"""Values of a scenario that are valid and have no effect, in words, so that none is without effect in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from operator import attrgetter

import numpy as np
import pandas as pd

from ccs_model.engineering.capture_units import shared_streams
from ccs_model.engineering.co2_transport import great_circle_km
from ccs_model.engineering.streams import STREAM as CAPTIVE
from ccs_model.inputs import Inputs
from ccs_model.inputs.declarations import CHEMICAL_PLANTS
from ccs_model.inputs.geography import are_in_area, are_in_country, country_near
from ccs_model.inputs.place_checks import PROVINCE_MARGIN_KM
from ccs_model.problem.chinese_values import notices_of_chinese_values
from ccs_model.problem.link_costs import Terrain
from ccs_model.problem.problem import Problem
from ccs_model.problem.scenario_names import named_place, place_of
from ccs_model.problem.sea_crossings import notices_of_sea_crossings
from ccs_model.problem.unused_policy import policy_notices
from ccs_model.scenario import Scenario
from ccs_model.units import join_first_names

_MOST_NAMED, _MOST_PLACES = 6, 20


def input_warnings(problem: Problem) -> tuple[str, ...]:
    """Return what a plan warns of: notices on the tables, values without effect, futures."""
    ignored = ("the scenario's futures are ignored here; ccs-model stochastic uses them",)
    return (*problem.inputs.all_notices, *unused_inputs(problem), *(ignored if problem.scenario.futures else ()))


def unused_inputs(problem: Problem) -> tuple[str, ...]:
    """Return a sentence, after its file and line or key, on each value of the scenario that has no effect."""
    changes = [future.changes for future in problem.scenario.futures.values()]
    return (
        *_technologies(problem),
        *policy_notices(problem),
        *_targets(problem),
        *_budgets(problem),
        *_keys_of_other_kinds(problem),
        *_closing_plants(problem),
        *_names_outside_problem(problem),
        *_years_within_periods(problem),
        *_sites_without_budget(problem),
        *_sites_left_out(problem),
        *_sites_abroad(problem),
        *_cost_steps(problem),
        *_links(problem),
        *_terrain(problem),
        *notices_of_sea_crossings(problem),
        *notices_of_chinese_values(problem),
        *plant_notices(problem),
        *(f"futures: {text}" for text in unused_changes(problem.scenario, changes)),
    )


def unused_changes(scenario: Scenario, variants: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """Return a sentence on changes by dotted key that have no effect on the owners in any variant that makes them."""
    deductible = "policy.capture_deductible"
    priced = [each for each in variants if any(key.startswith("policy.carbon_price_per_t") for key in each)]
    if priced and not any(each.get(deductible, scenario.policy.capture_deductible) for each in priced):
        return (f"policy.carbon_price_per_t: the carbon price earns the owners nothing, since {deductible} is false",)
    return ()


def _keys_of_other_kinds(problem: Problem) -> Iterator[str]:
    """Keys of another kind of scenario."""
    scenario, streams = problem.scenario, problem.streams
    nominal = any(fund.nominal_interest_rate is not None for fund in scenario.funds.values())
    is_shared, is_calibrated = problem.network is not None, scenario.calibration.use != "none"
    has_oil_price = scenario.storage.oil_price_per_bbl is not None
    has_steel = bool((problem.plants["sector"] == "steel").any())
    has_rate = bool(scenario.policy.paid_per_captured_t or scenario.policy.paid_per_avoided_t)
    for key, has_effect, why in (
        ("storage_life_yr", problem.is_static, "spreads the capacity of sites over the years of 'years: static'"),
        (
            "transport.corridors",
            is_shared and problem.is_integer,
            "names links of shared networks with integer decisions",
        ),
        ("transport.candidate_links", is_shared, "names links of shared networks"),
        ("storage.oil_price_currency", has_oil_price, "is that of storage.oil_price_per_bbl, which is not given"),
        ("storage.oil_price_year", has_oil_price, "is that of storage.oil_price_per_bbl, which is not given"),
        (
            "costs.oil_factor",
            bool((problem.sites["kind"] == "eor").any()),
            "is for oil fields, of which there are none",
        ),
        ("plants.furnace_streams", has_steel, "splits the hot stoves of steel works, of which there are none"),
        ("capture.start_at_relining", has_steel, "is for hot stoves of steel works, of which there are none"),
        (
            "plants.captive_units",
            bool((streams["stream"] == CAPTIVE).any()),
            "adds captive coal units, of which there are none",
        ),
        ("capture.shared_absorbers", len(shared_streams(streams)) > 0, "needs plants with several flue gases"),
        ("calibration.preset", is_calibrated, "selects a calibration, and calibration.use is none"),
        ("calibration.file", is_calibrated, "replaces the shipped calibration, and calibration.use is none"),
        ("policy.paid_from", has_rate, "dates payments per tonne, of which there are none"),
        ("policy.paid_until", has_rate, "dates payments per tonne, of which there are none"),
        ("risk.cvar_share", scenario.risk.weight > 0, "defines the worst futures of risk.weight, which is 0"),
        ("capital_recovery_share", problem.is_static, "annualises the capital of 'years: static'"),
        ("finance.inflation_rate", nominal, "converts nominal interest rates, of which there are none"),
        ("storage.nearest_sites", not is_shared, "limits the sites of own pipelines; the network is shared"),
        ("here_and_now", bool(scenario.futures), "names first-stage years of futures, of which there are none"),
        ("calibration.ceiling", is_calibrated, "limits a calibrated plan; use is none"),
        ("risk.weight", bool(scenario.futures), "weighs the worst futures, of which there are none"),
    ):
        if key in scenario.places and not has_effect and not _is_default(scenario, key):
            yield f"{named_place(scenario, key)} has no effect: it {why}"
    if scenario.source_path is not None and "currency" not in scenario.places and not problem.is_in_china:
        yield f"currency is not given, so that amounts are in {scenario.currency}, though no plant is in China"
    if scenario.costs.om_factor != 1.0 and (problem.routes["saving_mn_pa"] > 0).any():
        yield f"{named_place(scenario, 'costs.om_factor')} also multiplies what measures save, which counts as O&M"
    if scenario.transport.trucks and not scenario.transport.shared_trunklines:
        place = place_of(scenario, "transport.trucks")
        yield f"{place}: trucks run on shared networks only, and transport.shared_trunklines is false"


def _is_default(scenario: Scenario, key: str) -> bool:
    """Whether a key has the value that it has where it is not given."""
    section, _, name = key.rpartition(".")
    owner = attrgetter(section)(scenario) if section else scenario
    default = type(owner).model_fields[name].get_default(call_default_factory=True)
    return bool(getattr(owner, name) == default)


def _closing_plants(problem: Problem) -> Iterator[str]:
    """Plants that may be retrofitted and close, in a representative year, which does not count that."""
    routes = problem.routes
    early = set(routes["plant"][routes["closing_year"] < problem.first_year + routes["life_yr"]])
    plants = problem.plants[problem.plants["is_candidate"] & problem.plants["plant"].isin(early)]
    if not problem.is_static or plants.empty:
        return
    names = [f"{name} ({year:.0f})" for name, year in plants[["name", "closing_year"]].itertuples(index=False)]
    yield (
        f"{place_of(problem.scenario, 'years')}: a representative year annualises capture over its whole life, also at "
        f"plants that close earlier (closing_year): {join_first_names(names, _MOST_NAMED)}"
    )


def _names_outside_problem(problem: Problem) -> Iterator[str]:
    """Plants and sites of the scenario that are not in the problem, and province budgets above the total."""
    scenario, budget = problem.scenario, problem.scenario.budget
    plants, sites = set(problem.plants["plant"]), set(problem.sites["site"])
    for key, names, known in (
        ("plants.exclude", scenario.plants.excluded, plants),
        ("plants.not_before", scenario.plants.not_before, plants),
        ("storage.capacity_kt", scenario.storage.capacity_kt, sites),
        ("storage.not_before", scenario.storage.not_before, sites),
    ):
        if outside := [name for name in names if name not in known]:
            what = "names plants or sites that are not in the problem"
            yield f"{named_place(scenario, key)} {what}: {', '.join(outside)}"
    if idle := _exclusions_outside_selection(problem):
        yield f"{named_place(scenario, 'storage.exclude')} names sites that storage.sites does not select: {idle}"
    last = problem.years[-1]
    if late := sorted(site for site, year in scenario.storage.not_before.items() if year > last and site in sites):
        place = place_of(scenario, "storage.not_before")
        yield f"{place}: the last period begins in {last}, so that these sites do not open: {', '.join(late)}"
    for province, limit in budget.by_province_mn.items():
        if budget.total_mn is not None and limit > budget.total_mn:
            place = place_of(scenario, f"budget.by_province_mn.{province}")
            yield f"{place}: the budget of {province} is above the total budget, which limits it"


def _years_within_periods(problem: Problem) -> Iterator[str]:
    """First years of plants and sites that lie within a period."""
    scenario, years = problem.scenario, problem.years
    for key in ("plants.not_before", "storage.not_before"):
        given = attrgetter(key)(scenario).items()
        within = [f"{name} ({year})" for name, year in given if years[0] < year < years[-1] and year not in years]
        if within:
            names = join_first_names(within, _MOST_NAMED)
            yield f"{named_place(scenario, key)} has years within a period, so that the next period counts: {names}"


def _sites_without_budget(problem: Problem) -> Iterator[str]:
    """Sites whose capital counts in no budget or fund of a province although some are limited to provinces."""
    scenario, network = problem.scenario, problem.network
    keys = {"budget.by_province_mn": [*scenario.budget.by_province_mn]}
    keys |= {f"funds.{name}.provinces": [*fund.provinces] for name, fund in scenario.funds.items()}
    keys = {key: provinces for key, provinces in keys.items() if provinces}
    if not keys or network is None:
        return
    sites = problem.sites[problem.sites["site"].isin(network.node_of_site)]
    counted = sites["province"].isin(set(problem.plants["province"])).to_numpy(bool)
    for province in {each for provinces in keys.values() for each in provinces}:
        counted = counted | are_in_area(sites["province"], province)
    outside = sites[~counted].groupby("province")["site"].agg(list)
    if outside.empty:
        return
    place, what = place_of(scenario, next(iter(keys))), "counts in no budget or fund of a province"
    if len(outside) == 1:
        names = join_first_names(outside.iloc[0], _MOST_NAMED)
        yield f"{place}: the capital of storage sites in {outside.index[0]} {what}: {names}"
    else:
        names = join_first_names(
            [f"{province} ({join_first_names(there, 2)})" for province, there in outside.items()], _MOST_NAMED
        )
        yield f"{place}: the capital of storage sites in {len(outside)} provinces {what}: {names}"


def _sites_left_out(problem: Problem) -> Iterator[str]:
    """Sites of the user that storage.sites does not select, although the scenario does not exclude them by name."""
    table, inputs, excluded = problem.inputs["storage/sites"], problem.inputs, problem.scenario.storage.exclude
    outside = [
        site
        for row, (site, basin) in enumerate(zip(table["site"], table["basin"], strict=True))
        if inputs.is_own("storage/sites", row) and site not in set(problem.sites["site"])
        if site not in excluded and basin not in excluded
    ]
    if outside and problem.scenario.storage.sites:
        names = join_first_names(outside, _MOST_NAMED)
        yield f"{named_place(problem.scenario, 'storage.sites')} does not select sites of your tables: {names}"


def _sites_abroad(problem: Problem) -> Iterator[str]:
    """Onshore sites of the user beyond reach in a country without a plant; their places may be wrong."""
    table, plants, network = problem.inputs["storage/sites"], problem.plants, problem.network
    reached = set(problem.routes["site"]) if network is None else set(network.node_of_site)
    of_scenario = table["site"].isin(set(problem.sites["site"]) - reached) & (table["is_offshore"] != "yes")
    own = [k for k in np.flatnonzero(of_scenario) if problem.inputs.is_own("storage/sites", int(k))]
    if len(own) > _MOST_PLACES:
        return  # most sites of a large table are out of reach, wherever they are
    countries = {k: country_near(*table.loc[table.index[k], ["lat_deg", "lon_deg"]].astype(float)) for k in own}
    lat, lon = (plants[name].to_numpy(float) for name in ("lat_deg", "lon_deg"))
    without = {
        country
        for country in set(countries.values())
        if country and not are_in_country(country, lat, lon, PROVINCE_MARGIN_KM).any()
    }
    abroad = [k for k in own if countries[k] in without]
    if abroad:
        names = join_first_names([f"{table['site'].iloc[k]} ({countries[k]})" for k in abroad], _MOST_NAMED)
        place = problem.inputs.place("storage/sites", int(abroad[0]))
        yield f"{place}: sites out of reach, in countries without a plant of the scenario: {names}"


def _exclusions_outside_selection(problem: Problem) -> str:
    """Sites and basins that the scenario excludes although it does not select them, as text."""
    storage, table = problem.scenario.storage, problem.inputs["storage/sites"]
    if not storage.sites:
        return ""
    rows = table[table["site"].isin(storage.sites) | table["basin"].isin(storage.sites)]
    selected = {*rows["site"], *rows["basin"]}
    return ", ".join(name for name in storage.exclude if name not in selected)


def _cost_steps(problem: Problem) -> Iterator[str]:
    """Sites whose steps of costs count as their mean: with own pipelines the flows into a site are not summed."""
    if problem.network is not None:
        return
    inputs, sites = problem.inputs, problem.sites.set_index("site")["injection_cost_per_t"]
    steps = inputs["storage/site_costs"].reset_index(drop=True)
    steps = steps[steps["site"].isin(problem.routes["site"]) & steps["site"].duplicated(keep=False)]
    if steps.empty:
        return
    named = [f"{site} ({sites[site]:,.1f})" for site in steps["site"].unique()]
    yield (
        f"{inputs.place('storage/site_costs', int(steps.index[0]), 'storage_cost_per_t')}: with own pipelines each "
        f"tonne costs the mean of a site's steps, in {problem.money}/t: {join_first_names(named, _MOST_NAMED)}; "
        "with transport.shared_trunklines: true the steps are filled one after another"
    )


def _links(problem: Problem) -> Iterator[str]:
    """Links and hubs of the user that take no part in the network."""
    inputs, network = problem.inputs, problem.network
    for table, column, what in (
        ("transport/links", "link", "links"), ("transport/hubs", "hub", "hubs"),
        ("transport/line_costs", "link", "costs of single pipelines"),
    ):  # fmt: skip
        rows = inputs[table]
        if table == "transport/line_costs" and network is not None:
            continue
        taking = set() if network is None else {*network.links["link"], *network.nodes["node"]}
        unused = [k for k in range(len(rows)) if inputs.is_own(table, k) and rows[column].iloc[k] not in taking]
        if not unused:
            continue
        why = "transport.shared_trunklines is false" if network is None else "an end takes no part in the network"
        exist = table == "transport/links" and (rows["existing_ktpa"].iloc[unused].fillna(0.0) > 0).all()
        names = join_first_names([str(rows[column].iloc[k]) for k in unused], _MOST_NAMED)
        yield (
            f"{inputs.place(table, unused[0])}: {'existing pipelines' if exist else what} without effect, since {why}: "
            f"{names}"
        )


def _terrain(problem: Problem) -> Iterator[str]:
    """Terrain of the user that no pipeline on land crosses, whose place may be wrong."""
    inputs, table = problem.inputs, problem.inputs["transport/terrain"]
    if inputs.raster is None and not any(inputs.is_own("transport/terrain", k) for k in range(len(table))):
        return
    if problem.network is not None:
        links = problem.network.links
        links = links[(links["kind"] == "pipe") & ~links["is_given"].astype(bool) & ~links["is_offshore"].astype(bool)]
        nodes = problem.network.nodes.set_index("node")
        ends = [nodes.loc[links[end]] for end in ("node_a", "node_b")]
    else:
        routes = problem.routes[problem.captures]
        ends = [
            problem.plants.set_index("plant").loc[routes["plant"]],
            problem.sites.set_index("site").loc[routes["site"]],
        ]
    if not Terrain.of(inputs).covers(*(end[name].to_numpy(float) for end in ends for name in ("lat_deg", "lon_deg"))):
        key = "transport.terrain"
        place = (
            place_of(problem.scenario, key)
            if problem.scenario.transport.terrain
            else inputs.place("transport/terrain", 0)
        )
        yield f"{place}: terrain without effect, since no candidate pipeline on land crosses it"


def _technologies(problem: Problem) -> Iterator[str]:
    """Technologies of the user that the scenario does not offer, that come after its last start, or without options."""
    table, offered = "technologies/technologies", problem.scenario.capture.technologies
    rows, last = problem.inputs[table], problem.years[-1]
    used = set(problem.options["technology"]) if len(problem.options) else set()
    for k, (name, first) in enumerate(zip(rows["technology"], rows["first_year"], strict=True)):
        place = problem.inputs.place(table, k) if problem.inputs.is_own(table, k) else ""
        if place and name not in offered:
            yield f"{place}: technology {name} is not offered, since capture.technologies does not name it"
        elif place and not problem.is_static and first > last:
            yield f"{place}: technology {name} is first on offer in {first:.0f}, after the last start in {last}"
        elif name in offered and name not in used and (place or "capture.technologies" in problem.scenario.places):
            at = place or place_of(problem.scenario, "capture.technologies")
            yield f"{at}: technology {name} has no option, since {_missing_option_reason(problem, rows.iloc[k])}"


def _missing_option_reason(problem: Problem, technology: pd.Series) -> str:
    """Why a technology that the scenario names suits no stream."""
    least = problem.scenario.capture.readiness_min
    if technology["readiness_level"] < least:
        return f"its readiness level {technology['readiness_level']:.0f} is below capture.readiness_min {least}"
    named = [each.strip() for each in str(technology["streams"]).split(";") if each.strip()]
    streams, grade = problem.streams, technology["grade"]
    # Stoves of a furnace count as hot stoves.
    there = (
        streams[streams["stream"].str.split(" ").str[0].isin(named)] if named else streams[streams["grade"] == grade]
    )
    if there.empty and named:
        return f"no plant has its streams: {join_first_names(named, _MOST_NAMED)}"
    if there.empty:
        return f"no plant has a stream of its grade {grade}"
    if not (there["grade"] == grade).any():
        found = [f"{stream} ({of})" for stream, of in sorted(set(zip(there["stream"], there["grade"], strict=True)))]
        return f"its grade is {grade}, but its streams have others: {join_first_names(found, _MOST_NAMED)}"
    if technology["learning_share"] > 0 and technology["first_year"] > problem.years[-1]:
        return f"it is first on offer in {technology['first_year']:.0f}"
    candidates = set(problem.plants["plant"][problem.plants["is_candidate"]])
    if there.loc[there["grade"] == grade, "plant"].isin(candidates).any():
        return "no heat source of capture.heat_sources serves the plants with its streams"
    return "the plants with its streams are not eligible"


def _targets(problem: Problem) -> Iterator[str]:
    """A price of shortfalls without a target, and targets beside the largest abatement that no budget limits."""
    if problem.scenario.targets.shortfall_per_t is not None and not problem.targets:
        yield f"{named_place(problem.scenario, 'targets.shortfall_per_t')} has no effect: there is no target"
    budget = problem.scenario.budget
    builds = problem.max_builds_per_year is not None or bool(problem.deployment_ceiling_ktpa)
    is_limited = builds or bool(budget.total_mn is not None or budget.cumulative_mn or budget.by_province_mn)
    if problem.objective == "max_abatement" and problem.targets and not is_limited:
        yield (
            f"{place_of(problem.scenario, 'targets')}: objective: max_abatement without a budget builds "
            "whatever avoids CO2, beyond the targets; objective: min_cost reaches them at the lowest cost"
        )


def _budgets(problem: Problem) -> Iterator[str]:
    limits = sorted(problem.cumulative_mn.items())
    for (year, limit), (later, lower) in pairwise(limits):
        if lower < limit:
            place = place_of(problem.scenario, "budget.cumulative_mn")
            yield (
                f"{place}: the limit until {later} is lower than that until {year}, and holds before it too: "
                "cumulative budgets count all spending until their year"
            )
            return


# The user's plants: values that the model limits or ignores, and plants that may be counted twice.

_SHIPPED = ("chemicals", "coal_chemicals")
_ROUTE = ["product", "feedstock", "gasifier"]
# Shares of urea are given with two digits.
_SHARE_MARGIN = 0.005
# Plants of one product that are this near may be the same one, as in the import of GEM.
_NEAR_KM = 5.0
# Products whose plants make that of a shipped plant on the way.
_MADE_FROM = {"olefins": "methanol"}
_MOST_PAIRS = 4


def plant_notices(problem: Problem) -> Iterator[str]:
    """Yield a sentence on each value of the user's plants without its full effect, and on plants counted twice."""
    inputs, inside = problem.inputs, set(problem.plants["plant"])
    yield from _urea(inputs, inside)
    yield from _capacities_without_sector(inputs, inside)
    yield from _plants_counted_twice(inputs, inside)


def _own_plants(inputs: Inputs, table: str, inside: set[str]) -> pd.DataFrame:
    """Rows of the user's plants in the problem by id, with their number in the table as index."""
    rows = inputs[table].reset_index(drop=True)
    is_own = np.array([inputs.is_own(table, k) for k in range(len(rows))], dtype=bool)
    return rows[is_own & rows["plant"].isin(inside)].sort_values("plant", kind="stable")


def _urea(inputs: Inputs, inside: set[str]) -> Iterator[str]:
    """Ammonia plants whose urea binds more CO2 than the process gives, which limits it."""
    process = inputs["streams/chemical_routes"].set_index(_ROUTE)["process_t_per_t"]
    for table in CHEMICAL_PLANTS:
        for k, row in _own_plants(inputs, table, inside).iterrows():
            largest = float(process[tuple(row[_ROUTE])]) / inputs.factor("urea_co2_t_per_t")
            if row["urea_share"] > largest + _SHARE_MARGIN:
                yield (
                    f"{inputs.place(table, int(str(k)), 'urea_share')}: urea of {row['name']} would bind more CO2 than "
                    f"its process gives; urea_share counts as {largest:.2f}, the largest possible"
                )


def _capacities_without_sector(inputs: Inputs, inside: set[str]) -> Iterator[str]:
    """Sources with costs of their own whose capacity has no effect."""
    table = "plants/sources"
    for k, row in _own_plants(inputs, table, inside).iterrows():
        given = [name for name in ("capacity_ktpa", "capacity_mw") if row["sector"] == "" and pd.notna(row[name])]
        for name in given:
            yield (
                f"{inputs.place(table, int(str(k)), name)}: {name} of {row['name']} has no effect: a source without a "
                "sector emits co2_ktpa"
            )


def _plants_counted_twice(inputs: Inputs, inside: set[str]) -> Iterator[str]:
    """Chemical plants of the user's inventories near a shipped plant of the same product, or of what it is made from.

    Rows of a data folder replace shipped plants.
    """
    pairs: list[str] = []
    place = ""
    every = inputs.plants_of("chemicals")
    of_user = {plant for table in CHEMICAL_PLANTS for plant in _own_plants(inputs, table, inside)["plant"]}
    shipped = every[every["inventory"].isin(_SHIPPED) & every["plant"].isin(inside - of_user)]
    for table in CHEMICAL_PLANTS:
        own = _own_plants(inputs, table, inside)
        for k, row in own[~own["inventory"].isin(_SHIPPED)].iterrows():
            made = shipped[shipped["product"].isin([row["product"], _MADE_FROM.get(str(row["product"]), "")])]
            km = great_circle_km(row["lat_deg"], row["lon_deg"], made["lat_deg"], made["lon_deg"])
            near = made.assign(km=km)
            near = near[near["km"] <= _NEAR_KM].sort_values("km")
            if len(near):
                place = place or inputs.place(table, int(str(k)))
                first = near.iloc[0]
                pairs.append(f"{row['name']} and {first['name']} ({first['plant']}, {first['km']:.1f} km)")
    if pairs:
        yield (
            f"{place}: plants of yours near shipped plants of the same product (olefins: of methanol) may be counted "
            f"twice: {join_first_names(pairs, _MOST_PAIRS, '; ')}"
        )
