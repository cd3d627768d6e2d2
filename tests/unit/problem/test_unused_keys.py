"""Keys of another kind of scenario, names outside the problem, and rows of the user that no plan can use are named."""

from __future__ import annotations

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
from ccs_model.problem.unused_inputs import input_warnings, plant_notices, sectors_without_rule, unused_inputs
from ccs_model.scenario import read_scenario
from tests.hand_network import LINKS, PLANTS, SITES

Changes = dict[str, Any]
FUTURES = {"futures": {name: {"changes": {"discount_rate": rate}} for name, rate in (("low", 0.05), ("high", 0.1))}}
LOAN = {"kind": "loan", "interest_rate": 0.03}


def owned(inputs: Inputs, *tables: str) -> Inputs:
    """The same tables, of which some are a file of the user."""
    frames = {table: inputs[table].assign(line=np.arange(len(inputs[table])) + 2) for table in tables}
    sources = {name: (Source("mine.csv", is_own=True),) * len(frame) for name, frame in frames.items()}
    return replace(inputs, tables={**inputs.tables, **frames}, sources={**inputs.sources, **sources})


def changed(problem: Problem, changes: Mapping[str, object], **fields: object) -> Problem:
    """The same problem of a scenario with other values, which have no effect on its coefficients."""
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
def told(staged: Problem, network: Problem) -> Callable[..., tuple[str, ...]]:
    def made(kind: str, changes: Changes, **fields: object) -> tuple[str, ...]:
        problem = {"staged": staged, "network": network}[kind]
        assert problem is not None
        return unused_inputs(changed(problem, changes, **fields))

    return made


def test_a_plain_scenario_has_no_key_without_effect(told: Callable[..., tuple[str, ...]]) -> None:
    assert told("staged", {}) == told("network", {}) == ()


@pytest.mark.parametrize(
    ("without", "within", "changes", "words"),
    [
        ("staged", "network", {"capital_recovery_share": 0.1}, "annualises the capital of 'years: static'"),
        ("network", "staged", {"storage.nearest_sites": 3}, "limits the sites of own pipelines"),
    ],
)
def test_a_key_of_the_other_kind_is_named(
    told: Callable[..., tuple[str, ...]], without: str, within: str, changes: Changes, words: str
) -> None:
    (found,) = told(without, changes)
    (key,) = changes
    assert found.startswith(f"{key}: {key} has no effect: it ") and words in found
    assert told(within, changes) == ()
    # A value of none is not named.
    assert told(without, {key: None}) == ()


@pytest.mark.parametrize(
    ("changes", "beside", "words"),
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
def test_a_key_that_needs_another_one_is_named(
    staged: Problem, told: Callable[..., tuple[str, ...]], changes: Changes, beside: Changes, words: str
) -> None:
    (found,) = told("staged", changes)
    assert words in found and found.startswith(next(iter(changes)))
    # The fund itself belongs to no allocation of a problem that was posed without it.
    paying = replace(staged.accounts, allocations=pd.DataFrame({"fund": ["f"]}))
    assert told("staged", changes | beside, accounts=paying) == ()


def test_trucks_need_a_shared_network(told: Callable[..., tuple[str, ...]]) -> None:
    (found,) = told("staged", {"transport.trucks": True})
    assert found.startswith("transport.trucks: trucks run on shared networks only")
    assert told("network", {"transport.trucks": True}) == ()


def test_a_currency_that_is_not_given_is_named_abroad(staged: Problem, tmp_path: Path) -> None:
    def words(money: str, zones: tuple[str, ...]) -> tuple[str, ...]:
        text = f"name: Asked\n{money}plants: {{provinces: [Hebei]}}\nbudget: {{total_mn: 5}}\n"
        (tmp_path / "asked.yaml").write_text(text, encoding="utf-8")
        return unused_inputs(replace(staged, scenario=read_scenario(tmp_path / "asked.yaml"), zones=zones))

    (found,) = words("", ("India",))
    assert found == "currency is not given, so that amounts are in CNY, though no plant is in China"
    assert words("", ("India", "Hebei")) == words("currency: CNY\n", ("India",)) == ()


def test_futures_are_ignored_by_a_single_plan(staged: Problem) -> None:
    (found,) = input_warnings(changed(staged, FUTURES))
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
def test_a_name_outside_the_problem_is_told(
    told: Callable[..., tuple[str, ...]], staged: Problem, changes: Changes, name: str
) -> None:
    (key,) = changes
    (found,) = told("staged", changes)
    assert found == f"{key}: {key} names plants or sites that are not in the problem: {name}"
    here = staged.sites["site"].iloc[0] if "storage" in key else staged.plants["plant"].iloc[0]
    known = [here] if key == "plants.exclude" else {here: 2031}
    assert told("staged", {key: known}) == ()


def test_a_site_that_opens_after_the_last_period_is_told(told: Callable[..., tuple[str, ...]], staged: Problem) -> None:
    one, other = staged.sites["site"].iloc[:2]
    (found,) = told("staged", {"storage.not_before": {one: 2032, other: 2031}})
    assert found.endswith(f"the last period begins in 2031, so that these sites do not open: {one}")


@pytest.mark.parametrize(("limit", "is_told"), [(2_001.0, True), (2_000.0, False)])
def test_a_budget_of_a_province_above_the_total_is_told(
    told: Callable[..., tuple[str, ...]], limit: float, is_told: bool
) -> None:
    # The total is 2,000.
    found = told("staged", {"budget.by_province_mn": {"Shanxi": limit}})
    expected = "budget.by_province_mn.Shanxi: the budget of Shanxi is above the total budget, which limits it"
    assert found == ((expected,) if is_told else ())
    assert told("staged", {"budget.by_province_mn": {"Shanxi": limit}, "budget.total_mn": None,
                           "objective": "max_npv"}) == ()  # fmt: skip


def test_sites_whose_capital_counts_nowhere_are_told(told: Callable[..., tuple[str, ...]], network: Problem) -> None:
    elsewhere = {"sites": network.sites.assign(province=["Here", "There"])}
    budget = {"budget.by_province_mn": {"Here": 5.0}}
    (found,) = told("network", budget, **elsewhere)
    assert found == (
        "budget.by_province_mn: the capital of storage sites in There counts in no budget or fund of a province: T"
    )
    (several,) = told("network", budget, sites=network.sites.assign(province=["There", "Yonder"]))
    assert several.endswith("in 2 provinces counts in no budget or fund of a province: There (S), Yonder (T)")
    # A budget of its own, or none of any province.
    assert told("network", {"budget.by_province_mn": {"Here": 5.0, "There": 5.0}}, **elsewhere) == ()
    assert told("network", {}, **elsewhere) == told("network", budget) == ()


def test_a_fund_of_a_province_counts_as_a_budget_of_it(told: Callable[..., tuple[str, ...]], network: Problem) -> None:
    elsewhere = {"sites": network.sites.assign(province=["Here", "There"])}
    paying = replace(network.accounts, allocations=pd.DataFrame({"fund": ["f"]}))
    fund = {"funds": {"f": {**LOAN, "provinces": ["Here"]}}, "years": [2026, 2031], "capital_recovery_share": None}
    all_found = told("network", fund, **elsewhere, accounts=paying)
    found = [text for text in all_found if text.startswith("funds.f.provinces")]
    assert len(found) == 1 and "the capital of storage sites in There counts in no budget" in found[0]


# Funds and policies


def test_a_fund_without_assets_is_told(told: Callable[..., tuple[str, ...]]) -> None:
    (found,) = told("staged", {"funds": {"f": {**LOAN, "sectors": ["steel"], "provinces": ["Hebei"]}}})
    assert found == "funds.f: fund f can pay for nothing: no asset belongs to its sectors and provinces"


def test_the_chinese_facility_saves_nothing_abroad(told: Callable[..., tuple[str, ...]], staged: Problem) -> None:
    loan = {"kind": "loan", "nominal_interest_rate": 0.04, "passed_through_share": 0.5}
    changes = {"funds": {"f": loan}, "finance.inflation_rate": 0.02}
    paying = replace(staged.accounts, allocations=pd.DataFrame({"fund": ["f"]}))
    assert told("staged", changes, accounts=paying) == ()
    (found,) = told("staged", changes, accounts=paying, zones=("India",))
    assert "takes its saving from the facility of the People's Bank of China" in found


def test_the_chinese_market_is_none_of_plants_abroad(told: Callable[..., tuple[str, ...]], staged: Problem) -> None:
    priced = {"policy.carbon_price_per_t": {2026: 100.0}, "policy.capture_deductible": True}
    earning = replace(staged.accounts, credit_per_t=np.ones_like(staged.accounts.credit_per_t))
    assert told("staged", priced, accounts=earning) == ()
    (found,) = told("staged", priced, accounts=earning, zones=("India",))
    assert "the sectors and years of the China ETS apply, though no plant is in China" in found
    assert told("staged", {**priced, "policy.market": None}, accounts=earning, zones=("India",)) == ()


@pytest.mark.parametrize(
    ("changes", "sectors"),
    [
        ({}, ["glass"]),
        ({"policy.capture_deductible": False}, []),
        ({"policy.market": None}, []),
        ({"policy.carbon_price_per_t": {}}, []),
    ],
)
def test_sectors_without_a_rule_are_those_of_plants_with_options(
    staged: Problem, changes: Changes, sectors: list[str]
) -> None:
    plants = staged.plants.assign(
        sector=np.where(staged.plants["plant"].isin(staged.routes["plant"]), "glass", "paper")
    )
    priced = {"policy.carbon_price_per_t": {2026: 100.0}, "policy.capture_deductible": True}
    assert sectors_without_rule(changed(staged, priced | changes, plants=plants)) == sectors


@pytest.mark.parametrize(
    ("window", "is_told"),
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
def test_payments_that_begin_or_end_within_a_period_are_told(
    staged: Problem, told: Callable[..., tuple[str, ...]], window: Changes, is_told: bool
) -> None:
    changes = {"policy.paid_per_captured_t": 5.0, **{f"policy.{key}": year for key, year in window.items()}}
    paying = replace(staged.accounts, paid_per_captured_t=np.ones(10))
    found = told("staged", changes, accounts=paying)
    assert len(found) == is_told and all("lies within a period" in each for each in found)


def test_the_largest_abatement_beside_targets_needs_a_limit(told: Callable[..., tuple[str, ...]]) -> None:
    # Any budget limits it, as does a number of builds.
    from_targets = {"targets.captured_ktpa": 100, "objective": "max_abatement"}
    for limit in ({"budget.total_mn": 5.0}, {"budget.total_mn": 5.0, "budget.cumulative_mn": {2015: 5.0}}):
        assert told("network", {**from_targets, **limit}, objective="max_abatement") == ()
    (found,) = told("network", from_targets | {"objective": "min_cost"}, objective="max_abatement")
    assert found.startswith("targets: objective: max_abatement without a budget builds")
    assert told("network", {}, objective="max_abatement", max_builds_per_year=3) == ()
    assert told("network", {}, objective="max_abatement", deployment_ceiling_ktpa={("Here", 2015): 1.0}) == ()
    assert told("network", {}, objective="max_abatement", targets=()) == ()


@pytest.mark.parametrize(("limits", "is_told"), [({2026: 5, 2031: 5}, False), ({2026: 5, 2031: 4}, True)])
def test_a_later_cumulative_budget_that_is_lower_is_told(
    told: Callable[..., tuple[str, ...]], limits: dict[int, float], is_told: bool
) -> None:
    assert len(told("staged", {}, cumulative_mn=limits)) == is_told


# Rows of the user


def test_links_and_hubs_that_take_no_part_are_told(network: Problem, staged: Problem, inputs: Inputs) -> None:
    more = pd.concat([network.inputs["transport/links"], network.inputs["transport/links"].iloc[:1]]).assign(
        link=[*LINKS, "A-Z"], existing_ktpa=np.nan
    )
    hubs = pd.DataFrame({"hub": ["H"]}).reindex(columns=inputs["transport/hubs"].columns)
    tables = {**network.inputs.tables, "transport/links": more.reset_index(drop=True), "transport/hubs": hubs}
    mine = owned(replace(network.inputs, tables=tables), "transport/links", "transport/hubs")
    links, of_hubs = unused_inputs(replace(network, inputs=mine))
    assert links == "mine.csv:7: links without effect, since an end takes no part in the network: A-Z"
    assert of_hubs == "mine.csv:2: hubs without effect, since an end takes no part in the network: H"
    # Without a network, none takes part; pipelines that exist are called so.
    there = replace(mine, tables={**mine.tables, "transport/links": mine["transport/links"].assign(existing_ktpa=9.0)})
    first, _ = unused_inputs(replace(staged, inputs=there))
    assert first.startswith("mine.csv:2: existing pipelines without effect, since transport.shared_trunklines is false")
    # Rows that are shipped are not told.
    assert unused_inputs(replace(network, inputs=replace(network.inputs, tables=tables))) == ()


def test_terrain_that_no_pipeline_crosses_is_told(staged: Problem) -> None:
    columns = staged.inputs["transport/terrain"].columns

    def told_of(lat: float, lon: float) -> tuple[str, ...]:
        places = {"lat_deg": [lat, lat], "lon_deg": [lon, lon + 0.5], "cost_multiplier": [2.0, 2.0]}
        table = pd.DataFrame(places).reindex(columns=columns)
        tables = replace(staged.inputs, tables={**staged.inputs.tables, "transport/terrain": table})
        assert unused_inputs(replace(staged, inputs=tables)) == ()  # shipped terrain may lie anywhere
        return unused_inputs(replace(staged, inputs=owned(tables, "transport/terrain")))

    at = staged.plants[staged.plants["is_candidate"]].iloc[0]
    assert told_of(float(at["lat_deg"]), float(at["lon_deg"])) == ()
    (found,) = told_of(-30.0, 20.0)
    assert found == "mine.csv:2: terrain without effect, since no candidate pipeline on land crosses it"


def test_pipelines_at_sea_and_given_ones_cross_no_terrain(network: Problem) -> None:
    table = pd.DataFrame({"lat_deg": [38.0], "lon_deg": [115.0], "cost_multiplier": [2.0]})
    table = table.reindex(columns=network.inputs["transport/terrain"].columns)
    tables = {**network.inputs.tables, "transport/terrain": table}
    mine = owned(replace(network.inputs, tables=tables), "transport/terrain")
    assert network.network is not None
    for links, is_told in (
        (network.network.links.assign(is_given=False), False),
        (network.network.links, True),  # all are given
        (network.network.links.assign(is_given=False, is_offshore=True), True),
        (network.network.links.assign(is_given=False, kind="truck"), True),
    ):
        problem = replace(network, inputs=mine, network=replace(network.network, links=links))
        assert len(unused_inputs(problem)) == is_told


# Plants of the user


def with_plants(problem: Problem, table: str, *rows: Changes) -> Problem:
    """The problem whose user gives more rows of a table of plants, like its first row of the problem but for these."""
    shipped = problem.inputs[table]
    like = shipped[shipped["plant"].isin(problem.plants["plant"])].iloc[:1]
    added = [like.assign(inventory="mine.csv", **row) for row in rows]
    frame = pd.concat([shipped, *added], ignore_index=True)
    frame["line"] = [*range(2, len(shipped) + 2), *range(2, len(rows) + 2)]
    sources = (Source("shipped.csv"),) * len(shipped) + (Source("mine.csv", is_own=True),) * len(rows)
    inputs = replace(problem.inputs, tables={**problem.inputs.tables, table: frame}, sources={table: sources})
    named = [problem.plants.iloc[:1].assign(plant=row["plant"]) for row in rows if "plant" in row]
    return replace(problem, inputs=inputs, plants=pd.concat([problem.plants, *named], ignore_index=True))


def test_urea_beyond_the_co2_of_its_process_is_told(staged: Problem) -> None:
    # Gas gives 1.23 t of process CO2 a tonne of ammonia, and urea of all of it binds 1.296: at most 0.95 of it.
    ammonia = {"product": "ammonia", "feedstock": "natural_gas", "gasifier": "", "lat_deg": 20.0}
    rows = [{**ammonia, "plant": f"X{k}", "name": f"Works {k}", "urea_share": share} for k, share in
            enumerate((0.95, 0.96, 1.0))]  # fmt: skip
    first, second = plant_notices(with_plants(staged, "plants/chemicals", *rows))
    assert first.startswith("mine.csv:3:urea_share: urea of Works 1 would bind more CO2 than its process gives")
    assert second.startswith("mine.csv:4:urea_share: urea of Works 2") and "counts as 0.95, the largest" in second


def test_a_capacity_of_a_source_without_a_sector_is_told(network: Problem) -> None:
    rows = [
        {"plant": "X", "name": "Kiln", "capacity_ktpa": 500.0, "sector": ""},
        {"plant": "Y", "name": "Boiler", "capacity_mw": 50.0, "sector": ""},
        {"plant": "Z", "name": "Cement", "capacity_ktpa": 500.0, "sector": "cement"},
    ]
    found = list(plant_notices(with_plants(network, "plants/sources", *rows)))
    assert [each.split(" has no")[0] for each in found] == [
        "mine.csv:2:capacity_ktpa: capacity_ktpa of Kiln", "mine.csv:3:capacity_mw: capacity_mw of Boiler",
    ]  # fmt: skip


def test_plants_near_a_shipped_one_of_the_same_product_are_told(staged: Problem) -> None:
    shipped = staged.inputs["plants/chemicals"].set_index("plant").loc["MEOH_22"]
    at = {"lon_deg": shipped["lon_deg"], "urea_share": np.nan, "feedstock": "coal", "gasifier": "oxygen_blown"}
    # A degree of latitude is 111.195 km.
    rows = [
        {**at, "plant": f"X{k}", "name": f"Works {k}", "product": product, "lat_deg": shipped["lat_deg"] + km / 111.195}
        for k, (product, km) in enumerate((("methanol", 4.9), ("methanol", 5.1), ("olefins", 1.0), ("ammonia", 0.0)))
    ]
    (found,) = plant_notices(with_plants(staged, "plants/chemicals", *rows))
    assert found.startswith("mine.csv:2: plants of yours near shipped plants") and "Works 0 and" in found
    assert "(MEOH_22, 4.9 km)" in found and "(MEOH_22, 1.0 km)" in found
    assert "Works 1" not in found and "Works 3" not in found


def of_technology(problem: Problem, changes: Changes, *, is_own: bool = True, **row: object) -> tuple[str, ...]:
    """What is told of a technology `mine`, by default of the user, like plain amine but for these values."""
    shipped = problem.inputs["technologies/technologies"]
    mine = shipped[shipped["technology"] == "amine"].assign(technology="mine", **row)
    frame = pd.concat([shipped, mine], ignore_index=True)
    frame["line"] = [*range(2, len(shipped) + 2), 2]
    sources = (Source("shipped.csv"),) * len(shipped) + (Source("mine.csv", is_own=is_own),)
    tables = {**problem.inputs.tables, "technologies/technologies": frame}
    inputs = replace(problem.inputs, tables=tables, sources={"technologies/technologies": sources})
    return unused_inputs(replace(changed(problem, changes), inputs=inputs))


OFFERED = {"capture.technologies": ["amine", "mine"]}
NONE = "mine.csv:2: technology mine has no option, since "


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"first_year": 2032.0}, "mine.csv:2: technology mine is first on offer in 2032, after the last start in 2031"),
        ({"readiness_level": 4}, NONE + "its readiness level 4 is below capture.readiness_min 5"),
        ({"streams": "kiln; sinter_plant"}, NONE + "no plant has its streams: kiln, sinter_plant"),
        ({"grade": "kiln_gas", "streams": ""}, NONE + "no plant has a stream of its grade kiln_gas"),
        (
            {"grade": "product_grade", "streams": "boiler_flue_gas"},
            NONE + "its grade is product_grade, but its streams have others: boiler_flue_gas (flue_gas)",
        ),
        ({}, NONE + "no heat source of capture.heat_sources serves the plants with its streams"),
    ],
)
def test_a_technology_of_the_user_without_an_option_is_told_with_the_reason(
    staged: Problem, row: Changes, words: str
) -> None:
    assert of_technology(staged, OFFERED | {"capture.readiness_min": 5}, **row) == (words,)


def test_a_technology_that_becomes_cheaper_has_no_option_before_its_first_year(staged: Problem) -> None:
    learns = {"learning_share": 0.03, "first_year": 2032.0, "is_own": False}
    (found,) = of_technology(staged, OFFERED, **learns)
    assert found == "capture.technologies: technology mine has no option, since it is first on offer in 2032"
    # Otherwise its options only start late, and their lack has another reason.
    assert "no heat source" in of_technology(staged, OFFERED, **{**learns, "learning_share": 0.0})[0]
    assert "no heat source" in of_technology(staged, OFFERED, **{**learns, "first_year": 2031.0})[0]


def test_a_technology_that_the_scenario_does_not_name_is_told(staged: Problem) -> None:
    (found,) = of_technology(staged, {"capture.technologies": ["amine"]})
    assert found == "mine.csv:2: technology mine is not offered, since capture.technologies does not name it"


def test_a_technology_may_be_on_offer_in_the_year_of_the_last_start(staged: Problem) -> None:
    options = pd.concat([staged.options, staged.options.iloc[:1].assign(technology="mine")])
    assert of_technology(replace(staged, options=options), OFFERED, first_year=2031.0) == ()


def test_plants_that_are_out_use_no_technology(staged: Problem) -> None:
    out = replace(staged, plants=staged.plants.assign(is_candidate=False))
    assert NONE + "the plants with its streams are not eligible" in of_technology(out, OFFERED)


@pytest.mark.parametrize(
    ("lat_deg", "lon_deg", "is_offshore", "country"),
    [
        (48.0, 67.0, "no", "Kazakhstan"),
        (48.0, 67.0, "yes", ""),
        (30.0, 104.0, "no", ""),  # in China, where the plants are
    ],
)
def test_a_site_of_the_user_out_of_reach_in_another_country_is_told(
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
    words = f"mine.csv:2: sites out of reach, in countries without a plant of the scenario: {site} ({country})"
    assert found == ((words,) if country else ())
