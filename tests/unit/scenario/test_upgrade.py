"""Names of format 0.1: each is an error that gives the new name, and files are rewritten with their layout kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ccs_model.errors import InputError
from ccs_model.paths import scenarios_folder
from ccs_model.scenario import Scenario, read_scenario
from ccs_model.scenario.case import KINDS, read_case
from ccs_model.scenario.schema import known_keys
from ccs_model.scenario.upgrade import (
    RENAMED_CASE_KEYS,
    RENAMED_CASE_VALUES,
    RENAMED_KEYS,
    RENAMED_VALUES,
    upgraded_text,
)
from ccs_model.scenario.variations import grid_of, read_changes

OLD = Path(__file__).parent / "format_0_1"
SCENARIOS = sorted(path.name for path in OLD.glob("*.yaml"))
CASES = sorted(path.name for path in (OLD / "pilots").glob("*.yaml"))
HINT = "run 'ccs-model check --upgrade OUT.yaml'"
OLD_VALUES = [(key, old, new) for key, names in RENAMED_VALUES.items() for old, new in names.items()]


def nested(key: str, value: object) -> dict[str, Any]:
    """The value under a dotted key, with a name of a fund or province for `*`."""
    first, _, rest = key.replace("*", "Hebei").partition(".")
    return {first: nested(rest, value) if rest else value}


def issues_of(text: str, folder: Path) -> list[str]:
    path = folder / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_scenario(path)
    return [str(issue).replace(str(path), "scenario.yaml") for issue in caught.value.issues]


@pytest.mark.parametrize(("old", "new"), RENAMED_KEYS.items())
def test_every_old_key_is_an_error_that_names_the_new_key(old: str, new: str) -> None:
    old, new = old.replace("*", "Hebei"), new.replace("*", "Hebei")
    values: dict[str, Any] = {"name": "Test", "plants": {}, "budget": {"total_mn": 1}}
    for key, value in nested(old, 1).items():
        values[key] = {**values.get(key, {}), **value} if isinstance(value, dict) else value
    with pytest.raises(InputError) as caught:
        Scenario.from_dict(values)
    assert f"{old}: renamed to '{new}' in 0.2" in map(str, caught.value.issues)


@pytest.mark.parametrize("new", RENAMED_KEYS.values())
def test_every_new_key_is_a_key_of_a_scenario(new: str) -> None:
    home = new.rpartition(".")[0].replace("targets.by_province.*", "targets").replace("targets.by_sector.*", "targets")
    assert f"{home}.{new.rpartition('.')[2]}".strip(".") in known_keys()


@pytest.mark.parametrize(("key", "old", "new"), OLD_VALUES)
def test_every_old_value_is_an_error_that_names_the_new_value(key: str, old: str, new: str) -> None:
    scenario = Scenario.from_dict({"name": "Test", "plants": {}, "budget": {"total_mn": 1}})
    with pytest.raises(InputError, match=f"^{key}: '{old}' was renamed to '{new}' in 0.2$"):
        scenario.with_changes({key: old})


def test_old_file_reports_each_old_name_at_its_place_and_nothing_else(tmp_path: Path) -> None:
    text = (
        "name: Test\ndiscount_share: 0.08\nplants: {leave_out: [a]}\n"
        "capture: {decisions: whole}\ntargets:\n  by_province:\n    Hebei: {cut_share: {2040: 0.1}}\naim: least_cost\n"
    )
    assert issues_of(text, tmp_path) == [
        f"scenario.yaml:2:1: discount_share: renamed to 'discount_rate' in 0.2 ({HINT})",
        f"scenario.yaml:3:10: plants.leave_out: renamed to 'plants.exclude' in 0.2 ({HINT})",
        f"scenario.yaml:4:22: capture.decisions: 'whole' was renamed to 'integer' in 0.2 ({HINT})",
        "scenario.yaml:7:13: targets.by_province.Hebei.cut_share: renamed to "
        f"'targets.by_province.Hebei.abatement_share' in 0.2 ({HINT})",
        f"scenario.yaml:8:1: aim: renamed to 'objective' in 0.2, and 'least_cost' to 'min_cost' ({HINT})",
    ]


def test_file_with_like_reports_no_missing_key(tmp_path: Path) -> None:
    assert issues_of("like: base.yaml\n", tmp_path) == [
        f"scenario.yaml:1:1: like: renamed to 'extends' in 0.2 ({HINT})"
    ]


def test_old_key_in_a_future_is_reported_at_its_line(tmp_path: Path) -> None:
    text = (
        "name: Test\nplants: {}\nbudget: {total_mn: 1}\nfutures:\n"
        "  low:\n    changes:\n      budget.ceiling_mn.2026: 1\n  high:\n    changes: {aim: highest_npv}\n"
    )
    assert issues_of(text, tmp_path) == [
        "scenario.yaml:7:7: futures.low.changes.budget.ceiling_mn.2026: budget.ceiling_mn: "
        f"renamed to 'budget.cumulative_mn' in 0.2 ({HINT})",
        "scenario.yaml:9:15: futures.high.changes.aim: aim: "
        f"renamed to 'objective' in 0.2, and 'highest_npv' to 'max_npv' ({HINT})",
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("discount_share=0.05,0.08", "--set discount_share: renamed to 'discount_rate' in 0.2"),
        ("budget.ceiling_mn.2026=1:3:3", "renamed to 'budget.cumulative_mn.2026' in 0.2"),
        ("objective=least_cost,max_npv", "--set objective: 'least_cost' was renamed to 'min_cost' in 0.2"),
    ],
)
def test_old_names_in_a_sweep_are_errors(given: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        grid_of([given])


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("list.csv", "budget.total_mn,solver.gap_share\n1,\n2,0.1\n", "list.csv:3: solver.gap_share"),
        ("list.yaml", "scenarios:\n- {budget.total_mn: 1}\n- solver.gap_share: 1\n", "list.yaml:3:3: solver.gap_share"),
    ],
)
def test_old_names_in_a_list_of_scenarios_are_errors(tmp_path: Path, name: str, text: str, place: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(f"{place}: renamed to 'solver.mip_gap' in 0.2")):
        read_changes(tmp_path / name)


def test_old_case_reports_each_old_name_at_its_place(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(
        "case: x\nkind: ladder\nquestion: What?\nscenario: {plants: {must_fit: [a]}, capture: {retrofits: whole}}\n"
        "expect:\n  - {quantity: cut_share, low: direct_cut_ktpa}\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        read_case(path)
    assert [str(issue).removeprefix(f"{tmp_path}/") for issue in caught.value.issues] == [
        f"case.yaml:2:7: kind: 'ladder' was renamed to 'budget_sweep' in 0.2 ({HINT})",
        f"case.yaml:3:1: question: renamed to 'description' in 0.2 ({HINT})",
        f"case.yaml:4:21: scenario.plants.must_fit: renamed to 'plants.require' in 0.2 ({HINT})",
        "case.yaml:4:47: scenario.capture.retrofits: renamed to 'capture.decisions' in 0.2, "
        f"and 'whole' to 'integer' ({HINT})",
        f"case.yaml:6:16: expect[0].quantity: 'cut_share' was renamed to 'abatement_share' in 0.2 ({HINT})",
        f"case.yaml:6:32: expect[0].low: 'direct_cut_ktpa' was renamed to 'on_site_abatement_ktpa' in 0.2 ({HINT})",
    ]


@pytest.mark.parametrize(("old", "new"), RENAMED_KEYS.items())
def test_every_old_key_is_rewritten(old: str, new: str) -> None:
    steps = old.replace("*", "Hebei").split(".")
    lines = [f"{'  ' * n}{step}:" for n, step in enumerate(steps)]
    text = "\n".join(lines) + " {2026: 1}  # cut_share: as it was\n"
    assert upgraded_text(text) == (
        text.replace(f"{steps[-1]}: {{", f"{new.rpartition('.')[2]}: {{"),
        [f"line {len(steps)}: {steps[-1]} -> {new.rpartition('.')[2]}"],
    )


@pytest.mark.parametrize(("key", "old", "new"), OLD_VALUES)
def test_every_old_value_is_rewritten(key: str, old: str, new: str) -> None:
    old_key = next(each for each, name in RENAMED_KEYS.items() if name == key)
    *above, last = old_key.split(".")
    text = "".join(f"{each}:\n  " for each in above) + f"\"{last}\": '{old}' # {old}\n"
    changed, changes = upgraded_text(text)
    assert changed == text.replace(f'"{last}"', f'"{key.rpartition(".")[2]}"').replace(f"'{old}'", f"'{new}'")
    assert len(changes) == 2


def test_every_old_name_of_a_case_is_rewritten() -> None:
    for key, names in RENAMED_CASE_VALUES.items():
        for old, new in names.items():
            if key == "kind":
                assert upgraded_text(f"case: a\nexpect: []\nkind: {old}\n")[0] == f"case: a\nexpect: []\nkind: {new}\n"
                assert new in KINDS
            else:
                text = f"case: a\nkind: b\nexpect:\n- {{{key.rpartition('.')[2]}: {old}}}\n"
                assert upgraded_text(text)[0] == text.replace(old, new)
    assert set(RENAMED_CASE_KEYS) == {"question", "values.cut_share"}
    text = "case: a\nkind: b\nexpect: []\nquestion: x\nvalues: {cut_share: 1}\n"
    assert upgraded_text(text)[0] == "case: a\nkind: b\nexpect: []\ndescription: x\nvalues: {abatement_share: 1}\n"


def test_upgrade_keeps_comments_order_quotes_and_layout() -> None:
    text = (
        "# aim: a comment about aim\r\n"
        "'like' : base.yaml   # kept\r\n"
        "solver: {time_limit_s: 5,gap_share  : 0.02}\n\n\n"
        "name: 'aim: most_abatement'\n"
        '"aim": "most_abatement"\n'
        "question: >\n  discount_share: text of the question\n"
        "futures: {a: {changes: {budget.ceiling_mn.2026: 5, capture.retrofits: fractional}}}\n"
        "budget: {ceiling_mn: &all {2026: 1}}\n"
        "funds: {green: {ceiling_mn: 5, interest_share: 0.1}}\n"
    )
    changed, changes = upgraded_text(text)
    assert changed == (
        "# aim: a comment about aim\r\n"
        "'extends' : base.yaml   # kept\r\n"
        "solver: {time_limit_s: 5,mip_gap  : 0.02}\n\n\n"
        "name: 'aim: most_abatement'\n"
        '"objective": "max_abatement"\n'
        "description: >\n  discount_share: text of the question\n"
        "futures: {a: {changes: {budget.cumulative_mn.2026: 5, capture.decisions: continuous}}}\n"
        "budget: {cumulative_mn: &all {2026: 1}}\n"
        "funds: {green: {ceiling_mn: 5, interest_rate: 0.1}}\n"
    )
    assert changes[:3] == ["line 2: like -> extends", "line 3: gap_share -> mip_gap", "line 7: aim -> objective"]
    assert upgraded_text(changed) == (changed, [])


def test_a_text_that_is_not_yaml_is_an_input_error() -> None:
    with pytest.raises(InputError, match=r"^2:2: not valid YAML"):
        upgraded_text("a: [1\nb: {\n")


@pytest.mark.parametrize("name", SCENARIOS)
def test_upgraded_scenario_equals_the_shipped_scenario(name: str, tmp_path: Path) -> None:
    old = (OLD / name).read_text(encoding="utf-8")
    text, changes = upgraded_text(old)
    assert changes
    assert re.findall("#.*", text) == re.findall("#.*", old)
    (tmp_path / name).write_text(text, encoding="utf-8")
    upgraded, shipped = read_scenario(tmp_path / name), read_scenario(scenarios_folder() / name)
    # Since 0.2 the shipped scenarios set no time limit, request other gaps and limit deployment, and the stoves of each
    # furnace are retrofitted around its relining.
    changed_keys = (
        "solver.time_limit_s", "solver.mip_gap", "calibration.ceiling", "plants.furnace_streams",
        "capture.start_at_relining",
    )  # fmt: skip
    sections = ((key, *key.split(".")) for key in changed_keys)
    upgraded = upgraded.with_changes({key: getattr(getattr(shipped, section), name) for key, section, name in sections})
    texts = {"name": "", "description": ""}
    assert upgraded.model_dump() | texts == shipped.model_dump() | texts


@pytest.mark.parametrize("name", CASES)
def test_upgraded_case_equals_the_shipped_case(name: str, tmp_path: Path) -> None:
    old = (OLD / "pilots" / name).read_text(encoding="utf-8")
    text, _ = upgraded_text(old)
    assert re.findall("#.*", text) == re.findall("#.*", old)
    (tmp_path / name).write_text(text, encoding="utf-8")
    shipped = read_case(scenarios_folder() / "pilots" / name.replace("ladder", "budget-sweep"))
    # 0.1 did not say which expectations can fail, and its grid factors were those of 2022.
    changed = {"can_fail", "about"} if name.startswith("02-physical") else {"can_fail"}
    # Sites and pipes now cost as much as built ones: a sweep needs larger budgets, and a published cost is missed.
    excluded = {"04-ladder-shanxi.yaml": {"values": True}, "09-published-mill.yaml": {"expect": True}}.get(name, {})
    upgraded, new = (
        case.model_dump(exclude={"case": True, "description": True, "expect": {"__all__": changed}, **excluded})
        for case in (read_case(tmp_path / name), shipped)
    )
    assert upgraded == new
