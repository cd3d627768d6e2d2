"""Which plants may be fitted, targets in tonnes, groups that targets and budgets name, and cost factors, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ccs_model.errors import InfeasibleError, InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.problem import Problem
from tests.hand_network import LINKS, PLANTS, SITES

Changes = dict[str, Any]
Posed = Callable[..., Problem]
STEPS: Changes = {
    "years": [2026, 2031], "capital_recovery_share": None, "objective": "max_abatement", "budget.total_mn": 1_000,
}  # fmt: skip


@pytest.fixture(scope="module")
def posed(hand_problem: Posed, inputs: Inputs) -> Posed:
    """A and B of the province `Here`, C of `There`; pumps draw no power, which has no price here."""
    pipes = inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)

    def made(
        *changes: Changes, plants: dict[str, Changes] | None = None, sites: dict[str, Changes] | None = None
    ) -> Problem:
        merged = {key: value for each in (STEPS, *changes) for key, value in each.items()}
        own = {"C": {"province": "There"}, **(plants or {})}
        tables = {
            "plants": {name: {**row, **own.get(name, {})} for name, row in PLANTS.items()},
            "sites": {name: {**row, **(sites or {}).get(name, {})} for name, row in SITES.items()},
        }
        return hand_problem(merged, **tables, links=LINKS, transport__pipes=pipes)

    return made


def issues(posed: Posed, *changes: Changes, **tables: dict[str, Changes]) -> list[Issue]:
    with pytest.raises(InputError) as caught:
        posed(*changes, **tables)
    return list(caught.value.issues)


def reasons(problem: Problem) -> dict[str, str]:
    return dict(zip(problem.plants["plant"], problem.plants["reason"], strict=True))


# Plants that may be fitted


def test_a_plant_of_the_smallest_size_may_be_fitted(posed: Posed) -> None:
    # A emits 300 kt/y, B 700, C 1,500.
    problem = posed({"plants.min_emissions_ktpa": 700})
    assert reasons(problem) == {"A": "below the smallest size", "B": "", "C": ""}
    assert problem.plants["is_candidate"].tolist() == [False, True, True]
    assert problem.baseline_ktpa == 2_500 and problem.zones == ("Here", "There")


def test_an_exclusion_is_told_before_other_reasons(posed: Posed) -> None:
    excluded: Changes = {"plants.exclude": ["A", {"B": "sold"}], "plants.min_emissions_ktpa": 1_500}
    assert reasons(posed(excluded)) == {"A": "excluded by the scenario", "B": "excluded by the scenario: sold", "C": ""}


def test_steel_works_without_a_stream_to_capture(problem_of: Posed) -> None:
    # Electric furnaces only; a works that is announced to retire.
    problem = problem_of({"plants": {"inventory": ["steel"], "provinces": ["Hebei"], "min_emissions_ktpa": 10}})
    plants = problem.plants.set_index("plant")
    assert plants.at["P100000120322", "reason"] == "no capturable stream"
    assert plants.at["P100000120322", "capturable_ktpa"] == 0
    assert plants.at["P100000120114", "reason"] == "announced to retire"
    # Furnaces of 22.3 % of the iron of another works retire: of all that it could capture, 77.7 % last.
    streams = problem.streams[problem.streams["plant"] == "P100000120108"]
    there = streams.loc[streams["grade"] != "none", "co2_ktpa"].sum()
    assert plants.at["P100000120108", "capturable_ktpa"] == pytest.approx(0.777 * there, rel=1e-3)


@pytest.mark.parametrize(
    ("closing_year", "reason"),
    [
        (2026, "closes before the first period"),
        (2025, "closes before the first period"),
        (2027, ""),  # a year of work is the minimum life of given costs
    ],
)
def test_a_plant_that_closes_before_it_can_work_is_out(posed: Posed, closing_year: int, reason: str) -> None:
    assert reasons(posed(plants={"A": {"closing_year": closing_year}}))["A"] == reason


def test_a_first_year_after_the_last_start_is_the_reason(posed: Posed) -> None:
    late: Changes = {"plants.not_before": {"A": 2032, "B": 2031}}
    assert reasons(posed(late)) == {"A": "earliest start too late for the horizon", "B": "", "C": ""}
    # One that also closes waits too long.
    found = reasons(posed({"plants.not_before": {"A": 2031}}, plants={"A": {"closing_year": 2031}}))
    assert found["A"] == "closes too soon after its earliest start"


OWN: Changes = {"transport.shared_trunklines": False, "transport.candidate_links": "made_and_given"}


def test_a_site_in_reach_is_needed(posed: Posed) -> None:
    # A lies 0.4 and 0.6 degrees of longitude west of S and T: 35 and 53 km at 38° N.
    for reach_km, reason in ((36, ""), (34, "no storage site in reach")):
        assert reasons(posed(OWN, {"storage.site_reach_km": reach_km}))["A"] == reason


@pytest.mark.parametrize("pipes", [OWN, {}], ids=["own", "shared"])
@pytest.mark.parametrize("nothing", [{"n_wells_max": 0}, {f"capacity_{end}_kt": 0.0 for end in ("low", "mid", "high")}])
def test_sites_without_wells_or_capacity_take_nothing(posed: Posed, pipes: Changes, nothing: Changes) -> None:
    shut = dict.fromkeys(SITES, nothing)
    assert set(reasons(posed(pipes, sites=shut)).values()) == {"no storage site in reach takes CO2"}
    # One site with wells serves all.
    assert set(reasons(posed(pipes, sites={"S": shut["S"]})).values()) == {""}


# Targets in tonnes


def test_targets_are_shares_of_the_baseline_of_their_group(posed: Posed) -> None:
    targets: Changes = {
        "targets": {
            "abatement_share": {2031: 0.2},
            "by_province": {"Here": {"abatement_share": {2026: 0.1}}},
            "by_sector": {"sources": {"cumulative_avoided_kt": 700}},
            "captured_ktpa": 400,
        }
    }
    found = {target.key: target for target in posed(targets).targets}
    assert list(found) == sorted(found)
    required = {
        "targets.abatement_share.2031": ("", 2031, 500, 2_500),  # 20 % of 2,500
        "targets.by_province.Here.abatement_share.2026": ("Here", 2026, 100, 1_000),  # 10 % of A and B
        "targets.by_sector.sources.cumulative_avoided_kt": ("sources", None, 700, 2_500),
        "targets.captured_ktpa": ("", 2031, 400, 400),
    }
    assert {
        key: (target.group, target.year, pytest.approx(target.required), pytest.approx(target.baseline_ktpa))
        for key, target in found.items()
    } == required
    assert [target.measure for target in found.values()] == ["avoided"] * 3 + ["captured"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (
            {"targets.by_province": {"There": {"abatement_share": {2026: 0.1}}}},
            "targets.by_province.There.abatement_share.2026: no retrofit there avoids any CO2 in the period from 2026; "
            "0.00% would restore feasibility",
        ),
        (
            {"targets.by_province": {"There": {"cumulative_avoided_kt": 5}}},
            "targets.by_province.There.cumulative_avoided_kt: no retrofit there avoids any CO2; 0 kt would restore",
        ),
    ],
)
def test_a_target_that_nothing_can_reach_is_refused(posed: Posed, target: Changes, words: str) -> None:
    # C emits elsewhere all that it captures.
    with pytest.raises(InfeasibleError) as caught:
        posed(target, plants={"C": {"province": "There", "avoided_per_captured_share": 0.0}})
    assert words in str(caught.value)
    # At a price, it may be missed.
    priced: Changes = {"targets.shortfall_per_t": 100.0, "objective": "min_cost", "budget.total_mn": None}
    assert posed(target, priced, plants={"C": {"province": "There", "avoided_per_captured_share": 0.0}}).targets


def test_a_target_before_the_first_start_is_refused(posed: Posed) -> None:
    later: Changes = {"plants.not_before": {"C": 2031}}
    target = {"targets.by_province": {"There": {"abatement_share": {2026: 0.1}}}}
    with pytest.raises(InfeasibleError, match=r"no retrofit can operate there in the period from 2026; 0\.00%"):
        posed(later, target)
    # It can work from 2031 on, and a target of nothing needs nobody.
    kept = {"targets.by_province": {"There": {"abatement_share": {2026: 0.0, 2031: 0.1}}}}
    assert len(posed(later, kept).targets) == 2


def test_pipes_are_no_larger_than_a_static_target_needs(posed: Posed) -> None:
    static: Changes = {"years": "static", "objective": "min_cost", "budget.total_mn": None}
    problem = posed(static, {"targets.captured_ktpa": 0.5})
    assert problem.network is not None and problem.network.most_ktpa == pytest.approx(0.5)


# Groups


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("targets.by_province", {"Hebei": {"abatement_share": {2031: 0.1}}}, "'Hebei' has no operating plant here"),
        ("targets.by_sector", {"steel": {"abatement_share": {2031: 0.1}}}, "'steel' has no operating plant here"),
        ("targets.share_of_avoided_min", {"Hebei": 0.1}, "'Hebei' has no operating plant here"),
        ("budget.by_province_mn", {"Hebei": 5.0}, "'Hebei' has no operating plant or shared storage site here"),
        ("budget.by_province_mn", {"China": 5.0}, "'China' has no operating plant or shared storage site here"),
    ],
)
def test_a_group_without_plants_is_named(posed: Posed, key: str, value: Changes, what: str) -> None:
    (issue,) = issues(posed, {key: value})
    (name,) = value
    assert issue.what == f"{key}.{name}: {what}" and issue.where.startswith(key)


def test_a_budget_may_name_the_province_of_a_shared_site(posed: Posed) -> None:
    budget: Changes = {"budget.by_province_mn": {"Hebei": 5.0}}
    assert posed(budget, sites={"T": {"province": "Hebei"}}).province_budget_mn == {"Hebei": 5.0}
    # A province of China makes China known.
    china: Changes = {"budget.by_province_mn": {"China": 5.0}}
    assert posed(china, plants={"C": {"province": "Hebei"}}).province_budget_mn == {"China": 5.0}
    # Own pipes end at sites of their own plant.
    (issue,) = issues(posed, OWN, budget, sites={"T": {"province": "Hebei"}})
    assert "'Hebei' has no operating plant" in issue.what


@pytest.mark.parametrize(
    ("shares", "together"),
    [
        ({"Here": 0.6, "There": 0.4}, None),
        ({"Here": 0.6, "There": 0.5}, "110%"),
        ({"Here": 0.6, "sources": 0.5}, None),  # a province and a sector overlap
    ],
)
def test_minimum_shares_of_one_kind_sum_to_one_at_most(posed: Posed, shares: Changes, together: str | None) -> None:
    changes: Changes = {"targets.share_of_avoided_min": shares}
    if together is None:
        assert posed(changes).share_of_avoided_min == shares
    else:
        (issue,) = issues(posed, changes)
        assert issue.what == f"targets.share_of_avoided_min: the shares of each province sum to {together}"


def test_a_minimum_share_needs_a_plant_that_may_be_fitted(posed: Posed) -> None:
    out: Changes = {"plants.exclude": ["C"]}
    (issue,) = issues(posed, out, {"targets.share_of_avoided_min": {"There": 0.1}})
    assert issue.what == "targets.share_of_avoided_min.There: no plant of 'There' may be fitted"
    assert posed(out, {"targets.share_of_avoided_min": {"There": 0.0, "Here": 0.1, "sources": 0.1}})


def test_a_required_plant_that_is_out_is_named_with_the_reason(posed: Posed) -> None:
    (issue,) = issues(posed, {"plants.require": ["B", "A"], "plants.min_emissions_ktpa": 500})
    assert (issue.where, issue.what) == (
        "plants.require[1]", "plant 'A' cannot be retrofitted: below the smallest size"
    )  # fmt: skip
    assert posed({"plants.require": ["B"]}).require == ("B",)


# Cost factors


def test_each_factor_scales_its_costs_of_sites_links_and_funds(posed: Posed) -> None:
    site = {
        "site_capex_mn": 8, "well_capex_mn": 2, "site_om_mn_pa": 1, "monitoring_mn_pa": 0.5, "closure_mn": 3,
        "post_injection_mn": 4, "well_om_mn_pa": 0.2, "injection_cost_per_t": 2, "eor_revenue_per_t": 10,
    }  # fmt: skip
    factors: Changes = {f"costs.{name}_factor": value for name, value in (("capex", 2.0), ("om", 3.0), ("oil", 5.0))}
    plant = {"fixed_om_mn_pa": 1.0, "capture_cost_per_t": 7.0}
    plain, scaled = (posed(changes, plants={"A": plant}, sites={"S": site}) for changes in ({}, factors))
    by_kind = {
        2: ["site_capex_mn", "well_capex_mn"],
        3: ["site_om_mn_pa", "monitoring_mn_pa", "closure_mn", "post_injection_mn", "well_om_mn_pa",
            "injection_cost_per_t"],
        5: ["eor_revenue_per_t"],
        1: ["capacity_kt", "injection_max_ktpa", "life_yr"],
    }  # fmt: skip
    for factor, names in by_kind.items():
        for name in names:
            assert scaled.sites[name].tolist() == pytest.approx((factor * plain.sites[name]).tolist()), name
    before, after = (problem.options.set_index("plant").loc["A"] for problem in (plain, scaled))
    assert (after["capture_capex_mn"], after["capex_per_tpa"]) == (20, pytest.approx(2 * before["capex_per_tpa"]))
    assert (after["fixed_om_mn_pa"], after["variable_om_per_t"]) == (3, 21)
    assert plain.stores is not None and scaled.stores is not None
    assert scaled.stores["variable_per_t"].tolist() == pytest.approx((3 * plain.stores["variable_per_t"]).tolist())
    assert plain.network is not None and scaled.network is not None
    lines = [problem.network.lines.set_index("line") for problem in (plain, scaled)]
    for name, factor in (("fixed_mn", 2), ("slope_mn_per_ktpa", 2), ("om_mn_per_ktpa", 3), ("largest_ktpa", 1)):
        assert lines[1][name].tolist() == pytest.approx((factor * lines[0][name]).tolist()), name
    for name, cost in plain.cost_per_t.items():
        assert scaled.cost_per_t[name] == pytest.approx((1 if name in ("heat", "capture_power") else 3) * cost), name
