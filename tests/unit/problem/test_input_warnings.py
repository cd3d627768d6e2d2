"""Warnings: keys of another kind of scenario, names outside the problem, and own rows that no plan can use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccs_model.inputs import Inputs
from ccs_model.inputs.declarations import Source
from ccs_model.problem import Problem
from ccs_model.problem.unused_inputs import input_warnings, plant_notices, unused_inputs
from ccs_model.problem.unused_policy import sectors_without_rule
from ccs_model.scenario import read_scenario
from tests.hand_network import LINKS, PLANTS, SITES

Changes = dict[str, Any]
FUTURES = {"futures": {name: {"changes": {"discount_rate": rate}} for name, rate in (("low", 0.05), ("high", 0.1))}}
LOAN = {"kind": "loan", "interest_rate": 0.03}


def with_own_tables(inputs: Inputs, *tables: str) -> Inputs:
    """Return the same tables, some of which come from a file of the user."""
    frames = {table: inputs[table].assign(line=np.arange(len(inputs[table])) + 2) for table in tables}
    sources = {name: (Source("mine.csv", is_own=True),) * len(frame) for name, frame in frames.items()}
    return replace(inputs, tables={**inputs.tables, **frames}, sources={**inputs.sources, **sources})


def with_scenario_changes(problem: Problem, changes: Mapping[str, object], **fields: object) -> Problem:
    """Return the problem with other scenario values that do not affect its coefficients."""
    return replace(problem, scenario=problem.scenario.with_changes(changes), **fields)


@pytest.fixture(scope="module")
def staged(problem_of: Callable[..., Problem]) -> Problem:
    """Plants of Shanxi over two periods, each with its own pipe."""
    return problem_of()


@pytest.fixture(scope="module")
def network(hand_problem: Callable[..., Problem], inputs: Inputs) -> Problem:
    """A static year on a shared network in the province `Here`."""
    return hand_problem({"targets.captured_ktpa": 100}, plants=PLANTS, sites=SITES, links=LINKS)


@pytest.fixture(scope="module")
def warnings_of(staged: Problem, network: Problem) -> Callable[..., tuple[str, ...]]:
    def make(kind: str, changes: Changes, **fields: object) -> tuple[str, ...]:
        problem = {"staged": staged, "network": network}[kind]
        assert problem is not None
        return unused_inputs(with_scenario_changes(problem, changes, **fields))

    return make


def test_plain_scenario_has_no_warnings(warnings_of: Callable[..., tuple[str, ...]]) -> None:
    assert warnings_of("staged", {}) == warnings_of("network", {}) == ()


@pytest.mark.parametrize(
    ("ignored_in", "used_in", "changes", "message"),
    [
        ("staged", "network", {"capital_recovery_share": 0.1}, "annualises the capital of 'years: static'"),
        ("network", "staged", {"storage.nearest_sites": 3}, "limits the sites of own pipelines"),
    ],
)
def test_key_of_another_kind_of_scenario_is_reported(
    warnings_of: Callable[..., tuple[str, ...]], ignored_in: str, used_in: str, changes: Changes, message: str
) -> None:
    (found,) = warnings_of(ignored_in, changes)
    (key,) = changes
    assert found.startswith(f"{key} has no effect: it ") and message in found
    assert warnings_of(used_in, changes) == ()
    # A value of None is not reported.
    assert warnings_of(ignored_in, {key: None}) == ()


@pytest.mark.parametrize(
    ("changes", "partner", "message"),
    [
        (
            {"finance.inflation_rate": 0.02},
            {"funds": {"f": {"kind": "loan", "nominal_interest_rate": 0.03}}},
            "converts nominal interest rates",
        ),
        ({"here_and_now": [2026]}, FUTURES, "names first-stage years of futures"),
        ({"risk.weight": 0.5}, FUTURES, "weighs the worst futures"),
        ({"calibration.ceiling": True}, {"calibration.use": "median"}, "limits a calibrated plan; use is none"),
    ],
)
def test_key_that_needs_another_key_is_reported(
    staged: Problem, warnings_of: Callable[..., tuple[str, ...]], changes: Changes, partner: Changes, message: str
) -> None:
    (found,) = warnings_of("staged", changes)
    assert message in found and found.startswith(next(iter(changes)))
    # The problem was built without the fund, so that its allocation is added here.
    paying = replace(staged.accounts, allocations=pd.DataFrame({"fund": ["f"]}))
    assert warnings_of("staged", changes | partner, accounts=paying) == ()


def test_trucks_without_a_shared_network_are_reported(warnings_of: Callable[..., tuple[str, ...]]) -> None:
    (found,) = warnings_of("staged", {"transport.trucks": True})
    assert found.startswith("transport.trucks: trucks run on shared networks only")
    assert warnings_of("network", {"transport.trucks": True}) == ()


def beside_chinese_values(found: tuple[str, ...]) -> tuple[str, ...]:
    """The warnings without those on Chinese costs, returns and rates, which `test_chinese_values.py` tests."""
    return tuple(
        each for each in found if not re.search(r"(costs|returns) of China apply|the (rate|value) of China", each)
    )


def test_default_currency_is_reported_if_no_plant_is_in_china(staged: Problem, tmp_path: Path) -> None:
    def warnings_of(currency_line: str, zones: tuple[str, ...]) -> tuple[str, ...]:
        text = f"name: Asked\n{currency_line}plants: {{provinces: [Hebei]}}\nbudget: {{total_mn: 5}}\n"
        (tmp_path / "asked.yaml").write_text(text, encoding="utf-8")
        asked = replace(staged, scenario=read_scenario(tmp_path / "asked.yaml"), zones=zones)
        return beside_chinese_values(unused_inputs(asked))

    (found,) = warnings_of("", ("India",))
    assert found == "currency is not given, so that amounts are in CNY, though no plant is in China"
    assert warnings_of("", ("India", "Hebei")) == warnings_of("currency: CNY\n", ("India",)) == ()


def test_futures_are_reported_as_ignored_by_a_single_plan(staged: Problem) -> None:
    (found,) = input_warnings(with_scenario_changes(staged, FUTURES))
    assert found.startswith("the scenario's futures are ignored here")
    assert input_warnings(staged) == ()


# Names outside the problem


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"plants.exclude": ["NH3_79"]}, "NH3_79"),  # in Hebei
        ({"plants.not_before": {"NH3_79": 2031}}, "NH3_79"),
        ({"storage.capacity_kt": {"nowhere": 5.0}}, "nowhere"),
        ({"storage.not_before": {"nowhere": 2031}}, "nowhere"),
    ],
)
def test_name_outside_the_problem_is_reported(
    warnings_of: Callable[..., tuple[str, ...]], staged: Problem, changes: Changes, name: str
) -> None:
    (key,) = changes
    (found,) = warnings_of("staged", changes)
    assert found == f"{key} names plants or sites that are not in the problem: {name}"
    here = staged.sites["site"].iloc[0] if "storage" in key else staged.plants["plant"].iloc[0]
    known = [here] if key == "plants.exclude" else {here: 2031}
    assert warnings_of("staged", {key: known}) == ()


def test_site_that_opens_after_the_last_period_is_reported(
    warnings_of: Callable[..., tuple[str, ...]], staged: Problem
) -> None:
    one, other = staged.sites["site"].iloc[:2]
    (found,) = warnings_of("staged", {"storage.not_before": {one: 2032, other: 2031}})
    assert found.endswith(f"the last period begins in 2031, so that these sites do not open: {one}")


@pytest.mark.parametrize(("limit", "is_reported"), [(2_001.0, True), (2_000.0, False)])
def test_provincial_budget_above_the_total_is_reported(
    warnings_of: Callable[..., tuple[str, ...]], limit: float, is_reported: bool
) -> None:
    # The total is 2,000.
    found = warnings_of("staged", {"budget.by_province_mn": {"Shanxi": limit}})
    expected = "budget.by_province_mn.Shanxi: the budget of Shanxi is above the total budget, which limits it"
    assert found == ((expected,) if is_reported else ())
    assert (
        warnings_of(
            "staged", {"budget.by_province_mn": {"Shanxi": limit}, "budget.total_mn": None, "objective": "max_npv"}
        )
        == ()
    )


def test_sites_outside_all_provincial_budgets_are_reported(
    warnings_of: Callable[..., tuple[str, ...]], network: Problem
) -> None:
    elsewhere = {"sites": network.sites.assign(province=["Here", "There"])}
    budget = {"budget.by_province_mn": {"Here": 5.0}}
    (found,) = warnings_of("network", budget, **elsewhere)
    assert found == (
        "budget.by_province_mn: the capital of storage sites in There counts in no budget or fund of a province: T"
    )
    (several,) = warnings_of("network", budget, sites=network.sites.assign(province=["There", "Yonder"]))
    assert several.endswith("in 2 provinces counts in no budget or fund of a province: There (S), Yonder (T)")
    # No warning if the province has a budget of its own, or if no province has one.
    assert warnings_of("network", {"budget.by_province_mn": {"Here": 5.0, "There": 5.0}}, **elsewhere) == ()
    assert warnings_of("network", {}, **elsewhere) == warnings_of("network", budget) == ()


def test_sites_outside_the_provinces_of_a_fund_are_reported(
    warnings_of: Callable[..., tuple[str, ...]], network: Problem
) -> None:
    elsewhere = {"sites": network.sites.assign(province=["Here", "There"])}
    paying = replace(network.accounts, allocations=pd.DataFrame({"fund": ["f"]}))
    fund = {"funds": {"f": {**LOAN, "provinces": ["Here"]}}, "years": [2026, 2031], "capital_recovery_share": None}
    all_found = warnings_of("network", fund, **elsewhere, accounts=paying)
    found = [text for text in all_found if text.startswith("funds.f.provinces")]
    assert len(found) == 1 and "the capital of storage sites in There counts in no budget" in found[0]


# Funds and policies


def test_fund_without_assets_is_reported(warnings_of: Callable[..., tuple[str, ...]]) -> None:
    (found,) = warnings_of("staged", {"funds": {"f": {**LOAN, "sectors": ["steel"], "provinces": ["Hebei"]}}})
    assert found == "funds.f: fund f can pay for nothing: no asset belongs to its sectors and provinces"


def test_central_bank_facility_is_reported_if_no_plant_is_in_china(
    warnings_of: Callable[..., tuple[str, ...]], staged: Problem
) -> None:
    loan = {"kind": "loan", "nominal_interest_rate": 0.04, "passed_through_share": 0.5}
    changes = {"funds": {"f": loan}, "finance.inflation_rate": 0.02}
    paying = replace(staged.accounts, allocations=pd.DataFrame({"fund": ["f"]}))
    assert warnings_of("staged", changes, accounts=paying) == ()
    (found,) = beside_chinese_values(warnings_of("staged", changes, accounts=paying, zones=("India",)))
    assert "takes its saving from the facility of the People's Bank of China" in found


def test_china_ets_is_reported_if_no_plant_is_in_china(
    warnings_of: Callable[..., tuple[str, ...]], staged: Problem
) -> None:
    priced = {"policy.carbon_price_per_t": {2026: 100.0}, "policy.capture_deductible": True}
    earning = replace(staged.accounts, credit_per_t=np.ones_like(staged.accounts.credit_per_t))
    (entry,) = warnings_of("staged", priced, accounts=earning)
    assert "the sector chemicals enters the market in 2027" in entry
    _, found = beside_chinese_values(warnings_of("staged", priced, accounts=earning, zones=("India",)))
    assert "the sectors and years of the China ETS apply, though no plant is in China" in found
    without = warnings_of("staged", {**priced, "policy.market": None}, accounts=earning, zones=("India",))
    assert beside_chinese_values(without) == ()


@pytest.mark.parametrize(
    ("changes", "sectors"),
    [
        ({}, ["glass"]),
        ({"policy.capture_deductible": False}, []),
        ({"policy.market": None}, []),
        ({"policy.carbon_price_per_t": {}}, []),
    ],
)
def test_sectors_without_a_market_rule_are_those_of_plants_with_options(
    staged: Problem, changes: Changes, sectors: list[str]
) -> None:
    plants = staged.plants.assign(
        sector=np.where(staged.plants["plant"].isin(staged.routes["plant"]), "glass", "paper")
    )
    priced = {"policy.carbon_price_per_t": {2026: 100.0}, "policy.capture_deductible": True}
    assert sectors_without_rule(with_scenario_changes(staged, priced | changes, plants=plants)) == sectors


@pytest.mark.parametrize(
    ("window", "is_reported"),
    [
        ({"paid_from": 2031}, False),  # begins with the second period
        ({"paid_from": 2030}, True),
        ({"paid_until": 2030}, False),  # ends with the first period
        ({"paid_until": 2031}, True),
        ({"paid_from": 2026}, False),
        ({"paid_until": 2035}, False),
        ({"paid_from": 2020}, False),
        ({"paid_until": 2099}, False),
    ],
)
def test_payments_that_begin_or_end_within_a_period_are_reported(
    staged: Problem, warnings_of: Callable[..., tuple[str, ...]], window: Changes, is_reported: bool
) -> None:
    changes = {"policy.paid_per_captured_t": 5.0, **{f"policy.{key}": year for key, year in window.items()}}
    paying = replace(staged.accounts, paid_per_captured_t=np.ones(10))
    found = warnings_of("staged", changes, accounts=paying)
    assert len(found) == is_reported and all("lies within a period" in each for each in found)


def test_max_abatement_with_targets_but_no_limit_is_reported(warnings_of: Callable[..., tuple[str, ...]]) -> None:
    # A budget is a limit, and so is a maximum number of builds.
    from_targets = {"targets.captured_ktpa": 100, "objective": "max_abatement"}
    for limit in ({"budget.total_mn": 5.0}, {"budget.total_mn": 5.0, "budget.cumulative_mn": {2015: 5.0}}):
        assert warnings_of("network", {**from_targets, **limit}, objective="max_abatement") == ()
    (found,) = warnings_of("network", from_targets | {"objective": "min_cost"}, objective="max_abatement")
    assert found.startswith("targets: objective: max_abatement without a budget builds")
    assert warnings_of("network", {}, objective="max_abatement", max_builds_per_year=3) == ()
    assert warnings_of("network", {}, objective="max_abatement", deployment_ceiling_ktpa={("Here", 2015): 1.0}) == ()
    assert warnings_of("network", {}, objective="max_abatement", targets=()) == ()


@pytest.mark.parametrize(("limits", "is_reported"), [({2026: 5, 2031: 5}, False), ({2026: 5, 2031: 4}, True)])
def test_later_cumulative_budget_that_is_lower_is_reported(
    warnings_of: Callable[..., tuple[str, ...]], limits: dict[int, float], is_reported: bool
) -> None:
    assert len(warnings_of("staged", {}, cumulative_mn=limits)) == is_reported


# Rows of own tables


def test_own_links_and_hubs_outside_the_network_are_reported(network: Problem, staged: Problem, inputs: Inputs) -> None:
    more = pd.concat([network.inputs["transport/links"], network.inputs["transport/links"].iloc[:1]]).assign(
        link=[*LINKS, "A-Z"], existing_ktpa=np.nan
    )
    hubs = pd.DataFrame({"hub": ["H"]}).reindex(columns=inputs["transport/hubs"].columns)
    tables = {**network.inputs.tables, "transport/links": more.reset_index(drop=True), "transport/hubs": hubs}
    own_tables = with_own_tables(replace(network.inputs, tables=tables), "transport/links", "transport/hubs")
    links, of_hubs = unused_inputs(replace(network, inputs=own_tables))
    assert links == "mine.csv:7: links without effect, since an end takes no part in the network: A-Z"
    assert of_hubs == "mine.csv:2: hubs without effect, since an end takes no part in the network: H"
    # Without a shared network no link is used; existing pipelines are named as such.
    with_existing = replace(
        own_tables,
        tables={**own_tables.tables, "transport/links": own_tables["transport/links"].assign(existing_ktpa=9.0)},
    )
    first, _ = unused_inputs(replace(staged, inputs=with_existing))
    assert first.startswith("mine.csv:2: existing pipelines without effect, since transport.shared_trunklines is false")
    # Shipped rows are not reported.
    assert unused_inputs(replace(network, inputs=replace(network.inputs, tables=tables))) == ()


def test_own_terrain_that_no_pipeline_crosses_is_reported(staged: Problem) -> None:
    columns = staged.inputs["transport/terrain"].columns

    def terrain_warnings(lat: float, lon: float) -> tuple[str, ...]:
        places = {"lat_deg": [lat, lat], "lon_deg": [lon, lon + 0.5], "cost_multiplier": [2.0, 2.0]}
        table = pd.DataFrame(places).reindex(columns=columns)
        tables = replace(staged.inputs, tables={**staged.inputs.tables, "transport/terrain": table})
        assert unused_inputs(replace(staged, inputs=tables)) == ()  # shipped terrain may lie anywhere
        return unused_inputs(replace(staged, inputs=with_own_tables(tables, "transport/terrain")))

    at = staged.plants[staged.plants["is_candidate"]].iloc[0]
    assert terrain_warnings(float(at["lat_deg"]), float(at["lon_deg"])) == ()
    (found,) = terrain_warnings(-30.0, 20.0)
    assert found == "mine.csv:2: terrain without effect, since no candidate pipeline on land crosses it"


def test_offshore_given_and_truck_links_make_no_use_of_terrain(network: Problem) -> None:
    table = pd.DataFrame({"lat_deg": [38.0], "lon_deg": [115.0], "cost_multiplier": [2.0]})
    table = table.reindex(columns=network.inputs["transport/terrain"].columns)
    tables = {**network.inputs.tables, "transport/terrain": table}
    own_tables = with_own_tables(replace(network.inputs, tables=tables), "transport/terrain")
    assert network.network is not None
    for links, is_reported in (
        (network.network.links.assign(is_given=False), False),
        (network.network.links, True),  # all are given
        (network.network.links.assign(is_given=False, is_offshore=True), True),
        (network.network.links.assign(is_given=False, kind="truck"), True),
    ):
        problem = replace(network, inputs=own_tables, network=replace(network.network, links=links))
        assert len(unused_inputs(problem)) == is_reported


# Plants of own tables


def with_own_plants(problem: Problem, table: str, *rows: Changes) -> Problem:
    """Return the problem with own rows in a table of plants, each a copy of its first row with these values changed."""
    shipped = problem.inputs[table]
    like = shipped[shipped["plant"].isin(problem.plants["plant"])].iloc[:1]
    added = [like.assign(inventory="mine.csv", **row) for row in rows]
    frame = pd.concat([shipped, *added], ignore_index=True)
    frame["line"] = [*range(2, len(shipped) + 2), *range(2, len(rows) + 2)]
    sources = (Source("shipped.csv"),) * len(shipped) + (Source("mine.csv", is_own=True),) * len(rows)
    inputs = replace(problem.inputs, tables={**problem.inputs.tables, table: frame}, sources={table: sources})
    named = [problem.plants.iloc[:1].assign(plant=row["plant"]) for row in rows if "plant" in row]
    return replace(problem, inputs=inputs, plants=pd.concat([problem.plants, *named], ignore_index=True))


def test_urea_share_above_the_process_co2_is_reported(staged: Problem) -> None:
    # Gas gives 1.23 t of process CO2 per tonne of ammonia, and turning all of it into urea binds 1.296: at most 0.95.
    ammonia = {"product": "ammonia", "feedstock": "natural_gas", "gasifier": "", "lat_deg": 20.0}
    rows = [{**ammonia, "plant": f"X{k}", "name": f"Works {k}", "urea_share": share} for k, share in
            enumerate((0.95, 0.96, 1.0))]  # fmt: skip
    first, second = plant_notices(with_own_plants(staged, "plants/chemicals", *rows))
    assert first.startswith("mine.csv:3:urea_share: urea of Works 1 would bind more CO2 than its process gives")
    assert second.startswith("mine.csv:4:urea_share: urea of Works 2") and "counts as 0.95, the largest" in second


def test_capacity_of_a_source_without_a_sector_is_reported(network: Problem) -> None:
    rows = [
        {"plant": "X", "name": "Kiln", "capacity_ktpa": 500.0, "sector": ""},
        {"plant": "Y", "name": "Boiler", "capacity_mw": 50.0, "sector": ""},
        {"plant": "Z", "name": "Cement", "capacity_ktpa": 500.0, "sector": "cement"},
    ]
    found = list(plant_notices(with_own_plants(network, "plants/sources", *rows)))
    assert [each.split(" has no")[0] for each in found] == [
        "mine.csv:2:capacity_ktpa: capacity_ktpa of Kiln", "mine.csv:3:capacity_mw: capacity_mw of Boiler",
    ]  # fmt: skip


def test_own_methanol_and_olefins_plants_near_a_shipped_one_are_reported(staged: Problem) -> None:
    shipped = staged.inputs["plants/chemicals"].set_index("plant").loc["MEOH_22"]
    at = {"lon_deg": shipped["lon_deg"], "urea_share": np.nan, "feedstock": "coal", "gasifier": "oxygen_blown"}
    # A degree of latitude is 111.195 km.
    rows = [
        {**at, "plant": f"X{k}", "name": f"Works {k}", "product": product, "lat_deg": shipped["lat_deg"] + km / 111.195}
        for k, (product, km) in enumerate((("methanol", 4.9), ("methanol", 5.1), ("olefins", 1.0), ("ammonia", 0.0)))
    ]
    (found,) = plant_notices(with_own_plants(staged, "plants/chemicals", *rows))
    assert found.startswith("mine.csv:2: plants of yours near shipped plants") and "Works 0 and" in found
    assert "(MEOH_22, 4.9 km)" in found and "(MEOH_22, 1.0 km)" in found
    assert "Works 1" not in found and "Works 3" not in found


def technology_warnings(problem: Problem, changes: Changes, *, is_own: bool = True, **row: object) -> tuple[str, ...]:
    """Return the warnings for a technology `mine`, by default an own row: plain amine with these values changed."""
    shipped = problem.inputs["technologies/technologies"]
    mine = shipped[shipped["technology"] == "amine"].assign(technology="mine", **row)
    frame = pd.concat([shipped, mine], ignore_index=True)
    frame["line"] = [*range(2, len(shipped) + 2), 2]
    sources = (Source("shipped.csv"),) * len(shipped) + (Source("mine.csv", is_own=is_own),)
    tables = {**problem.inputs.tables, "technologies/technologies": frame}
    inputs = replace(problem.inputs, tables=tables, sources={"technologies/technologies": sources})
    return unused_inputs(replace(with_scenario_changes(problem, changes), inputs=inputs))


OFFERED = {"capture.technologies": ["amine", "mine"]}
NO_OPTION = "mine.csv:2: technology mine has no option, since "


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"first_year": 2032.0}, "mine.csv:2: technology mine is first on offer in 2032, after the last start in 2031"),
        ({"readiness_level": 4}, NO_OPTION + "its readiness level 4 is below capture.readiness_min 5"),
        ({"streams": "kiln; sinter_plant"}, NO_OPTION + "no plant has its streams: kiln, sinter_plant"),
        ({"grade": "kiln_gas", "streams": ""}, NO_OPTION + "no plant has a stream of its grade kiln_gas"),
        (
            {"grade": "product_grade", "streams": "boiler_flue_gas"},
            NO_OPTION + "its grade is product_grade, but its streams have others: boiler_flue_gas (flue_gas)",
        ),
        ({}, NO_OPTION + "no heat source of capture.heat_sources serves the plants with its streams"),
    ],
)
def test_own_technology_without_an_option_is_reported_with_the_reason(
    staged: Problem, row: Changes, message: str
) -> None:
    assert technology_warnings(staged, OFFERED | {"capture.readiness_min": 5}, **row) == (message,)


def test_learning_technology_first_offered_after_the_last_start_is_reported(staged: Problem) -> None:
    learning = {"learning_share": 0.03, "first_year": 2032.0, "is_own": False}
    (found,) = technology_warnings(staged, OFFERED, **learning)
    assert found == "capture.technologies: technology mine has no option, since it is first on offer in 2032"
    # Without learning, or if offered from 2031 on, it lacks options for another reason.
    assert "no heat source" in technology_warnings(staged, OFFERED, **{**learning, "learning_share": 0.0})[0]
    assert "no heat source" in technology_warnings(staged, OFFERED, **{**learning, "first_year": 2031.0})[0]


def test_own_technology_not_named_in_the_scenario_is_reported(staged: Problem) -> None:
    (found,) = technology_warnings(staged, {"capture.technologies": ["amine"]})
    assert found == "mine.csv:2: technology mine is not offered, since capture.technologies does not name it"


def test_technology_first_offered_in_the_last_start_year_is_not_reported(staged: Problem) -> None:
    options = pd.concat([staged.options, staged.options.iloc[:1].assign(technology="mine")])
    assert technology_warnings(replace(staged, options=options), OFFERED, first_year=2031.0) == ()


def test_own_technology_is_reported_if_its_plants_are_not_eligible(staged: Problem) -> None:
    not_eligible = replace(staged, plants=staged.plants.assign(is_candidate=False))
    assert NO_OPTION + "the plants with its streams are not eligible" in technology_warnings(not_eligible, OFFERED)


@pytest.mark.parametrize(
    ("lat_deg", "lon_deg", "is_offshore", "country"),
    [
        (48.0, 67.0, "no", "Kazakhstan"),
        (48.0, 67.0, "yes", ""),
        (30.0, 104.0, "no", ""),  # in China, where the plants are
    ],
)
def test_own_site_out_of_reach_in_another_country_is_reported(
    staged: Problem, lat_deg: float, lon_deg: float, is_offshore: str, country: str
) -> None:
    shipped = staged.inputs["storage/sites"]
    at = int(np.flatnonzero(~shipped["site"].isin(staged.routes["site"]))[0])
    place = {"lat_deg": lat_deg, "lon_deg": lon_deg, "is_offshore": is_offshore}
    moved = shipped.assign(
        line=2, **{name: shipped[name].where(shipped.index != at, new) for name, new in place.items()}
    )
    sources = tuple(Source("mine.csv", is_own=k == at) for k in range(len(shipped)))
    tables = {**staged.inputs.tables, "storage/sites": moved}
    found = unused_inputs(
        replace(staged, inputs=replace(staged.inputs, tables=tables, sources={"storage/sites": sources}))
    )
    site = shipped["site"].iloc[at]
    message = f"mine.csv:2: sites out of reach, in countries without a plant of the scenario: {site} ({country})"
    assert found == ((message,) if country else ())
