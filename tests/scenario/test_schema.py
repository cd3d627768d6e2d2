"""The scenario as Python sees it: defaults, faults at dotted keys, checked copies, the JSON Schema."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ccs_model.errors import BAD_INPUT, Fault, InputError
from ccs_model.scenario import Scenario, json_schema


def values(**more: Any) -> dict[str, Any]:
    return {"name": "Test", "plants": {}, "budget": {"total_mn": 12_000}} | more


def faults(given: dict[str, Any]) -> list[Fault]:
    with pytest.raises(InputError) as caught:
        Scenario.from_dict(given)
    assert caught.value.exit_code == BAD_INPUT
    return list(caught.value.faults)


def test_only_three_keys_are_needed_and_the_rest_has_defaults() -> None:
    scenario = Scenario.from_dict(values())
    assert scenario.question == ""
    assert (scenario.currency, scenario.price_year, scenario.discount_share) == ("CNY", 2024, 0.08)
    assert scenario.years == (2026, 2030, 2035, 2040)
    assert scenario.plants.inventory == ("steel", "chemicals")
    assert scenario.plants.emitting_at_least_ktpa == 0
    assert (scenario.plants.provinces, scenario.plants.leave_out, scenario.plants.must_fit) == ((), (), ())
    assert scenario.capture.technologies == ("amine", "advanced_amine", "compression", "purification")
    assert (scenario.capture.retrofits, scenario.capture.built_per_year_max) == ("whole", None)
    assert (scenario.transport.detour, scenario.transport.corridors) == (1.14, "auto")
    assert scenario.transport.shared_trunklines
    assert (scenario.storage.sites, scenario.storage.capacity, scenario.storage.fill_share_max) == ((), "mid", 1.0)
    assert scenario.budget.ceiling_mn == {}
    assert scenario.aim == "most_abatement"
    solver = scenario.solver
    assert (solver.gap_share, solver.time_limit_s, solver.threads, solver.seed) == (0.01, 120, 2, 0)
    assert scenario.source_path is None


def test_what_is_needed_is_named() -> None:
    assert faults({}) == [
        Fault("name", "missing, and needed", "add 'name:'"),
        Fault("plants", "missing, and needed", "add 'plants:'"),
        Fault("budget", "missing, and needed", "add 'budget:'"),
    ]


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"name": ""}, Fault("name", "expected some text, got none")),
        ({"name": "  "}, Fault("name", "expected some text, got blanks")),
        ({"name": "x" * 121}, Fault("name", "expected at most 120 characters, got 121")),
        ({"name": "a\nb"}, Fault("name", "holds the control character U+000A", "remove it")),
        ({"name": "\ud800"}, Fault("name", "holds half a character (a lone surrogate)", "remove it")),
        ({"name": 2026}, Fault("name", "expected text, got 2026", "write '2026' in quotes")),
        ({"question": "a\x07"}, Fault("question", "holds the control character U+0007", "remove it")),
        ({"currency": "GBP"}, Fault("currency", "expected one of CNY, USD, EUR; got text 'GBP'")),
        (
            {"currency": "cny"},
            Fault("currency", "expected one of CNY, USD, EUR; got text 'cny'", "did you mean 'CNY'?"),
        ),
        ({"price_year": 1999}, Fault("price_year", "expected at least 2005, got 1999")),
        ({"price_year": 2026}, Fault("price_year", "expected at most 2025, got 2026")),
        ({"price_year": 2024.0}, Fault("price_year", "expected a whole number, got 2024.0", "write 2024")),
        ({"years": [2030]}, Fault("years", "expected at least 2 in the list, got 1")),
        ({"years": 2030}, Fault("years", "expected a list, got 2030", "write [2030]")),
        ({"years": [2026, 2101]}, Fault("years[1]", "expected at most 2100, got 2101")),
        (
            {"years": [2026, 2030, 2030]},
            Fault("years[2]", "expected a year after 2030, got 2030", "years go upwards, each once"),
        ),
        ({"years": "dynamic"}, Fault("years", "expected a list, got text 'dynamic'", "write [dynamic]")),
        ({"discount_share": 8}, Fault("discount_share", "expected less than 1, got 8", "did you mean 0.08?")),
        ({"discount_share": -0.5}, Fault("discount_share", "expected at least 0, got -0.5")),
        ({"discount_share": True}, Fault("discount_share", "expected a number, got true")),
        (
            {"aim": "most_money"},
            Fault(
                "aim",
                "expected one of most_abatement, least_cost, highest_npv, highest_net_benefit; got text 'most_money'",
            ),
        ),
        ({"plants": {"inventory": []}}, Fault("plants.inventory", "expected at least 1 in the list, got 0")),
        (
            {"plants": {"inventory": ["own.csv", "stel"]}},
            Fault(
                "plants.inventory[1]",
                "expected steel, chemicals, coal_chemicals or a file of your own, got text 'stel'",
                "did you mean 'steel'?",
            ),
        ),
        (
            {"plants": {"inventory": ["steel", "steel"]}},
            Fault("plants.inventory[1]", "'steel' stands twice in the list, first at plants.inventory[0]"),
        ),
        (
            {"plants": {"leave_out": ["a", "b"], "must_fit": ["c", "b"]}},
            Fault(
                "plants.must_fit[1]",
                "plant 'b' must be fitted here and is left out at plants.leave_out[1]",
                "keep one",
            ),
        ),
        (
            {"plants": {"emitting_at_least_ktpa": -1}},
            Fault("plants.emitting_at_least_ktpa", "expected at least 0, got -1"),
        ),
        ({"capture": {"technologies": []}}, Fault("capture.technologies", "expected at least 1 in the list, got 0")),
        (
            {"capture": {"technologies": ["amin"]}},
            Fault(
                "capture.technologies[0]",
                "expected one of amine, advanced_amine, compression, purification; got text 'amin'",
                "did you mean 'amine'?",
            ),
        ),
        ({"capture": {"built_per_year_max": -1}}, Fault("capture.built_per_year_max", "expected at least 0, got -1")),
        ({"transport": {"detour": 0.9}}, Fault("transport.detour", "expected at least 1, got 0.9")),
        (
            {"storage": {"fill_share_max": 50}},
            Fault("storage.fill_share_max", "expected at most 1, got 50", "did you mean 0.5?"),
        ),
        ({"storage": {"fill_share_max": 0}}, Fault("storage.fill_share_max", "expected more than 0, got 0")),
        ({"storage": None}, Fault("storage", "expected keys with values, got nothing")),
        ({"budget": {"total_mn": float("inf")}}, Fault("budget.total_mn", "expected a finite number, got inf")),
        (
            {"budget": {"total_mn": 1, "ceiling_mn": {2027: 1}}},
            Fault("budget.ceiling_mn.2027", "no period starts in 2027", "years: 2026, 2030, 2035, 2040"),
        ),
        (
            {"budget": {"total_mn": 1, "ceiling_mn": {2030: -1}}},
            Fault("budget.ceiling_mn.2030", "expected at least 0, got -1"),
        ),
        ({"budget": {"total_mn": 10**6000}}, Fault("budget.total_mn", "expected a number, got a very long number")),
        ({"\ud800": 1}, Fault("scenario", "holds half a character (a lone surrogate)", "remove it")),
        ({"solver": {"gap_share": 0.6}}, Fault("solver.gap_share", "expected at most 0.5, got 0.6")),
        ({"solver": {"time_limit_s": 0}}, Fault("solver.time_limit_s", "expected more than 0, got 0")),
        ({"solver": {"threads": 65}}, Fault("solver.threads", "expected at most 64, got 65")),
        ({"solver": {"seed": -1}}, Fault("solver.seed", "expected at least 0, got -1")),
        ({"solver": {"seed": 2**31}}, Fault("solver.seed", "expected at most 2147483647, got 2147483648")),
        ({"like": "other.yaml"}, Fault("like", "only a file can be like another file", "use read_scenario")),
    ],
)
def test_a_bad_value_is_named_with_what_was_expected(more: dict[str, Any], fault: Fault) -> None:
    assert faults(values(**more)) == [fault]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("5e9", "write 5e9 without quotes"),
        ("1_000", "write 1_000 without quotes"),
        ("1,000,000", "write 1000000 or 1_000_000"),
        ("15%", "write 0.15"),
        ("010", "write 10"),
        ("9" * 5000, "expected a shorter number"),
        ("plenty", "accepted spellings: 1000000, 1_000_000, 1e6, 0.15"),
    ],
)
def test_text_is_never_taken_for_a_number(text: str, hint: str) -> None:
    (fault,) = faults(values(budget={"total_mn": text}))
    assert fault.where == "budget.total_mn"
    assert fault.what.startswith("expected a number, got text '")
    assert fault.hint == hint


def test_corridors_are_a_word_or_a_file() -> None:
    for word in ("auto", "all", "mine.csv"):
        assert Scenario.from_dict(values(transport={"corridors": word})).transport.corridors == word
    (fault,) = faults(values(transport={"corridors": "autto"}))
    assert fault.what == "expected auto, all or a .csv file of your own, got text 'autto'"
    assert fault.hint == "did you mean 'auto'?"


def test_a_static_year_is_the_price_year() -> None:
    scenario = Scenario.from_dict(values(years="static", price_year=2023))
    assert scenario.is_static
    assert (scenario.starts, scenario.horizon_end, scenario.period_years(2023)) == ((2023,), 2024, 1)
    (fault,) = faults(values(years="static", targets={"cut_share": {2030: 0.1}}))
    assert (fault.where, fault.hint) == ("targets.cut_share.2030", "years: 2024")


@pytest.mark.parametrize(
    ("more", "where", "hint"),
    [
        ({"budgett": 1}, "budgett", "did you mean 'budget'?"),
        ({"Budget": 1}, "Budget", "did you mean 'budget'?"),
        ({"detour": 1.2}, "detour", "'detour' belongs under 'transport'"),
        ({"plants": {"currency": "CNY"}}, "plants.currency", "'currency' belongs at the top level"),
        ({"solver": {"time-limit": 3}}, "solver.time-limit", "did you mean 'time_limit_s'?"),
        ({"fill_share": 1}, "fill_share", "did you mean 'storage.fill_share_max'?"),
        (
            {"transport": {"zzz": 1}},
            "transport.zzz",
            "known here: candidate_links, corridors, detour, shared_trunklines, terrain, trucks",
        ),
        (
            {"transport": {5: 1}},
            "transport.5",
            "known here: candidate_links, corridors, detour, shared_trunklines, terrain, trucks",
        ),
    ],
)
def test_an_unknown_key_names_the_nearest(more: dict[str, Any], where: str, hint: str) -> None:
    assert faults(values(**more)) == [Fault(where, "unknown key", hint)]


def test_faults_are_gathered_across_sections() -> None:
    given = values(aim="x", discount_share=8, budget={"total_mn": 1, "ceiling_mn": {2027: 1, 2028: 2}})
    places = [fault.where for fault in faults(given)]
    assert places == ["discount_share", "budget.ceiling_mn.2027", "budget.ceiling_mn.2028", "aim"]


def test_terminal_codes_in_a_key_or_value_are_made_visible() -> None:
    shown = str(InputError(faults(values(**{"\x1b[31m": 1, "aim": "\x1b[2J"}))))
    assert "\x1b" not in shown
    assert "\\x1b[31m" in shown


def test_what_is_no_mapping_is_refused() -> None:
    with pytest.raises(InputError, match="scenario: expected keys with values, got a list"):
        Scenario.from_dict([])  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers() -> None:
    scenario = Scenario.from_dict(values(solver={"threads": np.int64(3)}, budget={"total_mn": np.float32(5)}))
    assert (scenario.solver.threads, scenario.budget.total_mn) == (3, 5.0)
    assert type(scenario.solver.threads) is int


def test_a_scenario_is_frozen_and_travels() -> None:
    scenario = Scenario.from_dict(values())
    with pytest.raises(ValidationError):
        scenario.name = "Other"  # type: ignore[misc]
    copy = pickle.loads(pickle.dumps(scenario))
    assert copy == scenario
    assert dict(copy.places) == dict(scenario.places)


def test_equal_scenarios_hash_alike_and_ceilings_have_one_order() -> None:
    one = Scenario.from_dict(values(budget={"total_mn": 1, "ceiling_mn": {2030: 1, 2026: 2}}))
    two = Scenario.from_dict(values(budget={"total_mn": 1.0, "ceiling_mn": {2026: 2, 2030: 1}}))
    assert one == two
    assert hash(one) == hash(two)
    assert list(one.budget.ceiling_mn) == [2026, 2030]
    assert one != one.with_changes({"budget.ceiling_mn.2026": 3})


def test_periods() -> None:
    scenario = Scenario.from_dict(values(years=[2026, 2030, 2035, 2045]))
    assert [scenario.period_years(year) for year in scenario.years] == [4, 5, 10, 10]
    assert scenario.horizon_end == 2055
    with pytest.raises(ValueError, match="no period starts in 2027"):
        scenario.period_years(2027)


def test_with_changes_makes_a_checked_copy() -> None:
    scenario = Scenario.from_dict(values())
    changed = scenario.with_changes({"budget.total_mn": 5000, "budget.ceiling_mn.2026": 100, "storage.capacity": "low"})
    assert (changed.budget.total_mn, changed.budget.ceiling_mn, changed.storage.capacity) == (5000, {2026: 100}, "low")
    assert (scenario.budget.total_mn, scenario.budget.ceiling_mn, scenario.storage.capacity) == (12_000, {}, "mid")
    assert changed.places["budget.total_mn"] == "changed"
    assert changed.places["name"] == "given in Python"
    assert "transport.detour" not in changed.places


def test_with_changes_replaces_a_mapping_whole() -> None:
    scenario = Scenario.from_dict(values(budget={"total_mn": 1, "ceiling_mn": {2026: 1}}))
    changed = scenario.with_changes({"budget": {"total_mn": 2}})
    assert changed.budget.ceiling_mn == {}
    assert "budget.ceiling_mn.2026" not in changed.places
    assert changed.places["budget.total_mn"] == "changed"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"budget.totl_mn": 1}, Fault("budget.totl_mn", "unknown key", "did you mean 'total_mn'?")),
        ({"discount_share": 8}, Fault("discount_share", "expected less than 1, got 8", "did you mean 0.08?")),
        ({"name.first": "x"}, Fault("name.first", "'name' holds a value, not keys")),
        ({"funds.bond": 1}, Fault("funds.bond", "expected keys with values, got 1")),
        ({"like": "x.yaml"}, Fault("like", "only a file can be like another file", "use read_scenario")),
        (
            {"budget.total_mn": "5e9"},
            Fault("budget.total_mn", "expected a number, got text '5e9'", "write 5e9 without quotes"),
        ),
    ],
)
def test_with_changes_names_the_key(changes: dict[str, Any], fault: Fault) -> None:
    with pytest.raises(InputError) as caught:
        Scenario.from_dict(values()).with_changes(changes)
    assert caught.value.faults == (fault,)


def test_json_schema_describes_every_key_and_lets_like_supply_the_needed_ones() -> None:
    schema = json_schema()
    assert schema == json_schema()
    assert set(schema["properties"]) == {*Scenario.model_fields, "like"}
    for part in (schema, *schema["$defs"].values()):
        assert part["additionalProperties"] is False
        assert "required" not in part
        for key, field in part["properties"].items():
            assert field.get("description") or schema["$defs"][field["$ref"].rpartition("/")[2]]["description"], key
    like, whole, cut = schema["anyOf"]
    assert cut["required"] == ["name", "plants", "targets"]
    assert like == {"required": ["like"]}
    assert whole["required"] == ["name", "plants", "budget"]
