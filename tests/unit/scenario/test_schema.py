"""The class Scenario: defaults, issues at dotted keys, validated copies, the JSON Schema."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ccs_model.errors import BAD_INPUT, InputError, Issue
from ccs_model.scenario import Scenario, json_schema
from ccs_model.scenario.fields import CURRENCY_TEXT


def values(**more: Any) -> dict[str, Any]:
    return {"name": "Test", "plants": {}, "budget": {"total_mn": 12_000}} | more


def issues(given: dict[str, Any]) -> list[Issue]:
    with pytest.raises(InputError) as caught:
        Scenario.from_dict(given)
    assert caught.value.exit_code == BAD_INPUT
    return list(caught.value.issues)


def test_only_three_keys_are_required_and_the_others_have_defaults() -> None:
    scenario = Scenario.from_dict(values())
    assert scenario.description == ""
    assert (scenario.currency, scenario.price_year, scenario.discount_rate) == ("CNY", 2024, 0.08)
    assert scenario.years == (2026, 2030, 2035, 2040)
    assert scenario.plants.inventory == ("steel", "chemicals")
    assert scenario.plants.min_emissions_ktpa == 0
    assert (scenario.plants.provinces, scenario.plants.exclude, scenario.plants.require) == ((), (), ())
    assert scenario.capture.technologies == ("amine", "advanced_amine", "compression", "purification")
    assert (scenario.capture.decisions, scenario.capture.max_builds_per_year) == ("integer", None)
    assert (scenario.transport.detour_factor, scenario.transport.corridors) == (1.14, "auto")
    assert scenario.transport.shared_trunklines
    assert (scenario.storage.sites, scenario.storage.capacity, scenario.storage.max_fill_share) == ((), "mid", 1.0)
    assert scenario.budget.cumulative_mn == {}
    assert scenario.objective == "max_abatement"
    solver = scenario.solver
    assert (solver.mip_gap, solver.time_limit_s, solver.threads, solver.seed) == (0.01, 1800, 2, 0)
    assert scenario.source_path is None


def test_missing_required_keys_are_reported() -> None:
    assert issues({}) == [
        Issue("name", "required key is missing", "add 'name:'"),
        Issue("plants", "required key is missing", "add 'plants:'"),
        Issue("budget", "required key is missing", "add 'budget:'"),
    ]


@pytest.mark.parametrize(
    ("more", "issue"),
    [
        ({"name": ""}, Issue("name", "expected text, got an empty text")),
        ({"name": "  "}, Issue("name", "expected text, got only blanks")),
        ({"name": "x" * 121}, Issue("name", "expected at most 120 characters, got 121")),
        ({"name": "a\nb"}, Issue("name", "contains the control character U+000A", "remove it")),
        ({"name": "\ud800"}, Issue("name", "contains an incomplete character (a lone surrogate)", "remove it")),
        ({"name": 2026}, Issue("name", "expected text, got 2026", "write '2026' in quotes")),
        ({"description": "a\x07"}, Issue("description", "contains the control character U+0007", "remove it")),
        ({"currency": "pound"}, Issue("currency", f"expected {CURRENCY_TEXT}; got text 'pound'")),
        ({"currency": "cny"}, Issue("currency", f"expected {CURRENCY_TEXT}; got text 'cny'", "did you mean 'CNY'?")),
        ({"price_year": 1999}, Issue("price_year", "expected at least 2005, got 1999")),
        ({"price_year": 2026}, Issue("price_year", "expected at most 2025, got 2026")),
        ({"price_year": 2024.0}, Issue("price_year", "expected a whole number, got 2024.0", "write 2024")),
        ({"years": [2030]}, Issue("years", "expected at least 2 items, got 1")),
        ({"years": 2030}, Issue("years", "expected a list, got 2030", "write [2030]")),
        ({"years": [2026, 2101]}, Issue("years[1]", "expected at most 2100, got 2101")),
        (
            {"years": [2026, 2030, 2030]},
            Issue("years[2]", "expected a year after 2030, got 2030", "list the years in increasing order"),
        ),
        (
            {"years": "［2026，2030］"},
            Issue(
                "years", "expected a list, got text '［2026，2030］'", "write [2026, 2030] with half-width punctuation"
            ),
        ),
        ({"years": "dynamic"}, Issue("years", "expected a list, got text 'dynamic'", "write [dynamic]")),
        ({"discount_rate": 8}, Issue("discount_rate", "expected less than 1, got 8", "did you mean 0.08?")),
        (
            {"policy": {"carbon_price_per_t": {27: 20}}},
            Issue("policy.carbon_price_per_t.27", "expected at least 1990, got 27"),
        ),
        (
            {"policy": {"non_fossil_share": {20360: 0.5}}},
            Issue("policy.non_fossil_share.20360", "expected at most 2200, got 20360"),
        ),
        ({"discount_rate": -0.5}, Issue("discount_rate", "expected at least 0, got -0.5")),
        ({"discount_rate": True}, Issue("discount_rate", "expected a number, got true")),
        (
            {"objective": "most_money"},
            Issue(
                "objective", "expected one of max_abatement, min_cost, max_npv, max_net_benefit; got text 'most_money'"
            ),
        ),
        ({"plants": {"inventory": []}}, Issue("plants.inventory", "expected at least 1 items, got 0")),
        (
            {"plants": {"inventory": ["own.csv", "stel"]}},
            Issue(
                "plants.inventory[1]",
                "expected steel, chemicals, coal_chemicals, sources or a file of your own, got text 'stel'",
                "did you mean 'steel'?",
            ),
        ),
        (
            {"plants": {"inventory": ["steel", "steel"]}},
            Issue("plants.inventory[1]", "'steel' is listed twice, first at plants.inventory[0]"),
        ),
        (
            {"plants": {"exclude": ["a", "b"], "require": ["c", "b"]}},
            Issue(
                "plants.require[1]",
                "plant 'b' is both required and excluded, excluded at plants.exclude[1]",
                "keep one",
            ),
        ),
        ({"plants": {"min_emissions_ktpa": -1}}, Issue("plants.min_emissions_ktpa", "expected at least 0, got -1")),
        ({"capture": {"technologies": []}}, Issue("capture.technologies", "expected at least 1 items, got 0")),
        ({"capture": {"max_builds_per_year": -1}}, Issue("capture.max_builds_per_year", "expected at least 0, got -1")),
        ({"transport": {"detour_factor": 0.9}}, Issue("transport.detour_factor", "expected at least 1, got 0.9")),
        (
            {"storage": {"max_fill_share": 50}},
            Issue("storage.max_fill_share", "expected at most 1, got 50", "did you mean 0.5?"),
        ),
        ({"storage": {"max_fill_share": 0}}, Issue("storage.max_fill_share", "expected more than 0, got 0")),
        ({"storage": None}, Issue("storage", "expected keys with values, got nothing")),
        ({"budget": {"total_mn": float("inf")}}, Issue("budget.total_mn", "expected a finite number, got inf")),
        (
            {"budget": {"total_mn": 1, "cumulative_mn": {2027: 1}}},
            Issue("budget.cumulative_mn.2027", "no period starts in 2027", "years: 2026, 2030, 2035, 2040"),
        ),
        (
            {"budget": {"total_mn": 1, "cumulative_mn": {2030: -1}}},
            Issue("budget.cumulative_mn.2030", "expected at least 0, got -1"),
        ),
        ({"budget": {"total_mn": 10**6000}}, Issue("budget.total_mn", "expected a number, got a very long number")),
        ({"\ud800": 1}, Issue("scenario", "contains an incomplete character (a lone surrogate)", "remove it")),
        ({"solver": {"mip_gap": 0.6}}, Issue("solver.mip_gap", "expected at most 0.5, got 0.6")),
        ({"solver": {"time_limit_s": 0}}, Issue("solver.time_limit_s", "expected more than 0, got 0")),
        ({"solver": {"threads": 65}}, Issue("solver.threads", "expected at most 64, got 65")),
        ({"solver": {"seed": -1}}, Issue("solver.seed", "expected at least 0, got -1")),
        ({"solver": {"seed": 2**31}}, Issue("solver.seed", "expected at most 2147483647, got 2147483648")),
        ({"extends": "other.yaml"}, Issue("extends", "only a file can extend another file", "use read_scenario")),
    ],
)
def test_invalid_value_is_reported_with_the_expected_one(more: dict[str, Any], issue: Issue) -> None:
    assert issues(values(**more)) == [issue]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("5e9", "write 5e9 without quotes"),
        ("1_000", "write 1_000 without quotes"),
        ("1,000,000", "write 1000000 or 1_000_000"),
        ("15%", "write 0.15"),
        ("010", "write 10"),
        ("9" * 5000, "expected a shorter number"),
        ("9 billion", "write 9000, in million"),
        ("1,200.5 mn", "write 1200.5, in million"),
        ("90亿", "write 9000, in million"),
        ("3 crore", "write 30, in million"),
        ("Rs. 5,000 Cr", "write 50000, in million"),
        ("₹2 lakh crores", "write 2000000, in million"),
        ("12,00,000", "write 1200000 or 12_00_000"),
        ("CNY 9 billion", "write 9000, in million"),
        ("9,5 billion", "accepted spellings: 1000000, 1_000_000, 1e6, 0.15"),
        ("9 apples", "accepted spellings: 1000000, 1_000_000, 1e6, 0.15"),
        ("plenty", "accepted spellings: 1000000, 1_000_000, 1e6, 0.15"),
    ],
)
def test_text_is_never_read_as_a_number(text: str, hint: str) -> None:
    (issue,) = issues(values(budget={"total_mn": text}))
    assert issue.where == "budget.total_mn"
    assert issue.what.startswith("expected a number, got text '")
    assert issue.hint == hint


def test_corridors_are_a_keyword_or_a_csv_file() -> None:
    for name in ("auto", "all", "mine.csv"):
        assert Scenario.from_dict(values(transport={"corridors": name})).transport.corridors == name
    (issue,) = issues(values(transport={"corridors": "autto"}))
    assert issue.what == "expected auto, all or a .csv file of your own, got text 'autto'"
    assert issue.hint == "did you mean 'auto'?"
    (issue,) = issues(values(transport={"corridors": "mine.geojson"}))
    assert issue.what == "expected auto, all or a .csv file of your own, got text 'mine.geojson'"


def test_a_static_year_is_the_price_year() -> None:
    scenario = Scenario.from_dict(values(years="static", price_year=2023))
    assert scenario.is_static
    assert (scenario.starts, scenario.horizon_end, scenario.period_years(2023)) == ((2023,), 2024, 1)
    (issue,) = issues(values(years="static", targets={"abatement_share": {2030: 0.1}}))
    assert (issue.where, issue.hint) == ("targets.abatement_share.2030", "years: 2024")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("most", "max_abatement"),
        ("maximum", "max_abatement"),
        ("maximise", "max_abatement"),
        ("lowest emissions", "max_abatement"),
        ("cheapest", "min_cost"),
        ("lowest_cost", "min_cost"),
        ("minimum", "min_cost"),
        ("npv", "max_npv"),
        ("profit", "max_npv"),
        ("max_nvp", "max_npv"),
        ("welfare", "max_net_benefit"),
        ("benefit", "max_net_benefit"),
    ],
)
def test_nearest_objective_is_suggested(given: str, meant: str) -> None:
    (issue,) = issues(values(objective=given))
    assert issue.hint == f"did you mean '{meant}'?"


@pytest.mark.parametrize(
    ("more", "where", "hint"),
    [
        ({"budgett": 1}, "budgett", "did you mean 'budget'?"),
        ({"Budget": 1}, "Budget", "did you mean 'budget'?"),
        ({"detour_factor": 1.2}, "detour_factor", "'detour_factor' belongs under 'transport'"),
        ({"plants": {"currency": "CNY"}}, "plants.currency", "'currency' belongs at the top level"),
        ({"solver": {"time-limit": 3}}, "solver.time-limit", "did you mean 'time_limit_s'?"),
        ({"fill_share": 1}, "fill_share", "did you mean 'storage.max_fill_share'?"),
        (
            {"transport": {"zzz": 1}},
            "transport.zzz",
            "known here: candidate_links, corridors, detour_factor, pipe_costs, shared_trunklines, terrain, trucks",
        ),
        (
            {"transport": {5: 1}},
            "transport.5",
            "known here: candidate_links, corridors, detour_factor, pipe_costs, shared_trunklines, terrain, trucks",
        ),
    ],
)
def test_unknown_key_is_reported_with_a_suggestion(more: dict[str, Any], where: str, hint: str) -> None:
    assert issues(values(**more)) == [Issue(where, "unknown key", hint)]


def test_issues_are_collected_across_sections() -> None:
    given = values(objective="x", discount_rate=8, budget={"total_mn": 1, "cumulative_mn": {2027: 1, 2028: 2}})
    places = [issue.where for issue in issues(given)]
    assert places == ["discount_rate", "budget.cumulative_mn.2027", "budget.cumulative_mn.2028", "objective"]


def test_terminal_codes_in_a_key_or_value_are_escaped() -> None:
    shown = str(InputError(issues(values(**{"\x1b[31m": 1, "objective": "\x1b[2J"}))))
    assert "\x1b" not in shown
    assert "\\x1b[31m" in shown


def test_scenario_that_is_not_a_mapping_is_an_error() -> None:
    with pytest.raises(InputError, match="scenario: expected keys with values, got a list"):
        Scenario.from_dict([])  # type: ignore[arg-type]


def test_numpy_numbers_are_accepted() -> None:
    scenario = Scenario.from_dict(values(solver={"threads": np.int64(3)}, budget={"total_mn": np.float32(5)}))
    assert (scenario.solver.threads, scenario.budget.total_mn) == (3, 5.0)
    assert type(scenario.solver.threads) is int


def test_mappings_of_a_scenario_cannot_be_changed() -> None:
    policy = {"carbon_price_per_t": {2026: 100}}
    scenario = Scenario.from_dict(values(plants={"not_before": {"A": 2030}}, policy=policy))
    prices = scenario.policy.carbon_price_per_t
    assert prices is not None
    changes: list[Callable[[], object]] = [
        lambda: prices.__setitem__(2026, 1.0), lambda: prices.update({2026: 1.0}), lambda: prices.pop(2026),
        lambda: prices.setdefault(2030, 1.0), prices.clear, prices.popitem, lambda: prices.__delitem__(2026),
        lambda: prices.__ior__({2030: 1.0}), lambda: scenario.plants.not_before.update(B=2031),
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(TypeError, match=r"with_changes returns a changed copy"):
            change()
    assert dict(prices) == {2026: 100.0}
    assert deepcopy(scenario) == pickle.loads(pickle.dumps(scenario)) == scenario


def test_scenario_is_frozen_and_can_be_pickled() -> None:
    scenario = Scenario.from_dict(values())
    with pytest.raises(ValidationError):
        scenario.name = "Other"  # type: ignore[misc]
    copy = pickle.loads(pickle.dumps(scenario))
    assert copy == scenario
    assert dict(copy.places) == dict(scenario.places)


def test_equal_scenarios_have_equal_hashes_and_sorted_years() -> None:
    one = Scenario.from_dict(values(budget={"total_mn": 1, "cumulative_mn": {2030: 1, 2026: 2}}))
    two = Scenario.from_dict(values(budget={"total_mn": 1.0, "cumulative_mn": {2026: 2, 2030: 1}}))
    assert one == two
    assert hash(one) == hash(two)
    assert list(one.budget.cumulative_mn) == [2026, 2030]
    assert one != one.with_changes({"budget.cumulative_mn.2026": 3})


def test_periods_have_their_years_and_the_horizon_its_end() -> None:
    scenario = Scenario.from_dict(values(years=[2026, 2030, 2035, 2045]))
    assert [scenario.period_years(year) for year in scenario.years] == [4, 5, 10, 10]
    assert scenario.horizon_end == 2055
    with pytest.raises(ValueError, match="no period starts in 2027"):
        scenario.period_years(2027)


def test_with_changes_returns_a_validated_copy() -> None:
    scenario = Scenario.from_dict(values())
    changed = scenario.with_changes(
        {"budget.total_mn": 5000, "budget.cumulative_mn.2026": 100, "storage.capacity": "low"}
    )
    assert (changed.budget.total_mn, changed.budget.cumulative_mn, changed.storage.capacity) == (
        5000,
        {2026: 100},
        "low",
    )
    assert (scenario.budget.total_mn, scenario.budget.cumulative_mn, scenario.storage.capacity) == (12_000, {}, "mid")
    assert changed.places["budget.total_mn"] == "changed"
    assert changed.places["name"] == "given in Python"
    assert "transport.detour_factor" not in changed.places


def test_with_changes_replaces_a_whole_mapping() -> None:
    scenario = Scenario.from_dict(values(budget={"total_mn": 1, "cumulative_mn": {2026: 1}}))
    changed = scenario.with_changes({"budget": {"total_mn": 2}})
    assert changed.budget.cumulative_mn == {}
    assert "budget.cumulative_mn.2026" not in changed.places
    assert changed.places["budget.total_mn"] == "changed"


@pytest.mark.parametrize(
    ("changes", "issue"),
    [
        (
            {"budget.total_mn：3": 1},
            Issue("budget.total_mn：3", "unknown key", "write total_mn: 3 with half-width punctuation"),
        ),
        ({"budget.totl_mn": 1}, Issue("budget.totl_mn", "unknown key", "did you mean 'total_mn'?")),
        ({"discount_rate": 8}, Issue("discount_rate", "expected less than 1, got 8", "did you mean 0.08?")),
        ({"name.first": "x"}, Issue("name.first", "'name' has a value, not keys")),
        ({"budget.total_mn.": 1}, Issue("budget.total_mn.", "'total_mn' has a value, not keys")),
        (
            {"budget.": {"total_mn": 1}},
            Issue("budget.", "unknown key", "known here: by_province_mn, cumulative_mn, total_mn"),
        ),
        ({"funds.bond": 1}, Issue("funds.bond", "expected keys with values, got 1")),
        ({"extends": "x.yaml"}, Issue("extends", "only a file can extend another file", "use read_scenario")),
        (
            {"budget.total_mn": "5e9"},
            Issue("budget.total_mn", "expected a number, got text '5e9'", "write 5e9 without quotes"),
        ),
    ],
)
def test_with_changes_reports_an_invalid_change_at_its_key(changes: dict[str, Any], issue: Issue) -> None:
    with pytest.raises(InputError) as caught:
        Scenario.from_dict(values()).with_changes(changes)
    assert caught.value.issues == (issue,)


def test_json_schema_describes_every_key_and_accepts_extends_in_place_of_required_keys() -> None:
    schema = json_schema()
    assert schema == json_schema()
    assert set(schema["properties"]) == {*Scenario.model_fields, "extends", "schema"}
    for part in (schema, *schema["$defs"].values()):
        assert part["additionalProperties"] is False
        assert "required" not in part
        for key, field in part["properties"].items():
            assert field.get("description") or schema["$defs"][field["$ref"].rpartition("/")[2]]["description"], key
    extends, with_budget, with_targets, with_net_value, with_min_cost = schema["anyOf"]
    assert with_net_value["required"] == with_min_cost["required"] == ["name", "plants", "objective"]
    assert with_targets["required"] == ["name", "plants", "targets"]
    assert extends == {"required": ["extends"]}
    assert with_budget["required"] == ["name", "plants", "budget"]
