"""Eligible plants, targets in tonnes, groups of targets and budgets, and cost factors on a small hand-made network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ccs_model.errors import InfeasibleError, InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.problem import Problem
from tests.hand_network import LINKS, PLANTS, SITES

Changes = dict[str, Any]
MakeProblem = Callable[..., Problem]
TWO_PERIODS: Changes = {
    "years": [2026, 2031], "capital_recovery_share": None, "objective": "max_abatement", "budget.total_mn": 1_000,
}  # fmt: skip


@pytest.fixture(scope="module")
def make_problem(hand_problem: MakeProblem, inputs: Inputs) -> MakeProblem:
    """Build the problem of A and B in province `Here` and C in `There`; pumps use no power, which has no price."""
    pipes = inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)

    def make(
        *changes: Changes, plants: dict[str, Changes] | None = None, sites: dict[str, Changes] | None = None
    ) -> Problem:
        merged = {key: value for each in (TWO_PERIODS, *changes) for key, value in each.items()}
        overrides = {"C": {"province": "There"}, **(plants or {})}
        tables = {
            "plants": {name: {**row, **overrides.get(name, {})} for name, row in PLANTS.items()},
            "sites": {name: {**row, **(sites or {}).get(name, {})} for name, row in SITES.items()},
        }
        return hand_problem(merged, **tables, links=LINKS, transport__pipes=pipes)

    return make


def issues(make_problem: MakeProblem, *changes: Changes, **tables: dict[str, Changes]) -> list[Issue]:
    with pytest.raises(InputError) as caught:
        make_problem(*changes, **tables)
    return list(caught.value.issues)


def reasons(problem: Problem) -> dict[str, str]:
    return dict(zip(problem.plants["plant"], problem.plants["reason"], strict=True))


# Eligible plants


def test_plant_at_the_minimum_emissions_is_eligible(make_problem: MakeProblem) -> None:
    # A emits 300 kt/y, B 700, C 1,500.
    problem = make_problem({"plants.min_emissions_ktpa": 700})
    assert reasons(problem) == {"A": "below the smallest size", "B": "", "C": ""}
    assert problem.plants["is_candidate"].tolist() == [False, True, True]
    assert problem.baseline_ktpa == 2_500 and problem.zones == ("Here", "There")


def test_exclusion_takes_precedence_over_other_reasons(make_problem: MakeProblem) -> None:
    excluded: Changes = {"plants.exclude": ["A", {"B": "sold"}], "plants.min_emissions_ktpa": 1_500}
    assert reasons(make_problem(excluded)) == {
        "A": "excluded by the scenario",
        "B": "excluded by the scenario: sold",
        "C": "",
    }


def test_steel_works_eligibility_depends_on_capturable_streams_and_retirement(problem_of: MakeProblem) -> None:
    # A works with electric furnaces only; a works that is announced to retire.
    problem = problem_of({"plants": {"inventory": ["steel"], "provinces": ["Hebei"], "min_emissions_ktpa": 10}})
    plants = problem.plants.set_index("plant")
    assert plants.at["P100000120322", "reason"] == "no capturable stream"
    assert plants.at["P100000120322", "capturable_ktpa"] == 0
    assert plants.at["P100000120114", "reason"] == "announced to retire"
    # In another works, furnaces with 22.3 % of the iron capacity retire, so 77.7 % of its capturable emissions last.
    streams = problem.streams[problem.streams["plant"] == "P100000120108"]
    there = streams.loc[streams["grade"] != "none", "co2_ktpa"].sum()
    assert plants.at["P100000120108", "capturable_ktpa"] == pytest.approx(0.777 * there, rel=1e-3)


@pytest.mark.parametrize(
    ("closing_year", "reason"),
    [
        (2026, "closes before the first period"),
        (2025, "closes before the first period"),
        (2027, ""),  # one year of operation is the minimum life with given costs
    ],
)
def test_plant_that_closes_before_it_can_operate_is_not_eligible(
    make_problem: MakeProblem, closing_year: int, reason: str
) -> None:
    assert reasons(make_problem(plants={"A": {"closing_year": closing_year}}))["A"] == reason


def test_plant_with_too_late_an_earliest_start_is_not_eligible(make_problem: MakeProblem) -> None:
    late: Changes = {"plants.not_before": {"A": 2032, "B": 2031}}
    assert reasons(make_problem(late)) == {"A": "earliest start too late for the horizon", "B": "", "C": ""}
    # A plant that also closes has another reason.
    found = reasons(make_problem({"plants.not_before": {"A": 2031}}, plants={"A": {"closing_year": 2031}}))
    assert found["A"] == "closes too soon after its earliest start"


def test_not_before_in_the_first_period_does_not_change_the_reason(problem_of: MakeProblem) -> None:
    short: Changes = {"years": [2026, 2027], "capture.technologies": ["amine"]}
    plain = reasons(problem_of(short))
    idle = [plant for plant, reason in plain.items() if reason.startswith("nothing can start")]
    assert idle
    assert reasons(problem_of(short, {"plants.not_before": dict.fromkeys(idle, 2026)})) == plain


OWN_PIPES: Changes = {"transport.shared_trunklines": False, "transport.candidate_links": "made_and_given"}


def test_plant_without_a_site_in_reach_is_not_eligible(make_problem: MakeProblem) -> None:
    # A lies 0.4 and 0.6 degrees of longitude west of S and T: 35 and 53 km at 38° N.
    for reach_km, reason in ((36, ""), (34, "no storage site in reach")):
        assert reasons(make_problem(OWN_PIPES, {"storage.site_reach_km": reach_km}))["A"] == reason


@pytest.mark.parametrize("pipes", [OWN_PIPES, {}], ids=["own", "shared"])
@pytest.mark.parametrize("limit", [{"n_wells_max": 0}, {f"capacity_{end}_kt": 0.0 for end in ("low", "mid", "high")}])
def test_plants_are_not_eligible_if_no_site_has_wells_or_capacity(
    make_problem: MakeProblem, pipes: Changes, limit: Changes
) -> None:
    closed = dict.fromkeys(SITES, limit)
    assert set(reasons(make_problem(pipes, sites=closed)).values()) == {"no storage site in reach takes CO2"}
    # One site with wells is enough for all plants.
    assert set(reasons(make_problem(pipes, sites={"S": closed["S"]})).values()) == {""}


# Targets in tonnes


def test_targets_are_shares_of_the_baseline_of_their_group(make_problem: MakeProblem) -> None:
    targets: Changes = {
        "targets": {
            "abatement_share": {2031: 0.2},
            "by_province": {"Here": {"abatement_share": {2026: 0.1}}},
            "by_sector": {"sources": {"cumulative_avoided_kt": 700}},
            "captured_ktpa": 400,
        }
    }
    found = {target.key: target for target in make_problem(targets).targets}
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
    ("target", "message"),
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
def test_unreachable_target_is_infeasible_unless_it_has_a_shortfall_price(
    make_problem: MakeProblem, target: Changes, message: str
) -> None:
    # Operating C's capture emits elsewhere as much CO2 as is captured.
    with pytest.raises(InfeasibleError) as caught:
        make_problem(target, plants={"C": {"province": "There", "avoided_per_captured_share": 0.0}})
    assert message in str(caught.value)
    # With a shortfall price the target may be missed.
    priced: Changes = {"targets.shortfall_per_t": 100.0, "objective": "min_cost", "budget.total_mn": None}
    assert make_problem(target, priced, plants={"C": {"province": "There", "avoided_per_captured_share": 0.0}}).targets


def test_target_before_the_first_possible_start_is_infeasible(make_problem: MakeProblem) -> None:
    later: Changes = {"plants.not_before": {"C": 2031}}
    target = {"targets.by_province": {"There": {"abatement_share": {2026: 0.1}}}}
    with pytest.raises(InfeasibleError, match=r"no retrofit can operate there in the period from 2026; 0\.00%"):
        make_problem(later, target)
    # C can operate from 2031 on, and a target of 0 needs no retrofit.
    kept = {"targets.by_province": {"There": {"abatement_share": {2026: 0.0, 2031: 0.1}}}}
    assert len(make_problem(later, kept).targets) == 2


def test_static_target_bounds_the_flow_of_the_network(make_problem: MakeProblem) -> None:
    static: Changes = {"years": "static", "objective": "min_cost", "budget.total_mn": None}
    problem = make_problem(static, {"targets.captured_ktpa": 0.5})
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
def test_group_without_plants_is_reported(make_problem: MakeProblem, key: str, value: Changes, what: str) -> None:
    (issue,) = issues(make_problem, {key: value})
    (name,) = value
    assert issue.what == f"{key}.{name}: {what}" and issue.where.startswith(key)


def test_provincial_budget_accepts_the_province_of_a_shared_site(make_problem: MakeProblem) -> None:
    budget: Changes = {"budget.by_province_mn": {"Hebei": 5.0}}
    assert make_problem(budget, sites={"T": {"province": "Hebei"}}).province_budget_mn == {"Hebei": 5.0}
    # A plant in a province of China makes the group `China` valid.
    china: Changes = {"budget.by_province_mn": {"China": 5.0}}
    assert make_problem(china, plants={"C": {"province": "Hebei"}}).province_budget_mn == {"China": 5.0}
    # With own pipes, sites are not shared.
    (issue,) = issues(make_problem, OWN_PIPES, budget, sites={"T": {"province": "Hebei"}})
    assert "'Hebei' has no operating plant" in issue.what


@pytest.mark.parametrize(
    ("shares", "total"),
    [
        ({"Here": 0.6, "There": 0.4}, None),
        ({"Here": 0.6, "There": 0.5}, "110%"),
        ({"Here": 0.6, "sources": 0.5}, None),  # a province and a sector overlap
    ],
)
def test_minimum_shares_of_provinces_may_not_sum_to_more_than_one(
    make_problem: MakeProblem, shares: Changes, total: str | None
) -> None:
    changes: Changes = {"targets.share_of_avoided_min": shares}
    if total is None:
        assert make_problem(changes).share_of_avoided_min == shares
    else:
        (issue,) = issues(make_problem, changes)
        assert issue.what == f"targets.share_of_avoided_min: the shares of each province sum to {total}"


def test_minimum_share_requires_an_eligible_plant_in_the_group(make_problem: MakeProblem) -> None:
    exclusion: Changes = {"plants.exclude": ["C"]}
    (issue,) = issues(make_problem, exclusion, {"targets.share_of_avoided_min": {"There": 0.1}})
    assert issue.what == "targets.share_of_avoided_min.There: no plant of 'There' is eligible"
    assert make_problem(exclusion, {"targets.share_of_avoided_min": {"There": 0.0, "Here": 0.1, "sources": 0.1}})


def test_required_plant_that_is_not_eligible_is_reported_with_the_reason(make_problem: MakeProblem) -> None:
    (issue,) = issues(make_problem, {"plants.require": ["B", "A"], "plants.min_emissions_ktpa": 500})
    assert (issue.where, issue.what) == (
        "plants.require[1]", "plant 'A' cannot be retrofitted: below the smallest size"
    )  # fmt: skip
    assert make_problem({"plants.require": ["B"]}).require == ("B",)


# Cost factors


def test_each_cost_factor_scales_its_costs_of_sites_options_and_pipes(make_problem: MakeProblem) -> None:
    site = {
        "site_capex_mn": 8, "well_capex_mn": 2, "site_om_mn_pa": 1, "monitoring_mn_pa": 0.5, "closure_mn": 3,
        "post_injection_mn": 4, "well_om_mn_pa": 0.2, "injection_cost_per_t": 2, "eor_revenue_per_t": 10,
    }  # fmt: skip
    factors: Changes = {f"costs.{name}_factor": value for name, value in (("capex", 2.0), ("om", 3.0), ("oil", 5.0))}
    plant = {"fixed_om_mn_pa": 1.0, "capture_cost_per_t": 7.0}
    plain, scaled = (make_problem(changes, plants={"A": plant}, sites={"S": site}) for changes in ({}, factors))
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
