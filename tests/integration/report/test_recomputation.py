"""Workbook formulas match the Python engine: other programs recompute them as written and with edited inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ccs_model.plan.decisions import Point
from ccs_model.plan.plan import Plan
from ccs_model.report.workbook.workbook import write_workbook
from tests.integration.report.conftest import NETWORK
from tests.integration.report.recalculated_accounts import recounted, with_point
from tests.integration.report.recalculation import Computed, Values, differences, edited, formula_cells, recomputed

pytestmark = pytest.mark.office

MONEY: Mapping[str, Any] = {
    "policy.carbon_price_per_t": {2026: 90, 2031: 260},
    "policy.capture_deductible": True,
    "policy.paid_per_captured_t": 15.0,
    "policy.social_cost_series": "EPA 2023",
    "finance.tax_share": 0.25,
    "finance.depreciation_yr": 7,
    "funds": {
        "bond": {"kind": "bond", "share_max": 0.3, "interest_rate": 0.02, "term_yr": 8},
        "grant": {"kind": "grant", "share_max": 0.1},
    },
}
HEBEI: Mapping[str, Any] = {
    "plants.inventory": ["steel"],
    "plants.provinces": ["Hebei"],
    "plants.min_emissions_ktpa": 14_000,
    "capture.technologies": ["amine", "advanced_amine"],
    "storage.sites": ["Bohai Bay"],
    "budget.total_mn": 2_500,
    "solver.effort": "quick",
    "solver.mip_gap": 0.1,
    "transport.shared_trunklines": True,
}
# These tests check the workbook, so a quick search is sufficient.
SHARED: Mapping[str, Any] = {**NETWORK, "solver.effort": "quick", "solver.mip_gap": 0.1}
SCENARIOS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "own": ({"solver.mip_gap": 0.02},),
    # Payments are 88 million: within the cap as solved, beyond it at twice the rate.
    "rich": (MONEY, {"policy.paid_cap_mn": 120.0}),
    "shared": (SHARED, {"budget.total_mn": 1_800, "transport.trucks": True}),
    "shared_rich": (SHARED, MONEY, {"budget.total_mn": 1_800}),
    # An untaxed credit for the first four years of each unit that starts by 2029.
    "credit": (SHARED, MONEY, {"budget.total_mn": 1_800, "policy.paid_for_yr": 4,
                                "policy.paid_to_starts_until": 2029, "policy.paid_is_taxed": False}),
    "hebei": (HEBEI, MONEY),
    "measures": (HEBEI, {"capture.measures": ["sinter_fuel_saving"], "plants.min_emissions_ktpa": 20_000}),
    # Spending as solved keeps to limits that twice the capital exceeds, but not the budget.
    "limits": ({"solver.mip_gap": 0.02, "budget.total_mn": 2_000, "budget.cumulative_mn": {2026: 800},
                "budget.by_province_mn": {"Shanxi": 900}},),
    "static": (SHARED, {"years": "static", "budget.total_mn": 150}),
    "nothing": ({"budget.total_mn": 0},),
    "classes": (SHARED, {"calibration.delivered_share": {"vent": 0.9, "flue_gas": 0.6}, "budget.total_mn": 5_000}),
}  # fmt: skip
# Edits as named inputs of the workbook, and as the equivalent scenario keys and capex factor.
PRICES = {2026: 120.0, 2031: 340.0}
EDITS: Mapping[str, tuple[Mapping[str, float], Mapping[str, Any], float]] = {
    "discount": ({"discount_rate": 0.05, "social_discount_rate": 0.03},
                 {"discount_rate": 0.05, "policy.social_discount_rate": 0.03}, 1.0),
    "capex": ({"capex_factor": 1.3}, {}, 1.3),
    "tax": ({"tax_share": 0.15, "depreciation_yr": 12},
            {"finance.tax_share": 0.15, "finance.depreciation_yr": 12}, 1.0),
    "carbon": ({"capture_deductible": 1.0},
               {"policy.carbon_price_per_t": PRICES, "policy.capture_deductible": True}, 1.0),
    "all": ({"discount_rate": 0.11, "capex_factor": 0.8, "tax_share": 0.2, "capture_deductible": 1.0},
            {"discount_rate": 0.11, "finance.tax_share": 0.2, "policy.carbon_price_per_t": PRICES,
             "policy.capture_deductible": True}, 0.8),
}  # fmt: skip
# Single inputs with funds and policies; all inputs together with own pipes, a shared network and another province.
EDITED = (
    ("rich", "discount"), ("shared_rich", "carbon"), ("own", "all"), ("rich", "tax"), ("shared_rich", "all"),
    ("hebei", "all"),
)  # fmt: skip
# LibreOffice recalculates the first group as written and all edited workbooks except the second group; formualizer
# recalculates all workbooks as written and the second group.
BY_LIBREOFFICE = ("rich", "shared_rich", "static")
EDITED_BY_FORMUALIZER = ("rich--discount", "rich--tax", "shared_rich--carbon")
# Formulas that report changed inputs or repeat values of the solved plan.
_CHANGE_FORMULAS = re.compile(
    r'inputs_changed|"grant",1,capex_factor|"no","yes"|COUNTIF\(.*"yes"\)|plant_picked_n,1\)|=IFERROR\(\$\w+-\$\w+,""\)'
    r"|<>[^)]*\)\*1\)|^=\$C\$\d+(\+\$C\$\d+){6}$"  # numbers of edited cells
)


def straight_prices(plan: Plan) -> dict[int, float]:
    """PRICES interpolated linearly by hand, and constant after the last year."""
    years = [int(year) for year in (*plan.problem.calendar, plan.problem.horizon_end)]
    return {year: 120.0 + (min(year, 2031) - 2026) * 44.0 for year in years}


def follows_the_money(cell: tuple[str, str, str]) -> bool:
    """Whether the engine gives the value of a formula at edited inputs."""
    sheet, _, text = cell
    return sheet in ("Summary", "Economics", "CashFlow", "Inputs") and not _CHANGE_FORMULAS.search(text)


@dataclass(frozen=True)
class RecomputedWorkbooks:
    """Workbooks as written, and their values recalculated by another program."""

    plans: Mapping[str, tuple[Plan, Point]]
    paths: Mapping[str, Path]
    found: Mapping[str, Values | Computed]
    cells: Mapping[str, list[tuple[str, str, str]]]


@pytest.fixture(scope="session")
def workbooks(solved: Callable[..., Plan], tmp_path_factory: pytest.TempPathFactory) -> RecomputedWorkbooks:
    folder = tmp_path_factory.mktemp("proof")
    plans = {name: with_point(lambda requested=requested: solved(*requested)) for name, requested in SCENARIOS.items()}
    paths = {name: write_workbook(plan, folder / f"{name}.xlsx") for name, (plan, _) in plans.items()}
    last = str(plans["rich"][0].retrofits["plant"].max())
    for stem, values in (
        ("rich--factors", {"energy_factor": 1.5, "om_factor": 0.5, "subsidy_factor": 2.0}),
        ("rich--dear", {"capex_factor": 2.0}),
        ("rich--poor", {"budget_mn": 100.0, "plant_picked": last}),
    ):
        paths[stem] = edited(paths["rich"], folder / f"{stem}.xlsx", values, {})
    for name in ("limits", "static"):
        path = folder / f"{name}--dear.xlsx"
        paths[path.stem] = edited(paths[name], path, {"capex_factor": 2.0}, {})
    cells = {name: list(formula_cells(path)) for name, path in paths.items()}
    for name, edit in EDITED:
        values, changes, _ = EDITS[edit]
        rows = {"Carbon price": straight_prices(plans[name][0])} if "policy.carbon_price_per_t" in changes else {}
        path = folder / f"{name}--{edit}.xlsx"
        paths[path.stem] = edited(paths[name], path, values, rows)
    left_out = {*SCENARIOS, *EDITED_BY_FORMUALIZER}.difference(BY_LIBREOFFICE)
    found = recomputed([path for stem, path in paths.items() if stem not in left_out], folder)
    return RecomputedWorkbooks(
        plans, paths, {**found, **{stem: Computed(paths[stem]) for stem in EDITED_BY_FORMUALIZER}}, cells
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_formula_has_the_value_computed_by_another_program(workbooks: RecomputedWorkbooks, name: str) -> None:
    cells = workbooks.cells[name]
    ours = Values(workbooks.paths[name])
    assert len(cells) >= {"static": 900, "nothing": 900}.get(name, 2_000)
    # `ccs-model verify` uses formualizer (`Computed`).
    for found in (*([workbooks.found[name]] if name in BY_LIBREOFFICE else []), Computed(workbooks.paths[name])):
        difference, worst = differences(cells, ours, found)
        assert not difference, difference[:5]
        assert worst <= 1e-9


@pytest.mark.parametrize(("name", "edit"), EDITED)
def test_workbook_with_edited_inputs_matches_the_engine_at_these_inputs(
    workbooks: RecomputedWorkbooks, name: str, edit: str, tmp_path: Path
) -> None:
    plan, point = workbooks.plans[name]
    _, changes, capex_factor = EDITS[edit]
    recounted_plan = recounted(plan, point, changes, capex_factor)
    expected = Values(write_workbook(recounted_plan, tmp_path / "again.xlsx"))
    cells = [each for each in workbooks.cells[name] if follows_the_money(each)]
    difference, worst = differences(cells, expected, workbooks.found[f"{name}--{edit}"])
    assert not difference, difference[:5]
    assert worst <= 1e-9
    assert len(cells) > 1_000


def indicators_of(book: Values, title: str) -> dict[str, tuple[Any, Any]]:
    """Investment indicators of an account, by label: live and as solved."""
    rows = book["CashFlow"].rows
    start = next(at for at, row in enumerate(rows) if row[0] == f"{title}: investment indicators")
    return {str(row[0]): (row[3], row[4]) for row in rows[start + 2 : start + 10]}


def test_selecting_another_plant_shows_its_account(workbooks: RecomputedWorkbooks) -> None:
    plan = workbooks.plans["rich"][0]
    assert plan.owners is not None
    expected = plan.owners.set_index("plant").loc[plan.retrofits["plant"].max()]
    found = indicators_of(workbooks.found["rich--poor"], "Selected plant")
    live, solved_value = found["Net present value"]
    assert live == pytest.approx(expected["npv_mn"], rel=1e-9) == solved_value
    assert found["IRR of the project"][0] == pytest.approx(expected["project_irr_share"], rel=1e-9)
    assert found["Minimum debt service cover"][0] == pytest.approx(expected["debt_service_cover"], rel=1e-9)
    assert found["Break-even carbon price"][0] == pytest.approx(expected["break_even_carbon_price_per_t"], rel=1e-9)


def test_energy_om_and_subsidy_factors_change_the_npv_after_tax(workbooks: RecomputedWorkbooks) -> None:
    plan = workbooks.plans["rich"][0]
    assert plan.owner_cashflow is not None
    flows = plan.owner_cashflow
    discounted = {
        name: float((flows[name] * flows["discount_factor"]).sum())
        for name in ("net_mn", "energy_mn", "capture_om_mn", "transport_om_mn", "storage_om_mn", "paid_mn")
    }
    maintained = discounted["capture_om_mn"] + discounted["transport_om_mn"] + discounted["storage_om_mn"]
    more = 0.5 * discounted["energy_mn"] - 0.5 * maintained + discounted["paid_mn"]
    expected = discounted["net_mn"] + 0.75 * more
    live, _ = indicators_of(workbooks.found["rich--factors"], "All plants")["Net present value"]
    assert live == pytest.approx(expected, rel=1e-9)


def test_storage_om_cost_scales_with_the_om_factor(workbooks: RecomputedWorkbooks) -> None:
    """As in a scenario, `costs.om_factor` scales all costs of a site except capital."""

    def storage(book: Values) -> list[float]:
        rows = book["Economics"].rows
        head = next(row for row in rows if "Storage O&M" in row)
        values = [row[head.index("Storage O&M")] for row in rows[rows.index(head) + 1 :]]
        return [each for each in values if isinstance(each, int | float)]

    plain, halved = storage(workbooks.found["rich"]), storage(workbooks.found["rich--factors"])
    assert len(plain) > 1 and min(plain[:-1]) > 0
    assert halved == pytest.approx([0.5 * each for each in plain], rel=1e-9)


@pytest.mark.parametrize("name", ["own", "shared_rich", "hebei"])
def test_edited_workbook_shows_a_banner_and_its_checks_hold(workbooks: RecomputedWorkbooks, name: str) -> None:
    book = workbooks.found[f"{name}--all"]
    for sheet in ("Cover", "Summary", "Inputs", "CashFlow", "Economics"):
        message = [cell for row in book[sheet].rows[:40] for cell in row if isinstance(cell, str)]
        assert any(text.startswith("INPUTS EDITED:") for text in message), sheet
    check_results = [cell for row in book["Checks"].rows for cell in row]
    # With cheaper capital, the bond and the grant pay more than their shares of it.
    failed = [row[0] for row in book["Checks"].rows if "does not hold" in row]
    funds = [f"fund {fund}" for fund in workbooks.plans[name][0].problem.scenario.funds]
    assert [text.partition(":")[0] for text in failed] == funds
    assert sum(value == "holds" for value in check_results) >= 20


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("rich--dear", "spending at these inputs is within the budget (the larger of the two is shown)"),
        ("rich--poor", "spending at these inputs is within the budget (the larger of the two is shown)"),
        (
            "limits--dear",
            "spending to the end of the period from 2026 at these inputs is within its budget (the larger of the two "
            "is shown)",
        ),
        ("limits--dear", "spending in Shanxi at these inputs is within its budget (the larger of the two is shown)"),
        ("static--dear", "annual cost at these inputs is within the budget (the larger of the two is shown)"),
        ("rich--factors", "policy payments at these inputs are within their cap"),
    ],
)
def test_spending_or_payments_beyond_their_limit_fail_the_master_check(
    workbooks: RecomputedWorkbooks, name: str, check: str
) -> None:
    book = workbooks.found[name]
    failed = [row[0] for row in book["Checks"].rows if "does not hold" in row]
    assert check in failed and len(failed) == (2 if name == "limits--dear" else 1)
    text = " ".join(str(cell) for row in book["Cover"].rows[:40] for cell in row)
    assert re.search(f"{len(failed)} of [0-9]+ checks failed; see Checks.", text) and "INPUTS EDITED:" in text


def test_npv_and_budget_check_of_a_static_year_follow_the_inputs(workbooks: RecomputedWorkbooks) -> None:
    """By hand: the costs of the plan, with capital that is twice as dear."""
    plan = workbooks.plans["static"][0]
    capital = sum(value for name, value in plan.cost_terms.items() if name.endswith("capex_mn"))
    expected = sum(plan.cost_terms.values()) + capital
    rows = {row[0]: row for row in workbooks.found["static--dear"]["Summary"].rows if row[0]}
    assert rows["NPV"][1] == pytest.approx(-expected, rel=1e-9)
    assert rows["Annual cost counted by the budget"][1] == pytest.approx(expected, rel=1e-9)
    assert rows["Annual cost counted by the budget"][4] == pytest.approx(sum(plan.cost_terms.values()), rel=1e-9)


def test_comparison_detects_a_relative_difference_of_1e_7(workbooks: RecomputedWorkbooks) -> None:
    cells = workbooks.cells["rich"]
    ours = openpyxl.load_workbook(workbooks.paths["rich"], data_only=True)
    sheet, address, _ = next(
        each for each in cells if each[0] == "CashFlow" and isinstance(ours["CashFlow"][each[1]].value, float)
        and abs(ours["CashFlow"][each[1]].value) > 1
    )  # fmt: skip
    ours[sheet][address].value *= 1 + 1e-7
    difference, _ = differences(cells, ours, workbooks.found["rich"])
    assert [each.split(":")[0] for each in difference] == [f"{sheet}!{address}"]
